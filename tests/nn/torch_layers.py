"""What PyTorch computes, for tests/nn/test_layers_torch.py: run by an environment that has it,

    python tests/nn/torch_layers.py > tests/nn/torch_layers.json

It prints, of each case, the input, the parameters, the output and the gradients of the sum of output times
`weights` by input and parameters; all in float64.
"""

import json

import torch

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)


def rounded(tensor):
    return (
        []
        if tensor.numel() == 0
        else json.loads(json.dumps(tensor.detach().tolist()), parse_float=lambda t: float(f"{float(t):.9g}"))
    )


def case(module, *shape, forward=None):
    """Everything of a module's call at a random point of this shape."""
    x = torch.randn(*shape)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    x = json_exact(x).requires_grad_()
    for parameter in module.parameters():
        parameter.data = json_exact(parameter.data)
    outputs = (forward or (lambda m, x: (m(x),)))(module, x)
    weights = json_exact(torch.randn_like(outputs[0]))
    parameters = dict(module.named_parameters())
    gradients = torch.autograd.grad((outputs[0] * weights).sum(), [x, *parameters.values()])
    return {
        "x": rounded(x),
        "parameters": {name: rounded(p) for name, p in parameters.items()},
        "outputs": [rounded(y) for y in outputs],
        "weights": rounded(weights),
        "gradients": dict(zip(["x", *parameters], map(rounded, gradients), strict=True)),
        "buffers": {name: rounded(b) for name, b in module.named_buffers() if b.dim()},
    }


def json_exact(tensor):
    """Numbers of three digits, which a float32 or a text holds well enough."""
    return (tensor * 1000).round() / 1000


def recurrent(module, x):
    y, state = module(x)
    return (y, *(state if isinstance(state, tuple) else (state,)))


nn = torch.nn
cases = {
    "linear": case(nn.Linear(3, 4), 2, 3),
    "conv2d": case(nn.Conv2d(2, 3, (3, 2), stride=(2, 1), padding=(1, 2), dilation=(1, 2)), 2, 2, 6, 5),
    "conv2d_same": case(nn.Conv2d(1, 2, 3, padding="same"), 2, 1, 4, 5),
    "conv1d": case(nn.Conv1d(2, 3, 3, stride=2, padding=1, dilation=2), 2, 2, 9),
    "max_pool2d": case(nn.MaxPool2d((3, 2), stride=(2, 1), padding=(1, 0)), 2, 2, 5, 4),
    "average_pool2d": case(nn.AvgPool2d((3, 2), (2, 2), padding=(1, 1), count_include_pad=False), 2, 2, 5, 4),
    "prelu": case(nn.PReLU(3), 2, 3, 2, 2),
    "batch_normalization": case(nn.BatchNorm1d(3), 5, 3),
    "batch_normalization_2d": case(nn.BatchNorm2d(2), 3, 2, 2, 3),
    "layer_normalization": case(nn.LayerNorm(4), 2, 3, 4),
    "layer_normalization_images": case(nn.LayerNorm((2, 3, 2)), 2, 2, 3, 2),
    "rnn": case(nn.RNN(3, 2, batch_first=True), 2, 4, 3, forward=recurrent),
    "gru": case(nn.GRU(3, 2, batch_first=True), 2, 4, 3, forward=recurrent),
    "lstm": case(nn.LSTM(3, 2, batch_first=True), 2, 4, 3, forward=recurrent),
    "bidirectional_lstm": case(
        nn.LSTM(3, 2, batch_first=True, bidirectional=True), 2, 4, 3, forward=recurrent
    ),
    **{
        f"activation_{name}": case(module, 3, 5)
        for name, module in {
            "sigmoid": nn.Sigmoid(),
            "tanh": nn.Tanh(),
            "relu": nn.ReLU(),
            "leaky_relu": nn.LeakyReLU(),
            "elu": nn.ELU(),
            "selu": nn.SELU(),
            "gelu": nn.GELU(),
            "silu": nn.SiLU(),
            "softplus": nn.Softplus(),
            "softsign": nn.Softsign(),
            "softmax": nn.Softmax(dim=-1),
        }.items()
    },
}
print(json.dumps({"torch": torch.__version__, "cases": cases}))
