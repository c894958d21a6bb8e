"""What LAPACK does: factors of matrices, and systems that are solved by them, for every matrix of a stack.

These operations have no gradients of their own: ``matrices`` composes of them what users call, with the
gradients that textbooks have.  Where there is no answer the ``failed`` output is 1 and the call goes on;
``answered`` makes an error of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from ..errors import LinAlgError, ShapeError
from ..graph import Apply, TensorType, Variable
from ..scalar import expression as ex
from ..scalar.contracts import contract
from ..scalar.integer import Poly, product
from ..scalar.lowered import Call, Operand, Pull
from .op import Op, not_differentiable
from .reduce import sum as sum_
from .shape_rules import Shapes, same_shape
from .windows import smallest

Least = Callable[[Any, Any], Any]


def _least_known(m: int | None, n: int | None) -> int | None:
    if m == n or 0 in (m, n):
        return 0 if 0 in (m, n) else m
    return None if None in (m, n) else min(m, n)


class Lapack:
    """A function of graphlib_lapack.h on stacks of matrices: the operands' last two axes are rows and
    columns, the others the same in all operands."""

    costly = True
    #: the function, and whether its first operand must be square
    function = ""
    square = True
    #: of each output the dtype, None for that of the first operand
    dtypes: ClassVar[tuple[str | None, ...]] = (None,)

    def outputs(self, least: Least, *matrices: Sequence) -> list[tuple]:
        """For the outputs the lengths behind the leading axes, from those of the operands."""
        raise NotImplementedError

    def integers(self, *matrices: Sequence[Poly]) -> tuple:
        """What the function is given behind the number of matrices."""
        return (matrices[0][-1],)

    def solve(self, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        """The outputs for one matrix (or what else the operands are there), by NumPy."""
        raise NotImplementedError

    def tails(self) -> tuple[int, ...]:
        """How many axes of each operand are not leading ones."""
        return (2,)

    def _inside(self, shapes: Sequence[Sequence]) -> list[Sequence]:
        return [shape[len(shape) - n :] for shape, n in zip(shapes, self.tails(), strict=True)]

    def shape_rule(self, of: Shapes, *inputs: Variable) -> Sequence:
        shapes = [of.shape(v) for v in inputs]
        lead = shapes[0][: len(shapes[0]) - 2]
        inside = self.outputs(lambda m, n: of.derived(smallest, m, n), *self._inside(shapes))
        found = [[*lead, *own] for own in inside]
        return found if len(found) > 1 else found[0]

    def infer(self, *inputs: Variable) -> list[TensorType]:
        a = inputs[0]
        rows, columns = a.type.shape[-2:]
        if self.square and None not in (rows, columns) and rows != columns:
            raise ShapeError(f"{self}: {a.describe()} must hold square matrices")
        leads = [v.type.shape[: v.ndim - n] for v, n in zip(inputs, self.tails(), strict=True)]
        lead = [next((n for n in axis if n is not None), None) for axis in zip(*leads, strict=True)]
        inside = self.outputs(_least_known, *self._inside([v.type.shape for v in inputs]))
        return [TensorType(d or a.dtype, [*lead, *own]) for d, own in zip(self.dtypes, inside, strict=True)]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        raise not_differentiable(node, "what is composed of it has a gradient")

    def reference(self, node: Apply, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        if self.square and arrays[0].shape[-2] != arrays[0].shape[-1]:
            raise ShapeError(f"{self}: {node.inputs[0].describe()} has shape {arrays[0].shape}, not square")
        lead = arrays[0].shape[: arrays[0].ndim - 2]
        inside = self.outputs(min, *self._inside([a.shape for a in arrays]))
        results = tuple(
            np.empty((*lead, *own), v.type.numpy_dtype) for v, own in zip(node.outputs, inside, strict=True)
        )
        for k in np.ndindex(*lead):
            for result, value in zip(results, self.solve(*(a[k] for a in arrays)), strict=True):
                result[k] = value
        return results if len(results) > 1 else results[0]

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Call:
        first = operands[0]
        if self.square:
            message = f"{self}: {{0}} has {{a}} rows and {{b}} columns, and must be square"
            require(first.shape[-2], first.shape[-1], message, (first.variable,))
        lead = first.shape[:-2]
        for o, n in zip(operands[1:], self.tails()[1:], strict=True):
            for axis, length in enumerate(o.shape[: o.ndim - n]):
                message = f"{self}: axis {axis} of {{0}} has length {{a}}, of {{1}} {{b}}"
                require(lead[axis], length, message, (first.variable, o.variable))
        inside = self._inside([o.shape for o in operands])
        self.require_fitting(operands, require)
        shapes = self.outputs(lambda m, n: ex.minimum(m, n), *inside)
        return Call(
            self.function,
            tuple((*lead, *map(Poly.of, own)) for own in shapes),
            (product(lead), *map(Poly.of, self.integers(*inside))),
            tuple(range(len(operands))),
            header="graphlib_lapack.h",
            needs="lapack",
        )

    def require_fitting(self, operands: list[Operand], require: Callable) -> None:
        """Note which lengths of several operands must be the same."""


def _rows_fit(op: Op, operands: list[Operand], require: Callable) -> None:
    a, b = operands[0], operands[-1]
    message = f"{op}: {{0}} has {{a}} rows, {{1}} {{b}}"
    require(a.shape[-2], b.shape[-2], message, (a.variable, b.variable))


class LU(Lapack, Op):
    """Factors of the transpose of each matrix, P·L·U, in one array, and the rows (counted from 1) that were
    exchanged: what LAPACK finds in memory that goes row by row.  ``failed`` for singular matrices."""

    function = "gl_lu"
    dtypes = (None, "int32", "int32")

    def __repr__(self) -> str:
        return "lu"

    def outputs(self, least: Least, a: Sequence) -> list[tuple]:
        return [tuple(a), (a[-1],), ()]

    def solve(self, a: np.ndarray) -> tuple[np.ndarray, ...]:
        u, n = a.T.copy(), len(a)
        pivots = np.arange(1, n + 1, dtype="int32")
        failed = 0
        for k in range(n):
            best = k + int(np.argmax(np.abs(u[k:, k])))
            pivots[k] = best + 1
            u[[k, best]] = u[[best, k]]
            if u[k, k] == 0:
                failed = 1
                continue
            u[k + 1 :, k] /= u[k, k]
            u[k + 1 :, k + 1 :] -= np.outer(u[k + 1 :, k], u[k, k + 1 :])
        return u.T, pivots, np.array(failed)


contract("gl_lu", lambda b, n: [b * n * n, b * n * n, b * n, b])


class LUSolve(Lapack, Op):
    """x of a·x = b, or of its transpose's system, by the factors of a."""

    function = "gl_lu_solve"

    def __init__(self, transposed: bool = False) -> None:
        self.transposed = transposed

    def __repr__(self) -> str:
        return "solve"

    def tails(self) -> tuple[int, ...]:
        return 2, 1, 2

    def outputs(self, least: Least, lu: Sequence, pivots: Sequence, b: Sequence) -> list[tuple]:
        return [(lu[-1], b[-1])]

    def integers(self, lu: Sequence, pivots: Sequence, b: Sequence) -> tuple:
        return lu[-1], b[-1], int(self.transposed)

    def require_fitting(self, operands: list[Operand], require: Callable) -> None:
        _rows_fit(self, operands, require)

    def solve(self, lu: np.ndarray, pivots: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, ...]:
        n = len(lu)
        if not n or not np.all(np.diag(lu)):
            return (np.full((n, b.shape[-1]), np.nan),)
        order = list(range(n))
        for i, p in enumerate(pivots):
            order[i], order[p - 1] = order[p - 1], order[i]
        # a is u times unit, whose columns are exchanged
        u, unit = np.tril(lu), np.triu(lu, 1) + np.eye(n, dtype=lu.dtype)
        if self.transposed:
            return (np.linalg.solve(u.T, np.linalg.solve(unit.T, b[order])),)
        x = np.empty_like(b)
        x[order] = np.linalg.solve(unit, np.linalg.solve(u, b))
        return (x,)


