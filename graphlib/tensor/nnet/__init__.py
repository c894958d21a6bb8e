"""``T.nnet``: functions for networks."""

from ...ops.convolution import conv2d
from ...ops.nnet import (
    binary_crossentropy,
    categorical_crossentropy,
    crossentropy_softmax_1hot,
    elu,
    hard_sigmoid,
    log_softmax,
    logsoftmax,
    relu,
    selu,
    sigmoid,
    sigmoid_binary_crossentropy,
    softmax,
    softplus,
    softsign,
    tanh,
    ultra_fast_sigmoid,
)
from . import conv

__all__ = [
    "binary_crossentropy",
    "categorical_crossentropy",
    "conv",
    "conv2d",
    "crossentropy_softmax_1hot",
    "elu",
    "hard_sigmoid",
    "log_softmax",
    "logsoftmax",
    "relu",
    "selu",
    "sigmoid",
    "sigmoid_binary_crossentropy",
    "softmax",
    "softplus",
    "softsign",
    "tanh",
    "ultra_fast_sigmoid",
]
