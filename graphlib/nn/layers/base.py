"""What all layers are: callables on symbolic variables, with parameters that the first call makes.

    hidden = Dense(500, "relu")
    y = hidden(x)

`y` is an ordinary variable, and so are the parameters ``hidden.params``. A layer of one's own is a subclass
with a method `output`, and one named `build` if it has parameters:

    class Scale(Layer):
        def build(self, x):
            self.scale = self.parameter("scale", (self.length(x, -1),), 1.0)

        def output(self, x, training, mask):
            return x * self.scale

Layers that a layer keeps as attributes, or in lists, are its parts: their parameters are its own.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...configuration import config
from ...errors import GraphError, InputError, ShapeError
from ...graph import Shared, Variable
from ...graph.shared import shared
from ...graph.variable import Origin, fixed_origin, user_origin
from ...tensor import as_tensor_variable as as_variable
from ...tensor import cast, switch
from ...tensor.random import RandomStreams
from ..elsewhere import method_here
from ..initializers import Constant, Fans, fans_of
from ..registry import check_call, nearest, resolve, snake_case
from ..schema import check_arguments

_GRAPHLIB = __name__.split(".")[0]


@dataclass(frozen=True)
class Parameter:
    """A shared variable of a layer, and how it is to be learnt.

    Attributes:
        variable: the shared variable.
        trainable: whether optimizers change it.
        regularizer: gives its term of the layer's penalty, or None.
        constraint: makes an allowed value of a new one, or None.
        learning_rate_multiplier: a factor on the optimizer's learning rate.
    """

    variable: Shared
    trainable: bool = True
    regularizer: Callable[[Variable], Variable] | None = None
    constraint: Callable[[Variable], Variable] | None = None
    learning_rate_multiplier: float = 1.0


@dataclass(frozen=True)
class Call:
    """A call of a layer, as `recorded` notes it: how deep within other layers, its name, input and output."""

    layer: Layer
    depth: int
    label: str
    x: Any
    y: Any


_recorder: ContextVar[list[Call] | None] = ContextVar("calls of layers", default=None)
_depth: ContextVar[int] = ContextVar("depth of the present call", default=0)


class recorded:
    """``with recorded() as calls:`` notes the calls of layers, outer ones before those within."""

    def __enter__(self) -> list[Call]:
        calls: list[Call] = []
        self._token = _recorder.set(calls)
        return calls

    def __exit__(self, *error: object) -> None:
        _recorder.reset(self._token)


@dataclass(eq=False, repr=False, kw_only=True)
class Layer:
    """Base of layers.

    Args:
        name: how parameters and messages call it; unique among the parts of a layer. None: its class's name
            and a number.
        seed: of the random numbers it starts with, when it is no part of another layer, which gives one.
        trainable: whether optimizers change its parameters; may be changed until the updates are made.
        learning_rate_multiplier: a factor on the learning rate of all its parameters, or of some by their
            names (``{"W": 0.1}``).

    Attributes:
        origin: the user's line that made it, which messages and profiles name.
    """

    name: str | None = None
    seed: int | None = None
    trainable: bool = True
    learning_rate_multiplier: float | dict[str, float] = 1.0

    def __new__(cls, *args: Any, **kwargs: Any) -> Layer:
        # here, so that a subclass need not call our __init__
        if cls.__module__.startswith(f"{_GRAPHLIB}."):
            check_call(cls.__name__, cls, args, kwargs)
        self = super().__new__(cls)
        self.origin: Origin | None = user_origin()
        self._label: str | None = None
        self._seeds: np.random.SeedSequence | None = None
        self._streams: RandomStreams | None = None
        self._built = False
        #: type of the first call's input; of several, each
        self.first_input: Any = None
        self._parameters: dict[str, Parameter] = {}
        self._state: dict[str, Shared] = {}
        self._updates: dict[Shared, Variable] = {}
        self._carried: dict[Shared, Variable] = {}
        return self

    def __post_init__(self) -> None:
        check_arguments(self)

    def __getattr__(self, name: str) -> Any:
        # only what is not there comes here
        early = not name.startswith("_") and not self.__dict__.get("_built", True)
        raise AttributeError(
            f"{type(self).__name__} has no {name}"
            + (method_here(name) or (", or not yet: the first call makes its parameters" if early else ""))
        )

    # what a subclass defines

    def build(self, x: Any) -> None:
        """Makes the parameters that the input `x` asks for, with `parameter` and `keep`."""

    def output(self, x: Any, training: bool, mask: Variable | None) -> Any:
        """What the layer computes of `x`. `mask` is (batch, time), 0 where a sequence has ended."""
        raise NotImplementedError(f"{type(self).__name__} has no method output(x, training, mask)")

    def output_mask(self, x: Any, mask: Variable | None) -> Variable | None:
        """The mask of the output, of the input `x` and its mask: None where the output has not the input's
        time axis."""
        return None

    def masked_output(self, x: Any, training: bool, mask: Variable | None, **options: Any) -> tuple:
        """(the output, its mask); a layer of layers defines this in place of the two."""
        y = self.output(x, training, mask, **options)
        if y is None:
            raise InputError(f"{type(self).__name__}.output returns nothing: end it with return")
        return y, self.output_mask(x, mask)

    @property
    def children(self) -> dict[str, Layer]:
        """The layers that it consists of, by name."""
        found: list[tuple[str, Layer]] = []
        for attribute, value in vars(self).items():
            if isinstance(value, Layer):
                found.append((attribute.lstrip("_"), value))
            elif isinstance(value, (list, tuple)) and value and all(isinstance(v, Layer) for v in value):
                found += ((f"{attribute.lstrip('_')}_{n}", v) for n, v in enumerate(value, 1))
        return named(found)

    # what a subclass calls

    def parameter(
        self,
        name: str,
        shape: Sequence[int],
        initializer: Any,
        *,
        fans: Fans | None = None,
        regularizer: Any = None,
        constraint: Any = None,
    ) -> Variable:
        """Makes a trainable parameter.

        Args:
            shape: its lengths, which stay as they are.
            initializer: an initializer or its name, a number, an array; a shared variable, which becomes the
                parameter; or an expression, which takes its place.
            fans: of the initializer, where they are not those of `shape`.
            regularizer, constraint: objects of this kind, or their names, or None.

        Errors: ShapeError if an array or a variable has another shape.
        """
        shape = tuple(int(n) for n in shape)
        variable = self._made(name, shape, initializer, fans)
        if isinstance(variable, Shared):
            self._parameters[name] = Parameter(
                variable,
                regularizer=resolve("regularizer", regularizer),
                constraint=resolve("constraint", constraint),
            )
        return variable

    def keep(self, name: str, shape: Sequence[int | None], value: Any = 0.0) -> Shared:
        """Makes a shared variable that is neither learnt nor drawn, such as a running mean; None in its shape
        are lengths that may change, 1 at first."""
        array = np.full([1 if n is None else n for n in shape], value, config.floatX)
        self._state[name] = shared(array, name=name, borrow=True, shape=tuple(shape))
        return self._state[name]

    def length(self, x: Variable, axis: int) -> int:
        """A length of the input that must be known before any call, since parameters depend on it.

        Errors: ShapeError if it is not, or if `x` has no such axis.
        """
        if not isinstance(x, Variable):
            raise InputError(
                f"takes one tensor, not several by name ({', '.join(map(str, x))}): Parallel has a "
                "branch for each of these names"
            )
        if x.ndim < 2:
            raise ShapeError(
                f"the input must have a batch and its features, as (100, 1) has, unlike {x.describe()}"
            )
        if not -x.ndim <= axis < x.ndim:
            raise ShapeError(f"there is no axis {axis} in {x.describe()}")
        n = x.static_shape[axis]
        if n is None:
            known = tuple("?" if k == axis % x.ndim else None for k in range(x.ndim))
            example = (
                "(" + ", ".join("784" if k else "None" for k in known) + ("," if x.ndim == 1 else "") + ")"
            )
            raise ShapeError(
                f"the length of axis {axis} of {x.describe()} is not known, and parameters depend on it: "
                f"declare it where the variable is made, as in shape={example}"
            )
        return n

    def dimensions(self, x: Variable, *allowed: int) -> None:
        """ShapeError unless `x` has one of these numbers of dimensions."""
        if x.ndim not in allowed:
            wanted = " or ".join(_FORMS.get(n, f"of {n} dimensions") for n in allowed)
            raise ShapeError(f"the input must be {wanted}, unlike {x.describe()}")

    @property
    def rng(self) -> np.random.Generator:
        """A generator for what the layer starts with: the same numbers each time it is asked for."""
        self._settle()
        return np.random.default_rng(self._seeds)

    def update(self, variable: Shared, value: Variable) -> None:
        """Notes the new value of something kept, in a call with ``training=True``."""
        self._updates[variable] = value

    # what users call

    def __call__(self, x: Any, training: bool = False, mask: Any = None, **options: Any) -> Any:
        """The layer's output for the input `x`, a variable or array, of which the first axis is the batch.

        The first call makes the parameters, all calls share them. Where `training`, dropout drops, batch
        normalisation normalises by the batch, and `updates` are set. `mask`, (batch, time), is 0 where a
        sequence has ended and 1 before; what is in `x` there, also NaN, is of no consequence, to gradients
        neither. Recurrent layers take more options.

        Errors: ShapeError and others, which name the layer and where it was made.
        """
        if mask is not None:
            x, mask = as_input(x), as_variable(mask)
            x = without_masked(x, mask)
        return self.with_mask(x, training, mask, **options)[0]

    def with_mask(self, x: Any, training: bool = False, mask: Any = None, **options: Any) -> tuple:
        """(the output, its mask or None) of a call: for layers that pass masks on to others. Of several
        inputs or outputs a mask may be one for each, in a mapping or list like theirs."""
        self._settle()
        x, mask = (
            as_input(x),
            mask if mask is None or isinstance(mask, (Mapping, list)) else as_variable(mask),
        )
        calls, depth = _recorder.get(), _depth.get()
        if calls is not None:
            position = len(calls)
            calls.append(Call(self, depth, self.label, x, None))
            token = _depth.set(depth + 1)
        if training:
            self._updates = {}
        # a layer of the user's own has lines of its own
        ours = type(self).__module__.split(".")[0] == _GRAPHLIB
        try:
            with fixed_origin(self.origin if ours else None):
                if not self._built:
                    self._parameters, self._state = {}, {}
                    self.first_input = _types_of(x)
                    self.build(x)
                    if not ours:
                        self._refuse_variables_of_its_own()
                    self._built = True
                self._refuse_unknown(options)
                y, mask = self.masked_output(x, training, mask, **options)
        except GraphError as error:
            raise self._named(error) from error.__cause__
        finally:
            if calls is not None:
                _depth.reset(token)
        if calls is not None:
            calls[position] = replace(calls[position], y=y)
        return y, mask

    def _refuse_unknown(self, options: Mapping[str, Any]) -> None:
        """InputError for an option of a call that the layer does not take."""
        if not options:
            return
        own = type(self)
        method = own.output if own.masked_output is Layer.masked_output else own.masked_output
        parameters = inspect.signature(method).parameters
        if any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
            return
        known = list(parameters)[4:]  # behind self, x, training and mask
        for name in options:
            if name not in known:
                raise InputError(f"its call takes no {name!r}{nearest(name, known) if known else ''}")

    def _refuse_variables_of_its_own(self) -> None:
        """InputError if it keeps a shared variable that it was not given and neither learns nor saves."""
        known = {*(each.variable for each in self._parameters.values()), *self._state.values()}
        given = inspect.signature(type(self)).parameters
        for name, value in vars(self).items():
            if isinstance(value, Shared) and value not in known and name not in given:
                raise InputError(
                    f"its attribute {name} is a shared variable that is neither learnt nor saved: make it "
                    f"with self.parameter({name!r}, shape, initializer), which is learnt, or with "
                    f"self.keep({name!r}, shape, value)"
                )

    @property
    def label(self) -> str:
        """Its name among the layers that it is a part of: ``left.dense_1``."""
        return self._label or self.name or snake_case(type(self).__name__)

    @property
    def parameters(self) -> dict[str, Parameter]:
        """Its parameters by path, those of its parts as ``dense_1.W``; one that is shared, once.

        Errors: InputError before the first call.
        """
        if not self._is_built:
            raise InputError(
                f"{self.label} ({self._made_at}) has no parameters yet: the first call makes them, as its "
                "input tells their shapes"
            )
        found, seen = {}, set()
        for path, parameter in self._all_parameters():
            if parameter.variable not in seen:
                seen.add(parameter.variable)
                found[path] = parameter
        return found

    @property
    def own_parameters(self) -> dict[str, Parameter]:
        """Those that are none of its parts'."""
        return dict(self._options_applied())

    @property
    def own_state(self) -> dict[str, Shared]:
        """The `state` that is none of its parts'."""
        return dict(self._state)

    @property
    def params(self) -> list[Shared]:
        """The shared variables that are to be learnt."""
        return [each.variable for each in self.parameters.values() if each.trainable]

    @property
    def state(self) -> dict[str, Shared]:
        """What is neither learnt nor drawn, by path: running means, states of recurrent layers."""
        found = dict(self._state)
        for name, child in self.children.items():
            found.update((f"{name}.{path}", variable) for path, variable in child.state.items())
        return {path: variable for path, variable in found.items() if not _is_before(variable, path, found)}

    @property
    def updates(self) -> dict[Shared, Variable]:
        """The new values of the `state` after the latest call with ``training=True``."""
        found = dict(self._updates)
        for child in self.children.values():
            found.update(child.updates)
        return found

    @property
    def carried(self) -> dict[Shared, Variable]:
        """The states of recurrent layers after the latest call, also one without ``training=True``: what a
        prediction of the next piece of the same sequences begins with."""
        found = dict(self._carried)
        for child in self.children.values():
            found.update(child.carried)
        return found

    @property
    def penalty(self) -> Variable:
        """The sum of all regularizers' terms, a scalar; 0 if there are none."""
        terms = [p.regularizer(p.variable) for p in self.parameters.values() if p.regularizer and p.trainable]
        return (
            functools.reduce(lambda a, b: a + b, terms) if terms else as_variable(np.zeros((), config.floatX))
        )

    @property
    def streams(self) -> RandomStreams:
        """What the random numbers of training, such as dropout's, are drawn from; the same for all parts."""
        self._settle()
        return self._streams

    def reset_states(self, batch_size: int | None = None) -> None:
        """Zeroes what recurrent layers keep between calls, for `batch_size` sequences if that is given."""
        for child in self.children.values():
            child.reset_states(batch_size)

    def summary(self, shape: Sequence[int | None] | None = None, dtype: str | None = None) -> str:
        """A table of the layers; see `graphlib.nn.summary.summary`."""
        from ..summary import summary

        return summary(self, shape, dtype)

    def _repr_html_(self) -> str | None:
        """What a notebook shows: the table of its layers."""
        from ..notebook import layer_html

        return layer_html(self)

    def __repr__(self) -> str:
        shown = []
        fields = type(self).__dataclass_fields__
        for name, field in sorted(fields.items(), key=lambda item: item[1].kw_only):
            value = getattr(self, name, field.default)
            if isinstance(value, (np.ndarray, Variable)):
                shown.append(f"{name}=...")
            elif value is not field.default and (
                type(value) is not type(field.default) or value != field.default
            ):
                shown.append(f"{name}={value!r}")
        return f"{type(self).__name__}({', '.join(shown)})"

    # within

    @property
    def _is_built(self) -> bool:
        # also a part of a Sequential that was called as a whole
        children = self.children.values()
        return self._built or (bool(children) and all(child._is_built for child in children))

    @property
    def _made_at(self) -> str:
        return f"{type(self).__name__}, made at {self.origin.full}" if self.origin else type(self).__name__

    def _named(self, error: GraphError) -> GraphError:
        """The same error with the layer's name and line before it."""
        if getattr(error, "layer", None) is not None:
            return error
        found = type(error)(f"layer {self.label} ({self._made_at}): {error}")
        found.layer = self
        return found.with_traceback(error.__traceback__)

    def _made(self, name: str, shape: tuple[int, ...], initializer: Any, fans: Fans | None) -> Variable:
        value = resolve("initializer", initializer)
        if isinstance(value, Variable):
            if value.ndim != len(shape) or any(
                n is not None and n != m for n, m in zip(_shape_of(value), shape, strict=True)
            ):
                raise ShapeError(f"{name} is given as {value.describe()}, and must have shape {shape}")
            return value
        if isinstance(value, (int, float)):
            value = Constant(value)
        if not callable(value):
            array = np.asarray(value)
            if array.shape != shape:
                raise ShapeError(f"{name} is given as an array of shape {array.shape}, and must have {shape}")
        else:
            # of each parameter its own numbers, whichever others there are
            seeds = _spawned(self._seeds, (len(self._parameters),))
            try:
                array = value(np.random.default_rng(seeds), shape, fans or fans_of(shape))
            except MemoryError:
                raise ShapeError(f"there is no memory for {name} of shape {shape}") from None
        array = np.array(array, config.floatX, order="C")
        return shared(array, name=name, borrow=True, shape=shape)

    def _settle(
        self,
        label: str | None = None,
        seeds: np.random.SeedSequence | None = None,
        streams: RandomStreams | None = None,
    ) -> None:
        """Gives names and seeds to the layer and its parts, once: where it is called first."""
        if self._seeds is not None:
            return
        self._label = label
        self._seeds = seeds if self.seed is None and seeds is not None else np.random.SeedSequence(self.seed)
        if streams is None:
            streams = RandomStreams(int(_spawned(self._seeds, (_STREAMS,)).generate_state(1)[0]))
        self._streams = streams
        for position, (name, child) in enumerate(self.children.items()):
            path = name if label is None else f"{label}.{name}"
            child._settle(path, _spawned(self._seeds, (_PARTS, position)), streams)

    def _options_applied(self) -> Iterator[tuple[str, Parameter]]:
        for name, parameter in self._parameters.items():
            yield (
                name,
                replace(parameter, trainable=self.trainable, learning_rate_multiplier=self._multiplier(name)),
            )

    def _all_parameters(self) -> list[tuple[str, Parameter]]:
        """(path, parameter), a shared one more than once."""
        found = list(self._options_applied())
        for name, child in self.children.items():
            for path, parameter in child._all_parameters():
                path = f"{name}.{path}"
                multiplier = parameter.learning_rate_multiplier * self._multiplier(path)
                trainable = parameter.trainable and self.trainable
                applied = replace(parameter, trainable=trainable, learning_rate_multiplier=multiplier)
                found.append((path, applied))
        given, known = self.learning_rate_multiplier, [path for path, _ in found]
        unknown = [name for name in given if name not in known] if isinstance(given, Mapping) else []
        if unknown:
            raise InputError(
                f"layer {self.label} ({self._made_at}): learning_rate_multiplier has {unknown[0]!r}, and the "
                f"parameters are {', '.join(known)}"
            )
        return found

    def scale_learning_rates(self, factors: Mapping[str, float]) -> None:
        """Multiplies the learning rates of parameters, by their paths, on top of the multipliers there are;
        functions that were compiled before keep theirs."""
        self.learning_rate_multiplier = {path: f * self._multiplier(path) for path, f in factors.items()}

    def _multiplier(self, name: str) -> float:
        given = self.learning_rate_multiplier
        return given.get(name, 1.0) if isinstance(given, Mapping) else given


