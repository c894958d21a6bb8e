"""Indexing, and writing to indexed parts, against numpy: random expressions, symbolic bounds, masks."""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import graphlib
import graphlib.tensor as T
from graphlib.errors import AxisError, DTypeError, InputError, ShapeError

from .backends import BACKENDS, MODES, assert_same, compiled

SLOW = settings(max_examples=300, deadline=None, derandomize=True)


def ramp(*shape, dtype="float64"):
    return np.arange(1, np.prod(shape) + 1).reshape(shape).astype(dtype)


# random index expressions in the reference


def bounds(n):
    return st.none() | st.integers(-n - 2, n + 2)


@st.composite
def basic_items(draw, n):
    """An integer, or a slice, for an axis of length n."""
    if n and draw(st.booleans()):
        return draw(st.integers(-n, n - 1))
    return slice(draw(bounds(n)), draw(bounds(n)), draw(st.sampled_from([None, 1, 2, 3, -1, -2])))


@st.composite
def index_arrays(draw, n, lengths):
    """Integers into an axis of length n, of a shape that broadcasts with others of the same lengths."""
    shape = draw(st.sampled_from([tuple(lengths), tuple(lengths[1:]), (1,) * len(lengths)]))
    count = int(np.prod(shape))
    flat = draw(st.lists(st.integers(-n, n - 1), min_size=count, max_size=count)) if n else [0] * count
    return np.array(flat, dtype=draw(st.sampled_from(["int64", "int32", "int8"]))).reshape(shape)


@st.composite
def expressions(draw, shape, none=True):
    """A numpy index into an array of the shape.

    Of masks at most one, and no array beside it: how many elements it chooses is not known.
    """
    lengths = draw(st.lists(st.integers(1, 3), max_size=2))
    kinds = draw(st.sampled_from([["basic"], ["basic", "array"], ["array"], ["basic", "mask"]]))
    items, axis = [], 0
    while axis < len(shape):
        kind = draw(st.sampled_from(kinds))
        if kind == "mask":
            kinds = ["basic"]
            wide = draw(st.integers(1, len(shape) - axis))
            part = shape[axis : axis + wide]
            flat = draw(st.lists(st.booleans(), min_size=int(np.prod(part)), max_size=int(np.prod(part))))
            items.append(np.array(flat, dtype=bool).reshape(part))
            axis += wide
        else:
            items.append(
                draw(index_arrays(shape[axis], lengths) if kind == "array" else basic_items(shape[axis]))
            )
            axis += 1
    keep = draw(st.integers(0, len(items)))
    if draw(st.booleans()):
        # the axes of what is left out are those of the dots
        items[keep : draw(st.integers(keep, len(items)))] = [Ellipsis]
    else:
        items = items[:keep]
    for _ in range(draw(st.integers(0, 2)) if none else 0):
        items.insert(draw(st.integers(0, len(items))), None)
    return tuple(items)


def symbolic(items, draw):
    """The same index with some of its numbers and arrays turned into inputs; those inputs; their values."""
    inputs, arrays = [], []

    def given(value, dtype="int64", rank=0):
        shape = [1 if n == 1 else None for n in np.shape(value)]
        inputs.append(T.TensorType(dtype, shape)())
        arrays.append(np.asarray(value, dtype))
        return inputs[-1]

    def number(value):
        return given(value) if value is not None and draw(st.booleans()) else value

    result = []
    for item in items:
        if isinstance(item, slice):
            result.append(slice(number(item.start), number(item.stop), item.step))
        elif isinstance(item, np.ndarray):
            result.append(given(item, item.dtype.name) if draw(st.booleans()) else item)
        elif isinstance(item, int):
            result.append(number(item))
        else:
            result.append(item)
    return tuple(result), inputs, arrays


@st.composite
def indexed(draw, none=True):
    """An array, an index into it, what numpy makes of it, and whether the array's shape is to be known."""
    array = ramp(*draw(st.lists(st.integers(0, 4), min_size=1, max_size=4)))
    key = draw(expressions(array.shape, none))
    try:
        return array, key, array[key], draw(st.booleans())
    except IndexError:
        # arrays into an axis of length 0
        assume(False)


