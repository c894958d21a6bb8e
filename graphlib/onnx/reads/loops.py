"""Loops, choices and recurrent layers."""

from __future__ import annotations

from typing import Any

from ... import tensor as T
from ...control import ifelse, scan, until
from ...graph import Constant, Variable
from ...graph.types import normalize_axis
from ...ops import elementwise as ew
from ...ops.shape import moveaxis, shape_i
from ...ops.shape_rules import constant_int
from ..reader import Node, Tensors, reads


@reads("If")
def _if(n: Node) -> list[Variable]:
    condition = n[0]
    branches = [n.get("then_branch"), n.get("else_branch")]
    known = n.reader.known(condition)
    if known is not None:
        return n.reader.inside({}).run(branches[0 if known.item() else 1])
    taken, other = (n.reader.inside({}).run(graph) for graph in branches)
    for a, b in zip(taken, other, strict=True):
        if isinstance(a, Tensors) or isinstance(b, Tensors):
            raise n.error("gives a sequence by a condition that only a call tells")
        if a.ndim != b.ndim:
            raise n.error(f"has branches of {a.ndim} and {b.ndim} dimensions, of which graphlib needs one")
    return ifelse(condition.reshape(()) if condition.ndim else condition, taken, other)


@reads("Loop")
def _loop(n: Node) -> list[Variable]:
    count, goes_on, body = n.optional(0), n.optional(1), n.get("body")
    states = [n.optional(k) for k in range(2, len(n.inputs))]
    names = [v.name for v in body.input]
    if count is None:
        raise n.error("has no number of steps; graphlib's loops have at most so many")
    steps: Any = n.reader.elements(count)[0]
    if goes_on is not None:
        known = n.reader.known(goes_on)
        steps = steps if known is not None and known.all() else ew.switch(goes_on.reshape(()), steps, 0)
    ends = _ends(n, body)
    if any(v is None or isinstance(v, Tensors) for v in states):
        return _unrolled(n, states, n.reader.known(steps) if isinstance(steps, Variable) else steps, ends)

    def step(turn: Variable, *values: Variable) -> Any:
        given = {names[0]: turn, names[1]: Constant(True), **dict(zip(names[2:], values, strict=True))}
        results = n.reader.inside(given).run(body)
        new = [T.cast(v, s.dtype) for v, s in zip(results[1:], states, strict=False)]
        made = new + results[1 + len(states) :]
        return (made, until(ew.invert(results[0].reshape(())))) if ends else made

    turns = T.arange(steps)
    found = _scanned(n, step, [turns], states, len(body.output) - 1 - len(states), steps)
    return found


def _unrolled(n: Node, states: list[Any], steps: Any, ends: bool) -> list[Any]:
    """A loop whose states are sequences, step by step: their number of tensors changes."""
    body = n.get("body")
    if steps is None or ends:
        raise n.error("goes on with sequences for a number of steps that is not known")
    names = [v.name for v in body.input]
    rows: list[list[Variable]] = [[] for _ in range(len(body.output) - 1 - len(states))]
    for turn in range(int(steps)):
        given = {names[0]: Constant(turn, dtype="int64"), names[1]: Constant(True)}
        results = n.reader.inside({**given, **dict(zip(names[2:], states, strict=True))}).run(body)
        states = results[1 : 1 + len(states)]
        for kept, v in zip(rows, results[1 + len(states) :], strict=True):
            kept.append(v)
    return [*states, *(T.stack(kept) for kept in rows)]


def _ends(n: Node, body: Any) -> bool:
    """Whether a step may say that it is the last: unless its condition is handed on, or true."""
    name = body.output[0].name
    if name == body.input[1].name:
        return False
    made = {o: node for node in body.node for o in node.output}
    while name in made and made[name].op_type == "Identity":
        name = made[name].input[0]
    if name == body.input[1].name:
        return False
    reader = n.reader.inside({body.input[1].name: Constant(True)})
    arrays = {a.name: reader.array(a) for a in body.initializer}
    if name in arrays:
        return not arrays[name].data.all()
    if name in made and made[name].op_type == "Constant":
        return not reader._attribute(made[name].attribute[0]).data.all()
    return True


