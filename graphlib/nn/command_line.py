"""The command line of programs that train: continuing a run with the settings it was started with, and errors
as one line a person understands (exit code 2) in place of a traceback. Its options are those of `options`.
"""

import argparse
import io
import os
import shlex
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import graphlib
from graphlib import distributed
from graphlib.errors import DeviceError, DistributedError

from ..datasets import DataError, DataWarning
from .learning_rate import LearningRate
from .options import (
    Parser,
    above_zero,
    add_distributed,
    as_option,
    at_least,
    fraction,
    make_parser,
    not_negative,
    seed,
)
from .parallel import ALONE, DataParallel, data_parallel
from .run_folder import CHECKPOINT, read_checkpoint
from .storage import UserError
from .training import Outcome

EXIT_CODES = {"finished": 0, "drawn": 0, "diverged": 1, "interrupted": 130}
#: Options that say nothing of the run itself.
NO_SETTINGS = (
    "device",
    "out",
    "resume",
    "distributed",
    "predict",
    "demonstrate",
    "sample",
    "draw_snapshots",
    "fetch",
    "preset",
    "given",
    "parser",
)


def settings_of(options: argparse.Namespace) -> dict:
    """The options that a run is started with and resumed with, by name."""
    return {name: value for name, value in vars(options).items() if name not in NO_SETTINGS}


def run_of(options: argparse.Namespace) -> dict[str, Any]:
    """What `training.train` and `train_stages` need of the options: the folder, the settings, whether to
    resume, to keep snapshots or to draw those that were kept, and the ranks.
    """
    return {
        "folder": options.out,
        "settings": settings_of(options),
        "resume": options.resume,
        "keep_every": getattr(options, "keep_every", None),
        "draw_snapshots": bool(getattr(options, "draw_snapshots", None)),
        "parallel": parallel_of(options),
    }


def learning_rate_of(options: argparse.Namespace) -> LearningRate:
    """The learning rate that --learning-rate and --decay say."""
    return LearningRate(options.learning_rate, options.decay)


def parallel_of(options: argparse.Namespace) -> DataParallel:
    """The ranks that train together as the options say.

    Errors: DistributedError as `graphlib.distributed.ranks`.
    """
    if not getattr(options, "distributed", False):
        return ALONE
    return data_parallel(getattr(options, "sync_every", 1))


