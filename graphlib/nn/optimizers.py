"""Rules of gradient descent. Each makes the updates of a training step, a list of (shared variable, its new
value) for ``graphlib.function``:

    step = graphlib.function([x, y], cost, updates=Adam(0.001).updates(parameters, cost))

In the rules below p is a parameter, g its gradient, ε the learning rate and μ the momentum. Learning rate and
momentum are numbers, which become constants of the compiled function; symbolic variables; or schedules
(`graphlib.nn.schedules`), whose values live in shared scalars.

What a rule remembers beside the parameters (velocities, running means, counters, states of random numbers)
are shared variables too: `Optimizer.state`, for a checkpoint.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import graphlib
import graphlib.tensor as T
from graphlib.tensor.random import RandomStreams

from .registry import check_call, described, register, resolve
from .schedules import Scheduled
from .schema import NotNegative, Positive, Rate, check_arguments

Updates = list[tuple[Any, Any]]


class Optimizer:
    """What all rules have in common.

    Args:
        learning_rate: ε, a number, a schedule, or a symbolic scalar.
        clip_norm: all gradients are shortened alike so that together they are no longer than this (R.
            Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training recurrent neural networks",
            2013, algorithm 1).
        clip_value: each value of a gradient is held between −clip_value and clip_value; before `clip_norm`.
        gradient_noise: η; normal noise of variance η / (1 + t)^γ is added to each gradient at step t = 0, 1,
            … (A. Neelakantan et al., "Adding gradient noise improves learning for very deep networks", 2015,
            equation 1, where η is 0.01, 0.3 or 1), after clipping.
        gradient_noise_decay: γ.
        seed: of that noise.

    Attributes:
        state: what the rule remembers, by name; complete after `updates`.
    """

    def __init__(
        self,
        learning_rate: Scheduled,
        clip_norm: Positive | None = None,
        clip_value: Positive | None = None,
        gradient_noise: NotNegative = 0.0,
        gradient_noise_decay: NotNegative = 0.55,
        seed: int = 0,
    ):
        self.learning_rate = learning_rate
        self.clip_norm, self.clip_value = clip_norm, clip_value
        self.gradient_noise, self.gradient_noise_decay = gradient_noise, gradient_noise_decay
        self.seed = seed
        self.state: dict[str, Any] = {}
        self._running: dict[tuple[Any, str], Any] = {}
        self._paths: dict[Any, str] = {}
        self._schedules: dict[str, tuple[Callable[[float], float], Any]] = {}
        self._draws: dict[Any, Any] = {}
        self._streams = RandomStreams(seed)
        self._factor = 1.0
        self._time = {"epoch": 0, "step": 0}

    def __new__(cls, *arguments: Any, **named: Any) -> Optimizer:
        if cls.__module__ == __name__:
            check_call(cls.__name__, cls, arguments, named)
        return super().__new__(cls)

    def __repr__(self) -> str:
        return described(self)

    def updates(self, parameters: Sequence[Any] | Mapping[str, Any], cost_or_gradients: Any) -> Updates:
        """The updates of a step.

        Called again, for another cost of the same parameters, it goes on with the state that there is.

        Args:
            parameters: shared variables, or layers' `Parameter`s, whose `trainable`, `constraint` and
                `learning_rate_multiplier` are honoured; a list, or a mapping of their names, under which
                their state is kept.
            cost_or_gradients: a symbolic scalar to be minimized, or the gradients of the parameters.

        Raises:
            ValueError: there are not as many gradients as parameters.
            InputError: a number that the optimizer was made with is out of its range.
        """
        check_arguments(self)
        if isinstance(parameters, graphlib.Variable):
            raise ValueError("an optimizer takes a list of shared variables, not a single one")
        named = isinstance(parameters, Mapping)
        given = list(parameters.values()) if named else list(parameters)
        variables = [getattr(each, "variable", each) for each in given]
        if named:
            self._paths.update(zip(variables, parameters, strict=True))
        if isinstance(cost_or_gradients, graphlib.Variable):
            if cost_or_gradients.ndim:
                raise ValueError(
                    f"an optimizer takes a scalar cost or a list of gradients, and not "
                    f"{cost_or_gradients.describe()}"
                )
            learnt = [v for each, v in zip(given, variables, strict=True) if _trainable(each)]
            gradients = dict(zip(learnt, T.grad(cost_or_gradients, learnt), strict=True))
        else:
            if len(cost_or_gradients) != len(given):
                names = ", ".join(map(str, variables))
                raise ValueError(f"{len(given)} parameters ({names}) and {len(cost_or_gradients)} gradients")
            gradients = {
                v: g
                for each, v, g in zip(given, variables, cost_or_gradients, strict=True)
                if _trainable(each)
            }
        gradients = self._prepared(gradients)
        result: Updates = []
        for each, p in zip(given, variables, strict=True):
            if p not in gradients:
                continue
            rate = self._scalar("learning_rate")
            multiplier = getattr(each, "learning_rate_multiplier", 1)
            if not (np.ndim(multiplier) == 0 and multiplier == 1):
                rate = rate * multiplier
            new, changed = self._rule(p, gradients[p], rate)
            constraint = resolve("constraint", getattr(each, "constraint", None))
            result += [*changed, (p, new if constraint is None else constraint(new))]
        if "steps" in self.state:
            result.append((self.state["steps"], self.state["steps"] + 1))
        return result

    def set_time(self, epoch: int, step: int) -> None:
        """Sets learning rate and momentum to what their schedules say for the epoch or step, from 0."""
        self._time = {"epoch": epoch, "step": step}
        for name, (schedule, scalar) in self._schedules.items():
            value = schedule(self._time[getattr(schedule, "every", "epoch")])
            scalar.set_value(
                np.asarray(value * (self._factor if name == "learning_rate" else 1), scalar.dtype)
            )

    def make_adjustable(self) -> None:
        """Keeps the learning rate in a shared scalar even where it is a number, so that `factor` can change
        it; to be called before `updates`."""
        if "learning_rate" not in self._schedules and not isinstance(self.learning_rate, graphlib.Variable):
            constant = resolve("schedule", self.learning_rate)
            self._schedule("learning_rate", constant if callable(constant) else lambda _: constant)

    @property
    def factor(self) -> float:
        """What the learning rate is multiplied by at all times, beside its schedule; 1 at first."""
        return self._factor

    @factor.setter
    def factor(self, value: float) -> None:
        if "learning_rate" not in self._schedules:
            raise ValueError("the learning rate is a constant: call make_adjustable() before updates()")
        self._factor = value
        self.set_time(**self._time)

    @property
    def changes_rate(self) -> bool:
        """Whether the learning rate is in a shared scalar, as a schedule or `factor` may change it."""
        return "learning_rate" in self._schedules or callable(resolve("schedule", self.learning_rate))

    @property
    def stepwise(self) -> bool:
        """Whether a schedule counts steps, so that `set_time` is to be called before each."""
        given = (resolve("schedule", getattr(self, name, None)) for name in ("learning_rate", "momentum"))
        return any(getattr(schedule, "every", None) == "step" for schedule in given)

    @property
    def rate(self) -> float:
        """The learning rate at present; NaN where it is an input of the user's function."""
        scalar = self._schedules.get("learning_rate", (None, self.learning_rate))[1]
        if hasattr(scalar, "get_value"):
            return float(scalar.get_value())
        return math.nan if isinstance(scalar, graphlib.Variable) else float(scalar)

    def _rule(self, p: Any, g: Any, rate: Any) -> tuple[Any, Updates]:
        """(new value of p, updates of what the rule remembers about it)."""
        raise NotImplementedError

    def _prepared(self, gradients: dict[Any, Any]) -> dict[Any, Any]:
        """The gradients, clipped and with noise as the arguments say."""
        found = list(gradients.values())
        if self.clip_value is not None:
            found = [T.clip(g, -self.clip_value, self.clip_value) for g in found]
        if self.clip_norm is not None and found:
            norm = T.sqrt(sum(T.sum(g**2) for g in found))
            shrink = T.minimum(1, self.clip_norm / T.maximum(norm, self.clip_norm))
            found = [g * shrink for g in found]
        if self.gradient_noise:
            time = T.cast(self._steps(), graphlib.config.floatX)
            scale = math.sqrt(self.gradient_noise) * (1 + time) ** (-self.gradient_noise_decay / 2)
            found = [
                g + T.cast(scale * self._noise(p), g.dtype) for p, g in zip(gradients, found, strict=True)
            ]
        return dict(zip(gradients, found, strict=True))

    def _noise(self, p: Any) -> Any:
        """Standard normal numbers of a parameter's shape, others at each step."""
        if p not in self._draws:
            before = len(self._streams.states)
            self._draws[p] = self._streams.normal(size=p.shape)
            for number, state in enumerate(self._streams.states[before:], before):
                self.state[f"noise.draw_{number}"] = state
        return self._draws[p]

    def _steps(self) -> Any:
        """The number of steps before this one, a shared scalar."""
        if "steps" not in self.state:
            self.state["steps"] = graphlib.shared(np.asarray(0, "int64"), name="steps")
        return self.state["steps"]

    def _remembered(self, p: Any, quantity: str) -> Any:
        """A shared variable of the parameter's shape, zero at first, named ``<parameter>.<quantity>``."""
        if (p, quantity) not in self._running:
            zero = np.zeros_like(p.get_value(borrow=True))
            shared = graphlib.shared(zero, name=f"{p.name}.{quantity}", borrow=True, shape=p.type.shape)
            name = self._paths.get(p) or f"{len(self._running)}_{p.name}"
            self._running[p, quantity] = self.state[f"{name}.{quantity}"] = shared
        return self._running[p, quantity]

    def _scalar(self, name: str) -> Any:
        """An argument as a number, or where it is scheduled as the shared scalar that holds it."""
        if name in self._schedules:
            return self._schedules[name][1]
        value = resolve("schedule", getattr(self, name))
        if not callable(value):
            return value
        return self._schedule(name, value)

    def _schedule(self, name: str, schedule: Callable[[float], float]) -> Any:
        scalar = graphlib.shared(np.asarray(0, graphlib.config.floatX), name=name)
        self._schedules[name] = schedule, scalar
        self.set_time(**self._time)
        return scalar


