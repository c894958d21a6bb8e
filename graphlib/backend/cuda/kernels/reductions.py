"""Reductions: what one holds on its way, and the kernels of those that are no rows of a loop nest.

One that keeps axes other than the leading ones is a kernel of its own; one of everything leaves a part in
each block of its nest's kernel, which a second kernel adds up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ....compile.loops import collapsible
from ....compile.lowering import LOOP, Value
from ....compile.steps import Loops, accesses
from ....scalar.functions import FUNCTIONS
from ....scalar.integer import product
from ....scalar.reductions import REDUCERS
from ....scalar.reductions import neutral as number_of_nothing
from ...expressions import Scope
from ..grids import REDUCE_PARTS, REDUCE_WIDTH, THREADS
from ..scalar import C_TYPES, literal, print_function
from .kernel import Kernel
from .writer import KernelWriter, leaving

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
        types = {C_TYPES[d]: d for d in C_TYPES if FUNCTIONS[reducer.combine].cuda.of(d) is not None}
        for c_type, dtype in types.items():
            text = print_function(reducer.combine, dtype, dtype, ["a", "b"])
            lines.append(
                f"    static GL_INLINE {c_type} combine({c_type} a, {c_type} b) {{ return {text}; }}"
            )
        lines.append("};\n")
    return "\n".join(lines)


def finds_index(value: Value) -> bool:
    """Whether a value is the index of an extremum."""
    return value.kind is not None and REDUCERS[value.kind].finds_index


def is_precise(value: Value) -> bool:
    """Whether a sum holds what it has rounded off as well."""
    return value.kind == "sum" and value.variable.dtype == "float32"


def held_type(value: Value) -> str:
    """What a reduction holds on its way: its dtype, the extremum and its index, or a precise sum."""
    if finds_index(value):
        return f"gl_found<{C_TYPES[value.element.dtype]}>"
    return "gl_precise" if is_precise(value) else C_TYPES[value.variable.dtype]


def found(value: Value, name: str) -> str:
    """The result of what a reduction holds in the end."""
    if finds_index(value):
        return f"{name}.index"
    return f"gl_rounded({name})" if is_precise(value) else name


def neutral(value: Value) -> str:
    """What a reduction of nothing holds."""
    if finds_index(value):
        return "{0, -1}"
    if is_precise(value):
        return "{0, 0}"
    dtype = value.variable.dtype
    return literal(number_of_nothing(value.kind or "", dtype), dtype)


def taken(value: Value, name: str, x: str) -> str:
    """The statement that takes one more element into a reduction."""
    held = held_type(value)
    if finds_index(value):
        x = f"{held}{{{x}, {LOOP[value.reduced[0]].name}}}"
    elif is_precise(value):
        x = f"{held}{{{x}, 0}}"
    elif REDUCERS[value.kind].truth:
        x = f"({held})({x} != 0)"
    else:
        x = f"({held})({x})"
    return f"{name} = {operation(value.kind)}::combine({name}, {x});"


def of_one(value: Value, x: str) -> str:
    """A reduction of one element."""
    if finds_index(value):
        return "0"
    return f"({x} != 0)" if REDUCERS[value.kind].truth else x


def into_memory(value: Value) -> bool:
    """Whether a value is a reduction that keeps axes other than the leading ones: a kernel of its own."""
    return value.kind is not None and value.kept is None


def split(step: Loops) -> tuple[list[Value], list[Value]]:
    """What is computed row by row, and the reductions into memory, which read the former there."""
    in_memory = [v for v in step.values if into_memory(v)]
    own = {v.variable for v in step.values}
    for value in in_memory:
        step.stored |= {u for u, _ in accesses(value.element) if u in own}
    return [v for v in step.values if v not in in_memory], in_memory


def columns(writer: KernelWriter, values: Iterable[Value]) -> list[Kernel]:
    """The kernels of reductions into memory."""
    return [_columns(writer.after(f"_{k}"), value) for k, value in enumerate(values)]


def _columns(writer: KernelWriter, value: Value) -> Kernel:
    """32 results side by side, each by 16 threads."""
    kept = [k for k in range(len(value.axes)) if k not in value.reduced]
    reduced = list(value.reduced)
    boundaries = {k + 1 for k in range(len(value.axes) - 1) if (k in reduced) != (k + 1 in reduced)}
    writer.collapsed = collapsible(
        value.axes, [value.element], [writer.offset(value)], boundaries, writer.low.shape
    )
    writer.printer.levels = {LOOP[k]: 2 if k in reduced else 1 for k in range(len(value.axes))}
    writer.printer.count_uses([value.element])
    scope = Scope(None, 0)
    outer = Scope(scope, 1)
    inner = Scope(outer, 2)
    results = product(value.axes[k] for k in kept)
    count = writer.poly(results, scope)
    terms = writer.poly(product(value.axes[k] for k in reduced), scope)
    decode_kept = writer.decode(value.axes, kept, "place", scope)
    decode_reduced = writer.decode(value.axes, reduced, "term", scope)
    inner.lines.append(taken(value, "r", writer.printer.emit(value.element, inner)))
    target = writer.target(value, outer)
    held, op = held_type(value), operation(value.kind)
    lines = [
        f"__shared__ {held} parts[{REDUCE_PARTS}][{REDUCE_WIDTH}];",
        *scope.lines,
        f"const long long stride = gridDim.x * {REDUCE_WIDTH}LL;",
        f"for (long long tile = blockIdx.x * {REDUCE_WIDTH}LL; tile < {count}; tile += stride) {{",
        "    const long long place = tile + threadIdx.x;",
        f"    {held} r = {neutral(value)};",
        f"    if (place < {count}) {{",
        *("        " + line for line in [*decode_kept, *outer.lines]),
        f"        for (long long term = threadIdx.y; term < {terms}; term += {REDUCE_PARTS}) {{",
        *("            " + line for line in [*decode_reduced, *inner.lines]),
        "        }",
        "    }",
        "    parts[threadIdx.y][threadIdx.x] = r;",
        "    __syncthreads();",
        f"    if (threadIdx.y == 0 && place < {count}) {{",
        f"        for (int k = 1; k < {REDUCE_PARTS}; k++) r = {op}::combine(r, parts[k][threadIdx.x]);",
        *("        " + line for line in [*decode_kept, *outer.lines]),
        f"        {target} = {found(value, 'r')};",
        "    }",
        "    __syncthreads();",
        "}",
    ]
    return writer.kernel(lines, [value.variable], "reduce", results, threads=REDUCE_WIDTH * REDUCE_PARTS)


def second_pass(name: str, values: Sequence[Value], flags: int) -> str:
    """The kernel of one block that adds up what the blocks of the kernel ``name`` have found, after a look at
    so many flags of wrong indices."""
    parameters, lines = [], ["__shared__ double2 scratch[32];"]
    for k, value in enumerate(values):
        held, op = held_type(value), operation(value.kind)
        parameters += [f"const {held} *part{k}", f"{C_TYPES[value.variable.dtype]} *out{k}"]
        lines += [
            f"{held} r{k} = {neutral(value)};",
            "for (int b = threadIdx.x; b < blocks; b += blockDim.x)",
            f"    r{k} = {op}::combine(r{k}, part{k}[b]);",
            f"r{k} = gl_block_reduce<{op}>(r{k}, scratch);",
            f"if (threadIdx.x == 0) out{k}[0] = {found(value, f'r{k}')};",
        ]
    if flags:
        parameters.append("const int *failed")
        lines.insert(0, leaving(flags))
    body = "\n".join("    " + line for line in lines)
    listed = ", ".join([*parameters, "int blocks"])
    head = f'extern "C" __global__ void __launch_bounds__({THREADS}) {name}_end({listed})'
    return f"\n{head} {{\n{body}\n}}\n"


__all__ = [
    "columns",
    "definitions",
    "finds_index",
    "found",
    "held_type",
    "into_memory",
    "neutral",
    "of_one",
    "operation",
    "second_pass",
    "split",
    "taken",
]
