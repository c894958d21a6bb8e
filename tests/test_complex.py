"""Complex numbers against NumPy's, gradients against differences of real and imaginary parts."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from scipy.signal import convolve2d

import graphlib
import graphlib.tensor as T
from graphlib import config
from graphlib.errors import DTypeError, GradientError, LinAlgError, ShapeError
from graphlib.ops.host import HostOp

Z = np.array([1 + 2j, -0.5 - 0.3j, -2, 0.25j, 1.5 - 1j, 3 + 0.1j])
W = np.array([0.5 - 1j, 2, -1j, 1 + 1j, -0.7 + 0.2j, 2.5])
X = np.array([0.3, -1.2, 2, 0.5, -0.4, 1])

#: of z and w complex, x real: what elementwise functions are
ELEMENTWISE = {
    "add": lambda m, z, w, x: z + w,
    "add real": lambda m, z, w, x: x + z,
    "sub": lambda m, z, w, x: x - z,
    "mul": lambda m, z, w, x: z * w,
    "mul real": lambda m, z, w, x: x * z * 2,
    "div": lambda m, z, w, x: z / w,
    "real by complex": lambda m, z, w, x: 1 / z + x / w,
    "complex number": lambda m, z, w, x: x * 1j + (2 - 1j) * z,
    "neg": lambda m, z, w, x: -z,
    "abs": lambda m, z, w, x: abs(z),
    "square": lambda m, z, w, x: m.square(z),
    "reciprocal": lambda m, z, w, x: m.reciprocal(z),
    "sqrt": lambda m, z, w, x: m.sqrt(z),
    "exp": lambda m, z, w, x: m.exp(z) + m.exp2(w),
    "log": lambda m, z, w, x: m.log(z) + m.log2(w) - m.log10(z),
    "log1p": lambda m, z, w, x: m.log1p(z * 1e-6),
    "sin": lambda m, z, w, x: m.sin(z) * m.cos(w),
    "tan": lambda m, z, w, x: m.tan(z) + m.tanh(w),
    "sinh": lambda m, z, w, x: m.sinh(z) * m.cosh(w),
    "powers": lambda m, z, w, x: z**2 + z**3 - z**-2 + z**0.5 + z**1.7,
    "complex power": lambda m, z, w, x: z**w,
    "real to a complex power": lambda m, z, w, x: abs(x) ** w,
    "eq": lambda m, z, w, x: m.equal(z, w) if m is np else T.eq(z, w),
    "neq": lambda m, z, w, x: m.not_equal(z, x) if m is np else T.neq(z, x),
    "where": lambda m, z, w, x: m.where(x > 0, z, x),
    "parts": lambda m, z, w, x: m.real(z) * m.imag(w),
    "conj": lambda m, z, w, x: m.conj(z) * w,
    "angle": lambda m, z, w, x: m.angle(z) + m.angle(w * z),
}

#: the same of arrays as wholes
WHOLE = {
    "sum": lambda m, z, w, x: z.sum() + w.mean(),
    "var": lambda m, z, w, x: z.var() + m.std(w),
    "axes": lambda m, z, w, x: m.reshape(z, (2, 3)).sum(axis=0),
    "cumsum": lambda m, z, w, x: m.cumsum(z),
    "vectors": lambda m, z, w, x: m.dot(z, w) + m.dot(x, w),
    "matrices": lambda m, z, w, x: m.dot(z.reshape((2, 3)), w.reshape((3, 2))),
    "real matrix": lambda m, z, w, x: m.dot(x.reshape((3, 2)), w.reshape((3, 2)).T),
    "outer": lambda m, z, w, x: m.outer(z, x),
    "index": lambda m, z, w, x: z[::-2] * w[1],
    "take": lambda m, z, w, x: z[np.array([3, 0, 0])],
    "join": lambda m, z, w, x: m.concatenate([z, x, w]),
    "stack": lambda m, z, w, x: m.stack([z, w]),
    "broadcast": lambda m, z, w, x: z.reshape((2, 1, 3)) + x.reshape((6, 1)),
    "tensordot": lambda m, z, w, x: m.tensordot(z.reshape((2, 3)), w.reshape((2, 3)), axes=[[0], [0]]),
}


class InT:
    """T by NumPy's names."""

    equal, not_equal = T.eq, T.neq

    def __getattr__(self, name):
        return getattr(T, name)


