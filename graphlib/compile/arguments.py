"""What a function takes and gives: ``In`` and ``Out``, and the checks on inputs, updates and givens before
anything is compiled."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from copy import copy
from typing import Any

import numpy as np

from ..errors import DTypeError, InputError, KeysError, MissingInputError, ShapeError, UnusedInputError
from ..graph import Constant, Shared, Variable, toposort
from ..graph.variable import warn_user
from ..ops.fitting import fitting
from ..ops.op import as_variable


class In:
    """An input with a name, a default ``value``, or its own strictness: ``function([In(x), In(lr,
    value=0.1)], ...)``.

    strict: take only arrays of exactly the variable's dtype.  allow_downcast: cast whatever comes to it.
    update: an expression that becomes the default for the next call.  implicit: True for an input that has
    its value only from ``value`` and ``update`` and cannot be passed.  mutable, borrow: that the caller does
    not need the array any more, or that the function may keep a default value without a copy: both are
    permissions, and arrays that are passed are never written to.

    Errors: InputError for an implicit input without a value.
    """

    def __init__(
        self,
        variable: Variable,
        name: str | None = None,
        value: Any = None,
        update: Variable | None = None,
        mutable: bool | None = None,
        strict: bool = False,
        allow_downcast: bool | None = None,
        borrow: bool | None = None,
        implicit: Any = None,
    ) -> None:
        if not isinstance(variable, Variable):
            raise InputError(
                f"an input must be a symbolic variable, not {type(variable).__name__} {variable!r}"
            )
        self.variable = variable
        self.name = name or variable.name
        self.value = value
        self.update = None if update is None else fitting(update, variable, "In: the update of")
        self.mutable = bool(mutable)
        self.borrow = bool(borrow)
        self.implicit = bool(implicit)
        if self.implicit and value is None:
            raise InputError(f"In: the implicit input {variable.describe()} needs a value")
        self.strict = strict
        self.allow_downcast = allow_downcast

    def describe(self) -> str:
        return f"{self.name or 'an unnamed input'} ({self.variable.describe()})"


class Param(In):
    """The old name of ``In``, with ``default`` for its ``value``."""

    def __init__(
        self, variable: Variable, default: Any = None, name: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(variable, name, default, **kwargs)


class Out:
    """An output; with ``borrow=True`` its array is the function's own and overwritten by the next call."""

    def __init__(self, variable: Any, borrow: bool = False) -> None:
        self.variable = as_variable(variable)
        self.borrow = borrow


def normalize_inputs(inputs: Iterable[Any] | None, where: str) -> list[In]:
    """The inputs as ``In``; each a variable without owner or an intermediate one, none twice, none shared or
    constant.

    Two may have the same name, but then neither can be passed by it.
    """
    if isinstance(inputs, Variable):
        raise InputError(f"{where}: inputs must be a list, write [{inputs}]")
    result: list[In] = []
    for item in inputs or ():
        if isinstance(item, tuple) and len(item) == 2:
            item = In(item[0], value=item[1])
        item = item if isinstance(item, In) else In(item)
        if isinstance(item.variable, Constant):
            raise InputError(f"{where}: the constant {item.variable.describe()} cannot be an input")
        if isinstance(item.variable, Shared):
            raise InputError(
                f"{where}: Cannot use a shared variable ({item.variable}) as explicit input: a function "
                f"reads {item.variable.describe()} by itself. "
                f"To replace it in this function pass givens={{{item.variable}: ...}}."
            )
        if any(other.variable is item.variable for other in result):
            raise UnusedInputError(f"{where}: {item.variable.describe()} is among the inputs twice")
        result.append(item)
    return result


def normalize_outputs(outputs: Any, where: str) -> tuple[list[Out], Any]:
    """The outputs as a list, and the form to give results back in: 'none', 'one', 'list' or the keys of a
    dict."""

    def one(v: Any) -> Out:
        if v is None:
            raise InputError(f"{where}: an output is None")
        return v if isinstance(v, Out) else Out(v)

    if outputs is None:
        return [], "none"
    if isinstance(outputs, Mapping):
        for key in outputs:
            if not isinstance(key, str):
                raise KeysError(f"{where}: the keys of a dict of outputs must be strings, not {key!r}")
        return [one(v) for v in outputs.values()], list(outputs)
    if isinstance(outputs, (list, tuple)):
        return [one(v) for v in outputs], "list"
    return [one(outputs)], "one"


def normalize_updates(updates: Any, where: str) -> dict[Shared, Variable]:
    """Pairs (shared, expression), or a dict of them, checked: each shared once, dtype and shape fitting."""
    pairs = list(updates.items()) if isinstance(updates, Mapping) else list(updates or ())
    result: dict[Shared, Variable] = {}
    for pair in pairs:
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise InputError(f"{where}: an update is a pair (shared variable, expression), not {pair!r}")
        target, value = pair
        if not isinstance(target, Shared):
            what = target.describe() if isinstance(target, Variable) else repr(target)
            raise InputError(f"{where}: only shared variables can be updated, not {what}")
        if target in result:
            raise InputError(
                f"{where}: {target.describe()} is updated twice; combine the two expressions into one"
            )
        result[target] = fitting(value, target, f"{where}: the update of")
    return result


