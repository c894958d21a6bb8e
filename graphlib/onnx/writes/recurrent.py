"""Loops that are recurrent layers, as ONNX's RNN, GRU and LSTM.

A step is recognised by its formula, however the gates lie in the weights: each gate is a sum of columns of
the products of the input and of the state, and of biases.  What ONNX writes otherwise is put in its order:
gates i, o, f, c of an LSTM, z, r, h of a GRU, and matrices transposed.  The product of the input is one for
all steps in graphlib, outside the loop, and is looked for there.

Sources: ONNX's operators RNN, GRU (``linear_before_reset`` is the multiplication by r behind the product)
and LSTM.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ...graph import Apply, Constant, Variable
from ...ops.create import zeros
from ...ops.elementwise import Elementwise, add
from ...ops.index import BasicIndex, basic_index
from ...ops.join import concatenate
from ...ops.lengths import Lengths
from ...ops.linalg import MatrixProduct
from ...ops.scan import Scan
from ...ops.shape import DimShuffle, Reshape, dimshuffle
from ...ops.shape_rules import constant_int
from ..writer import Writer

_ACTIVATIONS = {"tanh": "Tanh", "sigmoid": "Sigmoid", "rectify": "Relu", "softplus": "Softplus"}


@dataclass
class Gate:
    """A sum, of which the columns are one gate's: of the input (whose weights are ``w``), the state (``u``)
    and vectors (``b``)."""

    x: Variable | None = None
    w: list[Variable] = field(default_factory=list)
    u: list[Variable] = field(default_factory=list)
    b: list[Variable] = field(default_factory=list)


class NoLayer(Exception):
    """A step is none of a recurrent layer."""


def recurrent(w: Writer, node: Apply) -> list[str] | None:
    """The outputs of a loop that is one of ONNX's recurrent layers; None if it is none."""
    op: Scan = node.op
    plain = not (op.until or op.lazy or op.mapped) and op.rows and len(op.states) in (1, 2)
    if not plain or any(state.taps != (-1,) for state in op.states):
        return None
    cells = [_lstm] if len(op.states) == 2 else [_gru, _rnn]
    for cell in cells:
        try:
            return cell(w, _Step(node))
        except NoLayer:
            continue
    return None


