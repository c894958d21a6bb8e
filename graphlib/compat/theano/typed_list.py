"""``theano.typed_list``: variables that hold lists of values of one type, of arrays or of such lists.

Functions of them run node by node, in Python (``own_types``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...graph import TensorType, Variable
from ...ops.op import as_variable
from .own_objects import SliceType
from .own_ops import Apply, Op
from .own_types import Type
from .sparse.variable import SparseType

__all__ = [
    "Append",
    "Count",
    "Extend",
    "GetItem",
    "Index",
    "Insert",
    "Length",
    "MakeList",
    "Remove",
    "Reverse",
    "TypedListType",
    "TypedListVariable",
    "append",
    "count",
    "extend",
    "getitem",
    "index_",
    "insert",
    "length",
    "make_list",
    "remove",
    "reverse",
]


class TypedListType(Type):
    """The type of lists of values of ``ttype``; ``depth``: how many more lists there are around these.

    Errors: TypeError where ``ttype`` is no type, ValueError for a depth below 0.
    """

    def __init__(self, ttype: Any, depth: int = 0) -> None:
        if depth < 0:
            raise ValueError(f"TypedListType: depth is 0 or more, not {depth}")
        if not isinstance(ttype, (Type, TensorType, SparseType)):
            raise TypeError(f"TypedListType takes the type of what its lists hold, not {ttype!r}")
        self.ttype = TypedListType(ttype, depth - 1) if depth else ttype

    def filter(self, data: Any, strict: bool = False, allow_downcast: bool | None = None) -> list:
        """The values as a list, each one of ``ttype``. Errors: TypeError."""
        if strict and not isinstance(data, list):
            raise TypeError(f"takes a list, not {type(data).__name__}")
        return [self.ttype.filter(value, strict, allow_downcast) for value in data]

    def values_eq(self, a: list, b: list) -> bool:
        """Whether two lists hold the same values."""
        return len(a) == len(b) and all(map(self.ttype.values_eq, a, b))

    def make_variable(self, name: str | None = None) -> TypedListVariable:
        """A variable of this type."""
        return TypedListVariable(self, name=name)

    def get_depth(self) -> int:
        """How many lists there are inside one another, but for the outermost."""
        return self.ttype.get_depth() + 1 if isinstance(self.ttype, TypedListType) else 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TypedListType) and self.ttype == other.ttype

    def __hash__(self) -> int:
        return hash((TypedListType, self.ttype))

    def __str__(self) -> str:
        return f"TypedList <{self.ttype}>"


class TypedListVariable(Variable):
    """A list; what Python's lists do in place gives another one here."""

    def __getitem__(self, index: Any) -> Variable:
        return getitem(self, index)

    def __len__(self) -> Variable:  # type: ignore[override]
        return length(self)

    def append(self, item: Any) -> Variable:
        """The list with one value more at its end."""
        return append(self, item)

    def extend(self, items: Any) -> Variable:
        """The list with those of another one at its end."""
        return extend(self, items)

    def insert(self, index: Any, item: Any) -> Variable:
        """The list with one value more before that of number ``index``."""
        return insert(self, index, item)

    def remove(self, item: Any) -> Variable:
        """The list without the first value that is ``item``."""
        return remove(self, item)

    def reverse(self) -> Variable:
        """The list from its end."""
        return reverse(self)

    def count(self, item: Any) -> Variable:
        """How many of the values are ``item``."""
        return count(self, item)

    def ind(self, item: Any) -> Variable:
        """The number of the first value that is ``item``."""
        return index_(self, item)

    ttype = property(lambda self: self.type.ttype)
    dtype = property(lambda self: self.type.ttype.dtype)
    ndim = property(lambda self: self.type.ttype.ndim + 1)


def _list(x: Any) -> TypedListVariable:
    if not isinstance(x, Variable) or not isinstance(x.type, TypedListType):
        raise TypeError(f"takes a typed list, not {x}")
    return x


def _held(x: Variable, item: Any) -> Any:
    """``item`` as one of a list's values. Errors: TypeError where it is of another type."""
    item = item if isinstance(item, Variable) or hasattr(item, "parts") else as_variable(item)
    if item.type != x.type.ttype:
        raise TypeError(f"a list of {x.type.ttype} does not hold {item} of {item.type}")
    return item


def _number(index: Any) -> Variable:
    """A place in a list: a scalar of int64. Errors: TypeError."""
    index = as_variable(index)
    if index.ndim or index.dtype != "int64":
        raise TypeError(f"a place in a list is a scalar of int64, not {index.describe()}")
    return index


class _OnList(Op):
    """An operation that gives a list, with ``inplace``, which changes nothing: lists of callers stay as they
    are."""

    __props__ = ("inplace",)

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace

    changed: Callable[..., list]

    def perform(self, node: Any, inputs: list, output_storage: list[list]) -> None:
        output_storage[0][0] = type(self).changed(node, *inputs)


