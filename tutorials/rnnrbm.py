"""A model of polyphonic music that learns from pieces and makes up others: the RNN-RBM.

Which keys of a piano sound at a step of time is the business of a restricted Boltzmann machine, whose biases
a recurrent network sets by what it has heard so far:

    bv_t = bv + Wuv u_{t-1},    bh_t = bh + Wuh u_{t-1},    u_t = tanh(bu + Wuu u_{t-1} + Wvu v_t)

The Boltzmann machines of all steps learn by contrastive divergence, and the gradient of their biases goes
back through the recurrent network. What is reported is the log-likelihood of each step given one of the
model's own reconstructions of it, in nats: the closer to 0, the better.

After the chapter "Modeling and generating sequences of polyphonic music with the RNN-RBM" of the Deep
Learning Tutorials (LISA lab); N. Boulanger-Lewandowski, Y. Bengio and P. Vincent, "Modeling temporal
dependencies in high-dimensional sequences: application to polyphonic music generation and transcription",
2012.
"""

import _checkout  # noqa: F401

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import graphlib
import graphlib.tensor as T
from graphlib.datasets import music
from graphlib.distributed import Part, bernoulli, gradients, in_parts, own_rows
from graphlib.nn import command_line, provenance, training
from graphlib.nn.epochs import Epochs
from graphlib.nn.layers.base import Parameter
from graphlib.nn.learning_rate import LearningRate
from graphlib.nn.monitors import EarlyStopping
from graphlib.nn.optimizers import SGD, Optimizer
from graphlib.nn.progress import say
from graphlib.nn.provenance import Provenance
from graphlib.nn.run_folder import LATEST_MODEL, load_parameters
from graphlib.nn.schedules import PiecewiseLinear
from graphlib.nn.stage_monitors import EveryEpoch, StageMonitor
from graphlib.nn.storage import UserError
from graphlib.nn.variables import random_states, set_model
from graphlib.tensor.random import RandomStreams
from nade import NADE

N_KEYS = music.KEYS[1] - music.KEYS[0]
SAMPLES = 2
SAMPLED_STEPS = 200  # one minute
GIBBS_STEPS, GIBBS_STEPS_OF_SAMPLES = 15, 25
SAMPLES_IMAGE = "samples.png"


def normal(rng, rows: int, columns: int, scale: float, name: str):
    """A shared matrix of normal numbers with the standard deviation `scale`."""
    values = rng.normal(0, scale, (rows, columns))
    return graphlib.shared(values.astype(graphlib.config.floatX), name=name, borrow=True)


def zeros(n: int, name: str):
    """A shared vector of zeros."""
    return graphlib.shared(np.zeros(n, graphlib.config.floatX), name=name, borrow=True)


