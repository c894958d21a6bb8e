"""Gradients as a user asks for them: grad, Lop, Rop, jacobian, hessian, and what has no gradient."""

import numpy as np
import pytest
from scipy import optimize

import graphlib
import graphlib.tensor as T
from graphlib.errors import DisconnectedInputError, GradientError, ShapeError
from graphlib.graph import TensorType, toposort
from graphlib.ops import Op
from graphlib.tensor.shared_randomstreams import RandomStreams
from tests.ops.backends import MODES, assert_same, compiled
from tests.scan.modes import on_each_mode


def at(variable, values, mode="reference"):
    """The value of a variable (or several) where its inputs have the given values."""
    return compiled(mode, list(values), variable)(*values.values())


X = np.array([[0.3, -1.2, 0.7], [1.1, 0.4, -0.6]])
W = np.array([[0.5, -0.2], [0.1, 0.8], [-0.7, 0.3]])
V = np.array([0.4, -1.0, 2.0])


# grad


@pytest.mark.parametrize("mode", MODES)
def test_one_and_several(mode):
    """wrt one variable gives one gradient, a list a list, each of the dtype and shape of its variable."""
    x, w = T.dmatrix("x"), T.fmatrix("w")
    cost = (T.dot(x, w) ** 2).sum()
    one = graphlib.grad(cost, w)
    several = T.grad(cost, [x, w])
    assert isinstance(several, list) and len(several) == 2
    assert isinstance(graphlib.grad(cost, [x]), list)
    w32 = W.astype("float32")
    single, gx, gw = at([one, *several], {x: X, w: w32}, mode)
    assert_same(gx, 2 * X @ w32 @ w32.T)
    assert gw.dtype == single.dtype == "float32"
    np.testing.assert_allclose(single, 2 * X.T @ (X @ w32), rtol=1e-5)
    assert np.array_equal(gw, single)


@pytest.mark.parametrize("mode", MODES)
def test_the_gradient_of_a_network_against_scipy(mode):
    """Softmax regression behind a hidden layer: the whole gradient against differences of the cost."""
    x, y, p = T.dmatrix("x"), T.lvector("y"), T.dvector("p")
    W1, b1, W2, b2 = p[:12].reshape((3, 4)), p[12:16], p[16:24].reshape((4, 2)), p[24:]
    hidden = T.tanh(T.dot(x, W1) + b1)
    probability = T.nnet.softmax(T.dot(hidden, W2) + b2)
    cost = -T.mean(T.log(probability)[T.arange(y.shape[0]), y]) + 0.01 * (abs(W1).sum() + (W2**2).sum())
    random = np.random.RandomState(0)
    point, inputs, labels = random.uniform(-1, 1, 26), random.normal(size=(5, 3)), np.array([0, 1, 1, 0, 1])
    value = compiled(mode, [p, x, y], cost)
    gradient = compiled(mode, [p, x, y], graphlib.grad(cost, p))
    numeric = optimize.approx_fprime(point, lambda q: value(q, inputs, labels), 1e-7)
    np.testing.assert_allclose(gradient(point, inputs, labels), numeric, atol=1e-6)


def test_gradients_by_what_is_in_the_middle_of_the_graph():
    x = T.dvector("x")
    middle = T.tanh(x)
    cost = (middle**2).sum() + middle[0]
    assert_same(at(graphlib.grad(cost, middle), {x: V}), 2 * np.tanh(V) + [1, 0, 0])
    assert_same(at(graphlib.grad(cost, cost), {x: V}), np.float64(1))
    by_middle, by_x = graphlib.grad(cost, [middle, x])
    assert_same(at(by_x, {x: V}), (2 * np.tanh(V) + [1, 0, 0]) * (1 - np.tanh(V) ** 2))
    assert_same(at(by_middle, {x: V}), 2 * np.tanh(V) + [1, 0, 0])


def test_gradients_have_names():
    x = T.dvector("x")
    cost = (x**2).sum()
    cost.name = "loss"
    assert graphlib.grad(cost, x).name == "(dloss/dx)"
    assert graphlib.grad(cost, x, add_names=False).name is None


