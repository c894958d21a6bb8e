"""What is proven of a plan beside the order of its steps: that nothing goes beyond an array, that no array
has a negative length, and that none is too large.

Every load and store of its kernels (``ranges.py``), and what its other actions go over (``reach.py``), is
held against what is known of lengths at that step: what they are computed from, and what has been checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack

from ..lower.limits import Length as Limit
from ..lower.limits import Limits, Size, Sizes
from ..records import record
from ..scalar.expression import Expr, integer, node, poly, replaced, walk
from ..scalar.integer import Poly, Symbol, product
from ..scalar.lowered import Check
from .arrays import Array
from .inequalities import Facts, exchanged
from .plan import Compute, DeviceKernel, Kernel, Launch, Plan, Scan, Step
from .ranges import Checked, Ranges
from .reach import Element, Goal, goals, lengths_of
from .statements import Let


@record
class Looked:
    """What has been looked at in one thing that a plan does: ``count`` statements, of which those in words
    are not ``proven``.  kind: of action."""

    kind: str
    name: str
    count: int
    unproven: tuple[str, ...]


def unproven(plan: Plan) -> tuple[dict[str, list[str]], int]:
    """By kernels and other actions what is not proven of them, in words; and how much has been looked at."""
    found: dict[str, list[str]] = {}
    count = 0
    for one in looked_at(plan):
        count += one.count
        if one.unproven:
            found.setdefault(one.name, []).extend(one.unproven)
    return found, count


def looked_at(plan: Plan, given: Given | None = None) -> Iterator[Looked]:
    """All that there is to prove of a plan, and of those of its loops; ``given`` is of a loop's step."""
    given = given or Given(plan)
    checked: set[Checked] = set()
    yield given.arguments()
    for step, found in zip((None, *plan.steps), (plan.first, *plan.after), strict=True):
        if step is not None:
            yield from _of_step(step, given, checked)
        given.found(found.checks)
        if step is not None:
            yield given.sizes_of(array for array in step.writes)


def _of_step(step: Step, given: Given, checked: set[Checked]) -> Iterator[Looked]:
    guarded = {n for n, _ in step.guards}
    host = Ranges(given.facts, checked, guarded)
    for action in step.actions:
        if isinstance(action, Launch):
            kernel = _ranges(action.kernel, given.facts, checked, guarded)
            kernel.body(action.kernel.body)
            yield Looked("kernel", action.kernel.name, kernel.count, tuple(kernel.unproven))
            continue
        if isinstance(action, Scan):
            steady = {row.argument for row in action.invariants}
            inner = action.plan
            arguments = enumerate(inner.arguments)
            changing = frozenset(a for k, a in arguments if k not in steady and not a.constant)
            lengths = lengths_of(action)
            within = Given(inner, changing, (given, lengths))
            host.body(action.lets)
            with host.assuming([exchanged(p, lengths) for p in within.facts.known]):
                _prove(host, goals(action, within.facts.written_out))
            yield from looked_at(inner, within)
        elif isinstance(action, Compute):
            host.body(action.body)
        else:
            for e in _expressions(action):
                host.loads(e)
            _prove(host, goals(action))
        yield Looked(type(action).__name__.lower(), step.kind, host.count, tuple(host.unproven))
        host.count, host.unproven = 0, []


def _ranges(kernel: Kernel, facts: Facts, checked: set[Checked], guarded: set[Poly]) -> Ranges:
    """What goes through a kernel."""
    if not isinstance(kernel, DeviceKernel):
        return Ranges(facts, checked, guarded)
    from .gpu.guards import DeviceRanges

    made = DeviceRanges(facts, checked, guarded, kernel)
    made.body(kernel.nothing)
    return made


def _prove(host: Ranges, some: Iterable[Goal | Element]) -> None:
    for one in some:
        if isinstance(one, Goal):
            with host.at_least(*one.positive):
                host.prove(one.least, one.words)
            continue
        with ExitStack() as stack:
            for index, length in one.indices:
                stack.enter_context(host.going(index, length))
            host.inside(one.array, one.offset)


def _expressions(action: object) -> list[Expr]:
    return [e for name in ("alpha", "beta", "value") if isinstance(e := getattr(action, name, None), Expr)]


def facts_at_the_end(plan: Plan) -> Facts:
    """What holds of a plan's lengths when all its checks have been made."""
    given = Given(plan)
    for found in (plan.first, *plan.after):
        given.found(found.checks)
    return given.facts