def variables(dtype):
    real = {"complex64": "float32", "complex128": "float64"}[dtype]
    return [T.TensorType(d, (6,))(n) for d, n in ((dtype, "z"), (dtype, "w"), (real, "x"))]


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_functions_are_numpys(dtype):
    z, w, x = variables(dtype)
    cases = {**ELEMENTWISE, **WHOLE}
    mode = "check" if dtype == "complex64" else "reference"
    f = graphlib.function([z, w, x], [case(InT(), z, w, x) for case in cases.values()], mode=mode)
    arrays = [a.astype(v.dtype) for a, v in zip((Z, W, X), (z, w, x), strict=True)]
    exact = 1e-5 if dtype == "complex64" else 1e-12
    for name, got in zip(cases, f(*arrays), strict=True):
        wanted = cases[name](np, *(a.astype("c16" if k < 2 else "f8") for k, a in enumerate(arrays)))
        assert got.shape == np.shape(wanted), name
        if got.dtype != "bool":
            assert got.dtype == (dtype if np.iscomplexobj(wanted) else x.dtype), name
        np.testing.assert_allclose(got, wanted, exact, exact, err_msg=name)


def test_what_lies_at_a_cut_or_may_overflow_is_numpys():
    z = T.zvector("z")
    far = np.array([-4, complex(-4, -0.0), 0, 1e200 + 1e200j, 1e-200j, -1e308j, complex(0, np.inf)])
    f = graphlib.function([z], [T.sqrt(z), T.log(z), abs(z), (1 + 2j) / z, T.angle(z), z**0])
    with np.errstate(all="ignore"):
        wanted = [
            np.sqrt(far[:5]),
            np.log(far[:6]),
            abs(far),
            (1 + 2j) / far[3:6],
            np.angle(far),
            far[:6] ** 0,
        ]
    for got, numpys in zip(f(far), wanted, strict=True):
        got = got[3:6] if numpys.size == 3 else got[: numpys.size]
        np.testing.assert_allclose(got, numpys, 1e-14)


def test_gradients_are_by_real_and_imaginary_parts():
    """The gradient of C is dC/dx + i dC/dy: what C changes by along directions, by central differences."""
    z, w, x = variables("complex128")
    smooth = [k for k in ELEMENTWISE if k not in ("eq", "neq", "log1p", "where")]
    cases = {**{k: ELEMENTWISE[k] for k in smooth}, **WHOLE}
    costs = [T.abs_(case(InT(), z, w, x) * (1 + 2j)).sum() for case in cases.values()]
    weights = T.dvector("weights")
    cost = T.dot(T.stack(costs), weights)
    value = graphlib.function([z, w, x], T.stack(costs), mode="reference")
    f = graphlib.function([z, w, x, weights], T.grad(cost, [z, w, x]), mode="reference")
    rng = np.random.RandomState(3)
    by = [rng.randn(6) + 1j * rng.randn(6), rng.randn(6) + 1j * rng.randn(6), rng.randn(6)]
    step, points = 1e-6, (Z + 0.1j, W, X)
    moved = [value(*(a + s * d for a, d in zip(points, by, strict=True))) for s in (step, -step)]
    differences = (moved[0] - moved[1]) / (2 * step)
    for k, name in enumerate(cases):
        gradients = f(*points, np.eye(len(cases))[k])
        along = sum(np.real(np.conj(g) * d).sum() for g, d in zip(gradients, by, strict=True))
        np.testing.assert_allclose(along, differences[k], 1e-6, 1e-6, err_msg=name)


def program():
    """A loop with a complex state, a choice, a shared variable, writes: results and what they are."""
    z, n = T.cvector("z"), T.lscalar("n")
    s = graphlib.shared(np.array([1, 1j, 2], "complex64"), "s")
    turned, _ = graphlib.scan(
        lambda row, h, c: h * c + row, sequences=z, outputs_info=T.cast(0.5j, "complex64"), non_sequences=s[1]
    )
    chosen = graphlib.ifelse(n > 0, z * 2, z[::-1])
    written = T.inc_subtensor(T.set_subtensor(z[1], 5)[0:2], s[:2])
    cost = abs(turned).sum() + T.real(chosen * T.conj(z)).sum()
    return [z, n], [turned, chosen, written, z.shape[0], T.grad(cost, z), s * n], [(s, s * 1j + z[0])], s


