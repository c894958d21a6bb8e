"""Bad input, and what graphlib says to it: every message names the user's variable and the line that made it.

Read from top to bottom these are the mistakes that a user makes, and the words in which they come back.
"""

import inspect
import re

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.errors import (
    BackendMismatch,
    DisconnectedInputError,
    DTypeError,
    GradientError,
    GraphError,
    InputError,
    NanError,
    ShapeError,
)
from graphlib.graph import TensorType
from graphlib.ops import Op
from graphlib.scalar import expression as ex
from graphlib.scalar.lowered import Pull
from tests.ops.backends import BACKENDS, MODES, compiled

COMPILED = [name for name, (settings, _) in BACKENDS.items() if settings["mode"] == "fast_run"]


def line():
    """The line this is called from, as messages write it."""
    frame = inspect.currentframe().f_back
    return f'File "{__file__}", line {frame.f_lineno}'


def says(error, *parts):
    text = str(error.value)
    for part in parts:
        assert part in text, f"{part!r} is not in: {text}"


def checking(backend, mode):
    """The settings under which a backend runs in one of the checking modes."""
    settings, available = BACKENDS[backend]
    if not available():
        pytest.skip(f"this machine cannot run the backend {backend}")
    return {**settings, "mode": mode}


def ones(*shape):
    return np.ones(shape, "float32")


# building


def test_wrong_shapes_while_the_graph_is_built():
    pixels, here = T.matrix("pixels", shape=(None, 784)), line()
    W, there = graphlib.shared(ones(500, 10), "W", shape=(500, 10)), line()
    with pytest.raises(ShapeError) as error:
        T.dot(pixels, W)
    says(
        error,
        "the last axis of pixels float32(?, 784)",
        here,
        "has length 784",
        "W float32(500, 10)",
        there,
        "500",
    )
    with pytest.raises(ShapeError) as error:
        W + T.vector("b", shape=(7,))
    says(error, "lengths 10 and 7 do not fit in axis -1", "W", there, "b float32(7,)", line()[:-1])


def test_a_wrong_dtype_while_the_graph_is_built():
    labels, here = T.vector("labels"), line()
    with pytest.raises(DTypeError) as error:
        T.matrix("p")[T.arange(3), labels]
    says(error, "an index must be of integers or bools, not labels float32(?,)", here)
    with pytest.raises(DTypeError) as error:
        T.and_(labels, 1)
    says(error, "takes bools or integers, not labels float32(?,)", here)


def test_a_comparison_has_no_truth():
    a, here = T.scalar("a"), line()
    for build in (lambda: 1 if a > 0 else 2, lambda: 0 < a < 1, lambda: not T.eq(a, 1)):
        with pytest.raises(TypeError) as error:
            build()
        says(error, "is symbolic and has no truth value", "T.switch", "(a, ")
    with pytest.raises(TypeError) as error:
        float(a)
    says(error, "a float32()", here, ".eval()")


# differentiating


def test_a_gradient_through_argmax():
    scores = T.matrix("scores")
    choice, here = T.argmax(scores, axis=1), line()
    choice.name = "choice"
    with pytest.raises(GradientError) as error:
        graphlib.grad(T.cast(choice, "float32").mean(), scores)
    says(error, "no gradient exists through argmax", "choice int64(?,)", here, "T.consider_constant")


def test_a_gradient_by_what_the_cost_does_not_need():
    x = T.vector("x")
    bias, here = graphlib.shared(ones(3), "bias"), line()
    cost, there = (x**2).sum(), line()
    cost.name = "cost"
    with pytest.raises(DisconnectedInputError) as error:
        graphlib.grad(cost, [x, bias])
    says(error, "the cost cost float32()", there, "does not depend on bias float32(3,)", here)


def test_a_gradient_of_what_is_no_scalar():
    x = T.vector("x")
    loss, here = x**2, line()
    loss.name = "loss"
    with pytest.raises(GradientError) as error:
        graphlib.grad(loss, x)
    says(error, "the cost must be a scalar, not loss float32(?,)", here, ".sum() or .mean()")


# compiling


def test_an_input_that_nothing_needs():
    x, (y, here) = T.matrix("x"), (T.ivector("y"), line())
    with pytest.raises(InputError) as error:
        graphlib.function([x, y], x * 2, name="predict")
    says(
        error,
        "function predict (test_errors.py:",
        "needs the input y (y int32(?,)",
        here,
        "on_unused_input='ignore'",
    )


