"""The backends that the tests hold against the reference and against numpy, and how results are compared.

A further backend is one row of ``BACKENDS``: settings of ``graphlib.config`` under which functions run on it.
"""

import numpy as np
import pytest

import graphlib


def _has_compiler():
    from graphlib.run.c.toolchain import find_compiler

    return find_compiler() is not None


#: name -> (settings, whether it can run here)
BACKENDS = {
    "c": ({"mode": "fast_run", "device": "cpu"}, _has_compiler),
    "cuda": ({"mode": "fast_run", "device": "cuda-emulated", "cublas": False}, lambda: True),
}

#: every way to run a function: the backends and the reference
MODES = ("reference", *BACKENDS)


def compiled(backend, inputs, outputs, **kwargs):
    """A function on one of ``MODES``; the test is skipped where the machine cannot run it."""
    settings, available = BACKENDS.get(backend, ({"mode": "reference"}, lambda: True))
    if not available():
        pytest.skip(f"this machine cannot run the backend {backend}")
    with graphlib.config.change(**settings):
        return graphlib.function(inputs, outputs, on_unused_input="ignore", **kwargs)


def values(array, dtype):
    """The sample values in another dtype; integers and bools are taken as they come."""
    with np.errstate(invalid="ignore"):
        return array.astype(dtype) if array.dtype.kind == "f" else array


#: relative to the greatest finite magnitude of the result: rounding and another order of summation, no more
TOLERANCE = {"float32": 2e-5, "float64": 1e-11}


def difference(got, wanted):
    """'' where two results are the same dtype, shape and, up to rounding, value; else what differs."""
    got, wanted = np.asarray(got), np.asarray(wanted)
    if got.dtype != wanted.dtype or got.shape != wanted.shape:
        return f"{got.dtype}{got.shape} instead of {wanted.dtype}{wanted.shape}"
    if wanted.dtype.kind != "f":
        return "" if np.array_equal(got, wanted) else f"{got} instead of {wanted}"
    finite = np.isfinite(wanted)
    scale = max(1.0, float(np.max(np.abs(wanted[finite]), initial=0)))
    tolerance = TOLERANCE[wanted.dtype.name]
    same = np.allclose(got, wanted, rtol=tolerance, atol=tolerance * scale, equal_nan=True)
    return "" if same else f"{got!r} instead of {wanted!r}"


def assert_same(got, wanted, what=""):
    assert not (found := difference(got, wanted)), f"{what}: {found}"
