"""Sorting as many elements as each way is for, in every dtype: NumPy's stable sorts."""

import numpy as np
import pytest

import graphlib.tensor as T

from .backends import compiled

KINDS = ("float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


def numbers(random, dtype, shape):
    """Of all magnitudes, some of them equal; floats also 0 of both signs, infinite, and NaN of both signs."""
    if not dtype.startswith("float"):
        info = np.iinfo(dtype)
        some = random.integers(info.min, info.max, shape, dtype, endpoint=True)
        return np.where(random.random(shape) < 0.3, some % 5, some)
    a = (random.standard_normal(shape) * 10 ** random.uniform(-30, 30, shape)).astype(dtype)
    odd = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan, 1, -1], dtype)
    return np.where(random.random(shape) < 0.3, random.choice(odd, shape), a)


def test_elements_are_sorted_as_numpy_does_it():
    random = np.random.default_rng(5)
    inputs = [T.TensorType(dtype, (None, None))(f"x_{dtype}") for dtype in KINDS]
    outputs = [f(x, axis) for x in inputs for f in (T.sort, T.argsort) for axis in (0, 1)]
    f = compiled("c", inputs, outputs)
    for shape in ((3, 47), (48, 3), (2, 1000), (4, 16), (17, 33), (64, 65), (0, 5), (1, 2)):
        arrays = [numbers(random, dtype, shape) for dtype in KINDS]
        wanted = [g(a, axis, kind="stable") for a in arrays for g in (np.sort, np.argsort) for axis in (0, 1)]
        for got, expected in zip(f(*arrays), wanted, strict=True):
            np.testing.assert_array_equal(got, expected, err_msg=f"{expected.dtype} {shape}")


@pytest.mark.parametrize("mode", ["c", "cuda"])
def test_a_few_of_the_sorted_elements(mode):
    """They come as of sorting the whole, also among equals and NaN, and where there are fewer."""
    random = np.random.default_rng(6)
    x, k = T.fmatrix("x"), T.lmatrix("k")
    parts = [
        lambda f, v: f(v)[:, :5], lambda f, v: f(v)[:, -5:], lambda f, v: f(v, 0)[:3],
        lambda f, v: f(v, 0)[-1:, ::2],
    ]  # fmt: skip
    outputs = [part(f, v) for v in (x, k) for f in (T.sort, T.argsort) for part in parts]
    f = compiled(mode, [x, k], [*outputs, T.grad(T.sqr(T.sort(x)[:, -5:]).sum(), x)])

    def stable(g):
        return lambda a, axis=-1: g(a, axis, kind="stable")

    for shape in ((3, 200), (40, 17), (2, 4), (3, 0)):
        a, b = numbers(random, "float32", shape), random.integers(0, 9, shape)
        *got, gradient = f(a, b)
        wanted = [part(stable(g), v) for v in (a, b) for g in (np.sort, np.argsort) for part in parts]
        for one, expected in zip(got, wanted, strict=True):
            np.testing.assert_array_equal(one, expected, err_msg=str(shape))
        last = np.argsort(a, kind="stable")[:, -5:]
        expected = np.zeros_like(a)
        np.put_along_axis(expected, last, 2 * np.take_along_axis(a, last, 1), 1)
        np.testing.assert_array_equal(gradient, expected)
