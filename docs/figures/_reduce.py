"""What is kept of the large files of a run for the figures, called by docs/runs.yaml:

    python -m docs.figures._reduce KIND RUN KEPT

RUN is the folder of a finished run and KEPT the one in docs/runs.
"""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import numpy as np

from graphlib.datasets import mnist
from graphlib.nn.images import scale_to_unit_interval
from graphlib.nn.storage import load_arrays, save_arrays

#: filters in a picture
SHOWN = 64
#: the epochs of an animation
FRAMES = (1, 2, 3, 5, 8, 11, 15)


def as_pictures(weights: np.ndarray, count: int = SHOWN) -> np.ndarray:
    """The first columns of a matrix of weights, each scaled by itself to 0 to 255: uint8, a row each."""
    return np.array([np.rint(255 * scale_to_unit_interval(w)) for w in weights.T[:count]], dtype="uint8")


def moved(x: np.ndarray, columns: int) -> np.ndarray:
    """The images `x`, (n, 784), so many pixels further to the right."""
    images = np.zeros((len(x), 28, 28), x.dtype)
    images[:, :, columns:] = x.reshape(-1, 28, 28)[:, :, : 28 - columns]
    return images.reshape(-1, 784)


def predictions(program: str, run: Path, kept: Path) -> None:
    """predictions.npz: which test images the model gets wrong, and how many of those that are moved."""
    sys.path.insert(0, "tutorials")
    predict = importlib.import_module(program).predict
    test, model = mnist.load().test, run / "best_model.npz"
    taken, _ = predict(model, test.x)
    wrong = np.flatnonzero(taken != test.y)
    by_shift = [np.mean(predict(model, moved(test.x, n))[0] != test.y) for n in range(6)]
    found = {"wrong": wrong, "taken_for": taken[wrong], "error_by_shift": np.array(by_shift)}
    save_arrays(kept / "predictions.npz", found)


def perceptron(run: Path, kept: Path) -> None:
    """filters.npz: those of the first hidden units; predictions.npz."""
    predictions("mlp", run, kept)
    save_arrays(
        kept / "filters.npz", {"hidden": as_pictures(load_arrays(run / "best_model.npz")["hidden.W"])}
    )


def convolution(run: Path, kept: Path) -> None:
    """layers.npz: the parameters of the two convolutional layers, in half precision; predictions.npz."""
    predictions("lenet", run, kept)
    arrays = load_arrays(run / "best_model.npz")
    convolutions = {
        name: a.astype("float16") for name, a in arrays.items() if name.startswith("convolution_")
    }
    save_arrays(kept / "layers.npz", convolutions)


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def denoising(run: Path, kept: Path) -> None:
    """frames.npz: filters by epoch, of each level of corruption; reconstructions.npz: of ten test images."""
    frames = {}
    for path in sorted((run / "snapshots").glob("stage_*.npz")):
        stage, epoch = map(int, re.findall(r"\d+", path.stem))
        if epoch not in FRAMES:
            continue
        arrays = load_arrays(path)
        name = sorted(n for n in arrays if n.endswith(".W"))[stage - 1]
        frames[f"{name.removesuffix('.W')}.{epoch:02}"] = as_pictures(arrays[name], 36)
    save_arrays(kept / "frames.npz", frames)

    test = mnist.load().test
    x = np.stack([test.x[np.flatnonzero(test.y == digit)[2]] for digit in range(10)])
    corrupted = x * (np.random.RandomState(1).uniform(size=x.shape) >= 0.3)
    shown = {"examples": x, "corrupted": corrupted}
    model = load_arrays(run / "model.npz")
    for name in {n.partition(".")[0] for n in model}:
        W, b, b_prime = (model[f"{name}.{part}"] for part in ("W", "b", "b_prime"))
        shown[name] = sigmoid(sigmoid(corrupted @ W + b) @ W.T + b_prime)
    rounded = {name: np.rint(255 * a).astype("uint8") for name, a in shown.items()}
    save_arrays(kept / "reconstructions.npz", rounded)


def contractive(run: Path, kept: Path) -> None:
    """filters.npz: those of the first hidden units."""
    save_arrays(
        kept / "filters.npz", {"hidden": as_pictures(load_arrays(run / "model.npz")["autoencoder.W"])}
    )


def stack(run: Path, kept: Path) -> None:
    """filters.npz: those of the first layer before and after fine-tuning."""
    before, after = (load_arrays(run / name)["layer_1.W"] for name in ("model.npz", "best_model.npz"))
    save_arrays(kept / "filters.npz", {"before": as_pictures(before, 36), "after": as_pictures(after, 36)})


KINDS = {each.__name__: each for each in (perceptron, convolution, denoising, contractive, stack)}

if __name__ == "__main__":
    _, kind, run, kept = sys.argv
    KINDS[kind](Path(run), Path(kept))
