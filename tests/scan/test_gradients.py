"""Derivatives of loops against those of the same steps written out one by one."""

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T

from .modes import compiled, on_each_mode

pytestmark = on_each_mode


def array(*shape, seed=0):
    return np.random.RandomState(seed).normal(size=shape)


def close(got, wanted, tolerance=1e-10):
    np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance)
    assert np.shape(got) == np.shape(wanted)


def unrolled(step, x, h, n):
    rows = []
    for t in range(n):
        h = step(x[t], h)
        rows.append(h)
    return T.stack(rows)


def recurrence():
    """(inputs, the step, arrays): a recurrent layer in float64."""
    x, h0, w, b = T.dmatrix("x"), T.dvector("h0"), T.dmatrix("w"), T.dvector("b")
    arrays = array(4, 3), array(3, seed=1), array(3, 3, seed=2), array(3, seed=3)
    return [x, h0, w, b], lambda row, h: T.tanh(T.dot(h, w) + row * b), arrays


@pytest.mark.parametrize("cost", ["all", "last", "square of last", "first"])
def test_gradients_of_a_recurrence(mode, cost):
    (x, h0, w, b), step, arrays = recurrence()
    of = {
        "all": lambda h: T.sqr(h).sum(),
        "last": lambda h: h[-1].sum(),
        "square of last": lambda h: T.sqr(h[-1]).sum() + h[1].sum(),
        "first": lambda h: h[0].sum(),
    }[cost]
    out, _ = graphlib.scan(step, x, h0)
    got = compiled(mode, [x, h0, w, b], T.grad(of(out), [x, h0, w, b]))(*arrays)
    wanted = T.grad(of(unrolled(step, x, h0, 4)), [x, h0, w, b])
    for g, e in zip(got, compiled("reference", [x, h0, w, b], wanted)(*arrays), strict=True):
        close(g, e)


def test_the_gradient_of_the_last_value_takes_no_array_as_long_as_the_loop(mode):
    """It begins the loop backwards, where those of other values are written into rows of zeros."""
    (x, h0, w, b), step, arrays = recurrence()
    out, _ = graphlib.scan(step, x, h0)
    rows = unrolled(step, x, h0, 4)
    for cost, written in [
        (lambda h: T.sqr(h[-1]).sum() + h[-1].sum(), False),
        (lambda h: T.sqr(h[-1]).sum() + h[2].sum() + T.tanh(h).sum() + h[-1].sum(), True),
        (lambda h: T.sqr(h[-1]).sum() + h[-1, 0], True),
    ]:
        gradients = T.grad(cost(out), [x, h0, w, b])
        long = [
            n for n in graphlib.graph.toposort(gradients) if "subtensor" in str(n.op) and n.inputs[1].ndim
        ]
        assert bool(long) == written
        got = compiled(mode, [x, h0, w, b], gradients)(*arrays)
        wanted = compiled("reference", [x, h0, w, b], T.grad(cost(rows), [x, h0, w, b]))(*arrays)
        for g, e in zip(got, wanted, strict=True):
            close(g, e)


def test_no_steps_give_gradients_of_zeros(mode):
    (x, h0, w, b), step, (_, *rest) = recurrence()
    out, _ = graphlib.scan(step, x, h0)
    gradients = T.grad(T.sqr(out).sum(), [x, h0, w, b])
    for v, g in zip(rest, compiled(mode, [x, h0, w, b], gradients)(np.zeros((0, 3)), *rest)[1:], strict=True):
        close(g, np.zeros_like(v))


def test_second_order(mode):
    (x, h0, w, b), step, arrays = recurrence()

    def twice(out):
        g = T.grad(T.sqr(out).sum(), [h0, w])
        return T.grad(T.sqr(g[0]).sum() + (g[1] * w).sum(), [x, h0, w, b])

    out, _ = graphlib.scan(step, x, h0)
    got = compiled(mode, [x, h0, w, b], twice(out))(*arrays)
    wanted = compiled("reference", [x, h0, w, b], twice(unrolled(step, x, h0, 4)))(*arrays)
    for g, e in zip(got, wanted, strict=True):
        close(g, e)


def test_forward_products(mode):
    (x, h0, w, b), step, arrays = recurrence()
    points = [v.type() for v in (h0, w)]
    directions = array(3, seed=5), array(3, 3, seed=6)
    out, _ = graphlib.scan(step, x, h0)
    inputs = [x, h0, w, b, *points]
    got = compiled(mode, inputs, graphlib.Rop(out, [h0, w], points))(*arrays, *directions)
    plain = unrolled(step, x, h0, 4)
    close(got, compiled("reference", inputs, graphlib.Rop(plain, [h0, w], points))(*arrays, *directions))
    # R v · u = v · L u
    u = array(4, 3, seed=7)
    left = compiled(mode, inputs[:4], graphlib.Lop(out, [h0, w], u))(*arrays)
    close((got * u).sum(), sum((d * g).sum() for d, g in zip(directions, left, strict=True)))


