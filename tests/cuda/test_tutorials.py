"""The tutorials' own training steps on the emulated device, with MNIST: every loss as in C."""

import numpy as np
import pytest

import graphlib
import logistic_sgd
import mlp
from graphlib import emulator
from graphlib.nn import command_line, training

#: of the tutorial: its options, and how many minibatches
TUTORIALS = {
    "logistic_sgd": (logistic_sgd, [], 12),
    "mlp": (mlp, ["--hidden", "60"], 120),
}
#: of a step
LAUNCHES = {"logistic_sgd": 7, "mlp": 16}


def training_step(name, device, folder, monkeypatch):
    """The function that the tutorial trains with, and the number of its minibatches."""
    module, options, _ = TUTORIALS[name]
    monkeypatch.setattr(training, "train", lambda step, minibatches, **ignored: (step, minibatches))
    monkeypatch.setattr(
        command_line,
        "main",
        lambda parser, train, others, arguments: train(command_line.parse(parser, arguments)),
    )
    with graphlib.config.change(device=device, cublas=False):
        return module.main(["--epochs", "1", "--out", str(folder), *options])


@pytest.mark.parametrize("name", TUTORIALS)
def test_losses_of_a_tutorial_agree_with_c_at_every_step(name, tmp_path, monkeypatch):
    on_cpu, minibatches = training_step(name, "cpu", tmp_path, monkeypatch)
    on_gpu, _ = training_step(name, "cuda-emulated", tmp_path, monkeypatch)
    wanted, found = [], []
    for k in range(TUTORIALS[name][2]):
        wanted.append(float(on_cpu(k % minibatches)))
        found.append(float(on_gpu(k % minibatches)))
    np.testing.assert_allclose(found, wanted, rtol=2e-6)
    assert wanted[-1] < 0.95 * wanted[0]
    emulator.reset_statistics()
    on_gpu(0)
    counts = emulator.statistics()
    assert counts["launches"] == LAUNCHES[name]
    assert counts["host_to_device_bytes"] == 0 and counts["device_to_host_bytes"] == 32
