"""What C and CUDA C write alike: expressions, index polynomials, comments."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from ..scalar.expression import CHECKS, Expr
from ..scalar.integer import Poly, Symbol
from ..schedule.statements import Target


class Text:
    """Writes expressions.

    print_op, literal: the language's tables.  load: an element by its target and the text of its offset;
    symbol: a length or an index.
    """

    def __init__(
        self,
        print_op: Callable[[Expr, list[str]], str],
        literal: Callable[[object, str], str],
        load: Callable[[Target, str, str], str],
        symbol: Callable[[Symbol], str],
    ) -> None:
        self.print_op, self.literal = print_op, literal
        self.load, self.symbol = load, symbol

    def whole(self, e: Expr) -> str:
        """An expression that stands alone."""
        if e.op == "const":
            return without_parentheses(self.literal(e.value, e.dtype))
        return self._text(e)[0]

    def operand(self, e: Expr) -> str:
        """An expression that is a part of another."""
        text, atomic = self._text(e)
        return text if atomic else f"({text})"

    def _text(self, e: Expr) -> tuple[str, bool]:
        if e.op == "const":
            return self.literal(e.value, e.dtype), True
        if e.op == "local":
            return e.value, True
        if e.op == "int":
            return self.poly(e.value), is_atom(e.value)
        if e.op == "load":
            target, (offset,) = e.value
            return self.load(target, e.dtype, self.poly(offset)), True
        if e.op in CHECKS:
            return f"gl_{e.op}({', '.join(map(self.operand, e.args))}, &bad)", True
        return self.print_op(e, list(map(self.operand, e.args))), False

    def poly(self, p: Poly) -> str:
        """A length, an offset or an index."""
        return polynomial(p, lambda a: self.symbol(a) if isinstance(a, Symbol) else self.operand(a))

    def factor(self, p: Poly) -> str:
        """A length that is a part of an expression."""
        return self.poly(p) if is_atom(p) else f"({self.poly(p)})"


def is_atom(p: Poly) -> bool:
    """Whether a polynomial is written as one name or number."""
    return p.constant is not None or p.atom is not None


def polynomial(p: Poly, atom: Callable[[Symbol | Expr], str]) -> str:
    """A polynomial, its constant last."""
    parts: list[str] = []
    for monomial, coefficient in sorted(p.terms.items(), key=lambda item: (not item[0], item[1] < 0)):
        names = [atom(a) for a in monomial]
        text = "*".join(names if abs(coefficient) == 1 and names else [str(abs(coefficient)), *names])
        sign = (" - " if parts else "-") if coefficient < 0 else (" + " if parts else "")
        parts.append(sign + text)
    return "".join(parts) or "0"


def without_parentheses(text: str) -> str:
    """A number without the parentheses around its sign."""
    return text[1:-1] if text.startswith("(") else text


def comment(lines: Iterable[str]) -> str:
    """A comment; whatever names and paths there are in its lines, they do not end it or break the file."""
    plain = (re.sub(r"[\x00-\x1f]", " ", line).replace("*/", "* /") for line in lines)
    return "/* " + "\n   ".join(plain).encode("utf-8", "backslashreplace").decode() + " */"


def indented(lines: Iterable[str], by: int = 1) -> list[str]:
    return ["    " * by + line for line in lines]
