"""The same networks by nncc, a compiler of PyTorch's models to C.

Of it ``nncc/_libnncc*.so`` is in a folder (``pip install --no-deps --target FOLDER nncc``); its Python side,
which wants PyTorch, is not needed.
"""

from __future__ import annotations

import ctypes
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

#: of a layer: its operation, and what else nncc's description of it has
Layer = tuple[str, dict[str, Any]]


def perceptron(weights: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[Layer]:
    """tanh layers below a softmax."""
    layers: list[Layer] = []
    for k, (W, b) in enumerate(weights):
        last = k + 1 == len(weights)
        activation = ("softmax", {"axis": -1}) if last else ("tanh", {})
        layers += [("gemm", {"arrays": {"weight": W.T, "bias": b}}), activation]
    return layers


def lenet(arrays: Mapping[str, np.ndarray]) -> list[Layer]:
    """The tutorial's LeNet: convolution, pooling, tanh, twice, and a perceptron."""
    layers: list[Layer] = []
    for end in ("", "_2"):
        # PyTorch's filters are not flipped
        filters = {"weight": arrays[f"W{end}"][:, :, ::-1, ::-1], "bias": arrays[f"b{end}"]}
        settings = {"kernel_size": [5, 5], "stride": [1, 1], "padding": [0, 0], "groups": 1}
        layers += [("conv2d", {"arrays": filters, **settings})]
        layers += [("maxpool2d", {"kernel_size": [2, 2], "stride": [2, 2]}), ("tanh", {})]
    return [*layers, ("flatten", {}), *perceptron([(arrays[f"W_{k}"], arrays[f"b_{k}"]) for k in (3, 4)])]


def source(folder: Path, name: str, shape: Sequence[int], layers: Sequence[Layer]) -> str:
    """C with ``int32_t NAME(const float *x, int64_t n, float *out)`` for n examples of a shape.

    One after the other: what nncc makes for more computes the first alone (``findings/nncc_batches.sh``).
    """
    shape = [1, *shape]
    described, arrays, before, at = [], {}, "input", list(shape)
    for k, (op, settings) in enumerate(layers):
        own = dict(settings)
        given = own.pop("arrays", {})
        arrays |= {f"l{k}.{key}": np.ascontiguousarray(a, "float32") for key, a in given.items()}
        at = _after(op, own, given, at)
        layer = {"name": f"l{k}", "op": op, "inputs": [before], "output_shape": at, **own}
        if given:
            layer["weights"] = {key: f"l{k}.{key}" for key in given}
        described.append(layer)
        before = f"l{k}"
    model = {
        "name": name,
        "inputs": [{"name": "input", "dtype": "float32", "shape": list(shape)}],
        "outputs": [{"name": before, "dtype": "float32", "shape": at}],
        "layers": described,
    }
    library = ctypes.CDLL(str(next(Path(folder).glob("nncc/_libnncc*.so"))))
    text, data, length = json.dumps(model).encode(), save(arrays), ctypes.c_size_t(0)
    library.nncc_compile.restype = ctypes.c_void_p
    made = library.nncc_compile(name.encode(), text, data, ctypes.c_size_t(len(data)), ctypes.byref(length))
    assert made, "nncc made nothing of this model"
    size, outputs = int(np.prod(shape)), int(np.prod(at))
    return "\n".join(
        [
            "#define NNCC_IMPLEMENTATION",
            ctypes.string_at(made, length.value).decode(),
            f"int32_t {name}(const float *x, int64_t n, float *out) {{",
            f"    for (int64_t k = 0; k < n; k++) {name}_inference(x + k * {size}, out + k * {outputs});",
            "    return 0;",
            "}",
            "",
        ]
    )


def _after(op: str, own: Mapping[str, Any], arrays: Mapping[str, np.ndarray], at: list[int]) -> list[int]:
    """The shape behind a layer."""
    if op == "gemm":
        return [at[0], arrays["weight"].shape[0]]
    if op == "flatten":
        return [at[0], int(np.prod(at[1:]))]
    if op == "conv2d":
        return [
            at[0],
            arrays["weight"].shape[0],
            *(n - k + 1 for n, k in zip(at[2:], own["kernel_size"], strict=True)),
        ]
    if op == "maxpool2d":
        return [*at[:2], *(n // k for n, k in zip(at[2:], own["kernel_size"], strict=True))]
    return at


__all__ = ["lenet", "perceptron", "source"]
