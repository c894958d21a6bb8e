"""Shared variables: a variable with a value that lives between calls and that ``updates`` of a function
change."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..configuration import config
from ..errors import DTypeError, Resized, ShapeError
from .turns import Turn
from .types import TensorType, complex_dtype, dtype_name, held_by, part_dtype, plain_array, shape_text
from .variable import Origin, Variable, newest, output_at, place_of


class Shared(Variable):
    """A variable with a value of its own.  Make one with :func:`shared`.

    ``data`` is the array that compiled functions read and write in place: C-contiguous and owned by the
    variable.  ``default_update`` is what functions that use it update it with, unless told otherwise.
    """

    __slots__ = ("_default_update", "data", "device", "serial", "turn")

    def __init__(
        self, data: np.ndarray, type: TensorType, name: str | None = None, origin: Origin | None = None
    ) -> None:
        super().__init__(type, name=name, origin=origin)
        self.data = data
        self._default_update: Variable | tuple | None = None
        #: the copy in a device's memory, kept by the backend that made it; see ``Resident``
        self.device: Any = None
        #: whose lock functions that use the variable hold while they run
        self.turn = Turn()
        #: counts shared variables in the order in which they are made
        self.serial = newest()

    @property
    def default_update(self) -> Variable | None:
        if isinstance(self._default_update, tuple):
            self._default_update = output_at(*self._default_update)
        return self._default_update

    @default_update.setter
    def default_update(self, update: Variable | None) -> None:
        self._default_update = update

    @default_update.deleter
    def default_update(self) -> None:
        self._default_update = None

    def present_shape(self) -> tuple[int, ...]:
        """The shape of the present value."""
        return _HOST.__get__(self).shape

    def get_value(self, borrow: bool = False, return_internal_type: bool = False) -> np.ndarray:
        """The value, a copy; with ``borrow=True`` the array itself, which later calls of functions may
        change.

        return_internal_type: Theano's, without effect: a value is a NumPy array, wherever it lies.
        """
        if borrow:
            return self.data
        with self.turn.taken():
            return self.data.copy()

    def set_value(self, value: Any, borrow: bool = False) -> None:
        """A new value of the same dtype and a shape that the type allows.

        It is copied into the variable; with ``borrow=True`` a fitting array becomes the variable's own
        storage.
        """
        try:
            array = self.type.convert(value)
        except (ShapeError, DTypeError) as error:
            hint = ""
            if isinstance(error, ShapeError) and np.ndim(value) == self.ndim:
                allowed = tuple(
                    n if n == m else None for n, m in zip(self.type.shape, np.shape(value), strict=True)
                )
                hint = f". To let its shape change, make it with shared(..., shape={allowed})."
            raise builtin_type(error)(f"set_value: the value for {self.describe()} {error}{hint}") from None
        with self.turn.taken():
            if borrow and array.flags.c_contiguous and array.flags.writeable and array.flags.aligned:
                self.data = array
            elif array.shape == self.data.shape:
                np.copyto(self.data, array)
            else:
                self.data = np.array(array, order="C")

    def describe(self) -> str:
        return self._described(TensorType(self.dtype, self.present_shape()))

    @property
    def value(self) -> np.ndarray:
        return self.get_value()

    def __str__(self) -> str:
        return self.name if self.name is not None else f"<shared {self.type}>"

    def __reduce__(self) -> tuple:
        # the update leads back here: it is named by its place, which is looked up when all is restored
        update = self.default_update
        place = update if update is None or update.owner is None else place_of(update)
        return _restore_shared, (self.data, self.type, self.name, self.origin), (place, self.__dict__)

    def __setstate__(self, state: tuple[Variable | tuple | None, dict[str, Any]]) -> None:
        self._default_update, attributes = state
        self.__dict__.update(attributes)


class Resident(Shared):
    """A shared variable that lives in a device's memory: its ``data`` is a mirror, brought up to date when
    somebody looks at it.

    A variable turns into one (its class changes) when a function of a device first uses it, so that those
    that never leave the CPU pay nothing.  ``device`` has ``to_host(array)``, which returns the array or a new
    one with the current value, and ``host_is_newer``.
    """

    __slots__ = ()

    @property
    def data(self) -> np.ndarray:
        """The value as an array that may be written to: the device takes it over from there at the next
        call."""
        array = self._mirror()
        self.device.host_is_newer = True
        return array

    @data.setter
    def data(self, array: np.ndarray) -> None:
        _HOST.__set__(self, array)
        self.device.host_is_newer = True

    def _mirror(self) -> np.ndarray:
        array = _HOST.__get__(self)
        if not self.device.host_is_newer:
            array = self.device.to_host(array)
            _HOST.__set__(self, array)
        return array

    def get_value(self, borrow: bool = False, return_internal_type: bool = False) -> np.ndarray:
        """The value, with ``borrow=True`` too a copy: the device goes on changing its own."""
        with self.turn.taken():
            return self._mirror().copy()

    def __reduce__(self) -> tuple:
        return _restore_shared, (self._mirror(), self.type, self.name, self.origin), (None, self.__dict__)


class ComplexShared(Shared):
    """A shared variable of complex numbers: they lie in that of their ``parts``, real and imaginary ones
    along a last axis of length 2, which is what functions read and write."""

    __slots__ = ("parts",)

    def __init__(
        self, data: np.ndarray, type: TensorType, name: str | None = None, origin: Origin | None = None
    ) -> None:
        Variable.__init__(self, type, name=name, origin=origin)
        self.parts = Shared(as_parts(data), parts_type(type), name, self.origin)
        self._default_update = None
        self.turn, self.serial = self.parts.turn, self.parts.serial

    @property
    def data(self) -> np.ndarray:
        """The numbers, in the memory of their parts."""
        return as_complex(self.parts.data)

    @data.setter
    def data(self, array: np.ndarray) -> None:
        self.parts.data = as_parts(array)

    def present_shape(self) -> tuple[int, ...]:
        return self.parts.present_shape()[:-1]

    def get_value(self, borrow: bool = False, return_internal_type: bool = False) -> np.ndarray:
        return as_complex(self.parts.get_value(borrow))


def parts_type(type: TensorType) -> TensorType:
    """The type of complex numbers' real and imaginary parts along a last axis."""
    return TensorType(part_dtype(type.dtype), (*type.shape, 2))


