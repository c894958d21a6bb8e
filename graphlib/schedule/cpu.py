"""Loop nests for a processor: a fused group, or a piece of a pushed output, becomes one kernel, whose
innermost loops are computed in vectors and whose outermost one is cut into chunks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..lower.lowering import LOOP, Placed, Value
from ..records import record
from ..scalar.expression import Expr, integer, load, local, node, walk
from ..scalar.functions import COSTLY, is_costly
from ..scalar.integer import ZERO, Poly, flat_index, product, symbol
from ..scalar.reductions import REDUCERS
from .abreast import go_abreast
from .arrays import Array
from .builder import Builder, Scope, pushed
from .nests import Block, Nest, build, collapsible
from .parts import expressions
from .plan import Kernel, Partial
from .statements import (
    Accumulator,
    Add,
    AddRows,
    Begin,
    Draw,
    Join,
    Lanes,
    Let,
    Loop,
    OwnArray,
    OwnMemory,
    Part,
    Parts,
    Statement,
    Store,
    Take,
    TakeInto,
    TakeTotals,
    Target,
    Totals,
    statements,
)
from .written_out import written_out

#: draws that are computed a run at a time, before the loop that uses them, and the turns of a run
_DRAWS = frozenset(["random_uniform", "random_normal"])
_RUN = 512
#: rows whose elements are added up in float32 before they are added to totals in double
_ROWS = 64
#: what the load or store of an element costs, in additions
_MEMORY_COST = 2
#: elements that a row's own array may have on the stack
_ROW_LIMIT = 4096
#: GL_CHUNK_WORK of graphlib_runtime.h: the work of a chunk of a loop
_CHUNK_WORK = 131072
#: turns that a chunk has at least, where what all chunks have in memory is to be added up
_JOINED_TURNS = 8
#: and where turns go abreast
_ABREAST_TURNS = 32
#: turns of a block in which the index of an extremum is looked for
BLOCK = 16
#: for values the arrays that they are parts of, each with its element's place there
Landings = dict[Array, list[tuple[Array, Poly]]]
#: the first turn of a run
RUN = symbol("run", True, -1)


@record
class Row:
    """A small array for a value that several loops of a block at ``level`` share; its element is at
    ``offset``."""

    name: str
    level: int
    size: Poly
    offset: Poly

    @property
    def on_stack(self) -> bool:
        return self.size.constant is not None and self.size.constant <= _ROW_LIMIT


def to_memory(values: Sequence[Value]) -> set[Any]:
    """Of the values of a nest, what several loops need of which all rows are to be there."""
    return {v for v, level in build(list(values)).crossing.items() if level == 0}


def nest(
    name: str,
    comment: Sequence[str],
    axes: tuple[Poly, ...],
    values: Sequence[Value],
    stored: set[Array],
    landings: Landings | None = None,
) -> Kernel:
    """The kernel of a fused group, which computes ``values`` and puts those in ``stored`` into memory, and
    elements of others at places in arrays that they are parts of."""
    made = _Nest(axes, list(values), stored, landings or {})
    if len(axes) > 1 and len(axes) - 2 not in made.merged:
        short = written_out(axes, values, stored, landings or {})
        if short is not None:
            made = _Nest(short.axes, list(short.values), set(short.stored), short.landings, short.home)
    return made.kernel(name, tuple(comment))


def _builder(axes_merged: set[int]) -> Builder:
    builder = Builder({i: k + 1 for k, i in enumerate(LOOP)})
    builder.merged = {LOOP[k] for k in axes_merged}
    return builder


def _turns(axes: Sequence[Poly], merged: set[int], axis: int) -> Poly:
    """How often the loop runs that ``axis`` is in, the axes merged into it counted in."""
    first = last = axis
    while first - 1 in merged:
        first -= 1
    while last in merged:
        last += 1
    return product(axes[first : last + 1])


class _Nest:
    def __init__(
        self,
        axes: tuple[Poly, ...],
        values: list[Value],
        stored: set[Array],
        landings: Landings,
        home: dict[Array, Array] | None = None,
    ) -> None:
        self.axes, self.values, self.stored, self.landings = axes, values, stored, landings
        #: of arrays that are parts of others, those (see ``written_out.py``)
        self.home = home or {}
        self.tree: Nest = build(values)
        self.block_of = self.tree.block_of
        self.block_of |= {whole: self.block_of[part] for part, whole in self.home.items()}
        self.rows = self._rows()
        self.totals: dict[Array, Totals] = {}
        self.total_axes: dict[Array, int] = {}
        self.accumulators: dict[tuple[Block, Block], list[Value]] = {}
        self.merged = self._merged()
        self.partial = [v for v in values if v.kind is not None and v.kept == 0 and axes and v.reduced]
        self.in_memory = [v for v in values if v.kind is not None and v.kept is None]
        self.builder = _builder(self.merged)
        self.builder.staged = self._staged
        self.builder.count_uses([v.element for v in values])
        self.own: list[Poly] = []
        self.splits = bool(axes) and not any(finds_index(v.kind) for v in self.partial)
        #: reductions into memory of which each chunk has a part, and those of which it has turns to itself
        self.joined = [v for v in self.in_memory if 0 in v.reduced]
        self.by_turns = [v for v in self.in_memory if 0 not in v.reduced] if self.splits else []
        if (self.by_turns and 0 in self.merged) or (self.joined and not self._is_large()):
            self.splits, self.by_turns = False, []

    def _rows(self) -> dict[Array, Row]:
        """The small arrays for values that several loops of a row need."""
        rows: dict[Array, Row] = {}
        values = {v.variable: v for v in self.values}
        for array, level in self.tree.crossing.items():
            if array in self.stored:
                continue
            value = values[array]
            lengths = value.axes[level : value.depth]
            indices = [Poly.of(i) for i in LOOP[level : level + len(lengths)]]
            rows[array] = Row(f"row{len(rows)}", level, product(lengths), flat_index(indices, lengths))
        return rows

    def _merged(self) -> set[int]:
        """The axes merged into the next one; notes which accumulators belong to which loop."""
        boundaries: set[int] = set()
        offsets: list[Poly] = []
        for value in self.values:
            if value.kind is not None:
                at = register_level(value)
                boundaries.add(at)
                if at < len(value.axes):
                    chain = self.block_of[value.variable].ancestors()
                    outer = next(b for b in chain if b.level == at)
                    self.accumulators.setdefault((outer, chain[chain.index(outer) - 1]), []).append(value)
                if finds_index(value.kind) and value.reduced:
                    boundaries |= {value.reduced[0], value.reduced[0] + 1}
            else:
                boundaries.add(len(value.axes))
            if value.variable in self.stored:
                offsets.append(self._offset(value))
            offsets += [place for _, place in self.landings.get(value.variable, ())]
            if value.variable in self.rows:
                offsets.append(self.rows[value.variable].offset)
                boundaries.add(self.rows[value.variable].level)
        boundaries.discard(len(self.axes))
        elements = [v.element for v in self.values]
        return collapsible(self.axes, elements, offsets, boundaries, lambda array: array.shape)

    def _staged(self, array: Array, offset: Poly) -> Expr | None:
        row = self.rows.get(array)
        if row is None and array in self.home:
            return load(self.home[array], array.dtype, self.builder.poly(offset))
        return None if row is None else load(row.name, array.dtype, self.builder.poly(row.offset))

    def _is_large(self) -> bool:
        """Whether the nest may be work for several chunks that have parts of a result in memory."""
        arrays = {e.value[0] for e in self.builder.uses if e.op == "access"} | self.stored
        turns, work = _turns(self.axes, self.merged, 0).constant, self._work(len(arrays)).constant
        return (turns is None or turns >= 2 * _JOINED_TURNS) and (work is None or work >= 2 * _CHUNK_WORK)

    def _work(self, touched: int) -> Poly:
        """About how many operations the nest takes, of which so many pieces of memory are read or written."""
        slow = sum(is_costly(expr.op) for expr in self.builder.uses)
        return product(self.axes) * (len(self.values) + _MEMORY_COST * touched + COSTLY * slow)

    def _own_memory(self, name: str, dtype: str, size: Poly) -> OwnMemory:
        self.own.append(size * np.dtype(dtype).itemsize)
        return OwnMemory(name, dtype, size)

    def kernel(self, name: str, comment: tuple[str, ...]) -> Kernel:
        scope = Scope(None, 0)
        self._place_totals()
        joined = self.joined if self.splits else []
        parts = [
            Parts(f"part{k}", to, v.kind, to.dtype, self._size(v))
            for k, (to, v) in enumerate(self._targets(joined).items())
        ]
        self.own = [part.size * np.dtype(part.dtype).itemsize for part in parts]
        scope.body += [*([Join(tuple(parts))] if parts else []), *parts]
        for total in self.totals.values():
            scope.body.append(self._own_memory(total.name, "float64", total.size))
        for array, row in self.rows.items():
            if not row.on_stack:
                scope.body.append(self._own_memory(row.name, array.dtype, row.size))
        at_once = [v for v in self.in_memory if v not in self.by_turns]
        scope.body += self._begun(at_once)
        self._block(self.tree.root, scope)
        scope.body += self._ended(at_once)
        partial = []
        for k, value in enumerate(self.partial):
            register, _ = self.builder.locals[value.variable]
            partial.append(Partial(value.variable, value.kind, value.variable.dtype))
            scope.body.append(Part(k, register.value, value.variable.dtype))
        body = tuple(scope.body)
        work = self._work(len(memories(body)))
        return Kernel(
            name,
            comment,
            body,
            turns=_turns(self.axes, self.merged, 0) if self.splits else None,
            work=work,
            checks=self.builder.checks,
            partial=tuple(partial),
            own=tuple(self.own),
            joins=bool(joined),
            least=_least(body, bool(joined)),
        )

    def _size(self, value: Value) -> Poly:
        """How many elements of a reduction into memory take terms in a chunk, or in a turn of it."""
        if value in self.by_turns:
            return self._offset(value).linear_in([LOOP[0]])[0][0]
        return product(value.variable.shape)

    def _target(self, value: Value) -> Array:
        """The array that a value is an element of."""
        return self.home.get(value.variable, value.variable)

    def _targets(self, values: list[Value]) -> dict[Array, Value]:
        """The arrays that values are elements of, with one of those of each."""
        return {self._target(v): v for v in values}

    def _offset(self, value: Value) -> Poly:
        return flat_index(value.index, value.variable.shape)

    def _begun(self, values: list[Value]) -> list[Statement]:
        """Reductions into memory begin, and the totals of those that have them."""
        begun: list[Statement] = []
        for to, v in self._targets(values).items():
            first = self._first(v)
            begun.append(Begin(to, v.kind, to.dtype, self._size(v), first))
            begun += [self.totals[to]] if to in self.totals else []
        return begun

    def _first(self, value: Value) -> Poly:
        """The first of those elements."""
        return LOOP[0] * self._size(value) if value in self.by_turns else ZERO

    def _ended(self, values: list[Value]) -> list[Statement]:
        return [TakeTotals(self.totals[to]) for to in self._targets(values) if to in self.totals]

    def _place_totals(self) -> None:
        """Give long sums of float32 into memory their totals in double.

        A row's terms are added to the result, as ever, and after each run of rows that to the totals.  That
        costs next to nothing; to add each term to a double would.
        """
        for to, value in self._targets(self.in_memory).items():
            outer = [k for k in value.reduced if k < register_level(value)]
            terms, size = product(value.axes[k] for k in outer), self._size(value)
            few = terms.constant is not None and terms.constant < _ROWS
            if value.kind != "sum" or value.variable.dtype != "float32" or few or size == 0:
                continue
            last, level = outer[-1], register_level(value)
            vectorised = not any(isinstance(e, Block) for e in self.block_of[value.variable].entries)
            by_rows = level == len(value.axes) and vectorised and outer == list(range(last + 1))
            name = f"total{len(self.totals)}"
            self.totals[to] = Totals(name, to, size, by_rows, self._first(value))
            if by_rows:
                self.total_axes[to] = last

    # blocks

    def _block(self, block: Block, scope: Scope) -> None:
        stores: list[Statement] = []
        for array, row in self.rows.items():
            if row.on_stack and row.level == block.level and self.block_of[array] in _inside(block):
                scope.body.append(OwnArray(row.name, array.dtype, row.size.constant))
        for entry in block.entries:
            if isinstance(entry, Block):
                self._inner_loop(block, entry, scope)
            elif entry.kind is None:
                self._map_value(entry, scope, stores)
            else:
                self._take_in(entry, scope)
        scope.body.extend(stores)

    def _inner_loop(self, block: Block, entry: Block, scope: Scope) -> None:
        locals = self.builder.locals
        finished = self.accumulators.get((block, entry), [])
        for value in finished:
            self._declare(value, scope)
        inner = Scope(scope, entry.level)
        axis = entry.level - 1
        deepest = not any(isinstance(e, Block) for e in entry.entries)
        before = self._draws(entry, scope, inner) if deepest and axis not in self.merged else []
        # a sum of many terms is one of sums of runs, which rounds as little as a vector of sums does
        whole = {
            v: locals[v.variable]
            for v in entry.entries
            if isinstance(v, Value) and self._sums_by_runs(v) and v.variable in locals
        }
        for value, (register, scope_of) in whole.items():
            name = f"{register.value}_run"
            before.append(Accumulator(name, "sum", "float32"))
            locals[value.variable] = local(name, "float32"), scope_of
        by_turns = [v for v in self.by_turns if axis == 0 and entry in self.block_of[v.variable].ancestors()]
        inner.body += self._begun(by_turns)
        self._block(entry, inner)
        inner.body += self._ended(by_turns)
        after: list[Statement] = [Add(r.value, f"{r.value}_run") for r, _ in whole.values()]
        by_rows = [
            array
            for array, total_axis in self.total_axes.items()
            if total_axis == axis and entry in self.block_of[array].ancestors()
        ]
        after += [AddRows(self.totals[array], _ROWS) for array in by_rows]
        if axis in self.merged:
            scope.body.extend(inner.body)
        else:
            first = axis
            while first - 1 in self.merged:
                first -= 1
            loop = Loop(
                LOOP[axis],
                _turns(self.axes, self.merged, axis),
                tuple(inner.body),
                self._lanes(entry) if deepest else None,
                split=self.splits and first == 0,
                run=(_ROWS if by_rows else _RUN) if before or after else None,
                before=tuple(before),
                after=tuple(after),
            )
            scope.body.append(replace(loop, abreast=not self.builder.checks and go_abreast(loop)))
        for value, register in whole.items():
            locals[value.variable] = register
        for value in finished:
            self._finish(value, scope)

    def _draws(self, entry: Block, scope: Scope, inner: Scope) -> list[Statement]:
        """Statements that compute the random draws of a run of turns of an innermost loop, where they are
        consecutive elements: all words of a block of random bits are used then."""
        index, builder = LOOP[entry.level - 1], self.builder
        found: list[Statement] = []
        for expr in dict.fromkeys(
            e for value in entry.entries if isinstance(value, Value) for e in walk(value.element)
        ):
            if expr.op not in _DRAWS or expr in inner.known:
                continue
            *state, position = expr.args
            linear = position.value.linear_in([index]) if position.op == "int" else None
            if linear is None or linear[0][0] != 1 or builder.level(linear[1], scope) > scope.level:
                continue
            state = tuple(builder.emit(e, scope) for e in state)
            name = f"u{len(found)}"
            first = builder.emit(integer(linear[1]), scope)
            found.append(Draw(name, expr.op, expr.dtype, state, first, _RUN))
            inner.known[expr] = load(name, expr.dtype, Poly.of(index) - RUN)
        return found

    def _map_value(self, value: Value, scope: Scope, stores: list[Statement]) -> None:
        made = self.builder.emit(value.element, scope)
        if not self.builder.is_name(made):
            name = self.builder.name("t")
            scope.body.append(Let(name, value.variable.dtype, made))
            made = local(name, value.variable.dtype)
        self.builder.locals[value.variable] = made, scope
        stores.extend(self._kept(value, made))

    def _kept(self, value: Value, made: Expr) -> list[Statement]:
        """The statements that keep a value for what cannot read its register."""
        array = value.variable
        places: list[tuple[Target, Poly]] = list(self.landings.get(array, ()))
        if array in self.stored:
            places.insert(0, (self._target(value), self._offset(value)))
        elif array in self.rows:
            places.insert(0, (self.rows[array].name, self.rows[array].offset))
        return [Store(to, array.dtype, self.builder.poly(offset), made) for to, offset in places]

    # reductions

    def _declare(self, value: Value, scope: Scope) -> None:
        name = self.builder.name("r")
        wide = self._sums_one_by_one(value) or self._sums_by_runs(value)
        dtype = "float64" if wide else value.variable.dtype
        self.builder.locals[value.variable] = local(name, dtype), scope
        held = value.element.dtype if finds_index(value.kind) else dtype
        scope.body.append(Accumulator(name, value.kind, held))

    def _sums_by_runs(self, value: Value) -> bool:
        """Whether a float32 sum in a vectorised loop has so many terms that those of runs are added up."""
        if value.kind != "sum" or value.variable.dtype != "float32" or self._sums_one_by_one(value):
            return False
        terms = product(value.axes[k] for k in value.reduced).constant
        return bool(value.reduced) and (terms is None or terms > _RUN)

    def _sums_one_by_one(self, value: Value) -> bool:
        """Whether a float32 sum is taken outside the vectorised loops, where double costs nothing and many
        terms would round many times."""
        block = self.block_of[value.variable]
        vectorised = not any(isinstance(entry, Block) for entry in block.entries)
        return value.kind in ("sum", "prod") and value.variable.dtype == "float32" and not vectorised

    def _take_in(self, value: Value, scope: Scope) -> None:
        x = self.builder.emit(value.element, scope)
        array, kind = value.variable, value.kind
        if array not in self.builder.locals:
            if value.kept is None:
                scope.body.append(self._into(value, x))
                return
            # nothing is reduced: the value itself
            name = self.builder.name("t")
            scope.body.append(Let(name, array.dtype, of_one(kind, array.dtype, x)))
            register = local(name, array.dtype)
            self.builder.locals[array] = register, scope
            scope.body.extend(self._kept(value, register))
            return
        name = self.builder.locals[array][0].value
        index = LOOP[value.reduced[0]] if finds_index(kind) else None
        scope.body.append(Take(name, kind, x.dtype if index is not None else array.dtype, x, index))

    def _into(self, value: Value, x: Expr) -> TakeInto:
        """What takes a term into a reduction in memory."""
        target, place = self._target(value), self._offset(value)
        total = self.totals.get(target)
        if total is not None and not total.by_rows:
            target, place = total.name, place - total.offset
        return TakeInto(target, value.kind, value.variable.dtype, self.builder.poly(place), x)

    def _finish(self, value: Value, scope: Scope) -> None:
        array, locals = value.variable, self.builder.locals
        register = locals[array][0]
        if self._target(value) in self.totals:
            scope.body.append(self._into(value, register))
            del locals[array]
            return
        if self._sums_one_by_one(value) or self._sums_by_runs(value):
            rounded = local(f"{register.value}_rounded", "float32")
            scope.body.append(Let(rounded.value, "float32", node("cast", "float32", register)))
            register = rounded
            locals[array] = register, scope
        if value.kept is None:
            scope.body.append(self._into(value, register))
            del locals[array]
        elif value.kept:
            scope.body.extend(self._kept(value, register))

    def _lanes(self, entry: Block) -> Lanes | None:
        """The reductions of a vectorised loop; None where an index is looked for among truths or few
        elements."""
        turns = _turns(self.axes, self.merged, entry.level - 1).constant
        few = turns is not None and turns < BLOCK
        found = []
        for value in entry.entries:
            if isinstance(value, Block) or value.kind is None or value.variable not in self.builder.locals:
                continue
            if register_level(value) == len(value.axes):
                continue
            dtype = value.element.dtype if finds_index(value.kind) else value.variable.dtype
            if finds_index(value.kind) and (few or dtype == "bool"):
                return None
            found.append((value.kind, dtype, self.builder.locals[value.variable][0].value))
        return Lanes(tuple(found), self.builder.checks)


def piece(name: str, comment: Sequence[str], array: Array, placed: Placed, only_checks: bool) -> Kernel:
    """The kernel of one piece of a pushed output, or one that only looks for wrong indices."""
    axes = placed.axes
    merged = collapsible(axes, [placed.element], [placed.offset], set(), lambda array: array.shape)
    builder = _builder(merged)
    builder.count_uses([placed.element, integer(placed.offset)])
    scopes = [Scope(None, 0)]
    for k in range(len(axes)):
        scopes.append(Scope(scopes[-1], k + 1))
    pushed(builder, array, placed, scopes[-1], only_checks)
    levels = [k for k in range(len(axes)) if k not in merged]
    for k in reversed(range(len(axes))):
        if k in merged:
            scopes[k].body.extend(scopes[k + 1].body)
            continue
        vector = k == levels[-1] and not placed.collides and not builder.checks
        lanes = Lanes((), False) if vector else None
        scopes[k].body.append(Loop(LOOP[k], _turns(axes, merged, k), tuple(scopes[k + 1].body), lanes))
    return Kernel(name, tuple(comment), tuple(scopes[0].body), checks=builder.checks)


def finds_index(kind: str | None) -> bool:
    """Whether a reduction gives the index of an extremum."""
    return kind is not None and REDUCERS[kind].finds_index


def register_level(value: Value) -> int:
    """The level at which a reduction has a register: below the last axis that it keeps."""
    kept = [k for k in range(len(value.axes)) if k not in value.reduced]
    return kept[-1] + 1 if kept else 0


def _least(body: tuple[Statement, ...], joined: bool) -> int:
    """How many turns a chunk has at least."""
    abreast = any(isinstance(s, Loop) and s.split and s.abreast for s in body)
    return _ABREAST_TURNS if abreast else _JOINED_TURNS if joined else 1


def of_one(kind: str, dtype: str, x: Expr) -> Expr:
    """A reduction of one element."""
    if finds_index(kind):
        return integer(0)
    return node("cast", "bool", x) if REDUCERS[kind].truth else x


def memories(body: tuple[Statement, ...]) -> set[Any]:
    """The pieces of memory that statements read and write."""
    found = set()
    for one in statements(body):
        target = getattr(one, "target", None)
        found |= {target.memory} if isinstance(target, Array) else set()
    read = (e.value[0] for e in expressions(body) if e.op == "load")
    return found | {array.memory for array in read if isinstance(array, Array)}


def _inside(block: Block) -> list[Block]:
    """A block and those of the loops in it."""
    found, stack = [], [block]
    while stack:
        found.append(stack.pop())
        stack.extend(e for e in found[-1].entries if isinstance(e, Block))
    return found
