"""All operations, each defined in one place: type rule, gradient, numpy reference, lowering and samples to
test it on.

``op`` says what an operation is and holds the registry; ``elementwise``, ``reduce``, ``shape``, ``create``,
``join``, ``index``, ``write``, ``linalg``, ``factorizations``, ``fourier``, ``along_axis``, ``convolution``,
``patches``, ``pool``, ``random``, ``generators``, ``scan``, ``valid``, ``barriers`` and ``unbroadcast`` hold
the operations, ``nnet``, ``systems``, ``decompositions``, ``matrices``, ``conv_functions``, ``unshared``,
``pool_functions``, ``neighbours`` and ``upsampling`` what is composed of them, ``operators`` what variables
get, ``host`` and ``observing`` operations in Python.
"""

from . import (
    along_axis,
    barriers,
    conv_functions,
    convolution,
    create,
    decompositions,
    elementwise,
    fourier,
    generators,
    host,
    index,
    join,
    linalg,
    matrices,
    neighbours,
    nnet,
    observing,
    operators,
    patches,
    pool,
    pool_functions,
    random,
    reduce,
    scan,
    shape,
    systems,
    unbroadcast,
    upsampling,
    valid,
    write,
)
from .op import REGISTRY, Op, Sample, as_variable, register

operators.install()

__all__ = [
    "REGISTRY",
    "Op",
    "Sample",
    "along_axis",
    "as_variable",
    "barriers",
    "conv_functions",
    "convolution",
    "create",
    "decompositions",
    "elementwise",
    "fourier",
    "generators",
    "host",
    "index",
    "join",
    "linalg",
    "matrices",
    "neighbours",
    "nnet",
    "observing",
    "patches",
    "pool",
    "pool_functions",
    "random",
    "reduce",
    "register",
    "scan",
    "shape",
    "systems",
    "unbroadcast",
    "upsampling",
    "valid",
    "write",
]
