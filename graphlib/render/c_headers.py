"""The headers that generated C begins with: what it does not call, the compiler need not read."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ..scalar.expression import CHECKS, Expr
from ..scalar.functions import FUNCTIONS
from ..scalar.reductions import REDUCERS
from ..schedule.parts import expressions
from ..schedule.plan import Launch, Plan
from ..schedule.statements import Draw, Loop, statements

RUNTIME = "graphlib_runtime.h"
CLOCK = "graphlib_clock.h"
#: a tenth of what a small file takes to be compiled
MATHEMATICS = "graphlib_math.h"
RANDOM = "graphlib_random.h"

#: what is written by operators of C, or by what the runtime's header has; other casts are of float16
_PLAIN = frozenset(["int", "load", "access", "local", "cast", *CHECKS])
#: a name in a template, between its fields
_NAME = re.compile(r"\w")
_FIELD = re.compile(r"\{\w*\}")


def of_kernel(body: Iterable[Any]) -> list[str]:
    """The headers for a kernel's statements."""
    found = list(statements(body))
    kinds = {(s.kind, s.dtype) for s in found if hasattr(s, "kind")}
    kinds |= {lane[:2] for s in found if isinstance(s, Loop) and s.lanes for lane in s.lanes.reductions}
    # where an index is looked for, the extremum of a block is
    kinds |= {(kind.removeprefix("arg"), dtype) for kind, dtype in kinds if REDUCERS[kind].finds_index}
    dtypes = {s.dtype for s in found if hasattr(s, "dtype")}
    drawn = any(isinstance(s, Draw) for s in found)
    return _headers(list(expressions(list(body))), kinds, dtypes, drawn)


def of_driver(plan: Plan) -> list[str]:
    """The headers for what calls the kernels of a plan, and functions of the library, whose text it does not
    need."""
    kinds: set[tuple[str, str]] = set()
    dtypes: set[str] = set()
    computed: list[Expr] = []
    for part in plan.all():
        dtypes |= {a.dtype for a in (*part.arguments, *part.results, *part.arrays)}
        computed += expressions([part.lengths, part.checks, part.slots, part.shapes])
        for step in part.steps:
            computed += expressions(step.guards)
            for action in step.actions:
                if isinstance(action, Launch):
                    kinds |= {(p.kind, p.dtype) for p in action.kernel.partial}
                    action = replace(action.kernel, body=())
                computed += expressions(action)
    clock = [CLOCK] if plan.profiled else []
    return [*_headers(computed, kinds, dtypes), *clock]


def _headers(
    found: list[Expr], kinds: set[tuple[str, str]], dtypes: set[str], drawn: bool = False
) -> list[str]:
    """The headers for expressions, reductions by kind and dtype, and arrays of dtypes."""
    if drawn or any(e.op.startswith("random_") for e in found):
        return [RUNTIME, MATHEMATICS, RANDOM]
    dtypes = dtypes | {e.dtype for e in found}
    needed = "float16" in dtypes or any(map(_calls, found)) or any(not _is_operator(*k) for k in kinds)
    return [RUNTIME, MATHEMATICS] if needed else [RUNTIME]


def _calls(e: Expr) -> bool:
    """Whether an expression is written by a name of C: a function's, a type's, that of infinity."""
    if e.op == "const":
        return e.dtype.startswith("float") and not math.isfinite(e.value)
    return e.op not in _PLAIN and _is_named(e.op, e.args[-1].dtype)


def _is_operator(kind: str, dtype: str) -> bool:
    """Whether a reduction is written by an operator of C, from a number on."""
    reducer = REDUCERS[kind]
    return not isinstance(reducer.neutral, str) and not _is_named(reducer.combine, dtype)


def _is_named(function: str, dtype: str) -> bool:
    return bool(_NAME.search(_FIELD.sub("", FUNCTIONS[function].c.of(dtype))))
