"""Loops over steps drawn at random, held against the same steps written out one by one.

Values, gradients by everything that goes in, products with the Jacobian, and second derivatives.
"""

import os
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import graphlib
import graphlib.tensor as T

from .modes import compiled

WIDTH = 3

#: name -> (operands, function of vectors and of the matrix that the step closes over)
OPERATIONS = {
    "tanh": (1, lambda a, w: T.tanh(a)),
    "sigmoid": (1, lambda a, w: T.nnet.sigmoid(a * 2)),
    "add": (2, lambda a, b, w: (a + b) * 0.5),
    "product": (2, lambda a, b, w: a * b),
    "layer": (1, lambda a, w: T.tanh(T.dot(a, w))),
    "transposed": (1, lambda a, w: T.dot(w, a) * 0.3),
    "sum": (2, lambda a, b, w: b * T.tanh(a.sum())),
    "mean": (1, lambda a, w: a - a.mean()),
    "inner": (2, lambda a, b, w: a * T.tanh(T.dot(a, b))),
    "outer": (2, lambda a, b, w: T.dot(T.outer(a, b), b) * 0.2),
    "reversed": (1, lambda a, w: a[::-1]),
    "shifted": (2, lambda a, b, w: T.concatenate([a[1:], b[:1]])),
    "element": (2, lambda a, b, w: b * a[0] + w[-1]),
    "written": (2, lambda a, b, w: T.set_subtensor(a[1:], b[:-1] * 0.7)),
    "softmax": (1, lambda a, w: T.nnet.softmax(a)[0]),
    "choice": (2, lambda a, b, w: T.switch(a > 0.1, b, a * 0.5)),
    "constant": (2, lambda a, b, w: a + graphlib.consider_constant(b) * 0.5),
    "loop": (
        2,
        lambda a, b, w: graphlib.scan(lambda v, h: T.tanh(h * v + b), a, b * 0.5)[0][-1],
    ),
    "branch": (2, lambda a, b, w: graphlib.ifelse(a[0] > b[0], a * b, T.sin(b))),
}


@dataclass
class Step:
    """A step by instructions: (name, operands counted from the end of what there is so far)."""

    instructions: list
    sequences: list
    states: list
    mapped: int
    steps: int
    backwards: bool
    known: bool

    def __call__(self, *values):
        *values, w = values
        pool = list(values)
        for name, *operands in self.instructions:
            count, function = OPERATIONS[name]
            pool.append(function(*(pool[-1 - k % len(pool)] for k in operands[:count]), w))
        wanted = len(self.states) + self.mapped
        # the last values go out; where there are too few, the first ones as well
        return (pool[::-1] + pool[::-1] * wanted)[:wanted]

    def looped(self, sequences, initial, u, w):
        outputs, _ = graphlib.scan(
            self,
            [{"input": x, "taps": list(taps)} for x, taps in zip(sequences, self.sequences, strict=True)],
            [
                *(
                    h[0] if taps == (-1,) else {"initial": h, "taps": list(taps)}
                    for h, taps in zip(initial, self.states, strict=True)
                ),
                *[None] * self.mapped,
            ],
            non_sequences=[u, w],
            n_steps=None if sequences else self.steps,
            go_backwards=self.backwards,
            return_list=True,
        )
        return outputs

    def unrolled(self, sequences, initial, u, w):
        states = [[h[k] for k in range(-min(taps))] for h, taps in zip(initial, self.states, strict=True)]
        mapped = [[] for _ in range(self.mapped)]
        low = [min([0, *taps]) for taps in self.sequences]
        for t in range(self.steps):
            at = self.steps - 1 - t if self.backwards else t
            rows = [
                x[at + tap - start]
                for x, taps, start in zip(sequences, self.sequences, low, strict=True)
                for tap in taps
            ]
            last = [h[tap] for h, taps in zip(states, self.states, strict=True) for tap in taps]
            results = self(*rows, *last, u, w)
            for rows_of, value in zip([*states, *mapped], results, strict=True):
                rows_of.append(value)
        return [T.stack(h[-min(taps) :]) for h, taps in zip(states, self.states, strict=True)] + [
            T.stack(m) for m in mapped
        ]


