"""The last decisions: from a schedule to a plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ..errors import ShapeError
from ..graph import SizedInput, Variable
from ..lower.lowering import Strided
from ..records import record
from ..scalar.expression import CHECKS, Expr, integer, local, walk
from ..scalar.functions import COSTLY, is_costly
from ..scalar.integer import Poly, Symbol, product
from . import cpu
from .arrays import Array, Memory
from .builder import Builder, Scope
from .indices import checks_values, from_nothing
from .joins import absorbed
from .memory import plan as arena
from .plan import (
    Call,
    Compute,
    CopyArray,
    Data,
    Factor,
    Fill,
    Found,
    Launch,
    Length,
    Place,
    Plan,
    Product,
    Row,
    Scan,
    Slot,
    Source,
    StateOf,
)
from .plan import Step as Planned
from .schedule import Schedule
from .small import at_once, together
from .statements import Leave, Let, Watch
from .steps import Copy, LibraryCall, Loops, MatMul, Pushes, ScanStep, Step, base_of
from .translation import Translation
from .verify import verify


def plan_for_c(schedule: Schedule, profiled: bool = False, prefix: str = "") -> Plan:
    """The plan of a schedule for the C renderer; ``prefix`` is in front of the names of a loop's kernels."""
    made = _ForC(schedule, profiled, prefix).plan()
    if not prefix:
        verify(made)
    return made


@record
class Said:
    """A variable in the message of a check, by what it says of itself."""

    text: str

    def describe(self) -> str:
        return self.text


