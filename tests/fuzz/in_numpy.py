"""NumPy under graphlib's names, for a program's text; it refuses (``Unfit``) what is not well-conditioned.

What two programs may differ in without either being wrong is kept out of programs here: values near a kink, a
pole, a tie or a step, values that are not finite or large, products that overflow an integer.
"""

from __future__ import annotations

import builtins
import sys
import types
from typing import Any

import numpy as np
from scipy import special

MARGIN = 1e-3
LARGEST = 1e4


class Unfit(Exception):
    """A value that a comparison of two interpreters would not be fair at."""


def need(condition: Any) -> None:
    if not np.all(condition):
        raise Unfit


def note(value: Any) -> Any:
    """Every result of a row comes through here."""
    for one in value if isinstance(value, (list, tuple)) else [value]:
        array = np.asarray(one)
        need(array.size <= 600 and array.ndim <= 5)
        if array.dtype.kind == "f":
            need(np.isfinite(array))
            need(np.abs(array) < LARGEST)
        elif array.dtype.kind == "i":
            need(np.abs(array.astype(float)) <= (100 if array.dtype.itemsize == 1 else 2**20))
    return [array_of(v) for v in value] if isinstance(value, (list, tuple)) else array_of(value)


def array_of(value: Any) -> Array:
    return array(value)


s_ = np.s_


def _away(x: Any, *places: float) -> Any:
    if np.asarray(x).dtype.kind == "f":
        for place in places:
            need(np.abs(x - place) > MARGIN)
    return x


def _within(x: Any, low: float, high: float) -> Any:
    need((low < np.asarray(x)) & (np.asarray(x) < high))
    return x


def _whole_steps(x: Any) -> Any:
    need(np.abs(x - np.round(x)) > MARGIN)
    return x


class Array(np.ndarray):
    """An array whose operators look at what they are given."""

    def __truediv__(self, other):
        need(np.abs(np.asarray(other, float)) > 0.05)
        return _float(np.true_divide(self, other))

    def __rtruediv__(self, other):
        need(np.abs(np.asarray(self, float)) > 0.05)
        return _float(np.true_divide(other, self))

    def __pow__(self, other):
        if isinstance(other, (int, float)):
            if other < 0 or other != int(other):
                need(np.asarray(self) > 0.1 if other != int(other) else np.abs(self) > 0.1)
        else:
            _within(self, 0.1, 50)
        return np.power(self, other)

    def __floordiv__(self, other):
        need(np.abs(np.asarray(other, float)) > 0.05)
        if self.dtype.kind == "f":
            _whole_steps(np.true_divide(self, other))
        return np.floor_divide(self, other)

    def __mod__(self, other):
        need(np.abs(np.asarray(other, float)) > 0.05)
        if self.dtype.kind == "f":
            _whole_steps(np.true_divide(self, other))
        return np.mod(self, other)

    def __abs__(self):
        return np.abs(_away(self, 0))


def _float(x: Any) -> Any:
    return array(np.asarray(x, "float64"))


def array(x: Any) -> Array:
    x = np.asarray(x)
    return (x.astype("float64") if x.dtype.kind == "f" else x).view(Array)


exp = lambda x: np.exp(_within(x, -30, 9))  # noqa: E731
log = lambda x: np.log(_within(x, 0.01, 1e9))  # noqa: E731
sqrt = lambda x: np.sqrt(_within(x, 0.01, 1e9))  # noqa: E731
sqr, tanh, sin, cos, arctan, arcsinh = np.square, np.tanh, np.sin, np.cos, np.arctan, np.arcsinh


def tan(x):
    need(np.abs(np.cos(x)) > 0.2)
    return np.tan(x)


