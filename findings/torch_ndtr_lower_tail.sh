#!/usr/bin/env bash
# PyTorch 2.13.0: special.ndtr is 0 below -5.56 in float32 (-8.38 in float64), where exp(log_ndtr) has all digits.
#
# The probability that a standard normal number is less than x matters where it is small: tails are what the function is
# for. It is computed as (1 + erf(x / sqrt 2)) / 2, so that below zero it has only what is left of that 1: at -5 in float32
# 4 % are wrong, at -6 it is 0 for 9.9e-10. log_ndtr beside it, with a formula of its own for tails, is right to the last
# digits, as is erfc(-x / sqrt 2) / 2. distributions.Normal.cdf has the same zeros. The documentation gives the integral.
#
# Seen: float32 at -4, -5, -6: relative error 3e-04 4e-02 1e+00; float64 at -7, -8, -8.4: 2e-06 2e-02 1e+00
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.13.0 scipy==1.17.1 numpy==2.4.6
"$folder/env/bin/python" - <<'PYTHON'
import scipy.special
import torch


def error(found, x):
    return abs(found.item() / scipy.special.ndtr(x.double().item()) - 1)


for dtype, places in ((torch.float32, (-4.0, -5.0, -6.0)), (torch.float64, (-7.0, -8.0, -8.4))):
    x = torch.tensor(places, dtype=dtype)
    print(dtype, "at", *places, "relative error", *(f"{error(*pair):.0e}" for pair in zip(torch.special.ndtr(x), x)))
    digits = 1e-4 if dtype is torch.float32 else 1e-12
    for right in (torch.special.log_ndtr(x).exp(), torch.erfc(-x / 2**0.5) / 2):
        assert all(error(*pair) < digits for pair in zip(right, x)), "log_ndtr and erfc have their digits"

six, eight = torch.tensor(-6.0), torch.tensor(-8.4, dtype=torch.float64)
assert torch.special.ndtr(six).item() == 0, "float32 has its tail now"
assert torch.special.ndtr(eight).item() == 0, "float64 has its tail now"
assert torch.distributions.Normal(0.0, 1.0).cdf(six).item() == 0
assert error(torch.special.ndtr(torch.tensor(-5.0)), torch.tensor(-5.0)) > 1e-2
assert error(torch.special.ndtr(-six), -six) < 1e-6
PYTHON
