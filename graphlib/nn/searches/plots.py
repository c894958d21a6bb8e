"""Pictures of a study: learning curves, the values over each parameter, and parallel coordinates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...datasets.figures import new_figure
from .. import storage
from .methods import frozen
from .space import Choice, Int, Log, is_finite, positions

if TYPE_CHECKING:
    from .study import Study


def draw(study: Study) -> None:
    """Draws all pictures into the study's folder."""
    _curves(study)
    _parameters(study)
    _parallel(study)


def _save(study: Study, name: str, canvas: Any) -> None:
    storage.write_atomically(study.folder / name, lambda file: canvas.print_png(file))


def _curves(study: Study) -> None:
    """The metric of every trial over the epochs; the best trial's stands out."""
    drawn = [trial for trial in study.trials.values() if any(trial.curves)]
    if not drawn:
        return
    best = study.best()
    figure, canvas = new_figure(6.5, 4.5)
    axes = figure.add_subplot(xlabel="epoch", ylabel=study.metric.replace("_", " "))
    for trial in sorted(drawn, key=lambda each: each is best):
        for number, curve in enumerate(trial.curves):
            if not curve:
                continue
            x, y = zip(*curve, strict=True)
            chosen = trial is best
            axes.plot(
                x,
                y,
                color="tab:red" if chosen else "tab:blue",
                alpha=1 if chosen else 0.35,
                linewidth=2 if chosen else 1,
                marker="." if len(x) == 1 else None,
                label=f"trial {trial.number}" if chosen and not number else None,
            )
    axes.set_xlim(left=0)
    axes.grid(alpha=0.3)
    axes.legend()
    _save(study, "learning_curves.png", canvas)


def _importances(study: Study) -> dict[str, float]:
    """How much of the trials' differences each parameter explains, by Optuna's PED-ANOVA (S. Watanabe et al.,
    2023); none of fewer than ten trials."""
    import optuna
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    valued = [trial for trial in study.trials.values() if is_finite(trial.value)]
    if len(valued) < 10 or len({trial.value for trial in valued}) < 2:
        return {}
    made = optuna.create_study(direction="maximize" if study.maximized else "minimize")
    made.add_trials([frozen(study.file.space, trial.values, trial.value) for trial in valued])
    return get_param_importances(made, evaluator=PedAnovaImportanceEvaluator())


def _parameters(study: Study) -> None:
    """A panel for each parameter: the trials' values over it."""
    valued = [trial for trial in study.trials.values() if is_finite(trial.value)]
    space = study.file.space
    importances = _importances(study)
    figure, canvas = new_figure(4.2 * len(space), 3.8)
    for number, (key, distribution) in enumerate(space.items(), start=1):
        axes = figure.add_subplot(1, len(space), number, xlabel=key)
        x = positions([trial.values[key] for trial in valued], distribution)
        axes.scatter(x, [trial.value for trial in valued], s=18, color="tab:blue", alpha=0.7)
        best = study.best()
        axes.scatter(
            positions([best.values[key]], distribution), [best.value], s=60, color="tab:red", zorder=3
        )
        _scale(axes, distribution, "x")
        axes.grid(alpha=0.3)
        if number == 1:
            axes.set_ylabel(study.metric.replace("_", " "))
        if key in importances:
            axes.set_title(f"importance {importances[key]:.2f}", fontsize=9)
    _save(study, "parameters.png", canvas)


def _scale(axes: Any, distribution: Any, which: str) -> None:
    if isinstance(distribution, Log) or (isinstance(distribution, Int) and distribution.log):
        getattr(axes, f"set_{which}scale")("log")
    if isinstance(distribution, Choice):
        names = [str(value) for value in distribution.values]
        getattr(axes, f"set_{which}ticks")(range(len(names)), names)


def _parallel(study: Study) -> None:
    """A line for each trial, through its values of all parameters and of the metric, coloured by that."""
    from matplotlib import colormaps
    from matplotlib.colors import Normalize

    valued = [trial for trial in study.trials.values() if is_finite(trial.value)]
    space = study.file.space
    values = np.array([trial.value for trial in valued])
    columns, labels, ends = [], [], []
    for key, distribution in space.items():
        at = np.array(positions([trial.values[key] for trial in valued], distribution))
        if isinstance(distribution, Choice):
            low, high = 0.0, len(distribution.values) - 1.0
            said = [str(distribution.values[0]), str(distribution.values[-1])]
        else:
            low, high = map(float, distribution.bounds)
            said = [f"{low:g}", f"{high:g}"]
            if isinstance(distribution, Log) or getattr(distribution, "log", False):
                at, low, high = np.log(at), np.log(low), np.log(high)
        columns.append((at - low) / (high - low))
        labels.append(key)
        ends.append(said)
    low, high = values.min(), values.max()
    columns.append((values - low) / (high - low) if high > low else np.full(len(values), 0.5))
    labels.append(study.metric.replace("_", " "))
    ends.append([f"{low:.4g}", f"{high:.4g}"])
    figure, canvas = new_figure(2 + 1.8 * len(columns), 4.5)
    axes = figure.add_subplot(ylim=(-0.12, 1.08), xlim=(-0.3, len(columns) - 0.7))
    colours, norm = colormaps["viridis" if study.maximized else "viridis_r"], Normalize(low, high)
    order = np.argsort(values if study.maximized else -values)  # the best on top
    for row in order:
        heights = [column[row] for column in columns]
        axes.plot(range(len(columns)), heights, color=colours(norm(values[row])), linewidth=1.2, alpha=0.8)
    for at, (bottom, top) in enumerate(ends):
        axes.axvline(at, color="black", linewidth=0.8)
        axes.text(at, -0.03, bottom, ha="center", va="top", fontsize=8)
        axes.text(at, 1.02, top, ha="center", va="bottom", fontsize=8)
    axes.set_xticks(range(len(labels)), labels, fontsize=8)
    axes.set_yticks([])
    for side in ("top", "bottom", "left", "right"):
        axes.spines[side].set_visible(False)
    _save(study, "parallel_coordinates.png", canvas)
