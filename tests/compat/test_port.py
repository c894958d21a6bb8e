"""``python -m graphlib.compat.port``: what becomes of programs that were written for Theano."""

import runpy
import textwrap

import numpy as np
import pytest

from graphlib import config
from graphlib.compat.port import main, port
from graphlib.compat.port.python2 import is_python3

PROGRAM = textwrap.dedent('''
    """A logistic regression."""
    import os, theano
    import theano.tensor as T
    from theano import config, function as compiled
    from theano.tensor.nnet import sigmoid
    from theano.tensor.shared_randomstreams import RandomStreams

    theano.config.warn.subtensor_merge_bug = False
    x = T.matrix('x')  # rows
    w = theano.shared(__import__("numpy").zeros(3, config.floatX), name='w')
    cost = T.nnet.binary_crossentropy(sigmoid(T.dot(x, w)), T.ones_like(x[:, 0])).mean()
    step = compiled([x], cost, updates=[(w, w - .5 * theano.tensor.grad(cost, w))])
    draw = compiled([], RandomStreams(seed=234).uniform((2, 2)))
''').lstrip()

PYTHON2 = textwrap.dedent("""
    import cPickle
    import theano, numpy
    import theano.tensor as T

    def train(data, batch_size=2, rate=.5):
        n_batches = data.shape[0] / batch_size
        total = theano.shared(numpy.float64(0), 'total')
        f = theano.function([], [], updates={total: total + rate}.items())
        for i in xrange(n_batches):
            f()
            print 'batch', i, '%s' % `i`
        n_batches /= 1
        return total.get_value() / 2.

    def load(name):
        return cPickle.load(open(name, 'rb'))

    result = train(numpy.zeros((5, 2)))
""").lstrip()


def run(text, folder):
    (folder / "ported.py").write_text(text, encoding="utf-8")
    with config.change():
        return runpy.run_path(str(folder / "ported.py"))


def test_what_is_imported_is_imported_once_and_devices_are_a_setting(tmp_path):
    program = textwrap.dedent("""
        import graphlib
        import theano
        import theano.sandbox.cuda
        from theano.sandbox import cuda
        import theano.tensor, theano

        theano.sandbox.cuda.use("cpu")
        if theano.config.device == "gpu":
            cuda.use("gpu0")

        def double():
            import theano
            return theano.function([], 2 * theano.tensor.ones(2))
    """).lstrip()
    found = port(program).text
    assert found.startswith(
        "import graphlib\nimport graphlib.tensor\n\n"
        'graphlib.config.floatX = "float64"  # as Theano had it; float32 is fast\n\n'
        'graphlib.config.device = "cpu"\nif graphlib.config.device == "gpu":\n'
        '    graphlib.config.device = "cuda"\n'
    )
    np.testing.assert_array_equal(run(found, tmp_path)["double"]()(), [2, 2])
    alone = port("from theano.sandbox.cuda import use\nuse('gpu')\n").text
    assert alone.startswith("import graphlib\n") and "compat" not in alone
    asked = port("from theano.sandbox import cuda\nx = cuda.cuda_available\ncuda.use(x)\n").text
    assert asked.startswith("from graphlib.compat.theano import cuda\n") and asked.endswith("cuda.use(x)\n")


def test_imports_and_names(tmp_path):
    result = port(PROGRAM)
    assert "# rows" in result.text and "import os\nimport graphlib\n" in result.text
    left = [line for line in result.text.splitlines() if "theano" in line.split("#")[0]]
    assert left == []
    for line in (
        "import graphlib.tensor as T",
        "from graphlib import config, function as compiled",
        "from graphlib.tensor.sequential import MersenneStreams as RandomStreams",
        'graphlib.config.floatX = "float64"  # as Theano had it; float32 is fast',
        "pass  # theano.config.warn.subtensor_merge_bug = False",
    ):
        assert line in result.text.splitlines(), line
    assert result.left == [] and len(result.notes) == 2
    names = run(result.text, tmp_path)
    np.testing.assert_allclose(names["step"](np.ones((2, 3))), np.log(2))
    np.testing.assert_allclose(names["w"].get_value(), [0.25] * 3)
    # Theano 1.0.5: the seeds that it derives from 234
    np.testing.assert_allclose(
        names["draw"](), [[0.12672381, 0.97091597], [0.13989098, 0.88754825]], rtol=1e-6
    )


def test_python_2(tmp_path):
    pytest.importorskip("fissix")
    result = port(PYTHON2)
    for part in (
        "data.shape[0] // batch_size",
        "n_batches //= 1",
        "get_value() / 2.",
        "pickle.load(open(name, 'rb'), encoding=\"latin1\")",
        "print('batch', i",
    ):
        assert part in result.text, part
    assert any("it is Python 2" in note for note in result.notes) and result.left == []
    assert run(result.text, tmp_path)["result"] == 0.5


def test_which_python_a_program_is_in():
    """By what only Python 2 has, unless the program sees to that itself."""
    for text in ("import cPickle\n", "import cPickle as pickle\n", "for i in xrange(3): pass\n", "print 1\n"):
        assert not is_python3(text), text
    for text in (
        "try:\n    import cPickle as pickle\nexcept ImportError:\n    import pickle\n",
        "from six.moves import xrange, cPickle\nfor i in xrange(3): cPickle.loads(b'')\n",
        "try:\n    xrange\nexcept NameError:\n    xrange = range\n",
    ):
        assert is_python3(text), text


def test_what_cannot_be_changed_is_said(tmp_path, capsys):
    text = "import theano\nimport theano.tensor as T\nx = T.vector()\n"
    text += "x.tag.test_value = 1\ny = theano.scan_checkpoints\n"
    program, new = tmp_path / "old.py", tmp_path / "new.py"
    program.write_text(text)
    assert main([str(program), "-o", str(new), "--floatX", "float32"]) == 1
    shown = capsys.readouterr()
    assert "-import theano\n" in shown.out and "+import graphlib\n" in shown.out
    assert "left: line 4: .tag is only in the compatibility layer" in shown.err
    assert "left: line 5: theano.scan_checkpoints: use theano.scan" in shown.err
    assert "floatX" not in new.read_text() and program.read_text() == text
    program.write_text("import numpy\n")
    assert main([str(program), "-o", "-"]) == 0
    assert capsys.readouterr().out == "import numpy\n"
    program.write_text("def f(:\n")
    with pytest.raises(SystemExit):
        main([str(program)])
