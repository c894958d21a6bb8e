#!/usr/bin/env bash
# onnxruntime 1.32.0: ReduceMean over an axis of length 0 is 0; ONNX's own reference, NumPy and the frameworks that
# models are exported from say NaN.
#
# An empty batch, or a sequence whose mask leaves nothing, so gives a plausible number after export and NaN before.
# ReduceMax and ReduceMin over nothing are -inf and inf in both.
#
# Seen: ReduceMean of (0, 3) along axis 0: onnxruntime [0. 0. 0.], onnx's ReferenceEvaluator [nan nan nan]
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

nothing = np.zeros((0, 3), "float32")


def reduced(op):
    """By onnxruntime and by ONNX's reference."""
    node = helper.make_node(op, ["x", "axes"], ["y"], keepdims=0)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [3])
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [0])
    graph = helper.make_graph([node], "g", [x], [y], [axes])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {"x": nothing})[0], ReferenceEvaluator(model).run(None, {"x": nothing})[0]


mine, reference = reduced("ReduceMean")
print(f"ReduceMean of {nothing.shape} along axis 0: onnxruntime {mine}, onnx's ReferenceEvaluator {reference}")
assert np.array_equal(mine, [0, 0, 0]), mine
assert np.isnan(reference).all(), reference
for op, value in [("ReduceMax", -np.inf), ("ReduceMin", np.inf)]:
    assert all(np.array_equal(result, [value] * 3) for result in reduced(op)), op
PYTHON
