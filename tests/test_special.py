"""Bessel functions and incomplete gamma functions against scipy's: how far they are off, and gradients."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special
import scipy.stats

import graphlib
import graphlib.tensor as T
from graphlib.errors import GradientError
from graphlib.tensor import special_functions

#: name: orders, arguments, and how far off: relative to the value (for J to its amplitude), beyond 1e-300
CASES = [
    ("jv", (0, 20), (0, 30), 1e-13),
    ("jv", (-20, 0), (5, 60), 1e-12),
    ("jv", (0, 100), (0, 1000), 2e-12),
    ("iv", (0, 20), (0, 60), 1e-13),
    ("iv", (-20, 0), (0, 60), 1e-12),
    ("iv", (0, 100), (0, 700), 1e-12),
    ("gammainc", (1e-3, 20), (0, 40), 1e-13),
    ("gammainc", (20, 2000), (20, 2000), 1e-11),
    ("gammaincc", (1, 20), (0, 40), 1e-13),
    ("gammaincc", (20, 2000), (20, 2000), 1e-11),
]
COUNT = 400


def points(k, orders, arguments):
    random = np.random.RandomState(k)
    v, x = random.uniform(*orders, COUNT), random.uniform(*arguments, COUNT)
    v[::3] = np.round(v[::3]) if orders[0] != 1e-3 else v[::3]
    return v, x


def error(name, got, v, x):
    wanted = getattr(scipy.special, name)(v, x)
    if name.startswith("gamma") and v.max() > 100:
        # of what scipy has to twelve digits far from 1
        far = (wanted > 1e-100) & (wanted < 1)
        got, wanted = got[far], wanted[far]
    size = np.abs(wanted)
    if name == "jv":
        size = np.maximum(size, np.where(x > abs(v), np.sqrt(2 / (np.pi * x)), 0))
    fine = np.isfinite(wanted) & (np.abs(wanted) > 1e-300)
    return np.max(np.abs(got - wanted)[fine] / size[fine])


def test_functions_are_scipys_and_as_precise_as_is_said():
    v, x = T.dmatrices("v", "x")
    names = list(dict.fromkeys(name for name, *_ in CASES))
    arrays = [points(k, orders, arguments) for k, (_, orders, arguments, _) in enumerate(CASES)]
    orders, arguments = (np.array([pair[i] for pair in arrays]) for i in (0, 1))
    results = [getattr(T, name)(v, x) for name in names]
    single = [getattr(T, name)(T.cast(v, "float32"), T.cast(x, "float32")) for name in names]
    f = graphlib.function([v, x], [*results, *single])
    found = dict(zip([*names, *(f"{n} single" for n in names)], f(orders, arguments), strict=True))
    for k, (name, _, _, most) in enumerate(CASES):
        assert error(name, found[name][k], *arrays[k]) < most, CASES[k]
    rounded = [a.astype("f4").astype("f8") for a in (orders[0], arguments[0])]
    np.testing.assert_allclose(found["jv single"][0], scipy.special.jv(*rounded), 1e-6, 1e-6)


def test_edges_are_scipys():
    v = np.array([0, 2, -1, -0.5, 0.5, 1, -3, 3, np.nan, 1, 0, 200.5])
    x = np.array([0, 0, 0, 0, -2, -2, -3, -3, 1, np.nan, -0.0, 3])
    a = np.array([0, 0, 1, 2, -1, 1, np.inf, 1, np.nan, 1e-6, 3])
    b = np.array([0, 1, 0, np.inf, 1, -1, 1, 1e4, 1, 1e-9, 1e-300])
    inputs = T.dvectors("v", "x", "a", "b")
    results = [T.jv(*inputs[:2]), T.iv(*inputs[:2]), T.gammainc(*inputs[2:]), T.gammaincc(*inputs[2:])]
    wanted = [scipy.special.jv(v, x), scipy.special.iv(v, x)]
    wanted += [scipy.special.gammainc(a, b), scipy.special.gammaincc(a, b)]
    for mode in ("fast_run", "reference"):
        got = graphlib.function(inputs, results, mode=mode)(v, x, a, b)
        for one, scipys in zip(got, wanted, strict=True):
            np.testing.assert_allclose(one, scipys, 1e-12, 1e-15, err_msg=mode)


def test_functions_of_fixed_orders_and_theanos_others():
    x, k = T.dvector("x"), T.dscalar("k")
    f = graphlib.function(
        [x, k],
        [
            *(getattr(T, name)(x) for name in ("j0", "j1", "i0", "i1")),
            special_functions.gammau(k, x),
            special_functions.gammal(k, x),
            special_functions.chi2sf(x, k),
            T.grad(T.j0(x).sum() + T.j1(x).sum(), x),
            T.grad(T.jv(k, x).sum() * 2 + T.iv(0.5, x).sum(), x),
            T.grad(T.gammainc(k, x).sum() - T.gammaincc(k, x).sum(), x),
        ],
    )
    a = np.array([0.1, 1, 2.5, 7, 12])
    s = scipy.special
    wanted = [s.j0(a), s.j1(a), s.i0(a), s.i1(a), s.gammaincc(3, a) * 2, s.gammainc(3, a) * 2]
    wanted += [scipy.stats.chi2.sf(a, 3), s.jvp(0, a) + s.jvp(1, a), 2 * s.jvp(3, a) + s.ivp(0.5, a)]
    wanted.append(a**2 * np.exp(-a))
    for got, scipys in zip(f(a, 3), wanted, strict=True):
        np.testing.assert_allclose(got, scipys, 1e-12)


def test_there_is_no_gradient_by_the_order():
    v, x = T.dscalars("v", "x")
    for function in (T.jv, T.iv, T.gammainc, T.gammaincc):
        with pytest.raises(GradientError, match=r"derivative by the order.*no formula"):
            T.grad(function(v, x), v)
        assert T.grad(function(v, x), x).dtype == "float64"
