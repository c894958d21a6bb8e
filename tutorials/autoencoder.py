"""The autoencoder, which the denoising and the contractive autoencoder are variants of.

After section 4.6 of Y. Bengio, "Learning deep architectures for AI", 2009.
"""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

import graphlib
import graphlib.tensor as T
from graphlib.datasets.mnist import IMAGE_SHAPE
from graphlib.distributed import gradients
from graphlib.nn import command_line, images
from mlp import HiddenLayer

SHOWN = 100  # filters in a picture, as in the chapters
COSTS = ("cross-entropy", "squared-error")


class Autoencoder:
    """Encodes an example x as y = s(x W + b), and decodes that to z = s(y W' + b'), where W' = W transposed.

    s is the logistic function, and so the values of an example should lie in [0, 1].

    Args:
        numpy_rng: numpy.random.RandomState that draws the weights.
        input: symbolic matrix, a row an example, (n, n_visible); None for a new one, which is `x` then.
        n_visible: values of an example.
        n_hidden: hidden units.
        tied: whether W' is W transposed; otherwise it is a parameter of its own, which starts like W.
        cost: "cross-entropy", or "squared-error".
        W, bhid, bvis: shared parameters (n_visible, n_hidden), (n_hidden,) and (n_visible,) to use in place
            of new ones; a stacked autoencoder shares W and bhid with a perceptron's layer.

    Attributes:
        x: the input.
        W, b, b_prime, W_prime: the parameters, and the decoder's weights, (n_hidden, n_visible).
        params: [W, b, b_prime], and W_prime if it is not tied.
    """

    def __init__(
        self,
        numpy_rng,
        input=None,
        n_visible: int = 784,
        n_hidden: int = 500,
        W=None,
        bhid=None,
        bvis=None,
        tied: bool = True,
        cost: str = "cross-entropy",
    ):
        if cost not in COSTS:
            raise ValueError(f"cost is one of {', '.join(COSTS)}, not {cost!r}")
        self.x = T.matrix("input") if input is None else input
        encoder = HiddenLayer(numpy_rng, self.x, n_visible, n_hidden, W=W, b=bhid, activation=T.nnet.sigmoid)
        if bvis is None:
            bvis = graphlib.shared(np.zeros(n_visible, dtype=graphlib.config.floatX), name="b_prime")
        self.n_visible, self.n_hidden = n_visible, n_hidden
        self.W, self.b, self.b_prime = encoder.W, encoder.b, bvis
        self.cost = cost
        self.params = [self.W, self.b, self.b_prime]
        if tied:
            self.W_prime = self.W.T
        else:
            # drawn after W: which is the same with and without
            decoder = HiddenLayer(numpy_rng, self.x, n_hidden, n_visible, b=bvis, activation=T.nnet.sigmoid)
            self.W_prime = decoder.W
            self.W_prime.name = "W_prime"
            self.params.append(self.W_prime)

    def get_hidden_values(self, input):
        """The code of the examples `input` (n, n_visible): (n, n_hidden), values between 0 and 1."""
        return T.nnet.sigmoid(T.dot(input, self.W) + self.b)

    def get_reconstructed_input(self, hidden):
        """What the codes `hidden` (n, n_hidden) decode to: (n, n_visible), values between 0 and 1."""
        return T.nnet.sigmoid(T.dot(hidden, self.W_prime) + self.b_prime)

    def reconstruction_error(self, z):
        """What is between each example of the input and its reconstruction `z`, (n,): their cross-entropy, in
        nats, or the sum of the squared differences.
        """
        if self.cost == "squared-error":
            return T.sum((self.x - z) ** 2, axis=1)
        return -T.sum(self.x * T.log(z) + (1 - self.x) * T.log(1 - z), axis=1)

    def descend(self, cost, learning_rate) -> list[tuple]:
        """The updates that make one step down the gradient of `cost`."""
        steps = gradients(cost, self.params)
        return [(p, p - learning_rate * g) for p, g in zip(self.params, steps, strict=True)]


def save_filters(path: Path, W: np.ndarray, image_shape: tuple[int, int] = IMAGE_SHAPE) -> None:
    """Draws what the first hundred hidden units look for; W has shape (pixels, n_hidden)."""
    images.save_filters(path, W.T[:SHOWN], image_shape)


def illustration(name: str, weights: str, image_shape: tuple[int, int]) -> Callable[[Mapping, Path], None]:
    """What a training stage draws: the filters of the kept parameter `weights`, into the file `name`."""
    return lambda kept, folder: save_filters(folder / name, kept[weights], image_shape)


def make_parser(description: str, name: str, pictures: str, **defaults) -> tuple:
    """(the parser of a program that trains an autoencoder, the group of its options on the model): --hidden,
    --untied, --cost and those that all programs have.

    Args:
        name, defaults: as of `command_line.make_parser`.
        pictures: the files that it draws, and what they show.
    """
    parser = command_line.make_parser(
        description,
        name=name,
        seed_of_chapter=123,
        predicts=False,
        distributes=True,
        files=f"model.npz (the parameters after the last epoch), {pictures}",
        **defaults,
    )
    model = parser.add_argument_group("the model")
    model.add_argument(
        "--hidden", type=command_line.at_least(1), default=500, metavar="N", help="hidden units"
    )
    model.add_argument(
        "--untied",
        action="store_true",
        help="give the decoder weights of its own, in place of the encoder's transposed",
    )
    model.add_argument(
        "--cost",
        choices=COSTS,
        default="cross-entropy",
        help="what a reconstruction is held against its example by, summed over the values",
    )
    return parser, model


def settings(options: argparse.Namespace, n_visible: int) -> dict:
    """The arguments of an `Autoencoder` that its options stand for, for examples of so many values."""
    return {
        "input": T.matrix("x"),
        "n_visible": n_visible,
        "n_hidden": options.hidden,
        "tied": not options.untied,
        "cost": options.cost,
    }
