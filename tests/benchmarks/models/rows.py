"""Costs over the rows of a matrix, prices of options, the Jacobian of a network."""

from __future__ import annotations

from tests.benchmarks.models.model import Model

ROWS = (4096, 512)


def _rows(rng):
    return [rng.standard_normal(ROWS)]


def _logsumexp(ops, p, t):
    return ops.mean(ops.logsumexp(p["x"], 1) * ops.mean(t, 1))


def _softmax(ops, p, t):
    return ops.mean(ops.softmax(p["x"]) * t)


def _layer_norm(ops, p, t):
    return ops.mean(ops.layer_norm(p["x"], p["gamma"], p["beta"]) * t)


def _black_scholes(ops, p):
    spot, strike, time, rate, volatility = (p[name] for name in OPTIONS)
    deviation = volatility * ops.sqrt(time)
    above = (ops.log(spot / strike) + (rate + 0.5 * volatility * volatility) * time) / deviation
    discounted = strike * ops.exp(-rate * time)

    def normal(x):
        return 0.5 * (1 + ops.erf(x * 0.7071067811865476))

    call = spot * normal(above) - discounted * normal(above - deviation)
    put = discounted * normal(deviation - above) - spot * normal(-above)
    return ops.mean(call + put)


OPTIONS = {
    "spot": (80, 120),
    "strike": (80, 120),
    "time": (0.1, 2),
    "rate": (0, 0.1),
    "volatility": (0.1, 0.5),
}


def _network(ops, p, x):
    hidden = ops.tanh(ops.dot(x, p["W1"]) + p["b1"])
    hidden = ops.tanh(ops.dot(hidden, p["W2"]) + p["b2"])
    return ops.dot(hidden, p["W3"]) + p["b3"]


_NETWORK = {"W1": (128, 256), "b1": (256,), "W2": (256, 256), "b2": (256,), "W3": (256, 64), "b3": (64,)}

MODELS = {
    "logsumexp_rows": Model(
        "logsumexp of 4096 rows of 512, and its gradient",
        _logsumexp,
        {"x": ROWS},
        _rows,
        "gradients",
        (0.000392492, 4.21426e-06),
    ),
    "softmax_rows": Model(
        "Softmax of 4096 rows of 512, and its gradient",
        _softmax,
        {"x": ROWS},
        _rows,
        "gradients",
        (1.02703e-07, 7.44201e-07),
    ),
    "layer_norm_rows": Model(
        "Layer norm of 4096 rows of 512, and its gradients",
        _layer_norm,
        {"x": ROWS, "gamma": (512,), "beta": (512,)},
        _rows,
        "gradients",
        (-0.000432095, 0.0420366),
    ),
    "black_scholes": Model(
        "Black-Scholes prices of 10⁶ calls and puts, and their five greeks",
        _black_scholes,
        dict.fromkeys(OPTIONS, (1_000_000,)),
        lambda rng: [],
        "gradients",
        (27.1506, 0.105894),
        ranges=OPTIONS,
    ),
    "jacobian": Model(
        "The Jacobian of a network of 64 outputs for a batch of 32",
        _network,
        _NETWORK,
        lambda rng: [rng.standard_normal((32, 128))],
        "jacobian",
        (-1.34991, 89.8763),
        products=[(32, 256, 128), (32, 256, 256), (32 * 64, 256, 256), (32 * 64, 128, 256)],
    ),
}
