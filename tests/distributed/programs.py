"""Tutorials on the ranks of an MPI run: ``mpirun -n 2 python programs.py FOLDER [NAME ...]``; without mpirun
what one process does. Each goes into FOLDER/RANKS/NAME.

``python -m tests.distributed.programs [NAME ...]`` trains all of them, or those, on 1 and on 2 ranks, and
prints how far apart what they have learnt and measured is.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from graphlib.datasets import music
from tests.distributed.mpi import ROOT, run

DIGITS = "--dataset {0}/digits.csv --batch-size 20"
#: of each tutorial its options: a few seconds of training
OPTIONS = {
    "logistic_sgd": f"{DIGITS} --epochs 3",
    "mlp": f"{DIGITS} --hidden 9 --epochs 3",
    "dA": f"{DIGITS} --hidden 12 --epochs 2 --corruption 0.3",
    "cA": f"{DIGITS} --hidden 12 --epochs 2",
    "SdA": f"{DIGITS} --hidden 12 8 --corruption 0.1 0.2 --pretraining-epochs 2 --epochs 2",
    "DBN": f"{DIGITS} --hidden 12 8 --pretraining-epochs 2 --epochs 2 --k 2 --map-dataset-once",
    "rbm": f"{DIGITS} --hidden 12 --epochs 2 --k 2 --chains 2 --samples 1 --plot-every 1 --keep-every 1",
    "rnnrbm": "--data {0}/music --hidden 10 --recurrent 6 --gibbs-steps 2 --batch-size 16 --epochs 2 "
    "--pretraining-epochs 1 --pretraining-rate 0.05 --network-pretraining-epochs 1 --clip 5 --patience 9",
    "char_lstm": "--data {0}/text.txt --units 6 --batch-size 4 --length 10 --epochs 2 --report-every 20",
}


#: a run file, trained under the name run; folds is a cross-validation of it
RUN = """
data: digits
model:
  - dense: {units: 8, activation: tanh}
  - dropout: 0.2
  - dense: {units: 10, activation: softmax}
loss: crossentropy
metrics: [error]
calibrate_rates: 2
training: {epochs: 2, batch_size: 50, monitors: [weight_statistics, snapshots, early_stopping]}
"""
FOLDS = "--set cross_validation.folds=2 --set training.monitors=[] --set training.epochs=1"
RUNS = {"run": "", "folds": FOLDS}


def write_data(folder: Path) -> None:
    """Images of stripes in noise, scales of thirds, a text, and a run file."""
    rng = np.random.RandomState(2)
    labels = rng.randint(4, size=400)
    images = rng.uniform(0, 120, size=(400, 8, 8))
    images[np.arange(400), 2 * labels] += 130
    rows = np.column_stack([labels, images.reshape(400, -1).round()]).astype(int)
    head = ",".join(["label", *(f"pixel{k}" for k in range(64))])
    np.savetxt(folder / "digits.csv", rows, "%d", ",", header=head, comments="")
    (folder / "music").mkdir()
    for number in range(10):
        roll = np.zeros((33 + number % 3, 88), "uint8")
        for step in range(len(roll)):
            low = 20 + (number + step // 2) % 12
            roll[step, [low, low + 4, low + 24]] = 1
        music.write_midi(folder / "music" / f"piece_{number}.mid", roll)
    (folder / "run.yaml").write_text(RUN)
    (folder / "text.txt").write_text("the cat sat on the mat; a dog lay on a log. " * 90)


def train(folder: Path, names: list[str]) -> int:
    """Trains on the ranks of this run."""
    sys.path.insert(0, str(ROOT / "tutorials"))
    import importlib

    from graphlib.distributed import ranks
    from graphlib.nn.__main__ import main as run_main

    code = 0
    for name in names:
        together = ["--distributed"] if ranks().size > 1 else []
        out = folder / str(ranks().size) / name
        if name in RUNS:
            main, options = run_main, ["run", str(folder / "run.yaml"), *RUNS[name].split()]
        else:
            main, options = importlib.import_module(name).main, OPTIONS[name].format(folder).split()
        code = main([*options, *together, "--out", str(out)])
        if code:
            return code
        if name == "run":
            # finished already: it is gone on with, and tested again
            ranks().agree("what was trained", "all of it", "")
            code = main(["run", "--resume", str(folder_of(out)), *together])
    return code


def folder_of(out: Path) -> Path:
    """The folder of a run among the results in `out`."""
    return next(out.rglob("log.txt"), out / "log.txt").parent


def arrays(folder: Path) -> dict[str, np.ndarray]:
    """What a run has learnt and measured: of its model, snapshots and checkpoint, and the learning curve."""
    folder = folder_of(folder)
    found = (
        {}
        if (folder / "folds.csv").exists()
        else {"curve": np.genfromtxt(folder / "learning_curve.csv", delimiter=",", skip_header=1)}
    )
    for path in sorted(folder.rglob("*.npz")):
        with np.load(path) as content:
            found |= {f"{path.stem}/{name}": content[name] for name in content.files if name != "progress"}
    return {name: array for name, array in found.items() if array.dtype.kind in "if"}


def apart(folder: Path, name: str, n: int) -> dict[str, float]:
    """The largest difference, by name, between what n ranks have and what one process has."""
    one, several = arrays(folder / "1" / name), arrays(folder / str(n) / name)
    assert one.keys() == several.keys(), one.keys() ^ several.keys()
    return {key: float(np.nanmax(np.abs(array - one[key]), initial=0)) for key, array in several.items()}


def main() -> int:
    if len(sys.argv) > 1 and Path(sys.argv[1]).is_dir():
        return train(Path(sys.argv[1]), sys.argv[2:])
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_data(folder)
        for name in sys.argv[1:] or [*OPTIONS, *RUNS]:
            for n in (1, 2):
                done = run(n, "programs.py", place, name, timeout=500)
                if done.returncode:
                    print(done.stdout, done.stderr)
                    return 1
            found = apart(folder, name, 2)
            worst = max(found, key=found.__getitem__)
            print(f"{name:>12}: {found[worst]:.1e} of {worst}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
