#!/usr/bin/env bash
# Keras 3.15.1: the CTC loss of labels that no path gives is another number on each backend, and never infinity.
#
# Three times the same label needs five steps, as a blank stands between equal labels (Graves et al., 2006). In three steps
# its probability is 0 and its loss infinity, as torch.nn.functional.ctc_loss says. On JAX it is 100,000 and something, which
# drowns the mean of every minibatch with one such utterance; on TensorFlow 709, which looks like a bad utterance.
#
# Seen: labels 1 1 1 in 3 steps of equal logits for 4 labels: JAX 0.10.2: 100001.37, TensorFlow 2.21.0: 708.97; labels 1 2, which
# fit: both 2.5494.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet keras==3.15.1 tensorflow-cpu==2.21.0 jax==0.10.2 jaxlib==0.10.2
export TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES= KERAS_HOME="$folder"
cat >"$folder/loss.py" <<'PYTHON'
import sys

import keras
import numpy as np

expected, logits, steps = float(sys.argv[1]), np.zeros((1, 3, 4), "float32"), np.array([3])


def loss(*labels):
    found = keras.ops.ctc_loss(np.array([labels]), logits, np.array([len(labels)]), steps, mask_index=0)
    return keras.ops.convert_to_numpy(found)[0]


# By hand: of the 64 equally likely paths 1 2 is given by 1 1 2, 1 2 2, 0 1 2, 1 0 2 and 1 2 0.
assert np.isclose(loss(1, 2), np.log(64 / 5)), loss(1, 2)
none = loss(1, 1, 1)
print(f"Keras on {keras.backend.backend()}: labels 1 1 1 in 3 steps have a loss of {none:.2f}")
assert np.isclose(none, expected, atol=0.01), none
PYTHON
for backend in "jax 100001.37" "tensorflow 708.97"; do
  KERAS_BACKEND=${backend% *} "$folder/env/bin/python" -W ignore "$folder/loss.py" "${backend#* }"
done
