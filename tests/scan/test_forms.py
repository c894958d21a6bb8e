"""The forms in which a loop can be written, each against numpy; Theano's tutorial examples."""

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T

from .modes import compiled, on_each_mode

pytestmark = on_each_mode


def array(*shape, seed=0):
    return np.random.RandomState(seed).normal(size=shape).astype("float32")


def close(got, wanted):
    np.testing.assert_allclose(got, wanted, rtol=2e-5, atol=2e-5)
    assert np.shape(got) == np.shape(wanted)


# sequences and taps


def test_a_step_of_rows_only(mode):
    x, y = T.matrix("x"), T.vector("y")
    out, updates = graphlib.scan(lambda row, s: row.sum() * s, sequences=[x, y])
    assert updates == {}
    a, b = array(4, 3), array(4, seed=1)
    close(compiled(mode, [x, y], out)(a, b), a.sum(1) * b)


def test_the_shortest_sequence_sets_the_number_of_steps(mode):
    x, y = T.vector("x"), T.vector("y")
    out, _ = graphlib.scan(lambda a, b: a * b, sequences=[x, y])
    f = compiled(mode, [x, y], out)
    a, b = array(5), array(3, seed=1)
    close(f(a, b), a[:3] * b)
    close(f(b, a), a[:3] * b)
    assert f(a, b[:0]).shape == (0,)


def test_taps_into_past_and_future(mode):
    x = T.vector("x")
    out, _ = graphlib.scan(
        lambda before, here, after2: before + 10 * here + 100 * after2,
        sequences=[{"input": x, "taps": [-1, 0, 2]}],
    )
    a = array(7)
    # x[t] begins where the earliest tap begins: t = 1
    close(compiled(mode, [x], out)(a), [a[t - 1] + 10 * a[t] + 100 * a[t + 2] for t in range(1, 5)])


def test_several_tapped_sequences_are_given_in_order(mode):
    x, y = T.vector("x"), T.vector("y")
    out, _ = graphlib.scan(
        lambda x0, x1, y_2, y0: x0 + 10 * x1 + 100 * y_2 + 1000 * y0,
        sequences=[{"input": x, "taps": [0, 1]}, {"input": y, "taps": [-2, 0]}],
    )
    a, b = array(6), array(6, seed=1)
    close(
        compiled(mode, [x, y], out)(a, b),
        [a[t] + 10 * a[t + 1] + 100 * b[t] + 1000 * b[t + 2] for t in range(4)],
    )


def test_one_tap_that_is_not_zero(mode):
    x = T.vector("x")
    out, _ = graphlib.scan(lambda v: v * 2, sequences={"input": x, "taps": [1]})
    a = array(4)
    close(compiled(mode, [x], out)(a), a[1:] * 2)


def test_go_backwards(mode):
    x = T.vector("x")
    out, _ = graphlib.scan(lambda v, total: total * 2 + v, x, T.constant(np.float32(0)), go_backwards=True)
    a, total, wanted = array(5), 0, []
    for v in a[::-1]:
        total = total * 2 + v
        wanted.append(total)
    close(compiled(mode, [x], out)(a), wanted)


def test_go_backwards_with_taps(mode):
    x = T.vector("x")
    out, _ = graphlib.scan(lambda a, b: a - 3 * b, {"input": x, "taps": [0, 1]}, go_backwards=True)
    a = array(5)
    close(compiled(mode, [x], out)(a), (a[:-1] - 3 * a[1:])[::-1])


# states


def test_a_state_without_sequences(mode):
    x0, n = T.scalar("x0"), T.iscalar("n")
    out, _ = graphlib.scan(lambda v: v * 2 + 1, outputs_info=x0, n_steps=n)
    f = compiled(mode, [x0, n], out)
    close(f(1, 4), [3, 7, 15, 31])
    assert f(1, 0).shape == (0,)
    close(f(1, 1), [3])


@pytest.mark.parametrize("steps", [0, 1, 2, 5])
def test_a_number_of_steps_known_beforehand(mode, steps):
    x0 = T.vector("x0")
    out, _ = graphlib.scan(lambda v: v + 1, outputs_info=[x0], n_steps=steps)
    assert out.type.shape[0] == steps
    a = array(3)
    close(compiled(mode, [x0], out)(a), [a + t + 1 for t in range(steps)] if steps else np.zeros((0, 3)))


