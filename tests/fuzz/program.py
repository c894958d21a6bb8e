"""A program is data: inputs, rows of operations, outputs; and its text.

The text is one for all interpreters: it is executed with the names ``graphlib``, ``T`` and ``rng`` of
``graphlib`` itself, of ``in_numpy`` or of ``in_torch``. So deleting a row of the data is deleting a line, and
what a person gets to read is what was run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np


@dataclass
class Input:
    """An input or a shared variable: its static lengths, and an array for each call (for a shared one: the
    first)."""

    name: str
    dtype: str
    static: list[int | None]
    values: list[dict]
    shared: bool = False

    def array(self, call: int) -> np.ndarray:
        return unpacked(self.values[call])


@dataclass
class Row:
    """``outs = op(args, params)``: names on both sides. A loop has its body, rows of its own, among its
    parameters."""

    outs: list[str]
    op: str
    args: list[str]
    params: dict[str, Any] = field(default_factory=dict)

    @property
    def body(self) -> list[Row]:
        return self.params.get("body", [])

    def uses(self) -> set[str]:
        """All names that the row reads, those that its body takes from outside included."""
        names = set(self.args) | set(self.params.get("refs", []))
        if "body" in self.params:
            inside = set(self.params["returns"]) | {self.params.get("until")} - {None}
            own = set(self.params["parameters"])
            for row in self.body:
                inside |= row.uses()
                own |= set(row.outs)
            names |= inside - own
        return names


@dataclass
class Program:
    """``cost`` names a function for each output that is a float; ``order``: how often it is derived."""

    floatX: str
    inputs: list[Input]
    rows: list[Row]
    outputs: list[str]
    wrt: list[str] = field(default_factory=list)
    cost: str = "sum"
    order: int = 0
    direction: str = "sum"
    updates: dict[str, str] = field(default_factory=dict)
    seed: int = 0
    calls: int = 2
    label: str = ""

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str | dict) -> Program:
        data = json.loads(text) if isinstance(text, str) else dict(text)
        data["inputs"] = [Input(**i) for i in data["inputs"]]
        data["rows"] = [row_from(r) for r in data["rows"]]
        return Program(**data)

    def copy(self) -> Program:
        return Program.from_json(self.to_json())

    def renamed(self, old: str, new: str) -> Program:
        """With one name in the place of another, everywhere."""
        return Program.from_json(re.sub(rf"\b{old}\b", new, self.to_json()))

    def operations(self) -> Iterator[str]:
        """The operations that occur, those of loops' bodies too."""
        pending = list(self.rows)
        while pending:
            row = pending.pop()
            yield row.op
            pending.extend(row.body)

    def pruned(self) -> Program:
        """Without what no output, update or derivative needs."""
        result = self.copy()
        needed = set(result.outputs) | set(result.updates.values())
        rows = []
        for row in reversed(result.rows):
            if needed & set(row.outs):
                needed |= row.uses()
                rows.append(row)
        result.rows = rows[::-1]
        needed |= set(result.updates)
        result.inputs = [i for i in result.inputs if i.name in needed]
        result.wrt = [w for w in result.wrt if w in needed]
        if not result.wrt:
            result.order = 0
        return result


def row_from(data: dict) -> Row:
    params = dict(data["params"])
    if "body" in params:
        params["body"] = [row_from(r) for r in params["body"]]
    return Row(data["outs"], data["op"], data["args"], params)


def packed(array: np.ndarray) -> dict:
    return {"dtype": array.dtype.name, "shape": list(array.shape), "data": array.ravel().tolist()}


def unpacked(value: dict) -> np.ndarray:
    return np.array(value["data"], value["dtype"]).reshape(value["shape"])


def array_text(value: dict) -> str:
    array = unpacked(value)
    nested = repr(array.tolist()).replace("nan", "np.nan").replace("inf", "np.inf")
    text = f'np.array({nested}, "{array.dtype.name}")'
    return text if array.size else f"{text}.reshape({tuple(array.shape)})"


# The text of rows


def row_lines(row: Row, graphlib: bool, stream: list[int], indent: str = "") -> list[str]:
    """The lines of a row.

    Elsewhere than in graphlib the result goes through ``note`` and operands through ``use`` (which look at
    them, or disturb them), and draws are told the number of their stream: ``stream`` counts them.
    """
    from .operations import OPERATIONS

    operation = OPERATIONS[row.op]
    names = ", ".join(row.outs) if operation.outs else f"[{', '.join(row.outs)}]"
    lines: list[str] = []
    params = {k: v if k in operation.source else repr(v) for k, v in row.params.items() if k != "body"}
    if "body" in row.params:
        step = f"step_{row.outs[0]}"
        lines.append(f"{indent}def {step}({', '.join(row.params['parameters'])}):")
        for inner in row.body:
            lines += row_lines(inner, graphlib, stream, indent + "    ")
        lines.append(f"{indent}    return {row.params['result']}")
        params["step"] = step
    template = operation.graphlib if graphlib else operation.others
    rng = "rng"
    if "{rng}" in template:
        rng = "rng" if graphlib else f"rng[{stream[0]}]"
        stream[0] += 1
    args = row.args if graphlib else [f"use({a})" for a in row.args]
    text = template.format(*args, all=", ".join(args), rng=rng, **params)
    if not graphlib:
        text = f"note({text})"
    lines.append(f"{indent}{names} = {text}")
    return lines


COSTS = {
    "sum": "T.sum({0})",
    "sqr": "T.sum(T.sqr({0}))",
    "sin": "T.sum(T.sin({0}))",
    "half": "T.sum({0} * 0.5 + T.sqr({0}) * 0.25)",
}
DIRECTIONS = {
    "sum": "T.sum({g})",
    "sqr": "T.sum(T.sqr({g}))",
    "own": "T.sum({g} * {x})",
    "sin": "T.sum(T.sin({g}))",
}


def derivative_lines(program: Program, floats: list[str]) -> list[str]:
    """The lines that make ``first`` and ``second``; ``floats`` are the outputs that are floats."""
    if not (program.order and program.wrt and floats):
        return []
    wrt = ", ".join(program.wrt)
    lines = [
        "cost = " + " + ".join(COSTS[program.cost].format(name) for name in floats),
        f"first = T.grad(cost, [{wrt}], disconnected_inputs='ignore')",
    ]
    if program.order > 1:
        terms = [
            DIRECTIONS[program.direction].format(g=f"first[{k}]", x=w) for k, w in enumerate(program.wrt)
        ]
        lines.append("along = " + " + ".join(terms))
        lines.append(f"second = T.grad(along, [{wrt}], disconnected_inputs='ignore')")
    return lines


def result_names(program: Program, floats: list[str]) -> list[str]:
    """What each of the results is called: outputs, then derivatives."""
    names = list(program.outputs)
    if program.order and program.wrt and floats:
        names += [f"first[{k}]" for k in range(len(program.wrt))]
        if program.order > 1:
            names += [f"second[{k}]" for k in range(len(program.wrt))]
    return names


def body_text(program: Program, floats: list[str], graphlib: bool) -> str:
    """From the inputs, by their names, to ``results`` and ``updated``."""
    stream = [0]
    lines = [line for row in program.rows for line in row_lines(row, graphlib, stream)]
    lines += derivative_lines(program, floats)
    lines.append(f"results = [{', '.join(result_names(program, floats))}]")
    lines.append(f"updated = [{', '.join(program.updates.values())}]")
    return "\n".join(lines) + "\n"
