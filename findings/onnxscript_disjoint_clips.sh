#!/usr/bin/env bash
# onnxscript 0.7.2: its optimiser joins two Clips (or a Clip and a Relu) whose ranges do not meet into one of another value.
#
# Of Clip to [-3, -1] and then to [0, 6] every number comes out as 0, which is what the model says. The optimiser, which
# also PyTorch's exporter to ONNX runs by itself, takes the larger of the minima and the smaller of the maxima: a Clip to
# [0, -1], and that gives -1 for all, since the operator takes the maximum last. A Relu after a Clip to negative numbers
# goes the same way: the model then has a negative output behind a Relu. Ranges that meet are right.
#
# Seen: of -5 -2 2: Clip and Clip 0 0 0, optimised -1 -1 -1; Clip and Relu 0 0 0, optimised -1 -1 -1
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet onnxscript==0.7.2 onnx==1.23.2 onnx-ir==1.1.0 onnxruntime==1.32.0 numpy==2.4.6
"$folder/env/bin/python" - <<'PYTHON'
import numpy as np
import onnx.parser
import onnxruntime
from onnx.reference import ReferenceEvaluator
from onnxscript import optimizer

x = np.array([-5, -2, 2], "float32")


def numbers(body):
    model = onnx.parser.parse_model(
        '<ir_version: 9, opset_import: ["": 18]> g (float[3] x) => (float[3] y) '
        f"<float three = {{-3.0}}, float one = {{-1.0}}, float zero = {{0.0}}, float six = {{6.0}}> {{ {body} }}"
    )
    optimised = optimizer.optimize(model)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    results = []
    for proto in (model, optimised):
        session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
        (result,) = session.run(None, {"x": x})
        assert (ReferenceEvaluator(proto).run(None, {"x": x})[0] == result).all()
        results.append(result)
    print(body, "->", *results)
    return [result.tolist() for result in results]


assert numbers("a = Clip(x, three, one) y = Clip(a, zero, six)") == [[0] * 3, [-1] * 3]
assert numbers("a = Clip(x, three, one) y = Relu(a)") == [[0] * 3, [-1] * 3]
model, optimised = numbers("a = Clip(x, three, six) y = Relu(a)")
assert model == optimised == [0, 0, 2]
PYTHON
