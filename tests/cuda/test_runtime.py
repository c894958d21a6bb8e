"""What the device's runtime must do beside computing: shared variables, errors, lengths found on the way."""

import gc
import os
import pickle
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib import emulator
from graphlib.errors import ShapeError
from graphlib.run.cuda import driver
from graphlib.schedule.gpu import grids


@pytest.fixture(autouse=True)
def on_the_device():
    with graphlib.config.change(device="cuda-emulated", cublas=False):
        yield


def counter(value):
    total = graphlib.shared(value, name="total")
    return total, graphlib.function([], total * 1, updates=[(total, total + 1)])


def test_get_value_sees_what_the_device_computed_and_set_value_reaches_it():
    total, step = counter(np.zeros((2, 3), "float32"))
    step()
    np.testing.assert_array_equal(total.get_value(), np.ones((2, 3)))
    total.set_value(np.full((2, 3), 5, "float32"))
    np.testing.assert_array_equal(step(), np.full((2, 3), 5))
    np.testing.assert_array_equal(total.get_value(), np.full((2, 3), 6))


def test_a_value_that_was_handed_out_does_not_change():
    total, step = counter(np.zeros(3, "float32"))
    step()
    before = total.get_value(borrow=True)
    step()
    np.testing.assert_array_equal(before, np.ones(3))


def test_looking_at_a_value_copies_it_once_and_sends_nothing_back():
    total, step = counter(np.zeros(3, "float32"))
    step()
    total.get_value()
    emulator.reset_statistics()
    step()
    assert emulator.statistics()["host_to_device_copies"] == 0


def test_a_shared_variable_serves_functions_of_both_devices_in_turn():
    total, on_device = counter(np.zeros(3, "float32"))
    with graphlib.config.change(device="cpu"):
        on_cpu = graphlib.function([], updates=[(total, total * 10)])
    on_device()
    on_cpu()
    on_device()
    np.testing.assert_array_equal(total.get_value(), np.full(3, 11))


def test_a_shared_variable_that_lives_on_the_device_is_pickled_with_its_value():
    total, step = counter(np.zeros(3, "float32"))
    step()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(total)).get_value(), np.ones(3))


def test_an_exchange_of_two_shared_variables():
    a, b = (graphlib.shared(np.full(4, v, "float32")) for v in (1, 2))
    graphlib.function([], updates=[(a, b), (b, a)])()
    assert a.get_value()[0] == 2 and b.get_value()[0] == 1


def test_a_shared_variable_may_grow():
    x = T.vector()
    kept = graphlib.shared(np.zeros(1, "float32"), shape=(None,))
    grow = graphlib.function([x], updates=[(kept, T.concatenate([kept, x]))])
    for k in range(3):
        grow(np.full(2, k, "float32"))
    np.testing.assert_array_equal(kept.get_value(), [0, 0, 0, 1, 1, 2, 2])


def test_lengths_that_are_computed_on_the_device():
    x = T.vector()
    (where,) = T.nonzero(x > 0)
    found = graphlib.function([x], [x[where] * 2, where])
    for array in ([1, -1, 2, 3, -4], [-1, -2], [5]):
        array = np.array(array, "float32")
        values, places = found(array)
        np.testing.assert_array_equal(values, array[array > 0] * 2)
        np.testing.assert_array_equal(places, np.nonzero(array > 0)[0])


def test_inputs_of_any_length_with_one_compile():
    x = T.matrix()
    both = graphlib.function([x], [T.nnet.softmax(x), x.sum(0), x.max()])
    random = np.random.RandomState(3)
    for shape in [(1, 1), (3, 5), (100, 7), (2, 40), (3, 3000), (40, 33)]:
        a = random.randn(*shape).astype("float32")
        e = np.exp(a - a.max(1, keepdims=True))
        softmax, sums, greatest = both(a)
        np.testing.assert_allclose(softmax, e / e.sum(1, keepdims=True), rtol=1e-5)
        np.testing.assert_allclose(sums, a.sum(0), rtol=1e-4, atol=1e-4)
        assert greatest == a.max()


