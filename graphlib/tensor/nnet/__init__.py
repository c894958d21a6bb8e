"""``T.nnet``: functions for networks."""

from ...ops.conv_functions import (
    causal_conv1d,
    conv2d,
    conv2d_grad_wrt_inputs,
    conv2d_grad_wrt_weights,
    conv2d_transpose,
    conv3d,
    conv3d_grad_wrt_inputs,
    conv3d_grad_wrt_weights,
    separable_conv2d,
    separable_conv3d,
)
from ...ops.nnet import (
    batch_normalization,
    batch_normalization_test,
    batch_normalization_train,
    binary_crossentropy,
    categorical_crossentropy,
    crossentropy_softmax_1hot,
    dropout,
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
from ...ops.upsampling import bilinear_upsampling
from . import conv, neighbours
from .attention import scaled_dot_product_attention

__all__ = [
    "batch_normalization",
    "batch_normalization_test",
    "batch_normalization_train",
    "bilinear_upsampling",
    "binary_crossentropy",
    "categorical_crossentropy",
    "causal_conv1d",
    "conv",
    "conv2d",
    "conv2d_grad_wrt_inputs",
    "conv2d_grad_wrt_weights",
    "conv2d_transpose",
    "conv3d",
    "conv3d_grad_wrt_inputs",
    "conv3d_grad_wrt_weights",
    "crossentropy_softmax_1hot",
    "dropout",
    "elu",
    "hard_sigmoid",
    "log_softmax",
    "logsoftmax",
    "neighbours",
    "relu",
    "scaled_dot_product_attention",
    "selu",
    "separable_conv2d",
    "separable_conv3d",
    "sigmoid",
    "sigmoid_binary_crossentropy",
    "softmax",
    "softplus",
    "softsign",
    "tanh",
    "ultra_fast_sigmoid",
]


def __getattr__(name: str) -> object:
    if name.startswith("_"):
        raise AttributeError(name)
    from ..elsewhere import FUNCTIONS, MissingNameError

    raise MissingNameError("graphlib.tensor.nnet", name, lambda: __all__, FUNCTIONS)
