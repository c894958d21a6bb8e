"""The bare products compute what they say, through BLAS and from C."""

import numpy as np
import pytest

from tests.benchmarks import bare
from tests.benchmarks.workloads.data import minibatches

rng = np.random.default_rng(0)


def matrix(*shape):
    return rng.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("left", [matrix(4, 7), matrix(7, 4).T], ids=["left", "left transposed"])
@pytest.mark.parametrize("right", [matrix(7, 5), matrix(5, 7).T], ids=["right", "right transposed"])
def test_a_product_is_that_of_numpy(left, right, threads):
    out = matrix(4, 5)
    expected = -0.5 * (left @ right) + 0.25 * out
    bare.runner([bare.Product(out, left, right, alpha=-0.5, beta=0.25)], threads)(0, 1)
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-6)


def test_each_step_takes_the_next_minibatch_and_begins_again_after_the_last():
    x, d, w = minibatches(matrix(9, 6), 3), matrix(3, 2), np.zeros((6, 2), np.float32)
    bare.runner([bare.Product(w, x.swapaxes(1, 2), d, beta=1)], 1)(
        2, 2
    )  # steps 2 and 3 of minibatches 0, 1, 2
    np.testing.assert_allclose(w, x[2].T @ d + x[0].T @ d, rtol=1e-5, atol=1e-6)


def test_products_follow_one_another():
    x, w, h, y = matrix(3, 4), matrix(4, 5), np.empty((3, 5), np.float32), np.empty((3, 3), np.float32)
    bare.runner([bare.Product(h, x, w), bare.Product(y, h, h.T)], 1)(0, 1)
    np.testing.assert_allclose(y, (x @ w) @ (x @ w).T, rtol=1e-5)


@pytest.mark.parametrize(
    ("product", "message"),
    [
        (lambda: bare.Product(matrix(4, 5), matrix(4, 7), matrix(6, 5)), "not a product"),
        (lambda: bare.Product(matrix(5, 4).T, matrix(4, 7), matrix(7, 5)), "not a product"),
        (lambda: bare.Product(matrix(4, 5), matrix(4, 7).astype(np.float64), matrix(7, 5)), "float32"),
        (lambda: bare.Product(matrix(4, 5), matrix(8, 14)[::2, ::2], matrix(7, 5)), "without gaps"),
    ],
)
def test_what_blas_cannot_multiply_is_refused(product, message):
    with pytest.raises(ValueError, match=message):
        bare.runner([product()], 1)


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_copies_copy(threads):
    copies = [bare.Copy(np.empty(10, np.float32), matrix(10)) for _ in range(3)]
    bare.runner(copies, threads)(0, 1)
    for copy in copies:
        np.testing.assert_array_equal(copy.out, copy.source)
