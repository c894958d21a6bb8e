"""Matrix products: ``dot`` in NumPy's sense, ``batched_dot``, ``tensordot``, and the product with
accumulation of BLAS.

One primitive, the product of two matrices, or of two batches of them, stands under all of them; floating ones
become library calls, integer ones a loop nest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ShapeError
from ..graph import Apply, TensorType, Variable
from ..graph.types import normalize_axis, part_dtype, promote
from ..scalar import expression as ex
from ..scalar.integer import Poly
from ..scalar.lowered import Operand, Product, Reduction
from .elementwise import cast, mul
from .op import NUMBERS, Op, Sample, as_variable, register
from .reduce import sum as sum_
from .shape import SameLengths, broadcast_to, dimshuffle, reshape, shape_i, shape_padleft, swapaxes
from .shape_rules import Length, Shapes, constant_int, elements_of, known_shape, lowered_shape

if TYPE_CHECKING:
    from .batch import Batch


def joined_rows(x: Variable) -> Variable:
    """(n, m, k) as (n * m, k)."""
    if x.type.shape[1] == 1:
        return dimshuffle(x, 0, 2)
    return reshape(x, (shape_i(x, 0) * shape_i(x, 1), shape_i(x, 2)), ndim=2)


class MatrixProduct(Op):
    """(m, k)·(k, n); with ``batched``, for each index of a common leading axis."""

    takes_complex = "product"
    costly = True

    def __init__(self, batched: bool = False) -> None:
        self.batched = batched

    def __repr__(self) -> str:
        return "batched_dot" if self.batched else "dot"

    def shape_rule(self, of: Shapes, a: Variable, b: Variable) -> Sequence[Length]:
        return [*of.shape(a)[:-1], of.shape(b)[-1]]

    def infer(self, a: Variable, b: Variable) -> list[TensorType]:
        what = "batched_dot" if self.batched else "dot"
        if (
            self.batched
            and None not in (a.type.shape[0], b.type.shape[0])
            and a.type.shape[0] != b.type.shape[0]
        ):
            raise ShapeError(
                f"T.{what}: {a.type.shape[0]} and {b.type.shape[0]} products in {a.describe()} and "
                f"{b.describe()}"
            )
        inner = a.type.shape[-1], b.type.shape[-2]
        if None not in inner and inner[0] != inner[1]:
            raise ShapeError(
                f"T.{what}: the last axis of {a.describe()} has length {inner[0]}, the one it meets in "
                f"{b.describe()} {inner[1]}"
            )
        shape = known_shape(self, a, b)
        if self.batched and shape[0] is None:
            shape[0] = b.type.shape[0]
        return [TensorType(a.dtype, shape)]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        (a, b), (g,) = node.inputs, grads
        return [self.make(g, swapaxes(b, -1, -2)), self.make(swapaxes(a, -1, -2), g)]

    def multiply_adds(self, node: Apply) -> int:
        return elements_of(node.outputs[0].type.shape) * (node.inputs[0].type.shape[-1] or 1)

    def at_all_steps(self, b: Batch) -> Variable | None:
        """One product for all steps where only one operand differs from step to step; a batch of
        products where both do."""
        a, c = b.inputs
        if self.batched:
            return None
        if all(b.per_step):
            return MatrixProduct(batched=True).make(a, c)
        if b.per_step[0]:
            flat = MatrixProduct().make(joined_rows(a), c)
            return reshape(flat, (shape_i(a, 0), shape_i(a, 1), shape_i(c, 1)), ndim=3)
        across = dimshuffle(c, 0, 2, 1)
        flat = MatrixProduct().make(joined_rows(across), dimshuffle(a, 1, 0))
        return dimshuffle(reshape(flat, (shape_i(c, 0), shape_i(c, 2), shape_i(a, 0)), ndim=3), 0, 2, 1)

    def reference(self, node: Apply, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        if self.batched and a.shape[0] != b.shape[0]:
            left, right = node.inputs
            raise ShapeError(
                f"batched_dot: {left.describe()} holds {a.shape[0]} matrices, {right.describe()} {b.shape[0]}"
            )
        return np.asarray(np.matmul(a, b), dtype=node.outputs[0].type.numpy_dtype)

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Product | Reduction:
        a, b = operands
        return lower_product(node, a, b, self.batched, require)


def _require_meeting(a: Operand, b: Operand, require: Callable) -> None:
    """The axes of two matrices that a product sums over are of one length."""
    message = "dot: the last axis of {0} has length {a}, the one it meets in {1} {b}"
    require(a.shape[-1], b.shape[-2], message, (a.variable, b.variable))


def lower_product(node: Apply, a: Operand, b: Operand, batched: bool, require: Callable) -> Any:
    _require_meeting(a, b, require)
    if batched:
        message = "batched_dot: {0} holds {a} matrices, {1} {b}"
        require(a.shape[0], b.shape[0], message, (a.variable, b.variable))
    shape = lowered_shape(node, (a, b), require)
    if node.outputs[0].type.is_float:
        return Product(0, 1, batched=batched, shape=shape)

    def at(*i: Poly) -> ex.Expr:
        *head, row, column, inner = i
        return ex.apply("mul", a.dtype, a.at(*head, row, inner), b.at(*head, inner, column))

    return Reduction("sum", (*shape, a.shape[-1]), (len(shape),), at)


class Gemm(Op):
    """beta * c + alpha * a·b with scalars alpha and beta, as BLAS has it.  Made by rewrites; writes over c
    where it may."""

    def __repr__(self) -> str:
        return "gemm"

    def shape_rule(
        self, of: Shapes, c: Variable, alpha: Variable, a: Variable, b: Variable, beta: Variable
    ) -> Sequence[Length]:
        return [of.shape(a)[0], of.shape(b)[1]]

    def infer(
        self, c: Variable, alpha: Variable, a: Variable, b: Variable, beta: Variable
    ) -> list[TensorType]:
        return [MatrixProduct().infer(a, b)[0]]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        (c, alpha, a, b, beta), (g,) = node.inputs, grads
        return [beta * g, sum_(g * dot(a, b)), alpha * dot(g, b.T), alpha * dot(a.T, g), sum_(g * c)]

    def multiply_adds(self, node: Apply) -> int:
        return elements_of(node.outputs[0].type.shape) * (node.inputs[2].type.shape[-1] or 1)

    def reference(
        self, node: Apply, c: np.ndarray, alpha: np.ndarray, a: np.ndarray, b: np.ndarray, beta: np.ndarray
    ) -> np.ndarray:
        return np.asarray(beta * c + alpha * np.matmul(a, b), dtype=c.dtype)

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Product:
        c, alpha, a, b, beta = operands
        _require_meeting(a, b, require)
        for axis, o, part in ((0, a, 0), (1, b, 1)):
            require(
                c.shape[axis],
                o.shape[part],
                f"axis {axis} of {{0}} has length {{a}}, of the product with {{1}} {{b}}",
                (c.variable, o.variable),
            )
        return Product(2, 3, 0, alpha.scalar, beta.scalar, shape=c.shape)


def _same_dtype(a: Any, b: Any) -> tuple[Variable, Variable]:
    a, b = as_variable(a), as_variable(b)
    common = promote([a.dtype, b.dtype])
    common = "int64" if common == "bool" else common
    # real numbers beside complex ones stay real, which takes fewer products
    left, right = (cast(v, common if v.type.is_complex else part_dtype(common)) for v in (a, b))
    return left, right


def dot(a: Any, b: Any) -> Variable:
    """The product in NumPy's sense: matrix by matrix, matrix by vector, vector by vector, scalar by anything,
    and, for more dimensions, over the last axis of ``a`` and the last but one of ``b``."""
    a, b = _same_dtype(a, b)
    if a.ndim == 0 or b.ndim == 0:
        return mul(a, b)
    if a.ndim <= 2 and b.ndim <= 2:
        _check_inner(a, b, -b.ndim)
    if a.ndim == 1 and b.ndim == 1:
        products = mul(a, b)
        return sum_(products, dtype=products.dtype)
    if a.ndim == b.ndim == 2:
        return MatrixProduct().make(a, b)
    if a.ndim <= 2 and b.ndim <= 2:
        left = dimshuffle(a, "x", 0) if a.ndim == 1 else a
        right = dimshuffle(b, 0, "x") if b.ndim == 1 else b
        result = MatrixProduct().make(left, right)
        return dimshuffle(result, *([0] if a.ndim == 2 else []), *([1] if b.ndim == 2 else []))
    return tensordot(a, b, ([a.ndim - 1], [max(b.ndim - 2, 0)]))


def _check_inner(a: Variable, b: Variable, axis: int, what: str = "T.dot") -> None:
    n, m = a.type.shape[-1], b.type.shape[axis]
    if None not in (n, m) and n != m:
        raise ShapeError(
            f"{what}: the last axis of {a.describe()} has length {n}, the one it meets in {b.describe()} {m}"
        )


def matmul(a: Any, b: Any) -> Variable:
    """``a @ b`` as numpy.matmul: products of matrices on the last two axes, whose leading axes broadcast.

    A vector is a row on the left, a column on the right. Errors: ShapeError for scalars, and for lengths that
    do not fit.
    """
    a, b = _same_dtype(a, b)
    if a.ndim == 0 or b.ndim == 0:
        scalar = a if a.ndim == 0 else b
        raise ShapeError(f"T.matmul (@) takes no scalars, such as {scalar.describe()}; multiply by it with *")
    left = dimshuffle(a, "x", 0) if a.ndim == 1 else a
    right = dimshuffle(b, 0, "x") if b.ndim == 1 else b
    _check_inner(a, b, -min(b.ndim, 2), "T.matmul (@)")
    if b.ndim <= 2:
        return dot(a, b)
    if left.ndim == 2:
        # one product, whose rows come first: they go before the columns
        result = tensordot(left, right, ([1], [right.ndim - 2]))
        result = dimshuffle(result, [*range(1, right.ndim - 1), 0, right.ndim - 1])
    else:
        result = _batches(left, right)
    rank = result.ndim
    return dimshuffle(result, [i for i in range(rank) if not (i == rank - 2 and a.ndim == 1)])


def _batches(a: Variable, b: Variable) -> Variable:
    """The products of two stacks of matrices, whose leading axes broadcast."""
    count = max(a.ndim, b.ndim) - 2
    a, b = (shape_padleft(v, count + 2 - v.ndim) for v in (a, b))
    if count == 1 and 1 not in (a.type.shape[0], b.type.shape[0]):
        return batched_dot(a, b)
    lengths = []
    for axis in range(count):
        n, m = a.type.shape[axis], b.type.shape[axis]
        if None not in (n, m) and n != m and 1 not in (n, m):
            raise ShapeError(
                f"T.matmul (@): lengths {n} and {m} of axis {axis - count - 2} of {a.describe()} and "
                f"{b.describe()} do not broadcast"
            )
        lengths.append(shape_i(b if n == 1 or (n is None and m not in (None, 1)) else a, axis))
    a, b = (broadcast_to(v, [*lengths, shape_i(v, count), shape_i(v, count + 1)]) for v in (a, b))
    if count == 1:
        return MatrixProduct(batched=True).make(a, b)
    total = _product(lengths)
    flat = [reshape(v, (total, shape_i(v, count), shape_i(v, count + 1))) for v in (a, b)]
    result = MatrixProduct(batched=True).make(*flat)
    return reshape(result, (*lengths, shape_i(a, count), shape_i(b, count + 1)))


def batched_dot(a: Any, b: Any) -> Variable:
    """For each index of the first axis the product of what is left: matrices or vectors."""
    a, b = _same_dtype(a, b)
    if a.ndim < 2 or b.ndim < 2 or a.ndim > 3 or b.ndim > 3:
        raise ShapeError(
            f"T.batched_dot takes two or three dimensions each, not {a.describe()} and {b.describe()}"
        )
    left = dimshuffle(a, 0, "x", 1) if a.ndim == 2 else a
    right = dimshuffle(b, 0, 1, "x") if b.ndim == 2 else b
    result = MatrixProduct(batched=True).make(left, right)
    return dimshuffle(result, 0, *([1] if a.ndim == 3 else []), *([2] if b.ndim == 3 else []))


def tensordot(a: Any, b: Any, axes: Any = 2) -> Variable:
    """The sum over the product of paired axes: a number (the last of ``a`` with the first of ``b``) or two
    lists of axes.

    Errors: ShapeError where the axes of a pair are not as long as each other, now or at the call.
    """
    a, b = _same_dtype(a, b)
    return _contracted(a, b, *_paired(a, b, axes, 0, "T.tensordot"), 0)


def batched_tensordot(x: Any, y: Any, axes: Any = 2) -> Variable:
    """``tensordot`` for each index of the first axis, which both have.

    axes: a number (the last of ``x`` with the first of ``y`` after the first axis), or two lists of axes, or
    two axes, none of them the first.  The result's axes are the first, what is left of ``x``, what is left of
    ``y``.

    Errors: ShapeError where the axes of a pair are not as long as each other, now or at the call.
    """
    x, y = _same_dtype(x, y)
    if not x.ndim or not y.ndim:
        raise ShapeError(
            f"T.batched_tensordot needs operands with an axis, not {x.describe()} and {y.describe()}"
        )
    return _contracted(x, y, *_paired(x, y, axes, 1, "T.batched_tensordot"), 1)


def _paired(a: Variable, b: Variable, axes: Any, first: int, what: str) -> tuple[list[int], list[int]]:
    """The axes of ``a`` and of ``b`` that are summed over, all of them from ``first`` on."""
    if isinstance(axes, (int, np.integer)):
        if not 0 <= axes <= min(a.ndim, b.ndim) - first:
            raise ShapeError(f"{what}: {axes} axes of {a.describe()} and {b.describe()}")
        axes = (list(range(a.ndim - axes, a.ndim)), list(range(first, first + axes)))
    left, right = ([x] if isinstance(x, (int, np.integer)) else list(x) for x in axes)
    left = [normalize_axis(x, a.ndim, what, a) for x in left]
    right = [normalize_axis(x, b.ndim, what, b) for x in right]
    if len(left) != len(right):
        raise ShapeError(f"{what}: {len(left)} axes of the first and {len(right)} of the second operand")
    if len({*left}) < len(left) or len({*right}) < len(right):
        raise ShapeError(f"{what}: an axis is named twice in {axes}")
    if any(x < first for x in (*left, *right)):
        raise ShapeError(f"{what}: the first axis, which both have, is not summed over; axes are {axes}")
    for i, j in zip(left, right, strict=True):
        n, m = a.type.shape[i], b.type.shape[j]
        if None not in (n, m) and n != m:
            raise ShapeError(
                f"{what}: axis {i} of {a.describe()} has length {n}, axis {j} of {b.describe()} {m}"
            )
    return left, right


def _contracted(a: Variable, b: Variable, left: list[int], right: list[int], common: int) -> Variable:
    """The sum over ``left`` of ``a`` paired with ``right`` of ``b``; for each index of the first axis where
    ``common`` is 1."""
    if len(left) > 1:
        # as one axis they are as long together even where their lengths are not the same
        what = "T.batched_tensordot" if common else "T.tensordot"
        b = SameLengths(tuple(zip(right, left, strict=True)), what).make(b, a)
    batch = list(range(common))
    keep_a = [i for i in range(common, a.ndim) if i not in left]
    keep_b = [i for i in range(common, b.ndim) if i not in right]
    lengths_a, lengths_b = ([shape_i(x, i) for i in batch] for x in (a, b))
    flat_a = reshape(dimshuffle(a, batch + keep_a + left), [*lengths_a, _size(a, keep_a), _size(a, left)])
    flat_b = reshape(dimshuffle(b, batch + right + keep_b), [*lengths_b, _size(b, right), _size(b, keep_b)])
    result = MatrixProduct(batched=bool(common)).make(flat_a, flat_b)
    kept = [shape_i(a, i) for i in keep_a] + [shape_i(b, i) for i in keep_b]
    return reshape(result, [*lengths_a, *kept])


def _size(x: Variable, axes: Sequence[int]) -> Any:
    return _product([shape_i(x, axis) for axis in axes])


def _product(lengths: Sequence[Variable]) -> Any:
    """A number where all are known, so that static shapes go on."""
    total: Any = 1
    for n in lengths:
        known = constant_int(n) if isinstance(total, int) else None
        total = (n if known is None else known) * total
    return total


def inner(a: Any, b: Any) -> Variable:
    """The sums of products over the last axes of both, as numpy.inner."""
    a, b = as_variable(a), as_variable(b)
    return a * b if 0 in (a.ndim, b.ndim) else tensordot(a, b, [[a.ndim - 1], [b.ndim - 1]])


def vecdot(x1: Any, x2: Any, axis: int = -1) -> Variable:
    """The inner products of real vectors that lie along ``axis`` of both; other axes broadcast."""
    from .reduce import sum

    return sum(as_variable(x1) * as_variable(x2), axis)


def vdot(a: Any, b: Any) -> Variable:
    """The inner product of all elements, real ones."""
    from .shape import flatten

    return dot(flatten(as_variable(a)), flatten(as_variable(b)))


def matvec(x1: Any, x2: Any) -> Variable:
    """The products of matrices and vectors, of the last two axes and the last one; others broadcast."""
    x2 = as_variable(x2)
    return matmul(x1, dimshuffle(x2, *range(x2.ndim), "x"))[..., 0]


def vecmat(x1: Any, x2: Any) -> Variable:
    """The products of real vectors and matrices, of the last axis and the last two; others broadcast."""
    x1 = as_variable(x1)
    return matmul(dimshuffle(x1, *range(x1.ndim - 1), "x", x1.ndim - 1), x2)[..., 0, :]


def cross(a: Any, b: Any, axis: int = -1) -> Variable:
    """The vectors at right angles to both of two in space, that lie along ``axis``; other axes broadcast."""
    from .join import stack
    from .shape import moveaxis

    a, b = (moveaxis(as_variable(v), axis, 0) for v in (a, b))
    c = [a[(k + 1) % 3] * b[(k + 2) % 3] - a[(k + 2) % 3] * b[(k + 1) % 3] for k in range(3)]
    return moveaxis(stack(c), 0, axis)


def outer(a: Any, b: Any) -> Variable:
    """Every element of one vector times every element of the other."""
    a, b = as_variable(a), as_variable(b)
    return dimshuffle(a.flatten(), 0, "x") * dimshuffle(b.flatten(), "x", 0)


def _m(*shape: int) -> np.ndarray:
    return np.random.RandomState(sum(shape)).randint(-4, 5, shape) * 0.5


register(
    "dot",
    dot,
    lambda: (
        [
            Sample(dot, shapes, NUMBERS)
            for shapes in [
                (_m(3, 4), _m(4, 5)),
                (_m(3, 4), _m(4)),
                (_m(4), _m(4, 2)),
                (_m(4), _m(4)),
                (_m(1, 7), _m(7, 1)),
                (_m(2, 3, 4), _m(4, 2)),
                (_m(0, 4), _m(4, 5)),
                (_m(3, 0), _m(0, 5)),
                (np.array(2.0), _m(3, 2)),
            ]
        ]
        + [
            Sample(lambda x, y: dot(x.T, y), (_m(4, 3), _m(4, 5)), NUMBERS),
            Sample(lambda x, y: dot(x[::2, 1:], y[:, ::-1].T), (_m(5, 4), _m(6, 3)), NUMBERS),
        ]
    ),
)
register(
    "matmul",
    matmul,
    lambda: [
        Sample(matmul, shapes, NUMBERS)
        for shapes in [
            (_m(3, 4), _m(4, 5)),
            (_m(4), _m(2, 4, 5)),
            (_m(3, 4), _m(2, 4, 5)),
            (_m(2, 3, 4), _m(4)),
            (_m(2, 1, 3, 4), _m(1, 2, 4, 2)),
            (_m(3, 2, 4), _m(2, 3, 4, 2)),
            (_m(0, 2, 3, 4), _m(0, 2, 4, 2)),
        ]
    ],
)
register(
    "batched_dot",
    batched_dot,
    lambda: [
        Sample(batched_dot, shapes, NUMBERS)
        for shapes in [
            (_m(2, 3, 4), _m(2, 4, 5)),
            (_m(2, 4), _m(2, 4)),
            (_m(2, 3, 4), _m(2, 4)),
            (_m(0, 3, 4), _m(0, 4, 5)),
        ]
    ],
)
register(
    "tensordot",
    tensordot,
    lambda: [
        Sample(lambda x, y: tensordot(x, y, [[1, 2], [0, 1]]), (_m(2, 3, 4), _m(3, 4, 5)), NUMBERS),
        Sample(lambda x, y: tensordot(x, y, 1), (_m(2, 3), _m(3, 2, 2)), NUMBERS),
        Sample(lambda x, y: tensordot(x, y, 0), (_m(2), _m(3)), NUMBERS),
    ],
)
register(
    "batched_tensordot",
    batched_tensordot,
    lambda: [
        Sample(
            lambda x, y: batched_tensordot(x, y, [[1, 3], [2, 1]]), (_m(2, 3, 2, 4), _m(2, 4, 3)), NUMBERS
        ),
        Sample(lambda x, y: batched_tensordot(x, y, 1), (_m(2, 3), _m(2, 3, 2)), NUMBERS),
        Sample(lambda x, y: batched_tensordot(x, y, [1, 1]), (_m(2, 3), _m(2, 3)), NUMBERS),
    ],
)
register("outer", outer, lambda: [Sample(outer, (_m(3), _m(4)), NUMBERS)])
