"""Models with an energy: restricted Boltzmann machines by their Gibbs chains, and hybrid Monte Carlo."""

from __future__ import annotations

from functools import cache

import numpy as np

from tests.benchmarks import bare
from tests.benchmarks.workloads.data import digits, glorot, minibatches, nbytes, small, zeros
from tests.benchmarks.workloads.job import Job, Runner, jobs
from tests.benchmarks.workloads.training import over_minibatches, variables


def conditionals(streams, W, hbias, vbias):
    """The two halves of a Boltzmann machine's Gibbs step: functions of the other layer's values that give
    the probabilities of a layer, and a sample."""
    import graphlib.tensor as T

    def drawn(mean):
        return mean, streams.binomial(size=mean.shape, n=1, p=mean, dtype="float32")

    return (
        lambda v: drawn(T.nnet.sigmoid(T.dot(v, W) + hbias)),
        lambda h: drawn(T.nnet.sigmoid(T.dot(h, W.T) + vbias)),
    )


def rbm() -> Job:
    """A restricted Boltzmann machine, 784-500, by PCD-15 with its pseudo-likelihood, minibatches of 20."""
    size, rate, k = 20, 0.1, 15
    images, _ = digits()
    x = minibatches(images, size)

    @cache
    def initial() -> dict[str, np.ndarray]:
        W = 4 * glorot(np.random.default_rng(4), 784, 500)
        return {"W": W, "hbias": zeros(500), "vbias": zeros(784)}

    def build() -> Runner:
        import graphlib
        import graphlib.tensor as T
        from graphlib.tensor.random import RandomStreams

        X = graphlib.shared(images, borrow=True)
        W, hbias, vbias = parameters = variables(initial())
        chain, bit = graphlib.shared(zeros(size, 500), name="chain"), graphlib.shared(0, name="bit")
        index, xs = T.lscalar("index"), T.matrix("x")
        hidden, visible = conditionals(RandomStreams(21), W, hbias, vbias)

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
        W = initial()["W"]
        v, h, d = zeros(size, 784), zeros(size, 500), small(size, 500)
        gibbs = [bare.Product(v, h, W.T), bare.Product(h, v, W)] * k
        rest = [bare.Product(h, x, W), bare.Product(h, v, W), bare.Product(h, v, W)]
        return [
            *gibbs,
            *rest,
            bare.Product(W, x.swapaxes(1, 2), d, alpha=-rate, beta=1),
            bare.Product(W, v.T, d, alpha=rate, beta=1),
        ]

    resident = nbytes(images, *initial().values())
    # The first has nothing random in it. The last is the mean of six runs in NumPy with other random numbers,
    # which lie between -183 and -327, as it looks at one unit of 20 examples.
    return Job(100, (-4661.6973, -265.0), build, products, resident, tolerance=0.5)


CHAINS, GIBBS_STEPS = 20, 1000


def gibbs_operands() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """W (784, 500), hidden and visible bias, and the chains' visible start, float32 and seeded."""
    W = 4 * glorot(np.random.default_rng(4), 784, 500)
    return W, zeros(500), np.full(784, -1, np.float32), zeros(CHAINS, 784)


def gibbs() -> Job:
    """A thousand Gibbs steps of 20 chains of a Boltzmann machine, 784-500: the loss is the units' mean."""

    def build() -> Runner:
        import graphlib
        from graphlib.tensor.random import RandomStreams

        W, hbias, vbias, v = (graphlib.shared(a) for a in gibbs_operands())
        hidden, visible = conditionals(RandomStreams(21), W, hbias, vbias)
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
    resident = nbytes(*gibbs_operands())
    return Job(2, (0.4776, 0.4776), build, products, resident, tolerance=0.01, peers="gibbs")


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


JOBS = jobs(rbm, gibbs, hmc)
