"""Hybrid Monte Carlo: a sampler of any distribution whose energy has a gradient, a test of it on a Gaussian
(``python tutorials/hmc/gaussian.py``), and an example with an energy of one's own
(``python tutorials/hmc/own_energy.py``).
"""
