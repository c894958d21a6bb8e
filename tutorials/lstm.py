"""A recurrent network of LSTM units that tells whether a review is positive or negative.

The words of a review, one after the other, drive a layer of LSTM units; the mean of its values over all words
goes into a logistic regression:

    i, f, o = s(W x + U h + b),    c' = f c + i tanh(W x + U h + b),    h' = o tanh(c')

Reviews of about the same length are put together in a minibatch; what fills up the shorter ones is masked.
Half of the means, chosen at random, are dropped while it trains, and half of the values of the embeddings.
The steps are AdaGrad's, which are long for the embeddings of words that seldom occur.

After the chapter "LSTM Networks for Sentiment Analysis" of the Deep Learning Tutorials (LISA lab), whose
settings are `--preset chapter`: AdaDelta's steps, and whole embeddings;
S. Hochreiter and J. Schmidhuber, "Long short-term memory", 1997; F. Gers, J. Schmidhuber and F. Cummins,
"Learning to forget", 2000.
"""

import _checkout  # noqa: F401

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

import graphlib
import graphlib.tensor as T
from graphlib.datasets import reviews
from graphlib.datasets.sequences import bucketed_minibatches, pad
from graphlib.distributed import draw, gradients, in_parts
from graphlib.nn import command_line, provenance, training
from graphlib.nn.epochs import Epochs
from graphlib.nn.monitors import EarlyStopping
from graphlib.nn.optimizers import SGD, AdaDelta, AdaGrad, Optimizer, RMSprop
from graphlib.nn.progress import say
from graphlib.nn.provenance import Provenance
from graphlib.nn.run_folder import BEST_MODEL, load_parameters
from graphlib.nn.stage_monitors import Validation
from graphlib.nn.storage import UserError
from graphlib.nn.variables import named_parameters, random_states, set_model
from graphlib.tensor.random import RandomStreams

AT_ONCE = 64  # reviews evaluated together, as in the chapter
DOWNLOADS = ("imdb.npz", "aclImdb_v1.tar.gz")  # what --fetch fetches

#: The settings of the chapter.
PRESETS = {
    "chapter": {
        "optimizer": "adadelta",
        "learning_rate": 0.0001,
        "embedding_dropout": 0.0,
        "validate_every": 370,
        "patience": 10,
    }
}


def orthogonal(rng, rows: int, columns: int) -> np.ndarray:
    """A random matrix whose rows or columns, whichever are fewer, are orthonormal."""
    left, _, right = np.linalg.svd(rng.randn(rows, columns), full_matrices=False)
    return left if left.shape == (rows, columns) else right


class LSTM:
    """A layer of LSTM units. The products of its four gates are made as one.

    Args:
        rng: numpy.random.RandomState that draws the weights.
        n_in: values of an input.
        n_out: units.

    Attributes:
        W, U, b: shared parameters (n_in, 4 n_out), (n_out, 4 n_out) and (4 n_out,), the columns of the input
            gate, the forget gate, the output gate and the cell's input, in this order.
        params: [W, U, b].
    """

    def __init__(self, rng, n_in: int, n_out: int):
        def four(rows: int) -> np.ndarray:
            blocks = [orthogonal(rng, rows, n_out) for _ in range(4)]
            return np.concatenate(blocks, axis=1).astype(graphlib.config.floatX)

        self.n_out = n_out
        self.W = graphlib.shared(four(n_in), name="W", borrow=True)
        self.U = graphlib.shared(four(n_out), name="U", borrow=True)
        self.b = graphlib.shared(np.zeros(4 * n_out, graphlib.config.floatX), name="b", borrow=True)
        self.params = [self.W, self.U, self.b]

    def step(self, linear, h, c):
        """(h', c') of a step, (…, n_out) each, where `linear` (…, 4 n_out) is x W + b of its input x."""
        gates = linear + T.dot(h, self.U)
        i, f, o, new = (gates[..., k * self.n_out : (k + 1) * self.n_out] for k in range(4))
        c = T.nnet.sigmoid(f) * c + T.nnet.sigmoid(i) * T.tanh(new)
        return T.nnet.sigmoid(o) * T.tanh(c), c

    def linear(self, x):
        """x W + b of the inputs x, (time, …, n_in)."""
        return T.dot(x, self.W) + self.b

    def run(self, linear, h, c, mask=None):
        """The layer's values and cells after each step, (time, …, n_out) each.

        Args:
            linear: x W + b of the inputs x of every step, (time, …, 4 n_out).
            h, c: the values and cells before the first step, (…, n_out).
            mask: floatX (time, …): where it is 0 the layer stays as it was; None for 1 everywhere.
        """

        def step(linear, *rest):
            *masked, h, c = rest
            new_h, new_c = self.step(linear, h, c)
            if not masked:
                return new_h, new_c
            m = T.shape_padright(masked[0])
            return m * new_h + (1 - m) * h, m * new_c + (1 - m) * c

        sequences = [linear] + ([] if mask is None else [mask])
        (values, cells), _ = graphlib.scan(step, sequences=sequences, outputs_info=[h, c])
        return values, cells


