"""What nobody reads of a loop is not computed or kept, and its step is rewritten."""

from __future__ import annotations

from collections.abc import Callable

from ...graph import Apply, Constant, TensorType, Variable
from ...ops.create import alloc
from ...ops.index import BasicIndex
from ...ops.loop_results import last_value
from ...ops.scan import leaves_of
from ...ops.shape import DimShuffle, dimshuffle
from ...ops.shape_rules import constant_int
from .body import Body, Recurrence, Uses


def shrunk(node: Apply, uses: Uses) -> dict[Variable, Variable]:
    """The loop without what nobody reads, and with only the last value of what is read nowhere else."""
    body = Body.of(node)
    turned = _only_last(body, uses)
    for s in body.states:
        s.kept = s.kept and (s.depth > 1 or uses.is_used(s.history))
    body.mapped = [o for o in body.mapped if uses.is_used(o.outer)]
    live = [
        s
        for s in body.states
        if s in turned or s.kept or s.last is None or uses.is_used(s.last) or s.depth > 1
    ]
    while True:
        ends = [*(s.new for s in live), *(o.row for o in body.mapped)]
        ends += [body.condition] if body.condition is not None else []
        leaves = leaves_of(ends)
        more = [s for s in body.states if s not in live and any(v in leaves for v in s.taps.values())]
        if not more:
            break
        live += more
    body.states = [s for s in body.states if s in live]
    _tidy(body, leaves)
    body.node()
    return body.replaced


def _only_last(body: Body, uses: Uses) -> list[Recurrence]:
    """Mapped outputs of which only the last row is read become states, which are returned."""
    turned: list[Recurrence] = []
    if body.condition is not None:
        return turned
    for o in list(body.mapped):
        readers = uses.of(o.outer)
        if (
            not readers
            or not all(_is_last(r) for r in readers)
            or uses.back.get(o.outer, o.outer) in uses.results
        ):
            continue
        initial = alloc(Constant(0, dtype=o.row.dtype), 1, *o.shape)
        last = o.row.type()
        body.mapped.remove(o)
        turned.append(Recurrence({-1: o.row.type()}, o.row, initial, None, last, False))
        for reader in readers:
            body.replaced[reader.outputs[0]] = last_value(last, body.n)
    body.states += turned
    return turned


def _is_last(node: Apply) -> bool:
    op = node.op
    return (
        type(op) is BasicIndex
        and op.entries[0] == "index"
        and all(e is None for e in op.entries[1:])
        and constant_int(node.inputs[1]) == -1
    )


def _tidy(body: Body, leaves: set[Variable]) -> None:
    """Drop inputs that the step does not read, and pass each outer variable once, small constants not at
    all."""
    replace: dict[Variable, Variable] = {}
    for group in (body.sequences, body.invariants):
        first: dict[Variable, Variable] = {}
        for inner, outer in list(group.items()):
            constant = group is body.invariants and isinstance(outer, Constant) and outer.data.size == 1
            if inner not in leaves:
                del group[inner]
            elif constant:
                replace[inner] = outer
                del group[inner]
            elif outer in first:
                replace[inner] = first[outer]
                del group[inner]
            else:
                first[outer] = inner
    body.substitute(replace)


def _views_inside(body: Body) -> None:
    """Axes are put into another order inside the step, where it is free: outside it would take a copy."""
    replace: dict[Variable, Variable] = {}
    for group, first in ((body.sequences, 1), (body.invariants, 0)):
        for inner, outer in list(group.items()):
            node = outer.owner
            if node is None or type(node.op) is not DimShuffle or node.inputs[0].ndim == 0:
                continue
            order = node.op.order
            if first and order[0] != 0:
                continue
            base = node.inputs[0]
            own = TensorType(base.dtype, base.type.shape[first:])(inner.name)
            del group[inner]
            group[own] = base
            replace[inner] = dimshuffle(own, *(a if a == "x" else a - first for a in order[first:]))
    body.substitute(replace)


def finished(
    node: Apply, uses: Uses, rewrite: Callable[[list[Variable]], list[Variable]]
) -> dict[Variable, Variable]:
    """The loop with its step rewritten."""
    body = Body.of(node)
    _views_inside(body)
    body.set_ends(rewrite(body.ends()))
    _tidy(body, leaves_of(body.ends()))
    body.node()
    return body.replaced