@reads("Scan")
def _scan(n: Node) -> list[Variable]:
    if n.opset < 9:
        return _scan_of_batches(n)
    body, count = n.get("body"), n.get("num_scan_inputs")
    names = [v.name for v in body.input]
    states = [n[k] for k in range(len(n.inputs) - count)]
    sequences = [n[k] for k in range(len(n.inputs) - count, len(n.inputs))]
    axes = n.get("scan_input_axes") or [0] * count
    back = n.get("scan_input_directions") or [0] * count
    moved = []
    for v, axis, backwards in zip(sequences, axes, back, strict=True):
        v = moveaxis(v, normalize_axis(axis, v.ndim, n.describe()), 0)
        moved.append(v[::-1] if backwards else v)
    mapped = len(body.output) - len(states)

    def step(*values: Variable) -> list[Variable]:
        rows, kept = values[:count], values[count:]
        given = dict(zip(names, (*kept, *rows), strict=True))
        return n.reader.inside(given).run(body)

    results = _scanned(n, step, moved, states, mapped, shape_i(moved[0], 0))
    outputs = results[len(states) :]
    axes = n.get("scan_output_axes") or [0] * mapped
    back = n.get("scan_output_directions") or [0] * mapped
    for k, (v, axis, backwards) in enumerate(zip(outputs, axes, back, strict=True)):
        v = v[::-1] if backwards else v
        outputs[k] = moveaxis(v, 0, normalize_axis(axis, v.ndim, n.describe()))
    return [*results[: len(states)], *outputs]


def _scan_of_batches(n: Node) -> list[Variable]:
    """``Scan`` before version 9: of each example of a batch, which is the first axis of all."""
    body, count = n.get("body"), n.get("num_scan_inputs")
    if n.optional(0) is not None:
        raise n.error("has sequences of several lengths in a batch, which graphlib's loops have not")
    names, given = [v.name for v in body.input], [n[k] for k in range(1, len(n.inputs))]
    states, sequences = given[: len(given) - count], given[len(given) - count :]
    back = n.get("directions") or [0] * count
    mapped = len(body.output) - len(states)
    size = next((v.type.shape[0] for v in given if v.type.shape[0] is not None), None)
    if size is None:
        raise n.error("goes over a batch of a length that is not known: say it with dims=")

    def step(*values: Variable) -> list[Variable]:
        rows, kept = values[:count], values[count:]
        return n.reader.inside(dict(zip(names, (*kept, *rows), strict=True))).run(body)

    found = []
    for example in range(size):
        rows = [v[example][::-1] if turned else v[example] for v, turned in zip(sequences, back, strict=True)]
        first = [v[example] for v in states]
        found.append(_scanned(n, step, rows, first, mapped, shape_i(rows[0], 0)))
    return [T.stack([example[k] for example in found]) for k in range(len(body.output))]


def _scanned(
    n: Node, step: Any, sequences: list[Variable], states: list[Variable], mapped: int, steps: Any
) -> list[Variable]:
    """The last values of the states, the initial ones where no step is made, and the rows of the rest."""
    known = constant_int(steps) if isinstance(steps, Variable) else steps
    outputs, _ = scan(
        step,
        sequences=sequences,
        outputs_info=[*states, *[None] * mapped],
        n_steps=known if known is not None else steps,
        return_list=True,
        name=n.name or None,
    )
    last = []
    for v, rows in zip(states, outputs, strict=False):
        if known is not None and known > 0:
            last.append(rows[-1])
        elif known == 0:
            last.append(v)
        else:
            last.append(T.concatenate([v.dimshuffle("x", *range(v.ndim)), rows])[-1])
    return last + list(outputs[len(states) :])


