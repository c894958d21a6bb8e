"""What is chosen from values: boxes that do not overlap, distinct elements, counts of sequences of tokens."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from ... import tensor as T
from ...control import scan
from ...graph import Variable
from ...ops import elementwise as ew
from ...ops.shape import dimshuffle, reshape, shape_i
from ..reader import Node, reads


@reads("NonMaxSuppression")
def _non_max_suppression(n: Node) -> Variable:
    """The best box of each class again and again, without those that overlap it."""
    boxes, scores = n[0], n[1]
    at_most, overlap, least = (n.optional(k) for k in (2, 3, 4))
    if at_most is None:
        return T.zeros([0, 3], "int64")
    count = shape_i(scores, 2)
    steps = T.minimum(n.reader.elements(at_most)[0], count)
    overlap = T.zeros([]) if overlap is None else overlap.reshape(())
    corners = _corners(boxes, bool(n.get("center_point_box", 0)))
    left = scores if least is None else ew.switch(ew.gt(scores, least.reshape(())), scores, -np.inf)
    rows = dimshuffle(T.arange(shape_i(scores, 0)), 0, "x")

    def step(left: Variable, corners: Variable, overlap: Variable) -> tuple[Variable, ...]:
        best = T.argmax(left, axis=2)
        found = ew.gt(T.max(left, axis=2), -np.inf)
        chosen = [dimshuffle(c[rows, best], 0, 1, "x") for c in corners_of(corners)]
        others = [dimshuffle(c, 0, "x", 1) for c in corners_of(corners)]
        own = ew.eq(dimshuffle(T.arange(count), "x", "x", 0), dimshuffle(best, 0, 1, "x"))
        gone = ew.or_(own, ew.gt(_overlap(chosen, others), overlap))
        return ew.switch(gone, -np.inf, left), best, found

    _, best, found = scan(step, None, [left, None, None], [corners, overlap], n_steps=steps)[0]
    # by image, by class, and then in the order in which they were found
    best, found = (dimshuffle(v, 1, 2, 0) for v in (best, found))
    places = T.nonzero(found)
    return T.stack([places[0], places[1], best[places]], axis=1)


def _corners(boxes: Variable, centred: bool) -> Variable:
    """(4, batch, boxes): the lesser and the greater ends along both axes."""
    a, b, c, d = (boxes[:, :, k] for k in range(4))
    if centred:
        return T.stack([a - c / 2, b - d / 2, a + c / 2, b + d / 2])
    return T.stack([T.minimum(a, c), T.minimum(b, d), T.maximum(a, c), T.maximum(b, d)])


def corners_of(corners: Variable) -> list[Variable]:
    return [corners[k] for k in range(4)]


def _overlap(one: list[Variable], other: list[Variable]) -> Variable:
    """The area that boxes share, of that which they cover together; 0 of boxes without area."""
    sides = [T.maximum(T.minimum(one[k + 2], other[k + 2]) - T.maximum(one[k], other[k]), 0) for k in (0, 1)]
    common = sides[0] * sides[1]
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    whole = areas[0] + areas[1] - common
    return ew.switch(ew.gt(common, 0), common / ew.switch(ew.gt(whole, 0), whole, 1), 0)


@reads("Unique")
def _unique(n: Node) -> list[Variable]:
    x = n[0]
    if "axis" not in n.attributes:
        flat = T.flatten(x)
        order, count = T.argsort(flat), shape_i(flat, 0)
        values, rows = flat[order], dimshuffle(flat, 0, "x")
    else:
        axis = int(n.get("axis")) % x.ndim
        moved = dimshuffle(x, axis, *(a for a in range(x.ndim) if a != axis))
        rows, count = T.flatten(moved, 2), shape_i(x, axis)
        order = _lexicographic(rows)
        values = moved[order]
    sorted_rows = rows[order]
    places = T.arange(count)
    differs = T.any(ew.neq(sorted_rows, sorted_rows[T.maximum(places - 1, 0)]), axis=1)
    begins = ew.or_(ew.eq(places, 0), differs)
    (starts,) = T.nonzero(begins)
    number = T.cumsum(T.cast(begins, "int64")) - 1
    first, kept = order[starts], values[starts]
    inverse = T.set_subtensor(T.zeros_like(order)[order], number)
    ends = T.concatenate([starts[1:], [count]])[: shape_i(starts, 0)]
    amounts = ends - starts
    if not n.get("sorted", 1):
        turned = T.argsort(first)
        back = T.set_subtensor(T.zeros_like(turned)[turned], T.arange(shape_i(turned, 0)))
        kept, first, inverse, amounts = kept[turned], first[turned], back[inverse], amounts[turned]
    if "axis" in n.attributes:
        kept = dimshuffle(kept, *range(1, axis + 1), 0, *range(axis + 1, x.ndim))
    return [kept, first, inverse, amounts]


def _lexicographic(rows: Variable) -> Variable:
    """The order of rows by their first column, by their second where that is the same, and so on: a stable
    sort by each column, from the last on."""
    columns = dimshuffle(rows, 1, 0)[::-1]
    begin = T.arange(shape_i(rows, 0))
    orders, _ = scan(lambda column, order: order[T.argsort(column[order])], columns, begin)
    return T.concatenate([dimshuffle(begin, "x", 0), orders])[-1]


@reads("TfIdfVectorizer")
def _tf_idf(n: Node) -> Variable:
    """How often each of a list of sequences of tokens is in a row, with up to so many left out between."""
    x, pool = n[0], n.get("pool_int64s")
    if pool is None:
        raise n.error("looks for strings, which graphlib has not")
    rows = x if x.ndim == 2 else dimshuffle(x, "x", 0)
    length, starts = rows.type.shape[1], [*n.get("ngram_counts"), len(pool)]
    if length is None:
        raise n.error(f"needs rows of known length, not {x.describe()}")
    target, weights = n.get("ngram_indexes"), n.get("weights") or [1.0] * len(n.get("ngram_indexes"))
    mode = n.get("mode")
    counts: Any = T.zeros([shape_i(rows, 0), max(target) + 1], "float32")
    seen = 0
    for size, (begin, end) in enumerate(pairwise(starts), 1):
        grams = np.array(pool[begin:end], "int64").reshape(-1, size)
        places, seen = target[seen : seen + len(grams)], seen + len(grams)
        if not len(grams) or not n.get("min_gram_length") <= size <= n.get("max_gram_length"):
            continue
        total: Any = 0
        for skip in range(n.get("max_skip_count") + 1 if size > 1 else 1):
            windows = length - (size - 1) * (skip + 1)
            if windows <= 0:
                continue
            same: Any = True
            for k in range(size):
                part = rows[:, k * (skip + 1) : k * (skip + 1) + windows]
                same = ew.and_(same, ew.eq(dimshuffle(part, 0, 1, "x"), grams[:, k].astype(x.dtype)))
            total = total + T.cast(T.sum(same, axis=1), "float32")
        if not isinstance(total, int):
            counts = T.inc_subtensor(counts[:, np.array(places)], total)
    scale = np.zeros(max(target) + 1, "float32")
    scale[np.array(target)] = weights if mode != "TF" else 1
    made = (T.minimum(counts, 1) if mode == "IDF" else counts) * scale
    return made if x.ndim == 2 else reshape(made, [shape_i(made, 1)])
