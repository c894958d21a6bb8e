#!/usr/bin/env bash
# Keras 3.15.1 on TensorFlow 2.21.0: NaN is passed over by argmax and argmin, sorted in before all numbers by searchsorted, and
# made a number by heaviside.
#
# NumPy, whose functions these are, gives the place of the NaN, the end, and NaN; so does Keras on JAX. A model whose scores have
# become NaN goes on to name classes.
#
# Seen: argmax of 1 NaN 3: 2, argmin of 1 NaN 0: 2, searchsorted of NaN in 1 2 3: 0, heaviside(NaN, 0.5): 0.5; NumPy: 1, 1, 3, nan
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet keras==3.15.1 tensorflow-cpu==2.21.0
export TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=
KERAS_HOME="$folder" KERAS_BACKEND=tensorflow "$folder/env/bin/python" -W ignore - <<'PYTHON'
import keras
import numpy as np

nan = np.float32(np.nan)
calls = {
    "argmax": [np.float32([1, nan, 3])],
    "argmin": [np.float32([1, nan, 0])],
    "searchsorted": [np.float32([1, 2, 3]), nan[None]],
    "heaviside": [nan[None], np.float32(0.5)],
}
found, expected = {}, {}
for name, arguments in calls.items():
    found[name] = float(keras.ops.convert_to_numpy(getattr(keras.ops, name)(*arguments)).item())
    expected[name] = float(np.asarray(getattr(np, name)(*arguments)).item())
print(f"Keras on TensorFlow {found}, NumPy {expected}")
np.testing.assert_equal(expected, {"argmax": 1, "argmin": 1, "searchsorted": 3, "heaviside": np.nan})
assert found == {"argmax": 2, "argmin": 2, "searchsorted": 0, "heaviside": 0.5}, found
PYTHON
