"""Random streams whose numbers are, seed for seed, those of Theano 1.0.5: of NumPy's MT19937, of MRG31k3p.

They are for old programs' results digit for digit. ``graphlib.tensor.random`` has graphlib's own streams,
which are faster: their numbers need no order.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..control.scan import scan
from ..errors import InputError, ShapeError
from ..graph import Constant, Shared, Variable
from ..graph.shared import shared
from ..graph.types import dtype_name, mersenne_generator
from ..ops import elementwise as ew
from ..ops.along_axis import cumsum
from ..ops.create import arange, zeros_like
from ..ops.generators import mrg
from ..ops.index import index
from ..ops.join import concatenate
from ..ops.op import as_variable
from ..ops.reduce import prod
from ..ops.reduce import sum as sum_
from ..ops.shape import dimshuffle, reshape, shape_of
from ..ops.write import set_subtensor
from . import raw_random
from .raw_random import floating, parameter

__all__ = ["MRGStreams", "MersenneStreams"]

_SEEDS = 2**30


def _draw(function: Callable) -> Callable[..., Variable]:
    """A function of ``raw_random`` as a method of streams, which have the state."""

    def method(self: MersenneStreams, *arguments: Any, **named: Any) -> Variable:
        return self.gen(function, *arguments, **named)

    method.__name__, method.__doc__ = function.__name__, function.__doc__
    _, *own = inspect.signature(function).parameters.values()
    own = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY), *own]
    method.__signature__ = inspect.Signature(own, return_annotation="Variable")  # type: ignore[attr-defined]
    return method


class MersenneStreams:
    """``theano.tensor.shared_randomstreams.RandomStreams``: each draw has a ``numpy.random.RandomState`` of
    its own, whose seed follows from that of the streams, and gives what that gives.

    Arguments as in ``graphlib.tensor.raw_random``. A draw's state is a shared variable, int64 (627,), that
    functions update without being told; ``set_value`` takes a RandomState. seed: as RandomState's.
    """

    def __init__(self, seed: int | None = None) -> None:
        self.default_instance_seed = seed
        self.state_updates: list[tuple[Shared, Variable]] = []
        self.gen_seedgen = np.random.RandomState(seed)

    def updates(self) -> list[tuple[Shared, Variable]]:
        """(state, its next value) for each draw, as functions apply them by themselves."""
        return list(self.state_updates)

    def seed(self, seed: int | None = None) -> None:
        """Start again from ``seed`` (None: the one that the streams were made with), the draws so far too."""
        seeds = np.random.RandomState(self.default_instance_seed if seed is None else seed)
        for state, _ in self.state_updates:
            state.set_value(np.random.RandomState(int(seeds.randint(_SEEDS))))

    def __getitem__(self, state: Shared) -> np.random.RandomState:
        """The generator of a draw's state, a copy."""
        return mersenne_generator(state.get_value())

    def __setitem__(self, state: Shared, generator: np.random.RandomState) -> None:
        state.set_value(generator)

    def gen(self, draw: Callable, *args: Any, **keywords: Any) -> Variable:
        """A draw by a function of ``raw_random``, from a new state."""
        seed = int(self.gen_seedgen.randint(_SEEDS))
        state = shared(np.random.RandomState(seed), name=f"random_state_{len(self.state_updates)}")
        after, numbers = draw(state, *args, **keywords)
        state.default_update = after
        self.state_updates.append((state, after))
        return numbers

    uniform = _draw(raw_random.uniform)
    normal = _draw(raw_random.normal)
    binomial = _draw(raw_random.binomial)
    random_integers = _draw(raw_random.random_integers)
    choice = _draw(raw_random.choice)
    poisson = _draw(raw_random.poisson)
    permutation = _draw(raw_random.permutation)
    multinomial = _draw(raw_random.multinomial)

    def shuffle_row_elements(self, input: Any) -> Variable:
        """``input`` with the elements of each row (the last axis) in a random order of its own."""
        x = as_variable(input)
        if x.ndim == 0:
            raise ShapeError(f"shuffle_row_elements needs at least a vector, got {x.describe()}")
        *lead, n = shape_of(x)
        return raw_random.permute_row_elements(x, self.permutation(tuple(lead), n, x.ndim - 1))


# MRG31k3p

_M1, _M2 = 2147483647, 2147462579
#: most streams of a draw whose size is not known, and of any
_MOST_STREAMS = 60 * 256
#: one step of each half of the words
_STEPS = (
    (np.array([[0, 1 << 22, (1 << 7) + 1], [1, 0, 0], [0, 1, 0]], object), _M1),
    (np.array([[1 << 15, 0, (1 << 15) + 1], [1, 0, 0], [0, 1, 0]], object), _M2),
)


