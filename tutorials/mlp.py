"""A multilayer perceptron: logistic regression on a layer of hidden units that are learnt with it, trained
on MNIST.

    f(x) = softmax(b2 + tanh(b1 + x W1) W2)

All parameters are learnt by stochastic gradient descent over minibatches on the negative log-likelihood of
the labels, plus l1 times the sum of the weights' absolute values, plus l2 times the sum of their squares.

After the chapter "Multilayer Perceptron" of the Deep Learning Tutorials (LISA lab); C. Bishop, "Pattern
Recognition and Machine Learning", chapter 5.
"""

import _checkout  # noqa: F401

import argparse
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

import graphlib
import graphlib.tensor as T
from graphlib.nn import command_line, image_classifiers, images, training
from graphlib.nn.image_data import SharedData
from graphlib.nn.run_folder import load_about, load_parameters, matrix_shape
from graphlib.nn.storage import UserError
from graphlib.nn.variables import named_parameters, set_model
from logistic_sgd import LogisticRegression

#: The choices of --activation.
ACTIVATIONS = {"tanh": T.tanh, "sigmoid": T.nnet.sigmoid, "relu": T.nnet.relu}


class HiddenLayer:
    """A fully connected layer: activation(x W + b).

    The weights start uniform in ±sqrt(6 / (n_in + n_out)), four times that for the sigmoid, which keeps the
    size of activations and gradients alike from layer to layer (X. Glorot and Y. Bengio, "Understanding the
    difficulty of training deep feedforward neural networks", 2010, equation 16).

    Args:
        rng: numpy.random.RandomState that draws the weights.
        input: symbolic matrix, a row an example, (n, n_in).
        n_in: values of an example.
        n_out: hidden units.
        W, b: shared parameters (n_in, n_out) and (n_out,) to use in place of new ones.
        activation: applied to each value; None for a linear layer.

    Attributes:
        W, b: the shared parameters.
        output: the hidden units' values, (n, n_out).
        params: [W, b].
    """

    def __init__(self, rng, input, n_in: int, n_out: int, W=None, b=None, activation=T.tanh):
        self.input = input
        if W is None:
            bound = np.sqrt(6.0 / (n_in + n_out))
            if activation is T.nnet.sigmoid:
                bound *= 4
            values = rng.uniform(low=-bound, high=bound, size=(n_in, n_out))
            W = graphlib.shared(values.astype(graphlib.config.floatX), name="W", borrow=True)
        if b is None:
            b = graphlib.shared(np.zeros(n_out, dtype=graphlib.config.floatX), name="b", borrow=True)
        self.W = W
        self.b = b
        self.params = [self.W, self.b]

        linear = T.dot(input, self.W) + self.b
        self.output = linear if activation is None else activation(linear)


class MLP:
    """A perceptron with one hidden layer below a logistic regression.

    Args:
        rng: numpy.random.RandomState that draws the initial weights.
        input: symbolic matrix, a row an example, (n, n_in).
        n_in: values of an example.
        n_hidden: hidden units.
        n_out: classes.
        activation: of the hidden units.

    Attributes:
        hidden_layer, log_regression_layer: the two layers.
        L1, L2_sqr: sums of the weights' absolute values and of their squares, to hold the weights small.
        p_y_given_x, y_pred, negative_log_likelihood, errors: those of the logistic regression.
        params: the parameters of both layers.
    """

    def __init__(self, rng, input, n_in: int, n_hidden: int, n_out: int, activation=T.tanh):
        self.input = input
        self.hidden_layer = HiddenLayer(
            rng=rng, input=input, n_in=n_in, n_out=n_hidden, activation=activation
        )
        self.log_regression_layer = LogisticRegression(
            input=self.hidden_layer.output, n_in=n_hidden, n_out=n_out
        )
        self.L1 = abs(self.hidden_layer.W).sum() + abs(self.log_regression_layer.W).sum()
        self.L2_sqr = (self.hidden_layer.W**2).sum() + (self.log_regression_layer.W**2).sum()

        self.p_y_given_x = self.log_regression_layer.p_y_given_x
        self.y_pred = self.log_regression_layer.y_pred
        self.negative_log_likelihood = self.log_regression_layer.negative_log_likelihood
        self.errors = self.log_regression_layer.errors
        self.params = self.hidden_layer.params + self.log_regression_layer.params


