"""A function's plan: its text, its identity, and what the proof says of plans that are broken on purpose."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.errors import ScheduleError
from graphlib.lower.claims import rewritten
from graphlib.lower.limits import Length, Size
from graphlib.lower.program import Program, lowered
from graphlib.ops.patches import patches
from graphlib.render import c, cuda
from graphlib.represent import represented
from graphlib.scalar.expression import load, node, walk
from graphlib.scalar.integer import Poly
from graphlib.scalar.lowered import Check
from graphlib.schedule.bounds import hold
from graphlib.schedule.gpu.planning import plan_for_cuda
from graphlib.schedule.gpu.teams import (
    Columns,
    DeviceCall,
    EachThread,
    Float4,
    ProductTiles,
    TeamLoop,
    Teams,
    Transposed,
)
from graphlib.schedule.plan import Call, CopyArray, Launch, Plan, Product, Scan
from graphlib.schedule.planning import plan_for_c
from graphlib.schedule.proof import unproven
from graphlib.schedule.schedule import Schedule
from graphlib.schedule.statements import (
    Accumulator,
    Let,
    Loop,
    OwnMemory,
    Part,
    Parts,
    Store,
    statements,
)
from graphlib.schedule.verify import verify

from ..ops.backends import BACKENDS, compiled
from ..ops.test_registry import ENTRIES, REFUSED, cases


def step(backend):
    """A gradient step of a small network, with a loop, a scatter and a length that depends on data."""
    x, i = T.fmatrix("x"), T.lvector("i")
    w = graphlib.shared(np.ones((4, 3), "float32"), name="w")
    table = graphlib.shared(np.ones((5, 3), "float32"), name="table")
    h = T.nnet.softmax(T.dot(x, w) + table[i])
    states, _ = graphlib.scan(lambda row, s: 0.5 * s + row, h, T.zeros(3))
    chosen = x[x > 0]
    cost = T.log(h).sum() + states[-1].sum()
    updates = [(v, v - 0.1 * g) for v, g in zip((w, table), T.grad(cost, [w, table]), strict=True)]
    return compiled(backend, [x, i], [cost, chosen * 2], updates=updates)


@pytest.fixture(scope="module", params=BACKENDS)
def plan(request):
    return step(request.param).plan


def change(plan: Plan, number: int, **parts) -> Plan:
    """The plan with other parts of one of its steps."""
    steps = list(plan.steps)
    steps[number] = replace(steps[number], **parts)
    return replace(plan, steps=tuple(steps))


def find(plan: Plan, kind: type) -> tuple[int, int]:
    """The first action of a kind: the numbers of its step and of it."""
    return next(
        (k, n) for k, s in enumerate(plan.steps) for n, a in enumerate(s.actions) if isinstance(a, kind)
    )


def with_kernel(plan: Plan, change_body) -> Plan:
    """The plan with each kernel's body changed where ``change_body`` finds something to change."""
    for number, one in enumerate(plan.steps):
        for n, action in enumerate(one.actions):
            if isinstance(action, Launch) and (body := change_body(action.kernel.body)) is not None:
                made = Launch(replace(action.kernel, body=body))
                return change(plan, number, actions=(*one.actions[:n], made, *one.actions[n + 1 :]))
    raise AssertionError("no kernel has what is to be changed")


def without(kind: type):
    """What takes the first statement of a kind out of a body, however deep it is; None where there is
    none."""

    def taken_out(body):
        for k, one in enumerate(body):
            if isinstance(one, kind):
                return (*body[:k], *body[k + 1 :])
            inside = taken_out(one.body) if hasattr(one, "body") else None
            if inside is not None:
                return (*body[:k], replace(one, body=inside), *body[k + 1 :])
        return None

    return taken_out


def broken(plan: Plan, words: str) -> None:
    with pytest.raises(ScheduleError, match=words):
        verify(plan)


# what a plan is


