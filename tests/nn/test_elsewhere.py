"""Who writes other libraries' names is told what to write."""

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.errors import InputError
from graphlib.nn import Dense, Model, Sequential, elsewhere, layers, optimizers, registry

X = np.random.RandomState(0).rand(12, 4).astype("float32")
Y = np.arange(12) % 3


def model(loss="crossentropy", *rest):
    return Model([Dense(3, "softmax")], loss, *rest)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: Dense(3, input_shape=(4,)), "Dense has no parameter 'input_shape'; write nothing"),
        (lambda: Dense(3, use_bias=False), "write bias=None for none"),
        (lambda: Dense(3, unit=3), "did you mean units"),
        (lambda: layers.Conv2D(4, kernel_size=3), "Conv2D has no parameter 'kernel_size'; write size"),
        (lambda: optimizers.Adam(lr=0.1), "Adam has no parameter 'lr'; write learning_rate"),
        (lambda: Sequential(Dense(3), Dense(2)), "given 2 values: write them as one list"),
        (lambda: Model(Dense(3), Dense(2)), "is a layer: layers that follow each other are one list"),
        (lambda: model("mse"), "no loss 'mse'; here it is squared_error"),
        (lambda: model("sparse_categorical_crossentropy"), "here it is crossentropy"),
        (lambda: model("crossentropy", "adam", ["acc"]), "here it is accuracy"),
        (lambda: Model([{"MaxPooling2D": 2}]), "no layer 'MaxPooling2D'; here it is max_pool2d"),
        (lambda: registry.build("optimizer", {"adam": {"lr": 1}}), "no parameter 'lr'; write learning_rate"),
        (lambda: model().fit(X, Y, validation_split=0.2), "Model.fit has no parameter .*validation=0.2"),
        (lambda: model().fit(X, Y, callbacks=[]), "write monitors"),
        (lambda: model().fit(X, Y, class_weight=[1, 2, 3]), "class_weight is a mapping"),
        (lambda: model().fit({"a": X}, Y), "takes one tensor, not several by name .a."),
        (lambda: model().fit(X[:, 0], Y), "the input must have a batch and its features"),
        (lambda: model("crossentropy", optimizers.SGD(-0.1)), "SGD: learning_rate must be at least 0"),
        (lambda: optimizers.Adam(beta1=2).updates([], []), "Adam: beta1 must be"),
        (lambda: model().layers, "a model has no layers: model.layer"),
        (lambda: Dense(3).W, "Dense has no W, or not yet: the first call makes its parameters"),
        (lambda: Sequential([Dense(3)]).fit(X, Y), "Sequential has no fit: Model"),
    ],
)  # fmt: skip
def test_what_to_write_is_said(wrong, says):
    with pytest.raises((InputError, registry.ConfigError, AttributeError, ValueError), match=says):
        wrong()


def test_what_is_said_exists():
    known = {name for kind in ("layer", "loss", "metric", "optimizer") for name in registry.names(kind)}
    assert {*elsewhere.NAMES.values()} <= known
    assert not known & {*elsewhere.NAMES}


def test_a_model_that_was_given_wrong_inputs_takes_right_ones():
    net = model()
    with pytest.raises(InputError):
        net.fit({"a": X}, Y, epochs=1, verbose=False)
    net.trainable = False
    net.predict(X)
    assert net.layer.params == [] and not net.trainable


def test_numbers_of_optimizers_may_be_symbolic():
    w, rate = graphlib.shared(1.0), T.scalar("rate")
    for given in (rate, graphlib.shared(0.5), np.float32(0.5), {"constant": 0.5}):
        assert optimizers.SGD(given, momentum=0).updates([w], [T.ones_like(w)])


class Own(layers.Layer):
    """A layer of a user's own, which takes what it likes."""

    def __init__(self, **options):
        self.options = options

    def output(self, x, training, mask):
        return x * self.options["kernel_size"]


def test_a_layer_of_ones_own_takes_what_it_likes():
    assert Own(kernel_size=2)(T.constant(X)).ndim == 2
