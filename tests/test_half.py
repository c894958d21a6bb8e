"""float16: kept in memory and computed in float32, by all backends."""

from __future__ import annotations

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib import config
from graphlib.errors import DTypeError
from graphlib.ops import REGISTRY

H = "float16"


def half(*shape, name=None):
    return T.TensorType(H, shape)(name)


def numbers(*shape, seed=0):
    return np.random.RandomState(seed).randn(*shape).astype(H)


def test_dtypes_of_operations_are_theanos():
    """Theano's ``scalar.upcast``, but that int32 and int64 do not make float64 of it (docs/inputs.md)."""
    x = half(None)
    for other, wanted in {
        "bool": H,
        "int8": H,
        "uint8": H,
        "int16": "float32",
        "uint16": "float32",
        "int32": "float32",
        "int64": "float32",
        H: H,
        "float32": "float32",
        "float64": "float64",
    }.items():
        assert (x * T.TensorType(other, (None,))()).dtype == wanted
    assert (x + 1).dtype == (x * 0.5).dtype == T.exp(x).dtype == x.sum().dtype == x.mean().dtype == H
    assert T.dot(half(2, 3), half(3)).dtype == T.grad(T.sum(x**2), x).dtype == H
    for number in (1e5, 70000):
        with pytest.raises(DTypeError, match=r"does not fit into float16: .* 'float32'"):
            x + number
    assert T.constant(np.float16(0.5)).dtype == graphlib.shared(np.zeros(2, H)).dtype == H


def test_all_numbers_are_converted_as_numpy_does():
    bits = np.arange(2**16, dtype="uint16").view(H)
    finite = bits[np.isfinite(bits)]
    # ties between all neighbours and just beside them, beyond the greatest and below the smallest
    with np.errstate(over="ignore"):
        above = np.nextafter(finite, np.float16(np.inf))
    ties = (finite.astype("f8") + above.astype("f8")) / 2
    double = np.concatenate([ties, np.nextafter(ties, np.inf), np.nextafter(ties, -np.inf), BEYOND])
    x, y, z = half(None), T.fvector(), T.dvector()
    outputs = [T.cast(x, "float32"), T.cast(x, "float64"), x[::-1], T.cast(y, H), T.cast(z, H)]
    for mode in ("fast_run", "reference"):
        with np.errstate(over="ignore"):
            single = double.astype("f4")
        got = graphlib.function([x, y, z], outputs, mode=mode)(bits, single, double)
        with np.errstate(over="ignore"):
            wanted = [a.astype("f4") for a in (bits,)] + [bits.astype("f8"), bits[::-1]]
            wanted += [single.astype(H), double.astype(H)]
        for a, b in zip(got, wanted, strict=True):
            np.testing.assert_array_equal(a, b)
            assert np.array_equal(np.signbit(a)[~np.isnan(a)], np.signbit(b)[~np.isnan(b)])


BEYOND = np.array([np.inf, -np.inf, np.nan, 65519.99, 65520, 1e-8, -0.0, 1e300, -1e300, 2.0**-24, 2.0**-25])


def model():
    """Inputs, results and updates of what a program may do in float16, and the same in NumPy's float32."""
    x, w, labels = half(None, 5, name="x"), graphlib.shared(numbers(5, 3), "w"), T.lvector("labels")
    h = T.nnet.softmax(T.dot(x, w))
    loss = T.mean(T.nnet.categorical_crossentropy(h, labels))
    states, _ = graphlib.scan(lambda row, s: T.tanh(s + row), sequences=x, outputs_info=T.zeros((5,), H))
    tail = T.set_subtensor(x[1:3, ::2], 0.5)
    results = [
        loss,
        states,
        x.T[1:],
        x[labels].max(axis=1),
        T.concatenate([tail, x * 3], axis=0),
        T.switch(x > 0, x, -x).sum(axis=0),
        T.grad(states.sum(), x),
        T.argmax(x, axis=1),
    ]
    return [x, labels], results, [(w, w - 0.1 * T.grad(loss, w))], w