def test_text_of_a_plan_names_what_a_reader_looks_for(plan):
    text = str(plan)
    for words in ("x#", "table#", "softmax" if "softmax" in text else "exp", "checks", "results:", "arena"):
        assert words in text
    assert "now the length" in text and "an index" not in text


def test_a_plan_comes_back_from_a_pickle_and_is_written_the_same(plan):
    again = pickle.loads(pickle.dumps(plan))
    assert again == plan and str(again) == str(plan)
    render = c.render if plan.target == "c" else cuda.render
    assert render(again).source == render(plan).source


def test_plans_are_equal_where_functions_are():
    x, y = T.fmatrices("x", "y")

    def made(f):
        return graphlib.function([x, y], f(x, y), mode="fast_run", name="f").plan

    plans = [made(f) for f in (lambda a, b: T.dot(a, b), lambda a, b: T.dot(a, b), lambda a, b: T.dot(b, a))]
    origins = [replace(p, title="", steps=()) for p in plans]
    assert origins[0].slots == origins[1].slots
    assert [p.checks == plans[0].checks for p in plans][2] is False


def test_rendering_changes_nothing(plan):
    before = pickle.dumps(plan)
    (c.render if plan.target == "c" else cuda.render)(plan)
    assert pickle.loads(before) == plan


def test_reference_has_no_plan():
    x = T.fvector("x")
    assert graphlib.function([x], x + 1, mode="reference").plan is None


# broken plans


def test_a_plan_is_proven_as_it_is(plan):
    verify(plan)


def test_steps_the_other_way_round(plan):
    broken(
        replace(plan, steps=plan.steps[::-1], after=plan.after[::-1]),
        r"before|begins as nothing|after .* has been changed",
    )


def test_a_step_that_is_missing(plan):
    number, _ = find(plan, Launch)
    rest = (*plan.steps[:number], *plan.steps[number + 1 :])
    broken(
        replace(plan, steps=rest, after=(*plan.after[:number], *plan.after[number + 1 :])), r"before|place"
    )


def test_everything_in_one_part_of_the_arena(plan):
    memories = tuple(m for slot in plan.slots for m in slot.memories)
    one = replace(plan.slots[0], memories=memories)
    broken(replace(plan, slots=(one,)), r"was written over it|while it still reads|does not write")


def test_a_store_that_is_missing(plan):
    broken(with_kernel(plan, without(Store)), r"before it is|does not write|begins as nothing")


def test_an_accumulator_that_begins_as_nothing(plan):
    broken(with_kernel(plan, without(Accumulator)), "uses the register .* before it is there")


def test_a_register_that_is_missing(plan):
    broken(with_kernel(plan, without(Let)), "uses the register .* before it is there")


def test_a_length_that_is_found_too_late(plan):
    late = next(k for k, found in enumerate(plan.after) if found.lengths)
    after = list(plan.after)
    after[late], after[-1] = replace(after[late], lengths=(), arrays=(), outputs=()), after[late]
    broken(replace(plan, after=tuple(after)), "length")


def test_memory_that_is_never_taken(plan):
    after = tuple(replace(found, arrays=()) for found in plan.after)
    broken(replace(plan, after=after), "memory")


def test_a_result_elsewhere(plan):
    results = (plan.results[1], plan.results[0], *plan.results[2:])
    swapped = [replace(a, number=b.number) for a, b in zip(plan.results, results, strict=True)]
    broken(replace(plan, results=tuple(swapped)), "not in its place")


def sums(rows=None):
    """The sums of a table's columns, each chunk in memory of its own, in double."""
    x = T.TensorType("float32", (rows, None))("x")
    return graphlib.function([x], T.exp(x).sum(axis=0), mode="fast_run").plan


def step_of(plan: Plan, kind: type, change_one) -> Plan:
    """The plan with another one in the place of its first action of a kind."""
    number, n = find(plan, kind)
    actions = list(plan.steps[number].actions)
    actions[n] = change_one(actions[n])
    return change(plan, number, actions=tuple(actions))


