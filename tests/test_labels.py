"""Labels of classes are 0 to k - 1, as many as there are rows: all else is an error, which changes nothing.

Theano 1.0.5 raises ValueError for a label of -1 and for one that is too large, for value and gradient alike.
"""

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.errors import LabelError, ShapeError

from .ops.backends import MODES, compiled

X = np.array([[0.5, -1.0, 2.0], [0.1, 0.2, -0.3], [1.0, 0.0, 3.0], [0.0, 0.0, 1.0]])
GOOD = np.array([2, 0, 1, 2])

#: each: the losses of rows of scores x with labels y
LOSSES = {
    "categorical_crossentropy": lambda x, y: T.nnet.categorical_crossentropy(T.nnet.softmax(x), y),
    "of any distribution": lambda x, y: T.nnet.categorical_crossentropy(T.nnet.sigmoid(x), y),
    "crossentropy_softmax_1hot": lambda x, y: T.nnet.crossentropy_softmax_1hot(x, y)[0],
    "one hot": lambda x, y: (x * T.extra_ops.to_one_hot(y, 3, dtype="float64")).sum(axis=1),
}
#: the same by an index, which is recognised as a loss where a softmax is
INDEXED = {
    "-log(p)[arange, y]": lambda x, y: -T.log(T.nnet.softmax(x))[T.arange(y.shape[0]), y],
    "-log(p[arange, y])": lambda x, y: -T.log(T.nnet.softmax(x)[T.arange(x.shape[0]), y]),
    "of a formula": lambda x, y: -(x - T.log(T.exp(x).sum(axis=1, keepdims=True)))[T.arange(y.shape[0]), y],
    "-logsoftmax[arange, y]": lambda x, y: -T.nnet.logsoftmax(x)[T.arange(y.shape[0]), y],
}
#: values of y that are no labels of three classes
WRONG = ([2, -1, 1, 2], [0, 1, 2, 3], [-3, 0, 0, 0], [0, 0, 0, 2**40])


@pytest.mark.parametrize("mode", MODES)
def test_values_and_gradients(mode):
    x, y = T.dmatrix("x"), T.lvector("y")
    for name, loss in {**LOSSES, **INDEXED}.items():
        value = compiled(mode, [x, y], loss(x, y))
        gradient = compiled(mode, [x, y], T.grad(loss(x, y).sum(), x))
        assert value(X, GOOD).shape == (4,) and gradient(X, GOOD).shape == X.shape
        for wrong in WRONG:
            for f in (value, gradient):
                # numpy's IndexError, and the ValueError that Theano raises
                with pytest.raises(LabelError, match=r"y int64\(\?,\), made at .* of 3 classes are 0 to 2"):
                    f(X, np.array(wrong))
        assert value(X, GOOD).shape == (4,), name
    assert issubclass(LabelError, IndexError) and issubclass(LabelError, ValueError)


def test_the_mode_check_says_the_same():
    x, y = T.dmatrix("x"), T.lvector("y")
    cost = INDEXED["-log(p)[arange, y]"](x, y).mean()
    f = graphlib.function([x, y], [cost, T.grad(cost, x)], mode="check")
    f(X, GOOD)
    for wrong in WRONG:
        with pytest.raises(LabelError):
            f(X, np.array(wrong))


@pytest.mark.parametrize("mode", MODES)
def test_there_are_as_many_labels_as_rows(mode):
    x, y = T.dmatrix("x"), T.lvector("y")
    for loss in (*LOSSES.values(), *INDEXED.values()):
        f = compiled(mode, [x, y], [loss(x, y).mean(), T.grad(loss(x, y).mean(), x)])
        for number in (1, 3, 5):
            with pytest.raises(ShapeError, match=r"has length|are . labels for 4 rows"):
                f(X, np.zeros(number, "int64"))
    # a length of 1 that is known broadcasts elsewhere
    one = T.TensorType("int64", (1,))("one")
    cost = T.nnet.categorical_crossentropy(T.nnet.softmax(x), one)
    f = compiled(mode, [x, one], cost)
    assert f(X[:1], [2]).shape == (1,)
    with pytest.raises(ShapeError):
        f(X, [2])


