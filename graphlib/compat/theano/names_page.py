"""The page ``docs/theano-names.md``: which of Theano's public names graphlib has."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from .catalogue import names
from .refusals import MACHINERY, advice, is_refusal

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


def missing() -> dict[str, tuple[int, list[str]]]:
    """For each documented module how many of its names there are, and those that there are not."""
    found = {}
    for module in DOCUMENTED:
        known = [name for name, kind in sorted(names()[module].items()) if kind != "module"]
        absent = [name for name in known if not _is_there(module, name)]
        found[module] = len(known) - len(absent), absent
    return found


def _is_there(module: str, name: str) -> bool:
    found = getattr(importlib.import_module(module), name, None)
    return found is not None and not is_refusal(found)


def table() -> str:
    """The table of ``docs/theano-names.md``."""
    lines = ["| module | there | not there | instead |", "|---|---|---|---|"]
    for module, (count, absent) in missing().items():
        groups: dict[str, list[str]] = {}
        for name in absent:
            groups.setdefault(advice(module, name), []).append(f"`{name}`")
        first = f"| `{module}` | {count} of {count + len(absent)} "
        for instead, those in groups.items():
            shown = "of its own machinery" if instead == MACHINERY else instead
            lines.append(f"{first}| {', '.join(those)} | {shown} |")
            first = "| | "
        if not groups:
            lines.append(f"{first}| – | |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Writes the table into the page that is named: ``python -m graphlib.compat.theano.names_page PAGE``."""
    from . import install

    install()
    page = Path(sys.argv[1])
    head = page.read_text("utf-8").partition("| module |")[0]
    page.write_text(head + table(), "utf-8")


if __name__ == "__main__":
    main()
