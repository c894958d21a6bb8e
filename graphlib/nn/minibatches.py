"""Minibatches of examples in shared variables: a compiled function is given the index of a minibatch, not its
data, so that nothing is copied.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import graphlib
from graphlib import distributed

from .monitors import Patience
from .parallel import ALONE, DataParallel
from .stage_monitors import Validation
from .storage import UserError


class SharedSet(NamedTuple):
    """Examples in shared variables, to go over by minibatches.

    `x` has shape (size, pixels) and dtype floatX, `y` shape (size,) and dtype int32.
    """

    x: Any
    y: Any
    size: int


def count_minibatches(examples: SharedSet, batch_size: int) -> int:
    """How many whole minibatches there are; as in the published programs, the rest is left out."""
    if examples.size < batch_size:
        raise UserError(
            f"--batch-size {batch_size} is more than the {examples.size} examples of {examples.x.name}"
        )
    return examples.size // batch_size


def by_minibatch(
    outputs: Any,
    examples: Mapping[Any, Any],
    batch_size: int,
    *,
    updates: Iterable | Mapping = (),
    name: str | None = None,
    inputs: Sequence[Any] = (),
    parallel: DataParallel = ALONE,
) -> Callable[..., Any]:
    """A compiled function of a minibatch's index; of a rank's part of it, where several train together.

    Args:
        outputs, updates: as of `graphlib.function`.
        examples: for each symbolic input the shared variable whose rows it is given.
        batch_size: rows of a minibatch.
        inputs: others beside the index, as of `graphlib.function`.
    """
    index = graphlib.tensor.lscalar("index")
    size = batch_size // parallel.ranks.size
    rows = slice(index * size, (index + 1) * size)
    function = graphlib.function(
        [index, *inputs],
        outputs,
        updates=updates,
        givens={variable: values[rows] for variable, values in examples.items()},
        name=name,
    )
    return parallel.by_minibatch(function)


def descent(
    model: Any,
    cost: Any,
    y: Any,
    examples: SharedSet,
    batch_size: int,
    learning_rate: Any,
    name: str,
    parallel: DataParallel = ALONE,
) -> Callable[[int], Any]:
    """A compiled function of a minibatch's index: a step of `model`'s parameters down the gradient of `cost`.

    It returns the cost before the step; `cost` is symbolic, of ``model.input`` and the classes `y`, a mean
    over examples, and the learning rate a number or a symbolic scalar. Of several ranks each goes through its
    part of the minibatch.
    """
    with distributed.in_parts(parallel.part_of_each(batch_size)):
        gradients = distributed.gradients(cost, model.params)
    updates = [(p, p - learning_rate * g) for p, g in zip(model.params, gradients, strict=True)]
    return by_minibatch(
        cost,
        {model.input: examples.x, y: examples.y},
        batch_size,
        updates=updates,
        name=name,
        parallel=parallel,
    )


def mean_error(
    model: Any,
    y: Any,
    examples: SharedSet,
    batch_size: int,
    name: str,
    parallel: DataParallel = ALONE,
) -> Callable[[], float]:
    """A compiled function of no arguments: the fraction of `examples` that `model` gets wrong, now.

    As in the published programs it is that of the whole minibatches, but several are evaluated at a time,
    which is faster, and the wrong ones are counted, so that equal errors compare as equal.
    """
    n_batches = count_minibatches(examples, batch_size)
    at_once = max(
        k for k in range(1, n_batches + 1) if n_batches % k == 0 and (k == 1 or k * batch_size <= 1000)
    )
    n_slices, size = n_batches // at_once, at_once * batch_size
    errors = by_minibatch(model.errors(y), {model.input: examples.x, y: examples.y}, size, name=name)

    def evaluate() -> float:
        own = range(n_slices)[parallel.part(n_slices)]
        wrong = sum(round(float(errors(number)) * size) for number in own)
        return parallel.fraction(wrong, n_slices * size)

    return evaluate


def validation(
    model: Any,
    y: Any,
    valid_set: SharedSet,
    test_set: SharedSet,
    batch_size: int,
    patience: int,
    parallel: DataParallel = ALONE,
) -> Validation:
    """Early stopping by the published programs' rule, after `patience` minibatches at the earliest."""
    return Validation(
        Patience(patience),
        mean_error(model, y, valid_set, batch_size, "validate_model", parallel),
        mean_error(model, y, test_set, batch_size, "test_model", parallel),
    )