def in_numpy(z, n, s):
    h, states = 0.5j, []
    for row in z:
        states.append(h := h * s[1] + row)
    written = z.copy()
    written[1] = 5
    written[:2] += s[:2]
    gradient, back = np.zeros(len(z), complex), 0
    for k in range(len(z))[::-1]:
        back = back * np.conj(s[1]) + states[k] / abs(states[k])
        gradient[k] = back
    gradient += 4 * z if n > 0 else 2 * z[::-1]
    return [np.array(states), z * 2 if n > 0 else z[::-1], written, len(z), gradient, s * n], s * 1j + z[0]


@pytest.mark.parametrize("device", ["cpu", "cuda-emulated"])
def test_complex_states_choices_and_shared_variables(device):
    inputs, results, updates, s = program()
    with config.change(device=device):
        f = graphlib.function(inputs, results, updates=updates, mode="check")
    for n in (1, 0):
        before = s.get_value()
        wanted, new = in_numpy(Z[:4], n, before)
        for got, numpys in zip([*f(Z[:4].astype("c8"), n), s.get_value()], [*wanted, new], strict=True):
            np.testing.assert_allclose(got, numpys, 1e-5, 1e-6)
    s.set_value([1, 2j])
    assert s.get_value().dtype == "complex64" and f([1, 1], 1)[5].tolist() == [1, 2j]


def test_transforms_are_numpys_and_python_gets_complex_numbers():
    z, x = T.TensorType("complex128", (None, 6))("z"), T.dmatrix("x")

    class Turned(HostOp):
        def types(self, z, x):
            return [z.type, x.type]

        def compute(self, z, x):
            return z[:, ::-1] * 1j, x + z.imag

        def derivative(self, inputs, outputs, grads):
            return [T.conj(T.constant(1j)) * grads[0][:, ::-1], None]

    turned, moved = Turned()(z, x)
    results = [T.fft.fft(z), T.fft.ifft(z, axis=0), T.fft.fft(x, n=4), T.fft.fft(z, n=9), turned, moved]
    results += [T.grad(abs(turned).sum(), z), T.grad(abs(T.fft.fft(z)).sum(), z)]
    f = graphlib.function([z, x], results, mode="check")
    a, b = np.array([Z, W]), np.array([X, -X])
    back = np.fft.fft(np.conj(np.fft.fft(a) / abs(np.fft.fft(a))))
    wanted = [np.fft.fft(a), np.fft.ifft(a, axis=0), np.fft.fft(b, 4), np.fft.fft(a, 9), a[:, ::-1] * 1j]
    wanted += [b + a.imag, a / abs(a), np.conj(back)]
    for got, numpys in zip(f(a, b), wanted, strict=True):
        np.testing.assert_allclose(got, numpys, 1e-12, 1e-12)


def test_real_numbers_have_parts_too():
    x, i = T.dvector("x"), T.lscalar("i")
    results = [
        T.real(x),
        T.imag(x),
        T.conj(x),
        x.conjugate(),
        T.angle(x),
        abs(T.complex(x, i)),
        x.real + x.imag,
    ]
    wanted = [X, 0 * X, X, X, np.angle(X), abs(X + 3j), X]
    for got, numpys in zip(graphlib.function([x, i], results)(X, 3), wanted, strict=True):
        np.testing.assert_allclose(got, numpys, 1e-15)
    z = T.cvector("z")
    for made, dtype in (
        (z * 2.5, "complex64"),
        (z + x, "complex128"),
        (z * 1j, "complex64"),
        (x * 1j, "complex128"),
    ):
        assert made.dtype == dtype


def test_what_has_no_complex_numbers_says_what_to_do():
    z = T.zmatrix("z")
    for refused in (T.erf, T.sort, T.max, T.nnet.sigmoid, T.floor):
        with pytest.raises(
            DTypeError, match=r"takes no complex numbers, as those of .*z complex128.*T\.real"
        ):
            refused(z)
    with pytest.raises(DTypeError, match=r"a cast to float64 takes no complex numbers"):
        T.cast(z, "float64")
    with pytest.raises(DTypeError, match="is an array of complex128"):
        graphlib.function([T.dvector()], 0, on_unused_input="ignore")(np.ones(2, complex))
    with pytest.raises(graphlib.errors.GradientError, match=r"cost must be of a float dtype.* T\.real"):
        T.grad(z.sum(), z)