@pytest.mark.parametrize("mode", MODES)
def test_a_wrong_label_changes_no_shared_variable(mode):
    x, y = T.dmatrix("x"), T.lvector("y")
    for loss in (LOSSES["categorical_crossentropy"], INDEXED["-log(p)[arange, y]"]):
        W, b = graphlib.shared(np.ones((3, 3))), graphlib.shared(np.zeros(3))
        velocity, steps = graphlib.shared(np.zeros((3, 3))), graphlib.shared(0)
        hidden = T.tanh(T.dot(x, W) + b)
        cost = loss(T.dot(hidden, W.T), y).mean()
        dW, db = T.grad(cost, [W, b])
        moved = 0.9 * velocity - 0.1 * dW
        updates = [(velocity, moved), (W, W + moved), (b, b - 0.1 * db), (steps, steps + 1)]
        step = compiled(mode, [x, y], cost, updates=updates)
        step(X, GOOD)
        before = [v.get_value() for v in (W, b, velocity, steps)]
        for wrong in WRONG:
            with pytest.raises(LabelError):
                step(X, np.array(wrong))
        with pytest.raises(ShapeError):
            compiled(mode, [x, y], LOSSES["categorical_crossentropy"](T.dot(x, W), y), updates=updates)(
                X, [0, 1]
            )
        for v, old in zip((W, b, velocity, steps), before, strict=True):
            np.testing.assert_array_equal(v.get_value(), old)


@pytest.mark.parametrize("mode", MODES)
def test_indices_that_are_no_labels_count_from_the_end(mode):
    x, y = T.dmatrix("x"), T.lvector("y")
    table = graphlib.shared(np.arange(12.0).reshape(4, 3))
    outputs = [
        x[T.arange(y.shape[0]), y],
        T.grad((x[T.arange(y.shape[0]), y] ** 2).sum(), x),
        T.log(T.nnet.sigmoid(x))[T.arange(y.shape[0]), y],
        T.nnet.softmax(x)[T.arange(y.shape[0]), y],
        table[y],
        # fewer than there are rows
        x[T.arange(2), y[:2]],
    ]
    got = compiled(mode, [x, y], outputs)(X, np.array([-1, 0, -3, 2]))
    rows, columns = np.arange(4), [2, 0, 0, 2]
    np.testing.assert_allclose(got[0], X[rows, columns])
    slope = np.zeros_like(X)
    slope[rows, columns] = 2 * X[rows, columns]
    np.testing.assert_allclose(got[1], slope)
    np.testing.assert_allclose(got[2], -np.log1p(np.exp(-X[rows, columns])))
    p = np.exp(X) / np.exp(X).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(got[3], p[rows, columns])
    np.testing.assert_array_equal(got[4], np.arange(12.0).reshape(4, 3)[[-1, 0, -3, 2]])
    np.testing.assert_array_equal(got[5], X[[0, 1], [2, 0]])


@pytest.mark.parametrize("mode", MODES)
def test_in_a_loop(mode):
    """A step's labels are checked too: of sequences (time, batch, classes) with labels (time, batch)."""
    x, y = T.dtensor3("x"), T.lmatrix("y")

    def step(row, labels):
        return T.nnet.categorical_crossentropy(T.nnet.softmax(row), labels).mean()

    costs, _ = graphlib.scan(step, [x, y])
    f = compiled(mode, [x, y], [costs, T.grad(costs.sum(), x)])
    f(np.stack([X, X]), np.stack([GOOD, GOOD]))
    for wrong in WRONG:
        with pytest.raises(LabelError):
            f(np.stack([X, X]), np.array([GOOD, wrong]))


