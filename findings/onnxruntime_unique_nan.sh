#!/usr/bin/env bash
# onnxruntime 1.32.0: Unique counts NaN as another number of the array: it is missing from the values, and that number's
# count and inverse indices take its places.
#
# NumPy and ONNX's own reference say that 3, 1, NaN, NaN, 1 has the values 1, 3 and NaN; PyTorch counts each NaN by itself.
# Whoever restores the array as values[inverse] gets 1 where NaN was.
#
# Seen: values [1. 3.], inverse [1 0 0 0 0], counts [4 1]; NumPy [1. 3. nan], [1 0 2 2 0], [2 1 2]
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

array = np.array([3, 1, np.nan, np.nan, 1], "float32")
names = ["values", "indices", "inverse", "counts"]
x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [5])
outputs = [
    helper.make_tensor_value_info(name, TensorProto.INT64 if place else TensorProto.FLOAT, [None])
    for place, name in enumerate(names)
]
graph = helper.make_graph([helper.make_node("Unique", ["x"], names)], "g", [x], outputs)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
values, _, inverse, counts = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": array})
print(f"onnxruntime: values {values}, inverse {inverse}, counts {counts}")
assert np.array_equal(values, [1, 3]), values
assert np.array_equal(inverse, [1, 0, 0, 0, 0]), inverse
assert np.array_equal(counts, [4, 1]), counts

reference = ReferenceEvaluator(model).run(None, {"x": array})
expected = np.unique(array, return_index=True, return_inverse=True, return_counts=True)
print(f"NumPy: values {expected[0]}, inverse {expected[2]}, counts {expected[3]}")
assert np.array_equal(expected[0], [1, 3, np.nan], equal_nan=True) and expected[3].sum() == 5, expected
assert all(np.array_equal(mine, theirs, equal_nan=True) for mine, theirs in zip(reference, expected)), reference
PYTHON
