"""All stages from a graph to native code, in their order: the one file that knows them all.

| stage | made by | what it is |
|---|---|---|
| variables, gradients | ``tensor``, ``ops``, ``gradient`` | what the user's lines made |
| program | ``function.py`` | inputs, outputs and updates: a graph |
| represented | ``represent`` | the graph without dtypes that nothing below knows (``modes.py``) |
| sized | ``present.py`` | the graph for lengths of shared variables, and short ones of inputs |
| rewritten | ``rewrite``, ``lower/claims.py`` | an equivalent graph, stable and cheap |
| lowered | ``lower/lowering.py`` | a scalar expression for each value |
| scheduled | ``schedule/schedule.py`` | steps in an order, results in their places |
| plan | ``schedule/planning.py``, ``schedule/gpu`` | kernels, memory and checks: all that is decided |
| rendered | ``render`` | text |
| loaded | ``run`` | something to call |

Who has compiled the same program before finds it in the cache, and nothing between the second of these and
the last is done (``function_cache.py``) or, as it takes longer than to load native code, as much as imported.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ..configuration import config
from ..graph import Shared
from ..lower.program import Program, lowered
from . import function_cache
from .present import Given, Shapes, with_lengths
from .short import ForShortLengths

if TYPE_CHECKING:
    from ..run.c.executor import CExecutor
    from ..schedule.plan import Plan
    from ..schedule.schedule import Schedule
    from ..schedule.short import InnerLoops


class Target(Protocol):
    """What native code is for."""

    profile: bool

    def plan(self, schedule: Schedule) -> Plan:
        """The last decisions."""

    def render(self, plan: Plan) -> Any:
        """Text."""

    def executor(self, stages: Stages) -> Any:
        """What calls it, compiled or found in a cache."""


class Made(NamedTuple):
    """What a program became, stage by stage, as far as it is still asked for afterwards."""

    sized: Program
    rewritten: Program
    final: Program
    resized: list[Shared]
    plan: Plan
    rendered: Any


def compiled(program: Program, target: Target, shapes: Shapes | None, given: Given | None) -> Made:
    """The stages of a program for a target, and for some lengths of its shared variables and inputs, or for
    any."""
    from ..lower.claims import rewritten
    from ..schedule.schedule import Schedule

    sized = program if shapes is None and given is None else with_lengths(program, shapes, given)
    equivalent = rewritten(sized)
    final, resized = equivalent.with_resized_as_outputs()
    scheduled = Schedule(*lowered(final))
    plan = target.plan(scheduled)
    return Made(sized, equivalent, final, resized, plan, target.render(plan))


class Stages:
    """The stages of a program, which are gone through when the first of them is asked for: with the settings,
    and for the lengths, that there were when they were put in line.

    shapes: of the shared variables, None of any; given: short lengths of inputs.
    """

    def __init__(
        self, program: Program, target: Target, shapes: Shapes | None, given: Given | None = None
    ) -> None:
        self.program, self.target, self.shapes, self.given = program, target, shapes, given
        self._settings = config.settings()

    def of(self, given: Given | None) -> Stages:
        """Those for lengths of the inputs."""
        return self if given == self.given else Stages(self.program, self.target, self.shapes, given)

    @cached_property
    def _made(self) -> Made:
        with config.change(**self._settings):
            return compiled(self.program, self.target, self.shapes, self.given)

    @property
    def sized(self) -> Program:
        return self._made.sized

    @property
    def rewritten(self) -> Program:
        return self._made.rewritten

    @property
    def final(self) -> Program:
        """What is lowered: the rewritten program, in which ``resized`` are outputs."""
        return self._made.final

    @property
    def resized(self) -> list[Shared]:
        """The shared variables whose shape an update may change."""
        return self._made.resized

    @property
    def plan(self) -> Plan:
        return self._made.plan

    @property
    def rendered(self) -> Any:
        return self._made.rendered


class C:
    """Native code for this machine's processors."""

    def __init__(self, profile: bool) -> None:
        self.profile = profile

    def plan(self, schedule: Schedule) -> Plan:
        from ..schedule.planning import plan_for_c

        return plan_for_c(schedule, self.profile)

    def render(self, plan: Plan) -> Any:
        from ..render.c import render

        return render(plan)

    def executor(self, stages: Stages) -> Any:
        entry = self._entry(stages)
        loops = self._loops(stages, entry)
        return ForShortLengths(stages, self._native, loops) if loops else self._native(stages, entry)

    def _entry(self, stages: Stages) -> function_cache.Entry | None:
        # what is profiled is of today, and so are the words about float64
        known = not self.profile and config.on_float64 == "ignore" and config.cache_functions
        return function_cache.entry(stages.program, stages.shapes, stages.given) if known else None

    def _loops(self, stages: Stages, entry: function_cache.Entry | None) -> InnerLoops:
        """The loops for which it matters whether inputs are short."""
        from ..run.c.runtime import ahead

        if not any(None in v.type.shape for v in stages.program.inputs):
            return ()
        loops = entry and entry.loops()
        if loops is None:
            from ..schedule.short import inner_loops

            with ahead(stages.program.results):
                loops = inner_loops(stages.plan)
            if entry:
                entry.keep_loops(loops)
        return loops

    def _native(self, stages: Stages, entry: function_cache.Entry | None = None) -> CExecutor:
        """What is in the cache, or compiled now."""
        from ..run.c.executor import CExecutor
        from ..run.c.runtime import ahead

        entry = entry or self._entry(stages)
        native = entry and entry.find()
        found = native and CExecutor.found(stages, native)
        if found:
            return found
        with ahead(stages.program.results):
            made = CExecutor.compiled(stages)
        # what native code calls in Python is numbered as it is made: another process has other numbers
        if entry and not stages.plan.calls_back:
            entry.keep(made.native)
        return made


class Cuda:
    """Kernels for a device ('cuda' or 'cuda-emulated')."""

    def __init__(self, profile: bool, device: str) -> None:
        self.profile, self.device = profile, device

    def plan(self, schedule: Schedule) -> Plan:
        from ..run.cuda import blas
        from ..schedule.gpu.planning import plan_for_cuda

        cublas = config.cublas and blas.library() is not None
        return plan_for_cuda(schedule, self.profile, cublas, config.cuda_graph)

    def render(self, plan: Plan) -> Any:
        from ..render.cuda import render

        return render(plan)

    def executor(self, stages: Stages) -> Any:
        from ..run.cuda.executor import CudaExecutor

        return CudaExecutor(stages)


def target_of_settings(profile: bool) -> Target | None:
    """What ``config`` says native code is for; None, with a warning, where there is no compiler."""
    if config.device != "cpu":
        from ..run.cuda.driver import automatic

        device = automatic() if config.device == "auto" else config.device
        if device != "cpu":
            return Cuda(profile, device)
    from ..run.c.toolchain import find_compiler, warn_no_compiler

    if find_compiler() is None:
        warn_no_compiler()
        return None
    return C(profile)


def executor(program: Program, target: Target, shapes: Shapes | None = None) -> Any:
    """What runs a program natively, for some lengths of its shared variables, or for any."""
    return target.executor(Stages(program, target, shapes))
