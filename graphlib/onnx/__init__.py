"""ONNX: models for other programs, written from graphs, and theirs, read as graphs.

``save`` writes what a compiled function computes, ``load`` reads a model.  Both need the package ``onnx``
(``pip install 'graphlib-autodiff[onnx]'``), which is imported when one of them is called.
"""

from .loading import Loaded, load
from .saving import save

__all__ = ["Loaded", "load", "save"]
