"""Updates of embeddings touch the rows used: the same values as computed whole, without going over all rows.

The expected values are those of the reference backend, which computes gradients and updates whole; that no
more than the rows used is touched shows in the C, where the number of a table's elements would stand.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphlib
import graphlib.tensor as T

ROWS, WIDTH = 1 << 16, 6


def sgd(p, g):
    return [(p, p - 0.1 * g)]


def state(p, name):
    return graphlib.shared(np.full_like(p.get_value(), 0.5), name)


def adagrad(p, g):
    squares = state(p, "squares")
    summed = squares + g**2
    return [(squares, summed), (p, p - 0.1 * g / T.sqrt(summed + 1e-6))]


def adadelta(p, g):
    gradients, steps = state(p, "gradients"), state(p, "steps")
    mean = 0.95 * gradients + 0.05 * g**2
    step = -T.sqrt(steps + 1e-6) / T.sqrt(mean + 1e-6) * g
    return [(gradients, mean), (steps, 0.95 * steps + 0.05 * step**2), (p, p + step)]


def rmsprop(p, g):
    square = state(p, "square")
    mean = 0.9 * square + 0.1 * T.sqr(g)
    return [(square, mean), (p, p - 0.01 * g / T.sqrt(mean + 1e-4))]


def momentum(p, g):
    velocity = state(p, "velocity")
    moved = 0.9 * velocity - 0.1 * g
    return [(velocity, moved), (p, p + moved)]


def clipped_by_norm(rule):
    def clipped(p, g):
        norm = T.sqrt(T.sum(g**2))
        return rule(p, g * T.minimum(1, 2 / T.maximum(norm, 2)))

    return clipped


def clipped_by_value(rule):
    return lambda p, g: rule(p, T.clip(g, -0.2, 0.2))


def with_decay(p, g):
    """Nothing is left to the rows used alone."""
    return adagrad(p, g + 0.01 * p)


RULES = {
    "SGD": sgd,
    "AdaGrad": adagrad,
    "AdaDelta": adadelta,
    "RMSprop": rmsprop,
    "momentum": momentum,
    "SGD, clipped by norm": clipped_by_norm(sgd),
    "AdaGrad, clipped by norm": clipped_by_norm(adagrad),
    "SGD, clipped by value": clipped_by_value(sgd),
    "AdaGrad, clipped by value": clipped_by_value(adagrad),
    "AdaGrad with weight decay": with_decay,
}

#: the rules that leave rows of which no use is made as they are
SPARSE = [name for name in RULES if name.split(",")[0] in ("SGD", "AdaGrad")]

x, y = T.imatrix("x"), T.ivector("y")

#: how a table is read: (its shape, the cost)
READ = {
    "rows": ((ROWS, WIDTH), lambda W: T.sum(W[x] ** 3)),
    "rows, twice the same": ((ROWS, WIDTH), lambda W: T.sum(W[x] ** 3) + T.sum(T.sin(W[x]))),
    "rows by two arrays": ((ROWS, WIDTH), lambda W: T.sum(W[x] ** 3) - T.sum(T.sqr(W[y]) * T.arange(WIDTH))),
    "one row": ((ROWS, WIDTH), lambda W: T.sum(W[y[0]] ** 3)),
    "one row, and others by an array": ((ROWS, WIDTH), lambda W: T.sum(W[y[0]] * W[y[1]]) + T.sum(W[x])),
    "one column": ((WIDTH, ROWS), lambda W: T.sum(W[:, y[0]] ** 3)),
    "one of matrices": ((ROWS // 2, 3, 4), lambda W: T.sum(W[y[0]] ** 3 * T.arange(4))),
    "columns": ((WIDTH, ROWS), lambda W: T.sum(W[:, y] ** 3)),
    "matrices": ((ROWS // 2, 3, 4), lambda W: T.sum(W[x] ** 3)),
    "vector": ((ROWS * 8,), lambda W: T.sum(W[x] ** 3)),
    "rows, and all of them": ((ROWS, WIDTH), lambda W: T.sum(W[x] ** 3) + 0.01 * T.sum(T.sqr(W))),
}


def compiled(read, rule, mode):
    """The function of a training step, and what it updates."""
    shape, cost = READ[read]
    W = graphlib.shared(np.random.RandomState(3).uniform(-1, 1, shape).astype("float32"), "W")
    updates = RULES[rule](W, graphlib.grad(cost(W), W))
    function = graphlib.function([x, y], cost(W), updates=updates, mode=mode, on_unused_input="ignore")
    return function, [shared for shared, _ in updates]


def values(function, shareds, numbers, more):
    costs = [function(np.array(numbers, "int32"), np.array(more, "int32")) for _ in range(2)]
    return [*costs, *(shared.get_value() for shared in shareds)]


#: which numbers of rows a cost uses
USES = {
    "rows": "x",
    "rows, twice the same": "x",
    "rows by two arrays": "x y",
    "one row": "y[0]",
    "one row, and others by an array": "x y[:2]",
    "one column": "y[0]",
    "one of matrices": "y[0]",
    "columns": "y",
    "matrices": "x",
}

NUMBERS, MORE = [[5, 0, 5], [2000, -1, 5]], [7, 5, -1, 3, 7]


def each(reads, rules):
    """All ways to read a table with AdaGrad, and all rules with the way that needs most."""
    hardest = ["rows by two arrays", "one row, and others by an array", "rows, and all of them"]
    pairs = [(read, "AdaGrad") for read in reads]
    pairs += [(read, rule) for read in hardest if read in reads for rule in rules if rule != "AdaGrad"]
    return pytest.mark.parametrize(("read", "rule"), pairs)


@each(READ, RULES)
def test_updates_are_those_computed_whole(read, rule):
    got = values(*compiled(read, rule, "fast_run"), NUMBERS, MORE)
    wanted = values(*compiled(read, rule, "reference"), NUMBERS, MORE)
    for one, other in zip(got, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-6)


@each(USES, SPARSE)
def test_rows_not_used_are_not_touched(read, rule):
    function, shareds = compiled(read, rule, "fast_run")
    size = shareds[0].get_value().size
    assert str(size) not in function.source
    assert "memcpy" not in function.source
    before = [shared.get_value() for shared in shareds]
    for values in before:
        np.swapaxes(values, 0, int("column" in read))[100] = np.nan
    for shared, values in zip(shareds, before, strict=True):
        shared.set_value(values)
    function(np.array(NUMBERS, "int32"), np.array(MORE, "int32"))
    for shared, values in zip(shareds, before, strict=True):
        changed = np.swapaxes(shared.get_value() != values, 0, int("column" in read))
        changed[100] = False
        used = {*np.ravel(NUMBERS)} if "x" in USES[read] else set()
        used |= {"y": {*MORE}, "y[0]": {MORE[0]}, "y[:2]": {*MORE[:2]}}.get(USES[read].split()[-1], set())
        n = len(changed)
        assert set(np.flatnonzero(changed.reshape(n, -1).any(axis=1))) <= {k % n for k in used}
        assert changed.any()


@pytest.mark.parametrize("rule", ["AdaDelta", "RMSprop", "momentum"])
def test_running_means_decay_in_place(rule):
    function, _ = compiled("rows", rule, "fast_run")
    assert "memcpy" not in function.source
    assert f"k < {ROWS * WIDTH}" not in function.source  # no zeros for all rows


@given(
    read=st.sampled_from(list(READ)),
    rule=st.sampled_from(list(RULES)),
    shape=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    data=st.data(),
)
@settings(max_examples=20, deadline=None)
def test_any_numbers_of_rows(read, rule, shape, data):
    few = st.integers(-3, 3)
    numbers = data.draw(st.lists(few, min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]))
    more = data.draw(st.lists(few, min_size=2, max_size=4))
    numbers = np.array(numbers, "int32").reshape(shape)
    got = values(*compiled(read, rule, "fast_run"), numbers, more)
    wanted = values(*compiled(read, rule, "reference"), numbers, more)
    for one, other in zip(got, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=5e-5, atol=5e-6)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("wrong", [ROWS, -ROWS - 1])
def test_a_row_that_is_not_there_changes_nothing(rule, wrong):
    function, shareds = compiled("rows by two arrays", rule, "fast_run")
    before = [shared.get_value() for shared in shareds]
    for numbers, more in (([[1, wrong]], [2]), ([[1, 2]], [2, wrong])):
        with pytest.raises(IndexError):
            function(np.array(numbers, "int32"), np.array(more, "int32"))
        for shared, values in zip(shareds, before, strict=True):
            np.testing.assert_array_equal(shared.get_value(), values)


def test_a_gradient_that_is_also_returned_is_computed_whole():
    results = {}
    for mode in ("fast_run", "reference"):
        W = graphlib.shared(np.random.RandomState(3).uniform(-1, 1, (ROWS, WIDTH)).astype("float32"), "W")
        gradient = graphlib.grad(T.sum(W[x] ** 3), W)
        updates = adagrad(W, gradient)
        function = graphlib.function([x], gradient, updates=updates, mode=mode)
        results[mode] = [function(np.array(NUMBERS, "int32")), W.get_value(), updates[0][0].get_value()]
    for one, other in zip(*results.values(), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-6)
