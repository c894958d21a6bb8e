"""Three hundred programs of fixed numbers, and the fuzzer itself."""

import subprocess
import sys

import pytest

import graphlib

from . import in_numpy
from .__main__ import main
from .compare import check
from .grow import grown
from .operations import OPERATIONS
from .program import Input, Program, Row, body_text
from .shrink import shrunk
from .stand_alone import text_of
from .workers import Worker, quick_compiler

BATCH = 20


@pytest.fixture
def quick(tmp_path):
    """The other tests compile with optimisation; here it would be most of the time."""
    with graphlib.config.change(cc=str(quick_compiler(tmp_path))):
        yield


@pytest.mark.parametrize("first", range(0, 300, BATCH))
def test_programs(first, quick):
    """Outputs against NumPy, derivatives against the reference backend. A failure is made small by
    ``python -m tests.fuzz --seed 2026 --first N --graphs 1 --against reference``."""
    programs = [grown(2026, n) for n in range(first, first + BATCH)]
    findings, tally = check(programs, ["fast_run", "reference"], "reference")
    assert not findings, "\n\n".join(f"{f.label} {f.mode} {f.kind} {f.result}: {f.message}" for f in findings)
    assert tally.results > 2 * BATCH and tally.ill_conditioned < tally.results / 10


def test_every_operation_occurs():
    seen = set()
    for n in range(2500):
        seen.update(grown(1, n).operations())
        if seen >= set(OPERATIONS):
            break
    assert seen == set(OPERATIONS)


def test_a_number_is_a_program():
    assert grown(3, 4).to_json() == grown(3, 4).to_json()
    program = grown(3, 5)
    assert Program.from_json(program.to_json()) == program


def planted(monkeypatch):
    """A program that is wrong where there is a cosh, as NumPy is told a wrong one."""
    right = in_numpy.cosh
    monkeypatch.setattr(in_numpy, "cosh", lambda x: right(x) + 1e-6)
    program = next(p for p in (grown(1, n) for n in range(2000)) if "cosh" in p.operations() and p.order)
    findings, _ = check([program], ["fast_run"], "reference")
    assert [f.kind for f in findings] == ["value"]
    return findings[0]


def test_what_is_wrong_becomes_a_small_program(monkeypatch, tmp_path):
    found = planted(monkeypatch)

    def again(program):
        return next((f for f in check([program], ["fast_run"], "reference")[0] if f.kind == "value"), None)

    small = shrunk(found, again, seconds=600)
    program = Program.from_json(small.programs[0])
    assert [row.op for row in program.rows] == ["cosh"]
    assert program.order == 0 and program.calls == 1 and len(program.inputs) == 1
    path = tmp_path / "small.py"
    path.write_text(text_of(small, "reference"))
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True)
    assert done.returncode == 1 and "wanted" in done.stdout, done.stdout + done.stderr


def killer():
    """A program whose text ends the process that runs it."""
    given = Input("x1", "float64", [None], [{"dtype": "float64", "shape": [2], "data": [1.0, 2.0]}] * 2)
    row = Row(["v1"], "index", ["x1"], {"key": "__import__('os').abort()"})
    return Program("float64", [given], [row], ["v1"], label="killer")


def test_a_crash_is_a_finding():
    worker = Worker(["reference"], "reference", limit=600)
    try:
        tasks = [grown(3, 5).to_json(), killer().to_json()]
        findings, tally = worker.check(tasks)
    finally:
        worker.stop()
    assert [(f.label, f.kind) for f in findings] == [("killer", "crash")]
    assert "exit code -6" in findings[0].message and tally.programs == 2


def test_the_command(tmp_path, capsys):
    options = "--graphs 3 --seed 2026 --modes reference --against reference --workers 1 --limit 600".split()
    assert main([*options, "--out", str(tmp_path)]) == 0
    assert "3 programs of seed 2026" in (tmp_path / "report.txt").read_text()
    assert "0 findings" in capsys.readouterr().out


def test_text_is_that_of_theano():
    text = body_text(grown(1, 0), [], True)
    assert "note(" not in text and "results = [" in text
