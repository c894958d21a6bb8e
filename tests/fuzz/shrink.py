"""From a program that goes wrong to a small one that goes wrong in the same way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

from . import in_numpy
from .compare import Finding
from .grow import REFUSED, evaluate
from .program import Input, Program, Row, packed, unpacked


def shrunk(finding: Finding, check: Callable[[Program], Finding | None], seconds: float = 300) -> Finding:
    """The finding of a smaller program; ``check`` says whether one goes wrong in the same way."""
    program = Program.from_json(finding.programs[0])
    until = time.monotonic() + seconds
    progress = True
    while progress:
        progress = False
        for candidate in _candidates(program, finding):
            if time.monotonic() > until:
                return finding
            candidate = candidate.pruned()
            if not candidate.outputs or not _sound(candidate):
                continue
            found = check(candidate)
            if found is not None:
                program = Program.from_json(found.programs[0])
                finding = found
                progress = True
                break
    return finding


def _sound(program: Program) -> bool:
    try:
        evaluate(program)
    except (*REFUSED, KeyError, NameError):
        return False
    return True


def _candidates(program: Program, finding: Finding) -> Iterator[Program]:
    """Programs with one thing less, those that lose most first."""

    def changed(**fields) -> Program:
        other = program.copy()
        for name, value in fields.items():
            setattr(other, name, value)
        return other

    if finding.result in program.outputs and (len(program.outputs) > 1 or program.order):
        yield changed(outputs=[finding.result], order=0)
    if program.order and finding.result.startswith("first"):
        yield changed(order=1)
    if program.order:
        yield changed(order=program.order - 1)
    if program.updates:
        yield changed(updates={})
    if program.calls > 1:
        for keep in {finding.call, 0, 1}:
            other = changed(calls=1)
            for i in other.inputs:
                i.values = i.values if i.shared else [i.values[keep]]
            yield other
    for k in range(len(program.outputs)):
        if len(program.outputs) > 1:
            yield changed(outputs=program.outputs[:k] + program.outputs[k + 1 :])
    yield from _rows_as_inputs(program)
    yield from _rows_as_operands(program)
    yield from _smaller_loops(program)
    for w in program.wrt:
        if len(program.wrt) > 1:
            yield changed(wrt=[v for v in program.wrt if v != w])
    for i in range(len(program.inputs)):
        if program.inputs[i].shared:
            other = program.copy()
            if program.inputs[i].name not in program.updates:
                other.inputs[i].shared = False
                other.inputs[i].values *= program.calls
                yield other
    yield from _shorter(program)
    if program.cost != "sum":
        yield changed(cost="sum")
    if program.direction != "sum":
        yield changed(direction="sum")
    if program.floatX != "float64":
        text = program.to_json().replace('"float32"', '"float64"')
        yield Program.from_json(text)
    for k, i in enumerate(program.inputs):
        if any(n is not None for n in i.static):
            other = program.copy()
            other.inputs[k].static = [None if n != 1 else 1 for n in i.static]
            if other.inputs[k].static != i.static:
                yield other
        if i.dtype.startswith("float"):
            other = program.copy()
            for value in other.inputs[k].values:
                value["data"] = [round(v, 1) for v in value["data"]]
            if other.inputs[k].values != i.values:
                yield other


def _rows_as_inputs(program: Program) -> Iterator[Program]:
    """A row's results given instead of computed."""
    spaces = evaluate(program)
    for k in range(len(program.rows) - 1, -1, -1):
        row = program.rows[k]
        if row.op in ("uniform", "normal", "binomial"):
            continue
        other = program.copy()
        del other.rows[k]
        for name in row.outs:
            arrays = [np.asarray(space[name]) for space in spaces]
            dtype = program.floatX if arrays[0].dtype.kind == "f" else arrays[0].dtype.name
            other.inputs.append(
                Input(name, dtype, [None] * arrays[0].ndim, [packed(a.astype(dtype)) for a in arrays])
            )
            if dtype == program.floatX and program.order:
                other.wrt.append(name)
        other.outputs = [o for o in other.outputs if o not in row.outs]
        if other.outputs:
            yield other


def _rows_as_operands(program: Program) -> Iterator[Program]:
    """A row left out, and one of its operands in the place of its result."""
    space = evaluate(program)[0]
    for k in range(len(program.rows) - 1, -1, -1):
        row = program.rows[k]
        if len(row.outs) > 1:
            continue
        result = space[row.outs[0]]
        for name in dict.fromkeys(row.args):
            if space[name].shape == result.shape and space[name].dtype == result.dtype:
                other = program.copy()
                del other.rows[k]
                yield other.renamed(row.outs[0], name)


def _smaller_loops(program: Program) -> Iterator[Program]:
    """Rows of loops' bodies left out, with a name that is known there in the place of their result."""

    def bodies(rows: list[Row], path: tuple = ()) -> Iterator[tuple]:
        for k, row in enumerate(rows):
            if row.body:
                yield (*path, k)
                yield from bodies(row.body, (*path, k))

    for path in bodies(program.rows):
        owner = _at(program, path)
        for k in range(len(owner.body) - 1, -1, -1):
            row = owner.body[k]
            names = [*row.args, *owner.params["parameters"], *(n for r in owner.body[:k] for n in r.outs)]
            for name in dict.fromkeys(names):
                if len(row.outs) == 1:
                    other = program.copy()
                    del _at(other, path).body[k]
                    yield other.renamed(row.outs[0], name)


def _at(program: Program, path: tuple) -> Row:
    row = program.rows[path[0]]
    for k in path[1:]:
        row = row.body[k]
    return row


def _shorter(program: Program) -> Iterator[Program]:
    """Every axis of one length cut to a shorter one, in a call."""
    for call in range(program.calls):
        lengths = {n for i in program.inputs if not i.shared for n in i.values[call]["shape"]}
        for n in sorted(lengths, reverse=True):
            for m in (1, 2, n - 1):
                if m >= n:
                    continue
                other = program.copy()
                for i in other.inputs:
                    if i.shared:
                        continue
                    array = unpacked(i.values[call])
                    array = array[tuple(slice(m) if k == n else slice(None) for k in array.shape)]
                    i.values[call] = packed(array)
                    i.static = [
                        None if s is not None and s not in (1, k) else s
                        for s, k in zip(i.static, array.shape, strict=True)
                    ]
                yield other


__all__ = ["in_numpy", "shrunk"]