class _Step:
    """A step's graph, and the outer variables of what it reads."""

    def __init__(self, node: Apply) -> None:
        self.node, self.op = node, node.op
        parts = self.op.parts(node)
        self.initial, self.steps = parts.initial, parts.n
        self.states = [taps[0] for taps in self.op.taps]
        self.outside = dict(zip(self.op.invariants, parts.invariants, strict=True))
        self.sequences = dict(zip(self.op.rows, parts.sequences, strict=True))
        self.lengths = Lengths()
        self.x: Variable | None = None

    def gate(self, v: Variable, state: Variable, columns: tuple[int, int]) -> Gate:
        """A gate of the state that is given: its sum, and whose input all gates share."""
        found = Gate()
        self._sum(found, v, state, columns)
        if found.x is None or not found.u or found.x is not (self.x or found.x):
            raise NoLayer
        self.x = found.x
        return found

    def _sum(self, found: Gate, v: Variable, state: Variable, columns: tuple[int, int]) -> None:
        v, columns = _peeled(v, columns)
        pair = _operands(v, "add")
        if pair:
            for term in pair:
                self._sum(found, term, state, columns)
        elif v in self.sequences:
            self._input(found, self.sequences[v], columns)
        elif _is(v, MatrixProduct) and v.owner.inputs[0] is state:
            found.u.append(_columns(self._outer(v.owner.inputs[1]), columns))
        else:
            found.b.append(self.bias(v, columns))

    def _outer(self, v: Variable) -> Variable:
        if v not in self.outside:
            raise NoLayer
        return self.outside[v]

    def bias(self, v: Variable, columns: tuple[int, int]) -> Variable:
        """A vector that is added to each row."""
        return _columns(self._outer(_vector(v)), columns)

    def _input(self, found: Gate, sequence: Variable, columns: tuple[int, int]) -> None:
        """The parts of a sequence outside: a product of the input, and vectors."""
        backwards = False
        if _is(sequence, BasicIndex) and sequence.owner.op.entries == ((False, False, -1), None, None):
            sequence, backwards = sequence.owner.inputs[0], True
        pending = [sequence]
        while pending:
            v = pending.pop()
            pair = _operands(v, "add")
            if pair:
                pending.extend(pair)
            elif v.ndim == 1 or _is(v, DimShuffle):
                found.b.append(_columns(_vector(v), columns))
            else:
                x, weights = self._product(v)
                x = self._walked_back(x) if backwards else x
                if found.x not in (None, x):
                    raise NoLayer
                found.x = x
                found.w.append(_columns(weights, columns))

    def _product(self, v: Variable) -> tuple[Variable, Variable]:
        """The input (steps, batch, features) and the weights of its product for all steps."""
        if not _is(v, Reshape) or v.ndim != 3 or not _is(v.owner.inputs[0], MatrixProduct):
            raise NoLayer
        flat, weights = v.owner.inputs[0].owner.inputs
        if not _is(flat, Reshape) or flat.owner.inputs[0].ndim != 3:
            raise NoLayer
        x = flat.owner.inputs[0]
        features, width = x.type.shape[2], v.type.shape[2]
        # the lengths say that only the first two axes have been one
        same = self.lengths.shape(x)[:2] == self.lengths.shape(v)[:2]
        if not same or None in (features, width) or weights.type.shape != (features, width):
            raise NoLayer
        return (x, weights) if flat.type.shape[1] == features else self._no_layer()

    def _no_layer(self) -> tuple[Variable, Variable]:
        raise NoLayer

    def _walked_back(self, x: Variable) -> Variable:
        if not hasattr(self, "_back"):
            self._back: dict[Variable, Variable] = {}
        if x not in self._back:
            self._back[x] = basic_index(x, [slice(None, None, -1)])
        return self._back[x]


def _is(v: Variable, cls: type) -> bool:
    return v.owner is not None and type(v.owner.op) is cls


def _operands(v: Variable, name: str) -> Sequence[Variable] | None:
    """The operands of an elementwise operation of a name."""
    named = _is(v, Elementwise) and v.owner.op.name == name
    return v.owner.inputs if named else None


def _vector(v: Variable) -> Variable:
    """The vector that broadcasts as ``v``."""
    if v.ndim == 1:
        return v
    if not _is(v, DimShuffle) or v.owner.op.order != (*["x"] * (v.ndim - 1), 0):
        raise NoLayer
    return v.owner.inputs[0]


def _peeled(v: Variable, columns: tuple[int, int]) -> tuple[Variable, tuple[int, int]]:
    """What a matrix of which some columns are taken is, and which of its columns these are."""
    while _is(v, BasicIndex) and v.ndim == 2 and v.owner.op.entries[0] is None:
        inner, *bounds = v.owner.inputs
        entry = v.owner.op.entries[1]
        known = [constant_int(b) for b in bounds]
        n = inner.type.shape[1]
        if not isinstance(entry, tuple) or entry[2] != 1 or None in known or n is None:
            raise NoLayer
        rest = iter(known)
        start, stop = (next(rest) if given else None for given in entry[:2])
        first, _, _ = slice(start, stop).indices(n)
        v, columns = inner, (first + columns[0], first + columns[1])
    return v, columns


def _columns(v: Variable, columns: tuple[int, int]) -> Variable:
    """Columns of a matrix, elements of a vector."""
    if v.type.shape[-1] is None or columns[1] > v.type.shape[-1]:
        raise NoLayer
    if columns == (0, v.type.shape[-1]):
        return v
    return basic_index(v, [slice(None)] * (v.ndim - 1) + [slice(*columns)])