class SentimentLSTM:
    """Embeddings of words, a layer of LSTM units, the mean over time, and a logistic regression.

    Args:
        rng: numpy.random.RandomState that draws the weights.
        n_words: size of the dictionary.
        n_units: LSTM units, and values of an embedding.
        dropout: drop values at random while it trains (N. Srivastava et al., "Dropout", 2014): half of the
            means, and of those that go into the layer the share `embedding_dropout`. After training, or
            without `dropout`, all are multiplied by the share that would be kept.
        embedding_dropout: 0 or more, below 1.

    Attributes:
        words: symbolic indices, int64 (time, n).
        mask: symbolic, floatX (time, n), 0 where there is no word.
        y: the symbolic classes, int32 (n,).
        embeddings, W, b: shared, (n_words, n_units), (n_units, 2) and (2,); the last two of the regression.
        layer: the `LSTM`.
        cost: the mean negative log-likelihood of `y`, in training.
        p_y_given_x, y_pred: the probabilities (n, 2) and the more probable class (n,), after training.
        streams: RandomStreams of the dropout.
        params: all parameters.
    """

    def __init__(self, rng, n_words: int, n_units: int, dropout: bool = True, embedding_dropout: float = 0.0):
        floatX = graphlib.config.floatX
        self.words, self.mask, self.y = T.lmatrix("words"), T.matrix("mask"), T.ivector("y")
        self.streams = RandomStreams(rng.randint(2**30))
        self.embeddings = graphlib.shared(
            (0.01 * rng.rand(n_words, n_units)).astype(floatX), name="embeddings", borrow=True
        )
        self.layer = LSTM(rng, n_units, n_units)
        self.W = graphlib.shared((0.01 * rng.randn(n_units, 2)).astype(floatX), name="W", borrow=True)
        self.b = graphlib.shared(np.zeros(2, floatX), name="b", borrow=True)
        self.params = [self.embeddings, *self.layer.params, self.W, self.b]

        self.p_y_given_x = self._probabilities(embedding_dropout, dropped=False)
        p = self._probabilities(embedding_dropout, dropped=True) if dropout else self.p_y_given_x
        self.cost = -T.mean(T.log(p)[T.arange(self.y.shape[0]), self.y])
        self.y_pred = T.argmax(self.p_y_given_x, axis=1)

    def _probabilities(self, embedding_dropout: float, dropped: bool):
        x = self._drop(self.embeddings[self.words], embedding_dropout, dropped)
        start = T.zeros((self.words.shape[1], self.layer.n_out))
        h, _ = self.layer.run(self.layer.linear(x), start, start, self.mask)
        mean = T.sum(h * self.mask[:, :, None], axis=0) / T.sum(self.mask, axis=0)[:, None]
        return T.nnet.softmax(T.dot(self._drop(mean, 0.5, dropped), self.W) + self.b)

    def _drop(self, x, share: float, dropped: bool):
        """`x` without a random `share` of its values, or all of it multiplied by what is kept on average."""
        if share == 0:
            return x
        if not dropped:
            return (1 - share) * x
        # of a part of a minibatch, the numbers of its reviews: the axis before the last goes over them
        return x * draw(
            lambda size: self.streams.binomial(size=size, n=1, p=1 - share, dtype=x.dtype),
            [x.shape[axis] for axis in range(x.ndim)],
            axis=x.ndim - 2,
        )


def parameters_of(model: SentimentLSTM) -> dict:
    """The parameters under the names they have in best_model.npz."""
    return {
        "embeddings": model.embeddings,
        **named_parameters(lstm=model.layer),
        "output.W": model.W,
        "output.b": model.b,
    }


#: Of each choice of --optimizer: it, with --learning-rate.
OPTIMIZERS: dict[str, Callable[[float], Optimizer]] = {
    "adagrad": AdaGrad,
    "adadelta": lambda _: AdaDelta(),
    "rmsprop": lambda rate: RMSprop(rate, decay=0.95, momentum=0.9, centered=True, epsilon=1e-4),
    "sgd": SGD,
}


