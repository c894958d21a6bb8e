"""What Theano 1.0.5 does where graphlib itself does otherwise; and its functions made of others."""

import math

import numpy as np
import pytest


@pytest.fixture
def T(theano):
    return theano.tensor


def test_the_gradient_of_an_integer_cost_is_zeros(theano, T):
    x, i, y = T.dvector("x"), T.lvector("i"), T.dvector("y")
    costs = [T.cast(x, "int64").sum(), T.eq(x, 1).sum(), T.sqr(i).sum()]
    f = theano.function([x, i], [T.grad(c, w) for c, w in zip(costs, (x, x, i), strict=True)])
    for g in f([1.5, 2.0], [3, 1]):
        assert g.dtype == "float64"
        np.testing.assert_array_equal(g, [0, 0])
    with pytest.raises(theano.gradient.DisconnectedInputError):
        T.grad(costs[0], [y])


def test_a_shape_is_one_array(theano, T):
    x = T.dtensor3("x")
    shape = theano.function([x], x.shape)(np.zeros((2, 3, 4)))
    assert isinstance(shape, np.ndarray) and shape.dtype == "int64"
    np.testing.assert_array_equal(shape, [2, 3, 4])


def test_a_border_mode_of_none_is_refused(T):
    with pytest.raises(ValueError, match="border_mode"):
        T.nnet.conv2d(T.dtensor4(), T.dtensor4(), border_mode=None)


def test_special_functions(theano, T):
    x, y, a = T.dvector("x"), T.dvector("y"), T.dvector("a")
    ys = np.array([-1, -0.9, -0.3, 0, 1e-9, 0.2, 0.49, 0.5, 0.51, 1 - 1e-12, 1])
    tails = np.array([1e-300, 1e-20, 0.1, 0.5, 0.6, 1, 1.4, 1.5, 1.9, 0, 2])
    xs = np.array([-1.5, -0.5, 0.5, 1, 5, 10.5])
    inverse, other, g = T.erfinv(y), T.erfcinv(a), T.gamma(x)
    f = theano.function(
        [x, y, a],
        [inverse, other, g, T.iround(x), T.grad(inverse[1:-1].sum(), y), T.grad(g.sum(), x)],
        # made of operations that all backends are held to; C's compiler takes 18 s for their Newton steps
        mode="FAST_COMPILE",
    )
    inverse, other, g, rounded, slope, g_slope = f(xs, ys, tails)
    assert (inverse[0], inverse[-1], other[-2], other[-1]) == (-np.inf, np.inf, np.inf, -np.inf)
    np.testing.assert_allclose([math.erf(v) for v in inverse], ys, rtol=1e-14)
    np.testing.assert_allclose([math.erfc(v) for v in other], tails, rtol=1e-12)
    np.testing.assert_allclose(slope[1:-1], np.sqrt(np.pi) / 2 * np.exp(inverse[1:-1] ** 2), rtol=1e-9)
    np.testing.assert_allclose(g, [math.gamma(v) for v in xs], rtol=1e-13)
    euler = 0.5772156649015329
    np.testing.assert_allclose(g_slope[2:4], [math.sqrt(math.pi) * (-euler - 2 * math.log(2)), -euler])
    assert rounded.dtype == "int64"
    np.testing.assert_array_equal(rounded, np.rint(xs))


def test_labels(theano, T):
    truth, guess = T.ivector("truth"), T.ivector("guess")
    unique = T.extra_ops.Unique(True, True, True)(truth)
    f = theano.function([truth, guess], [*T.nnet.confusion_matrix(truth, guess), *unique])
    counts, order, *found = f([2, 0, 2, 2, 0, 1], [0, 0, 2, 2, 0, 2])
    # scikit-learn's example, which Theano's documentation has too
    np.testing.assert_array_equal(counts, [[2, 0, 0], [0, 0, 1], [1, 0, 2]])
    np.testing.assert_array_equal(order, [0, 1, 2])
    for got, wanted in zip(found, np.unique([2, 0, 2, 2, 0, 1], True, True, True), strict=True):
        np.testing.assert_array_equal(got, wanted)
    assert [len(v) for v in f([], [])] == [0, 0, 0, 0, 0, 0]


def test_h_softmax(theano, T):
    """Values of Theano 1.0.5 (``T.nnet.h_softmax``, its Python linker)."""
    x, target = T.dmatrix("x"), T.ivector("target")
    sizes = (3, 10, 3, 4)
    rest = (np.arange(6).reshape(2, 3) * 0.1, np.arange(3) * 0.1)
    rest += (np.arange(24).reshape(3, 2, 4) * 0.1, np.arange(12).reshape(3, 4) * 0.1)
    rest = [T.constant(v) for v in rest]
    every, some = T.nnet.h_softmax(x, *sizes, *rest), T.nnet.h_softmax(x, *sizes, *rest, target=target)
    f = theano.function([x, target], [every, some])
    every, some = f(np.arange(6).reshape(3, 2) * 0.1, [0, 5, 9])
    np.testing.assert_allclose(some, every[np.arange(3), [0, 5, 9]])
    np.testing.assert_allclose(
        every[2],
        [
            0.0500690547,
            0.0605459842,
            0.0732152071,
            0.0885354597,
            0.0605459842,
            0.0732152071,
            0.0885354597,
            0.107061469,
            0.0732152071,
            0.0885354597,
        ],
        rtol=1e-6,
    )
