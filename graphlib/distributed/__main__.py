"""Measures what a mean over ranks costs, and predicts what training on more machines gains:

    mpirun -n 2 python -m graphlib.distributed [--hidden 500] [--batch 600]

It times means of several lengths on these ranks, fits latency and bandwidth (see ``cost.py``), holds what the
model says of a step of a perceptron against a measured one, and prints what it predicts for 8, 64 and 512
machines on usual networks.
"""

from __future__ import annotations

import argparse
import sys

from ..ranks import ranks
from .cost import BACKWARDS, Network, Step, fitted, perceptron, time_of_mean, time_of_step

#: nominal numbers of usual networks: latency of a message of MPI, bandwidth
NETWORKS = {
    "Ethernet, 1 Gb/s": Network(50e-6, 0.117e9),
    "Ethernet, 10 Gb/s": Network(30e-6, 1.17e9),
    "InfiniBand, 100 Gb/s": Network(2e-6, 12e9),
}
_LENGTHS = (1, 100, 1_000, 10_000, 50_000, 200_000, 800_000)
_MACHINES = (2, 8, 64, 512)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m graphlib.distributed", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--hidden", type=int, default=500, help="hidden units of the perceptron")
    parser.add_argument("--batch", type=int, default=600, help="examples of a rank in a step")
    parser.add_argument("--repeats", type=int, default=200)
    options = parser.parse_args()
    known = ranks()

    def say(line: str = "") -> None:
        if known.leads:
            print(line, flush=True)

    alone, sizes = perceptron(options.hidden, options.batch, False)
    step = Step(time_of_step(known, alone, options.repeats), sizes)
    if known.size == 1:
        say("this process is the only one: mpirun -n 2 python -m graphlib.distributed measures the messages")
    else:
        times = [time_of_mean(known, n, options.repeats) for n in _LENGTHS]
        network = fitted([4 * n for n in _LENGTHS], times, known.size)
        say(f"means of float32 over {known.size} ranks, the shortest of {options.repeats} times, and the fit")
        for n, seconds in zip(_LENGTHS, times, strict=True):
            say(f"  {n:>9,} {1e6 * seconds:10.1f} us {1e6 * network.seconds(4 * n, known.size):10.1f} us")
        say(
            f"  latency {1e6 * network.latency:.1f} us, bandwidth {network.bandwidth / 1e9:.2f} GB/s "
            "(adding up included)"
        )
        together, _ = perceptron(options.hidden, options.batch, True)
        measured = time_of_step(known, together, options.repeats)
        say(f"a step of a perceptron, 784-{options.hidden}-10, {options.batch} examples a rank")
        say(f"  alone {1e3 * step.compute:.2f} ms, with means {1e3 * measured:.2f} ms")
        beside, after = (1e3 * step.seconds(network, known.size, share) for share in (BACKWARDS, 0.0))
        say(f"  the model: {beside:.2f} ms where messages go beside computing, {after:.2f} ms where not")
    say(f"predicted share of N machines' speed, each with {options.batch} examples a step")
    say(f"  {'':22}" + "".join(f"{n:>8}" for n in _MACHINES))
    for name, network in NETWORKS.items():
        shares = "".join(f"{100 * step.efficiency(network, n):7.0f}%" for n in _MACHINES)
        say(f"  {name:22}{shares}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
