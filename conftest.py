"""However pytest is started, the tests get the graphlib of this checkout and can import its tutorials and its data."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "tutorials"))

import _checkout  # noqa: F401
