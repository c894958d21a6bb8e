"""The section `search` of a run file, held against the rest of the file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .. import registry, runfile, schema, yaml_text
from ..registry import ConfigError, Entry, at
from ..runfile import RunFile, Seed
from ..schema import Count, Distribution, Search
from ..storage import UserError
from .methods import Halving, Method, Space

KEY = "search"


#: keys of the run file that are not for searching, and why
_NOT_SEARCHED = {
    "name": "it is the study's",
    "format": "there is only one",
    "test": "the best trial alone is tested",
    "seed": "say with seeds how many a trial is trained with",
}


@dataclass
class Section:
    """What is tried, and how; of a search file.

    Attributes:
        parameters: ranges and choices, by the dotted keys of the run file, as ``--set`` takes them.
        method: how trials are chosen.
        seed: of what is drawn.
        seeds: with how many seeds each trial is trained: the run file's, the next, and so on. A trial's value
            is their mean.
        metric: the measured value by which trials are compared; null for that by which epochs are.
    """

    parameters: dict[str, Distribution]
    method: Search = "random"
    seed: Seed = 0
    seeds: Count = 1
    metric: str | None = None


_SECTION = Entry("section", "search", Section, True)


@dataclass
class SearchFile:
    """A search file that was read and checked.

    Attributes:
        path, text: the file and its content as given.
        base: the run file that is left without the section.
        space: what is tried, by dotted key.
        method, seed, seeds, metric: the section's.
        overrides: what ``--set`` gave.
    """

    path: Path
    text: str
    base: RunFile
    space: Space
    method: Method
    seed: int
    seeds: int
    metric: str | None
    overrides: list[str] = field(default_factory=list)

    def settings(self) -> dict[str, Any]:
        """What the trials depend on, as JSON can hold it: a study goes on with the same."""
        section = dict(self.base.document.content)
        return {
            "file": json.loads(json.dumps(section)),
            "method": registry.config_of(self.method, defaults=True),
            "space": {key: registry.config_of(each, defaults=True) for key, each in self.space.items()},
            "seed": self.seed,
            "seeds": self.seeds,
            "metric": self.metric,
        }

    def run_file(self, values: Mapping[str, Any], repetition: int = 0, epochs: int | None = None) -> RunFile:
        """The run file of a trial, without a test: the search's model alone is tested, once."""
        document = _copied(self.base.document)
        for key, value in values.items():
            _put(document, key, value)
        document.content = {**document.content, "test": False}
        document.content["seed"] = self.base.description.seed + repetition
        if epochs is not None:
            training = document.content.get("training") or {}
            document.content["training"] = {**training, "epochs": epochs}
        return runfile.of_document(self.path, self.base.text, document)


def is_search(path: Path) -> bool:
    """Whether a file is a search file: UserError where it cannot be read."""
    content = yaml_text.parse(yaml_text.read_text(path), str(path)).content
    return isinstance(content, Mapping) and KEY in content


def load(path: Path, overrides: Sequence[str] = ()) -> SearchFile:
    """Reads and checks a search file.

    Raises:
        UserError: it cannot be read, the run file in it is wrong, or the section is: with the line and the
            key of the mistake.
    """
    path = Path(path)
    text = yaml_text.read_text(path)
    document = yaml_text.parse(text, str(path))
    for each in overrides:
        document.set(each)
    content = document.content
    if not isinstance(content, Mapping) or KEY not in content:
        raise UserError(
            f"{path}: no search file: it has no section search, which says what is tried, such as\n"
            "search: {method: {random: 20}, parameters: {training.batch_size: {choice: [16, 32]}}}"
        )
    rest = _copied(document)
    rest.content = {key: value for key, value in content.items() if key != KEY}
    base = runfile.of_document(path, text, rest)
    try:
        with at(KEY):
            section = registry.instance(_SECTION, schema.arguments(_SECTION, content[KEY]))
            found = _checked(path, text, base, section)
    except ConfigError as error:
        raise document.mistake(error) from None
    return replace(found, overrides=list(overrides))


def _checked(path: Path, text: str, base: RunFile, section: Section) -> SearchFile:
    space: dict[str, Any] = {}
    with at("parameters"):
        if not section.parameters:
            raise ConfigError("names no key: nothing would be searched")
        for key, distribution in section.parameters.items():
            with at(key):
                space[key] = registry.resolve("search distribution", distribution)
                if key in _NOT_SEARCHED:
                    raise ConfigError(f"cannot be searched: {_NOT_SEARCHED[key]}", names_key=True)
                for value in space[key].ends():
                    document = _copied(base.document)
                    try:
                        _put(document, key, value)
                        runfile.of_document(path, text, document)
                    except UserError as error:
                        said = _nothing(base.document.content, key)
                        if said is not None:
                            raise ConfigError(said, names_key=True) from None
                        said = str(error).partition(": ")[2] or str(error)
                        raise ConfigError(f"{said} (with the value {_written(value)})") from None
    with at("method"):
        method = registry.resolve("search", section.method)
    if isinstance(method, Halving):
        method.most = base.description.training.epochs
        if base.description.cross_validation is not None:
            with at("method"):
                raise ConfigError(
                    "halving trains trials further, and a cross-validation cannot be: leave one of them out"
                )
        if "training.epochs" in space:
            with at("parameters", "training.epochs"):
                raise ConfigError("halving decides how many epochs a trial has: leave this out")
        if method.epochs > method.most:
            with at("method", "halving", "epochs"):
                raise ConfigError(f"must be at most training.epochs, which is {method.most}")
    with at("parameters"):
        method.check(space)
    return SearchFile(path, text, base, space, method, section.seed, section.seeds, section.metric)


def _nothing(content: Any, key: str) -> str | None:
    """Where a key leads past a name with its parameters, to another name; None where it does not."""
    place, done = content, []
    for part in key.split("."):
        if isinstance(place, Mapping) and done and part not in place and len(place) == 1:
            return f"leads to nothing: {'.'.join(done)} is {next(iter(place))}, not {part}"
        if isinstance(place, list) and part.isdecimal() and int(part) < len(place):
            place = place[int(part)]
        elif isinstance(place, Mapping):
            place = place.get(part)
        else:
            return None
        done.append(part)
    return None


def _written(value: Any) -> str:
    return json.dumps(value)


def _put(document: yaml_text.Document, key: str, value: Any) -> None:
    document.set(f"{key}={_written(value)}")


def _copied(document: yaml_text.Document) -> yaml_text.Document:
    return yaml_text.Document(document.name, document.content, dict(document.lines), dict(document.overrides))
