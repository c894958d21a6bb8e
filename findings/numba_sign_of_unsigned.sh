#!/usr/bin/env bash
# numba 0.68.1: np.sign of a large unsigned integer is its type's largest number, as if it were -1.
#
# The sign of an unsigned number is 0 or 1. In compiled functions (njit, vectorize) numbers with the highest bit set
# count as negative, and the -1 is stored as the unsigned type it is in: pixels from 128 on have the "sign" 255. All
# four unsigned types do it; comparing and dividing the same numbers are unsigned as they should be. Nothing warns.
#
# Seen: uint8: numpy [0 1 1 1], numba [0 1 255 255]; uint64: numpy [0 1 1 1], numba [0 1 18446744073709551615 ...]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet numba==0.68.1 numpy==2.4.6
"$folder/env/bin/python" - <<'PYTHON'
import numba
import numpy as np


@numba.njit
def sign(x):
    return np.sign(x)


@numba.njit
def positive(x):
    return x > 0


for dtype in ("uint8", "uint16", "uint32", "uint64"):
    largest = np.iinfo(dtype).max
    x = np.array([0, largest // 2, largest // 2 + 1, largest], dtype)
    print(f"{dtype}: numpy {np.sign(x)}, numba {sign(x)}")
    assert np.sign(x).tolist() == [0, 1, 1, 1]
    assert sign(x).tolist() == [0, 1, largest, largest], "the sign of unsigned numbers has changed"
    assert positive(x).tolist() == [False, True, True, True]
PYTHON
