"""What ``T`` has of NumPy's and Theano's functions that are composed of operations: against NumPy."""

import re

import numpy as np
import pytest
import scipy.special

import graphlib
import graphlib.tensor as T
from graphlib.errors import InputError, RankError, ShapeError

RANDOM = np.random.RandomState(7)
A, B = RANDOM.randn(4, 5), RANDOM.randn(5, 3)
S = RANDOM.randn(2, 4, 5)
V, W = RANDOM.randn(6), np.sort(RANDOM.randn(4))
K = np.array([3, 0, 2, 3, 1, 0])
C = np.array([[0, 1, 2, 1, 0]])
a, b, s, v, w = T.dmatrix("a"), T.dmatrix("b"), T.dtensor3("s"), T.dvector("v"), T.dvector("w")
k, c, n = T.lvector("k"), T.lmatrix("c"), T.iscalar("n")
INPUTS, ARRAYS = [a, b, s, v, w, k, c, n], [A, B, S, V, W, K, C, np.int32(2)]

EINSUMS = [
    ("ij,jk->ik", "ab"), ("ij,jk", "ab"), ("ij->ji", "a"), ("ij->", "a"), ("ij,ij->i", "aa"),
    ("i,j->ij", "vw"), ("nij,ij->n", "sa"), ("nij,mij->nm", "ss"), ("nij,jk->nik", "sb"),
    ("nij,nkj->nik", "ss"), ("nij,njk->nik", "st"), ("nij,nij,ij->ni", "ssa"), ("ij,jk,lj->kl", "aba"),
    ("...ij,jk->...ik", "sb"), ("...j,j...->...", "sy"), ("...,...->...", "sa"), ("ni,i->n", "av"),
    ("nii->ni", "q"), ("nii->n", "q"), ("nij,i,j->n", "swz"), ("abc,bd,ce->ade", "sxb"),
]  # fmt: skip