class Planner:
    """What planning takes, whatever the target."""

    target = ""

    def __init__(self, schedule: Schedule, profiled: bool, prefix: str) -> None:
        self.schedule, self.low, self.program = schedule, schedule.low, schedule.program
        self.profiled, self.prefix = profiled, prefix
        self.outputs = len(self.program.outputs)
        self.constants = schedule.constants()
        leaves = [*self.program.inputs, *self.program.shareds, *self.constants]
        self.leaves = {v: k for k, v in enumerate(leaves)}
        self.data_dependent = [s for s, p in self.low.dims.items() if self.low.depends_on_data(p)]
        #: lengths of arguments that are needed; asked for their shape, all have one
        self._needed = set(self.low.leaf_dims.values())
        for v in leaves:
            self.low.shape(v)
        self._memories: dict[Any, Memory] = {}
        self.tr = Translation(self.low, self.memory, self.predecessor)
        for v in leaves:
            self.tr.array(v)

    # memory

    def storage(self, v: Variable) -> Variable | int:
        """In whose memory a variable lies: a leaf's, a result's (its number), or its own."""
        v = self.schedule.end_of_chain(v)
        k = self.schedule.place.get(v)
        return v if k is None else self.result_storage(k)

    def result_storage(self, k: int) -> Variable | int:
        """In whose memory result ``k`` is at the end."""
        return k if k < self.outputs else list(self.program.updates)[k - self.outputs]

    def is_data_dependent(self, v: Variable) -> bool:
        return any(self.low.depends_on_data(n) for n in self.low.shape(v))

    def in_arena(self, v: Variable) -> bool:
        return self.storage(v) is v and not self.low.is_leaf(v) and not self.is_data_dependent(v)

    def memory(self, v: Variable) -> Memory | None:
        """Where a variable lies; None of what is only in registers."""
        if not self.low.is_leaf(v) and v not in self.in_memory:
            return None
        return self.memory_of(self.storage(v))

    def memory_of(self, key: Variable | int) -> Memory:
        if key not in self._memories:
            number = len(self._memories)
            if isinstance(key, int):
                made = Memory(number, "result", key)
            elif self.low.is_leaf(key):
                made = Memory(number, "argument", self.leaves[key])
            elif key in self.grown:
                made = Memory(number, "rows")
            elif self.is_data_dependent(key):
                made = Memory(number, "allocated")
            else:
                made = Memory(number, "arena", self.slot_of.get(key, -1))
            self._memories[key] = made
        return self._memories[key]

    def predecessor(self, v: Variable) -> Variable | None:
        """What a variable is written over, element by element or in parts."""
        maker = self.schedule.maker.get(v)
        base = base_of(maker) if maker is not None and not self.low.is_leaf(v) else None
        return base if base is not None and self.storage(base) == self.storage(v) else None

    # the plan

    def plan(self) -> Plan:
        raise NotImplementedError

    def materialize(self) -> None:
        """Decide what nests put into memory beside what others read."""
        raise NotImplementedError

    def make(self) -> Plan:
        schedule, tr = self.schedule, self.tr
        steps = [self._step(number, step) for number, step in enumerate(schedule.steps)]
        first, after = self._found()
        results = tuple(self._result(k, v) for k, v in enumerate(self.program.results))
        for v in self.program.outputs:
            self.size(v)
        return Plan(
            title=self.program.title,
            target=self.target,
            prefix=self.prefix,
            arguments=tuple(map(tr.array, self.leaves)),
            inputs=len(self.program.inputs),
            short=tuple(v.known if isinstance(v, SizedInput) else () for v in self.program.inputs),
            shared=len(self.program.shareds),
            constants=tuple(Data(c.data) for c in self.constants),
            results=results,
            outputs=self.outputs,
            shapes=tuple(tr.polys(self.low.shape(v)) for v in self.program.outputs),
            data_dependent=tuple(k for k, v in enumerate(self.program.outputs) if self.is_data_dependent(v)),
            places=tuple(self._memories.values()),
            arrays=tuple(tr.arrays.values()),
            lengths=self._lengths(),
            checks=tuple(map(self._check, schedule.checks)),
            slots=tuple(
                Slot(tr.polys(slot.sizes), tuple(map(self.memory_of, slot.variables))) for slot in self.slots
            ),
            steps=tuple(steps),
            first=first,
            after=after,
            profiled=self.profiled,
        )

    def lay_out(self) -> None:
        """Places in memory for everything that steps write."""
        self.grown = {
            v
            for step in self.schedule.steps
            if isinstance(step, ScanStep)
            for v in step.grown & set(step.writes())
        }
        self.in_memory = {v for step in self.schedule.steps for v in step.writes()}
        self.slots = arena(self.schedule, self.in_arena)
        self.slot_of = {v: k for k, slot in enumerate(self.slots) for v in slot.variables}
        # Numbered in the order of the steps, not in that of the sets that they read: equal graphs are then
        # equal C, which the cache has.
        for step in self.schedule.steps:
            for v in step.writes():
                self.tr.array(v)

    def _result(self, k: int, v: Variable) -> Array:
        array = self.tr.array(v)
        memory = self.memory_of(self.result_storage(k))
        return array if array.memory == memory else replace(array, memory=memory, predecessor=None)

    def _check(self, check: Any) -> Any:
        names = (
            {"variables": tuple(Said(v.describe()) for v in check.variables)}
            if hasattr(check, "variables")
            else {"variable": Said(check.variable.describe())}
        )
        polys = {
            name: self.tr.of(getattr(check, name))
            for name in ("left", "right", "length", "factors", "lengths")
            if hasattr(check, name)
        }
        return replace(check, **names, **polys)

    # lengths

    def _lengths(self) -> tuple[Length, ...]:
        tr = self.tr
        found = [
            Length(tr.symbols[symbol], self.leaves[v], axis)
            for (v, axis), symbol in self.low.leaf_dims.items()
            if v in self.leaves and symbol in self._needed
        ]
        for symbol, poly in self.low.dims.items():
            host = self.host()
            value = host.scalar(tr.expr(integer(poly)))
            later, varies = symbol in self.data_dependent, bool(self.schedule.reads_for(symbol))
            found.append(
                Length(tr.symbols[symbol], lets=host.body(), value=value, data_dependent=later, varies=varies)
            )
        return tuple(found)

    def _found(self) -> tuple[Found, tuple[Found, ...]]:
        """What is known of lengths that depend on data before the first step, and after each step."""
        schedule, low, tr = self.schedule, self.low, self.tr
        if not self.data_dependent:
            return Found(), (Found(),) * len(schedule.steps)
        later, known = set(self.data_dependent), set()
        waiting = {symbol: {v for v in schedule.reads_for(symbol) if not low.is_leaf(v)} for symbol in later}
        checks = [k for k, check in enumerate(schedule.checks) if any(map(low.depends_on_data, check.polys))]
        arrays = [
            v
            for step in schedule.steps
            for v in step.writes()
            # what is written over an argument, such as a loop's state, has its memory already
            if self.is_data_dependent(v)
            and v not in self.grown
            and self.memory_of(self.storage(v)).kind != "argument"
        ]
        outputs = [k for k, v in enumerate(self.program.outputs) if self.is_data_dependent(v)]
        seen: set[Any] = set()
        done: set[Step] = set()

        def ready(p: Poly) -> bool:
            return not any(a in later and a not in known for monomial in p.terms for a in monomial)

        def fresh(kind: str, key: Any, polys: Sequence[Poly]) -> bool:
            if (kind, key) in seen or not all(map(ready, polys)):
                return False
            seen.add((kind, key))
            return True

        def found() -> Found:
            new = [
                symbol
                for symbol in self.data_dependent
                if symbol not in known and all(schedule.maker.get(v) in done for v in waiting[symbol])
            ]
            known.update(new)
            now = [v for v in arrays if fresh("array", self.storage(v), low.shape(v))]
            reported = [k for k in outputs if fresh("output", k, low.shape(self.program.outputs[k]))]
            copied = [k for k in reported if schedule.place.get(self.program.outputs[k]) != k]
            return Found(
                tuple(tr.symbols[symbol] for symbol in new),
                tuple(k for k in checks if fresh("check", k, schedule.checks[k].polys)),
                (*map(tr.array, now), *(self._result(k, self.program.outputs[k]) for k in copied)),
                tuple(reported),
            )

        first, after = found(), []
        for step in schedule.steps:
            done |= set(self.parts(step))
            after.append(found())
        return first, tuple(after)

    def parts(self, step: Step) -> tuple[Step, ...]:
        """The steps of the schedule that one step does."""
        return (step,)

    # steps

    def _step(self, number: int, step: Step) -> Planned:
        comment, actions = self.actions(number, step)
        reads = sorted((self.tr.array(v) for v in step.reads()), key=lambda a: a.number)
        if isinstance(step, Copy):
            writes = [self._result(step.result, step.source)]
        else:
            writes = [self.tr.array(v) for v in step.writes()]
        guards = (pair for part in self.parts(step) for pair in from_nothing(part))
        return Planned(
            type(step).__name__,
            tuple(comment),
            tuple(
                Source(str(node.op), str(node.outputs[0].origin or "?"), self.share(node))
                for node in step.nodes
            ),
            tuple((self.tr.poly(n), self.tr.poly(turns)) for n, turns in guards),
            tuple(actions),
            tuple(reads),
            tuple(writes),
            step.nodes[0].outputs[0].describe() if step.nodes else "",
        )

    def host(self) -> Host:
        """What takes the scalars that are computed outside kernels."""
        return Host()

    def share(self, node: Any) -> float:
        """A node's share of its fused loop's time, by what it costs an element."""
        return 1.0

    def actions(self, number: int, step: Step) -> tuple[Sequence[str], list[Any]]:
        raise NotImplementedError

    def size(self, v: Variable) -> Poly:
        shape = self.low.shape(v)
        self._needed |= {a for n in shape for monomial in n.terms for a in monomial}
        return self.tr.poly(product(shape))

    def matrices(self, step: MatMul, p: Callable[[Poly], Poly]) -> tuple:
        """Both factors of a product, its lengths m, n, k, and how many there are (None: one); ``p`` makes
        what the plan has of each length, stride and offset."""
        factors = []
        for side, shape in ((step.a, step.shape_a), (step.b, step.shape_b)):
            rows, columns = side.strides[-2:]
            plain = columns == 1 or shape[-1] == 1
            leading = p(rows if plain else columns)
            batch = p(side.strides[0]) if step.batched else Poly.of(0)
            factors.append(Factor(self.tr.array(side.base), p(side.offset), leading, not plain, batch))
        (m, k), n = step.shape_a[-2:], step.shape_b[-1]
        batch = p(step.shape_a[0]) if step.batched else None
        return (*factors, p(m), p(n), p(k), batch)

    def scan(self, step: ScanStep, inner: Plan, host: Host) -> Scan:
        """The loop of a step, whose inner plan is there."""
        tr, op, results, shapes = self.tr, step.op, step.results, step.shapes
        arguments = {v: k for k, v in enumerate(self.inner_arguments(step))}

        def place(p: Strided) -> Place:
            return Place(
                tr.array(p.base), host.poly(tr.poly(p.offset)), tuple(map(host.poly, tr.polys(p.strides)))
            )

        n = host.poly(tr.poly(step.n))
        grown = []
        if step.grown:
            arrays = [
                (v, shape, state.depth)
                for v, shape, state in zip(results.histories, shapes["states"], op.states, strict=True)
                if v is not None
            ]
            arrays += [(v, shape, 0) for v, shape in zip(results.mapped, shapes["mapped"], strict=True)]
            grown = [(tr.array(v), tr.poly(product(shape)), depth) for v, shape, depth in arrays]
        sequences = []
        for v, p, shape in zip(op.rows, step.sequences, shapes["sequences"], strict=True):
            where = place(p)
            sequences.append(
                Row(where.array, where.offset, where.strides[0], tr.polys(shape), argument=arguments[v])
            )
        states, number = [], 0
        for k, (state, p, shape) in enumerate(zip(op.states, step.initial, shapes["states"], strict=True)):
            history, last = results.histories[k], results.last[k]
            target = tr.array(last if history is None else history)
            copied = history is not None and last in step.outputs
            states.append(
                StateOf(
                    place(p),
                    target,
                    tr.polys(shape),
                    tr.poly(product(shape)),
                    state.depth,
                    history is not None,
                    tuple((arguments[v], tap) for tap, v in zip(state.taps, op.taps[k], strict=True)),
                    number if history is not None else None,
                    tr.array(last) if copied else None,
                )
            )
            number += history is not None
        invariants = []
        for v, p, shape in zip(op.invariants, step.invariants, shapes["invariants"], strict=True):
            where = place(p)
            invariants.append(
                Row(where.array, where.offset, Poly.of(0), tr.polys(shape), argument=arguments[v])
            )
        for v in step.inner.constants():
            shape = tuple(map(Poly.of, v.data.shape))
            invariants.append(Row(tr.array(v), Poly.of(0), Poly.of(0), shape, argument=arguments[v]))
        mapped = [
            Row(tr.array(y), Poly.of(0), tr.poly(product(shape)), tr.polys(shape), result=number + k)
            for k, (y, shape) in enumerate(zip(results.mapped, shapes["mapped"], strict=True))
        ]
        return Scan(
            inner,
            n,
            host.body(),
            tuple(sequences),
            tuple(states),
            tuple(invariants),
            tuple(mapped),
            number + op.mapped if op.until else None,
            tuple(grown),
            tr.array(results.done) if results.done is not None and results.done in step.outputs else None,
        )

    def inner_arguments(self, step: ScanStep) -> list[Variable]:
        inner = step.inner
        return [*inner.program.inputs, *inner.program.shareds, *inner.constants()]


