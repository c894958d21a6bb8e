"""Attributes that Theano's variables and functions had besides: ``x.tag``, ``u.rng``, ``f.maker.fgraph``."""

from __future__ import annotations

import sys
from typing import Any, TextIO

import numpy as np

from ... import tensor as graphlib_tensor
from ...compile.function import Function
from ...errors import DTypeError, GradientError
from ...graph import Apply, Shared, TensorType, Variable, toposort
from ...graph.substitution import note_written
from ...graph.types import mersenne_generator
from ...ops.generators import Generator
from ...ops.host import HostOp
from ...ops.index import index
from ...ops.shape import Shape
from ...profile import Profile
from ...tensor import verify_grad
from . import tensor_functions as functions
from .own_objects import sliced
from .own_rewrites import FunctionGraph
from .sharedvalue import RULES
from .tags import tag
from .tensor import pow


class DrawState:
    """``draw.rng``: the shared state of a random variable, whose value is a ``numpy.random.RandomState``."""

    def __init__(self, state: Shared) -> None:
        self.shared = state

    def get_value(self, borrow: bool = False, return_internal_type: bool = False) -> np.random.RandomState:
        """A copy of the state, to be changed and put back."""
        return mersenne_generator(self.shared.get_value())

    def set_value(self, value: np.random.RandomState, borrow: bool = False) -> None:
        """The next numbers are those that follow in ``value``."""
        self.shared.set_value(value)


def _drawn(variable: Variable) -> Shared:
    states = {
        v
        for node in toposort([variable])
        if isinstance(node.op, Generator)
        for v in node.inputs[:1]
        if isinstance(v, Shared)
    }
    if len(states) != 1:
        raise AttributeError(f"{variable} is not one draw of a random stream, but made of {len(states)}")
    return states.pop()


def _rng(variable: Variable) -> DrawState:
    return DrawState(_drawn(variable))


def _update(variable: Variable) -> Any:
    if "update" in variable.__dict__:
        return variable.__dict__["update"]
    state = _drawn(variable)
    return state, state.default_update


def _set_update(variable: Variable, update: Any) -> None:
    """An attribute of the program's own, as any other."""
    variable.__dict__["update"] = update


class Container:
    """``shared.container``: where the value is, ``storage[0]`` or ``data``."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    def _set(self, value: Any) -> None:
        self._shared.set_value(value, borrow=True)

    data = value = property(lambda self: self._shared.get_value(borrow=True), _set)
    storage = property(lambda self: self)

    def __len__(self) -> int:
        return 1

    def __getitem__(self, place: int) -> np.ndarray:
        return [self.data][place]

    def __setitem__(self, place: int, value: Any) -> None:
        [None][place]
        self.data = value


class Default:
    """``f.container[x]``: where a function keeps the value of an input between calls; as the ``value`` of
    another function's input it is the same value."""

    def __init__(self, function: Function, key: Any) -> None:
        self._defaults, self._key = function.value, key
        self._defaults[key]  # a KeyError where there is none

    def get_value(self, borrow: bool = False) -> Any:
        return self._defaults[self._key]

    def set_value(self, value: Any, borrow: bool = False) -> None:
        self._defaults[self._key] = value

    data = value = property(get_value, set_value)
    storage = property(lambda self: self)

    def __getitem__(self, place: int) -> Any:
        return [self.value][place]

    def __setitem__(self, place: int, value: Any) -> None:
        [None][place]
        self.value = value


class Defaults:
    """``f.container``: by an input's variable, name or position where its value is kept."""

    def __init__(self, function: Function) -> None:
        self._function = function

    def __getitem__(self, key: Any) -> Default:
        return Default(self._function, key)

    def __contains__(self, key: Any) -> bool:
        return key in self._function.value

    def __len__(self) -> int:
        return len(self._function.value)


def _set_value(self: Shared, value: Any, borrow: bool = False) -> None:
    """A new value, as strictly as the variable was made; what no number is, is a ValueError, too."""
    rules = self.__dict__.get(RULES)
    try:
        if rules is not None:
            strict, downcast = rules
            value = self.type.convert(value, strict=strict, allow_downcast=downcast)
        _set_known(self, value, borrow)
    except DTypeError as error:
        kind = NoNumberError if isinstance(value, str) else DTypeError
        text = str(error).removeprefix("set_value: ")
        named = text if self.describe() in text else f"{self.describe()} {text}"
        raise kind(f"set_value: {named}") from None


_set_known = Shared.set_value


class NoNumberError(DTypeError, ValueError):
    """A text where a number is wanted."""


class Maker:
    """``f.maker``: of it, ``fgraph`` and ``mode``."""

    def __init__(self, function: Function) -> None:
        self.fgraph = FunctionGraph(function.inputs, function.optimized, clone=False)
        self.mode = function.mode


def _summary(profile: Profile, file: TextIO | None = None) -> None:
    """Prints the table, on standard error where no ``file`` is given."""
    print(profile, file=file or sys.stderr)


def _item(variable: Variable, key: Any) -> Variable:
    """``x[key]``; a list with slices is several indices, as it was in NumPy too."""
    found = sliced(variable, key)
    if found is not None:
        return found
    several = isinstance(key, list) and any(isinstance(part, slice) for part in key)
    return index(variable, tuple(key) if several else key)