def _activated(v: Variable, columns: tuple[int, int]) -> tuple[str, Variable, tuple[int, int]]:
    """The activation of some columns, as ONNX calls it, and of what."""
    v, columns = _peeled(v, columns)
    if not _is(v, Elementwise) or v.owner.op.name not in _ACTIVATIONS:
        raise NoLayer
    return _ACTIVATIONS[v.owner.op.name], v.owner.inputs[0], columns


def _products(v: Variable, name: str) -> Iterator[tuple[Variable, Variable]]:
    """The operands of a commutative operation, either way round."""
    pair = _operands(v, name)
    if pair:
        yield pair[0], pair[1]
        yield pair[1], pair[0]


def _width(state: Variable) -> tuple[int, int]:
    if state.ndim != 2 or state.type.shape[1] is None:
        raise NoLayer
    return 0, state.type.shape[1]


def _rnn(w: Writer, step: _Step) -> list[str]:
    """h' = f(x W + h U + b)."""
    (h,), (new,) = step.states, step.op.new
    f, inside, columns = _activated(new, _width(h))
    return _written(w, step, "RNN", [step.gate(inside, h, columns)], [], [f], {})


def _lstm(w: Writer, step: _Step) -> list[str]:
    """c' = f c + i g(…), h' = o k(c')."""
    for hidden, cell in ((0, 1), (1, 0)):
        h, c = step.states[hidden], step.states[cell]
        new_h, new_c = step.op.new[hidden], step.op.new[cell]
        for opened, shown in _products(new_h, "mul"):
            k, inside, _ = _attempt(shown)
            if inside is not new_c or step.op.states[cell].kept:
                continue
            for remembered, entering in _products(new_c, "add"):
                for forget, last in _products(remembered, "mul"):
                    for allow, candidate in _products(entering, "mul"):
                        if last is not c:
                            continue
                        try:
                            made = [_activated(v, _width(h)) for v in (allow, opened, forget, candidate)]
                            gates = [step.gate(v, h, columns) for _, v, columns in made]
                        except NoLayer:
                            step.x = None
                            continue
                        if made[0][0] == made[1][0] == made[2][0]:
                            order = [hidden, cell]
                            return _written(
                                w, step, "LSTM", gates, [], [made[0][0], made[3][0], k], {}, order
                            )
    raise NoLayer


def _attempt(v: Variable) -> tuple[str, Variable | None, tuple[int, int]]:
    try:
        return _activated(v, (0, 0))
    except NoLayer:
        return "", None, (0, 0)


def _gru(w: Writer, step: _Step) -> list[str]:
    """h' = (1 - z) n + z h, where n = g(x W + (r h) U + b), or g(x W + r (h U + c) + b)."""
    (h,), (new,), width = step.states, step.op.new, _width(step.states[0])
    for mixed, remembered in _products(new, "add"):
        for z, last in _products(remembered, "mul"):
            for rest, candidate in _products(mixed, "mul"):
                if last is not h or not _is_rest(rest, z):
                    continue
                f, z_sum, z_columns = _activated(z, width)
                g, n_sum, n_columns = _activated(candidate, width)
                update = step.gate(z_sum, h, z_columns)
                return _candidate(w, step, h, update, (n_sum, n_columns), (f, g))
    raise NoLayer


def _is_rest(v: Variable, z: Variable) -> bool:
    """Whether ``v`` is 1 - z."""
    pair = _operands(v, "sub")
    if not pair or not isinstance(pair[0], Constant) or pair[0].data.size != 1 or pair[0].data.item() != 1:
        return False
    return pair[1] is z


