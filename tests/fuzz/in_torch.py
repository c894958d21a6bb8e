"""PyTorch in float64 under graphlib's names, for a program's text.

``note`` disturbs every result of a row by a relative ``noise`` (none by default): how far the outputs then
move says what rounding may do to them.
"""

from __future__ import annotations

import math
import sys
import types
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from . import in_numpy

torch.set_num_threads(1)
DTYPES = {
    "float32": torch.float64,
    "float64": torch.float64,
    "int64": torch.int64,
    "int32": torch.int32,
    "int8": torch.int8,
    "bool": torch.bool,
}
s_ = np.s_


class Noise:
    """Independent relative errors of normal distribution for each element of each row."""

    def __init__(self, size: float, seed: int = 0) -> None:
        self.size = size
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return [self(v) for v in value]
        if not self.size or not torch.is_floating_point(value):
            return value
        return value * (1 + self.size * torch.randn(value.shape, generator=self.generator, dtype=value.dtype))


def tensor(array: np.ndarray) -> torch.Tensor:
    array = np.array(array)
    return torch.from_numpy(array.astype("float64") if array.dtype.kind == "f" else array)


class _Current:
    """The noise of the run that is going on: functions inside a row's text disturb by it, too."""

    noise = Noise(0.0)


class _Use(torch.autograd.Function):
    """The value, whose gradient is disturbed: what flows back from one use does not cancel exactly with the
    rest."""

    @staticmethod
    def forward(ctx, x, noise):
        ctx.noise = noise
        return x.clone()

    @staticmethod
    def backward(ctx, g):
        return ctx.noise(g), None


def use(value: Any) -> Any:
    noise = _Current.noise
    if not noise.size or not isinstance(value, torch.Tensor) or not value.requires_grad:
        return value
    return _Use.apply(value, noise)


def names(noise: Noise) -> dict[str, Any]:
    """What a program's text is executed with, from here on under this noise."""
    _Current.noise = noise
    return {"T": sys.modules[__name__], "graphlib": graphlib, "note": noise, "use": use}


def _n(value: Any) -> Any:
    return _Current.noise(value) if isinstance(value, (torch.Tensor, list)) else value


def _noisy(function: Any) -> Any:
    def with_noise(*args, **kwargs):
        return _n(function(*(_n(a) if isinstance(a, torch.Tensor) else a for a in args), **kwargs))

    return with_noise


def grad(cost: torch.Tensor, wrt: list, disconnected_inputs: str = "ignore") -> list:
    if not cost.requires_grad:
        return [torch.zeros_like(w) for w in wrt]
    found = torch.autograd.grad(cost, wrt, create_graph=True, allow_unused=True)
    return [torch.zeros_like(w) if g is None else g for w, g in zip(wrt, found, strict=True)]


exp, log, sqrt, sin, cos, tan, arctan, arcsin, arccos, sinh, cosh, arcsinh, arccosh, arctanh = (
    _noisy(getattr(torch, name))
    for name in "exp log sqrt sin cos tan arctan arcsin arccos sinh cosh arcsinh arccosh arctanh".split()
)
erf, erfc, log1p, expm1, exp2, log2, log10, arctan2, logaddexp, outer = (
    _noisy(getattr(torch, name))
    for name in "erf erfc log1p expm1 exp2 log2 log10 arctan2 logaddexp outer".split()
)
sqr = _noisy(torch.square)


class Polygamma(torch.autograd.Function):
    """The derivatives of lgamma, -1 for itself: PyTorch's own trigamma is exact to nine digits only."""

    @staticmethod
    def forward(ctx, x, n):
        ctx.save_for_backward(x)
        ctx.n = n
        if n < 1:
            return torch.lgamma(x) if n < 0 else torch.digamma(x)
        return (
            (-1) ** (n + 1) * math.factorial(n) * torch.special.zeta(torch.tensor(n + 1.0, dtype=x.dtype), x)
        )

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * Polygamma.apply(x, ctx.n + 1), None


