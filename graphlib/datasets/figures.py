"""Figures of matplotlib's without a window; it is loaded with the first one, where there is room for it."""

from __future__ import annotations

import mmap
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

#: bytes of addresses that matplotlib takes with its first figure
_TAKES = 80 * 2**20


def new_figure(width: float, height: float) -> tuple[Figure, FigureCanvasAgg]:
    """A figure of so many inches, laid out by itself, and the canvas that writes it as PNG.

    Raises:
        MemoryError: there is no room for matplotlib; the message says what to do.
    """
    # Takes longer to load than a short run to train, so not before there is something to draw.
    if "matplotlib" not in sys.modules:
        _check_room()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, FigureCanvasAgg(figure)


def _check_room() -> None:
    """Without room libraries are loaded in part: what comes of it is any error, or none and no end."""
    try:
        mmap.mmap(-1, _TAKES).close()
    except OSError:
        raise MemoryError(
            f"matplotlib, which draws figures, needs {_TAKES >> 20} MB of addresses: allow the process more "
            f"(ulimit -v), or have it take less elsewhere by the environment variables "
            f"GRAPHLIB_FLAGS=threads=1, OPENBLAS_NUM_THREADS=1 and MALLOC_ARENA_MAX=1; "
            f"--resume then draws what a run has come to"
        ) from None
