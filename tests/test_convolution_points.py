"""Convolutions whose tiles are multiplied point by point (Winograd): filters of 3×3 and 5×5 pixels."""

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T

from .ops.backends import compiled

#: images, filters, border, groups, whether filters are flipped
KINDS = [
    ((2, 16, 16, 16), (32, 16, 3, 3), 1, 1, True),
    ((3, 20, 13, 19), (17, 20, 3, 3), 0, 1, False),
    ((1, 9, 34, 71), (8, 9, 3, 3), 2, 1, True),  # a row of tiles in two parts
    ((1, 8, 20, 21), (8, 8, 3, 3), 4, 1, False),  # places that see nothing but the border
    ((5, 24, 12, 12), (50, 24, 5, 5), 0, 1, True),
    ((2, 27, 15, 18), (24, 27, 5, 5), 2, 1, False),
    ((2, 36, 14, 15), (40, 18, 3, 3), 1, 2, True),
    ((2, 8, 4, 3), (8, 8, 3, 3), 1, 1, True),  # so few tiles that it is done otherwise
]


def by_einsum(x, w, border, groups, flip, t):
    """The definition and its two gradients along t, in double."""
    x, w, t = x.astype(float), w.astype(float), t.astype(float)
    sides = [(0, 0), (0, 0), (border, border), (border, border)]
    seen, turned = np.pad(x, sides), w[:, :, ::-1, ::-1] if flip else w
    (rows, columns), k = t.shape[2:], w.shape[2]
    y, dx, dw = np.zeros(t.shape), np.zeros(seen.shape), np.zeros(w.shape)
    for g, i, j in np.ndindex(groups, k, k):
        f, c = (slice(g * n // groups, (g + 1) * n // groups) for n in (len(w), x.shape[1]))
        place = (slice(None), c, slice(i, i + rows), slice(j, j + columns))
        y[:, f] += np.einsum("nchw,fc->nfhw", seen[place], turned[f, :, i, j])
        dx[place] += np.einsum("nfhw,fc->nchw", t[:, f], turned[f, :, i, j])
        dw[f, :, i, j] = np.einsum("nfhw,nchw->fc", t[:, f], seen[place])
    dx = dx[:, :, border : border + x.shape[2], border : border + x.shape[3]]
    return y, dx, dw[:, :, ::-1, ::-1] if flip else dw


@pytest.mark.parametrize(("dtype", "error"), [("float32", 2e-5), ("float64", 4e-14)])
def test_every_kind_and_its_gradients(dtype, error):
    random = np.random.RandomState(0)
    variables, outputs, arrays, wanted = [], [], [], []
    for k, (images, filters, border, groups, flip) in enumerate(KINDS):
        x, t = T.tensor4(f"x{k}", dtype), T.tensor4(f"t{k}", dtype)
        w = graphlib.shared(random.normal(size=filters).astype(dtype), shape=filters)
        y = T.nnet.conv2d(x, w, border_mode=border, num_groups=groups, filter_flip=flip)
        variables += [x, t]
        outputs += [y, *T.grad((y * t).sum(), [x, w])]
        places = (n + 2 * border - filters[2] + 1 for n in images[2:])
        arrays += [random.normal(size=images), random.normal(size=(images[0], filters[0], *places))]
        arrays[-2:] = (a.astype(dtype) for a in arrays[-2:])
        wanted += by_einsum(arrays[-2], w.get_value(), border, groups, flip, arrays[-1])
    f = compiled("c", variables, outputs)
    for name in ("gl_convolve", "gl_convolve_by_images", "gl_convolve_by_filters"):
        assert f"{name}_of_3" in f.source
        assert f"{name}_of_5" in f.source
    for k, (got, expected) in enumerate(zip(f(*arrays), wanted, strict=True)):
        np.testing.assert_allclose(
            got, expected, rtol=0, atol=error * expected.std(), err_msg=str(KINDS[k // 3])
        )


def test_what_is_not_finite_stays_where_it_is_seen():
    """Point by point it would meet all places of its tile."""
    random = np.random.RandomState(0)
    x, t = T.ftensor4("x"), T.ftensor4("t")
    filters = (16, 8, 3, 3)
    w = graphlib.shared(random.normal(size=filters).astype("float32"), shape=filters)
    y = T.nnet.conv2d(x, w, border_mode=1)
    outputs = [y, *T.grad((y * t).sum(), [x, w])]
    images, weights = (random.normal(size=(4, c, 16, 16)).astype("float32") for c in (8, 16))
    images[0, 3, 5, 5], images[1, 2, 8, 8], weights[2, 3, 4, 4] = np.nan, np.inf, -np.inf
    with np.errstate(invalid="ignore"):
        wanted = compiled("reference", [x, t], outputs)(images, weights)
    for got, expected in zip(compiled("c", [x, t], outputs)(images, weights), wanted, strict=True):
        finite = np.isfinite(expected)
        assert 0 < np.count_nonzero(finite) < finite.size or expected is wanted[2]
        np.testing.assert_array_equal(got[~finite], expected[~finite])
        np.testing.assert_allclose(got[finite], expected[finite], rtol=1e-4, atol=1e-4)


def test_numbers_so_large_that_only_a_way_to_them_overflows():
    x, filters = T.ftensor4("x"), (8, 8, 3, 3)
    same = np.zeros(filters, "float32")
    same[range(8), range(8), 1, 1] = 1
    w = graphlib.shared(same, shape=filters)
    images = np.full((2, 8, 16, 16), 2e38, "float32")
    images[:, ::2] *= -1
    np.testing.assert_array_equal(compiled("c", [x], T.nnet.conv2d(x, w, border_mode=1))(images), images)