def _jump(steps: int) -> list[np.ndarray]:
    """The two matrices of a number of steps, a power of 2."""
    found = []
    for matrix, m in _STEPS:
        for _ in range(steps.bit_length() - 1):
            matrix = matrix.dot(matrix) % m
        found.append(matrix.astype("int64"))
    return found


def _moved(words: np.ndarray, jump: list[np.ndarray]) -> np.ndarray:
    """The words (streams, 6) after the steps of a jump."""
    parts = []
    for half, (matrix, m) in enumerate(zip(jump, (_M1, _M2), strict=True)):
        old = words[:, 3 * half : 3 * half + 3].astype("int64")
        parts.append(sum(old[:, [k]] * matrix[:, k] % m for k in range(3)) % m)
    return np.concatenate(parts, axis=1).astype("int32")


def _streams(first: np.ndarray, count: int) -> np.ndarray:
    """So many streams, 2**72 steps apart, int32 (count, 6)."""
    words, jump = first.reshape(1, 6), _jump(2**72)
    while len(words) < count:
        words = np.concatenate([words, _moved(words, jump)])
        jump = [
            (matrix.astype(object).dot(matrix.astype(object)) % m).astype("int64")
            for matrix, m in zip(jump, (_M1, _M2), strict=True)
        ]
    return words[:count]


