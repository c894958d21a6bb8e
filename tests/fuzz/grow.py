"""A program drawn at random from a number: row by row, with NumPy computing what each row gives.

The same number gives the same program, whatever graphlib does with it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import in_numpy
from .operations import OPERATIONS, NoFit
from .program import COSTS, DIRECTIONS, Input, Program, Row, body_text, packed, row_lines

#: what can go wrong in NumPy with operands that do not fit
REFUSED = (in_numpy.Unfit, NoFit, ValueError, IndexError, TypeError, ZeroDivisionError, FloatingPointError)
KINDS = {"f": "float", "i": "int", "b": "bool"}


@dataclass
class Value:
    """What is known of a name: its array in each call, and which of its axes are statically 1."""

    name: str
    arrays: list[np.ndarray]
    ones: tuple[bool, ...]

    @property
    def ndim(self) -> int:
        return self.arrays[0].ndim

    @property
    def kind(self) -> str:
        return KINDS[self.arrays[0].dtype.kind]

    def never_empty(self, axis: int) -> bool:
        return all(a.shape[axis] > 0 for a in self.arrays)

    def same_lengths(self) -> bool:
        return all(a.shape == self.arrays[0].shape for a in self.arrays)

    def exactly_ones(self) -> bool:
        """Whether the axes of length 1 are those that are statically so."""
        return all((a.shape[k] == 1) == one for a in self.arrays for k, one in enumerate(self.ones))


class Grower:
    """Grows rows on a pool of values. A loop's body is grown by a child, which sees the values around it."""

    def __init__(self, rng: random.Random, floatX: str, calls: int) -> None:
        self.rng, self.floatX, self.calls = rng, floatX, calls
        self.pool: list[Value] = []
        self.rows: list[Row] = []
        self.inputs: list[Input] = []
        self.root = self
        self.parent: Grower | None = None
        self.depth = 0
        self.names = 0
        self.stream = [0]
        #: names of what draws make: a loop's step that closes over such a one draws anew in each step, as in
        #: Theano, and NumPy and PyTorch do not; so steps are given them instead
        self.drawn: set[str] = set()
        lengths = [0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 6]
        #: lengths that axes share, for each call
        self.lengths = [
            [rng.choice(lengths) if rng.random() < 0.8 else 3 for _ in range(calls)] for _ in range(3)
        ]
        if rng.random() < 0.4:
            self.lengths = [[n[0]] * calls for n in self.lengths]
        self.spaces = [
            {**in_numpy.names(), "rng": in_numpy.Streams(rng.randrange(1000), floatX)} for _ in range(calls)
        ]

    def child(self) -> Grower:
        other = object.__new__(Grower)
        other.__dict__.update(self.__dict__)
        known = [v for v in self.pool if v.name not in self.drawn]
        other.pool = self.rng.sample(known, min(3, len(known)))
        other.rows = []
        other.parent = self
        other.depth = self.depth + 1
        other.spaces = [dict(space) for space in self.spaces]
        return other

    def name(self, prefix: str = "v") -> str:
        self.root.names += 1
        return f"{prefix}{self.root.names}"

    # choices

    def pick(self, options: list) -> Any:
        return self.rng.choice(options)

    def number_of(self, options: list, call: int) -> Any:
        return self.rng.choice(options)

    def chance(self, p: float) -> bool:
        return self.rng.random() < p

    def shuffled(self, items: list) -> list:
        self.rng.shuffle(items)
        return items

    def length(self) -> str:
        return "?"

    def give_up(self) -> Any:
        raise NoFit

    # values

    def __getitem__(self, name: str) -> Value:
        return next(v for v in self.pool if v.name == name)

    def value(self, *kinds: str, condition: Callable | None = None) -> Value:
        """One of the values that fit; those made lately are likelier."""
        found = [v for v in self.pool if v.kind in kinds and (condition is None or condition(v))]
        if not found:
            raise NoFit
        return found[-1 - int(len(found) * self.rng.random() ** 1.7)]

    def float(self, condition: Callable | None = None) -> Value:
        return self.value("float", condition=condition)

    def int(self, condition: Callable | None = None) -> Value:
        return self.value("int", condition=condition)

    def bool(self, condition: Callable | None = None) -> Value:
        return self.value("bool", condition=condition)

    def number(self, condition: Callable | None = None) -> Value:
        return (
            self.value("float", "float", "int", condition=condition)
            if self.chance(0.85)
            else self.value("float", condition=condition)
        )

    def of(self, *kinds: str) -> Value:
        return self.value(*kinds)

    def any_value(self, condition: Callable | None = None) -> Value:
        return self.value("float", "int", "bool", condition=condition)

    def several(self, condition: Callable) -> list[str]:
        found = [v for v in self.pool if condition(v)]
        return [self.rng.choice(found).name for _ in range(self.rng.choice([0, 1, 1, 2]))] if found else []

    def partner(
        self,
        x: Value,
        condition: Callable | None = None,
        kind: str | None = None,
        broadcast: bool = True,
        also: Any = (),
    ) -> Value:
        """A value that an elementwise operation takes beside x (and ``also``)."""
        kind = kind or x.kind
        whole = [
            list(np.broadcast_shapes(*(v.arrays[k].shape for v in (x, *also)))) for k in range(self.calls)
        ]
        if self.chance(0.15):
            shape = whole
            if broadcast and x.ndim and self.chance(0.4):
                drop = self.rng.randrange(x.ndim)
                shape = [s[drop:] for s in shape]
            return self.fresh(shape, kind)

        def fits(v: Value) -> bool:
            return (
                v.kind == kind
                and (condition is None or condition(v))
                and all(self.compatible(w, v, broadcast) for w in (x, *also))
            )

        found = [v for v in self.pool if fits(v)]
        if not found:
            return self.fresh(whole, kind)
        return found[-1 - int(len(found) * self.rng.random() ** 1.3)]

    @staticmethod
    def compatible(x: Value, y: Value, broadcast: bool = True) -> bool:
        if not broadcast:
            return all(a.shape == b.shape for a, b in zip(x.arrays, y.arrays, strict=True))
        for axis in range(1, min(x.ndim, y.ndim) + 1):
            same = all(a.shape[-axis] == b.shape[-axis] for a, b in zip(x.arrays, y.arrays, strict=True))
            if not (same or x.ones[-axis] or y.ones[-axis]):
                return False
        return True

    @staticmethod
    def fits_into(x: Value, y: Value) -> bool:
        return all(
            x.ones[-axis]
            or all(a.shape[-axis] == b.shape[-axis] for a, b in zip(x.arrays, y.arrays, strict=True))
            for axis in range(1, x.ndim + 1)
        )

    def fitting(self, condition: Callable, shape_of: Callable, x: Value, kind: str = "float") -> Value:
        """A value of the shape that ``shape_of`` says for an array of x ('?' is any length), or a new one."""
        state = self.rng.getstate()
        shapes = []
        for a in x.arrays:
            self.rng.setstate(state)
            shapes.append(shape_of(a))

        def fits(v: Value) -> bool:
            return (
                v.kind == kind
                and condition(v)
                and all(
                    len(s) == a.ndim and all(n in ("?", m) for n, m in zip(s, a.shape, strict=True))
                    for s, a in zip(shapes, v.arrays, strict=True)
                )
            )

        found = [v for v in self.pool if fits(v)]
        if found and self.chance(0.75):
            return self.rng.choice(found)
        lengths = self.rng.choice(self.lengths)
        return self.fresh(
            [[n if m == "?" else m for m in s] for n, s in zip(lengths, shapes, strict=True)], kind
        )

    def axis(self, x: Value) -> int:
        if x.ndim == 0:
            raise NoFit
        return self.rng.randint(-x.ndim, x.ndim - 1)

    def axes(self, x: Value) -> Any:
        if x.ndim == 0 or self.chance(0.25):
            return None
        if self.chance(0.5):
            return self.axis(x)
        return tuple(sorted(self.rng.sample(range(x.ndim), self.rng.randint(1, x.ndim))))

    # inputs

    def fresh(
        self, shapes: list[list[int]], kind: str = "float", ones: tuple | None = None, shared: bool = False
    ) -> Value:
        """A new input of these shapes, one for each call."""
        root = self.root
        if len(root.inputs) > 12:
            raise NoFit
        name = root.name("s" if shared else "x")
        dtype = {"float": root.floatX, "bool": "bool"}.get(kind) or self.rng.choice(
            ["int64", "int32", "int8"]
        )
        ones = ones or (False,) * len(shapes[0])
        style = self.rng.choice(["normal", "normal", "positive", "unit"])
        arrays = [self.data(shape, dtype, style) for shape in shapes]
        static: list[int | None] = [1 if one else None for one in ones]
        for axis in range(len(static)):
            if static[axis] is None and len({s[axis] for s in shapes}) == 1 and self.chance(0.4):
                static[axis] = shapes[0][axis]
        if shared:
            arrays = arrays[:1] * root.calls
            static = [1 if one else None for one in ones]
        root.inputs.append(
            Input(name, dtype, static, [packed(a) for a in arrays[: 1 if shared else None]], shared)
        )
        value = Value(name, [in_numpy.array(a) for a in arrays], ones)
        grower: Grower | None = self
        while grower is not None:
            for space, array in zip(grower.spaces, value.arrays, strict=True):
                space[name] = array
            grower.pool.insert(0, value)
            grower = grower.parent
        return value

    def data(self, shape: list[int], dtype: str, style: str) -> np.ndarray:
        n = int(np.prod(shape))
        draw = {
            "normal": lambda: self.rng.gauss(0, 1), "positive": lambda: self.rng.uniform(0.2, 2),
            "unit": lambda: self.rng.uniform(-0.9, 0.9),
        }[style]  # fmt: skip
        if dtype == "bool":
            numbers: list = [self.rng.random() < 0.6 for _ in range(n)]
        elif dtype.startswith("int"):
            numbers = [self.rng.randint(-4, 6) for _ in range(n)]
        else:
            numbers = [round(draw(), 3) for _ in range(n)]
        return np.array(numbers, dtype).reshape(shape)

    def leaf(self) -> None:
        which = [self.rng.randint(-1, 2) for _ in range(self.rng.choice([0, 1, 1, 2, 2, 2, 3]))]
        shapes = [[1 if w < 0 else self.lengths[w][k] for w in which] for k in range(self.calls)]
        kind = self.rng.choice(["float"] * 7 + ["int"] * 2 + ["bool"])
        shared = self.chance(0.12) and all(s == shapes[0] for s in shapes)
        self.fresh(shapes, kind, tuple(w < 0 for w in which), shared)

    # rows

    def grow(self) -> bool:
        """One more row, where operands are found for the operation that is drawn."""
        options = [o for o in OPERATIONS.values() if o.inside or not self.depth]
        operation = self.rng.choices(options, [o.weight for o in options])[0]
        try:
            args, params = operation.draw(self)
            self.append(operation.name, args, params)
        except REFUSED:
            return False
        return True

    def append(self, op: str, args: list[str], params: dict) -> None:
        operation = OPERATIONS[op]
        outs = [self.name() for _ in range(operation.outs or len(params["returns"]))]
        row = Row(outs, op, args, params)
        lines = "\n".join(row_lines(row, False, list(self.root.stream)))
        results = []
        for space in self.spaces:
            with np.errstate(all="ignore"):
                exec(lines, space)
            results.append([space[name] for name in outs])
        row_lines(row, False, self.root.stream)
        self.rows.append(row)
        if not {"rng", *self.drawn}.isdisjoint(re.findall(r"\w+", lines)):
            self.drawn.update(outs)
        for k, name in enumerate(outs):
            arrays = [r[k] for r in results]
            if len({a.ndim for a in arrays}) > 1 or len({a.dtype for a in arrays}) > 1:
                raise NoFit
            ones = operation.ones and operation.ones([self[a] for a in args], params)
            self.pool.append(Value(name, arrays, tuple(ones) if ones else (False,) * arrays[0].ndim))

    # loops

    def a_body(self, given: list[tuple[str, list, tuple]]) -> Grower:
        if self.depth > 1:
            raise NoFit
        body = self.child()
        for name, arrays, ones in given:
            for space, array in zip(body.spaces, arrays, strict=True):
                space[name] = array
            body.pool.append(Value(name, arrays, ones))
        return body

    def fill(self, body: Grower) -> None:
        wanted = self.rng.randint(1, 5 - 2 * self.depth)
        for _ in range(12):
            if len(body.rows) < wanted:
                body.grow()
        if not body.rows:
            raise NoFit

    def a_sequence(self) -> tuple[Value, list[int]]:
        x = self.value("float", "float", "int", condition=lambda v: 0 < v.ndim < 4 and v.never_empty(0))
        taps = self.rng.choice([[0]] * 5 + [[0, 1], [-1, 0], [-2, 1], [1]])
        low, high = min([0, *taps]), max([0, *taps])
        if any(a.shape[0] + low - high < 1 for a in x.arrays):
            taps = [0]
        return x, taps

    def loop(self) -> tuple[list[str], dict]:
        sequences = [self.a_sequence() for _ in range(self.rng.choice([0, 1, 1, 1, 2]))]
        states: list[tuple[Value, list[int]]] = []
        for _ in range(self.rng.choice([0, 1, 1, 1, 2]) if sequences else self.rng.choice([1, 1, 2])):
            if self.chance(0.25):
                states.append(
                    (
                        self.float(lambda v: 1 <= v.ndim <= 3 and all(a.shape[0] >= 2 for a in v.arrays)),
                        self.pick([[-2, -1], [-2], [-1, -2]]),
                    )
                )
            else:
                states.append((self.float(lambda v: v.ndim <= 2), [-1]))
        closed = [self.float(lambda v: v.ndim <= 2) for _ in range(self.rng.choice([0, 0, 1]))]
        backwards = bool(sequences) and self.chance(0.2)
        if sequences and self.chance(0.8):
            steps = "None"
        else:
            least = min(
                (a.shape[0] - (max([0, *t]) - min([0, *t])) for x, t in sequences for a in x.arrays),
                default=4,
            )
            steps = str(self.rng.randint(1, max(1, min(4, least))))
            scalars = [
                v
                for v in self.pool
                if v.kind == "int" and v.ndim == 0 and all(1 <= a <= least for a in v.arrays)
            ]
            if scalars:
                steps = self.rng.choice(scalars).name
        given, texts, infos = [], [], []
        for x, taps in sequences:
            low, high = min([0, *taps]), max([0, *taps])
            for tap in taps:
                n = [a.shape[0] + low - high for a in x.arrays]
                rows = [a[(m - 1 if backwards else 0) + tap - low] for a, m in zip(x.arrays, n, strict=True)]
                given.append((self.name("a"), [in_numpy.array(r) for r in rows], x.ones[1:]))
            texts.append(x.name if taps == [0] else f"dict(input={x.name}, taps={taps})")
        for x, taps in states:
            if taps == [-1]:
                given.append((self.name("h"), x.arrays, x.ones))
                infos.append(x.name)
            else:
                given += [
                    (self.name("h"), [in_numpy.array(a[2 + tap]) for a in x.arrays], x.ones[1:])
                    for tap in taps
                ]
                infos.append(f"dict(initial={x.name}, taps={taps})")
        given += [(self.name("w"), v.arrays, v.ones) for v in closed]
        body = self.a_body(given)
        self.fill(body)
        returns = []
        for x, taps in states:
            rows = x.arrays if taps == [-1] else [a[0] for a in x.arrays]
            returns.append(self.next_state(body, rows))
        mapped = self.rng.choice([0, 1]) if states else self.rng.choice([1, 1, 2])
        own = [n for row in body.rows for n in row.outs]
        returns += [self.rng.choice(own) for _ in range(mapped)]
        result = f"[{', '.join(returns)}]"
        until = None
        if self.chance(0.12):
            until = self.rng.choice([r for r in returns if body[r].kind == "float"] or [None])
            if until:
                result = f"({result}, graphlib.until(T.gt(T.sum({until}), {self.pick([-1.0, 0.5, 2.0])})))"
        args = [x.name for x, _ in sequences] + [x.name for x, _ in states] + [v.name for v in closed]
        return args, {
            "parameters": [name for name, _, _ in given], "body": body.rows, "returns": returns,
            "until": until,
            "result": result, "sequences": f"[{', '.join(texts)}]",
            "info": f"[{', '.join(infos + ['None'] * mapped)}]",
            "closed": f"[{', '.join(v.name for v in closed)}]", "steps": steps, "backwards": backwards,
            "refs": [steps] if steps[0] not in "N0123456789" else [],
        }  # fmt: skip

    def next_state(self, body: Grower, rows: list[np.ndarray]) -> str:
        """Of the body's values one that a state can become: of its shape and dtype."""

        def fits(v: Value) -> bool:
            return v.kind == "float" and all(a.shape == b.shape for a, b in zip(v.arrays, rows, strict=True))

        own = {n for row in body.rows for n in row.outs}
        for_each = [v for v in body.pool if fits(v) and v.name in own]
        if for_each and self.chance(0.8):
            return self.rng.choice(for_each[-2:]).name
        state = self.rng.choice([v for v in body.pool if fits(v)])
        new = self.rng.choice([v for v in body.pool if v.kind == "float"])
        body.append(self.rng.choice(["scaled_by_sum", "times_mean"]), [state.name, new.name], {})
        return body.rows[-1].outs[0]

    def mapped(self) -> tuple[list[str], dict]:
        x = self.float(lambda v: 0 < v.ndim < 4 and v.never_empty(0))
        name = self.name("a")
        body = self.a_body([(name, [in_numpy.array(a[0]) for a in x.arrays], x.ones[1:])])
        self.fill(body)
        last = body.rows[-1].outs[-1]
        return [x.name], {
            "parameters": [name],
            "body": body.rows,
            "returns": [last],
            "until": None,
            "result": last,
            "sequences": x.name,
        }

    def folded(self) -> tuple[list[str], dict]:
        x = self.float(lambda v: 0 < v.ndim < 4 and v.never_empty(0))
        start = self.float(lambda v: v.ndim <= 2)
        names = [self.name("a"), self.name("h")]
        body = self.a_body(
            [
                (names[0], [in_numpy.array(a[0]) for a in x.arrays], x.ones[1:]),
                (names[1], start.arrays, start.ones),
            ]
        )
        self.fill(body)
        last = self.next_state(body, start.arrays)
        return [x.name, start.name], {
            "parameters": names,
            "body": body.rows,
            "returns": [last],
            "until": None,
            "result": last,
            "sequences": x.name,
            "info": start.name,
        }


