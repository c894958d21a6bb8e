"""What parameters start with: objects that draw an array, ``initializer(rng, shape, fans)``.

Wherever an initializer is asked for, a number stands for a constant and an array for itself; a layer also
takes a shared variable, which then *is* its parameter, or an expression, such as another layer's ``W.T``.

*Fans* are how many values a unit reads, and how many units read a value: of a matrix its rows and columns, of
filters (out, in, rows, columns) in · rows · columns and out · rows · columns. In what follows they are n_in
and n_out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from graphlib.errors import ShapeError

from .registry import register

__all__ = [
    "Constant",
    "Given",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Normal",
    "Ones",
    "Orthogonal",
    "TruncatedNormal",
    "Uniform",
    "VarianceScaling",
    "Zeros",
    "fans_of",
]

Fans = tuple[float, float]
Distribution = Literal["uniform", "normal", "truncated_normal"]

#: standard deviation of a standard normal without what is beyond ±2
_WITHIN_TWO = 0.87962566103423978


def fans_of(shape: Sequence[int]) -> Fans:
    """(n_in, n_out) of an array of weights; of a vector, its length for both."""
    if len(shape) < 2:
        return (math.prod(shape), math.prod(shape))
    if len(shape) == 2:
        return (shape[0], shape[1])
    places = math.prod(shape[2:])
    return (shape[1] * places, shape[0] * places)


class Initializer:
    """Base of initializers, and what a user's own one needs: to be called."""

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans) -> np.ndarray:
        """An array of this shape, of any floating dtype; `fans` are those of `shape` unless the layer knows
        better."""
        raise NotImplementedError


@register("initializer")
@dataclass
class Constant(Initializer):
    """The same value everywhere."""

    value: float = 0.0

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans) -> np.ndarray:
        return np.full(shape, self.value, "float64")


@register("initializer")
@dataclass
class Given(Initializer):
    """The place of an array that a program gave, in a model's file: its values are among the parameters, and
    without these they are NaN.

    Args:
        shape: of the array.
    """

    shape: list[int]

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans) -> np.ndarray:
        if tuple(self.shape) != tuple(shape):
            raise ShapeError(f"an array of shape {tuple(self.shape)} was given for a parameter of {shape}")
        return np.full(shape, np.nan)


@register("initializer")
class Zeros(Constant):
    """0 everywhere."""

    def __init__(self) -> None:
        super().__init__(0.0)


@register("initializer")
class Ones(Constant):
    """1 everywhere."""

    def __init__(self) -> None:
        super().__init__(1.0)


@register("initializer")
@dataclass
class Uniform(Initializer):
    """Uniform in [low, high); Uniform(scale) is in ±scale."""

    scale: float = 0.05
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if (self.low is None) != (self.high is None) or (self.low is not None and self.low > self.high):
            raise ValueError(
                f"low and high must be given together, low first, not {self.low} and {self.high}"
            )

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans) -> np.ndarray:
        low, high = (-self.scale, self.scale) if self.low is None else (self.low, self.high)
        return rng.uniform(low, high, shape)


@register("initializer")
@dataclass
class Normal(Initializer):
    """Normal, with this standard deviation and mean."""

    std: float = 0.01
    mean: float = 0.0

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans) -> np.ndarray:
        return rng.normal(self.mean, self.std, shape)


@register("initializer")
@dataclass
class TruncatedNormal(Initializer):
    """Normal, drawn again where it is more than 2 `std` from the mean: its own deviation is 0.88 `std`."""

    std: float = 0.05
    mean: float = 0.0

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans) -> np.ndarray:
        return self.mean + self.std * _truncated(rng, shape)


