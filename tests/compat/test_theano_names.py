"""What old programs use of Theano beside its operations: settings, modes, graphs, attributes."""

import copy
import importlib
import inspect
import io
import pickle

import numpy as np
import pytest

from graphlib import config
from graphlib.compat.theano import install
from graphlib.errors import InputError, ShapeError

x_value = np.array([[1.0, 2.0], [3.0, -4.0]])


@pytest.fixture
def T(theano):
    return theano.tensor


@pytest.fixture
def graph(theano, T):
    """A matrix x, a shared matrix w of ones and the sum of their product."""
    x, w = T.matrix("x"), theano.shared(np.ones((2, 2)), "w")
    return x, w, T.dot(x, w).sum()


# settings


def test_flags_that_change_nothing_are_kept(theano):
    assert theano.config.scan.allow_gc is False and theano.config.optimizer == "o4"
    theano.config.scan.allow_gc = True
    theano.config.dnn.conv.algo_fwd = "time_once"
    theano.config.warn.sum_div_dimshuffle_bug = False
    theano.config.exception_verbosity = "high"
    assert theano.config.scan.allow_gc is True and theano.config.dnn.conv.algo_fwd == "time_once"
    assert theano.config.warn.sum_div_dimshuffle_bug is False
    assert theano.config.exception_verbosity == "high"
    with pytest.raises(AttributeError, match=r"no flag 'dnn\.conv\.algorithm'"):
        theano.config.dnn.conv.algorithm  # noqa: B018


def test_flags_that_have_effect_are_graphlibs(theano, T):
    theano.config.floatX = "float32"
    theano.config.mode = "FAST_COMPILE"
    assert config.floatX == "float32" and T.matrix().dtype == "float32" and config.mode == "reference"


def test_flags_as_text(theano):
    install("floatX=float32,scan.allow_gc=True,mode=FAST_COMPILE,device=cpu,lib.cnmem=1")
    assert config.floatX == theano.config.floatX == "float32" and config.mode == "reference"
    assert theano.config.lib.cnmem == 1


# modes


def test_modes_by_all_their_names(theano, graph):
    x, _, y = graph
    debugmode = importlib.import_module("theano.compile.debugmode")
    compiling = theano.compile
    expected = {
        "fast_run": ["FAST_RUN", compiling.mode.FAST_RUN, compiling.get_mode("FAST_RUN"), theano.Mode("cvm")],
        "reference": [theano.Mode(linker="py"), theano.Mode(optimizer=None), compiling.FAST_COMPILE],
        "check": ["DebugMode", debugmode.DebugMode(check_isfinite=False), compiling.DebugMode()],
        "check_nan": ["NanGuardMode", compiling.get_mode("NanGuardMode")],
    }
    for name, modes in expected.items():
        for mode in modes:
            f = theano.function([x], y, mode=mode)
            assert f.mode == name and f(x_value) == 4.0
    default = compiling.mode.get_default_mode()
    assert default == config.mode and default.including("fast_run").excluding("inplace") is default


def test_the_time_inside_functions(theano, graph):
    """Programs take the difference of call_time around what they measure."""
    x, _, y = graph
    f, mode = theano.function([x], y), theano.compile.mode.get_default_mode()
    before = mode.call_time
    assert mode.call_time == before
    assert f(x_value) == 4.0
    assert before < mode.call_time < before + 60


# graphs


def test_the_compiled_graph(theano, T, graph):
    """What the classic check "does it run on the GPU" looks at."""
    x, _, y = graph
    nodes = theano.function([x], T.exp(x) * 2).maker.fgraph.toposort()
    assert any(isinstance(node.op, T.Elemwise) for node in nodes)
    fgraph = theano.function([x], y).maker.fgraph
    assert fgraph.inputs == [x] and fgraph.toposort()[-1] is fgraph.outputs[0].owner
    assert not any(isinstance(node.op, T.Elemwise) for node in fgraph.apply_nodes)
    assert fgraph.outputs[0] in fgraph.variables


