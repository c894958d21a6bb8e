"""A compiled function leaves Python: as a library of portable C."""

from .portable import c, load_state, save_state

__all__ = ["c", "load_state", "save_state"]
