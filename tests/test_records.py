"""Frozen records against the standard library's frozen dataclasses."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace

import pytest

from graphlib.records import record


class Plain:
    """What both are made from."""

    name: str
    place: tuple[int, ...] = ()
    parts: list = field(default_factory=list)

    def longer(self) -> Plain:
        return replace(self, place=(*self.place, 0))


def made(make):
    body = {k: v for k, v in vars(Plain).items() if k not in ("__dict__", "__weakref__")}
    return make(type("Plain", (), body))


Theirs, Ours = made(dataclass(frozen=True)), made(record)


@record
class Longer:
    """One of a module, as pickle wants it."""

    name: str
    number: int = 3


@record
class Longest(Longer):
    """One with the fields of another before its own."""

    last: float = 0.5


@record
class Own:
    """One that says itself what is equal."""

    number: int

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Own) and self.number % 10 == other.number % 10

    __hash__ = None


def test_they_are_made_shown_compared_and_changed_alike():
    for arguments, named in ((("a",), {}), (("a", (1,)), {}), ((), {"parts": [1], "name": "b"})):
        theirs, ours = Theirs(*arguments, **named), Ours(*arguments, **named)
        assert repr(ours) == repr(theirs)
        assert [f.name for f in fields(ours)] == [f.name for f in fields(theirs)]
        assert ours == Ours(*arguments, **named)
        assert ours != replace(ours, name="c")
        assert vars(replace(ours, place=(2,))) == vars(replace(theirs, place=(2,)))
        assert ours.longer().place == theirs.longer().place
        assert ours != theirs
    assert Ours("a").parts is not Ours("a").parts
    with pytest.raises(TypeError, match="name"):
        Ours()


def test_they_are_frozen_hashed_and_copied():
    one = Longer("a")
    for change in (lambda: setattr(one, "name", "b"), lambda: delattr(one, "name")):
        with pytest.raises(FrozenInstanceError, match="'name' of a Longer"):
            change()
    assert hash(one) == hash(Longer("a", 3))
    assert {one, Longer("a"), Longer("b")} == {Longer("a"), Longer("b")}
    for same in (copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert same == one
    with pytest.raises(TypeError, match="unhashable"):
        hash(Ours("a"))


def test_one_extends_another_and_keeps_its_own_methods():
    assert repr(Longest("a", last=2.0)) == "Longest(name='a', number=3, last=2.0)"
    assert Longest("a") != Longer("a")
    assert Own(3) == Own(13)