_ACTIVATIONS: dict[str, Any] = {
    "Relu": ew.rectify,
    "Tanh": ew.tanh,
    "Sigmoid": ew.sigmoid,
    "Softsign": T.nnet.softsign,
    "Softplus": ew.softplus,
    "Affine": lambda x, a=1.0, b=0.0: x * a + b,
    "LeakyRelu": lambda x, a=0.01, b=0.0: ew.leaky_rectify(x, a),
    "ThresholdedRelu": lambda x, a=1.0, b=0.0: ew.switch(ew.gt(x, a), x, 0),
    "ScaledTanh": lambda x, a=1.0, b=1.0: ew.tanh(x * b) * a,
    "HardSigmoid": lambda x, a=0.2, b=0.5: T.clip(x * a + b, 0, 1),
    "Elu": lambda x, a=1.0, b=0.0: T.nnet.elu(x, a),
}
_PARAMETERS = {"Affine": 2, "ScaledTanh": 2, "HardSigmoid": 2, "LeakyRelu": 1, "ThresholdedRelu": 1, "Elu": 1}


def _activations(n: Node, defaults: list[str], directions: int) -> list[list[Any]]:
    """The activations of each direction."""
    names = n.get("activations") or defaults * directions
    alphas, betas = list(n.get("activation_alpha") or []), list(n.get("activation_beta") or [])
    found = []
    for name in names:
        title = next((known for known in _ACTIVATIONS if known.lower() == name.lower()), None)
        if title is None:
            raise n.error(f"has the activation {name}, which ONNX does not define")
        given: dict[str, float] = {}
        if _PARAMETERS.get(title, 0) >= 1 and alphas:
            given["a"] = alphas.pop(0)
        if _PARAMETERS.get(title, 0) >= 2 and betas:
            given["b"] = betas.pop(0)
        found.append(lambda x, f=_ACTIVATIONS[title], given=given: f(x, **given))
    each = len(defaults)
    return [found[k * each : (k + 1) * each] for k in range(directions)]


@reads("RNN", "GRU", "LSTM")
def _recurrent(n: Node) -> list[Variable]:
    """Y (steps, directions, batch, units) and the last states, one direction after the other."""
    x = n[0]
    if n.get("clip") is not None:
        raise n.error("clips what goes into its activations, which graphlib's loops read from ONNX do not")
    gates, defaults = {
        "RNN": (1, ["Tanh"]),
        "GRU": (3, ["Sigmoid", "Tanh"]),
        "LSTM": (4, ["Sigmoid", "Tanh", "Tanh"]),
    }[n.operator]
    direction = n.get("direction", "forward")
    count = 2 if direction == "bidirectional" else 1
    units = n.get("hidden_size") or n[2].type.shape[-1]
    layout = n.get("layout", 0)
    x = x.dimshuffle(1, 0, 2) if layout else x
    activations = _activations(n, defaults, count)
    every, last = [], []
    for k in range(count):
        layer = _Direction(n, k, x, gates, units, layout, activations[k])
        rows, final = layer.run(backwards=direction == "reverse" or k == 1)
        every.append(rows)
        last.append(final)
    y = T.stack(every, axis=1)
    states = [T.stack([final[i] for final in last]) for i in range(len(last[0]))]
    if layout:
        y = y.dimshuffle(2, 0, 1, 3)
        states = [s.dimshuffle(1, 0, 2) for s in states]
    return [y, *states]


