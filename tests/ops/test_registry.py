"""Every operation of the registry on its own samples: types, every backend against the reference, gradients.

The samples of an operation are compiled together, so that a backend compiles one function for all.
"""

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib import ops
from graphlib.errors import DeviceError, GradientError
from graphlib.graph import toposort
from graphlib.ops import REGISTRY, Op

from .backends import BACKENDS, compiled, difference, values

ENTRIES = sorted(REGISTRY)
FLOAT_ENTRIES = [name for name in ENTRIES if any("float64" in s.dtypes for s in REGISTRY[name].samples())]

SMOOTH_ENTRIES = [
    name for name in FLOAT_ENTRIES if any(np.any(s.differentiable) for s in REGISTRY[name].samples())
]

#: their gradient is another than the derivative, on purpose or because their steps are too fine
NO_DIFFERENCES = {"consider_constant", "disconnected_grad", "cast"}

#: their derivative has none itself, and says so in these words
ONLY_ONCE = {"psi": "no polygamma function above the trigamma"}

#: an operation behind a method or a keyword of another
WITHOUT_A_NAME = {"index", "round_half_to_even", "round_half_away_from_zero"}


#: what a backend has not, and says so with an error that names the way out
REFUSED = {("cuda", "eig")}


class Case:
    """One sample of an operation with one dtype, static shape known or not: variables, arrays, outputs."""

    def __init__(self, name, number, sample, dtype, known):
        self.title = f"{name}[{number}] {dtype}, static shape {'known' if known else 'unknown'}"
        self.sample, self.dtype = sample, dtype
        self.arrays = [values(a, dtype) for a in sample.inputs]
        self.inputs = [
            T.TensorType(a.dtype, [n if known or n == 1 else None for n in a.shape])(f"x{i}")
            for i, a in enumerate(self.arrays)
        ]
        outputs = sample.build(*self.inputs)
        self.outputs = (
            [T.as_tensor_variable(v) for v in outputs] if isinstance(outputs, (list, tuple)) else [outputs]
        )

    @property
    def differentiable(self):
        """The float inputs by which the sample claims to be differentiable."""
        flags = self.sample.differentiable
        flags = [flags] * len(self.inputs) if isinstance(flags, bool) else flags
        return [v for v, yes in zip(self.inputs, flags, strict=True) if yes and v.type.is_float]

    def cost(self):
        """A weighted sum of all outputs, with the same weights at each call."""
        random = np.random.RandomState(1)
        terms = [
            (v * random.uniform(0.5, 1.5, a.shape).astype(v.dtype)).sum()
            for v, a in zip(self.outputs, self.run(), strict=True)
        ]
        return sum(terms[1:], terms[0])

    def run(self):
        return compiled("reference", self.inputs, self.outputs)(*self.arrays)


def cases(name, dtypes=None, shapes=(False, True)):
    """Samples by dtypes by static shapes unknown and known."""
    return [
        Case(name, number, sample, dtype, known)
        for number, sample in enumerate(REGISTRY[name].samples())
        for dtype in sample.dtypes
        if dtypes is None or dtype in dtypes
        for known in shapes
    ]


def cases_in_turn(name):
    """Half of them: static shapes are known and unknown in turn, so that every sample and dtype has both."""
    return [
        Case(name, number, sample, dtype, (number + position) % 2 == 1)
        for number, sample in enumerate(REGISTRY[name].samples())
        for position, dtype in enumerate(sample.dtypes)
    ]


def together(backend, groups):
    """One function of many (inputs, outputs, arrays); a call gives a list of results per group."""
    inputs = [v for group in groups for v in group[0]]
    function = compiled(backend, inputs, [v for group in groups for v in group[1]])

    def run(arranged=np.array):
        results = iter(function(*(arranged(a) for group in groups for a in group[2])))
        return [[next(results) for _ in group[1]] for group in groups]

    return run


def mismatches(titles, got, wanted):
    pairs = zip(titles, got, wanted, strict=True)
    return [
        f"{t}, output {i}: {d}"
        for t, g, w in pairs
        for i, (a, b) in enumerate(zip(g, w, strict=True))
        if (d := difference(a, b))
    ]