def evaluate(program: Program) -> list[dict[str, np.ndarray]]:
    """All values in each call by NumPy, shared variables as updates leave them. Raises ``Unfit`` and NumPy's
    own errors."""
    rng = in_numpy.Streams(program.seed, program.floatX)
    state = {i.name: in_numpy.array(i.array(0)) for i in program.inputs if i.shared}
    text = compile(body_text(program, [], False), "program", "exec")
    spaces = []
    for call in range(program.calls):
        space: dict[str, Any] = {**in_numpy.names(), "rng": rng}
        space.update({i.name: in_numpy.array(i.array(call)) for i in program.inputs if not i.shared})
        space.update(state)
        with np.errstate(all="ignore"):
            exec(text, space)
        for name, update in program.updates.items():
            if space[update].shape != state[name].shape or space[update].dtype != state[name].dtype:
                raise in_numpy.Unfit
            state[name] = space[update]
        spaces.append(space)
    return spaces


def grown(seed: int, index: int, size: int | None = None) -> Program:
    """The program of a seed and a number."""
    for attempt in range(50):
        rng = random.Random(f"{seed}:{index}:{attempt}")
        program = _attempt(rng, size, f"{seed}:{index}")
        if program is not None:
            return program
    raise RuntimeError(f"no program grows from {seed}:{index}")


