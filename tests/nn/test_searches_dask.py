"""Searches in other processes: joblib's and a Dask cluster's, of which one dies, and one that is gone; and
scikit-learn's search of our estimators on the same cluster."""

import joblib
import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

from graphlib.nn import Classifier
from graphlib.nn.searches import engines
from graphlib.nn.storage import UserError
from tests.nn.tasks_that_die import work


def results(engine, folder):
    tasks = [{"n": n} for n in range(6)]
    tasks[1]["dies"] = str(folder / "1")
    tasks[3]["fails"] = True
    found = dict(engine.run(work, tasks))
    assert sorted(found) == [*range(6)] and (folder / "1").exists()
    assert found.pop(3) == {"state": "failed", "message": "ZeroDivisionError: of nothing"}
    assert found == {n: {"number": n, "square": n * n} for n in (0, 1, 2, 4, 5)}


def test_processes_of_joblib_may_die(tmp_path, monkeypatch):
    engine = engines.Local(2)
    try:
        results(engine, tmp_path)
        monkeypatch.setattr(engines, "DEATHS", 0)
        with pytest.raises(UserError, match="processes have died, one after the other"):
            list(engine.run(work, [{"n": 1, "dies": str(tmp_path / "again")}]))
    finally:
        engine.close()


def test_workers_of_dask_may_die_and_estimators_are_searched_there(tmp_path):
    engine = engines.Dask(None, 2)
    try:
        results(engine, tmp_path)
        x = np.random.default_rng(0).normal(size=(60, 3)).astype("float32")
        y = (x[:, 0] > 0).astype(int)
        make = Classifier(layers=(3,), epochs=2, random_state=0)
        grid = {"learning_rate": [0.3, 1e-6]}
        with joblib.parallel_config(backend="dask", client=engine.client):
            there = GridSearchCV(make, grid, cv=2).fit(x, y)
        here = GridSearchCV(make, grid, cv=2).fit(x, y)
        np.testing.assert_array_equal(
            there.cv_results_["mean_test_score"], here.cv_results_["mean_test_score"]
        )
        assert there.best_params_ == here.best_params_ and (there.predict(x) == here.predict(x)).all()
        engine.scheduler = engine._cluster.scheduler_address
        engine.client.close()
        with pytest.raises(UserError, match=r"the Dask scheduler at tcp://.* is gone: when it is back"):
            list(engine.run(work, [{"n": 1}]))
    finally:
        engine.close()
