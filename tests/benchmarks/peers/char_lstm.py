"""The character model's training step: torch's has its fused LSTM; jax's 'jit' is a call a step, and 'scan'
all steps of a block in one call.
"""

from __future__ import annotations

import numpy as np

from tests.benchmarks.peers import Runner, by_variant, import_torch
from tests.benchmarks.workloads.sequences import CHARACTERS, character_parameters, character_streams

VARIANTS = {"torch": ("eager",), "jax": ("jit", "scan")}


def _torch(variant: str) -> Runner:
    torch = import_torch()
    n, length, units = CHARACTERS.count, CHARACTERS.length, CHARACTERS.units
    text = torch.from_numpy(character_streams().astype(np.int64))
    W, U, b, V, a = map(torch.from_numpy, character_parameters())
    layer = torch.nn.LSTM(n, units)
    i, f, o, g = torch.arange(4 * units).reshape(4, units)
    order = torch.cat([i, f, g, o])
    with torch.no_grad():
        for parameter, value in (
            (layer.weight_ih_l0, W[:, order].T),
            (layer.weight_hh_l0, U[:, order].T),
            (layer.bias_ih_l0, b[order]),
            (layer.bias_hh_l0, torch.zeros(4 * units)),
        ):
            parameter.copy_(value)
    layer.bias_hh_l0.requires_grad_(False)
    V, a = others = [torch.nn.Parameter(value) for value in (V, a)]
    parameters = [*others, layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0]
    optimizer = torch.optim.Adagrad(parameters, lr=CHARACTERS.rate, eps=0, initial_accumulator_value=1e-8)
    state = [None]

    def step(index: int):
        first = index * length
        x, y = text[first : first + length], text[first + 1 : first + length + 1]
        h, last = layer(torch.nn.functional.one_hot(x, n).float(), state[0])
        state[0] = tuple(each.detach() for each in last)
        loss = torch.nn.functional.cross_entropy((h @ V + a).reshape(-1, n), y.flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_value_(parameters, CHARACTERS.clip)
        optimizer.step()
        return loss.detach()

    count = (len(text) - 1) // length
    return lambda first, steps: [step(index % count) for index in range(first, first + steps)]


def _jax(variant: str) -> Runner:
    import jax
    import jax.numpy as jnp

    length, units, size = CHARACTERS.length, CHARACTERS.units, CHARACTERS.size
    text = jnp.asarray(character_streams())
    count = (len(text) - 1) // length

    def loss(parameters, start, x, y):
        W, U, b, V, a = parameters

        def cell(state, linear):
            h, c = state
            i, f, o, g = jnp.split(linear + h @ U, 4, axis=1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        last, h = jax.lax.scan(cell, start, W[x] + b)
        log_p = jax.nn.log_softmax(h @ V + a)
        return -jnp.take_along_axis(log_p, y[:, :, None], axis=2).mean(), last

    def step(state, index):
        parameters, squares, start = state
        first = (index % count) * length
        x = jax.lax.dynamic_slice_in_dim(text, first, length)
        y = jax.lax.dynamic_slice_in_dim(text, first + 1, length)
        (cost, last), gradients = jax.value_and_grad(loss, has_aux=True)(parameters, start, x, y)
        gradients = [jnp.clip(g, -CHARACTERS.clip, CHARACTERS.clip) for g in gradients]
        squares = [s + g**2 for s, g in zip(squares, gradients, strict=True)]
        parameters = [
            p - CHARACTERS.rate * g / jnp.sqrt(s + 1e-8)
            for p, g, s in zip(parameters, gradients, squares, strict=True)
        ]
        return (parameters, squares, last), cost

    parameters = list(map(jnp.asarray, character_parameters()))
    start = (jnp.zeros((size, units)), jnp.zeros((size, units)))
    state = [(parameters, list(map(jnp.zeros_like, parameters)), start)]
    one = jax.jit(step, donate_argnums=0)
    many = jax.jit(lambda state, indices: jax.lax.scan(step, state, indices), donate_argnums=0)

    def run(first: int, steps: int) -> list:
        if variant == "scan":
            state[0], costs = many(state[0], jnp.arange(first, first + steps))
            return list(np.asarray(costs))
        costs = []
        for index in range(first, first + steps):
            state[0], cost = one(state[0], index)
            costs.append(cost)
        return [jax.block_until_ready(cost) for cost in costs]

    return run


WORKLOADS = {"char_lstm": by_variant(VARIANTS, {"torch": _torch, "jax": _jax})}
