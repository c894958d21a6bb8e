#!/usr/bin/env bash
# PyTorch 2.13.0: a tensor that is negated lazily goes through DLPack with the other sign.
#
# The imaginary part of a conjugate is a view of the same memory with a negative bit, so that nothing is computed until it
# is read. Tensor.numpy() refuses such a tensor and says to call resolve_neg(), and DLPack refuses the conjugate itself, for
# its conjugate bit. The negative bit DLPack does not look at: NumPy, and torch.from_dlpack too, get the memory as it
# lies, without a warning.
#
# Seen: torch [-2.0, 4.0], numpy.from_dlpack [2.0, -4.0], torch.from_dlpack [2.0, -4.0]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
"$folder/env/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import torch

conjugate = torch.tensor([1 + 2j, 3 - 4j]).conj()
x = conjugate.imag
found = np.from_dlpack(x).tolist()
print(f"torch {x.tolist()}, numpy.from_dlpack {found}, torch.from_dlpack {torch.from_dlpack(x).tolist()}")
assert x.tolist() == x.resolve_neg().numpy().tolist() == [-2, 4]
assert found == torch.from_dlpack(x).tolist() == [2, -4], "the sign is right now"
assert np.from_dlpack(x.resolve_neg()).tolist() == [-2, 4]
for refused in (x.numpy, conjugate.__dlpack__):
    try:
        refused()
    except (RuntimeError, BufferError) as error:
        print(str(error).split(".")[0])
    else:
        raise AssertionError("not refused")
PYTHON
