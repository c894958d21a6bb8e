"""Loops inside others whose lengths are those of inputs: where one of these is short, code that knows it is
several times as fast, as it has no loop at all, or one of a few vectors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..scalar.integer import ONE, Poly, Symbol
from .plan import Launch, Plan, Scan
from .statements import Loop

#: a polynomial: coefficients, each of a product of lengths, (input, axis) each
Terms = tuple[tuple[int, tuple[tuple[int, int], ...]], ...]
#: of each length of inner loops, how often the bodies of loops of that length run in a call
InnerLoops = tuple[tuple[Terms, Terms], ...]


def inner_loops(plan: Plan) -> InnerLoops:
    """The loops inside others, those of loops' steps included, that are as long as inputs say."""
    lengths = {s.symbol: Poly.of(s.symbol) for s in plan.lengths if _is_of_input(s, plan)}
    numbers = {s.symbol: (s.argument, s.axis) for s in plan.lengths if s.symbol in lengths}
    found: dict[Poly, Poly] = {}
    for length, turns in _inside(plan, lengths):
        found[length] = found.get(length, Poly.of(0)) + turns
    return tuple((_terms(length, numbers), _terms(turns, numbers)) for length, turns in found.items())


def _is_of_input(length: Any, plan: Plan) -> bool:
    return length.argument is not None and length.argument < plan.inputs


def _inside(plan: Plan, lengths: Mapping[Symbol, Poly]) -> Iterator[tuple[Poly, Poly]]:
    """(length, turns in all) of loops inside others; ``lengths``: what symbols are, of the outermost plan."""
    for action in (a for step in plan.steps for a in step.actions):
        if isinstance(action, Launch):
            yield from _loops(action.kernel.body, lengths, None)
        elif isinstance(action, Scan):
            steps = _known(action.n, lengths)
            if steps is not None:
                inside = _inside(action.plan, _in_step(action, lengths))
                yield from ((length, steps * turns) for length, turns in inside)


def _loops(
    body: Sequence[Any], lengths: Mapping[Symbol, Poly], around: Poly | None
) -> Iterator[tuple[Poly, Poly]]:
    for one in body:
        if isinstance(one, Loop):
            length = _known(one.length, lengths)
            if length is not None:
                turns = length * (ONE if around is None else around)
                if around is not None and length.constant is None:
                    yield length, turns
                yield from _loops(one.body, lengths, turns)


def _known(length: Poly, lengths: Mapping[Symbol, Poly]) -> Poly | None:
    """A polynomial in the outermost plan's symbols; None where it has others."""
    found = Poly.of(0)
    for monomial, coefficient in length.terms.items():
        product = Poly.of(coefficient)
        for atom in monomial:
            if atom not in lengths:
                return None
            product = product * lengths[atom]
        found = found + product
    return found


def _in_step(scan: Scan, lengths: Mapping[Symbol, Poly]) -> dict[Symbol, Poly]:
    """What the symbols of a loop's step are."""
    shapes = {row.argument: row.shape for row in (*scan.sequences, *scan.invariants)}
    shapes |= {argument: state.shape for state in scan.states for argument, _ in state.taps}
    found = {}
    for one in scan.plan.lengths:
        shape = shapes.get(one.argument)
        known = None if shape is None else _known(shape[one.axis], lengths)
        if known is not None:
            found[one.symbol] = known
    return found


def _terms(poly: Poly, numbers: Mapping[Symbol, tuple[int, int]]) -> Terms:
    return tuple((c, tuple(numbers[atom] for atom in monomial)) for monomial, c in poly.terms.items())