class RNNRBM:
    """A sequence of restricted Boltzmann machines whose biases a recurrent network sets.

    Args:
        rng: numpy.random.RandomState that draws the weights and seeds the streams.
        n_visible: visible units of the Boltzmann machine, the keys.
        n_hidden: its hidden units.
        n_recurrent: units of the recurrent network.

    Attributes:
        v: a symbolic piece, floatX (time, n_visible) of 0 and 1.
        W, bv, bh: shared (n_visible, n_hidden), (n_visible,), (n_hidden,): of the Boltzmann machine.
        Wuh, Wuv: shared (n_recurrent, n_hidden), (n_recurrent, n_visible): from the network to its biases.
        Wvu, Wuu, bu, u0: shared (n_visible, n_recurrent), (n_recurrent, n_recurrent), (n_recurrent,): of the
            network, and its units' values before the first step.
        params: all of them but u0.
        streams: RandomStreams of the Gibbs sampling.
    """

    def __init__(self, rng, n_visible: int = N_KEYS, n_hidden: int = 150, n_recurrent: int = 100):
        self.n_visible, self.n_hidden = n_visible, n_hidden
        self.v = T.matrix("v")
        self.W = normal(rng, n_visible, n_hidden, 0.01, "W")
        self.bv, self.bh = zeros(n_visible, "bv"), zeros(n_hidden, "bh")
        self.Wuh = normal(rng, n_recurrent, n_hidden, 0.0001, "Wuh")
        self.Wuv = normal(rng, n_recurrent, n_visible, 0.0001, "Wuv")
        self.Wvu = normal(rng, n_visible, n_recurrent, 0.0001, "Wvu")
        self.Wuu = normal(rng, n_recurrent, n_recurrent, 0.0001, "Wuu")
        self.bu, self.u0 = zeros(n_recurrent, "bu"), zeros(n_recurrent, "u0")
        self.params = [self.W, self.bv, self.bh, self.Wuh, self.Wuv, self.Wvu, self.Wuu, self.bu]
        self.streams = RandomStreams(rng.randint(2**30))

    def _draw(self, p):
        """0 or 1, 1 with the probability p."""
        return bernoulli(self.streams, p)

    def own_steps(self, bv, bh):
        """(v, bv, bh) of the steps of the piece that are this rank's: all, where it is alone. Biases that all
        steps share, which are vectors, stay as they are."""
        return [each if each.ndim == 1 else own_rows(each) for each in (self.v, bv, bh)]

    def gibbs_chain(self, v, bv, bh, k: int):
        """(the visible units after `k` steps of Gibbs sampling from v, their probabilities in one more step,
        updates); the steps of time go side by side. Shapes are those of v and its biases: (…, n_visible).
        """

        def probabilities(v):
            h = self._draw(T.nnet.sigmoid(T.dot(v, self.W) + bh))
            return T.nnet.sigmoid(T.dot(h, self.W.T) + bv)

        chain, updates = graphlib.scan(lambda v: self._draw(probabilities(v)), outputs_info=v, n_steps=k)
        return chain[-1], probabilities(chain[-1]), updates

    def free_energy(self, v, bv, bh):
        """The sum over the steps of −log of the sum over all h of exp(−E(v, h))."""
        return -T.sum(v * bv) - T.sum(T.nnet.softplus(T.dot(v, self.W) + bh))

    def contrastive_divergence(self, bv, bh, k: int):
        """(cost, sample, log-likelihood, updates) of the Boltzmann machines of these biases on v: the
        gradient of the cost, with the sample held constant, is that of contrastive divergence.

        Args:
            bv, bh: the biases, of each step or of all.
            k: steps of Gibbs sampling.

        Returns:
            The last of two: the mean over the steps of the log-likelihood of v by the probabilities that a
            chain from v reconstructs it with.
        """
        v, bv, bh = self.own_steps(bv, bh)
        sample, mean, updates = self.gibbs_chain(v, bv, bh, k)
        n = v.shape[0]
        cost = (self.free_energy(v, bv, bh) - self.free_energy(sample, bv, bh)) / n
        likelihood = T.xlogx.xlogy0(v, mean) + T.xlogx.xlogy0(1 - v, 1 - mean)
        return cost, sample, T.sum(likelihood) / n, updates

    def objective(self, bv, bh, k: int):
        """(what is minimized, what its gradient holds constant, log-likelihood, updates), of the piece v and
        the biases of each step, or of all; the arguments are those of `contrastive_divergence`.
        """
        cost, sample, likelihood, updates = self.contrastive_divergence(bv, bh, k)
        return cost, [sample], likelihood, updates

    def sample(self, bv, bh, k: int):
        """(the keys of a step with these biases, updates): what `k` steps of Gibbs sampling come to from
        silence.
        """
        v, _, updates = self.gibbs_chain(T.zeros((self.n_visible,)), bv, bh, k)
        return v, updates

    def recurrence(self, v, u):
        """The network's next values after it has heard v."""
        return T.tanh(self.bu + T.dot(v, self.Wvu) + T.dot(u, self.Wuu))

    def biases(self, u):
        """(bv, bh) of the Boltzmann machine of the step behind u."""
        return self.bv + T.dot(u, self.Wuv), self.bh + T.dot(u, self.Wuh)

    def biases_over_time(self):
        """(bv, bh) of every step of the piece v: (time, n_visible) and (time, n_hidden)."""

        def step(v, u):
            return self.recurrence(v, u), *self.biases(u)

        (_, bv, bh), _ = graphlib.scan(step, sequences=self.v, outputs_info=[self.u0, None, None])
        return bv, bh

    def cross_entropy(self, bv):
        """The mean over the steps of −log P(v_t) if each key sounded by itself, with probability s(bv_t):
        what the network alone foretells, by the biases bv of every step.
        """
        v, bv, _ = self.own_steps(bv, self.bh)
        return T.sum(T.nnet.softplus(bv) - v * bv) / v.shape[0]

    def generate(self, n_steps: int, k: int):
        """(a piece of the model's own, 0 and 1, (n_steps, n_visible), updates); for `k` see `sample`."""

        def step(u):
            v, updates = self.sample(*self.biases(u), k)
            return [v, self.recurrence(v, u)], updates

        (v, _), updates = graphlib.scan(step, outputs_info=[None, self.u0], n_steps=n_steps)
        return v, updates


