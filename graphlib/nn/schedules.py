"""Schedules of learning rates and momenta: functions of the time, in epochs or in steps, from 0.

An optimizer takes one in place of a number. Its value lives in a shared scalar that is set as training goes
on (`Optimizer.set_time`), so that nothing is compiled again. A plain function of the epoch will do, too.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Sequence
from typing import Literal

from . import schema
from .registry import described, register
from .schema import NotNegative, Positive

Every = Literal["epoch", "step"]


class Schedule:
    """A number that depends on the time: ``schedule(t)``, where t counts epochs or steps from 0.

    Attributes:
        every: what t counts: "epoch" or "step" (minibatches, from the start of the training).
    """

    every: Every = "epoch"

    def __call__(self, t: float) -> float:
        raise NotImplementedError

    def __repr__(self) -> str:
        return described(self)


@register("schedule")
class Constant(Schedule):
    """The same value at all times."""

    def __init__(self, value: float):
        self.value = value

    def __call__(self, t: float) -> float:
        return self.value


@register("schedule")
class Exponential(Schedule):
    """initial · decay^t, and not below `lowest`."""

    def __init__(self, initial: float, decay: Positive, lowest: float = 0.0, every: Every = "epoch"):
        self.initial, self.decay, self.lowest, self.every = initial, decay, lowest, every

    def __call__(self, t: float) -> float:
        return max(self.lowest, self.initial * self.decay**t)


@register("schedule")
class InverseTime(Schedule):
    """initial / (1 + decay · t)."""

    def __init__(self, initial: float, decay: NotNegative, every: Every = "epoch"):
        self.initial, self.decay, self.every = initial, decay, every

    def __call__(self, t: float) -> float:
        return self.initial / (1 + self.decay * t)


@register("schedule")
class PiecewiseLinear(Schedule):
    """Straight lines between points (time, value), and constant before the first and behind the last.

    ``PiecewiseLinear([(0, 0.5), (10, 0.9)])`` rises from 0.5 to 0.9 in ten epochs and stays there.
    """

    def __init__(self, points: Sequence[tuple[float, float]], every: Every = "epoch"):
        self.points, self.every = points, every
        times = [t for t, _ in points]
        if not times or any(later <= earlier for earlier, later in itertools.pairwise(times)):
            raise ValueError(f"points must be (time, value) in the order of time, and are {points!r}")

    def __call__(self, t: float) -> float:
        times = [time for time, _ in self.points]
        after = bisect.bisect_right(times, t)
        if after in (0, len(times)):
            return self.points[0 if after == 0 else -1][1]
        (t0, v0), (t1, v1) = self.points[after - 1], self.points[after]
        return v0 + (v1 - v0) * (t - t0) / (t1 - t0)


@register("schedule")
class Steps(Schedule):
    """initial, multiplied by `factor` at each of the times in `at`."""

    def __init__(self, initial: float, at: Sequence[float], factor: Positive = 0.1, every: Every = "epoch"):
        self.initial, self.at, self.factor, self.every = initial, at, factor, every

    def __call__(self, t: float) -> float:
        return self.initial * self.factor ** sum(t >= time for time in self.at)


@register("schedule")
class Cosine(Schedule):
    """Half a cosine from initial to final in `duration`, after a line up from 0 in `warmup`, then final
    (I. Loshchilov and F. Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017, equation 5).
    """

    def __init__(
        self,
        initial: float,
        duration: Positive,
        final: float = 0.0,
        warmup: NotNegative = 0.0,
        every: Every = "epoch",
    ):
        self.initial, self.duration, self.final = initial, duration, final
        self.warmup, self.every = warmup, every

    def __call__(self, t: float) -> float:
        if t < self.warmup:
            return self.initial * (t + 1) / (self.warmup + 1)
        done = min(1.0, (t - self.warmup) / self.duration)
        return self.final + (self.initial - self.final) * 0.5 * (1 + math.cos(math.pi * done))


#: the hint of an argument that is a number of at least 0 or a schedule
Scheduled = NotNegative | schema.Schedule