@pytest.mark.parametrize("kind", [OwnMemory, Parts])
def test_memory_of_a_chunks_own_that_is_missing(kind):
    plan = with_kernel(sums(), without(kind))
    broken(plan, "an array .* of its own that is not there|other memory of its own than it is given")


def test_memory_of_a_chunks_own_that_is_too_small():
    def smaller(launch):
        sizes = launch.kernel.own
        return Launch(replace(launch.kernel, own=(*sizes[:-1], sizes[-1] - 4)))

    broken(step_of(sums(), Launch, smaller), "other memory of its own than it is given")


def test_a_part_of_a_sum_that_is_taken_nowhere():
    x = T.fvector("x")
    plan = graphlib.function([x], T.exp(x).sum(), mode="fast_run").plan
    alone = step_of(plan, Launch, lambda launch: Launch(replace(launch.kernel, partial=())))
    broken(alone, "parts of other results|does not write")
    broken(with_kernel(plan, without(Part)), "parts of other results")


def test_an_array_that_is_larger_than_its_memory(plan):
    slots = tuple(replace(slot, sizes=tuple(size - 1 for size in slot.sizes)) for slot in plan.slots)
    broken(replace(plan, slots=slots), "is larger than its memory")


def test_a_product_onto_nothing():
    x, y = T.fmatrices("x", "y")
    plan = graphlib.function([x, y], T.dot(x, y), mode="fast_run").plan
    number, n = find(plan, Product)
    product = replace(plan.steps[number].actions[n], beta=graphlib.scalar.expression.integer(1))
    broken(change(plan, number, actions=(product,)), "begins as nothing")


def test_in_place_over_another_element():
    """A loop that writes over what it reads reads the very element that it writes, and no other."""
    w = graphlib.shared(np.ones(8, "float32"), name="w")
    plan = graphlib.function([], [], updates=[(w, w * 2)], mode="fast_run").plan

    def moved(body):
        for k, one in enumerate(body):
            if isinstance(one, Store):
                return (*body[:k], replace(one, offset=one.offset + 1), *body[k + 1 :])
            if isinstance(one, Loop) and (inside := moved(one.body)) is not None:
                return (*body[:k], replace(one, body=inside), *body[k + 1 :])
        return None

    broken(with_kernel(plan, moved), "while it still reads")


@pytest.mark.parametrize("by", [10**6, -1])
def test_an_element_beyond_an_array(by):
    """Kernels are held against the arrays that they go to, for some lengths."""
    x, w = T.fmatrices("x", "w")
    rows = T.concatenate([x[1:, ::2], w], axis=0)
    plan = graphlib.function([x, w], rows * rows.sum(axis=0), mode="fast_run").plan
    hold(plan)

    def moved(body):
        for k, one in enumerate(body):
            if isinstance(one, Store):
                return (*body[:k], replace(one, offset=one.offset + by), *body[k + 1 :])
            if isinstance(one, Loop) and (inside := moved(one.body)) is not None:
                return (*body[:k], replace(one, body=inside), *body[k + 1 :])
        return None

    with pytest.raises(ScheduleError, match=r"goes to element .* which has"):
        hold(with_kernel(plan, moved))


def kernels_of(plan: Plan) -> dict[str, list[str]]:
    """All kernels, in the place of those that are not proven."""
    actions = [a for one in plan.all() for step in one.steps for a in step.actions]
    return {a.kernel.name: [] for a in actions if isinstance(a, Launch)}


def planned(inputs, outputs, updates=None, name="f") -> Plan:
    """The plan of a function that is not compiled."""
    updates = updates or {}
    program = Program(name, inputs, outputs, [False] * len(outputs), updates, list(updates))
    return plan_for_c(Schedule(*lowered(rewritten(represented(program).program))))


