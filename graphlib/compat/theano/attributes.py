"""Attributes that Theano's variables and functions had besides: ``x.tag``, ``f.maker.fgraph``."""

from __future__ import annotations

import sys
import weakref
from typing import Any, TextIO

from ...compile.function import Function
from ...graph import Apply, Constant, Shared, Variable, graph_inputs, toposort
from ...profile import Profile

_tags: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


class Tag:
    """A program's own notes on a variable, ``x.tag.anything = ...``.

    ``tag.test_value`` of what is computed is computed when it is asked for, from the test values of the
    inputs.
    """

    def __init__(self, variable: Variable) -> None:
        self.__dict__["_variable"] = weakref.ref(variable)

    def __getattr__(self, name: str) -> Any:
        variable = self.__dict__["_variable"]()
        if name != "test_value":
            raise AttributeError(f"{variable}.tag has no {name}")
        if isinstance(variable, Shared):
            return variable.get_value(borrow=True)
        if isinstance(variable, Constant):
            return variable.data
        if variable.owner is None:
            raise AttributeError(f"{variable} has no test value; assign {variable}.tag.test_value")
        leaves = [v for v in graph_inputs([variable]) if not isinstance(v, Shared)]
        return variable.eval({v: _tag(v).test_value for v in leaves})


def _tag(variable: Variable) -> Tag:
    if variable not in _tags:
        _tags[variable] = Tag(variable)
    return _tags[variable]


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


def install() -> None:
    """Give graphlib's variables and functions these attributes."""
    Profile.summary = _summary
    Variable.tag = property(_tag)
    Function.maker = property(Maker)