def normalize_givens(givens: Any, where: str, strict: bool = True) -> dict[Variable, Variable]:
    """``givens`` (a dict or pairs) as a dict, each value fitting its key where ``strict``."""
    pairs = list(givens.items()) if isinstance(givens, Mapping) else list(givens or ())
    replace: dict[Variable, Variable] = {}
    for key, value in pairs:
        if not isinstance(key, Variable):
            raise InputError(f"{where}: a key of givens must be a variable, not {key!r}")
        if key in replace:
            raise InputError(f"{where}: givens replaces {key.describe()} twice")
        replace[key] = fitting(value, key, f"{where}: givens for") if strict else as_variable(value)
    return replace


def check_leaves(
    inputs: list[In],
    variables: list[Variable],
    on_unused: str,
    where: str,
    mentioned: Collection[Variable] = (),
) -> list[Shared]:
    """Every leaf must be an input, shared or constant, and every input be used, or be ``mentioned`` in what
    the user wrote.  Returns the shared variables."""
    given = {item.variable for item in inputs}
    needed: dict[Variable, None] = {}
    for node in toposort(variables, stop_at=given):
        for v in node.inputs:
            if v.owner is None or v in given:
                needed.setdefault(v)
    for v in variables:
        if v.owner is None or v in given:
            needed.setdefault(v)
    unused = [item for item in inputs if item.variable not in needed and item.variable not in mentioned]
    if unused and on_unused != "ignore":
        message = (
            f"{where}: no output and no update needs the input "
            f"{', '.join(item.describe() for item in unused)}; "
            f"remove it, or pass on_unused_input='ignore'"
        )
        if on_unused == "raise":
            raise UnusedInputError(message)
        warn_user(message)
    for v in needed:
        if v not in given and not isinstance(v, (Shared, Constant)):
            raise MissingInputError(
                f"{where}: the outputs depend on {v.describe()}, which is no input; add it to inputs or "
                f"give it a value by givens"
            )
    return [v for v in needed if isinstance(v, Shared)]


class Converter:
    """Turns what a caller passes for one input into an array of the right type, quickly where it is one
    already."""

    def __init__(self, item: In, allow_downcast: bool | None, where: str) -> None:
        self.type = item.variable.type
        self.dtype = self.type.numpy_dtype
        self.ndim = self.type.ndim
        # a shape that any array, or only one, has is compared at once
        self.shape = self.type.shape if None not in self.type.shape else None
        self.any_shape = all(n is None for n in self.type.shape)
        self.strict = item.strict
        self.allow_downcast = item.allow_downcast if item.allow_downcast is not None else allow_downcast
        self.item = item
        self.where = where
        # a Python number for a scalar input: no array needs to be made on the way
        self.number = (
            {"i": int, "u": int, "f": float}.get(self.dtype.kind)
            if not self.ndim and not self.strict and self.allow_downcast is not False
            else None
        )
        if self.number:
            limits = (np.finfo if self.number is float else np.iinfo)(self.dtype)
            self.least, self.most = self.number(limits.min), self.number(limits.max)

    def __call__(self, value: Any) -> np.ndarray:
        if type(value) is np.ndarray and value.dtype == self.dtype:
            shape = value.shape
            if shape == self.shape or (
                len(shape) == self.ndim and (self.any_shape or self.type.accepts_shape(shape))
            ):
                return value
        elif type(value) is self.number and self.least <= value <= self.most:
            return np.array(value, self.dtype)
        if isinstance(value, Variable):
            raise DTypeError(
                f"{self.where}: input {self.item.describe()} got the symbolic variable {value.describe()}, "
                f"not a value"
            )
        try:
            return self.type.convert(value, allow_downcast=self.allow_downcast, strict=self.strict)
        except (ShapeError, DTypeError) as error:
            raise type(error)(f"{self.where}: the value for input {self.item.describe()} {error}") from None


class Defaults:
    """The values that inputs have where a call does not give them; each can be read and set by the input's
    variable, name or position."""

    def __init__(self, items: list[In]) -> None:
        self._items = items
        self._values = [item.value for item in items]

    def of(self, place: int) -> Any:
        """The value of one input; of a shared variable that is its default, or of another place where a
        value is kept (``get_value``, ``set_value``), the present one."""
        value = self._values[place]
        return value.get_value(borrow=True) if hasattr(value, "get_value") else value

    def carry(self, place: int, value: np.ndarray) -> None:
        """Sets what an input's update came to."""
        kept = self._values[place]
        if hasattr(kept, "get_value"):
            kept.set_value(value)
        else:
            self._values[place] = value

    def items(self, keep_updates: bool = True) -> list[In]:
        """The inputs as they are now, for another function."""
        result = []
        for item, value in zip(self._items, self._values, strict=True):
            one = copy(item)
            one.value = value
            if not keep_updates:
                one.update = None
            result.append(one)
        return result

    def __contains__(self, key: Any) -> bool:
        return any(key is item.variable or key == item.name for item in self._items)

    def __getitem__(self, key: Any) -> Any:
        return self.of(self._place(key))

    def __setitem__(self, key: Any, value: Any) -> None:
        place = self._place(key)
        type = self._items[place].variable.type
        self.carry(place, np.array(type.convert(value)))

    def __len__(self) -> int:
        return len(self._items)

    def _place(self, key: Any) -> int:
        if isinstance(key, int):
            return range(len(self._items))[key]
        found = [i for i, item in enumerate(self._items) if key is item.variable or key == item.name]
        if len(found) != 1:
            many = "several inputs" if found else "no input"
            raise KeyError(f"the function has {many} called {key}")
        return found[0]
