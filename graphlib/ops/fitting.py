"""What may stand in place of a variable: an update, a value given, the next value of a loop's state."""

from __future__ import annotations

from typing import Any

from ..errors import DTypeError, RankError, ShapeError
from ..graph import Constant, Variable
from ..graph.types import promote
from .elementwise import cast
from .op import as_variable, is_symbolic


def fitting(value: Any, target: Variable, what: str, otherwise: str = "") -> Variable:
    """``value`` as a variable that may stand in place of ``target``: cast where that loses nothing, else an
    error, which begins with ``what``, of the target, and says what to do about the dtype: cast it, or
    ``otherwise``.

    Errors: DTypeError, ShapeError, RankError.
    """
    if not is_symbolic(value):
        try:
            value = Constant(target.type.convert(value))
        except (DTypeError, ShapeError) as error:
            raise type(error)(f"{what} {target.describe()}, a value, {error}") from None
    variable = as_variable(value)
    if variable.dtype != target.dtype:
        if promote([variable.dtype, target.dtype]) != target.dtype:
            raise DTypeError(
                f"{what} {target.describe()} is of dtype {variable.dtype}: {variable.describe()}; cast it "
                f"with .astype('{target.dtype}')" + (f", {otherwise}" if otherwise else "")
            )
        variable = cast(variable, target.dtype)
    if not target.type.accepts(variable.type):
        kind = ShapeError if variable.ndim == target.ndim else RankError
        raise kind(f"{what} {target.describe()} has another shape: {variable.describe()}")
    return variable