def as_minibatch(part: reviews.Reviews, which: Sequence[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(words, mask, classes) of the reviews at the positions `which`; see `SentimentLSTM`."""
    words, mask = pad([part.x[each] for each in which], graphlib.config.floatX)
    return words, mask, part.y[which]


def at_most(part: reviews.Reviews, length: int) -> reviews.Reviews:
    """The reviews that are no longer than `length` words."""
    which = [position for position, review in enumerate(part.x) if len(review) <= length]
    return reviews.Reviews([part.x[each] for each in which], part.y[which])


def classify(model: SentimentLSTM) -> Callable[[reviews.Reviews], np.ndarray]:
    """A compiled function that gives the probability that each review is positive, (reviews,)."""
    evaluate = graphlib.function([model.words, model.mask], model.p_y_given_x, name="classify")

    def probabilities(part: reviews.Reviews) -> np.ndarray:
        positive = np.empty(len(part.x))
        by_length = np.argsort([len(review) for review in part.x], kind="stable")
        for first in range(0, len(by_length), AT_ONCE):
            which = by_length[first : first + AT_ONCE]
            positive[which] = evaluate(*as_minibatch(part, which)[:2])[:, 1]
        return positive

    return probabilities


def load_data(options: argparse.Namespace) -> reviews.Dataset:
    """The reviews that the options name, downloaded before if they say so."""
    if options.fetch:
        if options.data is None:
            raise UserError("--fetch: say with --data where imdb.npz is to be kept, such as --data imdb.npz")
        path = Path(options.data)
        if path.name not in DOWNLOADS:
            raise UserError(f"--fetch: {path.name} is neither {' nor '.join(DOWNLOADS)}")
        reviews.fetch(path.name, path.parent)
    return reviews.load(options.data, options.words)


def provenance_of(data: reviews.Dataset) -> Provenance:
    """Which reviews these are, and what their indices stand for."""
    parts = (data.train, data.valid, data.test)
    return Provenance(
        data.origin,
        provenance.fingerprint(*(array for part in parts for array in part), data.words),
        {"words": provenance.symbols(data.words)},
    )


def make_model(rng, n_words: int, options: argparse.Namespace) -> SentimentLSTM:
    """The model that the options name, for a dictionary of `n_words`."""
    return SentimentLSTM(rng, n_words, options.units, not options.no_dropout, options.embedding_dropout)


def train(options: argparse.Namespace) -> training.Outcome:
    """Trains as the options of the command line say, and writes the results to the folder `options.out`."""
    if options.embedding_dropout == 1:
        raise UserError("--embedding-dropout 1 leaves nothing of any word: give less, such as 0.5")
    parallel = command_line.parallel_of(options)
    say("... loading the data")
    data = load_data(options)
    train_set = at_most(data.train, options.longest)
    say(
        f"{data.origin}: {len(train_set.x)} reviews to train on (of {len(data.train.x)}, those of at most "
        f"{options.longest} words), {len(data.valid.x)} to validate, {len(data.test.x)} to test"
    )
    if len(train_set.x) < options.batch_size:
        raise UserError(
            f"--batch-size {options.batch_size} is more than the {len(train_set.x)} reviews of at most "
            f"{options.longest} words (--longest)"
        )

    say("... building the model")
    part = parallel.symbolic_part()
    rate = command_line.learning_rate_of(options)
    optimizer = OPTIMIZERS[options.optimizer](rate.value)
    with in_parts(part):
        model = make_model(np.random.RandomState(options.seed), len(data.words), options)
        cost, bounds = (model.cost, []) if part is None else (part.weigh(model.cost, None), part.inputs)
        updates = optimizer.updates(model.params, gradients(cost, model.params))
    train_model = graphlib.function(
        [model.words, model.mask, model.y, *bounds], cost, updates=updates, name="train_model"
    )
    evaluate = classify(model)

    def error(part: reviews.Reviews) -> float:
        own = parallel.part(len(part.x))
        wrong = np.sum((evaluate(reviews.Reviews(part.x[own], part.y[own])) > 0.5) != part.y[own])
        return parallel.fraction(wrong, len(part.x))

    lengths = [len(review) for review in train_set.x]
    epochs = Epochs(partial(bucketed_minibatches, lengths, options.batch_size), options.seed)

    def step(index: int) -> np.ndarray:
        words, mask, y = as_minibatch(train_set, epochs[index])
        own = parallel.part(len(y))
        return train_model(words[:, own], mask[:, own], y[own], *parallel.bounds(len(y)))

    say("... training")
    return training.train(
        step,
        len(epochs),
        epochs=options.epochs,
        monitor=Validation(
            EarlyStopping(options.patience),
            partial(error, data.valid),
            partial(error, data.test),
            every=options.validate_every,
        ),
        model=parameters_of(model),
        state={
            "epoch": epochs,
            **random_states(dropout=model.streams),
            **optimizer.state,
        },
        data=provenance_of(data),
        begin_epoch=rate.begin_epoch,
        **command_line.run_of(options),
    )


def predict(options: argparse.Namespace) -> None:
    """Prints what the model in `options.out` says of the texts `options.predict`, or of the test reviews."""
    arrays = load_parameters(options.out / BEST_MODEL, "embeddings", "lstm.U")
    options = command_line.options_of_run(options)
    learnt = provenance.read(options.out)
    dictionary = learnt.dictionary("words")
    model = make_model(np.random.RandomState(), len(dictionary), options)
    set_model(parameters_of(model), arrays, options.out / BEST_MODEL)
    evaluate = classify(model)
    if options.predict:
        texts = [reviews.tokenise(text) for text in options.predict]
        for text, words in zip(options.predict, texts, strict=True):
            if not words:
                raise UserError(f"--predict: {text!r} has no words")
        indices = [reviews.encode(words, dictionary) for words in texts]
        positive = evaluate(reviews.Reviews(indices, np.zeros(len(texts), np.int32)))
        for text, words, found, probability in zip(options.predict, texts, indices, positive, strict=True):
            unknown = [word for word, index in zip(words, found, strict=True) if index == reviews.UNKNOWN]
            remark = f"   (unknown: {', '.join(unknown)})" if unknown else ""
            verdict, sure = ("positive", probability) if probability > 0.5 else ("negative", 1 - probability)
            print(f"{verdict} ({100 * sure:.1f} %): {text}{remark}")
        return
    data = load_data(options)
    learnt.check(provenance_of(data), "--predict without a text")
    positive = evaluate(data.test)
    wrong = np.flatnonzero((positive > 0.5) != data.test.y)
    print(
        f"Wrong: {len(wrong)} of {len(data.test.x)} test reviews ({100 * len(wrong) / len(data.test.x):.2f} "
        f"%) of {data.origin}; the first of them, with the probability that they are positive:"
    )
    for each in wrong[:5]:
        text = " ".join(data.words[int(word)] for word in data.test.x[each][:40])
        print(f"    {100 * positive[each]:5.1f} %  {text}")


def make_parser() -> command_line.Parser:
    """The parser of this tutorial's command line."""
    parser = command_line.make_parser(
        __doc__,
        name="lstm",
        epochs=100,
        batch_size=16,
        learning_rate=0.05,
        seed_of_chapter=123,
        predicts=False,
        distributes=True,
        data=(
            "--data",
            "other reviews than the sentences that come with the tutorials: the folder aclImdb of the Large "
            "Movie Review Dataset or its archive, or Keras's imdb.npz",
        ),
        examples="\n  {program} --preset chapter      train with the settings of the chapter"
        "\n  {program} --predict             try the trained model on the test reviews"
        '\n  {program} --predict "What a waste of time!"\n'
        "  {program} --data imdb.npz --fetch",
        files="best_model.npz (the parameters that were best in validation)",
    )
    parser.task.add_argument(
        "--predict",
        nargs="*",
        metavar="TEXT",
        help="use the trained model in --out: say of each text whether it is positive; without a text, go "
        "through the test reviews",
    )
    parser.where.add_argument(
        "--fetch",
        action="store_true",
        help="first download the file that --data names: imdb.npz or aclImdb_v1.tar.gz",
    )
    model = parser.add_argument_group("the model")
    for option, default, text in (
        ("--units", 128, "LSTM units, and values of a word's embedding"),
        ("--words", 10_000, "size of the dictionary"),
        ("--longest", 100, "words of a review; longer ones are not trained on"),
    ):
        model.add_argument(
            option,
            type=command_line.at_least(3 if option == "--words" else 1),
            default=default,
            metavar="N",
            help=text,
        )
    model.add_argument(
        "--embedding-dropout",
        type=command_line.fraction,
        default=0.5,
        metavar="X",
        help="the share of the embeddings' values that is dropped while it trains",
    )
    model.add_argument(
        "--no-dropout", action="store_true", help="drop nothing while it trains, of the means neither"
    )
    model.add_argument(
        "--optimizer",
        choices=OPTIMIZERS,
        default="adagrad",
        help="rule of the steps; each needs another --learning-rate, AdaDelta's none",
    )
    stopping = parser.add_argument_group("when to stop")
    stopping.add_argument(
        "--validate-every",
        type=command_line.at_least(1),
        default=132,
        metavar="N",
        help="minibatches between validations",
    )
    stopping.add_argument(
        "--patience",
        type=command_line.at_least(0),
        default=12,
        metavar="N",
        help="stop when more than N validations in a row were no better than the best",
    )
    parser.add_presets(PRESETS)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the tutorial from `arguments`, or from those of the process, and returns its exit code."""
    return command_line.main(make_parser(), train, {"predict": predict}, arguments)


if __name__ == "__main__":
    sys.exit(main())
