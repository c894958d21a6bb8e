"""Loops on the emulated device: training as in C, and what a step of a loop launches and copies."""

import gc
import weakref

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib import emulator

from .loop_models import MODELS, persistent, sequences

STEPS = 8


def on(device, make, *arguments, **settings):
    with graphlib.config.change(device=device, **{"cublas": False, **settings}):
        return make(*arguments)


def counted(function, *arguments):
    """What the second call of a function with these arguments makes the driver do."""
    function(*arguments)
    emulator.reset_statistics()
    function(*arguments)
    return emulator.statistics()


@pytest.mark.parametrize("model", MODELS)
def test_training_agrees_with_c_at_every_step(model):
    make, minibatch = MODELS[model]
    on_cpu, expected = on("cpu", make)
    on_gpu, found = on("cuda-emulated", make)
    for k in range(STEPS):
        c, cuda = float(on_cpu(*minibatch(k))), float(on_gpu(*minibatch(k)))
        assert abs(c - cuda) <= 1e-5 * abs(c), f"step {k}: {cuda} instead of {c}"
        for a, b in zip(expected, found, strict=True):
            np.testing.assert_allclose(b.get_value(), a.get_value(), rtol=1e-4, atol=1e-6)


#: launches of a step of the loops: forward and back
A_STEP = {"rnn": 1 + 2, "lstm": 2 + 6, "rbm": 4}


@pytest.mark.parametrize("model", MODELS)
def test_a_longer_loop_launches_more_and_copies_nothing_more(model):
    found = []
    for length in (4, 9):
        if model == "rbm":
            function, _ = on("cuda-emulated", persistent, length)
            found.append(counted(function, *MODELS[model][1](0)))
        else:
            function, _ = on("cuda-emulated", MODELS[model][0])
            found.append(counted(function, *sequences(length)))
    short, long = found
    assert long["launches"] - short["launches"] == 5 * A_STEP[model]
    for what in ("host_to_device_copies", "device_to_host_copies", "device_to_device_copies", "memsets"):
        assert short[what] == long[what], what
    assert long["synchronizations"] == 1 and long["allocations"] == 0
    assert long["device_to_host_bytes"] == short["device_to_host_bytes"]


@pytest.mark.parametrize("model", MODELS)
def test_a_loop_by_cublas(model):
    make, minibatch = MODELS[model]
    (own, a), (by_library, b) = (on("cuda-emulated", make, cublas=c) for c in (False, True))
    for k in range(3):
        np.testing.assert_allclose(by_library(*minibatch(k)), own(*minibatch(k)), rtol=1e-5)
    for p, q in zip(a, b, strict=True):
        np.testing.assert_allclose(p.get_value(), q.get_value(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("model", MODELS)
def test_a_function_with_loops_as_a_cuda_graph_is_one_launch(model):
    make, minibatch = MODELS[model]
    (plain, _), (captured, _) = (on("cuda-emulated", make, cuda_graph=g) for g in (False, True))
    for _ in range(4):
        assert captured(*minibatch(0)) == plain(*minibatch(0))
    found = counted(captured, *minibatch(0))
    assert (found["graph_launches"], found["launches"], found["synchronizations"]) == (1, 0, 1)


def test_a_loop_that_may_stop_waits_for_a_byte_a_step():
    def make():
        x = T.scalar("x")
        powers, _ = graphlib.scan(
            lambda last: (last * 2, {}, graphlib.until(last * 2 > x)), outputs_info=T.ones(()), n_steps=50
        )
        return graphlib.function([x], powers[-1])

    run = on("cuda-emulated", make)
    assert [float(run(k)) for k in (0.5, 3.0, 1000.0)] == [2.0, 4.0, 1024.0]
    short, long = counted(run, 3.0), counted(run, 1000.0)
    assert long["device_to_host_copies"] - short["device_to_host_copies"] == 10 - 2
    assert long["device_to_host_bytes"] - short["device_to_host_bytes"] == 10 - 2
    assert long["host_to_device_copies"] == short["host_to_device_copies"]


def test_a_loop_over_rows_that_begin_at_a_number_of_the_call():
    """The recorded launches of one call are those of another whose rows begin elsewhere."""

    def make():
        data = graphlib.shared(np.arange(24, dtype="float32").reshape(8, 3), name="data")
        k = T.lscalar("k")
        sums, _ = graphlib.scan(lambda row, s: s * 0.5 + row, data[2 * k : 2 * k + 2], T.zeros(3, "float32"))
        return graphlib.function([k], sums)

    plain, captured = on("cuda-emulated", make), on("cuda-emulated", make, cuda_graph=True)
    for k in (0, 3, 1, 1, 2, 3):
        a, b = np.arange(6 * k, 6 * k + 6, dtype="float32").reshape(2, 3)
        for run in (plain, captured):
            np.testing.assert_array_equal(run(k), [a, a * 0.5 + b])


def test_what_a_loop_has_on_the_device_is_given_back_as_soon_as_nobody_needs_it():
    run, _ = on("cuda-emulated", persistent)
    for k in range(3):
        run(*MODELS["rbm"][1](k))
    (loop,) = run._executor.executor.loops.values()
    arena = weakref.ref(loop.body.arena)
    gc.disable()
    try:
        del run, loop, _
        assert arena() is None
    finally:
        gc.enable()


def test_nothing_after_a_wrong_index_in_a_loop_changes_a_shared_variable():
    def make():
        total = graphlib.shared(np.zeros(3, "float32"), name="total")
        i = T.ivector("i")
        sums, _ = graphlib.scan(lambda k, s: s + total[k] + 1, i, total)
        return graphlib.function([i], updates=[(total, sums[-1])]), total

    run, total = on("cuda-emulated", make)
    run(np.array([0, 2], "int32"))
    before = total.get_value()
    with pytest.raises(IndexError, match="7"):
        run(np.array([0, 7, 1], "int32"))
    np.testing.assert_array_equal(total.get_value(), before)
    run(np.array([1], "int32"))
    np.testing.assert_array_equal(total.get_value(), before * 2 + 1)