@SLOW
@given(st.data(), indexed())
def test_random_index_expressions(data, case):
    array, key, wanted, known = case
    x = T.TensorType("float64", array.shape if known else [None] * array.ndim)("x")
    mine, inputs, arrays = symbolic(key, data.draw)
    result = x[mine]
    assert result.ndim == wanted.ndim and result.type.accepts_shape(wanted.shape), (
        f"{result.type} for {wanted.shape}"
    )
    assert_same(compiled("reference", [x, *inputs], result)(array, *arrays), wanted, f"{array.shape}{key}")


@SLOW
@given(indexed(none=False), st.booleans(), st.integers(0, 3))
def test_random_writes(case, add, drop):
    """set_subtensor and inc_subtensor of what broadcasts to the part; a place named twice grows twice."""
    array, key, part, known = case
    x = T.TensorType("float64", array.shape if known else [None] * array.ndim)("x")
    target = x[key]
    assume(target.owner is not None)
    add = add or len(np.unique(part)) != part.size
    y = -ramp(*part.shape[min(drop, part.ndim) :])
    wanted = array.copy()
    if add:
        np.add.at(wanted, key, y)
    else:
        wanted[key] = y
    variable = T.TensorType("float64", [1 if n == 1 else None for n in y.shape])("y")
    written = (T.inc_subtensor if add else T.set_subtensor)(target, variable)
    assert_same(compiled("reference", [x, variable], written)(array, y), wanted, f"{array.shape}{key}")


@settings(max_examples=80, deadline=None, derandomize=True)
@given(indexed())
def test_the_gradient_of_a_part_goes_back_to_its_places(case):
    array, key, part, _ = case
    x = T.TensorType("float64", [None] * array.ndim)("x")
    weights = ramp(*part.shape)
    gradient = graphlib.grad((x[key] * weights).sum(), x)
    wanted = np.zeros_like(array)
    np.add.at(wanted, key, weights)
    assert_same(compiled("reference", [x], gradient)(array), wanted, f"{array.shape}{key}")


# the backends: one compiled function of many expressions, called with random bounds and lengths


@pytest.mark.parametrize("backend", BACKENDS)
def test_slices_with_random_bounds_on_backends(backend):
    x, a, b, n = T.fvector("x"), T.lscalar("a"), T.lscalar("b"), T.iscalar("n")
    steps = (None, 2, -1, -3)
    slices = [slice(i, j, s) for s in steps for i in (None, a) for j in (None, b)]
    outputs = [x[s] for s in slices] + [x[a:][:b], x[: x.shape[0] - a], x[1:-1], x[-3:], x[2 - n : n * 2]]
    gradients = [graphlib.grad((v * v).sum(), x) for v in outputs[:16]]
    writes = [T.set_subtensor(x[s], -1) for s in slices] + [T.inc_subtensor(x[s], x[s] * 2) for s in slices]
    function = compiled(backend, [x, a, b, n], [*outputs, *gradients, *writes])

    @settings(max_examples=80, deadline=None, derandomize=True)
    @given(st.integers(0, 20), st.integers(-24, 24), st.integers(-24, 24), st.integers(-5, 5))
    def check(length, i, j, k):
        array = ramp(length, dtype="float32")
        keys = [slice(s.start and i, s.stop and j, s.step) for s in slices]
        wanted = [array[key] for key in keys]
        wanted += [array[i:][:j], array[: length - i], array[1:-1], array[-3:], array[2 - k : k * 2]]
        for key in keys:
            gradient = np.zeros_like(array)
            gradient[key] = 2 * array[key]
            wanted.append(gradient)
        for change in (lambda old: -1, lambda old: old * 3):
            for key in keys:
                changed = array.copy()
                changed[key] = change(changed[key])
                wanted.append(changed)
        for got, want in zip(function(array, i, j, k), wanted, strict=True):
            assert_same(got, want, f"length {length}, a = {i}, b = {j}, n = {k}")

    check()


