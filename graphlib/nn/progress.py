"""What a run says while it trains: lines, and a progress bar below them where there is a terminal."""

import sys

from tqdm import tqdm


def say(line: str) -> None:
    """Prints a line, above the progress bar where there is one."""
    tqdm.write(line, file=sys.stdout)
    sys.stdout.flush()


def progress_bar(total: float, done: int, unit: str, shown: bool = True) -> tqdm:
    """A bar of `total` steps, `done` of them already; it shows nothing where stderr is no terminal."""
    return tqdm(
        total=total,
        initial=done,
        unit=f" {unit}",
        leave=False,
        dynamic_ncols=True,
        disable=not (shown and sys.stderr.isatty()),
    )
