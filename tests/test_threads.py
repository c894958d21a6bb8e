"""Threads that share variables take turns; settings of a block belong to its thread."""

import asyncio
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib import config
from tests.ops.backends import MODES, compiled

LIMIT = 60  # seconds until a deadlock is one


def run_together(*works):
    """Each work in a thread of its own, all begun at once; the first error of any is raised here."""
    errors = []
    barrier = threading.Barrier(len(works))

    def one(work):
        try:
            barrier.wait(LIMIT)
            work()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=one, args=(work,), daemon=True) for work in works]
    for t in threads:
        t.start()
    for t in threads:
        t.join(LIMIT)
    assert not any(t.is_alive() for t in threads), "a deadlock"
    if errors:
        raise errors[0]


@pytest.mark.parametrize("mode", MODES)
def test_no_update_is_lost_and_no_value_is_torn(mode):
    n, turns = (100_000, 40) if mode == "c" else (2_000, 10)
    s = graphlib.shared(np.zeros(n), "s")
    adding = [compiled(mode, [], s[0], updates=[(s, s + k - (k - 1))]) for k in (1.0, 2.0, 3.0)]
    extremes = compiled(mode, [], [s.min(), s.max()])
    torn = []

    def add(f):
        for _ in range(turns):
            f()

    def look():
        for _ in range(turns):
            low, high = extremes()
            value = s.get_value()
            torn.append(low != high or value.min() != value.max())

    run_together(*(lambda f=f: add(f) for f in (*adding, adding[0])), look)
    value = s.get_value()
    assert value.min() == value.max() == 4 * turns and not any(torn)


def test_values_set_meanwhile_are_whole():
    s = graphlib.shared(np.zeros(200_000), "s")
    f = compiled("c", [], [s.min(), s.max()])
    seen = []

    def set_values():
        for k in range(60):
            s.set_value(np.full(200_000 if k % 7 else 100_000, float(k)))

    def call():
        for _ in range(60):
            low, high = f()
            value = s.get_value()
            seen.append(low == high and value.min() == value.max())

    run_together(set_values, call, call)
    assert all(seen)


def test_functions_that_share_variables_in_any_order_do_not_wait_for_each_other():
    a, b, c = (graphlib.shared(np.ones(50_000), name) for name in "abc")

    def over(*order):
        total = sum(v.sum() for v in order)
        return compiled("c", [], total, updates=[(v, v * 1.0) for v in order])

    functions = [over(a, b), over(b, c), over(c, a)]

    def call(f):
        for _ in range(60):
            assert f() == 100_000

    def compile_and_look():
        for k in range(4):
            # joins what had locks of their own so far
            new = graphlib.shared(np.ones(1), f"new{k}")
            over(new, b, a)()
            assert c.get_value().sum() == 50_000
            a.set_value(np.ones(50_000))

    run_together(*(lambda f=f: call(f) for f in functions), compile_and_look, compile_and_look)


def test_a_default_that_is_shared_is_read_whole():
    s, x = graphlib.shared(np.zeros(200_000), "s"), T.dvector("x")
    f = compiled("c", [graphlib.In(x, value=s)], [x.min(), x.max()])
    add = compiled("c", [], None, updates=[(s, s + 1)])
    seen = []
    run_together(
        lambda: seen.extend(low == high for low, high in (f() for _ in range(60))),
        lambda: [add() for _ in range(60)],
    )
    assert len(seen) == 60 and all(seen)


def test_settings_of_a_block_are_its_threads():
    inside, seen = threading.Event(), {}
    done = threading.Event()

    def change():
        with config.change(floatX="float64", mode="reference"):
            inside.set()
            assert done.wait(LIMIT)
            seen["changed"] = config.floatX, T.vector().dtype, config.mode
        seen["after"] = config.floatX

    def look():
        assert inside.wait(LIMIT)
        seen["other"] = config.floatX, T.vector().dtype, config.mode
        done.set()

    before = config.floatX, T.vector().dtype, config.mode
    run_together(change, look)
    assert seen == {
        "changed": ("float64", "float64", "reference"),
        "other": before,
        "after": before[0],
    }


def test_settings_of_a_block_are_its_tasks():
    seen = {}

    async def one(name, floatX, mode):
        with config.change(floatX=floatX):
            await asyncio.sleep(0)
            config.mode = mode
            await asyncio.sleep(0)
            seen[name] = config.floatX, config.mode
        seen[name] += (config.floatX,)

    async def both():
        with config.change(threads=3):
            await asyncio.gather(one("a", "float64", "reference"), one("b", "float32", "check"))
            assert config.threads == 3 and config.mode == before

    before = config.mode
    asyncio.run(both())
    assert seen == {"a": ("float64", "reference", "float32"), "b": ("float32", "check", "float32")}


def test_plain_assignments_are_the_processes():
    before = config.threads
    try:
        config.threads = 2
        seen = []
        run_together(lambda: seen.append(config.threads))
        assert seen == [2]
        with config.change(profile=True):
            config.threads = 5
            assert config.threads == 5 and config.settings()["profile"]
        assert config.threads == 2, "an assignment in a block ends with it"
    finally:
        config.threads = before


def test_a_function_compiled_again_has_the_settings_it_was_made_with():
    with config.change(floatX="float64", mode="fast_run"):
        s = graphlib.shared(np.zeros(2), "s")
        f = graphlib.function([], T.cast(s > 0, "int32") / 3)
    assert f().dtype == "float64"
    s.set_value(np.ones(3))
    assert f().dtype == "float64" and f().tolist() == [1 / 3] * 3


#: prints how many threads the team has, the processor time that they spend in the block, and whether what is
#: computed is the same outside
_BESIDE = """
import contextlib, os, time
import numpy as np
import graphlib, graphlib.tensor as T
from graphlib.run.c import runtime

runtime.library("team")
before = set(os.listdir("/proc/self/task"))
runtime.start()
team = set(os.listdir("/proc/self/task")) - before

x = T.matrix("x")
f = graphlib.function([x], T.dot(x, x).sum())
values = np.ones((400, 400), "float32")
found = {float(f(values))}

def spent():
    return sum(int(open(f"/proc/self/task/{t}/schedstat").read().split()[0]) for t in team)

with contextlib.ExitStack() as blocks:
    for _ in range(os.cpu_count()):
        blocks.enter_context(graphlib.computing_beside())
    time.sleep(0.05)  # those that have nothing to do are asleep by then
    began = spent()
    found |= {float(f(values)) for _ in range(30)}
    spent_inside = spent() - began
found |= {float(f(values)) for _ in range(30)}
print(len(team), spent_inside, len(found))
"""


def test_threads_leave_processors_to_those_that_compute_beside_them():
    flags = f"{os.environ.get('GRAPHLIB_FLAGS', '')},threads=3".strip(",")
    done = subprocess.run(
        [sys.executable, "-c", _BESIDE],
        env={**os.environ, "GRAPHLIB_FLAGS": flags},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    team, nanoseconds, results = map(int, done.stdout.split())
    # of 30 calls the products take some 15 ms of each
    assert (team, results) == (2, 1) and nanoseconds < 2e6
