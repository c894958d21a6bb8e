"""Theano's operations by the names of their classes: ``Sum(axis=0)(x)``, ``isinstance(node.op, Subtensor)``.

A row is a function of the operands; what it takes by keyword are the settings that the class was made with,
in their order.  What ``holds`` says counts as an instance, so that programs find operations in graphs.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ... import ifelse
from ... import tensor as graphlib_tensor
from ...graph import Variable
from ...ops import along_axis, create, diagonals, elementwise, join, linalg, reduce, repeats, shape, write
from ...ops import index as indexing
from ...ops.nnet import categorical_crossentropy, to_one_hot
from ...ops.op import as_variable
from ...ops.unbroadcast import unbroadcast
from ...tensor.nnet import crossentropy_softmax_1hot, logsoftmax, softmax
from . import tensor_functions as functions
from .gradients import undefined_grad

__all__: list[str] = []


class OperationClass(type):
    """The type of such a class."""

    holds: Callable[[Any], bool] | None = None

    def __instancecheck__(cls, candidate: Any) -> bool:
        return type.__instancecheck__(cls, candidate) or bool(cls.holds and cls.holds(candidate))


class Operation(metaclass=OperationClass):
    """An operation with its settings: called with its operands it gives what they are computed to."""

    def __init__(self, *settings: Any, **named: Any) -> None:
        self._settings = self._signature.bind(*settings, **named)
        self._settings.apply_defaults()
        self.__dict__.update(self._settings.arguments)

    def __call__(self, *operands: Any, **more: Any) -> Any:
        # Theano's operations take a name and whether a list is wanted, too
        by_name = {key: value for key, value in more.items() if key not in ("name", "return_list")}
        return type(self).compute(*operands, **by_name, **self._settings.arguments)

    def make_node(self, *operands: Any) -> Any:
        """The node that computes it."""
        made = self(*operands)
        return (made[0] if isinstance(made, (list, tuple)) else made).owner

    def _key(self) -> tuple:
        return type(self), tuple(map(repr, self._settings.arguments.values()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Operation) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        inside = ", ".join(f"{k}={v!r}" for k, v in self._settings.arguments.items())
        return f"{type(self).__name__}{{{inside}}}"


def operation(holds: Callable[[Any], bool] | None = None) -> Callable[[Callable], Any]:
    """Makes the class of a function of operands, whose keywords are the settings."""

    def made(compute: Callable) -> Any:
        settings = [
            p.name
            for p in inspect.signature(compute).parameters.values()
            if p.kind is inspect.Parameter.KEYWORD_ONLY
        ]
        if compute.__module__ == __name__:
            __all__.append(compute.__name__)
        return operation_of(compute.__name__, compute, " ".join(settings), holds, compute.__module__)

    return made


def operation_of(
    name: str,
    function: Callable,
    settings: str = "",
    holds: Callable[[Any], bool] | None = None,
    module: str = __name__,
) -> Any:
    """The class ``name`` of a function, of whose arguments some are ``settings``, the others operands;
    ``module`` is where the class stands."""
    parameters = inspect.signature(function).parameters
    given = [parameters[s].replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD) for s in settings.split()]
    body = {
        "compute": staticmethod(function),
        "holds": staticmethod(holds) if holds else None,
        "_signature": inspect.Signature(given),
        "__doc__": function.__doc__,
        "__module__": module,
    }
    return OperationClass(name, (Operation,), body)


def _reduces(*kinds: str) -> Callable[[Any], bool]:
    return lambda op: isinstance(op, reduce.Reduce) and op.kind in kinds


def _is(*classes: type) -> Callable[[Any], bool]:
    return lambda op: isinstance(op, classes)


#: operations that are a function of graphlib's: its settings, and what counts as an instance
for _name, _function, _settings, _holds in (
    ("Sum", reduce.sum, "axis dtype acc_dtype", _reduces("sum")),
    ("All", reduce.all, "axis", _reduces("all")),
    ("Mean", reduce.mean, "axis", None),
    ("Alloc", create.alloc, "", _is(shape.BroadcastTo)),
    ("RepeatOp", repeats.repeat, "axis", None),
    ("ARange", create.arange, "dtype", _is(create.ARange)),
    ("Eye", create.eye, "dtype", None),
    ("Tri", diagonals.tri, "dtype", None),
    ("Bartlett", functions.bartlett, "", None),
    ("AllocDiag", graphlib_tensor.alloc_diag, "offset axis1 axis2", None),
    ("FillDiagonal", graphlib_tensor.fill_diagonal, "", None),
    ("FillDiagonalOffset", graphlib_tensor.fill_diagonal_offset, "", None),
    ("PermuteRowElements", graphlib_tensor.permute_row_elements, "", None),
    ("CumsumOp", along_axis.cumsum, "axis", None),
    ("CumprodOp", along_axis.cumprod, "axis", None),
    ("DiffOp", graphlib_tensor.diff, "n axis", None),
    ("SortOp", functions.sort, "kind order", _is(along_axis.Sort)),
    ("ArgSortOp", functions.argsort, "kind order", _is(along_axis.Sort)),
    ("Dot", linalg.dot, "", _is(linalg.MatrixProduct, linalg.Gemm)),
):
    globals()[_name] = operation_of(_name, _function, _settings, _holds)
    __all__.append(_name)


# elementwise operations and reductions, of a scalar operation


@operation(_is(reduce.Reduce))
def CAReduce(x: Any, *, scalar_op: Any, axis: Any = None) -> Variable:
    """The reduction by a scalar operation: ``add``, ``mul``, ``maximum``, ``minimum``, ``and_``, ``or_``."""
    name = getattr(scalar_op, "name", "")
    kinds = {
        "add": lambda v, a: reduce.sum(v, a, dtype=as_variable(v).dtype),
        "mul": lambda v, a: reduce.prod(v, a, dtype=as_variable(v).dtype),
        "maximum": reduce.max,
        "minimum": reduce.min,
        "and_": lambda v, a: reduce.all(v, a),
        "or_": lambda v, a: reduce.any(v, a),
    }
    if name not in kinds:
        raise NotImplementedError(f"CAReduce reduces by {', '.join(kinds)}, not by {scalar_op}")
    return kinds[name](x, axis)


@operation(_is(reduce.Reduce))
def CAReduceDtype(
    x: Any, *, scalar_op: Any, axis: Any = None, dtype: Any = None, acc_dtype: Any = None
) -> Any:
    """``CAReduce``, in a dtype."""
    name = getattr(scalar_op, "name", "")
    if name in ("add", "mul"):
        return {"add": reduce.sum, "mul": reduce.prod}[name](x, axis, dtype=dtype, acc_dtype=acc_dtype)
    return CAReduce(scalar_op, axis)(x)


@operation(_reduces("prod"))
def Prod(
    x: Any, *, axis: Any = None, dtype: Any = None, acc_dtype: Any = None, no_zeros_in_input: bool = False
) -> Variable:
    """``T.prod``."""
    return reduce.prod(x, axis, dtype=dtype, acc_dtype=acc_dtype)


@operation()
def ProdWithoutZeros(x: Any, *, axis: Any = None, dtype: Any = None, acc_dtype: Any = None) -> Variable:
    """The product of the elements that are not 0; 0 where there is none. It has no gradient, as in Theano."""
    x = undefined_grad(as_variable(x))
    if dtype is None and x.dtype.startswith("uint"):
        dtype = "uint64"
    product = reduce.prod(
        elementwise.switch(elementwise.eq(x, 0), 1, x), axis, dtype=dtype, acc_dtype=acc_dtype
    )
    some = reduce.any(elementwise.neq(x, 0), axis)
    return elementwise.cast(elementwise.switch(some, product, 0), product.dtype)


@operation(lambda op: isinstance(op, (reduce.ArgReduce, reduce.Reduce)) and op.kind in ("max", "argmax"))
def MaxAndArgmax(x: Any, *, axis: Any) -> list[Variable]:
    """``T.max_and_argmax``."""
    return reduce.max_and_argmax(x, _axes(axis))


@operation(lambda op: isinstance(op, reduce.ArgReduce) and op.kind == "argmax")
def Argmax(x: Any, *, axis: Any) -> Variable:
    """``T.argmax``."""
    return reduce.argmax(x, _axes(axis))


def _axes(axis: Any) -> Any:
    """Axes as Theano's operations had them, a tuple."""
    return axis[0] if isinstance(axis, (tuple, list)) and len(axis) == 1 else axis


