"""Installing: graphlib is this package wherever it is installed, and in a checkout where it is not; the wheel
alone trains a user's own models.
"""

import os
import pickle
import shutil
import subprocess
import sys
import venv
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import graphlib

ROOT = Path(__file__).resolve().parent.parent

WHERE = "import graphlib; print(graphlib.__file__)"

SORTS_WITHOUT_NUMPY = """
import sys
from graphlib import CycleError, TopologicalSorter
assert list(TopologicalSorter({2: [1], 3: [2]}).static_order()) == [1, 2, 3]
try:
    list(TopologicalSorter({1: [2], 2: [1]}).static_order())
except CycleError as error:
    print(isinstance(error, ValueError), "numpy" in sys.modules)
"""


def run(python: str | Path, *arguments: str | Path, cwd: Path) -> str:
    """What Python prints; it must succeed and must not complain."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        [python, *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0 and not done.stderr, done.stdout + done.stderr
    return done.stdout.strip()


def is_standard(file: str) -> bool:
    return Path(file).name == "graphlib.py" and Path(file).parent.samefile(Path(os.__file__).parent)


def environment(folder: Path) -> Path:
    """The interpreter of a fresh virtual environment in which nothing is installed."""
    venv.create(folder, symlinks=os.name != "nt")
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def pip(python: Path, *arguments: str | Path) -> None:
    """Has the pip of this environment do something in that of ``python``, which takes none of its own."""
    options = ("--disable-pip-version-check", "--quiet", "--quiet")
    run(sys.executable, "-m", "pip", "--python", python, *options, *arguments, cwd=python.parent)


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> Path:
    return environment(tmp_path_factory.mktemp("environment"))


@pytest.fixture(scope="module")
def wheels(tmp_path_factory) -> dict[str, Path]:
    """What ``pip install`` and ``pip install -e`` have the build backend make, and then install."""
    built = {}
    for kind in ("wheel", "editable"):
        folder = tmp_path_factory.mktemp(kind)
        build = f"from hatchling.build import build_{kind} as build; print(build({str(folder)!r}))"
        built[kind] = folder / run(sys.executable, "-c", build, cwd=ROOT).splitlines()[-1]
    return built


@contextmanager
def installed(wheel: Path, python: Path):
    """Has pip install the wheel, and in the end uninstall it."""
    pip(python, "install", "--no-index", "--no-deps", wheel)
    try:
        yield
    finally:
        pip(python, "uninstall", "--yes", "graphlib-autodiff")


@pytest.fixture
def elsewhere(tmp_path) -> Path:
    """A folder away from the checkout; a folder in it is called graphlib but is no package."""
    (tmp_path / "elsewhere" / "graphlib").mkdir(parents=True)
    return tmp_path / "elsewhere"


@pytest.mark.parametrize("kind", ["wheel", "editable"])
def test_installed_package_comes_before_the_standard_library(bare, wheels, elsewhere, kind):
    (elsewhere / "script.py").write_text(WHERE)
    ways = [("-c", WHERE), ("-I", "-c", WHERE), ("-m", "script"), (elsewhere / "script.py",)]
    assert all(is_standard(run(bare, *way, cwd=elsewhere)) for way in ways)

    home = ROOT if kind == "editable" else bare.parent.parent
    with installed(wheels[kind], bare):
        for way in ways:
            file = Path(run(bare, *way, cwd=elsewhere))
            assert file.parts[-2:] == ("graphlib", "__init__.py") and file.is_relative_to(home)
        assert run(bare, "-c", SORTS_WITHOUT_NUMPY, cwd=elsewhere) == "True False"
        # PyCUDA runs it by its path, so pip must have left it executable
        assert os.access(file.parent / "emulator" / "nvcc", os.X_OK)

    assert all(is_standard(run(bare, *way, cwd=elsewhere)) for way in ways)
    assert run(bare, "-c", SORTS_WITHOUT_NUMPY, cwd=elsewhere) == "True False"
    assert not list(bare.parent.parent.rglob("*graphlib*"))


def test_wheel_holds_the_whole_package_and_nothing_else(wheels):
    package = {
        file.relative_to(ROOT).as_posix()
        for file in (ROOT / "graphlib").rglob("*")
        if file.is_file() and "_import" not in file.parts and "__pycache__" not in file.parts
    }
    names = set(zipfile.ZipFile(wheels["wheel"]).namelist())
    assert package <= names
    beside = {name for name in names - package if ".dist-info/" not in name}
    assert beside == {"graphlib-autodiff.pth", "_graphlib_finder.py"}


# A checkout that is not installed


@pytest.fixture
def checkout(tmp_path) -> Path:
    """What the imports in a checkout depend on, with a tutorial and a test that tell what they imported."""
    root = tmp_path / "checkout"
    for file in (
        "graphlib/__init__.py",
        "graphlib/interrupted.py",
        "tutorials/_checkout.py",
        "conftest.py",
        "pyproject.toml",
    ):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, root / file)
    (root / "tutorials/lesson.py").write_text("import _checkout\nimport graphlib\nprint(graphlib.__file__)")
    (root / "tests").mkdir()
    (root / "tests/__init__.py").touch()
    (root / "tests/test_lesson.py").write_text(
        "import sys, graphlib\nfrom lesson import graphlib as theirs\n"
        "def test():\n"
        f"    assert graphlib.__file__ == {str(root / 'graphlib/__init__.py')!r}\n"
        "    assert graphlib is theirs is sys.modules['graphlib']\n"
    )
    return root


def lesson(root: Path) -> str:
    return str(root / "graphlib/__init__.py")


def test_tutorial_in_a_checkout_that_is_not_installed(bare, checkout, tmp_path):
    assert run(bare, "tutorials/lesson.py", cwd=checkout) == lesson(checkout)
    assert run(bare, "lesson.py", cwd=checkout / "tutorials") == lesson(checkout)
    assert run(bare, checkout / "tutorials/lesson.py", cwd=tmp_path) == lesson(checkout)


@pytest.mark.parametrize("kind", ["wheel", "editable"])
def test_tutorial_takes_its_own_checkout_before_an_installed_version(bare, wheels, checkout, kind):
    with installed(wheels[kind], bare):
        assert run(bare, "tutorials/lesson.py", cwd=checkout) == lesson(checkout)


def test_tutorial_where_the_standard_librarys_module_is_loaded_already(bare, checkout):
    code = f"import graphlib, sys; sys.path.insert(0, {str(checkout / 'tutorials')!r}); import lesson"
    assert run(bare, "-c", code, cwd=checkout.parent) == lesson(checkout)


def test_module_of_the_tests_in_a_checkout_that_is_not_installed(bare, checkout):
    (checkout / "tests/tells.py").write_text(WHERE)
    assert run(bare, "-m", "tests.tells", cwd=checkout) == str(checkout / "graphlib/__init__.py")


@pytest.mark.parametrize("loaded_first", [False, True], ids=["", "loaded-first"])
@pytest.mark.parametrize("way", ["python -m pytest", "pytest"])
def test_pytest_in_a_checkout(checkout, way, loaded_first):
    """With whatever graphlib this environment has, possibly loaded before the checkout's conftest.py."""
    start = "" if way == "python -m pytest" else "import sys; sys.path.remove(''); "
    start += "import graphlib; " if loaded_first else ""
    start += "import pytest; raise SystemExit(pytest.main(['-q', '-p', 'no:cacheprovider']))"
    assert "1 passed" in run(sys.executable, "-c", start, cwd=checkout)


