"""How fast exported inference is beside graphlib's own, on one thread: ``python -m tests.export.speed``.

``--emlearn FOLDER`` has emlearn, whose ``eml_net.h`` is there, compute the same perceptron, ``--nncc FOLDER``
nncc (``nncc.py`` says how it comes there) the same nets, compiled with the same flags.  Each is called in
turns with the others; the figures are the least processor time of a call.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

os.environ["GRAPHLIB_FLAGS"] = ",".join(filter(None, [os.environ.get("GRAPHLIB_FLAGS"), "threads=1"]))
import graphlib
from tests.export import emlearn, nncc
from tests.export.calling import SAME, Native
from tests.export.models import MODELS, X

ROUNDS, ROUND_SECONDS = 15, 0.05


def seconds(call: Callable[[], object], times: int) -> float:
    begun = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - begun) / times


def entry(library: ctypes.CDLL, name: str, *arguments: object) -> Callable[[], int]:
    """A call of C, of arguments that are made once."""
    function = getattr(library, name)
    made = [a.ctypes.data_as(ctypes.c_void_p) if isinstance(a, np.ndarray) else a for a in arguments]
    return lambda kept=arguments: function(*made)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.export.speed", description=__doc__)
    parser.add_argument("--emlearn", type=Path, metavar="FOLDER")
    parser.add_argument("--nncc", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    for name, batches in (("mlp", (1, 64)), ("lenet", (1, 40))):
        case = MODELS[name]()
        function = case.functions["predict"]
        with tempfile.TemporaryDirectory() as folder:
            made = graphlib.export.c(
                {"predict": function}, folder, name=name, bounds={"x": (64, 784)}, state="all"
            )
            native = Native(made, SAME)
            peer = (
                _emlearn(native, options.emlearn, Path(folder)) if name == "mlp" and options.emlearn else None
            )
            for n in batches:
                x, p = np.ascontiguousarray(X[:n]), np.zeros((64, 10), "float32")
                labels, length = np.zeros(64, "int64"), ctypes.c_int64(n)
                # LeNet takes how many pixels there are, too
                count = len(native.functions[f"{name}_predict"].signature.sizes)
                lengths = [length, ctypes.c_int64(784)][:count]
                calls = {
                    "exported": entry(
                        native.library, f"{name}_predict", native._state, x, *lengths, labels, p
                    ),
                    "graphlib": lambda f=function, x=x: f(x),
                }
                if peer is not None:
                    q = np.zeros((64, 10), "float32")
                    calls["emlearn"] = entry(peer, "net", x, length, q)
                r = np.zeros((64, 10), "float32")
                if options.nncc:
                    calls["nncc"] = entry(_nncc(native, name, options.nncc, Path(folder)), name, x, length, r)
                for call in calls.values():
                    code = call()
                    assert not isinstance(code, int) or code == 0, code
                if peer is not None:
                    assert np.abs(p[:n] - q[:n]).max() < 1e-5
                if options.nncc:
                    assert np.abs(p[:n] - r[:n]).max() < 1e-5, np.abs(p[:n] - r[:n]).max()
                print(f"{name}, {n} at once: {_contest(calls)}", flush=True)


def _contest(calls: dict[str, Callable[[], object]]) -> str:
    times = {name: max(3, int(ROUND_SECONDS / seconds(call, 3))) for name, call in calls.items()}
    least = {name: min(seconds(c, times[name]) for _ in range(1)) for name, c in calls.items()}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            least[name] = min(least[name], seconds(call, times[name]))
    return ", ".join(f"{name} {1e6 * t:.1f} us ({t / least['graphlib']:.2f})" for name, t in least.items())


def _emlearn(native: Native, folder: Path, place: Path) -> ctypes.CDLL:
    """emlearn's library of the perceptron in a native one."""
    arrays = {f.name: f.array for f in native.made.state}
    hidden, output = [(arrays["W"], arrays["b"]), (arrays["W_2"], arrays["b_2"])]
    (place / "peer.c").write_text(emlearn.source([hidden, output]))
    command = ["gcc", "-std=c99", *SAME, "-fPIC", "-shared", f"-I{folder}", str(place / "peer.c"), "-o"]
    subprocess.run([*command, str(place / "peer.so"), "-lm"], check=True)
    return ctypes.CDLL(str(place / "peer.so"))


def _nncc(native: Native, name: str, folder: Path, place: Path) -> ctypes.CDLL:
    """nncc's library of a net."""
    arrays = {f.name: f.array for f in native.made.state}
    layers = (
        nncc.perceptron([(arrays[f"W{end}"], arrays[f"b{end}"]) for end in ("", "_2")])
        if name == "mlp"
        else nncc.lenet(arrays)
    )
    path = place / f"nncc_{name}.c"
    path.write_text(nncc.source(folder, name, (784,) if name == "mlp" else (1, 28, 28), layers))
    command = ["gcc", "-std=c99", *SAME, "-w", "-fPIC", "-shared", str(path), "-o"]
    subprocess.run([*command, str(path.with_suffix(".so")), "-lm"], check=True)
    return ctypes.CDLL(str(path.with_suffix(".so")))


if __name__ == "__main__":
    main()
