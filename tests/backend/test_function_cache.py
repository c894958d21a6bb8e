"""The cache of whole functions: equal programs are found, whatever is a little different is not, and what
lies in the cache may be damaged, missing, or written by several at once."""

import copy
import json
import pickle
import shutil

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.compile import function_cache, pipeline
from graphlib.compile.identity import Identity, NoIdentity
from graphlib.graph import toposort
from graphlib.rewrite.rules import RuleSet
from graphlib.run.c import toolchain
from graphlib.run.cache import sealed
from tests.ops.test_registry import ENTRIES, cases

from .processes import ROOT, compiler, finish, run, start

pytestmark = pytest.mark.skipif(compiler() is None, reason="this machine has no C compiler")


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """An empty cache, of which all tests make use."""
    folder = tmp_path_factory.mktemp("cache")
    # the files of a checkout may be as new as this process
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graphlib, "_LOADED", 2**62)
        function_cache.engine.cache_clear()
        with graphlib.config.change(cache_dir=str(folder), cache_functions=True):
            yield folder
    function_cache.engine.cache_clear()


@pytest.fixture
def made(monkeypatch):
    """The programs that went through all stages: those that were not found."""
    programs = []
    whole = pipeline.compiled
    monkeypatch.setattr(pipeline, "compiled", lambda *given: (programs.append(given[0]), whole(*given))[1])
    return programs


def entries(cache):
    return sorted(cache.glob("??/*.function"))


# what is the same


def loss(name="step", rate=0.5, start=(1.0, 2.0, 3.0)):
    x, w = T.vector("x"), graphlib.shared(np.array(start, "float32"), "w")
    cost = T.sum(T.nnet.softplus(w * x)) + T.constant(np.arange(3, dtype="float32"))[T.argmax(x)]
    return graphlib.function([x], cost, updates=[(w, w - rate * T.grad(cost, w))], name=name), w


def test_a_function_that_was_compiled_before_is_found(made):
    x = np.array([1, -2, 0.5], "float32")
    first, second = loss(), loss()
    assert len(made) == 1
    for _ in range(2):
        assert first[0](x) == second[0](x)
        np.testing.assert_array_equal(first[1].get_value(), second[1].get_value())
    third, w = loss("of another name", start=(3, 1, 2))
    assert len(made) == 1
    before = np.array([3, 1, 2], "float64")
    np.testing.assert_allclose(third(x), np.log1p(np.exp(before * x)).sum(), rtol=1e-6)
    np.testing.assert_allclose(w.get_value(), before - 0.5 * x / (1 + np.exp(-before * x)), rtol=1e-6)


def test_one_that_is_found_can_be_looked_into():
    first, second = loss()[0], loss()[0]
    assert second.plan == first.plan and str(second.plan) == str(first.plan)
    assert len(second.optimized) == 2 and "gl_run" in second.source
    copied = pickle.loads(pickle.dumps(second))
    assert copied(np.ones(3, "float32")) == first(np.ones(3, "float32"))


def test_lengths_that_change_later(made):
    loss()
    del made[:]
    (f, w), (g, v) = loss(), loss()
    for function, variable in ((f, w), (g, v)):
        variable.set_value(np.array([1, 2], "float32"))
        np.testing.assert_allclose(
            function(np.ones(2, "float32")), np.log1p(np.exp([1.0, 2.0])).sum(), rtol=1e-6
        )
    # for any lengths, once
    assert len(made) == 1


def test_messages_are_about_the_program_as_it_is_now():
    source = (
        "\n" * 70 + "made = graphlib.function([a, b, i], (a + b)[i], updates=[(s, s + 1)], name='chosen')\n"
    )
    for before in ("", "\n" * 11):
        a, b, i = T.vector("a"), T.vector("b"), T.lscalar("i")
        s = graphlib.shared(np.zeros(2, "float32"), "s", shape=(2,))
        space = {"graphlib": graphlib, "a": a, "b": b, "i": i, "s": s}
        exec(compile(before + source, "program.py", "exec"), space)
        line = f"program.py:{71 + before.count(chr(10))}"
        two, three = np.ones(2, "float32"), np.ones(3, "float32")
        for _ in range(2):
            with pytest.raises(graphlib.errors.ShapeError, match=rf"chosen \({line}\).* of b .* 3$"):
                space["made"](two, three, 0)
            with pytest.raises(IndexError, match=rf"chosen \({line}\).*index 5"):
                space["made"](two, two, 5)
        np.testing.assert_array_equal(s.get_value(), [0, 0])
        assert space["made"](two, two, 1) == 2
        np.testing.assert_array_equal(s.get_value(), [1, 1])


