"""What layers cost: the steps of networks built by layers beside those written as formulas, in turns, in one
run."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import probes
from tests.benchmarks.contest import Result, contest
from tests.benchmarks.contestants import ROOT, Contestant
from tests.benchmarks.figures import Spread, counted, ratios, significant, table
from tests.benchmarks.workloads import JOBS

GRAPH, LAYERS = "graphlib", "layers"
NAMES = ("mlp", "lenet", "lstm")
STEP_LIMIT, COMPILE_LIMIT = 1.02, 1.1  # what a network by layers may take, of the graph's time


@dataclass(frozen=True)
class Comparison:
    """A workload by layers beside its graph.

    Attributes:
        contest: of their steps.
        compiled: of each round, seconds to compile the graph and the layers with an empty cache.
    """

    contest: Result
    compiled: list[tuple[float, float]]


def compare(name: str, rounds: int, compilations: int, **limits: float) -> Comparison:
    """Both forms of a workload; `limits` are those of `contest`."""
    contestants = [
        Contestant(variant, Path(sys.executable), ROOT, "tests.benchmarks.workloads", variant)
        for variant in (GRAPH, LAYERS)
    ]
    result = contest(contestants, name, JOBS[name]().steps, rounds, **limits)
    modules = [*probes.needed_modules(), "graphlib.nn.layers"]
    compiled = []
    for _ in range(compilations):
        compiled.append(tuple(probes.cold_compilation(modules, name, layers) for layers in (False, True)))
    return Comparison(result, compiled)


def report(comparisons: dict[str, Comparison]) -> str:
    """A row a workload: the layers' share of the graph's time, in steps and in compiling."""
    rows = []
    for name, each in comparisons.items():
        steps = Spread.of(ratios(counted(each.contest.rounds), LAYERS, GRAPH))
        compiling = Spread.of([layers / graph for graph, layers in each.compiled])
        wrong = [n for n, losses in each.contest.losses.items() if not JOBS[name]().agrees(losses)]
        rows.append(
            [
                name,
                significant(steps.middle),
                f"{significant(steps.low)} to {significant(steps.high)}",
                significant(compiling.middle),
                f"{significant(compiling.low)} to {significant(compiling.high)}",
                f"WRONG: {', '.join(wrong)}" if wrong else "the same",
            ]
        )
    header = ("", "step / graph's", "quartiles", "compiling / graph's", "quartiles", "losses")
    return "\n".join([f"layers: at most {STEP_LIMIT} and {COMPILE_LIMIT} are wanted", table(header, rows)])
