"""Sums of products by the names of their axes: ``T.einsum``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import InputError
from ..graph import Variable
from ..ops.linalg import matmul, tensordot
from ..ops.op import as_variable
from ..ops.shape import dimshuffle, reshape, shape_i
from .arrangements import diagonal

#: a length that is not known, where the order of products is chosen
_GUESS = 64
#: names for the axes that ... stands for, from the right: none of them is a letter
_DOTS = "".join(map(chr, range(0x30, 0x3A)))


class _Named:
    """A tensor with a name for each of its axes."""

    def __init__(self, x: Variable, names: str) -> None:
        self.x, self.names = x, names

    def lengths(self, names: Sequence[str]) -> list[Variable]:
        return [shape_i(self.x, self.names.index(n)) for n in names]

    def ordered(self, names: Sequence[str]) -> Variable:
        """With its axes in this order, and axes of length 1 for names that it does not have."""
        order = [self.names.index(n) if n in self.names else "x" for n in names]
        return self.x if order == list(range(self.x.ndim)) else dimshuffle(self.x, *order)

    def without(self, names: set[str]) -> _Named:
        """Summed over these of its axes."""
        axes = [k for k, n in enumerate(self.names) if n in names]
        return _Named(self.x.sum(axis=axes), _less(self.names, names)) if axes else self


def _less(names: str, some: set[str] | str) -> str:
    return "".join(n for n in names if n not in some)


def einsum(subscripts: str, *operands: Any) -> Variable:
    """Sums of products, by Einstein's convention: ``T.einsum("nij,njk->nik", a, b)``.

    ``subscripts``: a letter for each axis of each operand, operands apart by commas, then ``->`` and the
    letters of the result; all other letters are summed over. A letter twice in an operand is its diagonal,
    ``...`` stands for axes that broadcast. Without ``->`` the result has the letters that occur once, in
    alphabetical order, as numpy.einsum's. Products are matrix products where they can be; of three operands
    or more in an order that NumPy finds good for the lengths that are known.

    Errors: InputError for subscripts that make no sense, and ShapeError for lengths that do not fit.
    """
    variables = [as_variable(v) for v in operands]
    given, result = _parsed(subscripts, variables)
    parts = [_prepared(x, names, given) for x, names in zip(variables, given, strict=True)]
    for step in _order(given, result, variables):
        chosen = [parts[k] for k in step]
        for k in sorted(step, reverse=True):
            del parts[k]
        kept = set(result).union(*(p.names for p in parts))
        one = chosen[0].without(_names_of(chosen[:1]) - kept - _names_of(chosen[1:]))
        for other in chosen[1:]:
            one = _product(one, other.without(set(other.names) - kept - set(one.names)), kept)
        parts.append(one)
    (last,) = parts
    return last.without(set(last.names) - set(result)).ordered(result)


def _names_of(parts: Sequence[_Named]) -> set[str]:
    return set("".join(p.names for p in parts))


def _parsed(subscripts: str, variables: Sequence[Variable]) -> tuple[list[str], str]:
    """The names of each operand's axes and those of the result."""
    text = subscripts.replace(" ", "")
    inputs, arrow, output = text.partition("->")
    given = inputs.split(",")
    if len(given) != len(variables):
        raise InputError(
            f"T.einsum: {subscripts!r} names the axes of {len(given)} operands; {len(variables)} are given"
        )
    dots = [_dots(names, v, subscripts) for names, v in zip(given, variables, strict=True)]
    given = [names.replace("...", _DOTS[len(_DOTS) - n :]) for names, n in zip(given, dots, strict=True)]
    all_dots = _DOTS[len(_DOTS) - max(dots) :]
    if not arrow:
        counts = Counter("".join(given))
        output = all_dots + "".join(sorted(n for n, c in counts.items() if c == 1 and n not in _DOTS))
    else:
        output = output.replace("...", all_dots)
    unknown = set(output) - set("".join(given))
    if unknown or len(set(output)) != len(output) or not all(n.isalpha() or n in _DOTS for n in output):
        raise InputError(
            f"T.einsum: a letter of the result must be one of the operands' and occur once: {subscripts!r}"
        )
    return given, output


