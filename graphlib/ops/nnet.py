"""Composites for networks: softmax, cross-entropies, activations.  Written as their formulas; the rewrites
make them stable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import InputError, ShapeError
from ..graph import Variable
from ..graph.types import dtype_name, normalize_axes, normalize_axis
from . import elementwise as ew
from .create import arange
from .index import index
from .labels import labels
from .op import Sample, as_variable, register
from .reduce import max as max_
from .reduce import mean as mean_
from .reduce import sum as sum_
from .shape import SameLengths, as_length, dimshuffle, shape_i, shape_of, specify_shape

sigmoid = ew.sigmoid
softplus = ew.softplus
tanh = ew.tanh


def softmax(x: Any, axis: int = -1) -> Variable:
    """exp(x) over its sum along ``axis`` (the last), relative to the maximum; of a vector, as in Theano, a
    (1, n) row."""
    x = as_variable(x)
    if x.ndim == 0:
        raise ShapeError(f"T.nnet.softmax needs at least a vector, not {x.describe()}")
    if x.ndim == 1:
        x = dimshuffle(x, "x", 0)
    axis = normalize_axis(axis, x.ndim, "T.nnet.softmax")
    e = ew.exp(x - max_(x, axis=axis, keepdims=True))
    return e / sum_(e, axis=axis, keepdims=True)


def logsoftmax(x: Any, axis: int = -1) -> Variable:
    """log(softmax(x)) along ``axis``, computed without the detour."""
    x = as_variable(x)
    if x.ndim == 1:
        x = dimshuffle(x, "x", 0)
    axis = normalize_axis(axis, x.ndim, "T.nnet.logsoftmax")
    centred = x - max_(x, axis=axis, keepdims=True)
    return centred - ew.log(sum_(ew.exp(centred), axis=axis, keepdims=True))


log_softmax = logsoftmax


def relu(x: Any, alpha: Any = 0) -> Variable:
    """max(x, 0), or alpha * x where x is negative.  The gradient at 0 is the mean of both sides', (1 + alpha)
    / 2."""
    x = as_variable(x)
    if not isinstance(alpha, Variable) and np.ndim(alpha) == 0 and alpha == 0:
        return ew.rectify(x)
    return ew.leaky_rectify(x, alpha)


def elu(x: Any, alpha: float = 1) -> Variable:
    """x where positive, else alpha * (exp(x) - 1) (Clevert et al., 2015).  The gradient at 0 is alpha."""
    x = as_variable(x)
    return ew.switch(ew.gt(x, 0), x, alpha * ew.expm1(ew.minimum(x, 0)))


def selu(x: Any) -> Variable:
    """The self-normalising unit of Klambauer et al. (2017)."""
    return 1.0507009873554805 * elu(x, 1.6732632423543772)


def hard_sigmoid(x: Any) -> Variable:
    """0.2 x + 0.5, brought into [0, 1].  The gradient is 0 at x = -2.5 and 0.2 at 2.5."""
    # As Theano's, where 0.2 x + 0.5 is rounded once, and is less than 0 at -2.5: here in all modes.
    return ew.minimum(ew.maximum(0, as_variable(x) * 0.2 + 0.5), 1)


def ultra_fast_sigmoid(x: Any) -> Variable:
    """Theano's name for an approximation of sigmoid; here the exact one, which is as fast."""
    return sigmoid(x)


def softsign(x: Any) -> Variable:
    """x / (1 + |x|)."""
    x = as_variable(x)
    return x / (1 + abs(x))


def dropout(x: Any, p: float | Variable, rng: Any, training: Any = True) -> Variable:
    """``x`` with each element zero with probability ``p`` and the others divided by 1 - p (Srivastava et
    al., 2014).

    rng: a RandomStreams.  training: a bool, or a symbolic scalar, for which ``x`` itself is given where it
    is false.
    """
    x = as_variable(x)
    if not isinstance(p, Variable) and not 0 <= p < 1:
        raise InputError(f"T.nnet.dropout: the probability p must be in [0, 1), not {p}")
    if not isinstance(training, Variable) and not training:
        return x
    keep = 1 - p
    kept = rng.binomial(size=shape_of(x), n=1, p=keep, dtype=x.dtype)
    thinned = ew.switch(kept, x / keep, 0)
    return ew.switch(training, thinned, x) if isinstance(training, Variable) else thinned


def batch_normalization(
    inputs: Any, gamma: Any, beta: Any, mean: Any, std: Any, mode: str = "low_mem"
) -> Variable:
    """gamma (inputs - mean) / std + beta, with statistics that are given (Ioffe and Szegedy, 2015).

    ``mode``: 'low_mem' or 'high_mem', which are one: the whole is computed in one pass.
    """
    if mode not in ("low_mem", "high_mem"):
        raise ValueError(f"T.nnet.batch_normalization: mode must be 'low_mem' or 'high_mem', not {mode!r}")
    x = as_variable(inputs)
    return (x - mean) * (gamma / std) + beta


