"""A compiled function leaves Python: as a library of portable C, as WebAssembly, as a page."""

from .entries import FLAGS
from .portable import c, load_state, save_state
from .webassembly import wasm

__all__ = ["FLAGS", "c", "load_state", "save_state", "wasm"]
