"""The models of the tutorials against NumPy, and the tutorials as programs on a few hundred digits."""

import csv
import gzip
import signal
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

import classification
import graphlib
import graphlib.tensor as T
import logistic_sgd
import mlp
from data.mnist import TEST_FILES, TRAIN_FILES, load
from logistic_sgd import LogisticRegression
from mlp import MLP, HiddenLayer

TUTORIALS = {"logistic_sgd": logistic_sgd, "mlp": mlp}
PROGRAMS = Path(mlp.__file__).parent
FLOATX = graphlib.config.floatX


def softmax(scores: np.ndarray) -> np.ndarray:
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


def randomise(model, rng: np.random.Generator) -> list[np.ndarray]:
    """Gives a model's parameters random values, and returns them in float64."""
    values = [rng.normal(scale=0.5, size=p.get_value().shape).astype(FLOATX) for p in model.params]
    for param, value in zip(model.params, values, strict=True):
        param.set_value(value)
    return [value.astype("float64") for value in values]


# --- logistic regression ---


def test_logistic_regression_starts_undecided():
    x = T.matrix("x")
    model = LogisticRegression(x, n_in=4, n_out=10)
    p = graphlib.function([x], model.p_y_given_x)(np.ones((3, 4), FLOATX))
    np.testing.assert_allclose(p, np.full((3, 10), 0.1), rtol=1e-6)


def test_logistic_regression_against_numpy(rng):
    x, y = T.matrix("x"), T.ivector("y")
    model = LogisticRegression(x, n_in=5, n_out=3)
    W, b = randomise(model, rng)
    examples, labels = rng.normal(size=(20, 5)).astype(FLOATX), rng.integers(0, 3, 20).astype("int32")
    outputs = [model.p_y_given_x, model.y_pred, model.negative_log_likelihood(y), model.errors(y)]
    p, predicted, cost, error = graphlib.function([x, y], outputs)(examples, labels)

    expected = softmax(examples @ W + b)
    np.testing.assert_allclose(p, expected, rtol=1e-5)
    np.testing.assert_array_equal(predicted, expected.argmax(axis=1))
    np.testing.assert_allclose(cost, -np.log(expected[np.arange(20), labels]).mean(), rtol=1e-5)
    np.testing.assert_allclose(error, (expected.argmax(axis=1) != labels).mean(), rtol=1e-6)


