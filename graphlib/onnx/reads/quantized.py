"""Whole numbers for floats, as quantized models have them: x is scale · (q − zero point).

What is computed of whole numbers there is computed of them here, in int32 and floats of their own.
"""

from __future__ import annotations

from typing import Any

from ... import tensor as T
from ...graph import Variable
from ...graph.types import normalize_axis
from ...ops.elementwise import round_half_to_even
from ...ops.index import basic_index
from ...ops.shape import shape_i
from ..protobuf import package
from ..reader import Node, reads
from .reduce import limits
from .windows import correlated


def _along(n: Node, v: Variable | None, x: Variable, axis: int) -> Any:
    """A scale or zero point, one for all, for each place along an axis, or for each block of these."""
    if v is None or v.ndim == 0:
        return v
    if n.get("block_size", 0):
        spread = T.repeat(v, n.get("block_size"), axis)
        return basic_index(spread, [slice(None)] * axis + [slice(0, shape_i(x, axis))])
    if v.type.shape == (1,):
        return v.reshape(())
    return v.dimshuffle(*(0 if a == axis else "x" for a in range(x.ndim)))


def _axis(n: Node, x: Variable) -> int:
    return normalize_axis(n.get("axis", 1), x.ndim, n.describe()) if x.ndim > 1 else 0


@reads("DequantizeLinear")
def _dequantize(n: Node) -> Variable:
    x = n[0]
    return dequantized(x, _along(n, n[1], x, _axis(n, x)), _along(n, n.optional(2), x, _axis(n, x)))


def dequantized(x: Variable, scale: Variable, zero: Variable | None) -> Variable:
    whole = T.cast(x, "int32")
    return T.cast(whole if zero is None else whole - T.cast(zero, "int32"), scale.dtype) * scale


@reads("QuantizeLinear")
def _quantize(n: Node) -> Variable:
    x, zero, to = n[0], n.optional(2), n.get("output_dtype", 0)
    dtype = zero.dtype if zero is not None else "uint8"
    if to:
        dtype = package().helper.tensor_dtype_to_np_dtype(to).name
    axis = _axis(n, x)
    return quantized(x, _along(n, n[1], x, axis), _along(n, zero, x, axis), dtype)


def quantized(x: Variable, scale: Variable, zero: Variable | None, dtype: str) -> Variable:
    least, most = limits(dtype)
    places = round_half_to_even(x / T.cast(scale, x.dtype))
    places = places if zero is None else places + T.cast(zero, x.dtype)
    return T.cast(T.clip(places, least, most), dtype)


def _centred(x: Variable, zero: Variable | None, axis: int | None = None) -> Variable:
    """int32 numbers relative to a zero point, one for all or for each place of an axis."""
    whole = T.cast(x, "int32")
    if zero is None:
        return whole
    zero = T.cast(zero, "int32")
    if zero.ndim == 1 and zero.type.shape != (1,) and axis is not None:
        zero = zero.dimshuffle(*(0 if a == axis % x.ndim else "x" for a in range(x.ndim)))
    return whole - (zero.reshape(()) if zero.ndim == 1 else zero)


@reads("MatMulInteger")
def _matmul_integer(n: Node) -> Variable:
    return T.matmul(_centred(n[0], n.optional(2), -2), _centred(n[1], n.optional(3), -1))


@reads("ConvInteger")
def _conv_integer(n: Node) -> Variable:
    """In float64, which holds sums of products of 8 bits exactly."""
    x, w = _centred(n[0], n.optional(2)), _centred(n[1], n.optional(3), 0)
    return T.cast(correlated(n, T.cast(x, "float64"), T.cast(w, "float64")), "int32")


@reads("QLinearMatMul")
def _qlinear_matmul(n: Node) -> Variable:
    a, b = _centred(n[0], n[2], -2), _centred(n[3], n[5], -1)
    scale = _as_row(n[1], -2, a.ndim) * _as_row(n[4], -1, b.ndim)
    product = T.cast(T.matmul(a, b), "float32") * T.cast(scale, "float32")
    return quantized(product, _single(n[6]), _single(n[7]), n[7].dtype)


def _single(v: Variable) -> Variable:
    return v.reshape(()) if v.type.shape == (1,) else v


def _as_row(scale: Variable, axis: int, rank: int) -> Variable:
    scale = _single(scale)
    if scale.ndim != 1:
        return scale
    return scale.dimshuffle(*(0 if a == axis % rank else "x" for a in range(rank)))


@reads("QLinearConv")
def _qlinear_conv(n: Node) -> Variable:
    x, w, bias = _centred(n[0], n[2]), _centred(n[3], n[5], 0), n.optional(8)
    total = correlated(n, T.cast(x, "float64"), T.cast(w, "float64"))
    if bias is not None:
        total = total + T.cast(bias, "float64").dimshuffle("x", 0, *["x"] * (total.ndim - 2))
    scales = _as_row(n[4], 1, total.ndim) * _single(n[1])
    made = T.cast(total, "float32") * scales
    return quantized(made, _single(n[6]), _single(n[7]), n[7].dtype)


__all__ = ["dequantized", "quantized"]
