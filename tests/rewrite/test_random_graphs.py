"""Random expressions and their gradients: rewriting changes no value."""

from __future__ import annotations

import contextlib

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import graphlib.tensor as T
from graphlib.errors import GradientError
from graphlib.gradient import grad
from graphlib.graph import TensorType
from tests.rewrite import assert_same_values, evaluate, rewritten

ROWS, COLUMNS = 3, 4


def first_row(x):
    """As a matrix of one row, and known to be one."""
    return T.specify_shape(x[:1], (1, None))


#: where all are defined and smooth, so that neither rounding nor infinities make a difference
UNARY = [
    lambda x: -x,
    lambda x: T.tanh(x),
    lambda x: T.nnet.sigmoid(x),
    lambda x: 1 - T.nnet.sigmoid(x),
    lambda x: 1 / (1 + T.exp(-T.tanh(x))),
    lambda x: T.exp(T.tanh(x)),
    lambda x: T.log(1 + T.exp(T.tanh(x))),
    lambda x: T.log(1 + x**2),
    lambda x: T.sqrt(1 + T.sqr(x)),
    lambda x: (1 + x * x) ** -0.5,
    lambda x: x**2,
    lambda x: T.nnet.softmax(x),
    lambda x: T.exp(x) / T.exp(x).sum(axis=0),
    lambda x: T.log(T.nnet.softmax(x)),
    lambda x: T.log(T.nnet.sigmoid(x)),
    lambda x: x - T.log(T.exp(x).sum(axis=1, keepdims=True)),
    lambda x: x + 0,
    lambda x: x * 1 - 0,
    lambda x: x * 0.5,
    lambda x: x / 3,
    lambda x: -2 * x,
    lambda x: x - x.mean(axis=0),
    lambda x: x / (1 + T.sqr(x).sum(axis=1, keepdims=True)),
    lambda x: x * x.shape[0],
    lambda x: x.T.reshape((ROWS, -1)),
    lambda x: x[::-1],
    lambda x: T.concatenate([x[1:], x[:1]]),
    lambda x: T.zeros_like(x) + x.sum(axis=0),
    lambda x: T.dot(x, T.dot(x.T, x)) * 0.1,
    lambda x: x.max(axis=1, keepdims=True) * x,
    lambda x: T.inc_subtensor(x[1:], 2 * x[0]),
    lambda x: x[T.arange(x.shape[0]), [1, 0, 3]].dimshuffle(0, "x") * x,
]
BINARY = [
    lambda x, y: x + y,
    lambda x, y: x - y,
    lambda x, y: x * y,
    lambda x, y: x / (1 + y**2),
    lambda x, y: x * (1 / (2 + T.tanh(y))),
    lambda x, y: -x - (-y),
    lambda x, y: 0.5 * x + 0.5 * y,
    lambda x, y: (x.T * y.T).T,
    lambda x, y: x + y.sum(),
    lambda x, y: x * y.sum(axis=0).dimshuffle("x", 0),
    lambda x, y: x - 0.1 * T.dot(x, T.dot(y.T, y)),
    # as it is written, 1 - sigmoid(x) has lost most of its digits where x is large
    lambda x, y: T.nnet.binary_crossentropy(T.nnet.sigmoid(T.tanh(x)), T.nnet.sigmoid(y)),
    lambda x, y: T.exp(T.tanh(x)) / T.exp(T.tanh(y)),
    lambda x, y: (x.dimshuffle("x", 0, 1) * y.dimshuffle("x", 0, 1))[0],
    lambda x, y: (x.dimshuffle(0, "x", 1) * y.dimshuffle("x", 0, 1)).sum(axis=1),
    lambda x, y: (x[:, None] / (2 + T.tanh(y[0])))[:, 0],
    lambda x, y: (x * y[1]).T[:, :, None].max(axis=2).T,
    lambda x, y: T.batched_dot(x[:, :, None], y[:, None, :]).sum(axis=2) * 0.3,
    lambda x, y: T.switch(T.gt(y, 0.1), x, -x) + T.maximum(x, y + 0.05),
    lambda x, y: x * first_row(y),
    lambda x, y: x + T.exp(T.tanh(first_row(y))) * T.tanh(x[0]),
    lambda x, y: x * (first_row(y) * y[0] - first_row(x)).sum(axis=1, keepdims=True),
    lambda x, y: x * y.norm(2, axis=1)[:, None] / (1 + y.sum()),
]

