"""What Python, NumPy and scikit-learn have given up since these packages were written, nothing of Theano."""

import collections
import collections.abc
import inspect
import logging
import sys
import types

import numpy as np
import numpy.testing

for name in ("Callable", "Iterable", "Mapping", "MutableMapping", "MutableSet", "Sequence"):
    setattr(collections, name, getattr(collections.abc, name))
_ArgSpec = collections.namedtuple("_ArgSpec", "args varargs keywords defaults")
inspect.getargspec = lambda f: _ArgSpec(*inspect.getfullargspec(f)[:4])
np.asscalar = lambda a: a.item()
for kind in (bool, float, int, object):
    if kind.__name__ not in np.__dict__:
        setattr(np, kind.__name__, kind)


class Tester:
    """NumPy's runner of tests, which PyMC3 makes one of when it is imported."""

    def __init__(self, *settings, **more):
        self.test = None


numpy.testing.Tester = Tester
umath_tests = types.ModuleType("numpy.core.umath_tests")
umath_tests.inner1d = lambda a, b: (a * b).sum(-1)
sys.modules[umath_tests.__name__] = umath_tests

try:
    # theanets wants a later one than PyPI has
    import climate

    climate.get_logger = logging.getLogger
except ImportError:
    pass
try:
    from sklearn import model_selection

    folds = types.ModuleType("sklearn.cross_validation")
    folds.KFold = lambda n, n_folds: model_selection.KFold(int(n_folds)).split(np.zeros(n))
    folds.StratifiedKFold = lambda y, n_folds: model_selection.StratifiedKFold(int(n_folds)).split(y, y)
    sys.modules[folds.__name__] = folds
except ImportError:
    pass
