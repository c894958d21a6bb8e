"""Runs a program on the device: lengths on the host, inputs copied once, kernels launched in order.

All that a call returns lies side by side in one piece of device memory, behind the flags of wrong indices, so
that a call waits for one copy only; a call that returns nothing and checks no index does not wait at all.
"""

from __future__ import annotations

import struct
import weakref
from functools import partial
from typing import Any

import numpy as np

from ...configuration import config
from ...graph import Variable
from ...graph.shared import as_compiled, itself
from ...ranks import together
from ...render.cuda import kernels
from ...render.cuda_scalar import FORMATS
from ...scalar.expression import Expr
from ...scalar.integer import Poly, Symbol, product
from ...schedule.arrays import Array
from ..reference import explain_index
from . import blas, nccl
from .compile import load_module
from .driver import Memory, open_device, resident
from .host import Evaluator
from .loop import Loop
from .recording import Graph, Recording, Returned
from .steps import Steps, aligned

#: recordings that a function keeps; one has a few hundred bytes a launch
_RECORDINGS = 256


class CudaExecutor(Steps):
    """The compiled form of a program on a device ('cuda' or 'cuda-emulated')."""

    loop_of = staticmethod(Loop)

    def __init__(self, stages: Any) -> None:
        """``stages``: those that the program has gone through (see compile/pipeline.py)."""
        self.stages = stages
        self.device_name = stages.target.device
        self.device = open_device(self.device_name)
        #: what only a current context can let go of
        self.driver_objects: dict[str, Any] = {}
        self.device.keep(self, self.driver_objects)
        with self.device:
            self._compile()

    def _compile(self) -> None:
        stages = self.stages
        self.program, self.resized = stages.final, stages.resized
        # what refers to the executor does so weakly: its memory is given back as soon as nobody needs it
        self.root = self.weakly = weakref.proxy(self)
        self.cublas = blas.library() if config.cublas else None
        self.nccl, self.asked, self.found = config.nccl, False, None
        plan, rendered = stages.plan, stages.rendered
        self._take(plan)
        self.source, self.arguments = rendered.source, rendered.arguments
        self.varying_lengths = self.dynamic
        self.captures = plan.captures
        self.stream = self.driver_objects["stream"] = self.device.driver.Stream()
        #: where in a piece of memory the values of a call are, if kernels do not get them as arguments
        self.table = {what: k for k, what in enumerate(plan.table)}
        #: bytes of the flags of wrong indices, in front of what is returned
        self.flags = -(-4 * plan.flags // 16) * 16
        self._load([kernel for _, kernel in kernels(plan)])
        self._constants()
        shared = plan.arguments[plan.inputs : plan.inputs + plan.shared]
        #: the shared variables with the memory of each
        self.shareds = [(s, array.memory) for s, array in zip(self.program.shareds, shared, strict=True)]
        pointers = {a.of for given in self.arguments.values() for a in given if a.kind == "pointer"}
        pointers |= {a.source.memory for a in self.copied}
        pointers |= {u.memory for a in self.products for u in (a.a.array, a.b.array, a.target)}
        pointers |= {place.memory for loop in self.loops.values() for place in loop.given}
        pointers |= {a.memory for call in self.calls_back for a in call.operands}
        self.uploaded = [a for a in self.inputs if a.memory in pointers]
        self.evaluator = Evaluator(partial(CudaExecutor._read, self.weakly))
        self._sort_values()
        #: whether what is launched follows from what is known before the first launch
        self.repeatable = not self.data_dependent and all(loop.repeatable for loop in self.loops.values())
        #: for the lengths, addresses and values that decide what is launched: what was
        self.recordings: dict[tuple, Recording] = {}
        self.known_lengths: Any = None
        self.borrowed: dict[int, np.ndarray] = {}
        self.table_memory = self.device.allocate(8 * len(self.table)) if self.table else None
        self.table_host = np.zeros(len(self.table), np.int64)
        self._make_room(self.flags)
        self.input_memory: dict[Array, Memory] = {}
        self.profiled = plan.profiled
        self.seconds = [0.0] * len(plan.steps)
        self.calls = 0

    def communicator(self) -> nccl.Communicator | None:
        """What makes means over ranks, if not the host; all ranks ask at the first mean of a function."""
        if not self.asked:
            self.found = nccl.communicator(self.device, self.nccl)
            self.asked = True
        return self.found

    # what is there before the first call

    def moves(self, place: Any) -> bool:
        """Whether memory may lie elsewhere when a recording is repeated."""
        return False

    def _constants(self) -> None:
        """The constants in memory."""
        self.constant_memory = []
        for array, values in self.constants.items():
            memory = self.device.allocate(values.nbytes)
            if values.nbytes:
                self.device.driver.memcpy_htod(memory.address, np.ascontiguousarray(values))
            self.constant_memory.append(memory)
            self.address[array.memory] = memory.address

    def _load(self, made: list[Any]) -> None:
        self.functions: dict[str, Any] = {}
        self.driver_objects["functions"] = self.functions
        if not made:
            return
        self.driver_objects["module"] = load_module(
            self.device.driver, self.source, self.device.arch, self.device.emulated
        )
        for kernel in made:
            for name in [kernel.name, *([f"{kernel.name}_end"] if kernel.partial else [])]:
                self.functions[name] = self.driver_objects["module"].get_function(name)

    def _sort_values(self) -> None:
        """Which values of a call decide what is launched; the other ones are only arguments of kernels."""
        plan = self.plan
        polys = [
            *(size for slot in plan.slots for size in slot.sizes),
            *(n for shape in plan.shapes for n in shape),
            *(n for a in self.copied for n in a.source.shape),
            *(p for k in self.kernels for p in (k.rows, *k.inner, k.batch)),
            *(n for k in self.kernels for n, _ in k.least),
            *(p for loop in self.loops.values() for p in loop.lengths),
        ]
        atoms = dict.fromkeys(a for p in polys for monomial in p.terms for a in monomial)
        self.key_symbols = [a for a in atoms if isinstance(a, Symbol) and a in self.dynamic]
        self.key_values = [a for a in atoms if isinstance(a, Expr) and self.varies(Poly.of(a))]
        self.varying_checks = {k for k in self.first_checks if any(map(self.varies, plan.checks[k].polys))}
        self.dynamic_lengths = [s for s in self.computed if s in self.dynamic]
        inputs = set(self.inputs)
        self.varying_products = {
            a
            for a in self.products
            if any(map(self.varies, blas.lengths_of(a)))
            or any(e.uses & inputs for e in (a.alpha, a.beta) if e is not None)
        }

    def __call__(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        with self.device:
            return self._call(inputs)

    def _call(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        self.arrays = dict(zip(self.inputs, inputs, strict=True))
        self.data_dependent_memory: dict[Any, Memory] = {}
        try:
            key = self._lengths()
            self.device.take_turn(self.stream)
            recording = self.recordings.get(key) if key is not None else None
            if recording is None:
                recording = self._record(key)
            else:
                self._repeat(recording)
            self.calls += 1
            results = self._results(recording, inputs)
        except IndexError as error:
            raise type(error)(f"{self.program.title}: {error}") from None
        for shared in reversed(self.resized):
            shared.data = results.pop()
        return results

    def _record(self, key: tuple | None) -> Recording:
        """Do all steps, and note what there is to repeat unless ``key`` is None."""
        self.recording = Recording()
        self.address = dict(self.address)
        self._place()
        self._upload()
        self._steps()
        recording = self.recording
        self._fetch(self.return_size)
        recording.returns, recording.return_size = self.returns, self.return_size
        recording.address = self.address
        if key is not None:
            if len(self.recordings) >= _RECORDINGS:
                self.recordings.clear()
            self.recordings[key] = recording
        return recording

    def pinned(self) -> np.ndarray:
        """A few bytes that the device copies to."""
        if "few" not in self.driver_objects:
            self.driver_objects["few"] = self.device.pinned(16)
        return self.driver_objects["few"]

    def _fetch(self, size: int) -> None:
        """Copy what is returned."""
        if size:
            buffer = self.driver_objects["buffer"][:size]
            self.device.driver.memcpy_dtoh_async(buffer, self.returned.address, self.stream)

    def _repeat(self, recording: Recording) -> None:
        self.address = recording.address
        self._upload()
        if self.captures and recording.repeats:
            if recording.graph is None:
                fetch = partial(self._fetch, recording.return_size)
                recording.graph = Graph(self.device, self.stream, [*recording.actions, fetch])
            recording.graph.launch()
        else:
            recording.repeat(self.values)
            self._fetch(recording.return_size)

    def _lengths(self) -> tuple | None:
        """The lengths known before the call, and the checks on them.

        Returns what decides which launches there are; None where that is found in the middle of the call.
        """
        lengths = self.evaluator.lengths
        arrays = self.arrays
        self.copies = {place: resident(itself(s), self.device) for s, place in self.shareds}
        known = (
            *(a.shape for a in arrays.values()),
            *((c.address, c.shape) for c in self.copies.values()),
        )
        again = known == self.known_lengths
        if not again:
            self.known_lengths = None
            for s in self.program.shareds:
                as_compiled(s)
            for length in self.plan.lengths:
                if length.argument is not None:
                    array = self.plan.arguments[length.argument]
                    value = arrays[array] if array in arrays else self.copies[array.memory]
                    lengths[length.symbol] = value.shape[length.axis]
        for symbol in self.dynamic_lengths if again else self.first_lengths:
            self._length(symbol)
        for k in self.varying_checks if again else self.first_checks:
            self._check(k)
        self.known_lengths = known
        self.values = {s: lengths[s] for s in self.dynamic}
        for array in self.plan.values:
            self.values[array] = arrays[array].item()
        if not self.repeatable or self.profiled:
            return None
        evaluator = self.evaluator
        return (
            known,
            *(lengths[s] for s in self.key_symbols),
            *(int(evaluator.scalar(e)) for e in self.key_values),
        )

    def _place(self) -> None:
        """Addresses in the arena and of what is returned."""
        self._make_arena()
        place = self.flags
        self.returns: list[Returned] = []
        for k, lengths in enumerate(self.plan.shapes):
            if k not in self.plan.data_dependent:
                shape = tuple(map(self.evaluator.poly, lengths))
                dtype = np.dtype(self.plan.results[k].dtype)
                self.returns.append(Returned(k, place, shape, dtype))
                place += -(-self.evaluator.poly(product(lengths)) * dtype.itemsize // 16) * 16
        self.return_size = place
        if place > self.returned.size:
            self._make_room(place)
        for result in self.returns:
            self.address[self.plan.results[result.number].memory] = self.returned.address + result.place
        for place, copy in self.copies.items():
            self.address[place] = copy.address

    def _make_room(self, size: int) -> None:
        """Memory for what is returned, here and there, with all flags down."""
        self.recordings.clear()
        self.returned = self.device.allocate(aligned(size))
        self.driver_objects["buffer"] = self.device.pinned(aligned(size))
        self._lower_flags()

    def _lower_flags(self) -> None:
        if self.flags:
            self.device.driver.memset_d32(self.returned.address, 0, self.flags // 4)

    def _upload(self) -> None:
        """Inputs that kernels read from memory; 0-d ones are arguments of the kernels that read them, or in a
        table if the launches are those of a graph."""
        if self.table_memory is not None:
            for what, k in self.table.items():
                letter = FORMATS[what.dtype] if isinstance(what, Array) else "q"
                struct.pack_into(f"@{letter}", self.table_host, 8 * k, self.values[what])
            self.device.driver.memcpy_htod_async(self.table_memory.address, self.table_host, self.stream)
        for v in self.uploaded:
            array = self.arrays[v]
            if not array.flags.c_contiguous or not array.flags.aligned:
                array = np.array(array, order="C")
            memory = self.input_memory.get(v)
            if memory is None or memory.size < array.nbytes:
                memory = self.input_memory[v] = self.device.allocate(array.nbytes)
                self.recordings.clear()
            self.address[v.memory] = memory.address
            if array.nbytes:
                # from pageable memory, so the array has been read when this returns
                self.device.driver.memcpy_htod_async(memory.address, array, self.stream)

    def _results(self, recording: Recording, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """What is returned, after one copy of it all; raises if a kernel met a wrong index."""
        results: list[Any] = [None] * self.plan.outputs
        if not self.flags and not self.plan.outputs:
            self.device.leave(self.stream)
            return results
        for k in self.plan.data_dependent:
            result = self.plan.results[k]
            array = np.empty(tuple(map(self.evaluator.poly, self.plan.shapes[k])), result.dtype)
            if array.nbytes:
                self.device.driver.memcpy_dtoh_async(array, self.address[result.memory], self.stream)
            results[k] = array
        self.stream.synchronize()
        buffer = self.driver_objects["buffer"]
        if self.flags and buffer[: self.flags].any():
            self._bad_index(inputs)
        for k, start, shape, dtype in recording.returns:
            array = self.borrowed.get(k)
            if array is None or array.shape != shape:
                array = np.empty(shape, dtype)
                if self.program.borrow[k]:
                    self.borrowed[k] = array
            array.reshape(-1).view(np.uint8)[:] = buffer[start : start + array.nbytes]
            results[k] = array
        return results

    def _bad_index(self, inputs: list[np.ndarray]) -> None:
        """Raise the error of a wrong index, in the reference's words."""
        self._lower_flags()
        known, muted = together(), False
        if known is not None:
            # the others may go on: nobody is waited for, and means are what they are given
            muted, known.muted = known.muted, True
        try:
            explain_index(inputs, self.stages)
        finally:
            if known is not None:
                known.muted = muted

    def rewritten(self) -> list[Variable]:
        return self.stages.rewritten.results

    def profile(self) -> Any:
        """Where the time went, each step waited for; None of a function compiled without ``profile``."""
        from ...profile import Profile

        if not self.profiled:
            return None
        rows = [
            (step.sources, seconds, self.calls)
            for step, seconds in zip(self.plan.steps, self.seconds, strict=True)
            if step.sources
        ]
        return Profile(self.program.title, rows)
