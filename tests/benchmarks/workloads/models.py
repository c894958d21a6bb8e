"""The models of `tests.benchmarks.models` with graphlib."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.benchmarks import bare
from tests.benchmarks.models import MODELS
from tests.benchmarks.models.model import Model, told
from tests.benchmarks.workloads.data import nbytes, small, zeros
from tests.benchmarks.workloads.job import Job, Make, Runner, jobs
from tests.benchmarks.workloads.training import variables


class Operations:
    """graphlib's operations by the names that the models use; those not here are `T`'s."""

    def __init__(self) -> None:
        import graphlib.tensor as T
        from graphlib.tensor.random import RandomStreams

        self.T, self.nn, self.streams = T, T.nnet, RandomStreams(9)

    def __getattr__(self, name: str):
        return getattr(self.nn if hasattr(self.nn, name) else self.T, name)

    def sum(self, x, axis=None, keepdims=False):
        return self.T.sum(x, axis, keepdims=keepdims)

    def log_softmax(self, x):
        return self.nn.logsoftmax(x)

    def reshape(self, x, shape):
        return self.T.reshape(x, shape)

    def transpose(self, x, axes):
        return x.dimshuffle(*axes)

    def layer_norm(self, x, gamma, beta):
        centred = x - x.mean(axis=-1, keepdims=True)
        return centred / self.T.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5) * gamma + beta

    def batch_norm(self, x, gamma, beta):
        return self.nn.batch_normalization_train(x, gamma, beta, "spatial", 1e-5)[0]

    def cross_entropy(self, logits, y):
        return -self.T.log(self.nn.softmax(logits))[self.T.arange(y.shape[0]), y].mean()

    def dropout(self, x, p):
        return self.nn.dropout(x, p, self.streams)

    def gelu(self, x):
        return 0.5 * x * (1 + self.T.erf(x * 0.7071067811865476))

    def attention(self, q, k, v):
        return self.nn.scaled_dot_product_attention(q, k, v)

    def conv(self, x, w):
        return self.nn.conv2d(x, w, border_mode="half", filter_flip=False)

    def max_pool(self, x):
        return self.T.signal.pool.pool_2d(x, (2, 2), ignore_border=True)

    def upsample(self, x):
        return self.T.repeat(self.T.repeat(x, 2, axis=2), 2, axis=3)

    def one_hot(self, k, n):
        return self.T.extra_ops.to_one_hot(k, n)

    def gru(self, x, Wx, bx, Wh, bh):
        import graphlib

        T, n = self.T, len(Wh.get_value(borrow=True))

        def step(a, h):
            b = T.dot(h, Wh) + bh
            r, z = (self.nn.sigmoid(a[:, k : k + n] + b[:, k : k + n]) for k in (0, n))
            new = T.tanh(a[:, 2 * n :] + r * b[:, 2 * n :])
            return new + z * (h - new)

        start = T.zeros((x.shape[1], n))
        return graphlib.scan(step, T.dot(x, Wx) + bx, start)[0]


def build(model: Model) -> Runner:
    """A step of graphlib's, compiled."""
    import graphlib
    import graphlib.tensor as T

    ops, arrays = Operations(), model.arrays()
    values = model.parameters()
    if model.how == "jacobian":
        # how many rows it has is to be known
        named = {name: graphlib.shared(v, name=name, shape=v.shape) for name, v in values.items()}
    else:
        named = dict(zip(values, variables(values), strict=True))
    inputs = [T.tensor(f"x{k}", str(a.dtype), (None,) * a.ndim) for k, a in enumerate(arrays)]
    cost = model.cost(ops, named, *inputs)
    parameters, derivatives, updates = list(named.values()) or inputs[:1], [], []
    if model.how == "jacobian":
        derivatives = [T.jacobian(cost.sum(axis=0), inputs[0])]
        cost = cost[0, 0]
    elif model.how == "gradients":
        derivatives = T.grad(cost, parameters)
    elif model.how == "replace":
        cost, new = cost
        updates = [(named[name], value) for name, value in new.items()]
    elif model.how == "adam":
        from graphlib.nn.optimizers import Adam

        updates = Adam(model.rate).updates(parameters, cost)
    elif model.how == "sgd":
        gradients = T.grad(cost, parameters)
        updates = [(p, p - model.rate * g) for p, g in zip(parameters, gradients, strict=True)]
    step = graphlib.function(inputs, [cost, *derivatives], updates=updates, name="step")

    def run(first: int, steps: int) -> list[float]:
        if not derivatives:
            return [step(*arrays)[0] for _ in range(steps)]
        for _ in range(steps):
            value, *found = step(*arrays)
        if not steps:
            return []
        # graphlib's Jacobian begins with the outputs, those of other libraries with the examples
        return told(value, [d.swapaxes(0, 1) if model.how == "jacobian" else d for d in found], steps)

    return run


def _bare(model: Model) -> Sequence[bare.Product] | Sequence[bare.Copy]:
    if not model.products:
        values = [a for a in (*model.arrays(), *model.parameters().values()) if a.dtype.kind == "f"]
        return [bare.Copy(np.empty_like(a), a) for a in values]
    made = []
    for m, n, k in model.products:
        left, right, out = small(m, k), small(k, n), zeros(m, n)
        made.append(bare.Product(out, left, right))
        if model.how in ("adam", "sgd", "gradients"):
            made += [bare.Product(right, left.T, out), bare.Product(left, out, right.T)]
    return made


def _named(name: str, model: Model) -> Make:
    def make() -> Job:
        held = nbytes(*model.arrays(), *model.parameters().values())
        held += (model.how == "adam") * 2 * nbytes(*model.parameters().values())
        return Job(
            model.steps,
            model.losses,
            lambda: build(model),
            lambda: _bare(model),
            held,
            model.tolerance,
            "models",
        )

    make.__name__, make.__doc__ = name, f"{model.about}."
    return make


JOBS = jobs(*(_named(name, model) for name, model in MODELS.items()))