@pytest.mark.parametrize("n", [0, 1, 255, 256, 257, 5000, 300_000])
def test_full_reductions_of_every_size(n):
    x = T.vector()
    whole = graphlib.function([x], [x.sum(), (x > 2).any(), *([x.argmax(), x.min()] if n else [])])
    a = np.random.RandomState(n).randn(n).astype("float32")
    found = whole(a)
    np.testing.assert_allclose(found[0], a.sum(dtype="float64"), rtol=1e-4, atol=1e-3)
    assert found[1] == (a > 2).any()
    if n:
        assert found[2] == a.argmax() and found[3] == a.min()


@pytest.mark.parametrize("order", [("forward", 0), ("reversed", 0), ("shuffled", 1), ("shuffled", 2)])
def test_the_same_bits_in_any_order_of_threads(order):
    x, i = T.matrix(), T.ivector()
    random = np.random.RandomState(5)
    a, places = random.randn(60, 70).astype("float32"), random.randint(0, 9, 60).astype("int32")
    scattered = T.inc_subtensor(T.zeros((9, 70), "float32")[i], x)
    outputs = [x.sum(), x.sum(0), x.sum(1), T.nnet.softmax(x), T.dot(x, x.T), scattered]
    outputs += [
        T.tanh(T.dot(x.T, x) + x[0]),
        x.T * 2,
        T.sort(x, axis=0),
        T.argsort(T.concatenate([x] * 50), 0),
    ]
    run = graphlib.function([x, i], outputs)
    expected = run(a, places)
    try:
        emulator.set_thread_order(*order)
        found = run(a, places)
    finally:
        emulator.set_thread_order("forward")
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, other)
    wanted = np.zeros((9, 70))
    np.add.at(wanted, places, a.astype("float64"))
    np.testing.assert_allclose(expected[5], wanted, rtol=1e-4, atol=1e-5)


def test_a_wrong_index_is_an_error_and_the_next_call_works():
    x, i = T.vector("x"), T.ivector("i")
    take = graphlib.function([x, i], x[i])
    a = np.arange(4, dtype="float32")
    with pytest.raises(IndexError, match="4"):
        take(a, np.array([0, 4], "int32"))
    np.testing.assert_array_equal(take(a, np.array([0, -1], "int32")), [0, 3])


def test_nothing_after_a_wrong_index_changes_a_shared_variable():
    total = graphlib.shared(np.zeros(4, "float32"))
    i = T.ivector()
    step = graphlib.function([i], total[i].sum(), updates=[(total, total + total[i].sum() + 1)])
    with pytest.raises(IndexError):
        step(np.array([7], "int32"))
    np.testing.assert_array_equal(total.get_value(), np.zeros(4))


def test_a_sum_after_a_wrong_index_changes_no_shared_variable():
    total = graphlib.shared(np.float32(3))
    x, i = T.vector(), T.ivector()
    step = graphlib.function([x, i], x[i], updates=[(total, (x * x).sum())])
    with pytest.raises(IndexError):
        step(np.ones(4, "float32"), np.array([7], "int32"))
    assert total.get_value() == 3
    step(np.ones(4, "float32"), np.array([1], "int32"))
    assert total.get_value() == 4


def test_shapes_that_do_not_fit_are_the_error_of_c():
    x, y = T.vector("x"), T.vector("y")
    messages = []
    for device in ("cpu", "cuda-emulated"):
        with graphlib.config.change(device=device):
            add = graphlib.function([x, y], x + y, name="add")
        with pytest.raises(ShapeError) as error:
            add(np.ones(3, "float32"), np.ones(4, "float32"))
        messages.append(str(error.value).split(": ", 1)[1])
    assert messages[0] == messages[1]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("cublas", [False, True], ids=["own products", "cuBLAS"])
def test_products_of_any_size_and_layout(dtype, cublas):
    random = np.random.RandomState(11)
    type = T.TensorType(dtype, (None, None))
    a, b, c = type("a"), type("b"), type("c")
    batch = T.TensorType(dtype, (None, None, None))
    p, q = batch("p"), batch("q")
    outputs = [
        T.dot(a, b),
        T.dot(a, b.T.copy().T),
        T.dot(b.T, a.T),
        c - 0.5 * T.dot(a, b),
        T.batched_dot(p, q),
    ]
    with graphlib.config.change(cublas=cublas):
        run = graphlib.function([a, b, c, p, q], outputs)
    for m, k, n in [(1, 1, 1), (5, 1, 3), (64, 16, 64), (65, 17, 63), (3, 200, 130), (130, 33, 2), (4, 0, 5)]:
        x, y, z = (random.randn(*s).astype(dtype) for s in ((m, k), (k, n), (m, n)))
        u, v = random.randn(3, m, k).astype(dtype), random.randn(3, k, n).astype(dtype)
        wanted = [x @ y, x @ y, (x @ y).T, z - 0.5 * (x @ y), u @ v]
        for found, expected in zip(run(x, y, z, u, v), wanted, strict=True):
            tolerance = 1e-5 if dtype == "float32" else 1e-13
            np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * 40)


