"""What is found to be at least 0 is, for all lengths, indices and numbers that what is known lets be."""

import itertools

import numpy as np
import pytest

from graphlib.scalar import expression as ex
from graphlib.scalar.integer import Poly, Symbol
from graphlib.schedule.bounds import _poly as value_of
from graphlib.schedule.inequalities import Facts

N, M = Symbol("n"), Symbol("m")
ROW, COLUMN = Symbol("i", is_index=True), Symbol("j", is_index=True)
#: a user's number, of which nothing is known
A = ex.local("a", "int64")


def expression(rng, depth):
    """A polynomial of lengths, indices and a number, with quotients, extrema and choices in it."""
    if depth == 0:
        return Poly.of([N, M, ROW, COLUMN, A, int(rng.randint(-3, 4))][rng.randint(6)])
    a, b = expression(rng, depth - 1), expression(rng, depth - 1)
    kinds = (
        lambda: a + b,
        lambda: a - b,
        lambda: a * int(rng.randint(-2, 3)),
        lambda: ex.minimum(a, b),
        lambda: ex.maximum(a, b),
        lambda: ex.floor_div(a, int(rng.randint(1, 4))),
        lambda: ex.mod(a, int(rng.randint(1, 4))),
        lambda: ex.select(ex.less(a, b), a, b),
        lambda: a * Poly.of(N),
    )
    return kinds[rng.randint(len(kinds))]()


def lengths(rng):
    """A length, a number, a product, or a sum of them."""
    return [Poly.of(N), Poly.of(M), Poly.of(N) * M, Poly.of(int(rng.randint(3))), Poly.of(N) + 1][
        rng.randint(5)
    ]


def test_nothing_is_found_to_hold_that_does_not():
    rng = np.random.RandomState(0)
    found = 0
    for _ in range(500):
        known = [
            Poly.of(N) - 1 - ROW,
            Poly.of(M) - 1 - COLUMN,
            *(expression(rng, 1) for _ in range(rng.randint(3))),
        ]
        for _ in range(rng.randint(2)):
            equal = lengths(rng) - lengths(rng)
            known += [equal, -equal]
        goal = expression(rng, 3)
        if not Facts(known, {}).hold(goal):
            continue
        found += 1
        for n, m, a in itertools.product(range(4), range(3), (-4, -1, 0, 1, 3)):
            for i, j in itertools.product(range(n), range(m)):
                values = {N: n, M: m, ROW: i, COLUMN: j, "a": a}
                if all(value_of(p, values) >= 0 for p in known):
                    assert value_of(goal, values) >= 0, (goal, known, values)
    assert found > 100


CLIPPED = ex.select(ex.less(A, 0), ex.maximum(Poly.of(A) + N, 0), ex.minimum(A, N))
HOLD = {
    "where a slice begins": CLIPPED,
    "where it ends": Poly.of(N) - CLIPPED,
    "an element of it": Poly.of(N) - 1 - CLIPPED - ROW,
    "every second element of a row": Poly.of(N) - 1 - 2 * Poly.of(COLUMN),
    "what is turned round": Poly.of(N) - 1 - COLUMN,
    "a place in a matrix": Poly.of(N) * M - 1 - (Poly.of(ROW) * M + COLUMN),
}
KNOWN = {
    "an element of it": [ex.maximum(0, Poly.of(N) - CLIPPED) - 1 - ROW],
    "every second element of a row": [ex.floor_div(Poly.of(N) + 1, 2) - 1 - COLUMN],
    "what is turned round": [Poly.of(N) - 1 - COLUMN],
    "a place in a matrix": [Poly.of(N) - 1 - ROW, Poly.of(M) - 1 - COLUMN],
}


def equal(a, b):
    """That two lengths are equal, as a check finds it."""
    return [a - b, b - a]


K, L = Poly.of(Symbol("k")), Poly.of(Symbol("l"))
STEP = Poly.of(N) - 2
HOLD |= {
    "a row of as many others": Poly.of(N) * M - 1 - (Poly.of(ROW) * L + COLUMN),
    "a length that is one more": K - 1 - ROW,
    "a place of a window": Poly.of(N) - 1 - Poly.of(ROW) * STEP - COLUMN,
    "a quotient that is none below 0": ex.floor_div(STEP, 2),
    "what a choice is of does not matter": 2 * ex.maximum(ex.floor_div(CLIPPED, 2), 0) - CLIPPED + 1,
}
KNOWN |= {
    "a row of as many others": [*equal(Poly.of(N) * M, K * L), K - 1 - ROW, L - 1 - COLUMN],
    "a length that is one more": [*equal(K, Poly.of(N) + 1), Poly.of(N) - ROW],
    "a place of a window": [STEP - 1, ex.floor_div(1, STEP) - ROW, STEP - COLUMN],
    "a quotient that is none below 0": [STEP],
}


@pytest.mark.parametrize("what", HOLD)
def test_what_holds_is_found_and_one_less_is_not(what):
    facts = Facts(KNOWN.get(what, []), {})
    assert facts.hold(HOLD[what])
    assert not facts.hold(HOLD[what] - 1)


def test_a_length_that_is_computed_is_what_it_is_computed_from():
    k = Symbol("k")
    assert Facts([Poly.of(k) - 1 - ROW], {k: ex.minimum(N, 7)}).hold(Poly.of(6) - ROW)
    assert not Facts([Poly.of(k) - 1 - ROW], {k: ex.maximum(N, 7)}).hold(Poly.of(6) - ROW)
