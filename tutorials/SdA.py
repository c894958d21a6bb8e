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
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import classification
import command_line
import graphlib
import graphlib.tensor as T
import training
from autoencoder import illustration
from dA import dA
from data.mnist import CLASSES, PIXELS
from graphlib.tensor.random import RandomStreams
from logistic_sgd import LogisticRegression
from mlp import HiddenLayer
from storage import UserError

#: What takes an afternoon on two cores, and comes close to the chapter's settings, which are the defaults:
#: a minibatch of 20 makes one step where 20 minibatches of 1 make 20 steps that together are as long.
PRESETS = {"afternoon": {"batch_size": 20, "pretraining_rate": 0.02, "map_dataset_once": True}}


class SdA:
    """A deep perceptron of sigmoid units below a logistic regression, with an autoencoder for each layer.

    Args:
        numpy_rng: numpy.random.RandomState that draws the initial weights.
        streams: RandomStreams of the corruption; None for new ones, seeded by `numpy_rng`.
        n_ins: values of an example.
        hidden_layers_sizes: units of each hidden layer.
        n_outs: classes.
        corruption_levels: of each layer's autoencoder, in [0, 1].

    Attributes:
        x, y: the symbolic examples (n, n_ins) and their classes (n,), an int32 vector.
        sigmoid_layers, dA_layers: the hidden layers and their autoencoders, which share W and b.
        logLayer: the logistic regression.
        params: those that fine-tuning trains.
        finetune_cost: the mean negative log-likelihood of `y`.
        errors: function of symbolic classes, the fraction that is predicted wrong.
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
        if not hidden_layers_sizes or len(corruption_levels) != len(hidden_layers_sizes):
            raise ValueError(
                f"each hidden layer needs a level of corruption: there are {len(hidden_layers_sizes)} layers "
                f"and {len(corruption_levels)} levels"
            )
        self.streams = RandomStreams(numpy_rng.randint(2**30)) if streams is None else streams
        self.corruption_levels = corruption_levels
        self.x = self.input = T.matrix("x")
        self.y = T.ivector("y")
        self.sigmoid_layers, self.dA_layers, self.params = [], [], []
        below, n_below = self.x, n_ins
        for n_hidden in hidden_layers_sizes:
            layer = HiddenLayer(numpy_rng, below, n_below, n_hidden, activation=T.nnet.sigmoid)
            self.dA_layers.append(
                dA(
                    numpy_rng,
                    self.streams,
                    below,
                    n_visible=n_below,
                    n_hidden=n_hidden,
                    W=layer.W,
                    bhid=layer.b,
                )
            )
            self.sigmoid_layers.append(layer)
            self.params += layer.params
            below, n_below = layer.output, n_hidden
        self.logLayer = LogisticRegression(below, n_in=n_below, n_out=n_outs)
        self.params += self.logLayer.params
        self.p_y_given_x, self.y_pred = self.logLayer.p_y_given_x, self.logLayer.y_pred
        self.finetune_cost = self.logLayer.negative_log_likelihood(self.y)
        self.errors = self.logLayer.errors

    def pretraining_costs(self, learning_rate) -> list[tuple[Any, list[tuple]]]:
        """(cost, updates) of each layer's autoencoder, as functions of the examples `x`."""
        return [
            autoencoder.get_cost_updates(corruption, learning_rate)
            for autoencoder, corruption in zip(self.dA_layers, self.corruption_levels, strict=True)
        ]

    def mapped(self, number: int, examples, chunk: int = 1000):
        """What layer `number` (from 0) is given for the shared `examples`, (size, n_ins), as the layers below
        are now: a shared matrix.
        """
        if number == 0:
            return examples
        values = examples.get_value(borrow=True)
        layers_below = graphlib.function([self.x], self.dA_layers[number].x, name="map_dataset")
        output = np.empty((len(values), self.dA_layers[number].n_visible), dtype=values.dtype)
        for first in range(0, len(values), chunk):
            output[first : first + chunk] = layers_below(values[first : first + chunk])
        return graphlib.shared(output, name=f"{examples.name}_below_layer_{number + 1}", borrow=True)


def parameters_of(sda: SdA) -> dict:
    """The parameters under the names they have in best_model.npz."""
    layers = {f"layer_{number}": layer for number, layer in enumerate(sda.dA_layers, start=1)}
    return training.named_parameters(**layers, output=sda.logLayer)


def load_model(path: Path) -> SdA:
    """The trained model of a best_model.npz, as a function of its symbolic `x`."""
    arrays = classification.load_parameters(path, "layer_1.b")
    sizes = [
        arrays[name].size for name in sorted(arrays) if name.startswith("layer_") and name.endswith(".b")
    ]
    sda = SdA(np.random.RandomState(), None, PIXELS, sizes, CLASSES, [0.0] * len(sizes))
    training.set_values(parameters_of(sda), arrays, path)
    return sda