def _truncated(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Standard normals, each drawn again until it lies within ±2."""
    values = rng.standard_normal(shape)
    while (beyond := np.abs(values) > 2).any():
        values[beyond] = rng.standard_normal(int(beyond.sum()))
    return values


@register("initializer")
@dataclass
class VarianceScaling(Initializer):
    """Values of mean 0 and variance scale / n, with n = n_in, n_out or their mean.

    The variance is that of what is drawn, also of the truncated normal distribution.
    """

    scale: float = 1.0
    mode: Literal["fan_in", "fan_out", "fan_avg"] = "fan_in"
    distribution: Distribution = "truncated_normal"

    def __post_init__(self) -> None:
        if not self.scale > 0:
            raise ValueError(f"scale must be above 0, not {self.scale}")

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans) -> np.ndarray:
        n_in, n_out = fans
        n = {"fan_in": n_in, "fan_out": n_out, "fan_avg": (n_in + n_out) / 2}[self.mode]
        deviation = math.sqrt(self.scale / max(1.0, n))
        if self.distribution == "uniform":
            return rng.uniform(-1, 1, shape) * (math.sqrt(3) * deviation)
        if self.distribution == "normal":
            return rng.standard_normal(shape) * deviation
        return _truncated(rng, shape) * (deviation / _WITHIN_TWO)


@dataclass
class _Named(Initializer):
    """A VarianceScaling with a name, all of it multiplied by `gain`: √2 makes up for relu, 4 for sigmoid."""

    gain: float = 1.0
    scaling: ClassVar[VarianceScaling]

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans) -> np.ndarray:
        return self.gain * self.scaling(rng, shape, fans)


@register("initializer")
class GlorotUniform(_Named):
    """Uniform in ±gain √(6 / (n_in + n_out)) (X. Glorot and Y. Bengio, "Understanding the difficulty of
    training deep feedforward neural networks", 2010, equation 16; for the sigmoid they take a gain of 4)."""

    scaling = VarianceScaling(1.0, "fan_avg", "uniform")


@register("initializer")
class GlorotNormal(_Named):
    """Normal with the variance 2 gain² / (n_in + n_out) (Glorot and Bengio, 2010)."""

    scaling = VarianceScaling(1.0, "fan_avg", "normal")


@register("initializer")
class HeUniform(_Named):
    """Uniform in ±gain √(6 / n_in) (K. He et al., "Delving deep into rectifiers", 2015)."""

    scaling = VarianceScaling(2.0, "fan_in", "uniform")


@register("initializer")
class HeNormal(_Named):
    """Normal with the variance 2 gain² / n_in (He et al., 2015)."""

    scaling = VarianceScaling(2.0, "fan_in", "normal")


@register("initializer")
class LecunUniform(_Named):
    """Uniform in ±gain √(3 / n_in) (Y. LeCun et al., "Efficient BackProp", 1998)."""

    scaling = VarianceScaling(1.0, "fan_in", "uniform")


@register("initializer")
class LecunNormal(_Named):
    """Normal with the variance gain² / n_in (LeCun et al., 1998)."""

    scaling = VarianceScaling(1.0, "fan_in", "normal")


@register("initializer")
@dataclass
class Orthogonal(Initializer):
    """A random matrix whose rows or columns, whichever are fewer, are orthogonal and `gain` long (A. Saxe,
    J. McClelland and S. Ganguli, 2013). Axes behind the first are taken as one.
    """

    gain: float = 1.0

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans) -> np.ndarray:
        if len(shape) < 2:
            raise ValueError(f"Orthogonal makes arrays of two dimensions or more, not of shape {shape}")
        rows, columns = shape[0], math.prod(shape[1:])
        q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
        q = q * np.sign(np.diagonal(r))  # makes it uniform among all orthogonal ones (F. Mezzadri, 2007)
        return self.gain * (q if rows >= columns else q.T).reshape(shape)


@register("initializer")
@dataclass
class Identity(Initializer):
    """`gain` on the diagonal of a matrix, 0 elsewhere (for recurrent relu units: Q. Le, N. Jaitly and
    G. Hinton, 2015)."""

    gain: float = 1.0

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans) -> np.ndarray:
        if len(shape) != 2:
            raise ValueError(f"Identity makes matrices, not arrays of shape {shape}")
        return self.gain * np.eye(*shape)
