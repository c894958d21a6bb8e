"""A language model of characters: LSTM units that learn to foretell the next character of a text, and then
write on by themselves.

The text is cut into as many streams as a minibatch has rows. A minibatch is the next few characters of every
stream; the layer's values go on from one minibatch to the next, while the gradient ends at the minibatch's
beginning. Gradients are clipped, the steps are AdaGrad's. The smooth loss is a running mean over about a
thousand minibatches, which begins with that of guessing blindly. Now and then the model writes a passage:
each character is drawn from its probabilities, raised to the power 1 / temperature.

After A. Karpathy, "The unreasonable effectiveness of recurrent neural networks", 2015, and his min-char-rnn;
A. Graves, "Generating sequences with recurrent neural networks", 2013.
"""

import _checkout  # noqa: F401

import argparse
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import graphlib
import graphlib.tensor as T
from graphlib.datasets import text
from graphlib.distributed import gradients, in_parts, own_rows, with_own_rows
from graphlib.nn import command_line, provenance, storage, training
from graphlib.nn.optimizers import AdaGrad
from graphlib.nn.progress import say
from graphlib.nn.provenance import Provenance
from graphlib.nn.run_folder import BEST_MODEL, load_parameters
from graphlib.nn.storage import UserError
from graphlib.nn.variables import named_parameters, set_model
from graphlib.tensor.random import RandomStreams
from lstm import LSTM

HELD_OUT = 20  # one character in so many, the last of the text, validate
SMOOTHING = 0.999  # what the smooth loss keeps of itself at every minibatch
SAMPLE_TEXT = "sample.txt"


class CharacterLSTM:
    """One layer of LSTM units on embedded characters, and a softmax for the next character.

    Args:
        rng: numpy.random.RandomState that draws the weights.
        n_characters: how many different characters there are.
        n_units: LSTM units.

    Attributes:
        embeddings: shared, (n_characters, n_units).
        W, b: shared, (n_units, n_characters) and (n_characters,): of the softmax.
        layer: the `LSTM`; its forget gates start open.
        params: all parameters.
    """

    def __init__(self, rng, n_characters: int, n_units: int):
        floatX = graphlib.config.floatX

        def uniform(rows: int, columns: int, name: str):
            bound = np.sqrt(6 / (rows + columns))
            values = rng.uniform(-bound, bound, (rows, columns)).astype(floatX)
            return graphlib.shared(values, name=name, borrow=True)

        self.n_units = n_units
        self.embeddings = uniform(n_characters, n_units, "embeddings")
        self.layer = LSTM(rng, n_units, n_units)
        b = np.zeros((4, n_units), floatX)
        b[1] = 1  # R. Jozefowicz et al., "An empirical exploration of recurrent network architectures", 2015
        self.layer.b.set_value(b.reshape(-1))
        self.W = uniform(n_units, n_characters, "W")
        self.b = graphlib.shared(np.zeros(n_characters, floatX), name="b", borrow=True)
        self.params = [self.embeddings, *self.layer.params, self.W, self.b]

    def linear(self, characters):
        """What the layer is given for `characters`, integers of any shape: (…, 4 n_units)."""
        # There are far fewer characters than places in a minibatch: one product for each is enough.
        return self.layer.linear(self.embeddings)[characters]

    def scores(self, h):
        """The characters' scores, whose softmax is their probabilities, after the units' values h."""
        return T.dot(h, self.W) + self.b

    def loss(self, x, y, h, c):
        """(the mean negative log-likelihood of the next characters, the units' last values and cells).

        Args:
            x, y: symbolic integers (time, streams): the characters, and those that follow them.
            h, c: the units' values and cells before the first, (streams, n_units).
        """
        values, cells = self.layer.run(self.linear(x), h, c)
        rows = self.scores(values).reshape((-1, self.b.shape[0]))
        p = T.nnet.softmax(rows)
        cost = -T.mean(T.log(p)[T.arange(p.shape[0]), y.flatten()])
        return cost, values[-1], cells[-1]

    def write(self, streams: RandomStreams, beginning, length, temperature):
        """(`length` characters that the model draws, one after the other, behind `beginning`; updates).

        Args:
            beginning: a symbolic vector of integers, at least one.
            temperature: a symbolic scalar above 0; below 1 the text is more predictable, above 1 less.
        """
        start = T.zeros((self.n_units,))
        values, cells = self.layer.run(self.linear(beginning), start, start)

        def step(h, c):
            p = T.nnet.softmax(self.scores(h) / temperature)[0]
            character = T.argmax(streams.multinomial(pvals=p))
            return character, *self.layer.step(self.linear(character), h, c)

        (written, *_), updates = graphlib.scan(
            step, outputs_info=[None, values[-1], cells[-1]], n_steps=length
        )
        return written, updates


