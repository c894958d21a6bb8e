"""Convolution in groups, with borders of two ends, along one and three axes, transposed, by filters that are
not shared: against its definition by loops, and scipy.signal along three axes."""

import numpy as np
import pytest
from scipy.signal import convolve, correlate

import graphlib
import graphlib.tensor as T
from graphlib.errors import ShapeError
from graphlib.ops.lengths import Lengths

from .ops.backends import MODES, assert_same, compiled


def numbers(seed, *shape):
    return np.random.RandomState(seed).uniform(-1, 1, shape).astype("float32")


def by_loops(x, w, border, stride, dilation, groups, flip, unshared=False):
    """The definition, one output at a time, in double; ``border`` is a pair for each axis."""
    count = x.ndim - 2
    kernel = w.shape[-count:]
    w = np.flip(w, tuple(range(w.ndim - count, w.ndim))) if flip else w
    x = np.pad(x.astype(float), [(0, 0), (0, 0), *border])
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    places = [(n - r) // s + 1 for n, r, s in zip(x.shape[2:], reach, stride, strict=True)]
    out = np.empty((len(x), len(w), *places))
    channels, filters = x.shape[1] // groups, len(w) // groups
    for n, f, *place in np.ndindex(*out.shape):
        seen = [slice(p * s, p * s + r, d) for p, s, r, d in zip(place, stride, reach, dilation, strict=True)]
        first = f // filters * channels
        patch = x[(n, slice(first, first + channels), *seen)]
        out[(n, f, *place)] = (patch * (w[(f, *place)] if unshared else w[f])).sum()
    return out


#: images, filters, border, stride, dilation, groups, whether filters are flipped
KINDS = [
    ((2, 4, 9, 11), (6, 2, 3, 2), ((0, 1), (2, 0)), (2, 3), (1, 2), 2, True),
    # a filter or two in each group: no products of matrices
    ((2, 6, 10, 19), (6, 1, 3, 3), ((1, 1), (1, 1)), (1, 1), (1, 1), 6, False),
    ((2, 3, 10, 27), (6, 1, 3, 4), ((2, 1), (1, 3)), (2, 2), (1, 1), 3, True),
    ((2, 2, 12, 20), (2, 2, 3, 3), ((0, 0), (0, 0)), (2, 3), (2, 1), 1, True),
    # whose gradients by images slide too, the padding wider than the filters
    ((2, 4, 6, 13), (4, 2, 2, 3), ((3, 0), (4, 1)), (1, 1), (2, 1), 2, True),
    ((1, 2, 3, 4, 21), (4, 1, 2, 1, 3), ((0, 0), (0, 1), (2, 2)), (1, 1, 1), (1, 1, 2), 2, False),
    ((2, 4, 6, 5, 9), (6, 4, 3, 2, 3), ((1, 0), (1, 2), (0, 1)), (1, 2, 1), (2, 1, 1), 1, False),
    ((1, 4, 7, 9, 8), (8, 2, 3, 3, 3), ((1, 1), (1, 1), (1, 1)), (2, 2, 2), (1, 1, 1), 2, True),
    ((1, 3, 5, 6, 7), (3, 1, 2, 3, 3), ((0, 0), (2, 0), (0, 0)), (1, 1, 1), (1, 1, 1), 3, False),
    # filters slide over rows that are shorter than a vector, in steps, with holes, and 10 rows of them
    ((3, 3, 10, 5), (3, 1, 3, 3), ((1, 1), (1, 1)), (1, 1), (1, 1), 3, False),
    ((2, 2, 23, 21), (4, 1, 5, 4), ((3, 4), (2, 0)), (2, 3), (3, 2), 2, True),
    # of whose pixels some meet no pixel of a filter, and some fewer than others
    ((2, 9, 8, 9), (10, 9, 2, 3), ((1, 0), (1, 1)), (3, 2), (1, 1), 1, False),
    ((2, 9, 11, 14), (10, 9, 3, 2), ((2, 2), (3, 2)), (4, 3), (2, 3), 1, True),
    # a row that is cut
    ((1, 9, 1, 600), (17, 9, 1, 3), ((0, 0), (1, 1)), (1, 1), (1, 2), 1, False),
    # one column, as of a text, and one with columns of padding beside it
    ((3, 4, 23, 1), (6, 2, 4, 1), ((2, 1), (0, 0)), (2, 1), (2, 1), 2, True),
    ((2, 4, 9, 1), (5, 4, 3, 1), ((1, 1), (1, 1)), (1, 2), (1, 1), 1, False),
    ((2, 3, 4, 19, 1), (5, 3, 2, 3, 1), ((1, 0), (1, 2), (0, 0)), (1, 1, 1), (1, 2, 1), 1, False),
]


def function_of(count, border, stride, dilation, groups, flip, unshared=False):
    more = {"unshared": True} if unshared else {}
    return lambda x, w: (T.nnet.conv2d if count == 2 else T.nnet.conv3d)(
        x, w, border_mode=border, subsample=stride, filter_dilation=dilation, num_groups=groups,
        filter_flip=flip, **more,
    )  # fmt: skip


def inputs_of(*arrays, known=False):
    shapes = [a.shape if known else (None,) * a.ndim for a in arrays]
    return [T.TensorType("float32", shape)("abc"[i]) for i, shape in enumerate(shapes)]


def check_against_loops(backend, cases, known=False):
    """A function of all cases: each convolution and its two gradients; whether lengths are known before."""
    inputs, outputs, arrays, wanted = [], [], [], []
    for images, filters, border, stride, dilation, groups, flip, *more in cases:
        x, w = numbers(0, *images), numbers(1, *filters)
        setting = border, stride, dilation, groups, flip, *more
        y = by_loops(x, w, *setting)
        t = numbers(2, *y.shape)
        # linear in both: <t, y(other x)> is <dx, other x>
        other = numbers(3, *images), numbers(4, *filters)
        wanted.append(
            (y, (t * by_loops(other[0], w, *setting)).sum(), (t * by_loops(x, other[1], *setting)).sum())
        )
        arrays += [x, w, t]
        variables = inputs_of(x, w, t, known=known)
        inputs += variables
        out = function_of(len(stride), *setting)(*variables[:2])
        dx, dw = T.grad((out * variables[2]).sum(), variables[:2])
        outputs += [out, (dx * other[0]).sum(), (dw * other[1]).sum()]
    results = iter(compiled(backend, inputs, outputs)(*arrays))
    for case, values in zip(cases, wanted, strict=True):
        for value in values:
            np.testing.assert_allclose(next(results), value, rtol=1e-4, atol=1e-4, err_msg=str(case))


@pytest.mark.parametrize("backend", MODES)
def test_groups_borders_and_three_axes(backend):
    check_against_loops(backend, KINDS)


#: whose filters and channels fill vectors: places in several parts of a row, in two panels of filters
FULL = [
    ((2, 16, 25, 21), (16, 16, 3, 3), ((1, 0), (2, 1)), (2, 1), (1, 2), 1, True),
    ((1, 16, 5, 9, 13), (32, 8, 2, 3, 3), ((0, 0), (1, 0), (0, 1)), (1, 1, 1), (1, 1, 1), 2, False),
    ((1, 31, 1, 700), (45, 31, 1, 4), ((0, 0), (3, 2)), (1, 2), (1, 3), 1, True),
    ((1, 64, 11, 17), (16, 32, 4, 2), ((3, 1), (0, 4)), (3, 2), (2, 1), 2, True),
]


def test_kinds_of_known_lengths():
    check_against_loops("c", KINDS, known=True)
    check_against_loops("c", FULL, known=True)


def test_filters_that_fill_vectors_need_no_patches():
    """And no patches of products; but for few places they do."""
    for images, expected in (((2, 16, 20, 20), {"", "_by_images", "_by_filters"}), ((2, 16, 7, 7), {""})):
        x, w = inputs_of(numbers(0, *images), numbers(1, 32, 16, 4, 4), known=True)
        y = T.nnet.conv2d(x, w, border_mode=(2, 2))
        f = graphlib.function([x, w], T.grad(T.sqr(y).sum(), [x, w]))
        assert {by for by in ("", "_by_images", "_by_filters") if f"convolve{by}_direct_f32" in f.source} == (
            expected
        ), images


@pytest.mark.parametrize("backend", MODES)
def test_filters_that_are_not_shared(backend):
    cases = [
        ((2, 4, 6, 5), (6, 3, 4, 2, 3, 2), ((1, 0), (0, 0)), (2, 1), (1, 1), 2, True, True),
        ((3, 2, 4, 6), (2, 3, 2, 2, 2, 3), ((0, 0), (0, 0)), (1, 1), (1, 2), 1, False, True),
    ]
    check_against_loops(backend, cases)


@pytest.mark.parametrize("backend", MODES)
def test_three_axes_against_scipy(backend):
    images, filters = numbers(0, 2, 3, 5, 7, 6), numbers(1, 4, 3, 3, 1, 5)
    x, w = inputs_of(images, filters)
    settings = [(m, f) for m in ("valid", "full", "half") for f in (True, False)]
    outputs = [T.nnet.conv3d(x, w, border_mode=m, filter_flip=f) for m, f in settings]
    for (mode, flip), got in zip(settings, compiled(backend, [x, w], outputs)(images, filters), strict=True):
        function, how = (convolve if flip else correlate), {"half": "same"}.get(mode, mode)
        each = [[sum(map(lambda a, b: function(a, b, how), i, f)) for f in filters] for i in images]
        assert_same(got, np.array(each, "float32"), f"{mode} {flip}")


def test_gradients_by_name_are_those_of_the_convolution():
    """conv2d_grad_wrt_inputs, conv2d_grad_wrt_weights, conv2d_transpose and conv3d's, of lengths that are
    numbers, variables and a vector of these."""
    for images, filters, border, stride, dilation, groups, flip in (KINDS[0], KINDS[4]):
        arrays = numbers(0, *images), numbers(1, *filters)
        x, w = inputs_of(*arrays)
        count = len(stride)
        y = function_of(count, border, stride, dilation, groups, flip)(x, w)
        t = T.cos(y)
        options = {"border_mode": border, "filter_dilation": dilation, "num_groups": groups}
        options["filter_flip"] = flip
        by_images = T.nnet.conv2d_grad_wrt_inputs if count == 2 else T.nnet.conv3d_grad_wrt_inputs
        by_filters = T.nnet.conv2d_grad_wrt_weights if count == 2 else T.nnet.conv3d_grad_wrt_weights
        dx, dw = T.grad((y * graphlib.gradient.consider_constant(t)).sum(), [x, w])
        found = [
            by_images(t, w, images, filters, subsample=stride, **options),
            by_images(t, w, (None, None, *x.shape[2:]), subsample=stride, **options),
            by_images(t, w, T.stack(x.shape[2:]), subsample=stride, **options),
        ]
        if count == 2:
            found.append(T.nnet.conv2d_transpose(t, w, images, input_dilation=stride, **options))
        assert found[0].type.shape == images
        others = [
            by_filters(x, t, filters, images, subsample=stride, **options),
            by_filters(x, t, (None, None, *w.shape[2:]), subsample=stride, **options),
        ]
        assert others[0].type.shape == filters
        dx, dw, *results = graphlib.function([x, w], [dx, dw, *found, *others])(*arrays)
        for got in results[: len(found)]:
            assert_same(got, dx)
        for got in results[len(found) :]:
            assert_same(got, dw)


@pytest.mark.parametrize("function", [T.nnet.separable_conv2d, T.nnet.separable_conv3d])
def test_separable(function):
    count = 2 if function is T.nnet.separable_conv2d else 3
    arrays = (
        numbers(0, 2, 3, *(5, 6, 4)[:count]),
        numbers(1, 6, 1, *(3,) * count),
        numbers(2, 4, 6, *(1,) * count),
    )
    got = graphlib.function(variables := inputs_of(*arrays), function(*variables, 3, border_mode="half"))(
        *arrays
    )
    ones = (1,) * count
    each = by_loops(*arrays[:2], ((1, 1),) * count, ones, ones, 3, True)
    wanted = by_loops(each, arrays[2], ((0, 0),) * count, ones, ones, 1, True)
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)


