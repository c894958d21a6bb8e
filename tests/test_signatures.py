"""No public function takes an argument and ignores it, and all are described."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.errors import DTypeError

PACKAGE = Path(graphlib.__file__).parent
#: the folders whose functions users call
PUBLIC = ("control", "gradient", "gradient_check.py", "graph", "ops", "printing", "tensor")
#: arguments without effect, by the function's name; its documentation says so
WITHOUT_EFFECT = {"scan": {"mode", "profile", "allow_gc", "strict"}, "topk_and_argtopk": {"sorted"}}
#: what all methods of a protocol are given, whether one needs it or not
GIVEN = {"self", "cls", "node", "operands", "require", "grads", "of"}


def functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    """The module-level functions of the public folders that do not begin with an underscore."""
    for part in PUBLIC:
        path = PACKAGE / part
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            for node in ast.parse(file.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                    yield f"{file.relative_to(PACKAGE)}:{node.lineno}: {node.name}", node


def test_every_argument_is_read():
    ignored = []
    for where, node in functions():
        read = {n.id for part in node.body for n in ast.walk(part) if isinstance(n, ast.Name)}
        names = {a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)}
        unread = names - read - GIVEN - WITHOUT_EFFECT.get(node.name, set())
        ignored += [f"{where}: {name}" for name in sorted(unread) if not name.startswith("_")]
    assert ignored == []


@pytest.mark.parametrize("home", [graphlib, T, T.nnet, T.signal.pool, T.extra_ops], ids=lambda h: h.__name__)
def test_every_public_name_is_described(home):
    missing = [
        name
        for name in dir(home)
        if not name.startswith("_") and callable(getattr(home, name)) and not getattr(home, name).__doc__
    ]
    assert missing == []


def test_what_is_shown_of_graphlib_and_of_t_is_the_users():
    for home in (graphlib, T):
        shown = {name for name in dir(home) if not name.startswith("_")}
        assert shown == set(home.__all__)
        strangers = {
            name
            for name in shown
            if getattr(getattr(home, name), "__module__", "graphlib").split(".")[0]
            not in ("graphlib", "numpy")
        }
        assert strangers == set()


def test_elements_are_added_up_in_another_dtype():
    x = T.ivector("x")
    values = np.array([2**30, 2**30, 2**30], "int32")
    narrow, wide = graphlib.function(
        [x], [T.sum(x, dtype="int64", acc_dtype="int32"), T.sum(x, dtype="int64")]
    )(values)
    assert (narrow, wide) == (np.sum(values, dtype="int32"), np.sum(values, dtype="int64"))
    y = T.fvector("y")
    mean = T.mean(y, acc_dtype="float64")
    assert mean.dtype == "float32"
    big = np.array([1e30, 1.0, -1e30], "float32")
    assert graphlib.function([y], mean, mode="reference")(big) == np.float32(np.mean(big, dtype="float64"))


def test_what_is_not_supported_is_refused_by_name():
    x = T.vector("x")
    with pytest.raises(ValueError, match="null_gradients must be 'raise' or 'return', not 'ignore'"):
        T.grad(x.sum(), x, null_gradients="ignore")
    with pytest.raises(ValueError, match="mode must be 'low_mem' or 'high_mem', not 'fast'"):
        T.nnet.batch_normalization(x, 1, 0, 0, 1, mode="fast")
    with pytest.raises(DTypeError, match=r"shared\(\): the value"):
        graphlib.shared(np.zeros(3), dtype="float32", strict=True)
    assert graphlib.shared(np.zeros(3), dtype="float32", allow_downcast=True).dtype == "float32"


def test_a_copy_is_another_variable_with_a_name():
    x = T.vector("x")
    y = x.copy(name="y")
    assert y is not x and y.name == "y" and x.copy().name is None and x.name == "x"
    assert graphlib.function([x], y)([1, 2]).tolist() == [1, 2]


def test_tile_has_the_dimensions_that_are_asked_for():
    x = np.arange(3.0)
    assert T.tile(x, 2, ndim=3).eval().tolist() == np.tile(x, (1, 1, 2)).tolist()


def test_methods_take_what_the_functions_take():
    x = T.vector("x")
    for method, function in ((x.sum, T.sum), (x.argmax, T.argmax), (x.dot, T.dot)):
        first, *rest = inspect.signature(function).parameters.values()
        assert list(inspect.signature(method).parameters.values()) == rest, first
