"""What variables take as values: one rule for inputs, shared variables, constants and givens.

It is written down in docs/inputs.md.
"""

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib import In
from graphlib.errors import DTypeError
from graphlib.graph import TensorType


class Frame:
    """As a pandas DataFrame or Series: no array, but NumPy makes one of it."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array if dtype is None else self.array.astype(dtype)


class Interface:
    """As arrays of libraries that describe their memory."""

    def __init__(self, array):
        self.array = array
        self.__array_interface__ = array.__array_interface__


class Capsule:
    """As arrays of libraries that hand over their memory by DLPack and in no other way; ``device``: on which
    they say that it lies."""

    def __init__(self, array, device=None):
        self.array = array
        self.device = device

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.device or self.array.__dlpack_device__()


class NeedsGradient:
    """As a torch tensor with requires_grad."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy().")


CARRIERS = {
    "array": lambda a: a,
    "read-only": lambda a: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape),
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "backwards": lambda a: a[::-1].copy()[::-1],
    "every other": lambda a: np.repeat(a, 2)[::2],
    "frame": Frame,
    "interface": Interface,
    "memory": lambda a: memoryview(a) if a.dtype != "float16" else a,
    "capsule": lambda a: Capsule(a) if a.dtype.kind in "biuf" else a,
}

#: dtype of the variable, an array, whether nothing is lost
ARRAYS = [
    ("float32", np.array([1.5, np.inf, np.nan], "float16"), True),
    ("float64", np.array([0.1, -np.inf], "float32"), True),
    ("float32", np.array([0.1, 0.5]), False),
    ("float32", np.array([1.0, 0.5]), False),
    ("float32", np.array([True, False]), True),
    ("float32", np.array([2**24, -(2**24)]), True),
    ("float32", np.array([1, 2**24 + 1]), False),
    ("float32", np.array([2**30, 2**40]), True),
    ("float64", np.array([2**53 + 1]), False),
    ("float64", np.array([2**64 - 1], "uint64"), False),
    ("float64", np.array([7, 2**32], "uint64"), True),
    ("float64", np.array([7], "uint32"), True),
    ("int32", np.array([2**31 - 1, -(2**31)]), True),
    ("int32", np.array([2**31]), False),
    ("int64", np.array([2**63 - 1], "uint64"), True),
    ("int64", np.array([2**63], "uint64"), False),
    ("uint8", np.array([0, 255]), True),
    ("uint8", np.array([-1]), False),
    ("int8", np.array([True]), True),
    ("int32", np.array([1.0, 2.0]), False),
    ("bool", np.array([0, 1]), True),
    ("bool", np.array([2], "uint8"), False),
    ("int32", np.array([], "float64"), True),
    ("float32", np.array(["1"]), False),
    ("float32", np.array([1j]), False),
    ("float32", np.array([1.0, None]), False),
    ("int64", np.array(["2020-01-01"], "datetime64[D]"), False),
]

#: dtype of the variable, a number, the value it has then (None: an error)
NUMBERS = [
    ("float32", 0.1, np.float32(0.1)),
    ("float32", 1e39, None),
    ("float32", -(2**200), None),
    ("float32", float("inf"), np.float32(np.inf)),
    ("float32", 2**24 + 1, np.float32(2**24)),
    ("int32", 1.0, 1),
    ("int32", 1.5, None),
    ("int32", float("nan"), None),
    ("int32", 2**31, None),
    ("int64", 2**70, None),
    ("int64", 2.0**63, None),
    ("uint8", -1, None),
    ("uint8", True, 1),
    ("bool", 1, True),
    ("bool", 2, None),
    ("float32", 1j, None),
    ("float32", "1", None),
    ("float32", None, None),
]


def ways(dtype, ndim, **options):
    """What takes a value of a variable, and gives back what it made of it."""
    x = TensorType(dtype, (None,) * ndim)("x")
    s = graphlib.shared(np.zeros((0,) * ndim, dtype), "s")
    if options:
        return {"input": graphlib.function([In(x, **options)], x, mode="reference")}

    def stored(value):
        s.set_value(value)
        return s.get_value()

    def updated(value):
        graphlib.function([], updates=[(s, value)], mode="reference")()
        return s.get_value()

    return {
        "input": graphlib.function([x], x, mode="reference"),
        "default": lambda value: graphlib.function([In(x, value=value)], x, mode="reference")(),
        "set_value": stored,
        "update": updated,
        "givens": lambda value: graphlib.function([], x, givens={x: value}, mode="reference")(),
    }


