#!/usr/bin/env bash
# nncc 2.0.9 (a compiler of PyTorch's models to C): of a model for several examples it makes C that computes the first.
#
# nncc.compile takes a sample input, such as 3 rows of 4 numbers. The C says "Input: [3, 4] = 12 elements, Output:
# [3, 2] = 6 elements", but its matrix product has no loop over rows: it fills the first row of its buffer. The others
# hold what was there, and the softmax runs over all of them together. Nothing warns. A model of one example, called
# once for each, is right.
#
# Seen: for 1 example right; for 3 examples [0.5, 0.5] each is given as 0.166667 0.166667 0.166667 ...
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --no-deps nncc==2.0.9 safetensors==0.8.0 numpy==2.4.6
cd "$folder"
# the Python side wants PyTorch only to describe its modules; what compiles is this library
env/bin/python - <<'PYTHON'
import ctypes, json
from pathlib import Path
import numpy as np
from safetensors.numpy import save

library = ctypes.CDLL(str(next(Path("env").glob("lib/python*/site-packages/nncc/_libnncc*.so"))))
library.nncc_compile.restype = ctypes.c_void_p
for rows in (1, 3):
    layers = [
        {"name": "a", "op": "gemm", "inputs": ["input"], "output_shape": [rows, 2], "weights": {"weight": "w", "bias": "b"}},
        {"name": "p", "op": "softmax", "axis": -1, "inputs": ["a"], "output_shape": [rows, 2]},
    ]
    model = {
        "name": f"m{rows}",
        "inputs": [{"name": "input", "dtype": "float32", "shape": [rows, 4]}],
        "outputs": [{"name": "p", "dtype": "float32", "shape": [rows, 2]}],
        "layers": layers,
    }
    data = save({"w": np.zeros((2, 4), "float32"), "b": np.zeros(2, "float32")})
    length = ctypes.c_size_t()
    made = library.nncc_compile(f"m{rows}".encode(), json.dumps(model).encode(), data, ctypes.c_size_t(len(data)), ctypes.byref(length))
    Path(f"m{rows}.c").write_bytes(ctypes.string_at(made, length.value))
PYTHON
cat >main.c <<'C'
#define NNCC_IMPLEMENTATION
#include "ROWS.c"
#include <stdio.h>
int main(void) {
    float x[12] = {0}, y[6] = {0};
    ROWS_inference(x, y);
    for (int k = 0; k < 6; k++) printf("%g ", y[k]);
    printf("\n");
    return 0;
}
C
for rows in 1 3; do
  sed "s/ROWS/m$rows/" main.c >"main$rows.c"
  cc -std=c99 "main$rows.c" -o "main$rows" -lm
  echo "$rows examples: $("./main$rows")"
done
[ "$(./main1)" = "0.5 0.5 0 0 0 0 " ]
[ "$(./main3)" != "0.5 0.5 0.5 0.5 0.5 0.5 " ]