class Host:
    """Scalars and lengths that are computed outside kernels, once."""

    def __init__(self) -> None:
        self.builder = Builder({})
        self._body: list[Any] = []

    def body(self) -> tuple[Any, ...]:
        return tuple(self._body)

    def scalar(self, expr: Expr) -> Expr:
        """An expression in terms of registers and memory; what it checks has been found to be right."""
        builder = self.builder
        if any(e.op in CHECKS for e in walk(expr)) and not any(isinstance(s, Watch) for s in self._body):
            self._body.append(Watch())
        builder.checks = False
        builder.uses = {}
        builder.count_uses([expr])
        scope = Scope(None, 0)
        made = builder.emit(expr, scope)
        self._body += scope.body
        if builder.checks:
            # looked at before anything is done with it
            name = builder.name("t")
            self._body += [Let(name, expr.dtype, made), Leave()]
            made = local(name, expr.dtype)
        return made

    def poly(self, p: Poly) -> Poly:
        """A length or an offset, whose opaque parts are computed before."""
        if all(isinstance(a, Symbol) for m in p.terms for a in m):
            return p
        made = self.scalar(integer(p))
        return made.value if made.op == "int" else Poly.of(made)


class _ForC(Planner):
    target = "c"

    def plan(self) -> Plan:
        self.materialize()
        self.lay_out()
        return self.make()

    def materialize(self) -> None:
        absorbed(self.schedule)
        for step in self.schedule.steps:
            if isinstance(step, Loops):
                step.stored |= cpu.to_memory(step.values) - step.stored

    def share(self, node: Any) -> float:
        return COSTLY if is_costly(str(node.op)) else 1.0

    def actions(self, number: int, step: Step) -> tuple[Sequence[str], list[Any]]:
        makers = {
            Loops: self._loops,
            Pushes: self._pushes,
            MatMul: self._product,
            LibraryCall: self._call,
            ScanStep: self._scan,
            Copy: self._copy,
        }
        return makers[type(step)](f"{self.prefix}{_KINDS[type(step)]}{number}", step)

    def _loops(self, name: str, step: Loops) -> tuple[Sequence[str], list[Any]]:
        tr = self.tr
        # in the order of the values: arrays are numbered as they come
        stored = {tr.array(v.variable) for v in step.values if v.variable in step.stored}
        landings = {tr.array(v): tr.of(found) for v, found in step.landings.items()}
        joined = dict.fromkeys(v for found in step.landings.values() for v, _ in found)
        comment = described([*(v.variable for v in step.values), *joined])
        values = tr.of(step.values)
        return (), [Launch(cpu.nest(name, comment, tr.polys(step.axes), values, stored, landings))]

    def _pushes(self, name: str, step: Pushes) -> tuple[Sequence[str], list[Any]]:
        tr, out = self.tr, self.tr.array(step.variable)
        size, comment = self.size(step.variable), described([step.variable])
        pieces, actions = tr.of(step.pieces), []
        in_place = self.storage(step.variable) in self.program.updates
        for k, piece in enumerate(pieces if in_place and checks_values(step) else ()):
            # before anything of the shared variable is overwritten
            actions.append(Launch(cpu.piece(f"{name}_{k}_check", comment, out, piece, only_checks=True)))
        if isinstance(step.base, Variable):
            actions += self.copy_of(step.base, out)
        elif step.base is not None:
            actions += self._fill(out, size, step.base)
        for k, piece in enumerate(pieces):
            actions.append(Launch(cpu.piece(f"{name}_{k}", comment, out, piece, only_checks=False)))
        return [f"{step.nodes[0].outputs[0].origin}: {step.nodes[0].op}"], actions

    def copy_of(self, source: Variable, target: Array) -> list[Any]:
        """A copy, unless it lies there already."""
        array = self.tr.array(source)
        return [CopyArray(array, target, self.size(source))] if array.memory != target.memory else []

    def _fill(self, out: Array, size: Poly, value: Expr) -> list[Any]:
        host = Host()
        made = host.scalar(self.tr.expr(value))
        return [*([Compute(host.body())] if host.body() else []), Fill(out, size, made)]

    def _product(self, name: str, step: MatMul) -> tuple[Sequence[str], list[Any]]:
        tr, host, out = self.tr, Host(), self.tr.array(step.variable)
        alpha, beta = (host.scalar(tr.expr(e)) if e is not None else None for e in (step.alpha, step.beta))
        start: list[Any] = []
        if isinstance(step.c, Variable):
            start = self.copy_of(step.c, out)
        elif step.c is not None:
            start = [Fill(out, self.size(step.variable), host.scalar(tr.expr(step.c)))]

        def p(poly: Poly) -> Poly:
            return host.poly(tr.poly(poly))

        made = Product(out, *self.matrices(step, p), alpha, beta)
        lets = [Compute(host.body())] if host.body() else []
        return described([step.variable]), [*lets, *start, made]

    def _call(self, name: str, step: LibraryCall) -> tuple[Sequence[str], list[Any]]:
        tr, host, call = self.tr, Host(), step.call
        integers = tuple(host.poly(tr.poly(p)) for p in call.integers)
        made = Call(
            call.function,
            call.header,
            call.team,
            tuple(map(tr.array, step.operands)),
            tuple(map(tr.array, step.outputs)),
            integers,
            call.needs,
            call.in_place,
            call.host,
            call.form,
        )
        return described(list(step.outputs)), [*([Compute(host.body())] if host.body() else []), made]

    def _scan(self, name: str, step: ScanStep) -> tuple[Sequence[str], list[Any]]:
        inner = plan_for_c(step.inner, False, f"{name}_")
        refuse_data_dependent(step.inner, inner)
        made = self.scan(step, inner, self.host())
        inner = replace(inner, ready=_same_at_all_steps(inner, made), together=together(inner))
        made = replace(made, plan=replace(inner, at_once=at_once(inner, made)))
        return described(list(step.results.last) or step.outputs), [made]

    def _copy(self, name: str, step: Copy) -> tuple[Sequence[str], list[Any]]:
        return (), self.copy_of(step.source, self._result(step.result, step.source))


