"""The model of what a step costs on several machines."""

import numpy as np
import pytest

from graphlib.distributed.cost import Network, Step, fitted, messages


def test_means_cost_what_the_model_says():
    network = Network(latency=1e-5, bandwidth=1e9, adding=1e-10, another=1e-6)
    assert network.seconds(4e6, 1) == network.seconds(0, 8) == 0
    # two ranks: half of it to the other and back
    assert network.seconds(4e6, 2) == pytest.approx(2 * (1e-5 + 1e-6) + 4e6 / 1e9 + 4e6 * 1e-10)
    # eight: dealt out to seven others and back
    assert network.seconds(4e6, 8) == pytest.approx(2 * (1e-5 + 7e-6) + 2 * 7 / 8 * 4e6 / 1e9 + 4e6 * 1e-10)
    # a short one as a whole, from seven others
    assert network.seconds(1e3, 8) == pytest.approx(1e-5 + 7e3 / 1e9 + 8e3 * 1e-10)


def test_what_goes_on_beside_a_step_costs_nothing():
    step = Step(0.1, [1e6, 2e6])
    slow, fast = Network(1e-5, 1e7, 0.0, 0.0), Network(1e-5, 1e9, 0.0, 0.0)
    means = 2 * (3e6 * 7 / 8) / 1e7 + 4e-5
    assert step.means(slow, 8) == pytest.approx(means)
    assert step.seconds(fast, 8) == 0.1 and step.efficiency(fast, 8) == 1
    assert step.seconds(slow, 8) == pytest.approx(0.1 + means - 0.1 * 2 / 3)
    assert step.seconds(slow, 8, overlap=0) == pytest.approx(0.1 + means)


def test_short_arrays_are_one_message():
    assert messages([4000.0, 4e6, 2000.0, 60.0]) == [4e6, 6060.0]
    assert messages([16000.0] * 9) == [64000.0, 64000.0, 16000.0]
    assert messages([]) == []
    network = Network(latency=1e-5, bandwidth=1e9, adding=0.0, another=0.0)
    assert Step(0.1, [1000.0] * 10).means(network, 2) == pytest.approx(1e-5 + 1e4 / 1e9)


@pytest.mark.parametrize("ranks", [2, 4])
def test_fit_finds_latency_and_bandwidth(ranks):
    sizes = np.array([4.0, 400, 4e4, 4e5, 4e6])
    noise = np.random.RandomState(0).uniform(0.98, 1.02, len(sizes))
    network = Network(2e-5, 5e9, 0.0, 0.0)
    seconds = np.array([network.seconds(size, ranks) for size in sizes]) * noise
    found = fitted(sizes, seconds, ranks)
    assert found.latency == pytest.approx(2e-5, rel=0.05)
    assert found.bandwidth == pytest.approx(5e9, rel=0.05)