def test_broadcasting_sums_the_gradient():
    x, row, column, s = T.dmatrix("x"), T.drow("row"), T.dcol("column"), T.dscalar("s")
    vector = T.dvector("v")
    cost = (x * row + column * s + vector * x).sum()
    values = {x: X, row: V[None], column: X[:, :1], s: np.float64(2), vector: V}
    got = at(graphlib.grad(cost, list(values)), values)
    wanted = [
        np.broadcast_to(2 * V, X.shape),
        X.sum(0, keepdims=True),
        np.full((2, 1), 6.0),
        3 * X[:, 0].sum(),
        X.sum(0),
    ]
    for g, want in zip(got, wanted, strict=True):
        assert_same(g, want)


@pytest.mark.parametrize("mode", MODES)
def test_consider_constant(mode):
    x, y = T.dvector("x"), T.dvector("y")
    middle = x * y
    cost = (middle * x).sum()
    cut = graphlib.grad(cost, x, consider_constant=[middle])
    inside = graphlib.grad((graphlib.consider_constant(middle) * x).sum(), x)
    alone = graphlib.grad(cost, x, consider_constant=middle)
    disconnected = graphlib.grad((T.disconnected_grad(x) * x).sum(), x)
    b = V[::-1].copy()
    for got in at([cut, inside, alone], {x: V, y: b}, mode):
        assert_same(got, V * b)
    assert_same(at(disconnected, {x: V}, mode), V)
    # of what is held constant itself there is no gradient
    assert_same(at(graphlib.grad(cost, x, consider_constant=[y]), {x: V, y: b}, mode), 2 * V * b)
    for held in ([y], [middle]):
        with pytest.raises(DisconnectedInputError, match="does not depend on y"):
            graphlib.grad(cost, y, consider_constant=held)


@pytest.mark.parametrize("mode", MODES)
def test_gradients_are_clipped_and_scaled(mode):
    x = T.dvector("x")
    clipped = graphlib.grad((T.grad_clip(x, -1, 1) ** 2).sum(), x)
    scaled = graphlib.grad((T.grad_scale(x, -0.5) ** 2).sum(), x)
    got = at([clipped, scaled, T.grad_clip(x, -1, 1)], {x: V}, mode)
    assert_same(got[0], np.clip(2 * V, -1, 1))
    assert_same(got[1], -V)
    assert_same(got[2], V)


def test_known_grads():
    """The gradients of later variables given instead of, or besides, a cost."""
    x, g = T.dvector("x"), T.dvector("g")
    y, z = x**2, T.exp(x)
    ones = T.ones_like(x)
    both = graphlib.grad(None, x, known_grads={y: g, z: ones})
    and_cost = graphlib.grad(y.sum(), x, known_grads={z: g})
    stop = graphlib.grad(None, [x, y], known_grads={z + y: ones})
    b = V[::-1].copy()
    assert_same(at(both, {x: V, g: b}), 2 * V * b + np.exp(V))
    assert_same(at(and_cost, {x: V, g: b}), 2 * V + np.exp(V) * b)
    assert_same(at(stop, {x: V})[0], 2 * V + np.exp(V))
    assert_same(at(stop, {x: V})[1], np.ones(3))


@pytest.mark.parametrize("mode", MODES)
def test_a_known_gradient_is_the_whole_gradient(mode):
    """It replaces what would come by other ways: those of Theano's gradient.py, which asks for each gradient
    once and finds the known ones there."""
    x, g = T.dvector("x"), T.dvector("g")
    y = x**2
    z = T.exp(y)
    cost = z.sum() + (3 * y).sum() + x.sum()
    outputs = [
        # y's gradient is g, whatever comes to it from z and 3 y; what comes to x besides stays
        graphlib.grad(cost, x, known_grads={y: g}),
        *graphlib.grad(cost, [y, z], known_grads={y: g}),
        graphlib.grad(cost, x, known_grads={z: g}),
        # the cost's own is 1 unless it is given
        graphlib.grad(cost, x, known_grads={cost: T.constant(2.0, dtype="float64")}),
        graphlib.grad(None, x, known_grads={z: g, y: g}),
        # but a product with the Jacobian of several is the sum
        graphlib.Lop([y, z], x, [g, g]),
    ]
    b = V[::-1].copy()
    e = np.exp(V**2)
    wanted = [
        1 + 2 * V * b,
        b,
        np.ones(3),
        1 + 2 * V * (3 + b * e),
        2 * (1 + 2 * V * (3 + e)),
        2 * V * b,
        2 * V * (b + b * e),
    ]
    for got, want in zip(at(outputs, {x: V, g: b}, mode), wanted, strict=True):
        assert_same(got, want)


