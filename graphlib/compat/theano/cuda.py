"""``theano.sandbox.cuda`` and ``theano.gpuarray``: programs that choose the GPU by themselves or ask whether
there is one."""

from __future__ import annotations

from typing import Any

from .settings import config

#: whether Theano's own arrays lie on a GPU: there are none, graphlib's shared variables know where they lie
pygpu_activated = False


def use(device: str, *settings: Any, **more: Any) -> None:
    """Functions compiled from now on run on ``device``: 'gpu', 'gpu0', 'cuda' or 'cpu'."""
    config.device = device


def dnn_available() -> bool:
    """Whether cuDNN is used: no, convolutions on CUDA are graphlib's own."""
    return False


dnn_present = dnn_available


def gpu_from_host(x: Any) -> Any:
    """``x`` itself: where values lie is decided when a function is compiled."""
    return x


host_from_gpu = gpu_from_host


def __getattr__(name: str) -> bool:
    if name in ("cuda_available", "cuda_enabled"):
        return config.device != "cpu"
    raise AttributeError(name)
