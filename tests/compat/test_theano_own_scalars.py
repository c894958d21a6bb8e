"""What packages on Theano make of their own: operations on numbers, views with a gradient, classes of
variables, and what says that there is no gradient."""

import pickle

import numpy as np
import pytest

from graphlib.errors import DTypeError, GradientError

X = np.array([[0.0, 0.5, 2.0], [3.0, 1.0, 4.0]])


@pytest.fixture
def T(theano):
    return theano.tensor


def test_operations_on_numbers_apply_to_each_element_and_broadcast(theano, T):
    scalar = theano.scalar

    class XLogY(scalar.BinaryScalarOp):
        def impl(self, x, y):
            return x * np.log(y) if x else 0.0

        def grad(self, inputs, gradients):
            x, y = inputs
            return [gradients[0] * scalar.log(y), gradients[0] * x / y]

    class Root(scalar.UnaryScalarOp):
        nfunc_spec = ("sqrt", 1, 1)

        def grad(self, inputs, gradients):
            return [1.0]  # wrong on purpose, and of no dimension

    op = T.Elemwise(XLogY(scalar.upgrade_to_float, name="x_log_y"), name="x_log_y")
    root = T.Elemwise(Root(scalar.upgrade_to_float))
    assert isinstance(op, T.Elemwise) and op == T.Elemwise(XLogY(scalar.upgrade_to_float)) and op != root
    x, y, n = T.matrix("x"), T.row("y"), T.bvector("n")
    z = op(x, y + 1)
    f = theano.function([x, y, n], [z, *T.grad(z.sum(), [x, y]), T.grad(root(x).sum(), x), root(n)])
    row = np.array([[1.0, 2.0, 3.0]])
    value, by_x, by_y, ones, roots = f(X, row, [0, 4, 9])
    np.testing.assert_allclose(value, X * np.log(row + 1))
    np.testing.assert_allclose(by_x, np.broadcast_to(np.log(row + 1), X.shape))
    np.testing.assert_allclose(by_y, (X / (row + 1)).sum(0, keepdims=True))
    assert (ones == np.ones_like(X)).all() and roots.tolist() == [0, 2, 3] and roots.dtype == "float32"


def test_theanos_scalar_operations_by_name_and_by_class(theano, T):
    scalar = theano.scalar
    x = T.vector("x")
    made = T.Elemwise(scalar.basic_scipy.GammaLn(scalar.upgrade_to_float, name="g"), name="g")
    f = theano.function([x], [made(x), scalar.sgn(x), scalar.pow(x, 2)])
    gamma, sign, square = f([1.0, 3.0, 4.0])
    np.testing.assert_allclose(gamma, np.log([1, 2, 6]), atol=1e-15)
    assert sign.tolist() == [1, 1, 1] and square.tolist() == [1, 9, 16]
    types = (scalar.int8, scalar.int32, scalar.float32)
    assert [scalar.upgrade_to_float(t)[0].dtype for t in types] == ["float32", "float64", "float32"]
    assert scalar.transfer_type(1)(*types) == (scalar.int32,)
    with pytest.raises(AttributeError, match="no 'nothing'"):
        scalar.nothing  # noqa: B018


def test_a_view_with_a_gradient_of_its_own(theano, T):
    class Reversed(theano.compile.ViewOp):
        def grad(self, inputs, gradients):
            return [-g for g in gradients]

    x = T.matrix("x")
    with pytest.warns(UserWarning, match="rewrites of a program's own"):
        T.opt.register_canonicalize(theano.gof.OpRemove(Reversed()), name="out of the way")
    y = (Reversed()(x) * 3).sum()
    value, slope = theano.function([x], [y, T.grad(y, x)])(X)
    assert value == 3 * X.sum() and (slope == -3).all()


def test_variables_of_a_class_of_the_programs_own(theano, T):
    class Named(T.TensorVariable):
        def __init__(self, type=None, owner=None, index=None, name=None, note=None):
            super().__init__(type, owner, index, name)
            self.note = note

    x = T.matrix("x")
    leaf = Named(T.dmatrix, name="leaf", note="free")
    seen = Named(T.dmatrix, name="seen", note="observed")
    theano.Apply(theano.compile.view_op, inputs=[x * leaf], outputs=[seen])
    assert isinstance(seen, T.TensorVariable) and isinstance(x, T.TensorVariable)
    assert not isinstance(x, Named) and seen.owner.outputs[0] is seen and seen in {seen}
    y = (seen**2).sum()
    assert theano.gof.graph.inputs([y])[:2] == [x, leaf]
    value, slope = theano.function([x, leaf], [y, T.grad(y, leaf)])(X, X)
    np.testing.assert_allclose(value, (X**4).sum())
    np.testing.assert_allclose(slope, 2 * X**3)
    other = pickle.loads(pickle.dumps(T.TensorVariable(T.dmatrix, name="t")))
    assert type(other) is T.TensorVariable and other.name == "t"