arcsin = lambda x: np.arcsin(_within(x, -0.95, 0.95))  # noqa: E731
arccos = lambda x: np.arccos(_within(x, -0.95, 0.95))  # noqa: E731
arctanh = lambda x: np.arctanh(_within(x, -0.95, 0.95))  # noqa: E731
sinh = lambda x: np.sinh(_within(x, -8, 8))  # noqa: E731
cosh = lambda x: np.cosh(_within(x, -8, 8))  # noqa: E731
arccosh = lambda x: np.arccosh(_within(x, 1.1, 1e9))  # noqa: E731
erf = lambda x: _float(special.erf(x))  # noqa: E731
erfc = lambda x: _float(special.erfc(_within(x, -9, 4)))  # noqa: E731
log1p = lambda x: np.log1p(_within(x, -0.9, 1e9))  # noqa: E731
expm1 = lambda x: np.expm1(_within(x, -30, 9))  # noqa: E731
exp2 = lambda x: np.exp2(_within(x, -30, 12))  # noqa: E731
log2 = lambda x: np.log2(_within(x, 0.01, 1e9))  # noqa: E731
log10 = lambda x: np.log10(_within(x, 0.01, 1e9))  # noqa: E731
gammaln = lambda x: _float(special.gammaln(_within(x, 0.1, 1e3)))  # noqa: E731
psi = lambda x: _float(special.digamma(_within(x, 0.1, 1e3)))  # noqa: E731
sgn = lambda x: np.sign(_away(x, 0))  # noqa: E731
floor = lambda x: np.floor(_whole_steps(x))  # noqa: E731
ceil = lambda x: np.ceil(_whole_steps(x))  # noqa: E731
trunc = lambda x: np.trunc(_whole_steps(x))  # noqa: E731
isnan = np.isnan
zeros_like, ones_like = np.zeros_like, np.ones_like
arctan2 = lambda y, x: (need(np.square(y) + np.square(x) > 0.01), np.arctan2(y, x))[1]  # noqa: E731
logaddexp = np.logaddexp
and_ = np.logical_and


def round(x, mode):
    _whole_steps(x + 0.5)
    return np.round(x)


def floor_div(x, y):
    return x // y


def disconnected_grad(x):
    return x


def grad_scale(x, factor):
    return x


def _apart(x: Any, y: Any) -> None:
    x, y = np.asarray(x), np.asarray(y)
    if "f" in (x.dtype.kind, y.dtype.kind):
        need(np.abs(x - y) > MARGIN)


def _compared(function):
    def compare(x, y):
        _apart(x, y)
        return function(x, y)

    return compare


lt, le, gt, ge = (_compared(f) for f in (np.less, np.less_equal, np.greater, np.greater_equal))
eq, neq = _compared(np.equal), _compared(np.not_equal)
maximum, minimum = _compared(np.maximum), _compared(np.minimum)


def switch(c, x, y):
    kinds = np.asarray(x).dtype, np.asarray(y).dtype
    wanted = next((d for d in kinds if d.kind == "f"), None)
    return array(np.where(c, x, y).astype(wanted or np.result_type(x, y)))


where = switch


def clip(x, low, high):
    _away(x, low, high)
    return np.clip(x, low, high)


def cast(x, dtype):
    x = np.asarray(x)
    if x.dtype.kind == "f" and dtype[0] == "i":
        _whole_steps(x)
        need(np.abs(x) < 100)
    if x.dtype.kind == "f" and dtype == "bool":
        _away(x, 0)
    if x.dtype.kind == "i" and dtype == "int8":
        need(np.abs(x) <= 100)
    return array(x.astype("float64" if dtype.startswith("float") else dtype))


# reductions


def _axes(axis: Any) -> Any:
    return tuple(axis) if isinstance(axis, list) else axis


def sum(x, axis=None, keepdims=False):
    need(axis is None or np.ndim(x) > 0)
    return array(
        np.sum(
            np.asarray(x),
            axis=_axes(axis),
            keepdims=keepdims,
            dtype=None if np.asarray(x).dtype.kind == "f" else "int64",
        )
    )


def prod(x, axis=None, keepdims=False):
    return array(np.prod(np.asarray(x), axis=_axes(axis), keepdims=keepdims))


def _not_empty(x: Any, axis: Any) -> None:
    x = np.asarray(x)
    axes = range(x.ndim) if axis is None else [axis] if isinstance(axis, int) else axis
    need(axis is None or x.ndim > 0)
    need(all_lengths(x.shape[a] for a in axes))


def all_lengths(lengths) -> bool:
    return np.prod([1, *lengths]) > 0


def mean(x, axis=None, keepdims=False):
    _not_empty(x, axis)
    return array(np.mean(np.asarray(x), axis=_axes(axis), keepdims=keepdims))


