"""What a run file leads to: a folder with the trained model, its learning curve, its test, and all that tells
how it came about.

    runs/<name>/<date-time>/
        run.yaml            the run file as given
        resolved.yaml       the same with every default and override: what --resume goes on with
        environment.json    versions, device, seed, fingerprints of data and model
        summary.txt         the model's layers, and the data
        log.txt             what was printed
        learning_curve.csv, learning_curve.png
        best_model.npz or model.npz
        checkpoint.npz
        result.json         the best value of what decides which model is kept, and when it was measured
        test.json
        fold_1/ …, folds.csv, predictions.npz   of a cross-validation
"""

from __future__ import annotations

import contextlib
import io
import json
import platform
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import yaml

import graphlib

from ..datasets import DataError
from ..errors import GraphError
from . import fitting, runfile, selection, storage
from .data import check_whole
from .feeds import Dealing
from .fitting import Diverged
from .model import Model
from .parallel import ALONE, DataParallel
from .places import places
from .progress import say
from .registry import ConfigError
from .runfile import RunFile
from .sources import DataSet, Divided, Examples, scaling, together
from .storage import UserError
from .stored.base import Stored

RUN, RESOLVED, ENVIRONMENT, LOG = "run.yaml", "resolved.yaml", "environment.json", "log.txt"
SUMMARY, TEST, RESULT = "summary.txt", "test.json", "result.json"

FINISHED, DIVERGED, REFUSED, INTERRUPTED = 0, 1, 2, 130


def new_folder(out: Path, name: str) -> Path:
    """A folder of the present time under ``out/name``, which is made."""
    time = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    folder = out / name / time
    number = 1
    while folder.exists():
        number += 1
        folder = out / name / f"{time}_{number}"
    storage.make_folder(folder)
    return folder


def run(file: RunFile, folder: Path, resume: bool = False, parallel: DataParallel = ALONE) -> int:
    """Trains and tests what a run file describes; everything goes into the folder.

    Args:
        resume: go on from the folder's checkpoint.
        parallel: the ranks that train together, of which rank 0 alone prints and writes.

    Returns:
        `FINISHED`, `DIVERGED` or `INTERRUPTED`.

    Raises:
        UserError: the data or the model cannot be used, with the run file's line.
    """
    with logged(folder / LOG, parallel), numbers(file):
        say("... loading the data")
        data = load_data(file)
        say(data.describe())
        with mistakes(file):
            model = make_model(file, data)
            layers = model.summary()
        say(layers)
        if not resume and parallel.leads:
            write_text(folder / RUN, file.text)
            write_text(folder / RESOLVED, as_yaml(file.resolved()))
            write_text(folder / SUMMARY, f"{layers}\n\n{data.describe()}\n")
            write_json(folder / ENVIRONMENT, environment(file, data, model))
        with mistakes(file):
            if file.description.cross_validation is not None:
                return _cross_validate(file, folder, data, parallel)
            return _train(file, folder, data, model, resume, parallel)


def resumed(folder: Path, parallel: DataParallel = ALONE) -> RunFile:
    """The run file, with defaults and overrides, of the run in a folder, which only rank 0 needs to see;
    UserError where there is none."""
    path = folder / RESOLVED
    with parallel.copied(path) as copy:
        if not copy.exists():
            raise UserError(f"there is nothing to resume: {path} does not exist")
        file = runfile.load(copy)
    if file.description.cross_validation is not None:
        raise UserError(f"{folder} is a cross-validation, which cannot be resumed: run its {RUN} again")
    return file


def check(file: RunFile, metric: str | None = None) -> str:
    """What a run file's model and data are: they are loaded and built, and nothing is trained.

    Args:
        metric: the name of what a search compares trials by.

    UserError as `run` before the first step, and where nothing is measured under the metric's name.
    """
    with numbers(file):
        data = load_data(file)
        with mistakes(file):
            model = make_model(file, data)
            names = _measured_names(file, data, model)
            summary = model.summary()
    if metric is not None and metric not in names:
        problem = f"nothing called {metric!r} is measured; there are {', '.join(names)}"
        raise file.document.mistake(ConfigError(problem, ("search", "metric")))
    return f"{data.describe()}\n\n{summary}"


def _measured_names(file: RunFile, data: DataSet, model: Model) -> list[str]:
    """The names of what a run measures, after all that it holds against each other before the first step."""
    training, crossed = file.description.training, file.description.cross_validation
    if crossed is None:
        _check_examples(file, data, model)
        examples, validation = data.train, None
        if data.validation is not None:
            validation = (data.validation.x, data.validation.y)
    else:
        examples, labels = _folded(file, data)
        selection.folds_of(len(examples), crossed.folds, stratify=labels)
        validation = crossed.validation or None
    with tempfile.TemporaryDirectory() as folder:
        names = fitting.measured_names(
            model,
            examples.x,
            examples.y,
            Path(folder),
            epochs=training.epochs,
            dealing=Dealing(training.batch_size, training.shuffle, file.description.seed),
            validation=validation,
            monitors=training.monitors,
            class_weight=training.class_weight,
            sample_weight=None,
            keep=training.keep,
            watch=training.watch,
            validate_every=training.validate_every,
        )
    if crossed is not None:
        return model._reported()
    _check_streams(file, model)
    return names


