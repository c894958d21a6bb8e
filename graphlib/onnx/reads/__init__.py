"""What reads each of ONNX's operators; importing it fills the table ``reader.READS``."""

from . import elementwise, loops, reduce, resize, shape, windows

__all__ = ["elementwise", "loops", "reduce", "resize", "shape", "windows"]
