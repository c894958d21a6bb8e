"""Recurrent layers as ONNX's RNN, GRU and LSTM, whose gates lie otherwise, and what is none of them."""

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib import nn

from .test_save import hold, normal

LAYERS = {
    "rnn": (nn.SimpleRNN(5), "RNN"),
    "rectified rnn": (nn.SimpleRNN(5, activation="relu", return_sequences=True), "RNN"),
    "lstm": (nn.LSTM(5), "LSTM"),
    "lstm, every step": (nn.LSTM(5, return_sequences=True, learn_initial_state=True), "LSTM"),
    "lstm, backwards": (nn.LSTM(5, return_sequences=True, go_backwards=True), "LSTM"),
    "gru": (nn.GRU(5), "GRU"),
    "gru, reset behind": (nn.GRU(5, reset_after=True, return_sequences=True), "GRU"),
    "gru without biases": (nn.GRU(5, reset_after=True, bias=None, activation="relu"), "GRU"),
    "both ways": (nn.Bidirectional(nn.GRU(4, return_sequences=True)), "GRU"),
    "another activation": (nn.LSTM(5, activation="softsign"), "Loop"),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers(tmp_path, name):
    layer, operator = LAYERS[name]
    x = T.tensor3("x", shape=(None, None, 3))
    y = layer(x)
    for k, parameter in enumerate(layer.parameters.values()):
        shared = parameter.variable
        shared.set_value(np.random.RandomState(k).normal(size=shared.get_value().shape).astype("float32"))
    hold(tmp_path, [x], y, normal(2, 6, 3), expected=operator)


def cell(x, h, c, w, u, b):
    """An LSTM whose gates are f, c, o, i, each with matrices of its own, as a program may have it."""
    f, new, o, i = (T.dot(x, w[k]) + b[k] + T.dot(h, u[k]) for k in range(4))
    c = T.nnet.sigmoid(i) * T.tanh(new) + c * T.nnet.sigmoid(f)
    return T.tanh(c) * T.nnet.sigmoid(o), c


def weights(*shape):
    return [graphlib.shared(np.random.RandomState(k).normal(size=shape).astype("float32")) for k in range(4)]


def test_a_cell_of_a_program_and_one_that_is_nearly_one(tmp_path):
    x = T.tensor3("x", shape=(None, None, 3))
    w, u, b = weights(3, 4), weights(4, 4), weights(4)
    start = T.zeros((x.shape[1], 4))

    def peephole(x, h, c, w, u, b):
        h, c = cell(x, h, c, w, u, b)
        return h + 0.1 * c, c

    for step, operator in ((cell, "LSTM"), (peephole, "Loop")):
        (hs, cs), _ = graphlib.scan(
            lambda x, h, c, step=step: step(x, h, c, w, u, b), sequences=[x], outputs_info=[start, start]
        )
        hold(tmp_path, [x], [hs, cs[-1]], normal(5, 2, 3), expected=operator)
    # every value of the cell, which ONNX's LSTM does not give
    (hs, cs), _ = graphlib.scan(
        lambda x, h, c: cell(x, h, c, w, u, b), sequences=[x], outputs_info=[start, start]
    )
    hold(tmp_path, [x], [hs, cs], normal(5, 2, 3), expected="Loop")
