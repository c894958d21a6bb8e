"""What the tutorials share that train a deep perceptron in two parts: each hidden layer first learns without
labels from the output of the layers below, as a model of its own that has the layer's weights; then all
layers learn together, with a logistic regression on top, to classify.

The two tutorials are SdA.py, whose layers are denoising autoencoders, and DBN.py, whose layers are restricted
Boltzmann machines.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import graphlib
import graphlib.tensor as T
from autoencoder import illustration
from graphlib.distributed import in_parts
from graphlib.nn import command_line, training
from graphlib.nn.image_data import SharedData
from graphlib.nn.minibatches import by_minibatch, count_minibatches, descent, validation
from graphlib.nn.progress import say
from graphlib.nn.run_folder import load_parameters, matrix_shape
from graphlib.nn.stage_monitors import EveryEpoch
from graphlib.nn.variables import named_parameters, random_states, set_model
from logistic_sgd import LogisticRegression
from mlp import HiddenLayer


class StackedNetwork:
    """A deep perceptron of sigmoid units below a logistic regression.

    Args:
        numpy_rng: numpy.random.RandomState that draws the initial weights.
        n_ins: values of an example.
        hidden_layers_sizes: units of each hidden layer.
        n_outs: classes.

    Attributes:
        x, y: the symbolic examples (n, n_ins) and their classes (n,), an int32 vector.
        sigmoid_layers: the hidden layers.
        pretrained_layers: for each of them the model that it is pre-trained as; a subclass sets it.
        streams: what their random numbers are drawn from; a subclass sets it.
        logLayer: the logistic regression.
        params: those that fine-tuning trains.
        finetune_cost: the mean negative log-likelihood of `y`.
        errors: function of symbolic classes, the fraction that is predicted wrong.
    """

    pretrained_layers: Sequence[Any]
    streams: Any

    def __init__(self, numpy_rng, n_ins: int, hidden_layers_sizes: Sequence[int], n_outs: int):
        if not hidden_layers_sizes:
            raise ValueError("hidden_layers_sizes is empty, and there must be one hidden layer at least")
        self.x = self.input = T.matrix("x")
        self.y = T.ivector("y")
        self.sizes = [n_ins, *hidden_layers_sizes]
        self.sigmoid_layers, self.params = [], []
        below = self.x
        for n_below, n_hidden in zip(self.sizes, self.sizes[1:], strict=False):
            layer = HiddenLayer(numpy_rng, below, n_below, n_hidden, activation=T.nnet.sigmoid)
            self.sigmoid_layers.append(layer)
            self.params += layer.params
            below = layer.output
        self.logLayer = LogisticRegression(below, n_in=self.sizes[-1], n_out=n_outs)
        self.params += self.logLayer.params
        self.p_y_given_x, self.y_pred = self.logLayer.p_y_given_x, self.logLayer.y_pred
        self.finetune_cost = self.logLayer.negative_log_likelihood(self.y)
        self.errors = self.logLayer.errors

    def mapped(self, number: int, examples, chunk: int = 1000):
        """What layer `number` (from 0) is given for the shared `examples`, (size, n_ins), as the layers below
        are now: a shared matrix.
        """
        if number == 0:
            return examples
        values = examples.get_value(borrow=True)
        layers_below = graphlib.function([self.x], self.sigmoid_layers[number].input, name="map_dataset")
        output = np.empty((len(values), self.sizes[number]), dtype=values.dtype)
        for first in range(0, len(values), chunk):
            output[first : first + chunk] = layers_below(values[first : first + chunk])
        return graphlib.shared(output, name=f"{examples.name}_below_layer_{number + 1}", borrow=True)


def parameters_of(network: StackedNetwork) -> dict:
    """The parameters under the names they have in best_model.npz."""
    layers = {f"layer_{number}": layer for number, layer in enumerate(network.pretrained_layers, start=1)}
    return named_parameters(**layers, output=network.logLayer)


#: Makes a new network of so many inputs, of the sizes of its hidden layers, and of so many outputs.
Maker = Callable[[int, Sequence[int], int], StackedNetwork]


def load_model(make: Maker, path: Path) -> StackedNetwork:
    """The trained model of a best_model.npz."""
    arrays = load_parameters(path, "layer_1.W", "output.W")
    sizes = [
        array.size for name, array in arrays.items() if name.startswith("layer_") and name.endswith(".b")
    ]
    n_ins, _ = matrix_shape(path, arrays, "layer_1.W")
    _, n_outs = matrix_shape(path, arrays, "output.W")
    network = make(n_ins, sizes, n_outs)
    set_model(parameters_of(network), arrays, path)
    return network


def predict(make: Maker, path: Path, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(classes (n,), probabilities (n, n_outs)) by the model in a best_model.npz of images x, (n, n_ins)."""
    network = load_model(make, path)
    return graphlib.function([network.x], [network.y_pred, network.p_y_given_x])(x)


