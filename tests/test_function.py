"""``graphlib.function`` as a caller sees it: inputs, outputs, updates, givens, and whose memory is whose."""

import copy
import gc
import itertools
import pickle
import threading
import weakref
from collections import OrderedDict

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib import In, Out, Param
from graphlib.errors import DTypeError, InputError, ShapeError
from tests.ops.backends import BACKENDS, MODES, assert_same

SETTINGS = {
    "reference": {"mode": "reference"},
    **{name: settings for name, (settings, _) in BACKENDS.items()},
}


@pytest.fixture(params=MODES)
def function(request):
    """``graphlib.function`` under the reference and under every backend."""
    if request.param in BACKENDS and not BACKENDS[request.param][1]():
        pytest.skip(f"this machine cannot run the backend {request.param}")
    with graphlib.config.change(**SETTINGS[request.param]):
        yield graphlib.function


def ramp(*shape):
    return np.arange(1, int(np.prod(shape)) + 1, dtype="float32").reshape(shape)


# inputs


def test_inputs_by_position_and_by_name(function):
    x, y, z = T.scalar("x"), T.scalar("y"), T.scalar()
    f = function([x, y, z], x + 10 * y + 100 * z)
    assert f(1, 2, 3) == 321
    g = function([x, y], x - y)
    assert g(5, y=2) == 3 and g(y=2, x=5) == 3 and g(x=5, y=2) == 3


def test_defaults(function):
    """In with a value, and its old name Param, may be left out and given by name."""
    index, corruption, lr = T.lscalar("index"), T.scalar("corruption"), T.scalar("lr")
    f = function([index, In(corruption, value=0.25), Param(lr, default=0.5)], index + corruption + lr)
    assert f(1) == 1.75
    assert f(index=3, corruption=0.5, lr=1) == 4.5
    assert f(1, 1) == 2.5 and f(1, lr=0) == 1.25
    g = function([In(index, name="batch"), (lr, 2.0)], index * lr)
    assert g(batch=3) == 6 and g(3, 1) == 3
    zero = function([In(lr, value=0)], lr + 1)
    assert zero() == 1 and zero(0.5) == 1.5


def test_a_shared_variable_as_a_default_is_read_at_every_call(function):
    rate, x = graphlib.shared(0.5, "rate"), T.scalar("x")
    f = function([In(x, value=rate)], x * 2)
    assert f() == 1
    rate.set_value(2.0)
    assert f() == 4 and f(1) == 2


def test_arguments_that_are_missing_unknown_or_twice(function):
    x, y = T.vector("x"), T.scalar("y")
    f = function([x, In(y, value=1)], x * y, name="scale")
    cases = {
        "no value for input x": lambda: f(),
        "no value for input x ": lambda: f(y=3),
        "has no input called 'z'; its inputs are: x, y": lambda: f([1], z=1),
        "takes 2 inputs, got 3": lambda: f([1], 2, 3),
        "input 'x' is given twice, by position and by name": lambda: f([1], x=[2]),
    }
    for message, call in cases.items():
        with pytest.raises(InputError) as error:
            call()
        assert message.strip() in str(error.value)
        assert "function scale (test_function.py:" in str(error.value)
    assert f([1]).tolist() == [1]


def test_inputs_of_one_name_are_passed_by_position(function):
    a, b = T.scalar("x"), T.scalar("x")
    f = function([a, b], a - b)
    assert f(3, 1) == 2
    with pytest.raises(InputError, match="several inputs called 'x'; pass them by position"):
        f(3, x=1)


def test_what_is_no_input(function):
    x, s = T.scalar("x"), graphlib.shared(1.0, "rate")
    cases = {
        r"inputs must be a list, write \[x\]": lambda: function(x, x),
        "Cannot use a shared variable .rate. as.*rate float32.*givens": lambda: function([s], s),
        "the constant 2.*cannot be an input": lambda: function([T.constant(2)], x),
        "x float32.*is among the inputs twice": lambda: function([x, x], x),
        "must be a symbolic variable, not float 1.0": lambda: function([1.0], x),
        r"the outputs depend on x float32.*which is no input": lambda: function([], x + 1),
    }
    for message, call in cases.items():
        with pytest.raises(InputError, match=message):
            call()


def test_an_input_in_the_middle_of_the_graph(function):
    """The function starts there and does not need what is above."""
    x = T.vector("x")
    hidden = T.exp(x)
    f = function([hidden], hidden.sum() * 2)
    assert f([1.0, 2.0]) == 6


