"""The tutorials' models as WebAssembly in node, beside graphlib: ``python -m tests.export.in_node``.

It needs the ``ziglang`` wheel and node.  Printed are the greatest difference of an output or a state, and the
size of the module.
"""

from __future__ import annotations

import argparse
import base64
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import graphlib

from .models import MODELS, Case, difference, said

HERE = Path(__file__).parent


def packed(value: Any, dtype: str) -> Any:
    """An argument in a job."""
    array = np.array(value, dtype, order="C")
    if not array.ndim:
        return array.item()
    return {"dtype": dtype, "shape": array.shape, "data": base64.b64encode(array.tobytes()).decode()}


def unpacked(value: Any, like: np.ndarray) -> np.ndarray:
    """An output from a job."""
    if not isinstance(value, dict):
        return np.array(value, like.dtype)
    # int64 comes as float64
    array = np.frombuffer(base64.b64decode(value["data"]), "float64" if value["wide"] else like.dtype)
    return array.reshape(value["shape"])


def compare(name: str, case: Case, steps: int) -> str:
    """What differs after some steps."""
    with tempfile.TemporaryDirectory() as folder:
        made = graphlib.export.wasm(case.functions, folder, name=name, bounds=case.bounds)
        calls = []
        for k in range(steps):
            for key, arguments in case.given(k).items():
                dtypes = [v.dtype for v in case.functions[key].inputs]
                calls.append((key, [packed(a, d) for a, d in zip(arguments, dtypes, strict=True)]))
        job = {"module": str(made.module), "wasm": str(made.wasm), "calls": calls, "times": 0}
        (Path(folder) / "job.json").write_text(json.dumps(job))
        command = ["node", str(HERE / "run.mjs"), str(Path(folder) / "job.json")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        found = json.loads(done.stdout)
        size = made.wasm.stat().st_size
        results, worst = iter(found["results"]), dict.fromkeys(case.functions, 0.0)
        for k in range(steps):
            for key, arguments in case.given(k).items():
                expected = case.functions[key](*arguments)
                expected = expected if isinstance(expected, list) else [expected]
                for a, b in zip(map(np.asarray, expected), next(results), strict=True):
                    worst[key] = max(worst[key], difference(a, unpacked(b, a)))
        worst["state"] = 0.0
        for f in made.library.state:
            data = np.frombuffer(base64.b64decode(found["state"][f.name]), f.array.dtype)
            worst["state"] = max(worst["state"], difference(f.array, data.reshape(f.array.shape)))
    return f"{name}: {said(worst)} in {steps} steps; {size} bytes"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.export.in_node", description=__doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"of {', '.join(MODELS)}; all by default")
    parser.add_argument("--steps", type=int, default=100)
    options = parser.parse_args()
    for name in options.models or MODELS:
        print(compare(name, MODELS[name](), options.steps), flush=True)


if __name__ == "__main__":
    main()
