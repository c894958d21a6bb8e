"""Makes run files of the YAML files of Hebel 0.02, by a fixed table.

Hebel's tags, ``!obj:dotted.name {parameters}``, ``!import dotted.name`` and ``!pkl file``, are read as
data: nothing is imported, called or unpickled. What has no counterpart here, or another meaning, is said in
notes with its line; the file that comes out holds them as comments.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from . import schema, yaml_text
from .registry import nearest
from .storage import UserError

_MOST_NODES = 100_000
_MNIST_PIXELS = 784


@dataclass(frozen=True)
class _Named:
    """A tagged value: what is called or imported, or a pickle's file.

    Attributes:
        tag: obj, import or pkl.
        name: the dotted name, or the file.
        parameters: of an obj.
        line: where it stands.
    """

    tag: str
    name: str
    parameters: dict[str, Any]
    line: int

    @property
    def short(self) -> str:
        return self.name.rpartition(".")[2]


@dataclass
class Converted:
    """A run file's content, and what there is to say about it."""

    content: dict[str, Any]
    notes: list[str]

    def text(self) -> str:
        """The run file, with the notes as comments."""
        body = yaml.safe_dump(
            self.content, sort_keys=False, default_flow_style=None, allow_unicode=True, width=100
        )
        return "".join(f"# {note}\n" for note in self.notes) + body


def convert(path: Path) -> Converted:
    """The run file of one of Hebel's.

    Raises:
        UserError: it cannot be read, or holds no model of Hebel's.
    """
    path = Path(path)
    text = yaml_text.read_text(path)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise UserError(f"{path}{line}: no YAML: {problem.problem}") from None
    except (yaml.YAMLError, RecursionError) as problem:
        raise UserError(f"{path}: no YAML: {problem}") from None
    content = _Reader(path).value(node, 0) if node is not None else None
    return _Converter(path).convert(content)


class _Reader:
    """Makes plain values of YAML's nodes, tagged ones as `_Named`."""

    def __init__(self, path: Path):
        self._path, self._nodes = path, 0

    def value(self, node: yaml.Node, depth: int) -> Any:
        line = node.start_mark.line + 1
        self._nodes += 1
        if depth > yaml_text.DEEPEST or self._nodes > _MOST_NODES:
            raise UserError(
                f"{self._path}, line {line}: nested too deep, or grown by aliases: no file of Hebel's"
            )
        for tag in ("obj", "import", "pkl"):
            if node.tag == f"!{tag}" or node.tag.startswith(f"!{tag}:"):
                return self._named(tag, node, depth, line)
        if node.tag.startswith("!"):
            raise UserError(f"{self._path}, line {line}: {node.tag} is no tag of Hebel's")
        if isinstance(node, yaml.ScalarNode):
            if node.style is not None:
                return node.value
            found = yaml_text.scalar(node.value)
            return schema.TRUTHS.get(found.lower(), found) if isinstance(found, str) else found
        if isinstance(node, yaml.SequenceNode):
            return [self.value(each, depth + 1) for each in node.value]
        return self._mapping(node, depth)

    def _mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, Any]:
        return {str(key.value): self.value(value, depth + 1) for key, value in node.value}

    def _named(self, tag: str, node: yaml.Node, depth: int, line: int) -> _Named:
        name = node.tag.removeprefix(f"!{tag}").removeprefix(":")
        if isinstance(node, yaml.MappingNode):
            return _Named(tag, name, self._mapping(node, depth), line)
        return _Named(tag, name or str(node.value).strip(), {}, line)


@dataclass
class _Layers:
    """What becomes of a model: its layers, its loss, and how it is measured."""

    layers: list[Any]
    loss: Any = "crossentropy"
    metrics: Any = field(default_factory=list)
    loss_weights: dict[str, float] | None = None
    slower: bool = False  # Hebel's gradient of the squared error is half of ours


