#!/usr/bin/env bash
# onnxruntime 1.32.0: a Scan over a sequence of length 0 fails, where a Loop of no steps gives what ONNX says.
#
# A recurrent network that was exported with Scan so cannot take an empty sequence: the call ends in an internal check
# of the slicer ("dim0_offset < dim0_size was false"). ONNX's own reference gives the initial state and a scan output
# of no rows, as onnxruntime's own Loop does for the same step.
#
# Seen: Scan: FAIL ... dim0_offset < dim0_size was false; Loop: state [1. 2.], outputs of shape (0, 2)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
"$folder/env/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import onnxruntime
from onnx import TensorProto, helper

onnxruntime.set_default_logger_severity(4)
F, I, B = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
value = helper.make_tensor_value_info


def run(node, inputs, arrays):
    graph = helper.make_graph([node], "g", inputs, [value("last", F, [2]), value("all", F, [None, 2])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, arrays)


state = np.array([1, 2], "float32")
nodes = [helper.make_node("Add", ["h", "row"], ["new"]), helper.make_node("Identity", ["new"], ["kept"])]
outputs = [value("new", F, [2]), value("kept", F, [2])]
step = helper.make_graph(nodes, "step", [value("h", F, [2]), value("row", F, [2])], outputs)
scan = helper.make_node("Scan", ["h0", "x"], ["last", "all"], body=step, num_scan_inputs=1)
inputs = [value("h0", F, [2]), value("x", F, ["n", 2])]
print("Scan over 1:", run(scan, inputs, {"h0": state, "x": np.ones((1, 2), "float32")}))
try:
    run(scan, inputs, {"h0": state, "x": np.ones((0, 2), "float32")})
except Exception as error:
    print("Scan over 0:", str(error).strip())
    assert "dim0_size" in str(error)
else:
    raise AssertionError("a Scan over nothing works now")
nodes = [helper.make_node("Add", ["h", "h"], ["new"]), helper.make_node("Identity", ["new"], ["kept"])]
nodes.append(helper.make_node("Identity", ["go"], ["on"]))
step = helper.make_graph(
    nodes, "step", [value("i", I, []), value("go", B, []), value("h", F, [2])], [value("on", B, []), *outputs]
)
loop = helper.make_node("Loop", ["n", "", "h0"], ["last", "all"], body=step)
last, rows = run(loop, [value("h0", F, [2]), value("n", I, [])], {"h0": state, "n": np.array(0)})
print("Loop of 0 steps:", last, rows.shape)
assert last.tolist() == [1, 2] and rows.shape == (0, 2)
PYTHON
