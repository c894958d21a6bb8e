#!/usr/bin/env bash
# Keras 3.15.1 on NumPy 2.4.6: a binary cross-entropy of logits never exceeds 16.2, as the logits are made probabilities first.
#
# On every other backend, and for categorical_crossentropy on this one, from_logits=True computes from the logits: a sure and
# wrong answer of logit 100 costs 100. Here probabilities are clipped to 1e-7 from 0 and 1: it costs 15.9, and 16.1 for -100.
#
# Seen: target 0 with logit 100: 15.942385; target 1 with logit -100: 16.118095; categorical, the same odds: 100.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet keras==3.15.1 numpy==2.4.6 jax==0.10.2 jaxlib==0.10.2 # Keras on NumPy imports JAX
KERAS_HOME="$folder" KERAS_BACKEND=numpy "$folder/env/bin/python" -W ignore - <<'PYTHON'
import keras
import numpy as np

targets, logits = np.float32([0, 1]), np.float32([100, -100])
binary = keras.ops.binary_crossentropy(targets, logits, from_logits=True)
categorical = keras.ops.categorical_crossentropy(np.float32([[0, 1]]), np.float32([[100, 0]]), from_logits=True)
print(f"binary {binary}, categorical {categorical}")
assert np.allclose(np.logaddexp(0, logits.astype("float64")) - targets * logits, 100)
assert np.allclose(categorical, 100), categorical
assert np.allclose(binary, [15.942385, 16.118095]), binary
PYTHON
