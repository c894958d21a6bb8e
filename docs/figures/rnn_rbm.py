"""The chapter on music: the model over time, piano-rolls, and pieces to be heard."""

from __future__ import annotations

import csv

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from docs.figures import _networks as net
from docs.figures._drawing import Sound, figure, main, run_folder
from graphlib.datasets import music

SECONDS, RATE, STEPS = 0.3, 8000, 60  # a step, samples a second, steps that are played


@figure("rnn-rbm.svg")
def model() -> Figure:
    fig, axes = net.canvas(13.2, 7.0, (7.6, 4.1))
    for number in range(3):
        x = 2.6 + 3.7 * number
        name = ("t-1", "t", "t+1")[number]
        net.box(axes, (x, 0.8), (1.7, 0.7), f"$v_{{{name}}}$", net.PALE_BLUE)
        net.box(axes, (x, 3.0), (1.7, 0.7), f"$h_{{{name}}}$", net.PALE_RED)
        net.box(axes, (x + 1.75, 5.6), (1.5, 0.7), f"$u_{{{name}}}$", net.PALE_GREEN)
        for dx in (-0.4, 0, 0.4):
            net.line(axes, (x + dx, 1.15), (x + dx, 2.65), color="black", linewidth=1.4)
        before = x - 1.95
        net.arrow(axes, (before + 0.2, 5.22), (x - 0.4, 3.38), net.RED)
        net.arrow(axes, (before, 5.22), (x - 0.88, 0.95), net.RED, bend=0.12)
        net.arrow(axes, (x + 0.88, 0.95), (x + 1.75, 5.22), net.BLUE, bend=0.12)
        net.arrow(axes, (x - 1.1 if number else 0.1, 5.6), (x + 0.97, 5.6))
    axes.text(2.95, 1.8, "$W$", fontsize=10)
    axes.text(5.35, 4.4, "$W_{uh}$", color=net.RED, fontsize=10)
    axes.text(4.55, 2.3, "$W_{uv}$", color=net.RED, fontsize=10, ha="right")
    axes.text(8.3, 1.5, "$W_{vu}$", color=net.BLUE, fontsize=10)
    axes.text(6.3, 5.85, "$W_{uu}$", ha="center", fontsize=10)
    axes.text(6.2, 6.6, "recurrent network", ha="center", fontsize=10, color=net.GREY)
    return fig


@figure("rnn-rbm-rolls.png")
def rolls() -> Image.Image:
    return Image.open(run_folder("rnnrbm") / "samples.png").convert("L").quantize(16)


@figure("rnn-rbm-curve.svg")
def curve() -> Figure:
    fig, axes = plt.subplots()
    for run, name in (("rnnrbm-plain", "as published"), ("rnnrbm", "network pre-trained, one key")):
        with open(run_folder(run) / "learning_curve.csv", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["log_likelihood"]]
        epochs = range(1, len(rows) + 1)
        (line,) = axes.plot(epochs, [float(row["log_likelihood"]) for row in rows], label=name)
        validation = [float(row["validation_log_likelihood"]) for row in rows]
        axes.plot(epochs, validation, "--", color=line.get_color(), linewidth=1.2)
    axes.set(xlabel="epoch", ylabel="log-likelihood (nats a step)", ylim=(-17, -7))
    axes.legend(title="dashed: validation")
    return fig


@figure("rnn-nade-curve.svg")
def nade_curve() -> Figure:
    fig, axes = plt.subplots()
    with open(run_folder("rnnnade") / "learning_curve.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    epochs = range(1, len(rows) + 1)
    axes.plot(epochs, [float(row["log_likelihood"]) for row in rows], label="training")
    axes.plot(epochs, [float(row["validation_log_likelihood"]) for row in rows], label="validation")
    pieces = np.concatenate(music.load().train).astype("float64")
    p = pieces.mean(axis=0).clip(1e-9, 1 - 1e-9)
    alone = (pieces * np.log(p) + (1 - pieces) * np.log(1 - p)).sum(axis=1).mean()
    axes.axhline(alone, color=net.GREY, linestyle=":", label="how often each key sounds")
    axes.set(xlabel="epoch", ylabel="log p of a step (nats)", ylim=(-12.5, None))
    axes.legend(loc="lower right")
    return fig


def played(roll: np.ndarray) -> Sound:
    """A piano-roll as sound: decaying tones of four partials; keys that go on are not struck again."""
    samples = np.zeros(round((len(roll) + 2) * SECONDS * RATE))
    before = np.zeros(roll.shape[1], bool)
    for start, step in enumerate(roll.astype(bool)):
        for key in np.flatnonzero(step & ~before):
            ends = np.flatnonzero(~roll[start:, key].astype(bool))
            length = (ends[0] if len(ends) else len(roll) - start) * SECONDS
            frequency = 440 * 2 ** ((key + music.KEYS[0] - 69) / 12)
            t = np.arange(round((length + 0.2) * RATE)) / RATE
            tone = sum(
                np.sin(2 * np.pi * n * frequency * t) / n**2 for n in range(1, 5) if n * frequency < RATE / 2
            )
            tone *= np.exp(-1.5 * t) * np.clip(t / 0.01, 0, 1) * np.clip((length + 0.2 - t) / 0.1, 0, 1)
            first = round(start * SECONDS * RATE)
            samples[first : first + len(tone)] += tone
        before = step
    return Sound(0.9 * samples / np.abs(samples).max(), RATE)


@figure("rnn-rbm-piece.wav")
def piece() -> Sound:
    return played(music.read_midi(run_folder("rnnrbm") / "sample1.mid")[:STEPS])


@figure("rnn-nade-rolls.png")
def nade_rolls() -> Image.Image:
    """The two that the model made up, without the real ones below them."""
    whole = Image.open(run_folder("rnnnade") / "samples.png").convert("L")
    return whole.crop((0, 0, whole.width, round(0.482 * whole.height))).quantize(16)


@figure("rnn-nade-piece.wav")
def nade_piece() -> Sound:
    return played(music.read_midi(run_folder("rnnnade") / "sample1.mid")[:STEPS])


@figure("rnn-rbm-chorale.wav")
def chorale() -> Sound:
    return played(music.load().test[0][:STEPS])


if __name__ == "__main__":
    main()
