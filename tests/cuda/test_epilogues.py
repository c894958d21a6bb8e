"""Products with what their kernels go on to compute: where that leaves what lies in the product's place."""

import numpy as np

import graphlib
import graphlib.tensor as T


def slopes(x, w):
    """The gradients of Σ v/2 + v²/4 for v = x²·w."""
    d = 0.5 + 0.5 * np.dot(x**2, w)
    return 2 * x * np.dot(d, w.T), np.dot((x**2).T, d)


def test_what_lies_in_the_place_of_a_product_that_is_never_written_is_kept():
    """In the second derivatives a product is added to another in its place, and an epilogue takes what comes
    of that: the place is in use until the epilogue has read it."""
    x, w = T.dmatrix("x"), T.dmatrix("w")
    v = T.dot(T.sqr(x), w)
    first = T.grad(T.sum(v * 0.5 + T.sqr(v) * 0.25), [x, w])
    second = T.grad(sum(T.sqr(g).sum() for g in first), [x, w])
    with graphlib.config.change(device="cuda-emulated", cublas=False):
        f = graphlib.function([x, w], [v, *first, *second])
    random = np.random.RandomState(0)
    arrays = [random.normal(size=(3, 4)), random.normal(size=(4, 2))]
    _, *got = f(*arrays)
    for k, wanted in enumerate(slopes(*arrays)):
        np.testing.assert_allclose(got[k], wanted, rtol=1e-12)
    for k, array in enumerate(arrays):
        numeric = np.zeros_like(array)
        for place in np.ndindex(array.shape):
            moved = []
            for step in (1e-6, -1e-6):
                changed = [a.copy() for a in arrays]
                changed[k][place] += step
                moved.append(sum(np.sum(g**2) for g in slopes(*changed)))
            numeric[place] = (moved[0] - moved[1]) / 2e-6
        np.testing.assert_allclose(got[2 + k], numeric, rtol=1e-6, atol=1e-6)
