"""Every operation of the registry in libraries of C: ``python -m tests.export.operations``.

Some operations at a time are one library, compiled strictly with gcc and called; what an operation gives is
held against the reference.  Printed is what differs, what is refused and why, and how many calls were right.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator

import numpy as np

import graphlib
from graphlib.errors import ExportError
from graphlib.ops import REGISTRY
from tests.ops.backends import difference
from tests.ops.test_registry import Case, cases_in_turn

from .calling import SAME, Native

_AT_ONCE, _MOST = 10, 400


def exportable(name: str, dtypes: int) -> Iterator[tuple[Case, graphlib.Function]]:
    """The samples of an operation as functions, of the first so many dtypes each."""
    kept: dict[int, int] = {}
    for case in cases_in_turn(name):
        sample = id(case.sample)
        kept[sample] = kept.get(sample, 0) + 1
        if kept[sample] <= dtypes:
            yield (
                case,
                graphlib.function(case.inputs, case.outputs, mode="reference", on_unused_input="ignore"),
            )


def bounds(case: Case) -> dict:
    """How long each input is; of integers that decide about lengths, what they are."""
    found = {}
    for v, a in zip(case.inputs, case.arrays, strict=True):
        if a.ndim:
            found[v] = a.shape
        elif a.dtype.kind in "iu" and a >= 0:
            found[v] = int(a)
    return found


def check(names: list[str], dtypes: int, flags: tuple[str, ...]) -> tuple[int, list[str], dict[str, str]]:
    """(calls that were right, what was wrong, refusals by operation) of some operations."""
    functions, cases, limits, refused = {}, {}, {}, {}
    for name in names:
        for k, (case, function) in enumerate(exportable(name, dtypes)):
            key = f"{name}_{k}"
            try:
                with tempfile.TemporaryDirectory() as folder:
                    graphlib.export.c(function, folder, name="one", bounds=bounds(case), most_elements=_MOST)
            except ExportError as error:
                refused[name] = str(error)
                continue
            functions[key], cases[key] = function, case
            limits |= bounds(case)
    right, wrong = 0, []
    if not functions:
        return right, wrong, refused
    with tempfile.TemporaryDirectory() as folder:
        made = graphlib.export.c(functions, folder, name="ops", bounds=limits, most_elements=_MOST)
        native = Native(made, flags)
        for key, function in functions.items():
            case = cases[key]
            expected = function(*case.arrays)
            code, found = native.code(f"ops_{key}", *case.arrays)
            if code:
                wrong.append(f"{case.title}: {native.message(code).decode()}")
                continue
            bad = [d for a, b in zip(found, expected, strict=True) if (d := difference(a, np.asarray(b)))]
            wrong += [f"{case.title}: {d}" for d in bad]
            right += not bad
    return right, wrong, refused


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.export.operations", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="OPERATION", help="all by default")
    parser.add_argument("--dtypes", type=int, default=3, help="of each sample at most so many (3)")
    parser.add_argument("--fast", action="store_true", help="compile with all optimisation")
    options = parser.parse_args()
    names, total, refusals = options.names or sorted(REGISTRY), 0, {}
    for first in range(0, len(names), _AT_ONCE):
        part = names[first : first + _AT_ONCE]
        try:
            right, wrong, refused = check(part, options.dtypes, SAME if options.fast else ("-O1", "-fwrapv"))
        except Exception as error:
            print(f"{', '.join(part)}: {type(error).__name__}: {str(error)[:1500]}", flush=True)
            continue
        total += right
        refusals |= refused
        for line in wrong:
            print(line, flush=True)
    for name, why in refusals.items():
        print(f"refused: {name}: {why[:200]}")
    print(
        f"{total} calls of {len(names) - len(refusals)} operations were right; {len(refusals)} refused some"
    )


if __name__ == "__main__":
    main()
