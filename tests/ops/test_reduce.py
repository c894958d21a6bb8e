"""Reductions, sorting and running sums against numpy: any axes, ties, NaN, empty arrays, random shapes."""

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import special

import graphlib
import graphlib.tensor as T
from graphlib.errors import GradientError, ShapeError

from .backends import BACKENDS, MODES, assert_same, compiled

ALL_AXES = [None, *(c for k in range(4) for c in itertools.combinations(range(3), k))]

#: name -> (function of graphlib, of numpy), both of (array, axis, keepdims)
REDUCTIONS = {
    "sum": (lambda x, **k: x.sum(**k), np.sum),
    "prod": (lambda x, **k: x.prod(**k), np.prod),
    "max": (lambda x, **k: x.max(**k), np.max),
    "min": (lambda x, **k: x.min(**k), np.min),
    "all": (lambda x, **k: T.all(x > 0, **k), lambda a, **k: np.all(a > 0, **k)),
    "any": (lambda x, **k: T.any(x > 0, **k), lambda a, **k: np.any(a > 0, **k)),
    "mean": (lambda x, **k: x.mean(**k), np.mean),
    "var": (lambda x, **k: x.var(**k), np.var),
    "std": (lambda x, **k: x.std(**k), np.std),
    "logsumexp": (lambda x, **k: T.logsumexp(x, **k), lambda a, **k: np.log(np.sum(np.exp(a), **k))),
}
#: these have no value over nothing
NEED_ONE = {"max", "min"}


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.data(),
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
    st.sampled_from(sorted(REDUCTIONS)),
)
def test_random_shapes_and_axes(data, shape, name):
    axes = (
        data.draw(st.none() | st.lists(st.sampled_from(range(len(shape))), unique=True).map(tuple))
        if shape
        else None
    )
    keepdims = data.draw(st.booleans())
    known = data.draw(st.booleans())
    reduced = [n for i, n in enumerate(shape) if axes is None or i in axes]
    if name in NEED_ONE and 0 in reduced:
        return
    array = np.random.RandomState(len(shape)).permutation(int(np.prod(shape))).reshape(shape) * 0.25 - 1
    x = T.TensorType("float64", shape if known else [None] * len(shape))("x")
    symbolic, numpy = REDUCTIONS[name]
    result = symbolic(x, axis=axes, keepdims=keepdims)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = np.asarray(numpy(array, axis=axes, keepdims=keepdims))
    assert result.ndim == wanted.ndim and result.type.accepts_shape(wanted.shape)
    if known:
        assert result.type.shape == wanted.shape
    assert_same(compiled("reference", [x], result)(array), wanted, name)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_axis_of_random_lengths_on_backends(backend, dtype):
    """One compiled function of all axes serves every length, also lengths that vector loops do not divide."""
    x = T.TensorType(dtype, (None,) * 3)("x")
    cases = [
        (n, a, k) for n in REDUCTIONS for a, k in zip(ALL_AXES, itertools.cycle([False, True]), strict=False)
    ]
    function = compiled(backend, [x], [REDUCTIONS[n][0](x, axis=a, keepdims=k) for n, a, k in cases])

    @settings(max_examples=12, deadline=None, derandomize=True)
    @given(st.tuples(*[st.sampled_from([1, 2, 3, 5, 8, 17, 33])] * 3), st.booleans())
    def check(shape, transposed):
        array = np.random.RandomState(sum(shape)).uniform(-1.5, 1.5, shape).astype(dtype)
        array = array.transpose(2, 0, 1) if transposed else array
        for (name, axes, keepdims), got in zip(cases, function(array), strict=True):
            wanted = np.asarray(REDUCTIONS[name][1](array.astype("float64"), axis=axes, keepdims=keepdims))
            wanted = wanted if wanted.dtype == bool else wanted.astype(dtype)
            assert_same(got, wanted, f"{name} over {axes} of {shape}")

    check()


