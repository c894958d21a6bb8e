"""How a function is called from C: its parameters, how large they can be, and what fails."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import ExportError
from ..graph import Shared, Variable
from ..graph.shared import itself
from ..lower.limits import Length as Limit
from ..render.c_scalar import C_TYPES
from ..scalar.integer import Poly, Symbol
from ..scalar.lowered import Check
from ..schedule.extents import Extents, Interval
from ..schedule.plan import Plan

#: words that no parameter may be called by: C's, and what is called so inside an entry
_TAKEN = frozenset(
    "auto break case char const continue default do double else enum extern float for goto if inline int long"
    " register restrict return short signed sizeof static struct switch typedef union unsigned void volatile"
    " while bool true false and or not xor main state arena s a d args at code class new this int8_t int16_t"
    " int32_t int64_t uint8_t uint16_t uint32_t uint64_t uintptr_t size_t NAN INFINITY NULL I arrays linux"
    " unix".split()
)
#: and those that are numbered there, or that libraries have of C, macros among them
_INSIDE = re.compile(
    r"(gl|GL)_|lengths\d+$|mem(cpy|set|move|cmp)$|LOG2_|(U?INT\w*|SIZE|FLT|DBL|LDBL|DECIMAL)_[A-Z_]+$"
    r"|ATOMIC_|ONCE_FLAG_INIT$|thread_local$"
)
#: what no function of a library may be called, besides: what its headers declare already
_DECLARED = frozenset(
    "abs acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh erf erfc exp exp2 expm1 fabs fdim"
    " floor fma fmax fmin fmod frexp hypot ilogb j0 j1 jn ldexp lgamma llrint llround log log10 log1p log2"
    " logb lrint lround memchr memcmp memcpy memmove memset modf nan nearbyint nextafter pow remainder remquo"
    " rint round scalbn sin sinh sqrt strcat strchr strcmp strcpy strlen strncmp strncpy strstr tan tanh"
    " tgamma trunc y0 y1 yn".split()
)


def public_type(dtype: str) -> str:
    """The type of C that a caller has for a dtype: of float16 there are the bits."""
    return "uint16_t" if dtype == "float16" else C_TYPES[dtype]


@dataclass
class Size:
    """A length that is a parameter: its name, and the most that it may be."""

    name: str
    most: int


@dataclass
class Parameter:
    """An array or a number that goes in or comes out: its name in C, and each of its lengths, a number, a
    parameter that says it, or what is said of an output's by ``shape``.

    most: the most elements that it has.  value: of an integer that decides about lengths, the most it may be.
    """

    name: str
    dtype: str
    lengths: tuple[int | Size | None, ...]
    most: int = 1
    value: int | None = None
    about: str = ""

    @property
    def c_type(self) -> str:
        return public_type(self.dtype)

    @property
    def ndim(self) -> int:
        return len(self.lengths)

    @property
    def has_shape(self) -> bool:
        """Whether a call says how long an output is."""
        return None in self.lengths

    @property
    def shape_text(self) -> str:
        """Its lengths as a declaration of C would have them."""
        return "".join(f"[{_length(n)}]" for n in self.lengths)


def _length(n: int | Size | None) -> str:
    return "?" if n is None else n.name if isinstance(n, Size) else str(n)


@dataclass
class Signature:
    """A function as C sees it.

    prefix: in front of the names of what is its own.  inputs, outputs: in their order.  shareds: the shared
    variables that it uses, in the order of its plan.  sizes: the lengths that are parameters; failures: the
    words of its codes, of checks first.
    """

    name: str
    prefix: str
    plan: Plan
    inputs: list[Parameter]
    outputs: list[Parameter]
    shareds: list[Shared]
    sizes: list[Size]
    extents: Extents
    failures: list[str] = field(default_factory=list)


def c_name(text: str | None, otherwise: str, used: set[str], endings: Sequence[str] = ("",)) -> str:
    """A name for what the user calls ``text`` that C allows; nothing else has it, nor it with ``endings``."""
    base = re.sub(r"\W", "_", text or "", flags=re.ASCII).strip("_") or otherwise
    if base[0].isdigit() or base in _TAKEN or _INSIDE.match(base):
        base = f"v_{base}"
    name, k = base, 1
    while any(name + ending in used for ending in endings):
        k += 1
        name = f"{base}_{k}"
    used.update(name + ending for ending in endings)
    return name


def check_name(name: str) -> str:
    """A name for a library or a function of it.  Errors: ExportError."""
    taken = name in _TAKEN or name in _DECLARED or (name[:-1] in _DECLARED and name[-1] in "fl")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or taken or name.startswith("gl_"):
        raise ExportError(f"{name!r} is no name that functions can have in C; call it like 'digits'")
    if keyword.iskeyword(name):
        raise ExportError(f"{name!r} is a word of Python and can be no name of a module; call it otherwise")
    return name


class _Lengths:
    """Which lengths of a plan's arguments are numbers, and which are the same."""

    def __init__(self, plan: Plan, shareds: Sequence[Shared]) -> None:
        self.parent: dict[Symbol, Symbol] = {}
        self.number: dict[Symbol, int] = {}
        arguments = {n.symbol: n for n in plan.lengths if n.argument is not None}
        self.arguments = arguments
        for symbol, length in arguments.items():
            k = length.argument - plan.inputs
            if 0 <= k < plan.shared:
                self.number[symbol] = itself(shareds[k]).present_shape()[length.axis]
            elif k >= plan.shared:
                self.number[symbol] = plan.constants[k - plan.shared].array.shape[length.axis]
        for check in plan.checks:
            if isinstance(check, Check):
                self._same(check.left, check.right)

    def find(self, s: Symbol) -> Symbol:
        while s in self.parent:
            s = self.parent[s]
        return s

    def known(self, p: Poly) -> int | None:
        if p.constant is not None:
            return p.constant
        return self.number.get(self.find(p.atom)) if p.atom in self.arguments else None

    def _same(self, left: Poly, right: Poly) -> None:
        for one, other in ((left, right), (right, left)):
            if one.atom in self.arguments:
                root = self.find(one.atom)
                if other.constant is not None:
                    self.number.setdefault(root, other.constant)
                    return
                if other.atom in self.arguments:
                    second = self.find(other.atom)
                    if root is not second:
                        # the first of the arguments gives the name
                        first, later = sorted((root, second), key=list(self.arguments).index)
                        self.parent[later] = first
                        if later in self.number:
                            self.number.setdefault(first, self.number[later])
                    return


