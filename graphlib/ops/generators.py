"""Draws of generators whose numbers come one after the other: NumPy's MT19937, and MRG31k3p, as in Theano.

Each takes a generator's state and gives the state that follows beside its numbers.  ``graphlib.ops.random``
has those of graphlib itself, which need no order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import DTypeError, ShapeError
from ..graph import Apply, TensorType, Variable
from ..graph.types import FLOATS, HALF, MERSENNE_WORDS, mersenne_generator, mersenne_state
from ..scalar import expression as ex
from ..scalar.contracts import contract
from ..scalar.integer import Poly, product
from ..scalar.lowered import Call, Operand
from .elementwise import cast
from .op import Op, Sample, as_variable, register
from .shape import as_length, broadcast_to, flatten, lengths_at_call, reshape, shape_i
from .shape_rules import Length, Lowered, Shapes, known_shape

HEADER = "graphlib_generators.h"


class Generator:
    """A state and parameters, then the lengths of what is drawn: the next state, and the numbers."""

    costly = True

    #: what a state is: its dtype and shape
    state: tuple[str, tuple[int | None, ...]] = ("int64", (MERSENNE_WORDS,))
    numbers_dtype = "int64"

    def __str__(self) -> str:
        return type(self).__name__.lower()

    def numbers_shape(self, of: Shapes, state: Variable, *rest: Variable) -> list[Length]:
        """The lengths of the numbers."""
        return [of.scalar(n) for n in rest]

    def shape_rule(self, of: Shapes, state: Variable, *rest: Variable) -> Sequence:
        return [list(of.shape(state)), self.numbers_shape(of, state, *rest)]

    def infer(self, state: Variable, *rest: Variable) -> list[TensorType]:
        return self._checked(state, *rest)

    def _checked(self, state: Variable, *rest: Variable) -> list[TensorType]:
        """The types of state and numbers.  Errors: ShapeError where the state is none."""
        if not TensorType(*self.state).accepts(state.type):
            raise ShapeError(
                f"{self}: a generator's state is {TensorType(*self.state)}, not {state.describe()}"
            )
        shape = known_shape(self, state, *rest)[1]
        return [state.type, TensorType(self.numbers_dtype, shape)]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        return [None] * len(node.inputs)

    def lowered(self, node: Apply, operands: list[Operand], require: Callable) -> list[tuple[Poly, ...]]:
        """The shapes of state and numbers; a state must have as many words as it has."""
        found = self.shape_rule(Lowered(operands, require), *node.inputs)
        state = operands[0]
        for axis, n in enumerate(self.state[1]):
            if n is not None:
                words = f"axis {axis} of a generator's state, {{0}}, has length {{a}} instead of {{b}}"
                require(state.shape[axis], Poly.of(n), words, (state.variable,))
        return [
            tuple(Poly.of(m if n is None else n) for n, m in zip(v.type.shape, shape, strict=True))
            for v, shape in zip(node.outputs, found, strict=True)
        ]


class MRG(Generator, Op):
    """Uniforms in (0, 1) by MRG31k3p (P. L'Ecuyer and R. Touzin, 2000): a state int32 (streams, 6), then
    lengths; number k by stream k % streams."""

    state = ("int32", (None, 6))

    def __init__(self, dtype: str) -> None:
        self.numbers_dtype = dtype

    def reference(self, node: Apply, state: np.ndarray, *lengths: np.ndarray) -> tuple:
        shape = lengths_at_call(node, lengths)
        total, streams = int(np.prod(shape)), len(state)
        x1, x2, x3, y1, y2, y3 = state.astype("uint64").T
        after = state.copy()
        numbers = np.empty(total, self.numbers_dtype)
        for begin in range(0, total, max(streams, 1)) if streams else ():
            x1, x2, x3 = (x2 * np.uint64(1 << 22) + x3 * np.uint64((1 << 7) + 1)) % _M1, x1, x2
            y1, y2, y3 = (y1 * np.uint64(1 << 15) + y3 * np.uint64((1 << 15) + 1)) % _M2, y1, y2
            n = min(streams, total - begin)
            number = np.where(x1 <= y1, x1 + _M1 - y1, x1 - y1)[:n].astype("int32")
            scale = _SCALES[self.numbers_dtype]
            numbers[begin : begin + n] = number.astype(self.numbers_dtype) * scale
            after[:n] = np.stack([x1, x2, x3, y1, y2, y3], axis=1)[:n]
        return after, numbers.reshape(shape)

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Call:
        state, numbers = self.lowered(node, operands, require)
        total = product(numbers)
        # of no stream there is no number
        words = "a draw from {0} needs a stream at least, and it has {a}"
        require(ex.minimum(state[0], Poly.of(1)), Poly.of(1), words, (operands[0].variable,))
        integers = (state[0], total)
        return Call(f"gl_mrg_{self.numbers_dtype}", (state, numbers), integers, (0,), HEADER)


contract(
    "gl_mrg_float32 gl_mrg_float64",
    lambda streams, n: [6 * streams, 6 * streams, n],
    lambda streams, n: [streams - 1],
)
_M1, _M2 = np.uint64(2147483647), np.uint64(2147462579)
_SCALES = {"float32": np.float32(4.6566126e-10), "float64": np.float64(4.656612873077392578125e-10)}


class Mersenne(Generator, Op):
    """Numbers by MT19937, as ``numpy.random.RandomState`` gives them: a state, two vectors of parameters,
    then lengths.

    A parameter has one element, where ``single`` says so, or one for each number. ``kind``: 'uniform' (low,
    high), 'normal' (mean, deviation), float64; 'binomial' (trials, p), 'poisson' (mean, nothing), 'integers'
    (lowest, highest), int64.
    """

    def __init__(self, kind: str, single: tuple[bool, bool]) -> None:
        self.kind = kind
        self.single = single
        self.numbers_dtype = "float64" if kind in ("uniform", "normal") else "int64"

    def parameters(self) -> tuple:
        return self.kind, self.single

    def numbers_shape(self, of: Shapes, state: Variable, *rest: Variable) -> list[Length]:
        return [of.scalar(n) for n in rest[2:]]

    def reference(self, node: Apply, state: np.ndarray, a: np.ndarray, b: np.ndarray, *lengths: Any) -> tuple:
        shape = lengths_at_call(node, lengths)
        a, b = (v[0] if one else v.reshape(shape) for v, one in zip((a, b), self.single, strict=True))
        generator = mersenne_generator(state)
        if self.kind == "poisson":
            numbers = generator.poisson(a, shape)
        elif self.kind == "integers":
            numbers = np.empty(shape, "int64")
            for place, low, high in zip(np.ndindex(*shape), *map(_each(shape), (a, b)), strict=False):
                numbers[place] = generator.randint(low, high + 1)
        else:
            numbers = getattr(generator, self.kind)(a, b, shape)
        return mersenne_state(generator), np.asarray(numbers, self.numbers_dtype).reshape(shape)

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Call:
        state, numbers = self.lowered(node, operands, require)
        total = product(numbers)
        for o, one in zip(operands[1:3], self.single, strict=True):
            words = f"a parameter of {self.kind} numbers, {{0}}, has {{a}} elements instead of {{b}}"
            require(o.shape[0], Poly.of(1) if one else total, words, (o.variable,))
        counts = (total, operands[1].shape[0], operands[2].shape[0])
        return Call(f"gl_mersenne_{self.kind}", (state, numbers), counts, (0, 1, 2), HEADER)


def _one_or_each(parameters: Poly, n: Poly) -> Poly:
    """At least 0 where there is one parameter for all numbers or one for each."""
    return Poly.of(0) if parameters == 1 else parameters - n


contract(
    " ".join(f"gl_mersenne_{kind}" for kind in ("uniform", "normal", "binomial", "poisson", "integers")),
    lambda n, first, second: [MERSENNE_WORDS, first, second, MERSENNE_WORDS, n],
    lambda n, first, second: [_one_or_each(first, n), _one_or_each(second, n)],
)


def _each(shape: Sequence[int]) -> Callable[[Any], np.ndarray]:
    return lambda v: np.broadcast_to(v, shape).reshape(-1)


class MersennePermutation(Generator, Op):
    """Orders of 0 … n - 1 by MT19937, as ``RandomState.permutation`` gives them one after the other: a state,
    then lengths, of which the last is n."""

    def reference(self, node: Apply, state: np.ndarray, *lengths: np.ndarray) -> tuple:
        *shape, n = lengths_at_call(node, lengths)
        generator = mersenne_generator(state)
        orders = np.empty((*shape, n), "int64")
        for place in np.ndindex(*shape):
            orders[place] = generator.permutation(n)
        return mersenne_state(generator), orders

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Call:
        state, orders = self.lowered(node, operands, require)
        counts = (product(orders[:-1]), orders[-1])
        return Call("gl_mersenne_permutation", (state, orders), counts, (0,), HEADER)


contract("gl_mersenne_permutation", lambda orders, n: [MERSENNE_WORDS, MERSENNE_WORDS, orders * n])


class MersenneMultinomial(Generator, Op):
    """How often each of k outcomes comes up, by MT19937, as ``RandomState.multinomial`` gives it: a state,
    int64 trials, float64 probabilities (rows, k), then the lengths in front of k.

    Trials have one element, probabilities one row, where ``single`` says so, or one for each draw.
    """

    def __init__(self, single: tuple[bool, bool]) -> None:
        self.single = single

    def numbers_shape(self, of: Shapes, state: Variable, *rest: Variable) -> list[Length]:
        return [*(of.scalar(n) for n in rest[2:]), of.shape(rest[1])[1]]

    def reference(self, node: Apply, state: np.ndarray, n: np.ndarray, p: np.ndarray, *lengths: Any) -> tuple:
        shape = lengths_at_call(node, lengths)
        generator = mersenne_generator(state)
        rows = int(np.prod(shape))
        numbers = np.empty((rows, p.shape[1]), "int64")
        for k in range(rows):
            trials, row = (v[0 if one else k] for v, one in zip((n, p), self.single, strict=True))
            numbers[k] = generator.multinomial(trials, row)
        return mersenne_state(generator), numbers.reshape(*shape, p.shape[1])

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Call:
        state, numbers = self.lowered(node, operands, require)
        rows = product(numbers[:-1])
        for o, one in zip(operands[1:3], self.single, strict=True):
            words = "a parameter of multinomial numbers, {0}, has {a} rows instead of {b}"
            require(o.shape[0], Poly.of(1) if one else rows, words, (o.variable,))
        counts = (rows, operands[1].shape[0], operands[2].shape[0], numbers[-1])
        return Call("gl_mersenne_multinomial", (state, numbers), counts, (0, 1, 2), HEADER)


contract(
    "gl_mersenne_multinomial",
    lambda rows, trials, p, k: [MERSENNE_WORDS, trials, p * k, MERSENNE_WORDS, rows * k],
    lambda rows, trials, p, k: [_one_or_each(trials, rows), _one_or_each(p, rows)],
)


class MersenneChoice(Generator, Op):
    """Different numbers below k by MT19937, as ``RandomState.choice(k, n, False, p)`` finds them: a state,
    float64 probabilities (k,), then n.

    Two more outputs are what is left of the probabilities, and their sums.
    """

    def shape_rule(self, of: Shapes, state: Variable, *rest: Variable) -> Sequence:
        p, n = rest
        return [list(of.shape(state)), [of.scalar(n)], list(of.shape(p)), list(of.shape(p))]

    def infer(self, state: Variable, *rest: Variable) -> list[TensorType]:
        state_type, numbers = self._checked(state, *rest)
        return [state_type, numbers, rest[0].type, rest[0].type]

    def reference(self, node: Apply, state: np.ndarray, p: np.ndarray, n: np.ndarray) -> tuple:
        generator = mersenne_generator(state)
        found: list[int] = []
        left, limits = p.copy(), np.zeros_like(p)
        possible = int((p > 0).sum())
        while len(found) < min(int(n), possible):
            limits = left.cumsum()
            for k in np.searchsorted(
                limits / limits[-1], generator.random_sample(int(n) - len(found)), "right"
            ):
                if left[k]:
                    found.append(int(k))
                    left[k] = 0
        numbers = np.full(int(n), -1, "int64")
        numbers[: len(found)] = found
        return mersenne_state(generator), numbers, left, limits

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Call:
        shapes = self.lowered(node, operands, require)
        return Call("gl_mersenne_choice", tuple(shapes), (shapes[1][0], shapes[2][0]), (0, 1), HEADER)


contract("gl_mersenne_choice", lambda n, k: [MERSENNE_WORDS, k, MERSENNE_WORDS, n, k, k])


def mersenne_choice(state: Any, p: Any, n: Any) -> list[Variable]:
    """The state that follows, and n different numbers below the length of the probabilities p, of a state of
    MT19937; -1 where there are fewer that are possible."""
    p = cast(as_variable(p), "float64")
    return MersenneChoice().make(as_variable(state), p, as_length(n, "how many are chosen"))[:2]


def mrg(state: Any, *shape: Any, dtype: str = "float32") -> list[Variable]:
    """The state that follows, and uniforms in (0, 1) of a state int32 (streams, 6) of MRG31k3p."""
    if dtype == HALF:
        new, numbers = mrg(state, *shape)
        return [new, cast(numbers, HALF)]
    if dtype not in FLOATS:
        raise DTypeError(f"MRG31k3p draws floats, not {dtype}")
    return MRG(dtype).make(as_variable(state), *_lengths(shape))


def mersenne(state: Any, kind: str, first: Any, second: Any, shape: Sequence[Any]) -> list[Variable]:
    """The state that follows, and numbers of a state of MT19937 as ``numpy.random.RandomState`` has it.

    first, second: the parameters of ``kind`` (see ``Mersenne``), scalars or broadcast to ``shape``.
    """
    lengths = _lengths(shape)
    dtypes = {"binomial": ("int64", "float64"), "integers": ("int64", "int64")}
    given, single = [], []
    for v, dtype in zip((first, second), dtypes.get(kind, ("float64", "float64")), strict=True):
        v = cast(as_variable(v), dtype)
        one = all(n == 1 for n in v.type.shape)
        given.append(reshape(v, (1,)) if one else flatten(broadcast_to(v, lengths)))
        single.append(one)
    return Mersenne(kind, (single[0], single[1])).make(as_variable(state), *given, *lengths)


def mersenne_permutation(state: Any, shape: Sequence[Any], n: Any) -> list[Variable]:
    """The state that follows, and orders of 0 … n - 1, int64 (*shape, n), of a state of MT19937."""
    return MersennePermutation().make(as_variable(state), *_lengths((*shape, n)))


def mersenne_multinomial(state: Any, trials: Any, p: Any, shape: Sequence[Any]) -> list[Variable]:
    """The state that follows, and how often each of k outcomes comes up, int64 (*shape, k), of a state of
    MT19937; trials and probabilities (…, k) are broadcast to ``shape``."""
    lengths = _lengths(shape)
    trials, p = cast(as_variable(trials), "int64"), cast(as_variable(p), "float64")
    k = shape_i(p, p.ndim - 1)
    single = all(n == 1 for n in trials.type.shape), all(n == 1 for n in p.type.shape[:-1])
    trials = reshape(trials, (1,)) if single[0] else flatten(broadcast_to(trials, lengths))
    p = reshape(p, (1, k), ndim=2) if single[1] else reshape(broadcast_to(p, [*lengths, k]), (-1, k), ndim=2)
    return MersenneMultinomial(single).make(as_variable(state), trials, p, *lengths)


def _lengths(shape: Sequence[Any]) -> list[Variable]:
    return [as_length(n, "a length of the shape") for n in shape]


_STREAMS = np.random.RandomState(3).randint(1, 2**31 - 25000, (5, 6)).astype("int32")
_STATE = mersenne_state(np.random.RandomState(11))


def _mrg_samples() -> list[Sample]:
    shapes = [(7, 5), (), (3, 0), (131,), (2, 3, 64)]
    return [
        Sample(lambda s, n=n, d=d: mrg(s, *n, dtype=d), (_STREAMS,), ("int32",), False)
        for n in shapes
        for d in FLOATS
    ]


def _mersenne_samples() -> list[Sample]:
    p = np.array([[0.0, 0.2, 0.5], [0.7, 0.999, 1.0]])
    kinds: list[tuple[str, Any, Any, tuple]] = [
        ("uniform", -1.5, 2.5, (400, 2)),
        ("uniform", p, p + 1, (2, 3)),
        ("normal", 1.0, 2.0, (7,)),
        ("normal", p, p + 1, (2, 3)),
        ("binomial", 1, 0.3, (60,)),
        ("binomial", 20, p, (2, 3)),
        ("binomial", 100, 0.45, (60,)),
        ("binomial", 2000000, 0.4, (9,)),
        ("poisson", 3.0, 0.0, (30,)),
        ("poisson", 40.0, 0.0, (30,)),
        ("integers", -3, 5, (4, 5)),
        ("integers", 0, 2**40, (4,)),
        ("uniform", 0.0, 1.0, (0, 3)),
        ("uniform", 0.0, 1.0, ()),
    ]
    return [
        Sample(lambda s, k=k, a=a, b=b, n=n: mersenne(s, k, a, b, n), (_STATE,), ("int64",), False)
        for k, a, b, n in kinds
    ]


register("mrg", mrg, _mrg_samples)
register("mersenne", mersenne, _mersenne_samples)
register(
    "mersenne_permutation",
    mersenne_permutation,
    lambda: [
        Sample(lambda s, n=n, m=m: mersenne_permutation(s, n, m), (_STATE,), ("int64",), False)
        for n, m in (((), 9), ((2, 3), 5), ((2,), 0), ((0,), 4))
    ],
)
_P = np.array([[0.2, 0.3, 0.5], [0.0, 0.9, 0.1]])
register(
    "mersenne_choice",
    mersenne_choice,
    lambda: [
        Sample(lambda s, p=p, n=n: mersenne_choice(s, p, n), (_STATE,), ("int64",), False)
        for p, n in ((np.arange(9) / 36, 7), (np.array([0.5, 0.0, 0.5]), 3), (np.array([1.0]), 0))
    ],
)
register(
    "mersenne_multinomial",
    mersenne_multinomial,
    lambda: [
        Sample(lambda s, t=t, p=p, n=n: mersenne_multinomial(s, t, p, n), (_STATE,), ("int64",), False)
        for t, p, n in ((1, _P[0], (6,)), (np.array([5, 90]), _P, (2,)), (3, _P, (4, 2)), (3, _P[1], ()))
    ],
)
