"""Rules that bring a graph to what the backends do best: products that accumulate, rows in use.

Sums are taken apart into terms with scalar coefficients, so that ``W - lr * (dot(x.T, d) + 2 * l2 * W)``
becomes ``Gemm(W, -lr, x.T, d, 1 - 2 * lr * l2)`` however it is bracketed.  Coefficients are numbers of
moderate size times one scalar variable at most: of two, the product might overflow or vanish where the term
does not.
"""

from __future__ import annotations

from typing import Any

from ..graph import Apply, Constant, Variable
from ..ops import elementwise as ew
from ..ops.along_axis import Sort
from ..ops.index import AdvancedIndex, BasicIndex
from ..ops.join import Join
from ..ops.linalg import Gemm, MatrixProduct
from ..ops.reduce import Reduce
from ..ops.shape import DimShuffle, dimshuffle, swapaxes
from ..ops.shape_rules import constant_int
from ..ops.write import AdvancedWrite, BasicWrite
from ..scalar.functions import is_cheap
from .algebra import scaled
from .canonical import scalar_factor
from .engine import Sweep
from .patterns import Capture, P, is_scalar, node, number_of
from .rules import RuleSet
from .softmax import counts, one_hot
from .views import is_scaling

SPECIALIZE = RuleSet("specialize")
rule = SPECIALIZE.rule

x, y = Capture("x"), Capture("y")
s = Capture("s", is_scalar)


@rule("what is sorted is read where its order is looked for", node(Sort, x))
def _(x: Variable, node: Apply, graph: Sweep) -> Variable | None:
    op = node.op
    if op.kind != "sort" or op.count is None:
        return None
    order = graph.find(Sort("argsort", op.axis, op.count), x)
    if order is None or not graph.uses[order]:
        return None
    return AdvancedIndex((True,) * x.ndim).make(x, *op.places(x, order))


class Coefficient:
    """A sum of numbers and of numbers times scalar variables."""

    def __init__(self, parts: list[tuple[float, Variable | None]]) -> None:
        self.parts = parts

    def __add__(self, other: Coefficient) -> Coefficient:
        return Coefficient(self.parts + other.parts)

    def times(self, factor: Any) -> Coefficient | None:
        """Times a number or a scalar variable; None where that might leave the range of floats."""
        number = number_of(factor) if isinstance(factor, Variable) else factor
        if number is None:
            numbers = all(v is None for _, v in self.parts)
            return Coefficient([(n, factor) for n, _ in self.parts]) if numbers else None
        parts = [(n * number, v) for n, v in self.parts]
        return Coefficient(parts) if all(_LEAST <= abs(n) <= 1 / _LEAST for n, _ in parts) else None

    def negative(self) -> Coefficient:
        return Coefficient([(-n, v) for n, v in self.parts])

    def variable(self, dtype: str) -> Variable:
        """The coefficient as a scalar expression."""
        total: Variable | None = None
        number = sum(n for n, v in self.parts if v is None)
        for n, v in self.parts:
            if v is not None:
                part = scaled(n, v)
                total = part if total is None else ew.add(total, part)
        if total is None:
            return Constant(number, dtype=dtype)
        return ew.add(total, number) if number else total


ONE = Coefficient([(1.0, None)])

#: the smallest number that is put together with others, and one over the greatest
_LEAST = 1e-6


def _accumulates(node: Apply) -> bool:
    if type(node.op) in (AdvancedWrite, BasicWrite):
        return node.op.mode == "add" and number_of(node.inputs[0]) == 0
    return type(node.op) is MatrixProduct and not node.op.batched


class Term:
    """coefficient * value; products, and what is added to places of zeros, ``accumulated`` into others."""

    def __init__(self, coefficient: Coefficient, value: Variable) -> None:
        self.coefficient = coefficient
        self.value = value
        node = value.owner
        self.accumulated = node is not None and _accumulates(node)

    def variable(self) -> Variable:
        """The term as an expression."""
        return times(self.coefficient, self.value)

    def added_to(self, other: Term) -> Term:
        """The sum with another term, accumulated into that one."""
        node, dtype = self.value.owner, self.value.dtype
        if type(node.op) is MatrixProduct:
            a, b = node.inputs
            alpha, beta = self.coefficient.variable(dtype), other.coefficient.variable(dtype)
            return Term(ONE, Gemm().make(other.value, alpha, a, b, beta))
        _, added, *places = node.inputs
        return Term(ONE, node.op.make(other.variable(), times(self.coefficient, added), *places))