def pretraining_stages(
    network: StackedNetwork,
    costs: Sequence[tuple[Any, Any]],
    data: SharedData,
    options: argparse.Namespace,
) -> Iterator[training.Stage]:
    """A stage for each layer, which trains by its (cost, updates) in `costs`, functions of the examples `x`.

    It compiles when it starts, when the layers below are trained.
    """
    train_set = data.train

    def compiled(number: int, cost, updates) -> Callable[[int], Any]:
        if options.map_dataset_once:
            below, examples = network.sigmoid_layers[number].input, network.mapped(number, train_set.x)
        else:
            below, examples = network.x, train_set.x
        return by_minibatch(
            cost,
            {below: examples},
            options.batch_size,
            updates=updates,
            name=f"pretrain_{number + 1}",
            parallel=command_line.parallel_of(options),
        )

    for number, (cost, updates) in enumerate(costs):
        yield training.Stage(
            start=partial(compiled, number, cost, updates),
            n_minibatches=count_minibatches(train_set, options.batch_size),
            epochs=options.pretraining_epochs,
            monitor=EveryEpoch(
                column=f"layer_{number + 1}_cost", panel=f"pre-training cost of layer {number + 1}"
            ),
            name=f"pre-training layer {number + 1}",
            illustrate=None
            if number
            else illustration("filters_pretrained.png", "layer_1.W", data.image_shape),
        )


def finetuning_stage(
    network: StackedNetwork,
    data: SharedData,
    options: argparse.Namespace,
    patience_epochs: int,
) -> training.Stage:
    """The stage that trains all layers with the labels.

    It goes on for `patience_epochs` at least, and for twice as long as it took to the best validation.
    """
    train_set, valid_set, test_set = data.train, data.valid, data.test
    parallel = command_line.parallel_of(options)
    rate = command_line.learning_rate_of(options)
    batch_size = options.batch_size
    n_train_batches = count_minibatches(train_set, batch_size)
    return training.Stage(
        start=partial(
            descent,
            network,
            network.finetune_cost,
            network.y,
            train_set,
            batch_size,
            rate.value,
            name="finetune",
            parallel=parallel,
        ),
        n_minibatches=n_train_batches,
        epochs=options.epochs,
        monitor=validation(
            network, network.y, valid_set, test_set, batch_size, patience_epochs * n_train_batches, parallel
        ),
        name="fine-tuning",
        begin_epoch=rate.begin_epoch,
        illustrate=illustration("filters.png", "layer_1.W", data.image_shape),
    )


def train(
    network: StackedNetwork,
    pretraining_costs: Callable[[], Sequence[tuple[Any, Any]]],
    data: SharedData,
    options: argparse.Namespace,
    patience_epochs: int,
    draws: str,
) -> training.Outcome:
    """Pre-trains the layers by their (cost, updates), which `pretraining_costs` makes, and fine-tunes;
    `draws`: what a checkpoint calls the states of ``network.streams``."""
    with in_parts(command_line.parallel_of(options).part_of_each(options.batch_size)):
        costs = pretraining_costs()
    stages = [finetuning_stage(network, data, options, patience_epochs)]
    if options.pretraining_epochs:
        stages = [*pretraining_stages(network, costs, data, options), *stages]
    say("... training")
    return training.train_stages(
        stages,
        model=parameters_of(network),
        state=random_states(**{draws: network.streams}),
        data=data.provenance,
        **command_line.run_of(options),
    )


def add_options(
    parser: command_line.Parser, pretraining_epochs: int, pretraining_rate: float
) -> tuple[argparse._ArgumentGroup, argparse._ArgumentGroup]:
    """Adds the options of such a network; returns the groups of the model and of its pre-training."""
    model = parser.add_argument_group("the model")
    model.add_argument(
        "--hidden",
        type=command_line.at_least(1),
        nargs="+",
        default=[1000, 1000, 1000],
        metavar="N",
        help="units of each hidden layer",
    )
    pretraining = parser.add_argument_group(
        "pre-training (--epochs, --learning-rate and --decay are of fine-tuning)"
    )
    pretraining.add_argument(
        "--pretraining-epochs",
        type=command_line.at_least(0),
        default=pretraining_epochs,
        metavar="N",
        help="passes over the data for each layer; 0 for none, which is a deep perceptron to compare with",
    )
    pretraining.add_argument(
        "--pretraining-rate",
        type=command_line.above_zero,
        default=pretraining_rate,
        metavar="X",
        help="step of the descent",
    )
    pretraining.add_argument(
        "--map-dataset-once",
        action="store_true",
        help="compute what the layers below give for all examples once, before a layer's pre-training, in "
        "place of at each minibatch; takes 200 MB for a layer of 1000",
    )
    return model, pretraining


FILES = (
    "best_model.npz (the parameters that were best in validation), model.npz (the pre-trained ones), "
    "filters_pretrained.png and filters.png (what the first hundred units of the first layer look for, "
    "before and after fine-tuning)"
)
