"""Means over the ranks of an MPI run on GPUs: NCCL's way held against the way through the host."""

from __future__ import annotations

import json
import subprocess

from graphlib.run.cuda import driver
from tests.distributed.mpi import run


def compare(device: str, seconds: float) -> dict:
    """{"right", "losses"} of a training on two ranks, which is the same to the bit either way, or "error";
    {"needs": what} on a machine with one GPU."""
    count = driver.open_device(device).driver.Device.count()
    if count < 2:
        return {"needs": f"two GPUs, and this machine has {count}"}
    try:
        done = run(2, "devices.py", timeout=seconds, GRAPHLIB_FLAGS=f"device={device}")
    except (AssertionError, subprocess.TimeoutExpired) as problem:
        return {"right": False, "error": str(problem)}
    if done.returncode:
        return {"right": False, "error": done.stderr[-2000:]}
    return {"right": True, "losses": json.loads(done.stdout)}
