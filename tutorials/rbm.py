"""A restricted Boltzmann machine, trained on MNIST without labels, and sampled from.

Visible units v and hidden units h, all of them 0 or 1, have the energy and the probability

    E(v, h) = − b'v − c'h − h'Wv,    p(v, h) = exp(−E(v, h)) / Z.

Given v the hidden units are independent of each other, and given h the visible ones, so that a Gibbs chain
draws a whole layer at once. Learning lowers the free energy of the examples and raises that of the model's
own samples, which such chains draw: chains that begin at the examples (contrastive divergence), or chains
that go on from one minibatch to the next (persistent contrastive divergence).

After the chapter "Restricted Boltzmann Machines (RBM)" of the Deep Learning Tutorials (LISA lab); G. Hinton,
"Training products of experts by minimizing contrastive divergence", 2002; T. Tieleman, "Training restricted
Boltzmann machines using approximations to the likelihood gradient", 2008.
"""

import _checkout  # noqa: F401

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

import graphlib
import graphlib.tensor as T
from autoencoder import save_filters
from graphlib.distributed import bernoulli, gradients, in_parts, own_rows, with_own_rows
from graphlib.nn import command_line, images, storage, training
from graphlib.nn.image_data import data_of_run, load_shared
from graphlib.nn.minibatches import by_minibatch, count_minibatches
from graphlib.nn.progress import say
from graphlib.nn.run_folder import LATEST_MODEL, load_parameters
from graphlib.nn.stage_monitors import EveryEpoch
from graphlib.nn.storage import UserError
from graphlib.nn.variables import named_parameters, random_states, set_model
from graphlib.tensor.random import RandomStreams


