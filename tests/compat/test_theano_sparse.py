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
        (lambda: sparse.eq(x, x), NotImplementedError, "compare dense_from_sparse"),
        (lambda: theano.tensor.exp(x), TypeError, "theano.sparse's functions"),
        (lambda: sparse.SparseType("bsr", "float64"), NotImplementedError, "'csr' and 'csc'"),
        (lambda: theano.function([x], x.T)(D), TypeError, "sparse matrix"),
        (lambda: sparse.shared(D), TypeError, "sparse matrix"),
        (lambda: sparse.sp_sum(x, axis=2), ValueError, "axis"),
    ]:
        with pytest.raises(kind, match=words):
            wrong()
