"""``T.fft``: discrete Fourier transforms, of real arrays under Theano's names."""

from ..ops.fourier import fft, ifft, irfft, rfft

__all__ = ["fft", "ifft", "irfft", "rfft"]
