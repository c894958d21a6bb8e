"""Products with what is computed of each of their elements at once: a bias, an activation, its derivative.

A fused loop nest that reads a product at the element it computes, and is the only one to read it, becomes the
product's epilogue: the product is never in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...graph import Variable
from ...lower.lowering import LOOP
from ...scalar.integer import Poly
from ..schedule import Schedule
from ..steps import Loops, MatMul, Step, accesses
from .reductions import into_memory


@dataclass(eq=False)
class Epilogue(Step):
    """A product and the loop nest that its kernel computes as well."""

    product: MatMul = None
    loops: Loops = None

    def reads(self) -> set[Variable]:
        return self.product.reads() | self.loops.reads() - {self.product.variable}

    def writes(self) -> list[Variable]:
        return self.loops.writes()

    def polys(self) -> list[Poly]:
        return [*self.product.polys(), *self.loops.polys()]


def with_epilogues(schedule: Schedule, storage: Callable[[Variable], Any]) -> list[Step]:
    """The schedule's steps, products taking in what may be their epilogue."""
    steps = list(schedule.steps)
    position = {step: k for k, step in enumerate(steps)}
    readers: dict[Variable, list[Step]] = {}
    for step in steps:
        for v in step.reads():
            readers.setdefault(v, []).append(step)
    kept = {*schedule.program.results, *(u for p in schedule.low.dims.values() for u in p.uses)}
    for k, step in enumerate(steps):
        if not isinstance(step, MatMul) or step.variable in kept:
            continue
        following = readers.get(step.variable, [])
        if len(following) != 1 or not isinstance(following[0], Loops):
            continue
        loops = following[0]
        ready = all(position[s] < k for s in loops.after if s is not step)
        if ready and _element_by_element(step, loops, schedule) and _apart(step, loops, storage):
            steps[k] = Epilogue(
                step.position,
                [*step.nodes, *loops.nodes],
                step.after | (loops.after - {step}),
                product=step,
                loops=loops,
            )
            position.pop(loops)
            position[loops] = k
    fused = {step.loops for step in steps if isinstance(step, Epilogue)}
    return [step for step in steps if step not in fused]


def _element_by_element(product: MatMul, loops: Loops, schedule: Schedule) -> bool:
    """Whether the loops read, at each element of the product, that element of it and of themselves.

    Sums into memory are kernels of their own, after that of the product; they cannot read what is not there.
    """
    out = product.variable
    axes = schedule.low.shape(out)
    here = tuple(Poly.of(i) for i in LOOP[: len(axes)])
    own = {value.variable for value in loops.values} | {out}
    for value in loops.values:
        if into_memory(value):
            if any(v is out for v, _ in accesses(value.element)):
                return False
        elif (
            value.kind is not None
            or value.axes != axes
            or value.index != here
            or any(index != here for v, index in accesses(value.element) if v in own)
        ):
            return False
    return not all(map(into_memory, loops.values))


def _apart(product: MatMul, loops: Loops, storage: Callable[[Variable], Any]) -> bool:
    """Whether nothing is written over what other blocks of the product's kernel may still have to read."""
    written = {storage(v) for v in loops.writes()}
    return not written & {storage(v) for v in product.reads()}
