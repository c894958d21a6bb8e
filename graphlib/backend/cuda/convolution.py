"""Convolution and pooling on the device: which function of ``convolution.cuh`` a call of the library is, and
its threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...compile.schedule import LibraryCall
from ...scalar.integer import product
from ..expressions import Scope

if TYPE_CHECKING:
    from .kernels import Kernel, KernelWriter

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


def kernel(writer: KernelWriter, step: LibraryCall) -> Kernel:
    """The kernel of one call: pointers to operands and output, then the call's integers."""
    scope = Scope(None, 0)
    (out,) = step.outputs
    arguments = [writer.pointer(v) for v in step.operands] + [writer.pointer(out, written=True)]
    arguments += [writer.poly(p, scope) for p in step.call.integers]
    lines = [*scope.lines, f"{step.call.function}({', '.join(arguments)});"]
    return writer.kernel(writer.text(lines, [out]), "threads", product(writer.low.shape(out)))


__all__ = ["FUNCTIONS", "kernel"]
