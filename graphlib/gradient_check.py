"""Gradients held against finite differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .errors import GradientError
from .gradient import grad
from .graph import TensorType, Variable


def verify_grad(
    fun: Callable[..., Variable],
    pt: Sequence[Any],
    n_tests: int = 2,
    rng: Any = None,
    eps: float | None = None,
    abs_tol: float | None = None,
    rel_tol: float | None = None,
    mode: str | None = None,
) -> None:
    """Hold the gradient of ``fun`` at the point ``pt`` (arrays) against central differences along random
    projections.

    Raises GradientError with both numbers where they differ by more than the tolerances (defaults by dtype).
    """
    from .compile.function import function  # what compiles is loaded when something is compiled

    rng = rng if rng is not None else np.random.RandomState(0)
    points = [np.array(p) for p in pt]
    points = [p.astype("float64") if p.dtype.kind == "f" and p.dtype.itemsize < 4 else p for p in points]
    inputs = [TensorType(p.dtype, p.shape)(f"input {i}") for i, p in enumerate(points)]
    output = fun(*inputs)
    if isinstance(output, (list, tuple)):
        raise GradientError("verify_grad: the function must return one variable")
    # differences have the digits of the narrowest dtype on the way
    single = "float32" in [output.dtype, *(p.dtype for p in points)]
    step = eps if eps is not None else 1e-2 if single else 1e-6
    abs_tol = abs_tol if abs_tol is not None else 1e-2 if single else 1e-6
    rel_tol = rel_tol if rel_tol is not None else 1e-2 if single else 1e-6
    projection = TensorType(output.dtype, (None,) * output.ndim)("projection")
    cost = (output * projection).sum()
    if not cost.type.is_inexact:
        # what goes in steps has a gradient of zeros
        cost = cost.astype("floatX")
    floats = [i for i, p in enumerate(points) if p.dtype.kind == "f"]
    value = function(inputs, output, mode=mode, on_unused_input="ignore")
    gradient = function(
        [*inputs, projection],
        grad(cost, [inputs[i] for i in floats], disconnected_inputs="ignore"),
        mode=mode,
        on_unused_input="ignore",
    )
    for _ in range(n_tests):
        weights = np.asarray(rng.uniform(0.5, 1.5, value(*points).shape), dtype=output.dtype)
        symbolic = gradient(*points, weights)
        for i, g in zip(floats, symbolic, strict=True):
            flat = points[i].reshape(-1)
            for k in range(flat.size):
                moved = []
                for sign in (1, -1):
                    shifted = [p.copy() for p in points]
                    shifted[i].reshape(-1)[k] += sign * step
                    moved.append(np.sum(value(*shifted).astype("float64") * weights))
                numeric = (moved[0] - moved[1]) / (2 * step)
                got = float(np.asarray(g).reshape(-1)[k])
                if not abs(got - numeric) <= abs_tol + rel_tol * max(abs(got), abs(numeric)):
                    raise GradientError(
                        f"verify_grad: the gradient of {output.describe()} by element {k} of input {i} is "
                        f"{got}, "
                        f"finite differences (step {step}) give {numeric}"
                    )
