"""Scalar expressions as statements of C or CUDA C: common ones are computed once, each as far outside as its
indices allow.

A backend derives from ``Printer`` and says how types, numbers and operations are written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from ..graph import Variable
from ..scalar.expression import CHECKS, Expr, children
from ..scalar.integer import Poly, Symbol

_LONG = 88


class Scope:
    """The text of one block: its statements, and the C names of the expressions computed in it."""

    def __init__(self, parent: Scope | None, level: int) -> None:
        self.parent = parent
        self.level = level
        self.lines: list[str] = []
        self.names: dict[Expr, str] = {}

    def find(self, expr: Expr) -> str | None:
        scope: Scope | None = self
        while scope is not None:
            if expr in scope.names:
                return scope.names[expr]
            scope = scope.parent
        return None

    def is_in(self, other: Scope) -> bool:
        """Whether this is the other scope or one inside it."""
        scope: Scope | None = self
        while scope is not None and scope is not other:
            scope = scope.parent
        return scope is other

    def at_level(self, level: int) -> Scope:
        scope = self
        while scope.level > level and scope.parent is not None:
            scope = scope.parent
        return scope


class Printer:
    """Prints expressions of one kernel.

    ``load(variable, index, text)``: the C text of an element in memory, ``text`` that of an offset;
    ``symbol``: of a loop index or length; ``levels``: at which level each index is known. ``types``,
    ``literal`` and ``print_op`` are the backend's.
    """

    types: Mapping[str, str]
    literal: Callable[[object, str], str]
    print_op: Callable[[Expr, list[str]], str]

    def __init__(
        self,
        load: Callable[[Variable, tuple[Poly, ...], Callable[[Poly], str]], str],
        symbol: Callable[[Symbol], str],
        levels: dict[Symbol, int],
    ) -> None:
        self.load = load
        self.symbol = symbol
        self.levels = levels
        self.uses: dict[Expr, int] = {}
        self.count = 0
        #: whether anything printed may fail the call
        self.checks = False
        #: values that the kernel has computed: the name of each, and where it holds
        self.locals: dict[Variable, tuple[str, Scope]] = {}

    def name(self, letter: str) -> str:
        """A name that nothing has yet."""
        self.count += 1
        return f"{letter}{self.count - 1}"

    def local(self, variable: Variable, scope: Scope) -> tuple[str, int] | None:
        """The name of a value that the kernel has computed, if that holds in ``scope``, and its level."""
        name, home = self.locals.get(variable, ("", None))
        return (name, home.level) if home is not None and scope.is_in(home) else None

    def count_uses(self, roots: Iterable[Expr]) -> None:
        """Count how often each expression is needed, so that only repeated ones get a name."""
        stack = []
        for root in roots:
            self.uses[root] = self.uses.get(root, 0) + 1
            if self.uses[root] == 1:
                stack.append(root)
        while stack:
            for child in children(stack.pop()):
                self.uses[child] = self.uses.get(child, 0) + 1
                if self.uses[child] == 1:
                    stack.append(child)

    def level(self, expr: Expr | Poly, scope: Scope) -> int:
        """The outermost level at which an expression can be computed."""
        level = max((self.levels.get(i, 0) for i in expr.free), default=0)
        for variable in expr.uses:
            found = self.local(variable, scope)
            if found is not None:
                level = max(level, found[1])
        return level

    def emit(self, root: Expr, scope: Scope) -> str:
        """The C text of an expression, after the statements it needs."""
        stack: list[tuple[Expr, bool]] = [(root, False)]
        texts: dict[Expr, str] = {}
        while stack:
            expr, ready = stack.pop()
            if expr in texts:
                continue
            known = scope.find(expr)
            if known is not None:
                texts[expr] = known
                continue
            if not ready:
                stack.append((expr, True))
                stack.extend((child, False) for child in children(expr))
                continue
            texts[expr] = self._one(expr, texts, scope)
        return texts[root]

    def _one(self, expr: Expr, texts: dict[Expr, str], scope: Scope) -> str:
        text, atomic = self._text(expr, texts, scope)
        if atomic:
            return text
        level = self.level(expr, scope)
        if level == scope.level and self.uses.get(expr, 0) <= 1 and len(text) < _LONG:
            return text if expr.op in ("access", *CHECKS) else f"({text})"
        home = scope.at_level(level)
        name = self.name("t")
        home.lines.append(f"const {self.types[expr.dtype]} {name} = {text};")
        home.names[expr] = name
        return name

    def _text(self, expr: Expr, texts: dict[Expr, str], scope: Scope) -> tuple[str, bool]:
        if expr.op == "const":
            return self.literal(expr.value, expr.dtype), True
        if expr.op == "int":
            text = self.poly(expr.value, texts)
            return text, text.isidentifier() or text.lstrip("-").isdigit()
        if expr.op == "access":
            variable, index = expr.value
            found = self.local(variable, scope)
            if found is not None:
                return found[0], True
            return self.load(variable, index, lambda p: self.poly(p, texts)), False
        if expr.op in CHECKS:
            self.checks = True
            return f"gl_{expr.op}({', '.join(texts[a] for a in expr.args)}, &bad)", False
        return self.print_op(expr, [texts[a] for a in expr.args]), False

    def poly(self, p: Poly, texts: dict[Expr, str] | None = None) -> str:
        """An index polynomial as C; its opaque atoms must have been printed into ``texts``."""

        def atom(a: Symbol | Expr) -> str:
            return self.symbol(a) if isinstance(a, Symbol) else (texts or {})[a]

        return print_poly(p, atom)


def print_poly(p: Poly, atom: Callable[[Symbol | Expr], str]) -> str:
    """A polynomial as C; terms whose atom prints as '0' vanish."""
    parts: list[str] = []
    for monomial, coefficient in sorted(p.terms.items(), key=lambda item: (not item[0], item[1] < 0)):
        names = [atom(a) for a in monomial]
        if "0" in names:
            continue
        factors = names if abs(coefficient) == 1 and names else [str(abs(coefficient)), *names]
        text = "*".join(factors)
        parts.append(
            (" - " if coefficient < 0 else " + ") + text if parts else ("-" if coefficient < 0 else "") + text
        )
    return "".join(parts) or "0"


def decimal(x: float, dtype: str) -> str:
    """A finite number as a literal of its type, in parentheses where it has a sign."""
    text = repr(x) if dtype == "float64" else f"{x:.9g}"
    text += "" if any(c in text for c in ".en") else ".0"
    text += "f" if dtype == "float32" else ""
    return f"({text})" if text.startswith("-") else text


def describe(variables: list[Variable]) -> str:
    """A comment that says what is computed and at which of the user's lines."""
    by_line: dict[str, list[str]] = {}
    for v in variables:
        name = v.name if v.name and v.owner is None else str(v.owner.op) if v.owner is not None else str(v)
        what = f"{v.name} = {name}" if v.name and v.owner is not None and v.name != name else name
        by_line.setdefault(str(v.origin or "?"), []).append(what)
    lines = []
    for line, names in by_line.items():
        text = ", ".join(names)
        lines.append(f"{line}: {text if len(text) < 96 else text[:93] + '...'}")
    return comment(lines)


def comment(lines: Iterable[str]) -> str:
    """A comment; whatever names and paths there are in its lines, they do not end it or break the file."""
    plain = (re.sub(r"[\x00-\x1f]", " ", line).replace("*/", "* /") for line in lines)
    return "/* " + "\n   ".join(plain).encode("utf-8", "backslashreplace").decode() + " */"


__all__ = ["Printer", "Scope", "comment", "decimal", "describe", "print_poly"]
