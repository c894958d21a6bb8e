"""Matrix products against numpy: every combination of dimensions, any layout, random lengths, updates."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphlib
import graphlib.tensor as T
from graphlib.errors import ShapeError

from .backends import BACKENDS, MODES, assert_same, compiled


def halves(*shape, dtype="float64", seed=0):
    """Multiples of 1/2: their products and sums are exact, so that results are equal and not only close."""
    return (np.random.RandomState(seed + sum(shape)).randint(-6, 7, shape) * 0.5).astype(dtype)


DOTS = [
    ((3, 4), (4, 5)),
    ((3, 4), (4,)),
    ((4,), (4, 2)),
    ((4,), (4,)),
    ((), (2, 3)),
    ((5,), ()),
    ((), ()),
    ((2, 3, 4), (4, 2)),
    ((2, 3, 4), (4,)),
    ((3, 4), (2, 4, 5)),
    ((2, 3, 4), (5, 4, 2)),
    ((4,), (2, 4, 3)),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "bool"])
def test_dot_of_all_dimensions(mode, dtype):
    inputs = [
        (T.TensorType(dtype, [None] * len(a))("a"), T.TensorType(dtype, [None] * len(b))("b"))
        for a, b in DOTS
    ]
    arrays = [(halves(*a, dtype=dtype), halves(*b, dtype=dtype, seed=1)) for a, b in DOTS]
    function = compiled(mode, [v for pair in inputs for v in pair], [T.dot(a, b) for a, b in inputs])
    for (a, b), got in zip(arrays, function(*(v for pair in arrays for v in pair)), strict=True):
        # numpy's product of bools is "any"; here bools count
        wanted = (
            np.dot(a.astype("int64"), b.astype("int64"))
            if dtype == "bool" and a.ndim and b.ndim
            else np.dot(a, b)
        )
        assert got.shape == wanted.shape
        np.testing.assert_array_equal(got, wanted, err_msg=f"{a.shape} {b.shape}")


@pytest.mark.parametrize("mode", MODES)
def test_the_product_of_an_integer_and_a_float_matrix_is_of_the_float_dtype(mode):
    a, b = T.imatrix("a"), T.fmatrix("b")
    got = compiled(mode, [a, b], T.dot(a, b))(
        np.array([[1, 2]], "int32"), np.array([[0.5], [0.25]], "float32")
    )
    assert got.dtype == "float32" and got.tolist() == [[1.0]]


@pytest.mark.parametrize("mode", MODES)
def test_tensordot_batched_dot_outer_and_matmul(mode):
    x, y, z = T.dtensor3("x"), T.dtensor3("y"), T.dmatrix("z")
    v, w = T.dvector("v"), T.dvector("w")
    a, b, c, d, e = halves(2, 3, 4), halves(2, 4, 5), halves(2, 3), halves(3), halves(4)
    table = [
        (T.tensordot(x, y, [[2], [1]]), np.tensordot(a, b, [[2], [1]])),
        (T.tensordot(x, y, [[0, 2], [0, 1]]), np.tensordot(a, b, [[0, 2], [0, 1]])),
        (T.tensordot(x, y, axes=[2, 1]), np.tensordot(a, b, [2, 1])),
        (T.tensordot(z, x, 2), np.tensordot(c, a, 2)),
        (T.tensordot(v, w, 0), np.tensordot(d, e, 0)),
        (T.batched_dot(x, y), np.einsum("nij,njk->nik", a, b)),
        (T.batched_dot(z, x), np.einsum("nj,njk->nk", c, a)),
        (T.batched_dot(z, z), np.einsum("nj,nj->n", c, c)),
        (T.batched_dot(x, y[:, :, 0]), np.einsum("nij,nj->ni", a, b[:, :, 0])),
        (T.batched_tensordot(x, y, 1), np.einsum("nij,njk->nik", a, b)),
        (T.batched_tensordot(x, y[:, :, :3], [1, 2]), np.einsum("nij,nki->njk", a, b[:, :, :3])),
        (T.batched_tensordot(x, x, 2), np.einsum("nij,nij->n", a, a)),
        (T.batched_tensordot(z, x, [[1], [1]]), np.einsum("ni,nij->nj", c, a)),
        (x @ y, a @ b),
        (z @ v, c @ d),
        (T.outer(v, w), np.outer(d, e)),
        (z.dot(v), c.dot(d)),
        (v.T.dot(z.T), d.T.dot(c.T)),
    ]
    function = compiled(mode, [x, y, z, v, w], [built for built, _ in table])
    for k, (got, (_, wanted)) in enumerate(zip(function(a, b, c, d, e), table, strict=True)):
        assert_same(got, wanted, f"number {k}")


MATMULS = [
    ((4,), (4,)),
    ((3, 4), (4,)),
    ((4,), (4, 5)),
    ((4,), (2, 4, 5)),
    ((2, 3, 4), (4,)),
    ((2, 3, 4), (4, 5)),
    ((3, 4), (2, 4, 5)),
    ((2, 3, 4), (2, 4, 5)),
    ((1, 3, 4), (2, 4, 5)),
    ((2, 1, 3, 4), (6, 4, 5)),
    ((6, 3, 4), (2, 1, 4, 5)),
    ((2, 6, 3, 4), (4,)),
    ((4,), (2, 6, 4, 5)),
    ((2, 6, 3, 4), (2, 6, 4, 5)),
    ((0, 6, 3, 4), (6, 4, 5)),
    ((2, 3, 0), (2, 0, 5)),
    ((2, 1, 1, 3, 4), (3, 1, 4, 2)),
]


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("mode", MODES)
def test_matmul_of_all_dimensions(mode, known):
    """Values as numpy's; gradients of the sum of w * (a @ b) by einsum, over the axes that broadcast."""
    inputs, outputs, arrays, wanted = [], [], [], []
    for shapes in MATMULS:
        pair = [
            T.TensorType("float64", s if known else [1 if n == 1 else None for n in s])(n)
            for n, s in zip("ab", shapes, strict=True)
        ]
        a, b = halves(*shapes[0]), halves(*shapes[1], seed=1)
        product = pair[0] @ pair[1]
        assert product.ndim == (a @ b).ndim and product.type.accepts_shape((a @ b).shape)
        inputs += pair
        arrays += [a, b]
        outputs += [product, *graphlib.grad(T.sum(product * (a @ b)), pair)]
        wanted += [a @ b, *matmul_gradients(a, b, a @ b)]
    results = compiled(mode, inputs, outputs)(*arrays)
    for k, (got, want) in enumerate(zip(results, wanted, strict=True)):
        assert_same(got, np.asarray(want), f"number {k % 3} of {MATMULS[k // 3]}")