class RNNNADE(RNNRBM):
    """The same with a `NADE` in place of each Boltzmann machine: its likelihood is what is maximized, and
    what is reported is the likelihood itself.

    Attributes:
        V: shared (n_visible, n_hidden): the weights of NADE that a Boltzmann machine has not.
    """

    def __init__(self, rng, n_visible: int = N_KEYS, n_hidden: int = 150, n_recurrent: int = 100):
        super().__init__(rng, n_visible, n_hidden, n_recurrent)
        self.V = normal(rng, n_visible, n_hidden, 0.01, "V")
        self.params.append(self.V)
        self.nade = NADE(self.W, self.V, self._draw)

    def objective(self, bv, bh, k: int):
        likelihood = self.nade.log_likelihood(*self.own_steps(bv, bh)).mean()
        return -likelihood, [], likelihood, {}

    def sample(self, bv, bh, k: int):
        return self.nade.sample(bv, bh)


def parameters_of(model: RNNRBM) -> dict:
    """The parameters under the names they have in model.npz."""
    return {parameter.name: parameter for parameter in [*model.params, model.u0]}


class Pieces:
    """Pieces cut into parts of at most `size` steps, which the training goes through in their order; the
    pieces are in another order in every epoch.
    """

    def __init__(self, rolls: Sequence[np.ndarray], size: int, seed: int):
        self.rolls = [roll.astype(graphlib.config.floatX) for roll in rolls]
        self.size = size
        self.epochs = Epochs(self._parts, seed)

    def _parts(self, rng: np.random.RandomState) -> list[tuple[int, int]]:
        order = rng.permutation(len(self.rolls))
        return [(piece, first) for piece in order for first in range(0, len(self.rolls[piece]), self.size)]

    def __len__(self) -> int:
        return len(self.epochs)

    def __getitem__(self, index: int) -> np.ndarray:
        """The part of an index in the present epoch; 0 begins the next one."""
        piece, first = self.epochs[index]
        return self.rolls[piece][first : first + self.size]


class Composer:
    """Has the model make up pieces, and writes them as MIDI files, and as a picture beside real ones.

    Args:
        options: of the command line: the model's sizes.
        real: pieces to show beside those made up.
    """

    def __init__(self, options: argparse.Namespace, real: Sequence[np.ndarray]):
        self.options = options
        self.real = [roll[:SAMPLED_STEPS] for roll in real[:SAMPLES]]
        self._model: RNNRBM | None = None

    def write(self, parameters: Mapping[str, np.ndarray], folder: Path, seed: int) -> None:
        """Writes sample1.mid, sample2.mid and samples.png, made up by the model of these parameters, into a
        folder.
        """
        # A model of its own, whose random numbers are no part of the training's; made when first needed.
        if self._model is None:
            self._model = make_model(self.options)
            piece, updates = self._model.generate(SAMPLED_STEPS, GIBBS_STEPS_OF_SAMPLES)
            self._generate = graphlib.function([], piece, updates=updates, name="generate")
        set_model(parameters_of(self._model), parameters, folder / LATEST_MODEL)
        self._model.streams.seed(seed)
        rolls = {}
        for number in range(1, SAMPLES + 1):
            rolls[f"sample {number}"] = piece = self._generate()
            music.write_midi(folder / f"sample{number}.mid", piece)
        rolls |= {_real_piece(number): roll for number, roll in enumerate(self.real, start=1)}
        music.save_rolls(folder / SAMPLES_IMAGE, rolls)


