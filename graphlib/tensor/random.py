"""Random streams: draws whose numbers are computed inside the kernel that uses them, the same on every
device.

Every draw that a stream makes is a stream of its own, so that draws never overlap, and goes on by itself from
one call of a function to the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..configuration import config
from ..errors import DTypeError, InputError, ShapeError
from ..graph import Constant, Shared, Variable
from ..graph.shared import shared
from ..graph.types import dtype_name, promote
from ..ops import elementwise as ew
from ..ops.along_axis import argsort, cumsum
from ..ops.create import arange
from ..ops.index import index
from ..ops.op import as_variable
from ..ops.random import random_normal, random_uniform
from ..ops.reduce import sum as sum_
from ..ops.shape import dimshuffle, reshape, shape_argument, shape_of
from ..ops.valid import valid

_SEEDS = 2**32


class RandomStreams:
    """A source of random variables.

    ``rng = RandomStreams(1234); u = rng.uniform((2, 3))``: each compiled function that uses ``u`` draws new
    numbers at each call.  A draw has a shared state, the int64 vector (seed, number of the draw among
    those of ``rng``, how often it was drawn), which the function updates without being told
    (``no_default_updates`` of ``function`` prevents it).

    ``size`` of a draw is a tuple of numbers or of symbolic lengths, a symbolic vector, or None: the shape
    that the parameters have together. ``dtype`` is config.floatX for continuous distributions and int64 for
    the others.

    The numbers are Philox4x32-10's (see ``graphlib.ops.random``).  seed: 0 ≤ seed < 2**32.

    Errors: DomainError at the call for what no distribution has, as a probability of 1.5 or NaN, or a
    negative standard deviation; at once where it is a number.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._states: list[Shared] = []
        #: the number of the next draw, where it was made before
        self._next: int | None = None
        self.seed(seed)

    def seed(self, seed: int | None = None) -> None:
        """Start again from ``seed`` (None: a number from the operating system), the draws made so far too."""
        if seed is None:
            seed = int(np.random.SeedSequence().generate_state(1)[0])
        seed = int(seed)
        if not 0 <= seed < _SEEDS:
            raise InputError(f"a seed is a number from 0 to 2**32 - 1, not {seed}")
        self._seed = seed
        self.set_state(np.array([(seed, k, 0) for k in range(len(self._states))], "int64").reshape(-1, 3))

    @property
    def states(self) -> list[Shared]:
        """The shared state of each draw, in the order in which they were made."""
        return list(self._states)

    @property
    def state_updates(self) -> list[tuple[Shared, Variable]]:
        """(state, its next value) for each draw, as ``function`` applies them by itself."""
        return [(state, state.default_update) for state in self._states]

    def updates(self) -> list[tuple[Shared, Variable]]:
        """Theano's name of ``state_updates``."""
        return self.state_updates

    def get_state(self) -> np.ndarray:
        """All draws' states, int64 (draws, 3), for a checkpoint."""
        return np.array([state.get_value() for state in self._states], "int64").reshape(-1, 3)

    def set_state(self, states: np.ndarray) -> None:
        """Continue from what ``get_state`` returned, in a program that made the same draws."""
        states = np.asarray(states)
        if states.shape != (len(self._states), 3) or states.dtype.kind != "i":
            raise InputError(
                f"the state of {len(self._states)} draws is an integer array of shape "
                f"{(len(self._states), 3)}, not {states.dtype} of shape {states.shape}"
            )
        for state, value in zip(self._states, states, strict=True):
            state.set_value(np.array(value, "int64"))

    @contextmanager
    def again(self, first: int) -> Iterator[None]:
        """What is drawn in the block are the draws from number ``first`` on once more, of another graph."""
        self._next = first
        try:
            yield
        finally:
            self._next = None

    def _state(self) -> Shared:
        k = len(self._states)
        if self._next is not None and self._next < k:
            self._next += 1
            return self._states[self._next - 1]
        state = shared(np.array([self._seed, k, 0]), name=f"random_state_{k}", shape=(3,))
        state.default_update = state + np.array([0, 0, 1])
        self._states.append(state)
        return state

    def _unit(self, shape: list, dtype: str | None = None) -> Variable:
        """Uniforms in [0, 1) to compare with, of floatX if that is float32 or more."""
        return random_uniform(self._state(), *shape, dtype=dtype or promote([config.floatX, "float32"]))

    # distributions

    def uniform(
        self, size: Any = None, low: Any = 0.0, high: Any = 1.0, ndim: int | None = None, dtype: Any = None
    ) -> Variable:
        """Uniform in [low, high)."""
        low, high = _parameter(low), _parameter(high)
        shape = _shape(size, ndim, low, high)
        u = random_uniform(self._state(), *shape, dtype=_float_dtype(dtype, low, high))
        if _is_constant(low, 0) and _is_constant(high, 1):
            return u
        return u * _width(low, high, "uniform: high - low") + low

    def normal(
        self, size: Any = None, avg: Any = 0.0, std: Any = 1.0, ndim: int | None = None, dtype: Any = None
    ) -> Variable:
        """Normal with mean ``avg`` and standard deviation ``std``."""
        avg, std = _parameter(avg), _parameter(std)
        shape = _shape(size, ndim, avg, std)
        z = random_normal(self._state(), *shape, dtype=_float_dtype(dtype, avg, std))
        if _is_constant(avg, 0) and _is_constant(std, 1):
            return z
        return z * valid(std, "not negative", "normal: std") + avg

    def binomial(
        self,
        size: Any = None,
        n: Any = 1,
        p: Any = 0.5,
        ndim: int | None = None,
        dtype: Any = "int64",
        prob: Any = None,
    ) -> Variable:
        """How many of ``n`` (an integer or a symbolic scalar) trials succeed, each with probability ``p``."""
        p = valid(_parameter(p if prob is None else prob), "probability", "binomial: p")
        shape = _shape(size, ndim, p)
        if _is_number(n, 1):
            u = self._unit(shape)
            return ew.cast(ew.lt(u, p), dtype_name(dtype))
        n = as_variable(n)
        if n.ndim or n.type.is_float:
            raise DTypeError(f"binomial: n must be an integer scalar, not {n.describe()}")
        u = self._unit([*shape, n])
        won = ew.lt(u, dimshuffle(p, *range(p.ndim), "x"))
        return sum_(ew.cast(won, dtype_name(dtype)), axis=-1)

    def multinomial(
        self,
        size: Any = None,
        n: Any = 1,
        pvals: Any = (0.5, 0.5),
        ndim: int | None = None,
        dtype: Any = "int64",
    ) -> Variable:
        """How often each of k outcomes comes up in ``n`` trials: (*size, k) for probabilities ``pvals`` (…,
        k), which are 1 together."""
        pvals = valid(_parameter(pvals), "probability", "multinomial: pvals")
        if pvals.ndim == 0:
            raise ShapeError(f"multinomial: pvals needs an axis of probabilities, got {pvals.describe()}")
        *lead, k = shape_of(pvals)
        shape = list(lead) if size is None else _shape(size, ndim)
        trials = [] if _is_number(n, 1) else [as_variable(n)]
        u = self._unit([*shape, *trials])
        limits = cumsum(pvals, axis=-1)
        if trials:
            limits = dimshuffle(limits, *range(limits.ndim - 1), "x", limits.ndim - 1)
        chosen = _count_below(limits, u, k, "multinomial: pvals")
        hits = ew.cast(ew.eq(dimshuffle(chosen, *range(chosen.ndim), "x"), arange(k)), dtype_name(dtype))
        return sum_(hits, axis=-2) if trials else hits

    def choice(
        self,
        size: Any = None,
        a: Any = 2,
        replace: bool = True,
        p: Any = None,
        ndim: int | None = None,
        dtype: Any = "int64",
    ) -> Variable:
        """Elements of the vector ``a``, or of 0 … a - 1, each with probability ``p`` (a vector; None: alike).

        Without replacement the first of a random order, weighted by ``p`` as in P. Efraimidis and
        P. Spirakis, "Weighted random sampling with a reservoir" (2006).
        """
        a = as_variable(a)
        if a.ndim > 1 or (a.ndim == 0 and a.type.is_float):
            raise ShapeError(f"choice: a must be a vector or an integer scalar, not {a.describe()}")
        count = valid(a, "positive", "choice: a") if a.ndim == 0 else a.shape[0]
        shape = _shape(size, ndim)
        if replace and p is None:
            u = self._unit(shape, "float64")
            chosen = ew.cast(u * count, "int64")
        elif replace:
            u = self._unit(shape, "float64")
            limits = cumsum(ew.cast(valid(p, "probability", "choice: p"), "float64"))
            chosen = _count_below(limits, u, count, "choice: p")
        else:
            u = self._unit([count], "float64")
            keys = u if p is None else -ew.log1p(-u) / valid(p, "probability", "choice: p")
            total = ew.cast(as_variable(1), "int64")
            for length in shape:
                total = total * length
            chosen = reshape(argsort(keys)[:total], shape, ndim=len(shape))
        return ew.cast(chosen if a.ndim == 0 else index(a, chosen), dtype_name(dtype))

    def random_integers(
        self, size: Any = None, low: Any = 0, high: Any = 1, ndim: int | None = None, dtype: Any = "int64"
    ) -> Variable:
        """Integers from ``low`` to ``high``, both included, all with the same probability."""
        low, high = as_variable(low), as_variable(high)
        u = self._unit(_shape(size, ndim, low, high), "float64")
        width = _width(low, high, "random_integers: high - low")
        return ew.cast(ew.floor(u * (width + 1)) + low, dtype_name(dtype))

    def permutation(
        self, size: Any = None, n: Any = 1, ndim: int | None = None, dtype: Any = "int64"
    ) -> Variable:
        """Orders of 0 … n - 1: shape (*size, n)."""
        u = self._unit([*_shape(size, ndim), as_variable(n)], "float64")
        return ew.cast(argsort(u, axis=-1), dtype_name(dtype))

    def shuffle_row_elements(self, input: Any) -> Variable:
        """``input`` with the elements of each row (the last axis) in a random order of its own."""
        x = as_variable(input)
        if x.ndim == 0:
            raise ShapeError(f"shuffle_row_elements needs at least a vector, got {x.describe()}")
        *lead, n = shape_of(x)
        order = self.permutation(size=tuple(lead), n=n)
        rows = [
            dimshuffle(arange(m), *["x"] * axis, 0, *["x"] * (x.ndim - 1 - axis))
            for axis, m in enumerate(lead)
        ]
        return x[(*rows, order)]