class MRGStreams:
    """``theano.sandbox.rng_mrg.MRG_RandomStreams``: MRG31k3p (P. L'Ecuyer and R. Touzin, 2000), of which a
    draw takes many streams side by side (P. L'Ecuyer et al., "An object-oriented random-number package with
    many long streams and substreams", 2002).

    seed: a number, or six, of which the first three are less than 2**31 - 1, the others less than
    2**31 - 21069, and neither all 0. nstreams of a draw: how many; by default as many as Theano took, which
    depends on whether the size is numbers. The numbers depend on it.
    """

    def __init__(self, seed: Any = 12345, use_cuda: Any = None) -> None:
        self.default_instance_seed = seed
        self.state_updates: list[tuple[Shared, Variable, Any, int | None]] = []
        self.set_rstate(seed)

    def updates(self) -> list[tuple]:
        """(state, its next value, size, nstreams) for each draw; functions apply them by themselves."""
        return list(self.state_updates)

    def set_rstate(self, seed: Any) -> None:
        """The state that the next draw begins with."""
        whole = isinstance(seed, int) and not isinstance(seed, bool)
        words = [seed] * 6 if whole else list(seed)
        if len(words) != 6:
            raise InputError(f"a seed is a number or six numbers, not {seed!r}")
        if not any(words[:3]) or not any(words[3:]):
            raise ValueError(f"a seed's first three numbers, or last three, cannot be all 0: {seed!r}")
        if max(words[:3]) >= _M1 or max(words[3:]) >= _M2:
            raise ValueError(
                f"a seed must be less than {_M2}, the first three of six less than {_M1}: {seed!r}"
            )
        self.rstate = np.array(words, "int32")

    def seed(self, seed: Any = None) -> None:
        """Start again from ``seed`` (None: the one that the streams were made with), the draws so far too."""
        self.set_rstate(self.default_instance_seed if seed is None else seed)
        for state, _, size, nstreams in self.state_updates:
            state.set_value(self.get_substream_rstates(nstreams or self.n_streams(size)))

    def inc_rstate(self) -> None:
        """Go on by 2**134 steps, to where the next draw's streams begin."""
        self.rstate = _moved(self.rstate.reshape(1, 6), _jump(2**134))[0]

    def get_substream_rstates(self, n_streams: int, dtype: Any = None, inc_rstate: bool = True) -> np.ndarray:
        """The states of so many streams, int32 (n_streams, 6)."""
        words = _streams(self.rstate, int(n_streams))
        if inc_rstate:
            self.inc_rstate()
        return words

    def n_streams(self, size: Any) -> int:
        """How many streams a draw of a size has."""
        if isinstance(size, (list, tuple)) and all(isinstance(n, int) for n in size):
            total = math.prod(size)
            return min(total // 6 if total > 6 else total, _MOST_STREAMS)
        return _MOST_STREAMS

    def _unit(self, size: Any, ndim: int | None, dtype: str, nstreams: int | None) -> Variable:
        """Uniforms in (0, 1)."""
        whole = (int, np.integer)
        if not isinstance(size, tuple) and not (isinstance(size, Variable) and size.ndim == 1):
            raise InputError(f"size must be a tuple of lengths or a symbolic vector, not {size!r}")
        if isinstance(size, tuple) and any(isinstance(n, whole) and n <= 0 for n in size):
            raise ValueError(f"a length of the size {size} is not positive")
        words = self.get_substream_rstates(nstreams or self.n_streams(size))
        state = shared(words, name=f"mrg_state_{len(self.state_updates)}", shape=words.shape)
        after, numbers = mrg(state, *raw_random.lengths_of(size, ndim), dtype=dtype)
        state.default_update = after
        self.state_updates.append((state, after, size, nstreams))
        return numbers

    def uniform(
        self,
        size: Any,
        low: Any = 0.0,
        high: Any = 1.0,
        ndim: int | None = None,
        dtype: Any = None,
        nstreams: int | None = None,
        target: Any = None,
    ) -> Variable:
        """Uniform in (low, high)."""
        low, high = parameter(low), parameter(high)
        dtype = floating(dtype, low, high)
        low, high = ew.cast(low, dtype), ew.cast(high, dtype)
        u = self._unit(size, ndim, dtype, nstreams)
        plain = isinstance(low, Constant) and isinstance(high, Constant)
        if plain and low.ndim == high.ndim == 0 and low.data == 0 and high.data == 1:
            return u
        return u * (high - low) + low

    def binomial(
        self,
        size: Any = None,
        n: Any = 1,
        p: Any = 0.5,
        ndim: int | None = None,
        dtype: Any = "int64",
        nstreams: int | None = None,
        target: Any = None,
    ) -> Variable:
        """1 with probability ``p``, else 0."""
        if isinstance(n, Variable) or n != 1:
            raise NotImplementedError("MRG_RandomStreams.binomial has n=1 only, as in Theano")
        u = self.uniform(size, nstreams=nstreams)
        return ew.cast(ew.lt(u, parameter(p)), dtype_name(dtype))

    def multinomial(
        self,
        size: Any = None,
        n: Any = 1,
        pvals: Any = None,
        ndim: int | None = None,
        dtype: Any = "int64",
        nstreams: int | None = None,
        target: Any = None,
    ) -> Variable:
        """How often each of k outcomes comes up in ``n`` trials, for each row of ``pvals``."""
        if pvals is None:
            raise InputError("MRG_RandomStreams.multinomial needs pvals")
        if size is not None or ndim is not None:
            raise ValueError("MRG_RandomStreams.multinomial takes neither size nor ndim: pvals has the shape")
        pvals = parameter(pvals)
        if pvals.ndim != 2:
            raise NotImplementedError(f"pvals must be a matrix, not {pvals.describe()}")
        u = self._for_rows(pvals, n, nstreams)
        limits = cumsum(ew.cast(pvals, "float64"), axis=1)
        above = ew.cast(ew.gt(dimshuffle(limits, "x", 0, 1), dimshuffle(u, 0, 1, "x")), "int64")
        first = above - concatenate([zeros_like(above[:, :, :1]), above[:, :, :-1]], axis=2)
        return ew.cast(sum_(first, axis=0), pvals.dtype if dtype == "auto" else dtype_name(dtype))

    def _for_rows(self, pvals: Variable, n: Any, nstreams: int | None) -> Variable:
        """Uniforms (n, rows): as Theano draws them, whose size is symbolic."""
        rows, n = pvals.shape[0], as_variable(n)
        u = self.uniform((rows * n,), nstreams=nstreams)
        return reshape(u, (n, rows), ndim=2)

    def choice(
        self,
        size: Any = 1,
        a: Any = None,
        replace: bool = True,
        p: Any = None,
        ndim: int | None = None,
        dtype: Any = "int64",
        nstreams: int | None = None,
        target: Any = None,
    ) -> Variable:
        """``size`` different outcomes for each row of the probabilities ``p``, (rows, size)."""
        if replace:
            raise NotImplementedError("MRG_RandomStreams.choice has replace=False only, as in Theano")
        if a is not None or p is None:
            raise InputError("MRG_RandomStreams.choice: pass p, and no a")
        if ndim is not None:
            raise ValueError("MRG_RandomStreams.choice takes no ndim: p has the shape")
        p = parameter(p)
        if p.ndim != 2:
            raise NotImplementedError(f"p must be a matrix, not {p.describe()}")
        u = self._for_rows(p, size, nstreams)
        rows = arange(p.shape[0])

        def step(u: Variable, left: Variable) -> list[Variable]:
            limits = cumsum(ew.cast(left, "float64"), axis=1)
            below = ew.le(limits, dimshuffle(u, 0, "x"))
            chosen = ew.minimum(sum_(ew.cast(below, "int64"), axis=1), as_variable(left.shape[1]) - 1)
            left = set_subtensor(left[rows, chosen], 0)
            return [chosen, left / sum_(left, axis=1, keepdims=True)]

        (chosen, _), _ = scan(step, u, [None, p])
        return ew.cast(dimshuffle(chosen, 1, 0), dtype_name("int64" if dtype == "auto" else dtype))

    def multinomial_wo_replacement(
        self,
        size: Any = None,
        n: Any = 1,
        pvals: Any = None,
        ndim: int | None = None,
        dtype: Any = "int64",
        nstreams: int | None = None,
        target: Any = None,
    ) -> Variable:
        """The old name of ``choice``."""
        return self.choice(n, None, False, pvals, ndim, dtype, nstreams)

    def normal(
        self,
        size: Any,
        avg: Any = 0.0,
        std: Any = 1.0,
        ndim: int | None = None,
        dtype: Any = None,
        nstreams: int | None = None,
        truncate: bool = False,
        target: Any = None,
    ) -> Variable:
        """Normal, by Box and Muller's transformation of two halves of uniforms; ``truncate``: within two
        deviations of 0."""
        avg, std = parameter(avg), parameter(std)
        dtype = floating(dtype, avg, std)
        lengths = _lengths_for_normal(size, ndim)
        total = prod(as_variable([ew.cast(as_variable(n), "int64") for n in lengths])) if lengths else 1
        total = ew.cast(as_variable(total), "int64")
        half = (total + total % 2) // 2
        uniform = self.uniform((half * 2,), 0.0, 1.0, 1, dtype, nstreams)
        u, turn = uniform[:half], uniform[half:]
        radius = ew.sqrt(-2.0 * ew.log(u))
        angle = np.array(2.0 * np.pi, dtype) * turn
        sides = [ew.cos(angle), ew.sin(angle)]
        z = [radius * side for side in sides]
        if truncate:
            z = self._within_two(z, sides, dtype, nstreams)
        samples = reshape(concatenate(z)[:total], lengths, ndim=len(lengths))
        return samples * ew.cast(std, dtype) + ew.cast(avg, dtype)

    def _within_two(
        self, z: list[Variable], sides: list[Variable], dtype: str, nstreams: int | None
    ) -> list[Variable]:
        """Of each half what is within two deviations, then for the others numbers that are."""
        beyond = [ew.or_(ew.lt(v, -2.0), ew.gt(v, 2.0)) for v in z]
        places = [b.nonzero()[0] for b in beyond]
        counts = [p.shape[0] for p in places]
        low = np.array(1.0 / np.e**2, dtype)
        u = self.uniform((counts[0] + counts[1],), low, 1.0, 1, dtype, nstreams)
        radius = ew.sqrt(-2.0 * ew.log(u))
        radii = [radius[: counts[0]], radius[counts[0] :]]
        return [
            part
            for v, b, p, side, r in zip(z, beyond, places, sides, radii, strict=True)
            for part in (v[ew.invert(b).nonzero()], r * index(side, p))
        ]

    def truncated_normal(
        self,
        size: Any,
        avg: Any = 0.0,
        std: Any = 1.0,
        ndim: int | None = None,
        dtype: Any = None,
        nstreams: int | None = None,
        target: Any = None,
    ) -> Variable:
        """Normal within two of its deviations, so scaled that ``std`` is its own."""
        std = parameter(std)
        # of a standard normal number between -2 and 2
        std = std / np.array(0.87962566103423978, floating(None, std))
        return self.normal(size, avg, std, ndim, dtype, nstreams, truncate=True)


def _lengths_for_normal(size: Any, ndim: int | None) -> list:
    if isinstance(size, Variable) and size.ndim > 1:
        raise ValueError(f"size must be lengths, not {size.describe()}")
    if isinstance(size, (int, np.integer)) or (isinstance(size, Variable) and size.ndim == 0):
        size = (size,)
    if isinstance(size, (list, tuple)):
        for n in size:
            if isinstance(n, (int, np.integer)) and n <= 0:
                raise ValueError(f"a length of the size {size} is not positive")
        return list(size)
    if not isinstance(size, Variable):
        raise ValueError(f"size must be a number, a tuple, a list or a variable, not {size!r}")
    return raw_random.lengths_of(size, ndim)
