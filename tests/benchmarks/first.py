"""First results: seconds from the first variable to the first result, with caches that are empty and then
filled, and the compilers' memory; next to another checkout of graphlib and to JAX.

Each is measured in a process of its own, which is this file run by its path with "graphlib" or "jax", a case,
and perhaps the folder of JAX's programs of the workloads, and prints its figures as JSON.  CPU seconds are
given beside the others, as they depend less on what else runs.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

HERE = Path(__file__).parent
WIDTH, BATCH, STEP = 64, 20, 0.1
#: series that grow: nets of so many layers, recurrent ones of so many steps that are written out, and
#: elementwise expressions of so many operations
SERIES = ("layers-10", "layers-30", "layers-100", "layers-300", "steps-10", "steps-30", "steps-100")
SERIES += ("steps-300", "operations-300", "operations-3000")
TUTORIALS = ("logreg", "mlp", "lenet", "dA", "rbm", "hmc", "slu", "lstm", "rnnrbm")
CASES = (*TUTORIALS, *SERIES)
_CHOICES = 6


def _weights(rng) -> object:
    return (rng.standard_normal((WIDTH, WIDTH)) / 8).astype("float32")


def _picked(size: int) -> Iterator[tuple[int, int, int]]:
    """For each operation which it is, and how far back its operands were made."""
    import numpy as np

    rng = np.random.RandomState(0)
    for k in range(size):
        yield (
            int(rng.randint(_CHOICES)),
            1 + int(rng.randint(min(k + 2, 4))),
            1 + int(rng.randint(min(k + 2, 8))),
        )


def graphlib_series(kind: str, size: int) -> Callable[[], object]:
    """A function of graphlib's, compiled, on its arguments."""
    import numpy as np

    import graphlib
    import graphlib.tensor as T

    rng = np.random.RandomState(0)
    if kind == "operations":
        x, y = T.vector("x"), T.vector("y")
        values = [x, y]
        for which, i, j in _picked(size):
            a, b = values[-i], values[-j]
            make = (
                lambda a, b: a + b,
                lambda a, b: a * T.tanh(b),
                lambda a, b: a - 0.5 * b,
                lambda a, b: T.nnet.sigmoid(a) * b,
                T.maximum,
                lambda a, b: T.sin(a + b),
            )[which]
            values.append(make(a, b))
        f = graphlib.function([x, y], values[-1])
        return lambda: f(*[np.linspace(-1, 1, 1000, dtype="float32")] * 2)
    shared = [graphlib.shared(_weights(rng)) for _ in range(size if kind == "layers" else 2)]
    biases = [graphlib.shared(np.zeros(WIDTH, "float32")) for _ in range(size if kind == "layers" else 1)]
    x, t = (T.matrix("x") if kind == "layers" else T.tensor3("x")), T.matrix("t")
    h = x if kind == "layers" else T.zeros((BATCH, WIDTH))
    for k in range(size):
        if kind == "layers":
            h = T.tanh(T.dot(h, shared[k]) + biases[k])
        else:
            h = T.tanh(T.dot(x[k], shared[0]) + T.dot(h, shared[1]) + biases[0])
    cost = T.mean((h - t) ** 2)
    wrt = [*shared, *biases]
    f = graphlib.function(
        [x, t], cost, updates=[(p, p - STEP * g) for p, g in zip(wrt, T.grad(cost, wrt), strict=True)]
    )
    data = np.ones((BATCH, WIDTH) if kind == "layers" else (size, BATCH, WIDTH), "float32") / 100
    return lambda: f(data, np.ones((BATCH, WIDTH), "float32"))


def jax_series(kind: str, size: int) -> Callable[[], object]:
    """The same by jax.jit."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    rng = np.random.RandomState(0)
    if kind == "operations":

        def value(x, y):
            values = [x, y]
            for which, i, j in _picked(size):
                a, b = values[-i], values[-j]
                make = (
                    lambda a, b: a + b,
                    lambda a, b: a * jnp.tanh(b),
                    lambda a, b: a - 0.5 * b,
                    lambda a, b: jax.nn.sigmoid(a) * b,
                    jnp.maximum,
                    lambda a, b: jnp.sin(a + b),
                )[which]
                values.append(make(a, b))
            return values[-1]

        f = jax.jit(value)
        return lambda: f(*[np.linspace(-1, 1, 1000, dtype="float32")] * 2).block_until_ready()
    weights = [_weights(rng) for _ in range(size if kind == "layers" else 2)]
    biases = [np.zeros(WIDTH, "float32") for _ in range(size if kind == "layers" else 1)]

    def cost(parameters, x, t):
        weights, biases = parameters
        h = x if kind == "layers" else jnp.zeros((BATCH, WIDTH))
        for k in range(size):
            if kind == "layers":
                h = jnp.tanh(h @ weights[k] + biases[k])
            else:
                h = jnp.tanh(x[k] @ weights[0] + h @ weights[1] + biases[0])
        return jnp.mean((h - t) ** 2)

    @jax.jit
    def step(parameters, x, t):
        loss, slopes = jax.value_and_grad(cost)(parameters, x, t)
        return loss, jax.tree_util.tree_map(lambda p, g: p - STEP * g, parameters, slopes)

    data = np.ones((BATCH, WIDTH) if kind == "layers" else (size, BATCH, WIDTH), "float32") / 100
    return lambda: step((weights, biases), data, np.ones((BATCH, WIDTH), "float32"))[0].block_until_ready()


def _prepared(library: str, case: str, code: str) -> Callable[[], Callable[[], object]]:
    """What makes the case's function, with all that it needs imported."""
    kind, _, size = case.partition("-")
    if size:
        __import__("jax.numpy" if library == "jax" else "graphlib.tensor")
        series = jax_series if library == "jax" else graphlib_series
        return lambda: series(kind, int(size))
    if library == "jax":
        sys.path[0] = code
        from bench_jax import WORKLOADS  # one of --peer-code

        def build() -> Callable[[], object]:
            run = WORKLOADS[case]("jit")
            run = run[0] if isinstance(run, tuple) else run
            return lambda: run(0, 1)

        return build
    import graphlib.tensor  # noqa: F401  what a program begins with, as that of JAX does
    from tests.benchmarks.workloads import JOBS

    job = JOBS[case]()

    def made() -> Callable[[], object]:
        run = job.build()
        return lambda: run(0, 1)

    return made


