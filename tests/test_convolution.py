"""Convolution against scipy.signal and against loops, its shapes, its errors, and its gradients."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import convolve2d, correlate2d

import graphlib
import graphlib.tensor as T
from graphlib.errors import ShapeError

from .ops.backends import MODES, assert_same, compiled


def numbers(seed, *shape):
    return np.random.RandomState(seed).uniform(-1, 1, shape).astype("float32")


def by_scipy(x, w, mode, flip):
    function = convolve2d if flip else correlate2d
    return np.array([[sum(map(lambda a, b: function(a, b, mode), i, f)) for f in w] for i in x])


@pytest.mark.parametrize("backend", MODES)
@pytest.mark.parametrize("flip", [True, False])
@pytest.mark.parametrize(("border", "mode"), [("valid", "valid"), ("full", "full"), ("half", "same")])
def test_against_scipy(backend, flip, border, mode):
    # filters of odd lengths: there 'half' is what scipy calls 'same'
    x, w = T.tensor4("x"), T.tensor4("w")
    f = compiled(backend, [x, w], T.nnet.conv2d(x, w, border_mode=border, filter_flip=flip))
    images, filters = numbers(0, 2, 3, 9, 11), numbers(1, 4, 3, 3, 5)
    assert_same(f(images, filters), by_scipy(images, filters, mode, flip).astype("float32"))


def by_loops(x, w, pad, stride, dilation, flip):
    """The definition, one output at a time, in double."""
    w = (w[:, :, ::-1, ::-1] if flip else w).astype(float)
    x = np.pad(x.astype(float), [(0, 0), (0, 0), (pad[0],) * 2, (pad[1],) * 2])
    (kh, kw), (sh, sw), (dh, dw) = w.shape[2:], stride, dilation
    rows, columns = (x.shape[2] - (kh - 1) * dh - 1) // sh + 1, (x.shape[3] - (kw - 1) * dw - 1) // sw + 1
    out = np.empty((len(x), len(w), rows, columns))
    for n, f, i, j in np.ndindex(*out.shape):
        patch = x[n, :, i * sh : i * sh + (kh - 1) * dh + 1 : dh, j * sw : j * sw + (kw - 1) * dw + 1 : dw]
        out[n, f, i, j] = (patch * w[f]).sum()
    return out


_compiled = {}


def with_gradients(backend, border, stride, dilation, flip):
    """A function of images, filters and weights: the convolution and its two gradients; compiled once."""
    key = backend, border, stride, dilation, flip
    if key not in _compiled:
        x, w, t = T.tensor4("x"), T.tensor4("w"), T.tensor4("t")
        y = T.nnet.conv2d(
            x, w, border_mode=border, subsample=stride, filter_dilation=dilation, filter_flip=flip
        )
        _compiled[key] = compiled(backend, [x, w, t], [y, *T.grad((y * t).sum(), [x, w])])
    return _compiled[key]


small = st.integers(1, 3)


@settings(max_examples=60, deadline=None)
@given(
    channels=st.integers(1, 3),
    filters=st.integers(1, 5),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    extra=st.tuples(st.integers(0, 9), st.integers(0, 20)),
    setting=st.sampled_from(
        [
            ("valid", (1, 1), (1, 1), True),
            ("full", (1, 1), (1, 1), False),
            ("half", (2, 1), (1, 1), True),
            ((1, 2), (1, 3), (2, 1), False),
            (2, (3, 2), (1, 2), True),
        ]
    ),
    images=st.integers(1, 3),
)
def test_any_shape_strides_padding_and_dilation(channels, filters, kernel, extra, setting, images):
    border, stride, dilation, flip = setting
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    sides = {"valid": (0, 0), "full": [r - 1 for r in reach], "half": [r // 2 for r in reach], 2: (2, 2)}
    pad = sides.get(border, border)
    x = numbers(0, images, channels, reach[0] + extra[0], reach[1] + extra[1])
    w = numbers(1, filters, channels, *kernel)
    wanted = by_loops(x, w, pad, stride, dilation, flip)
    t = numbers(2, *wanted.shape)
    y, dx, dw = with_gradients("c", *setting)(x, w, t)
    np.testing.assert_allclose(y, wanted, rtol=1e-5, atol=1e-5)
    # the convolution is linear in both: <t, y> = <dx, x> = <dw, w>, and so along any other direction
    for seed in (3, 4):
        other_x, other_w = numbers(seed, *x.shape), numbers(seed, *w.shape)
        by_x = (t * by_loops(other_x, w, pad, stride, dilation, flip)).sum()
        by_w = (t * by_loops(x, other_w, pad, stride, dilation, flip)).sum()
        np.testing.assert_allclose((dx * other_x).sum(dtype=float), by_x, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose((dw * other_w).sum(dtype=float), by_w, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("images", "filters", "options"),
    [
        ((5, 1, 28, 28), (20, 1, 5, 5), {}),
        ((3, 20, 12, 12), (50, 20, 5, 5), {}),
        ((2, 17, 33, 35), (19, 17, 3, 3), {"border_mode": "half", "subsample": (2, 2)}),
        ((1, 3, 41, 301), (7, 3, 11, 13), {}),
        ((2, 70, 9, 9), (33, 70, 7, 7), {"border_mode": "full"}),
        ((40, 2, 6, 5), (3, 2, 2, 2), {}),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_shapes(images, filters, options, dtype):
    """Shapes that take several tiles, and lengths that are no multiples of a vector's."""
    x, w, t = (T.tensor4(name, dtype) for name in "xwt")
    y = T.nnet.conv2d(x, w, **options)
    outputs = [y, *T.grad((y * t).sum(), [x, w])]
    a, b = numbers(0, *images).astype(dtype), numbers(1, *filters).astype(dtype)
    shape = graphlib.function([x, w], y.shape, mode="reference")(a, b)
    c = numbers(2, *map(int, shape)).astype(dtype)
    wanted = compiled("reference", [x, w, t], outputs)(a, b, c)
    for got, expected in zip(compiled("c", [x, w, t], outputs)(a, b, c), wanted, strict=True):
        assert_same(got, expected)


