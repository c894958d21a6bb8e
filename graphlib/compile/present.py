"""A program for the lengths that its shared variables have now, which may change later (see ``shared``).

Native code is faster where lengths are literals, and those of shared variables hardly ever change: so a
function is compiled for the present ones, and once more, for any, when it is first called with others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..configuration import config
from ..errors import Resized, ShapeError
from ..graph import Apply, Constant, Sized, SizedInput, TensorType, Variable, toposort
from ..graph.traverse import rebuild
from ..lower.program import Program
from ..ops.scan import Scan
from ..ops.shape import ShapeI
from ..rewrite.engine import fold
from ..rewrite.scan.body import Body
from .around import Around

#: of each shared variable of a program
Shapes = Sequence[tuple[int, ...]]
#: of each input its shape, None for a length that is not to be known
Given = tuple[tuple[int | None, ...], ...]


class ForPresentLengths(Around):
    """An executor of a program whose shared variables may change their lengths: of one for the present
    lengths at first; from the first call on where they are others, of one for any lengths.

    make: makes one of them, for lengths of the shared variables or for any.
    """

    def __init__(self, program: Program, make: Callable[[Shapes | None], Any]) -> None:
        self.make = make
        self.settings = config.settings()
        try:
            self.executor = make([s.present_shape() for s in program.shareds])
        except ShapeError:
            # they do not fit one another; they may when it is called, else that call says what is wrong
            self.executor = make(None)

    def __call__(self, inputs: list) -> list:
        try:
            return self.executor(inputs)
        except Resized:
            self._for_any()
        return self.executor(inputs)

    @property
    def simple(self) -> bool:
        """Whether there is `repeat`: see `CExecutor`."""
        return getattr(self.executor, "simple", False)

    def repeat(self, calls: list[list]) -> list:
        """As of `CExecutor`."""
        try:
            return self.executor.repeat(calls)
        except Resized as error:
            parts, left = [error.results] if error.done else [], calls[error.done :]
            self._for_any()
        if self.simple:
            parts.append(self.executor.repeat(left))
        else:
            parts += [[one[None] for one in self.executor(each)] for each in left]
        return [np.concatenate(each) for each in zip(*parts, strict=True)]

    def _for_any(self) -> None:
        with config.change(**self.settings):
            self.executor = self.make(None)


def may_change(program: Program) -> bool:
    """Whether some shared variable's lengths are not declared."""
    return any(None in s.type.shape for s in program.shareds)


def with_lengths(program: Program, shapes: Shapes | None, given: Given | None = None) -> Program:
    """The program with the lengths that shared variables have, in their order, in place of unknown ones, and
    with those of inputs that are ``given``.

    Errors: ShapeError where they do not fit.
    """
    present: dict[Variable, Variable] = {}
    for s, shape in zip(program.shareds, shapes, strict=True) if shapes is not None else ():
        type = _specified(s.type, TensorType(s.dtype, shape))
        if type != s.type:
            present[s] = Sized(s, type)
    for v, shape in zip(program.inputs, given, strict=True) if given is not None else ():
        type = _specified(v.type, TensorType(v.dtype, shape))
        if type != v.type:
            present[v] = SizedInput(v, type)
    results = _Specified(program.inputs).of(program.results, dict(present))
    changed = program.with_results(results)
    return replace(
        changed,
        inputs=[present.get(v, v) for v in changed.inputs],
        updates={present.get(s, s): v for s, v in changed.updates.items()},
        shareds=[present.get(s, s) for s in program.shareds],
    )


class _Specified:
    """Graphs built again on leaves whose lengths are known."""

    def __init__(self, stop_at: Collection[Variable]) -> None:
        self.stop_at = stop_at
        #: for loops with the same steps and lengths: what became of their inner variables, and the first one
        self.loops: dict[tuple, tuple[dict[Variable, Variable], Scan]] = {}

    def of(
        self, results: Iterable[Variable], memo: dict[Variable, Variable], stop_at: Collection[Variable] = ()
    ) -> list[Variable]:
        """``results`` with the keys of ``memo`` exchanged for its values; notes what became of the rest."""
        results = list(results)
        for node in toposort(results, stop_at=[*self.stop_at, *memo]):
            inputs = [memo.get(v, v) for v in node.inputs]
            if all(a is b for a, b in zip(inputs, node.inputs, strict=True)):
                continue
            for old, new in zip(node.outputs, self.node(node, inputs), strict=True):
                memo[old] = new
        return [memo.get(v, v) for v in results]

    def node(self, node: Apply, inputs: list[Variable]) -> Iterable[Variable]:
        """The outputs of a node on other inputs."""
        op, out = node.op, node.outputs[0]
        if isinstance(op, ShapeI) and inputs[0].type.shape[op.axis] is not None:
            return [Constant(inputs[0].type.shape[op.axis], out.name, "int64", out.origin)]
        copy = rebuild(node, inputs, {})
        outputs = self.loop(node, copy) if isinstance(op, Scan) else copy.outputs
        for old, new in zip(node.outputs, outputs, strict=True):
            new.type = _specified(old.type, new.type)
        # what lengths are computed from lengths is known as well, and asked for when the next node is built
        folded = fold(copy) if out.dtype == "int64" and len(copy.outputs) == 1 else None
        return [folded] if folded is not None else outputs

    def loop(self, node: Apply, copy: Apply) -> Iterable[Variable]:
        """The outputs of a loop whose inner graph knows the lengths of what it is given."""
        body = Body.of(copy)
        given: dict[Variable, TensorType] = {
            **{v: outer.type.row() for v, outer in body.sequences.items()},
            **{v: s.initial.type.row() for s in body.states for v in s.taps.values()},
            **{v: outer.type for v, outer in body.invariants.items()},
        }
        # loops with the same steps stay so; whether they go over the same rows is seen when it is rewritten
        way = node.op.root, tuple(given.values())
        memo, root = self.loops.get(way, ({}, None))
        if root is None:
            for v, type in given.items():
                type = _specified(v.type, type)
                if type != v.type:
                    memo[v] = Variable(type, name=v.name, origin=v.origin)
        body.set_ends(self.of(body.ends(), memo))
        body.sequences = {memo.get(v, v): outer for v, outer in body.sequences.items()}
        body.invariants = {memo.get(v, v): outer for v, outer in body.invariants.items()}
        for s in body.states:
            s.taps = {tap: memo.get(v, v) for tap, v in s.taps.items()}
        made = body.node()
        if root is None:
            self.loops[way] = memo, made.op
        else:
            made.op.extends = root
        return made.outputs


def _specified(known: TensorType, found: TensorType) -> TensorType:
    """A type with lengths that were found for unknown ones.

    A length of 1 stays unknown: only what is 1 whatever the shared variables' lengths are broadcasts.
    """
    lengths = []
    for n, m in zip(known.shape, found.shape, strict=True):
        if None not in (n, m) and n != m:
            raise ShapeError(f"has shape {found}, expected {known}")
        lengths.append(n if n is not None else None if m == 1 else m)
    return TensorType(known.dtype, lengths)
