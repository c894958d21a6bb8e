"""``ifelse``: one of two expressions, of which only the one that is needed is computed.

A branch is a loop of at most one step whose results are kept as flat rows: as many rows as steps were made,
so that joining those of both branches gives the one that was taken.  Its gradient is a loop of as many steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..errors import InputError, RankError, ShapeError
from ..graph import Apply, Constant, Variable, clone, toposort
from ..graph.types import promote
from ..ops.create import alloc
from ..ops.elementwise import cast, switch
from ..ops.join import concatenate
from ..ops.lengths import Lengths
from ..ops.loop_results import OfLengths, has_computed_lengths, is_computed, settled
from ..ops.op import as_variable
from ..ops.scan import Scan, State
from ..ops.shape import reshape
from ..rewrite import stabilized


def ifelse(condition: Any, then_branch: Any, else_branch: Any, name: str | None = None) -> Any:
    """``then_branch`` if the scalar ``condition`` is true, else ``else_branch``; the other is not computed.

    Branches are variables, or lists of as many variables; the result is of their form.  A pair must have the
    same number of dimensions, and gets the dtype that holds both.  Lengths may differ; where the result is an
    output of a step of a loop they must be the same at each step.
    ``T.switch`` chooses element by element instead, and computes both.

    What only one branch needs is computed inside it, its lengths and checks of them included, and in its
    gradients as well; what both need is computed before, once.  Loops with random draws are the
    exception: they make their steps at any rate, so that the numbers drawn later do not depend on the
    condition.

    Errors: InputError or ShapeError, naming the variables and the user's lines.
    """
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
    both = _needed_by_both(pairs)
    branches = [
        Branch([pair[k] for pair in pairs], count, f"{what}, {label}", both)
        for k, (count, label) in enumerate([(taken, "then"), (1 - taken, "else")])
    ]
    shapes = _shapes(pairs, branches)
    then, other = (branch.rows([pair[k] for pair in shapes]) for k, branch in enumerate(branches))
    results = []
    for (a, _), (p, q), x, y in zip(pairs, shapes, then, other, strict=True):
        shape = [m if m is n else switch(taken, m, n) for m, n in zip(p, q, strict=True)]
        results.append(reshape(concatenate([reshape(x, (-1,)), reshape(y, (-1,))]), shape, ndim=a.ndim))
    return results[0] if single else results


def _alike(a: Variable, b: Variable, what: str) -> tuple[Variable, Variable]:
    if a.ndim != b.ndim:
        raise RankError(
            f"{what}: the branches have {a.ndim} and {b.ndim} dimensions: {a.describe()} and {b.describe()}"
        )
    dtype = promote([a.dtype, b.dtype])
    return cast(a, dtype), cast(b, dtype)


def _needed_by_both(pairs: Sequence[tuple[Variable, Variable]]) -> set[Variable]:
    """What is computed whichever branch is taken."""
    then, other = ({v for n in toposort([p[k] for p in pairs]) for v in n.outputs} for k in (0, 1))
    return then & other


def _shapes(
    pairs: Sequence[tuple[Variable, Variable]], branches: Sequence[Branch]
) -> list[list[list[Variable]]]:
    """The lengths of both branches' results, pair by pair; where they are equal whatever is taken, they are
    the same variables.

    Lengths that must be computed are computed in their branch, if that is taken, as shapes are compared
    and indices looked at for them.
    """
    lengths = Lengths()
    named = [[lengths.shape(v) for v in pair] for pair in pairs]
    wanted: list[list[Variable]] = [[], []]
    for shapes in named:
        for k, shape in enumerate(shapes):
            for m, other in zip(shape, shapes[1 - k], strict=True):
                if is_computed(m) and m != other:
                    wanted[k].append(lengths.length(m))
    found = [iter(branch.numbers(those)) for branch, those in zip(branches, wanted, strict=True)]
    return [
        [
            [
                next(found[k]) if is_computed(m) and m != other else lengths.length(m)
                for m, other in zip(shape, shapes[1 - k], strict=True)
            ]
            for k, shape in enumerate(shapes)
        ]
        for shapes in named
    ]


class Branch:
    """Some results, computed from what is ``known`` if ``count`` is 1 and not if it is 0."""

    def __init__(
        self, results: Sequence[Variable], count: Variable, name: str | None, known: Iterable[Variable] = ()
    ) -> None:
        self.results, self.count, self.name, self.known = results, count, name, set(known)

    def rows(self, shapes: Sequence[Sequence[Variable]]) -> tuple[Variable, ...]:
        """Each result flat, as the rows of a loop of ``count`` steps inside which it is computed."""
        ends, sizes = [], []
        for v, shape in zip(self.results, shapes, strict=True):
            end = reshape(v, (-1,))
            if end.type.shape[0] is None:
                sizes.append(_product(shape))
                if has_computed_lengths(v):
                    # known before the branch is computed, whatever the lengths are computed from
                    end = OfLengths().make(end, sizes[-1])
            ends.append(end)
        op, node = self._loop(ends, [], sizes, [])
        return op.results(node).mapped

    def numbers(self, ends: Sequence[Variable]) -> tuple[Variable, ...]:
        """int64 scalars that are computed inside the branch; 0 where it is not taken."""
        return self._values(list(ends), [()] * len(ends)) if ends else ()

    def values(self) -> tuple[Variable, ...]:
        """The results, of the same shapes; zeros where the branch is not taken."""
        lengths = Lengths()
        shapes = [lengths.shape(v) for v in self.results]
        found = iter(self.numbers([lengths.length(n) for shape in shapes for n in shape if is_computed(n)]))
        known = [[next(found) if is_computed(n) else lengths.length(n) for n in shape] for shape in shapes]
        return self._values(list(self.results), known)

    def _values(self, ends: list[Variable], shapes: Sequence[Sequence[Variable]]) -> tuple[Variable, ...]:
        initial = [
            alloc(Constant(0, dtype=v.dtype), 1, *shape) for v, shape in zip(ends, shapes, strict=True)
        ]
        op, node = self._loop(ends, [State((-1,)) for _ in ends], [], initial)
        return op.results(node).last

    def _loop(
        self,
        ends: list[Variable],
        states: list[State],
        sizes: list[Variable],
        initial: list[Variable],
    ) -> tuple[Scan, Apply]:
        outside = {v: v.type(v.name) for v in _outside(ends, {*sizes, *self.known})}
        taps = [v.type.row()() for v in initial]
        inner = stabilized(clone(ends, outside))
        op = Scan(
            [*taps, *outside.values()],
            [*map(settled, inner, taps), *inner[len(taps) :]],
            0,
            states,
            len(inner) - len(states),
            name=self.name,
            lazy=True,
        )
        return op, op.make_node(self.count, *initial, *sizes, *outside)


def _product(lengths: Sequence[Variable]) -> Variable:
    total = lengths[0] if lengths else Constant(1, dtype="int64")
    for n in lengths[1:]:
        total = total * n
    return total


def _outside(ends: Iterable[Variable], known: Iterable[Variable]) -> dict[Variable, None]:
    """What a branch is computed from: the leaves of its graph, results of loops with random draws, and what
    is ``known``."""
    order = toposort(ends, stop_at=known)
    eager = [n for n in order if isinstance(n.op, Scan) and n.op.carries]
    stop = {*known, *(v for n in eager for v in n.outputs)}
    inside = toposort(ends, stop_at=stop)
    read = [v for n in inside for v in n.inputs] + list(ends)
    return {v: None for v in read if (v.owner is None or v in stop) and not isinstance(v, Constant)}
