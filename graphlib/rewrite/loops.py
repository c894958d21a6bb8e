"""Loops made cheaper: what nobody reads is not computed or kept, and what does not depend on the recurrence
leaves.

The passes work on a ``Body``, a loop taken apart: first those of its inner graph's nodes that do not change
from step to step, or that depend on sequences alone, are computed before it; then sums over steps and
products that only outputs need are computed after it, from rows that the loop keeps.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from ..errors import ShapeError
from ..graph import Apply, Constant, TensorType, Variable, clone, toposort
from ..graph.variable import fixed_origin
from ..ops.create import ARange, alloc
from ..ops.elementwise import Elementwise, add
from ..ops.index import BasicIndex, basic_index
from ..ops.linalg import MatrixProduct
from ..ops.reduce import sum as sum_
from ..ops.scan import FirstRows, Scan, last_value, leaves_of
from ..ops.shape import BroadcastTo, DimShuffle, ShapeI, constant_int, dimshuffle, shape_i
from ..scalar.functions import is_costly
from .batching import batched, joined_rows
from .loop_body import Body, Recurrence, Uses, as_known, each_loop, has_loops
from .rules import Composite

# loops that are the same but for what they keep


def merged(results: list[Variable], stop_at: Collection[Variable]) -> list[Variable]:
    """One loop in place of several that go through the same steps: one that a gradient extended, and the
    original."""
    while True:
        groups: dict[tuple, list[Apply]] = {}
        for node in toposort(results, stop_at):
            if isinstance(node.op, Scan):
                groups.setdefault(node.op.way(node), []).append(node)
        group = next((g for g in groups.values() if len(g) > 1), None)
        if group is None:
            return results
        results = clone(results, _united(group))


def _united(group: list[Apply]) -> dict[Variable, Variable]:
    bodies = [Body.of(node) for node in group]
    first = bodies[0]
    known = {o.row: o for o in first.mapped}
    same: list[tuple[Variable, Variable]] = []
    for body in bodies[1:]:
        for s, t in zip(first.states, body.states, strict=True):
            same += [(s.history, t.history), (s.last, t.last)]
        same.append((first.done, body.done))
        for o in body.mapped:
            if o.row not in known:
                known[o.row] = o
                first.mapped.append(o)
            elif known[o.row] is not o:
                same.append((known[o.row].outer, o.outer))
    first.node()
    replaced = first.replaced
    replaced.update((other, replaced[one]) for one, other in same if one is not None)
    return replaced


# what nobody reads


def shrunk(node: Apply, uses: Uses) -> dict[Variable, Variable]:
    """The loop without what nobody reads, and with only the last value of what is read nowhere else."""
    body = Body.of(node)
    turned = _only_last(body, uses)
    for s in body.states:
        s.kept = s.kept and (s.depth > 1 or uses.is_used(s.history))
    body.mapped = [o for o in body.mapped if uses.is_used(o.outer)]
    live = [
        s
        for s in body.states
        if s in turned or s.kept or s.last is None or uses.is_used(s.last) or s.depth > 1
    ]
    while True:
        ends = [*(s.new for s in live), *(o.row for o in body.mapped)]
        ends += [body.condition] if body.condition is not None else []
        leaves = leaves_of(ends)
        more = [s for s in body.states if s not in live and any(v in leaves for v in s.taps.values())]
        if not more:
            break
        live += more
    body.states = [s for s in body.states if s in live]
    _tidy(body, leaves)
    body.node()
    return body.replaced


def _only_last(body: Body, uses: Uses) -> list[Recurrence]:
    """Mapped outputs of which only the last row is read become states, which are returned."""
    turned: list[Recurrence] = []
    if body.condition is not None:
        return turned
    for o in list(body.mapped):
        readers = uses.of(o.outer)
        if (
            not readers
            or not all(_is_last(r) for r in readers)
            or uses.back.get(o.outer, o.outer) in uses.results
        ):
            continue
        initial = alloc(Constant(0, dtype=o.row.dtype), 1, *o.shape)
        last = o.row.type()
        body.mapped.remove(o)
        turned.append(Recurrence({-1: o.row.type()}, o.row, initial, None, last, False))
        for reader in readers:
            body.replaced[reader.outputs[0]] = last_value(last, body.n)
    body.states += turned
    return turned


def _is_last(node: Apply) -> bool:
    op = node.op
    return (
        type(op) is BasicIndex
        and op.entries[0] == "index"
        and all(e is None for e in op.entries[1:])
        and constant_int(node.inputs[1]) == -1
    )


def _tidy(body: Body, leaves: set[Variable]) -> None:
    """Drop inputs that the step does not read, and pass each outer variable once, small constants not at
    all."""
    replace: dict[Variable, Variable] = {}
    for group in (body.sequences, body.invariants):
        first: dict[Variable, Variable] = {}
        for inner, outer in list(group.items()):
            constant = group is body.invariants and isinstance(outer, Constant) and outer.data.size == 1
            if inner not in leaves:
                del group[inner]
            elif constant:
                replace[inner] = outer
                del group[inner]
            elif outer in first:
                replace[inner] = first[outer]
                del group[inner]
            else:
                first[outer] = inner
    body.substitute(replace)


# what leaves the loop


class Lift:
    """Finds inner variables for all steps at once, from what is known outside the loop: ``outer`` and
    whether it moves."""

    def __init__(self, body: Body) -> None:
        self.body = body
        self.outer: dict[Variable, tuple[Variable, bool]] = {
            **{v: (x, True) for v, x in body.sequences.items()},
            **{v: (x, False) for v, x in body.invariants.items()},
        }
        #: states, none of which changes its shape from step to step
        self.initial = {v: s.initial for s in body.states for v in s.taps.values()}
        steps = [(v, x) for v, x in body.sequences.items() if not self.spans(x)]
        for v, x in steps:
            self.outer[v] = (basic_index(x, [slice(None, body.n)]), True)

    def spans(self, x: Variable) -> bool:
        """Whether a sequence is known to have exactly as many rows as the loop has steps."""
        n, length = constant_int(self.body.n), x.type.shape[0]
        return n is not None and n == length

    def get(self, v: Variable) -> tuple[Variable, bool] | None:
        if isinstance(v, Constant):
            return v, False
        return self.outer.get(v)

    def add(self, node: Apply) -> bool:
        """Note what a node is outside, if all its operands are known and it has such a form."""
        if isinstance(node.op, ShapeI) and node.inputs[0] in self.initial:
            length = shape_i(self.initial[node.inputs[0]], node.op.axis + 1)
            self.outer[node.outputs[0]] = length, False
            return True
        known = [self.get(v) for v in node.inputs]
        if any(k is None for k in known):
            return False
        outputs, moves = batched(node, [v for v, _ in known], [m for _, m in known], self.body.n)
        if outputs is None:
            return False
        for v, x in zip(node.outputs, outputs, strict=True):
            self.outer[v] = as_known(x, [None, *v.type.shape] if moves else v.type.shape), moves
        return True


def hoisted(node: Apply, uses: Uses) -> dict[Variable, Variable]:
    """The loop without what can be computed before or after it."""
    if node.op.lazy:
        return {}
    # fewer passes where the rows that one would keep have no shape that is known before the loop
    for passes in ((counted, sums, before, after), (counted, sums, before), (before,)):
        body = Body.of(node)
        try:
            for change in passes:
                change(body)
            body.node()
            return body.replaced
        except ShapeError:
            continue
    return {}


def counted(body: Body) -> None:
    """What counts the steps is counted, where it is not known how many of them are made."""
    if body.condition is None:
        return
    for row, outer in list(body.sequences.items()):
        node = outer.owner
        if node is not None and isinstance(node.op, FirstRows):
            node = node.inputs[0].owner
        if node is None or not isinstance(node.op, ARange) or row.type.is_float:
            continue
        start, _, step = node.inputs
        if isinstance(step, Constant):
            del body.sequences[row]
            body.states.append(
                Recurrence({-1: row}, row + step, dimshuffle(start, "x"), None, None, kept=False)
            )


def before(body: Body) -> None:
    """Nodes that depend on invariants alone, and costly ones that depend on sequences, leave the loop."""
    lift = Lift(body)
    ends = body.ends()
    order = toposort(ends)
    known = [node for node in order if lift.add(node)]
    if not known:
        return
    readers: dict[Variable, list[Apply]] = {}
    for node in order:
        for v in node.inputs:
            readers.setdefault(v, []).append(node)
    wanted = {node for node in known if _worthwhile(node, lift)}
    moved: set[Apply] = set()
    for node in reversed(known):
        if node in wanted or any(r in moved for v in node.outputs for r in readers.get(v, ())):
            moved.add(node)
    replace: dict[Variable, Variable] = {}
    for node in known:
        for v in node.outputs:
            needed = any(r not in moved for r in readers.get(v, ())) or v in ends
            if node in wanted and needed:
                outer, moves = lift.outer[v]
                inner = v.type(v.name)
                (body.sequences if moves else body.invariants)[inner] = outer
                replace[v] = inner
    rest = []
    for o in body.mapped:
        # a row that nothing in the loop computes
        found = lift.get(o.row)
        if found is not None and found[1] and o.outer is not None and body.condition is None:
            body.replaced[o.outer] = found[0]
        else:
            rest.append(o)
    body.mapped = rest
    body.substitute(replace)


def _worthwhile(node: Apply, lift: Lift) -> bool:
    op, out = node.op, node.outputs[0]
    if op.view or isinstance(op, (BroadcastTo, ARange, ShapeI)):
        return False
    if not lift.outer[out][1]:
        return bool(out.ndim) or not isinstance(op, Elementwise)
    if lift.body.condition is not None:
        # not for steps that may never be made
        return False
    return isinstance(op, (MatrixProduct, Composite)) or (type(op) is Elementwise and is_costly(op.name))


def sums(body: Body) -> None:
    """States that only add up leave the loop: products over all steps become one, sums are taken after it."""
    if body.condition is not None:
        return
    lift = Lift(body)
    ends = body.ends()
    order = toposort(ends)
    for node in order:
        lift.add(node)
    readers: dict[Variable, list[Apply]] = {}
    for node in order:
        for v in node.inputs:
            readers.setdefault(v, []).append(node)
    jobs = []
    for s in body.states:
        terms = _added(s, readers, ends) if not s.kept and s.last is not None and not s.carries else None
        if terms is not None:
            jobs.append((s, terms))
    available = _Rows(body, lift)
    totals: dict[int, list[Variable]] = {}
    # products first: what they keep may be all that the other terms need
    for wants_product in (True, False):
        for k, (_, terms) in enumerate(jobs):
            for term in list(terms):
                total = _product_sum(term, available) if wants_product else _plain_sum(term, available)
                if total is not None:
                    terms.remove(term)
                    totals.setdefault(k, []).append(total)
    for k, (s, terms) in enumerate(jobs):
        if k not in totals:
            continue
        (tap,) = s.taps.values()
        moved = totals[k][0]
        for other in totals[k][1:]:
            moved = moved + other
        if terms:
            s.new = tap
            for term in terms:
                s.new = s.new + term
            stand_in = s.last.type()
            body.replaced[s.last] = stand_in + moved
            s.last = stand_in
        else:
            body.states.remove(s)
            body.replaced[s.last] = basic_index(s.initial, [0]) + moved


def _added(
    s: Recurrence, readers: dict[Variable, list[Apply]], ends: list[Variable]
) -> list[Variable] | None:
    """The terms that a state adds to itself, if that is all that happens to it."""
    if tuple(s.taps) != (-1,):
        return None
    tap = s.taps[-1]
    terms, stack, own = [], [s.new], 0
    while stack:
        v = stack.pop()
        alone = len(readers.get(v, ())) + sum(e is v for e in ends) == 1
        if v is tap:
            own += 1
        elif alone and v.owner is not None and v.owner.op == add and _fills(v, s.new):
            stack.extend(v.owner.inputs)
        else:
            terms.append(v)
    if own != 1 or not terms or len(readers.get(tap, ())) != 1 or any(e is tap for e in ends):
        return None
    return terms if all(_fills(v, s.new) for v in terms) else None


def _fills(v: Variable, whole: Variable) -> bool:
    """Whether a term of a sum has the sum's own shape, so that nothing is repeated."""
    return v.ndim == whole.ndim and all(
        n != 1 or m == 1 for n, m in zip(v.type.shape, whole.type.shape, strict=True)
    )