def test_known_gradients_that_do_not_fit():
    x = T.dvector("x")
    y = x**2
    with pytest.raises(GradientError, match=r"a gradient of .* must be of floats"):
        graphlib.grad(None, x, known_grads={y: T.lvector("g")})
    with pytest.raises(ShapeError, match=r"the gradient of .* cannot be G float64"):
        graphlib.grad(None, x, known_grads={y: T.dmatrix("G")})


def test_subgraph_grad_goes_no_further_than_its_end():
    x = T.dvector("x")
    y = x**2
    (by_x,), (by_y,) = graphlib.gradient.subgraph_grad([x], [y], start={y: T.ones_like(y)}, cost=(y**3).sum())
    got_x, got_y = at([by_x, by_y], {x: V})
    assert_same(got_x, np.zeros(3))
    assert_same(got_y, 1 + 3 * V**4)


def test_subgraph_grad():
    """In two parts, which together are the whole gradient."""
    x, w1, w2 = T.dvector("x"), T.dvector("w1"), T.dvector("w2")
    hidden = T.tanh(x * w1)
    cost = (hidden * w2).sum() ** 2
    by_w2, by_hidden = graphlib.gradient.subgraph_grad([w2], [hidden], cost=cost)
    by_w1, by_x = graphlib.gradient.subgraph_grad([w1], [x], start={hidden: by_hidden[0]})
    whole = graphlib.grad(cost, [w1, w2, x])
    parts = [by_w1[0], by_w2[0], by_x[0]]
    values = {x: V, w1: V - 1, w2: V * 0.5}
    for got, want in zip(at(parts, values), at(whole, values), strict=True):
        assert_same(got, want)


# what has no gradient


@pytest.mark.parametrize("mode", ["fast_run", "reference"])
def test_a_gradient_that_is_zero_has_a_use_for_the_variable(mode):
    """Whether its shape is known or not, so that it may be an input of the function; as in Theano."""
    inputs = [T.dscalar("s"), T.TensorType("float64", (3,))("static"), T.dvector("v"), T.lscalar("i")]
    costs = [T.floor(inputs[0]), T.sgn(inputs[1]), T.sgn(inputs[2]), T.cast(inputs[3] ** 2, "float64")]
    gradients = [graphlib.grad(c.sum(), x) for c, x in zip(costs, inputs, strict=True)]
    f = graphlib.function(inputs, gradients, mode=mode)
    got = f(np.nan, [np.nan, 1, np.inf], [1, 2], 3)
    assert [g.tolist() for g in got] == [0, [0, 0, 0], [0, 0], 0]


@pytest.mark.parametrize("mode", MODES)
def test_integers_of_integers_have_gradient_zero(mode):
    """As in Theano 1.0.5, whose gradient of cast(i * i, 'float64') by i is 0; of floats it is what it is."""
    i = T.lvector("i")
    costs = [
        T.cast(i * i, "float64"),
        T.cast(i.sum(), "float64") * T.cast(i, "float64"),
        T.cast(i.reshape((3, 1))[:, 0] ** 2, "float64"),
        i * 1.5,
        T.sqr(T.cast(i, "float64")),
    ]
    values = np.array([1, -2, 3])
    wanted = [np.zeros(3), np.full(3, 2.0), np.zeros(3), np.full(3, 1.5), 2.0 * values]
    results = at([graphlib.grad(c.sum(), i) for c in costs], {i: values}, mode)
    for got, want in zip(results, wanted, strict=True):
        assert got.dtype.kind == "f"
        np.testing.assert_allclose(got, want)


def test_inputs_the_cost_does_not_depend_on():
    x, unused, n = T.dvector("x"), T.dmatrix("unused"), T.lscalar("n")
    cost = (x**2).sum()
    with pytest.raises(DisconnectedInputError) as error:
        graphlib.grad(cost, [x, unused])
    text = str(error.value)
    assert "does not depend on unused float64(?, ?)" in text and f'File "{__file__}"' in text
    assert "disconnected_inputs='ignore'" in text
    with pytest.warns(UserWarning, match="does not depend on unused") as caught:
        warned = graphlib.grad(cost, unused, disconnected_inputs="warn")
    assert caught[0].filename == __file__
    zeros = graphlib.grad(cost, unused, disconnected_inputs="ignore")
    for got in (warned, zeros):
        assert_same(at(got, {unused: X}), np.zeros_like(X))
    assert graphlib.grad(cost, unused, disconnected_inputs="ignore", return_disconnected="None") is None
    with pytest.raises(ValueError, match="must be 'raise', 'warn' or 'ignore', not 'quietly'"):
        graphlib.grad(cost, unused, disconnected_inputs="quietly")
    # a length or an index is connected but has no gradient: zeros, and no error
    by_index = graphlib.grad((x[n] * x[:n].sum()), n)
    assert at(by_index, {x: V, n: 1}) == 0


