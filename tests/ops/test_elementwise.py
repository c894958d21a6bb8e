"""Elementwise operations against numpy's and scipy's functions: special values, every dtype, broadcasting."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import special

import graphlib
import graphlib.tensor as T
from graphlib.errors import DomainError, DTypeError, ShapeError
from graphlib.ops import REGISTRY
from graphlib.ops.elementwise import ROWS

from .backends import BACKENDS, MODES, compiled

FLOATS = ("float32", "float64")
INTEGERS = ("int8", "int16", "int32", "int64", "uint8")


def log_erfc(x):
    with np.errstate(all="ignore"):
        return np.where(x < 0.5, np.log1p(-special.erf(x)), np.log(special.erfcx(x)) - np.square(x))


def round_half_away(x):
    return np.copysign(np.floor(np.abs(x) + 0.5), x)


#: operation -> (function of numpy or scipy, where float values are taken from)
EVERYWHERE, POSITIVE = (-6, 6), (0.05, 20)
UNARY = {
    "identity": (np.positive, EVERYWHERE),
    "neg": (np.negative, EVERYWHERE),
    "abs": (np.abs, EVERYWHERE),
    "sgn": (np.sign, EVERYWHERE),
    "sqr": (np.square, EVERYWHERE),
    "inv": (lambda x: 1 / x, EVERYWHERE),
    "sqrt": (np.sqrt, EVERYWHERE),
    "exp": (np.exp, (-110, 110)),
    "exp2": (np.exp2, (-160, 160)),
    "expm1": (np.expm1, (-110, 110)),
    "log": (np.log, EVERYWHERE),
    "log2": (np.log2, EVERYWHERE),
    "log10": (np.log10, EVERYWHERE),
    "log1p": (np.log1p, EVERYWHERE),
    "xlogx": (lambda x: special.xlogy(x, x), EVERYWHERE),
    "log1mexp": (lambda x: -np.abs(np.log(-np.expm1(x))), (-30, 0)),
    "sigmoid": (special.expit, (-120, 120)),
    "softplus": (lambda x: np.logaddexp(x, 0), (-120, 120)),
    "rectify": (lambda x: np.maximum(x, x.dtype.type(0)), EVERYWHERE),
    "tanh": (np.tanh, (-25, 25)),
    "sin": (np.sin, (-100, 100)),
    "cos": (np.cos, (-100, 100)),
    "tan": (np.tan, (-1.5, 1.5)),
    "sinh": (np.sinh, (-30, 30)),
    "cosh": (np.cosh, (-30, 30)),
    "arcsin": (np.arcsin, (-1.2, 1.2)),
    "arccos": (np.arccos, (-1.2, 1.2)),
    "arctan": (np.arctan, (-100, 100)),
    "arcsinh": (np.arcsinh, (-100, 100)),
    "arccosh": (np.arccosh, EVERYWHERE),
    "arctanh": (np.arctanh, (-1.2, 1.2)),
    "erf": (special.erf, EVERYWHERE),
    "erfc": (special.erfc, EVERYWHERE),
    "erfcx": (special.erfcx, (-5, 1e3)),
    "log_erfc": (log_erfc, (-5, 1e3)),
    "gammaln": (special.gammaln, POSITIVE),
    "psi": (special.psi, POSITIVE),
    "tri_gamma": (lambda x: special.polygamma(1, x), POSITIVE),
    "ceil": (np.ceil, EVERYWHERE),
    "floor": (np.floor, EVERYWHERE),
    "trunc": (np.trunc, EVERYWHERE),
    "round_half_to_even": (np.rint, EVERYWHERE),
    "round_half_away_from_zero": (round_half_away, EVERYWHERE),
    "isnan": (np.isnan, EVERYWHERE),
    "isinf": (np.isinf, EVERYWHERE),
    "invert": (np.invert, None),
}
BINARY = {
    "leaky_rectify": lambda a, b: np.where(a > 0, a, a * b),
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "true_div": np.true_divide,
    "floor_div": np.floor_divide,
    "mod": np.mod,
    "pow": np.power,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "arctan2": np.arctan2,
    "hypot": np.hypot,
    "logaddexp": np.logaddexp,
    "xlogy0": lambda x, y: np.where(x == 0, x.dtype.type(0), special.xlogy(x, y)),
    "eq": np.equal,
    "neq": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "and_": np.bitwise_and,
    "or_": np.bitwise_or,
    "xor": np.bitwise_xor,
    "left_shift": np.left_shift,
    "right_shift": np.right_shift,
}
#: which tests/test_special.py holds against scipy
OF_ORDERS = {"jv", "iv", "gammainc", "gammaincc"}
#: which tests/test_subnormals.py holds against numpy: it is for numbers up to 0 alone
OF_SOFTMAX = {"exp_up_to_0"}
BITWISE = {"invert", "and_", "or_", "xor", "left_shift", "right_shift"}

#: functions that a float32 rounds more than once on the way to, or that amplify the rounding of their input
ROUGH = {
    "tan": 4e-6,
    "gammaln": 4e-6,
    "psi": 4e-6,
    "tri_gamma": 4e-6,
    "pow": 1e-5,
    "arccosh": 4e-6,
    "arctanh": 4e-6,
    "mod": 1e-5,
}


def test_the_tables_name_every_row():
    assert {*UNARY, *BINARY, *OF_ORDERS, *OF_SOFTMAX, "switch"} == set(ROWS)


def assert_close(name, got, wanted, dtype):
    tolerance = {"float32": ROUGH.get(name, 1e-6), "float64": 2e-13}[dtype]
    smallest = {"float32": 1e-44, "float64": 1e-300}[dtype]
    np.testing.assert_allclose(
        got, wanted, rtol=tolerance, atol=max(smallest, tolerance * 1e-3), err_msg=name
    )
    # a zero keeps its sign
    zero = (wanted == 0) & (got == 0)
    assert np.array_equal(np.signbit(got[zero]), np.signbit(wanted[zero])), f"{name}: the sign of a zero"


def numbers(low, high, dtype):
    special_values = [
        0.0,
        -0.0,
        np.inf,
        -np.inf,
        np.nan,
        1.0,
        -1.0,
        0.5,
        1.5,
        2.5,
        -0.5,
        -2.5,
        1e-30,
        -1e-30,
        1e-6,
    ]
    inside = np.linspace(low, high, 57)
    edges = [v for v in special_values if low < 0 or v > 0 or np.isnan(v)]
    return np.concatenate([edges, inside]).astype(dtype)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("mode", MODES)
def test_unary_floats(mode, dtype):
    names = [n for n in UNARY if n not in BITWISE]
    arrays = [numbers(*UNARY[n][1], dtype) for n in names]
    inputs = [T.TensorType(dtype, (None,))(n) for n in names]
    results = compiled(mode, inputs, [ROWS[n](v) for n, v in zip(names, inputs, strict=True)])(*arrays)
    for name, array, got in zip(names, arrays, results, strict=True):
        with np.errstate(all="ignore"):
            wanted = UNARY[name][0](array.astype("float64"))
            wanted = wanted.astype(bool if wanted.dtype == bool else dtype)
        assert got.dtype == wanted.dtype
        if got.dtype == bool:
            assert np.array_equal(got, wanted), name
        else:
            assert_close(name, got, wanted, dtype)


def pairs(dtype):
    """All pairs of some values, special ones among them, as two vectors."""
    special_values = [0.0, -0.0, 1.0, -1.0, 2.0, 3.0, 0.5, -2.5, 7.25, -3.0, np.inf, -np.inf, np.nan]
    a, b = np.meshgrid(np.array(special_values, dtype), np.array(special_values, dtype))
    return a.ravel(), b.ravel()


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("mode", MODES)
def test_binary_floats(mode, dtype):
    a, b = pairs(dtype)
    x, y = T.TensorType(dtype, (None,))("x"), T.TensorType(dtype, (None,))("y")
    names = [n for n in BINARY if n not in BITWISE]
    for name, got in zip(names, compiled(mode, [x, y], [ROWS[n](x, y) for n in names])(a, b), strict=True):
        with np.errstate(all="ignore"):
            wanted = BINARY[name](a, b)
        assert got.dtype == wanted.dtype, name
        if got.dtype == bool:
            assert np.array_equal(got, wanted), name
        elif name in ("maximum", "minimum"):
            # which of two equal zeros is the greater is not said
            np.testing.assert_array_equal(got, wanted, err_msg=name)
        else:
            assert_close(name, got, wanted, dtype)


def integer_pairs(dtype):
    limits = np.iinfo(dtype)
    some = [limits.min, limits.min + 1, -7, -2, -1, 0, 1, 2, 3, 7, 11, limits.max - 1, limits.max]
    some = np.array([v for v in some if limits.min <= v], dtype)
    a, b = np.meshgrid(some, some)
    return a.ravel(), b.ravel()


#: what is computed in floatX for integers too
FLOATING = {n for n in {*UNARY, *BINARY} if "int8" not in REGISTRY[n].samples()[0].dtypes}


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("mode", MODES)
def test_unary_integers_wrap_around(mode, dtype):
    x = T.TensorType(dtype, (None,))("x")
    values = np.unique(np.concatenate(integer_pairs(dtype)))
    names = [n for n in UNARY if n not in FLOATING]
    assert {"neg", "abs", "sgn", "sqr", "invert"} <= set(names)
    for name, got in zip(names, compiled(mode, [x], [ROWS[n](x) for n in names])(values), strict=True):
        with np.errstate(all="ignore"):
            wanted = UNARY[name][0](values)
        assert got.dtype == dtype, name
        assert np.array_equal(got, wanted), name


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("mode", MODES)
def test_binary_integers_wrap_around(mode, dtype):
    """Also the one quotient that overflows."""
    x, y = T.TensorType(dtype, (None,))("x"), T.TensorType(dtype, (None,))("y")
    a, b = integer_pairs(dtype)
    names = [n for n in BINARY if n not in FLOATING and n != "pow"]
    assert {"add", "mul", "floor_div", "mod", "and_", "maximum", "lt"} <= set(names)
    divided = {"floor_div", "mod"}
    outputs = [ROWS[n](x, T.switch(T.eq(y, 0), 1, y) if n in divided else y) for n in names]
    for name, got in zip(names, compiled(mode, [x, y], outputs)(a, b), strict=True):
        with np.errstate(all="ignore"):
            wanted = BINARY[name](a, np.where(b == 0, b.dtype.type(1), b) if name in divided else b)
        assert got.dtype == wanted.dtype, name
        assert np.array_equal(got, wanted), name


@pytest.mark.parametrize("mode", MODES)
def test_integer_powers(mode):
    inputs = [T.TensorType(d, (None,))() for d in INTEGERS for _ in range(2)]
    bases, exponents = (a.ravel() for a in np.meshgrid([0, 1, 2, 3, 5, 11], [0, 1, 2, 3, 7]))
    arrays = [a.astype(d) for d in INTEGERS for a in (bases, exponents)]
    results = compiled(mode, inputs, [x**y for x, y in zip(inputs[::2], inputs[1::2], strict=True)])(*arrays)
    for got, a, b in zip(results, arrays[::2], arrays[1::2], strict=True):
        assert np.array_equal(got, np.power(a, b)) and got.dtype == a.dtype


@pytest.mark.parametrize("mode", MODES)
def test_integers_are_floatX_in_floating_functions(mode):
    x = T.TensorType("int16", (None,))("x")
    array = np.arange(1, 9, dtype="int16")
    for name, got in zip(
        ("exp", "sqrt", "tanh", "floor"),
        compiled(mode, [x], [T.exp(x), T.sqrt(x), T.tanh(x), T.floor(x)])(array),
        strict=True,
    ):
        assert got.dtype == "float32"
        np.testing.assert_allclose(got, getattr(np, name)(array.astype("float32")), rtol=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_bools(mode):
    """Arithmetic on bools is done in int8; comparisons and logic give bools."""
    x, y = T.TensorType("bool", (None,))("x"), T.TensorType("bool", (None,))("y")
    a, b = np.array([False, False, True, True]), np.array([False, True, False, True])
    table = {
        "x + y": (x + y, a.astype("int8") + b),
        "x - y": (x - y, a.astype("int8") - b),
        "x * y": (x * y, a.astype("int8") * b),
        "-x": (-x, -a.astype("int8")),
        "x & y": (x & y, a & b),
        "x | y": (x | y, a | b),
        "x ^ y": (x ^ y, a ^ b),
        "~x": (~x, ~a),
        "x << y": (x << y, np.left_shift(a, b)),
        "x >> y": (x >> y, np.right_shift(a, b)),
        "x < y": (x < y, a < b),
        "x >= y": (x >= y, a >= b),
        "eq": (T.eq(x, y), a == b),
        "neq": (T.neq(x, y), a != b),
        "maximum": (T.maximum(x, y), a | b),
        "minimum": (T.minimum(x, y), a & b),
        "x / y": (x / y, np.array([np.nan, 0, np.inf, 1], "float32")),
        "switch": (T.switch(x, y, ~y), np.where(a, b, ~b)),
    }
    results = compiled(mode, [x, y], [v for v, _ in table.values()])(a, b)
    for what, (_, wanted), got in zip(table, table.values(), results, strict=True):
        assert got.dtype == wanted.dtype, what
        np.testing.assert_array_equal(got, wanted, err_msg=what)


@pytest.mark.parametrize("mode", MODES)
def test_switch_and_clip(mode):
    c, x, y = T.bvector("c"), T.fvector("x"), T.dvector("y")
    outputs = [T.switch(c, x, y), T.where(x > 0, x, 0), T.switch(x, 1, 2), T.clip(x, -1, 1), x.clip(0.5, y)]
    a = np.array([0, 1, -3], "int8"), np.array([2.0, 0.0, np.nan], "float32"), np.array([0.6, 5, 6])
    results = compiled(mode, [c, x, y], outputs)(*a)
    wanted = [
        np.array([0.6, 0.0, np.nan]),
        np.array([2.0, 0, 0], "float32"),
        np.array([1, 2, 1], "int64"),
        np.array([1.0, 0, np.nan], "float32"),
        np.array([0.6, 0.5, np.nan]),
    ]
    for got, want in zip(results, wanted, strict=True):
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("mode", MODES)
def test_cast_between_all_dtypes(mode):
    """Toward zero from floats, modulo 2**n among integers; true is 1 and all but 0 is true (NaN too)."""
    names = ("bool", *INTEGERS, *FLOATS)
    arrays = {d: np.array([-3, -1, 0, 1, 5, 100, 127]).astype(d) for d in INTEGERS if d != "uint8"}
    arrays |= {"bool": np.array([False, True]), "uint8": np.array([0, 1, 100, 200, 255], "uint8")}
    arrays |= {d: np.array([0.0, 0.9, 1.0, 2.7, 100.5, 127.0], d) for d in FLOATS}
    inputs = {d: T.TensorType(d, (None,))(d) for d in names}
    pairs_of_dtypes = [(a, b) for a in names for b in names]
    results = compiled(mode, list(inputs.values()), [T.cast(inputs[a], b) for a, b in pairs_of_dtypes])(
        *(arrays[d] for d in names)
    )
    for (a, b), got in zip(pairs_of_dtypes, results, strict=True):
        assert got.dtype == b
        assert np.array_equal(got, arrays[a].astype(b)), f"{a} to {b}"
    x = T.dvector("x")
    truth, whole = compiled(mode, [x], [T.cast(x, "bool"), T.cast(T.switch(T.isnan(x), 0, x), "int32")])(
        np.array([np.nan, -0.0, -0.5, -2.9])
    )
    assert truth.tolist() == [True, False, True, True] and whole.tolist() == [0, 0, 0, -2]


# broadcasting

SHAPES = hnp.mutually_broadcastable_shapes(num_shapes=3, max_dims=4, min_side=0, max_side=4)


def typed(shape, dtype="float64", known=False):
    """A variable for arrays of the shape; what broadcasts must be known to be 1."""
    return T.TensorType(dtype, [n if known or n == 1 else None for n in shape])()


@settings(max_examples=150, deadline=None, derandomize=True)
@given(SHAPES, st.booleans(), st.randoms(use_true_random=False))
def test_random_shapes_broadcast_as_in_numpy(shapes, known, random):
    draw = np.random.RandomState(random.randrange(2**31))
    a, b, c = (draw.randint(-4, 5, s) * 0.5 for s in shapes.input_shapes)
    x, y, z = (typed(s, known=known) for s in shapes.input_shapes)
    outputs = [x + y * z, T.switch(x > y, y, z), T.maximum(x, z), T.eq(x, y), x - 2]
    wanted = [a + b * c, np.where(a > b, b, c), np.maximum(a, c), a == b, a - 2]
    for got, variable, want in zip(
        compiled("reference", [x, y, z], outputs)(a, b, c), outputs, wanted, strict=True
    ):
        assert got.dtype == want.dtype and variable.type.accepts_shape(want.shape)
        np.testing.assert_array_equal(got, want)


#: which axes of the three operands broadcast: True
PATTERNS = [
    ((False,), (False,), ()),
    ((False, False), (False,), (True, False)),
    ((False, True), (True, False), (True,)),
    ((False, False, False), (True, False), (False, True, True)),
    ((True, True), (False, False, True), (False,)),
    ((), (True, False, True, False), (False, False, True)),
]


@pytest.mark.parametrize("backend", BACKENDS)
def test_random_shapes_broadcast_on_backends(backend):
    """One compiled function serves every length; hypothesis draws them."""
    inputs = [[T.TensorType("float32", p)() for p in pattern] for pattern in PATTERNS]
    outputs = [[x + y * z, T.switch(x > y, y, z), T.exp(x) - y, T.le(z, y)] for x, y, z in inputs]
    function = compiled(backend, [v for row in inputs for v in row], [v for row in outputs for v in row])

    @settings(max_examples=40, deadline=None, derandomize=True)
    @given(st.lists(st.integers(0, 5) | st.integers(15, 19), min_size=4, max_size=4), st.integers(0, 2**31))
    def check(lengths, seed):
        draw = np.random.RandomState(seed)
        arrays = []
        for pattern in PATTERNS:
            for axes in pattern:
                # right-aligned, so that the same axis has the same length in all three
                shape = [
                    1 if broadcasts else n
                    for broadcasts, n in zip(axes, lengths[4 - len(axes) :], strict=True)
                ]
                arrays.append((draw.randint(-4, 5, shape) * 0.5).astype("float32"))
        results = iter(function(*arrays))
        for k in range(len(PATTERNS)):
            a, b, c = arrays[3 * k : 3 * k + 3]
            for want in (a + b * c, np.where(a > b, b, c), np.exp(a) - b, c <= b):
                got = next(results)
                assert got.dtype == want.dtype and got.shape == want.shape
                np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)

    check()


@pytest.mark.parametrize("mode", MODES)
def test_a_length_of_1_that_is_not_known_does_not_broadcast(mode):
    """A wrong shape is an error, not a silent outer product."""
    x, y = T.matrix("x"), T.matrix("y")
    function = compiled(mode, [x, y], x + y)
    wide = np.ones((3, 4), "float32")
    assert function(wide, wide).shape == (3, 4)
    for narrow in (wide[:1], wide[:, :1]):
        with pytest.raises(ShapeError) as error:
            function(wide, narrow)
        assert (
            "x float32(?, ?)" in str(error.value)
            and "y float32(?, ?)" in str(error.value)
            and "test_elementwise.py" in str(error.value)
        )


@pytest.mark.parametrize("name", sorted(BITWISE))
def test_bitwise_operations_take_no_floats(name):
    x = T.fvector("measured")
    with pytest.raises(DTypeError, match="measured float32"):
        ROWS[name](*[x] * ROWS[name].arity)


def test_wrong_number_of_operands():
    with pytest.raises(TypeError, match=r"T\.exp takes 1 operand, got 2"):
        T.exp(T.vector(), T.vector())
    with pytest.raises(TypeError, match=r"T\.sub takes 2 operands, got 1"):
        T.sub(T.vector())


# integers that have no quotient or power


DIVIDED = np.array([7, 8, -9], "int32")


def fails(mode, inputs, outputs, arguments, **kwargs):
    """The error of a call, whose message names a line of this file."""
    function = compiled(mode, inputs, outputs, **kwargs)
    with pytest.raises((ZeroDivisionError, DomainError)) as error:
        function(*arguments)
    assert "test_elementwise.py" in str(error.value)
    return type(error.value)


@pytest.mark.parametrize("mode", MODES)
def test_an_integer_divided_by_zero_fails_the_call(mode):
    """As in Theano, alone and in what is fused, in lengths, indices and loops; nothing was updated before."""
    v, w, j, x = T.ivector("v"), T.ivector("w"), T.lscalar("j"), T.fvector("x")
    step, _ = graphlib.scan(lambda a: a // j, v)
    ones = np.ones(4, "float32")
    for outputs, divisors in [
        ([v // w, v % w], ([1, 0, 2], 1)),
        ((T.sqr(v // j) + v).sum(), ([1, 1, 1], 0)),
        (v // 0, ([1, 1, 1], 1)),
        ([T.zeros(12 // j), x[: 4 // j], x[4 % j]], ([1, 1, 1], 0)),
        (x[v % w], ([1, 0, 3], 1)),
        (step, ([1, 1, 1], 0)),
        (v.astype("uint8") // w.astype("uint8"), ([1, 0, 2], 1)),
    ]:
        error = fails(mode, [v, x, w, j], outputs, [DIVIDED, ones, *divisors])
        assert error is ZeroDivisionError
    s, t = (graphlib.shared(np.array([1, 2, 3], "int32")) for _ in range(2))
    updates = [(s, T.inc_subtensor(s[v % w], 1) - s // w), (t, t + 1)]
    function = compiled(mode, [v, w], [], updates=updates)
    with pytest.raises(ZeroDivisionError):
        function(DIVIDED, [1, 0, 2])
    assert s.get_value().tolist() == t.get_value().tolist() == [1, 2, 3]
    function(DIVIDED, [1, 2, 3])
    assert t.get_value().tolist() == [2, 3, 4]


@pytest.mark.parametrize("mode", MODES)
def test_what_is_divided_by_zero_in_no_case_is_no_error(mode):
    v, w, x, n = T.ivector("v"), T.ivector("w"), T.fvector("x"), T.lscalar("n")
    safe = T.switch(T.eq(w, 0), 0, v // T.switch(T.eq(w, 0), 1, w))
    least = np.iinfo("int32").min
    outputs = [safe, v // w.clip(-1, -1), v % w.clip(-1, -1), T.repeat(x, n), T.tile(x, 2), x / 0]
    got = compiled(mode, [v, w, x, n], outputs)(
        np.array([7, least], "int32"), [2, 0], np.zeros(0, "float32"), 0
    )
    assert [r.tolist() for r in got] == [[3, 0], [-7, least], [0, 0], [], [], []]


@pytest.mark.parametrize("mode", MODES)
def test_an_integer_has_no_negative_power(mode):
    """numpy's error; a float base has them."""
    v, w = T.ivector("v"), T.ivector("w")
    assert fails(mode, [v, w], v**-1, [DIVIDED, [0]]) is DomainError
    assert fails(mode, [v, w], (v**w).sum() + 1, [DIVIDED, [1, -2, 0]]) is DomainError
    assert issubclass(DomainError, ValueError)
    got = compiled(mode, [v, w], [v**w, v.astype("float64") ** w])(DIVIDED, [1, 2, 0])
    assert got[0].tolist() == [7, 64, 1] and got[1].tolist() == [7, 64, 1]


@pytest.mark.parametrize("mode", MODES)
def test_the_absolute_value_of_what_wraps_around(mode):
    u, i = T.TensorType("uint8", (None,))("u"), T.TensorType("int8", (None,))("i")
    got = compiled(mode, [u, i], [abs(-u), abs(-i), abs(abs(-i))])(
        np.array([3, 0, 250], "uint8"), np.array([3, -128, -5], "int8")
    )
    assert [r.tolist() for r in got] == [[253, 0, 6], [3, -128, 5], [3, -128, 5]]
