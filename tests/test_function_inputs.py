"""Inputs that carry a value on, that are hidden, and that nothing needs any more; what errors they make."""

import copy
import pickle

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib import In, function
from graphlib.errors import AxisError, InputError, MissingInputError, RankError, UnusedInputError


@pytest.fixture
def accumulator():
    x, s = T.dscalar("x"), T.dscalar("s")
    return s, function([x, In(s, value=10.0, update=s + x)], [s + x, 2 * s])


def test_an_input_becomes_what_its_update_says(accumulator):
    s, f = accumulator
    assert [float(v) for v in f(1)] == [11, 20]
    assert [float(v) for v in f(2)] == [13, 22]
    assert f.value[s] == f["s"] == f.container[1] == 13 and "s" in f and "y" not in f
    assert len(f.outputs) == 2
    f["s"] = 1
    assert [float(v) for v in f(1)] == [2, 2]
    assert float(f(1, s=100.0)[0]) == 101 and f.value["s"] == 101
    with pytest.raises(KeyError, match="no input called t"):
        f.value["t"]


def test_copies_carry_on_by_themselves(accumulator):
    s, f = accumulator
    f(1)
    for made in (copy.copy(f), pickle.loads(pickle.dumps(f))):
        assert float(made(5)[0]) == 16 and made.value["s"] == 16 and f.value[s] == 11
    assert float(f.copy(delete_updates=True)(5)[0]) == 16 and f.value[s] == 11
    with pytest.raises(InputError, match="has no shared variable"):
        f.copy(swap={graphlib.shared(1.0): graphlib.shared(2.0)})


def test_implicit_inputs_cannot_be_passed():
    x, s, y = T.dscalar("x"), T.dscalar("s"), T.dscalar("y")
    f = function([x, In(s, value=1.0, update=s * 2, implicit=True), y], x + 10 * s + 100 * y)
    assert [float(f(1, 2)), float(f(1, y=2))] == [211, 221]
    with pytest.raises(InputError, match="takes 2 inputs"):
        f(1, 2, 3)
    with pytest.raises(InputError, match="'s' is implicit"):
        f(1, 2, s=3)
    with pytest.raises(InputError, match="needs a value"):
        In(s, implicit=True)


def test_inputs_are_judged_by_what_was_written():
    """d(2x)/dx is a function of x to the one who wrote it, though nothing of x is left."""
    x, y = T.dscalar("x"), T.dscalar("y")
    assert function([x], T.grad(2 * x, x))(3) == 2
    with pytest.raises(UnusedInputError):
        function([x, y], T.grad(2 * x, x))
    with pytest.raises(UnusedInputError):
        function([x, y], T.grad(2 * x, x), givens={x: y * 1})
    with pytest.raises(MissingInputError):
        function([x], x + y)


def test_givens_of_another_type_where_that_is_allowed():
    x, m = T.dvector("x"), T.dmatrix("m")
    with pytest.raises(RankError):
        function([m], x * 2, givens={x: m})
    f = function([m], x * 2, givens={x: m}, rebuild_strict=False)
    assert f([[1, 2], [3, 4]]).tolist() == [[2, 4], [6, 8]]


def test_errors_are_of_the_classes_that_programs_catch():
    x = T.dvector("x")
    f = function([x], x * 2)
    for caught in (TypeError, ValueError):
        with pytest.raises(caught, match="has shape"):
            f([[1.0]])
    with pytest.raises(IndexError, match="2 indices"):
        x[0, 0]
    with pytest.raises(ValueError, match="2 indices"):
        x[0, 0]
    with pytest.raises(AxisError):
        x.sum(axis=1)


def test_vectors_where_numbers_were():
    """Expected values are NumPy's."""
    v, r, m, a = T.dvector("v"), T.lvector("r"), T.dmatrix("m"), T.lscalar("a")
    t = T.dtensor3("t")
    f = function(
        [v, r, m, a, t],
        [T.repeat(v, r), T.tile(v, r[:2], 2), T.join(a, m, m * 2), T.argmax(t, axis=(0, 2)), T.add(v, v, v)],
    )
    v_, r_, m_ = np.array([1.0, 2, 3]), np.array([2, 0, 3]), np.arange(6.0).reshape(2, 3)
    t_ = np.random.RandomState(0).normal(size=(2, 3, 4))
    for axis in (0, 1, -1, -2):
        got = f(v_, r_, m_, axis, t_)
        assert got[0].tolist() == np.repeat(v_, r_).tolist()
        assert got[1].tolist() == np.tile(v_, r_[:2]).tolist()
        assert got[2].tolist() == np.concatenate([m_, m_ * 2], axis).tolist()
        assert got[3].tolist() == t_.transpose(1, 0, 2).reshape(3, 8).argmax(1).tolist()
        assert got[4].tolist() == (3 * v_).tolist()
    for wrong in ([1, -1, 1], [1, 1]):
        with pytest.raises(ValueError, match="length"):
            f(v_, wrong, m_, 0, t_)
    x, y = T.vectors("xy")
    assert (x.name, y.name) == ("x", "y")