@pytest.mark.parametrize("mode", MODES)
def test_functions_in_steps_have_gradient_zero(mode):
    """floor_div, comparisons, rounding, signs and shapes are flat: a gradient of zero and no error."""
    x, y = T.dvector("x"), T.dvector("y")
    flat = {
        "//": x // y,
        "floor": T.floor(x) + T.ceil(y) + T.round(x) + T.trunc(y),
        "sgn": T.sgn(x) * T.sgn(y),
        "comparison": T.cast(x > y, "float64"),
        "equality": T.cast(T.eq(x, y), "float64"),
        "to int": T.cast(T.cast(x, "int32"), "float64") + T.cast(y, "int8"),
        "shape": T.cast(x.shape[0], "float64") * T.ones_like(y),
        "zeros_like": T.zeros_like(x) + T.ones_like(y),
        "isnan": T.switch(T.isnan(x) | T.isinf(y), 1.0, 2.0),
    }
    gradients = [g for v in flat.values() for g in graphlib.grad(v.sum(), [x, y])]
    for got in at(gradients, {x: V, y: V[::-1] + 0.3}, mode):
        assert got.shape == (3,) and not got.any()


@pytest.mark.parametrize("mode", MODES)
def test_remainders_and_switches_pass_on_what_they_choose(mode):
    x, y = T.dvector("x"), T.dvector("y")
    a, b = np.array([5.3, -2.2, 4.0]), np.array([2.0, 3.0, 1.5])
    outputs = [
        *graphlib.grad((x % y).sum(), [x, y]),
        *graphlib.grad(T.switch(x > y, x**2, y).sum(), [x, y]),
        *graphlib.grad(T.maximum(x, y).sum(), [x, y]),
        graphlib.grad(T.clip(x, 0, 4.5).sum(), x),
        graphlib.grad(abs(x).sum(), x),
    ]
    wanted = [
        np.ones(3),
        -np.floor(a / b),
        np.where(a > b, 2 * a, 0),
        np.where(a > b, 0.0, 1),
        (a > b) * 1.0,
        (a <= b) * 1.0,
        np.array([0.0, 0, 1]),
        np.sign(a),
    ]
    for got, want in zip(at(outputs, {x: a, y: b}, mode), wanted, strict=True):
        assert_same(got, want)


@pytest.mark.parametrize("mode", MODES)
def test_powers_at_zero(mode):
    """d/dx x ** y = y x ** (y - 1), 0 at 0 ** 0; d2/dxdy = x ** (y - 1) (1 + y log x) also at y = 0."""
    x, y = T.dvector("x"), T.dvector("y")
    gx = graphlib.grad((x**y).sum(), x)
    a, b = np.array([0.0, 0, 2, 2, 0]), np.array([0.0, 1, 0, 1, 2])
    first, mixed = at([gx, graphlib.grad(gx.sum(), y)], {x: a, y: b}, mode)
    assert first.tolist() == [0, 1, 0, 1, 0]
    np.testing.assert_allclose(mixed[2:4], [0.5, 1 + np.log(2)])


def test_what_is_disconnected_has_no_gradient():
    """Theano's disconnected_grad; zero_grad and consider_constant have a gradient of zeros."""
    x = T.dvector("x")
    with pytest.raises(DisconnectedInputError, match=r"does not depend on x"):
        graphlib.grad(T.disconnected_grad(x).sum(), x)
    for stopped in (T.zero_grad(x), T.consider_constant(x)):
        assert at([graphlib.grad(stopped.sum(), x)], {x: np.ones(2)}, "reference")[0].tolist() == [0, 0]
    ignored = graphlib.grad(T.disconnected_grad(x).sum(), x, disconnected_inputs="ignore")
    both = graphlib.grad((T.disconnected_grad(x) * x).sum(), x)
    results = at([ignored, both], {x: np.array([2.0, 3])}, "reference")
    assert [r.tolist() for r in results] == [[0, 0], [2, 3]]


