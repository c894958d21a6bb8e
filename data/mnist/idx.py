"""IDX, the format of the MNIST files: a magic number, the dimensions, then the elements in row-major order.

Specified at the foot of http://yann.lecun.com/exdb/mnist/; of its element types MNIST has unsigned bytes.
"""

import math
import struct
from pathlib import Path

import numpy as np

from data import DataError
from data.files import read

_UNSIGNED_BYTE = 8


def read_idx(path: Path, item_shape: tuple[int, ...]) -> np.ndarray:
    """The items of an IDX file of unsigned bytes, gzipped or not.

    Args:
        path: the file.
        item_shape: the shape that each item must have: (28, 28) for MNIST's images, () for its labels.

    Returns:
        uint8, shape (number of items, *item_shape), read-only.

    Raises:
        DataError: no such file, no IDX file of such items, or not as long as its own header says.
    """
    content = read(path)
    dimensions = 1 + len(item_shape)
    magic = bytes((0, 0, _UNSIGNED_BYTE, dimensions))
    start = 4 + 4 * dimensions
    if content[:4] != magic:
        raise DataError(
            f"{path}: begins with the bytes [{content[:4].hex(' ')}], but an IDX file of unsigned bytes in "
            f"{dimensions} dimension(s) begins with [{magic.hex(' ')}]; get the right file"
        )
    if len(content) < start:
        raise DataError(f"{path}: ends after {len(content)} bytes, inside its header; get it again")
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    if shape[1:] != item_shape:
        raise DataError(f"{path}: each item has shape {shape[1:]}, expected {item_shape}; get the right file")
    if len(content) - start != math.prod(shape):
        raise DataError(
            f"{path}: its header announces {shape[0]} items, {math.prod(shape)} bytes in all, but "
            f"{len(content) - start} bytes follow it; the file is damaged or incomplete, get it again"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