class RBM:
    """A restricted Boltzmann machine of binary units.

    Args:
        input: symbolic matrix, a row an example, (n, n_visible); values between 0 and 1 are taken as
            probabilities. None for a new one.
        n_visible, n_hidden: units of the two layers.
        W, hbias, vbias: shared parameters (n_visible, n_hidden), (n_hidden,) and (n_visible,) to use in place
            of new ones; a deep belief network shares W and hbias with a perceptron's layer.
        numpy_rng: numpy.random.RandomState that draws the weights; None for one of seed 1234.
        streams: RandomStreams of the Gibbs chains; None for new ones, seeded by `numpy_rng`.

    Attributes:
        input, W, hbias, vbias: as above.
        params: [W, hbias, vbias].
    """

    def __init__(
        self,
        input=None,
        n_visible: int = 784,
        n_hidden: int = 500,
        W=None,
        hbias=None,
        vbias=None,
        numpy_rng=None,
        streams: RandomStreams | None = None,
    ):
        numpy_rng = np.random.RandomState(1234) if numpy_rng is None else numpy_rng
        self.streams = RandomStreams(numpy_rng.randint(2**30)) if streams is None else streams
        floatX = graphlib.config.floatX
        if W is None:
            bound = 4 * np.sqrt(6.0 / (n_hidden + n_visible))
            values = numpy_rng.uniform(low=-bound, high=bound, size=(n_visible, n_hidden))
            W = graphlib.shared(values.astype(floatX), name="W", borrow=True)
        if hbias is None:
            hbias = graphlib.shared(np.zeros(n_hidden, dtype=floatX), name="hbias", borrow=True)
        if vbias is None:
            vbias = graphlib.shared(np.zeros(n_visible, dtype=floatX), name="vbias", borrow=True)
        self.input = T.matrix("input") if input is None else input
        self.n_visible, self.n_hidden = n_visible, n_hidden
        self.W, self.hbias, self.vbias = W, hbias, vbias
        self.params = [self.W, self.hbias, self.vbias]

    def free_energy(self, v_sample):
        """F(v) = −log Σ_h exp(−E(v, h)) of each row of `v_sample` (n, n_visible): (n,)."""
        wx_b = T.dot(v_sample, self.W) + self.hbias
        return -T.dot(v_sample, self.vbias) - T.sum(T.nnet.softplus(wx_b), axis=1)

    def propup(self, vis):
        """[logits, probabilities] of the hidden units being 1, given the visible ones: (n, n_hidden) each."""
        pre_sigmoid = T.dot(vis, self.W) + self.hbias
        return [pre_sigmoid, T.nnet.sigmoid(pre_sigmoid)]

    def sample_h_given_v(self, v0_sample):
        """[logits, probabilities, sample] of the hidden units, given the visible ones."""
        pre_sigmoid, mean = self.propup(v0_sample)
        return [pre_sigmoid, mean, self._draw(mean)]

    def propdown(self, hid):
        """[logits, probabilities] of the visible units being 1, given the hidden ones: (n, n_visible)
        each.
        """
        pre_sigmoid = T.dot(hid, self.W.T) + self.vbias
        return [pre_sigmoid, T.nnet.sigmoid(pre_sigmoid)]

    def sample_v_given_h(self, h0_sample):
        """[logits, probabilities, sample] of the visible units, given the hidden ones."""
        pre_sigmoid, mean = self.propdown(h0_sample)
        return [pre_sigmoid, mean, self._draw(mean)]

    def _draw(self, mean):
        return bernoulli(self.streams, mean)

    def gibbs_hvh(self, h0_sample):
        """A step of the Gibbs chain from the hidden units: logits, probabilities and sample of the visible
        units, then those of the hidden ones.
        """
        visible = self.sample_v_given_h(h0_sample)
        return [*visible, *self.sample_h_given_v(visible[-1])]

    def gibbs_vhv(self, v0_sample):
        """A step of the Gibbs chain from the visible units: logits, probabilities and sample of the hidden
        units, then those of the visible ones.
        """
        hidden = self.sample_h_given_v(v0_sample)
        return [*hidden, *self.sample_v_given_h(hidden[-1])]

    def get_cost_updates(self, lr=0.1, persistent=None, k: int = 1):
        """(what to monitor, updates) of one step of CD-k or PCD-k on the input.

        Args:
            lr: step of the descent.
            persistent: shared hidden state (n, n_hidden) of the chains for PCD, of as many chains as a
                minibatch has examples; None for CD, whose chains begin at the examples.
            k: steps of the Gibbs chains.

        What to monitor is the pseudo-likelihood for PCD and the reconstruction's cross-entropy for CD. The
        updates are a dict from shared variables.
        """
        chain_start = self.sample_h_given_v(self.input)[-1] if persistent is None else own_rows(persistent)
        (pre_sigmoid_nvs, _, nv_samples, _, _, nh_samples), updates = graphlib.scan(
            self.gibbs_hvh,
            outputs_info=[None, None, None, None, None, chain_start],
            n_steps=k,
            name="gibbs_hvh",
        )
        chain_end = nv_samples[-1]
        # Its gradient is the likelihood's, as long as the samples count as given and not as functions of the
        # parameters: hence consider_constant.
        cost = T.mean(self.free_energy(self.input)) - T.mean(self.free_energy(chain_end))
        steps = gradients(cost, self.params, consider_constant=[chain_end])
        for param, gradient in zip(self.params, steps, strict=True):
            updates[param] = param - lr * gradient
        if persistent is None:
            return self.get_reconstruction_cost(pre_sigmoid_nvs[-1]), updates
        updates[persistent] = with_own_rows(persistent, nh_samples[-1])
        return self.get_pseudo_likelihood_cost(updates), updates

    def get_pseudo_likelihood_cost(self, updates):
        """A stochastic estimate of the log-pseudo-likelihood of the input, in nats: the mean over examples of

            n_visible · log p(x_i | x_−i),    log p(x_i | x_−i) = log s(F(x with x_i flipped) − F(x)),

        for one unit i, another one at each call: `updates`, a dict, is given the update that moves i on.
        """
        bit_i_idx = graphlib.shared(0, name="bit_i_idx")
        xi = T.round(self.input)
        xi_flip = T.set_subtensor(xi[:, bit_i_idx], 1 - xi[:, bit_i_idx])
        log_probability = -T.nnet.softplus(self.free_energy(xi) - self.free_energy(xi_flip))
        updates[bit_i_idx] = (bit_i_idx + 1) % self.n_visible
        self.bit_i_idx = bit_i_idx
        return T.mean(self.n_visible * log_probability)

    def get_reconstruction_cost(self, pre_sigmoid_nv):
        """Cross-entropy of the input and its reconstruction, which has the logits `pre_sigmoid_nv`
        (n, n_visible): the mean over the examples, in nats. (The chapter's program gives it with a minus.)
        """
        cross_entropy = T.nnet.softplus(pre_sigmoid_nv) - self.input * pre_sigmoid_nv
        return T.mean(T.sum(cross_entropy, axis=1))


