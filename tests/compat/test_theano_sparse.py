"""``theano.sparse`` against SciPy; gradients and kinds of results as Theano 1.0.5 printed them for the same
program (numpy 1.23.5, scipy 1.11.4)."""

import numpy as np
import pytest
import scipy.sparse

M = scipy.sparse.csr_matrix(np.array([[0, 1.0, 0], [2, 0, 3]]))
D = np.arange(6.0).reshape(3, 2)
X = M.toarray()


@pytest.fixture
def sparse(theano):
    from theano import sparse

    return sparse


@pytest.mark.parametrize("format", ["csr", "csc"])
def test_what_is_computed_is_scipys(theano, sparse, format):
    x, y = sparse.matrix(format, "x", "float64"), theano.tensor.dmatrix("y")
    v, w = y[:, 0], y[0]
    sigmoid = 1 / (1 + np.exp(-X)) * (X != 0)
    table = [
        (sparse.dot(x, y), X @ D, None),
        (sparse.structured_dot(x, v), X @ D[:, 0], None),
        (sparse.dot(y, x), D @ X, None),
        (sparse.true_dot(x, x.T), X @ X.T, format),
        (sparse.sp_sum(x), X.sum(), None),
        (sparse.sp_sum(x, axis=0), X.sum(0), None),
        (x.sum(axis=1), X.sum(1), None),
        (x * y.T, X * D.T, format),
        (x * 2, 2 * X, format),
        (x * v, X * D[:, 0], format),
        (x + x, 2 * X, format),
        (x - y.T, X - D.T, None),
        (-x, -X, format),
        (x.T, X.T, {"csr": "csc", "csc": "csr"}[format]),
        (sparse.dense_from_sparse(x), X, None),
        (sparse.csc_from_dense(y), D, "csc"),
        (sparse.structured_sigmoid(x), sigmoid, format),
        (sparse.structured_add(x, 2), (X + 2) * (X != 0), format),
        (sparse.sqr(x), X**2, format),
        (sparse.col_scale(x, v), X * D[:, 0], format),
        (sparse.row_scale(x, w), X * D[0][:, None], format),
        (sparse.diag(sparse.true_dot(x, x.T)), np.diag(X @ X.T), None),
        (sparse.hstack([x, x]), np.hstack([X, X]), "csc"),
        (sparse.vstack([x, x], format="csr"), np.vstack([X, X]), "csr"),
        (x[0, 1], X[0, 1], None),
        (x[0:1], X[0:1], format),
        (sparse.as_sparse_variable(M).T, X.T, "csc"),
        (x.astype("float32"), X.astype("float32"), format),
        (sparse.sp_zeros_like(x), 0 * X, format),
        (x > x * 0, (X > 0).astype("uint8"), format),
        (sparse.le(y.T, x), (D.T <= X).astype("uint8"), None),
        (sparse.neq(x, x + x), (X != 0).astype("uint8"), format),
        (x.size, 3, None),
    ]
    function = theano.function([x, y], [built for built, _, _ in table])
    for k, (got, (_, wanted, kept)) in enumerate(zip(function(M, D), table, strict=True)):
        assert getattr(got, "format", None) == kept, k
        got = got.toarray() if kept else got
        np.testing.assert_allclose(got, wanted, rtol=1e-12, err_msg=f"number {k}")
        assert got.dtype == np.asarray(wanted).dtype, k


def test_gradients_are_by_kept_elements(theano, sparse):
    T = theano.tensor
    x, y = sparse.csr_matrix("x"), T.dmatrix("y")
    by_x, by_y = T.grad(sparse.structured_dot(x, y).sum(), [x, y])
    got_x, got_y = theano.function([x, y], [by_x, by_y])(M, D)
    assert got_x.toarray().tolist() == [[0, 5, 0], [1, 0, 9]]
    assert got_y.tolist() == [[2, 2], [1, 1], [3, 3]]
    assert theano.function([x], theano.grad(sparse.sp_sum(x * x.data.sum()), x))(M).nnz == 3


def test_parts_shared_variables_and_training(theano, sparse):
    T = theano.tensor
    x = sparse.csc_matrix("x", "int64")
    parts = sparse.csm_properties(x)
    transposed = theano.function([x], sparse.CSR(*parts[:3], parts[3][::-1]))
    a = scipy.sparse.csc_matrix(np.array([[0, 1, 1], [0, 0, 0], [1, 0, 0]]))
    assert transposed(a).toarray().tolist() == a.T.toarray().tolist()
    data = sparse.shared(M, "data")
    w = theano.shared(np.zeros(3))
    cost = ((sparse.dot(data, w) - np.array([1.0, 2.0])) ** 2).sum()
    step = theano.function([], cost, updates=[(w, w - 0.05 * T.grad(cost, w))])
    for _ in range(200):
        step()
    np.testing.assert_allclose(X @ w.get_value(), [1, 2], atol=1e-6)
    data.set_value(2 * M)
    assert data.get_value().toarray().tolist() == (2 * X).tolist()


def test_what_is_refused_says_what_to_do(theano, sparse):
    x = sparse.csr_matrix("x")
    for wrong, kind, words in [
        (lambda: theano.tensor.exp(x), TypeError, "theano.sparse's functions"),
        (lambda: sparse.SparseType("bsr", "float64"), NotImplementedError, "'csr' and 'csc'"),
        (lambda: theano.function([x], x.T)(D), TypeError, "sparse matrix"),
        (lambda: sparse.shared(D), TypeError, "sparse matrix"),
        (lambda: sparse.sp_sum(x, axis=2), ValueError, "axis"),
    ]:
        with pytest.raises(kind, match=words):
            wrong()


def test_gradients_by_a_dense_matrix_are_by_all_of_its_elements(theano, sparse):
    """Unless they are structured, as Theano's dense_from_sparse and structured_dot are."""
    T = theano.tensor
    x, w = T.dmatrix("x"), np.arange(6.0).reshape(2, 3) + 1
    s, whole = sparse.csr_from_dense(x), sparse.DenseFromSparse(structured=False)
    kept = X != 0
    table = [
        (T.sum(whole(s + s) * w), 2 * w),
        (T.sum(whole(-s.T) * w.T), -w),
        (T.sum(whole(s * s) * w), 2 * X * w),
        (T.sum(whole(s * np.full((2, 3), 5.0)) * w), 5 * w),
        (T.sum(whole(sparse.vstack([s, s])) * np.vstack([w, w])), 2 * w),
        (T.sum(whole(sparse.true_dot(s, D))), np.ones((2, 2)) @ D.T),
        (T.sum(sparse.dot(s, D)), np.ones((2, 2)) @ D.T),
        (T.sum(sparse.structured_dot(s, D)), np.ones((2, 2)) @ D.T * kept),
        (T.sum(sparse.sp_sum(s, axis=0) * w[0]), np.vstack([w[0], w[0]])),
        (T.sum(sparse.sp_sum(s, axis=0, sparse_grad=True) * w[0]), np.vstack([w[0], w[0]]) * kept),
        (T.sum(sparse.dense_from_sparse(s) * w), w * kept),
    ]
    f = theano.function([x], [T.grad(cost, x) for cost, _ in table])
    for k, (got, (_, wanted)) in enumerate(zip(f(X), table, strict=True)):
        np.testing.assert_allclose(got, wanted, err_msg=f"number {k}")