class _Converter:
    def __init__(self, path: Path):
        self._path = path
        self._notes: list[str] = []
        self._batch_size: int | None = None
        self._width: int | None = None  # of the data, where it is known

    def _note(self, what: str, line: int | None = None) -> None:
        said = f"line {line}: {what}" if line else what
        if said not in self._notes:
            self._notes.append(said)

    def convert(self, content: Any) -> Converted:
        if not isinstance(content, Mapping) or not isinstance(content.get("optimizer"), _Named):
            raise UserError(
                f"{self._path} is no run file of Hebel's: it has no section optimizer with an !obj:…SGD"
            )
        optimizer = content["optimizer"]
        if optimizer.short != "SGD":
            raise UserError(
                f"{self._path}, line {optimizer.line}: {optimizer.name} has no counterpart; SGD has"
            )
        given = _Given(self, optimizer)
        train, validation = given.take("train_data"), given.take("validation_data")
        test = _Given(self, content.get("test_dataset")).take("test_data")
        data = self._data(train, validation, test)
        model = self._model(given.take("model"), optimizer.line)
        name, monitors = self._monitor(given.take("progress_monitor"))
        rule = self._rule(given, model.slower)
        keep = "best" if given.take("early_stopping", True) and validation is not None else "last"
        given.rest()
        run = _Given(self, content.get("run_conf"))
        training = {
            "epochs": run.number("iterations", 200),
            "batch_size": self._batch_size,
            "shuffle": False,
            "validate_every": run.number("validation_interval", 5),
            "keep": keep,
        }
        run.rest()
        if monitors:
            training["monitors"] = monitors
        seed = self._seed(content.get("init"))
        for section in content:
            if section not in ("optimizer", "run_conf", "test_dataset", "init"):
                self._note(f"the section {section} has no counterpart")
        result = {"format": 1, "name": name, "seed": seed, "data": data, "model": model.layers}
        result |= {"loss": model.loss, "loss_weights": model.loss_weights, "metrics": model.metrics}
        result |= {"optimizer": rule, "training": training, "test": test is not None}
        return Converted({key: value for key, value in result.items() if value is not None}, self._notes)

    def _seed(self, section: Any) -> int | None:
        given = _Given(self, section)
        seed = given.number("random_seed")
        if given.take("device_id") is not None:
            self._note("init.device_id: the device is chosen at the command line, with --device")
        given.rest()
        return seed

    def _monitor(self, monitor: Any) -> tuple[str | None, list]:
        if not isinstance(monitor, _Named):
            return None, []
        given = _Given(self, monitor)
        if monitor.short not in ("ProgressMonitor", "SimpleProgressMonitor", "DummyProgressMonitor"):
            self._note(f"{monitor.name} has no counterpart", monitor.line)
            return None, []
        name, interval, folder = (
            given.take(k) for k in ("experiment_name", "save_interval", "save_model_path")
        )
        given.take("output_to_log"), given.take("model")
        given.rest()
        if folder is not None:
            self._note(
                f"save_model_path: results go where the command line says: --out {folder}", monitor.line
            )
        monitors = [] if interval is None else [{"snapshots": {"every": interval}}]
        return None if name is None else str(name).replace("/", "_"), monitors

    # data

    def _data(self, train: Any, validation: Any, test: Any) -> Any:
        providers = {"train": train, "validation": validation, "test": test}
        found = {part: each for part, each in providers.items() if isinstance(each, _Named)}
        if "train" not in found:
            raise UserError(f"{self._path}: the optimizer has no train_data")
        self._batch_size = found["train"].parameters.get("batch_size")
        kinds = {each.short for each in found.values()}
        if kinds == {"MNISTDataProvider"}:
            for part, each in found.items():
                array = each.parameters.get("array")
                if array != {"train": "train", "validation": "val", "test": "test"}[part]:
                    self._note(f"{part} is MNIST's own part here, and {array!r} there", each.line)
            self._width = _MNIST_PIXELS
            return "mnist"
        several = False
        for part, each in found.items():
            if each.short not in ("MiniBatchDataProvider", "MultiTaskDataProvider", "BatchDataProvider"):
                self._note(
                    f"{each.name} has no counterpart: write its arrays into the .npz file below", each.line
                )
            several |= each.short == "MultiTaskDataProvider"
            for key in ("data", "targets"):
                value = each.parameters.get(key)
                for one in value if isinstance(value, list) else [value]:
                    if isinstance(one, _Named) and one.tag == "pkl":
                        self._note(
                            f"{one.name} is a pickle, which may run any program and is not read: load it "
                            "yourself and save its arrays with numpy.savez as "
                            f"{'x' if key == 'data' else 'y'}_{part}",
                            one.line,
                        )
        path = self._path.with_suffix(".npz").name
        self._note(
            f"data: {path} must have the arrays {', '.join(f'x_{part}, y_{part}' for part in found)}"
            + "; of several targets one each, such as y_task_1_train" * several
        )
        return {"npz": {"path": path}}

    # the model

    def _model(self, model: Any, line: int) -> _Layers:
        if not isinstance(model, _Named) or model.short not in _MODELS:
            name = model.name if isinstance(model, _Named) else model
            where = model.line if isinstance(model, _Named) else line
            near = nearest(str(name), list(_MODELS))
            raise UserError(f"{self._path}, line {where}: {name} is no model of Hebel's{near}")
        given = _Given(self, model)
        layers, dropout = given.objects("layers"), given.take("dropout", False)
        activation, width = given.take("activation_function", "sigmoid"), given.number("n_in")
        width = self._width if width is None else width
        l1, l2 = given.take("l1_penalty_weight", 0.0), given.take("l2_penalty_weight", 0.0)
        made: list[Any] = []
        if rate := given.number("input_dropout", 0.0):
            made.append({"dropout": rate})
        for n, each in enumerate(layers):
            if isinstance(each, _Named):
                width = self._layer(each, width, made)
            elif not isinstance(each, int) or isinstance(each, bool):
                raise UserError(
                    f"{self._path}, line {model.line}: layers are numbers of units or !obj:…, not {each!r}"
                )
            else:
                parameters = {"l1_penalty_weight": _at(l1, n), "l2_penalty_weight": _at(l2, n)}
                width = self._dense(each, activation, width, _Given(self, parameters), made)
                self._dropout(_at(dropout, n), made)
        top = given.take("top_layer")
        if top is None:
            kind = _MODELS[model.short]
            if kind == "SoftmaxLayer" and given.get("n_out") == 1:
                kind = "LogisticLayer"
            given.values.setdefault("l1_penalty_weight", _at(l1, len(layers)))
            given.values.setdefault("l2_penalty_weight", _at(l2, len(layers)))
            return self._top(kind, given, width, made, model.line)
        given.rest()
        if not isinstance(top, _Named):
            raise UserError(f"{self._path}, line {model.line}: top_layer must be an !obj:…, not {top!r}")
        return self._top(top.short, _Given(self, top), width, made, top.line)

    def _layer(self, layer: _Named, width: int | None, made: list[Any]) -> int | None:
        """Adds a hidden layer's counterpart; returns how many values it gives."""
        given = _Given(self, layer)
        width = given.number("n_in", width)
        if layer.short == "HiddenLayer":
            units, dropout = given.number("n_units"), given.take("dropout", False)
            width = self._dense(units, given.take("activation_function", "sigmoid"), width, given, made)
            self._dropout(dropout, made)
        elif layer.short == "InputDropout":
            made.append({"dropout": given.number("dropout_probability", 0.2)})
            given.take("compute_input_gradients")
        elif layer.short == "FlatteningLayer":
            width = width and width * given.number("n_filters", 1)
            made.append("flatten")
        elif layer.short == "Column":
            for each in given.objects("hidden_layers"):
                width = self._layer(each, width, made)
        elif layer.short != "DummyLayer":
            self._note(f"the layer {layer.name} has no counterpart and is left out", layer.line)
            return width
        given.rest()
        return width

    def _dropout(self, given: Any, made: list[Any]) -> None:
        if given:
            made.append({"dropout": 0.5 if given is True else given})

    def _dense(
        self,
        units: Any,
        activation: str | None,
        width: int | None,
        given: _Given,
        made: list[Any],
        top: bool = False,
    ) -> Any:
        """Adds a fully connected layer; returns its units."""
        parameters: dict[str, Any] = {"units": units}
        if activation not in (None, "linear"):
            parameters["activation"] = activation
        scale = given.number("weights_scale")
        if scale is not None:
            parameters["initializer"] = {"uniform": scale / 2}
        elif activation == "sigmoid" or top:
            parameters["initializer"] = {"glorot_uniform": 4.0}
        if given.take("parameters") is not None:
            self._note("the given parameters of a layer have no counterpart: it begins with random ones")
        regularizers = self._penalties(given)
        if regularizers:
            parameters["regularizer"] = regularizers[0] if len(regularizers) == 1 else regularizers
        multiplier = given.take("lr_multiplier")
        if isinstance(multiplier, list) and len(multiplier) == 2:
            parameters["learning_rate_multiplier"] = dict(zip(("W", "b"), multiplier, strict=True))
        elif multiplier is not None:
            parameters["learning_rate_multiplier"] = multiplier
        elif width:
            parameters["learning_rate_multiplier"] = float(f"{1 / math.sqrt(width):.6g}")
            self._note("learning_rate_multiplier: Hebel divides a layer's rate by the root of its inputs")
        else:
            self._note("a layer's inputs are not known: Hebel divides its rate by the root of their number")
        made.append({"dense": parameters})
        return units

    def _penalties(self, given: _Given) -> list[Any]:
        found = []
        for name, factor in (("l1", 1.0), ("l2", 0.5)):
            weight = given.number(f"{name}_penalty_weight", 0.0)
            if weight:
                found.append({name: float(f"{weight * factor / (self._batch_size or 1):.6g}")})
                if self._batch_size is None:
                    self._note(f"{name}: divide it by the number of examples, as Hebel adds it to their sum")
                else:
                    self._note(
                        "regularizer: Hebel adds penalties to a minibatch's sum, so they are divided by its "
                        "size; l2 counts squares whole here and half there"
                    )
        return found

    def _top(self, kind: str, given: _Given, width: int | None, made: list[Any], line: int) -> _Layers:
        if kind == "MultitaskTopLayer":
            return self._tasks(given, width, made)
        if kind not in _TOPS:
            raise UserError(
                f"{self._path}, line {line}: {kind} is no top layer of Hebel's{nearest(kind, list(_TOPS))}"
            )
        activation, loss = _TOPS[kind]
        width = given.number("n_in", width)
        units = given.number("n_out", 1)
        self._dense(units, activation, width, given, made, top=True)
        measure = given.take("test_error_fct", "class_error" if activation else None)
        metric = _METRICS.get(measure)
        if measure is not None and metric is None:
            self._note(f"test_error_fct {measure} has no counterpart", line)
        given.rest()
        slower = kind == "LinearRegressionLayer"
        if slower:
            self._note(
                "learning rate: halved, and penalties doubled, as Hebel's gradient of the squared error is "
                "p - t, half of the real one"
            )
            _double_penalties(made)
        return _Layers(made, loss, [metric] if metric else [], slower=slower)

    def _tasks(self, given: _Given, width: int | None, made: list[Any]) -> _Layers:
        tasks, sizes, weights = given.take("tasks"), given.take("n_out"), given.take("task_weights")
        n_tasks = given.number("n_tasks")
        if tasks is None:
            sizes = sizes if isinstance(sizes, list) else [sizes] * (n_tasks or 1)
            common = {k: given.take(k) for k in ("l1_penalty_weight", "l2_penalty_weight", "lr_multiplier")}
            common = {key: value for key, value in common.items() if value is not None}
            measure = given.take("test_error_fct", "class_error")
            tasks = [
                _Named(
                    "obj",
                    "SoftmaxLayer",
                    {"n_out": size, "test_error_fct": measure} | {k: _at(v, n) for k, v in common.items()},
                    given.line,
                )
                for n, size in enumerate(sizes)
            ]
        width = given.number("n_in", width)
        given.rest()
        branches, losses, metrics = {}, {}, {}
        for n, task in enumerate(tasks, 1):
            found = self._top(task.short, _Given(self, task), width, [], task.line)
            branches[f"task_{n}"] = found.layers[0]
            losses[f"task_{n}"], metrics[f"task_{n}"] = found.loss, found.metrics
        weights = weights or [float(f"{1 / len(tasks):.6g}")] * len(tasks)
        self._note("loss_weights: Hebel weighs only what flows into the shared layers, here tasks as a whole")
        made.append({"parallel": {"merge": None, "branches": branches}})
        return _Layers(made, losses, metrics, dict(zip(losses, weights, strict=True)))

    # the optimizer

    def _rule(self, given: _Given, slower: bool) -> Any:
        updater = given.take("parameter_updater")
        name = updater.short if isinstance(updater, _Named) else str(updater)
        rate = self._schedule(given.take("learning_rate_schedule"), 0.1)
        parameters = {"learning_rate": _halved(rate) if slower else rate}
        momentum = self._schedule(given.take("momentum_schedule"), None)
        if name in ("MomentumUpdate", "NesterovMomentumUpdate"):
            if momentum is None:
                self._note(f"{name} has no momentum_schedule; momentum: 0.9 is a guess", given.line)
            parameters["momentum"] = 0.9 if momentum is None else momentum
        if name == "NesterovMomentumUpdate":
            parameters["nesterov"] = True
        if name not in ("SimpleSGDUpdate", "MomentumUpdate", "NesterovMomentumUpdate"):
            self._note(f"the updater {name} has no counterpart: plain descent is taken", given.line)
        return {"sgd": parameters}

    def _schedule(self, given: Any, default: float | None) -> Any:
        if given is None:
            return default
        if not isinstance(given, _Named) or given.short not in _SCHEDULES:
            name = given.name if isinstance(given, _Named) else given
            line = given.line if isinstance(given, _Named) else None
            self._note(f"the schedule {name} has no counterpart: {default} is taken", line)
            return default
        needed, make = _SCHEDULES[given.short]
        found = _Given(self, given)
        values = [found.number(name) for name in needed]
        found.rest()
        if None in values:
            raise UserError(
                f"{self._path}, line {given.line}: {given.short} needs the numbers {', '.join(needed)}"
            )
        return make(*values)