@pytest.mark.parametrize("carrier", CARRIERS)
def test_arrays_pass_where_nothing_is_lost(carrier):
    for dtype, array, exact in ARRAYS:
        if (carrier == "memory" and array.dtype.kind in "UM") or (
            array.dtype.kind == "O" and carrier != "frame"
        ):
            continue
        for way, take in ways(dtype, 1).items():
            value = CARRIERS[carrier](array)
            if exact:
                got = take(value)
                assert got.dtype == dtype and got.shape == array.shape, (way, dtype, array)
                np.testing.assert_array_equal(got, array)
            else:
                with pytest.raises(DTypeError, match=r"x .*|s .*"):
                    take(value)


@pytest.mark.parametrize("carrier", [np.asarray, memoryview, Frame, Interface, Capsule])
def test_arrays_of_the_right_dtype_are_not_copied(carrier):
    a = np.arange(24, dtype="float32").reshape(4, 6)
    matrix = TensorType("float32", (None, None))
    for layout in (a, a.T, a[::2, ::-1], a[1:, 2:], np.broadcast_to(a[:1], (4, 6))):
        taken = matrix.convert(carrier(layout))
        assert np.shares_memory(taken, a)
        np.testing.assert_array_equal(taken, layout)
    for dtype in ("bool", "uint8", "int64", "float64"):
        number = np.array(1, dtype)
        assert np.shares_memory(TensorType(dtype, ()).convert(carrier(number)), number)


def test_functions_read_arrays_of_every_layout_and_give_their_own():
    x = T.matrix("x")
    f = graphlib.function([x], [x * 2, x.sum()])
    a = np.arange(24, dtype="float32").reshape(4, 6)
    unaligned = np.zeros(24, [("flag", "u1"), ("value", "f4")])
    unaligned["value"] = a.ravel()
    frozen = a.copy()
    frozen.setflags(write=False)
    layouts = {
        "unaligned": unaligned["value"].reshape(4, 6),
        "big-endian": a.astype(">f4"),
        "read-only": frozen,
        "backwards": a[::-1, ::-1],
        "in columns": np.asfortranarray(a),
        "repeated": np.broadcast_to(a[1], (4, 6)),
    }
    for name, array in layouts.items():
        carriers = [array] if name in ("unaligned", "big-endian") else [array, Capsule(array), Frame(array)]
        for value in carriers:
            doubled, total = f(value)
            np.testing.assert_array_equal(doubled, np.asarray(array, "float32") * 2, name)
            assert total == array.sum() and total.shape == ()
            # what comes out can be handed on in any of these ways, and belongs to nobody else
            given = np.from_dlpack(Capsule(doubled))
            assert np.shares_memory(given, doubled) and not np.shares_memory(given, a)


def test_memory_of_a_device_is_an_error_that_says_so():
    x = T.vector("x")
    on_a_gpu = Capsule(np.zeros(2, "float32"), (2, 0))
    with pytest.raises(DTypeError, match=r"x .*cannot be made an array: it lies in the memory of a device"):
        graphlib.function([x], x, mode="reference")(on_a_gpu)


@pytest.mark.parametrize("carrier", ["number", "array", "scalar", "frame", "list"])
def test_numbers_count_by_their_values(carrier):
    carry = {
        "number": lambda v: v,
        "array": np.array,
        "scalar": lambda v: np.array(v)[()],
        "frame": lambda v: Frame(np.array(v)),
        "list": lambda v: [v],
    }[carrier]
    for dtype, number, wanted in NUMBERS:
        for way, take in ways(dtype, int(carrier == "list")).items():
            if number is None and way == "default":
                continue
            if wanted is None:
                with pytest.raises(DTypeError):
                    take(carry(number))
            else:
                got = take(carry(number))
                assert got.dtype == dtype and got.reshape(()).item() == wanted, (way, dtype, number)


