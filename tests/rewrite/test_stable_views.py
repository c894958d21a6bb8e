"""Logarithms of probabilities behind views, joins and choices, in every mode: costs, gradients and second
derivatives at extreme logits.

A view only moves elements, so what is expected follows from how often each element is read, and from the
closed forms of the derivatives, by numpy and scipy in float64.
"""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special as sp

import graphlib.tensor as T
from graphlib.gradient import grad
from tests.ops.backends import MODES, compiled

LOGITS = np.array([[-2000.0, 30.0, 0.5], [2000.0, -20.0, 1.0], [-100.0, 1e-3, 700.0], [0.0, 100.0, -1.5]])
PLACES = np.array([3, 0, 0])

#: of a matrix, the same for numpy and for graphlib
VIEWS = {
    "nothing": lambda m, v: v,
    "flatten": lambda m, v: v.flatten(),
    "reshape": lambda m, v: m.reshape(v, (2, 6)),
    "reshape and back": lambda m, v: m.reshape(m.reshape(v, (12, 1)), (4, 3)),
    "column": lambda m, v: v[:, 1],
    "slices": lambda m, v: v[::-1, 1:],
    "element": lambda m, v: v[1, 0],
    "rows by an array": lambda m, v: v[PLACES],
    "elements by arrays": lambda m, v: v[PLACES, np.array([1, 0, 2])],
    "transpose": lambda m, v: v.T,
    "new axis": lambda m, v: v[:, None, :],
    "squeeze": lambda m, v: m.squeeze(v[:, :1]),
    "sum of one": lambda m, v: v[:, 1:2].sum(axis=1),
    "concatenate": lambda m, v: m.concatenate([v[:1], v[2:]], axis=0),
    "stack": lambda m, v: m.stack([v[0], v[3], v[0]]),
    "split": lambda m, v: (T.split(v, [1, 3], 2) if m is T else np.split(v, [1]))[1],
    "repeat": lambda m, v: m.repeat(v, 2, axis=0),
    "tile": lambda m, v: m.tile(v, (2, 1)),
    "transpose of a reshape of a part": lambda m, v: m.reshape(v[1:3], (3, 2)).T,
}

SIGMOIDS = {
    "log(p)": (lambda p, t: T.log(p), lambda z, t: sp.log_expit(z), lambda z, t: sp.expit(-z), -1),
    "log(1 - p)": (lambda p, t: T.log(1 - p), lambda z, t: sp.log_expit(-z), lambda z, t: -sp.expit(z), -1),
    "log1p(-p)": (lambda p, t: T.log1p(-p), lambda z, t: sp.log_expit(-z), lambda z, t: -sp.expit(z), -1),
    "cross-entropy": (
        T.nnet.binary_crossentropy,
        lambda z, t: np.logaddexp(0, z) - t * z,
        lambda z, t: sp.expit(z) - t,
        1,
    ),
    "log(p / (1 - p))": (lambda p, t: T.log(p / (1 - p)), lambda z, t: z, lambda z, t: np.ones_like(z), 0),
}


each_mode = pytest.mark.parametrize(
    ("mode", "dtype"), [("reference", "float32"), ("c", "float32"), ("c", "float64"), ("cuda", "float64")]
)


def counts(view):
    """How often the view reads each element."""
    places = view(np, np.arange(LOGITS.size).reshape(LOGITS.shape))
    return np.bincount(np.ravel(places), minlength=LOGITS.size).reshape(LOGITS.shape)


def near(got, wanted, dtype, what):
    eps = np.finfo(dtype).eps
    scale = max(1.0, float(np.max(np.abs(wanted))))
    np.testing.assert_allclose(got, wanted, rtol=10 * eps, atol=4 * eps * scale, err_msg=what)


@each_mode
def test_sigmoid(mode, dtype):
    random = np.random.RandomState(0)
    weights, targets, direction = (random.uniform(0.1, 1, LOGITS.shape).astype(dtype) for _ in range(3))
    targets[0] = 1
    x, w, t, d = (T.TensorType(dtype, (None, 3))(name) for name in "xwtd")
    p = T.nnet.sigmoid(x)
    outputs, wanted, names = [], [], []
    z = LOGITS.astype(dtype).astype("float64")
    for number, (name, view) in enumerate(VIEWS.items()):
        # each view with one of the formulas in the second derivative, so that the function stays small
        for k, (formula, (loss, value, slope, curvature)) in enumerate(SIGMOIDS.items()):
            if (number + k + (dtype == "float32")) % len(SIGMOIDS):
                continue
            cost = (loss(view(T, p), view(T, t)) * view(T, w)).sum()
            first = grad(cost, x)
            second = grad((first * d).sum(), x, disconnected_inputs="ignore")
            outputs += [cost, first, second]
            m = counts(view) * weights.astype("float64")
            wanted += [
                (m * value(z, targets)).sum(),
                m * slope(z, targets),
                m * curvature * sp.expit(z) * sp.expit(-z) * direction,
            ]
            names += [
                f"{formula} behind {name}: {what}" for what in ("cost", "gradient", "second derivative")
            ]
    got = compiled(mode, [x, w, t, d], outputs)(LOGITS.astype(dtype), weights, targets, direction)
    for a, b, name in zip(got, wanted, names, strict=True):
        near(a, b, dtype, name)


