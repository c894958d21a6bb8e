"""What Theano programs use of ``theano.tensor``: there under the same name, and it does what it did there.

Each row below is a name of the surface with an expression as programs write it and its value by numpy.
"""

import copy
from collections import OrderedDict

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib import In, Param, config, function, shared
from tests.ops.backends import MODES, assert_same, compiled

CONSTRUCTORS = {
    "scalar": ("float32", 0),
    "lscalar": ("int64", 0),
    "iscalar": ("int32", 0),
    "fscalar": ("float32", 0),
    "dscalar": ("float64", 0),
    "vector": ("float32", 1),
    "ivector": ("int32", 1),
    "lvector": ("int64", 1),
    "matrix": ("float32", 2),
    "dmatrix": ("float64", 2),
    "fmatrix": ("float32", 2),
    "imatrix": ("int32", 2),
    "lmatrix": ("int64", 2),
    "tensor3": ("float32", 3),
    "tensor4": ("float32", 4),
    "row": ("float32", 2),
    "col": ("float32", 2),
}


@pytest.mark.parametrize(("name", "dtype", "ndim"), [(n, d, r) for n, (d, r) in CONSTRUCTORS.items()])
def test_constructors(name, dtype, ndim):
    make = getattr(T, name)
    for variable in (make(), make("x"), make(name="x")):
        assert (variable.dtype, variable.ndim) == (dtype, ndim)
    assert make("x").name == "x" and make().name is None
    if name in ("scalar", "vector", "matrix", "tensor3", "tensor4"):
        assert make("x", dtype="int16").dtype == "int16"
        with config.change(floatX="float64"):
            assert make().dtype == "float64"
    again = make("x").type()
    assert (again.dtype, again.ndim) == (dtype, ndim)
    assert T.row().broadcastable == (True, False) and T.col().broadcastable == (False, True)


def test_types_by_a_broadcast_pattern():
    """``T.TensorType(dtype, (False,) * n)`` and ``T.tensor`` make types and variables of any rank."""
    five = T.TensorType("float32", (False,) * 5)("five")
    assert five.ndim == 5 and five.name == "five"
    assert T.TensorType("int32", (True, False)).broadcastable == (True, False)
    assert T.tensor("float64", (False, True)).type == T.TensorType("float64", (None, 1))


X, Y = T.dmatrix("x"), T.dmatrix("y")
V, J, S = T.dvector("v"), T.lvector("j"), T.dscalar("s")
x = np.array([[0.5, -1.2, 2.0], [1.5, 0.3, -0.7]])
y = np.array([[1.5, 0.4, -2.0], [0.1, 0.3, 3.0]])
v = np.array([0.2, 0.9, 0.4])
j = np.array([1, 0, 1])
s = np.array(0.25)

