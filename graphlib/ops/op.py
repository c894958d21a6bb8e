"""What an operation is, and the registry of all of them.

An operation has a type rule (``infer``), a gradient, a numpy reference and a lowering, in one class or one
row of a table, and samples of its inputs.  The tests, ``T.name`` and the table in the docs are generated from
``REGISTRY``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..configuration import config
from ..errors import DTypeError, GradientError, GraphError, InputError, ShapeError
from ..graph import Apply, Constant, TensorType, Variable
from ..graph.types import (
    FLOATS,
    held_by,
    is_float,
    plain_array,
    weak_dtype,
)
from ..graph.variable import warn_user
from ..records import record
from ..scalar.lowered import ONE_UNKNOWN, Operand
from .shape_rules import Shapes

if TYPE_CHECKING:
    from .batch import Batch

#: the dtypes that samples are tried with; of the unsigned ones one stands for all
NUMBERS = ("int8", "int16", "int32", "int64", "uint8", *FLOATS)
ALL = ("bool", *NUMBERS)
#: what makes other values of the outputs of each node that numpy computes, those in loops included; used to
#: see what rounding does
altering: ContextVar[Callable[[Apply, tuple], tuple] | None] = ContextVar("altering", default=None)


@record
class Sample:
    """A way to try an operation: ``build`` applied to variables of these inputs' types.

    The tests run it with every dtype of ``dtypes`` in place of the float inputs, and, where
    ``differentiable`` (per input), hold its gradients against finite differences to second order.
    """

    build: Callable[..., Any]
    inputs: tuple[np.ndarray, ...]
    dtypes: tuple[str, ...] = FLOATS
    differentiable: tuple[bool, ...] | bool = True


@dataclass
class Entry:
    """A registered operation: its name, what makes a node of it (and has its docstring), and its samples."""

    name: str
    build: Callable[..., Any]
    samples: Callable[[], list[Sample]]
    aliases: tuple[str, ...] = ()

    @property
    def doc(self) -> str:
        return (self.build.__doc__ or "").strip()


REGISTRY: dict[str, Entry] = {}


#: gradients of operations whose rule differentiates a graph of its own, and so belongs to a later stage
GRADIENT_RULES: dict[type[Op], Callable[..., list[Variable | None]]] = {}


def register(
    name: str, build: Callable, samples: Callable[[], list[Sample]], aliases: Sequence[str] = ()
) -> None:
    """Add an operation, by its name, to the registry.  Errors: ValueError where the name is taken."""
    if name in REGISTRY:
        raise ValueError(f"two operations are called {name}")
    REGISTRY[name] = Entry(name, build, samples, tuple(aliases))


def register_cases(
    name: str,
    build: Callable,
    cases: Sequence[tuple[Callable, tuple]],
    dtypes: tuple = ALL,
    differentiable: bool = True,
    aliases: Sequence[str] = (),
) -> None:
    """Register an operation; ``cases`` are functions and the inputs to try them on."""
    register(name, build, lambda: [Sample(f, arrays, dtypes, differentiable) for f, arrays in cases], aliases)


def ramp(*shape: int) -> np.ndarray:
    """An array to try operations on: different numbers, in no order, some of them negative."""
    return np.random.RandomState(5).permutation(int(np.prod(shape))).reshape(shape) * 0.25 - 1


def quarters(*shape: int) -> np.ndarray:
    """An array to try sums of products on: quarters from -1 to 1, whose sums are exact."""
    return np.random.RandomState(sum(shape)).randint(-4, 5, shape) * 0.25


class Op:
    """The base of all operations.  Instances are immutable and compare by class and parameters (see
    ``parameters``)."""

    #: whether the only thing it does is to read its (first) input at another index
    view = False
    #: whether a gradient had better keep its value than compute it again
    costly = False
    #: what it does with complex numbers: None (it takes none), "parts" (the same to real and imaginary parts,
    #: as to move them), "shape" (it looks at their shape), "whole" (all else that takes them); or "product":
    #: it is linear in both operands, and made of products of parts
    takes_complex: str | None = None

    #: whether outputs depend on inputs, where not all on all: ``connection_pattern(node)[input][output]``
    connection_pattern: Callable[[Apply], Sequence[Sequence[bool]]] | None = None

    def parameters(self) -> tuple:
        """What tells two operations of this class apart: all attributes, as ``__init__`` sets them."""
        return tuple(self.__dict__.values())

    def infer(self, *inputs: Variable) -> list[TensorType]:
        """Types of the outputs; raises ShapeError or DTypeError on inputs that do not fit."""
        raise NotImplementedError

    def infer_again(self, node: Apply, inputs: Sequence[Variable]) -> list[TensorType]:
        """Types of the outputs of a node that gets other inputs, of types that fit."""
        return self.infer(*inputs)

    def shape_rule(self, of: Shapes, *inputs: Variable) -> Sequence | None:
        """The lengths of the output's axes (of several outputs, those of each) from what is known ``of`` the
        inputs; None where nothing but the output itself has them."""
        return None

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        """For each input the gradient of the cost, given those of the outputs; None where it is zero
        everywhere."""
        raise NotImplementedError

    def reference(self, node: Apply, *arrays: np.ndarray) -> Any:
        """The output array (or a tuple of several) by numpy."""
        raise NotImplementedError

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Any:
        """How the output comes from the operands: one of ``scalar.lowered``.

        ``require(left, right, message)`` notes lengths that must be equal at a call.
        """
        raise NotImplementedError

    def at_all_steps(self, b: Batch) -> Variable | None:
        """The output of a loop's step for all steps at once, which are its first axis; None where there is
        no such form, and the operation stays in its loop."""
        return None

    def multiply_adds(self, node: Apply) -> int:
        """How many products of elements a node adds up, with 1 for each length not known: what products,
        convolutions and loops of them take."""
        return 0

    def make(self, *inputs: Variable) -> Any:
        """A node of this operation on variables; its output, or a list of several.

        Of complex numbers it is made as ``takes_complex`` says (see ``complex_numbers``)."""
        for v in inputs:
            if v.type.is_complex and self.takes_complex in (None, "product"):
                from .complex_numbers import made_of_complex

                return made_of_complex(self, inputs)
        node = Apply(self, inputs, self.infer(*inputs))
        for v in node.outputs:
            if v.type.dtype == "float64" and config.on_float64 != "ignore":
                _watch_float64(node)
                break
        return node.outputs[0] if len(node.outputs) == 1 else list(node.outputs)

    def __call__(self, *inputs: Any) -> Any:
        return self.make(*(as_variable(v) for v in inputs))

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.parameters() == other.parameters()

    def __hash__(self) -> int:
        return hash((type(self), self.parameters()))

    def __repr__(self) -> str:
        inside = ", ".join(map(str, self.parameters()))
        return f"{type(self).__name__}{{{inside}}}" if inside else type(self).__name__


def by_reference(node: Apply, arrays: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
    """The outputs of a node by its numpy reference.

    Errors: what NumPy raises, with the node and its operands: ShapeError for a ValueError, InputError for a
    TypeError, IndexError, ZeroDivisionError, MemoryError.
    """
    try:
        with np.errstate(all="ignore"):
            results = node.op.reference(node, *arrays)
    except GraphError:
        raise
    except (ValueError, IndexError, ZeroDivisionError, TypeError, MemoryError) as error:
        operands = "; ".join(
            f"{v.describe()} with shape {a.shape}" for v, a in zip(node.inputs, arrays, strict=True)
        )
        kind = next(ours for numpys, ours in _RAISED.items() if isinstance(error, numpys))
        raise kind(f"{error}: {node.outputs[0].describe()}, of {operands}") from error
    outputs = results if isinstance(results, tuple) else (results,)
    alter = altering.get()
    return outputs if alter is None else alter(node, outputs)


_RAISED: dict[type[Exception], type[Exception]] = {
    IndexError: IndexError,
    ZeroDivisionError: ZeroDivisionError,
    MemoryError: MemoryError,
    ValueError: ShapeError,
    TypeError: InputError,
}


@record
class NoGradient:
    """In place of the gradient by one input: there is none, and whoever needs it gets an error that says
    why."""

    why: str


def not_differentiable(node: Apply, why: str) -> GradientError:
    """The error of asking for a gradient through an operation that has none."""
    output = node.outputs[0]
    return GradientError(
        f"no gradient exists through {node.op}: {why}. It was asked for through {output.describe()}. "
        f"If it should count as a constant there, wrap it in T.consider_constant or pass "
        f"consider_constant=[...]."
    )


def _watch_float64(node: Apply) -> None:
    """Say that a node makes float64 of other floats, or of integers, as ``config.on_float64`` wishes."""
    if {v.dtype for v in node.inputs if v.type.is_float} != {"float64"}:
        culprits = ", ".join(v.describe() for v in node.inputs)
        message = (
            f"{node.op} computes in float64 (config.on_float64 = {config.on_float64!r}); its inputs are "
            f"{culprits}"
        )
        if config.on_float64 == "raise":
            raise DTypeError(message)
        warn_user(message)


def is_number(value: Any) -> bool:
    """A Python number, which is weak: it takes its dtype from what it meets (np.float64 counts as a Python
    float)."""
    return isinstance(value, (bool, int, float, complex)) and not (
        isinstance(value, np.generic) and not isinstance(value, (float, complex))
    )


def as_variable(value: Any, name: str | None = None, dtype: str | None = None) -> Variable:
    """A variable as it is; a number, an array or a nested list (also of variables) as a constant or a stack
    of them."""
    if isinstance(value, Variable):
        return value
    if is_number(value):
        return Constant(value, name, dtype or weak_dtype(value, None))
    if (
        isinstance(value, (list, tuple))
        and any(isinstance(v, (Variable, list, tuple)) for v in value)
        and holds_variable(value)
    ):
        from .join import stack_scalars

        return stack_scalars(value)
    if hasattr(value, "__graphlib_variable__"):
        return value.__graphlib_variable__()
    try:
        array = plain_array(value)
        array = array.astype(held_by(array), copy=False)
    except DTypeError as error:
        reason = str(error)
        if isinstance(value, dict):
            reason += "; if it is the updates of a loop: outputs, updates = graphlib.scan(...)"
        raise DTypeError(f"cannot make a constant of {type(value).__name__} {value!r}: {reason}") from None
    if isinstance(value, (list, tuple)) and dtype is None and is_float(array.dtype.name):
        dtype = config.floatX
    return Constant(array, name, dtype)


def is_symbolic(value: Any) -> bool:
    """Whether a value is a variable or made of some."""
    return hasattr(value, "__graphlib_variable__") or holds_variable(value)


def holds_variable(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(holds_variable(v) for v in value)
    return isinstance(value, Variable)


def check_broadcast(what: Any, inputs: Sequence[Variable], arrays: Sequence[np.ndarray]) -> None:
    """Raises ShapeError where numpy would broadcast a length of 1 that is not statically known (see
    ``shape_rules.Shapes.broadcast``)."""
    for axis in range(1, max((a.ndim for a in arrays), default=0) + 1):
        lengths = [
            (v, a.shape[-axis])
            for v, a in zip(inputs, arrays, strict=True)
            if a.ndim >= axis and v.type.shape[-axis] != 1
        ]
        for v, n in lengths[1:]:
            first, length = lengths[0]
            if n != length:
                raise ShapeError(
                    f"{what}: axis {-axis} of {first.describe()} has length {length}, of {v.describe()} {n}"
                    + ONE_UNKNOWN * (1 in (n, length))
                )
