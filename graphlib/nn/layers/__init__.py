"""Layers, one subject a file; see `graphlib.nn.layers.base` for what they have in common."""

from .activation import Activation, PReLU
from .base import Layer, Parameter
from .bias import Bias
from .containers import Parallel, Sequential
from .convolution import Conv1D, Conv2D
from .dense import Dense, Maxout
from .embedding import Embedding
from .masking import Masking
from .mixing import RowColumnMixing
from .noise import Dropout, GaussianNoise
from .normalization import BatchNormalization, LayerNormalization
from .pooling import AveragePool2D, GlobalAveragePool, GlobalMaxPool, MaxPool2D
from .recurrent import GRU, LSTM, Bidirectional, SimpleRNN
from .shape import Dimshuffle, Flatten, Reshape

__all__ = [
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
    "Parameter",
    "Reshape",
    "RowColumnMixing",
    "Sequential",
    "SimpleRNN",
]