gammaln = _noisy(lambda x: Polygamma.apply(x, -1))
psi = _noisy(lambda x: Polygamma.apply(x, 0))
sgn, floor, ceil, trunc, isnan = torch.sign, torch.floor, torch.ceil, torch.trunc, torch.isnan
zeros_like, ones_like, and_ = torch.zeros_like, torch.ones_like, torch.logical_and
lt, le, gt, ge, eq, neq = torch.lt, torch.le, torch.gt, torch.ge, torch.eq, torch.ne
swapaxes, expand_dims, triu, tril = torch.swapaxes, torch.unsqueeze, torch.triu, torch.tril
minimum = torch.minimum


def maximum(x, y):
    return torch.maximum(x, y if isinstance(y, torch.Tensor) else torch.as_tensor(y, dtype=x.dtype))


def round(x, mode):
    return torch.round(x)


def floor_div(x, y):
    return torch.floor(x / y)


def disconnected_grad(x):
    return x.detach()


def grad_scale(x, factor):
    return x * factor - (x * factor).detach() + x.detach()


def switch(c, x, y):
    return torch.where(c, x, y)


where = switch
clip = torch.clamp


def cast(x, dtype):
    if not isinstance(x, torch.Tensor):
        x = torch.as_tensor(x)
    return x.to(DTYPES[dtype])


def _axes(x: torch.Tensor, axis: Any) -> tuple:
    return tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)


def _over(function: Any) -> Any:
    """A reduction of PyTorch over any axes; over none at all it is the identity, as NumPy's."""

    def reduce(x, axis=None, keepdims=False):
        axes = _axes(x, axis)
        x = _n(x)
        return _n(function(x, axes, keepdims) if axes else function(x[None], (0,), False))

    return reduce


def _one_by_one(function: Any) -> Any:
    def reduce(x, axes, keepdims):
        for a in sorted((a % x.ndim for a in axes), reverse=True):
            x = function(x, a, keepdims)
        return x

    return _over(reduce)


def _product(x: torch.Tensor, axis: int, keep: bool) -> torch.Tensor:
    """As products and nothing else: PyTorch's own derivative divides."""
    x = x if torch.is_floating_point(x) else x.to(torch.int64)
    result = torch.ones_like(x.select(axis, 0)) if x.shape[axis] else torch.ones_like(x).prod(axis)
    for part in x.unbind(axis):
        result = result * part
    return result.unsqueeze(axis) if keep else result


sum = _over(lambda x, axes, keep: torch.sum(x, dim=axes, keepdim=keep))
mean = _over(lambda x, axes, keep: torch.mean(x, dim=axes, keepdim=keep))
prod = _one_by_one(_product)
max = _over(lambda x, axes, keep: torch.amax(x, dim=axes, keepdim=keep))
min = _over(lambda x, axes, keep: torch.amin(x, dim=axes, keepdim=keep))
any = _one_by_one(lambda x, a, keep: torch.any(x, dim=a, keepdim=keep))
all = _one_by_one(lambda x, a, keep: torch.all(x, dim=a, keepdim=keep))
var = _over(lambda x, axes, keep: torch.var(x, dim=axes, keepdim=keep, correction=0))
std = _over(lambda x, axes, keep: torch.sqrt(torch.var(x, dim=axes, keepdim=keep, correction=0)))
logsumexp = _over(lambda x, axes, keep: torch.logsumexp(x, dim=axes, keepdim=keep))


def _first(x, axis, keepdims, function):
    return torch.from_numpy(np.array(function(x.detach().numpy(), axis=axis, keepdims=keepdims)))


def argmax(x, axis=None, keepdims=False):
    return _first(x, axis, keepdims, np.argmax)


def argmin(x, axis=None, keepdims=False):
    return _first(x, axis, keepdims, np.argmin)


def max_and_argmax(x, axis):
    return [max(x, axis), argmax(x, axis)]


def ptp(x, axis):
    return max(x, axis) - min(x, axis)


def cumsum(x, axis):
    return torch.cumsum(_n(x), axis)


def cumprod(x, axis):
    return torch.cumprod(_n(x), axis)


