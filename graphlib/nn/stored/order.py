"""The order in which stored rows are read: blocks of rows that follow each other in the file are drawn, many
make a group, and the rows of a group are shuffled among each other.

How good that is. Let n rows lie in blocks of b, and a group be of k blocks. Blocks and rows are drawn
uniformly, so

- each row's position in an epoch is uniform over the epoch's: the mean displacement is that of a full
  shuffle, n/3 (exactly where blocks and groups come out even);
- a minibatch of B rows is a sample without replacement from a group of k b rows. A row shares its minibatch
  with each other row of its block with the probability (B − 1)/(k b − 1), in place of (B − 1)/(n − 1);
- the mean of a minibatch of whatever has variance σ² over all rows, of which the share ρ is between blocks,
  has a variance of about σ²/B · (1 + ρ B/k), in place of σ²/B. So B well below k is as good as a full
  shuffle even where every block is one class (ρ = 1); and where the file's rows have no order, k is of no
  consequence (ρ = 1/b).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graphlib.datasets import DataError

from .base import Ranges, Stored

#: bytes that are best read at a time
BLOCK_BYTES = 2**20


def block_of(arrays: Sequence[Stored]) -> int:
    """How many rows that follow each other are best read at a time: about `BLOCK_BYTES` of them and whole
    chunks; single rows where those are read as quickly."""
    chunk = max(each.block for each in arrays)
    if all(each.scattered for each in arrays):
        return chunk
    return chunk * max(1, BLOCK_BYTES // (chunk * sum(each.row_bytes for each in arrays)))


def check_batch_size(batch_size: int | None) -> None:
    """DataError unless minibatches can have so many examples; None is all."""
    if batch_size is not None and (not isinstance(batch_size, int | np.integer) or batch_size < 1):
        raise DataError(f"batch_size is {batch_size}: give the examples of a minibatch, 1 or more, or None")


@dataclass(frozen=True)
class Blocks:
    """How rows are dealt to minibatches; `minibatches` is what `graphlib.nn.epochs.Epochs` takes.

    Attributes:
        n: rows.
        batch_size: rows of a minibatch; the last may have fewer.
        block: rows that follow each other in the file and are read together.
        group: blocks whose rows are shuffled among each other, and are in memory together.
        shuffle: false: rows come in the file's order.
        whole: leave out a last minibatch with fewer rows.
    """

    n: int
    batch_size: int
    block: int
    group: int
    shuffle: bool = True
    whole: bool = False

    @classmethod
    def of(
        cls,
        arrays: Sequence[Stored],
        batch_size: int | None,
        shuffle: bool = True,
        buffer: float = 256,
        block: int | None = None,
        whole: bool = False,
    ) -> Blocks:
        """The blocks for arrays that are read together.

        Args:
            batch_size: None for all rows.
            buffer: megabytes of memory for two groups: the one that is used, and the next.
            block: rows of a block; None for what the arrays are best read in: see `block_of`.

        Raises:
            DataError: buffer is not above 0, or batch_size or block no whole number from 1 on.
        """
        check_batch_size(batch_size)
        if not 0 < buffer < math.inf:
            raise DataError(f"buffer is {buffer}: give the megabytes of memory for shuffling, above 0")
        if block is not None and (not isinstance(block, int | np.integer) or block < 1):
            raise DataError(f"block is {block}: give the rows that stay together in shuffling, 1 or more")
        n = len(arrays[0])
        block = min(n, block or block_of(arrays))
        group = int(buffer * 1e6 / 2 // (block * sum(each.row_bytes for each in arrays)))
        return cls(n, n if batch_size is None else min(batch_size, n), block, max(1, group), shuffle, whole)

    @property
    def count(self) -> int:
        """How many blocks there are."""
        return -(-self.n // self.block)

    @property
    def group_rows(self) -> int:
        """Rows of a group."""
        return min(self.n, self.block * self.group)

    def __len__(self) -> int:
        """How many minibatches an epoch has."""
        return self.n // self.batch_size if self.whole else -(-self.n // self.batch_size)

    def __str__(self) -> str:
        if not self.shuffle:
            return "in the file's order"
        if self.group >= self.count:
            return f"all {self.n} rows are shuffled together"
        return (
            f"{self.count} blocks of {self.block} rows, shuffled {self.group} at a time: a minibatch is "
            f"drawn from {self.group_rows} of {self.n} rows"
        )

    def minibatches(self, rng: np.random.RandomState) -> BlockedEpoch:
        """An epoch's minibatches, drawn."""
        return BlockedEpoch(self, rng)


