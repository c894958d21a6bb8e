"""The files of a folder, a tar archive (gzipped or not) or a zip archive, read in memory: nothing is unpacked
or written.
"""

import io
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from . import DataError
from .files import check_size, read

# Two blocks of zeros end a tar archive; Python's tarfile takes a missing end for an end.
_TAR_END = bytes(1024)


def members(source: Path, wanted: Callable[[str], bool]) -> list[tuple[str, bytes]]:
    """The files of a folder or an archive whose name is `wanted`, as (name, content), sorted by name.

    A name is the path inside the folder or archive, with slashes. Hidden files are left out.

    Raises:
        DataError: the source cannot be read, is no such archive, is damaged or incomplete, has a name that
            leads out of it, or more than `files.MOST` bytes.
    """
    if source.is_dir():
        paths = ((path.relative_to(source).as_posix(), path) for path in source.rglob("*") if path.is_file())
        return sorted((name, read(path)) for name, path in paths if _visible(name) and wanted(name))
    content = read(source)
    try:
        found, total = [], 0
        for name, size, read_member in _entries(content):
            _check_name(source, name)
            if _visible(name) and wanted(name):
                total += size
                check_size(total, str(source))
                found.append((name, read_member()))
        return sorted(found)
    except DataError:
        raise
    # A damaged archive can lead zipfile and tarfile to nearly any exception.
    except Exception as error:
        raise DataError(
            f"{source}: not a whole tar, tar.gz or zip archive ({error}); get it again, or give the folder "
            "that it was unpacked to"
        ) from error


def _entries(content: bytes) -> Iterator[tuple[str, int, Callable[[], bytes]]]:
    """The names in an archive, the bytes that each has, no more are read, and what reads them."""
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for entry in archive.infolist():
                if not entry.is_dir():
                    yield entry.filename, entry.file_size, lambda entry=entry: archive.read(entry)
        return
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
        if not content.endswith(_TAR_END):
            raise tarfile.ReadError("it ends before its end mark")
        for entry in archive:
            if entry.isfile():
                yield entry.name, entry.size, lambda entry=entry: archive.extractfile(entry).read()


def _check_name(source: Path, name: str) -> None:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or path.parts[0].endswith(":"):
        raise DataError(
            f"{source}: holds a file named {name!r}, which leads out of the archive; nothing of it was read "
            "or written. Do not trust it, get the archive from its publisher"
        )


def _visible(name: str) -> bool:
    return not any(part.startswith(".") for part in PurePosixPath(name).parts)
