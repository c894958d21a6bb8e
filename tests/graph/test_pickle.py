"""Copying and pickling graphs, models and functions: identity, values, names, origins, fresh processes."""

import copy
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.graph import toposort
from tests.ops.backends import MODES, compiled

COPIES = {
    "deepcopy": copy.deepcopy,
    **{
        f"pickle {p}": lambda v, p=p: pickle.loads(pickle.dumps(v, p))
        for p in range(2, pickle.HIGHEST_PROTOCOL + 1)
    },
}
every_copy = pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)


class Classifier:
    """A model as the tutorials write them: shared parameters, and expressions as attributes."""

    def __init__(self):
        self.x, self.y = T.matrix("x"), T.ivector("y")
        self.W = graphlib.shared(np.linspace(-1, 1, 6, dtype="float32").reshape(3, 2), "W")
        self.b = graphlib.shared(np.array([0.1, -0.1], "float32"), "b")
        self.params = [self.W, self.b]
        self.p = T.nnet.softmax(T.dot(self.x, self.W) + self.b)
        self.y_pred = T.argmax(self.p, axis=1)
        self.cost = -T.mean(T.log(self.p)[T.arange(self.y.shape[0]), self.y])

    def train(self, mode):
        gradients = graphlib.grad(self.cost, self.params)
        updates = [(p, p - 0.5 * g) for p, g in zip(self.params, gradients, strict=True)]
        return compiled(mode, [self.x, self.y], self.cost, updates=updates, name="train")

    def predict(self, mode):
        return compiled(mode, [self.x], self.y_pred)


X = np.array([[1, 2, 3], [-1, 0, 1], [0.5, -2, 0]], "float32")
Y = np.array([0, 1, 1], "int32")


@every_copy
def test_a_model_keeps_its_identities(copied):
    model = Classifier()
    twin = copied(model)
    assert twin.W is not model.W and twin.params[0] is twin.W and twin.params[1] is twin.b
    assert [v.name for v in (twin.x, twin.y, twin.W, twin.b)] == ["x", "y", "W", "b"]
    leaves = graphlib.graph.graph_inputs([twin.cost, twin.y_pred])
    assert set(leaves) == {twin.x, twin.y, twin.W, twin.b}
    # p is in the graph of both
    assert twin.p.owner in toposort([twin.cost]) and twin.p.owner in toposort([twin.y_pred])
    assert len(toposort([twin.cost, twin.y_pred])) == len(toposort([model.cost, model.y_pred]))
    assert twin.cost.type == model.cost.type and twin.cost.origin == model.cost.origin


@every_copy
def test_the_twin_computes_and_learns_on_its_own(copied):
    model = Classifier()
    twin = copied(model)
    before = model.W.get_value()
    train = twin.train("reference")
    costs = [float(train(X, Y)) for _ in range(5)]
    assert costs == sorted(costs, reverse=True)
    assert np.array_equal(model.W.get_value(), before) and not np.array_equal(twin.W.get_value(), before)
    again = copied(twin)
    assert np.array_equal(again.W.get_value(), twin.W.get_value())
    assert np.array_equal(again.predict("reference")(X), twin.predict("reference")(X))


@pytest.mark.parametrize("first", ["p", "cost", "y_pred"])
def test_pickling_one_expression_and_then_the_model(first):
    """What was pickled before does not change what is pickled later."""
    model = Classifier()
    pickle.dumps(getattr(model, first))
    derived = getattr(model, first) * 2
    both, twin = pickle.loads(pickle.dumps((derived, model)))
    assert getattr(twin, first) is both.owner.inputs[0]
    assert twin.p.owner in toposort([twin.cost])


@every_copy
def test_a_function_and_the_model_it_trains_stay_together(copied):
    model = Classifier()
    model.step = model.train("reference")
    model.step(X, Y)
    twin = copied(model)
    assert set(twin.step.get_shared()) == set(twin.params)
    before = twin.W.get_value()
    assert twin.step(X, Y) == model.step(X, Y)
    assert not np.array_equal(twin.W.get_value(), before)
    assert np.array_equal(twin.W.get_value(), model.W.get_value())


SCRIPT = """
import pickle, sys
import numpy as np
from tests.graph.test_pickle import Classifier
with open(sys.argv[1], "rb") as f:
    model, step = pickle.load(f)
x = np.load(sys.argv[2])
import graphlib
prediction = graphlib.function([model.x], model.y_pred)
print(graphlib.config.mode, step.mode)
print(prediction(x).tolist())
print(float(step(x, np.array([0, 1, 1], "int32"))))
print(model.W.get_value().tolist())
"""


@pytest.mark.parametrize("mode", MODES)
def test_a_fresh_process_restores_and_predicts(mode, tmp_path):
    model = Classifier()
    step = model.train(mode)
    prediction = model.predict(mode)(X)
    with open(tmp_path / "model.pkl", "wb") as f:
        pickle.dump((model, step), f)
    np.save(tmp_path / "x.npy", X)
    root = Path(__file__).parents[2]
    start = f"import sys; sys.path[:0] = [{str(root)!r}, {str(root / 'tutorials')!r}]; import _checkout\n"
    result = subprocess.run(
        [sys.executable, "-c", start + SCRIPT, str(tmp_path / "model.pkl"), str(tmp_path / "x.npy")],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env={**os.environ, "GRAPHLIB_FLAGS": f"mode={step.mode}"},
    )
    modes, predicted, cost, weights = result.stdout.splitlines()
    assert modes == f"{step.mode} {step.mode}"
    assert predicted == str(prediction.tolist())
    # the fresh process runs on the CPU, wherever the function was compiled before: equal up to rounding
    assert float(cost) == pytest.approx(float(step(X, Y)), rel=1e-5)
    assert np.array(json.loads(weights)) == pytest.approx(model.W.get_value(), rel=1e-5, abs=1e-6)