def _no_ties(x: Any, axis: Any) -> None:
    """No two elements of a group are near to each other."""
    x = np.asarray(x)
    if x.dtype.kind != "f":
        return
    axes = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    axes = tuple(a % x.ndim for a in axes)
    rest = [a for a in range(x.ndim) if a not in axes]
    groups = x.transpose(*rest, *axes).reshape(*(x.shape[a] for a in rest), -1) if x.ndim else x.reshape(1)
    need(np.diff(np.sort(groups, axis=-1), axis=-1) > MARGIN)


def max(x, axis=None, keepdims=False):
    _not_empty(x, axis)
    _no_ties(x, axis)
    return array(np.max(np.asarray(x), axis=_axes(axis), keepdims=keepdims))


def min(x, axis=None, keepdims=False):
    _not_empty(x, axis)
    _no_ties(x, axis)
    return array(np.min(np.asarray(x), axis=_axes(axis), keepdims=keepdims))


def any(x, axis=None, keepdims=False):
    return array(np.any(np.asarray(x), axis=_axes(axis), keepdims=keepdims))


def all(x, axis=None, keepdims=False):
    return array(np.all(np.asarray(x), axis=_axes(axis), keepdims=keepdims))


def var(x, axis=None, keepdims=False):
    _not_empty(x, axis)
    return array(np.var(np.asarray(x), axis=_axes(axis), keepdims=keepdims))


def std(x, axis=None, keepdims=False):
    result = var(x, axis, keepdims)
    need(result > 0.01)
    return array(np.sqrt(result))


def logsumexp(x, axis=None, keepdims=False):
    _not_empty(x, axis)
    x = np.asarray(x)
    return array(special.logsumexp(x, axis=_axes(axis), keepdims=keepdims) if x.ndim else x)


def argmax(x, axis=None, keepdims=False):
    _not_empty(x, axis)
    _no_ties(x, axis)
    return array(np.argmax(np.asarray(x), axis=axis, keepdims=keepdims))


def argmin(x, axis=None, keepdims=False):
    _not_empty(x, axis)
    _no_ties(x, axis)
    return array(np.argmin(np.asarray(x), axis=axis, keepdims=keepdims))


def max_and_argmax(x, axis):
    return [max(x, axis), argmax(x, axis)]


def ptp(x, axis):
    return max(x, axis) - min(x, axis)


def cumsum(x, axis):
    return array(
        np.cumsum(np.asarray(x), axis=axis, dtype=None if np.asarray(x).dtype.kind == "f" else "int64")
    )


def cumprod(x, axis):
    need(np.abs(x) > 0.05)
    return array(np.cumprod(np.asarray(x), axis=axis))


def sort(x, axis):
    _no_ties(x, axis)
    return array(np.sort(np.asarray(x), axis=axis))


def argsort(x, axis):
    _no_ties(x, axis)
    return array(np.argsort(np.asarray(x), axis=axis, kind="stable"))


# products


def dot(x, y):
    need(np.ndim(x) in (1, 2) and np.ndim(y) in (1, 2))
    return array(np.dot(np.asarray(x), np.asarray(y)))


def batched_dot(x, y):
    return array(np.einsum("bij,bjk->bik", x, y))


def matmul(x, y):
    return array(np.matmul(np.asarray(x), np.asarray(y)))


def tensordot(x, y, axes):
    for a, b in zip(*axes, strict=True):
        need(x.shape[a] == y.shape[b])
    return array(np.tensordot(np.asarray(x), np.asarray(y), axes=axes))


def outer(x, y):
    return array(np.outer(x, y))


# shapes


def dimshuffle(x, *order):
    x = np.asarray(x)
    kept = [a for a in order if a != "x"]
    dropped = [a for a in range(x.ndim) if a not in kept]
    need(all_lengths(x.shape[a] == 1 for a in dropped))
    x = x.transpose(*kept, *dropped).reshape([x.shape[a] for a in kept])
    return array(x[tuple(None if a == "x" else slice(None) for a in order)])


def transpose(x):
    return array(np.asarray(x).T)


swapaxes, expand_dims = np.swapaxes, np.expand_dims


def squeeze(x):
    return array(np.squeeze(np.asarray(x)))


def reshape(x, shape):
    return array(np.asarray(x).reshape(shape))


def flatten(x, ndim):
    rest = int(np.prod(x.shape[ndim - 1 :]))
    return array(np.asarray(x).reshape(*x.shape[: ndim - 1], rest))


def broadcast_to(x, shape):
    return array(np.broadcast_to(np.asarray(x), shape))


