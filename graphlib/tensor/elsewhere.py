"""What other libraries call what is here, for who asks for a name that is not."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable

_REPEATED = "T.dimshuffle, T.tile or T.broadcast_to"
#: names of PyTorch's, JAX's and NumPy's functions: what to write
FUNCTIONS = {
    "amax": "T.max",
    "amin": "T.min",
    "apply_along_axis": "graphlib.map, which goes along the rows",
    "argpartition": "T.argsort, which is one",
    "array": "T.constant, or T.stack of variables",
    "array_equal": "T.eq(x, y).all()",
    "asarray": "T.as_tensor_variable",
    "astype": "T.cast(x, dtype)",
    "autograd": "T.grad",
    "baddbmm": "T.batched_dot",
    "bmm": "T.batched_dot",
    "broadcast_arrays": "T.broadcast_to, or x + T.zeros_like(y)",
    "cat": "T.concatenate",
    "chunk": "T.split",
    "clamp": "T.clip",
    "cond": "graphlib.ifelse, or T.switch element by element",
    "conv1d": "T.nnet.conv2d of images of one column, x.dimshuffle(0, 1, 2, 'x')",
    "cumulative_prod": "T.cumprod",
    "cumulative_sum": "T.cumsum",
    "dropout": "graphlib.nn.Dropout, or a mask of T.shared_randomstreams.RandomStreams",
    "embedding": "the table indexed by the ids, table[ids]",
    "empty": "T.zeros",
    "empty_like": "T.zeros_like",
    "extract": "T.compress",
    "fori_loop": "graphlib.scan",
    "from_numpy": "graphlib.shared or T.constant",
    "gather": "an index by arrays, x[rows, columns]",
    "gelu": "graphlib.nn.activations.gelu",
    "geomspace": "T.exp(T.linspace(np.log(start), np.log(stop), n))",
    "gradient": "T.grad for derivatives, T.diff for differences of neighbours",
    "index_add": "T.inc_subtensor(x[i], y)",
    "jit": "graphlib.function",
    "layer_norm": "graphlib.nn.LayerNormalization",
    "leaky_relu": "T.nnet.relu(x, alpha)",
    "lgamma": "T.gammaln",
    "linear": "T.dot(x, W) + b",
    "logspace": "10 ** T.linspace(start, stop, n)",
    "lstm": "graphlib.nn.LSTM",
    "masked_fill": "T.switch(mask, value, x)",
    "max_pool2d": "T.signal.pool.pool_2d",
    "mm": "T.dot",
    "ndim": "x.ndim",
    "no_grad": "graphlib.gradient.disconnected_grad",
    "norm": "x.norm(2) or T.nlinalg.norm",
    "normal": "T.shared_randomstreams.RandomStreams(seed).normal",
    "one_hot": "T.extra_ops.to_one_hot",
    "partition": "T.sort, which is one",
    "permute": "x.dimshuffle(order)",
    "polyfit": "T.nlinalg.lstsq(T.vander(x, n + 1), y)[0]",
    "put_along_axis": "T.set_subtensor(x[i, j], y)",
    "rand": "T.shared_randomstreams.RandomStreams(seed).uniform",
    "randint": "T.shared_randomstreams.RandomStreams(seed).random_integers",
    "randn": "T.shared_randomstreams.RandomStreams(seed).normal",
    "reduce_mean": "T.mean",
    "reduce_sum": "T.sum",
    "repeat_interleave": "T.repeat",
    "rsqrt": "1 / T.sqrt(x)",
    "scatter_add": "T.inc_subtensor(x[i], y)",
    "segment_sum": "T.inc_subtensor(T.zeros(...)[ids], x)",
    "silu": "graphlib.nn.activations.silu",
    "size": "x.size",
    "stop_gradient": "graphlib.gradient.disconnected_grad",
    "swish": "graphlib.nn.activations.silu",
    "top_k": "T.topk",
    "uniform": "T.shared_randomstreams.RandomStreams(seed).uniform",
    "unsqueeze": "T.expand_dims",
    "value_and_grad": "T.grad, with the cost beside it as outputs of graphlib.function",
    "vmap": "graphlib.map",
    "while_loop": "graphlib.scan, whose step returns graphlib.until(condition)",
}
#: names of what arrays of theirs can do
METHODS = {
    "add_": "T.inc_subtensor, or an update of a shared variable",
    "at": "T.set_subtensor(x[i], y) or T.inc_subtensor(x[i], y)",
    "backward": "T.grad(cost, variables)",
    "contiguous": "x itself",
    "copy_": "an update of a shared variable",
    "cpu": "x itself: a function returns arrays",
    "cuda": "x itself: the device is chosen by graphlib.config.device",
    "data": "x.eval(), or get_value() of a shared variable",
    "detach": "graphlib.gradient.disconnected_grad(x)",
    "dim": "x.ndim",
    "double": "x.astype('float64')",
    "expand": _REPEATED,
    "expand_as": _REPEATED,
    "float": "x.astype('float32')",
    "get_shape": "x.shape",
    "grad": "T.grad(cost, x)",
    "int": "x.astype('int32')",
    "item": "x.eval()",
    "long": "x.astype('int64')",
    "masked_fill": "T.switch(mask, value, x)",
    "numel": "x.size",
    "numpy": "x.eval(), or a function with x as an output",
    "permute": "x.dimshuffle(order)",
    "requires_grad": "nothing: T.grad asks for any variable",
    "to": "x.astype(dtype)",
    "tolist": "x.eval().tolist()",
    "unsqueeze": "x.dimshuffle or T.expand_dims(x, axis)",
    "view": "x.reshape(shape)",
}


class MissingNameError(AttributeError):
    """A name that ``owner`` does not have: what to write, or the nearest of those it has.

    The words are found when they are read: programs also ask whether a name is there (``hasattr``).
    """

    def __init__(self, owner: str, name: str, known: Callable[[], Iterable[str]], elsewhere: dict) -> None:
        super().__init__(owner, name)
        self.name = name
        self._owner, self._known, self._elsewhere = owner, known, elsewhere

    def __str__(self) -> str:
        hint = f"; write {self._elsewhere[self.name]}" if self.name in self._elsewhere else ""
        known = list(self._known())
        near = [each for each in known if each.lower() == self.name.lower()]
        near = near or difflib.get_close_matches(self.name, known, 1)
        if not hint and near:
            hint = f"; did you mean {near[0]}?"
        return f"{self._owner} has no {self.name}{hint}"


__all__ = ["FUNCTIONS", "METHODS", "MissingNameError"]
