"""What a program defines itself: operations on numbers, their gradients and directional derivatives, graphs
as operations; and Theano's operations by the names of their classes."""

import numpy as np
import pytest

from graphlib.errors import DisconnectedInputError, GradientError


@pytest.fixture
def T(theano):
    return theano.tensor


def test_operations_on_numbers(theano, T):
    """They go elementwise, operands broadcast, and gradients come back to each operand's shape."""
    from theano.scalar import BinaryScalarOp, Composite, UnaryScalarOp, floats, upcast_out, upgrade_to_float

    class Cube(UnaryScalarOp):
        def impl(self, x):
            return x**3

        def grad(self, inputs, grads):
            return [3 * inputs[0] ** 2 * grads[0]]

    class Weighted(BinaryScalarOp):
        def impl(self, a, b):
            return 2.0 * a + a * b

        def grad(self, inputs, grads):
            a, b = inputs
            return [(2 + b) * grads[0], a * grads[0]]

    cube = Cube(upgrade_to_float, name="cube")
    x, row, k = T.dmatrix("x"), T.drow("row"), T.iscalar("k")
    y = Weighted(upcast_out, name="weighted")(T.Elemwise(cube)(x), row)
    a, b = floats("ab")
    f = theano.function(
        [x, row, k], [y, *T.grad(y.sum(), [x, row]), cube(k), Composite([a, b], [a * b + a])(x, row)]
    )
    value, r = np.array([[1.0, 2.0], [3.0, -1.0]]), np.array([[1.0, 0.5]])
    found = f(value, r, 3)
    wanted = [
        2 * value**3 + value**3 * r,
        (2 + r) * 3 * value**2,
        (value**3).sum(axis=0, keepdims=True),
        27.0,
        value * r + value,
    ]
    for got, right in zip(found, wanted, strict=True):
        np.testing.assert_allclose(got, right)
    assert found[3].dtype == "float64" and str(cube) == "cube"
    with pytest.raises(TypeError, match="takes 1 operands, got 2"):
        cube(x, x)


def test_directional_derivatives_of_a_programs_own(theano, T):
    class Square(theano.Op):
        __props__ = ()
        rule = True

        def make_node(self, x):
            return theano.Apply(self, [x], [x.type()])

        def perform(self, node, inputs, outputs):
            outputs[0][0] = inputs[0] ** 2

        def infer_shape(self, node, shapes):
            return shapes

        def R_op(self, inputs, points):
            return [2 * inputs[0] * points[0] if self.rule else None]

    class Broken(Square):
        rule = False

    x, v = T.dvector("x"), T.dvector("v")
    f = theano.function([x, v], T.Rop(T.exp(Square()(T.sin(x))) + x, x, v))
    a, b = np.array([0.3, 0.5]), np.array([1.0, 2.0])
    np.testing.assert_allclose(f(a, b), b + 2 * np.exp(np.sin(a) ** 2) * np.sin(a) * np.cos(a) * b)
    with pytest.raises(DisconnectedInputError, match="Broken gives no derivative"):
        T.Rop(Broken()(x), x, v)


def test_gradients_that_are_not(theano, T):
    """Of an operation of two inputs, one of which has no gradient; and of what is told to have none."""
    from theano import gradient

    class Half(theano.Op):
        __props__ = ()

        def make_node(self, x, y, z):
            return theano.Apply(self, [x, y, z], [x.type()])

        def perform(self, node, inputs, outputs):
            outputs[0][0] = inputs[0] * inputs[1]

        def grad(self, inputs, grads):
            return [
                grads[0] * inputs[1],
                gradient.grad_undefined(self, 1, inputs[1], "nobody knows"),
                gradient.DisconnectedType()(),
            ]

        def connection_pattern(self, node):
            return [[True], [True], [False]]

    x, y, z = T.dscalars("x", "y", "z")
    cost = Half()(x, y, z)
    assert theano.function([x, y, z], T.grad(cost, x), on_unused_input="ignore")(2, 3, 4) == 3
    for v in (y, y * 1):
        with pytest.raises(gradient.NullTypeGradError, match="nobody knows"):
            T.grad(Half()(x, v, z), y)
    with pytest.raises(gradient.DisconnectedInputError):
        T.grad(cost, z)
    with pytest.raises(GradientError, match="undefined"):
        T.grad(gradient.undefined_grad(x) * 2, x)
    undefined = gradient.UndefinedGrad()(x).owner.op
    assert isinstance(undefined, gradient.UndefinedGrad) and not isinstance(undefined, gradient.ZeroGrad)
    by_x, by_y, by_z = T.grad(
        cost,
        [x, y, z],
        null_gradients="return",
        return_disconnected="Disconnected",
        disconnected_inputs="ignore",
    )
    assert isinstance(by_y.type, gradient.NullType) and isinstance(by_z.type, gradient.DisconnectedType)
    assert by_x.type == x.type and isinstance(T.grad(cost, (x,)), tuple)


