"""Files of arrays: whatever lies how in memory comes back as it was."""

import numpy as np
import pytest

from graphlib.nn import saved_models

A = np.arange(24, dtype="float32").reshape(4, 6)
LAYOUTS = {
    "rows": A,
    "transposed": A.T,
    "columns": np.asfortranarray(A),
    "part": A[1:3, 2:5],
    "every other": A[:, ::2],
    "backwards": A[::-1, ::-1],
    "repeated": np.broadcast_to(A[1], (4, 6)),
    "three axes": A.reshape(2, 2, 6).transpose(2, 0, 1),
    "number": np.array(2.5, "float32"),
    "empty": np.zeros((0, 3), "float32"),
    "big-endian": A.astype(">f4"),
    "unaligned": np.frombuffer(b"\0" + A.tobytes(), "float32", offset=1).reshape(4, 6),
    "bools": (A > 3)[:, ::-1],
    "whole": np.arange(6, dtype="int64").reshape(2, 3).T,
    "bytes": np.arange(6, dtype="uint8")[::-2],
    "half": A.astype("float16").T,
    "double": A.astype("float64").T,
}


@pytest.mark.parametrize("ending", [".npz", ".safetensors"])
def test_every_layout_comes_back(tmp_path, ending):
    path = tmp_path / f"arrays{ending}"
    saved_models.write(path, LAYOUTS, '{"format": 1}')
    arrays, _ = saved_models.read_model(path)
    assert set(arrays) == set(LAYOUTS)
    for name, array in LAYOUTS.items():
        assert arrays[name].dtype.newbyteorder("=") == array.dtype.newbyteorder("=")
        np.testing.assert_array_equal(arrays[name], array, name)
