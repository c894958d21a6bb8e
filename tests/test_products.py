"""Matrix products of the runtime library against numpy's in float64: every form and transposition, odd sizes,
factors alpha and beta, rows that lie apart, any number of threads, and a forked process.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphlib
import graphlib.tensor as T
from graphlib import function, shared
from graphlib.run.c import runtime, toolchain

pytestmark = pytest.mark.skipif(toolchain.find_compiler() is None, reason="there is no C compiler")

SCALARS = {"float32": ctypes.c_float, "float64": ctypes.c_double}


class Table(ctypes.Structure):
    """`gl_runtime` of graphlib_runtime.h."""

    _fields_ = (("parallel", ctypes.c_void_p), ("sgemm", ctypes.c_void_p), ("dgemm", ctypes.c_void_p))


def gemm(dtype: str):
    """The table's product for a dtype, as a ctypes function."""
    scalar, length = SCALARS[dtype], ctypes.c_int64
    arguments = (
        ctypes.c_int,
        ctypes.c_int,
        length,
        length,
        length,
        scalar,
        ctypes.c_void_p,
        length,
        ctypes.c_void_p,
        length,
        scalar,
    )
    table = Table.from_address(runtime.start("float32", "float64"))
    address = table.sgemm if dtype == "float32" else table.dgemm
    return ctypes.CFUNCTYPE(None, *arguments, ctypes.c_void_p, length)(address)


def use(found: runtime.Blas | None) -> None:
    """Has products done with that BLAS, or without one."""
    table = runtime.start("float32", "float64")
    runtime.settle()
    single, double = map(runtime.library, ("float32", "float64"))
    single.gl_products(table, runtime.thread_count(), found and found.sgemm, found.vector if found else 0)
    double.gl_products(table, runtime.thread_count(), found and found.dgemm, found.vector if found else 0)


@pytest.fixture(params=["blas", "own"], scope="module")
def factors(request: pytest.FixtureRequest) -> Iterator[None]:
    """Large products by the BLAS, whatever the width of its vectors, and by our own kernels."""
    found = runtime.blas()
    if request.param == "own":
        use(None)
    elif found is None:
        pytest.skip("there is no BLAS")
    else:
        use(found._replace(vector=64))
    yield
    use(found)


def matrix(rng: np.random.Generator, dtype: str, rows: int, columns: int, apart: int) -> np.ndarray:
    """Normal numbers, in rows that lie columns + apart elements apart; what lies between them is NaN."""
    whole = np.full((rows, columns + apart), np.nan, dtype)
    whole[:, :columns] = rng.standard_normal((rows, columns))
    return whole[:, :columns]