@pytest.mark.parametrize("mode", MODES)
def test_dtypes_of_sums(mode):
    """Bools and integers are summed in int64, floats in their own dtype; ``dtype`` says otherwise."""
    dtypes = ["bool", "int8", "int16", "int32", "int64", "uint8", "float32", "float64"]
    inputs = [T.TensorType(d, (None,))(d) for d in dtypes]
    arrays = [np.array([100, 100, 100, 27]).astype(d) for d in dtypes]
    outputs = [
        f for x in inputs for f in (x.sum(), x.prod(dtype="float64"), x.mean(), x.sum(dtype="float32"))
    ]
    results = iter(compiled(mode, inputs, outputs)(*arrays))
    for a in arrays:
        total, product, mean, single = (next(results) for _ in range(4))
        assert total == a.astype("float64").sum() and total.dtype == (
            a.dtype if a.dtype.kind == "f" else "int64"
        )
        assert product == np.prod(a.astype("float64")) and product.dtype == "float64"
        assert mean == a.astype("float64").mean() and mean.dtype == (
            "float64" if a.dtype == "float64" else "float32"
        )
        assert single == total and single.dtype == "float32"


@pytest.mark.parametrize("mode", MODES)
def test_nan_and_infinity_keep_their_meaning(mode):
    x = T.dmatrix("x")
    array = np.array(
        [[1, np.nan, 3], [np.inf, 0, -1], [-np.inf, -np.inf, 2], [np.inf, 1, -np.inf], [5, 5, 5]]
    )
    names = ("max", "min", "sum", "prod", "argmax", "argmin")
    results = compiled(mode, [x], [getattr(x, n)(axis=1) for n in names])(array)
    for name, got in zip(names, results, strict=True):
        with np.errstate(invalid="ignore"):
            assert_same(got, getattr(np, name)(array, axis=1), name)
    whole = compiled(
        mode, [x], [T.logsumexp(x[4:], axis=1), T.max(x), T.any(T.isnan(x)), T.all(T.isinf(x[3, ::2]))]
    )(array)
    assert_same(whole[0], special.logsumexp(array[4:], axis=1))
    assert np.isnan(whole[1]) and whole[2] and whole[3]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64", "float32", "float64", "bool"])
def test_argmax_takes_the_first_of_equals_and_nan_before_all(mode, dtype):
    array = np.array([[1, 3, 3, 0], [0, 0, 0, 0], [2, 1, 2, 1], [7, 7, 9, 9], [0, 1, 0, 1]]).astype(dtype)
    if array.dtype.kind == "f":
        array = np.concatenate(
            [
                array,
                np.array(
                    [[1, np.nan, 5, np.nan], [np.nan, np.inf, 1, 2], [np.inf, -np.inf, np.inf, 0]], dtype
                ),
            ]
        )
    x = T.TensorType(dtype, (None, None))("x")
    outputs = [
        T.argmax(x, 1),
        T.argmin(x, 1),
        x.argmax(axis=0),
        x.argmin(0),
        T.argmax(x),
        T.argmin(x),
        x.argmax(axis=-1, keepdims=True),
    ]
    wanted = [
        array.argmax(1),
        array.argmin(1),
        array.argmax(0),
        array.argmin(0),
        array.argmax(),
        array.argmin(),
    ]
    wanted.append(array.argmax(-1, keepdims=True))
    for got, want in zip(compiled(mode, [x], outputs)(array), wanted, strict=True):
        assert got.dtype == "int64"
        assert np.array_equal(got, want) and got.shape == want.shape
    of_lists = compiled(mode, [x], [T.argmax(x, axis=[1]), T.argmin(x, axis=(0, 1))])(array)
    assert np.array_equal(of_lists[0], array.argmax(1)) and of_lists[1] == array.argmin()
    both = compiled(mode, [x], T.max_and_argmax(x, axis=1))(array)
    assert_same(both[0], array.max(1))
    assert np.array_equal(both[1], array.argmax(1))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", "float32", "float64"])
