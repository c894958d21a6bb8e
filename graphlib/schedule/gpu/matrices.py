"""Linear algebra on the device: each call is a function of ``matrices.cuh``, with a block for each matrix."""

from __future__ import annotations

from collections.abc import Callable

from ...errors import DeviceError
from ...scalar.contracts import contract, contract_of
from ...scalar.integer import Poly
from ..builder import Scope
from ..plan import DeviceKernel
from ..steps import LibraryCall
from .grids import THREADS
from .kernel import KernelPlanner, own
from .teams import DeviceCall

#: how many numbers of memory the functions need for a matrix, by their integers; None: none
_MEMORY = {
    "gl_eigh": lambda n, lower: 2 * n * n + n,
    # the longer side, twice, is more than the sum of both
    "gl_svd": lambda m, n, full: _of_svd(m, n),
    "gl_singular_values": lambda m, n: _of_svd(m, n),
    "gl_expm": lambda n: 7 * n * n,
}
#: all functions
FUNCTIONS = (
    *("gl_lu", "gl_lu_solve", "gl_triangular_solve", "gl_cholesky", "gl_householder", "gl_householder_q"),
    *("gl_eigh", "gl_svd", "gl_singular_values", "gl_expm"),
)


def _of_svd(m: Poly, n: Poly) -> Poly:
    """At least what the two sides need, whichever is the longer one."""
    return 2 * m * n + m * m + n * n + m + n


def kernels(planner: KernelPlanner, step: LibraryCall) -> list[DeviceKernel]:
    """The kernel of one call.

    Errors: DeviceError for eigenvalues of matrices that are not symmetric.
    """
    call = step.call
    if call.function == "gl_eig":
        raise DeviceError(
            "T.eig does not run on a GPU: compile the function with graphlib.config.device = 'cpu', or use "
            "T.eigh if the matrices are symmetric"
        )
    scope = Scope(None, 0)
    lengths = [planner.length(p, scope) for p in call.integers]
    dtype = step.operands[0].dtype
    # the exponential is computed in double
    held = "float64" if call.function == "gl_expm" else dtype
    arguments = [*step.operands, *step.outputs, *lengths, "scratch"]
    scratch, written = None, tuple(step.outputs)
    if call.function in _MEMORY:
        batch, *others = call.integers
        memory = own("partial", step.outputs[0], held)
        arguments.append(memory)
        written += (memory,)
        scratch = batch * _MEMORY[call.function](*others) * (8 if held == "float64" else 4)
    one = DeviceCall(call.function, (), tuple(arguments), written, (("scratch", held, THREADS),))
    return [planner.kernel([*scope.body, one], "blocks", call.integers[0], scratch=scratch)]


def _with_memory(name: str) -> Callable[..., list]:
    """What a function goes over, its shared memory, and what else it needs for each matrix."""

    def extents(batch: Poly, *others: Poly) -> list:
        more = [batch * _MEMORY[name](*others)] if name in _MEMORY else []
        return [*contract_of(name).extents(batch, *others), THREADS, *more]

    return extents


for _name in FUNCTIONS:
    contract(f"{_name}_on_device", _with_memory(_name), contract_of(_name).needs)
