"""Loops: the kernels of a step, launched for each step with pointers moved to the next rows.

A step is noted when it is done for the first time, like a call of a function; each further one writes the
addresses that move into the arguments and launches again.  Nothing of it waits for the device but a condition
that ends a loop, and lengths inside a step that depend on values.
"""

from __future__ import annotations

import struct
import weakref
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ...scalar.integer import Poly
from ...schedule.arrays import Array
from ...schedule.gpu.grids import MAX_BLOCKS, THREADS
from ...schedule.plan import Row, Scan
from .host import Evaluator
from .recording import Patch, Recording, write_in
from .steps import Steps

#: bytes of a loop's own on the device: of its condition, and of how many steps it made
_CONDITION, _OWN = 8, 16

#: for how many steps a loop that a condition ends has room at first
_FIRST_ROWS = 16


class Body(Steps):
    """The step of a loop, whose inputs and outputs lie where ``address`` says: elsewhere at each step."""

    def __init__(self, outer: Steps, scan: Scan) -> None:
        self.root, self.device, self.cublas = outer.root, outer.device, outer.cublas
        self._take(scan.plan)
        self.varying_lengths = self.varying_products = frozenset()
        self.profiled = False
        self.evaluator = Evaluator(partial(Body._read, weakref.proxy(self)))
        self.arrays: dict[Array, np.ndarray] = {}
        self.copies: dict[Any, Any] = {}
        #: whether all steps are alike, but for what moves
        self.steady = not self.data_dependent and all(loop.fixed for loop in self.loops.values())

    @property
    def functions(self) -> dict[str, Any]:
        return self.root.functions

    @property
    def stream(self) -> Any:
        return self.root.stream

    def moves(self, place: Any) -> bool:
        """Whether memory may lie elsewhere at the next step or in the next run of the loop: what it has
        matters after the step."""
        return place.kind == "result" or (place.kind == "argument" and place.index < self.plan.inputs)

    def begin(self, address: dict[Any, int], arrays: dict[Array, np.ndarray]) -> None:
        """Lengths, checks of lengths, and memory, for the steps that follow."""
        self.address, self.arrays = address, arrays
        for symbol in self.first_lengths:
            self._length(symbol)
        for k in self.first_checks:
            self._check(k)
        self._make_arena()

    def record(self) -> Recording:
        """Do a step, noting what there is to repeat."""
        self.recording = Recording()
        self.data_dependent_memory: dict[Any, Any] = {}
        self._steps()
        return self.recording


class Loop:
    """A loop of ``outer``, its step's kernels being ``body``'s."""

    def __init__(self, outer: Steps, scan: Scan) -> None:
        self.outer, self.scan = weakref.proxy(outer), scan
        self.body = body = Body(outer, scan)
        rows = [*scan.sequences, *scan.invariants]
        #: where it begins to read what it is given
        self.given = [*(r.array for r in rows), *(s.initial.array for s in scan.states)]
        shapes = [n for part in (*rows, *scan.states, *scan.mapped) for n in part.shape]
        steps = [*(r.by for r in rows), *(n for s in scan.states for n in s.initial.strides)]
        #: what decides which launches there are
        self.lengths = [scan.n, *shapes, *steps]
        polys = [*self.lengths, *(r.offset for r in rows), *(s.initial.offset for s in scan.states)]
        later = any(map(outer.is_data_dependent, polys))
        #: whether what it launches follows from what is known before the first launch of a function
        self.repeatable = body.steady and not body.dynamic and not later
        #: whether it launches the same each time that ``outer``'s steps are done
        self.fixed = self.repeatable and not any(map(outer.varies, polys))
        self.own = outer.device.allocate(_OWN) if scan.until is not None else None

    def run(self) -> None:
        """Do the loop, noting what there is to repeat."""
        run = Run(self)
        self.outer.recording.do(run)
        if not run.repeats:
            self.outer.recording.repeats = False


class Place(NamedTuple):
    """Where a storage of the step lies in one of the steps around: ``offset`` bytes behind the beginning of
    ``base``, and ``by`` bytes further at each step."""

    of: Any
    base: Any
    offset: int | Poly
    by: int = 0


class FirstCopy(NamedTuple):
    """A copy before the first step: what states begin with."""

    target: Any
    source: Any
    offset: int | Poly
    size: int