def parameters_of(rbm: RBM) -> dict:
    """The parameters under the names they have in model.npz."""
    return named_parameters(rbm=rbm)


def load_model(path: Path) -> RBM:
    """The trained model of a model.npz."""
    arrays = load_parameters(path, "rbm.hbias", "rbm.vbias")
    rbm = RBM(n_visible=arrays["rbm.vbias"].size, n_hidden=arrays["rbm.hbias"].size)
    set_model(parameters_of(rbm), arrays, path)
    return rbm


def draw_samples(rbm: RBM, start: np.ndarray, rows: int, plot_every: int, seed: int) -> np.ndarray:
    """What Gibbs chains of the model come by: (rows, chains, n_visible), values between 0 and 1.

    Args:
        start: the visible units' first values, (chains, n_visible).
        rows: how often the chains are looked at; what is returned are the visible units' probabilities.
        plot_every: Gibbs steps from one row to the next.
        seed: of the chains' random numbers.
    """
    sampler = RBM(T.matrix("v"), rbm.n_visible, rbm.n_hidden, *rbm.params, streams=RandomStreams(seed))
    chain = graphlib.shared(np.asarray(start, dtype=graphlib.config.floatX), name="persistent_vis_chain")
    (_, _, _, _, vis_mfs, vis_samples), updates = graphlib.scan(
        sampler.gibbs_vhv,
        outputs_info=[None, None, None, None, None, chain],
        n_steps=plot_every,
        name="gibbs_vhv",
    )
    updates[chain] = vis_samples[-1]
    sample = graphlib.function([], vis_mfs[-1], updates=updates, name="sample")
    progress = tqdm(range(rows), desc="sampling", unit="row", leave=False, disable=not sys.stderr.isatty())
    return np.stack([sample() for _ in progress])


def starting_points(examples: np.ndarray, options: argparse.Namespace) -> np.ndarray:
    """As many of the `examples` as there are chains to begin at them."""
    if len(examples) < options.chains:
        raise UserError(f"--chains {options.chains} is more than the {len(examples)} test examples")
    first = np.random.RandomState(options.seed).randint(len(examples) - options.chains + 1)
    return examples[first : first + options.chains]


def save_samples(
    rbm: RBM, start: np.ndarray, options: argparse.Namespace, image_shape: tuple[int, int]
) -> None:
    """Writes samples.png: Gibbs chains that begin at the rows of `start`, a row every so many steps."""
    samples = draw_samples(rbm, start, options.samples, options.plot_every, options.seed)
    tiles = images.tile_raster_images(
        samples.reshape(-1, rbm.n_visible), image_shape, samples.shape[:2], tile_spacing=(1, 1)
    )
    storage.make_folder(options.out)
    images.save_image(options.out / "samples.png", tiles)
    say(
        f"{options.out / 'samples.png'} shows {options.chains} Gibbs chains, one a column, with "
        f"{options.plot_every} steps from row to row"
    )


def sample(options: argparse.Namespace) -> None:
    """Draws samples from the model in `options.out`, and writes them as samples.png."""
    rbm = load_model(options.out / LATEST_MODEL)
    dataset = data_of_run(options, rbm.n_visible, "--sample, which begins at test images,")
    save_samples(rbm, starting_points(dataset.test.x, options), options, dataset.image_shape)


