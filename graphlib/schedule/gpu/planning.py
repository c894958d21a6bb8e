"""The plan of a schedule for a device."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import fields, replace
from typing import Any

from ...graph import Shared as SharedVariable
from ...graph import Variable
from ...lower.lowering import Value
from ...ops.host import called_back
from ...scalar.expression import Expr
from ...scalar.integer import Poly, Symbol
from ...scalar.lowered import Operand
from ..arrays import Array
from ..indices import checks_values
from ..parts import expressions, polys
from ..plan import Call, CopyArray, DeviceKernel, Launch, Plan, Product
from ..planning import Planner, described, refuse_data_dependent
from ..schedule import Schedule
from ..steps import Copy, LibraryCall, Loops, MatMul, Pushes, ScanStep, Step
from ..verify import verify
from . import convolution, library, matrices, nests, products, pushes, reductions
from .epilogue import Epilogue, with_epilogues
from .kernel import Flags, KernelPlanner, Shared
from .teams import GuardedCopy

#: parts of a step that are no arrays or lengths
_SCHEDULING = frozenset(["position", "nodes", "after", "followers", "rank", "stored"])


def plan_for_cuda(schedule: Schedule, profiled: bool, cublas: bool, graph: bool) -> Plan:
    """The plan of a schedule for a device.

    cublas: products are cuBLAS's; graph: what a call launches is to be always the same, so that it can be a
    CUDA graph.
    """
    made = _ForCuda(schedule, profiled, "", cublas, graph and not profiled, Flags()).plan()
    verify(made)
    return made


class _HostScalars:
    """Scalars and lengths that the host computes when a call needs them, as they stand."""

    def body(self) -> tuple[Any, ...]:
        return ()

    def scalar(self, expr: Expr) -> Expr:
        return expr

    def poly(self, p: Poly) -> Poly:
        return p


class _ForCuda(Planner):
    target = "cuda"

    def __init__(
        self, schedule: Schedule, profiled: bool, prefix: str, cublas: bool, graph: bool, flags: Flags
    ) -> None:
        self.in_loop = bool(prefix)
        super().__init__(copy(schedule), profiled, prefix)
        self.cublas = cublas
        # what the host computes goes to it and comes back: to another place
        self.schedule.overwritten_by = {
            base: v
            for base, v in schedule.overwritten_by.items()
            if not isinstance(schedule.maker[v], LibraryCall)
        }
        if not cublas:
            self.schedule.steps = with_epilogues(schedule, self.storage)
        self.dynamic = {s for s in self.low.dims if self.schedule.reads_for(s)} - set(self.data_dependent)
        #: whether what is launched may become a CUDA graph
        self.captures = graph and not self.in_loop and not self.data_dependent
        opaque = {self.tr.symbols[s] for s in self.dynamic} if self.captures else set()
        self.shared = Shared(opaque, flags)
        constants = set(self.constants)
        self.on_host = constants if self.in_loop else {*self.program.inputs, *constants}
        self.given = set(self.program.inputs)

    def plan(self) -> Plan:
        self.materialize()
        self.lay_out()
        made = self.make()
        values = () if self.in_loop else tuple(a for a in made.arguments[: made.inputs] if not a.ndim)
        table = _in_table(made, values, self.shared.opaque) if self.captures else ()
        flags = self.shared.flags.count
        return replace(made, values=values, table=table, captures=self.captures, flags=flags)

    def materialize(self) -> None:
        for step in self.schedule.steps:
            if isinstance(step, Loops):
                step.stored |= nests.to_memory(step.values)
            elif isinstance(step, Epilogue):
                step.loops.stored |= reductions.to_memory(step.loops.values)

    def host(self) -> _HostScalars:
        return _HostScalars()

    def parts(self, step: Step) -> tuple[Step, ...]:
        return (step.product, step.loops) if isinstance(step, Epilogue) else (step,)

    def outlives(self, target: Variable | int) -> bool:
        """Whether what a storage has matters after the call, or after the step of a loop."""
        if self.in_loop:
            return isinstance(target, int) or target in self.given
        return isinstance(target, SharedVariable)

    # steps

    def actions(self, number: int, step: Step) -> tuple[Sequence[str], list[Any]]:
        makers = {
            Loops: self._loops,
            Pushes: self._pushes,
            MatMul: self._product,
            Epilogue: self._epilogue,
            LibraryCall: self._call,
            ScanStep: lambda number, step: self._scan(number, step),
            Copy: self._copy,
        }
        return (), makers[type(step)](number, step)

    def _planner(self, number: int, variables: Sequence[Variable]) -> KernelPlanner:
        return KernelPlanner(f"{self.prefix}step{number}", described(variables), self.shared)

    def _loops(self, number: int, step: Loops) -> list[Any]:
        values, stored = self.tr.of(step.values), set(map(self.tr.array, step.stored))
        names = {self.tr.array(v.variable): v.variable for v in step.values}

        def comments(some: Sequence[Value]) -> Sequence[str]:
            return described([names[v.variable] for v in some])

        return [Launch(k) for k in nests.group(self._planner(number, ()), values, stored, comments)]

    def _epilogue(self, number: int, step: Epilogue) -> list[Any]:
        tr, loops = self.tr, step.loops
        names = {tr.array(v.variable): v.variable for v in loops.values}
        by_rows, _ = reductions.split(loops.values)
        planner = self._planner(number, [step.product.variable, *(v.variable for v in by_rows)])

        def comments(some: Sequence[Value]) -> Sequence[str]:
            return described([names[v.variable] for v in some])

        stored = set(map(tr.array, loops.stored))
        made = products.gemm_and_loops(
            planner, self._in_arrays(step.product), tr.of(loops.values), stored, comments
        )
        return [Launch(k) for k in made]

    def _pushes(self, number: int, step: Pushes) -> list[Any]:
        """What an output has before anything is pushed into it, and the pieces."""
        planner, out = self._planner(number, [step.variable]), self.tr.array(step.variable)
        pieces, start = self.tr.of(step.pieces), []
        if self.storage(step.variable) in self.program.updates and checks_values(step):
            # before anything of the shared variable is overwritten
            start = [
                Launch(pushes.push(planner.after(f"_{k}_check"), out, p, only_checks=True))
                for k, p in enumerate(pieces)
            ]
        if isinstance(step.base, Expr):
            start.append(Launch(pushes.fill(planner.after("_fill"), out, self.tr.expr(step.base))))
        elif step.base is not None and self.storage(step.base) != self.storage(step.variable):
            start += self._copying(planner, step.base, out, self.storage(step.variable))
        made = [Launch(pushes.push(planner.after(f"_{k}"), out, p)) for k, p in enumerate(pieces)]
        return [*start, *made]

    def _copying(
        self, planner: KernelPlanner, source: Variable, target: Array, storage: Variable | int
    ) -> list[Any]:
        """A copy: by the driver, or by a kernel where that must do nothing after a wrong index, or goes to
        another place at each step of a loop."""
        flags = self.shared.flags
        if self.tr.array(source) == target:
            return []
        if self.in_loop or (flags.earlier > 0 and isinstance(storage, SharedVariable)):
            comment = described([source])
            return [Launch(pushes.copy(planner.after("_copy", comment), self.tr.array(source), target))]
        return [CopyArray(self.tr.array(source), target, self.size(source))]

    def _copy(self, number: int, step: Copy) -> list[Any]:
        target = self._result(step.result, step.source)
        planner = self._planner(number, [step.source])
        return self._copying(planner, step.source, target, self.result_storage(step.result))

    def _product(self, number: int, step: MatMul) -> list[Any]:
        """The kernel of a product; of one by cuBLAS that of its scalars, where they depend on the device."""
        tr, planner = self.tr, self._planner(number, [step.variable])
        target, c, flags = self.storage(step.variable), step.c, self.shared.flags
        after_a_check = flags.earlier > 0 and self.outlives(target)
        copies = isinstance(c, Variable) and self.storage(c) != target
        if not self.cublas or isinstance(c, Expr) or (after_a_check and copies):
            return [Launch(products.gemm(planner, self._in_arrays(step)))]
        out = tr.array(step.variable)
        actions = self._copying(planner, c, out, target) if copies else []
        scalars = [e for e in (step.alpha, step.beta) if e is not None]
        alpha, beta = (tr.expr(e) if e is not None else None for e in (step.alpha, step.beta))
        beta = beta if c is not None else None
        on_device = after_a_check or not all(e.uses <= self.on_host for e in scalars)
        if on_device:
            actions.append(Launch(products.scalars(planner.after("_scalars"), out, alpha, beta)))
        return [*actions, Product(out, *self.matrices(step, tr.poly), alpha, beta, on_device)]

    def _call(self, number: int, step: LibraryCall) -> list[Any]:
        if step.call.host is not None:
            return [self._call_back(step)]
        if step.call.needs == "mpi":
            return self._over_ranks(number, step)
        planner, step = self._planner(number, step.outputs), self._in_arrays(step)
        of = convolution if step.call.function in convolution.FUNCTIONS else library
        of = matrices if step.call.needs == "lapack" else of
        return [Launch(k) for k in of.kernels(planner, step)]

    def _call_back(self, step: LibraryCall) -> Call:
        """A call of Python, by the host."""
        tr, call = self.tr, step.call
        operands, outputs = (tuple(map(tr.array, several)) for several in (step.operands, step.outputs))
        return Call(
            call.function, call.header, False, operands, outputs, tr.polys(call.integers), host=call.host
        )

    def _over_ranks(self, number: int, step: LibraryCall) -> list[Any]:
        """The mean over ranks: made where it is begun, by the host or by NCCL; then it is there."""
        (node,), (x,), (out,) = step.nodes, step.operands, step.outputs
        if step.call.when == "late":
            planner, target = self._planner(number, step.outputs), self.tr.array(out)
            return self._copying(planner, x, target, self.storage(out))
        call = called_back(
            node,
            [Operand(x, self.low.shape(x), None, None)],
            step.call.shapes,
            lambda array: (node.op.reference(node, array),),
        )
        return [replace(self._call_back(replace(step, call=call)), needs=step.call.needs)]

    def _scan(self, number: int, step: ScanStep) -> list[Any]:
        """A loop; where kernels of it check indices it is planned twice: only then it is known how many
        flags those at its beginning must look at."""
        flags = self.shared.flags
        before = flags.count
        inner = self._inner(number, step)
        if flags.count > before:
            around = flags.all_in_loop
            flags.count, flags.all_in_loop = before, flags.earlier
            inner = self._inner(number, step)
            flags.all_in_loop = around
        scan = self.scan(step, inner, self.host())
        return [replace(scan, copying=self._guarded_copy(step, f"{self.prefix}loop{number}_copy"))]

    def _inner(self, number: int, step: ScanStep) -> Plan:
        prefix, flags = f"{self.prefix}loop{number}_", self.shared.flags
        inner = _ForCuda(step.inner, False, prefix, self.cublas, False, flags).plan()
        refuse_data_dependent(step.inner, inner)
        return inner

    def _guarded_copy(self, step: ScanStep, name: str) -> DeviceKernel | None:
        """The kernel that copies to what outlives the steps around, after a look at the flags, if there are
        any."""
        results, flags = step.results, self.shared.flags.earlier
        written = [self.storage(v) for v in (*results.last, results.done) if v in step.outputs]
        if not flags or not any(map(self.outlives, written)):
            return None
        return DeviceKernel(name, (), (GuardedCopy(),), shape="threads", rows=Poly.of(1), earlier=flags)

    def _in_arrays(self, step: Any) -> Any:
        """A step in terms of arrays."""
        parts = {f.name: self.tr.of(getattr(step, f.name)) for f in fields(step) if f.name not in _SCHEDULING}
        return type(step)(step.position, **parts)


def _in_table(plan: Plan, values: Sequence[Array], lengths: set[Symbol]) -> tuple[Any, ...]:
    """The values of a call that kernels read from memory, because what is launched is always the same."""
    found: dict[Any, None] = {}
    bodies = [a.kernel.body for step in plan.steps for a in step.actions if isinstance(a, Launch)]
    for p in polys(bodies):
        found |= dict.fromkeys(a for monomial in p.terms for a in monomial if a in lengths)
    for e in expressions(bodies):
        if e.op == "load" and e.value[0] in values:
            found[e.value[0]] = None
    return tuple(found)
