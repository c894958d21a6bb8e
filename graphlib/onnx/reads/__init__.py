"""What reads each of ONNX's operators; importing it fills the table ``reader.READS``."""

from . import (
    elementwise,
    loops,
    quantized,
    reduce,
    resize,
    sampling,
    selection,
    sequences,
    shape,
    spectra,
    windows,
)

__all__ = [
    "elementwise",
    "loops",
    "quantized",
    "reduce",
    "resize",
    "sampling",
    "selection",
    "sequences",
    "shape",
    "spectra",
    "windows",
]
