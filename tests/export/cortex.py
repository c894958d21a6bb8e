"""A perceptron's inference on an emulated Cortex-M4: ``python -m tests.export.cortex``.

It needs Debian's ``gcc-arm-none-eabi``, ``libnewlib-arm-none-eabi`` and ``qemu-system-arm``.  Printed are the
bytes of flash and RAM that the library takes, and how its output differs from graphlib's.
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
    return graphlib.function([x], T.nnet.softmax(scores), name="net"), make


def sizes_of(path: Path) -> tuple[int, int]:
    """(bytes of flash, bytes of RAM) of an object."""
    text, data, bss = (int(n) for n in _said(["arm-none-eabi-size", str(path)]).splitlines()[1].split()[:3])
    return text + data, data + bss


def _said(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, (command[0], done.stdout[-400:], done.stderr[-2000:])
    # what programs print through semihosting comes on the emulator's standard error
    return done.stdout + done.stderr


def measure(sizes: list[int], optimize: str) -> str:
    """Build, run and compare one net."""
    function, make = perceptron(sizes)
    x = make.uniform(size=(1, sizes[0])).astype("float32")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        graphlib.export.c(function, root, name="net", bounds={"x": (1, sizes[0])})
        given = values.array("given", x)
        (root / "given.h").write_text(f"#include <stdint.h>\n#define OUTPUTS {sizes[-1]}\n{given}\n")
        library = root / "net.o"
        _said(["arm-none-eabi-gcc", *FLAGS, optimize, "-c", str(root / "net.c"), "-o", str(library)])
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
        return (
            f"{'-'.join(map(str, sizes))} {optimize}: flash {flash} bytes, of which {weights} are weights; "
            f"RAM {ram} bytes; output differs by at most {worst:.1e}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.export.cortex", description=__doc__)
    parser.add_argument("sizes", nargs="*", default=["64-32-10", "784-100-10", "784-500-10"], metavar="A-B-C")
    for text in parser.parse_args().sizes:
        for optimize in ("-Os", "-O2"):
            print(measure([int(n) for n in text.split("-")], optimize), flush=True)


if __name__ == "__main__":
    main()
