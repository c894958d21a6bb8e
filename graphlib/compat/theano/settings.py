"""``theano.config``: graphlib's settings where they mean the same, and Theano's other flags, which can be set
and read and change nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ContextDecorator
from typing import Any

from ...configuration import config as _graphlib
from .flags import DEFAULTS, VALUES

_DEVICES = {"gpu": "cuda", "cuda": "cuda"}
#: the flags that have effect, each with graphlib's name of it
_SHARED = {
    "floatX": "floatX",
    "device": "device",
    "mode": "mode",
    "on_unused_input": "on_unused_input",
    "profile": "profile",
    "warn_float64": "on_float64",
}
#: Theano's names of graphlib's modes
_MODES = {"fast_run": "Mode", "reference": "FAST_COMPILE", "check": "DebugMode", "check_nan": "NanGuardMode"}
_TRUTH = {"true": True, "1": True, "false": False, "0": False}


class Flags:
    """``theano.config``, and the flags whose names begin alike: ``config.scan`` of
    ``config.scan.allow_gc``."""

    def __init__(self, values: dict[str, Any], prefix: str = "") -> None:
        self.__dict__.update(_values=values, _prefix=prefix, _filters={})

    def __getattr__(self, name: str) -> Any:
        full = self._prefix + name.replace("__", ".")
        if full in _SHARED:
            found = getattr(_graphlib, _SHARED[full])
            return _MODES[found] if full == "mode" else found
        if full in self._values:
            return self._values[full]
        if any(known.startswith(full + ".") for known in self._values):
            group = Flags(self._values, full + ".")
            group.__dict__["_filters"] = self._filters
            return group
        raise AttributeError(
            f"theano.config has no flag {full!r} in graphlib; {', '.join(_SHARED)} have effect"
        )

    def __setattr__(self, name: str, value: Any) -> None:
        full = self._prefix + name.replace("__", ".")
        if full in _SHARED:
            setattr(_graphlib, _SHARED[full], device_of(value) if full == "device" else value)
        elif full in self._filters:
            self._values[full] = self._filters[full](value)
        else:
            self._values[full] = _as_before(full, value, self._values.get(full))

    def __iter__(self) -> Any:
        return iter([*_SHARED, *self._values])

    def change_flags(self, **flags: Any) -> change_flags:
        """Flags that hold in a ``with`` block."""
        return change_flags(**flags)


def _as_before(name: str, value: Any, before: Any) -> Any:
    """A value in the kind that the flag has; text is read, as of THEANO_FLAGS. Errors: ValueError."""
    if name in VALUES and str(value) not in VALUES[name]:
        raise ValueError(f"theano.config.{name} is one of {', '.join(VALUES[name])}, not {value!r}")
    if not isinstance(value, str) or isinstance(before, str) or before is None:
        return value
    if isinstance(before, bool):
        if value.lower() not in _TRUTH:
            raise ValueError(f"theano.config.{name} is True or False, not {value!r}")
        return _TRUTH[value.lower()]
    return type(before)(float(value)) if isinstance(before, int) else type(before)(value)


def device_of(name: str) -> str:
    plain = name.rstrip("0123456789")
    return _DEVICES.get(plain, plain)


config = Flags(dict(DEFAULTS))


class Flag:
    """A flag as programs that look through all of them find it in ``theano.configparser``."""

    def __init__(self, fullname: str) -> None:
        self.fullname = fullname

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        return getattr(config, self.fullname)

    def __set__(self, owner: Any, value: Any) -> None:
        setattr(config, self.fullname, value)


#: under the name that Theano's had
_config_var_list = [Flag(name) for name in sorted((*_SHARED, *DEFAULTS))]


class change_flags(ContextDecorator):
    """``with change_flags(floatX="float32"):``, or above a function: flags that hold inside."""

    def __init__(self, *flags: Any, **named: Any) -> None:
        given = {**dict(pair for f in flags for pair in dict(f).items()), **named}
        self._flags = {name.replace("__", "."): value for name, value in given.items()}

    def __enter__(self) -> change_flags:
        self._before = {name: _get(name) for name in self._flags}
        for name, value in self._flags.items():
            _set(name, value)
        return self

    def __exit__(self, *error: object) -> None:
        for name, value in self._before.items():
            _set(name, value)


def _get(name: str) -> Any:
    *groups, last = name.split(".")
    return getattr(_group(groups), last)


def _set(name: str, value: Any) -> None:
    *groups, last = name.split(".")
    setattr(_group(groups), last, value)


def _group(names: Sequence[str]) -> Flags:
    found = config
    for name in names:
        found = getattr(found, name)
    return found


# flags of a program's own: ``AddConfigVar("mine.depth", "how deep", IntParam(3))``


class ConfigParam:
    """A flag with a default and what may be done to a value, which may raise ValueError."""

    def __init__(
        self, default: Any, filter: Callable[[Any], Any] | None = None, allow_override: bool = True
    ) -> None:
        self.default = default() if callable(default) else default
        self.filter = filter or (lambda value: value)


class TypedParam(ConfigParam):
    """A flag whose values ``mytype`` makes; ``is_valid`` says which it takes."""

    def __init__(
        self, default: Any, mytype: Callable[[Any], Any], is_valid: Any = None, allow_override: bool = True
    ) -> None:
        def made(value: Any) -> Any:
            cast = mytype(value)
            if is_valid is not None and not is_valid(cast):
                raise ValueError(f"{value!r} is no valid value of the flag")
            return cast

        super().__init__(default, made)


class EnumStr(ConfigParam):
    """A flag of few texts, the first of which is the default."""

    def __init__(self, default: str, *options: str, **more: Any) -> None:
        self.all = (default, *options)

        def one_of(value: Any) -> str:
            if value not in self.all:
                raise ValueError(f"{value!r} is none of {', '.join(self.all)}")
            return value

        super().__init__(default, one_of)


def StrParam(default: Any, is_valid: Any = None, allow_override: bool = True) -> TypedParam:
    """A flag of text."""
    return TypedParam(default, str, is_valid)


def IntParam(default: Any, is_valid: Any = None, allow_override: bool = True) -> TypedParam:
    """A flag of whole numbers."""
    return TypedParam(default, int, is_valid)


def FloatParam(default: Any, is_valid: Any = None, allow_override: bool = True) -> TypedParam:
    """A flag of numbers."""
    return TypedParam(default, float, is_valid)


def BoolParam(default: Any, is_valid: Any = None, allow_override: bool = True) -> TypedParam:
    """A flag that is True or False."""
    return TypedParam(default, lambda v: _TRUTH[str(v).lower()], is_valid)


def AddConfigVar(
    name: str, doc: str, configparam: ConfigParam, root: Any = None, in_c_key: bool = True
) -> None:
    """Adds a flag to ``theano.config``. Errors: AttributeError where there is one of that name."""
    if name in config._values or name in _SHARED:
        raise AttributeError(f"theano.config has a flag {name!r} already")
    config._filters[name] = configparam.filter
    config._values[name] = configparam.filter(configparam.default)


def parse_config_string(config_string: str, issue_warnings: bool = True) -> dict[str, str]:
    """Flags as in THEANO_FLAGS, ``"floatX=float32,mode=FAST_RUN"``, as a dictionary."""
    parts = (part.strip().partition("=") for part in config_string.split(",") if part.strip())
    return {key.strip(): value.strip() for key, _, value in parts}