def _statistics_axes(x: Variable, axes: Any) -> tuple[int, ...]:
    named = {"per-activation": (0,), "spatial": (0, *range(2, x.ndim))}
    if isinstance(axes, str) and axes not in named:
        raise InputError(f"axes must be 'per-activation', 'spatial' or numbers of axes, not {axes!r}")
    return named[axes] if isinstance(axes, str) else normalize_axes(axes, x.ndim, "batch normalisation")


def _as_statistic(v: Any, x: Variable, axes: tuple[int, ...], name: str) -> Variable:
    """A parameter with one value a feature: of x's dimensions with length 1 at ``axes``, or without those."""
    v = as_variable(v)
    if v.ndim == x.ndim - len(axes):
        kept = iter(range(v.ndim))
        return dimshuffle(v, *("x" if a in axes else next(kept) for a in range(x.ndim)))
    if v.ndim != x.ndim or any(v.type.shape[a] not in (1, None) for a in axes):
        raise ShapeError(
            f"batch normalisation over axes {axes}: {name}, {v.describe()}, does not fit {x.describe()}"
        )
    return specify_shape(v, [1 if a in axes else None for a in range(x.ndim)])


def batch_normalization_train(
    inputs: Any,
    gamma: Any,
    beta: Any,
    axes: Any = "per-activation",
    epsilon: float = 1e-4,
    running_average_factor: float = 0.1,
    running_mean: Any = None,
    running_var: Any = None,
) -> tuple[Variable, ...]:
    """Batch normalisation by the statistics of the minibatch (Ioffe and Szegedy, 2015, algorithm 1).

    Returns gamma (x - mean) / sqrt(var + epsilon) + beta, the mean, the inverse standard deviation, and new
    values of the running mean and variance of those that are given (the variance's is the unbiased one).
    axes: those the statistics are taken over, 'per-activation' the first, 'spatial' all but the second;
    gamma, beta and the running statistics have length 1 there, or leave them out; the mean and the inverse
    standard deviation are like gamma.
    """
    x = as_variable(inputs)
    over = _statistics_axes(x, axes)
    scale, shift = (_as_statistic(v, x, over, n) for v, n in ((gamma, "gamma"), (beta, "beta")))
    mean = mean_(x, axis=over, keepdims=True)
    centred = x - mean
    variance = mean_(ew.sqr(centred), axis=over, keepdims=True)
    inverse = 1 / ew.sqrt(variance + epsilon)
    results = [centred * (inverse * scale) + shift, _like(mean, gamma, over), _like(inverse, gamma, over)]
    if running_mean is not None:
        old = _as_statistic(running_mean, x, over, "running_mean")
        results.append(
            _like(old * (1 - running_average_factor) + mean * running_average_factor, running_mean, over)
        )
    if running_var is not None:
        old = _as_statistic(running_var, x, over, "running_var")
        count: Any = 1
        for a in over:
            count = shape_i(x, a) * count
        m = ew.cast(count, x.dtype)
        unbiased = variance * (m / ew.maximum(m - 1, 1))
        results.append(
            _like(old * (1 - running_average_factor) + unbiased * running_average_factor, running_var, over)
        )
    return tuple(results)


def _like(new: Variable, given: Any, axes: tuple[int, ...]) -> Variable:
    """A statistic with the dimensions in which it was given."""
    if as_variable(given).ndim == new.ndim:
        return new
    return dimshuffle(new, *(a for a in range(new.ndim) if a not in axes))


def batch_normalization_test(
    inputs: Any,
    gamma: Any,
    beta: Any,
    mean: Any,
    var: Any,
    axes: Any = "per-activation",
    epsilon: float = 1e-4,
) -> Variable:
    """Batch normalisation by statistics that are given, such as the running ones of training."""
    x = as_variable(inputs)
    over = _statistics_axes(x, axes)
    named = ((gamma, "gamma"), (beta, "beta"), (mean, "mean"), (var, "var"))
    gamma, beta, mean, var = (_as_statistic(v, x, over, n) for v, n in named)
    return (x - mean) * (gamma / ew.sqrt(var + epsilon)) + beta


def _fitting(target: Variable, output: Variable, what: str) -> Variable:
    """The target of a network's output; ShapeError where the output would be repeated to its shape: of
    outputs (n, 1) and targets (n,) each would be held against each.

    Where the output has length 1 along an axis and the target's length is unknown, the call tells.
    """
    missing = output.ndim - target.ndim
    alone = [axis for axis, n in enumerate(output.type.shape[max(missing, 0) :]) if n == 1]
    lengths = [target.type.shape[axis] for axis in alone] if missing >= 0 else []
    unknown = [axis for axis, m in zip(alone, lengths, strict=False) if m is None]
    if missing < 0 or any(m not in (1, None) for m in lengths) or (missing and unknown):
        raise ShapeError(
            f"{what}: the target {target.describe()} does not fit the output {output.describe()}; "
            "give both the same shape"
        )
    pairs = tuple((axis, axis) for axis in unknown)
    return SameLengths(pairs, what).make(target, output) if pairs else target