def _check_examples(file: RunFile, data: DataSet, model: Model) -> None:
    """DataError where the model cannot be trained, validated or tested by the examples: then there is nothing
    to begin with."""
    tested = data.test if file.description.test else None
    for part, called in ((data.train, ""), (data.validation, "validation "), (tested, "test ")):
        if part is not None:
            with places(part.place) if not part.stored else contextlib.nullcontext():
                examples = model.check(part.x, part.y, called=called)
    if model.stateful and tested is not None:
        size = file.description.training.batch_size or len(data.train)
        check_whole(examples.count, min(size, examples.count), "test ")


def _check_streams(file: RunFile, model: Model) -> None:
    """UserError, with the file's line, where stateful layers would go on from another stream of a text."""
    streams, size = getattr(file.description.data, "streams", None), file.description.training.batch_size
    if model.stateful and streams is not None and size != streams:
        problem = (
            f"is {size}, and the text is in {streams} streams, a row of each minibatch each: give {streams}"
        )
        raise file.document.mistake(ConfigError(problem, ("training", "batch_size")))


def _train(
    file: RunFile, folder: Path, data: DataSet, model: Model, resume: bool, parallel: DataParallel
) -> int:
    description, training = file.description, file.description.training
    _check_examples(file, data, model)
    _check_streams(file, model)
    if description.calibrate_rates and not resume:
        _calibrate(file, folder, model, data.train, parallel)
    elif resume:
        _restore_rates(model, folder, parallel)
    try:
        history = model.fit(
            data.train.x,
            data.train.y,
            validation=None if data.validation is None else (data.validation.x, data.validation.y),
            out=folder,
            resume=resume,
            keep=training.keep,
            validate_every=training.validate_every,
            **_fit_arguments(file, parallel),
        )
    except Diverged as problem:
        say(f"{problem}")
        return DIVERGED
    if history.reason == "interrupted":
        return INTERRUPTED
    if not parallel.leads:
        return FINISHED
    result = {
        "epochs": training.epochs,
        "watched": history.watched,
        "best": history.best,
        "best_epoch": history.best_epoch,
        "keep": training.keep,
        "maximized": model.maximized(data.validation is not None),
    }
    write_json(folder / RESULT, result)
    if description.test and data.test is not None:
        # Once, with the model that was kept.
        measured = model.evaluate(data.test.x, data.test.y)
        write_json(folder / TEST, {"examples": len(data.test), **measured})
        say(f"test: {_said(measured)}")
    return FINISHED


def _fit_arguments(file: RunFile, parallel: DataParallel) -> dict[str, Any]:
    training = file.description.training
    if training.sync_every > 1 and parallel is ALONE:
        raise UserError("training.sync_every is about several processes: start the run with --distributed")
    return {
        "epochs": training.epochs,
        "batch_size": training.batch_size,
        "shuffle": training.shuffle,
        "class_weight": training.class_weight,
        "monitors": training.monitors,
        "watch": training.watch,
        "seed": file.description.seed,
        "distributed": parallel is not ALONE,
        "sync_every": training.sync_every,
    }


def _calibrate(file: RunFile, folder: Path, model: Model, train: Examples, parallel: DataParallel) -> None:
    description = file.description
    rates = selection.calibrate_rates(
        model,
        train.x,
        train.y,
        batch_size=description.training.batch_size,
        batches=description.calibrate_rates,
        seed=description.seed,
        parallel=parallel,
    )
    model_rates = dict(model.layer.learning_rate_multiplier)
    path = folder / ENVIRONMENT
    if parallel.leads:
        write_json(path, json.loads(path.read_text("utf-8")) | {"learning_rates": model_rates})
    say("learning rates: " + ", ".join(f"{path} x {rate:.4g}" for path, rate in rates.items()))


def _restore_rates(model: Model, folder: Path, parallel: DataParallel) -> None:
    """Gives the layers the learning rates that were calibrated when the run was started."""
    with parallel.copied(folder / ENVIRONMENT) as path:
        try:
            rates = json.loads(path.read_text("utf-8")).get("learning_rates")
        except (OSError, ValueError, AttributeError):
            rates = None
    if rates:
        model.layer.learning_rate_multiplier = rates


def _cross_validate(file: RunFile, folder: Path, data: DataSet, parallel: DataParallel) -> int:
    description, wanted = file.description, file.description.cross_validation
    examples, labels = _folded(file, data)
    if data.test is not None:
        say(f"... {len(data.test)} test examples stay unseen")
    try:
        result = selection.cross_validate(
            lambda: make_model(file, data),
            examples.x,
            examples.y,
            wanted.folds,
            validation=wanted.validation,
            stratify=labels,
            prepare=scaling if getattr(description.data, "standardize", False) else None,
            calibrate=description.calibrate_rates,
            out=folder,
            keep=description.training.keep,
            validate_every=description.training.validate_every,
            **_fit_arguments(file, parallel),
        )
    except Diverged as problem:
        say(f"{problem}")
        return DIVERGED
    except KeyboardInterrupt:
        return INTERRUPTED
    if not parallel.leads:
        return FINISHED
    say(f"{result}")
    model = make_model(file, data)
    about = {
        "epochs": description.training.epochs,
        "watched": model.watched(),
        "maximized": model.maximized(),
    }
    write_json(folder / RESULT, about)
    return FINISHED