class _Rows:
    """Inner variables for all steps: known outside, or kept by the loop in a state's history or a mapped
    output."""

    def __init__(self, body: Body, lift: Lift) -> None:
        self.body, self.lift = body, lift

    def kept(self, v: Variable) -> Variable | None:
        """Where the loop keeps a variable already."""
        found = self._kept(v)
        return None if found is None else as_known(found, [None, *v.type.shape])

    def _kept(self, v: Variable) -> Variable | None:
        found = self.lift.get(v)
        if found is not None:
            return found[0] if found[1] else None
        for o in self.body.mapped:
            if o.row is v:
                return o.outer
        for s in self.body.states:
            if s.kept and v is s.new:
                return basic_index(self.body.history_of(s), [slice(s.depth, None)])
            for tap, inner in s.taps.items():
                if s.kept and v is inner:
                    start, stop = s.depth + tap, self.body.n + (s.depth + tap)
                    return basic_index(self.body.history_of(s), [slice(start, stop)])
        return None

    def all(self, v: Variable) -> Variable:
        """All rows of a variable that moves, kept from now on if they have not been."""
        found = self.kept(v)
        if found is not None:
            return found
        if v.owner is not None and type(v.owner.op) is DimShuffle:
            inner = self.all(v.owner.inputs[0])
            return dimshuffle(inner, 0, *(a if a == "x" else a + 1 for a in v.owner.op.order))
        for s in self.body.states:
            if v is s.new or v in s.taps.values():
                s.kept = True
                return self.all(v)
        return self.body.add_output(v)


