"""Recurrent networks: slot filling, sentiment, characters, and music by the RNN-RBM."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace

import numpy as np

from tests.benchmarks import bare
from tests.benchmarks.workloads.data import glorot, nbytes, orthogonal, small, zeros
from tests.benchmarks.workloads.energy import conditionals
from tests.benchmarks.workloads.job import Job, Runner, jobs
from tests.benchmarks.workloads.training import negative_log_likelihood, over_minibatches, variables


def slu() -> Job:
    """Slot filling, a sentence of 12 words a step: windows of 7 words in 100 dims, 200 Elman units, and all
    embeddings brought back to length 1."""
    n_words, dims, window, units, labels, time, n, rate = 573, 100, 7, 200, 127, 12, 300, 0.0627842
    rng = np.random.default_rng(8)
    words = rng.integers(0, n_words - 1, (n, time))
    truth = rng.integers(0, labels, n_words)[words].astype(np.int32)
    beyond = np.full((n, window // 2), n_words - 1)
    padded = np.concatenate([beyond, words, beyond], axis=1)
    windows = np.stack([padded[:, t : t + window] for t in range(time)], axis=1).astype(np.int32)

    @cache
    def initial() -> dict[str, np.ndarray]:
        rng = np.random.default_rng(7)
        shapes = {"emb": (n_words, dims), "wx": (dims * window, units), "wh": (units, units)}
        shapes["w"] = (units, labels)
        drawn = {name: (0.2 * rng.uniform(-1, 1, s)).astype(np.float32) for name, s in shapes.items()}
        return drawn | {"bh": zeros(units), "b": zeros(labels), "h0": zeros(units)}

    def build() -> Runner:
        import graphlib
        import graphlib.tensor as T

        X, Y = graphlib.shared(windows, borrow=True), graphlib.shared(truth, borrow=True)
        parameters = variables(initial())
        emb, wx, wh, w, bh, b, h0 = parameters
        index, x, y = T.lscalar("index"), T.imatrix("x"), T.ivector("y")
        inputs = emb[x].reshape((x.shape[0], dims * window))
        hidden, _ = graphlib.scan(
            lambda x_t, h: T.nnet.sigmoid(T.dot(x_t, wx) + T.dot(h, wh) + bh), inputs, h0
        )
        cost = negative_log_likelihood(T.dot(hidden, w) + b, y)
        gradients = T.grad(cost, parameters)
        new = {p: p - rate * g for p, g in zip(parameters, gradients, strict=True)}
        new[emb] /= T.sqrt((new[emb] ** 2).sum(axis=1))[:, None]
        train = graphlib.function([index], cost, updates=new, givens={x: X[index], y: Y[index]}, name="train")
        return over_minibatches(train, n)

    def products() -> list[bare.Product]:
        p = initial()
        x, h, d_h, d_y = (
            zeros(time, dims * window),
            zeros(time, units),
            small(time, units),
            zeros(time, labels),
        )
        row, recurrent = zeros(1, units), p["wh"]
        return [
            bare.Product(h, x, p["wx"]),
            *[bare.Product(row, h[t : t + 1], recurrent) for t in range(time)],
            bare.Product(d_y, h, p["w"]),
            bare.Product(h, d_y, p["w"].T),
            bare.Product(p["w"], h.T, small(time, labels), alpha=-rate, beta=1),
            *[bare.Product(row, d_h[t : t + 1], recurrent.T) for t in range(time)],
            bare.Product(recurrent, h.T, d_h, alpha=-rate, beta=1),
            bare.Product(p["wx"], x.T, d_h, alpha=-rate, beta=1),
            bare.Product(x, d_h, p["wx"].T),
        ]

    resident = nbytes(windows, truth, *initial().values())
    return Job(300, (5.150776, 4.393274), build, products, resident)


def lstm_step(linear, h, c, U, units: int):
    """(h', c') of LSTM units, whose gates are in the order input, forget, output, cell."""
    import graphlib.tensor as T

    z = linear + T.dot(h, U)
    i, f, o = (T.nnet.sigmoid(z[:, k * units : (k + 1) * units]) for k in range(3))
    c = f * c + i * T.tanh(z[:, 3 * units :])
    return o * T.tanh(c), c


def lstm_products(U: np.ndarray, time: int, size: int) -> list[bare.Product]:
    """The recurrent part of LSTM units, forwards and backwards over `time` steps of `size` sequences."""
    units, gates = U.shape
    h, z, d_h, d_z = zeros(size, units), zeros(size, gates), zeros(size, units), small(size, gates)
    values, d_linear = zeros(time * size, units), small(time * size, gates)
    return [
        *[bare.Product(z, h, U)] * time,
        *[bare.Product(d_h, d_z, U.T)] * time,
        bare.Product(U, values.T, d_linear, alpha=-1, beta=1),
    ]


def lstm() -> Job:
    """The sentiment network: 10,000 words, 128 LSTM units, 16 masked sequences of 100, AdaDelta."""
    n_words, units, time, size, count, decay, epsilon = 10_000, 128, 100, 16, 40, 0.95, 1e-6
    rng = np.random.default_rng(6)
    classes = rng.integers(0, 2, (count, size))
    lengths = rng.integers(30, time + 1, (count, size))
    lengths[:, 0] = time
    words = np.minimum((n_words * rng.random((count, time, size)) ** 3).astype(np.int64), n_words - 1)
    telling = rng.random((count, time, size)) < 0.3
    of_class = 50 * (1 + classes[:, None, :]) + rng.integers(0, 50, (count, time, size))
    masks = (np.arange(time)[None, :, None] < lengths[:, None, :]).astype(np.float32)
    words = np.where(masks > 0, np.where(telling, of_class, words), 0).astype(np.int32)
    classes = classes.astype(np.int32)

    @cache
    def initial() -> list[np.ndarray]:
        rng = np.random.default_rng(5)
        embeddings = (0.01 * rng.random((n_words, units))).astype(np.float32)
        W, U = orthogonal(rng, units, 4), orthogonal(rng, units, 4)
        V = (0.01 * rng.standard_normal((units, 2))).astype(np.float32)
        return [embeddings, W, U, zeros(4 * units), V, zeros(2)]

    def adadelta(cost, parameters: list) -> list:
        import graphlib
        import graphlib.tensor as T

        updates = []
        for p, g in zip(parameters, T.grad(cost, parameters), strict=True):
            gradient_square, step_square = (graphlib.shared(np.zeros_like(p.get_value())) for _ in range(2))
            new_square = decay * gradient_square + (1 - decay) * g**2
            dx = -T.sqrt(step_square + epsilon) / T.sqrt(new_square + epsilon) * g
            new_step = decay * step_square + (1 - decay) * dx**2
            updates += [(gradient_square, new_square), (step_square, new_step), (p, p + dx)]
        return updates

    def build() -> Runner:
        import graphlib
        import graphlib.tensor as T

        X, M, Y = (graphlib.shared(a, borrow=True) for a in (words, masks, classes))
        parameters = [graphlib.shared(value) for value in initial()]
        embeddings, W, U, b, V, a = parameters
        index, x, mask, y = T.lscalar("index"), T.imatrix("x"), T.matrix("mask"), T.ivector("y")

        def step(linear, m, h, c):
            new_h, new_c = lstm_step(linear, h, c, U, units)
            m = m[:, None]
            return m * new_h + (1 - m) * h, m * new_c + (1 - m) * c

        start = T.zeros((x.shape[1], units))
        (h, _), _ = graphlib.scan(step, [T.dot(embeddings[x], W) + b, mask], [start, start])
        mean = (h * mask[:, :, None]).sum(axis=0) / mask.sum(axis=0)[:, None]
        cost = negative_log_likelihood(T.dot(mean, V) + a, y)
        givens = {x: X[index], mask: M[index], y: Y[index]}
        train = graphlib.function(
            [index], cost, updates=adadelta(cost, parameters), givens=givens, name="train"
        )
        return over_minibatches(train, count)

    def by_layers() -> Runner:
        import graphlib
        import graphlib.tensor as T
        from graphlib.nn.layers import LSTM, Dense, Embedding, GlobalAveragePool, Sequential

        batches = (np.ascontiguousarray(a.swapaxes(1, 2)) for a in (words, masks))
        X, M, Y = (graphlib.shared(a, borrow=True) for a in (*batches, classes))
        embeddings, W, U, b, V, _ = initial()
        model = Sequential(
            [
                Embedding(initializer=embeddings),
                LSTM(units, initializer=W, recurrent_initializer=U, bias=b, return_sequences=True),
                GlobalAveragePool(),
                Dense(2, "softmax", initializer=V),
            ]
        )
        index, x, mask, y = T.lscalar("index"), T.imatrix("x"), T.matrix("mask"), T.ivector("y")
        p = model(x, training=True, mask=mask)
        cost = -T.mean(T.log(p)[T.arange(y.shape[0]), y])
        givens = {x: X[index], mask: M[index], y: Y[index]}
        train = graphlib.function(
            [index], cost, updates=adadelta(cost, model.params), givens=givens, name="train"
        )
        return over_minibatches(train, count)

    def products() -> list[bare.Product]:
        _, W, U, *_ = initial()
        x, linear, d_linear = (zeros(time * size, n) for n in (units, 4 * units, 4 * units))
        return [
            bare.Product(linear, x, W),
            *lstm_products(U, time, size),
            bare.Product(W, x.T, d_linear, alpha=-1, beta=1),
            bare.Product(x, d_linear, W.T),
        ]

    resident = nbytes(words, masks, classes) + 3 * nbytes(*initial())
    return Job(20, (0.693153, 0.692809), build, products, resident, by_layers=by_layers)


CHARACTERS = SimpleNamespace(count=81, units=256, size=50, length=50, rate=0.01, clip=5.0)


def character_streams() -> np.ndarray:
    """A made-up text in streams, (20 minibatches of `length` and one more, size) int32: every character has
    three that may follow it."""
    c = CHARACTERS
    rng = np.random.default_rng(12)
    followers = rng.integers(0, c.count, (c.count, 3))
    text = [rng.integers(0, c.count, c.size)]
    for _ in range(20 * c.length):
        text.append(followers[text[-1], rng.integers(0, 3, c.size)])
    return np.array(text, np.int32)


def character_parameters() -> list[np.ndarray]:
    """W, with a row for each character, U and b of the LSTM units, whose forget gates start open; V and a of
    the softmax."""
    c = CHARACTERS
    rng = np.random.default_rng(13)
    W, U = glorot(rng, c.count, 4 * c.units), orthogonal(rng, c.units, 4)
    b = np.repeat(np.array([0, 1, 0, 0], np.float32), c.units)
    return [W, U, b, glorot(rng, c.units, c.count), zeros(c.count)]


def char_lstm() -> Job:
    """A character model's minibatch: 50 streams of 50 characters, 256 LSTM units, clipping, AdaGrad."""
    c = CHARACTERS
    text = character_streams()
    count = (len(text) - 1) // c.length

    def build() -> Runner:
        import graphlib
        import graphlib.tensor as T

        X = graphlib.shared(text, borrow=True)
        parameters = [graphlib.shared(value) for value in character_parameters()]
        W, U, b, V, a = parameters
        h0, c0 = (graphlib.shared(zeros(c.size, c.units)) for _ in range(2))
        index, x, y = T.lscalar("index"), T.imatrix("x"), T.imatrix("y")
        (h, cells), _ = graphlib.scan(
            lambda linear, h, cell: lstm_step(linear, h, cell, U, c.units),
            W[x] + b,
            [h0, c0],
        )
        logits = (T.dot(h, V) + a).reshape((-1, c.count))
        cost = negative_log_likelihood(logits, y.flatten())
        updates = [(h0, h[-1]), (c0, cells[-1])]
        for p, g in zip(parameters, T.grad(cost, parameters), strict=True):
            squares = graphlib.shared(np.zeros_like(p.get_value()))
            g = T.clip(g, -c.clip, c.clip)
            summed = squares + g**2
            updates += [(squares, summed), (p, p - c.rate * g / T.sqrt(summed + 1e-8))]
        first = index * c.length
        givens = {x: X[first : first + c.length], y: X[first + 1 : first + c.length + 1]}
        train = graphlib.function([index], cost, updates=updates, givens=givens, name="train")
        return over_minibatches(train, count)

    def products() -> list[bare.Product]:
        _, U, _, V, _ = character_parameters()
        rows = c.length * c.size
        h, d_h = zeros(rows, c.units), zeros(rows, c.units)
        logits, d_logits = zeros(rows, c.count), small(rows, c.count)
        return [
            *lstm_products(U, c.length, c.size),
            bare.Product(logits, h, V),
            bare.Product(d_h, d_logits, V.T),
            bare.Product(V, h.T, d_logits, alpha=-1, beta=1),
        ]

    resident = nbytes(text) + 2 * nbytes(*character_parameters())
    return Job(20, (4.39364, 3.90104), build, products, resident, peers="char_lstm")