def sort(x, axis):
    return torch.sort(x, dim=axis, stable=True).values


def argsort(x, axis):
    return torch.argsort(x, dim=axis, stable=True)


def dot(x, y):
    if not torch.is_floating_point(x):
        return torch.from_numpy(np.array(np.dot(x.numpy(), y.numpy())))
    return _n(torch.matmul(_n(x), _n(y)))


batched_dot, matmul = _noisy(torch.bmm), _noisy(torch.matmul)


def tensordot(x, y, axes):
    return torch.tensordot(_n(x), _n(y), dims=axes)


def dimshuffle(x, *order):
    kept = [a for a in order if a != "x"]
    dropped = [a for a in range(x.ndim) if a not in kept]
    x = x.permute((*kept, *dropped)).reshape([x.shape[a] for a in kept])
    for place, a in enumerate(order):
        if a == "x":
            x = x.unsqueeze(place)
    return x


def transpose(x):
    return x.permute(tuple(range(x.ndim - 1, -1, -1)))


squeeze = torch.squeeze


def _numbers(shape: Any) -> list[int]:
    return [int(n) for n in shape]


def reshape(x, shape):
    shape = _numbers(shape)
    if x.numel() == 0 and -1 in shape:
        shape[shape.index(-1)] = np.zeros(x.shape).reshape(shape).shape[shape.index(-1)]
    return x.reshape(shape)


def flatten(x, ndim):
    rest = int(np.prod(x.shape[ndim - 1 :]))
    return x.reshape(*x.shape[: ndim - 1], rest)


def broadcast_to(x, shape):
    return torch.broadcast_to(x, _numbers(shape))


def alloc(x, *shape):
    return broadcast_to(x, shape)


def repeat(x, times, axis):
    return torch.repeat_interleave(x, times, dim=axis)


tile = torch.tile


def pad(x, before, after):
    return F.pad(x, (before, after))


def arange(n):
    return torch.arange(n)


def eye(n, dtype):
    return torch.eye(n, dtype=torch.float64)


def full(shape, value, dtype):
    return torch.full(_numbers(shape), value, dtype=torch.float64)


def specify_shape(x, shape):
    return x


def _positions(x: torch.Tensor, key: Any) -> torch.Tensor:
    """Where the elements of ``x[key]`` lie in the flattened x: PyTorch has no negative steps."""
    places = np.arange(x.numel()).reshape(tuple(x.shape))
    key = (
        tuple(np.asarray(k) if isinstance(k, torch.Tensor) else k for k in key)
        if isinstance(key, tuple)
        else key
    )
    return torch.from_numpy(np.array(places[key]))


def part(x, key):
    return x.reshape(-1)[_positions(x, key)]


def take(x, index, axis=0):
    return x[(slice(None),) * axis + (index.long(),)]


def pick_each(x, index):
    return x[torch.arange(x.shape[0]), index.long()]


def masked(x, mask):
    return x[mask]


diag = torch.diag


def _written(x: torch.Tensor, positions: torch.Tensor, value: Any, add: bool) -> torch.Tensor:
    if not isinstance(value, torch.Tensor):
        value = torch.full(positions.shape, value, dtype=x.dtype)
    value = torch.broadcast_to(value, positions.shape).reshape(-1)
    flat, positions = x.reshape(-1), positions.reshape(-1)
    if add:
        return flat.index_add(0, positions, value).reshape(x.shape)
    return flat.index_copy(0, positions, value).reshape(x.shape)


def set_part(x, key, value):
    return _written(x, _positions(x, key), value, False)


def inc_part(x, key, value):
    return _written(x, _positions(x, key), value, True)


def set_masked(x, mask, value):
    return _written(x, _positions(x, mask.numpy()), value, False)


def inc_masked(x, mask, value):
    return _written(x, _positions(x, mask.numpy()), value, True)


def inc_rows(x, index, rows):
    return _written(x, _positions(x, index.numpy()), rows, True)


def set_each(x, index, value):
    return _written(x, _positions(x, (np.arange(x.shape[0]), index.numpy())), value, False)


