"""A denoising autoencoder, trained on MNIST without labels.

An autoencoder is given examples of which a part of the values, chosen at random, was set to
zero, and learns to reconstruct the examples as they were:

    x̃ = x · mask,    y = s(x̃ W + b),    z = s(y W' + b'),    cost = mean over the examples of L(x, z)

with the cross-entropy L, and W' = W transposed unless --untied says otherwise. To do that its hidden units
must know how the values of an example hang together. One autoencoder is trained for each of several levels of
corruption, all from the same start, to be compared.

After the chapter "Denoising Autoencoders (dA)" of the Deep Learning Tutorials (LISA lab); P. Vincent et al.,
"Extracting and composing robust features with denoising autoencoders", 2008.
"""

import _checkout  # noqa: F401

import argparse
import sys
from collections.abc import Sequence

import numpy as np

import graphlib
import graphlib.tensor as T
from autoencoder import Autoencoder, illustration, make_parser, settings
from graphlib.distributed import draw, in_parts
from graphlib.nn import command_line, training
from graphlib.nn.image_data import load_shared
from graphlib.nn.minibatches import by_minibatch, count_minibatches
from graphlib.nn.progress import say
from graphlib.nn.stage_monitors import EveryEpoch
from graphlib.nn.storage import UserError
from graphlib.nn.variables import named_parameters, random_states
from graphlib.tensor.random import RandomStreams


class dA(Autoencoder):
    """An autoencoder that learns to reconstruct examples from corrupted ones; see `Autoencoder`.

    Args:
        numpy_rng: numpy.random.RandomState that draws the weights.
        streams: RandomStreams of the corruption; None for new ones, seeded by `numpy_rng`.
        input, n_visible, n_hidden, W, bhid, bvis, tied, cost: see `Autoencoder`.
    """

    def __init__(self, numpy_rng, streams: RandomStreams | None = None, input=None, **layer):
        self.streams = RandomStreams(numpy_rng.randint(2**30)) if streams is None else streams
        super().__init__(numpy_rng, input, **layer)

    def get_corrupted_input(self, input, corruption_level):
        """`input` with each value set to zero with probability `corruption_level`, in [0, 1]."""
        kept = draw(
            lambda size: self.streams.binomial(
                size=size, n=1, p=1 - corruption_level, dtype=graphlib.config.floatX
            ),
            [input.shape[0], input.shape[1]],
        )
        return kept * input

    def get_cost_updates(self, corruption_level, learning_rate):
        """(cost, updates) of a step of gradient descent on the input, corrupted anew at each call."""
        corrupted = self.get_corrupted_input(self.x, corruption_level)
        z = self.get_reconstructed_input(self.get_hidden_values(corrupted))
        cost = T.mean(self.reconstruction_error(z))
        return cost, self.descend(cost, learning_rate)


def name_of(corruption: float) -> str:
    """What files, parameters and the curve call a level of corruption: ``corruption_30`` for 0.3."""
    return f"corruption_{round(100 * corruption):02d}"


def train(options: argparse.Namespace) -> training.Outcome:
    """Trains as the options of the command line say, and writes the results to the folder `options.out`."""
    if len({name_of(level) for level in options.corruption}) < len(options.corruption):
        raise UserError("--corruption: the levels must differ by one hundredth at least")
    say("... loading the data")
    data = load_shared(options.dataset)
    n_train_batches = count_minibatches(data.train, options.batch_size)
    parallel = command_line.parallel_of(options)

    say("... building the models")
    autoencoders, stages = {}, []
    for corruption in options.corruption:
        name = name_of(corruption)
        rng = np.random.RandomState(options.seed)
        streams = RandomStreams(rng.randint(2**30))
        rate = command_line.learning_rate_of(options)
        da = dA(rng, streams, **settings(options, data.n_in))
        with in_parts(parallel.part_of_each(options.batch_size)):
            cost, updates = da.get_cost_updates(corruption, rate.value)
        train_da = by_minibatch(
            cost,
            {da.x: data.train.x},
            options.batch_size,
            updates=updates,
            name=f"train_{name}",
            parallel=parallel,
        )
        stages.append(
            training.Stage(
                start=lambda train_da=train_da: train_da,
                n_minibatches=n_train_batches,
                epochs=options.epochs,
                monitor=EveryEpoch(column=name),
                name=f"corruption {corruption:g}",
                illustrate=illustration(f"filters_{name}.png", f"{name}.W", data.image_shape),
                begin_epoch=rate.begin_epoch,
            )
        )
        autoencoders[name] = da

    say("... training")
    return training.train_stages(
        stages,
        model=named_parameters(**autoencoders),
        state=random_states(**{name: da.streams for name, da in autoencoders.items()}),
        data=data.provenance,
        **command_line.run_of(options),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the tutorial from `arguments`, or from those of the process, and returns its exit code."""
    parser, model = make_parser(
        __doc__,
        "dA",
        "filters_corruption_00.png and filters_corruption_30.png (what the first hundred hidden units look "
        "for)",
        epochs=15,
        batch_size=20,
        learning_rate=0.1,
    )
    model.add_argument(
        "--corruption",
        type=command_line.fraction,
        nargs="+",
        default=[0.0, 0.3],
        metavar="X",
        help="levels of corruption, each for an autoencoder: the part of the values that is set to zero",
    )
    return command_line.main(parser, train, {}, arguments)


if __name__ == "__main__":
    sys.exit(main())
