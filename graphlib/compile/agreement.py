"""Whether two results are the same up to rounding.

How much a result may differ is not guessed from its size: the reference runs again, three times, with each
number that is rounded on the way moved by a few units of its last place.  What that moves a result by is
what rounding can do to it, be it little, as to a tiny gradient, or much, as to a small difference of large
numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..errors import GraphError
from ..graph import Apply, Variable
from ..ops.along_axis import Cumulative, Recurrence
from ..ops.convolution import Convolutional
from ..ops.elementwise import Elementwise
from ..ops.linalg import Gemm, MatrixProduct
from ..ops.op import altering
from ..ops.reduce import Reduce
from ..ops.scan import Scan
from ..run.reference import ReferenceExecutor

_RUNS = 3
#: units of the last place that numbers are moved by at most
_UNITS = 32
#: results may differ by so many times what they were moved by, and by so many units of their own last place
_TIMES, _OWN = 8, 64
#: and without a further look by so many units
_SURELY = 4
#: elementwise operations that give one of their operands, or an integer
_EXACT = frozenset(
    "identity neg abs sgn maximum minimum switch clip floor ceil trunc rint round eq neq lt le gt ge".split()
)


class Agreement:
    """Compares results for ``variables`` of one call with those of the reference; ``leaves``: values of
    shared variables, where they are not the present ones."""

    def __init__(
        self,
        reference: ReferenceExecutor,
        inputs: list[np.ndarray],
        variables: Iterable[Variable],
        leaves: Mapping[Variable, np.ndarray] | None = None,
    ) -> None:
        self.reference, self.inputs, self.variables = reference, inputs, list(variables)
        self.leaves = dict(leaves or {})
        self._moved: list[dict[Variable, np.ndarray]] | None = None

    def holds(self, variable: Variable, got: np.ndarray, wanted: np.ndarray) -> bool:
        """Whether ``got`` is what the reference has, ``wanted``, but for rounding (NaN equals NaN)."""
        if got.shape != wanted.shape or got.dtype != wanted.dtype:
            return False
        if got.dtype.kind != "f":
            differs = int(np.sum(got != wanted))
            return not differs or differs <= 2 * self._uncertain(variable, wanted)
        error, unit = _distance(got, wanted), np.finfo(got.dtype)
        size = np.abs(np.where(np.isfinite(wanted), wanted, 0)).astype("float64")
        least = _OWN * float(unit.tiny)
        if (error <= _SURELY * float(unit.eps) * size + least).all():
            return True
        moved = np.max([_distance(run[variable], wanted) for run in self._runs()], axis=0, initial=0.0)
        some = moved[np.isfinite(moved) & (moved > 0)]
        # one of many may by chance have been moved by nothing; but there may be small ones among large ones
        typical = float(np.quantile(some, 0.1, method="lower")) if some.size else 0.0
        allowed = _TIMES * np.maximum(moved, typical) + _OWN * float(unit.eps) * size + least
        return bool((error <= allowed).all())

    def _uncertain(self, variable: Variable, wanted: np.ndarray) -> int:
        """How many integers or bools depend on rounding."""
        others = [run[variable] != wanted for run in self._runs() if run[variable].shape == wanted.shape]
        return int(np.sum(np.any(others, axis=0))) if others else 0

    def _runs(self) -> list[dict[Variable, np.ndarray]]:
        if self._moved is None:
            runs = (self._run(np.random.RandomState(k)) for k in range(_RUNS))
            self._moved = [run for run in runs if run is not None]
        return self._moved

    def _run(self, random: np.random.RandomState) -> dict[Variable, np.ndarray] | None:
        """The variables' values after rounding otherwise, or None where that leads to an error."""
        program = self.reference.program
        leaves = {s: move(self.leaves.get(s, s.data), random) for s in program.shareds}

        def alter(node: Apply, outputs: tuple) -> tuple:
            return tuple(move(a, random) for a in outputs) if _rounds(node.op) else outputs

        token = altering.set(alter)
        try:
            values = self.reference.values([move(a, random) for a in self.inputs], leaves=leaves)
        except (GraphError, IndexError, ArithmeticError):
            return None
        finally:
            altering.reset(token)
        return {v: np.asarray(values[v]) for v in self.variables}


def move(array: Any, random: np.random.RandomState) -> np.ndarray:
    """Floats, each moved by some units of its last place; but numbers of few binary digits, such as integers,
    are taken to be exact."""
    array = np.asarray(array)
    if array.dtype.kind != "f":
        return array
    long = array.view(f"int{8 * array.itemsize}") & (2 * _UNITS - 1) != 0
    by = random.uniform(-_UNITS, _UNITS, array.shape) * float(np.finfo(array.dtype).eps)
    with np.errstate(all="ignore"):
        return np.where(long, array * (1 + by), array).astype(array.dtype)


def _rounds(op: Any) -> bool:
    """Whether what an operation gives are new numbers, not some of those it was given."""
    if isinstance(op, Elementwise):
        return op.name not in _EXACT
    if isinstance(op, Reduce):
        return op.kind in ("sum", "prod")
    return isinstance(op, (MatrixProduct, Gemm, Convolutional, Cumulative, Recurrence, Scan))


def _distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """How far apart numbers are: 0 where both are the same infinity or NaN, infinite where one of them is."""
    if a.shape != b.shape:
        return np.full(b.shape, np.inf)
    x, y = a.astype("float64"), b.astype("float64")
    with np.errstate(all="ignore"):
        off = np.where((x == y) | (np.isnan(x) & np.isnan(y)), 0.0, np.abs(x - y))
    return np.where(np.isnan(off), np.inf, off)
