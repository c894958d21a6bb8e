"""The modes: for each an executor, which takes converted inputs, returns outputs and changes the shared
variables.

``fast_run`` is the C backend; ``reference`` is numpy, node by node, with no rewrites but those for stability;
``check`` runs both and compares; ``check_nan`` runs C and, when a NaN comes out, looks for the node that made
it.

What only some modes need is imported when they do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import BackendMismatch, NanError
from ..graph import Apply, Constant, Shared, Variable
from ..lower.program import Program
from ..represent import Represented, represented
from ..rewrite import stabilized
from .around import Around, Checking
from .pipeline import executor, target_of_settings
from .present import ForPresentLengths, Shapes, may_change
from .together import Together, waits_for_ranks
from .watching import Guard, Watch

if TYPE_CHECKING:
    from ..run.reference import ReferenceExecutor


def make_executor(program: Program, mode: str, profile: bool) -> Any:
    kinds = {"fast_run": _fast_run, "reference": _reference, "check": CheckExecutor, "check_nan": NanExecutor}
    form = represented(program)
    own = isinstance(mode, (Watch, Guard))
    executor = (mode.executor if own else kinds[mode])(form.program, profile)
    executor = executor if form.is_same else _OfComplex(executor, form)
    return Together(executor, program) if waits_for_ranks(program) else executor


class _OfComplex(Around):
    """An executor that takes and gives complex numbers, of one that takes and gives their parts."""

    def __init__(self, executor: Any, form: Represented) -> None:
        self.executor, self.form = executor, form

    def __call__(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        return self.form.results(self.executor(self.form.given(inputs)))


def _reference(program: Program, profile: bool) -> ReferenceExecutor:
    """The program in its stable form: it means the same in every mode."""
    from ..run.reference import ReferenceExecutor

    stable = program.with_results(stabilized(program.results, stop_at=program.inputs))
    return ReferenceExecutor(stable, profile)


def _fast_run(program: Program, profile: bool) -> Any:
    target = target_of_settings(profile)
    if target is None:
        return _reference(program, profile)

    def make(shapes: Shapes | None) -> Any:
        return executor(program, target, shapes)

    return ForPresentLengths(program, make) if may_change(program) else make(None)


class CheckExecutor(Checking):
    """Runs the reference and the compiled function from the same state and compares outputs and updates at
    every call."""

    def __init__(self, program: Program, profile: bool) -> None:
        super().__init__(program, _fast_run(program, profile))
        #: the plans that are proven
        self._held: list[Any] = []
        self._hold()
        self.reference = _reference(program, profile)

    def _hold(self) -> None:
        """Errors: ScheduleError where the plan of what ran last goes beyond an array."""
        from ..schedule.bounds import hold

        plan = self.plan
        if plan is not None and plan.target == "c" and not any(plan is held for held in self._held):
            hold(plan)
            self._held.append(plan)

    def __call__(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        from .agreement import Agreement

        before = self.before()
        expected = self.reference(inputs)
        expected_updates = {s: s.data.copy() for s in before}
        self.restore(before)
        results = self.executor(inputs)
        self._hold()
        pairs = list(zip(self.program.outputs, results, expected, strict=True))
        pairs += [(v, s.data, expected_updates[s]) for s, v in self.program.updates.items()]
        compared = Agreement(self.reference, inputs, self.reference.program.results, before)
        for (variable, got, wanted), same in zip(pairs, self.reference.program.results, strict=True):
            if not compared.holds(same, got, wanted):
                self.restore(before)
                raise BackendMismatch(self.explain(variable, got, wanted, inputs))
        return results

    def explain(
        self, variable: Variable, got: np.ndarray, wanted: np.ndarray, inputs: list[np.ndarray]
    ) -> str:
        """Compiles each node alone, on the reference's values, to find the first that differs."""
        from ..run.reference import ReferenceExecutor
        from .agreement import Agreement

        head = (
            f"{self.program.title}: the compiled function and the reference differ in {variable.describe()}: "
            f"{_difference(got, wanted)}"
        )
        values = self.reference.values(inputs)
        nodes = self.reference.order
        for node in nodes:
            alone = [v if isinstance(v, Constant) else v.type() for v in node.inputs]
            given = [v for v in alone if not isinstance(v, Constant)]
            outputs = list(Apply(node.op, alone, [v.type for v in node.outputs]).outputs)
            program = Program("one node", given, outputs, [False] * len(outputs), {}, [])
            single = _fast_run(program, False)
            arrays = [
                v.data if isinstance(v, Shared) else values[v]
                for v in node.inputs
                if not isinstance(v, Constant)
            ]
            compared = Agreement(ReferenceExecutor(program, False), arrays, outputs)
            for output, result, own in zip(node.outputs, single(arrays), outputs, strict=True):
                if not compared.holds(own, result, values[output]):
                    return (
                        f"{head}. The first node that differs is {node.op}, {output.describe()}: "
                        f"{_difference(result, values[output])}"
                    )
        compared = Agreement(self.reference, inputs, [v for node in nodes for v in node.outputs])
        for node in nodes:
            for output in node.outputs:
                partial = Program("part", self.program.inputs, [output], [False], {}, self.program.shareds)
                (result,) = _fast_run(partial, False)(inputs)
                if not compared.holds(output, result, values[output]):
                    return (
                        f"{head}. Every node alone is right; a rewrite changes {node.op}, "
                        f"{output.describe()}: "
                        f"{_difference(result, values[output])}"
                    )
        return head


