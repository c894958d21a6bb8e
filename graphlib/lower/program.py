"""A program: what is compiled, as variables; the data structure that ``function`` hands to the modes.

Where native code is found in the cache nothing is lowered: so what that takes is imported when it is needed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ..graph import Shared, Variable
from ..ops.elementwise import identity

if TYPE_CHECKING:
    from .limits import Claim
    from .lowering import Lowering


@dataclass
class Program:
    """Inputs, outputs and updates after givens and default updates; ``shareds`` is every shared variable read
    or written.

    ``borrow``: per output, whether its array may be the function's own.
    """

    title: str
    inputs: list[Variable]
    outputs: list[Variable]
    borrow: list[bool]
    updates: dict[Shared, Variable]
    shareds: list[Shared]
    # : of a loop's step: inputs whose values change from step to step, and which results are as large as
    # which inputs
    per_step: frozenset[Variable] = frozenset()
    alike: dict[Variable, Variable] = field(default_factory=dict)
    #: lengths that must be some, whether the results need them or not
    claims: tuple[Claim, ...] = ()

    @property
    def results(self) -> list[Variable]:
        """Everything that must be computed: outputs, then new values of shared variables."""
        return [*self.outputs, *self.updates.values()]

    def with_results(self, results: list[Variable]) -> Program:
        """The same program computing other (equivalent) variables."""
        n = len(self.outputs)
        updates = dict(zip(self.updates, results[n:], strict=True))
        return replace(self, outputs=results[:n], updates=updates)

    def with_resized_as_outputs(self) -> tuple[Program, list[Shared]]:
        """The same program with the updates of shared variables whose shape they may change as further
        outputs, and the latter."""
        from .lowering import Lowering

        resized = [s for s in self.updates if None in s.type.shape]
        if resized:
            # lengths that must be equal for other reasons are equal
            low = Lowering(self.results, self.inputs)
            resized = [s for s in resized if low.shape(s) != low.shape(self.updates[s])]
        if not resized:
            return self, []
        outputs = [*self.outputs, *(self.updates[s] for s in resized)]
        updates = {s: v for s, v in self.updates.items() if s not in resized}
        borrow = [*self.borrow, *[False] * len(resized)]
        return replace(self, outputs=outputs, borrow=borrow, updates=updates), resized

    def signature(self) -> str:
        inputs = ", ".join(f"{v}: {v.type}" for v in self.inputs)
        outputs = ", ".join(str(v.type) for v in self.outputs)
        return f"({inputs}) -> ({outputs})"


def lowered(program: Program) -> tuple[Program, Lowering]:
    """A program with a value of its own for each result, and its graph in scalar terms."""
    from .lowering import Lowering

    program = with_own_values(program)
    updates = {**program.updates, **program.alike}
    return program, Lowering(program.results, program.inputs, updates, program.per_step, program.claims)


def with_own_values(program: Program) -> Program:
    """The program with a value of its own for each update that is just another updated variable, as in ``(a,
    b), (b, a)``."""
    n = len(program.outputs)
    results = list(program.results)
    for k, (target, v) in enumerate(program.updates.items(), n):
        if v in program.updates and v is not target:
            results[k] = identity.make(v)
    return program.with_results(results)