def test_unused_inputs(function):
    x, unused = T.scalar("x"), T.matrix("unused")
    with pytest.raises(InputError) as error:
        function([x, unused], x)
    text = str(error.value)
    assert "needs the input unused (unused float32(?, ?)" in text and f'File "{__file__}"' in text
    assert "on_unused_input='ignore'" in text
    with pytest.warns(UserWarning, match="needs the input unused") as caught:
        f = function([x, unused], x, on_unused_input="warn")
    assert caught[0].filename == __file__
    assert f(1, ramp(2, 2)) == 1
    assert function([x, unused], x, on_unused_input="ignore")(2, ramp(1, 1)) == 2
    with graphlib.config.change(on_unused_input="ignore"):
        assert function([x, unused], x)(3, ramp(1, 1)) == 3


# what is taken for a value


def test_numbers_lists_and_arrays(function):
    x, n = T.matrix("x"), T.iscalar("n")
    f = function([x, n], x * n)
    assert f([[1, 2.5]], 2).tolist() == [[2, 5]]
    assert f(((1, 2), (3, 4)), np.int32(3)).tolist() == [[3, 6], [9, 12]]
    assert f(np.array([[1, 2]], "int8"), np.array(2, "int32")).dtype == "float32"
    assert f(np.array([[True, False]]), True).tolist() == [[1, 0]]
    d = function([s := T.dscalar("s")], s * 2)
    assert d(1) == 2 and d(np.float32(0.5)) == 1 and d(np.float64(0.25)) == 0.5


def test_dtypes_that_lose_something(function):
    x, i, b = T.vector("x"), T.bvector("i"), T.lscalar("n")
    f = function([x, i, b], x.sum() + i.sum() + b)
    ok = np.ones(2, "float32"), np.ones(2, "int8"), 1
    assert f(*ok) == 5
    wrong = {
        "input x": (np.ones(2), *ok[1:]),
        "input i": (ok[0], np.full(2, 200, "int32"), 1),
        "input i ": (ok[0], [1.5, 2.5], 1),
        "input n": (*ok[:2], 1.5),
        "input n ": (*ok[:2], np.float32(1.5)),
    }
    for name, arguments in wrong.items():
        with pytest.raises(DTypeError) as error:
            f(*arguments)
        text = str(error.value)
        assert name.strip() in text and "cast it" in text and f'File "{__file__}"' in text
    for value in ("text", None, {"a": 1}, [[1], [2, 3]], 1j, object()):
        with pytest.raises(DTypeError, match="input x"):
            f(value, *ok[1:])
    assert f(ok[0], [1, 2], 1) == 6, "a list of Python integers that fit"
    with pytest.raises(DTypeError, match="input i"):
        f(ok[0], [1, 200], 1)
    with pytest.raises(DTypeError, match="does not fit into int64"):
        f(*ok[:2], 2**70)


def test_casting_inputs(function):
    x, i = T.vector("x"), T.ivector("i")
    f = function([x, i], [x * 2, i], allow_input_downcast=True)
    a, b = f(np.array([0.5, 1]), np.array([1.7, -2.7]))
    assert a.dtype == "float32" and a.tolist() == [1, 2] and b.tolist() == [1, -2]
    g = function([In(x, allow_downcast=True), i], [x, i])
    g(np.ones(2), [1])
    with pytest.raises(DTypeError, match="input i"):
        g(np.ones(2), np.ones(1))
    never = function([In(x, allow_downcast=False)], x, allow_input_downcast=True)
    with pytest.raises(DTypeError, match="input x"):
        never(np.ones(2))


def test_strict_inputs_take_nothing_but_their_own_arrays(function):
    x, s = T.vector("x"), T.scalar("s")
    f = function([In(x, strict=True), In(s, strict=True)], x * s)
    one = np.array(2, "float32")
    assert f(np.ones(2, "float32"), one).tolist() == [2, 2]
    for wrong in ([1.0, 2.0], np.ones(2), np.ones(2, "int32")):
        with pytest.raises(
            DTypeError, match=r"input x.*takes exactly a numpy array of float32 \(strict=True\)"
        ):
            f(wrong, one)
    with pytest.raises(DTypeError, match=r"input s.*not a float"):
        f(np.ones(2, "float32"), 2.0)


def test_shapes_of_inputs(function):
    x, v = T.matrix("x", shape=(None, 3)), T.row("v")
    f = function([x, v], x + v)
    assert f(ramp(2, 3), ramp(1, 3)).shape == (2, 3)
    for wrong in (ramp(3), ramp(2, 2), ramp(1, 2, 3), 1.0):
        with pytest.raises(ShapeError) as error:
            f(wrong, ramp(1, 3))
        text = str(error.value)
        assert f'the value for input x (x float32(?, 3), made at File "{__file__}"' in text
        assert f"has shape {np.shape(wrong)}, expected (?, 3)" in text
    with pytest.raises(ShapeError, match=r"input v.*has shape \(2, 3\), expected \(1, \?\)"):
        f(ramp(2, 3), ramp(2, 3))


