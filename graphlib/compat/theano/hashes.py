"""Hashes of arrays and of sparse matrices, by which programs tell them apart."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

__all__ = ["hash_from_ndarray", "hash_from_sparse"]


def hash_from_ndarray(data: np.ndarray) -> str:
    """A hash of an array's elements, shape and dtype."""
    array = np.ascontiguousarray(data)
    about = f"{array.dtype} {np.shape(data)}".encode()
    return hashlib.sha256(about + array.tobytes()).hexdigest()


def hash_from_sparse(data: Any) -> str:
    """A hash of one of SciPy's matrices, as it keeps its elements."""
    parts = (data.data, data.indices, data.indptr, np.asarray(data.shape))
    every = "".join(map(hash_from_ndarray, parts)) + data.format
    return hashlib.sha256(every.encode()).hexdigest()
