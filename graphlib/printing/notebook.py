"""What a notebook shows of a variable or a compiled function: HTML that stands by itself and runs nothing."""

from __future__ import annotations

from html import escape
from typing import Any

from ..graph import Apply, Variable, toposort
from .formula import pp
from .notation import leaf_text
from .subject import subject_of

# Beyond these a formula, a picture or a table is no help in a page; the functions that show all of it are
# named instead.
_LONGEST_FORMULA, _MOST_BOXES, _MOST_NODES, _MOST_STEPS = 600, 40, 400, 200

_CELL = "text-align:left;padding:1px 12px 1px 0"


def variable_html(variable: Variable) -> str:
    """Name, type and line of origin, the formula, and a drawing if the graph is small."""
    head = f"<b>{escape(leaf_text(variable))}</b> <code>{escape(str(variable.type))}</code>"
    if variable.origin is not None:
        head += f" <small>{escape(str(variable.origin))}</small>"
    if variable.owner is None:
        return f"<div>{head}</div>"
    return f"<div>{head}<br>{_formula(variable)}{_picture(variable)}</div>"


def function_html(function: Any) -> str:
    """Inputs, outputs and updates; folded away, the rewritten graph's operations, source and profile."""
    subject = subject_of(function, "function_html")
    title = escape(function.name or "function")
    signature = [(f"input {leaf_text(v)}", str(v.type)) for v in function.inputs]
    signature += [(f"output {v.name or ''}", str(v.type)) for v in function.outputs]
    signature += [(f"update of {leaf_text(s)}", str(s.type)) for s in function.updates]
    steps = subject.nodes()
    rows = [_step(i, node) for i, node in enumerate(steps[:_MOST_STEPS])]
    if len(steps) > _MOST_STEPS:
        rows.append(("…", f"and {len(steps) - _MOST_STEPS} more: debugprint shows all", "", "", ""))
    parts = [
        f"<b>{title}</b> <small>mode {escape(function.mode)}</small>",
        _table(None, signature),
        _folded(f"{len(steps)} operations", _table(("", "operation", "of", "type", "line"), rows)),
        _folded("source", f"<pre>{escape(function.source)}</pre>"),
    ]
    if function.profile is not None:
        parts.append(_folded("profile", f"<pre>{escape(str(function.profile))}</pre>"))
    return f"<div>{''.join(parts)}</div>"


def _formula(variable: Variable) -> str:
    if len(toposort([variable])) > _MOST_NODES:
        return "<small>a formula of many nodes: debugprint shows it as a tree</small>"
    text = pp(variable)
    if len(text) > _LONGEST_FORMULA:
        text = f"{text[:_LONGEST_FORMULA]} …"
    return f"<code>{escape(text)}</code>"


def _picture(variable: Variable) -> str:
    if len(toposort([variable])) > _MOST_BOXES:
        return ""
    from .drawing import count_boxes, draw

    return f"<br>{draw(variable).svg()}" if count_boxes(variable) <= _MOST_BOXES else ""


def _step(number: int, node: Apply) -> tuple[str, ...]:
    operands = ", ".join(_reference(v) for v in node.inputs)
    types = ", ".join(str(v.type) for v in node.outputs)
    return str(number), str(node.op), operands, types, str(node.outputs[0].origin or "")


def _reference(variable: Variable) -> str:
    return leaf_text(variable) if variable.owner is None or variable.name else str(variable.owner.op)


def _table(heading: tuple[str, ...] | None, rows: list[tuple[str, ...]]) -> str:
    def line(cells: tuple[str, ...], tag: str) -> str:
        return "<tr>" + "".join(f'<{tag} style="{_CELL}">{escape(cell)}</{tag}>' for cell in cells) + "</tr>"

    lines = [line(heading, "th")] if heading else []
    return f"<table>{''.join(lines + [line(row, 'td') for row in rows])}</table>"


def _folded(summary: str, content: str) -> str:
    return f"<details><summary>{escape(summary)}</summary>{content}</details>"
