"""What goes along an axis and is no loop nest: running sums and products, sorting, Fourier transforms, what
is not zero, and generators of random numbers.

The work is done by functions of ``device.cuh`` and of its neighbours; a kernel here calls one.
"""

from __future__ import annotations

from ...scalar.contracts import contract
from ...scalar.integer import ONE, product
from ..builder import Scope
from ..plan import DeviceKernel
from ..steps import LibraryCall
from .grids import SORT, THREADS
from .kernel import KernelPlanner, own
from .teams import DeviceCall

#: functions of device.cuh, which do a line with a thread, with their template parameter
_RUNNING = {
    "gl_cumsum": ("gl_cumulate", "sum"),
    "gl_cumprod": ("gl_cumulate", "prod"),
    "gl_recurrence": ("gl_recurrence", "false"),
    "gl_recurrence_back": ("gl_recurrence", "true"),
}


def kernels(planner: KernelPlanner, step: LibraryCall) -> list[DeviceKernel]:
    """The kernels of one call."""
    if step.call.function in _RUNNING:
        return [_running(planner, step)]
    if step.call.function in ("gl_fourier", "gl_real_fourier"):
        return [_fourier(planner, step)]
    if step.call.function == "gl_nonzero":
        return [_nonzero(planner, step)]
    if step.call.function.startswith(("gl_mrg", "gl_mersenne")):
        return [_generator(planner, step)]
    if step.call.function.endswith("_some"):
        return [_some(planner, step)]
    return _sort(planner, step)


def _running(planner: KernelPlanner, step: LibraryCall) -> DeviceKernel:
    """Running sums or products, and recurrences, a thread a line."""
    scope = Scope(None, 0)
    (out,) = step.outputs
    lengths = [planner.length(p, scope) for p in step.call.integers]
    before, _, after = step.call.integers
    function, parameter = _RUNNING[step.call.function]
    one = DeviceCall(function, (parameter,), (*step.operands, out, *lengths), (out,))
    return planner.kernel([*scope.body, one], "threads", before * after)


def _fourier(planner: KernelPlanner, step: LibraryCall) -> DeviceKernel:
    """A Fourier transform, a thread a frequency, or a number of what has them."""
    scope = Scope(None, 0)
    (out,) = step.outputs
    lengths = [planner.length(p, scope) for p in step.call.integers]
    one = DeviceCall(step.call.function, (), (*step.operands, out, *lengths), (out,))
    size = product(step.call.integers[:2])
    if step.call.function == "gl_real_fourier" and step.call.integers[3] == 0:
        size = step.call.integers[0] * step.call.integers[2]
    return planner.kernel([*scope.body, one], "threads", size)


def _generator(planner: KernelPlanner, step: LibraryCall) -> DeviceKernel:
    """Numbers of generators: a thread for each stream, or one thread where there is one stream."""
    scope = Scope(None, 0)
    lengths = [planner.length(p, scope) for p in step.call.integers]
    one = DeviceCall(step.call.function, (), (*step.operands, *step.outputs, *lengths), tuple(step.outputs))
    if step.call.function.startswith("gl_mrg"):
        return planner.kernel([*scope.body, one], "threads", step.call.integers[0])
    return planner.kernel([*scope.body, one], "single", ONE)


def _nonzero(planner: KernelPlanner, step: LibraryCall) -> DeviceKernel:
    """The places of what is not zero, by one block."""
    scope = Scope(None, 0)
    (operand,), (out,) = step.operands, step.outputs
    size, most = (planner.length(p, scope) for p in step.call.integers)
    given = (operand, out, size, most, "counts")
    one = DeviceCall("gl_nonzero_block", (), given, (out,), (("counts", "int64", THREADS),))
    return planner.kernel([*scope.body, one], "one", ONE)


def _some(planner: KernelPlanner, step: LibraryCall) -> DeviceKernel:
    """The first or last of what sorting would give, a thread a line."""
    scope = Scope(None, 0)
    (operand,), (out,) = step.operands, step.outputs
    lengths = [planner.length(p, scope) for p in step.call.integers]
    indices = str(step.call.function == "gl_argsort_some").lower()
    one = DeviceCall("gl_sort_some", (indices,), (operand, out, *lengths), (out,))
    before, _, after = step.call.integers[:3]
    return planner.kernel([*scope.body, one], "threads", before * after)


def _sort(planner: KernelPlanner, step: LibraryCall) -> list[DeviceKernel]:
    """Sorting along an axis, or the indices that would sort: sorted runs, then passes that merge them."""
    (operand,), (out,) = step.operands, step.outputs
    size, n = product(step.call.integers), step.call.integers[1]
    indices = str(step.call.function == "gl_argsort").lower()
    to = own("to", out)

    def sorted_runs(planner: KernelPlanner) -> DeviceKernel:
        scope = Scope(None, 0)
        lengths = [planner.length(p, scope) for p in step.call.integers]
        shared = (("keys", operand.dtype, SORT), ("places", "int32", SORT))
        one = DeviceCall(
            "gl_sort_runs", (indices,), (operand, to, *lengths, "keys", "places"), (out,), shared
        )
        return planner.kernel([*scope.body, one], "sort", size, inner=(n,))

    def merged_runs(planner: KernelPlanner) -> DeviceKernel:
        scope = Scope(None, 0)
        lengths = [planner.length(p, scope) for p in step.call.integers]
        given = (operand, own("from", out), to, *lengths, own("run", out, "int64"))
        one = DeviceCall("gl_merge_runs", (indices,), given, (out,))
        return planner.kernel([*scope.body, one], "merge", size, inner=(n,))

    if n.constant is not None and n.constant <= SORT:
        return [sorted_runs(planner)]
    return [sorted_runs(planner), merged_runs(planner.after("_merge"))]


contract("gl_cumulate", lambda before, n, after: [before * n * after] * 2)
contract("gl_sort_runs", lambda before, n, after: [before * n * after] * 2 + [SORT] * 2)
contract("gl_merge_runs", lambda before, n, after, run: [before * n * after] * 3)
contract("gl_nonzero_block", lambda n, most: [n, most, THREADS])
