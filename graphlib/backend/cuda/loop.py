"""Loops: the kernels of a step, launched for each step with pointers moved to the next rows.

A step is noted when it is done for the first time, like a call of a function; each further one writes the
addresses that move into the arguments and launches again.  Nothing of it waits for the device but a condition
that ends a loop, and lengths inside a step that depend on values.
"""

from __future__ import annotations

import struct
import weakref
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ...compile.lowering import Strided
from ...compile.steps import ScanStep
from ...errors import ShapeError
from ...graph import Constant, Variable
from ...scalar.integer import Poly, product
from .grids import MAX_BLOCKS, THREADS
from .host import Evaluator
from .kernels.kernel import Argument, Flags, Kernel, KernelMemory
from .kernels.writer import leaving
from .recording import Patch, Recording, write_in
from .steps import Steps

#: bytes of a loop's own on the device: of its condition, and of how many steps it made
_CONDITION, _OWN = 8, 16

#: for how many steps a loop that a condition ends has room at first
_FIRST_ROWS = 16


class Body(Steps):
    """The step of a loop, whose inputs and outputs lie where ``address`` says: elsewhere at each step."""

    def __init__(self, outer: Steps, step: ScanStep, prefix: str, flags: Flags) -> None:
        self.root, self.device, self.cublas = outer.root, outer.device, outer.cublas
        self.prefix, self.constants, self.on_host = prefix, outer.constants, set(outer.constants)
        self._plan(step.inner)
        for k in self.late_outputs:
            raise ShapeError(
                f"the shape of {self.program.outputs[k].describe()}, computed in a step of a loop, depends "
                "on values that are computed there"
            )
        self.inputs = set(self.program.inputs)
        self.varying_lengths = self.varying_products = frozenset()
        self.profiled = False
        weakly = weakref.proxy(self)
        self._write(KernelMemory(self.low, partial(Body.storage, weakly), set(), None, flags))
        self.evaluator = Evaluator(partial(Body._read, weakly))
        self.arrays: dict[Variable, np.ndarray] = {}
        self.copies: dict[Any, Any] = {}
        #: whether all steps are alike, but for what moves
        self.steady = not self.late_symbols and all(loop.fixed for loop in self.loops.values())

    @property
    def functions(self) -> dict[str, Any]:
        return self.root.functions

    @property
    def stream(self) -> Any:
        return self.root.stream

    def outlives(self, target: Any) -> bool:
        """Whether what a storage has matters after the step."""
        return isinstance(target, tuple) or target in self.inputs

    def moves(self, key: Any) -> bool:
        """Whether a storage may lie elsewhere at the next step or in the next run of the loop."""
        return self.outlives(key)

    def copies_by_kernels(self, target: Any, flags: Flags) -> bool:
        """The driver's copies know no addresses that move."""
        return True

    def begin(self, address: dict[Any, int], arrays: dict[Variable, np.ndarray]) -> None:
        """Lengths, checks of lengths, and memory, for the steps that follow."""
        self.address, self.arrays = address, arrays
        for symbol in self.first_dims:
            self.evaluator.lengths[symbol] = self.evaluator.poly(self.low.dims[symbol])
        for k in self.first_checks:
            self._check(k)
        self._make_arena()

    def record(self) -> Recording:
        """Do a step, noting what there is to repeat."""
        self.recording = Recording()
        self.late_memory: dict[Any, Any] = {}
        self._steps()
        return self.recording


