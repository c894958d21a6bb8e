"""WebAssembly: what its module is told, and the C around a library, without the compiler for it."""

from __future__ import annotations

import json
import re
import subprocess

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.errors import CompileError, ExportError
from graphlib.export import entries, pages, webassembly
from graphlib.export.portable import library_of
from graphlib.export.trained import Trained

from .calling import STRICT


@pytest.fixture(scope="module")
def library():
    x, k, n = T.matrix("x"), T.lvector("k"), T.lscalar("n")
    W = graphlib.shared(np.ones((4, 2), "float32"), name="W")
    some = {
        "step": graphlib.function([x], {"cost": T.dot(x, W).sum()}, updates=[(W, 2 * W)], mode="reference"),
        "pick": graphlib.function([k, n], {"ones": T.nonzero(k)[0], "up": T.arange(n)}, mode="reference"),
    }
    return library_of(some, "some", {"x": (3, 4), "k": 5, "n": 6}, 5, "updated", "static")


def test_the_c_around_a_library_is_strict_c(library, tmp_path):
    (tmp_path / "some.h").write_text(entries.header(library))
    (tmp_path / "glue.c").write_text(webassembly.glue(library))
    done = subprocess.run(
        ["gcc", *STRICT, "-fsyntax-only", str(tmp_path / "glue.c")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # a double would lose what is beyond 2 ** 53
    assert "call_some_pick(int32_t k_0, int64_t n)" in (tmp_path / "glue.c").read_text()
    defined = set(re.findall(r"\b(\w+)\(", (tmp_path / "glue.c").read_text()))
    assert set(webassembly.exported(library)) <= defined


def test_the_module_knows_the_library(library):
    text = webassembly.module(library)
    about = json.loads(re.search(r"const about = (\{.*?\n\});", text, re.S)[1])
    assert about["functions"]["step"]["sizes"] == {"x_0": 3}
    assert about["functions"]["pick"]["outputs"][0] == {
        "name": "ones", "dtype": "int64", "lengths": [None], "most": 5, "at": "at_1_some_pick_ones",
    }  # fmt: skip
    assert about["state"] == [{"name": "W", "dtype": "float32", "shape": [4, 2]}]
    assert "some.wasm" in text and "NAME" not in text.replace("NAMES", "")


def test_without_zig_it_is_said_how_to_get_it(library, monkeypatch):
    monkeypatch.setattr(webassembly, "find_zig", lambda: None)
    with pytest.raises(CompileError, match="pip install ziglang"):
        webassembly.binary(library)
    with pytest.raises(CompileError, match="no such compiler does not start"):
        webassembly.binary(library, ["no such compiler"])


def test_models_without_a_page_are_named(tmp_path):
    with pytest.raises(ExportError, match="no page for a model of lstm"):
        pages.page(Trained("lstm", {}, {}), tmp_path / "page.html")
    with pytest.raises(ExportError, match="needs its function 'train'"):
        pages.page(Trained("logistic_sgd", {}, {}), tmp_path / "page.html")
