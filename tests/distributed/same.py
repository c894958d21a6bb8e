"""The same losses on several ranks as on one process: ``python -m tests.distributed.same`` (no test of CI).

200 steps of the tutorials' perceptron, convolutional network and LSTM, the LSTM with its dropout, on 1, 2 and
4 ranks: the largest relative difference of a step's loss from that of one process. At a learning rate of
0.05 the LSTM's losses drift apart over the steps, by 0.3.
"""

from __future__ import annotations

import json
import sys

import numpy as np

from tests.distributed.models import sentiment_step
from tests.distributed.mpi import ROOT, run

STEPS = 200


def losses(which: str) -> list[float]:
    """The losses of the steps of a model on the ranks of this run."""
    sys.path.insert(0, str(ROOT / "tutorials"))
    import graphlib
    import graphlib.tensor as T
    from graphlib.nn import minibatches
    from graphlib.nn.parallel import data_parallel

    parallel, rng = data_parallel(), np.random.RandomState(3)
    if which == "lstm":
        step = sentiment_step(parallel, rng, 200, 24)
        words = rng.randint(1, 200, size=(STEPS, 12, 18))
        lengths = rng.randint(3, 13, size=(STEPS, 18))
        found = []
        for each, length in zip(words, lengths, strict=True):
            own = parallel.part(18)
            mask = (np.arange(12)[:, None] < length).astype("float32")
            y = (each[0] % 2).astype("int32")
            found.append(step(each[:, own], mask[:, own], y[own], *parallel.bounds(18)))
    else:
        from lenet import LeNet
        from mlp import MLP

        x, y = T.matrix("x"), T.ivector("y")
        model = MLP(rng, x, 784, 100, 10) if which == "mlp" else LeNet(rng, x, [4, 6], (28, 28), 10)
        images = rng.uniform(size=(40 * 20, 784)).astype("float32")
        labels = (images[:, :200].sum(axis=1) * 7 % 10).astype("int32")
        data = minibatches.SharedSet(graphlib.shared(images), graphlib.shared(labels), len(images))
        step = minibatches.descent(
            model, model.negative_log_likelihood(y), y, data, 20, 0.05, "train", parallel
        )
        found = [step(index % 40) for index in range(STEPS)]
    return [parallel.mean(float(cost)) for cost in found]


def main() -> int:
    if len(sys.argv) > 1:
        found = losses(sys.argv[1])
        from graphlib.distributed import ranks

        if ranks().leads:
            json.dump(found, sys.stdout)
        return 0
    worst = 0.0
    print("".join(f"{head:>12}" for head in ("model", "first loss", "last loss", "2 ranks", "4 ranks")))
    for which in ("mlp", "lenet", "lstm"):
        by_ranks = {}
        for n in (1, 2, 4):
            done = run(n, "same.py", which, timeout=500)
            if done.returncode:
                print(done.stderr)
                return 1
            by_ranks[n] = np.array(json.loads(done.stdout))
        one = by_ranks[1]
        differ = [np.max(np.abs(by_ranks[n] - one) / np.abs(one)) for n in (2, 4)]
        worst = max(worst, *differ)
        print(f"{which:>12}{one[0]:12.6f}{one[-1]:12.6f}{differ[0]:12.1e}{differ[1]:12.1e}", flush=True)
    return int(worst > 1e-3)


if __name__ == "__main__":
    sys.exit(main())
