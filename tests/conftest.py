"""A test of the CUDA backend that is skipped has failed: it needs nothing that ``.[test]`` does not bring."""

import pytest


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    report = outcome.get_result()
    if report.skipped and not hasattr(report, "wasxfail") and "cuda" in item.nodeid:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, which no test of CUDA may be: {report.longrepr[2]}"
