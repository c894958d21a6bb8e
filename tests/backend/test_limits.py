"""No length is missed: what the schedules of all operations loop over, allocate and hand to libraries is
checked or cannot be wrong, and generated C with lengths that are none touches no byte that is not its own."""

import random
import subprocess
import sys

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.errors import ShapeError
from graphlib.graph import Shared, graph_inputs
from graphlib.lower.claims import rewritten
from graphlib.lower.limits import Size, moved
from graphlib.lower.program import Program, lowered
from graphlib.ops.op import REGISTRY
from graphlib.represent import represented
from graphlib.schedule.schedule import Schedule
from graphlib.schedule.steps import Loops, MatMul, Pushes, ScanStep
from graphlib.tensor.shared_randomstreams import RandomStreams

from ..fuzz.lengths import NO_SANITIZER, Source, makers
from ..graph.test_depth import calls
from ..ops.backends import BACKENDS, compiled
from ..ops.test_registry import cases
from .processes import ROOT


def shapes_of(step, low):
    """Every shape that a step goes over, writes or reads."""
    for v in (*step.writes(), *step.reads()):
        if not low.is_leaf(v):
            yield low.shape(v)
    if isinstance(step, Loops):
        yield step.axes
        yield from (value.axes for value in step.values)
    elif isinstance(step, Pushes):
        yield from (piece.axes for piece in step.pieces)
    elif isinstance(step, MatMul):
        # arrays that are handed over are there: only views of others could be too large
        sides = ((step.a, step.shape_a), (step.b, step.shape_b))
        yield from (shape for side, shape in sides if not low.is_leaf(side.base))
    elif isinstance(step, ScanStep):
        # how many rows there are to go over is found by a loop that may end before
        yield from (shape for kind in ("states", "mapped") for shape in step.shapes[kind])


def unchecked(schedule):
    """The lengths and sizes of a schedule, and of the loops in it, that nothing shows to be some."""
    low = schedule.low
    for step in schedule.steps:
        for shape in map(tuple, shapes_of(step, low)):
            yield from low.limits.missing(shape, step.nodes[0].outputs[0])
            size = low.limits.size(shape, step.nodes[0].outputs[0])
            if size.factors and not schedule.sizes.has(size):
                yield size
        if isinstance(step, ScanStep):
            yield from low.limits.missing((step.n,), step.nodes[0].outputs[0])
            yield from (size for size in unchecked(step.inner) if not moved_outside(size, step, schedule))


def moved_outside(size, step, schedule):
    """Whether a size of a loop's step is checked outside."""
    same = moved(size, step.lengths_outside(), schedule.low.limits) if isinstance(size, Size) else None
    return same is not None and (not same.factors or schedule.sizes.has(same))


def schedule_of(inputs, outputs):
    shareds = [v for v in graph_inputs(outputs) if isinstance(v, Shared)]
    program = represented(Program("program", inputs, outputs, [False] * len(outputs), {}, shareds)).program
    return Schedule(*lowered(rewritten(program)))


@pytest.mark.parametrize("name", REGISTRY)
def test_every_length_of_a_schedule_is_checked(name):
    seen = set()
    for case in cases(name, shapes=(False,)):
        if id(case.sample) not in seen:
            seen.add(id(case.sample))
            assert not list(unchecked(schedule_of(case.inputs, case.outputs))), case.title


def test_every_length_that_is_asked_for_is_checked():
    for k, make in enumerate(makers()):
        x, v, source = T.fmatrix("x"), T.fvector("v"), Source(random.Random(k))
        output = make(source, x, v)
        assert not list(unchecked(schedule_of([x, v, *source.inputs], [output])))


def test_sizes_are_compared_with_those_that_share_a_length():
    """Four times the arrays that have nothing to do with one another are at most five times the work."""

    def work(number):
        inputs = [T.fmatrix(f"x{k}") for k in range(number)]
        low = schedule_of(inputs, [T.exp(x) for x in inputs]).low
        count, sizes = calls(low.sizes)
        assert len(sizes.checks) == number
        return count

    assert work(80) < 5 * work(20)


@pytest.mark.parametrize("backend", BACKENDS)
def test_nothing_is_read_before_lengths_found_on_the_way_are_compared(backend):
    """The second axis is known at once, the first, which must be 1, is computed; both have to fit."""
    v, w, n = T.fvector("v"), T.fvector("w"), T.lscalar("n")
    noise = T.tanh(RandomStreams(1).uniform((n,)))
    rows = v.reshape((T.cast(T.exp(w).sum(), "int64"), n))
    f = compiled(backend, [v, w, n], [noise, rows.dimshuffle(1) * 2])
    numbers = np.arange(6, dtype="float32")
    np.testing.assert_array_equal(f(numbers, [0.0], 6)[1], 2 * numbers)
    for length in (7, 10**8):
        with pytest.raises(ShapeError, match="do not fill the new shape"):
            f(numbers, [0.0], length)


@pytest.mark.parametrize("backend", BACKENDS)
def test_nothing_is_read_or_written_of_an_empty_table(backend):
    """In place of a wrong index element 0 is read; here there is none, nor a row 0 of ten million columns."""
    x, i, k = T.fmatrix("x"), T.lvector("i"), T.lscalar("k")
    rows, _ = graphlib.scan(lambda j: x[j].sum(), i)
    state = graphlib.shared(np.zeros(3, "float32"))
    outputs = [x[i] * 2, T.set_subtensor(x[i], 1), x[k] + 1, rows]
    functions = [compiled(backend, [x, i, k], v, updates=[(state, state + 1)]) for v in outputs]
    for f in functions:
        assert f(np.ones((3, 2), "float32"), [2], 0).size
        for columns in (0, 3, 10**7):
            with pytest.raises(IndexError):
                f(np.zeros((0, columns), "float32"), [0], 0)
    assert state.get_value().tolist() == [len(functions)] * 3
    for f in (functions[0], functions[1], functions[3]):
        assert f(np.zeros((0, 10**7), "float32"), [], 0).shape[0] == 0


def test_lengths_under_address_sanitizer():
    """Each kind of taker once; more of it by ``python -m tests.fuzz.lengths``."""
    command = [
        sys.executable,
        "-m",
        "tests.fuzz.lengths",
        "--functions",
        str(len(makers())),
        "--calls",
        "120",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == NO_SANITIZER:
        pytest.skip(done.stdout.strip())
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
