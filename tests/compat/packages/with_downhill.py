"""downhill 0.4: eight optimizers on a linear regression."""

import _today  # noqa: F401
import downhill
import numpy as np
import theano
import theano.tensor as T

inputs = np.random.RandomState(0).randn(100, 5)
for name in ("sgd", "nag", "rmsprop", "adam", "adagrad", "adadelta", "rprop", "esgd"):
    weights, x, y = theano.shared(np.zeros(5), name="w"), T.matrix("x"), T.vector("y")
    loss = T.sqr(T.dot(x, weights) - y).mean()
    optimizer = downhill.build(name, loss=loss, params=[weights], inputs=[x, y])
    data = downhill.Dataset((inputs, inputs @ np.arange(5.0)), batch_size=20, rng=1)
    *_, (monitors, _) = optimizer.iterate(data, max_updates=60, learning_rate=0.05)
    print(name, float(monitors["loss"]))
