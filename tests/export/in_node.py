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
import graphlib.tensor as T

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


#: calls of a function of integers, and what comes of them in JavaScript, or of what error the words are
CALLS = {
    "[7, 3, true, [1, 2]]": "n2=14 k2=6 b2=2 v2=2,4",
    "[9007199254740993n, 3, 0, [1, 2n ** 53n]]": "n2=18014398509481986 k2=6 b2=0 v2=2,18014398509481984",
    "[-9223372036854775808n, -128, false, new BigInt64Array(2)]": "n2=0 k2=0 b2=0 v2=0,0",
    "[1.5, 3, 1, [1, 2]]": "n is of int64, and 1.5 is no whole number",
    "[2n ** 63n, 3, 1, [1, 2]]": "n is of int64, and 9223372036854775808 is too large for it",
    "[1, 128, 1, [1, 2]]": "k is of int8, from -128 to 127, and not 128",
    "[1, NaN, 1, [1, 2]]": "k is of int8, and NaN is no whole number",
    "[1, 1, 2, [1, 2]]": "b is of bool, from 0 to 1, and not 2",
    "[1, 1, 1, [1, 2.5]]": "v is of int64, and 2.5 is no whole number",
    "[1, undefined, 1, [1, 2]]": "k is a number of int8, and not undefined",
}


def integers() -> None:
    """Whether integers come and go exactly, and what is none is refused."""
    n, k, b, v = T.lscalar("n"), T.bscalar("k"), T.scalar("b", dtype="bool"), T.lvector("v")
    outputs = {"n2": 2 * n, "k2": 2 * k, "b2": T.cast(b, "int32") * 2, "v2": 2 * v}
    with tempfile.TemporaryDirectory() as folder:
        made = graphlib.export.wasm(graphlib.function([n, k, b, v], outputs), folder, "whole", {"v": 2})
        calls = ", ".join(f"[{given}, {json.dumps(given)}]" for given in CALLS)
        script = f"""import {{ load }} from {json.dumps(made.module.as_uri())};
            const library = await load(), found = {{}};
            for (const [given, key] of [{calls}]) {{
              const text = (results) => Object.entries(results).map((o) => o.join("=")).join(" ");
              try {{ found[key] = text(library.whole(...given)); }}
              catch (error) {{ found[key] = error.message; }}
            }}
            console.log(JSON.stringify(found));"""
        command = ["node", "--input-type=module", "-e", script]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found == CALLS, {key: found[key] for key in CALLS if found[key] != CALLS[key]}
    print(f"integers: {len(CALLS)} calls as expected")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.export.in_node", description=__doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"of {', '.join(MODELS)}; all by default")
    parser.add_argument("--steps", type=int, default=100)
    options = parser.parse_args()
    integers()
    for name in options.models or MODELS:
        print(compare(name, MODELS[name](), options.steps), flush=True)


if __name__ == "__main__":
    main()
