"""Convolutions with filters of one pixel: products of the channels' planes as they lie in memory."""

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T

from .ops.backends import assert_same, compiled

#: images, filters, steps, groups
KINDS = [
    ((3, 5, 17, 13), (7, 5, 1, 1), (1, 1), 1),
    ((2, 40, 24, 25), (33, 40, 1, 1), (1, 1), 1),  # few images, cut into blocks of places
    ((7, 6, 5, 3), (8, 6, 1, 1), (1, 1), 1),  # several images together, the last fewer
    ((9, 12, 6, 6), (12, 4, 1, 1), (1, 1), 3),
    ((4, 9, 15, 12), (6, 9, 1, 1), (2, 3), 1),  # pixels that no place sees, behind the last one too
    ((3, 8, 40, 37), (12, 4, 1, 1), (2, 2), 2),
    ((2, 6, 4, 5, 6), (5, 6, 1, 1, 1), (2, 1, 2), 1),
    ((0, 5, 4, 4), (4, 5, 1, 1), (1, 1), 1),
]


def by_einsum(x, w, steps, groups, t):
    """The definition and its two gradients along t, in double."""
    x, w, t = x.astype(float), w.astype(float), t.astype(float)
    seen = (slice(None), slice(None), *(slice(None, None, s) for s in steps))
    y, dx, dw = np.zeros(t.shape), np.zeros(x.shape), np.zeros(w.shape)
    pixel = (slice(None), slice(None), *[0] * len(steps))
    for g in range(groups):
        f, c = (slice(g * n // groups, (g + 1) * n // groups) for n in (len(w), x.shape[1]))
        y[:, f] = np.einsum("nc...,fc->nf...", x[:, c][seen], w[f][pixel])
        dx[:, c][seen] = np.einsum("nf...,fc->nc...", t[:, f], w[f][pixel])
        places = "xyz"[: len(steps)]
        dw[f][pixel] = np.einsum(f"nf{places},nc{places}->fc", t[:, f], x[:, c][seen])
    return y, dx, dw


@pytest.mark.parametrize(
    ("dtype", "threads"), [("float32", 1), ("float32", 2), ("float32", 4), ("float64", 2)]
)
def test_every_kind_and_its_gradients(dtype, threads):
    random = np.random.RandomState(0)
    variables, outputs, arrays, wanted = [], [], [], []
    for images, filters, steps, groups in KINDS:
        x, t = (T.tensor(name, dtype, (None,) * len(images)) for name in "xt")
        w = graphlib.shared(random.normal(size=filters).astype(dtype), shape=filters)
        convolve = T.nnet.conv2d if len(images) == 4 else T.nnet.conv3d
        y = convolve(x, w, subsample=steps, num_groups=groups)
        variables += [x, t]
        outputs += [y, *T.grad((y * t).sum(), [x, w])]
        places = (-(-n // s) for n, s in zip(images[2:], steps, strict=True))
        arrays += [random.normal(size=images), random.normal(size=(images[0], filters[0], *places))]
        arrays[-2:] = (a.astype(dtype) for a in arrays[-2:])
        wanted += by_einsum(arrays[-2], w.get_value(), steps, groups, arrays[-1])
    with graphlib.config.change(threads=threads):
        f = compiled("c", variables, outputs)
        found = f(*arrays)
    for name in ("gl_convolve", "gl_convolve_by_images", "gl_convolve_by_filters"):
        assert f"{name}_of_1" in f.source
    for k, (got, expected) in enumerate(zip(found, wanted, strict=True)):
        assert_same(got, expected.astype(dtype), str(KINDS[k // 3]))


def test_what_is_not_finite_stays_in_its_place():
    x = T.ftensor4("x")
    w = graphlib.shared(np.ones((16, 20, 1, 1), "float32"), shape=(16, 20, 1, 1))
    f = compiled("c", [x], T.nnet.conv2d(x, w))
    values = np.zeros((2, 20, 9, 9), "float32")
    values[0, 3, 4, 5], values[1, 7, 0, 2] = np.nan, np.inf
    found = f(values)
    assert np.isnan(found[0, :, 4, 5]).all()
    assert np.isposinf(found[1, :, 0, 2]).all()
    found[0, :, 4, 5] = found[1, :, 0, 2] = 0
    assert (found == 0).all()


def test_a_border_is_no_business_of_theirs():
    x = T.ftensor4("x")
    w = graphlib.shared(np.full((3, 4, 1, 1), 2, "float32"), shape=(3, 4, 1, 1))
    f = compiled(
        "c", [x], [T.nnet.conv2d(x, w, border_mode=border) for border in (1, ((0, 2), (0, 0)), "half")]
    )
    assert "gl_convolve_of_1" in f.source
    assert "gl_convolve_by_products" in f.source
    values = np.random.RandomState(1).normal(size=(2, 4, 3, 5)).astype("float32")
    plain = 2 * values.sum(axis=1, keepdims=True).repeat(3, axis=1)
    for got, sides in zip(f(values), (((1, 1), (1, 1)), ((0, 2), (0, 0)), ((0, 0), (0, 0))), strict=True):
        np.testing.assert_allclose(got, np.pad(plain, ((0, 0), (0, 0), *sides)), rtol=1e-5, atol=1e-6)
