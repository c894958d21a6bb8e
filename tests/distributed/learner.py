"""A training on the ranks of an MPI run that is slow enough to be disturbed:
``mpirun -n 2 python learner.py FOLDER [--resume] [--fail RANK HOW]``.

Each rank notes the number of its process in FOLDER/rank_R. With --fail a rank raises
an error, leaves, or stops for ever, in the middle of its third epoch.
"""

from __future__ import annotations

import argparse
import os
import signal
import time
from pathlib import Path

import numpy as np

from graphlib import nn
from graphlib.distributed import ranks

EPOCHS = 12


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--seconds", type=float, default=0.1)
    parser.add_argument("--fail", nargs=2)
    options = parser.parse_args()
    known = ranks()
    options.folder.mkdir(parents=True, exist_ok=True)
    (options.folder / f"rank_{known.rank}").write_text(str(os.getpid()))

    rng = np.random.RandomState(1)
    x = rng.normal(size=(40, 4)).astype("float32")
    y = (x[:, :1] * x[:, 1:2]).astype("float32")

    class Examples:
        """Minibatches, which take their time."""

        def __len__(self) -> int:
            return 4

        def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
            time.sleep(options.seconds / 4)
            rows = slice(10 * index, 10 * index + 10)
            Examples.seen += 1
            if options.fail and Examples.seen == 10 and known.rank == int(options.fail[0]):
                if options.fail[1] == "error":
                    raise ValueError("this rank has a fault of its own")
                if options.fail[1] == "leave":
                    os._exit(3)
                os.kill(os.getpid(), signal.SIGSTOP)
            return x[rows], y[rows]

        seen = 0

    model = nn.Model(
        nn.Sequential([nn.Dense(8, activation="tanh"), nn.Dense(1)]), "squared_error", nn.Adam(0.02)
    )
    model.layer.seed = 2
    history = model.fit(
        Examples(), epochs=EPOCHS, out=options.folder, resume=options.resume, distributed=True
    )
    if known.leads:
        values = np.concatenate([p.variable.get_value().ravel() for p in model.parameters.values()])
        np.savez(options.folder / "end.npz", parameters=values, loss=np.array(history["loss"]))


if __name__ == "__main__":
    main()