# what is different


def text(inputs, outputs, updates=(), shapes=None, **settings):
    """What a function's program is written down as."""
    with graphlib.config.change(**settings):
        f = graphlib.function(
            inputs, outputs, updates=list(updates), mode="reference", on_unused_input="ignore"
        )
        return Identity(f._program, shapes).text


def series(amount=2.0, dtype="float32", taps=1, name=None, until=False):
    """A loop, and what it is made of."""
    x = T.vector("x", dtype=dtype)

    def step(row, *before):
        value = sum(before) * T.constant(amount, dtype=dtype) + row
        return (value, {}, graphlib.until(value > 9)) if until else value

    initial = {"initial": x[:taps], "taps": list(range(-taps, 0))} if taps > 1 else x[0]
    return [x], graphlib.scan(step, x, initial, name=name)[0]


def shared(value, name=None, **kwargs):
    return graphlib.shared(np.asarray(value, "float32"), name, **kwargs)


def of_vector(build, dtype="float32", name="x"):
    x = T.vector(name, dtype=dtype)
    return [x], build(x)


def swapped(first, same=False, other_order=False):
    a = shared([1, 2], "a")
    b = a if same else shared([1, 2], "b")
    updates = [(a, a + 1)] if same else [(a, b), (b, a)] if first else [(a, b), (b, a + 0)]
    return [], a * 2 + b, updates[::-1] if other_order else updates


def held(shape):
    return [], T.exp(graphlib.shared(np.ones(shape, "float32")).sum(axis=0))


#: programs that are a little different from one another, by what is different in them
ALMOST = {
    "constants": [of_vector(lambda x, c=c: x * c) for c in (2.0, 3.0, np.nextafter(np.float32(2), 3))],
    "zeros and what is no number": [of_vector(lambda x, c=c: x / c) for c in (0.0, -0.0, np.nan, np.inf)],
    "dtypes of constants": [
        of_vector(lambda x, t=t: [x, T.constant(2, dtype=t)]) for t in ("int8", "int64", "float32")
    ],
    "shapes of constants": [
        of_vector(lambda x, s=s: T.constant(np.arange(6, dtype="float32").reshape(s)) * x.sum())
        for s in ((2, 3), (3, 2), (6,), (1, 6))
    ],
    "dtypes": [of_vector(lambda x: x + x, t) for t in ("float32", "float64", "int32", "int64")],
    "patterns that broadcast": [
        ([x], x + T.constant(np.ones((2, 2), "float32")))
        for x in (T.matrix("x"), T.col("x"), T.row("x"), T.TensorType("float32", (2, 2))("x"))
    ],
    "names": [of_vector(lambda x: x + 1, name=n) for n in ("x", "y", None)],
    "operations": [of_vector(f) for f in (T.exp, T.log, lambda x: x + x, lambda x: x - x, lambda x: x * x)],
    "axes": [
        ([m], f(m))
        for m in [T.matrix()]
        for f in (lambda m: m.sum(0), lambda m: m.sum(1), lambda m: m.max(0))
    ],
    "slices": [
        of_vector(lambda x, s=s: x[s])
        for s in (slice(1, None), slice(2, None), slice(None, None, 2), slice(None, -1))
    ],
    "operands": [of_vector(f) for f in (lambda x: x / 2, lambda x: 2 / x)],
    "what is the same variable": [swapped(True), swapped(True, same=True)],
    "updates": [swapped(True), swapped(False), swapped(True, other_order=True)],
    "which of two": [
        ([x, y], o) for x, y in [(T.vector("x"), T.vector("x"))] for o in (x - y, y - x, [x, y], [y, x])
    ],
    "declared lengths": [([], shared([1, 2], "s", shape=n) * 2) for n in ((None,), (2,))],
    "loops": [
        series(),
        series(3.0),
        series(dtype="float64"),
        series(taps=2),
        series(until=True),
        series(name="other"),
    ],
    "kinds of leaves": [([], shared([1, 2], "x") * 2), of_vector(lambda x: x * 2)],
}


@pytest.mark.parametrize("what", ALMOST)
def test_what_is_a_little_different_is_another_program(what):
    texts = [text(*program) for program in ALMOST[what]]
    assert len(set(texts)) == len(texts)
    # and each is the same as itself
    assert texts == [text(*program) for program in ALMOST[what]]


