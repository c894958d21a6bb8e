"""The chapter on LSTM: the cell, how far gradients reach, the model of sentiment, and its gates at work."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from docs.figures import _networks as net
from docs.figures._drawing import figure, main, run_folder


@figure("lstm-cell.svg")
def cell() -> Figure:
    fig, axes = net.canvas(13, 7.4, (7.4, 4.3))
    net.box(axes, (6.7, 4.0), (11.0, 5.4), "", "#f7f7f7", zorder=0)
    net.arrow(axes, (0.2, 5.6), (3.2, 5.6))
    axes.text(0.1, 5.95, "$c_{t-1}$")
    net.arrow(axes, (3.8, 5.6), (6.4, 5.6))
    net.arrow(axes, (7.0, 5.6), (13.0, 5.6))
    axes.text(12.4, 5.95, "$c_t$")
    for at, sign in (((3.5, 5.6), "×"), ((6.7, 5.6), "+"), ((6.7, 4.0), "×"), ((10.6, 4.0), "×")):
        net.unit(axes, at, 0.32, net.PALE_GREEN, sign, fontsize=14)
    places = {"$f_t$": 3.5, "$i_t$": 5.5, "$\\tilde c_t$": 7.9, "$o_t$": 10.6}
    for name, x in places.items():
        new = "tilde" in name
        net.box(axes, (x, 2.35), (1.15, 0.75), name, net.PALE_BLUE if new else net.PALE_RED)
        axes.text(x + 0.68, 2.05, "tanh" if new else "$\\sigma$", fontsize=10, color=net.GREY)
        net.arrow(axes, (x, 0.85), (x, 1.95), net.GREY)
    net.line(axes, (1.4, 0.85), (10.6, 0.85), linewidth=1.4)
    axes.text(0.1, 0.72, "$x_t, h_{t-1}$")
    net.arrow(axes, (3.5, 2.75), (3.5, 5.25))
    net.arrow(axes, (5.5, 2.75), (6.45, 3.75))
    net.arrow(axes, (7.9, 2.75), (6.95, 3.75))
    net.arrow(axes, (6.7, 4.35), (6.7, 5.25))
    net.box(axes, (9.3, 4.0), (1.1, 0.65), "tanh", "white", fontsize=10)
    net.line(axes, (8.5, 5.6), (8.5, 4.0), color="black", linewidth=1.4)
    net.arrow(axes, (8.5, 4.0), (8.73, 4.0))
    net.arrow(axes, (9.87, 4.0), (10.26, 4.0))
    net.arrow(axes, (10.6, 2.75), (10.6, 3.65))
    net.arrow(axes, (10.94, 4.0), (13.0, 4.0))
    axes.text(12.4, 4.3, "$h_t$")
    axes.text(3.75, 4.4, "keep", fontsize=10, color=net.GREY)
    axes.text(6.95, 4.75, "write", fontsize=10, color=net.GREY)
    axes.text(10.8, 3.2, "show", fontsize=10, color=net.GREY)
    return fig


def _sigmoid(a):
    return 1 / (1 + np.exp(-a))


def gradients(kind: str, start: float, length: int) -> np.ndarray:
    """How long the gradient of a random direction of the last h by the units' state is, 0 to `length` steps
    before, of 16 units that hear noise: a mean over 20 networks. `start` is the size of the eigenvalues of
    tanh units, or the forget gates' bias."""
    n, means = 16, np.zeros(length + 1)
    for seed in range(20):
        rng = np.random.RandomState(seed)

        def orthogonal(rng=rng):
            return np.linalg.qr(rng.randn(n, n))[0]

        noise, back = rng.randn(length, n), []
        gradient = rng.randn(n)
        gradient /= np.linalg.norm(gradient)
        if kind == "tanh":
            U, h = start * orthogonal(), np.zeros(n)
            for x in noise:
                h = np.tanh(0.3 * x + h @ U)
                back.append(U * (1 - h**2))  # d h_t / d h_(t-1), rows by the latter
        else:
            U = [orthogonal() for _ in range(4)]
            h = c = np.zeros(n)
            for x in noise:
                i, f, o, new = (0.3 * x + h @ each for each in U)
                f = f + start
                i, f, o, new = _sigmoid(i), _sigmoid(f), _sigmoid(o), np.tanh(new)
                old, c = c, f * c + i * new
                squashed = np.tanh(c)
                c_by_h = U[0] * (i * (1 - i) * new) + U[1] * (f * (1 - f) * old) + U[3] * (i * (1 - new**2))
                h_by_c = o * (1 - squashed**2)
                h_by_h = U[2] * (o * (1 - o) * squashed) + c_by_h * h_by_c
                h = o * squashed
                # of (h, c) together
                back.append(np.block([[h_by_h, c_by_h], [np.diag(f * h_by_c), np.diag(f)]]))
            gradient = np.concatenate([gradient, np.zeros(n)])
        found = [np.linalg.norm(gradient)]
        for jacobian in reversed(back):
            gradient = jacobian @ gradient
            found.append(np.linalg.norm(gradient))
        means += np.log(found) / 20
    return np.exp(means)


