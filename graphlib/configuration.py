"""Settings: ``graphlib.config`` holds them, the environment variable ``GRAPHLIB_FLAGS`` sets them at start
(``GRAPHLIB_FLAGS=floatX=float64,mode=reference``).  Assigning a wrong name or value raises at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any


def _one_of(*allowed: str) -> Callable[[str], str]:
    def parse(value: Any) -> str:
        if str(value) not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}, not {value!r}")
        return str(value)

    return parse


def _mode(value: Any) -> str:
    return _one_of("fast_run", "reference", "check", "check_nan")(MODE_NAMES.get(str(value), value))


def _device(value: Any) -> str:
    return _one_of("auto", "cpu", "cuda", "cuda-emulated")(value)


def _count(value: Any) -> int:
    number = int(value)
    if number < 0:
        raise ValueError(f"must be 0 (choose for me) or more, not {value!r}")
    return number


def _truth(value: Any) -> bool:
    table = {"true": True, "1": True, "false": False, "0": False}
    if str(value).lower() not in table:
        raise ValueError(f"must be True or False, not {value!r}")
    return table[str(value).lower()]


MODE_NAMES = {
    "FAST_RUN": "fast_run",
    "FAST_COMPILE": "reference",
    "DebugMode": "check",
    "NanGuardMode": "check_nan",
    "DEBUG_MODE": "check",
    "Mode": "fast_run",
}

_OPTIONS: dict[str, tuple[Any, Callable[[Any], Any], str]] = {
    "floatX": (
        "float32",
        _one_of("float16", "float32", "float64"),
        "dtype of constructors without a dtype, and of Python floats",
    ),
    "device": (
        "cpu",
        _device,
        "where functions run: cpu, cuda, auto (a working GPU, else the CPU), cuda-emulated (graphlib."
        "emulator, a GPU's stand-in for tests)",
    ),
    "mode": ("fast_run", _mode, "fast_run (C), reference (numpy), check (both, compared), check_nan"),
    "threads": (0, _count, "threads of a compiled function; 0: one for each processor that is free to us"),
    "flush_subnormals": (
        False,
        _truth,
        "on the CPU: numbers too small to be normal (below 1.2e-38 in float32) count as 0 in functions that "
        "are compiled then; processors take many times as long for each operation that meets one",
    ),
    "cache_dir": ("", str, "folder of compiled functions; empty: the user's cache folder"),
    "cache_megabytes": (
        1000,
        _count,
        "what that folder may hold; then what was used longest ago makes room; 0: no limit",
    ),
    "cache_functions": (
        True,
        _truth,
        "look there for functions as a whole, else only for the parts that compilers made",
    ),
    "cc": ("", str, "the C compiler; empty: cc, gcc, clang or the ziglang wheel, whichever is found first"),
    "on_float64": (
        "ignore",
        _one_of("ignore", "warn", "raise"),
        "what to do when a node computes in float64",
    ),
    "on_unused_input": ("raise", _one_of("raise", "warn", "ignore"), "an input that no output needs"),
    "rank_seconds": (
        600,
        _count,
        "how long a rank of an MPI run waits for the others before it gives up; 0: for ever",
    ),
    "nccl": (
        "auto",
        _one_of("auto", "always", "never"),
        "on CUDA: means over ranks by NCCL, from GPU to GPU: where it is found and each rank has a GPU of "
        "its own (auto), always (an error where it cannot be), or never (through the host)",
    ),
    "cublas": (True, _truth, "on CUDA: products by cuBLAS where its library is there, else our own kernel"),
    "cuda_graph": (False, _truth, "on CUDA: repeat a call as one CUDA graph while lengths stay the same"),
    "profile": (False, _truth, "profile every function as if compiled with profile=True"),
}


class _Anything:
    """A group of Theano's own flags (``config.warn.x = False``) that graphlib has no use for and accepts."""

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)


#: the settings in a ``with config.change(...)`` block, those of its thread or task of asyncio alone
_changed: ContextVar[dict[str, Any] | None] = ContextVar("changed settings", default=None)


class Config:
    """The settings of this process; each is an attribute.  ``print(config)`` lists them with their
    meaning."""

    def __init__(self, flags: str = "") -> None:
        object.__setattr__(self, "_values", {name: default for name, (default, _, _) in _OPTIONS.items()})
        object.__setattr__(self, "warn", _Anything())
        for item in filter(None, (part.strip() for part in flags.split(","))):
            name, equals, value = item.partition("=")
            if not equals:
                raise ValueError(
                    f"GRAPHLIB_FLAGS: {item!r} is no setting; write name=value, separated by commas"
                )
            setattr(self, name.strip(), value.strip())

    def __getattr__(self, name: str) -> Any:
        changed = _changed.get()
        try:
            return (changed or self._values)[name]
        except KeyError:
            raise AttributeError(
                f"graphlib.config has no setting {name!r}; it has {', '.join(_OPTIONS)}"
            ) from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in _OPTIONS:
            raise AttributeError(f"graphlib.config has no setting {name!r}; it has {', '.join(_OPTIONS)}")
        try:
            value = _OPTIONS[name][1](value)
        except ValueError as error:
            raise ValueError(f"graphlib.config.{name} {error}") from None
        changed = _changed.get()
        if changed is None:
            self._values[name] = value
        else:
            # a new one: tasks that were started in the block have the old one
            _changed.set({**changed, name: value})

    @contextmanager
    def change(self, **settings: Any) -> Iterator[None]:
        """Other settings for a ``with`` block: ``with config.change(floatX='float64'): ...``

        They hold for the thread, or the task of asyncio, that the block is of; other threads, also those
        that it starts, have the settings of the process.
        """
        before = _changed.get()
        _changed.set(self.settings())
        try:
            for name, value in settings.items():
                setattr(self, name, value)
            yield
        finally:
            _changed.set(before)

    def settings(self) -> dict[str, Any]:
        """All settings as they are now."""
        return dict(_changed.get() or self._values)

    def __repr__(self) -> str:
        values = self.settings()
        return "\n".join(f"{n} = {values[n]!r}  # {doc}" for n, (_, _, doc) in _OPTIONS.items())

    def cache_folder(self) -> Path:
        """The folder of compiled functions (not necessarily there yet)."""
        if self.cache_dir:
            return Path(self.cache_dir).expanduser()
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return Path(base) / "graphlib"


config = Config(os.environ.get("GRAPHLIB_FLAGS", ""))
