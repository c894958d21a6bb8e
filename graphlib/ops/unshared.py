"""Convolution with filters that are not shared: each place has its own, (f, places…, c / groups, pixels…).

For each group and place that is a product of matrices, the patches of all images by the filters there, and so
are its gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import ShapeError
from ..graph import Constant, Variable
from .convolution import Convolutional
from .linalg import batched_dot
from .patches import PatchesAdded, patches_of
from .shape import SameLengths, dimshuffle, reshape, shape_i
from .shape_rules import constant_int
from .windows import Places, quotient


def _lengths(v: Variable, axes: Sequence[int]) -> list[Variable]:
    return [shape_i(v, axis) for axis in axes]


def _product(lengths: Sequence[Any]) -> Any:
    total: Any = 1
    for n in lengths:
        n = n if constant_int(n) is None else constant_int(n)
        total = n if isinstance(total, int) and total == 1 else total * n
    return total


class _Unshared:
    """The products of one convolution: ``op`` says what it is, ``kernel`` the filters' lengths."""

    def __init__(self, op: Convolutional, kernel: Sequence[Variable]) -> None:
        self.op, self.kernel, self.count = op, list(kernel), len(op.axes)
        self.places = []
        for axis, length in zip(op.axes, kernel, strict=True):
            if isinstance(axis.border, str) and constant_int(length) is None:
                raise ShapeError(
                    f"T.nnet.{op.what}: with unshared=True the filters' lengths must be known for "
                    f"border_mode {axis.border!r}; filter_shape says them"
                )
            known = axis.known(constant_int(length))
            self.places.append(Places(known.border, known.dilation))
        self.strides = [axis.stride for axis in op.axes]

    def patches(self, x: Variable) -> Variable:
        """(groups, places…, n, c, pixels…) of images."""
        p = patches_of(x, self.kernel, self.strides, self.places)
        return self.by_places(p)

    def by_places(self, v: Variable) -> Variable:
        """(n, c, places…, more…) as (groups, places…, n, c of a group, more…)."""
        n, c, *rest = _lengths(v, range(v.ndim))
        groups, d = self.op.groups, self.count
        each = quotient(c if constant_int(c) is None else constant_int(c), groups)
        v = reshape(v, (n, groups, each, *rest))
        return dimshuffle(v, 1, *range(3, 3 + d), 0, 2, *range(3 + d, v.ndim))

    def images(self, v: Variable) -> Variable:
        """The other way."""
        d = self.count
        v = dimshuffle(v, 1 + d, 0, 2 + d, *range(1, 1 + d), *range(3 + d, v.ndim))
        n, _, each, *rest = _lengths(v, range(v.ndim))
        return reshape(v, (n, _product((self.op.groups, each)), *rest))

    def filters(self, w: Variable) -> Variable:
        """(f, places…, c, pixels…) as (groups, places…, f of a group, c, pixels…)."""
        f, *rest = _lengths(w, range(w.ndim))
        each = quotient(f if constant_int(f) is None else constant_int(f), self.op.groups)
        w = reshape(self.turned(w), (self.op.groups, each, *rest))
        return dimshuffle(w, 0, *range(2, 2 + self.count), 1, *range(2 + self.count, w.ndim))

    def turned(self, w: Variable) -> Variable:
        if not self.op.flip:
            return w
        return w[(..., *[slice(None, None, -1)] * self.count)]

    def matrices(self, v: Variable) -> Variable:
        """(groups, places…, rows, columns…) as a batch of matrices."""
        front = self.count + 1
        batch, first, *rest = (
            _product(_lengths(v, range(front))),
            shape_i(v, front),
            *_lengths(v, range(front + 1, v.ndim)),
        )
        return reshape(v, (batch, first, _product(rest)))

    def like(self, w: Variable, p: Variable, what: str) -> Variable:
        """``w`` (f, places…, …), which must have as many places as ``p`` (groups, places…, …)."""
        pairs = tuple((1 + i, 1 + i) for i in range(self.count))
        return SameLengths(pairs, f"T.nnet.{self.op.what}: {what}").make(w, p)


def _transpose(m: Variable) -> Variable:
    return dimshuffle(m, 0, 2, 1)


def unshared_convolution(op: Convolutional, x: Variable, w: Variable) -> Variable:
    """The convolution of images (n, c, lengths…): (n, f, places…).  Errors: ShapeError for other places."""
    u = _Unshared(op, _lengths(w, range(-len(op.axes), 0)))
    p = u.patches(x)
    filters = u.filters(u.like(w, p, "places of the filters and of the images"))
    product = batched_dot(u.matrices(p), _transpose(u.matrices(filters)))
    d = u.count + 1
    return u.images(reshape(product, (*_lengths(p, range(d + 1)), shape_i(filters, d))))


def unshared_by_images(op: Convolutional, g: Variable, w: Variable, lengths: Sequence[Variable]) -> Variable:
    """Its gradient by the images, of lengths that are given."""
    u = _Unshared(op, _lengths(w, range(-len(op.axes), 0)))
    rows = u.by_places(g)
    filters = u.filters(u.like(w, rows, "places of the filters and of the gradient"))
    product = batched_dot(u.matrices(rows), u.matrices(filters))
    d = u.count + 1
    p = reshape(product, (*_lengths(rows, range(d + 1)), *_lengths(filters, range(d + 1, filters.ndim))))
    scalars = [*u.kernel, *(Constant(n, dtype="int64") for n in u.strides), *lengths]
    return PatchesAdded(tuple(u.places)).make(u.images(p), *scalars)


def unshared_by_filters(op: Convolutional, x: Variable, g: Variable, kernel: Sequence[Variable]) -> Variable:
    """Its gradient by the filters, of lengths that are given."""
    u = _Unshared(op, kernel)
    p = u.patches(x)
    rows = u.by_places(g)
    rows = u.like(rows, p, "places of the images and of the gradient")
    product = batched_dot(_transpose(u.matrices(rows)), u.matrices(p))
    d = u.count + 1
    w = reshape(product, (*_lengths(p, range(d)), shape_i(rows, d + 1), *_lengths(p, range(d + 1, p.ndim))))
    w = dimshuffle(w, 0, d, *range(1, d), *range(d + 1, w.ndim))
    _, f, *rest = _lengths(w, range(w.ndim))
    return u.turned(reshape(w, (_product((op.groups, f)), *rest)))
