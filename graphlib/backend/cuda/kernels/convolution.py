"""Convolution and pooling on the device: which function of ``convolution.cuh`` a call of the library is, and
its threads."""

from __future__ import annotations

from ....compile.steps import LibraryCall
from ....scalar.integer import Poly, product
from ...expressions import Scope
from ..grids import GEMM_REGISTERS, TILE
from ..scalar import C_TYPES
from .kernel import Kernel
from .writer import KernelWriter

#: the library's functions that are kernels of ``convolution.cuh``; each has a thread for every element of its
#: output
FUNCTIONS = frozenset(
    f"gl_{name}"
    for name in (
        "convolve",
        "convolve_by_images",
        "convolve_by_filters",
        "pool_max",
        "pool_pick",
        "pool_scatter",
        "pool_spread",
    )
)
#: a convolution is a product by tiles from so many rows, terms of a sum, and columns on; its gradient by the
#: filters, whose sums are long and few, from so many terms on
_LEAST = 16, 16, 64
_LEAST_BY_FILTERS = 1, 256, 1
#: parts that the places are cut into for the gradient by the filters, which has few elements and long sums
PARTS = 16


def kernels(writer: KernelWriter, step: LibraryCall) -> list[Kernel]:
    """The kernels of one call; where lengths decide between two ways at the call, those of both."""
    sizes = _product_of(step)
    numbers = _LEAST_BY_FILTERS if step.call.function == "gl_convolve_by_filters" else _LEAST
    least = list(zip(sizes, numbers, strict=True)) if sizes else []
    if not sizes or any(n.constant is not None and n.constant < number for n, number in least):
        return [_direct(writer, step)]
    by_tiles = _by_tiles(writer.after("_tiles"), step, *sizes)
    if all(n.constant is not None for n in sizes):
        return by_tiles
    direct = _direct(writer, step)
    direct.otherwise = True
    for kernel in (direct, *by_tiles):
        kernel.least = least
    return [direct, *by_tiles]


def _product_of(step: LibraryCall) -> tuple[Poly, Poly, Poly] | None:
    """Rows, terms of each sum, and columns of the product that a convolution is, if it is one."""
    if not step.call.function.startswith("gl_convolve"):
        return None
    n, c, h, w, f, kh, kw, oh, ow, _, _, sh, sw, *_ = step.call.integers
    if step.call.function == "gl_convolve":
        return f, c * kh * kw, n * oh * ow
    if step.call.function == "gl_convolve_by_filters":
        return f, n * oh * ow, c * kh * kw
    return (c, f * kh * kw, n * h * w) if sh == 1 and sw == 1 else None


def _direct(writer: KernelWriter, step: LibraryCall) -> Kernel:
    """A thread an element: pointers to operands and output, then the call's integers."""
    scope = Scope(None, 0)
    (out,) = step.outputs
    arguments = [writer.pointer(v) for v in step.operands] + [writer.pointer(out, written=True)]
    arguments += [writer.poly(p, scope) for p in step.call.integers]
    lines = [*scope.lines, f"{step.call.function}({', '.join(arguments)});"]
    return writer.kernel(lines, [out], "threads", product(writer.low.shape(out)))


def _by_tiles(
    writer: KernelWriter, step: LibraryCall, rows: Poly, terms: Poly, columns: Poly
) -> list[Kernel]:
    """A product whose patches are gathered into tiles in shared memory."""
    scope = Scope(None, 0)
    (out,) = step.outputs
    c_type, registers = C_TYPES[out.dtype], GEMM_REGISTERS[out.dtype]
    in_parts = step.call.function == "gl_convolve_by_filters"
    arguments = [writer.pointer(v) for v in step.operands]
    arguments.append(
        writer.argument("partial", out, c_type, True) if in_parts else writer.pointer(out, written=True)
    )
    arguments += [writer.poly(p, scope) for p in step.call.integers]
    line = f"{step.call.function}_tiles<{registers}>({', '.join(arguments)});"
    lines, inner = [*scope.lines, line], [columns, Poly.of(TILE * registers)]
    if not in_parts:
        return [writer.kernel(lines, [out], "tiles", rows, inner=inner)]
    size = rows * columns
    scratch = size * (PARTS * out.type.numpy_dtype.itemsize)
    parts = Poly.of(PARTS)
    first = writer.kernel(lines, [out], "tiles", rows, inner=inner, batch=parts, scratch=scratch)
    return [first, _sums(writer.after("_sums"), step, size, scratch)]


def _sums(writer: KernelWriter, step: LibraryCall, size: Poly, scratch: Poly) -> Kernel:
    """What adds up the parts of the gradient by the filters."""
    scope = Scope(None, 0)
    (out,) = step.outputs
    parts = writer.argument("partial", out, C_TYPES[out.dtype])
    line = f"gl_add_parts({parts}, {writer.pointer(out, written=True)}, {writer.poly(size, scope)}, {PARTS});"
    return writer.kernel([*scope.lines, line], [out], "threads", size, scratch=scratch)


__all__ = ["FUNCTIONS", "kernels"]
