"""Losses against PyTorch's, values and gradients, and against NumPy; missing targets, weights, metrics, and
the targets that are refused."""

import json
from pathlib import Path

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.datasets import DataError
from graphlib.errors import LabelError, ShapeError
from graphlib.nn import losses, metrics, registry
from graphlib.nn.losses import as_measure, name_of

#: tests/nn/make_torch_losses.py says how it was made
TORCH = json.loads(Path(__file__).with_name("torch_losses.json").read_text())
SCORES, CLASSES, DISTRIBUTION, BINARY, VALUES, IGNORED = TORCH["inputs"]

CASES = {
    "crossentropy": (losses.Crossentropy(), T.nnet.softmax, CLASSES),
    "crossentropy of distributions": (losses.Crossentropy(), T.nnet.softmax, DISTRIBUTION),
    "crossentropy, missing": (losses.Crossentropy(missing=-1), T.nnet.softmax, IGNORED),
    "kl_divergence": (losses.KLDivergence(), T.nnet.softmax, DISTRIBUTION),
    "binary_crossentropy": (losses.BinaryCrossentropy(), T.nnet.sigmoid, BINARY),
    "squared_error": (losses.SquaredError(), None, VALUES),
    "absolute_error": (losses.AbsoluteError(), None, VALUES),
    "hinge": (losses.Hinge(), None, CLASSES),
    "squared hinge": (losses.Hinge(squared=True), None, CLASSES),
}


def test_losses_and_gradients_against_pytorch():
    scores = T.dmatrix("scores")
    outputs = []
    for loss, activation, target in CASES.values():
        output = scores if activation is None else activation(scores)
        cost = loss(output, np.array(target))
        outputs += [cost, T.grad(cost, scores)]
    found = graphlib.function([scores], outputs)(np.array(SCORES))
    for number, name in enumerate(CASES):
        np.testing.assert_allclose(found[2 * number], TORCH[name]["value"], rtol=1e-12, err_msg=name)
        np.testing.assert_allclose(
            found[2 * number + 1], TORCH[name]["gradient"], rtol=1e-9, atol=1e-15, err_msg=name
        )


