"""Run files made of Hebel's: what becomes of each part, and that nothing in them is called."""

import textwrap

import pytest

from graphlib.nn import runfile
from graphlib.nn.convert import convert
from graphlib.nn.storage import UserError

SHALLOW = """\
run_conf:
  iterations: 50
optimizer: !obj:hebel.optimizers.SGD {
  model: !obj:hebel.models.NeuralNet {
    layers: [
      !obj:hebel.layers.HiddenLayer {n_in: 784, n_units: 2000, dropout: yes, l2_penalty_weight: .01}
    ],
    top_layer: !obj:hebel.layers.SoftmaxLayer {n_in: 2000, n_out: 10}
  },
  parameter_updater: !import hebel.parameter_updaters.MomentumUpdate,
  train_data: !obj:hebel.data_providers.MNISTDataProvider {batch_size: 100, array: train},
  validation_data: !obj:hebel.data_providers.MNISTDataProvider {array: val},
  learning_rate_schedule: !obj:hebel.schedulers.exponential_scheduler {init_value: 30., decay: .995},
  momentum_schedule: !obj:hebel.schedulers.linear_scheduler_up
    {init_value: .5, target_value: .9, duration: 10},
  progress_monitor: !obj:hebel.monitors.ProgressMonitor
    {experiment_name: mnist_shallow, save_model_path: examples/mnist, output_to_log: yes}
}
test_dataset:
  test_data: !obj:hebel.data_providers.MNISTDataProvider {array: test}
init: {random_seed: 7, device_id: 1}
"""

SGD = """\
optimizer: !obj:hebel.optimizers.SGD {{
  model: {model},
  parameter_updater: !import hebel.parameter_updaters.{updater},
  train_data: {train},
  learning_rate_schedule: {rate}
}}
"""


def parts(
    model="!obj:hebel.models.NeuralNet {layers: [3], n_in: 4, n_out: 2}",
    updater="SimpleSGDUpdate",
    train="!obj:hebel.data_providers.MNISTDataProvider {batch_size: 10, array: train}",
    rate="!obj:hebel.schedulers.constant_scheduler {value: .1}",
):
    return SGD.format(model=model, updater=updater, train=train, rate=rate)


@pytest.fixture
def converted(tmp_path):
    """Converts a text, and checks that the outcome is a run file."""

    def converted(text):
        (tmp_path / "hebel.yml").write_text(textwrap.dedent(text))
        found = convert(tmp_path / "hebel.yml")
        (tmp_path / "run.yaml").write_text(found.text())
        runfile.load(tmp_path / "run.yaml")
        return found

    return converted


def test_hebels_shallow_example_is_a_run_file(converted):
    found = converted(SHALLOW)
    assert found.content == {
        "format": 1,
        "name": "mnist_shallow",
        "seed": 7,
        "data": "mnist",
        "model": [
            {
                "dense": {
                    "units": 2000,
                    "activation": "sigmoid",
                    "initializer": {"glorot_uniform": 4.0},
                    # half of .01, as the penalty is λ/2 ΣW², over the 100 examples it is added to
                    "regularizer": {"l2": 5e-05},
                    # 1/√784
                    "learning_rate_multiplier": 0.0357143,
                }
            },
            {"dropout": 0.5},
            {
                "dense": {
                    "units": 10,
                    "activation": "softmax",
                    "initializer": {"glorot_uniform": 4.0},
                    "learning_rate_multiplier": 0.0223607,
                }
            },
        ],
        "loss": "crossentropy",
        "metrics": ["error"],
        "optimizer": {
            "sgd": {
                "learning_rate": {"exponential": {"initial": 30.0, "decay": 0.995}},
                "momentum": {"piecewise_linear": [[0, 0.5], [10, 0.9]]},
            }
        },
        "training": {
            "epochs": 50,
            "batch_size": 100,
            "shuffle": False,
            "validate_every": 5,
            "keep": "best",
        },
        "test": True,
    }
    assert any(
        "line 16: save_model_path: " in note and "--out examples/mnist" in note for note in found.notes
    )
    assert any("init.device_id: the device is chosen at the command line" in note for note in found.notes)
    assert found.text().startswith(f"# {found.notes[0]}\n")


