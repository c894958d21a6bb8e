"""Shapes: moving, reshaping, joining, filling, against numpy; static shapes and the errors they show."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphlib
import graphlib.tensor as T
from graphlib.errors import DTypeError, ShapeError

from .backends import MODES, assert_same, compiled


def test_the_forms_of_reshape():
    x, n = T.vector("x"), T.lvector("n")
    forms = [x.reshape(2, 3), x.reshape((2, 3)), x.reshape(shape=(2, 3)), x.reshape([2, 3], 2)]
    forms += [x.reshape(n, 2), x.reshape(n, ndim=2), x.reshape(shape=n, ndim=2), T.reshape(x, n, 2)]
    f = graphlib.function([x, n], forms, mode="reference")
    for found in f(range(6), [2, 3]):
        np.testing.assert_array_equal(found, np.arange(6).reshape(2, 3))
    with pytest.raises(TypeError, match="reshape takes lengths, or shape and ndim, not order besides"):
        x.reshape(2, 3, order="F")


def ramp(*shape, dtype="float32"):
    return np.arange(int(np.prod(shape))).reshape(shape).astype(dtype)


def check(mode, inputs, arrays, table):
    """Every (variable, array) of the table: computed in one function, equal, and of the inferred type."""
    function = compiled(mode, inputs, [variable for variable, _ in table.values()])
    for (name, (variable, wanted)), got in zip(table.items(), function(*arrays), strict=True):
        assert variable.type.accepts_shape(np.shape(wanted)), f"{name}: {variable.type}"
        assert_same(got, wanted, name)


@pytest.mark.parametrize("mode", MODES)
def test_moving_axes(mode):
    x, r = T.tensor3("x"), T.row("r")
    a, b = ramp(2, 3, 4), ramp(1, 5)
    table = {
        "T": (x.T, a.T),
        "transpose": (x.transpose(1, 0, 2), a.transpose(1, 0, 2)),
        "transpose of a list": (T.transpose(x, (2, 0, 1)), a.transpose(2, 0, 1)),
        "dimshuffle": (x.dimshuffle(2, "x", 0, 1), a.transpose(2, 0, 1)[:, None]),
        "dimshuffle of a tuple": (x.dimshuffle((1, 0, 2)), a.transpose(1, 0, 2)),
        "dropped axis": (r.dimshuffle(1), b[0]),
        "swapaxes": (x.swapaxes(0, 2), a.swapaxes(0, 2)),
        "moveaxis": (T.moveaxis(x, 0, -1), np.moveaxis(a, 0, -1)),
        "expand_dims": (T.expand_dims(x, -1), a[..., None]),
        "padleft": (T.shape_padleft(x, 2), a[None, None]),
        "padright": (T.shape_padright(x), a[..., None]),
        "squeeze": (r.squeeze(), b[0]),
        "twice": (x.T.dimshuffle(2, 1, 0).T, a.T),
        "scalar": (x[0, 0, 0].dimshuffle("x", "x"), a[:1, 0, :1]),
    }
    check(mode, [x, r], [a, b], table)


@pytest.mark.parametrize("mode", MODES)
def test_reshaping(mode):
    x, n, v = T.tensor3("x"), T.lscalar("n"), T.lvector("v")
    a = ramp(2, 3, 4)
    table = {
        "known": (x.reshape((6, 4)), a.reshape(6, 4)),
        "arguments": (x.reshape(4, 6), a.reshape(4, 6)),
        "one length from the rest": (x.reshape((-1, 3)), a.reshape(-1, 3)),
        "symbolic": (x.reshape((n, x.shape[0], -1)), a.reshape(3, 2, -1)),
        "of a vector": (x.reshape(v, ndim=2), a.reshape(8, 3)),
        "of a shape": (x.flatten().reshape(x.shape), a),
        "of a transposed": (x.T.reshape((n, 8)), a.T.reshape(3, 8)),
        "of a slice": (x[:, ::2].reshape((-1,)), a[:, ::2].reshape(-1)),
        "flatten": (x.flatten(), a.ravel()),
        "flatten to 2": (x.flatten(2), a.reshape(2, 12)),
        "ravel": (x.ravel(), a.ravel()),
        "to a scalar": (x[:1, :1, :1].reshape(()), a[0, 0, 0]),
        "of an expression": ((x * 2).reshape((6, 4)) + 1, (a * 2).reshape(6, 4) + 1),
    }
    check(mode, [x, n, v], [a, 3, [8, 3]], table)


@pytest.mark.parametrize("mode", MODES)
def test_joining_and_splitting(mode):
    x, y, v = T.matrix("x"), T.imatrix("y"), T.vector("v")
    a, b, c = ramp(2, 3), ramp(4, 3, dtype="int32"), ramp(3)
    table = {
        "rows": (T.concatenate([x, y]), np.concatenate([a, b.astype("float32")])),
        "columns": (
            T.concatenate([x, x * 2, x[:, :0]], axis=1),
            np.concatenate([a, a * 2, a[:, :0]], axis=1),
        ),
        "negative axis": (T.concatenate([x, x], axis=-1), np.concatenate([a, a], axis=-1)),
        "join": (T.join(1, x, x), np.concatenate([a, a], axis=1)),
        "stack": (T.stack([v, v * 2]), np.stack([c, c * 2])),
        "stack at the end": (T.stack([x, x], axis=2), np.stack([a, a], axis=2)),
        "stack of arguments": (T.stack(v[0], v[1]), c[:2]),
        "list of variables": (
            T.as_tensor_variable([v[2], 1.0, x[0, 1]]),
            np.array([c[2], 1, a[0, 1]], "float32"),
        ),
        "split": (T.split(x, [1, 2], axis=1)[1], a[:, 1:]),
        "split by a variable": (T.split(y[1:], y[0, 1:3], n_splits=2)[1], b[2:]),
        "one alone": (T.concatenate([x]), a),
        "empty": (T.concatenate([x[:0], x]), a),
    }
    check(mode, [x, y, v], [a, b, c], table)


@pytest.mark.parametrize("mode", MODES)
def test_filling(mode):
    x, n = T.matrix("x"), T.iscalar("n")
    a = ramp(2, 3)
    table = {
        "zeros": (T.zeros((n, 2)), np.zeros((4, 2), "float32")),
        "zeros of int": (T.zeros(n, dtype="int32"), np.zeros(4, "int32")),
        "ones": (T.ones((2, n), "float64"), np.ones((2, 4))),
        "alloc": (T.alloc(7, n, 2), np.full((4, 2), 7)),
        "alloc of a row": (T.alloc(x[0], n, 3), np.tile(a[0], (4, 1))),
        "alloc of a float": (T.alloc(np.float32(0.5), 2), np.full(2, 0.5, "float32")),
        "full": (T.full((n,), 2.5), np.full(4, 2.5, "float32")),
        "zeros_like": (T.zeros_like(x), np.zeros_like(a)),
        "ones_like": (T.ones_like(x, dtype="int8"), np.ones((2, 3), "int8")),
        "full_like": (T.full_like(x, 3), np.full_like(a, 3)),
        "fill": (T.fill(x, n), np.full_like(a, 4)),
        "method": (x.zeros_like(), np.zeros_like(a)),
        "broadcast_to": (T.broadcast_to(x[:, :1].reshape((2, 1)), (2, n)), np.broadcast_to(a[:, :1], (2, 4))),
        "eye": (T.eye(n), np.eye(4, dtype="float32")),
        "eye, not square": (T.eye(n, 3, -1, dtype="int32"), np.eye(4, 3, -1, dtype="int32")),
        "identity_like": (T.identity_like(x), np.eye(2, 3, dtype="float32")),
        "tri": (T.tri(n, 5, 1), np.tri(4, 5, 1, dtype="float32")),
    }
    check(mode, [x, n], [a, 4], table)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.integers(-12, 12), st.integers(-12, 12), st.integers(-5, 5).filter(bool), st.booleans())
def test_arange_of_integers(start, stop, step, known):
    a, b, c = T.lscalars(3)
    result = T.arange(start, stop, step) if known else T.arange(a, b, c)
    wanted = np.arange(start, stop, step)
    assert result.type.shape == ((len(wanted),) if known else (None,))
    assert_same(compiled("reference", [a, b, c], result)(start, stop, step), wanted)


@pytest.mark.parametrize("mode", MODES)
def test_arange(mode):
    a, b, c, s = *T.lscalars("a", "b", "c"), T.scalar("s")
    outputs = [
        T.arange(a),
        T.arange(a, b),
        T.arange(a, b, c),
        T.arange(b, a, -c),
        T.arange(a, dtype="int8"),
        T.arange(0, s, 0.25),
    ]
    function = compiled(mode, [a, b, c, s], outputs)
    for i, j, k, f in [(3, 9, 2, 1.0), (0, -4, 1, 0.6), (-3, 5, -2, -1.0), (7, 7, 3, 1.1), (2, 10, 5, 0.25)]:
        wanted = [
            np.arange(i),
            np.arange(i, j),
            np.arange(i, j, k),
            np.arange(j, i, -k),
            np.arange(i, dtype="int8"),
        ]
        wanted.append(np.arange(0, f, 0.25, dtype="float32"))
        for number, (got, want) in enumerate(zip(function(i, j, k, f), wanted, strict=True)):
            assert_same(got, want, f"number {number} of {(i, j, k, f)}")


@pytest.mark.parametrize("mode", MODES)
def test_the_shape_of_a_variable(mode):
    x = T.tensor3("x")
    a = ramp(2, 3, 4)
    table = {
        "one": (x.shape[0] * 10 + x.shape[-1], np.int64(24)),
        "as a vector": (T.as_tensor_variable(x.shape), np.array([2, 3, 4])),
        "part": (T.as_tensor_variable(x.shape[1:]), np.array([3, 4])),
        "product": (T.prod(x.shape), np.int64(24)),
        "size": (x.size, np.int64(24)),
        "arithmetic": (x.shape - 1, np.array([1, 2, 3])),
        "product with a number": (x.shape * 2 + 2 * T.shape(x), np.array([8, 12, 16])),
        "sum with a number": (x.shape + 1 + (1 + x.shape), np.array([6, 8, 10])),
        "longer": (
            T.zeros(x.shape[:1] + (2,)) + T.zeros((5,) + x.shape[:1]).sum(),
            np.zeros((2, 2), "float32"),
        ),
        "T.shape": (T.shape(x)[1], np.int64(3)),
        "in a mean": (x.sum() / x.shape[0], np.float32(a.sum() / 2)),
        "by a variable": (x.shape[T.argmax(x.shape)], np.int64(4)),
    }
    check(mode, [x], [a], table)
    assert x.ndim == 3
    m, n = T.matrix("m").shape
    assert (m + n).dtype == "int64"


# what is known while the graph is built

KNOWN = T.matrix("known", shape=(4, 6))
HALF = T.tensor3("half", shape=(None, 3, 5))


@pytest.mark.parametrize(
    ("variable", "shape"),
    [
        (KNOWN + 1, (4, 6)),
        (KNOWN + T.vector(), (4, 6)),
        (T.matrix() + KNOWN, (4, 6)),
        (HALF * T.matrix(shape=(3, None)), (None, 3, 5)),
        (KNOWN.dimshuffle(1, "x", 0), (6, 1, 4)),
        (KNOWN.sum(axis=0), (6,)),
        (HALF.max(axis=-1, keepdims=True), (None, 3, 1)),
        (KNOWN.reshape((3, -1)), (3, 8)),
        (HALF.flatten(2), (None, 15)),
        (KNOWN.flatten(), (24,)),
        (KNOWN[1:, 2], (3,)),
        (KNOWN[::-2], (2, 6)),
        (KNOWN[-3:-1], (2, 6)),
        (HALF[:, 0], (None, 5)),
        (HALF[..., ::2], (None, 3, 3)),
        (KNOWN[:, None], (4, 1, 6)),
        (KNOWN[[0, 1, 0]], (3, 6)),
        (KNOWN[T.ivector()], (None, 6)),
        (HALF[:, [0, 1], [2, 2]], (None, 2)),
        (KNOWN[KNOWN > 0], (None,)),
        (T.set_subtensor(KNOWN[0], 0), (4, 6)),
        (T.concatenate([KNOWN, KNOWN], axis=1), (4, 12)),
        (T.concatenate([T.matrix(), KNOWN]), (None, 6)),
        (T.stack([KNOWN, T.matrix()]), (2, 4, 6)),
        (T.arange(2, 9, 3), (3,)),
        (T.zeros((2, KNOWN.shape[1])), (2, 6)),
        (T.alloc(0, T.lscalar(), 3), (None, 3)),
        (T.eye(3, 4), (3, 4)),
        (T.nnet.softmax(T.vector(shape=(5,))), (1, 5)),
        (KNOWN.astype("int32"), (4, 6)),
        (KNOWN.argmax(axis=1), (4,)),
        (T.sort(HALF, axis=1), (None, 3, 5)),
        (T.cumsum(KNOWN), (24,)),
        (T.switch(KNOWN > 0, T.matrix(), 0), (4, 6)),
        (T.specify_shape(T.matrix(), (None, 7)), (None, 7)),
        (T.repeat(KNOWN, 2, axis=0), (None, 6)),
        (T.row() + T.col(), (None, None)),
        (T.constant(np.zeros((2, 3))), (2, 3)),
        (graphlib.shared(np.zeros((2, 3))), (None, None)),
        (graphlib.shared(np.zeros((2, 3)), shape=(2, 3)), (2, 3)),
        (graphlib.shared(np.zeros((2, 3)), shape=(None, 3)), (None, 3)),
        (graphlib.grad(KNOWN.sum(), KNOWN), (4, 6)),
    ],
    ids=lambda v: str(v),
)
def test_static_shapes(variable, shape):
    assert variable.type.shape == shape


def test_lengths_that_are_known_are_constants():
    assert isinstance(KNOWN.shape[1], T.TensorConstant) and KNOWN.shape[1].data == 6
    assert not isinstance(HALF.shape[0], T.TensorConstant)
    assert KNOWN.broadcastable == (False, False) and T.row().broadcastable == (True, False)


@pytest.mark.parametrize(
    "build",
    [
        lambda a, b: a + b,
        lambda a, b: T.maximum(a, b),
        lambda a, b: T.switch(a > 0, a, b),
        lambda a, b: T.dot(a, b),
        lambda a, b: T.concatenate([a, b], axis=1),
        lambda a, b: T.stack([a, b]),
        lambda a, b: T.set_subtensor(a[:], b),
        lambda a, b: T.inc_subtensor(a[1:], b),
        lambda a, b: T.tensordot(a, b, [[1], [0]]),
    ],
)
def test_a_wrong_shape_names_both_variables_and_their_lines(build):
    pixels = T.matrix("pixels", shape=(3, 4))
    weights = T.matrix("weights", shape=(5, 6))
    with pytest.raises(ShapeError) as error:
        build(pixels, weights)
    text = str(error.value)
    assert "weights" in text and "pixels" in text
    assert text.count(f'File "{__file__}", line') >= 2


def test_other_mistakes_in_shapes():
    x = T.matrix("x", shape=(3, 4))
    cases = {
        "reshape: x float32": lambda: x.reshape((5, 2)),
        "cannot be divided by 5": lambda: x.reshape((5, -1)),
        "at most one length": lambda: x.reshape((-1, -1)),
        "cannot be negative": lambda: x.reshape((-3, -4)),
        "axis 2 does not exist": lambda: x.dimshuffle(0, 1, 2),
        "an axis may not appear twice": lambda: x.dimshuffle(0, 0),
        "cannot be dropped, its length is not 1": lambda: x.dimshuffle(0),
        "cannot keep 3 axes of x": lambda: x.flatten(3),
        "different numbers of dimensions": lambda: T.concatenate([x, T.vector("v")]),
        "nothing to join": lambda: T.concatenate([]),
        "use T.stack": lambda: T.concatenate([T.scalar(), T.scalar()]),
        "cannot be broadcast": lambda: T.broadcast_to(x, (3, 5)),
        "cannot have the shape": lambda: T.specify_shape(x, (3, 5)),
        "the step is 0": lambda: T.arange(0, 5, 0),
        "takes scalars, not x": lambda: T.arange(x),
        "a length cannot be negative": lambda: T.matrix(shape=(-1, 2)),
        "pass ndim=": lambda: x.reshape(T.lvector("lengths")),
    }
    for message, build in cases.items():
        with pytest.raises(ShapeError, match=message):
            build()
    with pytest.raises(DTypeError, match="must be an integer, not n float32"):
        T.zeros((T.scalar("n"), 2))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "build",
    [
        lambda x, y: T.concatenate([x, y], axis=1),
        lambda x, y: x.reshape((y.shape[0], 3)),
        lambda x, y: T.broadcast_to(x, (y.shape[0], 2)),
        lambda x, y: T.specify_shape(x, (4, 2)),
        lambda x, y: x - y,
        lambda x, y: T.set_subtensor(x[:2], y),
    ],
)
def test_a_wrong_shape_at_the_call_names_the_variable_and_the_line(mode, build):
    x, y = T.matrix("x"), T.matrix("y")
    function = compiled(mode, [x, y], build(x, y))
    with pytest.raises(ShapeError) as error:
        function(np.ones((3, 2), "float32"), np.ones((4, 2), "float32"))
    assert f'File "{__file__}", line' in str(error.value) and "x" in str(error.value)


@pytest.mark.parametrize("mode", MODES)
def test_specify_shape_is_checked_at_the_call(mode):
    x = T.matrix("x")
    function = compiled(mode, [x], T.specify_shape(x, (None, 3)) * 2)
    assert function(ramp(2, 3)).tolist() == [[0, 2, 4], [6, 8, 10]]
    with pytest.raises(ShapeError, match=r"x float32\(\?, \?\)"):
        function(ramp(3, 2))


@pytest.mark.parametrize("mode", MODES)
def test_flattening_empty_batches(mode):
    """-1 beside lengths of the tensor is the product of its other lengths, also where nothing is in it."""
    x, known, n = T.tensor3("x"), T.TensorType("float32", (None, 3, 4))("known"), T.lscalar("n")
    build = {
        "flatten(2)": (lambda v: v.flatten(2), lambda s: (s[0], s[1] * s[2])),
        "flatten(3)": (lambda v: v.flatten(3), lambda s: s),
        "rows": (lambda v: v.reshape((v.shape[0], -1)), lambda s: (s[0], s[1] * s[2])),
        "columns": (lambda v: v.reshape((-1, v.shape[2])), lambda s: (s[0] * s[1], s[2])),
        "all": (lambda v: v.reshape((-1,)), lambda s: (s[0] * s[1] * s[2],)),
        "ravel": (lambda v: v.ravel(), lambda s: (s[0] * s[1] * s[2],)),
        "moved": (
            lambda v: (v * 2).dimshuffle(2, 0, 1).reshape((v.shape[2], -1)),
            lambda s: (s[2], s[0] * s[1]),
        ),
        "of one": (lambda v: v.reshape((v.shape[0], 1, -1)), lambda s: (s[0], 1, s[1] * s[2])),
    }
    outputs = [f(v) for v in (x, known) for f, _ in build.values()]
    gradients = [graphlib.grad(v.sum(), [x, known][k // len(build)]) for k, v in enumerate(outputs)]
    function = compiled(mode, [x, known, n], [*outputs, *gradients])
    for shape in ((0, 3, 4), (2, 0, 4), (2, 3, 0), (0, 0, 0), (2, 3, 4)):
        results = function(np.ones(shape, "float32"), np.ones((shape[0], 3, 4), "float32"), 0)
        for own, got in ((shape, results), ((shape[0], 3, 4), results[len(build) :])):
            for (name, (_, wanted)), v in zip(build.items(), got, strict=False):
                assert v.shape == wanted(own), f"{name} of {own}"
        for k, v in enumerate(results[len(outputs) :]):
            assert v.shape == (shape if k < len(build) else (shape[0], 3, 4))
    static = [v.type.shape for v in outputs[len(build) :]]
    assert static[:3] == [(None, 12), (None, 3, 4), (None, 12)]
    unknown = compiled(mode, [x, n], x.reshape((n, -1)))
    assert unknown(np.ones((2, 3, 4), "float32"), 6).shape == (6, 4)
    with pytest.raises(ShapeError, match="-1 may be any length where the product of the others is 0"):
        unknown(np.ones((0, 3, 4), "float32"), 0)


@pytest.mark.parametrize("mode", MODES)
def test_empty_and_zero_dimensional_arrays(mode):
    x, s = T.matrix("x"), T.scalar("s")
    outputs = [
        x.T + s,
        x.reshape((0, 7)),
        T.concatenate([x, x], axis=1),
        x.sum(axis=0),
        T.dot(x.T, x),
        T.dot(x, x.T),
        T.nnet.softmax(x),
        T.sort(x, axis=1),
        T.cumsum(x, axis=0),
        x[:, [0, 1]],
        x[T.arange(x.shape[0])],
        T.set_subtensor(x[:, 0], s),
        graphlib.grad((x**2).sum() * s, x),
        s * 2,
        s.sum(),
        s.reshape((1, 1)),
        s.flatten(),
        s.dimshuffle("x"),
        s.max(),
        T.zeros(()) + s,
    ]
    results = compiled(mode, [x, s], outputs)(np.zeros((0, 3), "float32"), 2.0)
    shapes = [
        (3, 0),
        (0, 7),
        (0, 6),
        (3,),
        (3, 3),
        (0, 0),
        (0, 3),
        (0, 3),
        (0, 3),
        (0, 2),
        (0, 3),
        (0, 3),
        (0, 3),
    ]
    shapes += [(), (), (1, 1), (1,), (1,), (), ()]
    assert [r.shape for r in results] == shapes
    assert all(isinstance(r, np.ndarray) for r in results)
    assert not results[4].any() and results[13] == 4 and results[-1] == 2
