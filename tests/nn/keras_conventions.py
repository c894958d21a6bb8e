"""Holds what docs/models.md says of Keras' optimizers against Keras, three steps each.

KERAS_BACKEND=jax JAX_ENABLE_X64=1 python tests/nn/keras_conventions.py      (with Keras, 3.15.1 agreed)
"""

import keras
import numpy as np

keras.config.set_floatx("float64")  # before there is any optimizer
START = np.array([0.5, -1.25, 0.75, 1.5, 1e-4])
EPSILON = 1e-7


def sgd(nesterov):
    def rule(p, g, state, t):
        v = state["v"] = 0.9 * state.get("v", 0) - 0.1 * g
        return p + (0.9 * v - 0.1 * g if nesterov else v)

    return rule


def adagrad(p, g, state, t):
    s = state["s"] = state.get("s", 0.1) + g * g
    return p - 0.1 * g / np.sqrt(s + EPSILON)


def rmsprop(p, g, state, t):
    r = state["r"] = 0.9 * state.get("r", 0) + 0.1 * g * g
    return p - 0.1 * g / np.sqrt(r + EPSILON)


def adadelta(p, g, state, t):
    r = state["r"] = 0.95 * state.get("r", 0) + 0.05 * g * g
    step = -np.sqrt(state.get("x", 0) + EPSILON) / np.sqrt(r + EPSILON) * g
    state["x"] = 0.95 * state.get("x", 0) + 0.05 * step**2
    return p + 0.1 * step


def adam(p, g, state, t):
    m = state["m"] = 0.9 * state.get("m", 0) + 0.1 * g
    v = state["v"] = 0.999 * state.get("v", 0) + 0.001 * g * g
    return p - 0.1 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (np.sqrt(v) + EPSILON)


def adamw(p, g, state, t):
    return adam(p * (1 - 0.1 * 0.004), g, state, t)


def adamax(p, g, state, t):
    m = state["m"] = 0.9 * state.get("m", 0) + 0.1 * g
    u = state["u"] = np.maximum(0.999 * state.get("u", 0), abs(g))
    return p - 0.1 / (1 - 0.9**t) * m / (u + EPSILON)


OPTIMIZERS = keras.optimizers
CASES = {
    "sgd": (OPTIMIZERS.SGD(0.1, momentum=0.9), sgd(False)),
    "sgd, nesterov": (OPTIMIZERS.SGD(0.1, momentum=0.9, nesterov=True), sgd(True)),
    "adagrad": (OPTIMIZERS.Adagrad(0.1), adagrad),
    "adadelta": (OPTIMIZERS.Adadelta(0.1), adadelta),
    "rmsprop": (OPTIMIZERS.RMSprop(0.1), rmsprop),
    "adam": (OPTIMIZERS.Adam(0.1), adam),
    "adamw": (OPTIMIZERS.AdamW(0.1), adamw),
    "adamax": (OPTIMIZERS.Adamax(0.1), adamax),
}

if __name__ == "__main__":
    for name, (optimizer, rule) in CASES.items():
        variable, state, p = keras.Variable(START, dtype="float64"), {}, START
        optimizer.build([variable])
        for t in (1, 2, 3):
            optimizer.apply([4 * variable.value**3], [variable])
            p = rule(p, 4 * p**3, state, t)
            np.testing.assert_allclose(np.asarray(variable.value), p, rtol=1e-8, atol=1e-12, err_msg=name)
    print(f"Keras {keras.__version__} computes what the table says")
