"""Ctrl+C while training: a request that is met between two minibatches."""

import signal
import threading
from types import SimpleNamespace
from typing import Any

#: for a loop that is stopped by something else
NEVER = SimpleNamespace(requested=False)


class Interruption:
    """Turns Ctrl+C (and SIGTERM) into a request that the loop reads between two minibatches.

    Thus a minibatch is never counted without having been learnt, nor learnt without having been counted. A
    second Ctrl+C interrupts at once. Outside the main thread, which alone receives signals, it does
    nothing.
    """

    signals = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.requested = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.signal(number, self._request) for number in self.signals}
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def _request(self, _number: int, _frame: object) -> None:
        self.requested = True
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}
