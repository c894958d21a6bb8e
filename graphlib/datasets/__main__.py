"""Data sets from the command line: which there are, where their files are, and getting them.

python -m graphlib.datasets                      list them
python -m graphlib.datasets fetch mnist          download one, verified by its checksum
python -m graphlib.datasets fetch mnist --to .   into a folder of yours, for --dataset or load(source)
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from . import DataError, atis, location, mnist, music, reviews, text


class Set(NamedTuple):
    """A data set: what it is, how it is fetched (into a folder, from a mirror), and its first file where
    `load` reads it without being told a source.
    """

    what: str
    fetch: Callable[[str | None, str | None], Path]
    dataset: str
    file: str
    by_default: bool = True


SETS = {
    "mnist": Set("70,000 handwritten digits (11 MB)", mnist.fetch, "mnist", mnist.TRAIN_FILES[0]),
    "text": Set("Moby-Dick (0.5 MB)", text.fetch, "text", text.FILE),
    "reviews": Set(
        "10,566 rated sentences of movie reviews (0.5 MB)",
        partial(reviews.fetch, reviews.FILE),
        "reviews",
        reviews.FILE,
    ),
    "music": Set("362 chorales by J. S. Bach, made of music21's corpus", music.fetch, "music", music.FILE),
    "atis": Set("ATIS, airline-travel requests (1 MB)", atis.fetch, "atis", atis.FILES[0], False),
    "imdb": Set(
        "the Large Movie Review Dataset as Keras has it (19 MB)",
        partial(reviews.fetch, "imdb.npz"),
        "reviews",
        "imdb.npz",
        False,
    ),
    "aclImdb": Set(
        "the Large Movie Review Dataset (84 MB)",
        partial(reviews.fetch, "aclImdb_v1.tar.gz"),
        "reviews",
        "aclImdb_v1.tar.gz",
        False,
    ),
}


def show() -> None:
    """Prints a line for each set."""
    for name, each in SETS.items():
        try:
            where = location.find(each.dataset, each.file)
        except DataError:
            where = f"not here: python -m graphlib.datasets fetch {name}"
        print(f"{name:8}  {each.what}\n          {where}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Does what the command line says, and returns the exit code: 2 where something cannot be done."""
    parser = argparse.ArgumentParser(
        "python -m graphlib.datasets",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    tasks = parser.add_subparsers(dest="task", metavar="TASK")
    tasks.add_parser("list", help="which data sets there are, and where their files are; so without a task")
    fetch = tasks.add_parser("fetch", help="download a data set, verified by its checksum")
    fetch.add_argument("name", choices=SETS, metavar="NAME", help=", ".join(SETS))
    fetch.add_argument("--to", metavar="FOLDER", help="folder of its files; otherwise where they are found")
    fetch.add_argument(
        "--mirror", metavar="ADDRESS", help="address of a folder with the same files on another server"
    )
    options = parser.parse_args(arguments)
    try:
        if options.task != "fetch":
            show()
            return 0
        path = SETS[options.name].fetch(options.to, options.mirror)
    except DataError as problem:
        print(f"{parser.prog}: error: {problem}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\n{parser.prog}: interrupted; nothing has been kept of the file", file=sys.stderr)
        return 130
    loaded_by_default = SETS[options.name].by_default and options.to is None
    module = f"graphlib.datasets.{SETS[options.name].dataset}"
    print(f"{path}\nload it with {module}.load({'' if loaded_by_default else repr(str(path))})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