class LastCopy(NamedTuple):
    """A copy, after the last step, of a state's last row, which has ``row`` bytes; ``before`` rows lie in
    front of what the first step writes."""

    target: Any
    source: Any
    row: int
    before: int


class Grown(NamedTuple):
    """What has a row of ``row`` bytes for each step that is made, behind ``before`` rows that a state begins
    with."""

    of: Any
    row: int
    before: int


class Run:
    """A loop that is done for certain lengths, and done again when it is called again."""

    def __init__(self, loop: Loop) -> None:
        outer, scan, body = loop.outer, loop.scan, loop.body
        self.body, self.own, self.root = body, loop.own, outer.root
        self.device, self.stream = outer.device, outer.stream
        self.value = outer.evaluator.poly
        self.until = scan.until is not None
        self.n = self.value(scan.n)
        self.around = outer.address
        self.address: dict[Any, int] = {}
        self.recording: Recording | None = None
        self.repeats = not self.until
        self.still: list[Place] = []
        self.per_step: list[Place] = []
        self.first: list[FirstCopy] = []
        self.last: list[LastCopy] = []
        self.grown = [Grown(a.memory, self.value(row) * _size(a), depth) for a, row, depth in scan.grown]
        #: where memory of the steps around is held until their next call
        self.memory = outer.data_dependent_memory
        ends = [*(s.last or s.target for s in scan.states), *([scan.done] if scan.done is not None else [])]
        #: targets of copies that a kernel must do, as the driver would after a wrong index, too
        self.guarded = {a.memory for a in ends if scan.copying is not None and _outlives(outer, a.memory)}
        self.copy_kernel = body.functions[scan.copying.name] if scan.copying is not None else None
        self.arrays: dict[Array, np.ndarray] = {}
        self._lay_out(outer, scan)
        self.done_at = scan.done.memory if scan.done is not None else None
        self.steady_patches: list[Patch] = []
        self.per_step_patches: list[Patch] = []

    # where everything lies

    def _offset(self, outer: Any, offset: Poly, size: int) -> int | Poly:
        """How far behind its base's beginning something lies: to be computed at each call if that varies."""
        if outer.varies(offset):
            self.repeats = False
            return offset * size
        return self.value(offset) * size

    def _lengths(self, argument: int, shape: tuple[Poly, ...]) -> None:
        """Tell the body the lengths of an argument."""
        for length in self.body.plan.lengths:
            if length.argument == argument:
                self.body.evaluator.lengths[length.symbol] = self.value(shape[length.axis])

    def _lay_out(self, outer: Any, scan: Scan) -> None:
        inner = self.body.plan
        for row in scan.sequences:
            self._lengths(row.argument, row.shape)
            size = _size(row.array)
            begin, move = self._offset(outer, row.offset, size), self.value(row.by) * size
            self.per_step.append(Place(inner.arguments[row.argument].memory, row.array.memory, begin, move))
        for state in scan.states:
            size, target = _size(state.target), state.target.memory
            row, initial = self.value(state.row) * size, state.initial
            begin = self._offset(outer, initial.offset, size)
            self.first.append(FirstCopy(target, initial.array.memory, begin, state.depth * row))
            for argument, tap in state.taps:
                self._lengths(argument, state.shape)
                place = inner.arguments[argument].memory
                if state.kept:
                    self.per_step.append(Place(place, target, (state.depth + tap) * row, row))
                else:
                    self.still.append(Place(place, target, 0))
            if state.kept:
                place = inner.results[state.result].memory
                self.per_step.append(Place(place, target, state.depth * row, row))
            if state.last is not None:
                self.last.append(LastCopy(state.last.memory, target, row, state.depth - 1))
        read = {u for length in inner.lengths if length.value is not None for u in length.value.uses}
        for row in scan.invariants:
            self._invariant(outer, row, read)
        for row in scan.mapped:
            move = self.value(row.by) * _size(row.array)
            self.per_step.append(Place(inner.results[row.result].memory, row.array.memory, 0, move))
        if self.until:
            self.address[inner.results[scan.until].memory] = self.own.address

    def _invariant(self, outer: Any, row: Row, read: set[Array]) -> None:
        """What is the same at each step; where lengths are computed from it, as the host has it."""
        self._lengths(row.argument, row.shape)
        inner, array = self.body.plan.arguments[row.argument], row.array
        offset = self._offset(outer, row.offset, _size(array))
        self.still.append(Place(inner.memory, array.memory, offset))
        base = outer.constants.get(array)
        base = outer.arrays.get(array) if base is None else base
        if inner in read and base is not None:
            begin, shape = self.value(row.offset), tuple(map(self.value, row.shape))
            count = int(np.prod(shape, dtype=np.int64))
            self.arrays[inner] = base.reshape(-1)[begin : begin + count].reshape(shape)

    # the steps

    def __call__(self) -> None:
        address, around = self.address, self.around
        room = min(self.n, _FIRST_ROWS)
        self._lengthen(0, room)
        for target, source, offset, size in self.first:
            self._copy(target, around[source] + self._bytes(offset), size)
        for place in self.still:
            address[place.of] = around[place.base] + self._bytes(place.offset)
        starts = self._starts()
        write_in(self.steady_patches, address)
        done = 0
        while done < self.n:
            if self.grown and done == room:
                room = min(self.n, 2 * room)
                self._lengthen(done, room)
                starts = self._starts()
            for key, start, by in starts:
                address[key] = start + done * by
            self._step(done)
            done += 1
            if self.until and self._stops():
                break
        for target, source, row, before in self.last:
            self._copy(target, around[source] + (done + before) * row, row)
        if self.done_at is not None:
            place = self.own.address + _CONDITION
            memset = self.device.driver.memset_d32_async
            memset(place, done & 0xFFFFFFFF, 1, self.stream)
            memset(place + 4, done >> 32, 1, self.stream)
            self._copy(self.done_at, place, 8)

    def _starts(self) -> list[tuple[Any, int, int]]:
        """What moves, where it lies at the first step, and how far it moves."""
        return [(p.of, self.around[p.base] + self._bytes(p.offset), p.by) for p in self.per_step]

    def _lengthen(self, used: int, rows: int) -> None:
        """Memory for so many rows, of which ``used`` have been written, of what has one for each step that is
        made."""
        for key, row, before in self.grown:
            memory = self.device.allocate((rows + before) * row)
            if used:
                self.device.driver.memcpy_dtod_async(
                    memory.address, self.around[key], (used + before) * row, self.stream
                )
            self.memory[key] = memory
            self.around[key] = memory.address

    def _bytes(self, offset: int | Poly) -> int:
        return offset if isinstance(offset, int) else self.value(offset)

    def _step(self, done: int) -> None:
        if self.recording is not None:
            write_in(self.per_step_patches, self.address)
            for action in self.recording.actions:
                action()
            return
        if not done:
            self.body.begin(self.address, self.arrays)
        recording = self.body.record()
        if not self.body.steady:
            return
        self.recording = recording
        self.repeats &= recording.repeats
        per_step = {place.of for place in self.per_step}
        self.steady_patches = [p for p in recording.patches if p.of not in per_step]
        self.per_step_patches = [p for p in recording.patches if p.of in per_step]

    def _stops(self) -> bool:
        """Whether the condition of the step holds: the only thing that is waited for."""
        buffer = self.root.pinned()
        self.device.driver.memcpy_dtoh_async(buffer[:1], self.own.address, self.stream)
        self.stream.synchronize()
        return bool(buffer[0])

    def _copy(self, target: Any, source: int, size: int) -> None:
        to = self.around[target]
        if to == source or not size:
            return
        if target not in self.guarded:
            self.device.driver.memcpy_dtod_async(to, source, size, self.stream)
            return
        grid = (min(-(-size // THREADS), MAX_BLOCKS), 1, 1)
        packed = struct.pack("@PPqP", to, source, size, self.root.returned.address)
        self.copy_kernel._launch_kernel(grid, (THREADS, 1, 1), packed, 0, self.stream)


def _size(array: Array) -> int:
    return np.dtype(array.dtype).itemsize


def _outlives(outer: Any, place: Any) -> bool:
    """Whether what memory has matters after the steps around: that of shared variables, or of the inputs and
    outputs of a loop's step."""
    plan = outer.plan
    if plan.prefix:
        return outer.moves(place)
    return place.kind == "argument" and plan.inputs <= place.index < plan.inputs + plan.shared