# shapes


@operation(_is(shape.DimShuffle))
def DimShuffle(
    x: Any, *, input_broadcastable: Sequence[bool], new_order: Sequence[Any], inplace: bool = True
) -> Variable:
    """``x.dimshuffle(new_order)``. Errors: TypeError where ``x`` does not broadcast so."""
    x = as_variable(x)
    if len(input_broadcastable) != x.ndim:
        raise TypeError(f"DimShuffle takes {len(input_broadcastable)} dimensions, not {x.describe()}")
    return shape.dimshuffle(x, *new_order)


@operation(_is(shape.Reshape))
def Reshape(x: Any, lengths: Any, *, ndim: int, name: Any = None) -> Variable:
    """``x.reshape(lengths, ndim)``."""
    return shape.reshape(x, lengths, ndim)


@operation()
def Flatten(x: Any, *, outdim: int = 1, ndim: int | None = None) -> Variable:
    """``x.flatten(ndim)``."""
    return shape.flatten(x, outdim if ndim is None else ndim)


@operation(_is(shape.ShapeI))
def Shape(x: Any) -> Variable:
    """``x.shape``, as one vector."""
    return as_variable(shape.shape_of(x))


@operation(_is(shape.ShapeI))
def Shape_i(x: Any, *, i: int) -> Variable:
    """``x.shape[i]``."""
    return shape.shape_i(x, i)