def _attempt(rng: random.Random, size: int | None, label: str) -> Program | None:
    floatX = rng.choice(["float64", "float64", "float64", "float32"])
    grower = Grower(rng, floatX, calls=2)
    for _ in range(rng.randint(2, 4)):
        grower.leaf()
    wanted = size or rng.randint(2, 9)
    for _ in range(wanted * 6):
        if len(grower.rows) < wanted:
            grower.grow()
    made = [name for row in grower.rows for name in row.outs]
    if not made:
        return None
    used = set().union(*(row.uses() for row in grower.rows))
    outputs = [name for name in made if name not in used] or made[-1:]
    outputs += [name for name in made if name not in outputs and rng.random() < 0.15]
    program = Program(
        floatX,
        grower.inputs,
        grower.rows,
        outputs,
        [i.name for i in grower.inputs if i.dtype == floatX],
        rng.choice(list(COSTS)),
        rng.choice([0, 1, 1, 2, 2]),
        rng.choice(list(DIRECTIONS)),
        seed=rng.randrange(1000),
        label=label,
    )
    for i in grower.inputs:
        array = in_numpy.array(i.array(0))
        same = [
            v.name
            for v in grower.pool
            if i.shared
            and v.name in made
            and all(a.shape == array.shape and a.dtype == array.dtype for a in v.arrays)
        ]
        if same:
            program.updates[i.name] = rng.choice(same)
    program = program.pruned()
    for updates in (program.updates, {}):
        program.updates = updates
        try:
            evaluate(program)
        except REFUSED:
            continue
        return program
    return None
