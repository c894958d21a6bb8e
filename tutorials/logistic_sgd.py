"""Logistic regression, trained on MNIST by stochastic gradient descent over minibatches.

The probability that an image x is the digit i is

    P(Y = i | x, W, b) = softmax(W x + b)_i = exp(W_i x + b_i) / sum_j exp(W_j x + b_j)

and the prediction is the digit of the largest. W and b are learnt by descending the gradient of the
negative log-likelihood of the labels. W starts from zero, and so the seed changes nothing here.

After the chapter "Classifying MNIST digits using Logistic Regression" of the Deep Learning Tutorials (LISA
lab); C. Bishop, "Pattern Recognition and Machine Learning", section 4.3.2.
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
from graphlib.nn.run_folder import load_parameters, matrix_shape
from graphlib.nn.variables import named_parameters, set_model


class LogisticRegression:
    """Multi-class logistic regression: a linear map, and softmax of what it gives.

    Args:
        input: symbolic matrix, a row an example, (n, n_in).
        n_in: values of an example.
        n_out: classes.

    Attributes:
        W, b: shared parameters (n_in, n_out) and (n_out,), zero at first.
        p_y_given_x: probability of each class, (n, n_out).
        y_pred: the most probable class, (n,).
        params: [W, b].
    """

    def __init__(self, input, n_in: int, n_out: int):
        self.input = input
        self.W = graphlib.shared(np.zeros((n_in, n_out), dtype=graphlib.config.floatX), name="W", borrow=True)
        self.b = graphlib.shared(np.zeros(n_out, dtype=graphlib.config.floatX), name="b", borrow=True)
        self.params = [self.W, self.b]

        self.p_y_given_x = T.nnet.softmax(T.dot(input, self.W) + self.b)
        self.y_pred = T.argmax(self.p_y_given_x, axis=1)

    def negative_log_likelihood(self, y):
        """Mean over the examples of -log P(y | x); `y` is a symbolic vector of integers, the right classes.

        The mean, not the sum: then the learning rate depends less on the size of a minibatch.
        """
        return -T.mean(T.log(self.p_y_given_x)[T.arange(y.shape[0]), y])

    def errors(self, y):
        """Fraction of the examples whose predicted class is not that of `y`, a vector of integers."""
        if y.ndim != self.y_pred.ndim:
            raise TypeError(f"y must be a vector with a class for each example, not of {y.ndim} dimensions")
        if "int" not in y.dtype:
            raise TypeError(f"y holds classes and must have an integer dtype, not {y.dtype}")
        return T.mean(T.neq(self.y_pred, y))


def parameters_of(classifier: LogisticRegression) -> dict:
    """The parameters under the names they have in best_model.npz."""
    return named_parameters(output=classifier)


def load_model(path: Path) -> LogisticRegression:
    """The trained model of a best_model.npz, as a function of its symbolic `input`."""
    arrays = load_parameters(path, "output.W")
    n_in, n_out = matrix_shape(path, arrays, "output.W")
    classifier = LogisticRegression(input=T.matrix("x"), n_in=n_in, n_out=n_out)
    set_model(parameters_of(classifier), arrays, path)
    return classifier


def predict(path: Path, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(classes (n,), probabilities (n, n_out)) by the model in a best_model.npz of images x, (n, n_in)."""
    classifier = load_model(path)
    return graphlib.function([classifier.input], [classifier.y_pred, classifier.p_y_given_x])(x)


def train(options: argparse.Namespace) -> training.Outcome:
    """Trains as the options of the command line say, and writes the results to the folder `options.out`."""
    return image_classifiers.train(
        options,
        lambda x, data, rng: LogisticRegression(x, n_in=data.n_in, n_out=data.n_out),
        cost=LogisticRegression.negative_log_likelihood,
        parameters_of=parameters_of,
        illustrate=lambda classifier, data: partial(draw_filters, data),
        patience=5000,
    )


def draw_filters(data: SharedData, best: Mapping[str, np.ndarray], folder: Path) -> None:
    """Draws what each class looks for."""
    images.save_filters(folder / "filters.png", data.in_pixels(best["output.W"]).T, data.image_shape)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the tutorial from `arguments`, or from those of the process, and returns its exit code."""
    parser = command_line.make_parser(
        __doc__, name="logistic_sgd", epochs=1000, batch_size=600, learning_rate=0.13, distributes=True
    )
    image_classifiers.add_whitening(parser, "pca", "zca")
    return command_line.main(
        parser, train, {"predict": partial(image_classifiers.show_predictions, predict)}, arguments
    )


if __name__ == "__main__":
    sys.exit(main())
