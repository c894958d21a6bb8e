"""Scheduling: the values of a lowered graph become steps in an order: fused loop nests, matrix products,
library calls, pushes.

A loop nest takes in every value that iterates over the same leading axes and reads the others element by
element, as long as no step outside would have to run in between.  Then results get their places: updates are
written over the shared variable itself where every other reader can come first.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable

from ..graph import Apply, Constant, Shared, Variable
from ..lower.limits import AnyCheck, Sizes, moved
from ..lower.lowering import Lowering, Value, polys_of
from ..lower.program import Program, lowered
from ..scalar.expression import Expr
from ..scalar.integer import Poly, Symbol
from ..scalar.lowered import Call, Loop, Product
from .indices import checked_once, may_fail
from .nests import build
from .recomputed import recompute
from .steps import Copy, LibraryCall, Loops, MatMul, Pushes, ScanStep, Step, accesses, base_of

#: as many values at most are computed in one nest that have nothing to do with one another: more than a
#: processor has registers for, and streams that it can follow, cost time
SIDE_BY_SIDE = 32
_SEARCH_LIMIT = 200
#: the urgency of what begins something that goes on beside other steps, and of what waits for its end
_EARLY, _LATE = -2, 1


class Schedule:
    """The steps of a lowered program in order; ``place`` says for a result in whose storage it is computed.

    ``over``: for what a product or rows are added to, the sum that is written over it.
    """

    def __init__(self, program: Program, low: Lowering) -> None:
        self.program, self.low = program, low
        for v in program.results:
            if v in self.low.inline:
                self.low.materialized.add(v)
        self.steps: list[Step] = []
        self.maker: dict[Variable, Step] = {}
        self._recent: dict[tuple[Poly, ...], list[Loops]] = {}
        self._compute_steps()
        recompute(self)
        self.sizes = self._all_sizes()
        self._check_indices_once()
        self.find_stored()
        self.overwritten_by: dict[Variable, Variable] = {}
        self._chain_in_place()
        #: variable -> number of the result whose storage it is computed in
        self.place: dict[Variable, int] = {}
        self._place_results()
        self.steps = self._ordered()

    def constants(self) -> list[Constant]:
        """The constants that are read from memory, in the order of the graph, which is always the same."""
        read = {v for step in self.steps for v in step.reads()}
        candidates = [*(v for node in self.low.order for v in node.inputs), *self.program.results]
        own = [v for v in candidates if isinstance(v, Constant) and v in read]
        inside = [v for step in self.steps if isinstance(step, ScanStep) for v in step.inner.constants()]
        return list(dict.fromkeys([*own, *inside]))

    @property
    def checks(self) -> list[AnyCheck]:
        """All that must hold of lengths, in the order of the graph; last their products, where they are none
        below 0."""
        return [*self.low.checks, *self.sizes.checks]

    def _all_sizes(self) -> Sizes:
        """The sizes of what is computed, those in the steps of loops included that follow from lengths
        outside."""
        sizes = self.low.sizes()
        for step in self.steps:
            if not isinstance(step, ScanStep):
                continue
            outside = step.lengths_outside()
            inside, step.inner.sizes = step.inner.sizes, Sizes(step.inner.low.depends_on_data)
            for size in inside.checks:
                same = moved(size, outside, self.low.limits)
                # what may well make no step, as a branch that is not taken, fails in its step
                if same is None or (step.op.lazy and not sizes.has(same)):
                    step.inner.sizes.add(size)
                else:
                    sizes.add(same)
        return sizes

    # from nodes to steps

    def _compute_steps(self) -> None:
        low = self.low
        for node in low.order:
            lowered = low.lowered[node]
            if isinstance(lowered, Product):
                self._add(self._product(node, lowered))
            elif isinstance(lowered, Call):
                operands = tuple(node.inputs[k] for k in lowered.operands)
                self._add(
                    LibraryCall(
                        len(self.steps), [node], call=lowered, operands=operands, outputs=tuple(node.outputs)
                    )
                )
            elif isinstance(lowered, Loop):
                self._add(self._scan(node, lowered))
            elif node in low.pushed:
                base = low.base(node.inputs[lowered.base]) if isinstance(lowered.base, int) else None
                self._add(
                    Pushes(
                        len(self.steps), [node], variable=node.outputs[0], base=base, pieces=low.pushed[node]
                    )
                )
            elif node.outputs[0] not in low.inline or node.outputs[0] in low.materialized:
                self._loops(node, low.value(node.outputs[0]))

    def _product(self, node: Apply, p: Product) -> MatMul:
        low = self.low
        a, b = node.inputs[p.a], node.inputs[p.b]
        c = low.base(node.inputs[p.c]) if p.c is not None else None
        return MatMul(
            len(self.steps),
            [node],
            variable=node.outputs[0],
            a=low.matrix(a),
            b=low.matrix(b),
            c=c,
            alpha=p.alpha,
            beta=p.beta,
            batched=p.batched,
            shape_a=low.shape(a),
            shape_b=low.shape(b),
        )

    def _scan(self, node: Apply, loop: Loop) -> ScanStep:
        low, op = self.low, node.op
        parts, results = op.parts(node), op.results(node)
        taps = [v for values in op.taps for v in values]
        kept = [k for k, state in enumerate(op.states) if state.kept]
        replaced = [k for k, state in enumerate(op.states) if not state.kept]
        program = Program(
            f"a step of {self.program.title}",
            list(op.inputs),
            [*(op.new[k] for k in kept), *op.outputs[len(op.states) :]],
            [False] * (len(kept) + len(op.outputs) - len(op.states)),
            {op.taps[k][0]: op.new[k] for k in replaced},
            [],
            frozenset([*op.rows, *taps]),
            {op.taps[k][0]: op.new[k] for k in kept},
        )
        always = [*(results.last[k] for k in replaced), *(v for v in results.histories if v is not None)]
        always += [results.done] if op.until else []
        read = {v for n in low.order for v in n.inputs} | set(self.program.results) | set(always)
        return ScanStep(
            len(self.steps),
            [node],
            op=op,
            n=loop.n,
            sequences=[low.rows(v) for v in parts.sequences],
            initial=[low.block(v) for v in parts.initial],
            invariants=[low.block(v) for v in parts.invariants],
            shapes={
                "sequences": [low.shape(v)[1:] for v in parts.sequences],
                "states": [low.shape(v)[1:] for v in parts.initial],
                "invariants": [low.shape(v) for v in parts.invariants],
                "mapped": [low.shape(v)[1:] for v in results.mapped],
            },
            results=results,
            outputs=[v for v in node.outputs if v in read or v in results.mapped],
            inner=Schedule(*lowered(program)),
        )

    def _add(self, step: Step) -> None:
        step.come_after(self._makers(step.reads()))
        self._after_lengths(step)
        self.steps.append(step)
        for v in step.writes():
            self.maker[v] = step

    def _after_lengths(self, step: Step) -> None:
        """Lengths that are computed in the middle of the call must have been computed, also those that are
        only compared with others."""
        variables = [*step.writes(), *(v.variable for v in getattr(step, "values", ()))]
        awaited = (p for node in step.nodes for p in self.low.awaited[node])
        shapes = (n for v in variables for n in self.low.shape(v))
        step.come_after(self._makers_of([*step.polys(), *shapes, *awaited]))

    def _makers_of(self, lengths: Iterable[Poly]) -> set[Step]:
        """The steps that lengths are computed from."""
        symbols = {s for p in set(lengths) for s in self.symbols_of(p)} & self.low.dims.keys()
        return {maker for symbol in symbols for maker in self._makers(self.reads_for(symbol))}

    def reads_for(self, length: Symbol | Poly) -> set[Variable]:
        """The variables whose values a length is computed from."""
        found = set(Poly.of(length).uses)
        for symbol in self.symbols_of(length):
            found |= self.low.dims[symbol].uses if symbol in self.low.dims else set()
        return found

    def symbols_of(self, length: Symbol | Poly) -> set[Symbol]:
        """The symbols that a length is computed from, those that they stand for included."""
        found: set[Symbol] = set()
        pending = [Poly.of(length)]
        while pending:
            for monomial in pending.pop().terms:
                for atom in monomial:
                    if isinstance(atom, Expr):
                        pending.extend(polys_of(atom))
                    elif atom not in found:
                        found.add(atom)
                        pending.extend([self.low.dims[atom]] if atom in self.low.dims else [])
        return found

    def leave_out(self, step: Step) -> None:
        """Take out a step that has nothing left to do."""
        self.steps.remove(step)
        for other in step.after:
            other.followers.remove(step)
        for other in step.followers:
            other.after.remove(step)
            other.come_after(step.after)

    def _makers(self, variables: Iterable[Variable]) -> set[Step]:
        return {self.maker[v] for v in variables if v in self.maker}

    def _loops(self, node: Apply, value: Value) -> None:
        shape, awaited = self.low.shape(value.variable), self.low.awaited[node]
        # lengths are there only when the step has ended that they are computed from
        ended = self._makers_of([*value.axes, *polys_of(value.element), *shape, *awaited])
        before = self._makers(value.element.uses) | ended
        group = self._joinable(value, before, ended)
        if group is None:
            group = Loops(len(self.steps), axes=value.axes)
            self.steps.append(group)
            self._recent.setdefault(value.axes[:1], []).append(group)
        group.take(value)
        group.nodes.append(node)
        group.come_after(before)
        self.maker[value.variable] = group

    def _joinable(self, value: Value, before: set[Step], ended: set[Step]) -> Loops | None:
        """A group that the value can be computed in: that of something it reads, one that reads the same
        things, or the latest over the same axes.

        Of groups that do not wait for one another, the one that is joined comes after the others, which then
        are closed to what needs the value: so it is the largest that stays open.
        """
        own = [s for s in before - ended if isinstance(s, Loops)]
        own.sort(key=lambda s: (-len(s.values), -s.position))
        others = [s for s in self._recent.get(value.axes[:1], ())[-6:] if s not in before]
        others = [s for s in others if len(s.ends) < SIDE_BY_SIDE]
        # one number that both read is no reason to compute a vector in the rows of a matrix
        arrays = {u for u in value.element.uses if self.low.shape(u)}
        sharing = [s for s in others if s.used & (value.element.uses if s.axes == value.axes else arrays)]
        alike = [s for s in others[-1:] if s.axes == value.axes]
        for group in [*own, *reversed(sharing), *alike]:
            if self._fits(group, value) and not self._reach(before - {group}, group, _SEARCH_LIMIT):
                return group
        return None

    def _fits(self, group: Loops, value: Value) -> bool:
        if not group.has_room([value]):
            return False
        n = min(len(group.axes), len(value.axes))
        if group.axes[:n] != value.axes[:n] or (n == 0 and (group.axes or value.axes)):
            return False
        for variable, index in accesses(value.element):
            other = group.made.get(variable)
            if other is None:
                continue
            if other.index != index or (other.kind is not None and not other.kept):
                return False
        return True

    def _check_indices_once(self) -> None:
        """What reads or writes at indices that another step looks at as well comes after that one."""
        for first, step, without in checked_once(self.steps, self.low):
            if not self._reach([first], step):
                step.come_after([first])
                without()

    # storage

    def find_stored(self) -> None:
        """Which loop values must be in memory: those another step reads, and those the same one reads at
        another place."""
        needed = set(self.program.results)
        for step in self.steps:
            needed |= step.reads()
        for variable in [v for symbol in self.low.dims for v in self.low.dims[symbol].uses]:
            needed.add(variable)
        for step in self.steps:
            if isinstance(step, Loops):
                # what it computes again lies in memory already, or is not needed there
                step.stored = {
                    v.variable
                    for v in step.values
                    if (v.variable in needed and self.maker[v.variable] is step)
                    or (v.kind is not None and not v.kept)
                }

    def end_of_chain(self, v: Variable) -> Variable:
        """The last of the in-place chain that a variable is in: it has its place in memory."""
        while v in self.overwritten_by:
            v = self.overwritten_by[v]
        return v

    def _start_of_chain(self, v: Variable) -> Variable:
        """The first of it."""
        while (base := base_of(self.maker[v])) is not None and self.overwritten_by.get(base) is v:
            v = base
        return v

    def _chain_in_place(self) -> None:
        """What is added to something is computed in its place, where all others can read that before."""
        readers: dict[Variable, set[Step]] = {}
        for step in self.steps:
            for v in step.reads():
                readers.setdefault(v, set()).add(step)
        needed = {*self.program.results, *(u for n in self.low.dims.values() for u in n.uses)}
        for step in self.steps:
            base = base_of(step)
            if not isinstance(self.maker.get(base), (Loops, Pushes, MatMul, LibraryCall)) or base in needed:
                continue
            (v,) = step.writes()
            waits = any(self.low.depends_on_data(n) for n in self.low.shape(v))
            others = readers[base] - {step}
            if waits or base in self.overwritten_by or not reads_in_place(step, base, v, self.low):
                continue
            if not self._reach(others, step):
                step.come_after(others)
                self.overwritten_by[base] = v

    def _place_results(self) -> None:
        """Compute each result in its own storage: outputs in the array to be returned, updates over the old
        value if possible."""
        outputs = len(self.program.outputs)
        targets = list(self.program.updates)
        self._failing = self._may_fail() if any(isinstance(t, Shared) for t in targets) else set()
        self._leaves_of_lengths = self._leaves_of_data_dependent_lengths()
        #: the steps that read what is updated
        readers = self._readers = {t: [] for t in targets}
        for step in self.steps:
            for v in step.reads() & readers.keys():
                readers[v].append(step)
        order = [*range(outputs, len(self.program.results)), *range(outputs)]
        for k in order:
            v = self.program.results[k]
            free = v in self.maker and v not in self.place
            if free and k >= outputs:
                free = self._overwritable(targets[k - outputs], v)
                if not free and self.overwritten_by.pop(base_of(self.maker[v]), None) is not None:
                    free = self._overwritable(targets[k - outputs], v)
            if free:
                self.place[v] = k
            else:
                step = Copy(len(self.steps), source=v, result=k)
                step.come_after(self._makers([v]))
                self.steps.append(step)
                if v in readers:
                    readers[v].append(step)
        written = {
            targets[k - outputs]: self.maker[self._start_of_chain(v)]
            for v, k in self.place.items()
            if k >= outputs
        }
        for step in self.steps:
            if not isinstance(step, Copy):
                continue
            if step.result >= outputs:
                step.come_after(readers[targets[step.result - outputs]])
            if step.source in written:
                written[step.source].come_after([step])

    def _may_fail(self) -> set[Step]:
        """The steps that may find an error, and those after which lengths are compared."""
        found = {s for s in self.steps if may_fail(s)}
        for check in self.checks:
            if any(map(self.low.depends_on_data, check.polys)):
                found |= self._makers(v for p in check.polys for v in self.reads_for(p))
        return found

    def _overwritable(self, shared: Shared, v: Variable) -> bool:
        """Whether ``v`` may be written over ``shared``: every other reader can run before, and its maker
        reads it in place."""
        begun = self._start_of_chain(v)
        writer = self.maker[begun]
        if shared in self._leaves_of_lengths:
            return False
        if not reads_in_place(writer, shared, begun, self.low):
            return False
        if writer in self._failing and not isinstance(writer, Pushes):
            return False
        # what reads the old value, and what may fail: then no shared variable must have been written yet
        before = {*self._readers[shared], *self._failing} - {writer}
        if self._reach(before, writer):
            return False
        writer.come_after(before)
        return True

    def _leaves_of_data_dependent_lengths(self) -> set[Variable]:
        """Leaves that lengths computed in the middle of the call are read from."""
        return {
            u
            for poly in self.low.dims.values()
            if self.low.depends_on_data(poly)
            for u in poly.uses
            if self.low.is_leaf(u)
        }

    def _reach(self, steps: Collection[Step], target: Step, most: int | None = None) -> bool:
        """Whether any of ``steps`` has to run after ``target``, or, where that is not found among ``most``
        steps, may have to."""
        stack, seen = [s for s in steps if s.rank > target.rank], set(steps)
        while stack:
            if most is not None and len(seen) > most:
                return True
            for other in stack.pop().after:
                if other is target:
                    return True
                if other not in seen and other.rank > target.rank:
                    seen.add(other)
                    stack.append(other)
        return False

    def _ordered(self) -> list[Step]:
        """The steps, each after those it needs, otherwise in the order of the graph; but what begins
        something that goes on beside others comes as early as it can, and what waits for its end late."""
        waiting = {s: len(s.after) for s in self.steps}
        urgency = self._urgencies()
        number = {s: k for k, s in enumerate(self.steps)}
        result: list[Step] = []
        begun: dict[Variable, int] = {}

        def place(s: Step) -> tuple[int, int, int, Step]:
            # what was begun first is over first
            waits = urgency.get(s) == _LATE
            position = begun.get(s.operands[0], s.position) if waits else s.position
            return urgency.get(s, 0), position, number[s], s

        ready = [place(s) for s in self.steps if not waiting[s]]
        heapq.heapify(ready)
        while ready:
            *_, s = heapq.heappop(ready)
            if urgency.get(s) == _EARLY:
                begun[s.outputs[0]] = len(result)
            result.append(s)
            for f in s.followers:
                waiting[f] -= 1
                if not waiting[f]:
                    heapq.heappush(ready, place(f))
        if len(result) != len(self.steps):
            raise AssertionError("the schedule has a cycle")
        return result

    def _urgencies(self) -> dict[Step, int]:
        """Below 0 for steps that come before others that could come as well, above 0 for those after them:
        what begins something, the steps that it waits for, and what waits for its end."""
        found: dict[Step, int] = {}
        for step in self.steps:
            when = step.call.when if isinstance(step, LibraryCall) else ""
            if when:
                found[step] = _EARLY if when == "early" else _LATE
            if when == "early":
                for maker in self._makers(step.operands):
                    found.setdefault(maker, -1)
        if found:
            # shared variables keep their values until all is done that may fail
            found.update((step, _LATE + 1) for step in self.steps if isinstance(step, Copy))
        return found


def reads_in_place(writer: Step, shared: Shared, v: Variable, low: Lowering) -> bool:
    """Whether ``writer`` reads ``shared`` only at the very element of ``v`` that it is about to write."""
    if isinstance(writer, MatMul):
        others = {writer.a.base, writer.b.base} | {u for e in writer.scalars() for u in e.uses}
        return shared not in others
    if isinstance(writer, Pushes):
        inside = {u for p in writer.pieces for u in (*p.element.uses, *p.offset.uses)}
        return shared not in inside and (writer.base is shared or shared not in writer.reads())
    if isinstance(writer, ScanStep):
        # a state that is not kept begins as a copy of its initial value, or as the value itself
        others = [
            *writer.sequences,
            *writer.invariants,
            *(p for p, last in zip(writer.initial, writer.results.last, strict=True) if last is not v),
        ]
        k = writer.results.last.index(v) if v in writer.results.last else None
        alone = k is not None and not writer.op.states[k].kept and writer.initial[k].offset == 0
        return shared not in {p.base for p in others} and (alone or shared not in writer.reads())
    if isinstance(writer, LibraryCall) and writer.call.in_place:
        return shared not in writer.operands[1:]
    if not isinstance(writer, Loops):
        return shared not in writer.reads()
    made = next(value for value in writer.values if value.variable is v)
    if any(value.kept for value in writer.values) and any(
        shared in o.element.uses for o in writer.values if o is not made
    ):
        return False  # the row's values are computed in several loops, and the other reader's may come later
    block_of = build(writer.values).block_of if any(shared in o.element.uses for o in writer.values) else {}
    for value in writer.values:
        for variable, index in accesses(value.element):
            if variable is not shared:
                continue
            # a reduction writes when its loops are done; another value must be in the very loop that writes v
            if (
                made.kind is not None
                or index != made.index
                or value.axes != made.axes
                or value.kind is not None
                or block_of[value.variable] is not block_of[v]
            ):
                return False
            if low.shape(shared)[1:] != low.shape(v)[1:]:
                # the same element, but where each lies is said by lengths that only a check compares
                return False
    return True