@pytest.mark.parametrize("options", [{}, {"border_mode": 1, "subsample": (2, 1), "filter_flip": False}])
def test_gradients_against_differences_to_second_order(options):
    x, w = numbers(0, 2, 2, 4, 5).astype("float64"), numbers(1, 2, 2, 3, 2).astype("float64")

    def convolved(x, w):
        return T.nnet.conv2d(x, w, **options)

    def slope(x, w):
        return T.grad((convolved(x, w) ** 2).sum(), w)

    graphlib.verify_grad(convolved, [x, w])
    graphlib.verify_grad(slope, [x, w])


def test_static_shapes():
    x = T.tensor4("x")
    w = graphlib.shared(numbers(0, 20, 1, 5, 5), name="w", shape=(20, 1, 5, 5))
    y = T.nnet.conv2d(x, w, input_shape=(None, 1, 28, 28))
    assert y.type.shape == (None, 20, 24, 24)
    assert T.nnet.conv2d(x, w, image_shape=(500, 1, 28, 28)).type.shape == (500, 20, 24, 24)
    assert T.nnet.conv.conv2d(x, w, (2, 1, 9, 9), (20, 1, 5, 5), "full").type.shape == (2, 20, 13, 13)
    strided = T.nnet.conv2d(x, w, (2, 1, 9, 10), border_mode="half", subsample=(2, 2))
    assert strided.type.shape == (2, 20, 5, 5)
    assert T.nnet.conv2d(x, w).type.shape == (None, 20, None, None)


def test_errors_name_variables_and_lines():
    x, w = T.tensor4("pictures"), T.tensor4("kernels")
    with pytest.raises(ShapeError, match=r"four dimensions.*flat.*test_convolution\.py"):
        T.nnet.conv2d(T.matrix("flat"), w)
    with pytest.raises(ShapeError, match=r"channels.*pictures.*has length 3.*kernels.* 2"):
        T.nnet.conv2d(x, w, input_shape=(1, 3, 9, 9), filter_shape=(1, 2, 3, 3))
    with pytest.raises(ShapeError, match=r"pictures.*smaller than the filters.*kernels"):
        T.nnet.conv2d(x, w, input_shape=(1, 1, 4, 9), filter_shape=(1, 1, 5, 5))
    with pytest.raises(ShapeError, match=r"border_mode must be .* not 'same'"):
        T.nnet.conv2d(x, w, border_mode="same")
    with pytest.raises(ShapeError, match="subsample must be a whole number or a pair"):
        T.nnet.conv2d(x, w, subsample=(0, 1))
    with pytest.raises(ShapeError, match=r"border_mode must be .* not negative"):
        T.nnet.conv2d(x, w, border_mode=-1)
    with pytest.raises(ShapeError, match="old name"):
        T.nnet.conv2d(x, w, input_shape=(1, 1, 4, 9), image_shape=(1, 1, 4, 9))


@pytest.mark.parametrize("backend", MODES)
def test_errors_at_the_call(backend):
    x, w = T.tensor4("pictures"), T.tensor4("kernels")
    f = compiled(backend, [x, w], T.nnet.conv2d(x, w))
    with pytest.raises(ShapeError, match=r"pictures.* 3 channels, the filters kernels.* 2"):
        f(numbers(0, 1, 3, 5, 5), numbers(0, 1, 2, 3, 3))
    with pytest.raises(ShapeError, match="padding"):
        f(numbers(0, 1, 2, 5, 2), numbers(0, 1, 2, 3, 3))


_ON_THREADS = """
import numpy as np, sys, graphlib, graphlib.tensor as T
random = np.random.RandomState(0)
x, w = T.tensor4("x"), T.tensor4("w")
pooled = T.tanh(T.signal.pool.pool_2d(T.nnet.conv2d(x, w), (2, 2), ignore_border=True))
more = graphlib.shared(random.normal(size=(9, 11, 3, 3)).astype("float32"), shape=(9, 11, 3, 3))
wide = T.nnet.conv2d(pooled, more, border_mode="half")
f = graphlib.function([x, w], [pooled, wide, *T.grad((pooled ** 2).sum() + (wide ** 2).sum(), [x, w, more])])
images, filters = random.normal(size=(37, 5, 23, 19)), random.normal(size=(11, 5, 4, 3))
for result in f(images.astype("float32"), filters.astype("float32")):
    sys.stdout.buffer.write(result.tobytes())
"""


def test_results_do_not_depend_on_the_number_of_threads():
    def output(threads):
        flags = f"{os.environ.get('GRAPHLIB_FLAGS', '')},threads={threads}".strip(",")
        environment = {**os.environ, "GRAPHLIB_FLAGS": flags}
        command = [sys.executable, "-c", _ON_THREADS]
        return subprocess.run(command, capture_output=True, check=True, env=environment).stdout

    one = output(1)
    assert len(one) > 1000
    assert one == output(2) == output(3)
