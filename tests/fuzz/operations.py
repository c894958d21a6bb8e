"""The operations that programs are made of: one row each, with its text and how its arguments are drawn.

The text is Python with ``T`` for graphlib's names, which ``in_numpy`` and ``in_torch`` offer as well; only
where neither can be brought to it there is a second text, ``others``. A function that draws gets a ``Grower``
and returns (names of arguments, parameters); it raises ``NoFit`` where nothing fits. It does not need to be
exact: NumPy tries what was drawn, and refuses what has no value, or lies near a kink (``in_numpy.Unfit``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class NoFit(Exception):
    """There are no operands for an operation."""


@dataclass
class Operation:
    """``source``: parameters that are Python text. ``ones``: which axes of the result are known to be 1, from
    arguments and parameters; by default none. ``outs`` 0 is a list of any length. ``weight``: how often it is
    chosen. ``inside``: whether a loop's body may have it."""

    name: str
    draw: Callable
    graphlib: str
    others: str
    outs: int = 1
    source: frozenset = frozenset()
    ones: Callable | None = None
    weight: float = 1.0
    inside: bool = True


OPERATIONS: dict[str, Operation] = {}


def add(
    name: str, text: str, draw: Callable, others: str | None = None, source: str = "", **options: Any
) -> None:
    assert name not in OPERATIONS, name
    OPERATIONS[name] = Operation(
        name, draw, text, others or text, source=frozenset(source.split()), **options
    )


def first_ones(values: list, params: dict) -> tuple:
    return values[0].ones


def broadcast_ones(values: list, params: dict) -> tuple:
    ndim = max(len(v.ones) for v in values)
    padded = [(True,) * (ndim - len(v.ones)) + tuple(v.ones) for v in values]
    return tuple(all(column) for column in zip(*padded, strict=True))


# elementwise

UNARY = {
    "neg": "-{0}", "abs": "abs({0})", "exp": "T.exp({0})", "log": "T.log({0})", "sqrt": "T.sqrt({0})",
    "sqr": "T.sqr({0})", "tanh": "T.tanh({0})", "sigmoid": "T.nnet.sigmoid({0})", "sin": "T.sin({0})",
    "cos": "T.cos({0})", "tan": "T.tan({0})", "arctan": "T.arctan({0})", "arcsin": "T.arcsin({0})",
    "arccos": "T.arccos({0})", "sinh": "T.sinh({0})", "cosh": "T.cosh({0})", "arcsinh": "T.arcsinh({0})",
    "arccosh": "T.arccosh({0})", "arctanh": "T.arctanh({0})", "erf": "T.erf({0})", "erfc": "T.erfc({0})",
    "log1p": "T.log1p({0})", "expm1": "T.expm1({0})", "log2": "T.log2({0})", "log10": "T.log10({0})",
    "exp2": "T.exp2({0})", "softplus": "T.nnet.softplus({0})", "relu": "T.nnet.relu({0})",
    "leaky": "T.nnet.relu({0}, 0.25)", "elu": "T.nnet.elu({0})", "selu": "T.nnet.selu({0})",
    "hard_sigmoid": "T.nnet.hard_sigmoid({0})", "softsign": "T.nnet.softsign({0})", "sgn": "T.sgn({0})",
    "floor": "T.floor({0})", "ceil": "T.ceil({0})", "trunc": "T.trunc({0})",
    "round": "T.round({0}, mode='half_to_even')", "gammaln": "T.gammaln({0})", "psi": "T.psi({0})",
    "inv": "1 / {0}", "square": "{0} ** 2", "cube": "{0} ** 3", "inverse_square": "{0} ** -2",
    "root": "{0} ** 0.5", "inverse_root": "{0} ** -0.5", "power": "{0} ** 2.5",
    "twice": "{0} + {0}", "half": "{0} * 0.5", "third": "{0} / 3", "plus": "{0} + 1.5", "minus": "{0} - 0.25",
    "less_than_one": "1 - {0}", "negative": "-2 * {0}", "bit_more": "{0} * 1 + 0",
    "logistic": "1 / (1 + T.exp(-{0}))", "log_exp": "T.log(1 + T.exp({0}))", "bell": "T.exp(-T.sqr({0}))",
    "log_square": "T.log(1 + {0} ** 2)", "length": "T.sqrt(1 + T.sqr({0}))",
    "log_sigmoid": "T.log(T.nnet.sigmoid({0}))", "other_sigmoid": "1 - T.nnet.sigmoid({0})",
    "xlogx": "T.xlogx.xlogx({0})", "zeros_like": "T.zeros_like({0})", "ones_like": "T.ones_like({0})",
    "constant": "T.disconnected_grad({0})", "grad_scale": "T.grad_scale({0}, 0.5)",
    "ifpositive": "T.switch(T.gt({0}, 0), {0} * 2, {0} / 2)",
    "safe_log": "T.switch(T.gt({0}, 0.1), T.log(T.maximum({0}, 0.1)), 0)",
    "normed": "{0} - T.mean({0})", "scaled": "{0} / (1 + T.sum(T.sqr({0})))",
    "centred": "({0} - T.mean({0}, axis=0)) / (1 + T.std({0}, axis=0))",
    "softmax_by_hand": "T.exp({0}) / T.sum(T.exp({0}), axis=-1, keepdims=True)",
    "softmax_below_max": "T.exp({0} - T.max({0}, axis=-1, keepdims=True))",
    "unit": "{0} / (0.5 + T.sqrt(T.sum(T.sqr({0}), axis=-1, keepdims=True) + 0.1))",
    "gram": "T.dot({0}, T.dot({0}.T, {0})) * 0.1",
}  # fmt: skip
FREQUENT = {"exp", "log", "sqr", "tanh", "sigmoid", "half", "neg", "relu", "abs"}


