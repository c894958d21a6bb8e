"""From scalar expressions to statements: common parts are computed once, each as far outside as its indices
allow."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from ..lower.lowering import Placed
from ..scalar.expression import CHECKS, Expr, children, integer, load, local, node, walk
from ..scalar.integer import Poly, Symbol, flat_index
from .arrays import Array
from .statements import Evaluate, Let, Store

#: characters that an expression may take on its line
_LONG = 88
#: those that an operation takes beside its operands
_OPERATORS = {
    **dict.fromkeys("add sub mul true_div lt gt and_ or_ xor".split(), 3),
    **dict.fromkeys("eq neq le ge".split(), 4),
    "neg": 1,
    "inv": 4,
    "switch": 6,
    "identity": 0,
}
#: of integers, those that are written with their operands twice
_TWICE = frozenset(["abs", "maximum", "minimum", "sqr"])


class Scope:
    """The body of a loop, at a ``level``: its statements, and the registers of the expressions computed in
    it."""

    def __init__(self, parent: Scope | None, level: int) -> None:
        self.parent = parent
        self.level = level
        self.body: list[Any] = []
        self.known: dict[Expr, Expr] = {}

    def find(self, expr: Expr) -> Expr | None:
        scope: Scope | None = self
        while scope is not None:
            if expr in scope.known:
                return scope.known[expr]
            scope = scope.parent
        return None

    def is_in(self, other: Scope) -> bool:
        """Whether this is the other scope or one inside it."""
        scope: Scope | None = self
        while scope is not None and scope is not other:
            scope = scope.parent
        return scope is other

    def at_level(self, level: int) -> Scope:
        scope = self
        while scope.level > level and scope.parent is not None:
            scope = scope.parent
        return scope


class Builder:
    """Puts the expressions of one kernel into statements.

    levels: at which level each index is known.  merged: indices of axes that are merged into the next one.
    opaque: lengths that take a load each.
    """

    def __init__(self, levels: Mapping[Symbol, int]) -> None:
        self.levels = levels
        self.merged: Collection[Symbol] = ()
        self.opaque: Collection[Symbol] = ()
        self.uses: dict[Expr, int] = {}
        self.count = 0
        #: whether anything so far may fail the call
        self.checks = False
        #: arrays that the kernel has computed: the register of each, and where it holds
        self.locals: dict[Array, tuple[Expr, Scope]] = {}
        self._widths: dict[Expr, int] = {}
        #: where an element is found elsewhere than in its place in memory
        self.staged: Callable[[Array, Poly], Expr | None] = lambda array, offset: None

    def name(self, letter: str) -> str:
        """A name that nothing has yet."""
        self.count += 1
        return f"{letter}{self.count - 1}"

    def local(self, array: Array, scope: Scope) -> tuple[Expr, int] | None:
        """The register of an array's element that the kernel has computed, if that holds in ``scope``, and
        its level."""
        register, held = self.locals.get(array, (None, None))
        return (register, held.level) if held is not None and scope.is_in(held) else None

    def count_uses(self, roots: Iterable[Expr]) -> None:
        """Count how often each expression is needed, so that only repeated ones get a register."""
        stack = []
        for root in roots:
            self.uses[root] = self.uses.get(root, 0) + 1
            if self.uses[root] == 1:
                stack.append(root)
        while stack:
            for child in children(stack.pop()):
                self.uses[child] = self.uses.get(child, 0) + 1
                if self.uses[child] == 1:
                    stack.append(child)

    def level(self, expr: Expr | Poly, scope: Scope) -> int:
        """The outermost level at which an expression can be computed."""
        level = max((self.levels.get(i, 0) for i in expr.free), default=0)
        for array in expr.uses:
            found = self.local(array, scope)
            if found is not None:
                level = max(level, found[1])
        return level

    def emit(self, root: Expr, scope: Scope) -> Expr:
        """An expression in terms of registers and memory, after the statements that it needs."""
        stack: list[tuple[Expr, bool]] = [(root, False)]
        done: dict[Expr, Expr] = {}
        lazy = _only_in_branches(root)
        while stack:
            expr, ready = stack.pop()
            if expr in done:
                continue
            known = scope.find(expr)
            if known is not None:
                done[expr] = known
                continue
            if not ready:
                stack.append((expr, True))
                stack.extend((child, False) for child in children(expr))
                continue
            done[expr] = self._one(expr, done, scope, expr in lazy)
        return done[root]

    def _one(self, expr: Expr, done: dict[Expr, Expr], scope: Scope, lazy: bool) -> Expr:
        made = self._made(expr, done, scope)
        if self.is_atom(made):
            return made
        level = self.level(expr, scope)
        # what only a branch loads may be nowhere where the condition does not hold
        short = self._width(made) < _LONG or (lazy and made.op == "load")
        if level == scope.level and self.uses.get(expr, 0) <= 1 and short:
            return made
        outer = scope.at_level(level)
        name = self.name("t")
        outer.body.append(Let(name, expr.dtype, made))
        outer.known[expr] = local(name, expr.dtype)
        return outer.known[expr]

    def _made(self, expr: Expr, done: dict[Expr, Expr], scope: Scope) -> Expr:
        if expr.op == "const":
            return expr
        if expr.op == "int":
            return node("int", "int64", value=self.poly(expr.value, done))
        if expr.op == "access":
            array, index = expr.value
            found = self.local(array, scope)
            if found is not None:
                return found[0]
            return self.load(array, flat_index(index, array.shape), done)
        if expr.op in CHECKS:
            self.checks = True
        if expr.op == "true_div" and _is_root(expr.args[1]) and self.level(expr.args[1], scope) < scope.level:
            # the same number in all turns; the inverse of a root is a normal number, 0 or infinite
            inverse = node("inv", expr.dtype, expr.args[1])
            return node("mul", expr.dtype, done[expr.args[0]], self.emit(inverse, scope))
        return node(expr.op, expr.dtype, *(done[a] for a in expr.args), value=expr.value)

    def load(self, array: Array, offset: Poly, done: Mapping[Expr, Expr]) -> Expr:
        """An element of an array in memory."""
        return self.staged(array, offset) or load(array, array.dtype, self.poly(offset, done))

    def is_atom(self, made: Expr) -> bool:
        """Whether an expression is no more than a name or a number."""
        return (
            made.op == "const" or self.is_name(made) or (made.op == "int" and made.value.constant is not None)
        )

    def is_name(self, made: Expr) -> bool:
        """Whether it is a register, or a length or an index by its name."""
        atom = made.value.atom if made.op == "int" else made
        if isinstance(atom, Symbol):
            return atom not in self.opaque
        return atom is not None and atom.op == "local"

    def poly(self, p: Poly, done: Mapping[Expr, Expr] | None = None) -> Poly:
        """An index polynomial, whose opaque parts are in ``done``, without indices of merged axes."""
        terms = {}
        for monomial, coefficient in p.terms.items():
            if self.merged and any(a in self.merged for a in monomial):
                continue
            if done:
                monomial = tuple(done[a] if isinstance(a, Expr) else a for a in monomial)
            terms[monomial] = coefficient
        return Poly(terms)

    def length(self, p: Poly, scope: Scope) -> Poly:
        """A length or an offset whose opaque parts may need statements in ``scope``."""
        made = self.emit(integer(p), scope)
        return made.value if made.op == "int" else Poly.of(made)

    def _width(self, e: Expr) -> int:
        """About how many characters an expression takes."""
        if e not in self._widths:
            inside = sum(self._width(a) + 2 * (not self.is_atom(a)) for a in e.args)
            if e.op in _TWICE and not e.dtype.startswith("float"):
                width = 6 + 2 * inside
            elif e.op in _OPERATORS:
                width = _OPERATORS[e.op] + inside
            elif e.op == "int":
                width = self._poly_width(e.value)
            elif e.op == "load":
                width = 7 + self._poly_width(e.value[1][0])
            else:
                width = len(str(e.value)) if e.op in ("const", "local") else len(e.op) + 10 + inside
            self._widths[e] = width
        return self._widths[e]

    def _poly_width(self, p: Poly) -> int:
        names = [len(a.name) + 2 if isinstance(a, Symbol) else self._width(a) + 2 for m in p.terms for a in m]
        return sum(names) + 4 * len(p.terms)


def _only_in_branches(root: Expr) -> Collection[Expr]:
    """What an expression computes only where a condition says so."""
    if not any(e.op == "switch" for e in walk(root)):
        return ()
    eager, stack = {root}, [root]
    while stack:
        e = stack.pop()
        new = [a for a in (e.args[:1] if e.op == "switch" else children(e)) if a not in eager]
        eager.update(new)
        stack.extend(new)
    return set(walk(root)) - eager


def _is_root(e: Expr) -> bool:
    """Whether an expression is a square root, or one that a nest computes or has computed."""
    if e.op != "access":
        return e.op == "sqrt"
    array = e.value[0]
    return array.label == "sqrt" and (array.memory is None or array.memory.kind != "argument")


def pushed(builder: Builder, array: Array, piece: Placed, scope: Scope, only_checks: bool) -> None:
    """One element of a piece of a pushed output goes to its place, or is only looked at for wrong indices."""
    element, place = (builder.emit(e, scope) for e in (piece.element, integer(piece.offset)))
    if only_checks:
        scope.body += [Evaluate(element), Evaluate(place)]
        return
    offset = place.value if place.op == "int" else Poly.of(place)
    add, guarded = piece.mode != "set", builder.checks
    scope.body.append(Store(array, array.dtype, offset, element, add=add, guarded=guarded))