def test_masked_arrays_are_errors_whatever_their_mask():
    x = T.vector("x")
    for mask in ([True, False], [False, False], False):
        masked = np.ma.masked_array(np.ones(2, "float32"), mask)
        for way, take in ways("float32", 1).items():
            with pytest.raises(DTypeError, match=r"masked array.*filled"):
                take(masked)
            with pytest.raises(DTypeError, match="masked array"):
                ways("float32", 2)[way]([masked, masked])
        builds = [
            lambda m: graphlib.shared(m),
            lambda m: T.constant(m),
            lambda m: x * m,
            lambda m: m * x,
            lambda m: T.dot(x, [m, m]),
            lambda m: x[m],
            lambda m: T.set_subtensor(x[:2], m),
        ]
        for build in builds:
            with pytest.raises(TypeError, match=r"masked array|symbolic and has no value"):
                build(masked)
    with pytest.raises(DTypeError, match="masked array"):
        ways("float32", 0)["input"](np.ma.masked)


def test_what_is_no_array_is_an_error_that_says_so():
    for value in ("text", None, {"a": 1}, {1, 2}, [[1], [2, 3]], object(), iter([1]), [None], b"1"):
        for way, take in ways("float32", 1).items():
            if value is not None or way != "default":
                with pytest.raises(DTypeError):
                    take(value)
    for take in ways("float32", 1).values():
        with pytest.raises(DTypeError, match=r"detach\(\)"):
            take(NeedsGradient())
    with pytest.raises(DTypeError, match=r"detach\(\)"):
        graphlib.shared(NeedsGradient())


def test_downcasts_as_they_are_asked_for():
    """allow_downcast: True takes whatever is lost, False rounds not even Python's floats, as in Theano."""
    cast = ways("int8", 1, allow_downcast=True)["input"]
    assert cast(np.array([1.7, -2.7])).tolist() == [1, -2] and cast([300]).tolist() == [44]
    for value in ("a", [1j], np.ma.masked_array([1], [True])):
        with pytest.raises(DTypeError):
            cast(value)
    never = ways("float32", 0, allow_downcast=False)["input"]
    assert never(0.5) == 0.5 and never(3) == 3
    for value in (0.1, np.float64(0.1), 2**24 + 1):
        with pytest.raises(DTypeError):
            never(value)
    strict = ways("float32", 1, strict=True)["input"]
    assert strict(np.ones(1, "float32")) == 1
    for value in ([1.0], np.ones(1, "float16"), Frame(np.ones(1, "float32"))):
        with pytest.raises(DTypeError):
            strict(value)


def test_values_without_a_variable_get_the_dtype_that_holds_them():
    x = T.vector("x")
    for dtype, wanted in {
        "float16": "float16",
        "uint16": "uint16",
        "uint32": "uint32",
        "uint64": "uint64",
        ">f8": "float64",
        "int8": "int8",
        "bool": "bool",
    }.items():
        array = np.array([0, 1], dtype)
        for value in (array, Frame(array)):
            for made in (graphlib.shared(value), T.constant(value)):
                assert made.dtype == wanted and made.eval().tolist() == [0, 1], dtype
        if dtype != ">f8":
            assert T.constant(array[1]).dtype == wanted, "NumPy's scalars, but for float64, Python's float"
    assert graphlib.shared(0.1).dtype == T.constant([0.1]).dtype == "float32"
    for value in (np.ones(2, "longdouble"), np.ones(2, "clongdouble"), ["a"], None):
        for make in (graphlib.shared, T.constant, lambda v: x + v):
            with pytest.raises(DTypeError):
                make(value)


def test_python_numbers_that_would_become_infinite():
    x = T.vector("x")
    with pytest.raises(DTypeError, match="1e\\+39 does not fit into float32"):
        x * 1e39
    assert (T.vector("y", dtype="float64") * 1e39).dtype == "float64"
    assert np.isinf((x * float("-inf")).eval({x: [1]})).all()
    with pytest.raises(DTypeError):
        T.constant(1e39)
