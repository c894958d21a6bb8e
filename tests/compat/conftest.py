"""``theano`` as its programs import it, for one test."""

import sys

import pytest

from graphlib import config
from graphlib.compat.theano import install
from graphlib.compile.function import Function
from graphlib.graph import Shared, Variable
from graphlib.ops.shape import Shape


@pytest.fixture
def theano():
    """The module ``theano``, floatX float64; afterwards it is gone and settings are as before."""
    changed = ("__pow__", "__rpow__", "__getitem__", "__array__", "__array_function__")
    finders = list(sys.meta_path)
    methods = {name: getattr(Variable, name) for name in changed}
    length, set_value = Shape.__getitem__, Shared.set_value
    container = Function.container
    with config.change():
        install()
        yield sys.modules["theano"]
    sys.meta_path[:] = finders
    Shape.__getitem__, Shared.set_value = length, set_value
    Function.container = container
    for name, method in methods.items():
        setattr(Variable, name, method)
    for name in [name for name in sys.modules if name.split(".")[0] == "theano"]:
        del sys.modules[name]
