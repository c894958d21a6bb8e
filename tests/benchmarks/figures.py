"""What is made of the measurements: pairing by rounds, windows set aside, medians, tables. No clock, no
process.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

FOREIGN = 0.04  # a window in which other processes used more than this share of the machine is set aside
TOLERANCE = 1e-4  # relative, between losses in float32


@dataclass(frozen=True)
class Window:
    """Blocks of steps that one contestant ran without a pause.

    blocks: seconds of each block. steps: in one block. foreign: share of the machine's processors that other
    processes used meanwhile.
    """

    blocks: Sequence[float]
    steps: int
    foreign: float

    @property
    def step(self) -> float:
        """Seconds a step, the median of the blocks."""
        return median(self.blocks) / self.steps

    @property
    def clean(self) -> bool:
        return self.foreign <= FOREIGN


Round = Mapping[str, Window]  # one window of every contestant, by its name


@dataclass(frozen=True)
class Spread:
    """The median of some figures with their quartiles."""

    low: float
    middle: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Raises ValueError without values; one value is its own quartiles."""
        if not values:
            raise ValueError("no figures to take a median of")
        if len(values) == 1:
            return cls(values[0], values[0], values[0])
        low, middle, high = quantiles(values, n=4, method="inclusive")
        return cls(low, middle, high)


def counted(rounds: Sequence[Round], least: int = 3) -> Sequence[Round]:
    """The rounds in which every window was clean, or all of them where fewer than `least` were."""
    clean = [r for r in rounds if all(window.clean for window in r.values())]
    return clean if len(clean) >= min(least, len(rounds)) else rounds


def ratios(rounds: Iterable[Round], ours: str, other: str) -> list[float]:
    """Our time over the other's in each round: paired, so that what slows both cancels."""
    return [r[ours].step / r[other].step for r in rounds]


def step_times(rounds: Iterable[Round], name: str) -> list[float]:
    """Seconds a step of one contestant, a figure for each round."""
    return [r[name].step for r in rounds]


def fastest(rounds: Sequence[Round], names: Iterable[str]) -> str | None:
    """The contestant with the lowest median, None where there is none."""
    return min(names, key=lambda name: median(step_times(rounds, name)), default=None)


def agree(
    losses: Sequence[float | None], expected: Sequence[float], tolerance: float = TOLERANCE
) -> bool | None:
    """Whether losses are the expected ones; None for a contestant that computes none."""
    if any(loss is None for loss in losses):
        return None
    return all(abs(a - b) <= tolerance * abs(b) for a, b in zip(losses, expected, strict=True))


def significant(value: float, digits: int = 3) -> str:
    """A number with so many significant digits and no exponent."""
    if value == 0:
        return "0"
    text = f"{value:.{digits}g}"
    return f"{float(text):.0f}" if "e" in text else text


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns of text, the first flush left and the others flush right, indented by two."""
    lines = [list(header), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  " + "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip()
        for line in lines
    )
