"""Runs a program as one native call: compiles the rendered file, hands over arrays, and turns failure codes
into errors."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Sequence
from concurrent.futures import wait
from typing import Any

import numpy as np

from ...errors import CompileError, DomainError, GraphError
from ...graph import Variable, toposort
from ...graph.shared import as_compiled, itself
from ...lower.claims import rewritten
from ...lower.program import Program
from ...ops.convolution import Convolutional
from ...ops.linalg import Gemm, MatrixProduct
from ...ops.scan import Scan
from ...render.c import render
from ...schedule.plan import Call, Plan, Product
from ...schedule.planning import plan_for_c
from ...schedule.schedule import Schedule
from ..reference import explain_index
from .runtime import begin, start
from .units import linked

#: operations that need products
_WITH_PRODUCTS = (MatrixProduct, Gemm, Convolutional)
_P = ctypes.c_void_p
#: the functions of a generated file: what they give and take
_SIGNATURES: dict[str, tuple[Any, list]] = {
    "gl_new": (_P, [_P]),
    "gl_free": (None, [_P]),
    "gl_call": (ctypes.c_int64, [_P, _P]),
    "gl_prepare": (ctypes.c_int64, [_P, _P]),
    "gl_run": (ctypes.c_int64, [_P, _P]),
    "gl_outputs": (None, [_P, _P]),
    "gl_failure": (_P, [_P]),
    "gl_profile": (_P, [_P, _P]),
}


def _foreseen(results: Sequence[Variable]) -> set[str]:
    """The dtypes of products that will be needed, as far as is seen before anything is rewritten."""
    found: set[str] = set()
    for node in toposort(results):
        if isinstance(node.op, Scan):
            found |= _foreseen([*node.op.new, *node.op.outputs])
        elif isinstance(node.op, _WITH_PRODUCTS) and node.outputs[0].dtype.startswith("float"):
            found.add(node.outputs[0].dtype)
    return found


def _precisions(plan: Plan) -> list[str]:
    """The dtypes of products that are needed."""
    actions = [a for part in plan.all() for step in part.steps for a in step.actions]
    found = {a.target.dtype for a in actions if isinstance(a, Product)}
    found |= {a.operands[0].dtype for a in actions if isinstance(a, Call) and a.team}
    return sorted(found & {"float32", "float64"})


class CExecutor:
    """The compiled form of a program.  Calling it is one call of C, or two where the lengths of outputs must
    be known first."""

    def __init__(self, program: Program, profile: bool) -> None:
        self.original = program
        begun = begin("team", *_foreseen(program.results))
        self.user_program = rewritten(program)
        self.program, self.resized = self.user_program.with_resized_as_outputs()
        program = self.program
        self.plan = plan_for_c(Schedule(self.program), profile)
        rendered = render(self.plan)
        self.source = rendered.source
        try:
            self.library = linked(rendered.driver, rendered.units, tuple(_SIGNATURES))
        except CompileError:
            wait(begun)
            raise
        self._declare()
        self.state = self.library.gl_new(start(*_precisions(self.plan)))
        self._finalizer = weakref.finalize(self, self.library.gl_free, self.state)
        self.inputs = len(program.inputs)
        self.numbered_shareds = [(k, itself(s)) for k, s in enumerate(program.shareds, self.inputs)]
        leaves = len(self.plan.arguments)
        self.count = leaves + len(program.outputs)
        self.args = (ctypes.c_void_p * max(self.count, 1))()
        self._kept: list[Any] = [None] * self.count
        self._keep(self.inputs + len(program.shareds), [c.array for c in self.plan.constants])
        self.first_output = leaves
        self.outputs = [
            (k, shape, v.type.numpy_dtype, borrow)
            for k, (v, shape, borrow) in enumerate(
                zip(program.outputs, self._shapes(), program.borrow, strict=True)
            )
        ]
        self.simple = not self.resized and all(
            isinstance(shape, tuple) and not borrow for _, shape, _, borrow in self.outputs
        )
        self.late = any(shape == "late" for _, shape, _, _ in self.outputs)
        pointers = (ctypes.c_int64 * max(2 * len(self.outputs), 1))()
        self.library.gl_outputs(self.state, pointers)
        self.lengths = [
            ctypes.cast(pointers[k], ctypes.POINTER(ctypes.c_int64)) for k in range(len(program.outputs))
        ]
        self.ranks = [v.ndim for v in program.outputs]
        self._call = self.library.gl_call
        #: the arrays that updates write over: an input that is one of them, or a part of it, is copied
        self._overwritten: set[int] = set()
        self._borrowed: dict[int, np.ndarray] = {}

    def _shapes(self) -> list[tuple | str | None]:
        """The shape of each output; None where ``gl_prepare`` finds it, "late" where the call does."""
        shapes = [tuple(n.constant for n in shape) for shape in self.plan.shapes]
        return [
            "late" if k in self.plan.late else shape if None not in shape else None
            for k, shape in enumerate(shapes)
        ]

    def _declare(self) -> None:
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(self.library, name)
            function.restype, function.argtypes = result, arguments

    def _keep(self, first: int, arrays: list[np.ndarray]) -> None:
        for k, array in enumerate(arrays, first):
            self.args[k] = id(array)
            self._kept[k] = array

    def __call__(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        args, kept = self.args, self._kept
        for k, shared in self.numbered_shareds:
            if shared.data is not kept[k]:
                as_compiled(self.program.shareds[k - self.inputs])
                self._keep(k, [shared.data])
                self._overwritten = {id(a) for s in self.program.updates for a in (s.data, s.data.base)}
                self._overwritten.discard(id(None))
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
            if code:
                self._fail(code, inputs)
            return results
        return self._general(inputs)

    def _general(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        code = self.library.gl_prepare(self.state, self.args)
        if code:
            self._fail(code, inputs)
        results: list[Any] = []
        for k, shape, dtype, borrow in self.outputs:
            if shape == "late":
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
        code = self.library.gl_run(self.state, self.args)
        if code:
            self._fail(code, inputs)
        if self.late:
            self._fetch(results)
        for shared in reversed(self.resized):
            shared.data = results.pop()
        return results

    def _empty(self, k: int, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """An array for output ``k``."""
        try:
            return np.empty(shape, dtype)
        except MemoryError as error:
            what = self.program.outputs[k].describe()
            raise MemoryError(f"{self.program.title}: {what}: {error}") from None

    def _fetch(self, results: list[Any]) -> None:
        """Copies of the outputs whose lengths were found during the call."""
        pointers = (ctypes.c_int64 * (2 * len(self.outputs)))()
        self.library.gl_outputs(self.state, pointers)
        for k, shape, dtype, _ in self.outputs:
            if shape == "late":
                array = np.empty(tuple(self.lengths[k][: self.ranks[k]]), dtype)
                ctypes.memmove(array.ctypes.data, pointers[len(self.outputs) + k], array.nbytes)
                results[k] = array

    def _fail(self, code: int, inputs: list[np.ndarray]) -> None:
        title = self.program.title
        if code > 0:
            check = self.plan.all_checks[code - 1]
            lengths = (ctypes.c_int64 * len(check.polys)).from_address(self.library.gl_failure(self.state))
            raise check.failure(list(lengths), f"{title}: ")
        if code == -2:
            before = {s: s.data.copy() for s in self.program.updates}
            try:
                explain_index(inputs, self.original, self.user_program)
            except (IndexError, ZeroDivisionError, DomainError) as error:
                raise type(error)(f"{title}: {error}") from None
            finally:
                for s, value in before.items():
                    s.set_value(value)
            raise IndexError(f"{title}: an index is out of range, or a divisor 0")
        if code == -1:
            raise MemoryError(f"{title}: not enough memory for the intermediate results")
        raise GraphError(f"{title}: unknown failure {code}")

    def rewritten(self) -> list[Variable]:
        return self.user_program.results

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


__all__ = ["CExecutor"]
