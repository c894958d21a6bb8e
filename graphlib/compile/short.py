"""A program for the short lengths of the inputs that a call gives it.

One compiled function serves every length.  But an inner loop over three coordinates or ten classes is several
times as fast where its length is a number, so a program that has loops over axes of its inputs inside others
is compiled when it is called: for the short ones among their lengths if there are many turns of such loops,
else for any.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from ..configuration import config
from ..errors import Resized, ShapeError
from .around import Around
from .present import Given

if TYPE_CHECKING:
    from ..schedule.short import InnerLoops, Terms

#: an axis is short below this length
SHORT = 16
#: and known to code where the inner loops over it have so many turns in a call: with fewer, that gains less
#: than 0.1 ms
TURNS = 1 << 14
#: shapes of inputs of which it is known what runs for them
_MOST = 1024


class ForShortLengths(Around):
    """An executor of one for any lengths of the inputs, and of one for each short lengths that calls bring.

    Which of them runs depends on the shapes of a call's inputs alone, and so do the results.  None of them is
    compiled before a call needs it, so that no more is compiled before the first result.

    stages: those of the program; make: compiles such, or finds them in the cache; any: the executor for any
    lengths, if that is there.
    """

    def __init__(
        self, stages: Any, make: Callable[[Any], Any], loops: InnerLoops, any: Any | None = None
    ) -> None:
        self.stages, self.make, self.loops = stages, make, loops
        self.settings = config.settings()
        self._made: dict[Given | None, Any] = {} if any is None else {None: any}
        self._of_shapes: dict[tuple, Any] = {}
        #: the shapes of the last call, and what ran then
        self._shapes: list[tuple[int, ...]] | None = None
        self._latest: Any | None = None

    @property
    def executor(self) -> Any:
        """The one that ran last, or for any lengths."""
        return self._latest or self._for(None)

    @property
    def source(self) -> str:
        return (self._latest or self).stages.rendered.source

    @property
    def plan(self) -> Any:
        return (self._latest or self).stages.plan

    def rewritten(self) -> list:
        return (self._latest or self).stages.rewritten.results

    def __call__(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        shapes = [array.shape for array in inputs]
        if shapes != self._shapes:
            self._latest = self._chosen(shapes)
            self._shapes = shapes
        return self._latest(inputs)

    @property
    def simple(self) -> bool:
        """Whether there is `repeat`: see `CExecutor`."""
        return self.executor.simple

    def repeat(self, calls: list[list[np.ndarray]]) -> list[np.ndarray]:
        """As of `CExecutor`."""
        parts: list[list[np.ndarray]] = []
        done = 0
        for executor, each in groupby(calls, lambda inputs: self._chosen([a.shape for a in inputs])):
            group = list(each)
            self._latest, self._shapes = executor, None
            try:
                parts.append(executor.repeat(group))
            except Resized as error:
                error.results = _joined([*parts, error.results])
                error.done += done
                raise
            done += len(group)
        return _joined(parts)

    def _chosen(self, shapes: Sequence[tuple[int, ...]]) -> Any:
        """What runs for inputs of such shapes."""
        key = tuple(shapes)
        found = self._of_shapes.get(key)
        if found is None:
            if len(self._of_shapes) >= _MOST:
                self._of_shapes.clear()
            found = self._of_shapes[key] = self._for(short_lengths(self.loops, shapes))
        return found

    def _for(self, given: Given | None) -> Any:
        if given not in self._made:
            with config.change(**self.settings):
                try:
                    self._made[given] = self.make(self.stages.of(given))
                except ShapeError:
                    if given is None:
                        raise
                    # they do not fit one another, which the call says in words of its own
                    self._made[given] = self._for(None)
        return self._made[given]


def _joined(parts: list[list[np.ndarray]]) -> list[np.ndarray]:
    return parts[0] if len(parts) == 1 else [np.concatenate(each) for each in zip(*parts, strict=True)]


def short_lengths(loops: InnerLoops, shapes: Sequence[tuple[int, ...]]) -> Given | None:
    """The lengths that code for inputs of these shapes is to know; None of none."""
    known: set[tuple[int, int]] = set()
    for length, turns in loops:
        axes = {axis for _, product in length for axis in product}
        if (
            all(shapes[k][axis] < SHORT for k, axis in axes)
            and 1 < _value(length, shapes) < SHORT
            and _value(turns, shapes) >= TURNS
        ):
            # a length of 1 stays unknown: only what is 1 at every call broadcasts
            known |= {(k, axis) for k, axis in axes if shapes[k][axis] > 1}
    if not known:
        return None
    return tuple(
        tuple(n if (k, axis) in known else None for axis, n in enumerate(shape))
        for k, shape in enumerate(shapes)
    )


def _value(terms: Terms, shapes: Sequence[tuple[int, ...]]) -> int:
    return sum(c * math.prod(shapes[k][axis] for k, axis in product) for c, product in terms)