def test_taps_of_everything(mode):
    x, u0, c = T.dvector("x"), T.dvector("u0"), T.dscalar("c")
    arrays = array(6), array(3, seed=1), np.asarray(0.7)

    def step(x0, x2, u3, u1, c):
        return [T.sin(u3 * c) + x0 * u1 - x2, x2 * u3 * c]

    (u, m), _ = graphlib.scan(
        step,
        {"input": x, "taps": [0, 2]},
        [{"initial": u0, "taps": [-3, -1]}, None],
        non_sequences=c,
    )
    us, ms = [u0[0], u0[1], u0[2]], []
    for t in range(4):
        new, other = step(x[t], x[t + 2], us[-3], us[-1], c)
        us.append(new)
        ms.append(other)
    wrt = [x, u0, c]
    got = compiled(mode, wrt, T.grad(T.sqr(u).sum() + T.sin(m).sum() + u[-1] * m[0], wrt))(*arrays)
    plain = T.sqr(T.stack(us[3:])).sum() + T.sin(T.stack(ms)).sum() + us[-1] * ms[0]
    for g, e in zip(got, compiled("reference", wrt, T.grad(plain, wrt))(*arrays), strict=True):
        close(g, e)


def test_backwards_and_by_the_sequence_of_a_fixed_number_of_steps(mode):
    x, s = T.dvector("x"), T.dscalar("s")
    out, _ = graphlib.scan(lambda v, h: T.tanh(h * v + 1), x, s, go_backwards=True, n_steps=3)
    wanted, rows = s, []
    for t in range(4, 1, -1):
        wanted = T.tanh(wanted * x[t] + 1)
        rows.append(wanted)
    arrays = array(5), np.asarray(0.3)
    cost, plain = T.sqr(out).sum(), T.sqr(T.stack(rows)).sum()
    got = compiled(mode, [x, s], T.grad(cost, [x, s]))(*arrays)
    for g, e in zip(got, compiled("reference", [x, s], T.grad(plain, [x, s]))(*arrays), strict=True):
        close(g, e)


@pytest.mark.parametrize("back", [0, 1, 2, 5])
def test_a_truncated_gradient_goes_back_so_many_steps(mode, back):
    x, s, w = T.dvector("x"), T.dscalar("s"), T.dscalar("w")
    arrays = array(4), np.asarray(0.3), np.asarray(0.8)
    out, _ = graphlib.scan(lambda v, h: T.tanh(h * w + v), x, s, truncate_gradient=back)
    got = compiled(mode, [x, s, w], T.grad(out[-1] + T.sqr(out).sum(), [x, s, w]))(*arrays)
    # the same gradient by hand: the loop backwards, ended after ``back`` steps
    v, h0, k = arrays
    h = [h0]
    for t in range(4):
        h.append(np.tanh(h[-1] * k + v[t]))
    gx, gw, g = np.zeros(4), 0.0, 0.0
    for t in range(3, max(-1, 3 - back), -1):
        g = (g + 2 * h[t + 1] + (t == 3)) * (1 - h[t + 1] ** 2)
        gx[t] = g
        gw += g * h[t]
        g = g * k
    close(got[0], gx)
    close(got[1], g if back >= 4 else 0.0)
    close(got[2], gw)


def test_until(mode):
    x, s = T.dvector("x"), T.dscalar("s")
    out, _ = graphlib.scan(lambda v, h: (h * v, graphlib.until(h * v > 10)), x, s)
    gradient = compiled(mode, [x, s], T.grad(out.sum(), [x, s]))
    gx, gs = gradient(np.array([2.0, 3.0, 4.0, 5.0]), 1.0)
    # h = 2, 6, 24 and then the end: the cost is s·(x0 + x0·x1 + x0·x1·x2)
    close(gx, [1 + 3 + 12, 2 + 8, 6, 0])
    close(gs, 32)


# constants


def test_a_gradient_inside_a_step(mode):
    x, w = T.dvector("x"), T.dscalar("w")
    out, _ = graphlib.scan(lambda v: T.grad(v**3 * w, v), x)
    f = compiled(mode, [x, w], [out, T.grad(out.sum(), x), T.grad(out.sum(), w)])
    values, by_x, by_w = f([1, 2], 5)
    close(values, [15, 60])
    close(by_x, [30, 60])
    close(by_w, 15)


