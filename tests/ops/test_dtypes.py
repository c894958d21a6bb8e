"""dtypes: which one an operation has, Python numbers that are weak, nothing that becomes float64 unasked."""

import re
import warnings

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib import config
from graphlib.errors import DTypeError

from .backends import MODES, assert_same, compiled

F32, F64, I8, I32, I64, U8, B = "float32", "float64", "int8", "int32", "int64", "uint8", "bool"


def of(dtype, name="x"):
    return T.TensorType(dtype, (None,))(name)


@pytest.mark.parametrize(
    ("a", "b", "common"),
    [
        (F32, F32, F32),
        (F32, F64, F64),
        (I8, F32, F32),
        (I32, F32, F32),
        (I64, F32, F32),
        (B, F32, F32),
        (I64, F64, F64),
        (I8, I32, I32),
        (I32, I64, I64),
        (U8, I8, "int16"),
        (U8, I32, I32),
        (B, I8, I8),
        (B, U8, U8),
        (B, B, I8),
    ],
)
def test_sums_of_two_dtypes(a, b, common):
    """The float wins over the integer, whatever their widths; among equals the wider one."""
    assert (of(a) + of(b)).dtype == common
    assert (of(b) * of(a)).dtype == common
    assert T.minimum(of(a), of(b)).dtype == ("bool" if (a, b) == (B, B) else common)


@pytest.mark.parametrize("dtype", [F32, F64, I8, I32, I64, U8])
def test_python_numbers_take_the_dtype_they_meet(dtype):
    x = of(dtype)
    for result in (
        x + 1,
        1 - x,
        x * 2,
        x // 2,
        x % 3,
        x**2,
        T.maximum(x, 0),
        T.switch(x > 0, x, 0),
        x + True,
        x.clip(0, 5),
    ):
        assert result.dtype == dtype
    floating = F64 if dtype == F64 else F32
    for result in (
        x + 0.5,
        2.0 * x,
        x / 2,
        x**0.5,
        1 / x,
        T.maximum(x, 0.5),
        x + np.float64(0.5),
        T.exp(x),
        x * np.pi,
    ):
        assert result.dtype == floating


def test_numpy_numbers_and_arrays_keep_their_dtype():
    """Except np.float64, which is a Python float and what numpy's functions return."""
    x = of(F32)
    assert (x + np.float32(1)).dtype == F32
    assert (x + np.int64(1)).dtype == F32
    assert (x + np.sqrt(2.0)).dtype == F32
    assert (x + np.ones(3)).dtype == F64
    assert (x + np.ones(3, F32)).dtype == F32
    assert (of(I8) + np.int32(1)).dtype == I32
    assert (of(I8) + np.arange(3)).dtype == I64
    # a list of Python numbers is as weak as they are
    assert (x + [1.0, 2.0, 3.0]).dtype == F32
    assert (np.ones(3, F32) * x).dtype == F32
    assert isinstance(np.ones(3, F32) * x, T.TensorVariable), "numpy leaves the product to the variable"
    assert isinstance(np.float64(2) * x, T.TensorVariable) and (np.float64(2) * x).dtype == F32


def test_a_number_that_does_not_fit_says_so():
    for build in (lambda: of(I8) + 200, lambda: of(U8) - (-1), lambda: of(I32) * 2**40):
        with pytest.raises(DTypeError, match=r"does not fit into u?int"):
            build()
    assert (of(U8) < 300).dtype == B, "comparing is possible all the same"
    got = compiled("reference", [x := of(U8)], [x < 300, T.eq(x, -1)])(np.array([0, 255], U8))
    assert got[0].all() and not got[1].any()


