"""IDX, the format of the MNIST files: a magic number, the dimensions, then the elements in row-major order.

Specified at the foot of http://yann.lecun.com/exdb/mnist/; of its element types MNIST has unsigned bytes, and
QMNIST's labels integers of four bytes.
"""

import math
import struct
from pathlib import Path

import numpy as np

from .. import DataError
from ..files import read

_TYPES = {8: np.dtype("u1"), 12: np.dtype(">i4")}


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """As `parse_idx`, from a file, gzipped or not."""
    return parse_idx(read(path), str(path), dimensions)


def parse_idx(content: bytes, name: str, dimensions: int) -> np.ndarray:
    """The items of an IDX file of unsigned bytes, or of integers of four bytes.

    Args:
        content: of the file.
        name: what errors call it.
        dimensions: those of the array: 3 for images, 1 or 2 for labels.

    Returns:
        uint8 or int32 (big-endian) of so many dimensions, the items along the first; read-only.

    Raises:
        DataError: no IDX file of such items, or not as long as its own header says.
    """
    start = 4 + 4 * dimensions
    if content[:2] != bytes(2) or len(content) < 4 or content[2] not in _TYPES or content[3] != dimensions:
        expected = " or ".join(f"[{bytes((0, 0, code, dimensions)).hex(' ')}]" for code in _TYPES)
        raise DataError(
            f"{name}: begins with the bytes [{content[:4].hex(' ')}], but an IDX file in {dimensions} "
            f"dimension(s) begins with {expected}; get the right file"
        )
    if len(content) < start:
        raise DataError(f"{name}: ends after {len(content)} bytes, inside its header; get it again")
    dtype = _TYPES[content[2]]
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    announced = math.prod(shape) * dtype.itemsize
    if len(content) - start != announced:
        raise DataError(
            f"{name}: its header announces {shape[0]} items, {announced} bytes in all, but "
            f"{len(content) - start} bytes follow it; the file is damaged or incomplete, get it again"
        )
    return np.frombuffer(content, dtype, offset=start).reshape(shape)
