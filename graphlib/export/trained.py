"""The functions of a trained model, from the folder of its run: those of the tutorials, and of run files.

A tutorial's model is recognised by the names of its parameters and built of them anew, with the parameters as
shared variables under these names.  Nothing in the folder is executed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import graphlib
import graphlib.tensor as T

from ..compile.function import Function
from ..nn import provenance
from ..nn.data import by_name
from ..nn.image_data import image_shape_of
from ..nn.model import Model
from ..nn.registry import resolve
from ..nn.run_folder import BEST_MODEL, CHECKPOINT, LATEST_MODEL, load_about, load_parameters, read_checkpoint
from ..nn.saved_models import ARCHITECTURE
from ..nn.storage import UserError
from ..nn.tasks import outputs_of
from ..nn.whitening import Whitening
from ..tensor.random import RandomStreams

#: steps of Gibbs chains, characters, words and time steps that a library has room for
_GIBBS, _CHARACTERS, _WORDS, _STEPS, _BEGINNING = 1000, 1000, 200, 400, 100


@dataclass
class Trained:
    """A trained model as functions: ``bounds`` are of their inputs.

    kind: what it is, as 'mlp'.  parameters: its shared variables by the names they have in the model's file.
    dictionaries: what its numbers stand for.  image_shape: of images, if it learnt from such.
    """

    kind: str
    functions: dict[str, Function]
    bounds: dict[str, Any]
    parameters: dict[str, Any] = field(default_factory=dict)
    dictionaries: dict[str, list[str]] = field(default_factory=dict)
    image_shape: tuple[int, int] | None = None


@dataclass
class Given:
    """What models are built of: parameters by name, the folder, the most examples of a call, and whether
    training steps are wanted, too."""

    p: dict[str, Any]
    folder: Path
    batch: int
    train: bool
    model: Path
    about: Mapping[str, np.ndarray]

    def setting(self, name: str, otherwise: Any) -> Any:
        """What the run was started with."""
        path = self.folder / CHECKPOINT
        return read_checkpoint(path)[0]["settings"].get(name, otherwise) if path.exists() else otherwise

    def whitened(self, x: Any) -> Any:
        """What the model is given for the images `x`: them, or what whitening makes of them."""
        whitening = Whitening.of_about(self.about)
        return whitening(x) if whitening else x

    @property
    def image_shape(self) -> tuple[int, int]:
        return image_shape_of(self.model)


def of_folder(folder: Path, batch: int = 64, train: bool = False) -> Trained:
    """The functions of the model in a run's folder.

    Errors: UserError where there is no model, or one that is of no program known here.
    """
    path = next((folder / name for name in (BEST_MODEL, LATEST_MODEL) if (folder / name).exists()), None)
    if path is None:
        raise UserError(f"{folder} has no {BEST_MODEL} or {LATEST_MODEL}: it is no folder of a run")
    # they are not to be called but to be exported: nothing needs to be compiled
    with graphlib.config.change(mode="reference"):
        return _found(folder, path, batch, train)


def _found(folder: Path, path: Path, batch: int, train: bool) -> Trained:
    arrays = load_parameters(path)
    if ARCHITECTURE in arrays:
        return _of_layers(path, batch)
    parameters = {
        name: graphlib.shared(np.ascontiguousarray(array), name=name.replace(".", "_"))
        for name, array in arrays.items()
    }
    for kind, names, build in _KINDS:
        if names <= set(arrays):
            given = Given(parameters, folder, batch, train, path, load_about(path))
            functions, bounds = build(given)
            learnt = provenance.find(folder)
            return Trained(
                kind,
                functions,
                bounds,
                parameters,
                dict(learnt.dictionaries) if learnt else {},
                given.image_shape if "x" in bounds or "v" in bounds else None,
            )
    raise UserError(f"{path} holds {', '.join(arrays)}: it is of no program that is known here")


Built = tuple[dict[str, Function], dict[str, Any]]


def _of_layers(path: Path, batch: int) -> Trained:
    """What a model of layers predicts; several outputs have the names that they have there."""
    model = Model.load(path)
    inputs = list(by_name(model.input, "x").values())
    outputs = outputs_of(model.output)
    named = outputs if isinstance(model.output, Mapping) else list(outputs.values())
    function = graphlib.function(inputs, named, name="predict")
    bounds = {}
    for variable in inputs:
        rest = [n if n is not None else _STEPS for n in variable.type.shape[1:]]
        bounds[variable] = (batch, *rest)
    return Trained("layers", {"predict": function}, bounds, dict(model.parameters))


def descent(cost: Any, parameters: list, rate: Any, constant: Any = None) -> list:
    """The updates of a step of gradient descent."""
    slopes = T.grad(cost, parameters, consider_constant=constant)
    return [(p, p - rate * g) for p, g in zip(parameters, slopes, strict=True)]


def classifier(
    x: Any, p: Any, parameters: Mapping[str, Any], train: bool, **more: Any
) -> dict[str, Function]:
    """``predict(x)``: label and probabilities and what else; ``train(x, y, learning_rate)``: the cost."""
    outputs = {"label": T.argmax(p, axis=1), "probabilities": p, **more}
    functions = {"predict": graphlib.function([x], outputs, name="predict")}
    if train:
        y, rate = T.ivector("y"), T.scalar("learning_rate")
        cost = -T.mean(T.log(p)[T.arange(y.shape[0]), y])
        functions["train"] = graphlib.function(
            [x, y, rate], {"cost": cost}, updates=descent(cost, list(parameters.values()), rate), name="train"
        )
    return functions


def _lenet(g: Given) -> Built:
    """Two convolutional layers with pooling, a hidden layer, a softmax."""
    p, (rows, columns) = g.p, g.image_shape
    x = T.matrix("x", shape=(None, rows * columns))
    below = g.whitened(x).reshape((x.shape[0], 1, rows, columns))
    maps = []
    for k in (1, 2):
        W, b = p[f"convolution_{k}.W"], p[f"convolution_{k}.b"]
        pooled = T.signal.pool.pool_2d(T.nnet.conv2d(below, W), (2, 2), ignore_border=True)
        below = T.tanh(pooled + b.dimshuffle("x", 0, "x", "x"))
        maps.append(below)
    hidden = T.tanh(T.dot(below.flatten(2), p["hidden.W"]) + p["hidden.b"])
    probabilities = T.nnet.softmax(T.dot(hidden, p["output.W"]) + p["output.b"])
    functions = classifier(x, probabilities, p, g.train)
    functions["look"] = graphlib.function(
        [x], {"probabilities": probabilities, "maps_1": maps[0], "maps_2": maps[1]}, name="look"
    )
    return functions, {"x": (g.batch, rows * columns)}


def _layers(g: Given) -> Built:
    """Hidden layers: of what the perceptron's file says (tanh if nothing), of sigmoid units where layers were
    pre-trained.
    """
    p, x = g.p, T.matrix("x")
    below, units = g.whitened(x), []
    for k in range(1, len(p)):
        if f"layer_{k}.W" in p:
            below = T.nnet.sigmoid(T.dot(below, p[f"layer_{k}.W"]) + p[f"layer_{k}.b"])
            units.append(below)
    if "hidden.W" in p:
        activation = resolve("activation", str(g.about.get("activation", "tanh")))
        below = activation(T.dot(below, p["hidden.W"]) + p["hidden.b"])
        units.append(below)
    probabilities = T.nnet.softmax(T.dot(below, p["output.W"]) + p["output.b"])
    learnt = {name: v for name, v in p.items() if name.endswith((".W", ".b"))}
    functions = classifier(x, probabilities, learnt, g.train)
    if units:
        functions["look"] = graphlib.function(
            [x], {"probabilities": probabilities, "units": units[0]}, name="look"
        )
    first = next(iter(p.values())) if "layer_1.W" not in p else p["layer_1.W"]
    first = p.get("hidden.W", p["output.W"]) if "layer_1.W" not in p else first
    return functions, {"x": (g.batch, first.get_value(borrow=True).shape[0])}


def _rbm(g: Given) -> Built:
    """``sample(v, steps)``: what Gibbs chains come to; ``train(x, learning_rate)``: a step of CD-1."""
    W, h, b = (g.p[f"rbm.{name}"] for name in ("W", "hbias", "vbias"))
    streams = RandomStreams(1234)

    def drawn(p: Any) -> Any:
        return streams.binomial(size=p.shape, p=p, dtype=graphlib.config.floatX)

    def step(v: Any, mean: Any = None) -> list:
        hidden = drawn(T.nnet.sigmoid(T.dot(v, W) + h))
        mean = T.nnet.sigmoid(T.dot(hidden, W.T) + b)
        return [drawn(mean), mean]

    n_visible = W.get_value(borrow=True).shape[0]
    v, steps = T.matrix("v", shape=(None, n_visible)), T.lscalar("steps")
    (samples, means), updates = graphlib.scan(step, outputs_info=[v, T.zeros_like(v)], n_steps=steps)
    functions = {
        "sample": graphlib.function(
            [v, steps], {"sample": samples[-1], "probabilities": means[-1]}, updates=updates, name="sample"
        )
    }
    bounds: dict[str, Any] = {"v": (g.batch, n_visible), "steps": _GIBBS}
    if g.train:
        x, rate = T.matrix("x"), T.scalar("learning_rate")

        def energy(v: Any) -> Any:
            return -T.dot(v, b) - T.sum(T.nnet.softplus(T.dot(v, W) + h), axis=1)

        end, mean = step(x)
        cost = T.mean(energy(x)) - T.mean(energy(end))
        error = -T.mean(T.sum(x * T.log(mean) + (1 - x) * T.log(1 - mean), axis=1))
        functions["train"] = graphlib.function(
            [x, rate], {"cost": error}, updates=descent(cost, [W, h, b], rate, [end]), name="train"
        )
        bounds["x"] = (g.batch, n_visible)
    return functions, bounds


def _autoencoder(g: Given) -> Built:
    """``encode(x)`` and ``reconstruct(x)`` of each autoencoder."""
    functions = {}
    x = T.matrix("x")
    names = [name.partition(".")[0] for name in g.p if name.endswith(".b_prime")]
    for name in names:
        W, b, b_prime = (g.p[f"{name}.{part}"] for part in ("W", "b", "b_prime"))
        code = T.nnet.sigmoid(T.dot(x, W) + b)
        W_prime = g.p.get(f"{name}.W_prime", W.T)
        end = f"_{name}" if len(names) > 1 else ""
        functions[f"encode{end}"] = graphlib.function([x], {"code": code}, name="encode")
        functions[f"reconstruct{end}"] = graphlib.function(
            [x], {"reconstruction": T.nnet.sigmoid(T.dot(code, W_prime) + b_prime)}, name="reconstruct"
        )
    return functions, {"x": (g.batch, W.get_value(borrow=True).shape[0])}


def _lstm_step(linear: Any, h: Any, c: Any, U: Any) -> tuple[Any, Any]:
    """Values and cells after a step; the gates are in, forget, out and the new cells."""
    n = U.get_value(borrow=True).shape[0]
    gates = linear + T.dot(h, U)
    i, f, o, new = (gates[..., k * n : (k + 1) * n] for k in range(4))
    c = T.nnet.sigmoid(f) * c + T.nnet.sigmoid(i) * T.tanh(new)
    return T.nnet.sigmoid(o) * T.tanh(c), c


def _characters(g: Given) -> Built:
    """``write(beginning, length, temperature)``: characters that the model draws; ``next(character,
    temperature)``: one, with the units' values as a state that goes on from call to call."""
    p = g.p
    E, W, U, b = p["embeddings"], p["lstm.W"], p["lstm.U"], p["lstm.b"]
    n = U.get_value(borrow=True).shape[0]
    streams = RandomStreams(1234)

    def linear(characters: Any) -> Any:
        return (T.dot(E, W) + b)[characters]

    def drawn(h: Any, temperature: Any) -> Any:
        scores = T.dot(h, p["output.W"]) + p["output.b"]
        return T.argmax(streams.multinomial(pvals=T.nnet.softmax(scores / temperature)[0]))

    beginning, length, temperature = T.lvector("beginning"), T.lscalar("length"), T.scalar("temperature")
    start = T.zeros((n,))
    (values, cells), _ = graphlib.scan(
        lambda x, h, c: _lstm_step(x, h, c, U), sequences=linear(beginning), outputs_info=[start, start]
    )

    def step(h: Any, c: Any) -> tuple:
        character = drawn(h, temperature)
        return character, *_lstm_step(linear(character), h, c, U)

    (written, *_), updates = graphlib.scan(step, outputs_info=[None, values[-1], cells[-1]], n_steps=length)
    h, c = (graphlib.shared(np.zeros(n, graphlib.config.floatX), name=name) for name in "hc")
    character = T.lscalar("character")
    new_h, new_c = _lstm_step(linear(character), h, c, U)
    functions = {
        "write": graphlib.function(
            [beginning, length, temperature], {"written": written}, updates=updates, name="write"
        ),
        "next": graphlib.function(
            [character, temperature],
            {"next": drawn(new_h, temperature)},
            updates=[(h, new_h), (c, new_c)],
            name="next",
        ),
    }
    return functions, {"beginning": _BEGINNING, "length": _CHARACTERS}


