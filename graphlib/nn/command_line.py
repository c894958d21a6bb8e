"""The command line of programs that train: its options and their checks, continuing a run with the
settings it was started with, and errors as one line a person understands (exit code 2) in place of a
traceback.
"""

import argparse
import io
import math
import os
import shlex
import sys
import textwrap
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import graphlib
from graphlib import distributed
from graphlib.errors import DeviceError, DistributedError

from ..datasets import DataError, DataWarning
from .learning_rate import LearningRate
from .parallel import ALONE, DataParallel, data_parallel
from .progress import say
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


def at_least(lowest: int) -> Callable[[str], int]:
    """A type of option: a whole number not below `lowest`."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = None
        if value is None or value < lowest:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {lowest}")
        return value

    return parse


def seed(text: str) -> int:
    """A type of option: a seed of NumPy's RandomState."""
    value = at_least(0)(text)
    if value >= 2**32:
        raise argparse.ArgumentTypeError(f"{text!r} is not below 2**32")
    return value


def _finite(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return value


def above_zero(text: str) -> float:
    """A type of option: a finite number above 0."""
    value = _finite(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not above 0")
    return value


def not_negative(text: str) -> float:
    """A type of option: a finite number, 0 or more."""
    value = _finite(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is below 0")
    return value


def fraction(text: str) -> float:
    """A type of option: a number from 0 to 1."""
    value = _finite(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0 and 1")
    return value


def absolute_path(text: str) -> str:
    """A type of option: a path, such that a run resumed from another folder finds the same file."""
    return str(Path(text).expanduser().absolute())


class Parser(argparse.ArgumentParser):
    """argparse's parser, with errors of one line.

    Args:
        does: what the program does unless another task is asked for, a verb.

    Attributes:
        presets: for each choice of an option --preset, the defaults of other options that it changes.
        task: the group of the options that do something else.
        manner: the group of the options on how it does that.
        where: the group of the options on data, device and results, if `make_parser` made the parser.
    """

    def __init__(self, does: str = "train", **settings: Any):
        super().__init__(**settings)
        self.presets: Mapping[str, Mapping[str, Any]] = {}
        self.task = self.add_argument_group(f"what to do (otherwise: {does} from the start)")
        self.task = self.task.add_mutually_exclusive_group()
        self.manner = self.add_argument_group(f"how to {does}")

    def add_presets(self, presets: Mapping[str, Mapping[str, Any]]) -> None:
        """Adds the option --preset, with its choices and the defaults that each of them changes."""
        self.presets = presets
        choices = (
            f"{name} means {' '.join(_as_option(option, value) for option, value in changed.items())}"
            for name, changed in presets.items()
        )
        self.add_argument(
            "--preset", choices=presets, help=f"other defaults: {'; '.join(choices)} (what is given counts)"
        )

    def options(self) -> Sequence[argparse.Action]:
        """The options and arguments that were added."""
        return self._actions

    def error(self, message: str) -> NoReturn:
        if distributed.is_another():
            self.exit(2)  # rank 0 says it
        self.exit(2, f"{self.prog}: error: {message} (--help explains the options)\n")


class Formatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows defaults where there is one to show, and leaves the description's lines as they are."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default is None or action.default is False:
            return action.help
        if isinstance(action.default, list):
            return f"{action.help} (default: {' '.join(map(str, action.default))})"
        return super()._get_help_string(action)


PREDICTIONS = """
  {program} --predict             try the trained model on the test images
  {program} --predict four.png    ask it which digit a picture shows"""


#: The option --dataset of programs on MNIST, and its help.
MNIST = (
    "--dataset",
    "other images than MNIST: a folder or archive of four IDX files "
    "(Fashion-MNIST, EMNIST, QMNIST), mnist.npz, mnist.pkl.gz, or a table (.csv) with a label and pixels in "
    "each row; of any size, and of any classes",
)


def make_parser(
    description: str,
    *,
    name: str,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    decays: bool = True,
    seed_of_chapter: int = 1234,
    data: tuple[str, str] | None = MNIST,
    predicts: bool = True,
    does: str = "train",
    distributes: bool = False,
    examples: str = "",
    files: str = "best_model.npz (the parameters that were best in validation), filters.png (what the units "
    "of the first layer look for)",
) -> Parser:
    """The parser of a program that trains, with the options that all have; add the model's own to it.

    Without --out the results go to the folder output/`name`.

    Args:
        epochs, batch_size, learning_rate: defaults; None where there is no such option.
        decays: whether the learning rate can decay (`learning_rate_of`), so that --decay is an option.
        data: the name of the option that says where the data are, and its help; None for no such option.
        predicts: whether the model names digits, so that --predict is an option.
        does: what the program does, a verb.
        distributes: whether it can train on several processes, so that --distributed is an option.
        examples: more lines of examples, where ``{program}`` stands for how the program is started.
        files: the files in the folder --out that the program writes besides those that all write.
    """
    program = f"python {sys.argv[0]}"
    more = (PREDICTIONS * predicts + examples).format(program=program)
    results = (
        f"The folder --out holds {files}, learning_curve.png and .csv, checkpoint.npz (for --resume)"
        + " and data.json (which data were learnt from, and what their numbers stand for)" * bool(data)
        + "."
    )
    passes = f"\n  {program} --epochs 20           train for 20 passes over the data" if epochs else ""
    epilog = f"""examples:
  {program}                       {does}, with the default settings{passes}
  {program} --resume              continue a run that was stopped or killed{more}

{textwrap.fill(results, 105)}"""
    parser = Parser(
        does, description=description, epilog=epilog, formatter_class=Formatter, allow_abbrev=False
    )

    parser.task.add_argument(
        "--resume",
        action="store_true",
        help="continue a run that was stopped or killed, from its folder --out; it goes on with the options "
        "it was started with, and ends with the results it would have had"
        + "; only --epochs may be changed"
        * bool(epochs),
    )
    if predicts:
        parser.task.add_argument(
            "--predict",
            nargs="*",
            type=Path,
            metavar="IMAGE",
            help="use the trained model in --out: name the digit, or what it learnt, in a picture, "
            "dark on light or light on dark; without a picture, go through the run's own test images",
        )

    decay = 0.0 if decays and learning_rate is not None else None
    for option, default, kind, metavar, explanation in (
        ("--epochs", epochs, at_least(1), "N", "at most N passes over the data"),
        ("--batch-size", batch_size, at_least(1), "N", "examples a minibatch"),
        ("--learning-rate", learning_rate, above_zero, "X", "step of the descent"),
        ("--decay", decay, not_negative, "X", "after t epochs, divide the learning rate by 1 + X t"),
        ("--seed", seed_of_chapter, seed, "N", "seed of the random numbers"),
    ):
        if default is not None:
            parser.manner.add_argument(option, type=kind, default=default, metavar=metavar, help=explanation)
    if epochs is not None:
        parser.manner.add_argument(
            "--keep-every",
            type=at_least(1),
            metavar="N",
            help="keep the model of every N-th epoch, in --out, as snapshots/epoch_0005.npz and so on",
        )
        parser.task.add_argument(
            "--draw-snapshots",
            action="store_const",
            const=True,
            help="train nothing: draw what training draws, from each model that --keep-every kept in --out, "
            "and each picture's change as an animation",
        )

    if distributes:
        add_distributed(parser.manner)
        parser.manner.add_argument(
            "--sync-every",
            type=at_least(1),
            default=1,
            metavar="K",
            help="with --distributed: let each process step by itself, and average their parameters after "
            "every K minibatches, for K above 1",
        )

    where = parser.where = parser.add_argument_group(
        "data, device and results" if data else "device and results"
    )
    if data:
        where.add_argument(data[0], type=absolute_path, metavar="PATH", help=data[1])
    where.add_argument(
        "--device", help="where to compute, such as cpu; otherwise what GRAPHLIB_FLAGS says, or cpu"
    )
    where.add_argument(
        "--out", type=Path, default=Path("output") / name, metavar="FOLDER", help="folder of the results"
    )
    return parser


def add_distributed(manner: Any) -> None:
    """Adds the option --distributed to a parser or a group of one; `take_part` follows it."""
    manner.add_argument(
        "--distributed",
        action="store_true",
        help="train on all processes that mpirun -n N started, each on its part of every minibatch",
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
                f"the run in {options.out} was started with {_as_option(name, value)}, and cannot go "
                f"on with {_as_option(name, given)}: leave the option out, or start anew without --resume"
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
                f"the model in {options.out} was trained with {_as_option(name, value)}, and cannot be used "
                f"with {_as_option(name, given)}: leave the option out"
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


def _as_option(name: str, value: object) -> str:
    option = f"--{name.replace('_', '-')}"
    if value is None or value is False:
        return f"no {option}"
    values = [] if value is True else value if isinstance(value, list) else [value]
    return " ".join([option, *map(str, values)])


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
    if parallel is not ALONE and parallel.alone:
        say("... --distributed: this process is the only one; mpirun -n N python ... starts N of them")
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
        return _failed(f"{parser.prog}: error: {problem}", 2)
    except KeyboardInterrupt:
        return _failed(f"\n{parser.prog}: interrupted", EXIT_CODES["interrupted"])
    except BrokenPipeError:
        # Whoever read the output has gone, as `| head` does; nothing more can be said, not at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _failed(message: str, code: int) -> int:
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
