"""Docstrings as they are written in graphlib, for Sphinx: an extension.

They are plain texts with ``code`` and `names`, sections as Google's (Args:, Returns:, Raises:, Attributes:),
lines of ``name: what it is`` for arguments, and formulas that are indented. All else in them is no markup: a
* is a product.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from typing import Any

from graphlib.ops import REGISTRY

_SECTIONS = ("Args:", "Attributes:", "Returns:", "Raises:", "Yields:", "Example:", "Examples:")
_CODE = re.compile(r"(``.*?``|`[^`]*`)", re.DOTALL)


def _addresses() -> dict[str, str]:
    """The names that docstrings write as `name`, and where the reference has them."""
    import graphlib
    from graphlib import nn

    found = {name: f"graphlib.{name}" for name in graphlib._HOME if name not in REGISTRY}
    found |= {name: f"graphlib.tensor.{name}" for name in REGISTRY}
    return found | {name: f"graphlib.nn.{name}" for name in nn._HOME}


_ADDRESSES = _addresses()


def escaped(text: str) -> str:
    """Text in which what is not `code` has no meaning for reStructuredText."""
    parts = _CODE.split(text)
    for i in range(0, len(parts), 2):
        parts[i] = re.sub(r"([*|\\])", r"\\\1", parts[i])
        parts[i] = re.sub(r"(\w)_(?=\W|$)", r"\1\\_", parts[i])
    # code that touches a word needs a gap of no width
    for i in range(1, len(parts), 2):
        before, after = parts[i - 1][-1:], parts[i + 1][:1]
        name = parts[i].strip("`")
        if name in _ADDRESSES and not parts[i].startswith("``"):
            parts[i] = f":py:obj:`{name} <{_ADDRESSES[name]}>`"
        else:
            parts[i] = f"``{name}``"
        parts[i] = ("\\ " if before.isalnum() else "") + parts[i] + ("\\ " if after.isalnum() else "")
    return "".join(parts)


def as_rest(text: str, arguments: Sequence[str] = ()) -> list[str]:
    """The lines of reStructuredText of a docstring; `arguments`: the names that lines may begin with."""
    lines = inspect.cleandoc(text).splitlines()
    result: list[str] = []
    for block in _blocks(lines):
        if block[0].strip() in _SECTIONS:
            result += _section(block)
        elif all(line.startswith("    ") for line in block):
            result += ["::", "", *block]
        else:
            result += _paragraph(block, arguments)
        result.append("")
    return result


def _blocks(lines: list[str]) -> Iterator[list[str]]:
    """Paragraphs; a section goes on as long as it is indented."""
    block: list[str] = []
    for line in [*lines, None]:
        inside = bool(block) and block[0].strip() in _SECTIONS
        if line is None or (not line.strip() and not inside):
            if block:
                yield block
            block = []
        elif inside and line.strip() and not line.startswith(" "):
            yield block
            block = [line]
        else:
            block.append(line)


def _section(block: list[str]) -> list[str]:
    """A section of Google's kind: its name, then a point for each item, or what it says."""
    heading, inner = block[0].strip().rstrip(":"), inspect.cleandoc("\n".join(["", *block[1:]])).splitlines()
    items: list[list[str]] = []
    for line in inner:
        if re.match(r"[*\w][\w, *.]*: ", line) and heading not in ("Returns", "Yields"):
            items.append([line])
        elif items and (line.startswith(" ") or not line):
            items[-1].append(line.strip())
        else:
            return [f"**{heading}**", "", *as_rest("\n".join(inner))]
    lines = [f"**{heading}**", ""]
    for item in items:
        names, _, words = " ".join(item).partition(": ")
        lines.append(_point(names, words))
    return lines


def _point(names: str, words: str) -> str:
    """A point of a list about something that has a name, or several."""
    shown = ", ".join(f"**{escaped(name)}**" for name in names.split(", "))
    return f"- {shown} – {escaped(' '.join(words.split()))}"


def _paragraph(block: list[str], arguments: Sequence[str]) -> list[str]:
    # a formula at the paragraph's end, indented under its words
    end = len(block)
    while end > 1 and block[end - 1].startswith("    ") and not block[0].startswith(("-", " ")):
        end -= 1
    literal, block = block[end:], block[:end]
    text = "\n".join(block)
    if arguments:
        name = "|".join(re.escape(each) for each in arguments)
        item = re.compile(rf"(?:^|(?<=[.)] )|(?<=[.)]  ))((?:{name})(?:, (?:{name}))*): ", re.MULTILINE)
        starts = [found.start() for found in item.finditer(text)]
        if starts and starts[0] == 0:
            items = [text[a:b].strip() for a, b in zip(starts, [*starts[1:], None], strict=True)]
            lines = []
            for each in items:
                names, _, words = each.partition(": ")
                lines.append(_point(names, words))
            return lines + _literal(literal)
    lines = escaped("\n".join(block)).split("\n")
    lines = [re.sub(r"^Errors: ", "**Errors**: ", line) for line in lines]
    if any(line.startswith("- ") for line in lines[1:]) and not lines[0].startswith("- "):
        first = next(i for i, line in enumerate(lines) if line.startswith("- "))
        lines.insert(first, "")
    return lines + _literal(literal)


def _literal(lines: list[str]) -> list[str]:
    return ["", "::", "", *lines] if lines else []


def arguments_of(obj: Any) -> list[str]:
    """The names of the arguments of something that can be called; [] where they are not known."""
    try:
        return [name for name in inspect.signature(obj).parameters if name != "self"]
    except (TypeError, ValueError):
        return []


def _process(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    lines[:] = as_rest("\n".join(lines), arguments_of(obj) if callable(obj) else ())


def _skip(app: Any, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """What scikit-learn adds to estimators is in its documentation."""
    return True if re.fullmatch(r"set_\w+_request", name) else None


def _signature(
    app: Any, what: str, name: str, obj: Any, options: Any, arguments: str | None, returned: str | None
) -> tuple[str, None] | None:
    """Of a class what Python says of it, not what its __new__ takes."""
    if what != "class" or not arguments:
        return None
    from sphinx.util.inspect import stringify_signature

    try:
        signature = inspect.signature(obj)
    except (TypeError, ValueError):
        return None
    shown = stringify_signature(signature, show_return_annotation=False, unqualified_typehints=True)
    return shown, None


def setup(app: Any) -> dict[str, bool]:
    app.connect("autodoc-skip-member", _skip)
    app.connect("autodoc-process-signature", _signature)
    app.connect("autodoc-process-docstring", _process)
    return {"parallel_read_safe": True}