@pytest.mark.parametrize("backend", BACKENDS)
def test_arrays_and_masks_on_backends(backend):
    x = T.ftensor3("x")
    i, j, m = T.ivector("i"), T.lmatrix("j"), T.TensorType("bool", (None,))("m")
    build = {
        "i": lambda t, i, j, m: (
            t[i],
            t[:, i],
            t[i, 1:],
            t[i, i],
            t[i, :, i],
            t[-1, i],
            t[None, i],
            t[i, None, i],
            t[:, i, ..., i],
            t[::-1, i, ::2],
        ),
        "j": lambda t, i, j, m: (t[j], t[..., j], t[j, i], t[:, j, i]),
        "m": lambda t, i, j, m: (t[m], t[m, 0], t[m][:, i], t[m, m]),
    }
    outputs = [v for f in build.values() for v in f(x, i, j, m)]
    writes = [
        T.set_subtensor(x[i], 0),
        T.inc_subtensor(x[i], 1),
        T.inc_subtensor(x[:, i, j], x[:, i, j]),
        T.inc_subtensor(x[i, 1:], x[i, 1:]),
        T.set_subtensor(x[m], -x[m]),
        T.inc_subtensor(x[m, 0], 5),
    ]
    gradients = [graphlib.grad((v * v).sum(), x) for v in outputs]
    function = compiled(backend, [x, i, j, m], [*outputs, *writes, *gradients])

    @settings(max_examples=25, deadline=None, derandomize=True)
    @given(st.data(), st.integers(1, 6), st.integers(0, 5), st.integers(0, 3))
    def check(data, n, columns, rows):
        array = ramp(n, n, n, dtype="float32") / 8
        numbers = st.integers(-n, n - 1)
        p = np.array(data.draw(st.lists(numbers, min_size=columns, max_size=columns)), "int32")
        q = np.array(
            data.draw(st.lists(numbers, min_size=rows * columns, max_size=rows * columns)), "int64"
        ).reshape(rows, columns)
        mask = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
        wanted = [v for f in build.values() for v in f(array, p, q, mask)]
        w = [array.copy() for _ in writes]
        w[0][p] = 0
        np.add.at(w[1], p, 1)
        np.add.at(w[2], (slice(None), p, q), array[:, p, q])
        np.add.at(w[3], (p, slice(1, None)), array[p, 1:])
        w[4][mask] *= -1
        w[5][mask, 0] += 5
        results = function(array, p, q, mask)
        for k, (got, want) in enumerate(zip(results, wanted + w, strict=False)):
            assert_same(got, want, f"number {k}, n = {n}, i = {p}, j = {q}, m = {mask}")
        places = np.arange(array.size).reshape(array.shape)
        chosen = [v for f in build.values() for v in f(places, p, q, mask)]
        for k, (got, where) in enumerate(zip(results[len(wanted) + len(w) :], chosen, strict=True)):
            gradient = np.zeros(array.size, "float32")
            np.add.at(gradient, where.ravel(), 2 * array.ravel()[where.ravel()])
            assert_same(got, gradient.reshape(array.shape), f"gradient {k}")

    check()


# single cases, as users write them


