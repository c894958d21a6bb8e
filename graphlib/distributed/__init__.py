"""Training on several processes, the ranks of an MPI run: ``mpirun -n 4 python program.py``.

Each rank computes the gradients of a part of the minibatch, and all step along their mean:

    import graphlib.distributed as distributed

    gradients = distributed.average(T.grad(cost, parameters))
    step = graphlib.function([x, y], cost, updates=[(p, p - rate * g) for p, g in zip(parameters, gradients)])

``average`` is an operation like others: it has a gradient, stands anywhere in a graph and in loops, and
becomes a call in the native step that begins as soon as a gradient is there and is waited for where it is
needed.  `Model.fit(..., distributed=True)` and the tutorials' ``--distributed`` do all of it.

It needs mpi4py and an MPI library (``pip install graphlib-autodiff[mpi]``, and ``pip install mpich`` where
the system has none).  docs/distributed.md says what is the same as on one process.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, overload

from ..graph import Shared, Variable
from ..ops.collectives import over_ranks
from ..ops.op import as_variable
from ..ranks import Ranks, is_another, ranks, started, together
from .parts import Part, bernoulli, current, draw, gradients, in_parts, own_rows, with_own_rows


@overload
def average(values: Variable) -> Variable: ...


@overload
def average(values: Sequence[Variable]) -> list[Variable]: ...


def average(values: Any) -> Any:
    """The mean over all ranks of a variable, or of each of several: of float arrays that have the same shape
    on each rank.

    All ranks get the same bits, which depend on nothing but the values and how many ranks there are: they are
    added in the order of the ranks, in their own dtype.  Its gradient is that of a cost that is the mean of
    the ranks' costs, each of which is computed from its own graph: the mean of the gradients.  On one rank
    alone it is what it is given.

    All ranks must call the function that has it, the same number of times: one that does not keeps the others
    waiting, at most ``config.rank_seconds``.

    Errors: DTypeError for other dtypes; DistributedError where mpi4py or an MPI library is missing.
    """
    if isinstance(values, (list, tuple)):
        return [average(value) for value in values]
    variable = as_variable(values)
    made = over_ranks(variable)
    return variable if ranks().size == 1 else made


def broadcast(variables: Iterable[Shared]) -> None:
    """Give shared variables, the same on all ranks, the values that they have on rank 0.

    Errors: DistributedError where their shapes differ.
    """
    found, known = list(variables), ranks()
    if known.size == 1:
        return
    shapes = [(str(v.name), v.dtype, v.get_value(borrow=True).shape) for v in found]
    known.agree("the shapes of parameters", str(shapes), "build the same model on each")
    for variable in found:
        variable.set_value(known.from_first(variable.get_value(borrow=True)))


__all__ = [
    "Part",
    "Ranks",
    "average",
    "bernoulli",
    "broadcast",
    "current",
    "draw",
    "gradients",
    "in_parts",
    "is_another",
    "own_rows",
    "ranks",
    "started",
    "together",
    "with_own_rows",
]