def one_float(g):
    return [g.float().name], {}


for _name, _text in UNARY.items():
    add(_name, _text, one_float, ones=first_ones, weight=1 if _name in FREQUENT else 0.35)


def two_floats(g):
    x = g.float()
    return g.shuffled([x.name, g.partner(x).name]), {}


def two_numbers(g):
    x = g.number()
    return g.shuffled([x.name, g.partner(x).name]), {}


for _name, _text, _weight in [
    ("add", "{0} + {1}", 4), ("sub", "{0} - {1}", 3), ("mul", "{0} * {1}", 5),
    ("maximum", "T.maximum({0}, {1})", 1),
    ("minimum", "T.minimum({0}, {1})", 1),
]:  # fmt: skip
    add(_name, _text, two_numbers, ones=broadcast_ones, weight=_weight)
for _name, _text, _weight in [
    ("true_div", "{0} / {1}", 2), ("pow", "{0} ** {1}", 0.7), ("arctan2", "T.arctan2({0}, {1})", 0.4),
    ("logaddexp", "T.logaddexp({0}, {1})", 0.4), ("mod", "{0} % {1}", 0.4),
    ("soft_div", "{0} / (1 + {1} ** 2)", 1), ("gate", "T.nnet.sigmoid({0}) * T.tanh({1})", 1),
    ("difference_squared", "T.sqr({0} - {1})", 1), ("mixed", "0.25 * {0} + 0.75 * {1}", 1),

    ("xlogy0", "T.xlogx.xlogy0({0}, {1})", 0.4), ("times_exp", "{0} * T.exp({1})", 0.7),
    ("scaled_by_sum", "{0} / (4 + T.sqr(T.sum({1})))", 0.7), ("times_mean", "{0} * T.mean({1})", 0.7),
]:  # fmt: skip
    add(
        _name,
        _text,
        two_floats,
        ones=broadcast_ones if "sum" not in _name and "mean" not in _name else None,
        weight=_weight,
    )

add("floor_div", "{0} // {1}", two_floats, "T.floor_div({0}, {1})", ones=broadcast_ones, weight=0.4)


def two_alike(g):
    x = g.float()
    return g.shuffled([x.name, g.partner(x, lambda v: v.ndim == x.ndim, broadcast=False).name]), {}


add(
    "entropy",
    "T.nnet.binary_crossentropy(T.nnet.sigmoid({0}), T.nnet.sigmoid({1}))",
    two_alike,
    ones=broadcast_ones,
    weight=0.7,
)


def two_ints(g):
    x = g.int()
    return g.shuffled([x.name, g.partner(x).name]), {}


def one_int(g):
    return [g.int().name], {}


for _name, _text in [
    ("int_floor_div", "{0} // {1}"), ("int_mod", "{0} % {1}"), ("bit_and", "{0} & {1}"),
    ("bit_or", "{0} | {1}"), ("bit_xor", "{0} ^ {1}"),
]:  # fmt: skip
    add(_name, _text, two_ints, ones=broadcast_ones, weight=0.4)
for _name, _text in [
    ("int_sqr", "T.sqr({0})"), ("int_third", "{0} // 3"), ("int_rest", "{0} % 4"), ("int_neg", "-{0}"),
    ("int_abs", "abs({0})"), ("int_shift", "{0} * 2 - 1"), ("invert", "~{0}"), ("int_cube", "{0} ** 3"),
]:  # fmt: skip
    add(_name, _text, one_int, ones=first_ones, weight=0.3)

for _name in ("lt", "le", "gt", "ge", "eq", "neq"):
    add(_name, f"T.{_name}({{0}}, {{1}})", two_numbers, ones=broadcast_ones, weight=0.5)
add("positive", "T.gt({0}, 0.1)", one_float, ones=first_ones)
add("within", "T.and_(T.ge({0}, -1), T.lt({0}, 0.75))", one_float, ones=first_ones, weight=0.4)
add("isnan", "T.isnan({0})", one_float, ones=first_ones, weight=0.1)


def two_bools(g):
    x = g.bool()
    return [x.name, g.partner(x).name], {}


for _name, _text in [("and", "{0} & {1}"), ("or", "{0} | {1}"), ("xor", "{0} ^ {1}")]:
    add(_name, _text, two_bools, ones=broadcast_ones, weight=0.3)
