"""A program rewritten, and the lengths that its user asked for.

Rewriting finds the sum of n ones without making them.  That there can be such an array is still to be seen
at the call: with n = -3 the program is wrong, whatever its result is computed from.
"""

from __future__ import annotations

from dataclasses import replace

from ..graph import Constant, Variable, toposort
from ..ops.shape import ShapeI
from ..rewrite import rewrite
from ..rewrite.lengths import Lengths
from .limits import Claim
from .program import Program


def rewritten(program: Program) -> Program:
    """The program with an equivalent of each result, which claims the lengths that were asked for in the
    original."""
    claims = claims_of(program)
    lengths = [n for claim in claims for n in claim.lengths]
    found = rewrite([*program.results, *lengths], program.inputs)
    count = len(program.results)
    rest = iter(found[count:])
    claims = [replace(claim, lengths=tuple(next(rest) for _ in claim.lengths)) for claim in claims]
    return replace(program.with_results(found[:count]), claims=tuple(claims))


def claims_of(program: Program) -> list[Claim]:
    """For each shape with lengths that are the user's numbers, not those of arrays: these, 1 in place of all
    others, and the first variable of that shape."""
    order = toposort(program.results, stop_at=program.inputs)
    if not any(_is_number(v) for node in order for v in node.inputs):
        return []
    lengths = Lengths(program.inputs)
    found: dict[tuple, Claim] = {}
    for v in (v for node in order for v in node.outputs):
        shape = tuple(n if isinstance(n, int) or not lengths.is_length(n) else 1 for n in lengths.shape(v))
        if not all(isinstance(n, int) for n in shape) and shape not in found:
            found[shape] = Claim(v, tuple(map(lengths.length, shape)))
    return list(found.values())


def _is_number(v: Variable) -> bool:
    """Whether it is an integer that may be meant as a length, and is not that of an array."""
    computed = not isinstance(v, Constant) and not (v.owner is not None and isinstance(v.owner.op, ShapeI))
    return computed and v.ndim == 0 and v.dtype == "int64"


__all__ = ["rewritten"]
