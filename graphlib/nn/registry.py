"""What a name in a run file, in saved JSON or in an argument such as ``activation="relu"`` stands for.

Each kind of object (layers, losses, optimizers, ...) has names of its own, so that where a value stands says
which names it may hold.  A value is written as a number, text or list, as a name, or as a name with its
parameters, ``{"dropout": {"rate": 0.5}}``; a single value in their place, ``{"dropout": 0.5}``, is
the first one's.  `build` makes the object of such a value and `config_of` the value of an object.

A registered class keeps every argument of its constructor, unchanged, as the attribute of the same name (as
scikit-learn's estimators do): so the constructor's signature says all there is to know, and its type hints
are what values are checked against (see `schema`).
"""

from __future__ import annotations

import difflib
import functools
import importlib
import inspect
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from graphlib.errors import GraphError, InputError
from graphlib.graph import Variable
from graphlib.graph.variable import Origin, fixed_origin

from .elsewhere import name_here, parameter_here

#: kind -> the modules of graphlib.nn that register objects of it
_MODULES = {
    "activation": ("activations",),
    "initializer": ("initializers",),
    "regularizer": ("regularizers",),
    "constraint": ("constraints",),
    "layer": ("layers",),
    "loss": ("losses",),
    "metric": ("metrics", "losses"),
    "optimizer": ("optimizers",),
    "schedule": ("schedules",),
    "monitor": ("monitors",),
    "data": ("sources",),
    "search distribution": ("searches.space",),
    "search": ("searches.methods",),
}
KINDS = tuple(_MODULES)

#: kind -> another one whose names are good for it as well
_ALSO = {"metric": "loss"}

Registered = TypeVar("Registered")
Path = tuple[str | int, ...]


class ConfigError(GraphError, ValueError):
    """A value that names nothing, or has a parameter that is unknown, missing or of a wrong type.

    Attributes:
        problem: the sentence without the place.
        path: the keys and positions that lead to the value from the one that was to be built.
        names_key: the mistake is in the last key itself, not in its value.
    """

    def __init__(self, problem: str, path: Path = (), names_key: bool = False):
        self.problem, self.path, self.names_key = problem, path, names_key
        super().__init__(f"{written(path)}: {problem}" if path else problem)

    def below(self, *keys: str | int) -> ConfigError:
        """The same mistake, seen from where these keys lead to the value."""
        return ConfigError(self.problem, (*keys, *self.path), self.names_key)


_place: ContextVar[Path] = ContextVar("where the value that is built stands", default=())
_locate: ContextVar[Callable[[Path], Origin | None] | None] = ContextVar("lines of values", default=None)


@contextmanager
def at(*keys: str | int) -> Iterator[None]:
    """Builds what stands below these keys: mistakes are named with them, and objects know their line."""
    token = _place.set((*_place.get(), *keys))
    try:
        yield
    except ConfigError as error:
        raise error.below(*keys) from error.__cause__
    finally:
        _place.reset(token)


@contextmanager
def located(locate: Callable[[Path], Origin | None]) -> Iterator[None]:
    """What is built meanwhile takes for its `origin` the file and line that `locate` gives for its place."""
    tokens = _place.set(()), _locate.set(locate)
    try:
        yield
    finally:
        _place.reset(tokens[0])
        _locate.reset(tokens[1])


@dataclass(frozen=True)
class Entry:
    """What is registered under a name.

    Attributes:
        kind, name: those it was registered with.
        target: the class, function or object.
        called: the object is what the target returns; otherwise the target is the object, with the
            parameters that are given bound to it.
    """

    kind: str
    name: str
    target: Any
    called: bool

    @functools.cached_property
    def parameters(self) -> dict[str, inspect.Parameter]:
        """What can be given by name, in order; those of base classes where the constructor has ``**``."""
        if self.called:
            return _parameters_of(self.target)
        if not inspect.isroutine(self.target):
            return {}
        signature = inspect.signature(self.target).parameters
        return {n: p for n, p in signature.items() if p.default is not inspect.Parameter.empty}


