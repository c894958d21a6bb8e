"""The script for the day of a GPU runs to its end on the emulated device, and says what it found."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import graphlib
from tests.benchmarks.workloads import JOBS
from tests.gpu import registry, steps

SCRIPT = Path(__file__).resolve().parent / "run.sh"


def test_the_script_runs_to_its_end_on_the_emulated_device(tmp_path):
    out = tmp_path / "gpu.json"
    command = [SCRIPT, "--device", "cuda-emulated", "--small", "--seconds", "9999", "--out", out]
    environment = {**os.environ, "PYTHON": sys.executable}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(out.read_text())
    assert report["registry"] == {"right": sorted(registry.SMALL), "wrong": {}, "left": []}
    assert report["machine"]["device"] and report["machine"]["architecture"].startswith("sm_")
    for name in steps.SMALL:
        step = report["steps"][name]
        assert step["right"], step
        assert len(step["losses"]["cpu"]) == 3
        assert set(step["ms"]) == {"cpu", "cuda-emulated"}
    assert report["ranks"] == {"needs": "two GPUs, and this machine has 1"}
    assert "means over ranks need two GPUs, and this machine has 1" in done.stdout
    # this Python has no PyTorch, or one without a GPU: the file says so
    assert "error" in report["torch"]


class Drifting:
    """A workload whose every further build computes losses that are larger by ``drift``."""

    tolerance = 1e-4

    def __init__(self, drift):
        self.drift, self.builds = drift, 0

    def build(self):
        factor = 1 + self.drift * self.builds
        self.builds += 1
        return lambda first, count: [np.float32(factor * k) for k in range(first + 1, first + 1 + count)]


@pytest.mark.parametrize(("drift", "right"), [(1e-3, False), (1e-5, True)])
def test_losses_are_held_against_those_in_c(monkeypatch, drift, right):
    job = Drifting(drift)
    monkeypatch.setitem(JOBS, "drifting", lambda: job)
    found = steps.measure("drifting", "cuda-emulated", 2, 0.0)
    assert found["right"] is right
    assert found["losses"]["cpu"] == [1.0, 2.0]


def test_what_an_operation_gets_wrong_is_told(monkeypatch):
    reference = {"cpu": np.tanh, "cuda-emulated": lambda x: np.tanh(x) + 0.1}
    compile_function = graphlib.function

    def wrong_on_the_device(inputs, outputs, **settings):
        function = compile_function(inputs, outputs, mode="reference", **settings)
        moved = reference[graphlib.config.device](0) - np.tanh(0)
        return lambda *arrays: [np.asarray(a + moved, a.dtype) for a in function(*arrays)]

    monkeypatch.setattr(graphlib, "function", wrong_on_the_device)
    assert "tanh[0] float32" in registry.check("tanh", "cuda-emulated")
    reference["cuda-emulated"] = np.tanh
    assert registry.check("tanh", "cuda-emulated") == ""
