"""Images made larger by bilinear interpolation: each pixel spreads a pyramid over its neighbours."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..configuration import config
from ..errors import RankError, ShapeError
from ..graph import Variable
from .conv_functions import conv2d_grad_wrt_inputs
from .elementwise import cast
from .join import concatenate
from .op import Sample, as_variable, quarters, register
from .shape import dimshuffle, reshape, shape_i, specify_shape
from .shape_rules import constant_int
from .windows import whole_numbers


def pyramid(ratio: int, normalize: bool = True) -> np.ndarray:
    """1, 2, …, ``ratio``, …, 2, 1, over ``ratio`` where ``normalize``: what linear interpolation takes of a
    neighbour at each distance."""
    rising = np.arange(1, ratio + 1)
    values = np.concatenate([rising, rising[-2::-1]])
    return values / ratio if normalize else values


def _ratios(ratio: Any, frac_ratio: Any) -> list[tuple[int, int]]:
    """For rows and columns what they are multiplied by and divided by."""
    what = "T.nnet.bilinear_upsampling"
    if (ratio is None) == (frac_ratio is None):
        raise ShapeError(f"{what} takes either ratio, a number, or frac_ratio, (numerator, denominator)")
    if ratio is not None:
        (number,) = whole_numbers(_known(ratio), 1, f"{what}: ratio", 1)
        return [(number, 1)] * 2
    if not isinstance(frac_ratio, (tuple, list)) or len(frac_ratio) != 2:
        raise ShapeError(
            f"{what}: frac_ratio must be (numerator, denominator), or two of these, not {frac_ratio!r}"
        )
    pairs = frac_ratio if isinstance(frac_ratio[0], (tuple, list)) else (frac_ratio, frac_ratio)
    found = []
    for entry in pairs:
        p, q = whole_numbers(tuple(entry), 2, f"{what}: frac_ratio", 1)
        found.append((p // math.gcd(p, q), q // math.gcd(p, q)))
    return found


def _known(ratio: Any) -> Any:
    number = constant_int(ratio) if isinstance(ratio, Variable) else ratio
    if number is None:
        raise ShapeError(
            f"T.nnet.bilinear_upsampling: ratio must be known while the graph is built, unlike "
            f"{ratio.describe()}"
        )
    return number


def _with_edges(x: Variable, axis: int) -> Variable:
    """``x`` whose first and last elements along an axis are there twice."""
    ends = []
    for end in (slice(None, 1), slice(-1, None)):
        index: list[Any] = [slice(None)] * x.ndim
        index[axis] = end
        ends.append(x[tuple(index)])
    return concatenate([ends[0], x, ends[1]], axis=axis)


def bilinear_upsampling(
    input: Any,
    ratio: Any = None,
    frac_ratio: Any = None,
    batch_size: int | None = None,
    num_input_channels: int | None = None,
    use_1D_kernel: bool = True,
) -> Variable:
    """Images (n, channels, rows, columns) made larger by bilinear interpolation.

    ``ratio`` is what rows and columns are multiplied by; or ``frac_ratio``, (numerator, denominator) or a
    pair of these for rows and columns: the images are made larger by the numerator, and of the result every
    so many-th row and column is kept. The outermost pixels count twice; of an even ratio the last row and
    column come once more than the first. ``use_1D_kernel``: rows are interpolated, then columns; False does
    both at once, which takes longer and rounds otherwise. ``batch_size`` and ``num_input_channels`` are
    checked, if given.

    Errors: ShapeError for images of another number of dimensions and ratios that are no whole numbers.
    """
    x = as_variable(input)
    if x.ndim != 4:
        raise RankError(f"T.nnet.bilinear_upsampling: images have four dimensions, unlike {x.describe()}")
    x = x if x.type.is_float else cast(x, config.floatX)
    ratios = _ratios(ratio, frac_ratio)
    if batch_size is not None or num_input_channels is not None:
        x = specify_shape(x, (batch_size, num_input_channels, None, None))
    n, c, rows, columns = ((shape_i(x, i) if m is None else m) for i, m in enumerate(x.type.shape))
    flat = _with_edges(_with_edges(reshape(x, (n * c, 1, rows, columns)), 2), 3)
    tall, wide = rows * ratios[0][0], columns * ratios[1][0]
    pads = [2 * p - (p - 1) // 2 - 1 for p, _ in ratios]
    down, across = (as_variable(pyramid(p).astype(x.dtype)) for p, _ in ratios)
    down, across = dimshuffle(down, "x", "x", 0, "x"), dimshuffle(across, "x", "x", "x", 0)
    steps = tuple(p for p, _ in ratios)
    if use_1D_kernel:
        by_rows = (None, 1, tall, columns + 2)
        y = conv2d_grad_wrt_inputs(flat, down, by_rows, None, (pads[0], 0), (steps[0], 1))
        y = conv2d_grad_wrt_inputs(y, across, (None, 1, tall, wide), None, (0, pads[1]), (1, steps[1]))
    else:
        y = conv2d_grad_wrt_inputs(flat, down * across, (None, 1, tall, wide), None, tuple(pads), steps)
    y = reshape(y, (n, c, tall, wide))
    return y if all(q == 1 for _, q in ratios) else y[:, :, :: ratios[0][1], :: ratios[1][1]]


register(
    "bilinear_upsampling",
    bilinear_upsampling,
    lambda: [
        Sample(lambda x: bilinear_upsampling(x, 2), (quarters(2, 2, 3, 2),)),
        Sample(lambda x: bilinear_upsampling(x, 3, use_1D_kernel=False), (quarters(1, 2, 2, 3),)),
        Sample(lambda x: bilinear_upsampling(x, frac_ratio=((3, 2), (4, 6))), (quarters(1, 1, 3, 4),)),
    ],
)