def _same_at_all_steps(inner: Plan, scan: Scan) -> tuple[Product, ...]:
    """The products of a loop's step whose second factor it gets from outside, at the same place at all steps,
    and of known lengths."""
    steady = {inner.arguments[row.argument] for row in scan.invariants}
    later = {length.symbol for length in inner.lengths if length.data_dependent}
    found = []
    for action in (a for step in inner.steps for a in step.actions):
        if isinstance(action, Product) and action.batch is None and action.b.array in steady:
            lengths = (action.m, action.n, action.k, action.b.offset, action.b.leading)
            atoms = {a for p in lengths for monomial in p.terms for a in monomial}
            if all(isinstance(a, Symbol) and a not in later for a in atoms):
                found.append(action)
    return tuple(dict.fromkeys(found))


#: what kernels and loops are named after
_KINDS = {
    Loops: "loops_",
    Pushes: "push_",
    MatMul: "product_",
    LibraryCall: "call_",
    ScanStep: "loop",
    Copy: "copy_",
}


def refuse_data_dependent(schedule: Schedule, inner: Plan) -> None:
    """Errors: ShapeError where the rows of a loop's output have a length that only its steps find out."""
    for k in inner.data_dependent:
        v = schedule.program.outputs[k]
        raise ShapeError(
            f"the shape of {v.describe()}, computed in a step of a loop, depends on values that are computed "
            f"there"
        )


def described(variables: Sequence[Variable]) -> list[str]:
    """What is computed and at which of the user's lines."""
    by_line: dict[str, list[str]] = {}
    for v in variables:
        name = v.name if v.name and v.owner is None else str(v.owner.op) if v.owner is not None else str(v)
        what = f"{v.name} = {name}" if v.name and v.owner is not None and v.name != name else name
        by_line.setdefault(str(v.origin or "?"), []).append(what)
    lines = []
    for line, names in by_line.items():
        text = ", ".join(names)
        lines.append(f"{line}: {text if len(text) < 96 else text[:93] + '...'}")
    return lines
