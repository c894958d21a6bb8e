"""The steps that --peer-code has no programs of, in other libraries: a module for each workload or kind of
workloads, run by the library's own Python, which needs numpy and has nothing of ours installed.

Each module has a dict VARIANTS of the libraries' variants, and a dict WORKLOADS of build functions as
`worker` calls them: build(variant) gives run(first, steps), or raises NotImplementedError.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

Runner = Callable[[int, int], list]
Program = Callable[[str], Runner]  # of one library; it takes the variant

PYTENSOR_MODES = {"c": "CVM", "numba": "NUMBA"}


def import_torch():
    """The library, on as many threads as the others."""
    import torch

    torch.set_num_threads(int(os.environ.get("PEER_THREADS", "2")))
    return torch


def import_pytensor():
    """The library, with its own settings for speed."""
    os.environ.setdefault("PYTENSOR_FLAGS", "floatX=float32,blas__ldflags=-lopenblas")
    import pytensor

    return pytensor


def by_variant(variants: Mapping[str, Sequence[str]], programs: Mapping[str, Program]) -> Program:
    """The program of whichever library has the variant."""
    libraries = {variant: library for library, names in variants.items() for variant in names}
    return lambda variant: programs[libraries[variant]](variant)
