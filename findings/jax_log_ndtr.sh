#!/usr/bin/env bash
# JAX 0.10.2: log_ndtr, and with it stats.norm.logcdf and logsf, loses all digits but one where the probability is nearly 1.
#
# The function is there for tails, and on its negative side it has all digits. On the other one, up to 8 (in float32 up
# to 5), it is the logarithm of a number next to 1, so that what is left are multiples of that 1's rounding; above that it
# is right again, so it jumps. At 8 it is -6.7e-16, and the truth is -6.2e-16. The gradient there is exact, and so is
# log1p(-ndtr(-x)) by JAX. Its documentation says where the formulas change, and nothing of digits.
#
# Seen: float64 at 6, 7, 8, 8.2: relative error 6e-08 4e-05 7e-02 1e-14; float32 at 4, 5, 5.2: 7e-04 4e-02 1e-06
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2 scipy==1.17.1 numpy==2.4.6 mpmath==1.4.1
JAX_PLATFORMS=cpu "$folder/env/bin/python" - <<'PYTHON'
import jax
import mpmath
import numpy as np

jax.config.update("jax_enable_x64", True)
from jax.scipy.special import log_ndtr, ndtr  # noqa: E402

mpmath.mp.dps = 40


def error(x, value):
    truth = mpmath.log(mpmath.ncdf(mpmath.mpf(float(x))))
    return abs(float((mpmath.mpf(float(value)) - truth) / truth))


for dtype, places in (("float64", (6, 7, 8, 8.2)), ("float32", (4, 5, 5.2))):
    x = np.array(places, dtype)
    print(dtype, "at", *places, "relative error", *(f"{error(*pair):.0e}" for pair in zip(x, log_ndtr(x))))

assert error(8.0, log_ndtr(8.0)) > 1e-2, "float64 has its digits now"
assert error(np.float32(5), log_ndtr(np.float32(5))) > 1e-2, "float32 has its digits now"
assert float(jax.scipy.stats.norm.logcdf(8.0)) == float(log_ndtr(8.0)) == float(jax.scipy.stats.norm.logsf(-8.0))
assert error(8.2, log_ndtr(8.2)) < 1e-13 and error(-8.0, log_ndtr(-8.0)) < 1e-13
assert error(8.0, jax.numpy.log1p(-ndtr(-8.0))) < 1e-13
slope = mpmath.npdf(mpmath.mpf(8)) / mpmath.ncdf(mpmath.mpf(8))
assert abs(float(jax.grad(log_ndtr)(8.0)) / float(slope) - 1) < 1e-13
PYTHON
