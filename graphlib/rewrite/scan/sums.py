"""What is computed after a loop, from rows that it keeps: sums over its steps, and what only outputs need."""

from __future__ import annotations

import functools
import operator

from ...graph import Apply, Constant, Variable, toposort
from ...graph.variable import fixed_origin
from ...ops.elementwise import add
from ...ops.index import basic_index
from ...ops.linalg import MatrixProduct, joined_rows
from ...ops.reduce import sum as sum_
from ...ops.shape import DimShuffle, dimshuffle
from .batching import batched
from .body import Body, Recurrence, as_known
from .lift import Lift


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
        if k in totals:
            _take_out(body, s, totals[k], terms)


def _take_out(body: Body, s: Recurrence, totals: list[Variable], terms: list[Variable]) -> None:
    """What a state adds up but for some terms is added after the loop."""
    moved = functools.reduce(operator.add, totals)
    if not terms:
        body.states.remove(s)
        body.replaced[s.last] = basic_index(s.initial, [0]) + moved
        return
    (tap,) = s.taps.values()
    s.new = functools.reduce(operator.add, terms, tap)
    stand_in = s.last.type()
    body.replaced[s.last] = stand_in + moved
    s.last = stand_in


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
        """All rows of a variable that differs from step to step, kept from now on if they have not been."""
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
        outputs, per_step = batched(node, [x for x, _ in known], [m for _, m in known], rows.body.n)
        if outputs is None:
            return None
        memo[v] = (outputs[0], per_step)
    outer, per_step = memo[end]
    return outer if per_step else None


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
        outputs, per_step = batched(node, [v for v, _ in known], [m for _, m in known], body.n)
        if outputs is None or not per_step:
            # one that has no such form keeps all of them inside
            body.mapped = before_change[0]
            for s, kept in zip(body.states, before_change[1], strict=True):
                s.kept = kept
            return
        memo.update((v, (x, per_step)) for v, x in zip(node.outputs, outputs, strict=True))
    for o in chosen:
        body.replaced[o.outer] = memo[o.row][0]
        body.mapped.remove(o)
