#!/usr/bin/env bash
# onnx 1.23.2: of an STFT that leaves its default onesided=1 alone, shape inference says twice as many frequencies.
#
# The operator's definition says that onesided is 1 unless a node says otherwise: 9 frequencies of a frame of 16, which is
# what onnxruntime computes. Shape inference takes an attribute that is not written for 0 and infers 16, strict mode
# included; written out as 1 it infers 9. So a node with its default and the same node with its default written out have
# different shapes, and what plans memory or checks a declared output by inference, as onnx.checker with full_check=True
# does, refuses the right one and takes the wrong one.
#
# Seen: onesided not written: inferred [1, 15, 16, 2], computed (1, 15, 9, 2); written as 1: both 9; full_check refuses
# the right shape and takes the wrong one
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/env/bin/python" - <<'PYTHON'
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper


def model(attributes, shape=None):
    node = helper.make_node("STFT", ["signal", "step", "", "length"], ["spectrum"], **attributes)
    graph = helper.make_graph(
        [node],
        "stft",
        [helper.make_tensor_value_info("signal", TensorProto.FLOAT, [1, 128, 1])],
        [helper.make_tensor_value_info("spectrum", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(np.array(8), "step"), numpy_helper.from_array(np.array(16), "length")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)


def inferred(made):
    found = onnx.shape_inference.infer_shapes(made, strict_mode=True, data_prop=True)
    return [d.dim_value for d in found.graph.output[0].type.tensor_type.shape.dim]


def accepted(made):
    try:
        onnx.checker.check_model(made, full_check=True)
    except onnx.shape_inference.InferenceError:
        return False
    return True


def computed(made):
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"signal": np.ones((1, 128, 1), "float32")})[0].shape


assert onnx.defs.get_schema("STFT", 17).attributes["onesided"].default_value.i == 1
for attributes in ({}, {"onesided": 1}, {"onesided": 0}):
    made = model(attributes)
    print(attributes or "onesided not written", "inferred", inferred(made), "computed", computed(made))

assert computed(model({})) == computed(model({"onesided": 1})) == (1, 15, 9, 2)
assert inferred(model({"onesided": 1})) == [1, 15, 9, 2]
assert inferred(model({})) == [1, 15, 16, 2], "the default is taken as it is defined now"
right, wrong = accepted(model({}, [1, 15, 9, 2])), accepted(model({}, [1, 15, 16, 2]))
print("full_check with the right shape declared:", right, "with the wrong one:", wrong)
assert (right, wrong) == (False, True), "the checker takes the right shape now"
PYTHON
