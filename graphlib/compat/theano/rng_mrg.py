"""``theano.sandbox.rng_mrg``: Theano's numbers, seed for seed."""

from typing import Any

from ...tensor.sequential import MRGStreams as MRG_RandomStreams

__all__ = ["MRG_RandomStream", "MRG_RandomStreams", "guess_n_streams"]

MRG_RandomStream = MRG_RandomStreams  # as Theano-PyMC called it


def guess_n_streams(size: Any, warn: bool = False) -> int:
    """How many streams a draw of a size has, where nobody says."""
    return MRG_RandomStreams().n_streams(size)
