"""Models as scikit-learn's estimators, held against its own checks and used in its own tools."""

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import graphlib
from graphlib.errors import InputError
from graphlib.nn import SGD, Adam, Classifier, Dense, Dropout, EarlyStopping, Regressor
from graphlib.nn.monitors import Patience
from graphlib.nn.schedules import Exponential


@parametrize_with_checks(
    [
        Classifier(layers=(20,), epochs=20, learning_rate=0.01),
        Regressor(layers=(20,), epochs=20, learning_rate=0.01),
    ]
)
def test_scikit_learns_own_checks(estimator, check):
    """All of them. Two compare predictions to seven digits, which float32 has not: they are of float64."""
    exact = "sample_weight_equivalence" in check.func.__name__
    with graphlib.config.change(floatX="float64" if exact else "float32"):
        check(estimator)


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


def small(**more):
    return Classifier(layers=(8,), epochs=15, learning_rate=0.02, random_state=0, **more)


def test_pipelines_searches_and_cross_validation_work(iris):
    X, y = iris
    pipeline = make_pipeline(StandardScaler(), small())
    assert cross_val_score(pipeline, X, y, cv=3).mean() > 0.85
    search = GridSearchCV(
        pipeline,
        {
            "classifier__optimizer": ["sgd", {"adam": {"beta1": 0.8}}],
            "classifier__layers": [(8,), [Dense(8, "tanh")]],
        },
        cv=2,
    )
    search.fit(X, y)
    assert len(search.cv_results_["mean_test_score"]) == 4
    assert search.best_score_ > 0.85


def test_layers_and_optimizers_that_are_given_stay_as_they_are(iris):
    X, y = iris
    hidden, rule = Dense(8, "tanh"), Adam(0.02)
    model = Classifier(layers=[hidden, Dropout(0.1), {"dense": 4}], optimizer=rule, epochs=10, random_state=0)
    copy = clone(model)
    first, second = (each.fit(X, y).predict_proba(X) for each in (model, copy))
    np.testing.assert_array_equal(first, second)
    assert not rule.state and not hidden._built
    assert [type(each).__name__ for each in model.model_.layer.layers] == [
        "Dense",
        "Dropout",
        "Dense",
        "Dense",
    ]
    with pytest.raises(NotFittedError):
        clone(model).predict(X)


def test_data_frames_keep_their_names_and_classes_their_own(iris):
    X, y = iris
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    labels = pd.Series(np.array(["setosa", "versicolor", "virginica"])[y], dtype="category")
    model = small(validation=0.2, monitors=[EarlyStopping(3)]).fit(frame, labels)
    assert list(model.feature_names_in_) == list("abcd")
    assert list(model.classes_) == ["setosa", "versicolor", "virginica"]
    assert set(model.predict(frame)) <= set(model.classes_)
    assert "validation_loss" in model.history_
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[["d", "c", "b", "a"]])
    with pytest.raises(ValueError, match="could not convert string to float"):
        small().fit(frame.assign(a="text"), labels)


def test_sparse_rows_are_learnt_from_as_dense_ones(iris):
    X, y = iris
    X = np.where(X > 3, X, 0)
    dense = small(validation=0.2).fit(X, y)
    for matrix in (scipy.sparse.csr_matrix(X), scipy.sparse.coo_array(X)):
        sparse = small(validation=0.2).fit(matrix, y)
        np.testing.assert_allclose(sparse.predict_proba(matrix), dense.predict_proba(X), rtol=1e-4, atol=1e-6)


def test_a_regressor_learns_targets_in_any_unit():
    X, y = load_diabetes(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    settings = {"layers": (10,), "epochs": 20, "learning_rate": 0.02, "random_state": 0}
    plain = Regressor(**settings).fit(X, y)
    assert plain.score(X, y) > 0.4
    scaled = Regressor(**settings).fit(X, 1000 * y + 5)
    np.testing.assert_allclose(scaled.predict(X), 1000 * plain.predict(X) + 5, rtol=1e-3)
    several = Regressor(**settings).fit(X, np.column_stack([y, -2 * y]))
    assert several.predict(X).shape == (len(y), 2)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(plain)).predict(X), plain.predict(X))


def test_a_loss_without_probabilities_gives_none(iris):
    X, y = iris
    model = small(loss="hinge").fit(X, y)
    assert model.score(X, y) > 0.7
    assert not hasattr(model, "predict_proba") and hasattr(small(), "predict_proba")


def test_what_is_printed_of_an_estimator_says_how_it_was_made():
    estimator = Classifier(
        optimizer=SGD(Exponential(0.1, 0.9), momentum=0.5), monitors=[EarlyStopping(3), Patience()]
    )
    assert "".join(repr(estimator).split()) == (
        "Classifier(monitors=[EarlyStopping(rounds=3),Patience()],"
        "optimizer=SGD(learning_rate=Exponential(initial=0.1,decay=0.9),momentum=0.5))"
    )


@pytest.mark.parametrize("layers", [100, "dense", {"dense": 5}, Dense(3)])
def test_layers_that_are_no_list(iris, layers):
    with pytest.raises(InputError, match=r"layers is .*: give a list of those below the last one, as \(1"):
        Classifier(layers=layers).fit(*iris)


def test_without_scikit_learn_the_rest_works_and_estimators_say_what_is_missing():
    program = (
        "import sys; sys.modules['sklearn'] = None\n"
        "import graphlib.nn as nn; nn.Dense, nn.Model\n"
        "try:\n    nn.Classifier\nexcept ImportError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "graphlib.nn.Classifier and graphlib.nn.Regressor need scikit-learn, 1.6 or newer" in done.stdout