def alloc(x, *shape):
    return broadcast_to(x, shape)


def repeat(x, times, axis):
    return array(np.repeat(np.asarray(x), times, axis))


def tile(x, times):
    return array(np.tile(np.asarray(x), times))


def pad(x, before, after):
    return array(np.pad(np.asarray(x), (before, after)))


def arange(n):
    return array(np.arange(n))


def eye(n, dtype):
    return array(np.eye(n))


def full(shape, value, dtype):
    return array(np.full(shape, value))


def specify_shape(x, shape):
    return x


# indexing


def part(x, key):
    return array(np.asarray(x)[key])


def take(x, index, axis=0):
    return array(np.take(np.asarray(x), np.asarray(index), axis))


def pick_each(x, index):
    return array(np.asarray(x)[np.arange(x.shape[0]), np.asarray(index)])


def masked(x, mask):
    return array(np.asarray(x)[np.asarray(mask)])


def diag(x):
    return array(np.diag(np.asarray(x)))


def triu(x, k):
    return array(np.triu(np.asarray(x), k))


def tril(x, k):
    return array(np.tril(np.asarray(x), k))


def _written(x, key, value, increment=False):
    result = np.array(x)
    value = np.asarray(value)
    if increment:
        np.add.at(result, key, value)
    else:
        result[key] = value
    return array(result)


def set_part(x, key, value):
    return _written(x, key, value)


def inc_part(x, key, value):
    return _written(x, key, value, True)


def set_masked(x, mask, value):
    return _written(x, np.asarray(mask), value)


def inc_masked(x, mask, value):
    return _written(x, np.asarray(mask), value, True)


def inc_rows(x, index, rows):
    return _written(x, np.asarray(index), rows, True)


def set_each(x, index, value):
    return _written(x, (np.arange(x.shape[0]), np.asarray(index)), value)


def set_order(x, order, rows):
    return _written(x, np.asarray(order), rows)


# joining


def concatenate(parts, axis):
    return array(np.concatenate([np.asarray(p) for p in parts], axis))


def stack(parts, axis):
    return array(np.stack([np.asarray(p) for p in parts], axis))


def split(x, sizes, count, axis):
    return [array(p) for p in np.split(np.asarray(x), np.cumsum(sizes)[:-1], axis)]


# images


def _border(border, rows, columns):
    if border == "valid":
        return 0, 0
    if border == "full":
        return rows - 1, columns - 1
    if border == "half":
        return rows // 2, columns // 2
    return (border, border) if isinstance(border, int) else border


def conv2d(x, w, border_mode, subsample, filter_flip, filter_dilation):
    x, w = np.asarray(x), np.asarray(w)
    rows, columns = ((n - 1) * d + 1 for n, d in zip(w.shape[2:], filter_dilation, strict=True))
    above, left = _border(border_mode, rows, columns)
    x = np.pad(x, ((0, 0), (0, 0), (above, above), (left, left)))
    high, wide = x.shape[2] - rows + 1, x.shape[3] - columns + 1
    need(high > 0 and wide > 0)
    if filter_flip:
        w = w[:, :, ::-1, ::-1]
    result = 0.0
    for i in range(w.shape[2]):
        for j in range(w.shape[3]):
            top, side = i * filter_dilation[0], j * filter_dilation[1]
            seen = x[:, :, top : top + high : subsample[0], side : side + wide : subsample[1]]
            result = result + np.einsum("nchw,fc->nfhw", seen, w[:, :, i, j])
    return array(result)


def pool_2d(x, ws, stride, ignore_border, mode):
    stride = stride or ws
    need(x.shape[-2] >= ws[0] and x.shape[-1] >= ws[1])
    windows = np.lib.stride_tricks.sliding_window_view(np.asarray(x), ws, axis=(-2, -1))
    windows = windows[..., :: stride[0], :: stride[1], :, :]
    if mode == "max":
        return max(windows, (-2, -1))
    return array(windows.sum((-2, -1)) if mode == "sum" else windows.mean((-2, -1)))


# neural networks


def _softmax(x, axis=-1):
    x = np.asarray(x)
    x = x[None] if x.ndim == 1 else x
    need(x.shape[axis] > 0)
    return array(special.softmax(x, axis=axis))


def _logsoftmax(x, axis=-1):
    return log(_softmax(x, axis))


