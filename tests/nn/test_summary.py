"""What the table of a model says, beside counts by hand."""

import numpy as np
import pytest

import graphlib.tensor as T
from graphlib.errors import InputError, ShapeError
from graphlib.nn.layers import (
    GRU,
    LSTM,
    Activation,
    BatchNormalization,
    Bidirectional,
    Conv1D,
    Conv2D,
    Dense,
    Embedding,
    Flatten,
    Layer,
    MaxPool2D,
    Parallel,
    Reshape,
    RowColumnMixing,
    Sequential,
)
from graphlib.nn.summary import memory, multiply_adds, rows


def of(layer, shape, dtype=None):
    return {row.name: row for row in rows(layer, shape, dtype)}


class TestRows:
    def test_a_convolutional_network(self):
        lenet = Sequential(
            [Reshape([1, 28, 28]), Conv2D(20, 5), MaxPool2D(2), Conv2D(50, 5, "tanh"), MaxPool2D(2),
             Flatten(), Dense(500, "tanh"), Dense(10, "softmax", trainable=False)]
        )  # fmt: skip
        found = of(lenet, (None, 784))
        assert found["conv2d_1"].multiply_adds == 20 * 24 * 24 * 25
        assert found["conv2d_2"].multiply_adds == 50 * 8 * 8 * 20 * 25
        assert found["dense_1"].multiply_adds == 800 * 500
        assert found["sequential"].multiply_adds == 288_000 + 1_600_000 + 400_000 + 5_000
        assert found["conv2d_2"].output == (None, 50, 8, 8)
        assert (found["conv2d_2"].parameters, found["conv2d_2"].bytes) == (25_050, 4 * 25_050)
        assert (found["dense_2"].parameters, found["dense_2"].learnt) == (5_010, 0)
        assert found["max_pool2d_1"].output_bytes == 4 * 20 * 12 * 12
        assert sum(row.parameters for row in found.values()) == sum(
            p.variable.get_value().size for p in lenet.parameters.values()
        )

    def test_recurrent_layers(self):
        model = Sequential([Embedding(50, 8), Bidirectional(LSTM(6, return_sequences=True)), GRU(4)])
        found = of(model, (None, 20), "int32")
        of_lstm = 20 * (8 * 24 + 6 * 24)
        assert found["forward"].multiply_adds == found["backward"].multiply_adds == of_lstm
        assert found["gru_1"].multiply_adds == 20 * (12 * 12 + 4 * 12)
        assert found["sequential"].multiply_adds == 2 * of_lstm + found["gru_1"].multiply_adds
        assert found["bidirectional_1"].output == (None, 20, 12)
        stateful = of(Sequential([LSTM(6, stateful=True), Dense(3)]), (None, 20, 8))
        assert stateful["sequential"].multiply_adds == of_lstm + 6 * 3
        of_unknown_length = of(model, (None, None), "int32")
        assert of_unknown_length["forward"].multiply_adds == of_lstm / 20
        assert of_unknown_length["bidirectional_1"].output == (None, None, 12)
        assert "of lengths that are not known" in model.summary((None, None), "int32")

    def test_what_is_kept_and_what_is_shared(self):
        shared = Dense(4, bias=None)
        model = Sequential([shared, BatchNormalization(), shared])
        found = rows(model, (None, 4))
        assert [row.parameters for row in found] == [0, 16, 8, 0]
        assert [row.bytes for row in found] == [0, 64, 64, 0]
        assert [row.multiply_adds for row in found] == [32, 16, 0, 16]

    def test_the_mixing_of_rows_and_columns(self):
        found = of(RowColumnMixing(), (None, 784))["row_column_mixing"]
        assert (found.parameters, found.multiply_adds) == (2 * 784, 2 * 28 * 784)

    def test_several_inputs_and_outputs(self):
        model = Parallel({"left": Dense(2), "right": Dense(3)}, merge=None)
        found = of(model, {"left": (None, 5), "right": (None, 7)})
        assert found["parallel"].output == {"left": (None, 2), "right": (None, 3)}
        assert found["parallel"].multiply_adds == 5 * 2 + 7 * 3
        assert of(Parallel([Dense(2), Dense(3)]), [(None, 5), (None, 7)])["parallel"].output == (None, 5)

    def test_a_layer_of_ones_own(self):
        class Twice(Layer):
            def __init__(self):
                self.inner = Dense(3)

            def output(self, x, training, mask):
                return T.dot(self.inner(x), np.ones((3, 7), "float32"))

        found = of(Twice(), (None, 4))
        assert found["twice"].multiply_adds == 4 * 3 + 3 * 7
        assert found["inner"].multiply_adds == 4 * 3

    def test_a_length_of_one_may_be_too_little(self):
        assert rows(Conv1D(4, 5), (None, None, 3))[0].multiply_adds is None


class TestText:
    def test_the_table(self):
        model = Sequential([Dense(500, "tanh"), [Dense(10, name="classes"), Activation("softmax")]])
        model(T.matrix("x", shape=(None, 784)))
        assert model.summary().splitlines() == [
            "layer                          output        parameters    memory  multiply-adds",
            "─" * 80,
            "sequential                     (batch, 10)",
            "  dense_1 (Dense)              (batch, 500)     392,500  1.50 MiB        392,000",
            "  sequential_1 (Sequential)    (batch, 10)",
            "    classes (Dense)            (batch, 10)        5,010  19.6 KiB          5,000",
            "    activation_1 (Activation)  (batch, 10)            0       0 B              0",
            "─" * 80,
            "397,510 parameters; 1.52 MiB with what is kept",
            "an example: 397,000 multiply-adds, 2.03 KiB of layers' outputs",
        ]

    def test_sizes(self):
        assert [memory(n) for n in (0, 1023, 1024, 1536, 2**20 * 100, 2**40)] == [
            "0 B", "1023 B", "1.00 KiB", "1.50 KiB", "100 MiB", "1024 GiB",
        ]  # fmt: skip

    def test_errors(self):
        with pytest.raises(InputError, match=r"dense has not been called yet: give the shape"):
            Dense(3).summary()
        with pytest.raises(ShapeError, match=r"layer dense_2 \(Dense, made at .*test_summary"):
            Sequential([Dense(3), Dense(3, initializer=np.ones((4, 3)))]).summary((None, 5))


def test_lengths_go_through_products():
    x, W = T.tensor3("x", shape=(2, 5, 4)), np.ones((4, 3), "float32")
    assert multiply_adds([T.dot(x, W)]) == 2 * 5 * 4 * 3
