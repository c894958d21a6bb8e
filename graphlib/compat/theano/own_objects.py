"""Operations on Python's objects: slices, files of arrays, a choice between two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import ifelse as _ifelse
from ...errors import DTypeError
from ...graph import Constant, TensorType, Variable
from ...ops.op import as_variable
from .own_ops import Apply, Op
from .own_types import Type, generic, is_own

__all__ = ["LoadFromDisk", "MakeSlice", "SliceType", "ifelse", "load", "make_slice", "slicetype"]


class SliceType(Type):
    """The type of Python's slices."""

    def filter(self, data: Any, strict: bool = False, allow_downcast: bool | None = None) -> slice:
        if not isinstance(data, slice):
            raise TypeError(f"takes a slice, not {type(data).__name__}")
        return data

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SliceType)

    def __hash__(self) -> int:
        return hash(SliceType)

    def __str__(self) -> str:
        return "slice"


slicetype = SliceType()


class MakeSlice(Op):
    """``MakeSlice()(start, stop, step)``: a slice of scalars of integers, of which each may be None."""

    def __init__(self) -> None:
        self._given: tuple[bool, ...] = ()

    def parameters(self) -> tuple:
        return self._given

    def make_node(self, start: Any, stop: Any = None, step: Any = None) -> Any:
        if isinstance(start, slice):
            start, stop, step = start.start, start.stop, start.step
        bounds = [None if b is None else as_variable(b) for b in (start, stop, step)]
        for b in bounds:
            if b is not None and (b.ndim or b.type.is_inexact or b.dtype == "bool"):
                raise DTypeError(f"a slice is made of scalars of integers, not of {b.describe()}")
        op = MakeSlice()
        op._given = tuple(b is not None for b in bounds)
        return Apply(op, [b for b in bounds if b is not None], [slicetype()])

    def perform(self, node: Any, inputs: list, output_storage: list[list]) -> None:
        bounds = iter(map(int, inputs))
        output_storage[0][0] = slice(*(next(bounds) if given else None for given in self._given))


make_slice = MakeSlice()


class Sliced(Op):
    """``x[key]``, where some of the parts of ``key`` are variables that are slices."""

    def __init__(self, key: tuple) -> None:
        self.key = key

    def parameters(self) -> tuple:
        return (repr([None if isinstance(part, Variable) else part for part in self.key]),)

    def make_node(self, x: Any, *parts: Any) -> Any:
        scalars = sum(
            isinstance(part, (int, np.integer)) or getattr(part, "ndim", 1) == 0 for part in self.key
        )
        return Apply(self, [x, *parts], [TensorType(x.dtype, (None,) * (x.ndim - scalars))()])

    def perform(self, node: Any, inputs: list, output_storage: list[list]) -> None:
        x, *rest = inputs
        parts = iter(rest)
        output_storage[0][0] = x[
            tuple(next(parts) if isinstance(part, Variable) else part for part in self.key)
        ]


def sliced(x: Variable, key: Any) -> Variable | None:
    """``x[key]`` where a part of it is a variable that is a slice; None where none is."""
    parts = key if isinstance(key, tuple) else (key,)
    symbolic = [part for part in parts if isinstance(part, Variable)]
    if not any(isinstance(part.type, SliceType) for part in symbolic):
        return None
    return Sliced(parts)(x, *symbolic)


class LoadFromDisk(Op):
    """``LoadFromDisk(dtype, broadcastable, mmap_mode)(path)``: ``T.load``."""

    __props__ = ("dtype", "broadcastable", "mmap_mode")

    def __init__(self, dtype: Any, broadcastable: Sequence[bool], mmap_mode: str | None = None) -> None:
        if mmap_mode not in (None, "c"):
            raise ValueError(f"T.load: mmap_mode is None or 'c', as no file is written to, not {mmap_mode!r}")
        self.dtype, self.broadcastable = np.dtype(dtype).name, tuple(broadcastable)
        self.mmap_mode = mmap_mode

    def make_node(self, path: Any) -> Any:
        if not isinstance(path, Variable):
            path = _Object(path)()
        if not is_own(path):
            raise TypeError(
                f"T.load takes a path, text or a variable of theano.generic, not {path.describe()}"
            )
        return Apply(self, [path], [TensorType(self.dtype, self.broadcastable)()])

    def perform(self, node: Any, inputs: list, output_storage: list[list]) -> None:
        array = np.load(inputs[0], mmap_mode=self.mmap_mode, allow_pickle=False)
        if not isinstance(array, np.ndarray):
            raise ValueError(f"T.load reads .npy files, which {inputs[0]} is not")
        if array.dtype != self.dtype:
            raise TypeError(f"T.load: {inputs[0]} holds {array.dtype}, not {self.dtype}")
        output_storage[0][0] = array


def load(path: Any, dtype: Any, broadcastable: Sequence[bool], mmap_mode: str | None = None) -> Variable:
    """The array of a .npy file, read at each call; ``path``: text, or a variable of ``theano.generic``.

    mmap_mode: 'c' reads parts when they are needed. Errors: ValueError for another mode or kind of file,
    TypeError at the call for another dtype.
    """
    return LoadFromDisk(dtype, broadcastable, mmap_mode)(path)


class _Object(Op):
    """An object that is known."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def parameters(self) -> tuple:
        return (id(self.value),)

    def make_node(self) -> Any:
        return Apply(self, [], [generic()])

    def perform(self, node: Any, inputs: list, output_storage: list[list]) -> None:
        output_storage[0][0] = self.value


class _Chosen(Op):
    """One of two objects."""

    __props__ = ()

    def make_node(self, condition: Any, one: Any, other: Any) -> Any:
        return Apply(self, [as_variable(condition), one, other], [one.type()])

    def perform(self, node: Any, inputs: list, output_storage: list[list]) -> None:
        condition, one, other = inputs
        output_storage[0][0] = one if condition else other


def ifelse(condition: Any, then_branch: Any, else_branch: Any, name: str | None = None) -> Any:
    """``graphlib.ifelse``; the branches may be Python's objects, and must be of one dtype, as in Theano.

    Errors: TypeError where they are not.
    """
    several = isinstance(then_branch, (list, tuple))
    pairs = list(zip(then_branch, else_branch, strict=False)) if several else [(then_branch, else_branch)]
    for one, other in pairs:
        if is_own(one) or is_own(other):
            if not (is_own(one) and is_own(other) and one.type == other.type):
                raise TypeError(f"ifelse: {one} and {other} are of different types")
        elif isinstance(one, Variable) and isinstance(other, Variable) and one.dtype != other.dtype:
            given = isinstance(one, Constant) or isinstance(other, Constant)
            if not given:
                raise DTypeError(
                    f"ifelse: {one.describe()} and {other.describe()} are of different dtypes; cast one"
                )
    if any(is_own(one) for one, _ in pairs):
        made = [_Chosen()(condition, one, other) for one, other in pairs]
        return type(then_branch)(made) if several else made[0]
    return _ifelse(condition, then_branch, else_branch, name=name)