def test_no_operation_goes_beyond_an_array(monkeypatch):
    """Samples of all operations, of unknown shapes; those that are proven are held against some lengths,
    too."""
    monkeypatch.setattr("graphlib.schedule.bounds.unproven", lambda plan: (kernels_of(plan), 0))
    for name in ENTRIES:
        samples = cases(name, ("float32", "int64"), (False,))
        inputs, outputs = ([v for s in samples for v in getattr(s, k)] for k in ("inputs", "outputs"))
        made = planned(inputs, outputs, name=name)
        hold(made)
        assert unproven(made)[0] == {}, name
        assert f"{name}, for C" in str(made), "what its checks say can be said"


def called():
    """A plan with each kind of action that is no kernel: a library call, a product, a copy, a loop."""
    x, y, n = T.fmatrix("x"), T.fmatrix("y"), T.lscalar("n")
    w = graphlib.shared(np.ones((4, 3), "float32"), name="w")
    rows, _ = graphlib.scan(lambda row, s: s + row, x, T.zeros(n))
    outputs = [T.sort(x, 0), T.dot(x, y), x[T.nonzero(x)], rows, w]
    return planned([x, y, n], outputs, {w: w * 2})


def one_more(field):
    return lambda action: replace(action, **{field: getattr(action, field) + 1})


def first_more(field):
    """One more in the first of an action's integers, or a row further in what a loop goes over."""

    def changed(action):
        first, *others = getattr(action, field)
        first = replace(first, offset=first.offset + 1) if field == "sequences" else first + 1
        return replace(action, **{field: (first, *others)})

    return changed


CALLS = {
    "a sort of one line more": (Call, first_more("integers")),
    "a product of one row more": (Product, one_more("m")),
    "a product with longer sums": (Product, one_more("k")),
    "a factor from its second element on": (
        Product,
        lambda p: replace(p, b=replace(p.b, offset=p.b.offset + 1)),
    ),
    "a copy of one element more": (CopyArray, one_more("size")),
    "a loop of one step more": (Scan, one_more("n")),
    "a loop over rows that begin later": (Scan, first_more("sequences")),
}


@pytest.mark.parametrize("how", CALLS)
def test_a_call_that_goes_too_far_is_not_proven(how):
    plan = called()
    assert unproven(plan)[0] == {}
    assert unproven(step_of(plan, *CALLS[how]))[0] != {}


def test_a_function_of_the_library_without_a_contract():
    with pytest.raises(ScheduleError, match="gl_other has no contract"):
        unproven(step_of(called(), Call, lambda call: replace(call, function="gl_other")))


def rows_of(x):
    """All but the last axis as one, whose length is found during the call."""
    rows = T.prod(T.stack([x.shape[0], x.shape[1]]))
    return T.exp(T.reshape(x, (rows, -1), ndim=2))


#: what takes checks to be proven: lengths that are equal, that are at least some number, quotients of them
BY_CHECKS = {
    "an axis that is a quotient": lambda x, n: rows_of(x),
    "an axis that a number chooses": lambda x, n: T.concatenate([x, x * 2], axis=n),
    "steps as long as an axis": lambda x, n: patches(x[0], (n + 1, 2), (n, 1)),
}


@pytest.mark.parametrize("what", BY_CHECKS)
def test_what_checks_find_is_part_of_a_proof(what):
    """Without its checks a plan is not proven, nor with a loop of one turn more."""
    x, n = T.ftensor3("x"), T.lscalar("n")
    plan = planned([x, n], [BY_CHECKS[what](x, n)])
    assert unproven(plan)[0] == {}
    nothing = tuple(replace(found, checks=()) for found in plan.after)
    unchecked = replace(plan, checks=(), first=replace(plan.first, checks=()), after=nothing)
    assert unproven(unchecked)[0] != {}
    assert unproven(with_kernel(plan, everywhere(BROKEN["a turn too many"])))[0] != {}