@pytest.mark.parametrize("mode", MODES)
def test_masks_choose(mode):
    """What a mask leaves out may be anything: it is not multiplied by 0."""
    x = T.dmatrix("x")
    array = np.array([[np.inf, np.nan], [np.nan, -np.inf]])
    dropped = T.nnet.dropout(x, 0.5, RandomStreams(5))
    lower, upper, thinned = at([T.tril(x, -1), T.triu(x, 1), dropped], {x: array}, mode)
    np.testing.assert_array_equal(lower, [[0, 0], [np.nan, 0]])
    np.testing.assert_array_equal(upper, [[0, np.nan], [0, 0]])
    kept = at([T.nnet.dropout(x, 0.5, RandomStreams(5))], {x: np.ones((2, 2))}, mode)[0]
    assert 0 < (kept == 0).sum() < 4
    np.testing.assert_array_equal(thinned, np.where(kept == 0, 0, array))


@pytest.mark.parametrize("mode", MODES)
def test_at_a_kink_the_gradient_is_finite(mode):
    """Where a derivative does not exist one of its neighbours is taken, or 0 between them: never NaN."""
    x = T.dvector("x")
    zeros = np.zeros(2)
    costs = [
        abs(x),
        T.maximum(x, 0),
        T.nnet.relu(x),
        T.clip(x, 0, 1),
        T.sgn(x),
        x**2,
        x**1,
        x**0,
        T.nnet.elu(x),
        T.switch(x > 0, x, -x),
    ]
    firsts = [graphlib.grad(c.sum(), x) for c in costs]
    seconds = [graphlib.grad(g.sum(), x, disconnected_inputs="ignore") for g in firsts]
    results = at(firsts + seconds, {x: zeros}, mode)
    for cost, got in zip(costs + costs, results, strict=True):
        assert np.isfinite(got).all(), str(cost)
    assert not results[5].any() and results[6].tolist() == [1, 1] and not results[7].any()
    assert results[len(costs) + 5].tolist() == [2, 2] and not results[len(costs) + 6].any()


def test_the_cost_must_be_a_float_scalar():
    x, i = T.dmatrix("x"), T.ivector("i")
    with pytest.raises(
        GradientError, match=r"must be a scalar, not x float64\(\?, \?\), made at .* reduce it"
    ):
        graphlib.grad(x, x)
    with pytest.raises(GradientError, match="must be of a float dtype"):
        graphlib.grad(i.sum(), i)
    with pytest.raises(GradientError, match="wrt must be variables, not float"):
        graphlib.grad(x.sum(), [x, 1.0])
    with pytest.raises(GradientError, match="pass a cost, or known_grads"):
        graphlib.grad(None, x)


def test_through_argmax_there_is_no_gradient():
    scores = T.dmatrix("scores")
    best = T.argmax(scores, axis=1)
    best.name = "best"
    cost = T.cast(best, "float64").sum()
    with pytest.raises(GradientError) as error:
        graphlib.grad(cost, scores)
    text = str(error.value)
    assert "argmax" in text and "best int64(?,)" in text and f'File "{__file__}", line' in text
    assert "consider_constant" in text
    # as an index its choice is a constant, as in every model that picks the greatest
    picked = scores[T.arange(scores.shape[0]), T.argmax(scores, axis=1)].sum()
    with pytest.raises(GradientError, match="argmax"):
        graphlib.grad(cost + picked, scores)
    assert_same(at(graphlib.grad(picked, scores), {scores: X}), np.array([[0.0, 0, 1], [1, 0, 0]]))


# products with the Jacobian


@pytest.mark.parametrize("mode", MODES)
def test_Lop_and_Rop_of_a_linear_map(mode):
    x, w, u, v = T.dvector("x"), T.dmatrix("w"), T.dvector("u"), T.dvector("v")
    y = T.dot(x, w)
    left = T.Lop(y, x, u)
    right = T.Rop(y, x, v)
    values = {x: V, w: W, u: np.array([1.0, -2]), v: V[::-1].copy()}
    assert_same(at(left, values, mode), W @ values[u])
    assert_same(at(right, values, mode), values[v] @ W)


