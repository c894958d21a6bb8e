"""Reading a data set's file, compressed or not, with errors that name it; writing one in a single step."""

import codecs
import glob
import gzip
import io
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from . import DataError

MOST = 2**31
"""Bytes that a data file may have after decompression: a small file cannot fill the memory."""


_PIECE = 2**20


def read(path: Path) -> bytes:
    """The content of a file; what gzip compressed (its first two bytes tell, not its name) is decompressed.

    Raises:
        DataError: the file cannot be read, the compressed data are damaged or incomplete, or there are more
            than `MOST` bytes of them.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror}); check the path and its permissions"
        ) from error
    return decompress(content, str(path))


def decompress(content: bytes, name: str) -> bytes:
    """`content`, decompressed if gzip compressed it; errors, as in `read`, call it `name`."""
    if not content.startswith(b"\x1f\x8b"):
        return content
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            # piece by piece: a read of so many bytes asks for memory for all of them at once
            pieces, size = [], 0
            while size <= MOST and (piece := file.read(_PIECE)):
                pieces.append(piece)
                size += len(piece)
            content = b"".join(pieces)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"{name}: the compressed file is damaged or incomplete ({error}); get it again"
        ) from error
    check_size(len(content), name)
    return content


def check_size(decompressed: int, name: str) -> None:
    """DataError if so many bytes are more than `MOST`."""
    if decompressed > MOST:
        raise DataError(
            f"{name}: more than {MOST >> 30} GiB after decompression; no data set here is so large"
        )


def read_text(path: Path) -> str:
    """The content of a UTF-8 text file, gzipped or not: without byte order mark, lines ended by ``\\n``.

    Raises:
        DataError: as `read`, and if the content is not UTF-8 or is empty.
    """
    try:
        text = read(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        marked = error.object.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        raise DataError(
            f"{path}: not UTF-8 text (byte {error.object[error.start]:#04x} at position {error.start}); "
            f"convert it, for example: iconv -f {'utf-16' if marked else 'latin1'} -t utf-8"
        ) from None
    if not text.strip():
        raise DataError(f"{path}: empty; get it again")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Gives `write` a binary file to fill, which then takes the place of `path` in one step.

    A reader, or a run resumed after a kill or a power cut, finds the old file or the new one, never a part.
    Raises OSError where the file cannot be written, and whatever `write` raises.
    """
    _remove_unfinished(path)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        with open(unfinished, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def _remove_unfinished(path: Path) -> None:
    """Removes what processes that were killed while they wrote `path` have left beside it."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.unfinished"):
        process = left.name.split(".")[-2]
        if process.isdecimal() and not _is_running(int(process)):
            left.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    """Whether there is a process of this number; True where the system does not tell."""
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True
