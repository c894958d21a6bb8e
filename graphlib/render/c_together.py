"""Several kernels, copies and fills as one function, as C compilers then have all of it before them."""

from __future__ import annotations

from collections.abc import Sequence

from ..records import record
from ..schedule.plan import CopyArray, Fill
from .c_headers import RUNTIME
from .c_kernels import Nest
from .c_scalar import C_TYPES
from .text import indented
from .units import Unit

_INLINE = "static inline __attribute__((always_inline)) void"


def zeros(fill: Fill, target: str) -> Nest:
    """What fills an array of known length with zeros."""
    return _simple(f"memset(loop->arrays[0], 0, {_size(fill)});", (target,))


def copy(action: CopyArray, target: str, source: str) -> Nest:
    """What copies an array of known length."""
    return _simple(f"memcpy(loop->arrays[0], loop->arrays[1], {_size(action)});", (target, source))


def _size(action: Fill | CopyArray) -> str:
    return f"sizeof({C_TYPES[action.target.dtype]}) * {action.size.constant}"


def _simple(statement: str, arrays: tuple[str, ...]) -> Nest:
    text = f"""static void KERNEL(void *context, int64_t chunk) {{
    const gl_loop *const loop = context;
    {statement}
}}
"""
    return Nest(Unit((f'#include "{RUNTIME}"',), text), arrays, ())


@record
class Repeated:
    """How often something is done, and of arrays that lie elsewhere each time how many bytes further on."""

    times: str
    by: dict[str, str]


def together(nests: Sequence[Nest], repeated: Repeated | None = None) -> Nest:
    """One function that does what several do, in their order, each as its only chunk; and all of it as often
    as is said."""
    arrays = list(dict.fromkeys(a for one in nests for a in one.arrays))
    lengths = list(dict.fromkeys(n for one in nests for n in one.lengths))
    inside = {a: f"a{k}" for k, a in enumerate(arrays)} | {n: f"n{k}" for k, n in enumerate(lengths)}
    names = {unit: f"KERNEL_{k}" for k, unit in enumerate(dict.fromkeys(one.unit for one in nests))}
    lines = [f"{_INLINE} {name}(void *context, int64_t chunk);" for name in names.values()]
    lines += [unit.text.replace(unit.symbol, name) for unit, name in names.items()]
    lines += [
        "static void KERNEL(void *context, int64_t chunk) {",
        "    const gl_loop *const loop = context;",
    ]
    lines += [f"    char *{inside[a]} = loop->arrays[{k}];" for k, a in enumerate(arrays)]
    lines += [f"    const int64_t {inside[n]} = loop->lengths[{k}];" for k, n in enumerate(lengths)]
    calls = []
    for one in nests:
        given = Nest(one.unit, *(tuple(map(inside.get, some)) for some in (one.arrays, one.lengths)))
        calls.append(f"{names[one.unit]}(&{given.given('loop->bad')}, 0);")
    if repeated is not None:
        further = {a: by for a, by in repeated.by.items() if a in inside}
        each = [repeated.times, *dict.fromkeys(further.values())]
        place = {what: f"loop->lengths[{k}]" for k, what in enumerate(each, len(lengths))}
        calls += [f"{inside[a]} += {place[by]};" for a, by in further.items()]
        head = f"for (int64_t step = 0; step < {place[repeated.times]}; step++) {{"
        calls = [head, *indented(calls), "}"]
        lengths += each
    lines += indented(calls)
    declarations = dict.fromkeys(line for unit in names for line in unit.declarations)
    functions = sum(unit.calls for unit in names)
    made = Unit(tuple(declarations), "\n".join([*lines, "}\n"]), calls=functions)
    return Nest(made, tuple(arrays), tuple(lengths))
