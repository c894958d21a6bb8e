"""One contestant in a process of its own: builds a workload, then times blocks of steps when it is told to.

Run as a script by the contestant's own Python, which needs numpy and has nothing of ours installed. Its
argument is JSON of {"path", "module", "workload", "variant", "steps"}: the module, found in the folder
`path`, has a dict WORKLOADS of build functions; build(variant) gives run(first, steps), which returns raw
losses when all work is done, or raises NotImplementedError where the variant does not have the workload. The
worker answers in lines of JSON: one when the first blocks are done, then one to each line that holds a
window's seconds.
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

DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG: a worker that waits while stopped would outlive a killed benchmark


def machine_seconds() -> float | None:
    """Seconds in which processors worked for anybody since boot; None where the system does not tell."""
    try:
        with open("/proc/stat") as file:
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, file.readline().split()[1:9])
    except OSError:
        return None
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def window(run, first: int, steps: int, seconds: float) -> dict:
    """Blocks of `steps` steps for at least `seconds`: their seconds, and the others' share of the machine."""
    blocks: list[float] = []
    machine, own, start = machine_seconds(), time.process_time(), time.perf_counter()
    while time.perf_counter() - start < seconds:
        before = time.perf_counter()
        run(first + steps * len(blocks), steps)
        blocks.append(time.perf_counter() - before)
    wall, own, after = time.perf_counter() - start, time.process_time() - own, machine_seconds()
    foreign = 0.0 if machine is None or after is None else (after - machine - own) / (wall * os.cpu_count())
    return {"blocks": blocks, "foreign": foreign}


def number(loss) -> float:
    """A library's own scalar as a float."""
    import numpy as np

    return float(np.asarray(loss.detach() if hasattr(loss, "detach") else loss).reshape(-1)[0])


def serve(answer, path: str, module: str, workload: str, variant: str, steps: int) -> None:
    """Build, run the first block, then a window for each line of standard input."""
    sys.path[0] = path  # this script's folder must not shadow anybody's modules
    build = importlib.import_module(module).WORKLOADS.get(workload)
    if build is None:
        raise NotImplementedError
    start = time.perf_counter()
    run = build(variant)
    if isinstance(run, tuple):  # (run, a note)
        run = run[0]
    losses = run(0, 1)
    first_call = time.perf_counter() - start
    first_loss = number(losses[0]) if losses else None
    losses = run(1, steps - 1)
    last_loss = number(losses[-1]) if losses else None
    run(steps, steps)  # once at full length: a library may compile for the number of steps
    done = 2 * steps
    answer({"first_call": first_call, "losses": [first_loss, last_loss]})
    for line in sys.stdin:
        reply = window(run, done, steps, float(line))
        done += steps * len(reply["blocks"])
        answer(reply)


def main() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, int(signal.SIGKILL))
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print must not get between the answers

    def answer(reply: dict) -> None:
        channel.write(json.dumps(reply) + "\n")

    try:
        serve(answer, **json.loads(sys.argv[1]))
    except NotImplementedError:
        answer({"absent": True})
    except Exception as error:
        traceback.print_exc()
        answer({"error": f"{type(error).__name__}: {error}".splitlines()[0]})


if __name__ == "__main__":
    main()
