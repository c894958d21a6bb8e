"""Calls back into Python from native code: which function a number stands for, and what went wrong in it."""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import ShapeError

#: the name of a ``Call`` that is one back into Python; its first integer is the number of what is called
HOST = "gl_host"

_numbers = itertools.count(1)
_called: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
_failed = threading.local()


class HostFunction:
    """Python that native code calls with arrays: ``function(*operands)`` gives the outputs' arrays.

    operands, outputs: the dtype and number of dimensions of each; names: what outputs are called in errors.
    """

    def __init__(
        self,
        function: Callable[..., Sequence[np.ndarray]],
        operands: Sequence[tuple[str, int]],
        outputs: Sequence[tuple[str, int]],
        names: Sequence[str],
    ) -> None:
        self.function = function
        self.operands, self.outputs, self.names = tuple(operands), tuple(outputs), tuple(names)
        self.number = next(_numbers)
        _called[self.number] = self

    def __reduce__(self) -> Any:
        raise TypeError("a plan that calls back into Python cannot be pickled; the function itself can be")

    def split(self, lengths: Sequence[int]) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
        """The shapes of operands and outputs, from all lengths in order."""
        rest = iter(lengths)
        shapes = [tuple(itertools.islice(rest, ndim)) for _, ndim in (*self.operands, *self.outputs)]
        return shapes[: len(self.operands)], shapes[len(self.operands) :]

    def into(self, operands: Sequence[np.ndarray], outputs: Sequence[np.ndarray]) -> bool:
        """Call it and put the results where ``outputs`` are; False, the error being kept for ``failure``,
        where it fails."""
        try:
            for name, made, to in zip(self.names, self.function(*operands), outputs, strict=True):
                check_shape(name, made, to.shape)
                to[...] = made
        except BaseException as error:
            _failed.error = error
            return False
        return True


def check_shape(name: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    """Errors: ShapeError where an array does not have the shape that was said."""
    if array.shape != shape:
        raise ShapeError(f"{name}: an array of shape {array.shape} was computed where {shape} was said")


def host_function(number: int) -> HostFunction:
    """The function that has a number."""
    return _called[number]


def failure() -> BaseException:
    """The error of the last function of this thread that failed."""
    error, _failed.error = _failed.error, None
    return error
