#!/usr/bin/env bash
# skl2onnx 1.20.0: of scikit-learn's LinearDiscriminantAnalysis for two classes the exported probabilities have twice the
# log-odds.
#
# scikit-learn takes the sigmoid of the decision for two classes and the softmax for more. The exported model takes the
# softmax of -decision and +decision, which is the sigmoid of twice the decision: each probability too sure of itself,
# in float32 and float64. The class is the same, so accuracy does not show it. Three classes are right, and so is
# LogisticRegression. sklearn-onnx's issue 1116 tells of it, and is closed.
#
# Seen: scikit-learn 0.739, onnxruntime 0.889, sigmoid of twice the decision 0.889; three classes agree
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet skl2onnx==1.20.0 onnx==1.23.2 onnxruntime==1.32.0 scikit-learn==1.9.1 numpy==2.4.6
"$folder/env/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

random = np.random.RandomState(7)
X = random.randn(200, 3)
two = (X[:, 0] + random.randn(200) > 0).astype(int)


def exported(model, x):
    session = onnxruntime.InferenceSession(to_onnx(model, x[:1], options={"zipmap": False}).SerializeToString())
    return session.run(None, {"X": x})


for dtype in ("float32", "float64"):
    x = X.astype(dtype)
    model = LinearDiscriminantAnalysis().fit(x, two)
    labels, found = exported(model, x)
    truth = model.predict_proba(x)
    twice = 1 / (1 + np.exp(-2 * model.decision_function(x)))
    k = abs(found - truth).max(axis=1).argmax()
    print(f"{dtype}: scikit-learn {truth[k, 1]:.3f}, onnxruntime {found[k, 1]:.3f}, twice the log-odds {twice[k]:.3f}")
    assert (labels == model.predict(x)).all()
    assert abs(found - truth).max() > 0.1, "the probabilities are scikit-learn's now"
    assert abs(found[:, 1] - twice).max() < 1e-5
    model = LinearDiscriminantAnalysis().fit(x, two + (x[:, 1] > 0))
    assert abs(exported(model, x)[1] - model.predict_proba(x)).max() < 1e-5
PYTHON
