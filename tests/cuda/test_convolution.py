"""Convolutions as products whose patches are gathered into tiles: against the reference; chosen by size."""

import pytest

from tests.ops.backends import assert_same, compiled

from .models import CONVOLUTIONS, convolution


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("images", "filters", "options"), CONVOLUTIONS)
def test_by_tiles(images, filters, options, dtype):
    inputs, outputs, arrays = convolution(images, filters, dtype, options, dtype == "float32")
    wanted = compiled("reference", inputs, outputs)(*arrays)
    run = compiled("cuda", inputs, outputs)
    assert "gl_convolve_tiles" in run.source and "gl_convolve_by_filters_tiles" in run.source
    for _ in range(2):
        for found, expected in zip(run(*arrays), wanted, strict=True):
            assert_same(found, expected)


def test_one_function_takes_small_and_large_ones_in_turn():
    inputs, outputs, _ = convolution((1,) * 4, (1,) * 4, "float32", {}, False)
    run, reference = compiled("cuda", inputs, outputs), compiled("reference", inputs, outputs)
    for images, filters in [((1, 2, 4, 4), (3, 2, 2, 2)), CONVOLUTIONS[0][:2], ((1, 2, 4, 4), (3, 2, 2, 2))]:
        arrays = convolution(images, filters, "float32", {}, False)[2]
        for found, expected in zip(run(*arrays), reference(*arrays), strict=True):
            assert_same(found, expected)