def predict(path: Path, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(classes (n,), probabilities (n, 10)) by the model in a best_model.npz of images x, floatX (n, 784)."""
    sda = load_model(path)
    return graphlib.function([sda.x], [sda.y_pred, sda.p_y_given_x])(x)


def pretraining_stages(sda: SdA, train_set: classification.SharedSet, options) -> Iterator[training.Stage]:
    """A stage for each layer's autoencoder; compiles when it starts, when the layers below are trained."""
    index = T.lscalar("index")
    rows = slice(index * options.batch_size, (index + 1) * options.batch_size)

    def compiled(number: int, cost, updates) -> Callable[[int], Any]:
        if options.map_dataset_once:
            below, examples = sda.dA_layers[number].x, sda.mapped(number, train_set.x)
        else:
            below, examples = sda.x, train_set.x
        return graphlib.function(
            [index], cost, updates=updates, givens={below: examples[rows]}, name=f"pretrain_{number + 1}"
        )

    for number, (cost, updates) in enumerate(sda.pretraining_costs(options.pretraining_rate)):
        yield training.Stage(
            start=partial(compiled, number, cost, updates),
            n_minibatches=classification.count_minibatches(train_set, options.batch_size),
            epochs=options.pretraining_epochs,
            monitor=training.EveryEpoch(
                column=f"layer_{number + 1}_cost", panel=f"pre-training cost of layer {number + 1}"
            ),
            name=f"pre-training layer {number + 1}",
            illustrate=illustration(options, "filters_pretrained.png", "layer_1.W") if number == 0 else None,
        )


def finetuning_stage(sda: SdA, sets: Sequence[classification.SharedSet], options) -> training.Stage:
    """The stage that trains all layers with the labels; `sets` are those to train, validate and test with."""
    train_set, valid_set, test_set = sets
    batch_size = options.batch_size
    n_train_batches = classification.count_minibatches(train_set, batch_size)

    def compiled() -> Callable[[int], Any]:
        index = T.lscalar("index")
        rows = slice(index * batch_size, (index + 1) * batch_size)
        gradients = T.grad(sda.finetune_cost, sda.params)
        return graphlib.function(
            [index],
            sda.finetune_cost,
            updates=[
                (param, param - options.learning_rate * gradient)
                for param, gradient in zip(sda.params, gradients, strict=True)
            ],
            givens={sda.x: train_set.x[rows], sda.y: train_set.y[rows]},
            name="finetune",
        )

    return training.Stage(
        start=compiled,
        n_minibatches=n_train_batches,
        epochs=options.epochs,
        monitor=training.Validation(
            training.EarlyStopping(
                patience=10 * n_train_batches, patience_increase=2, improvement_threshold=0.995
            ),
            classification.mean_error(sda, sda.y, valid_set, batch_size, name="validate_model"),
            classification.mean_error(sda, sda.y, test_set, batch_size, name="test_model"),
        ),
        name="fine-tuning",
        illustrate=illustration(options, "filters.png", "layer_1.W"),
    )


def train(options: argparse.Namespace) -> training.Outcome:
    """Trains as the options of the command line say, and writes the results to the folder `options.out`."""
    if len(options.hidden) != len(options.corruption):
        raise UserError(
            f"--hidden has {len(options.hidden)} layers and --corruption {len(options.corruption)} levels: "
            "give one level a layer"
        )
    training.say("... loading the data")
    sets = classification.load_shared(options.dataset)

    training.say("... building the model")
    sda = SdA(
        np.random.RandomState(options.seed),
        n_ins=PIXELS,
        hidden_layers_sizes=options.hidden,
        n_outs=CLASSES,
        corruption_levels=options.corruption,
    )
    stages = [*pretraining_stages(sda, sets[0], options), finetuning_stage(sda, sets, options)]

    training.say("... training")
    return training.train_stages(
        stages,
        model=parameters_of(sda),
        state=training.random_states(corruption=sda.streams),
        folder=options.out,
        settings=command_line.settings_of(options),
        resume=options.resume,
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
        examples="\n  {program} --preset afternoon    train with larger minibatches, which is faster",
        files="best_model.npz (the parameters that were best in validation), model.npz (the pre-trained "
        "ones), filters_pretrained.png and filters.png (what the first hundred units of the first layer look "
        "for, before and after fine-tuning)",
    )
    model = parser.add_argument_group("the model")
    model.add_argument(
        "--hidden",
        type=command_line.at_least(1),
        nargs="+",
        default=[1000, 1000, 1000],
        metavar="N",
        help="units of each hidden layer",
    )
    model.add_argument(
        "--corruption",
        type=command_line.fraction,
        nargs="+",
        default=[0.1, 0.2, 0.3],
        metavar="X",
        help="the part of each layer's input that is set to zero in pre-training",
    )
    pretraining = parser.add_argument_group("pre-training (--epochs and --learning-rate are of fine-tuning)")
    pretraining.add_argument(
        "--pretraining-epochs",
        type=command_line.at_least(1),
        default=15,
        metavar="N",
        help="passes over the data for each layer",
    )
    pretraining.add_argument(
        "--pretraining-rate",
        type=command_line.above_zero,
        default=0.001,
        metavar="X",
        help="step of the descent",
    )
    pretraining.add_argument(
        "--map-dataset-once",
        action="store_true",
        help="compute what the layers below give for all examples once, before a layer's pre-training, in "
        "place of at each minibatch; takes 200 MB for a layer of 1000",
    )
    parser.add_presets(PRESETS)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the tutorial from `arguments`, or from those of the process, and returns its exit code."""
    return command_line.main(
        make_parser(), train, {"predict": partial(classification.show_predictions, predict)}, arguments
    )


if __name__ == "__main__":
    sys.exit(main())