def test_hellinger_distance():
    """½ Σ (√p − √t)² against SciPy-free NumPy; its gradient against differences; a slope of 0 where p = t."""
    p, t = np.array([[0.2, 0.3, 0.5], [0.1, 0.8, 0.1]]), np.array(DISTRIBUTION[:2])
    scores = T.dmatrix("scores")
    squared, plain = losses.Hellinger(), losses.Hellinger(squared=False)
    out = T.nnet.softmax(scores)
    cost = squared(out, t)
    same = plain(out, T.nnet.softmax(scores))
    f = graphlib.function(
        [scores],
        [squared.each(out, t), plain.each(out, t), squared.each(out, np.array([1, 0])), cost, T.grad(cost,
         scores), same, T.grad(same, scores)],
    )  # fmt: skip
    found = f(np.log(p))
    expected = 0.5 * ((np.sqrt(p) - np.sqrt(t)) ** 2).sum(axis=1)
    np.testing.assert_allclose(found[0], expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(found[1], np.sqrt(expected), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found[2], 1 - np.sqrt(p[[0, 1], [1, 0]]), rtol=1e-12)
    for place in np.ndindex(2, 3):
        ahead = np.log(p)
        ahead[place] += 1e-6
        np.testing.assert_allclose((f(ahead)[3] - found[3]) / 1e-6, found[4][place], rtol=1e-4, atol=1e-7)
    assert found[5] < 1e-15 and np.isfinite(found[6]).all()
    far = f(np.array([[800.0, 0, -800], [0, 0, 0]]))  # where probabilities underflow
    assert np.isfinite(far[4]).all()


def test_losses_are_finite_where_probabilities_underflow():
    """In float32, of scores that are far apart, and of a target of 0 for a probability of 0."""
    scores = T.fmatrix("scores")
    hot = np.eye(3, dtype="float32")[[0, 2]]
    outputs = []
    for loss, activation in (
        (losses.Crossentropy(), T.nnet.softmax),
        (losses.KLDivergence(), T.nnet.softmax),
        (losses.Hellinger(), T.nnet.softmax),
        (losses.BinaryCrossentropy(), T.nnet.sigmoid),
    ):
        cost = loss(activation(scores), hot)
        outputs += [cost, T.grad(cost, scores)]
    for value in graphlib.function([scores], outputs)(np.array([[-200, 0, 200], [200, 50, -200]], "float32")):
        assert np.isfinite(value).all()


def test_missing_targets_count_for_nothing():
    """NaN among values, for each output on its own, and labels: no loss, no gradient."""
    scores = T.dmatrix("scores")
    nan = np.nan
    values = np.array([[0.25, nan, 1.5], [nan, nan, nan], [-1.0, 0.0, 0.5], [nan, 0.0, 1.0]])
    binary = np.where(np.isnan(values), nan, np.array(BINARY))
    soft = np.array(DISTRIBUTION)
    soft[1] = nan
    cases = [
        (losses.SquaredError(missing=nan), scores, values),
        (losses.SquaredError("sum", missing=nan), scores, values),
        (losses.BinaryCrossentropy(missing=nan), T.nnet.sigmoid(scores), binary),
        (losses.Crossentropy(missing=nan), T.nnet.softmax(scores), soft),
        (losses.Hinge(missing=-1), scores, np.array(IGNORED)),
    ]
    outputs = []
    for loss, prediction, target in cases:
        cost = loss(prediction, target)
        outputs += [cost, T.grad(cost, scores), loss.each(prediction, target)]
    nothing = losses.SquaredError(missing=nan)(scores, np.full((4, 3), nan))
    found = graphlib.function([scores], [*outputs, nothing, T.grad(nothing, scores)])(np.array(SCORES))
    s = np.array(SCORES)
    there = ~np.isnan(values)
    squares = np.where(there, (s - np.nan_to_num(values)) ** 2, 0)
    np.testing.assert_allclose(found[0], squares[there].mean())
    np.testing.assert_allclose(found[1], np.where(there, 2 * (s - np.nan_to_num(values)), 0) / there.sum())
    np.testing.assert_allclose(found[2], squares.sum(axis=1) / np.maximum(there.sum(axis=1), 1))
    np.testing.assert_allclose(found[3], squares.sum() / 3)  # three examples have some value
    np.testing.assert_allclose(found[7], (1 / (1 + np.exp(-s)) - np.nan_to_num(binary)) * there / there.sum())
    p = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
    expected = np.where(np.isnan(soft), 0, p - np.nan_to_num(soft)) / 3
    np.testing.assert_allclose(found[10], expected, rtol=1e-9, atol=1e-15)
    assert (found[13][[1, 3]] == 0).all() and (found[13][[0, 2]] != 0).any()
    assert found[-2] == 0 and (found[-1] == 0).all()


def test_weights_and_sequences():
    """The weighted mean is Σ w l / Σ w; a weight may be of an example or of each of its positions."""
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(4), size=(3, 5))
    y = rng.integers(4, size=(3, 5))
    w, each = rng.random(3), rng.random((3, 5))
    loss, x = losses.Crossentropy(), T.dtensor3("x")
    outputs = [loss(x, y), loss(x, y, w), loss(x, y, each), loss.each(x, y), loss(x, np.eye(4)[y]),
               metrics.Error()(x, y, w), metrics.TopAccuracy(2)(x, y)]  # fmt: skip
    found = graphlib.function([x], outputs)(p)
    values = -np.log(np.take_along_axis(p, y[..., None], axis=-1)[..., 0])
    wrong = p.argmax(axis=-1) != y
    among = (p > np.take_along_axis(p, y[..., None], axis=-1)).sum(axis=-1) < 2
    expected = [
        values.mean(),
        (w[:, None] * values).sum() / (5 * w.sum()),
        (each * values).sum() / each.sum(),
        values.mean(axis=1),
        values.mean(),
        (w[:, None] * wrong).sum() / (5 * w.sum()),
        among.mean(),
    ]
    for got, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-12)


