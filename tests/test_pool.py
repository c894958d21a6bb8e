"""Pooling against plain loops, with every option; ties, NaN, gradients and errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphlib
import graphlib.tensor as T
from graphlib.errors import ShapeError
from graphlib.tensor.signal import downsample
from graphlib.tensor.signal.pool import pool_2d

from .ops.backends import MODES, compiled

MODES_OF_POOLING = ("max", "sum", "average_inc_pad", "average_exc_pad")


def places(length, window, stride, pad, ignore_border):
    """How many windows Theano's documentation gives an axis."""
    length += 2 * pad
    if ignore_border:
        return max((length - window) // stride + 1, 0)
    if stride >= window:
        return (length - 1) // stride + 1
    return max(0, (length - 1 - window + stride) // stride) + 1


def by_loops(x, window, stride, pad, ignore_border, mode):
    """Pooling of the last two axes, window by window."""
    h, w = x.shape[-2:]
    out = np.empty(
        (
            *x.shape[:-2],
            *(
                places(n, k, s, p, ignore_border)
                for n, k, s, p in zip((h, w), window, stride, pad, strict=True)
            ),
        )
    )
    for i, j in np.ndindex(*out.shape[-2:]):
        # of the padded image, then of the image itself
        top, left = i * stride[0], j * stride[1]
        bottom, right = min(top + window[0], h + 2 * pad[0]), min(left + window[1], w + 2 * pad[1])
        rows = slice(max(top - pad[0], 0), min(bottom - pad[0], h))
        columns = slice(max(left - pad[1], 0), min(right - pad[1], w))
        part = x[..., rows, columns]
        if mode == "max":
            out[..., i, j] = part.max((-2, -1))
        else:
            out[..., i, j] = part.sum((-2, -1))
            if mode == "average_inc_pad":
                out[..., i, j] /= (bottom - top) * (right - left)
            elif mode == "average_exc_pad":
                out[..., i, j] /= part.shape[-2] * part.shape[-1]
    return out


@settings(max_examples=40, deadline=None)
@given(
    lengths=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    window=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    pads=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    ignore_border=st.booleans(),
    mode=st.sampled_from(MODES_OF_POOLING),
    known=st.booleans(),
)
def test_against_loops(lengths, window, stride, pads, ignore_border, mode, known):
    pad = tuple(min(p, k - 1) * ignore_border for p, k in zip(pads, window, strict=True))
    image = np.random.RandomState(0).uniform(-1, 1, (2, *lengths))
    x = T.TensorType("float64", image.shape if known else (None, None, None))("x")
    y = pool_2d(x, window, ignore_border, stride, pad, mode)
    wanted = by_loops(image, window, stride, pad, ignore_border, mode)
    assert y.type.accepts_shape(wanted.shape)
    np.testing.assert_allclose(graphlib.function([x], y, mode="reference")(image), wanted, atol=1e-12)


@pytest.mark.parametrize("backend", MODES)
@pytest.mark.parametrize("known", [True, False])
def test_every_mode_on_every_backend(backend, known):
    image = np.random.RandomState(0).uniform(-1, 1, (2, 3, 11, 13))
    x = T.TensorType("float64", image.shape if known else (None,) * 4)("x")
    settings_ = [
        (window, ignore_border, stride, pad, mode)
        for mode in MODES_OF_POOLING
        for window, stride, pad in [
            ((2, 2), (2, 2), (0, 0)),
            ((3, 3), (2, 2), (0, 0)),
            ((3, 2), (2, 3), (1, 1)),
            ((2, 4), (3, 3), (0, 2)),
        ]
        for ignore_border in ((True, False) if pad == (0, 0) else (True,))
    ]
    results = compiled(backend, [x], [pool_2d(x, *s) for s in settings_])(image)
    for (window, ignore_border, stride, pad, mode), got in zip(settings_, results, strict=True):
        wanted = by_loops(image, window, stride, pad, ignore_border, mode)
        np.testing.assert_allclose(got, wanted, atol=1e-12, err_msg=f"{window} {stride} {pad} {mode}")


def gradient_by_loops(x, g, window, stride):
    """Each window's element of g, added to every element of x that is the window's maximum."""
    out = np.zeros_like(x)
    for i, j in np.ndindex(*g.shape[-2:]):
        part = np.s_[i * stride[0] : i * stride[0] + window[0], j * stride[1] : j * stride[1] + window[1]]
        out[part] += (x[part] == x[part].max()) * g[i, j]
    return out


@pytest.mark.parametrize("backend", MODES)
def test_each_of_equal_maxima_gets_the_whole_gradient(backend):
    """Theano 1.0.5: the gradient of pooling a (2, 2) image of zeros is [[1, 1], [1, 1]]."""
    x, g, v = T.dmatrix("x"), T.dmatrix("g"), T.dmatrix("v")
    cases = [((2, 2), (2, 2)), ((2, 2), (1, 1)), ((3, 2), (2, 3)), ((5, 7), (5, 7))]
    outputs = []
    for window, stride in cases:
        y = pool_2d(x, window, ignore_border=True, stride=stride)
        c = g[: y.shape[0], : y.shape[1]]
        outputs += [
            T.grad((y * c).sum(), x),
            graphlib.Rop(y, x, v),
            # second order, through the maximum's square
            graphlib.Rop(T.grad((y**2).sum(), x), x, v),
        ]
    f = compiled(backend, [x, g, v], outputs)
    random = np.random.RandomState(0)
    for image in (np.zeros((5, 7)), random.randint(0, 3, (5, 7)), random.randint(0, 2, (6, 8))):
        image = image.astype("float64")
        given, direction = random.uniform(1, 2, image.shape), random.uniform(1, 2, image.shape)
        results = iter(f(image, given, direction))
        for window, stride in cases:
            pooled = by_loops(image, window, stride, (0, 0), True, "max")
            c = given[: pooled.shape[0], : pooled.shape[1]]
            # the Jacobian's transpose by unit vectors is the Jacobian, row by row
            along = np.zeros_like(pooled)
            for place in np.ndindex(*pooled.shape):
                unit = np.zeros_like(pooled)
                unit[place] = 1
                along[place] = (gradient_by_loops(image, unit, window, stride) * direction).sum()
            np.testing.assert_allclose(next(results), gradient_by_loops(image, c, window, stride))
            np.testing.assert_allclose(next(results), along)
            np.testing.assert_allclose(next(results), gradient_by_loops(image, 2 * along, window, stride))


@pytest.mark.parametrize("backend", MODES)
def test_nan_is_the_greatest_and_infinity_counts(backend):
    """A NaN equals nothing, so that no element of its window gets a gradient, as with T.max."""
    x = T.matrix("x")
    y = pool_2d(x, (2, 2), ignore_border=True)
    f = compiled(backend, [x], [y, T.grad(y.sum(), x)])
    pooled, slope = f([[1, np.nan, -np.inf, -np.inf], [np.nan, 2, -np.inf, -5]])
    np.testing.assert_array_equal(pooled, [[np.nan, -5]])
    assert slope.tolist() == [[0, 0, 0, 0], [0, 0, 0, 1]]


@pytest.mark.parametrize("mode", MODES_OF_POOLING)
@pytest.mark.parametrize("options", [{}, {"stride": (1, 2), "pad": (1, 0)}, {"ignore_border": False}])
def test_gradients_against_differences(mode, options):
    # values far enough apart that no step of a difference changes which is the maximum
    x = np.random.RandomState(1).permutation(40).reshape(2, 4, 5) * 0.25

    def pooled(x):
        return pool_2d(x, (3, 2), **{"ignore_border": True, **options}, mode=mode)

    graphlib.verify_grad(pooled, [x])
    graphlib.verify_grad(lambda x: T.grad((pooled(x) ** 3).sum(), x), [x])


def test_odd_lengths_and_many_planes():
    """The windows of two by two side by side have a loop of their own."""
    x = T.tensor4("x")
    for h, w in [(2, 2), (24, 24), (25, 33), (8, 7), (3, 64)]:
        y = pool_2d(x, (2, 2), ignore_border=True)
        image = np.random.RandomState(0).randint(0, 4, (7, 5, h, w)).astype("float32")
        outputs = [y, T.grad((y**2).sum(), x)]
        got, wanted = (compiled(mode, [x], outputs)(image) for mode in ("c", "reference"))
        for a, b in zip(got, wanted, strict=True):
            np.testing.assert_array_equal(a, b)


def test_names_and_defaults():
    x = T.tensor3("x")
    image = np.arange(50.0, dtype="float32").reshape(2, 5, 5)
    with pytest.warns(UserWarning, match="ignore_border"):
        unsaid = pool_2d(x, (2, 2))
    outputs = [
        unsaid,
        pool_2d(x, ds=(2, 2), ignore_border=False),
        pool_2d(x, 2, False, st=(2, 2), padding=(0, 0)),
        downsample.max_pool_2d(x, (2, 2), ignore_border=False),
        T.signal.pool.pool_2d(x, ws=(2, 2), ignore_border=False, stride=None),
    ]
    results = graphlib.function([x], outputs)(image)
    for result in results:
        np.testing.assert_array_equal(result, results[0])
    assert results[0].shape == (2, 3, 3)


def test_errors():
    x = T.tensor3("x")
    for options, message in [
        ({}, "needs the window"),
        ({"ws": (2, 2), "ds": (2, 2)}, "give one of them"),
        ({"ws": (2, 2, 2)}, "ws must be a whole number or a pair"),
        ({"ws": (2, 0)}, "ws must be"),
        ({"ws": (2, 2), "stride": 1.5}, "stride must be"),
        ({"ws": (2, 2), "pad": (2, 0)}, "padding .* must be less than the window"),
        ({"ws": (2, 2), "mode": "mean"}, "mode must be"),
        ({"ws": (2, 2), "pad": 1, "ignore_border": False}, "goes with ignore_border=True"),
    ]:
        with pytest.raises(ShapeError, match=message):
            pool_2d(x, **{"ignore_border": True, **options})
    with pytest.raises(ShapeError, match="line_of_numbers"):
        pool_2d(T.vector("line_of_numbers"), (2, 2), ignore_border=True)


def test_calls_of_the_same_function_have_names_of_their_own():
    """The second convolution is the function of the first, and so is the second pool: none is taken for
    another."""
    random = np.random.RandomState(0)
    x = T.tensor4("x", shape=(None, 1, 14, 14))
    filters = [random.normal(size=shape).astype("float32") for shape in ((2, 1, 3, 3), (3, 2, 3, 3))]
    y = x
    for W in filters:
        y = pool_2d(T.nnet.conv2d(y, W), (2, 2), ignore_border=True)
    results = [y, T.grad(T.sum(y**2), x)]
    images = random.normal(size=(3, 1, 14, 14)).astype("float32")
    expected = graphlib.function([x], results, mode="reference")(images)
    for got, right in zip(graphlib.function([x], results)(images), expected, strict=True):
        np.testing.assert_allclose(got, right, rtol=1e-4, atol=1e-4)
