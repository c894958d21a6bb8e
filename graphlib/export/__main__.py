"""``python -m graphlib.export FOLDER --c``: the model of a run as portable C, WebAssembly, a page or ONNX."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import GraphError, OnnxError
from ..nn.storage import UserError
from ..onnx import save
from . import pages
from .portable import c, save_state
from .trained import Trained, of_folder
from .webassembly import wasm

PROGRAM = "python -m graphlib.export"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    whole = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Writes what a trained model computes as a library that needs no Python "
        "(see docs/exporting.md).",
    )
    whole.add_argument(
        "folder", type=Path, metavar="FOLDER", help="of a run of a tutorial, or of a run file's"
    )
    whole.add_argument("--c", action="store_true", help="NAME.h and NAME.c")
    whole.add_argument(
        "--wasm", action="store_true", help="NAME.wasm and the module NAME.mjs (pip install ziglang)"
    )
    whole.add_argument(
        "--page", action="store_true", help="NAME.html, a page that shows the model at work (as --wasm)"
    )
    whole.add_argument(
        "--onnx", action="store_true", help="NAME_FUNCTION.onnx of each function that ONNX can express"
    )
    whole.add_argument("--out", type=Path, metavar="FOLDER", help="where to write (FOLDER/export)")
    whole.add_argument("--name", help="of the library (that of the folder)")
    whole.add_argument(
        "--batch", type=int, default=64, metavar="N", help="the most examples that a call takes (64)"
    )
    whole.add_argument(
        "--train",
        action="store_true",
        help="the training step, too; parameters then are a state of the caller's",
    )
    whole.add_argument(
        "--dataset", metavar="DATA", help="of pages that show or learn images: others than MNIST's"
    )
    whole.add_argument(
        "--arena",
        choices=("static", "caller"),
        help="of --c: where the memory that calls work in is: in NAME.c, or given by the caller (static)",
    )
    return whole


def main(arguments: Sequence[str] | None = None) -> int:
    """Exports from `arguments`, or those of the process, and returns the exit code: 2 where something that
    was given cannot be used."""
    command = parser()
    options = command.parse_args(arguments)
    if not (options.c or options.wasm or options.page or options.onnx):
        command.error(
            "what shall it become? --c for portable C, --wasm for WebAssembly, --page for a page, --onnx for "
            "ONNX"
        )
    for name, given, kind in (
        ("--arena", options.arena, "c"),
        ("--dataset", options.dataset, "page"),
    ):
        if given is not None and not getattr(options, kind):
            command.error(f"{name} {given} is of --{kind}, which is not asked for")
    if options.batch < 1:
        command.error(f"--batch {options.batch}: a call takes at least 1 example")
    try:
        for line in export(options):
            print(line)
    except OSError as problem:
        print(f"{PROGRAM}: error: cannot write {problem.filename}: {problem.strerror}", file=sys.stderr)
        return 2
    except (UserError, GraphError) as problem:
        print(f"{PROGRAM}: error: {problem}", file=sys.stderr)
        return 2
    return 0


def export(options: argparse.Namespace) -> list[str]:
    """Writes what is asked for, and says what was written."""
    name = options.name or _name(options.folder)
    out = options.out or options.folder / "export"
    trained = of_folder(options.folder, options.batch, options.train or options.page)
    said = []
    if options.page:
        out.mkdir(parents=True, exist_ok=True)
        path = out / f"{name}.html"
        kind = pages.page(trained, path, options.dataset)
        said.append(f"{path}: a page ({kind}), with all in it")
    if options.train and "train" not in trained.functions:
        raise UserError(f"a model of {trained.kind} is exported without its training step: leave --train out")
    if not options.train:
        trained.functions.pop("train", None)
    used = {item.name for f in trained.functions.values() for item in f._items}
    bounds = {key: value for key, value in trained.bounds.items() if not isinstance(key, str) or key in used}
    if options.wasm:
        compiled = wasm(trained.functions, out, name=name, bounds=bounds)
        said.append(f"{compiled.wasm}, {compiled.module}: {', '.join(trained.functions)}")
    if options.onnx:
        said += _onnx(trained, out, name)
    return said + (_portable(trained, options, out, name, bounds) if options.c else [])


def _onnx(trained: Trained, out: Path, name: str) -> list[str]:
    """Writes a model of each function that can be one in ONNX."""
    out.mkdir(parents=True, exist_ok=True)
    said, reasons = [], []
    for key, function in trained.functions.items():
        path = out / f"{name}_{key}.onnx"
        try:
            save(function, path)
            said.append(f"{path}: {key} as an ONNX model")
        except OnnxError as problem:
            reasons.append(f"no {path.name}: {problem}")
    if not said:
        raise UserError("; ".join(reasons))
    return said + reasons


def _portable(
    trained: Trained, options: argparse.Namespace, out: Path, name: str, bounds: dict[Any, Any]
) -> list[str]:
    """Writes the library of C."""
    made = c(trained.functions, out, name=name, bounds=bounds, arena=options.arena or "static")
    said = [
        f"{made.header}, {made.source}: {', '.join(f'{name}_{key}' for key in trained.functions)}; "
        f"an arena of {made.arena} bytes"
    ]
    if made.library.state:
        block = out / f"{name}.state"
        save_state(made, block)
        said.append(f"{block}: the state as a block, for {name}_load")
    return said


def _name(folder: Path) -> str:
    """A name of C for a folder."""
    name = re.sub(r"\W", "_", folder.resolve().name, flags=re.ASCII).strip("_")
    return name if name and not name[0].isdigit() else f"model_{name}"


if __name__ == "__main__":
    sys.exit(main())