#: a program for a stack of two inputs: unary operations by a number, binary ones by one beyond those
PROGRAMS = st.lists(
    st.tuples(st.integers(0, len(UNARY) + len(BINARY) - 1), st.integers(0, 30), st.integers(0, 30)),
    min_size=1,
    max_size=7,
)


def build(program, x, y):
    made = [x, y]
    for operation, i, j in program:
        a, b = made[i % len(made)], made[j % len(made)]
        made.append(UNARY[operation](a) if operation < len(UNARY) else BINARY[operation - len(UNARY)](a, b))
    return made[-1]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PROGRAMS, st.booleans(), st.integers(0, 1000))
def test_floats(program, static, seed):
    random = np.random.RandomState(seed)
    arrays = [random.uniform(-1.5, 1.5, (ROWS, COLUMNS)) for _ in range(2)]
    shape = (ROWS, COLUMNS) if static else (None, None)
    x, y = (TensorType("float64", shape)(name) for name in "xy")
    result = build(program, x, y)
    outputs = [result, *grad((result * T.sin(y)).sum(), [x, y], disconnected_inputs="ignore")]
    limits = [float(np.abs(v).max(initial=1)) for v in evaluate(outputs, [x, y], arrays)]
    if max(limits) < 1e6:
        assert_same_values(outputs, [x, y], arrays, rtol=1e-7)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=12),
    st.sampled_from(["int8", "int32", "int64", "uint8"]),
)
def test_integers_are_exact(program, dtype):
    operations = [
        lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a + 2, lambda a, b: 3 - b,
        lambda a, b: a * 1 + 0, lambda a, b: (a - 1) + 1, lambda a, b: a**2, lambda a, b: a - a + b,
        lambda a, b: -a,
    ]  # fmt: skip
    arrays = [np.arange(12).reshape(3, 4).astype(dtype), np.arange(5, 17).reshape(3, 4).astype(dtype)]
    inputs = [TensorType(dtype, (None, None))(name) for name in "xy"]
    made = list(inputs)
    for operation, i, j in program:
        made.append(operations[operation](made[i % len(made)], made[j % len(made)]))
    results, _ = rewritten(made[-1:], inputs)
    (got,), (wanted,) = evaluate(results, inputs, arrays), evaluate(made[-1:], inputs, arrays)
    assert got.dtype == wanted.dtype
    np.testing.assert_array_equal(got, wanted)


@settings(max_examples=60, deadline=None)
@given(PROGRAMS)
def test_rewriting_twice_changes_no_value(program):
    arrays = [np.linspace(-1, 1, 12).reshape(3, 4), np.linspace(0.5, -0.5, 12).reshape(3, 4)]
    inputs = [TensorType("float64", (None, None))(name) for name in "xy"]
    result = build(program, *inputs)
    once, _ = rewritten([result], inputs)
    if np.abs(evaluate(once, inputs, arrays)[0]).max() < 1e6:
        assert_same_values(once, inputs, arrays, rtol=1e-8)


def test_samples_of_every_operation():
    """The samples that each operation is registered with, and their gradients to second order."""
    from graphlib.ops.op import REGISTRY

    for entry in REGISTRY.values():
        for sample in entry.samples():
            arrays = [a.astype(sample.dtypes[-1]) if a.dtype.kind == "f" else a for a in sample.inputs]
            inputs = [
                TensorType(a.dtype, [1 if n == 1 else None for n in a.shape])(f"input {i}")
                for i, a in enumerate(arrays)
            ]
            built = sample.build(*inputs)
            outputs = list(built) if isinstance(built, (list, tuple)) else [built]
            by = np.broadcast_to(sample.differentiable, len(inputs))
            floats = [v for v, smooth in zip(inputs, by, strict=True) if v.type.is_float and smooth]
            costs = [T.sqr(v).sum() for v in outputs if v.type.is_float]
            if costs and floats:
                gradients = grad(sum(costs[1:], costs[0]), floats, disconnected_inputs="ignore")
                total = sum((T.sqr(g).sum() for g in gradients[1:]), T.sqr(gradients[0]).sum())
                outputs += gradients
                with contextlib.suppress(GradientError):
                    outputs += grad(total, floats, disconnected_inputs="ignore")
            assert_same_values(outputs, inputs, arrays, rtol=1e-6)
