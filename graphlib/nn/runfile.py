"""Run files: a model, its data and its training, described in YAML and checked before anything is built.

    format: 1
    name: mnist-shallow
    data: mnist
    model:
      - dense: {units: 500, activation: relu}
      - dense: {units: 10, activation: softmax}
    loss: crossentropy
    metrics: [error]
    optimizer: {adam: {learning_rate: 1e-3}}
    training: {epochs: 20, batch_size: 100}

A value is a number, a text, true, false or null, a list, or one registered name with its parameters; where
it stands says of what kind the name is. So a file can name nothing that is not registered: it has no tags,
imports, expressions or pickles. docs/run-files.md describes all of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal

from ..configuration import config
from ..datasets import DataError
from ..graph.variable import Origin
from . import registry, schema, yaml_text
from .registry import ConfigError, Entry, at, config_of
from .schema import Count, Data, Fraction, Layer, Monitor, NotNegative, Optimizer, Range
from .storage import UserError

Seed = Annotated[int, Range(0, 2**32 - 1)]


@dataclass
class Training:
    """How long and how the model is trained: see `graphlib.nn.Model.fit`.

    Attributes:
        epochs: passes over the training examples, at most.
        batch_size: examples of a minibatch; null for all at once.
        shuffle: whether each epoch has another order.
        validate_every: epochs from one validation to the next.
        keep: whether the model is at the end the best in validation or the last.
        watch: the name of the measured value by which models are compared, such as validation_loss; null for
            the first metric's, or the loss.
        monitors: what else is watched, and what ends training early.
        class_weight: the weight of the examples of each class, by its number; "balanced": such that all
            classes weigh alike; of several outputs, by their names.
        sync_every: where several processes train together (``--distributed``), after how many minibatches
            they average their parameters; 1: they step along the mean of their gradients.
    """

    epochs: Count = 10
    batch_size: Count | None = 32
    shuffle: bool = True
    validate_every: Count = 1
    keep: Literal["best", "last"] = "best"
    watch: str | None = None
    monitors: list[Monitor] = field(default_factory=list)
    class_weight: (
        Literal["balanced"] | dict[str, NotNegative | Literal["balanced"] | dict[str, NotNegative]] | None
    ) = None
    sync_every: Count = 1


@dataclass
class CrossValidation:
    """Every example is in the test part of one of several folds: see `graphlib.nn.cross_validate`.

    Attributes:
        folds: how many.
        validation: the share of the other examples by which each fold chooses its model.
        stratify: whether each fold has as many of each class.
    """

    folds: Annotated[int, Range(2)] = 5
    validation: Fraction = 0.1
    stratify: bool = False


@dataclass
class Description:
    """The sections of a run file.

    Attributes:
        data: a source of examples.
        model: a layer; a list of layers follow each other.
        loss: what is minimized; of several outputs, by their names.
        loss_weights: the weights of several losses in their sum; null for 1 each.
        metrics: what is measured in validation and test beside the loss; by name of several outputs.
        optimizer: the rule of descent.
        format: of the file.
        name: of the experiment, and of its folder; null for the file's own.
        seed: of all random numbers: of initial parameters, dropout, the examples' order and division.
        floatX: the type of numbers; null for graphlib.config's.
        training: see `Training`.
        calibrate_rates: minibatches by whose gradients the parameters' learning rates are set apart before
            training (see `graphlib.nn.calibrate_rates`); 0 for none.
        cross_validation: see `CrossValidation`; null for none.
        test: whether the model is tested at the end.
    """

    data: Data
    model: Layer
    loss: Any
    format: Literal[1] = 1
    name: str | None = None
    seed: Seed = 0
    floatX: Literal["float32", "float64"] | None = None
    loss_weights: dict[str, NotNegative] | None = None
    metrics: Any = field(default_factory=list)
    optimizer: Optimizer = "adam"
    training: Training = field(default_factory=Training)
    calibrate_rates: Annotated[int, Range(0)] = 0
    cross_validation: CrossValidation | None = None
    test: bool = True


#: what messages about a model and its training begin with, and where that stands
_BEGIN: dict[str, tuple] = {
    "class_weight": ("training", "class_weight"),
    "loss": ("loss",),
    "loss_weights": ("loss_weights",),
    "metric": ("metrics",),
    "metrics": ("metrics",),
    "shuffle": ("training", "shuffle"),
}

_SECTIONS = Entry("section", "a run file", Description, True)


@dataclass
class RunFile:
    """A run file that was read and checked.

    Attributes:
        path: the file.
        text: its content as given.
        document: its content, and the lines where it stands.
        description: the objects that it describes.
        name: of the experiment.
    """

    path: Path
    text: str
    document: yaml_text.Document
    description: Description
    name: str

    def again(self) -> Description:
        """The same description in new objects, of which none has been used."""
        return _objects(self.path, self.document)

    def resolved(self) -> dict[str, Any]:
        """The content with every default and override, and with a path that is good from any folder."""
        return {each.name: self._resolved(getattr(self.description, each.name)) for each in _order()} | {
            "name": self.name,
            "floatX": self.description.floatX or config.floatX,
        }

    def _resolved(self, value: Any) -> Any:
        if isinstance(value, Training | CrossValidation):
            return {each.name: self._resolved(getattr(value, each.name)) for each in fields(value)}
        return config_of(value, defaults=True)

    def mistake(self, error: Exception) -> UserError:
        """An error of a model, its training or its test, with the file's line where it begins with the name
        of a key or a monitor."""
        text = str(error)
        name, _, rest = text.partition(": ")
        monitors = [registry.registered_name(each) for each in self.description.training.monitors]
        first = text.removeprefix("the ").partition(" ")[0]
        if name in monitors:
            path: tuple = ("training", "monitors", monitors.index(name))
        elif name == "watch":
            path = ("training", "watch")
        elif first in _BEGIN:
            path, rest = _BEGIN[first], text
        else:
            return error if isinstance(error, UserError) else UserError(f"{self.path}: {text}")
        return self.document.mistake(ConfigError(rest, path))

    def data_mistake(self, error: DataError) -> UserError:
        """An error of the source, with the file's line: that of the parameter it begins with, if any."""
        parameter, colon, rest = str(error).partition(": ")
        source = self.document.content["data"]
        name = next(iter(source)) if isinstance(source, Mapping) else source
        given = source[name] if isinstance(source, Mapping) else None
        path = (
            ("data", *parameter.split("."))
            if not isinstance(given, Mapping)
            else ("data", name, *parameter.split("."))
        )
        known = colon and re.fullmatch(r"[a-z_]+(\.\w+)*", parameter)
        if known:
            return self.document.mistake(ConfigError(rest, path))
        return self.document.mistake(ConfigError(str(error), ("data",)))


