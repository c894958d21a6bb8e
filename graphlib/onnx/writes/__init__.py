"""What writes each class of operations as ONNX nodes; importing it fills the table ``writer.RULES``."""

from . import elementwise, index, loops, missing, reduce, shape, windows

__all__ = ["elementwise", "index", "loops", "missing", "reduce", "shape", "windows"]
