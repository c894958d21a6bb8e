"""Loops whose gradient makes steps again: the same values in less memory."""

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.errors import InputError
from graphlib.tensor.random import RandomStreams
from tests.ops.backends import MODES, compiled

rng = np.random.RandomState(0)
W, U = (
    graphlib.shared((0.3 * rng.normal(size=shape)).astype("float32"), name=name, shape=shape)
    for name, shape in (("W", (4, 4)), ("U", (3, 4)))
)


def recurrent(n, every, last, **options):
    """A cost of a loop with two states, one of them read two steps back, its values, and its gradients."""
    x, h, g = T.fmatrix("x"), T.fvector("h"), T.fmatrix("g")

    def step(xt, g2, g1, h):
        h = T.tanh(T.dot(xt, U) + T.dot(h, W) + 0.1 * g2)
        return 0.5 * g1 - g2 * h, h, T.sqr(h).sum()

    info = [{"initial": g, "taps": [-2, -1]}, h, None]
    (gs, hs, costs), _ = graphlib.scan(step, x, info, n_steps=n, checkpoint_every=every, **options)
    if last:
        cost = T.sqr(hs[-1]).sum() + gs[-1].sum()
    else:
        cost = costs.sum() + (hs[-1] * hs[0]).sum() + T.sqr(gs[2:-1]).sum()
    return [x, h, g], [cost, gs, hs, costs, *T.grad(cost, [W, U, x, h, g])]


def given(steps):
    return [rng.normal(size=shape).astype("float32") for shape in ((steps, 3), (4,), (2, 4))]


@pytest.mark.parametrize(("backend", "last"), [*((b, False) for b in MODES), ("c", True)])
def test_values_and_gradients_are_those_of_the_loop_as_it_is(backend, last):
    every = T.lscalar("every")
    inputs, outputs = recurrent(None, every, last)
    cut = compiled(backend, [*inputs, every], outputs)
    plain = compiled("reference", *recurrent(None, None, last))
    for steps, size in ((11, 3), (12, 4), (7, 1), (3, 5), (1, 1)):
        arrays = given(steps)
        for got, wanted in zip(cut(*arrays, size), plain(*arrays), strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("steps", "every"), [(11, 4), (8, 4), (3, 4)])
def test_lengths_that_are_known(steps, every):
    options = {"go_backwards": True, "name": "known"}
    inputs, outputs = recurrent(steps, every, False, **options)
    arrays = given(steps)
    plain = compiled("reference", *recurrent(steps, None, False, **options))
    for got, wanted in zip(compiled("c", inputs, outputs)(*arrays), plain(*arrays), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)


def test_draws_and_updates_go_on_from_block_to_block():
    def results(every):
        streams, count = RandomStreams(3), graphlib.shared(np.float32(1), name="count")
        x = T.fvector("x")

        def step(v, s):
            return s * W[0, 0] + v * streams.normal() + count, {count: count * 0.5}

        s, updates = graphlib.scan(step, x, T.constant(np.float32(0)), checkpoint_every=every)
        f = graphlib.function([x], [s, T.grad(s.sum(), x)], updates=updates)
        return [*f(np.ones(10, "float32")), *f(np.ones(7, "float32")), count.get_value()]

    for got, wanted in zip(results(4), results(None), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-5)


def test_derivatives_of_derivatives():
    x = np.linspace(-1, 1, 7)

    def slope(v):
        s, _ = graphlib.scan(lambda a, s: T.tanh(s + a * s * v.sum()), v, v[0], checkpoint_every=3)
        return T.grad(s[-1] + T.sqr(s).sum(), v)

    graphlib.verify_grad(slope, [x])


def memory(every, last):
    """The bytes of a gradient's intermediate results for 400 steps of 64 values."""
    h, x = T.fvector("h", shape=(64,)), T.fmatrix("x", shape=(400, 64))
    w = graphlib.shared(np.zeros((64, 64), "float32"), shape=(64, 64))

    def step(a, s):
        return [T.tanh(T.dot(s, w) + a)] * 2

    (s, y), _ = graphlib.scan(step, x, [h, None], checkpoint_every=every)
    cost = T.sqr(s[-1]).sum() if last else T.sqr(y).sum(axis=1).mean()
    f = compiled("c", [x, h], [cost, T.grad(cost, w)])
    return sum(max(size.constant for size in slot.sizes) for plan in f.plan.all() for slot in plan.slots)


def test_memory_grows_with_the_root_of_the_steps():
    values = 400 * 64 * 4
    assert memory(20, True) < 0.6 * values < values < memory(None, True)
    # what is read of each step is there in any case, and its gradient
    assert memory(20, False) < 3.5 * values < memory(None, False)


def test_errors():
    x = T.fvector("x")
    for options, message in (
        ({"checkpoint_every": 0}, "scan: checkpoint_every must be at least 1, not 0"),
        ({"checkpoint_every": 2, "truncate_gradient": 3}, "does not go together with truncate_gradient"),
    ):
        with pytest.raises(InputError, match=message):
            graphlib.scan(lambda a, s: a + s, x, x[0], **options)
    with pytest.raises(InputError, match=r"does not go together with until\(condition\)"):
        graphlib.scan(lambda a, s: (a + s, graphlib.until(s > 1)), x, x[0], checkpoint_every=2)
    s, _ = graphlib.scan(lambda a, s: a + s, x, T.constant(np.float32(0)), checkpoint_every=2)
    with pytest.raises(graphlib.errors.ShapeError, match="makes 0 steps: it has no last value"):
        graphlib.function([x], s[-1])([])
