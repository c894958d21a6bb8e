"""Expressions drawn at random over the public API, of shapes that fit for two sets of lengths of the inputs.

A ``Term`` carries, beside the variable, what is needed to know that a comparison of two backends is fair: its
shapes, a bound of its magnitude, and whether it is computed without rounding in any order of summation.
"""

import math
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

import graphlib.tensor as T

#: bits of magnitude that a product, a sum or an exponential may start from
LARGE = 8
#: bits that float32 holds, less some for intermediate results in another order
EXACT = 20


@dataclass(frozen=True)
class Term:
    """``shapes``: one for each set of lengths; values are below ``2**bits``, multiples of ``2**-places``.

    ``places`` is None for what is rounded.
    """

    variable: T.TensorVariable
    shapes: tuple[tuple[int, ...], ...]
    bits: int
    places: int | None

    @property
    def dtype(self):
        return self.variable.dtype

    @property
    def ndim(self):
        return self.variable.ndim

    @property
    def exact(self):
        return self.places is not None and self.bits + self.places <= EXACT

    def longest(self, axes):
        return max(math.prod(shape[a] for a in axes) for shape in self.shapes)

    def never_empty(self, axes):
        return all(shape[a] > 0 for shape in self.shapes for a in axes)


def same(term, variable, bits=None, places=0):
    """A term of the shape of another; ``places=0`` keeps what is known of rounding."""
    return Term(
        variable,
        term.shapes,
        term.bits if bits is None else bits,
        term.places if places == 0 else places,
    )


def shapes_after(function, *terms):
    """The shapes that NumPy finds for a function of arrays."""
    return tuple(
        function(*(np.broadcast_to(np.float32(0), shape) for shape in shapes)).shape
        for shapes in zip(*(t.shapes for t in terms), strict=True)
    )


def broadcasts(*terms):
    """Whether terms fit together elementwise: equal lengths, or statically 1."""
    for axis in range(1, max(t.ndim for t in terms) + 1):
        lengths = {
            tuple(shape[-axis] for shape in t.shapes)
            for t in terms
            if t.ndim >= axis and t.variable.type.shape[-axis] != 1
        }
        if len(lengths) > 1:
            return False
    return True