add("not", "~{0}", lambda g: ([g.bool().name], {}), ones=first_ones, weight=0.3)


def a_choice(g):
    x = g.number()
    y = g.partner(x)
    return [g.partner(x, kind="bool", also=[y]).name, *g.shuffled([x.name, y.name])], {}


add("switch", "T.switch({0}, {1}, {2})", a_choice, ones=broadcast_ones, weight=1.5)
add(
    "where",
    "T.where({0}, {1}, 0)",
    lambda g: ([g.partner(x := g.float(), kind="bool").name, x.name], {}),
    ones=broadcast_ones,
)
add("switch_on_float", "T.switch(T.lt({0}, {1}), {0} * {1}, T.tanh({1}))", two_floats, ones=broadcast_ones)


def with_bounds(g):
    low = g.pick([-1.0, -0.5, 0.0])
    return [g.number().name], {"low": low, "high": low + g.pick([0.5, 1.0, 2.0])}


add("clip", "T.clip({0}, {low}, {high})", lambda g: ([g.float().name], with_bounds(g)[1]), ones=first_ones)
add("clip_int", "T.clip({0}, -1, 2)", one_int, ones=first_ones, weight=0.3)


add(
    "to_float",
    "T.cast({0}, '{dtype}')",
    lambda g: ([g.of("int", "bool").name], {"dtype": g.floatX}),
    source="dtype",
    ones=first_ones,
    weight=1.5,
)
add(
    "to_int",
    "T.cast({0}, '{dtype}')",
    lambda g: ([g.any_value().name], {"dtype": g.pick(["int64", "int32", "int8"])}),
    source="dtype",
    ones=first_ones,
    weight=0.7,
)
add("to_bool", "T.cast({0}, 'bool')", lambda g: ([g.number().name], {}), ones=first_ones, weight=0.3)

# reductions


def kept(values, params):
    if not params["keepdims"]:
        return None
    ndim = len(values[0].ones)
    axes = axes_of(params["axis"], ndim)
    return tuple(k in axes or values[0].ones[k] for k in range(ndim))


def axes_of(axis, ndim):
    if axis is None:
        return set(range(ndim))
    return {a % ndim for a in (axis if isinstance(axis, (tuple, list)) else [axis])}


def reduced(kind="float", single=False):
    def draw(g):
        x = g.value(*kind.split(), condition=(lambda v: v.ndim > 0) if single else None)
        axis = g.axis(x) if single else g.axes(x)
        return [x.name], {"axis": axis, "keepdims": g.chance(0.35)}

    return draw


for _name, _kind, _weight in [
    ("sum", "float int bool", 4), ("mean", "float", 2), ("prod", "float int", 0.7), ("max", "float int", 1.5),
    ("min", "float int", 0.7), ("any", "bool", 0.4), ("all", "bool", 0.4), ("std", "float", 0.5),
    ("var", "float", 0.7),
    ("logsumexp", "float", 1),
]:  # fmt: skip
    add(
        _name,
        f"T.{_name}({{0}}, axis={{axis}}, keepdims={{keepdims}})",
        reduced(_kind),
        ones=kept,
        weight=_weight,
    )
add("norm", "T.sqrt(T.sum(T.sqr({0}), axis={axis}, keepdims={keepdims}))", reduced(), ones=kept, weight=0.5)
add(
    "log_of_sum",
    "T.log(1 + T.sum(T.exp({0}), axis={axis}, keepdims={keepdims}))",
    reduced(),
    ones=kept,
    weight=0.4,
)
for _name in ("argmax", "argmin"):
    add(
        _name,
        f"T.{_name}({{0}}, axis={{axis}}, keepdims={{keepdims}})",
        reduced("float int", True),
        ones=kept,
        weight=0.5,
    )
add("max_and_argmax", "T.max_and_argmax({0}, axis={axis})", reduced("float", True), outs=2, weight=0.3)


def along(kind="float"):
    def draw(g):
        x = g.value(*kind.split(), condition=lambda v: v.ndim > 0)
        return [x.name], {"axis": g.axis(x)}

    return draw


for _name, _kind, _weight in [
    ("cumsum", "float int", 1), ("cumprod", "float", 0.5), ("sort", "float int", 0.6),
    ("argsort", "float int", 0.4),
]:  # fmt: skip
    add(_name, f"T.{_name}({{0}}, axis={{axis}})", along(_kind), weight=_weight)
add("softmax", "T.nnet.softmax({0}, axis={axis})", along(), weight=1)
add("logsoftmax", "T.nnet.logsoftmax({0}, axis={axis})", along(), weight=0.6)
add("log_softmax", "T.log(T.nnet.softmax({0}, axis={axis}))", along(), weight=0.6)
add("ptp", "T.ptp({0}, axis={axis})", along(), weight=0.2)

# products


def factors(g):
    x = g.float(lambda v: v.ndim in (1, 2))
    y = g.fitting(
        lambda v: v.ndim in (1, 2), lambda a: [a.shape[-1], *([g.length()] if g.chance(0.6) else [])], x
    )
    return [x.name, y.name], {}


