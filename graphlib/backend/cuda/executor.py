"""Runs a program on the device: lengths on the host, inputs copied once, kernels launched in order.

All that a call returns lies side by side in one piece of device memory, behind the flags of wrong indices, so
that a call waits for one copy only; a call that returns nothing and checks no index does not wait at all.
"""

from __future__ import annotations

import struct
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ...compile.lowering import check_message
from ...compile.memory import plan
from ...compile.program import Program
from ...compile.schedule import Copy, LibraryCall, Loops, MatMul, Pushes, Schedule, Step
from ...configuration import config
from ...errors import DeviceError, ShapeError
from ...graph import Constant, Shared, Variable
from ...rewrite import rewrite
from ...scalar.expression import Expr
from ...scalar.integer import Poly, Symbol, product
from ..reference import ReferenceExecutor
from . import blas
from .compile import load_module
from .driver import Memory, open_device, resident
from .epilogue import Epilogue, with_epilogues
from .grids import MAX_BLOCKS, SORT, THREADS, WARP, grid_of
from .host import Evaluator
from .kernels import Argument, Kernel, KernelWriter
from .kernels import Memory as KernelMemory
from .recording import Graph, Recording
from .scalar import FORMATS

_ALIGNMENT = 256
#: recordings that a function keeps; one has a few hundred bytes a launch
_RECORDINGS = 256


@dataclass
class Late:
    """What can be found after a step whose results lengths depend on."""

    symbols: list[Symbol]
    checks: list[int]
    arrays: list[Any]


