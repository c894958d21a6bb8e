"""Getting a data set's file from where it is published, kept only with the published checksum."""

import hashlib
import http.client
import io
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from tqdm import tqdm

from . import DataError
from .files import check_size, write_atomically

SECONDS = 60
"""How long a server may say nothing."""


class Source(NamedTuple):
    """Where a file is published, and the checksum of its content: `algorithm` as hashlib names it."""

    url: str
    algorithm: str
    checksum: str

    @property
    def name(self) -> str:
        """The file's name where it is published."""
        return self.url.rpartition("/")[2]

    def at(self, mirror: str | None) -> "Source":
        """The same file in another folder of the web, of address `mirror`; None: where it is published."""
        return self if mirror is None else self._replace(url=f"{mirror.rstrip('/')}/{self.name}")

    def is_content_of(self, path: Path) -> bool:
        """Whether a file is there, with the checksum."""
        return path.is_file() and hashlib.new(self.algorithm, path.read_bytes()).hexdigest() == self.checksum


def fetch(source: Source, path: Path) -> Path:
    """Downloads a file to `path`, unless it is there already with the right checksum; returns `path`.

    The file appears when it is complete and its checksum is the published one; until then there is none.

    Raises:
        DataError: there is no connection, or what arrived has another checksum.
    """
    if source.is_content_of(path):
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda file: _transfer(source, file, f"saved as {path}"))
    except OSError as error:
        raise DataError(
            f"{path}: cannot be written ({error.strerror or error}); choose another folder"
        ) from error
    return path


def download(source: Source) -> bytes:
    """The content of a published file; errors as of `fetch`."""
    content = io.BytesIO()
    _transfer(source, content, "read")
    return content.getvalue()


def _transfer(source: Source, file: BinaryIO, purpose: str) -> None:
    """Copies what is published to a file, and checks it."""
    digest = hashlib.new(source.algorithm)
    arrived, size = 0, None
    try:
        with urllib.request.urlopen(source.url, timeout=SECONDS) as response:
            length = response.headers["Content-Length"] or ""
            size = int(length) if length.isdecimal() else None
            bar = tqdm(total=size, unit="B", unit_scale=True, desc=source.name, leave=False, disable=None)
            with bar as progress:
                while chunk := response.read(1 << 16):
                    arrived += len(chunk)
                    check_size(arrived, source.url)
                    digest.update(chunk)
                    file.write(chunk)
                    progress.update(len(chunk))
    except DataError:
        raise
    # urllib lets through whatever the connection and the address raise: ValueError is of a wrong address.
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DataError(
            f"{source.url}: cannot be fetched and {purpose} ({error}); check the connection and the folder, "
            "or get the file by other means"
        ) from error
    if size is not None and arrived < size:
        raise DataError(
            f"{source.url}: the connection broke off after {arrived} of {size} bytes; nothing has been kept, "
            "try again"
        )
    verify(digest.hexdigest(), source)


def verify(found: str, source: Source) -> None:
    """DataError unless the checksum that was `found` is the published one."""
    if found != source.checksum:
        raise DataError(
            f"{source.url}: its {source.algorithm.upper()} checksum is {found}, expected {source.checksum}; "
            "the file was changed or damaged on its way and has not been kept"
        )


def check_made(name: str, found: str, expected: str) -> None:
    """DataError unless the checksum of what a file was made to hold is the `expected` one."""
    if found != expected:
        raise DataError(
            f"{name}: what was made has the SHA-256 {found}, expected {expected}; it has not been kept"
        )


def digest_of(arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of named arrays, whatever compresses them."""
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(f"{name}{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def save(path: Path, content: bytes) -> Path:
    """Writes a file, in a folder that is made if need be; DataError where that cannot be."""
    return _write(path, lambda file: file.write(content))


def _write(path: Path, write: Callable[[BinaryIO], object]) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, write)
    except OSError as error:
        raise DataError(
            f"{path}: cannot be written ({error.strerror or error}); choose another folder"
        ) from error
    return path
