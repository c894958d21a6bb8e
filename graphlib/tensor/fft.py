"""``T.fft``: discrete Fourier transforms, of real arrays under Theano's names."""

from collections.abc import Sequence
from typing import Any

from ..graph import Variable
from ..ops.fourier import fft, fft2, fftfreq, fftn, ifft, ifft2, ifftn, irfft, rfft, rfftfreq
from ..ops.op import as_variable
from .arrangements import roll


def fftshift(x: Any, axes: int | Sequence[int] | None = None) -> Variable:
    """Frequency 0 in the middle of the axes (None: all), as numpy.fft.fftshift."""
    return _shifted(x, axes, 1)


def ifftshift(x: Any, axes: int | Sequence[int] | None = None) -> Variable:
    """What ``fftshift`` has moved, back."""
    return _shifted(x, axes, -1)


def _shifted(x: Any, axes: int | Sequence[int] | None, way: int) -> Variable:
    x = as_variable(x)
    for axis in range(x.ndim) if axes is None else [axes] if isinstance(axes, int) else axes:
        n = x.shape[axis]
        x = roll(x, n // 2 if way > 0 else -(n // 2), axis)
    return x


__all__ = [
    "fft",
    "fft2",
    "fftfreq",
    "fftn",
    "fftshift",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "irfft",
    "rfft",
    "rfftfreq",
]
