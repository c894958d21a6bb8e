"""The table of a function compiled with ``profile=True``: where the time goes, by operation and by the user's
source line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from .schedule.plan import Source


class Profile:
    """Rows of (the operations of a step with their shares of it, seconds, calls): a fused step's time is
    divided among its operations."""

    def __init__(self, title: str, rows: Sequence[tuple[Sequence[Source], float, int]]) -> None:
        self.title = title
        self.rows = list(rows)

    @property
    def seconds(self) -> float:
        """Total time inside the steps."""
        return sum(seconds for _, seconds, _ in self.rows)

    def by_op(self) -> dict[str, float]:
        """Seconds by operation, greatest first."""
        return self._grouped(lambda source: source.op)

    def by_line(self) -> dict[str, float]:
        """Seconds by 'file:line' of the user's source, greatest first."""
        return self._grouped(lambda source: source.line)

    def _grouped(self, key: Callable[[Source], str]) -> dict[str, float]:
        total: dict[str, float] = defaultdict(float)
        for sources, seconds, _ in self.rows:
            weight = sum(source.share for source in sources) or 1.0
            for source in sources:
                total[key(source)] += seconds * source.share / weight
        return dict(sorted(total.items(), key=lambda item: -item[1]))

    def __str__(self) -> str:
        calls = max((c for _, _, c in self.rows), default=0)
        lines = [f"{self.title}: {calls} calls, {self.seconds * 1e3:.3f} ms in {len(self.rows)} steps"]
        for heading, table in (("by operation", self.by_op()), ("by source line", self.by_line())):
            lines += ["", heading, f"{'ms':>12} {'%':>6}  what"]
            lines += [
                f"{seconds * 1e3:12.3f} {100 * seconds / (self.seconds or 1):6.1f}  {what}"
                for what, seconds in table.items()
            ]
        return "\n".join(lines)