@operation(_is(shape.SpecifyShape))
def SpecifyShape(x: Any, lengths: Any) -> Variable:
    """``T.specify_shape``."""
    return shape.specify_shape(x, lengths)


class Rebroadcast(Operation):
    """``Rebroadcast((0, True), (1, False))(x)``: which axes broadcast from now on."""

    def __init__(self, *axes: tuple[int, bool]) -> None:
        self.axis = dict(axes)
        for axis, one in axes:
            if not isinstance(axis, (int, np.integer)):
                raise TypeError(f"Rebroadcast needs an axis that is a number, not {axis!r}")
            if not isinstance(one, (bool, np.bool_)):
                raise TypeError(f"Rebroadcast needs True or False for an axis, not {one!r}")

    def __call__(self, x: Any, **more: Any) -> Variable:
        x = as_variable(x)
        beyond = [axis for axis in self.axis if not axis < x.ndim]
        if beyond:
            raise ValueError(f"Rebroadcast: {x.describe()} has no axis {beyond[0]}")
        ones = (a for a, one in self.axis.items() if one and not x.broadcastable[a])
        x = graphlib_tensor.addbroadcast(x, *ones)
        return unbroadcast(x, *(a for a, one in self.axis.items() if not one))

    def _key(self) -> tuple:
        return type(self), tuple(sorted(self.axis.items()))

    def __repr__(self) -> str:
        return f"Rebroadcast{{{self.axis}}}"


@operation()
def AllocEmpty(*lengths: Any, dtype: Any) -> Variable:
    """An array whose values nobody reads: zeros."""
    return create.zeros(lengths, dtype)


@operation()
def Tile(x: Any, reps: Any, *, ndim: int) -> Variable:
    """``T.tile``."""
    return repeats.tile(x, reps, ndim)


@operation(_is(join.Join))
def Join(axis: Any, *tensors: Any, view: int = -1) -> Variable:
    """``T.join``."""
    return join.join(axis, *tensors)


@operation()
def Split(x: Any, axis: Any, sizes: Any, *, len_splits: int) -> list[Variable]:
    """``T.split``."""
    return join.split(x, sizes, len_splits, axis)


@operation()
def MakeVector(*scalars: Any, dtype: str = "int64") -> Variable:
    """A vector of scalars."""
    return functions.as_vector(scalars, dtype)


# what is made of numbers


# parts


@operation(_is(indexing.BasicIndex))
def Subtensor(x: Any, *bounds: Any, idx_list: Sequence[Any]) -> Variable:
    """``x[...]``; where ``idx_list`` has a type in place of a number, one of ``bounds`` takes its place."""
    given = iter(bounds)
    return as_variable(x)[tuple(_entry(e, given) for e in idx_list)]


def _entry(entry: Any, given: Any) -> Any:
    if isinstance(entry, slice):
        return slice(*(_bound(b, given) for b in (entry.start, entry.stop, entry.step)))
    return _bound(entry, given)


def _bound(bound: Any, given: Any) -> Any:
    return bound if bound is None or isinstance(bound, (int, np.integer, Variable)) else next(given)


@operation(_is(write.BasicWrite))
def IncSubtensor(
    x: Any,
    y: Any,
    *bounds: Any,
    idx_list: Sequence[Any],
    inplace: bool = False,
    set_instead_of_inc: bool = False,
    destroyhandler_tolerate_aliased: Any = None,
) -> Variable:
    """``x`` with ``y`` added to a part of it, or set."""
    part = Subtensor(idx_list)(x, *bounds)
    return (write.set_subtensor if set_instead_of_inc else write.inc_subtensor)(part, y)


@operation(_is(indexing.AdvancedIndex))
def AdvancedSubtensor(x: Any, *indices: Any) -> Variable:
    """``x[indices]``."""
    return as_variable(x)[tuple(indices)]