_entries: dict[str, dict[str, Entry]] = {kind: {} for kind in KINDS}
_of_target: dict[int, Entry] = {}
_loaded: set[str] = set()


def register(
    kind: str, name: str | None = None, *, factory: bool = False
) -> Callable[[Registered], Registered]:
    """A decorator that gives a class, a function or an object a name among those of a kind.

    Args:
        kind: one of `KINDS`.
        name: None for the class's name in snake case (``Conv2D``: conv2d, ``PReLU``: prelu, ``MaxPool2D``:
            max_pool2d), or the function's own.
        factory: the name stands for what a function returns, rather than for the function; always so for
            classes.

    ValueError for a kind there is not, or a name that is taken.
    """
    if kind not in _entries:
        raise ValueError(f"there is no kind {kind!r}; there are {', '.join(KINDS)}")

    def add(target: Registered) -> Registered:
        called = factory or inspect.isclass(target)
        chosen = name or (snake_case(target.__name__) if inspect.isclass(target) else target.__name__)
        taken = _entries[kind].get(chosen)
        if taken is not None and not _is_again(taken.target, target):
            raise ValueError(f"the {kind} {chosen!r} is {taken.target!r} already: choose another name")
        entry = _entries[kind][chosen] = Entry(kind, chosen, target, called)
        _of_target.setdefault(id(target), entry)
        return target

    return add


def _is_again(old: Any, new: Any) -> bool:
    """Whether a module that was loaded again registers what it did before."""
    return all(getattr(old, a, None) == getattr(new, a, 0) for a in ("__module__", "__qualname__"))


def snake_case(name: str) -> str:
    """``MaxPool2D``: max_pool2d; ``SimpleRNN``: simple_rnn; ``PReLU``: prelu; ``KLDivergence``:
    kl_divergence."""
    return re.sub(
        r"(?<=[a-z]{2})(?=[A-Z])|(?<=[a-z])(?=[A-Z][a-z]{2})|(?<=[A-Z])(?=[A-Z][a-z]{2})", "_", name
    ).lower()


def names(kind: str) -> list[str]:
    """The names of a kind, those of the user's own registered objects included."""
    _load(kind)
    return sorted({*_entries[kind], *(_entries[_ALSO[kind]] if kind in _ALSO else ())})


def entry(kind: str, name: str) -> Entry:
    """What a name stands for; ConfigError, with the nearest names, if it stands for nothing."""
    _load(kind)
    for each in (kind, _ALSO.get(kind)):
        if each and name in _entries[each]:
            return _entries[each][name]
    if kind == "layer" and name in names("activation"):
        raise ConfigError(f"there is no layer {name!r}; as a layer the activation is {{activation: {name}}}")
    known = names(kind)
    raise ConfigError(f"there is no {kind} {name!r}{name_here(name, known) or nearest(name, known)}")


def entry_of(obj: Any) -> Entry | None:
    """The entry of a registered class, function or object, or of an object's class; None without one."""
    return _of_target.get(id(obj)) or _of_target.get(id(type(obj)))


def registered_name(obj: Any) -> str:
    """The name of a registered class, function or object, or of an object's class; without one, what it is
    called in Python."""
    found = entry_of(obj)
    return getattr(obj, "__name__", type(obj).__name__) if found is None else found.name


def described(obj: Any) -> str:
    """An object as it was made, without what are defaults: ``Adam(learning_rate=0.01)``."""
    shown = []
    for name, parameter in _parameters_of(type(obj)).items():
        value = getattr(obj, name, parameter.default)
        if type(value) is not type(parameter.default) or value != parameter.default:
            shown.append(f"{name}={value!r}")
    return f"{type(obj).__name__}({', '.join(shown)})"


