"""A run of the shared training loop with a model in plain NumPy: softmax regression with momentum.

The tests import it, and start it as a program to kill it: ``python numpy_run.py FOLDER EVENT [--resume]``.
"""

import os
import signal
import sys
from pathlib import Path

import numpy as np

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tutorials"))
    import _checkout  # noqa: F401

from graphlib.nn import storage, training
from graphlib.nn.monitors import Patience
from graphlib.nn.stage_monitors import Validation

N_MINIBATCHES, BATCH_SIZE, N_IN, N_OUT = 23, 10, 6, 3


class Shared:
    """The part of a shared variable that the loop uses."""

    def __init__(self, value: np.ndarray):
        self.value = value

    def get_value(self, borrow: bool = False) -> np.ndarray:
        return self.value if borrow else self.value.copy()

    def set_value(self, new_value: np.ndarray, borrow: bool = False) -> None:
        self.value[...] = new_value


class Classifier:
    """Softmax regression; `step` calls `before_step` with the number of minibatches this process has seen."""

    def __init__(self, before_step=lambda seen: None, learning_rate: float = 0.02):
        rng = np.random.default_rng(7)
        self.W = Shared(rng.normal(size=(N_IN, N_OUT)).astype("float32"))
        self.momentum = Shared(np.zeros((N_IN, N_OUT), dtype="float32"))
        truth = rng.normal(size=(N_IN, N_OUT))
        self.x = rng.normal(size=(N_MINIBATCHES * BATCH_SIZE, N_IN)).astype("float32")
        self.y = (self.x @ truth + rng.normal(size=(len(self.x), N_OUT))).argmax(axis=1)
        self.before_step, self.learning_rate, self.seen = before_step, learning_rate, 0

    def step(self, index: int) -> np.ndarray:
        self.before_step(self.seen)
        self.seen += 1
        rows = slice(index * BATCH_SIZE, (index + 1) * BATCH_SIZE)
        x, y = self.x[rows], self.y[rows]
        scores = x @ self.W.value
        p = np.exp(scores - scores.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        cost = -np.log(p[np.arange(len(y)), y]).mean()
        p[np.arange(len(y)), y] -= 1
        self.momentum.value[...] = 0.9 * self.momentum.value - self.learning_rate * (x.T @ p) / len(y)
        self.W.value += self.momentum.value
        return np.asarray(cost)

    def error(self) -> float:
        return float(((self.x @ self.W.value).argmax(axis=1) != self.y).mean())


def run(classifier: Classifier, folder: Path, **options) -> training.Outcome:
    """Trains `classifier` for at most 40 epochs, saving at every validation."""
    stopping = Patience(150)
    settings = {"epochs": 40, "save_seconds": 0.0} | options
    return training.train(
        classifier.step,
        N_MINIBATCHES,
        monitor=Validation(stopping, classifier.error, classifier.error),
        model={"output.W": classifier.W},
        state={"momentum": classifier.momentum},
        folder=folder,
        **settings,
    )


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_at_step(number: int) -> Classifier:
    return Classifier(lambda seen: die() if seen == number else None)


def die_while_saving(number: int) -> Classifier:
    """A classifier whose process is killed when the checkpoint is half written for the `number`th time."""
    save, checkpoints = np.savez, []

    def savez(file, **arrays):
        save(file, **arrays)
        checkpoints.extend(name for name in arrays if name == "progress")
        if len(checkpoints) == number:
            file.truncate(file.tell() // 2)
            file.flush()
            die()

    storage.np.savez = savez
    return Classifier()


EVENTS = {"step": die_at_step, "save": die_while_saving}

if __name__ == "__main__":
    event, number = sys.argv[2].split("=")
    run(EVENTS[event](int(number)), Path(sys.argv[1]), resume="--resume" in sys.argv)