def _parameter(value: Any) -> Variable:
    """A distribution's parameter; Python numbers and lists of floatX."""
    if isinstance(value, (tuple, list)):
        value = np.asarray(value, config.floatX) if not any(isinstance(v, Variable) for v in value) else value
    return as_variable(value, dtype=config.floatX) if isinstance(value, (int, float)) else as_variable(value)


def _width(low: Variable, high: Variable, what: str) -> Variable:
    """``high - low``, which must not be negative."""
    if all(isinstance(v, Constant) for v in (low, high)):
        valid(Constant(high.data - low.data), "not negative", what)
        return high - low
    return valid(high - low, "not negative", what)


def _float_dtype(dtype: Any, *parameters: Variable) -> str:
    if dtype is not None:
        return dtype_name(dtype)
    return "float64" if any(v.dtype == "float64" for v in parameters) else config.floatX


def _is_number(value: Any, number: int) -> bool:
    return isinstance(value, (int, np.integer)) and int(value) == number


def _is_constant(v: Variable, number: int) -> bool:
    data = getattr(v, "data", None) if not isinstance(v, Shared) else None
    return data is not None and data.size == 1 and float(data.reshape(())) == number


def _shape(size: Any, ndim: int | None, *parameters: Variable) -> list:
    """The lengths of a draw: ``size``, or those of the parameters broadcast together."""
    if size is None:
        total = parameters[0] if parameters else None
        for other in parameters[1:]:
            total = total + other
        lengths = list(shape_of(total)) if total is not None else []
    else:
        lengths = shape_argument(size)
    if ndim is not None and ndim != len(lengths):
        raise ShapeError(f"ndim={ndim} was given, but size has {len(lengths)} lengths")
    return lengths


def _count_below(limits: Variable, u: Variable, count: Any, what: str) -> Variable:
    """The outcome that each uniform number stands for: how many cumulated probabilities, of which the last
    must be 1, are at most as large."""
    scaled = u * valid(index(limits, (Ellipsis, -1)), "one", f"the sum of {what}")
    below = ew.le(limits, dimshuffle(scaled, *range(u.ndim), "x"))
    return ew.minimum(sum_(ew.cast(below, "int64"), axis=-1), as_variable(count) - 1)
