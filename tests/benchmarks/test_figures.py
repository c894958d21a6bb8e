"""Pairing, medians and the setting aside of windows, on figures made up for the purpose."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.figures import (
    FOREIGN,
    Spread,
    Window,
    agree,
    counted,
    fastest,
    ratios,
    significant,
    step_times,
    table,
)

seconds = st.floats(1e-6, 1e3)


def window(*blocks, steps=1, foreign=0.0):
    return Window(blocks, steps, foreign)


def test_the_time_of_a_step_is_the_median_block_over_its_steps():
    assert window(3.0, 100.0, 1.0, steps=10).step == pytest.approx(0.3)


@given(st.lists(st.tuples(seconds, seconds, st.floats(0.1, 10)), min_size=1))
def test_what_slows_a_whole_round_leaves_its_ratio_as_it_is(rounds):
    steady = [{"ours": window(a), "theirs": window(b)} for a, b, _ in rounds]
    drifting = [{"ours": window(a * slow), "theirs": window(b * slow)} for a, b, slow in rounds]
    assert ratios(drifting, "ours", "theirs") == pytest.approx(ratios(steady, "ours", "theirs"))


def test_ratios_are_ours_over_the_other():
    assert ratios([{"ours": window(1.0), "theirs": window(4.0)}], "ours", "theirs") == [0.25]


def test_a_round_with_one_disturbed_window_is_set_aside():
    clean = {"a": window(1.0), "b": window(1.0)}
    disturbed = {"a": window(1.0), "b": window(9.0, foreign=2 * FOREIGN)}
    assert counted([clean, disturbed, clean, clean]) == [clean, clean, clean]


def test_with_too_few_clean_rounds_all_count():
    clean, disturbed = {"a": window(1.0)}, {"a": window(1.0, foreign=0.5)}
    rounds = [clean, disturbed, disturbed, clean]
    assert counted(rounds) == rounds
    assert counted([clean, clean]) == [clean, clean]


@given(st.lists(seconds, min_size=1))
def test_a_spread_is_the_median_and_the_quartiles(values):
    spread = Spread.of(values)
    assert [spread.low, spread.middle, spread.high] == pytest.approx(np.quantile(values, [0.25, 0.5, 0.75]))


def test_a_spread_of_nothing_is_refused():
    with pytest.raises(ValueError, match="no figures"):
        Spread.of([])


def test_the_fastest_has_the_lowest_median_and_not_the_best_round():
    rounds = [
        {"steady": window(2.0), "wild": window(0.1)},
        {"steady": window(2.0), "wild": window(9.0)},
        {"steady": window(2.0), "wild": window(9.0)},
    ]
    assert fastest(rounds, ["wild", "steady"]) == "steady"
    assert fastest(rounds, []) is None
    assert step_times(rounds, "wild") == [0.1, 9.0, 9.0]


@pytest.mark.parametrize(
    ("losses", "verdict"),
    [
        ([2.302585, 0.690856], True),
        ([2.302585, 0.7], False),
        ([float("nan"), 0.690855], False),
        ([None, None], None),
    ],
)
def test_losses_agree_to_what_float32_can_hold(losses, verdict):
    assert agree(losses, (2.302585, 0.690855)) is verdict


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.012345, "0.0123"), (1.0, "1"), (12.345, "12.3"), (123456.0, "123000")]
)
def test_three_digits_say_enough(value, text):
    assert significant(value) == text


def test_a_table_lines_up():
    assert table(["", "ms"], [["graphlib", "1"], ["jax", "12.5"]]).splitlines() == [
        "              ms",
        "  graphlib     1",
        "  jax       12.5",
    ]
