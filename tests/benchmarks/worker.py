"""One contestant in a process of its own: builds a workload and runs it as it is asked to.

Run by the contestant's own Python, which needs numpy and has nothing of ours installed; called with "alone"
it keeps to one processor. A request is a line
of JSON on standard input, {"do": a method of `Servant`} with its arguments; the answer is one on standard
output: the method's result, {"absent": true} where the contestant does not have the workload, or {"error":
why}.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress

from tests.benchmarks import resident

DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG: a worker that waits while stopped would outlive a killed benchmark


def machine_seconds() -> float | None:
    """Seconds in which processors worked for anybody since boot; None where the system does not tell."""
    try:
        with open("/proc/stat") as file:
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, file.readline().split()[1:9])
    except OSError:
        return None
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def number(loss) -> float:
    """A library's own scalar as a float."""
    import numpy as np

    return float(np.asarray(loss.detach() if hasattr(loss, "detach") else loss).reshape(-1)[0])


class Servant:
    """What can be asked for: first `load`, then perhaps `import_all`, then `build`, then the rest."""

    def load(self, path: str, module: str) -> dict:
        """Import the module from the folder `path`.

        It has a dict WORKLOADS of build functions: build(variant) gives run(first, steps), which returns raw
        losses when all work is done, or raises NotImplementedError where the variant does not have the
        workload.
        """
        sys.path[0] = path
        self.workloads = importlib.import_module(module).WORKLOADS
        return {}

    def import_all(self, names: Sequence[str]) -> dict:
        """Import the modules with these names, but for those that are made at run time and cannot be
        imported: {"resident": bytes}, memory then, which `stepping` does not count."""
        for name in names:
            with suppress(Exception):
                importlib.import_module(name)
        resident.trim()
        self.base = resident.own()
        return {"resident": resident.status()["VmRSS"]}

    def build(self, workload: str, variant: str, steps: int) -> dict:
        """Build the workload and run its first two blocks of so many steps: {"first_call": seconds, "losses":
        [of the first step, of the first block's last]}."""
        if workload not in self.workloads:
            raise NotImplementedError
        start = time.perf_counter()
        run = self.workloads[workload](variant)
        self.run = run[0] if isinstance(run, tuple) else run  # (run, a note)
        losses = self.run(0, 1)
        first_call = time.perf_counter() - start
        first_loss = number(losses[0]) if losses else None
        losses = self.run(1, steps - 1)
        last_loss = number(losses[-1]) if losses else None
        self.run(steps, steps)  # once at full length: a library may compile for the number of steps
        self.steps, self.done = steps, 2 * steps
        return {"first_call": first_call, "losses": [first_loss, last_loss]}

    def _block(self) -> None:
        self.run(self.done, self.steps)
        self.done += self.steps

    def window(self, seconds: float) -> dict:
        """Blocks for at least `seconds`: {"blocks": their seconds, "foreign": the others' share of the
        machine}."""
        blocks: list[float] = []
        machine, own, start = machine_seconds(), time.process_time(), time.perf_counter()
        while time.perf_counter() - start < seconds:
            before = time.perf_counter()
            self._block()
            blocks.append(time.perf_counter() - before)
        wall, own, after = time.perf_counter() - start, time.process_time() - own, machine_seconds()
        known = machine is not None and after is not None
        foreign = (after - machine - own) / (wall * os.cpu_count()) if known else 0.0
        return {"blocks": blocks, "foreign": foreign}

    def processor(self, seconds: float) -> dict:
        """Blocks for at least `seconds` by the clock: {"steps": processor seconds a step of each block}."""
        found: list[float] = []
        start = time.perf_counter()
        while time.perf_counter() - start < seconds:
            before = time.process_time()
            self._block()
            found.append((time.process_time() - before) / self.steps)
        return {"steps": found}

    def modules(self) -> dict:
        """{"names": of all modules that are loaded, in the order of their loading}."""
        return {"names": list(sys.modules)}

    def stepping(self, blocks: int) -> dict:
        """So many blocks: {"peak": bytes of its own that the process held meanwhile, beyond those after
        `import_all`}. What building left behind and is free is given back before."""
        resident.trim()
        peak = resident.Peak()
        for _ in range(blocks):
            self._block()
        return {"peak": peak.bytes - self.base}


def main() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, int(signal.SIGKILL))
    if "alone" in sys.argv:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print must not get between the answers
    servant = Servant()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(servant, request.pop("do"))(**request)
        except NotImplementedError:
            answer = {"absent": True}
        except Exception as error:
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        channel.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