def signature(
    name: str,
    prefix: str,
    plan: Plan,
    items: Sequence[tuple[Variable, str | None]],
    outputs: Sequence[tuple[Variable, str | None]],
    shareds: Sequence[Shared],
    bounds: Mapping[Any, Any],
    most: int | None,
) -> Signature:
    """The signature of a function for a plan of it.

    items, outputs: its variables with the names that users have for them.  bounds: of inputs, by variable or
    name.  most: what lengths that depend on data are at most.

    Errors: ExportError where a length has no bound, naming the input.
    """
    used: set[str] = set()
    lengths = _Lengths(plan, shareds)
    sizes: dict[Symbol, Size] = {}
    values: dict[int, Interval] = {}
    inputs = []
    for k, (array, (variable, own)) in enumerate(zip(plan.arguments[: plan.inputs], items, strict=True)):
        bound = _bound(variable, own, bounds)
        c = c_name(own or variable.name, f"input{k}", used)
        shown = own or variable.name or c
        found: list[int | Size] = []
        value = None
        if not array.shape and bound is not None:
            if variable.type.is_float:
                raise ExportError(
                    f"bounds are of lengths, and {shown} is a number of {array.dtype}: it has none"
                )
            value = _number(bound, shown)
            values[k] = Interval(0, value)
        said = (bound,) if hasattr(bound, "__index__") else tuple(bound or ())
        if array.shape and bound is not None and len(said) != len(array.shape):
            raise ExportError(
                f"the bound {bound} of {shown} is for {len(said)} axes, but {variable.describe()} has "
                f"{len(array.shape)}"
            )
        for axis, n in enumerate(array.shape):
            fixed = lengths.known(n)
            limit = said[axis] if said else None
            if fixed is not None:
                if limit is not None and limit < fixed:
                    raise ExportError(
                        f"axis {axis} of {shown} has length {fixed}, more than its bound {limit}"
                    )
                found.append(fixed)
                continue
            root = lengths.find(n.atom)
            if root not in sizes:
                sizes[root] = Size(c_name(f"{c}_{axis}", "n", used), -1)
            if limit is not None:
                limit = _number(limit, f"axis {axis} of {shown}")
                before = sizes[root].most
                sizes[root].most = limit if before < 0 else min(before, limit)
            found.append(sizes[root])
        inputs.append(Parameter(c, array.dtype, tuple(found), value=value, about=variable.describe()))
    _all_bounded(inputs, items)
    for p in inputs:
        p.most = _elements(n.most if isinstance(n, Size) else n for n in p.lengths)
    known = {
        s: Interval.of(lengths.number[lengths.find(s)])
        if lengths.find(s) in lengths.number
        else Interval(0, sizes[lengths.find(s)].most)
        for s in lengths.arguments
    }
    extents = Extents(plan, known, values, most)
    outs = []
    for k, (shape, (variable, own)) in enumerate(zip(plan.shapes, outputs, strict=True)):
        result = plan.results[k]
        parts: list[int | Size | None] = []
        for n in shape:
            fixed = lengths.known(n)
            root = lengths.find(n.atom) if n.atom in lengths.arguments else None
            parts.append(fixed if fixed is not None else sizes.get(root))
        title, otherwise = own or variable.name, f"out{k}" if len(outputs) > 1 else "out"
        c = c_name(title, otherwise, used, ("", "_shape") if None in parts else ("",))
        outs.append(Parameter(c, result.dtype, tuple(parts), about=variable.describe()))
    return Signature(
        name, prefix, plan, inputs, outs, list(shareds), list(sizes.values()), extents, _words(plan)
    )