def test_a_state_with_several_taps(mode):
    x = T.vector("x")
    fibonacci, _ = graphlib.scan(lambda a, b: a + b, outputs_info={"initial": x, "taps": [-2, -1]}, n_steps=6)
    close(compiled(mode, [x], fibonacci)([1, 1]), [2, 3, 5, 8, 13, 21])


def test_taps_with_gaps_and_in_any_order(mode):
    x = T.matrix("x")
    out, _ = graphlib.scan(
        lambda last, third: last * 0.5 - third, outputs_info={"initial": x, "taps": [-1, -3]}, n_steps=5
    )
    a = array(3, 2)
    rows = list(a)
    for _ in range(5):
        rows.append(rows[-1] * np.float32(0.5) - rows[-3])
    close(compiled(mode, [x], out)(a), rows[3:])


def test_a_deep_tap_alone(mode):
    x = T.vector("x")
    out, _ = graphlib.scan(lambda v: v + 1, outputs_info={"initial": x, "taps": [-3]}, n_steps=7)
    close(compiled(mode, [x], out)([10, 20, 30]), [11, 21, 31, 12, 22, 32, 13])


def test_several_states_with_taps_and_mapped_outputs(mode):
    x, u0, v0, w = T.matrix("x"), T.matrix("u0"), T.vector("v0"), T.matrix("w")

    def step(x0, x1, u2, u1, v, w):
        u = T.tanh(T.dot(u1, w) + x0 - u2 * 0.5)
        return [u, v * 0.9 + u.sum(), u * x1, T.dot(u, u)]

    (u, v, m, s), updates = graphlib.scan(
        step,
        sequences={"input": x, "taps": [0, 1]},
        outputs_info=[{"initial": u0, "taps": [-2, -1]}, v0, None, None],
        non_sequences=w,
    )
    assert not updates
    a, b, c, d = array(6, 3), array(2, 3, seed=1), array(4, seed=2), array(3, 3, seed=3)
    us, vs, ms, ss = list(b), [c], [], []
    for t in range(5):
        us.append(np.tanh(us[-1] @ d + a[t] - us[-2] * 0.5))
        vs.append(vs[-1] * 0.9 + us[-1].sum())
        ms.append(us[-1] * a[t + 1])
        ss.append(us[-1] @ us[-1])
    got = compiled(mode, [x, u0, v0, w], [u, v, m, s])(a, b, c, d)
    for result, wanted in zip(got, (us[2:], vs[1:], ms, ss), strict=True):
        close(result, wanted)


def test_outputs_in_the_order_of_the_step(mode):
    x, s = T.vector("x"), T.scalar("s")
    (a, b, c), _ = graphlib.scan(
        lambda v, last: [v * 3, last + v, v * 5], sequences=x, outputs_info=[None, s, None]
    )
    values = compiled(mode, [x, s], [a, b, c])([1, 2, 3], 10)
    for got, wanted in zip(values, ([3, 6, 9], [11, 13, 16], [5, 10, 15]), strict=True):
        close(got, wanted)


def test_more_initial_values_than_the_taps_reach(mode):
    x = T.vector("x")
    out, _ = graphlib.scan(lambda a: a * 2, outputs_info={"initial": x, "taps": [-2]}, n_steps=2)
    close(compiled(mode, [x], out)([1, 2, 3]), [2, 4])


def test_states_of_integers_and_truth_values(mode):
    x = T.ivector("x")
    (total, seen), _ = graphlib.scan(
        lambda v, total, seen: [total + v, T.or_(seen, T.eq(v, 3))],
        sequences=x,
        outputs_info=[T.constant(np.int32(0)), T.constant(np.bool_(False))],
    )
    got, flags = compiled(mode, [x], [total, seen])(np.array([1, 3, 2], "int32"))
    assert got.dtype == "int32" and flags.dtype == "bool"
    assert got.tolist() == [1, 4, 6]
    assert flags.tolist() == [False, True, True]


def test_a_python_number_as_the_initial_value(mode):
    x = T.vector("x")
    out, _ = graphlib.scan(lambda v, total: total + v, x, outputs_info=0.0)
    close(compiled(mode, [x], out)([1, 2, 4]), [1, 3, 7])