def nearest(name: str, known: Sequence[str]) -> str:
    """The end of a sentence about an unknown name: the names nearest to it, or all where none is near."""

    def plain(text: str) -> str:
        return re.sub(r"[\W_]", "", str(text)).lower()

    alike = {each: difflib.SequenceMatcher(None, plain(name), plain(each)).ratio() for each in known}
    best = max(alike.values(), default=0)
    if best >= 0.6:
        close = sorted((each for each in known if alike[each] > best - 0.1), key=alike.get, reverse=True)
        return f"; did you mean {' or '.join(close[:3])}?"
    return f"; there are {', '.join(known)}" if known else "; there are none"


def check_call(what: str, target: Callable, arguments: Sequence[Any], named: Iterable[str]) -> None:
    """Holds the arguments of a call against the parameters of a function, or of a class's constructor.

    Errors: InputError for one that there is not, which says what may be meant, and for one too many.
    """
    known, by_place = _known(target)
    for name in named:
        if name not in known:
            raise InputError(f"{what} has no parameter {name!r}{unknown_parameter(name, known)}")
    if len(arguments) > len(by_place):
        takes = ", ".join(by_place) or "no values without a name"
        one = ": write them as one list" if len(by_place) == 1 else ""
        raise InputError(f"{what} takes {takes}, and is given {len(arguments)} values{one}")


def explained(method: Registered) -> Registered:
    """A method whose unknown arguments are errors by `check_call`."""

    @functools.wraps(method)
    def call(self: Any, *arguments: Any, **named: Any) -> Any:
        check_call(f"{type(self).__name__}.{method.__name__}", method, (self, *arguments), named)
        return method(self, *arguments, **named)

    return call


@functools.cache
def _known(target: Callable) -> tuple[list[str], list[str]]:
    """The parameters of a function or class, and those of them that may be given by their places."""
    found = _parameters_of(target)
    return list(found), [name for name, each in found.items() if each.kind is not each.KEYWORD_ONLY]


def unknown_parameter(name: str, known: Sequence[str]) -> str:
    """The end of a sentence about an unknown parameter of an object that has the parameters ``known``."""
    return parameter_here(name) or nearest(name, known)


def _load(kind: str) -> None:
    """Imports the modules whose objects of a kind are registered as they are imported."""
    if kind not in _entries:
        raise ValueError(f"there is no kind {kind!r}; there are {', '.join(KINDS)}")
    for module in _MODULES[kind]:
        if module not in _loaded:
            importlib.import_module(f"graphlib.nn.{module}")
            _loaded.add(module)


def _parameters_of(target: Callable) -> dict[str, inspect.Parameter]:
    """The parameters of a class's constructor, or of a function."""
    found: dict[str, inspect.Parameter] = {}
    of_class = inspect.isclass(target)
    places = [each.__init__ for each in target.__mro__] if of_class else [target]
    for place in places:
        takes_more = False
        for number, (name, parameter) in enumerate(inspect.signature(place).parameters.items()):
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                takes_more = True
            elif parameter.kind is not parameter.VAR_POSITIONAL and not (number == 0 and of_class):
                found.setdefault(name, parameter)
        if not takes_more:
            break
    return found


def resolve(kind: str, value: Any) -> Any:
    """The object that an argument stands for.

    A name is looked up and built with defaults, a mapping of one name to its parameters with these; a list
    of layers is a Sequential of them, one of regularizers their sum. Anything else (an object, an array, a
    number, None) stays as it is.

    Raises:
        ConfigError: the name is unknown, or a parameter is.
    """
    if isinstance(value, str | Mapping) or (isinstance(value, list | tuple) and kind in _OF_LISTS):
        return build(kind, value)
    return value


def takes(kind: str, value: Any) -> bool:
    """Whether a value that is neither a name nor a mapping stands for an object of a kind: lists of layers or
    regularizers, numbers and lists of them for what an array begins with."""
    if isinstance(value, list | tuple):
        return kind in _OF_LISTS or kind == "initializer"
    return kind == "initializer" and isinstance(value, int | float) and not isinstance(value, bool)


def a(kind: str) -> str:
    """A kind with its article: an optimizer, a layer."""
    return f"an {kind}" if kind[0] in "aio" else f"a {kind}"


