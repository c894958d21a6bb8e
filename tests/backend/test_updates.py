"""Updates are simultaneous: every expression sees the values from before the call, whatever is in place.

Sets of updates are drawn at random and compared with the reference over several calls; those that are easily
got wrong are written out.
"""

import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import graphlib
import graphlib.tensor as T

N = 5
EXAMPLES = int(os.environ.get("GRAPHLIB_TEST_EXAMPLES", "30"))
SETTINGS = settings(
    max_examples=EXAMPLES, deadline=None, derandomize="GRAPHLIB_TEST_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck), print_blob=True,
)  # fmt: skip

ORDER = np.array([3, 0, 4, 0, 2])


def matrices(leaves):
    """Expressions of N×N matrices of magnitude about 1."""
    leaf = st.sampled_from(leaves)

    def grown(inner):
        return st.one_of(
            st.builds(lambda a, b: (a + b) * 0.5, inner, inner),
            st.builds(lambda a, b: a - 0.1 * b, inner, inner),
            st.builds(lambda a, b: a * b, inner, inner),
            st.builds(lambda a, b, f: a - f * T.dot(b.T, a), inner, inner, st.sampled_from([0.1, 0.25])),
            st.builds(lambda a, b: T.dot(a, b) * 0.2, inner, inner),
            st.builds(lambda a, b, c: a + T.dot(b, c) * 0.1, leaf, inner, inner),
            st.builds(T.tanh, inner),
            st.builds(lambda a: a.T, inner),
            st.builds(lambda a: a[::-1], inner),
            st.builds(lambda a: a[ORDER], inner),
            st.builds(lambda a, k: a[k].dimshuffle("x", 0) + 0 * a, inner, st.integers(-N, N - 1)),
            st.builds(lambda a, k: a - a.mean(axis=k, keepdims=True), inner, st.integers(0, 1)),
            st.builds(lambda a: a - a.max(axis=1, keepdims=True), inner),
            st.builds(lambda a: a * T.sum(a) * 0.05, inner),
            st.builds(lambda a: T.nnet.softmax(a), inner),
            st.builds(lambda a, b: T.concatenate([a[2:], b[:2]], axis=0), inner, inner),
            st.builds(lambda a, b, k: T.set_subtensor(a[k], b[k - 1] * 0.5), inner, inner, st.integers(0, 4)),
            st.builds(lambda a, b: T.inc_subtensor(a[1:3], b[:2] * 0.5), leaf, inner),
            st.builds(lambda a, b: T.inc_subtensor(a[ORDER], b * 0.1), leaf, inner),
            st.builds(lambda a, b: T.switch(T.gt(a, b), a, b * 0.5), inner, inner),
        )  # fmt: skip

    return st.recursive(leaf, grown, max_leaves=5)


@st.composite
def programs(draw):
    """(shared variables, inputs, outputs, updates)."""
    random = np.random.RandomState(draw(st.integers(0, 100)))
    shareds = [
        graphlib.shared(random.uniform(-1, 1, (N, N)).astype("float32"), name=f"W{k}")
        for k in range(draw(st.integers(2, 4)))
    ]
    x = T.matrix("x") if draw(st.booleans()) else T.fmatrix("x", shape=(N, N))
    expression = matrices([*shareds, *shareds, x])
    updates = [(s, draw(expression)) for s in shareds if draw(st.integers(0, 3))]
    outputs = draw(st.lists(st.one_of(expression, st.sampled_from(shareds)), max_size=2))
    return shareds, [x], outputs, updates


def run(function, shareds, start, calls):
    """Outputs of each call and the shared variables after it."""
    for s, value in zip(shareds, start, strict=True):
        s.set_value(value)
    return [[*function(*arrays), *(s.get_value() for s in shareds)] for arrays in calls]


def assert_simultaneous(shareds, inputs, outputs, updates, calls, tolerance=1e-3):
    """Compiled and reference agree on outputs and shared variables after each of several calls."""
    start = [s.get_value() for s in shareds]
    got, wanted = (
        run(
            graphlib.function(inputs, outputs, updates=updates, mode=mode, on_unused_input="ignore"),
            shareds, start, calls,
        )
        for mode in ("fast_run", "reference")
    )  # fmt: skip
    for k, (now, right) in enumerate(zip(got, wanted, strict=True)):
        for j, (a, b) in enumerate(zip(now, right, strict=True)):
            scale = max(1.0, float(np.max(np.abs(b), initial=0)))
            what = f"call {k}, result {j}"
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * scale, err_msg=what)


@SETTINGS
@given(programs())
def test_random_updates_are_simultaneous(program):
    shareds, inputs, outputs, updates = program
    random = np.random.RandomState(5)
    calls = [[random.uniform(-1, 1, (N, N)).astype("float32")] for _ in range(3)]
    assert_simultaneous(shareds, inputs, outputs, updates, calls)


