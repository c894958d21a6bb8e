"""``theano.gof.graph``'s walks, each in Theano's order: programs save and load parameters in it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from ...errors import InputError
from ...graph import Apply, Variable

__all__ = [
    "ancestors",
    "inputs",
    "io_toposort",
    "is_in_ancestors",
    "list_of_nodes",
    "ops",
    "orphans",
    "stack_search",
    "variables",
    "variables_and_orphans",
    "view_roots",
]


def stack_search(
    start: deque, expand: Callable[[Any], Iterable | None], mode: str = "bfs", build_inv: bool = False
) -> Any:
    """What is reached from ``start`` by ``expand``, each once, in the order of a search that goes to the
    breadth ("bfs") or to the depth ("dfs", from the last in ``start``).  ``start`` is empty afterwards.

    build_inv: also a dictionary of what led to each.
    """
    if mode not in ("bfs", "dfs"):
        raise InputError(f"stack_search: mode is 'bfs' or 'dfs', not {mode!r}")
    following = start.popleft if mode == "bfs" else start.pop
    found: dict[int, Any] = {}
    sources: dict[Any, list] = {}
    while start:
        node = following()
        if id(node) in found:
            continue
        found[id(node)] = node
        reached = list(expand(node) or ())
        for other in reached if build_inv else ():
            sources.setdefault(other, []).append(node)
        start.extend(reached)
    order = list(found.values())
    return (order, sources) if build_inv else order


def ancestors(
    variable_list: Iterable[Variable], blockers: Collection[Variable] | None = None
) -> list[Variable]:
    """All variables that a graph needs, itself included: from the last of ``variable_list`` on, each before
    its inputs, and these from left to right."""
    stop = set(blockers or ())
    return stack_search(
        deque(variable_list),
        lambda v: None if v.owner is None or v in stop else reversed(v.owner.inputs),
        "dfs",
    )


def inputs(variable_list: Iterable[Variable], blockers: Collection[Variable] | None = None) -> list[Variable]:
    """The variables without owner that a graph starts from, constants and shared variables too, in the order
    of ``ancestors``."""
    return [v for v in ancestors(variable_list, blockers) if v.owner is None]


def variables_and_orphans(
    i: Collection[Variable], o: Iterable[Variable]
) -> tuple[list[Variable], list[Variable]]:
    """All variables from ``o`` to ``i``, and those among them that nothing computes and ``i`` has not."""
    stop = set(i)
    reached = stack_search(
        deque(o),
        lambda v: None if v.owner is None or v in stop else reversed([*v.owner.inputs, *v.owner.outputs]),
        "dfs",
    )
    return reached, [v for v in reached if v.owner is None and v not in stop]


def variables(i: Collection[Variable], o: Iterable[Variable]) -> list[Variable]:
    """All variables from ``o`` to ``i``, all outputs of their nodes included."""
    return variables_and_orphans(i, o)[0]


def orphans(i: Collection[Variable], o: Iterable[Variable]) -> list[Variable]:
    """The variables that ``o`` needs, that nothing computes, and that are not in ``i``."""
    return variables_and_orphans(i, o)[1]


def ops(i: Collection[Variable], o: Iterable[Variable]) -> set[Apply]:
    """The nodes from ``i`` to ``o``."""
    stop = set(i)
    return {v.owner for v in variables(i, o) if v.owner is not None and v not in stop}


def io_toposort(
    inputs: Iterable[Variable],
    outputs: Iterable[Variable],
    orderings: Any = None,
    clients: dict | None = None,
) -> list[Apply]:
    """The nodes from ``inputs`` to ``outputs``, each after those it needs, and of these the last first.

    orderings: for a node, nodes that shall come before it though it does not need them.  clients: a
    dictionary that is filled with what uses each variable and node.  With either of them the order is that of
    Theano's general sort, from the inputs on.
    """
    if orderings or clients is not None:
        return _general_toposort(set(inputs), list(outputs), orderings or {}, clients)
    computed = set(inputs)
    waiting = [v.owner for v in reversed(list(outputs)) if v.owner is not None]
    order = []
    while waiting:
        node = waiting[-1]
        missing = [v.owner for v in node.inputs if v.owner is not None and v not in computed]
        if node.outputs[0] in computed or not missing:
            waiting.pop()
            if node.outputs[0] not in computed:
                computed.update(node.outputs)
                order.append(node)
        else:
            waiting.extend(v.owner for v in node.inputs if v.owner is not None)
    return order


def _general_toposort(
    stop: set[Variable], outputs: list[Variable], orderings: Any, clients: dict | None
) -> list[Apply]:
    def needs(item: Variable | Apply) -> list:
        if item in stop:
            return []
        if isinstance(item, Variable):
            before = [] if item.owner is None else [item.owner]
        else:
            before = list(item.inputs)
        return [*before, *orderings.get(item, ())]

    waiting_for: dict[Any, list] = {}

    def noted(item: Variable | Apply) -> list:
        waiting_for[item] = needs(item)
        return waiting_for[item]

    reached, users = stack_search(deque(outputs), noted, "dfs", build_inv=True)
    if clients is not None:
        clients.update({item: list(using) for item, using in users.items()})
    ready = deque(item for item in reached if not waiting_for[item])
    order: dict[Any, None] = {}
    while ready:
        item = ready.popleft()
        if item in order:
            continue
        order[item] = None
        for user in users.get(item, ()):
            waiting_for[user] = [other for other in waiting_for[user] if other is not item]
            if not waiting_for[user]:
                ready.append(user)
    if len(order) != len(reached):
        raise InputError("io_toposort: the orderings contradict the graph or one another")
    return [item for item in order if isinstance(item, Apply)]


def list_of_nodes(inputs: Sequence[Variable], outputs: Iterable[Variable]) -> list[Apply]:
    """The nodes from ``outputs`` to ``inputs``, the nearer to ``outputs`` the earlier."""
    given = set(inputs)
    return stack_search(
        deque(v.owner for v in outputs),
        lambda node: [
            v.owner for v in node.inputs if v.owner is not None and given.isdisjoint(v.owner.outputs)
        ],
    )


def is_in_ancestors(l_node: Apply, f_node: Apply) -> bool:
    """Whether ``f_node`` is ``l_node`` or computes something that ``l_node`` needs."""
    return f_node in io_toposort((), l_node.outputs)


def view_roots(r: Variable) -> list[Variable]:
    """The variables that ``r`` is a view of, through any number of views; ``r`` itself where it is none."""
    while r.owner is not None and r.owner.op.view:
        r = r.owner.inputs[0]
    return [r]
