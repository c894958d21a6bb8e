"""Holds what docs/layers.md says of Keras' layers against Keras: each row of its column that can be computed.

KERAS_BACKEND=jax python tests/nn/keras_layer_conventions.py      (with Keras, 3.15.1 agreed)
"""

import inspect

import keras
import numpy as np
from keras import layers, ops

RANDOM = np.random.default_rng(1)


def numbers(*shape):
    return RANDOM.standard_normal(shape).astype("float32")


def weights(layer, shape):
    """The arrays of `layer` after it was built for inputs of `shape` (without the batch)."""
    layer.build((None, *shape))
    return [np.asarray(w) for w in layer.weights]


def same(value, expected):
    np.testing.assert_allclose(np.asarray(value), expected, rtol=2e-5, atol=2e-6)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def default(function, name):
    return inspect.signature(function).parameters[name].default


def is_glorot_uniform(w, fans):
    bound = np.sqrt(6 / fans)
    assert 0.97 * bound < abs(w).max() <= bound


def dense():
    layer = layers.Dense(300)
    w, b = weights(layer, (200,))
    assert w.shape == (200, 300) and not b.any()
    is_glorot_uniform(w, 500)
    x = numbers(4, 200)
    same(layer(x), x @ w + b)


def convolution():
    layer = layers.Conv2D(40, 3)
    w, b = weights(layer, (7, 8, 50))
    assert w.shape == (3, 3, 50, 40) and not b.any()
    is_glorot_uniform(w, 9 * (50 + 40))
    x = numbers(1, 7, 8, 50)
    same(layer(x)[0, 2, 4, 5], (x[0, 2:5, 4:7] * w[..., 5]).sum())  # channels last, not flipped
    corner = layers.Conv2D(1, 2, padding="same", kernel_initializer="ones")(np.ones((1, 3, 3, 1), "float32"))
    same(corner[0, :, :, 0], [[4, 4, 2], [4, 4, 2], [2, 2, 1]])  # more at the end
    assert layers.Conv2D(1, 3, strides=2, padding="same")(np.ones((1, 5, 6, 1), "float32")).shape[1:3] == (
        3,
        3,
    )


def initializers():
    for initializer, deviation in (
        (keras.initializers.GlorotNormal(seed=1), np.sqrt(2 / 1000)),
        (keras.initializers.HeNormal(seed=1), np.sqrt(2 / 500)),
    ):
        w = np.asarray(initializer((500, 500)))
        assert abs(w.std() / deviation - 1) < 0.01
        assert (
            1.9 < abs(w).max() / (deviation / 0.87962566103423978) <= 2.0001
        )  # the normal's before truncation


def activations():
    import jax

    assert jax.grad(lambda x: keras.activations.relu(x))(0.0) == 0
    same(layers.LeakyReLU()(np.float32([-1])), [-0.3])
    same(keras.activations.leaky_relu(np.float32([-1])), [-0.2])
    same(keras.activations.hard_sigmoid(np.float32([1.5])), [0.75])
    (slope,) = weights(layers.PReLU(), (5, 6, 2))
    assert slope.shape == (5, 6, 2) and not slope.any()


def pooling():
    mean = layers.AveragePooling2D(2, strides=2, padding="same")(np.ones((1, 3, 3, 1), "float32"))
    same(mean[0, :, :, 0], np.ones((2, 2)))


def normalization():
    x = 3 * numbers(6, 4) + 1
    layer = layers.BatchNormalization()
    same(layer(x, training=True), (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-3))
    same(layer.moving_mean, 0.01 * x.mean(0))
    same(layer.moving_variance, 0.99 + 0.01 * x.var(0))  # biased
    rows = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-3)
    same(layers.LayerNormalization()(x), rows)


def lstm():
    units, layer = 60, layers.LSTM(60, return_sequences=True)
    w, u, b = weights(layer, (5, 70))
    assert w.shape == (70, 240) and b.shape == (240,)
    is_glorot_uniform(w, 70 + 240)  # fans of all gates together
    same(u @ u.T, np.eye(units))  # orthogonal, all gates as one
    same(b.reshape(4, units), np.repeat([[0.0], [1], [0], [0]], units, 1))  # the second gate forgets
    x = numbers(2, 5, 70)
    h = c = np.zeros((2, units))
    expected = []
    for t in range(5):
        i, f, g, o = np.split(x[:, t] @ w + h @ u + b, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        expected.append(h)
    same(layer(x), np.stack(expected, 1))


def gru():
    units, layer = 6, layers.GRU(6)
    w, u, b = weights(layer, (5, 7))
    assert b.shape == (2, 18) and default(layers.GRU.__init__, "reset_after") is True
    assert weights(layers.GRU(6, reset_after=False), (5, 7))[2].shape == (18,)
    layer.cell.bias.assign(numbers(2, 18))
    b = np.asarray(layer.cell.bias)
    x, h = numbers(2, 5, 7), np.zeros((2, units))
    for t in range(5):
        xz, xr, xn = np.split(x[:, t] @ w + b[0], 3, axis=1)
        hz, hr, hn = np.split(h @ u + b[1], 3, axis=1)
        z = sigmoid(xz + hz)
        h = z * h + (1 - z) * np.tanh(xn + sigmoid(xr + hr) * hn)
    same(layer(x), h)


def order_and_state():
    forward, backward = (
        layers.SimpleRNN(
            3, return_sequences=True, go_backwards=back, kernel_initializer="ones", use_bias=False
        )
        for back in (False, True)
    )
    x = numbers(1, 4, 2)
    forward(x), backward(x)
    backward.set_weights(forward.get_weights())
    same(backward(x), np.asarray(forward(x[:, ::-1])))  # outputs in the order of the steps
    model = keras.Sequential([keras.Input(batch_shape=(1, 4, 2)), layers.LSTM(3, stateful=True)])
    first, second = (np.asarray(model(x)) for _ in range(2))
    assert abs(first - second).max() > 1e-3  # carried at every call, also outside training


def losses():
    w = numbers(3, 4)
    same(keras.regularizers.L2(0.3)(w), 0.3 * (w**2).sum())
    values, targets = numbers(5, 4), numbers(5, 4)
    same(keras.losses.MeanSquaredError()(targets, values), ((values - targets) ** 2).mean(1).mean())
    assert ops.shape(keras.losses.mean_squared_error(targets, values)) == (5,)


if __name__ == "__main__":
    for check in (
        dense,
        convolution,
        initializers,
        activations,
        pooling,
        normalization,
        lstm,
        gru,
        order_and_state,
        losses,
    ):
        check()
    print(f"Keras {keras.__version__} does what the table says")
