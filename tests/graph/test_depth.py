"""Graphs of 10,000 or 3,000 nodes in a chain, more than Python recurses to: nothing does, and work grows with
the number of nodes and no faster.

Work is counted in calls of Python functions, which unlike seconds are the same on every machine.
"""

import copy
import gc
import pickle
import sys

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.graph import ancestors, toposort
from tests.ops.backends import compiled

DEEP, DEEPER = 3_000, 10_000


def chain(length, x=None):
    """sin and additions in turn, each on the one before, with an input that is used all along."""
    x = T.dvector("x") if x is None else x
    y = x
    for k in range(length):
        y = T.sin(y) if k % 2 else y + x
    return x, y


def numpy_chain(length, x):
    y, slope = x, np.ones_like(x)
    for k in range(length):
        y, slope = (np.sin(y), slope * np.cos(y)) if k % 2 else (y + x, slope + 1)
    return y, slope


POINT = np.array([0.1, -0.4, 1.3])


def calls(function, *args):
    """How many Python functions a call of ``function`` enters, and what it returns."""
    count = 0

    def enter(frame, event, argument):
        nonlocal count
        count += event == "call"

    gc.collect()
    gc.disable()  # what other tests left would be finalized in between
    sys.setprofile(enter)
    try:
        result = function(*args)
    finally:
        sys.setprofile(None)
        gc.enable()
    return count, result


def differentiate(x, y):
    return graphlib.grad(y.sum(), x)


def compile_reference(x, y):
    return graphlib.function([x], y, mode="reference")


STEPS = {
    "build": lambda n: (n,),
    "grad": chain,
    "compile": chain,
    "compile the gradient": lambda n: (lambda x, y: (x, differentiate(x, y)))(*chain(n)),
    "deepcopy": lambda n: chain(n)[1:],
    "pickle": lambda n: chain(n)[1:],
    "unpickle": lambda n: (pickle.dumps(chain(n)[1]),),
    "clone": chain,
    "toposort": lambda n: chain(n)[1:],
}
RUN = {
    "build": chain,
    "grad": differentiate,
    "compile": compile_reference,
    "compile the gradient": compile_reference,
    "deepcopy": copy.deepcopy,
    "pickle": pickle.dumps,
    "unpickle": pickle.loads,
    "clone": lambda x, y: graphlib.clone([y], {x: T.dvector("other")}),
    "toposort": lambda y: toposort([y]),
}


@pytest.mark.parametrize("step", STEPS)
def test_work_is_linear_in_nodes(step):
    """Four times the nodes: at most five times the calls, where quadratic work would take sixteen times."""
    RUN[step](*STEPS[step](16))
    few, _ = calls(RUN[step], *STEPS[step](500))
    many, _ = calls(RUN[step], *STEPS[step](2000))
    assert many < 5 * few, f"{few} calls for 500 nodes, {many} for 2000"


def test_a_deep_chain_builds_differentiates_and_computes():
    x, y = chain(DEEPER)
    assert len(toposort([y])) == DEEPER
    gradient = graphlib.grad(y.sum(), x)
    value, slope = graphlib.function([x], [y, gradient], mode="reference")(POINT)
    wanted, wanted_slope = numpy_chain(DEEPER, POINT)
    np.testing.assert_allclose(value, wanted, rtol=1e-12)
    np.testing.assert_allclose(slope, wanted_slope, rtol=1e-9)


def test_a_deep_chain_compiles_to_one_native_function():
    x = T.dvector("x")
    y, wanted = x, POINT
    for k in range(DEEP):
        step = [lambda v, u: v + u, lambda v, u: v * 0.99, lambda v, u: abs(v - 3 * u)][k % 3]
        y, wanted = step(y, x), step(wanted, POINT)
    got = compiled("c", [x], y)(POINT)
    np.testing.assert_allclose(got, wanted, rtol=1e-9)


def test_a_deep_chain_differentiates_twice():
    x, y = chain(DEEP)
    again = graphlib.grad(graphlib.grad(y.sum(), x).sum(), x)
    assert again.type == x.type and len(ancestors([again])) > DEEP


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))], ids=["deepcopy", "pickle"]
)
def test_a_deep_chain_is_copied(copied):
    x, y = chain(DEEP)
    x2, y2 = copied([x, y])
    assert y2 is not y and len(toposort([y2])) == DEEP
    got = graphlib.function([x2], y2, mode="reference")(POINT)
    np.testing.assert_allclose(got, numpy_chain(DEEP, POINT)[0], rtol=1e-12)


def test_a_function_of_a_deep_chain_is_pickled():
    x, y = chain(DEEP)
    function = graphlib.function([x], y, mode="reference", name="deep")
    restored = pickle.loads(pickle.dumps(function))
    assert np.array_equal(restored(POINT), function(POINT))


def test_a_chain_that_is_pickled_as_it_grows():
    """Saving after every step makes no pickle that nests a record in a record in a record."""
    x = T.dvector("x")
    y = x
    for _ in range(400):
        y = y + x
        saved = pickle.dumps(y)
    assert len(toposort([pickle.loads(saved)])) == 400


def test_a_deep_chain_is_cloned_with_another_input():
    x, y = chain(DEEP)
    other = T.dvector("other")
    (z,) = graphlib.clone([y], {x: other * 2})
    got = graphlib.function([other], z, mode="reference")(POINT / 2)
    np.testing.assert_allclose(got, numpy_chain(DEEP, POINT)[0], rtol=1e-12)


def test_a_wide_graph():
    """One sum of 3,000 terms, built as a balanced tree and as a list that is stacked."""
    x = T.dscalar("x")
    terms = [x * float(k) for k in range(DEEP)]
    stacked = T.stack(terms).sum()
    while len(terms) > 1:
        terms = [a + b for a, b in zip(terms[::2], terms[1::2], strict=False)] + terms[len(terms) // 2 * 2 :]
    results = graphlib.function([x], [stacked, terms[0], graphlib.grad(stacked, x)], mode="reference")(2.0)
    assert [float(r) for r in results] == [DEEP * (DEEP - 1), DEEP * (DEEP - 1), DEEP * (DEEP - 1) / 2]


def test_a_deep_graph_of_a_fold_over_shared_values():
    """The updates of a recurrence that a user unrolled by hand."""
    state, w = graphlib.shared(np.zeros(2), "state"), graphlib.shared(np.full(2, 0.5), "w")
    h = state
    for _ in range(3000):
        h = T.tanh(h * w + 0.1)
    step = graphlib.function(
        [], updates=[(state, h), (w, w - 0.1 * graphlib.grad(h.sum(), w))], mode="reference"
    )
    step()
    value, slope = np.zeros(2), np.zeros(2)
    for _ in range(3000):
        slope = (1 - np.tanh(value * 0.5 + 0.1) ** 2) * (slope * 0.5 + value)
        value = np.tanh(value * 0.5 + 0.1)
    np.testing.assert_allclose(state.get_value(), value, rtol=1e-12)
    np.testing.assert_allclose(w.get_value(), 0.5 - 0.1 * slope, rtol=1e-12)
