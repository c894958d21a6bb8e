"""Where gradients end inside loops: rows of a loop's outputs that count as constants."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..graph import Apply, Constant, Variable
from ..ops.create import arange, zeros
from ..ops.elementwise import lt, neq, switch
from ..ops.index import BasicIndex
from ..ops.scan import Scan
from ..ops.shape import BroadcastTo
from ..ops.shape_rules import constant_int
from ..records import record


@record
class Cut:
    """The row of an output, or with None all of its rows, that a gradient does not go through."""

    of_state: bool
    number: int
    row: Variable | None

    def leaves(self, steps: Variable) -> Variable:
        """For each step whether its row is left as it is."""
        if self.row is None:
            return zeros((steps,), "bool")
        return neq(arange(steps), switch(lt(self.row, 0), self.row + steps, self.row))


def cuts_of(constants: Iterable[Variable]) -> dict[Apply, list[Cut]]:
    """The loops that some of ``constants`` are outputs of, or rows of them such as ``samples[-1]``."""
    found: dict[Apply, list[Cut]] = {}
    for v in constants:
        row: Variable | None = None
        if _is_index(v, "index"):
            v, row = v.owner.inputs
        history = v
        start = 0
        if _is_index(v, (True, False, 1)):
            history, start = v.owner.inputs[0], constant_int(v.owner.inputs[1])
        node = history.owner
        if node is None or not isinstance(node.op, Scan):
            continue
        results = node.op.results(node)
        if history in results.last and row is None:
            cut = Cut(True, results.last.index(history), Constant(-1, dtype="int64"))
        elif history in results.mapped and start == 0:
            cut = Cut(False, results.mapped.index(history), row)
        elif history in results.histories and start == node.op.states[results.histories.index(history)].depth:
            cut = Cut(True, results.histories.index(history), row)
        else:
            continue
        found.setdefault(node, []).append(cut)
    return found


def _is_index(v: Variable, first: Any) -> bool:
    """Whether a variable is an index of the first axis alone, with that entry."""
    op = v.owner.op if v.owner is not None else None
    return isinstance(op, BasicIndex) and op.entries[0] == first and not any(op.entries[1:])


def is_zero(v: Variable) -> bool:
    """Whether a variable is seen to be zero everywhere."""
    while v.owner is not None and isinstance(v.owner.op, BroadcastTo):
        v = v.owner.inputs[0]
    return isinstance(v, Constant) and v.data.size == 1 and not v.data.any()
