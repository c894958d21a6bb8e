"""The formulas of the reference, computed as they are written and held against what the operations give."""

import re

import mpmath
import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from docs.site import operations
from docs.site.examples import example_of
from docs.site.formulas import FORMULAS, GRADIENTS
from graphlib.ops import REGISTRY

from . import tex

RNG = np.random.RandomState(8)


def drawn(*shape):
    return np.round(RNG.normal(size=shape), 2)


VECTOR = drawn(4)
#: other operands than the example's, which say more: the call, its operands, and what else the formula names
CALLS = {
    **{
        name: (f"T.{name}(x)", {"x": VECTOR}, {})
        for name in ("sum", "prod", "max", "min", "cumsum", "cumprod")
    },
    **{name: (f"T.{name}(x)", {"x": VECTOR}, {}) for name in ("argmax", "argmin")},
    "dot": ("T.dot(x, y)", {"x": drawn(2, 3), "y": drawn(3, 4)}, {}),
    "batched_dot": ("T.batched_dot(x, y)", {"x": drawn(2, 2, 3), "y": drawn(2, 3, 2)}, {}),
    "matrix_power": ("T.nlinalg.matrix_power(a, 3)", {"a": drawn(2, 2)}, {"n": 3}),
    "kron": ("T.slinalg.kron(x, y)", {"x": drawn(2, 3), "y": drawn(3, 2)}, {"p": 3, "q": 2}),
    "conv2d": ("T.nnet.conv2d(x, w)", {"x": drawn(2, 2, 4, 3), "w": drawn(3, 2, 2, 3)}, {"U": 2, "V": 3}),
    "conv2d_transpose": (
        "T.nnet.conv2d_transpose(x, w, output_shape=(2, 2, 4, 4))",
        {"x": drawn(2, 3, 3, 2), "w": drawn(3, 2, 2, 3)},
        {"U": 2, "V": 3},
    ),
    "matmul": ("T.matmul(x, y)", {"x": drawn(2, 2, 3), "y": drawn(2, 3, 2)}, {}),
    **{name: (f"T.{name}(x)", {"x": np.array([1, 0, 2])}, {}) for name in ("all", "any")},
    "broadcast_to": ("T.broadcast_to(x, (2, 3))", {"x": drawn(3)}, {}),
    "arange": ("T.arange(2, 10, 3)", {}, {"a": 2, "s": 3}),
    "eye": ("T.eye(2, 3, k=1)", {}, {"k": 1}),
    "take": ("T.take(x, [1, 1, 0], axis=0)", {"x": drawn(2, 2)}, {"k": np.array([1, 1, 0])}),
    "repeat": ("T.repeat(x, 2, axis=1)", {"x": drawn(2, 3)}, {"n": 2}),
    "tile": ("T.tile(x, (1, 2))", {"x": drawn(2, 3)}, {"m": 3}),
    "tensordot": ("T.tensordot(x, y, axes=[[0], [1]])", {"x": drawn(3, 2), "y": drawn(4, 3)}, {}),
    "lstsq": ("T.nlinalg.lstsq(a, b)[0]", {"a": drawn(4, 2), "b": drawn(4)}, {}),
    "conv2d_grad_wrt_inputs": (
        "T.nnet.conv2d_grad_wrt_inputs(g_out, w, input_shape=(2, 2, 4, 3))",
        {"g_out": drawn(2, 3, 3, 1), "w": drawn(3, 2, 2, 3)},
        {"U": 2, "V": 3},
    ),
    "conv2d_grad_wrt_weights": (
        "T.nnet.conv2d_grad_wrt_weights(x, g_out, filter_shape=(3, 2, 2, 3))",
        {"x": drawn(2, 2, 4, 3), "g_out": drawn(2, 3, 3, 1)},
        {"U": 2, "V": 3},
    ),
    "conv3d": (
        "T.nnet.conv3d(x, w)",
        {"x": drawn(1, 2, 3, 2, 3), "w": drawn(2, 2, 2, 1, 2)},
        {"T": 2, "U": 1, "V": 2},
    ),
    "separable_conv2d": (
        "T.nnet.separable_conv2d(x, depthwise, pointwise, num_channels=2)",
        {"x": drawn(1, 2, 3, 3), "depthwise": drawn(2, 1, 2, 1), "pointwise": drawn(3, 2, 1, 1)},
        {"U": 2, "V": 1},
    ),
    "causal_conv1d": (
        "T.nnet.causal_conv1d(x, w, filter_shape=(2, 2, 3))",
        {"x": drawn(1, 2, 4), "w": drawn(2, 2, 3)},
        {},
    ),
    "pool_2d": (
        "T.signal.pool.pool_2d(x, (2, 3), ignore_border=True)",
        {"x": drawn(1, 2, 4, 6)},
        {"U": 2, "V": 3},
    ),
    "rfft": ("T.fft.rfft(x)", {"x": drawn(2, 6)}, {"N": 6}),
    "softmax": ("T.nnet.softmax(x)", {"x": drawn(2, 3)}, {}),
    "logsoftmax": ("T.nnet.logsoftmax(x)", {"x": drawn(2, 3)}, {}),
    "elu": ("T.nnet.elu(x, 0.7)", {"x": VECTOR}, {"alpha": 0.7}),
    "categorical_crossentropy": (
        "T.nnet.categorical_crossentropy(p, [2, 0])",
        {"p": np.array([[0.2, 0.3, 0.5], [0.1, 0.6, 0.3]])},
        {"t": np.array([2, 0])},
    ),
    "batch_normalization_train": (
        "T.nnet.batch_normalization_train(x, gamma, beta)[0]",
        {"x": drawn(3, 2), "gamma": drawn(2), "beta": drawn(2)},
        {"N": 3, "varepsilon": 1e-4},
    ),
    "batch_normalization_test": (
        "T.nnet.batch_normalization_test(x, gamma, beta, mean, var)",
        {"x": drawn(3, 2), "gamma": drawn(2), "beta": drawn(2), "mean": drawn(2), "var": drawn(2) ** 2},
        {"varepsilon": 1e-4},
    ),
}
#: the precision to which constants are written
COARSE = {"selu": 1e-5}


