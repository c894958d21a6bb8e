"""Neighbourhoods of pixels as rows and back, and bilinear upsampling: against loops and ``numpy.interp``."""

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.errors import ShapeError

from .ops.backends import MODES, compiled

images2neibs, neibs2images = T.nnet.neighbours.images2neibs, T.nnet.neighbours.neibs2images


def by_loops(x, window, step, mode):
    """One row after the other, as Theano's documentation writes them."""
    (r, s), (down, across) = window, step
    if mode in ("half", "full"):
        ends = [(n // 2, n // 2) if mode == "half" else (n - 1, n - 1) for n in window]
        x = np.pad(x, [(0, 0), (0, 0), *ends])
    rows, columns = x.shape[2:]
    if mode == "wrap_centered":
        corners = [(a - r // 2, b - s // 2) for a in range(0, rows, down) for b in range(0, columns, across)]
    else:
        corners = [(a, b) for a in range(0, rows - r + 1, down) for b in range(0, columns - s + 1, across)]
    return np.array(
        [
            image[np.ix_(np.arange(a, a + r) % rows, np.arange(b, b + s) % columns)].ravel()
            for images in x
            for image in images
            for a, b in corners
        ]
    )


@pytest.mark.parametrize("backend", MODES)
def test_each_mode(backend):
    x, window = T.dtensor4("x"), T.lvector("window")
    image = np.random.RandomState(0).uniform(-1, 1, (2, 3, 6, 8))
    cases = [
        ((2, 4), None, "valid"),
        ((2, 4), (1, 2), "valid"),
        ((4, 3), None, "ignore_borders"),
        ((3, 3), (1, 1), "half"),
        ((2, 3), (1, 3), "full"),
        ((3, 5), (2, 3), "wrap_centered"),
    ]
    outputs = [images2neibs(x, *case) for case in cases]
    found = [*outputs, images2neibs(x, window), images2neibs(x, window, (1, 1), "half")]
    # what comes back of ones is how many neighbourhoods have a pixel
    found += [T.grad(y.sum(), x) for y in outputs[:3]]
    *results, same, half, plain, often, partly = compiled(backend, [x, window], found)(image, [2, 4])
    for got, (size, step, mode) in zip(results, cases, strict=True):
        np.testing.assert_array_equal(got, by_loops(image, size, step or size, mode))
    np.testing.assert_array_equal(same, results[0])
    np.testing.assert_array_equal(half, by_loops(image, (2, 4), (1, 1), "half"))
    assert (plain == 1).all()
    assert often[0, 0].tolist() == np.outer([1, 2, 2, 2, 2, 1], [1, 1, 2, 2, 2, 2, 1, 1]).tolist()
    assert partly[0, 0].tolist() == np.outer([1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1, 0, 0]).tolist()


@pytest.mark.parametrize("backend", MODES)
def test_back_to_images(backend):
    x = T.dtensor4("x")
    image = np.random.RandomState(0).uniform(-1, 1, (2, 3, 6, 8))
    back = neibs2images(images2neibs(x, (2, 4)), (2, 4), x.shape)
    cut = neibs2images(images2neibs(x, (4, 3), mode="ignore_borders"), (4, 3), x.shape, "ignore_borders")
    again, part, slope = compiled(backend, [x], [back, cut, T.grad((back**2).sum(), x)])(image)
    np.testing.assert_array_equal(again, image)
    np.testing.assert_array_equal(part[:, :, :4, :6], image[:, :, :4, :6])
    assert not part[:, :, 4:].any() and not part[:, :, :, 6:].any()
    np.testing.assert_allclose(slope, 2 * image)


def test_lengths_that_do_not_fit():
    x = T.tensor4("pictures")
    f = graphlib.function([x], images2neibs(x, (4, 4)))
    with pytest.raises(ShapeError, match=r"pictures .*has length 6"):
        f(np.zeros((1, 1, 6, 8), "float32"))
    with pytest.raises(TypeError, match="four dimensions"):
        images2neibs(T.matrix(), (2, 2))
    with pytest.raises(ShapeError, match="mode must be one of"):
        images2neibs(x, (2, 2), mode="same")
    with pytest.raises(ShapeError, match="odd lengths"):
        images2neibs(x, (2, 3), mode="wrap_centered")


def interpolated(x, ratio, axis):
    """numpy.interp along an axis: pixel k is at ratio · k + (ratio - 1) // 2."""
    n = x.shape[axis]
    at = np.arange(ratio * n)
    return np.apply_along_axis(lambda v: np.interp(at, ratio * np.arange(n) + (ratio - 1) // 2, v), axis, x)


@pytest.mark.parametrize("backend", MODES)
def test_bilinear_upsampling(backend):
    x = T.dtensor4("x")
    image = np.random.RandomState(0).uniform(-1, 1, (2, 3, 4, 5))
    up = T.nnet.bilinear_upsampling
    outputs = [up(x, 2), up(x, 3), up(x, 3, use_1D_kernel=False), up(x, frac_ratio=(4, 6))]
    outputs += [up(x, frac_ratio=((5, 2), (2, 1)), batch_size=2, num_input_channels=3)]
    two, three, together, smaller, each = compiled(backend, [x], outputs)(image)
    np.testing.assert_allclose(two, interpolated(interpolated(image, 2, 2), 2, 3), atol=1e-12)
    np.testing.assert_allclose(three, interpolated(interpolated(image, 3, 2), 3, 3), atol=1e-12)
    np.testing.assert_allclose(together, three, atol=1e-12)
    np.testing.assert_allclose(smaller, two[:, :, ::3, ::3], atol=1e-12)
    wanted = interpolated(interpolated(image, 5, 2), 2, 3)[:, :, ::2]
    np.testing.assert_allclose(each, wanted, atol=1e-12)
    assert outputs[4].type.shape == (2, 3, None, None)
    for options in ({}, {"ratio": 2, "frac_ratio": (3, 2)}, {"ratio": 1.5}, {"frac_ratio": (3, 2, 1)}):
        with pytest.raises(ShapeError, match="ratio"):
            up(x, **options)
