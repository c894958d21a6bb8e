"""A sampler by hybrid Monte Carlo, for distributions p(x) ∝ exp(−E(x)) on real vectors.

A particle at x is given a velocity at random, and moves by the laws of mechanics in the potential E; where it
comes to after a while is accepted as the next sample by the rule of Metropolis and Hastings, which makes up
for what the simulation of its path does not get right. As the path follows the gradient of E it leads far
away at little loss of acceptance.

After the chapter "Hybrid Monte-Carlo Sampling" of the Deep Learning Tutorials (LISA lab); S. Duane et al.,
"Hybrid Monte Carlo", 1987; R. Neal, "MCMC using Hamiltonian dynamics", 2011.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

import graphlib
import graphlib.tensor as T
from graphlib.tensor.random import RandomStreams


def kinetic_energy(vel):
    """½ |v|² of each particle: the velocities have shape (particles, …), the energies (particles,)."""
    return 0.5 * (vel**2).sum(axis=tuple(range(1, vel.ndim)))


def hamiltonian(pos, vel, energy_fn: Callable):
    """The sum of potential and kinetic energy of each particle: (particles,)."""
    return energy_fn(pos) + kinetic_energy(vel)


def metropolis_hastings_accept(energy_prev, energy_next, s_rng: RandomStreams):
    """Whether to accept each move, by the energies before and after it: bool (particles,).

    A move is accepted with probability min(1, exp(energy_prev − energy_next)).
    """
    return T.exp(energy_prev - energy_next) - s_rng.uniform(size=energy_prev.shape) >= 0


def simulate_dynamics(initial_pos, initial_vel, stepsize, n_steps: int, energy_fn: Callable):
    """(positions, velocities) after `n_steps` leapfrog steps of length `stepsize`.

    A leapfrog step makes half a step of the velocities, a whole one of the positions and the other half of
    the velocities; the halves of successive steps are made in one.
    """

    def gradient(pos):
        return T.grad(energy_fn(pos).sum(), pos)

    def leapfrog(pos, vel, step):
        new_vel = vel - step * gradient(pos)
        return [pos + step * new_vel, new_vel]

    half_way = initial_vel - 0.5 * stepsize * gradient(initial_pos)
    (all_pos, all_vel), _ = graphlib.scan(
        leapfrog,
        outputs_info=[initial_pos + stepsize * half_way, half_way],
        non_sequences=[stepsize],
        n_steps=n_steps - 1,
        name="leapfrog",
    )
    final_pos = all_pos[-1]
    return final_pos, all_vel[-1] - 0.5 * stepsize * gradient(final_pos)


def hmc_move(s_rng: RandomStreams, positions, energy_fn: Callable, stepsize, n_steps: int):
    """(accept, final_pos) of a move of each particle with a new random velocity."""
    initial_vel = s_rng.normal(size=positions.shape)
    final_pos, final_vel = simulate_dynamics(positions, initial_vel, stepsize, n_steps, energy_fn)
    accept = metropolis_hastings_accept(
        energy_prev=hamiltonian(positions, initial_vel, energy_fn),
        energy_next=hamiltonian(final_pos, final_vel, energy_fn),
        s_rng=s_rng,
    )
    return accept, final_pos


def hmc_updates(
    positions,
    stepsize,
    avg_acceptance_rate,
    final_pos,
    accept,
    target_acceptance_rate: float,
    stepsize_inc: float,
    stepsize_dec: float,
    stepsize_min: float,
    stepsize_max: float,
    avg_acceptance_slowness: float,
) -> list[tuple]:
    """The updates that make the accepted moves, and adapt the step size to the target of acceptance.

    The step size is multiplied by `stepsize_inc` where the average acceptance is above its target and by
    `stepsize_dec` where it is not, and kept between its bounds. The average is an exponential moving one:
    `avg_acceptance_slowness`, in [0, 1], is the weight of what it was.
    """
    accepted = accept.dimshuffle(0, *("x",) * (final_pos.ndim - 1))
    factor = T.switch(avg_acceptance_rate > target_acceptance_rate, stepsize_inc, stepsize_dec)
    now = T.cast(accept, graphlib.config.floatX).mean()
    return [
        (positions, T.switch(accepted, final_pos, positions)),
        (stepsize, T.clip(stepsize * factor, stepsize_min, stepsize_max)),
        (
            avg_acceptance_rate,
            avg_acceptance_slowness * avg_acceptance_rate + (1 - avg_acceptance_slowness) * now,
        ),
    ]


class HMC_sampler:
    """Draws samples of several particles at a time; made by `new_from_shared_positions`.

    Attributes:
        positions: the particles' shared positions.
        stepsize, avg_acceptance_rate: the present step size and average acceptance, shared scalars.
        target_acceptance_rate, stepsize_min, stepsize_max: as given.
        s_rng: the RandomStreams of velocities and decisions.
        simulate: compiled; moves all particles once and returns the part of the moves that were accepted.
    """

    def __init__(self, **attributes: Any):
        self.__dict__.update(attributes)

    @classmethod
    def new_from_shared_positions(
        cls,
        shared_positions,
        energy_fn: Callable,
        initial_stepsize: float = 0.01,
        target_acceptance_rate: float = 0.9,
        n_steps: int = 20,
        stepsize_dec: float = 0.98,
        stepsize_min: float = 0.001,
        stepsize_max: float = 0.25,
        stepsize_inc: float = 1.02,
        avg_acceptance_slowness: float = 0.9,
        seed: int = 12345,
    ) -> "HMC_sampler":
        """A sampler of exp(−energy) that begins at `shared_positions`.

        Args:
            shared_positions: shared variable (particles, …), which the sampler moves.
            energy_fn: from symbolic positions (particles, …) to symbolic energies (particles,).
            n_steps: leapfrog steps of a move, 2 at least.
            seed: of velocities and decisions.
            The others: see `hmc_updates`.
        """
        if n_steps < 2:
            raise ValueError(f"n_steps is {n_steps}, and a path has 2 leapfrog steps at least")
        floatX = graphlib.config.floatX
        stepsize = graphlib.shared(np.asarray(initial_stepsize, dtype=floatX), name="stepsize")
        average = graphlib.shared(
            np.asarray(target_acceptance_rate, dtype=floatX), name="avg_acceptance_rate"
        )
        s_rng = RandomStreams(seed)
        accept, final_pos = hmc_move(s_rng, shared_positions, energy_fn, stepsize, n_steps)
        updates = hmc_updates(
            shared_positions,
            stepsize,
            average,
            final_pos,
            accept,
            target_acceptance_rate=target_acceptance_rate,
            stepsize_inc=stepsize_inc,
            stepsize_dec=stepsize_dec,
            stepsize_min=stepsize_min,
            stepsize_max=stepsize_max,
            avg_acceptance_slowness=avg_acceptance_slowness,
        )
        simulate = graphlib.function([], T.cast(accept, floatX).mean(), updates=updates, name="simulate")
        return cls(
            positions=shared_positions,
            stepsize=stepsize,
            stepsize_min=stepsize_min,
            stepsize_max=stepsize_max,
            avg_acceptance_rate=average,
            target_acceptance_rate=target_acceptance_rate,
            s_rng=s_rng,
            simulate=simulate,
        )

    def draw(self) -> np.ndarray:
        """The particles' positions after another move: an array (particles, …) of their own."""
        self.simulate()
        return self.positions.get_value(borrow=False)
