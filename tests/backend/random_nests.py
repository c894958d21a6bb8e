"""Random graphs of what is computed row by row: reductions of reductions, softmaxes and normalisations, each
read several times, from several loops; plain, with gradients, and as a step of a loop.

``python -m tests.backend.random_nests FIRST COUNT [c|cuda]`` tries so many of them against the reference in
processes of their own, so that one that dies is told like any other.
"""

import subprocess
import sys

import numpy as np

import graphlib
import graphlib.tensor as T
from graphlib.errors import BackendMismatch

from ..ops.backends import compiled

#: names of axes and their lengths; one of them statically 1, one empty in some graphs
LENGTHS = {"a": 4, "b": 3, "c": 5, "d": 1}


class Graph:
    """A random graph: ``inputs`` with arrays, and ``outputs``; terms are (axes, variable)."""

    def __init__(self, seed):
        self.random = np.random.RandomState(seed)
        self.lengths = dict(LENGTHS)
        self.dtype = str(self.random.choice(["float32", "float64"]))
        if self.random.rand() < 0.1:
            self.lengths["b"] = 0
        elif self.random.rand() < 0.4:
            self.lengths["abc"[self.random.randint(3)]] = 150
        self.static = {axis: self.random.rand() < 0.4 for axis in self.lengths} | {"d": True}
        self.inputs, self.arrays, self.terms = [], [], []
        for axes in self._some(
            ["abc", "ab", "bc", "abd", "cab", "bb", "c", "dc"], 2 + self.random.randint(2)
        ):
            self.leaf(axes)

    def _some(self, things, count):
        return [things[k] for k in self.random.choice(len(things), min(count, len(things)), replace=False)]

    def leaf(self, axes):
        shape = tuple(self.lengths[a] if self.static[a] else None for a in axes)
        v = T.tensor(f"x{len(self.inputs)}", self.dtype, shape=shape)
        self.inputs.append(v)
        self.arrays.append(self.random.uniform(-1, 1, [self.lengths[a] for a in axes]).astype(self.dtype))
        self.terms.append((axes, v))

    # operations

    def pick(self):
        """A term, the later ones more often."""
        return self.terms[-1 - int(self.random.rand() ** 1.5 * len(self.terms))]

    def grow(self, turns):
        for _ in range(turns):
            axes, x = self.pick()
            kind = self.random.choice(
                ["reduce", "softmax", "normalise", "pair", "unary", "move", "along", "product", "write"],
                p=[0.28, 0.12, 0.1, 0.22, 0.08, 0.06, 0.06, 0.04, 0.04],
            )
            made = getattr(self, kind)(axes, x)
            if made is not None:
                self.terms.append(made)

    def axis(self, axes):
        return self.random.randint(len(axes))

    def reduce(self, axes, x):
        if not axes:
            return None
        which = sorted(self._some(range(len(axes)), 1 + self.random.randint(len(axes))))
        name = self.random.choice(
            ["sum", "max", "min", "prod", "mean", "var", "any", "argmax", "logsumexp", "std"]
        )
        keep = self.random.rand() < 0.4
        if 0 in [self.lengths[axes[k]] for k in which] and name not in ("sum", "prod", "any"):
            name = "sum"
        if name == "argmax":
            which = which[:1]
            r = T.consider_constant(T.cast(T.argmax(x, axis=int(which[0]), keepdims=keep), self.dtype) / 8)
        elif name == "any":
            r = T.cast(T.any(T.gt(x, 0.3), axis=which, keepdims=keep), self.dtype)
        elif name == "std":
            r = T.sqrt(T.var(x, axis=which, keepdims=keep) + 0.1)
        else:
            r = getattr(T, name)(x, axis=which, keepdims=keep)
        left = "".join(("d" if keep else "") if k in which else a for k, a in enumerate(axes))
        return left, r

    def softmax(self, axes, x):
        if not axes:
            return None
        k = self.axis(axes)
        if self.lengths[axes[k]] == 0:
            return None
        form = self.random.randint(4)
        if form == 0:
            e = T.exp(x - T.max(x, axis=k, keepdims=True))
            return axes, e / e.sum(axis=k, keepdims=True)
        if form == 1:
            return axes, x - T.logsumexp(x, axis=k, keepdims=True)
        if len(axes) == 2 and self.lengths[axes[1]]:
            p = T.nnet.softmax(x)
            return axes, p if form == 2 else T.log(p)
        e = T.exp(x)
        return axes, e / e.sum(axis=k, keepdims=True)

    def normalise(self, axes, x):
        if not axes:
            return None
        k = self.axis(axes)
        if self.lengths[axes[k]] == 0:
            return None
        centred = x - x.mean(axis=k, keepdims=True)
        if self.random.rand() < 0.5:
            return axes, centred / T.sqrt(x.var(axis=k, keepdims=True) + 0.1)
        return axes, centred / T.sqrt(T.sqr(centred).mean(axis=k, keepdims=True) + 0.1)

    def pair(self, axes, x):
        """A sum, a product, … with another term that fits, broadcast where it must be."""
        random = self.random
        others = [t for t in self.terms if self.fits(axes, t[0])]
        other_axes, y = others[random.randint(len(others))]
        if random.rand() < 0.3 and axes == "ab" and any(t[0] == "a" for t in self.terms):
            y = next(t[1] for t in self.terms if t[0] == "a").dimshuffle(0, "x")
            other_axes = "ad"
        left = [
            b if a == "d" else a
            for a, b in zip(axes, axes[: len(axes) - len(other_axes)] + other_axes, strict=True)
        ]
        op = random.choice(["add", "sub", "mul", "maximum", "switch", "div"])
        if op == "add":
            r = x + y
        elif op == "sub":
            r = x - y
        elif op == "mul":
            r = x * y
        elif op == "maximum":
            r = T.maximum(x, y)
        elif op == "switch":
            r = T.switch(T.gt(x, y), x * 0.5, y)
        else:
            r = x / (1 + T.sqr(y))
        return "".join(left), r

    def fits(self, axes, other):
        """Whether a term of the axes ``other`` broadcasts against one of ``axes``."""
        if len(other) > len(axes):
            return False
        return all(a in (b, "d") or b == "d" for a, b in zip(reversed(other), reversed(axes), strict=False))

    def unary(self, axes, x):
        f = self._some(
            [T.tanh, T.sqr, lambda v: -v, lambda v: T.exp(-T.sqr(v)), T.nnet.sigmoid, lambda v: 0.5 * v], 1
        )[0]
        return axes, f(x)

    def move(self, axes, x):
        if not axes:
            return None
        form = self.random.randint(3)
        if form == 0:
            order = list(self.random.permutation(len(axes)))
            return "".join(axes[k] for k in order), x.dimshuffle([int(k) for k in order])
        if form == 1:
            k = self.axis(axes)
            return axes, x[(slice(None),) * k + (slice(None, None, -1),)]
        return "d" + axes if len(axes) < 3 else axes, x.dimshuffle("x", *range(x.ndim)) if len(
            axes
        ) < 3 else x

    def along(self, axes, x):
        if not axes:
            return None
        k = int(self.axis(axes))
        form = self.random.randint(3)
        if form == 0:
            return axes, T.cumsum(x, axis=k) * 0.3
        if form == 1:
            return axes, T.sort(x, axis=k)
        return axes, T.concatenate(
            [x[(slice(None),) * k + (slice(1, None),)], x[(slice(None),) * k + (slice(0, 1),)]], axis=k
        )

    def product(self, axes, x):
        if len(axes) != 2:
            return None
        others = [t for t in self.terms if len(t[0]) == 2 and t[0][0] == axes[1]]
        if not others:
            return None
        other, y = others[self.random.randint(len(others))]
        return axes[0] + other[1], T.dot(x, y) * 0.3

    def write(self, axes, x):
        others = [t for t in self.terms if t[0] == axes[1:]] if axes else []
        if not others or self.lengths[axes[0]] == 0:
            return None
        y = others[self.random.randint(len(others))][1]
        form = T.set_subtensor if self.random.rand() < 0.5 else T.inc_subtensor
        return axes, form(x[0], y)

    # whole graphs

    def results(self):
        """Some terms, and the gradient of a sum of them all to each input."""
        chosen = [v for _, v in self._some(self.terms[len(self.inputs) :] or self.terms, 3)]
        if self.random.rand() < 0.5:
            cost = sum((T.tanh(v) * (k + 0.5)).sum() for k, v in enumerate(chosen))
            chosen += T.grad(cost, self.inputs, disconnected_inputs="ignore")
        return chosen