def test_zeros_of_a_symbolic_shape_as_the_initial_value(mode):
    x, w = T.tensor3("x"), T.matrix("w")
    out, _ = graphlib.scan(
        lambda row, h: T.tanh(row + T.dot(h, w)), x, outputs_info=T.zeros((x.shape[1], w.shape[0]))
    )
    a, b = array(4, 2, 3), array(3, 3, seed=1)
    h, wanted = np.zeros((2, 3), "float32"), []
    for row in a:
        h = np.tanh(row + h @ b)
        wanted.append(h)
    close(compiled(mode, [x, w], out)(a, b), wanted)


def test_states_read_each_others_last_values(mode):
    a, b = T.scalar("a"), T.scalar("b")
    (p, q), _ = graphlib.scan(lambda p, q: [q, p + q], outputs_info=[a, b], n_steps=5)
    got = compiled(mode, [a, b], [p, q])(0, 1)
    close(got[0], [1, 1, 2, 3, 5])
    close(got[1], [1, 2, 3, 5, 8])


def test_a_state_that_the_step_does_not_read(mode):
    x, s = T.vector("x"), T.scalar("s")
    out, _ = graphlib.scan(lambda v, last: v * 2, x, s)
    close(compiled(mode, [x, s], out)([1, 2], 7), [2, 4])


def test_a_state_that_does_not_change(mode):
    s = T.vector("s")
    out, _ = graphlib.scan(lambda last: last, outputs_info=s, n_steps=3)
    a = array(2)
    close(compiled(mode, [s], out)(a), [a] * 3)


def test_outputs_that_are_inputs_or_constants_or_the_same(mode):
    x, c = T.vector("x"), T.scalar("c")
    (a, b, d, e), _ = graphlib.scan(
        lambda v: [v, T.constant(np.float32(4)), c, v], sequences=x, outputs_info=[None] * 4
    )
    got = compiled(mode, [x, c], [a, b, d, e])([1, 2], 9)
    for result, wanted in zip(got, ([1, 2], [4, 4], [9, 9], [1, 2]), strict=True):
        close(result, wanted)


# closures and non_sequences


def test_closures_over_shared_variables_and_expressions(mode):
    w = graphlib.shared(array(3, 3), "w")
    x, b = T.matrix("x"), T.vector("b")
    out, _ = graphlib.scan(lambda row: T.dot(row, w) + T.exp(b), sequences=x)
    f = compiled(mode, [x, b], out)
    a, c = array(4, 3, seed=1), array(3, seed=2)
    close(f(a, c), a @ w.get_value() + np.exp(c))
    w.set_value(w.get_value() * 2)
    close(f(a, c), a @ w.get_value() + np.exp(c))


def test_non_sequences_come_last(mode):
    x, s, k = T.vector("x"), T.scalar("s"), T.scalar("k")
    out, _ = graphlib.scan(lambda v, last, k, j: last * k + v * j, x, s, non_sequences=[k, 2])
    close(compiled(mode, [x, s, k], out)([1, 2], 1, 3), [5, 19])


def test_sequences_used_whole_inside(mode):
    x = T.vector("x")
    out, _ = graphlib.scan(lambda i: x[: i + 1].sum(), sequences=T.arange(x.shape[0]))
    a = array(5)
    close(compiled(mode, [x], out)(a), np.cumsum(a))


def test_rows_taken_by_number(mode):
    x, rows = T.matrix("x"), T.ivector("rows")
    out, _ = graphlib.scan(lambda i: x[i] * 2, sequences=rows)
    a = array(4, 3)
    close(compiled(mode, [x, rows], out)(a, np.array([3, 0, 3], "int32")), a[[3, 0, 3]] * 2)


# what comes back


def test_one_output_is_bare_and_several_are_a_list(mode):
    x = T.vector("x")
    one, _ = graphlib.scan(lambda v: v, x)
    assert isinstance(one, T.TensorVariable)
    also_one, _ = graphlib.scan(lambda v: [v], x)
    assert isinstance(also_one, T.TensorVariable)
    listed, _ = graphlib.scan(lambda v: v, x, return_list=True)
    assert isinstance(listed, list) and len(listed) == 1
    several, _ = graphlib.scan(lambda v: (v, v + 1), x)
    assert isinstance(several, list) and len(several) == 2
    close(compiled(mode, [x], [one, also_one, *listed, *several])([1, 2])[4], [2, 3])


