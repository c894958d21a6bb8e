#!/usr/bin/env bash
# JAX 0.10.2: the gradient of digamma is right down to -7, and below -8.5 it is any number, up to 1e24 and negative.
#
# digamma itself has all its digits there, and the first gradient of gammaln with it. Its derivative, polygamma(1, x),
# is Hurwitz' zeta(2, x) by Euler's and Maclaurin's formula: sixteen terms from x on, wherever x is, and a series for the
# rest that is only good where the last of them is far above zero. Every derivative after the first has it, a Hessian of
# gammaln too. The truth is positive everywhere: a sum of squares. Nothing in the documentation says so.
#
# Seen: at -7.5 9.744759437 (truth 9.744766282), at -8.5 6.79 (9.76), at -9.5 -2.9e+12 (9.77), at -9.83 -1.5e+24 (37.99)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2 scipy==1.17.1 numpy==2.4.6 mpmath==1.4.1
JAX_PLATFORMS=cpu "$folder/env/bin/python" - <<'PYTHON'
import jax
import mpmath

jax.config.update("jax_enable_x64", True)
from jax.scipy.special import digamma, gammaln  # noqa: E402


def error(found, truth):
    return abs(float(found) / float(truth) - 1)


for x in (-3.3, -7.5, -8.5, -9.5, -9.83):
    value, slope, truth = digamma(x), jax.grad(digamma)(x), mpmath.psi(1, x)
    print(f"{x:6}: digamma {float(value):.9g}, its gradient {float(slope):.10g}, in truth {float(truth):.10g}")
    assert error(value, mpmath.psi(0, x)) < 1e-12, "digamma itself is right"
    assert error(jax.grad(gammaln)(x), mpmath.psi(0, x)) < 1e-12, "and so is the gradient of gammaln"
    assert truth > 0

assert error(jax.grad(digamma)(-3.3), mpmath.psi(1, -3.3)) < 1e-12
for x, least in ((-8.5, 0.1), (-9.5, 1e10), (-9.83, 1e20)):
    assert error(jax.grad(digamma)(x), mpmath.psi(1, x)) > least, f"the gradient at {x} is right now"
    assert error(jax.grad(jax.grad(gammaln))(x), mpmath.psi(1, x)) > least
PYTHON
