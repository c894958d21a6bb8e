"""Training on the ranks of an MPI run: what they compute, how they end, what is refused.

A start of several ranks costs seconds, so few programs are started, and each looks at many things. 30 kills
of ranks: ``python -m tests.distributed.kills``; the tutorials on 1, 2 and 4 ranks: ``python -m
tests.distributed.same``.
"""

from __future__ import annotations

import json
import random
import sys

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib import distributed, nn, ranks
from graphlib.errors import DistributedError, DTypeError, ExportError
from graphlib.nn import command_line
from graphlib.nn.parallel import DataParallel
from graphlib.nn.storage import UserError
from graphlib.ops.collectives import FinishAverage, StartAverage, over_ranks
from graphlib.ranks import Ranks

from . import programs
from .kills import kill_one, resumed, undisturbed
from .models import perceptron_losses
from .mpi import run


class Four(Ranks):
    """Rank 0 of four, of whom nothing else is asked."""

    def __init__(self):
        super().__init__()
        self.size = 4


def test_ranks_compute_what_one_process_computes(tmp_path):
    one_process = json.loads(run(1, "together.py", str(tmp_path)).stdout)
    done = run(3, "together.py", str(tmp_path))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.pop("local") == "right"
    assert found.keys() == one_process.keys()
    for name, values in one_process.items():
        if values == "right":
            assert found[name] == values == "right"
        else:
            np.testing.assert_allclose(found[name], values, rtol=2e-5, atol=1e-6, err_msg=name)


def test_programs_on_two_ranks_learn_what_they_learn_on_one(tmp_path):
    """Chains of Gibbs sampling, of which each rank has its own; with snapshots. And a run file, whose folder
    is that of a single process. All others: ``python -m tests.distributed.programs``."""
    programs.write_data(tmp_path)
    names = ["rbm", "run"]
    for n in (1, 2):
        done = run(n, "programs.py", str(tmp_path), *names)
        assert done.returncode == 0, done.stderr
    for name in names:
        for key, difference in programs.apart(tmp_path, name, 2).items():
            assert difference < 1e-4, f"{name}: {key}"
    assert len(list((tmp_path / "2" / "rbm" / "snapshots").glob("*.npz"))) == 2
    one, two = (programs.folder_of(tmp_path / n / "run") for n in "12")
    files = [{str(path.relative_to(each)) for path in each.rglob("*")} for each in (one, two)]
    assert files[0] == files[1] > {"resolved.yaml", "log.txt", "test.json", "snapshots/epoch_0002.npz"}
    for name in ("test.json", "environment.json"):
        before, after = (json.loads((each / name).read_text()) for each in (one, two))
        for key, value in before.get("learning_rates", before).items():
            if isinstance(value, float):
                assert after.get("learning_rates", after)[key] == pytest.approx(value, rel=1e-4), key
    assert (two / "log.txt").read_text().count("epoch 2/2") == 1


def test_run_that_loses_ranks_ends_and_goes_on_to_the_same_model(tmp_path):
    expected = undisturbed(1, tmp_path / "undisturbed")
    folder = tmp_path / "killed"
    finished, was_alive = kill_one(2, folder, random.Random(5))
    assert finished and was_alive
    # and another time: a rank that is there, and does nothing any more
    waited = run(
        2, "learner.py", str(folder), "--resume", "--fail", "1", "stop", GRAPHLIB_FLAGS="rank_seconds=1"
    )
    assert waited.returncode != 0
    assert "rank 0 of 2 has waited 1 s for the others" in waited.stderr
    assert waited.stdout.count("resuming after") == 1, "only rank 0 says what goes on"
    found = resumed(2, folder)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=2e-5, atol=1e-6, err_msg=name)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("version", "differ in the version of graphlib: rank 0 has 0.1.0"),
        ("function", "rank 1 function own (refused.py:"),
        ("fault", "rank 1: ValueError: this rank has a fault of its own"),
        ("index", "rank 1: IndexError: function own (refused.py:"),
    ],
)
def test_ranks_that_do_not_fit_together(what, words):
    done = run(2, "refused.py", what)
    assert done.returncode != 0
    assert words in done.stderr
    assert done.stdout == ""


