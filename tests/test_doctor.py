"""``python -m graphlib.doctor`` tells what it found, on a machine that lacks things, too."""

import os
import subprocess
import sys

import graphlib
from graphlib import doctor


def run_doctor(**environment):
    settings = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), **environment}
    done = subprocess.run(
        [sys.executable, "-m", "graphlib.doctor"], capture_output=True, text=True, env=settings, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def line(report, name):
    return next(text for text in report.splitlines() if text.startswith(f"{name} "))


def test_every_check_has_a_line_and_none_is_broken():
    report = run_doctor()
    for name in doctor.CHECKS:
        assert line(report, name).removeprefix(name).strip()
    assert "broken" not in report


def test_the_settings_are_listed():
    assert "floatX = 'float64'" in run_doctor(GRAPHLIB_FLAGS="floatX=float64")


def test_a_missing_compiler_comes_with_what_to_do():
    assert "pip install ziglang" in line(run_doctor(GRAPHLIB_FLAGS="cc=no-such-compiler"), "C compiler")


def test_the_cache_folder_is_the_configured_one(tmp_path):
    assert str(tmp_path) in line(run_doctor(GRAPHLIB_FLAGS=f"cache_dir={tmp_path}"), "cache")


def test_no_home_at_all(monkeypatch):
    def unknown(number):
        raise KeyError(number)

    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    with graphlib.config.change(cache_dir=""):
        assert "compiled anew in each process" in line(doctor.report(), "cache")


def test_a_check_that_fails_is_reported_and_the_others_go_on(monkeypatch):
    def fails():
        raise RuntimeError("no luck")

    monkeypatch.setitem(doctor.CHECKS, "BLAS", fails)
    report = doctor.report()
    assert line(report, "BLAS").endswith("broken: RuntimeError: no luck")
    assert "threads" in report
