"""A deep belief network: a deep perceptron whose layers first learn without labels, one after the other, as
restricted Boltzmann machines, and then all together with labels.

Pre-training: each hidden layer is that of a restricted Boltzmann machine (see rbm.py), which learns the
distribution of the output of the layers below by contrastive divergence. Fine-tuning: the layers with a
logistic regression on top learn to classify, by gradient descent on the negative log-likelihood of the
labels.

After the chapter "Deep Belief Networks (DBN)" of the Deep Learning Tutorials (LISA lab); G. Hinton,
S. Osindero and Y. Teh, "A fast learning algorithm for deep belief nets", 2006; Y. Bengio et al., "Greedy
layer-wise training of deep networks", 2007.
"""

import _checkout  # noqa: F401

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import stacked
from graphlib.nn import command_line, training
from graphlib.nn.image_classifiers import show_predictions
from graphlib.nn.image_data import load_shared
from graphlib.nn.progress import say
from graphlib.tensor.random import RandomStreams
from rbm import RBM

#: What takes an afternoon on two cores: a quarter of the chapter's passes, in larger minibatches and steps.
PRESETS = {
    "afternoon": {
        "batch_size": 20,
        "pretraining_rate": 0.05,
        "pretraining_epochs": 25,
        "map_dataset_once": True,
    }
}


class DBN(stacked.StackedNetwork):
    """A deep perceptron with a restricted Boltzmann machine for each hidden layer; see `StackedNetwork`.

    Args:
        numpy_rng: numpy.random.RandomState that draws the initial weights.
        streams: RandomStreams of the Gibbs chains; None for new ones, seeded by `numpy_rng`.
        n_ins: values of an example.
        hidden_layers_sizes: units of each hidden layer.
        n_outs: classes.

    Attributes:
        rbm_layers: the Boltzmann machines, which share W and their hidden bias with the hidden layers.
    """

    def __init__(
        self,
        numpy_rng,
        streams: RandomStreams | None = None,
        n_ins: int = 784,
        hidden_layers_sizes: Sequence[int] = (500, 500),
        n_outs: int = 10,
    ):
        self.streams = RandomStreams(numpy_rng.randint(2**30)) if streams is None else streams
        super().__init__(numpy_rng, n_ins, hidden_layers_sizes, n_outs)
        self.rbm_layers = self.pretrained_layers = [
            RBM(layer.input, n_below, n_hidden, W=layer.W, hbias=layer.b, streams=self.streams)
            for layer, n_below, n_hidden in zip(
                self.sigmoid_layers, self.sizes[:-1], self.sizes[1:], strict=True
            )
        ]

    def pretraining_costs(self, learning_rate, k: int = 1) -> list[tuple[Any, dict]]:
        """(cost, updates) of a step of CD-k of each layer, as functions of the examples `x`."""
        return [rbm.get_cost_updates(learning_rate, persistent=None, k=k) for rbm in self.rbm_layers]


def make_model(n_ins: int, sizes: Sequence[int], n_outs: int) -> DBN:
    """A model with hidden layers of these sizes, to be given trained parameters."""
    return DBN(np.random.RandomState(), None, n_ins, sizes, n_outs)


def predict(path: Path, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(classes (n,), probabilities (n, n_outs)) by the model in a best_model.npz of images x, (n, n_ins)."""
    return stacked.predict(make_model, path, x)


def train(options: argparse.Namespace) -> training.Outcome:
    """Trains as the options of the command line say, and writes the results to the folder `options.out`."""
    say("... loading the data")
    data = load_shared(options.dataset)

    say("... building the model")
    dbn = DBN(
        np.random.RandomState(options.seed),
        n_ins=data.n_in,
        hidden_layers_sizes=options.hidden,
        n_outs=data.n_out,
    )
    return stacked.train(
        dbn,
        partial(dbn.pretraining_costs, options.pretraining_rate, options.k),
        data,
        options,
        patience_epochs=4,
        draws="gibbs",
    )


def make_parser() -> command_line.Parser:
    """The parser of this tutorial's command line."""
    parser = command_line.make_parser(
        __doc__,
        name="DBN",
        epochs=1000,
        batch_size=10,
        learning_rate=0.1,
        seed_of_chapter=123,
        distributes=True,
        examples="\n  {program} --preset afternoon    train with larger minibatches, which is faster",
        files=stacked.FILES,
    )
    _, pretraining = stacked.add_options(parser, pretraining_epochs=100, pretraining_rate=0.01)
    pretraining.add_argument(
        "--k", type=command_line.at_least(1), default=1, metavar="N", help="Gibbs steps for each minibatch"
    )
    parser.add_presets(PRESETS)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the tutorial from `arguments`, or from those of the process, and returns its exit code."""
    return command_line.main(make_parser(), train, {"predict": partial(show_predictions, predict)}, arguments)


if __name__ == "__main__":
    sys.exit(main())