def matrices(g):
    x = g.float(lambda v: v.ndim == 2)
    return [x.name, g.fitting(lambda v: v.ndim == 2, lambda a: [a.shape[-1], g.length()], x).name], {}


def stacks(g):
    x = g.float(lambda v: v.ndim == 3)
    return [
        x.name,
        g.fitting(lambda v: v.ndim == 3, lambda a: [a.shape[0], a.shape[2], g.length()], x).name,
    ], {}


def for_matmul(g):
    x = g.float(lambda v: v.ndim >= 1)
    return [
        x.name,
        g.fitting(lambda v: v.ndim >= 1, lambda a: [*a.shape[:-2], a.shape[-1], g.length()], x).name,
    ], {}


def for_tensordot(g):
    x = g.float(lambda v: v.ndim >= 2)
    axes = g.rng.sample(range(x.ndim), g.pick([1, 2]) if x.ndim > 1 else 1)
    y = (
        g.fresh([[a.shape[k] for k in axes] + [2] for a in x.arrays])
        if g.chance(0.5)
        else g.float(lambda v: v.ndim >= len(axes))
    )
    where = list(range(len(axes))) if g.chance(0.7) else g.rng.sample(range(y.ndim), len(axes))
    return [x.name, y.name], {"axes": [axes, where]}


def two_vectors(g):
    return [g.float(lambda v: v.ndim == 1).name, g.float(lambda v: v.ndim == 1).name], {}


add("dot", "T.dot({0}, {1})", factors, weight=3)
add("dot_tanh", "T.tanh(T.dot({0}, {1}))", matrices, weight=1)
add(
    "dot_transposed",
    "T.dot({0}, {1}.T)",
    lambda g: ([(x := g.float(lambda v: v.ndim == 2)).name, g.partner(x, lambda v: v.ndim == 2).name], {}),
    weight=1,
)
add(
    "dot_int",
    "T.dot({0}, {1})",
    lambda g: ([g.int(lambda v: v.ndim in (1, 2)).name, g.int(lambda v: v.ndim in (1, 2)).name], {}),
    weight=0.4,
)
add("batched_dot", "T.batched_dot({0}, {1})", stacks, weight=0.7)
add("matmul", "T.matmul({0}, {1})", for_matmul, weight=1)
add("tensordot", "T.tensordot({0}, {1}, axes={axes})", for_tensordot, weight=0.7)
add("outer", "T.outer({0}, {1})", two_vectors, weight=0.7)

# shapes


def shuffled_axes(g):
    x = g.any_value()
    order = list(range(x.ndim))
    g.rng.shuffle(order)
    if x.ndim < 4 and g.chance(0.5):
        order.insert(g.rng.randint(0, x.ndim), "x")
    order = [a for a in order if a == "x" or not x.ones[a] or g.chance(0.6)]
    return [x.name], {"order": ", ".join(map(repr, order))}


def dimshuffled_ones(values, params):
    order = [part.strip() for part in params["order"].split(",") if part.strip()]
    return tuple(part == "'x'" or values[0].ones[int(part)] for part in order)


add(
    "dimshuffle",
    "{0}.dimshuffle({order})",
    shuffled_axes,
    "T.dimshuffle({0}, {order})",
    source="order",
    ones=dimshuffled_ones,
    weight=2,
)
add(
    "transpose",
    "{0}.T",
    lambda g: ([g.any_value().name], {}),
    "T.transpose({0})",
    ones=lambda v, p: v[0].ones[::-1],
    weight=1,
)
add(
    "swapaxes",
    "T.swapaxes({0}, {one}, {two})",
    lambda g: ([(x := g.any_value(lambda v: v.ndim > 1)).name], {"one": g.axis(x), "two": g.axis(x)}),
    weight=0.5,
)
add(
    "expand_dims",
    "T.expand_dims({0}, {axis})",
    lambda g: ([(x := g.any_value(lambda v: v.ndim < 4)).name], {"axis": g.rng.randint(0, x.ndim)}),
    ones=lambda v, p: (*v[0].ones[: p["axis"]], True, *v[0].ones[p["axis"] :]),
    weight=0.5,
)
add(
    "squeeze",
    "T.squeeze({0})",
    lambda g: ([g.any_value(lambda v: any(v.ones) and v.exactly_ones()).name], {}),
    weight=0.5,
)
add(
    "flatten",
    "T.flatten({0}, {ndim})",
    lambda g: ([(x := g.any_value(lambda v: v.ndim > 0)).name], {"ndim": g.rng.randint(1, x.ndim)}),
    weight=1.2,
)