def _relu(x, alpha=0):
    _away(x, 0)
    return np.where(np.asarray(x) > 0, x, alpha * np.asarray(x)).view(Array)


def _elu(x):
    _away(x, 0)
    return array(np.where(np.asarray(x) > 0, x, np.expm1(np.minimum(x, 0))))


def _selu(x):
    return 1.0507009873554805 * array(
        np.where(np.asarray(x) > 0, x, 1.6732632423543772 * np.expm1(np.minimum(_away(x, 0), 0)))
    )


def _binary_crossentropy(p, t):
    return array(-(t * log(p) + (1 - t) * log(1 - p)))


def _categorical_crossentropy(p, y):
    return array(-np.log(np.asarray(_within(p, 1e-6, 2)))[np.arange(p.shape[0]), np.asarray(y)])


nnet = types.SimpleNamespace(
    sigmoid=lambda x: _float(special.expit(x)), softplus=lambda x: np.logaddexp(0, x), softmax=_softmax,
    logsoftmax=_logsoftmax, relu=_relu, elu=_elu, selu=_selu,
    hard_sigmoid=lambda x: np.clip(_away(x, -2.5, 2.5) * 0.2 + 0.5, 0, 1),
    softsign=lambda x: x / (1 + np.abs(x)), binary_crossentropy=_binary_crossentropy,
    categorical_crossentropy=_categorical_crossentropy, conv2d=conv2d,
)  # fmt: skip
signal = types.SimpleNamespace(pool=types.SimpleNamespace(pool_2d=pool_2d))
xlogx = types.SimpleNamespace(xlogx=lambda x: x * log(x), xlogy0=lambda x, y: (_away(x, 0), x * log(y))[1])
extra_ops = types.SimpleNamespace(
    to_one_hot=lambda y, n, dtype: array((np.asarray(y)[:, None] == np.arange(n)).astype("float64"))
)


# loops


class until:
    def __init__(self, condition: Any) -> None:
        self.condition = bool(condition)


def loop(fn, sequences, infos, closed, steps, backwards, together):
    """Theano's scan, written out; ``together`` stacks the rows of an output."""
    sequences = [s if isinstance(s, dict) else {"input": s, "taps": [0]} for s in _listed(sequences)]
    infos = [i if isinstance(i, dict) else {"initial": i, "taps": [-1], "bare": True} for i in _listed(infos)]
    rows = []
    for sequence in sequences:
        taps = sequence["taps"]
        low, high = builtins.min(0, *taps), builtins.max(0, *taps)
        length = sequence["input"].shape[0] + low - high
        for tap in taps:
            rows.append([sequence["input"][t + tap - low] for t in range(builtins.max(length, 0))])
    if backwards:
        rows = [r[::-1] for r in rows]
    steps = builtins.min(len(r) for r in rows) if steps is None else int(steps)
    need(steps >= 0 and all_lengths([len(r) >= steps for r in rows]))
    need(steps > 0)
    states = []
    for info in infos:
        if info["initial"] is None:
            states.append(None)
        elif info.get("bare"):
            states.append([info["initial"]])
        else:
            states.append([info["initial"][k] for k in range(-builtins.min(*info["taps"], 0))])
    firsts = [len(s) if s is not None else 0 for s in states]
    histories = [s if s is not None else [] for s in states]
    for t in range(steps):
        last = [
            histories[k][tap]
            for k, info in enumerate(infos)
            if info["initial"] is not None
            for tap in info["taps"]
        ]
        returned = fn(*(r[t] for r in rows), *last, *_listed(closed))
        stop = False
        if isinstance(returned, tuple) and isinstance(returned[-1], until_types):
            stop = returned[-1].condition
            returned = returned[0]
        returned = _listed(returned)
        if not histories:
            infos = [{"initial": None}] * len(returned)
            histories, firsts = [[] for _ in returned], [0] * len(returned)
        for history, value, info in zip(histories, returned, infos, strict=True):
            if info["initial"] is not None:
                need(value.shape == history[0].shape and value.dtype == history[0].dtype)
            elif history:
                need(value.shape == history[0].shape)
            history.append(value)
        if stop:
            break
    return [together(h[first:]) for h, first in zip(histories, firsts, strict=True)]


until_types: tuple = (until,)