def parameters_of(model: CharacterLSTM) -> dict:
    """The parameters under the names they have in best_model.npz."""
    return {
        "embeddings": model.embeddings,
        **named_parameters(lstm=model.layer),
        "output.W": model.W,
        "output.b": model.b,
    }


def as_streams(indices: np.ndarray, streams: int, length: int) -> np.ndarray:
    """A text as `streams` columns, (characters of each, streams), each going on in the next one; of their
    characters the first foretells the second and so on to the last, which makes whole minibatches of
    `length`. What is left over at the end is left out.
    """
    each = (len(indices) - 1) // streams // length * length
    starts = each * np.arange(streams)
    return indices[starts + np.arange(each + 1)[:, None]]


class Streams:
    """A text in streams, and a model's loss on the minibatch of an index; the units' values go on from one
    minibatch to the next, and begin with zero at index 0.

    Args:
        model: the language model.
        characters: their indices, as from `as_streams`.
        length: characters of a stream in a minibatch.

    Attributes:
        index: symbolic, the number of the minibatch, below `n_minibatches`.
        states: h and c, the shared values and cells of the units, (streams, n_units).
        cost: the loss on the minibatch.
        updates: those of the states.
    """

    def __init__(self, model: CharacterLSTM, characters: np.ndarray, length: int):
        floatX = graphlib.config.floatX
        zeros = np.zeros((characters.shape[1], model.n_units), floatX)
        self.states = [graphlib.shared(zeros, name=name) for name in ("h", "c")]
        self.n_minibatches = (len(characters) - 1) // length
        self.index = T.lscalar("index")
        shared = graphlib.shared(characters.astype("int32"), name="characters", borrow=True)
        first = self.index * length
        # of several processes that train together each goes through some of the streams
        x, y = (own_rows(shared[at : at + length], axis=1) for at in (first, first + 1))
        going_on = T.cast(T.neq(self.index, 0), floatX)
        self.cost, *states = model.loss(x, y, *(going_on * own_rows(each) for each in self.states))
        self.updates = [
            (each, with_own_rows(each, new)) for each, new in zip(self.states, states, strict=True)
        ]


class Writer:
    """Writes on from a beginning, with parameters that it is given: a model of its own, whose random numbers
    are no part of the training's.
    """

    def __init__(self, options: argparse.Namespace, characters: Mapping[int, str]):
        self.options, self.characters = options, characters
        self.model = CharacterLSTM(np.random.RandomState(), len(characters), options.units)
        self.streams = RandomStreams(0)
        beginning, length, temperature = T.lvector("beginning"), T.lscalar("length"), T.scalar("temperature")
        written, updates = self.model.write(self.streams, beginning, length, temperature)
        self._write = graphlib.function(
            [beginning, length, temperature], written, updates=updates, name="write"
        )

    def write(self, parameters: Mapping[str, np.ndarray], beginning: str, seed: int) -> str:
        """`beginning`, which must not be empty, and --sample-length characters of the model's own."""
        source = self.options.out / BEST_MODEL
        set_model(parameters_of(self.model), parameters, source)
        self.streams.seed(seed)
        indices = text.encode(beginning, self.characters)
        temperature = np.asarray(self.options.temperature, graphlib.config.floatX)
        written = self._write(indices.astype("int64"), self.options.sample_length, temperature)
        return beginning + text.decode(written, self.characters)

    def save(self, parameters: Mapping[str, np.ndarray], folder: Path, beginning: str) -> None:
        """Writes sample.txt by the model of these parameters, into a folder."""
        content = self.write(parameters, beginning, self.options.seed) + "\n"
        storage.write_atomically(folder / SAMPLE_TEXT, lambda file: file.write(content.encode("utf-8")))


