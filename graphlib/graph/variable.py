"""Variable, Apply and Constant: a graph is variables, and nodes that compute variables from variables.

Graphs are immutable once built and may be tens of thousands of nodes deep, so nothing here recurses: pickling
goes by records, each a flat list of nodes (see ``_Record``).  Operators (``+``, ``x.sum()``) are put on
Variable by ``graphlib.tensor``, which knows the operations.
"""

from __future__ import annotations

import itertools
import os
import sys
import warnings
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np

from .types import TensorType, dtype_name

_PACKAGE = str(Path(__file__).resolve().parent.parent) + "/"
_PACKAGE_AS_IMPORTED = __file__.rsplit("graph", 1)[0]


class Origin(tuple):
    """Where a variable was made outside graphlib: (file, line)."""

    __slots__ = ()

    def __str__(self) -> str:
        return f"{os.path.basename(self[0])}:{self[1]}"

    @property
    def full(self) -> str:
        return f'File "{self[0]}", line {self[1]}'

    def standing_for(self, description: str) -> PartOrigin:
        """The same of a variable that messages are to call otherwise."""
        made = PartOrigin(self)
        made.description = description
        return made


class PartOrigin(Origin):
    """Where a variable was made that stands for another, or a part of it, which the user knows."""

    description: str


_fixed_origin: ContextVar[Origin | None] = ContextVar("fixed origin", default=None)


class fixed_origin:
    """``with fixed_origin(o):`` variables made inside take the origin o (None: each its own, as outside)."""

    __slots__ = ("origin", "token")

    def __init__(self, origin: Origin | None) -> None:
        self.origin = origin

    def __enter__(self) -> None:
        self.token = _fixed_origin.set(self.origin)

    def __exit__(self, *error: object) -> None:
        _fixed_origin.reset(self.token)


def user_origin() -> Origin | None:
    """The innermost frame outside graphlib, or what ``fixed_origin`` says."""
    fixed = _fixed_origin.get()
    if fixed is not None:
        return fixed
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if name not in _files_of_ours:
            if not name.startswith((_PACKAGE, _PACKAGE_AS_IMPORTED, "<frozen")):
                return Origin((name, frame.f_lineno))
            _files_of_ours.add(name)
        frame = frame.f_back
    return None


#: the files of graphlib that frames were seen of
_files_of_ours: set[str] = set()


_warned: dict = {}


def warn_user(message: str) -> None:
    """A warning that points at the user's line instead of one of ours; the same one is shown once."""
    warnings.warn_explicit(message, UserWarning, *(user_origin() or ("graphlib", 0)), registry=_warned)


class Variable:
    """A symbolic tensor: an input, or output number ``index`` of the node ``owner``.

    ``==`` is identity and a variable is hashable and true, so it can be a key and ``if W:`` means "is there a
    W".  A program may keep attributes of its own on it; they go along into copies, clones and pickles.
    """

    __slots__ = ("__dict__", "__weakref__", "_evaluators", "index", "name", "origin", "owner", "type")

    # numpy arrays leave `array + variable` to the variable; more is in graphlib/tensor/numpy_functions.py
    __array_priority__ = 1000
    __array_ufunc__ = None

    def __init__(
        self,
        type: TensorType,
        owner: Apply | None = None,
        index: int = 0,
        name: str | None = None,
        origin: Origin | None = None,
    ) -> None:
        self.type = type
        self.owner = owner
        self.index = index
        self.name = name
        self.origin = origin if origin is not None else user_origin()

    @property
    def dtype(self) -> str:
        return self.type.dtype

    @property
    def ndim(self) -> int:
        return self.type.ndim

    @property
    def static_shape(self) -> tuple[int | None, ...]:
        """Lengths that are known while the graph is built; None for the others."""
        return self.type.shape

    @property
    def broadcastable(self) -> tuple[bool, ...]:
        return self.type.broadcastable

    # spelled out because __eq__ is; the plain one is many times faster than one written here
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    def __str__(self) -> str:
        if self.name is not None:
            return self.name
        if self.owner is None:
            return f"<{self.type}>"
        suffix = f".{self.index}" if len(self.owner.outputs) > 1 else ""
        return f"{self.owner.op}{suffix}"

    def __repr__(self) -> str:
        return str(self)

    def describe(self) -> str:
        """Name, type and the user's line, for messages: ``W float32(784, 10), made at File "mlp.py", line
        12``.

        What has no name is described by its operation and operands: ``dot(x, W) float32(?, 10), made at
        ...``.
        """
        if isinstance(self.origin, PartOrigin):
            return self.origin.description
        return self._described(self.type)

    def _described(self, type: TensorType) -> str:
        label = str(self)
        if self.name is None and self.owner is not None:
            shown = [str(v) for v in self.owner.inputs[:4]] + ["..."] * (len(self.owner.inputs) > 4)
            label += f"({', '.join(shown)})"
        made = f", made at {self.origin.full}" if self.origin else ""
        return f"{label} {type}{made}"

    def __reduce__(self) -> tuple:
        if self.owner is None:
            return _restore_leaf, (type(self), self.type, self.name, self.origin), self.__dict__ or None
        place = place_of(self)
        return _restore_output, (_before(place[0]), *place)