def test_a_gradient_by_what_the_step_closes_over(mode):
    x, w = T.dvector("x"), T.dscalar("w")
    out, _ = graphlib.scan(lambda v: T.grad(v * w**2, w), x)
    close(compiled(mode, [x, w], out)([1, 2], 5), [10, 20])


def test_a_gradient_inside_by_a_state_with_constants(mode):
    s = T.dscalar("s")

    def step(h):
        twice = h * 2
        return T.grad(twice * h, h, consider_constant=[twice])

    out, _ = graphlib.scan(step, outputs_info=s, n_steps=3)
    close(compiled(mode, [s], out)(1), [2, 4, 8])


def test_a_gradient_inside_through_an_inner_loop(mode):
    x = T.dmatrix("x")

    def outer(row):
        squares, _ = graphlib.scan(lambda v, total: total + v * v, row, T.constant(0.0, dtype="float64"))
        return T.grad(squares[-1], row)

    out, _ = graphlib.scan(outer, x)
    a = array(2, 3)
    close(compiled(mode, [x], out)(a), 2 * a)


def test_a_constant_sample_cuts_the_other_outputs_too(mode):
    """The contrastive divergence of an RBM: the end of a chain is a constant of the cost."""
    v0, w = T.dvector("v0"), T.dscalar("w")

    def gibbs(v):
        h = T.nnet.sigmoid(v * w)
        return [T.nnet.sigmoid(h * w), h]

    (samples, hidden), _ = graphlib.scan(gibbs, outputs_info=[v0, None], n_steps=3)
    end = samples[-1]
    cost = (w * v0).sum() - (w * end).sum()
    arrays = array(3), np.asarray(0.4)
    gradient = T.grad(cost, w, consider_constant=[end])
    chain = compiled(mode, [v0, w], end)(*arrays)
    close(compiled(mode, [v0, w], gradient)(*arrays), arrays[0].sum() - chain.sum())
    # nothing else leads from the sample to w: what the other output contributes is a way of its own
    both = T.grad(cost + (hidden[-1] * end).sum(), w, consider_constant=[end])
    only = T.grad((hidden[-1] * consider(end)).sum(), w)
    close(
        compiled(mode, [v0, w], both)(*arrays),
        arrays[0].sum() - chain.sum() + compiled(mode, [v0, w], only)(*arrays),
    )


@pytest.mark.parametrize("rows", [[-1], [1], [0, -1], None])
def test_a_constant_row_cuts_what_the_same_step_computes_of_it(mode, rows):
    """Against the loop written out, with the constant in its place."""
    h0, w = T.dvector("h0"), T.dscalar("w")

    def step(h):
        v = T.nnet.sigmoid(h * w)
        return v, T.nnet.sigmoid(v * w + h)

    (v, h), _ = graphlib.scan(step, outputs_info=[None, h0], n_steps=3)
    constants = [v] if rows is None else [v[k] for k in rows]
    cut = range(3) if rows is None else [k % 3 for k in rows]
    value, cost = h0, 0
    for t in range(3):
        sample = T.nnet.sigmoid(value * w)
        sample = consider(sample) if t in cut else sample
        value = T.nnet.sigmoid(sample * w + value)
        cost = cost + T.sqr(value).sum()
    wanted = T.grad(cost, [w, h0])
    got = T.grad(T.sqr(h).sum(), [w, h0], consider_constant=constants)
    arrays = array(3), np.asarray(0.4)
    for a, b in zip(
        compiled(mode, [h0, w], got)(*arrays), compiled(mode, [h0, w], wanted)(*arrays), strict=True
    ):
        close(a, b)


def test_a_constant_state_cuts_the_steps_before(mode):
    h0, w = T.dvector("h0"), T.dscalar("w")
    h, _ = graphlib.scan(lambda h: T.tanh(h * w), outputs_info=h0, n_steps=4)
    got = T.grad(h[-1].sum(), [w, h0], consider_constant=[h[1]])
    constant = consider(T.tanh(T.tanh(h0 * w) * w))
    wanted = T.grad(T.tanh(T.tanh(constant * w) * w).sum(), w)
    arrays = array(3), np.asarray(0.4)
    by_w, by_h0 = compiled(mode, [h0, w], got)(*arrays)
    close(by_w, compiled(mode, [h0, w], wanted)(*arrays))
    close(by_h0, np.zeros(3))


def consider(v):
    return graphlib.consider_constant(v)


