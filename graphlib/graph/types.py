"""TensorType: what is known of a variable before any number is: its dtype and, a dimension each, its length
or None.

Also the dtype rules: which dtype an operation on several dtypes has, and Python numbers being weak.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..configuration import config
from ..errors import AxisError, DTypeError, RankError, ShapeError

#: the floats that there is arithmetic for
FLOATS = ("float32", "float64")
#: the float that is only kept in memory: what is computed of it is computed in float32
HALF = "float16"
COMPLEX = ("complex64", "complex128")
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
INTEGERS = ("int8", "int16", "int32", "int64", *UNSIGNED)
DTYPES = ("bool", *UNSIGNED, "int8", "int16", "int32", "int64", HALF, *FLOATS, *COMPLEX)
_GREATEST = {name: float(np.finfo(name).max) for name in (HALF, "float32")}
#: the dtype of the parts of complex numbers
_PARTS = {"complex64": "float32", "complex128": "float64"}
_FLOATING = frozenset((HALF, *FLOATS))
#: integers that float16 holds, by whose side it stays what it is
_HELD_BY_HALF = frozenset(("bool", "int8", "uint8", HALF))
_NUMPY = {name: np.dtype(name) for name in DTYPES}
_NAMES = {dtype: name for name, dtype in _NUMPY.items()}


def dtype_name(dtype: Any) -> str:
    """The name of a dtype given as a name, a numpy dtype or type, or ``'floatX'``; DTypeError when
    unsupported."""
    if type(dtype) is str:
        if dtype in _NUMPY:
            return dtype
        if dtype == "floatX":
            return config.floatX
    try:
        dtype = np.dtype(dtype)
    except TypeError:
        raise DTypeError(f"there is no dtype {dtype!r}; graphlib has {', '.join(DTYPES)}") from None
    name = _NAMES.get(dtype) or dtype.name
    if name not in _NUMPY:
        raise DTypeError(
            f"graphlib has no dtype {name}; it has {', '.join(DTYPES)}. Convert the array with .astype first."
        )
    return name


def is_float(dtype: str) -> bool:
    return dtype in _FLOATING


def is_complex(dtype: str) -> bool:
    return dtype in _PARTS


def part_dtype(dtype: str) -> str:
    """The dtype of the real and imaginary parts of complex numbers; of other numbers their own."""
    return _PARTS.get(dtype, dtype)


def complex_dtype(dtype: str) -> str:
    """The dtype of complex numbers with parts of a dtype: complex128 of float64, else complex64."""
    return dtype if dtype in _PARTS else "complex128" if dtype == "float64" else "complex64"


def promote(dtypes: Iterable[str]) -> str:
    """The common dtype of several: any float wins over any integer, complex numbers over both; among equals
    the wider one.

    int32 with float32 gives float32, not numpy's float64: nothing becomes float64 unless an operand is.
    float16 with integers that it does not hold, those of more than 8 bits, gives float32.
    """
    dtypes = set(dtypes)
    if dtypes & set(COMPLEX):
        return "complex128" if dtypes & {"complex128", "float64"} else "complex64"
    for wide in ("float64", "float32"):
        if wide in dtypes:
            return wide
    if HALF in dtypes:
        return HALF if dtypes <= _HELD_BY_HALF else "float32"
    return np.result_type(*dtypes).name if len(dtypes) > 1 else dtypes.pop()


def weak_dtype(value: Any, strong: str | None) -> str:
    """The dtype that a Python number takes beside operands of dtype ``strong`` (None: it stands alone)."""
    if isinstance(value, bool):
        return strong or "bool"
    if isinstance(value, int):
        if strong is None:
            return "int64"
        if is_float(strong) or is_complex(strong):
            return _holding(value, strong)
        base = "int8" if strong == "bool" else strong
        limits = np.iinfo(base)
        if not limits.min <= value <= limits.max:
            if strong == "bool":
                return "int64"
            raise DTypeError(
                f"the number {value} does not fit into {strong}; cast the variable first, e.g. T.cast(x, "
                f"'int64')"
            )
        return base
    floating = strong is not None and (is_float(strong) or is_complex(strong))
    dtype = strong if floating else config.floatX
    return _holding(value, complex_dtype(dtype) if isinstance(value, complex) else dtype)


def _holding(value: complex, dtype: str) -> str:
    """``dtype``, if it holds a number's size.  Errors: DTypeError where it does not."""
    greatest = _GREATEST.get(part_dtype(dtype))
    if greatest is not None and greatest < abs(value) < float("inf"):
        wider = "float64" if dtype != HALF or abs(value) > _GREATEST["float32"] else "float32"
        raise DTypeError(
            f"the number {value} does not fit into {dtype}: cast the variable first, e.g. T.cast(x, "
            f"'{complex_dtype(wider) if is_complex(dtype) else wider}'), or write float('inf')"
        )
    return dtype


