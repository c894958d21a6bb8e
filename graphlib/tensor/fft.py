"""``T.fft``: discrete Fourier transforms of real arrays, under Theano's names."""

from ..ops.fourier import irfft, rfft

__all__ = ["irfft", "rfft"]