def test_devices_average_by_nccl_what_they_average_through_the_host():
    """On emulated devices, to the bit, and losses are those of all examples together; and what is refused.
    At last a rank waits for one that does nothing any more."""
    for n in (3, 2):
        flags = "device=cuda-emulated,rank_seconds=1" if n == 2 else "device=cuda-emulated"
        done = run(n, "devices.py", *(["stop"] if n == 2 else []), GRAPHLIB_FLAGS=flags)
        assert (done.returncode == 0) == (n == 3), done.stderr
        np.testing.assert_allclose(json.loads(done.stdout), perceptron_losses(), rtol=2e-5)
    assert "DistributedError: rank 0 of 2 has waited 1 s for the others" in done.stderr
    assert "nccl.py" in done.stderr, "it waited for NCCL, not for MPI"


# one process


def test_mean_of_one_process_is_what_it_is_given():
    x = T.vector("x")
    assert distributed.average(x) is x
    assert distributed.average([x, 2 * x])[0] is x
    with pytest.raises(DTypeError, match="mean over ranks is one of floats; x"):
        distributed.average(T.lvector("x"))


@pytest.mark.parametrize("settings", [{}, {"mode": "check"}, {"device": "cuda-emulated"}])
def test_mean_is_native_on_one_rank_too(settings):
    x = T.matrix("x")
    with graphlib.config.change(**settings):
        mean = over_ranks(x * 2)
        function = graphlib.function([x], [mean, T.grad((mean**2).sum(), x)])
    values = np.arange(6, dtype="float32").reshape(2, 3)
    found = function(values)
    np.testing.assert_array_equal(found[0], 2 * values)
    np.testing.assert_array_equal(found[1], 8 * values)


def test_means_begin_as_gradients_are_there_and_end_before_updates():
    """From the last layer to the first, each in the memory of its gradient, all under way at once."""
    x = T.matrix("x")
    weights = [graphlib.shared(np.eye(40, dtype="float32"), name=f"W{k}") for k in range(3)]
    h = x
    for w in weights:
        h = T.tanh(T.dot(h, w))
    gradients = [over_ranks(g) for g in T.grad((h**2).sum(), weights)]
    step = graphlib.function([x], [], updates=[(w, w - g) for w, g in zip(weights, gradients, strict=True)])
    calls = [
        line
        for line in step.source.split("int64_t gl_run(")[1].splitlines()
        if "gl_average" in line or "gemm" in line
    ]
    kinds = ["start" if "_start_" in c else "finish" if "_finish_" in c else "product" for c in calls]
    # three products of the way there; then of each layer that of its gradient, and that of the layer below
    assert (
        kinds == ["product"] * 3 + ["product", "start", "product"] * 2 + ["product", "start"] + ["finish"] * 3
    )
    arguments = [c[c.index("(s->rt, ") :].split(")")[0].split(", ")[1:] for c in calls if "gl_average" in c]
    assert all(given == made for given, made, _ in arguments), "in place"
    starts, ends = [a[0] for a in arguments[:3]], [a[0] for a in arguments[3:]]
    assert starts == ends and len(set(starts)) == 3
    assert step.plan.calls_back is False


def test_graph_shows_its_means(tmp_path):
    mean = over_ranks(T.vector("x"))
    assert isinstance(mean.owner.op, FinishAverage)
    assert isinstance(mean.owner.inputs[0].owner.op, StartAverage)
    assert "average over ranks" in graphlib.pp(mean)
    with pytest.raises(ExportError, match="waits for the ranks of an MPI run"):
        function = graphlib.function([mean.owner.inputs[0].owner.inputs[0]], mean)
        graphlib.export.c(function, tmp_path, name="own", bounds={"x": 3}, most_elements=3)


# what is refused


