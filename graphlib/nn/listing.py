"""What can be written in a run file: the registered names, and the parameters of each."""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from typing import Any

from . import registry, schema
from .registry import Entry
from .storage import UserError


def kinds() -> str:
    """All names by kind."""
    lines = []
    for kind in registry.KINDS:
        names = [name for name in registry.names(kind) if registry.entry(kind, name).kind == kind]
        lines.append(f"{kind}: {', '.join(names)}")
    return "\n".join(lines)


def kind(which: str) -> str:
    """The names of a kind, each with what it is."""
    names = registry.names(which)
    width = max(map(len, names))
    return "\n".join(
        f"{name:<{width}}  {_first_sentence(registry.entry(which, name).target)}" for name in names
    )


def name(which: str) -> str:
    """What a name stands for, and its parameters.

    UserError where there is none of the kind, or of any kind.
    """
    found = []
    for each in registry.KINDS:
        if which in registry.names(each):
            entry = registry.entry(each, which)
            if entry.kind == each:
                found.append(entry)
    if not found:
        every = [*registry.KINDS, *(name for each in registry.KINDS for name in registry.names(each))]
        raise UserError(f"there is no {which!r}{registry.nearest(which, every)}")
    return "\n\n".join(_described(entry) for entry in found)


def _described(entry: Entry) -> str:
    lines = [f"{entry.kind} {entry.name}", "", inspect.getdoc(entry.target) or "", ""]
    hints = schema.hints(entry)
    for parameter in entry.parameters.values():
        default = parameter.default
        said = "needed" if default is parameter.empty else f"default {_written(default)}"
        lines.append(f"  {parameter.name}: {wanted(hints[parameter.name])}; {said}")
    if not entry.parameters:
        lines.append("  no parameters")
    return "\n".join(lines)


def _written(default: Any) -> str:
    try:
        return schema.said(registry.config_of(default))
    except registry.ConfigError:
        return "its own"


def _first_sentence(target: Any) -> str:
    text = " ".join((inspect.getdoc(target) or "").split("\n\n")[0].split())
    return text if len(text) <= 90 else text[:89].rsplit(" ", 1)[0] + " …"


def wanted(hint: Any) -> str:
    """What a type hint takes, in the words of a run file."""
    origin, of = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        kinds = [mark.kind for mark in of[1:] if isinstance(mark, schema.Kind)]
        if kinds:
            return registry.a(kinds[0])
        bounds = [str(mark) for mark in of[1:] if isinstance(mark, schema.Range)]
        return ", ".join([wanted(of[0]), *bounds])
    if origin in (typing.Union, types.UnionType):
        return " or ".join(wanted(each) for each in of)
    if origin is typing.Literal:
        return " or ".join(map(schema.said, of))
    if hint in _WORDS:
        return _WORDS[hint]
    if dataclasses.is_dataclass(hint):
        return f"{', '.join(each.name for each in dataclasses.fields(hint))}"
    if origin is tuple and of and of[-1] is not Ellipsis:
        return f"a list of {len(of)}: {', '.join(wanted(each) for each in of)}"
    if origin is dict or hint is dict or (origin is not None and issubclass(origin, typing.Mapping)):
        return f"names, each with {wanted(of[1])}" if of else "names with values"
    if origin is not None:
        return f"a list, each {wanted(of[0])}" if of else "a list"
    return "anything"


_WORDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    type(None): "null",
    None: "null",
}