class BlockedEpoch(Sequence):
    """The minibatches of one epoch: ``[i]`` are the rows of a minibatch, int64. Nothing is drawn before it is
    asked for but the order of the blocks."""

    def __init__(self, blocks: Blocks, rng: np.random.RandomState):
        self.blocks = blocks
        self._order = rng.permutation(blocks.count) if blocks.shuffle else None
        self._key = int(rng.randint(2**32, dtype=np.uint32))
        groups = -(-blocks.count // blocks.group)
        sizes = [sum(stop - start for start, stop in self.ranges(g)) for g in range(groups)]
        #: the positions in the epoch at which groups end
        self.ends = np.cumsum(sizes)
        self._remembered: tuple[int, np.ndarray] = -1, np.empty(0, "int64")

    def ranges(self, group: int) -> Ranges:
        """What is read for a group: ranges of rows."""
        blocks = self.blocks
        numbers = range(group * blocks.group, min(blocks.count, (group + 1) * blocks.group))
        if self._order is None:
            return [(numbers[0] * blocks.block, min(blocks.n, (numbers[-1] + 1) * blocks.block))]
        chosen = self._order[numbers[0] : numbers[-1] + 1]
        return [(int(b) * blocks.block, min(blocks.n, (int(b) + 1) * blocks.block)) for b in chosen]

    def permutation(self, group: int) -> np.ndarray | None:
        """The order in which a group's rows, as they are read, are dealt; None for as they are."""
        if self._order is None:
            return None
        size = int(self.ends[group]) - (int(self.ends[group - 1]) if group else 0)
        return np.random.RandomState([self._key, group]).permutation(size)

    def parts(self, index: int) -> list[tuple[int, int, int]]:
        """Of which groups a minibatch is: (group, start and stop among the group's rows as dealt)."""
        start = index * self.blocks.batch_size
        stop = min(self.blocks.n, start + self.blocks.batch_size)
        found = []
        group = int(np.searchsorted(self.ends, start, side="right"))
        while start < stop:
            before = int(self.ends[group - 1]) if group else 0
            end = min(stop, int(self.ends[group]))
            found.append((group, start - before, end - before))
            start, group = end, group + 1
        return found

    def __len__(self) -> int:
        return len(self.blocks)

    def __getitem__(self, index: int) -> np.ndarray:
        if not 0 <= index < len(self):
            raise IndexError(f"minibatch {index} of {len(self)}")
        return np.concatenate([self._rows(group)[start:stop] for group, start, stop in self.parts(index)])

    def _rows(self, group: int) -> np.ndarray:
        """The rows of a group as dealt; those of the last one that was asked for are remembered."""
        if self._remembered[0] != group:
            rows = np.concatenate([np.arange(*r) for r in self.ranges(group)])
            order = self.permutation(group)
            self._remembered = group, rows if order is None else rows[order]
        return self._remembered[1]


def split_ranges(
    n: int, share: float, shuffle: bool, block: int, seed: int
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """The ranges of rows of two parts, of which the second has about a share of all.

    Runs of rows are drawn rather than rows, so that both parts can be read quickly: at most a thousandth of
    all rows each, and at most a block.

    Args:
        shuffle: false: the second part is the end.
    """
    taken = round(n * share)
    if not shuffle:
        return [(0, n - taken)], [(n - taken, n)]
    run = max(1, min(block, n // 1000))
    order = np.random.RandomState(seed).permutation(-(-n // run))
    second, left = [], taken
    for number in order:
        if left <= 0:
            break
        start = int(number) * run
        stop = min(n, start + run, start + left)
        second.append((start, stop))
        left -= stop - start
    second.sort()
    first, at = [], 0
    for start, stop in second:
        first.append((at, start))
        at = stop
    first.append((at, n))
    return [r for r in first if r[1] > r[0]], second