def _real_piece(number: int) -> str:
    return f"a real piece ({number})"


def as_text(roll: np.ndarray) -> list[str]:
    """The MIDI numbers of the keys that sound at each step of a piano-roll."""
    return [" ".join(str(key + music.KEYS[0]) for key in np.flatnonzero(step)) for step in roll]


def as_roll(steps: Mapping[int, str]) -> np.ndarray:
    """The piano-roll of such texts; UserError if one is none."""
    roll = np.zeros((len(steps), N_KEYS), np.uint8)
    try:
        for step, keys in steps.items():
            roll[step, [int(key) - music.KEYS[0] for key in keys.split()]] = 1
    except (ValueError, IndexError):
        raise UserError(f"{provenance.DATA} is damaged: {keys!r} is no list of keys") from None
    return roll


def make_model(options: argparse.Namespace) -> RNNRBM:
    """The model of the kind and the sizes that the options say."""
    kind = RNNNADE if options.nade else RNNRBM
    return kind(np.random.RandomState(options.seed), N_KEYS, options.hidden, options.recurrent)


def training_function(
    model: RNNRBM,
    parameters: Sequence[Any],
    objective: tuple,
    optimizer: Optimizer,
    name: str,
    rates: Mapping[Any, float] | None = None,
    part: Part | None = None,
) -> tuple[Callable[[], Callable], dict[str, Any]]:
    """A function that compiles the training step by the `optimizer` on the `parameters`, and its state by
    name.

    `objective` is the model's; the step is given a piece and returns its log-likelihood.
    `rates` has factors on the optimizer's rate, of those parameters that have one.
    `part` is that of the piece which a rank has, of several that share it and step along the mean of their
    gradients: the step is given it with the piece.
    """
    cost, constant, likelihood, updates = objective
    with in_parts(part):
        slopes = gradients(cost, parameters, consider_constant=constant)
    if rates:
        parameters = [Parameter(each, learning_rate_multiplier=rates.get(each, 1)) for each in parameters]
    steps = optimizer.updates(parameters, slopes)
    every = [*updates.items(), *steps]
    compiled = partial(graphlib.function, inputs_of(model, part), likelihood, updates=every, name=name)
    return compiled, optimizer.state


def inputs_of(model: RNNRBM, part: Part | None) -> list[Any]:
    """What a function is given: a piece, and which part of it is this rank's."""
    return [model.v, *(part.inputs if part else ())]


def weighed(objective: tuple, part: Part | None) -> tuple:
    """An objective of a rank's steps, made such that its mean over ranks is that of the whole piece."""
    cost, constant, likelihood, updates = objective
    if part is not None:
        cost, likelihood = part.weigh(cost, None), part.weigh(likelihood, None)
    return cost, constant, likelihood, updates


def descent(options: argparse.Namespace, rate: LearningRate) -> Optimizer:
    """What the options ask for: plain descent, or clipped, or with Nesterov's momentum, which may rise."""
    momentum = options.nesterov or 0.0
    if options.momentum_rise:
        if not options.nesterov:
            raise UserError("--momentum-rise: say with --nesterov what the momentum is to rise to")
        momentum = PiecewiseLinear([(0, min(0.5, momentum)), (options.momentum_rise, momentum)])
    return SGD(rate.value, momentum=momentum, nesterov=True, clip_norm=options.clip or None)


