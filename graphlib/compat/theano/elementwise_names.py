"""Theano's elementwise operations as it shows them: ``str(T.add)`` is "Elemwise{add,no_inplace}"."""

from __future__ import annotations

from typing import Any

from ... import tensor as graphlib_tensor
from ...ops.elementwise import Elementwise
from . import tensor, tensor_functions

_NAMES = (
    "abs_ add and_ angle arccos arccosh arcsin arcsinh arctan arctan2 arctanh ceil chi2sf clip "
    "complex complex_from_polar conj cos cosh deg2rad eq erf erfc erfcinv erfcx erfinv exp exp2 "
    "expm1 floor gamma gammainc gammaincc gammal gammaln gammau ge gt i0 i1 imag int_div inv "
    "invert isinf_ isnan_ iv j0 j1 jv le log log10 log1p log2 lt maximum minimum mod mul neg "
    "neq or_ pow psi rad2deg real round_half_away_from_zero round_half_to_even second sgn sin "
    "sinh sqr sqrt sub switch tan tanh tri_gamma true_div trunc xor"
).split()
_ALIASES = {
    "bitwise_and": "and_",
    "bitwise_not": "invert",
    "bitwise_or": "or_",
    "bitwise_xor": "xor",
    "fill": "second",
    "floor_div": "int_div",
    "square": "sqr",
    "where": "switch",
}


class Named(Elementwise):
    """An operation of graphlib's with Theano's text; nodes have the operation itself, which it equals."""

    def __init__(self, name: str, row: Elementwise) -> None:
        self.__dict__.update(row.__dict__)
        self.shown, self.row = name, row

    def __call__(self, *operands: Any, **more: Any) -> Any:
        return self.row(*operands, **more)

    def __str__(self) -> str:
        return f"Elemwise{{{self.shown},no_inplace}}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Elementwise) and other.name == self.row.name

    def __hash__(self) -> int:
        return hash(self.row)

    def __reduce__(self) -> Any:
        return Named, (self.shown, self.row)


class NamedFunction:
    """A function with Theano's text."""

    def __init__(self, name: str, function: Any) -> None:
        self.name, self._function = name, function
        self.__doc__ = function.__doc__

    def __call__(self, *operands: Any, **more: Any) -> Any:
        return self._function(*operands, **more)

    def __str__(self) -> str:
        return f"Elemwise{{{self.name},no_inplace}}"

    def __reduce__(self) -> Any:
        return NamedFunction, (self.name, self._function)


def _found() -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name in _NAMES:
        for source in (tensor, tensor_functions, graphlib_tensor):
            found = getattr(source, name, None)
            if found is not None:
                kind = Named if isinstance(found, Elementwise) else NamedFunction
                made[name] = kind(name, found)
                break
    return {**made, **{alias: made[name] for alias, name in _ALIASES.items()}}


globals().update(_found())
