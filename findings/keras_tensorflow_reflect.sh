#!/usr/bin/env bash
# Keras 3.15.1 on TensorFlow 2.21.0: ops.image.map_coordinates(fill_mode="reflect") is off by one for every coordinate below
# 0, where SciPy, whose function and modes these are, gives the reflection d c b a | a b c d.
#
# Coordinates past the end are right. Images that are shifted or turned so get another border on one side than on the other.
#
# Seen: of 1, 2, 3, 4 at -0.5, -1, -2, -3: TensorFlow [1.5 2. 3. 4.], SciPy [1. 1. 2. 3.]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet keras==3.15.1 tensorflow-cpu==2.21.0 scipy
export TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=
KERAS_HOME="$folder" KERAS_BACKEND=tensorflow "$folder/env/bin/python" -W ignore - <<'PYTHON'
import keras
import numpy as np
import scipy.ndimage

values, before, after = np.arange(1, 5, dtype="float32"), np.float32([[-0.5, -1, -2, -3]]), np.float32([[3.5, 4, 5, 6]])


def mapped(coordinates):
    """By Keras and by SciPy."""
    mine = keras.ops.image.map_coordinates(values, coordinates, order=1, fill_mode="reflect")
    return keras.ops.convert_to_numpy(mine), scipy.ndimage.map_coordinates(values, coordinates, order=1, mode="reflect")


mine, expected = mapped(before)
print(f"at {before[0]}: Keras on TensorFlow {mine}, SciPy {expected}")
assert np.allclose(expected, [1, 1, 2, 3]), expected
assert np.allclose(mine, [1.5, 2, 3, 4]), mine
mine, expected = mapped(after)
assert np.allclose(mine, expected), (mine, expected)
PYTHON