class _Direction:
    """One direction of a recurrent layer."""

    def __init__(
        self, n: Node, k: int, x: Variable, gates: int, units: int, layout: int, activations: list[Any]
    ) -> None:
        self.n, self.x, self.units, self.activations = n, x, units, activations
        self.w, self.u = n[1][k].T, n[2][k].T
        b = n.optional(3)
        width = gates * units
        self.b = None if b is None else b[k][:width]
        self.c = None if b is None else b[k][width:]
        self.lengths = n.optional(4)
        self.begin = []
        for place in (5, 6)[: 2 if n.operator == "LSTM" else 1]:
            given = n.optional(place)
            if given is None:
                self.begin.append(T.zeros((shape_i(x, 1), units), x.dtype))
            else:
                self.begin.append(given[:, k] if layout else given[k])
        peepholes = n.optional(7)
        self.peepholes = None if peepholes is None else peepholes[k]

    def part(self, v: Variable, k: int) -> Variable:
        return v[..., k * self.units : (k + 1) * self.units]

    def run(self, backwards: bool) -> tuple[Variable, list[Variable]]:
        """The outputs of every step, and the last states."""
        x = T.dot(self.x, self.w)
        x = x if self.b is None else x + self.b
        if self.c is not None and self.n.operator != "GRU":
            x = x + self.c
        steps = T.arange(shape_i(x, 0))
        sequences = [x, steps]
        if backwards:
            # sequences that are shorter begin with their own last element
            if self.lengths is not None:
                many = T.cast(self.lengths, "int64").dimshuffle("x", 0)
                column = steps.dimshuffle(0, "x")
                places = ew.switch(ew.lt(column, many), many - 1 - column, column)
                batch = T.arange(shape_i(x, 1)).dimshuffle("x", 0)
                sequences = [x[places, batch], steps]
            else:
                sequences = [x[::-1], steps]

        def step(row: Variable, turn: Variable, *states: Variable) -> list[Variable]:
            new = self._step(row, *states)
            if self.lengths is None:
                return new
            inside = ew.lt(turn, T.cast(self.lengths, "int64")).dimshuffle(0, "x")
            return [ew.switch(inside, after, before) for after, before in zip(new, states, strict=True)]

        outputs, _ = scan(
            step, sequences=sequences, outputs_info=self.begin, return_list=True, name=self.n.name or None
        )
        final = [v[-1] for v in outputs]
        rows = outputs[0]
        if self.lengths is not None:
            many = T.cast(self.lengths, "int64").dimshuffle("x", 0)
            column = steps.dimshuffle(0, "x")
            if backwards:
                places = ew.switch(ew.lt(column, many), many - 1 - column, column)
                rows = rows[places, T.arange(shape_i(x, 1)).dimshuffle("x", 0)]
            rows = ew.switch(ew.lt(column, many).dimshuffle(0, 1, "x"), rows, 0)
        elif backwards:
            rows = rows[::-1]
        return rows, final

    def _step(self, row: Variable, *states: Variable) -> list[Variable]:
        return {"RNN": self._rnn, "GRU": self._gru, "LSTM": self._lstm}[self.n.operator](row, *states)

    def _rnn(self, row: Variable, h: Variable) -> list[Variable]:
        return [self.activations[0](row + T.dot(h, self.u))]

    def _gru(self, row: Variable, h: Variable) -> list[Variable]:
        f, g = self.activations
        n = self.units
        biases = T.zeros((3 * n,), h.dtype) if self.c is None else self.c
        both = row[..., : 2 * n] + T.dot(h, self.u[:, : 2 * n]) + biases[: 2 * n]
        z, r = f(both[..., :n]), f(both[..., n:])
        weights, c = self.u[:, 2 * n :], biases[2 * n :]
        if self.n.get("linear_before_reset", 0):
            inside = r * (T.dot(h, weights) + c)
        else:
            inside = T.dot(r * h, weights) + c
        new = g(row[..., 2 * n :] + inside)
        return [(1 - z) * new + z * h]

    def _lstm(self, row: Variable, h: Variable, c: Variable) -> list[Variable]:
        f, g, k = self.activations
        i, o, forget, new = (self.part(row + T.dot(h, self.u), j) for j in range(4))
        if self.peepholes is not None:
            i = i + self.part(self.peepholes, 0) * c
            forget = forget + self.part(self.peepholes, 2) * c
        allowed = f(i)
        kept = 1 - allowed if self.n.get("input_forget", 0) else f(forget)
        after = kept * c + allowed * g(new)
        if self.peepholes is not None:
            o = o + self.part(self.peepholes, 1) * after
        return [f(o) * k(after), after]
