"""``graphlib.config`` and the environment variable GRAPHLIB_FLAGS."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib import config

ROOT = Path(__file__).parents[1]


def run(code, **environment):
    start = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'tutorials')!r}]; import _checkout\n"
    return subprocess.run(
        [sys.executable, "-c", start + code],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
        check=False,
    )


def test_settings_are_assigned_and_read():
    before = config.floatX
    config.floatX = "float64"
    try:
        assert config.floatX == "float64" and T.matrix().dtype == "float64"
    finally:
        config.floatX = before
    assert T.matrix().dtype == before


def test_a_block_with_other_settings():
    with config.change(floatX="float64", mode="reference", on_unused_input="ignore"):
        assert (config.floatX, config.mode, config.on_unused_input) == ("float64", "reference", "ignore")
        with pytest.raises(RuntimeError), config.change(floatX="float32"):
            assert config.floatX == "float32"
            raise RuntimeError
        assert config.floatX == "float64"
    assert config.floatX == "float32" and config.on_unused_input == "raise"


def test_a_wrong_value_in_a_block_changes_nothing():
    before = repr(config)
    with (
        pytest.raises(ValueError, match="mode must be one of"),
        config.change(floatX="float64", mode="quick"),
    ):
        pass
    assert repr(config) == before


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("floatX", "int32", "graphlib.config.floatX must be one of float16, float32, float64, not 'int32'"),
        (
            "mode",
            "quick",
            "graphlib.config.mode must be one of fast_run, reference, check, check_nan, not 'quick'",
        ),
        ("on_float64", True, "graphlib.config.on_float64 must be one of ignore, warn, raise, not True"),
        ("threads", -1, "graphlib.config.threads must be 0 (choose for me) or more, not -1"),
        ("threads", "many", "graphlib.config.threads "),
        ("profile", "maybe", "graphlib.config.profile must be True or False, not 'maybe'"),
        ("device", "tpu", "graphlib.config.device "),
    ],
)
def test_wrong_values(name, value, message):
    before = getattr(config, name)
    with pytest.raises(ValueError) as error:
        setattr(config, name, value)
    assert message in str(error.value)
    assert getattr(config, name) == before


def test_names_that_do_not_exist():
    for use in (lambda: config.floatx, lambda: setattr(config, "floatx", "float64")):
        with pytest.raises(
            AttributeError, match=r"graphlib\.config has no setting 'floatx'; it has floatX, device, mode"
        ):
            use()


def test_the_modes_of_theano():
    with config.change(mode="FAST_COMPILE"):
        assert config.mode == "reference"
        assert graphlib.function([], T.constant(1)).mode == "reference"
    with config.change(mode="DebugMode"):
        assert config.mode == "check"
    with config.change(mode="NanGuardMode"):
        assert config.mode == "check_nan"


def test_warnings_of_theano_can_be_switched_off():
    config.warn.subtensor_merge_bug = False
    assert config.warn.subtensor_merge_bug is False


def test_printing_lists_every_setting_with_its_meaning():
    text = repr(config)
    assert "floatX = 'float32'  # dtype of constructors" in text
    for name in ("device", "mode", "threads", "cache_dir", "cc", "on_float64", "on_unused_input", "profile"):
        assert f"\n{name} = " in text and len(text.split(f"\n{name} = ")[1].split("  # ")[1]) > 10


def test_flags_of_the_environment():
    result = run(
        "import graphlib.tensor as T; from graphlib import config as c\n"
        "print(c.floatX, c.mode, c.threads, c.profile, T.matrix().dtype)",
        GRAPHLIB_FLAGS=" floatX=float64, mode=reference,threads=2,,profile=true ",
    )
    assert result.stdout.split() == ["float64", "reference", "2", "True", "float64"], result.stderr


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("floatX", "GRAPHLIB_FLAGS: 'floatX' is no setting; write name=value, separated by commas"),
        ("floatx=float64", "has no setting 'floatx'"),
        ("floatX=double", "graphlib.config.floatX must be one of float16, float32, float64"),
    ],
)
def test_flags_that_are_wrong(flags, message):
    result = run("import graphlib; graphlib.config", GRAPHLIB_FLAGS=flags)
    assert result.returncode != 0 and message in result.stderr


def test_the_cache_folder():
    with config.change(cache_dir="~/somewhere"):
        assert config.cache_folder() == Path.home() / "somewhere"
    with config.change(cache_dir=""):
        assert config.cache_folder().name == "graphlib"
    result = run(
        "import graphlib; print(graphlib.config.cache_folder())",
        XDG_CACHE_HOME="/elsewhere",
        GRAPHLIB_FLAGS="",
    )
    assert Path(result.stdout.strip()) == Path("/elsewhere/graphlib")


def test_each_mode_computes():
    x = T.vector("x")
    for mode in ("fast_run", "reference", "check", "check_nan"):
        with config.change(mode=mode):
            f = graphlib.function([x], T.exp(x).sum())
        assert f.mode == mode
        assert np.isclose(f([0, 1]), 1 + np.e)
    # the mode is that of the time of compiling
    assert f.mode == "check_nan"
