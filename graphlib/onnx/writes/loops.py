"""Loops, as ONNX's Scan where it is known that they make a step, else as its Loop.

What a step reads from outside, a graph inside a node may read by name.  A state of which a step reads the
values of several steps before is as many states; its history begins with the values before the first step.
"""

from __future__ import annotations

from typing import Any

from ...graph import Apply, Variable
from ...ops.create import arange
from ...ops.scan import Scan
from ...ops.shape import ShapeI
from ...ops.shape_rules import constant_int
from ..writer import Writer, writes
from .recurrent import recurrent


class _Step:
    """A step's graph, and what goes from each step to the next: states in the order of ``values``."""

    def __init__(self, w: Writer, op: Scan, rows: list[str]) -> None:
        self.op = op
        self.w = w.within()
        #: of each state the values that go on, the oldest first: (name, type)
        self.values = [
            [(self.w.names.new("state"), new.type) for _ in range(state.depth)]
            for state, new in zip(op.states, op.new, strict=True)
        ]
        for v, name in zip(op.rows, rows, strict=True):
            self.w.name(v, name)
        for state, taps, names in zip(op.states, op.taps, self.values, strict=True):
            for v, tap in zip(taps, state.taps, strict=True):
                self.w.name(v, names[state.depth + tap][0])

    @property
    def carried(self) -> list[tuple[str, Any]]:
        return [each for names in self.values for each in names]

    def results(self) -> tuple[list[tuple[str, Any]], list[tuple[str, Any]]]:
        """What goes on, and what is kept of each step: the new values of states that are, mapped rows."""
        after, kept = [], []
        for state, new, names in zip(self.op.states, self.op.new, self.values, strict=True):
            value = self.w.of(new)
            after += [*((n, t) for n, t in names[1:]), (value, new.type)]
            if state.kept:
                kept.append((value, new.type))
        kept += [(self.w.of(v), v.type) for v in self.op.mapped_rows]
        # a graph's outputs are results of its own nodes, each once
        own = [[(self._own(n), t) for n, t in part] for part in (after, kept)]
        return own[0], own[1]

    def _own(self, name: str) -> str:
        return self.w.add("Identity", name, fresh=True)


@writes(Scan)
def _scan(w: Writer, node: Apply) -> list[str]:
    op: Scan = node.op
    found = recurrent(w, node)
    if found is not None:
        return found
    parts = op.parts(node)
    initial = [w.of(v) for v in parts.initial]
    before = []
    for name, state in zip(initial, op.states, strict=True):
        for k in range(state.depth):
            before.append(w.add("Gather", name, w.number(k, "int64"), axis=0))
    n = w.of(parts.n)
    # onnxruntime 1.32.0 fails in a Scan that makes no step (findings/onnxruntime_scan_of_nothing.sh)
    sure = not op.until and (constant_int(parts.n) or 0) >= 1
    made = _as_scan(w, node, n, before) if sure else _as_loop(w, node, n, before)
    return _outputs(w, node, initial, *made)


def _named_inside(step: _Step, w: Writer, node: Apply) -> None:
    for inside, outside in zip(step.op.invariants, step.op.parts(node).invariants, strict=True):
        step.w.name(inside, w.of(outside))


def _types(pairs: list[tuple[str, Any]]) -> list[tuple[str, str, list]]:
    return [(name, t.dtype, list(t.shape)) for name, t in pairs]


def _as_scan(w: Writer, node: Apply, n: str, before: list[str]) -> tuple[list[str], list[str], str]:
    op, parts = node.op, node.op.parts(node)
    rows = [(w.names.new("row"), v.type) for v in op.rows]
    step = _Step(w, op, [name for name, _ in rows])
    _named_inside(step, w, node)
    sequences = [_first(w, v, n, parts.n) for v in parts.sequences]
    if not rows:
        # what makes the steps as many as they are
        turn = arange(parts.n)
        rows, sequences = [(w.names.new("turn"), turn.type.row())], [w.of(turn)]
    after, kept = step.results()
    graph = step.w.graph("step", _types([*step.carried, *rows]), _types([*after, *kept]))
    outputs = w.add(
        "Scan",
        *before,
        *sequences,
        outputs=max(len(after) + len(kept), 1),
        fresh=True,
        body=graph,
        num_scan_inputs=len(sequences),
    )
    outputs = [outputs] if isinstance(outputs, str) else outputs
    return outputs[: len(after)], outputs[len(after) :], n


def _first(w: Writer, v: Variable, n: str, steps: Variable) -> str:
    """The first n rows, of which there may be more."""
    if constant_int(steps) is not None and constant_int(steps) == v.type.shape[0]:
        return w.of(v)
    of = steps.owner
    if of is not None and isinstance(of.op, ShapeI) and of.op.axis == 0 and of.inputs[0] is v:
        return w.of(v)
    end = w.add("Reshape", n, w.integers([1]))
    return w.slice(w.of(v), w.integers([0]), end, [0])


def _as_loop(w: Writer, node: Apply, n: str, before: list[str]) -> tuple[list[str], list[str], str]:
    op, parts = node.op, node.op.parts(node)
    turn, goes_on = w.names.new("turn"), w.names.new("goes_on")
    sequences = w.all_of(parts.sequences)
    rows = [w.names.new("row") for _ in op.rows]
    step = _Step(w, op, rows)
    _named_inside(step, w, node)
    for name, sequence in zip(rows, sequences, strict=True):
        step.w.append("Gather", [sequence, turn], [name], axis=0)
    after, kept = step.results()
    counted = w.names.new("steps")
    ends = step.w.of(op.condition) if op.condition is not None else None
    again = step.w.add("Not", ends) if ends else step.w.add("Identity", goes_on, fresh=True)
    made = step.w.add("Add", counted, w.number(1, "int64"))
    bool_type, int_type = ("bool", []), ("int64", [])
    graph = step.w.graph(
        "step",
        [(turn, *int_type), (goes_on, *bool_type), (counted, *int_type), *_types(step.carried)],
        [(again, *bool_type), (made, *int_type), *_types([*after, *kept])],
    )
    outputs = w.add(
        "Loop",
        n,
        w.number(True, "bool"),
        w.number(0, "int64"),
        *before,
        outputs=1 + len(after) + len(kept),
        fresh=True,
        body=graph,
    )
    outputs = [outputs] if isinstance(outputs, str) else outputs
    return outputs[1 : 1 + len(after)], outputs[1 + len(after) :], outputs[0]


def _outputs(
    w: Writer, node: Apply, initial: list[str], last: list[str], kept: list[str], steps: str
) -> list[str]:
    """The outputs of graphlib's loop from those of ONNX's."""
    op = node.op
    rows = iter(kept)
    histories = [
        w.add("Concat", first, next(rows), axis=0)
        for first, state in zip(initial, op.states, strict=True)
        if state.kept
    ]
    newest, at = [], 0
    for state in op.states:
        at += state.depth
        newest.append(last[at - 1])
    return [*histories, *rows, *newest, *([steps] if op.until else [])]
