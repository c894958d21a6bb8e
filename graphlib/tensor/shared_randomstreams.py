"""``T.shared_randomstreams``: Theano's name for the module of random streams."""

from .random import RandomStreams

__all__ = ["RandomStreams"]
