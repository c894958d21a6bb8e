"""Writes weights of Keras' models, with inputs and outputs, that test_foreign.py reads.

    KERAS_BACKEND=jax python tests/nn/make_keras_weights.py tests/nn/keras_weights

Run by Keras 3.15.1 with JAX 0.10.2, which nothing else here needs.
"""

import sys
from pathlib import Path

import keras
import numpy as np
from keras import layers

MODELS = {
    "mlp": ([layers.Dense(5, "relu"), layers.BatchNormalization(), layers.Dense(3, "softmax")], (4,)),
    "cnn": (
        [
            layers.Conv2D(3, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(4, 3, use_bias=False),
            layers.Flatten(),
            layers.Dense(2),
        ],
        (10, 8, 1),
    ),
    "lstm": ([layers.Bidirectional(layers.LSTM(4)), layers.Dense(2)], (5, 3)),
    "gru": (
        [layers.GRU(4, return_sequences=True), layers.GRU(3, reset_after=False), layers.Dense(2)],
        (5, 3),
    ),
    "text": ([layers.Embedding(11, 3), layers.SimpleRNN(4), layers.LayerNormalization()], (6,)),
}


def main(folder):
    random = np.random.RandomState(0)
    for name, (parts, shape) in MODELS.items():
        x = random.normal(size=(2, *shape)).astype("float32")
        x = random.randint(0, 11, (2, *shape)) if name == "text" else x
        model = keras.Sequential([keras.Input(shape, dtype=x.dtype.name), *parts])
        for w in model.weights:
            w.assign(
                random.uniform(0.2, 0.8, w.shape) if "variance" in w.path else random.normal(size=w.shape)
            )
        weights = {w.path: np.asarray(w) for w in model.weights}
        np.savez(folder / f"{name}.npz", x=x, y=np.asarray(model(x)), **weights)
        if name in ("mlp", "cnn", "lstm"):
            # the three kinds of files that Keras 3 writes
            for ending in ("keras", "weights.h5", "h5"):
                model.save_weights(folder / f"{name}.weights.h5") if "weights" in ending else model.save(
                    folder / f"{name}.{ending}"
                )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
