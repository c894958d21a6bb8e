"""A long function as tables: its steps, its arguments, and its arrays' places in memory.

Its steps are mostly alike: those of the layers of a network, or of the steps of a loop that is written out,
differ by nothing but the arrays that they work on.  A compiler takes long for thousands of calls one after
the other, and no time for data.  So steps that are alike are one function of C, which is given where in the
struct the pointers to its arrays are, and what the compiler sees of a step is a row of numbers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..schedule.arrays import Memory
from .text import indented

if TYPE_CHECKING:
    from .c import Writer


class Places:
    """The arrays of one step, in the order in which its text names them; ``types``: of what."""

    def __init__(self, types: dict[Memory, str]) -> None:
        self.types = types
        self.numbers: dict[Memory, int] = {}

    def of(self, memory: Memory) -> str:
        """How the pointer to an array is written in the step's function."""
        number = self.numbers.setdefault(memory, len(self.numbers))
        return f"GL_AT({self.types[memory]}, {number})"


class StepTable:
    """What is written for all steps of a plan: ``declarations``, before the function that goes through them
    with ``statements``."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.name = _name(writer)
        self.types = writer.field_types()
        #: the functions, by their text
        self.functions: dict[tuple[str, ...], str] = {}
        self.rows: list[str] = []
        self.places: list[str] = []
        for first, behind in writer.in_order():
            self._add(first, behind)

    def _add(self, first: int, behind: int) -> None:
        places, found = Places(self.types), self.writer.plan.after[behind - 1]
        with self.writer.given(places):
            lines = (*self.writer.step(first, behind, commented=False), *self.writer.found(found))
        function = self.functions.setdefault(lines, f"{self.name}step_{len(self.functions)}")
        about = self.writer.about(first, behind)
        head = f"{about} " if about else ""
        self.rows.append(f"{head}{{{function}, {len(self.places)}}},")
        self.places += _fields(self.writer, places.numbers)

    def declarations(self) -> list[str]:
        struct, name = self.writer.struct, self.name
        lines = [
            "/* A pointer of the struct, of those that a step is given the places of. */",
            "#undef GL_AT",
            "#define GL_AT(type, k) (*(type **)((char *)s + at[k]))",
            "",
        ]
        for body, function in self.functions.items():
            lines.append(f"static int64_t {function}({struct} *s, const int32_t *at) {{")
            lines += indented(["(void)s, (void)at;", *body, "return 0;"])
            lines += ["}", ""]
        return [
            *lines,
            *_numbers(f"{name}places", self.places or ["0"]),
            "",
            "/* The steps in order: what is called, and which is the first of its places. */",
            "static const struct {",
            f"    int64_t (*run)({struct} *, const int32_t *);",
            "    int32_t first;",
            f"}} {name}table[] = {{",
            *indented(self.rows),
            "};",
            "",
        ]

    def statements(self) -> list[str]:
        plan, name, rows = self.writer.plan, self.name, len(self.rows)
        lines = ["int64_t code;"]
        lines += ["double clock = gl_seconds(), now;"] if plan.profiled else []
        each = [f"if ((code = {name}table[k].run(s, {name}places + {name}table[k].first))) return code;"]
        each += ["now = gl_seconds(); s->seconds[k] += now - clock; clock = now;"] if plan.profiled else []
        return [*lines, f"for (int64_t k = 0; k < {rows}; k++) {{", *indented(each), "}"]


def arguments_table(writer: Writer) -> tuple[list[str], list[str]]:
    """Of a function with many arguments a table, and the statements that note where their data are."""
    name = f"{_name(writer)}arguments"
    fields = _fields(writer, [a.memory for a in writer.plan.arguments])
    each = f"for (int64_t k = 0; k < {len(fields)}; k++)"
    return _numbers(name, fields), [f"{each} {_note(f'{name}[k]', 'GL_DATA(args, k, char)')}"]


def arena_table(writer: Writer) -> tuple[list[str], list[str], list[str]]:
    """Of an arena of many parts the tables, statements that declare ``sizes``, those of the parts, and ones
    that note where arrays are, from ``place`` on."""
    slots, name = writer.plan.slots, _name(writer)
    kinds: dict[tuple[str, ...], int] = {}
    lines: list[str] = []
    of_slots = []
    for slot in slots:
        size = tuple(map(writer.poly, slot.sizes))
        if size not in kinds:
            lines += writer.size(f"kind{len(kinds)}", slot)
        of_slots.append(str(kinds.setdefault(size, len(kinds))))
    all_kinds = ", ".join(f"kind{k}" for k in range(len(kinds)))
    sizes = [
        *lines,
        f"const int64_t kinds[] = {{{all_kinds}}};",
        f"int64_t sizes[{len(slots)}];",
        f"for (int64_t k = 0; k < {len(slots)}; k++) sizes[k] = kinds[{name}kinds[k]];",
    ]
    placed = [
        f"for (int64_t k = 0, j = 0; k < {len(slots)}; place += gl_aligned(sizes[k++])) {{",
        f"    for (const int64_t end = j + {name}sharing[k]; j < end; j++)",
        f"        {_note(f'{name}arena[j]', 'place')}",
        "}",
    ]
    declarations = [
        "/* Of each part of the arena which size it has, and how many arrays share it; these arrays. */",
        *_numbers(f"{name}kinds", of_slots),
        *_numbers(f"{name}sharing", [str(len(slot.memories)) for slot in slots]),
        *_numbers(f"{name}arena", _fields(writer, [m for slot in slots for m in slot.memories])),
    ]
    return declarations, sizes, placed


def _name(writer: Writer) -> str:
    """What the names of a plan's tables and functions begin with."""
    return writer.plan.prefix or "gl_"


def _note(field: str, address: str) -> str:
    """The statement that has a pointer of the struct point somewhere."""
    return f"memcpy((char *)s + {field}, &(char *){{{address}}}, sizeof(char *));"


def _fields(writer: Writer, memories: Iterable[Memory]) -> list[str]:
    """Where in the struct the pointers to some memories are."""
    return [f"offsetof({writer.struct}, {writer.pointer(m)})" for m in memories]


def _numbers(name: str, values: list[str], each: int = 4) -> list[str]:
    """A table of numbers."""
    lines = [", ".join(values[k : k + each]) + "," for k in range(0, len(values), each)]
    return [f"static const int32_t {name}[] = {{", *indented(lines), "};"]


__all__ = ["Places", "StepTable", "arena_table", "arguments_table"]
