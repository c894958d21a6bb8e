"""``theano.scalar``: of it, what programs compute dtypes with."""

from __future__ import annotations

from ...graph.types import dtype_name, promote


def upcast(dtype: str, *dtypes: str) -> str:
    """The dtype of an operation on operands of these: graphlib's rule, so int32 with float32 is float32."""
    return promote(map(dtype_name, (dtype, *dtypes)))