_OF_LISTS: dict[str, Callable[[list], Any]] = {
    "layer": lambda layers: entry("layer", "sequential").target(layers),
    "regularizer": lambda terms: functools.reduce(operator.add, terms),
}


def build(kind: str, config: Any) -> Any:
    """The object of a value as `config_of` returns it, or as a run file holds it; inverse of `config_of`.

    Raises:
        ConfigError: a name or parameter is unknown, missing, or of a wrong type or range; its `path` leads
            to the value.
    """
    if _shared.get() is not None:
        return _built(kind, config)
    token = _shared.set({})
    try:
        return _built(kind, config)
    finally:
        _shared.reset(token)


#: by key, what stands in several places of the value that is built
_shared: ContextVar[dict[str, Any] | None] = ContextVar("layers that stand in several places", default=None)


@register("layer", factory=True)
def shared(key: str, layer: Any = None) -> Any:
    """A layer that stands in several places, and has the same parameters in all of them.

    Args:
        key: by which the places agree.
        layer: where it stands first, the layer; null in the others.
    """
    known = _shared.get()
    if known is None:
        raise ValueError("shared layers are parts of a value that is built as a whole")
    if layer is None:
        if key not in known:
            there = f"; there are {', '.join(known)}" if known else ""
            raise ValueError(
                f"key {key!r} is of no layer before this one: where it is first, give layer{there}"
            )
        return known[key]
    if key in known:
        raise ValueError(f"key {key!r} is that of another layer, which stands before this one")
    with at("layer"):
        known[key] = resolve("layer", layer)
    return known[key]


def _built(kind: str, config: Any) -> Any:
    from . import schema

    if isinstance(config, str):
        return instance(entry(kind, config), {})
    if isinstance(config, list | tuple) and kind in _OF_LISTS:
        objects = []
        for number, each in enumerate(config):
            with at(number):
                if each is None:
                    raise ConfigError(f"is empty: write {a(kind)} here, or leave the line out")
                objects.append(resolve(kind, each))
        if not objects:
            raise ConfigError(f"must have at least one {kind}")
        return _OF_LISTS[kind](objects)
    if not isinstance(config, Mapping):
        return config
    if len(config) != 1:
        given = f"has {len(config)} keys ({', '.join(map(str, config))})" if config else "is empty"
        raise ConfigError(f"must be the name of one {kind} with its parameters, and {given}")
    ((name, given),) = config.items()
    try:
        found = entry(kind, name)
    except ConfigError as error:
        raise ConfigError(error.problem, (name,), names_key=True) from None
    with at(name):
        return instance(found, schema.arguments(found, given))


def instance(found: Entry, arguments: Mapping[str, Any]) -> Any:
    """The object of an entry with these arguments; ConfigError where one is missing, or is refused."""
    missing = [
        name
        for name, parameter in found.parameters.items()
        if parameter.default is inspect.Parameter.empty and name not in arguments
    ]
    if missing:
        raise ConfigError(f"{found.name} needs {' and '.join(missing)}")
    if not found.called:
        return functools.partial(found.target, **arguments) if arguments else found.target
    locate = _locate.get()
    try:
        with fixed_origin(locate(_place.get())) if locate else nullcontext():
            return found.target(**arguments)
    except ConfigError:
        raise
    except (ValueError, TypeError) as error:
        blamed = next((n for n in arguments if re.search(rf"\b{re.escape(n)}\b", str(error))), None)
        raise ConfigError(str(error), (blamed,) if blamed else ()) from error


def config_of(obj: Any, defaults: bool = False, brief: bool = False) -> Any:
    """The value that `build` makes such an object of: None, a number, text, a list, or
    ``{name: parameters}``.

    Parameters that have their default are left out, and the braces where all have, unless `defaults` are
    wanted. Arrays become lists; in the `brief` form that is kept beside a model's parameters those that
    parameters began with are only `Given`, of their shapes. A layer that stands in several places is written
    where it stands first, and as `shared` in all.

    Raises:
        ConfigError: it, or an object in it, is of no registered class.
    """
    places = _Places(brief)
    _config_of(obj, defaults, places)
    places.begin()
    return _config_of(obj, defaults, places)