def test_clones(theano, graph):
    x, w, y = graph
    from theano.scan_module import scan_utils

    doubled = theano.clone(y, replace={w: w * 2}, strict=True, share_inputs=True)
    assert theano.function([x], doubled)(x_value) == 8.0
    assert theano.function([x], scan_utils.clone(y, replace=[(x, x + 1)]))(x_value) == 12.0
    other = theano.clone(y, share_inputs=False)
    fresh, alias = theano.gof.graph.inputs([other])
    assert fresh is not x and fresh.name == "x" and theano.function([fresh], other)(x_value) == 4.0
    # another variable of the same value, as Theano's container is shared
    assert alias is not w
    w.set_value(3 * np.ones((2, 2)))
    assert theano.function([fresh], other)(x_value) == 12.0
    theano.function([], updates=[(alias, alias * 2)])()
    assert (w.get_value() == 6).all()
    # what it is updated with by default becomes the value of both, as Lasagne's batch normalisation has it
    alias.default_update = 0.5 * alias + fresh
    assert theano.function([fresh], other)(x_value) == 24.0
    assert (w.get_value() == 3 + x_value).all()
    theano.function([fresh], other, no_default_updates=[alias])(x_value)
    theano.function([fresh], other, no_default_updates=True)(x_value)
    assert (w.get_value() == 3 + x_value).all()


def test_operations_of_a_programs_own(theano, T):
    """The forms that Theano's documentation shows, by what they are to compute."""
    from theano.compile.ops import as_op

    class Scaled(theano.Op):
        __props__ = ("a",)

        def __init__(self, a):
            self.a = a

        def make_node(self, x):
            x = T.as_tensor_variable(x)
            return theano.Apply(self, [x], [x.type()])

        def perform(self, node, inputs, output_storage):
            assert node.op is self and len(node.inputs) == 1
            output_storage[0][0] = self.a * inputs[0]

        def infer_shape(self, node, shapes):
            return shapes

        def grad(self, inputs, output_grads):
            return [self.a * output_grads[0]]

    class Typed(theano.Op):
        itypes = (T.dmatrix,)
        otypes = (T.dscalar, T.ivector)

        def perform(self, node, inputs, output_storage):
            output_storage[0][0] = inputs[0].sum()
            output_storage[1][0] = np.arange(len(inputs[0]), dtype="int32")

    @as_op(itypes=[T.dmatrix], otypes=[T.dvector])
    def rows(a):
        return a.sum(axis=1)

    x = T.dmatrix("x")
    value = np.arange(6.0).reshape(2, 3)
    scaled, (total, places) = Scaled(3)(x), Typed()(x)
    outputs = [scaled, T.grad((scaled**2).sum(), x), total, places, rows(x + 1)]
    wanted = [3 * value, 18 * value, 15, [0, 1], [6, 15]]
    for mode in (None, "FAST_COMPILE", "DebugMode"):
        for found, right in zip(theano.function([x], outputs, mode=mode)(value), wanted, strict=True):
            np.testing.assert_array_equal(found, right)
    assert Scaled(3) == Scaled(3) != Scaled(4) and isinstance(scaled.owner, theano.Apply)
    with pytest.raises(TypeError, match="takes"):
        Typed()(T.fmatrix())


# attributes and types


def test_notes_on_a_variable(theano, T, graph):
    x, w, y = graph
    y.tag.meaning = "a sum"
    assert y.tag.meaning == "a sum" and not hasattr(w.tag, "meaning")
    with pytest.raises(AttributeError, match=r"assign x\.tag\.test_value"):
        y.tag.test_value  # noqa: B018
    x.tag.test_value = x_value
    assert y.tag.test_value == 4.0 and (w + 1).tag.test_value.tolist() == [[2, 2], [2, 2]]
    assert T.constant(3).tag.test_value == 3
    y.owner.tag.where = "here"
    assert y.owner.tag.where == "here" and dir(y.tag) == ["meaning"]
    del y.tag.meaning
    assert not hasattr(y.tag, "meaning")


