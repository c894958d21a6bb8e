"""A perceptron's inference on an emulated Cortex-M4: ``python -m tests.export.cortex``.

It needs Debian's ``gcc-arm-none-eabi``, ``libnewlib-arm-none-eabi`` and ``qemu-system-arm``.  Printed are the
bytes of flash and RAM that the library takes, and how its output differs from graphlib's; with ``--emlearn
FOLDER`` those of the same net by emlearn, whose ``eml_net.h`` is there, with ``--nncc FOLDER`` by nncc
(``nncc.py`` says how it comes there).
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np

import graphlib
import graphlib.tensor as T
from graphlib.export import values

from . import emlearn, nncc

HERE = Path(__file__).parent
MACHINE = ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16")
FLAGS = (
    *MACHINE,
    "-std=c99",
    "-pedantic",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-ffunction-sections",
    "-fdata-sections",
)


def perceptron(sizes: list[int]):
    """The probabilities of a perceptron of these layers, as a function of one or more examples."""
    make = np.random.RandomState(1)
    x = T.matrix("x")
    below = x
    for k, (rows, columns) in enumerate(pairwise(sizes)):
        bound = np.sqrt(6 / (rows + columns))
        W = graphlib.shared(make.uniform(-bound, bound, (rows, columns)).astype("float32"), name=f"W{k}")
        b = graphlib.shared(make.uniform(-0.1, 0.1, columns).astype("float32"), name=f"b{k}")
        scores = T.dot(below, W) + b
        below = T.tanh(scores)
    function = graphlib.function([x], T.nnet.softmax(scores), name="net")
    arrays = [s.get_value(borrow=True) for s in function.get_shared()]
    weights = sorted(arrays, key=lambda a: sizes.index(a.shape[-1]) * 2 + (a.ndim == 1))
    return function, make, list(zip(weights[::2], weights[1::2], strict=True))


def sizes_of(path: Path) -> tuple[int, int]:
    """(bytes of flash, bytes of RAM) of an object."""
    text, data, bss = (int(n) for n in _said(["arm-none-eabi-size", str(path)]).splitlines()[1].split()[:3])
    return text + data, data + bss


def _said(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, (command[0], done.stdout[-400:], done.stderr[-2000:])
    # what programs print through semihosting comes on the emulator's standard error
    return done.stdout + done.stderr


def measure(sizes: list[int], optimize: str, by: str, peer: Path | None) -> str:
    """Build, run and compare one net; ``by`` whom it is, which is in the folder ``peer``."""
    function, make, layers = perceptron(sizes)
    x = make.uniform(size=(1, sizes[0])).astype("float32")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        if peer is None:
            graphlib.export.c(function, root, name="net", bounds={"x": (1, sizes[0])})
        else:
            text = (
                emlearn.source(layers)
                if by == "emlearn"
                else nncc.source(peer, "net", (sizes[0],), nncc.perceptron(layers))
            )
            (root / "net.c").write_text(text)
            (root / "net.h").write_text("int32_t net(const float *x, int64_t n, float *out);\n")
        given = values.array("given", x)
        (root / "given.h").write_text(f"#define OUTPUTS {sizes[-1]}\n{given}\n")
        library = root / "net.o"
        own = [*FLAGS, optimize] if peer is None else [*MACHINE, "-std=c99", optimize, "-w", f"-I{peer}"]
        _said(["arm-none-eabi-gcc", *own, "-c", str(root / "net.c"), "-o", str(library)])
        program = root / "net.elf"
        _said(
            ["arm-none-eabi-gcc", *FLAGS, "-Wno-pedantic", "-O1", "-nostartfiles",
             "-Wl,--gc-sections",
             f"-I{root}", str(HERE / "cortex.c"), str(library), f"-T{HERE / 'cortex.ld'}", "-lm",
             "-o", str(program)]
        )  # fmt: skip
        said = _said(
            ["qemu-system-arm", "-M", "mps2-an386", "-nographic", "-semihosting-config",
             "enable=on,target=native", "-kernel", str(program)]
        ).split()  # fmt: skip
        code, *words = (int(word, 16) for word in said[: 1 + sizes[-1]])
        assert code == 0, code
        found = np.array(words, "uint32").view("float32")
        worst = np.abs(found - function(x)[0]).max()
        flash, ram = sizes_of(library)
        weights = sum(4 * (a + 1) * b for a, b in pairwise(sizes))
        what = f"{'-'.join(map(str, sizes))} {optimize}{f' by {by}' if peer else ''}"
        return (
            f"{what}: flash {flash} bytes, of which {weights} are weights; RAM {ram} bytes; output differs "
            f"by at most {worst:.1e}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.export.cortex", description=__doc__)
    parser.add_argument("sizes", nargs="*", default=["64-32-10", "784-100-10", "784-500-10"], metavar="A-B-C")
    parser.add_argument("--emlearn", type=Path, metavar="FOLDER")
    parser.add_argument("--nncc", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    peers = {"graphlib": None, "emlearn": options.emlearn, "nncc": options.nncc}
    for text in options.sizes:
        for optimize in ("-Os", "-O2"):
            for by, peer in peers.items():
                if peer or by == "graphlib":
                    print(measure([int(n) for n in text.split("-")], optimize, by, peer), flush=True)


if __name__ == "__main__":
    main()