# A user's own model, with the wheel and nothing of the checkout

OWN_MODEL = """
import sys
from pathlib import Path

import numpy as np

import graphlib
import graphlib.tensor as T
from graphlib.nn import Dense, Model, Sequential
from graphlib.nn.minibatches import by_minibatch
from graphlib.nn.stage_monitors import EveryEpoch
from graphlib.nn.training import train

rng = np.random.RandomState(0)
x = rng.normal(size=(60, 5)).astype("float32")
y = (x[:, 0] > x[:, 1]).astype("int32")
out, epochs = Path(sys.argv[1]), int(sys.argv[2])
resume = "--resume" in sys.argv

layers = Sequential([Dense(4, "tanh"), Dense(2, "softmax")], seed=0)
model = Model(layers, "crossentropy", "adam", ["error"])
history = model.fit(x, y, epochs=epochs, validation=0.2, out=out / "model", resume=resume)
print("own model:", len(history["loss"]), history["loss"][-1] < history["loss"][0])

# the loop without layers, as the tutorials use it
X, w = T.matrix("x"), graphlib.shared(np.zeros(5, "float32"), name="w")
cost = T.mean((T.dot(X, w) - X[:, 0]) ** 2)
updates = [(w, w - 0.1 * T.grad(cost, w))]
step = by_minibatch(cost, {X: graphlib.shared(x)}, 10, updates=updates)
run = {"epochs": epochs, "folder": out / "loop", "resume": resume}
outcome = train(step, 6, monitor=EveryEpoch(), model={"w": w}, **run)
print("own loop:", outcome.reason, outcome.epochs)
print(graphlib.__file__)
"""


