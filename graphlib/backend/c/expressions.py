"""Scalar expressions as C statements."""

from __future__ import annotations

from .. import expressions
from ..expressions import Scope, print_poly
from .scalar import LOCAL_TYPES, literal, print_op


class Printer(expressions.Printer):
    """Prints expressions of one kernel in C."""

    types = LOCAL_TYPES
    literal = staticmethod(literal)
    print_op = staticmethod(print_op)


__all__ = ["Printer", "Scope", "print_poly"]