def _trainable(parameter: Any) -> bool:
    return getattr(parameter, "trainable", True)


@register("optimizer")
class SGD(Optimizer):
    """Gradient descent: p ← p − ε g, or with momentum v ← μ v − ε g, p ← p + v.

    Nesterov's variant takes the gradient where the momentum is about to lead, and so p ← p + μ v − ε g with
    the new v (Y. Bengio, N. Boulanger-Lewandowski and R. Pascanu, "Advances in optimizing recurrent
    networks", 2013, section 3.5).

    Args:
        momentum: μ, a number in [0, 1] or a schedule.
        **options: see `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: Scheduled = 0.01,
        momentum: Scheduled = 0.0,
        nesterov: bool = False,
        **options: Any,
    ):
        super().__init__(learning_rate, **options)
        self.momentum, self.nesterov = momentum, nesterov
        if isinstance(momentum, int | float) and not 0 <= momentum <= 1:
            raise ValueError(f"momentum must be between 0 and 1, not {momentum}")

    def _rule(self, p: Any, g: Any, rate: Any) -> tuple[Any, Updates]:
        if isinstance(self.momentum, int | float) and not self.momentum:
            return p - rate * g, []
        momentum = self._scalar("momentum")
        velocity = self._remembered(p, "velocity")
        moved = momentum * velocity - rate * g
        step = momentum * moved - rate * g if self.nesterov else moved
        return p + step, [(velocity, moved)]


@register("optimizer", "adagrad")
class AdaGrad(Optimizer):
    """s ← s + g², p ← p − ε g / √(s + `epsilon`) (J. Duchi, E. Hazan and Y. Singer, "Adaptive subgradient
    methods for online learning and stochastic optimization", 2011).

    A value whose gradient is 0 stays as it is, and so does its s.
    """

    def __init__(self, learning_rate: Scheduled = 0.01, epsilon: Positive = 1e-8, **options: Any):
        super().__init__(learning_rate, **options)
        self.epsilon = epsilon

    def _rule(self, p: Any, g: Any, rate: Any) -> tuple[Any, Updates]:
        squares = self._remembered(p, "squares")
        summed = squares + g**2
        return p - rate * g / T.sqrt(summed + self.epsilon), [(squares, summed)]


@register("optimizer", "adadelta")
class AdaDelta(Optimizer):
    """Steps as long as the root of the steps' mean square, over that of the gradients (M. Zeiler, "ADADELTA:
    an adaptive learning rate method", 2012, algorithm 1); these are multiplied by the learning rate, which
    the paper has not.
    """

    def __init__(
        self, learning_rate: Scheduled = 1.0, decay: Rate = 0.95, epsilon: Positive = 1e-6, **options: Any
    ):
        super().__init__(learning_rate, **options)
        self.decay, self.epsilon = decay, epsilon

    def _rule(self, p: Any, g: Any, rate: Any) -> tuple[Any, Updates]:
        decay, epsilon = self.decay, self.epsilon
        gradient_square, step_square = (self._remembered(p, q) for q in ("gradient_square", "step_square"))
        mean_gradient = decay * gradient_square + (1 - decay) * g**2
        step = -T.sqrt(step_square + epsilon) / T.sqrt(mean_gradient + epsilon) * g
        mean_step = decay * step_square + (1 - decay) * step**2
        moved = step if isinstance(rate, int | float) and rate == 1 else rate * step
        return p + moved, [(gradient_square, mean_gradient), (step_square, mean_step)]


@register("optimizer", "rmsprop")
class RMSprop(Optimizer):
    """Gradients over the root of their mean square: r ← ρ r + (1 − ρ) g², p ← p − ε g / √(r + `epsilon`) (T.
    Tieleman and G. Hinton, "Lecture 6.5", 2012).

    Args:
        decay: ρ.
        momentum: μ, of the steps: Δ ← μ Δ − ε g / √(r + epsilon), p ← p + Δ.
        centered: the gradients' variance in place of their mean square (A. Graves, "Generating sequences with
            recurrent neural networks", 2013, equations 38 to 45, with ρ = .95, μ = .9, epsilon = 1e-4). The
            variance E[g²] − E[g]² is updated as such: of gradients that hardly change, the difference of the
            two would be rounding, and may be negative.
        epsilon: see above; under the root.
        **options: see `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: Scheduled = 0.001,
        decay: Rate = 0.9,
        momentum: Scheduled = 0.0,
        centered: bool = False,
        epsilon: Positive = 1e-6,
        **options: Any,
    ):
        super().__init__(learning_rate, **options)
        self.decay, self.momentum = decay, momentum
        self.centered, self.epsilon = centered, epsilon

    def _rule(self, p: Any, g: Any, rate: Any) -> tuple[Any, Updates]:
        decay = self.decay
        if self.centered:
            variance, mean = self._remembered(p, "variance"), self._remembered(p, "mean")
            scale = decay * (variance + (1 - decay) * (g - mean) ** 2)
            changed = [(variance, scale), (mean, decay * mean + (1 - decay) * g)]
        else:
            square = self._remembered(p, "square")
            scale = decay * square + (1 - decay) * g**2
            changed = [(square, scale)]
        if isinstance(self.momentum, int | float) and not self.momentum:
            return p - rate * g / T.sqrt(scale + self.epsilon), changed
        step = self._remembered(p, "step")
        new_step = self._scalar("momentum") * step - rate * g / T.sqrt(scale + self.epsilon)
        return p + new_step, [*changed, (step, new_step)]


@register("optimizer")
class Adam(Optimizer):
    """Running means m of gradients and v of their squares, both corrected for their start at 0:
    p ← p − ε m̂ / (√v̂ + `epsilon`) (D. Kingma and J. Ba, "Adam: a method for stochastic optimization", 2015,
    algorithm 1).

    Args:
        beta1, beta2: the decay of m and v.
        **options: see `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: Scheduled = 0.001,
        beta1: Rate = 0.9,
        beta2: Rate = 0.999,
        epsilon: Positive = 1e-8,
        **options: Any,
    ):
        super().__init__(learning_rate, **options)
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon

    def _rule(self, p: Any, g: Any, rate: Any) -> tuple[Any, Updates]:
        mean, square = self._remembered(p, "mean"), self._remembered(p, "square")
        new_mean = self.beta1 * mean + (1 - self.beta1) * g
        new_square = self.beta2 * square + (1 - self.beta2) * g**2
        first, second = self._correction(self.beta1, p), self._correction(self.beta2, p)
        step = (rate / first) * new_mean / (T.sqrt(new_square) * (1 / T.sqrt(second)) + self.epsilon)
        return p - step, [(mean, new_mean), (square, new_square)]

    def _correction(self, beta: float, p: Any) -> Any:
        """1 − β^t at step t = 1, 2, …, exact also where β^t is near 1."""
        if beta == 0:
            return T.constant(np.asarray(1, p.dtype))
        return -T.expm1(T.cast(self._steps() + 1, p.dtype) * math.log(beta))


