"""What ranks compute together, as JSON on the standard output of rank 0:
``mpirun -n 2 python together.py FOLDER``; without mpirun what one process computes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

import graphlib
import graphlib.ranks
import graphlib.tensor as T
from graphlib import nn
from graphlib.distributed import average, broadcast, ranks
from graphlib.nn.parallel import DataParallel
from graphlib.nn.stored import Npy
from graphlib.run.c import collectives

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


def bundled() -> dict:
    """Short arrays, which travel together, in both dtypes, more than a bundle holds, with a long one between
    them and an empty one; and what they are in Python in pieces of a message."""
    rng = np.random.RandomState(8)
    lengths = [1, 700, 4000, 4096, 0, 5000, 3, *[2000] * 20, 65]
    single = [rng.normal(size=(4, n)).astype("float32") for n in lengths]
    double = [rng.normal(size=(4, n)) for n in lengths[:4]]
    inputs = [T.vector(dtype=str(a.dtype)) for a in single + double]
    found = graphlib.function(inputs, average(inputs), name="bundled")(*(a[RANK] for a in single + double))
    for given, mean in zip(single + double, found, strict=True):
        total = given[0].copy()
        for k in range(1, SIZE):
            total += given[k]
        np.testing.assert_array_equal(mean, total / given.dtype.type(SIZE))
    graphlib.ranks.MESSAGE_BYTES = 100
    np.testing.assert_array_equal(KNOWN.gathered(single[1][RANK]), single[1][:SIZE])
    np.testing.assert_array_equal(KNOWN.from_first(single[2][RANK]), single[2][0])
    assert KNOWN.message(bytes(range(250)) if KNOWN.leads else None) == bytes(range(250))
    graphlib.ranks.MESSAGE_BYTES = 2**30
    return {"bundled": "right"}


def failing() -> dict:
    """A step that fails on all ranks while a mean is under way leaves nothing behind."""
    x, k, long = T.vector("x"), T.lscalar("k"), T.vector("long")
    step = graphlib.function([x, k, long], [average(x), average(long), average(x[k])], name="failing")
    values, longs = np.arange(3, dtype="float32") + RANK, np.full(300_000, RANK, "float32")
    for wrong in (5, -7):
        try:
            step(values, wrong, longs)
        except IndexError as error:
            assert str(wrong) in str(error), error
        else:
            raise AssertionError("an index out of range was taken")
        mean, long_mean, one = step(values, 1, longs)
        middle = np.float32((SIZE - 1) / 2)
        np.testing.assert_array_equal(mean, np.arange(3) + middle)
        assert one == 1 + middle and (long_mean == middle).all()
    return {"failing": "right"}


def values_of(model: nn.Model, history: nn.History) -> dict:
    """What a training has measured and learnt, which is the same on all ranks."""
    arrays = [p.variable.get_value() for p in model.parameters.values()]
    arrays += [state.get_value() for state in model.layer.state.values()]
    flat = np.concatenate([a.ravel() for a in arrays]).astype("float64")
    assert (KNOWN.gathered(flat) == flat).all(), "the ranks have the same model"
    return {**{name: list(values) for name, values in history.items()}, "parameters": flat.tolist()}


def from_files(folder: Path) -> dict:
    """A fit on arrays that are read piece by piece, of which each rank takes its part."""
    rng = np.random.RandomState(4)
    x = rng.normal(size=(EXAMPLES, 5)).astype("float32")
    if KNOWN.leads:
        np.save(folder / "x.npy", x)
        np.save(folder / "y.npy", (x[:, 0] > 0).astype("int64"))
    KNOWN.agree("what was written", "x and y", "")
    layers = nn.Sequential([nn.Dense(4, activation="tanh"), nn.Dense(2, activation="softmax")], seed=3)
    model = nn.Model(layers, "crossentropy", nn.Adam(0.05), metrics=["error"])
    batches = nn.Batches(Npy(folder / "x.npy"), Npy(folder / "y.npy"), BATCH, buffer=0.0012, block=5)
    history = model.fit(
        batches, epochs=3, validation=0.2, monitors=["weight_statistics"], verbose=False, distributed=SIZE > 1
    )
    assert batches.blocks.group * 5 < EXAMPLES // 2, "several groups an epoch"
    return {f"stored {name}": values for name, values in values_of(model, history).items()}


def stateful() -> dict:
    """A fit of layers whose states go on from one minibatch to the next, each rank with its own rows."""
    rng = np.random.RandomState(5)
    x = rng.normal(size=(4 * BATCH, 6, 3)).astype("float32")
    y = np.cumsum(x[:, :, 0], axis=1)[:, -1:] > 0
    layers = nn.Sequential([nn.LSTM(5, stateful=True), nn.Dense(1)], seed=3)
    model = nn.Model(layers, "squared_error", nn.Adam(0.05))
    history = model.fit(
        x,
        y.astype("float32"),
        epochs=3,
        batch_size=BATCH,
        shuffle=False,
        # by the weights alone it is known how much a rank's part counts
        sample_weight=rng.uniform(size=4 * BATCH).astype("float32"),
        validation=(x[:24], y[:24].astype("float32")),
        verbose=False,
        distributed=SIZE > 1,
    )
    return {f"stateful {name}": values for name, values in values_of(model, history).items()}


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
    return values_of(model, history)


def local() -> dict:
    """Steps of their own along w − c, c being the rank's, and means of w every second step."""
    w = graphlib.shared(np.arange(3, dtype="float32") + 10 * RANK, name="w")
    broadcast([w])
    step = graphlib.function([], w.sum(), updates=[(w, w - 0.5 * (w - RANK))], name="local_step")
    parallel, rows = DataParallel(KNOWN, 2), graphlib.shared(np.full((7, 2), RANK, "float32"), name="rows")
    # rows are dealt out, and not averaged
    stepping = parallel.stepping(lambda index: step(), {"w": w, "rows": rows}, 0, dealt=[rows])
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
    parallel.collect([rows])
    owners = np.concatenate([np.arange(7)[parallel.part(7, rank)] * 0 + rank for rank in range(SIZE)])
    np.testing.assert_array_equal(rows.get_value()[:, 0], owners)
    return {"local": "right"}


if __name__ == "__main__":
    ways = {**means(), **bundled(), **failing()}
    # the same by messages of MPI, as from machine to machine; then again by memory that they share
    assert SIZE == 1 or not collectives.share_memory(False)
    ways |= {**means(), **bundled(), **failing()}
    assert SIZE == 1 or collectives.share_memory(True)
    found = {**ways, **trained(), **from_files(Path(sys.argv[1])), **stateful()}
    if SIZE > 1:
        found |= local()
    if KNOWN.leads:
        json.dump(found, sys.stdout)
