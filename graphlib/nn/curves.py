"""The learning curve of a run: one row a validation, kept as a table, written as CSV and drawn as PNG."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..datasets.figures import new_figure
from . import storage


class LearningCurve:
    """What was measured while a model trained, as a function of the number of minibatches it has seen.

    `panels` maps the title of each panel of the drawing (which says the unit) to the columns drawn in it,
    as in ``{"error (%)": ["validation_error_percent", "test_error_percent"]}``.
    """

    def __init__(self, panels: Mapping[str, Sequence[str]]):
        self.panels = panels
        self.columns = ["epoch", "minibatches", *(column for group in panels.values() for column in group)]
        self.rows: list[list[float]] = []

    def append(self, epoch: float, minibatches: int, **measured: float) -> None:
        """Adds a row; `epoch` counts epochs done, with fractions. A column that is not given stays blank."""
        unknown = measured.keys() - set(self.columns)
        if unknown:
            raise ValueError(f"the curve has no column {', '.join(sorted(unknown))}")
        values = {"epoch": epoch, "minibatches": minibatches, **measured}
        self.rows.append([float(values.get(column, math.nan)) for column in self.columns])

    def as_array(self) -> np.ndarray:
        """The rows as a float64 array of shape (rows, columns), blanks as NaN."""
        return np.array(self.rows, dtype="float64").reshape(len(self.rows), len(self.columns))

    def restore(self, rows: np.ndarray) -> None:
        """Replaces all rows by those of an earlier `as_array`."""
        if rows.ndim != 2 or rows.shape[1] != len(self.columns) or rows.dtype.kind != "f":
            raise ValueError(f"a curve of {len(self.columns)} columns cannot take rows of shape {rows.shape}")
        self.rows = rows.tolist()

    def write_csv(self, path: Path) -> None:
        """Writes one line a row under a line of column names; blanks stay empty."""
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(self.columns)
        for row in self.rows:
            table.writerow("" if math.isnan(value) else f"{value:.9g}" for value in row)
        storage.write_atomically(path, lambda file: file.write(text.getvalue().encode()))

    def draw(self, path: Path) -> None:
        """Writes a PNG with one panel a group of columns, over the epochs."""
        figure, canvas = new_figure(5.5 * len(self.panels), 4)
        from matplotlib.ticker import MaxNLocator

        table = self.as_array()
        for position, (title, columns) in enumerate(self.panels.items(), start=1):
            axes = figure.add_subplot(1, len(self.panels), position, xlabel="epoch", ylabel=title)
            for column in columns:
                values = table[:, self.columns.index(column)]
                measured = ~np.isnan(values)
                label = column.removesuffix("_percent").replace("_", " ")
                axes.plot(
                    table[measured, 0], values[measured], marker=".", markersize=4, linewidth=1, label=label
                )
            axes.set_xlim(left=0)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.grid(alpha=0.3)
            axes.legend()
        storage.write_atomically(path, lambda file: canvas.print_png(file))
