"""Writes torch_losses.json: PyTorch's losses and their gradients by the scores, for the values below.

python tests/nn/make_torch_losses.py      (with PyTorch; the file says which version wrote it)
"""

import json
from pathlib import Path

import torch
from torch.nn import functional as F

SCORES = [[0.5, -1.25, 2.0], [3.0, 0.0, -0.5], [-1.5, -0.25, 0.75], [0.1, 0.2, 0.3]]
CLASSES = [2, 1, 0, 1]
DISTRIBUTION = [[0.2, 0.3, 0.5], [0.0, 1.0, 0.0], [0.6, 0.4, 0.0], [1 / 3, 1 / 3, 1 / 3]]
BINARY = [[1, 0, 1], [0, 0, 1], [1, 1, 0], [0, 1, 0]]
VALUES = [[0.25, -1.0, 1.5], [2.0, 0.5, -0.5], [-1.0, 0.0, 0.5], [0.0, 0.0, 1.0]]
IGNORED = [2, -1, 0, -1]


def gradients(loss):
    scores = torch.tensor(SCORES, dtype=torch.float64, requires_grad=True)
    value = loss(scores)
    value.backward()
    return {"value": value.item(), "gradient": scores.grad.tolist()}


if __name__ == "__main__":
    d, t, v = (torch.tensor(each, dtype=torch.float64) for each in (DISTRIBUTION, BINARY, VALUES))
    y = torch.tensor(CLASSES)
    results = {
        "torch": torch.__version__,
        "inputs": [SCORES, CLASSES, DISTRIBUTION, BINARY, VALUES, IGNORED],
        "crossentropy": gradients(lambda s: F.cross_entropy(s, y)),
        "crossentropy of distributions": gradients(lambda s: F.cross_entropy(s, d)),
        "crossentropy, missing": gradients(
            lambda s: F.cross_entropy(s, torch.tensor(IGNORED), ignore_index=-1)
        ),
        "kl_divergence": gradients(lambda s: F.kl_div(F.log_softmax(s, 1), d, reduction="batchmean")),
        "binary_crossentropy": gradients(lambda s: F.binary_cross_entropy_with_logits(s, t)),
        "squared_error": gradients(lambda s: F.mse_loss(s, v)),
        "absolute_error": gradients(lambda s: F.l1_loss(s, v)),
        # PyTorch divides by the number of classes
        "hinge": gradients(lambda s: 3 * F.multi_margin_loss(s, y)),
        "squared hinge": gradients(lambda s: 3 * F.multi_margin_loss(s, y, p=2)),
    }
    Path(__file__).with_name("torch_losses.json").write_text(json.dumps(results) + "\n")
