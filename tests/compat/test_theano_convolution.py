"""Theano's operations of convolution, pooling and neighbourhoods, by their names: shapes, dtypes, values.

``DIGESTS`` are what Theano 1.0.5 prints for ``digests(theano)``, on images of small whole numbers (Python
3.11, numpy 1.23.5, optimizer=fast_compile): for each result its shape, its dtype and the sum of its elements
with the weights 1, 2, …, 11, 1, 2, …
"""

import numpy as np
import pytest

from graphlib.errors import ShapeError


def numbers(*shape, dtype="float64"):
    return (np.arange(np.prod(shape)) * 7 % 11 - 4).reshape(shape).astype(dtype)


def digest(array):
    flat = np.asarray(array).ravel()
    total = float((flat * (np.arange(flat.size) % 11 + 1)).sum())
    return np.asarray(array).shape, np.asarray(array).dtype.name, round(total, 6)


def digests(theano):
    """What each operation gives; every name is looked up as a program does."""
    T = theano.tensor
    from theano.sandbox.neighbours import images2neibs as old_images2neibs
    from theano.tensor.nnet import abstract_conv, conv, conv2d_transpose, conv3d2d, corr, corr3d, neighbours
    from theano.tensor.signal import conv as signal_conv
    from theano.tensor.signal import pool

    images, volumes = numbers(2, 4, 7, 6), numbers(2, 3, 5, 6, 4)
    filters, cubes, slopes = numbers(6, 2, 3, 3), numbers(4, 3, 2, 3, 2), numbers(2, 6, 5, 4)
    whole = numbers(2, 5, 6, dtype="int64")
    cases = [
        (
            lambda x, w: abstract_conv.AbstractConv2d(
                border_mode=((0, 1), (2, 0)), subsample=(2, 1), num_groups=2
            )(x, w),
            images,
            filters,
        ),
        (lambda w, g: abstract_conv.AbstractConv2d_gradInputs(num_groups=2)(w, g, (7, 6)), filters, slopes),
        (lambda x, g: abstract_conv.AbstractConv2d_gradWeights(num_groups=2)(x, g, (3, 3)), images, slopes),
        (
            lambda g, w: conv2d_transpose(g, w, (None, 2, 11, 9), input_dilation=(2, 2)),
            slopes,
            filters,
        ),
        (lambda x, w: T.nnet.conv2d(x, w, unshared=True), images, numbers(3, 5, 4, 4, 3, 3)),
        (lambda x, w: T.nnet.conv3d(x, w, border_mode=(1, 0, 1), subsample=(1, 2, 1)), volumes, cubes),
        (
            lambda w, g: abstract_conv.AbstractConv3d_gradInputs()(w, g, (5, 6, 4)),
            cubes,
            numbers(2, 4, 4, 4, 3),
        ),
        (
            lambda x, w: conv3d2d.conv3d(x, w, (2, 5, 3, 6, 4), (4, 2, 3, 3, 2), "full"),
            numbers(2, 5, 3, 6, 4),
            numbers(4, 2, 3, 3, 2),
        ),
        (lambda x: conv3d2d.diagonal_subtensor(x, 0, 2), numbers(7, 2, 4)),
        (lambda x, w: corr.CorrMM(border_mode="half", subsample=(2, 1))(x, w), images, numbers(5, 4, 3, 3)),
        (lambda x, g: corr.CorrMM_gradWeights()(x, g), images, numbers(2, 3, 5, 4)),
        (lambda x, w: corr3d.Corr3dMM(border_mode="half")(x, w), volumes, cubes),
        (lambda x, w: conv.ConvOp(output_mode="full", dx=2, dy=1)(x, w), images, numbers(5, 4, 3, 3)),
        (lambda x, w: signal_conv.conv2d(x, w, border_mode="full"), numbers(4, 5, 6), numbers(3, 2)),
        (lambda x: pool.Pool(False, mode="average_inc_pad")(x, (2, 3), (1, 2)), images),
        (lambda x: pool.pool_2d(x, (2, 3), True, mode="average_exc_pad"), whole),
        (lambda x: pool.pool_3d(x, (2, 2, 3), True, (1, 2, 2), (1, 0, 1)), volumes),
        (lambda x: pool.Pool(True, "sum", 1)(x, (3,), (2,)), numbers(4, 9)),
        (
            lambda x, g: pool.MaxPoolGrad(True)(x, pool.Pool(True)(x, (2, 2)), g, (2, 2)),
            whole * 1.0,
            numbers(2, 2, 3),
        ),
        (lambda x, g: pool.AveragePoolGrad(True, mode="sum")(x, g, (2, 2)), whole * 1.0, numbers(2, 2, 3)),
        (lambda x: pool.max_pool_2d_same_size(x, (2, 2)), images),
        (lambda x: neighbours.images2neibs(x, (3, 3), (2, 3), "wrap_centered"), images),
        (lambda x: old_images2neibs(x, (3, 3), (1, 1), mode="half"), images),
        (lambda x: neighbours.neibs2images(x, (3, 3), (2, 4, 7, 6), "ignore_borders"), numbers(32, 9)),
        (lambda x: abstract_conv.bilinear_upsampling(x, 4), images),
        (lambda x: abstract_conv.bilinear_upsampling(x, frac_ratio=(3, 2), use_1D_kernel=False), images),
    ]
    inputs, outputs, arrays = [], [], []
    for build, *given in cases:
        variables = [T.TensorType(a.dtype.name, (False,) * a.ndim)() for a in given]
        inputs += variables
        outputs.append(build(*variables))
        arrays += given
    return [digest(a) for a in theano.function(inputs, outputs)(*arrays)]