def as_parts(array: np.ndarray) -> np.ndarray:
    """A contiguous array of complex numbers as their parts, in the same memory."""
    return array.reshape((*array.shape, 1)).view(part_dtype(array.dtype.name))


def as_complex(parts: np.ndarray) -> np.ndarray:
    """The complex numbers of a contiguous array of parts, in the same memory."""
    return parts.view(complex_dtype(parts.dtype.name)).reshape(parts.shape[:-1])


class Sized(Shared):
    """A shared variable in a function that is compiled for the lengths it has now; ``of`` is the variable
    itself, of which everything but the type is."""

    __slots__ = ("of",)

    def __init__(self, of: Shared, type: TensorType) -> None:
        Variable.__init__(self, type, name=of.name, origin=of.origin)
        self.of = of
        self.serial = of.serial

    data = property(lambda self: self.of.data, lambda self, array: setattr(self.of, "data", array))
    default_update = property(lambda self: None)

    def present_shape(self) -> tuple[int, ...]:
        return self.of.present_shape()

    def get_value(self, borrow: bool = False, return_internal_type: bool = False) -> np.ndarray:
        return self.of.get_value(borrow, return_internal_type)

    def set_value(self, value: Any, borrow: bool = False) -> None:
        self.of.set_value(value, borrow)

    def __reduce__(self) -> tuple:
        return Sized, (self.of, self.type)


def itself(shared: Shared) -> Shared:
    """The variable that a function was compiled for the present lengths of."""
    return shared.of if isinstance(shared, Sized) else shared


def as_compiled(shared: Shared) -> None:
    """Errors: Resized where a variable's lengths are no longer those that a function was compiled for."""
    if isinstance(shared, Sized) and not shared.type.accepts_shape(shared.present_shape()):
        raise Resized(f"{shared.describe()} has shape {shared.present_shape()}")


_HOST = Shared.data
builtin_type = type


def _restore_shared(data: np.ndarray, type: TensorType, name: str | None, origin: Origin | None) -> Shared:
    return (ComplexShared if type.is_complex else Shared)(np.array(data, order="C"), type, name, origin)


def shared(
    value: Any,
    name: str | None = None,
    strict: bool = False,
    allow_downcast: bool | None = None,
    borrow: bool = False,
    shape: tuple[int | None, ...] | None = None,
    dtype: Any = None,
    broadcastable: tuple[bool, ...] | None = None,
    **ignored: Any,
) -> Shared:
    """A shared variable with the given value.

    ``set_value`` and ``updates`` may change its lengths, but for those of 1, which broadcast, and so stay.
    Functions are fast with the lengths that there are when they are compiled, and compiled once more, for
    all others, when there are others.

    value: array, number or nested list; a Python int becomes int64, a Python float config.floatX. borrow: let
    the variable use a fitting array as its storage instead of a copy. shape: the lengths that never change,
    and None for those that may, e.g. ``(None, 784)``. With ``shape=value.shape`` wrong lengths are found
    while graphs are built, with ``(None, None)`` a length of 1 may change, and does not broadcast.
    strict, allow_downcast: what is taken as a value of ``dtype``, as for a function's inputs.
    broadcastable: the same in Theano's way, True for a length that is always 1, False for any.  Theano's
    target is accepted and has no effect.

    Errors: ShapeError where the value does not have the declared shape; DTypeError where it may not be taken.
    """
    unknown = set(ignored) - {"target"}
    if unknown:
        raise TypeError(f"shared() got an unexpected keyword {', '.join(sorted(unknown))}")
    if isinstance(value, Variable):
        raise DTypeError(f"shared() needs a number or an array, not the symbolic variable {value.describe()}")
    if dtype is None and isinstance(value, float) and not isinstance(value, np.generic):
        dtype = config.floatX
    try:
        array = plain_array(value)
    except DTypeError as error:
        raise DTypeError(f"shared(): the value {error}") from None
    wanted = held_by(array) if dtype is None else dtype_name(dtype)
    usable = borrow and array is value and array.dtype == wanted
    flags = array.flags
    if not (usable and flags.c_contiguous and flags.writeable and flags.aligned):
        array = np.array(array, dtype=wanted, order="C")
    if shape is None:
        shape = broadcastable if broadcastable is not None else [n == 1 for n in array.shape]
    type = TensorType(wanted, shape)
    if not type.accepts_shape(array.shape):
        raise ShapeError(
            f"shared(): the value has shape {array.shape}, its declared shape is {shape_text(type.shape)}"
        )
    if strict or allow_downcast is not None:
        try:
            array = np.array(type.convert(value, allow_downcast=allow_downcast, strict=strict), order="C")
        except DTypeError as error:
            raise DTypeError(f"shared(): the value {error}") from None
    return (ComplexShared if type.is_complex else Shared)(array, type, name)
