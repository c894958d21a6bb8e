"""A loop taken apart for rewriting, put together again, and found in a graph with those who read it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from ...errors import ShapeError
from ...graph import Apply, TensorType, Variable, clone, toposort
from ...graph.traverse import ancestors, rebuild
from ...ops.loop_results import has_computed_lengths
from ...ops.op import as_variable
from ...ops.scan import Scan, State, row_lengths
from ...ops.shape import specify_shape
from ...ops.shape_rules import constant_int


def as_known(x: Variable, shape: Sequence[int | None]) -> Variable:
    """What takes the place of a variable of lengths known to be ``shape``, with those that it has lost:
    a 1 says what is repeated."""
    return specify_shape(x, [m if n is None else n for n, m in zip(x.type.shape, shape, strict=True)])


@dataclass
class Recurrence:
    """A state of a loop: its inner taps and new value, the initial values, and the node's outputs of it."""

    taps: dict[int, Variable]
    new: Variable
    initial: Variable
    history: Variable | None
    last: Variable | None
    kept: bool
    carries: bool = False

    @property
    def depth(self) -> int:
        return max((-tap for tap in self.taps), default=1)


@dataclass
class Output:
    """A mapped output: the inner row, the unknown lengths of its axes, and the node's output (None: a new
    one)."""

    row: Variable
    lengths: list[Variable]
    outer: Variable | None

    @property
    def shape(self) -> list[int | Variable]:
        """The row's lengths, known or not."""
        lengths = iter(self.lengths)
        return [next(lengths) if n is None else n for n in self.row.type.shape]

    def become(self, row: Variable) -> None:
        """Takes another row of the same shape, of which more may be known, or less, and which may have
        further axes of known lengths."""
        further = row.type.shape[self.row.ndim :]
        shape = zip(row.type.shape, [*self.shape, *further], strict=True)
        self.lengths = [as_variable(length, dtype="int64") for known, length in shape if known is None]
        self.row = row


@dataclass
class Body:
    """A loop taken apart.  ``replaced`` is what becomes of variables of the outer graph besides."""

    n: Variable
    sequences: dict[Variable, Variable]
    states: list[Recurrence]
    mapped: list[Output]
    condition: Variable | None
    done: Variable | None
    invariants: dict[Variable, Variable]
    truncate: int
    name: str | None = None
    lazy: bool = False
    checkpointed: bool = False
    replaced: dict[Variable, Variable] = field(default_factory=dict)

    @classmethod
    def of(cls, node: Apply) -> Body:
        """The parts of a loop's node."""
        op = node.op
        parts, results = op.parts(node), op.results(node)
        states = [
            Recurrence(
                dict(zip(s.taps, taps, strict=True)), new, initial, history, last, s.kept, k in op.carries
            )
            for k, (s, taps, new, initial, history, last) in enumerate(
                zip(op.states, op.taps, op.new, parts.initial, results.histories, results.last, strict=True)
            )
        ]
        mapped = [Output(row, [], outer) for row, outer in zip(op.mapped_rows, results.mapped, strict=True)]
        for (k, _), length in zip(op.unknown_lengths(), parts.lengths, strict=True):
            mapped[k].lengths.append(length)
        return cls(
            parts.n,
            dict(zip(op.rows, parts.sequences, strict=True)),
            states,
            mapped,
            op.condition,
            results.done,
            dict(zip(op.invariants, parts.invariants, strict=True)),
            op.truncate,
            op.name,
            op.lazy,
            op.checkpointed,
        )

    def ends(self) -> list[Variable]:
        """The inner outputs."""
        condition = [self.condition] if self.condition is not None else []
        return [*(s.new for s in self.states), *(o.row for o in self.mapped), *condition]

    def set_ends(self, ends: list[Variable]) -> None:
        values = iter(ends)
        for s in self.states:
            s.new = next(values)
        for o in self.mapped:
            o.become(next(values))
        if self.condition is not None:
            self.condition = next(values)

    def substitute(self, replace: dict[Variable, Variable]) -> None:
        if replace:
            self.set_ends(clone(self.ends(), replace))

    def node(self) -> Apply:
        """The node of the loop as it is now; notes in ``replaced`` what its outputs stand for."""
        taps = [(s, tuple(s.taps)) for s in self.states]
        op = Scan(
            [*self.sequences, *(s.taps[t] for s, ts in taps for t in ts), *self.invariants],
            self.ends(),
            len(self.sequences),
            [State(ts, s.kept) for s, ts in taps],
            len(self.mapped),
            self.condition is not None,
            self.truncate,
            carries=[k for k, s in enumerate(self.states) if s.carries],
            name=self.name,
            lazy=self.lazy,
            checkpointed=self.checkpointed,
        )
        node = op.make_node(
            self.n,
            *self.sequences.values(),
            *(s.initial for s in self.states),
            *(n for o in self.mapped for n in o.lengths),
            *self.invariants.values(),
        )
        results = op.results(node)
        pairs = [*zip((s.history for s in self.states), results.histories, strict=True)]
        pairs += zip((s.last for s in self.states), results.last, strict=True)
        pairs += zip((o.outer for o in self.mapped), results.mapped, strict=True)
        pairs += [(self.done, results.done)]
        made = {old: new for old, new in pairs if old is not None and new is not None}
        for old, new in made.items():
            new.name, new.origin = old.name, old.origin
        # what was built from outputs of the loop as it was, and from stand-ins
        old, values = list(self.replaced), list(self.replaced.values())
        replace = {**self.replaced, **made}
        while any(v in replace for v in ancestors(values)):
            values = clone(values, replace)
        self.replaced = {**dict(zip(old, values, strict=True)), **made}
        return node

    def per_step(self) -> set[Variable]:
        """The inner inputs that differ from step to step."""
        return {*self.sequences, *(v for s in self.states for v in s.taps.values())}

    def lengths_of(self, rows: list[Variable]) -> list[Variable]:
        """The unknown lengths of inner rows."""
        outer = {**self.sequences, **self.invariants}
        for s in self.states:
            outer.update(dict.fromkeys(s.taps.values(), s.initial))
        return row_lengths(rows, outer, self.per_step())

    def add_output(self, row: Variable) -> Variable:
        """The outer variable of an inner one for all steps, as a new mapped output; a stand-in until
        ``node``.

        Errors: ShapeError if it has no shape that is known before the loop.
        """
        if has_computed_lengths(row):
            raise ShapeError(f"the shape of {row.describe()} is computed in the step")
        stand_in = TensorType(row.dtype, [constant_int(self.n), *row.type.shape])()
        self.mapped.append(Output(row, self.lengths_of([row]), stand_in))
        return stand_in

    def history_of(self, s: Recurrence) -> Variable:
        """All values of a state; a stand-in where it has not been kept so far."""
        s.kept = True
        if s.history is None:
            n = constant_int(self.n)
            s.history = TensorType(
                s.new.dtype, [None if n is None else n + s.depth, *s.initial.type.shape[1:]]
            )()
        return s.history


