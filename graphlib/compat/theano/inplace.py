"""``theano.tensor.inplace``: operations that wrote over their first operand. Here they give the same values
and leave it as it is; where memory can be reused is found when a function is compiled."""

from __future__ import annotations

import importlib
from typing import Any

_ENDING = "_inplace"


def __getattr__(name: str) -> Any:
    if name.endswith(_ENDING):
        tensor = importlib.import_module("theano.tensor")
        found = getattr(tensor, name[: -len(_ENDING)], None)
        if found is not None:
            return found
    raise AttributeError(name)