def test_what_is_wrong_while_the_graph_is_built():
    x, y = T.TensorType("float64", (4, 3))("x"), T.lvector("y")
    p = T.nnet.softmax(x)
    for wrong in WRONG:
        with pytest.raises(LabelError, match="of 3 classes are 0 to 2"):
            T.nnet.categorical_crossentropy(p, np.array(wrong))
        with pytest.raises(LabelError, match="of 3 classes are 0 to 2"):
            T.extra_ops.to_one_hot(np.array(wrong), 3)
    with pytest.raises(ShapeError, match="are 3 labels for 4 rows"):
        T.nnet.categorical_crossentropy(p, np.array([0, 1, 2]))
    with pytest.raises(ShapeError, match="are no labels"):
        T.nnet.categorical_crossentropy(p, T.dvector("t"))
    with pytest.raises(ShapeError, match="a vector, one for each row"):
        T.nnet.categorical_crossentropy(T.dtensor3(), T.lmatrix())
    # outputs (n, 1) held against targets (n,) would be n times n losses
    column, target = T.TensorType("float64", (None, 1))("column"), T.dvector("target")
    for loss in (T.nnet.binary_crossentropy, T.nnet.sigmoid_binary_crossentropy):
        with pytest.raises(ShapeError, match=r"target target .* does not fit the output column"):
            loss(column, target)
        assert loss(column, 1.0).type == column.type
        assert loss(T.dmatrix(), target).ndim == 2
    with pytest.raises(ShapeError, match="does not fit the output"):
        T.nnet.categorical_crossentropy(T.TensorType("float64", (1, 3))(), T.TensorType("float64", (2, 3))())
    assert T.nnet.categorical_crossentropy(p, y).type.shape == (4,)


@pytest.mark.parametrize("mode", MODES)
def test_targets_of_another_length(mode):
    p, t = T.dvector("p"), T.dvector("t")
    losses = [T.nnet.binary_crossentropy(p, t), T.nnet.sigmoid_binary_crossentropy(p, t)]
    f = compiled(mode, [p, t], losses)
    for lengths in ((3, 1), (1, 3), (3, 2)):
        with pytest.raises(ShapeError):
            f(*(np.full(n, 0.5) for n in lengths))


@pytest.mark.parametrize("mode", MODES)
def test_targets_of_unknown_length_for_an_output_of_length_1(mode):
    """What is known only at the call is judged there."""
    p, t = T.TensorType("float64", (None, 1))("p"), T.dmatrix("t")
    row = T.TensorType("float64", (1, None))("row")
    losses = [
        (p, T.nnet.binary_crossentropy(p, t)),
        (p, T.nnet.sigmoid_binary_crossentropy(p, t)),
        (row, T.nnet.categorical_crossentropy(row, t)),
    ]
    probability, truth = np.array([[0.25]]), np.array([[1.0]])
    wanted = -np.log(0.25), np.log1p(np.exp(-0.25)), -np.log(0.25)
    for (output, loss), value in zip(losses, wanted, strict=True):
        f = compiled(mode, [output, t], loss)
        np.testing.assert_allclose(f(probability, truth), np.full(loss.ndim * (1,), value))
        with pytest.raises(ShapeError, match=r"crossentropy: axis . of t .* has length 2, axis . of (p|row)"):
            f(probability, np.ones((2, 2)))


@pytest.mark.parametrize("mode", MODES)
def test_tensordot_compares_each_pair_of_axes(mode):
    """Also where the pairs are as long as each other together, (3, 4) and (4, 3)."""
    a, b = T.dtensor3("a"), T.dtensor3("b")
    for axes in (2, [[1, 2], [0, 1]], [[0, 1], [0, 1]], [[-1, 0], [0, -1]]):
        product = T.tensordot(a, b, axes)
        f = compiled(mode, [a, b], [product, *T.grad((product**2).sum(), [a, b])])
        left = np.arange(24.0).reshape(2, 3, 4)
        for shape in ((3, 4, 2), (4, 3, 2), (2, 3, 4), (4, 5, 2), (6, 2, 1), (12, 1, 2)):
            right = np.arange(float(np.prod(shape))).reshape(shape)
            try:
                wanted = np.tensordot(left, right, axes)
            except ValueError:
                with pytest.raises(
                    ShapeError, match=r"T.tensordot: axis . of b .* has length .*, axis . of a"
                ):
                    f(left, right)
                continue
            np.testing.assert_allclose(f(left, right)[0], wanted)
    x, y = T.TensorType("float64", (2, 3, 4))("x"), T.TensorType("float64", (4, 3, None))("y")
    for axes in (2, [[1, 2], [0, 1]]):
        with pytest.raises(ShapeError, match=r"T.tensordot"):
            T.tensordot(x, y, axes)
    for axes in (4, -1, [[3], [0]], [[1, 1], [0, 0]], [[1], [0, 1]]):
        with pytest.raises(ShapeError, match=r"T.tensordot"):
            T.tensordot(x, y, axes)
