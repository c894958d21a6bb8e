"""Linear algebra and Fourier transforms against NumPy and SciPy, in every mode, and their errors."""

import numpy as np
import pytest
import scipy.linalg

import graphlib
import graphlib.tensor as T
from graphlib.errors import LinAlgError, ShapeError

from .backends import MODES, assert_same, compiled

RANDOM = np.random.RandomState(0)
A = RANDOM.randn(5, 5)
STACK = RANDOM.randn(2, 3, 4, 4)
TALL = RANDOM.randn(5, 3)
B = RANDOM.randn(5, 2)
POSITIVE = A @ A.T + np.eye(5)


@pytest.mark.parametrize("mode", MODES)
def test_values_are_numpys_and_scipys(mode):
    a, stack, tall, b, v = (
        T.dmatrix("a"),
        T.dtensor4("stack"),
        T.dmatrix("tall"),
        T.dmatrix("b"),
        T.dvector("v"),
    )
    positive = T.dot(a, a.T) + T.eye(5, dtype="float64")
    wide = tall.T
    sign, logarithm = T.slogdet(stack)
    x, residuals, rank, s = T.lstsq(tall, b)
    table = [
        (T.solve(a, b), np.linalg.solve(A, B)),
        (T.solve(a.T, v), np.linalg.solve(A.T, B[:, 0])),
        (T.matrix_inverse(stack), np.linalg.inv(STACK)),
        (T.det(stack), np.linalg.det(STACK)),
        (sign, np.linalg.slogdet(STACK)[0]),
        (logarithm, np.linalg.slogdet(STACK)[1]),
        (T.matrix_power(stack, 5), np.linalg.matrix_power(STACK, 5)),
        (T.matrix_power(a, -3), np.linalg.matrix_power(A, -3)),
        (T.cholesky(positive), np.linalg.cholesky(POSITIVE)),
        (T.cholesky(positive, lower=False), scipy.linalg.cholesky(POSITIVE)),
        (T.solve_triangular(a, b, lower=True), scipy.linalg.solve_triangular(A, B, lower=True)),
        (T.solve_triangular(a, v, trans=True), scipy.linalg.solve_triangular(A, B[:, 0], trans=1)),
        (T.qr(wide, "r"), np.linalg.qr(TALL.T, "r")),
        (T.qr(tall, "complete")[0], np.linalg.qr(TALL, "complete")[0]),
        (T.qr(tall, "raw")[0], np.linalg.qr(TALL, "raw")[0]),
        (T.svd(wide, compute_uv=False), np.linalg.svd(TALL.T, compute_uv=False)),
        (T.eigh(positive)[0], np.linalg.eigh(POSITIVE)[0]),
        (T.eigvalsh(a, positive), scipy.linalg.eigvalsh(A, POSITIVE)),
        (T.pinv(tall), np.linalg.pinv(TALL)),
        (x, np.linalg.lstsq(TALL, B, None)[0]),
        (residuals, np.linalg.lstsq(TALL, B, None)[1]),
        (rank, np.array(3)),
        (s, np.linalg.svd(TALL, compute_uv=False)),
        (T.expm(a), scipy.linalg.expm(A)),
        (T.expm(stack * 5)[0, 0], scipy.linalg.expm(STACK[0, 0] * 5)),
        (T.kron(a, b), np.kron(A, B)),
        (T.trace(stack), np.trace(STACK, axis1=-2, axis2=-1)),
        (T.nlinalg.norm(a, "nuc"), np.linalg.norm(A, "nuc")),
        (T.nlinalg.norm(v, 0), np.array(5)),
        (T.fft.rfft(tall), as_pairs(np.fft.rfft(TALL))),
        (T.fft.rfft(stack, norm="ortho"), as_pairs(np.fft.rfftn(STACK, axes=(1, 2, 3), norm="ortho"))),
        (T.fft.irfft(T.fft.rfft(stack)), STACK),
        (T.fft.irfft(T.fft.rfft(tall), is_odd=True), TALL),
    ]
    function = compiled(mode, [a, stack, tall, b, v], [built for built, _ in table])
    for k, (got, (_, wanted)) in enumerate(zip(function(A, STACK, TALL, B, B[:, 0]), table, strict=True)):
        assert_same(got, wanted, f"number {k}")