def times(coefficient: Coefficient, v: Variable) -> Variable:
    factor = coefficient.variable(v.dtype)
    number = number_of(factor)
    return ew.mul(factor, v) if number is None else scaled(number, v)


def terms(root: Variable, graph: Sweep) -> list[Term]:
    """The terms of a sum of scaled variables; what others need too is left whole."""
    result: list[Term] = []
    pending = [(root, ONE)]
    ones = [n == 1 for n in root.type.shape]
    while pending:
        v, k = pending.pop()
        node = v.owner
        whole = v is root or (graph.used_once(v) and [n == 1 for n in v.type.shape] == ones)
        if node is None or type(node.op) is not ew.Elementwise or not whole:
            result.append(Term(k, v))
        elif node.op.name in ("add", "sub"):
            first, second = node.inputs
            pending += [(second, k if node.op.name == "add" else k.negative()), (first, k)]
        else:
            scaling = scalar_factor(v)
            together = None if scaling is None else k.times(scaling[0])
            if together is None:
                result.append(Term(k, v))
            else:
                pending.append((scaling[1], together))
    return result


def collected(found: list[Term]) -> list[Term]:
    """Terms of the same variable as one."""
    total: dict[Variable, Term] = {}
    for t in found:
        total[t.value] = Term(total[t.value].coefficient + t.coefficient, t.value) if t.value in total else t
    return list(total.values())


def is_linear(node: Apply) -> bool:
    """Whether a node is a sum or a multiple, so that terms of it are terms of a greater sum."""
    return type(node.op) is ew.Elementwise and (node.op.name in ("add", "sub") or is_scaling(node))


def _part(t: Term) -> tuple[int, int, int] | None:
    """(axis, start, stop) of a term that is a part of an axis, whole in the others, in a tensor of zeros."""
    node = t.value.owner
    if node is None or type(node.op) is not BasicWrite or not _accumulates(node):
        return None
    entries = node.op.entries
    axes = [a for a, e in enumerate(entries) if e is not None]
    part, shape = node.inputs[1].type.shape, t.value.type.shape
    if len(axes) != 1 or len(part) != len(shape) or not isinstance(entries[axes[0]], tuple):
        return None
    (axis,) = axes
    n, (has_start, has_stop, step) = shape[axis], entries[axis]
    bounds = [constant_int(v) for v in node.inputs[2:]]
    if n is None or step != 1 or None in bounds:
        return None
    start, stop, _ = slice(*[bounds.pop(0) if has else None for has in (has_start, has_stop)]).indices(n)
    fits = all(a == axis or p != 1 or m == 1 for a, (p, m) in enumerate(zip(part, shape, strict=True)))
    return (axis, start, stop) if fits and part[axis] == stop - start else None


@rule("parts that make up an axis are joined", P.add(), P.sub())
def _(node: Apply, graph: Sweep) -> Variable | None:
    """The gradient of a tensor that is read in parts, as the gates of an LSTM are."""
    out = node.outputs[0]
    reader = graph.only_reader(out)
    if not out.type.is_float or not out.type.shape or (reader is not None and is_linear(reader)):
        return None
    found = collected(terms(out, graph))
    parts = sorted((p, k) for k, t in enumerate(found) if (p := _part(t)) is not None)
    for axis in sorted({p[0] for p, _ in parts}):
        mine = [(p, k) for p, k in parts if p[0] == axis]
        ends = [0, *(stop for (_, _, stop), _ in mine)]
        starts = [*(start for (_, start, _), _ in mine), out.type.shape[axis]]
        if len(mine) > 1 and ends == starts:
            pieces = [times(found[k].coefficient, found[k].value.owner.inputs[1]) for _, k in mine]
            rest = [t for k, t in enumerate(found) if k not in {k for _, k in mine}]
            return sum_of([*rest, Term(ONE, Join(axis).make(*pieces))]).variable()
    return None