@pytest.mark.parametrize("mode", MODES)
def test_what_tutorials_write(mode):
    p, y, W, words, t = (
        T.matrix("p"),
        T.ivector("y"),
        graphlib.shared(ramp(5, 3, dtype="float32")),
        T.imatrix("words"),
        T.lscalar("t"),
    )
    start = graphlib.shared(1)
    outputs = {
        "likelihood": T.log(p)[T.arange(y.shape[0]), y],
        "embedding": W[words],
        "flat embedding": W[words.flatten()].reshape((words.shape[0], -1)),
        "one column": p[:, t],
        "shared column": p[:, start],
        "last": p[-1],
        "minibatch": p[t * 2 : (t + 1) * 2],
        "added axes": p[:, None] * p[None],
        "every second": p[::2, ::-1],
        "list": p[[0, 2, 0]],
        "list of variables": T.stack([p[0, 0], p[1, 1]])[::-1],
        "take": p.take(y, axis=0),
        "everything": T.set_subtensor(p[:], 1) + T.inc_subtensor(p[0:4], p[:, :]),
    }
    a, labels, w, k = (
        ramp(4, 3, dtype="float32"),
        np.array([0, 2, 1, 2], "int32"),
        np.array([[4, 0], [1, 1], [2, 3]], "int32"),
        1,
    )
    embedding = ramp(5, 3, dtype="float32")
    wanted = {
        "likelihood": np.log(a)[np.arange(4), labels],
        "embedding": embedding[w],
        "flat embedding": embedding[w].reshape(3, 6),
        "one column": a[:, 1],
        "shared column": a[:, 1],
        "last": a[-1],
        "minibatch": a[2:4],
        "added axes": a[:, None] * a[None],
        "every second": a[::2, ::-1],
        "list": a[[0, 2, 0]],
        "list of variables": np.array([a[1, 1], a[0, 0]]),
        "take": a.take(labels, axis=0),
        "everything": 1 + 2 * a,
    }
    results = compiled(mode, [p, y, words, t], outputs)(a, labels, w, k)
    for name, want in wanted.items():
        assert_same(results[name], want, name)


@pytest.mark.parametrize("mode", MODES)
def test_repeated_places_add_up(mode):
    x, i, y = T.vector("x"), T.lvector("i"), T.vector("y")
    function = compiled(mode, [x, i, y], [T.inc_subtensor(x[i], y), T.inc_subtensor(x[i], 1)])
    summed, counted = function(np.zeros(4, "float32"), [1, 1, -1, 1], np.array([1, 2, 3, 4], "float32"))
    assert summed.tolist() == [0, 7, 0, 3] and counted.tolist() == [0, 3, 0, 1]


@pytest.mark.parametrize("mode", MODES)
def test_of_places_set_twice_the_last_stays(mode):
    x, i, y = T.vector("x"), T.lvector("i"), T.vector("y")
    got = compiled(mode, [x, i, y], T.set_subtensor(x[i], y))(
        np.zeros(3, "float32"), [0, 2, 0], np.array([1, 2, 3], "float32")
    )
    assert got.tolist() == [3, 0, 2]


@pytest.mark.parametrize("mode", MODES)
def test_writing_leaves_the_array_of_the_caller_alone(mode):
    x = T.matrix("x")
    array = ramp(2, 2, dtype="float32")
    got = compiled(mode, [x], T.set_subtensor(x[0], 0))(array)
    assert got.tolist() == [[0, 0], [3, 4]] and array.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("build", "index"),
    [
        (lambda x, i, v: x[i], 4),
        (lambda x, i, v: x[i], -5),
        (lambda x, i, v: x[v], 4),
        (lambda x, i, v: x[v, 1:], -5),
        (lambda x, i, v: x[0, v], 3),
        (lambda x, i, v: T.inc_subtensor(x[v], 1), 4),
        (lambda x, i, v: T.set_subtensor(x[i], 1), 4),
    ],
)
def test_an_index_out_of_range_fails_the_call(mode, build, index):
    """And the next call of the same function works: nothing is left half done."""
    x, i, v = T.matrix("x"), T.lscalar("i"), T.lvector("v")
    function = compiled(mode, [x, i, v], build(x, i, v))
    array = ramp(4, 3, dtype="float32")
    with pytest.raises(IndexError) as error:
        function(array, index, [0, index])
    assert "test_index.py" in str(error.value), "the message names the user's line"
    function(array, 1, [0, 1])


@pytest.mark.parametrize("mode", MODES)
def test_masks_must_fit_at_the_call(mode):
    x, m = T.vector("x"), T.TensorType("bool", (None,))("m")
    function = compiled(mode, [x, m], x[m])
    assert function(ramp(3, dtype="float32"), np.array([True, False, True])).tolist() == [1, 3]
    for length in (1, 2, 4):
        with pytest.raises(ShapeError, match=r"\bm\b"):
            function(ramp(3, dtype="float32"), np.ones(length, bool))


