"""What `scan(…, checkpoint_every=√n)` saves of the memory of a loop's gradient, and what it takes of time, by
length: `python -m tests.benchmarks.checkpoints [LENGTH …]`.

Each line is of an LSTM of 64 units for 8 sequences with 32 inputs, and the gradients by its weights: the most
that the process comes to hold of its own in a call, beyond inputs and weights, and processor milliseconds of
one, the least of several, on one thread.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

import graphlib
import graphlib.tensor as T
from tests.benchmarks import resident

LENGTHS = (250, 1000, 4000, 16000)
UNITS, ROWS, INPUTS, CALLS = 64, 8, 32, 3


def gradient(every: int | None) -> Callable:
    """The function from a sequence of inputs, (length, ROWS, INPUTS), to the cost and its gradients."""
    random = np.random.default_rng(0)
    x = T.TensorType("float32", (None, ROWS, INPUTS))("x")
    shapes = ((INPUTS, 4 * UNITS), (UNITS, 4 * UNITS))
    w, u = (graphlib.shared(random.normal(size=shape).astype("float32") / 8, shape=shape) for shape in shapes)

    def step(row, h, c):
        gates = T.dot(row, w) + T.dot(h, u)
        i, f, o, g = (gates[:, k * UNITS : (k + 1) * UNITS] for k in range(4))
        c = T.nnet.sigmoid(f) * c + T.nnet.sigmoid(i) * T.tanh(g)
        return T.nnet.sigmoid(o) * T.tanh(c), c

    (h, _), _ = graphlib.scan(step, x, [T.zeros((ROWS, UNITS))] * 2, checkpoint_every=every)
    cost = T.sqr(h[-1]).mean()
    return graphlib.function([x], [cost, *T.grad(cost, [w, u])])


def measured(length: int, every: int | None) -> tuple[float, float]:
    """Mebibytes that a call comes to hold, and its processor milliseconds."""
    f = gradient(every)
    x = np.random.default_rng(1).normal(size=(length, ROWS, INPUTS)).astype("float32")
    f(x[:3])
    resident.trim()
    before, peak = resident.own(), resident.Peak()
    f(x)
    held = peak.bytes - before
    seconds = []
    for _ in range(CALLS):
        start = time.process_time()
        f(x)
        seconds.append(time.process_time() - start)
    return held / 2**20, 1000 * min(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("lengths", nargs="*", type=int, default=LENGTHS, metavar="LENGTH")
    lengths = parser.parse_args().lengths
    graphlib.config.threads = 1
    print("| steps | MiB | with checkpoints | ms | with checkpoints |\n|---|---|---|---|---|")
    for length in lengths:
        (all_values, fast), (few, slow) = (measured(length, k) for k in (None, round(length**0.5)))
        print(f"| {length:,} | {all_values:.1f} | {few:.2f} | {fast:.1f} | {slow:.1f} |", flush=True)


if __name__ == "__main__":
    main()