def test_lengths_and_settings_are_part_of_a_program():
    program = of_vector(lambda x: x + shared([1, 2]))
    texts = [text(*program, shapes=shapes) for shapes in (None, [(2,)], [(3,)])]
    texts += [text(*program, **other) for other in ({"floatX": "float64"}, {"threads": 3})]
    assert len(set(texts)) == len(texts)


def test_loops_with_the_same_steps_are_told_apart_by_whether_they_are_one():
    (x,), y = series()
    node = next(node for node in toposort([y]) if type(node.op).__name__ == "Scan")
    op, other = node.op, copy.copy(node.op)
    assert op == other
    texts = [
        text([x], [one.make_node(*node.inputs).outputs[0] for one in pair])
        for pair in ((op, op), (op, other))
    ]
    assert texts[0] != texts[1]


def operations():
    """Every operation in the graphs of the registry's samples."""
    for name in ENTRIES:
        for case in cases(name, shapes=(False,)):
            for node in toposort(case.outputs):
                yield node.op


def test_operations_that_are_not_equal_do_not_read_alike():
    """What two operations have in common that are written down alike is everything."""
    f = graphlib.function([], T.constant(1.0), mode="reference")
    written = Identity(f._program, None)
    known = {}
    for op in operations():
        if type(op).__name__ == "Scan":
            continue  # equal ones are made of the same variables; see above
        described = repr(written._of(op))
        assert known.setdefault(described, op) == op, described
    assert len(known) > 150


def test_different_programs_in_one_cache(made):
    """Numbers, not only names: pairs of programs in the same process and cache."""
    x = np.array([1, 2, 4], "float32")
    for scale in (2.0, 3.0):
        for first in (0, 1):
            v = T.vector("x")
            f = graphlib.function([v], T.tanh(v[first:] * scale))
            np.testing.assert_allclose(f(x), np.tanh(x[first:] * scale), rtol=1e-6)
    assert len(made) == 4


def test_a_large_constant_is_taken_from_the_graph(cache, made):
    before = set(entries(cache))
    for add in (0, 0, 1):
        table = np.arange(5_000_000, dtype="float32") + add
        i = T.lscalar("i")
        f = graphlib.function([i], T.constant(table)[i])
        assert f(4_999_999) == table[-1]
    assert len(made) == 2
    assert all(path.stat().st_size < 100_000 for path in set(entries(cache)) - before)


# what is not known


class Twice(type(T.cast(T.vector(), "float64").owner.op)):
    """An operation of somebody else's."""


def test_operations_of_others_are_not_looked_for():
    x = T.vector("x")
    f = graphlib.function([x], Twice("float64").make(x), mode="reference")
    with pytest.raises(NoIdentity):
        Identity(f._program, None)


def test_rules_of_others_are_seen():
    x = T.vector("x")
    f = graphlib.function([x], x + 1, mode="reference")
    rules = RuleSet("of a test")
    try:
        rules.append(type(RuleSet.all[0][0])("a rule of a test", "test", [], lambda node: None))
        with pytest.raises(NoIdentity):
            assert not Identity(f._program, None).text
    finally:
        RuleSet.all.remove(rules)


def test_what_has_changed_since_it_was_loaded_is_not_known(monkeypatch):
    monkeypatch.setattr(graphlib, "_LOADED", 10**9)
    function_cache.engine.cache_clear()
    assert function_cache.engine() is None
    monkeypatch.undo()
    function_cache.engine.cache_clear()


def test_another_processor_is_another_place(monkeypatch):
    x = T.vector("x")
    program = graphlib.function([x], x + 1, mode="reference")._program
    here = function_cache.entry(program, None).name
    monkeypatch.setattr(toolchain, "_identity", lambda compiler: "another processor")
    assert function_cache.entry(program, None).name != here


PROGRAM = """
    import numpy as np
    import graphlib
    import graphlib.tensor as T
    from graphlib.compile import pipeline

    whole, made = pipeline.compiled, []
    pipeline.compiled = lambda *given: (made.append(1), whole(*given))[1]
    x = T.vector("x")
    w = graphlib.shared(np.ones(2, "float32"))
    f = graphlib.function([x], T.sqr(x) + w, updates=[(w, w + 1)])
    print(*f([3, 4]), *f([3, 4]), len(made))
"""