@pytest.mark.parametrize("mode", MODES)
def test_what_is_written_must_fit_at_the_call(mode):
    x, y, i = T.matrix("x"), T.vector("y"), T.lvector("i")
    for part in (x[1:], x[i]):
        function = compiled(mode, [x, y, i], T.set_subtensor(part, y))
        function(ramp(2, 3, dtype="float32"), np.zeros(3, "float32"), [0])
        for length in (1, 2):
            with pytest.raises(ShapeError, match=r"\by\b"):
                function(ramp(2, 3, dtype="float32"), np.zeros(length, "float32"), [0])


def test_mistakes_are_found_while_the_graph_is_built():
    x, known = T.matrix("x"), T.matrix("known", shape=(3, 4))
    with pytest.raises(AxisError, match="3 indices for x"):
        x[0, 1, 2]
    with pytest.raises(InputError, match=r"only one '\.\.\.'"):
        x[..., 0, ...]
    with pytest.raises(ShapeError, match="index 3 is out of range for axis 0 of known"):
        known[3]
    with pytest.raises(ShapeError, match=r"out of range for axis 1 \(length 4\) of known"):
        known[:, [0, -5]]
    with pytest.raises(ShapeError, match="mask"):
        known[np.array([True, False])]
    with pytest.raises(DTypeError, match="must be an integer, not x"):
        T.vector("v")[T.scalar("x")]
    with pytest.raises(DTypeError, match="integers or bools, not places"):
        x[T.vector("places")]
    with pytest.raises(InputError, match="the step of a slice must be a number other than 0"):
        x[::0]
    with pytest.raises(InputError, match="a Python bool is no index"):
        x[True]
    with pytest.raises(InputError, match=r"a single bool is no index: gt\(sum"):
        x[x.sum() > 0]
    with pytest.raises(TypeError, match=r"x float32.* cannot be changed.*T\.set_subtensor"):
        x[0] = 1
    with pytest.raises(InputError, match=r"a part of a tensor, such as x\[1:\], not x"):
        T.set_subtensor(x, 0)
    with pytest.raises(ShapeError, match="does not fit into a part of shape"):
        T.set_subtensor(known[0], T.matrix("rows"))
    with pytest.raises(ShapeError, match="does not fit into a part of shape"):
        T.inc_subtensor(known[0], T.vector("row", shape=(3,)))
    with pytest.raises(DTypeError, match="cannot be written into counts"):
        T.inc_subtensor(T.ivector("counts")[0], T.scalar("amount"))


# what is composed of indexing


@pytest.mark.parametrize("mode", MODES)
def test_repeat_tile_diag_and_triangles(mode):
    x, v, n = T.matrix("x"), T.vector("v"), T.lscalar("n")
    table = {
        "repeat": (T.repeat(x, 3, axis=1), lambda a, b, k: np.repeat(a, 3, axis=1)),
        "repeat flat": (x.repeat(2), lambda a, b, k: np.repeat(a, 2)),
        "repeat symbolic": (T.extra_ops.repeat(x, n, axis=0), lambda a, b, k: np.repeat(a, k, axis=0)),
        "tile": (T.tile(x, (2, 3)), lambda a, b, k: np.tile(a, (2, 3))),
        "tile by a vector": (T.tile(x, T.stack([1, n]), ndim=2), lambda a, b, k: np.tile(a, (1, k))),
        "tile more axes": (T.tile(v, (2, n)), lambda a, b, k: np.tile(b, (2, k))),
        "eye": (T.eye(n, 4, 1), lambda a, b, k: np.eye(k, 4, 1, dtype="float32")),
        "eye below": (T.eye(3, k=-1), lambda a, b, k: np.eye(3, k=-1, dtype="float32")),
        "one hot": (T.extra_ops.to_one_hot(T.arange(n), 4), lambda a, b, k: np.eye(k, 4, dtype="float32")),
    }
    for k in (-4, -2, -1, 0, 1, 3, 5):
        table[f"diag {k}"] = (T.diag(x, k), lambda a, b, _, k=k: np.diag(a, k))
        table[f"matrix of diag {k}"] = (T.diag(v, k), lambda a, b, _, k=k: np.diag(b, k))
        table[f"tril {k}"] = (T.tril(x, k), lambda a, b, _, k=k: np.tril(a, k))
        table[f"triu {k}"] = (T.triu(x, k), lambda a, b, _, k=k: np.triu(a, k))
    function = compiled(mode, [x, v, n], [built for built, _ in table.values()])
    for shape, times in (((3, 4), 2), ((4, 2), 3), ((1, 1), 1), ((2, 3), 0), ((0, 3), 2)):
        a, b = ramp(*shape, dtype="float32"), ramp(shape[0], dtype="float32")
        for name, (_, numpy), got in zip(table, table.values(), function(a, b, times), strict=True):
            assert_same(got, numpy(a, b, times), f"{name} of {shape}, {times} times")


