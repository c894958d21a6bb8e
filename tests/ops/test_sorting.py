"""Sorting more elements than a merge sort is for, in every dtype: NumPy's stable sorts."""

import numpy as np

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


def test_many_elements_are_sorted_as_numpy_does_it():
    random = np.random.default_rng(5)
    inputs = [T.TensorType(dtype, (None, None))(f"x_{dtype}") for dtype in KINDS]
    outputs = [f(x, axis) for x in inputs for f in (T.sort, T.argsort) for axis in (0, 1)]
    f = compiled("c", inputs, outputs)
    for shape in ((3, 47), (48, 3), (2, 1000)):
        arrays = [numbers(random, dtype, shape) for dtype in KINDS]
        wanted = [g(a, axis, kind="stable") for a in arrays for g in (np.sort, np.argsort) for axis in (0, 1)]
        for got, expected in zip(f(*arrays), wanted, strict=True):
            np.testing.assert_array_equal(got, expected, err_msg=f"{expected.dtype} {shape}")