@pytest.mark.parametrize("form", ["bare", "list", "tuple", "pair", "pair of list", "dict first"])
def test_what_a_step_may_return(mode, form):
    x = T.vector("x")

    def step(v):
        y = v * 2
        return {
            "bare": y,
            "list": [y],
            "tuple": (y,),
            "pair": (y, {}),
            "pair of list": ([y], {}),
            "dict first": ({}, [y]),
        }[form]

    out, updates = graphlib.scan(step, x)
    assert not updates
    close(compiled(mode, [x], out)([1, 2]), [2, 4])


# until


def test_until_ends_the_loop_after_the_step_that_says_so(mode):
    limit = T.scalar("limit")
    out, _ = graphlib.scan(
        lambda v, limit: (v * 2, graphlib.until(v * 2 > limit)),
        outputs_info=T.constant(np.float32(1)),
        non_sequences=limit,
        n_steps=1024,
    )
    f = compiled(mode, [limit], out)
    close(f(45), [2, 4, 8, 16, 32, 64])
    close(f(-1), [2])


def test_until_that_never_comes(mode):
    x = T.vector("x")
    out, _ = graphlib.scan(lambda v: (v + 1, graphlib.until(v > 100)), sequences=x)
    f = compiled(mode, [x], out)
    close(f([1, 2, 3]), [2, 3, 4])
    assert f(np.zeros(0, "float32")).shape == (0,)


def test_until_with_states_taps_and_mapped_outputs(mode):
    x, s = T.vector("x"), T.vector("s")
    (a, b), _ = graphlib.scan(
        lambda v, two, one: ([two + one + v, one * 10], graphlib.until(T.lt(v, 0))),
        sequences=x,
        outputs_info=[{"initial": s, "taps": [-2, -1]}, None],
    )
    got = compiled(mode, [x, s], [a, b, a[-1], a.shape[0]])([1, 2, -1, 5], [0, 1])
    close(got[0], [2, 5, 6])
    close(got[1], [10, 20, 50])
    close(got[2], 6)
    assert got[3] == 3


# relatives


def test_map(mode):
    x, y = T.matrix("x"), T.vector("y")
    out, updates = graphlib.map(lambda row, s, k: row * s + k, [x, y], non_sequences=[3])
    assert not updates
    a, b = array(3, 2), array(3, seed=1)
    close(compiled(mode, [x, y], out)(a, b), a * b[:, None] + 3)
    backwards, _ = graphlib.map(lambda row: row + 1, x, go_backwards=True)
    close(compiled(mode, [x], backwards)(a), a[::-1] + 1)


def test_reduce(mode):
    x = T.vector("x")
    total, updates = graphlib.reduce(lambda v, total: v + total * 2, x, T.constant(np.float32(0)))
    assert not updates
    close(compiled(mode, [x], total)([1, 2, 3]), 11)
    (a, b), _ = graphlib.reduce(
        lambda v, a, b: [a + v, b * v], x, [T.constant(np.float32(0)), T.constant(np.float32(1))]
    )
    close(compiled(mode, [x], T.stack([a, b]))([1, 2, 3]), [6, 6])


def test_foldl_and_foldr(mode):
    x = T.vector("x")
    left, _ = graphlib.foldl(lambda v, total: total * 10 + v, x, T.constant(np.float32(0)))
    right, _ = graphlib.foldr(lambda v, total: total * 10 + v, x, T.constant(np.float32(0)))
    close(compiled(mode, [x], [left, right])([1, 2, 3])[0], 123)
    close(compiled(mode, [x], right)([1, 2, 3]), 321)


# loops in loops


def test_a_loop_in_a_loop(mode):
    x, n = T.matrix("x"), T.iscalar("n")

    def outer(row, h):
        inner, _ = graphlib.scan(lambda v: v * 0.5 + row, outputs_info=h, n_steps=n)
        return inner[-1]

    out, _ = graphlib.scan(outer, x, T.zeros_like(x[0]))
    a = array(3, 2)
    h, wanted = np.zeros(2, "float32"), []
    for row in a:
        for _ in range(4):
            h = h * np.float32(0.5) + row
        wanted.append(h)
    close(compiled(mode, [x, n], out)(a, 4), wanted)


