"""A test of the CUDA backend that is skipped has failed: it needs nothing that ``.[test]`` does not bring.

Tests go through all stages: a function is not taken from a cache that a run before has left.
"""

import pytest

import graphlib

graphlib.config.cache_functions = False


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    report = outcome.get_result()
    if report.skipped and not hasattr(report, "wasxfail") and "cuda" in item.nodeid:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, which no test of CUDA may be: {report.longrepr[2]}"


@pytest.fixture
def figures(monkeypatch) -> list:
    """The figures of matplotlib that are made while the test runs, in their order."""
    from matplotlib.figure import Figure

    made = []

    class Recorded(Figure):
        def __init__(self, *arguments, **settings):
            super().__init__(*arguments, **settings)
            made.append(self)

    monkeypatch.setattr("matplotlib.figure.Figure", Recorded)
    return made
