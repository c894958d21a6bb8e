"""Short programs around a `Model`: they train it on a source of data as their command line says, and look at
the test set once, when the training is over.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from . import storage
from .command_line import Formatter, Parser, absolute_path, at_least, choose_device, exit_code, guarded
from .command_line import seed as seed_option
from .fitting import Diverged
from .model import Model
from .monitors import Snapshots
from .progress import say
from .sources import DataSet, Examples, Source

TEST = "test.json"


def make_parser(description: str, name: str, source: Source, epochs: int, batch_size: int | None) -> Parser:
    """The parser of the program `name`; the others are defaults."""
    parser = Parser(description=description, formatter_class=Formatter, allow_abbrev=False)
    parser.task.add_argument(
        "--resume",
        action="store_true",
        help="continue a run that was stopped or killed, from its folder --out",
    )
    count = at_least(1)
    parser.manner.add_argument(
        "--epochs", type=count, default=epochs, metavar="N", help="at most N passes over the data"
    )
    parser.manner.add_argument(
        "--batch-size",
        type=count,
        default=batch_size,
        metavar="N",
        help="examples a minibatch" + "; without, all of them" * (batch_size is None),
    )
    parser.manner.add_argument(
        "--seed", type=seed_option, default=0, metavar="N", help="seed of the random numbers"
    )
    parser.manner.add_argument(
        "--keep-every",
        type=count,
        metavar="N",
        help="keep the model of every N-th epoch, in --out, as snapshots/epoch_0005.npz and so on",
    )
    where = parser.add_argument_group("data, device and results")
    if "path" in {field.name for field in fields(source)}:
        where.add_argument(
            "--data",
            type=absolute_path,
            metavar="PATH",
            help="data of this form in place of graphlib's own",
        )
    where.add_argument(
        "--limit", type=count, metavar="N", help="at most N examples each of training, validation and test"
    )
    where.add_argument("--device", help="where to compute, such as cpu; otherwise what GRAPHLIB_FLAGS says")
    where.add_argument(
        "--out", type=Path, default=Path("output") / name, metavar="FOLDER", help="folder of the results"
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
            **fit,
        )
    except Diverged as problem:
        say(str(problem))
        return exit_code(parser, options, "diverged")
    if history.reason == "finished" and data.test is not None:
        found = model.evaluate(*_pair(data.test))
        if history.best is not None:
            say(f"best in validation: epoch {history.best_epoch:g}, {history.watched} {history.best:.6g}")
        say("test: " + ", ".join(f"{name} {value:.6g}" for name, value in found.items()))
        content = json.dumps(found, indent=1) + "\n"
        storage.write_atomically(options.out / TEST, lambda file: file.write(content.encode()))
    return exit_code(parser, options, history.reason)


def _pair(examples: Examples | None) -> tuple[Any, Any] | None:
    return examples and (examples.x, examples.y)