def _difference(got: np.ndarray, wanted: np.ndarray) -> str:
    if got.shape != wanted.shape or got.dtype != wanted.dtype:
        return f"{got.dtype}{got.shape} instead of {wanted.dtype}{wanted.shape}"
    a, b = np.asarray(got, "float64"), np.asarray(wanted, "float64")
    with np.errstate(invalid="ignore"):
        off = np.where(np.isnan(a) & np.isnan(b), 0, np.nan_to_num(np.abs(a - b), nan=np.inf))
    where = np.unravel_index(int(np.argmax(off)), off.shape) if off.ndim else ()
    return f"{got[where]!r} instead of {wanted[where]!r} at index {tuple(map(int, where))}"


class NanExecutor(Checking):
    """Runs compiled; when a NaN comes out, restores the shared variables and finds the node that made it."""

    def __init__(self, program: Program, profile: bool) -> None:
        super().__init__(program, _fast_run(program, profile))

    def __call__(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        before = self.before()
        for variable, array in [
            *zip(self.program.inputs, inputs, strict=True),
            *((s, s.data) for s in self.program.shareds),
        ]:
            if _has_nan(array):
                raise NanError(
                    f"{self.program.title}: NaN in the value of {variable.describe()}, before anything was "
                    f"computed"
                )
        results = self.executor(inputs)
        bad = [v for v, a in zip(self.program.outputs, results, strict=True) if _has_nan(a)]
        bad += [v for s, v in self.program.updates.items() if _has_nan(s.data)]
        if bad:
            self.restore(before)
            raise NanError(self.explain(bad[0], inputs))
        return results

    def explain(self, variable: Variable, inputs: list[np.ndarray]) -> str:
        from ..run.reference import ReferenceExecutor

        rewritten = self.program.with_results(self.rewritten())
        for program in (rewritten, self.program):
            found: list[str] = []

            def watch(node: Apply, outputs: tuple, found: list[str] = found) -> None:
                for output, array in zip(node.outputs, outputs, strict=True):
                    if not found and _has_nan(array):
                        operands = "; ".join(v.describe() for v in node.inputs)
                        found.append(
                            f"{self.program.title}: NaN comes from {node.op}, {output.describe()}, computed "
                            f"from {operands}"
                        )

            ReferenceExecutor(program, False).values(inputs, watch)
            if found:
                return found[0]
        return f"{self.program.title}: NaN in {variable.describe()}, which the reference does not reproduce"


def _has_nan(array: np.ndarray) -> bool:
    return array.dtype.kind == "f" and bool(np.isnan(array).any())