@pytest.mark.parametrize("mode", MODES)
def test_Rop_against_differences(mode):
    x, w, v, z = T.dmatrix("x"), T.dmatrix("w"), T.dmatrix("v"), T.dmatrix("z")
    hidden = T.tanh(T.dot(x, w))
    outputs = [
        hidden,
        T.nnet.softmax(hidden),
        hidden.sum(axis=0) * x[0, 0],
        T.concatenate([x[:, ::-1], x**2], axis=1),
        T.sort(x, axis=1).max(axis=0) / x.std(),
        T.set_subtensor(x[0], x[1]).cumsum(axis=1),
        (x / 2).sum(),
    ]
    both = graphlib.Rop(outputs, [x, w], [v, z])
    dx, dw = np.random.RandomState(1).normal(size=X.shape), np.random.RandomState(2).normal(size=W.shape)
    got = compiled(mode, [x, w, v, z], both)(X, W, dx, dw)
    f = compiled("reference", [x, w], outputs)
    step = 1e-6
    above, below = f(X + step * dx, W + step * dw), f(X - step * dx, W - step * dw)
    for g, a, b in zip(got, above, below, strict=True):
        np.testing.assert_allclose(g, (a - b) / (2 * step), rtol=1e-6, atol=1e-7)


def test_Lop_and_Rop_are_transposes():
    """u·(J v) equals (J^T u)·v."""
    x, u, v = T.dvector("x"), T.dvector("u"), T.dvector("v")
    y = T.exp(x)[::-1] * x.sum() + T.cumprod(x)
    one, other = (u * T.Rop(y, x, v)).sum(), (T.Lop(y, x, u) * v).sum()
    a, b = at([one, other], {x: V, u: V + 1, v: V**2})
    np.testing.assert_allclose(a, b, rtol=1e-12)


def test_products_with_several_outputs_and_of_what_is_not_connected():
    x, y, v = T.dvector("x"), T.dvector("y"), T.dvector("v")
    lop = graphlib.Lop([x * 2, x**2], x, [v, v])
    assert_same(at(lop, {x: V, v: V}), 2 * V + 2 * V**2)
    same_twice = graphlib.Lop([x, x], [x], [v, v])
    assert_same(at(same_twice[0], {x: V, v: V}), 2 * V)
    with pytest.raises(DisconnectedInputError, match=r"depends on none of y float64"):
        graphlib.Rop(x * 2, y, v)
    assert not at(graphlib.Rop(x * 2, y, v, disconnected_outputs="ignore"), {x: V, v: V}).any()
    assert not at(graphlib.Rop(T.floor(x), x, v), {x: V, v: V}).any()
    with pytest.raises(GradientError, match="2 outputs need as many eval_points, got 1"):
        graphlib.Lop([x, x], x, v)
    with pytest.raises(GradientError, match="1 variables need as many eval_points, got 2"):
        graphlib.Rop(x, x, [v, v])
    with pytest.raises(ShapeError, match="does not have the dimensions of x"):
        graphlib.Rop(x, x, T.dmatrix("points"))


@pytest.mark.parametrize("mode", MODES)
def test_a_product_with_the_hessian(mode):
    """Rop of the gradient: no matrix of second derivatives is made."""
    x, v = T.dvector("x", shape=(3,)), T.dvector("v")
    cost = T.exp(x[0] * x[1]) + (x**3).sum() * x[2]
    product = T.Rop(graphlib.grad(cost, x), x, v)
    direct = T.dot(graphlib.hessian(cost, x), v)
    got, want = at([product, direct], {x: V, v: np.array([1.0, -1, 0.5])}, mode)
    np.testing.assert_allclose(got, want, rtol=1e-12)


# whole matrices of derivatives


@pytest.mark.parametrize("mode", MODES)
def test_jacobian(mode):
    x, w = T.dvector("x", shape=(3,)), T.dmatrix("w")
    jx = graphlib.jacobian(T.tanh(x), x)
    both = T.jacobian(T.specify_shape(T.dot(x, w), (2,)), [x, w])
    of_scalar = graphlib.jacobian((x**2).sum(), x)
    results = at([jx, *both, of_scalar], {x: V, w: W}, mode)
    assert_same(results[0], np.diag(1 - np.tanh(V) ** 2))
    assert_same(results[1], W.T)
    by_w = np.zeros((2, 3, 2))
    by_w[0, :, 0] = by_w[1, :, 1] = V
    assert_same(results[2], by_w)
    assert_same(results[3], 2 * V)
    empty = graphlib.jacobian(x[:0] * 2, x)
    assert at(empty, {x: V}, mode).shape == (0, 3)


