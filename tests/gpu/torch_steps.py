"""PyTorch's training steps on its GPU, for comparison: run by PyTorch's own Python, one line of JSON a
workload.

``python -m tests.gpu.torch_steps SECONDS STEPS NAME...``; PEER_CODE names the folder of ``bench_torch.py``.
The programs are those of the benchmarks on the CPU; here all that they make lies on the GPU.
"""

from __future__ import annotations

import importlib
import json
import os
import sys

from tests.gpu.steps import timed


def main() -> None:
    import torch

    if not torch.cuda.is_available():
        raise SystemExit("PyTorch finds no GPU")
    torch.set_default_device("cuda")
    on_the_cpu = torch.from_numpy
    torch.from_numpy = lambda array: on_the_cpu(array).cuda()
    workloads: dict = {}
    if os.environ.get("PEER_CODE"):
        sys.path.insert(0, os.environ["PEER_CODE"])
        workloads |= importlib.import_module("bench_torch").WORKLOADS
    for module in ("lenet", "char_lstm"):
        workloads |= importlib.import_module(f"tests.benchmarks.peers.{module}").WORKLOADS
    seconds, steps, *names = sys.argv[1:]
    for name in names:
        answer: dict = {"name": name}
        try:
            run = workloads[name]("eager")

            def fetched(first: int, count: int, run=run) -> list:
                return [loss.cpu() for loss in run(first, count)]

            answer["ms"] = timed(fetched, 0, int(steps), float(seconds))
        except Exception as error:  # what PyTorch cannot do is left out of the comparison, by name
            answer["error"] = f"{type(error).__name__}: {error}"
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
