"""Workloads and the programs of other libraries know each other by the same names."""

from importlib import import_module
from pkgutil import iter_modules

import numpy as np
import pytest

from tests.benchmarks import by_layers, peers
from tests.benchmarks.contestants import module_contestants
from tests.benchmarks.workloads import JOBS, WORKLOADS
from tests.benchmarks.workloads.layers import LAYERS

MODULES = [module.name for module in iter_modules(peers.__path__)]


@pytest.mark.parametrize("module", MODULES)
def test_the_workloads_of_a_module_of_programs_name_it(module):
    names = import_module(f"tests.benchmarks.peers.{module}").WORKLOADS
    assert {JOBS[name]().peers for name in names} == {module}


def test_every_layer_has_programs_in_other_libraries():
    assert set(LAYERS) <= set(import_module("tests.benchmarks.peers.layers").WORKLOADS)


@pytest.mark.parametrize("module", MODULES)
def test_the_programs_of_a_module_are_contestants_where_their_library_is_installed(module, tmp_path):
    library, variants = next(iter(import_module(f"tests.benchmarks.peers.{module}").VARIANTS.items()))
    (tmp_path / library / "bin").mkdir(parents=True)
    (tmp_path / library / "bin" / "python").touch()
    found = [contestant.name for contestant in module_contestants(tmp_path, module)]
    assert found == [f"{library} {variant}" for variant in variants]


def test_a_workload_is_called_as_on_the_command_line():
    assert all(make.__name__ == name and make.__doc__ for name, make in JOBS.items())
    assert list(WORKLOADS) == list(JOBS)


def test_layers_give_the_losses_of_the_graph():
    job = JOBS["mlp"]()
    np.testing.assert_allclose(job.by_layers()(0, 3), job.build()(0, 3), rtol=1e-6)


def test_what_is_compared_with_layers_can_be_built_of_them():
    assert [name for name, make in JOBS.items() if make().by_layers] == list(by_layers.NAMES)
