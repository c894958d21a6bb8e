"""``theano.tensor.shared_randomstreams``: Theano's numbers, seed for seed."""

from ...tensor.sequential import MersenneStreams as RandomStreams

__all__ = ["RandomStreams"]