DIGESTS = [
    ((2, 6, 3, 6), "float64", 19123.0),
    ((2, 4, 7, 6), "float64", 26053.0),
    ((6, 2, 3, 3), "float64", 27857.0),
    ((2, 2, 11, 9), "float64", 25954.0),
    ((2, 3, 5, 4), "float64", 26721.0),
    ((2, 4, 6, 2, 5), "float64", 60690.0),
    ((2, 3, 5, 6, 4), "float64", 84246.0),
    ((2, 6, 4, 8, 5), "float64", 205194.0),
    ((4, 2, 4), "float64", 158.0),
    ((2, 5, 4, 6), "float64", 41172.0),
    ((3, 4, 3, 3), "float64", 24186.0),
    ((2, 4, 6, 6, 5), "float64", 176025.0),
    ((2, 5, 5, 8), "float64", 46421.0),
    ((4, 7, 7), "float64", 2748.0),
    ((2, 4, 6, 3), "float64", 823.0),
    ((2, 2, 2), "int64", 18.0),
    ((2, 3, 6, 3, 2), "float64", 7127.0),
    ((4, 4), "float64", 123.0),
    ((2, 5, 6), "float64", 30.0),
    ((2, 5, 6), "float64", 266.0),
    ((2, 4, 7, 6), "float64", 1887.0),
    ((64, 9), "float64", 3682.0),
    ((336, 9), "float64", 15856.0),
    ((2, 4, 7, 6), "float64", 1716.0),
    ((2, 4, 28, 24), "float64", 32475.125),
    ((2, 4, 11, 9), "float64", 4775.888889),
]


def test_values_are_theanos(theano):
    for number, (got, wanted) in enumerate(zip(digests(theano), DIGESTS, strict=True)):
        assert got == wanted, f"case {number}"


def test_shapes_are_theanos(theano):
    from theano.tensor.nnet import abstract_conv as a

    assert a.get_conv_output_shape((2, None, 9, 10), (4, 3, 4, 3), "half", (2, 1)) == (2, 4, 5, 10)
    assert a.get_conv_output_shape((2, 3, 9, 10), (4, 3, 3, 3), "full", (1, 3), (2, 1)) == (2, 4, 13, 4)
    assert a.get_conv_output_shape((2, 3, 9, 10), (4, 3, 3, 3), (1, (0, 2)), (1, 2)) == (2, 4, 9, 5)
    assert a.get_conv_gradweights_shape((2, 3, 9, 10), (2, 4, 7, 8), "full", (2, 1)) == (4, 3, None, -1)
    grouped = a.get_conv_gradweights_shape((2, 4, 9, 10), (2, 8, 10, 8), (1, 0), (1, 1), None, 2)
    assert grouped == (4, 4, 2, 3)
    assert a.get_conv_gradinputs_shape((4, 3, 3, 3), (2, 4, 7, 8), "half", (1, 2)) == (2, 3, 7, None)
    assert a.border_mode_to_pad((1, (2, 3)), 2, (3, 5)) == ((1, 1), (2, 3))
    assert a.check_conv_gradinputs_shape((2, 3, 9, 10), (4, 3, 3, 3), (2, 4, 7, 8), "valid", (1, 1))
    from theano.tensor.signal.pool import Pool

    assert Pool.out_shape((3, 9, 8), (2, 3), True, (2, 2)) == [3, 4, 3]
    assert Pool.out_shape((3, 9, 8), (2, 3), False, (2, 2)) == [3, 5, 4]


def test_errors_are_those_that_programs_catch(theano):
    from theano.tensor.nnet import conv
    from theano.tensor.signal import pool

    T = theano.tensor
    with pytest.raises(TypeError, match="four dimensions"):
        T.nnet.conv2d(T.matrix(), T.tensor4())
    with pytest.raises(NotImplementedError, match="ignore_border=True"):
        pool.pool_2d(T.tensor4(), (2, 2), False, pad=(1, 1))
    with pytest.raises(NotImplementedError, match="less than the window"):
        pool.pool_2d(T.tensor4(), (2, 2), True, pad=(2, 2))
    with pytest.raises(ShapeError, match="conv2d_transpose"):
        conv.ConvOp(imshp_logical=(1, 2, 3))
