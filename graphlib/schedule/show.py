"""A plan as text for a person: what is done in which order, in which memory, and what is checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from ..lower.limits import Length as Limit
from ..scalar.expression import Expr
from ..scalar.lowered import Check
from .arrays import Array
from .statements import is_statement

if TYPE_CHECKING:
    from .plan import CopyArray, Factor, Fill, Found, Kernel, Plan, Product, Scan


def shown(plan: Plan) -> str:
    """The text of a plan."""
    return "\n".join(_plan(plan)) + "\n"


def _plan(plan: Plan) -> Iterator[str]:
    yield f"{plan.title}, for {'a device' if plan.target == 'cuda' else 'C'}"
    roles = [_input(axes) for axes in plan.short] + ["shared variable"] * plan.shared
    roles += ["constant"] * len(plan.constants)
    yield "arguments"
    for array, role in zip(plan.arguments, roles, strict=True):
        yield f"    {_typed(array)}, {role}"
    yield from _lengths(plan)
    yield from _checks(plan)
    if plan.slots:
        yield "arena"
        for k, slot in enumerate(plan.slots):
            held = [str(a) for a in plan.arrays if a.memory in slot.memories]
            sizes = " or ".join(map(str, slot.sizes))
            yield f"    part {k}, {sizes} bytes: {', '.join(held)}"
    if plan.chains:
        yield "written one over the other"
        for chain in plan.chains:
            yield f"    {' <- '.join(map(str, chain))}"
    if plan.ready:
        factors = dict.fromkeys(str(product.b.array) for product in plan.ready)
        yield f"laid out before the first step: {', '.join(factors)}"
    for first, behind in plan.together:
        yield f"one function: steps {first} to {behind - 1}" + (", of all turns" if plan.at_once else "")
    yield "steps"
    yield from _indented(_found(plan, plan.first))
    for k, (step, found) in enumerate(zip(plan.steps, plan.after, strict=True)):
        operations = ", ".join(source.op for source in step.sources)
        yield f"    {k} {step.kind}{': ' if operations else ''}{operations}"
        for n, turns in step.guards:
            yield f"        fails if {n} is 0 and {turns} is not"
        for action in step.actions:
            yield from _indented(_action(action), 2)
        yield from _indented(_found(plan, found), 2)
    yield f"results: {', '.join(map(_placed, plan.results)) or 'none'}"


def _input(short: tuple[int, ...]) -> str:
    return "input" + (f", of calls with this length of axis {' and '.join(map(str, short))}" if short else "")


def _indented(lines: Iterator[str], by: int = 1) -> Iterator[str]:
    for line in lines:
        yield "    " * by + line


def _typed(array: Array) -> str:
    lengths = ", ".join(map(str, array.shape))
    return f"{array}: {array.dtype}[{lengths}]" + (f", {array.origin}" if array.origin else "")


def _placed(array: Array) -> str:
    memory = array.memory
    return f"{array} in {memory.kind} {memory.index}" if memory is not None else str(array)


def _lengths(plan: Plan) -> Iterator[str]:
    if plan.lengths:
        yield "lengths"
    for length in plan.lengths:
        if length.argument is not None:
            argument = plan.arguments[length.argument]
            yield f"    {length.symbol} is that of axis {length.axis} of {argument}"
            continue
        later = ", found during the call" if length.data_dependent else ""
        parts = [*(line for let in length.lets for line in _statement(let)), f"{_expr(length.value)}"]
        yield f"    {length.symbol} = {'; '.join(parts)}{later}"


def _checks(plan: Plan) -> Iterator[str]:
    if plan.checks:
        yield "checks"
    for k, check in enumerate(plan.checks):
        if isinstance(check, Check):
            what = f"{check.left} is {check.right}"
            names = [v.describe() for v in check.variables]
            words = check.sentence.format(*names, a=f"{{{check.left}}}", b=f"{{{check.right}}}", one="")
        elif isinstance(check, Limit):
            what = f"{check.length} is no less than 0"
            words = f"axis {check.axis} of {check.variable.describe()} would have another length"
        else:
            factors = " * ".join([str(check.number), *(f"max({f}, 1)" for f in check.factors)])
            what = f"{factors} elements are not too many"
            words = f"{check.variable.describe()} would be more than any memory can hold"
        yield f"    {k} {what}, else: {words}"


def _found(plan: Plan, found: Found) -> Iterator[str]:
    for symbol in found.lengths:
        yield f"now the length {symbol} is known"
    for k in found.checks:
        yield f"check {k}"
    for array in found.arrays:
        yield f"memory for {_typed(array)}"
    for k in found.outputs:
        yield f"now the shape of output {k} is known: ({', '.join(map(str, plan.shapes[k]))})"


# what a step does


def _action(action: Any) -> Iterator[str]:
    yield from _ACTIONS[type(action).__name__](action)


def _compute(action: Any) -> Iterator[str]:
    yield from _all(action.body)


def _copy(action: CopyArray) -> Iterator[str]:
    yield f"{_placed(action.target)} = {action.source}, {action.size} elements"


def _fill(action: Fill) -> Iterator[str]:
    yield f"{_placed(action.target)} = {_expr(action.value)}, {action.size} times"


def _call(action: Any) -> Iterator[str]:
    given = ", ".join(map(str, (*action.operands, *action.integers)))
    yield f"{', '.join(map(_placed, action.outputs))} = {action.name}({given})"


def _product(p: Product) -> Iterator[str]:
    text = f"{_factor(p.a)} · {_factor(p.b)}"
    if p.alpha is not None:
        text = f"{_expr(p.alpha)} * {text}"
    if p.beta is not None:
        text += f" + {_expr(p.beta)} * itself"
    batch = f", {p.batch} times" if p.batch is not None else ""
    yield f"{_placed(p.target)} = {text}, {p.m} by {p.n} with sums of {p.k}{batch}"


def _factor(f: Factor) -> str:
    offset = "" if f.offset == 0 else f" from {f.offset}"
    return f"{f.array}{'.T' if f.transposed else ''}{offset}"


def _scan(scan: Scan) -> Iterator[str]:
    until = f", until result {scan.until}" if scan.until is not None else ""
    yield f"{scan.n} times{until}"
    for row in (*scan.sequences, *scan.invariants):
        yield f"    argument {row.argument} is {row.array} from {row.offset} + {row.by} a step"
    for state in scan.states:
        taps = ", ".join(f"{argument} ({tap})" for argument, tap in state.taps)
        begin = f"{state.initial.array} from {state.initial.offset}"
        yield f"    {_placed(state.target)} begins as {begin}; it is the arguments {taps}"
    for row in scan.mapped:
        yield f"    {_placed(row.array)} takes result {row.result}"
    yield from _indented(_plan(scan.plan))


def _kernel(kernel: Kernel) -> Iterator[str]:
    split = f", {kernel.turns} turns cut into chunks" if kernel.turns is not None else ""
    shape = f", {kernel.shape} {kernel.rows}" if hasattr(kernel, "shape") else ""
    yield f"kernel {kernel.name}{split}{shape}{', may fail' if kernel.checks else ''}"
    for line in kernel.comment:
        yield f"    # {line}"
    for one in kernel.body:
        yield from _indented(_statement(one))
    for part in kernel.partial:
        yield f"    {_placed(part.array)} = {part.kind} of the chunks' parts"


def _statement(one: Any) -> Iterator[str]:
    """A statement, those inside it below."""
    writer = _STATEMENTS.get(type(one).__name__)
    if writer is not None:
        yield writer(one)
        return
    if type(one).__name__ == "Loop":
        yield from _loop(one)
        return
    simple = [f for f in fields(one) if not _has_statements(getattr(one, f.name))]
    values = {f.name: getattr(one, f.name) for f in simple}
    given = ", ".join(f"{k}={_value(v)}" for k, v in values.items() if v not in (None, (), False))
    yield f"{type(one).__name__.lower()} {given}".rstrip()
    for f in fields(one):
        inside = getattr(one, f.name)
        if _has_statements(inside):
            if f.name != "body":
                yield f"    {f.name}:"
            for part in inside:
                yield from _indented(_statement(part), 1 if f.name == "body" else 2)


def _loop(loop: Any) -> Iterator[str]:
    how = ", a chunk of them" if loop.split else ""
    if loop.lanes is not None:
        taken = ", ".join(f"{kind} in {name}" for kind, _, name in loop.lanes.reductions)
        how += f", side by side{f' ({taken})' if taken else ''}"
    how += ", some at a time in step" if loop.abreast else ""
    head = f"for {loop.index} below {loop.length}{how}:"
    if loop.run is None:
        yield head
        yield from _indented(_all(loop.body))
        return
    yield f"for each run of {loop.run} turns:"
    yield from _indented(_all(loop.before))
    yield f"    {head}"
    yield from _indented(_all(loop.body), 2)
    yield from _indented(_all(loop.after))


def _all(body: Iterable[Any]) -> Iterator[str]:
    for one in body:
        yield from _statement(one)


def _has_statements(thing: Any) -> bool:
    return isinstance(thing, tuple) and bool(thing) and is_statement(thing[0])


def _value(thing: Any) -> str:
    if isinstance(thing, tuple):
        return f"({', '.join(map(_value, thing))})"
    if is_statement(thing):
        given = ", ".join(f"{f.name}={_value(getattr(thing, f.name))}" for f in fields(thing))
        return f"{type(thing).__name__.lower()}({given})"
    return _expr(thing) if isinstance(thing, Expr) else str(thing)


_ACTIONS = {
    "Launch": lambda action: _kernel(action.kernel),
    "Compute": _compute,
    "CopyArray": _copy,
    "Fill": _fill,
    "Product": _product,
    "Call": _call,
    "Scan": _scan,
}
_STATEMENTS = {
    "Let": lambda s: f"{s.name} = {_expr(s.value)}",
    "Accumulator": lambda s: f"{s.name} = {s.kind} of nothing, {s.dtype}",
    "Take": lambda s: f"{s.name} takes {_expr(s.value)}" + (f" at {s.index}" if s.index else ""),
    "Add": lambda s: f"{s.name} += {s.value}",
    "Store": lambda s: (
        f"{'if all is well: ' if s.guarded else ''}{s.target}[{s.offset}] {'+=' if s.add else '='} "
        f"{_expr(s.value)}"
    ),
    "TakeInto": lambda s: f"{s.target}[{s.offset}] takes {_expr(s.value)}",
    "Evaluate": lambda s: f"look at {_expr(s.value)}",
    "Begin": lambda s: f"{s.target} = {s.kind} of nothing, {s.size} elements from {s.offset}",
    "OwnArray": lambda s: f"{s.name}: {s.dtype}[{s.size}]",
    "OwnMemory": lambda s: f"{s.name}: {s.dtype}[{s.size}] in memory of its own",
    "Parts": lambda s: f"{s.name} = {s.target}, but for the first chunk in memory of its own",
    "Join": lambda s: f"after all chunks: {', '.join(str(p.target) for p in s.parts)} takes their parts",
    "Part": lambda s: f"part {s.number} = {s.name}",
}


def _expr(e: Expr) -> str:
    """An expression; operations as calls."""
    if e.op in ("load", "access"):
        return f"{e.value[0]}[{', '.join(map(str, e.value[1]))}]"
    if e.op in ("const", "int", "local"):
        return str(e.value)
    name = e.dtype if e.op == "cast" else e.op
    return f"{name}({', '.join(map(_expr, e.args))})"
