"""Checks the parameters of a registered object against its constructor's signature and type hints.

A hint may be int, float, bool, str, None, Any, a Literal, a union, a list, tuple, Sequence, dict or Mapping
of such, or the name of a kind (``Activation``, ``Initializer``, ``Layer``, ..., from here), for which an
object's name, with or without parameters, is built.  Bounds are written as ``Annotated[float, Range(0, 1)]``,
or with the aliases below.  What has another hint, or none, is taken as it is.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import functools
import inspect
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np

from ..errors import InputError
from . import registry
from .registry import ConfigError, Entry


class _WrongType(ConfigError):
    """A value of another type than the one `wanted`."""

    def __init__(self, wanted: str, value: Any, advice: str = ""):
        self.wanted, self.advice = wanted, advice
        super().__init__(f"must be {wanted}, not {said(value)}{advice}")


@dataclass(frozen=True)
class Kind:
    """Marks a hint: an object of a kind, or its name, with or without parameters."""

    kind: str


@dataclass(frozen=True)
class Range:
    """Marks a hint: numbers from `low` to `high`; `above` and `below` leave the end itself out."""

    low: float = -math.inf
    high: float = math.inf
    above: bool = False
    below: bool = False

    def __contains__(self, number: float) -> bool:
        return (self.low < number if self.above else self.low <= number) and (
            number < self.high if self.below else number <= self.high
        )

    def __str__(self) -> str:
        low = f"above {self.low:g}" if self.above else f"at least {self.low:g}"
        high = f"below {self.high:g}" if self.below else f"at most {self.high:g}"
        bounds = [low] * math.isfinite(self.low) + [high] * math.isfinite(self.high)
        return " and ".join(bounds)


Activation = Annotated[Any, Kind("activation")]
Initializer = Annotated[Any, Kind("initializer")]
Regularizer = Annotated[Any, Kind("regularizer")]
Constraint = Annotated[Any, Kind("constraint")]
Layer = Annotated[Any, Kind("layer")]
Loss = Annotated[Any, Kind("loss")]
Metric = Annotated[Any, Kind("metric")]
Optimizer = Annotated[Any, Kind("optimizer")]
Schedule = Annotated[Any, Kind("schedule")]
Monitor = Annotated[Any, Kind("monitor")]
Data = Annotated[Any, Kind("data")]
Distribution = Annotated[Any, Kind("search distribution")]
Search = Annotated[Any, Kind("search")]

Count = Annotated[int, Range(1)]
"""A whole number, 1 or more."""
Positive = Annotated[float, Range(0, above=True)]
NotNegative = Annotated[float, Range(0)]
Fraction = Annotated[float, Range(0, 1)]
"""From 0 to 1, both included."""
Rate = Annotated[float, Range(0, 1, below=True)]
"""From 0, included, to 1, excluded: a share that is dropped, a momentum."""

_MARKS = {kind.capitalize(): Annotated[Any, Kind(kind)] for kind in registry.KINDS}


def hints(found: Entry) -> dict[str, Any]:
    """The type hints of an entry's parameters, by name; Any for one without a hint."""
    target = found.target
    known = constructor_hints(target) if inspect.isclass(target) else _own_hints(target)
    return {name: known.get(name, Any) for name in found.parameters}


def constructor_hints(cls: type) -> dict[str, Any]:
    """The type hints of what a class's constructor takes, by name, those of its bases' included."""
    known: dict[str, Any] = {}
    for each in reversed(cls.__mro__):
        known |= _own_hints(each)
    return known


def _own_hints(place: Any) -> dict[str, Any]:
    """The type hints of a function's parameters, or a class's constructor's."""
    if inspect.isclass(place) and "__dataclass_fields__" not in vars(place):
        place = place.__init__
    # Those of a dataclass are read from the class: its constructor has also what it inherits, whose hints are
    # names of other modules.
    if not (inspect.isclass(place) or inspect.isfunction(place)):
        return {}
    return typing.get_type_hints(place, localns=_MARKS, include_extras=True)


