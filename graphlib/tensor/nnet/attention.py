"""``T.nnet.scaled_dot_product_attention``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...control.scan import scan
from ...errors import DTypeError, InputError, ShapeError
from ...graph import Constant, Variable
from ...ops.create import arange
from ...ops.elementwise import cast, floor_div, ge, switch
from ...ops.index import basic_index
from ...ops.join import concatenate
from ...ops.linalg import matmul
from ...ops.nnet import softmax
from ...ops.op import as_variable
from ...ops.shape import SameLengths, as_length, dimshuffle, reshape, shape_i
from ...ops.shape_rules import constant_int

_WHAT = "scaled_dot_product_attention"
#: queries whose scores are taken at once, and so many scores of a sequence that all are
_ROWS, _FEW_SCORES = 128, 512 * 512


def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    mask: Any = None,
    is_causal: bool = False,
    scale: Any = None,
    rows: Any = None,
) -> Variable:
    """For each query the mean of the values, weighted by softmax(scale · query · keyᵀ): (…, L, E).

    query: (…, L, D). key: (…, S, D). value: (…, S, E); of one dtype and the same leading axes, which only
    the mask may leave at 1. mask: of as many axes or fewer, (…, L, S) or of length 1 where it holds for
    all: bool, True where a query may look, or of the query's dtype, added to the scores. is_causal: query i
    looks at keys 0 … i only. A query that may look nowhere gets zeros. scale: by default 1 / √D.
    rows: so many queries' scores are in memory at a time, those of one sequence, also in the gradient, which
    computes them once more: memory grows with L + S instead of L · S. By default 128 where L or S is unknown
    or a sequence has more than 2¹⁸ scores, else all are there at once. The names are PyTorch's.

    Source: A. Vaswani and others, "Attention is all you need", 2017, equation 1; M. Rabe and C. Staats,
    "Self-attention does not need O(n²) memory", 2021. Errors: ShapeError, DTypeError, InputError.
    """
    q, k, v = map(as_variable, (query, key, value))
    k, v = _alike(q, k, v)
    allowed, added = _masks(mask, q, k)
    if scale is None:
        width = q.type.shape[-1]
        if width is None:
            raise ShapeError(f"{_WHAT}: the last axis of {q.describe()} has an unknown length; pass scale=")
        scale = np.asarray(1 / math.sqrt(width) if width else 1, q.dtype)
    q = cast(q * scale, q.dtype)
    queries, keys = (x.type.shape[-2] for x in (q, k))
    few = None not in (queries, keys) and queries * keys <= _FEW_SCORES
    size = as_length(_ROWS if rows is None else rows, f"{_WHAT}: rows")
    known = constant_int(size)
    if known is not None and known < 1:
        raise InputError(f"{_WHAT}: rows must be at least 1, not {known}")
    found = _Attention(allowed is not None, added is not None, is_causal)
    masks = [m for m in (allowed, added) if m is not None]
    if (rows is None and few) or (None not in (queries, known) and queries <= known):
        return found.at_once(q, Constant(0, dtype="int64"), k, v, masks)
    return found.one_by_one(q, k, v, masks, size)


@dataclass(frozen=True)
class _Attention:
    """Which masks there are, in this order: where queries may look, what is added to scores; and whether
    they look back only."""

    allowed: bool
    added: bool
    causal: bool

    def at_once(
        self, q: Variable, first: Variable, k: Variable, v: Variable, masks: Sequence[Variable]
    ) -> Variable:
        """Of queries of which the first is number ``first``."""
        scores = matmul(q, dimshuffle(k, *range(k.ndim - 2), k.ndim - 1, k.ndim - 2))
        scores = scores + masks[-1] if self.added else scores
        may = masks[0] if self.allowed else None
        if self.causal:
            at = first + arange(shape_i(q, q.ndim - 2))
            back = ge(dimshuffle(at, 0, "x"), arange(shape_i(k, k.ndim - 2)))
            may = back if may is None else may & back
        if may is None:
            return matmul(softmax(scores, axis=-1), v)
        # not -∞: a row of nothing else has no softmax
        lowest = np.asarray(np.finfo(scores.dtype).min, scores.dtype)
        weights = softmax(switch(may, scores, lowest), axis=-1)
        return matmul(switch(may, weights, np.asarray(0, scores.dtype)), v)

    def one_by_one(
        self, q: Variable, k: Variable, v: Variable, masks: Sequence[Variable], size: Variable
    ) -> Variable:
        """One sequence after the other, each by blocks of ``size`` queries."""
        if q.ndim == 2:
            return self.in_blocks(q, k, v, masks, size)
        rows = [m for m in masks if m.type.shape[0] != 1]

        def sequence(q: Variable, k: Variable, v: Variable, *parts: Variable) -> Variable:
            own = iter(parts)
            inner = [next(own) if m in rows else dimshuffle(m, *range(1, m.ndim)) for m in masks]
            return self.one_by_one(q, k, v, inner, size)

        return scan(sequence, [q, k, v, *rows], checkpoint_every=1)[0]

    def in_blocks(
        self, q: Variable, k: Variable, v: Variable, masks: Sequence[Variable], size: Variable
    ) -> Variable:
        """Whole blocks of ``size`` queries of one sequence, then those that are left."""
        length = shape_i(q, 0)
        number = floor_div(length, size)
        whole = number * size
        rows = [m for m in masks if m.type.shape[0] != 1]

        def block(q: Variable, first: Variable, *parts: Variable) -> Variable:
            own = iter(parts)
            return self.at_once(q, first, k, v, [next(own) if m in rows else m for m in masks])

        def cut(x: Variable) -> Variable:
            return reshape(basic_index(x, [slice(None, whole)]), (number, size, shape_i(x, 1)), ndim=3)

        made, _ = scan(block, [cut(q), arange(number) * size, *map(cut, rows)], checkpoint_every=1)
        made = reshape(made, (whole, shape_i(v, 1)), ndim=2)
        known, each = q.type.shape[0], constant_int(size)
        if None not in (known, each) and known % each == 0:
            return made
        rest = [basic_index(x, [slice(whole, None)]) for x in (q, *rows)]
        return concatenate([made, block(rest[0], whole, *rest[1:])], axis=0)


def _alike(q: Variable, k: Variable, v: Variable) -> tuple[Variable, Variable]:
    """Keys and values, whose lengths are checked where they are not known yet."""
    if q.ndim < 2 or q.ndim != k.ndim or q.ndim != v.ndim:
        raise ShapeError(
            f"{_WHAT}: query, key and value have the same axes, at least two, not {q.describe()}, "
            f"{k.describe()} and {v.describe()}"
        )
    if not q.dtype.startswith("float") or not q.dtype == k.dtype == v.dtype:
        raise DTypeError(
            f"{_WHAT}: query, key and value are floats of one dtype, not {q.describe()}, {k.describe()} and "
            f"{v.describe()}"
        )
    last = q.ndim - 1
    leading = [(axis, axis) for axis in range(last - 1)]
    k = SameLengths((*leading, (last, last)), _WHAT).make(k, q)
    return k, SameLengths((*leading, (last - 1, last - 1)), _WHAT).make(v, k)


def _masks(mask: Any, q: Variable, k: Variable) -> tuple[Variable | None, Variable | None]:
    """The mask by what it does: where a query may look, or what is added to scores; with all axes."""
    if mask is None:
        return None, None
    m = as_variable(mask)
    if not 2 <= m.ndim <= q.ndim or m.dtype not in ("bool", q.dtype):
        raise InputError(f"{_WHAT}: mask is bool or {q.dtype}, of two to {q.ndim} axes, not {m.describe()}")
    axes = [axis for axis in range(m.ndim) if m.type.shape[axis] != 1]
    last, more = m.ndim - 1, q.ndim - m.ndim
    by_query = tuple((axis, axis + more) for axis in axes if axis < last)
    m = SameLengths(by_query, _WHAT).make(m, q) if by_query else m
    m = SameLengths(((last, q.ndim - 2),), _WHAT).make(m, k) if last in axes else m
    m = dimshuffle(m, *["x"] * more, *range(m.ndim))
    return (m, None) if m.dtype == "bool" else (None, m)


__all__ = ["scaled_dot_product_attention"]