def test_an_input_that_is_missing():
    x, (y, here) = T.matrix("x"), (T.ivector("y"), line())
    with pytest.raises(InputError) as error:
        graphlib.function([x], x[y])
    says(error, "the outputs depend on y int32(?,)", here, "which is no input", "givens")


def test_an_update_of_what_is_not_shared():
    x, here = T.vector("x"), line()
    with pytest.raises(InputError) as error:
        graphlib.function([x], x, updates=[(x, x + 1)])
    says(error, "only shared variables can be updated, not x float32(?,)", here)


def test_two_updates_of_one_variable():
    W, here = graphlib.shared(ones(2), "W"), line()
    with pytest.raises(InputError) as error:
        graphlib.function([], updates=[(W, W + 1), (W, W * 2)])
    says(error, "W float32(2,)", here, "is updated twice")


def test_an_update_of_another_type():
    W, here = graphlib.shared(ones(2), "W"), line()
    step = T.dvector("step")
    with pytest.raises(DTypeError) as error:
        graphlib.function([step], updates=[(W, W - step)])
    says(
        error,
        "the update of W float32(2,)",
        here,
        "is of dtype float64",
        "step) float64(?,)",
        ".astype('float32')",
    )
    V, there = graphlib.shared(ones(2), "V", shape=(2,)), line()
    with pytest.raises(ShapeError) as error:
        graphlib.function([], updates=[(V, T.zeros((3,)))])
    says(error, "the update of V float32(2,)", there, "has another shape", "float32(3,)")


# calling


@pytest.mark.parametrize("mode", MODES)
def test_a_value_of_a_wrong_shape(mode):
    x, here = T.matrix("x"), line()
    f = compiled(mode, [x], x * 2, name="double")
    with pytest.raises(ShapeError) as error:
        f(ones(3))
    says(
        error,
        "function double",
        "the value for input x (x float32(?, ?), made at",
        here,
        "has shape (3,), expected (?, ?)",
    )


@pytest.mark.parametrize("mode", MODES)
def test_values_whose_shapes_do_not_fit_together(mode):
    x, here = T.matrix("x"), line()
    W, there = graphlib.shared(ones(4, 3), "W"), line()
    f = compiled(mode, [x], T.dot(x, W))
    with pytest.raises(ShapeError) as error:
        f(ones(2, 5))
    says(error, "x float32(?, ?)", here, "5", "W float32(4, 3)", there, "4")
    y, where = T.matrix("y"), line()
    g = compiled(mode, [x, y], T.exp(x) + y)
    with pytest.raises(ShapeError) as error:
        g(ones(2, 5), ones(2, 4))
    says(error, "exp(x)", "has length 5", "of y float32(?, ?)", where, "4")
    assert "broadcasts" not in str(error.value)
    # a length of 1 of which the graph does not know: what a NumPy user would expect to broadcast
    with pytest.raises(ShapeError) as error:
        g(ones(2, 5), ones(2, 1))
    says(error, "y float32(?, ?)", "a length of 1 broadcasts only where it is known", "T.addbroadcast")


@pytest.mark.parametrize("mode", MODES)
def test_a_value_of_a_wrong_dtype(mode):
    x, here = T.matrix("x"), line()
    f = compiled(mode, [x], x * 2)
    with pytest.raises(DTypeError) as error:
        f(np.ones((2, 2)))
    says(
        error,
        "input x (x float32(?, ?)",
        here,
        "is of dtype float64, expected float32",
        "astype('float32')",
        "allow_input_downcast",
    )


@pytest.mark.parametrize("mode", MODES)
def test_a_name_that_no_input_has(mode):
    index = T.lscalar("index")
    f = compiled(mode, [index], index + 1, name="train")
    with pytest.raises(InputError) as error:
        f(indx=3)
    says(error, "function train (backends.py:", "has no input called 'indx'; its inputs are: index")


@pytest.mark.parametrize("mode", MODES)
def test_an_index_out_of_range(mode):
    p, y = T.matrix("p"), T.ivector("y")
    picked, here = T.log(p)[T.arange(y.shape[0]), y], line()
    f = compiled(mode, [p, y], picked.sum())
    with pytest.raises(IndexError) as error:
        f(ones(2, 3), [0, 3])
    says(error, "3", here)


def test_a_value_a_shared_variable_does_not_take():
    W, here = graphlib.shared(ones(2, 3), "W", shape=(2, 3)), line()
    with pytest.raises(ShapeError) as error:
        W.set_value(ones(3, 2))
    says(error, "set_value: the value for W float32(2, 3)", here, "has shape (3, 2), expected (2, 3)")


# NaN