@every_copy
def test_leaves(copied):
    x = T.matrix("x", shape=(None, 3))
    c = T.constant(np.array([1.0, 2]), name="c")
    s = graphlib.shared(np.arange(3), "s", shape=(None,))
    x2, c2, s2 = copied([x, c, s])
    assert x2.type == x.type and x2.name == "x" and x2 is not x and x2.origin == x.origin
    assert np.array_equal(c2.data, c.data) and c2.name == "c" and not c2.data.flags.writeable
    assert s2.get_value().tolist() == [0, 1, 2] and s2.type.shape == (None,)
    s2.set_value([5, 6])
    assert s.get_value().tolist() == [0, 1, 2]


@every_copy
def test_attributes_of_a_programs_own_and_what_they_lead_to(copied):
    """An attribute may lead back to its variable, and forward to what is computed of it."""
    x, s = T.vector("x"), graphlib.shared(1.0, "s")
    middle = x * s
    end = T.exp(middle)
    x.layer, s.layer, middle.layer, end.layer = ({"name": n, "out": end, "in": x} for n in "xsme")
    (end2,) = copied([end])
    (middle2,) = end2.owner.inputs
    x2, s2 = middle2.owner.inputs
    for v, name in ((x2, "x"), (s2, "s"), (middle2, "m"), (end2, "e")):
        assert v.layer["name"] == name and v.layer["out"] is end2 and v.layer["in"] is x2
    assert x2 is not x
    constant = T.constant(2.0)
    constant.note = "alone"
    assert copied(constant).note == "alone"


@every_copy
def test_several_outputs_of_one_node_and_of_one_variable_twice(copied):
    x = T.vector("x")
    values, places = T.sort(x), T.argsort(x)
    a, b, c = copied([values, places, values])
    assert a is c and a.owner.inputs[0] is b.owner.inputs[0]


@every_copy
def test_default_updates_are_kept(copied):
    """Also where the update leads back to the variable, and the variable to the update."""
    counter = graphlib.shared(3, "counter")
    twice = counter * 2
    counter.default_update = twice + 1
    other = graphlib.shared(1.0, "other")
    other.default_update = counter
    for value in (counter, [twice, counter, other], [other, twice], [counter.default_update, other]):
        copied(value)
    c, t, o = copied([counter, twice, other])
    assert c.default_update.owner.inputs[0] is t and o.default_update is c
    f = graphlib.function([], t, mode="reference")
    assert [int(f()), int(f())] == [6, 14]
    assert counter.get_value() == 3
    counter.default_update = None
    assert copied(counter).default_update is None


@every_copy
def test_types_configuration_and_operations(copied):
    assert copied(T.matrix(shape=(2, None)).type) == T.matrix(shape=(2, None)).type
    x = T.vector("x")
    for y in (
        T.exp(x),
        x[1:],
        x[::2].sum(),
        T.cast(x, "int32"),
        x.dimshuffle("x", 0),
        T.argmax(x),
        T.grad_clip(x, 0, 1),
    ):
        assert copied(y).owner.op == y.owner.op and hash(copied(y).owner.op) == hash(y.owner.op)


def test_a_shallow_copy_of_a_shared_variable_has_a_value_of_its_own():
    s = graphlib.shared(np.zeros(2), "s")
    twin = copy.copy(s)
    twin.set_value([1, 2])
    assert s.get_value().tolist() == [0, 0] and twin.name == "s"


# clone


def test_clone_replaces_inputs_and_whole_parts():
    x, y, z = T.dvector("x"), T.dvector("y"), T.dvector("z")
    middle = x * y
    out = T.exp(middle) + x
    out.name = "out"
    (copied,) = graphlib.clone([out], {x: z})
    assert copied.name == "out" and copied.origin == out.origin
    f = graphlib.function([y, z], copied, mode="reference")
    np.testing.assert_allclose(f([2.0], [0.5]), np.exp(1) + 0.5)
    part = graphlib.clone(out, {middle: z})
    assert isinstance(part, T.TensorVariable), "one variable gives one"
    np.testing.assert_allclose(
        graphlib.function([x, z], part, mode="reference")([2.0], [0.5]), np.exp(0.5) + 2
    )
    # simultaneously, not one after the other
    swapped = graphlib.clone([x - y], {x: y, y: x})[0]
    assert graphlib.function([x, y], swapped, mode="reference")([5.0], [3.0]) == [-2.0]


def test_clone_shares_what_no_replacement_reaches():
    x, y, z = T.dvectors("x", "y", "z")
    kept, changed = T.exp(x), T.exp(y)
    both, alone = graphlib.clone([kept + changed, kept], {y: z})
    assert alone is kept and kept in both.owner.inputs


def test_clone_infers_types_anew():
    x = T.matrix("x")
    rows = x.sum(axis=0)
    (known,) = graphlib.clone([rows], {x: T.matrix(shape=(3, 4))})
    assert rows.type.shape == (None,) and known.type.shape == (4,)
