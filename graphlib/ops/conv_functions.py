"""What users call of convolution: along one, two or three axes, transposed, by its gradients, separable,
causal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..configuration import config
from ..errors import RankError, ShapeError
from ..graph import Variable
from ..graph.types import promote
from .convolution import Convolution, ConvolutionByFilters, ConvolutionByImages
from .elementwise import cast
from .op import Sample, as_variable, quarters, register
from .shape import specify_shape
from .shape_rules import constant_int
from .unshared import unshared_by_filters, unshared_by_images, unshared_convolution
from .windows import Axis, axes, whole_numbers


class Arguments:
    """The arguments that all kinds of convolution have, along ``count`` axes; ``what`` names it in errors.

    Errors: ShapeError for what does not fit.
    """

    def __init__(
        self,
        what: str,
        count: int,
        border_mode: Any,
        subsample: Any,
        filter_dilation: Any,
        filter_flip: bool,
        num_groups: int,
        unshared: bool = False,
    ) -> None:
        self.what = f"T.nnet.{what}"
        self.count = count
        stride, dilation = (1 if v is None else v for v in (subsample, filter_dilation))
        self.axes = axes(border_mode, stride, dilation, count, self.what)
        self.flip = bool(filter_flip)
        (self.groups,) = whole_numbers(num_groups, 1, f"{self.what}: num_groups", 1)
        self.unshared = unshared

    def op(self, kind: type, kernel: Sequence[int | None]) -> Any:
        """The operation, with numbers for borders where the filters' lengths are known."""
        return kind(tuple(map(Axis.known, self.axes, kernel)), self.flip, self.groups)

    def images(self, value: Any, shape: Any = None, what: str = "images") -> Variable:
        """A tensor of images, with the lengths that the user gave."""
        return self._tensor(value, shape, what, self.count + 2)

    def filters(self, value: Any, shape: Any = None) -> Variable:
        """A tensor of filters; of filters that are not shared, (f, places…, c, pixels…)."""
        return self._tensor(value, shape, "filters", 2 + self.count * (2 if self.unshared else 1))

    def _tensor(self, value: Any, shape: Any, what: str, ndim: int) -> Variable:
        v = as_variable(value)
        if v.ndim != ndim:
            number = {3: "three", 4: "four", 5: "five", 6: "six"}.get(ndim, str(ndim))
            raise RankError(f"{self.what}: the {what} must have {number} dimensions, unlike {v.describe()}")
        return self.with_shape(v, shape, what)

    def with_shape(self, x: Variable, shape: Any, what: str) -> Variable:
        """The variable with the lengths the user gave; those that are variables say nothing new."""
        if shape is None:
            return x
        lengths = [None if n is None else constant_int(n) for n in shape]
        if len(lengths) != x.ndim:
            raise ShapeError(f"{self.what}: the shape of the {what} has {x.ndim} lengths, not {shape!r}")
        new = any(n is not None and m is None for n, m in zip(lengths, x.type.shape, strict=True))
        wrong = any(None not in (n, m) and n != m for n, m in zip(lengths, x.type.shape, strict=True))
        return specify_shape(x, lengths) if new or wrong else x

    def lengths(self, shape: Any, what: str) -> tuple[list[int | None], list[Variable]]:
        """A shape that is asked for: what is known of it, and its last lengths, which must all be there, as
        scalars; a vector of these alone is one, too."""
        given: list[Any]
        if isinstance(shape, Variable):
            count = shape.type.shape[0]
            given = [shape[i] for i in range(self.count if count is None else count)]
        else:
            given = list(shape)
        if len(given) < self.count or None in given[-self.count :]:
            raise ShapeError(f"{self.what}: {what} must say the last {self.count} lengths, unlike {shape!r}")
        known = [None if n is None else constant_int(n) for n in given]
        return known, [cast(as_variable(n), "int64") for n in given[-self.count :]]


def _floats(*variables: Variable) -> list[Variable]:
    """Images and filters in the float dtype of both."""
    dtype = promote([v.dtype for v in variables])
    return [cast(v, dtype if dtype.startswith(("float", "complex")) else config.floatX) for v in variables]


def convolved(a: Arguments, input: Any, filters: Any, input_shape: Any, filter_shape: Any) -> Variable:
    """The convolution of images with filters."""
    x, w = _floats(as_variable(input), as_variable(filters))
    x, w = a.images(x, input_shape), a.filters(w, filter_shape)
    op = a.op(Convolution, w.type.shape[-a.count :])
    return unshared_convolution(op, x, w) if a.unshared else op.make(x, w)


