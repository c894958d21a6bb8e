#!/usr/bin/env bash
# skl2onnx 1.20.0: a TunedThresholdClassifierCV is exported without its threshold.
#
# That is scikit-learn's meta-estimator whose only purpose is to decide at another probability than a half. The converter
# takes it, and gives the classifier inside with its usual half, without a warning. FixedThresholdClassifier, which does
# the same with a given number, is refused.
#
# Seen: threshold 0.14; of 300 scikit-learn calls 97 positive, onnxruntime 23, as many as the classifier inside
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet skl2onnx==1.20.0 onnx==1.23.2 onnxruntime==1.32.0 scikit-learn==1.9.1 numpy==2.4.6
"$folder/env/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import TunedThresholdClassifierCV

random = np.random.RandomState(0)
x = random.randn(300, 2).astype("float32")
y = (x[:, 0] + random.randn(300) > 1.3).astype(int)
model = TunedThresholdClassifierCV(LogisticRegression()).fit(x, y)  # scoring: balanced accuracy
session = onnxruntime.InferenceSession(to_onnx(model, x[:1], options={"zipmap": False}).SerializeToString())
found = session.run(None, {"X": x})[0]
inside = model.estimator_.predict(x)
print(f"threshold {model.best_threshold_:.2f}; positive: scikit-learn {model.predict(x).sum()}, onnxruntime {found.sum()}, "
      f"the classifier inside {inside.sum()}")
assert model.best_threshold_ < 0.3
assert (found == inside).all() and (found != model.predict(x)).any(), "the threshold is exported now"
PYTHON
