"""What the library's functions go over: for each how many elements of its arrays, by the integers that it is
given.

A function of the library trusts its caller.  Its contract says with what: it stands beside the operation that
calls it, and holds for every target that has a function of that name.  ``schedule/reach.py`` proves of each
call in a plan that its arrays have what the contract says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..errors import ScheduleError
from ..records import record
from .integer import Poly

#: numbers or lengths, from the integers of a call
Amounts = Callable[..., Sequence["Poly | int"]]


@record
class Contract:
    """extents: the elements of each array, operands first, that a call reads or writes, none beyond.

    needs: what must be at least 0 for that to be true, where there are elements at all.
    """

    extents: Amounts
    needs: Amounts


_contracts: dict[str, Contract] = {}


def contract(names: str, extents: Amounts, needs: Amounts = lambda *integers: ()) -> None:
    """Give the functions of these names, with blanks between, a contract."""
    for name in names.split():
        _contracts[name] = Contract(extents, needs)


def contract_of(*names: str) -> Contract:
    """The contract of the first of some functions that has one.  Errors: ScheduleError where none has."""
    for name in names:
        if name in _contracts:
            return _contracts[name]
    raise ScheduleError(f"the library's function {names[-1]} has no contract that says what it goes over")
