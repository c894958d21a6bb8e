"""Attributes that Theano's variables and functions had besides: ``x.tag``, ``u.rng``, ``f.maker.fgraph``."""

from __future__ import annotations

import sys
from typing import Any, TextIO

import numpy as np

from ...compile.function import Function
from ...graph import Apply, Shared, Variable, toposort
from ...ops.index import index
from ...ops.random import Draw
from ...profile import Profile
from . import tensor_functions as functions
from .tags import tag
from .tensor import pow


class Generator:
    """What ``draw.rng.get_value()`` gives in place of a numpy.random.RandomState: the state of one draw."""

    def __init__(self, state: np.ndarray) -> None:
        self._state = state

    def seed(self, seed: int) -> None:
        """Start again from ``seed``."""
        self._state = np.array([seed, self._state[1], 0])

    def get_state(self) -> np.ndarray:
        """The state, for ``set_state``."""
        return self._state

    def set_state(self, state: np.ndarray) -> None:
        """Go on from a state."""
        self._state = np.array(state)


class DrawState:
    """``draw.rng``: the shared state of a random variable."""

    def __init__(self, state: Shared) -> None:
        self._shared = state

    def get_value(self, borrow: bool = False, return_internal_type: bool = False) -> Generator:
        """A copy of the state, to be changed and put back."""
        return Generator(self._shared.get_value())

    def set_value(self, value: Generator, borrow: bool = False) -> None:
        """The next numbers are those that follow in ``value``."""
        self._shared.set_value(value.get_state())


def _rng(variable: Variable) -> DrawState:
    states = {node.inputs[0] for node in toposort([variable]) if isinstance(node.op, Draw)}
    if len(states) != 1:
        raise AttributeError(f"{variable} is not one draw of a random stream, but made of {len(states)}")
    return DrawState(states.pop())


class FunctionGraph:
    """The graph of a compiled function, as it is after rewriting."""

    def __init__(self, function: Function) -> None:
        self.inputs = function.inputs
        self.outputs = function.optimized

    @property
    def apply_nodes(self) -> set[Apply]:
        return set(self.toposort())

    @property
    def variables(self) -> set[Variable]:
        return {v for node in self.apply_nodes for v in (*node.inputs, *node.outputs)}

    def toposort(self) -> list[Apply]:
        """The nodes, each after those it needs."""
        return toposort(self.outputs)


class Maker:
    """``f.maker``: of it, ``fgraph`` and ``mode``."""

    def __init__(self, function: Function) -> None:
        self.fgraph = FunctionGraph(function)
        self.mode = function.mode


def _summary(profile: Profile, file: TextIO | None = None) -> None:
    """Prints the table, on standard error where no ``file`` is given."""
    print(profile, file=file or sys.stderr)


def _item(variable: Variable, key: Any) -> Variable:
    """``x[key]``; a list with slices is several indices, as it was in NumPy too."""
    several = isinstance(key, list) and any(isinstance(part, slice) for part in key)
    return index(variable, tuple(key) if several else key)


def _clone(self: Variable) -> Variable:
    """A variable like this one, with its name and attributes, that nothing computes."""
    copy = self.type(self.name)
    copy.__dict__.update(self.__dict__)
    return copy


def _element(self: Variable, dtype: object = None, copy: bool | None = None) -> np.ndarray:
    """What NumPy makes of a scalar in a list of numbers, as ``np.prod(lengths)`` needs it: an object."""
    if self.ndim or dtype not in (None, object):
        return _array(self)
    element = np.empty((), object)
    element[()] = self
    return element


_array = Variable.__array__


def install() -> None:
    """Give graphlib's variables and functions these attributes."""
    Profile.summary = _summary
    Variable.__pow__ = lambda self, other: pow(self, other)
    Variable.__rpow__ = lambda self, other: pow(other, self)
    Variable.__getitem__ = _item
    Variable.tag = Apply.tag = tag
    Variable.clone = _clone
    Variable.__array__ = _element
    Variable.rng = property(_rng)
    Variable.norm = lambda self, L, axis=None, keepdims=False: functions.vector_norm(self, L, axis, keepdims)
    for name in ("var", "std", "choose", "diagonal", "transfer", "trace", "nonzero_values"):
        setattr(Variable, name, getattr(functions, name))
    Variable.compress = lambda self, condition, axis=None: functions.compress(condition, self, axis)
    Function.maker = property(Maker)
