"""What a variable can do in Python: operators, indexing, and methods, all of them operations of this
package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import DTypeError
from ..graph import Variable
from . import complex_numbers, create, diagonals, linalg, reduce, repeats, shape, write
from . import elementwise as ew
from . import index as ix
from .along_axis import argsort, cumprod, cumsum, nonzero, sort


def _flip(op: Any) -> Any:
    return lambda self, other: op(other, self)


_OPERATORS = {
    "__add__": lambda self, other: ew.add(self, other),
    "__sub__": lambda self, other: ew.sub(self, other),
    "__mul__": lambda self, other: ew.mul(self, other),
    "__truediv__": lambda self, other: ew.true_div(self, other),
    "__floordiv__": lambda self, other: ew.floor_div(self, other),
    "__mod__": lambda self, other: ew.mod(self, other),
    "__pow__": lambda self, other: ew.pow_(self, other),
    "__matmul__": lambda self, other: linalg.matmul(self, other),
    "__and__": lambda self, other: ew.and_(self, other),
    "__or__": lambda self, other: ew.or_(self, other),
    "__xor__": lambda self, other: ew.xor(self, other),
    "__lshift__": lambda self, other: ew.left_shift(self, other),
    "__rshift__": lambda self, other: ew.right_shift(self, other),
    "__radd__": _flip(ew.add),
    "__rsub__": _flip(ew.sub),
    "__rmul__": _flip(ew.mul),
    "__rtruediv__": _flip(ew.true_div),
    "__rfloordiv__": _flip(ew.floor_div),
    "__rmod__": _flip(ew.mod),
    "__rpow__": _flip(ew.pow_),
    "__rmatmul__": _flip(linalg.matmul),
    "__rand__": _flip(ew.and_),
    "__ror__": _flip(ew.or_),
    "__rxor__": _flip(ew.xor),
    "__rlshift__": _flip(ew.left_shift),
    "__rrshift__": _flip(ew.right_shift),
    "__neg__": lambda self: ew.neg(self),
    "__pos__": lambda self: self,
    "__abs__": lambda self: ew.abs_(self),
    "__invert__": lambda self: ew.invert(self),
    "__lt__": lambda self, other: ew.lt(self, other),
    "__le__": lambda self, other: ew.le(self, other),
    "__gt__": lambda self, other: ew.gt(self, other),
    "__ge__": lambda self, other: ew.ge(self, other),
}


def _or_theirs(operator: Callable, reflected: str) -> Callable:
    """An operator that leaves an object of which no tensor can be made to what its own class says
    (``reflected``), as a package's covariance functions that may be scaled by a variable."""

    def apply(self: Variable, other: Any) -> Any:
        try:
            return operator(self, other)
        except DTypeError:
            kind = type(other)
            of_its_own = kind.__module__ not in ("builtins", "numpy") and hasattr(kind, reflected)
            if not of_its_own or isinstance(other, Variable):
                raise
            return NotImplemented

    return apply


_OPERATORS |= {
    name: _or_theirs(operator, "__r" + name[2:])
    for name, operator in _OPERATORS.items()
    if "__r" + name[2:] in _OPERATORS
}

_COMPARISONS = ("lt", "le", "gt", "ge", "eq", "neq")


def _truth(self: Variable) -> bool:
    if (
        self.owner is not None
        and isinstance(self.owner.op, ew.Elementwise)
        and self.owner.op.name in _COMPARISONS
    ):
        raise TypeError(
            f"the comparison {self.describe()} is symbolic and has no truth value yet; use "
            f"T.switch(condition, a, b) "
            f"instead of if, and & and | instead of and, or (also in a < x < b)"
        )
    return True


def _iterate(self: Variable) -> Any:
    n = self.type.shape[0] if self.ndim else None
    if n is None:
        raise TypeError(
            f"cannot iterate over {self.describe()}: its length is not known before the call; graphlib.scan "
            f"goes along its rows"
        )
    return (self[i] for i in range(n))


def _no_assignment(self: Variable, key: Any, value: Any) -> None:
    raise TypeError(
        f"{self.describe()} cannot be changed; make another variable with the part replaced: "
        f"y = T.set_subtensor(x[...], value), or increased: T.inc_subtensor(x[...], value)"
    )


def _length(self: Variable) -> int:
    raise TypeError(f"the length of {self.describe()} is symbolic: use x.shape[0]")