class LanguageValidation:
    """Every so many minibatches: the smooth loss, that on the validation text, and a passage by the model.

    Args:
        every: so many minibatches.
        smooth: the shared smooth loss.
        validate: the present model's loss on the validation text, in nats a character.
        passage: a passage by the present model, which depends on the number that it is given.
    """

    panels: Mapping[str, Sequence[str]] = {
        "loss (nats a character)": ["training_loss", "smooth_loss", "validation_loss"]
    }
    keeps = BEST_MODEL
    last_iteration = math.inf

    def __init__(self, every: int, smooth: Any, validate: Callable[[], float], passage: Callable[[int], str]):
        self.every, self.smooth, self.validate, self.passage = every, smooth, validate, passage
        self.best, self.best_iteration = math.inf, 0

    def interval(self, n_minibatches: int) -> int:
        return min(self.every, n_minibatches)

    def measure(self, iteration: int, cost: float, where: str) -> tuple[dict[str, float], bool]:
        smooth, loss = float(self.smooth.get_value()), self.validate()
        say(f"{where}, smooth loss {smooth:f}, {_losses(loss)}")
        say("\n".join(f"    | {line}" for line in self.passage(iteration).split("\n")))
        is_best = loss < self.best
        if is_best:
            self.best, self.best_iteration = loss, iteration
        return {"training_loss": cost, "smooth_loss": smooth, "validation_loss": loss}, is_best

    def remember(self) -> dict[str, Any]:
        return {"best": self.best, "best_iteration": self.best_iteration}

    def restore(self, remembered: Mapping[str, Any]) -> None:
        self.best, self.best_iteration = remembered["best"], remembered["best_iteration"]

    def summary(self) -> str:
        if not self.best_iteration:
            return "There was no validation yet, and so there is no best model"
        return f"Best at iteration {self.best_iteration}: {_losses(self.best)}"


def _losses(loss: float) -> str:
    return f"validation loss {loss:f} nats a character ({loss / math.log(2):.3f} bits)"


def split(options: argparse.Namespace, indices: np.ndarray, origin: str) -> tuple[np.ndarray, np.ndarray]:
    """The text to train on and to validate on, in streams; UserError where it is too short."""
    held_out = len(indices) // HELD_OUT
    needed = options.batch_size * options.length + 1
    if held_out < needed:
        raise UserError(
            f"{origin}: {len(indices)} characters, of which the last {held_out} are to validate on, are too "
            f"few for --batch-size {options.batch_size} streams of --length {options.length}, which need "
            f"{needed} there: give a longer text, or a smaller --batch-size or --length"
        )
    parts = indices[:-held_out], indices[-held_out:]
    return tuple(as_streams(part, options.batch_size, options.length) for part in parts)


