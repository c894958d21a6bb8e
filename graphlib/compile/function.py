"""``function``: from inputs, outputs and updates to a callable that runs as one native function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..configuration import MODE_NAMES, config
from ..errors import InputError
from ..graph import Shared, Variable, graph_inputs
from ..graph.garbage import function_made, not_collected
from ..graph.substitution import clone, literal, written_from
from ..graph.turns import together
from ..graph.variable import user_origin
from ..lower.program import Program
from ..ops.scan import carried_updates
from .arguments import (
    Converter,
    Defaults,
    In,
    Out,
    check_leaves,
    fitting,
    normalize_givens,
    normalize_inputs,
    normalize_outputs,
    normalize_updates,
)
from .modes import make_executor
from .watching import Guard, Watch


def function(
    inputs: Sequence[Any] | None = None,
    outputs: Any = None,
    mode: str | None = None,
    updates: Any = None,
    givens: Any = None,
    no_default_updates: bool | Sequence[Shared] = False,
    accept_inplace: bool = False,
    name: str | None = None,
    rebuild_strict: bool = True,
    allow_input_downcast: bool | None = None,
    profile: bool | None = None,
    on_unused_input: str | None = None,
) -> Function:
    """Compile a function of ``inputs`` that returns the values of ``outputs`` and then applies ``updates``.

    inputs: variables, or ``In(variable, value=default)``; passed by position, or by name as keywords.
    outputs: None, one variable, a list or a dict of them; what is returned has the same form.
    updates: pairs (shared, expression), or a dict; all expressions see the values from before the call.
    givens: pairs (variable, replacement): the graph is compiled as if built with the replacements.
    mode: 'fast_run' (C), 'reference' (numpy), 'check' (both, compared), 'check_nan'; config.mode by default.
    rebuild_strict: False lets what is given have other types than what it replaces.  accept_inplace: whether
    graphs may hold operations that write to their inputs, of which graphlib has none.
    allow_input_downcast: cast inputs of wider dtypes without complaint; None does so for Python numbers only.
    profile: time every step; ``print(f.profile)`` shows where the time went, by operation and by line.
    on_unused_input: 'raise', 'warn' or 'ignore' an input that nothing needs.

    Errors: InputError, ShapeError, DTypeError, naming the variable and the user's line.
    """
    where = _title(name)
    items = normalize_inputs(inputs, where)
    outs, form = normalize_outputs(outputs, where)
    pairs = normalize_updates(updates, where)
    replace = normalize_givens(givens, where, rebuild_strict)
    if not isinstance(no_default_updates, (bool, list, tuple, set)):
        raise InputError(
            f"{where}: no_default_updates is a truth value or a list of shared variables, not "
            f"{no_default_updates!r}"
        )
    # the next defaults of inputs are outputs behind the user's
    outs += [Out(item.update) for item in items if item.update is not None]
    variables = [*(o.variable for o in outs), *pairs.values()]
    mentioned = written_from(variables).difference(replace)
    if any(item.variable.owner is not None for item in items):
        variables = literal(variables)
        # what is needed only to compute an input is not needed
        mentioned = set(graph_inputs(variables, stop_at=[item.variable for item in items]))
    variables = clone(variables, replace)
    outs = [Out(v, o.borrow) for v, o in zip(variables, outs, strict=False)]
    pairs = dict(zip(pairs, variables[len(outs) :], strict=True))
    _default_updates(pairs, variables, [i.variable for i in items], replace, no_default_updates)
    pairs = {s: fitting(v, s, f"{where}: the update of") for s, v in pairs.items()}
    shareds = check_leaves(
        items,
        [*(o.variable for o in outs), *pairs.values()],
        on_unused_input or config.on_unused_input,
        where,
        mentioned,
    )
    shareds = list(dict.fromkeys([*shareds, *pairs]))
    chosen = mode_name(mode)
    program = Program(
        where,
        [i.variable for i in items],
        [o.variable for o in outs],
        [o.borrow for o in outs],
        pairs,
        shareds,
    )
    return Function(
        program,
        items,
        form,
        name,
        chosen,
        allow_input_downcast,
        config.profile if profile is None else bool(profile),
    )


def mode_name(mode: Any) -> str:
    """A mode by any of its names; None is config.mode."""
    if mode is None:
        return config.mode
    if isinstance(mode, (Watch, Guard)):
        return mode
    text = mode if isinstance(mode, str) else getattr(mode, "name", type(mode).__name__)
    normal = MODE_NAMES.get(text, text)
    if normal not in ("fast_run", "reference", "check", "check_nan"):
        raise InputError(f"no mode is called {mode!r}; there are fast_run, reference, check and check_nan")
    return normal


def _title(name: str | None) -> str:
    origin = user_origin()
    return f"function {name or ''}".strip() + (f" ({origin})" if origin else "")


def _default_updates(
    pairs: dict[Shared, Variable],
    variables: list[Variable],
    inputs: list[Variable],
    replace: dict[Variable, Variable],
    excluded: Any,
) -> None:
    """Adds to ``pairs`` the default updates of shared variables that are read, also in default updates."""
    skip = set(excluded) if isinstance(excluded, (list, tuple, set)) else set()
    pending = [] if excluded is True else variables
    while pending:
        carried = carried_updates(pending)
        new = [
            v
            for v in graph_inputs(pending, stop_at=inputs)
            if isinstance(v, Shared) and v.default_update is not None and v not in pairs and v not in skip
        ]
        pending = [carried[v] if v in carried else clone(v.default_update, replace) for v in new]
        pairs.update(zip(new, pending, strict=True))


class Function:
    """A compiled function.  Call it; copy, deepcopy and pickle it (arrays are saved, native code is rebuilt
    from the cache).

    ``source`` is the generated C, ``profile`` the table of a function compiled with ``profile=True``,
    ``mode`` how it runs. Calls from several threads take turns, also with those of functions that use
    the same shared variables, and with their ``get_value`` and ``set_value``.
    """

    def __init__(
        self,
        program: Program,
        items: list[In],
        form: Any,
        name: str | None,
        mode: str,
        allow_input_downcast: bool | None,
        profile: bool,
    ) -> None:
        self.name = name
        self.mode = mode
        self._program = program
        self._items = items
        self._form = form
        self._allow_downcast = allow_input_downcast
        self._profiled = profile
        used = [*program.shareds, *(i.value for i in items if isinstance(i.value, Shared))]
        self._turn = together([s.turn for s in used])
        self._converters = [Converter(item, allow_input_downcast, program.title) for item in items]
        self._required = len(items) if not any(item.implicit for item in items) else -1
        with not_collected():
            self._executor = make_executor(program, mode, profile)
            function_made()
        self._give = _result_form(form)
        self._defaults = Defaults(items)
        self._carried = [i for i, item in enumerate(items) if item.update is not None]

    @property
    def value(self) -> Defaults:
        """The default values of inputs, by variable, name or position: ``f.value["lr"] = 0.1``."""
        return self._defaults

    container = value

    def __getitem__(self, key: Any) -> Any:
        return self._defaults[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        self._defaults[key] = value

    def __contains__(self, key: Any) -> bool:
        return key in self._defaults

    @property
    def inputs(self) -> list[Variable]:
        """The input variables."""
        return list(self._program.inputs)

    @property
    def outputs(self) -> list[Variable]:
        """The output variables, as the user wrote them."""
        return list(self._program.outputs[: len(self._program.outputs) - len(self._carried)])

    @property
    def output_names(self) -> list[str] | None:
        """The keys of the outputs, if they were given as a dict."""
        return list(self._form) if isinstance(self._form, list) else None

    @property
    def updates(self) -> dict[Shared, Variable]:
        """The updates, as the user wrote them."""
        return dict(self._program.updates)

    @property
    def carried(self) -> dict[int, Variable]:
        """What the default values of inputs, by their places, become by a call (``In(update=...)``)."""
        outputs = self._program.outputs
        return dict(zip(self._carried, outputs[len(outputs) - len(self._carried) :], strict=True))

    @property
    def source(self) -> str:
        """The generated C, or CUDA C."""
        return self._executor.source

    @property
    def plan(self) -> Any:
        """What the function does in which order and in which memory: ``print(function.plan)``.

        A frozen ``graphlib.schedule.plan.Plan``, which can be compared and pickled; None of the mode
        'reference', which has no plan.
        """
        return self._executor.plan

    @property
    def profile(self) -> Any:
        """The profile so far; its text is a table by operation and by source line."""
        return self._executor.profile()

    @property
    def optimized(self) -> list[Variable]:
        """The outputs and updates after rewriting: what is compiled, for debugprint and draw."""
        return self._executor.rewritten()

    def get_shared(self) -> list[Shared]:
        """The shared variables that the function reads or updates."""
        return list(self._program.shareds)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) != self._required:
            args = self._bind(args, kwargs)
        arrays = [convert(value) for convert, value in zip(self._converters, args, strict=True)]
        turn = self._turn
        while True:
            # as turn.taken(), which would take a microsecond
            lock = turn.lock
            with lock:
                if turn.lock is lock:
                    results = self._executor(arrays)
                    return self._give(self._carry(results) if self._carried else results)

    def map(self, *sequences: Iterable[Any]) -> Any:
        """The results of a call for each element of a sequence, or of several side by side, stacked:
        ``f.map(xs, ys)`` is ``numpy.stack([f(x, y) for x, y in zip(xs, ys)])``, for each output.

        Updates are applied by each call, before the next. It is one native call, so that a call of a few
        microseconds, such as a small model's training step, costs no more than that; where the shapes of the
        outputs, or those of updated variables, are not known beforehand, and on other devices, it is as many
        calls.

        Errors: those of the call that fails first; those before it have been made. InputError where nothing
        can be stacked: there are no calls, or outputs of several shapes.
        """
        calls = [list(each) for each in zip(*sequences, strict=True)]
        if not calls:
            raise InputError(f"{self._program.title}: map is given no elements")
        if self._carried or not getattr(self._executor, "simple", False):
            return self._give(self._stacked([self._listed(self(*each)) for each in calls]))
        if len(calls[0]) != self._required:
            calls = [self._bind(tuple(each), {}) for each in calls]
        arrays = [
            [convert(value) for convert, value in zip(self._converters, each, strict=True)] for each in calls
        ]
        while True:
            lock = self._turn.lock
            with lock:
                if self._turn.lock is lock:
                    return self._give(self._executor.repeat(arrays))

    def _listed(self, results: Any) -> list:
        """What `_give` makes of a list of results, as that list."""
        if self._form == "one":
            return [results]
        return list(results.values()) if isinstance(results, dict) else results

    def _stacked(self, results: list[list]) -> list:
        try:
            return [np.stack([np.array(one) for one in each]) for each in zip(*results, strict=True)]
        except ValueError:
            raise InputError(
                f"{self._program.title}: the outputs of map's calls have several shapes"
            ) from None

    def _carry(self, results: list) -> list:
        """The user's outputs; what follows them are the defaults of the next call."""
        own = len(results) - len(self._carried)
        for place, value in zip(self._carried, results[own:], strict=True):
            self._defaults.carry(place, value)
        return results[:own]

    def _bind(self, args: tuple, kwargs: dict[str, Any]) -> list:
        """Arguments by position and by name, completed by defaults."""
        where = self._program.title
        open_places = [i for i, item in enumerate(self._items) if not item.implicit]
        if len(args) > len(open_places):
            raise InputError(f"{where} takes {len(open_places)} inputs, got {len(args)}")
        values = dict(zip(open_places, args, strict=False))
        positions = {item.name: i for i, item in enumerate(self._items) if item.name is not None}
        names = [item.name for item in self._items]
        for key, value in kwargs.items():
            if key not in positions:
                known = ", ".join(positions) or "none has a name"
                raise InputError(f"{where} has no input called {key!r}; its inputs are: {known}")
            if names.count(key) > 1:
                raise InputError(f"{where} has several inputs called {key!r}; pass them by position")
            if self._items[positions[key]].implicit:
                raise InputError(f"{where}: input {key!r} is implicit and cannot be passed")
            if positions[key] in values:
                raise InputError(f"{where}: input {key!r} is given twice, by position and by name")
            values[positions[key]] = value
        for i, item in enumerate(self._items):
            if i not in values:
                default = self._defaults.of(i)
                if default is None:
                    raise InputError(f"{where}: no value for input {item.describe()}")
                values[i] = default
        return [values[i] for i in range(len(self._items))]

    def copy(
        self,
        share_memory: bool = False,
        swap: dict[Shared, Shared] | None = None,
        delete_updates: bool = False,
        name: str | None = None,
        profile: bool | None = None,
    ) -> Function:
        """Another function of the same graph, with shared variables exchanged as ``swap`` says, perhaps
        without updates, and with a new ``name``.  ``share_memory`` permits it to use the memory of this one
        for what is computed in between, which no result depends on; each keeps its own.

        Errors: InputError where ``swap`` exchanges what the function has not."""
        outputs = [Out(v, b) for v, b in zip(self.outputs, self._program.borrow, strict=False)]
        updates = {} if delete_updates else self._program.updates
        swap = swap or {}
        for old in swap:
            if old not in self._program.shareds:
                raise InputError(f"{self._program.title} has no shared variable {old} to exchange")
        made = function(
            self._defaults.items(keep_updates=not delete_updates),
            outputs,
            self.mode,
            [(swap.get(s, s), v) for s, v in updates.items()],
            list(swap.items()),
            True,
            name=name or self.name,
            allow_input_downcast=self._allow_downcast,
            profile=self._profiled if profile is None else profile,
            on_unused_input="ignore",
        )
        made._form, made._give = self._form, self._give
        return made

    def __copy__(self) -> Function:
        return self.copy()

    def __reduce__(self) -> tuple:
        state = (
            self._program,
            self._defaults.items(),
            self._form,
            self.name,
            self.mode,
            self._allow_downcast,
            self._profiled,
        )
        return Function, state

    def __repr__(self) -> str:
        return f"<{self._program.title}: {self._program.signature()}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: signature, steps and source."""
        from ..printing.notebook import function_html

        return function_html(self)


def _result_form(form: Any) -> Callable[[list], Any]:
    if form == "none":
        return lambda values: []
    if form == "one":
        return lambda values: values[0]
    if form == "list":
        return lambda values: values
    return lambda values: dict(zip(form, values, strict=True))


def evaluate(variable: Variable, values: dict[Variable, Any]) -> np.ndarray:
    """The value of a variable for given values of its inputs; compiled functions are kept with the
    variable."""
    if named := [key for key in values if isinstance(key, str)]:
        raise InputError(f"eval: write the variable itself, .eval({{x: ...}}), not its name {named[0]!r}")
    # they refer to the variable: kept anywhere else they would keep it alive
    if not hasattr(variable, "_evaluators"):
        variable._evaluators = {}
    kept = variable._evaluators
    key = (*values, config.mode)
    if key not in kept:
        kept[key] = function(list(values), variable, on_unused_input="ignore", name=f"eval of {variable}")
    return kept[key](*values.values())