class SizedInput(Variable):
    """An input in a function that is compiled for some lengths of it; messages describe the input itself."""

    def __init__(self, of: Variable, type: TensorType) -> None:
        super().__init__(type, name=of.name, origin=of.origin)
        self.of = of

    @property
    def known(self) -> tuple[int, ...]:
        """The axes whose lengths are those of a call."""
        return tuple(
            k for k, (n, m) in enumerate(zip(self.of.type.shape, self.type.shape, strict=True)) if n != m
        )

    def describe(self) -> str:
        return self.of.describe()

    def __str__(self) -> str:
        return str(self.of)

    def __reduce__(self) -> tuple:
        return SizedInput, (self.of, self.type)


_serials = itertools.count(1)


def newest() -> int:
    """A number greater than the ``serial`` of all nodes and shared variables so far, smaller than of all to
    come."""
    return next(_serials)


class Apply:
    """A node: ``op`` applied to ``inputs`` gives ``outputs``.

    ``serial`` counts nodes in the order in which they are made.  A program may keep attributes of its own
    on a node, too.
    """

    __slots__ = ("__dict__", "__weakref__", "_record", "inputs", "op", "outputs", "serial")

    def __init__(
        self, op: Any, inputs: Sequence[Variable], types: Iterable[TensorType], origin: Origin | None = None
    ) -> None:
        self.op = op
        self.inputs = tuple(inputs)
        self.serial = next(_serials)
        origin = origin if origin is not None else user_origin()
        self.outputs = tuple(Variable(t, self, i, origin=origin) for i, t in enumerate(types))
        self._record: tuple[_Record, int] | None = None

    def __repr__(self) -> str:
        return f"{self.op}({', '.join(map(str, self.inputs))})"

    def __reduce__(self) -> tuple:
        record, position = _record_of(self)
        return _restore_node, (_before(record), record, position)


class Constant(Variable):
    """A variable whose value is known: ``data``, a read-only array."""

    __slots__ = ("data",)

    def __init__(
        self, data: Any, name: str | None = None, dtype: Any = None, origin: Origin | None = None
    ) -> None:
        array = np.array(data, dtype=None if dtype is None else dtype_name(dtype), order="C")
        array.setflags(write=False)
        super().__init__(TensorType(array.dtype, array.shape), name=name, origin=origin)
        self.data = array

    @property
    def value(self) -> np.ndarray:
        return self.data

    def __str__(self) -> str:
        if self.name is not None:
            return self.name
        return repr(self.data.item()) if self.data.size == 1 else f"constant{self.data.shape}"

    def __reduce__(self) -> tuple:
        return Constant, (self.data, self.name, None, self.origin), self.__dict__ or None


# Pickling.  Pickle recurses into what an object refers to, which a chain of 10,000 nodes does not survive.
# So a node
# is pickled as a position in a record: the flat list, in topological order, of all nodes above it that no
# earlier record
# holds.  A record is kept with its nodes, so variables pickled together find the same one and keep their
# identities.
# Records may need one another in a chain as deep, so a variable is pickled with all records before its own,
# in order.


