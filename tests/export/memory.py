"""Exported libraries under valgrind: ``python -m tests.export.memory``.

It needs Debian's ``valgrind``.  Each of the tutorials' models is exported, compiled with ``-g``, and called
by a program of C of its own, with every array in a block of memory of its own that is as long as it must be.
Printed are valgrind's findings, and how the outputs differ from graphlib's.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import graphlib
from graphlib.export.signature import Parameter, Size

from .calling import STRICT
from .models import MODELS, Case, difference

_HEAD = """#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "NAME.h"

static FILE *given, *made;

/* So many bytes of the file, in memory of their own. */
static void *taken(size_t bytes) {
    void *place = malloc(bytes ? bytes : 1);
    if (fread(place, 1, bytes, given) != bytes) exit(90);
    return place;
}

static void written(void *place, size_t bytes) {
    fwrite(place, 1, bytes, made);
    free(place);
}
"""


def program(lib: Any, calls: list[tuple[str, list[np.ndarray]]]) -> tuple[str, bytes]:
    """C that makes some calls, and the bytes that it reads."""
    made = {f.signature.name: f for f in lib.functions}
    lines, data = ['given = fopen(argv[1], "rb");', 'made = fopen(argv[2], "wb");', "(void)argc;"], b""
    if lib.state:
        lines += [f"{lib.name}_state *state = malloc(sizeof *state);", f"{lib.name}_initialise(state);"]
    arena = "" if lib.own_arena else f"void *arena = malloc({lib.arena});"
    lines += [arena] if arena else []
    for name, arguments in calls:
        f = made[name]
        s, sizes, values, before, after = f.signature, {}, [], [], []
        if any(lib.field_of(x).in_state for x in s.shareds):
            values.append("state")
        for k, (p, array) in enumerate(zip(s.inputs, arguments, strict=True)):
            data += array.tobytes()
            before.append(f"{p.c_type} *i{k} = taken({array.nbytes});")
            values.append(f"i{k}" if p.ndim else f"*i{k}")
            after.append(f"free(i{k});")
            for n, length in zip(p.lengths, array.shape, strict=True):
                if isinstance(n, Size) and n.name not in sizes:
                    sizes[n.name] = length
                    values.append(str(length))
        for k, p in enumerate(s.outputs):
            bytes_ = _count(p, sizes) * np.dtype(p.dtype).itemsize
            before.append(f"{p.c_type} *o{k} = malloc({max(bytes_, 1)});")
            values.append(f"o{k}")
            if p.has_shape:
                before.append(f"int64_t shape{k}[{p.ndim}];")
                values.append(f"shape{k}")
                factors = "".join(f" * (size_t)shape{k}[{i}]" for i in range(p.ndim))
                after.append(f"fwrite(shape{k}, 1, sizeof shape{k}, made);")
                after.append(f"written(o{k}, sizeof(*o{k}){factors});")
            else:
                after.append(f"written(o{k}, {bytes_});")
        values += [] if lib.own_arena else ["arena"]
        call = f"if ({name}({', '.join(values)})) return 91;"
        lines.append("{\n        " + "\n        ".join([*before, call, *after]) + "\n    }")
    if lib.state:
        block = f"{lib.name.upper()}_BLOCK_BYTES"
        lines += [f"void *block = malloc({block});", f"{lib.name}_save(state, block);"]
        lines += [f"if ({lib.name}_load(state, block, {block})) return 92;", f"written(block, {block});"]
        lines.append("free(state);")
    lines += ([] if lib.own_arena else ["free(arena);"]) + ["fclose(given);", "return fclose(made);"]
    body = "\n    ".join(lines)
    return f"{_HEAD.replace('NAME', lib.name)}\nint main(int argc, char **argv) {{\n    {body}\n}}\n", data


def _count(p: Parameter, sizes: dict[str, int]) -> int:
    """How many elements an output has room for: as many as it will have, where that is known."""
    if p.has_shape:
        return p.most
    return int(np.prod([n if isinstance(n, int) else sizes[n.name] for n in p.lengths], dtype=int))


def check(name: str, case: Case, steps: int, arena: str, optimize: str) -> str:
    """What valgrind says of some steps of a model."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        exported = graphlib.export.c(case.functions, root, name=name, bounds=case.bounds, arena=arena)
        lib = exported.library
        calls = [
            (
                f"{name}_{key}",
                [
                    np.array(a, v.dtype, order="C")
                    for a, v in zip(given, case.functions[key].inputs, strict=True)
                ],
            )
            for k in range(steps)
            for key, given in case.given(k).items()
        ]
        text, data = program(lib, calls)
        (root / "main.c").write_text(text)
        (root / "given").write_bytes(data)
        sources = [str(root / "main.c"), str(exported.source)]
        command = [
            "gcc",
            *STRICT,
            "-Wno-unused-function",
            "-g",
            optimize,
            "-fopenmp-simd",
            *sources,
            "-o",
            str(root / "main"),
            "-lm",
        ]
        subprocess.run(command, check=True)
        done = subprocess.run(
            ["valgrind", "--error-exitcode=99", "--leak-check=full", "--show-leak-kinds=all",
             str(root / "main"), str(root / "given"), str(root / "made")],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (done.returncode, done.stderr[-3000:])
        found = (root / "made").read_bytes()
        worst = _compared(case, lib, calls, found)
    errors = re.search(r"ERROR SUMMARY: .*", done.stderr)
    leaks = re.search(r"(All heap blocks were freed|definitely lost: [^\n]*)", done.stderr)
    said = "; ".join(m[0] for m in (errors, leaks) if m)
    return f"{name}, {len(calls)} calls, {optimize}, arena {arena}: {said}; outputs differ by {worst:.1e}"


def _compared(case: Case, lib: Any, calls: list[tuple[str, list[np.ndarray]]], found: bytes) -> float:
    """The greatest difference of an output from graphlib's."""
    made, at, worst = {f.signature.name: f for f in lib.functions}, 0, 0.0
    for name, arguments in calls:
        s = made[name].signature
        expected = case.functions[name.removeprefix(f"{lib.name}_")](*arguments)
        expected = expected if isinstance(expected, list) else [expected]
        for p, array in zip(s.outputs, map(np.asarray, expected), strict=True):
            if p.has_shape:
                told = np.frombuffer(found, "int64", p.ndim, at)
                assert tuple(told) == array.shape
                at += 8 * p.ndim
            values = np.frombuffer(found, array.dtype, array.size, at).reshape(array.shape)
            worst, at = max(worst, difference(array, values)), at + array.nbytes
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.export.memory", description=__doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"of {', '.join(MODELS)}; all by default")
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--arena", choices=("static", "caller"), default="caller")
    parser.add_argument("--optimize", default="-O1")
    options = parser.parse_args()
    for name in options.models or MODELS:
        print(check(name, MODELS[name](), options.steps, options.arena, options.optimize), flush=True)


if __name__ == "__main__":
    main()
