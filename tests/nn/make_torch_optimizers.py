"""Writes torch_optimizers.json: what PyTorch's optimizers make of the parameters below, step by step.

    python tests/nn/make_torch_optimizers.py      (with PyTorch; the file says which version wrote it)

The cost is the sum of the fourth powers, in float64.  Epsilons are small where PyTorch has them outside of
the root and graphlib under it.
"""

import json
from pathlib import Path

import torch

STEPS = 6
A = [[0.5, -1.25, 0.75], [0.0, 0.0, 0.0], [1.5, -0.25, -0.625]]
B = [1.0, -0.5, 0.125, 2.0]

CASES = {
    "sgd": (torch.optim.SGD, {"lr": 0.02}),
    "momentum": (torch.optim.SGD, {"lr": 0.02, "momentum": 0.9}),
    "nesterov": (torch.optim.SGD, {"lr": 0.02, "momentum": 0.9, "nesterov": True}),
    "adagrad": (torch.optim.Adagrad, {"lr": 0.1, "eps": 1e-30}),
    "adadelta": (torch.optim.Adadelta, {"lr": 1.0, "rho": 0.95, "eps": 1e-6}),
    "adadelta half": (torch.optim.Adadelta, {"lr": 0.5, "rho": 0.9, "eps": 1e-4}),
    "rmsprop": (torch.optim.RMSprop, {"lr": 0.01, "alpha": 0.9, "eps": 1e-30}),
    "rmsprop centered": (
        torch.optim.RMSprop,
        {"lr": 0.01, "alpha": 0.95, "eps": 1e-30, "momentum": 0.9, "centered": True},
    ),
    "adam": (torch.optim.Adam, {"lr": 0.1, "eps": 1e-3}),
    "adam betas": (torch.optim.Adam, {"lr": 0.1, "betas": (0.5, 0.75), "eps": 1e-8}),
    "adamw": (torch.optim.AdamW, {"lr": 0.1, "weight_decay": 0.1, "eps": 1e-8}),
    "adamax": (torch.optim.Adamax, {"lr": 0.1, "eps": 1e-30}),
    "clip_norm": (torch.optim.SGD, {"lr": 0.1}),
    "clip_value": (torch.optim.SGD, {"lr": 0.1}),
}


def run(name: str) -> list:
    rule, settings = CASES[name]
    parameters = [torch.tensor(each, dtype=torch.float64, requires_grad=True) for each in (A, B)]
    optimizer = rule(parameters, **settings)
    taken = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        sum((p**4).sum() for p in parameters).backward()
        if name == "clip_norm":
            torch.nn.utils.clip_grad_norm_(parameters, 2.5)
        if name == "clip_value":
            torch.nn.utils.clip_grad_value_(parameters, 1.5)
        optimizer.step()
        taken.append([p.detach().tolist() for p in parameters])
    return taken


if __name__ == "__main__":
    results = {"torch": torch.__version__, "start": [A, B], "steps": {name: run(name) for name in CASES}}
    Path(__file__).with_name("torch_optimizers.json").write_text(json.dumps(results) + "\n")
