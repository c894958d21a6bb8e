"""However pytest is started, the tests get the graphlib and the tutorials of this checkout."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "tutorials"))

import _checkout  # noqa: F401