@pytest.mark.parametrize("cublas", [False, True], ids=["own products", "cuBLAS"])
def test_a_wrong_index_leaves_shared_variables_as_c_does(cublas):
    """By whatever a variable is updated: a product added to it or put in its place, a copy, a scatter."""
    x, i = T.matrix("x"), T.lvector("i")
    found = []
    for device in ("cpu", "cuda-emulated"):
        a, b, c, d, e, f = (
            graphlib.shared(np.full((3, 3), k, "float32"), name=name) for k, name in enumerate("abcdef")
        )
        picked = x[i]
        updates = [
            (a, a - T.dot(picked.T, picked)),
            (b, T.dot(picked.T, picked)),
            (c, b - 2 * T.dot(picked, picked.T)),
            (d, x),
            (e, T.set_subtensor(x[1], picked[0])),
            (f, f - picked.sum() * T.dot(x, x)),
        ]
        with graphlib.config.change(device=device, cublas=cublas):
            step = graphlib.function([x, i], picked.sum(), updates=updates)
        array = np.arange(9, dtype="float32").reshape(3, 3)
        for wrong in ([0, 1, 3], [0, -4, 1]):
            with pytest.raises(IndexError):
                step(array, wrong)
            for k, v in enumerate((a, b, c, d, e, f)):
                np.testing.assert_array_equal(v.get_value(), np.full((3, 3), k))
        step(array, [0, 2, 1])
        found.append([v.get_value() for v in (a, b, c, d, e, f)])
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("cuda_graph", [False, True], ids=["launches", "graph"])
@pytest.mark.parametrize("cublas", [False, True], ids=["own products", "cuBLAS"])
def test_calls_that_repeat_and_calls_that_do_not(cuda_graph, cublas):
    """Whatever changes between two calls: lengths in turn, numbers, room for more, a variable's value."""
    random = np.random.RandomState(14)
    x, k, scale = T.matrix("x"), T.lscalar("k"), T.scalar("scale")
    w = graphlib.shared(random.randn(4, 4).astype("float32"), shape=(None, 4))
    count = graphlib.shared(np.float32(0))
    part = x[k : 2 * k + 1]
    with graphlib.config.change(cuda_graph=cuda_graph, cublas=cublas):
        run = graphlib.function(
            [x, k, scale],
            [T.tanh(T.dot(part, w.T)) * scale, part.sum(0), x[k], T.dot(x[k:], w.T)],
            updates=[(count, count + scale)],
        )
    total = np.float32(0)
    for rows, number, factor in [
        (5, 1, 0.5), (5, 1, 2), (5, 1, 3), (5, 2, 3), (300, 40, -1), (300, 40, 4), (5, 1, 5), (5, 3, 1),
        (5, 4, 1), (5, 1, 6),
    ]:  # fmt: skip
        a = random.randn(rows, 4).astype("float32")
        found = run(a, number, factor)
        b = w.get_value()
        piece = a[number : 2 * number + 1]
        wanted = [np.tanh(piece @ b.T) * np.float32(factor), piece.sum(0), a[number], a[number:] @ b.T]
        for got, expected in zip(found, wanted, strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
        total += np.float32(factor)
        if number == 2 or number == 3:
            w.set_value(random.randn(7, 4).astype("float32"))
    assert count.get_value() == total
    with pytest.raises(IndexError):
        run(a, 5, 1)
    assert count.get_value() == total
    run(a, 1, 1)
    assert count.get_value() == total + 1


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "float64"])
def test_four_elements_at_once_where_memory_lies_so(dtype):
    random = np.random.RandomState(15)
    x, y, m = (
        T.TensorType(dtype, (None,))("x"),
        T.TensorType(dtype, (None,))("y"),
        T.TensorType(dtype, (None, 12))("m"),
    )
    total = graphlib.shared(np.zeros(1001, dtype))
    outputs = [
        x + y,
        x[1:] * 2,
        (x * y)[::-1],
        m + m[0],
        m.T + 1,
        (m * m).sum(),
        T.maximum(m, 3)[2:] + m[:-2],
    ]
    run = graphlib.function([x, y, m], outputs, updates=[(total, total + T.ones_like(total))])
    assert "gl_four" in run.source
    for n, rows in [(0, 2), (1, 2), (1023, 3), (4096, 100), (4099, 101)]:
        a, b = (random.randint(0, 4, n).astype(dtype) for _ in range(2))
        c = random.randint(0, 4, (rows, 12)).astype(dtype)
        wanted = [
            a + b,
            a[1:] * 2,
            (a * b)[::-1],
            c + c[0],
            c.T + 1,
            (c * c).sum(),
            np.maximum(c, 3)[2:] + c[:-2],
        ]
        for found, expected in zip(run(a, b, c), wanted, strict=True):
            np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(total.get_value(), np.full(1001, 5))


