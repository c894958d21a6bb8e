"""A program rewritten, and the lengths that its user asked for.

Rewriting finds the sum of n ones without making them.  That there can be such an array is still to be seen
at the call: with n = -3 the program is wrong, whatever its result is computed from.
"""

from __future__ import annotations

from dataclasses import replace

from ..graph import Constant, Variable, toposort
from ..ops.elementwise import add, mul
from ..ops.lengths import Lengths
from ..ops.shape import ShapeI
from ..rewrite import rewrite
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
        shape = tuple(n if isinstance(n, int) or _asked(n, lengths) else 1 for n in lengths.shape(v))
        if not all(isinstance(n, int) for n in shape) and shape not in found:
            found[shape] = Claim(v, tuple(map(lengths.length, shape)))
    return list(found.values())


def _asked(n: Variable, lengths: Lengths) -> bool:
    return not lengths.is_length(n) and not _is_length(n)


def _is_number(v: Variable) -> bool:
    """Whether it is an integer that may be meant as a length, and is not one made of those of arrays."""
    return v.ndim == 0 and v.dtype == "int64" and not _is_length(v)


def _is_length(v: Variable) -> bool:
    """Whether it is the length of an array, or a sum or product of some."""
    if v.owner is None:
        return isinstance(v, Constant) and v.data.size == 1 and int(v.data) >= 0
    if isinstance(v.owner.op, ShapeI):
        return True
    return v.owner.op in (add, mul) and all(map(_is_length, v.owner.inputs))