def _listed(value: Any) -> list:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def loops(together, condition_type):
    """graphlib's names of loops, made of ``loop``."""

    def scan(
        fn,
        sequences=None,
        outputs_info=None,
        non_sequences=None,
        n_steps=None,
        go_backwards=False,
        return_list=True,
    ):
        return loop(fn, sequences, outputs_info, non_sequences, n_steps, go_backwards, together), {}

    def map(fn, sequences):
        return loop(fn, sequences, None, None, None, False, together)[0], {}

    def folded(fn, sequences, initial, backwards):
        return loop(fn, sequences, initial, None, None, backwards, together)[0][-1], {}

    return types.SimpleNamespace(
        scan=scan, map=map, until=condition_type, ifelse=lambda c, x, y: x if bool(c) else y,
        foldl=lambda fn, s, i: folded(fn, s, i, False), foldr=lambda fn, s, i: folded(fn, s, i, True),
    )  # fmt: skip


graphlib = loops(lambda rows: array(np.stack([np.asarray(r) for r in rows])), until)


def names() -> dict[str, Any]:
    """What a program's text is executed with."""
    return {"T": sys.modules[__name__], "graphlib": graphlib, "note": note, "use": lambda value: value}


# random numbers: Philox4x32-10 (Salmon et al., 2011) written a second time


def philox(counter: list[int], key: list[int]) -> list[int]:
    c, k = list(counter), list(key)
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & 0xFFFFFFFF, (a >> 32) ^ c[3] ^ k[1], a & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


class Streams:
    """``rng[k]`` is stream k; each draw from it counts."""

    def __init__(self, seed: int, floatX: str, convert=array) -> None:
        self.seed, self.floatX, self.convert = seed, floatX, convert
        self.streams: dict[int, Stream] = {}

    def __getitem__(self, k: int) -> Stream:
        return self.streams.setdefault(k, Stream(self, k))


class Stream:
    def __init__(self, owner: Streams, k: int) -> None:
        self.owner, self.k, self.count = owner, k, 0

    def words(self, n: int) -> np.ndarray:
        blocks = -(-n // 4)
        found = [philox([b, 0, self.count, 0], [self.owner.seed, self.k]) for b in range(blocks)]
        self.count += 1
        return np.array(found, "uint64").reshape(-1)

    def unit(self, shape: tuple, dtype: str) -> np.ndarray:
        n = int(np.prod(shape))
        if dtype == "float32":
            return ((self.words(n)[:n] >> np.uint64(8)).astype("float64") * 2.0**-24).reshape(shape)
        pairs = self.words(2 * n).reshape(-1, 2)[:n]
        bits = (pairs[:, 0] | pairs[:, 1] << np.uint64(32)) >> np.uint64(11)
        return (bits.astype("float64") * 2.0**-53).reshape(shape)

    def gauss(self, shape: tuple, dtype: str) -> np.ndarray:
        n = int(np.prod(shape))
        if dtype == "float32":
            pairs = self.words(n).reshape(-1, 2)
            radius = (pairs[:, 0].astype("float64") + 0.5) * 2.0**-32
            turn = (pairs[:, 1] >> np.uint64(8)).astype("float64") * 2.0**-24
        else:
            pairs = self.unit((n + n % 2,), dtype).reshape(-1, 2)
            radius, turn = pairs[:, 0] + 2.0**-54, pairs[:, 1]
        length = np.sqrt(-2 * np.log(radius))
        both = np.stack([length * np.cos(2 * np.pi * turn), length * np.sin(2 * np.pi * turn)], axis=-1)
        return both.reshape(-1)[:n].reshape(shape)

    def uniform(self, size, low=0.0, high=1.0, dtype="float64"):
        return self.owner.convert(self.unit(size, dtype) * (high - low) + low)

    def normal(self, size, avg=0.0, std=1.0, dtype="float64"):
        return self.owner.convert(self.gauss(size, dtype) * std + avg)

    def binomial(self, size, p, dtype):
        return self.owner.convert((self.unit(size, self.owner.floatX) < p).astype("float64"))

    def random_integers(self, size, low, high, dtype):
        return self.owner.convert(
            (np.floor(self.unit(size, "float64") * (high - low + 1)) + low).astype("int64")
        )

    def permutation(self, n):
        return self.owner.convert(np.argsort(self.unit((n,), "float64"), kind="stable"))
