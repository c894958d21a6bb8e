"""How many threads a kernel gets, in which blocks: sizes that kernels are written for, and their grids."""

from __future__ import annotations

from collections.abc import Callable

from ...scalar.integer import Poly
from ..plan import DeviceKernel

THREADS = 256
#: blocks that are to fit on a multiprocessor: told fewer than the default, ptxas spills no registers for more
BLOCKS = 2
WARP = 32
#: blocks of a grid: enough to fill the largest GPUs several times, few enough for the second pass of a sum
MAX_BLOCKS = 1024
#: CUDA's own limit of a grid's second and third side
MAX_GRID_YZ = 65535
#: of a reduction into memory: results side by side, and the parts that each sum is cut into
REDUCE_WIDTH, REDUCE_PARTS = 32, 16
TILE = 16
#: elements of a product's tile along one side that a thread computes
GEMM_REGISTERS = {"float32": 4, "float64": 2}
#: of a tile through which memory is transposed: its side, and how many of its rows are taken at once
TRANSPOSED, TRANSPOSED_ROWS = 32, 8
#: elements of a run that is sorted in shared memory
SORT = 1024
#: neighbours that a thread loads and stores at once
FOUR = 4


def grid_of(kernel: DeviceKernel, rows: int, poly: Callable[[Poly], int]) -> tuple[tuple, tuple]:
    """The grid (empty where there is nothing to do) and the block."""
    block: tuple[int, ...]
    if kernel.partial:
        rows = max(rows, 1)  # a sum of nothing has a value, too
    if kernel.shape == "rows":
        inner = max((poly(p) for p in kernel.inner), default=1) if kernel.team else 1
        team = 1 if inner < WARP // 2 else THREADS if inner > 32 * WARP and rows < 4 * MAX_BLOCKS else WARP
        teams = THREADS // team
        rows = -(-rows // kernel.each)
        if team < THREADS:
            teams = min(teams, max(1, -(-rows * team // WARP) * WARP // team))
        block, blocks = (team, teams, 1), -(-rows // teams)
    elif kernel.shape == "reduce":
        block, blocks = (REDUCE_WIDTH, REDUCE_PARTS, 1), -(-rows // REDUCE_WIDTH)
    elif kernel.shape == "transpose":
        down, across = (-(-poly(p) // TRANSPOSED) for p in kernel.inner)
        rows, block, blocks = rows * down * across, (TRANSPOSED, TRANSPOSED_ROWS, 1), rows * down * across
    elif kernel.shape == "tiles":
        columns, side = (poly(p) for p in kernel.inner)
        batch = poly(kernel.batch)
        if not rows or not columns or not batch:
            return (), ()
        grid = (-(-columns // side), min(-(-rows // side), MAX_GRID_YZ), min(batch, MAX_GRID_YZ))
        return grid, (TILE, TILE, 1)
    elif kernel.shape == "single":
        return (1, 1, 1), (1, 1, 1)
    elif kernel.shape == "sort":
        block, blocks = (THREADS, 1, 1), -(-rows // SORT)
    elif kernel.shape == "blocks":
        block, blocks = (THREADS, 1, 1), rows
    elif kernel.shape == "one":
        return (1, 1, 1), (THREADS, 1, 1)
    else:
        block = (min(THREADS, -(-rows // WARP) * WARP), 1, 1)
        blocks = -(-rows // THREADS)
    return ((min(blocks, MAX_BLOCKS), 1, 1), block) if rows else ((), ())