def test_sorting_is_stable_with_nan_last(mode, dtype):
    random = np.random.RandomState(3)
    array = random.randint(0, 4, (5, 7, 3)).astype(dtype)
    if array.dtype.kind == "f":
        array[0, 1:4, 0] = np.nan, np.inf, -np.inf
        array[2, :, 1] = [0.0, -0.0, np.nan, 0.0, -0.0, 1, np.nan]
    x = T.TensorType(dtype, (None,) * 3)("x")
    axes = (0, 1, -1, None)
    outputs = [f(x, axis=a) for a in axes for f in (T.sort, T.argsort)]
    results = compiled(mode, [x], outputs)(array)
    for axis, values, order in zip(axes, results[::2], results[1::2], strict=True):
        np.testing.assert_array_equal(values, np.sort(array, axis=axis, kind="stable"))
        np.testing.assert_array_equal(order, np.argsort(array, axis=axis, kind="stable"))
        assert values.dtype == dtype and order.dtype == "int64"
    longer = random.permutation(np.repeat(np.arange(300), 3)).astype(dtype)
    v = T.TensorType(dtype, (None,))("v")
    np.testing.assert_array_equal(compiled(mode, [v], v.argsort())(longer), np.argsort(longer, kind="stable"))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", ["bool", "int8", "int32", "uint8", "float32", "float64"])
def test_running_sums_and_products(mode, dtype):
    x = T.TensorType(dtype, (None,) * 3)("x")
    axes = (0, 1, 2, -1, None)
    f = compiled(mode, [x], [f(x, axis=a) for a in axes for f in (T.cumsum, T.cumprod)])
    for shape in ((2, 3, 4), (3, 9, 5), (4, 4, 0)):
        array = (np.arange(np.prod(shape)).reshape(shape) % 5 % 4 - 1).astype(dtype)
        results, wide = f(array), array.dtype if array.dtype.kind == "f" else "int64"
        for axis, total, product in zip(axes, results[::2], results[1::2], strict=True):
            assert_same(total, np.cumsum(array, axis=axis, dtype=wide))
            assert_same(product, np.cumprod(array, axis=axis, dtype=wide))


@pytest.mark.parametrize("mode", MODES)
def test_nothing_to_reduce(mode):
    """Sums of nothing are 0, products 1, all true, any false, means NaN; a maximum of nothing is an error."""
    x = T.matrix("x")
    nothing = np.zeros((0, 3), "float32")
    outputs = [
        x.sum(),
        x.prod(axis=0),
        T.all(x > 0, axis=0),
        T.any(x > 0),
        x.mean(),
        x.sum(axis=1),
        x.max(axis=1),
        T.logsumexp(x, axis=0),
    ]
    results = compiled(mode, [x], outputs)(nothing)
    wanted = [0, [1, 1, 1], [True] * 3, False, np.nan, np.zeros(0), np.zeros(0), [-np.inf] * 3]
    for got, want in zip(results, wanted, strict=True):
        np.testing.assert_array_equal(got, want)
    for f in (T.max, T.min, T.argmax, T.argmin):
        with pytest.raises(ShapeError) as error:
            compiled(mode, [x], f(x, axis=0))(nothing)
        assert "x float32(?, ?), made at" in str(error.value)


def test_a_maximum_of_nothing_is_found_while_the_graph_is_built():
    x = T.matrix("x", shape=(0, 3))
    for f in (T.max, T.min, T.argmax, T.argmin):
        with pytest.raises(ShapeError, match=r"length 0 of x float32\(0, 3\)"):
            f(x, axis=0)


@pytest.mark.parametrize("mode", MODES)
def test_sums_are_accurate(mode):
    """A long sum in float32 is as good as numpy's pairwise one: no running total of a million terms."""
    array = np.full(1_000_000, 0.1, "float32")
    x = T.fvector("x")
    total, mean = compiled(mode, [x], [x.sum(), x.mean()])(array)
    exact = array.astype("float64").sum()
    assert abs(total - exact) < 1e-4 * exact and abs(mean - exact / 1e6) < 1e-5


@pytest.mark.parametrize("mode", MODES)
def test_the_gradient_of_a_product_is_exact_at_zeros(mode):
    x = T.dmatrix("x")
    array = np.array([[2.0, 3, 4], [2, 0, 4], [0, 0, 4]])
    got = compiled(mode, [x], graphlib.grad(x.prod(axis=1).sum(), x))(array)
    np.testing.assert_array_equal(got, [[12, 8, 6], [0, 8, 0], [0, 0, 0]])


