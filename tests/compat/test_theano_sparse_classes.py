"""``theano.sparse``'s operations by the names of their classes, and those that are made of the others."""

import numpy as np
import pytest
import scipy.sparse as sp


def test_values(theano):
    S, T = theano.sparse, theano.tensor
    x, y, v, i = S.csc_matrix("x"), T.dmatrix("y"), T.dvector("v"), T.lvector("i")
    a = np.array([[1.0, 0, 2], [0, 3, 0], [4, 0, 5]])
    b, c, k = np.arange(9.0).reshape(3, 3) - 4, np.array([2.0, -1, 3]), np.array([2, 0, 2])
    kept = a != 0
    cases = {
        "mul_s_v": (S.mul_s_v(x, v), a * c),
        "structured_add_s_v": (S.StructuredAddSV()(x, v), (a + c) * kept),
        "add_s_s_data": (S.add_s_s_data(x, x), 2 * a),
        "usmm": (S.usmm(2.0, x, y, y), 2 * a @ b + b),
        "sampling_dot": (S.sampling_dot(y, y, x), a * (b @ b.T)),
        "construct_sparse_from_list": (
            S.construct_sparse_from_list(y, y, i),
            np.array([b[1], [0, 0, 0], b[0] + b[2]]),
        ),
        "Cast": (S.fcast(x), a),
        "HStack": (S.HStack("csr")(x, x), np.hstack([a, a])),
        "SpSum": (S.SpSum(axis=0)(x), a.sum(0)),
        "Dot": (S.Dot()(x, y), a @ b),
        "Transpose": (S.Transpose()(x), a.T),
    }
    f = theano.function([x, y, v, i], [made for made, _ in cases.values()])
    for (name, (_, wanted)), got in zip(cases.items(), f(sp.csc_matrix(a), b, c, k), strict=True):
        np.testing.assert_allclose(got.toarray() if sp.issparse(got) else got, wanted, err_msg=name)
    assert theano.compile.function([x], S.neg(x))(sp.csc_matrix(a)).toarray().tolist() == (-a).tolist()
    with pytest.raises(NotImplementedError, match="neither sparse"):
        S.basic._is_dense("text")