def test_what_is_read_across_goes_through_shared_memory():
    random = np.random.RandomState(16)
    x, y, p, c = T.matrix("x"), T.matrix("y"), T.tensor3("p"), T.TensorType("float64", (40, 50))("c")

    def results(x, y, p, c, exp):
        return [
            x.T + y,
            exp(x[1:, ::-1].T) - y[:, 1:] * x.T[:, :-1],
            p.transpose(0, 2, 1) * 2,
            p.transpose(2, 1, 0) + p.transpose(2, 1, 0)[::-1],
            p.transpose(2, 0, 1) + 1,
            (c.T - 1) * 2,
        ]

    run = graphlib.function([x, y, p, c], results(x, y, p, c, T.exp))
    assert run.source.count("__shared__ float tile0[32][32 + 1];") == 5
    assert "__shared__ double tile0" in run.source
    for n, m, k in [(1, 1, 1), (2, 3, 5), (33, 64, 2), (70, 31, 40), (100, 5, 3), (4, 0, 2)]:
        arrays = [random.randn(*s).astype("float32") for s in ((n, m), (m, n), (k, n, m))]
        arrays.append(random.randn(40, 50))
        for found, wanted in zip(run(*arrays), results(*arrays, np.exp), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "int8", "float64"])
def test_sorting_of_lines_of_any_length_is_stable_with_nan_last(dtype):
    random = np.random.RandomState(17)
    type = T.TensorType(dtype, (None, None))
    x, known = type("x"), T.TensorType(dtype, (3, None))("known")
    outputs = [f(v, axis=k) for v in (x, known) for f in (T.sort, T.argsort) for k in (0, 1)]
    run = graphlib.function([x, known], outputs)
    for rows, columns in [(1, 1), (3, 2), (100, 3), (5, 700), (2, 1024), (2, 1025), (3, 4500), (2100, 2)]:
        arrays = [random.randint(-60, 60, (n, columns)).astype(dtype) for n in (rows, 3)]
        if dtype != "int8":
            for a in arrays:
                a[random.rand(*a.shape) < 0.1] = np.nan
                a[random.rand(*a.shape) < 0.1] = -0.0
        wanted = [f(a, axis=k, kind="stable") for a in arrays for f in (np.sort, np.argsort) for k in (0, 1)]
        for found, expected in zip(run(*arrays), wanted, strict=True):
            np.testing.assert_array_equal(found, expected)
    assert run.source.count("_merge(") == 6  # lines of three are never merged


def test_a_borrowed_output_is_the_same_array_at_each_call():
    x = T.vector("x")
    run = graphlib.function([x], [graphlib.Out(x * 2, borrow=True), x * 2])
    first, own = run(np.ones(3, "float32"))
    second, _ = run(np.full(3, 4, "float32"))
    assert first is second and own.tolist() == [2, 2, 2] and second.tolist() == [8, 8, 8]
    other, _ = run(np.ones(5, "float32"))
    assert other.tolist() == [2] * 5 and second.tolist() == [8, 8, 8]


