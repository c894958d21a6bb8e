"""Where windows lie along an axis, and what arguments say about it.

Lengths are ints, polynomials of lengths, or int64 scalars of a graph: the arithmetic is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..graph import Variable
from ..records import record
from ..scalar import expression as ex
from ..scalar.integer import Poly
from .elementwise import maximum, minimum

#: what lies beyond the ends of an axis: elements before and after it, or 'full' or 'half', of the window's
Border = str | tuple[int, int]


def quotient(a: Any, b: Any) -> Any:
    """a // b of lengths."""
    if isinstance(b, int) and b == 1:
        return a
    return ex.floor_div(a, b) if isinstance(a, Poly) or isinstance(b, Poly) else a // b


def largest(a: Any, b: Any) -> Any:
    """The larger of two lengths."""
    if isinstance(a, Variable) or isinstance(b, Variable):
        return maximum(a, b)
    return ex.maximum(a, b) if isinstance(a, Poly) or isinstance(b, Poly) else max(a, b)


def smallest(a: Any, b: Any) -> Any:
    """The smaller of two lengths."""
    if isinstance(a, Variable) or isinstance(b, Variable):
        return a if a is b else minimum(a, b)
    return ex.minimum(a, b) if isinstance(a, Poly) or isinstance(b, Poly) else min(a, b)


@record
class Axis:
    """An axis along which windows lie: its border, the step between windows, and between the elements that
    one sees."""

    border: Border = (0, 0)
    stride: int = 1
    dilation: int = 1

    def reach(self, window: Any) -> Any:
        """How many elements a window covers, with those that it leaves out."""
        return (window - 1) * self.dilation + 1

    def pads(self, window: Any) -> tuple[Any, Any]:
        """Elements before and after the axis."""
        if not isinstance(self.border, str):
            return self.border
        reach = self.reach(window)
        pad = reach - 1 if self.border == "full" else quotient(reach, 2)
        return pad, pad

    def padded(self, length: Any, window: Any) -> Any:
        """The axis with its border."""
        before, after = self.pads(window)
        return length + before + after

    def __call__(self, length: Any, window: Any) -> Any:
        """How many places a window of ``window`` elements has along an axis of ``length``."""
        before, after = self.pads(window)
        beyond = before + after - self.reach(window)
        if self.stride != 1:
            return quotient(length + beyond, self.stride) + 1
        return length if isinstance(beyond, int) and beyond == -1 else length + (beyond + 1)

    def known(self, window: int | None) -> Axis:
        """The same with numbers for its border, where the window's length is known."""
        return self if window is None else Axis(self.pads(window), self.stride, self.dilation)


@record
class Places:
    """How many windows lie along an axis, whose step is a length, too; none where a window is longer than the
    axis with its border."""

    border: tuple[int, int] = (0, 0)
    dilation: int = 1

    def __call__(self, length: Any, window: Any, stride: Any) -> Any:
        room = length + sum(self.border) - Axis(dilation=self.dilation).reach(window)
        return largest(quotient(room, stride) + 1, 0)


@record
class Times:
    """A length that is a multiple of another."""

    factor: int

    def __call__(self, length: Any) -> Any:
        return length * self.factor


@record
class Share:
    """The length of one of several equal parts of another."""

    parts: int

    def __call__(self, length: Any) -> Any:
        return quotient(length, self.parts)


def whole_numbers(value: Any, count: int, what: str, least: int) -> tuple[int, ...]:
    """A number for all axes, or one for each.  Errors: ShapeError, where one is less than ``least``."""
    numbers = [value] * count if isinstance(value, (int, np.integer)) else value
    if isinstance(numbers, np.ndarray):
        numbers = numbers.tolist()
    fits = isinstance(numbers, (tuple, list)) and len(numbers) == count
    if not fits or any(not isinstance(v, (int, np.integer)) or v < least for v in numbers):
        several = "a pair of them" if count == 2 else f"{count} of them"
        raise ShapeError(f"{what} must be a whole number or {several}, at least {least}, not {value!r}")
    return tuple(map(int, numbers))


def borders(mode: Any, count: int, what: str) -> tuple[Border, ...]:
    """``border_mode`` as a border for each axis: 'valid', 'full', 'half' or a number for all of them; or one
    of these, or a pair of numbers for both ends, for each.

    Errors: ShapeError for anything else.
    """
    entries = list(mode) if isinstance(mode, (tuple, list)) else [mode] * count
    if len(entries) == count:
        found = [_border(entry) for entry in entries]
        if None not in found:
            return tuple(found)
    raise ShapeError(
        f"{what}: border_mode must be 'valid', 'full', 'half', a whole number that is not negative, or "
        f"{count} of these or of pairs of numbers, for both ends of an axis, not {mode!r}"
    )


def _border(entry: Any) -> Border | None:
    if isinstance(entry, str):
        return (0, 0) if entry == "valid" else entry if entry in ("full", "half") else None
    ends = entry if isinstance(entry, (tuple, list)) else (entry, entry)
    fits = len(ends) == 2 and all(isinstance(n, (int, np.integer)) and n >= 0 for n in ends)
    return (int(ends[0]), int(ends[1])) if fits else None


def axes(border: Any, stride: Any, dilation: Any, count: int, what: str) -> tuple[Axis, ...]:
    """The axes of a convolution's arguments ``border_mode``, ``subsample`` and ``filter_dilation``.

    Errors: ShapeError for what does not fit.
    """
    return tuple(
        map(
            Axis,
            borders(border, count, what),
            whole_numbers(stride, count, f"{what}: subsample", 1),
            whole_numbers(dilation, count, f"{what}: filter_dilation", 1),
        )
    )


def in_three(values: Sequence[Any], missing: Any) -> list[Any]:
    """One for each of depth, rows and columns; the backends' libraries know no fewer."""
    return [*[missing] * (3 - len(values)), *values]
