"""Where `Model.fit` gets its minibatches: from arrays in memory, from arrays that are read piece by piece, or
from an object of the user's that gives them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from graphlib.datasets import DataError

from . import data, provenance
from .data import Batches
from .epochs import Epochs
from .examples import Examples, checked, examples_of, parts_of, peek
from .parallel import DataParallel
from .storage import UserError
from .stored.base import is_stored
from .stored.order import Blocks, block_of, check_batch_size, split_ranges
from .stored.reader import HeldReader

if TYPE_CHECKING:
    from .model import Model


@dataclass(frozen=True)
class Dealing:
    """How examples are dealt into minibatches: see `Model.fit`, and for ``block`` `Batches`."""

    batch_size: int | None = 32
    shuffle: bool = True
    seed: int = 0
    buffer: float = 256
    block: int | None = None


class Feed:
    """The minibatches of a training.

    Attributes:
        examples: the form of what is learnt from: all examples, or those of the first minibatch.
        size: of a minibatch, at most.
        n_minibatches: of an epoch.
        order: what deals the minibatches, which a checkpoint remembers; None where nothing here does.
        resident: whether a step is given the rows of a minibatch among examples that are in memory, and not
            its arrays.
        stays: whether these are the same examples for all minibatches.
    """

    resident = False
    stays = False

    def __init__(self, examples: Examples, size: int, n_minibatches: int, order: Any):
        self.examples, self.size, self.n_minibatches = examples, size, n_minibatches
        self.order = order

    def arguments(self, index: int) -> list[np.ndarray]:
        """What a compiled step takes for the minibatch of an index; 0 begins the next epoch."""
        raise NotImplementedError

    def misfit(self, error: Exception, index: int) -> Exception:
        """What to raise where a step refuses the minibatch of an index."""
        return error

    def settings(self) -> dict[str, Any]:
        """What a run must be resumed with, as JSON can hold it."""
        return {}

    def close(self) -> None:
        """Reads no further ahead."""


class InMemory(Feed):
    """Some rows of arrays in memory."""

    resident = stays = True

    def __init__(self, examples: Examples, rows: np.ndarray, dealing: Dealing, whole: bool):
        deal = data.rows_of_minibatches(rows, dealing.batch_size, dealing.shuffle, whole)
        order, self._dealing = Epochs(deal, dealing.seed), dealing
        size = min(dealing.batch_size or len(rows), len(rows))
        super().__init__(examples, size, len(order), order)

    def arguments(self, index: int) -> list[np.ndarray]:
        return [self.order[index]]

    def settings(self) -> dict[str, Any]:
        given = self._dealing
        return {
            "batch_size": given.batch_size,
            "shuffle": given.shuffle,
            "seed": given.seed,
            "data": provenance.fingerprint(self.examples.arrays()),
        }


class PieceByPiece(Feed):
    """Arrays that are read while the model trains; `hold` is given what is in memory of them, see
    `HeldReader`."""

    resident = True

    def __init__(
        self, examples: Examples, dealing: Dealing, whole: bool, hold: Callable[[list[np.ndarray]], Any]
    ):
        stored = examples.stored()
        how = (dealing.batch_size, dealing.shuffle, dealing.buffer, dealing.block)
        blocks = Blocks.of(stored, *how, whole=whole)
        order, self._dealing = Epochs(blocks.minibatches, dealing.seed), dealing
        super().__init__(examples, blocks.batch_size, len(order), order)
        self._reader = HeldReader(stored, order, hold)

    def arguments(self, index: int) -> list[np.ndarray]:
        return self._reader[index]

    def settings(self) -> dict[str, Any]:
        return asdict(self._dealing) | {"data": provenance.fingerprint(self.examples.arrays())}

    def close(self) -> None:
        self._reader.close()


class Given(Feed):
    """The minibatches of an object with ``len`` and ``[i]``."""

    def __init__(self, provider: Any, first: Examples, read: Callable[[tuple], Examples]):
        super().__init__(first, first.count, len(provider), getattr(provider, "order", None))
        self._provider, self._read = provider, read

    def arguments(self, index: int) -> list[np.ndarray]:
        try:
            arrays = self._read(parts_of(self._provider[index])).arrays()
        except DataError as error:
            raise DataError(f"minibatch {index}: {error}") from None
        if len(arrays) != len(self.examples.arrays()):
            raise DataError(f"minibatch {index} has weights and others have none, or it has none")
        return arrays

    def misfit(self, error: Exception, index: int) -> Exception:
        return type(error)(f"minibatch {index} is not like the first: {error}")


def feed_of(
    model: Model,
    x: Any,
    y: Any,
    validation: Any,
    sample_weight: Any,
    class_weight: Any,
    dealing: Dealing,
    parallel: DataParallel,
) -> tuple[Feed, Examples | None]:
    """The minibatches to learn from, and the examples that validate, if there are any; the model is built for
    them if it is not yet.

    Args:
        model, x, y, validation, sample_weight, class_weight: as of `Model.fit`.
    """
    graphs = model._graphs

    def given(parts: tuple, called: str = "") -> Examples:
        """Examples of the user's; those to validate with are not weighed by their class."""
        weights = parts[2] if len(parts) > 2 else None
        return examples_of(*parts[:2], graphs.types, weights, None if called else class_weight, called)

    def held(examples: Examples) -> Examples:
        examples.inputs = graph.within(examples.inputs, examples.called)
        return checked(examples, model.tasks)

    provider = None
    if y is None and _gives_minibatches(x):
        dealing = _agreed(dealing, x)
        if isinstance(x, Batches) and x.blocks is not None:
            x, y = x.x, x.y  # read as such arrays are
        else:
            provider = x
    if provider is not None:
        _check_provider(provider, sample_weight, class_weight)
        examples = given(parts_of(peek(provider)))
    elif y is None:
        raise DataError("there are no targets: give y, or an object with minibatches (x, y) as x")
    else:
        examples = given((x, y, sample_weight))
    n = examples.count
    check_batch_size(dealing.batch_size)
    if dealing.batch_size is not None and provider is None:
        parallel.check(min(dealing.batch_size, n), "the batch size")
    graph = graphs.fitting(examples.inputs, examples.structure)
    examples = held(examples)
    if graphs.stateful and (dealing.shuffle if provider is None else getattr(provider, "shuffle", False)):
        raise UserError(
            "shuffle deals the examples in another order in every epoch, and stateful layers go on from one "
            "minibatch to the next: give shuffle=False"
        )

    is_share = isinstance(validation, Real) and not isinstance(validation, bool)
    share = float(validation) if is_share else None
    held_out = None
    if validation is not None and share is None:
        held_out = given(parts_of(validation), called="validation ")
        graphs.fitting(held_out.inputs, held_out.structure, held_out.called)
        held_out = held(held_out)
    if provider is not None:
        if share is not None:
            raise DataError("a share for validation can be held out of arrays: give (x, y) as validation")
        return Given(provider, examples, lambda parts: held(given(parts))), held_out
    stored = examples.stored()
    if stored is not None:
        if share is not None:
            data.check_share(n, share)
            block = dealing.block or block_of(stored)
            kept, taken = split_ranges(n, share, dealing.shuffle, block, dealing.seed)
            held_out, examples = examples.take(taken), examples.take(kept)
        return PieceByPiece(examples, dealing, graphs.stateful, model._functions.hold), held_out
    rows = np.arange(n)
    if share is not None:
        rows, taken = data.split_rows(n, share, dealing.shuffle, seed=dealing.seed)
        held_out = examples.take(taken)
    return InMemory(examples, rows, dealing, graphs.stateful), held_out