def test_an_inner_loop_over_a_row_of_the_outer_one(mode):
    x = T.matrix("x")
    out, _ = graphlib.scan(
        lambda row: graphlib.scan(lambda v, total: total + v, row, T.constant(np.float32(0)))[0], x
    )
    a = array(3, 4)
    close(compiled(mode, [x], out)(a), np.cumsum(a, 1))


def test_three_levels(mode):
    x = T.tensor3("x")

    def level(v):
        if v.ndim == 0:
            return T.exp(v)
        return graphlib.map(level, v)[0]

    a = array(2, 3, 2)
    close(compiled(mode, [x], level(x))(a), np.exp(a))


def test_two_loops_in_a_row_and_side_by_side(mode):
    x = T.vector("x")
    first, _ = graphlib.scan(lambda v, t: v + t, x, T.constant(np.float32(0)))
    second, _ = graphlib.scan(lambda v, t: v * t, first, T.constant(np.float32(1)))
    side, _ = graphlib.scan(lambda v: v - 1, x)
    a = array(4)
    got = compiled(mode, [x], [second, side])(a)
    close(got[0], np.cumprod(np.cumsum(a)))
    close(got[1], a - 1)


# examples of Theano's tutorial on scan


def test_power_of_a_tensor(mode):
    k, a = T.iscalar("k"), T.vector("A")
    result, updates = graphlib.scan(
        fn=lambda prior, a: prior * a, outputs_info=T.ones_like(a), non_sequences=a, n_steps=k
    )
    power = compiled(mode, [a, k], result[-1], updates=updates)
    close(power(range(10), 2), np.arange(10.0) ** 2)
    close(power(range(5), 4), np.arange(5.0) ** 4)


def test_polynomial(mode):
    coefficients, x = T.vector("coefficients"), T.scalar("x")
    components, _ = graphlib.scan(
        fn=lambda coefficient, power, free: coefficient * (free**power),
        outputs_info=None,
        sequences=[coefficients, T.arange(10000)],
        non_sequences=x,
    )
    close(compiled(mode, [coefficients, x], components.sum())([1, 0, 2], 3), 19)


def test_recurrence_with_matrices(mode):
    u, w, v = T.tensor3("U"), T.matrix("W"), T.matrix("V")
    h, _ = graphlib.scan(
        lambda x, h, w, v: T.tanh(T.dot(x, v) + T.dot(h, w)),
        sequences=u,
        outputs_info=T.zeros((u.shape[1], w.shape[0])),
        non_sequences=[w, v],
    )
    a, b, c = array(5, 2, 3), array(4, 4, seed=1), array(3, 4, seed=2)
    state, wanted = np.zeros((2, 4), "float32"), []
    for x in a:
        state = np.tanh(x @ c + state @ b)
        wanted.append(state)
    close(compiled(mode, [u, w, v], h)(a, b, c), wanted)


def test_sequence_to_sequence_with_taps_of_both(mode):
    u, x0, y0 = T.matrix("u"), T.matrix("x0"), T.vector("y0")
    w = [
        graphlib.shared(array(*shape, seed=k), f"w{k}")
        for k, shape in enumerate([(2, 3), (2, 3), (3, 3), (2,), (3,)])
    ]

    def one_step(u_4, u_0, x_3, x_1, y_1):
        x = T.tanh(T.dot(x_1, w[2]) + T.dot(u_0, w[0]) + T.dot(u_4, w[1]) + y_1)
        return [x, T.dot(x_3, w[4]) + T.dot(u_0, w[3])]

    (x, y), _ = graphlib.scan(
        one_step,
        sequences={"input": u, "taps": [-4, 0]},
        outputs_info=[{"initial": x0, "taps": [-3, -1]}, y0[-1]],
    )
    a, b, c = array(9, 2, seed=7), array(3, 3, seed=8), array(2, seed=9)
    values = [v.get_value() for v in w]
    xs, last, ys = list(b), c[-1], []
    for t in range(4, 9):
        new = np.tanh(xs[-1] @ values[2] + a[t] @ values[0] + a[t - 4] @ values[1] + last)
        last = xs[-3] @ values[4] + a[t] @ values[3]
        xs.append(new)
        ys.append(last)
    got = compiled(mode, [u, x0, y0], [x, y])(a, b, c)
    close(got[0], xs[3:])
    close(got[1], ys)


