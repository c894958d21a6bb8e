"""``T.signal``: pooling, where Theano has it."""

from . import downsample, pool

__all__ = ["downsample", "pool"]
