"""Lets the tutorials run from a checkout, installed or not: each of them begins with ``import _checkout``.

The graphlib beside the tutorials is what a tutorial gets, before the standard library's module of this name
and before any installed version.
"""

import os.path
import sys

_ROOT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))

sys.path.insert(0, _ROOT)
_loaded = getattr(sys.modules.get("graphlib"), "__file__", None)
if _loaded is None or os.path.realpath(_loaded) != os.path.join(_ROOT, "graphlib", "__init__.py"):
    # Forget another module of this name that a tool has loaded already; whoever holds that one keeps it.
    for _name in [each for each in sys.modules if each.partition(".")[0] == "graphlib"]:
        del sys.modules[_name]
import graphlib.interrupted  # noqa: E402, F401