@pytest.fixture(scope="module")
def with_wheel(wheels, tmp_path_factory) -> Path:
    """The interpreter of a fresh environment with the wheel, beside what it depends on."""
    python = environment(tmp_path_factory.mktemp("wheel-environment"))
    pip(python, "install", "--no-index", "--no-deps", wheels["wheel"])
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(run(python, "-c", where, cwd=python.parent))
    # NumPy and the like are this environment's. Its own .pth files, as of an editable graphlib, do not count.
    (site / "dependencies.pth").write_text(str(Path(np.__file__).parents[1]) + "\n")
    return python


def test_the_wheel_trains_a_users_own_model(with_wheel, elsewhere):
    (elsewhere / "own.py").write_text(OWN_MODEL)
    printed = run(with_wheel, "own.py", "stopped", "3", cwd=elsewhere).splitlines()
    assert {"own model: 3 True", "own loop: finished 3.0"} <= set(printed)
    assert Path(printed[-1]).is_relative_to(with_wheel.parents[1])

    # Resumed, both end as left alone, to the last bit.
    resumed = run(with_wheel, "own.py", "stopped", "6", "--resume", cwd=elsewhere)
    assert resumed.count("... resuming after epoch 3") == 2 and "own loop: finished 6.0" in resumed
    run(with_wheel, "own.py", "alone", "6", cwd=elsewhere)
    files = "model/best_model.npz model/learning_curve.csv loop/model.npz loop/learning_curve.csv"
    for name in files.split():
        assert (elsewhere / "stopped" / name).read_bytes() == (elsewhere / "alone" / name).read_bytes()


def test_the_wheel_finds_data_where_the_user_says(with_wheel, elsewhere):
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "GRAPHLIB"))
    }
    load = [with_wheel, "-c", "from graphlib.datasets import text; print(len(text.load().indices))"]

    def outcome(command: list, **more: str) -> subprocess.CompletedProcess:
        where = environment | {"XDG_DATA_HOME": str(elsewhere)} | more
        return subprocess.run(command, cwd=elsewhere, env=where, capture_output=True, text=True)

    missing = outcome(load)
    assert missing.returncode == 1 and "`python -m graphlib.datasets fetch text` gets it" in missing.stderr
    assert outcome(load, GRAPHLIB_DATA=str(ROOT / "data")).stdout == "1191295\n"
    listed = outcome([with_wheel, "-m", "graphlib.datasets"])
    assert listed.returncode == 0 and listed.stdout.count("not here: python -m graphlib.datasets fetch") == 7


# The public names


def test_numpy_is_not_loaded_for_the_standard_librarys_names():
    assert run(sys.executable, "-c", SORTS_WITHOUT_NUMPY, cwd=ROOT) == "True False"


def test_a_variable_has_its_operators_whatever_is_imported_first():
    assert (
        run(sys.executable, "-c", "import graphlib; print((graphlib.shared(1.0) + 1).eval())", cwd=ROOT)
        == "2.0"
    )


def test_the_standard_librarys_classes_pickle():
    assert pickle.loads(pickle.dumps(graphlib.TopologicalSorter)) is graphlib.TopologicalSorter
    assert pickle.loads(pickle.dumps(graphlib.CycleError("a"))).args == ("a",)


def test_unknown_name():
    with pytest.raises(AttributeError, match="module 'graphlib' has no attribute 'functoin'"):
        _ = graphlib.functoin
    with pytest.raises(ImportError, match="cannot import name 'functoin'"):
        from graphlib import functoin  # noqa: F401


def test_public_names_are_listed_before_they_are_loaded():
    listed = run(sys.executable, "-c", "import graphlib; print(*dir(graphlib))", cwd=ROOT).split()
    assert {"function", "grad", "shared", "tensor", "TopologicalSorter", "__version__"} <= set(listed)
