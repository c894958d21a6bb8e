"""Of C headers the definitions that a text uses, so that a library which is made of it has nothing else.

Headers are taken apart into definitions; macros that define functions are written out, as a preprocessor
would write them, and what a definition mentions is taken along.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"[A-Za-z_]\w*")
_STRING_OR_COMMENT = re.compile(r'/\*.*?\*/|"(?:\\.|[^"\\])*"', re.S)


@dataclass(frozen=True)
class Definition:
    """A type, a function, an array or a macro of constants with the comment above it."""

    name: str
    text: str
    comment: str = ""

    @property
    def uses(self) -> set[str]:
        """The names that it mentions."""
        return names(self.text)


@dataclass(frozen=True)
class Macro:
    """A macro of the preprocessor with parameters."""

    name: str
    parameters: tuple[str, ...]
    body: str

    def written_out(self, arguments: list[str]) -> str:
        """What it stands for."""
        exchange = dict(zip(self.parameters, arguments, strict=True))
        text = re.sub(r"\s*##\s*", "\0", self.body)
        text = _NAME.sub(lambda found: exchange.get(found[0], found[0]), text)
        return text.replace("\0", "")


def names(text: str) -> set[str]:
    """The names that a text mentions outside comments and strings."""
    return set(_NAME.findall(_STRING_OR_COMMENT.sub(" ", text)))


def definitions(headers: Iterable[str], known: Iterable[str] = ()) -> list[Definition]:
    """The definitions of some headers, in their order; ``known``: what ``#ifdef`` finds defined."""
    reader = _Reader(known)
    return [one for text in headers for one in reader.read(text)]


def header(name: str, folders: Sequence[Path], done: set[str]) -> str:
    """The text of a header and of those that it includes, each at its place, without guards; nothing of those
    that are ``done`` already."""
    if name in done:
        return ""
    done.add(name)
    path = next(folder / name for folder in folders if (folder / name).exists())
    lines = _without_guard(path.read_text(encoding="utf-8").splitlines())
    return "\n".join(
        header(line.split('"')[1], folders, done) if line.startswith('#include "') else line
        for line in lines
        if not line.startswith("#include <")
    )


def used(available: Iterable[Definition], text: str) -> list[Definition]:
    """Those of the definitions, in their order, that a text needs; of two of a name the first."""
    by_name: dict[str, Definition] = {}
    for one in available:
        by_name.setdefault(one.name, one)
    wanted, open_names = set(), [n for n in names(text) if n in by_name]
    while open_names:
        name = open_names.pop()
        if name not in wanted:
            wanted.add(name)
            open_names += [n for n in by_name[name].uses if n in by_name and n not in wanted]
    return [one for name, one in by_name.items() if name in wanted]


def renamed(text: str, exchange: Mapping[str, str]) -> str:
    """A text with other names."""
    return _NAME.sub(lambda found: exchange.get(found[0], found[0]), text)


def _without_guard(lines: list[str]) -> list[str]:
    """The lines of a header without its guard."""
    guard = next((k for k, line in enumerate(lines) if re.match(r"#ifndef \w+_H$", line)), None)
    if guard is None:
        return lines
    last = max(k for k, line in enumerate(lines) if line.startswith("#endif"))
    return [*lines[:guard], *lines[guard + 2 : last], *lines[last + 1 :]]


