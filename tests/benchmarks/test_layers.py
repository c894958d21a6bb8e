"""Layers compute with graphlib what their definitions say; a layer's two numbers tell when they do not."""

import numpy as np
import pytest

from tests.benchmarks.workloads import JOBS
from tests.benchmarks.workloads.layers import LAYERS

SMALL = ["conv_64_128_strided_and_gradients", "batch_norm_spatial", "batch_norm_per_activation", "dropout"]


@pytest.mark.parametrize("name", SMALL)
def test_graphlib_gives_the_losses_of_the_definition(name):
    job = JOBS[name]()
    assert job.agrees(job.build()(0, 2)) is True


@pytest.mark.parametrize("name", SMALL)
def test_a_missing_gradient_is_noticed(name):
    job, layer = JOBS[name](), LAYERS[name]
    results = [np.zeros(shape, np.float32) for shape in (layer.result, *layer.shapes)]
    assert job.agrees([job.losses[0], layer.losses(results)[1]]) is False
