#!/usr/bin/env bash
# onnx 1.23.2: the reference evaluator's MaxPool reads the standard's pads (beginnings of all axes, then ends) as a pair for each
# axis, so that pads at two ends become two on one axis and none on the other; with ceil_mode it appends rows of zeros.
#
# Pads [0, 0, 1, 1] of a 2×2 window on 5×5 give 5×5 by the standard, by onnx's own shape inference and by onnxruntime, and 4×6
# by the evaluator. A 3×3 window with one pad on each side and ceil_mode gives 5×5, and 7×7 of which two rows and columns are
# zeros. Whoever checks a converter against the reference gets another shape than the model says it has.
#
# Seen: inferred (1, 1, 5, 5), onnxruntime (1, 1, 5, 5), ReferenceEvaluator (1, 1, 4, 6); with ceil_mode 5×5, 5×5, 7×7
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
"$folder/env/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import onnxruntime
from onnx import TensorProto, helper, shape_inference
from onnx.reference import ReferenceEvaluator

image = np.arange(25, dtype="float32").reshape(1, 1, 5, 5) - 30


def pooled(**attributes):
    """The shape by onnx's inference, the output by onnxruntime, and by the reference."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, image.shape)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph([helper.make_node("MaxPool", ["x"], ["y"], **attributes)], "g", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    dims = shape_inference.infer_shapes(model).graph.output[0].type.tensor_type.shape.dim
    mine = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": image})[0]
    theirs = ReferenceEvaluator(model).run(None, {"x": image})[0]
    shape = tuple(dim.dim_value for dim in dims)
    print(f"{attributes}: inferred {shape}, onnxruntime {mine.shape}, ReferenceEvaluator {theirs.shape}")
    return shape, mine, theirs


shape, mine, theirs = pooled(kernel_shape=[2, 2], pads=[0, 0, 1, 1])
assert shape == mine.shape == (1, 1, 5, 5), (shape, mine.shape)
assert theirs.shape == (1, 1, 4, 6), theirs.shape
shape, mine, theirs = pooled(kernel_shape=[3, 3], pads=[1, 1, 1, 1], ceil_mode=1)
assert shape == mine.shape == (1, 1, 5, 5), (shape, mine.shape)
assert theirs.shape == (1, 1, 7, 7) and not theirs[0, 0, 5:].any() and mine.max() < 0, theirs
shape, mine, theirs = pooled(kernel_shape=[3, 3], pads=[1, 1, 1, 1])
assert np.array_equal(mine, theirs)
PYTHON
