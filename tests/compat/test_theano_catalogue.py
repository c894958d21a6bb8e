"""The table of Theano's names: true, as the page has it, and each name may be imported."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from graphlib.compat.theano.catalogue import names
from graphlib.compat.theano.names_page import DOCUMENTED, missing, table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "theano-names.md"


def test_the_page_has_the_table(theano):
    command = "python -m graphlib.compat.theano.names_page docs/theano-names.md"
    assert PAGE.read_text("utf-8").endswith(table()), f"names have come or gone: {command}"


def test_every_name_of_every_module_can_be_imported(theano):
    for module, known in names().items():
        for name in known:
            assert getattr(importlib.import_module(module), name) is not None, f"{module}.{name}"


def test_what_is_missing_refuses_in_words(theano):
    absent = missing()
    assert set(absent) == set(DOCUMENTED) and absent["theano.tensor"][0] > 400
    found = getattr(theano.gof, absent["theano.gof"][1][0])
    with pytest.raises(NotImplementedError, match=r"graphlib has no theano\.gof\."):
        found()


def test_blocks_that_are_chosen_for_each_sample(theano):
    """theano.tensor.nnet.blocksparse, against loops in NumPy."""
    from theano.tensor.nnet.blocksparse import sparse_block_dot, sparse_block_outer

    T, rng = theano.tensor, np.random.RandomState(5)
    W, h, b = rng.randn(3, 4, 2, 5), rng.randn(2, 2, 2), rng.randn(4, 5)
    rows, columns = np.array([[0, 2], [1, 1]]), np.array([[3, 0, 1], [2, 2, 0]])
    v = [T.dtensor4(), T.dtensor3(), T.dmatrix(), T.lmatrix(), T.lmatrix()]
    made = sparse_block_dot(v[0], v[1], v[3], v[2], v[4])
    outer = sparse_block_outer(v[0], v[1], made, v[3], v[4], 0.5)
    found, added = theano.function(v, [made, outer])(W, h, b, rows, columns)
    wanted, total = b[columns], W.copy()
    for s in range(2):
        for j, c in enumerate(columns[s]):
            for i, r in enumerate(rows[s]):
                wanted[s, j] += h[s, i] @ W[r, c]
    for s in range(2):
        for j, c in enumerate(columns[s]):
            for i, r in enumerate(rows[s]):
                total[r, c] += 0.5 * np.outer(h[s, i], wanted[s, j])
    np.testing.assert_allclose(found, wanted)
    np.testing.assert_allclose(added, total)


def test_flags_of_a_programs_own_and_of_few_values(theano):
    from theano.configparser import AddConfigVar, IntParam

    AddConfigVar("mine.depth", "how deep", IntParam(3, lambda n: n > 0))
    assert theano.config.mine.depth == 3
    with theano.change_flags(mine__depth="5", optimizer="fast_compile"):
        assert theano.config.mine.depth == 5 and theano.config.optimizer == "fast_compile"
    assert theano.config.mine.depth == 3 and theano.config.optimizer == "o4"
    with theano.change_flags(scan__allow_gc="true", openmp_elemwise_minsize="7"):
        assert theano.config.scan.allow_gc is True and theano.config.openmp_elemwise_minsize == 7
    with theano.change_flags(warn_float64="raise"), pytest.raises(TypeError, match="float64"):
        theano.tensor.exp(theano.tensor.iscalar())
    for name, value in (("mine.depth", 0), ("optimizer", "o7"), ("openmp", "perhaps")):
        with pytest.raises(ValueError):
            theano.change_flags(**{name.replace(".", "__"): value}).__enter__()
    with pytest.raises(AttributeError, match="already"):
        AddConfigVar("mine.depth", "", IntParam(1))