def _cpu(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def measured(library: str, case: str, code: str = "") -> dict[str, float]:
    """Seconds to the first result, those of all processors in it, and of compilers."""
    build = _prepared(library, case, code)
    own, compilers, start = _cpu(resource.RUSAGE_SELF), _cpu(resource.RUSAGE_CHILDREN), time.perf_counter()
    build()()
    seconds = time.perf_counter() - start
    return {
        "seconds": seconds,
        "cpu": _cpu(resource.RUSAGE_SELF) - own + _cpu(resource.RUSAGE_CHILDREN) - compilers,
        "compilers": _cpu(resource.RUSAGE_CHILDREN) - compilers,
    }


def contestants(root: Path, base: Path | None, jax: Path | None, code: Path | None) -> dict[str, tuple]:
    """Of each what runs it: Python, the library's name, the checkout, the folder of programs."""
    found = {"graphlib": (sys.executable, "graphlib", root, "")}
    if base is not None:
        found["base"] = (sys.executable, "graphlib", base, "")
    if jax is not None and jax.exists():
        found["jax"] = (str(jax), "jax", root, str(code or ""))
    return found


def first_results(cases: Sequence[str], who: dict[str, tuple]) -> Iterator[tuple[str, dict[str, dict]]]:
    """For each case the figures of all: "cold", with an empty cache, and "warm", with what that left."""
    for python, library, root, _ in who.values():
        if library == "graphlib":  # compiled before, as what pip has installed is
            folders = [root / "graphlib", root / "tests" / "benchmarks", HERE]
            subprocess.run([python, "-m", "compileall", "-q", *folders], check=True)
    for case in cases:
        yield case, _first_results_of(case, who)


def _first_results_of(case: str, who: dict[str, tuple]) -> dict[str, dict]:
    figures: dict[str, dict] = {}
    for name, (python, library, root, code) in who.items():
        with tempfile.TemporaryDirectory() as folder:
            flags = ",".join(filter(None, [os.environ.get("GRAPHLIB_FLAGS"), f"cache_dir={folder}"]))
            environment = os.environ | {"GRAPHLIB_FLAGS": flags, "PYTHONPATH": str(root)}
            if library == "jax":
                environment.pop("PYTHONPATH")
            figures[name] = {}
            for state in ("cold", "warm") if library == "graphlib" else ("cold",):
                process = subprocess.Popen(
                    [python, HERE / "first.py", library, case, code],
                    cwd=root,
                    env=environment,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                )
                peak = _peak_of_programs(process)
                words = process.communicate()[0]
                if process.returncode == 0:
                    figures[name][state] = json.loads(words.splitlines()[-1]) | {"peak": peak}
    return figures


def _peak_of_programs(process: subprocess.Popen) -> float:
    """The most that a program which the process starts has at once, in MiB; returns when it has ended.

    Looked up every few milliseconds: what the system says of ended children counts what a child shares with
    the process before it is the other program, which is more than any compiler needs.
    """
    most = 0
    while process.poll() is None:
        for program in _started_by(Path(f"/proc/{process.pid}")):
            with contextlib.suppress(OSError, IndexError):
                status = (program / "status").read_text()
                if (program / "exe").resolve() != Path(f"/proc/{process.pid}/exe").resolve():
                    most = max(most, int(status.split("VmHWM:")[1].split()[0]))
        time.sleep(0.005)
    return most / 1024


def _started_by(process: Path) -> Iterator[Path]:
    """The processes that one has started, and those of these."""
    for children in process.glob("task/*/children"):
        with contextlib.suppress(OSError):
            for number in children.read_text().split():
                yield Path("/proc", number)
                yield from _started_by(Path("/proc", number))


if __name__ == "__main__":
    if sys.argv[1] == "graphlib":
        sys.path[0] = os.environ["PYTHONPATH"]
    else:
        del sys.path[0]  # where there is a module with the name of one of the standard library's
        sys.path.insert(0, "")
    print(json.dumps(measured(*sys.argv[1:4])))