def _dots(names: str, v: Variable, subscripts: str) -> int:
    """For how many axes of an operand ``...`` stands."""
    letters = names.replace("...", "", 1)
    if not (letters.isalpha() or not letters):
        raise InputError(f"T.einsum: subscripts are letters and '...', in {subscripts!r} there is {names!r}")
    more = v.ndim - len(letters)
    if more < 0 or (more and "..." not in names) or more > len(_DOTS):
        raise InputError(
            f"T.einsum: {names!r} names {len(letters)} axes, and {v.describe()} has {v.ndim} of them"
        )
    return more


def _prepared(x: Variable, names: str, given: Sequence[str]) -> _Named:
    """An operand with each name once, without axes of length 1 that others have longer."""
    for name, count in Counter(names).items():
        for _ in range(count - 1):
            first = names.index(name)
            second = names.index(name, first + 1)
            x = diagonal(x, axis1=first, axis2=second)
            names = names[:first] + names[first + 1 : second] + names[second + 1 :] + name
    others = Counter("".join("".join(set(n)) for n in given))
    axes = [k for k, n in enumerate(x.type.shape) if n == 1 and others[names[k]] > 1]
    if axes:
        x = dimshuffle(x, *(k for k in range(x.ndim) if k not in axes))
        names = "".join(n for k, n in enumerate(names) if k not in axes)
    return _Named(x, names)


def _order(given: Sequence[str], result: str, variables: Sequence[Variable]) -> list[tuple[int, ...]]:
    """Which operands are multiplied in each step, of those that are left, as numpy.einsum_path says it."""
    if len(given) < 3:
        return [tuple(range(len(given)))]
    lengths: dict[str, int] = {}
    for names, v in zip(given, variables, strict=True):
        for name, n in zip(names, v.type.shape, strict=True):
            lengths[name] = max(lengths.get(name, 1), _GUESS if n is None else n)
    letters = dict(zip(lengths, map(chr, range(0x61, 0x61 + len(lengths))), strict=True))
    text = ",".join("".join(letters[n] for n in names) for names in given)
    empty = [np.broadcast_to(np.float32(0), [lengths[n] for n in names]) for names in given]
    path = np.einsum_path(f"{text}->{''.join(letters[n] for n in result)}", *empty, optimize="greedy")[0]
    return [tuple(step) for step in path[1:]]


def _product(a: _Named, b: _Named, kept: set[str]) -> _Named:
    """The product of two, summed over what both have and nothing else needs."""
    shared = [n for n in a.names if n in b.names]
    summed = [n for n in shared if n not in kept]
    along = [n for n in shared if n in kept]
    left, right = _less(a.names, "".join(shared)), _less(b.names, "".join(shared))
    if not summed:
        names = "".join(along) + left + right
        return _Named(a.ordered(names) * b.ordered(names), names)
    if not along:
        axes = [[p.names.index(n) for n in summed] for p in (a, b)]
        return _Named(tensordot(a.x, b.x, axes), left + right)
    x = _as_matrices(a, along, list(left), summed)
    y = _as_matrices(b, along, summed, list(right))
    z = matmul(x, y)
    lengths = [*a.lengths(along), *a.lengths(left), *b.lengths(right)]
    return _Named(reshape(z, lengths, ndim=len(lengths)), "".join(along) + left + right)


def _as_matrices(p: _Named, along: Sequence[str], rows: Sequence[str], columns: Sequence[str]) -> Variable:
    """Stacks along some axes of matrices that have others for their rows and columns."""
    x = p.ordered([*along, *rows, *columns])
    if len(rows) == len(columns) == 1:
        return x
    both = [_times(p.lengths(names)) for names in (rows, columns)]
    return reshape(x, [*p.lengths(along), *both], ndim=len(along) + 2)


def _times(lengths: Sequence[Variable]) -> Any:
    whole: Any = 1
    for n in lengths:
        whole = n if isinstance(whole, int) else whole * n
    return whole


__all__ = [
    "einsum",
]
