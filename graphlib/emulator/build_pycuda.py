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

from .build import HEADER_WHEELS, cuda_headers, library_folder, pip
from .cache import cached, fingerprint

VERSION = "2026.1"


def _tag() -> str:
    headers = fingerprint(*HEADER_WHEELS)[:8]
    return f"{VERSION}-{sys.implementation.cache_tag}-{sysconfig.get_platform()}-{headers}"


def _build_environment(home: Path) -> dict[str, str]:
    """The environment in which PyCUDA's setup finds NVIDIA's headers and a driver to link.

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
    environment = {**os.environ, "HOME": str(home), "PATH": os.pathsep.join(path)}
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