@pytest.mark.parametrize(
    ("kind", "what"),
    [(Length, "the lengths of scan"), (Size, "the size of scan"), (Check, "the lengths of y")],
)
def test_lengths_that_nobody_looks_at_are_not_proven(kind, what):
    plan = called()
    checks = tuple(c for c in plan.checks if not isinstance(c, kind))
    nothing = tuple(replace(found, checks=()) for found in plan.after)
    left, _ = unproven(replace(plan, checks=checks, first=replace(plan.first, checks=()), after=nothing))
    assert what in " ".join(words for several in left.values() for words in several)


def for_device(inputs, outputs, name="f") -> Plan:
    """The plan for a device of a function that is not compiled."""
    program = Program(name, inputs, outputs, [False] * len(outputs), {}, [])
    return plan_for_cuda(Schedule(*lowered(rewritten(represented(program).program))), False, False, True)


#: what kernels of a device go over, each with a function whose kernels do, and a change of that
DEVICE = {
    "rows of teams": (lambda x, y: T.nnet.softmax(x), Teams, one_more("count")),
    "a team's loop": (lambda x, y: T.nnet.softmax(x), TeamLoop, one_more("length")),
    "threads": (lambda x, y: T.concatenate([x, y]), EachThread, one_more("count")),
    "columns": (lambda x, y: x.sum(axis=0), Columns, one_more("count")),
    "their terms": (lambda x, y: x.sum(axis=0), Columns, one_more("terms")),
    "four at once": (lambda x, y: T.exp(T.flatten(x)), Float4, one_more("count")),
    "a tile's rows": (
        lambda x, y: T.exp(x.T),
        Transposed,
        lambda s: replace(s, lengths=(s.lengths[0] + 1, s.lengths[1])),
    ),
    "a product's rows": (lambda x, y: T.dot(x, y), ProductTiles, one_more("m")),
    "a product's sums": (lambda x, y: T.dot(x, y), ProductTiles, one_more("k")),
    "a sort": (
        lambda x, y: T.sort(x, 0),
        DeviceCall,
        lambda s: replace(s, arguments=tuple(a + 1 if isinstance(a, Poly) else a for a in s.arguments)),
    ),
    "a sort's shared memory": (
        lambda x, y: T.sort(x, 0),
        DeviceCall,
        lambda s: replace(s, shared=tuple((name, dtype, n - 1) for name, dtype, n in s.shared)),
    ),
}


@pytest.mark.parametrize("how", DEVICE)
def test_a_kernel_of_a_device_that_goes_too_far_is_not_proven(how):
    build, kind, change_one = DEVICE[how]
    x, y = T.fmatrices("x", "y")
    plan = for_device([x, y], [build(x, y)])
    assert unproven(plan)[0] == {}
    changed = with_kernel(plan, everywhere(lambda s: change_one(s) if isinstance(s, kind) else s))
    assert unproven(changed)[0] != {}


def test_no_operation_on_a_device_goes_beyond_an_array():
    for name in ENTRIES:
        samples = [s for s in cases(name, ("float32",), (False,)) if ("cuda", name) not in REFUSED]
        inputs, outputs = ([v for s in samples for v in getattr(s, k)] for k in ("inputs", "outputs"))
        assert unproven(for_device(inputs, outputs, name))[0] == {}, name


def test_an_index_into_what_may_be_empty_is_guarded():
    x, i = T.fmatrix("x"), T.lvector("i")
    plan = planned([x, i], [x[i] * 2])
    assert unproven(plan)[0] == {}
    assert unproven(change(plan, 0, guards=()))[0] != {}


