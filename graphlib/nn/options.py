"""The options of programs that train: their types, with checks, and the parsers that have them."""

import argparse
import math
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from graphlib import distributed


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
            f"{name} means {' '.join(as_option(option, value) for option, value in changed.items())}"
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
    add_resume(
        parser,
        "; it goes on with the options it was started with, and ends with the results it would have had"
        + "; only --epochs may be changed" * bool(epochs),
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
    add_numbers(
        parser,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        decay=0.0 if decays and learning_rate is not None else None,
        seed=seed_of_chapter,
    )
    if epochs is not None:
        add_keep_every(parser)
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
    parser.where = add_places(parser, name, data)
    return parser


def add_resume(parser: Parser, how: str = "") -> None:
    """Adds the option --resume; `how` goes on with its help."""
    parser.task.add_argument(
        "--resume",
        action="store_true",
        help=f"continue a run that was stopped or killed, from its folder --out{how}",
    )


#: of the options that are numbers their types, letters and help
_NUMBERS: dict[str, tuple[Callable[[str], Any], str, str]] = {
    "epochs": (at_least(1), "N", "at most N passes over the data"),
    "batch_size": (at_least(1), "N", "examples a minibatch"),
    "learning_rate": (above_zero, "X", "step of the descent"),
    "decay": (not_negative, "X", "after t epochs, divide the learning rate by 1 + X t"),
    "seed": (seed, "N", "seed of the random numbers"),
}


def add_numbers(parser: Parser, **defaults: Any) -> None:
    """Adds some of the options --epochs, --batch-size, --learning-rate, --decay and --seed: those whose
    defaults are given and not None, in this order."""
    for name, (kind, metavar, explanation) in _NUMBERS.items():
        if defaults.get(name) is not None:
            parser.manner.add_argument(
                f"--{name.replace('_', '-')}",
                type=kind,
                default=defaults[name],
                metavar=metavar,
                help=explanation,
            )


def add_keep_every(parser: Parser) -> None:
    """Adds the option --keep-every."""
    parser.manner.add_argument(
        "--keep-every",
        type=at_least(1),
        metavar="N",
        help="keep the model of every N-th epoch, in --out, as snapshots/epoch_0005.npz and so on",
    )


def add_distributed(manner: Any) -> None:
    """Adds the option --distributed to a parser or a group of one; `command_line.take_part` follows it."""
    manner.add_argument(
        "--distributed",
        action="store_true",
        help="train on all processes that mpirun -n N started, each on its part of every minibatch",
    )


def add_places(parser: Parser, name: str, data: tuple[str, str] | None) -> argparse._ArgumentGroup:
    """Adds the group of options on data, device and results, and returns it.

    Args:
        name: of the folder of the results, in output/.
        data: the name of the option that says where the data are, and its help; None for no such option.
    """
    where = parser.add_argument_group("data, device and results" if data else "device and results")
    if data:
        where.add_argument(data[0], type=absolute_path, metavar="PATH", help=data[1])
    where.add_argument(
        "--device", help="where to compute, such as cpu; otherwise what GRAPHLIB_FLAGS says, or cpu"
    )
    where.add_argument(
        "--out", type=Path, default=Path("output") / name, metavar="FOLDER", help="folder of the results"
    )
    return where


def as_option(name: str, value: object) -> str:
    """An option as it is given on the command line, with its value; ``no --option`` where it is not."""
    option = f"--{name.replace('_', '-')}"
    if value is None or value is False:
        return f"no {option}"
    values = [] if value is True else value if isinstance(value, list) else [value]
    return " ".join([option, *map(str, values)])
