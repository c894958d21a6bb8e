"""``theano.scan_module.scan_utils``: of it, ``clone``, which is also ``theano.clone``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...graph import Shared, Variable, graph_inputs
from ...graph.substitution import clone as _clone


def clone(
    output: Any,
    replace: Mapping[Variable, Variable] | Iterable[tuple[Variable, Variable]] | None = None,
    strict: bool = True,
    share_inputs: bool = True,
    **more: Any,
) -> Any:
    """Copies of ``output`` with the pairs of ``replace`` exchanged.

    share_inputs: False makes new variables of the inputs too, of the same types and names.
    strict: without effect; a replacement of another type is allowed where the graph allows it.
    """
    exchanged = dict(replace or {})
    if not share_inputs:
        wanted = [output] if isinstance(output, Variable) else list(output)
        leaves = [v for v in graph_inputs(wanted) if not isinstance(v, Shared)]
        exchanged = {**{v: v.type(v.name) for v in leaves}, **exchanged}
    return _clone(output, exchanged)