def _product_sum(term: Variable, rows: _Rows) -> Variable | None:
    """The sum over steps of a product of matrices as one product of longer ones."""
    node = term.owner
    if node is None or type(node.op) is not MatrixProduct or node.op.batched:
        return None
    a, b = node.inputs
    steady = [rows.lift.get(v) is not None and not rows.lift.get(v)[1] for v in (a, b)]
    if any(steady):
        return None
    with fixed_origin(term.origin):
        left, right = joined_rows(_across(a, rows)), joined_rows(rows.all(b))
        return MatrixProduct().make(dimshuffle(left, 1, 0), right)


def _across(a: Variable, rows: _Rows) -> Variable:
    """The transposed rows of a matrix; free where it is a transposed one itself."""
    if a.owner is not None and type(a.owner.op) is DimShuffle and a.owner.op.order == (1, 0):
        return rows.all(a.owner.inputs[0])
    return dimshuffle(rows.all(a), 0, 2, 1)


def _plain_sum(term: Variable, rows: _Rows) -> Variable | None:
    """The sum over steps of a term that can be computed from rows that are kept anyway."""
    found = _from_kept(term, rows)
    return None if found is None else sum_(found, axis=0)


def _from_kept(end: Variable, rows: _Rows) -> Variable | None:
    """A variable for all steps, if it follows by views, elementwise operations and reductions from what is
    kept."""
    memo: dict[Variable, tuple[Variable, bool]] = {}
    pending = [end]
    while pending:
        v = pending[-1]
        if v in memo:
            pending.pop()
            continue
        found = rows.lift.get(v)
        kept = None if found is not None else rows.kept(v)
        if found is not None or kept is not None:
            memo[v] = found if found is not None else (kept, True)
            pending.pop()
            continue
        node = v.owner
        if node is None or node.op.costly or len(node.outputs) > 1:
            return None
        missing = [x for x in node.inputs if x not in memo and not isinstance(x, Constant)]
        if missing:
            pending.extend(missing)
            continue
        known = [(x, False) if isinstance(x, Constant) else memo[x] for x in node.inputs]
        outputs, moves = batched(node, [x for x, _ in known], [m for _, m in known], rows.body.n)
        if outputs is None:
            return None
        memo[v] = (outputs[0], moves)
    outer, moves = memo[end]
    return outer if moves else None


