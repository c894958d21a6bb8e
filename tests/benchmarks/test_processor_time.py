"""Steps are timed one by one, after two that make them ready."""

from tests.benchmarks.processor_time import MOST, measure


def test_each_step_is_timed_by_itself():
    calls = []
    found = measure(lambda first, steps: calls.append((first, steps)))
    assert calls == [(0, 2), *((2 + k, 1) for k in range(MOST))]
    assert len(found) == MOST and min(found) >= 0


def test_a_step_that_takes_longer_than_there_is_time_is_timed_once():
    assert len(measure(lambda first, steps: [0.0], seconds=0)) == 1
