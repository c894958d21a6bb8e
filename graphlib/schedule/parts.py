"""What plans are made of, found wherever it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from ..scalar.expression import Expr, walk
from ..scalar.integer import Poly
from .arrays import Array

#: for each class the fields of what has parts, the last first; none where there is nothing to look for
_FIELDS: dict[type, tuple[str, ...]] = {}
#: what has no parts, as fields are annotated
_PLAIN = frozenset(("str", "bool", "int", "int | None", "str | None", "Array", "Array | None"))


def _roots(thing: Any) -> Iterator[Expr | Poly]:
    """The expressions and lengths that stand in anything that plans are made of; those of arrays and of the
    plans of loops are left out."""
    stack = [thing]
    pop, push, known = stack.pop, stack.append, _FIELDS
    while stack:
        one = pop()
        kind = type(one)
        if kind is Expr or kind is Poly:
            yield one
        elif kind is tuple or kind is list:
            stack.extend(reversed(one))
        else:
            names = known.get(kind)
            if names is None:
                names = known[kind] = _fields_of(kind)
            for name in names:
                push(getattr(one, name))


def _fields_of(kind: type) -> tuple[str, ...]:
    if issubclass(kind, tuple):
        return tuple(reversed(kind._fields))
    if kind is Array or not is_dataclass(kind):
        return ()
    found = [f for f in reversed(fields(kind)) if f.type not in _PLAIN]
    return () if any(f.name == "steps" for f in found) else tuple(f.name for f in found)


def _inside(p: Poly) -> Iterator[Expr]:
    """The expressions in a length."""
    for monomial in p.terms:
        for atom in monomial:
            if type(atom) is Expr:
                yield from walk(atom)


def expressions(thing: Any) -> Iterator[Expr]:
    """The expressions, those in lengths and offsets included."""
    for one in _roots(thing):
        yield from walk(one) if type(one) is Expr else _inside(one)


def polys(thing: Any) -> list[Poly]:
    """The lengths and offsets, those in expressions included."""
    found: list[Poly] = []
    for one in _roots(thing):
        if type(one) is Poly:
            found.append(one)
            inside: Iterable[Expr] = _inside(one)
        else:
            inside = walk(one)
        for e in inside:
            if e.op == "int":
                found.append(e.value)
            elif e.op in ("load", "access"):
                found += e.value[1]
    return found


def of_statement(one: Any) -> Iterator[Expr]:
    """The expressions that a statement computes, as they stand."""
    for name in ("value", "position", "offset"):
        thing = getattr(one, name, None)
        if isinstance(thing, Expr):
            yield thing
        elif isinstance(thing, Poly):
            yield from (a for m in thing.terms for a in m if isinstance(a, Expr))