def test_elements_at_places(mode):
    location, values, model = T.imatrix("location"), T.vector("values"), T.matrix("model")
    out, _ = graphlib.scan(
        lambda at, value, model: T.set_subtensor(T.zeros_like(model)[at[0], at[1]], value),
        sequences=[location, values],
        non_sequences=model,
    )
    got = compiled(mode, [location, values, model], out)(
        np.array([[1, 1], [2, 3]], "int32"), np.array([42, 50], "float32"), np.zeros((5, 5), "float32")
    )
    wanted = np.zeros((2, 5, 5))
    wanted[0, 1, 1], wanted[1, 2, 3] = 42, 50
    close(got, wanted)


def test_a_jacobian_by_rows(mode):
    x = T.vector("x")
    w = graphlib.shared(array(3, 3), "w")
    y = T.tanh(T.dot(x, w))
    jacobian, _ = graphlib.scan(
        lambda i, y, x: T.grad(y[i], x), sequences=T.arange(y.shape[0]), non_sequences=[y, x]
    )
    a = array(3, seed=4)
    wanted = (w.get_value() * (1 - np.tanh(a @ w.get_value()) ** 2)).T
    close(compiled(mode, [x], jacobian)(a), wanted)


def test_steps_of_many_operations_on_images(mode):
    x = T.tensor4("x")
    w = graphlib.shared(array(2, 2, 3, 3) * np.float32(0.1), "w")
    out, _ = graphlib.scan(
        lambda h: T.tanh(T.nnet.conv2d(h, w, border_mode="half")), outputs_info=x, n_steps=3
    )
    once = compiled("reference", [x], T.tanh(T.nnet.conv2d(x, w, border_mode="half")))
    a = array(2, 2, 5, 5)
    close(compiled(mode, [x], out[-1])(a), once(once(once(a))))


def test_sorts_and_softmaxes_inside(mode):
    x = T.tensor3("x")
    out, _ = graphlib.scan(lambda m, last: T.nnet.softmax(T.sort(m, axis=1) + last), x, T.zeros_like(x[0]))
    a = array(3, 2, 4)
    last, wanted = np.zeros((2, 4)), []
    for m in a:
        e = np.exp(np.sort(m, 1) + last)
        last = e / e.sum(1, keepdims=True)
        wanted.append(last)
    close(compiled(mode, [x], out)(a), wanted)


def test_rows_whose_length_is_computed_outside(mode):
    x, n = T.vector("x"), T.iscalar("n")
    out, _ = graphlib.scan(lambda v: T.arange(n) * v, x)
    close(compiled(mode, [x, n], out)([1, 2], 3), [[0, 1, 2], [0, 2, 4]])


def test_output_whose_length_is_found_in_the_step(mode):
    """Some of the rows of a draw, from a place and of a length that are found at the call: what a step writes
    is the loop's, also where its length is not known before."""
    streams = T.shared_randomstreams.RandomStreams(4)
    start, stop = T.lscalars("start", "stop")
    h0, weights = T.matrix("h0"), np.random.RandomState(0).normal(size=(3, 3)).astype("float32")

    def step(h):
        own = h.shape[0]
        each = own // T.maximum(stop - start, 1)
        drawn = streams.uniform(size=[6 * each, 3])[start * each : start * each + own]
        v = T.cast(T.lt(drawn, T.nnet.sigmoid(T.dot(h, weights))), "float32")
        return [v, T.dot(v, weights)]

    (v, h), updates = graphlib.scan(step, outputs_info=[None, h0], n_steps=2)
    function = compiled(mode, [h0, start, stop], [v[-1], h[-1]], updates=updates)
    given = np.random.RandomState(1).normal(size=(4, 3)).astype("float32")
    found, last = function(given, 1, 5)
    assert set(np.unique(found)) == {0, 1}
    np.testing.assert_allclose(found @ weights, last, rtol=1e-6)