@pytest.mark.parametrize("mode", ["reference", None])
def test_messages_name_complex_variables_and_not_their_parts(mode):
    z, w, m = T.cvector("z"), T.cvector("w"), T.cmatrix("m")
    x, y, square = np.ones(3, "complex64"), np.ones(4, "complex64"), np.ones((4, 4), "complex64")
    outputs = [m[:, 0] * w, z.reshape((3, 1)) + w]
    f = graphlib.function([z, w, m], outputs, mode=mode)
    f(x, x, square[:3])
    for given, words in (
        ((x, y, square[:3]), r"index\{:, i\}\(m, 0\) complex64\(\?,\).* length 3, of w complex64.* 4$"),
        ((y, x, square[:3]), r"reshape\(z, 3, 1\) complex64\(3, 1\)"),
        ((x[:0], y[:0], square[:0]), r"reshape\(z, 3, 1\) complex64\(3, 1\)"),
    ):
        with pytest.raises(ShapeError, match=words):
            f(*given)
    with pytest.raises(IndexError, match=r"concatenate\{axis=0\}\(z, w\) complex64\(\?,\)"):
        graphlib.function([z, w], T.concatenate([z, w])[7], mode=mode)(x, y[:2])


def test_systems_and_convolutions_of_complex_numbers():
    """Beside numpy's and SciPy's; the gradient beside finite differences."""
    random = np.random.RandomState(0)
    arrays = [random.normal(size=(*s, 2)) @ [1, 1j] for s in ((3, 3), (3, 2), (3,), (2, 3, 3))]
    A, B, V, S = arrays
    X, W = (random.normal(size=(*s, 2)) @ [1, 1j] for s in ((1, 2, 5, 5), (3, 2, 3, 2)))
    R = random.normal(size=(3, 3))
    variables = [T.TensorType(v.dtype.name, (None,) * v.ndim)() for v in (A, B, V, S, X, W, R)]
    a, b, v, s, x, w, r = variables
    table = [
        (T.nlinalg.matrix_inverse(a), np.linalg.inv(A)),
        (T.nlinalg.matrix_inverse(s), np.linalg.inv(S)),
        (T.slinalg.solve(a, b), np.linalg.solve(A, B)),
        (T.slinalg.solve(a, v), np.linalg.solve(A, V)),
        (T.slinalg.solve(r, v), np.linalg.solve(R, V)),
        (T.nlinalg.pinv(b), np.linalg.pinv(B)),
        (T.slinalg.expm(a), scipy.linalg.expm(A)),
        (T.nnet.conv2d(x, w)[0, 1], sum(convolve2d(X[0, k], W[1, k], "valid") for k in range(2))),
        (
            T.nnet.conv2d(x, T.real(w))[0, 2],
            sum(convolve2d(X[0, k], W[2, k].real, "valid") for k in range(2)),
        ),
    ]
    cost = sum(T.sum(abs(made) ** 2) for made, _ in table)
    slopes = T.grad(cost, [a, w])
    f = graphlib.function(variables, [cost, *slopes, *(made for made, _ in table)], mode="reference")
    _, by_a, by_w, *found = f(A, B, V, S, X, W, R)
    for got, (_, wanted) in zip(found, table, strict=True):
        assert got.dtype == "complex128"
        np.testing.assert_allclose(got, wanted, 1e-10, 1e-12)
    ways = [1e-6 * (random.normal(size=(*k.shape, 2)) @ [1, 1j]) for k in (A, W)]
    ends = [f(A + k * ways[0], B, V, S, X, W + k * ways[1], R)[0] for k in (-1, 1)]
    slope = sum(np.sum(np.conj(g) * d).real for g, d in zip((by_a, by_w), ways, strict=True))
    np.testing.assert_allclose(2 * slope, ends[1] - ends[0], 1e-6)
    with pytest.raises(ShapeError, match=r"T\.matrix_inverse takes matrices"):
        T.nlinalg.matrix_inverse(v)


