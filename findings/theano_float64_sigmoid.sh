#!/usr/bin/env bash
# Theano 1.0.5: the sigmoid and the softplus of float64 have eight digits where they are compiled to C.
#
# Above 19 the C of nnet.sigmoid gives 1, with which its gradient becomes 0, and above 16 that of softplus gives x: both
# are where float32 rounds to, or a little later, not float64. The same graph without a C compiler (or where Theano runs
# it in Python, as it does for constants) has all digits, so that a result depends on what was folded.
#
# Seen: at 20: 1 - sigmoid C 0, Python 2.1e-09; its gradient C 0, Python 2.1e-09; softplus - x C 0, Python 2.1e-09
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" # Python 3.11 at most, for the last NumPy that Theano takes
"$folder/env/bin/pip" install --quiet Theano==1.0.5 numpy==1.23.5 scipy==1.11.4 'setuptools<66' six==1.17.0
THEANO_FLAGS="base_compiledir=$folder/compiled,floatX=float64" "$folder/env/bin/python" -W ignore - <<'PYTHON'
import collections.abc
import inspect
import logging

# names that Python and NumPy have dropped since, for Theano's import
spec = collections.namedtuple("spec", "args varargs keywords defaults")
inspect.getargspec = lambda function: spec(*inspect.getfullargspec(function)[:4])
for name in ("Callable", "Iterable", "Mapping", "MutableMapping", "Sequence", "MutableSet"):
    setattr(collections, name, getattr(collections.abc, name))
collections.OrderedDict = collections.OrderedDict
import numpy.distutils.__config__ as configuration  # noqa: E402

configuration.blas_opt_info = {}
logging.disable(logging.WARNING)
import theano  # noqa: E402
import theano.tensor as T  # noqa: E402

x = T.dscalar()
sigmoid = T.nnet.sigmoid(x)
results = [sigmoid, T.grad(sigmoid, x), T.nnet.softplus(x)]
assert theano.config.cxx, "no C++ compiler"
found = {}
for name, linker in (("C", "c|py"), ("Python", "py")):
    s, gradient, softplus = theano.function([x], results, mode=theano.Mode(linker=linker))(20.0)
    found[name] = [1 - s, gradient, softplus - 20]
    print(name, *(f"{number:.1e}" for number in found[name]))
assert not any(found["C"]), "the C has float64's digits now"
truth = 2.0611536e-09  # exp(-20)
assert all(abs(number / truth - 1) < 1e-5 for number in found["Python"])
PYTHON
