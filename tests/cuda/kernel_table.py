"""Compiles generated kernels with NVRTC for real GPUs and tells what each needs.

``python -m tests.cuda.kernel_table tests/cuda/kernels.md float32`` compiles the kernels of the registry's
samples and of the models for three architectures and writes the table: registers, shared memory, spills.  It
runs NVRTC in a process of its own, without the emulated driver.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from unittest import mock

import graphlib
from graphlib.run.cuda import compile as cuda_compile
from graphlib.run.cuda.executor import CudaExecutor
from tests.cuda.loop_models import MODELS
from tests.cuda.models import CONVOLUTIONS, convolution, training_step
from tests.ops.test_registry import ENTRIES, FLOAT_ENTRIES, REFUSED, cases, first_gradients

ARCHITECTURES = ("sm_75", "sm_80", "sm_90")
DTYPES = ("bool", "int32", "float32", "float64")

_ENTRY = re.compile(r"Compiling entry function '(\w+)'")
_SPILLS = re.compile(r"(\d+) bytes spill stores, (\d+) bytes spill loads")
_USED = re.compile(r"Used (\d+) registers")
_SHARED = re.compile(r"(\d+) bytes smem")


def source_of(inputs, outputs) -> str:
    """The kernels of a function, which is not compiled."""
    with (
        mock.patch.object(CudaExecutor, "_load"),
        graphlib.config.change(device="cuda-emulated", cublas=False),
    ):
        return graphlib.function(inputs, outputs, on_unused_input="ignore").source


def sources(
    entries: Iterable[str] = ENTRIES, dtypes: Iterable[str] = DTYPES, models: bool = True
) -> dict[str, str]:
    """The CUDA C of models' training steps and of operations with their gradients, by a title each.

    ``models``: those with loops, too, not only the two without.
    """
    result = {}
    with mock.patch.object(CudaExecutor, "_load"):
        for title, hidden in (("logistic regression", []), ("multilayer perceptron", [24])):
            result[title] = training_step(hidden, "cuda-emulated")[0].source
        with graphlib.config.change(device="cuda-emulated", cublas=False):
            for title, (make, _) in MODELS.items() if models else ():
                result[f"training of {title}"] = make()[0].source
    # lengths that are not known: kernels for small and for large ones
    made = [convolution(*CONVOLUTIONS[0][:2], dtype, {}, False) for dtype in ("float32", "float64")]
    result["convolutions"] = source_of(*([v for m in made for v in m[k]] for k in (0, 1)))
    for name in entries:
        if ("cuda", name) in REFUSED:
            continue
        samples = cases(name, dtypes, (False,))
        if samples:
            inputs = [v for case in samples for v in case.inputs]
            result[name] = source_of(inputs, [v for case in samples for v in case.outputs])
        samples = (
            [c for c in cases(name, ("float32",), (False,)) if c.differentiable]
            if name in FLOAT_ENTRIES
            else []
        )
        if samples:
            inputs = [v for case in samples for v in case.inputs]
            result[f"gradient of {name}"] = source_of(
                inputs, [g for case in samples for g in first_gradients(case)]
            )
    return {title: text for title, text in result.items() if "__global__" in text}


def compiled(texts: dict[str, str], architectures: Iterable[str] = ARCHITECTURES) -> list[dict]:
    """A row for each kernel and architecture: title, kernel, arch, registers, shared (bytes), spills (bytes).

    Raises ``RuntimeError`` with NVRTC's words where a kernel does not compile.
    """
    job = json.dumps([texts, list(architectures)])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    command = [sys.executable, "-m", "tests.cuda.kernel_table", "--compile"]
    done = subprocess.run(
        command,
        input=job,
        capture_output=True,
        text=True,
        env=environment,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


def rows_of(title: str, text: str, arch: str) -> list[dict]:
    """Compiles one module and reads the compiler's report."""
    _, log = cuda_compile.cubin(cuda_compile.device_code(text) + text, arch, ("--ptxas-options=-v",))
    rows = []
    for part in log.split("ptxas info    : Compiling entry function ")[1:]:
        name = part.split("'")[1]
        spills, shared = _SPILLS.search(part), _SHARED.search(part)
        rows.append(
            {
                "title": title,
                "kernel": name,
                "arch": arch,
                "registers": int(_USED.search(part)[1]),
                "shared": int(shared[1]) if shared else 0,
                "spills": int(spills[1]) + int(spills[2]) if spills else 0,
                "gemm": bool(re.search(rf"\b{name}\([^)]*\) {{[^}}]*(gl_gemm_tile|_tiles<)", text)),
            }
        )
    return rows


def table(rows: list[dict]) -> str:
    """Markdown: a line for each function, with the largest kernel's figures on each architecture, and the
    products' own."""
    architectures = sorted({row["arch"] for row in rows})
    compiler = cuda_compile.compiler_name()
    lines = [
        "# What the generated kernels need",
        "",
        f"Written by `python -m tests.cuda.kernel_table`: {compiler}, {len(rows)} compilations of "
        f"{len({(r['title'], r['kernel']) for r in rows})} kernels. Each cell: the most registers a thread / "
        "shared memory in bytes / bytes spilled, of the function's kernels.",
        "",
        "| function | kernels | " + " | ".join(architectures) + " |",
        "|---|---|" + "---|" * len(architectures),
    ]

    def cells(chosen: list[dict]) -> str:
        texts = []
        for arch in architectures:
            own = [r for r in chosen if r["arch"] == arch]
            texts.append(" / ".join(str(max(r[k] for r in own)) for k in ("registers", "shared", "spills")))
        return " | ".join(texts)

    products = [r for r in rows if r["gemm"]]
    if products:
        lines.append(
            f"| **all matrix products** | {len({(r['title'], r['kernel']) for r in products})} "
            f"| {cells(products)} |"
        )
    for title in dict.fromkeys(r["title"] for r in rows):
        own = [r for r in rows if r["title"] == title]
        lines.append(f"| {title} | {len({r['kernel'] for r in own})} | {cells(own)} |")
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> None:
    if arguments == ["--compile"]:
        texts, architectures = json.load(sys.stdin)
        rows = [
            row
            for title, text in texts.items()
            for arch in architectures
            for row in rows_of(title, text, arch)
        ]
        json.dump(rows, sys.stdout)
        return
    path, *dtypes = arguments
    text = table(compiled(sources(dtypes=dtypes or DTYPES)))
    Path(path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