contract("gl_lu_solve", lambda b, n, k, transposed: [b * n * n, b * n, b * n * k, b * n * k])


class TriangularSolve(Lapack, Op):
    """x of a·x = b where a is triangular (its other triangle is not read), or of the transpose's system."""

    function = "gl_triangular_solve"
    dtypes = (None, "int32")

    def __init__(self, lower: bool, transposed: bool, unit: bool) -> None:
        self.lower_triangle, self.transposed, self.unit = lower, transposed, unit

    def __repr__(self) -> str:
        return "solve_triangular"

    def tails(self) -> tuple[int, ...]:
        return 2, 2

    def outputs(self, least: Least, a: Sequence, b: Sequence) -> list[tuple]:
        return [(a[-1], b[-1]), ()]

    def integers(self, a: Sequence, b: Sequence) -> tuple:
        return a[-1], b[-1], *map(int, self.parameters())

    def require_fitting(self, operands: list[Operand], require: Callable) -> None:
        _rows_fit(self, operands, require)

    def solve(self, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, ...]:
        part = np.tril(a) if self.lower_triangle else np.triu(a)
        if self.unit:
            np.fill_diagonal(part, 1)
        if not np.all(np.diag(part)):
            return np.full_like(b, np.nan), np.array(1)
        return np.linalg.solve(part.T if self.transposed else part, b), np.array(0)