@st.composite
def steps(draw, longest=4, shortest=1):
    number = st.integers(0, 7)
    names = st.sampled_from(sorted(OPERATIONS))
    return Step(
        draw(st.lists(st.tuples(names, number, number), min_size=1, max_size=6)),
        draw(st.lists(st.sampled_from([(0,), (0, 1), (-1, 0), (-2, 1)]), max_size=2)),
        draw(st.lists(st.sampled_from([(-1,), (-1,), (-2, -1), (-3, -1), (-2,)]), min_size=1, max_size=2)),
        draw(st.integers(0, 2)),
        draw(st.integers(shortest, longest)),
        draw(st.booleans()),
        draw(st.booleans()),
    )


def variables(step):
    """(sequences, initial values, u, w) as variables, and arrays for all of them."""
    random = np.random.RandomState(0)
    arrays = [random.normal(size=(step.steps + max([0, *t]) - min([0, *t]), WIDTH)) for t in step.sequences]
    arrays += [random.normal(size=(-min(t), WIDTH)) for t in step.states]
    arrays += [random.normal(size=WIDTH), random.normal(size=(WIDTH, WIDTH)) * 0.5]
    made = [T.TensorType("float64", (None,) * a.ndim)(f"v{k}") for k, a in enumerate(arrays)]
    # the rows' number is not known, their width may be
    width = WIDTH if step.known else None
    known = [T.specify_shape(v, (None,) * (v.ndim - 1) + (width,)) for v in made]
    cut = len(step.sequences)
    return (known[:cut], known[cut:-2], known[-2], known[-1]), made, arrays


def cost_of(outputs):
    return sum(T.sin(v * (k + 1)).sum() for k, v in enumerate(outputs)) + outputs[0][-1].sum()


def held_together(mode, leaves, arrays, got, wanted):
    ours = compiled(mode, leaves, got)(*arrays)
    theirs = compiled("reference", leaves, wanted)(*arrays)
    for k, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-9, err_msg=f"result {k}")


def examples(count):
    more = float(os.environ.get("GRAPHLIB_TEST_EXAMPLES", "30")) / 30
    return settings(
        max_examples=max(1, round(count * more)),
        deadline=None,
        derandomize="GRAPHLIB_TEST_EXAMPLES" not in os.environ,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )


@pytest.mark.parametrize("mode", ["reference", "c"])
@examples(12)
@given(step=steps())
def test_values_and_gradients(mode, step):
    groups, leaves, arrays = variables(step)
    results = []
    for outputs in (step.looped(*groups), step.unrolled(*groups)):
        results.append([*outputs, *T.grad(cost_of(outputs), leaves, disconnected_inputs="ignore")])
    held_together(mode, leaves, arrays, *results)


@examples(4)
@given(step=steps(longest=3))
def test_values_and_gradients_on_the_device(step):
    test_values_and_gradients.hypothesis.inner_test("cuda", step)


@pytest.mark.parametrize("mode", ["reference", "c"])
@examples(6)
@given(step=steps(longest=3))
def test_second_derivatives_and_forward_products(mode, step):
    groups, leaves, arrays = variables(step)
    directions = [np.cos(np.arange(a.size)).reshape(a.shape) for a in arrays]
    results = []
    for outputs in (step.looped(*groups), step.unrolled(*groups)):
        forward = graphlib.Rop(outputs, leaves, directions, disconnected_outputs="ignore")
        first = T.grad(cost_of(outputs), leaves, disconnected_inputs="ignore")
        along = sum((g * d).sum() for g, d in zip(first, directions, strict=True))
        results.append([*forward, *T.grad(along, leaves, disconnected_inputs="ignore")])
    held_together(mode, leaves, arrays, *results)


@pytest.mark.parametrize("mode", ["reference", "c"])
@examples(4)
@given(step=steps(longest=0, shortest=0))
def test_no_steps(mode, step):
    groups, leaves, arrays = variables(step)
    outputs = step.looped(*groups)
    cost = sum(T.sin(v).sum() for v in outputs)
    results = compiled(mode, leaves, [*outputs, *T.grad(cost, leaves, disconnected_inputs="ignore")])(*arrays)
    for value in results[: len(outputs)]:
        assert value.shape == (0, WIDTH)
    for gradient, array in zip(results[len(outputs) :], arrays, strict=True):
        np.testing.assert_array_equal(gradient, np.zeros_like(array))