TENSOR = {
    "dot": (T.dot(X, Y.T), x @ y.T),
    "tensordot": (T.tensordot(X, Y, [[0, 1], [0, 1]]), np.tensordot(x, y)),
    "batched_dot": (T.batched_dot(X, Y), (x * y).sum(axis=1)),
    "exp": (T.exp(X), np.exp(x)),
    "log": (T.log(V), np.log(v)),
    "log1p": (T.log1p(V), np.log1p(v)),
    "expm1": (T.expm1(X), np.expm1(x)),
    "sqrt": (T.sqrt(V), np.sqrt(v)),
    "sqr": (T.sqr(X), x**2),
    "tanh": (T.tanh(X), np.tanh(x)),
    "abs": (T.abs(X), np.abs(x)),
    "abs_": (T.abs_(X), np.abs(x)),
    "sgn": (T.sgn(X), np.sign(x)),
    "sum": (T.sum(X, axis=1, dtype="float64", keepdims=True), x.sum(axis=1, keepdims=True)),
    "prod": (T.prod(X, axis=0), x.prod(axis=0)),
    "mean": (T.mean(X, axis=[0, 1], dtype="float64"), x.mean()),
    "var": (T.var(X, axis=0), x.var(axis=0)),
    "std": (T.std(X), x.std()),
    "max": (T.max(X, axis=1), x.max(axis=1)),
    "min": (T.min(X), x.min()),
    "argmax": (T.argmax(X, axis=1), x.argmax(axis=1)),
    "argmin": (T.argmin(X), x.argmin()),
    "arange": (T.arange(Y.shape[0]), np.arange(2)),
    "zeros": (T.zeros((2, X.shape[1]), dtype="int32"), np.zeros((2, 3), "int32")),
    "ones": (T.ones((X.shape[0],)), np.ones(2, "float32")),
    "zeros_like": (T.zeros_like(X), np.zeros_like(x)),
    "ones_like": (T.ones_like(X, dtype="float32"), np.ones_like(x, "float32")),
    "eye": (T.eye(3), np.eye(3, dtype="float32")),
    "alloc": (T.alloc(np.float32(0.5), X.shape[0], 4), np.full((2, 4), 0.5, "float32")),
    "concatenate": (T.concatenate([X, Y], axis=1), np.concatenate([x, y], axis=1)),
    "stack": (T.stack([V, V * 2], axis=1), np.stack([v, v * 2], axis=1)),
    "reshape": (T.reshape(X, (3, 2)), x.reshape(3, 2)),
    "cast": (T.cast(X, "int32"), x.astype("int32")),
    "round": (T.round(T.stack([S * 2, S * 6, S * 10])), np.array([0.0, 2, 2])),
    "floor": (T.floor(X), np.floor(x)),
    "ceil": (T.ceil(X), np.ceil(x)),
    "clip": (T.clip(X, -0.5, S), x.clip(-0.5, s)),
    "switch": (T.switch(T.gt(X, 0), X, 0), np.where(x > 0, x, 0)),
    "where": (T.where(X > Y, X, Y), np.maximum(x, y)),
    "add": (T.add(X, Y), x + y),
    "mul": (T.mul(X, V), x * v),
    "neq": (T.neq(J, 1), j != 1),
    "eq": (T.eq(J, 1), j == 1),
    "lt": (T.lt(X, Y), x < y),
    "le": (T.le(X, Y), x <= y),
    "gt": (T.gt(X, Y), x > y),
    "ge": (T.ge(X, Y), x >= y),
    "and_": (T.and_(X > 0, Y > 0), (x > 0) & (y > 0)),
    "or_": (T.or_(T.lt(X, 0), T.lt(Y, 0)), (x < 0) | (y < 0)),
    "maximum": (T.maximum(0, X), np.maximum(x, 0)),
    "minimum": (T.minimum(X, Y), np.minimum(x, y)),
    "set_subtensor": (T.set_subtensor(X[:, 1], S), np.stack([x[:, 0], [0.25] * 2, x[:, 2]], axis=1)),
    "inc_subtensor": (T.inc_subtensor(V[J], 1.0), v + [1, 2, 0]),
    "cumsum": (T.cumsum(X, axis=1), x.cumsum(axis=1)),
    "repeat": (T.repeat(V, 2), v.repeat(2)),
    "diag": (T.diag(V), np.diag(v)),
    "sort": (T.sort(X), np.sort(x)),
    "argsort": (T.argsort(V), np.argsort(v)),
    "grad": (T.grad(T.sum(X * Y), X), y),
}
NNET = {
    "sigmoid": (T.nnet.sigmoid(X), 1 / (1 + np.exp(-x))),
    "hard_sigmoid": (T.nnet.hard_sigmoid(X), np.clip(0.2 * x + 0.5, 0, 1)),
    "softmax": (T.nnet.softmax(X), np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)),
    "softplus": (T.nnet.softplus(X), np.log1p(np.exp(x))),
    "relu": (T.nnet.relu(X), np.maximum(x, 0)),
    "elu": (T.nnet.elu(X), np.where(x > 0, x, np.expm1(x))),
    "binary_crossentropy": (
        T.nnet.binary_crossentropy(V, 1 - V).mean(),
        -((1 - v) * np.log(v) + v * np.log(1 - v)).mean(),
    ),
    "categorical_crossentropy": (
        T.nnet.categorical_crossentropy(V.dimshuffle("x", 0), J[:1]),
        -np.log(v[j[:1]]),
    ),
}
OTHERS = {
    "xlogx.xlogy0": (T.xlogx.xlogy0(V - 0.2, V), (v - 0.2) * np.log(v)),
    "extra_ops.to_one_hot": (T.extra_ops.to_one_hot(J, 3), np.eye(3, dtype="float32")[j]),
    "extra_ops.cumsum": (T.extra_ops.cumsum(V), np.cumsum(v)),
    "extra_ops.repeat": (T.extra_ops.repeat(V, 2, axis=0), v.repeat(2)),
}
METHODS = {
    ".T": (X.T, x.T),
    ".shape": (X.shape[0] + X.shape[1] * 10, np.int64(32)),
    ".flatten(n)": (X.reshape((1, 2, 3)).flatten(2), x.reshape(1, 6)),
    ".flatten()": (X.flatten(), x.ravel()),
    ".reshape": (X.reshape((X.shape[1], -1)), x.reshape(3, 2)),
    ".dimshuffle('x')": (V.dimshuffle("x", 0) + S.dimshuffle("x", "x"), v[None] + s),
    ".sum": (X.sum(), x.sum()),
    ".sum(axis)": (X.sum(1), x.sum(axis=1)),
    ".mean": (X.mean(axis=0), x.mean(axis=0)),
    ".argmax": (X.argmax(axis=1), x.argmax(axis=1)),
    ".astype": (X.astype("float32"), x.astype("float32")),
    ".max": (X.max(axis=0), x.max(axis=0)),
    ".clip": (X.clip(0, 1), x.clip(0, 1)),
    ".repeat": (V.repeat(3), v.repeat(3)),
    ".norm": (X.norm(2), np.linalg.norm(x)),
    ".dot": (X.dot(V), x.dot(v)),
}
OPERATORS = {
    "+": (X + 1 + Y, x + 1 + y),
    "-": (1 - X - Y, 1 - x - y),
    "*": (2 * X * Y, 2 * x * y),
    "/": (1 / X / Y, 1 / x / y),
    "**": (X**2 + 2**X + V**S, x**2 + 2**x + v**s),
    "//": (X // 0.5 + 3 // V, x // 0.5 + 3 // v),
    "%": (X % 0.5 + 3 % V, x % 0.5 + 3 % v),
    ">=": (X >= Y, x >= y),
    ">": (np.float64(1) > X, x < 1),
    "<=": (X <= 0, x <= 0),
    "<": (X < 0.5, x < 0.5),
    "-x": (-X, -x),
    "abs": (abs(X), np.abs(x)),
    "&": ((X > 0) & (Y > 0), (x > 0) & (y > 0)),
    "|": ((X > 0) | (Y > 0), (x > 0) | (y > 0)),
    "~": (~(X > 0), x <= 0),
    "@": (X @ V, x @ v),
    "[slice]": (X[: X.shape[0] - 1, 1:], x[:1, 1:]),
    "[:, None]": (V[:, None] * V[None, :], np.outer(v, v)),
    "[-1]": (X[-1], x[-1]),
    "[arange, y]": (X.T[T.arange(J.shape[0]), J], x.T[np.arange(3), j]),
    "[flatten]": (X[J.flatten()], x[j]),
    "numpy on the left": (np.ones(3) * X + np.float64(2) * V, x + 2 * v),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "table", [TENSOR, NNET, OTHERS, METHODS, OPERATORS], ids=["T", "nnet", "others", "methods", "operators"]
)
def test_everything_does_what_it_did_in_theano(mode, table):
    results = compiled(mode, [X, Y, V, J, S], [variable for variable, _ in table.values()])(x, y, v, j, s)
    for (name, (_, wanted)), got in zip(table.items(), results, strict=True):
        assert_same(got, wanted, name)


def test_every_name_is_there():
    for name in [*CONSTRUCTORS, *TENSOR, "nnet", "xlogx", "extra_ops", "max_and_argmax", "matrices"]:
        assert hasattr(T, name), f"T.{name}"
        assert name in T.__all__
    for name in NNET:
        assert hasattr(T.nnet, name)
    for name in ("function", "shared", "config", "In", "Param", "grad", "tensor", "clone"):
        assert hasattr(graphlib, name)


def test_attributes_of_a_variable():
    assert (X.ndim, X.dtype, X.name, X.type.ndim, X.type.dtype) == (2, "float64", "x", 2, "float64")
    assert X.broadcastable == (False, False) and X.owner is None and (X + 1).owner.inputs[0] is X
    assert isinstance(X, T.TensorVariable) and isinstance(T.constant(1), T.TensorConstant)
    assert shared(0).dtype == "int64" and shared(0.5).dtype == "float32"
    assert (X * 2).eval({X: x}).tolist() == (2 * x).tolist()


# what programs do with functions and shared variables


@pytest.mark.parametrize("mode", MODES)
def test_a_training_function_of_the_tutorials(mode):
    """borrow=True, T.cast of a shared variable sliced in givens, calls by the input's name."""
    data_x = shared(np.asarray(np.arange(12).reshape(6, 2), dtype=config.floatX), borrow=True)
    data_y = T.cast(shared(np.asarray([0, 1, 2, 0, 1, 2], dtype=config.floatX), borrow=True), "int32")
    W = shared(value=np.zeros((2, 3), dtype=config.floatX), name="W", borrow=True)
    index, inputs, labels = T.lscalar(), T.matrix("x"), T.ivector("y")
    lr, corruption = T.scalar("lr"), T.scalar("corruption")
    p = T.nnet.softmax(T.dot(inputs, W) * (1 - corruption))
    cost = -T.mean(T.log(p)[T.arange(labels.shape[0]), labels])
    updates = OrderedDict([(W, W - lr * T.grad(cost, W))])
    batch = data_x.get_value(borrow=True).shape[0] // 3
    train = compiled(
        mode,
        [In(index, name="index"), Param(corruption, default=0.2), Param(lr, default=0.1)],
        cost,
        updates=updates,
        givens={
            inputs: data_x[index * batch : (index + 1) * batch],
            labels: data_y[index * batch : (index + 1) * batch],
        },
        name="train",
    )
    assert train(index=0, corruption=0.0, lr=0.1) == pytest.approx(np.log(3))
    slope = np.array([[0, 1], [2, 3]]).T @ (np.full((2, 3), 1 / 3) - np.eye(3)[:2]) / 2
    np.testing.assert_allclose(W.get_value(borrow=True), -0.1 * slope, rtol=1e-5)
    assert train(1) != train(2)


def test_scalars_that_are_shared():
    step, rate = shared(0), shared(0.5)
    f = function([], step * rate, updates=[(step, step + 1), (rate, rate * 0.5)], mode="reference")
    assert [float(f()) for _ in range(3)] == [0, 0.25, 0.25]
    assert step.get_value() == 3 and step.get_value().dtype == "int64"
    step.set_value(7)
    assert f() == 0.4375


@pytest.mark.parametrize("mode", MODES)
def test_indexing_by_a_shared_number(mode):
    """x[:, shared_int], as the pseudo-likelihood of an RBM flips one bit after the other."""
    bit = shared(value=0, name="bit")
    inputs = T.matrix("x")
    flipped = T.set_subtensor(inputs[:, bit], 1 - inputs[:, bit])
    f = compiled(mode, [inputs], flipped, updates={bit: (bit + 1) % 3})
    a = np.array([[0, 1, 1], [1, 0, 1]], "float32")
    for k in (0, 1, 2, 0):
        wanted = a.copy()
        wanted[:, k] = 1 - wanted[:, k]
        assert_same(f(a), wanted)


# traps that real programs step on


def test_equality_is_identity():
    """Variables are keys of dicts and members of lists; == between two is False, not an expression."""
    a, b = T.matrix("a"), T.matrix("a")
    assert a == a and a != b and (a == b) is False
    assert {a: 1, b: 2}[a] == 1 and [b, a].index(a) == 1 and a in [b, a] and a not in [b]
    assert (a + b == a + b) is False


def test_variables_have_a_truth_value_and_comparisons_have_none():
    W = None
    assert not W
    W = shared(np.zeros((2, 2)), "W")
    assert W, "a program asks: if not W"
    assert T.matrix() and T.scalar() + 1
    for comparison in (W > 0, T.eq(W, W), T.scalar() <= 1):
        with pytest.raises(TypeError, match="has no truth value"):
            bool(comparison)


@pytest.mark.parametrize("mode", MODES)
def test_softmax_of_a_vector_is_a_row(mode):
    vector = T.vector("v")
    p = T.nnet.softmax(vector)
    got = compiled(mode, [vector], [p, p[0], T.argmax(p, axis=1)])([1, 1, 3])
    assert p.ndim == 2 and got[0].shape == (1, 3) and got[1].shape == (3,) and got[2].tolist() == [2]


@pytest.mark.parametrize("mode", MODES)
def test_the_gradient_of_an_integer_division_is_zero(mode):
    a = T.dvector("a")
    got = compiled(mode, [a], T.grad(T.sum(a // 2 + a), a))([1.5, 3.0])
    assert got.tolist() == [1, 1]


def test_a_deep_copy_of_a_model_copies_its_compiled_functions():
    class Model:
        def __init__(self):
            self.x = T.vector("x")
            self.w = shared(np.ones(2, "float32"), "w")
            self.step = function(
                [self.x], (self.w * self.x).sum(), updates=[(self.w, self.w + 1)], mode="reference"
            )

    model = Model()
    best = copy.deepcopy(model)
    model.step([1, 1])
    assert model.w.get_value().tolist() == [2, 2] and best.w.get_value().tolist() == [1, 1]
    assert best.step([1, 1]) == 2 and best.w.get_value().tolist() == [2, 2]
    assert model.step([1, 1]) == 4


@pytest.mark.parametrize("mode", MODES)
def test_consider_constant_of_a_list(mode):
    """The gradient of an RBM: the end of the chain is held constant."""
    W, visible = shared(np.array([[0.5, -0.5], [1, 2]], "float32"), "W"), T.matrix("v")
    end = T.nnet.sigmoid(T.dot(visible, W))

    def energy(sample):
        return -T.sum(T.log(1 + T.exp(T.dot(sample, W))))

    cost = T.mean(energy(visible)) - T.mean(energy(end))
    held = T.grad(cost, [W], consider_constant=[end])[0]
    a = np.array([[1, 0], [0.5, 1]], "float32")
    chain = 1 / (1 + np.exp(-a @ W.get_value()))
    sigmoid = [1 / (1 + np.exp(-m @ W.get_value())) for m in (a, chain)]
    np.testing.assert_allclose(
        compiled(mode, [visible], held)(a), -a.T @ sigmoid[0] + chain.T @ sigmoid[1], rtol=1e-4
    )
