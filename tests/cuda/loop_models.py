"""The models with loops whose training the tests follow: a recurrent network, an LSTM and a restricted
Boltzmann machine, small.

Each makes a function of a minibatch that returns the cost and updates, and gives its parameters.
"""

import numpy as np

import graphlib
import graphlib.tensor as T
from graphlib.tensor.random import RandomStreams

UNITS, WIDTH, BATCH = 6, 5, 4


def weights(random, *shape):
    return graphlib.shared((random.normal(size=shape) * 0.4).astype("float32"))


def descent(inputs, cost, parameters):
    updates = [(p, p - 0.1 * g) for p, g in zip(parameters, T.grad(cost, parameters), strict=True)]
    return graphlib.function(inputs, cost, updates=updates), parameters


def recurrent():
    """A minibatch's sequences (steps, batch, width) and the classes at their ends."""
    random = np.random.RandomState(1)
    x, y = T.tensor3("x"), T.ivector("y")
    u, w, v = weights(random, WIDTH, UNITS), weights(random, UNITS, UNITS), weights(random, UNITS, 3)
    b = graphlib.shared(np.zeros(UNITS, "float32"))
    first = T.zeros((x.shape[1], UNITS), "float32")
    states, _ = graphlib.scan(lambda row, h: T.tanh(T.dot(row, u) + T.dot(h, w) + b), x, first)
    p = T.nnet.softmax(T.dot(states[-1], v))
    return descent([x, y], -T.mean(T.log(p)[T.arange(y.shape[0]), y]), [u, w, v, b])


def lstm():
    random = np.random.RandomState(2)
    x, y = T.tensor3("x"), T.ivector("y")
    w, u = weights(random, WIDTH, 4 * UNITS), weights(random, UNITS, 4 * UNITS)
    v = weights(random, UNITS, 3)

    def step(row, h, c):
        gates = T.dot(row, w) + T.dot(h, u)
        i, f, o = (T.nnet.sigmoid(gates[:, k * UNITS : (k + 1) * UNITS]) for k in range(3))
        c = f * c + i * T.tanh(gates[:, 3 * UNITS :])
        return o * T.tanh(c), c

    first = T.zeros((x.shape[1], UNITS), "float32")
    (states, _), _ = graphlib.scan(step, x, [first, first])
    p = T.nnet.softmax(T.dot(states.mean(0), v))
    return descent([x, y], -T.mean(T.log(p)[T.arange(y.shape[0]), y]), [w, u, v])


def sequences(length):
    random = np.random.RandomState(length)
    x = random.normal(size=(length, BATCH, WIDTH)).astype("float32")
    return x, random.randint(0, 3, BATCH).astype("int32")


def persistent(length=3):
    """A step of a restricted Boltzmann machine by persistent contrastive divergence."""
    random = np.random.RandomState(3)
    draws = RandomStreams(5)
    w = weights(random, WIDTH, UNITS)
    b, c = graphlib.shared(np.zeros(WIDTH, "float32")), graphlib.shared(np.zeros(UNITS, "float32"))
    chain = graphlib.shared((random.rand(BATCH, WIDTH) > 0.5).astype("float32"))
    x = T.matrix("x")

    def gibbs(v):
        h = draws.binomial(size=(BATCH, UNITS), n=1, p=T.nnet.sigmoid(T.dot(v, w) + c), dtype="float32")
        return draws.binomial(size=(BATCH, WIDTH), n=1, p=T.nnet.sigmoid(T.dot(h, w.T) + b), dtype="float32")

    samples, updates = graphlib.scan(gibbs, outputs_info=chain, n_steps=length)
    last = graphlib.consider_constant(samples[-1])

    def energy(v):
        return (-T.dot(v, b) - T.nnet.softplus(T.dot(v, w) + c).sum(1)).mean()

    cost = energy(x) - energy(last)
    for p, g in zip([w, b, c], T.grad(cost, [w, b, c]), strict=True):
        updates[p] = p - 0.1 * g
    updates[chain] = last
    return graphlib.function([x], energy(x), updates=updates), [w, b, c, chain]


#: name -> (what makes it, its minibatch number k)
MODELS = {
    "rnn": (recurrent, lambda k: sequences(4 + k % 2)),
    "lstm": (lstm, lambda k: sequences(4 + k % 2)),
    "rbm": (persistent, lambda k: (np.random.RandomState(k).rand(BATCH, WIDTH).astype("float32"),)),
}
