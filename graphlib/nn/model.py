"""A model: a layer with a loss, an optimizer and metrics, that is trained on arrays, predicts, and is saved.

    model = Model([Dense(500, "relu"), Dense(10, "softmax")], "crossentropy", "adam", ["error"])
    model.fit(x, y, epochs=10, validation=0.1)
    model.predict(x_new)

A layer may have several inputs, and several outputs with a loss each: then x, y, losses and their weights are
mappings by the names of the inputs and outputs, or tuples.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

import graphlib
import graphlib.tensor as T
from graphlib.datasets import DataError
from graphlib.errors import GraphError, InputError, ShapeError
from graphlib.graph import Variable

from . import data, provenance, saved_models, training
from .epochs import Epochs
from .examples import Examples, as_input, as_target, of_dtype, parts_of, peek, weights_of
from .fitting import Diverged, History, Totals, Watch, check_resumed
from .input_types import InputType, in_structure, read_types, shape_text, types_of, variables_of, written
from .layers.base import Layer, recorded
from .layers.containers import as_layer
from .losses import Loss, as_measure, name_of
from .monitors import Fit
from .progress import say
from .registry import build as build_object
from .registry import config_of, resolve
from .storage import UserError
from .tasks import Task, by_output, config_of_several, outputs_of, target_variables
from .variables import set_model, set_values

AT_ONCE = 500  # examples that are predicted at a time, unless the user says otherwise


class Graph:
    """A layer applied to input variables, as in prediction and as in training."""

    def __init__(self, layer: Layer, inputs: Any):
        self.inputs = inputs
        with recorded() as calls:
            self.output = layer(inputs)
        self.carried = dict(layer.carried)
        self.makers = {name: _maker(calls, y) for name, y in outputs_of(self.output).items()}
        before = len(layer.streams.states)
        self.training_output = layer(inputs, training=True)
        self.random_states = layer.streams.states[before:]
        self.updates = dict(layer.updates)

    @property
    def input_list(self) -> list[Variable]:
        return list(data.by_name(self.inputs, "x").values())


def _maker(calls: Sequence[Any], y: Variable) -> str:
    """The name of the innermost layer whose output is `y`."""
    made = [call for call in calls if call.y is y]
    return max(made, key=lambda call: call.depth).label if made else "of the output"


class Model:
    """A layer, and how it is to learn.

    Args:
        layer: a layer; layers that follow each other in a list; or their names (see `graphlib.nn.registry`).
        loss, optimizer, metrics, loss_weights: see `compile`.

    Attributes:
        layer: the layer.
        symbols: what whole numbers in its inputs stand for, such as characters, if the user says so.
        input, output: symbolic variables, after `build`: ordinary graphlib variables.
    """

    def __init__(
        self,
        layer: Any,
        loss: Any = None,
        optimizer: Any = None,
        metrics: Any = (),
        loss_weights: Any = None,
    ):
        self.layer = as_layer(layer)
        self.symbols: Sequence[str] | None = None
        self._graphs: dict[Any, Graph] = {}
        self._types: Any = None
        self._streams = 0
        self._loaded: tuple[dict[str, np.ndarray], Path] | None = None
        self.compile(loss, optimizer, metrics, loss_weights)

    def compile(
        self, loss: Any = None, optimizer: Any = None, metrics: Any = (), loss_weights: Any = None
    ) -> Model:
        """Says how the model is to learn; functions are compiled when they are first needed.

        Args:
            loss: a loss, its name, or a function of predictions and targets that returns a value for each
                example; of several outputs a mapping or list of these, or one for all.
            optimizer: an optimizer or its name; None for Adam.
            metrics: metrics or losses, or their names, that are measured in training, validation and test; of
                several outputs a mapping of such lists, or one for all.
            loss_weights: of several losses in their sum, a mapping or list; None for 1 each. A weight scales
                all of its loss's gradients.

        Returns:
            the model.
        """
        self.loss, self.metrics, self.loss_weights = loss, metrics, loss_weights
        self.optimizer = resolve("optimizer", "adam" if optimizer is None else optimizer)
        for name in [loss] if isinstance(loss, str) else []:
            resolve("loss", name)
        for name in metrics if isinstance(metrics, (list, tuple)) else []:
            resolve("metric", name)
        self._functions: dict[Any, Callable] = {}
        self._resident: dict[Any, list[Any]] = {}
        self.__dict__.pop("tasks", None)
        return self

    def build(self, shape: Any, dtype: Any = None) -> Model:
        """Makes the parameters and the graph for inputs of a shape; `fit` does this by the data.

        Args:
            shape: of a minibatch, such as ``(None, 784)``; of several inputs, a mapping or tuple of shapes
                (tuples within).
            dtype: of the input, or likewise of several; None for config.floatX.

        Returns:
            the model.
        """
        several = isinstance(shape, Mapping) or (shape and isinstance(shape[0], (tuple, list)))

        def of(one: Sequence[int | None], of_type: Any) -> InputType:
            return InputType(tuple(one), str(np.dtype(of_type or graphlib.config.floatX)))

        if not several:
            types: Any = of(shape, dtype)
        elif isinstance(shape, Mapping):
            kinds = dtype if isinstance(dtype, Mapping) else dict.fromkeys(shape, dtype)
            types = {name: of(one, kinds[name]) for name, one in shape.items()}
        else:
            kinds = dtype if isinstance(dtype, (tuple, list)) else [dtype] * len(shape)
            types = tuple(of(one, kind) for one, kind in zip(shape, kinds, strict=True))
        self._build(types)
        return self

    @property
    def built(self) -> bool:
        """Whether there are parameters yet."""
        return self._types is not None

    @property
    def input(self) -> Any:
        return self._graph().inputs

    @property
    def output(self) -> Any:
        return self._graph().output

    @property
    def parameters(self) -> dict[str, Any]:
        """The layer's parameters by path, trainable and not: see `graphlib.nn.layers.base.Parameter`."""
        return self.layer.parameters

    def variables(self) -> dict[str, Any]:
        """The shared variables that make the trained model: parameters, and running means and the like."""
        self._graph()
        return {
            **{path: parameter.variable for path, parameter in self.layer.parameters.items()},
            **self.layer.state,
        }

    def summary(self) -> str:
        """A table of the layers, their outputs, parameters, memory and multiply-adds."""
        types = self._types
        if isinstance(types, InputType):
            return self.layer.summary(types.shape, types.dtype)
        return self.layer.summary()

    def fingerprint(self) -> str:
        """SHA-256 of the architecture, in hexadecimal: equal for equal layers and inputs, whatever the
        weights."""
        architecture = self._architecture()
        text = json.dumps({key: architecture[key] for key in ("layer", "input")}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    # learning

    def fit(
        self,
        x: Any,
        y: Any = None,
        epochs: int = 10,
        batch_size: int | None = 32,
        validation: Any = None,
        shuffle: bool = True,
        monitors: Sequence[Any] = (),
        class_weight: Any = None,
        sample_weight: Any = None,
        out: str | Path | None = None,
        resume: bool = False,
        keep: Literal["best", "last"] = "best",
        watch: str | None = None,
        validate_every: int = 1,
        seed: int = 0,
        verbose: bool = True,
    ) -> History:
        """Trains the model.

        The last minibatch of an epoch may have fewer examples than the others; the loss is the mean over a
        minibatch, and reported as the mean over an epoch, without penalties.

        Args:
            x: inputs, an array (examples, …), of several inputs a mapping or tuple of arrays; or anything
                with ``len`` and ``[i]`` that gives minibatches (x, y) or (x, y, weights), such as `Batches`.
            y: targets, an array (examples, …), of several outputs a mapping or tuple; None where x gives
                them.
            epochs: passes over the examples, at most.
            batch_size: examples of a minibatch; None for all.
            validation: (x, y) or (x, y, weights) to validate with after an epoch, or the share of the
                examples that is held out for it, drawn at random (their end where not shuffled).
            shuffle: whether each epoch has another order, which depends on nothing but seed and epoch.
            monitors: see `graphlib.nn.monitors`; or their names.
            class_weight: the weight of the examples of each class, ``{0: 1.0, 1: 5.0}``; "balanced": such
                that all classes weigh alike. Of several outputs, by their names.
            sample_weight: the weight of each example, (examples,), or of each of its positions.
            out: a folder for the model that is kept, the learning curve and a checkpoint.
            resume: go on from the checkpoint in `out`, to the same results as if never interrupted.
            keep: at the end the model is the best in validation, or the last. Without validation, the last.
            watch: the name of the value by which models are compared; None for the first metric's, or the
                loss's where there is no metric, or there are several outputs.
            validate_every: epochs from one validation to the next.
            seed: of the order of the examples and of what is held out.
            verbose: whether a line is printed after every epoch, and a progress bar shown.

        Returns:
            the history. Ctrl+C ends training after a minibatch, with a checkpoint in `out`.

        Raises:
            DataError: the data cannot be learnt from.
            Diverged: the loss is not finite any more.
        """
        folder = None if out is None else Path(out)
        if resume and folder is None:
            raise UserError("resume needs the folder of the run that is to go on: give it as out")
        provider = None
        if y is None and hasattr(x, "__getitem__") and not isinstance(x, (np.ndarray, Mapping, list, tuple)):
            provider = x
            if not len(provider):
                raise DataError("x has no minibatches")
            first = peek(provider)
            examples = self._examples(*parts_of(first), class_weight=class_weight)
        else:
            if y is None:
                raise DataError("there are no targets: give y, or an object with minibatches (x, y) as x")
            examples = self._examples(x, y, sample_weight, class_weight)
        self._require_loss()
        n = examples.count
        size = n if batch_size is None else min(batch_size, n)
        self._build_for(examples)
        self._streams = size
        examples = self._checked(examples)

        held_out, rows = None, np.arange(n)
        if isinstance(validation, float):
            if provider is not None:
                raise DataError("a share for validation can be held out of arrays: give (x, y) as validation")
            rows, taken = data.split_rows(n, validation, shuffle, seed=seed)
            held_out = examples.take(taken)
        elif validation is not None:
            held_out = self._checked(self._examples(*parts_of(validation), called="validation "))

        watched = [resolve("monitor", monitor) for monitor in monitors]
        if any(monitor.adjusts_learning_rate for monitor in watched):
            self.optimizer.make_adjustable()
        names = self._reported()
        totals = Totals(2 * len(names))
        if provider is not None:
            step = self._training_function(examples, resident=False)
            order: Any = getattr(provider, "order", None)
            n_minibatches = len(provider)

            def minibatch(index: int) -> list[np.ndarray]:
                parts = self._examples(*parts_of(provider[index]), class_weight=class_weight)
                return self._checked(parts).arrays()
        else:
            step = self._training_function(examples, resident=True)
            order = Epochs(
                data.rows_of_minibatches(rows, batch_size and size, shuffle, whole=self._stateful), seed
            )
            n_minibatches = len(order)

            def minibatch(index: int) -> list[np.ndarray]:
                return [order[index]]

        optimizer, sums = self.optimizer, totals.sums
        stepwise = optimizer.stepwise

        def train(index: int) -> Any:
            nonlocal iteration
            if index == 0 or stepwise:
                optimizer.set_time(iteration // n_minibatches, iteration)
                if index == 0 and self._stateful:
                    self.layer.reset_states(size)
            found = step(*minibatch(index))
            sums[:] += found[1:]
            iteration += 1
            return found[0]

        iteration = 0

        def start() -> Callable[[int], Any]:
            nonlocal iteration
            iteration = stage.iteration
            optimizer.set_time(iteration // n_minibatches, iteration)
            for monitor in watched:
                monitor.start(fit)
            return train

        scheduled = optimizer.changes_rate
        prefixes = ["", "validation_"] if held_out is not None else [""]
        chosen = watch or self._watched(held_out is not None)
        maximized = frozenset(p + name for name in self._maximized() for p in prefixes)
        fit = Fit(self, folder, chosen, n_minibatches, maximized, say if verbose else _nothing)
        panels = {name: [p + name for p in prefixes] for name in names}
        if scheduled:
            panels["learning rate"] = ["learning_rate"]
        for monitor in watched:
            panels |= monitor.panels(self)
        keep_best = keep == "best" and held_out is not None
        if watch is not None and watch not in [c for columns in panels.values() for c in columns]:
            known = ", ".join(c for columns in panels.values() for c in columns)
            raise UserError(f"watch: nothing called {watch!r} is measured; there are {known}")

        def validate() -> dict[str, float]:
            found = self._measure(held_out, None if self._stateful else max(size, AT_ONCE))
            return {f"validation_{name}": value for name, value in found.items()}

        watching = Watch(
            fit,
            watched,
            names,
            totals,
            None if held_out is None else validate,
            validate_every,
            epochs,
            keep_best,
            panels,
            (lambda: optimizer.rate) if scheduled else None,
        )
        stage = training.Stage(start, n_minibatches, epochs, watching)
        graph = self._graph()
        variables = self.variables()
        state = {
            "totals": totals,
            **({} if order is None else {"order": order}),
            **{f"random.draw_{number}": each for number, each in enumerate(graph.random_states)},
            **{f"optimizer.{name}": each for name, each in optimizer.state.items()},
        }
        settings: dict[str, Any] = {}
        about: dict[str, np.ndarray] = {}
        if folder is not None:
            about = saved_models.about(self.to_json())
            settings = {
                "model": self.fingerprint(),
                "batch_size": batch_size,
                "shuffle": shuffle,
                "seed": seed,
                "keep": keep,
                "data": None if provider is not None else provenance.fingerprint(examples.arrays()),
            }
            if resume:
                check_resumed(folder, settings)
        for monitor in watched:
            monitor.reset()
            monitor.check(fit)
        try:
            outcome = training.train_stages(
                [stage],
                model=variables,
                state=state,
                folder=folder,
                settings=settings,
                about=about,
                resume=resume,
                verbose=verbose,
            )
            if outcome.kept and (keep_best or outcome.reason == "diverged"):
                set_values(variables, outcome.kept, Path("the model that was kept"))
        finally:
            for monitor in watched:
                monitor.finish(fit)
            self._release()
        if outcome.reason == "diverged":
            kept = "the model of the epoch before is kept" if outcome.kept else "no model was kept"
            raise Diverged(
                f"the loss is not finite any more at {stage.where}: lower the learning rate (now "
                f"{optimizer.rate:g}), or clip the gradients with clip_norm; {kept}"
            )
        return History(outcome, chosen, *(watching.best_value() if keep_best else (None, None)))

    # using what was learnt

    def outputs(self, x: Any, batch_size: int | None = None) -> Any:
        """The layer's output for inputs x, as arrays: one, or a mapping or list of several.

        Args:
            x: as in `fit`.
            batch_size: examples that are computed at a time; where layers are stateful, each is the next
                piece of the sequence of the one so many examples before.
        """
        inputs = self._inputs(x, "x")
        graph = self._fitting_graph(inputs)
        names = list(outputs_of(graph.output))
        key = ("predict", id(graph))
        if key not in self._functions:
            self._functions[key] = graphlib.function(
                graph.input_list,
                list(outputs_of(graph.output).values()),
                updates=list(graph.carried.items()),
                name="predict",
            )
        parts = list(self._in_pieces(self._functions[key], inputs, batch_size))
        found = {
            name: parts[0][k] if len(parts) == 1 else np.concatenate([part[k] for part in parts])
            for k, name in enumerate(names)
        }
        if isinstance(graph.output, Mapping):
            return found
        return list(found.values()) if isinstance(graph.output, (list, tuple)) else found[""]

    def predict(self, x: Any, batch_size: int | None = None) -> Any:
        """What the model says of inputs x, as targets are written: the most probable classes for losses of
        classes, 0 or 1 for the binary cross-entropy, else the output itself; of several outputs, each."""
        return self._each_output(self.outputs(x, batch_size), lambda task, p: task.loss.decide(p))

    def predict_proba(self, x: Any, batch_size: int | None = None) -> Any:
        """The probabilities that the model gives; InputError where its loss is not one of probabilities."""

        def of(task: Task, p: np.ndarray) -> np.ndarray:
            if not task.loss.of_probabilities:
                raise InputError(
                    f"the loss {name_of(task.loss)} is not one of probabilities: `outputs` gives what the "
                    f"layer {task.layer} says"
                )
            return p

        return self._each_output(self.outputs(x, batch_size), of)

    def evaluate(
        self, x: Any, y: Any, sample_weight: Any = None, batch_size: int | None = None
    ) -> dict[str, float]:
        """The loss and the metrics, by name, as means over the examples.

        Args:
            x, y, sample_weight: as in `fit`.
            batch_size: examples that are computed at a time.
        """
        return self._measure(self.check(x, y, sample_weight), batch_size)

    def check(self, x: Any, y: Any, sample_weight: Any = None) -> Examples:
        """Holds examples against the model, as `fit` and `evaluate` do first; builds it if it is not yet.

        Raises:
            DataError: they cannot be learnt from: NaN, labels that are no classes, other shapes.
        """
        self._require_loss()
        examples = self._examples(x, y, sample_weight)
        self._build_for(examples)
        return self._checked(examples)

    def training_cost(self, examples: Examples) -> tuple[list[Variable], Variable]:
        """What `fit` minimizes, as an expression.

        Args:
            examples: what `check` gave.

        Returns:
            the variables that stand for ``examples.arrays()``, in their order, and the cost: the mean loss
            with penalties, float (), as in training.
        """
        inputs, cost, _ = self._costs(examples, self._fitting_graph(examples.inputs).training_output)
        return inputs, cost

    def score(self, x: Any, y: Any, sample_weight: Any = None) -> float:
        """scikit-learn's: the accuracy for losses of classes, else the coefficient of determination R² (the
        mean of those of several values). For models of one output."""
        self._require_loss()
        if len(self.tasks) != 1:
            raise InputError("score is of one output, and this model has several: use evaluate")
        task = self.tasks[0]
        truth, found = data.as_array(y, "y"), self.predict(x)
        data.check_lengths({"x": len(found), "y": len(truth)})
        weights = None if sample_weight is None else np.asarray(sample_weight, "float64")
        if task.loss.of_classes:
            if truth.ndim == len(task.shape) and truth.shape[-1] == task.shape[-1] != 1:
                truth = truth.argmax(axis=-1)
            right = found.reshape(truth.shape) == truth
            return float(np.average(right.reshape(len(right), -1).mean(axis=1), weights=weights))
        truth = truth.reshape(found.shape).astype("float64")
        rest = np.average((truth - found) ** 2, axis=0, weights=weights)
        whole = np.average((truth - np.average(truth, axis=0, weights=weights)) ** 2, axis=0, weights=weights)
        rest, whole = np.atleast_1d(rest), np.atleast_1d(whole)
        constant = np.where(rest > 0, 0.0, 1.0)  # as scikit-learn has it, where all targets are equal
        return float(np.where(whole > 0, 1 - rest / np.where(whole > 0, whole, 1), constant).mean())

    # files

    def to_json(self) -> str:
        """The architecture, loss, optimizer and metrics as JSON.

        ConfigError where something in it is of no registered class (see `graphlib.nn.register`).
        """
        return json.dumps(self._architecture())

    @classmethod
    def from_json(cls, text: str) -> Model:
        """A new, untrained model of what `to_json` gave; ConfigError where that is wrong."""
        found = json.loads(text)
        if not isinstance(found, dict) or found.get("format") != saved_models.FORMAT:
            raise UserError(f"this is no model of this version: its format is not {saved_models.FORMAT}")
        return cls._of(found)

    def save(self, path: str | Path, optimizer: bool = True) -> None:
        """Writes parameters, architecture and, unless told otherwise, the optimizer's state, atomically.

        Args:
            path: ends in .npz, or in .safetensors where the package safetensors is installed.
        """
        arrays = {name: np.asarray(v.get_value(borrow=True)) for name, v in self.variables().items()}
        if optimizer:
            for name, shared in self.optimizer.state.items():
                arrays[f"optimizer/{name}"] = np.asarray(shared.get_value(borrow=True))
        saved_models.write(Path(path), arrays, self.to_json())

    @classmethod
    def load(cls, path: str | Path) -> Model:
        """The model that `save` wrote, or that `fit` kept in its folder; nothing in the file is executed.

        Raises:
            UserError: the file is missing, damaged, holds Python objects, or no model.
        """
        path = Path(path)
        arrays, architecture = saved_models.read_model(path)
        if architecture is None:
            raise UserError(
                f"{path} holds arrays but no architecture: make the model, and give it "
                "these with load_parameters"
            )
        try:
            model = cls._of(architecture)
        except GraphError as error:
            raise UserError(f"{path} holds an architecture that cannot be built: {error}") from error
        model._set(arrays, path)
        return model

    def load_parameters(self, path: str | Path) -> Model:
        """Gives this model the parameters of a saved one of the same architecture.

        Raises:
            UserError: the file is missing or damaged, or its model has other parameters or shapes.
        """
        path = Path(path)
        arrays, architecture = saved_models.read_model(path)
        if not self.built and architecture is not None:
            self._build(read_types(architecture.get("input")))
        self._set(arrays, path)
        return self

    def __getstate__(self) -> dict[str, Any]:
        arrays = {}
        if self.built:
            arrays = {name: np.array(v.get_value()) for name, v in self.variables().items()}
            arrays |= {
                f"optimizer/{name}": np.array(v.get_value()) for name, v in self.optimizer.state.items()
            }
        return {"architecture": self._architecture(), "arrays": arrays}

    def __setstate__(self, state: dict[str, Any]) -> None:
        other = Model._of(state["architecture"])
        if other.built:
            other._set(state["arrays"], Path("the pickled model"))
        self.__dict__.update(other.__dict__)

    # within

    def _architecture(self) -> dict[str, Any]:
        return {
            "format": saved_models.FORMAT,
            "layer": config_of(self.layer),
            "loss": config_of_several(self.loss),
            "loss_weights": self.loss_weights,
            "optimizer": config_of(self.optimizer),
            "metrics": config_of_several(self.metrics),
            "input": written(self._types),
            "symbols": None if self.symbols is None else list(self.symbols),
        }

    @classmethod
    def _of(cls, architecture: Mapping[str, Any]) -> Model:
        model = cls(
            build_object("layer", architecture.get("layer")),
            architecture.get("loss"),
            architecture.get("optimizer"),
            architecture.get("metrics") or (),
            architecture.get("loss_weights"),
        )
        model.symbols = architecture.get("symbols")
        types = read_types(architecture.get("input"))
        if types is not None:
            model._build(types)
        return model

    def _set(self, arrays: Mapping[str, np.ndarray], source: Path) -> None:
        variables = self.variables()
        prefix = "optimizer/"
        state = {name.removeprefix(prefix): a for name, a in arrays.items() if name.startswith(prefix)}
        own = {name: array for name, array in arrays.items() if not name.startswith(prefix)}
        # the states that go on from minibatch to minibatch have as many rows as those had
        carried = [p for p, v in self.layer.state.items() if v.type.shape[:1] == (None,)]
        for rows in {own[path].shape[0] for path in carried if path in own and own[path].ndim}:
            self.layer.reset_states(rows)
        set_model(variables, own, source)
        self._loaded = (state, source) if state else None
        self._restore_optimizer()

    def _restore_optimizer(self) -> None:
        """Gives the optimizer the state that was loaded, as soon as it has one."""
        if self._loaded and self.optimizer.state:
            (state, source), self._loaded = self._loaded, None
            set_values(self.optimizer.state, state, source)

    def _build(self, types: Any) -> None:
        self._types = types
        graph = self._graph()
        shown = outputs_of(graph.output)
        for name, y in shown.items():
            if not isinstance(y, Variable):
                raise ShapeError(
                    f"the output {name!r} is itself several: give a model's outputs one name each"
                )

    def _graph(self, types: Any = None) -> Graph:
        types = self._types if types is None else types
        if types is None:
            raise InputError("the model has no parameters yet: call build with the input's shape, or fit")
        key = json.dumps(written(types))
        if key not in self._graphs:
            self._graphs[key] = Graph(self.layer, variables_of(types))
        return self._graphs[key]

    def _fitting_graph(self, inputs: Sequence[np.ndarray]) -> Graph:
        """The graph for arrays: the one that was built, or one in which lengths that differ may change."""
        if self._types is None:
            self._build(types_of(self._structure, inputs))
        types = list(data.by_name(self._types, "x").values())
        called = list(data.by_name(self._types, "x"))
        relaxed = []
        for name, array, kind in zip(called, inputs, types, strict=True):
            if array.ndim != len(kind.shape):
                raise DataError(
                    f"{name} has shape {array.shape}, but the model takes {shape_text(kind.shape)}"
                )
            relaxed.append(
                InputType(
                    tuple(
                        n if n is None or n == m else None
                        for n, m in zip(kind.shape, array.shape, strict=True)
                    ),
                    str(array.dtype),
                )
            )
        wanted = in_structure(self._types, relaxed)
        if relaxed == types or json.dumps(written(wanted)) in self._graphs:
            return self._graph(wanted)
        try:
            # First with these very lengths: what cannot change is found while the graph is built.
            self.layer(variables_of(types_of(self._types, inputs)))
            return self._graph(wanted)
        except ShapeError as error:
            name, array, kind = next(
                (name, array, kind)
                for name, array, kind, other in zip(called, inputs, types, relaxed, strict=True)
                if kind != other
            )
            raise DataError(
                f"{name} has shape {array.shape}, but the model was built for "
                f"{shape_text(kind.shape)} ({error})"
            ) from None

    @property
    def _stateful(self) -> bool:
        return any(getattr(layer, "stateful", False) for layer in _all_layers(self.layer))

    def _require_loss(self) -> None:
        if self.loss is None:
            raise InputError("the model has no loss yet: give one to Model or to compile")

    @cached_property
    def tasks(self) -> list[Task]:
        """The outputs and what is asked of each."""
        graph = self._graph()
        outputs = outputs_of(graph.output)
        losses = by_output(self.loss, list(outputs), "loss", "loss")
        metrics = by_output(self.metrics, list(outputs), "metrics", "metric")
        weights = by_output(self.loss_weights, list(outputs), "loss_weights", None)
        found = []
        for name, y in outputs.items():
            loss = losses[name]
            if loss is None and self.loss is not None:
                raise InputError(f"there is no loss for the output {name!r}")
            some = metrics[name] or ()
            some = [some] if isinstance(some, (str, Mapping)) or callable(some) else some
            found.append(
                Task(
                    name,
                    tuple(y.static_shape),
                    graph.makers[name],
                    Loss() if loss is None else as_measure(resolve("loss", loss)),
                    1.0 if weights[name] is None else float(weights[name]),
                    [as_measure(resolve("metric", each)) for each in some],
                )
            )
        return found

    def _reported(self) -> list[str]:
        """The names of the values that training and evaluation give, in the order of their totals."""
        each = [
            [task.called("loss"), *(task.called(name_of(m)) for m in task.metrics)] for task in self.tasks
        ]
        return [*(["loss"] if len(self.tasks) > 1 else []), *(name for group in each for name in group)]

    def _maximized(self) -> list[str]:
        return [task.called(name_of(m)) for task in self.tasks for m in task.metrics if m.greater_is_better]

    def _watched(self, validated: bool) -> str:
        tasks = self.tasks
        name = name_of(tasks[0].metrics[0]) if len(tasks) == 1 and tasks[0].metrics else "loss"
        return f"validation_{name}" if validated else name

    def _inputs(self, x: Any, name: str) -> list[np.ndarray]:
        """The arrays of inputs, checked, in the dtypes that the model takes."""
        self._structure = x
        arrays = []
        for called, values in data.by_name(x, name).items():
            array = data.as_array(values, called)
            data.check_finite(array, called)
            arrays.append(as_input(array))
        data.check_lengths({n: len(a) for n, a in zip(data.by_name(x, name), arrays, strict=True)})
        if self._types is not None:
            known = data.by_name(self._types, "x")
            if len(known) != len(arrays) or isinstance(self._types, Mapping) != isinstance(x, Mapping):
                raise DataError(
                    f"{name} has {len(arrays)} inputs, but the model takes {len(known)}: {', '.join(known)}"
                )
            if isinstance(x, Mapping):
                if set(x) != set(self._types):
                    raise DataError(
                        f"{name} has the inputs {', '.join(map(str, x))}, but the model takes "
                        f"{', '.join(map(str, self._types))}"
                    )
                order = list(x)
                arrays = [arrays[order.index(key)] for key in self._types]
            kinds = data.by_name(self._types, "x").values()
            arrays = [of_dtype(a, kind.dtype) for a, kind in zip(arrays, kinds, strict=True)]
        return arrays

    def _examples(
        self, x: Any, y: Any, sample_weight: Any = None, class_weight: Any = None, called: str = ""
    ) -> Examples:
        inputs = self._inputs(x, f"{called}x")
        names = f"{called}y"
        targets = {key: data.as_array(values, key) for key, values in data.by_name(y, names).items()}
        data.check_lengths({f"{called}x": len(inputs[0]), **{key: len(a) for key, a in targets.items()}})
        return Examples(
            x, inputs, y, list(targets.values()), list(targets), sample_weight, class_weight, called
        )

    def _build_for(self, examples: Examples) -> None:
        if self._types is None:
            self._build(types_of(examples.structure, examples.inputs))
        else:
            self._fitting_graph(examples.inputs)

    def _checked(self, examples: Examples) -> Examples:
        """The examples with targets and weights for each task, held against what the model gives."""
        tasks = self.tasks
        y = examples.y
        if isinstance(y, Mapping):
            if set(y) != {task.name for task in tasks}:
                raise DataError(
                    f"{examples.called}y has the targets {', '.join(map(str, y))}, but the model has the "
                    f"outputs {', '.join(task.name for task in tasks) or 'of one layer, without names'}"
                )
            order = [list(y).index(task.name) for task in tasks]
        else:
            order = list(range(len(examples.targets)))
        if len(order) != len(tasks):
            raise DataError(
                f"{examples.called}y has {len(order)} targets, but the model has {len(tasks)} outputs: "
                "give a mapping by their names, or a tuple"
            )
        targets, weights = [], []
        for task, position in zip(tasks, order, strict=True):
            target = as_target(examples.targets[position], task)
            name = examples.names[position]
            if task.loss.missing is None or not np.isnan(task.loss.missing):
                data.check_finite(target, name)
            for measure in (task.loss, *task.metrics):
                measure.check(target, task.shape, name, task.layer)
            targets.append(target)
            weights.append(weights_of(examples, task, target, name, len(tasks) > 1))
        return examples.with_targets(targets, weights)

    def _training_function(self, examples: Examples, resident: bool) -> Callable:
        """A compiled step of training: it returns the cost before it, and the totals of what is reported.

        Where the data are `resident`, in shared variables, it takes the rows of a minibatch, else its arrays.
        """
        graph = self._fitting_graph(examples.inputs)
        key = ("train", id(graph), _forms(examples), resident, self.optimizer.changes_rate)
        arrays = examples.arrays()
        if key not in self._functions:
            inputs, cost, totals = self._costs(examples, graph.training_output)
            updates = [*self.optimizer.updates(self.layer.parameters, cost), *graph.updates.items()]
            self._restore_optimizer()
            givens = {}
            if resident:
                self._resident[key] = [
                    graphlib.shared(array, name=f"all_{v.name}", borrow=True, shape=(None, *array.shape[1:]))
                    for array, v in zip(arrays, inputs, strict=True)
                ]
                rows = T.lvector("rows")
                givens = {v: held[rows] for v, held in zip(inputs, self._resident[key], strict=True)}
                inputs = [rows]
            self._functions[key] = graphlib.function(
                inputs,
                T.stack([T.cast(each, graphlib.config.floatX) for each in (cost, *totals)]),
                updates=updates,
                givens=givens,
                name="train",
            )
        elif resident:
            for held, array in zip(self._resident[key], arrays, strict=True):
                held.set_value(array, borrow=True)
        return self._functions[key]

    def _release(self) -> None:
        """Lets go of the training data."""
        for group in self._resident.values():
            for held in group:
                held.set_value(np.zeros((0, *held.get_value(borrow=True).shape[1:]), held.dtype), borrow=True)

    def _costs(self, examples: Examples, output: Any) -> tuple[list[Variable], Variable, list[Variable]]:
        """(variables for `Examples.arrays`, what is minimized, the totals of what is reported)."""
        kinds = [(a.dtype.str, a.ndim) for a in examples.targets]
        weighted = [None if w is None else w.ndim for w in examples.weights]
        targets, weights = target_variables(self.tasks, kinds, weighted)
        cost, totals = self._cost(output, targets, weights)
        inputs = self._fitting_graph(examples.inputs).input_list
        return [*inputs, *targets, *(w for w in weights if w is not None)], cost, totals

    def _cost(self, output: Any, targets: Sequence[Any], weights: Sequence[Any]) -> tuple[Any, list[Any]]:
        """(what is minimized, the totals of what is reported: sum and count of each)."""
        outputs = outputs_of(output)
        cost, totals, joint = None, [], []
        for task, y, w in zip(self.tasks, targets, weights, strict=True):
            mean, count = task.loss.mean_and_count(outputs[task.name], y, w)
            weighed = mean if task.weight == 1 else task.weight * mean
            cost = weighed if cost is None else cost + weighed
            joint.append((weighed, count))
            totals += [mean * count, count]
            for metric in task.metrics:
                mean, count = metric.mean_and_count(outputs[task.name], y, w)
                totals += [mean * count, count]
        if len(joint) > 1:
            totals = [cost, T.ones_like(cost), *totals]
        if any(p.regularizer and p.trainable for p in self.layer.parameters.values()):
            cost = cost + self.layer.penalty
        return cost, totals

    def _measure(self, examples: Examples, batch_size: int | None) -> dict[str, float]:
        graph = self._fitting_graph(examples.inputs)
        key = ("evaluate", id(graph), _forms(examples))
        if key not in self._functions:
            inputs, _, totals = self._costs(examples, graph.output)
            self._functions[key] = graphlib.function(
                inputs,
                T.stack([T.cast(each, graphlib.config.floatX) for each in totals]),
                updates=list(graph.carried.items()),
                name="evaluate",
            )
        sums = Totals(2 * len(self._reported()))
        for found in self._in_pieces(self._functions[key], examples.arrays(), batch_size):
            sums.sums += found
        return dict(zip(self._reported(), sums.take_means().tolist(), strict=True))

    def _in_pieces(self, function: Callable, arrays: Sequence[np.ndarray], batch_size: int) -> Iterator[Any]:
        """What a function gives for each `batch_size` examples.

        Stateful layers begin at zero and go on from piece to piece; their states are as before at the end.
        """
        n, stateful = len(arrays[0]), self._stateful
        size = min(batch_size or (stateful and self._streams) or AT_ONCE, n)
        if not stateful:
            for first in range(0, n, size):
                yield function(*(array[first : first + size] for array in arrays))
            return
        if n % size:
            raise DataError(
                f"{n} examples are no whole number of minibatches of {size}, in which stateful layers go on "
                "from one to the next: leave examples out, or give another batch_size"
            )
        states = self.layer.carried
        before = {state: state.get_value() for state in states}
        try:
            self.layer.reset_states(size)
            for first in range(0, n, size):
                yield function(*(array[first : first + size] for array in arrays))
        finally:
            for state, value in before.items():
                state.set_value(value)

    def _each_output(self, found: Any, function: Callable[[Task, np.ndarray], Any]) -> Any:
        self._require_loss()
        if isinstance(found, dict):
            return {task.name: function(task, found[task.name]) for task in self.tasks}
        if isinstance(found, list):
            return [function(task, p) for task, p in zip(self.tasks, found, strict=True)]
        return function(self.tasks[0], found)


def _nothing(line: str) -> None:
    """Says nothing."""


def _forms(examples: Examples) -> str:
    """What a function of examples depends on: dtypes and numbers of axes of targets and weights."""
    arrays = (*examples.targets, *examples.weights)
    return str([None if a is None else (a.dtype.str, a.ndim) for a in arrays])


def _all_layers(layer: Layer) -> list[Layer]:
    return [layer, *(inner for child in layer.children.values() for inner in _all_layers(child))]