def train(options: argparse.Namespace) -> training.Outcome:
    """Trains as the options of the command line say, and writes the results to the folder `options.out`."""
    say("... loading the data")
    data = load_shared(options.dataset)
    batch_size = options.batch_size
    n_train_batches = count_minibatches(data.train, batch_size)
    start = starting_points(data.test.x.get_value(borrow=True), options)

    say("... building the model")
    x = T.matrix("x")
    rng = np.random.RandomState(options.seed)
    streams = RandomStreams(rng.randint(2**30))
    rbm = RBM(x, n_visible=data.n_in, n_hidden=options.hidden, numpy_rng=rng, streams=streams)
    state = {}
    rate = command_line.learning_rate_of(options)
    persistent_chain = None
    if options.persistent:
        values = np.zeros((batch_size, options.hidden), dtype=graphlib.config.floatX)
        persistent_chain = graphlib.shared(values, name="persistent_chain", borrow=True)
    parallel = command_line.parallel_of(options)
    with in_parts(parallel.part_of_each(batch_size)):
        cost, updates = rbm.get_cost_updates(rate.value, persistent_chain, options.k)
    if options.persistent:
        state = {"persistent_chain": persistent_chain, "bit_i_idx": rbm.bit_i_idx}
    train_rbm = by_minibatch(
        cost, {x: data.train.x}, batch_size, updates=updates, name="train_rbm", parallel=parallel
    )

    def draw_filters(epoch: int, kept: Mapping[str, np.ndarray], folder: Path) -> None:
        save_filters(folder / f"filters_at_epoch_{epoch}.png", kept["rbm.W"], data.image_shape)

    say("... training")
    monitored = "pseudo-likelihood" if options.persistent else "reconstruction cross-entropy"
    outcome = training.train(
        train_rbm,
        n_train_batches,
        epochs=options.epochs,
        monitor=EveryEpoch(
            column=monitored.replace("-", "_").replace(" ", "_"),
            panel=f"{monitored} (nats)",
            called=monitored,
        ),
        model=parameters_of(rbm),
        state={**state, **random_states(gibbs=streams)},
        data=data.provenance,
        illustrate_epoch=draw_filters,
        begin_epoch=rate.begin_epoch,
        dealt=[persistent_chain] if options.persistent else (),
        **command_line.run_of(options),
    )
    if outcome.reason == "finished" and parallel.leads:
        say("... sampling from the model")
        save_samples(rbm, start, options, data.image_shape)
    return outcome


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the tutorial from `arguments`, or from those of the process, and returns its exit code."""
    parser = command_line.make_parser(
        __doc__,
        name="rbm",
        epochs=15,
        batch_size=20,
        learning_rate=0.1,
        seed_of_chapter=123,
        predicts=False,
        distributes=True,
        examples="\n  {program} --k 1 --no-persistent train by CD-1"
        "\n  {program} --sample              draw samples from the trained model",
        files="model.npz (the parameters after the last epoch), filters_at_epoch_1.png and so on (what the "
        "first hundred hidden units look for after each epoch), samples.png (what Gibbs chains of the "
        "trained model come by, each a column)",
    )
    parser.task.add_argument(
        "--sample",
        action="store_const",
        const=True,
        help="draw samples.png from the trained model in --out, as is done at the end of training too",
    )
    model = parser.add_argument_group("the model")
    model.add_argument(
        "--hidden", type=command_line.at_least(1), default=500, metavar="N", help="hidden units"
    )
    model.add_argument(
        "--k", type=command_line.at_least(1), default=15, metavar="N", help="Gibbs steps for each minibatch"
    )
    model.add_argument(
        "--persistent",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="chains that go on from minibatch to minibatch (PCD); without, each minibatch's chains begin at "
        "its examples (CD)",
    )
    samples = parser.add_argument_group("sampling")
    samples.add_argument(
        "--chains", type=command_line.at_least(1), default=20, metavar="N", help="Gibbs chains"
    )
    samples.add_argument(
        "--samples", type=command_line.at_least(1), default=10, metavar="N", help="samples of each chain"
    )
    samples.add_argument(
        "--plot-every",
        type=command_line.at_least(1),
        default=1000,
        metavar="N",
        help="Gibbs steps from one sample to the next",
    )
    return command_line.main(parser, train, {"sample": sample}, arguments)


if __name__ == "__main__":
    sys.exit(main())
