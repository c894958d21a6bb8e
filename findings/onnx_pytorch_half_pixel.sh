#!/usr/bin/env bash
# onnx 1.23.2, onnxruntime 1.32.0, PyTorch 2.13.0: ONNX's coordinates "pytorch_half_pixel" are not PyTorch's where an axis is
# resized to length 1. By ONNX' formula the one sample is the first pixel; PyTorch takes the middle, which is ONNX' "half_pixel".
#
# For other lengths the two are the same formula, so that the difference shows only in a net that shrinks a map to a row or a
# pixel.
#
# Seen: a row 0 … 6 to length 1, linear: PyTorch 3.0, "half_pixel" 3.0, "pytorch_half_pixel" 0.0; to length 3 all the same
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.13.0 onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
"$folder/env/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import onnxruntime
import torch
from onnx import TensorProto, helper

row = np.arange(7, dtype="float32").reshape(1, 1, 1, 7)


def resized(coordinates, mode, length):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, row.shape)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, 1, length])
    sizes = helper.make_tensor("sizes", TensorProto.INT64, [4], [1, 1, 1, length])
    attributes = dict(mode=mode, coordinate_transformation_mode=coordinates)
    node = helper.make_node("Resize", ["x", "", "", "sizes"], ["y"], **attributes)
    model = helper.make_model(
        helper.make_graph([node], "g", [x], [y], [sizes]),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=9,
    )
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": row})[0].ravel()


for mode, name in (("linear", "bilinear"), ("cubic", "bicubic")):
    for length in (1, 3):
        theirs = torch.nn.functional.interpolate(torch.tensor(row), size=(1, length), mode=name).numpy().ravel()
        half, pytorch_half = (resized(c, mode, length) for c in ("half_pixel", "pytorch_half_pixel"))
        print(f"{mode} to {length}: PyTorch {theirs}, half_pixel {half}, pytorch_half_pixel {pytorch_half}")
        assert np.allclose(half, theirs, atol=1e-5), (half, theirs)
        if length == 1:
            assert np.allclose(theirs, 3) and np.allclose(pytorch_half, 0, atol=1e-5), (theirs, pytorch_half)
        else:
            assert np.allclose(pytorch_half, theirs, atol=1e-5), (pytorch_half, theirs)
PYTHON