def by_images(a: Arguments, output_grad: Any, filters: Any, input_shape: Any, filter_shape: Any) -> Variable:
    """The gradient by the images, of a shape of which at least the last lengths are given."""
    g, w = _floats(as_variable(output_grad), as_variable(filters))
    g, w = a.images(g, None, "gradient"), a.filters(w, filter_shape)
    known, lengths = a.lengths(input_shape, "input_shape")
    op = a.op(ConvolutionByImages, w.type.shape[-a.count :])
    x = unshared_by_images(op, g, w, lengths) if a.unshared else op.make(g, w, *lengths)
    return a.with_shape(x, known if len(known) == x.ndim else None, "images")


def by_filters(a: Arguments, input: Any, output_grad: Any, filter_shape: Any, input_shape: Any) -> Variable:
    """The gradient by the filters, of a shape of which at least the last lengths are given."""
    x, g = _floats(as_variable(input), as_variable(output_grad))
    x, g = a.images(x, input_shape), a.images(g, None, "gradient")
    known, lengths = a.lengths(filter_shape, "filter_shape")
    op = a.op(ConvolutionByFilters, known[-a.count :])
    w = unshared_by_filters(op, x, g, lengths) if a.unshared else op.make(x, g, *lengths)
    return a.with_shape(w, known if len(known) == w.ndim else None, "filters")


def conv2d(
    input: Any,
    filters: Any,
    input_shape: Sequence[Any] | None = None,
    filter_shape: Sequence[Any] | None = None,
    border_mode: Any = "valid",
    subsample: Sequence[int] = (1, 1),
    filter_flip: bool = True,
    image_shape: Sequence[Any] | None = None,
    filter_dilation: Sequence[int] = (1, 1),
    num_groups: int = 1,
    unshared: bool = False,
) -> Variable:
    """Images (n, channels, rows, columns) convolved with filters (f, channels, rows, columns): n, f, rows,
    columns.

    It is the convolution of mathematics, whose filters are flipped in rows and columns, or, with
    ``filter_flip=False``, the correlation.  ``border_mode``: 'valid' (only where the filter lies within the
    image), 'full' (wherever they overlap), 'half' (for odd filters as many places as pixels), or the rows and
    columns of zeros around the image, each a number or a pair of them for both ends: ``((0, 1), 2)``.
    ``subsample`` is the step between places, ``filter_dilation`` that between the pixels a filter sees.
    Channels and filters are in ``num_groups`` groups, each for itself: filters then are (f, channels /
    groups, rows, columns).  ``unshared``: each place has filters of its own, (f, rows and columns of the
    output, channels, rows, columns).  ``input_shape`` (once ``image_shape``) and ``filter_shape`` are
    checked and make for shapes that are known earlier; every entry may be None.  Two floats of different
    dtypes give the larger; integers become floatX.

    Errors: ShapeError where channels differ or the filters are larger than the images.
    """
    a = Arguments("conv2d", 2, border_mode, subsample, filter_dilation, filter_flip, num_groups, unshared)
    if input_shape is not None and image_shape is not None:
        raise ShapeError("T.nnet.conv2d: image_shape is the old name of input_shape; give one of them")
    return convolved(a, input, filters, image_shape if input_shape is None else input_shape, filter_shape)


def conv3d(
    input: Any,
    filters: Any,
    input_shape: Sequence[Any] | None = None,
    filter_shape: Sequence[Any] | None = None,
    border_mode: Any = "valid",
    subsample: Sequence[int] = (1, 1, 1),
    filter_flip: bool = True,
    filter_dilation: Sequence[int] = (1, 1, 1),
    num_groups: int = 1,
) -> Variable:
    """Volumes (n, channels, depth, rows, columns) convolved with filters (f, channels, depth, rows, columns):
    n, f, depth, rows, columns.  The arguments are those of ``conv2d``, with three axes.

    Errors: ShapeError where channels differ or the filters are larger than the volumes.
    """
    a = Arguments("conv3d", 3, border_mode, subsample, filter_dilation, filter_flip, num_groups)
    return convolved(a, input, filters, input_shape, filter_shape)


