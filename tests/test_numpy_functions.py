"""NumPy's functions on variables: a variable, or an error that names ours."""

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T

A = np.array([[0.5, -1.5, 2.5], [1.0, 3.25, -0.75]])
B = np.array([[2.0, 1.0, -1.0], [0.5, 3.0, 4.0]])
V = np.array([1.0, -2.0, 0.5])
INTS = np.array([[3, -1, 0], [7, 2, 5]])

#: of two float matrices, a float vector and an int matrix
CASES = [
    *(
        lambda a, b, v, i, f=f: f(a)
        for f in (
            np.exp,
            np.abs,
            np.square,
            np.sign,
            np.tanh,
            np.negative,
            np.sin,
            np.floor,
            np.ceil,
            np.rint,
        )
    ),
    *(lambda a, b, v, i, f=f: f(abs(a) + 0.5) for f in (np.log, np.sqrt, np.log1p, np.log2, np.reciprocal)),
    *(
        lambda a, b, v, i, f=f: f(a, b)
        for f in (
            np.add,
            np.subtract,
            np.multiply,
            np.divide,
            np.maximum,
            np.minimum,
            np.arctan2,
            np.logaddexp,
        )
    ),
    *(
        lambda a, b, v, i, f=f: f(A, b)
        for f in (np.add, np.subtract, np.true_divide, np.maximum, np.less, np.greater_equal, np.equal)
    ),
    *(
        lambda a, b, v, i, f=f: f(i, 4)
        for f in (np.remainder, np.floor_divide, np.bitwise_and, np.bitwise_or)
    ),
    *(lambda a, b, v, i, f=f: f(a > 0, i) for f in (np.logical_and, np.logical_or, np.logical_xor)),
    *(lambda a, b, v, i, f=f: f(a / 0) for f in (np.isnan, np.isinf, np.isfinite)),
    lambda a, b, v, i: np.logical_not(i),
    lambda a, b, v, i: np.power(abs(a), 2.5),
    lambda a, b, v, i: np.matmul(a, b.T),
    lambda a, b, v, i: A + a,
    lambda a, b, v, i: np.float64(2) * a - np.float64(1) / (b + 10),
    lambda a, b, v, i: A @ b.T,
    lambda a, b, v, i: A.T @ a,
    lambda a, b, v, i: np.dot(A, v),
    lambda a, b, v, i: np.dot(a, V),
    *(
        lambda a, b, v, i, f=f: f(a)
        for f in (np.sum, np.mean, np.max, np.min, np.prod, np.argmax, np.argmin, np.std, np.var, np.ptp)
    ),
    *(
        lambda a, b, v, i, f=f: f(a, axis=1, keepdims=True)
        for f in (np.sum, np.mean, np.amax, np.std, np.var)
    ),
    *(lambda a, b, v, i, f=f: f(a, axis=0) for f in (np.sum, np.argmax, np.cumsum, np.cumprod, np.sort)),
    *(lambda a, b, v, i, f=f: f(i, axis=-1) for f in (np.any, np.all, np.argsort)),
    lambda a, b, v, i: np.var(a, 0, ddof=1),
    lambda a, b, v, i: np.sum(a, axis=(0, 1)),
    lambda a, b, v, i: np.cumsum(a),
    lambda a, b, v, i: np.transpose(a),
    lambda a, b, v, i: np.transpose(a, (1, 0)),
    lambda a, b, v, i: np.reshape(a, (3, 2)),
    lambda a, b, v, i: np.reshape(a, -1),
    lambda a, b, v, i: np.ravel(a),
    lambda a, b, v, i: np.concatenate([a, B], axis=1),
    lambda a, b, v, i: np.stack([v, V]),
    lambda a, b, v, i: np.hstack([v, V]),
    lambda a, b, v, i: np.hstack([a, b]),
    lambda a, b, v, i: np.vstack([a, v]),
    lambda a, b, v, i: np.where(a > 0, b, 0.5),
    lambda a, b, v, i: np.where(i > 2)[1],
    lambda a, b, v, i: np.nonzero(i)[0],
    lambda a, b, v, i: np.clip(a, -1, 1),
    lambda a, b, v, i: np.clip(a, None, 1),
    lambda a, b, v, i: np.clip(a, a_min=0, a_max=None),
    lambda a, b, v, i: np.round(a),
    lambda a, b, v, i: np.round(a / 3, 2),
    lambda a, b, v, i: np.zeros_like(a),
    lambda a, b, v, i: np.ones_like(a),
    lambda a, b, v, i: np.full_like(a, 2.5),
    lambda a, b, v, i: np.expand_dims(v, 0),
    lambda a, b, v, i: np.squeeze(np.expand_dims(v, 1)),
    lambda a, b, v, i: np.swapaxes(a, 0, 1),
    lambda a, b, v, i: np.moveaxis(a, 0, 1),
    lambda a, b, v, i: np.broadcast_to(v, (2, 3)),
    lambda a, b, v, i: np.tile(v, 2),
    lambda a, b, v, i: np.repeat(a, 2, axis=1),
    lambda a, b, v, i: np.take(v, [2, 0]),
    lambda a, b, v, i: np.outer(v, V),
    lambda a, b, v, i: np.tensordot(a, b, axes=([0, 1], [0, 1])),
    lambda a, b, v, i: np.diag(v),
    lambda a, b, v, i: np.tril(a) + np.triu(b, 1),
    lambda a, b, v, i: np.linalg.norm(v),
    lambda a, b, v, i: np.linalg.norm(a),
    lambda a, b, v, i: np.linalg.norm(a, axis=1),
    lambda a, b, v, i: np.copy(a),
    lambda a, b, v, i: np.divmod(i, 4)[1],
    lambda a, b, v, i: np.shape(a)[1],
    lambda a, b, v, i: np.size(a),
]


