"""float16: kept in memory, and computed in float32.

A graph in which something is of float16 is built again with float32 in its place. What comes from outside,
inputs, shared variables and constants, is converted where it is read; results are where they are written,
and what a program casts to float16 is rounded to its numbers there, but for whole numbers, which are
computed with as they are: the mean of 100,000 numbers has a divisor that float16 does not hold. So kernels
convert, and know no other operation on float16; and nothing between two kernels or in a loop's states is
rounded to it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..graph import Apply, Constant, Variable, toposort
from ..graph.traverse import rebuild
from ..graph.types import HALF
from ..ops.elementwise import Cast
from ..ops.host import FoundLengths, HostOp
from ..ops.scan import Scan
from .loops import Loops

_WIDE = "float32"
_widen, _narrow = Cast(_WIDE), Cast(HALF)


def in_float32(results: Sequence[Variable], stop_at: Collection[Variable]) -> list[Variable]:
    """Variables of the values of ``results``, and of their dtypes, computed without float16."""
    found = _Wide().of(results, {}, stop_at)
    return [_narrow.make(new) if old.dtype == HALF else new for old, new in zip(results, found, strict=True)]


class _Wide:
    """Graphs built again in float32."""

    def __init__(self) -> None:
        self.loops = Loops(lambda t: t.with_dtype(_WIDE) if t.dtype == HALF else None, self.of)

    def of(
        self, results: Sequence[Variable], memo: dict[Variable, Variable], stop_at: Collection[Variable] = ()
    ) -> list[Variable]:
        """``results``, those of float16 in float32; ``memo``: what becomes of variables."""

        def wide(v: Variable) -> Variable:
            if v not in memo and v.dtype == HALF:
                constant = isinstance(v, Constant)
                memo[v] = Constant(v.data, v.name, _WIDE, v.origin) if constant else _widen.make(v)
            return memo.get(v, v)

        for node in toposort(results, stop_at=[*stop_at, *memo]):
            inputs = [wide(v) for v in node.inputs]
            same = all(a is b for a, b in zip(inputs, node.inputs, strict=True))
            if not same or any(v.dtype == HALF for v in node.outputs):
                for old, new in zip(node.outputs, self.node(node, inputs), strict=True):
                    new.name, new.origin = old.name, old.origin
                    memo[old] = new
        return [wide(v) for v in results]

    def node(self, node: Apply, inputs: list[Variable]) -> Sequence[Variable]:
        """The outputs of a node on other inputs, in float32."""
        op = node.op
        if isinstance(op, Cast) and op.dtype == HALF:
            exact = not node.inputs[0].type.is_float
            return [_widen.make(inputs[0] if exact else _narrow.make(inputs[0]))]
        if isinstance(op, (HostOp, FoundLengths)):
            # Python gets what it was promised
            given = [
                _narrow.make(new) if old.dtype == HALF else new
                for old, new in zip(node.inputs, inputs, strict=True)
            ]
            made = rebuild(node, given, {}).outputs
            return [_widen.make(v) if v.dtype == HALF else v for v in made]
        if isinstance(op, Scan):
            return self.loops.rebuilt(node, inputs)
        return rebuild(node, inputs, {}).outputs
