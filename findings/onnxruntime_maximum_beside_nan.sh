#!/usr/bin/env bash
# onnxruntime 1.32.0: one NaN makes ReduceMax lose other numbers of its row, too, and it depends on the NaN's place whether
# the result is NaN, the maximum of the rest, or a smaller number than that.
#
# NumPy, PyTorch and ONNX's own reference give NaN wherever it stands. onnxruntime keeps it at the first place only. At the
# second of eight it takes a lane of the vector with it: of 0, NaN, 2, 3, 4, 5, 6, 7 the maximum is 6. ArgMax of the same row
# is 7, and with the NaN in the middle it is the NaN's index. The element-wise Max does keep NaN.
#
# Seen: ReduceMax of 0 to 7 with NaN at 0: nan, at 1: 6.0, at 4: 7.0, at 7: 6.0; ArgMax 0, 7, 4, 6
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


def reduced(op, row):
    """By onnxruntime and by ONNX's reference."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [len(row)])
    y = helper.make_tensor_value_info("y", TensorProto.INT64 if op == "ArgMax" else TensorProto.FLOAT, None)
    graph = helper.make_graph([helper.make_node(op, ["x"], ["y"], keepdims=0)], "g", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return float(session.run(None, {"x": row})[0].item()), float(ReferenceEvaluator(model).run(None, {"x": row})[0].item())


seen = {}
for place in (0, 1, 4, 7):
    row = np.arange(8, dtype="float32")
    row[place] = np.nan
    maximum, reference = reduced("ReduceMax", row)
    index, reference_index = reduced("ArgMax", row)
    print(f"NaN at {place}: ReduceMax {maximum}, ArgMax {index:.0f}; ONNX's reference {reference}, {reference_index:.0f}")
    assert np.isnan(reference) and np.isnan(row.max()), reference
    assert reference_index == place == row.argmax(), reference_index
    seen[place] = maximum, index
assert np.isnan(seen[0][0]) and seen[0][1] == 0, seen
assert seen[1] == (6, 7), seen
assert seen[4] == (7, 4), seen
assert seen[7] == (6, 6), seen
PYTHON
