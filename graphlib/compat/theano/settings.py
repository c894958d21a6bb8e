"""``theano.config``: graphlib's settings where they mean the same, and Theano's other flags, which can be set
and read and change nothing."""

from __future__ import annotations

from contextlib import ContextDecorator
from typing import Any

from ...configuration import config as _graphlib

_DEVICES = {"gpu": "cuda", "cuda": "cuda"}
_SHARED = ("floatX", "device", "mode", "on_unused_input", "profile")

#: flags that change nothing here, as Theano set them by default
_WITHOUT_EFFECT: dict[str, Any] = {
    "allow_gc": True,
    "assert_no_cpu_op": "ignore",
    "base_compiledir": "",
    "blas.ldflags": "",
    "cast_policy": "custom",
    "compiledir": "",
    "compute_test_value": "off",
    "compute_test_value_opt": "off",
    "conv.assert_shape": False,
    "cuda.root": "",
    "cxx": "",
    "DebugMode.check_c": True,
    "dnn.conv.algo_fwd": "small",
    "dnn.conv.algo_bwd_data": "none",
    "dnn.conv.algo_bwd_filter": "none",
    "dnn.enabled": "auto",
    "exception_verbosity": "low",
    "experimental.unpickle_gpu_on_cpu": False,
    "force_device": False,
    "gcc.cxxflags": "",
    "gpuarray.preallocate": 0.0,
    "init_gpu_device": "",
    "int_division": "int",
    "lib.amdlibm": False,
    "lib.cnmem": 0.0,
    "linker": "cvm",
    "NanGuardMode.nan_is_error": True,
    "numpy.seterr_all": "ignore",
    "nvcc.fastmath": False,
    "on_opt_error": "warn",
    "on_shape_error": "warn",
    "openmp": False,
    "openmp_elemwise_minsize": 200000,
    "optimizer": "fast_run",
    "optimizer_excluding": "",
    "optimizer_including": "",
    "optimizer_verbose": False,
    "pickle_test_value": True,
    "print_active_device": True,
    "print_test_value": False,
    "profile_memory": False,
    "profile_optimizer": False,
    "reoptimize_unpickled_function": False,
    "scan.allow_gc": False,
    "scan.allow_output_prealloc": True,
    "scan.debug": False,
    "traceback.limit": 8,
    "unpickle_function": True,
    "warn.ignore_bug_before": "0.9",
    "warn_float64": "ignore",
}


class Flags:
    """``theano.config``, and the flags whose names begin alike: ``config.scan`` of
    ``config.scan.allow_gc``."""

    def __init__(self, values: dict[str, Any], prefix: str = "") -> None:
        self.__dict__.update(_values=values, _prefix=prefix)

    def __getattr__(self, name: str) -> Any:
        full = self._prefix + name
        if full in _SHARED:
            return getattr(_graphlib, full)
        if full in self._values:
            return self._values[full]
        if any(known.startswith(full + ".") for known in self._values):
            return Flags(self._values, full + ".")
        raise AttributeError(
            f"theano.config has no flag {full!r} in graphlib; {', '.join(_SHARED)} have effect"
        )

    def __setattr__(self, name: str, value: Any) -> None:
        full = self._prefix + name
        if full not in _SHARED:
            self._values[full] = value
        else:
            setattr(_graphlib, full, _device(value) if full == "device" else value)


def _device(name: str) -> str:
    plain = name.rstrip("0123456789")
    return _DEVICES.get(plain, plain)


config = Flags(dict(_WITHOUT_EFFECT))


class Flag:
    """A flag as programs that look through all of them find it in ``theano.configparser``."""

    def __init__(self, fullname: str) -> None:
        self.fullname = fullname

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        return getattr(config, self.fullname)

    def __set__(self, owner: Any, value: Any) -> None:
        setattr(config, self.fullname, value)


_config_var_list = [Flag(name) for name in sorted((*_SHARED, *_WITHOUT_EFFECT))]


class change_flags(ContextDecorator):
    """``with change_flags(floatX="float32"):``, or above a function: flags that hold inside."""

    def __init__(self, **flags: Any) -> None:
        self._flags = {name.replace("__", "."): value for name, value in flags.items()}

    def __enter__(self) -> change_flags:
        self._before = {name: getattr(config, name) for name in self._flags}
        for name, value in self._flags.items():
            setattr(config, name, value)
        return self

    def __exit__(self, *error: object) -> None:
        for name, value in self._before.items():
            setattr(config, name, value)
