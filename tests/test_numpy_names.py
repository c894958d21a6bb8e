"""What ``T`` has under NumPy's names, against NumPy: order, sets, averages, curves, stacking, transforms."""

import re

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.errors import InputError, RankError, ShapeError

RANDOM = np.random.RandomState(17)
A = RANDOM.randn(4, 5)
S = RANDOM.randn(3, 4, 6)
S[0, 1, 2] = S[2, :, 3] = np.nan
V, U = np.sort(RANDOM.randn(7)), RANDOM.randn(7)
H = np.array([0.0, -0.0, 1.5, -2.5, np.inf, -np.inf, np.nan])
K = np.array([3, 1, 3, 0, 7, 1, 3])
R = RANDOM.randint(0, 2, (12, 3))
a, s, v, u, h, k, r = (
    T.dmatrix("a"), T.dtensor3("s"), T.dvector("v"), T.dvector("u"), T.dvector("h"), T.lvector("k"),
    T.lmatrix("r"),
)  # fmt: skip
INPUTS, ARRAYS = [a, s, v, u, h, k, r], [A, S, V, U, H, K, R]
METHODS = (
    "linear lower higher nearest midpoint inverted_cdf averaged_inverted_cdf closest_observation "
    "interpolated_inverted_cdf hazen weibull median_unbiased normal_unbiased"
).split()
SHARES = [0.0, 0.1, 0.25, 0.5, 0.8, 1.0]

