"""Builds PyCUDA on a machine that has neither a CUDA driver nor a CUDA toolkit.

``python -m graphlib.emulator.build_pycuda`` leaves a wheel in the emulator's cache and prints its path;
``--install`` also installs it into the running Python. The wheel is an ordinary one: it runs on a real driver
of CUDA 13 (release 580 and later) as well as on the emulated one.
"""

from __future__ import annotations

import argparse
import os
import sys
import sysconfig
import tempfile
from pathlib import Path

from .build import HEADER_WHEELS, cuda_headers, cxx, library_folder, pip
from .cache import cached, fingerprint

VERSION = "2026.1"

#: A C++ compiler for this build alone.  Nearly all of its time goes to reading Boost.Python, which nearly
#: every source includes: that is read once, when the first of them is compiled, with its flags.
_COMPILER = """\
import os, subprocess, sys

arguments, compiler, header = sys.argv[1:], {compiler!r}, {header!r}
sources = [a for a in arguments if a.endswith(".cpp")]
included = []
if sources and any("bpl_subset" in a for a in arguments):
    if not os.path.exists(header + ".gch"):
        out = arguments.index("-o")
        flags = [a for a in arguments[:out] + arguments[out + 2 :] if a not in ("-c", *sources)]
        subprocess.run([compiler, "-x", "c++-header", *flags, header, "-o", header + ".gch"], check=True)
    included = ["-include", header]
os.execvp(compiler, [compiler, *included, *arguments])
"""


def _tag() -> str:
    headers = fingerprint(*HEADER_WHEELS)[:8]
    return f"{VERSION}-{sys.implementation.cache_tag}-{sysconfig.get_platform()}-{headers}"


def _quick_compiler(folder: Path) -> Path:
    """An executable file in ``folder`` that stands in for the C++ compiler while PyCUDA is built."""
    header, program = folder / "boost.h", folder / "c++"
    header.write_text("#include <boost/python.hpp>\n")
    text = _COMPILER.format(compiler=cxx(), header=str(header))
    program.write_text(f"#!{sys.executable} -SE\n{text}")
    program.chmod(0o755)
    return program


def _build_environment(home: Path) -> dict[str, str]:
    """The environment in which PyCUDA's setup finds NVIDIA's headers, a driver to link, and a quick compiler.

    It takes them from no environment variable, but from a file in the home folder. An nvcc on PATH would make
    it guess another root of CUDA, so the folders that hold one are left out.
    """
    (home / ".aksetup-defaults.py").write_text(
        f"CUDA_ENABLE_CURAND = False\n"
        f"CUDA_INC_DIR = [{str(cuda_headers())!r}]\n"
        f"CUDADRV_LIB_DIR = [{str(library_folder())!r}]\n"
        f"CXXFLAGS = ['-O1', '-g0', '-w']\n"
    )
    path = [folder for folder in os.get_exec_path() if not (Path(folder) / "nvcc").exists()]
    compiler = str(_quick_compiler(home))
    environment = dict(os.environ, HOME=str(home), PATH=os.pathsep.join(path), CC=compiler, CXX=compiler)
    pip_configuration = Path.home() / ".config" / "pip" / "pip.conf"  # pip would look in the new home
    if pip_configuration.exists():
        environment.setdefault("PIP_CONFIG_FILE", str(pip_configuration))
    return environment


def wheel() -> Path:
    """The path of PyCUDA's wheel for the running Python, built in a minute or two where not cached."""

    def build(folder: Path) -> None:
        print(f"building PyCUDA {VERSION}, which takes a minute or two ...", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as home:
            environment = _build_environment(Path(home))
            pip("wheel", "--no-deps", "--wheel-dir", folder, f"pycuda=={VERSION}", env=environment)

    return next(cached(f"pycuda-{_tag()}", build).glob("pycuda-*.whl"))


def private_folder() -> Path:
    """A folder for ``sys.path`` with PyCUDA and what it needs but numpy, where it is not installed."""
    built = wheel()
    return cached(f"pycuda-installed-{_tag()}", lambda folder: pip("install", "--target", folder, built))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--install", action="store_true", help="also install it into the running Python")
    arguments = parser.parse_args()
    built = wheel()
    print(built)
    if arguments.install:
        pip("install", built)


if __name__ == "__main__":
    main()
