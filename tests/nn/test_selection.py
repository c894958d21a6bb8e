"""Cross-validation and calibrated learning rates."""

import numpy as np
import pytest

from graphlib.datasets import DataError
from graphlib.nn import SGD, Dense, Model, Sequential, calibrate_rates, cross_validate
from graphlib.nn.selection import folds_of


@pytest.mark.parametrize(("n", "folds"), [(10, 2), (10, 3), (7, 7)])
@pytest.mark.parametrize("shuffle", [True, False])
def test_folds_are_of_about_equal_size(n, folds, shuffle):
    found = folds_of(n, folds, shuffle, seed=3)
    sizes = np.bincount(found, minlength=folds)
    assert sizes.sum() == n and sizes.max() - sizes.min() <= 1
    if not shuffle:
        assert (np.diff(found) >= 0).all()
    np.testing.assert_array_equal(found, folds_of(n, folds, shuffle, seed=3))


def test_stratified_folds_have_as_many_of_each_class():
    labels = np.random.default_rng(0).choice(3, 100, p=[0.7, 0.2, 0.1])
    found = folds_of(100, 4, stratify=labels, seed=1)
    for label in range(3):
        counts = np.bincount(found[labels == label], minlength=4)
        assert counts.max() - counts.min() <= 1
    with pytest.raises(DataError, match="stratify must be a label for each of the 5 examples"):
        folds_of(5, 2, stratify=labels)
    with pytest.raises(DataError, match="3 examples cannot be divided into 4 folds"):
        folds_of(3, 4)
    with pytest.raises(DataError, match="there must be 2 folds at least, not 1"):
        folds_of(3, 1)


def test_each_example_is_predicted_by_the_model_that_has_not_seen_it(tmp_path):
    """Of targets that are a linear function of x, least squares on the other folds is what descent finds."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 2))
    y = x @ [1.0, -2.0] + rng.normal(0, 0.3, 30)

    def make():
        return Model(Sequential([Dense(1, bias=None)], seed=0), "squared_error", SGD(0.3))

    found = cross_validate(make, x, y, 3, epochs=60, batch_size=None, seed=5, out=tmp_path, verbose=False)
    for fold in range(3):
        train, test = found.fold != fold, found.fold == fold
        w, *_ = np.linalg.lstsq(x[train], y[train], rcond=None)
        np.testing.assert_allclose(found.predictions[test][:, 0], x[test] @ w, rtol=1e-3, atol=1e-3)
        assert found.scores[fold]["loss"] == pytest.approx(np.mean((x[test] @ w - y[test]) ** 2), rel=1e-2)
    assert found.mean["loss"] == pytest.approx(np.mean([each["loss"] for each in found.scores]))
    assert (tmp_path / "folds.csv").exists() and (tmp_path / "fold_3" / "model.npz").exists()
    np.testing.assert_array_equal(np.load(tmp_path / "predictions.npz")["fold"], found.fold + 1)


def test_rates_are_calibrated_by_the_mean_size_of_gradients():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(24, 3)) * 5
    y = rng.normal(size=(24, 1))
    W, b = rng.normal(size=(3, 1)), np.array([0.5])
    model = Model(
        Sequential([Dense(1, initializer=W, bias=b, learning_rate_multiplier=0.5)]), "squared_error"
    )
    rates = calibrate_rates(model, x, y, batch_size=8, seed=2)
    # the gradient of the mean of (p − y)², of every minibatch
    order = np.random.RandomState(2).permutation(24)
    sizes = {"dense_1.W": [], "dense_1.b": []}
    for rows in np.split(order, 3):
        residual = 2 * (x[rows] @ W + b - y[rows]) / 8
        sizes["dense_1.W"].append(abs(x[rows].T @ residual).mean())
        sizes["dense_1.b"].append(abs(residual.sum(0)).mean())
    mean = {path: np.mean(each) for path, each in sizes.items()}
    for path, rate in rates.items():
        assert rate == pytest.approx(min(mean.values()) / mean[path], rel=1e-4)
    # they come on top of what the layer has, and parameters stay as they were
    parameters = model.layer.parameters
    for path, rate in rates.items():
        assert parameters[path].learning_rate_multiplier == pytest.approx(0.5 * rate)
    np.testing.assert_array_equal(parameters["dense_1.W"].variable.get_value(), W.astype("float32"))
