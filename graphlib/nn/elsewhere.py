"""What Keras and PyTorch call what is here, for who uses one of their names."""

from __future__ import annotations

import re
from collections.abc import Sequence

_SHAPE = "nothing: the first call finds the shape of the input"
#: their names of parameters: what to write
PARAMETERS = {
    "axis": "the layout is fixed: batch, channels, rows, columns, or batch, time, features",
    "batch_first": "nothing: the first axis is the batch",
    "batch_input_shape": _SHAPE,
    "beta_1": "beta1",
    "beta_2": "beta2",
    "betas": "beta1 and beta2",
    "bias_initializer": "bias, which is the name of an initializer, or None",
    "callbacks": "monitors",
    "data_format": "nothing: images are batch, channels, rows, columns",
    "dilation_rate": "dilation",
    "dropout": "a Dropout before or after the layer",
    "eps": "epsilon",
    "hidden_size": "units",
    "in_channels": _SHAPE,
    "in_features": _SHAPE,
    "input_dim": _SHAPE,
    "input_shape": _SHAPE,
    "input_size": _SHAPE,
    "kernel_constraint": "constraint",
    "kernel_initializer": "initializer",
    "kernel_regularizer": "regularizer",
    "kernel_size": "size",
    "lr": "learning_rate",
    "mask_zero": "padding=0",
    "num_embeddings": "size",
    "embedding_dim": "units",
    "out_channels": "filters",
    "out_features": "units",
    "p": "rate",
    "pool_size": "size",
    "strides": "stride",
    "use_bias": "bias=None for none",
    "validation_data": "validation=(x, y)",
    "validation_split": "validation=0.2, the share",
    "weight_decay": "a layer's regularizer={'l2': w}, or the optimizer adamw",
}
#: their names of losses, metrics, optimizers and layers: ours
NAMES = {
    "acc": "accuracy",
    "avg_pool2d": "average_pool2d",
    "average_pooling2d": "average_pool2d",
    "bce": "binary_crossentropy",
    "bce_loss": "binary_crossentropy",
    "categorical_accuracy": "accuracy",
    "categorical_crossentropy": "crossentropy",
    "cross_entropy_loss": "crossentropy",
    "fully_connected": "dense",
    "kld": "kl_divergence",
    "l1_loss": "absolute_error",
    "linear_layer": "dense",
    "mae": "absolute_error",
    "max_pooling2d": "max_pool2d",
    "mean_absolute_error": "absolute_error",
    "mean_squared_error": "squared_error",
    "mse": "squared_error",
    "mse_loss": "squared_error",
    "nll_loss": "crossentropy",
    "sparse_categorical_accuracy": "accuracy",
    "sparse_categorical_crossentropy": "crossentropy",
}


#: names of what models and layers can do: what to write
METHODS = {
    "add": "Sequential takes the list of its layers",
    "call": "the layer itself is called: layer(x)",
    "count_params": "summary() counts parameters",
    "cpu": "a function returns arrays",
    "eval": "layer(x) is for prediction, layer(x, training=True) for training",
    "evaluate": "Model(layer, loss) has score and evaluate",
    "fit": "Model(layer, loss) trains a layer",
    "forward": "the layer itself is called: layer(x)",
    "get_layer": 'model.layer["name"] is a layer by its name',
    "get_weights": "parameters has the shared variables by name, whose get_value() is the array",
    "layers": "model.layer has them",
    "load_state_dict": "load_parameters takes arrays by name",
    "load_weights": "Model.load reads what save wrote, load_parameters takes arrays by name",
    "named_parameters": "parameters has them by name",
    "predict": "Model(layer, loss) predicts",
    "save_weights": "save writes the model",
    "set_weights": "load_parameters takes arrays by name",
    "state_dict": "parameters has the shared variables by name, whose get_value() is the array",
    "train": "layer(x, training=True) is the layer while it trains",
    "train_on_batch": "model.fit(x, y, epochs=1, batch_size=None)",
    "trainable_variables": "params has them",
    "trainable_weights": "params has them",
    "weights": "parameters has the shared variables by name",
}


def name_here(name: str, known: Sequence[str]) -> str:
    """The end of a sentence that says what the object is called here, if it is among ``known``; or ''."""
    here = NAMES.get(name.lower(), NAMES.get(snake(name)))
    return f"; here it is {here}" if here in known else ""


def parameter_here(name: str) -> str:
    """The end of a sentence that says what to write for a parameter of another library; or ''."""
    return f"; write {PARAMETERS[name]}" if name in PARAMETERS else ""


def method_here(name: str) -> str:
    """The end of a sentence that says what to write for an attribute of another library's objects; or ''."""
    return f": {METHODS[name]}" if name in METHODS else ""


def snake(name: str) -> str:
    """``MaxPooling2D``: max_pooling2d."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
