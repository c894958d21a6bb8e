"""Whether graphs say the same, as Theano's documentation of ``is_same_graph`` has it; what Lasagne asks."""

import numpy as np
import pytest

from graphlib.errors import InputError


def test_same_graphs(theano):
    T = theano.tensor
    same = theano.gof.graph.is_same_graph
    x, y, z = T.vectors("x", "y", "z")
    assert same(x + 1, x + 1) and same(x, x)
    assert not same(x + 1, y + 1) and same(x + 1, y + 1, givens={x: y}) and same(x + 1, y + 1, {y: x})
    assert not same(x * y, y * x) and not same(x * (y * z), (x * y) * z) and not same(x + 1, x + 2)
    assert not same(T.exp(x), T.log(x)) and not same(x.sum(), x.sum(keepdims=True))
    assert same(T.dot(x, y).sum() * np.arange(3.0), T.dot(x, y).sum() * np.arange(3.0))
    assert not same(T.sort(x), T.argsort(x)) and not same(T.constant(1.0) * x, T.constant(1) * x + 0)


def test_equal_computations_with_inputs_that_stand_for_others(theano):
    from theano.scan_module.scan_utils import equal_computations

    T = theano.tensor
    x, y, m = T.vector("x"), T.vector("y"), T.matrix("m")
    w = theano.shared(np.ones(2), "w")
    assert equal_computations([x * w, x + 1], [x * w, x + 1])
    assert not equal_computations([x * w], [y * w])
    assert equal_computations([x * w, T.tanh(x)], [y * w, T.tanh(y)], [x], [y])
    assert not equal_computations([x * w], [y * w], [y], [x])
    assert not equal_computations([x * w], [x * theano.shared(np.ones(2), "w")])
    assert not equal_computations([x.sum()], [m.sum()], [x], [m])
    middle, other = x * 2, y * 2
    assert equal_computations([T.exp(middle)], [T.exp(other)], [middle], [other])
    with pytest.raises(InputError, match="1 outputs and 2"):
        equal_computations([x], [x, y])


def test_numbers_in_a_list_with_symbolic_ones(theano):
    """Lasagne multiplies lengths with np.prod, some of them symbolic."""
    n = theano.tensor.lscalar("n")
    total = np.prod([2, n, n + 1])
    assert theano.function([n], total)(3) == 24
    x = theano.tensor.dvector("x")
    assert theano.function([x], np.prod([x, 2]))([1, 3]).tolist() == [2, 6]


def test_no_gpu_of_theanos(theano):
    from theano.gpuarray import dnn

    assert theano.gpuarray.pygpu_activated is False and not dnn.dnn_present()
    assert theano.tensor.TensorType("float64", (False, True), name="column")().broadcastable == (False, True)