class _Reader:
    """Takes the text of headers apart."""

    def __init__(self, known: Iterable[str]) -> None:
        self.known = set(known)
        self.macros: dict[str, Macro] = {}

    def read(self, text: str) -> Iterator[Definition]:
        comment, at = "", 0
        while True:
            at = _blank(text, at)
            if at >= len(text):
                return
            if text.startswith("/*", at):
                end = text.index("*/", at) + 2
                comment, at = text[at:end], end
                # one that stands alone is about no definition
                comment = "" if text[at : at + 2] == "\n\n" else comment
                continue
            if text[at] == "#":
                end = _end_of_line(text, at)
                found = self.directive(text[at:end], text, end)
                at = found[1]
                yield from (Definition(one.name, one.text, comment) for one in found[0])
                comment = ""
                continue
            word = _NAME.match(text, at)
            macro = self.macros.get(word[0]) if word else None
            if macro is not None:
                arguments, end = _arguments(text, word.end())
                text, at = macro.written_out(arguments) + text[end:], 0
                continue
            end = _end_of_definition(text, at)
            one = text[at:end]
            yield Definition(_name_of(one), _tidy(one), comment)
            at, comment = end, ""

    def directive(self, line: str, text: str, end: int) -> tuple[list[Definition], int]:
        """What a line of the preprocessor defines, and where the text goes on."""
        line = re.sub(r"[ \t]*\\\n", "\n", line)
        found = re.match(r"#define (\w+)(\(([^)]*)\))?[ \t]*(.*)", line, re.S)
        if found:
            name, has_parameters, parameters, body = found.groups()
            if has_parameters and _defines_functions(body):
                self.macros[name] = Macro(name, tuple(p.strip() for p in parameters.split(",")), body)
                return [], end
            self.known.add(name)
            body = body.replace("\n", " \\\n")
            return [Definition(name, f"#define {name}{has_parameters or ''} {body}")], end
        found = re.match(r"#if(n?)def (\w+)", line)
        if not found:
            raise ValueError(f"a line of the preprocessor between definitions: {line}")
        taken = (found[2] in self.known) != bool(found[1])
        close = text.index("\n#endif", end)
        middle = text.find("\n#else", end, close)
        first, second = (text[end:middle], text[middle + 6 : close]) if middle >= 0 else (text[end:close], "")
        return list(self.read(first if taken else second)), close + len("\n#endif")


def _defines_functions(body: str) -> bool:
    """Whether the text of a macro is made of definitions, or begins one."""
    return bool(re.search(r"\b(static|GL_INLINE|GL_FUNCTION|GL_DRAW_OF|GL_CUMULATIVE)\b", body))


def _blank(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _end_of_line(text: str, at: int) -> int:
    """The end of a line of the preprocessor."""
    while True:
        end = text.find("\n", at)
        if end < 0:
            return len(text)
        if text[end - 1] != "\\":
            return end
        at = end + 1


def _arguments(text: str, at: int) -> tuple[list[str], int]:
    """The arguments of a macro in parentheses, and where they end."""
    depth, start, found = 0, at + 1, []
    for k in range(at, len(text)):
        c = text[k]
        depth += (c == "(") - (c == ")")
        if depth == 0 or (c == "," and depth == 1):
            found.append(text[start:k].strip())
            start = k + 1
            if depth == 0:
                return found, k + 1
    raise ValueError("a macro's parentheses do not end")


def _end_of_definition(text: str, at: int) -> int:
    """Behind a function's body, or the semicolon of what is none."""
    depth, is_function, k = 0, False, at
    while k < len(text):
        c = text[k]
        if text.startswith("/*", k):
            k = text.index("*/", k) + 2
            continue
        if c == "{" and depth == 0:
            is_function = text[at:k].rstrip().endswith(")") and not text.startswith("typedef", at)
        depth += (c in "{(") - (c in "})")
        k += 1
        if depth == 0 and (c == ";" or (c == "}" and is_function)):
            return k
    raise ValueError(f"a definition does not end: {text[at : at + 60]}")


def _name_of(text: str) -> str:
    """What a definition defines."""
    plain = re.sub(r"__attribute__\s*\(\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)\)", " ", text)
    pointer = re.match(r"typedef [^{]*?\(\*(\w+)\)", plain)
    if pointer:
        return pointer[1]
    if plain.startswith("typedef"):
        return re.findall(r"(\w+)\s*;$", plain)[0]
    head = re.split(r"[=\[({]", plain, maxsplit=1)[0] if not plain.startswith("enum") else plain
    return _NAME.findall(head)[-1]


def _tidy(text: str) -> str:
    """Without the blanks that stood before the ends of a macro's lines, and its indentation."""
    lines = [line.rstrip() for line in text.splitlines()]
    indent = len(lines[-1]) - len(lines[-1].lstrip())
    return "\n".join(line[indent:] if line[:indent].isspace() else line for line in lines)