def arguments(found: Entry, given: Any) -> dict[str, Any]:
    """The arguments for an entry's target that a run file's parameters stand for, checked.

    Args:
        given: a mapping of parameters, None for none, or a single value for the first parameter.

    Raises:
        ConfigError: a parameter is unknown, or its value is of a wrong type or out of range.
    """
    types_of = hints(found)
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        if not types_of:
            raise ConfigError(f"{found.name} has no parameters")
        first = next(iter(types_of))
        return {first: convert(given, types_of[first])}
    converted = {}
    for name, value in given.items():
        if name not in types_of:
            # YAML takes {units:3} for a key "units:3"
            near = (
                "; write a space behind the colon"
                if ":" in name
                else registry.unknown_parameter(name, list(types_of))
            )
            raise ConfigError(
                f"{found.name} has no parameter {name!r}{near}"
                if types_of
                else f"{found.name} has no parameters",
                (name,),
                names_key=True,
            )
        with registry.at(name):
            converted[name] = convert(value, types_of[name])
    return converted


@functools.cache
def _checked_hints(cls: type) -> dict[str, Any]:
    """The type hints of a constructor, but for what stands for layers, which are made where they are used."""
    parameters = inspect.signature(cls.__init__).parameters
    return {
        name: hint
        for name, hint in constructor_hints(cls).items()
        if name in parameters and "Kind(kind='layer')" not in repr(hint)
    }


def check_arguments(obj: Any) -> None:
    """Holds what a constructor was given against its type hints, as run files do.

    Errors: InputError that names class and argument.
    """
    for name, hint in _checked_hints(type(obj)).items():
        value = getattr(obj, name, None)
        value = value.item() if isinstance(value, np.generic) else value
        try:
            convert(value, hint)
        except ConfigError as error:
            problem = error.problem if error.problem.startswith("must ") else f"is wrong: {error}"
            raise InputError(f"{type(obj).__name__}: {name} {problem}") from None


def convert(value: Any, hint: Any) -> Any:
    """The value as an argument with this hint wants it: lists as tuples where it says so, objects built.

    Raises:
        ConfigError: it is of another type, or out of range.
    """
    origin = typing.get_origin(hint)
    if origin is None and isinstance(hint, type):
        hint = _MARKS.get(hint.__name__, hint)
        origin = typing.get_origin(hint)
    if origin is Annotated:
        return _annotated(value, hint)
    if origin in (typing.Union, types.UnionType):
        return _one_of(value, typing.get_args(hint))
    if origin is Literal:
        if not any(value == choice and type(value) is type(choice) for choice in typing.get_args(hint)):
            raise _WrongType(" or ".join(map(said, typing.get_args(hint))), value)
        return value
    if hint in (None, type(None)):
        if value is not None:
            raise _WrongType("null", value)
        return value
    if hint in _SIMPLE:
        return _SIMPLE[hint](value)
    if dataclasses.is_dataclass(hint):
        return _section(value, hint)
    container = origin or hint
    if container in _SEQUENCES:
        return _sequence(value, container, typing.get_args(hint))
    if container in (dict, collections.abc.Mapping):
        if not isinstance(value, Mapping):
            raise _WrongType("names with values", value)
        of = (typing.get_args(hint) or (Any, Any))[1]
        return {key: _element(key, each, of) for key, each in value.items()}
    return value


def _section(value: Any, hint: type) -> Any:
    """An object of a plain dataclass, of the parameters by its fields' names."""
    if isinstance(value, hint):
        return value
    if not isinstance(value, Mapping):
        raise _WrongType(f"the parameters {', '.join(each.name for each in dataclasses.fields(hint))}", value)
    return registry.instance(
        found := Entry("section", hint.__name__.lower(), hint, True), arguments(found, value)
    )


