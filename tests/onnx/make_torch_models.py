"""Writes the models of other libraries that test_load.py and tests/nn/test_foreign_weights.py read.

    python tests/onnx/make_torch_models.py FOLDER

Run by PyTorch 2.13.0 with onnx 1.23.2 and onnxscript 0.7.2, which nothing else here needs: networks with
random weights, exported by torch.onnx.export, their state dicts as .npz, inputs and outputs.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn


class Recurrent(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.layer = kind(3, 4, batch_first=True, bidirectional=True)
        self.top = nn.Linear(8, 2)

    def forward(self, x):
        y, _ = self.layer(x)
        return self.top(y[:, -1])


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(11, 8)
        self.block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.0)
        self.top = nn.Linear(8, 3)

    def forward(self, x):
        return self.top(self.block(self.embedding(x)).mean(1)).softmax(-1)


MODELS = {
    "mlp": (nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3), nn.LogSoftmax(-1)), (2, 4)),
    "cnn": (
        nn.Sequential(
            nn.Conv2d(1, 3, 3, padding=1),
            nn.BatchNorm2d(3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(3, 4, 3, stride=2),
            nn.GELU(),
            nn.Flatten(),
            nn.Linear(16, 2),
        ),
        (2, 1, 10, 10),
    ),
    "lstm": (Recurrent(nn.LSTM), (2, 5, 3)),
    "gru": (Recurrent(nn.GRU), (2, 5, 3)),
    "transformer": (Transformer(), (2, 6)),
}


def without_traces(path):
    """The model without the notes on which line of which program each node is of."""
    found = onnx.load(path)
    for thing in (found, found.graph, *found.graph.node, *found.graph.value_info, *found.functions):
        del thing.metadata_props[:]
    onnx.save(found, path)


def main(folder):
    torch.manual_seed(0)
    for name, (model, shape) in MODELS.items():
        for p in model.buffers():
            if p.dtype.is_floating_point:
                p.uniform_(0.5, 1.5)
        model.eval()
        x = torch.randint(0, 11, shape) if name == "transformer" else torch.randn(shape)
        with torch.no_grad():
            y = model(x)
        dims = {0: torch.export.Dim("batch")}
        path = folder / f"{name}.onnx"
        torch.onnx.export(model, (x,), path, external_data=False, dynamic_shapes=(dims,), verbose=False)
        without_traces(path)
        state = {key: value.numpy() for key, value in model.state_dict().items()}
        np.savez(folder / f"{name}.npz", x=x.numpy(), y=y.numpy(), **state)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