def test_gradient_of_logistic_regression(rng):
    x, y = T.matrix("x"), T.ivector("y")
    model = LogisticRegression(x, n_in=5, n_out=3)
    W, b = randomise(model, rng)
    examples, labels = rng.normal(size=(20, 5)).astype(FLOATX), rng.integers(0, 3, 20).astype("int32")
    gradients = graphlib.function([x, y], T.grad(model.negative_log_likelihood(y), model.params))(
        examples, labels
    )
    # Bishop, "Pattern Recognition and Machine Learning", equation 4.109, over the number of examples
    difference = (softmax(examples @ W + b) - np.eye(3)[labels]) / 20
    np.testing.assert_allclose(gradients[0], examples.T @ difference, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(gradients[1], difference.sum(axis=0), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("labels", [T.imatrix("labels"), T.vector("labels")], ids=["matrix", "floats"])
def test_labels_must_be_a_vector_of_integers(labels):
    model = LogisticRegression(T.matrix("x"), n_in=5, n_out=3)
    with pytest.raises(TypeError, match=r"y must be a vector|y holds classes"):
        model.errors(labels)


# --- hidden layer and perceptron ---


@pytest.mark.parametrize(
    ("activation", "expected", "factor"),
    [
        (T.tanh, np.tanh, 1),
        (T.nnet.sigmoid, lambda z: 1 / (1 + np.exp(-z)), 4),
        (T.nnet.relu, lambda z: np.maximum(z, 0), 1),
        (None, lambda z: z, 1),
    ],
    ids=["tanh", "sigmoid", "relu", "linear"],
)
def test_hidden_layer(rng, activation, expected, factor):
    x = T.matrix("x")
    layer = HiddenLayer(np.random.RandomState(1234), x, n_in=30, n_out=20, activation=activation)
    # Glorot and Bengio 2010, equation 16, with the generator that the published results come from
    bound = factor * np.sqrt(6 / 50)
    W = np.random.RandomState(1234).uniform(low=-bound, high=bound, size=(30, 20))
    np.testing.assert_allclose(layer.W.get_value(), W, rtol=1e-6)
    np.testing.assert_array_equal(layer.b.get_value(), np.zeros(20))
    examples = rng.normal(size=(7, 30)).astype(FLOATX)
    output = graphlib.function([x], layer.output)(examples)
    np.testing.assert_allclose(output, expected(examples @ W), rtol=1e-4, atol=1e-5)


def test_hidden_layers_can_share_parameters():
    x = T.matrix("x")
    first = HiddenLayer(np.random.RandomState(1), x, n_in=4, n_out=4)
    second = HiddenLayer(np.random.RandomState(2), first.output, n_in=4, n_out=4, W=first.W, b=first.b)
    assert second.params == first.params


def test_step_of_mlp_against_backpropagation(rng):
    x, y = T.matrix("x"), T.ivector("y")
    model = MLP(np.random.RandomState(0), x, n_in=6, n_hidden=5, n_out=3)
    W1, b1, W2, b2 = randomise(model, rng)
    l1, l2, rate = 0.01, 0.02, 0.1
    examples, labels = rng.normal(size=(8, 6)).astype(FLOATX), rng.integers(0, 3, 8).astype("int32")
    cost = model.negative_log_likelihood(y) + l1 * model.L1 + l2 * model.L2_sqr
    gradients = T.grad(cost, model.params)
    step = graphlib.function(
        [x, y],
        [cost, model.errors(y)],
        updates=[(p, p - rate * gradient) for p, gradient in zip(model.params, gradients, strict=True)],
    )
    before, error = step(examples, labels)

    hidden = np.tanh(examples @ W1 + b1)
    p = softmax(hidden @ W2 + b2)
    weights = (abs(W1).sum() + abs(W2).sum(), (W1**2).sum() + (W2**2).sum())
    expected = -np.log(p[np.arange(8), labels]).mean() + l1 * weights[0] + l2 * weights[1]
    np.testing.assert_allclose(before, expected, rtol=1e-5)
    np.testing.assert_allclose(error, (p.argmax(axis=1) != labels).mean(), rtol=1e-6)
    # Rumelhart, Hinton and Williams 1986
    above = (p - np.eye(3)[labels]) / 8
    below = above @ W2.T * (1 - hidden**2)
    slopes = [
        examples.T @ below + l1 * np.sign(W1) + 2 * l2 * W1,
        below.sum(axis=0),
        hidden.T @ above + l1 * np.sign(W2) + 2 * l2 * W2,
        above.sum(axis=0),
    ]
    for param, value, slope in zip(model.params, (W1, b1, W2, b2), slopes, strict=True):
        np.testing.assert_allclose(param.get_value(), value - rate * slope, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("size", "batch_size"), [(100, 20), (100, 7), (2100, 3), (1001, 1001), (5, 5)])
def test_error_is_that_of_the_whole_minibatches(rng, size, batch_size):
    x, y = T.matrix("x"), T.ivector("y")
    model = LogisticRegression(x, n_in=4, n_out=3)
    W, b = randomise(model, rng)
    examples, labels = rng.normal(size=(size, 4)).astype(FLOATX), rng.integers(0, 3, size).astype("int32")
    shared = classification.SharedSet(graphlib.shared(examples), graphlib.shared(labels), size)
    error = classification.mean_error(model, y, shared, batch_size, name="error")
    used = size // batch_size * batch_size
    wrong = ((examples @ W + b).argmax(axis=1) != labels)[:used]
    assert error() == wrong.sum() / used


# --- the tutorials as programs ---


def idx(array: np.ndarray) -> bytes:
    """The array as an IDX file of unsigned bytes, gzipped."""
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return gzip.compress(header + array.astype("uint8").tobytes())


@pytest.fixture(scope="module")
def digits(tmp_path_factory) -> str:
    """A folder of IDX files with 400 digits to train on and 100 each to validate and test."""
    folder = tmp_path_factory.mktemp("digits")
    mnist = load()
    for names, split, count in ((TRAIN_FILES, mnist.train, 500), (TEST_FILES, mnist.test, 100)):
        pixels = np.rint(split.x[:count] * 256).reshape(-1, 28, 28)
        for name, array in zip(names, (pixels, split.y[:count]), strict=True):
            (folder / f"{name}.gz").write_bytes(idx(array))
    return str(folder)


@pytest.fixture(scope="module", params=TUTORIALS)
def trained(request, digits, tmp_path_factory):
    """(tutorial's name, folder of a finished run of six epochs, the options it was started with)."""
    folder = tmp_path_factory.mktemp(request.param)
    options = ["--dataset", digits, "--batch-size", "20", "--learning-rate", "0.1", "--epochs", "6"]
    options += ["--hidden", "30"] if request.param == "mlp" else []
    assert TUTORIALS[request.param].main([*options, "--out", str(folder)]) == 0
    return request.param, folder, options


def parameters(folder: Path) -> dict[str, bytes]:
    with np.load(folder / "checkpoint.npz", allow_pickle=False) as saved:
        return {name: saved[name].tobytes() for name in saved.files if name != "progress"}


def test_tutorial_learns_and_writes_its_results(trained):
    _, folder, _ = trained
    with open(folder / "learning_curve.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["minibatches"] for row in rows] == [str(20 * n) for n in range(1, 7)]
    assert float(rows[-1]["validation_error_percent"]) < 30
    assert float(rows[-1]["training_cost"]) < float(rows[0]["training_cost"])
    for name in ("learning_curve.png", "filters.png"):
        with Image.open(folder / name) as picture:
            picture.load()
    assert sorted(path.name for path in folder.iterdir()) == [
        "best_model.npz",
        "checkpoint.npz",
        "filters.png",
        "learning_curve.csv",
        "learning_curve.png",
    ]


def test_resumed_tutorial_ends_as_one_left_alone(trained, tmp_path):
    name, folder, options = trained
    tutorial = TUTORIALS[name]
    assert tutorial.main([*options, "--epochs", "2", "--out", str(tmp_path)]) == 0
    assert tutorial.main(["--resume", "--epochs", "6", "--out", str(tmp_path)]) == 0
    assert parameters(tmp_path) == parameters(folder)
    for file in ("best_model.npz", "learning_curve.csv"):
        assert (tmp_path / file).read_bytes() == (folder / file).read_bytes()


def test_the_same_seed_gives_the_same_run_and_another_does_not(digits, tmp_path):
    options = ["--dataset", digits, "--epochs", "1", "--hidden", "5", "--out"]
    runs = {}
    for run, seed in (("first", "1"), ("same", "1"), ("other", "2")):
        assert mlp.main([*options, str(tmp_path / run), "--seed", seed]) == 0
        runs[run] = parameters(tmp_path / run)
    assert runs["first"] == runs["same"]
    assert runs["first"]["model/hidden.W"] != runs["other"]["model/hidden.W"]


def test_predictions_on_the_test_set(trained, digits, capsys):
    name, folder, _ = trained
    assert TUTORIALS[name].main(["--predict", "--dataset", digits, "--out", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    with np.load(folder / "best_model.npz", allow_pickle=False) as saved:
        values = {key: saved[key].astype("float64") for key in saved.files}
    test = load(digits).test
    below = np.tanh(test.x @ values["hidden.W"] + values["hidden.b"]) if name == "mlp" else test.x
    predicted = (below @ values["output.W"] + values["output.b"]).argmax(axis=1)
    wrong = np.flatnonzero(predicted != test.y)
    assert lines[0].endswith(str(predicted[:10]))
    assert lines[1].endswith(str(test.y[:10]))
    assert f"Wrong: {len(wrong)} of 100" in lines[2]
    first = wrong[0]
    assert lines[3].split() == f"example {first}: predicted {predicted[first]}, label {test.y[first]}".split()


def test_prediction_of_pictures(trained, tmp_path, capsys):
    name, folder, _ = trained
    one = Image.new("L", (120, 120), 255)
    ImageDraw.Draw(one).line((60, 20, 60, 100), fill=0, width=9)
    one.save(tmp_path / "one.png")
    zero = Image.new("L", (120, 120), 0)
    ImageDraw.Draw(zero).ellipse((35, 20, 85, 100), outline=255, width=9)
    zero.save(tmp_path / "zero.png")
    pictures = [str(tmp_path / "one.png"), str(tmp_path / "zero.png")]
    assert TUTORIALS[name].main(["--predict", *pictures, "--out", str(folder)]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{pictures[0]}: 1 (probability ")
    assert second.startswith(f"{pictures[1]}: 0 (probability ")


def start(name: str, *options: str) -> subprocess.Popen:
    program = [sys.executable, str(PROGRAMS / f"{name}.py"), *options]
    return subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGKILL])
def test_stopped_program_goes_on_identically(digits, tmp_path, kind):
    options = ["--dataset", digits, "--hidden", "5", "--epochs"]
    stopped, alone = str(tmp_path / "stopped"), str(tmp_path / "alone")
    with start("mlp", *options, "100000", "--out", stopped) as process:
        for line in process.stdout:
            if line.startswith("epoch 5,"):
                process.send_signal(kind)
                break
        out, err = process.communicate(timeout=120)
    if kind == signal.SIGINT:
        assert process.returncode == 130, err
        assert err == ""
        assert "Stopped at epoch" in out
        assert f"mlp.py --resume --out {stopped}" in out
        assert (tmp_path / "stopped" / "best_model.npz").exists()
    with np.load(tmp_path / "stopped" / "checkpoint.npz", allow_pickle=False) as saved:
        reached = saved["curve"].shape[0]
    epochs = str(reached + 3)
    assert mlp.main(["--resume", "--epochs", epochs, "--out", stopped]) == 0
    assert mlp.main([*options, epochs, "--out", alone]) == 0
    assert parameters(Path(stopped)) == parameters(Path(alone))


@pytest.mark.parametrize("name", TUTORIALS)
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--dataset", "nowhere"], "nowhere"),
        (["--batch-size", "401"], "--batch-size 401 is more than the 400 examples of train_x"),
        (["--batch-size", "101"], "--batch-size 101 is more than the 100 examples of valid_x"),
        (["--predict"], "best_model.npz does not exist: train a model first"),
        (["--epochs", "none"], "'none' is not a whole number"),
    ],
)
def test_bad_input_ends_with_one_line_and_code_2(digits, tmp_path, name, options, words):
    process = start(name, "--dataset", digits, "--out", str(tmp_path / "out"), *options)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "Traceback" not in out + err
    assert err.count("\n") == 1
    assert err.startswith(f"{name}.py: error: ")
    assert words in err


def test_model_of_another_tutorial(trained, digits, capsys):
    name, folder, _ = trained
    other = {"mlp": logistic_sgd, "logistic_sgd": mlp}[name]
    assert other.main(["--predict", "--dataset", digits, "--out", str(folder)]) == 2
    assert "best_model.npz" in capsys.readouterr().err


def test_damaged_data_file(digits, tmp_path, capsys):
    for path in Path(digits).iterdir():
        content = path.read_bytes()
        (tmp_path / path.name).write_bytes(
            content[: len(content) // 2] if "train-images" in path.name else content
        )
    assert mlp.main(["--dataset", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "train-images-idx3-ubyte.gz" in capsys.readouterr().err
