"""Neighbourhoods of the pixels of images as rows of a matrix, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import RankError, ShapeError, WindowError
from ..graph import Constant, Variable
from .elementwise import cast
from .join import concatenate
from .op import FLOATS, NUMBERS, Sample, as_variable, quarters, register
from .patches import PatchesAdded, patches_of
from .pool_functions import axis_lengths, padded
from .shape import reshape, shape_i
from .windows import Places

MODES = ("valid", "half", "full", "ignore_borders", "wrap_centered")


def _images(what: str, x: Any) -> Variable:
    x = as_variable(x)
    if x.ndim != 4:
        raise RankError(f"{what}: the images must have four dimensions, unlike {x.describe()}")
    return x


def _around(x: Variable, axis: int, window: Any) -> Variable:
    """``x`` with half a window of what is at the other end before and after it."""
    half = window // 2
    before: list[Any] = [slice(None)] * x.ndim
    after = list(before)
    before[axis], after[axis] = slice(shape_i(x, axis) - half, None), slice(None, half)
    return concatenate([x[tuple(before)], x, x[tuple(after)]], axis=axis)


def images2neibs(ten4: Any, neib_shape: Any, neib_step: Any = None, mode: str = "valid") -> Variable:
    """The neighbourhoods of images (n, channels, rows, columns), each a row: (n · channels · places, pixels).

    ``neib_shape`` is a neighbourhood's rows and columns, ``neib_step`` those from one to the next (None: they
    lie side by side); each is two numbers, or int64 scalars or a vector of a graph.  ``mode``: 'valid' (the
    last must end where the image does), 'ignore_borders' (what is left over is left out), 'half' and 'full'
    (valid, of an image with half a neighbourhood of zeros around it, or all but one pixel of it), or
    'wrap_centered' (one around each pixel, which sees the other end; of odd lengths).

    Errors: ShapeError for what does not fit, the lengths of 'valid' among it, at the call where they are not
    known before.
    """
    what = "T.nnet.neighbours.images2neibs"
    x = _images(what, ten4)
    if mode not in MODES:
        raise ShapeError(f"{what}: mode must be one of {MODES}, not {mode!r}")
    window = axis_lengths(neib_shape, 2, f"{what}: neib_shape", 1)
    step = window if neib_step is None else axis_lengths(neib_step, 2, f"{what}: neib_step", 1)
    borders = [(0, 0), (0, 0)]
    if mode in ("half", "full"):
        ends = [n // 2 if mode == "half" else n - 1 for n in window]
        if all(isinstance(n, int) for n in ends):
            borders = [(n, n) for n in ends]
        else:
            x = padded(x, ends, ends, 0)
    elif mode == "wrap_centered":
        if any(isinstance(n, int) and n % 2 == 0 for n in window):
            raise WindowError(
                f"{what}: mode 'wrap_centered' takes neighbourhoods of odd lengths, not {window}"
            )
        for axis, n in enumerate(window):
            x = _around(x, 2 + axis, n)
    exact = mode in ("valid", "half", "full")
    p = patches_of(x, window, step, [Places(b) for b in borders], exact)
    count, size = _product(p, range(4)), _product(p, (4, 5))
    return reshape(p, (count, size))


def _product(v: Variable, axes: Sequence[int]) -> Any:
    total: Any = 1
    for axis in axes:
        n = v.type.shape[axis]
        total = total * (shape_i(v, axis) if n is None else n)
    return total


def neibs2images(neibs: Any, neib_shape: Any, original_shape: Any, mode: str = "valid") -> Variable:
    """The images of ``original_shape`` (n, channels, rows, columns) whose neighbourhoods, side by side, are
    the rows of a matrix: the inverse of ``images2neibs`` in the modes 'valid' and 'ignore_borders', in which
    what is left over is 0.

    Errors: ShapeError for what does not fit.
    """
    what = "T.nnet.neighbours.neibs2images"
    rows = as_variable(neibs)
    if rows.ndim != 2:
        raise RankError(f"{what}: neighbourhoods are the rows of a matrix, unlike {rows.describe()}")
    if mode not in ("valid", "ignore_borders"):
        raise ShapeError(f"{what}: mode must be 'valid' or 'ignore_borders', not {mode!r}")
    window = axis_lengths(neib_shape, 2, f"{what}: neib_shape", 1)
    shape = axis_lengths(original_shape, 4, f"{what}: original_shape", 0)
    places = [n // k for n, k in zip(shape[2:], window, strict=True)]
    p = reshape(rows, (*shape[:2], *places, *window))
    axes = tuple(Places() for _ in window)
    scalars = [
        Constant(n, dtype="int64") if isinstance(n, int) else cast(n, "int64")
        for n in (*window, *window, *shape[2:])
    ]
    return PatchesAdded(axes, exact=mode == "valid").make(p, *scalars)


register(
    "images2neibs",
    images2neibs,
    lambda: [
        Sample(lambda x: images2neibs(x, (2, 3)), (quarters(1, 2, 4, 6),), NUMBERS),
        *(
            Sample(lambda x, a=a: images2neibs(x, *a), (quarters(2, 1, 5, 4),), FLOATS)
            for a in [
                ((3, 2), (2, 1)),
                ((3, 2), (1, 1), "half"),
                ((2, 2), (5, 1), "full"),
                ((2, 3), None, "ignore_borders"),
                ((3, 1), (2, 3), "wrap_centered"),
            ]
        ),
        Sample(
            lambda x: images2neibs(x, (x.shape[2] - 2, x.shape[3] - 2), (1, 1), "half"),
            (quarters(2, 1, 5, 4),),
        ),
    ],
)
register(
    "neibs2images",
    neibs2images,
    lambda: [
        Sample(lambda x: neibs2images(x, (2, 3), (1, 2, 4, 6)), (quarters(8, 6),)),
        Sample(
            lambda x: neibs2images(x, (2, 3), (1, 2, x.shape[1] - 1, 4), "ignore_borders"),
            (quarters(4, 6),),
        ),
    ],
)
