"""The rated sentences from the source archive of vaderSentiment 3.3.2."""

import gzip
import hashlib
import io
import tarfile
from pathlib import Path

from ..fetching import Source, check_made, download, save

FILE = "movie-reviews.tsv.gz"
SOURCE = Source(
    "https://files.pythonhosted.org/packages/77/8c/4a48c10a50f750ae565e341e697d74a38075a3e43ff0df6f1ab72e186902/"
    "vaderSentiment-3.3.2.tar.gz",
    "sha256",
    "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",
)
SHA256_OF_TEXT = "5f42032e721b49e0a75c382c1ffcb475d428bdba60492a60c4a5bed3f753ace8"
INNER = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
TABLE = "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt"


def fetch(folder: Path, mirror: str | None = None) -> Path:
    """Downloads the archive, and writes the sentences to a file in `folder`; returns its path."""
    text = rated_sentences(download(SOURCE.at(mirror))).encode("utf-8")
    check_made(FILE, hashlib.sha256(text).hexdigest(), SHA256_OF_TEXT)
    return save(folder / FILE, gzip.compress(text, mtime=0))


def rated_sentences(archive: bytes) -> str:
    """The table's ratings and sentences, in its order, as "rating<tab>sentence" lines."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as outer:
        inner = outer.extractfile(INNER).read()
    with tarfile.open(fileobj=io.BytesIO(inner)) as dataset:
        table = dataset.extractfile(TABLE).read().decode("utf-8")
    rows = [line.split("\t") for line in table.splitlines()]
    return "".join(f"{float(rating):.4g}\t{sentence.strip()}\n" for _number, rating, sentence in rows)
