"""Products with what their kernels go on to compute: where that leaves what lies in the product's place."""

import numpy as np

import graphlib
import graphlib.tensor as T


def slope(x, w):
    """The gradient of Σ tanh(x·w)² by x."""
    t = np.tanh(x @ w)
    return 2 * t * (1 - t**2) @ w.T


def test_what_lies_in_the_place_of_a_product_that_is_never_written_is_kept():
    """The second product is computed over the first and by an epilogue: the first's place is in use until
    that has read it."""
    x, w = T.dmatrix("x"), T.dmatrix("w")
    t = T.tanh(T.dot(x, w))
    first = T.grad(T.sqr(t).sum(), [x, w])
    second = T.grad((first[0] * x).sum() + (first[1] * w).sum(), [x, w])
    with graphlib.config.change(device="cuda-emulated", cublas=False):
        f = graphlib.function([x, w], [t, *first, *second])
    random = np.random.RandomState(0)
    a, b = random.normal(size=(3, 4)), random.normal(size=(4, 2))
    got = f(a, b)
    np.testing.assert_allclose(got[1], slope(a, b), rtol=1e-12)

    def along(p, q):
        """Σ x ∂/∂x + Σ w ∂/∂w, both of which are Σ (x·w) ∂/∂(x·w)."""
        t = np.tanh(p @ q)
        return 2 * np.sum(2 * t * (1 - t**2) * (p @ q))

    for k, (array, shifted) in enumerate([(a, lambda v: along(v, b)), (b, lambda v: along(a, v))]):
        numeric = np.zeros_like(array)
        for place in np.ndindex(array.shape):
            step = np.zeros_like(array)
            step[place] = 1e-6
            numeric[place] = (shifted(array + step) - shifted(array - step)) / 2e-6
        np.testing.assert_allclose(got[3 + k], numeric, rtol=1e-7, atol=1e-8)