@pytest.mark.parametrize("mode", MODES)
def test_nonzero(mode):
    x = T.imatrix("x")
    outputs = [*T.nonzero(x), *(x > 2).nonzero(), T.flatnonzero(x)]
    function = compiled(mode, [x], outputs)
    for array in (
        np.array([[0, 3, 0], [2, 0, 5]], "int32"),
        np.zeros((2, 2), "int32"),
        np.ones((0, 3), "int32"),
    ):
        wanted = [*np.nonzero(array), *np.nonzero(array > 2), np.flatnonzero(array)]
        for got, want in zip(function(array), wanted, strict=True):
            assert got.dtype == "int64" and np.array_equal(got, want)


def test_iterating_and_unpacking_need_a_known_length():
    x = T.matrix("x", shape=(2, None))
    first, second = x
    assert first.ndim == 1 and second.ndim == 1
    with pytest.raises(TypeError, match=r"cannot iterate over y.*graphlib\.scan goes along its rows"):
        list(T.vector("y"))
    with pytest.raises(TypeError, match=r"use x\.shape\[0\]"):
        len(x)
    assert list(itertools.islice(iter(T.matrix(shape=(0, 2))), 1)) == []


@pytest.mark.parametrize("mode", MODES)
def test_the_places_of_a_mask_are_an_index(mode):
    """As Theano's programs write it: a tuple of arrays, not one array of places."""
    x, v, w = T.matrix("x"), T.vector("v"), T.matrix("w")
    table = {
        "read": (x[(x < 0).nonzero()], lambda a, b, c: a[np.nonzero(a < 0)]),
        "function": (x[T.nonzero(x < 0)], lambda a, b, c: a[np.nonzero(a < 0)]),
        "vector": (v[(v < 0).nonzero()], lambda a, b, c: b[np.nonzero(b < 0)]),
        "rows": (x[w.nonzero()[:-1]], lambda a, b, c: a[np.nonzero(c)[:-1]]),
        "column": (x[:, (v > 0).nonzero()[0]], lambda a, b, c: a[:, np.nonzero(b > 0)[0]]),
        "written": (T.set_subtensor(x[(x < 0).nonzero()], 0), lambda a, b, c: np.where(a < 0, 0, a)),
        "increased": (T.inc_subtensor(x[(x < 0).nonzero()], 1), lambda a, b, c: np.where(a < 0, a + 1, a)),
        "gradient": (
            graphlib.grad((x[(x < 0).nonzero()] ** 2).sum(), x),
            lambda a, b, c: np.where(a < 0, 2 * a, 0),
        ),
    }
    function = compiled(mode, [x, v, w], [built for built, _ in table.values()])
    a, b = np.float32([[1, -2, 3], [-4, 5, 6], [7, 8, -9]]), np.float32([1, -2, 3])
    c = np.float32([[1], [0], [1]])
    for name, (_, numpy), got in zip(table, table.values(), function(a, b, c), strict=True):
        assert_same(got, numpy(a, b, c).astype("float32"), name)


