"""The measurements as text for people: a table a benchmark, ratios first, absolute times as information."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import exp, fsum, log

from tests.benchmarks.contest import Result
from tests.benchmarks.figures import (
    Spread,
    counted,
    fastest,
    ratios,
    significant,
    step_times,
    table,
)
from tests.benchmarks.memory import Weighing

Judge = Callable[[Sequence["float | None"]], "bool | None"]  # whether losses are the right ones, as `agree`

OURS = "graphlib"
HEADER = ("", "graphlib / it", "quartiles", "ms a step", "best", "first result, s", "losses")


def _quartiles(spread: Spread, scale: float = 1.0) -> str:
    return f"{significant(spread.low * scale)} to {significant(spread.high * scale)}"


def _losses(losses: Sequence[float | None], judge: Judge) -> str:
    right = judge(losses)
    if right is None:
        return "-"
    return " to ".join(f"{loss:.6g}" for loss in losses) + ("" if right else " WRONG")


def _row(result: Result, rounds: Sequence, name: str, judge: Judge) -> list[str]:
    times = Spread.of(step_times(rounds, name))
    best = min(min(r[name].blocks) / r[name].steps for r in rounds)
    ratio = ["", ""]
    if OURS in result.losses:
        spread = Spread.of(ratios(rounds, OURS, name))
        ratio = [significant(spread.middle), _quartiles(spread)] if name != OURS else ["1", ""]
    return [
        name,
        *ratio,
        significant(times.middle * 1e3),
        significant(best * 1e3),
        f"{result.first_calls[name]:.2f}",
        _losses(result.losses[name], judge),
    ]


def _set_aside(result: Result, rounds: Sequence) -> Iterable[str]:
    busy = sum(not window.clean for r in rounds for window in r.values())
    if len(rounds) < len(result.rounds):
        aside = len(result.rounds) - len(rounds)
        yield f"{aside} of {len(result.rounds)} rounds set aside: others used the machine"
    if busy:
        yield f"NOT TO BE TRUSTED: others used the machine in {busy} windows, too many to set aside"


def _against(result: Result, judge: Judge, names: Sequence[str]) -> tuple[str, str] | None:
    """The fastest of `names`, without those with wrong losses, and graphlib's time as a share of its."""
    rounds = counted(result.rounds)
    right = [n for n in names if n in result.losses and judge(result.losses[n]) is not False]
    best = fastest(rounds, right)
    if best is None or OURS not in result.losses:
        return None
    return best, significant(Spread.of(ratios(rounds, OURS, best)).middle)


def contest(title: str, result: Result, judge: Judge, rivals: Mapping[str, Sequence[str]]) -> str:
    """A workload: a row a contestant, then graphlib against the fastest of each group of `rivals`."""
    ends = [f"{name} failed: {why}" for name, why in result.failures.items()]
    if result.interrupted:
        ends.append(f"interrupted after {len(result.rounds)} rounds")
    if not result.losses or not result.rounds:
        return "\n".join([title, *(f"  {note}" for note in ends)])
    rounds = counted(result.rounds)
    notes = []
    for group, names in rivals.items():
        found = _against(result, judge, names)
        if found:
            notes.append(f"graphlib takes {found[1]} times as long as the {group}: {found[0]}")
    notes += [*_set_aside(result, rounds), *ends]
    rows = [_row(result, rounds, name, judge) for name in result.losses]
    return "\n".join([title, table(HEADER, rows), *(f"  {note}" for note in notes)])


def summary(title: str, result: Result, judge: Judge, rivals: Iterable[Sequence[str]]) -> list[str] | None:
    """A workload's row of `markdown`: milliseconds a step, and graphlib's share of the time of the fastest of
    each group of `rivals`; None where graphlib has no right result."""
    if not result.rounds or not judge(result.losses.get(OURS, [None])):
        return None
    rounds = counted(result.rounds)
    milliseconds = significant(Spread.of(step_times(rounds, OURS)).middle * 1e3)
    if any(not window.clean for r in rounds for window in r.values()):
        milliseconds += " †"
    found = (_against(result, judge, names) for names in rivals)
    return [title, milliseconds, *(f"{pair[1]} ({pair[0]})" if pair else "–" for pair in found)]


def markdown(machine: Mapping[str, object], rows: Sequence[Sequence[str]]) -> str:
    """The rows of `summary` as a table in Markdown, with the machine they were measured on."""
    header = ("step", "ms", "of the bare work's time", "of the fastest other library's")
    lines = [header, ("---",) * len(header), *rows]
    text = f"On {machine['cores']} cores of {machine['processor']}; medians of rounds taken in turns.\n\n"
    text += "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return text + ("\n† Others used the machine meanwhile.\n" if any("†" in row[1] for row in rows) else "")


