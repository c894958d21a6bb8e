"""Theano's modes: a mode is the name of one of graphlib's, so that ``function`` takes it as it is."""

from __future__ import annotations

import functools
from time import perf_counter
from typing import Any

from ...compile.function import Function, mode_name
from ...configuration import config


class _Watch:
    """Sums the time inside functions, from when it is first asked for: until then calls are not slowed."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._started = False

    def seconds(self) -> float:
        """Wall-clock seconds inside all functions so far."""
        if not self._started:
            self._started = True
            Function.__call__ = self._timed(Function.__call__)
        return self._seconds

    def _timed(self, call: Any) -> Any:
        @functools.wraps(call)
        def timed(*arguments: Any, **keywords: Any) -> Any:
            start = perf_counter()
            try:
                return call(*arguments, **keywords)
            finally:
                self._seconds += perf_counter() - start

        return timed


_watch = _Watch()


class Mode(str):
    """``Mode(linker, optimizer)``: numpy where Theano would have run Python or rewritten nothing, else C."""

    def __new__(cls, linker: Any = None, optimizer: Any = "default") -> Mode:
        plain = linker == "py" or optimizer in (None, "None", "fast_compile")
        return str.__new__(cls, "reference" if plain else "fast_run")

    def including(self, *tags: str) -> Mode:
        """The mode itself: graphlib has no rewrites to choose from."""
        return self

    excluding = including

    @property
    def call_time(self) -> float:
        """Seconds inside compiled functions, of all modes, since a program first asked: take differences."""
        return _watch.seconds()


class DebugMode(Mode):
    """``mode='check'``: everything by C and by numpy, compared."""

    def __new__(cls, *settings: Any, **more: Any) -> DebugMode:
        return str.__new__(cls, "check")


class NanGuardMode(Mode):
    """``mode='check_nan'``: a NaN is an error that names its origin. Infinite and big values are none."""

    def __new__(
        cls, nan_is_error: bool | None = None, inf_is_error: bool | None = None, **more: Any
    ) -> NanGuardMode:
        return str.__new__(cls, "fast_run" if nan_is_error is False else "check_nan")


class MonitorMode(Mode):
    """What cannot be: a function of graphlib's is native code that calls nobody between its steps."""

    def __new__(cls, *settings: Any, **more: Any) -> MonitorMode:
        raise NotImplementedError(
            "MonitorMode: a compiled function does not call Python between its steps. To find a NaN pass "
            "mode='check_nan'; to see a value, make it an output of the function."
        )

    @staticmethod
    def detect_nan(*arguments: Any) -> None:
        """Theano's function to monitor with."""


def get_mode(name: Any) -> Mode:
    """The mode of that name, or itself if it is one; None: the default."""
    return name if isinstance(name, Mode) else str.__new__(Mode, mode_name(name))


def get_default_mode() -> Mode:
    """The mode that functions are compiled with: config.mode."""
    return get_mode(config.mode)


FAST_RUN, FAST_COMPILE = get_mode("FAST_RUN"), get_mode("FAST_COMPILE")
predefined_modes = {
    "FAST_RUN": FAST_RUN,
    "FAST_COMPILE": FAST_COMPILE,
    "DebugMode": DebugMode(),
    "DEBUG_MODE": DebugMode(),
    "NanGuardMode": NanGuardMode(),
}
