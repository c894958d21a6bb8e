"""Archives for the tests, made from the names and contents of their files."""

import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path


def tar(files: Mapping[str, bytes], mode: str = "w") -> bytes:
    """A tar archive; gzipped with mode "w:gz"."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode) as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return content.getvalue()


def targz(files: Mapping[str, bytes]) -> bytes:
    return tar(files, "w:gz")


def zipped(files: Mapping[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return content.getvalue()


def write_folder(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder
