"""``theano.tensor.nnet.blocksparse``: products with blocks of a matrix that are chosen for each sample."""

from __future__ import annotations

from typing import Any

from ...graph import Variable
from ...ops.index import take
from ...ops.op import as_variable
from ...ops.write import inc_subtensor

__all__ = ["sparse_block_dot", "sparse_block_gemv", "sparse_block_outer"]


def sparse_block_dot(W: Any, h: Any, inputIdx: Any, b: Any, outputIdx: Any) -> Variable:
    """For each sample the chosen blocks of ``h`` times those of ``W``, and ``b``: (batch, chosen outputs,
    size).

    W: (blocks in, blocks out, size in, size out); h: (batch, chosen inputs, size in), of one sample without
    its first axis; inputIdx, outputIdx: (batch, chosen), the blocks' numbers; b: (blocks out,
    size out).
    """
    W, h, b = as_variable(W), as_variable(h), as_variable(b)
    inputs, outputs = as_variable(inputIdx), as_variable(outputIdx)
    single = h.ndim == 2
    if single:
        h, inputs, outputs = (v.dimshuffle("x", *range(v.ndim)) for v in (h, inputs, outputs))
    found = sparse_block_gemv(take(b, outputs, axis=0), W, h, inputs, outputs)
    return found.reshape(tuple(found.shape)[1:], ndim=2) if single else found


def sparse_block_gemv(o: Any, W: Any, h: Any, inputIdx: Any, outputIdx: Any) -> Variable:
    """``o`` (batch, chosen outputs, size out) and the products of ``sparse_block_dot``."""
    o, W, h = as_variable(o), as_variable(W), as_variable(h)
    inputs, outputs = as_variable(inputIdx), as_variable(outputIdx)
    chosen = W[inputs.dimshuffle(0, 1, "x"), outputs.dimshuffle(0, "x", 1)]
    return o + (h.dimshuffle(0, 1, "x", 2, "x") * chosen).sum(axis=(1, 3))


def sparse_block_outer(o: Any, x: Any, y: Any, xIdx: Any, yIdx: Any, alpha: Any = 1) -> Variable:
    """``o`` with ``alpha`` times the outer product of each pair of blocks of ``x`` and ``y`` added to the
    block of these numbers."""
    o, x, y = as_variable(o), as_variable(x), as_variable(y)
    rows, columns = as_variable(xIdx).dimshuffle(0, 1, "x"), as_variable(yIdx).dimshuffle(0, "x", 1)
    products = x.dimshuffle(0, 1, "x", 2, "x") * y.dimshuffle(0, "x", 1, "x", 2)
    return inc_subtensor(o[rows, columns], as_variable(alpha) * products)


sparse_block_gemv_inplace, sparse_block_outer_inplace = sparse_block_gemv, sparse_block_outer