def new_shape(g):
    """Some of the lengths merged or split, with a -1, or those of another value."""
    x = g.any_value(lambda v: v.ndim > 0)
    kind = g.pick(["rest", "rest", "merge", "merge", "split", "like", "numbers"])
    if kind == "rest":
        keep = g.rng.randint(0, x.ndim - 1)
        return [x.name], {
            "shape": f"({''.join(f'{x.name}.shape[{k}], ' for k in range(keep))}-1,)",
            "refs": [],
        }
    if kind == "merge" and x.ndim > 1:
        k = g.rng.randint(0, x.ndim - 2)
        parts = [f"{x.name}.shape[{j}]" for j in range(x.ndim)]
        parts[k : k + 2] = [f"{parts[k]} * {parts[k + 1]}"]
        return [x.name], {"shape": f"({', '.join(parts)},)", "refs": []}
    if kind == "split":
        k = g.rng.randint(0, x.ndim - 1)
        parts = [f"{x.name}.shape[{j}]" for j in range(x.ndim)]
        by = g.pick([1, 2, 3])
        parts[k : k + 1] = g.pick([[str(by), "-1"], ["-1", str(by)], [f"{parts[k]} // {by}", str(by)]])
        return [x.name], {"shape": f"({', '.join(parts)},)", "refs": []}
    if kind == "like":
        y = g.any_value(
            lambda v: v.ndim > 0 and all(a.size == b.size for a, b in zip(v.arrays, x.arrays, strict=True))
        )
        return [x.name], {
            "shape": f"({', '.join(f'{y.name}.shape[{j}]' for j in range(y.ndim))},)",
            "refs": [y.name],
        }
    size = x.arrays[0].size
    if size == 0 or any(a.size != size for a in x.arrays):
        raise NoFit
    by = g.pick([n for n in range(1, size + 1) if size % n == 0])
    return [x.name], {"shape": f"({by}, {size // by})", "refs": []}


add("reshape", "T.reshape({0}, {shape})", new_shape, source="shape", weight=2)


def broadcast_shape(g):
    x = g.any_value(lambda v: v.ndim <= 3)
    y = g.any_value(lambda v: x.ndim <= v.ndim <= 4 and g.fits_into(x, v))
    return [x.name], {
        "shape": f"({''.join(f'{y.name}.shape[{j}], ' for j in range(y.ndim))})",
        "refs": [y.name],
    }


add("broadcast_to", "T.broadcast_to({0}, {shape})", broadcast_shape, source="shape", weight=0.7)
add(
    "alloc",
    "T.alloc({0}, {shape})",
    lambda g: (
        [g.any_value(lambda v: v.ndim == 0).name],
        {
            "shape": (y := g.any_value(lambda v: 0 < v.ndim <= 3))
            and ", ".join(f"{y.name}.shape[{j}]" for j in range(y.ndim)),
            "refs": [y.name],
        },
    ),
    source="shape",
    weight=0.4,
)
add(
    "repeat",
    "T.repeat({0}, {times}, axis={axis})",
    lambda g: (
        [(x := g.any_value(lambda v: v.ndim > 0)).name],
        {"times": g.pick([1, 2, 3]), "axis": g.axis(x)},
    ),
    weight=0.6,
)
add(
    "tile",
    "T.tile({0}, {times})",
    lambda g: (
        [(x := g.any_value(lambda v: 0 < v.ndim < 4)).name],
        {"times": tuple(g.pick([1, 1, 2, 3]) for _ in range(x.ndim))},
    ),
    weight=0.5,
)


def to_pad(g):
    widths = {"before": g.pick([0, 1, 2]), "after": g.pick([0, 1, 3]), "dtype": g.floatX}
    return [g.float(lambda v: v.ndim == 1).name], widths


_PADDED = "T.zeros(({0}.shape[0] + {before} + {after},), dtype='{dtype}')[{before}:{before} + {0}.shape[0]]"
add(
    "pad",
    f"T.set_subtensor({_PADDED}, {{0}})",
    to_pad,
    "T.pad({0}, {before}, {after})",
    source="dtype",
    weight=0.5,
)
add("arange", "T.arange({0}.shape[{axis}])", along("float int bool"), weight=0.5)
add(
    "lengths",
    "T.cast({0}.shape[{axis}], '{dtype}')",
    lambda g: (lambda d: (d[0], {**d[1], "dtype": g.floatX}))(along("float int bool")(g)),
    source="dtype",
    weight=0.4,
)
add(
    "eye",
    "T.eye({0}.shape[{axis}], dtype='{dtype}')",
    lambda g: (lambda d: (d[0], {**d[1], "dtype": g.floatX}))(along("float int bool")(g)),
    source="dtype",
    weight=0.3,
)
add(
    "full",
    "T.full(({0}.shape[{axis}], 2), 0.75, dtype='{dtype}')",
    lambda g: (lambda d: (d[0], {**d[1], "dtype": g.floatX}))(along("float int bool")(g)),
    source="dtype",
    weight=0.3,
)
add(
    "specify_shape",
    "T.specify_shape({0}, {shape})",
    lambda g: (
        [(x := g.float(lambda v: v.ndim > 0 and v.same_lengths())).name],
        {"shape": tuple(n if g.chance(0.6) else None for n in x.arrays[0].shape)},
    ),
    weight=0.4,
)

# indexing