def test_a_list_as_an_index_is_one_array():
    array = ramp(4, 3, 2)
    keys = [
        [0, 2],
        ([0, 2],),
        ((0, 2),),
        [[0, 2], [1, 1]],
        [True, False, True, False],
        ([0, 1], [True, False, True]),
        [[True, False, True]] * 2 + [[False, False, True]] * 2,
        [],
        [[]],
        ([], []),
        range(3),
        (slice(1, None), [0, -1]),
        ([0, 1], slice(None), [0, 1]),
        (Ellipsis, [0, 1, 1]),
        (0, slice(None), [0, 1, 1]),
        ([0], None, [1]),
        np.array(2),
        (np.array([0, 1], "uint8"), np.int16(1)),
    ]
    x = T.tensor3("x", dtype="float64")
    results = compiled("reference", [x], [x[key] for key in keys])(array)
    for key, got in zip(keys, results, strict=True):
        assert_same(got, array[list(key) if isinstance(key, range) else key], f"{key}")
    for key in ([slice(0, 1), 2], [None], [0, Ellipsis]):
        with pytest.raises(InputError, match="an index that is a list is one array"):
            x[key]
    with pytest.raises(DTypeError, match="integers or bools"):
        x[[0.5]]


@pytest.mark.parametrize("mode", MODES)
def test_of_values_set_at_one_place_the_last_has_the_gradient(mode):
    """Against finite differences of numpy's assignment, which keeps the last value."""
    x, i, j = T.dtensor3("x"), T.lvector("i"), T.lmatrix("j")
    array, p, q = ramp(3, 3, 2) / 7, np.array([2, 0, -1, 2]), np.array([[0, 1, 0, 2], [0, 2, -3, 1]])
    keys = {
        "rows": (lambda i, j: i),
        "pairs": (lambda i, j: (i, j)),
        "columns": (lambda i, j: (slice(None), i)),
        "apart": (lambda i, j: (i, slice(None), j % 2)),
        "numbers": (lambda i, j: [2, 0, 2, -3]),
        "with a slice": (lambda i, j: (slice(0, 2), j)),
    }
    inputs, outputs, arrays, weights = [], [], [], ramp(3, 3, 2) ** 2
    for key in keys.values():
        y = T.TensorType("float64", (None,) * array[key(p, q)].ndim)("y")
        inputs.append(y)
        arrays.append(np.cos(ramp(*array[key(p, q)].shape)))
        cost = (T.sqr(T.set_subtensor(x[key(i, j)], y)) * weights).sum()
        outputs += graphlib.grad(cost, [y, x])
    scalar = T.dscalar("scalar")
    outputs.append(graphlib.grad((T.set_subtensor(x[i], scalar) * weights).sum(), scalar))
    results = compiled(mode, [x, i, j, scalar, *inputs], outputs)(array, p, q, 1.0, *arrays)
    for (name, key), y, gy, gx in zip(keys.items(), arrays, results[::2], results[1::2], strict=False):

        def cost(y, x, key=key):
            changed = x.copy()
            changed[key(p, q)] = y
            return (changed**2 * weights).sum()

        assert_same(gy, differences(lambda v: cost(v, array), y), f"values of {name}")
        assert_same(gx, differences(lambda v: cost(y, v), array), f"tensor of {name}")  # noqa: B023
    assert_same(results[-1], np.asarray(weights[[0, 2]].sum()), "one value for all")


def differences(cost, point):
    """The gradient of a quadratic function by central differences, which are exact but for rounding."""
    result = np.zeros_like(point)
    for place in np.ndindex(point.shape):
        step = np.zeros_like(point)
        step[place] = 0.5
        result[place] = cost(point + step) - cost(point - step)
    return result