def _annotated(value: Any, hint: Any) -> Any:
    plain, *marks = typing.get_args(hint)
    for mark in marks:
        if isinstance(mark, Kind):
            if isinstance(value, str):
                registry.resolve(mark.kind, value)  # an error now; what is kept is as it was written
                return value
            plain = value is None or isinstance(value, bool | int | float | list | tuple)
            if plain and not registry.takes(mark.kind, value):
                raise _WrongType(f"the name of {registry.a(mark.kind)}", value)
            return registry.resolve(mark.kind, value)
    value = convert(value, plain)
    for mark in marks:
        if isinstance(mark, Range) and isinstance(value, int | float) and value not in mark:
            raise ConfigError(f"must be {mark}, not {value}")
    return value


def _one_of(value: Any, hints: tuple) -> Any:
    """A value by the first of several hints that takes it, or what is wrong with it."""
    wanted, advice = [], ""
    for hint in sorted(hints, key=_is_kind):
        try:
            return convert(value, hint)
        except _WrongType as error:
            wanted.append(error.wanted)
            advice = advice or error.advice
        except ConfigError as error:
            mistake = error
            break
    else:
        raise _WrongType(" or ".join(wanted), value, advice)
    raise mistake


def _is_kind(hint: Any) -> bool:
    return typing.get_origin(hint) is Annotated and any(isinstance(m, Kind) for m in typing.get_args(hint))


def is_of(hint: Any, kind: str) -> bool:
    """Whether a hint, or one of a union, is that of a kind."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return any(is_of(each, kind) for each in typing.get_args(hint))
    if isinstance(hint, type):
        hint = _MARKS.get(hint.__name__, hint)
    return Kind(kind) in typing.get_args(hint)


def _element(key: str | int, value: Any, hint: Any) -> Any:
    with registry.at(key):
        return convert(value, hint)


def _sequence(value: Any, container: type, of: tuple) -> Any:
    if isinstance(value, np.ndarray):
        return value
    if not isinstance(value, list | tuple):
        raise _WrongType("a list", value)
    if container is tuple and of and of[-1] is not Ellipsis:
        if len(value) != len(of):
            raise ConfigError(f"must be a list of {len(of)}, not of {len(value)}")
        return tuple(_element(n, each, hint) for n, (each, hint) in enumerate(zip(value, of, strict=True)))
    hint = of[0] if of else Any
    elements = [_element(n, each, hint) for n, each in enumerate(value)]
    return tuple(elements) if container is tuple else elements


_SEQUENCES = (list, tuple, collections.abc.Sequence, collections.abc.Iterable, collections.abc.Collection)


def _integer(value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _WrongType("a whole number", value)
    return value


def _number(value: Any) -> float:
    if isinstance(value, str) and value.lower() == "nan":
        return math.nan  # a target that is missing; no range has it
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _WrongType("a number", value)
    if math.isinf(value):
        raise _WrongType("a finite number", value)
    return value


def _truth(value: Any) -> bool:
    if isinstance(value, str) and value.lower() in TRUTHS:
        return TRUTHS[value.lower()]
    if not isinstance(value, bool):
        raise _WrongType("true or false", value)
    return value


#: what people write in YAML, and what `yaml_text` leaves as text since it can be one as well
TRUTHS = {"yes": True, "on": True, "no": False, "off": False}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        quoted = f'; write "{said(value)}" in quotes' if isinstance(value, bool | int | float) else ""
        raise _WrongType("text", value, quoted)
    return value


_SIMPLE = {int: _integer, float: _number, bool: _truth, str: _text, Any: lambda value: value}


def said(value: Any) -> str:
    """A value as a message shows it, in the words of a run file."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return repr(value)
    if isinstance(value, Mapping):
        return f"the names {', '.join(map(str, value))}" if value else "an empty mapping"
    if isinstance(value, list | tuple):
        return "a list"
    return str(value)
