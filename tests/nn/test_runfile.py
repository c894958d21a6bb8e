"""Run files: what they describe, and what is said of mistakes."""

import textwrap

import pytest

from graphlib.nn import runfile
from graphlib.nn.layers import Dense, Dropout
from graphlib.nn.registry import config_of
from graphlib.nn.storage import UserError

GOOD = """\
format: 1
name: small
seed: 3
data: {digits: {validation: 0.2}}
model:
  - dense: {units: 20, activation: relu, regularizer: {l2: 1e-4}}
  - dropout: 0.25
  - dense:
      units: 10
      activation: softmax
loss: crossentropy
metrics: [error]
optimizer:
  sgd:
    learning_rate: {exponential: {initial: 1.0, decay: 0.995}}
    momentum: {piecewise_linear: [[0, 0.5], [10, 0.9]]}
    nesterov: yes
training: {epochs: 3, batch_size: 50}
"""


@pytest.fixture
def load(tmp_path):
    def load(text, *overrides):
        path = tmp_path / "file.yaml"
        path.write_text(textwrap.dedent(text))
        return runfile.load(path, overrides)

    return load


def test_a_file_is_objects_with_the_lines_they_stand_in(load, tmp_path):
    found = load(GOOD).description
    dense, dropout, top = found.model.layers
    assert isinstance(dense, Dense) and isinstance(dropout, Dropout)
    assert (dense.units, dropout.rate, top.activation) == (20, 0.25, "softmax")
    assert [tuple(each.origin) for each in (dense, dropout, top)] == [
        (str(tmp_path / "file.yaml"), line) for line in (6, 7, 8)
    ]
    assert found.optimizer.nesterov is True
    assert found.optimizer.learning_rate(2) == pytest.approx(0.995**2)
    assert found.optimizer.momentum(5) == pytest.approx(0.7)
    assert (found.training.epochs, found.training.batch_size, found.training.keep) == (3, 50, "best")
    assert found.data.validation == 0.2


def test_resolved_has_every_default_and_describes_the_same(load, tmp_path):
    import yaml

    resolved = load(GOOD, "training.epochs=7", "model.1.dropout=0.5").resolved()
    assert resolved["training"] == {
        "epochs": 7,
        "batch_size": 50,
        "shuffle": True,
        "validate_every": 1,
        "keep": "best",
        "watch": None,
        "monitors": [],
        "class_weight": None,
        "sync_every": 1,
    }
    assert list(resolved)[:6] == ["format", "name", "seed", "floatX", "data", "model"]
    again = load(yaml.safe_dump(resolved, sort_keys=False))
    assert again.resolved() == resolved
    assert again.description.model.layers[1].rate == 0.5
    assert config_of(again.description.optimizer) == config_of(load(GOOD).description.optimizer)


def test_weights_of_classes_are_by_number_and_of_several_outputs_by_name(load):
    def given(text):
        return load(GOOD, f"training.class_weight={text}").description.training.class_weight

    assert given("{0: 1, '7': 2.5}") == {0: 1, 7: 2.5}
    assert given("{kind: {0: 1, 7: 2.5}, place: balanced}") == {"kind": {0: 1, 7: 2.5}, "place": "balanced"}
    with pytest.raises(UserError, match=r"class_weight.two: a class is a whole number, and not 'two'"):
        given("{two: 1}")


