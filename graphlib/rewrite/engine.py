"""The engine of rewriting: rules with names, and the sweep that applies them from the inputs upward.

A sweep visits each node once its operands are in their final form, makes equal nodes one, folds constants and
applies the first rule that fits until none does; what a rule builds is visited in turn.  Nothing recurses,
and how often rules are applied is bounded by the size of the graph.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np

from ..errors import DomainError, RewriteError, ShapeError
from ..graph import Apply, Constant, TensorType, Variable, toposort
from ..graph.traverse import clone, rebuild
from ..graph.variable import fixed_origin, user_origin
from ..ops import elementwise as ew
from ..ops.create import ARange
from ..ops.lengths import Lengths
from ..ops.scan import Scan
from ..ops.shape import BroadcastTo
from .patterns import signature_of
from .rules import Composite, Phase, Rule

#: elements of constants that are compared by value, and of those that folding may make, at most
_SMALL, _FOLDED = 64, 1 << 16

#: rules may fire this many times for each node (and a few times besides) before rewriting counts as endless
_FIRES_PER_NODE = 20

#: sweeps of a phase at most; a sweep leaves little to the next one
_PASSES = 6


class Budget:
    """How often each rule fired; raises RewriteError when they fire too often for the size of the graph."""

    def __init__(self, size: int) -> None:
        self.left = 1000 + _FIRES_PER_NODE * size
        self.fired: Counter[str] = Counter()

    def count(self, name: str) -> None:
        """Note that a rule fired."""
        self.fired[name] += 1
        self.left -= 1
        if self.left < 0:
            raise self.exceeded()

    def exceeded(self) -> RewriteError:
        """The error that names the rules to blame."""
        most = ", ".join(f"{name!r} ({times} times)" for name, times in self.fired.most_common(3))
        return RewriteError(f"rewriting does not come to an end; the rules that fired most often: {most}")


class Sweep:
    """One pass over a graph, and what its rules may ask.

    ``shape(v)``: the lengths of its axes; ``length(n)``: one of them as a scalar.
    """

    def __init__(self, graph: Graph, results: list[Variable], phase: Phase) -> None:
        self.graph = graph
        self.phase = phase
        self.shape = graph.lengths.shape
        self.length = graph.lengths.length
        self.products = graph.products
        self.sums = graph.sums
        self.final: dict[Variable, Variable] = {}
        self.waiting: dict[Variable, Variable] = {}
        self.reason: dict[Variable, str] = {}
        self.fired = 0
        self.uses: defaultdict[Variable, int] = defaultdict(int)
        self.reader: dict[Variable, Apply | None] = {}
        self.operations: set[type] = set()
        uses, reader = self.uses, self.reader
        for v in results:
            uses[v] += 1
        for node in toposort(results):
            self.operations.add(type(node.op))
            for v in node.inputs:
                uses[v] += 1
                reader[v] = node

    def used_once(self, v: Variable) -> bool:
        """Whether only one operand of one node is ``v``, as far as is known while rewriting."""
        return self.uses[v] <= 1

    def only_reader(self, v: Variable) -> Apply | None:
        """The node that alone has ``v`` as an operand, as far as is known; None if ``v`` has other uses."""
        return self.reader.get(v) if self.uses[v] == 1 else None

    def a_reader(self, v: Variable) -> Any:
        """The operation of one of the nodes that have ``v`` as an operand; None if there is none."""
        node = self.reader.get(v)
        return None if node is None else node.op

    def _stands_for(self, old: Variable, new: Variable) -> None:
        self.waiting[old] = new
        self.uses[new] += self.uses[old]
        self.reader[new] = self.reader.get(old)

    def make(self, op: Any, *inputs: Variable) -> Variable:
        """The one variable that is ``op`` of final operands, for rules that compare variables."""
        return self.graph.known(op, inputs)

    def find(self, op: Any, *inputs: Variable) -> Variable | None:
        """That variable if there has been one in this graph."""
        node = self.graph.nodes.get(self.graph.identity(op, inputs))
        return None if node is None else node.outputs[0]

    def run(self, results: list[Variable]) -> list[Variable]:
        """What becomes of ``results``."""
        final, waiting = self.final, self.waiting
        entered: set[Variable] = set()
        for result in results:
            stack = [result]
            while stack:
                v = stack[-1]
                if v in final:
                    stack.pop()
                    continue
                target = waiting.get(v)
                if target is not None:
                    if target in final:
                        final[v] = final[target]
                    elif v in entered:
                        raise self.circular(v)
                    else:
                        entered.add(v)
                        stack.append(target)
                    continue
                node = v.owner
                if node is None:
                    final[v] = self.graph.leaf(v)
                    continue
                missing = [i for i in node.inputs if i not in final]
                if missing:
                    stack.extend(reversed(missing))
                else:
                    self.visit(node)
        return [final[v] for v in results]

    def circular(self, v: Variable) -> RewriteError:
        """The error of a variable that is replaced by something that needs it."""
        rules: list[str] = []
        step: Variable | None = v
        seen: set[Variable] = set()
        while step is not None and step not in seen:
            seen.add(step)
            rules += [repr(self.reason[step])] if step in self.reason else []
            step = self.waiting.get(step)
        return RewriteError(
            f"rewrite rules undo one another: {', '.join(rules)}, on {v.owner}, {v.describe()}"
        )

    def visit(self, node: Apply) -> None:
        """Decide on what becomes of a node whose operands are final."""
        own = self.graph.intern(node, [self.final[v] for v in node.inputs])
        if own is not node:
            for old, new in zip(node.outputs, own.outputs, strict=True):
                self._stands_for(old, new)
            return
        if len(node.outputs) == 1:
            out = node.outputs[0]
            better = self.improve(node)
            if better is not None:
                self._stands_for(out, better)
                return
        for out in node.outputs:
            self.final[out] = out

    def improve(self, node: Apply) -> Variable | None:
        """What a rule, or folding, makes of a node."""
        out = node.outputs[0]
        folded = fold(node) if self.phase.folds(node) else None
        if folded is not None:
            self.fired += 1
            return folded
        candidates = self.phase.candidates(self.graph.signature(node))
        if not candidates:
            return None
        with fixed_origin(out.origin or self.graph.origin):
            for rule, alternative in candidates:
                try:
                    result = rule.apply(self, node, alternative)
                    if result is None or result is out:
                        continue
                    result = self.fit(result, out)
                except Exception as error:
                    raise RewriteError(
                        f"the rewrite rule {rule.name!r} failed on {node}, {out.describe()}: {error}"
                    ) from error
                self.accept(rule, node, result)
                return result
        return None

    def accept(self, rule: Rule, node: Apply, result: Variable) -> None:
        """Check a replacement, count it, and hand on the name of what it replaces."""
        out = node.outputs[0]
        if not out.type.accepts(result.type):
            raise RewriteError(
                f"the rewrite rule {rule.name!r} makes {result.type} of {node}, which is {out.describe()}"
            )
        self.graph.budget.count(rule.name)
        self.fired += 1
        self.reason[out] = rule.name
        if result not in self.final and result.owner is not None and result.owner not in self.graph.given:
            result.type = specific(result.type, out.type)
            result.name = result.name or out.name

    def fit(self, result: Variable, out: Variable) -> Variable:
        """A replacement, repeated to the shape of what it replaces where it has length 1, or no axis."""
        have, want = result.type.shape, out.type.shape
        if have == want:
            return result
        gap = len(want) - len(have)
        if gap == 0 and all(n != 1 or m == 1 for n, m in zip(have, want, strict=True)):
            return result
        lengths = self.shape(out)
        if gap == 0 and all(n != 1 or m == 1 for n, m in zip(have, lengths, strict=True)):
            return result
        return BroadcastTo().make(result, *(self.length(n) for n in lengths))


def specific(new: TensorType, old: TensorType) -> TensorType:
    """A type with what another one of the same variable knows besides."""
    if new.shape == old.shape or None not in new.shape:
        return new
    return TensorType(new.dtype, [m if n is None else n for n, m in zip(new.shape, old.shape, strict=True)])


def fold(node: Apply) -> Constant | None:
    """The value of a node whose operands are all constant, if it is small."""
    inputs = node.inputs
    for v in inputs:
        if not isinstance(v, Constant):
            return None
    op, out = node.op, node.outputs[0]
    shape = out.type.shape
    # a range and a repeated value cost nothing where they are read; as constants they would take memory.
    # A loop is compiled rather than run by numpy, however many steps it makes
    if not inputs or isinstance(op, (ARange, BroadcastTo, Composite, Scan)):
        return None
    if None in shape or int(np.prod(shape)) > _FOLDED:
        return None
    try:
        with np.errstate(all="ignore"):
            value = op.reference(node, *(v.data for v in inputs))
    except (ShapeError, DomainError, IndexError, ZeroDivisionError):
        # told at the call, if it is computed then: not in a branch that is not taken
        return None
    return Constant(value, out.name, out.dtype, origin=out.origin)


class Graph:
    """What is kept from sweep to sweep: one node for each operation on the same operands, lengths, budget."""

    def __init__(self, results: list[Variable]) -> None:
        self.origin = user_origin()
        self.lengths = Lengths()
        # the user's own nodes, which are never changed
        self.given = set(toposort(results))
        self.budget = Budget(len(self.given))
        self.nodes: dict[tuple, Apply] = {}
        self._signatures: dict[Apply, tuple] = {}
        # operations by number, equal ones by the same, and those that were looked up, which then stay
        self._numbers: dict[Any, int] = {}
        self._operations: dict[int, tuple[int, Any]] = {}
        # what terms.py found: factors of products, terms of sums
        self.products: dict[Variable, Any] = {}
        self.sums: dict[Variable, Any] = {}
        self.constants: dict[tuple, Constant] = {}
        # outputs that loops were given besides: logarithms.py
        self.extended: dict[Apply, dict[tuple, Variable]] = {}

    def signature(self, node: Apply) -> tuple:
        """By what rules are found for a node: it is looked at in many sweeps."""
        found = self._signatures.get(node)
        if found is None:
            found = self._signatures[node] = signature_of(node)
        return found

    def identity(self, op: Any, inputs: Sequence[Variable]) -> tuple:
        """What equal nodes have in common: a number for equal operations, and the operands."""
        known = self._operations.get(id(op))
        if known is None:
            number = self._numbers.setdefault(op, len(self._numbers))
            known = self._operations[id(op)] = number, op
        operands = tuple(map(id, inputs))
        if type(op) is ew.Elementwise and op.commutative and operands[0] > operands[1]:
            operands = operands[::-1]
        return known[0], operands

    def leaf(self, v: Variable) -> Variable:
        """A variable that no node computes; small constants that are equal are one."""
        if not isinstance(v, Constant) or v.data.size > _SMALL:
            return v
        return self.constants.setdefault((v.dtype, v.data.shape, v.data.tobytes()), v)

    def known(self, op: Any, inputs: Sequence[Variable]) -> Variable:
        """The one variable that is ``op`` of these operands, made if there is none yet."""
        key = self.identity(op, inputs)
        if key not in self.nodes:
            self.nodes[key] = op.make(*inputs).owner
        return self.nodes[key].outputs[0]

    def intern(self, node: Apply, inputs: Sequence[Variable]) -> Apply:
        """The one node of this operation on these operands."""
        key = self.identity(node.op, inputs)
        found = self.nodes.get(key)
        if found is None:
            same = all(a is b for a, b in zip(inputs, node.inputs, strict=True))
            found = node if same else rebuild(node, list(inputs), {})
            if not same:
                for old, new in zip(node.outputs, found.outputs, strict=True):
                    new.type = specific(new.type, old.type)
            self.nodes[key] = found
        return found


def rewrite_with(
    phases: Iterable[Phase],
    results: list[Variable],
    stop_at: Collection[Variable] = (),
    fired: Counter[str] | None = None,
) -> list[Variable]:
    """Equivalent variables, after each phase's rules in turn; looks at nothing above ``stop_at``.

    fired: is told how often each rule was applied.
    """
    inner = {v: v.type(v.name) for v in stop_at if v.owner is not None}
    current = clone(results, inner) if inner else list(results)
    graph = Graph(current)
    for phase in phases:
        for _ in range(1 if phase.once else _PASSES):
            sweep = Sweep(graph, current, phase)
            if phase.only_for and not phase.only_for & sweep.operations:
                break
            current = sweep.run(current)
            if not sweep.fired:
                break
    if fired is not None:
        fired.update(graph.budget.fired)
    return clone(current, {leaf: v for v, leaf in inner.items()}) if inner else current
