"""Typed scalar expressions, hash-consed: equal expressions are the same object, so common ones are computed
once.

``Expr.op`` is 'const', 'int' (a polynomial), 'access' (an element of an array), one of ``CHECKS`` or the
name of an elementwise operation; in a plan's kernels also 'load' (what lies at an offset in memory) and
'local' (a register).  The renderers' tables know each name.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .integer import Poly

_serial = itertools.count(1 << 40)


class Expr:
    """One scalar: ``op`` applied to ``args``, of ``dtype``; ``value`` is a constant, a polynomial or what is
    accessed.

    ``free``: the loop indices it depends on.  ``uses``: the graph variables it reads.  ``children`` and
    ``inside`` are what the functions ``children`` and ``walk`` have found, None before they were asked.
    """

    __slots__ = (
        "__weakref__",
        "args",
        "children",
        "dtype",
        "free",
        "inside",
        "op",
        "serial",
        "uses",
        "value",
    )

    def __repr__(self) -> str:
        if self.op in ("const", "int"):
            return repr(self.value)
        if self.op in ("access", "load"):
            return f"{self.value[0]}[{', '.join(map(repr, self.value[1]))}]"
        if self.op == "local":
            return self.value
        return f"{self.op}({', '.join(map(repr, self.args))})"

    def __reduce__(self) -> tuple:
        key = np.asarray(self.value, self.dtype).tobytes() if self.op == "const" else None
        return _make, (self.op, self.dtype, self.args, self.value, key)


_interned: weakref.WeakValueDictionary = weakref.WeakValueDictionary()


def _make(op: str, dtype: str, args: tuple[Expr, ...] = (), value: Any = None, key: Any = None) -> Expr:
    identity = (op, dtype, args, value if key is None else key)
    found = _interned.get(identity)
    if found is not None:
        return found
    expr = Expr()
    expr.op, expr.dtype, expr.args, expr.value = op, dtype, args, value
    expr.serial = next(_serial)
    free, uses = frozenset(), frozenset()
    for arg in args:
        free |= arg.free
        uses |= arg.uses
    if op == "int":
        free, uses = value.free, value.uses
    elif op in ("access", "load"):
        variable, index = value
        uses |= {variable}
        for i in index:
            free |= i.free
            uses |= i.uses
    expr.free, expr.uses = free, uses
    expr.children = expr.inside = None
    _interned[identity] = expr
    return expr


def const(value: Any, dtype: str) -> Expr:
    if dtype == "int64":
        return integer(int(value))
    scalar = np.asarray(value, dtype=dtype)
    return _make("const", dtype, value=scalar.item(), key=scalar.tobytes())


def integer(value: Any) -> Expr:
    """An index polynomial as an int64 expression."""
    poly = Poly.of(value)
    atom = poly.atom
    return atom if isinstance(atom, Expr) else _make("int", "int64", value=poly)


def poly(expr: Expr) -> Poly:
    """An integer expression as a polynomial, opaque unless it is one already."""
    if expr.dtype != "int64":
        expr = cast(expr, "int64")
    return expr.value if expr.op == "int" else Poly.of(expr)


def access(variable: Any, dtype: str, index: Sequence[Poly]) -> Expr:
    """The element of a graph variable at an index."""
    return _make("access", dtype, value=(variable, tuple(index)))


def load(memory: Any, dtype: str, offset: Poly) -> Expr:
    """What lies so many elements behind the beginning of an array, or of a kernel's own."""
    return _make("load", dtype, value=(memory, (offset,)))


def local(name: str, dtype: str) -> Expr:
    """A register of a kernel."""
    return _make("local", dtype, value=name)


def node(op: str, dtype: str, *args: Expr, value: Any = None) -> Expr:
    """An operation as it stands, without any arithmetic."""
    return _make(op, dtype, args, value)


def cast(expr: Expr, dtype: str) -> Expr:
    if expr.dtype == dtype:
        return expr
    if expr.op == "const":
        with np.errstate(all="ignore"):
            return const(np.asarray(expr.value, dtype=expr.dtype).astype(dtype), dtype)
    if expr.op == "int" and expr.value.constant is not None:
        return const(np.asarray(expr.value.constant).astype(dtype), dtype)
    return _make("cast", dtype, (expr,))


def constant_value(expr: Expr) -> Any:
    """The number that an expression is, or None."""
    if expr.op == "const":
        return expr.value
    return expr.value.constant if expr.op == "int" else None


_POLYNOMIAL = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "neg": lambda a: -a,
}
#: operations on integers that are carried out where their operands are numbers
FOLDED = {
    "floor_div": lambda a, b: a // b if b else 0,
    "mod": lambda a, b: a % b if b else 0,
    "minimum": min,
    "maximum": max,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "eq": lambda a, b: a == b,
    "ge": lambda a, b: a >= b,
    "gt": lambda a, b: a > b,
    "neq": lambda a, b: a != b,
}


