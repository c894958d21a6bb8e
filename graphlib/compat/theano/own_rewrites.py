"""Rewrites of a program's own.  On a ``FunctionGraph`` that the program makes they work; those that it
registers for functions are taken, noted once and not applied, as graphlib has its own."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ... import graph
from ...graph import Constant, Variable, toposort
from ...graph.variable import warn_user

__all__ = [
    "EquilibriumOptimizer",
    "Feature",
    "FunctionGraph",
    "LocalOptGroup",
    "LocalOptimizer",
    "MergeOptimizer",
    "NavigatorOptimizer",
    "OpRemove",
    "OpSub",
    "Optimizer",
    "PatternSub",
    "Query",
    "ReplaceValidate",
    "SeqOptimizer",
    "TopoOptimizer",
    "local_optimizer",
    "optimizer",
]


class FunctionGraph:
    """A graph from ``inputs`` to ``outputs`` that may be changed: with ``clone``, as by default, a copy,
    so that what the program goes on to use stays as it is.

    ``v.clients`` says of each of its variables which nodes use it, in which place, and which output it is.
    """

    def __init__(
        self, inputs: Sequence[Variable], outputs: Sequence[Variable], clone: bool = True, **more: Any
    ) -> None:
        self.inputs, self.outputs = list(inputs), list(outputs)
        if clone:
            self._copy()
        self._changed()

    def _copy(self) -> None:
        """Nodes of its own."""
        # inputs and constants are the program's own, so that it finds them by what it has
        made: dict[Variable, Variable] = {}
        for node in toposort(self.outputs, tuple(self.inputs)):
            given = [made.get(v, v) for v in node.inputs]
            new = graph.Apply(node.op, given, [v.type for v in node.outputs], node.outputs[0].origin)
            for old, variable in zip(node.outputs, new.outputs, strict=True):
                variable.name = old.name
                variable.__dict__.update(old.__dict__)
                made[old] = variable
        self.outputs = [made.get(v, v) for v in self.outputs]

    def _changed(self) -> None:
        nodes = toposort(self.outputs, tuple(self.inputs))
        variables = {v for node in nodes for v in (*node.inputs, *node.outputs)} | {
            *self.inputs,
            *self.outputs,
        }
        clients: dict[Variable, list] = {v: [] for v in variables}
        for node in nodes:
            for place, v in enumerate(node.inputs):
                clients[v].append((node, place))
        for place, v in enumerate(self.outputs):
            clients[v].append(("output", place))
        for v, using in clients.items():
            v.clients = using
        self.variables, self.apply_nodes = set(clients), set(nodes)

    def toposort(self) -> list[graph.Apply]:
        """The nodes, each after those it needs."""
        return toposort(self.outputs, tuple(self.inputs))

    def replace(self, old: Variable, new: Variable, reason: Any = None, **more: Any) -> None:
        """``new`` in every place of ``old``. Errors: TypeError where the types do not fit."""
        if not old.type.accepts(new.type):
            raise TypeError(f"{new.describe()} cannot stand in place of {old.describe()}")
        for node, place in list(getattr(old, "clients", ())):
            if node == "output":
                self.outputs[place] = new
            elif node is not new.owner:
                node.inputs = (*node.inputs[:place], new, *node.inputs[place + 1 :])
        self._changed()

    replace_validate = replace

    def replace_all(self, pairs: Iterable[tuple[Variable, Variable]], reason: Any = None) -> None:
        """``replace`` for pairs (old, new)."""
        for old, new in pairs:
            self.replace(old, new, reason)

    replace_all_validate = replace_all

    def attach_feature(self, feature: Any) -> None:
        """Tells ``feature`` that it is attached, by its ``on_attach``."""
        if hasattr(feature, "on_attach"):
            feature.on_attach(self)

    def clone(self) -> FunctionGraph:
        """A copy."""
        return FunctionGraph(self.inputs, self.outputs)

    def __repr__(self) -> str:
        from ...printing import pp

        return f"[{', '.join(map(pp, self.outputs))}]"


class Feature:
    """What may be attached to a FunctionGraph: its ``on_attach`` is called."""


class ReplaceValidate(Feature):
    """What gave a FunctionGraph ``replace_validate``, which it has."""


class Optimizer:
    """A rewrite of whole graphs: derive from it, with ``apply(fgraph)``."""

    name: str | None = None

    def apply(self, fgraph: FunctionGraph) -> Any:
        """Does nothing, where a program gives it no other form."""

    def add_requirements(self, fgraph: FunctionGraph) -> None:
        """Attaches what ``apply`` needs."""

    def optimize(self, fgraph: FunctionGraph, *settings: Any, **more: Any) -> Any:
        """Changes a graph."""
        self.add_requirements(fgraph)
        return self.apply(fgraph, *settings, **more)

    def __call__(self, fgraph: FunctionGraph) -> Any:
        return self.optimize(fgraph)


class LocalOptimizer:
    """A rewrite of single nodes: ``transform(node)`` gives what stands in place of its outputs, or False."""

    def __init__(self, *settings: Any, **more: Any) -> None:
        self.settings = settings

    def tracks(self) -> Sequence[Any] | None:
        """The operations it is for; None for all."""
        return None

    def transform(self, node: graph.Apply) -> Any:
        return False

    def add_requirements(self, fgraph: FunctionGraph) -> None:
        """Attaches what ``transform`` needs."""


class OpSub(LocalOptimizer):
    """``OpSub(op1, op2)``: ``op2`` in place of ``op1``."""

    def transform(self, node: graph.Apply) -> Any:
        old, new = self.settings[:2]
        if node.op != old:
            return False
        made = new(*node.inputs)
        return list(made) if isinstance(made, (list, tuple)) else [made]


class OpRemove(LocalOptimizer):
    """``OpRemove(op)``: its inputs in place of its outputs."""

    def transform(self, node: graph.Apply) -> Any:
        return list(node.inputs) if node.op == self.settings[0] else False


class PatternSub(LocalOptimizer):
    """``PatternSub(in_pattern, out_pattern)``: patterns are tuples of an operation and patterns of its
    inputs, with texts for what may be anything, and is the same wherever the same text stands."""

    def transform(self, node: graph.Apply) -> Any:
        found: dict[str, Variable] = {}
        if len(node.outputs) != 1 or not self._matches(self.settings[0], node.outputs[0], found):
            return False
        return [self._built(self.settings[1], found)]

    def _matches(self, pattern: Any, v: Variable, found: dict[str, Variable]) -> bool:
        if isinstance(pattern, str):
            return found.setdefault(pattern, v) is v
        if isinstance(pattern, dict):
            fits = pattern.get("constraint", lambda v: True)
            return fits(v) and self._matches(pattern["pattern"], v, found)
        if not isinstance(pattern, tuple):
            return isinstance(v, Constant) and v.data.size == 1 and v.data.item() == pattern
        return (
            v.owner is not None
            and v.owner.op == pattern[0]
            and len(v.owner.inputs) == len(pattern) - 1
            and all(self._matches(p, u, found) for p, u in zip(pattern[1:], v.owner.inputs, strict=True))
        )

    def _built(self, pattern: Any, found: dict[str, Variable]) -> Any:
        if isinstance(pattern, str):
            return found[pattern]
        if isinstance(pattern, tuple):
            return pattern[0](*(self._built(p, found) for p in pattern[1:]))
        return pattern


class LocalOptGroup(LocalOptimizer):
    """Several rewrites of nodes, of which the first that gives something is taken."""

    def transform(self, node: graph.Apply) -> Any:
        for rewrite in self.settings:
            made = rewrite.transform(node)
            if made is not False and made is not None:
                return made
        return False


class NavigatorOptimizer(Optimizer):
    """A rewrite of nodes, tried on each."""

    def __init__(self, local_opt: LocalOptimizer, *settings: Any, **more: Any) -> None:
        self.local_opt = local_opt

    def add_requirements(self, fgraph: FunctionGraph) -> None:
        self.local_opt.add_requirements(fgraph)

    def process_node(self, fgraph: FunctionGraph, node: graph.Apply) -> bool:
        """Tries the rewrite on a node; whether it changed something."""
        tracked = self.local_opt.tracks()
        if tracked and not any(
            node.op == op or (isinstance(op, type) and isinstance(node.op, op)) for op in tracked
        ):
            return False
        made = self.local_opt.transform(node)
        if made is False or made is None:
            return False
        pairs = made.items() if isinstance(made, dict) else zip(node.outputs, made, strict=True)
        changed = [(old, new) for old, new in pairs if new is not None and new is not old]
        fgraph.replace_all(changed)
        return bool(changed)


class TopoOptimizer(NavigatorOptimizer):
    """A rewrite of nodes, tried once on each, from the inputs on ('in_to_out') or from the outputs."""

    def __init__(
        self, local_opt: LocalOptimizer, order: str = "in_to_out", *settings: Any, **more: Any
    ) -> None:
        super().__init__(local_opt)
        if order not in ("in_to_out", "out_to_in"):
            raise ValueError(f"TopoOptimizer: the order is 'in_to_out' or 'out_to_in', not {order!r}")
        self.order = order

    def apply(self, fgraph: FunctionGraph, start_from: Any = None) -> Any:
        nodes = fgraph.toposort()
        changed = 0
        for node in nodes if self.order == "in_to_out" else reversed(nodes):
            if node in fgraph.apply_nodes:
                changed += self.process_node(fgraph, node)
        return self, changed, len(nodes), len(fgraph.apply_nodes), 0.0, 0.0, type(self.local_opt).__name__


class EquilibriumOptimizer(Optimizer):
    """Rewrites, of graphs and of nodes, applied until none changes anything."""

    def __init__(
        self, optimizers: Sequence[Any], *settings: Any, max_use_ratio: float = 8, **more: Any
    ) -> None:
        self.optimizers, self.max_use_ratio = list(optimizers), max_use_ratio

    def apply(self, fgraph: FunctionGraph) -> None:
        turns = int(self.max_use_ratio * (len(fgraph.apply_nodes) + 1))
        for _ in range(turns):
            before = list(fgraph.outputs), fgraph.toposort(), [n.inputs for n in fgraph.toposort()]
            for one in self.optimizers:
                (TopoOptimizer(one) if isinstance(one, LocalOptimizer) else one).optimize(fgraph)
            if before == (list(fgraph.outputs), fgraph.toposort(), [n.inputs for n in fgraph.toposort()]):
                return


class SeqOptimizer(Optimizer, list):
    """Rewrites of graphs, one after the other."""

    def __init__(self, *opts: Any, name: str | None = None, **more: Any) -> None:
        several = opts[0] if len(opts) == 1 and isinstance(opts[0], (list, tuple)) else opts
        list.__init__(self, several)
        self.name = name

    def apply(self, fgraph: FunctionGraph) -> None:
        for one in self:
            one.optimize(fgraph)


class MergeOptimizer(Optimizer):
    """Nodes of the same operation on the same inputs, and constants of the same value, become one."""

    def apply(self, fgraph: FunctionGraph) -> tuple:
        known: dict[Any, Any] = {}
        merged = 0
        for node in fgraph.toposort():
            for v in node.inputs:
                if isinstance(v, Constant):
                    first = known.setdefault((v.type, v.data.tobytes()), v)
                    if first is not v:
                        fgraph.replace(v, first)
            first = known.setdefault((node.op, node.inputs), node)
            if first is not node:
                fgraph.replace_all(zip(node.outputs, first.outputs, strict=True))
                merged += 1
        return 0, 0.0, None, None, {}, merged, 0


def local_optimizer(tracks: Any = None, *settings: Any, **more: Any) -> Callable[[Callable], LocalOptimizer]:
    """Above a function that rewrites a node, given the operations it is for: makes a LocalOptimizer of it."""

    def made(function: Callable) -> LocalOptimizer:
        found = LocalOptimizer()
        found.transform = function  # type: ignore[method-assign]
        found.tracks = lambda: tracks  # type: ignore[method-assign]
        found.__name__ = function.__name__  # type: ignore[attr-defined]
        return found

    return made


def optimizer(function: Callable) -> Optimizer:
    """Above a function of a FunctionGraph: makes an Optimizer of it."""
    found = Optimizer()
    found.apply = function  # type: ignore[method-assign]
    return found


# what is registered for functions


@functools.lru_cache(maxsize=1)
def _note() -> None:
    warn_user("rewrites of a program's own are not applied: graphlib has its own, which change no result")


def _register(rewrite: Any = None, *tags: Any, **more: Any) -> Any:
    """Takes a rewrite, or as a decorator with tags a function."""
    _note()
    return (lambda function: function) if isinstance(rewrite, str) else rewrite


register_canonicalize = register_stabilize = register_specialize = _register
register_uncanonicalize = register_useless = register_specialize_device = _register


class Query:
    """Which rewrites are asked for, by their tags; it has no effect."""

    def __init__(self, include: Any = (), require: Any = (), exclude: Any = (), **more: Any) -> None:
        self.include, self.require, self.exclude = list(include), list(require), list(exclude)


class _Database:
    """``theano.compile.optdb``: takes rewrites and has none."""

    def register(self, name: str, rewrite: Any, *settings: Any, **more: Any) -> None:
        """Takes a rewrite."""
        _note()

    def query(self, *settings: Any, **more: Any) -> SeqOptimizer:
        """No rewrites."""
        return SeqOptimizer()

    def __getitem__(self, name: str) -> _Database:
        return self


optdb = _Database()
