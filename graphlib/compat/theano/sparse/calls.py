"""Functions that take and return SciPy's sparse matrices, gradients by sparse variables, and shared ones."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from copy import copy
from typing import Any

import numpy as np

from .... import grad as _grad
from ....compile.arguments import In
from ....compile.function import function as _function
from ....configuration import config
from ....errors import GivensError
from ....graph import Shared, Variable
from ....graph import shared as _shared
from ....graph.substitution import note_written
from ....ops.create import zeros_like
from ....ops.op import as_variable
from ....ops.shape import Shape
from ..aliases import Alias, without_aliases
from ..own_types import PythonFunction, any_own
from .variable import SparseType, SparseVariable, assembled, is_sparse, parts_of


class SparseFunction:
    """A compiled function some of whose inputs or outputs are sparse."""

    def __init__(self, compiled: Any, inputs: list[Any], outputs: list[Any], single: bool) -> None:
        self.compiled, self.inputs, self.outputs, self.single = compiled, inputs, outputs, single

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["compiled"], name)

    def __call__(self, *values: Any) -> Any:
        if len(values) != len(self.inputs):
            raise TypeError(f"{len(self.inputs)} inputs are needed, {len(values)} were given")
        given: list[Any] = []
        for v, value in zip(self.inputs, values, strict=True):
            given += parts_of(value, v.type) if isinstance(v, SparseVariable) else [value]
        results = iter(self.compiled(*given))
        found = [_taken(v, results) for v in self.outputs]
        return found[0] if self.single else found


def _taken(v: Any, results: Iterator[Any]) -> Any:
    if not isinstance(v, SparseVariable):
        return next(results)
    return assembled(v.format, *(next(results) for _ in v.parts))


def _flat(variables: list[Any]) -> list[Any]:
    return [p for v in variables for p in (v.parts if isinstance(v, SparseVariable) else [v])]


def _input(item: Any) -> Any:
    """An input in one of the older forms: ``(variable, value)``, ``((variable, update), value)``, each with a
    name before the variable or not."""
    if not isinstance(item, (list, tuple)):
        return item
    head, value = (
        (item[0], item[1]) if len(item) == 2 and isinstance(item[0], (list, tuple)) else (item, None)
    )
    name, rest = (head[0], head[1:]) if isinstance(head[0], str) else (None, head)
    if (
        isinstance(head, (list, tuple))
        and head is item
        and len(rest) == 2
        and not isinstance(rest[1], Variable)
    ):
        rest, value = rest[:1], rest[1]
    return In(rest[0], name, value, rest[1] if len(rest) > 1 else None)


#: what ``function`` takes by position behind inputs and outputs
_SETTINGS = list(inspect.signature(_function).parameters)[2:]


def _vector(shape: Shape) -> Variable:
    """Lengths, each a number here, as one vector, which is what they are in Theano; it names the tensor whose
    they are, also where nothing needs it."""
    made = as_variable(shape)
    if shape.of is not None:
        note_written([made], [shape.of])
    return made


def _strict(item: Any) -> Any:
    """An input that takes what Theano takes: numbers are rounded for a scalar of floatX alone, and arrays are
    not cast down. (graphlib itself rounds all numbers and lists, and takes arrays of integers that fit.)"""
    if not isinstance(item, (In, Variable)):
        return item
    made = copy(item) if isinstance(item, In) else In(item)
    type = made.variable.type
    if made.allow_downcast is None and (type.ndim or (type.is_inexact and type.dtype != config.floatX)):
        made.allow_downcast = False
    return made


def function(inputs: Any = None, outputs: Any = None, *settings: Any, **named: Any) -> Any:
    """``graphlib.function``, with sparse variables among inputs and outputs.

    Errors: TypeError for keywords of sparse inputs, and for sparse updates.
    """
    named.update(zip(_SETTINGS, settings, strict=False))
    if isinstance(inputs, (list, tuple)):
        inputs = [_input(item) for item in inputs]
    given = list(inputs or [])
    if isinstance(outputs, Shape):
        outputs = _vector(outputs)
    if isinstance(outputs, (list, tuple)):
        outputs = type(outputs)([_vector(v) if isinstance(v, Shape) else v for v in outputs])
    wanted = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
    kept = named.get("no_default_updates")
    if isinstance(kept, (list, tuple)):
        named["no_default_updates"] = kept = [getattr(s, "shared", s) for s in kept]
    keys = dict(named.get("givens") or {})
    for v in given:
        if getattr(v, "variable", v) in keys:
            raise GivensError(f"function: givens replaces {v}, which is an input, too")
    if Alias.made:
        needed = [*(getattr(v, "variable", v) for v in wanted), *keys.values()]
        found, updates = without_aliases(needed, dict(named.get("updates") or {}), kept)
        named["updates"], named["givens"] = updates, {**found, **keys}
    if any_own([getattr(v, "variable", v) for v in (*given, *wanted)]):
        return PythonFunction(given, outputs, named.get("updates"), named.get("name"))
    if named.get("allow_input_downcast") is None and inputs is not None:
        inputs = given = [_strict(v) for v in given]
    if not any(isinstance(v, SparseVariable) for v in (*given, *wanted)):
        return _function(inputs, outputs, **named)
    # of a sparse matrix hardly ever all parts are needed
    named["on_unused_input"] = "ignore"
    results = _flat([v for v in wanted if v is not None])
    compiled = _function(_flat(given), results, **named)
    kept = [v for v in wanted if v is not None]
    return SparseFunction(compiled, given, kept, not isinstance(outputs, (list, tuple)))


# programs look up which arguments there are
function.__signature__ = inspect.signature(_function)  # type: ignore[attr-defined]


def grad(cost: Any, wrt: Any, *settings: Any, **named: Any) -> Any:
    """``graphlib.grad``; by a sparse variable it is a sparse one, with the gradient by each kept element.

    A cost of integers or bools goes in steps: its gradients are zeros, that by itself 1.
    """
    if isinstance(cost, Variable) and not cost.type.is_float and not cost.ndim:
        found = grad(cost.astype("floatX"), wrt, *settings, **named)
        given = named.get("known_grads")
        if given:
            return found
        several = isinstance(found, (list, tuple))
        pairs = zip(found, wrt, strict=True) if several else [(found, wrt)]
        made = [g if g is None or v is cost else zeros_like(g) for g, v in pairs]
        return type(found)(made) if several else made[0]
    several = isinstance(wrt, (list, tuple))
    every = list(wrt) if several else [wrt]
    if not any(isinstance(v, SparseVariable) for v in every):
        return _grad(cost, wrt, *settings, **named)
    by = [v.data if isinstance(v, SparseVariable) else v for v in every]
    found = [
        v.with_data(g) if isinstance(v, SparseVariable) else g
        for v, g in zip(every, _grad(cost, by, *settings, **named), strict=True)
    ]
    return type(wrt)(found) if several else found[0]


class SparseShared(SparseVariable):
    """A sparse matrix that is kept between calls."""

    def get_value(self, borrow: bool = False, return_internal_type: bool = False) -> Any:
        """SciPy's matrix."""
        return assembled(self.format, *(part.get_value(borrow=borrow) for part in self.parts))

    def set_value(self, value: Any, borrow: bool = False) -> None:
        """Another matrix of the same format and dtype."""
        for part, new in zip(self.parts, parts_of(value, self.type), strict=True):
            part.set_value(np.asarray(new), borrow=borrow)


def shared(value: Any, name: str | None = None, borrow: bool = False, **settings: Any) -> Any:
    """A shared variable of one of SciPy's sparse matrices (CSR or CSC). Errors: TypeError for others."""
    if not is_sparse(value):
        raise TypeError(
            f"Expected a sparse matrix in the sparse shared variable constructor. Received: {type(value)}"
        )
    kind = SparseType(value.format, value.dtype)
    names = ("data", "indices", "indptr", "rows", "columns")
    parts = [
        _shared(np.asarray(part), f"{name or 'sparse'}_{what}", broadcastable=(False,) * np.ndim(part))
        for what, part in zip(names, parts_of(value, kind), strict=True)
    ]
    assert all(isinstance(part, Shared) for part in parts)
    return SparseShared(kind.format, *parts, name=name)