def test_numpys_functions_give_variables_of_the_same_values():
    a, b, v, i = T.dmatrix("a"), T.dmatrix("b"), T.dvector("v"), T.lmatrix("i")
    made = [case(a, b, v, i) for case in CASES]
    assert all(isinstance(m, graphlib.graph.Variable) for m in made)
    with graphlib.config.change(floatX="float64"):
        got = graphlib.function([a, b, v, i], made)(A, B, V, INTS)
    with np.errstate(all="ignore"):
        wanted = [case(A, B, V, INTS) for case in CASES]
    for k, (x, y) in enumerate(zip(got, wanted, strict=True)):
        np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-12, err_msg=f"case {k}")
        assert x.shape == np.shape(y), k
    assert np.ndim(a) == 2


def test_gradients_go_through_them():
    v = T.dvector("v")
    assert np.allclose(T.grad(np.sum(np.square(v) * V), v).eval({v: V}), 2 * V * V)


def test_what_numpy_cannot_do_with_a_variable_says_what_can():
    x, m = T.vector("x"), T.matrix("m")
    cases = {
        r"numpy\.gcd does not take a symbolic variable, x float32.*test_numpy_functions": lambda: np.gcd(
            x, 2
        ),
        r"numpy\.add\.reduce does not": lambda: np.add.reduce(x),
        r"numpy\.split .*use T\.split": lambda: np.split(x, 2),
        r"numpy\.partition does not .*graphlib\.tensor has no": lambda: np.partition(x, 1),
        r"numpy\.exp .* with out": lambda: np.exp(x, out=np.zeros(3)),
        r"numpy\.add .* with where": lambda: np.add(x, 1, where=np.array([True])),
        r"numpy\.sum .* with where.*help\(graphlib\.tensor\.sum\)": lambda: np.sum(x, where=[True]),
        r"numpy\.add .* with out": lambda: np.zeros(3).__iadd__(x),
        "norms of matrices": lambda: np.linalg.norm(m, 2),
        r"x float32.* is symbolic and has no value.*T\.stack": lambda: np.array([x, x]),
        "is symbolic and has no value": lambda: np.asarray(x),
        "is symbolic and has no value ": lambda: np.sum([x, x]),
        "has no truth value": lambda: x in [np.ones(3)],
    }
    for message, build in cases.items():
        with pytest.raises(TypeError, match=message):
            build()
    with pytest.raises(TypeError, match=r"input x .*cannot be made an array: .* is symbolic"):
        graphlib.function([x], x)([T.scalar("s")])
