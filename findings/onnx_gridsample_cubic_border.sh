#!/usr/bin/env bash
# onnx 1.23.2's own reference and onnxruntime 1.32.0 differ in GridSample with mode="cubic", padding_mode="border".
#
# For a grid that reaches beyond the image, onnxruntime clips each of the four neighbours to the image, as PyTorch's
# grid_sample(mode="bicubic") does, from which the operator comes. onnx's reference clips the place itself, before it
# looks for neighbours, so that beyond the border the result is the border's. The text of the operator says neither.
# With "linear" both ways give the same numbers.
#
# Seen, for the row 0 1 2 3 read at 3.6 (align_corners=1): linear 3 and 3, cubic reference 3, onnxruntime 3.072
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/env/bin/python" - <<'PYTHON'
import numpy as np
import onnxruntime
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

x = np.tile(np.arange(4, dtype="float32"), (1, 1, 4, 1))
grid = np.array([3.6 / 3 * 2 - 1, 0], "float32").reshape(1, 1, 1, 2)
found = {}
for mode in ("linear", "cubic"):
    node = helper.make_node("GridSample", ["x", "g"], ["y"], mode=mode, padding_mode="border", align_corners=1)
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [None] * 4) for n in "xgy"]
    graph = helper.make_graph([node], "graph", values[:2], values[2:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    feed = {"x": x, "g": grid}
    reference = ReferenceEvaluator(model).run(None, feed)[0].item()
    runtime = onnxruntime.InferenceSession(model.SerializeToString()).run(None, feed)[0].item()
    print(f"{mode}: reference {reference:.4g}, onnxruntime {runtime:.4g}")
    found[mode] = abs(reference - runtime)
assert found["linear"] < 1e-5
assert found["cubic"] > 0.05, "they agree now"
PYTHON
