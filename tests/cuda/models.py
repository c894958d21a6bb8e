"""The two models whose training the tests follow, logistic regression and a multilayer perceptron, small; and
convolutions."""

import numpy as np

import graphlib
import graphlib.tensor as T

EXAMPLES, BATCH, PIXELS, CLASSES = 400, 20, 64, 10


def training_step(hidden, device, floatX="float32", cublas=False):
    """A function of a minibatch's number that returns the cost and updates; its parameters; the data."""
    random = np.random.RandomState(7)
    with graphlib.config.change(floatX=floatX, device=device, cublas=cublas):
        images = graphlib.shared(random.rand(EXAMPLES, PIXELS).astype(floatX), name="images")
        digits = graphlib.shared(random.randint(0, CLASSES, EXAMPLES).astype("int32"), name="digits")
        x, y, index = T.matrix("x"), T.ivector("y"), T.lscalar("index")
        layer, parameters, width = x, [], PIXELS
        for k, units in enumerate([*hidden, CLASSES]):
            w = graphlib.shared((random.randn(width, units) / np.sqrt(width)).astype(floatX), name=f"W{k}")
            b = graphlib.shared(np.zeros(units, floatX), name=f"b{k}")
            layer = T.dot(layer, w) + b
            layer = T.tanh(layer) if k < len(hidden) else T.nnet.softmax(layer)
            parameters += [w, b]
            width = units
        cost = -T.mean(T.log(layer)[T.arange(y.shape[0]), y])
        cost += 1e-4 * sum((w**2).sum() for w in parameters[::2])
        rows = slice(index * BATCH, (index + 1) * BATCH)
        step = graphlib.function(
            [index],
            cost,
            updates=[(p, p - 0.1 * g) for p, g in zip(parameters, T.grad(cost, parameters), strict=True)],
            givens={x: images[rows], y: digits[rows]},
            name="step",
        )
    return step, parameters


#: images, filters, options of conv2d: more than one tile, sums cut off in the middle of one, odd lengths
CONVOLUTIONS = [
    ((6, 5, 9, 8), (17, 5, 3, 2), {}),
    ((6, 17, 7, 7), (66, 17, 3, 3), {"border_mode": "half", "filter_flip": False}),
    (
        (11, 18, 9, 11),
        (16, 18, 2, 3),
        {"border_mode": (2, 1), "subsample": (2, 3), "filter_dilation": (2, 1)},
    ),
    ((2, 16, 6, 20), (20, 16, 1, 5), {"border_mode": "full", "filter_dilation": (1, 2)}),
]


def convolution(images, filters, dtype, options, known):
    """The inputs of a convolution, it and both its gradients, and arrays for the inputs, whose lengths the
    function knows or not."""
    random = np.random.RandomState(len(images))
    arrays = [random.normal(size=shape).astype(dtype) for shape in (images, filters)]
    inputs = [
        T.TensorType(dtype, shape if known else (None,) * 4)(name)
        for name, shape in zip("xw", (images, filters), strict=True)
    ]
    out = T.nnet.conv2d(*inputs, **options)
    return inputs, [out, *T.grad((out * T.cos(out)).sum(), inputs)], arrays
