"""``python -m graphlib.nn``: runs, checks and converts run files, uses the models that come out, and tells
what can be written in a run file."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ..datasets import DataError
from ..errors import DeviceError, DistributedError
from . import listing, registry, runfile
from .command_line import choose_device, failed, take_part, without_memory
from .convert import convert
from .options import add_distributed, at_least
from .progress import say
from .storage import UserError, write_atomically

PROGRAM = "python -m graphlib.nn"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    whole = argparse.ArgumentParser(
        prog=PROGRAM, description="Trains models that are described in run files (see docs/run-files.md)."
    )
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="train and test what a run file describes")
    check = commands.add_parser("check", help="check a run file, and print its model and data")
    for each in (run, check):
        each.add_argument("file", type=Path, nargs="?" if each is run else None, metavar="FILE.yaml")
        each.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="KEY.KEY=VALUE",
            dest="overrides",
            help="another value for a part of the file, such as optimizer.sgd.learning_rate=0.1 or "
            "model.0.dense.units=50; may be given several times",
        )
        _with(each)
    run.add_argument(
        "--out", type=Path, default=Path("runs"), metavar="FOLDER", help="where folders of runs go (runs)"
    )
    run.add_argument("--resume", type=Path, metavar="FOLDER", help="go on with the run in this folder")
    run.add_argument("--device", help="where to compute, such as cpu or cuda")
    add_distributed(run)

    look = commands.add_parser(
        "search", help="train with many options that a search file names, and keep the best"
    )
    look.add_argument("file", type=Path, metavar="FILE.yaml")
    look.add_argument("--set", action="append", default=[], metavar="KEY.KEY=VALUE", dest="overrides")
    look.add_argument(
        "--out", type=Path, default=Path("searches"), metavar="FOLDER", help="where studies go (searches)"
    )
    look.add_argument(
        "--workers",
        type=at_least(1),
        metavar="N",
        help="trainings side by side, each in a process of its own; otherwise as many as processors",
    )
    look.add_argument("--dask", action="store_true", help="run them on a Dask cluster on this machine")
    look.add_argument("--scheduler", metavar="ADDRESS", help="run them on the Dask cluster of this scheduler")
    look.add_argument("--threads", type=at_least(1), metavar="N", help="threads of each training")
    look.add_argument("--device", help="where to compute, such as cpu or cuda")
    _with(look)

    turn = commands.add_parser("convert", help="make a run file of one of Hebel's")
    turn.add_argument("file", type=Path, metavar="HEBEL.yml")
    turn.add_argument("--out", type=Path, metavar="FILE.yaml", help="where it goes; otherwise it is printed")

    use = commands.add_parser("predict", help="what the model of a run says of new examples")
    use.add_argument("folder", type=Path, metavar="FOLDER", help="of the run")
    use.add_argument(
        "data",
        type=Path,
        metavar="DATA",
        help="an .npz, .npy, .csv, .parquet or .arrow file, an image, or a folder of images",
    )
    use.add_argument(
        "--out", type=Path, metavar="FILE", help="a .csv or .npz file; otherwise the predictions are printed"
    )
    use.add_argument("--device", help="where to compute, such as cpu or cuda")
    _with(use)

    tell = commands.add_parser("names", help="what can be written in a run file")
    tell.add_argument("name", nargs="?", help="a kind (layer, loss, …) or a name (dense, adam, …)")
    _with(tell)
    return whole


def _with(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--with",
        action="append",
        default=[],
        type=Path,
        metavar="MODULE.py",
        dest="modules",
        help="a module of your own that registers layers, losses, …; it is executed",
    )


def execute(path: Path) -> None:
    """Runs a module that the user has named; UserError where it cannot be read or fails."""
    name = f"graphlib_nn_with_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or not path.is_file():
        raise UserError(f"--with {path}: there is no such module (a file that ends in .py)")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UserError(f"--with {path}: {type(error).__name__}: {error}") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs from `arguments`, or those of the process, and returns the exit code.

    0: done; 1: training diverged; 2: something that was given cannot be used; 130: stopped by Ctrl+C.
    """
    options = parser().parse_args(arguments)
    try:
        for path in getattr(options, "modules", []):
            execute(path)
        choose_device(getattr(options, "device", None))
        options.parallel = take_part(options)
        commands = {
            "run": _run,
            "check": _check,
            "search": _search,
            "convert": _convert,
            "predict": _predict,
            "names": _names,
        }
        code = commands[options.command](options)
        sys.stdout.flush()
        return code
    except (UserError, DataError, DeviceError, DistributedError) as problem:
        return failed(f"{PROGRAM}: error: {problem}", 2)
    except MemoryError as problem:
        return failed(f"{PROGRAM}: error: {without_memory(problem)}", 2)
    except KeyboardInterrupt:
        return failed(f"\n{PROGRAM}: interrupted", 130)
    except BrokenPipeError:
        # who reads what is printed, such as head, has seen enough; nothing is left for the end to flush
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _run(options: argparse.Namespace) -> int:
    from . import runs

    parallel = options.parallel
    if options.resume is not None:
        if options.file is not None or options.overrides:
            raise UserError(
                "--resume goes on with what the run was started with: leave the file and --set out"
            )
        file, folder = runs.resumed(options.resume, parallel), options.resume
    elif options.file is None:
        raise UserError("which run file? Give it, or --resume and the folder of a run")
    else:
        file = runfile.load(options.file, options.overrides)
        folder = options.out
        if parallel.leads:  # the others are told by it what is in there
            folder = runs.new_folder(options.out, file.name)
    code = runs.run(file, folder, options.resume is not None, parallel)
    if code == runs.INTERRUPTED:
        more = "".join(f" --with {path}" for path in options.modules) + " --distributed" * options.distributed
        print(f"Continue with: {PROGRAM} run --resume {folder}{more}")
    return code


