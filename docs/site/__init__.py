"""How the documentation becomes a site: see `python -m docs`."""

import time
from pathlib import Path

#: the checkout
ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
OUTPUT = ROOT / "output"
#: the site; what it is made from is put together beside it
SITE = OUTPUT / "site"
SOURCE = OUTPUT / "site-source"


class Progress:
    """A line for each thing that has been done, with the seconds since the beginning."""

    def __init__(self) -> None:
        self.start = time.monotonic()

    def __call__(self, what: str) -> None:
        print(f"{time.monotonic() - self.start:6.1f} s  {what}", flush=True)
