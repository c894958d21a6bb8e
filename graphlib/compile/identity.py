"""What a program is, written down so that equal programs read alike and different ones do not.

All that native code is made of is in it: operations with what they hold, types, names, the bytes of
constants, which variables are the same one, the lengths of shared variables, the settings, and the tables
that stages look things up in.  Only the lines of the user's program are not, which end up in comments and
messages.  What cannot be written down, such as an operation of the user's own, has no identity.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from operator import is_not
from typing import Any

import numpy as np

from ..configuration import config
from ..graph import Constant, Shared, TensorType, Variable, toposort
from ..lower.program import Program
from ..rewrite.rules import RuleSet
from ..scalar.functions import FUNCTIONS
from ..scalar.reductions import REDUCERS

#: settings that have no part in what is compiled
_ELSEWHERE = frozenset(
    ("cache_dir", "cache_megabytes", "cache_functions", "mode", "on_unused_input", "rank_seconds")
)
#: whose code is known by the versions that are part of a key: classes and functions of other modules are not
_OURS = ("graphlib", "numpy", "builtins", "copyreg", "_operator", "math")
_PLAIN = frozenset((type(None), bool, int, float, complex, str, bytes))


class NoIdentity(Exception):
    """Something that cannot be written down."""


class Identity:
    """The identity of a program for shared variables of the given ``shapes`` (None: of any).

    ``text`` is it, ``constants`` are the graph's, in the order in which they are met.

    Errors: NoIdentity.
    """

    def __init__(self, program: Program, shapes: Sequence[tuple[int, ...]] | None) -> None:
        self.constants: list[Constant] = []
        self._rows: list[tuple] = []
        self._numbers: dict[Variable, int] = {}
        self._inputs = set(program.inputs)
        self._described: dict[int, tuple] = {}
        #: what is described by its place in memory stays there as long as that is asked for
        self._kept: list[Any] = []
        if program.per_step or program.alike or program.claims:
            raise NoIdentity("a loop's step is part of a function")
        leaves = self._variables([*program.inputs, *program.shareds])
        self._rows.append(
            (
                leaves,
                self._variables(program.results),
                tuple(program.borrow),
                self._variables(program.updates),
                shapes,
            )
        )

    @property
    def text(self) -> bytes:
        settings = sorted((k, v) for k, v in config.settings().items() if k not in _ELSEWHERE)
        return repr((settings, _tables(), self._rows)).encode("utf-8", "surrogatepass")

    @property
    def rows(self) -> bytes:
        """The graph alone, without settings."""
        return repr(self._rows).encode("utf-8", "surrogatepass")

    def _variables(self, variables: Iterable[Variable]) -> tuple[int, ...]:
        """The numbers of variables; what they are computed from is written down first."""
        variables = list(variables)
        for node in toposort(variables, self._inputs):
            if node.outputs[0] in self._numbers:
                continue
            inputs = tuple(map(self._number, node.inputs))
            row = (self._of(node.op), inputs, tuple(self._outside(v) for v in node.outputs))
            self._rows.append(row)
            for v in node.outputs:
                self._numbers[v] = len(self._numbers)
        return tuple(map(self._number, variables))

    def _number(self, v: Variable) -> int:
        number = self._numbers.get(v)
        if number is None:
            value = None
            if isinstance(v, Constant):
                self.constants.append(v)
                value = self._of(v.data)
            kind = type(v)
            if kind not in (Variable, Constant) and not isinstance(v, Shared) and not _ours(kind):
                raise NoIdentity(f"a variable of the class {kind.__name__}")
            self._rows.append((isinstance(v, Shared), self._outside(v), value))
            number = self._numbers[v] = len(self._numbers)
        return number

    def _outside(self, v: Variable) -> tuple:
        """What a variable is but for how it is computed."""
        name, type_ = v.name, v.type
        if type(type_) is not TensorType or type(name) not in (str, type(None)):
            raise NoIdentity(f"the type or name of {v}")
        return type_.dtype, type_.shape, name

    def _of(self, value: Any) -> Any:
        """A value that an operation holds: a number or text as it is, else a tuple of a kind and more."""
        kind = type(value)
        if kind in _PLAIN:
            return value
        found = self._described.get(id(value))
        if found is not None:
            return found
        if kind is tuple:
            return ("tuple", *map(self._of, value))
        if kind is list:
            return ("list", *map(self._of, value))
        if kind is dict:
            return ("dict", *((self._of(k), self._of(v)) for k, v in value.items()))
        if kind in (set, frozenset):
            return ("set", *sorted(repr(self._of(v)) for v in value))
        if kind is slice:
            return ("slice", *map(self._of, (value.start, value.stop, value.step)))
        if kind is np.ndarray and value.dtype.kind in "biufc":
            return "array", value.dtype.str, value.shape, hashlib.sha256(np.ascontiguousarray(value)).digest()
        if isinstance(value, np.generic) and value.dtype.kind in "biufc":
            return "number", value.dtype.str, value.tobytes()
        if isinstance(value, np.dtype):
            return "dtype", value.str
        if isinstance(value, Variable):
            return ("variable", *self._variables([value]))
        if isinstance(value, type) or callable(getattr(value, "__get__", None)) or kind in _FUNCTIONS:
            return _by_name(value)
        self._kept.append(value)
        found = self._described[id(value)] = self._object(value)
        return found

    def _object(self, value: Any) -> tuple:
        """An object, by what it pickles as: for operations that is all that they are."""
        kind = type(value)
        if not _ours(kind):
            raise NoIdentity(f"an object of the class {kind.__module__}.{kind.__qualname__}")
        if not all(map(_ours, filter(callable, getattr(value, "__dict__", {}).values()))):
            raise NoIdentity(f"{value}, which has functions of somebody else's")
        before = len(self._numbers)
        try:
            reduced = value.__reduce_ex__(4)
        except TypeError as error:
            raise NoIdentity(str(error)) from None
        if isinstance(reduced, str):
            raise NoIdentity(f"{value}, which is a variable of a module")
        make, arguments, *rest = reduced
        parts = (_by_name(make), self._of(tuple(arguments)), *map(self._of, rest))
        # of two loops with the same steps it matters whether they are one
        own = ("object", len(self._described)) if len(self._numbers) > before else ()
        return ("made", *parts, *own)


_FUNCTIONS = (type(len), type(np.add))


def _ours(thing: Any) -> bool:
    """Whether a class or function is graphlib's or of a library whose version is known."""
    module = getattr(thing, "__module__", None) or ("numpy" if isinstance(thing, np.ufunc) else "")
    return module.partition(".")[0] in _OURS


def _by_name(thing: Any) -> tuple[str, str, str]:
    """A class or function that is found by its name in its module."""
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
    if not _ours(thing) or not name or "<" in name:
        raise NoIdentity(f"{thing!r}, which has no name in graphlib")
    return "named", str(module), name


def _tables() -> str:
    """What stages look up: the functions of the scalar language, the reductions, the rules for rewriting.

    Errors: NoIdentity where there are rules of somebody else's.
    """
    rules = tuple(rule for rules in RuleSet.all for rule in rules)
    content = (*FUNCTIONS.values(), *REDUCERS.values(), *rules)
    if not _written or any(map(is_not, content, _written[0])) or len(content) != len(_written[0]):
        if not all(map(_ours, (rule.function for rule in rules))):
            raise NoIdentity("rules that are not graphlib's")
        tables = tuple(FUNCTIONS.values()), tuple(REDUCERS.values()), [rule.name for rule in rules]
        _written[:] = content, repr(tables)
    return _written[1]


#: what was in the tables when they were last written down, which takes longer than all the rest, and the text
_written: list[Any] = []
