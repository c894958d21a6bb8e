"""neupy 0.6.5 (the last on Theano): its ways to learn, a convolutional and a recurrent network."""

import _today  # noqa: F401
import numpy as np
from neupy import algorithms, layers

draws = np.random.RandomState(0)
x = draws.randn(300, 5).astype("float32")
y = (x[:, :1] * x[:, 1:2] > 0).astype("float32")
for learn, settings in {
    algorithms.GradientDescent: {"step": 0.1},
    algorithms.Momentum: {"step": 0.1, "momentum": 0.9, "batch_size": 50},
    algorithms.Adam: {"step": 0.02, "batch_size": 50},
    algorithms.RMSProp: {"step": 0.01, "batch_size": 50},
    algorithms.Adadelta: {"step": 1.0, "batch_size": 50},
    algorithms.RPROP: {},
    algorithms.LevenbergMarquardt: {"mu": 0.1},
    algorithms.ConjugateGradient: {},
    algorithms.QuasiNewton: {},
    algorithms.Hessian: {},
}.items():
    np.random.seed(0)
    network = learn(
        layers.join(layers.Input(5), layers.Tanh(6), layers.Sigmoid(1)), verbose=False, **settings
    )
    network.train(x, y, epochs=5)
    print(learn.__name__, f"{network.errors.last():.7g}")
images = draws.randn(60, 1, 8, 8).astype("float32")
words = draws.randint(0, 10, (60, 6))
for name, stack, inputs, targets, error in (
    (
        "convolutional",
        [
            layers.Input((1, 8, 8)),
            layers.Convolution((4, 3, 3)),
            layers.Relu(),
            layers.BatchNorm(),
            layers.MaxPooling((2, 2)),
            layers.Reshape(),
            layers.Dropout(0.2),
            layers.Softmax(2),
        ],
        images,
        np.eye(2)[(images.mean((1, 2, 3)) > 0).astype(int)],
        "categorical_crossentropy",
    ),
    (
        "recurrent",
        [layers.Input(6), layers.Embedding(10, 4), layers.LSTM(5), layers.Sigmoid(1)],
        words,
        (words[:, :1] > 4).astype("float32"),
        "binary_crossentropy",
    ),
):
    np.random.seed(0)
    network = algorithms.Adam(layers.join(*stack), error=error, step=0.05, batch_size=20, verbose=False)
    network.train(inputs, targets, epochs=3)
    print(name, f"{network.errors.last():.6g}")
