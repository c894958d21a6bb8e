"""Proof, before anything runs, of what renderers rely on.

The steps of a plan are gone through in order with a note of which array each place in memory holds: a part of
the arena, a result's memory, an argument's.  What a step reads and writes is found in its actions, in every
load and store of its kernels.  Whatever has gone wrong before, a missing edge between two steps, an array
written over its own readers, two arrays alive in one part of the arena, shows here as a place that holds
something else.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from typing import Any

import numpy as np

from ..errors import ScheduleError
from ..scalar.expression import CHECKS, Expr
from ..scalar.integer import Poly, Symbol, product
from .arrays import Array, Memory
from .parts import expressions, polys
from .plan import Call, CopyArray, DeviceKernel, Fill, Found, Kernel, Launch, Plan, Product, Scan, Step
from .small import joins
from .statements import (
    Begin,
    OwnMemory,
    Part,
    Parts,
    Store,
    TakeInto,
    TakeTotals,
    is_statement,
    statements,
)


def verify(plan: Plan) -> None:
    """Raise ScheduleError unless a plan, and those of its loops, can be carried out and gives its results."""
    _Verifier(plan).verify()
    for inner in plan.inner():
        verify(inner)


class _Verifier:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.slot = {m: k for k, slot in enumerate(plan.slots) for m in slot.memories}
        #: place -> the array that it holds
        self.holds: dict[Any, Array] = {self._place(a): a for a in plan.arguments}
        self.written: set[int] = set()
        self.lengths = {length.symbol: length for length in plan.lengths}
        self.known: set[Symbol] = {s for s, length in self.lengths.items() if length.argument is not None}
        self.checked: list[int] = []
        scans = (action for step in plan.steps for action in step.actions if isinstance(action, Scan))
        #: arrays for which loops take memory row by row
        self.grown = [array for scan in scans for array, *_ in scan.grown]
        #: memory whose size is found on the way, and that of it which is there
        self.awaited = {a.memory for a in (*plan.arrays, *plan.results) if self._is_awaited(a.memory)}
        self.awaited -= {a.memory for a in self.grown}
        self.there: set[Memory] = set()
        #: the first shared variable whose value has changed
        self.changed: Array | None = None

    def verify(self) -> None:
        plan = self.plan
        for length in plan.lengths:
            if length.value is not None and not length.data_dependent:
                self._length(length.symbol)
        self._found(plan.first, "before the first step")
        for step, found in zip(plan.steps, plan.after, strict=True):
            self._step(step)
            self._found(found, f"after {self._name(step)}")
        for k, array in enumerate(plan.results):
            held = self.holds.get(self._place(array))
            if held is None or held.number != array.number:
                self._fail(f"result {k}, {array.describe()}, is not in its place at the end")
        later = {k for found in (plan.first, *plan.after) for k in found.checks}
        for k, check in enumerate(plan.checks):
            for symbol in _symbols(check.polys):
                if k not in later and not self._is_early(symbol):
                    self._fail(f"the check {k} is made before the length {symbol!r} is computed")
        if sorted(self.checked) != sorted(set(self.checked)):
            self._fail("a check is made twice")
        for slot in plan.slots:
            for symbol in _symbols(slot.sizes):
                if not self._is_early(symbol):
                    self._fail(f"the arena needs the length {symbol!r} before it is computed")
        self._memory()
        self._together()

    def _is_early(self, symbol: Symbol) -> bool:
        return symbol in self.lengths and not self.lengths[symbol].data_dependent

    def _is_awaited(self, memory: Memory | None) -> bool:
        """Whether memory is only taken when its size is found."""
        if memory is None:
            return False
        return memory.kind == "allocated" or (
            memory.kind == "result" and memory.index in self.plan.data_dependent
        )

    def _memory(self) -> None:
        """Every array has room in its memory, which is as large as the plan says."""
        plan = self.plan
        rooms: dict[Memory, list[Poly]] = {a.memory: [_bytes(a)] for a in plan.arguments}
        for k, shape in enumerate(plan.shapes):
            result = plan.results[k]
            if result.memory.kind == "result" and k not in plan.data_dependent:
                rooms[result.memory] = [_bytes(replace(result, shape=shape))]
        for slot in plan.slots:
            rooms |= {memory: list(slot.sizes) for memory in slot.memories}
        for found in (plan.first, *plan.after):
            rooms |= {a.memory: [_bytes(a)] for a in found.arrays}
        rooms |= {a.memory: [_bytes(a)] for a in self.grown}
        facts = None
        for array in dict.fromkeys((*plan.arrays, *plan.results)):
            room, size = rooms.get(array.memory), _bytes(array)
            if array.memory is None or array.memory.kind == "rows" or (room and size in room):
                continue
            if facts is None:
                # of few plans: most are as large as their memory, to the letter
                from .proof import facts_at_the_end

                facts = facts_at_the_end(plan)
            if not any(facts.hold(one - size) for one in room or ()):
                self._fail(f"{array.describe()} is larger than its memory")

    def _together(self) -> None:
        """Steps that are one function are apart from the others, and nothing has to be done between them."""
        plan, before = self.plan, 0
        for first, behind in plan.together:
            if not before <= first < behind <= len(plan.steps):
                self._fail(f"the steps {first} to {behind - 1} are no steps, or part of another function")
            if any(plan.after[first : behind - 1]) or not all(map(joins, plan.steps[first:behind])):
                self._fail(f"the steps {first} to {behind - 1} cannot be one function")
            before = behind
        if plan.at_once and (plan.together != ((0, before),) or any((plan.first, *plan.after))):
            self._fail("what a turn of the loop does is not one function, which cannot make all turns")

    # places

    def _place(self, array: Array) -> Any:
        memory = array.memory
        return ("part", self.slot[memory]) if memory in self.slot else memory

    def _demand(self, array: Array, what: str) -> None:
        if array.memory is None:
            self._fail(f"{what} reads {array.describe()}, which is in no memory")
        held = self.holds.get(self._place(array))
        if held is not None and held.number == array.number:
            return
        if held is not None and (array.number in self.written or array.memory.kind == "argument"):
            self._fail(f"{what} reads {array.describe()} after {held.describe()} was written over it")
        self._fail(f"{what} reads {array.describe()} before it is written")

    def _begun(self, array: Array, what: str) -> None:
        """What is added to, or written in parts, begins as something."""
        held = self.holds.get(self._place(array))
        if held is None or held.number not in (array.number, array.predecessor):
            self._fail(f"{what} adds to {array.describe()}, which begins as nothing")

    def _write(self, array: Array, what: str) -> None:
        if array.memory is None:
            self._fail(f"{what} writes {array.describe()}, which has no memory")
        if array.memory in self.awaited and array.memory not in self.there:
            self._fail(f"{what} writes {array.describe()} before there is memory for it")
        self.holds[self._place(array)] = array
        self.written.add(array.number)
        index, plan = array.memory.index, self.plan
        if array.memory.kind == "argument" and plan.inputs <= index < plan.inputs + plan.shared:
            self.changed = plan.arguments[index]

    # steps

    def _name(self, step: Step) -> str:
        operations = ", ".join(source.op for source in step.sources)
        if not step.sources:
            return f"the copy of {', '.join(a.describe() for a in step.reads)}"
        return f"{step.kind} of {operations} ({step.sources[0].line})"

    def _step(self, step: Step) -> None:
        what, before = self._name(step), self.changed
        if before is not None and _may_fail(step):
            self._fail(f"{what} may fail after {before.describe()} has been changed")
        for n in (n for pair in step.guards for n in pair):
            self._lengths([n], what)
        for action in step.actions:
            self._lengths(polys(action), what)
            if isinstance(action, Launch):
                self._kernel(action.kernel, what)
            elif isinstance(action, Scan):
                self._scan(action, what)
            else:
                self._whole(action, what)
        for array in step.writes:
            held = self.holds.get(self._place(array))
            if held is None or held.number != array.number:
                self._fail(f"{what} does not write {array.describe()}")

    def _whole(self, action: Any, what: str) -> None:
        """What reads and writes whole arrays."""
        reads = [e.value[0] for e in expressions(action) if e.op in ("load", "access")]
        writes: list[Array] = []
        if isinstance(action, CopyArray):
            reads, writes = [*reads, action.source], [action.target]
        elif isinstance(action, Fill):
            writes = [action.target]
        elif isinstance(action, Product):
            reads, writes = [*reads, action.a.array, action.b.array], [action.target]
        elif isinstance(action, Call):
            reads, writes = [*reads, *action.operands], list(action.outputs)
        for array in reads:
            self._demand(array, what)
        if isinstance(action, Product) and action.beta is not None:
            self._begun(action.target, what)
        in_place = isinstance(action, Call) and action.in_place
        for array in writes:
            self._apart(array, reads[1:] if in_place else reads, what)
            self._write(array, what)

    def _apart(self, array: Array, reads: Iterable[Array], what: str) -> None:
        place = self._place(array)
        for other in reads:
            if self._place(other) == place:
                self._fail(
                    f"{what} writes {array.describe()} over {other.describe()} while it still reads that"
                )

    def _scan(self, scan: Scan, what: str) -> None:
        rows = [*scan.sequences, *scan.invariants]
        read = [row.array for row in rows]
        for array in (*read, *(state.initial.array for state in scan.states)):
            self._demand(array, what)
        for state in scan.states:
            # it may begin as the value itself, where that is all there is to read of it
            others = [s.initial.array for s in scan.states if s is not state]
            here = state.initial.array
            if self._place(here) == self._place(state.target) and (state.kept or state.initial.offset != 0):
                others.append(here)
            self._apart(state.target, [*read, *others], what)
        written = [state.target for state in scan.states] + [row.array for row in scan.mapped]
        written += [state.last for state in scan.states if state.last is not None]
        written += [scan.done] if scan.done is not None else []
        for array in written[len(scan.states) :]:
            self._apart(array, [*read, *(state.initial.array for state in scan.states)], what)
        places = [self._place(array) for array in written]
        if len(set(places)) != len(places):
            self._fail(f"{what} writes two arrays to one place")
        for array in written:
            self._write(array, what)

    def _kernel(self, kernel: Kernel, what: str) -> None:
        """What a loop nest reads must be there, or have been written by itself before."""
        accesses = _Accesses(kernel.body).found
        own = {a.array for a in accesses if a.written}
        done: set[Array] = set()
        region = 0
        for access in accesses:
            array = access.array
            if access.region != region:
                region, done = access.region, set()
            if access.written:
                if access.adds and array not in done:
                    self._begun(array, what)
                done.add(array)
            elif array not in own:
                self._demand(array, what)
            elif array not in done:
                self._fail(f"{what} reads {array.describe()} before it is computed there")
        stores = [a for a in accesses if a.written]
        for store in stores:
            place = self._place(store.array)
            for other in accesses:
                if other.array == store.array or self._place(other.array) != place:
                    continue
                if other.region != store.region and other.offset is not None:
                    continue
                if not isinstance(kernel, DeviceKernel) and _differ(store.offset, other.offset):
                    continue
                in_place = (
                    not other.written
                    and other.position < store.position
                    and store.offset is not None
                    and other.offset == store.offset
                )
                if not in_place:
                    self._fail(
                        f"{what} writes {store.array.describe()} over {other.array.describe()} while it "
                        f"still reads that"
                    )
        for array in dict.fromkeys((*(s.array for s in stores), *(p.array for p in kernel.partial))):
            self._write(array, what)
        self._own(kernel, what)

    def _own(self, kernel: Kernel, what: str) -> None:
        """What a kernel has for itself is there before it is used, and as large as it is given."""
        self._registers(kernel.body, {"product"} if isinstance(kernel, DeviceKernel) else set(), what)
        if [part.array for part in kernel.partial] != _parted(kernel):
            self._fail(f"{what} makes parts of other results than are taken together")
        if kernel.own != tuple(_own_bytes(kernel)):
            self._fail(f"{what} has other memory of its own than it is given")

    def _registers(self, body: Iterable[Any], known: set[str], what: str) -> set[str]:
        """Every register is there before it is used; what accumulates begins as something."""
        known = set(known)
        for one in body:
            bodies = _bodies(one)
            inside = known
            for part in bodies:
                inside = self._registers(part, inside | set(_declared(one)), what)
            used = {e.value for e in _expressions_of(one, bodies) if e.op == "local"}
            used.update(_taken(one))
            for name in used - inside - {"r"}:
                self._fail(f"{what} uses the register {name} before it is there")
            for name in set(_own_arrays(one, bodies)) - inside - set(_declared(one)):
                self._fail(f"{what} uses an array {name} of its own that is not there")
            known.update(_declared(one))
        return known

    # lengths

    def _found(self, found: Found, when: str) -> None:
        for symbol in found.lengths:
            self._length(symbol)
        if found.checks and self.changed is not None:
            self._fail(f"{when} lengths are checked, when {self.changed.describe()} has been changed")
        for k in found.checks:
            self._lengths(self.plan.checks[k].polys, f"a check {when}")
            self.checked.append(k)
        for array in found.arrays:
            self._lengths(array.shape, f"the memory of {array.describe()}")
            self.there.add(array.memory)

    def _length(self, symbol: Symbol) -> None:
        """A length is computed: what it is computed from is there."""
        length = self.lengths[symbol]
        for e in expressions((length.lets, length.value)):
            if e.op in ("load", "access"):
                self._demand(e.value[0], f"the length {symbol!r}")
        self._lengths(polys((length.lets, length.value)), f"the length {symbol!r}")
        self.known.add(symbol)

    def _lengths(self, lengths: Iterable[Poly], what: str) -> None:
        for symbol in _symbols(lengths):
            if symbol not in self.known:
                self._fail(f"{what} needs the length {symbol!r} before it is computed")

    def _fail(self, what: str) -> None:
        raise ScheduleError(
            f"{self.plan.title}: {what}. This is a bug of graphlib's, found before anything was computed; "
            f"mode='reference' runs the function without a schedule"
        )


def _bytes(array: Array) -> Poly:
    return product(array.shape) * np.dtype(array.dtype).itemsize


class Access:
    """A load or a store: of which array, where, and at which position in the text; accesses of two
    ``region`` are to different elements."""

    __slots__ = ("adds", "array", "offset", "position", "region", "written")

    def __init__(
        self, array: Array, offset: Poly | None, position: int, written: bool, adds: bool, region: int
    ) -> None:
        self.array, self.offset, self.position, self.region = array, offset, position, region
        self.written, self.adds = written, adds


def _differ(a: Poly | None, b: Poly | None) -> bool:
    """Whether two offsets of an element are never the same, in whichever turns: they are other numbers of
    elements behind multiples of one number."""
    if a is None or b is None:
        return False
    common = math.gcd(*(c for p in (a, b) for monomial, c in p.terms.items() if monomial))
    return common > 1 and (a.terms.get((), 0) - b.terms.get((), 0)) % common != 0


class _Accesses:
    """The loads and stores of a kernel, in order: those of a statement before what it writes."""

    def __init__(self, body: Iterable[Any]) -> None:
        self.found: list[Access] = []
        self.position = self.region = 0
        self.body(body)

    def add(self, array: Any, offset: Poly | None, written: bool = False, adds: bool = False) -> None:
        if isinstance(array, Array):
            self.found.append(Access(array, offset, self.position, written, adds, self.region))

    def loads(self, thing: Any) -> None:
        for e in expressions(thing):
            if e.op == "load":
                self.add(e.value[0], e.value[1][0])

    def body(self, body: Iterable[Any]) -> None:
        for one in body:
            self.position += 1
            special = _INSIDE.get(type(one).__name__)
            if special is not None:
                special(self, one)
            elif any(is_statement(part) for part in getattr(one, "body", ())):
                for part in (getattr(one, "before", ()), one.body, getattr(one, "after", ())):
                    self.body(part)
            else:
                self.simple(one)

    def simple(self, one: Any) -> None:
        self.loads(one)
        if isinstance(one, (Store, TakeInto)):
            self.add(one.target, one.offset, True, isinstance(one, TakeInto) or one.add)
        elif isinstance(one, Begin):
            self.add(one.target, None, True)
        elif isinstance(one, TakeTotals):
            self.add(one.totals.target, None, True)

    def float4(self, one: Any) -> None:
        """Elements that are done by fours are others than those that are done one by one."""
        self.region += 1
        index = Poly.of(one.index)
        for run in one.runs:
            if not run.written:
                self.add(run.array, run.offset + index)
        self.body(one.body)
        self.position += 1
        for run in one.runs:
            if run.written:
                self.add(run.array, run.offset + index, True)
        self.region += 1

    def columns(self, one: Any) -> None:
        self.body(one.outer)
        self.body(one.inner)
        self.position += 1
        self.add(one.target, one.offset, True)

    def transposed(self, one: Any) -> None:
        for tile in one.tiles:
            self.add(tile.array, tile.offset)
        self.body(one.body)

    def product(self, one: Any) -> None:
        for factor in (one.a, one.b):
            self.add(factor.array, None)
            self.loads((factor.offset, factor.leading))
        self.loads((one.alpha, one.beta, one.c))
        self.add(one.c, one.place)
        self.body(one.before)
        self.position += 1
        if one.target is not None:
            self.add(one.target, one.place, True)
        self.body(one.element)

    def call(self, one: Any) -> None:
        self.loads(one.arguments)
        for array in one.arguments:
            if array not in one.written:
                self.add(array, None)
        self.position += 1
        for array in one.written:
            self.add(array, None, True)


_INSIDE = {
    "Float4": _Accesses.float4,
    "Columns": _Accesses.columns,
    "Transposed": _Accesses.transposed,
    "ProductTiles": _Accesses.product,
    "DeviceCall": _Accesses.call,
}


def _bodies(one: Any) -> list[tuple[Any, ...]]:
    """The statements inside a statement, in the order in which they are carried out."""
    names = _BODIES.get(type(one))
    if names is None:
        names = _BODIES[type(one)] = tuple(name for name in _ORDER if hasattr(one, name))
    found = (getattr(one, name) for name in names)
    return [part for part in found if isinstance(part, tuple) and part and is_statement(part[0])]


#: the fields with statements, in the order in which these are carried out, and those that a class has
_ORDER = ("outer", "before", "inner", "body", "element", "after")
_BODIES: dict[type, tuple[str, ...]] = {}


def _expressions_of(one: Any, bodies: list[tuple[Any, ...]]) -> Iterator[Expr]:
    """The expressions of a statement itself, without those of the statements inside."""
    if not bodies:
        return expressions(one)
    whole = set(map(id, bodies))
    return expressions([v for f in fields(one) if id(v := getattr(one, f.name)) not in whole])


_DECLARING = frozenset(("Let", "Accumulator", "Result", "OwnArray", "OwnMemory", "Draw"))


def _declared(one: Any) -> tuple[str, ...]:
    """The registers, and arrays of a kernel's own, that a statement declares."""
    kind = type(one).__name__
    if kind in ("Transposed", "Float4"):
        return tuple(part.name for part in (one.tiles if kind == "Transposed" else one.runs))
    return (one.name,) if kind in _DECLARING else ()


