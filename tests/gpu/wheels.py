"""``python -m tests.gpu.wheels DIR`` collects what a bare machine with a GPU needs beside its driver and
Python.

Those are wheels for the running Python: numpy, the BLAS, MPI, NVRTC, cuBLAS and NCCL from PyPI, and PyCUDA,
which is built here.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from graphlib.emulator.build_pycuda import wheel

#: what a run imports; NVRTC, cuBLAS and NCCL of the CUDA that PyCUDA's wheel is built against
REQUIREMENTS = (
    *("numpy>=1.24", "scipy-openblas32>=0.3.27", "pytest>=7.4"),
    *("nvidia-cuda-nvrtc==13.0.*", "nvidia-cublas==13.0.*", "pycuda"),
    *("mpi4py>=4.1", "mpich>=4.2", "nvidia-nccl-cu13"),
)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(wheel(), folder)
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary", ":all:"]
    subprocess.run([*download, "--find-links", folder, "--dest", folder, *REQUIREMENTS], check=True)
    (folder / "requirements.txt").write_text("\n".join(REQUIREMENTS) + "\n")
    print(f"{sum(path.stat().st_size for path in folder.iterdir()) / 2**20:.0f} MiB in {folder}")


if __name__ == "__main__":
    main()
