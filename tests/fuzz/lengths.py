"""``python -m tests.fuzz.lengths --functions 200 --seed 0``: generated C with lengths that are none, under
AddressSanitizer.

Each function is an operation that takes lengths, given random sums, differences, products and parts of four
numbers; it is called with numbers that are negative, 0, small and huge.  The native function and the
reference give the same shape and values, or both an error; the sanitizers end the process at the first byte
that is written or read where there is none.

What cannot be run so (a compiler without sanitizers, a system without LD_PRELOAD) ends with status 77.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

#: the status of a machine that has no sanitizers
NO_SANITIZER = 77
SMALL = (0, 1, 2, 3, 5)
BAD = (-(2**63), -(2**62) - 1, -7, -2, -1)
HUGE = (2**60, 2**61, 2**62, 2**63 - 1)
FLAGS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-O0", "-g")


def makers() -> list[Callable[..., Any]]:
    """What takes lengths: functions of a source of lengths and of tensors ``x`` (4, 3) and ``v`` (6,)."""
    import graphlib
    import graphlib.tensor as T
    from graphlib.tensor.nnet import conv2d
    from graphlib.tensor.shared_randomstreams import RandomStreams
    from graphlib.tensor.signal.pool import pool_2d

    stream = RandomStreams(3)

    def loop(n: Any, x: Any, v: Any) -> Any:
        made, _ = graphlib.scan(lambda a: T.concatenate([T.zeros((n(),)) + a, v]), v[:3])
        return made

    def state(n: Any, x: Any, v: Any) -> Any:
        made, _ = graphlib.scan(lambda a, h: h * 0.5 + a, v[:3], T.zeros((n(), 2)))
        return T.concatenate([made[-1], x[:, :2]])

    def late(n: Any, x: Any, v: Any) -> Any:
        return T.concatenate([T.zeros((T.cast(T.exp(v).sum() * 0, "int64") + n(),)), v])

    return [
        lambda n, x, v: T.concatenate([T.zeros((n(), 3)), x]),
        lambda n, x, v: T.concatenate([x, T.alloc(v[0], n() - x.shape[0], x.shape[1])]),
        lambda n, x, v: T.ones((n(), n())) * v[1],
        lambda n, x, v: T.concatenate([T.zeros((n(), n(), 2)).flatten(), v]),
        lambda n, x, v: T.exp(T.broadcast_to(v, (n(), 6)))[:, :2],
        lambda n, x, v: v.reshape((n(), n())).sum(axis=0),
        lambda n, x, v: T.concatenate([x.reshape((n(), -1)), T.ones((1, 4))]),
        lambda n, x, v: T.tile(x, (n(), 2)),
        lambda n, x, v: T.concatenate([T.repeat(v, n()), v]),
        lambda n, x, v: T.repeat(x, n(), axis=1) + 1,
        lambda n, x, v: T.eye(n(), n()) * 2,
        lambda n, x, v: T.concatenate([T.arange(n()).astype("float32"), v]),
        lambda n, x, v: T.arange(n(), n()).astype("float32") * v[0],
        lambda n, x, v: T.concatenate([stream.uniform((n(),)) * 0, v]),
        lambda n, x, v: T.tanh(stream.normal((n(), 2)) * 0),
        lambda n, x, v: v[n() : n()] * 2,
        lambda n, x, v: T.concatenate([x[: n(), n() :], x[:, :0]], axis=1),
        lambda n, x, v: x[n()] + 1,
        lambda n, x, v: T.set_subtensor(x[n() : n()], 7),
        lambda n, x, v: T.inc_subtensor(T.zeros((n(), 3))[: n()], v[0]),
        lambda n, x, v: T.set_subtensor(T.zeros((n(),))[T.arange(n())], v[0]),
        lambda n, x, v: T.concatenate(T.split(v, [n(), n()], 2)[::-1]),
        lambda n, x, v: T.cumsum(T.zeros((n(), n())) + v[0], axis=0),
        lambda n, x, v: T.sort(T.zeros((n(), 3)) + v[:3], axis=1),
        lambda n, x, v: T.dot(T.tile(x, (n(), 1)), T.tile(x.T, (1, n()))),
        lambda n, x, v: T.dot(T.tile(x, (1, n())), T.tile(x.T, (n(), 1))),
        lambda n, x, v: T.batched_dot(T.alloc(x, n(), 4, 3), T.alloc(x.T, n(), 3, 4)),
        lambda n, x, v: (T.ones((n(), n())) + v[0]).sum(axis=1),
        lambda n, x, v: T.ones((n(), 3)).max(axis=1),
        lambda n, x, v: conv2d(T.ones((1, 1, n(), n())), T.ones((1, 1, 2, 2))),
        lambda n, x, v: pool_2d(T.ones((1, n(), n())), (2, 2), ignore_border=False),
        lambda n, x, v: T.grad(T.sqr(T.concatenate([v, T.zeros((n(),))])).sum(), v),
        lambda n, x, v: T.grad(T.sqr(T.tile(v, (n(),))).sum(), v),
        lambda n, x, v: graphlib.scan(lambda a: T.exp(a), v, n_steps=T.minimum(n(), 6))[0],
        loop,
        state,
        late,
    ]


class Source:
    """Lengths for one function: its inputs, and what is computed from them."""

    def __init__(self, rng: random.Random) -> None:
        import graphlib.tensor as T

        self.rng, self.inputs = rng, [T.lscalar(f"n{k}") for k in range(4)]

    def __call__(self) -> Any:
        n, m = self.rng.choice(self.inputs), self.rng.choice(self.inputs)
        return self.rng.choice([n, n, n, n, n + 1, n - m, n * m, n + m, n // 2, n * 2])


def check(seed: int, calls: int) -> tuple[str, int]:
    """Make a function, each seed of the next operation, and call it; its line, and how many calls gave a
    value."""
    import graphlib
    import graphlib.tensor as T

    rng = random.Random(seed)
    x, v, source = T.fmatrix("x"), T.fvector("v"), Source(rng)
    every = makers()
    output = every[seed % len(every)](source, x, v)
    fast, reference = (
        graphlib.function([x, v, *source.inputs], output, mode=mode, on_unused_input="ignore")
        for mode in ("fast_run", "reference")
    )
    rows = np.arange(12, dtype="float32").reshape(4, 3) / 8
    line = np.arange(6, dtype="float32") / 4
    good = 0
    for _ in range(calls):
        # most lengths are small, so that one that is none is often the only one
        kinds = rng.choices((SMALL, BAD, HUGE), (5, 1, 1), k=len(source.inputs))
        lengths = [rng.choice(kind) for kind in kinds]
        results = [_outcome(f, [rows, line, *lengths]) for f in (fast, reference)]
        good += compare(results, lengths, f"seed {seed}, {output.origin}")
    return str(output.origin), good


def _outcome(f: Any, arguments: list) -> Any:
    try:
        return f(*arguments)
    except (ValueError, IndexError, MemoryError, ZeroDivisionError) as error:
        return error


def compare(results: list, lengths: list[int], where: str) -> bool:
    """Whether both gave a value, which is the same; AssertionError if they disagree."""
    got, wanted = results
    where += f", lengths {lengths}"
    if isinstance(got, Exception):
        # NumPy's integers wrap around and are lengths again, and it has arrays of no rows of too many columns
        excused = any(abs(n) >= 2**31 for n in lengths)
        assert isinstance(wanted, Exception) or excused, (
            f"{where}: {got!r}, but the reference gives {wanted!r}"
        )
        assert "line " in str(got), f"{where}: {got!r} names no line"
        return False
    assert not isinstance(wanted, Exception), f"{where}: {got!r}, but the reference fails: {wanted!r}"
    assert got.shape == wanted.shape, f"{where}: {got.shape} instead of {wanted.shape}"
    assert np.allclose(got, wanted, 1e-4, 1e-4, equal_nan=True), f"{where}: {got} instead of {wanted}"
    return True


def sanitized() -> dict[str, str] | None:
    """The environment of a process whose functions are compiled with sanitizers; None where there are
    none."""
    compiler = shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        return None
    libraries = []
    for name in ("libasan.so", "libubsan.so"):
        command = [compiler, f"-print-file-name={name}"]
        path = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
        if not os.path.isabs(path):
            return None
        libraries.append(path)
    folder = Path(tempfile.gettempdir()) / f"graphlib-sanitized-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    wrapper = folder / "cc"
    wrapper.write_text(f'#!/bin/sh\nLD_PRELOAD= exec {compiler} "$@" {" ".join(FLAGS)}\n')
    wrapper.chmod(0o755)
    return {
        **os.environ,
        "LD_PRELOAD": ":".join(libraries),
        # Python keeps what it has until the end; what is too much is no memory, as without the sanitizer
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:max_allocation_size_mb=4000",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "GRAPHLIB_FLAGS": f"cc={wrapper},cache_dir={folder / 'cache'},device=cpu,threads=2",
        "TESTS_FUZZ_SANITIZED": "1",
    }


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.lengths", description=__doc__)
    parser.add_argument("--functions", type=int, default=20, help="how many functions")
    parser.add_argument("--seed", type=int, default=0, help="functions of the seeds SEED, SEED + 1, ...")
    parser.add_argument("--calls", type=int, default=300, help="calls of each")
    given = parser.parse_args(arguments)
    if "TESTS_FUZZ_SANITIZED" not in os.environ:
        environment = sanitized()
        if environment is None:
            print("no AddressSanitizer here: gcc's is looked for, on Linux")
            return NO_SANITIZER
        command = [sys.executable, "-m", "tests.fuzz.lengths", *(arguments or sys.argv[1:])]
        return subprocess.run(command, env=environment, check=False).returncode
    warnings.simplefilter("ignore")
    for seed in range(given.seed, given.seed + given.functions):
        line, good = check(seed, given.calls)
        print(f"seed {seed}, {line}: {given.calls} calls, {good} of them with values", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