def plain(seed):
    graph = Graph(seed)
    graph.grow(4 + graph.random.randint(8))
    return graph.inputs, graph.results(), graph.arrays


def in_a_loop(seed):
    """The graph as the step of a loop: rows are sequences' or invariant, and one result is a state."""
    graph = Graph(seed)
    n = len(graph.inputs)
    split = 1 + graph.random.randint(n)
    outer, arrays = [], []
    for k, (v, a) in enumerate(zip(graph.inputs, graph.arrays, strict=True)):
        if k < split:
            outer.append(T.tensor(f"s{k}", graph.dtype, shape=(None, *v.type.shape)))
            rows = [a, a[::-1] * 0.7, a * 0.2 + 0.1] if a.ndim else [a, a * 0.7, a * 0.2]
            arrays.append(np.stack(rows).astype(graph.dtype))
        else:
            outer.append(v)
            arrays.append(a)
    axes = graph.terms[0][0]
    turns = 3 + graph.random.randint(5)

    def step(*given):
        rows, before, rest = given[:split], given[split], given[split + 1 :]
        random = graph.random.get_state()
        graph.terms = [(a, v) for (a, _), v in zip(graph.terms[:n], [*rows, *rest], strict=True)]
        graph.terms.append((axes, before))
        graph.grow(turns)
        graph.random.set_state(random)
        same = [v for a, v in graph.terms if a == axes]
        made = graph.terms[-2:]
        return [T.tanh(same[-1] + 0.1 * before), *(v for _, v in made)]

    (states, *others), _ = graphlib.scan(
        step, outer[:split], [T.zeros_like(outer[0][0]), None, None], outer[split:]
    )
    results = [states, *others]
    if graph.random.rand() < 0.5:
        cost = sum((T.tanh(v) * (k + 0.5)).sum() for k, v in enumerate(results))
        results += T.grad(cost, outer, disconnected_inputs="ignore")
    return outer, results, arrays