contract(
    "gl_triangular_solve",
    lambda b, n, k, lower, transposed, unit: [b * n * n, b * n * k, b * n * k, b],
)


class CholeskyFactor(Lapack, Op):
    """L of a = L·Lᵀ, or U of Uᵀ·U; only that triangle of a is read.  ``failed`` if a is not positive
    definite."""

    function = "gl_cholesky"
    dtypes = (None, "int32")

    def __init__(self, lower: bool) -> None:
        self.lower_triangle = lower

    def __repr__(self) -> str:
        return "cholesky"

    def outputs(self, least: Least, a: Sequence) -> list[tuple]:
        return [tuple(a), ()]

    def integers(self, a: Sequence) -> tuple:
        return a[-1], int(self.lower_triangle)

    def solve(self, a: np.ndarray) -> tuple[np.ndarray, ...]:
        try:
            factor = np.linalg.cholesky(a if self.lower_triangle else a.T)
        except np.linalg.LinAlgError:
            return np.full_like(a, np.nan), np.array(1)
        return factor if self.lower_triangle else factor.T, np.array(0)


contract("gl_cholesky", lambda b, n, lower: [b * n * n, b * n * n, b])


class Reflections(Lapack, Op):
    """The reflections whose product is Q, and R, as LAPACK's geqrf leaves them: numpy.linalg.qr's mode
    'raw'."""

    function = "gl_householder"
    square = False
    dtypes = (None, None)

    def outputs(self, least: Least, a: Sequence) -> list[tuple]:
        return [(a[1], a[0]), (least(a[0], a[1]),)]

    def integers(self, a: Sequence) -> tuple:
        return tuple(a)

    def solve(self, a: np.ndarray) -> tuple[np.ndarray, ...]:
        return np.linalg.qr(a, "raw")


contract("gl_householder", lambda b, m, n: [b * m * n, b * m * n, b * ex.minimum(m, n)])


