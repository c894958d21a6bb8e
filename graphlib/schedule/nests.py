"""The inside of a fused loop nest: which value is computed in which loop, before or after which other.

A nest is a tree of blocks.  A block is the body of a loop: values computed there and loops inside, in order.
A row of a softmax becomes one block with a loop that finds the maximum, then one that sums, then one that
divides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ..graph import Variable
from ..lower.lowering import LOOP, Value
from ..scalar.expression import Expr, walk
from ..scalar.integer import Poly, Symbol, flat_index
from ..scalar.reductions import REDUCERS
from .steps import accesses


@dataclass(eq=False)
class Block:
    """The body of the loop over axis ``level - 1`` (level 0: the nest's own body)."""

    level: int
    parent: Block | None = None
    entries: list[Value | Block] = field(default_factory=list)

    def ancestors(self) -> list[Block]:
        chain, block = [], self
        while block is not None:
            chain.append(block)
            block = block.parent
        return chain


@dataclass
class Nest:
    """The tree of a group of values, where each value is computed, and the values that other loops of the
    nest need.

    ``crossing`` says for the latter the level of the block that holds all those loops: its own, per turn, is
    memory enough.
    """

    root: Block
    block_of: dict[Variable, Block]
    crossing: dict[Variable, int]


def build(values: list[Value]) -> Nest:
    """Place the values, which come in dependency order, each into the earliest loop where all it needs is
    there; what needs nothing of these loops, where it is needed first."""
    nest = Nest(Block(0), {}, {})
    by_variable = {v.variable: v for v in values}
    needs = {
        value.variable: [
            by_variable[v]
            for v in dict.fromkeys(v for v, _ in accesses(value.element))
            if v in by_variable and v is not value.variable
        ]
        for value in values
    }
    waiting = _waiting(values, needs)
    for value in values:
        if value.variable not in waiting:
            _place(nest, [*_taken(value, waiting, needs), value], needs)
    for value in values:
        if value.variable in waiting:
            _place(nest, [value], needs)
    return nest


def _waiting(values: list[Value], needs: dict[Variable, list[Value]]) -> set[Variable]:
    """The values that can be computed in any of the loops that need them: those need nothing else of the
    innermost loops, and are over the same axes."""
    waiting: set[Variable] = set()
    for v in values:
        alone = all(len(n.axes) < len(v.axes) or n.variable in waiting for n in needs[v.variable])
        # what a loop inside theirs needs is computed before it
        waiting -= {n.variable for n in needs[v.variable] if len(n.axes) != len(v.axes)}
        if v.kind is None and v.axes and alone:
            waiting.add(v.variable)
    return waiting


def _taken(value: Value, waiting: set[Variable], needs: dict[Variable, list[Value]]) -> list[Value]:
    """What waits for this value, in order; it waits no longer."""
    taken = []
    for need in needs[value.variable]:
        if need.variable in waiting:
            waiting.remove(need.variable)
            taken += [*_taken(need, waiting, needs), need]
    return taken


def _place(nest: Nest, values: list[Value], needs: dict[Variable, list[Value]]) -> None:
    """Place values over the same axes into one loop, of which the later ones may need the others."""
    own = {value.variable for value in values}
    outside = [n for value in values for n in needs[value.variable] if n.variable not in own]
    block = nest.root
    for level in range(len(values[-1].axes)):
        first = max((_available(nest, block, need) for need in outside), default=0)
        later = (e for k, e in enumerate(block.entries) if k >= first and isinstance(e, Block))
        inner = next((e for e in later if not any(_at_odds(v, e, level) for v in values)), None)
        if inner is None:
            inner = Block(level + 1, block)
            block.entries.append(inner)
        block = inner
    for value in values:
        block.entries.append(value)
        nest.block_of[value.variable] = block
    for need in outside:
        chain, here = nest.block_of[need.variable].ancestors(), block.ancestors()
        # where it is at hand: the loop that computes it, of a reduction the one around those reduced
        held = next(b for b in chain if b.level == need.depth)
        if held not in here:
            common = next(b for b in chain if b in here).level
            nest.crossing[need.variable] = min(common, nest.crossing.get(need.variable, common))


def _at_odds(value: Value, block: Block, axis: int) -> bool:
    """Whether a loop over an axis would be one over columns in which an index is looked for, and one over the
    rows that are taken into memory: then neither has vectors."""
    return value.kind is not None and any(
        (axis in one.reduced) != (axis in value.reduced)
        and (_looks_into(one, value) or _looks_into(value, one))
        for one in _reductions(block)
    )


def _looks_into(one: Value, other: Value) -> bool:
    return REDUCERS[one.kind].finds_index and other.kept is None


def _reductions(block: Block) -> Iterator[Value]:
    for one in block.entries:
        if isinstance(one, Block):
            yield from _reductions(one)
        elif one.kind is not None:
            yield one


def _available(nest: Nest, block: Block, need: Value) -> int:
    """The first entry of ``block`` at which ``need`` can be read."""
    own = nest.block_of[need.variable]
    chain = own.ancestors()
    if block not in chain:
        return 0
    if own is block:
        return block.entries.index(need) + 1
    child = chain[chain.index(block) - 1]
    position = block.entries.index(child)
    finished_here = need.kind is not None and (need.kept or 0) <= block.level
    return position + 1 if finished_here else position


def collapsible(
    axes: tuple[Poly, ...],
    expressions: list[Expr],
    offsets: list[Poly],
    boundaries: set[int],
    shape: Callable[[Variable], tuple[Poly, ...]],
) -> set[int]:
    """The axes that can be merged into the next one: every offset walks both as one contiguous run.

    ``offsets``: where in memory elements are written; where ``expressions`` read follows from the ``shape``
    of what they read.  ``boundaries``: depths at which something is computed between two loops.
    """
    reads = [flat_index(index, shape(v)) for e in expressions for v, index in accesses(e)]
    numbers = [e.value for root in expressions for e in walk(root) if e.op == "int"]
    inside = {p for p in (*offsets, *reads, *numbers) if p.free}
    result = set()
    for k in range(len(axes) - 1):
        if k + 1 in boundaries:
            continue
        outer, inner = LOOP[k], LOOP[k + 1]
        if all(runs_on(p, outer, inner, axes[k + 1]) for p in inside):
            result.add(k)
    return result


def runs_on(p: Poly, outer: Symbol, inner: Symbol, extent: Poly) -> bool:
    if outer not in p.free and inner not in p.free:
        return True
    linear = p.linear_in([outer, inner])
    return linear is not None and linear[0][0] == linear[0][1] * extent
