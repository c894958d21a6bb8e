"""The mean over the ranks of an MPI run, in two operations: one begins it, the other waits for it.  What lies
between them in a schedule goes on meanwhile.

Their reference is the mean by Python at the beginning, and nothing at the end; a device does the same, or
lets NCCL make the mean (``run/cuda/nccl.py``).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..errors import DTypeError
from ..graph import Apply, TensorType, Variable
from ..ranks import ranks
from ..scalar.contracts import contract
from ..scalar.integer import product
from ..scalar.lowered import Call, Operand
from .op import Op, as_variable
from .shape_rules import same_shape

#: what is averaged natively
DTYPES = ("float32", "float64")


class _Collective:
    """One of the two."""

    takes_complex = "parts"
    costly = True
    function = ""
    when = ""

    shape_rule = same_shape

    def infer(self, x: Variable) -> list[TensorType]:
        if x.dtype not in (*DTYPES, "float16"):
            raise DTypeError(f"the mean over ranks is one of floats; {x.describe()} is cast first")
        return [x.type]

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Call:
        shape = operands[0].shape
        return Call(
            self.function,
            (shape,),
            (product(shape),),
            header="graphlib_collectives.h",
            needs="mpi",
            in_place=True,
            when=self.when,
        )


contract("gl_average_start gl_average_finish", lambda n: [n, n])


class StartAverage(_Collective, Op):
    """Begins the mean over all ranks of an array: what it gives is for ``FinishAverage`` alone."""

    function = "gl_average_start"
    when = "early"

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        return [grads[0]]

    def reference(self, node: Apply, x: np.ndarray) -> np.ndarray:
        return ranks().average(x)

    def __repr__(self) -> str:
        return "start of the average"


class FinishAverage(_Collective, Op):
    """The mean over all ranks of what a ``StartAverage`` began.  With a cost that is the mean of the ranks'
    costs, the gradient that each has to do with is the mean of theirs."""

    function = "gl_average_finish"
    when = "late"

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        return [over_ranks(grads[0])]

    def reference(self, node: Apply, x: np.ndarray) -> np.ndarray:
        return x

    def __repr__(self) -> str:
        return "average over ranks"


def over_ranks(x: Variable) -> Variable:
    """The mean over all ranks, also where there is only one."""
    return FinishAverage().make(StartAverage().make(as_variable(x)))