def conv2d_grad_wrt_inputs(
    output_grad: Any,
    filters: Any,
    input_shape: Any,
    filter_shape: Sequence[Any] | None = None,
    border_mode: Any = "valid",
    subsample: Sequence[int] = (1, 1),
    filter_flip: bool = True,
    filter_dilation: Sequence[int] = (1, 1),
    num_groups: int = 1,
    unshared: bool = False,
) -> Variable:
    """The gradient of ``conv2d`` by its images, (n, channels, rows, columns), of that by its output and the
    filters.

    ``input_shape`` is the images' shape: rows and columns, which may be int64 scalars, must be there, n and
    channels may be None.  The other arguments are those of the convolution.

    Errors: ShapeError where the shapes are not those of a convolution.
    """
    a = Arguments(
        "conv2d_grad_wrt_inputs",
        2,
        border_mode,
        subsample,
        filter_dilation,
        filter_flip,
        num_groups,
        unshared,
    )
    return by_images(a, output_grad, filters, input_shape, filter_shape)


def conv3d_grad_wrt_inputs(
    output_grad: Any,
    filters: Any,
    input_shape: Any,
    filter_shape: Sequence[Any] | None = None,
    border_mode: Any = "valid",
    subsample: Sequence[int] = (1, 1, 1),
    filter_flip: bool = True,
    filter_dilation: Sequence[int] = (1, 1, 1),
    num_groups: int = 1,
) -> Variable:
    """The gradient of ``conv3d`` by its volumes; see ``conv2d_grad_wrt_inputs``.

    Errors: ShapeError where the shapes are not those of a convolution.
    """
    a = Arguments(
        "conv3d_grad_wrt_inputs", 3, border_mode, subsample, filter_dilation, filter_flip, num_groups
    )
    return by_images(a, output_grad, filters, input_shape, filter_shape)


def conv2d_grad_wrt_weights(
    input: Any,
    output_grad: Any,
    filter_shape: Any,
    input_shape: Sequence[Any] | None = None,
    border_mode: Any = "valid",
    subsample: Sequence[int] = (1, 1),
    filter_flip: bool = True,
    filter_dilation: Sequence[int] = (1, 1),
    num_groups: int = 1,
    unshared: bool = False,
) -> Variable:
    """The gradient of ``conv2d`` by its filters, (f, channels, rows, columns), of the images and the gradient
    by its output.

    ``filter_shape`` is the filters' shape: rows and columns, which may be int64 scalars, must be there, the
    others may be None.  The other arguments are those of the convolution.

    Errors: ShapeError where the shapes are not those of a convolution.
    """
    a = Arguments(
        "conv2d_grad_wrt_weights",
        2,
        border_mode,
        subsample,
        filter_dilation,
        filter_flip,
        num_groups,
        unshared,
    )
    return by_filters(a, input, output_grad, filter_shape, input_shape)


def conv3d_grad_wrt_weights(
    input: Any,
    output_grad: Any,
    filter_shape: Any,
    input_shape: Sequence[Any] | None = None,
    border_mode: Any = "valid",
    subsample: Sequence[int] = (1, 1, 1),
    filter_flip: bool = True,
    filter_dilation: Sequence[int] = (1, 1, 1),
    num_groups: int = 1,
) -> Variable:
    """The gradient of ``conv3d`` by its filters; see ``conv2d_grad_wrt_weights``.

    Errors: ShapeError where the shapes are not those of a convolution.
    """
    a = Arguments(
        "conv3d_grad_wrt_weights", 3, border_mode, subsample, filter_dilation, filter_flip, num_groups
    )
    return by_filters(a, input, output_grad, filter_shape, input_shape)


def conv2d_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    filter_shape: Sequence[Any] | None = None,
    border_mode: Any = "valid",
    input_dilation: Sequence[int] = (1, 1),
    filter_flip: bool = True,
    filter_dilation: Sequence[int] = (1, 1),
    num_groups: int = 1,
    unshared: bool = False,
) -> Variable:
    """Images (n, f, rows, columns) spread by filters (f, channels, rows, columns) over larger images of
    ``output_shape``: the transpose of ``conv2d``, also called a deconvolution.

    ``border_mode``, ``input_dilation`` (the step), ``filter_dilation`` and ``num_groups`` are those of the
    convolution from the output's shape to the input's.  Of ``output_shape`` rows and columns must be there.

    Errors: ShapeError where the shapes are not those of a convolution.
    """
    a = Arguments(
        "conv2d_transpose",
        2,
        border_mode,
        input_dilation,
        filter_dilation,
        filter_flip,
        num_groups,
        unshared,
    )
    return by_images(a, input, filters, output_shape, filter_shape)