def weights(*shapes):
    random = np.random.RandomState(8)
    return [
        graphlib.shared(random.uniform(-1, 1, shape).astype("float32"), name=f"W{k}")
        for k, shape in enumerate(shapes)
    ]


SQUARE = [(4, 4)]
WRITTEN_OUT = {
    "exchange": (SQUARE * 2, lambda a, b: [(a, b), (b, a)]),
    "cycle of three": (SQUARE * 3, lambda a, b, c: [(a, b), (b, c), (c, a)]),
    "cycle of three, computed": (SQUARE * 3, lambda a, b, c: [(a, b + 1), (b, c * 2), (c, a - b)]),
    "one goes on to two": (SQUARE * 3, lambda a, b, c: [(a, a + 1), (b, a), (c, a)]),
    "chain": (SQUARE * 3, lambda a, b, c: [(a, b), (b, c)]),
    "its own transposed": (SQUARE, lambda a: [(a, a.T)]),
    "read transposed by another": (SQUARE * 2, lambda a, b: [(a, a * 0.5), (b, b + a.T)]),
    "backwards": (SQUARE, lambda a: [(a, a[::-1])]),
    "shifted": (SQUARE, lambda a: [(a, T.concatenate([a[1:], a[:1]], axis=0))]),
    "a row for all": (SQUARE, lambda a: [(a, a + a[0])]),
    "gathered": (SQUARE, lambda a: [(a, a[np.array([1, 1, 0, 3])] * 0.5)]),
    "gathered by another": (SQUARE * 2, lambda a, b: [(a, a + 1), (b, a[np.array([1, 1, 0, 3])])]),
    "product of itself": (SQUARE, lambda a: [(a, a - 0.1 * T.dot(a, a))]),
    "products of each other": (
        SQUARE * 2,
        lambda a, b: [(a, a - 0.1 * T.dot(b, a)), (b, b - 0.1 * T.dot(a.T, b))],
    ),
    "accumulated into and read": (SQUARE * 2, lambda a, b: [(a, a + T.dot(b, b)), (b, a + b)]),
    "sum over all of it": (SQUARE, lambda a: [(a, a / (1 + abs(a).sum()))]),
    "norm over rows": (SQUARE, lambda a: [(a, a / (1 + abs(a).sum(axis=0)))]),
    "softmax of itself": (SQUARE, lambda a: [(a, T.nnet.softmax(a))]),
    "two in one nest": (SQUARE * 2, lambda a, b: [(a, a + b), (b, a - b)]),
    "scalar of another": ([(4, 4), ()], lambda a, s: [(a, a * s), (s, s + 1)]),
    "scalar read at an index": ([(4, 4), (4,)], lambda a, v: [(v, v + a[0]), (a, a + v[1])]),
    "written at one place": (SQUARE, lambda a: [(a, T.set_subtensor(a[1], a[2]))]),
    "written at a place and read": (
        SQUARE * 2,
        lambda a, b: [(a, T.inc_subtensor(a[1], b[0])), (b, a * 2)],
    ),
    "momentum": (SQUARE * 2, lambda a, v: [(v, 0.9 * v - 0.1 * a), (a, a + 0.9 * v - 0.1 * a)]),
    "rows of one to columns of another": (
        [(4, 4), (4,)],
        lambda a, v: [(a, a + v.dimshuffle(0, "x")), (v, v + a.sum(axis=0))],
    ),
    "empty": ([(0, 4), (4, 0)], lambda a, b: [(a, a + 1), (b, b - a.T)]),
}


@pytest.mark.parametrize("case", WRITTEN_OUT)
def test_updates_see_the_values_from_before(case):
    shapes, make = WRITTEN_OUT[case]
    shareds = weights(*shapes)
    assert_simultaneous(shareds, [], [], make(*shareds), [[]] * 3)


@pytest.mark.parametrize("case", WRITTEN_OUT)
def test_outputs_see_the_values_from_before(case):
    shapes, make = WRITTEN_OUT[case]
    shareds = weights(*shapes)
    outputs = [*shareds, *(s * 2 + 1 for s in shareds), *(s.T for s in shareds)]
    assert_simultaneous(shareds, [], outputs, make(*shareds), [[]] * 3)


def test_rows_computed_from_a_variable_are_written_to_it_in_place():
    """The update of an embedding touches the rows used, also where their gradient depends on them."""
    w, i = graphlib.shared(np.arange(12, dtype="float32").reshape(4, 3), "w"), T.ivector("i")
    before = w.get_value()
    f = graphlib.function(
        [i], [], updates=[(w, w - 0.25 * graphlib.grad(T.sqr(w[i]).sum(), w))], mode="fast_run"
    )
    f(np.array([2, 0, 2], "int32"))
    wanted = before.copy()
    np.add.at(wanted, [2, 0, 2], -0.5 * before[[2, 0, 2]])
    np.testing.assert_allclose(w.get_value(), wanted)
    assert "memcpy" not in f.source