class Reflected(Lapack, Op):
    """The first columns of Q, or all of them, from its reflections."""

    function = "gl_householder_q"
    square = False

    def __init__(self, complete: bool) -> None:
        self.complete = complete

    def tails(self) -> tuple[int, ...]:
        return 2, 1

    def outputs(self, least: Least, h: Sequence, tau: Sequence) -> list[tuple]:
        return [(h[1], h[1] if self.complete else tau[0])]

    def integers(self, h: Sequence, tau: Sequence) -> tuple:
        return h[1], h[0], h[1] if self.complete else tau[0]

    def solve(self, h: np.ndarray, tau: np.ndarray) -> tuple[np.ndarray, ...]:
        m = h.shape[1]
        q = np.eye(m, dtype=h.dtype)
        for k in reversed(range(len(tau))):
            v = np.concatenate([np.zeros(k), [1], h[k, k + 1 :]]).astype(h.dtype)
            q -= tau[k] * np.outer(v, v @ q)
        return (q if self.complete else q[:, : len(tau)],)


contract(
    "gl_householder_q",
    lambda b, m, n, columns: [b * m * n, b * ex.minimum(m, n), b * m * columns],
    lambda b, m, n, columns: [m - columns],
)


class SymmetricEigen(Lapack, Op):
    """Eigenvalues in ascending order, and eigenvectors as columns, of symmetric matrices, of which one
    triangle is read."""

    function = "gl_eigh"
    dtypes = (None, None, "int32")

    def __init__(self, lower: bool) -> None:
        self.lower_triangle = lower

    def __repr__(self) -> str:
        return "eigh"

    def outputs(self, least: Least, a: Sequence) -> list[tuple]:
        return [(a[-1],), tuple(a), ()]

    def integers(self, a: Sequence) -> tuple:
        return a[-1], int(self.lower_triangle)

    def solve(self, a: np.ndarray) -> tuple[np.ndarray, ...]:
        try:
            w, v = np.linalg.eigh(a, "L" if self.lower_triangle else "U")
        except np.linalg.LinAlgError:
            return np.full(len(a), np.nan), np.full_like(a, np.nan), np.array(1)
        return w, v, np.array(0)


contract("gl_eigh", lambda b, n, lower: [b * n * n, b * n, b * n * n, b])


class SingularValues(Lapack, Op):
    """Singular values in descending order."""

    function = "gl_singular_values"
    square = False
    dtypes = (None, "int32")

    def __repr__(self) -> str:
        return "svd"

    def outputs(self, least: Least, a: Sequence) -> list[tuple]:
        return [(least(a[0], a[1]),), ()]

    def integers(self, a: Sequence) -> tuple:
        return tuple(a)

    def solve(self, a: np.ndarray) -> tuple[np.ndarray, ...]:
        try:
            return np.linalg.svd(a, compute_uv=False), np.array(0)
        except np.linalg.LinAlgError:
            return np.full(min(a.shape), np.nan), np.array(1)


contract("gl_singular_values", lambda b, m, n: [b * m * n, b * ex.minimum(m, n), b])


class SVD(Lapack, Op):
    """a = u·diag(s)·vt with orthonormal columns of u and rows of vt; ``full``: square ones."""

    function = "gl_svd"
    square = False
    dtypes = (None, None, None, "int32")

    def __init__(self, full: bool) -> None:
        self.full = full

    def __repr__(self) -> str:
        return "svd"

    def outputs(self, least: Least, a: Sequence) -> list[tuple]:
        k = least(a[0], a[1])
        return [(a[0], a[0] if self.full else k), (k,), (a[1] if self.full else k, a[1]), ()]

    def integers(self, a: Sequence) -> tuple:
        return (*a, int(self.full))

    def solve(self, a: np.ndarray) -> tuple[np.ndarray, ...]:
        try:
            return (*np.linalg.svd(a, self.full), np.array(0))
        except np.linalg.LinAlgError:
            shapes = self.outputs(min, a.shape)
            return (*(np.full(shape, np.nan) for shape in shapes[:3]), np.array(1))


def _of_svd(b: Poly, m: Poly, n: Poly, full: Poly) -> list[Poly]:
    k = ex.minimum(m, n)
    rows, columns = (m, n) if full == 1 else (k, k)
    return [b * m * n, b * m * rows, b * k, b * columns * n, b]


