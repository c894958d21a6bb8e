"""How a search chooses what is tried.

A method's `rounds` is a generator of rounds: lists of steps, each a trial that is to be trained to an epoch.
It is sent the values of the steps, in their order, when all are there, and makes the next round of them. So
what is tried depends on the section's seed, the trials' numbers and their values, and never on which was
ready first; and a search that goes on asks for the same steps again, of which most have been trained.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from ..registry import ConfigError, register
from ..schema import Count, Range
from .space import Choice, Distribution, is_finite

Space = Mapping[str, Distribution]


@dataclass(frozen=True)
class Step:
    """A trial that is to be trained.

    Attributes:
        trial: its number, from 0.
        values: by key of the run file.
        epochs: to which it is to be trained; None for what the run file says.
    """

    trial: int
    values: Mapping[str, Any]
    epochs: int | None = None


Rounds = Generator[list[Step], list[float | None], None]


class Method:
    """Base of methods. Values that are sent are the lower the better, None where there is none."""

    def rounds(self, space: Space, seed: int) -> Rounds:
        """See the module."""
        raise NotImplementedError

    def count(self, space: Space) -> int:
        """How many steps there are, at most."""
        raise NotImplementedError

    def check(self, space: Space) -> None:
        """ValueError, or ConfigError at a key, where it cannot search the space."""


def drawn(space: Space, seed: int, trial: int) -> dict[str, Any]:
    """Values drawn at random, which depend on the seed and the trial's number alone."""
    from optuna.samplers import RandomSampler

    return _asked(RandomSampler(seed=_seed(seed, trial)), space, [])


def _seed(*parts: int) -> int:
    return int(np.random.SeedSequence(parts).generate_state(1)[0])


def _asked(sampler: Any, space: Space, finished: Sequence[tuple[Mapping[str, Any], float]]) -> dict[str, Any]:
    """What a sampler of Optuna's proposes after trials (values, value) are finished."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=sampler)
    distributions = {key: each.optuna() for key, each in space.items()}
    study.add_trials([frozen(space, values, value) for values, value in finished])
    asked = study.ask(distributions).params
    return {key: space[key].taken(value) for key, value in asked.items()}


def frozen(space: Space, values: Mapping[str, Any], value: float | None, **more: Any) -> Any:
    """A finished trial as Optuna has it; one without a value has failed."""
    from optuna.trial import TrialState, create_trial

    params = {
        key: each.untaken(values[key]) if isinstance(each, Choice) else values[key]
        for key, each in space.items()
    }
    state = TrialState.COMPLETE if is_finite(value) else TrialState.FAIL
    distributions = {key: each.optuna() for key, each in space.items()}
    given = {"value": value} if state is TrialState.COMPLETE else {}
    return create_trial(state=state, params=params, distributions=distributions, **given, **more)


@register("search")
@dataclass
class Grid(Method):
    """All combinations of the values; the last key's change fastest."""

    def rounds(self, space: Space, seed: int) -> Rounds:
        combinations = itertools.product(*(each.grid() for each in space.values()))
        yield [Step(number, dict(zip(space, each, strict=True))) for number, each in enumerate(combinations)]

    def count(self, space: Space) -> int:
        return math.prod(len(each.grid()) for each in space.values())

    def check(self, space: Space) -> None:
        for key, each in space.items():
            try:
                each.grid()
            except ValueError as error:
                raise ConfigError(str(error), (key,)) from None


@register("search")
@dataclass
class Random(Method):
    """So many trials, drawn at random (J. Bergstra and Y. Bengio, "Random search for hyper-parameter
    optimization", 2012).

    Args:
        trials: how many.
    """

    trials: Count = 20

    def rounds(self, space: Space, seed: int) -> Rounds:
        yield [Step(number, drawn(space, seed, number)) for number in range(self.trials)]

    def count(self, space: Space) -> int:
        return self.trials


@register("search")
@dataclass
class Tpe(Method):
    """Optuna's tree of Parzen estimators: rounds of trials, each drawn where those of the rounds before did
    well (J. Bergstra et al., "Algorithms for hyper-parameter optimization", 2011).

    Args:
        trials: how many in all.
        round: how many are drawn, and run side by side, at a time.
        startup: of the first ones, how many are drawn at random.
    """

    trials: Count = 40
    round: Count = 4
    startup: Count = 10

    def rounds(self, space: Space, seed: int) -> Rounds:
        from optuna.samplers import TPESampler

        finished: list[tuple[Mapping[str, Any], float]] = []
        at = 0
        while at < self.trials:
            size = min(self.startup if at == 0 else self.round, self.trials - at)
            steps = []
            for number in range(at, at + size):
                if number < self.startup:
                    values = drawn(space, seed, number)
                else:
                    sampler = TPESampler(seed=_seed(seed, number), n_startup_trials=0, multivariate=True)
                    values = _asked(sampler, space, finished)
                steps.append(Step(number, values))
            found = yield steps
            finished += [(s.values, v) for s, v in zip(steps, found, strict=True) if is_finite(v)]
            at += size

    def count(self, space: Space) -> int:
        return self.trials


@register("search")
@dataclass
class Halving(Method):
    """Successive halving: random trials are trained a little, the best of them longer, and so on (K. Jamieson
    and A. Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", 2016).

    A trial goes on when all of its round are there, so that which ones do does not depend on their speed.

    Args:
        trials: of the first round.
        factor: one of so many goes on, to so many times the epochs.
        epochs: of the first round; the last one's are at most those of `training`.
    """

    trials: Count = 27
    factor: Annotated[int, Range(2)] = 3
    epochs: Count = 1

    #: epochs of the run file, which the study sets
    most = None

    def _sizes(self) -> list[tuple[int, int]]:
        """(trials, epochs) of each round."""
        found, trials, epochs = [], self.trials, self.epochs
        while trials > 1 and epochs < self.most:
            found.append((trials, epochs))
            trials, epochs = max(1, trials // self.factor), epochs * self.factor
        return [*found, (trials, self.most)]

    def rounds(self, space: Space, seed: int) -> Rounds:
        at = [Step(number, drawn(space, seed, number)) for number in range(self.trials)]
        for trials, epochs in self._sizes():
            steps = [Step(step.trial, step.values, epochs) for step in at[:trials]]
            found = yield steps
            # Equal values go on in the order of their numbers; those without one do not.
            ranked = sorted(
                (value, step.trial, step)
                for value, step in zip(found, steps, strict=True)
                if is_finite(value)
            )
            at = [step for _, _, step in ranked]
            if not at:
                return

    def count(self, space: Space) -> int:
        return sum(trials for trials, _ in self._sizes())
