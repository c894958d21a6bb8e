"""``theano.scan_module``: loops whose number of steps does not broadcast, and of its ``scan_utils``
``clone``, which is also ``theano.clone``."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ... import map as _map
from ... import scan as _scan
from ...graph import Apply, Shared, Variable, graph_inputs, toposort
from ...graph.substitution import clone as _clone
from ...graph.traverse import ancestors, rebuild
from ...ops.scan import Scan
from ...ops.unbroadcast import unbroadcast
from ...rewrite.scan.body import Body
from .copies import like


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

    share_inputs: False makes new variables of the inputs too, of the same types and names; that of a shared
    variable has the value of that one, which both change.
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
    return _clone(made, {v: like(v) for v in graph_inputs(wanted)})


def map_variables(
    replacer: Callable[[Variable], Variable],
    graphs: Iterable[Variable],
    additional_inputs: Iterable[Variable] | None = None,
) -> list[Variable]:
    """Copies of ``graphs`` in which ``replacer(v)`` stands in place of each variable v, in the steps of loops
    too. What a replacement is computed of is taken as it is.

    additional_inputs: accepted for Theano's sake, as nothing needs to be said of inputs here.
    Errors: NotImplementedError where a shared variable with an update would come into a loop.
    """
    return _mapped(replacer, list(graphs), {})


def _mapped(
    replacer: Callable[[Variable], Variable], graphs: list[Variable], memo: dict[Variable, Variable]
) -> list[Variable]:
    for v in ancestors(graphs):
        if v.owner is None and v not in memo:
            memo[v] = replacer(v)
    for node in toposort(graphs):
        inputs = [memo[v] for v in node.inputs]
        if isinstance(node.op, Scan):
            made = _mapped_loop(replacer, node, dict(zip(node.inputs, inputs, strict=True)))
        elif all(a is b for a, b in zip(inputs, node.inputs, strict=True)):
            made = node.outputs
        else:
            made = rebuild(node, inputs, {}).outputs
        for old, new in zip(node.outputs, made, strict=True):
            if new is not old:
                new.__dict__.update(old.__dict__)
            memo[old] = replacer(new)
    return [memo[v] for v in graphs]


def _mapped_loop(
    replacer: Callable[[Variable], Variable], node: Apply, outer: dict[Variable, Variable]
) -> Sequence[Variable]:
    """The outputs of a loop whose step is mapped; what its replacements need of the graph around becomes
    what is the same in each step."""
    body = Body.of(node)
    body.n = outer[body.n]
    body.sequences = {v: outer[o] for v, o in body.sequences.items()}
    body.invariants = {v: outer[o] for v, o in body.invariants.items()}
    for s in body.states:
        s.initial = outer[s.initial]
    for o in body.mapped:
        o.lengths = [outer.get(n, n) for n in o.lengths]
    inside = {*body.per_step(), *body.invariants}
    ends = _mapped(replacer, body.ends(), {v: v for v in inside})
    foreign = [v for v in graph_inputs(ends) if v not in inside]
    for v in foreign:
        if isinstance(v, Shared) and (v.default_update is not None or "update" in v.__dict__):
            raise NotImplementedError(
                f"map_variables: {v.describe()}, which has an update, would come into {node.op}"
            )
    within = {v: v.type(v.name) for v in foreign}
    body.invariants.update((new, old) for old, new in within.items())
    body.set_ends(_clone(ends, within))
    return body.node().outputs
