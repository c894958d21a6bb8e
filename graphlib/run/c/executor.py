"""Runs a program as one native call: hands over arrays, and turns failure codes into errors."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from ...configuration import config
from ...errors import DomainError, GraphError, Resized
from ...graph import TensorType, Variable
from ...graph.shared import Sized, as_compiled
from ...scalar.host import failure
from .native import SIGNATURES, Native
from .runtime import library, start
from .units import linked_again

if TYPE_CHECKING:
    from ...schedule.plan import Plan

#: the failure that needs no words
_NO_MEMORY = -1
#: the failure of a call back into Python, which has words of its own
_IN_PYTHON = -3
#: that of a mean over ranks, which ends the run
_IN_MPI = -4


class CExecutor:
    """The compiled form of a program.  Calling it is one call of C, or two where the lengths of outputs must
    be known first.

    ``stages`` are those that the program has gone through, or goes through when somebody asks for its plan,
    its source, or the words of an error.
    """

    def __init__(self, stages: Any, native: Native, library: ctypes.CDLL, has_words: bool = False) -> None:
        self.stages = stages
        #: whether the numbers of failures are those of the plan of the ``stages``
        self.has_words = has_words
        self.native, self.library = native, library
        program = self.program = stages.program
        self._declare()
        self.state = self.library.gl_new(start(*native.needs))
        self._finalizer = weakref.finalize(self, self.library.gl_free, self.state)
        self.inputs = len(program.inputs)
        shareds = list(enumerate(program.shareds, self.inputs))
        self.numbered_shareds = [
            (k, s, Sized(s, TensorType(s.dtype, lengths)) if lengths != s.type.shape else s)
            for (k, s), lengths in zip(shareds, native.shared, strict=True)
        ]
        leaves = self.inputs + len(program.shareds) + len(native.constants)
        self.count = leaves + len(native.outputs)
        self.args = (ctypes.c_void_p * max(self.count, 1))()
        self._kept: list[Any] = [None] * self.count
        self._keep(self.inputs + len(program.shareds), native.constants)
        updated = list(program.updates)
        self.resized = [updated[k] for k in native.resized]
        self.written = [s for s in updated if s not in self.resized]
        self.first_output = leaves
        borrow = [*program.borrow, *[False] * len(self.resized)]
        #: of each output its shape, None where ``gl_prepare`` finds it, "data" where the call does
        self.outputs = [
            (
                k,
                "data" if o.data_dependent else None if None in o.shape else o.shape,
                np.dtype(o.dtype),
                borrowed,
            )
            for k, (o, borrowed) in enumerate(zip(native.outputs, borrow, strict=True))
        ]
        self.simple = not self.resized and all(
            isinstance(shape, tuple) and not borrow for _, shape, _, borrow in self.outputs
        )
        self.data_dependent = any(o.data_dependent for o in native.outputs)
        pointers = (ctypes.c_int64 * max(2 * len(self.outputs), 1))()
        self.library.gl_outputs(self.state, pointers)
        self.lengths = [
            ctypes.cast(pointers[k], ctypes.POINTER(ctypes.c_int64)) for k in range(len(self.outputs))
        ]
        self.ranks = [len(o.shape) for o in native.outputs]
        self.flush = config.flush_subnormals
        self._call, self._run = self.library.gl_call, self.library.gl_run
        if self.flush:
            self._call, self._run = self._flushed(self._call), self._flushed(self._run)
        #: the arrays that updates write over: an input that is one of them, or a part of it, is copied
        self._overwritten: set[int] = set()
        self._borrowed: dict[int, np.ndarray] = {}
        #: the same compiled anew, after a failure that needs words
        self._anew: CExecutor | None = None

    @staticmethod
    def compiled(stages: Any) -> CExecutor:
        """An executor of what is compiled now, or in parts before.  Errors: CompileError."""
        from .compiling import native_code

        return CExecutor(stages, *native_code(stages), has_words=True)

    @staticmethod
    def found(stages: Any, native: Native) -> CExecutor | None:
        """An executor of what was compiled before; None where that is not there any more."""
        library = linked_again(native.driver, native.units, tuple(SIGNATURES))
        return None if library is None else CExecutor(stages, native, library)

    @property
    def plan(self) -> Plan:
        return self.stages.plan

    @property
    def source(self) -> str:
        return self.stages.rendered.source

    def _declare(self) -> None:
        for name, (result, arguments) in SIGNATURES.items():
            function = getattr(self.library, name)
            function.restype, function.argtypes = result, arguments

    def _keep(self, first: int, arrays: Sequence[np.ndarray]) -> None:
        for k, array in enumerate(arrays, first):
            self.args[k] = id(array)
            self._kept[k] = array

    def _take_shareds(self) -> None:
        """Hands over the shared variables' arrays, where they are others than at the last call."""
        changed = False
        for k, shared, sized in self.numbered_shareds:
            if shared.data is not self._kept[k]:
                as_compiled(sized)
                self._keep(k, [shared.data])
                changed = True
        if changed:
            self._overwritten = {id(a) for s in self.written for a in (s.data, s.data.base)}
            self._overwritten.discard(id(None))

    def __call__(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        args = self.args
        self._take_shareds()
        overwritten = self._overwritten
        for k, array in enumerate(inputs):
            flags = array.flags
            borrowed = id(array) in overwritten or id(array.base) in overwritten
            if borrowed or not (flags.c_contiguous and flags.aligned):
                array = inputs[k] = np.array(array, order="C")
            args[k] = id(array)
        if self.simple:
            results = [np.empty(shape, dtype) for _, shape, dtype, _ in self.outputs]
            for k, array in enumerate(results, self.first_output):
                args[k] = id(array)
            code = self._call(self.state, args)
            return self._failed(code, inputs) if code else results
        return self._general(inputs)

    def repeat(self, calls: list[list[np.ndarray]]) -> list[np.ndarray]:
        """Of a `simple` program the results of call after call, (calls, …) for each output, all in one call
        of C.

        Errors: those of the first call that fails; Resized has what those before it gave.
        """
        self._take_shareds()
        n = len(calls)
        results = [np.empty((n, *shape), dtype) for _, shape, dtype, _ in self.outputs]
        addresses: list[int] = []
        kept: list[np.ndarray] = []
        for number, inputs in enumerate(calls):
            for k, array in enumerate(inputs):
                flags = array.flags
                borrowed = id(array) in self._overwritten or id(array.base) in self._overwritten
                if borrowed or not (flags.c_contiguous and flags.aligned):
                    inputs[k] = np.array(array, order="C")
            rows = [result[number, ...] for result in results]
            kept += rows
            addresses += map(id, inputs)
            addresses += map(id, rows)
        outputs = range(self.first_output, self.first_output + len(results))
        places = np.array([*range(self.inputs), *outputs], "int64")
        arrays, code = np.array(addresses, np.uintp), ctypes.c_int64()
        done = library("team").gl_repeat(
            ctypes.cast(self.library.gl_call, ctypes.c_void_p),
            self.state,
            self.args,
            n,
            len(places),
            places.ctypes.data,
            arrays.ctypes.data,
            ctypes.byref(code),
            self.flush,
        )
        if code.value:
            try:
                self._failed(code.value, calls[done])
            except Resized as error:
                error.done, error.results = done, [each[:done] for each in results]
                raise
        return results

    def _flushed(self, function: Any) -> Callable[[int, Any], int]:
        """A function of the library in whose call numbers too small to be normal are 0."""
        address, code = ctypes.cast(function, ctypes.c_void_p), ctypes.c_int64()
        repeat, noted = library("team").gl_repeat, ctypes.byref(code)

        def call(state: int, args: Any) -> int:
            repeat(address, state, args, 1, 0, None, None, noted, True)
            return code.value

        return call

    def _general(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        code = self.library.gl_prepare(self.state, self.args)
        if code:
            return self._failed(code, inputs)
        results: list[Any] = []
        for k, shape, dtype, borrow in self.outputs:
            if shape == "data":
                results.append(None)
                continue
            wanted = tuple(self.lengths[k][: self.ranks[k]]) if shape is None else shape
            array = self._borrowed.get(k) if borrow else None
            if array is None or array.shape != wanted:
                array = self._empty(k, wanted, dtype)
                if borrow:
                    self._borrowed[k] = array
            results.append(array)
            self.args[self.first_output + k] = id(array)
        code = self._run(self.state, self.args)
        if code:
            return self._failed(code, inputs)
        if self.data_dependent:
            self._fetch(results)
        for shared in reversed(self.resized):
            shared.data = results.pop()
        return results

    def _empty(self, k: int, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """An array for output ``k``."""
        try:
            return np.empty(shape, dtype)
        except MemoryError as error:
            what = self.stages.final.outputs[k].describe()
            raise MemoryError(f"{self.program.title}: {what}: {error}") from None

    def _fetch(self, results: list[Any]) -> None:
        """Copies of the outputs whose lengths were found during the call."""
        pointers = (ctypes.c_int64 * (2 * len(self.outputs)))()
        self.library.gl_outputs(self.state, pointers)
        for k, shape, dtype, _ in self.outputs:
            if shape == "data":
                array = np.empty(tuple(self.lengths[k][: self.ranks[k]]), dtype)
                ctypes.memmove(array.ctypes.data, pointers[len(self.outputs) + k], array.nbytes)
                results[k] = array

    def _failed(self, code: int, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """Errors: what the code of a call stands for.

        What was found in the cache has no words, and the lines of the program are other ones by now.  So the
        program is compiled anew, and fails in the same way: shared variables are what they were.
        """
        if "mpi" not in self.native.needs:
            return self._explained(code, inputs)
        from .collectives import alone, failed_collective

        with alone():
            if code == _IN_MPI:
                raise failed_collective(self.program.title)
            self._explained(code, inputs)
        raise GraphError(
            f"{self.program.title}: it can go on with the values of this rank, and not with the means over "
            "all of them: an index or a divisor depends on a mean"
        )

    def _explained(self, code: int, inputs: list[np.ndarray]) -> list[np.ndarray]:
        if code == _IN_PYTHON:
            raise failure()
        if self.has_words or code == _NO_MEMORY:
            self._fail(code, inputs)
        if self._anew is None:
            self._anew = CExecutor.compiled(self.stages)
        return self._anew(inputs)

    def _fail(self, code: int, inputs: list[np.ndarray]) -> NoReturn:
        title = self.program.title
        if code > 0:
            check = self.plan.all_checks[code - 1]
            lengths = (ctypes.c_int64 * len(check.polys)).from_address(self.library.gl_failure(self.state))
            raise check.failure(list(lengths), f"{title}: ")
        if code == -2:
            from ..reference import explain_index

            try:
                explain_index(inputs, self.stages)
            except (IndexError, ZeroDivisionError, DomainError) as error:
                raise type(error)(f"{title}: {error}") from None
        if code == _NO_MEMORY:
            raise MemoryError(f"{title}: not enough memory for the intermediate results")
        raise GraphError(f"{title}: unknown failure {code}")

    def rewritten(self) -> list[Variable]:
        return self.stages.rewritten.results

    def profile(self) -> Any:
        from ...profile import Profile

        if not self.plan.profiled:
            return None
        calls = ctypes.c_int64()
        address = self.library.gl_profile(self.state, ctypes.byref(calls))
        seconds = (ctypes.c_double * max(len(self.plan.steps), 1)).from_address(address)
        rows = [
            (step.sources, seconds[k], calls.value) for k, step in enumerate(self.plan.steps) if step.sources
        ]
        return Profile(self.program.title, rows)
