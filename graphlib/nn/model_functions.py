"""The compiled functions of a model: a step of training, its totals over examples, its outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import graphlib
import graphlib.tensor as T
from graphlib import distributed
from graphlib.distributed import Part, in_parts
from graphlib.graph import Variable

from . import data
from .examples import AT_ONCE, Examples
from .model_graphs import Graph
from .parallel import ALONE, DataParallel
from .stored.base import Stored
from .stored.reader import in_order
from .tasks import masks_of, outputs_of, target_variables

if TYPE_CHECKING:
    from .model import Model


class Functions:
    """The functions of a model, compiled when first needed; ``made`` has them by what they are of."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.made: dict[Any, Callable] = {}
        self._resident: dict[Any, list[Any]] = {}
        self._present: Any = None

    def outputs(self, graph: Graph, inputs: Sequence[np.ndarray], batch_size: int | None) -> list[np.ndarray]:
        """The arrays of a graph's outputs for inputs, in order."""
        key = ("predict", id(graph))
        if key not in self.made:
            self.made[key] = graphlib.function(
                graph.input_list,
                list(outputs_of(graph.output).values()),
                updates=list(graph.carried.items()),
                name="predict",
            )
        parts = list(self._in_pieces(self.made[key], inputs, batch_size))
        if len(parts) == 1:
            return parts[0]
        return [np.concatenate(pieces) for pieces in zip(*parts, strict=True)]

    def _graph(self, examples: Examples) -> Graph:
        return self.model._graphs.fitting(examples.inputs, examples.structure)

    def training(self, examples: Examples, resident: bool, parallel: DataParallel = ALONE) -> Callable:
        """A compiled step of training: it returns the cost before it, and the totals of what is reported.

        Where the data are `resident`, in shared variables, it takes the rows of a minibatch, else its arrays.
        What is read piece by piece is put there by `hold`, a piece at a time. Of several ranks each takes the
        whole minibatch, and goes through its part of it.
        """
        graph = self._graph(examples)
        over = "" if parallel.alone else f"over ranks, {parallel.sync_every}"
        key = ("train", id(graph), _forms(examples), resident, self.model.optimizer.changes_rate, over)
        arrays = examples.arrays()
        if key not in self.made:
            (first, *_) = graph.input_list
            all_of_it = T.lvector("rows") if resident else first.type(f"all_{first.name}")
            part = parallel.symbolic_part()
            trained, updates = graph.training_of(part)
            inputs, cost, totals = self.costs(examples, trained, part)
            parameters = {path: p for path, p in self.model.layer.parameters.items() if p.trainable}
            with in_parts(part):
                gradients = distributed.gradients(cost, [p.variable for p in parameters.values()])
            updates = [*self.model.optimizer.updates(parameters, gradients), *updates.items()]
            self.model._restore_optimizer()
            givens, whole = {}, inputs
            if resident:
                self._resident[key] = [
                    graphlib.shared(
                        _in_memory(array), name=f"all_{v.name}", borrow=True, shape=(None, *array.shape[1:])
                    )
                    for array, v in zip(arrays, inputs, strict=True)
                ]
                own = all_of_it if part is None else part.of(all_of_it)
                givens = {v: held[own] for v, held in zip(inputs, self._resident[key], strict=True)}
                whole = [all_of_it]
            elif part is not None:
                whole = [all_of_it, *(v.type(f"all_{v.name}") for v in inputs[1:])]
                givens = {v: part.of(every) for v, every in zip(inputs, whole, strict=True)}
            self.made[key] = graphlib.function(
                [*whole, *(part.inputs if part else ())],
                T.stack([T.cast(each, graphlib.config.floatX) for each in (cost, *totals)]),
                updates=updates,
                givens=givens,
                name="train",
                # where a part lies, not every loss asks
                on_unused_input="ignore" if part else None,
            )
        elif resident:
            self._hold(key, [_in_memory(array) for array in arrays])
        self._present = key
        return parallel.by_part(self.made[key])

    def hold(self, arrays: Sequence[np.ndarray]) -> None:
        """Has the step that `training` gave last go over the rows of these arrays, which are not copied."""
        self._hold(self._present, arrays)

    def _hold(self, key: Any, arrays: Sequence[np.ndarray]) -> None:
        for held, array in zip(self._resident[key], arrays, strict=True):
            held.set_value(array, borrow=True)

    def release(self) -> None:
        """Lets go of the training data."""
        for group in self._resident.values():
            for held in group:
                held.set_value(np.zeros((0, *held.get_value(borrow=True).shape[1:]), held.dtype), borrow=True)

    def costs(
        self, examples: Examples, given: tuple[Any, Any], part: Part | None = None
    ) -> tuple[list[Variable], Variable, list[Variable]]:
        """(variables for `Examples.arrays`, what is minimized, the totals of what is reported) where the
        layer gives (output, mask), of a rank's part of a minibatch such that its mean over ranks is to be
        minimized."""
        kinds = [(a.dtype.str, a.ndim) for a in examples.targets]
        weighted = [None if w is None else w.ndim for w in examples.weights]
        targets, weights = target_variables(self.model.tasks, kinds, weighted)
        cost, totals = self._cost(*given, targets, weights, part)
        inputs = self._graph(examples).input_list
        return [*inputs, *targets, *(w for w in weights if w is not None)], cost, totals

    def _cost(
        self, output: Any, mask: Any, targets: Sequence[Any], weights: Sequence[Any], part: Part | None
    ) -> tuple[Any, list[Any]]:
        """(what is minimized, the totals of what is reported: sum and count of each)."""
        outputs, masks = outputs_of(output), masks_of(output, mask)
        cost, totals = None, []
        for task, y, w in zip(self.model.tasks, targets, weights, strict=True):
            p, m = outputs[task.name], masks[task.name]
            mean, count = task.loss.mean_and_count(p, y, w, m)
            totals += [_sum(mean, count, part), count]
            if part is not None:
                alike = w is None and m is None and task.loss.elements(p, y)[1] is None
                mean = part.weigh(mean, None if alike else count)
            weighed = mean if task.weight == 1 else task.weight * mean
            cost = weighed if cost is None else cost + weighed
            for metric in task.metrics:
                mean, count = metric.mean_and_count(p, y, w, m)
                totals += [_sum(mean, count, part), count]
        if any(p.regularizer and p.trainable for p in self.model.layer.parameters.values()):
            cost = cost + self.model.layer.penalty
        return cost, totals

    def measure(
        self, examples: Examples, batch_size: int | None, parallel: DataParallel = ALONE
    ) -> dict[str, float]:
        """The means over examples of what is reported, by name; of several ranks each measures a part, unless
        layers are stateful, where rank 0 measures all."""
        graph = self._graph(examples)
        key = ("evaluate", id(graph), _forms(examples))
        if key not in self.made:
            inputs, _, totals = self.costs(examples, graph.predicted)
            self.made[key] = graphlib.function(
                inputs,
                T.stack([T.cast(each, graphlib.config.floatX) for each in totals]),
                updates=list(graph.carried.items()),
                name="evaluate",
            )
        sums = self.model._totals(parallel)
        if not parallel.alone:
            n = examples.count
            own = parallel.part(n) if not self.model.stateful else slice(n if parallel.leads else 0)
            examples = examples.take(own if examples.stored() is None else [(own.start or 0, own.stop)])
        if examples.count:
            for found in self._in_pieces(self.made[key], examples.arrays(), batch_size):
                sums.sums += found
        return dict(zip(self.model._reported(), sums.take_means().tolist(), strict=True))

    def _in_pieces(self, function: Callable, arrays: Sequence[Any], batch_size: int | None) -> Iterator[Any]:
        """What a function gives for each `batch_size` examples.

        Stateful layers begin at zero and go on from piece to piece; their states are as before at the end.
        """
        n, stateful = len(arrays[0]), self.model.stateful
        size = min(batch_size or (stateful and self.model._graphs.streams) or AT_ONCE, n)
        if isinstance(arrays[0], Stored):
            pieces: Iterable[Sequence[np.ndarray]] = in_order(arrays, size)
        else:
            pieces = ([array[first : first + size] for array in arrays] for first in range(0, n, size))
        if not stateful:
            for piece in pieces:
                yield function(*piece)
            return
        data.check_whole(n, size)
        states = self.model.layer.carried
        before = {state: state.get_value() for state in states}
        try:
            self.model.layer.reset_states(size)
            for piece in pieces:
                yield function(*piece)
        finally:
            for state, value in before.items():
                state.set_value(value)


def _in_memory(array: Any) -> np.ndarray:
    """An array; no rows of one that is read piece by piece."""
    return np.empty((0, *array.shape[1:]), array.dtype) if isinstance(array, Stored) else array


def _sum(mean: Any, count: Any, part: Part | None) -> Any:
    """The sum that a mean is of; of a rank's part of a minibatch, which may be empty, 0 then."""
    return mean * count if part is None else T.switch(T.gt(count, 0), mean, 0) * count


def _forms(examples: Examples) -> str:
    """What a function of examples depends on: dtypes and numbers of axes of targets and weights."""
    arrays = (*examples.targets, *examples.weights)
    return str([None if a is None else (a.dtype.str, a.ndim) for a in arrays])