def test_products_of_more_tiles_than_a_grid_has_rows(monkeypatch):
    monkeypatch.setattr(grids, "MAX_GRID_YZ", 2)
    random = np.random.RandomState(18)
    x, w, p, q = T.matrix("x"), T.matrix("w"), T.tensor3("p"), T.tensor3("q")
    run = graphlib.function([x, w, p, q], [T.tanh(T.dot(x, w)), T.batched_dot(p, q)])
    a, b = random.randn(300, 4).astype("float32"), random.randn(4, 70).astype("float32")
    c, d = random.randn(5, 200, 3).astype("float32"), random.randn(5, 3, 6).astype("float32")
    first, second = run(a, b, c, d)
    np.testing.assert_allclose(first, np.tanh(a @ b), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(second, c @ d, rtol=1e-4, atol=1e-5)


def test_what_is_computed_of_each_element_of_a_product_is_in_its_kernel():
    random = np.random.RandomState(12)
    x, w, b = T.matrix("x"), T.matrix("w"), T.vector("b")
    p, q = T.tensor3("p"), T.tensor3("q")
    z = T.dot(x, w) + b
    layer = graphlib.function([x, w, b], [T.tanh(z), T.maximum(z, 0) * w[0]])
    batch = graphlib.function([p, q, b], T.nnet.sigmoid(T.batched_dot(p, q) + b))
    for m, k, n in [(5, 3, 7), (70, 20, 65), (1, 1, 1), (3, 0, 4), (0, 2, 3)]:
        a, c, d = (random.randn(*s).astype("float32") for s in ((m, k), (k, n), (n,)))
        if k:
            emulator.reset_statistics()
            found = layer(a, c, d)
            assert emulator.statistics()["launches"] == (1 if m else 0)
            wanted = a @ c + d
            np.testing.assert_allclose(found[0], np.tanh(wanted), rtol=2e-5, atol=1e-5)
            np.testing.assert_allclose(found[1], np.maximum(wanted, 0) * c[0], rtol=2e-5, atol=1e-5)
        u, v = random.randn(3, m, k).astype("float32"), random.randn(3, k, n).astype("float32")
        np.testing.assert_allclose(batch(u, v, d), 1 / (1 + np.exp(-(u @ v + d))), rtol=2e-5, atol=1e-6)


def test_a_product_that_somebody_else_reads_stays_in_memory():
    random = np.random.RandomState(13)
    x, w = T.matrix("x"), T.matrix("w")
    z = T.dot(x, w)
    total = graphlib.shared(np.ones((6, 6), "float32"))
    run = graphlib.function(
        [x, w],
        [T.tanh(z), z.sum(1), T.exp(z).T + z, T.dot(T.tanh(z), z)],
        updates=[(total, T.tanh(T.dot(total, w)))],
    )
    a, b = random.randn(6, 6).astype("float32"), random.randn(6, 6).astype("float32") / 6
    c = a @ b
    for found, wanted in zip(run(a, b), [np.tanh(c), c.sum(1), np.exp(c).T + c, np.tanh(c) @ c], strict=True):
        np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=1e-5)
    np.testing.assert_allclose(total.get_value(), np.tanh(np.ones((6, 6), "float32") @ b), rtol=1e-5)


WITHOUT_A_GPU = """
import graphlib, graphlib.tensor as T
from graphlib.errors import DeviceError
from graphlib.run.cuda.driver import missing
try:
    graphlib.function([], T.constant(1.0) + 1)
except DeviceError as error:
    print("error:", error)
print("missing:", len(missing()))
"""


def test_a_missing_gpu_is_one_clear_error():
    environment = {**os.environ, "GRAPHLIB_FLAGS": "device=cuda", "PYTHONPATH": os.pathsep.join(sys.path)}
    found = subprocess.run(
        [sys.executable, "-c", WITHOUT_A_GPU], capture_output=True, text=True, env=environment, check=True
    ).stdout
    if "missing: 0" in found:
        assert "error" not in found  # a GPU works here
    else:
        assert found.startswith("error: device=cuda: ") and "Or set device=cpu." in found


def test_an_emulator_that_cannot_be_built_says_what_is_missing(tmp_path):
    """In an empty cache folder, where the driver must be built, by a compiler that is not there."""
    environment = {
        **os.environ,
        "GRAPHLIB_FLAGS": "device=cuda-emulated",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "CUDA_EMULATOR_CACHE": str(tmp_path),
        "CXX": "no-such-compiler",
    }
    found = subprocess.run(
        [sys.executable, "-c", WITHOUT_A_GPU], capture_output=True, text=True, env=environment, check=True
    ).stdout
    assert found.startswith("error: device=cuda-emulated: ")
    assert "found no no-such-compiler: install g++ or name one in CXX" in found