def matmul_gradients(a, b, g):
    """numpy's gradients of sum(g * (a @ b))."""
    left = a[None] if a.ndim == 1 else a
    right = b[:, None] if b.ndim == 1 else b
    g = g[..., None] if b.ndim == 1 else g
    g = g[..., None, :] if a.ndim == 1 else g
    whole = [g @ right.swapaxes(-1, -2), left.swapaxes(-1, -2) @ g]
    result = []
    for gradient, v in zip(whole, (left, right), strict=True):
        gradient = gradient.sum(axis=tuple(range(gradient.ndim - v.ndim)))
        once = tuple(i for i, (n, m) in enumerate(zip(gradient.shape, v.shape, strict=True)) if m == 1 != n)
        result.append(gradient.sum(axis=once, keepdims=True))
    return result[0].reshape(a.shape), result[1].reshape(b.shape)


def test_mistakes_in_matmul_are_found_while_the_graph_is_built_or_at_the_call():
    a, b = T.TensorType("float64", (2, 3, 4))("a"), T.TensorType("float64", (3, 4, 5))("b")
    for build, message in [
        (lambda: a @ a, r"T\.matmul \(@\): the last axis of a .* has length 4, the one it meets in a .* 3"),
        (lambda: a @ b, "2 and 3 products in a .* and b"),
        (lambda: T.matmul(T.stack([a, a]), b), "lengths 2 and 3 of axis -3 of .* and .* do not broadcast"),
        (lambda: a @ T.dscalar("s"), "takes no scalars, such as s"),
    ]:
        with pytest.raises(ShapeError, match=message):
            build()
    x, y = T.tensor4("x"), T.tensor4("y")
    for mode in MODES[:2]:
        function = compiled(mode, [x, y], x @ y)
        # as many products, in another order
        with pytest.raises(ShapeError, match="y float32"):
            function(np.ones((2, 3, 1, 2), "float32"), np.ones((3, 2, 2, 1), "float32"))


