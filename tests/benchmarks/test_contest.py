"""Contestants in processes of their own take turns; who fails is left out and the others go on."""

import sys
from pathlib import Path

import pytest

from tests.benchmarks.contest import Contestant, contest, own_contestants, peer_contestants

MODULE = """
def build(variant):
    if variant == "absent":
        raise NotImplementedError
    if variant == "broken":
        raise ValueError("no such thing")
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