class Loop:
    """A loop of ``outer``, its step's kernels being ``body``'s."""

    def __init__(self, outer: Steps, step: ScanStep, prefix: str, flags: Flags) -> None:
        self.outer, self.step = weakref.proxy(outer), step
        self.body = body = Body(outer, step, prefix, flags)
        #: where it begins to read what it is given
        self.places = [*step.sequences, *step.initial, *step.invariants]
        shapes = [n for group in step.shapes.values() for shape in group for n in shape]
        #: what decides which launches there are
        self.lengths = [step.n, *shapes, *(s for place in self.places for s in place.strides)]
        polys = [*self.lengths, *(place.offset for place in self.places)]
        late = any(map(outer.low.late, polys))
        #: whether what it launches follows from what is known before the first launch of a function
        self.repeatable = body.steady and not body.dynamic and not late
        #: whether it launches the same each time that ``outer``'s steps are done
        self.fixed = self.repeatable and not any(map(outer.varies, polys))
        self.copying = self._copying(outer, prefix, flags.earlier)
        self.own = outer.device.allocate(_OWN) if step.results.done is not None else None

    def _copying(self, outer: Steps, prefix: str, flags: int) -> Kernel | None:
        """The kernel that copies to what outlives the steps around, after a look at the flags, if there are
        any."""
        results = self.step.results
        written = [outer.storage(v) for v in (*results.last, results.done) if v in self.step.outputs]
        if not flags or not any(map(outer.outlives, written)):
            return None
        name = f"{prefix}copy"
        text = (
            f'\nextern "C" __global__ void __launch_bounds__({THREADS}) {name}(unsigned char *to, '
            "const unsigned char *from, long long size, const int *failed) {\n"
            f"    {leaving(flags)}\n    GL_EACH_THREAD(k, size) to[k] = from[k];\n}}\n"
        )
        return Kernel(name, text, [Argument("failed", None)], "threads", Poly.of(1))

    def kernels(self) -> Iterator[Kernel]:
        yield from self.body.kernels()
        if self.copying is not None:
            yield self.copying

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
        outer, step, body = loop.outer, loop.step, loop.body
        self.body, self.own, self.root = body, loop.own, outer.root
        self.device, self.stream = outer.device, outer.stream
        self.value = outer.evaluator.poly
        self.until = step.op.until
        self.n = self.value(step.n)
        self.around = outer.address
        self.address: dict[Any, int] = {v: m.address for v, m in body.constants.items()}
        self.recording: Recording | None = None
        self.repeats = not self.until
        self.still: list[Place] = []
        self.moving: list[Place] = []
        self.first: list[FirstCopy] = []
        self.last: list[LastCopy] = []
        self.grown: list[Grown] = []
        #: where memory of the steps around is held until their next call
        self.memory = outer.late_memory
        #: targets of copies that a kernel must do, as the driver would after a wrong index, too
        self.guarded = {
            outer.storage(v)
            for v in (*step.results.last, step.results.done)
            if loop.copying is not None and v in step.outputs and outer.outlives(outer.storage(v))
        }
        self.copy_kernel = body.functions[loop.copying.name] if loop.copying is not None else None
        self.arrays: dict[Variable, np.ndarray] = {}
        self._lay_out(outer, step)
        self.done_at = outer.storage(step.results.done) if step.results.done in step.outputs else None
        self.still_patches: list[Patch] = []
        self.moving_patches: list[Patch] = []

    # where everything lies

    def _offset(self, outer: Any, place: Strided, size: int) -> int | Poly:
        """How far behind its base's beginning something lies: to be computed at each call if that varies."""
        if outer.varies(place.offset):
            self.repeats = False
            return place.offset * size
        return self.value(place.offset) * size

    def _lengths(self, variables: Any, shapes: list[tuple[Poly, ...]]) -> list[int]:
        """Tell the body the lengths of its inputs; how many elements each has."""
        found = []
        for v, shape in zip(variables, shapes, strict=True):
            for axis, n in enumerate(shape):
                symbol = self.body.low.leaf_dims.get((v, axis)) if v is not None else None
                if symbol is not None:
                    self.body.evaluator.lengths[symbol] = self.value(n)
            found.append(self.value(product(shape)))
        return found

    def _lay_out(self, outer: Any, step: ScanStep) -> None:
        op, results, shapes = step.op, step.results, step.shapes
        self._lengths(op.rows, shapes["sequences"])
        for v, place in zip(op.rows, step.sequences, strict=True):
            size = v.type.numpy_dtype.itemsize
            move = self.value(place.strides[0]) * size
            begin = self._offset(outer, place, size)
            self.moving.append(Place(v, outer.storage(place.base), begin, move))
        number = 0
        for k, (state, place) in enumerate(zip(op.states, step.initial, strict=True)):
            history, last = results.histories[k], results.last[k]
            shape = shapes["states"][k]
            self._lengths(op.taps[k], [shape] * len(state.taps))
            size = last.type.numpy_dtype.itemsize
            row = self.value(product(shape)) * size
            target = outer.storage(last if history is None else history)
            if history in step.grown:
                self.grown.append(Grown(target, row, state.depth))
            begin = self._offset(outer, place, size)
            self.first.append(FirstCopy(target, outer.storage(place.base), begin, state.depth * row))
            if history is None:
                self.still += [Place(v, target, 0) for v in op.taps[k]]
                continue
            for tap, v in zip(state.taps, op.taps[k], strict=True):
                self.moving.append(Place(v, target, (state.depth + tap) * row, row))
            self.moving.append(Place(("result", number), target, state.depth * row, row))
            number += 1
            if last in step.outputs:
                self.last.append(LastCopy(outer.storage(last), target, row, state.depth - 1))
        sizes = self._lengths(op.invariants, shapes["invariants"])
        read = {u for p in self.body.low.dims.values() for u in p.uses}
        for v, place, count in zip(op.invariants, step.invariants, sizes, strict=True):
            offset = self._offset(outer, place, v.type.numpy_dtype.itemsize)
            self.still.append(Place(v, outer.storage(place.base), offset))
            base = place.base.data if isinstance(place.base, Constant) else outer.arrays.get(place.base)
            if v in read and base is not None:
                begin = self.value(place.offset)
                shape = tuple(map(self.value, step.shapes["invariants"][op.invariants.index(v)]))
                self.arrays[v] = base.reshape(-1)[begin : begin + count].reshape(shape)
        for k, (y, shape) in enumerate(zip(results.mapped, shapes["mapped"], strict=True), number):
            row = self.value(product(shape)) * y.type.numpy_dtype.itemsize
            self.moving.append(Place(("result", k), outer.storage(y), 0, row))
            if y in step.grown:
                self.grown.append(Grown(outer.storage(y), row, 0))
        if op.until:
            self.address["result", number + op.mapped] = self.own.address

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
        write_in(self.still_patches, address)
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
        return [(p.of, self.around[p.base] + self._bytes(p.offset), p.by) for p in self.moving]

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
            write_in(self.moving_patches, self.address)
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
        moving = {place.of for place in self.moving}
        self.still_patches = [p for p in recording.patches if p.of not in moving]
        self.moving_patches = [p for p in recording.patches if p.of in moving]

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


def loop_of(outer: Steps, step: ScanStep, prefix: str, flags: Flags) -> Loop:
    """The loop of a step of ``outer``.

    Where kernels of it check indices it is written twice: only then it is known how many flags those at its
    beginning must look at.
    """
    before = flags.count
    loop = Loop(outer, step, prefix, flags)
    if flags.count > before:
        around = flags.all_in_loop
        flags.count, flags.all_in_loop = before, flags.earlier
        loop = Loop(outer, step, prefix, flags)
        flags.all_in_loop = around
    return loop


__all__ = ["Loop", "loop_of"]