def call_overhead(figures: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    """Microseconds of f(x) = x + 1 above an empty C function called through ctypes."""
    rows = []
    for kind, times in figures.items():
        above = Spread.of([a - b for a, b in zip(times["graphlib"], times["empty"], strict=True)])
        empty = Spread.of(times["empty"])
        rows.append(
            [kind, significant(above.middle * 1e6), _quartiles(above, 1e6), significant(empty.middle * 1e6)]
        )
    header = ("", "µs above an empty call", "quartiles", "empty call, µs")
    return "\n".join(["call: x + 1 by kind of x, next to an empty ctypes call", table(header, rows)])


def compile_time(figures: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    """Seconds to compile and to call for the first time, with the cache empty and full."""
    rows = []
    for state, times in figures.items():
        build, first = (Spread.of([t[key] for t in times]) for key in ("build", "first_call"))
        rows.append([state, significant(build.middle), _quartiles(build), significant(first.middle)])
    header = ("cache", "seconds", "quartiles", "first call, s")
    title = (
        "compile: the MLP's step from its first variable to a function (expression, gradient, compilation)"
    )
    return "\n".join([title, table(header, rows)])


def first_results(figures: Mapping[str, Mapping[str, Mapping[str, Mapping[str, float]]]]) -> str:
    """Seconds to the first result, of processors too, the compilers' peak, and the ratios."""
    rows = []
    ratios: dict[str, list[float]] = {}
    for case, of_all in figures.items():
        for name, states in of_all.items():
            for state, one in states.items():
                times = [significant(one[key]) for key in ("seconds", "cpu", "compilers")]
                rows.append([case, name, state, *times, f"{one['peak']:.0f}" if one["peak"] else ""])
                ours = of_all["graphlib"].get(state)
                if name != "graphlib" and ours:
                    for key in ("seconds", "cpu"):
                        ratios.setdefault(f"{state}, {key}, of {name}'s", []).append(ours[key] / one[key])
                    if state == "cold" and one["peak"]:
                        ratios.setdefault(f"peak of {name}'s", []).append(ours["peak"] / one["peak"])
    header = ("case", "who", "cache", "seconds", "CPU seconds", "of compilers", "their peak, MiB")
    title = "first: from the first variable to the first result"
    means = [
        f"  {what}: {significant(exp(fsum(map(log, found)) / len(found)))} in the geometric mean, "
        f"at most {significant(max(found))}"
        for what, found in ratios.items()
    ]
    return "\n".join([title, table(header, rows), *means])


def import_time(seconds: Sequence[float], modules: Sequence[str]) -> str:
    """Seconds beyond numpy."""
    spread = Spread.of(seconds)
    title = f"import: everything the MLP's step needs ({len(modules)} modules), beyond numpy"
    return f"{title}\n  {significant(spread.middle)} s (quartiles {_quartiles(spread)})"


MEBIBYTE = 2**20
WEIGHT_HEADER = ("MiB", "while stepping", "times the data and so on", "imports", "until ready")


def _mebibytes(size: int) -> str:
    return f"{size / MEBIBYTE:.1f}"


def weighing(title: str, result: Weighing) -> str:
    """The memory of a workload in MiB, a row a contestant: see `Footprint`."""
    lines = [title, f"  data, parameters and the optimiser's state are {_mebibytes(result.needed)} MiB"]
    rows = [
        [
            name,
            _mebibytes(each.stepping),
            significant(each.stepping / result.needed),
            _mebibytes(each.imports),
            _mebibytes(each.ready),
        ]
        for name, each in result.footprints.items()
    ]
    if rows:
        lines.append(table(WEIGHT_HEADER, rows))
    others = {name: each.stepping for name, each in result.footprints.items() if name != OURS}
    if others and OURS in result.footprints:
        leanest = min(others, key=others.get)
        ratio = significant(result.footprints[OURS].stepping / others[leanest])
        lines.append(f"  graphlib holds {ratio} times as much as the leanest other library: {leanest}")
    lines += [f"  {name} failed: {why}" for name, why in result.failures.items()]
    return "\n".join([*lines, *(["  interrupted"] if result.interrupted else [])])


def weighing_markdown(machine: Mapping[str, object], rows: Sequence[tuple[str, Weighing]]) -> str:
    """What contestants hold while stepping, in MiB beyond their imports: a table in Markdown with a row for
    each pair of a title and a weighing, and a column a contestant."""
    names = list(dict.fromkeys(name for _, result in rows for name in result.footprints))
    header = ["step", "data, parameters and the optimiser's state", *names]
    lines = [header, ["---"] * len(header)]
    for title, result in rows:
        held = [result.footprints.get(name) for name in names]
        sizes = [_mebibytes(each.stepping) if each else "–" for each in held]
        lines.append([title, _mebibytes(result.needed), *sizes])
    text = f"MiB while stepping, beyond the imports, on {machine['system']}.\n\n"
    return text + "".join(f"| {' | '.join(line)} |\n" for line in lines)