def test_paths_are_from_the_files_folder(load, tmp_path):
    found = load(GOOD, "data={csv: sub/table.csv}")
    assert found.description.data.path == str(tmp_path / "sub/table.csv")
    assert found.resolved()["data"]["csv"]["path"] == str(tmp_path / "sub/table.csv")
    assert load(GOOD.replace("name: small\n", "")).name == "file"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("loss: cross", "los: cross"), "line 11, los: a run file has no parameter 'los'; did you mean loss"),
        (
            ("loss: crossentropy", "loss: crossentrpy"),
            "line 11, loss: there is no loss 'crossentrpy'; did you mean",
        ),
        (
            ("units: 20", "unit: 20"),
            "line 6, model.0.dense.unit: dense has no parameter 'unit'; did you mean units?",
        ),
        (("units: 20", "units: twenty"), "line 6, model.0.dense.units: must be a whole number, not 'twenty'"),
        (("units: 20", "units: -20"), "line 6, model.0.dense.units: must be at least 1, not -20"),
        (("units: 10\n", "units: 1:30\n"), "line 9, model.2.dense.units: must be a whole number, not '1:30'"),
        (
            ("activation: softmax", "activation: sofmax"),
            "line 10, model.2.dense.activation: there is no activation",
        ),
        (
            ("dropout: 0.25", "dropout: 1.25"),
            "line 7, model.1.dropout: must be at least 0 and below 1, not 1.25",
        ),
        (
            ("dropout:", "droput:"),
            "line 7, model.1.droput: there is no layer 'droput'; did you mean dropout?",
        ),
        (
            ("metrics: [error]", "metrics: [eror]"),
            "line 12, metrics.0: there is no metric 'eror'; did you mean error",
        ),
        (
            ("initial: 1.0", "initial: big"),
            "line 15, optimizer.sgd.learning_rate.exponential.initial: must be a number",
        ),
        (
            ("decay: 0.995", "deca: 0.995"),
            "line 15, optimizer.sgd.learning_rate.exponential.deca: exponential has no",
        ),
        (
            ("[10, 0.9]", "[10]"),
            "line 16, optimizer.sgd.momentum.piecewise_linear.1: must be a list of 2, not of 1",
        ),
        (("yes", "maybe"), "line 17, optimizer.sgd.nesterov: must be true or false, not 'maybe'"),
        (
            ("epochs: 3", "epochs:3"),
            "line 18, training.epochs:3: training has no parameter 'epochs:3'; write a space",
        ),
        (("epochs: 3", "epochs: 0"), "line 18, training.epochs: must be at least 1, not 0"),
        (
            ("epochs: 3", "epoch: 3"),
            "line 18, training.epoch: training has no parameter 'epoch'; did you mean epochs",
        ),
        (("batch_size: 50", "keep: worst"), "line 18, training.keep: must be 'best' or 'last', not 'worst'"),
        (("format: 1", "format: 2"), "line 1, format: must be 1, the only one there is, not 2"),
        (("name: small", "name: a/b"), "line 2, name: must be good for a folder's name, and 'a/b' is not"),
        (("name: small", "name: 12"), 'line 2, name: must be text or null, not 12; write "12" in quotes'),
        (
            ("seed: 3", "seed: 3\nloss_weights: {a: 1}"),
            "line 4, loss_weights: weighs the losses of several outputs",
        ),
        (("{digits:", "{digit:"), "line 4, data.digit: there is no data 'digit'; did you mean digits?"),
        (
            ("validation: 0.2", "validation: 1.2"),
            "line 4, data.digits.validation: must be at least 0 and below 1",
        ),
        (
            ("data: {digits", "dat: {digits"),
            "line 4, dat: a run file has no parameter 'dat'; did you mean data?",
        ),
        (("loss: crossentropy\n", ""), "file.yaml, line 1: a run file needs loss"),
        (
            ("model:\n", "model: !obj:hebel.models.NeuralNet\n"),
            "line 5: !obj:hebel.models.NeuralNet: tags are not",
        ),
        (("seed: 3", "seed: &s 3"), "line 3: &s: anchors are not allowed"),
        (("seed: 3", "seed: 3\nseed: 4"), "line 4: seed is there already, in line 3"),
    ],
)
def test_a_mistake_is_named_with_file_line_key_and_the_nearest_name(load, change, message):
    assert change[0] in GOOD
    with pytest.raises(UserError) as caught:
        load(GOOD.replace(*change))
    assert message in str(caught.value)
    assert "file.yaml, line" in str(caught.value)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.0.dense.units=0", "--set model.0.dense.units=0: must be at least 1, not 0"),
        (
            "optimizer.sgd.momentm=1",
            "--set optimizer.sgd.momentm=1: sgd has no parameter 'momentm'; did you mean",
        ),
        (
            "training={epochs: x}",
            "--set training={epochs: x}, training.epochs: must be a whole number, not 'x'",
        ),
        (
            "optimizer.adam.beta1=0.5",
            "line 14, optimizer: must be the name of one optimizer with its parameters, and",
        ),
    ],
)
def test_what_is_set_is_checked_alike(load, override, message):
    with pytest.raises(UserError) as caught:
        load(GOOD, override)
    assert message in str(caught.value)


def test_several_outputs_have_losses_metrics_and_weights_by_name(load):
    text = """
    data: {iris: {target: {kind: target, width: petal width}}}
    model:
      - dense: {units: 8, activation: tanh}
      - parallel:
          merge: null
          branches:
            kind: {dense: {units: 3, activation: softmax}}
            width: {dense: 1}
    loss: {kind: crossentropy, width: {squared_error: {missing: .nan}}}
    loss_weights: {width: 0.5}
    metrics: {kind: [accuracy, {crossentropy: {missing: nan}}]}
    """
    found = load(text).description
    assert set(found.loss) == {"kind", "width"}
    assert found.loss["width"].missing != found.loss["width"].missing
    assert [len(each) for each in found.metrics.values()] == [2]
    with pytest.raises(
        UserError, match=r"line 11, loss_weights.widht: there is no loss 'widht'; did you mean width"
    ):
        load(text.replace("{width: 0.5}", "{widht: 0.5}"))
    with pytest.raises(UserError, match=r"line 10, loss.kind: there is no loss 'crossent'"):
        load(text.replace("kind: crossentropy", "kind: crossent"))
