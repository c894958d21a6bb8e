"""The state of a library as one flat block of bytes: what Python and the library itself write and read.

A block is 32 bytes of head and the variables one after the other, in C order, little-endian:

| bytes | what |
|---|---|
| 0 to 7 | ``GLSTATE`` and a zero |
| 8 to 11 | the version of the format, 1 |
| 12 to 15 | the layout: CRC-32 of the text ``name dtype shape`` of each variable |
| 16 to 23 | how many bytes follow the head |
| 24 to 27 | CRC-32 of those |
| 28 to 31 | zeros |
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import ExportError

MAGIC, VERSION = b"GLSTATE\0", 1
_HEAD = struct.Struct("<8sIIQII")


@dataclass(frozen=True)
class Layout:
    """The variables of a state, each by name, dtype and shape, in their order."""

    variables: Sequence[tuple[str, str, tuple[int, ...]]]

    @property
    def number(self) -> int:
        """What tells layouts apart."""
        text = ";".join(
            f"{name} {dtype} {','.join(map(str, shape))}" for name, dtype, shape in self.variables
        )
        return zlib.crc32(text.encode())

    @property
    def payload(self) -> int:
        """The bytes of all variables."""
        return sum(np.dtype(d).itemsize * int(np.prod(s, dtype=np.int64)) for _, d, s in self.variables)

    @property
    def size(self) -> int:
        """The bytes of a block."""
        return _HEAD.size + self.payload

    def written(self, arrays: Sequence[np.ndarray]) -> bytes:
        """The block of some values."""
        parts = []
        for (name, dtype, shape), array in zip(self.variables, arrays, strict=True):
            if array.dtype != dtype or array.shape != shape:
                raise ExportError(
                    f"{name} is {array.dtype}{list(array.shape)}, in the block it is {dtype}{list(shape)}"
                )
            parts.append(np.ascontiguousarray(array, np.dtype(dtype).newbyteorder("<")).tobytes())
        payload = b"".join(parts)
        return _HEAD.pack(MAGIC, VERSION, self.number, len(payload), zlib.crc32(payload), 0) + payload

    def read(self, block: bytes, what: str = "the block") -> list[np.ndarray]:
        """The values in a block.  Errors: ExportError for what is no block of this layout, or damaged."""
        if block[: len(MAGIC)] != MAGIC:
            raise ExportError(f"{what} is no block of state: it does not begin with {MAGIC[:7].decode()}")
        if len(block) < _HEAD.size:
            raise ExportError(f"{what} is truncated: it has {len(block)} bytes, and its head {_HEAD.size}")
        _, version, number, size, crc, _ = _HEAD.unpack_from(block)
        if version != VERSION:
            raise ExportError(f"{what} is of version {version} of the format; this graphlib reads {VERSION}")
        if number != self.number or size != self.payload:
            expected = ", ".join(f"{n} {d}{list(s)}" for n, d, s in self.variables)
            raise ExportError(f"{what} is of another library: this one's state is {expected or 'empty'}")
        if len(block) != self.size:
            how = "truncated" if len(block) < self.size else "too long"
            raise ExportError(f"{what} is {how}: it has {len(block)} bytes, not {self.size}")
        if zlib.crc32(block[_HEAD.size :]) != crc:
            raise ExportError(f"{what} is damaged: its checksum is another")
        arrays, at = [], _HEAD.size
        for _, dtype, shape in self.variables:
            count = int(np.prod(shape, dtype=np.int64))
            array = np.frombuffer(block, np.dtype(dtype).newbyteorder("<"), count, at)
            arrays.append(array.astype(dtype).reshape(shape))
            at += array.nbytes
        return arrays
