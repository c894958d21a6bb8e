"""Compiles the units of a function and its driver, the part that calls them.

Each unit is kept in the cache by itself.  Those that are not there are divided into as many files as there
are processors, which are compiled side by side, together with the driver.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..cache import key_of, note, noted
from .toolchain import cores, key_of_object, load_object, shared_object, side_by_side

if TYPE_CHECKING:
    from concurrent.futures import Future

    from ...render.units import Unit

#: about what a file costs the compiler before it comes to the nests, in characters of these
_FILE_COST = 4000
#: and a call that is inlined, and a function of the library, whose text is in a header
_CALL_COST = 400
_LIBRARY_COST = 5000
#: Headers whose loops that matter are written out, vector by vector: all that -O3 would do there is to take
#: longer.
_WRITTEN_OUT = (
    "graphlib_convolution.h",
    "graphlib_direct.h",
    "graphlib_patches.h",
    "graphlib_pointwise.h",
    "graphlib_pool.h",
    "graphlib_sliding.h",
    "graphlib_winograd.h",
)
_WRITTEN_OUT_FLAGS = ("-O2",)
#: A driver goes straight on, calls and copies: to optimise that costs more than it ever gains.  Only one that
#: computes something is, and that not where it is long; in it a few scalars are contracted as in nests.
_STRAIGHT_FLAGS = ("-O0",)
_COMPUTING_FLAGS = ("-O1", "-fexpensive-optimizations", "-ftree-vectorize")
_LONG = 60_000


def _key(unit: Unit) -> str:
    """The name of a unit in the cache."""
    return key_of("\n".join(unit.declarations), unit.text, unit.symbol, key_of_object())


def _cost(unit: Unit) -> int:
    """About how much work it is for the compiler."""
    return (len(unit.text) or _LIBRARY_COST) + _CALL_COST * unit.calls


def _cost_of_all(units: dict[str, Unit]) -> int:
    return sum(map(_cost, units.values()))


class Place(NamedTuple):
    """Where a unit is that this process has loaded: its address, the name of the object that has it, and what
    keeps that there."""

    address: int
    object: str
    library: ctypes.CDLL


class Linked(NamedTuple):
    """A driver with its units, and the names by which the cache has it and them."""

    library: ctypes.CDLL
    driver: str
    units: tuple[tuple[str, str], ...]


_loaded: dict[str, Place] = {}


def linked(driver: str, units: Sequence[Unit], functions: tuple[str, ...], computes: bool) -> Linked:
    """The loaded driver, which has ``functions`` and ``gl_link``, with its units; whether it ``computes``
    something itself.

    Errors: CompileError with the compiler's words, or of what is missing.
    """
    from concurrent.futures import wait

    keys = {_key(unit): unit for unit in units}
    missing = {key: unit for key, unit in keys.items() if key not in _loaded and not _load(key)}
    written_out = {key: unit for key, unit in missing.items() if _is_written_out(unit)}
    others = {key: unit for key, unit in missing.items() if key not in written_out}
    jobs: list[Future] = [
        side_by_side(_compile, group, _WRITTEN_OUT_FLAGS) for group in _divided(written_out)
    ]
    jobs += [side_by_side(_compile, group) for group in _divided(others)]
    flags = _COMPUTING_FLAGS if computes and len(driver) < _LONG else _STRAIGHT_FLAGS
    # Functions that do the same with other units are other drivers: the table of an object is one for all who
    # have loaded it.
    driver = f"/* {' '.join(keys)} */\n{driver}"
    library = side_by_side(shared_object, driver, flags, ("gl_link", *functions))
    wait([*jobs, library])  # whether or not one of them fails, nothing is left that still writes
    for job in jobs:
        _loaded.update(job.result())
    made = library.result()
    _link(made, keys)
    return Linked(made, key_of_object(driver, flags), tuple((key, _loaded[key].object) for key in keys))


def linked_again(
    driver: str, units: Sequence[tuple[str, str]], functions: tuple[str, ...]
) -> ctypes.CDLL | None:
    """A driver of that name in the cache with units, each in the object of that name; None where one of them
    is not there any more."""
    if not all(key in _loaded or _load_from(key, file) for key, file in units):
        return None
    made = load_object(driver)
    if made is None or not all(hasattr(made, name) for name in ("gl_link", *functions)):
        return None
    _link(made, [key for key, _ in units])
    return made


def _link(driver: ctypes.CDLL, keys: Iterable[str]) -> None:
    addresses = [_loaded[key].address for key in keys]
    driver.gl_link((ctypes.c_void_p * max(len(addresses), 1))(*addresses))


def _divided(missing: dict[str, Unit]) -> list[dict[str, Unit]]:
    """Groups of units, about equally expensive, as many as pay; what the library has in one header, and
    shares most of its text, is not divided."""
    together: dict[object, dict[str, Unit]] = {}
    for key, unit in missing.items():
        together.setdefault(key if unit.text else unit.declarations, {})[key] = unit
    parts = sorted(together.values(), key=_cost_of_all, reverse=True)
    count = max(1, min(cores(), len(parts), sum(map(_cost_of_all, parts)) // _FILE_COST))
    groups: list[dict[str, Unit]] = [{} for _ in range(count)]
    costs = [0] * count
    for part in parts:
        k = costs.index(min(costs))
        groups[k] |= part
        costs[k] += _cost_of_all(part)
    return [group for group in groups if group]


def _is_written_out(unit: Unit) -> bool:
    return not unit.text and any(header in line for header in _WRITTEN_OUT for line in unit.declarations)


def _compile(group: dict[str, Unit], flags: tuple[str, ...] = ()) -> dict[str, Place]:
    """The units' places in an object that is compiled now."""
    declarations = dict.fromkeys(line for unit in group.values() for line in unit.declarations)
    parts = [*declarations, ""]
    for key, unit in group.items():
        symbol = f"gl_kernel_{key}" if unit.text else unit.symbol
        if unit.type:  # what its callers take it to be
            parts.append(
                f"static __typeof__({unit.type}) const gl_type_{key} __attribute__((unused)) = {symbol};"
            )
        parts += [unit.text.replace(unit.symbol, symbol), f"void *const gl_unit_{key} = (void *){symbol};"]
    source = "\n".join(parts) + "\n"
    library = shared_object(source, flags, tuple(f"gl_unit_{key}" for key in group))
    file = key_of_object(source, flags)
    for key in group:
        note(f"{key}.unit", file.encode())
    return {key: _place(library, file, key) for key in group}


def _load(key: str) -> bool:
    """Load a unit from the object that the cache has it in, if it does."""
    found = noted(f"{key}.unit")
    return found is not None and _load_from(key, found.decode())


def _load_from(key: str, file: str) -> bool:
    """Load a unit from the object of that name, if it is there."""
    library = load_object(file)
    if library is None or not hasattr(library, f"gl_unit_{key}"):
        return False
    _loaded[key] = _place(library, file, key)
    return True


def _place(library: ctypes.CDLL, file: str, key: str) -> Place:
    return Place(ctypes.c_void_p.in_dll(library, f"gl_unit_{key}").value or 0, file, library)
