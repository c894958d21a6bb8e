"""Lowering: every node of the rewritten graph becomes lengths and scalar expressions.

Views (and what is as cheap to compute as to load) are inlined into whatever reads them; all other nodes are
values, which the scheduler places into loops.  Lengths are polynomials of the inputs' lengths; those that
take real computing get a symbol.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from ..errors import Resized, ShapeError
from ..graph import Apply, Constant, Sized, Variable, toposort
from ..records import record
from ..scalar import expression as ex
from ..scalar.expression import Expr
from ..scalar.functions import is_cheap
from ..scalar.integer import Poly, Symbol, flat_index, product, row_major, symbol
from ..scalar.lowered import Call, Check, Loop, Operand, Piece, Product, Pull, Push, Reduction
from ..scalar.reductions import REDUCERS
from .limits import AnyCheck, Claim, Limits, Sizes

#: the loop indices of all kernels, outermost first
LOOP = tuple(symbol(f"i{k}", True, k - 100) for k in range(16))

_CHEAP_COST = 2
_SCALAR_COST = 12
_VIEW_DEPTH = 24


@record
class Strided:
    """A tensor in memory: element (i, j, …) of it is at ``offset + i * strides[0] + j * strides[1] + …`` of
    ``base``."""

    base: Variable
    offset: Poly
    strides: tuple[Poly, ...]


@record
class Value:
    """A node's output that is computed in a loop nest: its element over ``axes``, the iteration axes longer
    than 1.

    ``index`` is where in the output the element of the loops' indices goes.  A reduction has ``kind``, the
    number ``kept`` of leading axes that it keeps, if it keeps only leading ones (else None), and which of
    ``axes`` are ``reduced``.
    """

    variable: Variable
    axes: tuple[Poly, ...]
    index: tuple[Poly, ...]
    element: Expr
    kind: str | None = None
    kept: int | None = None
    reduced: tuple[int, ...] = ()

    @property
    def depth(self) -> int:
        """How many loops surround the finished value (None of a reduction into memory counts as 0)."""
        return len(self.axes) if self.kind is None else self.kept or 0


@record
class Placed:
    """A piece of a pushed output: over ``axes`` the ``element`` goes to ``offset`` of the output."""

    axes: tuple[Poly, ...]
    element: Expr
    offset: Poly
    mode: str
    collides: bool


class Lowering:
    """The results' graph in scalar terms.  ``dims`` are lengths with a symbol and what they are computed
    from, in order."""

    def __init__(
        self,
        results: Sequence[Variable],
        inputs: Collection[Variable],
        updates: Mapping[Variable, Variable] | None = None,
        per_step: Collection[Variable] = (),
        claims: Sequence[Claim] = (),
    ) -> None:
        self.inputs = set(inputs)
        self.updates = dict(updates or {})
        #: inputs whose values change while their lengths stay: those of a loop's steps
        self.per_step = set(per_step)
        self.claims = claims
        claimed = [n for claim in claims for n in claim.lengths]
        self.order = toposort([*results, *claimed], stop_at=self.inputs)
        self.same: dict[Symbol, Poly] = {}
        self.leaf_dims: dict[tuple[Variable, int], Symbol] = {}
        self._leaf_symbols: set[Symbol] = set()
        #: lengths of leaves that the second pass takes to be equal, to be checked at the call
        self.leaf_checks: list[Check] = []
        #: nodes that write to an updated variable, perhaps one after the other, and that variable
        self.written: dict[Apply, Variable] = {}
        # a first pass finds which lengths must be equal, the second uses one symbol for all of them
        self._lower_all(self._lower_lengths)
        self._find_written()
        self._lower_all(self.lower)

    def _lower_all(self, lower: Callable[[Apply], Any]) -> None:
        self.shapes: dict[Variable, tuple[Poly, ...]] = {}
        self.dims: dict[Symbol, Poly] = {}
        self._dim_of: dict[Poly, Symbol] = {}
        self.checks: list[AnyCheck] = []
        self.limits = Limits(self.dims)
        self.lowered: dict[Apply, Any] = {}
        self.inline: set[Variable] = set()
        self.materialized: set[Variable] = set()
        self.view_depth: dict[Variable, int] = {}
        self.flat_of: dict[Variable, Strided] = {}
        self.operands: dict[Variable, Operand] = {}
        self.pushed: dict[Apply, list[Placed]] = {}
        #: for each node the lengths in checks of it, and of what it reads through, that are found on the way
        self.awaited: dict[Apply, set[Poly]] = {}
        self.checks += self.leaf_checks
        for node in self.order:
            lower(node)
        for lengths, v in self._claimed():
            self.checks += self.limits.missing(lengths, v)
        for target, value in self.updates.items():
            for axis, (n, m) in enumerate(zip(self.shape(target), self.shape(value), strict=True)):
                self.require(
                    n,
                    m,
                    f"the update of {{0}} has length {{b}} instead of {{a}} in axis {axis}: {{1}}",
                    (target, value),
                    Resized
                    if isinstance(target, Sized) and target.of.type.shape[axis] is None
                    else ShapeError,
                )

    # leaves and operands

    def is_leaf(self, v: Variable) -> bool:
        return v.owner is None or v in self.inputs

    def shape(self, v: Variable) -> tuple[Poly, ...]:
        if v not in self.shapes:
            self.shapes[v] = tuple(self._leaf_length(v, axis, n) for axis, n in enumerate(v.type.shape))
        return self.shapes[v]

    def _leaf_length(self, v: Variable, axis: int, n: int | None) -> Poly:
        if n is not None:
            return Poly.of(n)
        if isinstance(v, Constant):
            return Poly.of(v.data.shape[axis])
        symbol = self.leaf_dims.get((v, axis))
        if symbol is None:
            symbol = self.leaf_dims[v, axis] = Symbol(f"{v.name or 'leaf'}_{axis}")
            self._leaf_symbols.add(symbol)
        return self._representative(symbol)

    def _representative(self, symbol: Symbol) -> Poly:
        return self._known_same(Poly.of(symbol))

    def _known_same(self, poly: Poly) -> Poly:
        while isinstance(poly.atom, Symbol) and poly.atom in self.same:
            poly = self.same[poly.atom]
        return poly

    def operand(self, v: Variable) -> Operand:
        if v not in self.operands:
            self.operands[v] = Operand(
                v, self.shape(v), lambda *index: self.at(v, index), lambda k: self.flat(v, k)
            )
        return self.operands[v]

    def at(self, v: Variable, index: Sequence[Any]) -> Expr:
        """One element of a variable."""
        index = tuple(Poly.of(i) for i in index)
        if v in self.inline:
            return self.lowered[v.owner].at(*index)
        if isinstance(v, Constant) and v.data.size == 1:
            return ex.const(v.data.reshape(()).item(), v.dtype)
        return ex.access(v, v.dtype, index)

    def flat(self, v: Variable, k: Poly) -> Expr:
        """Element k of a variable in row-major order: of what it is a view of, or of itself, which then is
        read from memory (see ``_read``)."""
        if isinstance(v, Constant) and v.data.size == 1:
            return self.at(v, (0,) * v.ndim)
        if v not in self.flat_of:
            strided = self.strided(v)
            contiguous = strided is not None and all(
                s == r or n == 1
                for s, r, n in zip(strided.strides, row_major(self.shape(v)), self.shape(v), strict=True)
            )
            self.flat_of[v] = strided if contiguous else self._itself(v)
        strided = self.flat_of[v]
        base = strided.base
        return ex.access(
            base, v.dtype, (Poly.of(0),) * (base.ndim - 1) + (strided.offset + k,) * (base.ndim > 0)
        )

    def strided(self, v: Variable) -> Strided | None:
        """Where a variable lies in memory, if its elements are those of another at regular steps."""
        if v in self.materialized or v not in self.inline:
            return self._itself(v)
        found = self._regular(v)
        held = {source for source in v.owner.inputs if source in self.materialized and source in self.inline}
        if found is None and held:
            # a view of what is in memory though it need not be, such as chosen rows that a product reads
            self.inline -= held
            found = self._regular(v)
            self.inline |= held
        return found

    def _itself(self, v: Variable) -> Strided:
        """A variable that lies in memory by itself."""
        return Strided(v, Poly.of(0), tuple(row_major(self.shape(v))))

    def _regular(self, v: Variable) -> Strided | None:
        """Where a variable lies, by the expression of one of its elements."""
        indices = [Symbol(f"k{axis}", is_index=True) for axis in range(v.ndim)]
        expr = self.at(v, indices)
        if expr.op != "access" or expr.dtype != v.dtype:
            return None
        base, index = expr.value
        linear = flat_index(index, self.shape(base)).linear_in(indices)
        if linear is None or any(e.op in ex.CHECKS for e in ex.walk(ex.integer(linear[1]))):
            return None
        return Strided(base, self.named(linear[1]), tuple(linear[0]))

    # how operations take what they read from memory: where it lies, or None if it does not lie so (yet)

    def placed(self, v: Variable) -> Strided | None:
        """Where a variable lies in memory."""
        if isinstance(v, Constant) and v.data.size == 1:
            return Strided(v, Poly.of(0), (Poly.of(1),) * v.ndim)
        return self.strided(v)

    def matrix(self, v: Variable) -> Strided | None:
        """A matrix (or a batch of them) as BLAS takes it: one of its two axes of stride 1."""
        found = self.placed(v)
        if found is None or found.base is v:
            return found
        lengths = self.shape(v)
        ones = [s == 1 or n == 1 for s, n in zip(found.strides[-2:], lengths[-2:], strict=True)]
        forward = all(
            n == 1 or (s.terms and all(c > 0 for c in s.terms.values()))
            for s, n in zip(found.strides, lengths, strict=True)
        )
        return found if any(ones) and forward else None

    def rows(self, v: Variable) -> Strided | None:
        """A variable whose rows, its elements along the first axis, are contiguous."""
        return self._contiguous_from(v, 1)

    def block(self, v: Variable) -> Strided | None:
        """A variable that is contiguous, perhaps as a part of another one."""
        return self._contiguous_from(v, 0)

    def _contiguous_from(self, v: Variable, axis: int) -> Strided | None:
        found = self.placed(v)
        if found is None or v not in self.inline:
            return found
        lengths = self.shape(v)
        same = zip(found.strides[axis:], row_major(lengths)[axis:], lengths[axis:], strict=True)
        return found if all(s == w or n == 1 for s, w, n in same) else None

    def base(self, v: Variable) -> Variable | Expr | None:
        """What a pushed output starts as: a variable to copy, or one scalar for all its elements."""
        if v in self.inline and v not in self.materialized:
            element = self.at(v, LOOP[: v.ndim])
            return None if element.free else element
        if isinstance(v, Constant) and v.data.size == 1:
            return self.at(v, (0,) * v.ndim)
        return v

    def _demand(self, v: Variable, there: Any) -> None:
        """Have a variable put in memory that does not lie there as it is taken."""
        if there is None and v in self.inline:
            self.materialized.add(v)

    def _beneath(self, v: Variable) -> Variable:
        """What a variable has all elements of in the same order, as with a new axis of length 1: in memory
        in its stead, that is computed together with others of its axes."""
        while v in self.inline and v.owner.op.view and len(v.owner.inputs) == 1:
            (x,) = v.owner.inputs
            if x not in self.inline or product(self.shape(x)) != product(self.shape(v)):
                break
            self.inline.remove(x)
            found = self._contiguous_from(v, 0)
            self.inline.add(x)
            if found is None or found.base is not x or found.offset != 0:
                break
            v = x
        return v

    def _read(self, *read: Expr | Poly) -> None:
        """Have put in memory what these read from there though it is inlined elsewhere."""
        self.materialized.update(u for e in read for u in e.uses if u in self.inline)

    # nodes

    def _lengths_of(self, node: Apply) -> Any:
        """How a node is computed, as it then has lengths."""
        lowered = node.op.lower(node, [self.operand(v) for v in node.inputs], self.require)
        shapes = lowered.shapes if isinstance(lowered, (Call, Loop)) else (lowered.shape,)
        for v, shape in zip(node.outputs, shapes, strict=True):
            static = v.type.shape
            self.shapes[v] = tuple(
                Poly.of(n) if n is not None else self.named(p) for n, p in zip(static, shape, strict=True)
            )
        self.lowered[node] = lowered
        return lowered

    def _lower_lengths(self, node: Apply) -> None:
        """As much of it as lengths depend on: those are computed from others, and from arrays of integers."""
        lowered = self._lengths_of(node)
        v = node.outputs[0]
        if isinstance(lowered, Pull) and not (v.ndim and v.type.is_float):
            self._inline(v, lowered)

    def lower(self, node: Apply) -> None:
        before = len(self.checks)
        lowered = self._lengths_of(node)
        if isinstance(lowered, Pull):
            self._inline(node.outputs[0], lowered)
        elif isinstance(lowered, Product):
            for v in (node.inputs[lowered.a], node.inputs[lowered.b]):
                self._demand(v, self.matrix(v))
            if lowered.c is not None:
                self._demand(node.inputs[lowered.c], self.base(node.inputs[lowered.c]))
        elif isinstance(lowered, Call):
            for k in lowered.operands:  # by itself, in row-major order
                self._demand(node.inputs[k], None)
        elif isinstance(lowered, Loop):
            parts = node.op.parts(node)
            for v in parts.sequences:
                self._demand(self._beneath(v), self.rows(v))
            for v in (*parts.initial, *parts.invariants):
                self._demand(self._beneath(v), self.block(v))
        elif isinstance(lowered, Reduction):
            self._read(lowered.at(*map(Poly.of, LOOP[: len(lowered.domain)])))
        else:
            self._read_first(node)
            self.pushed[node] = [self._piece(node, piece) for piece in lowered.pieces]
            self._read(*(e for p in self.pushed[node] for e in (p.element, p.offset)))
            if isinstance(lowered.base, int):
                self._demand(node.inputs[lowered.base], self.base(node.inputs[lowered.base]))
        steps = [((self.named(lowered.n),), node.outputs[0])] if isinstance(lowered, Loop) else []
        for lengths, v in [*steps, *self._all_lengths(node)]:
            self.checks += self.limits.missing(lengths, v)
        later = {p for check in self.checks[before:] for p in check.polys if self.depends_on_data(p)}
        self.awaited[node] = later.union(*(self.awaited[v.owner] for v in node.inputs if v in self.inline))

    def _all_lengths(self, node: Apply) -> list[tuple[tuple[Poly, ...], Variable]]:
        """Every shape there is of a node: of its outputs, and of the loops that compute them."""
        v = node.outputs[0]
        lowered = self.lowered[node]
        shapes = [(self.shape(v), v) for v in node.outputs]
        if isinstance(lowered, Reduction):
            shapes.append((tuple(map(self.named, lowered.domain)), v))
        elif isinstance(lowered, Push):
            shapes += [(piece.axes, v) for piece in self.pushed[node]]
        return shapes

    def _claimed(self) -> list[tuple[tuple[Poly, ...], Variable]]:
        """The shapes that were asked for."""
        return [
            (tuple(self.named(ex.poly(self.at(n, ()))) for n in claim.lengths), claim.variable)
            for claim in self.claims
        ]

    def sizes(self) -> Sizes:
        """The sizes of all values, whether they come to lie in memory or not, of all loops, and of what was
        asked for."""
        found = Sizes(self.depends_on_data)
        shapes = [shape for node in self.order for shape in self._all_lengths(node)]
        for lengths, v in [*shapes, *self._claimed()]:
            found.add(self.limits.size(lengths, v))
        return found

    def _read_first(self, node: Apply) -> None:
        """What is written to an updated variable and computed from that same one is put in memory before:
        then the variable can be written in place."""
        target = self.written.get(node)
        for v in node.inputs[1:] if target is not None else ():
            if v in self.inline and target in self.at(v, LOOP[: v.ndim]).uses:
                self.inline.discard(v)

    def _find_written(self) -> None:
        """What nodes write to an updated variable, from its new value back to where they begin."""
        for target, v in self.updates.items():
            while (lowered := self.lowered.get(v.owner)) is not None:
                base = getattr(lowered, "base" if isinstance(lowered, Push) else "c", None)
                if not isinstance(base, int):
                    break
                self.written[v.owner] = target
                v = v.owner.inputs[base]

    def _inline(self, v: Variable, pull: Pull) -> None:
        """Have a variable inlined into what reads it, if that pays."""
        depth = 1 + max((self.view_depth.get(x, 0) for x in v.owner.inputs), default=0)
        element = pull.at(*map(Poly.of, LOOP[: v.ndim]))
        self._read(element)
        if depth > _VIEW_DEPTH:
            return
        host = all(self.is_leaf(u) and not isinstance(u, Constant) and u.ndim == 0 for u in element.uses)
        cheap = _cost(element, _SCALAR_COST if v.ndim == 0 and host else _CHEAP_COST) and all(
            self.is_leaf(u) or not isinstance(self.lowered[u.owner], (Pull, Reduction)) for u in element.uses
        )
        if v.owner.op.view or not element.uses or cheap:
            self.view_depth[v] = depth
            self.inline.add(v)

    def named(self, length: Poly) -> Poly:
        """A length, by a symbol of its own if computing it takes more than sums and products of lengths."""
        if all(isinstance(atom, Symbol) for monomial in length.terms for atom in monomial):
            return length
        if length not in self._dim_of:
            symbol = Symbol(f"n{len(self.dims)}")
            self._dim_of[length] = symbol
            self.dims[symbol] = length
        return Poly.of(self._dim_of[length])

    def require(
        self,
        left: Poly,
        right: Poly,
        message: str,
        variables: tuple,
        error: type[ShapeError] = ShapeError,
    ) -> None:
        left, right = self.named(left), self.named(right)
        if left == right:
            return
        check = Check(left, right, message, variables, error)
        if left.constant is not None and right.constant is not None:
            raise check.failure([left.constant, right.constant])
        self.checks.append(check)
        left, right = self._known_same(left), self._known_same(right)
        leaf_symbols = self._leaf_symbols
        for one, other in ((right, left), (left, right)):
            if (
                left != right
                and one.atom in leaf_symbols
                and (other.atom in leaf_symbols or other.constant is not None)
            ):
                self.same[one.atom] = other
                self.leaf_checks.append(
                    Check(*((one, other) if one is left else (other, one)), message, variables, error)
                )
                break

    # values

    def _piece(self, node: Apply, piece: Piece) -> Placed:
        domain = tuple(self.named(n) for n in piece.domain)
        real = [axis for axis, n in enumerate(domain) if n != 1]
        place = {axis: LOOP[k] for k, axis in enumerate(real)}
        index = tuple(Poly.of(place.get(axis, 0)) for axis in range(len(domain)))
        offset = flat_index(piece.position(*index), self.shape(node.outputs[0]))
        return Placed(tuple(domain[a] for a in real), piece.at(*index), offset, piece.mode, piece.collides)

    def value(self, v: Variable) -> Value:
        """A node's output as what is to be computed in a loop nest."""
        lowered = self.lowered[v.owner]
        if isinstance(lowered, Pull):
            shape = self.shape(v)
            real = [axis for axis, n in enumerate(shape) if n != 1]
            place = {axis: LOOP[k] for k, axis in enumerate(real)}
            index = tuple(Poly.of(place.get(axis, 0)) for axis in range(len(shape)))
            return Value(v, tuple(shape[a] for a in real), index, lowered.at(*index))
        domain = tuple(self.named(n) for n in lowered.domain)
        real = [axis for axis, n in enumerate(domain) if n != 1]
        if REDUCERS[lowered.kind].finds_index:
            # the first extremum is kept in registers: the axis looked along comes last
            real.sort(key=lambda axis: axis in lowered.axes)
        place = {axis: LOOP[k] for k, axis in enumerate(real)}
        full = tuple(Poly.of(place.get(axis, 0)) for axis in range(len(domain)))
        reduced = tuple(k for k, axis in enumerate(real) if axis in lowered.axes)
        index = tuple(i for axis, i in enumerate(full) if axis not in lowered.axes)
        kept = [k for k in range(len(real)) if k not in reduced]
        prefix = len(kept) if kept == list(range(len(kept))) else None
        return Value(
            v, tuple(domain[a] for a in real), index, lowered.at(*full), lowered.kind, prefix, reduced
        )

    def depends_on_data(self, poly: Poly) -> bool:
        """Whether a length can only be known in the middle of a call, from what has been computed."""
        pending, seen = [poly], set()
        while pending:
            p = pending.pop()
            if any(not self.is_leaf(u) or u in self.per_step for u in p.uses):
                return True
            for monomial in p.terms:
                for atom in monomial:
                    if isinstance(atom, Symbol) and atom in self.dims and atom not in seen:
                        seen.add(atom)
                        pending.append(self.dims[atom])
                    elif isinstance(atom, Expr) and atom not in seen:
                        seen.add(atom)
                        pending.extend(polys_of(atom))
        return False


def polys_of(expr: Expr) -> list[Poly]:
    """The polynomials inside an expression."""
    result, stack, seen = [], [expr], set()
    while stack:
        e = stack.pop()
        if e in seen:
            continue
        seen.add(e)
        if e.op == "int":
            result.append(e.value)
        elif e.op == "access":
            result.extend(e.value[1])
        stack.extend(e.args)
    return result


def _cost(expr: Expr, limit: int) -> bool:
    """Whether an expression takes at most ``limit`` cheap operations."""
    cost, stack = 0, [expr]
    while stack:
        e = stack.pop()
        if e.op in ("const", "int", "access"):
            continue
        cheap = e.op == "cast" or is_cheap(e.op) or (e.op in ("true_div", "inv") and not e.free)
        cost += 1 if cheap else limit + 1
        if cost > limit:
            return False
        stack.extend(e.args)
    return True
