"""What the tips of the book's chapters ask for, as options of the tutorials: a decaying learning rate,
snapshots and pictures of them, other activations, whitening, other autoencoders.
"""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import dA
import DBN
import graphlib
import graphlib.tensor as T
import lenet
import logistic_sgd
import mlp
import rbm
import SdA
from autoencoder import Autoencoder
from graphlib.datasets.mnist import load
from graphlib.export.trained import of_folder
from graphlib.nn.image_data import load_shared
from graphlib.nn.whitening import Whitening
from tests.tutorials.runs import outcome_of, parameters, tables

FLOATX = graphlib.config.floatX


def arrays_of(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as saved:
        return {name: saved[name] for name in saved.files}


def options_on(digits: str, out: Path, options: str, epochs: int = 4) -> list[str]:
    return [
        "--dataset",
        digits,
        "--batch-size",
        "20",
        "--epochs",
        str(epochs),
        "--out",
        str(out),
        *options.split(),
    ]


# --- a learning rate that decays ---


def test_decaying_rate_against_numpy(digits, tmp_path):
    assert logistic_sgd.main(options_on(digits, tmp_path, "--learning-rate 0.2 --decay 0.5", 3)) == 0
    train = load(digits).train
    W, b = np.zeros((784, 10)), np.zeros(10)
    for epoch in range(3):
        rate = 0.2 / (1 + 0.5 * epoch)
        for first in range(0, 400, 20):
            x, y = train.x[first : first + 20].astype("float64"), train.y[first : first + 20]
            p = np.exp(x @ W + b)
            p /= p.sum(axis=1, keepdims=True)
            p[np.arange(20), y] -= 1
            W, b = W - rate * x.T @ p / 20, b - rate * p.mean(axis=0)
    saved = arrays_of(tmp_path / "checkpoint.npz")
    np.testing.assert_allclose(saved["model/output.W"], W, atol=1e-5)
    np.testing.assert_allclose(saved["model/output.b"], b, atol=1e-5)


@pytest.mark.parametrize(
    ("module", "options"),
    [(mlp, "--hidden 5 --decay 0.3"), (dA, "--hidden 5 --decay 0.3 --corruption 0.2 --untied")],
)
def test_decaying_run_that_is_resumed_ends_as_one_left_alone(digits, tmp_path, module, options):
    options += " --keep-every 2"
    parts, whole = tmp_path / "parts", tmp_path / "whole"
    assert module.main(options_on(digits, parts, options, 1)) == 0
    assert module.main(["--resume", "--epochs", "4", "--out", str(parts)]) == 0
    assert module.main(options_on(digits, whole, options, 4)) == 0
    assert parameters(parts) == parameters(whole)
    assert tables(parts) == tables(whole)
    for name in ("epoch_0002.npz", "epoch_0004.npz"):
        assert (parts / "snapshots" / name).read_bytes() == (whole / "snapshots" / name).read_bytes()
    plain = tmp_path / "plain"
    assert module.main(options_on(digits, plain, options.replace("--decay 0.3", ""), 4)) == 0
    assert parameters(plain) != parameters(whole)


# --- snapshots ---


def test_snapshots_are_the_models_of_their_epochs_and_can_be_drawn(digits, tmp_path, capsys):
    assert mlp.main(options_on(digits, tmp_path, "--hidden 6 --keep-every 2")) == 0
    snapshots = tmp_path / "snapshots"
    assert sorted(path.name for path in snapshots.iterdir()) == ["epoch_0002.npz", "epoch_0004.npz"]
    last = arrays_of(tmp_path / "checkpoint.npz")
    for name, array in arrays_of(snapshots / "epoch_0004.npz").items():
        np.testing.assert_array_equal(array, last[f"model/{name}"])
    two = tmp_path / "two"
    assert mlp.main(options_on(digits, two, "--hidden 6", 2)) == 0
    shorter, kept = arrays_of(two / "checkpoint.npz"), arrays_of(snapshots / "epoch_0002.npz")
    np.testing.assert_array_equal(kept["hidden.W"], shorter["model/hidden.W"])

    before = parameters(tmp_path)
    assert mlp.main(["--draw-snapshots", "--out", str(tmp_path)]) == 0
    assert parameters(tmp_path) == before
    pictures = [snapshots / f"epoch_000{epoch}" / "filters.png" for epoch in (2, 4)]
    frames = [np.asarray(Image.open(path).convert("L")) for path in pictures]
    assert (frames[0] != frames[1]).any()
    with Image.open(snapshots / "filters.gif") as animation:
        assert animation.n_frames == 2
        for number, frame in enumerate(frames):
            animation.seek(number)
            np.testing.assert_array_equal(np.asarray(animation.convert("L")), frame)
    assert str(snapshots / "filters.gif") in capsys.readouterr().out

    # a new run puts the folder of the earlier one aside, with its pictures
    assert mlp.main(options_on(digits, tmp_path, "--hidden 6 --keep-every 1", 1)) == 0
    assert [path.name for path in snapshots.iterdir()] == ["epoch_0001.npz"]
    assert (tmp_path / "previous_snapshots" / "filters.gif").exists()


def test_snapshots_of_several_stages_and_of_pictures_by_epoch(digits, tmp_path):
    stack, boltzmann = tmp_path / "SdA", tmp_path / "rbm"
    options = "--hidden 6 5 --corruption 0.1 0.2 --pretraining-epochs 2 --keep-every 2"
    assert SdA.main(options_on(digits, stack, options, 2)) == 0
    names = [f"stage_{stage}_epoch_0002.npz" for stage in (1, 2, 3)]
    assert sorted(path.name for path in (stack / "snapshots").iterdir()) == names
    assert SdA.main(["--draw-snapshots", "--out", str(stack)]) == 0
    drawn = sorted(str(path.relative_to(stack / "snapshots")) for path in stack.glob("snapshots/*/*.png"))
    assert drawn == ["stage_1_epoch_0002/filters_pretrained.png", "stage_3_epoch_0002/filters.png"]
    assert (
        rbm.main(
            options_on(
                digits, boltzmann, "--hidden 5 --k 1 --chains 2 --samples 1 --plot-every 1 --keep-every 1", 1
            )
        )
        == 0
    )
    assert rbm.main(["--draw-snapshots", "--out", str(boltzmann)]) == 0
    drawn = boltzmann / "snapshots" / "epoch_0001" / "filters_at_epoch_1.png"
    assert drawn.read_bytes() == (boltzmann / "filters_at_epoch_1.png").read_bytes()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--draw-snapshots", "has no snapshots: train with --keep-every N"),
        ("--draw-snapshots --hidden 9", "was trained with --hidden 6, and cannot be used with --hidden 9"),
        ("--keep-every 0", "'0' is not a whole number of at least 1"),
        ("--decay -1", "'-1' is below 0"),
        ("--activation cube", "--activation: invalid choice: 'cube'"),
        ("--whiten yes", "--whiten: invalid choice: 'yes'"),
    ],
)
def test_options_that_cannot_be_used(digits, tmp_path_factory, capsys, options, words):
    folder = tmp_path_factory.getbasetemp() / "without_snapshots"
    if not folder.exists():
        assert mlp.main(options_on(digits, folder, "--hidden 6", 1)) == 0
    capsys.readouterr()
    assert outcome_of(mlp, [*options.split(), "--out", str(folder)]) == 2
    err = capsys.readouterr().err
    assert words in err and err.count("\n") == 1