def train(options: argparse.Namespace) -> training.Outcome:
    """Trains as the options of the command line say, and writes the results to the folder `options.out`."""
    say("... loading the data")
    data = music.load(options.data, steps_a_beat=options.steps_a_beat)
    if options.one_key:
        moved = {part: [music.in_one_key(roll) for roll in getattr(data, part)] for part in music.PARTS}
        data = data._replace(**moved, origin=f"{data.origin}, in C major and A minor")
    pieces = Pieces(data.train, options.batch_size, options.seed)
    say(
        f"{data.origin}: {len(data.train)} pieces to train on, in {len(pieces)} parts of at most "
        f"{options.batch_size} steps; {len(data.valid)} to validate"
    )

    say("... building the model")
    model = make_model(options)
    parallel = command_line.parallel_of(options)
    part = parallel.symbolic_part()
    of_a_step = [p for p in model.params if p.name in ("W", "V", "bv", "bh")]
    learnt = [*model.params, model.u0] if options.learn_initial_state else model.params
    with in_parts(part):
        of_step = weighed(model.objective(model.bv, model.bh, options.gibbs_steps), part)
        objective = weighed(model.objective(*model.biases_over_time(), options.gibbs_steps), part)
    pretrain, pretraining_state = training_function(
        model, of_a_step, of_step, SGD(options.pretraining_rate), name="pretrain", part=part
    )
    rate = command_line.learning_rate_of(options)
    network = [model.Wvu, model.Wuu, model.bu, model.u0]
    rates = None
    if options.recurrent_rate:
        rates = dict.fromkeys(network, options.recurrent_rate / options.learning_rate)
    optimizer = descent(options, rate)
    train_model, training_state = training_function(
        model, learnt, objective, optimizer, name="train", rates=rates, part=part
    )
    *_, likelihood, updates = objective
    validate = parallel.by_part(
        graphlib.function(inputs_of(model, part), likelihood, updates=updates, name="validate")
    )
    valid = [roll.astype(graphlib.config.floatX) for roll in data.valid]

    def validation_likelihood() -> float:
        total = sum(len(roll) * float(validate(roll)) for roll in valid)
        return parallel.mean(total / sum(len(roll) for roll in valid))

    def begin_epoch(epochs_done: int) -> None:
        rate.begin_epoch(epochs_done)
        optimizer.set_time(epochs_done, 0)

    panel = "log-likelihood (nats a step)"

    def stage(compiled: Callable[[], Callable], epochs: int, monitor: StageMonitor, **about: Any):
        def start() -> Callable[[int], Any]:
            step = parallel.by_part(compiled())
            return lambda index: step(pieces[index])

        return training.Stage(start, len(pieces), epochs, monitor, **about)

    stages = []
    if options.pretraining_epochs:
        monitor = EveryEpoch("pretraining_log_likelihood", panel, called="log-likelihood")
        stages.append(stage(pretrain, options.pretraining_epochs, monitor, name="pre-training"))
    if options.network_pretraining_epochs:
        with in_parts(part):
            cost = model.cross_entropy(model.biases_over_time()[0])
        compiled, _ = training_function(
            model,
            [model.bv, model.Wuv, *network[:3]],
            weighed((cost, [], -cost, {}), part),
            SGD(options.pretraining_rate),
            name="pretrain_network",
            part=part,
        )
        monitor = EveryEpoch("network_log_likelihood", panel, called="log-likelihood")
        epochs, name = options.network_pretraining_epochs, "pre-training of the network"
        stages.append(stage(compiled, epochs, monitor, name=name))
    monitor = EveryEpoch(
        "log_likelihood",
        panel,
        called="log-likelihood",
        validate=validation_likelihood,
        stopping=EarlyStopping(options.patience) if options.patience else None,
        maximized=True,
    )
    composer = Composer(options, data.test)
    stages.append(
        stage(
            train_model,
            options.epochs,
            monitor,
            name="training" if stages else "",
            illustrate=partial(composer.write, seed=options.seed),
            begin_epoch=begin_epoch,
        )
    )

    say("... training")
    return training.train_stages(
        stages,
        model=parameters_of(model),
        state={
            "epoch": pieces.epochs,
            **random_states(sampling=model.streams),
            **{f"pretraining_{name}": value for name, value in pretraining_state.items()},
            **training_state,
        },
        data=Provenance(
            data.origin,
            provenance.fingerprint(data.train, data.valid, data.test),
            {_real_piece(number): as_text(roll) for number, roll in enumerate(composer.real, start=1)},
        ),
        **command_line.run_of(options),
    )


