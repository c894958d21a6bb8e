"""Reads the YAML of run files as the people who write it mean it, and refuses what a run file needs not.

YAML 1.1, which PyYAML reads, has surprises: ``1e-3`` is text, ``010`` is 8, ``1:30`` is 90, ``off`` is
false, ``2024-01-01`` a date, and of two equal keys the first is forgotten.  Here a number is what Python's
float takes (``1e-3``, ``.5``, ``010`` is 10), ``true``, ``false`` and ``null`` are the only words with a
meaning, and all else is text; where a parameter is true or false, yes, no, on and off are taken too (see
`schema`).  Two equal keys are an error.  There are no tags, anchors, aliases and merge keys: nothing is
constructed, and nothing grows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from .registry import ConfigError, written
from .registry import Path as Place
from .storage import UserError

MOST_BYTES = 1_000_000
DEEPEST = 40

_INTEGER = re.compile(r"[-+]?[0-9]+(_[0-9]+)*")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(_[0-9]+)*(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}


@dataclass
class Document:
    """A file's content, and where in the file each part of it stands.

    Attributes:
        name: the file, as messages call it.
        content: None, or dicts, lists, texts, numbers and truth values.
        lines: of each part by its keys and positions: the line of its key (or its own, in a list) and of its
            value, counted from 1.
        overrides: of each part that ``--set`` gave, what was given.
    """

    name: str
    content: Any
    lines: dict[Place, tuple[int, int]] = field(default_factory=dict)
    overrides: dict[Place, str] = field(default_factory=dict)

    def mistake(self, error: ConfigError) -> UserError:
        """The error about a part, with the file, the line and the keys that lead to it."""
        return UserError(f"{self.where(error.path, error.names_key)}: {error.problem}")

    def where(self, path: Place, of_key: bool = False) -> str:
        """``run.yaml, line 7, model.0.dense.units``, or ``--set model.0.dense.units=0``."""
        for length in range(len(path), -1, -1):
            known = path[:length]
            if known in self.overrides:
                rest = f", {written(path)}" if length < len(path) else ""
                return f"--set {self.overrides[known]}{rest}"
            if known in self.lines:
                line = self.lines[known][0 if of_key or length < len(path) else 1]
                return f"{self.name}, line {line}" + (f", {written(path)}" if path else "")
        return f"{self.name}" + (f", {written(path)}" if path else "")

    def line(self, path: Place) -> int:
        """The line of a part's key, or of what it is below where it is not in the file itself."""
        known = next((path[:n] for n in range(len(path), -1, -1) if path[:n] in self.lines), None)
        return 1 if known is None else self.lines[known][0]

    def set(self, assignment: str) -> None:
        """Changes a part as ``--set`` asks: ``optimizer.sgd.learning_rate=0.1``, the value in YAML.

        UserError where that is no assignment, or leads through what has no parts.
        """
        keys, equals, text = assignment.partition("=")
        path = tuple(int(key) if key.isdecimal() else key for key in keys.strip().split("."))
        if not equals or "" in path:
            raise UserError(
                f"--set {assignment}: write the keys with dots between and the value after =, such as "
                "--set training.epochs=10"
            )
        value = parse(text, f"--set {assignment}").content
        self.content = _replaced(self.content, path, value, f"--set {assignment}", ())
        # What stood below is gone, and its lines with it.
        self.lines = {place: line for place, line in self.lines.items() if place[: len(path)] != path}
        self.overrides[path] = assignment


def _replaced(content: Any, path: Place, value: Any, said: str, done: Place) -> Any:
    """The content with another value at a path."""
    if not path:
        return value
    key, *rest = path
    if isinstance(content, list):
        if not isinstance(key, int) or key >= len(content):
            raise UserError(
                f"{said}: {written(done)} is a list of {len(content)}, its parts are called 0 to "
                f"{len(content) - 1}, not {key!r}"
            )
        changed = list(content)
        changed[key] = _replaced(content[key], tuple(rest), value, said, (*done, key))
        return changed
    if content is None or content == key:
        content = {str(key): None} if content == key else {}
    if not isinstance(content, dict):
        raise UserError(f"{said}: {written(done)} is {content!r}, which has no {key}")
    key = str(key)
    return {**content, key: _replaced(content.get(key), tuple(rest), value, said, (*done, key))}


