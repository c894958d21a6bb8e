"""Random draws: numbers that are a function of a stream's state and of the element's index alone.

Philox4x32-10 (J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) encrypts a counter,
so any element can be computed by itself: inside whichever kernel uses it, in any order, on any device,
always with the same result.  A state is an int64 vector (seed, stream, draw): the key is (seed, stream),
the counter (number of the block of four words, 64 bits; draw, 64 bits).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..configuration import config
from ..errors import DTypeError, ShapeError
from ..graph import Apply, TensorType, Variable
from ..graph.types import FLOATS, HALF, dtype_name
from ..scalar import expression as ex
from ..scalar.functions import COSTLY, INTEGER, define
from ..scalar.integer import Poly, flat_index
from ..scalar.lowered import Operand, Pull
from .elementwise import cast, floor
from .op import Op, Sample, as_variable, register
from .shape import as_length, lengths_at_call
from .shape_rules import Length, Shapes, known_shape, lowered_shape

_MULTIPLIERS = 0xD2511F53, 0xCD9E8D57
_WEYL = 0x9E3779B9, 0xBB67AE85
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def philox4x32(counter: tuple, key: tuple) -> tuple[np.ndarray, ...]:
    """Ten rounds of Philox4x32: four 32-bit words (in uint64 arrays) from four of a counter and two of a
    key."""
    c0, c1, c2, c3 = (np.asarray(c, "uint64") for c in counter)
    k0, k1 = (np.asarray(k, "uint64") for k in key)
    for _ in range(10):
        p0, p1 = c0 * np.uint64(_MULTIPLIERS[0]), c2 * np.uint64(_MULTIPLIERS[1])
        c0, c1, c2, c3 = (p1 >> _HALF) ^ c1 ^ k0, p1 & _LOW, (p0 >> _HALF) ^ c3 ^ k1, p0 & _LOW
        k0, k1 = (k0 + np.uint64(_WEYL[0])) & _LOW, (k1 + np.uint64(_WEYL[1])) & _LOW
    return c0, c1, c2, c3


def words(state: np.ndarray, blocks: int) -> np.ndarray:
    """The first ``blocks`` blocks of four words of a draw: uint64 (blocks, 4), each below 2**32."""
    seed, stream, draw = state.astype("uint64")
    number = np.arange(blocks, dtype="uint64")
    counter = (number & _LOW, number >> _HALF, draw & _LOW, draw >> _HALF)
    return np.stack(np.broadcast_arrays(*philox4x32(counter, (seed & _LOW, stream & _LOW))), axis=-1)


def _uniform_float32(state: np.ndarray, n: int) -> np.ndarray:
    bits = words(state, -(-n // 4)).reshape(-1)[:n]
    return (bits >> np.uint64(8)).astype("float32") * np.float32(2.0**-24)


def _uniform_float64(state: np.ndarray, n: int) -> np.ndarray:
    pairs = words(state, -(-n // 2)).reshape(-1, 2)[:n]
    return ((pairs[:, 0] | pairs[:, 1] << _HALF) >> np.uint64(11)).astype("float64") * 2.0**-53


def _box_muller(radius: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Two normal numbers of each pair (G. Box and M. Muller 1958): r cos(2πt), and r sin as the cosine a
    quarter turn before."""
    real = radius.dtype.type
    turns = np.stack([turn, turn - real(0.25)], axis=-1)
    r = np.sqrt(real(-2) * np.log(radius))[:, None]
    return (r * np.cos(real(2 * np.pi) * turns)).reshape(-1)


