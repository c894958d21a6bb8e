"""Rules of gradient descent: each takes parameters and their gradients and returns the updates of a training
step, a list of (shared variable, its new value) for ``graphlib.function``.

The running quantities that a rule needs beside the parameters are shared variables that it makes itself;
`state_of` finds them, for a checkpoint.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

import graphlib
import graphlib.tensor as T

Updates = list[tuple[Any, Any]]


def _running(parameter: Any, quantity: str) -> Any:
    """A shared variable of the parameter's shape, zero at first, named ``<parameter>.<quantity>``."""
    zero = np.zeros_like(parameter.get_value(borrow=True))
    return graphlib.shared(zero, name=f"{parameter.name}.{quantity}", borrow=True)


def state_of(updates: Updates, parameters: Sequence[Any]) -> dict[str, Any]:
    """What `updates` change beside the `parameters`: ``{"0_W.velocity": velocity}``."""
    others = (shared for shared, _ in updates if shared not in parameters)
    return {f"{number}_{shared.name}": shared for number, shared in enumerate(others)}


def _paired(parameters: Sequence[Any], gradients: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Each parameter with its gradient; ValueError where there are not as many of both."""
    if isinstance(parameters, graphlib.Variable) or isinstance(gradients, graphlib.Variable):
        raise ValueError("a rule takes a list of shared variables and a list of their gradients")
    if len(parameters) != len(gradients):
        names = ", ".join(map(str, parameters))
        raise ValueError(f"{len(parameters)} parameters ({names}) and {len(gradients)} gradients")
    return list(zip(parameters, gradients, strict=True))


def sgd(parameters: Sequence[Any], gradients: Sequence[Any], learning_rate: Any) -> Updates:
    """Gradient descent: p ← p − ε g."""
    return [(p, p - learning_rate * g) for p, g in _paired(parameters, gradients)]


def momentum(
    parameters: Sequence[Any],
    gradients: Sequence[Any],
    learning_rate: Any,
    decay: float = 0.9,
    nesterov: bool = False,
) -> Updates:
    """Descent with momentum: v ← μ v − ε g, p ← p + v, where μ is `decay`.

    Nesterov's variant takes the gradient where the momentum is about to lead, and so p ← p + μ v − ε g with
    the new v (Y. Bengio, N. Boulanger-Lewandowski and R. Pascanu, "Advances in optimizing recurrent
    networks", 2013, section 3.5).
    """
    updates = []
    for p, g in _paired(parameters, gradients):
        velocity = _running(p, "velocity")
        moved = decay * velocity - learning_rate * g
        step = decay * moved - learning_rate * g if nesterov else moved
        updates += [(velocity, moved), (p, p + step)]
    return updates


def adagrad(
    parameters: Sequence[Any], gradients: Sequence[Any], learning_rate: Any, epsilon: float = 1e-8
) -> Updates:
    """AdaGrad: s ← s + g², p ← p − ε g / sqrt(s + `epsilon`) (J. Duchi, E. Hazan and Y. Singer, 2011).

    A value whose gradient is 0 stays as it is, and so does its s.
    """
    updates = []
    for p, g in _paired(parameters, gradients):
        squares = _running(p, "squares")
        summed = squares + g**2
        updates += [(squares, summed), (p, p - learning_rate * g / T.sqrt(summed + epsilon))]
    return updates


def adadelta(
    parameters: Sequence[Any], gradients: Sequence[Any], decay: float = 0.95, epsilon: float = 1e-6
) -> Updates:
    """AdaDelta, which needs no learning rate: steps as long as the root of the steps' mean square, over that
    of the gradients (M. Zeiler, "ADADELTA: an adaptive learning rate method", 2012, algorithm 1).
    """
    updates = []
    for p, g in _paired(parameters, gradients):
        gradient_square, step_square = _running(p, "gradient_square"), _running(p, "step_square")
        mean_gradient = decay * gradient_square + (1 - decay) * g**2
        step = -T.sqrt(step_square + epsilon) / T.sqrt(mean_gradient + epsilon) * g
        mean_step = decay * step_square + (1 - decay) * step**2
        updates += [(gradient_square, mean_gradient), (step_square, mean_step), (p, p + step)]
    return updates


def rmsprop(
    parameters: Sequence[Any],
    gradients: Sequence[Any],
    learning_rate: Any,
    decay: float = 0.95,
    momentum: float = 0.9,
    epsilon: float = 1e-4,
) -> Updates:
    """RMSprop with momentum: gradients over the root of their variance (A. Graves, "Generating sequences with
    recurrent neural networks", 2013, equations 38 to 45).

    The variance E[g²] − E[g]² is updated as such: of gradients that hardly change, the difference of the two
    would be rounding, and may be negative.
    """
    updates = []
    for p, g in _paired(parameters, gradients):
        variance, mean, step = (_running(p, quantity) for quantity in ("variance", "mean", "step"))
        new_variance = decay * (variance + (1 - decay) * (g - mean) ** 2)
        new_mean = decay * mean + (1 - decay) * g
        new_step = momentum * step - learning_rate * g / T.sqrt(new_variance + epsilon)
        updates += [(variance, new_variance), (mean, new_mean), (step, new_step), (p, p + new_step)]
    return updates


def clip_norm(gradients: Sequence[Any], limit: float) -> list:
    """The gradients, shortened all alike so that together they are no longer than `limit` (R. Pascanu,
    T. Mikolov and Y. Bengio, "On the difficulty of training recurrent neural networks", 2013, algorithm 1).
    """
    norm = T.sqrt(sum(T.sum(g**2) for g in gradients))
    shrink = T.minimum(1, limit / T.maximum(norm, limit))
    return [g * shrink for g in gradients]


def clip_values(gradients: Sequence[Any], limit: float) -> list:
    """The gradients with each of their values held between −`limit` and `limit`."""
    return [T.clip(g, -limit, limit) for g in gradients]