def _separable(
    count: int, input: Any, depthwise: Any, pointwise: Any, num_channels: int, shapes: Sequence, a: Arguments
) -> Variable:
    x, w, v = _floats(as_variable(input), as_variable(depthwise), as_variable(pointwise))
    each = convolved(a, x, w, shapes[0], shapes[1])
    plain = Arguments(a.what.removeprefix("T.nnet."), count, "valid", 1, 1, a.flip, 1)
    return convolved(plain, each, v, None, shapes[2])


def separable_conv2d(
    input: Any,
    depthwise_filters: Any,
    pointwise_filters: Any,
    num_channels: int,
    input_shape: Sequence[Any] | None = None,
    depthwise_filter_shape: Sequence[Any] | None = None,
    pointwise_filter_shape: Sequence[Any] | None = None,
    border_mode: Any = "valid",
    subsample: Sequence[int] = (1, 1),
    filter_flip: bool = True,
    filter_dilation: Sequence[int] = (1, 1),
) -> Variable:
    """Each of ``num_channels`` channels convolved with filters of its own, (f, 1, rows, columns), whose
    results are mixed by (filters, f, 1, 1).  Borders, steps and dilation are those of the
    former; see ``conv2d``.

    Errors: ShapeError for what does not fit.
    """
    what = "separable_conv2d"
    a = Arguments(what, 2, border_mode, subsample, filter_dilation, filter_flip, num_channels)
    shapes = input_shape, depthwise_filter_shape, pointwise_filter_shape
    return _separable(2, input, depthwise_filters, pointwise_filters, num_channels, shapes, a)


def separable_conv3d(
    input: Any,
    depthwise_filters: Any,
    pointwise_filters: Any,
    num_channels: int,
    input_shape: Sequence[Any] | None = None,
    depthwise_filter_shape: Sequence[Any] | None = None,
    pointwise_filter_shape: Sequence[Any] | None = None,
    border_mode: Any = "valid",
    subsample: Sequence[int] = (1, 1, 1),
    filter_flip: bool = True,
    filter_dilation: Sequence[int] = (1, 1, 1),
) -> Variable:
    """``separable_conv2d`` along three axes.

    Errors: ShapeError for what does not fit.
    """
    what = "separable_conv3d"
    a = Arguments(what, 3, border_mode, subsample, filter_dilation, filter_flip, num_channels)
    shapes = input_shape, depthwise_filter_shape, pointwise_filter_shape
    return _separable(3, input, depthwise_filters, pointwise_filters, num_channels, shapes, a)


def causal_conv1d(
    input: Any,
    filters: Any,
    filter_shape: Sequence[Any] | None = None,
    input_shape: Sequence[Any] | None = None,
    subsample: int = 1,
    filter_flip: bool = True,
    filter_dilation: int = 1,
    num_groups: int = 1,
    unshared: bool = False,
) -> Variable:
    """Sequences (n, channels, time) convolved with filters (f, channels, time) that see nothing of what is to
    come: n, f, time.  Zeros stand before the first step.

    Errors: ShapeError where channels differ.
    """
    a = Arguments("causal_conv1d", 1, "valid", subsample, filter_dilation, filter_flip, num_groups, unshared)
    x, w = _floats(as_variable(input), as_variable(filters))
    x, w = a.images(x, input_shape), a.filters(w, filter_shape)
    (axis,), length = a.axes, w.type.shape[-1]
    if length is None:
        raise ShapeError(
            f"T.nnet.causal_conv1d: the length of the filters {w.describe()} must be known while the "
            "graph is built; filter_shape=(None, None, 3) says it"
        )
    a.axes = (Axis((axis.reach(length) - 1, 0), axis.stride, axis.dilation),)
    return convolved(a, x, w, None, None)


def _by(function: Callable, **options: Any) -> Callable[..., Variable]:
    return lambda *inputs: function(*inputs, **options)


def _samples(*cases: tuple) -> Callable[[], list[Sample]]:
    """Samples of a function: its options, then shapes of its inputs."""
    return lambda: [
        Sample(_by(f, **options), tuple(quarters(*s) for s in shapes)) for f, options, *shapes in cases
    ]