@operation(_is(indexing.AdvancedIndex))
def AdvancedSubtensor1(x: Any, rows: Any, *, sparse_grad: bool = False) -> Variable:
    """``x[rows]``."""
    return as_variable(x)[as_variable(rows)]


@operation(_is(write.AdvancedWrite))
def AdvancedIncSubtensor(
    x: Any, y: Any, *indices: Any, inplace: bool = False, set_instead_of_inc: bool = False
) -> Variable:
    """``x`` with ``y`` added to ``x[indices]``, or set."""
    return (write.set_subtensor if set_instead_of_inc else write.inc_subtensor)(
        as_variable(x)[tuple(indices)], y
    )


@operation(_is(write.AdvancedWrite))
def AdvancedIncSubtensor1(
    x: Any, y: Any, rows: Any, *, inplace: bool = False, set_instead_of_inc: bool = False
) -> Variable:
    """``x`` with ``y`` added to ``x[rows]``, or set."""
    return AdvancedIncSubtensor(inplace, set_instead_of_inc)(x, y, rows)


advanced_subtensor, advanced_subtensor1 = AdvancedSubtensor(), AdvancedSubtensor1()
advanced_boolean_subtensor = advanced_subtensor
advanced_inc_subtensor, advanced_inc_subtensor1 = AdvancedIncSubtensor(), AdvancedIncSubtensor1()
advanced_set_subtensor = AdvancedIncSubtensor(set_instead_of_inc=True)
advanced_set_subtensor1 = AdvancedIncSubtensor1(set_instead_of_inc=True)
advanced_boolean_inc_subtensor, advanced_boolean_set_subtensor = (
    advanced_inc_subtensor,
    advanced_set_subtensor,
)
AdvancedBooleanSubtensor, AdvancedBooleanIncSubtensor = AdvancedSubtensor, AdvancedIncSubtensor
BaseAdvancedSubtensor, BaseAdvancedIncSubtensor = AdvancedSubtensor, AdvancedIncSubtensor


@operation(_is(along_axis.Nonzero))
def Nonzero(x: Any) -> list[Variable]:
    """``T.nonzero``."""
    return list(along_axis.nonzero(x))


@operation()
def ExtractDiag(x: Any, *, offset: int = 0, axis1: int = 0, axis2: int = 1, view: bool = False) -> Variable:
    """``T.diagonal``."""
    return graphlib_tensor.diagonal(x, offset, axis1, axis2)


@operation()
def Choose(a: Any, choices: Any, *, mode: str) -> Variable:
    """``T.choose``."""
    return graphlib_tensor.choose(a, choices, mode=mode)


# along an axis


@operation(_is(along_axis.Cumulative))
def CumOp(x: Any, *, axis: int | None = None, mode: str = "add") -> Variable:
    """``T.cumsum``, or with the mode 'mul' ``T.cumprod``."""
    if mode not in ("add", "mul"):
        raise ValueError(f"CumOp: the mode is 'add' or 'mul', not {mode!r}")
    return {"add": along_axis.cumsum, "mul": along_axis.cumprod}[mode](x, axis)


@operation(lambda op: isinstance(op, along_axis.Sort))
def TopKOp(
    x: Any,
    kth: Any,
    *,
    axis: int = -1,
    sorted: bool = True,
    idx_dtype: str = "int64",
    return_values: bool = True,
    return_indices: bool = True,
) -> Any:
    """``T.topk_and_argtopk``, or one of the two."""
    values, places = graphlib_tensor.topk_and_argtopk(x, kth, axis, sorted, idx_dtype)
    both = return_values and return_indices
    return [values, places] if both else values if return_values else places


@operation()
def SearchsortedOp(x: Any, v: Any, sorter: Any = None, *, side: str = "left") -> Variable:
    """``T.searchsorted``."""
    return graphlib_tensor.searchsorted(x, v, side, sorter)


@operation()
def UnravelIndex(indices: Any, dims: Any, *, order: str = "C", ndim: int | None = None) -> Any:
    """``T.unravel_index``."""
    return graphlib_tensor.unravel_index(indices, dims, order)


@operation()
def RavelMultiIndex(*operands: Any, mode: str = "raise", order: str = "C") -> Variable:
    """``T.ravel_multi_index``: the coordinates, then the shape."""
    return graphlib_tensor.ravel_multi_index(operands[:-1], operands[-1], mode, order)


# products, and what networks are made of


@operation()
def SoftmaxWithBias(x: Any, b: Any) -> Variable:
    """The softmax of ``x + b``."""
    return softmax(as_variable(x) + as_variable(b))