def set_order(x, order, rows):
    return _written(x, _positions(x, order.numpy()), rows, False)


def concatenate(parts, axis):
    return torch.cat(parts, dim=axis)


def stack(parts, axis):
    return torch.stack(parts, dim=axis)


def split(x, sizes, count, axis):
    return list(torch.split(x, sizes, dim=axis))


def conv2d(x, w, border_mode, subsample, filter_flip, filter_dilation):
    rows, columns = ((n - 1) * d + 1 for n, d in zip(w.shape[2:], filter_dilation, strict=True))
    padding = in_numpy._border(border_mode, rows, columns)
    w = torch.flip(w, (2, 3)) if filter_flip else w
    return F.conv2d(_n(x), _n(w), padding=padding, stride=subsample, dilation=filter_dilation)


def pool_2d(x, ws, stride, ignore_border, mode):
    stride = stride or ws
    windows = x.unfold(-2, ws[0], stride[0]).unfold(-2, ws[1], stride[1])
    function = {"max": torch.amax, "sum": torch.sum}.get(mode, torch.mean)
    return function(windows, dim=(-2, -1))


def _rows(x: torch.Tensor) -> torch.Tensor:
    return x[None] if x.ndim == 1 else x


def _softmax(x: torch.Tensor, axis: int = -1) -> torch.Tensor:
    """By exponentials that are rounded: what cancels in its gradients does so but for that."""
    x = _rows(_n(x))
    e = exp(x - x.detach().amax(axis, keepdim=True)) if x.shape[axis] else x
    return _n(e / _n(e.sum(axis, keepdim=True)))


class _Sigmoid(torch.autograd.Function):
    """The sigmoid, whose derivative p (1 - p) is computed of a p that was rounded, as everywhere."""

    @staticmethod
    def forward(ctx, x, noise):
        p = noise(torch.sigmoid(x))
        ctx.save_for_backward(p)
        return p

    @staticmethod
    def backward(ctx, g):
        (p,) = ctx.saved_tensors
        return g * p * (1 - p), None


class _Tanh(torch.autograd.Function):
    """The hyperbolic tangent, whose derivative 1 - t² is computed of a t that was rounded, too."""

    @staticmethod
    def forward(ctx, x, noise):
        t = noise(torch.tanh(x))
        ctx.save_for_backward(t)
        return t

    @staticmethod
    def backward(ctx, g):
        (t,) = ctx.saved_tensors
        return g * (1 - t * t), None


def tanh(x: torch.Tensor) -> torch.Tensor:
    return _Tanh.apply(_n(x), _Current.noise)


nnet = types.SimpleNamespace(
    sigmoid=lambda x: _Sigmoid.apply(_n(x), _Current.noise),
    softplus=_noisy(lambda x: F.softplus(x, threshold=50)),
    softmax=_softmax,
    logsoftmax=lambda x, axis=-1: _n(torch.log_softmax(_rows(_n(x)), dim=axis)),
    relu=lambda x, alpha=0: F.leaky_relu(x, alpha), elu=F.elu, selu=F.selu,
    hard_sigmoid=lambda x: torch.clamp(x * 0.2 + 0.5, 0, 1), softsign=F.softsign,
    binary_crossentropy=lambda p, t: -(t * log(p) + (1 - t) * log(1 - p)),
    categorical_crossentropy=lambda p, y: -log(p)[torch.arange(p.shape[0]), y.long()], conv2d=conv2d,
)  # fmt: skip
signal = types.SimpleNamespace(pool=types.SimpleNamespace(pool_2d=pool_2d))
xlogx = types.SimpleNamespace(xlogx=lambda x: x * log(x), xlogy0=lambda x, y: x * log(y))
extra_ops = types.SimpleNamespace(
    to_one_hot=lambda y, n, dtype: (y[:, None].long() == torch.arange(n)).to(torch.float64)
)


graphlib = in_numpy.loops(torch.stack, in_numpy.until)


class Streams(in_numpy.Streams):
    def __init__(self, seed: int, floatX: str) -> None:
        super().__init__(seed, floatX, tensor)