@figure("gradient-norms.svg")
def gradient_norms() -> Figure:
    fig, axes = plt.subplots(figsize=(6.8, 3.8))
    for start in (0.8, 1.0, 1.2):
        axes.plot(gradients("tanh", start, 60), "--", label=f"tanh, eigenvalues of {start}")
    axes.set_prop_cycle(None)
    for bias in (0, 2, 5):
        axes.plot(gradients("lstm", bias, 60), label=f"LSTM, forget bias {bias}")
    axes.set(xlabel="steps back", ylabel="length of the gradient", yscale="log", xlim=(0, 60))
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=9)
    return fig


@figure("sentiment-model.svg")
def model() -> Figure:
    fig, axes = net.canvas(12, 6.6, (7, 3.9))
    words = ("a", "waste", "of", "time")
    for number, word in enumerate(words):
        x = 1.6 + 2.4 * number
        axes.text(x, 0.3, word, ha="center", va="center", style="italic")
        net.box(axes, (x, 1.3), (1.6, 0.6), "embedding", net.PALE_BLUE, fontsize=9)
        net.box(axes, (x, 2.8), (1.6, 0.8), "LSTM", net.PALE_RED)
        net.arrow(axes, (x, 0.5), (x, 0.97))
        net.arrow(axes, (x, 1.63), (x, 2.37))
        net.arrow(axes, (x, 3.23), (5.2 + 0.25 * (number - 1.5), 4.15))
        if number:
            net.arrow(axes, (x - 1.58, 2.8), (x - 0.83, 2.8))
    net.box(axes, (5.2, 4.5), (3.4, 0.65), "mean over the words", net.PALE_GREEN, fontsize=10)
    net.box(axes, (5.2, 5.8), (3.4, 0.65), "logistic regression", net.PALE_GREEN, fontsize=10)
    net.arrow(axes, (5.2, 4.85), (5.2, 5.45))
    net.arrow(axes, (6.95, 5.8), (8.3, 5.8))
    axes.text(8.4, 5.8, "positive or negative", va="center")
    return fig


@figure("lstm-gates.svg")
def gates() -> Figure:
    with np.load(run_folder("lstm") / "gates.npz") as kept:
        arrays = dict(kept)
    fig, panels = plt.subplots(
        4, 2, figsize=(9, 6.4), sharex="col", gridspec_kw={"height_ratios": [1, 1, 1, 1.2]}
    )
    for column, sentence in enumerate(arrays["sentences"]):
        words = str(sentence).split()
        for row, name in enumerate(("input gate", "forget gate", "output gate")):
            opened = arrays[f"gates_{column}"][row].T / 255
            axes = panels[row, column]
            axes.imshow(
                np.sort(opened, axis=0)[::-1],
                aspect="auto",
                cmap="gray_r",
                vmin=0,
                vmax=1,
                interpolation="none",
            )
            axes.set(yticks=[])
            axes.grid(False)
            if not column:
                axes.set_ylabel(f"{name}\n128 units", fontsize=9)
        axes = panels[3, column]
        added = arrays[f"added_{column}"]
        axes.bar(range(len(words)), added, color=[net.BLUE if each > 0 else net.RED for each in added])
        axes.axhline(0, color="black", linewidth=0.8)
        axes.set_xticks(
            range(len(words)), labels=words, rotation=60, ha="right", rotation_mode="anchor", fontsize=9
        )
        if not column:
            axes.set_ylabel("what the word adds\n(positive: up)", fontsize=9)
    return fig


if __name__ == "__main__":
    main()
