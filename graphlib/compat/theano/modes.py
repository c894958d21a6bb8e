"""Theano's modes: a mode is the name of one of graphlib's, so that ``function`` takes it as it is."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from time import perf_counter
from typing import Any

import numpy as np

from ...compile.function import Function, mode_name
from ...compile.watching import Guard, Watch
from ...configuration import config
from ...errors import NanError
from . import settings
from .printing import debugprint


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


class NanGuardError(NanError, AssertionError):
    """What ``NanGuardMode`` raises."""


class NanGuardMode(Mode, Guard):
    """Every value that is computed, and every input, is looked at: NaN, infinite and big ones (beyond 1e10)
    are errors that name their origin, AssertionErrors as in Theano.  By default the flags decide."""

    def __new__(
        cls,
        nan_is_error: bool | None = None,
        inf_is_error: bool | None = None,
        big_is_error: bool | None = None,
        **more: Any,
    ) -> NanGuardMode:
        flags = settings.config.NanGuardMode
        made = str.__new__(cls, "check_nan")
        made.nan = flags.nan_is_error if nan_is_error is None else nan_is_error
        made.inf = flags.inf_is_error if inf_is_error is None else inf_is_error
        made.big = flags.big_is_error if big_is_error is None else big_is_error
        return made

    def error(self, message: str) -> Exception:
        return NanGuardError(message)


class MonitorMode(Mode, Watch):
    """The graph as it was written runs node by node, in numpy: ``pre_func(i, node, fn)`` is called before
    each, ``post_func`` after it. ``fn.inputs`` and ``fn.outputs`` have a list of one array each."""

    def __new__(cls, pre_func: Any = None, post_func: Any = None, **more: Any) -> MonitorMode:
        made = str.__new__(cls, "reference")
        made._functions = pre_func, post_func
        made.before = None if pre_func is None else made._before
        made.after = None if post_func is None else made._after
        return made

    def __reduce__(self) -> tuple:
        return type(self), self._functions

    def _before(self, number: int, node: Any, inputs: Sequence[Any]) -> None:
        self._functions[0](number, node, _Storage(inputs, [None] * len(node.outputs)))

    def _after(self, number: int, node: Any, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        self._functions[1](number, node, _Storage(inputs, outputs))


class _Storage:
    """What a monitoring function sees of a node's values."""

    def __init__(self, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        self.inputs, self.outputs = [[a] for a in inputs], [[a] for a in outputs]


def detect_nan(i: int, node: Any, fn: Any) -> None:
    """A function to monitor with: writes the first node of which an output has a NaN."""
    if any(a.dtype.kind == "f" and np.isnan(a).any() for (a,) in fn.outputs):
        print("*** NaN detected ***")
        debugprint(node.outputs[0])
        print(f"Inputs : {[a for (a,) in fn.inputs]}")
        print(f"Outputs: {[a for (a,) in fn.outputs]}")


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
    "NanGuardMode": str.__new__(Mode, "check_nan"),
}