def test_causal():
    """Output t sees inputs up to t only."""
    x, w = numbers(0, 2, 4, 9), numbers(1, 6, 2, 3)
    variables = inputs_of(x, w)
    y = T.nnet.causal_conv1d(*variables, filter_shape=w.shape, filter_dilation=2, num_groups=2)
    wanted = by_loops(x, w, ((4, 0),), (1,), (2,), 2, True)
    assert_same(graphlib.function(variables, y)(x, w), wanted.astype("float32"))
    with pytest.raises(ShapeError, match="must be known while the graph is built"):
        T.nnet.causal_conv1d(*variables)


def test_shapes_without_values():
    """What a shape is asked for is not computed, and equal lengths are known to be equal."""
    x, w = T.tensor4("x"), T.tensor4("w", shape=(8, 2, 3, 5))
    y = T.nnet.conv2d(x, w, border_mode="half", num_groups=2)
    assert y.type.shape == (None, 8, None, None)
    lengths = Lengths()
    assert lengths.shape(y) == (lengths.shape(x)[0], 8, *lengths.shape(x)[2:])
    strided = T.nnet.conv2d(x, w, border_mode=((0, 1), 2), subsample=2, num_groups=2)
    f = graphlib.function([x], strided.shape, on_unused_input="ignore", givens={w: numbers(0, 8, 2, 3, 5)})
    assert "gl_convolve" not in f.source
    assert list(map(int, f(numbers(0, 2, 4, 7, 10)))) == [2, 8, 3, 5]
    assert T.nnet.conv3d(T.zeros((2, 3, 4, 5, 6)), T.zeros((1, 3, 2, 2, 2))).type.shape == (2, 1, 3, 4, 5)
    assert T.nnet.conv2d_grad_wrt_inputs(y, w, (None, None, 7, 9), num_groups=2).type.shape == (None, 4, 7, 9)


