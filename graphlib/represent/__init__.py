"""Dtypes that the stages after this one do not know, represented by those they do.

float16 is computed in float32, and only converted where it is read and written (``halves``).
"""

from __future__ import annotations

from ..graph import toposort
from ..graph.types import HALF
from ..lower.program import Program
from .halves import in_float32


def represented(program: Program) -> Program:
    """The program as all modes run it; itself where it has no such dtypes."""
    dtypes = {v.dtype for v in (*program.inputs, *program.results)}
    for node in toposort(program.results, stop_at=program.inputs):
        dtypes.update([v.dtype for v in node.inputs])
    if HALF not in dtypes:
        return program
    return program.with_results(in_float32(program.results, program.inputs))


__all__ = ["represented"]