NAMES = {
    "roll": (lambda: T.roll(a, 2, axis=1), lambda: np.roll(A, 2, axis=1)),
    "roll back by a variable": (lambda: T.roll(a, -n, axis=0), lambda: np.roll(A, -2, axis=0)),
    "roll of all": (lambda: T.roll(a, 13), lambda: np.roll(A, 13)),
    "roll of axes": (lambda: T.roll(s, (1, -n), (0, -1)) + T.roll(s, n, (1, 2)),
                     lambda: np.roll(S, (1, -2), (0, -1)) + np.roll(S, 2, (1, 2))),
    "expand_dims": (lambda: T.expand_dims(a, (0, -1, 2)), lambda: np.expand_dims(A, (0, -1, 2))),
    "moveaxis": (lambda: T.moveaxis(s, (0, -1), (-1, 0)), lambda: np.moveaxis(S, (0, -1), (-1, 0))),
    "triangles of a stack": (lambda: T.tril(s, 1) + T.triu(s[None], -1),
                             lambda: np.tril(S, 1) + np.triu(S[None], -1)),
    "flip": (lambda: T.flip(s, (0, -1)) * T.flip(s), lambda: np.flip(S, (0, -1)) * np.flip(S)),
    "diff": (lambda: T.diff(a, 2), lambda: np.diff(A, 2)),
    "diagonal": (lambda: T.diagonal(s, 1, 2, 1), lambda: np.diagonal(S, 1, 2, 1)),
    "fill_diagonal": (lambda: T.fill_diagonal(a[:, :4], 7), lambda: np.where(np.eye(4), 7, A[:, :4])),
    "pad": (lambda: T.pad(a, ((n, 1), (0, 3)), constant_values=9),
            lambda: np.pad(A, ((2, 1), (0, 3)), constant_values=9)),
    **{
        f"pad {mode}": (lambda mode=mode: T.pad(a, [(3, n), (6, 9)], mode),
                        lambda mode=mode: np.pad(A, [(3, 2), (6, 9)], mode))
        for mode in ("edge", "reflect", "symmetric", "wrap")
    },
    "cov": (lambda: T.cov(a), lambda: np.cov(A)),
    "isclose": (lambda: T.isclose(a, a + 1e-9 * n), lambda: np.isclose(A, A + 2e-9)),
    "logical": (lambda: T.logical_xor(T.logical_and(c, c - 1), T.logical_not(T.logical_or(c, c > 5))),
                lambda: np.logical_xor(np.logical_and(C, C - 1), np.logical_not(C))),
    "isfinite": (lambda: T.isfinite(a / (a > 0)), lambda: A > 0),
    "linspace": (lambda: T.linspace(v[0], 3, n + 5), lambda: np.linspace(V[0], 3, 7)),
    "linspace without end": (lambda: T.linspace(v[0], 3, 6, endpoint=False),
                             lambda: np.linspace(V[0], 3, 6, False)),
    "linspace of one": (lambda: T.linspace(v[0], 3, n - 1), lambda: V[:1]),
    "meshgrid": (lambda: T.stack(T.meshgrid(v, w)), lambda: np.stack(np.meshgrid(V, W))),
    "meshgrid ij": (lambda: T.stack(T.meshgrid(v, w, k, indexing="ij")),
                    lambda: np.stack(np.meshgrid(V, W, K, indexing="ij"))),
    "mgrid": (lambda: T.stack(T.mgrid[:n, 1:5:2]), lambda: np.mgrid[:2, 1:5:2]),
    "topk": (lambda: T.topk(a, n, axis=0), lambda: np.sort(A, axis=0)[-2:]),
    "argtopk": (lambda: T.argtopk(v, 3), lambda: np.argsort(V)[-3:]),
    "bincount": (lambda: T.bincount(k, v, minlength=6), lambda: np.bincount(K, V, 6)),
    "searchsorted": (lambda: T.searchsorted(w, a), lambda: np.searchsorted(W, A)),
    "choose": (lambda: T.choose(a > 0, [a, a * 2]), lambda: np.choose(A > 0, [A, A * 2])),
    "compress": (lambda: T.compress(k > 1, v), lambda: np.compress(K > 1, V)),
    "unravel_index": (lambda: T.stack(T.unravel_index(k * 5, (4, 5))),
                      lambda: np.stack(np.unravel_index(K * 5, (4, 5)))),
    "ravel_multi_index": (lambda: T.ravel_multi_index((k, k), (4, 5)),
                          lambda: np.ravel_multi_index((K, K), (4, 5))),
    "inverse_permutation": (lambda: T.inverse_permutation(T.argsort(v)), lambda: np.argsort(np.argsort(V))),
    "divmod": (lambda: T.stack(T.divmod(k, 2)), lambda: np.stack(np.divmod(K, 2))),
    "deg2rad": (lambda: T.deg2rad(v) + T.rad2deg(v), lambda: np.deg2rad(V) + np.rad2deg(V)),
    "erfinv": (lambda: T.erfinv(T.tanh(v)) + T.gamma(v),
               lambda: scipy.special.erfinv(np.tanh(V)) + scipy.special.gamma(V)),
}  # fmt: skip


def operands_of(letters):
    """Variables and their arrays."""
    table = {
        "a": (a, A), "b": (b, B), "s": (s, S), "v": (v[:5], V[:5]), "w": (w, W),
        "t": (s.dimshuffle(0, 2, 1), S.transpose(0, 2, 1)), "q": (s[:, :, :4], S[:, :, :4]),
        "z": (v[1:], V[1:]), "y": (a.T, A.T), "x": (a.T[:4], A.T[:4]),
    }  # fmt: skip
    return zip(*(table[letter] for letter in letters), strict=True)


def test_values_are_numpys():
    made = {name: build() for name, (build, _) in NAMES.items()}
    for text, letters in EINSUMS:
        made[text] = T.einsum(text, *next(iter(operands_of(letters))))
    wanted = {name: value() for name, (_, value) in NAMES.items()}
    wanted |= {text: np.einsum(text, *list(operands_of(letters))[1]) for text, letters in EINSUMS}
    f = graphlib.function(INPUTS, list(made.values()), mode="reference")
    for (name, value), got in zip(wanted.items(), f(*ARRAYS), strict=True):
        assert got.shape == np.shape(value), name
        np.testing.assert_allclose(got, value, rtol=1e-9, atol=1e-12, err_msg=name)


