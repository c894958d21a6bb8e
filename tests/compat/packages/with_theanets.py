"""theanets 0.7.3: a classifier."""

import _today  # noqa: F401
import numpy as np
import theanets

x = np.random.RandomState(0).randn(200, 5).astype("float32")
y = (x[:, 0] > 0).astype("int32")
network = theanets.Classifier([5, 10, 2], rng=1)
monitors, _ = network.train(
    [x, y], algo="nag", learning_rate=0.1, momentum=0.9, max_updates=100, patience=100
)
print(float(monitors["loss"]), (network.predict(x) == y).mean())