def test_a_tutorial_on_a_device_that_is_not_there_ends_with_one_line():
    if not driver.missing():
        return  # a GPU works here
    tutorial = Path(__file__).parents[2] / "tutorials" / "logistic_sgd.py"
    done = subprocess.run(
        [sys.executable, str(tutorial), "--device", "cuda", "--epochs", "1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0 and "Traceback" not in done.stderr
    assert "device=cuda: " in done.stderr and "Or set device=cpu." in done.stderr


def test_auto_takes_the_cpu_where_no_gpu_works(monkeypatch):
    monkeypatch.setattr(driver, "missing", lambda: ["no driver"])
    driver.automatic.cache_clear()
    with graphlib.config.change(device="auto"):
        run = graphlib.function([], T.constant(1.0) + 1)
    driver.automatic.cache_clear()
    assert run() == 2 and "__global__" not in run.source


def test_functions_that_do_not_wait_are_seen_by_others_in_order():
    """Each has a stream of its own; an event keeps a call behind those before it that nobody waited for."""
    total = graphlib.shared(np.zeros(4, "float32"))
    add = graphlib.function([], updates=[(total, total + 1)])
    double = graphlib.function([], updates=[(total, total * 2)])
    read = graphlib.function([], total * 1)
    for _ in range(3):
        add()
        double()
    np.testing.assert_array_equal(read(), np.full(4, 14))


def test_calls_from_several_threads():
    x = T.vector()
    double = graphlib.function([x], x * 2)
    found = {}

    def work(k):
        found[k] = double(np.full(3, k, "float32"))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k in range(4):
        np.testing.assert_array_equal(found[k], np.full(3, 2 * k))


def test_functions_of_one_variable_from_several_threads():
    """Also compiled and thrown away meanwhile: no update is lost, and every value read is of a whole one."""
    total = graphlib.shared(np.zeros(50, "float32"))
    add = graphlib.function([], updates=[(total, total + 1)])
    read = graphlib.function([], total * 1)
    wrong = []

    def work(k):
        own = graphlib.function([], total.sum() * k)
        for _ in range(20):
            add()
            found = read()
            if len(set(found.tolist())) != 1:
                wrong.append(found)
            own()

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    np.testing.assert_array_equal(total.get_value(), np.full(50, 80))


@pytest.mark.parametrize("cublas", [False, True], ids=["own products", "cuBLAS"])
@pytest.mark.parametrize("cuda_graph", [False, True], ids=["launches", "graph"])
def test_what_a_function_has_on_the_device_goes_with_it(cuda_graph, cublas):
    x, k = T.matrix("x"), T.lscalar("k")
    with graphlib.config.change(cuda_graph=cuda_graph, cublas=cublas):
        run = graphlib.function([x, k], [T.dot(x[k:], x.T) + 1, x[k]])
    for _ in range(3):
        run(np.ones((4, 4), "float32"), 1)
    arena = weakref.ref(run._executor.arena)
    gc.disable()
    try:
        del run
        assert arena() is None
    finally:
        gc.enable()


def test_a_profile_names_the_operations():
    x = T.matrix()
    run = graphlib.function([x], T.exp(x).sum(), profile=True)
    for _ in range(3):
        run(np.ones((4, 5), "float32"))
    assert "3 calls" in str(run.profile)
    assert any("exp" in name for name in run.profile.by_op())


@pytest.mark.parametrize("static", [(1, None), (None, 1), (1, 3), (3, 1), (1, 1)])
def test_the_place_of_an_extremum_along_an_axis_of_length_1(static):
    x = T.TensorType("float32", static)("x")
    run = graphlib.function([x], [f(T.exp(x), axis=k) for f in (T.argmax, T.argmin) for k in (0, 1, None)])
    a = np.random.RandomState(2).randn(*(n or 4 for n in static)).astype("float32")
    wanted = [f(a, axis=k) for f in (np.argmax, np.argmin) for k in (0, 1, None)]
    for got, expected in zip(run(a), wanted, strict=True):
        np.testing.assert_array_equal(got, expected)
