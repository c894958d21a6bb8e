"""Lengths that are none: negative, or more than there can be.  Whatever they are given to, in every mode, a
call fails before anything is computed or changed, and names the line; a length of 0 is one."""

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.errors import ShapeError
from graphlib.tensor.shared_randomstreams import RandomStreams

from .ops.backends import MODES, compiled

X = T.fmatrix("x")
V = T.fvector("v")
ROWS = np.arange(12, dtype="float32").reshape(4, 3)
LINE = np.arange(6, dtype="float32")
STREAM = RandomStreams(5)


def padded(n):
    """The usual slip: rows up to a length that the sequence has already."""
    return T.concatenate([X, T.zeros((n - X.shape[0], X.shape[1]))])


#: what takes a length: the function, a length that fits, its result's shape then, and lengths that do not fit
TAKERS = {
    "zeros": (lambda n: T.zeros((n, 4)), 2, (2, 4), [-1, -3000, 2**62, -(2**63)]),
    "ones": (lambda n: T.ones((n,), dtype="int8") + 1, 0, (0,), [-1, 2**60]),
    "alloc": (lambda n: T.concatenate([T.alloc(1.0, n, 3), X]), 2, (6, 3), [-3, 2**59]),
    "full": (lambda n: T.exp(T.full((3, n), V[0])), 1, (3, 1), [-1, 2**61]),
    "square": (lambda n: T.zeros((n, n)) + 1, 3, (3, 3), [-3, 2**31, 2**32, 2**33]),
    "product of lengths": (lambda n: T.zeros((n * n,)) + 1, 2, (4,), [2**30, 2**31]),
    "padded": (padded, 9, (9, 3), [3, -1, 0]),
    "padded in front": (lambda n: T.concatenate([T.zeros((n - 4, 3)), X]), 4, (4, 3), [3, -(2**63)]),
    "broadcast_to": (lambda n: T.broadcast_to(V, (n, 6))[:, :2], 2, (2, 2), [-1, 2**62]),
    "broadcast_to the same": (lambda n: T.arcsinh(T.broadcast_to(V, (n,))), 6, (6,), [5, 7, 1]),
    "all but one": (lambda n: T.switch(T.broadcast_to(X, (4, n)) > 1, 0, 2).sum(axis=0), 3, (3,), [2, 4]),
    "twice the same": (
        lambda n: T.cosh(T.broadcast_to(V, (n,))) * T.broadcast_to(V, (n,)),
        6,
        (6,),
        [5, 7],
    ),
    "joined along any axis": (
        # 2 * 6 elements behind 6 * 2, which are as many as in the shape that the result would have
        lambda n: T.concatenate([V.reshape((1, 2, 3)), V.reshape((1, n, 6 // n))], V.shape[0] - 6),
        2,
        (2, 2, 3),
        [3, 6, 1],
    ),
    "outer": (lambda n: T.dot(T.ones((n, 1)), T.ones((1, n))) + 1, 2, (2, 2), [-2, 2**32]),
    "reshape": (lambda n: V.reshape((n, n + 1)), 2, (2, 3), [-3, -2, 3]),
    "reshape to negatives": (lambda n: V.reshape((n, n - 1)) * 2, 3, (3, 2), [-2, 2]),
    "reshape with -1": (lambda n: V.reshape((n, -1)), 2, (2, 3), [-2, -1, 4, 0]),
    "uniform": (lambda n: T.concatenate([STREAM.uniform((n,)), V]), 2, (8,), [-3, 2**61]),
    "normal": (lambda n: STREAM.normal((n, 2, n)), 1, (1, 2, 1), [-1, 2**31]),
    "eye": (lambda n: T.concatenate([T.eye(n, 3), X]), 2, (6, 3), [-2]),
    "tile": (lambda n: T.tile(V, (n,)), 2, (12,), [-2, 2**62, 3 * 2**61]),
    "tile of two axes": (lambda n: T.concatenate([T.tile(X, (n, 1)), X]), 1, (8, 3), [-1, 2**60]),
    "repeat": (lambda n: T.repeat(V, n), 2, (12,), [-2, 2**62]),
    "repeat along an axis": (lambda n: T.repeat(X, n, axis=1), 0, (4, 0), [-1, 2**61]),
    "split": (lambda n: T.split(V, [n, 4], 2)[1] + 1, 2, (4,), [-1, 1, 3]),
    "set_subtensor": (lambda n: T.set_subtensor(T.zeros((n,))[:3], 1), 5, (5,), [-3, 2**62]),
    "inc_subtensor of all": (lambda n: T.inc_subtensor(T.zeros((n, 2))[::2, 0], V[:3]), 5, (5, 2), [-5]),
    "cumsum": (lambda n: T.cumsum(T.zeros((n, n)) + V[0], axis=0), 2, (2, 2), [-2, 2**32]),
    "sort": (lambda n: T.sort(T.zeros((n, n)) + V[0], axis=1), 2, (2, 2), [-2, 2**31]),
    "concatenate": (lambda n: T.concatenate([T.zeros((n, 0)), T.ones((n, 0))]), 2, (4, 0), [-1, 2**62]),
    "sum of nothing stored": (lambda n: T.ones((n, n)).sum(), 3, (), [-3, 2**32]),
    "mean": (lambda n: T.alloc(2.0, n, 3).mean(), 3, (), [-3, 2**62]),
    "steps of a loop": (lambda n: graphlib.scan(lambda: T.ones((3,)), n_steps=n)[0], 2, (2, 3), [-1, 2**62]),
    "rows of a loop": (
        lambda n: graphlib.scan(lambda a: T.zeros((n,)) + a, V)[0], 2, (6, 2), [-1, 2**60],
    ),
    "inside a step": (
        lambda n: graphlib.scan(lambda a: T.concatenate([T.zeros((n - 1,)), V]).sum() + a, V)[0],
        3,
        (6,),
        [0, -9],
    ),
    "found in a step": (
        lambda n: graphlib.scan(
            lambda a: T.concatenate([T.zeros((T.cast(a, "int64") + n,)) + 1, V]).sum(), V
        )[0],
        2,
        (6,),
        [-1, -4],
    ),
    "found on the way": (
        lambda n: T.concatenate([T.zeros((T.cast(T.exp(V).sum() * 0, "int64") + n, 3)), X]),
        1,
        (5, 3),
        [-2, 2**60],
    ),
    "gradient": (lambda n: T.grad(T.sqr(T.concatenate([V, T.zeros((n,))])).sum(), V), 2, (6,), [-2]),
}  # fmt: skip


@pytest.fixture(scope="module", params=MODES)
def taking(request):
    """All takers in one function, each with a length of its own; what it gives for those that fit."""
    names = {name: T.lscalar(f"n{k}") for k, name in enumerate(TAKERS)}
    state = graphlib.shared(np.zeros(3, "float32"), name="state")
    outputs = {name: TAKERS[name][0](n) for name, n in names.items()}
    f = compiled(request.param, [X, V, *names.values()], outputs, updates=[(state, state + 1)])
    return f, state


def call(f, **changed):
    return f(ROWS, LINE, *(changed.get(name, taker[1]) for name, taker in TAKERS.items()))


def test_lengths_that_fit(taking):
    f, _ = taking
    for name, result in call(f).items():
        assert result.shape == TAKERS[name][2], name


@pytest.mark.parametrize("name", TAKERS)
def test_lengths_that_do_not_fit(taking, name):
    f, state = taking
    before = state.get_value()
    line = TAKERS[name][0].__code__.co_firstlineno
    for n in TAKERS[name][3]:
        # NumPy finds some of what is too much only when it asks for the memory
        with pytest.raises((ShapeError, MemoryError)) as error:
            call(f, **{name: n})
        lines = [f'test_lengths.py", line {k}' for k in range(line, line + 7)]
        named = any(k in str(error.value) for k in lines)
        assert named or "the number of steps of a loop, n" in str(error.value), (n, str(error.value))
        np.testing.assert_array_equal(state.get_value(), before)
    # and the function goes on as before
    assert call(f)[name].shape == TAKERS[name][2]
