#!/usr/bin/env bash
# PyTorch 2.13.0: trigamma, and with it the gradient of digamma, is exact to nine digits in float64 (CPU).
#
# torch.digamma, torch.lgamma and torch.polygamma(2, x) agree with SciPy to the last digits. polygamma(1, x), which is
# also the gradient of digamma and the second derivative of lgamma (Gamma, Beta and Dirichlet distributions by Newton
# steps), is off by up to 5e-10: a relative error two million times float64's rounding. torch.special.zeta(2, x)
# is the same function, exact. Found by random programs held against graphlib.
#
# Seen: at x = 1.1358 gradient 1.36940552312, trigamma 1.36940552245; largest relative error 4.9e-10, of zeta(2, x) 0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.13.0 scipy==1.17.1 numpy==2.4.6
"$folder/env/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import torch
from scipy.special import polygamma

x = np.linspace(0.1, 12, 2000)
t = torch.tensor(x, requires_grad=True)
(gradient,) = torch.autograd.grad(torch.digamma(t).sum(), t)


def error(values, n):
    return np.abs(values.detach().numpy() / polygamma(n, x) - 1)


off = error(gradient, 1)
zeta = torch.special.zeta(torch.tensor(2.0, dtype=torch.float64), torch.tensor(x))
k = off.argmax()
print(f"at x = {x[k]:.4f} gradient {gradient[k].item():.11f}, trigamma {polygamma(1, x[k]):.11f}; largest relative "
      f"error {off.max():.1e}, of zeta(2, x) {error(zeta, 1).max():.1e}")
assert off.max() > 1e-10, "trigamma is exact now"
assert error(torch.polygamma(1, torch.tensor(x)), 1).max() > 1e-10
assert error(torch.polygamma(2, torch.tensor(x)), 2).max() < 1e-13
assert error(zeta, 1).max() < 1e-13
PYTHON
