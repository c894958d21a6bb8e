"""The tutorials' training steps as benchmarks: for each the data, the initial parameters, the step written
with graphlib, and the bare work that no program can leave out. Data and parameters are seeded like those of
the other libraries' programs, so that losses can be compared: who computes something else is not faster, but
wrong.

A workload is one function that returns a `Job`; the name of the function is what the command line calls it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from types import SimpleNamespace

import numpy as np

from tests.benchmarks import bare
from tests.benchmarks.figures import TOLERANCE, agree
from tests.benchmarks.gibbs_peers import CHAINS, GIBBS_STEPS, gibbs_operands
from tests.benchmarks.layer_peers import EPSILON, LAYERS, Layer

Runner = Callable[[int, int], "list | None"]


@dataclass(frozen=True)
class Job:
    """One training step in every form in which it is measured.

    steps: how many make one timed block. losses: of the first step and of the first block's last, on which
    all contestants must agree. build: compiles the step with graphlib and returns run(first, steps) -> the
    steps' losses. bare: makes the step's matrix products, or copies. resident: bytes of data and parameters.
    peers: the module beside this one that other libraries run; None for the programs of --peer-code.
    """

    steps: int
    losses: tuple[float, float]
    build: Callable[[], Runner]
    bare: Callable[[], Sequence[bare.Product] | Sequence[bare.Copy]]
    resident: int
    tolerance: float = TOLERANCE
    peers: str | None = None

    def agrees(self, losses: Sequence[float | None]) -> bool | None:
        """Whether a contestant's losses are the right ones; None where it computes none."""
        return agree(losses, self.losses, self.tolerance)


JOBS: dict[str, Callable[[], Job]] = {}


def workload(make: Callable[[], Job]) -> Callable[[], Job]:
    """Enter a workload under its function's name."""
    JOBS[make.__name__] = cache(make)
    return JOBS[make.__name__]


def digits(n: int = 50_000, seed: int = 1234) -> tuple[np.ndarray, np.ndarray]:
    """Noisy images of ten prototypes, (n, 784) float32 in [0, 1], and labels (n,) int64, a tenth wrong."""
    rng = np.random.default_rng(seed)
    prototypes = (rng.random((10, 784)) < 0.2).astype(np.float32)
    labels = rng.integers(0, 10, n)
    images = prototypes[labels] * rng.uniform(0.5, 1.0, (n, 1)).astype(np.float32)
    images += rng.random((n, 784), dtype=np.float32) * np.float32(0.4) - np.float32(0.3)
    np.clip(images, 0, 1, out=images)
    wrong = rng.random(n) < 0.1
    labels[wrong] = rng.integers(0, 10, wrong.sum())
    return images, labels


