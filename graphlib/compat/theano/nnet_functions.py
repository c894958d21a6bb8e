"""``theano.tensor.nnet``'s functions that are made of graphlib's."""

from __future__ import annotations

from typing import Any

from ...graph import Variable
from ...ops import elementwise as ew
from ...ops import nnet
from ...ops.create import arange
from ...ops.join import concatenate
from ...ops.linalg import dot
from ...ops.observing import Assert
from ...ops.op import as_variable, is_symbolic
from ...ops.shape import shape_i
from ...tensor.nnet import conv2d as nnet_conv2d
from ...tensor.nnet import conv3d as nnet_conv3d
from ...tensor.nnet import sigmoid, softmax, softplus, softsign, ultra_fast_sigmoid
from .late import at_the_call
from .settings import config
from .tensor_functions import Unique


def relu(x: Any, alpha: Any = 0) -> Any:
    """``graphlib.tensor.nnet.relu``; of an array an array, as Theano's is made of operators alone."""
    if is_symbolic(x) or is_symbolic(alpha):
        return nnet.relu(x, alpha)
    return 0.5 * (x + abs(x)) if alpha == 0 else 0.5 * (1 + alpha) * x + 0.5 * (1 - alpha) * abs(x)


def h_softmax(
    x: Any,
    batch_size: Any,
    n_outputs: Any,
    n_classes: Any,
    n_outputs_per_class: Any,
    W1: Any,
    b1: Any,
    W2: Any,
    b2: Any,
    target: Any = None,
) -> Variable:
    """The softmax of two levels: the probability of a class times that of an output in it (Goodman, 2001,
    "Classes for fast maximum entropy training").

    x: (batch_size, d); W1: (d, n_classes), b1: (n_classes,); W2: (n_classes, d, n_outputs_per_class), b2:
    (n_classes, n_outputs_per_class). Output k is the (k % n_outputs_per_class)-th of class k //
    n_outputs_per_class. Returns (batch_size, n_outputs), or with ``target``, the numbers of outputs,
    (batch_size,): their probabilities, for which no others are computed.
    """
    x, W1, b1, W2, b2 = (as_variable(v) for v in (x, W1, b1, W2, b2))
    classes = softmax(dot(x, W1) + b1)
    if target is not None:
        target = as_variable(target).flatten()
        which, within = ew.floor_div(target, n_outputs_per_class), ew.mod(target, n_outputs_per_class)
        inside = softmax((x.dimshuffle(0, 1, "x") * W2[which]).sum(axis=1) + b2[which])
        rows = arange(batch_size)
        return classes[rows, which] * inside[rows, within]
    columns = W2.dimshuffle(1, 0, 2).reshape((W2.shape[1], n_classes * n_outputs_per_class))
    scores = dot(x, columns).reshape((batch_size, n_classes, n_outputs_per_class)) + b2
    inside = softmax(scores.reshape((batch_size * n_classes, n_outputs_per_class)))
    every = classes.dimshuffle(0, 1, "x") * inside.reshape((batch_size, n_classes, n_outputs_per_class))
    return every.reshape((batch_size, n_classes * n_outputs_per_class))[:, :n_outputs]


def confusion_matrix(actual: Any, pred: Any) -> list[Variable]:
    """How often each label (row) was predicted as each (column), int64, and the labels in rising order.

    Errors: ValueError where one of the two is no vector.
    """
    actual, pred = as_variable(actual), as_variable(pred)
    for what, v in (("actual", actual), ("pred", pred)):
        if v.ndim != 1:
            raise ValueError(f"confusion_matrix: {what} must be a vector, not {v.describe()}")
    labels = Unique()(concatenate([actual, pred]))
    truth, guess = (ew.eq(v.dimshuffle(0, "x"), labels).astype("int64") for v in (actual, pred))
    return [dot(truth.T, guess), labels]


def assert_conv_shape(shape: Any) -> list[Any]:
    """The lengths of an output of a convolution, which fail the call (AssertionError) where the first two are
    negative, or the others not above 0."""
    made = []
    for place, n in enumerate(shape):
        length = as_variable(n)
        fine = ew.ge(length, 0) if place < 2 else ew.gt(length, 0)
        made.append(
            Assert(f"a convolution's output would have no such length along axis {place}")(length, fine)
        )
    return made


def assert_shape(x: Any, expected_shape: Any, msg: str = "the shape is another") -> Variable:
    """``x``, which fails the call (AssertionError) where its shape is not the one expected, of which None is
    any length; unless ``config.conv.assert_shape`` is set nothing is looked at."""
    x = as_variable(x)
    if expected_shape is None or not config.conv.assert_shape:
        return x
    for axis, n in enumerate(expected_shape):
        if n is not None:
            x = Assert(msg)(x, ew.eq(shape_i(x, axis), n))
    return x


conv2d, conv3d = at_the_call(nnet_conv2d), at_the_call(nnet_conv3d)

scalar_sigmoid = sigmoid_inplace = sigmoid
scalar_softplus, scalar_softsign = softplus, softsign
ultra_fast_scalar_sigmoid = ultra_fast_sigmoid_inplace = ultra_fast_sigmoid
