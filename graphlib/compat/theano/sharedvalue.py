"""``theano.compile.sharedvalue`` and ``theano.tensor.sharedvar``: one class is what several were."""

from ...graph import Shared, shared

_shared = shared
SharedVariable = TensorSharedVariable = ScalarSharedVariable = Shared

__all__ = ["ScalarSharedVariable", "SharedVariable", "TensorSharedVariable", "shared"]
