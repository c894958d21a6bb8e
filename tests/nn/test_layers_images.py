"""Layers of images and of shapes, beside scipy and numpy."""

import numpy as np
import pytest
from scipy import signal

import graphlib
import graphlib.tensor as T
from graphlib.errors import GraphError, ShapeError
from graphlib.nn.layers import (
    AveragePool2D,
    Bias,
    Conv1D,
    Conv2D,
    Dimshuffle,
    Flatten,
    GlobalAveragePool,
    GlobalMaxPool,
    MaxPool2D,
    Reshape,
    RowColumnMixing,
    Sequential,
)

IMAGES = np.random.RandomState(3).normal(size=(2, 3, 6, 7)).astype("float32")
SEQUENCES = np.random.RandomState(4).normal(size=(2, 5, 3)).astype("float32")
MASK = np.array([[1, 1, 0, 0, 0], [0, 0, 0, 0, 0]], "float32")


def compute(*variables):
    return graphlib.function([], list(variables), mode="reference")()


def close(got, expected):
    np.testing.assert_allclose(got, expected, rtol=2e-5, atol=1e-5)


class TestConvolution:
    @pytest.mark.parametrize("padding, mode", [("valid", "valid"), ("same", "same"), ("full", "full")])
    def test_it_is_that_of_mathematics_or_a_correlation(self, padding, mode):
        for flip, operation in ((True, signal.convolve2d), (False, signal.correlate2d)):
            layer = Conv2D(4, (3, 5), "tanh", padding=padding, flip=flip, bias=[1, 2, 3, 4], seed=0)
            y = layer(IMAGES)
            W = layer.W.get_value()
            assert W.shape == (4, 3, 3, 5)
            expected = [
                [sum(operation(image[c], W[k, c], mode) for c in range(3)) + k + 1 for k in range(4)]
                for image in IMAGES
            ]
            close(compute(y)[0], np.tanh(expected))

    def test_shapes_are_known_before_any_call(self):
        x = T.tensor4("x", shape=(None, 1, 28, 28))
        model = Sequential([Conv2D(20, 5), MaxPool2D(2), Bias("tanh"), Conv2D(50, 5, stride=2), Flatten()])
        assert model(x).static_shape == (None, 50 * 4 * 4)
        assert list(model.parameters)[-1] == "conv2d_2.b"

    def test_fans(self):
        layer = Conv2D(50, 5, initializer="glorot_uniform", seed=0)
        layer(T.tensor4("x", shape=(None, 20, 12, 12)))
        bound = np.sqrt(6 / (20 * 25 + 50 * 25))
        assert 0.99 * bound < np.abs(layer.W.get_value()).max() <= bound

    @pytest.mark.parametrize("padding", ["valid", "same", "full", 2])
    def test_over_time(self, padding):
        layer = Conv1D(4, 3, padding=padding, seed=0)
        with_mask, y = layer(SEQUENCES, mask=MASK), layer(SEQUENCES)
        W = layer.W.get_value()
        around = {"valid": 0, "same": 1, "full": 2}.get(padding, padding)

        def expected(x):
            padded = np.pad(x, ((0, 0), (around, around), (0, 0)))
            places = range(padded.shape[1] - 2)
            return np.stack([np.einsum("btf,kft->bk", padded[:, t : t + 3], W) for t in places], axis=1)

        got = compute(y, with_mask)
        close(got[0], expected(SEQUENCES))
        close(got[1], expected(SEQUENCES * MASK[:, :, None]))
        assert (layer.with_mask(SEQUENCES, mask=MASK)[1] is None) == (padding != "same")

    @pytest.mark.parametrize(
        "call, said",
        [
            (lambda: Conv2D(4)(SEQUENCES), r"layer conv2d \(.*must be \(batch, channels, rows, columns\)"),
            (
                lambda: Conv2D(4, 4, padding="same")(IMAGES),
                r"layer conv2d .*filters with a pixel in the middle",
            ),
            (lambda: Conv2D(4, 9)(IMAGES), "layer conv2d"),
            (lambda: Conv2D(4, padding="valit"), "padding must be"),
            (lambda: Conv1D(4)(IMAGES), r"must be \(batch, time, features\)"),
            (
                lambda: Conv2D(4)(T.tensor4("x")),
                r"axis 1 of x .* is not known.*shape=\(None, 784, None, None\)",
            ),
        ],
    )
    def test_errors(self, call, said):
        with pytest.raises(GraphError, match=said):
            call()