@pytest.mark.parametrize("name", ENTRIES)
def test_results_have_the_inferred_type(name):
    for case in cases(name):
        for variable, array in zip(case.outputs, case.run(), strict=True):
            assert array.dtype == variable.dtype, case.title
            assert variable.type.accepts_shape(array.shape), (
                f"{case.title}: {array.shape} is no {variable.type}"
            )


def transposed(a):
    return np.asfortranarray(a)


def strided(a):
    """The array inside a wider one: every second element of every axis."""
    wide = np.zeros([2 * n + 1 for n in a.shape], a.dtype)
    view = wide[tuple(slice(1, 2 * n + 1, 2) for n in a.shape)]
    view[...] = a
    return view


def backwards(a):
    """The array stored in reverse: negative strides on every axis."""
    flip = tuple(slice(None, None, -1) for _ in a.shape)
    return a[flip].copy()[flip]


LAYOUTS = {
    "contiguous": np.ascontiguousarray,
    "transposed": transposed,
    "strided": strided,
    "backwards": backwards,
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ENTRIES)
def test_backend_equals_reference(backend, name):
    every = cases_in_turn(name)
    if (backend, name) in REFUSED:
        with pytest.raises(DeviceError, match=f"T.{name} does not run on a GPU: .*device = 'cpu'"):
            together(backend, [(case.inputs, case.outputs, case.arrays) for case in every])
        return
    wanted = [case.run() for case in every]
    run = together(backend, [(case.inputs, case.outputs, case.arrays) for case in every])
    for layout, arranged in LAYOUTS.items():
        # ascontiguousarray makes 0-d arrays 1-d
        found = mismatches([c.title for c in every], run(lambda a, f=arranged: f(a) if a.ndim else a), wanted)
        assert not found, f"{layout} inputs:\n" + "\n".join(found)


def by_differences(function, arrays, which, step):
    """Central differences of a scalar function of arrays by the array number ``which``."""
    result = np.zeros(arrays[which].shape)
    for k in np.ndindex(result.shape):
        moved = [a.copy() for a in arrays]
        moved[which][k] += step
        above = function(*moved)
        moved[which][k] -= 2 * step
        result[k] = (above - function(*moved)) / (2 * step)
    return result


def first_gradients(case):
    return graphlib.grad(case.cost(), case.differentiable, disconnected_inputs="ignore")


def second_cost(case, gradients):
    """A weighted sum of the gradients, to differentiate again."""
    random = np.random.RandomState(2)
    terms = [
        (g * random.uniform(0.5, 1.5, a.shape).astype(g.dtype)).sum()
        for v, a in zip(case.inputs, case.arrays, strict=True)
        for w, g in zip(case.differentiable, gradients, strict=True)
        if v is w
    ]
    return sum(terms[1:], terms[0])


def hold(case, cost, gradients, order):
    value = compiled("reference", case.inputs, cost)
    results = compiled("reference", case.inputs, gradients)(*case.arrays)
    for variable, got in zip(case.differentiable, results, strict=True):
        which = case.inputs.index(variable)
        numeric = by_differences(value, case.arrays, which, 1e-5)
        assert got.shape == numeric.shape, f"{case.title}, gradient of order {order}"
        np.testing.assert_allclose(
            got,
            numeric,
            rtol=1e-5,
            atol=1e-6,
            err_msg=f"{case.title}, gradient of order {order}, input {which}",
        )


@pytest.mark.parametrize("name", SMOOTH_ENTRIES)
def test_gradients_to_second_order_against_differences(name):
    for case in cases(name, ["float64"], [False]):
        if not case.differentiable:
            continue
        cost = case.cost()
        gradients = graphlib.grad(cost, case.differentiable)
        hold(case, cost, gradients, 1)
        again = second_cost(case, gradients)
        if name in ONLY_ONCE:
            with pytest.raises(GradientError, match=ONLY_ONCE[name]):
                graphlib.grad(again, case.differentiable)
            continue
        hold(case, again, graphlib.grad(again, case.differentiable, disconnected_inputs="ignore"), 2)


