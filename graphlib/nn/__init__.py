"""Layers, losses, optimizers, training and run files, on graphlib's symbolic variables.

A layer is a callable on symbolic variables: ``y = Dense(500, "relu")(x)`` makes its parameters at the first
call and shares them with later ones. A `Model` is a layer with a loss, an optimizer and a training loop.
Everything can also be named in a run file, see `graphlib.nn.runfile` and ``python -m graphlib.nn --help``.

The public names are loaded when they are first used (PEP 562), so that importing this package loads nothing
that a program does not use.
"""

import importlib

#: submodule -> the public names that come from it
_NAMES_OF = {
    ".constraints": ("MaxNorm", "NonNegative", "UnitNorm"),
    ".data": ("Batches", "from_one_hot", "one_hot", "split"),
    ".estimators": ("Classifier", "Regressor"),
    ".initializers": ("Constant", "Normal", "Orthogonal", "Uniform", "VarianceScaling"),
    ".layers": (
        "GRU",
        "LSTM",
        "Activation",
        "AveragePool2D",
        "BatchNormalization",
        "Bias",
        "Bidirectional",
        "Conv1D",
        "Conv2D",
        "Dense",
        "Dimshuffle",
        "Dropout",
        "Embedding",
        "Flatten",
        "GaussianNoise",
        "GlobalAveragePool",
        "GlobalMaxPool",
        "Layer",
        "LayerNormalization",
        "Masking",
        "MaxPool2D",
        "Maxout",
        "PReLU",
        "Parallel",
        "Reshape",
        "RowColumnMixing",
        "Sequential",
        "SimpleRNN",
    ),
    ".losses": (
        "AbsoluteError",
        "BinaryCrossentropy",
        "Crossentropy",
        "Hellinger",
        "Hinge",
        "KLDivergence",
        "SquaredError",
    ),
    ".metrics": ("Accuracy", "Error", "TopAccuracy"),
    ".model": ("History", "Model"),
    ".monitors": (
        "EarlyStopping",
        "Filters",
        "Patience",
        "ReduceOnPlateau",
        "Snapshots",
        "TensorBoard",
        "TextSamples",
        "WeightStatistics",
    ),
    ".notebook": ("RunFolder",),
    ".optimizers": ("SGD", "AdaDelta", "AdaGrad", "Adam", "AdamW", "Adamax", "RMSprop"),
    ".registry": ("ConfigError", "build", "config_of", "register"),
    ".regularizers": ("L1", "L2"),
    ".schedules": ("Cosine", "Exponential", "InverseTime", "PiecewiseLinear", "Steps"),
    ".selection": ("calibrate_rates", "cross_validate"),
}
_HOME = {name: module for module, names in _NAMES_OF.items() for name in names}
_SUBMODULES = (
    "activations",
    "constraints",
    "data",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "monitors",
    "optimizers",
    "regularizers",
    "schedules",
    "training",
)

__all__ = sorted((*_HOME, *_SUBMODULES))


def __getattr__(name: str) -> object:
    if name in _HOME:
        globals()[name] = getattr(importlib.import_module(_HOME[name], __name__), name)
    elif name in _SUBMODULES:
        globals()[name] = importlib.import_module(f".{name}", __name__)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