def _length(n: Any) -> int | None:
    """What stands for a length as one.  Errors: ShapeError."""
    if isinstance(n, (bool, np.bool_)):
        return 1 if n else None
    if int(n) < 0:
        raise ShapeError(f"a length cannot be negative: {n}")
    return int(n)


class TensorType:
    """dtype and static shape: ``TensorType('float32', (None, 10))`` is a matrix of ten columns.

    Theano's broadcast pattern is accepted for the shape, or as ``broadcastable``: True stands for a length of
    1, False for an unknown one.  So is its ``name``, which has no effect.
    """

    __slots__ = ("dtype", "shape")

    def __init__(
        self,
        dtype: Any,
        shape: Sequence[int | bool | None] = (),
        broadcastable: Sequence[bool] | None = None,
        name: str | None = None,
    ) -> None:
        self.dtype = dtype_name(dtype)
        shape = shape if broadcastable is None else broadcastable
        self.shape = tuple([n if n is None or (type(n) is int and n >= 0) else _length(n) for n in shape])

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def broadcastable(self) -> tuple[bool, ...]:
        """Per dimension, whether it is statically 1 and so broadcasts."""
        return tuple(n == 1 for n in self.shape)

    @property
    def numpy_dtype(self) -> np.dtype:
        return _NUMPY[self.dtype]

    @property
    def is_float(self) -> bool:
        return self.dtype in _FLOATING

    @property
    def is_complex(self) -> bool:
        return self.dtype in _PARTS

    @property
    def is_inexact(self) -> bool:
        """Whether it is of floats or complex numbers, which change continuously."""
        return self.dtype in _FLOATING or self.dtype in _PARTS

    def row(self) -> TensorType:
        """The type of an element of the first axis."""
        return TensorType(self.dtype, self.shape[1:])

    def with_dtype(self, dtype: str) -> TensorType:
        return self if dtype == self.dtype else TensorType(dtype, self.shape)

    def accepts_shape(self, shape: Sequence[int]) -> bool:
        return len(shape) == len(self.shape) and all(
            n is None or n == m for n, m in zip(self.shape, shape, strict=True)
        )

    def accepts(self, other: TensorType) -> bool:
        """Whether a variable of type ``other`` may stand where one of this type is."""
        return (
            self.dtype == other.dtype
            and self.ndim == other.ndim
            and all(a is None or b is None or a == b for a, b in zip(self.shape, other.shape, strict=True))
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TensorType) and self.dtype == other.dtype and self.shape == other.shape

    def __hash__(self) -> int:
        return hash((self.dtype, self.shape))

    def __repr__(self) -> str:
        return f"{self.dtype}{shape_text(self.shape)}"

    def __reduce__(self) -> tuple:
        return TensorType, (self.dtype, self.shape)

    def __call__(self, name: str | None = None) -> Any:
        """A new variable of this type."""
        from .variable import Variable

        return Variable(self, name=name)

    def convert(self, value: Any, *, allow_downcast: bool | None = None, strict: bool = False) -> np.ndarray:
        """``value`` as an array of this type; raises DTypeError or ShapeError in words a caller can put a
        name before.

        Anything that NumPy makes an array of is taken if nothing is lost (docs/inputs.md is the rule):
        numbers and lists of them by their values, floats rounded to this dtype unless ``allow_downcast`` is
        False; arrays of whole numbers by their values; arrays of floats by their dtype.
        ``allow_downcast=True`` casts whatever is lost.  ``strict`` takes nothing but an array of exactly this
        dtype.
        """
        target = _NUMPY[self.dtype]
        if type(value) is np.ndarray and value.dtype == target:
            array = value
        elif strict and isinstance(value, np.generic) and value.dtype == target:
            array = np.asarray(value)
        elif strict:
            got = f"{value.dtype} array" if isinstance(value, np.ndarray) else type(value).__name__
            raise DTypeError(f"takes exactly a numpy array of {self.dtype} (strict=True), not a {got}")
        else:
            array = plain_array(value)
            if array.dtype != target:
                array = self._cast(value, array, target, allow_downcast)
        if not self.accepts_shape(array.shape):
            kind = ShapeError if array.ndim == self.ndim else RankError
            raise kind(f"has shape {array.shape}, expected {shape_text(self.shape)}")
        return array

    def _cast(
        self, value: Any, array: np.ndarray, target: np.dtype, allow_downcast: bool | None
    ) -> np.ndarray:
        source = array.dtype
        if allow_downcast is False and isinstance(value, np.ndarray) and not np.can_cast(source, target):
            raise DTypeError(f"is an array of {source}, and nothing is cast down to {self.dtype} here")
        if not _is_real(source) and not (source.kind == target.kind == "c"):
            if isinstance(value, int):
                raise DTypeError(f"is {value}, which does not fit into {self.dtype}")
            what = f"an array of {source}" if source.kind != "O" else f"of the class {type(value).__name__}"
            raise DTypeError(f"is {what}, expected {self.dtype}")
        with np.errstate(all="ignore"):
            cast = array.astype(target)
        if allow_downcast:
            return cast
        is_number = array.ndim == 0 or isinstance(value, (list, tuple))
        rounds = is_number and allow_downcast is None and target.kind in "fc"
        if source.kind in "bui":
            wrong = [] if rounds else _inexact(array, target)
        elif np.can_cast(source, target, "safe"):
            return cast
        elif not is_number and array.size:
            raise DTypeError(
                f"is of dtype {source}, expected {self.dtype}: cast it (value.astype('{self.dtype}')) or "
                f"compile with allow_input_downcast=True"
            )
        elif rounds:
            wrong = array[np.isinf(cast) & np.isfinite(array)].reshape(-1)
        else:
            wrong = array[(cast != array) & ~(np.isnan(cast) & np.isnan(array))].reshape(-1)
        if len(wrong):
            raise DTypeError(
                f"is of dtype {source} and holds {wrong[0]}, which {self.dtype} does not hold "
                f"exactly: cast it (value.astype('{self.dtype}')) or compile with allow_input_downcast=True"
            )
        return cast


