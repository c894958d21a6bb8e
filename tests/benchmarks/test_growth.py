"""What docs/measurements has of growth is of the series that are there, of models that compute the same."""

import json

import numpy as np
import pytest

from tests.benchmarks.contestants import ROOT
from tests.benchmarks.growth import SERIES, WORKLOADS

FOUND = json.loads((ROOT / "docs" / "measurements" / "growth.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", SERIES)
def test_both_libraries_were_measured_at_all_sizes_and_agree(name):
    found, series = FOUND[name], SERIES[name]
    assert (found["about"], tuple(found["sizes"])) == (series.about, series.sizes)
    assert series.sizes[-1] >= 100 * series.sizes[0]
    for who in ("graphlib", "jax"):
        assert len(found[who]["seconds"]) == len(found[who]["bytes"]) == len(series.sizes)
    np.testing.assert_allclose(found["graphlib"]["losses"], found["jax"]["losses"], rtol=1e-4)


def test_the_models_are_those_that_were_measured():
    losses = FOUND["depth"]["graphlib"]["losses"][0]
    np.testing.assert_allclose(WORKLOADS["depth-1"]("graphlib")(0, 2), losses, rtol=1e-5)