def test_a_constant_inside_a_step(mode):
    x, s, w = T.dvector("x"), T.dscalar("s"), T.dscalar("w")
    out, _ = graphlib.scan(lambda v, h: graphlib.consider_constant(h) * w + v, x, s)
    cost = out.sum()
    arrays = array(3), np.asarray(0.5), np.asarray(2.0)
    by_x, by_s, by_w = compiled(mode, [x, s, w], T.grad(cost, [x, s, w], disconnected_inputs="ignore"))(
        *arrays
    )
    h = [0.5]
    for v in arrays[0]:
        h.append(h[-1] * 2 + v)
    close(by_x, np.ones(3))
    close(by_s, 0)
    close(by_w, sum(h[:-1]))


def test_a_disconnected_sequence_is_told(mode):
    x, y = T.dvector("x"), T.dvector("y")
    (a, b), _ = graphlib.scan(lambda v, u: [v * 2, u * 3], [x, y])
    with pytest.raises(graphlib.errors.DisconnectedInputError, match="y"):
        T.grad(a.sum(), graphlib.shared(np.zeros(2), "y"))
    close(compiled(mode, [x, y], T.grad(a.sum() + b[0], [x, y]))([1, 2], [3, 4])[1], [3, 0])


# nested


def test_gradients_of_a_loop_in_a_loop(mode):
    x, w, s = T.dmatrix("x"), T.dscalar("w"), T.dscalar("s")

    def outer(row, h):
        inner, _ = graphlib.scan(lambda v, g: T.tanh(g * w + v), row, h)
        return inner[-1]

    out, _ = graphlib.scan(outer, x, s)
    plain, rows = s, []
    for i in range(2):
        for j in range(3):
            plain = T.tanh(plain * w + x[i, j])
        rows.append(plain)
    arrays = array(2, 3), np.asarray(0.7), np.asarray(0.2)
    wrt = [x, w, s]
    cost, wanted = T.sqr(out).sum(), T.sqr(T.stack(rows)).sum()
    got = compiled(mode, wrt, T.grad(cost, wrt))(*arrays)
    for g, e in zip(got, compiled("reference", wrt, T.grad(wanted, wrt))(*arrays), strict=True):
        close(g, e)
    second = compiled(mode, wrt, T.grad(T.grad(cost, w), wrt))(*arrays)
    again = compiled("reference", wrt, T.grad(T.grad(wanted, w), wrt))(*arrays)
    for g, e in zip(second, again, strict=True):
        close(g, e)


def test_finite_differences(mode):
    _, _, arrays = recurrence()

    def loop(x, h0, w, b):
        return graphlib.scan(lambda row, h: T.tanh(T.dot(h, w) + row * b), x, h0)[0]

    graphlib.verify_grad(loop, arrays, mode="reference" if mode == "reference" else "fast_run")


def test_a_step_whose_shape_rewriting_finds_out(mode):
    """repeat leaves the length of its result unknown, and what it is rewritten to does not."""
    x, steps = T.TensorType("float64", (1, 6))("x"), T.dvector("steps")
    centre = T.nnet.logsoftmax(x, axis=0)  # 0 for a single row
    y, _ = graphlib.scan(lambda a: T.repeat(T.sqr(centre - a), 2, axis=-1), steps)
    slope = T.grad(T.sum(y**3), steps)
    value, got = compiled(mode, [x, steps], [y, slope])(array(1, 6), np.array([1.0, 2.0]))
    close(value, np.full((2, 1, 12), [[[1.0]], [[4.0]]]))
    close(got, 12 * 6 * np.array([1.0, 2.0]) ** 5)


def test_a_state_that_the_step_makes_a_single_row(mode):
    """The product of (1, 1) and h is one row, and so h is: it stays one where it leaves the loop."""
    w, h0 = T.TensorType("float64", (1, 1))("w"), T.TensorType("float64", (None, 3))("h0")
    h, _ = graphlib.scan(lambda h: T.tanh(T.dot(w, h)), outputs_info=[h0 / (1 + w**2)], n_steps=4)
    slope = T.grad(T.sqr(h).sum(), w)
    f = compiled(mode, [w, h0], [slope, T.grad(T.sin(slope).sum(), w)])
    start = array(1, 3)

    def cost(w):
        value, total = start / (1 + w**2), 0
        for _ in range(4):
            value = np.tanh(w * value)
            total += np.sum(value**2)
        return total

    first, second = f([[0.3]], start)
    e = 1e-5
    close(first, [[(cost(0.3 + e) - cost(0.3 - e)) / (2 * e)]], 1e-8)
    curvature = (cost(0.3 + e) - 2 * cost(0.3) + cost(0.3 - e)) / e**2
    close(second, np.cos(first) * curvature, 1e-4)
