"""Frozen records: what ``dataclass(frozen=True)`` makes, in a third of the time.

That writes and compiles six methods for each class.  Plans and what they are made of are some eighty classes,
which took longer than all else that is done to compile a small function in Python.  Here all have the same
methods but for the one that makes a record.
"""

from __future__ import annotations

from dataclasses import MISSING, FrozenInstanceError, dataclass, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NoReturn


def _equal(self: Any, other: object) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    return self._content(self) == other._content(other)  # type: ignore[attr-defined]


def _hash(self: Any) -> int:
    return hash(self._content(self))


def _repr(self: Any) -> str:
    values = ", ".join(f"{f.name}={getattr(self, f.name)!r}" for f in fields(self))
    return f"{self.__class__.__qualname__}({values})"


def _refuse(self: Any, name: str, value: Any = None) -> NoReturn:
    raise FrozenInstanceError(f"cannot change {name!r} of a {self.__class__.__qualname__}: use replace")


_SHARED = {
    "__eq__": _equal,
    "__hash__": _hash,
    "__repr__": _repr,
    "__setattr__": _refuse,
    "__delattr__": _refuse,
}

if TYPE_CHECKING:
    record = dataclass(frozen=True)
else:

    def record(cls: type) -> type:
        """A class of frozen records, which are equal where their fields are; ``dataclasses.fields`` and
        ``replace`` know them."""
        own = dict(vars(cls))
        cls = dataclass(init=False, repr=False, eq=False)(cls)
        names = [f.name for f in fields(cls)]
        cls._content = attrgetter(*names) if names else type
        for name, method in _SHARED.items():
            if name not in own:
                setattr(cls, name, method)
        if "__init__" not in own:
            cls.__init__ = _maker(cls)
        return cls

    def _maker(cls: type) -> Any:
        """The method that makes a record."""
        parameters, lines, given = [], [], {"_set": object.__setattr__, "_new": MISSING}
        for f in fields(cls):
            value = f.name
            if f.default_factory is not MISSING:
                given[f"_{f.name}"] = f.default_factory
                parameters.append(f"{f.name}=_new")
                value = f"_{f.name}() if {f.name} is _new else {f.name}"
            elif f.default is not MISSING:
                given[f"_{f.name}"] = f.default
                parameters.append(f"{f.name}=_{f.name}")
            else:
                parameters.append(f.name)
            lines.append(f"    _set(self, {f.name!r}, {value})\n")
        exec(f"def __init__(self, {', '.join(parameters)}):\n{''.join(lines) or '    pass'}", given)
        return given["__init__"]


__all__ = ["record"]
