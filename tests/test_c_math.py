"""The C functions of graphlib_math.h against numpy, scipy and mpmath.

The header is compiled with the flags of the C backend into a small shared library of array loops. Elementary
functions must come within 4 ulp of the exact value and do what numpy does at the edges; divisions must equal
numpy's.
"""

import ctypes
import re
import shutil
import subprocess
import zlib

import mpmath
import numpy as np
import pytest
import scipy.special
from mpmath import mp

from graphlib.run.c import toolchain

INCLUDES = [f"-I{folder}" for folder in toolchain.INCLUDES]
FLAGS = ["-O3", "-std=gnu11", "-fopenmp-simd", "-fno-math-errno", "-fno-trapping-math", "-fPIC", "-shared"]
ULPS = 4  # what is promised; the float functions that are computed in float are held to what they reach
ULPS_F32 = {
    "exp": 1.1,
    "exp2": 1.2,
    "expm1": 1.6,
    "log": 1,
    "log1p": 1.5,
    "tanh": 2.6,
    "sigmoid": 2.5,
    "softplus": 2.3,
    "sin": 1.6,
    "cos": 1.6,
    "erf": 1.2,
}
FLOATS = {"f32": np.float32, "f64": np.float64}
INTEGERS = {"i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64, "u8": np.uint8}
C_TYPES = {
    "f32": "float",
    "f64": "double",
    "u8": "uint8_t",
    **{f"i{n}": f"int{n}_t" for n in (8, 16, 32, 64)},
}

# name: the same function in float64, accurate far beyond float32
TRUTH = {
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "tanh": np.tanh,
    "sigmoid": scipy.special.expit,
    "softplus": lambda x: np.logaddexp(0, x),
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "arcsin": np.arcsin,
    "arccos": np.arccos,
    "arctan": np.arctan,
    "arcsinh": np.arcsinh,
    "arccosh": np.arccosh,
    "arctanh": np.arctanh,
    "erf": scipy.special.erf,
    "erfc": scipy.special.erfc,
    "erfcx": scipy.special.erfcx,
    "lgamma": lambda x: np.where(np.isinf(x), np.inf, scipy.special.gammaln(x)),  # scipy: -inf at -inf
    "digamma": scipy.special.psi,
}

# name: (the function in mpmath, intervals to sample uniformly, a point to sample densely around)
EXACT = {
    "exp": (mp.exp, [(-745, 709.7), (-2, 2)], 0),
    "exp2": (lambda x: mp.power(2, x), [(-1074, 1023.9), (-2, 2)], 0),
    "expm1": (mp.expm1, [(-50, 709.7), (-2, 2)], 0),
    "log": (mp.log, [(0, 2), (0, 1e300)], 1),
    "log2": (lambda x: mp.log(x) / mp.ln2, [(0, 2), (0, 1e300)], 1),
    "log10": (mp.log10, [(0, 2), (0, 1e300)], 1),
    "log1p": (mp.log1p, [(-1, 1), (0, 1e300)], 0),
    "tanh": (mp.tanh, [(-22, 22), (-1, 1)], 0),
    "sigmoid": (lambda x: 1 / (1 + mp.exp(-x)), [(-745, 40), (-3, 3)], 0),
    "softplus": (lambda x: mp.log1p(mp.exp(x)), [(-745, 800), (-3, 3)], 0),
    "sin": (mp.sin, [(-7, 7), (-1e5, 1e5), (-1e22, 1e22), (-1e300, 1e300)], mp.pi),
    "cos": (mp.cos, [(-7, 7), (-1e5, 1e5), (-1e22, 1e22), (-1e300, 1e300)], mp.pi / 2),
    "tan": (mp.tan, [(-7, 7), (-1e5, 1e5), (-1e22, 1e22), (-1e300, 1e300)], mp.pi / 2),
    "sinh": (mp.sinh, [(-710.4, 710.4), (-2, 2)], 0),
    "cosh": (mp.cosh, [(-710.4, 710.4), (-2, 2)], 0),
    "arcsin": (mp.asin, [(-1, 1)], 0),
    "arccos": (mp.acos, [(-1, 1)], 1),
    "arctan": (mp.atan, [(-3, 3), (-1e5, 1e5)], 0),
    "arcsinh": (mp.asinh, [(-3, 3), (-1e300, 1e300)], 0),
    "arccosh": (mp.acosh, [(1, 3), (1, 1e300)], 1),
    "arctanh": (mp.atanh, [(-1, 1)], 0),
    "erf": (mp.erf, [(-6, 6)], 0),
    "erfc": (mp.erfc, [(-6, 27.2)], 0),
    "erfcx": (lambda x: mp.exp(mp.mpf(x) ** 2) * mp.erfc(x), [(-26.6, 30), (0, 1e5), (27.5, 29)], 0),
    "lgamma": (lambda x: mp.re(mp.loggamma(x)), [(0, 10), (0, 1e5)], 1),
    "digamma": (lambda x: mp.psi(0, x), [(0, 10), (0, 1e5)], mpmath.mpf("1.4616321449683623412626595423")),
}
# What scipy does at the edges in float64 is not always right.
EDGES = {
    "erfc": {np.inf: 0, -np.inf: 2, 0: 1, np.nan: np.nan, 30: 0, -30: 2, 5e-324: 1},
    "erfcx": {np.inf: 0, -np.inf: np.inf, 0: 1, np.nan: np.nan, -30: np.inf},
    "lgamma": {
        np.inf: np.inf,
        -np.inf: np.inf,
        0: np.inf,
        -1: np.inf,
        -2: np.inf,
        1: 0,
        2: 0,
        np.nan: np.nan,
    },
    "digamma": {np.inf: np.inf, -np.inf: np.nan, 0.0: -np.inf, -1: np.nan, -2: np.nan, np.nan: np.nan},
}
OTHER_UNARY = ["round_half_even", "round_half_away", "sgn"]
BINARY = ["arctan2", "pow", "logaddexp", "max", "min", "mod", "floordiv"]
SCALAR = {"lgamma_f64", "digamma_f64", "ipow_i64", "mod_i64", "floordiv_i64"}
SCALAR |= {f"{name}_{suffix}" for name in ("mod", "floordiv") for suffix in FLOATS}


def signatures():
    """(name, suffix, number of arguments) of every function of the header that the tests call."""
    for suffix in FLOATS:
        yield from ((name, suffix, 1) for name in [*TRUTH, *OTHER_UNARY])
        yield from ((name, suffix, 2) for name in BINARY)
    for suffix in INTEGERS:
        yield from ((name, suffix, 2) for name in ("mod", "floordiv"))
    yield "ipow", "i64", 2


def source():
    """The C source: the header and one loop a line."""
    lines = ["#include <graphlib_math.h>"]
    for name, suffix, n in signatures():
        t, arguments = C_TYPES[suffix], ["a", "b"][:n]
        parameters = "".join(f"const {t} *restrict {a}, " for a in arguments)
        call = f"gl_{name}_{suffix}({', '.join(f'{a}[i]' for a in arguments)})"
        lines.append(
            f"void {name}_{suffix}({parameters}{t} *restrict y, long n) "
            f'{{ _Pragma("omp simd") for (long i = 0; i < n; i++) y[i] = {call}; }}'
        )
    return "\n".join(lines) + "\n"


def compiler():
    found = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if found is None:
        pytest.skip("no C compiler")
    return found


class Library:
    """The compiled loops, called as `library('exp_f32', x)`; `messages` is what the compiler said."""

    def __init__(self, folder, flags):
        c, library = folder / "loops.c", folder / "loops.so"
        c.write_text(source())
        command = [compiler(), *FLAGS, *flags, *INCLUDES, str(c), "-o", str(library), "-lm"]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        self.messages = done.stderr
        self.library = ctypes.CDLL(str(library))

    def __call__(self, name, *arguments):
        arrays = np.broadcast_arrays(*arguments)
        arrays = [np.ascontiguousarray(a) for a in arrays]
        y = np.empty_like(arrays[0])
        getattr(self.library, name)(
            *(ctypes.c_void_p(a.ctypes.data) for a in [*arrays, y]), ctypes.c_long(y.size)
        )
        return y


@pytest.fixture(scope="module")
def native(tmp_path_factory):
    return Library(tmp_path_factory.mktemp("native"), ["-march=native"])


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Without fused multiply-add: what the oldest processors run."""
    return Library(tmp_path_factory.mktemp("plain"), ["-ffp-contract=off"])


@pytest.fixture(autouse=True)
def quiet():
    with np.errstate(all="ignore"):
        yield


def errors(y, truth, rest=0.0, scale=None):
    """|y - (truth + rest)| in ulps of the correctly rounded result (or of `scale`).

    Infinite where only one of the two is finite or where a zero has the wrong sign."""
    rounded = truth.astype(y.dtype)
    unit = np.spacing(np.abs(rounded if scale is None else scale.astype(y.dtype))).astype(np.float64)
    error = np.abs((y.astype(np.float64) - truth) - rest) / unit
    wrong_sign = (np.signbit(y) != np.signbit(rounded)) & ((y == 0) | (rounded == 0))
    same = (y == rounded) | (np.isnan(y) & np.isnan(rounded))
    finite = np.isfinite(y) & np.isfinite(rounded)
    return np.where(finite & ~wrong_sign, error, np.where(same & ~(wrong_sign & finite), 0, np.inf))


def check(name, y, arguments, truth, rest=0.0, scale=None, ulps=ULPS):
    error = errors(y, truth, rest, scale)
    i = np.argmax(error)
    at = ", ".join(repr(a[i]) for a in arguments)
    assert error[i] <= ulps, f"{name}({at}) = {y[i]!r} is {error[i]:.2f} ulp from {truth[i]!r}"


def every(step):
    """One in `step` of all float32 numbers, from either end, infinities and NaN with them."""
    bits = np.concatenate([np.arange(0, 2**32, step), 2**32 - 1 - np.arange(0, 2**32, 50 * step)])
    return bits.astype(np.uint32).view(np.float32)


def special(dtype):
    """Numbers at which something happens."""
    info = np.finfo(dtype)
    a = [
        0,
        info.smallest_subnormal,
        info.tiny,
        info.eps,
        0.5,
        1,
        1.5,
        2,
        2.5,
        3,
        4,
        1e10,
        1e10 + 1,
        info.max,
        np.inf,
    ]
    a = np.array(a, dtype)
    near = np.concatenate([np.nextafter(a, dtype(v)) for v in (-np.inf, np.inf)])
    a = np.concatenate([a, near])
    return np.concatenate([a, -a, [dtype(np.nan)]]).astype(dtype)


def split(values):
    """mpmath numbers as the sum of two arrays of float64."""
    high = np.array([float(v) for v in values])
    rest = [float(v - mpmath.mpf(h)) if np.isfinite(h) else 0.0 for v, h in zip(values, high, strict=True)]
    return high, np.array(rest)


def seeded(name):
    return np.random.default_rng(zlib.crc32(name.encode()))


@pytest.mark.parametrize("name", TRUTH)
def test_float32_over_all_bit_patterns(native, name):
    x = every(997)
    check(
        name, native(f"{name}_f32", x), [x], TRUTH[name](x.astype(np.float64)), ulps=ULPS_F32.get(name, 0.51)
    )


@pytest.mark.parametrize("name", TRUTH)
def test_float32_without_fused_multiply_add(plain, name):
    x = every(19937)
    check(
        name, plain(f"{name}_f32", x), [x], TRUTH[name](x.astype(np.float64)), ulps=ULPS_F32.get(name, 0.51)
    )


@pytest.mark.parametrize("library", ["native", "plain"])
@pytest.mark.parametrize("name", EXACT)
def test_float64_against_mpmath(request, library, name):
    function, intervals, centre = EXACT[name]
    rng, n = seeded(name), 250
    parts = [rng.uniform(low, high, n) for low, high in intervals]
    inside, lowest, highest = parts[0], min(i[0] for i in intervals), max(i[1] for i in intervals)
    parts += [float(centre) + rng.uniform(-1, 1, n) * np.exp(rng.uniform(-40, 0, n))]  # close to the centre
    parts += [rng.choice([-1, 1], n) * np.exp(rng.uniform(-745, 700, n))]  # of every magnitude
    x = np.concatenate(parts)
    x = x[(x >= lowest) & (x <= highest) & (x != 0)]
    assert x.size >= inside.size
    with mp.workprec(1300 if name in ("sin", "cos", "tan") else 180):
        truth, rest = split([function(mpmath.mpf(v)) for v in x])
    check(name, request.getfixturevalue(library)(f"{name}_f64", x), [x], truth, rest)


@pytest.mark.parametrize("suffix", FLOATS)
@pytest.mark.parametrize("name", [name for name in TRUTH if name not in EDGES])
def test_edges_are_numpys(native, name, suffix):
    x = special(FLOATS[suffix])
    check(name, native(f"{name}_{suffix}", x), [x], TRUTH[name](x.astype(np.float64)))
    x = x[(x == 0) | ~np.isfinite(x)]
    check(name, native(f"{name}_{suffix}", x), [x], TRUTH[name](x.astype(np.float64)), ulps=0.5)


@pytest.mark.parametrize("suffix", FLOATS)
@pytest.mark.parametrize("name", EDGES)
def test_edges(native, name, suffix):
    x = np.array(list(EDGES[name]), FLOATS[suffix])
    check(name, native(f"{name}_{suffix}", x), [x], np.array(list(EDGES[name].values()), float), ulps=0)


@pytest.mark.parametrize("suffix", FLOATS)
@pytest.mark.parametrize("name", ["exp", "exp2", "expm1", "sinh", "cosh"])
def test_overflow_begins_where_it_should(native, name, suffix):
    dtype = FLOATS[suffix]
    inverse = {"exp": np.log, "expm1": np.log, "exp2": np.log2, "sinh": np.arcsinh, "cosh": np.arcsinh}[name]
    x = inverse(np.float64(np.finfo(dtype).max)).astype(dtype)
    for _ in range(5):
        x = np.nextafter(x, dtype(0))
    steps = [x]
    for _ in range(10):
        steps.append(np.nextafter(steps[-1], dtype(np.inf)))
    x = np.array(steps, dtype)
    with mp.workprec(120):
        function = {"expm1": mp.expm1, **{n: EXACT[n][0] for n in ("exp", "exp2", "sinh", "cosh")}}[name]
        limit = (2 - mpmath.mpf(float(np.finfo(dtype).eps)) / 2) * mpmath.mpf(2) ** (
            np.finfo(dtype).maxexp - 1
        )
        overflows = np.array([function(mpmath.mpf(float(v))) >= limit for v in x])
    assert overflows.any() and not overflows.all()
    assert np.array_equal(np.isinf(native(f"{name}_{suffix}", x)), overflows)


def test_results_may_be_subnormal(native):
    x = np.linspace(-103.9, -87.4, 5000, dtype=np.float32)
    for name in ("exp", "sigmoid", "softplus"):
        y = native(f"{name}_f32", x)
        assert (y > 0).all() and (y < np.finfo(np.float32).tiny).any()
        check(name, y, [x], np.exp(x.astype(np.float64)), ulps=1)


@pytest.mark.parametrize("exponent", [-20, 0, 30, 60, 80, 104])
def test_float32_angles_closest_to_multiples_of_a_right_angle(native, exponent):
    with mp.workprec(300):
        right_angles = (
            int(2 / mp.pi * mp.power(2, exponent + 64)) % 2**64
        )  # in one 2**exponent, 64 bits of the fraction
    m = np.arange(2**23, 2**24, dtype=np.uint64)
    distance = np.abs((m * np.uint64(right_angles)).view(np.int64))
    x = np.ldexp(m[np.argpartition(distance, 50)[:50]].astype(np.float32), exponent)
    for name in ("sin", "cos", "tan"):
        y = native(f"{name}_f32", x)
        assert np.abs(y).min() < 1e-5
        check(name, y, [x], TRUTH[name](x.astype(np.float64)), ulps=ULPS_F32.get(name, 0.51))


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_float64_angles_close_to_multiples_of_a_right_angle(native, name):
    rng = seeded(name)
    with mp.workprec(1300):
        n = [
            int(k) << int(s)
            for k, s in zip(rng.integers(1, 2**40, 500), rng.integers(0, 900, 500), strict=True)
        ]
        x = np.array([float(k * mp.pi / 2) for k in n] + [6381956970095103 * 2.0**797])  # the closest of all
        truth, rest = split([EXACT[name][0](mpmath.mpf(v)) for v in x])
    check(name, native(f"{name}_f64", x), [x], truth, rest)


def test_digamma_at_its_negative_zeros(native):
    """The error is small beside the larger of the terms whose difference the result is."""
    x = np.concatenate([-np.arange(30) - seeded("psi").uniform(0.01, 0.99, (20, 30))]).ravel()
    with mp.workprec(120):
        truth, rest = split([mp.psi(0, mpmath.mpf(v)) for v in x])
    mirrored = scipy.special.psi(1 - x)
    scale = np.maximum(mirrored, np.abs(truth - mirrored))
    check("digamma", native("digamma_f64", x), [x], truth, rest, scale=scale)


def grid(dtype):
    return (a.ravel() for a in np.meshgrid(special(dtype), special(dtype)))


@pytest.mark.parametrize("library", ["native", "plain"])
def test_pow_float32(request, library):
    rng = seeded("pow")
    base = np.concatenate([np.exp(rng.uniform(-104, 88, 200_000)), 1 + rng.uniform(-1e-3, 1e-3, 200_000)])
    base = base.astype(np.float32)
    exponent = (rng.uniform(-1.1, 1.1, base.size) * 88 / np.maximum(np.abs(np.log(base)), 1e-30)).astype(
        np.float32
    )
    exponent[::3] = np.rint(exponent[::3])
    sign = np.where((exponent == np.rint(exponent)) & (rng.uniform(size=base.size) < 0.5), -1, 1)
    base = (base * sign).astype(np.float32)
    truth = np.power(base.astype(np.float64), exponent.astype(np.float64))
    check("pow", request.getfixturevalue(library)("pow_f32", base, exponent), [base, exponent], truth)


@pytest.mark.parametrize("library", ["native", "plain"])
def test_pow_float64(request, library):
    rng, n = seeded("pow"), 1500
    base = np.concatenate(
        [np.exp(rng.uniform(-740, 700, n)), 1 + rng.uniform(-1, 1, n) * np.exp(rng.uniform(-35, 0, n))]
    )
    exponent = rng.uniform(-1, 1, base.size) * 709 / np.maximum(np.abs(np.log(base)), 1e-300)
    exponent[::3] = np.rint(exponent[::3])
    odd = np.fmod(exponent, 2) != 0
    sign = np.where((exponent == np.rint(exponent)) & (rng.uniform(size=base.size) < 0.5), -1, 1)
    with mp.workprec(180):
        power = [mp.power(mpmath.mpf(b), mpmath.mpf(e)) for b, e in zip(base, exponent, strict=True)]
        truth, rest = split([-p if s < 0 and o else p for p, s, o in zip(power, sign, odd, strict=True)])
    base = base * sign
    check("pow", request.getfixturevalue(library)("pow_f64", base, exponent), [base, exponent], truth, rest)


@pytest.mark.parametrize("suffix", FLOATS)
@pytest.mark.parametrize("name", ["pow", "arctan2"])
def test_binary_edges_are_numpys(native, name, suffix):
    a, b = grid(FLOATS[suffix])
    function = {"pow": np.power, "arctan2": np.arctan2}[name]
    check(
        name, native(f"{name}_{suffix}", a, b), [a, b], function(a.astype(np.float64), b.astype(np.float64))
    )


@pytest.mark.parametrize("suffix", FLOATS)
def test_arctan2(native, suffix):
    rng, n = seeded("arctan2"), 1500
    size = {"f32": 80, "f64": 690}[suffix]
    middle = rng.uniform(-size, size, n)
    y = (rng.choice([-1, 1], n) * np.exp(middle + rng.normal(0, 2, n))).astype(FLOATS[suffix])
    x = (rng.choice([-1, 1], n) * np.exp(middle + rng.normal(0, 2, n))).astype(FLOATS[suffix])
    with mp.workprec(120):
        truth, rest = split([mp.atan2(float(b), float(a)) for b, a in zip(y, x, strict=True)])
    check("arctan2", native(f"arctan2_{suffix}", y, x), [y, x], truth, rest)


@pytest.mark.parametrize("suffix", FLOATS)
def test_logaddexp(native, suffix):
    rng, n = seeded("logaddexp"), 1500
    a = (rng.normal(0, 1, n) * np.exp(rng.uniform(-9, 5, n))).astype(FLOATS[suffix])
    b = np.where(rng.uniform(size=n) < 0.1, a, a + rng.normal(0, 10, n)).astype(FLOATS[suffix])
    with mp.workprec(180):
        pairs = [(mpmath.mpf(float(p)), mpmath.mpf(float(q))) for p, q in zip(a, b, strict=True)]
        truth, rest = split([max(p, q) + mp.log1p(mp.exp(-abs(p - q))) for p, q in pairs])
    larger = np.maximum(a, b).astype(np.float64)
    scale = np.maximum(truth - larger, np.maximum(np.abs(truth), np.abs(larger)))
    check("logaddexp", native(f"logaddexp_{suffix}", a, b), [a, b], truth, rest, scale=scale)
    a, b = np.array([[np.inf, np.inf], [np.inf, -np.inf], [-np.inf, -np.inf], [np.nan, 1], [-np.inf, 2]]).T
    a, b = a.astype(FLOATS[suffix]), b.astype(FLOATS[suffix])
    assert np.array_equal(native(f"logaddexp_{suffix}", a, b), np.logaddexp(a, b), equal_nan=True)
    assert np.array_equal(native(f"logaddexp_{suffix}", b, a), np.logaddexp(a, b), equal_nan=True)


@pytest.mark.parametrize("suffix", FLOATS)
@pytest.mark.parametrize("name", ["max", "min"])
def test_extrema_hand_on_nan(native, name, suffix):
    a, b = grid(FLOATS[suffix])
    y = {"max": np.maximum, "min": np.minimum}[name](a, b)
    assert np.array_equal(native(f"{name}_{suffix}", a, b), y, equal_nan=True)


@pytest.mark.parametrize("suffix", FLOATS)
def test_rounding_and_sign(native, suffix):
    dtype = FLOATS[suffix]
    x = np.concatenate(
        [special(dtype), np.arange(-20, 20, dtype=dtype) / 4, seeded("round").normal(0, 1e6, 999)]
    )
    x = x.astype(dtype)
    half_away = np.copysign(np.trunc(np.abs(x)) + (np.abs(x) - np.trunc(np.abs(x)) >= 0.5), x)
    half_away = np.where(np.isfinite(x), half_away, x)
    for name, expected in (
        ("round_half_even", np.round(x)),
        ("round_half_away", half_away),
        ("sgn", np.sign(x)),
    ):
        check(name, native(f"{name}_{suffix}", x), [x], expected, ulps=0)


@pytest.mark.parametrize("suffix", FLOATS)
@pytest.mark.parametrize("name", ["mod", "floordiv"])
def test_float_division_is_numpys(native, name, suffix):
    dtype, rng = FLOATS[suffix], seeded("division")
    a, b = grid(dtype)
    bits = rng.integers(0, 2 ** (8 * dtype().itemsize), (2, 20_000), dtype=f"u{dtype().itemsize}").view(dtype)
    small = rng.integers(-40, 40, (2, 20_000)).astype(dtype) / 4
    a, b = np.concatenate([a, bits[0], small[0]]), np.concatenate([b, bits[1], small[1]])
    expected = {"mod": np.mod, "floordiv": np.floor_divide}[name](a, b)
    check(name, native(f"{name}_{suffix}", a, b), [a, b], expected, ulps=0)


@pytest.mark.parametrize("suffix", INTEGERS)
@pytest.mark.parametrize("name", ["mod", "floordiv"])
def test_integer_division_is_numpys(native, name, suffix):
    dtype = INTEGERS[suffix]
    info, rng = np.iinfo(dtype), seeded("integers")
    edge = [
        info.min,
        info.min + 1,
        info.max - 1,
        info.max,
        0,
        1,
        2,
        3,
        7,
        *([-1, -2, -3, -7] if info.min else []),
    ]
    a, b = (v.ravel() for v in np.meshgrid(np.array(edge, dtype), np.array(edge, dtype)))
    wide = rng.integers(info.min, info.max, (2, 60_000), dtype, endpoint=True)
    narrow = rng.integers(max(info.min, -9), 9, (2, 60_000), dtype)
    a = np.concatenate([a, wide[0], wide[0], narrow[0]])
    b = np.concatenate([b, wide[1], narrow[1], narrow[1]])
    expected = {"mod": np.mod, "floordiv": np.floor_divide}[name](a, b)
    assert np.array_equal(native(f"{name}_{suffix}", a, b), expected)


def test_integer_power_wraps(native):
    x, n = (v.ravel() for v in np.meshgrid(np.array([-3, -2, -1, 0, 1, 2, 3, 10, 2**62]), np.arange(70)))
    expected = np.array([pow(int(a), int(b), 2**64) for a, b in zip(x, n, strict=True)], np.uint64).view(
        np.int64
    )
    assert np.array_equal(native("ipow_i64", x, n), expected)
    assert np.array_equal(native("ipow_i64", x[:5], -n[5:10] - 1), np.zeros(5, np.int64))


def test_loops_are_vectorised(tmp_path):
    version = subprocess.run([compiler(), "--version"], capture_output=True, text=True).stdout
    machine = subprocess.run([compiler(), "-dumpmachine"], capture_output=True, text=True).stdout
    if "Free Software Foundation" not in version or not machine.startswith("x86_64"):
        pytest.skip("asks gcc for its report, on a processor whose vector units are known")
    report = Library(tmp_path, ["-march=haswell", "-fopt-info-vec-optimized"]).messages
    lines = {int(n) for n in re.findall(r"loops\.c:(\d+):\d+: optimized: loop vectorized", report)}
    names = [f"{name}_{suffix}" for name, suffix, _ in signatures()]
    assert {name for i, name in enumerate(names) if i + 2 not in lines} == SCALAR


@pytest.mark.parametrize("flag", ["-O0", "-O3", "-fopenmp"])
def test_header_compiles_without_warnings(tmp_path, flag):
    done = subprocess.run(
        [
            compiler(),
            "-std=gnu11",
            flag,
            "-Wall",
            "-Wextra",
            "-Werror",
            *INCLUDES,
            "-xc",
            "-c",
            "-",
        ],
        input="#include <graphlib_math.h>\n#include <graphlib_math.h>\n",
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
