"""What processes hold is measured as it is: on arrays and processes of known size."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks import memory, resident
from tests.benchmarks.contestants import Contestant

pytestmark = pytest.mark.skipif(not resident.CLEAR_REFS.exists(), reason="needs /proc of Linux")

MEBIBYTE = 2**20
SLACK = (
    3 * MEBIBYTE
)  # Python's own allocations, and counts of pages that the kernel adds up only now and then

HELPER = """
import numpy as np
imported = np.ones(24 * 2**17)  # 24 MiB that exist from its import on
"""
MODULE = """
import subprocess
import sys
import numpy as np

def mebibytes(n):
    return np.ones(n * 2**17)

def build(variant):
    if variant == "absent":
        raise NotImplementedError
    if variant == "broken":
        raise ValueError("no such thing")
    import helper
    if variant == "compiler":
        program = "import time; held = bytearray(192 * 2**20); print(flush=True); time.sleep(1)"
        subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)
    spare = mebibytes(80)
    del spare
    kept = mebibytes(32)
    def run(first, n):
        assert n <= 4
        for _ in range(n):
            if variant == "temporary":
                mebibytes(16)
        return [float(kept[0])] * n
    return run

WORKLOADS = {"hold": build}
"""


@pytest.fixture
def weigh(tmp_path):
    (tmp_path / "helper.py").write_text(HELPER)
    (tmp_path / "bench_made_up.py").write_text(MODULE)

    def weighing(*variants):
        contestants = [
            Contestant(v, Path(sys.executable), tmp_path, "bench_made_up", v, peer=True) for v in variants
        ]
        return memory.weigh(contestants, "hold", needed=32 * MEBIBYTE, steps=4, limit=30)

    return weighing


def test_an_array_counts_while_it_is_there_and_its_peak_until_the_next():
    resident.trim()
    before, peak = resident.own(), resident.Peak()
    array = np.ones(64 * MEBIBYTE, np.uint8)
    assert resident.own() - before == pytest.approx(array.nbytes, abs=SLACK)
    del array
    assert resident.own() - before == pytest.approx(0, abs=SLACK)
    assert peak.bytes - before == pytest.approx(64 * MEBIBYTE, abs=SLACK)
    assert resident.Peak().bytes - before == pytest.approx(0, abs=SLACK)


def test_the_memory_of_a_process_has_that_of_those_it_starts():
    hold = f"held = bytearray(48 * {MEBIBYTE}); print(flush=True); input()"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        together = resident.together(process.pid)
        process.communicate(b"\n")
    assert 48 * MEBIBYTE < together < 48 * MEBIBYTE + 40 * MEBIBYTE  # and two Pythons
    assert resident.together(process.pid) == 0


def test_stepping_holds_what_is_kept_and_what_steps_make_but_no_imports_and_nothing_given_back(weigh):
    weighing = weigh("plain", "temporary")
    assert not weighing.failures
    plain, temporary = weighing.footprints["plain"], weighing.footprints["temporary"]
    assert plain.stepping == pytest.approx(32 * MEBIBYTE, abs=SLACK)
    assert temporary.stepping == pytest.approx((32 + 16) * MEBIBYTE, abs=SLACK)
    assert plain.imports > 24 * MEBIBYTE


def test_getting_ready_has_the_memory_of_compilers(weigh):
    ready = weigh("compiler").footprints["compiler"].ready
    assert ready > (24 + 192) * MEBIBYTE


def test_who_cannot_be_measured_is_left_out(weigh):
    weighing = weigh("absent", "broken", "plain")
    assert list(weighing.footprints) == ["plain"]
    assert weighing.failures == {"broken": "ValueError: no such thing"}


def test_without_proc_there_is_no_measurement(weigh, monkeypatch, tmp_path):
    monkeypatch.setattr(resident, "CLEAR_REFS", tmp_path / "missing")
    with pytest.raises(memory.Unknown, match="Linux"):
        weigh("plain")
