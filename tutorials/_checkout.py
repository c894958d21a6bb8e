"""Lets the tutorials run from a checkout, installed or not: each of them begins with ``import _checkout``.

The graphlib and the data beside the tutorials are what a tutorial gets, before the standard library's module
called graphlib and before any installed version.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def _take_precedence(package: str) -> None:
    """Forget another module of this name that a tool has loaded already; whoever holds that one keeps it."""
    loaded = getattr(sys.modules.get(package), "__file__", None)
    if loaded is None or Path(loaded).resolve() != ROOT / package / "__init__.py":
        for name in [each for each in sys.modules if each.partition(".")[0] == package]:
            del sys.modules[name]


sys.path.insert(0, str(ROOT))
for _package in ("graphlib", "data"):
    _take_precedence(_package)