def train(options: argparse.Namespace) -> training.Outcome:
    """Trains as the options of the command line say, and writes the results to the folder `options.out`."""
    say("... loading the data")
    data = text.load(options.data)
    streams = split(options, data.indices, data.origin)
    say(
        f"{data.origin}: {len(data.indices)} characters, {len(data.characters)} different ones; "
        f"{streams[0].size} to train on, {streams[1].size} to validate"
    )

    say("... building the model")
    model = CharacterLSTM(np.random.RandomState(options.seed), len(data.characters), options.units)
    rate = command_line.learning_rate_of(options)
    optimizer = AdaGrad(rate.value, clip_value=options.clip)
    parallel = command_line.parallel_of(options)
    with in_parts(parallel.part_of_each(options.batch_size)):
        train_part, valid_part = (Streams(model, each, options.length) for each in streams)
        steps = optimizer.updates(model.params, gradients(train_part.cost, model.params))
    at_chance = np.asarray(math.log(len(data.characters)), graphlib.config.floatX)
    smooth = graphlib.shared(at_chance, name="smooth")
    train_model = graphlib.function(
        [train_part.index],
        train_part.cost,
        updates=[
            *steps,
            *train_part.updates,
            (smooth, SMOOTHING * smooth + (1 - SMOOTHING) * parallel.average(train_part.cost)),
        ],
        name="train_model",
    )
    validate_model = graphlib.function(
        [valid_part.index], valid_part.cost, updates=valid_part.updates, name="validate_model"
    )
    writer = Writer(options, data.characters)
    parameters = parameters_of(model)
    first = text.decode(data.indices[:1], data.characters)

    def validation_loss() -> float:
        return parallel.mean(np.mean([validate_model(index) for index in range(valid_part.n_minibatches)]))

    def passage(number: int) -> str:
        present = {name: value.get_value() for name, value in parameters.items()}
        return writer.write(present, first, number)

    say("... training")
    return training.train(
        train_model,
        train_part.n_minibatches,
        epochs=options.epochs,
        monitor=LanguageValidation(
            options.report_every,
            smooth,
            validation_loss,
            passage,
        ),
        model=parameters,
        state={
            **{state.name: state for state in train_part.states},
            "smooth": smooth,
            **optimizer.state,
        },
        data=Provenance(
            data.origin,
            provenance.fingerprint(data.indices, data.characters),
            {"characters": provenance.symbols(data.characters)},
        ),
        illustrate=partial(writer.save, beginning=first),
        begin_epoch=rate.begin_epoch,
        dealt=train_part.states,
        **command_line.run_of(options),
    )


def sample(options: argparse.Namespace) -> None:
    """Prints how the trained model in `options.out` writes on from the text `options.sample`."""
    arrays = load_parameters(options.out / BEST_MODEL, "embeddings", "lstm.U")
    options = command_line.options_of_run(options, "seed", "temperature", "sample_length")
    characters = provenance.read(options.out).dictionary("characters")
    beginning = options.sample or characters[0]
    print(Writer(options, characters).write(arrays, beginning, options.seed))


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the tutorial from `arguments`, or from those of the process, and returns its exit code."""
    parser = command_line.make_parser(
        __doc__,
        name="char_lstm",
        epochs=20,
        batch_size=50,
        learning_rate=0.1,
        predicts=False,
        distributes=True,
        data=("--data", "another text than Moby-Dick: a file in UTF-8, gzipped or not"),
        examples='\n  {program} --sample "Call me "       have the trained model write on from there'
        "\n  {program} --data shakespeare.txt --out output/shakespeare",
        files="best_model.npz (the parameters that were best in validation), sample.txt (a passage by them)",
    )
    parser.task.add_argument(
        "--sample",
        nargs="?",
        const="",
        metavar="TEXT",
        help="use the trained model in --out: print a text and how the model writes on from there",
    )
    model = parser.add_argument_group("the model (a minibatch's examples are streams of the text)")
    for option, default, help_text in (
        ("--units", 256, "LSTM units"),
        ("--length", 50, "characters of each stream in a minibatch"),
    ):
        model.add_argument(
            option, type=command_line.at_least(1), default=default, metavar="N", help=help_text
        )
    model.add_argument(
        "--clip",
        type=command_line.above_zero,
        default=5.0,
        metavar="X",
        help="hold each gradient between -X and X",
    )
    passages = parser.add_argument_group("passages by the model")
    passages.add_argument(
        "--report-every",
        type=command_line.at_least(1),
        default=200,
        metavar="N",
        help="minibatches from one validation and passage to the next, at most an epoch",
    )
    passages.add_argument(
        "--sample-length",
        type=command_line.at_least(1),
        default=300,
        metavar="N",
        help="characters of a passage",
    )
    passages.add_argument(
        "--temperature",
        type=command_line.above_zero,
        default=0.7,
        metavar="X",
        help="below 1 the passages are more predictable, above 1 less",
    )
    return command_line.main(parser, train, {"sample": sample}, arguments)


if __name__ == "__main__":
    sys.exit(main())
