"""Native code as a process needs it to call it, whoever compiled it: objects in the cache by their names, and
what is handed over at a call.

Written down as a line of JSON and the bytes of arrays, which are read as nothing but that.
"""

from __future__ import annotations

import ctypes
import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

#: more bytes of constants than this are found in the user's graph or not at all
_MOST = 1 << 24
_NAME = re.compile("[0-9a-f]{32}")

_P = ctypes.c_void_p
#: the functions of a driver: what they give and take
SIGNATURES: dict[str, tuple[Any, list]] = {
    "gl_new": (_P, [_P]),
    "gl_free": (None, [_P]),
    "gl_call": (ctypes.c_int64, [_P, _P]),
    "gl_prepare": (ctypes.c_int64, [_P, _P]),
    "gl_run": (ctypes.c_int64, [_P, _P]),
    "gl_outputs": (None, [_P, _P]),
    "gl_failure": (_P, [_P]),
    "gl_profile": (_P, [_P, _P]),
}


class Output(NamedTuple):
    """What comes out: its dtype, and its shape as far as that is known before a call; None for a length that
    is not.  data_dependent: not before the call is over, either."""

    dtype: str
    shape: tuple[int | None, ...]
    data_dependent: bool = False


class Native(NamedTuple):
    """Compiled code of a program.

    driver, units: the names of objects; of a unit also its own.  needs: the dtypes of products that they
    call, and "lapack" if they call that.  constants: arrays that are handed over after inputs and shared
    variables.  shared: the lengths that each shared variable is taken to have, None for any.  outputs: those
    of the program, and the new values of the shared variables of which ``resized`` has the numbers among
    those that are updated.
    """

    driver: str
    units: tuple[tuple[str, str], ...]
    needs: tuple[str, ...]
    constants: tuple[np.ndarray, ...]
    shared: tuple[tuple[int | None, ...], ...]
    outputs: tuple[Output, ...]
    resized: tuple[int, ...]

    def to_bytes(self, given: Sequence[np.ndarray]) -> bytes | None:
        """All of it, but for constants that are among those ``given``; None where that is too much."""
        numbers = {id(array): k for k, array in enumerate(given)}
        others = [a for a in self.constants if id(a) not in numbers]
        if sum(a.nbytes for a in others) > _MOST:
            return None
        head = {
            "driver": self.driver,
            "units": self.units,
            "needs": self.needs,
            "constants": [numbers.get(id(a), (a.dtype.name, a.shape)) for a in self.constants],
            "shared": self.shared,
            "outputs": [(o.dtype, o.shape, o.data_dependent) for o in self.outputs],
            "resized": self.resized,
        }
        return json.dumps(head).encode() + b"\n" + b"".join(a.tobytes() for a in others)

    @staticmethod
    def from_bytes(data: bytes, given: Sequence[np.ndarray]) -> Native:
        """What ``to_bytes`` wrote.  Errors: ValueError where that is something else."""
        line, _, rest = data.partition(b"\n")
        try:
            head = json.loads(line)
            constants, at = [], 0
            for one in head["constants"]:
                if isinstance(one, int):
                    constants.append(given[one])
                    continue
                dtype, shape = np.dtype(one[0]), tuple(map(int, one[1]))
                count = int(np.prod(shape, dtype="int64"))
                array = np.frombuffer(rest, dtype, count, at).reshape(shape)
                at += array.nbytes
                constants.append(np.array(array, order="C"))
            made = Native(
                _name(head["driver"]),
                tuple((_name(unit), _name(file)) for unit, file in head["units"]),
                tuple(map(str, head["needs"])),
                tuple(constants),
                tuple(map(_lengths, head["shared"])),
                tuple(Output(str(t), _lengths(shape), bool(later)) for t, shape, later in head["outputs"]),
                tuple(map(int, head["resized"])),
            )
        except (TypeError, KeyError, IndexError, AttributeError) as error:
            raise ValueError(f"no native code is written like this: {error}") from error
        if at != len(rest):
            raise ValueError("there is more to it than it says")
        return made


def _name(text: Any) -> str:
    if not isinstance(text, str) or not _NAME.fullmatch(text):
        raise ValueError(f"{text!r} is no name of an object")
    return text


def _lengths(shape: Any) -> tuple[int | None, ...]:
    return tuple(None if n is None else int(n) for n in shape)