def _folded(file: RunFile, data: DataSet) -> tuple[Examples, Any]:
    """The examples of a cross-validation, and the labels of which each fold is to have as many; None for any;
    UserError, with the file's line, where there are too few, or no labels."""
    wanted = file.description.cross_validation
    examples = together(data.train, data.validation)
    if len(examples) < wanted.folds:
        problem = f"{len(examples)} examples cannot be divided into {wanted.folds} folds"
        raise file.document.mistake(ConfigError(problem, ("cross_validation", "folds")))
    if not wanted.stratify:
        return examples, None
    y = examples.y
    if isinstance(y, Mapping | Stored) or y.ndim != 1 or (y != np.floor(y)).any():
        problem = "is for one target of classes, in memory"
        raise file.document.mistake(ConfigError(problem, ("cross_validation", "stratify")))
    return examples, y


def make_model(file: RunFile, data: DataSet) -> Model:
    """A new model as the run file says, built for the data."""
    new = file.again()
    new.model.seed = new.seed
    model = Model(new.model, new.loss, new.optimizer, new.metrics, new.loss_weights)
    model.symbols = data.symbols
    x = data.train.x
    if isinstance(x, Mapping):
        shapes = {name: (None, *array.shape[1:]) for name, array in x.items()}
        return model.build(shapes, {name: array.dtype for name, array in x.items()})
    return model.build((None, *x.shape[1:]), x.dtype)


def load_data(file: RunFile) -> DataSet:
    """The data of a run file; UserError, with the file's line, where they cannot be learnt from."""
    source = file.description.data
    if file.description.cross_validation is not None and isinstance(source, Divided):
        source = replace(source, validation=0.0, standardize=False)  # each fold has its own
    try:
        return source.load(file.description.seed)
    except DataError as error:
        raise file.data_mistake(error) from None


@contextlib.contextmanager
def numbers(file: RunFile) -> Iterator[None]:
    """Numbers are of the type that the run file says."""
    with graphlib.config.change(floatX=file.description.floatX or graphlib.config.floatX):
        yield


@contextlib.contextmanager
def mistakes(file: RunFile) -> Iterator[None]:
    """A model and data that do not fit are a UserError that names the run file; what a key of the training
    says and cannot be, with its line."""
    try:
        yield
    except (DataError, GraphError, UserError) as error:
        raise file.mistake(error) from error


def environment(file: RunFile, data: DataSet, model: Model) -> dict[str, Any]:
    """What a run's results depend on besides its file."""
    return {
        "graphlib": graphlib.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": platform.platform(),
        "device": graphlib.config.device,
        "floatX": graphlib.config.floatX,
        "seed": file.description.seed,
        "command": sys.argv,
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
        "data": {
            "origin": data.origin,
            "fingerprint": data.fingerprint(),
            "classes": data.classes,
            "symbols": data.symbols,
            "features": data.features,
            "images": data.images,
            "scaling": data.scaling
            and {"mean": data.scaling.mean.tolist(), "deviation": data.scaling.deviation.tolist()},
        },
        "model": model.fingerprint(),
    }


def _said(measured: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.6g}" for name, value in measured.items())


def as_yaml(content: Any) -> str:
    """A run file's content as YAML."""
    return yaml.safe_dump(content, sort_keys=False, default_flow_style=None, allow_unicode=True, width=100)


def write_text(path: Path, text: str) -> None:
    """Writes a text in UTF-8, atomically."""
    storage.write_atomically(path, lambda file: file.write(text.encode("utf-8")))


def write_json(path: Path, content: Any) -> None:
    """Writes JSON, atomically."""
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


class _Tee(io.TextIOBase):
    """Writes what is printed to a log as well, line by line, so that it can be followed."""

    def __init__(self, shown: TextIO, log: TextIO):
        self._shown, self._log = shown, log

    def write(self, text: str) -> int:
        self._log.write(text)
        if "\n" in text:
            self._log.flush()
        return self._shown.write(text)

    def flush(self) -> None:
        self._shown.flush()

    def isatty(self) -> bool:
        return self._shown.isatty()


@contextlib.contextmanager
def logged(path: Path, parallel: DataParallel = ALONE) -> Iterator[None]:
    """What is printed meanwhile is added to a file, too, by rank 0."""
    with contextlib.ExitStack() as stack:
        if not parallel.leads:
            yield
            return
        try:
            log = stack.enter_context(open(path, "a", encoding="utf-8"))
        except OSError as problem:
            raise UserError(f"cannot write {path}: {problem.strerror or problem}") from None
        stack.enter_context(contextlib.redirect_stdout(_Tee(sys.stdout, log)))
        yield