def parameters_of(classifier: MLP) -> dict:
    """The parameters under the names they have in best_model.npz."""
    return named_parameters(hidden=classifier.hidden_layer, output=classifier.log_regression_layer)


def load_model(path: Path) -> MLP:
    """The trained model of a best_model.npz, as a function of its symbolic `input`."""
    arrays = load_parameters(path, "hidden.W", "output.W")
    n_in, n_hidden = matrix_shape(path, arrays, "hidden.W")
    _, n_out = matrix_shape(path, arrays, "output.W")
    activation = str(load_about(path).get("activation", "tanh"))
    if activation not in ACTIVATIONS:
        raise UserError(
            f"{path} says that its hidden units are {activation!r}, which is none of {[*ACTIVATIONS]}"
        )
    classifier = MLP(
        np.random.RandomState(),
        T.matrix("x"),
        n_in=n_in,
        n_hidden=n_hidden,
        n_out=n_out,
        activation=ACTIVATIONS[activation],
    )
    set_model(parameters_of(classifier), arrays, path)
    return classifier


def predict(path: Path, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(classes (n,), probabilities (n, n_out)) by the model in a best_model.npz of images x, (n, n_in)."""
    classifier = load_model(path)
    return graphlib.function([classifier.input], [classifier.y_pred, classifier.p_y_given_x])(x)


def train(options: argparse.Namespace) -> training.Outcome:
    """Trains as the options of the command line say, and writes the results to the folder `options.out`."""

    def cost(classifier: MLP, y):
        total = classifier.negative_log_likelihood(y)
        for weight, term in ((options.l1, classifier.L1), (options.l2, classifier.L2_sqr)):
            if weight:
                # also 0 times a sum would be computed
                total = total + weight * term
        return total

    return image_classifiers.train(
        options,
        lambda x, data, rng: MLP(
            rng,
            x,
            n_in=data.n_in,
            n_hidden=options.hidden,
            n_out=data.n_out,
            activation=ACTIVATIONS[options.activation],
        ),
        cost=cost,
        parameters_of=parameters_of,
        illustrate=lambda classifier, data: partial(draw_filters, data),
        patience=10000,
        # a model's file that does not say otherwise is one of tanh units
        about={"activation": np.array(options.activation)} if options.activation != "tanh" else {},
    )


def draw_filters(data: SharedData, best: Mapping[str, np.ndarray], folder: Path) -> None:
    """Draws what each hidden unit looks for."""
    images.save_filters(folder / "filters.png", data.in_pixels(best["hidden.W"]).T, data.image_shape)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the tutorial from `arguments`, or from those of the process, and returns its exit code."""
    parser = command_line.make_parser(
        __doc__, name="mlp", epochs=1000, batch_size=20, learning_rate=0.01, distributes=True
    )
    model = parser.add_argument_group("the model")
    model.add_argument(
        "--hidden", type=command_line.at_least(1), default=500, metavar="N", help="hidden units"
    )
    model.add_argument(
        "--activation", choices=ACTIVATIONS, default="tanh", help="what a hidden unit makes of its sum"
    )
    model.add_argument(
        "--l1", type=command_line.not_negative, default=0.0, metavar="X", help="weight of the L1 term"
    )
    model.add_argument(
        "--l2", type=command_line.not_negative, default=0.0001, metavar="X", help="weight of the L2 term"
    )
    image_classifiers.add_whitening(parser, "pca", "zca")
    return command_line.main(
        parser, train, {"predict": partial(image_classifiers.show_predictions, predict)}, arguments
    )


if __name__ == "__main__":
    sys.exit(main())