def test_sizes_penalties_and_dropout_by_layer(converted):
    model = """!obj:hebel.models.NeuralNet {layers: [5, 6], activation_function: relu, n_in: 4, n_out: 2,
      dropout: [no, .3], input_dropout: .2, l1_penalty_weight: [.1, 0, .2], l2_penalty_weight: 1.}"""
    found = converted(parts(model, "NesterovMomentumUpdate"))
    assert [next(iter(layer)) for layer in found.content["model"]] == [
        "dropout",
        "dense",
        "dense",
        "dropout",
        "dense",
    ]
    dense = [layer["dense"] for layer in found.content["model"] if "dense" in layer]
    assert [each["units"] for each in dense] == [5, 6, 2]
    assert [each["regularizer"] for each in dense] == [
        [{"l1": 0.01}, {"l2": 0.05}],
        {"l2": 0.05},
        [{"l1": 0.02}, {"l2": 0.05}],
    ]
    assert found.content["model"][3] == {"dropout": 0.3}
    assert found.content["optimizer"]["sgd"] == {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True}
    assert any("has no momentum_schedule; momentum: 0.9 is a guess" in note for note in found.notes)
    assert found.content["training"]["keep"] == "last"


def test_a_regression_descends_as_fast_as_hebels(converted):
    model = "!obj:hebel.models.NeuralNetRegression {layers: [100], n_in: 13, n_out: 1, l2_penalty_weight: .4}"
    rate = "!obj:hebel.schedulers.exponential_scheduler {init_value: .1, decay: .9999}"
    train = """!obj:hebel.data_providers.MiniBatchDataProvider {
      batch_size: 10, data: !pkl x.pkl, targets: !pkl: y.pkl}"""
    found = converted(parts(model, train=train, rate=rate))
    assert found.content["loss"] == {"squared_error": {"reduction": "sum"}}
    assert found.content["optimizer"]["sgd"]["learning_rate"]["exponential"]["initial"] == 0.05
    top = found.content["model"][-1]["dense"]
    assert top["regularizer"] == {"l2": 0.04} and "activation" not in top
    assert found.content["data"] == {"npz": {"path": "hebel.npz"}}
    assert any("x.pkl is a pickle, which may run any program and is not read" in note for note in found.notes)
    assert any("numpy.savez as y_train" in note for note in found.notes)


def test_several_tasks_are_branches_with_weights(converted):
    model = (
        "!obj:hebel.models.MultitaskNeuralNet {layers: [5], n_in: 4, n_out: [2, 3], task_weights: [.25, 1.]}"
    )
    found = converted(parts(model))
    branches = found.content["model"][-1]["parallel"]["branches"]
    assert {name: each["dense"]["units"] for name, each in branches.items()} == {"task_1": 2, "task_2": 3}
    assert found.content["loss_weights"] == {"task_1": 0.25, "task_2": 1.0}
    tasks = """!obj:hebel.models.NeuralNet {layers: [5], n_in: 4,
      top_layer: !obj:hebel.layers.MultitaskTopLayer {n_in: 5, tasks: [
        !obj:hebel.layers.LogisticLayer {n_in: 5}, !obj:hebel.layers.LinearRegressionLayer {n_out: 2}]}}"""
    found = converted(parts(tasks))
    assert found.content["loss"] == {
        "task_1": "binary_crossentropy",
        "task_2": {"squared_error": {"reduction": "sum"}},
    }
    assert found.content["loss_weights"] == {"task_1": 0.5, "task_2": 0.5}


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        ("constant_scheduler {value: 3}", 3),
        (
            "linear_scheduler_up {init_value: 1, target_value: 2, duration: 5}",
            {"piecewise_linear": [[0, 1], [5, 2]]},
        ),
        (
            "linear_scheduler_up_down {init_value: 1, target_value: 2, final_value: .5, duration_up: 5, "
            "t_decrease: 5, duration_down: 4}",
            {"piecewise_linear": [[0, 1], [5, 2], [9, 0.5]]},
        ),
    ],
)
def test_schedules(converted, rate, expected):
    found = converted(parts(rate=f"!obj:hebel.schedulers.{rate}"))
    assert found.content["optimizer"]["sgd"]["learning_rate"] == expected


