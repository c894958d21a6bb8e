"""Differentiation: gradients as expressions, by reverse accumulation over the graph.

The forward product (``Rop``) is the transpose of the reverse one, which is linear in what it is given:
differentiating the reverse product by its argument needs no second set of rules (Townsend, 2017, "A new trick
for calculating Jacobian vector products").
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

from ..errors import DisconnectedInputError, GradientError, ShapeError
from ..graph import Apply, Constant, Variable, toposort
from ..graph.garbage import not_collected
from ..graph.substitution import literal, note_literal, note_written
from ..graph.traverse import ancestors
from ..graph.variable import newest, warn_user
from ..ops.barriers import (
    GradientBarrier,
)
from ..ops.create import zeros_like
from ..ops.elementwise import identity, neq, switch
from ..ops.op import NoGradient, as_variable, not_differentiable
from ..rewrite import stabilized
from .branches import Choices
from .cuts import Cut, cuts_of

_DISCONNECT = GradientBarrier("disconnect")

#: whether the stable form of a graph is differentiated, in which the user's variables may be seen through
_sees_through: ContextVar[bool] = ContextVar("sees_through", default=True)


def _stable(results: list[Variable], stop_at: Collection[Variable]) -> list[Variable]:
    return stabilized(results, stop_at) if _sees_through.get() else results


def listed(value: Any) -> list:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def backward(
    seeds: dict[Variable, Variable],
    wrt: Sequence[Variable],
    constants: Iterable[Variable] = (),
    factors: Mapping[Variable, Variable] | None = None,
    cuts: Mapping[Apply, list[Cut]] | None = None,
    known: Collection[Variable] = (),
    end: Collection[Variable] = (),
    null: str = "raise",
) -> tuple[dict[Variable, Variable], set[Variable]]:
    """Gradients of variables from those of ``seeds``, as far as the way from ``wrt`` goes.

    factors: what the gradients of some variables are multiplied by before they go on.  cuts: the rows of
    loops that gradients do not go through; None: those among ``constants``.  known: seeds that are the whole
    gradient, to which nothing is added.  end: variables beyond which no gradient goes.  null: 'return' to
    give ``NoGradient`` in place of a gradient that there is not, which is an error otherwise.
    Also returns which variables depend on ``wrt`` at all, so that a zero gradient is told from a missing
    connection.
    """
    constants = set(constants)
    cuts = cuts_of(constants) if cuts is None else cuts
    order = toposort(seeds, stop_at=_leaves(wrt, {*constants, *end}))
    reached = _reached(order, wrt, constants)
    terms: dict[Variable, list[Variable]] = {v: [g] for v, g in seeds.items() if v in reached}
    total: dict[Variable, Variable] = {}
    choices = Choices()
    for v in terms:
        choices.note(v)
    factors = factors or {}
    for node in reversed(order):
        if not any(v in reached for v in node.inputs) or not any(v in terms for v in node.outputs):
            continue
        if not any(v.type.is_inexact for v in (*node.inputs, *node.outputs)):
            # integers of integers go in steps
            continue
        outputs = [_sum(total, terms, v, factors) for v in node.outputs]
        grads = [
            g if g is not None else zeros_like(v, _float_of(v))
            for g, v in zip(outputs, node.outputs, strict=True)
        ]
        cut = (cuts[node],) if node in cuts else ()
        missing = next((g for g in grads if isinstance(g, NoGradient)), None)
        if missing is None:
            try:
                results = choices.gradient(node, grads, *cut)
            except GradientError as error:
                if null == "raise":
                    raise
                missing = NoGradient(str(error))
        if missing is not None:
            results = [(missing, [])] * len(node.inputs)
        for variable, (gradient, made) in zip(node.inputs, results, strict=True):
            if gradient is None or variable not in reached or variable in known:
                continue
            if isinstance(gradient, NoGradient):
                if null == "raise":
                    raise not_differentiable(node, gradient.why)
                terms.setdefault(variable, []).append(gradient)
                continue
            _check(node, variable, gradient)
            terms.setdefault(variable, []).append(gradient)
            choices.note(variable, made)
    for variable in terms:
        _sum(total, terms, variable, factors)
    return total, reached


def _leaves(wrt: Sequence[Variable], constants: Iterable[Variable]) -> set[Variable]:
    return {*constants, *(w for w in wrt if w.owner is None)}


def _reached(order: list[Apply], wrt: Sequence[Variable], constants: Collection[Variable]) -> set[Variable]:
    """The variables of nodes in order that depend on ``wrt``."""
    reached = {w for w in wrt if w not in constants}
    for node in order:
        if any(v in reached for v in node.inputs) and node.op != _DISCONNECT:
            reached.update(
                v for k, v in enumerate(node.outputs) if v not in constants and _depends(node, k, reached)
            )
    return reached


def _depends(node: Apply, number: int, reached: Collection[Variable]) -> bool:
    """Whether an output of a node depends on inputs among ``reached``."""
    if node.op.connection_pattern is None:
        return True
    pattern = node.op.connection_pattern(node)
    return any(v in reached and row[number] for v, row in zip(node.inputs, pattern, strict=False))


def _stable_backward(
    seeds: dict[Variable, Variable],
    wrt: Sequence[Variable],
    constants: Sequence[Variable],
    known: Collection[Variable] = (),
    end: Collection[Variable] = (),
    null: str = "raise",
) -> tuple[dict[Variable, Variable], set[Variable]]:
    """``backward`` from the seeds' stable forms: the gradient of log(sigmoid(x)) as that of -softplus(-x).

    The derivative of a formula that overflows is not to be repaired afterwards; that of the stable one is
    stable itself, wherever views, loops and sums stand in between.
    """
    cuts = cuts_of(constants)
    read = [v for node in cuts for v in node.outputs]
    ends = _stable([*seeds, *read], stop_at={*wrt, *constants, *known})
    stable = dict(zip([*seeds, *read], ends, strict=True))
    new_seeds: dict[Variable, Variable] = {}
    for v, g in seeds.items():
        new_seeds[stable[v]] = new_seeds[stable[v]] + g if stable[v] in new_seeds else g
    moved = {stable[node.outputs[0]].owner: rows for node, rows in cuts.items()}
    return backward(new_seeds, wrt, constants, cuts=moved, known=known, end=end, null=null)


def _float_of(v: Variable) -> str:
    return v.dtype if v.type.is_inexact else "floatX"


def _sum(total: dict, terms: dict, variable: Variable, factors: Mapping) -> Variable | None:
    if variable not in total:
        if variable not in terms:
            return None
        first, *rest = terms[variable]
        missing = next((t for t in (first, *rest) if isinstance(t, NoGradient)), None)
        if missing is not None:
            total[variable] = missing
            return missing
        for term in rest:
            first = first + term
        total[variable] = first * factors[variable] if variable in factors else first
    return total[variable]


def _check(node: Apply, variable: Variable, gradient: Variable) -> None:
    if gradient.ndim != variable.ndim or any(
        None not in (a, b) and a != b for a, b in zip(gradient.type.shape, variable.type.shape, strict=True)
    ):
        raise ShapeError(
            f"the gradient rule of {node.op} gives {gradient.type} for its input {variable.describe()}"
        )


def grad(
    cost: Variable | None,
    wrt: Any,
    consider_constant: Sequence[Variable] | Variable | None = None,
    disconnected_inputs: str = "raise",
    add_names: bool = True,
    known_grads: dict[Variable, Variable] | None = None,
    return_disconnected: str = "zero",
    null_gradients: str = "raise",
) -> Any:
    """The gradient of a scalar ``cost`` by one variable or by each of a list.

    consider_constant: variables not to differentiate through. known_grads: gradients of variables that are
    known, in place of those that would come to them from ``cost``, which may be None: what is given is the
    whole gradient. disconnected_inputs: 'raise' DisconnectedInputError, 'warn' or 'ignore' (a gradient of
    zeros) when the cost does not depend on a variable.

    return_disconnected: what is given where nothing is known to depend on a variable: 'zero', or 'None'.
    null_gradients: 'raise' a GradientError where the way leads through an operation without a gradient, or
    'return' a ``NoGradient`` in its place, which says why.

    Errors: GradientError if the cost is no float scalar or the way leads through an operation without a
    gradient; ShapeError for a known gradient that has not the dimensions of its variable.
    """
    if null_gradients not in ("raise", "return"):
        raise ValueError(f"grad: null_gradients must be 'raise' or 'return', not {null_gradients!r}")
    single = isinstance(wrt, Variable)
    targets: list[Variable] = [wrt] if single else list(wrt)
    for v in targets:
        if not isinstance(v, Variable):
            raise GradientError(f"grad: wrt must be variables, not {type(v).__name__} {v!r}")
    if cost is not None and not isinstance(cost, Variable):
        raise GradientError(f"grad: the cost must be a variable, not {type(cost).__name__} {cost!r}")
    seeds = {v: _known(v, g) for v, g in (known_grads or {}).items()}
    known = set(seeds)
    if cost is not None:
        seeds.setdefault(cost, _one(cost))
    elif not seeds:
        raise GradientError("grad: pass a cost, or known_grads")
    constants = listed(consider_constant) if consider_constant is not None else []
    with not_collected():
        results = _gradients(
            seeds,
            targets,
            constants,
            disconnected_inputs,
            cost,
            return_disconnected=return_disconnected,
            known=known,
            null=null_gradients,
        )
    note_written(
        [g for g in results if isinstance(g, Variable)], [*([cost] if cost is not None else []), *targets]
    )
    if add_names:
        for v, g in zip(targets, results, strict=True):
            if isinstance(g, Variable) and g.name is None and v.name is not None and g.owner is not None:
                g.name = f"(d{cost.name or 'cost'}/d{v.name})" if cost is not None else f"grad_{v.name}"
    return results[0] if single else results


def _one(cost: Variable) -> Variable:
    """The gradient of a cost by itself."""
    if cost.ndim != 0:
        raise GradientError(
            f"grad: the cost must be a scalar, not {cost.describe()}; reduce it with .sum() or .mean()"
        )
    if not cost.type.is_float:
        way = "take T.real, T.imag or abs of it" if cost.type.is_complex else "cast it first"
        raise GradientError(f"grad: the cost must be of a float dtype, not {cost.describe()}; {way}")
    return Constant(1, dtype=cost.dtype)


def _known(v: Variable, g: Any) -> Variable:
    """A gradient of ``v`` that the user gives."""
    g = as_variable(g)
    if not g.type.is_inexact:
        raise GradientError(f"grad: a gradient of {v.describe()} must be of floats, not {g.describe()}")
    if g.ndim != v.ndim:
        raise ShapeError(f"grad: the gradient of {v.describe()} cannot be {g.describe()}")
    return g


def _gradients(
    seeds: dict[Variable, Variable],
    targets: list[Variable],
    constants: Sequence[Variable],
    disconnected_inputs: str,
    cost: Variable | None = None,
    return_disconnected: str = "zero",
    known: Collection[Variable] = (),
    end: Collection[Variable] = (),
    null: str = "raise",
) -> list:
    """The gradients by ``targets`` from those of ``seeds``: all of ``known``, and added to of the others."""
    before = newest()
    reached = _reached(toposort(seeds, _leaves(targets, {*constants, *end})), targets, constants)
    connected = _connected(seeds, reached)
    # to the others nothing could be added, and what they are computed from may be brought into stable form
    read = {i for v in seeds if v.owner is not None for i in ancestors(v.owner.inputs)} if known else set()
    total: dict[Variable, Variable] = {}
    for group in _independent(targets):
        total.update(_stable_backward(seeds, group, constants, read.intersection(known), end, null)[0])
    results: list[Variable | None] = []
    for v in targets:
        if v in total:
            g = total[v]
            if isinstance(g, NoGradient):
                results.append(g)
                continue
            if g.dtype != v.dtype and v.type.is_inexact:
                g = g.astype(v.dtype)
            results.append(g)
            continue
        if v not in connected:
            _disconnected(v, cost, disconnected_inputs)
            if return_disconnected == "None":
                results.append(None)
                continue
        results.append(_nothing(v))
    if any(isinstance(g, NoGradient) for g in results):
        return results
    note_derivation(
        # a known gradient may be a result itself, and is not derived then
        [v if v is not None and v.owner is not None and v.owner.serial > before else None for v in results],
        [*seeds, *seeds.values(), *targets, *constants, *known, *end],
        lambda to: _gradients(
            {to[v]: to[g] for v, g in seeds.items()},
            [to[v] for v in targets],
            [to[v] for v in constants],
            "ignore",
            return_disconnected=return_disconnected,
            known={to[v] for v in known},
            end=[to[v] for v in end],
        ),
    )
    return results


def note_derivation(
    results: Sequence[Variable | None],
    given: Iterable[Variable],
    derive: Callable[[Mapping[Variable, Variable]], Sequence[Variable | None]],
) -> None:
    """Says how ``results`` are derived where nothing may be seen through: by ``derive``, from what the
    variables that are ``given`` are then."""
    if not _sees_through.get():
        return
    given = list(given)

    def literally() -> Sequence[Variable | None]:
        token = _sees_through.set(False)
        try:
            return derive(dict(zip(given, literal(given), strict=True)))
        finally:
            _sees_through.reset(token)

    note_literal(results, literally)


def _nothing(v: Variable) -> Variable:
    """The gradient of what does not change with ``v``: zeros made of it, also where its shape is known, so
    that a function of the gradient has a use for it."""
    if None in v.type.shape:
        return zeros_like(v, _float_of(v))
    zero = Constant(0, dtype=_float_of(v))
    return switch(neq(v, v), zero, zero)


def _independent(targets: list[Variable]) -> list[list[Variable]]:
    """The variables in groups in which none is computed from another: what is differentiated by is not seen
    through, so that the gradient by x would not be stable beside that by sigmoid(x)."""
    found = set(targets)
    above = {v for v in targets if v.owner is not None and any(u in found for u in ancestors(v.owner.inputs))}
    return [[v for v in targets if v not in above], *([v] for v in targets if v in above)]


def _connected(seeds: dict, reached: set) -> set:
    """Of the variables that depend on wrt, those from which a seed is reached."""
    result = {v for v in seeds if v in reached}
    for node in reversed(toposort(seeds)):
        if any(v in result for v in node.outputs):
            pattern = None if node.op.connection_pattern is None else node.op.connection_pattern(node)
            result.update(
                v
                for i, v in enumerate(node.inputs)
                if v in reached
                and (pattern is None or (i < len(pattern) and _any_of(pattern[i], node, result)))
            )
    return result


def _any_of(row: Sequence[bool], node: Apply, result: Collection[Variable]) -> bool:
    return any(depends and v in result for depends, v in zip(row, node.outputs, strict=False))


def _disconnected(variable: Variable, cost: Variable | None, policy: str) -> None:
    if policy == "ignore":
        return
    message = (
        f"the cost {cost.describe() if cost is not None else ''} does not depend on {variable.describe()}. "
        f"If that is meant, "
        f"pass disconnected_inputs='ignore' for a gradient of zeros."
    )
    if policy == "raise":
        raise DisconnectedInputError(message)
    if policy != "warn":
        raise ValueError(f"disconnected_inputs must be 'raise', 'warn' or 'ignore', not {policy!r}")
    warn_user(message)


def subgraph_grad(
    wrt: Sequence[Variable],
    end: Sequence[Variable],
    start: dict[Variable, Variable] | None = None,
    cost: Variable | None = None,
) -> tuple[list, list]:
    """Gradients by ``wrt`` and by ``end``, from ``cost`` and gradients of ``start``, which add up, without
    going beyond ``end``."""
    seeds = {v: _known(v, g) for v, g in (start or {}).items()}
    if cost is not None:
        one = _one(cost)
        seeds[cost] = seeds[cost] + one if cost in seeds else one
    gradients = _gradients(seeds, [*wrt, *end], [], "ignore", end=end)
    return gradients[: len(wrt)], gradients[len(wrt) :]


def Lop(
    f: Any, wrt: Any, eval_points: Any, consider_constant: Any = None, disconnected_inputs: str = "raise"
) -> Any:
    """The transposed Jacobian of ``f`` by ``wrt`` times ``eval_points`` (shaped as ``f``): a row vector times
    the Jacobian."""
    outputs = listed(f)
    points = [as_variable(p) for p in listed(eval_points)]
    if len(points) != len(outputs):
        raise GradientError(f"Lop: {len(outputs)} outputs need as many eval_points, got {len(points)}")
    seeds: dict[Variable, Variable] = {}
    for v, p in zip(outputs, points, strict=True):
        seeds[v] = seeds[v] + p if v in seeds else p
    constants = listed(consider_constant) if consider_constant is not None else []
    result = _gradients(seeds, listed(wrt), constants, disconnected_inputs)
    note_written(result, [*outputs, *points, *listed(wrt)])
    return type(wrt)(result) if isinstance(wrt, (list, tuple)) else result[0]


def Rop(
    f: Any, wrt: Any, eval_points: Any, disconnected_outputs: str = "raise", consider_constant: Any = None
) -> Any:
    """The Jacobian of ``f`` by ``wrt`` times ``eval_points`` (shaped as ``wrt``)."""
    inputs, points = listed(wrt), [as_variable(p) for p in listed(eval_points)]
    written = [as_variable(v) for v in listed(f)]
    outputs = _stable(written, stop_at=inputs)
    if len(points) != len(inputs):
        raise GradientError(f"Rop: {len(inputs)} variables need as many eval_points, got {len(points)}")
    for v, p in zip(inputs, points, strict=True):
        if v.ndim != p.ndim:
            raise ShapeError(
                f"Rop: the eval point {p.describe()} does not have the dimensions of {v.describe()}"
            )
    constants = listed(consider_constant) if consider_constant is not None else []
    own, own_points = inputs, points
    inputs, points = _through_own_rules(outputs, inputs, points, constants)
    results = []
    for out in outputs:
        # J^T u is linear in u, whatever u is: u = 0 does, and the gradient of <J^T u, points> by u is J
        # points
        u = zeros_like(out)
        dummy = _free(u)
        rows, connected = backward({out: dummy}, inputs, constants, end=inputs[len(own) :])
        pairs = [(rows[v], p) for v, p in zip(inputs, points, strict=True) if v in rows]
        if not pairs:
            if out not in connected and disconnected_outputs == "raise":
                raise DisconnectedInputError(
                    f"Rop: {out.describe()} depends on none of {', '.join(v.describe() for v in inputs)}"
                )
            results.append(zeros_like(out))
            continue
        seeds: dict[Variable, Variable] = {}
        for row, point in pairs:
            seeds[row] = seeds[row] + point if row in seeds else point
        total, _ = backward(seeds, [dummy])
        results.append(total.get(dummy, zeros_like(out)))
    note_derivation(
        results,
        [*written, *own, *own_points, *constants],
        lambda to: Rop(
            [to[v] for v in written],
            [to[v] for v in own],
            [to[v] for v in own_points],
            "ignore",
            [to[v] for v in constants],
        ),
    )
    note_written(results, [*written, *own, *own_points])
    return type(f)(results) if isinstance(f, (list, tuple)) else results[0]


def _through_own_rules(
    outputs: list[Variable], wrt: list[Variable], points: list[Variable], constants: Sequence[Variable]
) -> tuple[list[Variable], list[Variable]]:
    """``wrt`` and ``points``, and behind them the outputs of nodes on the way whose operations have a rule of
    their own for ``Rop`` (``directional``), each with the derivative that this gives it."""
    wrt, points = list(wrt), list(points)
    reached = set(wrt)
    for node in toposort(outputs, stop_at=_leaves(wrt, constants)):
        if not any(v in reached for v in node.inputs):
            continue
        reached.update(v for v in node.outputs if v not in constants)
        rule = getattr(node.op, "directional_rule", None)
        if rule is None:
            continue
        along = Rop(list(node.inputs), wrt, points, "ignore", constants)
        found = rule(node, along)
        for v, p in zip(node.outputs, found or (), strict=bool(found)):
            if p is None:
                raise DisconnectedInputError(
                    f"Rop: the rule of {node.op} gives no derivative of {v.describe()}"
                )
            if v not in wrt:
                wrt.append(v)
                points.append(p)
    return wrt, points


def _free(u: Variable) -> Variable:
    """A variable of its own with the value of ``u``, to differentiate by."""
    return identity(u)
