"""The rules of descent against PyTorch's, and against NumPy where conventions differ, step by step; clipping,
noise, what parameters may ask for, and schedules."""

import json
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.nn import registry, schedules
from graphlib.nn.optimizers import SGD, AdaDelta, AdaGrad, Adam, Adamax, AdamW, RMSprop

FLOATX = graphlib.config.floatX
#: tests/nn/make_torch_optimizers.py says how it was made
TORCH = json.loads(Path(__file__).with_name("torch_optimizers.json").read_text())

#: the optimizer, and the quantities that it remembers of each parameter
CASES = {
    "sgd": (lambda: SGD(0.02), set()),
    "momentum": (lambda: SGD(0.02, momentum=0.9), {"velocity"}),
    "nesterov": (lambda: SGD(0.02, momentum=0.9, nesterov=True), {"velocity"}),
    "adagrad": (lambda: AdaGrad(0.1, epsilon=1e-60), {"squares"}),
    "adadelta": (lambda: AdaDelta(), {"gradient_square", "step_square"}),
    "adadelta half": (lambda: AdaDelta(0.5, decay=0.9, epsilon=1e-4), {"gradient_square", "step_square"}),
    "rmsprop": (lambda: RMSprop(0.01, epsilon=1e-60), {"square"}),
    "rmsprop centered": (
        lambda: RMSprop(0.01, decay=0.95, momentum=0.9, centered=True, epsilon=1e-60),
        {"variance", "mean", "step"},
    ),
    "adam": (lambda: Adam(0.1, epsilon=1e-3), {"mean", "square"}),
    "adam betas": (lambda: Adam(0.1, beta1=0.5, beta2=0.75), {"mean", "square"}),
    "adamw": (lambda: AdamW(0.1, weight_decay=0.1), {"mean", "square"}),
    "adamax": (lambda: Adamax(0.1, epsilon=1e-30), {"mean", "largest"}),
    "clip_norm": (lambda: SGD(0.1, clip_norm=2.5), set()),
    "clip_value": (lambda: SGD(0.1, clip_value=1.5), set()),
}


def fourth_powers(dtype="float64"):
    """(parameters, the sum of their fourth powers), as in make_torch_optimizers.py."""
    parameters = [
        graphlib.shared(np.array(v, dtype), name=n) for n, v in zip("ab", TORCH["start"], strict=True)
    ]
    return parameters, sum(T.sum(p**4) for p in parameters)


@pytest.mark.parametrize("name", CASES)
def test_rule_against_pytorch(name):
    """Some values have a gradient of 0.  PyTorch's norm of gradients has 1e-6 added when they are clipped."""
    make, quantities = CASES[name]
    optimizer = make()
    parameters, cost = fourth_powers()
    step = graphlib.function([], cost, updates=optimizer.updates(parameters, cost))
    for number, expected in enumerate(TORCH["steps"][name]):
        step()
        for parameter, value in zip(parameters, expected, strict=True):
            np.testing.assert_allclose(
                parameter.get_value(),
                value,
                rtol=1e-6 if name == "clip_norm" else 1e-9,
                err_msg=f"step {number}",
            )
    remembered = {key for key in optimizer.state if key != "steps"}
    assert {key.split(".")[-1] for key in remembered} == quantities
    assert len(remembered) == 2 * len(quantities)
    assert not set(optimizer.state.values()) & set(parameters)