def each_loop(
    results: list[Variable], stop_at: Collection[Variable], change: Callable[[Apply, Uses], dict | None]
) -> list[Variable]:
    """The graph with each loop, inputs before what needs them, replaced as ``change(node, uses)`` says: outer
    variables of the given graph by others."""
    order = toposort(results, stop_at)
    uses = Uses(order, results)
    memo: dict[Variable, Variable] = {}
    for node in order:
        if all(v in memo for v in node.outputs):
            continue
        inputs = [memo.get(v, v) for v in node.inputs]
        same = all(a is b for a, b in zip(inputs, node.inputs, strict=True))
        current = node if same else rebuild(node, inputs, {})
        if not same:
            memo.update((a, b) for a, b in zip(node.outputs, current.outputs, strict=True) if a not in memo)
        if isinstance(node.op, Scan):
            back = dict(zip(current.outputs, node.outputs, strict=True))
            for old, new in (change(current, uses.through(back)) or {}).items():
                memo[back.get(old, old)] = as_known(new, old.type.shape)
    return [memo.get(v, v) for v in results]


class Uses:
    """Who reads the variables of a graph."""

    def __init__(self, order: list[Apply], results: list[Variable]) -> None:
        self.results = set(results)
        self.readers: dict[Variable, list[Apply]] = {}
        for node in order:
            for v in node.inputs:
                self.readers.setdefault(v, []).append(node)
        self.back: dict[Variable, Variable] = {}

    def through(self, back: dict[Variable, Variable]) -> Uses:
        """The same, asked about rebuilt variables."""
        self.back = back
        return self

    def of(self, v: Variable) -> list[Apply]:
        return self.readers.get(self.back.get(v, v), [])

    def is_used(self, v: Variable) -> bool:
        v = self.back.get(v, v)
        return v in self.results or v in self.readers


def has_loops(results: Iterable[Variable], stop_at: Collection[Variable]) -> bool:
    return any(isinstance(node.op, Scan) for node in toposort(results, stop_at))
