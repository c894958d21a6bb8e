"""``T.nnet.scaled_dot_product_attention`` against numpy: all scores at once, and few queries at a time."""

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.errors import DTypeError, InputError, ShapeError
from tests.ops.backends import MODES, assert_same, compiled

attention = T.nnet.scaled_dot_product_attention
rng = np.random.RandomState(0)


def by_numpy(q, k, v, g, allowed=True, added=0.0, causal=False, scale=None):
    """The means, and the gradients of their sum times g by q, k and v, in float64."""
    dtype = q.dtype
    q, k, v, g = (a.astype("float64") for a in (q, k, v, g))
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    scores = scale * q @ k.swapaxes(-1, -2) + added
    may = np.broadcast_to(allowed, scores.shape)
    if causal:
        may = may & np.tri(*scores.shape[-2:], dtype=bool)
    scores = np.where(may, scores, -np.inf)
    high = np.max(scores, -1, keepdims=True, initial=-1e300)
    weights = np.exp(scores - high)
    weights = weights / np.maximum(weights.sum(-1, keepdims=True), 1e-300)
    back = g @ v.swapaxes(-1, -2)
    by_scores = scale * weights * (back - (back * weights).sum(-1, keepdims=True))
    transposed = by_scores.swapaxes(-1, -2)
    found = (weights @ v, by_scores @ k, transposed @ q, weights.swapaxes(-1, -2) @ g)
    return [a.astype(dtype) for a in found]


def given(leading, queries, keys, width=4, wide=3, dtype="float32"):
    shapes = ((queries, width), (keys, width), (keys, wide), (queries, wide))
    return [rng.normal(size=(*leading, *shape)).astype(dtype) for shape in shapes]


def with_gradients(q, k, v, g, **options):
    y = attention(q, k, v, **options)
    return [y, *T.grad((y * g).sum(), [q, k, v])]


#: options, and the shape of a mask of allowed places and of one that is added, for two axes before the last
CASES = {
    "causal": ({"is_causal": True, "scale": 0.3}, None, None),
    "allowed": ({"is_causal": True}, (2, 1, None, None), None),
    "added": ({}, None, (None, None)),
}


def mask_of(allowed, added, leading, queries, keys):
    """A mask for lengths that its variable leaves open, and what it is to `by_numpy`."""
    pattern = allowed or added
    lengths = (*leading, queries, keys)[-len(pattern) :]
    shape = [m if n is None else n for n, m in zip(pattern, lengths, strict=True)]
    if allowed:
        made = rng.uniform(size=shape) < 0.6
        return made, {"allowed": made}
    made = rng.normal(size=shape).astype("float32")
    return made, {"added": made}


NAMED = (("q", 4), ("k", 4), ("v", 3), ("g", 3))
SIZES = (((2, 3), 8, 5), ((2, 1), 6, 7), ((2, 2), 2, 1), ((2, 3), 0, 4), ((2, 0), 4, 4), ((2, 1), 3, 0))


@pytest.mark.parametrize("mode", MODES)
def test_values_and_gradients(mode):
    inputs, results = [], []
    # three loops in each other, and as many in the gradient, are many kernels to compile for the emulator
    cases = {"causal": CASES["causal"]} if mode == "cuda" else CASES
    for options, allowed, added in cases.values():
        own = [
            T.tensor(n, "float32", (None, None, None, w)) for n, w in zip("qkvg", (4, 4, 3, 3), strict=True)
        ]
        inputs += own
        if allowed or added:
            inputs.append(T.tensor("m", "bool" if allowed else "float32", allowed or added))
            options = options | {"mask": inputs[-1]}
        results += with_gradients(*own, rows=3, **options)
    function = compiled(mode, inputs, results)
    for leading, queries, keys in SIZES:
        arrays, wanted = [], []
        for options, allowed, added in cases.values():
            own = given(leading, queries, keys)
            full = {"causal": options.get("is_causal", False), "scale": options.get("scale")}
            arrays += own
            if allowed or added:
                made, more = mask_of(allowed, added, leading, queries, keys)
                arrays.append(made)
                full |= more
            wanted += by_numpy(*own, **full)
        for k, (got, right) in enumerate(zip(function(*arrays), wanted, strict=True)):
            assert_same(got, right, f"{list(cases)[k // 4]}, result {k % 4}, {leading} {queries} {keys}")


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_the_loop_is_what_one_product_gives(threads):
    q, k, v, g = given((2,), 300, 260, 8, 5, "float64")
    variables = [T.dtensor3(name) for name in "qkvg"]
    mask = np.tri(300, 260, 20, dtype=bool)
    options = {"scale": 0.4, "mask": T.constant(mask)}
    with graphlib.config.change(threads=threads):
        cut = graphlib.function(variables, with_gradients(*variables, **options))
        found = cut(q, k, v, g)
    for got, right in zip(found, by_numpy(q, k, v, g, scale=0.4, allowed=mask), strict=True):
        assert_same(got, right)


