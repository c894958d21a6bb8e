"""The functions of the scalar language, each with what stages after the graph must know of it: how C and CUDA
C write it, and what it costs.

A row of ``ops/elementwise`` (or of another file of operations) defines one with ``define``; printers and
schedulers look it up by the name that an ``Expr`` carries. What is in no row cannot be printed.
"""

from __future__ import annotations

from string import Formatter

from ..records import record

#: what one element costs, in additions: what is as cheap as to load it from memory and so is computed
#: again wherever it is read; a division, a root, a rounding; what takes a polynomial or a table
CHEAP, MODERATE, COSTLY = 1, 4, 12

FLOATING, INTEGER, BOOLEAN = "floating", "integer", "boolean"


def kind_of(dtype: str) -> str:
    """The kind of a dtype that templates are told apart by."""
    return FLOATING if dtype.startswith("float") else BOOLEAN if dtype == "bool" else INTEGER


@record
class Text:
    """How a language writes a function of scalars: a template for each kind of dtype that its operands (the
    last of them) may have; bools are written as integers where nothing else is said.

    In a template ``{0}``, ``{1}``, … are the operands, which are names, numbers or in parentheses; ``{t}`` is
    the type of the result, ``{o}`` that of the operands, ``{u}`` the unsigned type as wide as theirs; ``{s}``
    the suffix that functions of the operands' dtype have ('f32', 'i64'), ``{r}`` that of the result's dtype;
    ``{f}`` is 'f' for float32, else nothing, as in ``sqrt{f}``; ``{inf}`` is infinity.
    """

    floating: str | None = None
    integer: str | None = None
    boolean: str | None = None

    def of(self, dtype: str) -> str | None:
        """The template for operands of a dtype; None where there is none."""
        return self.of_kind(kind_of(dtype))

    def of_kind(self, kind: str) -> str | None:
        """The template for operands of a kind of dtypes; None where there is none."""
        return self.integer if kind == BOOLEAN and self.boolean is None else getattr(self, kind)


@record
class Function:
    """A function of scalars: ``arity`` operands, its texts, and the cost of an element (``CHEAP``, …)."""

    name: str
    arity: int
    c: Text
    cuda: Text
    cost: int


FUNCTIONS: dict[str, Function] = {}
#: what a template may have beside its operands, see ``Text``
_PLACES = frozenset(("t", "o", "u", "s", "r", "f", "inf"))


def define(
    name: str,
    arity: int,
    kinds: tuple[str, ...],
    *,
    cost: int,
    text: str | Text | None = None,
    c: str | Text | None = None,
    cuda: str | Text | None = None,
) -> Function:
    """A new function of the scalar language, for operands of ``kinds`` of dtypes.

    ``text`` is what C and CUDA C write alike, else both ``c`` and ``cuda`` are given; a str stands for all
    kinds.

    Errors: ValueError where the name is taken, a text is missing, or lacks a kind or an operand.
    """
    if name in FUNCTIONS:
        raise ValueError(f"two functions of the scalar language are called {name}")
    if (text is None) == (c is None and cuda is None):
        raise ValueError(f"{name}: give text=, which C and CUDA C share, or c= and cuda=")
    texts = {}
    for language, given in (("c", c), ("cuda", cuda)):
        given = given if text is None else text
        if given is None:
            raise ValueError(f"{name} has no text in {language}: give {language}=")
        if isinstance(given, str):
            given = Text(**dict.fromkeys(kinds, given))
        texts[language] = given
        for kind in kinds:
            template = given.of_kind(kind)
            if template is None:
                raise ValueError(f"{name} has no text in {language} for operands of {kind} dtypes")
            found = {field for _, field, _, _ in Formatter().parse(template) if field is not None}
            operands = set(map(str, range(arity)))
            if not operands <= found <= operands | _PLACES:
                raise ValueError(
                    f"{name}: the text {template!r} must have the operands {sorted(operands)} and may have "
                    f"{sorted(_PLACES)}, but has {sorted(found)}"
                )
    FUNCTIONS[name] = Function(name, arity, cost=cost, **texts)
    return FUNCTIONS[name]


def is_cheap(name: str) -> bool:
    """Whether an element costs no more than to load it."""
    return name in FUNCTIONS and FUNCTIONS[name].cost <= CHEAP


def is_costly(name: str) -> bool:
    """Whether an element takes a polynomial or more."""
    return name in FUNCTIONS and FUNCTIONS[name].cost >= COSTLY
