"""Convolution and pooling on the device: which function of ``convolution.cuh`` a call of the library is, and
its threads."""

from __future__ import annotations

from dataclasses import replace

from ...scalar import expression as ex
from ...scalar.contracts import contract, contract_of
from ...scalar.integer import Poly, product
from ..builder import Scope
from ..plan import DeviceKernel
from ..steps import LibraryCall
from .grids import GEMM_REGISTERS, TILE
from .kernel import KernelPlanner, own
from .teams import DeviceCall

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


def kernels(planner: KernelPlanner, step: LibraryCall) -> list[DeviceKernel]:
    """The kernels of one call; where lengths decide between two ways at the call, those of both."""
    sizes = _product_of(step)
    numbers = _LEAST_BY_FILTERS if step.call.function == "gl_convolve_by_filters" else _LEAST
    least = tuple(zip(sizes, numbers, strict=True)) if sizes else ()
    if not sizes or any(n.constant is not None and n.constant < number for n, number in least):
        return [_direct(planner, step)]
    by_tiles = _by_tiles(planner.after("_tiles"), step, *sizes)
    if all(n.constant is not None for n in sizes):
        return by_tiles
    direct = replace(_direct(planner, step), otherwise=True)
    return [replace(kernel, least=least) for kernel in (direct, *by_tiles)]


def _product_of(step: LibraryCall) -> tuple[Poly, Poly, Poly] | None:
    """Rows, terms of each sum, and columns of the product that each group of a convolution is, if any."""
    if not step.call.function.startswith("gl_convolve"):
        return None
    n, c, *image, f = step.call.integers[:6]
    kernel, out, strides = (product(step.call.integers[k : k + 3]) for k in (6, 9, 15))
    c, f = (ex.floor_div(length, _groups(step)) for length in (c, f))
    if step.call.function == "gl_convolve":
        return f, c * kernel, n * out
    if step.call.function == "gl_convolve_by_filters":
        return f, n * out, c * kernel
    return (c, f * kernel, n * product(image)) if strides == 1 else None


def _groups(step: LibraryCall) -> Poly:
    return step.call.integers[-1]


def _direct(planner: KernelPlanner, step: LibraryCall) -> DeviceKernel:
    """A thread an element: pointers to operands and output, then the call's integers."""
    scope = Scope(None, 0)
    (out,) = step.outputs
    lengths = [planner.length(p, scope) for p in step.call.integers]
    one = DeviceCall(step.call.function, (), (*step.operands, out, *lengths), (out,))
    return planner.kernel([*scope.body, one], "threads", product(out.shape))


def _by_tiles(
    planner: KernelPlanner, step: LibraryCall, rows: Poly, terms: Poly, columns: Poly
) -> list[DeviceKernel]:
    """A product whose patches are gathered into tiles in shared memory."""
    scope = Scope(None, 0)
    (out,) = step.outputs
    registers = GEMM_REGISTERS[out.dtype]
    in_parts = step.call.function == "gl_convolve_by_filters"
    groups = _groups(step)
    template = (str(registers), str(PARTS)) if in_parts else (str(registers),)
    lengths = [planner.length(p, scope) for p in step.call.integers]
    to = own("partial", out) if in_parts else out
    one = DeviceCall(f"{step.call.function}_tiles", template, (*step.operands, to, *lengths), (out,))
    inner = (columns, Poly.of(TILE * registers))
    if not in_parts:
        return [planner.kernel([*scope.body, one], "tiles", rows, inner=inner, batch=groups)]
    size = rows * columns * groups
    scratch = size * (PARTS * (4 if out.dtype == "float32" else 8))
    first = planner.kernel(
        [*scope.body, one], "tiles", rows, inner=inner, batch=groups * PARTS, scratch=scratch
    )
    return [first, _sums(planner.after("_sums"), step, size, scratch)]


def _sums(planner: KernelPlanner, step: LibraryCall, size: Poly, scratch: Poly) -> DeviceKernel:
    """What adds up the parts of the gradient by the filters."""
    scope = Scope(None, 0)
    (out,) = step.outputs
    given = (own("partial", out), out, planner.length(size, scope), Poly.of(PARTS))
    one = DeviceCall("gl_add_parts", (), given, (out,))
    return planner.kernel([*scope.body, one], "threads", size, scratch=scratch)


def _in_parts(*integers: Poly) -> list[Poly]:
    images, given, filters = contract_of("gl_convolve_by_filters").extents(*integers)
    return [images, given, PARTS * filters]


for _name in ("gl_convolve", "gl_convolve_by_images"):
    contract(f"{_name}_tiles", contract_of(_name).extents, contract_of(_name).needs)
contract("gl_convolve_by_filters_tiles", _in_parts, contract_of("gl_convolve_by_filters").needs)
contract("gl_add_parts", lambda size, parts: [size * parts, size])