def plain_array(value: Any) -> np.ndarray:
    """What NumPy makes of a value: a number, nested lists, whatever has ``__array__``,
    ``__array_interface__`` or ``__dlpack__``, as other libraries' arrays; of those without a copy.

    Errors: DTypeError, to put a name before, of what it makes no array of, and of masked arrays.
    """
    if type(value) is np.ndarray:
        return value
    if type(value).__name__ == "RandomState":
        return mersenne_state(value)
    if _is_masked(value):
        raise DTypeError(
            "is a masked array, whose mask would be lost: fill it (value.filled(0)), or pass the mask as "
            "another array and use T.switch"
        )
    try:
        return _from_dlpack(value) if _has_only_dlpack(value) else np.asarray(value)
    except Exception as error:
        # other libraries' arrays refuse in errors of many classes, as torch those that require a gradient
        raise DTypeError(f"cannot be made an array: {error}") from None


def _has_only_dlpack(value: Any) -> bool:
    """Whether a value is handed over by DLPack, of which ``asarray`` knows nothing, and in no other way."""
    return hasattr(value, "__dlpack__") and not (
        hasattr(value, "__array__") or hasattr(value, "__array_interface__")
    )


#: DLPack's numbers of devices whose memory the processor reads: its own, that of CUDA's and ROCm's hosts, and
#: what CUDA manages
_READABLE = (1, 3, 11, 13)


def _from_dlpack(value: Any) -> np.ndarray:
    if value.__dlpack_device__()[0] not in _READABLE:
        raise ValueError("it lies in the memory of a device; copy it to the processor's first")
    return np.from_dlpack(value)


