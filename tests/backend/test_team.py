"""The team of threads takes a worker for one without a processor by the processor time that it gets, not by
how long it is waited for."""

import ctypes
import hashlib
import shutil
import threading
import time

import pytest

from graphlib.run.c.toolchain import HERE, THREADS, key_of_object, shared_object
from graphlib.run.cache import found

from .processes import compiler

pytestmark = pytest.mark.skipif(compiler() is None, reason="this machine has no C compiler")

LIMIT = 20  # seconds until a worker is taken not to come
RUNTIME = (HERE / "runtime.c").read_text("utf-8")
TASK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)

#: the runtime with another clock: what a thread has had of a processor is `share` of the time that went by
_BEFORE = """
#define _GNU_SOURCE
#include <time.h>
static int told(clockid_t clock, struct timespec *time);
#define clock_gettime told
"""
_AFTER = """
#undef clock_gettime
double share = 1;
static int told(clockid_t clock, struct timespec *time) {
    const int result = clock_gettime(CLOCK_MONOTONIC, time);
    if (clock == CLOCK_MONOTONIC) return result;
    const double had = share * ((double)time->tv_sec + 1e-9 * (double)time->tv_nsec);
    time->tv_sec = (time_t)had;
    time->tv_nsec = (long)(1e9 * (had - (double)time->tv_sec));
    return result;
}
"""


class Team:
    """A team of its own: of a copy of a runtime library."""

    def __init__(self, source: str, folder, threads: int) -> None:
        flags = ("-O2", THREADS)
        shared_object(source, flags, ("gl_start",))
        self.library = ctypes.CDLL(
            str(shutil.copy(found(f"{key_of_object(source, flags)}.so"), folder / "team.so"))
        )
        self.library.gl_start.restype = ctypes.c_void_p
        self.library.gl_team_calls.restype = ctypes.c_uint64
        table = self.library.gl_start(threads)
        self.parallel = ctypes.CFUNCTYPE(None, TASK, ctypes.c_void_p, ctypes.c_int64)(
            ctypes.c_void_p.from_address(table).value
        )

    def calls(self) -> int:
        """How many calls were shared out so far."""
        return self.library.gl_team_calls()

    def call(self, parts: int, of_worker) -> bool:
        """One call, of which a worker takes a part, if it is shared out; whether it is.

        The caller's parts take no longer than it takes a worker to come.
        """
        before, caller = self.calls(), threading.get_ident()
        begun, done, errors = threading.Event(), [], []

        def part(_, number: int) -> None:
            try:
                done.append(number)
                if self.calls() == before:
                    return
                if threading.get_ident() != caller:
                    begun.set()
                    of_worker()
                elif not begun.wait(LIMIT):
                    raise TimeoutError("no worker has come")
            except Exception as error:
                errors.append(error)

        self.parallel(TASK(part), None, parts)
        assert not errors and sorted(done) == list(range(parts))
        return self.calls() > before


@pytest.fixture
def told_clock(tmp_path):
    """Makes a team of so many threads whose clock of processor time a test sets, and says how."""

    def make(threads: int) -> tuple[Team, ctypes.c_double]:
        team = Team(_BEFORE + RUNTIME + _AFTER, tmp_path, threads)
        return team, ctypes.c_double.in_dll(team.library, "share")

    return make


@pytest.mark.parametrize("threads", [1, 2, 3, 4, 8, 16])
def test_uneven_parts_are_shared_out_as_long_as_workers_have_processors(told_clock, threads):
    team, _ = told_clock(threads)
    # for three threads four parts are uneven, and workers' are longer than the caller's in any case
    shared = [team.call(4, lambda: time.sleep(0.003)) for _ in range(6)]
    assert shared == [threads > 1] * 6


def test_a_worker_without_a_processor_has_the_caller_go_alone(told_clock):
    team, share = told_clock(2)
    share.value = 0.1
    # what it waits for must take longer than all that it did, on a machine that may be busy
    assert not all(team.call(2, lambda: time.sleep(0.02)) for _ in range(20))
    share.value = 1
    time.sleep(0.3)  # the longest pause
    assert team.call(2, lambda: time.sleep(0.002))


def test_the_clock_is_the_worker_s(tmp_path):
    team = Team(RUNTIME, tmp_path, 2)
    assert not all(team.call(2, lambda: time.sleep(0.02)) for _ in range(20))

    #: of each part seconds without a processor
    lost: list[float] = []

    def work() -> None:
        began, spent = time.perf_counter(), time.thread_time()
        hashlib.pbkdf2_hmac("sha256", b"", b"", 5000)
        lost.append(time.perf_counter() - began - (time.thread_time() - spent))

    for _ in range(100):
        if not team.call(2, work):
            time.sleep(0.3)
        elif lost[-1] < 1e-4:
            assert team.call(2, work), "it worked all the time"
            return
    pytest.skip("this machine is too busy to give a thread a processor for some milliseconds")