class MissingLength(HostOp):
    """``x.shape[k]`` of an axis that there is not: an IndexError when it is computed, not when it is
    written."""

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def types(self, *lengths: Variable) -> list[TensorType]:
        return [TensorType("int64")]

    def compute(self, *lengths: np.ndarray) -> Any:
        shape = tuple(map(int, lengths))
        raise IndexError(f"axis {self.axis} is none of a tensor of {len(shape)} dimensions, of shape {shape}")


def _size(self: Variable) -> Variable:
    """How many elements there are; it names the tensor whose they are, also where nothing needs it."""
    made = _known_size(self)
    note_written([made], [self])
    return made


_known_size = Variable.size.fget


def _length(self: Shape, item: Any) -> Any:
    try:
        return _known_length(self, item)
    except IndexError:
        return MissingLength(int(item))(*self)


_known_length = Shape.__getitem__


def _clone(self: Variable) -> Variable:
    """A variable like this one, with its name and attributes, that nothing computes."""
    copy = self.type(self.name)
    copy.__dict__.update(self.__dict__)
    return copy


def _element(self: Variable, dtype: object = None, copy: bool | None = None) -> np.ndarray:
    """What NumPy makes of a variable among others, as in ``np.prod(lengths)`` or ``np.array([x, y])``: an
    object."""
    if dtype not in (None, object):
        return _array(self)
    element = np.empty((), object)
    element[()] = self
    return element


def _array_function(self: Variable, function: Any, types: Any, args: tuple, settings: dict[str, Any]) -> Any:
    """``np.atleast_1d(x)`` is an array of variables, by which programs take one or several of them."""
    if function is np.atleast_1d and len(args) == 1:
        return _element(self).reshape(1)
    return _numpy_function(self, function, types, args, settings)


_numpy_function = Variable.__array_function__


def _values_eq_approx(
    a: Any,
    b: Any,
    allow_remove_inf: bool = False,
    allow_remove_nan: bool = False,
    rtol: Any = None,
    atol: Any = None,
) -> bool:
    """Whether two arrays are of one shape and close; NaN and infinite values equal themselves."""
    if np.shape(a) != np.shape(b):
        return False
    given = {name: value for name, value in (("rtol", rtol), ("atol", atol)) if value is not None}
    if allow_remove_nan or allow_remove_inf:
        # what is no number in the first is left out
        odd = np.isnan(a) & allow_remove_nan | np.isinf(a) & allow_remove_inf
        a, b = np.where(odd, 0, a), np.where(odd, 0, b)
    return bool(np.allclose(a, b, equal_nan=True, **given))


def _values_eq(a: Any, b: Any, force_same_dtype: bool = True) -> bool:
    """Whether two arrays are the same."""
    same = np.asarray(a).dtype == np.asarray(b).dtype or not force_same_dtype
    return bool(same and np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind == "f"))


def _filter(
    type_: TensorType, data: Any, strict: bool = False, allow_downcast: bool | None = None
) -> np.ndarray:
    """What a variable of the type holds of ``data``. Errors: TypeError."""
    return type_.convert(data, strict=strict, allow_downcast=allow_downcast)


def _is_valid_value(type_: TensorType, data: Any) -> bool:
    """Whether it is an array of exactly the type."""
    return isinstance(data, np.ndarray) and data.dtype == type_.dtype and type_.accepts_shape(data.shape)


def _type_clone(type_: TensorType, dtype: Any = None, broadcastable: Any = None) -> TensorType:
    """The type with another dtype or broadcasting."""
    return TensorType(dtype or type_.dtype, type_.shape if broadcastable is None else broadcastable)


_array = Variable.__array__


def install() -> None:
    """Give graphlib's variables and functions these attributes."""
    Profile.summary = _summary
    TensorType.filter, TensorType.is_valid_value, TensorType.clone = _filter, _is_valid_value, _type_clone
    TensorType.values_eq = staticmethod(_values_eq)
    TensorType.values_eq_approx = staticmethod(_values_eq_approx)
    TensorType.make_variable = lambda type_, name=None: type_(name)
    Variable.__pow__ = lambda self, other: pow(self, other)
    Variable.__rpow__ = lambda self, other: pow(other, self)
    Variable.__getitem__ = _item
    Variable.tag = Apply.tag = tag
    Shape.__getitem__ = _length
    Variable.size = property(_size)
    Variable.clone = _clone
    Variable.get_parents = lambda self: [] if self.owner is None else [self.owner]
    Apply.get_parents = lambda self: list(self.inputs)
    Variable.__array__ = _element
    Variable.__array_function__ = _array_function
    Shared.container = property(Container)
    Shared.set_value = _set_value
    Variable.rng = property(_rng)
    Variable.norm = lambda self, L, axis=None, keepdims=False: functions.vector_norm(self, L, axis, keepdims)
    for name in ("var", "std", "transfer", "trace"):
        setattr(Variable, name, getattr(functions, name))
    for name in ("choose", "diagonal", "nonzero_values"):
        setattr(Variable, name, getattr(graphlib_tensor, name))
    Variable.take = functions.take
    Variable.nonzero = functions.nonzero
    Variable.searchsorted = graphlib_tensor.searchsorted
    Variable.compress = lambda self, condition, axis=None: graphlib_tensor.compress(condition, self, axis)
    Variable.rstate = property(_drawn)
    Variable.update = property(_update, _set_update)
    Function.maker, Function.container = property(Maker), property(Defaults)
    Function.trust_input = False
    verify_grad.E_grad = GradientError  # type: ignore[attr-defined]