class Given:
    """What holds of the lengths of a plan: what they are computed from, and what has been checked so far.

    changing: arguments that are others at each step of a loop.  around: of a loop's step what holds outside,
    and what lengths of its arguments are there.
    """

    def __init__(
        self,
        plan: Plan,
        changing: frozenset[Array] = frozenset(),
        around: tuple[Given, dict[Symbol, Poly]] | None = None,
    ) -> None:
        self.plan, self.changing, self.around = plan, changing, around
        values: dict[Symbol, Poly] = {}
        for length in plan.lengths:
            if length.value is not None:
                one = Ranges(Facts([], {}), set())
                for let in length.lets:
                    if isinstance(let, Let):
                        one.let(let)
                values[length.symbol] = self._then(one.written_out(length.value), length.data_dependent)
        later = {k for found in (plan.first, *plan.after) for k in found.checks}
        early = [k for k in range(len(plan.checks)) if k not in later]
        known = [p for k in early for p in self._known(k, False)]
        self.facts = Facts(known, values)
        limited = {c.length for c in plan.checks if isinstance(c, Limit)}
        signed = {
            s for s in values if Poly.of(s) not in limited and not self.facts.hold_written_out(Poly.of(s))
        }
        if signed:
            self.facts = Facts(known, values, signed=signed)
        #: what has been checked not to be too large, and lengths that cannot be negative
        self.sizes, self.limits = Sizes(lambda length: False), Limits(values)
        self._checked(early)

    def found(self, checks: Iterable[int]) -> None:
        """Checks are made."""
        checks = list(checks)
        if known := [p for k in checks for p in self._known(k, True)]:
            old = self.facts
            self.facts = Facts([*known, *old.known], old.values, old.bounds, signed=old.signed)
        self._checked(checks)

    def _checked(self, checks: Iterable[int]) -> None:
        for check in (self.plan.checks[k] for k in checks):
            if isinstance(check, Size):
                self.sizes.add(check)
            elif isinstance(check, Limit):
                self.limits.known.add(check.length)

    def _is_natural(self, n: Poly) -> bool:
        """Whether a number is a length, none below 0: by what it is computed from, not because it has a
        name."""
        return n in self.limits.known or self.facts.hold_written_out(n)

    def arguments(self) -> Looked:
        """Arguments that are read have the lengths that they are taken to have; numbers are those of their
        types."""
        read = {a.number for step in self.plan.steps for a in (*step.reads, *step.writes)}
        own = {(n.argument, n.axis): Poly.of(n.symbol) for n in self.plan.lengths if n.argument is not None}
        axes = [
            (array, n, own.get((k, axis)))
            for k, array in enumerate(self.plan.arguments)
            for axis, n in enumerate(array.shape)
            if n.constant is None and array.number in read
        ]
        wrong = [a for a, n, has in axes if has != n and (has is None or not self.facts.hold(has - n))]
        words = tuple(f"the lengths of {a.describe()}" for a in wrong)
        return Looked("argument", "arguments", len(axes), words)

    def sizes_of(self, arrays: Iterable[Array]) -> Looked:
        """Arrays that are written have lengths that are some, and are none too large."""
        written = [a for a in arrays if a.memory is not None]
        wrong = [a for a in written if not all(map(self._is_natural, a.shape))]
        large = [a for a in written if not self.fits(a.shape)]
        words = [f"the lengths of {a.describe()}" for a in wrong]
        words += [f"the size of {a.describe()}" for a in large]
        return Looked("size", "sizes", 2 * len(written), tuple(words))

    def fits(self, shape: Sequence[Poly]) -> bool:
        """Whether it has been checked that an array of a shape is not too large, or there is one as large."""
        size = self.limits.size(shape, None)
        if not size.factors or self.sizes.has(size):
            return True
        elements = product(shape)
        if any(elements == product(a.shape) for a in self.plan.arguments):
            return True
        if self.around is not None:
            given, lengths = self.around
            if given.fits([exchanged(self.facts.written_out(n), lengths) for n in shape]):
                return True
        return any(self.facts.hold(product(a.shape) - elements) for a in self.plan.arguments)

    def _known(self, k: int, now: bool) -> list[Poly]:
        """What is at least 0 after a check."""
        check = self.plan.checks[k]
        one = Ranges(Facts([], {}), set())

        def written(p: Poly) -> Poly:
            return self._then(one.written_out(integer(p)), now)

        if isinstance(check, Check):
            difference = written(check.left) - written(check.right)
            return [difference, -difference]
        return [written(check.length)] if isinstance(check, Limit) else []

    def _then(self, e: Expr, now: bool) -> Poly:
        """An integer whose loads of what changes are those of the time when it was computed."""
        loads = [] if now else [a for a in walk(e) if a.op == "load" and a.uses & self.changing]
        then = {a: node("then", a.dtype, value=a) for a in loads}
        return poly(replaced(e, then) if then else e)