def test_attributes_of_a_programs_own(theano, T, graph):
    """As Keras keeps them: they go along into clones and copies, tags too."""
    x, w, y = graph
    x._keras_shape, y._history, y.tag.meaning, w.role = (None, 2), [x], "a sum", "weight"
    other = theano.clone(y, replace={x: T.matrix("z")})
    assert other is not y and other._history == [x] and other.tag.meaning == "a sum"
    fresh = x.clone()
    assert fresh is not x and fresh._keras_shape == (None, 2) and fresh.type == x.type
    fresh.tag = y.tag
    assert fresh.tag.meaning == "a sum" and not hasattr(x.tag, "meaning")
    twin, weight = copy.deepcopy((y, w))
    assert twin.tag.meaning == "a sum" and twin._history[0]._keras_shape == (None, 2)
    assert weight.role == "weight" and weight in theano.gof.graph.inputs([twin])


def test_types(theano, T):
    assert T.TensorType("float32", broadcastable=(True, False)).broadcastable == (True, False)
    assert theano.tensor.type.TensorType("float32", (False,) * 3)("a").ndim == 3
    assert (T.fmatrix.dtype, T.fmatrix.ndim) == ("float32", 2)
    assert T.lscalar("k").type == T.lscalar and T.ivector("y").name == "y" and T.matrix().type == T.dmatrix
    w = theano.shared(np.zeros(3), "w")
    from theano.tensor.sharedvar import TensorSharedVariable

    for kind in (TensorSharedVariable, theano.compile.SharedVariable, theano.Variable):
        assert isinstance(w, kind)
    assert not isinstance(T.vector(), theano.compile.sharedvalue.SharedVariable)


def test_neither_shared_variables_nor_constants_are_tensor_variables(theano, T):
    """A layer asks so whether its first state was given as an expression or as a parameter to repeat."""
    from theano.tensor.var import TensorVariable

    w = theano.shared(np.zeros((1, 3)), "w")
    kinds = {"input": T.matrix(), "expression": w + 1, "shared": w, "constant": T.constant(1)}
    are = {name: isinstance(v, TensorVariable) for name, v in kinds.items()}
    assert are == {"input": True, "expression": True, "shared": False, "constant": False}
    assert isinstance(kinds["constant"], T.TensorConstant) and not isinstance(1.0, T.TensorVariable)


def test_dtypes_of_scalars(theano, T):
    """The mean of what was accepted, as samplers compute it."""
    accept, rate = T.vector("a") > 0, theano.shared(np.float32(0.5))
    dtype = theano.scalar.upcast(accept.dtype, rate.dtype)
    assert dtype == "float32" and theano.scalar.upcast("int8", "float64") == "float64"
    mean = accept.mean(dtype=dtype)
    assert mean.dtype == "float32" and mean.eval({accept.owner.inputs[0]: [1.0, -1, 2, 3]}) == 0.75


def test_functions_are_asked_and_trusted(theano, graph):
    x, w, y = graph
    f = theano.function([x], y, profile=True)
    f.trust_input = True
    assert f(x_value) == 4.0 and f.get_shared() == [w]
    table = io.StringIO()
    f.profile.summary(file=table)
    assert "1 calls" in table.getvalue()


def test_a_model_that_was_pickled_predicts(theano, T):
    """A program keeps its best model, graph and weights, and compiles what it loads."""
    x = T.matrix("x")
    w = theano.shared(np.eye(2), "w", borrow=True)
    model = {"input": x, "w": w, "predicted": T.argmax(T.nnet.softmax(T.dot(x, w)), axis=1)}
    for again in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert again["w"] is not w
        predict = theano.function(inputs=[again["input"]], outputs=again["predicted"])
        assert predict(x_value).tolist() == [1, 0]


# the rest


def test_updates_add_up(theano):
    from theano.updates import OrderedUpdates

    a, b = theano.shared(1.0, "a"), theano.shared(2.0, "b")
    first, second = OrderedUpdates([(a, a + 1)]), OrderedUpdates()
    second[b] = b + a
    f = theano.function([], [], updates=first + second)
    f()
    assert (a.get_value(), b.get_value()) == (2.0, 3.0)
    with pytest.raises(InputError, match="two different updates of a"):
        first + {a: a * 2}
    with pytest.raises(InputError, match="updates are of shared variables"):
        second["a"] = 1


