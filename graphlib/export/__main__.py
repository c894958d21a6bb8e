"""``python -m graphlib.export FOLDER --c``: the model of a run as a library of portable C."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from ..errors import GraphError
from ..nn.storage import UserError
from .portable import c, save_state
from .trained import of_folder

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
        "--arena",
        choices=("static", "caller"),
        default="static",
        help="where the memory that calls work in is: in NAME.c, or given by the caller (static)",
    )
    return whole


def main(arguments: Sequence[str] | None = None) -> int:
    """Exports from `arguments`, or those of the process, and returns the exit code: 2 where something that
    was given cannot be used."""
    command = parser()
    options = command.parse_args(arguments)
    if not options.c:
        command.error("what shall it become? --c for portable C")
    if options.batch < 1:
        command.error(f"--batch {options.batch}: a call takes at least 1 example")
    try:
        for line in export(options):
            print(line)
    except (UserError, GraphError) as problem:
        print(f"{PROGRAM}: error: {problem}", file=sys.stderr)
        return 2
    return 0


def export(options: argparse.Namespace) -> list[str]:
    """Writes what is asked for, and says what was written."""
    trained = of_folder(options.folder, options.batch, options.train)
    name = options.name or _name(options.folder)
    out = options.out or options.folder / "export"
    made = c(trained.functions, out, name=name, bounds=trained.bounds, arena=options.arena)
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
