"""``ifelse``: one of two expressions, of which only the one that is needed is computed.

A branch is a loop of at most one step whose results are kept as flat rows: as many rows as steps were made,
so that joining those of both branches gives the one that was taken.  Its gradient is a loop of as many steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .errors import InputError, ShapeError
from .graph import Constant, Variable, clone, toposort
from .graph.types import promote
from .ops.elementwise import cast, switch
from .ops.join import concatenate
from .ops.op import as_variable
from .ops.scan import Scan, row_lengths
from .ops.shape import reshape, shape_of
from .rewrite import stabilized

__all__ = ["ifelse"]


def ifelse(condition: Any, then_branch: Any, else_branch: Any, name: str | None = None) -> Any:
    """``then_branch`` if the scalar ``condition`` is true, else ``else_branch``; the other is not computed.

    Branches are variables, or lists of as many variables; the result is of their form.  A pair must have the
    same number of dimensions, and gets the dtype that holds both.  Lengths may differ, but must follow from
    the shapes of what a branch is computed from, and in a step of a loop must not depend on the condition.
    ``T.switch`` chooses element by element instead, and computes both.

    What a branch needs is computed inside it, in its gradients as well.  Loops with random draws are the
    exception: they make their steps at any rate, so that the numbers drawn later do not depend on the
    condition.

    Errors: InputError or ShapeError, naming the variables and the user's lines.
    """
    from .rewrite.lengths import Lengths

    what = f"ifelse {name}" if name else "ifelse"
    condition = as_variable(condition)
    if condition.ndim:
        raise ShapeError(
            f"{what} needs a scalar condition, not {condition.describe()}; T.switch takes arrays"
        )
    single = not isinstance(then_branch, (list, tuple))
    branches = [
        [as_variable(v) for v in (b if isinstance(b, (list, tuple)) else [b])]
        for b in (then_branch, else_branch)
    ]
    if len(branches[0]) != len(branches[1]):
        raise InputError(f"{what}: the branches have {len(branches[0])} and {len(branches[1])} results")
    pairs = [_alike(a, b, what) for a, b in zip(*branches, strict=True)]
    if isinstance(condition, Constant):
        chosen = [a if condition.data else b for a, b in pairs]
        return chosen[0] if single else chosen
    taken = cast(cast(condition, "bool"), "int64")
    rows = [
        _rows([pair[k] for pair in pairs], count, f"{what}, {label}")
        for k, (count, label) in enumerate([(taken, "then"), (1 - taken, "else")])
    ]
    lengths = Lengths()
    results = []
    for (a, b), x, y in zip(pairs, *rows, strict=True):
        shape = [
            p if m == n else switch(taken, p, q)
            for m, n, p, q in zip(lengths.shape(a), lengths.shape(b), shape_of(a), shape_of(b), strict=True)
        ]
        results.append(reshape(concatenate([reshape(x, (-1,)), reshape(y, (-1,))]), shape, ndim=a.ndim))
    return results[0] if single else results


def _alike(a: Variable, b: Variable, what: str) -> tuple[Variable, Variable]:
    if a.ndim != b.ndim:
        raise ShapeError(
            f"{what}: the branches have {a.ndim} and {b.ndim} dimensions: {a.describe()} and {b.describe()}"
        )
    dtype = promote([a.dtype, b.dtype])
    return cast(a, dtype), cast(b, dtype)


def _rows(results: Sequence[Variable], count: Variable, name: str) -> tuple[Variable, ...]:
    """Each result flat, as the rows of a loop of ``count`` steps, 0 or 1, inside which it is computed."""
    ends = [reshape(v, (-1,)) for v in results]
    outside = {v: v.type(v.name) for v in _outside(ends)}
    inner = stabilized(clone(ends, outside))
    invariants = {own: v for v, own in outside.items()}
    op = Scan([*invariants], inner, 0, [], len(inner), name=name, lazy=True)
    node = op.make_node(count, *row_lengths(inner, invariants, set()), *outside)
    return op.results(node).mapped


def _outside(ends: Iterable[Variable]) -> dict[Variable, None]:
    """What a branch is computed from: the leaves of its graph, and results of loops with random draws."""
    order = toposort(ends)
    eager = [n for n in order if isinstance(n.op, Scan) and n.op.carries]
    stop = {v for n in eager for v in n.outputs}
    inside = toposort(ends, stop_at=stop)
    read = [v for n in inside for v in n.inputs] + list(ends)
    return {v: None for v in read if (v.owner is None or v in stop) and not isinstance(v, Constant)}
