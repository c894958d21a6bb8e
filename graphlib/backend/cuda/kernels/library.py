"""What goes along an axis and is no loop nest: running sums and products, sorting, and what is not zero.

The work is done by functions of ``device.cuh``; a kernel here calls one.
"""

from __future__ import annotations

from ....compile.steps import LibraryCall
from ....scalar.integer import ONE, product
from ...expressions import Scope
from ..grids import SORT, THREADS
from ..scalar import C_TYPES
from .kernel import Kernel
from .reductions import operation
from .writer import KernelWriter

#: functions of device.cuh, which do a line with a thread
_RUNNING = {
    "gl_cumsum": f"gl_cumulate<{operation('sum')}>",
    "gl_cumprod": f"gl_cumulate<{operation('prod')}>",
    "gl_recurrence": "gl_recurrence<false>",
    "gl_recurrence_back": "gl_recurrence<true>",
}


def kernels(writer: KernelWriter, step: LibraryCall) -> list[Kernel]:
    """The kernels of one call."""
    if step.call.function in _RUNNING:
        return [_running(writer, step)]
    if step.call.function == "gl_nonzero":
        return [_nonzero(writer, step)]
    return _sort(writer, step)


def _running(writer: KernelWriter, step: LibraryCall) -> Kernel:
    """Running sums or products, and recurrences, a thread a line."""
    scope = Scope(None, 0)
    (out,) = step.outputs
    pointers = [*map(writer.pointer, step.operands), writer.pointer(out, written=True)]
    lengths = [writer.poly(p, scope) for p in step.call.integers]
    before, _, after = step.call.integers
    line = f"{_RUNNING[step.call.function]}({', '.join([*pointers, *lengths])});"
    return writer.kernel([*scope.lines, line], [out], "threads", before * after)


def _nonzero(writer: KernelWriter, step: LibraryCall) -> Kernel:
    """The places of what is not zero, by one block."""
    scope = Scope(None, 0)
    (operand,), (out,) = step.operands, step.outputs
    x, y = writer.pointer(operand), writer.pointer(out, written=True)
    (size,) = (writer.poly(p, scope) for p in step.call.integers)
    shared = f"__shared__ long long counts[{THREADS}];"
    line = f"gl_nonzero_block({x}, {y}, {size}, counts);"
    return writer.kernel([shared, *scope.lines, line], [out], "one", ONE)


def _sort(writer: KernelWriter, step: LibraryCall) -> list[Kernel]:
    """Sorting along an axis, or the indices that would sort: sorted runs, then passes that merge them."""
    (operand,), (out,) = step.operands, step.outputs
    size, n = product(step.call.integers), step.call.integers[1]
    item, key = C_TYPES[out.dtype], C_TYPES[operand.dtype]
    indices = str(step.call.function == "gl_argsort").lower()

    def sorted_runs(writer: KernelWriter) -> Kernel:
        scope = Scope(None, 0)
        x, to = writer.pointer(operand), writer.argument("to", out, item, written=True)
        lengths = ", ".join(writer.poly(p, scope) for p in step.call.integers)
        shared = [f"__shared__ {key} keys[{SORT}];", f"__shared__ int places[{SORT}];"]
        line = f"gl_sort_runs<{indices}>({x}, {to}, {lengths}, keys, places);"
        return writer.kernel([*scope.lines, *shared, line], [out], "sort", size, inner=[n])

    def merged_runs(writer: KernelWriter) -> Kernel:
        scope = Scope(None, 0)
        x, to = writer.pointer(operand), writer.argument("to", out, item, written=True)
        source = writer.argument("from", out, item)
        lengths = ", ".join(writer.poly(p, scope) for p in step.call.integers)
        run = writer.argument("run", None, "long long")
        line = f"gl_merge_runs<{indices}>({x}, {source}, {to}, {lengths}, {run});"
        return writer.kernel([*scope.lines, line], [out], "merge", size, inner=[n])

    if n.constant is not None and n.constant <= SORT:
        return [sorted_runs(writer)]
    return [sorted_runs(writer), merged_runs(writer.after("_merge"))]


__all__ = ["kernels"]
