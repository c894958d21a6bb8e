"""Unsigned integers against NumPy, in every mode: the registry tries one of them, here are all."""

import numpy as np
import pytest

import graphlib.tensor as T
from graphlib.errors import DTypeError

from .backends import MODES, assert_same, compiled

UNSIGNED = ["uint8", "uint16", "uint32", "uint64"]


@pytest.mark.parametrize("mode", MODES)
def test_everything_that_integers_can_do(mode):
    inputs, outputs, arrays, wanted = [], [], [], []
    for dtype in UNSIGNED:
        most = np.iinfo(dtype).max
        a = np.array([0, 1, 7, most // 2, most - 1, most], dtype)
        b = np.array([3, most, 2, 5, most // 3, 1], dtype)
        x, y = (T.TensorType(dtype, (None,))(name) for name in "xy")
        inputs += [x, y]
        arrays += [a, b]
        pairs = [
            (x + y, a + b),
            (x - y, a - b),
            (x * y, a * b),
            (x // y, a // b),
            (x % y, a % b),
            (x**2, a**2),
            (x & y, a & b),
            (x | y, a | b),
            (x ^ y, a ^ b),
            (~x, ~a),
            (x < y, a < b),
            (T.eq(x, y), a == b),
            (T.maximum(x, y), np.maximum(a, b)),
            (x.max(), a.max()),
            (x.min(), a.min()),
            (T.sort(x - 1), np.sort(a - np.array(1, dtype))),
            (T.argmax(x), np.argmax(a)),
            (x + most, a + np.array(most, dtype)),
            (T.cast(x, "float64"), a.astype("float64")),
            (T.cast(T.cast(x, "float64") / 4, dtype), (a.astype("float64") / 4).astype(dtype)),
            (T.cast(x, "int8"), a.astype("int8")),
            (T.switch(x > 3, x, y), np.where(a > 3, a, b)),
            (x[::-1], a[::-1]),
            (y[x[1:3] % 3], b[a[1:3] % 3]),
            (x.sum(dtype=dtype), a.sum(dtype=dtype)),
            (T.dot(x, y), np.dot(a, b)),
        ]
        outputs += [built for built, _ in pairs]
        wanted += [(dtype, k, right) for k, (_, right) in enumerate(pairs)]
    with np.errstate(all="ignore"):
        results = compiled(mode, inputs, outputs)(*arrays)
    for got, (dtype, k, right) in zip(results, wanted, strict=True):
        assert_same(got, right, f"{dtype}, number {k}")


@pytest.mark.parametrize(
    ("a", "b"),
    [("uint16", "int16"), ("uint8", "uint32"), ("uint32", "int8"), ("uint64", "uint8"), ("uint64", "int64")],
)
def test_common_dtypes_are_numpys(a, b):
    assert (T.TensorType(a, ())() + T.TensorType(b, ())()).dtype == np.result_type(a, b).name


def test_what_does_not_fit_and_what_there_is_not_is_an_error_that_says_what_to_do():
    x = T.TensorType("uint16", (None,))("x")
    for number in (-1, 2**16):
        with pytest.raises(DTypeError, match="does not fit into uint16"):
            x + number
    with pytest.raises(
        DTypeError, match=r"graphlib has no dtype datetime64.* Convert the array with .astype"
    ):
        T.TensorType("datetime64[s]", ())