@operation()
def SoftmaxGrad(dy: Any, sm: Any) -> Variable:
    """The gradient by its input of a softmax with the value ``sm``, from that by its output, ``dy``."""
    dy, sm = as_variable(dy), as_variable(sm)
    weighted = dy * sm
    return weighted - reduce.sum(weighted, axis=1, keepdims=True) * sm


@operation()
def CrossentropySoftmaxArgmax1HotWithBias(x: Any, b: Any, y_idx: Any) -> list[Variable]:
    """For each row its negative log-likelihood, the softmax of ``x + b`` and the most likely label."""
    scores = as_variable(x) + as_variable(b)
    costs, probabilities = crossentropy_softmax_1hot(scores, y_idx)
    return [costs, probabilities, reduce.argmax(scores, axis=-1)]


@operation()
def CrossentropySoftmax1HotWithBiasDx(dnll: Any, sm: Any, labels: Any) -> Variable:
    """The gradient of ``crossentropy_softmax_1hot_with_bias`` by its input, from that by its costs."""
    dnll, sm, labels = as_variable(dnll), as_variable(sm), as_variable(labels)
    hot = to_one_hot(labels, shape.shape_i(sm, 1), sm.dtype)
    return (sm - hot) * (dnll.dimshuffle(0, "x") if dnll.ndim else dnll)


@operation()
def Prepend_scalar_constant_to_each_row(x: Any, *, val: Any) -> Variable:
    """A column of one number before ``x``."""
    return Prepend_scalar_to_each_row()(val, x)


@operation()
def Prepend_scalar_to_each_row(value: Any, x: Any) -> Variable:
    """A column of one scalar variable before ``x``."""
    x = as_variable(x)
    column = create.alloc(as_variable(value).astype(x.dtype), shape.shape_i(x, 0), 1)
    return join.concatenate([column, x], 1)


Softmax, LogSoftmax = operation_of("Softmax", softmax), operation_of("LogSoftmax", logsoftmax)
CrossentropyCategorical1Hot = operation_of("CrossentropyCategorical1Hot", categorical_crossentropy)
softmax_op, logsoftmax_op = Softmax(), LogSoftmax()
softmax_with_bias, softmax_grad = SoftmaxWithBias(), SoftmaxGrad()
crossentropy_categorical_1hot = CrossentropyCategorical1Hot()
crossentropy_softmax_argmax_1hot_with_bias = CrossentropySoftmaxArgmax1HotWithBias()
crossentropy_softmax_1hot_with_bias_dx = CrossentropySoftmax1HotWithBiasDx()
prepend_scalar_to_each_row = Prepend_scalar_to_each_row()
prepend_0_to_each_row = Prepend_scalar_constant_to_each_row(0.0)
prepend_1_to_each_row = Prepend_scalar_constant_to_each_row(1.0)


def crossentropy_softmax_1hot_with_bias(x: Any, b: Any, y_idx: Any, **more: Any) -> list[Variable]:
    """The negative log-likelihoods of labels and the softmax of ``x + b``."""
    return crossentropy_softmax_argmax_1hot_with_bias(x, b, y_idx)[:2]


def crossentropy_softmax_max_and_argmax_1hot_with_bias(
    x: Any, b: Any, y_idx: Any, **more: Any
) -> list[Variable]:
    """Of labels the negative log-likelihoods, then the softmax of ``x + b``, its greatest value a row and
    where that is."""
    costs, probabilities = crossentropy_softmax_1hot_with_bias(x, b, y_idx)
    return [costs, probabilities, *reduce.max_and_argmax(probabilities, axis=-1)]


def crossentropy_softmax_max_and_argmax_1hot(x: Any, y_idx: Any, **more: Any) -> list[Variable]:
    """The same without ``b``."""
    return crossentropy_softmax_max_and_argmax_1hot_with_bias(x, 0, y_idx)


def softmax_graph(c: Any) -> Variable:
    """The softmax of rows, written out."""
    return elementwise.exp(c) / reduce.sum(elementwise.exp(c), axis=-1, keepdims=True)


@operation()
def IfElse(
    condition: Any, *branches: Any, n_outs: int, as_view: bool = False, gpu: bool = False, name: Any = None
) -> Any:
    """``theano.ifelse.ifelse`` of lists of ``n_outs``."""
    made = ifelse(condition, list(branches[:n_outs]), list(branches[n_outs:]))
    return made[0] if n_outs == 1 else made


__all__ += ["CrossentropyCategorical1Hot", "LogSoftmax", "Rebroadcast", "Softmax"]
__all__ += [name for name in list(globals()) if name.startswith("advanced_")]