#: of a Mersenne Twister: its 624 words, how many are used, whether a normal number is left, and its bits
MERSENNE_WORDS = 627


def mersenne_state(generator: np.random.RandomState) -> np.ndarray:
    """The state of one of NumPy's generators, int64 (627,)."""
    _, words, used, left, normal = generator.get_state()
    bits = np.float64(normal if left else 0.0).view("int64")
    return np.array([*words, used, left, bits], "int64")


def mersenne_generator(state: np.ndarray) -> np.random.RandomState:
    """The generator that has a state.  Errors: ShapeError where that is none."""
    state = np.asarray(state)
    if state.shape != (MERSENNE_WORDS,) or not 0 <= state[624] <= 624:
        raise ShapeError(f"the state of a Mersenne Twister has {MERSENNE_WORDS} words, not {state.shape}")
    generator = np.random.RandomState(0)
    normal = float(state[626:].view("float64")[0])
    generator.set_state(("MT19937", state[:624].astype("uint32"), int(state[624]), int(state[625]), normal))
    return generator


def held_by(array: np.ndarray) -> str:
    """The dtype of graphlib that holds all values of an array whose own dtype it may not have.

    Errors: DTypeError if there is none.
    """
    name = array.dtype.name
    if name in _NUMPY:
        return name
    wide = [d for d in ("int32", "int64", *FLOATS) if np.can_cast(array.dtype, d, "safe")]
    return wide[0] if wide and _is_real(array.dtype) else dtype_name(array.dtype)


def _is_masked(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_is_masked, value))
    # who has none has not imported what they are of, which would take longer than to compile a function
    return "numpy.ma" in sys.modules and isinstance(value, np.ma.MaskedArray)


def _is_real(source: np.dtype) -> bool:
    """Whether a dtype is of real numbers: one of NumPy's, or another that floats hold, as bfloat16."""
    return source.kind in "biuf" or (source.kind == "V" and np.can_cast(source, np.float64, "safe"))


def _inexact(array: np.ndarray, target: np.dtype) -> list[int]:
    """The first of some whole numbers (or bools) that ``target`` does not hold, if there is one."""
    if array.dtype.kind == "b" or not array.size:
        return []
    if target.kind in "fc":
        most = 1 << (np.finfo(target).nmant + 1)
        least = -most
    else:
        least, most = (0, 1) if target.kind == "b" else (np.iinfo(target).min, np.iinfo(target).max)
    if least <= int(array.min()) and int(array.max()) <= most:
        return []
    # as Python's whole numbers, which are compared exactly
    numbers = map(int, array.reshape(-1))
    outside = (n for n in numbers if not least <= n <= most)
    return [n for n in outside if target.kind not in "fc" or int(target.type(n).real) != n][:1]


def shape_text(shape: Sequence[int | None]) -> str:
    """A static shape in print: ``(?, 10)``."""
    return (
        "(" + ", ".join("?" if n is None else str(n) for n in shape) + ("," if len(shape) == 1 else "") + ")"
    )


def normalize_axis(axis: int, ndim: int, what: str, of: Any = None) -> int:
    """An axis counted from 0.  what, of: what is done to which variable, for an error's words alone.

    Errors: AxisError.
    """
    if not -ndim <= axis < ndim:
        raise AxisError(f"{_said(what, of)}: axis {axis} does not exist in a tensor of {ndim} dimensions")
    return axis % ndim


def _said(what: str, of: Any) -> str:
    return what if of is None else f"{what} of {of.describe()}"


def normalize_axes(axis: Any, ndim: int, what: str, of: Any = None) -> tuple[int, ...]:
    """None (all), an int or several as sorted, non-negative axes; each once.  what, of: as above."""
    if axis is None:
        return tuple(range(ndim))
    axes = (axis,) if np.ndim(axis) == 0 else tuple(axis)
    result = tuple(sorted(normalize_axis(int(a), ndim, what, of) for a in axes))
    if len(set(result)) != len(result):
        raise ShapeError(f"{_said(what, of)}: an axis is named twice in {axes}")
    return result
