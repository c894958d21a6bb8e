"""PyMC3 3.6 and 3.11: its samplers and approximations on small models, the means and deviations of draws.

`with_pymc3_samplers.py NAMES` tries some of them.  The same program runs on Theano 1.0.5: the draws of
Metropolis, slice, Gibbs and differential-evolution steps are the same there to every digit that is printed,
those of NUTS to six.
"""

import logging
import sys
import warnings

import _today  # noqa: F401
import numpy as np
import pandas
import pymc3 as pm
import theano.tensor as tt

warnings.filterwarnings("ignore")
logging.getLogger("pymc3").setLevel(logging.ERROR)
observed = np.random.RandomState(0).randn(50) + 2
draws = np.random.RandomState(1)
examples = draws.randn(100, 3)
answers = examples @ [1.0, -2.0, 3.0] + draws.randn(100) * 0.3
settings = {"chains": 1, "cores": 1, "progressbar": False, "random_seed": 1}
settings["compute_convergence_checks"] = False
if pm.__version__.startswith("3.11"):
    settings["return_inferencedata"] = False


def normal():
    """The mean and the deviation of normal numbers."""
    deviation = pm.HalfNormal("s", 5)
    pm.Normal("y", pm.Normal("mu", 0, 10), deviation, observed=observed)


def discrete():
    """Bits, a category and a count, of which a sum is known."""
    bits, category = pm.Bernoulli("b", 0.3, shape=2), pm.Categorical("c", np.array([0.2, 0.5, 0.3]))
    pm.Normal("y", bits.sum() + category + pm.Poisson("n", 3.0), 1.0, observed=np.array([4.0, 5.0]))


def regression():
    """A linear regression."""
    weights = pm.Normal("b", 0, 5, shape=3)
    pm.Normal("z", tt.dot(examples, weights), pm.HalfCauchy("s", 2.0), observed=answers)


def logistic():
    """A logistic regression."""
    weights = pm.Normal("b", 0, 2, shape=3)
    pm.Bernoulli("z", logit_p=tt.dot(examples, weights), observed=(answers > 0).astype(int))


def covariance():
    """The covariance of pairs."""
    packed = pm.LKJCholeskyCov("L", n=2, eta=2.0, sd_dist=pm.HalfCauchy.dist(2.5), **_plain())
    pm.MvNormal("d", np.zeros(2), chol=pm.expand_packed_triangular(2, packed), observed=examples[:60, :2])


def _plain():
    return {"compute_corr": False} if pm.__version__.startswith("3.11") else {}


def formula():
    """A generalized linear model by its formula."""
    table = pandas.DataFrame({"x": examples[:, 0], "y": 2 * examples[:, 0] + 1 + 0.1 * examples[:, 1]})
    pm.glm.GLM.from_formula("y ~ x", table)


def sampled(describe, step=None, count=300, **more):
    """What a sampler draws of a model."""
    with pm.Model():
        describe()
        return pm.sample(count, tune=200, step=step() if step else None, **{**settings, **more})


def fitted(method, count=2000, **more):
    """What an approximation draws of the first model."""
    with pm.Model():
        normal()
        found = pm.fit(count, method=method, random_seed=2, progressbar=False, **more)
        return found.sample(500)


SAMPLERS = {
    "NUTS": lambda: sampled(normal),
    "HMC": lambda: sampled(normal, pm.HamiltonianMC),
    "Metropolis": lambda: sampled(normal, pm.Metropolis),
    "Slice": lambda: sampled(normal, pm.Slice),
    "Gibbs": lambda: sampled(discrete),
    "DEMetropolis": lambda: sampled(normal, pm.DEMetropolis, 200, chains=4),
    "Regression": lambda: sampled(regression),
    "Logistic": lambda: sampled(logistic),
    "Covariance": lambda: sampled(covariance, count=100),
    "Formula": lambda: sampled(formula, count=100),
    "ADVI": lambda: fitted("advi"),
    "FullRankADVI": lambda: fitted("fullrank_advi"),
    "SVGD": lambda: fitted("svgd", 100, inf_kwargs={"n_particles": 20}),
}
for name in sys.argv[1:] or SAMPLERS:
    trace = SAMPLERS[name]()
    shown = (each for each in sorted(trace.varnames) if not each.endswith("__"))
    print(
        name, *(f"{each} {np.mean(trace[each]):.8g} {np.std(trace[each]):.8g}" for each in shown), flush=True
    )
