"""Elements, or whole tensors, repeated side by side."""

from __future__ import annotations

from typing import Any

from ..graph import Variable
from ..graph.types import normalize_axis
from .along_axis import cumsum
from .create import zeros
from .elementwise import cast, lt, switch
from .index import take
from .op import as_variable, ramp, register_cases
from .shape import (
    SameLengths,
    as_length,
    broadcast_to,
    dimshuffle,
    flatten,
    reshape,
    shape_argument,
    shape_of,
    shape_padleft,
    specify_shape,
)
from .shape_rules import constant_int
from .write import inc_subtensor


def repeat(x: Any, repeats: Any, axis: int | None = None) -> Variable:
    """Each element ``repeats`` (a number, a scalar, or a vector of one for each) times along ``axis``, or in
    the flattened tensor.

    Errors: ShapeError for a number below 0, while the graph is built or at the call.
    """
    x = as_variable(x)
    if axis is None:
        x, axis = flatten(x), 0
    axis = normalize_axis(axis, x.ndim, "T.repeat")
    repeats = as_variable(repeats)
    if constant_int(repeats) == 1:
        return x
    if repeats.ndim == 1 and repeats.type.shape != (1,):
        return take(x, _each_so_often(repeats, x, axis), axis)
    times = as_length(repeats, "T.repeat: the number of repeats")
    return _times(x, times, axis, inside=True)


def _each_so_often(times: Variable, x: Variable, axis: int) -> Variable:
    """The places along an axis of ``x``, each as many times as ``times`` says, in order."""
    times = SameLengths(((0, axis),), "T.repeat").make(cast(times, "int64"), x)
    # one that is negative makes the whole length negative, which is found
    ends = cumsum(switch(lt(times, 0), -(2**40), times))
    total = ends[-1:].sum()
    passed = inc_subtensor(zeros((total + 1,), "int64")[ends], 1)
    return cumsum(passed)[:total]


def tile(x: Any, reps: Any, ndim: int | None = None) -> Variable:
    """``x`` side by side ``reps`` times along each axis, as numpy.tile; of ``ndim`` dimensions at least.

    reps: a number or several, or a vector of them, whose length is known, or is ``ndim``.

    Errors: ShapeError for a number below 0, while the graph is built or at the call.
    """
    x = as_variable(x)
    if isinstance(reps, Variable) and reps.type.shape == (None,) and ndim is not None:
        reps = specify_shape(reps, (ndim,))
    reps = shape_argument(reps)
    reps = [1] * ((ndim or 0) - len(reps)) + reps
    reps = [1] * (x.ndim - len(reps)) + reps
    x = shape_padleft(x, len(reps) - x.ndim)
    for axis, times in enumerate(reps):
        if constant_int(times) != 1:
            x = _times(x, as_length(times, "T.tile: a number of repeats"), axis, inside=False)
    return x


def _times(x: Variable, times: Variable, axis: int, inside: bool) -> Variable:
    """An axis that is ``times`` as long: each element so often (``inside``), or all of them after one
    another."""
    shape = list(shape_of(x))
    place = axis + 1 if inside else axis
    order: list = list(range(x.ndim))
    spread = broadcast_to(
        dimshuffle(x, [*order[:place], "x", *order[place:]]), [*shape[:place], times, *shape[place:]]
    )
    return reshape(spread, [*shape[:axis], shape[axis] * times, *shape[axis + 1 :]])


register_cases(
    "repeat",
    repeat,
    [
        (lambda x: repeat(x, 2, 1), (ramp(2, 3),)),
        (lambda x: repeat(x, 3), (ramp(2, 3),)),
        (lambda x: repeat(x, [2, 0, 3], 1) * 2, (ramp(2, 3),)),
    ],
)
register_cases(
    "tile", tile, [(lambda x: tile(x, (2, 3)), (ramp(2, 3),)), (lambda x: tile(x, (2, 1, 2)), (ramp(2, 3),))]
)
