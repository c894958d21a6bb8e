"""Whitening of examples: their values are made uncorrelated, with a variance of about 1, by a linear map that
is learnt from the training examples (A. Krizhevsky, "Learning multiple layers of features from tiny images",
2009, appendix A).

With C = U Λ Uᵀ the covariance of the values, an example x becomes (x − mean) U (Λ + ε)^(−1/2): its
coordinates along the eigenvectors, the one of the largest variance first (PCA). ZCA turns that back by Uᵀ: of
all whitened examples it is the nearest to the example as it was, and so an image stays one to the eye.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np

from .run_folder import ABOUT

Kind = Literal["pca", "zca"]
KINDS = ("pca", "zca")
#: Added to every variance, in units of that of a pixel from 0 to 1: no direction of mere noise is blown up by
#: more than 1 / sqrt(EPSILON).
EPSILON = 0.1


class Whitening(NamedTuple):
    """A map that whitens.

    Attributes:
        mean: of the training examples, (n,).
        matrix: (n, n); a whitened example is (x − mean) matrix.
    """

    mean: np.ndarray
    matrix: np.ndarray

    @classmethod
    def fit(cls, x: np.ndarray, kind: Kind, epsilon: float = EPSILON) -> Whitening:
        """The whitening of the examples `x`, (examples, n) of floats: computed in float64, kept in x's dtype.

        Errors: ValueError for another kind, other dtypes, fewer than two examples, an epsilon that is not
        above 0.
        """
        if kind not in KINDS:
            raise ValueError(f"whitening is pca or zca, not {kind!r}")
        if x.dtype.kind != "f":
            raise ValueError(f"x is of {x.dtype}: whitened values have fractions, so give x as floats")
        if not epsilon > 0:
            raise ValueError(f"epsilon is {epsilon}, and a pixel that never changes needs one above 0")
        if len(x) < 2:
            raise ValueError(f"there are {len(x)} examples, and a covariance needs two at least")
        mean = x.mean(axis=0, dtype="float64")
        # in parts: a float64 copy of all examples is not needed
        second = sum(
            part.T @ part
            for part in (x[i : i + 1000].astype("float64") - mean for i in range(0, len(x), 1000))
        )
        variances, directions = np.linalg.eigh(second / len(x))
        order = np.argsort(variances)[::-1]
        variances, directions = variances[order].clip(0), directions[:, order]
        # an eigenvector's sign is anybody's choice: its largest component shall be positive
        largest = np.abs(directions).argmax(axis=0)
        directions = directions * np.sign(directions[largest, np.arange(len(mean))])
        matrix = directions / np.sqrt(variances + epsilon)
        if kind == "zca":
            matrix = matrix @ directions.T
        return cls(mean.astype(x.dtype), matrix.astype(x.dtype))

    def __call__(self, x: Any) -> Any:
        """The whitened examples of `x`, (examples, n): arrays, or a symbolic matrix."""
        if isinstance(x, np.ndarray):
            return (x - self.mean) @ self.matrix
        import graphlib.tensor as T

        return T.dot(x - self.mean, self.matrix)

    def in_pixels(self, weights: np.ndarray) -> np.ndarray:
        """What units with these weights of whitened values, (n, units), look for in the values themselves."""
        return self.matrix @ weights

    def about(self) -> dict[str, np.ndarray]:
        """The entries of a model's file from which `of_about` makes it again."""
        return {f"{ABOUT}whitening_mean": self.mean, f"{ABOUT}whitening_matrix": self.matrix}

    @classmethod
    def of_about(cls, about: Mapping[str, np.ndarray]) -> Whitening | None:
        """The whitening that a model's file has (`run_folder.load_about`), or None."""
        if "whitening_matrix" not in about:
            return None
        return cls(about["whitening_mean"], about["whitening_matrix"])