for _function, _cases in {
    conv2d: (
        ({}, (2, 2, 5, 4), (3, 2, 3, 2)),
        ({"filter_flip": False, "border_mode": "full"}, (1, 1, 3, 4), (2, 1, 2, 3)),
        ({"border_mode": "half"}, (1, 2, 4, 3), (2, 2, 3, 3)),
        (
            {"border_mode": (1, 2), "subsample": (2, 3), "filter_dilation": (1, 2)},
            (2, 1, 6, 7),
            (2, 1, 3, 2),
        ),
        ({"subsample": (3, 2), "filter_flip": False}, (1, 1, 5, 6), (1, 1, 1, 2)),
        ({"border_mode": ((0, 1), (2, 0)), "num_groups": 2, "subsample": 2}, (2, 4, 4, 5), (6, 2, 3, 2)),
        ({"num_groups": 3, "border_mode": ((1, 0), 1)}, (1, 3, 3, 4), (3, 1, 2, 2)),
        ({"unshared": True, "border_mode": 1, "subsample": (2, 1)}, (2, 2, 4, 3), (3, 2, 3, 2, 3, 3)),
        ({}, (0, 2, 3, 3), (2, 2, 2, 2)),
        ({}, (2, 0, 3, 3), (2, 0, 2, 2)),
    ),
    conv3d: (
        ({}, (2, 2, 3, 4, 3), (3, 2, 2, 3, 2)),
        (
            {"border_mode": "half", "subsample": (2, 1, 2), "filter_flip": False},
            (1, 2, 4, 3, 5),
            (3, 2, 3, 2, 3),
        ),
        (
            {"border_mode": ((1, 0), 1, (0, 2)), "num_groups": 2, "filter_dilation": (2, 1, 1)},
            (1, 2, 3, 2, 2),
            (2, 1, 2, 3, 2),
        ),
        ({}, (1, 2, 2, 2, 2), (0, 2, 1, 1, 1)),
    ),
    conv2d_grad_wrt_inputs: (
        (
            {"input_shape": (None, None, 6, 5), "subsample": (2, 1), "border_mode": (1, 0)},
            (2, 4, 3, 3),
            (4, 2, 3, 3),
        ),
        (
            {"input_shape": (1, 4, 4, 4), "num_groups": 2, "border_mode": ((1, 0), "half")},
            (1, 2, 3, 5),
            (2, 2, 3, 2),
        ),
        (
            {"input_shape": (None, 4, 3, 4), "unshared": True, "num_groups": 2},
            (2, 2, 2, 3),
            (2, 2, 3, 2, 2, 2),
        ),
    ),
    conv3d_grad_wrt_inputs: (
        (
            {"input_shape": (None, None, 4, 3, 3), "subsample": (2, 1, 1), "border_mode": ((0, 1), 1, 0)},
            (1, 3, 2, 4, 2),
            (3, 2, 2, 2, 2),
        ),
    ),
    conv2d_grad_wrt_weights: (
        ({"filter_shape": (None, None, 2, 3), "subsample": (2, 1)}, (2, 2, 6, 5), (2, 3, 3, 3)),
        (
            {"filter_shape": (4, 1, 2, 2), "num_groups": 2, "border_mode": ((0, 1), 0), "filter_flip": False},
            (1, 2, 3, 4),
            (1, 4, 3, 3),
        ),
        (
            {"filter_shape": (None, 2, 2, None, 2, 2), "unshared": True, "filter_dilation": (1, 2)},
            (2, 2, 3, 4),
            (2, 3, 2, 2),
        ),
    ),
    conv3d_grad_wrt_weights: (
        (
            {"filter_shape": (None, None, 2, 1, 2), "border_mode": (1, 0, (0, 1))},
            (1, 2, 2, 2, 3),
            (1, 3, 3, 2, 3),
        ),
    ),
    conv2d_transpose: (
        ({"output_shape": (None, None, 6, 5), "input_dilation": (2, 2)}, (2, 3, 3, 2), (3, 2, 2, 3)),
    ),
    separable_conv2d: (
        ({"num_channels": 2, "border_mode": "half"}, (1, 2, 4, 3), (4, 1, 3, 3), (3, 4, 1, 1)),
    ),
    separable_conv3d: (({"num_channels": 2}, (1, 2, 3, 3, 2), (2, 1, 2, 2, 2), (3, 2, 1, 1, 1)),),
    causal_conv1d: (
        ({"filter_shape": (None, None, 3), "filter_dilation": 2, "subsample": 2}, (2, 2, 7), (3, 2, 3)),
        ({"filter_shape": (4, 1, 2), "num_groups": 2, "filter_flip": False}, (2, 2, 5), (4, 1, 2)),
    ),
}.items():
    register(
        _function.__name__,
        _function,
        _samples(*((_function, *case) for case in _cases)),
    )
