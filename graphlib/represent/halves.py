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

from ..graph import Apply, Constant, TensorType, Variable, toposort
from ..graph.traverse import rebuild
from ..graph.types import HALF
from ..ops.elementwise import Cast
from ..ops.host import FoundLengths, HostOp
from ..ops.scan import Scan
from ..rewrite.scan.body import Body

_WIDE = "float32"
_widen, _narrow = Cast(_WIDE), Cast(HALF)


def in_float32(results: Sequence[Variable], stop_at: Collection[Variable]) -> list[Variable]:
    """Variables of the values of ``results``, and of their dtypes, computed without float16."""
    found = _Wide().of(results, {}, stop_at)
    return [_narrow.make(new) if old.dtype == HALF else new for old, new in zip(results, found, strict=True)]


class _Wide:
    """Graphs built again in float32."""

    def __init__(self) -> None:
        #: for loops with the same steps: what became of their inner variables, and the first one
        self.loops: dict[Scan, tuple[dict[Variable, Variable], Scan]] = {}

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
            return self.loop(node, inputs)
        return rebuild(node, inputs, {}).outputs

    def loop(self, node: Apply, inputs: list[Variable]) -> Sequence[Variable]:
        """The outputs of a loop whose steps are computed in float32."""
        outer = dict(zip(node.inputs, inputs, strict=True))
        body = Body.of(node)
        memo, root = self.loops.get(node.op.root, ({}, None))
        if root is None:
            for v in node.op.inputs:
                if v.dtype == HALF:
                    memo[v] = Variable(TensorType(_WIDE, v.type.shape), name=v.name, origin=v.origin)
        body.set_ends(self.of(body.ends(), memo))
        body.n = outer[body.n]
        body.sequences = {memo.get(v, v): outer[o] for v, o in body.sequences.items()}
        body.invariants = {memo.get(v, v): outer[o] for v, o in body.invariants.items()}
        for s in body.states:
            s.taps = {tap: memo.get(v, v) for tap, v in s.taps.items()}
            s.initial = outer[s.initial]
        for o in body.mapped:
            o.lengths = [outer.get(n, n) for n in o.lengths]
        made = body.node()
        if root is None:
            self.loops[node.op.root] = memo, made.op
        else:
            made.op.extends = root
        return made.outputs


__all__ = ["in_float32"]