def test_metrics_of_classes():
    x = T.dmatrix("x")
    one = T.dvector("one")
    y = np.array(CLASSES)
    outputs = [
        metrics.Error()(x, y),
        metrics.Accuracy()(x, y),
        metrics.Error()(x, np.array(DISTRIBUTION)),
        metrics.Error(missing=1)(x, y),
        metrics.Error()(one, np.array([0, 1, 1])),
        metrics.Accuracy(threshold=0)(one, np.array([-1, -1, 1])),
        metrics.Error(binary=True)(x, np.array(BINARY)),
    ]
    found = graphlib.function([x, one], outputs)(np.array(SCORES), np.array([0.1, 0.9, 0.2]))
    best = np.argmax(SCORES, axis=1)
    expected = [
        (best != y).mean(),
        (best == y).mean(),
        (best != np.argmax(DISTRIBUTION, axis=1)).mean(),
        (best != y)[y != 1].mean(),
        1 / 3,
        1 / 3,
        ((np.array(SCORES) > 0.5) != np.array(BINARY)).mean(),
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_binary_predictions_of_one_column():
    p, y = T.tensor("p", "float64", (None, 1)), T.dvector("y")
    loss = losses.BinaryCrossentropy()
    values = graphlib.function([p, y], [loss(p, y), loss(p[:, 0], y), losses.Hinge()(p, 2 * y - 1)])(
        [[0.2], [0.9]], [0.0, 1.0]
    )
    np.testing.assert_allclose(values, [-(np.log(0.8) + np.log(0.9)) / 2] * 2 + [(1.2 + 0.1) / 2], rtol=1e-12)


def test_a_label_out_of_range_in_a_graph_of_ones_own():
    x, y = T.matrix("x"), T.ivector("y")
    f = graphlib.function([x, y], losses.Crossentropy()(T.nnet.softmax(x), y))
    with pytest.raises(LabelError):
        f(np.zeros((2, 3), "float32"), np.array([0, 3], "int32"))


def test_variables_that_do_not_fit():
    x = T.tensor("x", "float32", (None, 3))
    with pytest.raises(ShapeError, match=r"squared_error: targets y .* for predictions x .* the same shape"):
        losses.SquaredError()(x, T.tensor("y", "float32", (None, 4)))
    with pytest.raises(ShapeError, match=r"crossentropy: targets .* classes, with an axis less"):
        losses.Crossentropy()(x, T.scalar("y"))
    with pytest.raises(ShapeError, match=r"the loss mine returns .* a single number"):

        def mine(p, t):
            return T.mean(p)

        as_measure(mine)(x, x)


CLASSES_OF_3, ONE = (None, 3), (None, 1)
REFUSED = [
    (losses.Crossentropy(), [0, 3, 1], CLASSES_OF_3,
     "y is 3 at example 1: the layer dense_2 has 3 outputs, so labels are 0 to 2"),
    (losses.Crossentropy(), [0, -1, 1], CLASSES_OF_3, "y is -1 at example 1"),
    (losses.Crossentropy(), [0.0, 1.5], CLASSES_OF_3, r"y is 1.5 at example 1: classes are whole numbers"),
    (losses.Crossentropy(), [[0.5, 0.5, 0.0], [0.5, 1.5, -1]], CLASSES_OF_3,
     "y is 1.5 at example 1, position 1, which is no"),
    (losses.Crossentropy(), [[0.5, 0.5]], CLASSES_OF_3,
     r"y has shape \(1, 2\), but the layer dense_2 gives \(batch, 3\)"),
    (losses.BinaryCrossentropy(), [0, 2], ONE, "y is 2 at example 1, which is not a probability or one"),
    (losses.Hinge(), [0, 1], ONE, "y is 0 at example 0: for the hinge loss of one score"),
    (losses.SquaredError(), [[1.0, 2.0]], CLASSES_OF_3,
     r"y has shape \(1, 2\), but the layer dense_2 gives"),
    (losses.Crossentropy(), [[[0]]], CLASSES_OF_3, "give classes, with 1 axes, or probabilities, with 2"),
    (losses.Crossentropy(), [[1, 0, 1]], CLASSES_OF_3, "y is 2 at example 0 as the sum of its probabilities"),
    (losses.Crossentropy(), [[0], [1]], ONE,
     "crossentropy is of several classes, and the layer dense_2 gives one number: give it 2 units and"),
    (losses.KLDivergence(), [0, 0], ONE, "kl_divergence is of several classes"),
    (losses.Hellinger(), [[0.3]], ONE, "hellinger is of several classes"),
    (losses.SquaredError(), [[0.3], [np.nan]], ONE, "y has NaN in example 1"),
    (metrics.Error(), [0.3, -0.5], ONE, "y is -0.5 at example 1, which is no label: these are 0 and 1, or"),
    (metrics.Error(), [[0.5, 1.0, 0.0]], CLASSES_OF_3, "y is 1.5 at example 0 as the sum .*binary: true"),
    (metrics.Error(), [[-1, 1, 1]], CLASSES_OF_3, "y is -1 at example 0, position 0, which is not"),
    (metrics.Error(), [0, 3], CLASSES_OF_3, "y is 3 at example 1: the layer dense_2 has 3 outputs"),
    (metrics.Error(), [[[0]]], CLASSES_OF_3, "give classes, with 1 axes, or probabilities, with 2"),
    (metrics.Error(binary=True), [[0, 1, 2]], CLASSES_OF_3, "y is 2 at example 0, position 2, which is no"),
    (metrics.Accuracy(), [0.5, np.nan], ONE, "y is nan at example 1, which is no label"),
    (metrics.TopAccuracy(2), [0, 3], CLASSES_OF_3, "y is 3 at example 1: the layer dense_2 has 3 outputs"),
    (metrics.TopAccuracy(2), [[0, 0, 1]], CLASSES_OF_3, "give the numbers of the classes"),
    (metrics.TopAccuracy(3), [0], CLASSES_OF_3, "every class is among the 3 .* dense_2 has 3 outputs"),
]  # fmt: skip


@pytest.mark.parametrize(("loss", "target", "shape", "message"), REFUSED)
def test_targets_that_are_refused(loss, target, shape, message):
    with pytest.raises(DataError, match=message):
        loss.check(np.array(target), shape, "y", "dense_2")


def test_missing_targets_are_not_refused():
    losses.Crossentropy(missing=-1).check(np.array([0, -1, 2]), (None, 3), "y", "dense_2")
    losses.BinaryCrossentropy(missing=np.nan).check(np.array([0, np.nan]), (None, 1), "y", "dense_2")
    losses.SquaredError(missing=np.nan).check(np.array([0, np.nan]), (None, 1), "y", "dense_2")
    metrics.Error(missing=np.nan).check(np.array([[0, 0, 1], [np.nan] * 3]), (None, 3), "y", "dense_2")


def test_labels_of_all_kinds_are_not_refused():
    for labels in ([0, 1], [-1, 1], [True, False], [0.25, 1.0], [[0], [1]]):
        metrics.Error().check(np.array(labels), ONE, "y", "dense_2")
    for labels in ([0, 2], [0.0, 2.0], [[0, 0, 1], [1, 0, 0]], [[0.3333, 0.3333, 0.3333]] * 2):
        metrics.Error().check(np.array(labels), CLASSES_OF_3, "y", "dense_2")
    metrics.Error(binary=True).check(np.array([[0, 1, 1], [0, 0, 0]]), CLASSES_OF_3, "y", "dense_2")


def test_names():
    for name in registry.names("metric"):
        measure = registry.build("metric", name)
        assert name_of(measure) == name
        assert registry.config_of(measure) == name
    assert registry.config_of(registry.build("loss", {"squared_error": "sum"})) == {
        "squared_error": {"reduction": "sum"}
    }
    with pytest.raises(registry.ConfigError, match="did you mean crossentropy"):
        registry.resolve("loss", "cross_entropy")