def test_variables_are_no_values(function):
    x = T.vector("x")
    f = function([x], x)
    with pytest.raises(DTypeError, match=r"got the symbolic variable x .*not a value"):
        f(x)


def test_any_memory_layout_and_byte_order(function):
    x = T.dmatrix("x")
    f = function([x], [x * 2, x.T + 0, x.sum(axis=0)])
    a = np.arange(12.0).reshape(3, 4)
    unaligned = np.frombuffer(b"\0" + a.tobytes(), dtype="float64", offset=1).reshape(3, 4)
    read_only = a.copy()
    read_only.flags.writeable = False
    wide = np.zeros((6, 8))
    wide[::2, ::2] = a
    layouts = [
        a,
        np.asfortranarray(a),
        wide[::2, ::2],
        a[::-1, ::-1].copy()[::-1, ::-1],
        unaligned,
        read_only,
    ]
    layouts += [a.astype(">f8"), np.broadcast_to(a[:1], (3, 4)), a[:, :1], a[:0]]
    for layout in layouts:
        plain = np.array(layout, "float64")
        for got, want in zip(f(layout), [plain * 2, plain.T, plain.sum(axis=0)], strict=True):
            assert_same(got, want)


# outputs


def test_forms_of_outputs(function):
    x = T.scalar("x")
    assert function([x], x + 1)(1) == 2
    assert function([x], [x + 1])(1) == [2]
    assert function([x], [x, x * 2])(3) == [3, 6]
    assert function([x], (x, x * 2))(3) == [3, 6]
    assert function([x], {"a": x, "b": x * 2})(3) == {"a": 3, "b": 6}
    assert function([], [])() == [] and function([])() == []
    assert function([], 2.5)() == 2.5 and function([], T.constant([1, 2]) * 3)().tolist() == [3, 6]
    assert function([x], [x + 1, x + 1, x])(1) == [2, 2, 1]
    assert function([x], Out(x * 2))(2) == 4
    for wrong in ([None], {"a": None}):
        with pytest.raises(InputError, match="an output is None"):
            function([x], wrong)
    with pytest.raises(InputError, match="keys of a dict of outputs must be strings, not 1"):
        function([x], {1: x})


def test_every_result_is_an_array(function):
    x = T.scalar("x")
    for result in function([x], [x, x * 2, T.eq(x, 1), T.constant(3)])(1):
        assert isinstance(result, np.ndarray) and result.shape == () and result.flags.writeable


def test_empty_inputs(function):
    x, v = T.matrix("x"), T.lvector("v")
    f = function([x, v], [x * 2, x.sum(), x[v], T.dot(x.T, x), x.mean(axis=0)])
    results = f(np.zeros((0, 3), "float32"), [])
    assert [r.shape for r in results] == [(0, 3), (), (0, 3), (3, 3), (3,)]
    assert results[1] == 0 and not results[3].any() and np.isnan(results[4]).all()
    assert f(ramp(2, 3), [1])[1] == 21


# updates


def test_updates(function):
    n, w = graphlib.shared(0, "n"), graphlib.shared(ramp(3), "w")
    x = T.vector("x")
    f = function([x], (w * x).sum(), updates=[(w, w - x), (n, n + 1)])
    assert f(ramp(3)) == 14, "the outputs are of the values before the call"
    assert w.get_value().tolist() == [0, 0, 0] and n.get_value() == 1
    f(ramp(3))
    assert w.get_value().tolist() == [-1, -2, -3] and n.get_value() == 2 and n.get_value().dtype == "int64"


def test_forms_of_updates(function):
    a, b = graphlib.shared(1.0, "a"), graphlib.shared(2.0, "b")
    for updates in (
        [(a, b), (b, a)],
        [[a, b], [b, a]],
        {a: b, b: a},
        OrderedDict([(a, b), (b, a)]),
        ((a, b), (b, a)),
        iter([(a, b), (b, a)]),
    ):
        before = a.get_value(), b.get_value()
        assert function([], updates=updates)() == []
        assert (b.get_value(), a.get_value()) == before, "all updates see the values from before the call"


def test_updates_that_read_one_another(function):
    a, b, c = (graphlib.shared(ramp(2) * k, n) for k, n in ((1, "a"), (10, "b"), (100, "c")))
    f = function([], [a + b, c], updates=[(a, b + c), (b, c + a), (c, a + b)])
    sums, last = f()
    assert sums.tolist() == [11, 22] and last.tolist() == [100, 200]
    assert [v.get_value().tolist() for v in (a, b, c)] == [[110, 220], [101, 202], [11, 22]]
    f()
    assert [v.get_value().tolist() for v in (a, b, c)] == [[112, 224], [121, 242], [211, 422]]


