"""Training steps of the tutorials' models on the ranks of this run, for the programs beside this file."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.distributed.mpi import ROOT


def sentiment_step(parallel: Any, rng: np.random.RandomState, vocabulary: int, units: int) -> Callable:
    """The step of the sentiment LSTM with dropout, by AdaGrad: of this rank's words (steps, examples), mask
    and labels, and the bounds of its part."""
    sys.path.insert(0, str(ROOT / "tutorials"))
    import graphlib
    from graphlib.distributed import gradients, in_parts
    from graphlib.nn.optimizers import AdaGrad
    from lstm import SentimentLSTM

    part = parallel.symbolic_part()
    with in_parts(part):
        model = SentimentLSTM(rng, vocabulary, units, True, 0.5)
        cost, bounds = (model.cost, []) if part is None else (part.weigh(model.cost, None), part.inputs)
        updates = AdaGrad(0.01).updates(model.params, gradients(cost, model.params))
    return graphlib.function([model.words, model.mask, model.y, *bounds], cost, updates=updates)