@pytest.mark.parametrize("mode", MODES)
def test_what_is_written_to_is_what_was_indexed_last(mode):
    """A part of a view gives the whole view, of one index with slices and arrays the whole tensor."""
    x, m, i = T.dvector("x"), T.TensorType("bool", (None,))("m"), T.lvector("i")
    rest = x[1:]
    sums, _ = graphlib.scan(lambda a, b: a + b, x, T.constant(0.0, dtype="float64"))
    table = x.reshape((2, 2))
    f = compiled(
        mode,
        [x, m, i],
        [
            T.set_subtensor(rest[m], 0.5),
            T.inc_subtensor(rest[i], 0.5),
            T.set_subtensor(rest[m.nonzero()], rest[m] * 2),
            T.set_subtensor(sums[i], 0.5),
            T.set_subtensor(table[1:, i], 0.5),
            T.grad(T.sqr(T.set_subtensor(rest[i], 0.5)).sum(), x),
        ],
    )
    got = f(np.array([1.0, 2, 3, 4]), np.array([True, False, True]), np.array([0]))
    wanted = [
        [0.5, 3, 0.5], [2.5, 3, 4], [4, 3, 8], [0.5, 3, 6, 10], [[1, 2], [0.5, 4]], [0, 0, 6, 8],
    ]  # fmt: skip
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_index_is_checked_where_what_it_picks_does_not_depend_on_it():
    x, i = T.vector("x"), T.lscalar("i")
    picked = {
        "a new axis": x[None][i],
        "zeros": T.zeros(3)[i],
        "a repeated value": T.fill(x, 2.0)[i],
        "repeated rows": T.alloc(x, 2, x.shape[0])[i],
        "by an array": T.zeros(3)[T.stack([0 * i, i])],
        "a row's only one": x.dimshuffle("x", 0)[T.stack([i, i])],
    }
    for what, result in picked.items():
        for mode in ("reference", "c"):
            f = compiled(mode, [x, i], result)
            assert f(np.arange(3, dtype=x.dtype), 0).shape == f(np.arange(3, dtype=x.dtype), -1).shape, what
            with pytest.raises(IndexError, match="5"):
                f(np.arange(3, dtype=x.dtype), 5)


def test_places_at_steps_that_only_a_call_tells():
    """Slices are Python's for steps of either sign, with gradients; a range of floats is NumPy's, and depends
    on its start and step."""
    x, a, b, s = T.dvector("x"), *T.lscalars("a", "b", "s")
    cut = x[a:b:s]
    f = graphlib.function([x, a, b, s], [cut, T.grad((cut**2).sum(), x)], mode="reference")
    values = np.arange(7.0)
    for start, stop, step in ((-9, 9, 2), (6, -8, -3), (-2, 0, -1), (2, 2, 1), (8, -3, -2), (1, 9, 3)):
        got, slope = f(values, start, stop, step)
        wanted = np.zeros(7)
        wanted[start:stop:step] = 2 * values[start:stop:step]
        assert np.array_equal(got, values[start:stop:step]) and np.array_equal(slope, wanted)
    with pytest.raises(ValueError, match="the step must be other than 0"):
        f(values, 0, 7, 0)
    m, table = T.dmatrix("m"), np.arange(12.0).reshape(3, 4)
    parts = [lambda m, s: m[::s], lambda m, s: m[::s, 1], lambda m, s: m[1:, ::s], lambda m, s: m[::s, ::s]]
    written = [T.set_subtensor(part(m, s), -1.0) for part in parts] + [T.inc_subtensor(m[::s, 1], 5.0)]
    wanted = [table.copy() for _ in written]
    for part, array in zip(parts, wanted, strict=False):
        part(array, 2)[...] = -1
    wanted[-1][::2, 1] += 5
    assert np.array_equal(graphlib.function([m, s], written, mode="reference")(table, 2), wanted)
    low, high, by = T.dscalars("low", "high", "by")
    r = T.arange(low, high, by)
    g = graphlib.function([low, high, by], [r, *T.grad((r**2).sum(), [low, by])])
    for ends in ((-5, 1.1, 1.2), (1.3, 2, -2.1), (5.1, 0, -0.5)):
        got, by_low, by_step = g(*ends)
        wanted = np.arange(*ends)
        np.testing.assert_allclose(got, wanted, 1e-15, 1e-15)
        slopes = [2 * wanted.sum(), 2 * (wanted * np.arange(len(wanted))).sum()]
        np.testing.assert_allclose([by_low, by_step], slopes, 1e-13, 1e-13)
