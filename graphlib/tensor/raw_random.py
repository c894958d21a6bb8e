"""Draws of NumPy's MT19937 from a state, with the state that follows.

``new_state, numbers = uniform(state, size)``.

A state is an int64 vector of 627 words (``random_state_type()`` makes a variable); a function takes a
``numpy.random.RandomState`` for it. The numbers are those that ``RandomState`` gives, one draw at a time.

``size`` is a tuple of lengths, where -1 stands for that of a parameter, a symbolic vector, with ``ndim``
where nobody knows how many lengths it has, or None: the shape that the parameters have together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..configuration import config
from ..errors import InputError, ShapeError
from ..graph import Constant, TensorType, Variable
from ..graph.types import MERSENNE_WORDS, dtype_name
from ..ops import elementwise as ew
from ..ops.along_axis import cumsum
from ..ops.create import arange
from ..ops.generators import mersenne, mersenne_choice, mersenne_multinomial, mersenne_permutation
from ..ops.index import index
from ..ops.op import as_variable, is_number
from ..ops.reduce import sum as sum_
from ..ops.shape import dimshuffle, reshape, shape_of, specify_shape
from ..ops.valid import valid

__all__ = [
    "binomial",
    "choice",
    "multinomial",
    "normal",
    "permutation",
    "permute_row_elements",
    "poisson",
    "random_integers",
    "random_state_type",
    "uniform",
]

Drawn = tuple[Variable, Variable]


def random_state_type(name: str | None = None) -> Variable:
    """A variable for a generator's state."""
    return TensorType("int64", (MERSENNE_WORDS,))(name)


def uniform(
    random_state: Any, size: Any = None, low: Any = 0.0, high: Any = 1.0, ndim: Any = None, dtype: Any = None
) -> Drawn:
    """Uniform in [low, high)."""
    low, high = parameter(low), parameter(high)
    state, numbers = mersenne(random_state, "uniform", low, high, lengths_of(size, ndim, low, high))
    return state, ew.cast(numbers, floating(dtype, low, high))


def normal(
    random_state: Any, size: Any = None, avg: Any = 0.0, std: Any = 1.0, ndim: Any = None, dtype: Any = None
) -> Drawn:
    """Normal with mean ``avg`` and standard deviation ``std``."""
    avg, std = parameter(avg), valid(parameter(std), "not negative", "normal: std")
    state, numbers = mersenne(random_state, "normal", avg, std, lengths_of(size, ndim, avg, std))
    return state, ew.cast(numbers, floating(dtype, avg, std))


def binomial(
    random_state: Any,
    size: Any = None,
    n: Any = 1,
    p: Any = 0.5,
    ndim: Any = None,
    dtype: Any = "int64",
    prob: Any = None,
) -> Drawn:
    """How many of ``n`` trials succeed, each with probability ``p``."""
    n = valid(as_variable(n), "not negative", "binomial: n")
    p = valid(parameter(p if prob is None else prob), "probability", "binomial: p")
    state, numbers = mersenne(random_state, "binomial", n, p, lengths_of(size, ndim, n, p))
    return state, ew.cast(numbers, dtype_name(dtype))


def poisson(
    random_state: Any, size: Any = None, lam: Any = 1.0, ndim: Any = None, dtype: Any = "int64"
) -> Drawn:
    """How often something happens that is expected ``lam`` times."""
    lam = valid(parameter(lam), "not negative", "poisson: lam")
    state, numbers = mersenne(random_state, "poisson", lam, 0.0, lengths_of(size, ndim, lam))
    return state, ew.cast(numbers, dtype_name(dtype))


def random_integers(
    random_state: Any,
    size: Any = None,
    low: Any = 0,
    high: Any = 1,
    ndim: Any = None,
    dtype: Any = "int64",
) -> Drawn:
    """Integers from ``low`` to ``high``, both included."""
    low, high = as_variable(low), as_variable(high)
    valid(high - low, "not negative", "random_integers: high - low")
    state, numbers = mersenne(random_state, "integers", low, high, lengths_of(size, ndim, low, high))
    return state, ew.cast(numbers, dtype_name(dtype))


def permutation(
    random_state: Any, size: Any = None, n: Any = 1, ndim: Any = None, dtype: Any = "int64"
) -> Drawn:
    """Orders of 0 … n - 1, (*size, n)."""
    if size is None and ndim not in (None, 1):
        raise InputError(f"permutation: without a size there is one order, and ndim={ndim} was given")
    lengths = [] if size is None or size == () else lengths_of(size, ndim)
    state, orders = mersenne_permutation(random_state, lengths, as_variable(n))
    return state, ew.cast(orders, dtype_name(dtype))