CALLS_PYTHON = """
    import numpy as np
    import graphlib
    import graphlib.tensor as T
    from graphlib.ops.observing import Assert, Print

    x = T.vector("x")
    y = Print("looked at")(Assert("too small")(x, T.all(x > 1)) * 2)
    f = graphlib.function([x], y + 1)
    print(*f([3, 4]))
    try:
        f([0, 4])
    except AssertionError as error:
        print(error)
"""


def test_what_calls_back_into_python_is_of_this_process(tmp_path):
    """The functions that it calls are numbered as they are made."""
    flags = {"cache_dir": tmp_path / "cache"}
    for _ in range(2):
        printed = run(CALLS_PYTHON, flags=flags)
        assert printed == "looked at __str__ = [6. 8.]\n7.0 9.0\ntoo small\n"


def test_another_graphlib_is_another_place(tmp_path):
    """An edit of one line of graphlib, with the cache that was filled before it."""
    shutil.copytree(
        ROOT / "graphlib",
        tmp_path / "graphlib",
        ignore=shutil.ignore_patterns("nn", "datasets", "__pycache__"),
    )
    flags = {"cache_dir": tmp_path / "cache"}
    assert run(PROGRAM, flags=flags, root=tmp_path) == "10.0 17.0 11.0 18.0 1\n"
    assert run(PROGRAM, flags=flags, root=tmp_path) == "10.0 17.0 11.0 18.0 0\n"
    path = tmp_path / "graphlib" / "rewrite" / "specialize.py"
    path.write_text(path.read_text() + "\n# another version\n")
    assert run(PROGRAM, flags=flags, root=tmp_path) == "10.0 17.0 11.0 18.0 1\n"


# what happens to files


def test_processes_that_write_the_same_at_once(tmp_path):
    flags = {"cache_dir": tmp_path / "cache"}
    running = [start(PROGRAM, flags=flags) for _ in range(3)]
    assert {finish(process).rpartition(" ")[0] for process in running} == {"10.0 17.0 11.0 18.0"}
    assert len(entries(tmp_path / "cache")) == 1


def damaged_head(data, **other):
    """A whole entry, of which something else is true."""
    head, line, rest = data[:-32].partition(b"\n")
    return sealed(json.dumps({**json.loads(head), **other}).encode() + line + rest)


DAMAGES = {
    "truncated": lambda data: data[:-40],
    "emptied": lambda data: b"",
    "one bit": lambda data: data[:20] + bytes([data[20] ^ 1]) + data[21:],
    "garbage with a valid hash": lambda data: sealed(b"\x80\x04garbage"),
    "a list": lambda data: sealed(b"[1, 2]\n"),
    "too much": lambda data: sealed(data[:-32] + b"more"),
    "a path": lambda data: damaged_head(data, driver="../../evil"),
    "an object that is not there": lambda data: damaged_head(data, driver="0" * 32),
    "a constant that is not there": lambda data: damaged_head(data, constants=[17]),
    "nothing of it": lambda data: sealed(b"{}\n"),
}


def test_a_damaged_entry_is_made_anew(cache, made):
    def check():
        x = T.vector("x")
        f = graphlib.function([x], T.cosh(x) * T.constant(np.arange(3, dtype="float32")))
        np.testing.assert_allclose(f([1, 2, 0]), np.cosh([1, 2, 0]) * [0, 1, 2], rtol=1e-6)

    before = set(entries(cache))
    check()
    (path,) = set(entries(cache)) - before
    whole = path.read_bytes()
    for damage in DAMAGES.values():
        path.write_bytes(damage(whole))
        del made[:]
        check()
        assert len(made) == 1 and path.read_bytes() == whole
    # and where its objects have made room
    del made[:]
    driver = json.loads(whole.partition(b"\n")[0])["driver"]
    (cache / driver[:2] / f"{driver}.so").unlink()
    check()
    assert len(made) == 1
    check()
    assert len(made) == 1


def test_what_others_can_write_to_is_not_read(cache, made):
    loss(rate=0.25)
    for path in entries(cache):
        path.chmod(0o666)
    del made[:]
    loss(rate=0.25)
    assert len(made) == 1


def test_a_function_that_is_profiled_is_of_today(made):
    x = T.vector("x")
    for _ in range(2):
        f = graphlib.function([x], T.exp(x), profile=True)
        f([1, 2])
        assert "exp" in str(f.profile)
    assert len(made) == 2