def test_an_update_with_a_part_of_itself(function):
    """Moved within its own memory: reversed, shifted, transposed, one row written."""
    w = graphlib.shared(ramp(3, 3), "w")
    steps = [
        w[::-1],
        w.T,
        T.concatenate([w[1:], w[:1]]),
        T.set_subtensor(w[0], w[2]),
        T.inc_subtensor(w[:, 1], w[:, 0]),
        w[[2, 0, 1]],
    ]
    numpy = [
        lambda a: a[::-1],
        lambda a: a.T,
        lambda a: np.roll(a, -1, axis=0),
        lambda a: np.concatenate([a[2:], a[1:]]),
        lambda a: a + np.stack([0 * a[:, 0], a[:, 0], 0 * a[:, 0]], axis=1),
        lambda a: a[[2, 0, 1]],
    ]
    for step, wanted in zip(steps, numpy, strict=True):
        before = w.get_value()
        function([], updates=[(w, step)])()
        assert_same(w.get_value(), np.ascontiguousarray(wanted(before)), str(step))


def test_an_update_that_changes_the_length(function):
    v = graphlib.shared(ramp(2), "v", shape=(None,))
    f = function([], v.shape[0], updates=[(v, T.concatenate([v, v]))])
    assert [int(f()) for _ in range(3)] == [2, 4, 8] and v.get_value().shape == (16,)


def test_an_update_of_a_narrower_dtype_is_cast(function):
    w, n = graphlib.shared(1.0, "w"), graphlib.shared(np.int64(1), "n")
    x = T.iscalar("x")
    function([x], updates=[(w, x), (n, T.cast(x, "int8"))])(7)
    assert w.get_value() == 7 and w.get_value().dtype == "float32" and n.get_value() == 7
    function([], updates=[(w, 2.5), (n, 3)])()
    assert w.get_value() == 2.5 and n.get_value() == 3


def test_updates_that_are_wrong(function):
    w, x = graphlib.shared(ramp(3), "w", shape=(3,)), T.vector("x")
    n = graphlib.shared(1, "n")
    cases = {
        r"only shared variables can be updated, not x float32\(\?,\), made at": ([(x, x)], InputError),
        r"w float32\(3,\), made at .* is updated twice": ([(w, w + 1), (w, w * 2)], InputError),
        r"an update is a pair .*not w": ([w], InputError),
        r"the update of w float32\(3,\).* is of dtype float64.*cast it with \.astype\('float32'\)": (
            [(w, w.astype("float64"))],
            DTypeError,
        ),
        r"the update of n int64.* is of dtype float32": ([(n, n * 0.5)], DTypeError),
        r"the update of w .*another shape": ([(w, T.zeros(4))], ShapeError),
    }
    for message, (updates, kind) in cases.items():
        with pytest.raises(kind, match=message):
            function([x], x, updates=updates)


def test_default_updates(function):
    """A shared variable may bring its own update; the caller's replaces it, and it can be left out."""
    state, x = graphlib.shared(1, "state"), T.lscalar("x")
    state.default_update = state * 2
    f = function([x], state + x)
    assert [int(f(0)) for _ in range(3)] == [1, 2, 4] and state.get_value() == 8
    function([], state, updates=[(state, state - 1)])()
    assert state.get_value() == 7
    for off in (True, [state]):
        assert function([], state, no_default_updates=off)() == 7
    assert state.get_value() == 7
    # also where only another update reads it, and for what a default update reads itself
    other, third = graphlib.shared(0, "other"), graphlib.shared(0, "third")
    other.default_update = other + third
    third.default_update = third + 1
    g = function([], updates=[(state, state + other)])
    for _ in range(3):
        g()
    assert (state.get_value(), other.get_value(), third.get_value()) == (7 + 0 + 0 + 1, 3, 3)


def test_default_updates_of_what_is_given(function):
    """A random stream in givens advances too, and what an input takes the place of does not."""
    x = T.vector("x")
    seed = graphlib.shared(1.0, "seed")
    seed.default_update = seed + 1
    f = function([], x * 2, givens={x: T.stack([seed, seed * 10])})
    assert [f().tolist() for _ in range(3)] == [[2, 20], [4, 40], [6, 60]] and seed.get_value() == 4
    noise = T.exp(seed)
    g = function([noise], noise * 2)
    assert g(3) == 6 and seed.get_value() == 4
    # the step of the default update is given too
    step = T.scalar("step")
    seed.default_update = seed + step
    h = function([], seed * 1, givens={step: 10})
    assert [float(h()), float(h())] == [4, 14]


# givens


