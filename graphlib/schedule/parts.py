"""What plans are made of, found wherever it is."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from ..scalar.expression import Expr, walk
from ..scalar.integer import Poly
from .arrays import Array


def parts(thing: Any) -> Iterator[Any]:
    """Everything that is no dataclass or tuple in anything that plans are made of; arrays as they are,
    without the plans of loops."""
    stack = [thing]
    while stack:
        one = stack.pop()
        if isinstance(one, (tuple, list)):
            stack.extend(reversed(one))
            continue
        names = _names(type(one))
        if names is None:
            yield one
        else:
            stack.extend([getattr(one, name) for name in names])


@functools.lru_cache(maxsize=256)
def _names(kind: type) -> tuple[str, ...] | None:
    """The fields of what has parts, the last first; None of what is a part itself, none of a plan."""
    if kind is Array or not is_dataclass(kind):
        return None
    names = tuple(f.name for f in reversed(fields(kind)))
    return () if "steps" in names else names


def expressions(thing: Any) -> Iterator[Expr]:
    """The expressions, those in lengths and offsets included."""
    for one in parts(thing):
        if isinstance(one, Expr):
            yield from walk(one)
        elif isinstance(one, Poly):
            for atom in (a for monomial in one.terms for a in monomial if isinstance(a, Expr)):
                yield from walk(atom)


def polys(thing: Any) -> list[Poly]:
    """The lengths and offsets, those in expressions included."""
    found = [one for one in parts(thing) if isinstance(one, Poly)]
    for e in expressions(thing):
        found += [e.value] if e.op == "int" else e.value[1] if e.op in ("load", "access") else ()
    return found


__all__ = ["expressions", "parts", "polys"]