def test_errors_name_what_does_not_fit():
    x, w = T.tensor4("pictures"), T.tensor4("kernels")
    with pytest.raises(
        ShapeError, match=r"channels.*pictures.*has length 3.*kernels.* 2 in each of 2 groups"
    ):
        T.nnet.conv2d(x, w, (1, 3, 9, 9), (2, 2, 3, 3), num_groups=2)
    with pytest.raises(ShapeError, match=r"3 filters .*kernels.*not as many in each of 2 groups"):
        T.nnet.conv2d(x, w, (1, 4, 9, 9), (3, 2, 3, 3), num_groups=2)
    with pytest.raises(ShapeError, match="num_groups must be"):
        T.nnet.conv2d(x, w, num_groups=0)
    with pytest.raises(ShapeError, match=r"border_mode must be .* not \(\(1, 2, 3\), 0\)"):
        T.nnet.conv2d(x, w, border_mode=((1, 2, 3), 0))
    with pytest.raises(ShapeError, match="five dimensions"):
        T.nnet.conv3d(x, w)
    with pytest.raises(ShapeError, match="must say the last 2 lengths"):
        T.nnet.conv2d_grad_wrt_inputs(x, w, (1, 2, None, 3))
    with pytest.raises(ShapeError, match="six dimensions"):
        T.nnet.conv2d(x, w, unshared=True)


@pytest.mark.parametrize("backend", MODES)
def test_errors_at_the_call(backend):
    x, w, g = T.tensor4("pictures"), T.tensor4("kernels"), T.tensor4("slope")
    back = T.nnet.conv2d_grad_wrt_inputs(g, w, (1, 4, 6, 6), num_groups=2)
    f = compiled(backend, [x, w, g], [T.nnet.conv2d(x, w, num_groups=2), back])
    good = numbers(0, 1, 4, 6, 6), numbers(0, 4, 2, 3, 3), numbers(0, 1, 4, 4, 4)
    f(*good)
    for position, wrong in (
        (0, numbers(0, 1, 6, 6, 6)),
        (0, numbers(0, 1, 4, 2, 6)),
        (1, numbers(0, 3, 2, 3, 3)),
        (2, numbers(0, 1, 4, 4, 5)),
    ):
        arrays = list(good)
        arrays[position] = wrong
        with pytest.raises(ShapeError):
            f(*arrays)
