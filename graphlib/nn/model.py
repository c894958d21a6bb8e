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
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from numbers import Real
from pathlib import Path
from typing import Any, Literal

import numpy as np

import graphlib
from graphlib.errors import GraphError, InputError
from graphlib.graph import Variable

from . import data, saved_models
from .elsewhere import method_here
from .examples import Examples, checked, examples_of, inputs_of
from .feeds import Dealing
from .fitting import History, fit
from .foreign import load_weights
from .input_types import InputType, read_types, written
from .layers.base import Layer
from .layers.containers import as_layer
from .losses import Loss, as_measure, name_of
from .model_functions import Functions
from .model_graphs import Graphs
from .optimizers import Optimizer
from .parallel import ALONE, DataParallel
from .registry import ConfigError, config_of, explained, resolve
from .registry import build as build_object
from .schema import check_arguments
from .storage import UserError
from .stored.base import Stored
from .tasks import Task, by_output, config_of_several, outputs_of
from .variables import set_model, set_values
from .watching import Totals


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
        self._graphs = Graphs(self.layer)
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
        if not isinstance(self.optimizer, Optimizer):
            raise InputError(f"the optimizer is {_given(optimizer)}: give an optimizer, or its name")
        check_arguments(self.optimizer)
        _check_measures("loss", loss, "the loss")
        _check_measures("metric", metrics, "metrics")
        weights = list(loss_weights.values()) if isinstance(loss_weights, Mapping) else loss_weights
        for weight in weights if isinstance(weights, (list, tuple)) else [weights]:
            if weight is not None and (isinstance(weight, bool) or not isinstance(weight, Real)):
                raise InputError(f"loss_weights has {weight!r}: give a number for each loss")
        self._functions = Functions(self)
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
        self._graphs.build(types)
        return self

    def __getattr__(self, name: str) -> Any:
        # only what is not there comes here
        raise AttributeError(f"a model has no {name}{method_here(name)}")

    @property
    def trainable(self) -> bool:
        """Whether optimizers change the parameters of its layer; may be changed until it is first fitted."""
        return self.layer.trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self.layer.trainable = value

    @property
    def built(self) -> bool:
        """Whether there are parameters yet."""
        return self._graphs.types is not None

    @property
    def stateful(self) -> bool:
        """Whether a layer has states that go on from minibatch to minibatch."""
        return self._graphs.stateful

    @property
    def input(self) -> Any:
        return self._graphs.of().inputs

    @property
    def output(self) -> Any:
        return self._graphs.of().output

    @property
    def parameters(self) -> dict[str, Any]:
        """The layer's parameters by path, trainable and not: see `graphlib.nn.layers.base.Parameter`."""
        return self.layer.parameters

    def variables(self) -> dict[str, Any]:
        """The shared variables that make the trained model: parameters, and running means and the like."""
        self._graphs.of()
        return {
            **{path: parameter.variable for path, parameter in self.layer.parameters.items()},
            **self.layer.state,
        }

    def summary(self) -> str:
        """A table of the layers, their outputs, parameters, memory and multiply-adds."""
        types = self._graphs.types
        if isinstance(types, InputType):
            return self.layer.summary(types.shape, types.dtype)
        return self.layer.summary()

    def _repr_html_(self) -> str | None:
        """What a notebook shows: the table of its layers."""
        from .notebook import layer_html

        return layer_html(self)

    def fingerprint(self) -> str:
        """SHA-256 of the architecture, in hexadecimal: equal for equal layers and inputs, whatever the
        weights."""
        architecture = self._architecture(brief=True)
        text = json.dumps({key: architecture[key] for key in ("layer", "input")}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    # learning

    @explained
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
        buffer: float = 256,
        distributed: bool = False,
        sync_every: int = 1,
    ) -> History:
        """Trains the model.

        The last minibatch of an epoch may have fewer examples than the others; the loss is the mean over a
        minibatch, and reported as the mean over an epoch, without penalties.

        Args:
            x: inputs, an array (examples, …), of several inputs a mapping or tuple of arrays; or anything
                with ``len`` and ``[i]`` that gives minibatches (x, y) or (x, y, weights), such as `Batches`,
                of a size and in an order of their own.
                An array may be one of `graphlib.nn.stored`, a memory map or one of zarr's: its rows are read
                when they are needed, and shuffled by blocks.
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
            sample_weight: the weight of each example, (examples,), or of each of its positions; of several
                outputs by their names, in a tuple as y is, or the same for all.
            out: a folder for the model that is kept, the learning curve and a checkpoint.
            resume: go on from the checkpoint in `out`, to the same results as if never interrupted.
            keep: at the end the model is the best in validation, or the last. Without validation, the last.
            watch: the name of the value by which models are compared; None for the first metric's, or the
                loss's where there is no metric, or there are several outputs.
            validate_every: epochs from one validation to the next.
            seed: of the order of the examples and of what is held out.
            verbose: whether a line is printed after every epoch, and a progress bar shown.
            buffer: megabytes of memory for examples that are read ahead, where they are not all in memory.
            distributed: train together with the other ranks of an MPI run, ``mpirun -n 4 python …``: all call
                fit with the same arguments, each goes through its part of every minibatch of `batch_size`,
                and all have the same model at the end; rank 0 prints and writes.
            sync_every: with it, let each rank step by itself, and average their parameters after so many
                minibatches (local SGD), for more than 1.

        Returns:
            the history. Ctrl+C ends training after a minibatch, with a checkpoint in `out`.

        Raises:
            DataError: the data cannot be learnt from.
            Diverged: the loss is not finite any more.
            UserError: the number of ranks does not divide the batch size; minibatches are given, and made
                otherwise than `batch_size`, `shuffle`, `seed` or `buffer` say; or the run that is to be
                resumed was started with other settings.
            DistributedError: mpi4py is missing, or ranks do not fit together.
        """
        return fit(
            self,
            x,
            y,
            epochs=epochs,
            dealing=Dealing(batch_size, shuffle, seed, buffer),
            validation=validation,
            monitors=monitors,
            class_weight=class_weight,
            sample_weight=sample_weight,
            out=out,
            resume=resume,
            keep=keep,
            watch=watch,
            validate_every=validate_every,
            verbose=verbose,
            distributed=distributed,
            sync_every=sync_every,
        )

    # using what was learnt

    def outputs(self, x: Any, batch_size: int | None = None) -> Any:
        """The layer's output for inputs x, as arrays: one, or a mapping or list of several.

        Args:
            x: as in `fit`.
            batch_size: examples that are computed at a time; where layers are stateful, each is the next
                piece of the sequence of the one so many examples before.
        """
        inputs = inputs_of(x, "x", self._graphs.types)
        graph = self._graphs.fitting(inputs, x)
        inputs = graph.within(inputs)
        names = list(outputs_of(graph.output))
        found = dict(zip(names, self._functions.outputs(graph, inputs, batch_size), strict=True))
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
        return self._functions.measure(self.check(x, y, sample_weight), batch_size)

    def check(self, x: Any, y: Any, sample_weight: Any = None, called: str = "") -> Examples:
        """Holds examples against the model, as `fit` and `evaluate` do first; builds it if it is not yet.

        Args:
            x, y, sample_weight: as in `fit`.
            called: what messages say before ``x`` and ``y``, such as ``"test "``.

        Raises:
            DataError: they cannot be learnt from: NaN, labels that are no classes, other shapes.
        """
        self._require_loss()
        examples = examples_of(x, y, self._graphs.types, sample_weight, called=called)
        graph = self._graphs.fitting(examples.inputs, examples.structure, called)
        examples.inputs = graph.within(examples.inputs, called)
        return checked(examples, self.tasks)

    def training_cost(self, examples: Examples) -> tuple[list[Variable], Variable]:
        """What `fit` minimizes, as an expression.

        Args:
            examples: what `check` gave.

        Returns:
            the variables that stand for ``examples.arrays()``, in their order, and the cost: the mean loss
            with penalties, float (), as in training.
        """
        graph = self._graphs.fitting(examples.inputs, examples.structure)
        inputs, cost, _ = self._functions.costs(examples, graph.trained)
        return inputs, cost

    def score(self, x: Any, y: Any, sample_weight: Any = None) -> float:
        """scikit-learn's: the accuracy for losses of classes, else the coefficient of determination R² (the
        mean of those of several values). For models of one output."""
        self._require_loss()
        if len(self.tasks) != 1:
            raise InputError("score is of one output, and this model has several: use evaluate")
        task = self.tasks[0]
        truth, found = _in_memory(y, "y"), self.predict(x)
        data.check_lengths({"x": len(found), "y": len(truth)})
        weights = None if sample_weight is None else _in_memory(sample_weight, "sample_weight")
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
        arrays = self.as_arrays(optimizer)
        saved_models.write(Path(path), arrays, str(arrays.pop(saved_models.ARCHITECTURE)))

    def as_arrays(self, optimizer: bool = True) -> dict[str, np.ndarray]:
        """What `save` writes, by name: parameters, the architecture, and if wanted the optimizer's state;
        these are the model's own arrays, which its training changes."""
        arrays = saved_models.about(self._written())
        arrays |= {name: np.asarray(v.get_value(borrow=True)) for name, v in self.variables().items()}
        if optimizer:
            for name, shared in self.optimizer.state.items():
                arrays[f"optimizer/{name}"] = np.asarray(shared.get_value(borrow=True))
        return arrays

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
            self._graphs.build(read_types(architecture.get("input")))
        self._set(arrays, path)
        return self

    def load_weights(self, source: Any, of: str, names: Mapping[str, str] | None = None) -> Model:
        """Gives this model the weights of one of PyTorch's or Keras', with their conventions turned into
        ours: transposed matrices, flipped filters, gates in another order, channels that come last.

        Args:
            source: arrays by name: PyTorch's ``module.state_dict()``, of Keras ``{w.path: numpy.asarray(w)
                for w in model.weights}``; or a ``.safetensors`` or ``.npz`` file of these, or a ``.keras`` or
                ``.h5`` file of Keras' (with ``pip install h5py``).
            of: "pytorch" or "keras".
            names: which of their layers is which of ours, by name; without, those of the same names, or one
                after the other.

        Raises:
            InputError: this model is not built, a layer has no counterpart, or not the same parts.
            ShapeError, DTypeError: an array does not fit; no parameter has changed then.
            UserError: the file is missing or damaged.
        """
        if not self.built:
            raise InputError("build the model first: model.build((None, 784))")
        load_weights(self.layer, self.input, source, of, names)
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

    def _architecture(self, brief: bool = False) -> dict[str, Any]:
        """What is made again from; ``brief``: beside the parameters, and without arrays that they began
        with.

        Raises:
            ConfigError: a layer is of no registered class, or does not keep what its constructor was given.
        """
        layer = config_of(self.layer, brief=brief)
        try:
            build_object("layer", layer)
        except ConfigError as error:
            raise ConfigError(
                f"the model cannot be written, as it could not be made again: {error}. A registered class "
                "keeps each argument under its own name as it was given, and what it makes of it elsewhere"
            ) from error
        return {
            "format": saved_models.FORMAT,
            "layer": layer,
            "loss": config_of_several(self.loss),
            "loss_weights": self.loss_weights,
            "optimizer": config_of(self.optimizer),
            "metrics": config_of_several(self.metrics),
            "input": written(self._graphs.types),
            "symbols": None if self.symbols is None else list(self.symbols),
        }

    def _written(self) -> str:
        """What stands beside the parameters in a file."""
        return json.dumps(self._architecture(brief=True))

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
            model._graphs.build(types)
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
            self._graphs.streams = rows
        set_model(variables, own, source)
        self._loaded = (state, source) if state else None
        self._restore_optimizer()

    def _restore_optimizer(self) -> None:
        """Gives the optimizer the state that was loaded, as soon as it has one."""
        if self._loaded and self.optimizer.state:
            (state, source), self._loaded = self._loaded, None
            set_values(self.optimizer.state, state, source)

    def _require_loss(self) -> None:
        if self.loss is None:
            raise InputError("the model has no loss yet: give one to Model or to compile")

    @cached_property
    def tasks(self) -> list[Task]:
        """The outputs and what is asked of each."""
        graph = self._graphs.of()
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

    def _totals(self, parallel: DataParallel = ALONE) -> Totals:
        """What the values that `_reported` names are made of."""
        weights = [w for task in self.tasks for w in (task.weight, *[0.0] * len(task.metrics))]
        return Totals(weights, len(self.tasks) > 1, parallel)

    def _maximized(self) -> list[str]:
        return [task.called(name_of(m)) for task in self.tasks for m in task.metrics if m.greater_is_better]

    def maximized(self, validated: bool = False) -> list[str]:
        """The names of what is measured in training, and of what validates, that are the better the higher
        they are."""
        prefixes = ["", "validation_"] if validated else [""]
        return [prefix + name for name in self._maximized() for prefix in prefixes]

    def watched(self, validated: bool = False) -> str:
        """The name of the value by which models are compared, unless the user names another."""
        tasks = self.tasks
        name = name_of(tasks[0].metrics[0]) if len(tasks) == 1 and tasks[0].metrics else "loss"
        return f"validation_{name}" if validated else name

    def _each_output(self, found: Any, function: Callable[[Task, np.ndarray], Any]) -> Any:
        self._require_loss()
        if isinstance(found, dict):
            return {task.name: function(task, found[task.name]) for task in self.tasks}
        if isinstance(found, list):
            return [function(task, p) for task, p in zip(self.tasks, found, strict=True)]
        return function(self.tasks[0], found)


def _check_measures(kind: str, value: Any, what: str) -> None:
    """Errors for what is no loss or metric, nor several of them in a list or by name."""
    if isinstance(value, str):
        resolve(kind, value)
    elif isinstance(value, (list, tuple)):
        for each in value:
            _check_measures(kind, each, what)
    elif isinstance(value, Layer):
        raise InputError(f"{what}: {value!r} is a layer: layers that follow each other are one list")
    elif not (value is None or isinstance(value, Mapping) or callable(value)) or isinstance(value, type):
        raise InputError(f"{what}: {_given(value)} is none: give its name, an object, or a function")


def _given(value: Any) -> str:
    """What was given, and for a class what may have been meant."""
    return (
        f"the class {value.__name__} (did you mean {value.__name__}()?)"
        if isinstance(value, type)
        else repr(value)
    )


def _in_memory(values: Any, name: str) -> np.ndarray:
    """Numbers as an array, also those that are read piece by piece."""
    array = data.as_array(values, name)
    return array.load() if isinstance(array, Stored) else array
