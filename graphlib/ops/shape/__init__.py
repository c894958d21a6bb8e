# ruff: noqa: F401  (the names that others take from here)
"""Shapes: reading lengths, moving, adding and dropping axes, reshaping, broadcasting.

Most only remap the index of what they read and cost nothing once fused.
"""

from __future__ import annotations

from .axes import (
    DimShuffle,
    dimshuffle,
    expand_dims,
    moveaxis,
    shape_padleft,
    shape_padright,
    squeeze,
    swapaxes,
    transpose,
)
from .broadcasting import BroadcastTo, broadcast_to, shape_argument
from .checked import SameLengths, SpecifyShape, specify_shape
from .reshaping import Reshape, flatten, reshape
from .values import Count, Shape, ShapeI, as_length, count_of, lengths_at_call, shape_i, shape_of
