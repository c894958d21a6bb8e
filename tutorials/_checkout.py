"""Lets the tutorials run from a checkout, installed or not: each of them begins with ``import _checkout``.

The graphlib and the data beside the tutorials are what a tutorial gets, before the standard library's module
called graphlib and before any installed version.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def _is_elsewhere(name: str) -> bool:
    file = getattr(sys.modules[name], "__file__", None)
    return file is None or not Path(file).resolve().is_relative_to(ROOT)


sys.path.insert(0, str(ROOT))
for _name in ("graphlib", "data"):
    # A tool that started Python may have loaded another module of this name; whoever holds that one keeps it.
    if _name in sys.modules and _is_elsewhere(_name):
        for _loaded in [each for each in sys.modules if each == _name or each.startswith(_name + ".")]:
            del sys.modules[_loaded]