def disagreement(backend, inputs, outputs, arrays):
    """What a backend computes otherwise than the reference, but for rounding; '' if nothing."""
    try:
        compiled(backend, inputs, outputs, mode="check")(*arrays)
    except BackendMismatch as error:
        return str(error)
    return ""


def attempt(seed, backend):
    build = in_a_loop if seed % 3 == 2 else plain
    return disagreement(backend, *build(seed))


if __name__ == "__main__":
    first, count, *rest = sys.argv[1:]
    backend = rest[0] if rest else "c"
    if "alone" in rest:
        for seed in range(int(first), int(first) + int(count)):
            print("seed", seed, flush=True)
            try:
                found = attempt(seed, backend)
            except Exception as error:
                found = f"{type(error).__name__}: {str(error)[:300]}"
            print(f"WRONG {seed} {found[:600]}" if found else "ok", flush=True)
    else:
        start, end = int(first), int(first) + int(count)
        while start < end:
            arguments = [
                sys.executable,
                "-m",
                __spec__.name,
                str(start),
                str(min(50, end - start)),
                backend,
                "alone",
            ]
            done = subprocess.run(arguments, capture_output=True, text=True)
            lines = done.stdout.splitlines()
            print(*(line for line in lines if line.startswith("WRONG")), sep="\n", flush=True)
            last = max((int(line.split()[1]) for line in lines if line.startswith("seed")), default=start)
            if done.returncode:
                print(f"DIED {last}: {done.returncode} {done.stderr[-300:]}", flush=True)
            start = last + 1
