"""The steps of a plan on the device: their memory, and the order of what is launched.

A function is one such sequence, and so is the step of each of its loops.
"""

from __future__ import annotations

import ctypes
import time
from functools import partial
from typing import Any

import numpy as np

from ...render.cuda import Argument
from ...render.cuda_scalar import FORMATS
from ...scalar.expression import Expr
from ...scalar.host import failure
from ...scalar.integer import Poly, Symbol, product
from ...schedule.arrays import Array
from ...schedule.arrays import Memory as Place
from ...schedule.gpu.grids import MAX_BLOCKS, SORT, THREADS, WARP, grid_of
from ...schedule.plan import Call, CopyArray, DeviceKernel, Found, Launch, Plan, Product, Scan, Step
from . import blas, nccl
from .driver import Memory
from .recording import Given, Patch

_ALIGNMENT = 256


class Steps:
    """The steps of one plan.

    ``root``: the executor of the function, of which these are all steps or those of a loop.  ``address`` has
    where everything lies in the call, or in the step of a loop, that is being done.
    """

    def _take(self, plan: Plan) -> None:
        """What is known of a plan before it is carried out."""
        self.plan = plan
        self.computed = {n.symbol: n for n in plan.lengths if n.value is not None}
        self.data_dependent = {s for s, length in self.computed.items() if length.data_dependent}
        later_checks = {k for found in (plan.first, *plan.after) for k in found.checks}
        self.first_checks = [k for k in range(len(plan.checks)) if k not in later_checks]
        self.first_lengths = [s for s in self.computed if s not in self.data_dependent]
        #: lengths that depend on values, not only on the lengths of inputs
        self.dynamic = {
            s for s, length in self.computed.items() if length.varies and not length.data_dependent
        }
        self.inputs = plan.arguments[: plan.inputs]
        actions = [a for step in plan.steps for a in step.actions]
        self.kernels = [a.kernel for a in actions if isinstance(a, Launch)]
        self.copied = [a for a in actions if isinstance(a, CopyArray)]
        self.products = [a for a in actions if isinstance(a, Product)]
        self.calls_back = [a for a in actions if isinstance(a, Call)]
        self.loops = {a.plan.prefix: self.root.loop_of(self, a) for a in actions if isinstance(a, Scan)}
        self.scratch_memory: dict[Array, Memory] = {}
        self.arena: Memory | None = None
        self.address: dict[Place, int] = {}
        #: the constants' values, on the host
        first = plan.inputs + plan.shared
        self.constants = dict(zip(plan.arguments[first:], (c.array for c in plan.constants), strict=True))

    def varies(self, p: Poly) -> bool:
        """Whether a polynomial may have another value though all lengths of inputs are the same."""
        if p.uses:
            return True
        stack, seen = [p], set()
        while stack:
            for atom in (a for monomial in stack.pop().terms for a in monomial):
                if isinstance(atom, Expr):
                    stack += _polys_of(atom)
                elif atom in self.computed and atom not in seen:
                    if self.computed[atom].varies:
                        return True
                    seen.add(atom)
        return False

    def is_data_dependent(self, p: Poly) -> bool:
        """Whether a length is only known in the middle of a call."""
        stack = [p]
        while stack:
            one = stack.pop()
            if any(a.memory is None or a.memory.kind != "argument" for a in one.uses):
                return True
            for atom in (a for monomial in one.terms for a in monomial):
                if isinstance(atom, Expr):
                    stack += _polys_of(atom)
                elif atom in self.data_dependent:
                    return True
        return False

    # a call

    def _check(self, k: int) -> None:
        check, value = self.plan.checks[k], self.evaluator.poly
        if check.fails(value):
            raise check.failure([*map(value, check.polys)], f"{self.root.program.title}: ")

    def _length(self, symbol: Symbol) -> None:
        """Compute a length."""
        self.evaluator.lengths[symbol] = int(self.evaluator.scalar(self.computed[symbol].value))

    def _bytes(self, array: Array) -> int:
        return self.evaluator.poly(product(array.shape)) * np.dtype(array.dtype).itemsize

    def _found(self, found: Found) -> None:
        """What is to be done when lengths become known that depend on data."""
        for symbol in found.lengths:
            self._length(symbol)
        for k in found.checks:
            self._check(k)
        for array in found.arrays:
            memory = self.device.allocate(self._bytes(array))
            self.data_dependent_memory[array.memory] = memory
            self.address[array.memory] = memory.address

    def _read(self, array: Array, index: tuple[int, ...]) -> Any:
        """One element of an array, for a length: from the host's copy where there is one."""
        values = self.arrays.get(array)
        if values is None:
            values = self.constants.get(array)
        if values is not None and not index:
            return values.item() if values.dtype == np.int64 else values[()]
        if values is not None:
            return values[index] if _inside(index, values.shape) else values.reshape(-1)[index[-1]]
        shape = tuple(self.evaluator.poly(n) for n in array.shape)
        resident = self.copies.get(array.memory)
        address = resident.address if resident is not None else self.address[array.memory]
        item = np.empty((), array.dtype)
        flat = 0
        for i, n in zip(index, shape, strict=True):
            flat = flat * n + i
        self.stream.synchronize()
        self.device.driver.memcpy_dtoh(item, address + flat * item.itemsize)
        return item[()]

    def _steps(self) -> None:
        """Do all steps, noting what there is to repeat."""
        self._found(self.plan.first)
        for number, (step, found) in enumerate(zip(self.plan.steps, self.plan.after, strict=True)):
            start = time.perf_counter()
            self._run(step)
            if self.profiled:
                self.stream.synchronize()
                self.seconds[number] += time.perf_counter() - start
            self._found(found)

    def _run(self, step: Step) -> None:
        value = self.evaluator.poly
        for n, turns in step.guards:
            if value(n) == 0 and value(turns) > 0:
                raise IndexError(
                    f"{step.what}: an index is out of range, the axis that it goes along has length 0"
                )
        for action in step.actions:
            if isinstance(action, Launch):
                self._launch(action.kernel)
            elif isinstance(action, CopyArray):
                source, target = self.address[action.source.memory], self.address[action.target.memory]
                self._device_copy(target, source, self._bytes(action.source))
            elif isinstance(action, Scan):
                self.loops[action.plan.prefix].run()
            elif isinstance(action, Call):
                self._mean(action) if action.needs == "mpi" else self._call_back(action)
            else:
                self._product(action)

    def _mean(self, action: Call) -> None:
        """A mean over ranks: by NCCL, or by the host."""
        (x,), (mean,) = action.operands, action.outputs
        communicator = self.root.communicator() if x.dtype in nccl.TYPES else None
        if communicator is None:
            self._call_back(action)
            return
        self.recording.repeats = False
        pointers = [ctypes.c_void_p(self.address[a.memory]) for a in (x, mean)]
        value, stream, length = self.evaluator.poly, self.stream, product(x.shape)

        def call() -> None:
            # lengths are those of the call that is being made
            communicator.average(*(p.value for p in pointers), value(length), x.dtype, stream)

        places = zip((x, mean), pointers, strict=True)
        self.recording.do(call, [Patch.of_pointer(p, a.memory, 0) for a, p in places if self.moves(a.memory)])

    def _call_back(self, action: Call) -> None:
        """A call of Python: its operands are copied from the device, its results to it."""
        self.recording.repeats = False
        host, value, driver = action.host, self.evaluator.poly, self.device.driver
        arrays = (*action.operands, *action.outputs)
        pointers = [ctypes.c_void_p(self.address[a.memory]) for a in arrays]

        def call() -> None:
            # lengths are those of the call that is being made
            operands, outputs = (
                [np.empty(shape, dtype) for shape, (dtype, _) in zip(shapes, kinds, strict=True)]
                for shapes, kinds in zip(
                    host.split([value(n) for n in action.integers[1:]]),
                    (host.operands, host.outputs),
                    strict=True,
                )
            )
            self.stream.synchronize()
            for array, pointer in zip(operands, pointers, strict=False):
                if array.size:
                    driver.memcpy_dtoh(array, pointer.value)
            if not host.into(operands, outputs):
                raise failure()
            for array, pointer in zip(outputs, pointers[len(operands) :], strict=True):
                if array.size:
                    driver.memcpy_htod(pointer.value, array)

        call_with = zip(arrays, pointers, strict=True)
        per_step = [Patch.of_pointer(p, a.memory, 0) for a, p in call_with if self.moves(a.memory)]
        self.recording.do(call, per_step)

    def _product(self, step: Product) -> None:
        """A product by cuBLAS."""
        scalars = self.scratch_memory[step.target].address if step.on_device else None
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

    def _launch(self, kernel: DeviceKernel) -> None:
        large = all(self.evaluator.poly(n) >= least for n, least in kernel.least)
        if kernel.least and large == kernel.otherwise:
            return
        rows = self.evaluator.poly(kernel.rows)
        grid, block = grid_of(kernel, rows, self.evaluator.poly)
        if not grid:
            return
        given = self.root.arguments[kernel.name]
        for array in (a.of for a in given if a.kind == "partial"):
            self._scratch(array, self.evaluator.poly(kernel.scratch) if kernel.scratch else 16 * MAX_BLOCKS)
        if kernel.shape in ("sort", "merge"):
            self._sort(kernel, grid, block)
            return
        self.recording.launch(
            self.functions[kernel.name], grid, block, self.stream, [*map(self._argument, given)]
        )
        if kernel.partial:
            ends = [
                argument
                for part in kernel.partial
                for argument in (
                    Given("P", self.scratch_memory[part.array].address),
                    self._pointer(part.array.memory),
                )
            ]
            ends += [self._argument(a) for a in given if a.kind == "failed"]
            block = (min(THREADS, -(-grid[0] // WARP) * WARP), 1, 1)
            end = self.functions[f"{kernel.name}_end"]
            self.recording.launch(end, (1, 1, 1), block, self.stream, [*ends, Given("i", grid[0])])

    def _sort(self, kernel: DeviceKernel, grid: tuple, block: tuple) -> None:
        """Sort runs, or merge them, two by two until a line is one: to and fro between the result and
        scratch memory."""
        n = self.evaluator.poly(kernel.inner[0])
        runs = [SORT << k for k in range(max(0, (n - 1) // SORT).bit_length())]
        arguments = self.root.arguments[kernel.name]
        out = next(a.of for a in arguments if a.kind == "to")
        target = self._pointer(out.memory)
        scratch = Given("P", self._scratch(out, self._bytes(out))) if runs else target
        places = [target, scratch]
        turns = [0] if kernel.shape == "sort" else runs
        for k, run in enumerate(turns, kernel.shape == "merge"):
            # the last pass writes the result
            to, source = (places[(len(runs) - k + d) % 2] for d in (0, 1))
            given = {"to": to, "from": source, "run": Given("q", run)}
            filled = [given[a.kind] if a.kind in given else self._argument(a) for a in arguments]
            self.recording.launch(self.functions[kernel.name], grid, block, self.stream, filled)

    def _scratch(self, array: Array, size: int) -> int:
        """The address of memory beside the arena that the making of an array needs."""
        memory = self.scratch_memory.get(array)
        if memory is None or memory.size < size:
            memory = self.scratch_memory[array] = self.device.allocate(size)
            self.root.recordings.clear()
        return memory.address

    def _argument(self, a: Argument) -> Given:
        if a.kind == "length":
            return Given("q", self.evaluator.lengths[a.of], a.of if a.of in self.varying_lengths else None)
        if a.kind == "value":
            return Given(FORMATS[a.of.dtype], self.values[a.of], a.of)
        if a.kind == "partial":
            return Given("P", self.scratch_memory[a.of].address)
        if a.kind == "numbers":
            return Given("P", self.table_memory.address)
        if a.kind == "failed":
            return Given("P", self.root.returned.address)
        return self._pointer(a.of)

    def _pointer(self, place: Place) -> Given:
        return Given("P", self.address[place], place if self.moves(place) else None)

    def _make_arena(self) -> None:
        """Addresses in the arena."""
        total, starts = 0, []
        for slot in self.plan.slots:
            starts.append(total)
            total += aligned(max(self.evaluator.poly(size) for size in slot.sizes))
        if self.arena is None or self.arena.size < total:
            self.arena = self.device.allocate(total)
            self.root.recordings.clear()
        for slot, start in zip(self.plan.slots, starts, strict=True):
            for place in slot.memories:
                self.address[place] = self.arena.address + start


def _polys_of(e: Expr) -> list[Poly]:
    """The polynomials inside an expression."""
    found = [e.value] if e.op == "int" else [*e.value[1]] if e.op == "access" else []
    return [*found, *(p for a in e.args for p in _polys_of(a))]


def aligned(size: int) -> int:
    return -(-max(size, 1) // _ALIGNMENT) * _ALIGNMENT


def _inside(index: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    return len(index) == len(shape) and all(0 <= i < n for i, n in zip(index, shape, strict=True))
