"""An example of each operation, for the reference: an expression, and the values of what is in it.

The reference shows what `expression`.eval() gives, and the gradient by each operand of a float dtype.
An operand that is a text is Python for its value.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Example(NamedTuple):
    """An expression of Python over operands; `plot`: where a function of one number is drawn."""

    expression: str
    operands: dict[str, Any]
    plot: tuple[float, float] | None = None


#: functions of one number: three values to show, and the interval to draw
_OF_ONE = {
    "sqrt": ([0.0, 1.0, 2.0], (0, 4)),
    "log": ([0.5, 1.0, 10.0], (0.02, 5)),
    "log2": ([0.5, 1.0, 8.0], (0.02, 5)),
    "log10": ([0.1, 1.0, 1000.0], (0.02, 5)),
    "log1p": ([-0.5, 0.0, 1e-6], (-0.98, 4)),
    "log1mexp": ([-1e-6, -1.0, -20.0], (-4, -0.01)),
    "xlogx": ([0.0, 0.5, 2.0], (0.0005, 2)),
    "exp": ([-1.0, 0.0, 1.0], (-3, 2)),
    "exp2": ([-1.0, 0.0, 3.0], (-3, 3)),
    "expm1": ([-1.0, 1e-6, 1.0], (-3, 2)),
    "sigmoid": ([-2.0, 0.0, 2.0], (-6, 6)),
    "softplus": ([-20.0, 0.0, 20.0], (-5, 5)),
    "erf": ([-1.0, 0.0, 1.0], (-3, 3)),
    "erfc": ([-1.0, 0.0, 5.0], (-3, 3)),
    "erfcx": ([0.0, 1.0, 100.0], (-1, 4)),
    "log_erfc": ([-1.0, 0.0, 20.0], (-3, 3)),
    "gammaln": ([0.5, 1.0, 100.0], (0.05, 5)),
    "psi": ([0.5, 1.0, 10.0], (0.2, 5)),
    "tri_gamma": ([0.5, 1.0, 10.0], (0.3, 5)),
    "tan": ([-1.0, 0.0, 1.0], (-1.4, 1.4)),
    "arcsin": ([-1.0, 0.0, 0.5], (-0.99, 0.99)),
    "arccos": ([-1.0, 0.0, 0.5], (-0.99, 0.99)),
    "arctanh": ([-0.5, 0.0, 0.5], (-0.97, 0.97)),
    "arccosh": ([1.0, 2.0, 10.0], (1.02, 5)),
    "sinh": ([-1.0, 0.0, 1.0], (-3, 3)),
    "cosh": ([-1.0, 0.0, 1.0], (-3, 3)),
    "inv": ([-2.0, 0.5, 4.0], (0.2, 4)),
    "sin": ([0.0, 1.5707964, 3.0], (-6.3, 6.3)),
    "cos": ([0.0, 1.5707964, 3.1415927], (-6.3, 6.3)),
    "j0": ([0.0, 1.0, 10.0], (-12, 12)),
    "j1": ([0.0, 1.0, 10.0], (-12, 12)),
}
_ROUNDING = ("ceil", "floor", "trunc", "round_half_to_even", "round_half_away_from_zero")

#: functions of several numbers
_OF_SEVERAL = {
    "switch": ("T.switch(x > 0, x, y)", {"x": [-1.0, 0.0, 2.0], "y": [5.0, 6.0, 7.0]}),
    "pow": ("T.pow(x, y)", {"x": [2.0, 9.0, 10.0], "y": [3.0, 0.5, -1.0]}),
    "leaky_rectify": ("T.leaky_rectify(x, 0.1)", {"x": [-2.0, 0.0, 3.0]}),
    "xlogy0": ("T.xlogx.xlogy0(x, y)", {"x": [0.0, 1.0, 2.0], "y": [0.0, 2.0, 2.0]}),
    "jv": ("T.jv(v, x)", {"v": [0.0, 1.0, 2.0], "x": [1.0, 1.0, 1.0]}),
    "iv": ("T.iv(v, x)", {"v": [0.0, 1.0, 2.0], "x": [1.0, 1.0, 1.0]}),
    "gammainc": ("T.gammainc(k, x)", {"k": [0.5, 1.0, 2.0], "x": [1.0, 1.0, 1.0]}),
    "gammaincc": ("T.gammaincc(k, x)", {"k": [0.5, 1.0, 2.0], "x": [1.0, 1.0, 1.0]}),
    "hypot": ("T.hypot(x, y)", {"x": [3.0, 0.0, 5.0], "y": [4.0, 0.0, 12.0]}),
    "arctan2": ("T.arctan2(y, x)", {"y": [1.0, 1.0, -1.0], "x": [1.0, -1.0, -1.0]}),
    "invert": ("T.invert(x)", {"x": [0, 1, 255]}),
    "and_": ("T.and_(x, y)", {"x": [1, 2, 6], "y": [1, 1, 3]}),
    "or_": ("T.or_(x, y)", {"x": [1, 2, 6], "y": [1, 1, 3]}),
    "xor": ("T.xor(x, y)", {"x": [1, 2, 6], "y": [1, 1, 3]}),
    "left_shift": ("x << y", {"x": [1, 3, -5], "y": [4, 1, 2]}),
    "right_shift": ("x >> y", {"x": [16, 7, -5], "y": [4, 1, 1]}),
}

_M = [[1.0, 2.0], [3.0, 4.0]]
_ROWS = [[1.0, 5.0, 2.0], [4.0, 0.0, 3.0]]
_SYMMETRIC = [[2.0, 1.0], [1.0, 3.0]]
_IMAGE = [[[[1.0, 2.0, 0.0], [0.0, 1.0, 3.0], [2.0, 1.0, 1.0]]]]
_FILTER = [[[[1.0, 0.0], [0.0, -1.0]]]]
_VOLUME = [[[[[1.0, 2.0], [0.0, 1.0]], [[3.0, 1.0], [1.0, 2.0]]]]]
_MERSENNE = "mersenne_state(np.random.RandomState(1))"

#: all that are not functions of numbers alone
_OTHERS: dict[str, tuple[str, dict[str, Any]]] = {
    "cast": ("T.cast(x, 'int32')", {"x": [-1.7, 0.2, 2.9]}),
    "dimshuffle": ("x.dimshuffle(0, 'x', 1)", {"x": _M}),
    "shape": ("T.shape(x)", {"x": _ROWS}),
    "broadcast_to": ("T.broadcast_to(x, (2, 3))", {"x": [1.0, 2.0, 3.0]}),
    "specify_shape": ("T.specify_shape(x, (2, None))", {"x": _M}),
    "reshape": ("T.reshape(x, (3, -1))", {"x": _ROWS}),
    "unbroadcast": ("T.unbroadcast(x, 0)", {"x": [[1.0, 2.0]]}),
    "cumsum": ("T.cumsum(x, axis=0)", {"x": _M}),
    "cumprod": ("T.cumprod(x, axis=1)", {"x": _M}),
    "sort": ("T.sort(x, axis=1)", {"x": _ROWS}),
    "argsort": ("T.argsort(x, axis=1)", {"x": _ROWS}),
    "nonzero": ("T.nonzero(x)", {"x": [[0, 1], [2, 3]]}),
    "consider_constant": ("T.consider_constant(x) * x", {"x": [1.0, 2.0, 3.0]}),
    "disconnected_grad": ("T.disconnected_grad(x) * x", {"x": [1.0, 2.0, 3.0]}),
    "undefined_grad": ("T.undefined_grad(x)", {"x": [1.0, 2.0, 3.0]}),
    "grad_clip": ("T.grad_clip(x, -1, 1)", {"x": [1.0, 2.0, 3.0]}),
    "grad_scale": ("T.grad_scale(x, -0.5)", {"x": [1.0, 2.0, 3.0]}),
    "valid": ("T.valid(x, 'positive', 'the rate')", {"x": [1.0, 2.0, 3.0]}),
    "alloc": ("T.alloc(x, 2, 3)", {"x": 7.0}),
    "arange": ("T.arange(2, 10, 3)", {}),
    "eye": ("T.eye(2, 3, k=1)", {}),
    "real": ("T.real(z)", {"z": [1 + 2j, 3 - 4j]}),
    "imag": ("T.imag(z)", {"z": [1 + 2j, 3 - 4j]}),
    "conj": ("T.conj(z)", {"z": [1 + 2j, 3 - 4j]}),
    "angle": ("T.angle(z)", {"z": [1j, -1 + 0j]}),
    "complex": ("T.complex(x, y)", {"x": [1.0, 3.0], "y": [2.0, -4.0]}),
    "complex_from_polar": ("T.complex_from_polar(r, phi)", {"r": [1.0, 2.0], "phi": [0.0, 1.5707964]}),
    "sum": ("T.sum(x, axis=0)", {"x": _ROWS}),
    "prod": ("T.prod(x, axis=1)", {"x": _M}),
    "max": ("T.max(x, axis=1)", {"x": _ROWS}),
    "min": ("T.min(x, axis=1)", {"x": _ROWS}),
    "all": ("T.all(x, axis=1)", {"x": [[1, 1], [0, 1]]}),
    "any": ("T.any(x, axis=1)", {"x": [[1, 1], [0, 0]]}),
    "argmax": ("T.argmax(x, axis=1)", {"x": _ROWS}),
    "argmin": ("T.argmin(x, axis=1)", {"x": _ROWS}),
    "dot": ("T.dot(x, y)", {"x": _M, "y": [[1.0, 0.0], [1.0, 2.0]]}),
    "matmul": ("T.matmul(x, y)", {"x": [_M, _M], "y": [[1.0, 0.0], [1.0, 2.0]]}),
    "batched_dot": ("T.batched_dot(x, y)", {"x": _M, "y": [[1.0, 1.0], [0.0, 2.0]]}),
    "tensordot": ("T.tensordot(x, y, axes=[[0], [1]])", {"x": _M, "y": _M}),
    "batched_tensordot": ("T.batched_tensordot(x, y, axes=1)", {"x": _M, "y": [[1.0, 1.0], [0.0, 2.0]]}),
    "outer": ("T.outer(x, y)", {"x": [1.0, 2.0], "y": [1.0, 10.0, 100.0]}),
    "patches": ("T.patches(x, (1, 2))", {"x": _ROWS}),
    "conv2d": ("T.nnet.conv2d(x, w)", {"x": _IMAGE, "w": _FILTER}),
    "conv3d": ("T.nnet.conv3d(x, w)", {"x": _VOLUME, "w": [[[[[1.0, -1.0]]]]]}),
    "conv2d_grad_wrt_inputs": (
        "T.nnet.conv2d_grad_wrt_inputs(g_out, w, input_shape=(1, 1, 3, 3))",
        {"g_out": [[[[1.0, 0.0], [0.0, 0.0]]]], "w": _FILTER},
    ),
    "conv3d_grad_wrt_inputs": (
        "T.nnet.conv3d_grad_wrt_inputs(g_out, w, input_shape=(1, 1, 1, 1, 2))",
        {"g_out": [[[[[1.0]]]]], "w": [[[[[1.0, -1.0]]]]]},
    ),
    "conv2d_grad_wrt_weights": (
        "T.nnet.conv2d_grad_wrt_weights(x, g_out, filter_shape=(1, 1, 2, 2))",
        {"x": _IMAGE, "g_out": [[[[1.0, 0.0], [0.0, 0.0]]]]},
    ),
    "conv3d_grad_wrt_weights": (
        "T.nnet.conv3d_grad_wrt_weights(x, g_out, filter_shape=(1, 1, 2, 2, 2))",
        {"x": _VOLUME, "g_out": [[[[[1.0]]]]]},
    ),
    "conv2d_transpose": (
        "T.nnet.conv2d_transpose(x, w, output_shape=(1, 1, 3, 3))",
        {"x": [[[[1.0, 0.0], [0.0, 2.0]]]], "w": _FILTER},
    ),
    "separable_conv2d": (
        "T.nnet.separable_conv2d(x, depthwise, pointwise, num_channels=1)",
        {"x": _IMAGE, "depthwise": _FILTER, "pointwise": [[[[2.0]]]]},
    ),
    "separable_conv3d": (
        "T.nnet.separable_conv3d(x, depthwise, pointwise, num_channels=1)",
        {"x": _VOLUME, "depthwise": [[[[[1.0, -1.0]]]]], "pointwise": [[[[[2.0]]]]]},
    ),
    "causal_conv1d": (
        "T.nnet.causal_conv1d(x, w, filter_shape=(1, 1, 2))",
        {"x": [[[1.0, 2.0, 3.0, 4.0]]], "w": [[[1.0, -1.0]]]},
    ),
    "index": ("x[:, ::2]", {"x": _ROWS}),
    "take": ("T.take(x, [1, 1, 0], axis=0)", {"x": _M}),
    "repeat": ("T.repeat(x, 2, axis=1)", {"x": _M}),
    "tile": ("T.tile(x, (1, 2))", {"x": _M}),
    "diag": ("T.diag(x)", {"x": _M}),
    "tril": ("T.tril(x)", {"x": _M}),
    "concatenate": ("T.concatenate([x, y], axis=1)", {"x": _M, "y": [[5.0], [6.0]]}),
    "split": ("T.split(x, [1, 2], n_splits=2, axis=0)", {"x": [1.0, 2.0, 3.0]}),
    "solve": ("T.slinalg.solve(a, b)", {"a": _M, "b": [5.0, 6.0]}),
    "solve_triangular": (
        "T.slinalg.solve_triangular(a, b, lower=True)",
        {"a": [[2.0, 0.0], [1.0, 4.0]], "b": [2.0, 9.0]},
    ),
    "matrix_inverse": ("T.nlinalg.matrix_inverse(a)", {"a": _M}),
    "det": ("T.nlinalg.det(a)", {"a": _M}),
    "slogdet": ("T.nlinalg.slogdet(a)", {"a": _M}),
    "matrix_power": ("T.nlinalg.matrix_power(a, 3)", {"a": _M}),
    "matrix_dot": ("T.nlinalg.matrix_dot(a, b, a)", {"a": _M, "b": [[0.0, 1.0], [1.0, 0.0]]}),
    "cholesky": ("T.slinalg.cholesky(a)", {"a": _SYMMETRIC}),
    "qr": ("T.nlinalg.qr(a)", {"a": _SYMMETRIC}),
    "eigh": ("T.nlinalg.eigh(a)", {"a": _SYMMETRIC}),
    "eigvalsh": ("T.slinalg.eigvalsh(a)", {"a": _SYMMETRIC}),
    "svd": ("T.nlinalg.svd(a, full_matrices=False)", {"a": _SYMMETRIC}),
    "eig": ("T.nlinalg.eig(a)", {"a": _SYMMETRIC}),
    "pinv": ("T.nlinalg.pinv(a)", {"a": [[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]]}),
    "lstsq": ("T.nlinalg.lstsq(a, b)", {"a": [[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]], "b": [1.0, 3.0, 5.0]}),
    "expm": ("T.slinalg.expm(a)", {"a": [[0.0, 1.0], [0.0, 0.0]]}),
    "rfft": ("T.fft.rfft(x)", {"x": [[1.0, 0.0, 0.0, 0.0]]}),
    "irfft": ("T.fft.irfft(x)", {"x": [[[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]]]}),
    "kron": ("T.slinalg.kron(x, y)", {"x": _M, "y": [[1.0, 10.0]]}),
    "matrix_norm": ("T.matrix_norm(x, 'fro')", {"x": _M}),
    "trace": ("T.nlinalg.trace(x)", {"x": _M}),
    "tensorsolve": ("T.nlinalg.tensorsolve(a, b)", {"a": _M, "b": [5.0, 6.0]}),
    "tensorinv": ("T.nlinalg.tensorinv(a, ind=1)", {"a": _M}),
    "set_subtensor": ("T.set_subtensor(x[0], y)", {"x": _M, "y": [8.0, 9.0]}),
    "inc_subtensor": ("T.inc_subtensor(x[:, 1], y)", {"x": _M, "y": [10.0, 20.0]}),
    "pool_2d": ("T.signal.pool.pool_2d(x, (2, 2), ignore_border=False)", {"x": _IMAGE}),
    "pool_3d": ("T.signal.pool.pool_3d(x, (2, 2, 2), ignore_border=True)", {"x": _VOLUME}),
    "max_pool_2d_same_size": ("T.signal.pool.max_pool_2d_same_size(x, (2, 2))", {"x": _IMAGE}),
    "images2neibs": ("T.nnet.neighbours.images2neibs(x, (1, 3))", {"x": _IMAGE}),
    "neibs2images": (
        "T.nnet.neighbours.neibs2images(x, (1, 2), (1, 1, 2, 2))",
        {"x": [[1.0, 2.0], [3.0, 4.0]]},
    ),
    "softmax": ("T.nnet.softmax(x)", {"x": [[0.0, 0.0], [1.0, 3.0]]}),
    "logsoftmax": ("T.nnet.logsoftmax(x)", {"x": [[0.0, 0.0], [1.0, 100.0]]}),
    "relu": ("T.nnet.relu(x)", {"x": [-2.0, 0.0, 3.0]}),
    "elu": ("T.nnet.elu(x)", {"x": [-2.0, 0.0, 3.0]}),
    "selu": ("T.nnet.selu(x)", {"x": [-2.0, 0.0, 3.0]}),
    "hard_sigmoid": ("T.nnet.hard_sigmoid(x)", {"x": [-3.0, 0.0, 1.0]}),
    "softsign": ("T.nnet.softsign(x)", {"x": [-1.0, 0.0, 3.0]}),
    "binary_crossentropy": (
        "T.nnet.binary_crossentropy(p, t)",
        {"p": [0.1, 0.5, 0.9], "t": [0.0, 1.0, 1.0]},
    ),
    "sigmoid_binary_crossentropy": (
        "T.nnet.sigmoid_binary_crossentropy(x, t)",
        {"x": [-100.0, 0.0, 2.0], "t": [1.0, 1.0, 1.0]},
    ),
    "categorical_crossentropy": (
        "T.nnet.categorical_crossentropy(p, [0, 1])",
        {"p": [[0.5, 0.5], [0.1, 0.9]]},
    ),
    "to_one_hot": ("T.extra_ops.to_one_hot(y, 3)", {"y": [2, 0]}),
    "batch_normalization_train": (
        "T.nnet.batch_normalization_train(x, gamma, beta)",
        {"x": [[1.0, 2.0], [3.0, 6.0]], "gamma": [1.0, 1.0], "beta": [0.0, 0.0]},
    ),
    "batch_normalization_test": (
        "T.nnet.batch_normalization_test(x, gamma, beta, mean, var)",
        {"x": _M, "gamma": [1.0, 1.0], "beta": [0.0, 0.0], "mean": [2.0, 3.0], "var": [1.0, 4.0]},
    ),
    "bilinear_upsampling": (
        "T.nnet.bilinear_upsampling(x, ratio=2)",
        {"x": [[[[0.0, 1.0], [2.0, 3.0]]]]},
    ),
    "random_uniform": ("T.random.RandomStreams(seed=1).uniform((3,))", {}),
    "mrg": ("T.mrg(state, 1, 3)[1]", {"state": "np.array([[1, 2, 3, 4, 5, 6]], 'int32')"}),
    "mersenne": ("T.mersenne(state, 'normal', 0.0, 1.0, (3,))[1]", {"state": _MERSENNE}),
    "mersenne_permutation": ("T.mersenne_permutation(state, (), 5)[1]", {"state": _MERSENNE}),
    "mersenne_choice": ("T.mersenne_choice(state, [0.5, 0.3, 0.2], 2)[1]", {"state": _MERSENNE}),
    "mersenne_multinomial": (
        "T.mersenne_multinomial(state, 10, [0.5, 0.3, 0.2], ())[1]",
        {"state": _MERSENNE},
    ),
    "random_normal": ("T.random.RandomStreams(seed=1).normal((3,))", {}),
}
_DRAWN = {"relu", "elu", "selu", "hard_sigmoid", "softsign"}


def example_of(name: str, arity: int | None) -> Example | None:
    """The example of an operation; `arity`: of how many numbers it is a function, or None."""
    if name in _OTHERS:
        return Example(*_OTHERS[name], (-4, 4) if name in _DRAWN else None)
    if name in _OF_SEVERAL:
        return Example(*_OF_SEVERAL[name])
    if arity == 1 or name in ("i0", "i1", "j0", "j1"):
        values, interval = _OF_ONE.get(name, ([-1.0, 0.0, 2.5], (-3, 3)))
        if name in _ROUNDING:
            values = [-1.5, -0.2, 2.5]
        plot = None if name in ("isnan", "isinf", "invert") else interval
        return Example("T.xlogx.xlogx(x)" if name == "xlogx" else f"T.{name}(x)", {"x": values}, plot)
    if arity == 2:
        return Example(f"T.{name}(x, y)", {"x": [-1.0, 2.0, 7.0], "y": [2.0, 2.0, 3.0]})
    return None
