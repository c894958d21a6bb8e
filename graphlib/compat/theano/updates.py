"""``theano.updates``: the dictionary of updates that programs add up."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from ...errors import InputError
from .sharedvalue import SharedVariable


class UpdatesError(InputError, KeyError):
    """Two updates of a shared variable that differ."""

    __str__ = Exception.__str__


class OrderedUpdates(OrderedDict):
    """Updates by their shared variables, in order; ``+`` joins two that agree."""

    def __setitem__(self, key: Any, value: Any) -> None:
        if not isinstance(key, SharedVariable):
            raise InputError(f"updates are of shared variables, not of {key!r}")
        super().__setitem__(key, value)

    def __add__(self, other: Mapping) -> OrderedUpdates:
        joined = OrderedUpdates(self)
        for key, value in other.items():
            if key in joined and joined[key] is not value:
                raise UpdatesError(f"two different updates of {key.describe()}")
            joined[key] = value
        return joined

    def __radd__(self, other: Mapping) -> OrderedUpdates:
        return OrderedUpdates(other) + self
