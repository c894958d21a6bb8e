"""Training on the emulated device: every loss as in C, and what a step launches, copies and waits for."""

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib import emulator
from tests.rewrite import test_sparse_updates as embeddings

from .models import BATCH, EXAMPLES, training_step

STEPS = 200

#: launches in a step; the products among them that cuBLAS does where it may, and what that takes more:
#: kernels for what our products compute of each element, and for factors of updates, 0 and 1 after a
#: wrong index
LAUNCHES = {"logistic": 9, "mlp": 16}
PRODUCTS = {"logistic": 2, "mlp": 5}
MORE = {"logistic": 1, "mlp": 4}
HIDDEN = {"logistic": [], "mlp": [24]}


@pytest.mark.parametrize("cublas", [False, True], ids=["own products", "cuBLAS"])
@pytest.mark.parametrize("model", HIDDEN)
def test_losses_agree_with_c_at_every_step(model, cublas):
    on_cpu, expected = training_step(HIDDEN[model], "cpu")
    on_gpu, found = training_step(HIDDEN[model], "cuda-emulated", cublas=cublas)
    batches = EXAMPLES // BATCH
    for k in range(STEPS):
        c, cuda = float(on_cpu(k % batches)), float(on_gpu(k % batches))
        assert abs(c - cuda) <= 1e-5 * abs(c), f"step {k}: {cuda} instead of {c}"
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_allclose(b.get_value(), a.get_value(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cublas", [False, True], ids=["own products", "cuBLAS"])
@pytest.mark.parametrize("model", HIDDEN)
def test_a_step_launches_these_kernels_and_copies_the_cost_only(model, cublas):
    step, _ = training_step(HIDDEN[model], "cuda-emulated", cublas=cublas)
    step(0)
    emulator.reset_statistics()
    step(1)
    found = emulator.statistics()
    assert found["library_calls"] == (PRODUCTS[model] if cublas else 0)
    assert found["launches"] + found["library_calls"] == LAUNCHES[model] + cublas * MORE[model]
    # the minibatch's index is an argument of the kernels; the cost comes back with the flag of a wrong index
    assert found["host_to_device_copies"] == 0
    assert (found["device_to_host_copies"], found["device_to_host_bytes"]) == (1, 32)
    assert found["device_to_device_copies"] == found["memsets"] == found["allocations"] == 0
    assert found["synchronizations"] == 1


@pytest.mark.parametrize("model", HIDDEN)
def test_a_step_as_a_cuda_graph_is_one_launch(model):
    with graphlib.config.change(cuda_graph=True):
        step, _ = training_step(HIDDEN[model], "cuda-emulated")
    plain, _ = training_step(HIDDEN[model], "cuda-emulated")
    for k in range(4):
        assert step(k) == plain(k)
    emulator.reset_statistics()
    step(5)
    found = emulator.statistics()
    assert (found["graph_launches"], found["launches"], found["kernels"]) == (1, 0, LAUNCHES[model])
    # in memory is what changes from call to call: the minibatch's number, where its rows begin, and how many
    assert (found["host_to_device_copies"], found["host_to_device_bytes"]) == (1, 24)
    assert (found["device_to_host_copies"], found["device_to_host_bytes"]) == (1, 32)
    assert found["synchronizations"] == 1 and found["allocations"] == 0


@pytest.mark.parametrize("rule", ["SGD", "AdaGrad, clipped by norm", "AdaDelta"])
@pytest.mark.parametrize("read", ["rows by two arrays", "columns"])
def test_updates_of_embeddings(read, rule):
    """Rows that are used several times are added up in the same order, and a wrong one changes nothing."""
    found = []
    for device in ("cpu", "cuda-emulated"):
        with graphlib.config.change(device=device):
            function, shareds = embeddings.compiled(read, rule, "fast_run")
        found.append(embeddings.values(function, shareds, embeddings.NUMBERS, embeddings.MORE))
        with pytest.raises(IndexError):
            function([[0]], [embeddings.ROWS])
        for shared, value in zip(shareds, found[-1][2:], strict=True):
            np.testing.assert_array_equal(shared.get_value(), value)
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-6, atol=1e-7)


def test_float64_agrees_to_its_own_rounding():
    on_cpu, _ = training_step([24], "cpu", "float64")
    on_gpu, _ = training_step([24], "cuda-emulated", "float64")
    for k in range(10):
        np.testing.assert_allclose(on_gpu(k), on_cpu(k), rtol=1e-13)


def test_a_function_that_returns_nothing_does_not_wait():
    with graphlib.config.change(device="cuda-emulated"):
        total = graphlib.shared(np.zeros(5, "float32"))
        x = T.vector()
        add = graphlib.function([x], updates=[(total, total + x)])
    add(np.ones(5, "float32"))
    emulator.reset_statistics()
    add(np.ones(5, "float32"))
    found = emulator.statistics()
    assert found["synchronizations"] == found["device_to_host_copies"] == 0
    assert (found["host_to_device_copies"], found["host_to_device_bytes"]) == (1, 20)
    np.testing.assert_array_equal(total.get_value(), np.full(5, 2, "float32"))