def test_a_gradient_that_is_not_there_is_an_error_for_who_needs_it(theano, T):
    gradient = theano.gradient

    class Scaled(theano.Op):
        def make_node(self, x, factor, offset):
            return theano.Apply(self, [x, factor, offset], [x.type()])

        def perform(self, node, inputs, outputs):
            outputs[0][0] = inputs[0] * inputs[1] + inputs[2]

        def grad(self, inputs, gradients):
            missing = gradient.grad_not_implemented(self, 1, inputs[1], "nobody needs it")
            return [gradients[0] * inputs[1], missing, gradient.DisconnectedType()()]

    x, factor, offset = T.vector("x"), T.scalar("factor"), T.scalar("offset")
    y = Scaled()(x, factor, offset).sum()
    by_x, by_offset = T.grad(y, [x, offset], disconnected_inputs="ignore")
    assert theano.function([x, factor, offset], [by_x, by_offset], on_unused_input="ignore")(
        [1.0], 2.0, 3.0
    ) == [2.0, 0.0]
    with pytest.raises(GradientError, match=r"input 1, factor, is not implemented\. nobody needs it"):
        T.grad(y, factor)


def test_an_operator_is_left_to_an_object_that_knows_it(theano, T):
    class Covariance:
        def __rmul__(self, scale):
            return ("scaled by", scale)

    x = T.scalar("x")
    assert x * Covariance() == ("scaled by", x)
    with pytest.raises(DTypeError, match="cannot make a constant of Covariance"):
        x + Covariance()


def test_scalars_are_stacked_to_a_vector_along_any_axis(theano, T):
    x = T.scalar("x")
    assert T.stack([x, 2.0], axis=1).eval({x: 1.0}).tolist() == [1.0, 2.0]
    assert T.stack([T.ones(2), T.zeros(2)], 1).eval().tolist() == [[1.0, 0.0], [1.0, 0.0]]


def test_arrays_of_variables(theano, T):
    x, y = T.vector("x"), T.matrix("y")
    assert [*np.atleast_1d(x), *np.array([x, y]), *np.atleast_1d([y])] == [x, x, y, y]
    assert np.prod([T.ones(3).shape[0], 2]).eval() == 6


def test_sums_and_products_of_one(theano, T):
    x = T.vector("x")
    assert T.add(x) is x and T.mul(*[x]) is x


def test_what_theano_says_only_when_it_computes(theano, T):
    x = T.vector("x")
    n = x.shape[1]
    f = theano.function([x], n)
    with pytest.raises(IndexError, match=r"axis 1 is none of a tensor of 1 dimensions, of shape \(3,\)"):
        f([1.0, 2.0, 3.0])
    assert x.shape[-1].eval({x: [1.0, 2.0]}) == 2


def test_a_relu_of_an_array_is_an_array(theano, T):
    got = T.nnet.relu(np.array([-2.0, 0.0, 3.0])), T.nnet.relu(np.array([-2.0, 3.0]), 0.5)
    assert [type(each) for each in got] == [np.ndarray] * 2
    assert got[0].tolist() == [0, 0, 3] and got[1].tolist() == [-1, 3]
    assert T.nnet.relu(T.vector("x")).ndim == 1


def test_theano_pymcs_names(theano, T):
    import theano.graph.basic
    from theano.graph.op import get_test_value
    from theano.graph.utils import TestValueError
    from theano.scan import until
    from theano.tensor.random.utils import RandomStream

    x = T.vector("x")
    y = x * 2 + 1
    assert [v for v in theano.graph.basic.graph_inputs([y]) if v.name] == [x]
    assert x in theano.graph.basic.walk([y], lambda v: v.owner and v.owner.inputs)
    with pytest.raises(TestValueError, match="no test value"):
        get_test_value(y)
    x.tag.test_value = np.ones(2)
    assert get_test_value(y).tolist() == [3, 3] and get_test_value(5) == 5
    with theano.config.change_flags(floatX="float32", compute_test_value="ignore"):
        assert theano.config.floatX == "float32"
    assert RandomStream(1).uniform((2,)).ndim == 1 and callable(until)
    assert theano.__spec__.submodule_search_locations == []