def choice(
    random_state: Any,
    size: Any = None,
    a: Any = 2,
    replace: Any = True,
    p: Any = None,
    ndim: Any = None,
    dtype: Any = "int64",
) -> Drawn:
    """Elements of the vector ``a``, or of 0 … a - 1, each with probability ``p`` (a vector; None: alike)."""
    a = as_variable(a)
    if a.ndim > 1:
        raise ShapeError(f"choice: a must be a vector or an integer scalar, not {a.describe()}")
    if isinstance(replace, Constant):
        replace = bool(replace.data)
    if isinstance(replace, Variable):
        raise InputError(f"choice: replace must be True or False, not {replace.describe()}")
    count = valid(a, "positive", "choice: a") if a.ndim == 0 else a.shape[0]
    lengths = lengths_of(size, ndim)
    if p is not None and np.ndim(p) == 0 and is_number(p):
        p = None  # Theano takes a number for no probabilities
    if p is not None and not (isinstance(p, (list, tuple)) and not p):
        p = ew.cast(valid(as_variable(p), "probability", "choice: p"), "float64")
    else:
        p = None
    if replace and p is None:
        state, chosen = mersenne(random_state, "integers", 0, count - 1, lengths)
    elif replace:
        state, u = mersenne(random_state, "uniform", 0.0, 1.0, lengths)
        limits = cumsum(p)
        limits = limits / valid(index(limits, -1), "one", "choice: the sum of p")
        chosen = sum_(ew.cast(ew.le(limits, dimshuffle(u, *range(u.ndim), "x")), "int64"), axis=-1)
    else:
        total = ew.cast(as_variable(1), "int64")
        for length in lengths:
            total = total * length
        if p is None:
            state, order = mersenne_permutation(random_state, [], count)
            chosen = order[:total]
        else:
            state, chosen = mersenne_choice(random_state, p, total)
            chosen = valid(chosen, "not negative", "choice: a number for each p that is not 0; one chosen")
        chosen = reshape(chosen, lengths, ndim=len(lengths))
    return state, ew.cast(chosen if a.ndim == 0 else index(a, chosen), dtype_name(dtype))


def multinomial(
    random_state: Any,
    size: Any = None,
    n: Any = 1,
    pvals: Any = (0.5, 0.5),
    ndim: Any = None,
    dtype: Any = "int64",
) -> Drawn:
    """How often each of k outcomes comes up in ``n`` trials: (*size, k) for probabilities ``pvals`` (…,
    k)."""
    n = as_variable(n)
    pvals = valid(parameter(pvals), "probability", "multinomial: pvals")
    if pvals.ndim == 0:
        raise ShapeError(f"multinomial: pvals needs an axis of probabilities, got {pvals.describe()}")
    lengths = lengths_of(size, ndim, n, pvals[..., 0])
    # what is a little more than 1 together, or leaves the last outcome nothing, Theano makes a little less
    total = sum_(pvals, axis=-1, keepdims=True)
    much = ew.and_(ew.gt(total, 1), ew.lt(total, 1 + 1e-5))
    last = dimshuffle(pvals[..., -1], *range(pvals.ndim - 1), "x")
    less = ew.or_(much, ew.lt(last, 5e-5))
    pvals = pvals * ew.switch(less, ew.cast(as_variable(1 - 5e-5), pvals.dtype), 1)
    state, numbers = mersenne_multinomial(random_state, n, pvals, lengths)
    return state, ew.cast(numbers, dtype_name(dtype))


def permute_row_elements(x: Any, order: Any) -> Variable:
    """``x`` with each row's elements in the order of that row of ``order``."""
    x, order = as_variable(x), as_variable(order)
    rows = [
        dimshuffle(arange(m), *["x"] * axis, 0, *["x"] * (x.ndim - 1 - axis))
        for axis, m in enumerate(list(shape_of(x))[:-1])
    ]
    return x[(*rows, order)]


# arguments


def parameter(value: Any) -> Variable:
    """A distribution's parameter: Python's numbers are of floatX, lists of them of NumPy's dtype."""
    if isinstance(value, (list, tuple)) and not any(isinstance(v, Variable) for v in value):
        return as_variable(np.asarray(value))
    return as_variable(value, dtype=config.floatX) if is_number(value) else as_variable(value)


def floating(dtype: Any, *parameters: Variable) -> str:
    """The dtype of numbers: at least floatX, and what holds the parameters, as NumPy sees it."""
    if dtype is not None:
        return dtype_name(dtype)
    return np.result_type(config.floatX, *(v.dtype for v in parameters)).name


def lengths_of(size: Any, ndim: int | None, *parameters: Variable) -> list:
    """The lengths of a draw."""
    if size is None:
        if not parameters:
            raise InputError("a draw without parameters of some shape needs a size")
        total = parameters[0]
        for other in parameters[1:]:
            total = total + other
        lengths = list(shape_of(total))
    elif isinstance(size, (list, tuple)):
        lengths = [
            _borrowed(axis, len(size), parameters) if not isinstance(n, Variable) and n == -1 else n
            for axis, n in enumerate(size)
        ]
        if ndim is not None and ndim != len(lengths):
            raise ShapeError(f"ndim={ndim} was given, but size has {len(lengths)} lengths")
    else:
        vector = as_variable(size)
        if vector.ndim != 1 or vector.type.is_float:
            raise InputError(f"size must be a tuple or an integer vector of lengths, not {vector.describe()}")
        known = vector.type.shape[0] if ndim is None else ndim
        if known is None:
            raise InputError(f"how many lengths {vector.describe()} has is not known: pass ndim=")
        vector = specify_shape(vector, (known,))
        lengths = [vector[k] for k in range(known)]
    most = max((v.ndim for v in parameters), default=0)
    if most > len(lengths):
        raise ShapeError(f"size has {len(lengths)} lengths, a parameter {most}")
    return lengths


def _borrowed(axis: int, ndim: int, parameters: Sequence[Variable]) -> Any:
    """The length that -1 stands for."""
    over = [(v, axis + v.ndim - ndim) for v in parameters if axis >= ndim - v.ndim]
    for v, k in over:
        if v.type.shape[k] != 1:
            return v.shape[k]
    if not over:
        raise ShapeError(f"size has -1 in axis {axis}, in which no parameter has a length")
    return 1
