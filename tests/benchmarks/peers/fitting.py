"""Keras' ``Model.fit`` on each of its backends, as its documentation shows it: compiled with XLA where Keras
does so by itself ("auto"), and TensorFlow also with 50 steps in one call (``steps_per_execution``).
"""

from __future__ import annotations

import os
from functools import partial

from tests.benchmarks.peers import Runner, import_torch
from tests.benchmarks.workloads.data import digits
from tests.benchmarks.workloads.fitting import EXAMPLES, HIDDEN, RATE, SIZES, initial

VARIANTS = {"keras": ("tensorflow", "tensorflow-50", "jax", "jax-50", "torch")}


def _fit(size: int, variant: str) -> Runner:
    backend, _, at_once = variant.partition("-")
    os.environ["KERAS_BACKEND"] = backend
    if backend == "torch":
        import_torch()
    import keras

    images, labels = digits(EXAMPLES)
    model = keras.Sequential(
        [
            keras.Input((784,)),
            keras.layers.Dense(HIDDEN, "relu"),
            keras.layers.Dense(10, "softmax"),
        ]
    )
    model.set_weights(initial())
    model.compile(
        keras.optimizers.Adam(RATE),
        "sparse_categorical_crossentropy",
        steps_per_execution=int(at_once or 1),
    )

    def run(first: int, steps: int) -> list[float]:
        if not steps:
            return []
        return model.fit(images, labels, batch_size=size, epochs=steps, verbose=0).history["loss"]

    return run


WORKLOADS = {name: partial(_fit, size) for name, size in SIZES.items()}