def _candidate(
    w: Writer,
    step: _Step,
    h: Variable,
    update: Gate,
    candidate: tuple[Variable, tuple[int, int]],
    activations: tuple[str, str],
) -> list[str]:
    """The candidate of a GRU: a sum in which one term is reset."""
    width = _width(h)
    terms = _terms(*candidate)
    for k, (term, columns) in enumerate(terms):
        others = terms[:k] + terms[k + 1 :]
        if _is(term, MatrixProduct):
            for reset, last in _products(term.owner.inputs[0], "mul"):
                if last is h:
                    weights = _columns(step._outer(term.owner.inputs[1]), columns)
                    return _reset(w, step, h, update, reset, others, Gate(u=[weights]), activations, 0)
        for reset, inside in _products(term, "mul"):
            try:
                _activated(reset, width)
                recurrent = Gate()
                for part, its in _terms(inside, columns):
                    if _is(part, MatrixProduct) and part.owner.inputs[0] is h:
                        recurrent.u.append(_columns(step._outer(part.owner.inputs[1]), its))
                    else:
                        recurrent.b.append(step.bias(part, its))
            except NoLayer:
                continue
            return _reset(w, step, h, update, reset, others, recurrent, activations, 1)
    raise NoLayer


def _terms(v: Variable, columns: tuple[int, int]) -> list[tuple[Variable, tuple[int, int]]]:
    """The terms of a sum, each with its columns."""
    v, columns = _peeled(v, columns)
    pair = _operands(v, "add")
    return [t for term in pair for t in _terms(term, columns)] if pair else [(v, columns)]


def _reset(
    w: Writer,
    step: _Step,
    h: Variable,
    update: Gate,
    reset: Variable,
    others: list[tuple[Variable, tuple[int, int]]],
    recurrent: Gate,
    activations: tuple[str, str],
    behind: int,
) -> list[str]:
    f, inside, columns = _activated(reset, _width(h))
    if f != activations[0] or not recurrent.u:
        raise NoLayer
    gate = step.gate(inside, h, columns)
    new = Gate()
    for term, its in others:
        if term in step.sequences:
            step._input(new, step.sequences[term], its)
        else:
            new.b.append(step.bias(term, its))
    if new.x is not step.x:
        raise NoLayer
    new.u = recurrent.u
    options = {"linear_before_reset": behind}
    return _written(w, step, "GRU", [update, gate, new], recurrent.b, list(activations), options)


def _written(
    w: Writer,
    step: _Step,
    operator: str,
    gates: list[Gate],
    behind: list[Variable],
    activations: list[str],
    options: dict[str, int],
    order: Sequence[int] = (0,),
) -> list[str]:
    """The node, and the loop's outputs from its own.  ``behind``: biases of the last gate's product of the
    state; ``order``: which states are the output and the cell."""
    units = _width(step.states[0])[1]
    dtype = step.states[0].dtype
    if step.x is None:
        raise NoLayer

    def stacked(parts: Sequence[list[Variable]]) -> Variable:
        """The weights of each gate, transposed, above each other, as (1, gates · units, n)."""
        return dimshuffle(concatenate([dimshuffle(_total(p), 1, 0) for p in parts]), "x", 0, 1)

    nothing = zeros((units,), dtype)
    biases = [_total(gate.b, nothing) for gate in gates]
    biases += [nothing] * (len(gates) - 1) + [_total(behind, nothing)]
    name = operator.lower()
    inputs = [
        w.of(step.x),
        w.weights(stacked([gate.w for gate in gates]), f"{name}_w"),
        w.weights(stacked([gate.u for gate in gates]), f"{name}_r"),
        w.weights(dimshuffle(concatenate(biases), "x", 0), f"{name}_b"),
        "",
        *(w.of(step.initial[k]) for k in order),
    ]
    outputs = w.add(
        operator,
        *inputs,
        outputs=1 + len(order),
        fresh=True,
        hidden_size=units,
        activations=activations,
        **options,
    )
    last = {k: w.squeeze(name, 0) for k, name in zip(order, outputs[1:], strict=True)}
    results = []
    for k, state in enumerate(step.op.states):
        if state.kept:
            rows = w.squeeze(outputs[0], 1)
            results.append(w.add("Concat", w.of(step.initial[k]), rows, axis=0))
    return results + [last[k] for k in range(len(step.op.states))]


def _total(parts: Sequence[Variable], nothing: Variable | None = None) -> Variable:
    if not parts:
        if nothing is None:
            raise NoLayer
        return nothing
    total = parts[0]
    for part in parts[1:]:
        total = add(total, part)
    return total