# --- activations and whitening ---


def reference_whitening(x: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """(mean, matrix) by a singular value decomposition of the centred examples, with ε = 0.1."""
    mean = x.mean(axis=0)
    _, s, Vt = np.linalg.svd(x - mean)
    variances = np.zeros(len(Vt))
    variances[: len(s)] = s**2 / len(x)
    scaled = Vt.T / np.sqrt(variances + 0.1)
    return mean, scaled @ Vt if kind == "zca" else scaled


def test_whitening_makes_values_uncorrelated():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 4)) @ rng.normal(size=(4, 4)) + 3
    for kind in ("pca", "zca"):
        white = Whitening.fit(x, kind, epsilon=1e-12)(x)
        np.testing.assert_allclose(white.mean(axis=0), 0, atol=1e-9)
        np.testing.assert_allclose(white.T @ white / len(x), np.eye(4), atol=1e-9)
        mean, matrix = reference_whitening(x, kind)
        found = Whitening.fit(x, kind)
        signs = np.sign((matrix * found.matrix).sum(axis=0)) if kind == "pca" else 1.0
        np.testing.assert_allclose(found.matrix, matrix * signs, atol=1e-8)
    # of all whitened examples, those of ZCA are the nearest to the centred ones
    distances = [np.linalg.norm(Whitening.fit(x, kind, 1e-12)(x) - (x - mean)) for kind in ("zca", "pca")]
    assert distances[0] < distances[1]
    with pytest.raises(ValueError, match="pca or zca, not 'white'"):
        Whitening.fit(x, "white")
    with pytest.raises(ValueError, match="needs two at least"):
        Whitening.fit(x[:1], "pca")
    with pytest.raises(ValueError, match=r"epsilon is 0\.0, .* needs one above 0"):
        Whitening.fit(x, "zca", 0.0)
    with pytest.raises(ValueError, match=r"x is of int64: .* give x as floats"):
        Whitening.fit(x.astype("int64"), "zca")


