"""How functions of matrices are registered, and the matrices of their samples."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..graph import Variable
from .elementwise import switch
from .linalg import matmul
from .matrix_arguments import identity_like, transposed
from .op import Sample, register
from .reduce import sum as sum_


def regular(*shape: int) -> np.ndarray:
    """Matrices that are far from singular, and whose singular values are apart."""
    random = np.random.RandomState(sum(shape))
    n = max(shape[-2:])
    return (
        random.uniform(-0.5, 0.5, shape)
        + (np.diag(np.arange(1.0, n + 1)) + np.eye(n))[: shape[-2], : shape[-1]]
    )


def uniform_of(*shape: int) -> np.ndarray:
    return np.random.RandomState(7 + sum(shape)).uniform(-1, 1, shape)


def positive_definite(x: Variable) -> Variable:
    return matmul(x, transposed(x)) + identity_like(x)


def of_one_sign(v: Variable) -> Variable:
    """Columns, which are known but for their sign, with a positive sum of their elements' cubes."""
    total = sum_(v**3, axis=-2, keepdims=True)
    return v * switch(total < 0, -1, 1)


def register_cases(function: Callable, *cases: tuple, differentiable: bool = True) -> None:
    """Of the gradients of the cases behind None only the first order is tried, and not on all backends."""
    until = cases.index(None) if None in cases else len(cases)
    register(
        function.__name__,
        function,
        lambda: [
            Sample(case[0], case[1:], differentiable=k < until and differentiable)
            for k, case in enumerate(case for case in cases if case is not None)
        ],
    )