def call(name):
    """The result of an operation by NumPy, its operands, and what else its formula names."""
    entry = REGISTRY[name]
    example = example_of(name, operations.arity_of(entry))
    text, operands, more = CALLS.get(name, (example.expression, example.operands, {}))
    values = {
        each: np.asarray(value, None if np.asarray(value).dtype.kind in "iubc" else "float64")
        for each, value in operands.items()
    }
    names = {"T": T, "np": np}
    variables = {
        each: T.TensorType(value.dtype.name, (None,) * value.ndim)(each) for each, value in values.items()
    }
    made = eval(text, {**names, **variables})
    return variables, made, values, more


def computed(variables, made, values):
    function = graphlib.function(list(variables.values()), made, mode="reference", on_unused_input="ignore")
    found = function(*values.values())
    return found if isinstance(found, list) else np.asarray(found)


def close(found, wanted, name):
    """Whether a number of mpmath's is the one that NumPy has."""
    if np.iscomplexobj(wanted):
        return np.isclose(complex(found), wanted, rtol=1e-9)
    found = mpmath.nan if isinstance(found, mpmath.mpc) else found
    wanted = float(wanted) if isinstance(wanted, mpmath.mpf) else wanted
    if isinstance(wanted, (int, np.integer, np.bool_)):
        return np.asarray(int(found)).astype(np.asarray(wanted).dtype) == wanted
    return np.isclose(float(found), wanted, rtol=COARSE.get(name, 1e-9), atol=1e-11, equal_nan=True)


def elementwise(name):
    """The operands and results of a function of numbers: those of the example, and of the samples."""
    entry = REGISTRY[name]
    names = operations.signature_of(entry).split(", ")
    inputs = [(sample.inputs, sample.dtypes[-1]) for sample in entry.samples()]
    operands = example_of(name, operations.arity_of(entry)).operands
    if list(operands) == names:
        inputs.append(([np.asarray(each) for each in operands.values()], "int64"))
    for arrays, dtype in inputs:
        arrays = np.broadcast_arrays(*arrays)
        if entry.build.rule == "logical":
            arrays = [array.astype(dtype) for array in arrays]
        with np.errstate(all="ignore"):
            wanted = entry.build.numpy(*arrays)
        for place in np.ndindex(wanted.shape):
            values = [array[place] for array in arrays]
            if all(np.isfinite(values)) or name in ("isnan", "isinf"):
                yield dict(zip(names, values, strict=True)), wanted[place]