class Grower:
    """Grows a pool of terms; a method draws operands that fit and returns a new term, None without them."""

    def __init__(self, draw, leaves):
        self.draw = draw
        self.pool = list(leaves)
        self.methods = [
            self.smooth, self.arithmetic, self.arithmetic, self.integers, self.compare, self.choose,
            self.convert, self.reduce, self.reduce, self.dimshuffle, self.reshape, self.part, self.gather,
            self.masked, self.dot, self.concatenate, self.softmax, self.extremum, self.write, self.cumulate,
        ]  # fmt: skip

    def grow(self):
        term = self.draw(st.sampled_from(self.methods))()
        if term is not None:
            assert term.ndim <= 4
            self.pool.append(term)

    def one(self, condition=lambda t: True):
        found = [t for t in self.pool if condition(t)]
        return self.draw(st.sampled_from(found)) if found else None

    def floats(self, condition=lambda t: True):
        return self.one(lambda t: t.dtype == "float32" and t.bits <= LARGE and condition(t))

    def axes(self, term, least=0):
        chosen = self.draw(st.sets(st.integers(0, term.ndim - 1), min_size=least)) if term.ndim else set()
        return tuple(sorted(chosen))

    # elementwise

    def smooth(self):
        x = self.floats(lambda t: t.bits <= 3)
        if x is None:
            return None
        function, bits = self.draw(
            st.sampled_from(
                [(T.tanh, 0), (T.nnet.sigmoid, 0), (T.exp, 12), (T.nnet.softplus, 4),
                 (lambda v: T.log1p(abs(v)), 2), (lambda v: 1 / (1 + v * v), 0),
                 (lambda v: T.sqrt(1 + abs(v)), 2), (lambda v: T.cos(v) * 2, 1)]
            )
        )  # fmt: skip
        return same(x, function(x.variable), bits, None)

    def arithmetic(self):
        x = self.floats()
        y = x and self.floats(lambda t: broadcasts(x, t))
        if y is None:
            return None
        shapes = shapes_after(np.add, x, y)
        known = x.places is not None and y.places is not None
        kind = self.draw(st.sampled_from(["add", "sub", "mul", "maximum", "minimum", "half", "neg", "abs"]))
        a, b = x.variable, y.variable
        most, finest = max(x.bits, y.bits), max(x.places, y.places) if known else None
        if kind == "mul":
            return Term(a * b, shapes, x.bits + y.bits, x.places + y.places if known else None)
        if kind in ("add", "sub"):
            return Term(a + b if kind == "add" else a - b, shapes, most + 1, finest)
        if kind in ("maximum", "minimum"):
            return Term(getattr(T, kind)(a, b), shapes, most, finest)
        if kind == "half":
            return Term(x.variable * 0.5, x.shapes, x.bits, x.places + 1 if x.places is not None else None)
        return same(x, -a if kind == "neg" else abs(a))

    def integers(self):
        def whole(t):
            return t.dtype in ("int32", "int64") and t.bits <= 12

        x = self.one(whole)
        y = x and self.one(lambda t: whole(t) and broadcasts(x, t))
        if y is None:
            return None
        a, b = x.variable, y.variable
        bits = x.bits + y.bits + 1
        kinds = [a + b, a - b, a * b, a // 3, a % 5, T.maximum(a, b), a // (abs(b) + 1), a % (abs(b) + 2), -a]
        number = self.draw(st.integers(0, len(kinds) - 1))
        shapes = x.shapes if number in (3, 4, 8) else shapes_after(np.add, x, y)
        return Term(kinds[number], shapes, bits, 0)

    def compare(self):
        x = self.one(lambda t: t.exact and t.dtype != "bool")
        y = x and self.one(lambda t: t.exact and t.dtype != "bool" and broadcasts(x, t))
        if y is None:
            return None
        function = self.draw(st.sampled_from([T.lt, T.le, T.gt, T.ge, T.eq, T.neq]))
        return Term(function(x.variable, y.variable), shapes_after(np.add, x, y), 1, 0)

    def choose(self):
        c = self.one(lambda t: t.dtype == "bool")
        x = c and self.floats(lambda t: broadcasts(c, t))
        y = x and self.floats(lambda t: broadcasts(c, x, t))
        if y is None:
            return None
        places = None if None in (x.places, y.places) else max(x.places, y.places)
        shapes = shapes_after(np.where, c, x, y)
        return Term(T.switch(c.variable, x.variable, y.variable), shapes, max(x.bits, y.bits), places)

    def convert(self):
        x = self.one(lambda t: t.exact and t.bits <= 15)
        if x is None:
            return None
        dtype = self.draw(st.sampled_from(["float32", "int32", "bool"]))
        if dtype == "bool" or x.dtype == "bool":
            return same(x, T.neq(x.variable, 0) if x.dtype != "bool" else x.variable.astype(dtype), 1)
        return same(x, T.cast(x.variable, dtype))

    # reductions

    def reduce(self):
        x = self.one(lambda t: t.bits <= LARGE)
        if x is None:
            return None
        axes = self.axes(x)
        keepdims = self.draw(st.booleans())
        kind = self.draw(
            st.sampled_from(["any", "all"] if x.dtype == "bool" else ["sum", "mean", "max", "min"])
        )
        if kind == "mean" and x.dtype != "float32":
            kind = "sum"
        if kind in ("mean", "max", "min") and not x.never_empty(axes):
            kind = "sum"
        shapes = shapes_after(lambda a: np.sum(a, axis=axes, keepdims=keepdims), x)
        more = math.ceil(math.log2(max(x.longest(axes), 1))) if kind == "sum" else 0
        variable = getattr(T, kind)(x.variable, axis=axes, keepdims=keepdims)
        return Term(variable, shapes, x.bits + more, None if kind == "mean" else x.places)

    def extremum(self):
        x = self.one(lambda t: t.exact and t.ndim > 0 and t.dtype != "bool")
        if x is None:
            return None
        axis = self.draw(st.integers(0, x.ndim - 1))
        if not x.never_empty([axis]):
            return None
        function = self.draw(st.sampled_from([T.argmax, T.argmin]))
        return Term(function(x.variable, axis=axis), shapes_after(lambda a: np.argmax(a, axis), x), 4, 0)

    def softmax(self):
        x = self.floats(lambda t: t.ndim == 2 and t.bits <= 4 and t.never_empty([1]))
        if x is None:
            return None
        variable = T.nnet.softmax(x.variable)
        if self.draw(st.booleans()):
            return same(x, T.log(variable), 5, None)
        return same(x, variable, 0, None)

    def cumulate(self):
        x = self.floats(lambda t: t.ndim > 0)
        if x is None:
            return None
        axis = self.draw(st.integers(0, x.ndim - 1))
        return same(x, T.cumsum(x.variable, axis=axis), x.bits + 4)

    # other indices

    def dimshuffle(self):
        x = self.one()
        order = self.draw(st.permutations(range(x.ndim)))
        if x.ndim < 3 and self.draw(st.booleans()):
            place = self.draw(st.integers(0, x.ndim))
            order = [*order[:place], "x", *order[place:]]
        new = [slice(None) if k != "x" else None for k in order]
        shapes = shapes_after(lambda a: a.transpose([k for k in order if k != "x"])[tuple(new)], x)
        return Term(x.variable.dimshuffle(*order), shapes, x.bits, x.places)

    def reshape(self):
        x = self.one(lambda t: t.ndim > 0)
        if self.draw(st.booleans()):
            return Term(x.variable.flatten(), shapes_after(np.ravel, x), x.bits, x.places)
        v = x.variable
        shape = [v.shape[a] for a in range(v.ndim)]
        where = self.draw(st.integers(0, x.ndim - 1))
        if x.ndim > 1 and where:
            shape[where - 1 : where + 1] = [shape[where - 1] * shape[where]]
        else:
            shape[where : where + 1] = [1, shape[where]] if x.ndim < 4 else [shape[where]]
        numbers = []
        for own in x.shapes:
            n = list(own)
            if x.ndim > 1 and where:
                n[where - 1 : where + 1] = [n[where - 1] * n[where]]
            else:
                n[where : where + 1] = [1, n[where]] if x.ndim < 4 else [n[where]]
            numbers.append(tuple(n))
        return Term(v.reshape(shape, ndim=len(shape)), tuple(numbers), x.bits, x.places)

    def part(self):
        x = self.one(lambda t: t.ndim > 0)
        bound = st.one_of(st.none(), st.integers(-5, 5))
        parts = []
        for axis in range(x.ndim):
            single = st.sampled_from([0, -1])
            every = st.just(slice(None))
            piece = st.builds(slice, bound, bound, st.sampled_from([None, 1, 2, -1, -2]))
            choices = [every, every, piece] + ([single] if x.never_empty([axis]) else [])
            parts.append(self.draw(st.one_of(choices)))
        key = tuple(parts)
        return Term(x.variable[key], shapes_after(lambda a: a[key], x), x.bits, x.places)

    def gather(self):
        x = self.one(lambda t: t.ndim > 0 and t.never_empty([0]))
        index = x and self.one(
            lambda t: t.dtype in ("int32", "int64") and t.ndim <= 2 and t.ndim + x.ndim <= 4
        )
        if index is None:
            return None
        where = index.variable % x.variable.shape[0].astype(index.dtype)
        shapes = shapes_after(lambda a, i: a[i.astype(int)], x, index)
        return Term(x.variable[where], shapes, x.bits, x.places)

    def masked(self):
        x = self.one(lambda t: t.ndim > 0)
        mask = self.one(lambda t: t.dtype == "bool" and t.ndim == 1 and broadcasts_first(t, x))
        if mask is None:
            return None
        # how many are chosen is only known at the call: a sum over them, or another use that does not ask
        chosen = x.variable[mask.variable]
        shapes = tuple(shape[1:] for shape in x.shapes)
        if x.dtype == "bool":
            return Term(T.any(chosen, axis=0), shapes, 1, 0)
        return Term(T.sum(chosen, axis=0), shapes, x.bits + 4, x.places)

    def dot(self):
        x = self.floats(lambda t: 1 <= t.ndim <= 2 and t.bits <= 5)
        y = x and self.floats(
            lambda t: (
                1 <= t.ndim <= 2
                and t.bits <= 5
                and all(a[-1] == b[-2 if len(b) > 1 else 0] for a, b in zip(x.shapes, t.shapes, strict=True))
            )
        )
        if y is None:
            return None
        bits = x.bits + y.bits + math.ceil(math.log2(max(x.longest([x.ndim - 1]), 1)))
        places = None if None in (x.places, y.places) else x.places + y.places
        return Term(T.dot(x.variable, y.variable), shapes_after(np.dot, x, y), bits, places)

    def concatenate(self):
        x = self.one(lambda t: t.ndim > 0)
        axis = self.draw(st.integers(0, x.ndim - 1))
        y = self.one(
            lambda t: (
                t.dtype == x.dtype
                and t.ndim == x.ndim
                and all(
                    a == b
                    for left, right in zip(x.shapes, t.shapes, strict=True)
                    for k, (a, b) in enumerate(zip(left, right, strict=True))
                    if k != axis
                )
            )
        )
        places = None if None in (x.places, y.places) else max(x.places, y.places)
        shapes = shapes_after(lambda a, b: np.concatenate([a, b], axis), x, y)
        variable = T.concatenate([x.variable, y.variable], axis=axis)
        return Term(variable, shapes, max(x.bits, y.bits), places)

    def write(self):
        x = self.floats(lambda t: t.ndim > 0)
        if x is None:
            return None
        part = slice(self.draw(st.integers(-3, 3)), None, self.draw(st.sampled_from([None, 2, -1])))
        function = self.draw(st.sampled_from([T.set_subtensor, T.inc_subtensor]))
        y = x.variable[part] * 0.5 + 1
        return same(
            x, function(x.variable[part], y), x.bits + 1, x.places + 1 if x.places is not None else None
        )


def broadcasts_first(mask, x):
    return all(m[0] == s[0] for m, s in zip(mask.shapes, x.shapes, strict=True))


@st.composite
def graphs(draw, size=14):
    """(inputs, outputs, calls): variables, expressions, and for each set of lengths two lists of arrays."""
    sets = [draw(st.lists(st.sampled_from([0, 1, 2, 3, 5, 8]), min_size=3, max_size=3)) for _ in range(2)]
    leaves = []
    for k in range(draw(st.integers(3, 6))):
        dtype = draw(st.sampled_from(["float32", "float32", "float32", "int32", "bool"]))
        which = draw(st.lists(st.integers(-1, 2), min_size=0 if k else 2, max_size=3))
        shapes = tuple(tuple(1 if w < 0 else lengths[w] for w in which) for lengths in sets)
        static = [1 if w < 0 else None for w in which]
        for axis in range(len(which)):
            if len({s[axis] for s in shapes}) == 1 and draw(st.booleans()):
                static[axis] = shapes[0][axis]
        variable = T.TensorType(dtype, static)(f"x{k}")
        leaves.append(
            Term(
                variable, shapes, {"bool": 1, "int32": 4, "float32": 2}[dtype], 2 if dtype == "float32" else 0
            )
        )
    grower = Grower(draw, leaves)
    for _ in range(size):
        grower.grow()
    random = np.random.RandomState(draw(st.integers(0, 1000)))
    calls = [
        [arranged(value(t, t.shapes[k], random), random) for t in leaves] for k in (0, 1) for _ in range(2)
    ]
    outputs = [t.variable for t in grower.pool[len(leaves) :]]
    return [t.variable for t in leaves], outputs, calls


def value(term, shape, random):
    if term.dtype == "bool":
        return random.uniform(size=shape) < 0.6
    if term.dtype == "int32":
        return np.asarray(random.randint(-9, 10, shape), "int32")
    return np.asarray(random.randint(-12, 13, shape) / 4, "float32")


def arranged(array, random):
    """The array in one of several layouts, perhaps read-only."""
    layout = random.randint(4)
    array = np.asarray(array)
    if layout == 1:
        array = np.array(array, order="F")
    elif layout == 2 and array.ndim:
        array = np.repeat(array, 2, axis=-1)[..., ::2]
    elif layout == 3 and array.ndim:
        array = array[::-1].copy()[::-1]
    array.flags.writeable = bool(random.randint(2))
    return array
