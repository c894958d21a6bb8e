"""Dtypes that the stages after this one do not know, represented by those they do.

Complex numbers are pairs of real ones (``pairs``). float16 is computed in float32, and only converted where
it is read and written (``halves``). Both go through loops (``loops``).
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..graph import Variable, toposort
from ..graph.shared import as_complex, as_parts
from ..graph.types import COMPLEX, HALF
from ..lower.program import Program
from .halves import in_float32
from .pairs import Pairs


class Represented(NamedTuple):
    """A program as all modes run it, and which of its inputs and outputs stand for complex numbers."""

    program: Program
    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()

    @property
    def is_same(self) -> bool:
        """Whether it takes and gives what the program itself does."""
        return not self.inputs and not self.outputs

    def given(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """The inputs' values as the program takes them."""
        given = list(inputs)
        for k in self.inputs:
            given[k] = as_parts(np.asarray(given[k], order="C"))
        return given

    def results(self, outputs: list[np.ndarray]) -> list[np.ndarray]:
        """The outputs' values as the user has written them."""
        results = list(outputs)
        for k in self.outputs:
            results[k] = as_complex(np.asarray(results[k], order="C"))
        return results


def represented(program: Program) -> Represented:
    """The program without such dtypes; itself where it has none."""
    variables = [*program.inputs, *program.results, *program.shareds]
    dtypes = {v.dtype for v in variables}
    for node in toposort(program.results, stop_at=program.inputs):
        dtypes.update([v.dtype for v in node.inputs])
    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()
    if dtypes & set(COMPLEX):
        inputs, outputs = _complex(program.inputs), _complex(program.outputs)
        program = in_pairs(program)
    if HALF in dtypes:
        program = program.with_results(in_float32(program.results, program.inputs))
    return Represented(program, inputs, outputs)


def _complex(variables: list[Variable]) -> tuple[int, ...]:
    return tuple(k for k, v in enumerate(variables) if v.type.is_complex)


def in_pairs(program: Program) -> Program:
    """The program with a last axis of length 2, real and imaginary parts, for complex numbers."""
    pairs = Pairs()
    inputs = [pairs.leaf(v) if v.type.is_complex else v for v in program.inputs]
    results = pairs.of(program.results, {}, program.inputs)
    made = program.with_results(results)
    return replace(
        made,
        inputs=inputs,
        updates={pairs.leaf(s) if s.type.is_complex else s: v for s, v in made.updates.items()},
        shareds=[pairs.leaf(s) if s.type.is_complex else s for s in program.shareds],
    )


__all__ = ["Represented", "in_pairs", "represented"]