#: calls that are the same in both, which f stands for
CALLS = [
    "f.median(a)", "f.median(a, axis=0)", "f.median(a[:, :4], axis=1, keepdims=True)",
    "f.median(s, axis=(0, 2))", "f.median(k)", "f.nanmedian(s, axis=1)",
    "f.nanmedian(s, axis=(0, 1), keepdims=True)", "f.percentile(a, 30, axis=1)",
    "f.percentile(a, [10, 90.0], axis=0, keepdims=True)", "f.quantile(s, [[0.1, 0.5], [0.2, 1]], axis=2)",
    "f.quantile(k, 0.3)", *(f"f.quantile(a, {SHARES}, axis=0, method='{m}')" for m in METHODS),
    *(f"f.quantile(k, {SHARES}, method='{m}')" for m in METHODS),
    *(f"f.nanquantile(s, {SHARES}, axis=1, method='{m}')" for m in ("linear", "hazen", "lower", "midpoint")),
    "f.nanpercentile(s, 40, axis=(0, 2))", "f.nanquantile(k, 0.4)", "f.unique(k)", "f.unique(k[:0])",
    "f.unique(h)", "f.unique(f.concatenate([h, h]), equal_nan=False)",
    *(f"f.unique(k, True, True, True)[{i}]" for i in range(4)),
    *(f"f.unique(f.concatenate([h, h]), True, True, True)[{i}]" for i in range(4)),
    *(f"f.unique(k[:0], True, True, True)[{i}]" for i in range(4)), "f.unique(r, return_inverse=True)[1]",
    *(f"f.unique(r, True, True, True, axis=0)[{i}]" for i in range(4)),
    "f.unique(r[:6].reshape((2, 3, 3)), axis=1)", "f.lexsort(r.T)", "f.unique(r[:0], axis=0)",
    "f.union1d(k, v)", "f.intersect1d(k, k + 1)", "f.setdiff1d(k, k + 1)", "f.setxor1d(k, k + 1)",
    "f.isin(r, k[1:4])", "f.isin(h, h, invert=True)", "f.isin(k, k[:0])", "f.isin(9, k)",
    "f.digitize(u, v)", "f.digitize(u, [1, 0, -1])", "f.digitize(u, [1, 0, -1], right=True)",
    "f.take_along_axis(a, f.argsort(a, axis=1), axis=1)",
    "f.take_along_axis(a, f.argmax(a, axis=0, keepdims=True), axis=0)", "f.average(a)",
    "f.average(a, axis=1, weights=v[:5])", "f.average(a, axis=0, weights=a * a)",
    "f.average(k, weights=k + 1)", "f.count_nonzero(r, axis=0)", "f.corrcoef(a)", "f.corrcoef(v, u)",
    *(f"f.nan{n}(s, axis=(0, 2))" for n in ("sum", "prod", "mean", "var", "std", "max", "min")),
    *(f"f.nan{n}(s, axis=1)" for n in ("mean", "var", "max", "cumsum", "cumprod")), "f.nanmax(k)",
    "f.nanvar(h[:4], ddof=2)", "f.nanargmax(s[:2], axis=1)", "f.nanargmin(s[:2], axis=2)",
    "f.histogram(u)[0]", "f.histogram(u)[1]", "f.histogram(u, 4, (-0.5, 0.75))[0]",
    "f.histogram(k, [0, 1, 3, 7])[0]", "f.histogram(u, 5, density=True)[0]",
    "f.histogram(u, 5, weights=v)[0]", "f.histogram(k * 0, 3)[1]", "f.trapezoid(a)",
    "f.trapezoid(a, dx=0.5, axis=0)", "f.trapezoid(u, v)", "f.trapezoid(a, a * a, axis=1)",
    "f.interp(f.concatenate([u, v]), v, u)", "f.interp(u * 3, v, u, left=-1, right=9)",
    *(f"f.convolve({xy}, '{m}')" for xy in ("u, v[:3]", "v[:2], u") for m in ("full", "same", "valid")),
    "f.correlate(u, v[:3])", "f.correlate(u, v[:4], 'full')", "f.convolve(u, k)", "f.ediff1d(a)",
    "f.ediff1d(u, to_begin=1, to_end=v[:2])", "f.polyval([2, -1, 0.5], a)", "f.vander(u, 4)",
    "f.vander(u, 3, increasing=True)", "f.vstack([u, v])", "f.hstack([u, v, 1.0])", "f.hstack([a, a])",
    "f.dstack([a, a])", "f.dstack([u, v])", "f.column_stack([u, v, f.stack([u, v], axis=1)])",
    "f.append(a, u)", "f.append(a, a[:1], axis=0)", "f.delete(a, 1, axis=0)",
    "f.delete(a, [0, -1], axis=1)", "f.delete(u, slice(1, 4))", "f.insert(u, 2, 9.0)",
    "f.insert(a, 1, u[:5], axis=0)", "f.insert(a, -1, 3, axis=1)", "f.array_split(u, 3)[1]",
    "f.hsplit(a, [1, 3])[1]", "f.vsplit(a, 2)[1]", "f.dsplit(s, 3)[2]",
    "f.block([[a, a], [f.ones((1, 10))]])", "f.block([u, v])", "f.fliplr(a)", "f.flipud(a)",
    *(f"f.rot90(s, {n}, (0, 2))" for n in range(-1, 4)), "f.rollaxis(s, 2)", "f.rollaxis(s, 0, 3)",
    "f.argwhere(r)", "f.diagflat(r[:2], 1)", "f.stack(f.tril_indices(4, -1, 5))",
    "f.stack(f.triu_indices(4, 1))", "f.stack(f.diag_indices(3))", "f.atleast_2d(u)", "f.atleast_3d(u)",
    "f.atleast_3d(a)", "f.atleast_1d(2.0)", "f.inner(a, a[:2])", "f.vdot(a, a)",
    "f.cross(a[:, :3], a[:, 2:])", "f.cross(a[:3], a[1:], axis=0)", "f.nan_to_num(h)",
    "f.nan_to_num(h, nan=1, posinf=2, neginf=3)", "f.fmax(h, 0.5)", "f.fmin(h, h[::-1])",
    "f.signbit(h[:6])", "f.copysign(k, h)", "f.heaviside(h, 0.3)", "f.cbrt(h)", "f.cbrt(u * 1e9)",
    "f.sinc(h[:4])", "f.fmod(u * 5, 1.5)", "f.fmod(k - 3, -2)", "f.fix(u * 3)", "f.rint(u * 3)",
    "f.fabs(k)", "f.float_power(k + 1, -1)", "f.logaddexp2(u, v)", "f.ldexp(u, k)",
    "f.stack(f.modf(u * 3))", "f.isposinf(h)", "f.isneginf(h)", "f.degrees(u) + f.radians(u)",
    "f.select([u > 1, u < 0], [u, -v], 7)", "f.piecewise(u, [u < 0, u > 1], [lambda x: x * x, 3, 0.5])",
    "f.piecewise(u, [u < 0], [2.0])", "f.greater(u, v) & f.less_equal(u, 1)",
    "f.power(f.absolute(u), f.negative(v))", "f.atan2(u, v) + f.asinh(u)",
    "f.left_shift(k, 2) + f.right_shift(k, 1) + (k << 1) - (k >> 1) + (1 << k)", "f.positive(u)",
    "f.remainder(f.floor_divide(k, 2), 2)", "f.subtract(u, v) * f.multiply(u, v) / f.true_divide(u, v)",
    "f.hanning(5) + f.hamming(5) + f.blackman(5) + f.bartlett(5) + f.kaiser(5, 3.0)", "f.linalg.cond(a)",
    "f.linalg.svdvals(a)", "f.linalg.matrix_rank(a)", "f.linalg.vector_norm(a, axis=0)",
    "f.linalg.vector_norm(a, ord=3)", "f.linalg.vector_norm(a, ord=np.inf, axis=1, keepdims=True)",
    "f.fft.fft2(a)", "f.fft.ifftn(s[:1])", "f.fft.fftn(a, (3, 8), (0, 1))", "f.fft.fftshift(a)",
    "f.fft.ifftshift(a, 1)", "f.fft.fftfreq(5, 0.5)", "f.fft.rfftfreq(6)",
]  # fmt: skip


class Ours:
    """T, with its modules under NumPy's names."""

    linalg, fft = T.nlinalg, T.fft

    def __getattr__(self, name):
        return getattr(T, name)