def test_gradients_of_graphs_that_are_given(theano, T):
    """Theano 1.0.5's test of overrides: the gradients that a program gives in place of the graph's."""
    x, w, b, g = T.dvectors("x", "w", "b", "g")
    by_x = lambda inputs, grads: grads[0] * inputs[1] * 2  # noqa: E731
    graph = theano.OpFromGraph([x, w, b], [x * w + b], grad_overrides=[by_x, "default", "default"])
    y = theano.OpFromGraph([x], [1 / (1 + T.exp(-x))], lop_overrides=lambda i, o, g: [3 * o[0] * g[0]])
    along = theano.OpFromGraph([x, w], [x * w], rop_overrides=lambda i, e: [e[0] * 5 + e[1]])
    results = [
        *T.grad(graph(x, w, b).sum(), [x, w, b]),
        T.grad(y(x).sum(), x),
        T.Rop(along(x, w), [x, w], [b, g]),
    ]
    f = theano.function([x, w, b, g], results, on_unused_input="ignore")
    found = f([1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0])
    s = 1 / (1 + np.exp([-1.0, -2.0]))
    for got, wanted in zip(found, [[6, 8], [1, 2], [1, 1], 3 * s, [32, 38]], strict=True):
        np.testing.assert_allclose(got, wanted)
    assert graph.connection_pattern() == [[True], [True], [True]]


def test_operations_by_the_names_of_their_classes(theano, T):
    from theano.tensor.sort import ArgSortOp

    x, v, i = T.dmatrix("x"), T.dvector("v"), T.lvector("i")
    a, c, k = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([3.0, 1.0]), np.array([1, 0])
    pairs = [
        (T.Sum(axis=0)(x), a.sum(0)),
        (T.CAReduce(theano.scalar.maximum, axis=1)(x), a.max(1)),
        (T.DimShuffle((False, False), [1, "x", 0])(x), a.T[:, None]),
        (T.Reshape(1)(x, [4]), a.ravel()),
        (T.Subtensor([slice(None, None, -1), 1])(x), a[::-1, 1]),
        (T.Subtensor([T.lscalar])(x, i[0]), a[1]),
        (T.IncSubtensor([0], set_instead_of_inc=True)(x, v), np.array([c, a[1]])),
        (T.advanced_inc_subtensor1(x, v, i), a + c),
        (T.extra_ops.CumOp(axis=1, mode="mul")(x), a.cumprod(1)),
        (ArgSortOp("quicksort")(v), np.argsort(c)),
        (T.nnet.softmax_with_bias(x, v), np.exp(a + c) / np.exp(a + c).sum(1, keepdims=True)),
        (T.nnet.crossentropy_softmax_argmax_1hot_with_bias(x, v, i)[2], (a + c).argmax(1)),
        (T.basic.AllocDiag(offset=1)(v), np.diag(c, 1)),
        (T.elemwise.ProdWithoutZeros(axis=0)(x - 1), [2, 3]),
        (T.inplace.add_inplace(x, v), a + c),
    ]
    found = theano.function([x, v, i], [variable for variable, _ in pairs])(a, c, k)
    for got, (variable, wanted) in zip(found, pairs, strict=True):
        np.testing.assert_allclose(got, wanted, err_msg=str(variable))
    assert T.Sum(axis=0) == T.Sum(0) != T.Sum(axis=1) and hash(T.Sum(0)) == hash(T.Sum(axis=0))
    assert isinstance(x[0].owner.op, T.Subtensor) and isinstance(x.dimshuffle(1, 0).owner.op, T.DimShuffle)
    assert not isinstance(T.exp(x).owner.op, T.DimShuffle) and isinstance(T.exp(x).owner.op, T.Elemwise)
    with pytest.raises(ValueError, match="mode is 'add' or 'mul'"):
        T.extra_ops.CumOp(mode="neither")(x)


def test_names_that_there_are_not_say_what_to_use(theano, T):
    from theano.tensor.blas import Gemm, gemm_no_inplace
    from theano.tensor.opt import ShapeFeature

    class Mine(ShapeFeature):
        pass

    for use, words in (
        (lambda: gemm_no_inplace(1), "write T.dot"),
        (Gemm, "write T.dot"),
        (Mine, "rewrites itself"),
        (lambda: theano.sandbox.rng_mrg.mrg_next_value(1, 1), "MRG_RandomStreams"),
    ):
        with pytest.raises(NotImplementedError, match=words):
            use()
    assert not isinstance(T.dot(T.dmatrix(), T.dmatrix()).owner.op, Gemm)
    assert not hasattr(gemm_no_inplace, "scalar_op") and not hasattr(T, "nonsense")
    assert (
        callable(T.tensor)
        and callable(T.join)
        and theano.theano is theano
        and T.nnet.conv.patternbroadcast is T.patternbroadcast
    )