def test_givens(function):
    x, y, index = T.matrix("x"), T.ivector("y"), T.lscalar("index")
    data = graphlib.shared(ramp(6, 2), "data")
    labels = T.cast(graphlib.shared(np.arange(6.0, dtype="float32")), "int32")
    cost = x.sum() + 100 * y.sum()
    size = 2
    batch = slice(index * size, (index + 1) * size)
    for givens in ({x: data[batch], y: labels[batch]}, [(x, data[batch]), (y, labels[batch])]):
        f = function([index], cost, givens=givens)
        assert [float(f(k)) for k in range(3)] == [110, 526, 942]
    assert x.owner is None and cost.owner is not None, "the graph of the user stays as it is"


def test_givens_replace_shared_variables_constants_and_parts(function):
    w, x = graphlib.shared(ramp(2), "w"), T.vector("x")
    middle = x * 2
    out = middle + w
    assert function([x], out, givens={w: x * 10})(ramp(2)).tolist() == [12, 24]
    assert function([x], out, givens={middle: x})(ramp(2)).tolist() == [2, 4]
    assert function([], out, givens={x: np.array([5, 6], "float32")})().tolist() == [11, 14]
    assert function([], out, givens={x: [5, 6]})().tolist() == [11, 14]
    # updates are replaced too, and the shared variable that is written stays
    function([x], updates=[(w, w + x)], givens={x: x * 100})(ramp(2))
    assert w.get_value().tolist() == [101, 202]
    # both at once, not one after the other
    y = T.vector("y")
    assert function([x, y], x - y, givens={x: y, y: x})([5.0], [3.0]).tolist() == [-2]


def test_givens_that_do_not_fit(function):
    x, i = T.vector("x"), T.lscalar("i")
    cases = {
        "givens for x float32.* is of dtype float64": ({x: T.dvector("d")}, DTypeError),
        "givens for x float32.* has another shape": ({x: T.matrix("m")}, ShapeError),
        "givens replaces x float32.* twice": ([(x, x * 2), (x, x * 3)], InputError),
        "a key of givens must be a variable, not 'x'": ({"x": x}, InputError),
    }
    for message, (givens, kind) in cases.items():
        with pytest.raises(kind, match=message):
            function([x, i], x * i, givens=givens)


# whose memory is whose


def test_a_result_is_nobody_elses(function):
    """It shares no memory with an input, a shared variable, a constant, another output or another result."""
    x, s = T.vector("x"), graphlib.shared(ramp(3), "s")
    c = T.constant(ramp(3))
    f = function([x], [x, s, c, x[1:], s[::-1], x * 2, x, s.dimshuffle("x", 0), x.reshape((3, 1))])
    array = ramp(3)
    first = f(array)
    second = f(array)
    for one in (first, second):
        for result in one:
            result[...] = -1
    assert array.tolist() == [1, 2, 3] and s.get_value().tolist() == [1, 2, 3]
    assert [r.ravel().tolist()[0] for r in f(array)] == [1, 1, 1, 2, 3, 2, 1, 1, 1]


def test_a_result_keeps_its_values_when_the_function_is_called_again(function):
    x, s = T.vector("x"), graphlib.shared(ramp(2), "s")
    f = function([x], [x * 2, s, s + x], updates=[(s, s + x)])
    first = f(ramp(2))
    kept = [r.copy() for r in first]
    for _ in range(3):
        f(ramp(2) * 7)
    assert all(np.array_equal(a, b) for a, b in zip(first, kept, strict=True))


def test_inputs_are_not_written_to(function):
    x = T.matrix("x")
    f = function(
        [x], [T.exp(x) * 2 + 1, T.set_subtensor(x[0], 0), x - x.max(axis=1, keepdims=True), T.sort(x, axis=0)]
    )
    array = ramp(3, 2)
    f(array)
    assert np.array_equal(array, ramp(3, 2))


def test_the_value_of_a_shared_variable_is_its_own():
    start = ramp(3)
    own, lent = graphlib.shared(start, "own"), graphlib.shared(start, "lent", borrow=True)
    start[0] = 9
    assert own.get_value()[0] == 1 and lent.get_value()[0] == 9
    own.get_value()[0] = 5
    assert own.get_value()[0] == 1
    own.get_value(borrow=True)[0] = 5
    assert own.get_value()[0] == 5
    new = ramp(3)
    own.set_value(new)
    new[0] = 7
    assert own.get_value()[0] == 1
    own.set_value(new, borrow=True)
    new[0] = 8
    assert own.get_value()[0] == 8


