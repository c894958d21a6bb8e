"""What several test files of the tutorials use: a few hundred digits to learn from."""

import gzip
import struct

import numpy as np
import pytest

from graphlib.datasets.mnist import TEST_FILES, TRAIN_FILES, load


def idx(array: np.ndarray) -> bytes:
    """The array as an IDX file of unsigned bytes, gzipped."""
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return gzip.compress(header + array.astype("uint8").tobytes())


@pytest.fixture(scope="session")
def digits(tmp_path_factory) -> str:
    """A folder of IDX files with 400 digits to train on and 100 each to validate and test."""
    folder = tmp_path_factory.mktemp("digits")
    mnist = load()
    for names, split, count in ((TRAIN_FILES, mnist.train, 500), (TEST_FILES, mnist.test, 100)):
        pixels = np.rint(split.x[:count] * 256).reshape(-1, 28, 28)
        for name, array in zip(names, (pixels, split.y[:count]), strict=True):
            (folder / f"{name}.gz").write_bytes(idx(array))
    return str(folder)
