"""Operations in Python, run by calls back from native code: between its pieces, in loops, on devices."""

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.errors import GradientError, ShapeError
from graphlib.graph import TensorType
from graphlib.ops.host import HostOp
from graphlib.ops.observing import Assert, Print

DEVICES = ["cpu", "cuda-emulated"]
X = np.array([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]])


class Cube(HostOp):
    """x³, whose lengths are those of x."""

    def types(self, x):
        return [x.type]

    def lengths(self, x):
        return [[x.shape[k] for k in range(x.ndim)]]

    def compute(self, x):
        return x**3

    def derivative(self, inputs, outputs, grads):
        return [grads[0] * 3 * inputs[0] ** 2]


class Positive(HostOp):
    """The positive elements and how many there are, of a length that only they tell."""

    def types(self, x):
        return [TensorType(x.dtype, (None,)), TensorType("int64", ())]

    def compute(self, x):
        return x[x > 0], np.array((x > 0).sum())


class Faulty(Cube):
    """An operation whose Python does what it should not."""

    def __init__(self, function):
        self.function = function

    def parameters(self):
        return (self.function,)

    def compute(self, x):
        return self.function(x)


@pytest.fixture(params=DEVICES, autouse=True)
def device(request):
    with graphlib.config.change(device=request.param, floatX="float64"):
        yield request.param


def test_it_runs_between_native_pieces_and_has_a_gradient():
    x = T.matrix("x")
    y = (Cube()(x + 1) * 2).sum()
    f = graphlib.function([x], [y, T.grad(y, x)], profile=True)
    for value in (X, X[:1], np.zeros((0, 3)), X):
        total, slope = f(value)
        np.testing.assert_allclose(total, (2 * (value + 1) ** 3).sum())
        np.testing.assert_allclose(slope, 6 * (value + 1) ** 2)
    assert "Cube" in str(f.profile)
    hessian = graphlib.function([x], T.grad(T.grad(y, x).sum(), x))
    np.testing.assert_allclose(hessian(X), 12 * (X + 1))


def test_lengths_that_only_results_tell():
    x = T.matrix("x")
    found, count = Positive()(x)
    f = graphlib.function([x], [found * 2, count, found.shape[0]])
    for value in (X, -X, X[:1], np.zeros((2, 0))):
        doubled, number, length = f(value)
        np.testing.assert_array_equal(doubled, 2 * value[value > 0])
        assert number == length == (value > 0).sum()


def test_in_a_loop_it_runs_at_each_step():
    x = T.matrix("x")
    sums, _ = graphlib.scan(lambda row, a: Cube()(row) + a, x, T.zeros_like(x[0]))
    f = graphlib.function([x], [sums, T.grad(sums[-1].sum(), x)])
    for value in (X, X[:1], X):
        last, slope = f(value)
        np.testing.assert_allclose(last, np.cumsum(value**3, axis=0))
        np.testing.assert_allclose(slope, 3 * value**2)


def test_errors_are_the_programs_own_and_change_nothing():
    x = T.matrix("x")
    s = graphlib.shared(np.zeros(2))

    def fails(x):
        raise KeyError("mine")

    f = graphlib.function([x], Faulty(fails)(x), updates=[(s, s + 1)])
    with pytest.raises(KeyError, match="mine") as caught:
        f(X)
    # the innermost line is the program's
    assert caught.traceback[-1].name == "fails"
    np.testing.assert_array_equal(s.get_value(), [0, 0])
    f = graphlib.function([x], Faulty(lambda x: x[:1])(x) + 1)
    with pytest.raises(ShapeError, match=r"shape \(1, 3\) was computed where \(2, 3\) was said"):
        f(X)
    with pytest.raises(GradientError, match="says nothing of its derivative"):
        T.grad(Positive()(x)[0].sum(), x)


def test_print_writes_when_it_is_computed(capsys):
    x = T.vector("x")
    shown = Print("x is", attrs=["__str__", "shape"])(x)
    f = graphlib.function([x], [shown * 2, T.grad((shown**2).sum(), x)])
    assert capsys.readouterr().out == ""
    f([1.0, 2.0])
    assert capsys.readouterr().out == "x is __str__ = [1. 2.]\nx is shape = (2,)\n"


def test_assert_demands_something():
    x = T.vector("x")
    checked = Assert("too long")(x, x.size < 3, T.all(x > 0))
    f = graphlib.function([x], [checked.sum(), T.grad((checked**2).sum(), x)])
    np.testing.assert_array_equal(f([1.0, 2.0])[1], [2, 4])
    for wrong in ([1.0, 2.0, 3.0], [-1.0]):
        with pytest.raises(AssertionError, match="too long"):
            f(wrong)