def test_shared_values_that_are_replaced_are_seen_by_functions(function):
    x, s = T.vector("x"), graphlib.shared(ramp(2), "s", borrow=True)
    f, step = function([x], x + s), function([], updates=[(s, s + 1)])
    for value, borrow in (
        (ramp(2) * 10, False),
        (ramp(2) * 20, True),
        ([5, 6], False),
        (np.asfortranarray(ramp(2)), True),
    ):
        s.set_value(value, borrow=borrow)
        assert f([0.0, 0.0]).tolist() == np.asarray(value, "float32").tolist()
    step()
    assert s.get_value().tolist() == [2, 3]
    longer = graphlib.shared(ramp(2), shape=(None,))
    g = function([], longer * 2)
    longer.set_value(ramp(4))
    assert g().tolist() == [2, 4, 6, 8]


def test_values_a_shared_variable_does_not_take():
    w = graphlib.shared(ramp(2, 3), "W", shape=(2, 3))
    with pytest.raises(ShapeError) as error:
        w.set_value(ramp(3, 2))
    text = str(error.value)
    assert (
        f'W float32(2, 3), made at File "{__file__}"' in text and "has shape (3, 2), expected (2, 3)" in text
    )
    assert "shape=(None, None)" in text, "and says how it could"
    with pytest.raises(DTypeError, match="W float32"):
        w.set_value(np.ones((2, 3)))
    with pytest.raises(DTypeError, match="not the symbolic variable x"):
        graphlib.shared(T.vector("x"))
    with pytest.raises(ShapeError, match=r"has shape \(2,\), its declared shape is \(3,\)"):
        graphlib.shared(ramp(2), shape=(3,))
    with pytest.raises(DTypeError, match="graphlib has no dtype"):
        graphlib.shared(np.array(["text"]))
    with pytest.raises(TypeError, match="unexpected keyword sparse"):
        graphlib.shared(1, sparse=True)
    assert w.get_value().tolist() == ramp(2, 3).tolist()


def test_an_output_may_be_borrowed(function):
    """With Out(borrow=True) the array may be the function's own: right until the next call."""
    x = T.vector("x")
    f = function([x], [Out(x * 2, borrow=True), x + 1])
    for k in range(4):
        doubled, plus = f(ramp(3) * k)
        assert doubled.tolist() == (ramp(3) * k * 2).tolist() and plus.tolist() == (ramp(3) * k + 1).tolist()


def test_one_array_for_several_inputs_and_a_shared_variable(function):
    x, y = T.vector("x"), T.vector("y")
    array = ramp(3)
    s = graphlib.shared(array, borrow=True)
    f = function([x, y], [x + y, T.set_subtensor(x[0], 5) * y], updates=[(s, s * 2)])
    a, b = f(array.copy(), array[::-1].copy())
    assert a.tolist() == [4, 4, 4] and b.tolist() == [15, 4, 3]
    both, _ = f(one := ramp(3), one)
    assert both.tolist() == [2, 4, 6]


# copies, evaluation, threads, profile


def test_copies_of_functions(function):
    w, other, x = graphlib.shared(1.0, "w"), graphlib.shared(10.0, "other"), T.scalar("x")
    f = function([In(x, value=2.0)], w * x, updates=[(w, w + 1)], name="step")
    g = f.copy(swap={w: other}, name="other step")
    assert g() == 20 and other.get_value() == 11 and w.get_value() == 1 and g.name == "other step"
    still = f.copy(delete_updates=True)
    assert still() == 2 and still(3) == 3 and w.get_value() == 1
    same = copy.copy(f)
    assert same() == 2 and w.get_value() == 2
    for deep in (copy.deepcopy(f), pickle.loads(pickle.dumps(f))):
        before = w.get_value()
        assert deep() == 2 * before and deep() == 2 * (before + 1)
        assert w.get_value() == before, "it has shared variables of its own"
        assert deep.name == "step" and deep.mode == f.mode


def test_a_function_tells_what_it_is(function):
    w, x = graphlib.shared(ramp(2), "w"), T.vector("x")
    y = x * w
    f = function([x], y, updates=[(w, w + 1)], name="train")
    assert f.inputs == [x] and f.outputs == [y] and list(f.updates) == [w] and f.get_shared() == [w]
    assert "train" in repr(f) and "test_function.py" in repr(f) and "x: float32(?,)" in repr(f)
    assert isinstance(f.source, str) and f.source


def test_eval(function):
    x, y = T.vector("x"), T.vector("y")
    z = x * 2 + y
    assert z.eval({x: [1, 2], y: [0, 1]}).tolist() == [2, 5]
    assert z.eval({y: [0.0], x: [4.0]}).tolist() == [8]
    assert (graphlib.shared(ramp(2)) * 2).eval().tolist() == [2, 4]
    assert T.arange(3).eval().tolist() == [0, 1, 2]
    assert x.shape[0].eval({x: ramp(5)}) == 5 and x.shape.eval({x: ramp(5)}).tolist() == [5]
    with pytest.raises(InputError, match="depend on y"):
        z.eval({x: [1, 2]})
    w = graphlib.shared(1.0)
    twice = w * 2
    assert twice.eval() == 2
    w.set_value(5.0)
    assert twice.eval() == 10


