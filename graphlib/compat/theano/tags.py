"""``x.tag``: a program's own notes on a variable or a node."""

from __future__ import annotations

from typing import Any

from ...graph import Apply, Constant, Shared, Variable, graph_inputs

_PREFIX = "tag."  # a note is an attribute of what it is on, with a name that no program can write


class Tag:
    """What a program keeps as ``x.tag.anything``; notes go along into copies, clones and pickles of ``x``.

    ``tag.test_value`` of what is computed is computed when it is asked for, from the test values of the
    inputs.
    """

    __slots__ = ("_of",)

    def __init__(self, of: Variable | Apply) -> None:
        object.__setattr__(self, "_of", of)

    def __getattr__(self, name: str) -> Any:
        try:
            return self._of.__dict__[_PREFIX + name]
        except KeyError:
            pass
        if name != "test_value" or isinstance(self._of, Apply):
            raise AttributeError(f"{self._of}.tag has no {name}")
        return _test_value(self._of)

    def __setattr__(self, name: str, value: Any) -> None:
        self._of.__dict__[_PREFIX + name] = value

    def __delattr__(self, name: str) -> None:
        if self._of.__dict__.pop(_PREFIX + name, self) is self:
            raise AttributeError(f"{self._of}.tag has no {name}")

    def __dir__(self) -> list[str]:
        return list(_notes(self._of))


def _notes(of: Variable | Apply) -> dict[str, Any]:
    return {name[len(_PREFIX) :]: value for name, value in of.__dict__.items() if name.startswith(_PREFIX)}


def _test_value(variable: Variable) -> Any:
    if isinstance(variable, Shared):
        return variable.get_value(borrow=True)
    if isinstance(variable, Constant):
        return variable.data
    if variable.owner is None:
        raise AttributeError(f"{variable} has no test value; assign {variable}.tag.test_value")
    leaves = [v for v in graph_inputs([variable]) if not isinstance(v, Shared)]
    return variable.eval({v: Tag(v).test_value for v in leaves})


def _replace(of: Variable | Apply, tag: Any) -> None:
    """``x.tag = other``: the notes of ``other``, a tag or any object with attributes, in place of its own."""
    notes = _notes(tag._of) if isinstance(tag, Tag) else dict(vars(tag))
    for name in _notes(of):
        delattr(Tag(of), name)
    for name, value in notes.items():
        setattr(Tag(of), name, value)


tag = property(Tag, _replace)
