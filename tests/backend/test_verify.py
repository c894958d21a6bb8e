"""Every schedule is proven before it is compiled.  Here schedules are broken on purpose, each in another way,
and the proof must say so; then what it has found is computed."""

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.errors import ScheduleError
from graphlib.schedule import memory, nests, schedule, steps

from ..ops.backends import BACKENDS, compiled


def normal(*shape, seed=0):
    return np.random.RandomState(seed).normal(size=shape).astype("float32")


@pytest.fixture(params=BACKENDS)
def function(request):
    return lambda inputs, outputs, **more: compiled(request.param, inputs, outputs, **more)


def layers():
    """A product, what is computed from it, and another product of both."""
    x, w = T.fmatrices("x", "w")
    h = T.exp(T.dot(x, w)).cumsum(axis=1)
    return [x, w], T.dot(h, w) + T.dot(T.cumsum(h, axis=0), h)


def test_a_step_before_what_it_reads(function, monkeypatch):
    ordered = schedule.Schedule._ordered
    monkeypatch.setattr(schedule.Schedule, "_ordered", lambda self: ordered(self)[::-1])
    with pytest.raises(ScheduleError, match=r"reads .* before it is written"):
        function(*layers())


def test_a_step_before_what_it_reads_in_a_loop(function, monkeypatch):
    """Only the schedule of the inner loop's step is wrong: it has a sum after what is made of that."""
    ordered = schedule.Schedule._ordered

    def broken(self):
        inner = self.program.title.startswith("a step of a step of")
        return ordered(self)[:: -1 if inner else 1]

    monkeypatch.setattr(schedule.Schedule, "_ordered", broken)
    x = T.ftensor3("x")
    softmaxes = graphlib.scan(lambda m: graphlib.scan(lambda v: T.cumsum(T.cumsum(v) * 2), m)[0], x)[0]
    with pytest.raises(ScheduleError, match=r"a step of .* before it is written"):
        function([x], softmaxes)


def test_an_edge_that_is_missing(function, monkeypatch):
    """The scalar that a product is added to: its maker was not among those that come before."""
    scalars = steps.MatMul.scalars
    monkeypatch.setattr(steps.MatMul, "scalars", lambda self: [e for e in scalars(self) if e is not self.c])
    with pytest.raises(ScheduleError, match=r"MatMul of gemm .* reads set_subtensor.* before it is written"):
        function(*gradient_through_one_step())


def test_two_values_alive_in_one_part_of_the_arena(function, monkeypatch):
    def one(*args):
        slots = memory.plan(*args)
        return [
            memory.Slot(
                [n for slot in slots for n in slot.sizes], [v for slot in slots for v in slot.variables]
            )
        ]

    monkeypatch.setattr("graphlib.schedule.planning.arena", one)
    with pytest.raises(ScheduleError, match=r"was written over it|while it still reads that"):
        function(*layers())


def test_written_in_place_before_the_last_reader(function, monkeypatch):
    """An update over the old value, without the steps that still need that coming before."""
    monkeypatch.setattr(schedule.Schedule, "_overwritable", lambda self, shared, v: True)
    w = graphlib.shared(normal(3, 3), name="w")
    new = 2 * w
    with pytest.raises(ScheduleError, match=r"reads w .* after .* was written over it"):
        function([], [T.dot(T.cumsum(new, axis=0), w)], updates=[(w, new)])


def test_written_over_what_a_nest_reads_elsewhere(function, monkeypatch):
    monkeypatch.setattr(schedule, "reads_in_place", lambda *args: True)
    w = graphlib.shared(normal(4), name="w")
    with pytest.raises(ScheduleError, match="while it still reads that"):
        function([], [], updates=[(w, w[::-1] * 2 + w)])


