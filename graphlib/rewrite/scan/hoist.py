"""What does not depend on the recurrence leaves the loop: it is computed before the loop or after it."""

from __future__ import annotations

from ...errors import ShapeError
from ...graph import Apply, Constant, Variable, toposort
from ...ops.create import ARange
from ...ops.elementwise import Elementwise
from ...ops.linalg import MatrixProduct
from ...ops.loop_results import FirstRows
from ...ops.shape import BroadcastTo, ShapeI, dimshuffle
from ...scalar.functions import is_costly
from ..rules import Composite
from .body import Body, Recurrence, Uses
from .lift import Lift
from .sums import after, sums


def hoisted(node: Apply, uses: Uses) -> dict[Variable, Variable]:
    """The loop without what can be computed before or after it."""
    if node.op.lazy:
        return {}
    # fewer passes where the rows that one would keep have no shape that is known before the loop
    for passes in ((counted, sums, before, after), (counted, sums, before), (before,)):
        body = Body.of(node)
        try:
            for change in passes:
                change(body)
            body.node()
            return body.replaced
        except ShapeError:
            continue
    return {}


def counted(body: Body) -> None:
    """What counts the steps is counted, where it is not known how many of them are made."""
    if body.condition is None:
        return
    for row, outer in list(body.sequences.items()):
        node = outer.owner
        if node is not None and isinstance(node.op, FirstRows):
            node = node.inputs[0].owner
        if node is None or not isinstance(node.op, ARange) or row.type.is_float:
            continue
        start, _, step = node.inputs
        if isinstance(step, Constant):
            del body.sequences[row]
            body.states.append(
                Recurrence({-1: row}, row + step, dimshuffle(start, "x"), None, None, kept=False)
            )


def before(body: Body) -> None:
    """Nodes that depend on invariants alone, and costly ones that depend on sequences, leave the loop."""
    lift = Lift(body)
    ends = body.ends()
    order = toposort(ends)
    known = [node for node in order if lift.add(node)]
    if not known:
        return
    readers: dict[Variable, list[Apply]] = {}
    for node in order:
        for v in node.inputs:
            readers.setdefault(v, []).append(node)
    wanted = {node for node in known if _worthwhile(node, lift)}
    moved: set[Apply] = set()
    for node in reversed(known):
        if node in wanted or any(r in moved for v in node.outputs for r in readers.get(v, ())):
            moved.add(node)
    replace: dict[Variable, Variable] = {}
    for node in known:
        for v in node.outputs:
            needed = any(r not in moved for r in readers.get(v, ())) or v in ends
            if node in wanted and needed:
                outer, moves = lift.outer[v]
                inner = v.type(v.name)
                (body.sequences if moves else body.invariants)[inner] = outer
                replace[v] = inner
    rest = []
    for o in body.mapped:
        # a row that nothing in the loop computes
        found = lift.get(o.row)
        if found is not None and found[1] and o.outer is not None and body.condition is None:
            body.replaced[o.outer] = found[0]
        else:
            rest.append(o)
    body.mapped = rest
    body.substitute(replace)


def _worthwhile(node: Apply, lift: Lift) -> bool:
    op, out = node.op, node.outputs[0]
    if op.view or isinstance(op, (BroadcastTo, ARange, ShapeI)):
        return False
    if not lift.outer[out][1]:
        return bool(out.ndim) or not isinstance(op, Elementwise)
    if lift.body.condition is not None:
        # not for steps that may never be made
        return False
    return isinstance(op, (MatrixProduct, Composite)) or (type(op) is Elementwise and is_costly(op.name))
