"""Layers beside PyTorch's, where conventions agree or are turned into each other: outputs and gradients.

The numbers are those of torch_layers.json, which torch_layers.py made with the version of PyTorch in it.
"""

import json
from pathlib import Path

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.nn.layers import (
    GRU,
    LSTM,
    Activation,
    AveragePool2D,
    BatchNormalization,
    Bidirectional,
    Conv1D,
    Conv2D,
    Dense,
    LayerNormalization,
    MaxPool2D,
    PReLU,
    SimpleRNN,
)

RECORDED = json.loads((Path(__file__).parent / "torch_layers.json").read_text())
CASES = {
    name: {
        key: {n: np.array(v) for n, v in part.items()} if isinstance(part, dict) else part
        for key, part in case.items()
    }
    for name, case in RECORDED["cases"].items()
}


def gates(array, order):
    """Blocks of rows in another order, and transposed: ours of PyTorch's weights (gates · units, n)."""
    blocks = np.split(array, len(order))
    return np.concatenate([blocks[k] for k in order]).T


def recurrent(order, suffix="", path=""):
    """Our W, U and b as functions of PyTorch's; its two biases are added."""
    return {
        f"{path}W": lambda p: gates(p[f"weight_ih_l0{suffix}"], order),
        f"{path}U": lambda p: gates(p[f"weight_hh_l0{suffix}"], order),
        f"{path}b": lambda p: gates(p[f"bias_ih_l0{suffix}"] + p[f"bias_hh_l0{suffix}"], order),
    }


def gru(p):
    """The candidate's second bias stands inside the product with r, so that the two cannot be added."""
    first, second = p["bias_ih_l0"], p["bias_hh_l0"]
    return np.concatenate([first[:4] + second[:4], first[4:]])


def same(*names):
    return {
        name: (lambda p, theirs=theirs: p[theirs])
        for name, theirs in zip(names, ("weight", "bias"), strict=False)
    }


IFOG = (0, 1, 3, 2)  # PyTorch's gates are i, f, g, o
LSTM_ARGUMENTS = {"units": 2, "return_sequences": True}

#: of each case: our layer, our parameters as functions of theirs, and what is turned around
LAYERS = {
    "linear": (Dense(4), {"W": lambda p: p["weight"].T, "b": lambda p: p["bias"]}),
    "conv2d": (Conv2D(3, (3, 2), stride=(2, 1), padding=(1, 2), dilation=(1, 2), flip=False), same("W", "b")),
    "conv2d_same": (Conv2D(2, 3, padding="same", flip=False), same("W", "b")),
    "conv1d": (Conv1D(3, 3, stride=2, padding=1, dilation=2), same("W", "b")),
    "max_pool2d": (MaxPool2D((3, 2), stride=(2, 1), padding=(1, 0)), {}),
    "average_pool2d": (AveragePool2D((3, 2), stride=(2, 2), padding=(1, 1)), {}),
    "prelu": (PReLU(), same("alpha")),
    "batch_normalization": (BatchNormalization(), same("gamma", "beta")),
    "batch_normalization_2d": (BatchNormalization(), same("gamma", "beta")),
    "layer_normalization": (LayerNormalization(), same("gamma", "beta")),
    "layer_normalization_images": (LayerNormalization(axis=(1, 2, 3)), same("gamma", "beta")),
    "rnn": (SimpleRNN(2, return_sequences=True), recurrent((0,))),
    "gru": (
        GRU(2, return_sequences=True, reset_after=True),
        {**recurrent((0, 1, 2)), "b": gru, "c": lambda p: p["bias_hh_l0"][4:]},
    ),
    "lstm": (LSTM(**LSTM_ARGUMENTS), recurrent(IFOG)),
    "bidirectional_lstm": (
        Bidirectional(LSTM(**LSTM_ARGUMENTS)),
        {**recurrent(IFOG, path="forward."), **recurrent(IFOG, "_reverse", "backward.")},
    ),
    **{name: (Activation(name[11:]), {}) for name in CASES if name.startswith("activation_")},
}  # fmt: skip


@pytest.fixture(scope="module")
def results():
    """Of each case our output, gradients and the updates of what is kept, by one function."""
    floatX, graphlib.config.floatX = graphlib.config.floatX, "float64"
    try:
        names, wanted = [], []
        for name, (layer, mapping) in LAYERS.items():
            case = CASES[name]
            array = case["x"] if name != "conv1d" else np.swapaxes(case["x"], 1, 2)
            x = graphlib.shared(np.array(array), name=name, shape=np.shape(array))
            y = layer(x, training=True)
            for path, make in mapping.items():
                layer.parameters[path].variable.set_value(make(case["parameters"]))
            weights = np.array(case["weights"]) if name != "conv1d" else np.swapaxes(case["weights"], 1, 2)
            found = {"output": y, "x": None, **dict.fromkeys(mapping)}
            variables = [x, *(layer.parameters[path].variable for path in mapping)]
            gradients = T.grad(T.sum(y * weights), variables)
            found.update(zip(list(found)[1:], gradients, strict=True))
            found.update({path: layer.updates[v] for path, v in layer.state.items()})
            names += [(name, key) for key in found]
            wanted += found.values()
        values = graphlib.function([], wanted)()
    finally:
        graphlib.config.floatX = floatX
    found = {}
    for (name, key), value in zip(names, values, strict=True):
        found.setdefault(name, {})[key] = value
    return found


@pytest.mark.parametrize("name", CASES)
def test_as_pytorch(results, name):
    case, ours = CASES[name], dict(results[name])
    mapping = LAYERS[name][1]
    turned = (lambda a: np.swapaxes(a, 1, 2)) if name == "conv1d" else np.asarray
    expected = {"output": turned(case["outputs"][0]), "x": turned(case["gradients"]["x"])}
    for path, make in mapping.items():
        gradients = dict(case["gradients"])
        for each in list(gradients):
            # of two biases that are added each has the gradient of the sum
            if each.startswith("bias_hh") and path.endswith("b"):
                gradients[each] = np.zeros_like(gradients[each])
        expected[path] = make(gradients)
    if name == "max_pool2d":
        assert len(np.unique(case["x"])) == np.size(case["x"]), "of ties each library has rules of its own"
    for key, buffer in case["buffers"].items():
        expected[{"running_var": "running_variance"}.get(key, key)] = buffer
    assert set(ours) == set(expected)
    for key, value in expected.items():
        np.testing.assert_allclose(ours[key], value, rtol=2e-8, atol=2e-8, err_msg=key)


def test_final_states_as_pytorch():
    for name, layer in (("lstm", LSTM(2)), ("gru", GRU(2, reset_after=True)), ("rnn", SimpleRNN(2))):
        case = CASES[name]
        x = np.array(case["x"])
        y, final = layer(x, return_state=True)
        for path, make in LAYERS[name][1].items():
            layer.parameters[path].variable.set_value(make(case["parameters"]).astype("float32"))
        got = graphlib.function([], [y, *final], mode="reference")()
        states = [np.array(each)[0] for each in case["outputs"][1:]]
        for value, expected in zip(got, [states[0], *states], strict=True):
            np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)
