"""Theano's public names, as a table (``names.txt``), and which of them graphlib has."""

from __future__ import annotations

import functools
from pathlib import Path

#: modules of Theano's that programs are told of by its documentation; the others are its own machinery
DOCUMENTED = (
    "theano",
    "theano.tensor",
    "theano.tensor.nnet",
    "theano.tensor.nnet.nnet",
    "theano.tensor.nnet.abstract_conv",
    "theano.tensor.nnet.conv",
    "theano.tensor.nnet.conv3d2d",
    "theano.tensor.nnet.bn",
    "theano.tensor.nnet.sigm",
    "theano.tensor.nnet.neighbours",
    "theano.tensor.nnet.blocksparse",
    "theano.tensor.signal.pool",
    "theano.tensor.signal.conv",
    "theano.tensor.extra_ops",
    "theano.tensor.sort",
    "theano.tensor.fft",
    "theano.tensor.nlinalg",
    "theano.tensor.slinalg",
    "theano.tensor.raw_random",
    "theano.tensor.shared_randomstreams",
    "theano.tensor.inplace",
    "theano.tensor.io",
    "theano.tensor.elemwise",
    "theano.tensor.subtensor",
    "theano.tensor.var",
    "theano.tensor.type",
    "theano.tensor.sharedvar",
    "theano.tensor.utils",
    "theano.tensor.xlogx",
    "theano.compile",
    "theano.compile.io",
    "theano.compile.mode",
    "theano.compile.sharedvalue",
    "theano.compile.builders",
    "theano.compile.nanguardmode",
    "theano.compile.monitormode",
    "theano.compile.debugmode",
    "theano.compile.ops",
    "theano.configparser",
    "theano.gof",
    "theano.gof.graph",
    "theano.gradient",
    "theano.ifelse",
    "theano.printing",
    "theano.raise_op",
    "theano.scalar",
    "theano.scan_module",
    "theano.scan_module.scan_utils",
    "theano.sandbox.rng_mrg",
    "theano.sandbox.linalg",
    "theano.sparse",
    "theano.misc.pkl_utils",
    "theano.tests.unittest_tools",
    "theano.typed_list",
    "theano.updates",
)


@functools.lru_cache(maxsize=1)
def names() -> dict[str, dict[str, str]]:
    """For each module of Theano its names, each with what it is: a module, class, error, function or
    object."""
    found: dict[str, dict[str, str]] = {}
    module, kind = "", ""
    for line in (Path(__file__).parent / "names.txt").read_text("ascii").splitlines():
        if line.startswith("["):
            module = line.strip("[]")
            found[module] = {}
        elif module:
            first, *rest = line.split()
            if first.endswith(":"):
                kind = first[:-1]
            else:
                rest = [first, *rest]
            found[module].update(dict.fromkeys(rest, kind))
    return found


def table() -> str:
    """The table of ``docs/theano-names.md``: for each documented module which names there are, and which are
    an error that says what to use."""
    import importlib

    from .refusals import is_refusal

    lines = ["| module | there | missing |", "|---|---|---|"]
    for module in DOCUMENTED:
        here, absent = [], []
        for name, kind in sorted(names()[module].items()):
            if kind != "module":
                found = getattr(importlib.import_module(module), name, None)
                (absent if found is None or is_refusal(found) else here).append(name)
        missing = ", ".join(f"`{name}`" for name in absent) or "–"
        lines.append(f"| `{module}` | {len(here)} of {len(here) + len(absent)} | {missing} |")
    return "\n".join(lines) + "\n"
