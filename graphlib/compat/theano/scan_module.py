"""``theano.scan_module``: loops whose number of steps does not broadcast, and of its ``scan_utils``
``clone``, which is also ``theano.clone``."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ... import map as _map
from ... import scan as _scan
from ...graph import Shared, Variable, graph_inputs
from ...graph.substitution import clone as _clone
from ...ops.scan import Scan  # noqa: F401
from ...ops.unbroadcast import unbroadcast


def _of_steps_unknown(loop: Callable) -> Callable:
    """``loop``, of whose outputs the first axis is none that broadcasts, not even where it makes one step: a
    layer that squeezes its outputs keeps that axis."""

    @functools.wraps(loop)
    def looped(*arguments: Any, **keywords: Any) -> Any:
        outputs, updates = loop(*arguments, **keywords)
        if isinstance(outputs, Variable):
            return unbroadcast(outputs, 0), updates
        return outputs and [unbroadcast(v, 0) for v in outputs], updates

    return looped


scan = _of_steps_unknown(_scan)
map = _of_steps_unknown(_map)


def clone(
    output: Any,
    replace: Mapping[Variable, Variable] | Iterable[tuple[Variable, Variable]] | None = None,
    strict: bool = True,
    share_inputs: bool = True,
    **more: Any,
) -> Any:
    """Copies of ``output`` with the pairs of ``replace`` exchanged.

    share_inputs: False makes new variables of the inputs too, of the same types and names; shared variables
    stay what they are.
    strict: whether a replacement must be of the type of what it replaces.
    Errors: TypeError where it is not.
    """
    exchanged = dict(replace or {})
    for old, new in exchanged.items():
        if strict and not old.type.accepts(new.type):
            raise TypeError(f"clone: {new.describe()} cannot stand in place of {old.describe()}")
    made = _clone(output, exchanged)
    if share_inputs:
        return made
    wanted = [made] if isinstance(made, Variable) else list(made)
    leaves = [v for v in graph_inputs(wanted) if not isinstance(v, Shared)]
    return _clone(made, {v: v.type(v.name) for v in leaves})