def test_an_evaluated_variable_is_collected_when_nobody_needs_it():
    with graphlib.config.change(mode="reference"):
        z = T.arange(3) * 2
        z.eval()
        watch = weakref.ref(z)
        del z
        gc.collect()
        assert watch() is None


def test_garbage_of_compiling_is_looked_for_in_a_small_part_of_the_time(monkeypatch):
    """A search of a large process takes long: here three times as long as to compile a function."""
    clock, searches = itertools.count(), []
    monkeypatch.setattr("graphlib.graph.garbage.perf_counter", clock.__next__)
    monkeypatch.setattr(gc, "collect", lambda: searches.append([next(clock), next(clock)]))
    x = T.vector("x")
    with graphlib.config.change(mode="reference"):
        for _ in range(200):
            graphlib.function([x], x)
    assert 2 <= len(searches) <= 1 + 200 * 0.05 / 3


def test_calls_from_several_threads(function):
    """Each gets the result of its own inputs, and no update is lost."""
    x, n = T.matrix("x"), graphlib.shared(0, "n")
    f = function([x], T.tanh(T.dot(x, x.T)).sum(axis=1) + x[:, 0], updates=[(n, n + 1)])
    wrong = []

    def work(k):
        array = np.full((4 + k, 3), 0.1 * k, "float32")
        wanted = np.tanh(array @ array.T).sum(axis=1) + array[:, 0]
        for _ in range(50):
            got = f(array)
            if got.shape != wanted.shape or not np.allclose(got, wanted, rtol=1e-4):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong and n.get_value() == 300


def test_compiling_from_several_threads(function):
    x = T.vector("x")
    results = {}

    def work(k):
        results[k] = function([x], x * k + 1)(ramp(2)).tolist()

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results == {k: [k + 1, 2 * k + 1] for k in range(4)}


def test_profile(function):
    """Where the time went, by operation and by the user's line."""
    x = T.matrix("x")
    hidden = T.tanh(x)
    total = T.dot(hidden, hidden.T).sum()
    f = function([x], total, profile=True, name="profiled")
    array = np.ones((50, 60), "float32")
    for _ in range(3):
        f(array)
    profile = f.profile
    text = str(profile)
    assert "profiled" in text and "3 calls" in text and "by operation" in text and "by source line" in text
    lines = {f"test_function.py:{v.origin[1]}" for v in (hidden, total)}
    assert lines <= set(profile.by_line())
    assert profile.seconds > 0
    assert sum(profile.by_op().values()) == pytest.approx(profile.seconds)
    assert sum(profile.by_line().values()) == pytest.approx(profile.seconds)
    assert {"tanh"} <= set(profile.by_op())
    assert function([x], total).profile is None, "who did not ask is not timed"
    with graphlib.config.change(profile=True):
        assert function([x], total).profile is not None


def test_modes_have_theanos_names_too():
    x = T.scalar("x")
    with graphlib.config.change(mode="reference"):
        assert graphlib.function([x], x).mode == "reference"
    assert graphlib.function([x], x, mode="FAST_COMPILE").mode == "reference"
    with pytest.raises(InputError, match="no mode is called 'quick'"):
        graphlib.function([x], x, mode="quick")


def test_a_call_that_fails_changes_nothing(function):
    """An index out of range is found in the middle: no update has happened, and the next call works."""
    x, i = T.vector("x"), T.lvector("i")
    w, n = graphlib.shared(ramp(2), "w"), graphlib.shared(0, "n")
    f = function([x, i], x[i].sum(), updates=[(w, w * x[i].sum()), (n, n + 1)])
    with pytest.raises(IndexError):
        f(ramp(3), [0, 7])
    assert w.get_value().tolist() == [1, 2] and n.get_value() == 0
    assert f(ramp(3), [0, 2]) == 4
    assert w.get_value().tolist() == [4, 8] and n.get_value() == 1