@pytest.mark.parametrize("backend", COMPILED)
def test_check_nan_names_the_operation_and_the_line(backend):
    x, w = T.vector("x"), graphlib.shared(ones(3), "w")
    with graphlib.config.change(**checking(backend, "check_nan")):
        root, here = T.sqrt(x), line()
        root.name = "root"
        f = graphlib.function([x], (root * w).sum(), updates=[(w, w + root)], name="train")
        assert f(ones(3)) == 3
        before = w.get_value()
        with pytest.raises(NanError) as error:
            f([1, -1, 4])
        says(error, "function train", "NaN comes from sqrt", "root float32(?,)", here, "x float32(?,)")
        assert np.array_equal(w.get_value(), before), "the update with a NaN in it did not happen"
        assert f(ones(3)) == 6


@pytest.mark.parametrize("backend", COMPILED)
def test_check_nan_finds_nan_in_inputs_and_shared_variables(backend):
    x, here = T.vector("x"), line()
    w, there = graphlib.shared(ones(2), "w"), line()
    with graphlib.config.change(**checking(backend, "check_nan")):
        f = graphlib.function([x], x * w)
        with pytest.raises(NanError) as error:
            f([np.nan, 1])
        says(error, "NaN in the value of x float32(?,)", here)
        w.set_value(np.array([1, np.nan], "float32"))
        with pytest.raises(NanError) as error:
            f([1, 1])
        says(error, "NaN in the value of w float32(2,)", there)


@pytest.mark.parametrize("backend", COMPILED)
def test_check_nan_does_not_complain_without_reason(backend):
    """Infinities, NaN on the branch that is not taken, integers, empty arrays."""
    x = T.vector("x")
    with graphlib.config.change(**checking(backend, "check_nan")):
        f = graphlib.function([x], [T.log(x), T.switch(x > 0, T.log(x), 0), T.cast(x, "int32"), x[:0]])
        logs, _, _, _ = f([0, 1])
        assert np.isneginf(logs[0])
        assert f([]) is not None


@pytest.mark.parametrize("backend", COMPILED)
def test_the_first_operation_with_a_nan_is_named(backend):
    """Not the last one, which only passed it on."""
    x, y = T.vector("x"), T.vector("y")
    with graphlib.config.change(**checking(backend, "check_nan")):
        quotient, here = x / y, line()
        f = graphlib.function([x, y], T.exp(T.tanh(quotient) * 2).sum() + 1)
        with pytest.raises(NanError) as error:
            f([0, 1], [0, 1])
        says(error, here)


# a backend that is wrong


class Double(Op):
    """2 x in the reference, and something else in what is compiled."""

    def infer(self, x):
        return [TensorType(x.dtype, x.type.shape)]

    def gradient(self, node, grads):
        return [grads[0] * 2]

    def reference(self, node, x):
        return x * 2

    def lower(self, node, operands, require):
        (x,) = operands
        return Pull(x.shape, lambda *i: ex.apply("mul", x.dtype, x.at(*i), ex.const(2.5, x.dtype)))


@pytest.mark.parametrize("backend", COMPILED)
def test_check_names_the_first_operation_that_differs(backend):
    x, w = T.vector("x"), graphlib.shared(ones(2), "w")
    with graphlib.config.change(**checking(backend, "check")):
        twice, here = Double()(T.exp(x)), line()
        twice.name = "twice"
        f = graphlib.function([x], T.tanh(twice) + 1, updates=[(w, w + 1)])
        with pytest.raises(BackendMismatch) as error:
            f([0.1, 0.2])
        says(
            error,
            "the compiled function and the reference differ",
            "The first node that differs is Double",
            "twice float32(?,)",
            here,
        )
        assert w.get_value().tolist() == [1, 1]


@pytest.mark.parametrize("backend", COMPILED)
def test_check_passes_on_what_is_right(backend):
    x, w = T.matrix("x"), graphlib.shared(ones(3, 2), "w")
    with graphlib.config.change(**checking(backend, "check")):
        cost = T.nnet.softmax(T.dot(x, w)).max(axis=1).sum()
        f = graphlib.function([x], [cost, x > 0], updates=[(w, w - 0.1 * graphlib.grad(cost, w))])
        for k in range(3):
            value, _ = f(ones(4, 3) * k)
            assert value == pytest.approx(2)


# all of them


def test_every_error_is_a_graph_error_and_what_python_would_raise():
    """``except GraphError`` catches all; who does not know graphlib catches ValueError and so on."""
    kinds = {ShapeError: ValueError, DTypeError: TypeError, InputError: TypeError, GradientError: TypeError}
    kinds |= {DisconnectedInputError: ValueError, NanError: ArithmeticError, BackendMismatch: AssertionError}
    for kind, builtin in kinds.items():
        assert issubclass(kind, GraphError) and issubclass(kind, builtin)
        assert kind.__doc__


