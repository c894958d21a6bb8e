#!/usr/bin/env bash
# Keras 3.15.1 on PyTorch 2.13.0: ops.pad(mode="symmetric") repeats the edge in place of a reflection, as soon as more than one
# value is padded; ops.image.gaussian_blur of an image (height, width, channels) blurs width and channels, and not the height.
#
# Symmetric padding is NumPy's, whose name it has: 1, 2, 3, 4 with two values before begins 2, 1, 1. Padding by one hides the
# difference. The blur takes the default layout of images for channels first unless data_format is given,
# so that an image of ones, whose blur is 1 inside if data_format is given, has .45 there, and channels run into one another.
#
# Seen: pad [1. 1. 1. 2. 3. 4.], NumPy [2 1 1 2 3 4]; blur of ones, inside: 0.452, with data_format="channels_last" 1.000
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet keras==3.15.1 torch==2.13.0 numpy==2.4.6
KERAS_HOME="$folder" KERAS_BACKEND=torch "$folder/env/bin/python" -W ignore - <<'PYTHON'
import keras
import numpy as np

padded = keras.ops.convert_to_numpy(keras.ops.pad(np.arange(1, 5, dtype="float32"), [[2, 0]], mode="symmetric"))
expected = np.pad(np.arange(1, 5), [[2, 0]], mode="symmetric")
print(f"pad {padded}, NumPy {expected}")
assert list(expected) == [2, 1, 1, 2, 3, 4] and list(padded) == [1, 1, 1, 2, 3, 4], padded

assert keras.config.image_data_format() == "channels_last"
ones = np.ones((1, 7, 7, 1), "float32")
blurred, told = (
    float(keras.ops.convert_to_numpy(keras.ops.image.gaussian_blur(ones, data_format=layout))[0, 3, 3, 0])
    for layout in (None, "channels_last")
)
print(f"blur of ones, inside: {blurred:.3f}, with data_format='channels_last' {told:.3f}")
assert abs(told - 1) < 1e-5 and abs(blurred - 0.452) < 1e-3, (told, blurred)
PYTHON