def test_a_value_that_a_nest_computes_in_one_loop_and_reads_in_another(function, monkeypatch):
    build = nests.build

    def forgetful(values):
        nest = build(values)
        nest.crossing.clear()
        return nest

    monkeypatch.setattr("graphlib.schedule.cpu.build", forgetful)
    monkeypatch.setattr("graphlib.schedule.gpu.nests.build", forgetful)
    x = T.ftensor3("x")
    with pytest.raises(
        ScheduleError,
        match=r"reads .*, which is in no memory|the text of Loops of .* neither reads nor writes",
    ):
        function([x], T.nnet.softmax(x.sum(axis=2)))


def test_something_added_to_nothing(function, monkeypatch):
    monkeypatch.setattr(schedule.Lowering, "base", lambda self, v: None)
    x, y = T.fmatrices("x", "y")
    with pytest.raises(ScheduleError, match="which begins as nothing"):
        function([x, y], T.inc_subtensor(T.exp(x)[1:], y))


def test_a_length_before_it_is_computed(function, monkeypatch):
    monkeypatch.setattr(schedule.Schedule, "_makers_of", lambda self, lengths: set())
    ordered = schedule.Schedule._ordered
    monkeypatch.setattr(schedule.Schedule, "_ordered", lambda self: ordered(self)[::-1])
    x, k = T.fvector("x"), T.lvector("k")
    with pytest.raises(ScheduleError, match="needs the length"):
        function([x, k], T.zeros((k.cumsum()[-1],)) + x[0])


def test_what_may_fail_after_a_shared_variable_has_changed(function, monkeypatch):
    monkeypatch.setattr(schedule.Schedule, "_may_fail", lambda self: set())
    with pytest.raises(ScheduleError, match=r"may fail after count .* has been changed"):
        inputs, outputs, updates = step_by_a_rate_of_many()
        function(inputs, outputs, updates=updates)


# what the proof has found


def gradient_through_one_step():
    """The gradient to x of x s + t tanh(x/2): where all lengths are 1, what the last product is added to is
    one number, which is not in memory."""
    x, t = T.tensor("x", "float32", shape=(1,)), T.tensor("t", "float32", shape=(1,))
    s = T.tensor("s", "float32", shape=(1, 1))
    row = x.dimshuffle("x", 0)
    halves = T.set_subtensor(row[0:1], np.float32(0.5))
    h, _ = graphlib.scan(lambda v, h: T.tanh(T.dot(v, row) + T.dot(h, row)), halves, T.zeros((1,)))
    return [x, s, t], T.grad((row * s).sum() + (h[-1] * t).sum(), x)


def test_a_product_added_to_one_number_that_a_step_computes(function):
    got = function(*gradient_through_one_step())(np.float32([0.7]), np.float32([[0.3]]), np.float32([1.1]))
    np.testing.assert_allclose(got, [0.3 + 1.1 * 0.5 * (1 - np.tanh(0.35) ** 2)], rtol=1e-5)


def step_by_a_rate_of_many():
    x, rates, k = T.fmatrix("x"), T.fvector("rates"), T.lscalar("k")
    w, count = graphlib.shared(normal(3, 3), name="w"), graphlib.shared(np.float32(1), name="count")
    return [x, rates, k], [], [(count, count + 1), (w, w - rates[k] * T.dot(x.T, x))]


def test_the_rate_of_a_step_by_an_index(function):
    """A wrong index among the scalars of a product is an error, and leaves shared variables as they were."""
    inputs, outputs, updates = step_by_a_rate_of_many()
    (count, _), (w, _) = updates
    before, x = w.get_value(), normal(5, 3, seed=1)
    f = function(inputs, outputs, updates=updates)
    with pytest.raises(IndexError):
        f(x, np.float32([0.5, 0.25]), 2)
    assert count.get_value() == 1
    np.testing.assert_array_equal(w.get_value(), before)
    f(x, np.float32([0.5, 0.25]), -1)
    assert count.get_value() == 2
    np.testing.assert_allclose(w.get_value(), before - 0.25 * x.T @ x, rtol=1e-5, atol=1e-5)
