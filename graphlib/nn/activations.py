"""Activations: plain functions of a variable, each of a value but for `softmax`, which is of the last axis.

They are names in run files and for ``activation=``; any other function of a variable will do there as
well. Where a function has a kink its gradient is that of graphlib's operations (docs/gradients.md): `relu`'s
at 0 is the mean of both sides'.
"""

from __future__ import annotations

import numpy as np

from .. import tensor as T
from ..graph import Variable
from ..tensor import as_tensor_variable as as_variable
from ..tensor import nnet
from .registry import register

__all__ = [
    "elliot",
    "elu",
    "exponential",
    "gelu",
    "hard_sigmoid",
    "leaky_relu",
    "lecun_tanh",
    "linear",
    "relu",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "softsign",
    "symmetric_elliot",
    "tanh",
]


@register("activation")
def linear(x: Variable) -> Variable:
    """x itself."""
    return as_variable(x)


@register("activation")
def sigmoid(x: Variable) -> Variable:
    """1 / (1 + exp(−x))."""
    return nnet.sigmoid(x)


@register("activation")
def hard_sigmoid(x: Variable) -> Variable:
    """0.2 x + 0.5, brought into [0, 1]."""
    return nnet.hard_sigmoid(x)


@register("activation")
def tanh(x: Variable) -> Variable:
    """The hyperbolic tangent."""
    return T.tanh(x)


@register("activation")
def lecun_tanh(x: Variable) -> Variable:
    """1.7159 tanh(2 x / 3), which is ±1 at ±1 (Y. LeCun, L. Bottou, G. Orr and K.-R. Müller, "Efficient
    BackProp", 1998, section 4.4).
    """
    return 1.7159 * T.tanh(as_variable(x) * (2 / 3))


@register("activation")
def relu(x: Variable) -> Variable:
    """max(x, 0)."""
    return nnet.relu(x)


@register("activation")
def leaky_relu(x: Variable, alpha: float = 0.01) -> Variable:
    """x, or alpha x where x is negative (A. Maas, A. Hannun and A. Ng, "Rectifier nonlinearities improve
    neural network acoustic models", 2013).
    """
    return nnet.relu(x, alpha)


@register("activation")
def elu(x: Variable, alpha: float = 1.0) -> Variable:
    """x where positive, else alpha (exp(x) − 1) (D.-A. Clevert, T. Unterthiner and S. Hochreiter, 2015)."""
    return nnet.elu(x, alpha)


@register("activation")
def selu(x: Variable) -> Variable:
    """The self-normalising unit: 1.0507 elu(x, 1.6733) (G. Klambauer et al., 2017)."""
    return nnet.selu(x)


@register("activation")
def gelu(x: Variable) -> Variable:
    """x Φ(x), Φ being the normal distribution's function (D. Hendrycks and K. Gimpel, 2016), as it is."""
    x = as_variable(x)
    return 0.5 * x * (1 + T.erf(x * float(np.sqrt(0.5))))


@register("activation")
def silu(x: Variable) -> Variable:
    """x sigmoid(x), also called swish (S. Elfwing, E. Uchibe and K. Doya, 2017)."""
    x = as_variable(x)
    return x * nnet.sigmoid(x)


@register("activation")
def exponential(x: Variable) -> Variable:
    """exp(x)."""
    return T.exp(x)


@register("activation")
def softplus(x: Variable) -> Variable:
    """log(1 + exp(x)), without overflow."""
    return nnet.softplus(x)


@register("activation")
def softsign(x: Variable) -> Variable:
    """x / (1 + |x|)."""
    return nnet.softsign(x)


@register("activation")
def elliot(x: Variable, steepness: float = 1.0) -> Variable:
    """½ s x / (1 + |s x|) + ½, a sigmoid without an exponential, s being the steepness (D. Elliott, "A better
    activation function for artificial neural networks", 1993).
    """
    return 0.5 * symmetric_elliot(x, steepness) + 0.5


@register("activation")
def symmetric_elliot(x: Variable, steepness: float = 1.0) -> Variable:
    """s x / (1 + |s x|), s being the steepness: softsign for 1."""
    return nnet.softsign(as_variable(x) * steepness)


@register("activation")
def softmax(x: Variable) -> Variable:
    """exp(x) over its sum along the last axis, without overflow."""
    x = as_variable(x)
    return nnet.softmax(x)[0] if x.ndim == 1 else nnet.softmax(x)  # of a vector, nnet's is a matrix of a row