contract("gl_svd", _of_svd)


class Eigen(Lapack, Op):
    """Eigenvalues and right eigenvectors as columns of any square matrices: real and imaginary parts of
    each."""

    function = "gl_eig"
    dtypes = (None, None, None, None, "int32")

    def __repr__(self) -> str:
        return "eig"

    def outputs(self, least: Least, a: Sequence) -> list[tuple]:
        return [(a[-1],), (a[-1],), tuple(a), tuple(a), ()]

    def solve(self, a: np.ndarray) -> tuple[np.ndarray, ...]:
        try:
            w, v = np.linalg.eig(a)
        except np.linalg.LinAlgError:
            no, none = np.full(len(a), np.nan), np.full_like(a, np.nan)
            return no, no, none, none, np.array(1)
        return w.real, w.imag, v.real, v.imag, np.array(0)


contract("gl_eig", lambda b, n: [b * n * n, b * n, b * n, b * n * n, b * n * n, b])
#: of the Padé approximant of degree 13 of exp (Higham 2005): the numerator, and up to which norm it is exact
_PADE = (
    64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000, 10559470521600,
    670442572800, 33522128640, 1323241920, 40840800, 960960, 16380, 182, 1,
)  # fmt: skip
_PADE_NORM = 5.371920351148152


class Exponential(Lapack, Op):
    """exp(a) of matrices, as Higham, The scaling and squaring method for the matrix exponential revisited
    (2005)."""

    function = "gl_expm"

    def __repr__(self) -> str:
        return "expm"

    def outputs(self, least: Least, a: Sequence) -> list[tuple]:
        return [tuple(a)]

    def solve(self, a: np.ndarray) -> tuple[np.ndarray, ...]:
        a = a.astype("float64")
        norm = np.abs(a).sum(0).max(initial=0)
        if not np.isfinite(norm):
            return (np.full_like(a, np.nan),)
        squarings = max(0, int(np.ceil(np.log2(norm / _PADE_NORM)))) if norm else 0
        a = a / 2.0**squarings
        powers = [np.eye(len(a))]
        for _ in range(13):
            powers.append(powers[-1] @ a)
        odd = sum(c * p for c, p in zip(_PADE[1::2], powers[1::2], strict=True))
        even = sum(c * p for c, p in zip(_PADE[::2], powers[::2], strict=True))
        result = np.linalg.solve(even - odd, even + odd) if len(a) else a
        for _ in range(squarings):
            result = result @ result
        return (result,)


contract("gl_expm", lambda b, n: [b * n * n] * 2)


class Answered(Op):
    """Its first operand, which fails the call (LinAlgError, ``message``) unless the second, how many matrices
    have no answer, is 0."""

    def __init__(self, message: str) -> None:
        self.message = message

    def __str__(self) -> str:
        return "answered"

    shape_rule = same_shape

    def infer(self, x: Variable, failures: Variable) -> list[TensorType]:
        return [x.type]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        return [grads[0], None]

    def reference(self, node: Apply, x: np.ndarray, failures: np.ndarray) -> np.ndarray:
        if failures:
            made = node.inputs[0].owner
            matrix = f" {made.inputs[0].describe()}" if made is not None and made.inputs else ""
            raise LinAlgError(f"{self.message}:{matrix}, in {node.outputs[0].describe()}")
        return x

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Pull:
        x, failures = operands
        zero = ex.const(0, failures.dtype)
        fine = ex.checked("checked_truth", ex.apply("eq", "bool", failures.scalar, zero))
        return Pull(x.shape, lambda *i: ex.apply("switch", x.dtype, fine, x.at(*i), ex.const(0, x.dtype)))


def answered(x: Variable, failed: Variable, message: str) -> Variable:
    """``x``, which fails the call with ``message`` where ``failed`` is not 0 everywhere."""
    return Answered(message).make(x, sum_(failed, dtype="int64") if failed.ndim else failed)