def parse(parser: Parser, arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options, a preset's where one is chosen; with --resume those of the run in --out, which the others
    must not contradict. `given` is the set of the names of those that are not just defaults.
    """
    options = parser.parse_args(arguments)
    preset = parser.presets.get(getattr(options, "preset", None), {})
    options.parser = parser
    saved = _saved_settings(options) if options.resume else {}
    parser.set_defaults(**saved | preset)
    options = parser.parse_args(arguments)
    for name, value in saved.items():
        given = getattr(options, name)
        if name != "epochs" and given != value:
            raise UserError(
                f"the run in {options.out} was started with {as_option(name, value)}, and cannot go "
                f"on with {as_option(name, given)}: leave the option out, or start anew without --resume"
            )
    unset = object()
    found = parser.parse_args(arguments, argparse.Namespace(**dict.fromkeys(vars(options), unset)))
    options.parser = parser
    options.given = {name for name, value in vars(found).items() if value is not unset} | preset.keys()
    return options


def options_of_run(options: argparse.Namespace, *free: str) -> argparse.Namespace:
    """`options` with those that the run in the folder `options.out` was started with, to use its model.

    Args:
        free: names of options that do not concern the model, and stay as they are.

    UserError if the run's checkpoint is missing, damaged, or another program's, or if an option that was
    given contradicts it.
    """
    path = options.out / CHECKPOINT
    if not path.exists():
        raise UserError(f"{path} does not exist, which tells with what options the model was trained")
    saved = {name: value for name, value in _saved_settings(options).items() if name not in free}
    for name, value in saved.items():
        given = getattr(options, name)
        if name in options.given and given != value:
            raise UserError(
                f"the model in {options.out} was trained with {as_option(name, value)}, and cannot be used "
                f"with {as_option(name, given)}: leave the option out"
            )
    return argparse.Namespace(**vars(options) | saved)


def _saved_settings(options: argparse.Namespace) -> dict[str, Any]:
    path = options.out / CHECKPOINT
    with parallel_of(options).copied(path) as copy:
        progress, _ = read_checkpoint(copy)
    saved = progress["settings"]
    # An option that the program did not have when the run was made is what it is by default.
    names = settings_of(options).keys()
    saved = {each.dest: each.default for each in options.parser.options() if each.dest in names} | saved
    if saved.keys() != names:
        raise UserError(f"{path} was written by another program: give the --out of the run to resume")
    for action in options.parser.options():
        if action.dest in saved and not _is_value(action, saved[action.dest]):
            raise UserError(
                f"{path} was changed: its setting {action.dest} is {saved[action.dest]!r}, which cannot have "
                "been given"
            )
    return saved


def _is_value(option: argparse.Action, value: object) -> bool:
    """Whether an option can have been given this value, or is so by default."""
    if value == option.default and type(value) is type(option.default):
        return True
    if option.nargs == 0:
        return isinstance(value, bool)
    several = option.nargs not in (None, "?")
    if several and not (isinstance(value, list) and value):
        return False
    if isinstance(option.nargs, int) and len(value) != option.nargs:
        return False
    convert = option.type or str
    try:
        return all(
            type(each) in (str, int, float)
            and convert(str(each)) == each
            and (option.choices is None or each in option.choices)
            for each in (value if several else [value])
        )
    except (argparse.ArgumentTypeError, ValueError, OSError):
        return False


def choose_device(name: str | None) -> None:
    """Lets graphlib compile for the device `name`; None leaves its configuration as it is."""
    if name is None:
        return
    try:
        graphlib.config.device = name
    except ValueError as problem:
        raise UserError(f"--device {name}: {problem}") from None


def main(
    parser: Parser,
    train: Callable[[argparse.Namespace], Outcome],
    tasks: Mapping[str, Callable[[argparse.Namespace], None]],
    arguments: Sequence[str] | None = None,
) -> int:
    """Runs a program from its command line and returns its exit code.

    It trains, unless one of the `tasks` is asked for, which are named after their options.

    0: done; 1: training diverged; 2: an option, a file or a device cannot be used; 130: stopped by Ctrl+C.
    """
    return guarded(parser, lambda: _run(parser, train, tasks, arguments))


def _show_warning(
    program: str,
    show: Callable[..., None],
    message: Warning,
    category: type[Warning],
    *where: Any,
    **more: Any,
) -> None:
    """Says what is wrong with the data in one line; any other warning as Python does."""
    if issubclass(category, DataWarning):
        if distributed.is_another():
            return  # rank 0 says it
        print(f"{program}: warning: {message}", file=sys.stderr)
    else:
        show(message, category, *where, **more)


def _run(
    parser: Parser,
    train: Callable[[argparse.Namespace], Outcome],
    tasks: Mapping[str, Callable[[argparse.Namespace], None]],
    arguments: Sequence[str] | None,
) -> int:
    options = parse(parser, arguments)
    choose_device(options.device)
    if getattr(options, "draw_snapshots", None):
        options = options_of_run(options)
    for name, perform in tasks.items():
        if getattr(options, name) is not None:
            perform(options)
            return 0
    take_part(options)
    return exit_code(parser, options, train(options).reason)


def take_part(options: argparse.Namespace) -> DataParallel:
    """The processes that were started, which are those that the options ask for and can share a minibatch of
    --batch-size; all but rank 0 are silent from then on.

    Errors: UserError where they are not; DistributedError as `graphlib.distributed.ranks`.
    """
    parallel = parallel_of(options)
    if parallel is ALONE and distributed.started() > 1:
        raise UserError(
            f"{distributed.started()} processes were started, "
            + (
                "which would all do the same: let them train together with --distributed, or start one"
                if hasattr(options, "distributed")
                else "and this program trains on one: start it"
            )
            + " without mpirun"
        )
    if parallel is ALONE and getattr(options, "sync_every", 1) > 1:
        raise UserError("--sync-every is about several processes: give it with --distributed")
    if getattr(options, "batch_size", None) is not None:
        parallel.check(options.batch_size, "--batch-size")
    if not parallel.leads:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    return parallel


def exit_code(parser: Parser, options: argparse.Namespace, reason: str) -> int:
    """The exit code of a training that ended for this reason; says how to go on where it was interrupted."""
    if reason == "interrupted":
        print(f"Continue with: python {_resume_command(parser, options)}")
    return EXIT_CODES[reason]


def guarded(parser: Parser, program: Callable[[], int]) -> int:
    """Runs a program and returns its exit code; what the user can mend is told in one line, with code 2."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal or a file of another encoding than UTF-8 has no place for every character of a text.
        sys.stdout.reconfigure(errors="backslashreplace")
    with warnings.catch_warnings():
        warnings.showwarning = partial(_show_warning, parser.prog, warnings.showwarning)
        return _with_errors_in_one_line(parser, program)


def _with_errors_in_one_line(parser: Parser, program: Callable[[], int]) -> int:
    try:
        return program()
    except (UserError, DataError, DeviceError, DistributedError) as problem:
        return failed(f"{parser.prog}: error: {problem}", 2)
    except MemoryError as problem:
        return failed(f"{parser.prog}: error: {without_memory(problem)}", 2)
    except KeyboardInterrupt:
        return failed(f"\n{parser.prog}: interrupted", EXIT_CODES["interrupted"])
    except BrokenPipeError:
        # Whoever read the output has gone, as `| head` does; nothing more can be said, not at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def without_memory(problem: MemoryError) -> str:
    """What is said where there is not enough memory; Python itself often says no more than that."""
    return ": ".join(filter(None, ["not enough memory", str(problem)]))


def failed(message: str, code: int) -> int:
    """Says why the program ends, and ends all ranks of its run, which would wait for this one."""
    ranks = distributed.together()
    if ranks is not None:
        ranks.fail(message, code)
    if not distributed.is_another():
        print(message, file=sys.stderr)
    return code


def _resume_command(parser: Parser, options: argparse.Namespace) -> str:
    out = [] if options.out == parser.get_default("out") else ["--out", str(options.out)]
    together = ["--distributed"] if getattr(options, "distributed", False) else []
    return shlex.join([sys.argv[0], "--resume", *together, *out])


# what programs need of options is here too
__all__ = [
    "Parser",
    "above_zero",
    "add_distributed",
    "at_least",
    "choose_device",
    "exit_code",
    "fraction",
    "guarded",
    "learning_rate_of",
    "main",
    "make_parser",
    "not_negative",
    "options_of_run",
    "parallel_of",
    "parse",
    "run_of",
    "seed",
    "settings_of",
    "take_part",
]
