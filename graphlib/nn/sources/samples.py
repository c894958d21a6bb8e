"""Sources of the small data sets that come with scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...datasets import DataError
from ..registry import register, snake_case
from .dataset import DataSet
from .tables import Columns


@dataclass
class _Sample(Columns):
    """A small data set that comes with scikit-learn; its target is its own unless another column is given."""

    target: str | int | dict[str, str | int] = "target"

    def load(self, seed: int) -> DataSet:
        try:
            import sklearn.datasets
        except ImportError:
            name = snake_case(type(self).__name__)
            raise DataError(f"{name} comes with scikit-learn: pip install scikit-learn") from None
        found = getattr(sklearn.datasets, self._loader)()
        columns = {
            str(name).removesuffix(" (cm)"): found.data[:, n] / self._scale
            for n, name in enumerate(found.feature_names)
        }
        columns["target"] = np.asarray(found.target, "float64")
        if len(getattr(found, "target_names", ())):
            columns["target"] = np.asarray(found.target_names).astype(np.str_)[found.target]
        return self._chosen(
            columns, seed, f"scikit-learn's {snake_case(type(self).__name__)}", image_shape=self._image
        )

    _loader, _scale, _image = "", 1.0, None


@register("data")
@dataclass
class Digits(_Sample):
    """1,797 handwritten digits of 8 by 8 pixels in [0, 1] (E. Alpaydin and C. Kaynak, 1998)."""

    _loader, _scale, _image = "load_digits", 16.0, (8, 8)

    def _labels(self, column: np.ndarray) -> tuple[np.ndarray, list[str]]:
        labels, classes = super()._labels(column)
        return labels, [] if classes == [str(n) for n in range(10)] else classes


@register("data")
@dataclass
class Iris(_Sample):
    """150 flowers of three kinds, by four lengths (R. Fisher, 1936)."""

    _loader = "load_iris"


@register("data")
@dataclass
class Wine(_Sample):
    """178 wines of three makers, by 13 chemical measurements (M. Forina et al.)."""

    _loader = "load_wine"


@register("data")
@dataclass
class BreastCancer(_Sample):
    """569 tumours, malignant or benign, by 30 measurements (W. Wolberg et al., 1995)."""

    _loader = "load_breast_cancer"


@register("data")
@dataclass
class Diabetes(_Sample):
    """442 patients' progress of diabetes, by ten measurements (B. Efron et al., 2004)."""

    _loader = "load_diabetes"