class _Record:
    """Nodes, or the rows to make them of; ``needs`` are the records that hold inputs of its nodes.

    ``promised`` are the variables that something led to before their rows were there.
    """

    def __init__(self) -> None:
        self.promised: dict[tuple[int, int], Variable] = {}
        self.nodes: list[Apply] = []
        self.rows: list | None = None
        self.needs: dict[_Record, None] = {}

    def __reduce__(self) -> tuple:
        # Rows as the items of a list, attributes as those of a dictionary: they are restored in this order,
        # and an attribute may lead back to a variable of this record.  So may those of inputs, inside rows.
        attributes = (
            ((position, v.index), v.__dict__)
            for position, node in enumerate(self.built())
            for v in node.outputs
            if v.__dict__
        )
        return _Record, (), None, iter(self._as_rows()), attributes

    def _as_rows(self) -> list[tuple]:
        position = {id(node): i for i, node in enumerate(self.built())}
        rows = []
        for node in self.nodes:
            inputs = [
                (position[id(v.owner)], v.index)
                if id(v.owner) in position
                else (v if v.owner is None else place_of(v))
                for v in node.inputs
            ]
            rows.append((node.op, inputs, [(v.type, v.name, v.origin) for v in node.outputs]))
        return rows

    def append(self, row: tuple) -> None:
        """Restores a row; the records that it refers to may not be there yet."""
        if self.rows is None:
            self.rows = []
        self.rows.append(row)
        self.needs.update((v[0], None) for v in row[1] if isinstance(v, tuple) and len(v) == 3)

    def __setitem__(self, place: tuple[int, int], attributes: dict[str, Any]) -> None:
        output_at(self, *place).__dict__.update(attributes)

    def built(self) -> list[Apply]:
        """The nodes, made first where they are still rows."""
        for record in (*_before(self), self) if self.rows is not None else ():
            rows, record.rows = record.rows or (), None
            for op, inputs, outputs in rows:
                variables = [v if isinstance(v, Variable) else _output(record, *v) for v in inputs]
                node = Apply(op, variables, [t for t, _, _ in outputs], origin=Origin(("", 0)))
                if record.promised:
                    place = len(record.nodes)
                    node.outputs = tuple(record.promised.pop((place, v.index), v) for v in node.outputs)
                for i, (variable, (type, name, origin)) in enumerate(zip(node.outputs, outputs, strict=True)):
                    Variable.__init__(variable, type, node, i, name, origin)
                node._record = (record, len(record.nodes))
                record.nodes.append(node)
        return self.nodes


def _output(record: _Record, *place: Any) -> Variable:
    """What a row names: (position, index) in its own record, or (record, position, index)."""
    if len(place) == 3:
        record, *place = place
    return record.nodes[place[0]].outputs[place[1]]


def _before(record: _Record) -> tuple[_Record, ...]:
    """All records that a record needs, each after those that it needs itself."""
    order: dict[_Record, None] = {}
    stack = [(record, iter(record.needs))]
    while stack:
        current, rest = stack[-1]
        following = next((r for r in rest if r not in order), None)
        if following is not None:
            stack.append((following, iter(following.needs)))
        else:
            order[current] = None
            stack.pop()
    return tuple(order)[:-1]


def _record_of(node: Apply) -> tuple[_Record, int]:
    if node._record is None:
        from .traverse import toposort

        record = _Record()
        for n in toposort(node.outputs):
            if n._record is None:
                n._record = (record, len(record.nodes))
                record.nodes.append(n)
                record.needs.update((v.owner._record[0], None) for v in n.inputs if v.owner is not None)
        record.needs.pop(record, None)
    return node._record


def place_of(variable: Variable) -> tuple[_Record, int, int]:
    """Record, position and index of a variable that has an owner."""
    return (*_record_of(variable.owner), variable.index)


def output_at(record: _Record, position: int, index: int) -> Variable:
    """The variable of which ``place_of`` is the place."""
    if position >= len(record.nodes) + len(record.rows or ()):
        return record.promised.setdefault((position, index), Variable.__new__(Variable))
    return record.built()[position].outputs[index]


def _restore_output(before: tuple, *place: Any) -> Variable:
    return output_at(*place)


def _restore_node(before: tuple, record: _Record, position: int) -> Apply:
    return record.built()[position]


def _restore_leaf(cls: type, type: TensorType, name: str | None, origin: Origin | None) -> Variable:
    made = cls.__new__(cls)  # of a class derived from Variable, which may be made of other arguments
    Variable.__init__(made, type, name=name, origin=origin)
    return made


def _pickle_origin(origin: Origin) -> tuple:
    return Origin, (tuple(origin),)


Origin.__reduce__ = _pickle_origin
