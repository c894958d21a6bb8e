"""Makes movie-reviews.tsv.gz, which is in this folder, from the source archive of vaderSentiment 3.3.2.

pip download --no-binary :all: --no-deps vaderSentiment==3.3.2
python -m data.reviews.make_movie_reviews vaderSentiment-3.3.2.tar.gz
"""

import gzip
import hashlib
import io
import sys
import tarfile
from pathlib import Path

from graphlib.datasets.files import write_atomically
from graphlib.datasets.reviews import SHIPPED

SHA256 = "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"
INNER = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
TABLE = "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt"


def make(source: Path, target: Path) -> None:
    """Writes the table's ratings and sentences, in its order, as "rating<tab>sentence" lines."""
    archive = source.read_bytes()
    if hashlib.sha256(archive).hexdigest() != SHA256:
        raise SystemExit(f"{source}: not the published source archive of vaderSentiment 3.3.2")
    with tarfile.open(fileobj=io.BytesIO(archive)) as outer:
        inner = outer.extractfile(INNER).read()
    with tarfile.open(fileobj=io.BytesIO(inner)) as dataset:
        table = dataset.extractfile(TABLE).read().decode("utf-8")
    rows = [line.split("\t") for line in table.splitlines()]
    lines = "".join(f"{float(rating):.4g}\t{sentence.strip()}\n" for _number, rating, sentence in rows)
    write_atomically(target, lambda file: file.write(gzip.compress(lines.encode("utf-8"), mtime=0)))


if __name__ == "__main__":
    make(Path(sys.argv[1]), SHIPPED)
