"""Where trials run: in processes on this machine, by joblib, or on a Dask cluster.

An engine's `run` is given tasks and gives results as they are ready. A worker process that dies is not the
end: what it trained begins again on another, from its checkpoint.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from importlib.util import find_spec
from typing import Any

from ..storage import UserError

#: processes that may die one after the other without a trial getting done in between
DEATHS = 20

#: seconds without a scheduler before a search gives up
PATIENCE = 10.0

Execute = Callable[[dict[str, Any]], dict[str, Any]]


def need(package: str, extra: str) -> None:
    """UserError unless a package is installed."""
    if find_spec(package) is None:
        raise UserError(f"this needs the package {package}: pip install 'graphlib-autodiff[{extra}]'")


def _failed(error: BaseException) -> dict[str, Any]:
    return {"state": "failed", "message": f"{type(error).__name__}: {error}"}


class _Deaths:
    """Counts the processes that died since a trial got done."""

    def __init__(self) -> None:
        self.count = 0

    def one(self) -> None:
        """UserError where it is one too many."""
        self.count += 1
        if self.count > DEATHS:
            raise UserError(
                f"{DEATHS} processes have died, one after the other, without one of their trials getting "
                "done: is there enough memory? Try fewer --workers; the same command goes on with the study"
            )


class Local:
    """Processes on this machine, by joblib.

    Args:
        workers: how many.
    """

    def __init__(self, workers: int):
        self.workers = workers
        need("joblib", "search")

    def __str__(self) -> str:
        return f"{self.workers} processes" if self.workers > 1 else "a process"

    def run(self, execute: Execute, tasks: Sequence[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
        """(the task's position, its result) as they are ready."""
        from joblib.externals.loky import get_reusable_executor
        from joblib.externals.loky.process_executor import TerminatedWorkerError

        left = dict(enumerate(tasks))
        deaths = _Deaths()
        executor = None
        try:
            while left:
                executor = get_reusable_executor(max_workers=self.workers, timeout=600)
                futures = {executor.submit(execute, task): number for number, task in left.items()}
                for future in as_completed(futures):
                    error = future.exception()
                    if isinstance(error, TerminatedWorkerError):  # of all that are left: one was killed
                        deaths.one()
                        break
                    if isinstance(error, KeyboardInterrupt):
                        raise error
                    deaths.count = 0
                    number = futures[future]
                    del left[number]
                    yield number, future.result() if error is None else _failed(error)
        finally:
            if executor is not None and left:
                executor.shutdown(wait=True, kill_workers=True)

    def close(self) -> None:
        """Ends the processes."""
        from joblib.externals.loky import get_reusable_executor

        get_reusable_executor(max_workers=self.workers).shutdown(wait=True, kill_workers=True)


class Dask:
    """A Dask cluster.

    Args:
        scheduler: the address of its scheduler, such as ``tcp://10.0.0.1:8786``; None for a cluster of our
            own on this machine.
        workers: of a cluster of our own, how many.
    """

    def __init__(self, scheduler: str | None = None, workers: int = 1):
        need("distributed", "dask")
        import dask
        from distributed import Client, LocalCluster

        self.scheduler, self._cluster = scheduler, None
        if scheduler is None:
            # A worker that dies three times is not the fault of what it trained.
            dask.config.set({"distributed.scheduler.allowed-failures": DEATHS})
            try:
                self._cluster = LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    processes=True,
                    dashboard_address="127.0.0.1:0",
                    silence_logs=logging.CRITICAL,
                )
            except (OSError, RuntimeError) as error:
                raise UserError(f"--dask: no cluster could be started on this machine: {error}") from None
        try:
            self.client = Client(scheduler or self._cluster, timeout=PATIENCE, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            said = str(error).partition("\n")[0] or type(error).__name__
            raise UserError(
                f"--scheduler {scheduler}: no Dask scheduler answers there ({said}); one is started by "
                "`dask scheduler`, which prints its address"
            ) from None

    def __str__(self) -> str:
        if self.scheduler is not None:
            return f"the Dask cluster at {self.scheduler}"
        return f"a Dask cluster of {len(self._cluster.workers)} workers on this machine"

    def run(self, execute: Execute, tasks: Sequence[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
        """(the task's position, its result) as they are ready.

        UserError where the scheduler is gone.
        """
        from concurrent.futures import CancelledError

        from distributed import KilledWorker

        def submit(number: int) -> Any:
            if self.client.status in ("closing", "closed"):
                raise self._gone()
            key = f"trial-{time.time_ns()}-{number}"
            return self.client.submit(execute, tasks[number], pure=False, key=key)

        deaths = _Deaths()
        futures = {}
        try:
            futures = {submit(number): number for number in range(len(tasks))}
            since: float | None = None
            alive = time.monotonic()
            while futures:
                time.sleep(0.05)
                if self.client.status == "running":
                    since = None
                    alive = self._check_workers(alive)
                else:
                    since = since or time.monotonic()
                    if self.client.status == "closed" or time.monotonic() - since > PATIENCE:
                        raise self._gone()
                    continue
                for future in [each for each in futures if each.status in ("finished", "error")]:
                    # What was finished on a worker that has died since is computed again meanwhile.
                    try:
                        error = future.exception(timeout=1) if future.status == "error" else None
                        result = future.result(timeout=1) if error is None else None
                    except (TimeoutError, asyncio.TimeoutError):
                        continue
                    number = futures.pop(future)
                    if isinstance(error, KilledWorker):
                        deaths.one()
                        futures[submit(number)] = number
                        continue
                    deaths.count = 0
                    yield number, result if error is None else _failed(error)
                for future in [each for each in futures if each.status in ("lost", "cancelled")]:
                    number = futures.pop(future)
                    futures[submit(number)] = number
        except (OSError, CancelledError):
            raise self._gone() from None
        finally:
            with contextlib.suppress(Exception):
                self.client.cancel(list(futures), force=True)

    def _check_workers(self, alive: float) -> float:
        """When there were workers last; UserError where those of a cluster of our own are gone for good. A
        scheduler elsewhere may get others."""
        now = time.monotonic()
        if now - alive < 1:  # a second ago; they are not asked for more often
            return alive
        if self._cluster is None or self.client.nthreads():
            return now
        if now - alive > 12 * PATIENCE:
            raise UserError(
                "the cluster's workers have died and do not come back: is there enough memory? The same "
                "command goes on with the study"
            )
        return alive

    def _gone(self) -> UserError:
        return UserError(
            f"the Dask scheduler at {self.scheduler or self._cluster.scheduler_address} is gone: when it is "
            "back, the same command goes on with the study"
        )

    def close(self) -> None:
        """Leaves the cluster; one of our own is ended."""
        with contextlib.suppress(Exception):
            self.client.close(timeout=2)
        if self._cluster is not None:
            self._cluster.close()
