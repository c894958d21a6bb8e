"""Theano's modules of linear algebra: its classes, its kinds of error, its values (NumPy's)."""

import numpy as np
import pytest


def test_classes_and_functions_of_nlinalg_and_slinalg(theano):
    from theano.sandbox import linalg
    from theano.tensor import nlinalg, slinalg

    T = theano.tensor
    x, v = T.matrix("x"), T.vector("v")
    a = np.array([[4.0, 1.0], [1.0, 3.0]])
    outputs = [
        nlinalg.MatrixInverse()(x),
        nlinalg.matrix_inverse(x),
        nlinalg.MatrixPinv()(x),
        nlinalg.Det()(x),
        *nlinalg.Eigh("U")(x),
        nlinalg.eig(x)[0],
        nlinalg.SVD(False, False)(x),
        nlinalg.qr(x, "r"),
        nlinalg.matrix_dot(x, x, x),
        nlinalg.alloc_diag(v),
        nlinalg.trace(x),
        nlinalg.norm(x, "inf"),
        slinalg.Cholesky(lower=False)(x),
        slinalg.Solve("lower_triangular", lower=True)(x, v),
        slinalg.solve_upper_triangular(x, v),
        slinalg.solve_symmetric(x, v),
        slinalg.expm(x * 0),
        slinalg.eigvalsh(x, x * 2),
        linalg.matrix_inverse(x),
        T.fft.rfft(x),
    ]
    inverse = np.linalg.inv(a)
    w = np.linalg.eigvalsh(a)
    wanted = [
        inverse, inverse, inverse, 11.0, w, None, None, w[::-1], None, a @ a @ a, np.diag([1.0, 2.0]),
        7.0, 5.0, np.linalg.cholesky(a).T, [0.25, 7 / 12], [1 / 12, 2 / 3], inverse @ [1, 2], np.eye(2),
        [0.5, 0.5], inverse,
        [[[5, 0], [3, 0]], [[4, 0], [-2, 0]]],
    ]  # fmt: skip
    for got, right in zip(theano.function([x, v], outputs)(a, [1, 2]), wanted, strict=True):
        if right is not None:
            np.testing.assert_allclose(got, right, atol=1e-12)


def test_kinds_of_error(theano):
    from theano.tensor import nlinalg, slinalg

    T = theano.tensor
    x = T.matrix("x")
    for build, kind in [
        (lambda: nlinalg.alloc_diag(x), TypeError),
        (lambda: nlinalg.extract_diag(T.vector()), TypeError),
        (lambda: nlinalg.matrix_inverse(T.vector()), AssertionError),
        (lambda: nlinalg.MatrixInverse()(T.vector()), AssertionError),
        (lambda: nlinalg.norm([2, 1], "fro"), ValueError),
        (lambda: nlinalg.norm([[2, 1], [3, 4]], 0), ValueError),
        (lambda: nlinalg.norm(3, None), ValueError),
        (lambda: nlinalg.norm(np.ones((2, 3, 4)), None), NotImplementedError),
        (lambda: slinalg.Solve("none"), ValueError),
        (lambda: slinalg.Cholesky(on_error="ignore"), ValueError),
        (lambda: slinalg.kron(T.vector(), T.vector()), TypeError),
        (lambda: T.fft.rfft(x, norm="other"), ValueError),
        (lambda: theano.function([x], slinalg.cholesky(x))([[1, 2], [2, 1]]), np.linalg.LinAlgError),
    ]:
        with pytest.raises(kind):
            build()


def test_an_rcond_that_is_no_share_counts_as_none_and_operations_may_be_attributes(theano):
    from theano.tensor import nlinalg, slinalg

    T = theano.tensor
    x, y, rcond = T.lmatrix("x"), T.lmatrix("y"), T.lscalar("rcond")
    a, b = np.array([[2, 1], [3, 4]]), np.array([[17, 20], [43, 50]])
    solution, _, rank, _ = theano.function([x, y, rcond], nlinalg.lstsq()(x, y, rcond))(a, b, 1)
    np.testing.assert_allclose(a @ solution, b)
    assert rank == 2

    class Holder:
        op = nlinalg.eig

    w = theano.function([x], Holder().op(x)[0])(a)
    np.testing.assert_allclose(np.sort(w), [1, 5])
    assert theano.function([x], slinalg.eigvalsh(x, T.NoneConst))([[2, 0], [0, 1]]).tolist() == [1, 2]
