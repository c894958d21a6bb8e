"""Whole networks by layers: a published example of backpropagation, and the tutorials' networks step by
step."""

import re
from collections import Counter

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.nn.layers import Bias, Conv2D, Dense, Flatten, MaxPool2D, Reshape, Sequential
from graphlib.nn.optimizers import SGD
from tests.nn.test_layers_recurrent import with_float64


class TestBackpropagationByHand:
    """The chapter "Multilayer perceptron" of NumpyDL: two inputs, two hidden and two output units, all
    sigmoid.

    The expected numbers are its own, but for those that are wrong there: the error after a step, and what
    comes after 10,000, which it gets by using the new weights of the output in the gradient of the hidden
    ones.
    """

    def network(self):
        # w1, w2 go into the first hidden unit, w3, w4 into the second; so with w5 … w8 for the outputs
        return Sequential(
            [
                Dense(2, "sigmoid", initializer=[[0.15, 0.25], [0.20, 0.30]], bias=[0.35, 0.35]),
                Dense(2, "sigmoid", initializer=[[0.40, 0.50], [0.45, 0.55]], bias=[0.60, 0.60]),
            ]
        )

    def trained(self, model, steps):
        x, t = T.matrix("x", shape=(None, 2)), T.matrix("t")
        hidden = model[0](x)
        y = model(x)
        error = 0.5 * T.sum((t - y) ** 2)
        # its biases are kept as they are
        weights = [model.parameters[path] for path in ("dense_1.W", "dense_2.W")]
        gradients = T.grad(error, [each.variable for each in weights])
        step = graphlib.function(
            [x, t], [error, hidden, y, *gradients], updates=SGD(0.5).updates(weights, error), mode="reference"
        )
        data = np.array([[0.05, 0.10]]), np.array([[0.01, 0.99]])
        results = [step(*data) for _ in range(steps)]
        return results[0], graphlib.function([x, t], [error, y], mode="reference")(*data)

    def test_a_step_to_nine_digits(self):
        model = with_float64(self.network)
        (error, hidden, y, by_first, by_second), (after, _) = with_float64(lambda: self.trained(model, 1))

        def nine(array):
            return [round(float(each), 9) for each in np.ravel(array)]

        assert nine(hidden) == [0.593269992, 0.596884378]
        assert nine(y) == [0.751365070, 0.772928465]
        assert nine(error) == [0.298371109]
        assert nine(by_second[0, 0]) == [0.082167041]
        assert nine(by_first[0, 0]) == [0.000438568]
        W, V = (model.parameters[f"dense_{k}.W"].variable.get_value() for k in (1, 2))
        assert nine(V.T) == [0.358916480, 0.408666186, 0.511301270, 0.561370121]
        assert nine(W.T) == [0.149780716, 0.199561432, 0.249751144, 0.299502287]
        assert nine(after) == [0.291027774]

    def test_ten_thousand_steps(self):
        model = with_float64(self.network)
        _, (error, y) = with_float64(lambda: self.trained(model, 10_000))
        assert float(error) == pytest.approx(0.000035102, abs=5e-10)
        np.testing.assert_allclose(y[0], [0.01591362, 0.98406427], atol=5e-9)


def test_lenet_is_the_tutorials_step_by_step():
    from lenet import LeNet

    index = np.random.RandomState(1)
    images = index.uniform(size=(60, 28 * 28)).astype("float32")
    labels = index.randint(0, 10, 60).astype("int32")
    x, y = T.matrix("x", shape=(None, 784)), T.ivector("y")
    tutorial = LeNet(np.random.RandomState(23455), x, nkerns=(4, 6))
    start = {name: getattr(tutorial, f"layer{k}").W.get_value() for k, name in enumerate("abcd")}
    layers = Sequential(
        [
            Reshape([1, 28, 28]),
            Conv2D(4, 5, bias=None, initializer=start["a"]), MaxPool2D(2), Bias("tanh"),
            Conv2D(6, 5, bias=None, initializer=start["b"]), MaxPool2D(2), Bias("tanh"),
            Flatten(), Dense(500, "tanh", initializer=start["c"]),
            Dense(10, "softmax", initializer=start["d"]),
        ]
    )  # fmt: skip
    p = layers(x, training=True)
    theirs = [getattr(tutorial, f"layer{k}") for k in range(4)]
    same = {
        "conv2d_1.W": theirs[0].W, "bias_1.b": theirs[0].b,
        "conv2d_2.W": theirs[1].W, "bias_2.b": theirs[1].b,
        "dense_1.W": theirs[2].W, "dense_1.b": theirs[2].b,
        "dense_2.W": theirs[3].W, "dense_2.b": theirs[3].b,
    }  # fmt: skip
    assert list(layers.parameters) == list(same)
    ours = [layers.parameters[path].variable for path in same]
    costs = [tutorial.negative_log_likelihood(y), -T.mean(T.log(p)[T.arange(y.shape[0]), y])]
    steps = []
    for cost, parameters in zip(costs, (list(same.values()), ours), strict=True):
        gradients = T.grad(cost, parameters)
        updates = [(w, w - 0.1 * g) for w, g in zip(parameters, gradients, strict=True)]
        steps.append(graphlib.function([x, y], cost, updates=updates))
    for first in range(0, 60, 20):
        got = [step(images[first : first + 20], labels[first : first + 20]) for step in steps]
        assert got[0] == got[1]
    for variable, expected in zip(ours, same.values(), strict=True):
        assert np.array_equal(variable.get_value(), expected.get_value())
    # a layer costs nothing: it is the same program
    assert statements(steps[0].source) == statements(steps[1].source)


def statements(source):
    """The lines of generated C, and how often each occurs, without comments and names of variables and
    buffers."""
    plain = re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL)
    return Counter(re.sub(r"\b(v_\w+|leaf\w*|b\d+)\b", "_", plain).splitlines())
