"""PyMC3 3.6: the logarithms of its distributions' densities, and their gradients, at fixed points.

`with_pymc3_distributions.py NAMES` tries some of them.  The same program runs on Theano 1.0.5.
"""

import sys

import _today  # noqa: F401
import numpy as np
import pymc3 as pm
import theano.tensor as tt

factor = np.random.RandomState(3).randn(3, 3)
cov = factor @ factor.T + np.eye(3)
MODELS = {
    "Uniform": lambda: pm.Uniform("x", -1, 2),
    "Flat": lambda: pm.Flat("x"),
    "HalfFlat": lambda: pm.HalfFlat("x"),
    "Normal": lambda: pm.Normal("x", 1, 2, shape=3),
    "TruncatedNormal": lambda: pm.TruncatedNormal("x", 1, 2, lower=0, upper=4),
    "Beta": lambda: pm.Beta("x", 2.0, 3.0),
    "Kumaraswamy": lambda: pm.Kumaraswamy("x", 2.0, 3.0),
    "Exponential": lambda: pm.Exponential("x", 2.0),
    "Laplace": lambda: pm.Laplace("x", 1.0, 2.0),
    "StudentT": lambda: pm.StudentT("x", 4.0, 1.0, 2.0, shape=2),
    "Cauchy": lambda: pm.Cauchy("x", 1.0, 2.0),
    "HalfCauchy": lambda: pm.HalfCauchy("x", 2.0),
    "Gamma": lambda: pm.Gamma("x", 2.0, 3.0),
    "InverseGamma": lambda: pm.InverseGamma("x", 2.0, 3.0),
    "ChiSquared": lambda: pm.ChiSquared("x", 3.0),
    "Weibull": lambda: pm.Weibull("x", 2.0, 3.0),
    "Bound": lambda: pm.Bound(pm.Normal, lower=0.0, upper=3.0)("x", mu=1.0, sd=1.0),
    "Lognormal": lambda: pm.Lognormal("x", 0.0, 1.0),
    "Pareto": lambda: pm.Pareto("x", 2.0, 1.0),
    "ExGaussian": lambda: pm.ExGaussian("x", 0.0, 1.0, 2.0),
    "VonMises": lambda: pm.VonMises("x", 0.5, 2.0),
    "SkewNormal": lambda: pm.SkewNormal("x", 0.0, 1.0, alpha=2.0),
    "Triangular": lambda: pm.Triangular("x", -1.0, 2.0, 0.5),
    "Gumbel": lambda: pm.Gumbel("x", 0.0, 2.0),
    "Logistic": lambda: pm.Logistic("x", 0.0, 2.0),
    "LogitNormal": lambda: pm.LogitNormal("x", 0.0, 1.0),
    "Wald": lambda: pm.Wald("x", 1.0, 2.0),
    "HalfNormal": lambda: pm.HalfNormal("x", 2.0),
    "HalfStudentT": lambda: pm.HalfStudentT("x", 3.0, 2.0),
    "Rice": lambda: pm.Rice("x", 1.0, 2.0),
    "Interpolated": lambda: pm.Interpolated("x", np.linspace(0, 3, 20), np.exp(-np.linspace(0, 3, 20))),
    "Binomial": lambda: pm.Binomial("x", 5, 0.3),
    "BetaBinomial": lambda: pm.BetaBinomial("x", 2.0, 3.0, 5),
    "Bernoulli": lambda: pm.Bernoulli("x", 0.3),
    "Poisson": lambda: pm.Poisson("x", 2.0),
    "NegativeBinomial": lambda: pm.NegativeBinomial("x", 3.0, 2.0),
    "ConstantDist": lambda: pm.Constant("x", 2),
    "ZeroInflatedPoisson": lambda: pm.ZeroInflatedPoisson("x", 0.5, 2.0),
    "ZeroInflatedBinomial": lambda: pm.ZeroInflatedBinomial("x", 0.5, 4, 0.3),
    "ZeroInflatedNegativeBinomial": lambda: pm.ZeroInflatedNegativeBinomial("x", 0.5, 2.0, 3.0),
    "DiscreteUniform": lambda: pm.DiscreteUniform("x", 0, 5),
    "Geometric": lambda: pm.Geometric("x", 0.3),
    "Categorical": lambda: pm.Categorical("x", np.array([0.2, 0.3, 0.5])),
    "DiscreteWeibull": lambda: pm.DiscreteWeibull("x", 0.5, 1.5),
    "OrderedLogistic": lambda: pm.OrderedLogistic("x", 0.5, np.array([-1.0, 0.0, 2.0])),
    "MvNormal": lambda: pm.MvNormal("x", np.zeros(3), cov=cov, shape=3),
    "MvNormalChol": lambda: pm.MvNormal("x", np.zeros(3), chol=np.linalg.cholesky(cov), shape=3),
    "MvNormalTau": lambda: pm.MvNormal("x", np.zeros(3), tau=np.linalg.inv(cov), shape=3),
    "MvStudentT": lambda: pm.MvStudentT("x", 4.0, Sigma=cov, mu=np.zeros(3), shape=3),
    "Dirichlet": lambda: pm.Dirichlet("x", np.array([1.0, 2.0, 3.0])),
    "Multinomial": lambda: pm.Multinomial("x", 5, np.array([0.2, 0.3, 0.5]), shape=3),
    "Wishart": lambda: pm.Wishart("x", 5, cov, shape=(3, 3), testval=cov),
    "LKJCorr": lambda: pm.LKJCorr("x", n=3, eta=2.0),
    "LKJCholeskyCov": lambda: pm.LKJCholeskyCov("x", n=3, eta=2.0, sd_dist=pm.HalfNormal.dist(1.0)),
    "MatrixNormal": lambda: pm.MatrixNormal(
        "x", mu=np.zeros((3, 2)), rowcov=cov, colcov=np.eye(2), shape=(3, 2)
    ),
    "KroneckerNormal": lambda: pm.KroneckerNormal("x", mu=np.zeros(6), covs=[cov, np.eye(2) * 2], shape=6),
    "AR1": lambda: pm.AR1("x", 0.5, 1.0, shape=5),
    "AR": lambda: pm.AR("x", np.array([0.5, 0.2]), shape=6),
    "GaussianRandomWalk": lambda: pm.GaussianRandomWalk("x", sd=1.0, shape=5),
    "GARCH11": lambda: pm.GARCH11("x", 1.0, 0.2, 0.3, 1.0, shape=5),
    "MvGaussianRandomWalk": lambda: pm.MvGaussianRandomWalk("x", np.zeros(3), cov=cov, shape=(4, 3)),
    "Mixture": lambda: pm.Mixture("x", np.array([0.3, 0.7]), [pm.Normal.dist(0, 1), pm.Normal.dist(2, 0.5)]),
    "NormalMixture": lambda: pm.NormalMixture(
        "x", np.array([0.3, 0.7]), np.array([0.0, 2.0]), sd=np.array([1.0, 0.5])
    ),
    "Hierarchy": lambda: pm.Normal("x", pm.Normal("m", 0, 1), pm.HalfCauchy("s", 1.0), shape=4),
    "DensityDist": lambda: pm.DensityDist("x", lambda v: -tt.log(1 + v**2) * 1.5, shape=2),
    "GP": lambda: pm.gp.Latent(cov_func=pm.gp.cov.ExpQuad(1, 1.0) + pm.gp.cov.WhiteNoise(0.01)).prior(
        "x", np.linspace(0, 1, 4)[:, None]
    ),
    "GPMarginal": lambda: pm.gp.Marginal(
        cov_func=pm.HalfNormal("a", 1.0) ** 2 * pm.gp.cov.Matern52(1, pm.Gamma("l", 2, 1))
    ).marginal_likelihood("x", np.linspace(0, 1, 4)[:, None], np.array([0.0, 1, 0, -1]), noise=0.1),
    "Observed": lambda: pm.Normal("x", pm.Normal("m", 0, 1), 1.0, observed=np.array([1.0, 2, 3])),
    "Missing": lambda: pm.Normal(
        "x", pm.Normal("m", 0, 1), 1.0, observed=np.ma.masked_values([1.0, -9, 3], -9)
    ),
    "Potential": lambda: pm.Potential("p", -(pm.Normal("m", 0, 1) ** 4)),
    "Deterministic": lambda: pm.Normal(
        "z", pm.Deterministic("d", pm.Normal("m", 0, 1) * 2), 1.0, observed=1.0
    ),
}
for name in sys.argv[1:] or MODELS:
    with pm.Model() as model:
        MODELS[name]()
    draws = np.random.RandomState(1)
    point = {
        key: value + 0.1 * draws.randn(*value.shape)
        if value.dtype.kind == "f" and name != "Wishart"
        else value
        for key, value in model.test_point.items()
    }
    point = {key: np.asarray(value) for key, value in point.items()}
    free = model.cont_vars if model.free_RVs else []
    slopes = np.ravel(model.dlogp(free)(point)) if free else []
    print(name, *(f"{value:.10g}" for value in [float(model.logp(point)), *slopes]), flush=True)