@pytest.fixture(autouse=True)
def doubles():
    with graphlib.config.change(floatX="float64"):
        yield


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_values_are_numpys():
    names = {"a": a, "s": s, "v": v, "u": u, "h": h, "k": k, "r": r}
    made = [T.as_tensor_variable(eval(call, {"f": Ours(), "np": np, **names})) for call in CALLS]
    f = graphlib.function(INPUTS, made, mode="reference")
    given = dict(zip(names, ARRAYS, strict=True))
    for call, got in zip(CALLS, f(*ARRAYS), strict=True):
        wanted = np.asarray(eval(call, {"f": np, "np": np, **given}))
        assert got.shape == wanted.shape, call
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-12, err_msg=call)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_numpys_functions_make_them_of_variables():
    names, given = {x.name: x for x in INPUTS}, dict(zip([x.name for x in INPUTS], ARRAYS, strict=True))
    calls = [
        "np.median(a, axis=0)", "np.quantile(a, 0.3, axis=1)", "np.unique(k)", "np.interp(u, v, u)",
        "np.nanmean(s[:2], axis=1)", "np.vstack([u, v])", "np.left_shift(k, 1)",
        "np.bitwise_right_shift(k, 1)",
    ]  # fmt: skip
    f = graphlib.function(
        INPUTS, [eval(c, {"np": np, **names}) for c in calls], mode="reference", on_unused_input="ignore"
    )
    for call, got in zip(calls, f(*ARRAYS), strict=True):
        np.testing.assert_allclose(got, eval(call, {"np": np, **given}), err_msg=call)


def test_compiled_of_any_length():
    x, i = T.fmatrix("x"), T.ivector("i")
    q = T.fscalar("q")
    outputs = [
        T.median(x, axis=1), T.quantile(x, q, axis=0), T.nanquantile(x, [0.2, 0.9], axis=1),
        *T.unique(i, True, True, True), T.unique(T.flatten(x)),
        T.histogram(i, T.arange(6))[0],
    ]  # fmt: skip
    f = graphlib.function([x, i, q], outputs, mode="check")
    for rows, n in ((1, 1), (3, 8), (5, 100)):
        values = RANDOM.randint(0, 9, (rows, n)).astype("float32")
        values[0, : n // 4] = np.nan
        numbers = RANDOM.randint(0, 6, n).astype("int32")
        wanted = [
            np.median(values, axis=1), np.quantile(values, 0.75, axis=0),
            np.nanquantile(values, [0.2, 0.9], axis=1), *np.unique(numbers, True, True, True),
            np.unique(values), np.histogram(numbers, np.arange(6))[0],
        ]  # fmt: skip
        for got, want in zip(f(values, numbers, 0.75), wanted, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-5)


@pytest.mark.parametrize(
    "build",
    [
        lambda x: T.median(x, axis=0),
        lambda x: T.median(x[:, :4], axis=1),
        lambda x: T.quantile(x, [0.3, 0.7], axis=1),
        lambda x: T.quantile(x, 0.35, method="midpoint"),
        lambda x: T.nanquantile(T.switch(x > 1, np.nan, x), 0.4, axis=1),
        lambda x: T.unique(x) ** 2,
        lambda x: T.nanvar(T.switch(x > 1, np.nan, x), axis=1),
        lambda x: T.interp(x[0], T.sort(x[1]), x[2]),
        lambda x: T.take_along_axis(x, T.argsort(x, axis=1), 1) * x,
        lambda x: T.cbrt(x) + T.sinc(x) + T.copysign(x, -x[::-1]) + T.fmax(x, x * x),
        lambda x: T.convolve(x[0], x[1], "same"),
    ],
)
def test_gradients(build):
    graphlib.verify_grad(build, [A.copy()], mode="reference")


def test_gradient_of_sinc_at_0_is_finite():
    x = T.dvector("x")
    got = graphlib.function([x], T.grad(T.sinc(x).sum(), x), mode="reference")([0.0, 1.0])
    np.testing.assert_allclose(got, [0, -1], atol=1e-12)


def test_mistakes_are_told():
    for wrong, says in [
        (lambda: T.quantile(a, 1.5), "a share lies between 0 and 1"),
        (lambda: T.percentile(a, -1), "a share lies between 0 and 1"),
        (lambda: T.quantile(a, 0.5, method="cubic"), "T.quantile has the methods linear"),
        (lambda: T.median(a, axis=2), "axis 2"),
        (lambda: T.unstack(a), "is not known before a call"),
        (lambda: T.convolve(a, v), "takes vectors"),
        (lambda: T.convolve(v, v, "round"), "has the modes full, same and valid"),
        (lambda: T.average(a, weights=v), "weights have the shape"),
        (lambda: T.select([a > 0], [a, a]), "1 conditions and 2 choices"),
        (lambda: T.take_along_axis(a, k, 0), "differ in rank"),
    ]:
        with pytest.raises((InputError, RankError, ShapeError), match=re.escape(says)):
            wrong()
    q = T.dscalar("q")
    f = graphlib.function([a, q], T.quantile(a, q), mode="reference")
    np.testing.assert_allclose(f(A, 0.5), np.median(A))
    with pytest.raises(AssertionError, match="a share is not between 0 and 1"):
        f(A, 1.5)
    with pytest.raises(IndexError):
        f(A[:0], 0.5)
    with pytest.raises(graphlib.errors.DTypeError, match="bools or integers"):
        a << 1
