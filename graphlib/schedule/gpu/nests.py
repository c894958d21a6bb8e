"""Fused loop nests: one kernel whose teams (a thread, a warp or a block) each take one row, and one more for
each reduction into memory.

A row is what the outermost loops go over that all values share; the loops inside one are a team's, the
innermost ones shared out over its threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...lower.lowering import LOOP, Value
from ...scalar.expression import local
from ...scalar.integer import Poly, product
from ..arrays import Array
from ..builder import Scope
from ..cpu import finds_index, of_one
from ..nests import Block, build, collapsible
from ..plan import DeviceKernel, Partial
from ..statements import Accumulator, Statement
from . import reductions, tiles
from .float4 import by_float4
from .grids import FOUR
from .kernel import KernelPlanner
from .reductions import columns, held_dtype, split, taken
from .teams import Barrier, BlockPart, First, Result, Scratch, TeamLoop, TeamReduce, Teams

Describe = Callable[[Sequence[Value]], Sequence[str]]


def to_memory(values: Sequence[Value]) -> set[Any]:
    """Of the values of a nest, what its kernels read in memory: what several loops of a row need, and what
    reductions into memory are of."""
    by_rows, _ = split(values)
    return reductions.to_memory(values) | set(build(by_rows).crossing if by_rows else ())


def group(
    planner: KernelPlanner, values: Sequence[Value], stored: set[Array], comments: Describe
) -> list[DeviceKernel]:
    """The kernels of a fused group: one for what is computed row by row, one for each reduction into
    memory.  ``comments``: what is said of values."""
    by_rows, in_memory = split(values)
    planner.stored, planner.comment = stored, tuple(comments(by_rows))
    kernels = [_Rows(planner, by_rows).kernel()] if by_rows else []
    return kernels + columns(planner, [(v, comments([v])) for v in in_memory])


class _Rows:
    """Plans the kernel of what a nest computes row by row."""

    def __init__(self, planner: KernelPlanner, values: list[Value]) -> None:
        self.planner, self.builder, self.values = planner, planner.builder, values
        self.nest = build(values)
        self.axes = max((v.axes for v in values), key=len)
        #: the level of a row, and its block
        self.top = min(len(v.axes) if v.kind is None or not v.kept else v.kept for v in values)
        self.body = self.nest.root
        for _ in range(self.top):
            self.body = next(e for e in self.body.entries if isinstance(e, Block))
        #: whether a row has loops, which a team takes
        self.team = any(isinstance(e, Block) for e in self.body.entries)
        #: reductions of everything, of which each block has a part
        self.partial = [v for v in values if v.kind is not None and v.kept == 0 and v.reduced]
        #: the lengths of the loops that are shared out over a team
        self.leaves: list[Poly] = []
        self.uses_scratch = False

    def kernel(self) -> DeviceKernel:
        planner, axes = self.planner, self.axes[: self.top]
        planner.merge(self._merged())
        self.builder.levels = {i: max(k + 1, self.top) for k, i in enumerate(LOOP)}
        self.builder.count_uses([v.element for v in self.values])
        scope = Scope(None, -1)
        for value in self.partial:
            self._declare(value, scope)
        if not self.team and not self.partial:
            across = tiles.find(planner, axes, self.values)
            if across.names:
                return tiles.through(across, planner, axes, self._row, scope)
        rows = product(axes)
        indices = planner.indices(axes, range(self.top) if rows != 1 else (), "row", scope)
        count = planner.length(rows, scope)
        row = Scope(scope, self.top)
        self._row(row)
        four = by_float4(planner, axes, self._row, scope, count) if not self.team else None
        body: list[Any] = [
            *([Scratch()] if self.uses_scratch or self.partial else []),
            *scope.body,
            *([four] if four is not None else []),
            Teams(count, indices, tuple(row.body), rest=four is not None),
        ]
        for value in self.partial:
            name = self.builder.locals[value.variable][0].value
            body.append(BlockPart(name, value.kind, held_dtype(value), value.variable))
        return planner.kernel(
            body,
            "rows",
            rows,
            inner=tuple(self.leaves),
            partial=tuple(Partial(v.variable, v.kind, held_dtype(v)) for v in self.partial),
            team=self.team,
            each=FOUR if four is not None else 1,
        )

    def _merged(self) -> set[int]:
        """The axes that can be merged into the next one, because all memory is walked along both as one
        run."""
        boundaries = {self.top}
        offsets: list[Poly] = []
        for value in self.values:
            boundaries.add(len(value.axes))
            if value.kind is None:
                if value.variable in self.planner.stored:
                    offsets.append(self.planner.offset(value))
            else:
                boundaries.add(value.kept or 0)
                if finds_index(value.kind):
                    boundaries |= {*value.reduced, *(k + 1 for k in value.reduced)}
        elements = [v.element for v in self.values]
        return collapsible(self.axes, elements, offsets, boundaries, lambda array: array.shape)

    # blocks

    def _row(self, scope: Scope) -> None:
        self._block(self.body, scope)

    def _block(self, block: Block, scope: Scope) -> None:
        """The body of a loop.  Below a row's level only innermost loops are shared out over a team's
        threads."""
        stores: list[Statement] = []
        leaf = not any(isinstance(e, Block) for e in block.entries)
        alone = self.team and (block.level == self.top or not leaf)
        for entry in block.entries:
            if isinstance(entry, Block):
                self._inner_loop(entry, scope)
            elif entry.kind is None:
                self.planner.map_value(entry, scope, stores)
            else:
                self._take_in(entry, scope, stores, alone)
        scope.body.extend([First(tuple(stores), apart=True)] if stores and alone else stores)

    def _inner_loop(self, entry: Block, scope: Scope) -> None:
        planner, axis, inside = self.planner, entry.level - 1, _values_in(entry)
        finished = [v for v in inside if v.kind is not None and v.kept and v.kept == axis and v.reduced]
        for value in finished:
            self._declare(value, scope)
        inner = Scope(scope, entry.level)
        self._block(entry, inner)
        leaf = not any(isinstance(e, Block) for e in entry.entries)
        if axis in planner.merged:
            scope.body.extend(inner.body)
        else:
            turns = planner.turns(self.axes, axis)
            n = planner.length(turns, scope)
            if leaf:
                self.leaves.append(turns)
            scope.body.append(TeamLoop(LOOP[axis], n, tuple(inner.body), leaf))
        if any(v.variable in self.nest.crossing for v in inside):
            scope.body.append(Barrier())
        for value in finished:
            self._finish(value, scope)

    # reductions

    def _declare(self, value: Value, scope: Scope) -> None:
        name = self.builder.name("r")
        self.builder.locals[value.variable] = local(name, value.variable.dtype), scope
        scope.body.append(Accumulator(name, value.kind, held_dtype(value)))

    def _take_in(self, value: Value, scope: Scope, stores: list[Statement], alone: bool) -> None:
        planner, array = self.planner, value.variable
        x = self.builder.emit(value.element, scope)
        if not value.reduced:
            made = planner.named(value, of_one(value.kind, array.dtype, x), scope)
            self.builder.locals[array] = made, scope
            if array in planner.stored:
                stores.append(planner.store(value, made, scope))
            return
        one = taken(value, self.builder.locals[array][0].value, x)
        # a full reduction's accumulators are summed over all threads: one of a team takes in what all of
        # them have
        scope.body.append(First((one,)) if alone and value in self.partial else one)

    def _finish(self, value: Value, scope: Scope) -> None:
        array = value.variable
        register = self.builder.locals[array][0]
        block = self.nest.block_of[array]
        if not any(isinstance(e, Block) for e in block.entries):
            scope.body.append(TeamReduce(register.value, value.kind, held_dtype(value)))
            self.uses_scratch = True
        if finds_index(value.kind) or is_precise(value.kind, array.dtype):
            name = self.builder.name("t")
            scope.body.append(Result(name, array.dtype, register.value, value.kind, held_dtype(value)))
            register = local(name, array.dtype)
            self.builder.locals[array] = register, scope
        if array in self.planner.stored:
            scope.body.append(First((self.planner.store(value, register, scope),)))


def is_precise(kind: str, dtype: str) -> bool:
    """Whether a sum holds what it has rounded off as well."""
    return kind == "sum" and dtype == "float32"


def _values_in(block: Block) -> list[Value]:
    """The values computed in a block and in the loops inside."""
    inside: list[Value] = []
    for entry in block.entries:
        inside += _values_in(entry) if isinstance(entry, Block) else [entry]
    return inside
