"""Short programs around a `Model`: they train it on a source of data as their command line says, and look at
the test set once, when the training is over.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any

from . import storage
from .command_line import choose_device, exit_code, guarded, take_part
from .fitting import Diverged
from .model import Model
from .monitors import Snapshots
from .options import (
    Formatter,
    Parser,
    add_distributed,
    add_keep_every,
    add_numbers,
    add_places,
    add_resume,
    at_least,
)
from .progress import say
from .sources import DataSet, Examples, Source

TEST = "test.json"


def make_parser(description: str, name: str, source: Source, epochs: int, batch_size: int | None) -> Parser:
    """The parser of the program `name`; the others are defaults."""
    parser = Parser(description=description, formatter_class=Formatter, allow_abbrev=False)
    add_resume(parser)
    add_numbers(parser, epochs=epochs, batch_size=batch_size, seed=0)
    if batch_size is None:
        parser.manner.add_argument(
            "--batch-size", type=at_least(1), metavar="N", help="examples a minibatch; without, all of them"
        )
    add_keep_every(parser)
    add_distributed(parser.manner)
    takes_path = "path" in {field.name for field in fields(source)}
    where = add_places(
        parser, name, ("--data", "data of this form in place of graphlib's own") if takes_path else None
    )
    where.add_argument(
        "--limit",
        type=at_least(1),
        metavar="N",
        help="at most N examples each of training, validation and test",
    )
    return parser


def main(
    description: str,
    *,
    name: str,
    model: Callable[[DataSet, argparse.Namespace], Model],
    source: Source,
    epochs: int,
    batch_size: int | None,
    options: Callable[[Parser], None] | None = None,
    arguments: Sequence[str] | None = None,
    **fit: Any,
) -> int:
    """Runs such a program, and returns its exit code: 0: done; 1: training diverged; 2: an option, a file or
    a device cannot be used; 130: stopped by Ctrl+C.

    The folder --out holds what `Model.fit` writes, and test.json: the loss and the metrics of the test set,
    by the model that was best in validation.

    Args:
        description: what --help says of the program.
        name: of the folder of the results, in output/.
        model: makes the model for the data, as the options say, of which `seed` is one.
        source: of the data.
        epochs, batch_size: defaults; a batch size of None is all examples.
        options: adds more options to the parser.
        arguments: of the command line; None for those of the process.
        fit: more arguments of `Model.fit`.
    """
    parser = make_parser(description, name, source, epochs, batch_size)
    if options:
        options(parser)
    return guarded(parser, lambda: _run(parser, parser.parse_args(arguments), model, source, fit))


def _run(
    parser: Parser,
    options: argparse.Namespace,
    make: Callable[[DataSet, argparse.Namespace], Model],
    source: Source,
    fit: dict[str, Any],
) -> int:
    choose_device(options.device)
    parallel = take_part(options)
    if getattr(options, "data", None):
        source = replace(source, path=options.data)
    data = source.load(options.seed)
    if options.limit:
        parts = {name: getattr(data, name) for name in ("train", "validation", "test")}
        data = replace(
            data, **{name: each and each.take(slice(options.limit)) for name, each in parts.items()}
        )
    say(data.describe())
    model = make(data, options)
    if options.keep_every:
        fit = {**fit, "monitors": [*fit.get("monitors", ()), Snapshots(options.keep_every)]}
    try:
        history = model.fit(
            *_pair(data.train),
            epochs=options.epochs,
            batch_size=options.batch_size,
            validation=_pair(data.validation),
            out=options.out,
            resume=options.resume,
            seed=options.seed,
            distributed=options.distributed,
            **fit,
        )
    except Diverged as problem:
        say(str(problem))
        return exit_code(parser, options, "diverged")
    if history.reason == "finished" and data.test is not None and parallel.leads:
        found = model.evaluate(*_pair(data.test))
        if history.best is not None:
            say(f"best in validation: epoch {history.best_epoch:g}, {history.watched} {history.best:.6g}")
        say("test: " + ", ".join(f"{name} {value:.6g}" for name, value in found.items()))
        content = json.dumps(found, indent=1) + "\n"
        storage.write_atomically(options.out / TEST, lambda file: file.write(content.encode()))
    return exit_code(parser, options, history.reason)


def _pair(examples: Examples | None) -> tuple[Any, Any] | None:
    return examples and (examples.x, examples.y)