def test_the_parameters_of_mrg_streams(theano):
    from theano.sandbox.rng_mrg import MRG_RandomStreams

    streams = MRG_RandomStreams(seed=7, use_cuda=False)
    draws = [
        streams.uniform((2, 3), nstreams=4),
        streams.normal((2,), nstreams=4),
        streams.binomial((2,), p=0.5, nstreams=4),
        streams.multinomial(pvals=[[0.5, 0.5]], nstreams=4),
    ]
    shapes = [a.shape for a in theano.function([], draws)()]
    assert shapes == [(2, 3), (2,), (2,), (1, 2)]
    alike = [MRG_RandomStreams([1, 2, 3, 4, 5, seed]).uniform((4,)).eval() for seed in (6, 6, 7)]
    assert (alike[0] == alike[1]).all() and (alike[0] != alike[2]).any()


def test_one_draw_is_seeded(theano, T):
    """The way that Theano's own tutorial shows: take the draw's generator, seed it, put it back."""
    streams = T.shared_randomstreams.RandomStreams(seed=234)
    u, v = streams.uniform((3,)), streams.binomial((50,), p=0.5)
    f = theano.function([], [u, v])

    def seeded(draw, seed):
        generator = draw.rng.get_value(borrow=True)
        generator.seed(seed)
        draw.rng.set_value(generator, borrow=True)

    seeded(v, 5)
    first = f()
    kept = u.rng.get_value().get_state()
    second = f()
    seeded(v, 5)
    generator = u.rng.get_value(borrow=True)
    generator.set_state(kept)
    u.rng.set_value(generator, borrow=True)
    third = f()
    assert (third[0] == second[0]).all() and (third[1] == first[1]).all()
    assert (second[0] != first[0]).all() and (second[1] != first[1]).any()
    with pytest.raises(AttributeError, match="made of 2"):
        (u + v[:3]).rng  # noqa: B018


def test_print_and_assert(theano, T, capsys):
    x = T.vector("x")
    printed = theano.printing.Print("here", attrs=["shape"])(x)
    checked = T.opt.Assert("positive")(printed, (x > 0).all())
    f = theano.function([x], checked)
    f([1.0, 2.0])
    assert capsys.readouterr().out == "here shape = (2,)\n"
    with pytest.raises(AssertionError, match="positive"):
        f([-1.0])


def test_debugprint_takes_theanos_layout(theano, graph):
    text = theano.printing.debugprint(graph[2], file="str", ids="int", print_type=True, stop_on_name=True)
    assert "dot" in text and "float64" in text


def test_programs_that_ask_for_the_gpu(theano):
    import theano.sandbox.cuda
    from theano.sandbox.cuda.basic_ops import gpu_from_host

    assert theano.sandbox.cuda.cuda_available is False and not theano.sandbox.cuda.dnn_available()
    theano.sandbox.cuda.use("gpu0")
    assert config.device == "cuda" and theano.sandbox.cuda.cuda_enabled
    x = theano.tensor.matrix()
    assert gpu_from_host(x) is x


def test_modules_that_are_not_there_are_named(theano):
    with pytest.raises(ModuleNotFoundError, match=r"graphlib has no theano\.sparse\.toybox"):
        import theano.sparse.toybox
    with pytest.raises(AttributeError, match="no 'nonsense' in graphlib"):
        theano.tensor.nnet.nonsense  # noqa: B018


def test_importing_everything(theano):
    names = {}
    exec("from theano import *; from theano.tensor import *", names)
    assert names["function"] is theano.function and names["Op"] is theano.Op
    assert names["dmatrix"]("x").dtype == "float64" and names["dot"] is theano.tensor.dot
    assert theano.__version__.startswith("1.0")


