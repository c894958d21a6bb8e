"""A contractive autoencoder, trained on MNIST without labels.

An autoencoder learns to reconstruct its input; here its code shall also change little where
the input does: the cost is

    mean over the examples of  L(x, z) + contraction · ‖J(x)‖²

where L is the cross-entropy (or what --cost says), and J the Jacobian of the hidden units h = s(x W + b) with
respect to x, taken in the Frobenius norm. Since J_ji = h_j (1 − h_j) W_ij, the squared norm is
sum_j (h_j (1 − h_j))² · sum_i W_ij², and costs no more than the code itself.

After the chapter "Contractive Autoencoders" (cA) of the Deep Learning Tutorials (LISA lab), whose program
rounds the second term down, so that its gradient vanishes, which this one does not; S. Rifai et al.,
"Contractive auto-encoders: explicit invariance during feature extraction", 2011.
"""

import _checkout  # noqa: F401

import argparse
import sys
from collections.abc import Sequence

import numpy as np

import graphlib
import graphlib.tensor as T
from autoencoder import Autoencoder, illustration, make_parser, settings
from graphlib.distributed import in_parts
from graphlib.nn import command_line, training
from graphlib.nn.image_data import load_shared
from graphlib.nn.minibatches import by_minibatch, count_minibatches
from graphlib.nn.progress import say
from graphlib.nn.stage_monitors import EveryEpoch
from graphlib.nn.variables import named_parameters


class cA(Autoencoder):
    """An autoencoder whose hidden units resist small changes of the input; see `Autoencoder`."""

    def get_jacobian(self, hidden, W):
        """The derivatives of each hidden unit by each visible one, (n, n_visible, n_hidden).

        `hidden` has shape (n, n_hidden), W (n_visible, n_hidden). Training needs only its norm, see
        `squared_jacobian_norm`.
        """
        return (hidden * (1 - hidden)).dimshuffle(0, "x", 1) * W.dimshuffle("x", 0, 1)

    def squared_jacobian_norm(self, hidden):
        """The squared Frobenius norm of each example's Jacobian, (n,)."""
        return T.dot((hidden * (1 - hidden)) ** 2, (self.W**2).sum(axis=0))

    def get_cost_updates(self, contraction_level, learning_rate):
        """(cost, updates) of a step of gradient descent on the input.

        Leaves the reconstruction error of each example in `L_rec` and its squared Jacobian norm in `L_jacob`,
        both (n,).
        """
        y = self.get_hidden_values(self.x)
        z = self.get_reconstructed_input(y)
        self.L_rec = self.reconstruction_error(z)
        self.L_jacob = self.squared_jacobian_norm(y)
        cost = T.mean(self.L_rec) + contraction_level * T.mean(self.L_jacob)
        return cost, self.descend(cost, learning_rate)


def train(options: argparse.Namespace) -> training.Outcome:
    """Trains as the options of the command line say, and writes the results to the folder `options.out`."""
    say("... loading the data")
    data = load_shared(options.dataset)
    n_train_batches = count_minibatches(data.train, options.batch_size)

    say("... building the model")
    rng = np.random.RandomState(options.seed)
    ca = cA(rng, **settings(options, data.n_in))
    rate = command_line.learning_rate_of(options)
    parallel = command_line.parallel_of(options)
    with in_parts(parallel.part_of_each(options.batch_size)):
        cost, updates = ca.get_cost_updates(options.contraction, rate.value)
    train_ca = by_minibatch(
        cost,
        {ca.x: data.train.x},
        options.batch_size,
        updates=updates,
        name="train_ca",
        parallel=parallel,
    )
    jacobian_norm = graphlib.function(
        [], T.mean(T.sqrt(ca.L_jacob)), givens={ca.x: data.valid.x}, name="jacobian_norm"
    )

    say("... training")
    return training.train(
        train_ca,
        n_train_batches,
        epochs=options.epochs,
        monitor=EveryEpoch(measures={"jacobian_norm": jacobian_norm}),
        model=named_parameters(autoencoder=ca),
        data=data.provenance,
        illustrate=illustration("filters.png", "autoencoder.W", data.image_shape),
        begin_epoch=rate.begin_epoch,
        **command_line.run_of(options),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the tutorial from `arguments`, or from those of the process, and returns its exit code."""
    parser, model = make_parser(
        __doc__,
        "cA",
        "filters.png (what the first hundred hidden units look for)",
        epochs=20,
        batch_size=10,
        learning_rate=0.01,
    )
    model.add_argument(
        "--contraction",
        type=command_line.not_negative,
        default=0.1,
        metavar="X",
        help="weight of the squared norm of the Jacobian",
    )
    return command_line.main(parser, train, {}, arguments)


if __name__ == "__main__":
    sys.exit(main())
