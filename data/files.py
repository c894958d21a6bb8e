"""Reading a dataset's file, compressed or not, with errors that name it."""

import gzip
import zlib
from pathlib import Path

from data import DataError


def read(path: Path) -> bytes:
    """The content of a file; what gzip compressed (its first two bytes tell, not its name) is decompressed.

    Raises:
        DataError: the file cannot be read, or the compressed data are damaged or incomplete.
    """
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"{path}: the compressed file is damaged or incomplete ({error}); get it again"
        ) from error
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror}); check the path and its permissions"
        ) from error