def test_scan_by_all_its_names(theano, T):
    from theano import scan_module
    from theano.scan_module import foldl, foldr, reduce, until
    from theano.scan_module.scan import scan

    assert scan is theano.scan is scan_module.scan and until is scan_module.scan_utils.until
    v, zero = T.vector("v"), T.constant(0.0)
    squares, _ = theano.map(lambda e: e**2, sequences=[v])
    total, _ = reduce(lambda e, sum_: sum_ + e, sequences=v, outputs_info=zero)
    left, _ = foldl(lambda e, sum_: sum_ * 2 + e, v, zero)
    right, _ = foldr(lambda e, sum_: sum_ * 2 + e, v, zero)
    powers, _ = theano.scan(lambda a: (a * 2, until(a > 10)), outputs_info=T.constant(1.0), n_steps=99)
    results = theano.function([v], [squares, total, left, right, powers])([1, 2, 3])
    assert [a.tolist() for a in results] == [[1, 4, 9], 6, 11, 17, [2, 4, 8, 16, 32]]


def test_ifelse_is_a_module_and_its_function(theano, T):
    from theano.ifelse import ifelse

    assert theano.ifelse.ifelse is ifelse
    c, x = T.bscalar("c"), T.vector("x")
    choose = theano.function([c, x], theano.ifelse.ifelse(c, x, -x))
    assert choose(1, [1, 2]).tolist() == [1, 2] and choose(0, [1, 2]).tolist() == [-1, -2]


def test_the_arguments_of_a_function_can_be_asked_for(theano):
    """Theano 1.0.5: inspect.getargspec(theano.function).args."""
    wanted = "inputs outputs mode updates givens no_default_updates accept_inplace name rebuild_strict"
    wanted += " allow_input_downcast profile on_unused_input"
    assert inspect.getfullargspec(theano.function).args == wanted.split()
    assert "filter_dilation" in inspect.getfullargspec(theano.tensor.nnet.conv2d).args


def test_a_shared_value_is_its_own_internal_type(theano):
    s = theano.shared(np.ones((2, 3)))
    assert s.get_value(borrow=True, return_internal_type=True).shape == (2, 3)


def test_a_list_with_slices_is_several_indices(theano, T):
    x = T.matrix("x")
    turned = x[[slice(None), slice(None, None, -1)]]
    chosen = x[[1, 0]]
    got = theano.function([x], [turned, chosen])(x_value)
    np.testing.assert_array_equal(got[0], x_value[:, ::-1])
    np.testing.assert_array_equal(got[1], x_value[[1, 0]])


# operations under names that only Theano had


@pytest.mark.parametrize("shift", [0, 1, -1, 2, 5, -4])
@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_roll(theano, T, shift, axis):
    a = np.arange(6.0).reshape(2, 3)
    assert T.roll(T.constant(a), shift, axis).eval().tolist() == np.roll(a, shift, axis).tolist()