def _sentiment(g: Given) -> Built:
    """``predict(words, mask)``: the class of each of some texts, and the probabilities."""
    p = g.p
    U = p["lstm.U"]
    words, mask = T.lmatrix("words"), T.matrix("mask")
    kept = 1 - float(g.setting("embedding_dropout", 0.0))
    x = np.float32(kept) * p["embeddings"][words]
    start = T.zeros((words.shape[1], U.get_value(borrow=True).shape[0]))

    def step(linear: Any, m: Any, h: Any, c: Any) -> tuple:
        new_h, new_c = _lstm_step(linear, h, c, U)
        m = T.shape_padright(m)
        return m * new_h + (1 - m) * h, m * new_c + (1 - m) * c

    (h, _), _ = graphlib.scan(
        step, sequences=[T.dot(x, p["lstm.W"]) + p["lstm.b"], mask], outputs_info=[start, start]
    )
    mean = T.sum(h * mask[:, :, None], axis=0) / T.sum(mask, axis=0)[:, None]
    # half of the means were dropped in training
    probabilities = T.nnet.softmax(T.dot(0.5 * mean, p["output.W"]) + p["output.b"])
    outputs = {"label": T.argmax(probabilities, axis=1), "probabilities": probabilities}
    functions = {"predict": graphlib.function([words, mask], outputs, name="predict")}
    return functions, {"words": (_WORDS, g.batch), "mask": (_WORDS, g.batch)}