def as_pairs(z):
    return np.stack([z.real, z.imag], -1)


@pytest.mark.parametrize("mode", MODES)
def test_full_factors_are_orthogonal_and_make_the_matrix_also_of_less_rank(mode):
    x = T.dmatrix("x")
    u, s, vt = T.svd(x)
    w, v = T.eigh(T.dot(x.T, x))
    function = compiled(mode, [x], [u, s, vt, w, v])
    for array in (TALL, TALL.T, np.outer(np.arange(4.0), np.arange(3.0)), np.zeros((2, 3))):
        u_, s_, vt_, w_, v_ = function(array)
        whole = np.zeros(array.shape)
        np.fill_diagonal(whole, s_)
        np.testing.assert_allclose(u_ @ whole @ vt_, array, atol=1e-12)
        for q in (u_, vt_, v_):
            np.testing.assert_allclose(q.T @ q, np.eye(len(q)), atol=1e-12)
        np.testing.assert_allclose(v_ * w_ @ v_.T, array.T @ array, atol=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_what_has_no_answer_is_an_error_with_the_users_line(mode):
    x = T.dmatrix("x")
    cases = [
        (lambda: T.matrix_inverse(x), "the matrix is singular"),
        (lambda: T.solve_triangular(x, x[0]), "the matrix is singular: a number on the diagonal is 0"),
        (lambda: T.cholesky(x), "not positive definite"),
    ]
    for build, message in cases:
        function = compiled(mode, [x], build())
        with pytest.raises(np.linalg.LinAlgError, match=rf"{message}[^\n]*test_matrices.py") as caught:
            function([[0.0, 0.0], [0.0, 0.0]])
        assert isinstance(caught.value, (LinAlgError, graphlib.errors.GraphError))
    assert compiled(mode, [x], [T.det(x), T.cholesky(x, on_error="nan").sum()])(np.zeros((2, 2)))[0] == 0


@pytest.mark.parametrize("mode", MODES)
def test_a_singular_matrix_leaves_shared_variables_as_they_were(mode):
    x, w = T.dmatrix("x"), graphlib.shared(np.ones((2, 2)), name="w")
    function = compiled(mode, [x], None, updates=[(w, w + T.matrix_inverse(x))])
    with pytest.raises(LinAlgError):
        function(np.zeros((2, 2)))
    assert w.get_value().tolist() == [[1, 1], [1, 1]]


def test_lengths_that_do_not_fit_are_errors_at_once_or_at_the_call():
    with pytest.raises(ShapeError, match="must hold square matrices"):
        T.det(T.TensorType("float64", (2, 3))("x"))
    x = T.dmatrix("x")
    for mode in ("reference", "c"):
        with pytest.raises(ShapeError, match="square"):
            compiled(mode, [x], T.det(x))(np.ones((2, 3)))


def test_gradients_that_the_registry_does_not_try():
    random = np.random.RandomState(1)
    upper = lambda a: T.cholesky(T.dot(a, a.T) + T.eye(3, dtype="float64"), lower=False)  # noqa: E731
    for build, shape in [
        (upper, (3, 3)),
        (lambda a: T.solve(a[None], a[:, :2][None]), (3, 3)),
        (lambda a: T.svd(a, compute_uv=False), (3, 5)),
        (lambda a: T.fft.irfft(T.fft.rfft(a) * 2), (2, 3, 4)),
    ]:
        with graphlib.config.change(mode="reference"):
            graphlib.verify_grad(build, [random.uniform(0.5, 2, shape)])


@pytest.mark.parametrize("n", [1, 2, 12, 97, 128, 194, 210, 1009, 8192])
def test_fourier_transforms_of_many_lengths(n):
    """Of more lines than are transformed side by side, and there and back."""
    x, y = T.dmatrix("x"), T.fmatrix("y")
    array = np.random.RandomState(n).randn(19, n)
    made = [T.fft.rfft(x), T.fft.rfft(y), T.fft.irfft(T.fft.rfft(x), is_odd=bool(n % 2))]
    there, single, back = compiled("c", [x, y], made)(array, array.astype("float32"))
    expected = as_pairs(np.fft.rfft(array))
    np.testing.assert_allclose(there, expected, atol=1e-11 * n)
    # as NumPy's in float32, whose error grows with the logarithm of n
    np.testing.assert_allclose(single, expected, atol=1e-6 * np.sqrt(n) * np.log2(n + 2))
    np.testing.assert_allclose(back, array, atol=1e-11 * n)


@pytest.mark.parametrize("mode", ["c", "cuda"])
def test_lines_are_transformed_each_by_itself(mode):
    """A NaN, or a large number, in one of them is none in another; of even and of odd lengths."""
    x, z = T.dmatrix("x"), T.dtensor3("z")
    back = [T.fft.irfft(z), T.fft.irfft(z, is_odd=True)]
    f = compiled(mode, [x, z], [T.fft.rfft(x), T.grad(T.sqr(T.fft.rfft(x)).sum(), x), *back])
    for n in (6, 7):
        array, pairs = np.random.RandomState(n).randn(5, n), np.random.RandomState(n).randn(5, 4, 2)
        array[1, 2] = pairs[1, 2, 0] = np.nan
        array[3, 1] = pairs[3, 1, 1] = 1e200
        there, gradient, even, odd = f(array, pairs)
        for k in (0, 2, 4):
            np.testing.assert_allclose(there[k], as_pairs(np.fft.rfft(array[k])), atol=1e-12)
            step = 1e-6 * np.eye(n)
            sums = [(abs(np.fft.rfft(array[k] + way * step)) ** 2).sum(1) for way in (1, -1)]
            np.testing.assert_allclose(gradient[k], (sums[0] - sums[1]) / 2e-6, rtol=1e-6, atol=1e-7)
            line = pairs[k, :, 0] + 1j * pairs[k, :, 1]
            np.testing.assert_allclose(even[k], np.fft.irfft(line, 6), atol=1e-12)
            np.testing.assert_allclose(odd[k], np.fft.irfft(line, 7), atol=1e-12)
    there, gradient, *_ = f(np.zeros((3, 0)), pairs)
    np.testing.assert_array_equal(there, np.zeros((3, 1, 2)))  # the sum of no numbers
    assert gradient.shape == (3, 0)


def test_lengths_of_what_is_made_of_matrices_follow_from_theirs():
    """So a loop can go over them: the lengths of its results are known before a step."""
    stack, rows = T.dtensor3("stack"), T.dmatrix("rows")
    rng = np.random.RandomState(3)
    given = rng.randn(3, 4, 4)
    given = given @ given.transpose(0, 2, 1) + np.eye(4)
    line = rng.randn(3, 4)

    def step(a, b):
        return [
            T.slinalg.solve(a, b),
            T.slinalg.solve(a, a[:, 1:]),
            T.slinalg.solve_lower_triangular(a, b),
            T.nlinalg.matrix_inverse(a),
            T.slinalg.cholesky(a),
            T.grad(T.log(T.nlinalg.det(a)), a),
            *T.nlinalg.eigh(a),
            *T.nlinalg.svd(a[1:], full_matrices=False),
            *T.nlinalg.svd(a[:, 1:], full_matrices=True),
            *T.nlinalg.qr(a[:, 2:]),
            T.nlinalg.pinv(a[1:]),
            T.slinalg.expm(a / 9),
            T.nlinalg.lstsq(a, b, -1)[0],
        ]

    loop, _ = graphlib.map(step, [stack, rows])
    each = graphlib.function([stack, rows], loop)(given, line)
    one, b = T.dmatrix("one"), T.dvector("b")
    alone = graphlib.function([one, b], step(one, b), mode="reference")
    for got, *expected in zip(each, *(alone(m, v) for m, v in zip(given, line, strict=True)), strict=True):
        # the signs of singular vectors are LAPACK's and NumPy's choice
        np.testing.assert_allclose(abs(got), abs(np.stack(expected)), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("mode", MODES)
def test_a_system_with_another_number_of_rows(mode):
    a, b = T.dmatrix("a"), T.dmatrix("b")
    for build in (T.solve, T.solve_triangular):
        with pytest.raises(ShapeError, match="solve"):
            compiled(mode, [a, b], build(a, b))(A, B[:3])
