"""What a model is to the benchmarks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.benchmarks.figures import TOLERANCE


@dataclass(frozen=True)
class Model:
    """A step: about: what it is, in words.

    cost: of `ops`, the parameters by name and the inputs; a scalar. Of a 'jacobian' the outputs, a row an
    example; of 'replace' the scalar and the new parameters by name.
    shapes: of the parameters; those that begin with 'gamma' begin as ones, other vectors as zeros, the rest
    is drawn with the variance 2 / fan in; or, where ranges has a name, uniformly between two numbers.
    inputs: makes the inputs of a step.
    how: 'adam' and 'sgd' train; 'gradients' gives the cost and its gradients by all parameters, or by the
    first input where there are none, 'jacobian' the derivatives of every output by the first input, 'replace'
    what takes the parameters' places, 'value' only the cost.
    losses: of the first step and of the last of the first block; with 'gradients' and 'jacobian' the second
    is a number for the derivatives.
    products: (m, n, k) of the products in the way forward; if there are none, copies of the inputs and
    parameters are the yardstick.
    """

    about: str
    cost: Callable[..., Any]
    shapes: Mapping[str, Sequence[int]]
    inputs: Callable[[np.random.Generator], list[np.ndarray]]
    how: str
    losses: tuple[float, float]
    steps: int = 10
    products: Sequence[tuple[int, int, int]] = ()
    rate: float = 1e-4
    dtype: str = "float32"
    tolerance: float = TOLERANCE
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def parameters(self) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(5)

        def initial(name: str, shape: Sequence[int]) -> np.ndarray:
            if name in self.ranges:
                return rng.uniform(*self.ranges[name], shape)
            if len(shape) < 2:
                return (np.ones if name.startswith("gamma") else np.zeros)(shape)
            fan_in = np.prod(shape[1:]) if len(shape) == 4 else shape[0]
            return rng.standard_normal(shape) * np.sqrt(2 / fan_in)

        return {name: initial(name, shape).astype(self.dtype) for name, shape in self.shapes.items()}

    def arrays(self) -> list[np.ndarray]:
        """The inputs, floats in the model's dtype."""
        drawn = self.inputs(np.random.default_rng(6))
        return [np.ascontiguousarray(a, self.dtype if a.dtype.kind == "f" else None) for a in drawn]


def told(value: Any, derivatives: Sequence[Any], steps: int) -> list[float]:
    """What a block of steps whose results are all the same reports: the cost, and at its end a number for
    the derivatives."""
    total = sum(float(np.abs(np.ravel(np.asarray(d))[:1000]).sum()) for d in derivatives)
    return [float(value)] * (steps - 1) + [total] if steps > 1 else [float(value)] * steps
