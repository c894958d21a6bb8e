#!/usr/bin/env bash
# PyTensor 3.0.7: the gradient of cumprod is NaN at a 0 in the vector, and 0 at every element before that matters.
#
# Running products are polynomials, so their gradient exists everywhere; prod, the last of them, has the right one, with a
# case of its own for one and for several zeros. cumprod's divides a running sum by the vector, which is 0 / 0 at a 0, and
# what is behind the 0 is lost: with 2, 0, 3 the products are 2, 0, 0, and the 0 counts 2 + 2*3 = 8 times. There is neither
# an error nor a warning, and one such element makes every parameter that it depends on NaN.
#
# Seen: gradient of the sum of cumprod([2, 0, 3]): [1, nan, 0], in truth [1, 8, 0]; of prod: [0, 6, 0]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet pytensor==3.0.7 numpy==2.4.6
export PYTENSOR_FLAGS="cxx=,linker=py,base_compiledir=$folder/compiled"
"$folder/env/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import pytensor
import pytensor.tensor as pt

x = pt.dvector("x")
total = pt.cumprod(x).sum()
f = pytensor.function([x], [total, pt.grad(total, x), pt.grad(pt.prod(x), x)])


def by_differences(at, step=1e-6):
    ways = np.eye(len(at)) * step
    return np.array([(f(at + way)[0] - f(at - way)[0]) / (2 * step) for way in ways])


zero, none = np.array([2.0, 0.0, 3.0]), np.array([2.0, 1.0, 3.0])
print("gradient of the sum of cumprod([2, 0, 3]):", f(zero)[1], "by differences", by_differences(zero).round(6))
print("of prod([2, 0, 3]):", f(zero)[2])
assert np.isnan(f(zero)[1][1]), "cumprod has its gradient at 0 now"
assert np.allclose(by_differences(zero), [1, 8, 0])
assert np.allclose(f(zero)[2], [0, 6, 0]), "prod has the case"
assert np.allclose(f(none)[1], by_differences(none)), "away from 0 the gradient is right"
PYTHON