@pytest.mark.parametrize("mode", MODES)
def test_derivatives_of_products_at_zeros(mode):
    """First and second order of prod and cumprod, none, one or several zeros in a row; against differences of
    numpy's, which are exact but for rounding: a product is linear in each of its factors."""
    x = T.dmatrix("x")
    array = np.array([[2.0, 3, 4, 5], [2, 0, 4, 1], [0, 0, 4, 2], [1, 0, 3, 0], [0, 0, 0, 1]])
    weights = np.cos(np.arange(20.0)).reshape(array.shape)
    functions = {
        "prod of rows": (lambda v: v.prod(axis=1), lambda a: a.prod(axis=1)),
        "prod of columns": (lambda v: v.prod(axis=0), lambda a: a.prod(axis=0)),
        "prod of some": (lambda v: v[1:3, 1:].prod(), lambda a: a[1:3, 1:].prod()),
        "cumprod along rows": (lambda v: T.cumprod(v, axis=1), lambda a: np.cumprod(a, axis=1)),
        "cumprod along columns": (lambda v: T.cumprod(v, axis=0), lambda a: np.cumprod(a, axis=0)),
        "cumprod of all": (T.cumprod, np.cumprod),
    }
    outputs, costs = [], []
    for build, numpy in functions.values():
        shape = numpy(array).shape
        scale = np.sin(np.arange(1.0, np.prod(shape) + 1)).reshape(shape)
        costs.append(lambda a, numpy=numpy, scale=scale: (numpy(a) * scale).sum())
        gradient = graphlib.grad((build(x) * scale).sum(), x)
        outputs += [gradient, graphlib.grad((gradient * weights).sum(), x)]
    results = compiled(mode, [x], outputs)(array)
    for name, cost, first, second in zip(functions, costs, results[::2], results[1::2], strict=True):
        wanted = differences(cost, array)
        np.testing.assert_allclose(first, wanted, atol=1e-9, err_msg=name)
        slope = differences(lambda a, cost=cost: (differences(cost, a) * weights).sum(), array)
        np.testing.assert_allclose(second, slope, atol=1e-9, err_msg=f"second order of {name}")


def differences(cost, point):
    """Central differences of a function that is linear in each number."""
    result = np.zeros_like(point)
    for place in np.ndindex(point.shape):
        step = np.zeros_like(point)
        step[place] = 0.5
        result[place] = cost(point + step) - cost(point - step)
    return result


def test_axes_that_do_not_exist():
    x = T.matrix("scores")
    for build in (
        lambda: x.sum(axis=2),
        lambda: x.mean(axis=(0, 3)),
        lambda: T.argmax(x, axis=-3),
        lambda: T.sort(x, 2),
    ):
        with pytest.raises(ShapeError, match=r"axis -?\d does not exist"):
            build()
    with pytest.raises(ShapeError, match="an axis is named twice"):
        x.sum(axis=(0, -2))
    with pytest.raises(ShapeError, match="scores"):
        x.sum(axis=5)


def test_an_order_has_no_gradient():
    x = T.vector("scores")
    for place in (T.argsort(x), T.argmax(x), T.argmin(x)):
        with pytest.raises(GradientError, match="no gradient exists through"):
            graphlib.grad(T.cast(place, "float32").sum(), x)


