"""Data larger than memory: arrays whose rows are read from files when they are needed.

    from graphlib.nn import Model
    from graphlib.nn.stored import Npy

    model.fit(Npy("x.npy"), Npy("y.npy"), epochs=3)

`Model.fit`, `predict`, `outputs` and `evaluate` take such an array wherever they take one in memory, and
`Batches` deals minibatches of them. A thread reads ahead while the step runs; the examples are shuffled by
blocks (`order` says how well). docs/large-data.md shows all of it.
"""

import importlib

_NAMES_OF = {
    ".arrays": ("Npy", "Zarr"),
    ".base": ("Joined", "Mapped", "Part", "Sliced", "Stored"),
    ".images": ("Images",),
    ".order": ("Blocks",),
    ".tables": ("Arrow", "Parquet"),
}
_HOME = {name: module for module, names in _NAMES_OF.items() for name in names}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = getattr(importlib.import_module(_HOME[name], __name__), name)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