def test_origins_are_the_users_lines():
    """Of operators, methods, functions, composites and gradients; in a helper of the user's, its own line."""

    def layer(v):
        return T.nnet.relu(v), line()

    x, made = T.matrix("x"), line()
    table = [(x, made)]
    table.append((x * 2, line()))
    table.append((x.sum(axis=0), line()))
    table.append((T.nnet.softmax(x), line()))
    table.append((x[1:, 0], line()))
    table.append((T.as_tensor_variable([1, 2]), line()))
    table.append((graphlib.shared(1.0), line()))
    table.append((graphlib.grad(x.sum(), x), line()))
    table.append((graphlib.clone([x.T], {x: x * 2})[0].owner.inputs[0], line()))
    table.append(layer(x))
    table.append((T.matrices("a", "b")[1], line()))
    for variable, where in table:
        assert variable.origin.full == where, str(variable)
        assert re.fullmatch(r"test_errors\.py:\d+", str(variable.origin))


def test_a_name_of_another_library_is_an_error_that_names_ours():
    """Names that PyTorch, JAX and NumPy have are told by what is here, slips by the nearest name."""
    x = T.matrix("x")
    for ask, says in [
        (lambda: T.cat, "graphlib.tensor has no cat; write T.concatenate"),
        (lambda: T.nnet.gelu, "graphlib.tensor.nnet has no gelu; write graphlib.nn.activations.gelu"),
        (lambda: T.nnet.sigmiod, "graphlib.tensor.nnet has no sigmiod; did you mean sigmoid?"),
        (lambda: T.zzzzzz, "graphlib.tensor has no zzzzzz"),
        (
            lambda: x.detach(),
            "a symbolic variable has no detach; write graphlib.gradient.disconnected_grad(x)",
        ),
        (lambda: x.reshpe((2,)), "a symbolic variable has no reshpe; did you mean reshape?"),
    ]:
        with pytest.raises(AttributeError) as error:
            ask()
        assert str(error.value) == says
    assert not hasattr(x, "requires_grad") and not hasattr(T, "vmap") and not hasattr(x, "__iter_")
    with pytest.raises(GradientError, match=r"the cost must be a variable, not list"):
        T.grad([x.sum()], x)


def test_what_is_told_instead_of_other_libraries_names_is_there():
    from graphlib.tensor import elsewhere

    for text in (*elsewhere.FUNCTIONS.values(), *elsewhere.METHODS.values()):
        for path in re.findall(r"(?:T|graphlib)(?:\.\w+)+", text):
            at = {"T": T, "graphlib": graphlib}[path.partition(".")[0]]
            for name in path.split(".")[1:]:
                at = getattr(at, name)
    for name in elsewhere.FUNCTIONS:
        assert name not in T.__all__, name
    for name in elsewhere.METHODS:
        assert not hasattr(T.matrix(), name), name


x, m = T.vector("x"), T.matrix("m")
i = T.iscalar("i")


@pytest.mark.parametrize(
    ("mistake", "kind", "words"),
    [
        (
            lambda: T.matrix("m", dtype="float23"),
            DTypeError,
            r"^there is no dtype 'float23'; graphlib has bool",
        ),
        (lambda: graphlib.shared(["a", "b"]), DTypeError, r"^graphlib has no dtype str32; it has bool"),
        (
            lambda: T.concatenate(m, m),
            InputError,
            r"takes a list of tensors, T\.concatenate\(\[a, b\].*not m fl",
        ),
        (lambda: T.nnet.Relu(x), AttributeError, r"has no Relu; did you mean relu\?"),
        (lambda: (x + 1).eval({"x": [1]}), InputError, r"\.eval\(\{x: \.\.\.\}\), not its name 'x'"),
        (
            lambda: graphlib.scan(lambda row: [row, row], sequences=m, outputs_info=[None]),
            InputError,
            r"fn returns 2 outputs, outputs_info has 1: one entry for each, None where no step reads",
        ),
        (
            lambda: graphlib.function([x, i], x[i], mode="reference")([1, 2], 5),
            IndexError,
            r"index 5 is out of bounds for axis 0 with size 2: index\{i\}\(x, .*, of x float32\(\?,\)",
        ),
    ],
)
def test_what_to_write_is_said(mistake, kind, words):
    with pytest.raises(kind, match=words):
        mistake()