def test_rewrites_of_a_graph_of_a_programs_own(theano, T):
    """The example of Theano's documentation: x y / y is x, also where the divisor was written twice."""
    from theano import gof
    from theano.gof.opt import MergeOptimizer, OpRemove, OpSub, PatternSub

    x, y, z = T.scalars("x", "y", "z")

    @gof.local_optimizer([T.true_div])
    def simplify(node):
        left, right = node.inputs
        if left.owner and left.owner.op == T.mul and right in left.owner.inputs:
            return [v for v in left.owner.inputs if v is not right][:1]
        return False

    def rewritten(result, *rewrites):
        graph = gof.FunctionGraph([x, y, z], [result])
        for rewrite in rewrites:
            (gof.TopoOptimizer(rewrite) if isinstance(rewrite, gof.LocalOptimizer) else rewrite).optimize(
                graph
            )
        return str(graph)

    plain, twice = z + y * x / y, (y + z) * x / (y + z)
    assert rewritten(plain, simplify) == "[z + x]" and rewritten(plain) == "[z + y * x / y]"
    assert (
        rewritten(twice, simplify) == rewritten(twice)
        and rewritten(twice, MergeOptimizer(), simplify) == "[x]"
    )
    pattern = PatternSub((T.true_div, (T.mul, "a", "b"), "a"), "b")
    assert (
        rewritten(plain, pattern) == "[z + x]"
        and rewritten(plain, OpSub(T.add, T.mul)) == "[z * (y * x / y)]"
    )
    assert rewritten(T.exp(T.exp(x)), OpRemove(T.exp)) == "[x]"
    assert theano.function([x, y, z], plain)(2, 3, 4) == 6.0
    graph = gof.FunctionGraph([x, y], [x * y])
    assert x.clients == [(graph.outputs[0].owner, 0)] and graph.outputs[0].clients == [("output", 0)]
    with pytest.raises(TypeError, match="cannot stand in place"):
        graph.replace(x, T.matrix())


def test_types_of_a_programs_own(theano, T):
    """Functions of them run node by node; tensors may be among their variables."""

    class Words(theano.gof.Type):
        def filter(self, data, strict=False, allow_downcast=None):
            if not isinstance(data, str):
                raise TypeError("words are text")
            return data

        def __eq__(self, other):
            return type(self) is type(other)

        def __hash__(self):
            return hash(type(self))

    class Repeated(theano.Op):
        __props__ = ()

        def make_node(self, words, times):
            return theano.Apply(self, [words, T.as_tensor_variable(times)], [Words()(), T.lscalar()])

        def perform(self, node, inputs, outputs):
            outputs[0][0], outputs[1][0] = inputs[0] * int(inputs[1]), np.array(len(inputs[0]))

    words, n = Words()("words"), T.lscalar("n")
    text, length = Repeated()(words, n + 1)
    f = theano.function([words, n], [text, length * 2])
    assert (
        f("ab", 2) == ["ababab", 4]
        and isinstance(words.type, theano.Type)
        and isinstance(n.type, theano.Type)
    )
    with pytest.raises(TypeError, match="words are text"):
        f(3, 2)
    assert theano.function([w := theano.gof.generic("any")], w)({1}) == {1}


def test_inputs_in_their_older_forms(theano, T):
    """Theano 1.0.5's documentation of theano.compile.io."""
    a, b, c = T.scalars("a", "b", "s")
    f = theano.function([a, b, ((c, c + a + b), 10.0)], [])
    assert f["s"] == f.value[c] == 10.0 and f(1, 2) == [] and f["s"] == 13.0
    for key in (a, "a"):
        assert theano.function([("a", a), (b, 5.0)], a * b)(a=3.0) == 15.0, key
    with pytest.raises(RuntimeError, match="givens replaces a"):
        theano.function([a], b, givens={a: b})


def test_elementwise_operations_are_shown_as_theano_did(theano, T):
    x = T.matrix("x")
    assert str(T.add) == "Elemwise{add,no_inplace}" and str(T.pow) == "Elemwise{pow,no_inplace}"
    assert (x + x).owner.op == T.add != T.mul and T.add == (x + x).owner.op
    assert {T.add: 1}[(x + x).owner.op] == 1 and T.where is T.switch and isinstance(T.add, T.Elemwise)
    assert T.add(x, x, x).eval({x: [[1.0]]}) == 3.0