def test_number_of_ranks_that_does_not_divide_the_batch():
    parallel = DataParallel(Four())
    parallel.check(12, "--batch-size")
    with pytest.raises(UserError, match=r"--batch-size 10 is that of all 4 ranks .* such as 8 or 12"):
        parallel.check(10, "--batch-size")
    with pytest.raises(UserError, match="such as 4, or another number of ranks"):
        parallel.check(3, "--batch-size")
    parts = [parallel.part(n) for n in (12, 11, 2)]
    assert parts == [slice(0, 3), slice(0, 2), slice(0, 0)]


def test_without_mpi4py(monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    ranks.ranks.cache_clear()
    try:
        with pytest.raises(
            DistributedError, match=r"needs mpi4py, which is not installed\. pip install mpi4py"
        ):
            distributed.average(T.vector("x"))
    finally:
        ranks.ranks.cache_clear()


def test_mpirun_of_another_library(monkeypatch):
    monkeypatch.setenv("PMI_SIZE", "3")
    ranks.ranks.cache_clear()
    try:
        with pytest.raises(
            DistributedError, match="3 processes were started, of which each finds itself alone"
        ):
            distributed.ranks()
    finally:
        ranks.ranks.cache_clear()


def test_open_mpis_mpirun_where_mpich_is_loaded():
    """MPICH would end the process as it starts."""
    started = {"OMPI_COMM_WORLD_SIZE": "2", "PMIX_NAMESPACE": "x", "PMIX_RANK": "0"}
    done = run(1, "-m", "graphlib.distributed", **started)
    assert done.returncode != 0
    assert (
        "2 processes were started, of which each finds itself alone: mpi4py has loaded MPICH" in done.stderr
    )


def program(arguments):
    parser = command_line.make_parser(
        "Learns.", name="x", epochs=1, batch_size=20, data=None, distributes=True
    )
    return command_line.main(parser, lambda options: pytest.fail("it trains"), {}, arguments)


def test_several_processes_that_would_not_train_together(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("PMI_SIZE", "4")
    assert program(["--out", str(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert "4 processes were started" in message and "--distributed" in message
    # the others say nothing of it
    monkeypatch.setenv("PMI_RANK", "1")
    assert program(["--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err == ""


def test_run_file_that_several_processes_would_not_train_together(monkeypatch, capsys, tmp_path):
    from graphlib.nn.__main__ import main

    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.yaml").write_text(programs.RUN)
    assert main(["run", str(tmp_path / "run.yaml"), "--set", "training.sync_every=2"]) == 2
    assert (
        "training.sync_every is about several processes: start the run with --distrib"
        in capsys.readouterr().err
    )
    monkeypatch.setenv("PMI_SIZE", "4")
    for command, words in (
        ("run", "which would all do the same: let them train together with --distributed"),
        ("check", "and this program trains on one"),
    ):
        assert main([command, str(tmp_path / "run.yaml")]) == 2
        assert f"4 processes were started, {words}" in capsys.readouterr().err


def test_sync_every_alone(capsys, tmp_path):
    assert program(["--out", str(tmp_path), "--sync-every", "3"]) == 2
    assert "give it with --distributed" in capsys.readouterr().err
    model = nn.Model(nn.Sequential([nn.Dense(1)]), "squared_error")
    with pytest.raises(UserError, match="give it with distributed=True"):
        model.fit(np.ones((4, 2)), np.ones((4, 1)), sync_every=3)
    with pytest.raises(UserError, match="sync_every is 0: give a number of minibatches"):
        model.fit(np.ones((4, 2)), np.ones((4, 1)), sync_every=0, distributed=True)


def test_distributed_without_mpirun_trains_and_says_so(capsys):
    model = nn.Model(nn.Sequential([nn.Dense(1)]), "squared_error", nn.SGD(0.1))
    model.fit(np.ones((4, 2), "float32"), np.ones((4, 1), "float32"), epochs=1, distributed=True)
    assert "this process is the only one; mpirun -n N" in capsys.readouterr().out
