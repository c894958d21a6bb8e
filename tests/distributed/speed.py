"""The time of a step on two ranks with a thread each against one process with two threads:
``python -m tests.distributed.speed [ROUNDS]`` (no test of CI).

The tutorials' perceptron, convolutional network and LSTM in the sizes of their chapters, but for minibatches
of 600 and 64 for the first and the last. Both are run in turns, and of each the best step counts, which other
programs on the machine have disturbed least: the time that passes, which says little on a busy machine, and
the processor time, of each of the two processors, that ranks do not spend waiting (they yield meanwhile).
"""

from __future__ import annotations

import json
import os
import sys
import time

import numpy as np

from tests.distributed.models import sentiment_step
from tests.distributed.mpi import ROOT, run

STEPS = {"mlp": 60, "lenet": 12, "lstm": 12}


def seconds(which: str, busy: bool) -> tuple[float, float]:
    """(time, processor time of each processor) of the best step of a model on the ranks of this run.

    busy: ranks do not look for each other all the time, as where they have no processor each.
    """
    if busy:
        os.cpu_count = lambda: 1
    sys.path.insert(0, str(ROOT / "tutorials"))
    import graphlib
    import graphlib.tensor as T
    from graphlib.nn import minibatches
    from graphlib.nn.parallel import data_parallel

    parallel, rng = data_parallel(), np.random.RandomState(3)
    if which == "lstm":
        train = sentiment_step(parallel, rng, 2000, 128)
        own = parallel.part(64)
        words = rng.randint(1, 2000, size=(50, 64))[:, own]
        mask, y = np.ones(words.shape, "float32"), rng.randint(2, size=64).astype("int32")[own]

        def step(index: int) -> float:
            return train(words, mask, y, *parallel.bounds(64))

    else:
        from lenet import LeNet
        from mlp import MLP

        x, y = T.matrix("x"), T.ivector("y")
        model = MLP(rng, x, 784, 500, 10) if which == "mlp" else LeNet(rng, x, [20, 50], (28, 28), 10)
        batch = 600 if which == "mlp" else 500
        images = rng.uniform(size=(2 * batch, 784)).astype("float32")
        labels = rng.randint(10, size=2 * batch).astype("int32")
        data = minibatches.SharedSet(graphlib.shared(images), graphlib.shared(labels), len(images))
        step = minibatches.descent(
            model, model.negative_log_likelihood(y), y, data, batch, 0.05, "train", parallel
        )
    times = []
    for index in range(STEPS[which]):
        began = time.perf_counter(), time.process_time()
        step(index % 2)
        times.append((time.perf_counter() - began[0], time.process_time() - began[1]))
    # of each step the rank that took longest; two processors
    longest = parallel.ranks.gathered(np.array(times)).max(axis=0)[2:].min(axis=0)
    return float(longest[0]), float(longest[1] * parallel.ranks.size / 2)


def main() -> int:
    if len(sys.argv) > 1 and sys.argv[1] in STEPS:
        found = seconds(sys.argv[1], "busy" in sys.argv)
        from graphlib.distributed import ranks

        if ranks().leads:
            json.dump(found, sys.stdout)
        return 0
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    heads = ("model", "counted", "1 process, 2 threads", "2 ranks, 1 thread each", "ratio")
    print("".join(f"{head:>24}" for head in heads))
    for which in STEPS:
        best = np.full((2, 2), np.inf)
        for _ in range(rounds):
            for k, (n, threads) in enumerate(((1, 2), (2, 1))):
                for counted, how in enumerate(((), ("busy",))):
                    done = run(n, "speed.py", which, *how, GRAPHLIB_FLAGS=f"threads={threads}")
                    if done.returncode:
                        print(done.stderr)
                        return 1
                    best[counted, k] = min(best[counted, k], json.loads(done.stdout)[counted])
        for (one, two), counted in zip(1e3 * best, ("time", "processor time"), strict=True):
            columns = (which, counted, f"{one:.2f} ms", f"{two:.2f} ms", f"{two / one:.2f}")
            print("".join(f"{text:>24}" for text in columns), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
