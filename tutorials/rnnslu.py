"""A recurrent network that fills slots: it labels every word of a request such as "flights from boston to
denver" with the slot of a database query that the word belongs to.

A word is given to the network as the embeddings of the words around it, which are learnt with the rest and
kept at length 1. The network is Elman's, or one of LSTM units:

    h_t = s(Wx x_t + Wh h_{t-1} + bh),    P(label of word t) = softmax(W h_t + b)

It learns from one sentence a step. What counts is the F1 score of the slots found, as conlleval computes it.

After the chapter "Recurrent Neural Networks with Word Embeddings" of the Deep Learning Tutorials (LISA lab);
G. Mesnil, X. He, L. Deng and Y. Bengio, "Investigation of recurrent-neural-network architectures and learning
methods for spoken language understanding", 2013; J. Elman, "Finding structure in time", 1990.
"""

import _checkout  # noqa: F401

import argparse
import math
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import graphlib
import graphlib.tensor as T
from graphlib.datasets import atis
from graphlib.nn import command_line, provenance, storage, training
from graphlib.nn.chunking import ChunkScores, conlleval
from graphlib.nn.epochs import Epochs
from graphlib.nn.optimizers import SGD
from graphlib.nn.progress import say
from graphlib.nn.provenance import Provenance
from graphlib.nn.run_folder import BEST_MODEL, load_parameters
from graphlib.nn.storage import UserError
from graphlib.nn.variables import named_parameters, set_model
from lstm import LSTM

#: Whose nearest neighbours are shown, where they are in the dictionary.
SHOWN = ("boston", "monday", "morning", "delta", "cheapest", "breakfast", "flights", "round", "DIGIT", "what")
NEIGHBOURS = 6
NEIGHBOURS_TABLE, NEIGHBOURS_IMAGE = "neighbours.txt", "embeddings.png"


def uniform(rng, *shape: int, name: str):
    """A shared variable, uniform in ±0.2."""
    values = 0.2 * rng.uniform(-1.0, 1.0, shape)
    return graphlib.shared(values.astype(graphlib.config.floatX), name=name, borrow=True)


def zeros(n: int, name: str):
    """A shared vector of zeros."""
    return graphlib.shared(np.zeros(n, graphlib.config.floatX), name=name, borrow=True)