class _Places:
    """How often each layer stands in what is written: counted first, then written by keys; and how it is
    written."""

    def __init__(self, brief: bool) -> None:
        self.brief = brief
        self.counts: dict[int, int] = {}
        self.keys: dict[int, str] | None = None
        self._written: set[int] = set()
        self._met: list[Any] = []  # so that no other takes the number of one

    def begin(self) -> None:
        several = [number for number, count in self.counts.items() if count > 1]
        self.keys = {number: str(key) for key, number in enumerate(several, 1)}

    def again(self, layer: Any) -> tuple[bool, str | None]:
        """(whether the layer was met before, the key that it is written with)."""
        number = id(layer)
        self._met.append(layer)
        if self.keys is None:
            self.counts[number] = self.counts.get(number, 0) + 1
            return self.counts[number] > 1, None
        met = number in self._written
        self._written.add(number)
        return met, self.keys.get(number)


def _config_of(obj: Any, defaults: bool, places: _Places) -> Any:
    if obj is None or isinstance(obj, bool | int | float | str):
        return obj
    if isinstance(obj, np.generic | np.ndarray):
        return obj.tolist()
    if isinstance(obj, list | tuple):
        return [_config_of(each, defaults, places) for each in obj]
    if isinstance(obj, Mapping):
        return {str(key): _config_of(value, defaults, places) for key, value in obj.items()}
    if isinstance(obj, functools.partial) and not obj.args and (found := entry_of(obj.func)):
        return {
            found.name: {name: _config_of(value, defaults, places) for name, value in obj.keywords.items()}
        }
    found = entry_of(obj)
    if isinstance(obj, Variable):
        raise ConfigError(
            f"{obj.describe()} is an expression or a variable of this program, and cannot be written: make a "
            "layer of your own of what shares it (see docs/layers.md)"
        )
    if found is None:
        raise ConfigError(
            f"{obj!r} has no name to be written under: give its class or function one with "
            "graphlib.nn.register"
        )
    if not found.called or obj is found.target:
        return found.name
    if found.kind != "layer":
        return _parameters_written(obj, found, defaults, places)
    met, key = places.again(obj)
    if met:
        return {"shared": key}
    written = _parameters_written(obj, found, defaults, places)
    return written if key is None else {"shared": {"key": key, "layer": written}}


def _parameters_written(obj: Any, found: Entry, defaults: bool, places: _Places) -> Any:
    """The name of an entry with the parameters of an object of it."""
    differing = {}
    begins = _initializers(found) if places.brief else ()
    for name, parameter in found.parameters.items():
        try:
            value = getattr(obj, name)
        except AttributeError:
            raise ConfigError(
                f"{type(obj).__name__} does not keep its argument {name} as an attribute, as registered "
                "classes must"
            ) from None
        if name in begins and isinstance(value, np.ndarray) and value.ndim:
            differing[name] = {"given": {"shape": list(value.shape)}}
        elif defaults or not _is_default(value, parameter.default):
            differing[name] = _config_of(value, defaults, places)
    return {found.name: differing} if differing else found.name


@functools.cache
def _initializers(found: Entry) -> tuple[str, ...]:
    """The parameters of an entry that are initializers."""
    from . import schema

    return tuple(name for name, hint in schema.hints(found).items() if schema.is_of(hint, "initializer"))


def _is_default(value: Any, default: Any) -> bool:
    if value is default:
        return True
    if isinstance(value, np.ndarray) or isinstance(default, np.ndarray):
        return False
    return type(value) is type(default) and bool(value == default)


def written(path: Path) -> str:
    """A path as messages and ``--set`` write it: ``model.0.dense.units``."""
    return ".".join(map(str, path))