def test_what_has_no_counterpart_is_said_by_name_and_line(converted):
    model = """!obj:hebel.models.NeuralNet {layers: [!obj:mine.Layer {a: 1}, !obj:hebel.layers.HiddenLayer {
      n_in: 4, n_units: 3, colour: red}], n_out: 2}"""
    found = converted(parts(model, "MyUpdate", rate="!obj:mine.schedule {}") + "extra: 1\n")
    for said in (
        "line 2: the layer mine.Layer has no counterpart and is left out",
        "line 2: HiddenLayer's colour has no counterpart",
        "line 1: the updater MyUpdate has no counterpart: plain descent is taken",
        "line 6: the schedule mine.schedule has no counterpart: 0.1 is taken",
        "the section extra has no counterpart",
    ):
        assert said in found.notes


_LETTERS = list(zip("abcdefgh", "bcdefghi", strict=True))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no run file of Hebel's: it has no section optimizer"),
        ("optimizer: !obj:hebel.optimizers.Other {}", "line 1: hebel.optimizers.Other has no counterpart"),
        ("optimizer: !!python/object/apply:os.system ['true']", "it has no section optimizer with an !obj"),
        ("optimizer: !include other.yml", "line 1: !include is no tag of Hebel's"),
        ("a: [1, 2", "no YAML: "),
        ("a: &a [*a]", "line 1: nested too deep, or grown by aliases"),
        (
            "a: &a [x,x,x,x,x,x,x,x,x]\n"
            + "\n".join(
                f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
            ),
            "grown by aliases: no file of Hebel's",
        ),
        (
            parts("!obj:hebel.models.NeuralNett {}"),
            "hebel.models.NeuralNett is no model of Hebel's; did you mean",
        ),
        (
            parts("!obj:hebel.models.NeuralNet {layers: 5}"),
            "line 2: NeuralNet's layers must be a list, not 5",
        ),
        (
            parts("!obj:hebel.models.NeuralNet {layers: [a]}"),
            "layers are numbers of units or !obj:…, not 'a'",
        ),
        (
            parts("!obj:hebel.models.NeuralNet {top_layer: !obj:a.B {}}"),
            "line 2: B is no top layer of Hebel's",
        ),
        (
            parts(rate="!obj:hebel.schedulers.constant_scheduler {}"),
            "constant_scheduler needs the numbers value",
        ),
        (
            parts(rate="!obj:hebel.schedulers.constant_scheduler {value: fast}"),
            "line 5: constant_scheduler's value must be a number, not 'fast'",
        ),
    ],
)
def test_what_is_no_file_of_hebels_is_refused(tmp_path, text, message):
    (tmp_path / "hebel.yml").write_text(text)
    with pytest.raises(UserError) as caught:
        convert(tmp_path / "hebel.yml")
    assert message in str(caught.value)


def test_nothing_is_imported_called_or_unpickled(converted, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "trap.py").write_text("open('sprung', 'w')\nclass Layer: pass\n")
    text = parts(model="!obj:hebel.models.NeuralNet {layers: [!obj:trap.Layer {}], n_in: 4, n_out: 2}")
    converted(text + "other: !import trap.Layer\nmore: !pkl trap.pkl\nplain: trap.Layer\n")
    assert not (tmp_path / "sprung").exists()