def glorot(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Uniform in +-sqrt(6 / (rows + columns)), float32 (Glorot and Bengio 2010)."""
    bound = np.sqrt(6.0 / (rows + columns))
    return rng.uniform(-bound, bound, (rows, columns)).astype(np.float32)


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


def small(*shape: int) -> np.ndarray:
    """A gradient for the bare products, so small that thousands of updates leave the parameters finite."""
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32) * np.float32(1e-6)


def minibatches(data: np.ndarray, size: int) -> np.ndarray:
    """(n, …) as a view of shape (n // size, size, …)."""
    count = len(data) // size
    return data[: count * size].reshape(count, size, *data.shape[1:])


def nbytes(*arrays: np.ndarray) -> int:
    return sum(array.nbytes for array in arrays)


def negative_log_likelihood(logits, y):
    """The mean over the minibatch, as the tutorials write it; making it stable is graphlib's business."""
    import graphlib.tensor as T

    return -T.mean(T.log(T.nnet.softmax(logits))[T.arange(y.shape[0]), y])


def descend(cost, parameters, rate, index, givens):
    """Compile a step of gradient descent, a function of the minibatch's index."""
    import graphlib
    import graphlib.tensor as T

    gradients = T.grad(cost, parameters)
    updates = [(p, p - rate * g) for p, g in zip(parameters, gradients, strict=True)]
    return graphlib.function([index], cost, updates=updates, givens=givens, name="train")


def over_minibatches(train, count: int) -> Runner:
    return lambda first, steps: [train(i % count) for i in range(first, first + steps)]


@workload
def logreg() -> Job:
    """Logistic regression, minibatches of 600: two products that are as skinny as they come."""
    size, rate = 600, 0.13
    images, labels = digits()
    x = minibatches(images, size)

    def build() -> Runner:
        import graphlib
        import graphlib.tensor as T

        X, Y = graphlib.shared(images, borrow=True), graphlib.shared(labels.astype(np.int32))
        W, b = graphlib.shared(zeros(784, 10), name="W"), graphlib.shared(zeros(10), name="b")
        index, xs, ys = T.lscalar("index"), T.matrix("x"), T.ivector("y")
        rows = slice(index * size, (index + 1) * size)
        cost = negative_log_likelihood(T.dot(xs, W) + b, ys)
        return over_minibatches(descend(cost, [W, b], rate, index, {xs: X[rows], ys: Y[rows]}), len(x))

    def products() -> list[bare.Product]:
        W, logits, d_logits = zeros(784, 10), zeros(size, 10), small(size, 10)
        return [
            bare.Product(logits, x, W),
            bare.Product(W, x.swapaxes(1, 2), d_logits, alpha=-rate, beta=1),
        ]

    return Job(83, (2.302585, 0.690855), build, products, nbytes(images, labels, zeros(785, 10)))


@workload
def mlp() -> Job:
    """784-500-10 with tanh, minibatches of 20, L2: the tutorials' multilayer perceptron."""
    size, rate, decay = 20, 0.01, 1e-4
    images, labels = digits()
    x = minibatches(images, size)

    def initial() -> list[np.ndarray]:
        return [glorot(np.random.default_rng(1), 784, 500), zeros(500), zeros(500, 10), zeros(10)]

    def build() -> Runner:
        import graphlib
        import graphlib.tensor as T

        X, Y = graphlib.shared(images, borrow=True), graphlib.shared(labels.astype(np.int32))
        parameters = [
            graphlib.shared(value, name=name)
            for name, value in zip(("W1", "b1", "W2", "b2"), initial(), strict=True)
        ]
        W1, b1, W2, b2 = parameters
        index, xs, ys = T.lscalar("index"), T.matrix("x"), T.ivector("y")
        rows = slice(index * size, (index + 1) * size)
        hidden = T.tanh(T.dot(xs, W1) + b1)
        cost = negative_log_likelihood(T.dot(hidden, W2) + b2, ys) + decay * ((W1**2).sum() + (W2**2).sum())
        return over_minibatches(descend(cost, parameters, rate, index, {xs: X[rows], ys: Y[rows]}), len(x))

    def products() -> list[bare.Product]:
        W1, _, W2, _ = initial()
        hidden, d_hidden, logits, d_logits = (
            zeros(size, 500),
            zeros(size, 500),
            zeros(size, 10),
            small(size, 10),
        )
        shrink = 1 - 2 * rate * decay
        return [
            bare.Product(hidden, x, W1),
            bare.Product(logits, hidden, W2),
            bare.Product(d_hidden, d_logits, W2.T),
            bare.Product(W2, hidden.T, d_logits, alpha=-rate, beta=shrink),
            bare.Product(W1, x.swapaxes(1, 2), d_hidden, alpha=-rate, beta=shrink),
        ]

    return Job(500, (2.36367, 1.00902), build, products, nbytes(images, labels, *initial()))


LENET_BATCH = 500


def lenet_parameters() -> list[np.ndarray]:
    """Two layers of filters, a hidden layer and the output's: weights and biases in turn."""
    rng = np.random.default_rng(2)
    shapes = (20, 1, 5, 5), (50, 20, 5, 5)
    # fan in and, after pooling by two, fan out
    bounds = (np.sqrt(6.0 / (np.prod(s[1:]) + s[0] * np.prod(s[2:]) / 4)) for s in shapes)
    first, second = (rng.uniform(-b, b, s).astype(np.float32) for b, s in zip(bounds, shapes, strict=True))
    hidden = glorot(rng, 800, 500)
    return [first, zeros(20), second, zeros(50), hidden, zeros(500), zeros(500, 10), zeros(10)]


def lenet_logits(x, parameters):
    """The network of the tutorial on images (n, 784); as in other libraries, its filters are not flipped."""
    import graphlib.tensor as T

    W0, b0, W1, b1, W2, b2, W3, b3 = parameters
    layer = x.reshape((x.shape[0], 1, 28, 28))
    for W, b in ((W0, b0), (W1, b1)):
        layer = T.signal.pool.pool_2d(T.nnet.conv2d(layer, W, filter_flip=False), (2, 2), ignore_border=True)
        layer = T.tanh(layer + b.dimshuffle("x", 0, "x", "x"))
    return T.dot(T.tanh(T.dot(layer.flatten(2), W2) + b2), W3) + b3


def lenet_products(training: bool) -> list[bare.Product]:
    """What the layers of a step amount to, were all patches in memory."""
    layers = [(LENET_BATCH * 576, 25, 20), (LENET_BATCH * 64, 500, 50), (LENET_BATCH, 800, 500)]
    products = []
    for number, (places, inside, outside) in enumerate(layers):
        patches, weights, out = zeros(inside, places), zeros(outside, inside), zeros(outside, places)
        products.append(bare.Product(out, weights, patches))
        if training:
            products.append(bare.Product(weights, out, patches.T))
        if training and number:
            products.append(bare.Product(patches, weights.T, out))
    return products


@workload
def lenet() -> Job:
    """The tutorial's convolutional network, minibatches of 500: a training step."""
    images, labels = digits(5000)

    def build() -> Runner:
        import graphlib
        import graphlib.tensor as T

        X, Y = graphlib.shared(images, borrow=True), graphlib.shared(labels.astype(np.int32))
        parameters = [graphlib.shared(value) for value in lenet_parameters()]
        index, xs, ys = T.lscalar("index"), T.matrix("x"), T.ivector("y")
        rows = slice(index * LENET_BATCH, (index + 1) * LENET_BATCH)
        cost = negative_log_likelihood(lenet_logits(xs, parameters), ys)
        train = descend(cost, parameters, 0.1, index, {xs: X[rows], ys: Y[rows]})
        return over_minibatches(train, len(images) // LENET_BATCH)

    resident = nbytes(images, labels, *lenet_parameters())
    return Job(10, (2.302585, 2.130582), build, partial(lenet_products, True), resident)


@workload
def lenet_forward() -> Job:
    """LeNet's class probabilities of 500 images; the 'loss' is that of a zero last layer."""
    images, _ = digits(5000)

    def build() -> Runner:
        import graphlib
        import graphlib.tensor as T

        X = graphlib.shared(images, borrow=True)
        parameters = [graphlib.shared(value) for value in lenet_parameters()]
        index, xs = T.lscalar("index"), T.matrix("x")
        rows = slice(index * LENET_BATCH, (index + 1) * LENET_BATCH)
        p = T.nnet.softmax(lenet_logits(xs, parameters))
        predict = graphlib.function([index], -T.log(p).mean(), givens={xs: X[rows]}, name="predict")
        return over_minibatches(predict, len(images) // LENET_BATCH)

    resident = nbytes(images, *lenet_parameters())
    losses = (2.302585, 2.302585)
    return Job(10, losses, build, partial(lenet_products, False), resident, peers="layer_peers")


def _convolution_losses(layer: Layer, arrays: Sequence[np.ndarray]) -> list[float]:
    """The first elements of the result and of the gradients, by their definition."""
    x, w, t = (a.astype(np.float64) for a in arrays)
    stride, pad, k, out = layer.options["stride"], layer.options["pad"], w.shape[2], t.shape[2]
    reach = stride * (out - 1) + 1
    padded = np.pad(x[:, 0], [(0, 0), (pad, pad), (pad, pad)])
    corner = np.pad(x[0], [(0, 0), (pad, pad), (pad, pad)])[:, :k, :k]
    d_w = (padded[:, :reach:stride, :reach:stride] * t[:, 0]).sum()
    taps = [(o, pad - o * stride) for o in range(out) if 0 <= pad - o * stride < k]
    d_x = sum(t[0, :, p, q] @ w[:, 0, i, j] for p, i in taps for q, j in taps)
    first = float((corner * w[0]).sum())
    return [first, float(d_x + d_w) if layer.backward else first]


def _batch_norm_losses(layer: Layer, arrays: Sequence[np.ndarray]) -> list[float]:
    """Ioffe and Szegedy (2015), section 3; the gradients of its steps put together."""
    x, gamma, beta, t = (a.astype(np.float64) for a in arrays)
    over = (0, *range(2, x.ndim))
    gamma, beta = (np.expand_dims(v, over) for v in (gamma, beta))
    inverse = 1 / np.sqrt(x.var(over, keepdims=True) + EPSILON)
    normal = (x - x.mean(over, keepdims=True)) * inverse
    d_gamma, d_beta = (t * normal).sum(over, keepdims=True), t.sum(over, keepdims=True)
    count = x.size / gamma.size
    d_x = gamma * inverse * (t - (d_beta + normal * d_gamma) / count)
    return layer.losses([normal * gamma + beta, d_x, d_gamma, d_beta])


def _dropout_losses(layer: Layer, arrays: Sequence[np.ndarray]) -> list[float]:
    """The expected means: the sample's have a relative standard deviation of .0016."""
    x, t = arrays
    return layer.losses([x, t])


LAYER_LOSSES = {
    "convolution": _convolution_losses,
    "batch_norm": _batch_norm_losses,
    "dropout": _dropout_losses,
}


def _layer_expression(layer: Layer, operands: Sequence):
    import graphlib.tensor as T
    from graphlib.tensor.random import RandomStreams

    if layer.kind == "convolution":
        stride, pad = layer.options["stride"], layer.options["pad"]
        return T.nnet.conv2d(*operands, border_mode=pad, subsample=(stride, stride), filter_flip=False)
    if layer.kind == "dropout":
        return T.nnet.dropout(*operands, layer.options["p"], RandomStreams(24))
    axes = "spatial" if len(layer.result) == 4 else "per-activation"
    return T.nnet.batch_normalization_train(*operands, axes, EPSILON)[0]


def layer_job(layer: Layer) -> Job:
    """A layer by itself, with or without its gradients. Its 'losses' are not those of two steps, but a number
    for the result and one for the gradients."""
    arrays = layer.arrays()
    *operands, d_result = arrays

    def build() -> Runner:
        import graphlib
        import graphlib.tensor as T

        *inputs, t = map(graphlib.shared, arrays)
        result = _layer_expression(layer, inputs)
        values = [result, *(T.grad((result * t).sum(), inputs) if layer.backward else ())]
        targets = [graphlib.shared(np.zeros_like(a)) for a in (d_result, *operands)][: len(values)]
        step = graphlib.function([], updates=list(zip(targets, values, strict=True)), name=layer.kind)

        def run(first: int, steps: int) -> list[float]:
            for _ in range(steps):
                step()
            return layer.losses([target.get_value(borrow=True) for target in targets])

        return run

    def products() -> list[bare.Product]:
        (f, c, k, _), places = layer.shapes[1], d_result.size // layer.result[1]
        patches, weights, out = zeros(c * k * k, places), zeros(f, c * k * k), zeros(f, places)
        forward = bare.Product(out, weights, patches)
        if not layer.backward:
            return [forward]
        return [forward, bare.Product(weights, out, patches.T), bare.Product(patches, weights.T, out)]

    def copies() -> list[bare.Copy]:
        x = operands[0]
        return [bare.Copy(np.empty_like(d_result), x), bare.Copy(np.empty_like(x), d_result)]

    return Job(
        10 if layer.kind == "convolution" else 50,
        tuple(LAYER_LOSSES[layer.kind](layer, arrays)),
        build,
        products if layer.kind == "convolution" else copies,
        nbytes(*arrays),
        tolerance=0.01 if layer.kind == "dropout" else TOLERANCE,
        peers="layer_peers",
    )


for _name, _layer in LAYERS.items():
    _make = partial(layer_job, _layer)
    _make.__name__ = _name
    _make.__doc__ = f"{_layer.described()}."
    workload(_make)


@workload
def dA() -> Job:
    """A denoising autoencoder, 784-500 with tied weights, corruption 0.3, minibatches of 20."""
    size, rate, corruption = 20, 0.1, 0.3
    images, _ = digits()
    x = minibatches(images, size)

    def initial() -> list[np.ndarray]:
        return [4 * glorot(np.random.default_rng(3), 784, 500), zeros(500), zeros(784)]

    def build() -> Runner:
        import graphlib
        import graphlib.tensor as T
        from graphlib.tensor.random import RandomStreams

        X = graphlib.shared(images, borrow=True)
        names = ("W", "b", "b_prime")
        W, b, b_prime = parameters = [
            graphlib.shared(v, name=n) for n, v in zip(names, initial(), strict=True)
        ]
        index, xs = T.lscalar("index"), T.matrix("x")
        kept = RandomStreams(17).binomial(size=xs.shape, n=1, p=1 - corruption, dtype="float32")
        y = T.nnet.sigmoid(T.dot(kept * xs, W) + b)
        z = T.nnet.sigmoid(T.dot(y, W.T) + b_prime)
        cost = T.mean(-T.sum(xs * T.log(z) + (1 - xs) * T.log(1 - z), axis=1))
        rows = slice(index * size, (index + 1) * size)
        return over_minibatches(descend(cost, parameters, rate, index, {xs: X[rows]}), len(x))

    def products() -> list[bare.Product]:
        W = initial()[0]
        y, z, d_y, d_z = zeros(size, 500), zeros(size, 784), zeros(size, 500), small(size, 784)
        return [
            bare.Product(y, x, W),
            bare.Product(z, y, W.T),
            bare.Product(d_y, d_z, W),
            bare.Product(W, x.swapaxes(1, 2), d_y, alpha=-rate, beta=1),
            bare.Product(W, d_z.T, y, alpha=-rate, beta=1),
        ]

    # Means of eight runs in NumPy with other random numbers, whose first losses spread by a relative .0026.
    return Job(500, (842.2, 140.85), build, products, nbytes(images, *initial()), tolerance=0.015)


def orthogonal(rng: np.random.Generator, size: int, count: int) -> np.ndarray:
    """`count` random orthogonal matrices side by side: (size, count size) float32."""
    blocks = [np.linalg.svd(rng.standard_normal((size, size)))[0] for _ in range(count)]
    return np.concatenate(blocks, axis=1).astype(np.float32)


def lstm_step(linear, h, c, U, units: int):
    """(h', c') of LSTM units, whose gates are in the order input, forget, output, cell."""
    import graphlib.tensor as T

    z = linear + T.dot(h, U)
    i, f, o = (T.nnet.sigmoid(z[:, k * units : (k + 1) * units]) for k in range(3))
    c = f * c + i * T.tanh(z[:, 3 * units :])
    return o * T.tanh(c), c


@workload
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
        parameters = [graphlib.shared(value, name=name) for name, value in initial().items()]
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


@workload
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

    def initial() -> list[np.ndarray]:
        rng = np.random.default_rng(5)
        embeddings = (0.01 * rng.random((n_words, units))).astype(np.float32)
        W, U = orthogonal(rng, units, 4), orthogonal(rng, units, 4)
        V = (0.01 * rng.standard_normal((units, 2))).astype(np.float32)
        return [embeddings, W, U, zeros(4 * units), V, zeros(2)]

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
        updates = []
        for p, g in zip(parameters, T.grad(cost, parameters), strict=True):
            gradient_square, step_square = (graphlib.shared(np.zeros_like(p.get_value())) for _ in range(2))
            new_square = decay * gradient_square + (1 - decay) * g**2
            dx = -T.sqrt(step_square + epsilon) / T.sqrt(new_square + epsilon) * g
            new_step = decay * step_square + (1 - decay) * dx**2
            updates += [(gradient_square, new_square), (step_square, new_step), (p, p + dx)]
        givens = {x: X[index], mask: M[index], y: Y[index]}
        train = graphlib.function([index], cost, updates=updates, givens=givens, name="train")
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
    return Job(20, (0.693153, 0.692809), build, products, resident)


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


@workload
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
    return Job(20, (4.39364, 3.90104), build, products, resident, peers="language_peers")


@workload
def rnnrbm() -> Job:
    """The RNN-RBM on a sequence of 100 steps: 88 keys, 150 hidden and 100 recurrent units, CD-15."""
    keys, units, recurrent, time, k, n, rate = 88, 150, 100, 100, 15, 10, 0.001
    rng = np.random.default_rng(10)
    chords = rng.random((8, keys)) < 0.06
    order = rng.integers(0, 8, (n, time // 4)).repeat(4, axis=1)
    pieces = (chords[order] ^ (rng.random((n, time, keys)) < 0.005)).astype(np.float32)

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
        parameters = [graphlib.shared(value, name=name) for name, value in initial().items()]
        W, bv, bh, Wuh, Wuv, Wvu, Wuu, bu = parameters
        index, v, streams = T.lscalar("index"), T.matrix("v"), RandomStreams(22)

        def recurrence(v_t, u):
            return T.tanh(bu + T.dot(v_t, Wvu) + T.dot(u, Wuu)), bv + T.dot(u, Wuv), bh + T.dot(u, Wuh)

        start = [T.zeros((recurrent,)), None, None]
        (_, bv_t, bh_t), _ = graphlib.scan(recurrence, v, start)

        def draw(p):
            return streams.binomial(size=p.shape, n=1, p=p, dtype="float32")

        def gibbs(v):
            h = draw(T.nnet.sigmoid(T.dot(v, W) + bh_t))
            return draw(T.nnet.sigmoid(T.dot(h, W.T) + bv_t))

        chain, updates = graphlib.scan(gibbs, outputs_info=v, n_steps=k)
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


def conditionals(W, hbias, vbias):
    """The two halves of a Boltzmann machine's Gibbs step: functions of the other layer's values that give
    the probabilities of a layer, and a sample."""
    import graphlib.tensor as T
    from graphlib.tensor.random import RandomStreams

    streams = RandomStreams(21)

    def drawn(mean):
        return mean, streams.binomial(size=mean.shape, n=1, p=mean, dtype="float32")

    return (
        lambda v: drawn(T.nnet.sigmoid(T.dot(v, W) + hbias)),
        lambda h: drawn(T.nnet.sigmoid(T.dot(h, W.T) + vbias)),
    )


@workload
def rbm() -> Job:
    """A restricted Boltzmann machine, 784-500, by PCD-15 with its pseudo-likelihood, minibatches of 20."""
    size, rate, k = 20, 0.1, 15
    images, _ = digits()
    x = minibatches(images, size)

    def initial() -> list[np.ndarray]:
        return [4 * glorot(np.random.default_rng(4), 784, 500), zeros(500), zeros(784)]

    def build() -> Runner:
        import graphlib
        import graphlib.tensor as T

        X = graphlib.shared(images, borrow=True)
        W, hbias, vbias = parameters = [
            graphlib.shared(v, name=n) for n, v in zip(("W", "hbias", "vbias"), initial(), strict=True)
        ]
        chain, bit = graphlib.shared(zeros(size, 500), name="chain"), graphlib.shared(0, name="bit")
        index, xs = T.lscalar("index"), T.matrix("x")
        hidden, visible = conditionals(W, hbias, vbias)

        def gibbs(h):
            _, v = visible(h)
            return [v, hidden(v)[1]]

        def free_energy(v):
            return -T.dot(v, vbias) - T.nnet.softplus(T.dot(v, W) + hbias).sum(axis=1)

        (vs, hs), updates = graphlib.scan(gibbs, outputs_info=[None, chain], n_steps=k)
        cost = free_energy(xs).mean() - free_energy(vs[-1]).mean()
        for p, g in zip(parameters, T.grad(cost, parameters, consider_constant=[vs[-1]]), strict=True):
            updates[p] = p - rate * g
        updates[chain], updates[bit] = hs[-1], (bit + 1) % 784
        rounded = T.round(xs)
        flipped = T.set_subtensor(rounded[:, bit], 1 - rounded[:, bit])
        monitor = -(784 * T.nnet.softplus(free_energy(rounded) - free_energy(flipped))).mean()
        givens = {xs: X[index * size : (index + 1) * size]}
        train = graphlib.function([index], monitor, updates=updates, givens=givens, name="train")
        return over_minibatches(train, len(x))

    def products() -> list[bare.Product]:
        W = initial()[0]
        v, h, d = zeros(size, 784), zeros(size, 500), small(size, 500)
        gibbs = [bare.Product(v, h, W.T), bare.Product(h, v, W)] * k
        rest = [bare.Product(h, x, W), bare.Product(h, v, W), bare.Product(h, v, W)]
        return [
            *gibbs,
            *rest,
            bare.Product(W, x.swapaxes(1, 2), d, alpha=-rate, beta=1),
            bare.Product(W, v.T, d, alpha=rate, beta=1),
        ]

    # The first has nothing random in it. The last is the mean of six runs in NumPy with other random numbers,
    # which lie between -183 and -327, as it looks at one unit of 20 examples.
    return Job(100, (-4661.6973, -265.0), build, products, nbytes(images, *initial()), tolerance=0.5)


@workload
def gibbs() -> Job:
    """A thousand Gibbs steps of 20 chains of a Boltzmann machine, 784-500: the loss is the units' mean."""

    def build() -> Runner:
        import graphlib

        W, hbias, vbias, v = (graphlib.shared(a) for a in gibbs_operands())
        hidden, visible = conditionals(W, hbias, vbias)
        (means, vs), updates = graphlib.scan(
            lambda v: visible(hidden(v)[1]), outputs_info=[None, v], n_steps=GIBBS_STEPS
        )
        updates[v] = vs[-1]
        sample = graphlib.function([], means[-1].mean(), updates=updates, name="sample")
        return lambda first, steps: [sample() for _ in range(steps)]

    def products() -> list[bare.Product]:
        W, _, _, v = gibbs_operands()
        h = zeros(CHAINS, 500)
        return [bare.Product(h, v, W), bare.Product(v, h, W.T)] * GIBBS_STEPS

    # The mean of runs in NumPy with other random numbers, which spread by a relative .001.
    return Job(
        2,
        (0.4776, 0.4776),
        build,
        products,
        nbytes(*gibbs_operands()),
        tolerance=0.01,
        peers="gibbs_peers",
    )


@workload
def hmc() -> Job:
    """A draw of hybrid Monte Carlo: 100 particles, a Gaussian of 5 dimensions, 20 leapfrog steps."""
    particles, dim, leaps, target, slowness = 100, 5, 20, 0.9, 0.9
    rng = np.random.default_rng(11)
    factor = rng.standard_normal((dim, dim))
    precision = np.linalg.inv(factor @ factor.T / dim + 0.5 * np.eye(dim)).astype(np.float32)
    mu = (rng.random(dim) * 5).astype(np.float32)
    start = rng.standard_normal((particles, dim)).astype(np.float32)

    def build() -> Runner:
        import graphlib
        import graphlib.tensor as T
        from graphlib.tensor.random import RandomStreams

        streams = RandomStreams(23)
        q = graphlib.shared(start, name="positions")
        size = graphlib.shared(np.float32(0.01), name="stepsize")
        rate = graphlib.shared(np.float32(target), name="acceptance")

        def energy(x):
            return 0.5 * (T.dot(x - mu, precision) * (x - mu)).sum(axis=1)

        def force(x):
            return -T.grad(energy(x).sum(), x)

        def leap(x, v):
            v = v + size * force(x)
            return [x + size * v, v]

        v0 = streams.normal(size=(particles, dim))
        half = v0 + 0.5 * size * force(q)
        (xs, vs), _ = graphlib.scan(leap, outputs_info=[q + size * half, half], n_steps=leaps - 1)
        x = xs[-1]
        v = vs[-1] + 0.5 * size * force(x)
        fall = energy(q) - energy(x) + 0.5 * ((v0**2).sum(axis=1) - (v**2).sum(axis=1))
        accept = streams.uniform(size=(particles,)) < T.exp(fall)
        following = T.switch(accept[:, None], x, q)
        factor = T.switch(rate > target, 1.02, 0.98)
        updates = [
            (q, following),
            (size, T.clip(size * factor, 0.001, 0.25)),
            (rate, slowness * rate + (1 - slowness) * T.cast(accept, "float32").mean()),
        ]
        draw = graphlib.function([], energy(following).mean(), updates=updates, name="draw")
        return lambda first, steps: [draw() for _ in range(steps)]

    def products() -> list[bare.Product]:
        return [bare.Product(zeros(particles, dim), start, precision)] * (leaps + 1)

    # Means of eight runs in NumPy with other random numbers; the last is of 100 points, and the first moves
    # are short. Their standard deviations are .25 and .1.
    return Job(1000, (25.7, 2.5), build, products, nbytes(start, mu, precision), tolerance=0.25)


@workload
def elem() -> Job:
    """An elementwise expression of a million numbers and its four gradients: fusion, and nothing else."""
    rng = np.random.default_rng(12)
    values = [rng.standard_normal(1_000_000).astype(np.float32) for _ in range(4)]

    def build() -> Runner:
        import graphlib
        import graphlib.tensor as T

        a, b, c, d = inputs = [graphlib.shared(value) for value in values]
        cost = (T.nnet.sigmoid(a * b + c) * T.tanh(d) - T.exp(-a * a)).sum()
        evaluate = graphlib.function([], [cost, *T.grad(cost, inputs)], name="elementwise")
        return lambda first, steps: [evaluate()[0] for _ in range(steps)]

    a, b, c, d = (value.astype(np.float64) for value in values)
    total = float((np.tanh(d) / (1 + np.exp(-a * b - c)) - np.exp(-a * a)).sum())

    def copies() -> list[bare.Copy]:
        return [bare.Copy(np.empty_like(value), value) for value in values]

    return Job(20, (total, total), build, copies, nbytes(*values))


def _enter(name: str, variant: str) -> Runner:
    """A contestant's run(first, steps): "graphlib", or the bare work on "<number> threads"."""
    job = JOBS[name]()
    return job.build() if variant == "graphlib" else bare.runner(job.bare(), int(variant.split()[0]))


WORKLOADS = {name: partial(_enter, name) for name in JOBS}