@rule(
    "a sum with products, or with rows added, accumulates into its other terms", P.add(), P.sub(), s * x, -x
)
def _(node: Apply, graph: Sweep) -> Variable | None:
    """beta * C + alpha * dot(A, B) is one Gemm; W - lr * (zeros with rows added) adds the rows to W.

    Where an elementwise operation reads the sum, or parts of it as those of gates, terms that are no products
    are left to it: there they cost nothing.
    """
    out = node.outputs[0]
    reader = graph.only_reader(out)
    if not out.type.is_float or not out.type.shape:
        return None
    # an operand broadcasts only along axes that are statically 1
    ones = [n == 1 for n in out.type.shape]
    if reader is not None and is_linear(reader) and [n == 1 for n in reader.outputs[0].type.shape] == ones:
        return None
    found = terms(out, graph)
    if not any(t.accumulated for t in found):
        return None
    found = collected(found)
    whole = [t for t in found if [n == 1 for n in t.value.type.shape] == ones]
    products = [t for t in whole if t.accumulated and graph.used_once(t.value)]
    bases = [t for t in whole if t not in products]
    sliced = len(products) == 1 and type(graph.a_reader(out)) is BasicIndex
    if sliced or (reader is not None and type(reader.op) in (ew.Elementwise, Reduce)):
        bases = []
    if not products or len(products) + len(bases) < 2:
        return None
    added = [t for t in found if t not in products and t not in bases]
    products = _added_at_once(products)
    base = sum_of(bases) if bases else products.pop(0)
    for t in products:
        base = t.added_to(base)
    return sum_of([base, *added]).variable()


def _added_at_once(products: list[Term]) -> list[Term]:
    """The terms, with one for all that is added to the same places of zeros: several uses of the same
    rows."""
    result: list[Term] = []
    at: dict[tuple, list[Term]] = {}
    for t in products:
        node = t.value.owner
        if type(node.op) is MatrixProduct:
            result.append(t)
        else:
            at.setdefault((node.op, *node.inputs[2:]), []).append(t)
    for (op, *places), terms in at.items():
        zeros = terms[0].value.owner.inputs[0]
        total = sum_of([Term(t.coefficient, t.value.owner.inputs[1]) for t in terms]).variable()
        result.append(Term(ONE, op.make(zeros, total, *places)))
    return result


def sum_of(found: list[Term]) -> Term:
    """Several terms as one."""
    if len(found) == 1:
        return found[0]
    total: Variable | None = None
    for t in found:
        total = t.variable() if total is None else ew.add(total, t.variable())
    return Term(ONE, total)


@rule(
    "the transpose of a product is the product of the transposes",
    node(DimShuffle, node(MatrixProduct, x, y, as_="product")),
)
def _(x: Variable, y: Variable, product: Variable, node: Apply, graph: Sweep) -> Variable | None:
    transposes = node.op.order == ((0, 2, 1) if product.owner.op.batched else (1, 0))
    if not transposes or not graph.used_once(product):
        return None
    return product.owner.op.make(swapaxes(y, -1, -2), swapaxes(x, -1, -2))


@rule("what is picked of a matrix is computed of what is picked of its operands", node(AdvancedIndex))
def _(node: Apply, graph: Sweep) -> Variable | None:
    """An element a row, as the labels' of log(softmax(x)): the matrix need not be in memory for that."""
    whole, *places = node.inputs
    made = whole.owner
    if made is None or type(made.op) is not ew.Elementwise or node.op.entries != (True, True):
        return None
    if not counts(places[0]) or not (graph.used_once(whole) or is_cheap(made.op.name)):
        return None

    def picked(v: Variable) -> Variable:
        own = [a for a, n in enumerate(v.type.shape) if n != 1]
        if not own:
            return dimshuffle(v)
        indices = [places[a + 2 - v.ndim] for a in own]
        return AdvancedIndex((True,) * len(own)).make(dimshuffle(v, *own), *indices)

    return made.op.make(*map(picked, made.inputs))


@rule(
    "a vector added to a matrix at [arange, labels] is an elementwise choice", node(AdvancedWrite, mode="add")
)
def _(node: Apply, graph: Sweep) -> Variable | None:
    found = one_hot(node.outputs[0], graph)
    return None if found is None else found[0]
