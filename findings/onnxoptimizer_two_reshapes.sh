#!/usr/bin/env bash
# onnxoptimizer 0.4.2: of two Reshapes the first is left out, also where the second copies a size from it.
#
# A 0 in the shape of ONNX's Reshape stands for that axis of its input. Two numbers by six, reshaped to (3, 4) and then to
# (-1, 0), are of shape (3, 4). The pass eliminate_consecutive_idempotent_ops, one of those that run by default, takes
# Reshape for an operator of which only the last one counts, and so the 0 reads 6 off the first input: shape (2, 6), with
# no error; where the second is (0, 2, 2), running the optimised model ends in one.
#
# Seen: shape of the model (3, 4), optimised (2, 6)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet onnxoptimizer==0.4.2 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/env/bin/python" - <<'PYTHON'
import numpy as np
import onnx.parser
import onnxoptimizer
import onnxruntime

model = onnx.parser.parse_model(
    '<ir_version: 9, opset_import: ["": 18]> g (float[2, 6] x) => (float[?, ?] y) '
    "<int64[2] first = {3, 4}, int64[2] second = {-1, 0}> { a = Reshape(x, first) y = Reshape(a, second) }"
)


def shape(proto):
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    return session.run(None, {"x": np.zeros((2, 6), "float32")})[0].shape


optimised = onnxoptimizer.optimize(model)
print(f"shape of the model {shape(model)}, optimised {shape(optimised)}")
assert shape(model) == (3, 4)
assert shape(optimised) == (2, 6), "the shape is right now"
assert shape(onnxoptimizer.optimize(model, ["eliminate_consecutive_idempotent_ops"])) == (2, 6)
PYTHON