@register("optimizer", "adamw")
class AdamW(Adam):
    """`Adam` with the weights' decay apart from the gradient: p ← p − ε m̂ / (√v̂ + `epsilon`) − ε λ p (I.
    Loshchilov and F. Hutter, "Decoupled weight decay regularization", 2019, algorithm 2, whose schedule
    multiplier is here part of ε).

    Args:
        weight_decay: λ.
        decay_vectors: also parameters of a single axis decay, such as biases.
        **options: see `Adam` and `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: Scheduled = 0.001,
        weight_decay: NotNegative = 0.01,
        decay_vectors: bool = True,
        **options: Any,
    ):
        super().__init__(learning_rate, **options)
        self.weight_decay, self.decay_vectors = weight_decay, decay_vectors

    def _rule(self, p: Any, g: Any, rate: Any) -> tuple[Any, Updates]:
        new, changed = super()._rule(p, g, rate)
        if p.ndim < 2 and not self.decay_vectors:
            return new, changed
        return new - rate * self.weight_decay * p, changed


@register("optimizer")
class Adamax(Adam):
    """Adam's variant with the infinity norm: u ← max(β₂ u, |g|), p ← p − ε / (1 − β₁^t) · m / (u +
    `epsilon`) (the same paper, algorithm 2, which has no epsilon; here a gradient that was always 0 moves
    nothing).

    Its usual learning rate is 0.002.
    """

    def __init__(self, learning_rate: Scheduled = 0.002, **options: Any):
        super().__init__(learning_rate, **options)

    def _rule(self, p: Any, g: Any, rate: Any) -> tuple[Any, Updates]:
        mean, largest = self._remembered(p, "mean"), self._remembered(p, "largest")
        new_mean = self.beta1 * mean + (1 - self.beta1) * g
        new_largest = T.maximum(self.beta2 * largest, abs(g))
        step = (rate / self._correction(self.beta1, p)) * new_mean / (new_largest + self.epsilon)
        return p - step, [(mean, new_mean), (largest, new_largest)]
