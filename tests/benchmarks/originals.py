"""The Deep Learning Tutorials' own programs, as they are, on graphlib and on real Theano, in turns.

    python -m tests.benchmarks.originals --programs DeepLearningTutorials/code --theano theano/bin/python

What each program is asked to do is what the tutorials' own `test.py` asks (of `cA` and `hmc`, which it
has not, one epoch and its own test).  Each library runs each program first with empty caches of compiled
code, and then again.  Wall seconds are those a user waits, imports and compilation included; CPU seconds,
of the process and its compilers, depend less on what else runs.  Both take one thread.  The numbers that a
program prints are held against each other's.  `--theano-path` has what that Python needs to import Theano
(a shim for today's libraries), and THEANO_FLAGS what it needs to find a BLAS.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import pickle
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import exp, fsum, log
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
SLU = (
    "dict(fold=3, data='atis', lr=0.0970806646812754, verbose=1, decay=True, win=7, nhidden=200, seed=345, "
    "emb_dimension=50, nepochs=1, savemodel=False)"
)
#: the call of each program
PROGRAMS = {
    "logistic_sgd": "logistic_sgd.sgd_optimization_mnist(n_epochs=10)",
    "logistic_cg": "logistic_cg.cg_optimization_mnist(n_epochs=10)",
    "mlp": "mlp.test_mlp(n_epochs=1)",
    "convolutional_mlp": "convolutional_mlp.evaluate_lenet5(n_epochs=1, nkerns=[5, 5])",
    "dA": "dA.test_dA(training_epochs=1, output_folder='plots')",
    "cA": "cA.test_cA(training_epochs=1, output_folder='plots')",
    "SdA": "SdA.test_SdA(pretraining_epochs=1, training_epochs=1, batch_size=300)",
    "DBN": "DBN.test_DBN(pretraining_epochs=1, training_epochs=1, batch_size=300)",
    "rbm": "rbm.test_rbm(training_epochs=1, batch_size=300, n_chains=1, n_samples=1, n_hidden=20, "
    "output_folder='plots')",
    "hmc": "test_hmc.test_hmc()",
    "rnnslu": f"rnnslu.main({SLU})",
    "rnnrbm": "rnnrbm.test_rnnrbm(num_epochs=1)",
    "lstm": "lstm.train_lstm(max_epochs=1, test_size=1000, saveto='')",
}
#: modules that the programs import and that need not be installed: pictures are not written, MIDI files are
#: read once for both libraries
STUBS = {
    "PIL/__init__.py": "",
    "PIL/Image.py": "class Image:\n    def save(self, *arguments): pass\n\n\n"
    "def fromarray(*arguments, **options): return Image()\n\n\nnew = fromarray\n",
    "pylab.py": "raise ImportError('no pictures')\n",
    "midi/__init__.py": "",
    "midi/utils.py": "import numpy\n\n\nclass midiread:\n    def __init__(self, file, r, dt):\n"
    "        self.piano_roll = numpy.load(file)\n\n\nmidiwrite = None\n",
}
#: in which state the caches of compiled code are, and what the table calls it
CACHES = {"cold": "first run", "warm": "again"}
_TIMES = re.compile(r"\bran for\b|\btook\b|\bsec|\bminutes?\b", re.I)  # in lines of which numbers are times
_NUMBER = re.compile(r"[-+]?\d+\.\d+(?:e[-+]?\d+)?")


@dataclass(frozen=True)
class Run:
    """One process: its seconds, and what it printed of its results."""

    wall: float
    cpu: float
    numbers: list[float]
    failed: str = ""


def printed_numbers(text: str) -> list[float]:
    """The fractions that a program printed, without those that are times."""
    lines = re.split(r"[\r\n]", text)
    return [float(each) for line in lines if not _TIMES.search(line) for each in _NUMBER.findall(line)]


def difference(ours: Sequence[float], theirs: Sequence[float]) -> float | None:
    """The greatest relative difference; None where they are not as many."""
    if len(ours) != len(theirs):
        return None
    return max((abs(a - b) / max(abs(b), 1e-6) for a, b in zip(ours, theirs, strict=True)), default=0.0)


def _dump(path: Path, *values: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wb", 1) if path.suffix == ".gz" else open(path, "wb") as file:
        for value in values:
            # arrays as NumPy 1 names what makes them, which is what Theano runs on
            file.write(pickle.dumps(value, 2).replace(b"cnumpy._core.", b"cnumpy.core."))


def write_data(name: str, folder: Path, source: Path | None) -> None:
    """The data set of a program, in the form in which it reads it."""
    if name == "rnnslu":
        _write_atis(folder, source)
    elif name == "rnnrbm":
        _write_music(folder / "Nottingham" / "train", source)
    elif name == "lstm":
        _write_reviews(folder)
    elif name != "hmc" and not (folder / "mnist.pkl.gz").exists():
        from graphlib.datasets import mnist

        _dump(folder / "mnist.pkl.gz", tuple((x, y.astype("int64")) for x, y in mnist.load()))


def _write_atis(folder: Path, source: Path | None) -> None:
    from graphlib.datasets import atis

    slots = atis.load(source / "atis" if source else None)
    sets = [
        (part.words, [np.zeros_like(each) for each in part.words], part.labels)
        for part in (slots.train, slots.valid, slots.test)
    ]
    names = {
        kind: {name: index for index, name in each.items()}
        for kind, each in (("words2idx", slots.words), ("labels2idx", slots.labels))
    }
    _dump(folder / "atis.fold3.pkl.gz", (*sets, names))


def _write_music(folder: Path, source: Path | None) -> None:
    from graphlib.datasets import music

    folder.mkdir(parents=True)
    rolls = music.load(source / "nottingham" / "nottingham-midi.tar.gz" if source else None).train
    for number, roll in enumerate(rolls):
        with open(folder / f"{number:04}.mid", "wb") as file:
            np.save(file, roll)


def _write_reviews(folder: Path) -> None:
    from graphlib.datasets import reviews

    said = reviews.load()
    sets = [([list(map(int, x)) for x in each.x], list(map(int, each.y))) for each in (said.train, said.test)]
    _dump(folder / "imdb.pkl", *sets)


def prepare(folder: Path, programs: Path, six: str) -> None:
    """The code of the programs, and what starts each, in `folder`; data are to lie beside it."""
    code = folder / "code"
    shutil.copytree(programs, code)
    for name, text in STUBS.items():
        (code / name).parent.mkdir(exist_ok=True)
        (code / name).write_text(text)
    (code / "six.py").write_text(six)
    for name, call in PROGRAMS.items():
        path = [str(code), str(code / "hmc")] if name == "hmc" else [str(code)]
        text = f"import sys\n\nsys.path[:0] = {path[::-1]}\nimport {call.split('.')[0]}\n\n{call}\n"
        (folder / f"run_{name}.py").write_text(text)


def run(command: Sequence[str], environment: Mapping[str, str], limit: float) -> Run:
    """One process, with a folder of its own to write into."""
    with tempfile.TemporaryDirectory() as folder:
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env={**os.environ, **environment},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=limit,
                errors="replace",
            )
        except subprocess.TimeoutExpired:
            return Run(limit, limit, [], f"not finished after {limit:g} s")
        wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    failed = f"{command[-1]}: " + "\n".join(done.stdout.splitlines()[-12:]) if done.returncode else ""
    return Run(wall, cpu, printed_numbers(done.stdout), failed)


def _mean(values: Iterable[float]) -> float:
    values = list(values)
    return exp(fsum(map(log, values)) / len(values)) if values else float("nan")


def table(found: Mapping[str, Mapping[str, Run]]) -> str:
    """A table in Markdown, with geometric means."""
    caches = [cache for cache in CACHES if any(f"theano {cache}" in runs for runs in found.values())]
    head = ["program"]
    for cache in caches:
        head += [f"{CACHES[cache]}: s", "Theano", "times", "CPU s", "Theano", "times"]
    rows = [[*head, "results differ by"], ["---"] * (len(head) + 1)]
    times: dict[int, list[float]] = {}
    for name, runs in found.items():
        row = [f"`{name}`"]
        for cache in caches:
            ours, theirs = runs.get(f"graphlib {cache}"), runs.get(f"theano {cache}")
            for what in ("wall", "cpu"):
                if ours is None or theirs is None or ours.failed or theirs.failed:
                    row += ["–"] * 3
                    continue
                row += [f"{getattr(ours, what):.1f}", f"{getattr(theirs, what):.1f}"]
                ratio = getattr(theirs, what) / getattr(ours, what)
                times.setdefault(len(row), []).append(ratio)
                row.append(f"{ratio:.1f}")
        apart = difference(runs[f"graphlib {caches[0]}"].numbers, runs[f"theano {caches[0]}"].numbers)
        rows.append([*row, "other lines" if apart is None else f"{apart:.0e}" if apart else "nothing"])
    means = [f"{_mean(times[k]):.1f}" if k in times else "" for k in range(1, len(rows[0]) - 1)]
    rows.append(["geometric mean", *means, ""])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def main() -> int:
    """Runs the programs; 1 where one failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.originals", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("names", nargs="*", help=f"of {', '.join(PROGRAMS)} (default: all)")
    parser.add_argument("--programs", type=Path, required=True, help="the folder code of the tutorials")
    parser.add_argument("--theano", required=True, metavar="PYTHON", help="a Python that has Theano 1.0.5")
    code = ROOT.parent / "shared" / "peers"
    parser.add_argument("--theano-path", type=Path, default=code, help="where its theano_shim is, if any")
    data = ROOT.parent / "shared" / "data"
    parser.add_argument(
        "--data",
        type=Path,
        default=data if data.is_dir() else None,
        help="folder with atis and nottingham (default: ../shared/data; without, what graphlib brings along)",
    )
    parser.add_argument("--floatX", default="float32", choices=("float32", "float64"))
    parser.add_argument("--once", action="store_true", help="only with empty caches")
    parser.add_argument("--limit", type=float, default=900.0, help="seconds of a run (default: %(default)g)")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write every figure to FILE, and show those it has"
    )
    arguments = parser.parse_args()
    names = arguments.names or list(PROGRAMS)
    if unknown := sorted(set(names) - set(PROGRAMS)):
        parser.error(f"no program is called {', '.join(unknown)}; there are {', '.join(PROGRAMS)}")
    find = "import inspect, six; print(inspect.getsource(six))"
    six = subprocess.run([arguments.theano, "-c", find], check=True, capture_output=True, text=True).stdout
    found: dict[str, dict[str, Run]] = {}
    if arguments.json and arguments.json.exists():
        kept = json.loads(arguments.json.read_text())
        found = {name: {key: Run(**run) for key, run in runs.items()} for name, runs in kept.items()}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "tutorials"
        folder.mkdir()
        prepare(folder, arguments.programs, six)
        shim = (arguments.theano_path / "theano_shim.py").exists()
        start = (
            f"{'import theano_shim; ' * shim}import runpy, sys; sys.argv = sys.argv[1:]; "
            "runpy.run_path(sys.argv[0], run_name='__main__')"
        )
        flags = [f"floatX={arguments.floatX}", os.environ.get("THEANO_FLAGS", "")]
        for name in names:
            write_data(name, folder / "data", arguments.data)
            file, caches = str(folder / f"run_{name}.py"), Path(temporary) / name
            contestants = {
                "theano": (
                    [arguments.theano, "-W", "ignore", "-c", start, file],
                    {
                        "PYTHONPATH": str(arguments.theano_path),
                        "THEANO_FLAGS": ",".join(filter(None, [*flags, f"base_compiledir={caches}/theano"])),
                    },
                ),
                "graphlib": (
                    [sys.executable, "-W", "ignore", "-m", "graphlib.compat.theano", file],
                    {
                        "PYTHONPATH": str(ROOT),
                        "THEANO_FLAGS": flags[0],
                        "XDG_CACHE_HOME": f"{caches}/ours",
                        "GRAPHLIB_FLAGS": "threads=1",
                    },
                ),
            }
            runs: dict[str, Run] = {}
            for cache in ("cold",) if arguments.once else CACHES:
                for library, (command, environment) in contestants.items():
                    environment = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **environment}
                    done = runs[f"{library} {cache}"] = run(command, environment, arguments.limit)
                    print(f"{name} {library} {cache}: {done.wall:.1f} s, CPU {done.cpu:.1f} s {done.failed}")
                    sys.stdout.flush()
            found[name] = runs
            shutil.rmtree(caches, ignore_errors=True)
            if arguments.json:
                figures = {each: {key: asdict(r) for key, r in runs.items()} for each, runs in found.items()}
                arguments.json.write_text(json.dumps(figures, indent=1))
    print("\n" + table(found))
    return int(any(each.failed for runs in found.values() for each in runs.values()))


if __name__ == "__main__":
    sys.exit(main())