_PARTS, _STREAMS = 1_000_000, 1_000_001  # keys of spawned seeds, beyond the numbers of a layer's parameters
_FORMS = {
    2: "(batch, features)",
    3: "(batch, time, features)",
    4: "(batch, channels, rows, columns)",
}


def _spawned(seeds: np.random.SeedSequence, key: tuple[int, ...]) -> np.random.SeedSequence:
    """A seed of its own for a key; the same each time, unlike those of ``spawn``."""
    return np.random.SeedSequence(seeds.entropy, spawn_key=(*seeds.spawn_key, *key))


def _shape_of(variable: Variable) -> tuple[int | None, ...]:
    return variable.present_shape() if isinstance(variable, Shared) else variable.static_shape


def _is_before(variable: Shared, path: str, found: Mapping[str, Shared]) -> bool:
    """Whether a variable was found under another path before this one."""
    return next(p for p, v in found.items() if v is variable) != path


def named(layers: Sequence[tuple[str, Layer]]) -> dict[str, Layer]:
    """Layers under the names that they were given by their user, or else under these.

    Errors: InputError if two have the same, or one has a dot in it.
    """
    found: dict[str, Layer] = {}
    for default, layer in layers:
        if any(layer is other for other in found.values()):
            continue
        name = layer.name or default
        if "." in name:
            raise InputError(f"a layer cannot be called {name!r}: the dot separates the names of layers")
        if name in found:
            raise InputError(
                f"two layers are called {name!r} ({found[name]._made_at}, and {layer._made_at}): give one of "
                "them another name="
            )
        found[name] = layer
    return found


