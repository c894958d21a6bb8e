"""What a row of the tables of elementwise operations is: numpy reference, dtype rule, gradient, texts, cost
and the values to try it on.

Operands broadcast as in NumPy, but only along dimensions that are statically 1.  A row's name is also its
name in the scalar language, in which ``scalar.functions`` has its texts and cost; it is lowered by that
alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...configuration import config
from ...errors import DTypeError
from ...graph import Apply, TensorType, Variable
from ...graph.types import is_complex, is_float, part_dtype, promote, weak_dtype
from ...scalar import expression as ex
from ...scalar.functions import Text, define, kind_of
from ...scalar.integer import Poly
from ...scalar.lowered import Operand, Pull
from ..op import ALL, NUMBERS, NoGradient, Op, Sample, as_variable, check_broadcast, is_number, register
from ..shape_rules import Length, Shapes, known_shape, lowered_shape
from .casts import cast

if TYPE_CHECKING:
    from ..batch import Batch

ARITHMETIC, FLOATING, COMPARISON, LOGICAL = "arithmetic", "floating", "comparison", "logical"
#: a condition, then operands of one dtype
CHOICE = "choice"
INTEGERS = ("int8", "int16", "int32", "int64", "uint8")
#: the dtypes that the rules leave operands in
_DTYPES = {
    ARITHMETIC: NUMBERS,
    COMPARISON: ALL,
    LOGICAL: ("bool", *INTEGERS),
    FLOATING: ("float32", "float64"),
    CHOICE: ALL,
}


class Failure(NamedTuple):
    """Which second operands of integers fail the call: the ``check`` of the scalar language that they are,
    what ``is_wrong`` in numpy, the ``error`` and its ``message``."""

    check: str
    is_wrong: Callable[[Any], Any]
    error: type[Exception]
    message: str


def broadcast_at(operand: Operand, index: tuple[Poly, ...]) -> ex.Expr:
    """The element of an operand that broadcasts to an output read at ``index``."""
    own = index[len(index) - operand.ndim :]
    return operand.at(*(0 if n == 1 else i for i, n in zip(own, operand.variable.type.shape, strict=True)))


class Elementwise(Op):
    """A scalar function applied to each element; ``rule`` says which dtypes it takes and gives, ``widens``
    that bools become int8, and ``fails`` which integers fail the call."""

    def __init__(
        self,
        name: str,
        numpy: Callable,
        gradient: Callable | None,
        rule: str,
        arity: int,
        widens: bool,
        fails: Failure | None,
        commutative: bool,
    ) -> None:
        self.name = name
        self.numpy = numpy
        self.derivative = gradient
        self.rule = rule
        self.arity = arity
        self.widens = widens
        self.fails = fails
        self.commutative = commutative

    def parameters(self) -> tuple:
        return (self.name,)

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> Any:
        return _by_name, (self.name,)

    def __call__(self, *args: Any, dtype: str | None = None) -> Variable:
        if self.commutative and self.rule != COMPARISON and args:
            # Theano's add and mul take any number of operands
            if len(args) == 1:
                return as_variable(args[0]) if dtype is None else cast(args[0], dtype)
            if len(args) > 2:
                return self(self(*args[:-1], dtype=dtype), args[-1], dtype=dtype)
        if len(args) != self.arity:
            raise TypeError(
                f"T.{self.name} takes {self.arity} operand{'s' * (self.arity > 1)}, got {len(args)}"
            )
        operands = [a if is_number(a) else as_variable(a) for a in args]
        free = self.rule == CHOICE
        chosen = operands[1:] if free else operands
        common = self.operand_dtype(chosen) if dtype is None else dtype
        if is_complex(common) and dtype is None:
            # real operands stay real, which takes fewer products
            converted = [_beside_complex(a, common) for a in chosen]
        else:
            converted = [cast(a, common) for a in chosen]
        if free:
            converted.insert(0, cast(operands[0], "bool"))
        return self.make(*converted)

    def operand_dtype(self, operands: list) -> str:
        """The dtype all operands are brought to before the operation."""
        strong = [v.dtype for v in operands if isinstance(v, Variable)]
        common = promote(strong) if strong else None
        for number in (v for v in operands if not isinstance(v, Variable)):
            try:
                common = weak_dtype(number, common)
            except DTypeError:
                if self.rule != COMPARISON:
                    raise
                common = "int64"
        if self.widens and common == "bool":
            common = "int8"
        if self.rule == FLOATING and not is_float(common) and not is_complex(common):
            common = config.floatX
        if self.rule == LOGICAL and is_float(common):
            names = ", ".join(v.describe() for v in operands if isinstance(v, Variable))
            raise DTypeError(f"T.{self.name} takes bools or integers, not {names}")
        return common

    def shape_rule(self, of: Shapes, *operands: Variable) -> Sequence[Length]:
        return of.broadcast(operands)

    def infer(self, *inputs: Variable) -> list[TensorType]:
        known = inputs[-1].type
        dtype = "bool" if self.rule == COMPARISON else known.dtype
        for v in inputs:
            if v.type.shape != known.shape:
                return [TensorType(dtype, known_shape(self, *inputs))]
        return [known.with_dtype(dtype)]

    def gradient(
        self,
        node: Apply,
        grads: list[Variable],
        limited: Callable[[Variable], Variable] = lambda g: g,
    ) -> list[Variable | None]:
        """``limited`` is applied to each result before it is summed over axes that were broadcast."""
        if self.derivative is None:
            return [None] * len(node.inputs)
        (g,) = grads
        results = self.derivative(*node.inputs, node.outputs[0], g)
        results = results if isinstance(results, (list, tuple)) else [results]
        return [
            r if r is None or isinstance(r, NoGradient) else sum_to_shape_of(limited(r), v)
            for r, v in zip(results, node.inputs, strict=True)
        ]

    def at_all_steps(self, b: Batch) -> Variable:
        rank = b.node.outputs[0].ndim
        return self.make(*(b.padded(k, rank) for k in range(len(b.inputs))))

    def reference(self, node: Apply, *arrays: np.ndarray) -> np.ndarray:
        check_broadcast(self, node.inputs, arrays)
        out = node.outputs[0]
        if self.fails is not None and may_fail(node) and (arrays[0].size or arrays[1].size == 1):
            _, is_wrong, error, message = self.fails
            if is_wrong(arrays[1]).any():
                raise error(f"{message}: {node.inputs[1].describe()} in {out.describe()}")
        return np.asarray(self.numpy(*arrays), dtype=out.type.numpy_dtype)

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Pull:
        out = node.outputs[0]
        shape = lowered_shape(node, operands, require)
        fails = self.fails if may_fail(node) else None

        def at(*index: Poly) -> ex.Expr:
            elements = [broadcast_at(o, index) for o in operands]
            if fails is not None:
                number = ex.constant_value(elements[1])
                if number is None or fails.is_wrong(number):
                    elements[1] = ex.checked(fails.check, elements[1])
            return ex.apply(self.name, out.dtype, *elements)

        return Pull(shape, at)


def _beside_complex(a: Any, common: str) -> Variable:
    """An operand of a function of complex numbers; a weak number in their dtype, or that of their parts."""
    if isinstance(a, Variable):
        return a
    return cast(a, common if isinstance(a, complex) else part_dtype(common))


def may_fail(node: Apply) -> bool:
    """Whether an elementwise node fails the call for some operands: nothing may bring it before a choice."""
    return node.op.fails is not None and not node.outputs[0].type.is_float


def sum_to_shape_of(gradient: Variable, like: Variable) -> Variable:
    """A gradient of the broadcast shape, summed over the axes along which ``like`` was broadcast."""
    from ..reduce import sum_keeping
    from ..shape import dimshuffle

    extra = gradient.ndim - like.ndim
    if extra:
        gradient = sum_keeping(gradient, tuple(range(extra)))
        gradient = dimshuffle(gradient, tuple(range(extra, gradient.ndim)))
    axes = tuple(
        i
        for i, (n, m) in enumerate(zip(like.type.shape, gradient.type.shape, strict=True))
        if n == 1 and m != 1
    )
    return sum_keeping(gradient, axes) if axes else gradient


#: every row, by its name in graphs and in the scalar language
ROWS: dict[str, Elementwise] = {}


def _by_name(name: str) -> Elementwise:
    return ROWS[name]


def _values(low: float, high: float, shape: tuple, dtype: str, seed: int) -> np.ndarray:
    random = np.random.RandomState(seed)
    return random.uniform(low, high, shape).astype(dtype)


def elementwise(
    name: str,
    numpy: Callable,
    gradient: Callable | None,
    rule: str = FLOATING,
    arity: int = 1,
    domain: tuple = (-2.0, 2.0),
    domain2: tuple | None = None,
    doc: str = "",
    aliases: tuple = (),
    dtypes: tuple | None = None,
    smooth: bool | tuple[bool, ...] = True,
    fails: Failure | None = None,
    commutative: bool = False,
    *,
    cost: int,
    text: str | Text | None = None,
    c: str | Text | None = None,
    cuda: str | Text | None = None,
) -> Elementwise:
    """A new row: an operation of every stage, under ``name`` in graphs, in ``T`` and in the scalar language.

    ``numpy`` is the reference. ``gradient`` gets the inputs, the output and the gradient of the output, and
    gives that of the input, or one for each input; None for one that is zero everywhere, or in its own place
    if all are. ``rule``: ``FLOATING`` (integers become floatX), ``ARITHMETIC`` (integers stay),
    ``COMPARISON`` (gives bools), ``LOGICAL`` (takes bools and integers) or ``CHOICE`` (a bool, then operands
    of one dtype). ``domain`` and ``domain2``: from where the tests draw the operands; ``dtypes``: other ones
    than the rule's to try it with, of which ``ALL`` says that bools stay bools; ``smooth``: whether it is
    tried to second order, or whether it is by each operand. ``commutative``: whether operands may change
    places. ``fails``: which integers fail the call. ``cost``, ``text``, ``c`` and ``cuda``: see
    ``scalar.functions``.

    Errors: ValueError where a column is missing or the name is taken.
    """
    dtypes = dtypes or _DTYPES[rule]
    define(name, arity, tuple(dict.fromkeys(map(kind_of, dtypes))), cost=cost, text=text, c=c, cuda=cuda)
    widens = rule in (ARITHMETIC, LOGICAL) and "bool" not in dtypes
    op = Elementwise(name, numpy, gradient, rule, arity, widens, fails, commutative)
    op.__doc__ = doc or f"Elementwise {name}."
    ROWS[name] = op
    smooth = smooth if gradient is not None else False

    def samples() -> list[Sample]:
        ranges = [domain, domain2 or domain, domain][:arity]
        shapes = [[(3, 4)] * arity, [(0, 3)] * arity, [()] * arity]
        if arity == 2:
            shapes += [[(3, 4), (4,)], [(3, 1), (1, 4)], [(2, 3, 4), ()]]
        result = []
        for k, group in enumerate(shapes):
            arrays = [
                _values(*r, s, "float64", 10 * k + j)
                for j, (r, s) in enumerate(zip(ranges, group, strict=True))
            ]
            result.append(Sample(op, tuple(arrays), dtypes, smooth))
        return result

    register(name, op, samples, aliases)
    return op
