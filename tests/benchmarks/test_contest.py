"""Contestants in processes of their own take turns; who fails is left out and the others go on."""

import sys
from pathlib import Path

import pytest

from tests.benchmarks.contest import contest
from tests.benchmarks.contestants import Contestant, Worker, own_contestants, peer_contestants

MODULE = """
import time

def build(variant):
    if variant == "absent":
        raise NotImplementedError
    if variant == "broken":
        raise ValueError("no such thing")
    if variant == "slow":
        time.sleep(60)
    if variant == "dead":
        raise SystemExit(7)
    print("talks on standard output")
    steps = []
    def run(first, n):
        assert first == len(steps)
        steps.extend(range(n))
        if variant == "tired" and first > 4:
            raise ValueError("cannot go on")
        return [float(i) for i in range(first, first + n)]
    return (run, "a note") if variant == "noted" else run

WORKLOADS = {"count": build}
"""


@pytest.fixture
def contestants(tmp_path):
    (tmp_path / "bench_made_up.py").write_text(MODULE)

    def named(*variants):
        return [
            Contestant(v, Path(sys.executable), tmp_path, "bench_made_up", v, peer=True) for v in variants
        ]

    return named


def test_every_round_has_a_window_of_each_contestant_in_turn(contestants):
    result = contest(contestants("plain", "noted"), "count", 10, rounds=3, patience=0, seconds=0.001)
    assert [list(windows) for windows in result.rounds] == [["plain", "noted"]] * 3
    assert all(window.step > 0 and window.steps == 10 for r in result.rounds for window in r.values())
    assert result.losses == {"plain": [0.0, 9.0], "noted": [0.0, 9.0]}
    assert set(result.first_calls) == {"plain", "noted"}
    assert not result.failures


def test_who_cannot_take_part_is_left_out(contestants):
    everyone = contestants("absent", "broken", "dead", "tired", "plain")
    result = contest(everyone, "count", 2, rounds=2, patience=0, seconds=0.001)
    assert list(result.losses) == ["plain"]
    assert [list(windows) for windows in result.rounds] == [["plain"]] * 2
    assert result.failures == {
        "broken": "ValueError: no such thing",
        "dead": "ended with status 7",
        "tired": "ValueError: cannot go on",
    }


def test_peers_are_those_with_an_environment_and_a_program(tmp_path):
    environments, programs = tmp_path / "environments", tmp_path / "programs"
    for library in ("torch", "jax"):
        (environments / library / "bin").mkdir(parents=True)
        (environments / library / "bin" / "python").touch()
    programs.mkdir()
    (programs / "bench_jax.py").touch()
    assert [peer.name for peer in peer_contestants(environments, programs)] == ["jax jit", "jax scan"]
    assert list(peer_contestants(None, programs)) == list(peer_contestants(environments, None)) == []


def test_our_own_contestants_are_graphlib_and_the_bare_work():
    names = [contestant.name for contestant in own_contestants("products")]
    assert names[:2] == ["graphlib", "products, 1 thread"]


def test_who_does_not_have_the_workload_is_named_in_one_line(contestants, capsys):
    result = contest(contestants("absent", "plain"), "count", 2, rounds=1, patience=0, seconds=0.001)
    said = [line for line in capsys.readouterr().err.splitlines() if "absent" in line]
    assert said == ["count: absent takes no part: it does not have this workload"]
    assert contest(contestants("plain"), "other", 2, rounds=1, patience=0, seconds=0.001).failures == {}
    assert not result.failures


def test_who_takes_too_long_to_begin_is_left_out(contestants):
    everyone = contestants("slow", "plain")
    result = contest(everyone, "count", 2, rounds=1, patience=0, seconds=0.001, build_limit=5)
    assert list(result.losses) == ["plain"]
    assert result.failures == {"slow": "no answer within 5 s"}


@pytest.mark.parametrize(("rounds", "least"), [(50, 3), (2, 2)])
def test_no_round_is_begun_when_the_budget_is_spent_but_three_there_are(contestants, rounds, least):
    plain = contestants("plain")
    result = contest(plain, "count", 2, rounds=rounds, patience=0, seconds=0.001, budget=0)
    assert len(result.rounds) == least


def test_an_interrupted_contest_keeps_its_complete_rounds(contestants, monkeypatch):
    window, calls = Worker.window, []

    def interrupted(worker, seconds):
        calls.append(worker.name)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return window(worker, seconds)

    monkeypatch.setattr(Worker, "window", interrupted)
    result = contest(contestants("plain", "noted"), "count", 2, rounds=9, patience=0, seconds=0.001)
    assert result.interrupted
    assert [list(windows) for windows in result.rounds] == [["plain", "noted"]] * 2


def test_a_worker_tells_the_processor_seconds_of_its_steps(contestants):
    (plain,) = contestants("plain")
    with Worker(plain, {}, alone=True) as worker:
        worker.load(60)
        worker.build("count", 3, 60)
        found = worker.processor(0.001)
    assert found and all(0 <= seconds < 1 for seconds in found)