def binary_crossentropy(output: Any, target: Any) -> Variable:
    """-(target log(output) + (1 - target) log(1 - output)), elementwise.

    Errors: ShapeError if ``target`` has not the shape of ``output`` and does not broadcast to it.
    """
    output, target = as_variable(output), as_variable(target)
    target = _fitting(target, output, "T.nnet.binary_crossentropy")
    return -(target * ew.log(output) + (1 - target) * ew.log(1 - output))


def sigmoid_binary_crossentropy(output: Any, target: Any) -> Variable:
    """The binary cross-entropy of ``sigmoid(output)``: softplus(output) - target * output.

    Errors: ShapeError if ``target`` has not the shape of ``output`` and does not broadcast to it.
    """
    output, target = as_variable(output), as_variable(target)
    target = _fitting(target, output, "T.nnet.sigmoid_binary_crossentropy")
    return softplus(output) - target * output


def categorical_crossentropy(coding_dist: Any, true_dist: Any) -> Variable:
    """For each row -log of the probability of the true class (``true_dist`` a vector of integer labels), or
    -sum(true_dist * log(coding_dist)) for a distribution of the same shape.

    Errors: ShapeError if there are not as many labels as rows, LabelError (at the call) for a label that is
    no column of ``coding_dist``, negative ones included.
    """
    p, y = as_variable(coding_dist), as_variable(true_dist)
    if y.ndim == p.ndim:
        y = _fitting(y, p, "T.nnet.categorical_crossentropy")
        return -sum_(y * ew.log(p), axis=p.ndim - 1)
    if p.ndim != 2:
        raise ShapeError(
            f"T.nnet.categorical_crossentropy: {y.describe()} are no labels for {p.describe()}; labels are a "
            "vector, one for each row of a matrix: flatten both"
        )
    rows, classes = shape_i(p, 0), shape_i(p, 1)
    y = labels(y, rows, classes, "T.nnet.categorical_crossentropy")
    return -index(ew.log(p), (arange(rows), y))


def crossentropy_softmax_1hot(x: Any, y: Any) -> list[Variable]:
    """Cross-entropy of softmax(x) at the labels y, and the softmax."""
    p = softmax(x)
    return [categorical_crossentropy(p, y), p]


def to_one_hot(y: Any, nb_class: Any, dtype: Any = None) -> Variable:
    """A row a label: 1 in the label's column, 0 elsewhere.

    Errors: LabelError for a label that is not in [0, nb_class).
    """
    y = as_variable(y)
    classes = as_length(nb_class, "T.extra_ops.to_one_hot: the number of classes")
    y = labels(y, shape_i(y, 0), classes, "T.extra_ops.to_one_hot") if y.ndim else y
    return ew.cast(
        ew.eq(dimshuffle(y, 0, "x"), dimshuffle(arange(classes), "x", 0)), dtype_name(dtype or "floatX")
    )


def _x(*shape: int) -> np.ndarray:
    return np.random.RandomState(7).permutation(int(np.prod(shape))).reshape(shape) * 0.3 - 1.05


def _register(build: Callable, *arrays: np.ndarray, differentiable: bool = True) -> None:
    register(
        build.__name__,
        build,
        lambda: [Sample(build, arrays, differentiable=differentiable)],
    )


_register(softmax, _x(3, 4))
_register(logsoftmax, _x(3, 4))
for _build in (relu, elu, selu, hard_sigmoid, softsign):
    _register(_build, _x(3, 4))
_register(binary_crossentropy, np.array([0.2, 0.5, 0.9]), np.array([0.1, 0.8, 1.0]))
_register(sigmoid_binary_crossentropy, _x(3, 4), np.linspace(0, 1, 12).reshape(3, 4))
register(
    "categorical_crossentropy",
    categorical_crossentropy,
    lambda: [
        Sample(lambda x: categorical_crossentropy(softmax(x), np.array([1, 0, 3])), (_x(3, 4),)),
        Sample(lambda x: categorical_crossentropy(softmax(x), softmax(x * 2)), (_x(3, 4),)),
    ],
)
register(
    "to_one_hot",
    to_one_hot,
    lambda: [Sample(lambda x: to_one_hot(np.array([2, 0, 1]), 3) * x, (_x(3, 3),), ("float32",))],
)
register(
    "batch_normalization_train",
    batch_normalization_train,
    lambda: [
        Sample(lambda x, g, b: batch_normalization_train(x, g, b)[0], (_x(3, 4), _x(4), _x(4))),
        Sample(
            lambda x, g, b, m, v: list(batch_normalization_train(x, g, b, "spatial", 1e-3, 0.2, m, v)),
            (_x(2, 3, 2, 2), _x(1, 3, 1, 1), _x(1, 3, 1, 1), _x(1, 3, 1, 1), _x(1, 3, 1, 1) ** 2),
        ),
    ],
)
register(
    "batch_normalization_test",
    batch_normalization_test,
    lambda: [
        Sample(batch_normalization_test, (_x(3, 4), _x(4), _x(4), _x(4), _x(4) ** 2)),
        Sample(
            lambda x, g, b, m, v: batch_normalization_test(x, g, b, m, v, axes=(0, 2)),
            (_x(2, 3, 2), _x(3), _x(3), _x(3), _x(3) ** 2),
        ),
    ],
)