def _check(options: argparse.Namespace) -> int:
    from . import runs
    from .searches import section

    if section.is_search(options.file):
        file = section.load(options.file, options.overrides)
        print(runs.check(file.base, file.metric))
    else:
        print(runs.check(runfile.load(options.file, options.overrides)))
    return 0


def _search(options: argparse.Namespace) -> int:
    from . import runs
    from .searches import engines, section, study, trials

    file = section.load(options.file, options.overrides)
    runs.check(file.base, file.metric)
    if options.scheduler is not None and options.workers is not None:
        raise UserError("--workers are of a cluster of our own: the one of --scheduler has its workers")
    workers = options.workers or trials.processors()
    threads = options.threads or max(1, trials.processors() // workers)
    engines.need("optuna", "search")
    found = study.Study(file, options.out / file.base.name, options.modules, threads)
    if options.scheduler is None and not options.dask:
        engine: study.Engine = engines.Local(workers)
    else:
        engine = engines.Dask(options.scheduler, workers)
    say(f"{file.method.count(file.space) * file.seeds} trainings on {engine}; the study is {found.folder}")
    try:
        found.run(engine)
    except KeyboardInterrupt:
        print(f"\nStopped. The same command goes on with the study in {found.folder}")
        return 130
    finally:
        engine.close()
    print(found)
    return 0


def _convert(options: argparse.Namespace) -> int:
    found = convert(options.file)
    if options.out is None:
        print(found.text(), end="")
    else:
        write_atomically(options.out, lambda file: file.write(found.text().encode("utf-8")))
        for note in found.notes:
            print(note)
        print(f"{options.out} is written; see what it makes with: {PROGRAM} check {options.out}")
    return 0


def _predict(options: argparse.Namespace) -> int:
    from . import predictions

    text = predictions.predict(options.folder, options.data, options.out)
    print(text)
    return 0


def _names(options: argparse.Namespace) -> int:
    if options.name is None:
        print(listing.kinds())
    elif options.name in registry.KINDS and options.name not in registry.names(options.name):
        print(listing.kind(options.name))
    else:
        print(listing.name(options.name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
