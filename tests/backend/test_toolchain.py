"""What happens where something is missing: a C compiler, one that works, or a BLAS."""

import sys
import warnings

import pytest

import graphlib
import graphlib.tensor as T
from graphlib.errors import CompileError
from graphlib.run.c import toolchain

from .processes import compiler, run, script

needs_compiler = pytest.mark.skipif(compiler() is None, reason="this machine has no C compiler")

NO_COMPILER = """
    import warnings

    import numpy as np

    import graphlib
    import graphlib.tensor as T

    x = T.matrix("x")
    w = graphlib.shared(np.ones((3, 2), "float32"), name="w")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        f = graphlib.function([x], T.dot(x, w).sum(), updates=[(w, w * 2)])
        g = graphlib.function([x], T.exp(x))
        h = graphlib.function([x], x + 1, mode="check")
        r = graphlib.function([x], x - 1, mode="reference")
    values = np.arange(6, dtype="float32").reshape(2, 3)
    assert [float(f(values)), float(f(values))] == [30, 60]
    assert (w.get_value() == 4).all()
    np.testing.assert_allclose(g(values), np.exp(values), rtol=1e-6)
    np.testing.assert_array_equal(h(values), values + 1)
    for each in said:
        print(each.category.__name__, each.filename, each.message)
"""


def test_no_compiler():
    printed = run(NO_COMPILER, flags={"cc": "/nonexistent/cc"})
    (line,) = printed.splitlines()
    assert line.startswith("UserWarning")
    assert "no C compiler ('/nonexistent/cc' is not there)" in line
    assert "Install gcc or clang" in line


def test_the_reference_says_nothing_of_compilers():
    program = NO_COMPILER.replace('"check"', '"reference"')
    assert run(program, flags={"cc": "/nonexistent/cc", "mode": "reference"}) == ""


def compiled_with(path, tmp_path):
    x = T.vector("x")
    with graphlib.config.change(cc=str(path), cache_dir=str(tmp_path / "cache")):
        return graphlib.function([x], T.tanh(x) + 1, mode="fast_run")


@needs_compiler
def test_a_compiler_that_fails(tmp_path):
    broken = script(tmp_path / "cc", "echo 'error: no space on this planet' >&2\nexit 3\n")
    with pytest.raises(CompileError, match="no space on this planet") as error:
        compiled_with(broken, tmp_path)
    assert str(broken) in str(error.value)
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


@needs_compiler
def test_a_compiler_that_writes_nothing(tmp_path):
    with pytest.raises(CompileError, match="wrote nothing"):
        compiled_with(script(tmp_path / "cc", "exit 0\n"), tmp_path)
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


@needs_compiler
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "kill -9 $$\n",
            r"the C compiler was killed \(signal 9\), as happens where there is not enough memory",
        ),
        ("echo 'gcc: fatal error: Killed signal terminated program cc1' >&2\nexit 1\n", "was killed"),
        (
            "echo 'as: x.o: No space left on device' >&2\nexit 1\n",
            "found no space left .*No space left on device",
        ),
    ],
)
def test_a_compiler_that_is_killed_or_has_no_room(tmp_path, text, said):
    with pytest.raises(CompileError, match=said):
        compiled_with(script(tmp_path / "cc", text), tmp_path)
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


@needs_compiler
def test_a_cache_on_a_full_disk(tmp_path):
    """What cannot be compiled there is compiled elsewhere."""
    full = f"""case "$TMPDIR" in {tmp_path}*) echo "No space left on device" >&2; exit 1;; esac
exec {compiler()} "$@"
"""
    f = compiled_with(script(tmp_path / "cc", full), tmp_path)
    assert f([0.0]).tolist() == [1.0]


@needs_compiler
def test_zig(tmp_path, monkeypatch):
    """Its C library is announced, once; nothing is compiled by -O0, for which it makes a sanitizer first."""
    zig = tmp_path / "ziglang"
    zig.mkdir()
    (zig / "__init__.py").touch()
    (zig / "__main__.py").write_text(
        "import os, pathlib, sys\n"
        "flags = sys.argv[2:]\n"
        f"with open({str(tmp_path / 'flags')!r}, 'a') as file: file.write(' '.join(flags) + '\\n')\n"
        f"os.execv({compiler()!r}, [{compiler()!r}, *flags])\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    toolchain._say_what_zig_does.cache_clear()
    monkeypatch.setattr(toolchain, "find_compiler", lambda: (sys.executable, "-m", "ziglang", "cc"))
    x = T.vector("x")
    with graphlib.config.change(cache_dir=str(tmp_path / "cache")):
        with pytest.warns(
            UserWarning, match="compiles by zig, as there is no cc, gcc or clang: before its fir"
        ):
            assert graphlib.function([x], T.tanh(x) + 1, mode="fast_run")([0.0]).tolist() == [1.0]
        toolchain._say_what_zig_does.cache_clear()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert graphlib.function([x], T.tanh(x) + 2, mode="fast_run")([0.0]).tolist() == [2.0]
    commands = (tmp_path / "flags").read_text().splitlines()
    assert len(commands) > 2 and not [command for command in commands if "-O0" in command.split()]


@needs_compiler
def test_a_function_that_is_nowhere(tmp_path):
    from graphlib.run.c.toolchain import shared_object

    with graphlib.config.change(cache_dir=str(tmp_path / "cache")):
        with pytest.raises(CompileError, match="missing_one"):
            shared_object("int missing_one(void); int answer(void) { return missing_one(); }")
        with pytest.raises(CompileError, match="has no function question"):
            shared_object("int answer(void) { return 42; }", functions=("answer", "question"))
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


NO_BLAS = """
    import ctypes.util
    import itertools
    import sys
    import warnings

    sys.modules["scipy_openblas32"] = None
    ctypes.util.find_library = lambda name: None

    import numpy as np

    import graphlib
    import graphlib.tensor as T

    random = np.random.RandomState(3)
    lengths = [(0, 3, 2), (2, 0, 3), (1, 1, 1), (1, 70, 1), (5, 7, 3), (67, 130, 33), (128, 64, 300)]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for dtype in ("float32", "float64"):
            a, b, c = (T.matrix(name, dtype=dtype) for name in "abc")
            v = T.vector("v", dtype=dtype)
            products = [
                T.dot(a, b), T.dot(b.T, a.T), c - 0.5 * T.dot(a, b), 2 * c + T.dot(a, b), T.dot(a, v),
                T.dot(v, b), T.dot(a[::2], b[:, 1:]),
            ]
            f = graphlib.function([a, b, c, v], products)
            for m, k, n in lengths:
                A, B, C, V = (random.normal(size=s).astype(dtype) for s in [(m, k), (k, n), (m, n), (k,)])
                wanted = [A @ B, (A @ B).T, C - A @ B / 2, 2 * C + A @ B, A @ V, V @ B, A[::2] @ B[:, 1:]]
                for got, right in zip(f(A, B, C, V), wanted):
                    tolerance = 2e-4 if dtype == "float32" else 1e-11
                    np.testing.assert_allclose(got, right, rtol=1e-4, atol=tolerance)
    for each in said:
        print(each.category.__name__, each.message)
"""


@needs_compiler
def test_no_blas():
    printed = run(NO_BLAS, flags={})
    (line,) = printed.splitlines()
    assert line.startswith("UserWarning graphlib found no BLAS")
    assert "pip install scipy-openblas32" in line