def in_numpy(x, labels, w):
    x, w = x.astype("f4"), w.astype("f4")
    e = np.exp(x @ w - (x @ w).max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    rows = np.arange(len(x))
    loss = -np.log(p[rows, labels]).mean()
    hot = np.zeros_like(p)
    hot[rows, labels] = 1
    s, states = np.zeros(5, "f4"), []
    for row in x:
        states.append(s := np.tanh(s + row))
    back, by_x = np.zeros(5, "f4"), []
    for s in states[::-1]:
        by_x.append(back := (back + 1) * (1 - s**2))
    tail = x.copy()
    tail[1:3, ::2] = 0.5
    results = [loss, np.array(states), x.T[1:], x[labels].max(1), np.concatenate([tail, x * 3])]
    results += [np.abs(x).sum(0), np.array(by_x[::-1]), x.argmax(1)]
    return results, w - 0.1 * (x.T @ (p - hot)) / len(x)


def test_every_operation_takes_float16():
    """The samples of the registry in float16: what they are in float32, rounded."""
    tried = 0
    for name, entry in sorted(REGISTRY.items()):
        for sample in entry.samples()[:3]:
            arrays = [a.astype(H) if a.dtype.kind == "f" else a for a in sample.inputs]
            if "float32" not in sample.dtypes or not any(a.dtype == H for a in arrays):
                continue
            found = []
            for floats in (H, "float32"):
                given = [a.astype(floats) if a.dtype == H else a for a in arrays]
                inputs = [T.TensorType(a.dtype, a.shape)() for a in given]
                made = sample.build(*inputs)
                outputs = list(made) if isinstance(made, (list, tuple)) else [made]
                f = graphlib.function(inputs, outputs, mode="reference", on_unused_input="ignore")
                found.append(f(*given))
            for got, wanted in zip(*found, strict=True):
                assert got.dtype in (H, wanted.dtype), name
                if wanted.dtype.kind == "f":
                    with np.errstate(over="ignore"):
                        a, b = (v.astype(H).astype("f4") for v in (got, wanted))
                    scale = np.max(np.abs(b[np.isfinite(b)]), initial=1)
                    np.testing.assert_allclose(a, b, 2e-3, 2e-3 * scale, err_msg=name)
                    tried += got.dtype == H
    assert tried > 300


@pytest.mark.parametrize("device", ["cpu", "cuda-emulated"])
def test_a_program_in_float16_is_computed_in_float32(device):
    inputs, results, updates, w = model()
    before = w.get_value()
    with config.change(device=device):
        f = graphlib.function(inputs, results, updates=updates, mode="check")
    x, labels = numbers(4, 5, seed=1), np.array([0, 2, 1, 2])
    wanted, new = in_numpy(x, labels, before)
    for k, (a, b) in enumerate(zip([*f(x, labels), w.get_value()], [*wanted, new], strict=True)):
        assert a.dtype == (H if k != 7 else "int64")
        # rounded once, at the end
        np.testing.assert_allclose(a.astype("f4"), np.asarray(b).astype(H).astype("f4"), rtol=1e-3, atol=1e-6)


def test_nothing_overflows_on_the_way_and_casts_round():
    x, n, single = half(None, name="x"), T.lscalar("n"), T.fscalar("single")
    big = np.full(100_000, 300, H)
    f = graphlib.function(
        [x, n, single],
        [
            x.mean(),
            T.var(x),
            T.sqrt(T.sum(x**2)) / 1000,
            T.cast(T.cast(n, H) / 4, "float32"),
            T.cast(T.cast(single * 3, H), "float32"),
            graphlib.shared(big, shape=big.shape).mean(),
        ],
        mode="check",
    )
    mean, var, norm, quarter, rounded, known = f(big, 100_000, 300.1)
    assert (mean, var, known, quarter) == (300, 0, 300, 25000)
    assert norm == np.float16(np.sqrt(1e5 * 9e4) / 1000) and rounded == np.float16(900.3)


def test_floatX_may_be_float16():
    with config.change(floatX=H):
        x = T.matrix("x")
        rng = T.shared_randomstreams.RandomStreams(3)
        w = graphlib.shared(0.5)
        drawn = [rng.uniform((1000,)), rng.normal((1000,)), rng.binomial((1000,), p=0.3, dtype=H)]
        f = graphlib.function([x], [T.nnet.relu(x * w).sum(), T.zeros((2,)), *drawn])
        assert {x.dtype, w.dtype} == {H}
        total, zeros, uniform, normal, coins = f([[1, 2], [3, -4]])
        assert {a.dtype.name for a in (total, zeros, uniform, normal, coins)} == {H}
        assert total == 3 and zeros.tolist() == [0, 0]
        assert uniform.min() >= 0 and uniform.max() < 1 and abs(uniform.mean(dtype="f4") - 0.5) < 0.05
        assert abs(normal.std(dtype="f4") - 1) < 0.1 and abs(coins.mean(dtype="f4") - 0.3) < 0.06