def check(name, formula, known, result):
    """Holds a formula against a result, in the way in which it is written."""
    if "\\text{ with } " in formula:
        names = formula.partition(" \\text{ with } ")[0].split(", ")
        results = result if isinstance(result, list) else [result]
        assert tex.holds(formula, {**known, **dict(zip(names, results, strict=True))}), formula
    elif re.match(r"[yz]_|\\frac\{\\partial\}", formula):
        array = "d" if formula[0] == "\\" else formula[0]
        pairs = list(tex.sides(formula, {**known, array: result}))
        assert len(pairs) >= result.size
        assert all(close(right, left, name) for left, right in pairs), (formula, pairs)
    elif operations.page_of(REGISTRY[name]) in ("nnet", "special", "complex"):  # element by element
        for place in np.ndindex(result.shape):
            scalars = {each: v[place] if isinstance(v, np.ndarray) else v for each, v in known.items()}
            assert close(tex.value(formula, scalars), result[place], name), (formula, scalars)
    else:
        found = np.asarray(tex.value(formula, known), float)
        np.testing.assert_allclose(found, result, rtol=1e-9, err_msg=formula)


@pytest.mark.parametrize("name", FORMULAS)
def test_formulas_say_what_operations_compute(name):
    formula = FORMULAS[name]
    if operations.arity_of(REGISTRY[name]) is None:
        variables, made, operands, more = call(name)
        check(name, formula, {**operands, **more}, computed(variables, made, operands))
        return
    pairs = list(elementwise(name))
    assert len(pairs) >= 3
    for known, wanted in pairs:
        words = {"where the condition holds": known.get("condition", 0)}
        assert close(tex.value(formula, {**known, **words}), wanted, name), (formula, known, wanted)


@pytest.mark.parametrize("name", GRADIENTS)
def test_formulas_of_gradients(name):
    by, formula = GRADIENTS[name]
    variables, made, operands, more = call(name)
    given = T.TensorType("float64", (None,) * made.ndim)("g")
    gradient = graphlib.Lop(made, variables[by], given)
    g = drawn(*computed(variables, made, operands).shape)
    result = computed({**variables, "g": given}, gradient, {**operands, "g": g})
    check(name, formula, {**operands, **more, "g": g}, result)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("log1mexp", "1 - e^x", "1 + e^x"),
        ("mod", r"\lfloor \frac{x}{y} \right\rfloor", r"\lceil \frac{x}{y} \right\rceil"),
        ("ge", r"\ge", ">"),
        ("erf", "-t^2", "-t^3"),
        ("jv", "v + k + 1", "v + k"),
        ("xlogx", "x > 0", "x > 1"),
        ("cumsum", r"j \le i", "j < i"),
        ("dot", "y_{kj}", "y_{jk}"),
        ("kron", "ip + r", "iq + r"),
        ("conv2d", "- 1 - u", "+ u"),
        ("softmax", "x_{ik}", "x_{kj}"),
        ("batch_normalization_train", r"(x_{ij} - \mu_j)^2", r"x_{ij}^2"),
        ("solve", "a y = b", "y a = b"),
        ("cholesky", r"L L^\top", r"L^\top L"),
    ],
)
def test_a_wrong_formula_is_noticed(monkeypatch, name, old, new):
    assert old in FORMULAS[name]
    monkeypatch.setitem(FORMULAS, name, FORMULAS[name].replace(old, new))
    with pytest.raises((AssertionError, tex.TexError, IndexError)):
        test_formulas_say_what_operations_compute(name)


@pytest.mark.parametrize("formula", ["x +", r"\frac{x}", r"\foo x", "(x", "x)", r"\sin", r"q", "x_i"])
def test_what_is_no_formula_is_an_error(formula):
    with pytest.raises((tex.TexError, IndexError, ValueError)):
        tex.value(formula, {"x": 1.0})