def copy(x: Variable, name: str | None = None) -> Variable:
    """A variable of the same value, called ``name``."""
    result = ew.identity(x)
    result.name = name
    return result


def _no_number(kind: str) -> Any:
    def convert(self: Variable) -> Any:
        raise TypeError(
            f"{self.describe()} is symbolic and has no value to make {kind} of; use .eval() or a compiled "
            f"function"
        )

    return convert


def _method(function: Any) -> Any:
    """A function of the package as a method: the variable is its first argument."""

    def method(self: Variable, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    method.__doc__ = function.__doc__
    method.__name__ = getattr(function, "__name__", "method")
    method.__wrapped__ = function  # whose arguments help() and notebooks show
    return method


_METHODS = {
    "sum": reduce.sum,
    "prod": reduce.prod,
    "mean": reduce.mean,
    "var": reduce.var,
    "std": reduce.std,
    "max": reduce.max,
    "min": reduce.min,
    "all": reduce.all,
    "any": reduce.any,
    "argmax": reduce.argmax,
    "argmin": reduce.argmin,
    "norm": lambda self, L=2, axis=None, keepdims=False: reduce.norm(self, L, axis, keepdims),
    "ptp": reduce.ptp,
    "astype": ew.cast,
    "flatten": shape.flatten,
    "ravel": shape.flatten,
    "dimshuffle": shape.dimshuffle,
    "transpose": shape.transpose,
    "swapaxes": shape.swapaxes,
    "squeeze": shape.squeeze,
    "repeat": repeats.repeat,
    "take": ix.take,
    "diagonal": diagonals.diag,
    "dot": linalg.dot,
    "sort": sort,
    "argsort": argsort,
    "cumsum": cumsum,
    "cumprod": cumprod,
    "nonzero": nonzero,
    "clip": ew.clip,
    "round": lambda self, mode="half_to_even": tensor_round(self, mode),
    "copy": copy,
    "conj": complex_numbers.conj,
    "conjugate": complex_numbers.conj,
    "fill": create.full_like,
    "zeros_like": create.zeros_like,
    "ones_like": create.ones_like,
    "set": write.set_subtensor,
    "inc": write.inc_subtensor,
}


def tensor_round(x: Any, mode: str = "half_to_even") -> Variable:
    """The nearest integer; ``mode`` is half_to_even (numpy's, the default) or half_away_from_zero."""
    table = {"half_to_even": ew.round_half_to_even, "half_away_from_zero": ew.round_half_away_from_zero}
    if mode not in table:
        raise ValueError(f"T.round has the modes {', '.join(table)}, not {mode!r}")
    return table[mode](x)


def _reshape_method(self: Variable, *lengths: Any, ndim: int | None = None, **named: Any) -> Variable:
    """``reshape(2, 3)`` as NumPy's, ``reshape(shape, ndim)`` as Theano's, by names, too."""
    if set(named) - {"shape"} or (named and lengths):
        raise TypeError(f"reshape takes lengths, or shape and ndim, not {', '.join(named)} besides")
    lengths = (named["shape"],) if named else lengths
    whole = bool(lengths) and (isinstance(lengths[0], (tuple, list)) or getattr(lengths[0], "ndim", 0) == 1)
    if whole and len(lengths) == 2 and ndim is None:
        lengths, ndim = lengths[:1], lengths[1]
    return shape.reshape(self, lengths[0] if len(lengths) == 1 else lengths, ndim)


def install() -> None:
    """Give Variable its operators and methods."""
    for name, operator in _OPERATORS.items():
        setattr(Variable, name, operator)
    for name, function in _METHODS.items():
        setattr(Variable, name, _method(function))
    Variable.__bool__ = _truth
    Variable.__iter__ = _iterate
    Variable.__len__ = _length
    Variable.__float__ = _no_number("a float")
    Variable.__int__ = _no_number("an int")
    Variable.__index__ = _no_number("an index")
    Variable.__getitem__ = ix.index
    Variable.__setitem__ = _no_assignment
    Variable.reshape = _reshape_method
    Variable.T = property(shape.transpose)
    Variable.real = property(complex_numbers.real)
    Variable.imag = property(complex_numbers.imag)
    Variable.shape = property(shape.shape_of)
    Variable.size = property(lambda self: reduce.count(self, tuple(range(self.ndim)), "int64"))