def sized_outputs(signature: Signature) -> None:
    """Notes how many elements outputs can have, once all lengths are known to have bounds."""
    for one, shape in zip(signature.outputs, signature.plan.shapes, strict=True):
        one.most = _elements(signature.extents.upper(n) for n in shape)


def _elements(lengths: Any) -> int:
    total = 1
    for n in lengths:
        total *= n
    return total


def _bound(variable: Variable, own: str | None, bounds: Mapping[Any, Any]) -> Any:
    for key, value in bounds.items():
        if key is variable or (isinstance(key, str) and key in (own, variable.name)):
            return value
    return None


def _number(value: Any, what: str) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__") or value.__index__() < 0:
        raise ExportError(f"the bound of {what} is a number of at least 0, not {value!r}")
    return value.__index__()


def _all_bounded(inputs: list[Parameter], items: Sequence[tuple[Variable, str | None]]) -> None:
    for p, (variable, own) in zip(inputs, items, strict=True):
        missing = [axis for axis, n in enumerate(p.lengths) if isinstance(n, Size) and n.most < 0]
        if missing:
            key = own or variable.name
            example = tuple(n if isinstance(n, int) else 64 if n.most < 0 else n.most for n in p.lengths)
            axes = ", ".join(map(str, missing))
            raise ExportError(
                f"the length of {variable.describe()} along axis {axes} is known only at a call, and a "
                f"library has all its memory beforehand: say how long it may be, as in "
                f"bounds={{{key or 'variable'!r}: {example}}}"
            )


_PLACES = re.compile(r', made at File "[^"]*", line \d+(?:, in \S+)?')


def _words(plan: Plan) -> list[str]:
    """The words of the checks of a plan and those in it, without the numbers of a call."""
    found = []
    for check in plan.all_checks:
        if isinstance(check, Check):
            named = [v.describe() for v in check.variables]
            text = check.sentence.format(*named, a="m", b="n", one="")
        elif isinstance(check, Limit):
            text = f"axis {check.axis} of {check.variable.describe()} would have a negative length"
        else:
            text = f"{check.variable.describe()} would be larger than any memory"
        found.append(_PLACES.sub("", text))
    return found