def _order() -> list:
    """The sections' fields in the order of a written file."""
    first = ["format", "name", "seed", "floatX", "data", "model"]
    return sorted(fields(Description), key=lambda each: first.index(each.name) if each.name in first else 99)


def load(path: Path, overrides: Sequence[str] = ()) -> RunFile:
    """Reads and checks a run file.

    Args:
        path: the file.
        overrides: assignments such as ``training.epochs=5``, which hold in place of what the file says.

    Raises:
        UserError: the file cannot be read or is no run file, with the line and the key of the mistake.
    """
    path = Path(path)
    text = yaml_text.read_text(path)
    document = yaml_text.parse(text, str(path))
    for each in overrides:
        document.set(each)
    if isinstance(document.content, Mapping) and "search" in document.content:
        where = document.where(("search",), of_key=True)
        raise UserError(f"{where}: this is a search file: python -m graphlib.nn search {path}")
    return of_document(path, text, document)


def of_document(path: Path, text: str, document: yaml_text.Document) -> RunFile:
    """A run file of a document that was read from a path; UserError as for `load`."""
    description = _objects(path, document)
    return RunFile(path, text, document, description, description.name or path.stem)


def _objects(path: Path, document: yaml_text.Document) -> Description:
    """What a document describes; every object knows its line."""
    try:
        with registry.located(lambda place: Origin((str(path), document.line(place)))):
            description = _described(document.content)
    except ConfigError as error:
        raise document.mistake(error) from None
    description.data = description.data.located(path.parent)
    return description


def _described(content: Any) -> Description:
    if not isinstance(content, Mapping):
        raise ConfigError("is no run file: it needs the sections data, model and loss")
    if "format" in content and content["format"] != 1:
        with at("format"):
            raise ConfigError(f"must be 1, the only one there is, not {content['format']!r}")
    description = registry.instance(_SECTIONS, schema.arguments(_SECTIONS, content))
    if description.name is not None and not re.fullmatch(r"[^/\\\0\n]{1,100}", description.name.strip(".")):
        with at("name"):
            raise ConfigError(f"must be good for a folder's name, and {description.name!r} is not")
    for kind in ("data", "model", "optimizer"):
        with at(kind):
            what = "layer" if kind == "model" else kind
            setattr(description, kind, registry.resolve(what, getattr(description, kind)))
    with at("loss"):
        description.loss = _by_output("loss", description.loss)
    with at("metrics"):
        description.metrics = _by_output("metric", description.metrics)
    with at("loss_weights"):
        _check_outputs(description.loss_weights, description.loss)
    with at("training", "class_weight"):
        if isinstance(description.training.class_weight, Mapping):
            description.training.class_weight = _by_class(description.training.class_weight)
    with at("training", "monitors"):
        description.training.monitors = [
            registry.resolve("monitor", each) for each in description.training.monitors
        ]
    return description


def _by_class(weights: Mapping[Any, Any]) -> dict[Any, Any]:
    """Weights by the numbers of classes, which YAML may have as texts; of several outputs, by their names."""
    if weights and all(isinstance(each, str | Mapping) for each in weights.values()):
        return {name: each if isinstance(each, str) else _by_class(each) for name, each in weights.items()}
    for label in weights:
        if not re.fullmatch(r"-?\d+", str(label)):
            raise ConfigError(f"a class is a whole number, and not {label!r}", (label,), names_key=True)
    return {int(label): weight for label, weight in weights.items()}


def _by_output(kind: str, value: Any) -> Any:
    """A loss, or a list of metrics; of several outputs, a dict of such by their names."""
    if isinstance(value, Mapping) and not (len(value) == 1 and next(iter(value)) in registry.names(kind)):
        found = {}
        for name, each in value.items():
            with at(name):
                found[name] = _by_output(kind, each)
        return found
    if kind == "metric":
        if not isinstance(value, list):
            return [schema.convert(value, schema.Metric) and registry.resolve(kind, value)]
        found = []
        for number, each in enumerate(value):
            with at(number):
                found.append(registry.resolve(kind, schema.convert(each, schema.Metric)))
        return found
    return registry.resolve(kind, schema.convert(value, schema.Loss))


def _check_outputs(weights: Mapping[str, float] | None, loss: Any) -> None:
    if weights is None:
        return
    if not isinstance(loss, Mapping):
        raise ConfigError("weighs the losses of several outputs, and there is one loss")
    for name in weights:
        if name not in loss:
            raise ConfigError(
                f"there is no loss {name!r}{registry.nearest(name, list(loss))}", (name,), names_key=True
            )