@pytest.mark.parametrize("mode", MODES)
def test_a_jacobian_of_many_known_rows_is_a_loop(mode):
    """Of 30 rows and a Hessian of 30: written out, each row would be a graph of its own to compile."""
    x, w = T.dvector("x", shape=(30,)), T.dmatrix("w", shape=(30, 30))
    rng = np.random.RandomState(0)
    values, weights = rng.normal(size=30), rng.normal(size=(30, 30))
    y = T.tanh(T.dot(w, x))
    rows = graphlib.jacobian(y, x)
    second = graphlib.hessian((T.dot(w, x) ** 3).sum(), x)
    assert rows.type.shape == second.type.shape == (30, 30)
    assert len(toposort([rows, second])) < 200
    by_hand = (1 - np.tanh(weights @ values) ** 2)[:, None] * weights
    results = at([rows, second], {x: values, w: weights}, mode)
    assert_same(results[0], by_hand)
    assert_same(results[1], weights.T @ np.diag(6 * (weights @ values)) @ weights)


@pytest.mark.parametrize("mode", MODES)
def test_hessian(mode):
    x = T.dvector("x", shape=(3,))
    cost = x[0] * x[1] ** 2 + T.exp(x[2])
    wanted = np.array([[0, 2 * V[1], 0], [2 * V[1], 2 * V[0], 0], [0, 0, np.exp(V[2])]])
    assert_same(at(graphlib.hessian(cost, x), {x: V}, mode), wanted)
    several = graphlib.hessian((x**2).sum(), [x])
    assert isinstance(several, list)
    assert_same(at(several[0], {x: V}, mode), 2 * np.eye(3))
    assert not at(graphlib.hessian(x.sum(), x), {x: V}, mode).any()


@on_each_mode
def test_matrices_of_derivatives_of_any_length(mode):
    x, w = T.dvector("x"), T.dmatrix("w")
    by_x, by_w = graphlib.jacobian(T.tanh(T.dot(x, w)), [x, w])
    second = graphlib.hessian(T.exp(x).sum() * x[0], x)
    for rows, columns in ((3, 2), (1, 3), (2, 0)):
        a = np.linspace(-1, 1, rows)
        b = np.cos(np.arange(rows * columns)).reshape(rows, columns)
        slope = 1 - np.tanh(a @ b) ** 2
        results = at([by_x, by_w, second], {x: a, w: b}, mode)
        assert_same(results[0], (b * slope).T)
        assert_same(results[1], np.einsum("kl,i,k->kil", np.eye(columns), a, slope))
        wanted = np.diag(np.exp(a) * a[0])
        wanted[0] += np.exp(a)
        wanted[:, 0] += np.exp(a)
        assert_same(results[2], wanted)


@on_each_mode
def test_derivatives_of_matrices_of_derivatives(mode):
    x = T.dvector("x")
    third = T.grad(graphlib.hessian((x**4).sum(), x).sum(), x)
    assert_same(at(third, {x: V}, mode), 24 * V)
    independent = T.dvector("y")
    zeros = graphlib.jacobian(T.exp(x), [x, independent], disconnected_inputs="ignore")[1]
    assert_same(at(zeros, {x: V, independent: V[:2]}, mode), np.zeros((3, 2)))
    with pytest.raises(DisconnectedInputError, match="y"):
        graphlib.jacobian(T.exp(x), independent)


def test_matrices_of_derivatives_are_those_of_vectors():
    x = T.dvector("x")
    with pytest.raises(ShapeError, match="must be a vector, not m"):
        graphlib.jacobian(T.dmatrix("m"), x)
    with pytest.raises(ShapeError, match=r"m float64.* must be a vector"):
        m = T.dmatrix("m")
        graphlib.hessian(m.sum(), m)


@pytest.mark.parametrize("mode", MODES)
def test_gradients_of_gradients(mode):
    """To the fourth order, and a penalty on the gradient as it is used in training."""
    x = T.dscalar("x")
    derivatives = [T.exp(2 * x) * T.sin(x)]
    for _ in range(4):
        derivatives.append(graphlib.grad(derivatives[-1], x))
    e, s, c = np.exp(1.4), np.sin(0.7), np.cos(0.7)
    wanted = [e * s, e * (2 * s + c), e * (3 * s + 4 * c), e * (2 * s + 11 * c), e * (-7 * s + 24 * c)]
    np.testing.assert_allclose(at(derivatives, {x: 0.7}, mode), wanted, rtol=1e-12)

    w, v = T.dvector("w"), T.dvector("v")
    penalty = (graphlib.grad((w**3 * v).sum(), w) ** 2).sum()
    assert_same(at(graphlib.grad(penalty, w), {w: V, v: V}, mode), 36 * V**3 * V**2)


