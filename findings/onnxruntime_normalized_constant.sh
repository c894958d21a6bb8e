#!/usr/bin/env bash
# onnxruntime 1.32.0: MeanVarianceNormalization of a channel that is constant is NaN; by the body that ONNX itself gives for
# this operator, and by its reference, it is 0.
#
# The operator has no attribute epsilon, but its body as a function adds 1e-9 to the deviation before it divides. A black
# image, or padding, so turns a net's output to NaN in onnxruntime alone.
#
# Seen: of ones (1, 2, 2, 2): onnxruntime all NaN, onnx's ReferenceEvaluator all 0; of 0 to 7 they agree
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
"$folder/env/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import onnxruntime
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

shape = [1, 2, 2, 2]
x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in "xy")
graph = helper.make_graph([helper.make_node("MeanVarianceNormalization", ["x"], ["y"])], "g", [x], [y])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
session, reference = onnxruntime.InferenceSession(model.SerializeToString()), ReferenceEvaluator(model)


def both(array):
    array = array.astype("float32").reshape(shape)
    return session.run(None, {"x": array})[0], reference.run(None, {"x": array})[0]


mine, theirs = both(np.ones(8))
print(f"of ones: onnxruntime {mine.ravel()}, onnx's ReferenceEvaluator {theirs.ravel()}")
assert np.isnan(mine).all(), mine
assert np.array_equal(theirs, np.zeros(shape)), theirs
mine, theirs = both(np.arange(8))
assert np.allclose(mine, theirs, atol=1e-5), (mine, theirs)
PYTHON
