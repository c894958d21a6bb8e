"""``theano.tensor.nnet.neighbours``: its operation, as programs make it."""

from __future__ import annotations

from typing import Any

from ...graph import Variable
from ...ops.neighbours import images2neibs, neibs2images


class Images2Neibs:
    """``Images2Neibs(mode)(images, neib_shape, neib_step)``: ``images2neibs``."""

    def __init__(self, mode: str = "valid") -> None:
        self.mode = mode

    def __call__(self, ten4: Any, neib_shape: Any, neib_step: Any = None) -> Variable:
        return images2neibs(ten4, neib_shape, neib_step, self.mode)


__all__ = ["Images2Neibs", "images2neibs", "neibs2images"]
