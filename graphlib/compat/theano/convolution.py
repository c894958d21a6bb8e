"""Theano's operations of convolution, as programs make them: ``AbstractConv2d``, its gradients, ``CorrMM``,
``ConvOp`` and their shapes. Each is a function of the engine with its settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import ShapeError, VouchedError
from ...graph import Constant, Variable
from ...graph.types import INTEGERS
from ...ops.conv_functions import Arguments, by_filters, by_images, convolved
from ...ops.create import arange
from ...ops.elementwise import cast
from ...ops.op import as_variable
from ...ops.shape import Shape
from ...ops.upsampling import bilinear_upsampling, pyramid
from ...ops.windows import Axis, borders
from ...tensor import nnet
from ...tensor.nnet.conv import conv2d as old_conv2d
from .late import at_the_call
from .settings import config
from .tensor import NotScalarConstantError


def _known(n: Any) -> bool:
    """Whether a length is one that is known."""
    if isinstance(n, Variable):
        return isinstance(n, Constant) and n.dtype in INTEGERS
    return isinstance(n, (int, np.integer))


class _Abstract:
    """What the operations have in common: their settings, which are attributes as in Theano."""

    convdim = 2

    def __init__(
        self,
        imshp: Sequence[Any] | None = None,
        kshp: Sequence[Any] | None = None,
        border_mode: Any = "valid",
        subsample: Any = None,
        filter_flip: bool = True,
        filter_dilation: Any = None,
        num_groups: int = 1,
        unshared: bool = False,
    ) -> None:
        ones = (1,) * self.convdim
        for what, shape in (("imshp", imshp), ("kshp", kshp)):
            if isinstance(shape, (Variable, Shape)):
                raise ValueError(f"{type(self).__name__}: {what} is a list of numbers or None, not {shape}")
            wrong = [] if shape is None else [n for n in shape if n is not None and not _known(n)]
            if wrong:
                raise ValueError(f"{type(self).__name__}: {what} has {wrong[0]}, which is no number or None")
        self.imshp, self.kshp, self.border_mode, self.filter_flip = imshp, kshp, border_mode, filter_flip
        self.subsample = ones if subsample is None else tuple(subsample)
        self.filter_dilation = ones if filter_dilation is None else tuple(filter_dilation)
        self.num_groups, self.unshared = num_groups, unshared
        self._arguments()

    def _arguments(self) -> Arguments:
        return Arguments(
            f"conv{self.convdim}d",
            self.convdim,
            self.border_mode,
            self.subsample,
            self.filter_dilation,
            self.filter_flip,
            self.num_groups,
            self.unshared,
        )

    def _shape(self, shape: Any, whole: Sequence[Any] | None) -> Any:
        """The lengths that a gradient is asked for, with the others where they are known."""
        last = [shape[i] for i in range(self.convdim)]
        return last if whole is None else [*whole[: len(whole) - self.convdim], *last]


class AbstractConv2d(_Abstract):
    """``AbstractConv2d(imshp, kshp, border_mode, subsample, …)(images, filters)``: ``T.nnet.conv2d``."""

    def __call__(self, img: Any, kern: Any) -> Variable:
        def made(images: Any, filters: Any) -> Variable:
            return convolved(self._arguments(), images, filters, self.imshp, self.kshp)

        return at_the_call(made)(img, kern)


class AbstractConv2d_gradWeights(_Abstract):
    """``AbstractConv2d_gradWeights(…)(images, gradient, (rows, columns))``: the gradient by the filters."""

    def __call__(self, img: Any, topgrad: Any, shape: Any, add_assert_shape: bool = True) -> Variable:
        return by_filters(self._arguments(), img, topgrad, self._shape(shape, self.kshp), self.imshp)


class AbstractConv2d_gradInputs(_Abstract):
    """``AbstractConv2d_gradInputs(…)(filters, gradient, (rows, columns))``: the gradient by the images."""

    def __call__(self, kern: Any, topgrad: Any, shape: Any, add_assert_shape: bool = True) -> Variable:
        return by_images(self._arguments(), topgrad, kern, self._shape(shape, self.imshp), self.kshp)


class AbstractConv3d(AbstractConv2d):
    """``AbstractConv2d`` along three axes."""

    convdim = 3


class AbstractConv3d_gradWeights(AbstractConv2d_gradWeights):
    """``AbstractConv2d_gradWeights`` along three axes."""

    convdim = 3


class AbstractConv3d_gradInputs(AbstractConv2d_gradInputs):
    """``AbstractConv2d_gradInputs`` along three axes."""

    convdim = 3


class _Corr:
    """The correlations by matrix products: as the abstract ones, of filters that are not flipped."""

    kind: type
    convdim = 2

    def __init__(
        self,
        border_mode: Any = "valid",
        subsample: Any = None,
        filter_dilation: Any = None,
        num_groups: int = 1,
        unshared: bool = False,
        openmp: bool | None = None,
    ) -> None:
        self.border_mode, self.num_groups, self.unshared = border_mode, num_groups, unshared
        self._op = self.kind(None, None, border_mode, subsample, False, filter_dilation, num_groups, unshared)
        self.subsample, self.filter_dilation = self._op.subsample, self._op.filter_dilation

    def _lengths(self, shape: Any, op: Any, one: Any, other: Any) -> list[Any]:
        """The lengths that are asked for, or, where steps are 1, follow from the others."""
        if shape is not None:
            return [shape[i] for i in range(self.convdim)]
        if any(n != 1 for n in self.subsample) or self.border_mode == "half":
            raise ShapeError("shape must be given if subsample is not 1 or border_mode is 'half'")
        one, other = as_variable(one), as_variable(other)
        return list(
            op(one.shape, other.shape, self.border_mode, self.subsample, self.filter_dilation)[
                -self.convdim :
            ]
        )


class CorrMM(_Corr):
    """``CorrMM(border_mode, subsample, …)(images, filters)``: the correlation."""

    kind = AbstractConv2d

    def __call__(self, img: Any, kern: Any) -> Variable:
        return self._op(img, kern)


class CorrMM_gradWeights(_Corr):
    """The gradient of ``CorrMM`` by its filters."""

    kind = AbstractConv2d_gradWeights

    def __call__(self, img: Any, topgrad: Any, shape: Any = None) -> Variable:
        lengths = self._lengths(shape, get_conv_gradweights_shape, img, topgrad)
        return self._op(img, topgrad, lengths)


class CorrMM_gradInputs(_Corr):
    """The gradient of ``CorrMM`` by its images."""

    kind = AbstractConv2d_gradInputs

    def __call__(self, kern: Any, topgrad: Any, shape: Any = None) -> Variable:
        return self._op(kern, topgrad, self._lengths(shape, get_conv_gradinputs_shape, kern, topgrad))


class Corr3dMM(CorrMM):
    """``CorrMM`` along three axes."""

    convdim, kind = 3, AbstractConv3d


class Corr3dMM_gradWeights(CorrMM_gradWeights):
    """``CorrMM_gradWeights`` along three axes."""

    convdim, kind = 3, AbstractConv3d_gradWeights


class Corr3dMM_gradInputs(CorrMM_gradInputs):
    """``CorrMM_gradInputs`` along three axes."""

    convdim, kind = 3, AbstractConv3d_gradInputs


class ConvOp:
    """The oldest: ``ConvOp(imshp, kshp, nkern, bsize, dx, dy, output_mode)(images, filters)``.

    What it was told of how to unroll its loops is of no use here.  Errors: ShapeError for logical shapes,
    which ``bilinear_upsampling`` and ``conv2d_transpose`` replace.
    """

    def __init__(
        self,
        imshp: Sequence[Any] | None = None,
        kshp: Sequence[Any] | None = None,
        nkern: int | None = None,
        bsize: int | None = None,
        dx: int | None = 1,
        dy: int | None = 1,
        output_mode: str = "valid",
        unroll_batch: int | None = None,
        unroll_kern: int | None = None,
        unroll_patch: bool | None = None,
        imshp_logical: Any = None,
        kshp_logical: Any = None,
        **unrolling: Any,
    ) -> None:
        if imshp_logical is not None or kshp_logical is not None:
            raise ShapeError("ConvOp: for imshp_logical and kshp_logical there is T.nnet.conv2d_transpose")
        if output_mode not in ("valid", "full"):
            raise ShapeError(f"ConvOp: output_mode must be 'valid' or 'full', not {output_mode!r}")
        imshp = (1, *imshp) if imshp is not None and len(imshp) == 2 else imshp
        self.imshp = None if imshp is None else (bsize, *imshp)
        self.kshp = None if kshp is None else (nkern, None if imshp is None else imshp[0], *kshp)
        self.dx, self.dy, self.out_mode = dx or 1, dy or 1, output_mode

    def __call__(self, inputs: Any, kerns: Any) -> Variable:
        steps = self.dx, self.dy
        return nnet.conv2d(inputs, kerns, self.imshp, self.kshp, self.out_mode, steps)

    @staticmethod
    def getOutputShape(
        inshp: Sequence[Any], kshp: Sequence[Any], stride: Sequence[int] = (1, 1), mode: str = "valid"
    ) -> tuple:
        """Rows and columns of the output."""
        return tuple(get_conv_shape_1axis(i, k, mode, s) for i, k, s in zip(inshp, kshp, stride, strict=True))


def _axis(border: Any, subsample: int, dilation: int) -> Axis:
    return Axis(borders((border,), 1, "border_mode")[0], subsample, dilation)


def get_conv_shape_1axis(
    image_shape: Any, kernel_shape: Any, border_mode: Any, subsample: int, dilation: int = 1
) -> Any:
    """How many places a filter has along an axis: a number, a scalar of a graph, None where unknown."""
    if None in (image_shape, kernel_shape, border_mode, subsample, dilation):
        return None
    return _axis(border_mode, subsample, dilation)(image_shape, kernel_shape)


def get_conv_gradweights_shape_1axis(
    image_shape: Any, top_shape: Any, border_mode: Any, subsample: int, dilation: int
) -> Any:
    """The length of a filter with so many places along an axis; None where it does not follow."""
    if None in (image_shape, top_shape, border_mode, subsample, dilation):
        return None
    if subsample != 1 or border_mode == "half":
        return None
    if border_mode == "full":
        return (top_shape - image_shape) // dilation + 1
    return (image_shape + sum(_axis(border_mode, 1, 1).pads(1)) - top_shape) // dilation + 1


def get_conv_gradinputs_shape_1axis(
    kernel_shape: Any, top_shape: Any, border_mode: Any, subsample: int, dilation: int
) -> Any:
    """The length of an axis along which a filter has so many places; None where it does not follow."""
    if None in (kernel_shape, top_shape, border_mode, subsample, dilation) or subsample != 1:
        return None
    axis = _axis(border_mode, 1, dilation)
    return top_shape + axis.reach(kernel_shape) - 1 - sum(axis.pads(kernel_shape))


def _each(rule: Any, one: Sequence, other: Sequence, border: Any, subsample: Any, dilation: Any) -> tuple:
    count = len(subsample)
    modes = border if isinstance(border, (tuple, list)) else [border] * count
    steps = [1] * count if dilation is None else dilation
    return tuple(map(rule, one[-count:], other[-count:], modes, subsample, steps))


def get_conv_output_shape(
    image_shape: Any, kernel_shape: Any, border_mode: Any, subsample: Any, filter_dilation: Any = None
) -> tuple:
    """The shape of a convolution of shapes; None stands for a length that is not known."""
    last = _each(get_conv_shape_1axis, image_shape, kernel_shape, border_mode, subsample, filter_dilation)
    return (image_shape[0], kernel_shape[0], *last)


def get_conv_gradweights_shape(
    image_shape: Any,
    top_shape: Any,
    border_mode: Any,
    subsample: Any,
    filter_dilation: Any = None,
    num_groups: int = 1,
    unshared: bool = False,
) -> tuple:
    """The shape of filters, of the images' and the output's; None where it does not follow."""
    rule = get_conv_gradweights_shape_1axis
    last = _each(rule, image_shape, top_shape, border_mode, subsample, filter_dilation)
    filters, channels = top_shape[1], image_shape[1]
    # Theano divides the filters, though it is a filter's channels that are fewer
    filters = filters if num_groups == 1 or filters is None else filters // num_groups
    places = tuple(top_shape[2:]) if unshared else ()
    return (filters, *places, channels, *last)


def get_conv_gradinputs_shape(
    kernel_shape: Any,
    top_shape: Any,
    border_mode: Any,
    subsample: Any,
    filter_dilation: Any = None,
    num_groups: int = 1,
) -> tuple:
    """The shape of images, of the filters' and the output's; None where it does not follow."""
    rule = get_conv_gradinputs_shape_1axis
    last = _each(rule, kernel_shape, top_shape, border_mode, subsample, filter_dilation)
    channels = kernel_shape[-len(last) - 1]
    channels = channels if num_groups == 1 or channels is None else channels * num_groups
    return (top_shape[0], channels, *last)


def check_conv_gradinputs_shape(
    image_shape: Any,
    kernel_shape: Any,
    output_shape: Any,
    border_mode: Any,
    subsample: Any,
    filter_dilation: Any = None,
) -> bool:
    """Whether a convolution of these shapes gives that; what is None may be anything."""
    found = get_conv_output_shape(image_shape, kernel_shape, border_mode, subsample, filter_dilation)
    return all(None in (n, m) or n == m for n, m in zip(found, output_shape, strict=True))


def border_mode_to_pad(mode: Any, convdim: int, kshp: Sequence[int]) -> tuple:
    """The zeros before and after each axis.  Errors: ShapeError for what is no border."""
    found = borders(mode, convdim, "border_mode_to_pad")
    return tuple(Axis(border).pads(k) for border, k in zip(found, kshp, strict=True))


def bilinear_kernel_1D(ratio: Any, normalize: bool = True) -> Variable:
    """The filter of linear interpolation: 1, 2, …, ratio, …, 2, 1, over ratio where ``normalize``."""
    if isinstance(ratio, Variable) and not isinstance(ratio, Constant):
        places = arange(2 * ratio - 1)
        values = cast(ratio - abs(places - ratio + 1), config.floatX)
        return values / cast(ratio, config.floatX) if normalize else values
    return as_variable(pyramid(int(as_variable(ratio).data), normalize).astype(config.floatX))


def bilinear_kernel_2D(ratio: Any, normalize: bool = True) -> Variable:
    """The filter of bilinear interpolation, of one ratio or of one for rows and one for columns."""
    rows, columns = ratio if isinstance(ratio, (tuple, list)) else (ratio, ratio)
    down, across = bilinear_kernel_1D(rows, normalize), bilinear_kernel_1D(columns, normalize)
    return down.dimshuffle(0, "x") * across.dimshuffle("x", 0)


def frac_bilinear_upsampling(input: Any, frac_ratio: Any) -> Variable:
    """``bilinear_upsampling`` by a fraction."""
    return bilinear_upsampling(input, frac_ratio=frac_ratio)


BaseAbstractConv = AbstractConv = _Abstract
abstract_conv2d = nnet.conv2d


def conv2d(
    input: Any,
    filters: Any,
    image_shape: Any = None,
    filter_shape: Any = None,
    border_mode: str = "valid",
    subsample: Any = (1, 1),
    **how: Any,
) -> Variable:
    """``theano.tensor.nnet.conv.conv2d``: how it was to be computed (``unroll_batch``, ``version``, ...) has
    no effect.

    Errors: TypeError for a keyword that it had not.
    """
    unknown = how.keys() - {
        "unroll_batch", "unroll_kern", "unroll_patch", "openmp", "version", "imshp", "kshp", "nkern", "bsize",
        "imshp_logical", "kshp_logical", "kshp_logical_top_aligned", "verbose", "direction_hint", "costly",
    }  # fmt: skip
    if unknown:
        raise TypeError(f"conv2d has no argument {sorted(unknown)[0]}")
    for shape in (image_shape, filter_shape):
        for n in shape or ():
            if n is not None and not _known(n):
                raise NotScalarConstantError(f"conv2d: {n} in a shape is neither a known number nor None")
    channels = [None if shape is None else shape[1] for shape in (image_shape, filter_shape)]
    if None not in channels and len({int(as_variable(n).data) for n in channels}) > 1:
        raise VouchedError(
            f"conv2d: the images are said to have {channels[0]} channels, the filters {channels[1]}"
        )
    return at_the_call(old_conv2d)(
        input,
        filters,
        image_shape=image_shape,
        filter_shape=filter_shape,
        border_mode=border_mode,
        subsample=subsample,
    )
