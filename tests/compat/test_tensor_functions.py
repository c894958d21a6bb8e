"""Theano's functions that are made of others; expected values are NumPy's, which Theano 1.0.5 gives too."""

import numpy as np
import pytest


@pytest.fixture
def T(theano):
    return theano.tensor


def test_values(theano, T):
    m, v, n = T.dmatrix("m"), T.lvector("v"), T.dvector("n")
    t = T.dtensor3("t")
    a = np.random.RandomState(0).permutation(12).reshape(3, 4) - 5.0
    i, b = np.array([3, 1, 0, 1]), np.array([0.5, 1.0, 2.5, 7.0])
    c = np.random.RandomState(1).normal(size=(3, 4, 2))
    perm = np.array([2, 0, 3, 1])
    filled = a.copy()
    np.fill_diagonal(filled, 9)
    shifted = np.where(np.subtract.outer(np.arange(3), np.arange(4)) == 1, 9, a)
    cases = {
        "shape_padaxis": (T.shape_padaxis(m, 1), a[:, None]),
        "power": (T.power(m, 2), a**2),
        "take, clip": (T.take(m, v * 2, 1, mode="clip"), np.take(a, i * 2, 1, mode="clip")),
        "take, wrap": (T.take(m, v - 7, mode="wrap"), np.take(a, i - 7, mode="wrap")),
        "nonzero": (T.nonzero(m > 0, return_matrix=True), np.array(np.nonzero(a > 0))),
        "bincount of what is not negative": (T.bincount(v, assert_nonneg=True), np.bincount(i)),
        "sort of everything": (T.sort(m, None, "mergesort"), np.sort(a, None)),
        "unravel_index of a vector": (
            T.unravel_index(v, v[:2] + 3, ndim=2)[1],
            np.unravel_index(i, (6, 4))[1],
        ),
        "choose": (T.choose(v, [n, n * 2, n * 3, n * 4]), np.choose(i, [b, b * 2, b * 3, b * 4])),
        "choose, clip": (T.choose(v, [n, n * 2], mode="clip"), np.choose(i, [b, b * 2], mode="clip")),
        "nonzero_values": (T.nonzero_values(m), a[np.nonzero(a)]),
        "bincount": (T.bincount(v), np.bincount(i)),
        "bincount, weights": (T.bincount(v, n, 9), np.bincount(i, b, 9)),
        "fill_diagonal": (T.fill_diagonal(m, 9), filled),
        "fill_diagonal_offset": (T.fill_diagonal_offset(m, 9, -1), shifted),
        "inverse_permutation": (T.inverse_permutation(T.constant(perm)), np.argsort(perm)),
        "permute_row_elements": (T.permute_row_elements(m, T.constant(perm)), a[:, perm]),
        "permute back": (T.permute_row_elements(m, T.constant(perm), 1), a[:, np.argsort(perm)]),
        "deg2rad": (T.deg2rad(m), np.deg2rad(a)),
        "rad2deg": (T.rad2deg(m), np.rad2deg(a)),
        "diagonal": (T.diagonal(t, 1, 2, 0), np.diagonal(c, 1, 2, 0)),
        "diagonal below": (T.diagonal(m, -1), np.diagonal(a, -1)),
        "unravel_index": (T.stack(T.unravel_index(v, (2, 3))), np.unravel_index(i, (2, 3))),
        "ravel_multi_index": (T.ravel_multi_index((v, v), (4, 5)), np.ravel_multi_index((i, i), (4, 5))),
        "ravel, F": (T.ravel_multi_index((v, v), (4, 5), order="F"), i + 4 * i),
        "diff": (T.diff(m, 2, 1), np.diff(a, 2, 1)),
        "searchsorted": (T.searchsorted(n, m, "right"), np.searchsorted(b, a, "right")),
        "compress": (T.compress([0, 1, 1], m, 0), np.compress([0, 1, 1], a, 0)),
        "cov": (T.cov(m), np.cov(a)),
        "bartlett": (T.bartlett(T.constant(6)), np.bartlett(6)),
        "topk": (T.topk(m, 2), np.sort(a)[:, -2:]),
        "argtopk": (T.argtopk(m, -2, axis=0), np.argsort(a, 0)[:2]),
        "ceil_intdiv": (T.ceil_intdiv(v, 2), -(-i // 2)),
        "divmod": (T.stack(T.divmod(m, 3.0)), np.stack(np.divmod(a, 3))),
        "norm inf": (m.norm(np.inf, axis=1), np.linalg.norm(a, np.inf, axis=1)),
        "norm 3": (m.norm(3, axis=0), np.linalg.norm(a, 3, axis=0)),
        "var corrected": (T.var(m, corrected=True), a.var()),
        "mgrid": (T.stack(T.mgrid[0:3, 1:7:2]), np.mgrid[0:3, 1:7:2]),
        "ogrid": (T.ogrid[0:3, 1:7:2][1], np.ogrid[0:3, 1:7:2][1]),
        "trace": (m.trace(), np.trace(a)),
        "transfer": (m.transfer("cpu"), a),
    }
    f = theano.function([m, v, n, t], [variable for variable, _ in cases.values()])
    for (name, (_, wanted)), got in zip(cases.items(), f(a, i, b, c), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-12, err_msg=name)


def test_what_they_refuse(theano, T):
    assert T.get_vector_length(T.vector().shape) == 1 and T.get_vector_length(T.constant([1, 2, 3])) == 3
    with pytest.raises(ValueError, match="not known"):
        T.get_vector_length(T.vector("x"))
    with pytest.raises(ValueError, match="modes"):
        T.choose(T.lvector(), [1, 2], mode="no")
    x = T.lvector("x")
    f = theano.function([x], T.bincount(x))
    with pytest.raises(ValueError, match="negative"):
        f([1, -1])
    with pytest.raises(TypeError, match="takes a vector"):
        T.bincount(T.lmatrix("m"))


def test_different_rows_and_columns(theano, T):
    """numpy.unique along an axis."""
    x = T.lmatrix("x")
    a = np.array([[2, 1, 2, 0], [0, 3, 0, 3], [2, 1, 2, 0]])
    for axis in (0, 1, -1):
        made = T.extra_ops.Unique(True, True, True, axis=axis)(x)
        for got, wanted in zip(
            theano.function([x], made)(a), np.unique(a, True, True, True, axis), strict=True
        ):
            assert got.tolist() == wanted.reshape(got.shape).tolist()
    with pytest.raises(ValueError, match="no axis 2"):
        T.extra_ops.Unique(axis=2)(x)


def test_numbers_that_are_known(theano, T):
    """What Theano 1.0.5's get_scalar_constant_value finds."""
    x, value = T.matrix("x"), T.get_scalar_constant_value
    known = [
        (T.constant(3), 3),
        (T.alloc(4.0, x.shape[0], 2), 4),
        (T.constant([[5]]).dimshuffle(0, "x", 1), 5),
        (T.constant([1, 2, 3])[1] * 2 + 1, 5),
        (T.cast(T.zeros((2,)), "int8"), 0),
        (T.alloc(1, 2, 3).shape[1], 3),
    ]
    assert [value(v) for v, _ in known] == [number for _, number in known]
    for unknown in (x, x.sum(), T.constant([1, 2]), x.shape[0], None):
        with pytest.raises(T.NotScalarConstantError):
            value(unknown)
    with pytest.raises(T.basic.EmptyConstantError):
        value(np.zeros(0))


def test_variables_of_nodes_and_of_so_many_dimensions(theano, T):
    x = T.row("x")
    assert T.as_tensor_variable((x + 1).owner).owner.op == T.add
    assert (
        T.as_tensor_variable(x, ndim=1).ndim == 1
        and T.as_tensor_variable(3.0, ndim=2).broadcastable == (True,) * 2
    )
    with pytest.raises(ValueError, match="more than 1"):
        T.as_tensor_variable(T.matrix(), ndim=1)
    kind = T.dvector
    assert (
        kind.filter([1, 2]).tolist() == [1, 2]
        and kind.is_valid_value(np.zeros(2))
        and not kind.is_valid_value([1.0])
    )
    assert kind.values_eq_approx(np.array([np.nan, 1]), np.array([np.nan, 1 + 1e-9])) and not kind.values_eq(
        1, 2
    )


def test_what_is_not_cast_down(theano, T):
    """Theano 1.0.5's test of In(allow_downcast=False): an array of a wider dtype is refused by its dtype."""
    f = theano.function(
        [theano.In(T.bvector(), allow_downcast=False)], T.constant(1), on_unused_input="ignore"
    )
    assert f([6]) == f(np.array([6], "int8")) == 1
    for wrong in (np.array([6], "int16"), [2**20]):
        with pytest.raises(TypeError):
            f(wrong)
