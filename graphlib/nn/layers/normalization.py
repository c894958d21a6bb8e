"""Normalisation: by the statistics of a batch, or of each example."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...configuration import config
from ...distributed import Part, current
from ...graph import Variable
from ...graph.types import normalize_axes
from ...tensor import as_tensor_variable as as_variable
from ...tensor import batch_normalization_test, batch_normalization_train, sqr, sqrt
from ...tensor import mean as mean_
from ...tensor import sum as sum_
from ..registry import register
from ..schema import Fraction, Initializer, Positive
from .base import Layer, as_float


class _Normalization(Layer):
    """A layer that ends with a factor gamma and a term beta."""

    def _scale_and_shift(self, shape: tuple[int, ...]) -> list[Variable]:
        """gamma and beta: parameters, or constants where there shall be none."""
        found = []
        for name, initializer, without in (
            ("gamma", self.gamma_initializer, 1),
            ("beta", self.beta_initializer, 0),
        ):
            if initializer is None:
                found.append(as_variable(np.full(shape, without, config.floatX)))
            else:
                found.append(self.parameter(name, shape, initializer))
        return found

    def output_mask(self, x: Variable, mask: Variable | None) -> Variable | None:
        return mask


@register("layer")
@dataclass(eq=False, repr=False)
class BatchNormalization(_Normalization):
    """gamma (x − mean) / √(variance + epsilon) + beta for each feature, or each channel of images (S. Ioffe
    and C. Szegedy, "Batch normalization", 2015).

    While training, mean and variance are those of the batch, over rows, columns and time too (where a mask is
    1); afterwards they are running means over the batches of training, of the variance the unbiased one's.

    Args:
        epsilon: keeps the root away from 0.
        running_average_factor: how much of a running mean each batch replaces.
        gamma_initializer, beta_initializer: None for no such parameter, i.e. 1 and 0.
    """

    epsilon: Positive = 1e-5
    running_average_factor: Fraction = 0.1
    gamma_initializer: Initializer | None = 1.0
    beta_initializer: Initializer | None = 0.0

    def build(self, x: Variable) -> None:
        self.dimensions(x, 2, 3, 4)
        shape = (self.length(x, 1 if x.ndim == 4 else -1),)
        self.gamma, self.beta = self._scale_and_shift(shape)
        self.running_mean = self.keep("running_mean", shape)
        self.running_variance = self.keep("running_variance", shape, 1.0)

    def output(self, x: Variable, training: bool, mask: Variable | None) -> Variable:
        self.dimensions(x, 2, 3, 4)
        x = as_float(x)
        axes = {2: (0,), 3: (0, 1), 4: (0, 2, 3)}[x.ndim]
        gamma, beta = self.gamma, self.beta
        if not training:
            return batch_normalization_test(
                x, gamma, beta, self.running_mean, self.running_variance, axes, self.epsilon
            )
        weights = None
        if mask is not None and x.ndim == 3:
            weights = mask.astype(x.dtype).dimshuffle(0, 1, "x")
        part = current()
        if part is not None:
            return self._over_ranks(x, gamma, beta, axes, weights, part)
        if weights is not None:
            return self._masked(x, gamma, beta, weights)
        y, _, _, mean, variance = batch_normalization_train(
            x,
            gamma,
            beta,
            axes,
            self.epsilon,
            self.running_average_factor,
            self.running_mean,
            self.running_variance,
        )
        self.update(self.running_mean, mean)
        self.update(self.running_variance, variance)
        return y

    def _masked(self, x: Variable, gamma: Variable, beta: Variable, mask: Variable) -> Variable:
        count = sum_(mask)
        mean = sum_(mask * x, axis=(0, 1)) / count
        variance = sum_(mask * sqr(x - mean), axis=(0, 1)) / count
        self._run_on(mean, variance, count)
        return (x - mean) * (gamma / sqrt(variance + self.epsilon)) + beta

    def _over_ranks(
        self,
        x: Variable,
        gamma: Variable,
        beta: Variable,
        axes: tuple[int, ...],
        weights: Variable | None,
        part: Part,
    ) -> Variable:
        """By the statistics of the whole minibatch, of which this rank has a part."""
        mean, variance, count = part.statistics(x, axes, weights)
        self._run_on(mean, variance, count)
        features = ["x" if axis in axes else 0 for axis in range(x.ndim)]
        scale = (gamma / sqrt(variance + self.epsilon)).dimshuffle(*features)
        return (x - mean.dimshuffle(*features)) * scale + beta.dimshuffle(*features)

    def _run_on(self, mean: Variable, variance: Variable, count: Variable) -> None:
        """Have the running statistics take in those of a minibatch."""
        share = self.running_average_factor
        unbiased = variance * (count / (count - 1).clip(1, float("inf")))
        self.update(self.running_mean, (1 - share) * self.running_mean + share * mean)
        self.update(self.running_variance, (1 - share) * self.running_variance + share * unbiased)


@register("layer")
@dataclass(eq=False, repr=False)
class LayerNormalization(_Normalization):
    """gamma (x − mean) / √(variance + epsilon) + beta by the mean and variance of each example, or each step
    of a sequence (J. Ba, J. Kiros and G. Hinton, "Layer normalization", 2016).

    Args:
        axis: the axes that are normalised over, behind the batch: −1 for the features, (1, 2, 3) for all of
            an image.
        epsilon: keeps the root away from 0.
        gamma_initializer, beta_initializer: of parameters as long as the input along `axis`; None for none,
            i.e. 1 and 0.
    """

    axis: int | tuple[int, ...] = -1
    epsilon: Positive = 1e-5
    gamma_initializer: Initializer | None = 1.0
    beta_initializer: Initializer | None = 0.0

    def build(self, x: Variable) -> None:
        shape = tuple(self.length(x, axis) for axis in self._axes(x))
        self.gamma, self.beta = self._scale_and_shift(shape)

    def output(self, x: Variable, training: bool, mask: Variable | None) -> Variable:
        x, axes = as_float(x), self._axes(x)
        mean = mean_(x, axis=axes, keepdims=True)
        variance = mean_(sqr(x - mean), axis=axes, keepdims=True)
        along = [axes.index(axis) if axis in axes else "x" for axis in range(x.ndim)]
        gamma, beta = self.gamma.dimshuffle(*along), self.beta.dimshuffle(*along)
        return (x - mean) / sqrt(variance + self.epsilon) * gamma + beta

    def _axes(self, x: Variable) -> tuple[int, ...]:
        return normalize_axes(self.axis, x.ndim, "the normalisation")
