"""The steps of a schedule on the device: their kernels, their memory, and the order of what is launched.

A function is one such sequence, and so is the step of each of its loops.
"""

from __future__ import annotations

import time
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ...compile.indices import checks_values, from_nothing
from ...compile.memory import plan
from ...compile.program import Program
from ...compile.schedule import Schedule
from ...compile.steps import Copy, Loops, MatMul, Pushes, ScanStep, Step
from ...compile.verify import verify
from ...graph import Constant, Shared, Variable
from ...scalar.expression import Expr
from ...scalar.integer import Poly, Symbol, product
from . import blas
from .driver import Memory
from .epilogue import Epilogue, with_epilogues
from .grids import MAX_BLOCKS, SORT, THREADS, WARP, grid_of
from .kernels import convolution, library, nests, products, pushes
from .kernels.kernel import Argument, Flags, Kernel, KernelMemory
from .kernels.writer import KernelWriter
from .recording import Given
from .scalar import FORMATS

_ALIGNMENT = 256


@dataclass
class Late:
    """What can be found after a step whose results lengths depend on."""

    symbols: list[Symbol]
    checks: list[int]
    arrays: list[Any]


class Steps:
    """The steps of one schedule.

    ``root``: the executor of the function, of which these are all steps or those of a loop.  ``address`` has
    where everything lies in the call, or in the step of a loop, that is being done.
    """

    #: in front of the names of kernels
    prefix = ""

    # planning

    def _plan(self, schedule: Schedule) -> None:
        """What is known before kernels are written."""
        self.schedule = copy(schedule)
        self.program: Program = schedule.program
        self.low = schedule.low
        self.late_symbols = [s for s, p in self.low.dims.items() if self.low.late(p)]
        self.checks = schedule.checks
        self.late_checks = {k for k, c in enumerate(self.checks) if any(map(self.low.late, c.polys))}
        self.first_checks = [k for k in range(len(self.checks)) if k not in self.late_checks]
        self.first_dims = [s for s in self.low.dims if s not in set(self.late_symbols)]
        self.outputs = len(self.program.outputs)
        if self.cublas is None:
            self.schedule.steps = with_epilogues(schedule, self.storage)
        self.late_outputs = {k for k, v in enumerate(self.program.outputs) if self.is_late(v)}
        #: lengths and offsets that depend on values, not only on the lengths of inputs
        self.dynamic = {s for s in self.low.dims if self.schedule.reads_for(s)} - set(self.late_symbols)
        #: steps that begin with a copy by the driver, from a variable to a storage; products done by cuBLAS
        self.driver_copies: dict[Step, tuple[Variable, Any]] = {}
        self.by_cublas: set[Step] = set()
        self.device_scalars: set[Step] = set()
        self.loops: dict[Step, Any] = {}
        self.partial_memory: dict[Variable, Memory] = {}
        self.arena: Memory | None = None
        self.address: dict[Any, int] = {v: m.address for v, m in self.constants.items()}

    def _write(self, memory: KernelMemory) -> None:
        """The kernels, and what they share of the arena."""
        self.steps: list[tuple[Step, list[Kernel]]] = []
        for number, step in enumerate(self.schedule.steps):
            self.steps.append((step, self._kernels(number, step, memory)))
        #: lengths that must not be 0 where a step begins, and how often it takes elements of such an axis
        self.from_nothing = {
            step: [pair for part in _parts(step) for pair in from_nothing(part)] for step, _ in self.steps
        }
        self.slots = plan(self.schedule, self.in_arena)
        touched = [self._touched(step, kernels) for step, kernels in self.steps]
        verify(self.schedule, self.schedule.steps, self.storage, self.target, self.slots, touched)
        self._sort_lengths()

    def _touched(self, step: Step, kernels: list[Kernel]) -> set[Any]:
        """The storages that the text of a step names, or what is done for it without a kernel of its own."""
        found = {a.of for k in kernels for a in k.arguments if a.kind == "pointer"}
        found |= {self.storage(a.of) for k in kernels for a in k.arguments if a.kind == "to"}
        found |= {self.storage(value.variable) for k in kernels for value in k.partial}
        if step in self.loops or step in self.by_cublas:
            found |= {self.storage(v) for v in step.writes()}
        if step in self.driver_copies:
            source, target = self.driver_copies[step]
            found |= {self.storage(source), target}
        return found

    def kernels(self) -> list[Kernel]:
        """All kernels, those of loops included."""
        inside = [k for loop in self.loops.values() for k in loop.kernels()]
        return [*(k for _, kernels in self.steps for k in kernels), *inside]

    def storage(self, v: Variable) -> Any:
        """In whose memory a variable lies: its own, an updated shared one's, or ('result', number) of an
        output."""
        v = self.schedule.home(v)
        k = self.schedule.place.get(v)
        return v if k is None else self.target(k)

    def target(self, k: int) -> Any:
        """In whose memory result ``k`` is returned."""
        return ("result", k) if k < self.outputs else list(self.program.updates)[k - self.outputs]

    def in_arena(self, v: Variable) -> bool:
        return self.storage(v) is v and not self.low.is_leaf(v) and not self.is_late(v)

    def is_late(self, v: Variable) -> bool:
        return any(self.low.late(n) for n in self.low.shape(v))

    def _kernels(self, number: int, step: Step, memory: KernelMemory) -> list[Kernel]:
        writer = KernelWriter(f"{self.prefix}step{number}", memory)
        if isinstance(step, Copy):
            return self._copying(step, step.source, self.target(step.result), writer)
        if isinstance(step, Loops):
            return nests.group(writer, step)
        if isinstance(step, Pushes):
            return self._pushes(step, writer)
        if isinstance(step, MatMul):
            return self._product(step, writer)
        if isinstance(step, Epilogue):
            return products.gemm_and_loops(writer, step.product, step.loops)
        if isinstance(step, ScanStep):
            loop = self.root.loop_of(self, step, f"{self.prefix}loop{number}_", memory.flags)
            self.loops[step] = loop
            return []
        if step.call.function in convolution.FUNCTIONS:
            return convolution.kernels(writer, step)
        return library.kernels(writer, step)

    def _pushes(self, step: Pushes, writer: KernelWriter) -> list[Kernel]:
        """What an output has before anything is pushed into it, and the pieces."""
        start = []
        if self.storage(step.variable) in self.program.updates and checks_values(step):
            # before anything of the shared variable is overwritten
            start = [
                pushes.push(writer.after(f"_{k}_check"), step.variable, p, only_checks=True)
                for k, p in enumerate(step.pieces)
            ]
        if isinstance(step.base, Expr):
            start.append(pushes.fill(writer.after("_fill"), step.variable, step.base))
        elif step.base is not None and self.storage(step.base) != self.storage(step.variable):
            start += self._copying(step, step.base, self.storage(step.variable), writer)
        pieces = [
            pushes.push(writer.after(f"_{k}"), step.variable, piece) for k, piece in enumerate(step.pieces)
        ]
        return start + pieces

    def _copying(self, step: Step, source: Variable, target: Any, writer: KernelWriter) -> list[Kernel]:
        """The kernel of a copy that a step begins with; none where the driver copies."""
        if self.copies_by_kernels(target, writer.memory.flags):
            return [pushes.copy(writer.after("_copy"), source, target)]
        self.driver_copies[step] = (source, target)
        return []

    def copies_by_kernels(self, target: Any, flags: Flags) -> bool:
        """Whether the driver cannot copy to a storage: it would also do so after a wrong index."""
        return flags.earlier > 0 and isinstance(target, Shared)

    def _product(self, step: MatMul, writer: KernelWriter) -> list[Kernel]:
        """The kernel of a product; of one by cuBLAS that of its scalars, where they depend on the device."""
        target, c = self.storage(step.variable), step.c
        after_a_check = writer.memory.flags.earlier > 0 and self.outlives(target)
        copies = isinstance(c, Variable) and self.storage(c) != target
        if self.cublas is None or isinstance(c, Expr) or (after_a_check and copies):
            return [products.gemm(writer, step)]
        self.by_cublas.add(step)
        kernels = self._copying(step, c, target, writer) if copies else []
        scalars = [e for e in (step.alpha, step.beta) if e is not None]
        if after_a_check or not all(e.uses <= self.on_host for e in scalars):
            kernels.append(products.scalars(writer.after("_scalars"), step))
            self.device_scalars.add(step)
        return kernels

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

        # loops take memory for their rows themselves
        grown = {
            self.storage(v)
            for step in self.schedule.steps
            if isinstance(step, ScanStep)
            for v in step.grown & set(step.writes())
        }
        arrays = [
            v
            for step in self.schedule.steps
            for v in step.writes()
            if self.is_late(v) and self.storage(v) not in grown
        ]
        results = [key for k in sorted(self.late_outputs) if (key := ("result", k)) not in grown]

        def found() -> Late:
            item = Late([], [], [])
            for symbol in self.late_symbols:
                makers = self.schedule.reads_for(symbol)
                if symbol not in known and all(
                    self.schedule.maker.get(v) in done or self.low.is_leaf(v) for v in makers
                ):
                    known.add(symbol)
                    item.symbols.append(symbol)
            for k in sorted(self.late_checks):
                if ("check", k) not in seen and all(map(ready, self.checks[k].polys)):
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

    def varies(self, p: Poly) -> bool:
        """Whether a polynomial may have another value though all lengths of inputs are the same."""
        return bool(self.schedule.reads_for(p)) or bool(self.dynamic & self.schedule.symbols_of(p))

    # a call

    def _check(self, k: int) -> None:
        check, value = self.checks[k], self.evaluator.poly
        if check.fails(value):
            raise check.failure([*map(value, check.polys)], f"{self.root.program.title}: ")

    def _bytes(self, v: Variable) -> int:
        return self.evaluator.poly(product(self.low.shape(v))) * v.type.numpy_dtype.itemsize

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
        resident = self.copies.get(key) if isinstance(key, Shared) else None
        address = resident.address if resident is not None else self.address[key]
        item = np.empty((), variable.type.numpy_dtype)
        flat = 0
        for i, n in zip(index, shape, strict=True):
            flat = flat * n + i
        self.stream.synchronize()
        self.device.driver.memcpy_dtoh(item, address + flat * item.itemsize)
        return item[()]

    def _steps(self) -> None:
        """Do all steps, noting what there is to repeat."""
        self._late(self.first_late)
        for number, (step, kernels) in enumerate(self.steps):
            start = time.perf_counter()
            self._run(step, kernels)
            if self.profiled:
                self.stream.synchronize()
                self.seconds[number] += time.perf_counter() - start
            self._late(self.late_after[number])

    def _run(self, step: Step, kernels: list[Kernel]) -> None:
        value = self.evaluator.poly
        for n, turns in self.from_nothing[step]:
            if value(n) == 0 and value(turns) > 0:
                what = step.nodes[0].outputs[0].describe()
                raise IndexError(
                    f"{what}: an index is out of range, the axis that it goes along has length 0"
                )
        if step in self.driver_copies:
            source, target = self.driver_copies[step]
            self._device_copy(self.address[target], self.address[self.storage(source)], self._bytes(source))
        for kernel in kernels:
            self._launch(kernel)
        if step in self.loops:
            self.loops[step].run()
        if step in self.by_cublas:
            scalars = self.partial_memory[step.variable].address if step in self.device_scalars else None
            if step in self.varying_products:
                self.recording.repeats = False
                run = self.weakly
                self.recording.do(lambda: blas.product(run, step, scalars)[0]())
            else:
                action, pointers = blas.product(self, step, scalars)
                self.recording.do(action, [p for p in pointers if self.moves(p.of)])

    def _device_copy(self, target: int, source: int, size: int) -> None:
        if target != source and size:
            memcpy = self.device.driver.memcpy_dtod_async
            self.recording.do(partial(memcpy, target, source, size, self.stream))

    def _launch(self, kernel: Kernel) -> None:
        large = all(self.evaluator.poly(n) >= least for n, least in kernel.least)
        if kernel.least and large == kernel.otherwise:
            return
        rows = self.evaluator.poly(kernel.rows)
        grid, block = grid_of(kernel, rows, self.evaluator.poly)
        if not grid:
            return
        for v in (a.of for a in kernel.arguments if a.kind == "partial"):
            self._scratch(v, self.evaluator.poly(kernel.scratch) if kernel.scratch else 16 * MAX_BLOCKS)
        if kernel.shape in ("sort", "merge"):
            self._sort(kernel, grid, block)
            return
        self.recording.launch(
            self.functions[kernel.name], grid, block, self.stream, [*map(self._argument, kernel.arguments)]
        )
        if kernel.partial:
            ends = [
                argument
                for value in kernel.partial
                for argument in (
                    Given("P", self.partial_memory[value.variable].address),
                    self._pointer(self.storage(value.variable)),
                )
            ]
            ends += [self._argument(a) for a in kernel.arguments if a.kind == "failed"]
            block = (min(THREADS, -(-grid[0] // WARP) * WARP), 1, 1)
            end = self.functions[f"{kernel.name}_end"]
            self.recording.launch(end, (1, 1, 1), block, self.stream, [*ends, Given("i", grid[0])])

    def _sort(self, kernel: Kernel, grid: tuple, block: tuple) -> None:
        """Sort runs, or merge them, two by two until a line is one: to and fro between the result and
        scratch memory."""
        n = self.evaluator.poly(kernel.inner[0])
        runs = [SORT << k for k in range(max(0, (n - 1) // SORT).bit_length())]
        out = next(a.of for a in kernel.arguments if a.kind == "to")
        target = self._pointer(self.storage(out))
        scratch = Given("P", self._scratch(out, self._bytes(out))) if runs else target
        places = [target, scratch]
        turns = [0] if kernel.shape == "sort" else runs
        for k, run in enumerate(turns, kernel.shape == "merge"):
            # the last pass writes the result
            to, source = (places[(len(runs) - k + d) % 2] for d in (0, 1))
            given = {"to": to, "from": source, "run": Given("q", run)}
            arguments = [given[a.kind] if a.kind in given else self._argument(a) for a in kernel.arguments]
            self.recording.launch(self.functions[kernel.name], grid, block, self.stream, arguments)

    def _scratch(self, v: Variable, size: int) -> int:
        """The address of memory beside the arena that the making of ``v`` needs."""
        memory = self.partial_memory.get(v)
        if memory is None or memory.size < size:
            memory = self.partial_memory[v] = self.device.allocate(size)
            self.root.recordings.clear()
        return memory.address

    def _argument(self, a: Argument) -> Given:
        if a.kind == "length":
            return Given("q", self.evaluator.lengths[a.of], a.of if a.of in self.varying_lengths else None)
        if a.kind == "value":
            return Given(FORMATS[a.of.dtype], self.values[a.of], a.of)
        if a.kind == "partial":
            return Given("P", self.partial_memory[a.of].address)
        if a.kind == "numbers":
            return Given("P", self.table_memory.address)
        if a.kind == "failed":
            return Given("P", self.root.returned.address)
        return self._pointer(a.of)

    def _pointer(self, key: Any) -> Given:
        return Given("P", self.address[key], key if self.moves(key) else None)

    def _make_arena(self) -> None:
        """Addresses in the arena."""
        total, starts = 0, []
        for slot in self.slots:
            starts.append(total)
            total += aligned(max(self.evaluator.poly(size) for size in slot.sizes))
        if self.arena is None or self.arena.size < total:
            self.arena = self.device.allocate(total)
            self.root.recordings.clear()
        for slot, start in zip(self.slots, starts, strict=True):
            for v in slot.variables:
                self.address[v] = self.arena.address + start


def _parts(step: Step) -> tuple[Step, ...]:
    """The steps of the schedule that one of the device's does."""
    return (step.product, step.loops) if isinstance(step, Epilogue) else (step,)


def aligned(size: int) -> int:
    return -(-max(size, 1) // _ALIGNMENT) * _ALIGNMENT


def _inside(index: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    return len(index) == len(shape) and all(0 <= i < n for i, n in zip(index, shape, strict=True))


__all__ = ["Steps", "aligned"]