def rnnrbm() -> Job:
    """The RNN-RBM on a sequence of 100 steps: 88 keys, 150 hidden and 100 recurrent units, CD-15."""
    keys, units, recurrent, time, k, n, rate = 88, 150, 100, 100, 15, 10, 0.001
    rng = np.random.default_rng(10)
    chords = rng.random((8, keys)) < 0.06
    order = rng.integers(0, 8, (n, time // 4)).repeat(4, axis=1)
    pieces = (chords[order] ^ (rng.random((n, time, keys)) < 0.005)).astype(np.float32)

    @cache
    def initial() -> dict[str, np.ndarray]:
        rng = np.random.default_rng(9)

        def normal(rows: int, columns: int, scale: float) -> np.ndarray:
            return (scale * rng.standard_normal((rows, columns))).astype(np.float32)

        return {
            "W": normal(keys, units, 0.01),
            "bv": zeros(keys),
            "bh": zeros(units),
            "Wuh": normal(recurrent, units, 0.0001),
            "Wuv": normal(recurrent, keys, 0.0001),
            "Wvu": normal(keys, recurrent, 0.0001),
            "Wuu": normal(recurrent, recurrent, 0.0001),
            "bu": zeros(recurrent),
        }

    def build() -> Runner:
        import graphlib
        import graphlib.tensor as T
        from graphlib.tensor.random import RandomStreams

        V = graphlib.shared(pieces, borrow=True)
        parameters = variables(initial())
        W, bv, bh, Wuh, Wuv, Wvu, Wuu, bu = parameters
        index, v = T.lscalar("index"), T.matrix("v")

        def recurrence(v_t, u):
            return T.tanh(bu + T.dot(v_t, Wvu) + T.dot(u, Wuu)), bv + T.dot(u, Wuv), bh + T.dot(u, Wuh)

        start = [T.zeros((recurrent,)), None, None]
        (_, bv_t, bh_t), _ = graphlib.scan(recurrence, v, start)

        hidden, visible = conditionals(RandomStreams(22), W, bh_t, bv_t)
        chain, updates = graphlib.scan(lambda v: visible(hidden(v)[1])[1], outputs_info=v, n_steps=k)
        sample = chain[-1]

        def free_energy(v):
            return -(v * bv_t).sum() - T.nnet.softplus(T.dot(v, W) + bh_t).sum()

        cost = (free_energy(v) - free_energy(sample)) / time
        gradients = T.grad(cost, parameters, consider_constant=[sample])
        steps = [(p, p - rate * g) for p, g in zip(parameters, gradients, strict=True)]
        train = graphlib.function(
            [index],
            abs(v - sample).mean(),
            updates=[*updates.items(), *steps],
            givens={v: V[index]},
            name="train",
        )
        return over_minibatches(train, n)

    def products() -> list[bare.Product]:
        p = initial()
        v, h, u = zeros(time, keys), zeros(time, units), zeros(time, recurrent)
        d_v, d_h, d_u, row = (
            small(time, keys),
            small(time, units),
            small(time, recurrent),
            zeros(1, recurrent),
        )
        gibbs = [bare.Product(h, v, p["W"]), bare.Product(v, h, p["W"].T)]
        return [
            bare.Product(u, v, p["Wvu"]),
            *[bare.Product(row, u[t : t + 1], p["Wuu"]) for t in range(time)],
            bare.Product(v, u, p["Wuv"]),
            bare.Product(h, u, p["Wuh"]),
            *gibbs * k,
            *[bare.Product(h, v, p["W"])] * 2,
            *[bare.Product(p["W"], v.T, d_h, alpha=-rate, beta=1)] * 2,
            bare.Product(p["Wuv"], u.T, d_v, alpha=-rate, beta=1),
            bare.Product(p["Wuh"], u.T, d_h, alpha=-rate, beta=1),
            bare.Product(u, d_v, p["Wuv"].T),
            bare.Product(u, d_h, p["Wuh"].T, beta=1),
            *[bare.Product(row, d_u[t : t + 1], p["Wuu"].T) for t in range(time)],
            bare.Product(p["Wuu"], u.T, d_u, alpha=-rate, beta=1),
            bare.Product(p["Wvu"], v.T, d_u, alpha=-rate, beta=1),
        ]

    # Means of eight runs of the Boltzmann machines alone in NumPy, as the recurrent weights are too small at
    # first to matter; the last losses spread by a relative .011.
    resident = nbytes(pieces, *initial().values())
    return Job(10, (0.504, 0.4722), build, products, resident, tolerance=0.06)


JOBS = jobs(slu, lstm, char_lstm, rnnrbm)
