"""The models of `tests.benchmarks.models` with PyTorch and JAX."""

from __future__ import annotations

from functools import partial

import numpy as np

from tests.benchmarks.models import MODELS
from tests.benchmarks.models.model import Model, told
from tests.benchmarks.peers import Program, Runner, by_variant, import_torch

VARIANTS = {"torch": ("eager", "compile"), "jax": ("jit",)}


class Torch:
    """PyTorch's operations by the names that the models use; those not here are `torch`'s."""

    def __init__(self, torch) -> None:
        self.torch, self.nn = torch, torch.nn.functional

    def __getattr__(self, name: str):
        return getattr(self.torch, name)

    def dot(self, a, b):
        return a @ b

    def transpose(self, x, axes):
        return x.permute(axes)

    def sum(self, x, axis=None, keepdims=False):
        return x.sum() if axis is None else x.sum(axis, keepdim=keepdims)

    def mean(self, x, axis=None):
        return x.mean() if axis is None else x.mean(axis)

    def min(self, x, axis):
        return x.amin(axis)

    def concatenate(self, xs, axis):
        return self.torch.cat(xs, axis)

    def softmax(self, x):
        return self.nn.softmax(x, -1)

    def log_softmax(self, x):
        return self.nn.log_softmax(x, -1)

    def softplus(self, x):
        return self.nn.softplus(x)

    def gelu(self, x):
        return self.nn.gelu(x)

    def dropout(self, x, p):
        return self.nn.dropout(x, p)

    def layer_norm(self, x, gamma, beta):
        return self.nn.layer_norm(x, gamma.shape, gamma, beta)

    def batch_norm(self, x, gamma, beta):
        return self.nn.batch_norm(x, None, None, gamma, beta, training=True)

    def cross_entropy(self, logits, y):
        return self.nn.cross_entropy(logits, y.long())

    def attention(self, q, k, v):
        return self.nn.scaled_dot_product_attention(q, k, v)

    def conv(self, x, w):
        return self.nn.conv2d(x, w, padding=w.shape[-1] // 2)

    def max_pool(self, x):
        return self.nn.max_pool2d(x, 2)

    def upsample(self, x):
        return self.nn.interpolate(x, scale_factor=2)

    def one_hot(self, k, n):
        return self.nn.one_hot(k, n).float()

    def gru(self, x, Wx, bx, Wh, bh):
        h = x.new_zeros(1, x.shape[1], Wh.shape[0])
        return self.torch.gru(x, h, [Wx.T, Wh.T, bx, bh], True, 1, 0.0, True, False, False)[0]


def _torch(model: Model, variant: str) -> Runner:
    torch = import_torch()
    torch.manual_seed(9)
    ops, inputs = Torch(torch), [torch.from_numpy(a) for a in model.arrays()]
    wanted = model.how in ("adam", "sgd", "gradients")
    named = {k: torch.from_numpy(v).requires_grad_(wanted) for k, v in model.parameters().items()}
    compiled = partial(torch.compile, dynamic=False) if variant == "compile" else lambda f: f
    if wanted and not named:
        inputs[0].requires_grad_()
    parameters = list(named.values()) or inputs[:1]
    if model.how == "jacobian":
        # every example's outputs depend on its own inputs alone
        row = torch.func.jacrev(lambda x: model.cost(ops, named, x[None])[0])
        jacobian = compiled(lambda x: (model.cost(ops, named, x)[0, 0], torch.func.vmap(row)(x)))

        def step():
            return jacobian(*inputs)

    elif model.how in ("replace", "value"):
        cost = compiled(lambda named, *inputs: model.cost(ops, named, *inputs))

        @torch.no_grad()
        def step():
            result = cost(named, *inputs)
            if model.how == "replace":
                result, new = result
                named.update(new)
            return (result,)

    else:
        cost = compiled(lambda named, *inputs: model.cost(ops, named, *inputs))
        rule = torch.optim.Adam if model.how == "adam" else torch.optim.SGD
        optimizer = None if model.how == "gradients" else rule(parameters, lr=model.rate)
        update = compiled(optimizer.step) if optimizer is not None and model.how == "adam" else None

        def step():
            value = cost(named, *inputs)
            if optimizer is None:
                return value.detach(), *torch.autograd.grad(value, parameters)
            optimizer.zero_grad(set_to_none=True)
            value.backward()
            (update or optimizer.step)()
            return (value.detach(),)

    return _runner(step)


class Jax:
    """JAX's operations by the names that the models use; those not here are `jax.numpy`'s or `jax.nn`'s."""

    def __init__(self, jax, key) -> None:
        self.jax, self.numpy, self.nn, self.lax, self.key = jax, jax.numpy, jax.nn, jax.lax, key

    def __getattr__(self, name: str):
        return getattr(self.nn if hasattr(self.nn, name) else self.numpy, name)

    def erf(self, x):
        return self.lax.erf(x)

    def sum(self, x, axis=None, keepdims=False):
        return x.sum(axis, keepdims=keepdims)

    def gelu(self, x):
        return self.nn.gelu(x, approximate=False)

    def dropout(self, x, p):
        self.key, own = self.jax.random.split(self.key)
        return self.numpy.where(self.jax.random.bernoulli(own, 1 - p, x.shape), x / (1 - p), 0)

    def _normal(self, x, over):
        return (x - x.mean(over, keepdims=True)) * self.lax.rsqrt(x.var(over, keepdims=True) + 1e-5)

    def layer_norm(self, x, gamma, beta):
        return self._normal(x, -1) * gamma + beta

    def batch_norm(self, x, gamma, beta):
        return self._normal(x, (0, 2, 3)) * gamma[:, None, None] + beta[:, None, None]

    def cross_entropy(self, logits, y):
        return -self.numpy.take_along_axis(self.nn.log_softmax(logits), y[:, None], 1).mean()

    def attention(self, q, k, v):
        weights = self.nn.softmax(q @ k.swapaxes(2, 3) / np.float32(q.shape[-1] ** 0.5))
        return weights @ v

    def conv(self, x, w):
        return self.lax.conv_general_dilated(x, w, (1, 1), "SAME")

    def max_pool(self, x):
        return self.lax.reduce_window(x, -np.inf, self.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

    def upsample(self, x):
        return x.repeat(2, 2).repeat(2, 3)

    def gru(self, x, Wx, bx, Wh, bh):
        n = Wh.shape[0]

        def step(h, a):
            b = h @ Wh + bh
            r, z = (self.nn.sigmoid(a[:, k : k + n] + b[:, k : k + n]) for k in (0, n))
            new = self.numpy.tanh(a[:, 2 * n :] + r * b[:, 2 * n :])
            h = new + z * (h - new)
            return h, h

        start = self.numpy.zeros((x.shape[1], n), x.dtype)
        return self.lax.scan(step, start, x @ Wx + bx)[1]


def _jax(model: Model, variant: str) -> Runner:
    import jax
    from jax import numpy as jnp

    if model.dtype == "float64":
        jax.config.update("jax_enable_x64", True)
    inputs = list(map(jnp.asarray, model.arrays()))
    named = {k: jnp.asarray(v) for k, v in model.parameters().items()}

    def cost(named, *inputs, t=0):
        return model.cost(Jax(jax, jax.random.fold_in(jax.random.key(9), t)), named, *inputs)

    def derived(named, *inputs):
        if model.how == "jacobian":
            row = jax.jacrev(lambda x: cost(named, x[None])[0])
            return cost(named, *inputs)[0, 0], jax.vmap(row)(*inputs)
        if model.how == "value":
            return (cost(named, *inputs),)
        value, gradients = jax.value_and_grad(cost, 0 if named else 1)(named, *inputs)
        return value, *(gradients.values() if named else [gradients])

    def trained(state, *inputs):
        named, means, squares, t = state
        t += 1
        if model.how == "replace":
            value, new = cost(named, *inputs)
            return (named | new, means, squares, t), value
        value, gradients = jax.value_and_grad(cost)(named, *inputs, t=t)
        if model.how == "sgd":
            return ({k: p - model.rate * gradients[k] for k, p in named.items()}, means, squares, t), value
        means = {k: 0.9 * m + 0.1 * gradients[k] for k, m in means.items()}
        squares = {k: 0.999 * s + 0.001 * gradients[k] ** 2 for k, s in squares.items()}
        rate, second = model.rate / (1 - 0.9**t), 1 - 0.999**t
        named = {k: p - rate * means[k] / (jnp.sqrt(squares[k] / second) + 1e-8) for k, p in named.items()}
        return (named, means, squares, t), value

    if model.how in ("value", "gradients", "jacobian"):
        evaluate = jax.jit(derived)
        return _runner(lambda: jax.block_until_ready(evaluate(named, *inputs)))
    zeros = {k: jnp.zeros_like(v) for k, v in named.items()}
    state = (named, zeros, {k: jnp.zeros_like(v) for k, v in named.items()}, 0)
    train = jax.jit(trained, donate_argnums=0)

    def step():
        nonlocal state
        state, value = train(state, *inputs)
        return (jax.block_until_ready(value),)

    return _runner(step)


def _runner(step) -> Runner:
    def run(first: int, steps: int) -> list[float]:
        values = []
        for _ in range(steps):
            value, *derivatives = step()
            values.append(value)
        if not steps or not derivatives:
            return values
        return told(value, derivatives, steps)

    return run


def program(model: Model) -> Program:
    """The model's step in whichever library has a variant."""
    return by_variant(VARIANTS, {"torch": partial(_torch, model), "jax": partial(_jax, model)})


WORKLOADS = {name: program(model) for name, model in MODELS.items()}
