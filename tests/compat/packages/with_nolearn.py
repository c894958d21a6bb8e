"""nolearn 0.6.1 with Lasagne: a classifier by scikit-learn's rules."""

import _today  # noqa: F401
import lasagne
import numpy as np
from lasagne.layers import DenseLayer, InputLayer
from nolearn.lasagne import NeuralNet

x = np.random.RandomState(0).randn(300, 5).astype("float32")
y = (x[:, 0] > 0).astype("int32")
lasagne.random.set_rng(np.random.RandomState(1))
network = NeuralNet(
    [
        (InputLayer, {"shape": (None, 5)}),
        (DenseLayer, {"num_units": 10}),
        (DenseLayer, {"num_units": 2, "nonlinearity": lasagne.nonlinearities.softmax}),
    ],
    update=lasagne.updates.adam,
    update_learning_rate=0.02,
    max_epochs=8,
)
network.fit(x, y)
print(network.score(x, y))
