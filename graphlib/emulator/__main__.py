"""``python -m graphlib.emulator`` builds the emulator; with a script, it runs it on the emulated GPU.

``python -m graphlib.emulator --checked --order shuffled:1 script.py its arguments``
"""

from __future__ import annotations

import argparse
import os
import runpy
import sys
from pathlib import Path

from . import NVCC, load
from .build import library_folder
from .build_pycuda import wheel


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m graphlib.emulator", description=__doc__.split("\n")[0])
    parser.add_argument("--checked", action="store_true", help="judge every memory access of the kernels")
    parser.add_argument("--order", default="forward", help="forward, reversed, shuffled or shuffled:SEED")
    parser.add_argument("script", nargs="?", help="a Python script to run with PyCUDA on the emulator")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="the script's arguments")
    options = parser.parse_args()
    if options.script is None:
        print(f"emulated driver  {library_folder()}\ncompiler         {NVCC}\nPyCUDA           {wheel()}")
        return
    os.environ["CUDA_EMULATOR_ORDER"] = options.order
    os.environ["PATH"] = f"{NVCC.parent}{os.pathsep}{os.environ['PATH']}"  # for PyCUDA's own SourceModule
    load(checked=options.checked)
    sys.argv = [options.script, *options.arguments]
    sys.path[0] = str(Path(options.script).resolve().parent)
    runpy.run_path(options.script, run_name="__main__")


if __name__ == "__main__":
    main()
