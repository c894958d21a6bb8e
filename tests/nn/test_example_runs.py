"""The run files in tutorials/layers describe models that take their data."""

from dataclasses import replace
from pathlib import Path

import pytest

import graphlib.tensor as T
from graphlib.nn import runfile
from graphlib.nn.model import Model
from graphlib.nn.searches import section

FILES = sorted((Path(__file__).resolve().parents[2] / "tutorials" / "layers").glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_example_gives_an_output_for_its_targets(path):
    described = runfile.load(path).description
    source = described.data
    if hasattr(source, "limit"):
        source = replace(source, limit=20)
    data = source.load(described.seed)
    x = data.train.x
    model = Model(
        described.model, described.loss, described.optimizer, described.metrics, described.loss_weights
    )
    model.build((None, *x.shape[1:]), x.dtype)
    model.check(x, data.train.y)
    outputs = model.output.values() if isinstance(model.output, dict) else [model.output]
    assert all(isinstance(y, type(T.matrix())) and y.ndim >= 2 for y in outputs)
    assert data.test is not None and data.validation is not None


def test_an_example_of_a_search_says_what_is_tried():
    folder = Path(__file__).resolve().parents[2] / "tutorials" / "searches"
    # what is given here: the ends of each range, of which load makes run files to see that they can be
    space = section.load(folder / "mnist-perceptron.yaml").space
    assert {key: values.ends() for key, values in space.items()} == {
        "optimizer.sgd.learning_rate": [1e-3, 1],
        "model.0.dense.units": [20, 200],
        "model.0.dense.regularizer.l2.weight": [1e-6, 1e-2],
    }


def test_there_is_one_for_each_of_the_published_nets():
    assert {path.stem for path in FILES} == {
        *(f"mnist-{name}" for name in ("shallow", "deep", "perceptron", "mixing", "tanh")),
        *("regression", "multitask", "digits-perceptron", "digits-cnn", "sentence-cnn", "sentence-lstm"),
        *(f"char-{name}" for name in ("rnn", "lstm", "gru", "lstm-stateful")),
    }