def _normal_float32(state: np.ndarray, n: int) -> np.ndarray:
    pairs = words(state, -(-n // 4)).reshape(-1, 2)
    radius = (pairs[:, 0].astype("float32") + np.float32(0.5)) * np.float32(2.0**-32)
    turn = (pairs[:, 1] >> np.uint64(8)).astype("float32") * np.float32(2.0**-24)
    return _box_muller(radius, turn)[:n]


def _normal_float64(state: np.ndarray, n: int) -> np.ndarray:
    uniform = _uniform_float64(state, n + n % 2).reshape(-1, 2)
    return _box_muller(uniform[:, 0] + 2.0**-54, uniform[:, 1])[:n]


_REFERENCE = {
    ("uniform", "float32"): _uniform_float32,
    ("uniform", "float64"): _uniform_float64,
    ("normal", "float32"): _normal_float32,
    ("normal", "float64"): _normal_float64,
}


class Draw(Op):
    """Numbers of one distribution, 'uniform' in [0, 1) or standard 'normal': a state, then the lengths.

    A float32 uniform is 24 bits of a word, a float64 one 53 bits of two.  A normal number takes the
    uniforms of its pair.
    """

    def __init__(self, distribution: str, dtype: str) -> None:
        self.distribution = distribution
        self.dtype = dtype

    def shape_rule(self, of: Shapes, state: Variable, *lengths: Variable) -> Sequence[Length]:
        return [of.scalar(n) for n in lengths]

    def infer(self, state: Variable, *lengths: Variable) -> list[TensorType]:
        if state.dtype != "int64" or state.ndim != 1 or state.type.shape[0] not in (3, None):
            raise ShapeError(
                f"the state of a random draw is an int64 vector (seed, stream, draw), not {state.describe()}"
            )
        return [TensorType(self.dtype, known_shape(self, state, *lengths))]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        return [None] * len(node.inputs)

    def reference(self, node: Apply, state: np.ndarray, *lengths: np.ndarray) -> np.ndarray:
        shape = lengths_at_call(node, lengths)
        numbers = _REFERENCE[self.distribution, self.dtype](state, int(np.prod(shape)))
        return numbers.astype(self.dtype).reshape(shape)

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Pull:
        state, *_ = operands
        shape = lowered_shape(node, operands, require)
        words = "the state of a random draw is (seed, stream, draw), and {0} has length {a}"
        require(state.shape[0], Poly.of(3), words, (state.variable,))
        parts = [state.at(k) for k in range(3)]

        def at(*index: Poly) -> ex.Expr:
            position = ex.integer(flat_index(index, shape))
            return ex.apply(f"random_{self.distribution}", self.dtype, *parts, position)

        return Pull(shape, at)


def _draw(distribution: str, doc: str) -> Callable[..., Variable]:
    def draw(state: Any, *shape: Any, dtype: Any = None) -> Variable:
        dtype = dtype_name(dtype or config.floatX)
        if dtype not in (HALF, *FLOATS):
            raise DTypeError(f"T.random_{distribution} draws floats, not {dtype}")
        lengths = [as_length(n, "a length of the shape") for n in shape]
        if dtype == HALF:
            numbers = Draw(distribution, "float32").make(as_variable(state), *lengths)
            # not rounded to 1, which is no number below 1
            return cast(floor(numbers * 2**11) * 2**-11 if distribution == "uniform" else numbers, HALF)
        return Draw(distribution, dtype).make(as_variable(state), *lengths)

    draw.__name__, draw.__doc__ = f"random_{distribution}", doc
    return draw


# the three parts of the state and the number's place: what each element is in the scalar language
for _name in ("random_uniform", "random_normal"):
    define(_name, 4, (INTEGER,), text=f"gl_{_name}_{{r}}({{0}}, {{1}}, {{2}}, {{3}})", cost=COSTLY)

random_uniform = _draw("uniform", "Uniform numbers in [0, 1) of a stream's state (seed, stream, draw).")
random_normal = _draw("normal", "Standard normal numbers of a stream's state (seed, stream, draw).")


def _samples(build: Callable) -> Callable[[], list[Sample]]:
    state = np.array([12345, 6, 7])

    def samples() -> list[Sample]:
        shapes = [(7, 5), (), (3, 0), (131,), (2, 3, 64)]
        return [
            Sample(lambda s, n=n, d=d: build(s, *n, dtype=d), (state,), ("int64",), False)
            for n in shapes
            for d in FLOATS
        ] + [Sample(lambda s, n: build(s, n, 3), (state, np.array(9)), ("int64",), False)]

    return samples


register(
    "random_uniform",
    random_uniform,
    _samples(random_uniform),
)
register(
    "random_normal",
    random_normal,
    _samples(random_normal),
)
