"""How a step's time and memory grow with the batch, the width, the length and the depth, beside JAX:
`python -m tests.benchmarks.growth --peers DIR [--series NAME …] [--json docs/measurements/growth.json]`.

Each size is a step with Adam of one of the models below, on one processor, in processes of its own, as
`memory` has them: the first fills the caches, the second is measured. Time is processor seconds a step, the
least of many blocks in which the libraries take turns; memory is the most that the process holds of its own
while it steps, beyond its imports. Series that are measured take the place of those in the file.
`python -m docs.figures growth` draws it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from tests.benchmarks.contestants import ROOT, Contestant, Worker
from tests.benchmarks.memory import BLOCKS, environment_in
from tests.benchmarks.models.model import Model

STEPS, SECONDS, ROUNDS, LIMIT = 2, 0.25, 5, 120.0


def _dense(ops, p, x, y):
    layers = len(p) // 2
    for k in range(layers):
        x = ops.dot(x, p[f"W{k}"]) + p[f"b{k}"]
        x = ops.relu(x) if k < layers - 1 else x
    return ops.cross_entropy(x, y)


def _net(batch: int, width: int, depth: int) -> Model:
    """`depth` hidden layers."""
    shapes = {}
    for k in range(depth + 1):
        out = width if k < depth else 10
        shapes |= {f"W{k}": (width, out), f"b{k}": (out,)}
    return Model(
        f"{depth} layers of {width} ReLU, batches of {batch}",
        _dense,
        shapes,
        lambda rng: [rng.standard_normal((batch, width)), rng.integers(0, 10, batch).astype(np.int32)],
        "adam",
        (np.nan, np.nan),
    )


def _recurrent(ops, p, x, t):
    h = ops.gru(x, p["Wx"], p["bx"], p["Wh"], p["bh"])
    return ops.mean((h - t) * (h - t))


def _sequence(length: int) -> Model:
    shape = (length, 16, 64)
    return Model(
        f"64 GRU units, 16 sequences of {length}",
        _recurrent,
        {"Wx": (64, 192), "bx": (192,), "Wh": (64, 192), "bh": (192,)},
        lambda rng: [rng.standard_normal(shape), rng.standard_normal(shape)],
        "adam",
        (np.nan, np.nan),
    )


@dataclass(frozen=True)
class Series:
    """about: what grows and what stays; model: of a size; sizes: over two orders of magnitude."""

    about: str
    model: Callable[[int], Model]
    sizes: tuple[int, ...]


SERIES = {
    "batch": Series(
        "examples in a batch, 3 layers of 256", lambda n: _net(n, 256, 3), (10, 32, 100, 320, 1000)
    ),
    "width": Series(
        "units in each of 3 layers, batches of 64", lambda n: _net(64, n, 3), (16, 50, 160, 500, 1600)
    ),
    "length": Series("steps of 64 GRU units, 16 sequences", _sequence, (10, 32, 100, 320, 1000)),
    "depth": Series("layers of 64, batches of 64", lambda n: _net(64, 64, n), (1, 3, 10, 32, 100)),
}


def _enter(model: Model, variant: str) -> Callable[[int, int], list]:
    """The model's step in "graphlib" or in "jit", JAX."""
    if variant == "graphlib":
        from tests.benchmarks.workloads.models import build

        return build(model)
    from tests.benchmarks.peers.models import program

    return program(model)(variant)


WORKLOADS = {
    f"{name}-{size}": partial(_enter, series.model(size))
    for name, series in SERIES.items()
    for size in series.sizes
}


def contestants(peers: Path) -> Iterator[Contestant]:
    """graphlib and JAX, which both find the steps in this module."""
    here = "tests.benchmarks.growth"
    yield Contestant("graphlib", Path(sys.executable), ROOT, here, "graphlib")
    yield Contestant("jax", peers / "jax" / "bin" / "python", ROOT, here, "jit", peer=True)


def measured(who: Sequence[Contestant], workload: str) -> dict[str, dict[str, float | list]]:
    """For each {"seconds": of the processor, a step; "bytes": while stepping; "losses": of two steps}."""
    with ExitStack() as stack:
        found, workers = {}, {}
        for contestant in who:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
            environment = environment_in(folder)
            with Worker(contestant, environment, alone=True) as worker:
                worker.load(LIMIT)
                worker.build(workload, STEPS, LIMIT)
                modules = worker.modules()
            worker = workers[contestant.name] = stack.enter_context(
                Worker(contestant, environment, alone=True)
            )
            worker.load(LIMIT)
            worker.import_all(modules, LIMIT)
            losses = worker.build(workload, STEPS, LIMIT)["losses"]
            found[contestant.name] = {"bytes": worker.stepping(BLOCKS, LIMIT), "losses": losses}
        windows = [{name: w.processor(SECONDS) for name, w in workers.items()} for _ in range(ROUNDS)]
        for name in workers:
            found[name]["seconds"] = min(min(window[name]) for window in windows)
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--peers", type=Path, required=True, metavar="DIR", help="has jax/bin/python")
    parser.add_argument("--series", nargs="+", choices=SERIES, default=list(SERIES), help="(default: all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write what was measured")
    options = parser.parse_args()
    known = options.json is not None and options.json.exists()
    found: dict[str, Mapping] = json.loads(options.json.read_text()) if known else {}
    who = list(contestants(options.peers.absolute()))
    for name in options.series:
        series = SERIES[name]
        rows = [measured(who, f"{name}-{size}") for size in series.sizes]
        found[name] = {"about": series.about, "sizes": series.sizes}
        for one in rows[0]:
            found[name][one] = {key: [row[one][key] for row in rows] for key in rows[0][one]}
        for size, row in zip(series.sizes, rows, strict=True):
            for one, figures in row.items():
                print(
                    f"{name} {size:5d} {one:9s} {figures['seconds'] * 1e3:9.3f} ms "
                    f"{figures['bytes'] / 2**20:7.1f} MiB, losses {figures['losses']}",
                    flush=True,
                )
        if options.json is not None:
            options.json.parent.mkdir(parents=True, exist_ok=True)
            options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
