"""The tutorials' models as libraries: each exported, compiled and run beside graphlib, call by call.

``python -m tests.export.models`` compiles strictly with gcc and the flags that give the same bits; ``--zig``
with the ``ziglang`` wheel's clang, ``--small`` for size.  It prints the greatest difference of an output or a
state after ``--steps`` calls, and how long export and compilation took.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import graphlib
import graphlib.tensor as T
from graphlib.tensor.random import RandomStreams

from .calling import SAME, Native

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tutorials"))
rng = np.random.RandomState(0)
X = (rng.rand(600, 784) * (rng.rand(600, 784) < 0.2)).astype("float32")
Y = rng.randint(0, 10, 600).astype("int32")
TEXT = rng.randint(0, 60, (60, 20)).astype("int32")


class Case(NamedTuple):
    """Functions, bounds of their inputs, and what each is given at call number k."""

    functions: dict[str, Any]
    bounds: dict[str, Any]
    given: Callable[[int], dict[str, list]]


def descent(cost: Any, parameters: list, rate: float) -> list:
    return [(p, p - np.float32(rate) * g) for p, g in zip(parameters, T.grad(cost, parameters), strict=True)]


def _classifier(make: Callable, rate: float, most: int) -> Case:
    x, y = T.matrix("x"), T.ivector("y")
    model = make(x)
    cost = model.negative_log_likelihood(y)
    functions = {
        "train": graphlib.function([x, y], cost, updates=descent(cost, model.params, rate)),
        "predict": graphlib.function([x], [model.y_pred, model.p_y_given_x]),
    }

    def given(k: int) -> dict[str, list]:
        n = (most, most - 7, 1)[k % 3]
        return {"train": [X[k : k + n], Y[k : k + n]], "predict": [X[:n]]}

    return Case(functions, {"x": (most, 784)}, given)


def logistic() -> Case:
    from logistic_sgd import LogisticRegression

    return _classifier(lambda x: LogisticRegression(x, 784, 10), 0.1, 200)


def mlp() -> Case:
    from mlp import MLP

    return _classifier(lambda x: MLP(np.random.RandomState(1), x, 784, 500, 10), 0.01, 64)


def lenet() -> Case:
    from lenet import LeNet

    return _classifier(lambda x: LeNet(np.random.RandomState(1), x), 0.1, 40)


def rbm() -> Case:
    from rbm import RBM

    x, v = T.matrix("x"), T.matrix("v")
    model = RBM(x, 784, 500, numpy_rng=np.random.RandomState(3))
    chain = graphlib.shared(np.zeros((20, 500), "float32"), name="chain")
    cost, updates = model.get_cost_updates(0.1, chain, 15)
    sampler = RBM(v, 784, 500, *model.params, streams=RandomStreams(9))
    (*_, means, samples), drawn = graphlib.scan(sampler.gibbs_vhv, outputs_info=[None] * 5 + [v], n_steps=10)
    functions = {
        "train": graphlib.function([x], cost, updates=updates),
        "sample": graphlib.function([v], [means[-1], samples[-1]], updates=drawn),
    }
    return Case(
        functions,
        {"x": (20, 784), "v": (20, 784)},
        lambda k: {"train": [X[k : k + 20]], "sample": [X[: 1 + k % 20]]},
    )


def char_lstm() -> Case:
    from char_lstm import CharacterLSTM
    from graphlib.nn.optimizers import AdaGrad

    model = CharacterLSTM(np.random.RandomState(3), 60, 128)
    h, c = (graphlib.shared(np.zeros((20, 128), "float32"), name=name) for name in "hc")
    x, y = T.imatrix("x"), T.imatrix("y")
    cost, h1, c1 = model.loss(x, y, h, c)
    steps = AdaGrad(0.1, clip_value=5.0).updates(model.params, cost)
    beginning, length, temperature = T.lvector("beginning"), T.lscalar("length"), T.scalar("temperature")
    written, updates = model.write(RandomStreams(5), beginning, length, temperature)
    functions = {
        "train": graphlib.function([x, y], cost, updates=[*steps, (h, h1), (c, c1)]),
        "write": graphlib.function([beginning, length, temperature], written, updates=updates),
    }
    return Case(
        functions,
        {"x": (50, 20), "y": (50, 20), "beginning": 10, "length": 100},
        lambda k: {
            "train": [TEXT[: 50 - k % 3], TEXT[1 : 51 - k % 3]],
            "write": [np.arange(1 + k % 9), (100, 0, 7)[k % 3], 0.7],
        },
    )


def hmc() -> Case:
    from hmc.gaussian import gaussian_energy, random_gaussian
    from hmc.hmc import hmc_move

    make = np.random.RandomState(12345)
    energy = gaussian_energy(*random_gaussian(make, 5))
    positions = graphlib.shared(make.randn(100, 5).astype("float32"), name="positions")
    size = graphlib.shared(np.float32(0.01), name="stepsize")
    accept, end = hmc_move(RandomStreams(3), positions, energy, size, 20)
    new = T.switch(accept[:, None], end, positions)
    factor = T.switch(T.mean(accept, dtype="float32") > 0.9, np.float32(1.02), np.float32(0.98))
    updates = [(positions, new), (size, T.clip(size * factor, 0.001, 0.25))]
    return Case({"draw": graphlib.function([], new.mean(), updates=updates)}, {}, lambda k: {"draw": []})


MODELS = {f.__name__: f for f in (logistic, mlp, lenet, rbm, char_lstm, hmc)}


def compare(case: Case, native: Native, steps: int) -> dict[str, float]:
    """The greatest difference of an output of each function, and of the state in the end."""
    worst = dict.fromkeys(case.functions, 0.0)
    for k in range(steps):
        for name, arguments in case.given(k).items():
            expected = case.functions[name](*arguments)
            expected = expected if isinstance(expected, list) else [expected]
            found = native.call(f"{native.made.name}_{name}", *arguments)
            for a, b in zip(expected, found, strict=True):
                assert a.shape == b.shape and a.dtype == b.dtype, (name, a.shape, b.shape)
                worst[name] = max(worst[name], difference(a, b))
    worst["state"] = max((difference(f.array, native[f.name]) for f in native.made.state), default=0.0)
    return worst


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """The greatest difference, of numbers above 1 as a share of them."""
    a, b = a.astype(float), b.astype(float)
    return float((np.abs(a - b) / np.maximum(1, np.abs(a))).max()) if a.size else 0.0


def said(worst: dict[str, float]) -> str:
    """Differences in words."""
    found = ", ".join(f"{name} {value:.1e}" for name, value in worst.items())
    return f"differences up to {found}" if any(worst.values()) else "the same bits"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.export.models", description=__doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"of {', '.join(MODELS)}; all by default")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--small", action="store_true", help="-Os -DGRAPHLIB_SMALL")
    parser.add_argument("--zig", action="store_true")
    parser.add_argument("--arena", choices=("static", "caller"), default="static")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    flags = ("-Os", "-DGRAPHLIB_SMALL") if options.small else SAME
    compiler = (sys.executable, "-m", "ziglang", "cc") if options.zig else ("gcc",)
    for name in options.models or MODELS:
        case = MODELS[name]()
        with tempfile.TemporaryDirectory() as folder:
            begun = time.perf_counter()
            made = graphlib.export.c(
                case.functions,
                folder,
                name=name,
                bounds=case.bounds,
                arena=options.arena,
                threads=options.threads,
            )
            exported = time.perf_counter()
            native = Native(made, flags, compiler)
            compiled = time.perf_counter()
            worst = compare(case, native, options.steps)
            print(
                f"{name}: {said(worst)} in "
                f"{options.steps} steps; arena {made.arena} bytes; export {exported - begun:.1f} s, "
                f"compiler {compiled - exported:.1f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