def test_epsilons_are_where_the_formulas_say():
    """Under the root for AdaGrad and RMSprop, beside the corrected root for Adam, beside u for Adamax."""
    g, epsilon = np.array([1e-3, -2e-3, 0.5]), 1e-4
    makers = [
        lambda: AdaGrad(1.0, epsilon=epsilon),
        lambda: RMSprop(1.0, epsilon=epsilon),
        lambda: Adam(1.0, epsilon=epsilon),
        lambda: Adamax(1.0, epsilon=epsilon),
    ]
    parameters = [graphlib.shared(np.zeros(3), name="p") for _ in makers]
    updates = [
        u for p, make in zip(parameters, makers, strict=True) for u in make().updates([p], [T.constant(g)])
    ]
    graphlib.function([], updates=updates)()
    expected = [
        -g / np.sqrt(g**2 + epsilon),
        -g / np.sqrt(0.1 * g**2 + epsilon),
        -g / (abs(g) + epsilon),
        -g / (abs(g) + epsilon),
    ]
    for parameter, value in zip(parameters, expected, strict=True):
        np.testing.assert_allclose(parameter.get_value(), value, rtol=1e-12)


def test_adam_in_float32_after_one_and_after_many_steps():
    """1 − β^t is exact in float32, where β^t itself is near 1 or near 0."""
    p, g = graphlib.shared(np.zeros(2, "float32"), name="p"), T.fvector("g")
    step = graphlib.function([g], updates=Adam(0.001).updates([p], [g]))
    rng = np.random.default_rng(1)
    m = v = value = np.zeros(2)
    for t in range(1, 400):
        gradient = rng.normal(size=2).astype("float32")
        step(gradient)
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient.astype("float64") ** 2
        value = value - 0.001 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        if t in (1, 2, 399):
            np.testing.assert_allclose(p.get_value(), value, rtol=2e-5, atol=1e-7)


def test_rmsprop_of_gradients_that_hardly_change():
    """Their variance is what it is, where E[g²] − E[g]² in float32 is rounding, or negative."""
    scales = np.array([1, 5, 20, 50, 100, 1000, 1e4])
    w, g = graphlib.shared(np.zeros(len(scales), FLOATX), "w"), T.vector("g")
    rule = RMSprop(0.001, decay=0.95, momentum=0.9, centered=True, epsilon=1e-4)
    step = graphlib.function([g], updates=rule.updates([w], [g]))
    n = mean = change = p = np.zeros(len(scales))
    random = np.random.RandomState(0)
    for _ in range(600):
        gradient = (scales * (1 + 1e-4 * random.randn(len(scales)))).astype(FLOATX)
        step(gradient)
        gradient = gradient.astype("float64")
        n, mean = 0.95 * n + 0.05 * gradient**2, 0.95 * mean + 0.05 * gradient
        change = 0.9 * change - 0.001 * gradient / np.sqrt(n - mean**2 + 1e-4)
        p = p + change
    np.testing.assert_allclose(w.get_value(), p, rtol=1e-2)


@pytest.mark.parametrize(("limit", "length"), [(2.5, 2.5), (20.0, 13.0)])
def test_gradients_are_shortened_together(limit, length):
    parameters = [graphlib.shared(np.zeros(2, FLOATX), name=name) for name in "ab"]
    gradients = [T.vector("g"), T.vector("h")]
    step = graphlib.function(gradients, updates=SGD(1.0, clip_norm=limit).updates(parameters, gradients))
    a, b = np.array([3, 4], FLOATX), np.array([0, 12], FLOATX)  # of length 13 together
    step(a, b)
    for parameter, given in zip(parameters, (a, b), strict=True):
        np.testing.assert_allclose(parameter.get_value(), -given * length / 13, rtol=1e-6)
    step(0 * a, 0 * b)
    assert all(np.isfinite(parameter.get_value()).all() for parameter in parameters)


def test_noise_of_gradients_decays_as_the_paper_says():
    """Its deviation at steps 0, 10 and 1000 is √(η / (1 + t)^γ); other parameters have other noise."""
    p, q = (graphlib.shared(np.zeros(20_000, FLOATX), name=name) for name in "pq")
    optimizer = SGD(1.0, gradient_noise=0.3, gradient_noise_decay=0.6, seed=5)
    zero = T.zeros_like(p)
    step = graphlib.function([], updates=optimizer.updates([p, q], [zero, zero]))
    for t in (0, 10, 1000):
        optimizer.state["steps"].set_value(np.int64(t))
        before = p.get_value()
        step()
        noise = p.get_value() - before
        np.testing.assert_allclose(noise.std(), math.sqrt(0.3 / (1 + t) ** 0.6), rtol=0.03)
    assert abs(np.corrcoef(p.get_value(), q.get_value())[0, 1]) < 0.05
    assert {name.partition(".")[0] for name in optimizer.state} == {"steps", "noise"}