def _gives_minibatches(x: Any) -> bool:
    arrays = (np.ndarray, Mapping, list, tuple)
    return hasattr(x, "__getitem__") and not isinstance(x, arrays) and not is_stored(x)


def _agreed(dealing: Dealing, provider: Any) -> Dealing:
    """How minibatches are dealt that are made already; UserError where `fit` is told something else."""
    own = {}
    for each in fields(Dealing):
        told = getattr(dealing, each.name)
        own[each.name] = getattr(provider, each.name, each.default)
        if told not in (each.default, own[each.name]):
            has = (
                f"have {each.name}={own[each.name]!r}" if hasattr(provider, each.name) else "are made already"
            )
            raise UserError(
                f"fit is told {each.name}={told!r}, and the minibatches that x gives {has}: leave it out of "
                "fit, or give arrays"
            )
    return Dealing(**own)


def _check_provider(provider: Any, sample_weight: Any, class_weight: Any) -> None:
    if class_weight == "balanced":
        raise DataError(
            'class_weight "balanced" counts the classes of all examples, and x gives them by '
            "minibatches: give a mapping of the weights"
        )
    if sample_weight is not None:
        raise DataError("sample_weight is of arrays x and y: minibatches give their own, (x, y, weights)")
    if not len(provider):
        raise DataError("x has no minibatches")
