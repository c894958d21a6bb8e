"""What planning a kernel takes, of whatever kind: the elements that it loads and stores, and indices made of
a thread's number."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...lower.lowering import LOOP, Value
from ...scalar.expression import Expr, load, local
from ...scalar.integer import Poly, Symbol, flat_index, product
from ..arrays import Array
from ..builder import Builder, Scope
from ..plan import DeviceKernel
from ..statements import Let, Statement, Store
from .teams import Indices, Own


@dataclass
class Flags:
    """The flags of wrong indices: each kernel that checks has one.

    count: of the kernels planned so far.  all_in_loop: of all kernels up to the end of the loop that is being
    planned, as those at its beginning come after those at its end, too.
    """

    count: int = 0
    all_in_loop: int = 0

    @property
    def earlier(self) -> int:
        """How many flags kernels look at before they do anything."""
        return max(self.count, self.all_in_loop)


@dataclass
class Shared:
    """What all kernels of a function share while they are planned.

    opaque: lengths that are read from a table when a kernel runs.
    """

    opaque: Collection[Symbol] = ()
    flags: Flags = field(default_factory=Flags)


class KernelPlanner:
    """Plans one kernel: whoever has it emits expressions by ``builder``, and ends with ``kernel``."""

    def __init__(self, name: str, comment: Sequence[str], shared: Shared) -> None:
        self.name, self.comment, self.shared = name, tuple(comment), shared
        self.builder = Builder({})
        self.builder.opaque = shared.opaque
        #: of what it computes, what it also writes to memory
        self.stored: Collection[Array] = ()
        #: ``staged(array, offset, written)``: what stands for an element that is at hand, or gathered,
        #: elsewhere than in its place in memory
        self.staged: Callable[[Array, Poly, bool], Expr | None] | None = None
        self.builder.staged = self._read_staged
        self.merged: set[int] = set()

    def after(self, suffix: str, comment: Sequence[str] | None = None) -> KernelPlanner:
        """The planner of another kernel of the same step."""
        return KernelPlanner(self.name + suffix, self.comment if comment is None else comment, self.shared)

    def merge(self, axes: set[int]) -> None:
        """Take axes to be merged into the next one."""
        self.merged = axes
        self.builder.merged = {LOOP[k] for k in axes}

    def _read_staged(self, array: Array, offset: Poly) -> Expr | None:
        return self.staged(array, offset, False) if self.staged is not None else None

    def length(self, p: Poly, scope: Scope) -> Poly:
        """A length or an offset, whose opaque parts may need statements in ``scope``."""
        return self.builder.length(p, scope)

    # values

    def named(self, value: Value, made: Expr, scope: Scope) -> Expr:
        name = self.builder.name("t")
        scope.body.append(Let(name, value.variable.dtype, made))
        return local(name, value.variable.dtype)

    def offset(self, value: Value) -> Poly:
        return flat_index(value.index, value.variable.shape)

    def store(self, value: Value, made: Expr, scope: Scope) -> Store:
        """The statement that writes a value to memory."""
        array, offset = value.variable, self.offset(value)
        staged = self.staged(array, offset, True) if self.staged is not None else None
        if staged is not None:
            return Store(staged.value[0], array.dtype, staged.value[1][0], made)
        return Store(array, array.dtype, self.length(offset, scope), made)

    def map_value(self, value: Value, scope: Scope, stores: list[Statement]) -> None:
        """Compute a value that is no reduction; the statement that writes it to memory goes to ``stores``."""
        made = self.builder.emit(value.element, scope)
        if not self.builder.is_name(made):
            made = self.named(value, made, scope)
        self.builder.locals[value.variable] = made, scope
        if value.variable in self.stored:
            stores.append(self.store(value, made, scope))

    # indices

    def turns(self, axes: tuple[Poly, ...], axis: int) -> Poly:
        """The length of the loop that ``axis`` is the last of, the axes merged into it counted in."""
        first = axis
        while first - 1 in self.merged:
            first -= 1
        return product(axes[first : axis + 1])

    def indices(self, axes: tuple[Poly, ...], which: Iterable[int], flat: str, scope: Scope) -> Indices:
        """One number as the indices of the axes ``which``."""
        real = [k for k in which if k not in self.merged]
        lengths = {k: self.length(self.turns(axes, k), scope) for k in reversed(real[1:])}
        return Indices(flat, tuple((LOOP[k], lengths.get(k, Poly.of(0))) for k in real))

    # the kernel

    def kernel(self, body: Sequence[Any], shape: str, rows: Poly, **more: Any) -> DeviceKernel:
        """The kernel of these statements; ``shape``, ``rows`` and the rest are those of a
        ``DeviceKernel``."""
        flags, checks = self.shared.flags, self.builder.checks
        earlier, flag = flags.earlier, None
        if checks:
            flag = flags.count
            flags.count += 1
        return DeviceKernel(
            self.name,
            self.comment,
            tuple(body),
            checks=checks,
            shape=shape,
            rows=rows,
            earlier=earlier,
            flag=flag,
            **more,
        )


def own(kind: str, array: Array, dtype: str | None = None) -> Own:
    return Own(kind, array, dtype or array.dtype)


def element(target: Any, dtype: str, offset: Any) -> Expr:
    return load(target, dtype, Poly.of(offset))
