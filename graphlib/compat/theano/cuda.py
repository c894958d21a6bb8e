"""``theano.sandbox.cuda``: programs that choose the GPU by themselves or ask whether there is one."""

from __future__ import annotations

from typing import Any

from .settings import config


def use(device: str, *settings: Any, **more: Any) -> None:
    """Functions compiled from now on run on ``device``: 'gpu', 'gpu0', 'cuda' or 'cpu'."""
    config.device = device


def dnn_available() -> bool:
    """Whether cuDNN is used: no, convolutions on CUDA are graphlib's own."""
    return False


def gpu_from_host(x: Any) -> Any:
    """``x`` itself: where values lie is decided when a function is compiled."""
    return x


host_from_gpu = gpu_from_host


def __getattr__(name: str) -> bool:
    if name in ("cuda_available", "cuda_enabled"):
        return config.device != "cpu"
    raise AttributeError(name)