def test_there_are_never_more_steps_than_rows(mode):
    """Theano's rule: ``n_steps`` beyond a sequence makes as many steps as that has rows."""
    x, n = T.dvector("x"), T.iscalar("n")
    # a recurrence, and what needs none and leaves its loop
    (h, e), _ = graphlib.scan(lambda v, h: [v * h, T.exp(v)], x, [np.full((), 2.0), None], n_steps=n)
    f = compiled(mode, [x, n], [h, e, T.grad(h.sum(), x), h.shape[0]])
    row = np.array([1.0, 2, 3])
    for steps, made in ((0, 0), (2, 2), (3, 3), (4, 3)):
        powers, exponentials, gradient, count = f(row, steps)
        np.testing.assert_allclose(powers, [2, 4, 12][:made])
        np.testing.assert_allclose(exponentials, np.exp(row[:made]))
        np.testing.assert_allclose(gradient, {0: [0, 0, 0], 2: [6, 2, 0], 3: [18, 8, 4]}[made])
        assert count == made
    # with taps as many as there are rows for which all of them exist; the shortest of several; backwards
    y = T.dvector("y", shape=(4,))
    tapped, _ = graphlib.scan(
        lambda a, b, c, h: a * b * c + h, [{"input": x, "taps": [0, 2]}, y], np.zeros(()), n_steps=n
    )
    back, _ = graphlib.scan(lambda a, c, h: a * c + h, [x, y], np.zeros(()), n_steps=7, go_backwards=True)
    g = compiled(mode, [x, y, n], [tapped, back])
    first, second = g([1, 2, 3, 4, 5], [1, 10, 100, 1000], 9)
    np.testing.assert_allclose(first, np.cumsum([3, 80, 1500]))
    np.testing.assert_allclose(second, np.cumsum([5000, 400, 30, 2]))
    known, _ = graphlib.scan(lambda a: a * 2, T.dvector("z", shape=(3,)), n_steps=4)
    assert known.type.shape == (3,)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_sequences_that_are_constants(mode, count):
    """Also where all that a loop is given is known beforehand: it is compiled all the same."""
    c = np.arange(1, 3.0 * count + 1).reshape(count, 3)
    w, start = T.dscalar("w"), np.array([0.5, 0, -0.5])
    doubled, _ = graphlib.map(lambda row: row * 2, sequences=c)
    squares, _ = graphlib.map(lambda row: T.sqr(row).sum(), sequences=c)
    left, _ = graphlib.foldl(lambda row, so_far: so_far * 2 + row, [c], T.constant(start))
    right, _ = graphlib.foldr(lambda row, so_far: so_far * 2 + row, [c], T.constant(start))
    total, _ = graphlib.reduce(
        lambda k, so_far, one: so_far + k * one, [list(range(count))], 0, T.constant(2)
    )
    h, _ = graphlib.scan(lambda row, h: T.tanh(h * w + row * 0.1), [c.tolist()], [start])
    cost = h.sum()
    f = compiled(
        mode,
        [w],
        [doubled, doubled.sum(axis=0), doubled[-1], squares, squares[-1], left, right, total, h, h[-1]]
        + [cost, T.grad(cost, w), T.grad(T.grad(cost, w), w)],
    )

    def states(w):
        found = [start]
        for row in c:
            found.append(np.tanh(found[-1] * w + row * 0.1))
        return np.array(found[1:])

    two = 2.0 ** np.arange(count)[:, None]
    hs, e = states(0.3), 1e-4
    slope = (states(0.3 + e).sum() - states(0.3 - e).sum()) / (2 * e)
    curve = (states(0.3 + e).sum() - 2 * hs.sum() + states(0.3 - e).sum()) / e**2
    wanted = [c * 2, (c * 2).sum(axis=0), c[-1] * 2, (c * c).sum(axis=1), (c[-1] ** 2).sum()]
    wanted += [start * 2**count + (c * two[::-1]).sum(axis=0), start * 2**count + (c * two).sum(axis=0)]
    wanted += [count * (count - 1), hs, hs[-1], hs.sum(), slope, curve]
    for k, (got, value) in enumerate(zip(f(0.3), wanted, strict=True)):
        assert np.shape(got) == np.shape(value), k
        np.testing.assert_allclose(got, value, rtol=1e-5, atol=1e-6, err_msg=str(k))


def test_outputs_as_long_as_what_is_computed_of_a_state(mode):
    """Of an unknown length, which all steps have: that of a state."""
    x, start = T.dvector("x"), T.dvector("start")
    (_, tiled), _ = graphlib.scan(
        lambda x, h: [h * x, T.tile(T.tanh(h), [3])], sequences=x, outputs_info=[start, None]
    )
    f = compiled(mode, [x, start], [tiled, T.grad(T.sqr(tiled).sum(), start)])
    for at in (np.array([0.3]), np.array([0.3, -0.7])):
        states = [at, 2.0 * at]
        got, slope = f(np.array([2.0, 5.0]), at)
        np.testing.assert_allclose(got, [np.tile(np.tanh(h), 3) for h in states], rtol=1e-12)
        by_hand = sum(6 * np.tanh(k * at) * (1 - np.tanh(k * at) ** 2) * k for k in (1.0, 2.0))
        np.testing.assert_allclose(slope, by_hand, rtol=1e-10)


