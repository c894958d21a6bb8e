"""What a reduction holds on its way on a device, and how it is written."""

from __future__ import annotations

from ..graph.types import HALF
from ..scalar.functions import FUNCTIONS
from ..scalar.reductions import REDUCERS
from ..scalar.reductions import neutral as number_of_nothing
from ..schedule.statements import Take
from .cuda_scalar import C_TYPES, literal, print_function

#: what takes two parts of a reduction together, in ``device.cuh``; of the others it is printed
_IN_DEVICE = {
    "sum": "gl_sum",
    "prod": "gl_prod",
    "all": "gl_all",
    "any": "gl_any",
    "max": "gl_maximum",
    "min": "gl_minimum",
    "argmax": "gl_argmax",
    "argmin": "gl_argmin",
}


def operation(kind: str) -> str:
    """The name of the struct that takes two parts of a reduction together."""
    return _IN_DEVICE.get(kind) or f"gl_reduce_{kind}"


def definitions() -> str:
    """The structs of reductions that ``device.cuh`` does not have."""
    lines = []
    for kind, reducer in REDUCERS.items():
        if kind in _IN_DEVICE:
            continue
        lines.append(f"struct {operation(kind)} {{")
        combine = FUNCTIONS[reducer.combine].cuda
        types = {C_TYPES[d]: d for d in C_TYPES if d != HALF and combine.of(d) is not None}
        for c_type, dtype in types.items():
            text = print_function(reducer.combine, dtype, dtype, ["a", "b"])
            lines.append(
                f"    static GL_INLINE {c_type} combine({c_type} a, {c_type} b) {{ return {text}; }}"
            )
        lines.append("};\n")
    return "\n".join(lines)


def is_precise(kind: str, dtype: str) -> bool:
    """Whether a sum holds what it has rounded off as well."""
    return kind == "sum" and dtype == "float32"


def held_type(kind: str, dtype: str) -> str:
    """What a reduction holds on its way: its dtype, the extremum and its index, or a precise sum."""
    if REDUCERS[kind].finds_index:
        return f"gl_found<{C_TYPES[dtype]}>"
    return "gl_precise" if is_precise(kind, dtype) else C_TYPES[dtype]


def result(kind: str, dtype: str, name: str) -> str:
    """The result of what a reduction holds in the end."""
    if REDUCERS[kind].finds_index:
        return f"{name}.index"
    return f"gl_rounded({name})" if is_precise(kind, dtype) else name


def neutral(kind: str, dtype: str) -> str:
    """What a reduction of nothing holds."""
    if REDUCERS[kind].finds_index:
        return "{0, -1}"
    return "{0, 0}" if is_precise(kind, dtype) else literal(number_of_nothing(kind, dtype), dtype)


def taken(s: Take, x: str) -> str:
    """The statement that takes one more element into a reduction."""
    held = held_type(s.kind, s.dtype)
    if s.index is not None:
        x = f"{held}{{{x}, {s.index.name}}}"
    elif is_precise(s.kind, s.dtype):
        x = f"{held}{{{x}, 0}}"
    elif REDUCERS[s.kind].truth:
        x = f"({held})({x} != 0)"
    else:
        x = f"({held})({x})"
    return f"{s.name} = {operation(s.kind)}::combine({s.name}, {x});"