class _Given:
    """The parameters of an object, taken one by one; what is left is noted."""

    def __init__(self, converter: _Converter, of: Any):
        self._converter = converter
        self.line = of.line if isinstance(of, _Named) else None
        self._of = of.short if isinstance(of, _Named) else "the section"
        values = of.parameters if isinstance(of, _Named) else of
        self.values = dict(values) if isinstance(values, Mapping) else {}

    def get(self, name: str) -> Any:
        return self.values.get(name)

    def take(self, name: str, default: Any = None) -> Any:
        value = self.values.pop(name, default)
        return default if value is None else value

    def number(self, name: str, default: float | None = None) -> Any:
        value = self.take(name, default)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            where = f", line {self.line}" if self.line else ""
            raise UserError(
                f"{self._converter._path}{where}: {self._of}'s {name} must be a number, not {value!r}"
            )
        return value

    def objects(self, name: str) -> list[Any]:
        value = self.take(name, [])
        if not isinstance(value, list):
            where = f", line {self.line}" if self.line else ""
            raise UserError(
                f"{self._converter._path}{where}: {self._of}'s {name} must be a list, not {value!r}"
            )
        return value

    def rest(self) -> None:
        for name in self.values:
            self._converter._note(f"{self._of}'s {name} has no counterpart", self.line)
        self.values = {}