def basic_key(g, x):
    bound = [None, None, None, 0, 1, 2, 3, 5, -1, -2, -4]
    parts = []
    for axis in range(x.ndim):
        kind = g.rng.random()
        if kind < 0.3:
            parts.append(":")
        elif kind < 0.5 and all(a.shape[axis] for a in x.arrays):
            parts.append(g.pick(["0", "-1", "-1", "1"]))
        elif kind < 0.9:
            start, stop, step = g.pick(bound), g.pick(bound), g.pick([None, None, 1, 2, -1, -1, -2])
            text = ":".join("" if b is None else str(b) for b in (start, stop, step))
            parts.append(text if step is not None else text[:-1])
        elif x.ndim < 4:
            parts += ["None", ":"]
        else:
            parts.append(":")
    while len(parts) > 1 and parts[-1] == ":" and g.chance(0.7):
        parts.pop()
    if g.chance(0.1):
        parts = [parts[0], "..."] if g.chance(0.5) else ["...", parts[0]]
    return ", ".join(parts)


def a_part(g):
    x = g.any_value(lambda v: v.ndim > 0)
    return [x.name], {"key": basic_key(g, x)}


add("index", "{0}[{key}]", a_part, "T.part({0}, T.s_[{key}])", source="key", weight=3.5)


def at_a_scalar(g):
    x = g.any_value(lambda v: v.ndim > 0 and v.never_empty(0))
    i = g.int(lambda v: v.ndim == 0)
    return [x.name, i.name], {}


add("index_scalar", "{0}[{1} % {0}.shape[0]]", at_a_scalar, "T.take({0}, {1} % {0}.shape[0])", weight=0.4)
add("index_until", "{0}[:{1} % ({0}.shape[0] + 1)]", at_a_scalar, weight=0.4)


def a_gather(g):
    x = g.any_value(lambda v: v.ndim > 0 and v.never_empty(0))
    i = g.int(lambda v: v.ndim in (1, 2) and v.ndim + x.ndim <= 5)
    return [x.name, i.name], {}


add("gather", "{0}[{1} % {0}.shape[0]]", a_gather, "T.take({0}, {1} % {0}.shape[0])", weight=1.5)
add("take", "T.take({0}, {1} % {0}.shape[0], axis=0)", a_gather, weight=0.4)


def a_gather_1(g):
    x = g.any_value(lambda v: v.ndim > 1 and v.never_empty(1))
    return [x.name, g.int(lambda v: v.ndim == 1).name], {}


add(
    "gather_columns",
    "{0}[:, {1} % {0}.shape[1]]",
    a_gather_1,
    "T.take({0}, {1} % {0}.shape[1], axis=1)",
    weight=0.7,
)
add(
    "gather_constant",
    "{0}[[0, -1, 0]]",
    lambda g: ([g.any_value(lambda v: v.ndim > 0 and v.never_empty(0)).name], {}),
    weight=0.4,
)


def one_of_each_row(g):
    x = g.float(lambda v: v.ndim == 2 and v.never_empty(1))
    i = g.fitting(
        lambda v: (
            v.ndim == 1 and all(a.shape[0] == b.shape[0] for a, b in zip(v.arrays, x.arrays, strict=True))
        ),
        lambda a: [a.shape[0]],
        x,
        kind="int",
    )
    return [x.name, i.name], {}


add(
    "pick_each",
    "{0}[T.arange({0}.shape[0]), {1} % {0}.shape[1]]",
    one_of_each_row,
    "T.pick_each({0}, {1} % {0}.shape[1])",
    weight=0.8,
)
add(
    "cross_entropy",
    "T.nnet.categorical_crossentropy(T.nnet.softmax({0}), {1} % {0}.shape[1])",
    one_of_each_row,
    weight=0.8,
)
add(
    "one_hot",
    "T.extra_ops.to_one_hot({0} % 4, 4, dtype='{dtype}')",
    lambda g: ([g.int(lambda v: v.ndim == 1).name], {"dtype": g.floatX}),
    source="dtype",
    weight=0.4,
)


def with_mask(g):
    x = g.any_value(lambda v: v.ndim > 0)
    m = g.fitting(
        lambda v: (
            v.ndim == 1 and all(a.shape[0] == b.shape[0] for a, b in zip(v.arrays, x.arrays, strict=True))
        ),
        lambda a: [a.shape[0]],
        x,
        kind="bool",
    )
    return [x.name, m.name], {}


add("masked", "{0}[{1}]", with_mask, weight=1)
add("masked_whole", "{0}[T.gt({0}, 0.1)]", lambda g: ([g.float(lambda v: v.ndim > 0).name], {}), weight=0.4)
add(
    "nonzero",
    "{0}[T.gt({0}, 0.1).nonzero()]",
    lambda g: ([g.float(lambda v: v.ndim > 0).name], {}),
    "T.masked({0}, T.gt({0}, 0.1))",
    weight=0.4,
)
add("diag", "T.diag({0})", lambda g: ([g.float(lambda v: v.ndim in (1, 2)).name], {}), weight=0.4)
add(
    "triu",
    "T.triu({0}, {k})",
    lambda g: ([g.float(lambda v: v.ndim == 2).name], {"k": g.pick([0, 1, -1])}),
    weight=0.3,
)
add(
    "tril",
    "T.tril({0}, {k})",
    lambda g: ([g.float(lambda v: v.ndim == 2).name], {"k": g.pick([0, 1, -1])}),
    weight=0.3,
)

