"""What the gates of a sentiment LSTM do over some sentences: ``python -m docs.figures._lstm_gates RUN KEPT``
computes them with the model in the folder RUN, and writes KEPT/gates.npz.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

import graphlib
import graphlib.tensor as T
from graphlib.datasets import reviews
from graphlib.nn import provenance, storage
from graphlib.nn.run_folder import BEST_MODEL, load_parameters

SENTENCES = (
    "not a good film , but the ending is touching .",
    "the acting is great but the story is dull and far too long .",
)


def gates(run: Path) -> dict[str, np.ndarray]:
    """For each sentence the three gates of every unit after every word, (gates, words, units), in parts of
    255, and what each word adds to the score of "positive", (words,)."""
    arrays = load_parameters(run / BEST_MODEL, "embeddings", "lstm.U", "output.W")
    settings = json.loads(str(storage.load_arrays(run / BEST_MODEL).get("settings", "{}")))
    kept_share = 1 - settings.get("embedding_dropout", 0.5)
    units = len(arrays["lstm.U"])
    words = T.lvector("words")
    U, W, b = (T.constant(arrays[f"lstm.{name}"]) for name in ("U", "W", "b"))

    def step(linear, h, c):
        a = linear + T.dot(h, U)
        i, f, o = (T.nnet.sigmoid(a[k * units : (k + 1) * units]) for k in range(3))
        c = f * c + i * T.tanh(a[3 * units :])
        return o * T.tanh(c), c, i, f, o

    zeros = T.zeros((units,))
    linear = T.dot(kept_share * T.constant(arrays["embeddings"])[words], W) + b
    (h, _, *opened), _ = graphlib.scan(step, sequences=linear, outputs_info=[zeros, zeros, None, None, None])
    direction = arrays["output.W"][:, 1] - arrays["output.W"][:, 0]
    added = 0.5 * T.dot(h, T.constant(direction)) / words.shape[0]
    look = graphlib.function([words], [T.stack(opened), added])

    dictionary = provenance.read(run).dictionary("words")
    kept = {"sentences": np.array(SENTENCES)}
    for number, sentence in enumerate(SENTENCES):
        opened, added = look(reviews.encode(reviews.tokenise(sentence), dictionary).astype("int64"))
        kept[f"gates_{number}"] = np.round(255 * opened).astype("uint8")
        kept[f"added_{number}"] = added.astype("float32")
    return kept


if __name__ == "__main__":
    run, kept = map(Path, sys.argv[1:])
    kept.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(kept / "gates.npz", **gates(run))