def test_outputs_of_another_shape_whose_length_is_left_to_the_others(mode):
    x = T.ftensor3("x")
    (pairs, halves), _ = graphlib.map(lambda a: (a.reshape((-1, 2)), a[1:].reshape((2, -1))), x)
    a = array(3, 3, 4)
    for got, wanted in zip(
        compiled(mode, [x], [pairs * 2, halves])(a),
        [2 * a.reshape(3, 6, 2), a[:, 1:].reshape(3, 2, 4)],
        strict=True,
    ):
        close(got, wanted)


def test_rows_of_a_state_that_a_mask_from_outside_picks(mode):
    """How many there are is the same in each step, since a state keeps its shape."""
    start, mask = T.dmatrix("start"), T.TensorType("bool", (None,))("mask")
    (_, picked), _ = graphlib.scan(
        lambda h: [2 * h, h[mask]], outputs_info=[start, None], n_steps=3, return_list=True
    )
    slope = T.grad(T.sqr(picked).sum(), start)
    values, chosen = np.arange(6.0).reshape(3, 2), np.array([True, False, True])
    got, found = compiled(mode, [start, mask], [picked, slope])(values, chosen)
    np.testing.assert_array_equal(got, [values[chosen], 2 * values[chosen], 4 * values[chosen]])
    np.testing.assert_array_equal(found, 2 * (1 + 4 + 16) * values * chosen[:, None])


def test_a_step_that_convolves_its_state(mode):
    """The number of images is known from the state, whose convolution is as long; of it, rows are mapped."""
    x, state, w = T.ftensor5("x"), T.ftensor4("state"), T.ftensor4("w", shape=(2, 2, 2, 2))

    def step(images, before):
        known = T.specify_shape(before, (None, 2, 3, 3))
        new = T.nnet.conv2d(known, w, border_mode="half")[:, :, :3, :3] + images
        return T.maximum(new, 0), new

    (positive, states), _ = graphlib.scan(step, sequences=x, outputs_info=[None, state])
    a, h, filters = array(3, 4, 2, 3, 3), array(4, 2, 3, 3, seed=1), array(2, 2, 2, 2, seed=2)
    wanted = []
    for images in a:
        padded = np.pad(h, [(0, 0), (0, 0), (1, 1), (1, 1)])
        h = images + sum(
            np.einsum("nchw,fc->nfhw", padded[:, :, i : i + 3, j : j + 3], filters[:, :, 1 - i, 1 - j])
            for i in range(2)
            for j in range(2)
        )
        wanted.append(h)
    got = compiled(mode, [x, state, w], [positive, states])(a, array(4, 2, 3, 3, seed=1), filters)
    close(got[0], np.maximum(wanted, 0))
    close(got[1], np.array(wanted))


def test_a_state_as_large_as_what_is_left_of_a_convolved_row(mode):
    """The lengths of the state and of the sum are the same by a check at the call, not by name."""
    x, state, w = T.ftensor5("x"), T.ftensor4("state"), T.ftensor4("w", shape=(2, 2, 2, 2))
    out, _ = graphlib.scan(
        lambda row, before: T.nnet.conv2d(row, w) + before * 0.5, sequences=x, outputs_info=state
    )
    a, h, filters = array(3, 1, 2, 4, 5), array(1, 2, 3, 4, seed=1), array(2, 2, 2, 2, seed=2)
    f = compiled(mode, [x, state, w], out)
    wanted = h
    for row in a:
        wanted = wanted * 0.5 + sum(
            np.einsum("nchw,fc->nfhw", row[:, :, i : i + 3, j : j + 4], filters[:, :, 1 - i, 1 - j])
            for i in range(2)
            for j in range(2)
        )
    close(f(a, h, filters)[-1], wanted)
    with pytest.raises(graphlib.errors.ShapeError):
        f(a, h[:, :, 1:], filters)
