"""Layers, one subject a file; see `graphlib.nn.layers.base` for what they have in common."""

from .activation import Activation, PReLU
from .base import Layer, Parameter
from .containers import Parallel, Sequential
from .dense import Dense, Maxout
from .noise import Dropout, GaussianNoise

__all__ = [
    "Activation",
    "Dense",
    "Dropout",
    "GaussianNoise",
    "Layer",
    "Maxout",
    "PReLU",
    "Parallel",
    "Parameter",
    "Sequential",
]