def context_windows(words: np.ndarray, size: int) -> np.ndarray:
    """The `size` (odd) words around each word of a sentence, itself in the middle: (time, size).

    Beyond the sentence's ends is −1, which stands for the last embedding.
    """
    if size < 1 or size % 2 == 0:
        raise ValueError(f"a context window of {size} words has no middle: its size must be odd")
    padded = np.pad(words, size // 2, constant_values=-1)
    return np.lib.stride_tricks.sliding_window_view(padded, size)


class ElmanLayer:
    """A layer of sigmoid units that are given their own last values as further inputs.

    Args:
        rng: numpy.random.RandomState that draws the weights.
        n_in: values of an input.
        n_out: units.

    Attributes:
        wx, wh, bh, h0: shared parameters (n_in, n_out), (n_out, n_out), (n_out,), and the values before the
            first step (n_out,).
        params: [wx, wh, bh, h0].
    """

    def __init__(self, rng, n_in: int, n_out: int):
        self.wx = uniform(rng, n_in, n_out, name="wx")
        self.wh = uniform(rng, n_out, n_out, name="wh")
        self.bh, self.h0 = zeros(n_out, "bh"), zeros(n_out, "h0")
        self.params = [self.wx, self.wh, self.bh, self.h0]

    def run(self, x):
        """The units' values after each step, (time, n_out), for inputs x (time, n_in)."""

        def step(x_t, h):
            return T.nnet.sigmoid(T.dot(x_t, self.wx) + T.dot(h, self.wh) + self.bh)

        h, _ = graphlib.scan(step, sequences=x, outputs_info=self.h0)
        return h


class LSTMLayer(LSTM):
    """A layer of LSTM units, see `LSTM`, which learns its values and cells before the first step: h0, c0."""

    def __init__(self, rng, n_in: int, n_out: int):
        super().__init__(rng, n_in, n_out)
        self.h0, self.c0 = zeros(n_out, "h0"), zeros(n_out, "c0")
        self.params = [*self.params, self.h0, self.c0]

    def run(self, x):
        """The units' values after each step, (time, n_out), for inputs x (time, n_in)."""
        h, _ = super().run(self.linear(x), self.h0, self.c0)
        return h


MODELS: dict[str, Callable[[Any, int, int], Any]] = {"elman": ElmanLayer, "lstm": LSTMLayer}


class SlotTagger:
    """Embeddings of the words of a context window, a recurrent layer, and a softmax for the label.

    Args:
        rng: numpy.random.RandomState that draws the parameters.
        layer: makes the recurrent layer of rng, its number of inputs and of units.
        n_words, n_labels: sizes of the dictionaries.
        n_embedding: values of an embedding.
        n_hidden: units of the recurrent layer.
        window: words of a context window, odd.

    Attributes:
        windows: symbolic indices of each word's context window, int64 (time, window), see `context_windows`.
        labels: the symbolic labels of the words, int32 (time,).
        embeddings, w, b: shared, (n_words + 1, n_embedding), (n_hidden, n_labels) and (n_labels,); the last
            embedding stands for what is beyond the sentence.
        layer: the recurrent layer.
        p_label, predicted: each label's probability (time, n_labels), and the most probable one (time,).
        cost: the mean negative log-likelihood of the labels.
        params: all parameters.
    """

    def __init__(
        self,
        rng,
        layer: Callable[[Any, int, int], Any],
        n_words: int,
        n_labels: int,
        n_embedding: int,
        n_hidden: int,
        window: int,
    ):
        self.windows, self.labels = T.lmatrix("windows"), T.ivector("labels")
        self.embeddings = uniform(rng, n_words + 1, n_embedding, name="embeddings")
        self.layer = layer(rng, n_embedding * window, n_hidden)
        self.w, self.b = uniform(rng, n_hidden, n_labels, name="w"), zeros(n_labels, "b")
        self.params = [self.embeddings, *self.layer.params, self.w, self.b]

        x = self.embeddings[self.windows].reshape((self.windows.shape[0], n_embedding * window))
        self.p_label = T.nnet.softmax(T.dot(self.layer.run(x), self.w) + self.b)
        self.predicted = T.argmax(self.p_label, axis=1)
        self.cost = -T.mean(T.log(self.p_label)[T.arange(self.labels.shape[0]), self.labels])

    def updates(self, learning_rate) -> list[tuple]:
        """A step of gradient descent on the cost, and embeddings of length 1 after it."""
        descent = dict(SGD(learning_rate).updates(self.params, self.cost))
        moved = descent[self.embeddings]
        descent[self.embeddings] = moved / T.sqrt(T.sum(moved**2, axis=1))[:, None]
        return list(descent.items())


def parameters_of(model: SlotTagger) -> dict:
    """The parameters under the names they have in best_model.npz."""
    return {
        "embeddings": model.embeddings,
        **named_parameters(recurrent=model.layer),
        "output.w": model.w,
        "output.b": model.b,
    }


def provenance_of(data: atis.Dataset) -> Provenance:
    """Which utterances these are, and what their indices stand for."""
    parts = (data.train, data.valid, data.test)
    return Provenance(
        data.origin,
        provenance.fingerprint(*(rows for part in parts for rows in part), data.words, data.labels),
        {"words": provenance.symbols(data.words), "labels": provenance.symbols(data.labels)},
    )


def make_model(options: argparse.Namespace, n_words: int, n_labels: int) -> SlotTagger:
    """The model that the options describe, for dictionaries of these sizes."""
    return SlotTagger(
        np.random.RandomState(options.seed),
        MODELS[options.model],
        n_words,
        n_labels,
        options.embedding,
        options.hidden,
        options.window,
    )


def tagger(model: SlotTagger, window: int) -> Callable[[Sequence[np.ndarray]], list[np.ndarray]]:
    """A compiled function that gives the indices of the most probable labels of sentences' words."""
    predict = graphlib.function([model.windows], model.predicted, name="predict")
    return lambda sentences: [predict(context_windows(words, window)) for words in sentences]


def scores(
    part: atis.Utterances, names: Mapping[int, str], tag: Callable[[Sequence], Sequence]
) -> ChunkScores:
    """Precision, recall and F1 of the slots that `tag` finds in the utterances; see `tagger`."""
    truth, predicted = (
        [[names[int(label)] for label in row] for row in rows] for rows in (part.labels, tag(part.words))
    )
    return conlleval(truth, predicted)


class SlotValidation:
    """Scores the slots found in the validation set after every epoch, and in the test set when they are the
    best so far; halves the learning rate after `patience` epochs without better ones, and stops when it
    falls below `lowest_rate`.

    Args:
        validate, test: the present model's scores.
        learning_rate: the shared variable.
    """

    panels: Mapping[str, Sequence[str]] = {
        "training cost": ["training_cost"],
        "validation (%)": ["precision_percent", "recall_percent", "f1_percent"],
        "F1 of the best (%)": ["best_f1_percent", "test_f1_percent"],
    }
    keeps = BEST_MODEL
    lowest_rate = 1e-5

    def __init__(
        self,
        validate: Callable[[], ChunkScores],
        test: Callable[[], ChunkScores],
        learning_rate: Any,
        patience: int,
    ):
        self.validate, self.test, self.learning_rate, self.patience = validate, test, learning_rate, patience
        self.best = self.best_test = ChunkScores(0.0, 0.0, 0.0)
        self.best_iteration = self.failures = 0
        self.last_iteration = math.inf

    def interval(self, n_minibatches: int) -> int:
        return n_minibatches

    def measure(self, iteration: int, cost: float, where: str) -> tuple[dict[str, float], bool]:
        found = self.validate()
        say(f"{where}, cost {cost:f}, validation {_in_words(found)}")
        measured = {
            "training_cost": cost,
            **{f"{name}_percent": 100 * value for name, value in found._asdict().items()},
        }
        # The first model is the best so far, even if it finds nothing.
        is_best = found.f1 > self.best.f1 or self.best_iteration == 0
        if is_best:
            self.best, self.best_test = found, self.test()
            self.best_iteration, self.failures = iteration, 0
            say(f"     test of the best so far: {_in_words(self.best_test)}")
            measured |= {"best_f1_percent": 100 * found.f1, "test_f1_percent": 100 * self.best_test.f1}
        else:
            self.failures += 1
            if self.failures % self.patience == 0:
                self._halve(iteration)
        return measured, is_best

    def _halve(self, iteration: int) -> None:
        rate = self.learning_rate.get_value() / 2
        self.learning_rate.set_value(rate.astype(graphlib.config.floatX))
        say(f"     no better for {self.failures} epochs: the learning rate is now {float(rate):g}")
        if rate < self.lowest_rate:
            self.last_iteration = iteration

    def remember(self) -> dict[str, Any]:
        names = ("best", "best_test", "best_iteration", "failures", "last_iteration")
        return {name: getattr(self, name) for name in names}

    def restore(self, remembered: Mapping[str, Any]) -> None:
        self.best, self.best_test = (ChunkScores(*remembered[name]) for name in ("best", "best_test"))
        self.best_iteration, self.failures = remembered["best_iteration"], remembered["failures"]
        self.last_iteration = remembered["last_iteration"]

    def summary(self) -> str:
        if not self.best_iteration:
            return "There was no validation yet, and so there is no best model"
        return (
            f"Best at iteration {self.best_iteration}: validation {_in_words(self.best)}; "
            f"test {_in_words(self.best_test)}"
        )


def _in_words(found: ChunkScores) -> str:
    return ", ".join(
        f"{name} {100 * value:.2f} %"
        for name, value in zip(("precision", "recall", "F1"), found, strict=True)
    )


def nearest_neighbours(
    embeddings: np.ndarray, words: Mapping[int, str], shown: Sequence[str], count: int
) -> dict[str, list[str]]:
    """The `count` words whose embeddings are nearest to that of each word of `shown`, the nearest first.

    Args:
        embeddings: of length 1, a row a word, (at least as many rows as there are words, values).
        words: the words of the rows.
    """
    index = {word: position for position, word in words.items()}
    rows = embeddings[: len(words)]
    found = {}
    for word in shown:
        nearness = rows @ rows[index[word]]
        nearness[index[word]] = -np.inf
        nearest = np.argsort(-nearness, kind="stable")[: min(count, len(words) - 1)]
        found[word] = [words[int(each)] for each in nearest]
    return found


def _keep_apart(labels: Sequence[Any], points: np.ndarray, panel: Any, pixels: float) -> None:
    """Moves each label in turn to a place beside its point where it covers no point and none of the labels
    before it, the nearest there is, or where it covers fewest.

    Args:
        labels: matplotlib's annotations, whose offsets are in points of 1/72 inch.
        points: where the labelled points are, in pixels.
        panel: the box that the labels should not leave, in pixels.
        pixels: as many as a point has.
    """
    from matplotlib.transforms import Bbox

    sides = [(1, 1), (-1, 1), (1, -1), (-1, -1), (0, 1), (0, -1), (1, 0), (-1, 0)]
    placed: list[Bbox] = []
    for label, (x, y) in zip(labels, points, strict=True):
        extent = label.get_window_extent()
        candidates = []
        for distance in (3, 8, 14, 20, 26, 32):
            for right, up in sides:
                # From the point to the label's lower left corner.
                across = right * distance * pixels - (1 - right) / 2 * extent.width
                above = up * distance * pixels - (1 - up) / 2 * extent.height
                box = Bbox.from_bounds(x + across, y + above, extent.width, extent.height)
                outside = not (panel.contains(*box.min) and panel.contains(*box.max))
                covered = box.count_overlaps(placed) + box.count_contains(points)
                candidates.append(
                    (outside + covered, len(candidates), (across / pixels, above / pixels), box)
                )
        _, _, offset, box = min(candidates)
        label.set_position(offset)
        placed.append(box)


def draw_embeddings(
    path: Path, embeddings: np.ndarray, words: Mapping[int, str], neighbours: Mapping[str, Sequence[str]]
) -> None:
    """Writes a PNG of words with their neighbours, placed by the two principal components of their
    embeddings; a word and its neighbours are of one colour.
    """
    # Takes longer to load than a short run to train, so not before there is something to draw.
    from matplotlib import colormaps
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    index = {word: position for position, word in words.items()}
    colours = {}
    for number, (word, nearest) in enumerate(neighbours.items()):
        for each in (word, *nearest):
            colours.setdefault(each, colormaps["tab10"](number % 10))
    points = embeddings[[index[word] for word in colours]].astype("float64")
    points -= points.mean(axis=0)
    _, _, axes = np.linalg.svd(points, full_matrices=False)
    places = points @ axes[:2].T

    figure = Figure(figsize=(10, 7.5), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    panel = figure.add_subplot(
        title="Some words (bold), each with those of the nearest embeddings in its colour",
        xlabel="first principal component of the embeddings",
        ylabel="second principal component",
    )
    panel.scatter(places[:, 0], places[:, 1], s=16, c=list(colours.values()))
    panel.grid(alpha=0.3)
    panel.margins(0.08)
    # Only now it is settled where the points come to lie in the picture.
    figure.draw_without_rendering()
    labels = [
        panel.annotate(
            word, place, (0, 0), textcoords="offset points", color=colour, fontsize=8,
            fontweight="bold" if word in neighbours else "normal", in_layout=False,
        )
        for (word, colour), place in zip(colours.items(), places, strict=True)
    ]  # fmt: skip
    _keep_apart(labels, panel.transData.transform(places), panel.bbox, figure.dpi / 72)
    storage.write_atomically(path, lambda file: canvas.print_png(file))


class Neighbours:
    """Shows the nearest neighbours of some words: those of `SHOWN` that there are, and frequent ones."""

    def __init__(self, data: atis.Dataset):
        self.words = data.words
        frequent = Counter(int(word) for sentence in data.train.words for word in sentence).most_common()
        known = set(data.words.values())
        candidates = [word for word in SHOWN if word in known]
        candidates += [data.words[index] for index, _ in frequent if data.words[index] not in candidates]
        self.shown = candidates[: len(SHOWN)]

    def table(self, embeddings: np.ndarray) -> str:
        """A line a word, with its neighbours."""
        neighbours = nearest_neighbours(embeddings, self.words, self.shown, NEIGHBOURS)
        width = max(map(len, neighbours))
        return "\n".join(f"{word:>{width}}: {', '.join(nearest)}" for word, nearest in neighbours.items())

    def draw(self, parameters: Mapping[str, np.ndarray], folder: Path) -> None:
        """Writes the table and a picture of the embeddings among these parameters, into a folder."""
        embeddings = parameters["embeddings"]
        text = self.table(embeddings) + "\n"
        storage.write_atomically(folder / NEIGHBOURS_TABLE, lambda file: file.write(text.encode()))
        neighbours = nearest_neighbours(embeddings, self.words, self.shown, NEIGHBOURS)
        draw_embeddings(folder / NEIGHBOURS_IMAGE, embeddings, self.words, neighbours)


def load_data(options: argparse.Namespace) -> atis.Dataset:
    """The utterances that the options name, downloaded before if they say so."""
    if options.fetch:
        if options.data is None:
            raise UserError("--fetch: say with --data which folder the files are to be kept in")
        atis.fetch(options.data)
    return atis.load(options.data)


def train(options: argparse.Namespace) -> training.Outcome:
    """Trains as the options of the command line say, and writes the results to the folder `options.out`."""
    say("... loading the data")
    data = load_data(options)
    say(
        f"{data.origin}: {len(data.train.words)} sentences to train on, {len(data.valid.words)} to validate, "
        f"{len(data.test.words)} to test; {len(data.words)} words, {len(data.labels)} labels"
    )

    say("... building the model")
    model = make_model(options, len(data.words), len(data.labels))
    rate = np.asarray(options.learning_rate, graphlib.config.floatX)
    learning_rate = graphlib.shared(rate, name="learning_rate")
    train_model = graphlib.function(
        [model.windows, model.labels], model.cost, updates=model.updates(learning_rate), name="train_model"
    )
    windows = [context_windows(words, options.window) for words in data.train.words]
    epochs = Epochs(lambda rng: rng.permutation(len(windows)), options.seed)
    tag = tagger(model, options.window)
    neighbours = Neighbours(data)

    def step(index: int):
        sentence = epochs[index]
        return train_model(windows[sentence], data.train.labels[sentence])

    say("... training")
    outcome = training.train(
        step,
        len(windows),
        epochs=options.epochs,
        monitor=SlotValidation(
            partial(scores, data.valid, data.labels, tag),
            partial(scores, data.test, data.labels, tag),
            learning_rate,
            options.patience,
        ),
        model=parameters_of(model),
        state={"epoch": epochs, "learning_rate": learning_rate},
        data=provenance_of(data),
        illustrate=neighbours.draw,
        **command_line.run_of(options),
    )
    if (options.out / NEIGHBOURS_TABLE).exists():
        say("Nearest neighbours of some words:")
        say((options.out / NEIGHBOURS_TABLE).read_text("utf-8").removesuffix("\n"))
    return outcome


def predict(options: argparse.Namespace) -> None:
    """Prints the slots that the model in `options.out` finds in the words `options.predict`, or in the test
    set.
    """
    path = options.out / BEST_MODEL
    arrays = load_parameters(path, "embeddings", "output.w")
    options = command_line.options_of_run(options)
    learnt = provenance.read(options.out)
    dictionary, labels = learnt.dictionary("words"), learnt.dictionary("labels")
    model = make_model(options, len(dictionary), len(labels))
    set_model(parameters_of(model), arrays, path)
    tag = tagger(model, options.window)
    if options.predict:
        sentence = " ".join(options.predict).split()
        if not sentence:
            raise UserError("--predict: the sentence has no words")
        known = atis.encode(sentence, dictionary)
        width = max(map(len, sentence))
        for word, index, label in zip(sentence, known, tag([known])[0], strict=True):
            remark = "   (unknown word)" if dictionary[int(index)] == atis.UNKNOWN else ""
            print(f"{word:<{width}}  {labels[int(label)]}{remark}")
        return
    data = load_data(options)
    learnt.check(provenance_of(data), "--predict without words")
    found = scores(data.test, data.labels, tag)
    print(f"{len(data.test.words)} test sentences: {_in_words(found)} ({data.origin})")
    predicted = tag(data.test.words)
    wrong = [
        number
        for number, (row, truth) in enumerate(zip(predicted, data.test.labels, strict=True))
        if not np.array_equal(row, truth)
    ]
    print(f"{len(wrong)} of them have a wrong label; the first, as word/predicted, and the right one:")
    for number in wrong[:5]:
        described = []
        for word, label, truth in zip(
            data.test.words[number], predicted[number], data.test.labels[number], strict=True
        ):
            right = "" if label == truth else f" ({data.labels[int(truth)]})"
            described.append(f"{data.words[int(word)]}/{data.labels[int(label)]}{right}")
        print(f"    {' '.join(described)}")


def odd(text: str) -> int:
    """A type of option: an odd whole number above 0."""
    value = command_line.at_least(1)(text)
    if value % 2 == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is even: a window has its word in the middle")
    return value


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the tutorial from `arguments`, or from those of the process, and returns its exit code."""
    parser = command_line.make_parser(
        __doc__,
        name="rnnslu",
        epochs=50,
        batch_size=None,
        learning_rate=0.0627142536696559,
        decays=False,  # it is halved where the validation no longer improves
        seed_of_chapter=345,
        predicts=False,
        data=(
            "--data",
            "ATIS, in place of synthetic sentences: a folder of its six files, or atis.pkl or one of "
            "atis.fold0.pkl to atis.fold4.pkl of the chapter (nothing in them is executed)",
        ),
        examples="\n  {program} --data ATIS --fetch    download ATIS into the folder ATIS, and train on it"
        "\n  {program} --predict show flights from boston to denver on monday",
        files=f"best_model.npz (the parameters that were best in validation), {NEIGHBOURS_TABLE} and "
        f"{NEIGHBOURS_IMAGE} (words, and those with the nearest embeddings)",
    )
    parser.task.add_argument(
        "--predict",
        nargs="*",
        metavar="WORD",
        help="use the trained model in --out: label the words of a sentence; without one, go through the "
        "test sentences",
    )
    parser.where.add_argument(
        "--fetch", action="store_true", help="first download ATIS into the folder that --data names"
    )
    parser.manner.add_argument(
        "--patience",
        type=command_line.at_least(1),
        default=10,
        metavar="N",
        help="halve the learning rate after N epochs without a better validation",
    )
    model = parser.add_argument_group("the model")
    model.add_argument("--model", choices=MODELS, default="elman", help="the recurrent layer")
    for option, default, text in (
        ("--hidden", 100, "units of the recurrent layer"),
        ("--embedding", 100, "values of a word's embedding"),
    ):
        model.add_argument(option, type=command_line.at_least(1), default=default, metavar="N", help=text)
    model.add_argument("--window", type=odd, default=7, metavar="N", help="words of a context window")
    return command_line.main(parser, train, {"predict": predict}, arguments)


if __name__ == "__main__":
    sys.exit(main())
