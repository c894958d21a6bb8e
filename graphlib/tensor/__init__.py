"""The user's facade, usually imported as ``T``: constructors of variables and every operation under its
Theano name.

The operations come from the registry, each under its name and aliases; what is composed of them is imported
here.
"""

from __future__ import annotations

from ..gradient import Lop, Rop, grad, hessian, jacobian
from ..gradient_check import verify_grad
from ..graph import Constant, TensorType, Variable
from ..ops import REGISTRY
from ..ops.along_axis import flatnonzero
from ..ops.barriers import disconnected_grad, zero_grad
from ..ops.create import alloc, fill, full, full_like, identity_like, ones, ones_like, zeros, zeros_like
from ..ops.diagonals import tri, triu
from ..ops.elementwise import clip
from ..ops.join import join, stack
from ..ops.linalg import cross, inner, matmul, matvec, vdot, vecdot, vecmat
from ..ops.op import as_variable as as_tensor_variable
from ..ops.operators import tensor_round as round
from ..ops.reduce import logsumexp, max_and_argmax, mean, ptp, std, var
from ..ops.shape import (
    expand_dims,
    flatten,
    moveaxis,
    shape_padleft,
    shape_padright,
    squeeze,
    swapaxes,
    transpose,
)
from . import (
    extra_ops,
    fft,
    nlinalg,
    nnet,
    numpy_functions,
    random,
    shared_randomstreams,
    signal,
    slinalg,
    variables,
    xlogx,
)
from .arrangements import *  # noqa: F403
from .averages import *  # noqa: F403
from .constructors import *  # noqa: F403
from .constructors import __all__ as _constructors
from .curves import *  # noqa: F403
from .einsum import einsum
from .elementwise import *  # noqa: F403
from .grids import *  # noqa: F403
from .order import *  # noqa: F403
from .places import *  # noqa: F403
from .sets import *  # noqa: F403
from .special_functions import chi2sf, erfcinv, erfinv, gamma, gammal, gammau
from .stacking import *  # noqa: F403

TensorVariable = Variable
TensorConstant = Constant
as_tensor = as_tensor_variable
iround = round
permute_dims, ravel = transpose, flatten

numpy_functions.install()
variables.install()

for _entry in REGISTRY.values():
    for _name in (_entry.name, *_entry.aliases):
        # the names of modules (T.xlogx) and of Theano's wrappers (T.shape) stay theirs
        globals().setdefault(_name, _entry.build)

#: what is at work here and no user's
_OWN = {
    "REGISTRY",
    "annotations",
    "arrangements",
    "averages",
    "constructors",
    "curves",
    "elementwise",
    "grids",
    "numpy_functions",
    "order",
    "places",
    "sets",
    "special_functions",
    "stacking",
    "variables",
}
__all__ = sorted({name for name in dir() if not name.startswith("_")} - _OWN)


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> object:
    if name.startswith("_"):
        raise AttributeError(name)
    from .elsewhere import FUNCTIONS, MissingNameError

    raise MissingNameError("graphlib.tensor", name, lambda: __all__, FUNCTIONS)