def test_what_is_not_finite_stays_where_it_is_seen():
    q, k, v, g = given((), 5, 6)
    q[1, 0], q[3, 2], k[4, 2] = np.nan, 1, np.inf
    variables = [T.fmatrix(name) for name in "qkvg"]
    may = np.ones((5, 6), bool)
    may[:, 4:] = False
    may[3, 4:] = True
    for rows in (2, 5):
        function = graphlib.function(variables[:3], attention(*variables[:3], mask=may, scale=0.5, rows=rows))
        found = function(q, k, v)
        assert np.isnan(found[1]).all()
        assert np.isfinite(found[[0, 2, 4]]).all()
        assert not np.isfinite(found[3]).all()
        hidden = by_numpy(q, np.nan_to_num(k, posinf=0), v, g, may, scale=0.5)[0]
        assert_same(found[[0, 2, 4]], hidden[[0, 2, 4]])


def test_memory_does_not_grow_with_the_product_of_the_lengths():
    variables = [T.tensor(name, "float32", (4, 2048, 8)) for name in "qkv"]
    cost = T.sqr(attention(*variables)).sum()
    plan = graphlib.function(variables, [cost, *T.grad(cost, variables)]).plan
    held = sum(max(n.constant for n in slot.sizes) for part in plan.all() for slot in part.slots)
    assert held < 4 * 2048 * 2048  # one sequence's scores are as many bytes, and there are four


def test_mistakes_are_named():
    q, k, v = (T.tensor(name, "float32", (2, n, 4)) for name, n in zip("qkv", (5, 6, 6), strict=True))
    with pytest.raises(ShapeError, match=r"scaled_dot_product_attention: axis 1 of v.*length 7, axis 1 of"):
        attention(q, k, T.tensor("v", "float32", (2, 7, 4)))
    with pytest.raises(ShapeError, match=r"axis 0 of k.*length 3, axis 0 of q"):
        attention(q, T.tensor("k", "float32", (3, 6, 4)), v)
    with pytest.raises(ShapeError, match="the same axes"):
        attention(q, k, T.fmatrix("v"))
    with pytest.raises(DTypeError, match=r"floats of one dtype, not q float32.*v float64"):
        attention(q, k, T.dtensor3("v"))
    with pytest.raises(InputError, match="mask is bool or float32, of two to 3 axes, not m int32"):
        attention(q, k, v, T.imatrix("m"))
    with pytest.raises(ShapeError, match=r"axis 1 of .*m, q.* bool\(5, 5\).* length 5, axis 1 of"):
        attention(q, k, v, T.tensor("m", "bool", (5, 5)))
    with pytest.raises(InputError, match="rows must be at least 1, not 0"):
        attention(q, k, v, rows=0)
    with pytest.raises(ShapeError, match=r"last axis of q.*pass scale="):
        attention(*(T.ftensor3(name) for name in "qkv"))
    x, y = T.tensor("x", "float32", (None, None, 4)), T.tensor("y", "float32", (None, None, 4))
    function = graphlib.function([x, y], attention(x, y, y), mode="reference")
    with pytest.raises(ShapeError, match=r"axis 0 of y.*length 3, axis 0 of x.*2"):
        function(np.zeros((2, 5, 4), "float32"), np.zeros((3, 5, 4), "float32"))
