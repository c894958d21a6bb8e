"""That functions of the C library go over what their contracts say and no further: they are called in arrays
of just that many elements, between pages that end the process at a touch (``guarded.py``)."""

import subprocess
import sys

import pytest

from graphlib.ops import REGISTRY
from graphlib.scalar.contracts import _contracts

from .processes import ROOT, compiler

pytestmark = [
    pytest.mark.skipif(compiler() is None, reason="this machine has no C compiler"),
    pytest.mark.skipif(sys.platform != "linux", reason="pages are closed by mprotect of Linux"),
]

#: what contracts of a device's functions end with, which are no functions of C; others of them, and those of
#: means over processes, which need some
ON_DEVICE = ("_on_device", "_tiles", "_runs", "_block")
ELSEWHERE = {"gl_add_parts", "gl_cumulate", "gl_average_start", "gl_average_finish"}


def guarded(*arguments):
    command = [sys.executable, "-m", "tests.backend.guarded", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=300)


def test_functions_of_the_library_keep_to_their_contracts():
    done = guarded()
    assert done.returncode == 0, done.stdout + done.stderr
    assert REGISTRY, "operations give the contracts"
    ours = {name for name in _contracts if not name.endswith(ON_DEVICE)}
    assert set(done.stdout.split()) == ours - ELSEWHERE


@pytest.mark.parametrize("name", ["gl_sort", "gl_argsort"])
def test_a_contract_that_says_one_element_less_is_found_out(name):
    assert guarded(name).returncode < 0
