"""``theano.gradient``: what an operation of a program's own gives where it has no gradient."""

from __future__ import annotations

from typing import Any

from ...ops.op import NoGradient

__all__ = ["DisconnectedType", "grad_not_implemented", "grad_undefined"]


def grad_not_implemented(op: Any, x_pos: int, x: Any, comment: str = "") -> NoGradient:
    """In place of a gradient that nobody has written; needing it is an error, which says ``comment``."""
    return NoGradient(f"that by its input {x_pos}, {x}, is not implemented. {comment}".rstrip())


def grad_undefined(op: Any, x_pos: int, x: Any, comment: str = "") -> NoGradient:
    """In place of a gradient that does not exist; needing it is an error, which says ``comment``."""
    return NoGradient(f"that by its input {x_pos}, {x}, is not defined. {comment}".rstrip())


class DisconnectedType:
    """``DisconnectedType()()``, in place of a gradient: the output does not depend on that input."""

    def __call__(self) -> None:
        return None