@pytest.mark.parametrize("shape", [(3_000_000,), (3, 1_000_000), (3000, 1000)])
def test_long_sums_of_float32_hardly_round(shape):
    """Within a few roundings of the exact sum, from which one long chain of additions is far."""
    x = np.full(shape, 0.1, "float32")
    v = T.TensorType("float32", (None,) * x.ndim)("x")
    f = compiled("c", [v], [v.sum(), v.mean(axis=-1), T.sqr(v - 1).sum()])
    exact = x.astype("float64")
    for got, wanted in zip(f(x), [exact.sum(), exact.mean(axis=-1), np.square(exact - 1).sum()], strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extrema_find_nan_in_any_lane(dtype):
    """Rows longer and shorter than vectors, and a whole matrix, which is gone through in runs of them."""
    x = T.matrix("x", dtype)
    found = compiled("c", [x], [x.max(axis=1), x.min(axis=1), x.max(), x.min(), T.nnet.softmax(x)])
    for length in (1, 5, 16, 37, 600):
        values = np.random.RandomState(length).normal(size=(length + 3, length)).astype(dtype)
        np.fill_diagonal(values, np.nan)
        values[-3], values[-2], values[-1, 0] = -np.inf, np.inf, -np.inf
        high, low, highest, lowest, soft = found(values)
        np.testing.assert_array_equal(high, values.max(axis=1))
        np.testing.assert_array_equal(low, values.min(axis=1))
        assert np.isnan([highest, lowest]).all()
        assert np.isnan(soft[:-1]).all()
        clean = np.nan_to_num(values, nan=0.5, posinf=9)
        _, _, highest, lowest, _ = found(clean)
        assert (highest, lowest) == (clean.max(), clean.min())


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8"])
def test_indices_of_extrema_are_those_of_the_first(dtype):
    """Rows of less than a block, of some blocks, with ties, with NaN, with nothing but infinities."""
    x, few = T.matrix("x", dtype), T.tensor("few", dtype, (None, 5))
    results = [x.argmax(axis=1), x.argmin(axis=1), x.argmax(axis=0), x.argmin(), few.argmax(axis=1)]
    found = compiled("c", [x, few], [*results, x.max(axis=1)])
    for length in (1, 15, 16, 37, 100):
        random = np.random.RandomState(length)
        values = random.randint(0, 9, size=(length + 3, length)).astype(dtype)
        if dtype.startswith("float"):
            values -= 4
            values[-3:] = np.array([[-np.inf], [np.inf], [np.nan]])
            np.fill_diagonal(values[length // 2 :], np.nan)
        other = random.randint(0, 9, size=(length, 5)).astype(dtype)
        wanted = [values.argmax(1), values.argmin(1), values.argmax(0), values.argmin(), other.argmax(1)]
        for k, (got, right) in enumerate(zip(found(values, other), [*wanted, values.max(1)], strict=True)):
            np.testing.assert_array_equal(got, right, err_msg=f"{k} of {length}")


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8"])
def test_indices_of_extrema_of_columns_are_those_of_the_first(dtype):
    """Few columns, some that fill no vector, more than go abreast; views; terms that are computed."""
    x, y = T.tensor("x", dtype, (None,) * 3), T.tensor("y", dtype, (None, 11))
    d, a = T.matrix("d", dtype), T.matrix("a", dtype)
    e, b = T.tensor("e", dtype, (None, 11)), T.tensor("b", dtype, (11, 11))
    sums, square = d[:, :, None] + a[None], e[:, :, None] + b[None]
    results = [
        x.argmax(axis=0),
        x.argmin(axis=1),
        *T.max_and_argmax(x[::-1, 1:], axis=0),
        x.dimshuffle(2, 1, 0).argmin(axis=1),
        x.dimshuffle(1, 2, 0).argmax(axis=2),
        T.eq(x.argmax(axis=1), 1) * x[:, 0],
        y.argmax(axis=0),
        sums.argmax(1),
        sums.argmin(1),
        *T.max_and_argmax(square, axis=1),
    ]
    found = compiled("c", [x, y, d, a, e, b], results)

    def wanted(x, y, d, a, e, b):
        sums, square = d[:, :, None] + a[None], e[:, :, None] + b[None]
        tail = x[::-1, 1:]
        return [
            x.argmax(0),
            x.argmin(1),
            tail.max(0),
            tail.argmax(0),
            x.transpose(2, 1, 0).argmin(1),
            x.transpose(1, 2, 0).argmax(2),
            (x.argmax(1) == 1) * x[:, 0],
            y.argmax(0),
            sums.argmax(1),
            sums.argmin(1),
            square.max(1),
            square.argmax(1),
        ]

    shapes = [(1, 3, 0), (4, 1, 1), (1, 2, 7), (5, 3, 8), (3, 6, 9), (7, 20, 65), (3, 2, 131)]
    for shape in shapes:
        random = np.random.RandomState(sum(shape))
        n, m, k = shape
        sizes = (shape, (m, 11), (n, m), (m, k), (n, 11), (11, 11))
        given = [random.randint(0, 5, size).astype(dtype) for size in sizes]
        if dtype.startswith("float"):
            for array in given:
                for odd in (np.nan, np.inf, -np.inf):
                    array[random.uniform(size=array.shape) < 0.1] = odd
            given[0][..., -1:], given[1][:, :2], given[1][:, 5] = -np.inf, np.inf, np.nan
        with np.errstate(invalid="ignore"):
            right = wanted(*given)
        for number, (got, one) in enumerate(zip(found(*given), right, strict=True)):
            np.testing.assert_array_equal(got, one, err_msg=f"{number} of {shape}")
