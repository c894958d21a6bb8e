"""``T.nnet.conv``: where Theano had ``conv2d`` first, with ``image_shape`` in place of ``input_shape``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...graph import Variable
from ...ops import conv_functions


def conv2d(
    input: Any,
    filters: Any,
    image_shape: Sequence[Any] | None = None,
    filter_shape: Sequence[Any] | None = None,
    border_mode: str = "valid",
    subsample: Sequence[int] = (1, 1),
) -> Variable:
    """``T.nnet.conv2d`` under its old signature: a true convolution, of filters that are flipped."""
    return conv_functions.conv2d(input, filters, image_shape, filter_shape, border_mode, subsample)


__all__ = ["conv2d"]
