"""What a step costs on several machines: a model of few numbers, and their measurement.

A mean over N ranks of an array of b bytes takes

    α + b (N − 1) / β + γ b N                       where it goes to all as a whole (short arrays)
    2 (α + (N − 1) ο) + (b / β) 2 (N − 1) / N + γ b  where it is dealt out

seconds: α is the latency of a message, ο what it takes to send one more, β the bandwidth of a rank in bytes a
second, γ the time to add up a byte. A step of a rank that computes for C seconds, of which the part in which
gradients come and their means are under way is the share s, takes

    C + max(0, M − s C)

for means that take M seconds together: messages of one rank go one after the other, beside what it computes.
Short arrays go together, as one message.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import graphlib
import graphlib.tensor as T

from ..ops.collectives import over_ranks
from ..ranks import Ranks

#: as in collectives.c
WHOLE_BYTES, SHORT_BYTES, BUNDLE_BYTES = 65536, 16384, 65536
#: the share of a step in which means may be under way: backwards takes about twice as long as forwards
BACKWARDS = 2 / 3


@dataclass(frozen=True)
class Network:
    """What messages between ranks cost: ``latency`` and ``another``, of each message more, in seconds,
    ``bandwidth`` in bytes a second, ``adding`` in seconds a byte."""

    latency: float
    bandwidth: float
    adding: float = 1e-10
    another: float = 1e-6

    def seconds(self, size: float, ranks: int) -> float:
        """What the mean over ranks of an array of so many bytes takes."""
        if ranks == 1 or not size:
            return 0.0
        if size * ranks <= WHOLE_BYTES:
            return self.latency + size * (ranks - 1) / self.bandwidth + self.adding * size * ranks
        sent = 2 * (ranks - 1) / ranks * size / self.bandwidth
        return 2 * (self.latency + (ranks - 1) * self.another) + sent + self.adding * size


@dataclass(frozen=True)
class Step:
    """A step of a rank: ``compute`` seconds, and the bytes of each array whose mean is taken."""

    compute: float
    arrays: Sequence[float]

    def means(self, network: Network, ranks: int) -> float:
        """What its means take together."""
        return sum(network.seconds(size, ranks) for size in messages(self.arrays))

    def seconds(self, network: Network, ranks: int, overlap: float = BACKWARDS) -> float:
        """What a step on so many ranks takes; each goes through as many examples as one did alone."""
        return self.compute + max(0.0, self.means(network, ranks) - overlap * self.compute)

    def efficiency(self, network: Network, ranks: int) -> float:
        """The share of N times one machine's examples a second that N of them go through."""
        return self.compute / self.seconds(network, ranks)


def messages(arrays: Sequence[float]) -> list[float]:
    """The bytes of the messages in which the means of arrays of so many bytes are taken, begun in this order
    and all of them before one is waited for: long ones on their own, short ones in bundles."""
    found, bundle = [], 0.0
    for size in arrays:
        if size > SHORT_BYTES:
            found.append(size)
            continue
        if bundle + size > BUNDLE_BYTES:
            found.append(bundle)
            bundle = 0.0
        bundle += size
    return [*found, bundle] if bundle else found


def time_of_mean(known: Ranks, n: int, repeats: int) -> float:
    """What the mean of n float32 takes, in seconds: the shortest of several times, which other programs on
    the machine have disturbed least."""
    values = graphlib.shared(np.zeros(n, "float32"), name="values")
    mean = graphlib.function([], [], updates=[(values, over_ranks(values))], name="mean")
    alone = graphlib.function([], [], name="nothing")
    return max(_shortest(known, mean, repeats) - _shortest(known, alone, repeats), 1e-9)


def _shortest(known: Ranks, function: graphlib.Function, repeats: int) -> float:
    function()
    function()
    times = np.empty(repeats)
    for k in range(repeats):
        began = time.perf_counter()
        function()
        times[k] = time.perf_counter() - began
    # a rank that comes late to a mean finds it done: of each repeat the rank that waited longest counts
    return float(known.gathered(times).max(axis=0).min())


def fitted(sizes: Sequence[float], seconds: Sequence[float], ranks: int) -> Network:
    """The network whose means of so many bytes take these times: latency and bandwidth, by least squares of
    relative errors. What it takes to add up is in the bandwidth, and another message in the latency."""
    b, t = np.asarray(sizes, "float64"), np.asarray(seconds, "float64")
    whole = b * ranks <= WHOLE_BYTES
    rows = np.stack([np.where(whole, 1, 2), b * (ranks - 1) * np.where(whole, 1, 2 / ranks)], axis=1)
    rows = rows / t[:, None]
    latency, per_byte = np.linalg.lstsq(rows, np.ones_like(t), rcond=None)[0]
    return Network(max(latency, 1e-7), 1 / max(per_byte, 1e-13), 0.0)


def perceptron(hidden: int, batch: int, together: bool) -> tuple[graphlib.Function, list[int]]:
    """(a step of training of a perceptron of 784 inputs and 10 classes on random images, the bytes of its
    gradients), alone or along the mean over ranks."""
    rng = np.random.RandomState(0)
    shapes = [(784, hidden), (hidden,), (hidden, 10), (10,)]
    w1, b1, w2, b2 = parameters = [
        graphlib.shared(rng.normal(0, 0.05, shape).astype("float32"), name=name)
        for name, shape in zip(("W1", "b1", "W2", "b2"), shapes, strict=True)
    ]
    x = graphlib.shared(rng.uniform(size=(batch, 784)).astype("float32"), name="x")
    y = graphlib.shared(rng.randint(10, size=batch), name="y")
    p = T.nnet.softmax(T.dot(T.tanh(T.dot(x, w1) + b1), w2) + b2)
    cost = -T.mean(T.log(p)[T.arange(batch), y])
    gradients = T.grad(cost, parameters)
    if together:
        gradients = [over_ranks(g) for g in gradients]
    updates = [(v, v - 0.01 * g) for v, g in zip(parameters, gradients, strict=True)]
    step = graphlib.function([], cost, updates=updates, name="perceptron")
    return step, [4 * int(np.prod(shape)) for shape in shapes]


def time_of_step(known: Ranks, step: graphlib.Function, repeats: int) -> float:
    """What a step takes, in seconds: the shortest of several times."""
    return _shortest(known, step, repeats)


__all__ = [
    "BACKWARDS",
    "Network",
    "Step",
    "fitted",
    "messages",
    "perceptron",
    "time_of_mean",
    "time_of_step",
]