class TestPooling:
    def test_windows(self):
        numbers = np.arange(16, dtype="float32").reshape(1, 1, 4, 4)
        wide = np.arange(15, dtype="float32").reshape(1, 1, 3, 5)
        got = compute(
            AveragePool2D(2)(numbers),
            MaxPool2D(2)(numbers),
            MaxPool2D(3, stride=1)(numbers),
            MaxPool2D(2)(wide),
            MaxPool2D(2, partial=True)(wide),
            AveragePool2D(2, partial=True)(wide),
        )
        # the first two are NumpyDL's example with the right results
        close(got[0].reshape(-1), [2.5, 4.5, 10.5, 12.5])
        close(got[1].reshape(-1), [5, 7, 13, 15])
        close(got[2].reshape(-1), [10, 11, 14, 15])
        close(got[3].reshape(-1), [6, 8])
        close(got[4][0, 0], [[6, 8, 9], [11, 13, 14]])
        close(got[5][0, 0], [[3, 5, 6.5], [10.5, 12.5, 14]])

    def test_over_time(self):
        got = compute(MaxPool2D((2, 1))(SEQUENCES), AveragePool2D((5, 1))(SEQUENCES))
        close(got[0], SEQUENCES[:, :4].reshape(2, 2, 2, 3).max(2))
        close(got[1][:, 0], SEQUENCES.mean(1))

    def test_of_everything(self):
        average, largest = GlobalAveragePool(), GlobalMaxPool()
        got = compute(
            average(IMAGES), largest(IMAGES), average(SEQUENCES), largest(SEQUENCES),
            average(SEQUENCES, mask=MASK), largest(SEQUENCES[:1], mask=MASK[:1]),
            largest(SEQUENCES, mask=MASK),
        )  # fmt: skip
        close(got[0], IMAGES.mean((2, 3)))
        close(got[1], IMAGES.max((2, 3)))
        close(got[2], SEQUENCES.mean(1))
        close(got[3], SEQUENCES.max(1))
        close(got[4], [SEQUENCES[0, :2].mean(0), np.zeros(3)])
        close(got[5], SEQUENCES[:1, :2].max(1))
        assert np.isneginf(got[6][1]).all()

    def test_errors(self):
        with pytest.raises(ShapeError, match=r"layer max_pool2d .*less than the window"):
            MaxPool2D(2, padding=2)(IMAGES)
        with pytest.raises(ShapeError, match=r"must be \(batch, time, features\) or \(batch, channels"):
            GlobalAveragePool()(IMAGES[0, 0])


class TestShapes:
    def test_arrangements(self):
        got = compute(
            Flatten()(IMAGES), Flatten(3)(IMAGES), Reshape([7, -1])(IMAGES), Reshape([126])(IMAGES),
            Dimshuffle([2, 3, 1])(IMAGES), Dimshuffle(["x", 1, 2])(SEQUENCES),
        )  # fmt: skip
        close(got[0], IMAGES.reshape(2, -1))
        close(got[1], IMAGES.reshape(2, 3, -1))
        close(got[2], IMAGES.reshape(2, 7, -1))
        close(got[3], IMAGES.reshape(2, 126))
        close(got[4], IMAGES.transpose(0, 2, 3, 1))
        close(got[5], SEQUENCES[:, None])

    def test_lengths_that_are_not_known(self):
        x = T.tensor3("x", shape=(None, None, 3))
        y = Reshape([-1, 3, 1])(x)
        assert y.static_shape == (None, None, 3, 1)
        assert Reshape([4, -1])(T.tensor3(shape=(None, 6, 2))).static_shape == (None, 4, 3)
        assert graphlib.function([x], y, mode="reference")(SEQUENCES).shape == (2, 5, 3, 1)

    @pytest.mark.parametrize(
        "layer, said",
        [
            (Reshape([5, 5]), r"layer reshape .*the 126 values of an example .*do not fit shape \(5, 5\)"),
            (Reshape([5, -1]), r"do not fit shape \(5, -1\)"),
            (Reshape([-1, -1]), "one −1"),
            (Flatten(5), "5 axes"),
            (Dimshuffle([1, 2]), "each axis from 1 to 3 once"),
        ],
    )
    def test_errors(self, layer, said):
        with pytest.raises(ShapeError, match=said):
            layer(IMAGES)