def _slots(g: Given) -> Built:
    """``predict(windows)``: the label of each word of a sentence, from the words around it."""
    p = g.p
    windows = T.lmatrix("windows")
    x = p["embeddings"][windows].flatten(2)
    if "recurrent.wx" in p:
        first = T.dot(x, p["recurrent.wx"]) + p["recurrent.bh"]
        h, _ = graphlib.scan(
            lambda x, h: T.nnet.sigmoid(x + T.dot(h, p["recurrent.wh"])),
            sequences=first,
            outputs_info=p["recurrent.h0"],
        )
        inputs = p["recurrent.wx"]
    else:
        (h, _), _ = graphlib.scan(
            lambda x, h, c: _lstm_step(x, h, c, p["recurrent.U"]),
            sequences=T.dot(x, p["recurrent.W"]) + p["recurrent.b"],
            outputs_info=[p["recurrent.h0"], p["recurrent.c0"]],
        )
        inputs = p["recurrent.W"]
    scores = T.dot(h, p["output.w"]) + p["output.b"]
    function = graphlib.function([windows], {"labels": T.argmax(scores, axis=1)}, name="predict")
    values = p["embeddings"].get_value(borrow=True).shape[1]
    return {"predict": function}, {"windows": (_WORDS, inputs.get_value(borrow=True).shape[0] // values)}


def _music(g: Given) -> Built:
    """``generate(steps)``: a piece, whose steps are what a Boltzmann machine comes to from silence, or what a
    NADE (which has a parameter V) draws, one key after the other."""
    p, streams = g.p, RandomStreams(1234)
    W = p["W"]
    n_visible = W.get_value(borrow=True).shape[0]

    def drawn(mean: Any) -> Any:
        return streams.binomial(size=mean.shape, p=mean, dtype=graphlib.config.floatX)

    def by_machine(bv: Any, bh: Any) -> tuple:
        def gibbs(v: Any) -> Any:
            hidden = drawn(T.nnet.sigmoid(T.dot(v, W) + bh))
            return drawn(T.nnet.sigmoid(T.dot(hidden, W.T) + bv))

        chain, updates = graphlib.scan(gibbs, outputs_info=T.zeros((n_visible,)), n_steps=25)
        return chain[-1], updates

    def by_nade(bv: Any, bh: Any) -> tuple:
        def key(told: Any, weights: Any, bias: Any, before: Any) -> list:
            value = drawn(T.nnet.sigmoid(bias + T.dot(T.nnet.sigmoid(before), weights)))
            return [value, before + value * told]

        (v, _), updates = graphlib.scan(key, sequences=[W, p["V"], bv], outputs_info=[None, bh])
        return v, updates

    draw = by_nade if "V" in p else by_machine

    def step(u: Any) -> tuple:
        v, updates = draw(p["bv"] + T.dot(u, p["Wuv"]), p["bh"] + T.dot(u, p["Wuh"]))
        return [v, T.tanh(p["bu"] + T.dot(v, p["Wvu"]) + T.dot(u, p["Wuu"]))], updates

    steps = T.lscalar("steps")
    (v, _), updates = graphlib.scan(step, outputs_info=[None, p["u0"]], n_steps=steps)
    return {"generate": graphlib.function([steps], {"piece": v}, updates=updates, name="generate")}, {
        "steps": _STEPS
    }


#: each model: its name, parameters that only it has, and what builds its functions; the first that fits
_KINDS: tuple[tuple[str, set[str], Callable[[Given], Built]], ...] = (
    ("lenet", {"convolution_1.W", "convolution_2.W", "hidden.W", "output.W"}, _lenet),
    ("rbm", {"rbm.W", "rbm.hbias", "rbm.vbias"}, _rbm),
    ("rnnrbm", {"Wuh", "Wuv", "Wvu", "Wuu", "u0", "W", "bv", "bh", "bu"}, _music),
    ("rnnslu", {"embeddings", "recurrent.h0", "output.w", "output.b"}, _slots),
    ("lstm", {"embeddings", "lstm.U", "lstm.W", "output.W"}, lambda g: _lstm(g)),
    ("mlp", {"hidden.W", "hidden.b", "output.W", "output.b"}, _layers),
    ("stacked", {"layer_1.W", "layer_1.b", "output.W", "output.b"}, _layers),
    ("logistic_sgd", {"output.W", "output.b"}, _layers),
    ("autoencoder", {"autoencoder.W", "autoencoder.b", "autoencoder.b_prime"}, _autoencoder),
    ("dA", set(), lambda g: _autoencoders(g)),
)


def _lstm(g: Given) -> Built:
    """The tutorials' two models of LSTM units, which their dictionaries tell apart."""
    learnt = provenance.read(g.folder)
    return _characters(g) if "characters" in learnt.dictionaries else _sentiment(g)


def _autoencoders(g: Given) -> Built:
    if not any(name.endswith(".b_prime") for name in g.p):
        raise UserError(f"{g.model} holds {', '.join(g.p)}: it is of no program that is known here")
    return _autoencoder(g)
