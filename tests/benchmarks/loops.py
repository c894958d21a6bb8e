"""What each thing that is done for loops is worth: steps of models with a loop, compiled with all of it and
with one left out.

``python -m tests.benchmarks.loops`` prints, for each, the processor time without it over the time with all,
of runs that take turns.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np

import graphlib
import graphlib.tensor as T
from graphlib.rewrite import scan as loops
from graphlib.rewrite.scan import hoist, shrink
from graphlib.schedule import planning
from graphlib.tensor.random import RandomStreams
from tests.benchmarks.figures import significant, table

#: what is left out: where it is, its name, and what is there instead
LEFT_OUT: dict[str, tuple[Any, str, Callable]] = {
    "products of sequences before the loop": (hoist, "before", lambda body: None),
    "sums over steps after the loop": (hoist, "sums", lambda body: None),
    "products of outputs after the loop": (hoist, "after", lambda body: None),
    "only what is read is kept": (loops, "shrunk", lambda node, uses: {}),
    "one loop for a value and its gradient": (loops, "merged", lambda results, stop_at: results),
    "transposed views inside the step": (shrink, "_views_inside", lambda body: None),
    "small steps in one function, of all turns": (planning, "together", lambda plan: ()),
    "of all turns": (planning, "at_once", lambda plan, scan: False),
}


@contextmanager
def without(rewrite: str | None) -> Iterator[None]:
    """Compile without one of them, or with all."""
    if rewrite is None:
        yield
        return
    with mock.patch.object(*LEFT_OUT[rewrite]):
        yield


def recurrent_network() -> tuple[Callable, list]:
    """A sentence of 15 words: 700 inputs, 100 sigmoid units, 120 classes, gradient descent on the weights."""
    random = np.random.RandomState(0)
    shapes = {"Wx": (700, 100), "Wh": (100, 100), "W": (100, 120), "bh": (100,), "b": (120,)}
    p = {k: graphlib.shared(random.randn(*s).astype("float32") * 0.1, k) for k, s in shapes.items()}
    x, y = T.matrix("x"), T.ivector("y")

    def step(row, h):
        h = T.nnet.sigmoid(T.dot(row, p["Wx"]) + T.dot(h, p["Wh"]) + p["bh"])
        return h, T.nnet.softmax(T.dot(h, p["W"]) + p["b"])

    (_, s), _ = graphlib.scan(step, x, [T.zeros((100,)), None])
    cost = -T.mean(T.log(s[:, 0, :])[T.arange(x.shape[0]), y])
    gradients = graphlib.grad(cost, list(p.values()))
    updates = [(v, v - 0.01 * g) for v, g in zip(p.values(), gradients, strict=True)]
    f = graphlib.function([x, y], cost, updates=updates)
    return f, [random.randn(15, 700).astype("float32"), random.randint(0, 120, 15).astype("int32")]


def gibbs_chain() -> tuple[Callable, list]:
    """A thousand Gibbs steps of 20 chains of an RBM of 784 and 500 units, of which the last is wanted."""
    random, rng = np.random.RandomState(0), RandomStreams(1)
    W = graphlib.shared(random.randn(784, 500).astype("float32") * 0.01, "W")
    v0 = graphlib.shared((random.rand(20, 784) > 0.5).astype("float32"), "v0")

    def step(v):
        h = rng.binomial(p=T.nnet.sigmoid(T.dot(v, W)), dtype="float32")
        mean = T.nnet.sigmoid(T.dot(h, W.T))
        return mean, rng.binomial(p=mean, dtype="float32")

    (mean, v), _ = graphlib.scan(step, outputs_info=[None, v0], n_steps=1000)
    return graphlib.function([], mean[-1], updates=[(v0, v[-1])]), []


def lorenz() -> tuple[Callable, list]:
    """A thousand steps of Lorenz' equations by Runge and Kutta, and the gradient by where they begin."""
    x = T.TensorType("float32", (3,))("x")

    def slope(s):
        a, b, c = (s[i] for i in range(3))
        return T.stack([10 * (b - a), a * (28 - c) - b, a * b - c * (8 / 3)])

    def step(s):
        k = [slope(s)]
        for part in (0.005, 0.005, 0.01):
            k.append(slope(s + part * k[-1]))
        return s + 0.01 / 6 * (k[0] + 2 * k[1] + 2 * k[2] + k[3])

    s, _ = graphlib.scan(step, outputs_info=x, n_steps=1000)
    return graphlib.function([x], [s[-1], T.grad(s[-1].sum(), x)]), [np.array([1, 2, 3], "float32")]


def smoothed() -> tuple[Callable, list]:
    """An exponential moving average of 20,000 numbers, and the gradient of its error by its rate."""
    x, rate = T.vector("x"), T.scalar("rate")
    y, _ = graphlib.scan(lambda x, y, rate: y + rate * (x - y), x, T.zeros(()), rate)
    cost = T.sqr(y - x).mean()
    f = graphlib.function([x, rate], [cost, T.grad(cost, rate)])
    return f, [np.random.RandomState(0).randn(20000).astype("float32"), np.float32(0.1)]


MODELS = {
    "a sentence of a recurrent network": recurrent_network,
    "1000 Gibbs steps": gibbs_chain,
    "1000 steps of Lorenz' equations": lorenz,
    "a moving average of 20,000 numbers": smoothed,
}


def measure(build: Callable, rounds: int) -> list[list[str]]:
    """A row for each of them: the median over rounds of the time without it over the time with all."""
    functions = {}
    for name in (None, *LEFT_OUT):
        with without(name):
            functions[name] = build()
    seconds: dict = {name: [] for name in functions}
    for f, arguments in functions.values():
        f(*arguments)
    for _ in range(rounds):
        for name, (f, arguments) in functions.items():
            start, calls = time.process_time(), 0
            while calls < 3 or time.process_time() - start < 0.02:
                f(*arguments)
                calls += 1
            seconds[name].append((time.process_time() - start) / calls)
    whole = np.array(seconds[None])
    rows = [["with all", "1", significant(float(np.median(whole)) * 1e3)]]
    for name in LEFT_OUT:
        ratio = float(np.median(np.array(seconds[name]) / whole))
        rows.append([name, significant(ratio), significant(float(np.median(seconds[name])) * 1e3)])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("names", nargs="*", choices=[*MODELS, []], metavar="MODEL", help="(default: all)")
    options = parser.parse_args()
    graphlib.config.cache_functions = False  # in the cache one that is made otherwise would be the same
    for title in options.names or MODELS:
        build, rounds = MODELS[title], options.rounds
        print(f"{title}\n{table(('without', 'time / with all', 'ms'), measure(build, rounds))}\n", flush=True)


if __name__ == "__main__":
    main()