def sample(options: argparse.Namespace) -> None:
    """Writes other pieces by the trained model in `options.out`."""
    arrays = load_parameters(options.out / LATEST_MODEL, "W", "Wuu")
    options = command_line.options_of_run(options)
    learnt = provenance.read(options.out)
    real = [as_roll(learnt.dictionary(name)) for name in learnt.dictionaries]
    Composer(options, real).write(arrays, options.out, options.sample)
    names = [f"sample{number}.mid" for number in range(1, SAMPLES + 1)]
    print(f"{options.out} holds {', '.join(names)} and {SAMPLES_IMAGE}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the tutorial from `arguments`, or from those of the process, and returns its exit code."""
    parser = command_line.make_parser(
        __doc__,
        name="rnnrbm",
        epochs=200,
        batch_size=100,
        learning_rate=0.001,
        seed_of_chapter=51963,
        predicts=False,
        distributes=True,
        data=(
            "--data",
            "other music than the chorales by J. S. Bach that come with the tutorials: a folder or an "
            "archive (tar, tar.gz, zip) of MIDI files",
        ),
        examples="\n  {program} --sample 7            make up two other pieces with the trained model",
        files="model.npz (the parameters after the last epoch, with --patience after the best one in "
        "validation), sample1.mid and sample2.mid (pieces made up "
        "by the model) and samples.png (their piano-rolls, and those of real pieces)",
    )
    parser.task.add_argument(
        "--sample",
        nargs="?",
        type=command_line.seed,
        const=0,
        metavar="SEED",
        help="use the trained model in --out: make up other pieces, which depend on the seed",
    )
    model = parser.add_argument_group("the model (a minibatch is a part of a piece; its examples are steps)")
    for option, default, text in (
        ("--hidden", 150, "hidden units of the Boltzmann machine"),
        ("--recurrent", 100, "units of the recurrent network"),
        ("--gibbs-steps", GIBBS_STEPS, "steps of Gibbs sampling in contrastive divergence"),
    ):
        model.add_argument(option, type=command_line.at_least(1), default=default, metavar="N", help=text)
    better = parser.add_argument_group("improvements on the chapter's program, all off by default")
    better.add_argument(
        "--clip", type=command_line.above_zero, metavar="X", help="shorten gradients to the length X"
    )
    better.add_argument(
        "--learn-initial-state",
        action="store_true",
        help="learn the network's values before the first step, which are zero otherwise",
    )
    better.add_argument(
        "--one-key",
        action="store_true",
        help="move every piece to C major or A minor, so that what is learnt in one key holds in all",
    )
    better.add_argument(
        "--nade",
        action="store_true",
        help="in place of each Boltzmann machine a NADE, whose likelihood can be computed: no Gibbs sampling",
    )
    better.add_argument(
        "--patience",
        type=command_line.at_least(1),
        metavar="N",
        help="stop once more than N epochs in a row were no better in validation, and keep the best model",
    )
    better.add_argument(
        "--steps-a-beat",
        type=command_line.at_least(1),
        metavar="N",
        help="read MIDI files in N steps a beat, at whatever tempo, in place of 0.3 s a step",
    )
    better.add_argument(
        "--momentum-rise",
        type=command_line.at_least(1),
        metavar="N",
        help="let the momentum rise from 0.5 to that of --nesterov in the first N epochs",
    )
    better.add_argument(
        "--nesterov",
        type=command_line.fraction,
        metavar="X",
        help="Nesterov's momentum: the part of the last step that is added to the next, such as 0.9",
    )
    better.add_argument(
        "--pretraining-epochs",
        type=command_line.at_least(0),
        default=0,
        metavar="N",
        help="first train the Boltzmann machine alone, for N passes over the data",
    )
    better.add_argument(
        "--network-pretraining-epochs",
        type=command_line.at_least(0),
        default=0,
        metavar="N",
        help="then train the recurrent network alone to foretell each key by itself (by cross-entropy), for "
        "N passes over the data",
    )
    better.add_argument(
        "--pretraining-rate",
        type=command_line.above_zero,
        default=0.01,
        metavar="X",
        help="step of the descent in both",
    )
    better.add_argument(
        "--recurrent-rate",
        type=command_line.above_zero,
        metavar="X",
        help="step for the recurrent network's own weights, in place of --learning-rate",
    )
    return command_line.main(parser, train, {"sample": sample}, arguments)


if __name__ == "__main__":
    sys.exit(main())
