"""A compiled function leaves Python: as a library of portable C."""

from .entries import FLAGS
from .portable import c, load_state, save_state

__all__ = ["FLAGS", "c", "load_state", "save_state"]
