"""Pictures of piano-rolls: time to the right, keys upwards, black where a key sounds."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from .. import DataError
from ..figures import new_figure
from ..files import write_atomically
from .midi import DT, KEYS


def save_rolls(
    path: str | Path, rolls: Mapping[str, np.ndarray], r: tuple[int, int] = KEYS, dt: float = DT
) -> None:
    """Writes piano-rolls one below the other as a PNG, with a common axis of time.

    Args:
        path: the file, which is replaced if it exists.
        rolls: the title of each, and the roll, shape (time, r[1] - r[0]), from 0 (white) to 1 (black).
        r: MIDI numbers of the lowest key, and of the one above the highest.
        dt: seconds a step.

    Raises:
        DataError: the file cannot be written.
        ValueError: there is no roll, or one has another number of keys.
    """
    if not rolls:
        raise ValueError("no rolls to draw")
    figure, canvas = new_figure(10, 2.8 * len(rolls))
    panels = figure.subplots(len(rolls), 1, sharex=True, squeeze=False)[:, 0]
    for panel, (title, roll) in zip(panels, rolls.items(), strict=True):
        if np.ndim(roll) != 2 or np.shape(roll)[1] != r[1] - r[0]:
            raise ValueError(
                f"{title}: a roll of shape {np.shape(roll)}; keys {r[0]} to {r[1] - 1} need "
                f"(time, {r[1] - r[0]})"
            )
        extent = (0, dt * len(roll), r[0] - 0.5, r[1] - 0.5)
        panel.imshow(
            np.transpose(roll), origin="lower", aspect="auto", cmap="gray_r", vmin=0, vmax=1,
            extent=extent, interpolation="nearest",
        )  # fmt: skip
        panel.set(
            title=title, ylabel="MIDI note number", xlim=(0, max(dt * len(each) for each in rolls.values()))
        )
    panels[-1].set_xlabel("time (s)")
    try:
        write_atomically(Path(path), lambda file: canvas.print_png(file))
    except OSError as error:
        raise DataError(
            f"{path}: cannot be written ({error.strerror or error}); choose another folder"
        ) from error
