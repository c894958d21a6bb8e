"""Programs written for Theano run unchanged: each in a process of its own, as a user starts it."""

import os
import subprocess
import sys

import numpy as np
import pytest

PROGRAM = """
from __future__ import print_function
import sys
import numpy
import theano
import theano.tensor as T
from theano import config, function, shared, tensor
from theano.compile.mode import get_default_mode
from theano.ifelse import ifelse
from theano.sandbox.rng_mrg import MRG_RandomStreams
from theano.tensor.nnet import conv, conv2d
from theano.tensor.shared_randomstreams import RandomStreams
from theano.tensor.signal import downsample, pool

theano.config.warn.subtensor_merge_bug = False
theano.config.compute_test_value = 'off'
print('arguments', sys.argv[1:], config.floatX, get_default_mode())

rng = numpy.random.RandomState(1)
x, y = T.matrix('x'), T.ivector('y')
zeros = numpy.zeros((5, 3), dtype=theano.config.floatX)
W = theano.shared(value=zeros, name='W', borrow=True)
cost = -T.mean(T.log(T.nnet.softmax(T.dot(x, W)))[T.arange(y.shape[0]), y])
g = T.grad(cost=cost, wrt=W)
train = theano.function(inputs=[x, y], outputs=cost, updates=[(W, W - 0.5 * g)])
X = rng.randn(30, 5).astype(config.floatX)
Y = (X.sum(axis=1) > 0).astype('int32')
for epoch in range(3):
    print('cost', train(X, Y))

zero = T.constant(0, dtype='int64')
sums, updates = theano.scan(lambda a, b: a + b, sequences=T.arange(5), outputs_info=zero)
print('sums', theano.function([], sums, updates=updates)().tolist())
images = T.tensor4()
ones = numpy.ones((2, 1, 3, 3), config.floatX)
pooled = pool.pool_2d(conv2d(images, ones), (2, 2), ignore_border=True)
print('pooled', theano.function([images], pooled)(numpy.ones((1, 1, 8, 8), config.floatX)).shape)
draws = [s(3).uniform((4,)) for s in (RandomStreams, MRG_RandomStreams)]
print('draws', [v.shape for v in theano.function([], draws)()])
chosen = ifelse(T.gt(y.sum(), 3), T.constant(1.0), T.constant(2.0))
print('chosen', theano.function([y], chosen)(Y))

import collections, inspect
cast = numpy.cast[config.floatX]([1, 2])
old = [numpy.float(3), numpy.asscalar(numpy.product([2, 3])), numpy.in1d([1, 5], [5]).tolist(), numpy.Inf]
names = inspect.getargspec(numpy.cast['int8']).args
print('old', cast.dtype, old, isinstance([], collections.Iterable), names)
"""


def run(program, *arguments, flags=""):
    environment = {**os.environ, "THEANO_FLAGS": flags}
    environment.pop("GRAPHLIB_FLAGS", None)
    return subprocess.run(
        [sys.executable, "-m", "graphlib.compat.theano", str(program), *arguments],
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
    )


def by_hand(dtype):
    """The costs of the program's logistic regression by numpy."""
    rng = np.random.RandomState(1)
    x = rng.randn(30, 5).astype(dtype)
    y = (x.sum(axis=1) > 0).astype(int)
    w, costs = np.zeros((5, 3), dtype), []
    for _ in range(3):
        z = x @ w
        p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        costs.append(-np.log(p[np.arange(30), y]).mean())
        p[np.arange(30), y] -= 1
        w = w - (0.5 / 30) * (x.T @ p)
    return costs


@pytest.mark.parametrize(
    ("flags", "dtype"), [("", "float64"), ("floatX=float32,device=cpu,openmp=True", "float32")]
)
def test_a_program_of_theanos(tmp_path, flags, dtype):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = run(program, "one", "--two", flags=flags)
    assert done.returncode == 0, done.stderr
    lines = [line.split(" ", 1) for line in done.stdout.splitlines()]
    assert lines[0] == ["arguments", f"['one', '--two'] {dtype} fast_run"]
    costs = [float(text) for name, text in lines if name == "cost"]
    np.testing.assert_allclose(costs, by_hand(dtype), rtol=1e-5 if dtype == "float32" else 1e-12)
    rest = {name: text for name, text in lines if name not in ("cost", "arguments")}
    assert rest == {
        "sums": "[0, 1, 3, 6, 10]",
        "pooled": "(1, 2, 3, 3)",
        "draws": "[(4,), (4,)]",
        "chosen": "1.0",
        # what NumPy and Python had then
        "old": f"{dtype} [3.0, 6, [False, True], inf] True ['values']",
    }


@pytest.mark.parametrize(
    "text", ["import theano\nprint theano.config.floatX\n", "import theano\nfor i in xrange(3): pass\n"]
)
def test_a_program_in_python_2(tmp_path, text):
    program = tmp_path / "old.py"
    program.write_text(text)
    done = run(program)
    assert done.returncode == 1 and f"python -m graphlib.compat.port {program}" in done.stderr


def test_a_name_that_is_missing_has_nothing_to_do_with_python_2(tmp_path):
    program = tmp_path / "new.py"
    program.write_text("missing\n")
    done = run(program)
    assert done.returncode == 1 and "NameError" in done.stderr and "port" not in done.stderr


def test_a_file_that_is_not_there(tmp_path):
    done = run(tmp_path / "nothing.py")
    assert done.returncode == 2 and "there is no file" in done.stderr


def test_what_graphlib_lacks_is_named(tmp_path):
    program = tmp_path / "program.py"
    program.write_text("import theano.tensor as T\nT.nonsense")
    done = run(program)
    assert done.returncode == 1
    assert "theano.tensor has no 'nonsense' in graphlib" in done.stderr