def numbered(layers: Sequence[Layer]) -> list[tuple[str, Layer]]:
    """Layers with their classes' names and numbers: dense_1, dropout_1, dense_2."""
    counts: dict[str, int] = {}
    found: list[tuple[str, Layer]] = []
    for layer in layers:
        if layer.name is None and not any(layer is other for _, other in found):
            kind = snake_case(type(layer).__name__)
            counts[kind] = counts.get(kind, 0) + 1
            found.append((f"{kind}_{counts[kind]}", layer))
        else:
            found.append((layer.name or "", layer))
    return found


def _types_of(x: Any) -> Any:
    if isinstance(x, Mapping):
        return {name: _types_of(each) for name, each in x.items()}
    return [_types_of(each) for each in x] if isinstance(x, list) else x.type


def as_input(x: Any) -> Any:
    """Arrays as variables, those of floats as of config.floatX; of several inputs, each."""
    if isinstance(x, Variable):
        return x
    if isinstance(x, Mapping):
        return {name: as_input(each) for name, each in x.items()}
    if isinstance(x, (list, tuple)) and any(isinstance(each, (Variable, np.ndarray)) for each in x):
        return [as_input(each) for each in x]
    array = np.asarray(x)
    return as_variable(array.astype(config.floatX) if array.dtype.kind == "f" else array)


def without_masked(x: Any, mask: Variable) -> Any:
    """Sequences of numbers, (batch, time, features), with 0 where a mask has it: NaN that is multiplied by 0
    would be NaN still, in gradients too. Of several inputs, each."""
    if isinstance(x, Mapping):
        return {name: without_masked(each, mask) for name, each in x.items()}
    if isinstance(x, list):
        return [without_masked(each, mask) for each in x]
    if x.ndim != 3 or mask.ndim != 2 or not x.type.is_float:
        return x
    return switch(mask.dimshuffle(0, 1, "x"), x, 0)


def as_float(x: Variable) -> Variable:
    """x, or x as config.floatX where it is of whole numbers, such as bytes of images."""
    x = as_variable(x)
    return x if x.type.is_float else cast(x, config.floatX)


__all__ = [
    "Layer",
    "Parameter",
    "as_float",
    "named",
    "numbered",
    "recorded",
    "without_masked",
]
