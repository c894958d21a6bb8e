"""Pooling over three axes, and by windows whose lengths are found at the call: against plain loops."""

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.errors import ShapeError

from .ops.backends import MODES, compiled

pool_2d, pool_3d = T.signal.pool.pool_2d, T.signal.pool.pool_3d


def by_loops(x, window, stride, pad, whole, mode):
    """Pooling of the last axes, window by window, and which elements each has."""
    count = len(window)
    places = []
    for n, k, s, p in zip(x.shape[-count:], window, stride, pad, strict=True):
        n += 2 * p
        if whole:
            places.append(max((n - k) // s + 1, 0))
        else:
            places.append((n - 1) // s + 1 if s >= k else max(0, (n - 1 - k + s) // s) + 1)
    out = np.empty((*x.shape[:-count], *places))
    parts = {}
    for place in np.ndindex(*places):
        starts = [i * s for i, s in zip(place, stride, strict=True)]
        ends = [
            min(a + k, n + 2 * p) for a, k, n, p in zip(starts, window, x.shape[-count:], pad, strict=True)
        ]
        inside = tuple(
            slice(max(a - p, 0), min(b - p, n))
            for a, b, p, n in zip(starts, ends, pad, x.shape[-count:], strict=True)
        )
        part = parts[place] = (..., *inside)
        axes = tuple(range(-count, 0))
        value = x[part].max(axes) if mode == "max" else x[part].sum(axes)
        if mode == "average_inc_pad":
            value = value / np.prod([b - a for a, b in zip(starts, ends, strict=True)])
        if mode == "average_exc_pad":
            value = value / np.prod(x[part].shape[-count:])
        out[(..., *place)] = value
    return out, parts


SETTINGS = [
    ((2, 2, 2), (2, 2, 2), (0, 0, 0), True),
    ((3, 3, 3), (2, 2, 1), (1, 1, 1), True),
    ((1, 2, 2), (1, 2, 2), (0, 0, 0), True),
    ((2, 3, 4), (1, 2, 5), (0, 0, 0), False),
    ((4, 2, 3), (3, 1, 2), (0, 1, 2), True),
]


@pytest.mark.parametrize("backend", MODES)
def test_three_axes(backend):
    """Values, and of the maximum the gradient: the whole to each of equal maxima."""
    x = T.dtensor4("x")
    image = np.random.RandomState(0).randint(0, 5, (2, 6, 7, 9)).astype(float)
    cases = [(*s, mode) for s in SETTINGS for mode in ("max", "sum", "average_inc_pad", "average_exc_pad")]
    outputs = []
    for window, stride, pad, whole, mode in cases:
        y = pool_3d(x, window, whole, stride, pad, mode)
        outputs += [y, T.grad((y**2).sum(), x)] if mode == "max" else [y]
    results = iter(compiled(backend, [x], outputs)(image))
    for window, stride, pad, whole, mode in cases:
        wanted, parts = by_loops(image, window, stride, pad, whole, mode)
        np.testing.assert_allclose(next(results), wanted, atol=1e-12, err_msg=f"{window} {stride} {mode}")
        if mode == "max":
            slope = np.zeros_like(image)
            for place, part in parts.items():
                top = wanted[(..., *place)][:, None, None, None]
                slope[part] += (image[part] == top) * 2 * top
            np.testing.assert_allclose(next(results), slope, err_msg=f"gradient {window} {stride}")


@pytest.mark.parametrize("backend", MODES)
def test_lengths_found_at_the_call(backend):
    """As Lasagne's spatial pyramid has them: windows and steps of the image's own lengths, or in a vector."""
    x, given = T.dmatrix("x"), T.lvector("given")
    image = np.random.RandomState(0).uniform(-1, 1, (7, 10))
    modes = ["max", "sum", "average_inc_pad", "average_exc_pad"]
    outputs = []
    for mode in modes:
        outputs += [
            pool_2d(x, [(n + 2) // 3 for n in x.shape], True, [n // 3 for n in x.shape], mode=mode),
            pool_2d(x, given, False, given - 1, mode=mode),
            pool_2d(x, given, True, pad=given - 2, mode=mode),
        ]
    slopes = [T.grad((y**2).sum(), x) for y in outputs[:3]]
    f = compiled(backend, [x, given], [*outputs, *slopes])
    results = iter(f(image, [3, 4]))
    for mode in modes:
        for setting in [
            ((3, 4), (2, 3), (0, 0), True),
            ((3, 4), (2, 3), (0, 0), False),
            ((3, 4), (3, 4), (1, 2), True),
        ]:
            np.testing.assert_allclose(next(results), by_loops(image, *setting, mode)[0], atol=1e-12)
    fixed = [
        pool_2d(x, (3, 4), True, (2, 3)),
        pool_2d(x, (3, 4), False, (2, 3)),
        pool_2d(x, (3, 4), True, pad=(1, 2)),
    ]
    reference = compiled("reference", [x], [T.grad((y**2).sum(), x) for y in fixed])(image)
    for got, wanted in zip(results, reference, strict=True):
        np.testing.assert_allclose(got, wanted)
    with pytest.raises((ShapeError, ZeroDivisionError)):
        f(image, [3, 1])


def test_only_the_greatest_are_kept():
    x = T.dtensor4("x")
    image = np.array([[1.0, 5, 2, 9], [3, 5, 0, 1], [7, 7, 7, 7]])[None, None]
    kept = graphlib.function([x], T.signal.pool.max_pool_2d_same_size(x, (2, 2)))(image)
    assert kept[0, 0].tolist() == [[0, 5, 0, 9], [0, 5, 0, 0], [0, 0, 0, 0]]


def test_integers_stay_integers_and_errors():
    x = T.itensor3("x")
    numbers = np.arange(24, dtype="int32").reshape(2, 3, 4)
    f = graphlib.function([x], [pool_3d(x, 2, True), pool_3d(x, (2, 3, 2), True, mode="sum")])
    greatest, sums = f(numbers)
    assert greatest.tolist() == [[[17, 19]]] and greatest.dtype == sums.dtype == "int32"
    assert sums.tolist() == [[[numbers[:, :, :2].sum(), numbers[:, :, 2:].sum()]]]
    with pytest.raises(ShapeError, match="pools over three axes, flat"):
        pool_3d(T.matrix("flat"), 2, True)
    with pytest.raises(ShapeError, match="ws must be a whole number or 3 of them"):
        pool_3d(x, (2, 2), True)