def _own_arrays(one: Any, bodies: list[tuple[Any, ...]]) -> Iterator[str]:
    """The arrays of the kernel's own that a statement reads or writes, without an index into a tile or a part
    of a vector behind their names."""
    targets = [e.value[0] for e in _expressions_of(one, bodies) if e.op == "load"]
    targets.append(getattr(one, "target", None))
    targets += [one.totals.name] if hasattr(one, "totals") else []
    return (target.split("[")[0].split(".")[0] for target in targets if isinstance(target, str))


def _taken(one: Any) -> list[str]:
    """The accumulators that a statement changes or reads by name."""
    kind = type(one).__name__
    if kind in ("Add", "Result"):
        return [one.name, one.value] if kind == "Add" else [one.of]
    return [one.name] if kind in ("Take", "Part", "TeamReduce", "BlockPart") else []


def _parted(kernel: Kernel) -> list[Array]:
    """The results of which a kernel makes parts, in the order of its partial results."""
    if isinstance(kernel, DeviceKernel):
        return [one.array for one in kernel.body if type(one).__name__ == "BlockPart"]
    numbers = [one.number for one in statements(kernel.body) if isinstance(one, Part)]
    return [kernel.partial[k].array for k in numbers if k < len(kernel.partial)]


def _own_bytes(kernel: Kernel) -> Iterator[Poly]:
    """The bytes of each array that a kernel takes from the memory of its chunk, in order."""
    for one in kernel.body:
        if isinstance(one, (OwnMemory, Parts)):
            yield one.size * np.dtype(one.dtype).itemsize


def _may_fail(step: Step) -> bool:
    """Whether a step looks at a value that may fail the call, as an index that is out of range."""
    return bool(step.guards) or any(map(_action_may_fail, step.actions))


def _action_may_fail(action: Any) -> bool:
    if isinstance(action, Scan):
        return any(_may_fail(step) for step in action.plan.steps)
    if isinstance(action, Launch):
        return action.kernel.checks
    if isinstance(action, Call) and action.host is not None:
        # a mean over ranks that fails ends the run
        return action.needs != "mpi"
    return any(e.op in CHECKS for e in expressions(action))


def _symbols(lengths: Iterable[Any]) -> set[Symbol]:
    """The symbols in lengths; loop indices are none."""
    found: set[Symbol] = set()
    for length in lengths:
        for monomial in Poly.of(length).terms:
            for atom in monomial:
                if not isinstance(atom, Symbol):
                    found |= _symbols(polys(atom))
                elif not atom.is_index:
                    found.add(atom)
    return found