def mixture(A, window=5, gain=1.5):
    """P of A, row by row as the definition says."""
    P = np.zeros_like(A)
    for i, row in enumerate(A):
        j = row.argmax()
        first, last = max(0, j - window // 2), min(len(row), j + window // 2 + 1)
        if row[j] > 0 and row[first:last].sum() > 0:
            P[i, first:last] = gain * row[first:last] / row[first:last].sum()
    return P


class TestMixing:
    def layer(self, **options):
        layer = RowColumnMixing(seed=0, **options)
        layer(np.zeros((1, 49), "float32"))
        return layer

    def test_as_defined(self):
        layer = self.layer()
        A, B = (np.random.RandomState(k).normal(size=(7, 7)).astype("float32") for k in range(2))
        A[3] = -abs(A[3])  # nothing positive to scale
        A[4] = [-5, 1, -5, 0, 0, 0, 0]  # what is around the largest outweighs it
        layer.A.set_value(A), layer.B.set_value(B)
        x = np.random.RandomState(9).normal(size=(4, 49)).astype("float32")
        P, Q = mixture(A), mixture(B)
        assert not P[3].any() and not P[4].any() and np.allclose(P[:3].sum(1), 1.5)
        expected = np.stack([P @ each.reshape(7, 7) @ Q.T for each in x])
        got = compute(layer(x), layer(x.reshape(4, 7, 7)), layer(x.reshape(2, 2, 7, 7)))
        for value in got:
            close(value.reshape(4, 7, 7), expected)
        assert [v.shape for v in got] == [(4, 49), (4, 7, 7), (2, 2, 7, 7)]

    def test_images_need_not_be_square(self):
        layer = RowColumnMixing(window=3, gain=2.0, deviation=0.0)
        close(compute(layer(IMAGES))[0], 4 * IMAGES)
        assert [p.get_value().shape for p in layer.params] == [(6, 6), (7, 7)]

    def test_gradients(self):
        rng = np.random.RandomState(2)
        A, B, x = (np.eye(4) + 0.1 * rng.normal(size=(4, 4)) for _ in range(3))
        layer = RowColumnMixing(window=3)

        def mixed(A, B, x):
            fresh = RowColumnMixing(window=3)
            fresh._parameters, fresh._built, fresh.A, fresh.B = {}, True, A, B
            return fresh.output(x.reshape((1, 16)), False, None)

        graphlib.verify_grad(mixed, [A, B, x], mode="reference")
        assert layer.window == 3

    def test_errors(self):
        with pytest.raises(ShapeError, match=r"layer row_column_mixing .*12 values are no square image"):
            RowColumnMixing()(np.zeros((2, 12), "float32"))
        with pytest.raises(ShapeError, match="odd"):
            RowColumnMixing(window=4)(np.zeros((2, 16), "float32"))


def test_bias():
    layer = Bias("tanh", initializer=[1, 2, 3])
    close(compute(layer(IMAGES))[0], np.tanh(IMAGES + np.array([1, 2, 3])[:, None, None]))
    close(compute(Bias(initializer=[1, 2, 3])(SEQUENCES))[0], SEQUENCES + [1, 2, 3])


def test_bytes_are_numbers():
    pixels = np.arange(98, dtype="uint8").reshape(2, 1, 7, 7)
    got = compute(Conv2D(1, 1, initializer=1.0)(pixels), MaxPool2D(7)(pixels), GlobalAveragePool()(pixels))
    assert {value.dtype.name for value in got} == {"float32"}
    close(got[0], pixels)


def test_channels_that_come_last():
    x = T.tensor4("x", shape=(None, 28, 28, 1))
    with pytest.raises(
        ShapeError, match=r"3 rows and 3 columns do not fit.*channels come last, x\.transpose"
    ):
        Conv2D(8, 3)(x)
    with pytest.raises(ShapeError, match=r"filters over 5 rows and 1 columns do not fit"):
        Conv2D(8, (3, 1), dilation=2)(T.tensor4("x", shape=(None, 1, 4, 4)))
