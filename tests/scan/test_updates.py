"""Shared variables that a step updates, and random draws inside loops."""

import pickle

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.tensor.shared_randomstreams import RandomStreams

from .modes import compiled, on_each_mode

pytestmark = on_each_mode


def number(value, name=None, dtype="float32"):
    return graphlib.shared(np.asarray(value, dtype), name)


# updates


@pytest.mark.parametrize("form", ["dict", "pairs", "with output", "output and pairs", "updates first"])
def test_a_step_updates_a_shared_variable(mode, form):
    x, count = T.vector("x"), number(10, "count")

    def step(v):
        updates = {count: count + v}
        return {
            "dict": updates,
            "pairs": [(count, count + v)],
            "with output": (count, updates),
            "output and pairs": ([count], [(count, count + v)]),
            "updates first": (updates, [count]),
        }[form]

    out, updates = graphlib.scan(step, x)
    assert list(updates) == [count]
    if form in ("dict", "pairs"):
        assert out is None
        f = compiled(mode, [x], [], updates=updates)
        f([1, 2, 4])
    else:
        f = compiled(mode, [x], out, updates=updates)
        # expressions see the value from before the step, as the updates of a function do
        assert f([1, 2, 4]).tolist() == [10, 11, 13]
    assert count.get_value() == 17
    f([])
    assert count.get_value() == 17


def test_updates_that_are_not_passed_on_are_not_made(mode):
    x, count = T.vector("x"), number(0)
    out, updates = graphlib.scan(lambda v: (count + v, {count: count + 1}), x)
    f = compiled(mode, [x], out)
    assert f([0, 0, 0]).tolist() == [0, 1, 2]
    assert count.get_value() == 0
    assert f([0, 0, 0]).tolist() == [0, 1, 2]
    assert updates


def test_the_returned_updates_are_a_dictionary_to_go_on_with(mode):
    a, b = number(1), number(5)
    _, updates = graphlib.scan(lambda: {a: a * 2}, n_steps=3)
    assert updates
    updates[b] = b - updates[a]
    updates.update({a: updates[a] + 1})
    compiled(mode, [], [], updates=updates)()
    assert (a.get_value(), b.get_value()) == (9, -3)
    _, none = graphlib.scan(lambda v: v, T.vector())
    assert not none
    more, _ = graphlib.scan(lambda: a + 1, n_steps=2)
    none.update({a: more[-1]})
    compiled(mode, [], [], updates=none)()
    assert a.get_value() == 10


def test_several_updates_of_one_step_see_the_old_values(mode):
    a, b = number(1), number(2)
    _, updates = graphlib.scan(lambda: {a: b, b: a + b}, n_steps=3)
    compiled(mode, [], [], updates=updates)()
    assert (a.get_value(), b.get_value()) == (5, 8)


