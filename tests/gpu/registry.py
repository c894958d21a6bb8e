"""The registry's tests on a device: each operation on its samples, and its gradients, against C."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from multiprocessing import get_context

#: operations that stand for the others in a small run
SMALL = ("tanh", "dot")


def check(name: str, device: str, dtypes: tuple[str, ...] = ()) -> str:
    """What differs between C and the device for an operation and its gradients; "" where nothing does."""
    import graphlib
    from tests.ops.test_registry import cases_in_turn, first_gradients, mismatches

    found = []
    for gradients in (False, True):
        groups, titles = [], []
        for case in cases_in_turn(name):
            if (gradients and not case.differentiable) or (dtypes and case.dtype not in dtypes):
                continue
            results = first_gradients(case) if gradients else case.outputs
            groups.append((case.inputs, results, case.arrays))
            titles.append(case.title + ", gradients" * gradients)
        if not groups:
            continue
        arrays = [a for group in groups for a in group[2]]
        values = []
        for where in ("cpu", device):
            with graphlib.config.change(mode="fast_run", device=where):
                function = graphlib.function(
                    [v for group in groups for v in group[0]],
                    [v for group in groups for v in group[1]],
                    on_unused_input="ignore",
                )
            results = iter(function(*arrays))
            values.append([[next(results) for _ in group[1]] for group in groups])
        found += mismatches(titles, values[1], values[0])
    return "\n".join(found)


def _checked(job: tuple[str, str, tuple[str, ...]]) -> tuple[str, str]:
    name, *how = job
    try:
        return name, check(name, *how)
    except Exception as error:  # an operation that fails is a finding of the run, not its end
        return name, f"{type(error).__name__}: {error}"


def run(
    device: str,
    names: Sequence[str],
    dtypes: tuple[str, ...],
    processes: int,
    has_time: Callable[[], bool],
) -> dict:
    """{"right": names, "wrong": {name: what differs}, "left": names that there was no time for}."""
    right, wrong = [], {}
    pool = get_context("spawn").Pool(processes)
    try:
        for name, text in pool.imap_unordered(_checked, [(name, device, dtypes) for name in names]):
            if text:
                wrong[name] = text[:2000]
            else:
                right.append(name)
            if not has_time():
                break
    finally:
        pool.terminate()
        pool.join()
    return {"right": sorted(right), "wrong": wrong, "left": sorted({*names} - {*right, *wrong})}