def test_gradients_of_sums_of_products():
    cost = sum(T.sqr(T.einsum(text, *next(iter(operands_of(letters))))).sum() for text, letters in EINSUMS)
    wrt = [a, b, s, v, w]
    f = graphlib.function(wrt, [cost, *T.grad(cost, wrt)], mode="reference")
    values = ARRAYS[:5]
    gradients = f(*values)[1:]
    for at, gradient in enumerate(gradients):
        way = RANDOM.randn(*values[at].shape)
        up, down = ([x + h * way if i == at else x for i, x in enumerate(values)] for h in (1e-6, -1e-6))
        np.testing.assert_allclose((gradient * way).sum(), (f(*up)[0] - f(*down)[0]) / 2e-6, rtol=1e-6)


def test_places_in_sorted_vectors_and_counts():
    x, y, i = T.fvector("x"), T.fvector("y"), T.ivector("i")
    f = graphlib.function(
        [x, y, i],
        [
            T.searchsorted(x, y),
            T.searchsorted(x, y[:, None], "right"),
            T.bincount(i, minlength=2),
            T.bincount(i),
        ],
    )
    for length in (0, 1, 2, 3, 4, 7, 8, 9, 64, 1000):
        values = np.sort(RANDOM.randint(0, length + 1, length) / 4).astype("float32")
        values[length - length // 8 :] = np.nan
        sought = np.array([*values[::3], -1, 0.1, 1, np.inf, -np.inf, np.nan], "float32")
        numbers = RANDOM.randint(0, 9, length).astype("int32")
        wanted = (
            np.searchsorted(values, sought),
            np.searchsorted(values, sought[:, None], "right"),
            np.bincount(numbers, minlength=2),
            np.bincount(numbers),
        )
        for got, value in zip(f(values, sought, numbers), wanted, strict=True):
            np.testing.assert_array_equal(got, value, err_msg=str(length))


def test_numpys_functions_make_them_of_variables():
    made = [
        np.roll(a, 1), np.flip(a, 0), np.einsum("ij,jk", a, b), np.pad(a, 1, "edge"), np.diff(v),
        np.isclose(a, a), np.bincount(k), np.searchsorted(w, v), np.diagonal(a),
    ]  # fmt: skip
    wanted = [
        np.roll(A, 1), np.flip(A, 0), A @ B, np.pad(A, 1, "edge"), np.diff(V),
        np.isclose(A, A), np.bincount(K), np.searchsorted(W, V), np.diagonal(A),
    ]  # fmt: skip
    f = graphlib.function(INPUTS, made, mode="reference", on_unused_input="ignore")
    for got, value in zip(f(*ARRAYS), wanted, strict=True):
        np.testing.assert_allclose(got, value)


def test_mistakes_are_told():
    for text, operands, says in [
        ("ij,jk->ik", [a], "names the axes of 2 operands; 1 are given"),
        ("ijk->ik", [a], "'ijk' names 3 axes, and a float64"),
        ("ij->il", [a], "a letter of the result must be one of the operands'"),
        ("i1->i", [a], "subscripts are letters"),
    ]:
        with pytest.raises(InputError, match=re.escape(says)):
            T.einsum(text, *operands)
    for wrong, says in [
        (lambda: T.roll(s, (1, 2, 3), (0, 1)), "2 axes and 3 shifts"),
        (lambda: T.roll(s, 1, 3), "axis 3"),
        (lambda: T.expand_dims(a, (0, 0)), "named twice"),
        (lambda: T.moveaxis(s, (0, 1), 0), "2 axes and 1 places"),
        (lambda: T.tril(v), "takes a matrix"),
    ]:
        with pytest.raises((InputError, RankError, ShapeError), match=re.escape(says)):
            wrong()
    with pytest.raises(ShapeError, match="length 5"):
        T.einsum("ij,jk", np.zeros((2, 5)), np.zeros((4, 3)))
    with pytest.raises(InputError, match=r"T\.pad has the modes constant, edge"):
        T.pad(a, 1, "mirror")
    with pytest.raises(InputError, match="a pair for each of the 2 axes"):
        T.pad(a, ((1, 1), (1, 1), (1, 1)))
    with pytest.raises(RankError, match=r"T\.meshgrid takes vectors, not a "):
        T.meshgrid(a)
