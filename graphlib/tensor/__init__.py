"""The user's facade, usually imported as ``T``: constructors of variables and every operation under its
Theano name."""

from __future__ import annotations

from ..gradient import Lop, Rop, grad, hessian, jacobian, verify_grad
from ..graph import Constant, TensorType, Variable
from ..ops.along_axis import argsort, cumprod, cumsum, flatnonzero, nonzero, sort
from ..ops.control import consider_constant, disconnected_grad, grad_clip, grad_scale, zero_grad
from ..ops.elementwise import (
    abs_,
    add,
    and_,
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    cast,
    ceil,
    clip,
    cos,
    cosh,
    eq,
    erf,
    erfc,
    exp,
    exp2,
    expm1,
    floor,
    floor_div,
    gammaln,
    ge,
    gt,
    identity,
    inv,
    invert,
    isinf,
    isnan,
    le,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    lt,
    maximum,
    minimum,
    mod,
    mul,
    neg,
    neq,
    or_,
    psi,
    sgn,
    sigmoid,
    sin,
    sinh,
    softplus,
    sqr,
    sqrt,
    sub,
    switch,
    tan,
    tanh,
    tri_gamma,
    true_div,
    trunc,
    xor,
)
from ..ops.elementwise import pow_ as pow
from ..ops.index import diag, inc_subtensor, repeat, set_subtensor, take, tile, tri, tril, triu
from ..ops.linalg import batched_dot, dot, matmul, outer, tensordot
from ..ops.op import as_variable as as_tensor_variable
from ..ops.operators import tensor_round as round
from ..ops.reduce import (
    all,
    any,
    argmax,
    argmin,
    logsumexp,
    max,
    max_and_argmax,
    mean,
    min,
    prod,
    ptp,
    std,
    sum,
    var,
)
from ..ops.shape import (
    alloc,
    arange,
    broadcast_to,
    concatenate,
    dimshuffle,
    expand_dims,
    eye,
    fill,
    flatten,
    full,
    full_like,
    identity_like,
    join,
    moveaxis,
    ones,
    ones_like,
    reshape,
    shape_padleft,
    shape_padright,
    specify_shape,
    split,
    squeeze,
    stack,
    swapaxes,
    transpose,
    zeros,
    zeros_like,
)
from ..ops.shape import shape_of as shape
from . import extra_ops, nnet, xlogx
from .constructors import *  # noqa: F403
from .constructors import __all__ as _constructors

TensorVariable = Variable
TensorConstant = Constant
as_tensor = as_tensor_variable
abs = abs_
where = switch
sign = sgn
square = sqr
reciprocal = inv
bitwise_and, bitwise_or, bitwise_xor, bitwise_not = and_, or_, xor, invert
divide = true_div
iround = round
concat = concatenate

__all__ = [name for name in dir() if not name.startswith("_") and name != "annotations"] + list(_constructors)
