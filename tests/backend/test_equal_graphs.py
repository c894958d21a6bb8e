"""Equal graphs are equal C: built again, a model is in the cache and no compiler runs."""

import numpy as np

import graphlib
import graphlib.tensor as T


def perceptron_step():
    """A step of Adam, whose kernels read and write many arrays."""
    rng = np.random.default_rng(0)
    shapes = {"W1": (4, 20), "b1": (20,), "W2": (20, 3), "b2": (3,)}
    parameters = [
        graphlib.shared(rng.normal(size=shape).astype("float32"), name=name) for name, shape in shapes.items()
    ]
    W1, b1, W2, b2 = parameters
    x, y = T.fmatrix("x"), T.ivector("y")
    p = T.nnet.softmax(T.dot(T.nnet.relu(T.dot(x, W1) + b1), W2) + b2)
    cost = T.nnet.categorical_crossentropy(p, y).mean()
    updates = []
    for q, g in zip(parameters, T.grad(cost, parameters), strict=True):
        mean, square = (graphlib.shared(np.zeros_like(q.get_value())) for _ in range(2))
        new_mean, new_square = 0.9 * mean + 0.1 * g, 0.99 * square + 0.01 * g**2
        updates += [(mean, new_mean), (square, new_square), (q, q - new_mean / (T.sqrt(new_square) + 1))]
    return graphlib.function([x, y], [cost, T.neq(T.argmax(p, axis=1), y).mean()], updates=updates)


def test_a_graph_that_is_built_again_is_not_compiled_again(tmp_path):
    with graphlib.config.change(cache_dir=str(tmp_path)):
        for _ in range(4):
            perceptron_step()
    assert len(list(tmp_path.glob("**/*.so"))) == 1
