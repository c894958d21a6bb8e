"""Graphs as functions, older names of what functions are, and flags for a while."""

import numpy as np
import pytest


@pytest.fixture
def T(theano):
    return theano.tensor


def test_a_graph_is_a_function(theano, T):
    x, y, z = T.dmatrices("x", "y", "z")
    w = theano.shared(np.full((2, 2), 3.0))
    op = theano.OpFromGraph([x, y, z], [x + y * z + w])
    e = op(x, y, z) - op(z, y, x)
    f = theano.function([x, y, z], [e, T.grad(op(x, y, z).sum(), y)])
    got = f(np.ones((2, 2)), np.full((2, 2), 3.0), np.full((2, 2), 5.0))
    assert got[0].tolist() == [[8, 8], [8, 8]] and got[1].tolist() == [[5, 5], [5, 5]]
    with pytest.raises(theano.gof.MissingInputError):
        theano.OpFromGraph([x], [x + y])
    with pytest.raises(ValueError, match="3 operands"):
        op(x, y)


def test_older_names_of_functions(theano, T):
    x = T.dscalar("x")
    f = theano.compile.pfunc([theano.compile.SymbolicInput(x)], x * 2)
    assert f(3) == 6
    with pytest.raises(theano.compile.UnusedInputError):
        theano.compile.function_module.orig_function([x], [])
    assert theano._asarray([1, 2], dtype="int32").dtype == np.int32


def test_flags_for_a_while(theano):
    before = theano.config.floatX
    with theano.change_flags(floatX="float32"):
        assert theano.config.floatX == "float32"

    @theano.change_flags(floatX="float16" if before == "float16" else "float32")
    def asked():
        return theano.config.floatX

    assert asked() == "float32" and theano.config.floatX == before
