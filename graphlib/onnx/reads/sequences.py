"""Sequences of tensors and optional values, whose number and presence are known while a model is read."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from ... import tensor as T
from ...graph import Constant, Variable
from ...graph.types import normalize_axis
from ...ops.index import basic_index
from ...ops.shape import squeeze
from ..reader import Node, Tensors, reads


def _sequence(n: Node, k: int = 0) -> Tensors:
    found = n[k]
    if not isinstance(found, Tensors):
        raise n.error("needs a sequence")
    return found


def _place(n: Node, k: int, count: int, end: int) -> int:
    """A position in a sequence of ``count``, from its end where negative; ``end`` where none is given."""
    given = n.optional(k)
    if given is None:
        return end
    known = n.reader.known(given)
    if known is None:
        raise n.error(f"needs a position that is known, not {given.describe()}")
    place = int(known)
    if not -count <= place <= end:
        raise n.error(f"has the position {place} in a sequence of {count}")
    return place % count if place < 0 else place


@reads("SequenceEmpty")
def _empty(n: Node) -> Tensors:
    return Tensors()


@reads("SequenceConstruct")
def _constructed(n: Node) -> Tensors:
    return Tensors(n[k] for k in range(len(n.inputs)))


@reads("SequenceInsert")
def _inserted(n: Node) -> Tensors:
    given = _sequence(n)
    place = _place(n, 2, len(given), len(given))
    return Tensors((*given[:place], n[1], *given[place:]))


@reads("SequenceErase")
def _erased(n: Node) -> Tensors:
    given = _sequence(n)
    place = _place(n, 1, len(given), len(given) - 1)
    return Tensors((*given[:place], *given[place + 1 :]))


@reads("SequenceAt")
def _at(n: Node) -> Variable:
    given = _sequence(n)
    return given[_place(n, 1, len(given), len(given) - 1)]


@reads("SequenceLength")
def _length(n: Node) -> Variable:
    return Constant(len(_sequence(n)), dtype="int64")


@reads("ConcatFromSequence")
def _joined(n: Node) -> Variable:
    given, axis = list(_sequence(n)), n.get("axis")
    if n.get("new_axis", 0):
        return T.stack(given, axis=normalize_axis(axis, given[0].ndim + 1, n.describe()))
    return T.concatenate(given, axis=normalize_axis(axis, given[0].ndim, n.describe()))


@reads("SplitToSequence")
def _split(n: Node) -> Tensors:
    x = n[0]
    axis, split = normalize_axis(n.get("axis", 0), x.ndim, n.describe()), n.optional(1)
    length = x.type.shape[axis]
    known = None if split is None else n.reader.known(split)
    if split is not None and known is None:
        raise n.error(f"needs lengths that are known, not {split.describe()}")
    if known is not None and known.ndim:
        sizes = [int(k) for k in known]
    elif length is None:
        raise n.error(f"needs the length of axis {axis} of {x.describe()}: say it with dims=")
    else:
        size = 1 if known is None else int(known)
        sizes = [min(size, length - start) for start in range(0, length, size)]
    ends = np.cumsum([0, *sizes]).tolist()
    ahead = [slice(None)] * axis
    parts = [basic_index(x, [*ahead, slice(a, b)]) for a, b in itertools.pairwise(ends)]
    keep = known is not None or n.get("keepdims", 1)
    return Tensors(parts if keep else (squeeze(v, axis) for v in parts))


@reads("SequenceMap")
def _mapped(n: Node) -> list[Tensors]:
    body, count = n.get("body"), len(_sequence(n))
    names = [v.name for v in body.input]
    made = []
    for k in range(count):
        given = [v[k] if isinstance(v, Tensors) else v for v in n.inputs]
        made.append(n.reader.inside(dict(zip(names, given, strict=True))).run(body))
    return [Tensors(row[k] for row in made) for k in range(len(body.output))]


@reads("Optional")
def _optional(n: Node) -> Any:
    given = n.optional(0)
    return Tensors() if given is None and "sequence" in str(n.get("type")) else given


@reads("OptionalHasElement")
def _has(n: Node) -> Variable:
    return Constant(n.optional(0) is not None)


@reads("OptionalGetElement")
def _element(n: Node) -> Any:
    return n[0]