def apply(op: str, dtype: str, *args: Expr) -> Expr:
    """An elementwise operation on scalars; integer arithmetic is kept in normal form and folded where
    constant."""
    if args[0].dtype == "int64":
        if dtype == "int64" and op in _POLYNOMIAL:
            return integer(_POLYNOMIAL[op](*(poly(a) for a in args)))
        if op in FOLDED:
            values = [constant_value(a) for a in args]
            if None not in values:
                return const(FOLDED[op](*values), dtype)
            if op in ("minimum", "maximum") and args[0] is args[1]:
                return args[0]
    if op == "switch":
        chosen = constant_value(args[0])
        if chosen is not None:
            return args[1] if chosen else args[2]
        if args[1] is args[2]:
            return args[1]
    return _make(op, dtype, args)


def minimum(a: Any, b: Any) -> Poly:
    return poly(apply("minimum", "int64", integer(a), integer(b)))


def maximum(a: Any, b: Any) -> Poly:
    return poly(apply("maximum", "int64", integer(a), integer(b)))


def floor_div(a: Any, b: Any) -> Poly:
    if Poly.of(b) == 1:
        return Poly.of(a)
    return poly(apply("floor_div", "int64", integer(a), integer(b)))


def mod(a: Any, b: Any) -> Poly:
    if Poly.of(b) == 1:
        return Poly.of(0)
    return poly(apply("mod", "int64", integer(a), integer(b)))


def select(condition: Expr, a: Any, b: Any) -> Poly:
    return poly(apply("switch", "int64", condition, integer(a), integer(b)))


def less(a: Any, b: Any) -> Expr:
    return apply("lt", "bool", integer(a), integer(b))


def checked_index(index: Any, length: Any) -> Poly:
    """An index as NumPy reads it: negative ones count from the end, one out of range fails the call."""
    index, length = Poly.of(index), Poly.of(length)
    atom = index.atom
    if isinstance(atom, Expr) and atom.op == "checked_index" and atom.args[1] == integer(length):
        return index
    number, size = index.constant, length.constant
    if number is not None and number >= 0 and size is not None and number < size:
        return index
    return Poly.of(_make("checked_index", "int64", (integer(index), integer(length))))


def checked(check: str, expr: Expr) -> Expr:
    """A scalar that fails the call where it is not what ``check`` wants (see ``CHECKS``)."""
    return _make(check, expr.dtype, (expr,))


#: what fails a call: an index out of range, a divisor of 0, a negative exponent, a condition that is false
CHECKS = frozenset(("checked_index", "checked_divisor", "checked_exponent", "checked_truth"))


def children(expr: Expr) -> tuple[Expr, ...]:
    """What an expression is computed from, the opaque atoms of its indices included."""
    if expr.children is None:
        polys = [expr.value] if expr.op == "int" else expr.value[1] if expr.op in ("access", "load") else ()
        atoms = [a for p in polys for monomial in p.terms for a in monomial if isinstance(a, Expr)]
        expr.children = (*expr.args, *atoms)
    return expr.children


def walk(expr: Expr) -> list[Expr]:
    """An expression and all that it is computed from."""
    if expr.inside is None:
        found, stack = {expr: None}, [expr]
        while stack:
            new = [e for e in children(stack.pop()) if e not in found]
            found.update(dict.fromkeys(new))
            stack.extend(new)
        # without itself, which would then never be let go
        expr.inside = tuple(found)[1:]
    return [expr, *expr.inside]


def replaced(
    expr: Expr,
    exchange: Mapping[Expr, Expr],
    symbols: Mapping[Any, int] | None = None,
    variables: Mapping[Any, Any] | None = None,
) -> Expr:
    """An expression with some of its parts exchanged for others, in its indices too; and symbols in these for
    numbers, variables of which it has elements for others."""
    done, symbols, variables = dict(exchange), symbols or {}, variables or {}

    def in_poly(p: Poly) -> Poly:
        total = Poly.of(0)
        for monomial, coefficient in p.terms.items():
            term = Poly.of(coefficient)
            for atom in monomial:
                term = term * (poly(done[atom]) if isinstance(atom, Expr) else symbols.get(atom, atom))
            total = total + term
        return total

    stack = [expr]
    while stack:
        e = stack[-1]
        missing = [part for part in children(e) if part not in done]
        if e in done or not missing:
            stack.pop()
        if e in done:
            continue
        if missing:
            stack += missing
        elif e.op == "int":
            done[e] = integer(in_poly(e.value))
        elif e.op == "access":
            variable, index = e.value
            done[e] = access(variables.get(variable, variable), e.dtype, [in_poly(p) for p in index])
        else:
            done[e] = _make(e.op, e.dtype, tuple(done[a] for a in e.args), e.value) if e.args else e
    return done[expr]