class CudaExecutor:
    """The compiled form of a program on a device ('cuda' or 'cuda-emulated')."""

    def __init__(self, program: Program, profile: bool, device: str) -> None:
        self.original = program
        self.user_program = program.with_results(rewrite(program.results, program.inputs))
        self.program, self.resized = self.user_program.with_resized_as_outputs()
        program = self.program
        self.device = open_device(device)
        self.device_name = device
        #: what only a current context can let go of
        self.driver_objects: dict[str, Any] = {}
        self.device.keep(self, self.driver_objects)
        with self.device:
            self._compile(profile)

    def _compile(self, profile: bool) -> None:
        program = self.program
        self.cublas = blas.library() if config.cublas else None
        self.schedule = Schedule(program)
        self.low = self.schedule.low
        self.late_symbols = [s for s, p in self.low.dims.items() if self.low.late(p)]
        self.late_checks = {
            k for k, c in enumerate(self.low.checks) if self.low.late(c.left) or self.low.late(c.right)
        }
        self.outputs = len(program.outputs)
        if self.cublas is None:
            self.schedule.steps = with_epilogues(self.schedule, self.storage)
        self.late_outputs = {k for k, v in enumerate(program.outputs) if self.is_late(v)}
        self.scalars = {v for v in program.inputs if v.ndim == 0}
        #: lengths and offsets that depend on values, not only on the lengths of inputs
        self.dynamic = {s for s in self.low.dims if self.schedule.reads_for(s)} - set(self.late_symbols)
        self.captures = config.cuda_graph and not profile and not self.late_symbols
        #: steps that begin with a copy by the driver, from a variable to a storage; products done by cuBLAS
        self.driver_copies: dict[Step, tuple[Variable, Any]] = {}
        self.by_cublas: set[Step] = set()
        self.constants = {v: self._constant(v) for v in self.schedule.constants()}
        self.steps: list[tuple[Step, list[Kernel]]] = []
        # what refers to the executor does so weakly: its memory is given back as soon as nobody needs it
        self.weakly = weakref.proxy(self)
        storage = partial(CudaExecutor.storage, self.weakly)
        memory = KernelMemory(self.low, storage, self.scalars, self.dynamic if self.captures else None)
        for number, step in enumerate(self.schedule.steps):
            self.steps.append((step, self._kernels(number, step, memory)))
        self.slots = plan(self.schedule, self.in_arena)
        kernels = [k for _, ks in self.steps for k in ks]
        self.source = "\n".join(k.text for k in kernels)
        #: where in a piece of memory the values of a call are, if kernels do not get them as arguments
        self.table = memory.table
        #: bytes of the flags of wrong indices, in front of what is returned
        self.flags = -(-4 * memory.checking // 16) * 16
        self._load(kernels)
        self._sort_lengths()
        self.in_memory = (
            {a.of for k in kernels for a in k.arguments if a.kind == "pointer"}
            | {source for source, _ in self.driver_copies.values()}
            | {u for step in self.by_cublas for u in (step.a.base, step.b.base, step.c) if u is not None}
        )
        self.uploaded = [v for v in program.inputs if v in self.in_memory]
        self.evaluator = Evaluator(partial(CudaExecutor._read, self.weakly))
        self._sort_values()
        #: for the lengths, addresses and values that decide what is launched: what was
        self.recordings: dict[tuple, Recording] = {}
        self.known_lengths: Any = None
        self.borrowed: dict[int, np.ndarray] = {}
        self.table_memory = self.device.allocate(8 * len(self.table)) if self.table else None
        self.table_host = np.zeros(len(self.table), np.int64)
        self.arena: Memory | None = None
        self._make_room(self.flags)
        self.input_memory: dict[Variable, Memory] = {}
        self.partial_memory: dict[Variable, Memory] = {}
        self.address: dict[Any, int] = {v: m.address for v, m in self.constants.items()}
        self.stream = self.driver_objects["stream"] = self.device.driver.Stream()
        self.profiled = profile
        self.seconds = [0.0] * len(self.steps)
        self.calls = 0

    # planning

    def storage(self, v: Variable) -> Any:
        """In whose memory a variable lies: its own, an updated shared one's, or ('result', number) of an
        output."""
        k = self.schedule.place.get(v)
        if k is None:
            return v
        return ("result", k) if k < self.outputs else list(self.program.updates)[k - self.outputs]

    def in_arena(self, v: Variable) -> bool:
        return self.storage(v) is v and not self.low.is_leaf(v) and not self.is_late(v)

    def is_late(self, v: Variable) -> bool:
        return any(self.low.late(n) for n in self.low.shape(v))

    def _constant(self, v: Constant) -> Memory:
        memory = self.device.allocate(v.data.nbytes)
        if v.data.nbytes:
            self.device.driver.memcpy_htod(memory.address, np.ascontiguousarray(v.data))
        return memory

    def _kernels(self, number: int, step: Step, memory: KernelMemory) -> list[Kernel]:
        def writer(suffix: str = "") -> KernelWriter:
            return KernelWriter(f"step{number}{suffix}", memory)

        def guarded_copy(source: Variable, target: Any) -> list[Kernel]:
            # the driver's copy would also be done after a wrong index
            guarded = memory.checking and isinstance(target, Shared)
            return [writer("_copy").copy(source, target)] if guarded else []

        if isinstance(step, Copy):
            copied = guarded_copy(step.source, self._target(step))
            if not copied:
                self.driver_copies[step] = (step.source, self._target(step))
            return copied
        if isinstance(step, Loops):
            return writer().group(step)
        if isinstance(step, Pushes):
            start = []
            if isinstance(step.base, Expr):
                start = [writer("_fill").fill(step.variable, step.base)]
            elif step.base is not None and self.storage(step.base) != self.storage(step.variable):
                start = guarded_copy(step.base, self.storage(step.variable))
            if not start and isinstance(step.base, Variable):
                self.driver_copies[step] = (step.base, self.storage(step.variable))
            return start + [writer(f"_{k}").piece(step.variable, p) for k, p in enumerate(step.pieces)]
        if isinstance(step, MatMul):
            return self._product(step, writer, memory)
        if isinstance(step, Epilogue):
            return writer().gemm_and_loops(step.product, step.loops)
        if isinstance(step, LibraryCall) and step.call.function in ("gl_sort", "gl_argsort"):
            return writer().sort(step)
        if isinstance(step, LibraryCall):
            return [writer().library(step)]
        what = ", ".join(v.describe() for node in step.nodes for v in node.outputs[:1])
        raise DeviceError(
            f"{self.program.title}: loops and branches do not run on {self.device_name}: {what}. "
            "Compile this function with graphlib.config.device='cpu'."
        )

    def _product(
        self, step: MatMul, writer: Callable[..., KernelWriter], memory: KernelMemory
    ) -> list[Kernel]:
        """The kernel of a product; of one by cuBLAS that of its scalars, where they depend on the device."""
        target, c = self.storage(step.variable), step.c
        after_a_check = memory.checking > 0 and isinstance(target, Shared)
        copies = isinstance(c, Variable) and self.storage(c) != target
        if self.cublas is None or isinstance(c, Expr) or (after_a_check and copies):
            return [writer().gemm(step)]
        self.by_cublas.add(step)
        if copies:
            self.driver_copies[step] = (c, target)
        known = {*self.program.inputs, *self.constants}
        scalars = [e for e in (step.alpha, step.beta) if e is not None]
        if after_a_check or not all(e.uses <= known for e in scalars):
            return [writer("_scalars").scalars(step)]
        return []

    def _load(self, kernels: list[Kernel]) -> None:
        self.functions: dict[str, Any] = {}
        self.driver_objects["functions"] = self.functions
        if not kernels:
            return
        self.driver_objects["module"] = load_module(
            self.device.driver, self.source, self.device.arch, self.device.emulated
        )
        for kernel in kernels:
            for name in [kernel.name, *([f"{kernel.name}_end"] if kernel.partial else [])]:
                self.functions[name] = self.driver_objects["module"].get_function(name)

    def _sort_lengths(self) -> None:
        """What is computed before the first step, and after each step, of lengths that depend on results."""
        late = set(self.late_symbols)
        known: set[Symbol] = set()
        seen: set[Any] = set()
        done: set[Step] = set()

        def ready(p: Poly) -> bool:
            return all(
                not (isinstance(a, Symbol) and a in late and a not in known) for m in p.terms for a in m
            )

        arrays = [v for step in self.schedule.steps for v in step.writes() if self.is_late(v)]
        results = [("result", k) for k in sorted(self.late_outputs)]

        def found() -> Late:
            item = Late([], [], [])
            for symbol in self.late_symbols:
                makers = self.schedule.reads_for(symbol)
                if symbol not in known and all(
                    self.schedule.maker.get(v) in done or self.low.is_leaf(v) for v in makers
                ):
                    known.add(symbol)
                    item.symbols.append(symbol)
            for k, check in enumerate(self.low.checks):
                if (
                    k in self.late_checks
                    and ("check", k) not in seen
                    and ready(check.left)
                    and ready(check.right)
                ):
                    seen.add(("check", k))
                    item.checks.append(k)
            for v in arrays:
                key = self.storage(v)
                if key not in seen and all(ready(n) for n in self.low.shape(v)):
                    seen.add(key)
                    item.arrays.append((key, v))
            for key in results:
                v = self.program.outputs[key[1]]
                if key not in seen and all(ready(n) for n in self.low.shape(v)):
                    seen.add(key)
                    item.arrays.append((key, v))
            return item

        self.first_late = found()
        self.late_after: list[Late] = []
        for step in self.schedule.steps:
            done |= {step.product, step.loops} if isinstance(step, Epilogue) else {step}
            self.late_after.append(found())

    def _sort_values(self) -> None:
        """Which values of a call decide what is launched; the other ones are only arguments of kernels."""
        polys = [
            *(size for slot in self.slots for size in slot.sizes),
            *(n for v in self.program.outputs for n in self.low.shape(v)),
            *(n for v, _ in self.driver_copies.values() for n in self.low.shape(v)),
            *(p for _, kernels in self.steps for k in kernels for p in (k.rows, *k.inner, k.batch)),
        ]
        atoms = dict.fromkeys(a for p in polys for monomial in p.terms for a in monomial)
        self.key_symbols = [a for a in atoms if isinstance(a, Symbol) and a in self.dynamic]
        self.key_values = [a for a in atoms if isinstance(a, Expr) and self._varies(Poly.of(a))]
        self.varying_checks = {
            k
            for k, check in enumerate(self.low.checks)
            if k not in self.late_checks and (self._varies(check.left) or self._varies(check.right))
        }
        self.first_checks = [k for k in range(len(self.low.checks)) if k not in self.late_checks]
        self.first_dims = [s for s in self.low.dims if s not in set(self.late_symbols)]
        self.dynamic_dims = [s for s in self.low.dims if s in self.dynamic]
        self.varying_products = {
            step
            for step in self.by_cublas
            if any(map(self._varies, step.polys()))
            or any(e.uses & set(self.program.inputs) for e in (step.alpha, step.beta) if e is not None)
        }

    def _varies(self, p: Poly) -> bool:
        """Whether a polynomial may have another value though all lengths of inputs are the same."""
        return bool(self.schedule.reads_for(p)) or bool(self.dynamic & self.schedule.symbols_of(p))

    # a call

    def __call__(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        with self.device:
            return self._call(inputs)

    def _call(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        self.arrays = dict(zip(self.program.inputs, inputs, strict=True))
        self.late_memory: dict[Any, Memory] = {}
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
            raise IndexError(f"{self.program.title}: {error}") from None
        for shared in reversed(self.resized):
            shared.data = results.pop()
        return results

    def _record(self, key: tuple | None) -> Recording:
        """Do all steps, and note what there is to repeat unless ``key`` is None."""
        self.recording = Recording()
        self.address = dict(self.address)
        self._place()
        self._upload()
        self._late(self.first_late)
        for number, (step, kernels) in enumerate(self.steps):
            start = time.perf_counter()
            self._run(step, kernels)
            if self.profiled:
                self.stream.synchronize()
                self.seconds[number] += time.perf_counter() - start
            self._late(self.late_after[number])
        recording = self.recording
        self._fetch(self.return_size)
        recording.returns, recording.return_size = self.returns, self.return_size
        recording.address = self.address
        if key is not None:
            if len(self.recordings) >= _RECORDINGS:
                self.recordings.clear()
            self.recordings[key] = recording
        return recording

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
        self.copies = {s: resident(s, self.device) for s in self.program.shareds}
        known = (
            *(a.shape for a in arrays.values()),
            *((c.address, c.shape) for c in self.copies.values()),
        )
        late = self.late_symbols
        again = known == self.known_lengths
        if not again:
            self.known_lengths = None
            for (v, axis), symbol in self.low.leaf_dims.items():
                if v in arrays:
                    lengths[symbol] = arrays[v].shape[axis]
                elif v in self.copies:
                    lengths[symbol] = self.copies[v].shape[axis]
        for symbol in self.dynamic_dims if again else self.first_dims:
            lengths[symbol] = self.evaluator.poly(self.low.dims[symbol])
        for k in self.varying_checks if again else self.first_checks:
            self._check(k)
        self.known_lengths = known
        self.values = {s: lengths[s] for s in self.dynamic}
        for v in self.scalars:
            self.values[v] = arrays[v].item()
        if late or self.profiled:
            return None
        evaluator = self.evaluator
        return (
            known,
            *(lengths[s] for s in self.key_symbols),
            *(int(evaluator.scalar(e)) for e in self.key_values),
        )

    def _check(self, k: int) -> None:
        check = self.low.checks[k]
        left, right = self.evaluator.poly(check.left), self.evaluator.poly(check.right)
        if left != right:
            raise ShapeError(f"{self.program.title}: {check_message(check, left, right)}")

    def _bytes(self, v: Variable) -> int:
        return self.evaluator.poly(product(self.low.shape(v))) * v.type.numpy_dtype.itemsize

    def _place(self) -> None:
        """Addresses in the arena and of what is returned."""
        total, starts = 0, []
        for slot in self.slots:
            starts.append(total)
            total += _aligned(max(self.evaluator.poly(size) for size in slot.sizes))
        if self.arena is None or self.arena.size < total:
            self.arena = self.device.allocate(total)
            self.recordings.clear()
        for slot, start in zip(self.slots, starts, strict=True):
            for v in slot.variables:
                self.address[v] = self.arena.address + start
        place = self.flags
        self.returns: list[tuple[int, int, tuple[int, ...], Any]] = []
        for k, v in enumerate(self.program.outputs):
            if k not in self.late_outputs:
                shape = tuple(self.evaluator.poly(n) for n in self.low.shape(v))
                self.returns.append((k, place, shape, v.type.numpy_dtype))
                place += -(-self._bytes(v) // 16) * 16
        self.return_size = place
        if place > self.returned.size:
            self._make_room(place)
        for k, start, _, _ in self.returns:
            self.address["result", k] = self.returned.address + start
        for shared, copy in self.copies.items():
            self.address[shared] = copy.address

    def _make_room(self, size: int) -> None:
        """Memory for what is returned, here and there, with all flags down."""
        self.recordings.clear()
        self.returned = self.device.allocate(_aligned(size))
        self.driver_objects["buffer"] = self.device.pinned(_aligned(size))
        self._lower_flags()

    def _lower_flags(self) -> None:
        if self.flags:
            self.device.driver.memset_d32(self.returned.address, 0, self.flags // 4)

    def _upload(self) -> None:
        """Inputs that kernels read from memory; 0-d ones are arguments of the kernels that read them, or in a
        table if the launches are those of a graph."""
        if self.table_memory is not None:
            for what, k in self.table.items():
                letter = FORMATS[what.dtype] if isinstance(what, Variable) else "q"
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
            self.address[v] = memory.address
            if array.nbytes:
                # from pageable memory, so the array has been read when this returns
                self.device.driver.memcpy_htod_async(memory.address, array, self.stream)

    def _late(self, item: Late) -> None:
        for symbol in item.symbols:
            self.evaluator.lengths[symbol] = self.evaluator.poly(self.low.dims[symbol])
        for k in item.checks:
            self._check(k)
        for key, v in item.arrays:
            memory = self.device.allocate(self._bytes(v))
            self.late_memory[key] = memory
            self.address[key] = memory.address

    def _read(self, variable: Variable, index: tuple[int, ...]) -> Any:
        """One element of an array, for a length: from the host's copy where there is one."""
        array = self.arrays.get(variable)
        if array is None and isinstance(variable, Constant):
            array = variable.data
        if array is not None and not index:
            return array.item() if array.dtype == np.int64 else array[()]
        if array is not None:
            return array[index] if _inside(index, array.shape) else array.reshape(-1)[index[-1]]
        shape = tuple(self.evaluator.poly(n) for n in self.low.shape(variable))
        key = self.storage(variable)
        copy = self.copies.get(key) if isinstance(key, Shared) else None
        address = copy.address if copy is not None else self.address[key]
        item = np.empty((), variable.type.numpy_dtype)
        flat = 0
        for i, n in zip(index, shape, strict=True):
            flat = flat * n + i
        self.stream.synchronize()
        self.device.driver.memcpy_dtoh(item, address + flat * item.itemsize)
        return item[()]

    def _run(self, step: Step, kernels: list[Kernel]) -> None:
        if step in self.driver_copies:
            source, target = self.driver_copies[step]
            self._device_copy(self.address[target], self.address[self.storage(source)], self._bytes(source))
        for kernel in kernels:
            self._launch(kernel)
        if step in self.by_cublas:
            scalars = self.partial_memory[step.variable].address if kernels else None
            if step in self.varying_products:
                self.recording.repeats = False
                run = self.weakly
                self.recording.do(lambda: blas.product(run, step, scalars)())
            else:
                self.recording.do(blas.product(self, step, scalars))

    def _target(self, step: Copy) -> Any:
        """The storage that a copied result has."""
        return (
            ("result", step.result)
            if step.result < self.outputs
            else list(self.program.updates)[step.result - self.outputs]
        )

    def _device_copy(self, target: int, source: int, size: int) -> None:
        if target != source and size:
            copy = self.device.driver.memcpy_dtod_async
            self.recording.do(partial(copy, target, source, size, self.stream))

    def _launch(self, kernel: Kernel) -> None:
        rows = self.evaluator.poly(kernel.rows)
        grid, block = grid_of(kernel, rows, self.evaluator.poly)
        if not grid:
            return
        for v in (a.of for a in kernel.arguments if a.kind == "partial"):
            self._scratch(v, 16 * MAX_BLOCKS)
        if kernel.shape in ("sort", "merge"):
            self._sort(kernel, grid, block)
            return
        self.recording.launch(
            self.functions[kernel.name], grid, block, self.stream, [*map(self._argument, kernel.arguments)]
        )
        if kernel.partial:
            ends = [
                ("P", address, None)
                for value in kernel.partial
                for address in (
                    self.partial_memory[value.variable].address,
                    self.address[self.storage(value.variable)],
                )
            ]
            block = (min(THREADS, -(-grid[0] // WARP) * WARP), 1, 1)
            end = self.functions[f"{kernel.name}_end"]
            self.recording.launch(end, (1, 1, 1), block, self.stream, [*ends, ("i", grid[0], None)])

    def _sort(self, kernel: Kernel, grid: tuple, block: tuple) -> None:
        """Sort runs, or merge them, two by two until a line is one: to and fro between the result and
        scratch memory."""
        n = self.evaluator.poly(kernel.inner[0])
        runs = [SORT << k for k in range(max(0, (n - 1) // SORT).bit_length())]
        out = next(a.of for a in kernel.arguments if a.kind == "to")
        target = self.address[self.storage(out)]
        scratch = self._scratch(out, self._bytes(out)) if runs else target
        places = [target, scratch]
        turns = [0] if kernel.shape == "sort" else runs
        for k, run in enumerate(turns, kernel.shape == "merge"):
            # the last pass writes the result
            to, source = (places[(len(runs) - k + d) % 2] for d in (0, 1))
            given = {"to": ("P", to, None), "from": ("P", source, None), "run": ("q", run, None)}
            arguments = [given[a.kind] if a.kind in given else self._argument(a) for a in kernel.arguments]
            self.recording.launch(self.functions[kernel.name], grid, block, self.stream, arguments)

    def _scratch(self, v: Variable, size: int) -> int:
        """The address of memory beside the arena that the making of ``v`` needs."""
        memory = self.partial_memory.get(v)
        if memory is None or memory.size < size:
            memory = self.partial_memory[v] = self.device.allocate(size)
            self.recordings.clear()
        return memory.address

    def _argument(self, a: Argument) -> tuple[str, Any, Any]:
        """The letter and the value of a kernel's argument, and what it is if it changes from call to call."""
        if a.kind == "length":
            return "q", self.evaluator.lengths[a.of], a.of if a.of in self.dynamic else None
        if a.kind == "value":
            return FORMATS[a.of.dtype], self.values[a.of], a.of
        if a.kind == "partial":
            return "P", self.partial_memory[a.of].address, None
        if a.kind == "numbers":
            return "P", self.table_memory.address, None
        if a.kind == "failed":
            return "P", self.returned.address, None
        return "P", self.address[a.of], None

    def _results(self, recording: Recording, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """What is returned, after one copy of it all; raises if a kernel met a wrong index."""
        results: list[Any] = [None] * self.outputs
        if not self.flags and not self.outputs:
            self.device.leave(self.stream)
            return results
        for k in self.late_outputs:
            v = self.program.outputs[k]
            array = np.empty(tuple(self.evaluator.poly(n) for n in self.low.shape(v)), v.type.numpy_dtype)
            if array.nbytes:
                self.device.driver.memcpy_dtoh_async(array, self.address["result", k], self.stream)
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
        before = {s: s.get_value() for s in self.program.updates}
        try:
            ReferenceExecutor(self.original, False).values(inputs)
        finally:
            for s, value in before.items():
                s.set_value(value)
        raise IndexError("an index is out of range")

    def rewritten(self) -> list[Variable]:
        return self.user_program.results

    def profile(self) -> Any:
        """Where the time went, each step waited for; None of a function compiled without ``profile``."""
        from ...profile import Profile

        if not self.profiled:
            return None
        rows = [
            ([(node, 1.0) for node in step.nodes], seconds, self.calls)
            for (step, _), seconds in zip(self.steps, self.seconds, strict=True)
            if step.nodes
        ]
        return Profile(self.program.title, rows)


def _aligned(size: int) -> int:
    return -(-max(size, 1) // _ALIGNMENT) * _ALIGNMENT


def _inside(index: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    return len(index) == len(shape) and all(0 <= i < n for i, n in zip(index, shape, strict=True))


__all__ = ["CudaExecutor"]