def test_operations_of_old_names(theano, T):
    x, y = T.dmatrix("x"), T.dmatrix("y")
    a, b = x_value, np.array([[1.0, 2 + 1e-9], [np.nan, np.inf]])
    pairs = {
        "isclose": (T.isclose(x, y), np.isclose(a, b)),
        "isclose to itself": (T.isclose(y, y), np.isclose(b, b)),
        "equal_nan": (T.isclose(y, y, equal_nan=True), np.isclose(b, b, equal_nan=True)),
        "allclose": (T.allclose(x, x + 1e-9), np.allclose(a, a + 1e-9)),
        "trace": (T.trace(x), np.trace(a)),
        "smallest": (T.smallest(x, x * 2, x * 3), np.minimum(a, 3 * a)),
        "largest": (T.largest(x, x * 2, x * 3), np.maximum(a, 3 * a)),
        "horizontal_stack": (T.horizontal_stack(x, x), np.hstack([a, a])),
        "vertical_stack": (T.vertical_stack(x, x), np.vstack([a, a])),
        "stacklists": (T.stacklists([[x[0, 0], x[0, 1]], [x[1, 0], 5.0]]), np.array([[1, 2], [3, 5.0]])),
        "int_div": (T.int_div(x, 2), a // 2),
        "tensor_from_scalar": (T.tensor_from_scalar(x[0, 0]), a[0, 0]),
    }
    results = theano.function([x, y], [variable for variable, _ in pairs.values()])(a, b)
    for name, got, (_, wanted) in zip(pairs, results, pairs.values(), strict=True):
        np.testing.assert_allclose(got, wanted, err_msg=name)
    assert T.get_scalar_constant_value(T.constant([3])) == 3
    with pytest.raises(T.NotScalarConstantError, match="x "):
        T.get_scalar_constant_value(x)


def test_integers_are_divided_and_raised_to_powers_as_in_theano(theano, T):
    """Theano 1.0.5's results and errors."""
    i, j, v = *T.iscalars("i", "j"), T.ivector("v")
    for quotient in (i // j, i % j):
        with pytest.raises(ZeroDivisionError):
            theano.function([i, j], quotient)(7, 0)
    values = np.array([1, 2, -1], "int32")
    f = theano.function([v], [v**-1, v**v, T.pow(v, -2), 2**v, v.astype("float64") ** -1])
    assert [r.tolist() for r in f(values)] == [[1, 0, -1], [1, 4, -1], [1, 0, 1], [2, 4, 0], [1, 0.5, -1]]
    assert [r.dtype for r in f(values)][:4] == ["int32"] * 4


def test_lengths_of_one_that_are_promised(theano, T):
    x, y = T.matrix("x"), T.matrix("y")
    column = T.addbroadcast(x, 1)
    assert column.broadcastable == (False, True) == T.patternbroadcast(x, (False, True)).broadcastable
    f = theano.function([x, y], column + y)
    assert f([[1], [2]], [[1, 2], [3, 4]]).tolist() == [[2, 3], [5, 6]]
    with pytest.raises(ShapeError):
        f([[1, 2], [2, 3]], [[1, 2], [3, 4]])
    assert T.unbroadcast(column, 1).broadcastable == (False, False) and T.unbroadcast(y, 1) is y
    g = theano.function([x, y], [T.unbroadcast(column, 1) + y, T.grad(T.unbroadcast(column, 1).sum(), x)])
    assert [r.tolist() for r in g([[1], [2]], [[1], [3]])] == [[[2], [5]], [[1], [1]]]
    with pytest.raises(ShapeError, match="1"):
        g([[1], [2]], [[1, 2], [3, 4]])


def test_the_steps_of_a_loop_are_an_axis_that_does_not_broadcast(theano, T):
    """Theano 1.0.5: broadcastable is (False, False) and T.squeeze keeps the axis, also of one step."""
    x = T.matrix("x")
    row = x.reshape((1, -1))
    for loop in (
        theano.scan(lambda r: r * 2, sequences=row),
        theano.scan(lambda r: r * 2, sequences=x, n_steps=1),
        theano.scan(lambda r, s: s + r * 2, sequences=row, outputs_info=T.zeros_like(row[0])),
        theano.map(lambda r: r * 2, sequences=row),
    ):
        rows = T.squeeze(loop[0])
        assert rows.broadcastable == (False, False)
        assert theano.function([x], [rows, rows[-1]])([[1, 2]])[0].tolist() == [[2, 4]]


# shared variables


def test_shared_variables_change_their_lengths_also_those_of_one(theano, T):
    """Theano 1.0.5: no length of a shared variable broadcasts unless ``broadcastable`` says so."""
    data = theano.shared(np.zeros((1, 1)), "data")
    assert data.broadcastable == (False, False) and theano.compile.sharedvalue.shared is theano.shared
    f = theano.function([], data.sum(axis=0))
    data.set_value(np.ones((3, 2)))
    assert f().tolist() == [3, 3]
    with pytest.raises(ShapeError):
        (theano.shared(np.ones((1, 2))) + theano.shared(np.ones((3, 2)))).eval()
    row = theano.shared(np.ones((1, 2)), broadcastable=(True, False))
    assert (row + data).eval().tolist() == [[2, 2]] * 3
