"""Reading a dataset's file, compressed or not, with errors that name it; writing one in a single step; and
fetching one from its source with its checksum verified.
"""

import codecs
import gzip
import hashlib
import os
import urllib.request
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple

from tqdm import tqdm

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
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        with open(unfinished, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


class Source(NamedTuple):
    """Where a file is published, and the checksum of its content: `algorithm` as hashlib names it."""

    url: str
    algorithm: str
    checksum: str


def fetch(source: Source, path: Path) -> Path:
    """Downloads a file to `path`, unless it is there already with the right checksum; returns `path`.

    The file appears when it is complete and its checksum is the published one; until then there is none.

    Raises:
        DataError: there is no connection, or what arrived has another checksum.
    """
    digest = hashlib.new(source.algorithm)
    if path.is_file() and hashlib.new(source.algorithm, path.read_bytes()).hexdigest() == source.checksum:
        return path

    def transfer(file: BinaryIO) -> None:
        with urllib.request.urlopen(source.url, timeout=60) as response:
            size = response.length
            with tqdm(total=size, unit="B", unit_scale=True, desc=path.name, leave=False) as progress:
                while chunk := response.read(1 << 16):
                    digest.update(chunk)
                    file.write(chunk)
                    progress.update(len(chunk))
        if digest.hexdigest() != source.checksum:
            raise DataError(
                f"{source.url}: its {source.algorithm.upper()} checksum is {digest.hexdigest()}, expected "
                f"{source.checksum}; the file was changed or damaged on its way and has not been kept"
            )

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, transfer)
    except OSError as error:
        raise DataError(
            f"{source.url}: cannot be fetched and saved as {path} ({error}); check the connection and the "
            "folder, or get the file by other means"
        ) from error
    return path