# writing


def a_written_part(g):
    x = g.float(lambda v: v.ndim > 0)
    return [x.name], {"key": basic_key(g, x).replace("None, ", "").replace("None", ":")}


def a_copied_part(g):
    x = g.float(lambda v: v.ndim > 0)
    y = g.partner(x, lambda v: v.ndim == x.ndim, broadcast=False)
    return [x.name, y.name], {"key": basic_key(g, x).replace("None, ", "").replace("None", ":")}


for _name in ("set_subtensor", "inc_subtensor"):
    _kind = _name[:3]
    add(
        _name,
        f"T.{_name}({{0}}[{{key}}], {{1}}[{{key}}])",
        a_copied_part,
        f"T.{_kind}_part({{0}}, T.s_[{{key}}], T.part({{1}}, T.s_[{{key}}]))",
        source="key",
        weight=1,
    )
    add(
        f"{_name}_number",
        f"T.{_name}({{0}}[{{key}}], 0.5)",
        a_written_part,
        f"T.{_kind}_part({{0}}, T.s_[{{key}}], 0.5)",
        source="key",
        weight=0.5,
    )
    add(
        f"{_name}_masked",
        f"T.{_name}({{0}}[{{1}}], 0.5)",
        lambda g: (lambda d: d if g[d[0][0]].kind == "float" else g.give_up())(with_mask(g)),
        f"T.{_kind}_masked({{0}}, {{1}}, 0.5)",
        weight=0.4,
    )
add(
    "set_own_part",
    "T.set_subtensor({0}[{key}], {0}[{key}] * 0.5 + 1)",
    a_written_part,
    "T.set_part({0}, T.s_[{key}], T.part({0}, T.s_[{key}]) * 0.5 + 1)",
    source="key",
    weight=0.6,
)


def rows_to_add(g):
    x = g.float(lambda v: v.ndim > 0 and v.never_empty(0))
    i = g.int(lambda v: v.ndim == 1)
    y = g.fresh([[j.shape[0], *a.shape[1:]] for a, j in zip(x.arrays, i.arrays, strict=True)])
    return [x.name, i.name, y.name], {}


add(
    "inc_rows",
    "T.inc_subtensor({0}[{1} % {0}.shape[0]], {2})",
    rows_to_add,
    "T.inc_rows({0}, {1} % {0}.shape[0], {2})",
    weight=0.7,
    inside=False,
)
add(
    "set_each",
    "T.set_subtensor({0}[T.arange({0}.shape[0]), {1} % {0}.shape[1]], 0.25)",
    one_of_each_row,
    "T.set_each({0}, {1} % {0}.shape[1], 0.25)",
    weight=0.4,
)
add(
    "set_order",
    "T.set_subtensor({0}[T.argsort({0}[:, 0])], T.exp({0} * 0.25))",
    lambda g: ([g.float(lambda v: v.ndim == 2 and v.never_empty(1)).name], {}),
    "T.set_order({0}, T.argsort(T.part({0}, T.s_[:, 0]), axis=0), T.exp({0} * 0.25))",
    weight=0.3,
)

# joining


def to_join(g):
    x = g.any_value(lambda v: v.ndim > 0)
    axis = g.rng.randint(0, x.ndim - 1)
    ys = g.several(
        lambda v: (
            v.kind == x.kind
            and v.ndim == x.ndim
            and all(
                a.dtype == b.dtype
                and a.shape[:axis] + a.shape[axis + 1 :] == b.shape[:axis] + b.shape[axis + 1 :]
                for a, b in zip(v.arrays, x.arrays, strict=True)
            )
        )
    )
    return g.shuffled([x.name, *ys]), {"axis": axis}


def to_stack(g):
    x = g.any_value(lambda v: v.ndim < 4)
    ys = g.several(
        lambda v: (
            v.kind == x.kind
            and all(
                a.dtype == b.dtype and a.shape == b.shape for a, b in zip(v.arrays, x.arrays, strict=True)
            )
        )
    )
    return g.shuffled([x.name, *ys]), {"axis": g.rng.randint(0, x.ndim)}


add("concatenate", "T.concatenate([{all}], axis={axis})", to_join, weight=1.5)
add("stack", "T.stack([{all}], axis={axis})", to_stack, weight=1)


def to_split(g):
    x = g.float(lambda v: v.ndim > 0)
    axis = g.rng.randint(0, x.ndim - 1)
    if any(a.shape[axis] != x.arrays[0].shape[axis] for a in x.arrays):
        raise NoFit
    cut = g.rng.randint(0, x.arrays[0].shape[axis])
    return [x.name], {"sizes": [cut, x.arrays[0].shape[axis] - cut], "axis": axis}


