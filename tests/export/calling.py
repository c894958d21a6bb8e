"""Exported libraries, compiled and called from Python as a C program would call them."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graphlib.export.entries import FLAGS

STRICT = ("-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror")
#: with which results are the same bits as graphlib's
SAME = (*FLAGS, "-march=native")
_NUMBERS = {
    "float32": ctypes.c_float,
    "float64": ctypes.c_double,
    "bool": ctypes.c_uint8,
    **{f"{u}int{b}": getattr(ctypes, f"c_{u}int{b}") for u in ("", "u") for b in (8, 16, 32, 64)},
}


class Native:
    """A library in this process.  ``call`` gives outputs as arrays; ``state`` is the caller's struct."""

    def __init__(
        self, exported: Any, flags: Sequence[str] = ("-O1",), compiler: Sequence[str] = ("gcc",)
    ) -> None:
        self.exported, self.made = exported, exported.library
        path = Path(exported.source).with_suffix(".so")
        strict = ("-std=c11", "-pthread", *STRICT[1:]) if self.made.threads > 1 else STRICT
        files = ["-fPIC", "-shared", str(exported.source), "-o", str(path), "-lm"]
        command = [*compiler, *strict, *flags, *files]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        self.library = ctypes.CDLL(str(path))
        self.message = getattr(self.library, f"{self.made.name}_message")
        self.message.restype, self.message.argtypes = ctypes.c_char_p, [ctypes.c_int32]
        self.functions = {f.signature.name: f for f in self.made.functions}
        self.arena = ctypes.create_string_buffer(self.made.arena)
        fields, at = {}, 0
        for f in self.made.state:
            at = -(-at // f.array.itemsize) * f.array.itemsize
            fields[f.name] = (at, f.array.dtype, f.array.shape)
            at += max(f.array.nbytes, f.array.itemsize)
        self._fields = fields
        self._state = np.zeros(-(-max(at, 1) // 8), np.int64)
        if fields:
            self.initialise()

    def initialise(self) -> None:
        """The values from when the library was made."""
        getattr(self.library, f"{self.made.name}_initialise")(self._pointer(self._state))

    def __getitem__(self, name: str) -> np.ndarray:
        """A variable of the state, which can be written to."""
        at, dtype, shape = self._fields[name]
        count = int(np.prod(shape, dtype=int))
        return self._state.view(np.uint8)[at : at + count * dtype.itemsize].view(dtype).reshape(shape)

    def save(self) -> bytes:
        """The state as a block."""
        block = np.zeros(self.made.layout.size, np.uint8)
        getattr(self.library, f"{self.made.name}_save")(self._pointer(self._state), self._pointer(block))
        return block.tobytes()

    def load(self, block: bytes) -> int:
        """The state from a block; the code."""
        function = getattr(self.library, f"{self.made.name}_load")
        function.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int64]
        return function(self._pointer(self._state), block, len(block))

    @staticmethod
    def _pointer(array: np.ndarray) -> ctypes.c_void_p:
        return array.ctypes.data_as(ctypes.c_void_p)

    def code(self, name: str, *values: Any) -> tuple[int, list[np.ndarray]]:
        """The code of a call, and its outputs."""
        made = self.functions[name]
        s, given, kept, sizes = made.signature, [], [], {}
        if any(self.made.field_of(x).in_state for x in s.shareds):
            given.append(self._pointer(self._state))
        for p, value in zip(s.inputs, values, strict=True):
            array = np.array(value, p.dtype, order="C")
            kept.append(array)
            given.append(self._pointer(array) if p.ndim else _NUMBERS[p.dtype](array.item()))
            for n, length in zip(p.lengths, array.shape, strict=True):
                if not isinstance(n, int) and n.name not in sizes:
                    sizes[n.name] = length
                    given.append(ctypes.c_int64(length))
        results, shapes = [], []
        for p in s.outputs:
            # one more, to see that nothing is written behind
            results.append(np.full(p.most + 1, 77, p.dtype))
            shapes.append(np.zeros(max(p.ndim, 1), np.int64))
            given.append(self._pointer(results[-1]))
            if p.has_shape:
                given.append(self._pointer(shapes[-1]))
        if not self.made.own_arena:
            given.append(ctypes.cast(self.arena, ctypes.c_void_p))
        code = getattr(self.library, name)(*given)
        found = []
        for p, result, shape in zip(s.outputs, results, shapes, strict=True):
            assert result[-1] == np.array(77).astype(p.dtype), f"{name} wrote behind {p.name}"
            lengths = (
                shape[: p.ndim].tolist()
                if p.has_shape
                else [n if isinstance(n, int) else sizes[n.name] for n in p.lengths]
            )
            found.append(result[: int(np.prod(lengths, dtype=int))].reshape(lengths) if not code else result)
        return code, found

    def call(self, name: str, *values: Any) -> list[np.ndarray]:
        """The outputs of a call that succeeds."""
        code, found = self.code(name, *values)
        assert code == 0, (code, self.message(code))
        return found


__all__ = ["SAME", "STRICT", "Native"]