def test_what_parameters_ask_for_is_honoured():
    """A parameter may be fixed, have a rate of its own, and be held within a constraint."""
    values = {name: graphlib.shared(np.full(2, 3.0, FLOATX), name=name) for name in ("fixed", "slow", "held")}
    about = {"trainable": True, "learning_rate_multiplier": 1, "constraint": None}
    parameters = {
        "fixed": SimpleNamespace(**{**about, "variable": values["fixed"], "trainable": False}),
        "slow": SimpleNamespace(**{**about, "variable": values["slow"], "learning_rate_multiplier": 0.1}),
        "held": SimpleNamespace(
            **{**about, "variable": values["held"], "constraint": lambda p: T.clip(p, 2.9, 10)}
        ),
    }
    optimizer = SGD(0.5, momentum=0.5)
    cost = sum(T.sum(v) for v in values.values())
    graphlib.function([], updates=optimizer.updates(parameters, cost))()
    found = {name: float(v.get_value()[0]) for name, v in values.items()}
    assert found == pytest.approx({"fixed": 3.0, "slow": 2.95, "held": 2.9})
    assert set(optimizer.state) == {"slow.velocity", "held.velocity"}


def test_schedules_of_rate_and_momentum_recompile_nothing():
    p = graphlib.shared(np.zeros(1, "float64"), name="p")
    rule = SGD(
        schedules.Exponential(0.5, 0.5, every="step"),
        momentum=schedules.PiecewiseLinear([(0, 0.0), (2, 0.8)]),
    )
    step = graphlib.function([], updates=rule.updates([p], [T.ones_like(p)]))
    expected = velocity = 0.0
    for number in range(6):
        rule.set_time(epoch=number // 2, step=number)
        assert rule.rate == pytest.approx(0.5 ** (number + 1))
        step()
        velocity = min(0.4 * (number // 2), 0.8) * velocity - 0.5 ** (number + 1)
        expected += velocity
        np.testing.assert_allclose(p.get_value(), expected, rtol=1e-6)
    assert rule.stepwise
    assert not SGD(0.1).stepwise


def test_a_factor_on_the_learning_rate():
    p = graphlib.shared(np.zeros(1), name="p")
    rule = SGD(0.5)
    with pytest.raises(ValueError, match="make_adjustable"):
        rule.factor = 0.1
    rule.make_adjustable()
    step = graphlib.function([], updates=rule.updates([p], [T.ones_like(p)]))
    step()
    rule.factor = 0.1
    step()
    np.testing.assert_allclose(p.get_value(), -0.55, rtol=1e-6)
    assert rule.rate == pytest.approx(0.05)


def test_updates_again_go_on_with_the_state():
    """As when a model is compiled again: Adam's running means and count are the same variables."""
    p = graphlib.shared(np.ones(2), name="p")
    rule = Adam(0.1)
    first = rule.updates([p], T.sum(p**2))
    state = dict(rule.state)
    again = rule.updates([p], T.sum(p**2) * 2)
    assert rule.state == state and [s for s, _ in first] == [s for s, _ in again]


def test_state_holds_quantities_of_parameters_of_the_same_name():
    parameters = [graphlib.shared(np.zeros(n, FLOATX), name="W") for n in (2, 3)]
    rule = AdaGrad(0.1)
    rule.updates(parameters, parameters)
    assert sorted(value.get_value().size for value in rule.state.values()) == [2, 3]


def test_arguments_that_do_not_fit():
    a, b = (graphlib.shared(np.zeros((2, 3), FLOATX), name) for name in "ab")
    gradients = T.grad(T.sum(a * b), [a, b])
    with pytest.raises(ValueError, match=r"2 parameters \(a, b\) and 1 gradients"):
        SGD(0.1).updates([a, b], gradients[:1])
    with pytest.raises(ValueError, match="a list of shared variables"):
        SGD(0.1).updates(a, gradients)
    with pytest.raises(ValueError, match="a scalar cost or a list of gradients"):
        SGD(0.1).updates([a, b], a * b)
    with pytest.raises(ValueError, match="momentum must be between 0 and 1, not 9"):
        SGD(0.1, momentum=9)
    with pytest.raises(registry.ConfigError, match="beta1: must be at least 0 and below 1"):
        registry.build("optimizer", {"adam": {"beta1": 1.5}})


def test_optimizers_are_written_and_built_again():
    for rule in (
        SGD(
            schedules.Exponential(0.1, 0.9),
            momentum=schedules.PiecewiseLinear([(0, 0.5), (5, 0.9)]),
            clip_norm=1.0,
        ),
        AdamW(0.1, weight_decay=0.2, beta1=0.8, gradient_noise=0.01),
        RMSprop(0.1, centered=True),
    ):
        config = registry.config_of(rule)
        assert registry.config_of(registry.build("optimizer", json.loads(json.dumps(config)))) == config


SCHEDULES = [
    (schedules.Constant(0.3), {0: 0.3, 100: 0.3}),
    (schedules.Exponential(30, 0.995), {0: 30, 1: 29.85, 10: 30 * 0.995**10}),
    (schedules.Exponential(1, 0.5, lowest=0.2), {2: 0.25, 3: 0.2}),
    (schedules.InverseTime(0.1, 0.01), {0: 0.1, 5: 0.1 / 1.05}),
    # Hebel's linear_scheduler_up_down(.1, .9, .2, 10, 20, 5), which stays at its last value here
    (schedules.PiecewiseLinear([(0, 0.1), (10, 0.9), (20, 0.9), (25, 0.2)]),
     {0: 0.1, 5: 0.5, 10: 0.9, 15: 0.9, 22.5: 0.55, 25: 0.2, 99: 0.2}),
    (schedules.Steps(1.0, [2, 4], 0.1), {0: 1, 1: 1, 2: 0.1, 3: 0.1, 4: 0.01, 9: 0.01}),
    (schedules.Cosine(1.0, 10), {0: 1, 5: 0.5, 10: 0, 20: 0}),
    (schedules.Cosine(1.0, 10, final=0.2, warmup=4), {0: 0.2, 3: 0.8, 4: 1.0, 9: 0.6, 14: 0.2}),
]  # fmt: skip


@pytest.mark.parametrize(("schedule", "values"), SCHEDULES, ids=lambda v: type(v).__name__)
def test_schedule(schedule, values):
    assert {t: schedule(t) for t in values} == pytest.approx(values)
    again = registry.build("schedule", json.loads(json.dumps(registry.config_of(schedule))))
    assert {t: again(t) for t in values} == pytest.approx(values)


def test_points_out_of_order():
    with pytest.raises(ValueError, match="in the order of time"):
        schedules.PiecewiseLinear([(0, 0.1), (0, 0.2)])


def test_nesterov_is_the_neural_net_librarys_too():
    """There: v ← μ v − η g, p ← p − μ v_before + (1 + μ) v, in other words the same step."""
    p = graphlib.shared(np.array([1.0, -2.0]), name="p")
    step = graphlib.function([], updates=SGD(0.1, momentum=0.9, nesterov=True).updates([p], T.sum(p**4) / 4))
    value, v = np.array([1.0, -2.0]), np.zeros(2)
    for _ in range(5):
        step()
        before, v = v, 0.9 * v - 0.1 * value**3
        value = value - 0.9 * before + 1.9 * v
        np.testing.assert_allclose(p.get_value(), value, rtol=1e-12)
