"""What ranks compute together, as JSON on the standard output of rank 0:
``mpirun -n 2 python together.py``; without mpirun what one process computes."""

from __future__ import annotations

import json
import sys

import numpy as np

import graphlib
import graphlib.tensor as T
from graphlib import nn
from graphlib.distributed import average, broadcast, ranks
from graphlib.nn.parallel import DataParallel

KNOWN = ranks()
SIZE, RANK = KNOWN.size, KNOWN.rank
#: so many examples leave an odd number for the last minibatch of an epoch
EXAMPLES, BATCH = 47, 12


def means() -> dict:
    """Means of arrays that are short, long, empty, in both dtypes, in a loop, and gradients through them."""
    x, long, wide = T.vector("x"), T.vector("long"), T.matrix("wide", dtype="float64")
    w, factor = graphlib.shared(np.float32(1.0), name="w"), T.scalar("factor")
    y = average(x * w)
    # of a rank's own cost, such that the mean of the ranks' costs depends on all of them
    cost = factor * T.sum(y**2)
    steps, _ = graphlib.scan(lambda row, state: average(state) + row, sequences=x, outputs_info=x[0])
    function = graphlib.function(
        [x, long, wide, factor],
        [y, average(T.grad(cost, w)), steps, average(long), average(wide[:0]), average(wide)],
        name="means",
    )
    rng = np.random.RandomState(7)
    xs = rng.normal(size=(4, 5)).astype("float32")
    longs, wides = rng.normal(size=(4, 300_001)).astype("float32"), rng.normal(size=(4, 3, 2))
    found = function(xs[RANK], longs[RANK], wides[RANK], RANK + 1)
    again = function(xs[RANK], longs[RANK], wides[RANK], RANK + 1)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(found, again, strict=True))
    own = [float(np.sum(f.astype("float64"))) for f in found]
    everywhere = KNOWN.gathered(np.array(own[:2] + own[3:]))
    assert (everywhere == everywhere[0]).all(), "the ranks have the same bits"
    total = xs[0].copy()
    sums = longs[0].copy()
    for k in range(1, SIZE):
        total += xs[k]
        sums += longs[k]
    # the order of the ranks, float32, divided at the end: to the bit
    assert (found[0] == total / np.float32(SIZE)).all()
    assert (found[3] == sums / np.float32(SIZE)).all()
    np.testing.assert_allclose(found[5], wides[:SIZE].mean(axis=0), rtol=1e-14)
    assert found[4].shape == (0, 2)
    # d/dw of the mean over ranks of (r + 1) sum((w mean x)^2), each rank's part of which is averaged
    mean = xs[:SIZE].astype("float64").mean(axis=0)
    np.testing.assert_allclose(found[1], (SIZE + 1) * np.sum(mean**2), rtol=1e-5)
    state = xs[:SIZE, 0].astype("float64")
    for t in range(5):
        state = state.mean() + xs[:SIZE, t]
    np.testing.assert_allclose(found[2][-1], state[RANK], rtol=1e-5)
    return {"means": "right"}


def trained(**settings: object) -> dict:
    """A fit with all in it that looks at the whole minibatch: batch normalisation, dropout, weights of
    classes, a penalty, an odd last minibatch, and fewer examples to validate with than ranks would like."""
    rng = np.random.RandomState(0)
    x = rng.normal(size=(EXAMPLES, 6)).astype("float32")
    y = (x @ rng.normal(size=(6, 3))).argmax(axis=1)
    layers = [
        nn.Dense(8, activation="tanh"),
        nn.BatchNormalization(),
        nn.Dropout(0.3),
        nn.Dense(3, activation="softmax", regularizer=nn.L2(0.01)),
    ]
    model = nn.Model(nn.Sequential(layers), "crossentropy", nn.Adam(0.02), metrics=["error"])
    model.layer.seed = 5
    history = model.fit(
        x,
        y,
        epochs=3,
        batch_size=BATCH,
        validation=(x[:3], y[:3]),
        class_weight={0: 1.0, 1: 3.0, 2: 0.5},
        monitors=[nn.EarlyStopping(2)],
        seed=3,
        verbose=False,
        distributed=SIZE > 1,
        **settings,
    )
    arrays = [p.variable.get_value() for p in model.parameters.values()]
    arrays += [state.get_value() for state in model.layer.state.values()]
    flat = np.concatenate([a.ravel() for a in arrays]).astype("float64")
    assert (KNOWN.gathered(flat) == flat).all(), "the ranks have the same model"
    return {**{name: list(values) for name, values in history.items()}, "parameters": flat.tolist()}


def local() -> dict:
    """Steps of their own along w − c, c being the rank's, and means of w every second step."""
    w = graphlib.shared(np.arange(3, dtype="float32") + 10 * RANK, name="w")
    broadcast([w])
    step = graphlib.function([], w.sum(), updates=[(w, w - 0.5 * (w - RANK))], name="local_step")
    stepping = DataParallel(KNOWN, 2).stepping(lambda index: step(), {"w": w}, 0)
    expected = np.stack([np.arange(3.0)] * SIZE)
    for index in range(5):
        stepping.step(index)
        expected -= 0.5 * (expected - np.arange(SIZE)[:, None])
        if index % 2:
            expected[:] = expected.mean(axis=0)
    apart = w.get_value()
    np.testing.assert_allclose(apart, expected[RANK], rtol=1e-6)
    stepping.settle()
    np.testing.assert_allclose(w.get_value(), expected.mean(axis=0), rtol=1e-6)
    return {"local": "right"}


if __name__ == "__main__":
    found = {**means(), **trained()}
    if SIZE > 1:
        found |= local()
    if KNOWN.leads:
        json.dump(found, sys.stdout)