@pytest.mark.parametrize("mode", ["fast_run", "reference"])
def test_factors_determinants_and_products_of_complex_numbers(mode):
    """NumPy's, whatever lies on the imaginary diagonal of a hermitian matrix; gradients by differences."""
    random = np.random.RandomState(4)
    A, B = (random.normal(size=(*s, 2)) @ [1, 1j] for s in ((2, 3, 3), (4, 2)))
    P = A @ A.conj().swapaxes(1, 2) + np.eye(3)
    Z = np.array([[0, 1 + 2j, 3], [0.5j, -1, 2 - 1j]])
    a, p, b, z = (T.TensorType("complex128", (None,) * v.ndim)() for v in (A, P, B, Z))
    q, r = T.nlinalg.qr(b)
    eigen = T.nlinalg.eig(a[0])
    table = [
        (T.slinalg.cholesky(p + 1j * np.eye(3)), np.linalg.cholesky(P)),
        (T.slinalg.cholesky(p, lower=False), np.linalg.cholesky(P).conj().swapaxes(1, 2)),
        *zip((q, r), np.linalg.qr(B), strict=True),
        *zip(T.nlinalg.qr(b, "complete"), np.linalg.qr(B, "complete"), strict=True),
        (T.nlinalg.qr(b, "r"), np.linalg.qr(B, "r")),
        (T.nlinalg.det(a), np.linalg.det(A)),
        *zip(T.nlinalg.slogdet(a), np.linalg.slogdet(A), strict=True),
        *zip(T.nlinalg.eigh(p), np.linalg.eigh(P), strict=True),
        *zip(T.nlinalg.svd(b, full_matrices=False), np.linalg.svd(B, full_matrices=False), strict=True),
        (T.nlinalg.svd(b, compute_uv=False), np.linalg.svd(B, compute_uv=False)),
        (T.dot(a[0], eigen[1]) - eigen[1] * eigen[0], np.zeros((3, 3))),
        (T.prod(z), Z.prod()),
        (T.prod(z, axis=1, keepdims=True), Z.prod(axis=1, keepdims=True)),
        (T.prod(a, axis=(0, 2)), A.prod(axis=(0, 2))),
    ]
    # what is smooth in both, at a 0 in a product too
    cost = T.real(T.nlinalg.det(a).sum() * (1 - 2j) + T.prod(z) + (q * r[0]).sum()) + abs(T.prod(a)) ** 2
    cost += T.imag(T.slinalg.cholesky(p)).sum()
    by = [a, p, b, z]
    f = graphlib.function(by, [cost, *T.grad(cost, by), *(made for made, _ in table)], mode=mode)
    given = [A, P, B, Z]
    _, *slopes = f(*given)[:5]
    for got, (_, wanted) in zip(f(*given)[5:], table, strict=True):
        np.testing.assert_allclose(got, wanted, 1e-9, 1e-11)
    ways = [1e-6 * (random.normal(size=(*v.shape, 2)) @ [1, 1j]) for v in given]
    ways[1] = ways[1] + ways[1].conj().swapaxes(1, 2)
    ends = [f(*(v + k * d for v, d in zip(given, ways, strict=True)))[0] for k in (-1, 1)]
    # Cholesky's reads one triangle
    slope = sum(np.sum(np.conj(g) * d).real for g, d in zip(slopes, ways, strict=True))
    np.testing.assert_allclose(2 * slope, ends[1] - ends[0], 1e-5)


def test_complex_factors_say_what_they_have_not():
    z = T.zmatrix("z")
    with pytest.raises(LinAlgError, match="not positive definite"):
        graphlib.function([z], T.slinalg.cholesky(z), mode="reference")(-np.eye(2) + 0j)
    with pytest.raises(LinAlgError, match="svd: SVD did not converge"):
        graphlib.function([z], T.nlinalg.svd(z, compute_uv=False), mode="reference")(
            np.full((2, 2), np.nan + 0j)
        )
    with pytest.raises(GradientError, match="eigh of complex matrices has none"):
        T.grad(T.nlinalg.eigh(z)[0].sum(), z)
    with pytest.raises(ValueError, match="mode 'raw' is of real matrices"):
        T.nlinalg.qr(z, "raw")