def test_a_matrix_is_updated_in_place_of_itself(mode):
    x, w = T.matrix("x"), number(np.eye(3), "w")
    cost, updates = graphlib.scan(
        lambda row: (T.dot(w, row).sum(), {w: w - 0.1 * T.outer(row, row)}), sequences=x
    )
    a = np.random.RandomState(0).normal(size=(4, 3)).astype("float32")
    m, wanted = np.eye(3), []
    for row in a:
        wanted.append((m @ row).sum())
        m = m - 0.1 * np.outer(row, row)
    np.testing.assert_allclose(compiled(mode, [x], cost, updates=updates)(a), wanted, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(w.get_value(), m, rtol=1e-4, atol=1e-5)


def test_what_is_passed_to_the_step_has_its_value_from_before_the_loop(mode):
    """As in Theano: a non-sequence is computed once, an expression that the step closes over at each step."""
    count = number(1)
    closed_over = count * 2
    (passed, closed), updates = graphlib.scan(
        lambda v: ([v, closed_over], {count: count + v}), non_sequences=count * 2, n_steps=3
    )
    got = compiled(mode, [], [passed, closed], updates=updates)()
    np.testing.assert_array_equal(got, [[2, 2, 2], [2, 6, 10]])
    assert count.get_value() == 7


def test_an_update_in_a_loop_in_a_loop(mode):
    count = number(0)

    def outer():
        _, updates = graphlib.scan(lambda: {count: count + 1}, n_steps=3)
        updates[count] = updates[count] * 2
        return updates

    _, updates = graphlib.scan(outer, n_steps=2)
    compiled(mode, [], [], updates=updates)()
    assert count.get_value() == ((0 + 3) * 2 + 3) * 2


def test_gradient_descent_inside_a_loop(mode):
    w, x = number([4, -2], "w"), T.vector("x")

    def step():
        cost = T.sqr(w - x).sum()
        return cost, {w: w - 0.25 * T.grad(cost, w)}

    costs, updates = graphlib.scan(step, n_steps=10)
    f = compiled(mode, [x], costs, updates=updates)
    np.testing.assert_allclose(f([1, 0]), [13 * 0.25**t for t in range(10)], rtol=1e-4)
    np.testing.assert_allclose(w.get_value(), [1 + 3 / 2**10, -2 / 2**10], rtol=1e-4)


# random draws


def draws(seed, stream, first, count, shape, draw="uniform"):
    """Numbers made by hand: one draw after the other from a state (seed, stream, counter)."""
    from graphlib.ops.random import random_normal, random_uniform

    state = T.lvector()
    make = {"uniform": random_uniform, "normal": random_normal}[draw]
    f = compiled("reference", [state], make(state, *shape, dtype="float32"))
    return np.array([f(np.array([seed, stream, first + t])) for t in range(count)])


def test_draws_differ_from_step_to_step_and_from_call_to_call(mode):
    rng = RandomStreams(42)
    out, _ = graphlib.scan(lambda: rng.uniform(size=(3,)), n_steps=4)
    f = compiled(mode, [], out)
    np.testing.assert_array_equal(f(), draws(42, 0, 0, 4, (3,)))
    np.testing.assert_array_equal(f(), draws(42, 0, 4, 4, (3,)))


def test_passing_the_updates_changes_nothing(mode):
    rng = RandomStreams(42)
    out, updates = graphlib.scan(lambda: rng.normal(size=(2,)), n_steps=3)
    f = compiled(mode, [], out, updates=updates)
    np.testing.assert_allclose(f(), draws(42, 0, 0, 3, (2,), "normal"), rtol=2e-6, atol=1e-6)
    np.testing.assert_allclose(f(), draws(42, 0, 3, 3, (2,), "normal"), rtol=2e-6, atol=1e-6)


def test_several_draws_in_a_step_have_streams_of_their_own(mode):
    rng = RandomStreams(7)
    before = rng.uniform(size=(2,))
    (a, b), _ = graphlib.scan(lambda: [rng.uniform(size=(2,)), rng.uniform(size=(2,))], n_steps=3)
    f = compiled(mode, [], [before, a, b])
    for call in range(2):
        got = f()
        np.testing.assert_array_equal(got[0], draws(7, 0, call, 1, (2,))[0])
        np.testing.assert_array_equal(got[1], draws(7, 1, 3 * call, 3, (2,)))
        np.testing.assert_array_equal(got[2], draws(7, 2, 3 * call, 3, (2,)))


def test_a_draw_that_is_passed_to_the_step_is_the_same_at_every_step(mode):
    """One that it closes over is made at each step, as in Theano."""
    rng = RandomStreams(3)
    noise, other = rng.uniform(size=(2,)), rng.uniform(size=(2,))
    out, _ = graphlib.scan(lambda v, noise: [noise + v, other + v], T.zeros((3,)), non_sequences=noise)
    f = compiled(mode, [], out)
    for call in range(2):
        passed, closed = f()
        np.testing.assert_array_equal(passed, np.repeat(draws(3, 0, call, 1, (2,)), 3, 0))
        np.testing.assert_array_equal(closed, draws(3, 1, 3 * call, 3, (2,)))


def test_draws_in_a_loop_in_a_loop(mode):
    rng = RandomStreams(5)

    def outer(h):
        inner, updates = graphlib.scan(lambda v: v + rng.uniform(size=(2,)), outputs_info=h, n_steps=3)
        return inner[-1], updates

    out, updates = graphlib.scan(outer, outputs_info=T.zeros((2,)), n_steps=4)
    f = compiled(mode, [], out, updates=updates)
    np.testing.assert_allclose(f(), draws(5, 0, 0, 12, (2,)).cumsum(0)[2::3], rtol=1e-6)
    np.testing.assert_allclose(f(), draws(5, 0, 12, 12, (2,)).cumsum(0)[2::3], rtol=1e-6)


@pytest.mark.parametrize("form", ["of the loop inside", "of the stream"])
def test_draws_go_on_whose_updates_the_step_returns(mode, form):
    """Also where the function is not given the updates that come out: no number comes twice."""
    rng = RandomStreams(5)

    def step():
        if form == "of the stream":
            return rng.uniform(size=(3,)), rng.updates()
        return graphlib.scan(lambda: rng.uniform(), n_steps=3)

    out, _ = graphlib.scan(step, n_steps=2)
    f = compiled(mode, [], out)
    wanted = draws(5, 0, 0, 12, ()) if form == "of the loop inside" else draws(5, 0, 0, 4, (3,))
    np.testing.assert_array_equal(np.ravel([f(), f()]), wanted.ravel())


@pytest.mark.parametrize("longer_first", [True, False])
def test_a_loop_and_a_longer_clone_of_it_go_on_from_the_longer_one(mode, longer_first):
    rng, n = RandomStreams(5), T.lscalar("n")
    out, _ = graphlib.scan(lambda: rng.uniform(size=(2,)), n_steps=n)
    outputs = [graphlib.clone(out, {n: n + 3}), out]
    f = compiled(mode, [n], outputs if longer_first else outputs[::-1])
    wanted = draws(5, 0, 0, 10, (2,))
    for start in (0, 5):
        longer, shorter = f(2) if longer_first else f(2)[::-1]
        np.testing.assert_array_equal(longer, wanted[start : start + 5])
        np.testing.assert_array_equal(shorter, wanted[start : start + 2])


def test_draws_in_both_loops(mode):
    rng = RandomStreams(5)

    def outer():
        own = rng.uniform(size=(1,))
        inner, _ = graphlib.scan(lambda: rng.uniform(size=(1,)), n_steps=2)
        return own, inner

    (own, inner), _ = graphlib.scan(lambda: list(outer()), n_steps=3)
    f = compiled(mode, [], [own, inner])
    for call in range(2):
        a, b = f()
        np.testing.assert_array_equal(a, draws(5, 0, 3 * call, 3, (1,)))
        np.testing.assert_array_equal(b.reshape(6, 1), draws(5, 1, 6 * call, 6, (1,)))


def test_until_stops_the_counter_as_well(mode):
    rng = RandomStreams(9)
    limit = T.scalar("limit")

    def step():
        u = rng.uniform()
        return u, graphlib.until(u < limit)

    out, _ = graphlib.scan(step, n_steps=1000)
    f = compiled(mode, [limit], out)
    wanted = draws(9, 0, 0, 1000, ())
    first = f(0.2)
    second = f(0.2)
    end = int(np.argmax(wanted < 0.2)) + 1
    np.testing.assert_array_equal(first, wanted[:end])
    np.testing.assert_array_equal(second, wanted[end : end + len(second)])
    assert (second[:-1] >= 0.2).all() and second[-1] < 0.2


def test_two_functions_share_the_state_of_a_draw_in_a_loop(mode):
    rng = RandomStreams(11)
    out, _ = graphlib.scan(lambda: rng.uniform(), n_steps=2)
    f, g = compiled(mode, [], out), compiled(mode, [], out.sum())
    wanted = draws(11, 0, 0, 6, ())
    np.testing.assert_array_equal(f(), wanted[:2])
    np.testing.assert_allclose(g(), wanted[2:4].sum(), rtol=1e-6)
    np.testing.assert_array_equal(f(), wanted[4:])


def test_the_state_of_a_draw_is_saved_with_the_function(mode):
    rng = RandomStreams(13)
    out, _ = graphlib.scan(lambda: rng.uniform(), n_steps=3)
    f = compiled(mode, [], out)
    wanted = draws(13, 0, 0, 9, ())
    f()
    again = pickle.loads(pickle.dumps(f))
    np.testing.assert_array_equal(f(), wanted[3:6])
    np.testing.assert_array_equal(again(), wanted[3:6])


def test_no_default_updates_repeats_the_numbers(mode):
    rng = RandomStreams(17)
    out, _ = graphlib.scan(lambda: rng.uniform(), n_steps=3)
    f = compiled(mode, [], out, no_default_updates=True)
    np.testing.assert_array_equal(f(), f())


def test_gibbs_sampling(mode):
    """The loop of Theano's tutorial: ten steps of block Gibbs sampling, several random draws a step."""
    values = np.random.RandomState(0)
    w = number(values.normal(size=(4, 3)), "W")
    bv, bh = number(values.normal(size=4), "bvis"), number(values.normal(size=3), "bhid")
    rng = T.shared_randomstreams.RandomStreams(1234)

    def one_step(v):
        h_mean = T.nnet.sigmoid(graphlib.tensor.dot(v, w) + bh)
        h = rng.binomial(size=h_mean.shape, n=1, p=h_mean)
        v_mean = T.nnet.sigmoid(graphlib.tensor.dot(h, w.T) + bv)
        return rng.binomial(size=v_mean.shape, n=1, p=v_mean, dtype=graphlib.config.floatX)

    sample = T.vector()
    chain, updates = graphlib.scan(one_step, outputs_info=sample, n_steps=10)
    gibbs10 = compiled(mode, [sample], chain, updates=updates)

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    v = np.ones(4, "float32")
    for call in range(2):
        got = gibbs10(v)
        uh, uv = draws(1234, 0, 10 * call, 10, (3,)), draws(1234, 1, 10 * call, 10, (4,))
        for t in range(10):
            h = uh[t] < sigmoid(v @ w.get_value() + bh.get_value())
            v = (uv[t] < sigmoid(h @ w.get_value().T + bv.get_value())).astype("float32")
            np.testing.assert_array_equal(got[t], v)


def test_the_gradient_goes_through_the_same_draws(mode):
    rng, x = RandomStreams(21), T.vector("x")
    out, _ = graphlib.scan(lambda h: h * rng.uniform(size=h.shape), outputs_info=x, n_steps=3)
    f = compiled(mode, [x], [out[-1], T.grad(out[-1].sum(), x)])
    for call in range(2):
        value, gradient = f([1, 2])
        wanted = draws(21, 0, 3 * call, 3, (2,)).prod(0)
        np.testing.assert_allclose(value, wanted * [1, 2], rtol=1e-5)
        np.testing.assert_allclose(gradient, wanted, rtol=1e-5)


def test_a_permutation_a_step(mode):
    rng, n = RandomStreams(23), T.lscalar("n")
    out, _ = graphlib.scan(lambda: rng.permutation(n=n), n_steps=5)
    f = compiled(mode, [n], out)
    orders = f(6)
    assert np.array_equal(np.sort(orders, 1), np.tile(np.arange(6), (5, 1)))
    # 5 orders of 6 are all different, but for a chance of 10/720
    assert len({tuple(row) for row in orders}) == 5


def test_a_draw_that_a_step_closes_over_is_made_anew_and_one_that_is_passed_once(mode):
    """Theano's rule; a gradient has the numbers that the values have, and all rows of a Jacobian the same."""
    x = T.dvector("x")
    noise, passed, scale = (RandomStreams(3).normal((2,), dtype="float64") for _ in range(3))
    h, _ = graphlib.scan(lambda h: (h + noise) * x, outputs_info=T.zeros((2,), "float64"), n_steps=3)
    k, _ = graphlib.scan(
        lambda k, noise: (k + noise) * x,
        outputs_info=T.zeros((2,), "float64"),
        non_sequences=passed,
        n_steps=3,
    )
    y = T.exp(x) * scale
    f = compiled(mode, [x], [h, T.grad(h.sum(), x), k, T.grad(k.sum(), x), y, graphlib.jacobian(y, x)])
    a = np.array([0.5, 2.0])
    for call in range(2):
        h, h_x, k, k_x, y, y_x = f(a)
        n = np.array([h[0] / a, h[1] / a - h[0], h[2] / a - h[1]])
        assert len(set(n.round(9).ravel())) == 6
        if not call:
            first = n
        assert call == 0 or not np.isclose(n, first).any()
        # h1 = n1 x, h2 = n1 x² + n2 x, h3 = n1 x³ + n2 x² + n3 x
        slope = n[0] * (1 + 2 * a + 3 * a**2) + n[1] * (1 + 2 * a) + n[2]
        np.testing.assert_allclose(h_x, slope, rtol=1e-9)
        m = k[0] / a
        np.testing.assert_allclose(k, [m * a, m * (a + a**2), m * (a + a**2 + a**3)], rtol=1e-9)
        np.testing.assert_allclose(k_x, m * (3 + 4 * a + 3 * a**2), rtol=1e-9)
        np.testing.assert_allclose(y_x, np.diag(y), rtol=1e-9)