@pytest.mark.parametrize("name", sorted(set(FLOAT_ENTRIES) - NO_DIFFERENCES))
def test_what_is_not_differentiable_says_so_or_is_flat(name):
    """A sample that claims no gradient raises GradientError, or is constant between its steps."""
    for case in cases(name, ["float64"], [False]):
        floats = [v for v in case.inputs if v.type.is_float]
        if case.differentiable or not floats:
            continue
        cost = sum(T.cast(v, "float64").sum() for v in case.outputs)
        try:
            gradients = graphlib.grad(cost, floats, disconnected_inputs="ignore")
        except GradientError as error:
            assert case.outputs[0].origin.full in str(error)
            continue
        value = compiled("reference", case.inputs, cost)
        results = compiled("reference", case.inputs, gradients)(*case.arrays)
        for variable, got in zip(floats, results, strict=True):
            numeric = by_differences(value, case.arrays, case.inputs.index(variable), 1e-6)
            np.testing.assert_allclose(got, numeric, rtol=1e-5, atol=1e-6, err_msg=case.title)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", SMOOTH_ENTRIES)
def test_backend_gradients_equal_reference(backend, name):
    groups, titles, wanted = [], [], []
    # a device's kernels are the same in both dtypes but for the type's name, and values are tried in both
    for case in cases(name, ["float32", "float64"] if backend == "c" else ["float32"], [False]):
        if not case.differentiable:
            continue
        gradients = first_gradients(case)
        again = []
        # kernels of second derivatives are those of first ones, of other operations: once is enough
        if name not in ONLY_ONCE and (backend, case.dtype) == ("c", "float64"):
            again = graphlib.grad(
                second_cost(case, gradients), case.differentiable, disconnected_inputs="ignore"
            )
        titles.append(f"{case.title}, gradients")
        groups.append((case.inputs, [*gradients, *again], case.arrays))
        wanted.append(compiled("reference", case.inputs, [*gradients, *again])(*case.arrays))
    found = mismatches(titles, together(backend, groups)(), wanted)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", ENTRIES)
def test_entry_is_complete(name):
    entry = REGISTRY[name]
    assert entry.doc.strip(), "an operation needs a line of documentation"
    assert entry.samples(), "an operation needs samples"
    for alias in {name, *entry.aliases} - WITHOUT_A_NAME:
        assert any(hasattr(home, alias) for home in (T, T.nnet, T.xlogx, T.extra_ops)), f"no T.{alias}"


def operations():
    """Every class of operations, however deep it is derived."""
    found, pending = [], [Op]
    while pending:
        cls = pending.pop()
        derived = [c for c in cls.__subclasses__() if c.__module__.startswith(ops.__name__)]
        pending += derived
        found += derived
    return sorted(found, key=lambda c: c.__name__)


@pytest.mark.parametrize("cls", operations(), ids=lambda c: c.__name__)
def test_operation_defines_every_rule(cls):
    for rule in ("infer", "gradient", "reference", "lower"):
        assert getattr(cls, rule) is not getattr(Op, rule), f"{cls.__name__} has no {rule}"
    assert (cls.__doc__ or "").strip() and cls.__doc__ != Op.__doc__


#: made by rewrites alone, whose own tests try them
OF_REWRITES = {"Gemm", "LastPlaces", "Top"}

#: made by ``graphlib.scan``, which tests/scan tries
OF_LOOPS = {"FirstRows", "LastValue", "OfLengths", "Scan", "Steps"}

#: made by programs, with Python of theirs; tests/test_host_operations.py tries them
OF_PROGRAMS = {"Assert", "FoundLengths", "HostOp", "Print", "_Observing"}

#: of complex matrices; tests/test_complex.py tries it
OF_COMPLEX = {"ByNumPy"}

#: of the ranks of an MPI run; tests/distributed tries them
OF_RANKS = {"FinishAverage", "StartAverage"}


def test_every_operation_is_sampled():
    """Each class of operations occurs in the graph of a sample or of its gradient."""
    seen = set()
    for name in ENTRIES:
        for case in cases(name, shapes=[False]):
            variables = list(case.outputs)
            if case.differentiable:
                variables += first_gradients(case)
            seen |= {type(node.op).__name__ for node in toposort(variables)}
    elsewhere = OF_REWRITES | OF_LOOPS | OF_PROGRAMS | OF_COMPLEX | OF_RANKS
    assert {c.__name__ for c in operations()} - seen == elsewhere


def test_elementwise_rows_are_all_registered():
    """But for what softmaxes are written out with (tests/test_subnormals.py), which has no name in T."""
    from graphlib.ops.elementwise import ROWS

    assert set(ROWS) - set(REGISTRY) == {"exp_up_to_0"}