def test_a_length_of_two_loops_is_counted_once():
    """Two loops of n turns say that n is at least 1, not at least 2."""
    x = T.fvector("x")
    plan = planned([x], [T.outer(x, x) + T.exp(x)[:, None]])

    def second(e):
        if e.op == "load":
            return load(e.value[0], e.dtype, Poly.of(1))
        return node(e.op, e.dtype, *map(second, e.args)) if e.args else e

    def changed(one):
        inside = isinstance(one, Let) and any(e.op == "load" for e in walk(one.value))
        return replace(one, value=second(one.value)) if inside else one

    assert unproven(plan)[0] == {}
    assert unproven(with_kernel(plan, everywhere(changed)))[0] != {}


def everywhere(change_one):
    """What changes every statement of a body for which ``change_one`` gives another one."""

    def changed(body):
        made = []
        for one in body:
            inside = {k: changed(v) or v for k in ("body", "before", "after") if (v := getattr(one, k, ()))}
            made.append(change_one(replace(one, **inside) if inside else one))
        return tuple(made) if tuple(made) != tuple(body) else None

    return changed


BROKEN = {
    "a store one further": lambda s: replace(s, offset=s.offset + 1) if isinstance(s, Store) else s,
    "a store one before": lambda s: replace(s, offset=s.offset - 1) if isinstance(s, Store) else s,
    "a turn too many": lambda s: replace(s, length=s.length + 1) if isinstance(s, Loop) else s,
    "an index that is not checked": lambda s: (
        replace(s, value=s.value.args[0]) if isinstance(s, Let) and s.value.op == "checked_index" else s
    ),
}


@pytest.mark.parametrize("how", BROKEN)
def test_what_is_wrong_is_not_proven(how):
    """Rows that are chosen, by indices that the second kernel knows to be checked, of lengths that nobody
    knows, are proven to be inside, until one thing is wrong."""
    x, rows = T.fmatrix("x"), T.lvector("rows")
    chosen = T.exp(x)[rows]
    plan = graphlib.function([x, rows], T.dot(chosen, x.T) + T.exp(chosen).sum(), mode="fast_run").plan
    assert unproven(plan)[0] == {}
    assert unproven(with_kernel(plan, everywhere(BROKEN[how])))[0] != {}


def test_a_check_in_a_step_before_is_one_for_those_after():
    """Rows that are chosen and then added to: only the first step looks whether they are there."""
    w, rows = graphlib.shared(np.ones((40, 10), "float32"), name="w"), T.lvector("rows")
    plan = graphlib.function([rows], T.grad((T.exp(w[rows]) ** 2).sum(), w), mode="fast_run").plan
    kernels = [a.kernel for step in plan.steps for a in step.actions if isinstance(a, Launch)]
    assert [k.checks for k in kernels] == [True, False]
    assert unproven(plan)[0] == {}
    left, _ = unproven(with_kernel(plan, everywhere(BROKEN["an index that is not checked"])))
    assert left.keys() == {k.name for k in kernels}


def test_values_that_have_nothing_to_do_with_one_another_are_not_all_in_one_nest():
    """A compiler takes seconds for a loop that writes two hundred arrays, and gains nothing by it."""
    x = T.ftensor3("x")
    outputs = [T.exp(x[k]) for k in range(100)]
    program = Program("rows", [x], outputs, [False] * len(outputs), {}, [])
    plan = plan_for_c(Schedule(*lowered(rewritten(program))))
    stores = [
        sum(isinstance(one, Store) for one in statements(a.kernel.body))
        for step in plan.steps
        for a in step.actions
    ]
    assert sum(stores) == 100
    assert max(stores) <= 32


def test_a_loop_inside_is_proven_too(plan):
    number, n = next(
        (k, j) for k, s in enumerate(plan.steps) for j, a in enumerate(s.actions) if hasattr(a, "plan")
    )
    scan = plan.steps[number].actions[n]
    inner = replace(scan.plan, steps=(), after=())
    actions = (
        *plan.steps[number].actions[:n],
        replace(scan, plan=inner),
        *plan.steps[number].actions[n + 1 :],
    )
    broken(change(plan, number, actions=actions), "a step of .* is not in its place")
