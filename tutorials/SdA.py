"""A stacked denoising autoencoder: a deep perceptron whose layers first learn without labels, one after the
other, and then all together with them.

Pre-training: each hidden layer is the encoder of a denoising autoencoder (see dA.py), which learns to
reconstruct the output of the layers below from a corrupted copy. Fine-tuning: the layers with a logistic
regression on top learn to classify, by gradient descent on the negative log-likelihood of the labels.

After the chapter "Stacked Denoising Autoencoders (SdA)" of the Deep Learning Tutorials (LISA lab); P. Vincent
et al., "Stacked denoising autoencoders: learning useful representations in a deep network with a local
denoising criterion", 2010.
"""

import _checkout  # noqa: F401

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import graphlib
import graphlib.tensor as T
import stacked
from dA import dA
from graphlib.nn import command_line, training
from graphlib.nn.image_classifiers import show_predictions
from graphlib.nn.image_data import load_shared
from graphlib.nn.minibatches import by_minibatch
from graphlib.nn.progress import say
from graphlib.nn.storage import UserError
from graphlib.tensor.random import RandomStreams

#: What takes less than an afternoon on two cores. The defaults are the chapter's settings, to which this
#: pre-training comes close: a minibatch of 20 makes one step as long as 20 of minibatches of 1 together.
PRESETS = {
    "afternoon": {"batch_size": 20, "pretraining_rate": 0.02, "learning_rate": 1.0, "map_dataset_once": True}
}


class SdA(stacked.StackedNetwork):
    """A deep perceptron with a denoising autoencoder for each hidden layer; see `StackedNetwork`.

    Args:
        numpy_rng: numpy.random.RandomState that draws the initial weights.
        streams: RandomStreams of the corruption; None for new ones, seeded by `numpy_rng`.
        n_ins: values of an example.
        hidden_layers_sizes: units of each hidden layer.
        n_outs: classes.
        corruption_levels: of each layer's autoencoder, in [0, 1].

    Attributes:
        dA_layers: the autoencoders, which share W and b with the hidden layers.
    """

    def __init__(
        self,
        numpy_rng,
        streams: RandomStreams | None = None,
        n_ins: int = 784,
        hidden_layers_sizes: Sequence[int] = (500, 500),
        n_outs: int = 10,
        corruption_levels: Sequence[float] = (0.1, 0.1),
    ):
        if len(corruption_levels) != len(hidden_layers_sizes):
            raise ValueError(
                f"each hidden layer needs a level of corruption: there are {len(hidden_layers_sizes)} layers "
                f"and {len(corruption_levels)} levels"
            )
        self.streams = RandomStreams(numpy_rng.randint(2**30)) if streams is None else streams
        super().__init__(numpy_rng, n_ins, hidden_layers_sizes, n_outs)
        self.corruption_levels = corruption_levels
        self.dA_layers = self.pretrained_layers = [
            dA(
                numpy_rng,
                self.streams,
                layer.input,
                n_visible=n_below,
                n_hidden=n_hidden,
                W=layer.W,
                bhid=layer.b,
            )
            for layer, n_below, n_hidden in zip(
                self.sigmoid_layers, self.sizes[:-1], self.sizes[1:], strict=True
            )
        ]

    def pretraining_costs(self, learning_rate) -> list[tuple[Any, list[tuple]]]:
        """(cost, updates) of each layer's autoencoder, as functions of the examples `x`."""
        return [
            autoencoder.get_cost_updates(corruption, learning_rate)
            for autoencoder, corruption in zip(self.dA_layers, self.corruption_levels, strict=True)
        ]

    def pretraining_functions(self, train_set_x, batch_size: int) -> list[Callable[..., Any]]:
        """A function for each layer: ``pretrain(index)`` trains it on a minibatch and returns the cost.

        Corruption and learning rate may be other ones at each call, ``pretrain(index, corruption=0.4,
        lr=0.01)``; left out they are the layer's level of corruption and 0.1.
        """
        functions = []
        for number, (autoencoder, level) in enumerate(
            zip(self.dA_layers, self.corruption_levels, strict=True), start=1
        ):
            corruption, rate = T.scalar("corruption"), T.scalar("lr")
            cost, updates = autoencoder.get_cost_updates(corruption, rate)
            functions.append(
                by_minibatch(
                    cost,
                    {self.x: train_set_x},
                    batch_size,
                    updates=updates,
                    inputs=[graphlib.In(corruption, value=level), graphlib.In(rate, value=0.1)],
                    name=f"pretrain_{number}",
                )
            )
        return functions


def make_model(n_ins: int, sizes: Sequence[int], n_outs: int) -> SdA:
    """A model with hidden layers of these sizes, to be given trained parameters."""
    return SdA(np.random.RandomState(), None, n_ins, sizes, n_outs, [0.0] * len(sizes))


def predict(path: Path, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(classes (n,), probabilities (n, n_outs)) by the model in a best_model.npz of images x, (n, n_ins)."""
    return stacked.predict(make_model, path, x)


def train(options: argparse.Namespace) -> training.Outcome:
    """Trains as the options of the command line say, and writes the results to the folder `options.out`."""
    if len(options.hidden) != len(options.corruption):
        raise UserError(
            f"--hidden has {len(options.hidden)} layers and --corruption {len(options.corruption)} levels: "
            "give one level a layer"
        )
    say("... loading the data")
    data = load_shared(options.dataset)

    say("... building the model")
    sda = SdA(
        np.random.RandomState(options.seed),
        n_ins=data.n_in,
        hidden_layers_sizes=options.hidden,
        n_outs=data.n_out,
        corruption_levels=options.corruption,
    )
    return stacked.train(
        sda,
        partial(sda.pretraining_costs, options.pretraining_rate),
        data,
        options,
        patience_epochs=10,
        draws="corruption",
    )


def make_parser() -> command_line.Parser:
    """The parser of this tutorial's command line."""
    parser = command_line.make_parser(
        __doc__,
        name="SdA",
        epochs=1000,
        batch_size=1,
        learning_rate=0.1,
        seed_of_chapter=89677,
        distributes=True,
        examples="\n  {program} --preset afternoon    train with larger minibatches, which is faster",
        files=stacked.FILES,
    )
    model, _ = stacked.add_options(parser, pretraining_epochs=15, pretraining_rate=0.001)
    model.add_argument(
        "--corruption",
        type=command_line.fraction,
        nargs="+",
        default=[0.1, 0.2, 0.3],
        metavar="X",
        help="the part of each layer's input that is set to zero in pre-training",
    )
    parser.add_presets(PRESETS)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the tutorial from `arguments`, or from those of the process, and returns its exit code."""
    return command_line.main(make_parser(), train, {"predict": partial(show_predictions, predict)}, arguments)


if __name__ == "__main__":
    sys.exit(main())