def read(path: Path) -> Document:
    """The content of a YAML file; UserError, with the line, where it cannot be read or is refused."""
    return parse(read_text(path), str(path))


def read_text(path: Path) -> str:
    """The text of a file of at most `MOST_BYTES`; UserError where it cannot be read or is larger."""
    try:
        with open(path, "rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as problem:
        raise UserError(f"cannot read {path}: {problem.strerror or problem}") from None
    if len(content) > MOST_BYTES:
        raise UserError(f"{path} is larger than {MOST_BYTES // 1000} kB: no run file is")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = content[: problem.start].count(b"\n") + 1
        raise UserError(f"{path}, line {line}: not UTF-8 text (byte {content[problem.start]:#04x})") from None


def parse(text: str, name: str) -> Document:
    """The content of a text in YAML, which messages call `name`; UserError, with the line, otherwise."""
    document = Document(name, None)
    try:
        events = yaml.parse(text, Loader=yaml.SafeLoader)
        document.content = _Builder(name, events, document.lines).document()
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        said = " ".join(filter(None, (problem.context, problem.problem)))
        raise UserError(f"{name}{line}: no YAML: {said}{_hint(text, mark)}") from None
    except yaml.reader.ReaderError as problem:
        line = text.count("\n", 0, problem.position) + 1
        raise UserError(
            f"{name}, line {line}: a character that YAML does not allow: {problem.reason}"
        ) from None
    return document


def _hint(text: str, mark: yaml.Mark | None) -> str:
    lines = text.split("\n")
    if mark and mark.line < len(lines) and "\t" in lines[mark.line]:
        return "; indent by spaces, not tabs"
    return ""


class _Builder:
    """Makes a document's content of the parser's events; nothing else comes out of them."""

    def __init__(self, name: str, events: Iterator[yaml.Event], lines: dict[Place, tuple[int, int]]):
        self._name, self._events, self._lines = name, events, lines

    def document(self) -> Any:
        content = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent) and self._lines:
                raise self._refused(event, "a second document: a run file has one")
            if isinstance(event, yaml.NodeEvent):
                content = self._value(event, (), event.start_mark.line + 1)
        return content

    def _refused(self, event: yaml.Event, why: str) -> UserError:
        return UserError(f"{self._name}, line {event.start_mark.line + 1}: {why}")

    def _value(self, event: yaml.NodeEvent, path: Place, key_line: int) -> Any:
        if isinstance(event, yaml.AliasEvent):
            raise self._refused(event, f"*{event.anchor}: aliases are not allowed; write the value out")
        if event.anchor is not None:
            raise self._refused(event, f"&{event.anchor}: anchors are not allowed; write the value out")
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            raise self._refused(
                event, f"{tag}: tags are not allowed; write the name of an object, or put text in quotes"
            )
        if len(path) > DEEPEST:
            raise self._refused(event, f"more than {DEEPEST} levels deep")
        self._lines[path] = (key_line, event.start_mark.line + 1)
        if isinstance(event, yaml.ScalarEvent):
            return scalar(event.value) if event.style is None else event.value
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        return self._mapping(path)

    def _sequence(self, path: Place) -> list:
        values: list = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            values.append(self._value(event, (*path, len(values)), event.start_mark.line + 1))
        return values

    def _mapping(self, path: Place) -> dict:
        values: dict = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            line = event.start_mark.line + 1
            if not isinstance(event, yaml.ScalarEvent) or event.tag is not None or event.anchor is not None:
                raise self._refused(event, "a key must be plain text")
            key = event.value
            if key == "<<" and event.style is None:
                raise self._refused(event, "<<: merge keys are not allowed; write the keys out")
            if key in values:
                before = self._lines[(*path, key)][0]
                raise self._refused(event, f"{written((*path, key))} is there already, in line {before}")
            values[key] = self._value(next(self._events), (*path, key), line)
        return values


def scalar(text: str) -> Any:
    """What a text without quotes means: a number, true, false, null, or itself."""
    if text in _WORDS:
        return _WORDS[text]
    convert: Callable[[str], Any] | None = None
    if _INTEGER.fullmatch(text):
        convert = int
    elif _FLOAT.fullmatch(text):
        convert = float
    try:
        return convert(text) if convert else text
    except ValueError:  # an integer of thousands of digits
        return float(text)