VIEWS = {
    "transposed left": lambda x, y: x.T @ y,
    "transposed back": lambda x, y: (y.T @ x).T,
    "transposed right": lambda x, y: x @ x.T,
    "slices": lambda x, y: x[::2, 1:].T @ y[::2],
    "reversed": lambda x, y: x[::-1].T @ y[:, ::-1],
    "a row": lambda x, y: x[1] @ x.T,
    "a column": lambda x, y: y.T @ x[:, 2],
    "reshaped": lambda x, y: x.reshape((5, 7)) @ y,
    "of an expression": lambda x, y: (x * 2 - 1).T @ (y + 1),
    "sum of products": lambda x, y: x.T @ y - 2 * (x.T @ y) + y[:5] * 3,
    "chain": lambda x, y: y.T @ x @ x.T @ y,
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_products_of_views(mode, dtype):
    """Transposed, sliced and reversed operands, of inputs that are not contiguous either."""
    x, y = T.matrix("x", dtype=dtype), T.matrix("y", dtype=dtype)
    function = compiled(mode, [x, y], [f(x, y) for f in VIEWS.values()])
    layouts = [
        (halves(7, 5, dtype=dtype), halves(7, 6, dtype=dtype)),
        (np.asfortranarray(halves(7, 5, dtype=dtype)), np.asfortranarray(halves(7, 6, dtype=dtype))),
        (halves(14, 10, dtype=dtype)[::2, ::2], halves(7, 12, dtype=dtype)[:, 1::2]),
        (halves(7, 5, dtype=dtype)[::-1, ::-1], halves(6, 7, dtype=dtype).T),
    ]
    for a, b in layouts:
        for (name, numpy), got in zip(VIEWS.items(), function(a, b), strict=True):
            assert_same(got, numpy(a, b), name)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_random_lengths_on_backends(backend, dtype):
    """One compiled function serves every length, none and one among them; gradients too."""
    a, b, v = T.matrix("a", dtype=dtype), T.matrix("b", dtype=dtype), T.vector("v", dtype=dtype)
    product = T.tanh(a @ b + v)
    outputs = [product, a @ (b @ v), T.dot(v, b.T), *graphlib.grad(product.sum(), [a, b, v])]
    function = compiled(backend, [a, b, v], outputs)
    lengths = st.integers(0, 9) | st.sampled_from([31, 32, 33, 100])

    @settings(max_examples=40, deadline=None, derandomize=True)
    @given(lengths, lengths, lengths)
    def check(m, k, n):
        p, q, r = (halves(*s, dtype=dtype) / 8 for s in ((m, k), (k, n), (n,)))
        hidden = np.tanh(p @ q + r)
        d = 1 - hidden**2
        wanted = [hidden, p @ (q @ r), r @ q.T, d @ q.T, p.T @ d, d.sum(axis=0)]
        for got, want in zip(function(p, q, r), wanted, strict=True):
            assert_same(got, want, f"{m}, {k}, {n}")

    check()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_vector_meets_matrices_of_many_columns(dtype):
    """Columns that end within a vector of the processor's, at one, or behind those whose sums are kept at a
    time; rows that are walked along together, some that are left, and none; parts for several threads."""
    v, b, c = T.vector("v", dtype), T.matrix("b", dtype), T.vector("c", dtype)
    function = compiled(MODES[1], [v, b, c], [v @ b, c - T.dot(v, b) * 0.5])
    for k in (0, 3, 4, 150):
        for n in (64, 65, 129, 136, 144, 1023, 1039, 1040, 2065):
            p, q, r = (halves(*s, dtype=dtype, seed=len(s)) for s in ((k,), (k, n), (n,)))
            for got, want in zip(function(p, q, r), (p @ q, r - p @ q / 2), strict=True):
                assert_same(got, want, f"{k}, {n}")
    p, q = halves(900, dtype=dtype), halves(900, 1100, dtype=dtype, seed=1)
    assert_same(function(p, q, np.zeros(1100, dtype))[0], p @ q, "on several threads")


@pytest.mark.parametrize("mode", MODES)
def test_updates_by_products(mode):
    """Updates of a shared matrix by products: every expression sees the values from before the call."""
    x, d, lr = T.matrix("x"), T.matrix("d"), T.scalar("lr")
    start = halves(4, 3, dtype="float32")
    a, b = halves(5, 4, dtype="float32"), halves(5, 3, dtype="float32")
    step = a.T @ b
    formulas = {
        "descent": (lambda W: W - lr * T.dot(x.T, d), start - np.float32(0.5) * step),
        "scaled": (lambda W: 0.25 * W + 2 * T.dot(x.T, d), 0.25 * start + 2 * step),
        "negative": (lambda W: T.dot(x.T, -d) + W, start - step),
        "itself": (lambda W: W - 0.125 * T.dot(T.dot(W, W.T), W), start - 0.125 * (start @ start.T @ start)),
        "transposed": (lambda W: (W.T - lr * T.dot(d.T, x)).T, start - np.float32(0.5) * step),
    }
    for name, (update, wanted) in formulas.items():
        W = graphlib.shared(start, name)
        before = T.dot(x, W)
        function = compiled(mode, [x, d, lr], [before, W], updates=[(W, update(W))])
        got, unchanged = function(a, b, 0.5)
        assert_same(got, a @ start, name)
        assert_same(unchanged, start, f"{name}: W as it was when the call began")
        assert_same(W.get_value(), wanted, name)


def test_shapes_that_do_not_fit_are_found_while_the_graph_is_built():
    pixels, weights = T.matrix("pixels", shape=(None, 784)), T.matrix("weights", shape=(500, 10))
    cases = [
        lambda: T.dot(pixels, weights),
        lambda: pixels @ weights,
        lambda: T.dot(pixels, T.vector("weights", shape=(10,))),
        lambda: T.tensordot(pixels, weights, 1),
    ]
    for build in cases:
        with pytest.raises(ShapeError) as error:
            build()
        text = str(error.value)
        assert "pixels float32(?, 784)" in text and "weights" in text and "784" in text
        assert text.count("test_linalg.py") == 2, "where each of both was made"
    with pytest.raises(ShapeError, match="2 and 3 products"):
        T.batched_dot(T.tensor3("a", shape=(2, 4, 5)), T.tensor3("b", shape=(3, 5, 6)))
    with pytest.raises(ShapeError, match="two or three dimensions"):
        T.batched_dot(T.vector("a"), T.matrix("b"))
    with pytest.raises(ShapeError, match="3 axes of"):
        T.tensordot(pixels, weights, 3)


@pytest.mark.parametrize("mode", MODES)
def test_shapes_that_do_not_fit_at_the_call(mode):
    a, b, c = T.matrix("a"), T.matrix("b"), T.tensor3("c")
    functions = [
        compiled(mode, [a, b], T.dot(a, b)),
        compiled(mode, [a, b], T.dot(a[0], b)),
        compiled(mode, [a, b], T.tensordot(a, b, 1)),
        compiled(mode, [a, b], T.batched_dot(a, b)),
    ]
    for function in functions:
        with pytest.raises(ShapeError) as error:
            function(np.ones((2, 3), "float32"), np.ones((4, 5), "float32"))
        assert "test_linalg.py" in str(error.value)
    function = compiled(mode, [c], T.batched_dot(c, c.dimshuffle(0, 2, 1)[1:]))
    with pytest.raises(ShapeError):
        function(np.ones((2, 3, 4), "float32"))


def test_static_shapes_of_products():
    a, b, c = T.matrix("a", shape=(None, 4)), T.matrix("b", shape=(4, 5)), T.tensor3("c", shape=(3, 2, 4))
    assert T.dot(a, b).type.shape == (None, 5)
    assert T.dot(b, T.vector("v")).type.shape == (4,)
    assert T.dot(c, b).type.shape == (3, 2, 5)
    assert T.tensordot(c, b, [[2], [0]]).type.shape == (3, 2, 5)
    assert T.batched_dot(c, T.tensor3(shape=(None, 4, 7))).type.shape == (3, 2, 7)
    assert T.outer(T.vector(shape=(2,)), T.vector()).type.shape == (2, None)
