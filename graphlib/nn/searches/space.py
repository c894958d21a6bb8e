"""The values that are tried for a key of a run file."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from ..registry import register
from ..schema import Range

Points = Annotated[int, Range(2)]


class Distribution:
    """Base of ranges and choices."""

    def optuna(self) -> Any:
        """As Optuna has it."""
        raise NotImplementedError

    def grid(self) -> list[Any]:
        """The values of a grid; ValueError where it is not said how many."""
        raise NotImplementedError

    def ends(self) -> list[Any]:
        """Values that are to be possible: the ends, or all."""
        raise NotImplementedError

    def taken(self, value: Any) -> Any:
        """A value as Optuna draws it, as it is tried."""
        return value


def _ordered(bounds: tuple[float, float]) -> None:
    low, high = bounds
    if not low < high:
        raise ValueError(f"bounds go from the lower to the higher, and are {low:g} and {high:g}")


class _Interval(Distribution):
    bounds: tuple[float, float]
    points: int | None
    logarithmic = False

    def optuna(self) -> Any:
        from optuna.distributions import FloatDistribution

        return FloatDistribution(*self.bounds, log=self.logarithmic)

    def grid(self) -> list[float]:
        if self.points is None:
            raise ValueError("a grid needs to know how many values: give points, or a choice")
        low, high = self.bounds
        spaced = np.geomspace if self.logarithmic else np.linspace
        return [self.taken(float(value)) for value in spaced(low, high, self.points)]

    def ends(self) -> list[float]:
        return list(self.bounds)

    def taken(self, value: float) -> float:
        """Six digits are enough for a table to say what was tried."""
        low, high = self.bounds
        return min(max(float(f"{value:.6g}"), low), high)


@register("search distribution")
@dataclass
class Uniform(_Interval):
    """Numbers of an interval, all as probable.

    Args:
        bounds: the lowest and the highest.
        points: of a grid, evenly spaced.
    """

    bounds: tuple[float, float]
    points: Points | None = None

    def __post_init__(self) -> None:
        _ordered(self.bounds)


@register("search distribution")
@dataclass
class Log(_Interval):
    """Positive numbers of an interval, whose logarithm is uniform: as many from 0.001 to 0.01 as from 0.01
    to 0.1.

    Args:
        bounds: the lowest and the highest.
        points: of a grid, of equal ratios.
    """

    bounds: tuple[float, float]
    points: Points | None = None

    logarithmic = True

    def __post_init__(self) -> None:
        _ordered(self.bounds)
        if self.bounds[0] <= 0:
            raise ValueError(f"bounds of a logarithmic range are above 0, not {self.bounds[0]:g}")


@register("search distribution", "int")
@dataclass
class Int(Distribution):
    """Whole numbers of an interval, both ends included.

    Args:
        bounds: the lowest and the highest.
        step: from one to the next.
        log: whether their logarithm is uniform; there is no step then.
        points: of a grid; None for all numbers.
    """

    bounds: tuple[int, int]
    step: Annotated[int, Range(1)] = 1
    log: bool = False
    points: Points | None = None

    def __post_init__(self) -> None:
        _ordered(self.bounds)
        if self.log and self.bounds[0] < 1:
            raise ValueError(f"bounds of a logarithmic range are above 0, not {self.bounds[0]}")
        if self.log and self.step != 1:
            raise ValueError("step must be 1 where log is true")

    def optuna(self) -> Any:
        from optuna.distributions import IntDistribution

        low, high = self.bounds
        return IntDistribution(low, high - (high - low) % self.step, log=self.log, step=self.step)

    def grid(self) -> list[int]:
        low, high = self.bounds
        if self.points is None:
            return list(range(low, high + 1, self.step))
        spaced = np.geomspace if self.log else np.linspace
        steps = [round((value - low) / self.step) for value in spaced(low, high, self.points)]
        last = (high - low) // self.step
        return sorted({low + min(step, last) * self.step for step in steps})

    def ends(self) -> list[int]:
        return list(self.bounds)


@register("search distribution")
@dataclass
class Choice(Distribution):
    """One of several values, which may be names with parameters.

    Args:
        values: a list.
    """

    values: list[Any]

    def __post_init__(self) -> None:
        if len(self.values) < 2:
            raise ValueError("values must be two at least")
        written = [_written(value) for value in self.values]
        twice = [text for text in written if written.count(text) > 1]
        if twice:
            raise ValueError(f"values must differ, and {twice[0]} is there {written.count(twice[0])} times")

    def optuna(self) -> Any:
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(list(range(len(self.values))))

    def grid(self) -> list[Any]:
        return list(self.values)

    def ends(self) -> list[Any]:
        return list(self.values)

    def taken(self, value: int) -> Any:
        return self.values[value]

    def untaken(self, value: Any) -> int:
        """The inverse of `taken`."""
        return [_written(each) for each in self.values].index(_written(value))


def _written(value: Any) -> str:
    """A value as text, by which 1, 1.0 and true are three, which Python takes for equal."""
    return json.dumps(value, sort_keys=True)


def is_finite(value: Any) -> bool:
    """Whether a trial's value is one that can be compared."""
    return value is not None and math.isfinite(value)


def positions(values: Sequence[Any], distribution: Distribution) -> list[float]:
    """Where values stand on an axis of a plot."""
    if isinstance(distribution, Choice):
        return [float(distribution.untaken(value)) for value in values]
    return [float(value) for value in values]
