#!/usr/bin/env bash
# safetensors 0.8.0 with NumPy: an array that is not C-contiguous comes back with its numbers in another order.
#
# safetensors.numpy.save takes a transposed array (also one in Fortran order, or a[:, ::2]), writes its shape, and
# beside it the bytes as they lie in memory, without the strides. Nothing warns, and load returns an array of the right
# shape and dtype with wrong elements. A weight that is kept transposed, as other libraries want their linear
# layers, is so exchanged wrongly. safetensors.torch refuses a tensor that is not contiguous. np.ascontiguousarray
# before saving avoids it.
#
# Seen: transposed: saved [[0, 3], [1, 4], [2, 5]], loaded [[0, 1], [2, 3], [4, 5]]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet safetensors==0.8.0 numpy==2.4.6
"$folder/env/bin/python" - <<'PYTHON'
import numpy as np
from safetensors.numpy import load, save

a = np.arange(6).reshape(2, 3)
for name, array in {"transposed": a.T, "Fortran order": np.asfortranarray(a), "every other column": a[:, ::2]}.items():
    back = load(save({"a": array}))["a"]
    print(f"{name}: saved {array.tolist()}, loaded {back.tolist()}")
    assert back.shape == array.shape and back.dtype == array.dtype
    assert not np.array_equal(back, array), f"{name}: saved and loaded are equal now"
contiguous = np.ascontiguousarray(a.T)
assert np.array_equal(load(save({"a": contiguous}))["a"], a.T)
PYTHON