@pytest.mark.parametrize("mode", MODES)
def test_division(mode):
    i, j, x = of(I32, "i"), of(I32, "j"), of(F32, "x")
    a, b = np.array([7, -7, 7, -7], I32), np.array([2, 2, -2, -2], I32)
    outputs = [
        i / j,
        i // j,
        i % j,
        i / 2,
        i // 2,
        x // 2,
        x % j,
        7 // j,
        7 % j,
        T.true_div(i, j),
        T.floor_div(i, j),
        T.mod(i, j),
    ]
    results = compiled(mode, [i, j, x], outputs)(a, b, a.astype(F32))
    f = a.astype(F32)
    wanted = [
        (a / b).astype(F32),
        a // b,
        a % b,
        (a / 2).astype(F32),
        a // 2,
        f // 2,
        f % b.astype(F32),
        7 // b,
        7 % b,
    ]
    wanted += [(a / b).astype(F32), a // b, a % b]
    for k, (got, want) in enumerate(zip(results, wanted, strict=True)):
        assert_same(got, want, f"number {k}")


def test_comparisons_and_logic_give_bools():
    x, i = of(F32), of(I32)
    for result in (
        x > 0,
        x <= i,
        T.eq(x, 1),
        T.neq(i, i),
        T.isnan(x),
        T.any(i),
        T.all(x),
        (x > 0) & (x < 1),
        ~(x > 0),
        (x > 0) | (i > 0),
    ):
        assert result.dtype == B
    assert (i & 3).dtype == I32 and (~i).dtype == I32
    assert (x > 0).sum().dtype == I64 and T.mean(T.neq(i, 1)).dtype == F32
    assert ((x > 0) * x).dtype == F32


def test_casting():
    x = of(F32)
    assert (
        T.cast(x, "int32").dtype == I32 and x.astype("float64").dtype == F64 and x.astype(np.int8).dtype == I8
    )
    assert T.cast(x, F32) is x
    assert T.cast(2.7, "int32").dtype == I32
    assert T.cast(of(F64), "floatX").dtype == F32
    for unknown in ("float128", "datetime64[s]"):
        with pytest.raises(DTypeError, match=f"no dtype {re.escape(unknown)}; it has bool, uint8"):
            T.cast(x, unknown)
    assert (x + np.ones(3, complex)).dtype == "complex128"
    with pytest.raises(DTypeError, match="cannot make a constant of str"):
        x + "one"


def test_floatX_is_what_constructors_and_floats_are():
    assert T.matrix().dtype == F32 and T.constant(0.5).dtype == F32 and graphlib.shared(0.5).dtype == F32
    with config.change(floatX="float64"):
        assert T.matrix().dtype == F64 and T.zeros((2,)).dtype == F64 and graphlib.shared(0.5).dtype == F64
        assert (of(I32) / 2).dtype == F64 and (of(I32) * 0.5).dtype == F64 and of(I32).mean().dtype == F64
        assert T.fmatrix().dtype == F32 and (of(F32) * 0.5).dtype == F32
        assert T.exp(T.cast(T.scalar(), "floatX")).dtype == F64
    assert T.matrix().dtype == F32
    assert T.constant(3).dtype == I64 and graphlib.shared(3).dtype == I64 and T.constant(True).dtype == B
    assert T.constant(np.ones(2)).dtype == F64 and graphlib.shared(np.ones(2)).dtype == F64
    assert T.constant([0.5, 1]).dtype == F32


def model(x, W):
    """Everything a model does, to see whether one of it slips into float64."""
    y = T.ivector("y")
    hidden = T.tanh(T.dot(x, W) + 0.5)
    p = T.nnet.softmax(hidden * 2)
    cost = -T.mean(T.log(p)[T.arange(y.shape[0]), y]) + 1e-4 * (W**2).sum() + abs(W).sum() / W.shape[0]
    cost = (
        cost
        + T.nnet.sigmoid(hidden).mean()
        + hidden.std()
        + T.nnet.relu(hidden, 0.01).sum()
        + T.cast(y, "floatX").sum()
    )
    cost = (
        cost
        + T.switch(hidden > 0, hidden, 0).mean() * np.sqrt(6.0 / 7)
        + T.nnet.binary_crossentropy(p, 0.5).sum()
    )
    return cost, graphlib.grad(cost, W), y


def test_nothing_becomes_float64_unless_an_operand_is():
    with config.change(on_float64="raise"):
        x, W = T.matrix("x"), graphlib.shared(np.ones((3, 4), F32), "W")
        cost, gradient, _ = model(x, W)
        assert cost.dtype == F32 and gradient.dtype == F32
        with pytest.raises(DTypeError) as error:
            W + np.ones(4)
        assert "float64" in str(error.value) and "W float32(3, 4), made at" in str(error.value)
        with pytest.raises(DTypeError, match="computes in float64"):
            T.cast(W, "float64")
        with pytest.raises(DTypeError, match="computes in float64"):
            T.cast(T.ivector("counts"), "float64")
        # who works in float64 throughout has asked for it
        assert (T.dmatrix() * T.dmatrix() + 1).dtype == F64


def test_float64_can_warn():
    with config.change(on_float64="warn"):
        with pytest.warns(UserWarning, match="computes in float64") as caught:
            T.matrix("x") * np.ones(3)
        assert caught[0].filename == __file__
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            T.matrix("x") * 2.0


@pytest.mark.parametrize("mode", MODES)
def test_results_have_the_dtypes_that_were_inferred(mode):
    x, W = T.matrix("x"), graphlib.shared(np.full((3, 4), 0.1, F32), "W")
    cost, gradient, y = model(x, W)
    outputs = [cost, gradient, T.argmax(x, 1), x > 0, (x > 0).sum(), y * 2, y / 2]
    results = compiled(mode, [x, y], outputs)(np.ones((2, 3), F32), np.array([0, 3], I32))
    assert [r.dtype for r in results] == [F32, F32, I64, B, I64, I32, F32]
    with config.change(floatX="float64"):
        x, W = T.matrix("x"), graphlib.shared(np.full((3, 4), 0.1), "W")
        cost, gradient, y = model(x, W)
        results = compiled(mode, [x, y], [cost, gradient])(np.ones((2, 3)), np.array([0, 3], I32))
        assert [r.dtype for r in results] == [F64, F64]


@pytest.mark.parametrize("mode", MODES)
def test_large_integers_are_exact(mode):
    """int64 never goes through a float: not in sums, products, comparisons, maxima or constants."""
    x = of(I64)
    big = 2**53 + 1
    outputs = [
        x.sum(),
        x + 1,
        x.max(),
        x * 3,
        T.eq(x, big),
        x // 2,
        T.switch(x > big, x, big),
        x[x.argmax()],
        x - big,
        T.dot(x, x * 0 + 1),
    ]
    array = np.array([big, big - 1, 2, big + 1])
    wanted = [
        array.sum(),
        array + 1,
        array.max(),
        array * 3,
        array == big,
        array // 2,
        np.maximum(array, big),
        array.max(),
        array - big,
    ]
    for k, (got, want) in enumerate(
        zip(compiled(mode, [x], outputs)(array), [*wanted, array.sum()], strict=True)
    ):
        assert np.array_equal(got, want), f"number {k}"