add("split", "T.split({0}, {sizes}, 2, axis={axis})", to_split, outs=2, weight=0.6)

# images


def an_image(g):
    if g.chance(0.3):
        return g.float(lambda v: v.ndim == 4)
    return g.fresh(
        [
            [g.number_of([1, 2], k), 2, g.number_of([3, 4, 5, 6], 10 + k), g.number_of([3, 4, 5], 20 + k)]
            for k in range(g.calls)
        ]
    )


def image_and_filters(g):
    x = an_image(g)
    rows, columns = g.pick([1, 2, 3]), g.pick([1, 2, 3])
    count = g.pick([1, 2, 3])
    w = g.fresh([[count, a.shape[1], rows, columns] for a in x.arrays])
    border = g.pick(["valid", "valid", "half", "full", 1, (0, 1)])
    return [x.name, w.name], {
        "border": border, "subsample": (g.pick([1, 1, 2]), g.pick([1, 1, 2])), "flip": g.chance(0.7),
        "dilation": (1, 1) if g.chance(0.8) else (2, 1),
    }  # fmt: skip


add(
    "conv2d",
    "T.nnet.conv2d({0}, {1}, border_mode={border}, subsample={subsample}, filter_flip={flip}, "
    "filter_dilation={dilation})",
    image_and_filters,
    weight=0.7,
    inside=False,
)


def image_to_pool(g):
    x = an_image(g)
    return [x.name], {
        "window": (g.pick([1, 2, 3]), g.pick([1, 2, 3])),
        "stride": g.pick([None, (1, 1), (2, 1), (2, 3)]),
        "mode": g.pick(["max", "max", "sum", "average_inc_pad", "average_exc_pad"]),
    }


add(
    "pool_2d",
    "T.signal.pool.pool_2d({0}, ws={window}, stride={stride}, ignore_border=True, mode={mode})",
    image_to_pool,
    weight=0.7,
    inside=False,
)

# draws


def a_size(g):
    kind = g.rng.random()
    if kind < 0.4:
        return {"size": str(tuple(g.pick([1, 2, 3, 4]) for _ in range(g.pick([0, 1, 1, 2])))), "refs": []}
    y = g.any_value(lambda v: 0 < v.ndim <= 3)
    return {"size": f"({''.join(f'{y.name}.shape[{j}], ' for j in range(y.ndim))})", "refs": [y.name]}


def as_float(g):
    return {**a_size(g), "dtype": g.floatX}


add(
    "uniform",
    "{rng}.uniform({size}, low=-1.0, high=1.5, dtype='{dtype}')",
    lambda g: ([], as_float(g)),
    source="size dtype",
    weight=0.5,
)
add(
    "normal",
    "{rng}.normal({size}, avg=0.5, std=0.5, dtype='{dtype}')",
    lambda g: ([], as_float(g)),
    source="size dtype",
    weight=0.5,
)
add(
    "binomial",
    "{rng}.binomial({size}, p=0.5, dtype='{dtype}')",
    lambda g: ([], as_float(g)),
    source="size dtype",
    weight=0.4,
)
add(
    "noise_like",
    "{0} + {rng}.normal({0}.shape, std=0.25, dtype='{dtype}')",
    lambda g: ([g.float(lambda v: v.ndim > 0).name], {"dtype": g.floatX}),
    source="dtype",
    weight=0.4,
)
add(
    "dropout",
    "{0} * {rng}.binomial({0}.shape, p=0.75, dtype='{dtype}') / 0.75",
    lambda g: ([g.float(lambda v: v.ndim > 0).name], {"dtype": g.floatX}),
    source="dtype",
    weight=0.4,
)
add(
    "random_integers",
    "{rng}.random_integers({size}, low=0, high=5, dtype='int64')",
    lambda g: ([], a_size(g)),
    source="size",
    weight=0.3,
)
add(
    "permutation",
    "{rng}.permutation(n={0}.shape[0])",
    lambda g: ([g.any_value(lambda v: v.ndim > 0).name], {}),
    weight=0.3,
)

# a loop and a branch: drawn by the grower, which fills the body


def a_branch(g):
    x = g.float()
    y = g.partner(x, broadcast=False)
    return [g.bool(lambda v: v.ndim == 0).name, x.name, y.name], {}


add("ifelse", "graphlib.ifelse({0}, {1}, {2})", a_branch, weight=0.6)
add(
    "scan",
    "graphlib.scan({step}, sequences={sequences}, outputs_info={info}, non_sequences={closed}, "
    "n_steps={steps}, go_backwards={backwards}, return_list=True)[0]",
    lambda g: g.loop(),
    source="step sequences info closed steps result",
    outs=0,
    weight=2.5,
)
add(
    "map",
    "graphlib.map({step}, {sequences})[0]",
    lambda g: g.mapped(),
    source="step sequences result",
    weight=0.6,
)
for _name in ("foldl", "foldr"):
    add(
        _name,
        f"graphlib.{_name}({{step}}, {{sequences}}, {{info}})[0]",
        lambda g: g.folded(),
        source="step sequences info result",
        weight=0.4,
    )