def after(body: Body) -> None:
    """Products that only mapped outputs need are computed after the loop, and with them what follows from
    them."""
    if body.condition is not None:
        return
    lift = Lift(body)
    order = toposort(body.ends())
    for node in order:
        lift.add(node)
    needed = set(toposort([s.new for s in body.states]))
    late: dict[Apply, bool] = {}
    for node in order:
        product = type(node.op) is MatrixProduct and not node.op.batched and node.outputs[0] not in lift.outer
        follows = any(v.owner is not None and late.get(v.owner) for v in node.inputs)
        late[node] = node not in needed and (product or follows)
    chosen = [o for o in body.mapped if o.row.owner is not None and late[o.row.owner]]
    if not chosen:
        return
    rows = _Rows(body, lift)
    memo: dict[Variable, tuple[Variable, bool]] = {}

    def outer_of(v: Variable) -> tuple[Variable, bool]:
        if v in memo:
            return memo[v]
        found = lift.get(v)
        return found if found is not None else (rows.all(v), True)

    before_change = list(body.mapped), [s.kept for s in body.states]
    for node in order:
        if not late[node]:
            continue
        known = [outer_of(v) for v in node.inputs]
        outputs, moves = batched(node, [v for v, _ in known], [m for _, m in known], body.n)
        if outputs is None or not moves:
            # one that has no such form keeps all of them inside
            body.mapped = before_change[0]
            for s, kept in zip(body.states, before_change[1], strict=True):
                s.kept = kept
            return
        memo.update((v, (x, moves)) for v, x in zip(node.outputs, outputs, strict=True))
    for o in chosen:
        body.replaced[o.outer] = memo[o.row][0]
        body.mapped.remove(o)


def _views_inside(body: Body) -> None:
    """Axes are put into another order inside the step, where it is free: outside it would take a copy."""
    replace: dict[Variable, Variable] = {}
    for group, first in ((body.sequences, 1), (body.invariants, 0)):
        for inner, outer in list(group.items()):
            node = outer.owner
            if node is None or type(node.op) is not DimShuffle or node.inputs[0].ndim == 0:
                continue
            order = node.op.order
            if first and order[0] != 0:
                continue
            base = node.inputs[0]
            own = TensorType(base.dtype, base.type.shape[first:])(inner.name)
            del group[inner]
            group[own] = base
            replace[inner] = dimshuffle(own, *(a if a == "x" else a - first for a in order[first:]))
    body.substitute(replace)


def finished(
    node: Apply, uses: Uses, rewrite: Callable[[list[Variable]], list[Variable]]
) -> dict[Variable, Variable]:
    """The loop with its step rewritten."""
    body = Body.of(node)
    _views_inside(body)
    body.set_ends(rewrite(body.ends()))
    _tidy(body, leaves_of(body.ends()))
    body.node()
    return body.replaced


__all__ = ["Uses", "each_loop", "finished", "has_loops", "hoisted", "merged", "shrunk"]