@pytest.fixture(scope="module")
def small_digits(tmp_path_factory) -> str:
    """A file of digits of 7 by 7 pixels: 400 to train on, 100 each to validate and test."""
    mnist = load()
    x = np.concatenate([mnist.train.x[:500], mnist.test.x[:100]]).reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4))
    x, y = np.rint(255 * x).astype("uint8"), np.concatenate([mnist.train.y[:500], mnist.test.y[:100]])
    path = tmp_path_factory.mktemp("digits") / "digits.npz"
    np.savez(path, x_train=x[:500], y_train=y[:500], x_test=x[500:], y_test=y[500:])
    return str(path)


def test_whitened_data_of_all_parts_go_through_the_map_of_the_training_images(small_digits):
    data, plain = load_shared(small_digits, "zca"), load(small_digits)
    mean, matrix = reference_whitening(plain.train.x.astype("float64"), "zca")
    for name in ("train", "valid", "test"):
        found = getattr(data, name).x.get_value()
        np.testing.assert_allclose(found, (getattr(plain, name).x - mean) @ matrix, atol=2e-3)


ACTIVATIONS = {"tanh": np.tanh, "sigmoid": lambda z: 1 / (1 + np.exp(-z)), "relu": lambda z: np.maximum(z, 0)}


@pytest.mark.parametrize(("activation", "whiten"), [("relu", "pca"), ("sigmoid", None)])
def test_activation_and_whitening_go_with_the_model(small_digits, tmp_path, capsys, activation, whiten):
    options = f"--hidden 8 --learning-rate 0.05 --activation {activation} "
    assert (
        mlp.main(options_on(small_digits, tmp_path, options + (f"--whiten {whiten}" if whiten else ""))) == 0
    )
    values = arrays_of(tmp_path / "best_model.npz")
    data = load(small_digits)
    x = data.test.x.astype("float64")
    if whiten:
        x = (x - values["about.whitening_mean"]) @ values["about.whitening_matrix"]
    hidden = ACTIVATIONS[activation](x @ values["hidden.W"] + values["hidden.b"])
    scores = hidden @ values["output.W"] + values["output.b"]
    wrong = np.flatnonzero(scores.argmax(axis=1) != data.test.y)
    with open(tmp_path / "learning_curve.csv", newline="") as file:
        measured = [
            float(row["test_error_percent"]) for row in csv.DictReader(file) if row["test_error_percent"]
        ]
    assert measured[-1] == pytest.approx(100 * len(wrong) / len(x))
    capsys.readouterr()
    assert mlp.main(["--predict", "--out", str(tmp_path)]) == 0
    assert f"Wrong: {len(wrong)} of {len(x)}" in capsys.readouterr().out
    exported = of_folder(tmp_path).functions["predict"](data.test.x)["label"]
    np.testing.assert_array_equal(exported, scores.argmax(axis=1))


def test_lenet_takes_images_only(capsys):
    assert outcome_of(lenet, ["--whiten", "pca"]) == 2
    assert "--whiten: invalid choice: 'pca'" in capsys.readouterr().err


def test_sigmoid_units_begin_four_times_as_wide():
    layers = [
        mlp.MLP(np.random.RandomState(0), T.matrix(), 6, 4, 3, activation=a).hidden_layer
        for a in (T.tanh, T.nnet.sigmoid)
    ]
    np.testing.assert_allclose(layers[1].W.get_value(), 4 * layers[0].W.get_value(), rtol=1e-6)


# --- autoencoders ---


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