@each_mode
def test_softmax(mode, dtype):
    random = np.random.RandomState(1)
    weights, direction = (random.uniform(0.1, 1, LOGITS.shape).astype(dtype) for _ in range(2))
    x, w, d = (T.TensorType(dtype, (None, 3))(name) for name in "xwd")
    p = T.nnet.softmax(x)
    outputs, wanted, names = [], [], []
    z = LOGITS.astype(dtype).astype("float64")
    soft = sp.softmax(z, axis=1)
    for name, view in VIEWS.items():
        cost = (T.log(view(T, p)) * view(T, w)).sum()
        first = grad(cost, x)
        outputs += [cost, first, grad((first * d).sum(), x)]
        m = counts(view) * weights.astype("float64")
        total = m.sum(axis=1, keepdims=True)
        wanted += [
            (m * sp.log_softmax(z, axis=1)).sum(),
            m - soft * total,
            -soft * (direction - (soft * direction).sum(axis=1, keepdims=True)) * total,
        ]
        names += [f"behind {name}: {what}" for what in ("cost", "gradient", "second derivative")]
    got = compiled(mode, [x, w, d], outputs)(LOGITS.astype(dtype), weights, direction)
    for a, b, name in zip(got, wanted, names, strict=True):
        near(a, b, dtype, name)


@pytest.mark.parametrize("mode", [*MODES, "check"])
def test_rows_and_constants(mode):
    """A softmax of one row; constants that are no inputs; parts that are set; powers and products."""
    row, h, W, z = T.drow("row"), T.dvector("h"), T.dmatrix("W"), T.dvector("z")
    big = np.array([3000.0, 0.0, -2000.0, 5.0])
    left = np.array([0.5, -1.0, 2.0])
    right = np.random.RandomState(0).normal(size=(3, 4)) * 2000
    product = left @ right
    vector = np.array([-800.0, 800.0, 0.5])
    p = T.nnet.sigmoid(z)
    cases = {
        "logsumexp of a row": (T.logsumexp(row, axis=1)[0], row, sp.logsumexp(big), [sp.softmax(big)]),
        "one of log(softmax) of a row": (
            T.log(T.nnet.softmax(row))[0, 1], row, -3000.0, [np.eye(4)[1] - sp.softmax(big)],
        ),
        "softmax of vector times matrix": (
            -T.log(T.nnet.softmax(T.dot(h, W)))[0, 1],
            W,
            sp.logsumexp(product) - product[1],
            np.outer(left, sp.softmax(product) - np.eye(4)[1]),
        ),
        "logsumexp of vector times matrix": (
            T.logsumexp(T.dot(h, W)) - T.dot(h, W)[2],
            W,
            sp.logsumexp(product) - product[2],
            np.outer(left, sp.softmax(product) - np.eye(4)[2]),
        ),
        "of a constant": (T.logsumexp(T.constant(big)) * z[0], z, 3000.0 * vector[0], [3000.0, 0, 0]),
        "log(sigmoid) of a constant": (
            T.log(T.nnet.sigmoid(T.constant(vector[:1])))[0] * z[1], z, -800.0 * 800.0, [0, -800.0, 0],
        ),
        "set": (T.log(T.set_subtensor(p[1:2], 0.5)).sum(), z, -800 - np.log(2) + sp.log_expit(0.5),
                [1, 0, sp.expit(-0.5)]),
        "chosen": (T.log(T.switch(z > 0.6, 0.25, p)).sum(), z, -800 + np.log(0.25) + sp.log_expit(0.5),
                   [1, 0, sp.expit(-0.5)]),
        "root of a product": (T.log(T.sqrt(p * (1 - p))).sum(), z,
                              0.5 * (sp.log_expit(vector) + sp.log_expit(-vector)).sum(),
                              0.5 * (sp.expit(-vector) - sp.expit(vector))),
        "log2": (T.log2(p).sum(), z, sp.log_expit(vector).sum() / np.log(2), sp.expit(-vector) / np.log(2)),
        "product over an axis": (T.log(T.prod(p)), z, sp.log_expit(vector).sum(), sp.expit(-vector)),
        "mixture": (T.log((T.nnet.softmax(row)[0, :3] * T.exp(z)).sum()), z,
                    sp.logsumexp(sp.log_softmax(big)[:3] + vector),
                    sp.softmax(sp.log_softmax(big)[:3] + vector)),
        "mean of exponentials": (T.log(T.exp(z).mean()), z, 800 - np.log(3), [0, 1, 0]),
        "beside its probability": (T.log(p).sum() + p.sum(), z,
                                   (sp.log_expit(vector) + sp.expit(vector)).sum(),
                                   sp.expit(-vector) + sp.expit(vector) * sp.expit(-vector)),
    }  # fmt: skip
    outputs = [v for cost, wrt, _, _ in cases.values() for v in (cost, grad(cost, wrt))]
    wanted = [v for _, _, value, slope in cases.values() for v in (value, np.array(slope))]
    # by two variables of which one is made of the other
    q = T.nnet.sigmoid(z[2])
    outputs += grad(-T.log(q), [z, q])
    wanted += [[0, 0, -sp.expit(-0.5)], -1 / sp.expit(0.5)]
    settings = {"mode": "check"} if mode == "check" else {}
    function = compiled("c" if mode == "check" else mode, [row, h, W, z], outputs, **settings)
    for k, (a, b) in enumerate(zip(function(big[None], left, right, vector), wanted, strict=True)):
        near(a, np.asarray(b), "float64", str(k))
