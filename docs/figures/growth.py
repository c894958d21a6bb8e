"""The guide on speed: how a step's time and memory grow, as tests.benchmarks.growth has measured them."""

from __future__ import annotations

import json

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, NullFormatter

from docs.figures._drawing import DOCS, figure, main

NAMES = {"graphlib": "graphlib", "jax": "JAX"}


def _grown(what: str, unit: str, factor: float) -> Figure:
    """A panel for each series: what one step takes, of both libraries, on logarithmic axes."""
    found = json.loads((DOCS / "measurements" / "growth.json").read_text(encoding="utf-8"))
    fig, panels = plt.subplots(2, 2, figsize=(7.0, 5.6))
    for axes, (name, series) in zip(panels.flat, found.items(), strict=True):
        for (key, label), marker in zip(NAMES.items(), "os", strict=True):
            values = [factor * value for value in series[key][what]]
            axes.loglog(series["sizes"], values, marker=marker, markersize=4, label=label)
        axes.set_title(name, fontsize=11)
        axes.set_xlabel(series["about"], fontsize=9)
        axes.set_xticks(series["sizes"], map(str, series["sizes"]), fontsize=9)
        low, high = axes.get_ylim()
        axes.set_ylim(min(low, high / 100), high)
        axes.yaxis.set_major_formatter(FormatStrFormatter("%g"))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_minor_formatter(NullFormatter())
        axes.tick_params(labelsize=9)
    for row in panels:
        row[0].set_ylabel(unit)
    panels[0, 0].legend()
    return fig


@figure("growth-time.svg")
def time() -> Figure:
    return _grown("seconds", "milliseconds a step", 1e3)


@figure("growth-memory.svg")
def memory() -> Figure:
    return _grown("bytes", "MiB", 1 / 2**20)


if __name__ == "__main__":
    main()