@pytest.mark.parametrize("cost", ["cross-entropy", "squared-error"])
def test_untied_autoencoder_by_finite_differences(cost):
    rng = np.random.default_rng(5)
    model = Autoencoder(np.random.RandomState(3), n_visible=6, n_hidden=4, tied=False, cost=cost)
    assert [p.name for p in model.params] == ["W", "b", "b_prime", "W_prime"]
    assert model.W_prime.get_value().shape == (4, 6)
    values = [rng.normal(scale=0.7, size=p.get_value().shape).astype(FLOATX) for p in model.params]
    for param, value in zip(model.params, values, strict=True):
        param.set_value(value)
    x = rng.uniform(size=(8, 6)).astype(FLOATX)

    def cost_of(W, b, b_prime, W_prime):
        z = sigmoid(sigmoid(x @ W + b) @ W_prime + b_prime)
        each = (x - z) ** 2 if cost == "squared-error" else -(x * np.log(z) + (1 - x) * np.log(1 - z))
        return each.sum(axis=1).mean()

    z = model.get_reconstructed_input(model.get_hidden_values(model.x))
    symbolic = T.mean(model.reconstruction_error(z))
    found, *gradients = graphlib.function([model.x], [symbolic, *T.grad(symbolic, model.params)])(x)
    values = [value.astype("float64") for value in values]
    np.testing.assert_allclose(found, cost_of(*values), rtol=1e-5)
    for number, gradient in enumerate(gradients):
        for place in np.ndindex(gradient.shape):
            moved = [[each.copy() for each in values] for _ in range(2)]
            moved[0][number][place] += 1e-5
            moved[1][number][place] -= 1e-5
            slope = (cost_of(*moved[0]) - cost_of(*moved[1])) / 2e-5
            assert gradient[place] == pytest.approx(slope, rel=1e-3, abs=1e-5)
    with pytest.raises(ValueError, match="cost is one of cross-entropy, squared-error, not 'hinge'"):
        Autoencoder(np.random.RandomState(0), cost="hinge")


def test_a_deep_network_without_pretraining(digits, tmp_path):
    assert DBN.main(options_on(digits, tmp_path, "--hidden 6 5 --pretraining-epochs 0", 1)) == 0
    with open(tmp_path / "learning_curve.csv", newline="") as file:
        columns = csv.DictReader(file).fieldnames
    assert "training_cost" in columns
    assert "layer_1_cost" not in columns
    assert not (tmp_path / "filters_pretrained.png").exists()


def test_corruption_and_rate_of_pretraining_may_be_others_at_each_call():
    rng = np.random.default_rng(1)
    x = graphlib.shared(rng.uniform(size=(40, 6)).astype(FLOATX), name="train_x")
    sda = SdA.SdA(np.random.RandomState(2), None, 6, [5, 4], 3, [0.0, 0.0])
    pretrain = sda.pretraining_functions(x, batch_size=20)
    assert len(pretrain) == 2
    W = sda.dA_layers[0].W
    start = W.get_value()
    # a rate of 0 moves nothing, and tells the cost
    cost = pretrain[0](1, lr=0.0)
    np.testing.assert_array_equal(W.get_value(), start)
    y = sigmoid(x.get_value()[20:] @ start + sda.dA_layers[0].b.get_value())
    z = sigmoid(y @ start.T)
    values = x.get_value()[20:]
    expected = -(values * np.log(z) + (1 - values) * np.log(1 - z)).sum(axis=1).mean()
    np.testing.assert_allclose(cost, expected, rtol=1e-5)
    # all corrupted: the code is that of zeros, and the gradient by W only that of the decoder
    half = sigmoid(np.zeros((20, 5)))
    z = sigmoid(half @ start.T)
    np.testing.assert_allclose(
        pretrain[0](1, corruption=1.0, lr=0.0),
        -(values * np.log(z) + (1 - values) * np.log(1 - z)).sum(axis=1).mean(),
        rtol=1e-5,
    )
    pretrain[0](1, lr=0.5)
    moved = W.get_value() - start
    W.set_value(start)
    sda.dA_layers[0].b.set_value(np.zeros(5, FLOATX))
    sda.dA_layers[0].b_prime.set_value(np.zeros(6, FLOATX))
    pretrain[0](1)  # the default rate is 0.1
    np.testing.assert_allclose(5 * (W.get_value() - start), moved, rtol=1e-3, atol=1e-6)