class GetItem(Op):
    """``GetItem()(x, index)``: one value of a list, or those of a slice as a list."""

    __props__ = ()

    def make_node(self, x: Any, index: Any) -> Any:
        x = _list(x)
        if isinstance(index, slice):
            return Apply(_Slice(index), [x], [x.type()])
        if isinstance(index, Variable) and isinstance(index.type, SliceType):
            return Apply(self, [x, index], [x.type()])
        return Apply(self, [x, _number(index)], [x.ttype()])

    def perform(self, node: Any, inputs: list, output_storage: list[list]) -> None:
        x, index = inputs
        output_storage[0][0] = x[index if isinstance(index, slice) else int(index)]


class _Slice(Op):
    """The values of a slice that is known."""

    def __init__(self, place: slice) -> None:
        self.place = place

    def parameters(self) -> tuple:
        return self.place.start, self.place.stop, self.place.step

    def perform(self, node: Any, inputs: list, output_storage: list[list]) -> None:
        output_storage[0][0] = inputs[0][self.place]


class Append(_OnList):
    """``Append()(x, item)``: the list with one value more."""

    def make_node(self, x: Any, item: Any) -> Any:
        return Apply(self, [_list(x), _held(x, item)], [x.type()])

    def changed(node: Any, x: list, item: Any) -> list:
        return [*x, item]


class Extend(_OnList):
    """``Extend()(x, items)``: both lists as one."""

    def make_node(self, x: Any, items: Any) -> Any:
        if _list(items).type != _list(x).type:
            raise TypeError(f"a list of {x.ttype} is not extended by one of {items.ttype}")
        return Apply(self, [x, items], [x.type()])

    def changed(node: Any, x: list, items: list) -> list:
        return [*x, *items]


class Insert(_OnList):
    """``Insert()(x, index, item)``: the list with one value more before that of number ``index``."""

    def make_node(self, x: Any, index: Any, item: Any) -> Any:
        return Apply(self, [_list(x), _number(index), _held(x, item)], [x.type()])

    def changed(node: Any, x: list, index: Any, item: Any) -> list:
        return [*x[: int(index)], item, *x[int(index) :]]


class Remove(_OnList):
    """``Remove()(x, item)``: the list without the first value that is ``item``; ValueError where there is
    none."""

    def make_node(self, x: Any, item: Any) -> Any:
        return Apply(self, [_list(x), _held(x, item)], [x.type()])

    def changed(node: Any, x: list, item: Any) -> list:
        first = _places(node, x, item, "Remove")[0]
        return [*x[:first], *x[first + 1 :]]


class Reverse(_OnList):
    """``Reverse()(x)``: the list from its end."""

    def make_node(self, x: Any) -> Any:
        return Apply(self, [_list(x)], [x.type()])

    def changed(node: Any, x: list) -> list:
        return x[::-1]


def _places(node: Any, x: list, item: Any, what: str = "") -> list[int]:
    """Where a value is in a list. Errors: ValueError where ``what`` needs one and there is none."""
    same = node.inputs[0].type.ttype.values_eq
    found = [number for number, value in enumerate(x) if same(value, item)]
    if what and not found:
        raise ValueError(f"{what}: the value is none of the {len(x)} in the list")
    return found


class _OfList(Op):
    """An operation that gives a number, int64."""

    __props__ = ()
    number: Callable[..., int]

    def make_node(self, x: Any, *item: Any) -> Any:
        return Apply(self, [_list(x), *(_held(x, one) for one in item)], [TensorType("int64")()])

    def perform(self, node: Any, inputs: list, output_storage: list[list]) -> None:
        output_storage[0][0] = np.asarray(type(self).number(node, *inputs), "int64")


class Index(_OfList):
    """``Index()(x, item)``: the number of the first value that is ``item``; ValueError where there is
    none."""

    def number(node: Any, x: list, item: Any) -> int:
        return _places(node, x, item, "Index")[0]


class Count(_OfList):
    """``Count()(x, item)``: how many of the values are ``item``."""

    def number(node: Any, x: list, item: Any) -> int:
        return len(_places(node, x, item))


class Length(_OfList):
    """``Length()(x)``: how many values there are."""

    def number(node: Any, x: list) -> int:
        return len(x)


class MakeList(Op):
    """``MakeList()(values)``: a list of some, which are of one type. Errors: TypeError where they are not."""

    __props__ = ()

    def make_node(self, values: Sequence[Any]) -> Any:
        given = [as_variable(v) for v in values]
        if not given or any(v.type != given[0].type for v in given):
            raise TypeError(f"a list is made of values of one type, not of {given}")
        return Apply(self, given, [TypedListType(given[0].type)()])

    def perform(self, node: Any, inputs: list, output_storage: list[list]) -> None:
        output_storage[0][0] = list(inputs)


getitem, append, extend, insert = GetItem(), Append(), Extend(), Insert()
remove, reverse, index_, count = Remove(), Reverse(), Index(), Count()
length, make_list = Length(), MakeList()
