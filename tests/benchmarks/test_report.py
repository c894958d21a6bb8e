"""The summary in Markdown of contests made up for the purpose."""

import pytest

from tests.benchmarks import report
from tests.benchmarks.contest import Result
from tests.benchmarks.figures import Window, agree
from tests.benchmarks.memory import Footprint, Weighing

MACHINE = {"processor": "Made-up", "cores": 2, "system": "Made-up OS"}
MEBIBYTE = 2**20
RIVALS = {"bare": ["products"], "libraries": ["torch", "jax"]}


def judge(losses):
    return agree(losses, (2.0, 1.0))


def result(foreign=0.0, **milliseconds):
    windows = {name: Window([10 * ms / 1e3], 10, foreign) for name, ms in milliseconds.items()}
    losses = {name: [None, None] if name == "products" else [2.0, 1.0] for name in milliseconds}
    return Result([windows] * 4, dict.fromkeys(milliseconds, 1.0), losses)


def summary(made):
    return report.summary("A step", made, judge, RIVALS.values())


def test_a_summary_compares_with_the_fastest_of_each_group():
    row = summary(result(graphlib=2.0, products=4.0, torch=5.0, jax=8.0))
    assert row == ["A step", "2", "0.5 (products)", "0.4 (torch)"]


def test_a_library_with_wrong_losses_is_no_rival():
    made = result(graphlib=2.0, products=4.0, torch=5.0, jax=8.0)
    made.losses["torch"] = [2.0, 1.1]
    assert summary(made)[3] == "0.25 (jax)"


def test_without_rivals_there_is_no_ratio():
    assert summary(result(graphlib=2.0)) == ["A step", "2", "–", "–"]


@pytest.mark.parametrize("losses", [{}, {"graphlib": [2.0, 1.1]}])
def test_without_right_losses_of_ours_there_is_no_row(losses):
    made = result(graphlib=2.0, products=4.0)
    made.losses = losses
    assert summary(made) is None


def test_rows_make_a_table_that_says_where_others_used_the_machine():
    quiet, loud = summary(result(graphlib=2.0)), summary(result(foreign=0.5, graphlib=3.0))
    text = report.markdown(MACHINE, [quiet, loud])
    assert text.splitlines()[2:6] == [
        "| step | ms | of the bare work's time | of the fastest other library's |",
        "| --- | --- | --- | --- |",
        "| A step | 2 | – | – |",
        "| A step | 3 † | – | – |",
    ]
    assert "2 cores of Made-up" in text and "† Others used the machine" in text
    assert "†" not in report.markdown(MACHINE, [quiet])


def test_a_report_of_an_interrupted_contest_has_what_was_measured():
    made = result(graphlib=2.0, torch=5.0)
    made.interrupted = True
    text = report.contest("A step", made, judge, RIVALS)
    assert "interrupted after 4 rounds" in text and "0.4 times as long" in text
    made.rounds = []
    assert "interrupted after 0 rounds" in report.contest("A step", made, judge, RIVALS)


def weighing(**mebibytes):
    footprints = {
        name: Footprint(40 * MEBIBYTE, 90 * MEBIBYTE, n * MEBIBYTE) for name, n in mebibytes.items()
    }
    return Weighing(10 * MEBIBYTE, footprints, {"jax": "ended with status 9"})


def test_a_weighing_compares_with_what_is_needed_and_with_the_leanest():
    text = report.weighing("A step", weighing(graphlib=15, torch=60, theano=30))
    assert [line.split() for line in text.splitlines()[3:6]] == [
        ["graphlib", "15.0", "1.5", "40.0", "90.0"],
        ["torch", "60.0", "6", "40.0", "90.0"],
        ["theano", "30.0", "3", "40.0", "90.0"],
    ]
    assert "0.5 times as much as the leanest other library: theano" in text
    assert "jax failed: ended with status 9" in text
    assert "leanest" not in report.weighing("A step", weighing(graphlib=15))


def test_weighings_make_a_table_of_those_who_took_part():
    text = report.weighing_markdown(
        MACHINE, [("A step", weighing(graphlib=15, torch=60)), ("B", weighing(torch=7))]
    )
    assert text.splitlines()[2:] == [
        "| step | data, parameters and the optimiser's state | graphlib | torch |",
        "| --- | --- | --- | --- |",
        "| A step | 10.0 | 15.0 | 60.0 |",
        "| B | 10.0 | – | 7.0 |",
    ]


def test_first_results_have_ratios_to_all_others():
    def one(seconds, cpu, peak=0.0):
        return {"seconds": seconds, "cpu": cpu, "compilers": cpu / 2, "peak": peak}

    figures = {
        "mlp": {
            "graphlib": {"cold": one(1.0, 2.0, 50.0), "warm": one(0.1, 0.1)},
            "base": {"cold": one(4.0, 8.0, 200.0), "warm": one(0.1, 0.1)},
            "jax": {"cold": one(2.0, 2.0)},
        },
        "layers-10": {
            "graphlib": {"cold": one(1.0, 1.0, 50.0)},
            "base": {"cold": one(1.0, 1.0, 50.0), "warm": one(3.0, 3.0)},
        },
    }
    lines = [line.strip() for line in report.first_results(figures).splitlines()]
    # the square roots of 1/4 * 1 and so on
    assert "cold, seconds, of base's: 0.5 in the geometric mean, at most 1" in lines
    assert "peak of base's: 0.5 in the geometric mean, at most 1" in lines
    assert "cold, seconds, of jax's: 0.5 in the geometric mean, at most 0.5" in lines
    assert "warm, cpu, of base's: 1 in the geometric mean, at most 1" in lines