def check(
    dtype: str,
    ta: bool,
    tb: bool,
    m: int,
    n: int,
    k: int,
    alpha: float,
    beta: float,
    apart: int = 0,
    seed: int = 0,
) -> None:
    """One product against numpy's, within the rounding of sums in any order (Higham 2002, section 3.1)."""
    rng = np.random.default_rng(seed)
    a = matrix(rng, dtype, *((k, m) if ta else (m, k)), apart)
    b = matrix(rng, dtype, *((n, k) if tb else (k, n)), apart)
    c = matrix(rng, dtype, m, n, apart)
    alpha, beta = (SCALARS[dtype](x).value for x in (alpha, beta))
    left, right, before = ((x.T if t else x).astype("float64") for x, t in ((a, ta), (b, tb), (c, False)))
    wanted = alpha * (left @ right) + beta * before
    magnitude = abs(alpha) * (abs(left) @ abs(right)) + abs(beta) * abs(before)
    if beta == 0:
        c[...] = np.nan
    whole = c.base
    steps = [x.strides[0] // x.itemsize for x in (a, b, c)]
    gemm(dtype)(
        ta,
        tb,
        m,
        n,
        k,
        alpha,
        a.ctypes.data,
        steps[0],
        b.ctypes.data,
        steps[1],
        beta,
        c.ctypes.data,
        steps[2],
    )
    assert np.all(abs(c - wanted) <= 2 * (k + 4) * np.finfo(dtype).eps * magnitude)
    assert np.isnan(whole[:, n:]).all(), "written between the rows of c"


@pytest.mark.usefixtures("factors")
@pytest.mark.parametrize("dtype", SCALARS)
def test_few_kernels_give_the_same_numbers_as_all(dtype):
    """Those that a process begins with, while the compiler is busy with the others, to the last bit."""
    runtime.settle()
    table, rng = runtime.start(dtype), np.random.default_rng(4)
    sides = (1, 2, 3, 4, 5, 7, 8, 13, 16, 17, 31, 33, 64, 67)
    shapes = [tuple(rng.choice(sides, 3)) for _ in range(60)] + [(1, 70, 300), (90, 3, 1500), (33, 65, 700)]
    try:
        for m, n, k in shapes:
            for ta, tb, beta in ((0, 0, 0.0), (0, 1, 0.5), (1, 0, 1.0), (1, 1, -0.3)):
                a, b, c = (rng.standard_normal(size).astype(dtype) for size in ((m, k), (k, n), (m, n)))
                results = []
                for part in (f"{dtype} with few kernels", dtype):
                    runtime.library(part).gl_products(table, runtime.thread_count(), None, 0)
                    result = c.copy()
                    gemm(dtype)(
                        *(ta, tb, m, n, k, 0.7, a.ctypes.data, m if ta else k, b.ctypes.data, k if tb else n),
                        *(beta, result.ctypes.data, n),
                    )
                    results.append(result)
                assert results[0].tobytes() == results[1].tobytes(), (m, n, k, ta, tb, beta)
    finally:
        use(runtime.blas())


@pytest.mark.usefixtures("factors")
def test_products_of_a_batch_are_those_of_its_matrices():
    """In however many chunks threads take them, and however large they are."""
    a, b, x, y = T.tensor3("a"), T.tensor3("b"), T.matrix("x"), T.matrix("y")
    batch = graphlib.function([a, b], [T.batched_dot(a, b), T.batched_dot(b.dimshuffle(0, 2, 1), b)])
    one = graphlib.function([x, y], [T.dot(x, y), T.dot(y.T, y)])
    runtime.settle()
    table, rng = runtime.start("float32"), np.random.default_rng(2)
    sizes = ((7, 70, 60, 80), (2, 130, 300, 200), (300, 3, 5, 4), (1, 90, 70, 50), (0, 2, 3, 4))
    try:
        for threads in (1, 5):
            runtime.library("float32").gl_products(table, threads, None, 0)
            for count, m, k, n in sizes:
                p, q = (rng.standard_normal(s).astype("float32") for s in ((count, m, k), (count, k, n)))
                got = batch(p, q)
                for i in range(count):
                    for whole, alone in zip(got, one(p[i], q[i]), strict=True):
                        np.testing.assert_array_equal(whole[i], alone, err_msg=str((count, m, k, n)))
    finally:
        use(runtime.blas())


class TestProducts:
    @settings(max_examples=400, deadline=None)
    @given(
        dtype=st.sampled_from(sorted(SCALARS)),
        ta=st.booleans(),
        tb=st.booleans(),
        sizes=st.tuples(*[st.integers(0, 70)] * 3),
        alpha=st.sampled_from([1.0, -0.3]),
        beta=st.sampled_from([0.0, 1.0, 0.7]),
        apart=st.integers(0, 3),
        seed=st.integers(0, 9),
    )
    def test_small(self, dtype, ta, tb, sizes, alpha, beta, apart, seed):
        check(dtype, ta, tb, *sizes, alpha, beta, apart, seed)

    @pytest.mark.parametrize("dtype", sorted(SCALARS))
    @pytest.mark.parametrize(("ta", "tb"), [(False, False), (False, True), (True, False), (True, True)])
    @pytest.mark.parametrize(
        "sizes",
        [
            (20, 500, 784),
            (784, 500, 20),
            (20, 10, 500),
            (500, 10, 20),
            (20, 500, 10),
            (600, 10, 784),
            (784, 10, 600),
            (1, 200, 200),
            (200, 1, 200),
            (300, 1, 2500),
            (1, 1, 3000),
            (3, 700, 17),
            (130, 131, 300),
            (67, 290, 1030),
            (260, 257, 270),
            (90, 15, 2100),
            (520, 530, 540),
            (70, 141, 1024),
        ],
    )
    @pytest.mark.parametrize("beta", [0.0, 0.9])
    def test_long(self, dtype, ta, tb, sizes, beta):
        check(dtype, ta, tb, *sizes, 0.1, beta)

    @pytest.mark.parametrize("sizes", [(20, 30, 40), (70, 9, 80), (40, 9, 70), (5, 3, 2)])
    @pytest.mark.parametrize(("ta", "tb"), [(False, False), (False, True), (True, False), (True, True)])
    def test_nan_stays_in_its_row_and_column(self, ta, tb, sizes):
        m, n, k = sizes
        rng = np.random.default_rng(1)
        a, b = rng.standard_normal((k, m) if ta else (m, k)), rng.standard_normal((n, k) if tb else (k, n))
        (a.T if ta else a)[2, 1] = np.nan
        (b.T if tb else b)[1, 0] = np.inf
        c = np.zeros((m, n))
        gemm("float64")(
            ta, tb, m, n, k, 1, a.ctypes.data, a.shape[1], b.ctypes.data, b.shape[1], 0, c.ctypes.data, n
        )
        np.testing.assert_allclose(c, (a.T if ta else a) @ (b.T if tb else b), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", sorted(SCALARS))
@pytest.mark.parametrize("left", ["plain", "transposed"])
@pytest.mark.parametrize("right", ["plain", "transposed"])
@pytest.mark.parametrize(
    ("m", "n", "k"), [(20, 33, 50), (7, 5, 90), (100, 10, 70), (1, 40, 30), (40, 1, 30), (3, 4, 0), (0, 3, 4)]
)
def test_dot(dtype, left, right, m, n, k):
    rng = np.random.default_rng(0)
    x, y = T.matrix("x", dtype), T.matrix("y", dtype)
    a, b = rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((k, n)).astype(dtype)
    f = function(
        [x, y],
        T.dot(x.T if left == "transposed" else x, y.T if right == "transposed" else y),
        mode="fast_run",
    )
    got = f(a.T.copy() if left == "transposed" else a, b.T.copy() if right == "transposed" else b)
    magnitude = abs(a).astype("float64") @ abs(b).astype("float64")
    assert got.dtype == dtype and got.shape == (m, n)
    exact = a.astype("float64") @ b.astype("float64")
    assert np.all(abs(got - exact) <= 2 * (k + 4) * np.finfo(dtype).eps * magnitude)


@pytest.mark.parametrize(("rows", "inside", "columns"), [(20, 37, 50), (64, 40, 10), (5, 30, 3)])
def test_an_update_accumulates_into_the_shared_matrix(rows, inside, columns):
    rng = np.random.default_rng(0)
    x, d = (
        rng.standard_normal((rows, inside)).astype("float32"),
        rng.standard_normal((rows, columns)).astype("float32"),
    )
    start = rng.standard_normal((inside, columns)).astype("float32")
    w, left, right = shared(start, "w"), T.matrix("x", "float32"), T.matrix("d", "float32")
    function([left, right], updates=[(w, w * 0.5 - 0.1 * T.dot(left.T, right))], mode="fast_run")(x, d)
    exact = 0.5 * start.astype("float64") - 0.1 * x.T.astype("float64") @ d
    magnitude = abs(start) + abs(x.T) @ abs(d)
    assert np.all(abs(w.get_value() - exact) <= 2 * (rows + 4) * np.finfo("float32").eps * magnitude)


DIGESTS = """
import hashlib, json
import numpy as np
import graphlib, graphlib.tensor as T
rng = np.random.default_rng(0)
SIZES = [(20, 500, 784), (784, 500, 20), (600, 10, 784), (784, 10, 600), (1, 900, 900), (900, 1, 900)]
SIZES += [(300, 310, 320), (520, 530, 540)]
found = []
for dtype in ("float32", "float64"):
    x, y = T.matrix("x", dtype), T.matrix("y", dtype)
    for m, n, k in SIZES:
        for left, right in ((x, y), (x, y.T), (x.T, y), (x.T, y.T)):
            a, b = rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((k, n)).astype(dtype)
            a, b = (a if left is x else a.T.copy()), (b if right is y else b.T.copy())
            result = graphlib.function([x, y], T.dot(left, right), mode="fast_run")(a, b)
            found.append(hashlib.sha256(result.tobytes()).hexdigest())
print(json.dumps(found))
"""


def test_products_do_not_depend_on_the_number_of_threads():
    root = os.path.dirname(os.path.dirname(graphlib.__file__))

    def digests(threads: int) -> list[str]:
        flags = ",".join(filter(None, [os.environ.get("GRAPHLIB_FLAGS"), f"threads={threads}"]))
        environment = {**os.environ, "GRAPHLIB_FLAGS": flags, "PYTHONPATH": root}
        result = subprocess.run(
            [sys.executable, "-c", DIGESTS], env=environment, capture_output=True, text=True, check=True
        )
        return json.loads(result.stdout)

    alone = digests(1)
    for threads in (2, 3, 5):
        assert digests(threads) == alone


FORKED = """
import os
import numpy as np
import graphlib, graphlib.tensor as T
x, y = T.fmatrices("x", "y")
f = graphlib.function([x, y], T.dot(x, y), mode="fast_run")
a, b = np.ones((200, 300), "float32"), np.ones((300, 400), "float32")
f(a, b)
child = os.fork()
if child == 0:
    os._exit(0 if (f(a, b) == 300).all() else 3)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert (f(a, b) == 300).all()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_process_goes_on_without_the_threads():
    root = os.path.dirname(os.path.dirname(graphlib.__file__))
    environment = {**os.environ, "GRAPHLIB_FLAGS": "threads=4", "PYTHONPATH": root}
    subprocess.run([sys.executable, "-c", FORKED], env=environment, check=True, timeout=100)


def test_chosen_rows_are_gathered_once_for_both_products_of_a_layer():
    """The minibatch of given rows, for the layer's output and, transposed, for its weights' gradient."""
    rng = np.random.default_rng(5)
    x, w = rng.normal(size=(40, 33)).astype("float32"), rng.normal(size=(33, 17)).astype("float32")
    data, weights = shared(x, name="data"), shared(w, name="weights")
    rows = T.lvector("rows")
    hidden = T.tanh(T.dot(data[rows], weights))
    step = function([rows], [hidden, T.grad(hidden.sum(), weights)], mode="fast_run")
    assert step.source.count("index{array") == 1 and "dimshuffle" not in step.source
    chosen = np.array([3, 39, 0, 3, -1])
    expected = np.tanh(x[chosen] @ w)
    found = step(chosen)
    np.testing.assert_allclose(found[0], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found[1], x[chosen].T @ (1 - expected**2), rtol=1e-4, atol=1e-5)
