"""How much memory training needs: for each contestant of a workload, two processes one after the other.

The first begins with empty caches of compiled code: what it and the compilers that it starts hold together
until it has done its first steps is what getting ready takes. It also tells which modules that needed. The
second imports all of these before anything else, so that neither they nor what libraries import late count as
the training's; it builds the workload with the caches that the first has filled, runs its first steps, gives
back what is free, and then makes the steps that are measured.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks import resident
from tests.benchmarks.contestants import Contestant, Failure, Worker, cache_flag, leave_out, say

STEPS, BLOCKS = 10, 3  # at most so many steps make a block; so many blocks are measured
INTERVAL = 0.05  # seconds between two looks at the memory of processes


class Unknown(RuntimeError):
    """A system that does not tell how much memory processes have."""


@dataclass(frozen=True)
class Footprint:
    """Bytes of memory of a contestant.

    imports: all that is resident after importing every module that the workload needs, the pages of their
    code included (VmRSS). ready: the most that is resident until the first steps are done, imports, the
    making of the data and compilers in processes of their own included (the sum of the processes' Pss, looked
    at every INTERVAL seconds). stepping: the most that the process holds of its own during steps, beyond the
    imports: data, parameters, intermediate results, and what the library keeps for itself (VmHWM, reset
    before the steps, without the pages of files, such as code that ran for the first time).
    """

    imports: int
    ready: int
    stepping: int


@dataclass
class Weighing:
    """The footprints of a workload's contestants, and why others have none.

    needed: bytes of the data, the parameters and the state of the optimiser, without which nobody trains.
    """

    needed: int
    footprints: dict[str, Footprint] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    interrupted: bool = False


def environment_in(folder: Path) -> dict[str, str]:
    """An environment in which all libraries keep what they have compiled in `folder`, and threads that wait
    for each other leave the processor to others: time does not matter here."""
    settings = folder / "settings"
    settings.write_text(f"[global]\nbase_compiledir = {folder / 'compiled'}\n")
    return {
        "GRAPHLIB_FLAGS": cache_flag(folder / "graphlib"),
        "TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor"),
        "PYTENSORRC": str(settings),
        "THEANORC": str(settings),
        "NUMBA_CACHE_DIR": str(folder / "numba"),
        "OMP_WAIT_POLICY": "passive",
    }


@contextmanager
def _watched(process: int) -> Iterator[list[int]]:
    """A list to which the resident memory of a process and those it starts is added every INTERVAL."""
    seen = [resident.together(process)]
    done = threading.Event()

    def look() -> None:
        while not done.wait(INTERVAL):
            seen.append(resident.together(process))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def _footprint(contestant: Contestant, workload: str, steps: int, limit: float) -> Footprint:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        environment = environment_in(Path(folder))
        with Worker(contestant, environment) as worker, _watched(worker.process.pid) as seen:
            worker.load(limit)
            worker.build(workload, steps, limit)
            modules = worker.modules()
        with Worker(contestant, environment) as worker:
            worker.load(limit)
            imports = worker.import_all(modules, limit)
            worker.build(workload, steps, limit)
            return Footprint(imports, max(seen), worker.stepping(BLOCKS, limit))


def weigh(
    contestants: Sequence[Contestant], workload: str, needed: int, steps: int = STEPS, limit: float = 60.0
) -> Weighing:
    """Measures the contestants of a workload one after the other, with `steps` steps in a block.

    Who takes longer than `limit` seconds for its imports, its first steps or the measured ones is left out.
    Ctrl+C ends it: the result has who was measured. Raises Unknown on systems other than Linux.
    """
    if not resident.CLEAR_REFS.exists():
        raise Unknown(f"the memory of processes is read from {resident.PROC}, as Linux has it")
    result = Weighing(needed)
    for contestant in contestants:
        try:
            footprint = _footprint(contestant, workload, steps, limit)
        except Failure as failure:
            leave_out(contestant.name, workload, failure, result.failures)
        except KeyboardInterrupt:
            result.interrupted = True
            break
        else:
            result.footprints[contestant.name] = footprint
            say(f"{workload}: {contestant.name} holds {footprint.stepping / 2**20:.1f} MiB while stepping")
    return result