# verify_grad


class Cube(Op):
    """x cubed, with a gradient that is right only if ``factor`` is 3."""

    def __init__(self, factor):
        self.factor = factor

    def parameters(self):
        return (self.factor,)

    def infer(self, x):
        return [TensorType(x.dtype, x.type.shape)]

    def gradient(self, node, grads):
        return [grads[0] * node.inputs[0] ** 2 * self.factor]

    def reference(self, node, x):
        return x**3


def test_verify_grad_accepts_what_is_right_and_catches_what_is_wrong():
    random = np.random.RandomState(4)
    point = random.uniform(0.5, 1, (2, 3))
    T.verify_grad(lambda x: Cube(3)(x), [point], rng=random, mode="reference")
    T.verify_grad(lambda x, y: T.tanh(T.dot(x, y)), [point, point.T], rng=random, mode="reference")
    with pytest.raises(GradientError) as error:
        T.verify_grad(lambda x: Cube(2)(x), [point], rng=random, mode="reference")
    assert "finite differences" in str(error.value) and "element 0 of input 0" in str(error.value)
    with pytest.raises(GradientError, match="input 1"):
        T.verify_grad(lambda x, y: x + Cube(3.001)(y), [point, point], rng=random, mode="reference")


def test_verify_grad_in_float32_with_integers_among_the_inputs():
    point = np.array([0.5, 1.5, 2.0], "float32")
    T.verify_grad(lambda x, i: x[i] ** 2, [point, np.array([0, 2, 2])], mode="reference")
    with pytest.raises(GradientError, match="finite differences"):
        T.verify_grad(lambda x, i: Cube(4)(x)[i], [point, np.array([0, 2, 2])], mode="reference")


def test_a_gradient_of_the_wrong_shape_is_named():
    class Wrong(Cube):
        def gradient(self, node, grads):
            return [grads[0].sum()]

    x = T.dvector("x")
    with pytest.raises(
        ShapeError, match=r"the gradient rule of Wrong.* gives float64\(\) for its input x float64"
    ):
        graphlib.grad(Wrong(1)(x).sum(), x)


@pytest.mark.parametrize("axis", [0, 1])
def test_second_derivative_of_an_element_taken_twice(axis):
    """Of 2 L², L = log sum exp s: 4 L p, of whose square it is 32 L p (S + L (p - S)) with S = sum p²."""
    s = T.dmatrix("s")
    total = T.logsumexp(s, axis=[axis])
    first = T.grad(T.sum(T.sqr(total[[0, 0]])), s)
    second = T.grad(T.sum(T.sqr(first)), s)
    values = np.array([[-0.805], [-0.099], [0.881]])
    values = values if axis == 0 else values.T
    L = np.log(np.sum(np.exp(values)))
    p = np.exp(values - L)
    S = np.sum(p**2)
    for mode in ("fast_run", "reference"):
        got = graphlib.function([s], [first, second], mode=mode)(values)
        np.testing.assert_allclose(got[0], 4 * L * p, rtol=1e-12)
        np.testing.assert_allclose(got[1], 32 * L * p * (S + L * (p - S)), rtol=1e-11)


def test_the_rows_of_a_jacobian_are_computed_in_products_over_all_of_them():
    x = T.matrix("x")
    v, w = (
        graphlib.shared(np.random.RandomState(k).normal(size=s), shape=s)
        for k, s in enumerate([(7, 9), (9, 12)])
    )
    y = T.dot(T.tanh(T.dot(x, v)), w)
    f = graphlib.function([x], graphlib.jacobian(y.sum(axis=0), x), allow_input_downcast=True)
    assert not any("Scan" in step.kind for step in f.plan.steps)
    assert sum(step.kind == "MatMul" for step in f.plan.steps) <= 4
    values = np.random.RandomState(2).normal(size=(5, 7)).astype("float32")
    inside = 1 - np.tanh(values @ v.get_value()) ** 2
    expected = np.einsum("hk,nh,ih->kni", w.get_value(), inside, v.get_value())
    np.testing.assert_allclose(f(values), expected, rtol=1e-5, atol=1e-6)