WRONG = {
    "elementwise": lambda w, i: w + 2 * w[i],
    "set": lambda w, i: T.set_subtensor(w[i], 5),
    "increment": lambda w, i: T.inc_subtensor(w[T.stack([0, i])], 5),
    "set in zeros": lambda w, i: T.set_subtensor(T.zeros_like(w)[T.stack([0, i])], 5),
    "loop": lambda w, i: graphlib.scan(lambda s: T.set_subtensor(s[i], 1) * 2, outputs_info=w, n_steps=3)[0][
        -1
    ],
    "product": lambda w, i: w - T.dot(w[i], T.ones((4, 4), w.dtype)) * T.dot(w[0], w[0]),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_index_leaves_every_shared_variable_as_it_was(function, name):
    w, other = graphlib.shared(ramp(3, 4), "w"), graphlib.shared(ramp(2), "other")
    i = T.lscalar("i")
    f = function([i], [], updates=[(other, other * 2), (w, WRONG[name](w, i))])
    before = w.get_value()
    with pytest.raises(IndexError):
        f(7)
    np.testing.assert_array_equal(w.get_value(), before)
    assert other.get_value().tolist() == [1, 2]
    f(1)
    assert (w.get_value() != before).any() and other.get_value().tolist() == [2, 4]


def test_functions_that_differ_in_what_their_loops_compute(function):
    """What calls the loops is the same text for all of them."""
    x = T.vector("x")
    functions = [function([x], x * k + 1) for k in range(4)]
    assert [f(ramp(2)).tolist() for f in functions] == [[k + 1, 2 * k + 1] for k in range(4)]
    again = [function([x], x * k + 1) for k in (2, 1)]
    assert [f(ramp(2)).tolist() for f in (*functions[1:3], *again)] == [[2, 3], [3, 5], [3, 5], [2, 3]]


def test_map_calls_once_for_each_element():
    """It is a call after the other: outputs stacked, each update before the next call, inputs that a call
    overwrites as they were."""
    x, y = T.fvector("x"), T.scalar("y")
    w = graphlib.shared(np.zeros(2, "float32"), name="w")
    outputs = [(w * y).sum(), w + y, x.sum()]
    step = graphlib.function([x, y], outputs, updates=[(w, 0.5 * w + y * x[:2] * w.sum() + y)])
    xs = [np.arange(n, dtype="float32") for n in (2, 5, 3)]
    xs.append(w.get_value(borrow=True))  # what it was at the beginning: see the values below
    ys = [1.0, 2, np.float32(0.5), -1.0]
    again = step.copy(swap={w: graphlib.shared(np.zeros(2, "float32"), name="w")})
    expected = [again(x, y) for x, y in zip([*xs[:3], np.zeros(2, "float32")], ys, strict=True)]
    found = step.map(xs, iter(ys))
    for one, each in zip(found, zip(*expected, strict=True), strict=True):
        np.testing.assert_array_equal(one, np.stack(each))
    assert [one.shape for one in found] == [(4,), (4, 2), (4,)]


@pytest.mark.parametrize("mode", ["fast_run", "reference"])
def test_map_of_all_forms(mode):
    """With outputs by name, one or none, of lengths that a call finds, and inputs that an update carries."""
    x = T.fvector("x")
    rows = [np.array([1, 2], "float32"), np.array([3, 4], "float32")]
    doubled = graphlib.function([x], {"two": 2 * x}, mode=mode).map(rows)
    np.testing.assert_array_equal(doubled["two"], [[2, 4], [6, 8]])
    np.testing.assert_array_equal(graphlib.function([x], 2 * x, mode=mode).map(rows), [[2, 4], [6, 8]])
    total = graphlib.shared(np.float32(0))
    assert graphlib.function([x], [], updates=[(total, total + x.sum())], mode=mode).map(rows) == []
    assert total.get_value() == 10
    kept = graphlib.shared(np.zeros(2, "float32"))
    keep = graphlib.function([x], x.sum() + kept.sum(), updates=[(kept, x)], mode=mode)
    # the third is longer than what the function was compiled for
    found = keep.map([*rows, np.array([5, 6, 7], "float32"), rows[0]])
    assert found.tolist() == [3, 10, 25, 21] and kept.get_value().tolist() == [1, 2]
    state = T.fscalar("state")
    carried = graphlib.function(
        [x, graphlib.In(state, value=1.0, update=state * 2)], x.sum() * state, mode=mode
    )
    assert carried.map(rows).tolist() == [3, 14] and carried[state] == 4


def test_what_map_cannot_do():
    x = T.fvector("x")
    v = graphlib.shared(np.zeros(3, "float32"), name="v")
    step = graphlib.function([x], x.sum(), updates=[(v, v + x)], name="step")
    ones, two = np.ones(3, "float32"), np.ones(2, "float32")
    with pytest.raises(graphlib.errors.ShapeError, match="step"):
        step.map([ones, ones, two, ones])
    assert v.get_value().tolist() == [2, 2, 2]  # as the calls before the third left it
    with pytest.raises(graphlib.errors.InputError, match=r"step .*: map is given no elements"):
        step.map([])
    with pytest.raises(graphlib.errors.InputError, match="outputs of map's calls have several shapes"):
        graphlib.function([x], 2 * x).map([ones, two])
    v.set_value(np.zeros(2, "float32"))  # of another length than it was compiled for
    assert step.map([two, two]).tolist() == [2, 2]
