"""The same perceptrons by emlearn, whose header ``eml_net.h`` is in a folder (that of its wheel)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphlib.export import values


def source(weights: Sequence[tuple[np.ndarray, np.ndarray]]) -> str:
    """C with ``int32_t net(const float *x, int64_t n, float *out)``: tanh layers below a softmax."""
    lines = ['#include "eml_net.h"']
    layers = []
    for k, (W, b) in enumerate(weights):
        lines += [values.array(f"W{k}", W), values.array(f"b{k}", b)]
        activation = "Softmax" if k + 1 == len(weights) else "Tanh"
        layers.append(f"{{{W.shape[1]}, {W.shape[0]}, W{k}, b{k}, EmlNetActivation{activation}}}")
    widest = max(max(W.shape) for W, _ in weights)
    inputs, outputs = weights[0][0].shape[0], weights[-1][0].shape[1]
    lines += [
        f"static const EmlNetLayer layers[] = {{{', '.join(layers)}}};",
        f"static float one[{widest}], two[{widest}];",
        f"static EmlNet model = {{{len(layers)}, layers, one, two, {widest}}};",
        "int32_t net(const float *x, int64_t n, float *out);",
        "int32_t net(const float *x, int64_t n, float *out) {",
        "    int32_t wrong = 0;",
        "    for (int64_t k = 0; k < n; k++)",
        f"        wrong |= eml_net_predict_proba(&model, x + k * {inputs}, {inputs},",
        f"                                       out + k * {outputs}, {outputs});",
        "    return wrong;",
        "}",
    ]
    return "\n".join([*lines, ""])


__all__ = ["source"]