def _at(value: Any, n: int) -> Any:
    """The value of a layer, where there is one each."""
    if isinstance(value, list):
        return value[n] if n < len(value) else None
    return value


def _points(*points: tuple[float, float]) -> dict[str, Any]:
    """A piecewise linear schedule, without points at the time of the one before."""
    kept: list[list[float]] = []
    for time, value in points:
        if kept and time <= kept[-1][0]:
            kept[-1][1] = value
        else:
            kept.append([time, value])
    return {"piecewise_linear": kept}


def _halved(rate: Any) -> Any:
    if isinstance(rate, Mapping):
        ((name, parameters),) = rate.items()
        if isinstance(parameters, Mapping):
            return {name: parameters | {"initial": parameters["initial"] / 2}}
        return {name: [[time, value / 2] for time, value in parameters]}
    return rate / 2


def _double_penalties(layers: list[Any]) -> None:
    for layer in layers:
        for parameters in layer.values() if isinstance(layer, Mapping) else ():
            given = parameters.get("regularizer") if isinstance(parameters, Mapping) else None
            for each in given if isinstance(given, list) else [given] if given else []:
                each.update({name: 2 * weight for name, weight in each.items()})


#: a model of Hebel's and the top layer that it has by default
_MODELS = {
    "NeuralNet": "SoftmaxLayer",
    "LogisticRegression": "SoftmaxLayer",
    "NeuralNetRegression": "LinearRegressionLayer",
    "MultitaskNeuralNet": "MultitaskTopLayer",
}

#: a top layer, its activation and its loss
_TOPS: dict[str, tuple[str | None, Any]] = {
    "SoftmaxLayer": ("softmax", "crossentropy"),
    "LogisticLayer": ("sigmoid", "binary_crossentropy"),
    "LinearRegressionLayer": (None, {"squared_error": {"reduction": "sum"}}),
}

_METRICS = {"class_error": "error", "cross_entropy_error": "crossentropy", "kl_error": "kl_divergence"}

_SCHEDULES: dict[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "constant_scheduler": (("value",), lambda value: value),
    "exponential_scheduler": (
        ("init_value", "decay"),
        lambda init, decay: {"exponential": {"initial": init, "decay": decay}},
    ),
    "linear_scheduler_up": (
        ("init_value", "target_value", "duration"),
        lambda init, target, duration: _points((0, init), (duration, target)),
    ),
    "linear_scheduler_up_down": (
        ("init_value", "target_value", "final_value", "duration_up", "t_decrease", "duration_down"),
        lambda init, target, final, up, decrease, down: _points(
            (0, init), (up, target), (decrease, target), (decrease + down, final)
        ),
    ),
}
