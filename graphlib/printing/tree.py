"""``debugprint``: a graph as a tree of text, a line an operand, in the manner of Theano's."""

from __future__ import annotations

import sys
from collections import deque
from typing import Any, TextIO

from ..graph import Apply, Variable
from ..ops.scan import Scan
from .notation import leaf_text
from .subject import Subject, subject_of

# A chain of thousands of nodes would otherwise be indented for ever, and its text grow with the square of
# its length.
_DEEPEST = 30


def debugprint(
    obj: Any, depth: int = -1, print_type: bool = False, file: TextIO | str | None = None
) -> str | None:
    """Print the graph of a variable, of each of a list, or of a compiled function after its rewrites.

    A line has the operation, ``[id A]`` which tells nodes apart, the variable's name if it has one, and in a
    function the node's place in the order of computation.  Operands follow, indented.  A node met again is
    not unfolded again: ``···`` stands for its operands; so does ``··· below`` where the indentation ends, and
    the node follows at the margin.  A function's updates are written ``W [id B] ← …``.  The graph of a loop's
    step follows after everything else, indented: what it computes, from variables that say what they stand
    for, ``x[t] of [id C]`` or ``state 1[t-1] of [id D]``.

    depth: how many levels to show; -1 for all.
    print_type: also write each variable's type.
    file: where to print, standard output by default; ``'str'`` returns the text instead.
    """
    if isinstance(depth, bool) or not isinstance(depth, int) or depth < -1 or depth == 0:
        raise ValueError(f"debugprint: depth is a number of levels, or -1 for all of them, not {depth!r}")
    text = "\n".join(
        _Tree(subject_of(obj, "debugprint"), depth, print_type, ordered=not _is_expression(obj)).lines()
    )
    if file == "str":
        return text
    print(text, file=sys.stdout if file is None else file)
    return None


def _is_expression(obj: Any) -> bool:
    return isinstance(obj, (Variable, list, tuple))


class _Tree:
    """The lines of one call: ids are given, and nodes unfolded, in the order of printing."""

    def __init__(self, subject: Subject, depth: int, print_type: bool, ordered: bool) -> None:
        self.subject = subject
        self.depth = depth
        self.print_type = print_type
        self.ends = set(subject.inputs)
        self.order = {node: i for i, node in enumerate(subject.nodes())} if ordered else {}
        self.ids: dict[Apply | Variable, str] = {}
        self.unfolded: set[Apply] = set()
        # loops whose steps are still to be shown, and what the variables of a step stand for
        self.loops: deque[Apply] = deque()
        self.roles: dict[Variable, str] = {}

    def lines(self) -> list[str]:
        result: list[str] = []
        for variable in self.subject.outputs:
            result += self.unfold(variable, "")
        for target, variable in self.subject.updates:
            result += self.unfold(variable, f"{leaf_text(target)} [id {self.identity(target)}] ← ")
        while self.loops:
            node = self.loops.popleft()
            result += ["", f"{node.op} [id {self.identity(node)}], a step:"]
            result += [f"   {line}" for line in self.step(node)]
        return result

    def step(self, node: Apply) -> list[str]:
        """The graph of a loop's step: what each of its results is computed from."""
        op, parts = node.op, node.op.parts(node)
        inputs = [
            (v, f"sequence {k}[t]", x) for k, (v, x) in enumerate(zip(op.rows, parts.sequences, strict=True))
        ]
        for k, (state, taps, x) in enumerate(zip(op.states, op.taps, parts.initial, strict=True)):
            inputs += [(v, f"state {k}[t{tap}]", x) for tap, v in zip(state.taps, taps, strict=True)]
        inputs += [
            (v, f"invariant {k}", x)
            for k, (v, x) in enumerate(zip(op.invariants, parts.invariants, strict=True))
        ]
        for v, role, x in inputs:
            self.roles[v] = f"{v.name or role} of [id {self.identity(x.owner or x)}]"
        heads = [f"state {k}[t]" for k in range(len(op.states))]
        heads += [f"output {k}[t]" for k in range(op.mapped)] + ["until"] * op.until
        return [
            line for v, head in zip(op.outputs, heads, strict=True) for line in self.unfold(v, f"{head} ← ")
        ]

    def unfold(self, root: Variable, head: str) -> list[str]:
        """The lines of one result: its tree, then the subtrees that lie too deep to be indented further."""
        result: list[str] = []
        postponed = deque([(root, head, 1)])
        while postponed:
            variable, head, level = postponed.popleft()
            result.append(head + self.label(variable))
            stack = self.operands(variable, "", level)
            while stack:
                variable, prefix, branch, level = stack.pop()
                result.append(f"{prefix}{branch} {self.label(variable) if variable is not None else '···'}")
                if variable is None:
                    continue
                prefix += "   " if branch == "└─" else "│  "
                if len(prefix) >= 3 * _DEEPEST and self.has_more(variable, level):
                    self.unfolded.add(variable.owner)
                    result.append(f"{prefix}└─ ··· below")
                    postponed.append((variable, "", level))
                else:
                    stack += self.operands(variable, prefix, level)
            if postponed:
                # what is postponed counts as unfolded from the moment its place is announced
                self.unfolded.discard(postponed[0][0].owner)
        return result

    def has_more(self, variable: Variable, level: int) -> bool:
        """Whether the variable has operands that are still to be shown."""
        node = variable.owner
        shown = node is None or variable in self.ends or not node.inputs or level == self.depth
        return not shown and node not in self.unfolded

    def operands(
        self, variable: Variable, prefix: str, level: int
    ) -> list[tuple[Variable | None, str, str, int]]:
        """The lines to print next, the first one last; None stands for operands that were shown before."""
        if self.has_more(variable, level):
            self.unfolded.add(variable.owner)
            branches = ["├─"] * (len(variable.owner.inputs) - 1) + ["└─"]
            lines = [(v, prefix, b, level + 1) for v, b in zip(variable.owner.inputs, branches, strict=True)]
            return lines[::-1]
        repeated = variable not in self.ends and variable.owner in self.unfolded and level != self.depth
        return [(None, prefix, "└─", level + 1)] if repeated else []

    def label(self, variable: Variable) -> str:
        """One line: operation or leaf, id, type, the variable's name, the place in the order."""
        node = variable.owner if variable not in self.ends else None
        output = f".{variable.index}" if node is not None and len(node.outputs) > 1 else ""
        if node is not None and isinstance(node.op, Scan) and node not in self.ids:
            self.loops.append(node)
        parts = [
            f"{node.op}{output}" if node is not None else self.roles.get(variable) or leaf_text(variable),
            f"[id {self.identity(node or variable)}]",
        ]
        if self.print_type:
            parts.append(f"<{variable.type}>")
        if node is not None and variable.name is not None:
            parts.append(f"'{variable.name}'")
        if node in self.order:
            parts.append(str(self.order[node]))
        return " ".join(parts)

    def identity(self, thing: Apply | Variable) -> str:
        return self.ids.setdefault(thing, _letters(len(self.ids)))


def _letters(number: int) -> str:
    """0, 1, 2 … as A, B … Z, BA, BB …: Theano's ids, a number to the base 26."""
    letters = ""
    while number or not letters:
        number, digit = divmod(number, 26)
        letters = chr(ord("A") + digit) + letters
    return letters
