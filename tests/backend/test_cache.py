"""The cache of compiled functions: whatever happens to its files, whoever else uses it, a run is right."""

import hashlib
import os
import shutil
import subprocess
import textwrap
import time

import pytest

from graphlib.configuration import config
from graphlib.run.c.toolchain import shared_object
from graphlib.run.cache import sealed

from .processes import ROOT, Counter, compiler, finish, run, start

pytestmark = pytest.mark.skipif(compiler() is None, reason="this machine has no C compiler")

#: compiles one function, and what all functions need, which takes longer
PROGRAM = """
    import numpy as np
    import graphlib
    import graphlib.tensor as T

    x = T.vector("x")
    f = graphlib.function([x], [T.tanh(x) * 2, T.dot(x, x)])
    assert f.source.startswith("/*")
    values = np.arange(5, dtype="float32") / 4
    doubled, squared = f(values)
    np.testing.assert_allclose(doubled, np.tanh(values) * 2, rtol=1e-6)
    np.testing.assert_allclose(squared, values @ values, rtol=1e-6)
    print("right")
"""
#: what there is to compile for a function, and nothing else
ANSWER = """
    from graphlib.run.c.toolchain import shared_object

    assert shared_object("int answer(void) { return 42; }").answer() == 42
    print("right")
"""


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A compiler that counts and a cache that it filled by one run of the program."""
    folder = tmp_path_factory.mktemp("filled")
    counter, cache = Counter(folder), folder / "cache"
    assert run(PROGRAM, flags={"cc": counter.path, "cache_dir": cache}) == "right\n"
    assert_tidy(cache, counter.runs)
    return counter, cache


@pytest.fixture
def counter(filled):
    filled[0].log.unlink(missing_ok=True)
    return filled[0]


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def used(filled, cache):
    """A copy of the filled cache, of one object for the function and ``number`` in all."""
    return shutil.copytree(filled[1], cache)


@pytest.fixture
def number(filled):
    return len(objects(filled[1]))


def files(cache):
    return sorted(path for path in cache.rglob("*") if path.is_file() and path.name != "surveyed")


def objects(cache):
    """The objects, the smallest first."""
    return sorted((p for p in files(cache) if p.suffix == ".so"), key=lambda p: p.stat().st_size)


def assert_tidy(cache, number):
    """Objects with their sources, which of them units and functions are in, and nothing else."""
    names = [
        path.name for path in files(cache) if path.suffix not in (".unit", ".function", ".loops", ".engine")
    ]
    assert len(objects(cache)) == number, names
    assert sorted(names) == sorted(f"{path.stem}{end}" for path in objects(cache) for end in (".c", ".so"))


def flags(cache, counter):
    return {"cache_dir": cache, "cc": counter.path}


def test_a_second_process_compiles_nothing(used, counter, number):
    assert run(PROGRAM, flags=flags(used, counter)) == "right\n"
    assert counter.runs == 0
    assert_tidy(used, number)


def test_the_same_graph_is_the_same_source_wherever_its_nodes_lie_in_memory(used, counter):
    program = """
    import numpy as np
    import graphlib
    import graphlib.tensor as T

    in_the_way = [bytearray(13 * SEED + k % 50) for k in range(777 * SEED)]
    random = np.random.RandomState(0)
    y = x = T.matrix()
    constants = [T.constant(random.normal(size=(4, 4)).astype("float32")) for _ in range(6)]
    weights = [graphlib.shared(random.normal(size=(4, 4)).astype("float32")) for _ in range(6)]
    for c, w in zip(constants, weights):
        y = T.tanh(T.dot(y, w) + c * c[0] + w[::-1] * c.T)
    updates = [(w, w - 0.1 * g) for w, g in zip(weights, T.grad(y.sum(), weights))]
    outputs = [y[y[:, 0] > 0], *(c + y * w for c, w in zip(constants, weights))]
    f = graphlib.function([x], outputs, updates=updates)
    """
    made = []
    for seed in range(1, 5):
        run(program.replace("SEED", str(seed)), flags=flags(used, counter) | {"cache_functions": False})
        made.append(counter.runs)
    assert made == made[:1] * 4 and made[0] > 0


def test_processes_that_compile_the_same_at_once(used, counter, number):
    compiled = objects(used)[0]
    for path in (compiled, compiled.with_suffix(".c")):
        path.unlink()
    running = [start(PROGRAM, flags=flags(used, counter)) for _ in range(4)]
    assert [finish(process) for process in running] == ["right\n"] * 4
    assert_tidy(used, number)
    made = counter.runs
    assert 1 <= made <= 4
    run(PROGRAM, flags=flags(used, counter))
    assert counter.runs == made


def test_processes_that_fill_an_empty_cache_at_once(cache, counter):
    running = [start(ANSWER, flags=flags(cache, counter)) for _ in range(6)]
    assert [finish(process) for process in running] == ["right\n"] * 6
    assert_tidy(cache, 1)


def put(cache, name, days):
    """An object and its source in the cache, 0.3 MB of them, last used so many days ago."""
    for end, size in ((".so", 290_000), (".c", 10_000)):
        path = cache / name[:2] / (name + end)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b" " * size)
        when = time.time() - days * 24 * 3600
        os.utime(path, (when, when))


@pytest.mark.parametrize(("megabytes", "kept"), [(1, "dd"), (2, "abcdd"), (0, "abcdd")])
def test_what_was_used_longest_ago_makes_room(cache, counter, megabytes, kept):
    for name, days in (("aa1", 3), ("bb1", 5), ("cc1", 2), ("dd1", 1), ("dd2", 4)):
        put(cache, name, days)
    os.utime(cache / "dd" / "dd2.so")  # used just now; its source was only ever written
    run(ANSWER, flags={**flags(cache, counter), "cache_megabytes": megabytes})
    left = {path.stem for path in objects(cache)}
    assert len(left) == len(kept) + 1  # and what has been made
    assert sorted(name[0] for name in left if len(name) == 3) == sorted(kept)


def test_loading_is_a_use(used, counter, number):
    for path in files(used):
        os.utime(path, (0, 0))
    run(PROGRAM, flags=flags(used, counter))
    assert all(path.stat().st_mtime > 0 for path in objects(used))
    assert counter.runs == 0


def truncated(data):
    return data[: len(data) // 2]


def emptied(data):
    return b""


def garbage(data):
    return bytes(range(256)) * (len(data) // 256)


def garbage_with_a_valid_hash(data):
    body = garbage(data)
    return body + hashlib.sha256(body).digest()


def one_byte_changed(data):
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@pytest.mark.parametrize("damage", [truncated, emptied, garbage, garbage_with_a_valid_hash, one_byte_changed])
def test_a_damaged_object_is_made_anew(used, counter, damage, number):
    path = objects(used)[0]
    path.write_bytes(damage(path.read_bytes()))
    for _ in range(2):
        assert run(PROGRAM, flags=flags(used, counter)) == "right\n"
        assert counter.runs == 1
        assert_tidy(used, number)


def test_a_damaged_runtime_library_is_made_anew(used, counter, number):
    path = objects(used)[-1]
    path.write_bytes(truncated(path.read_bytes()))
    assert run(PROGRAM, flags=flags(used, counter)) == "right\n"
    assert counter.runs == 1
    assert_tidy(used, number)


def without_its_functions(path, tmp_path):
    """A whole file of the right name that can be loaded, and has nothing that is looked for."""
    (tmp_path / "other.c").write_text("int other(void) { return 7; }")
    made = tmp_path / "other.so"
    subprocess.run([compiler(), "-shared", "-fPIC", "-o", made, tmp_path / "other.c"], check=True)
    path.write_bytes(sealed(made.read_bytes()))


@pytest.mark.parametrize("which", [0, -1])
def test_an_object_without_our_functions_is_made_anew(used, counter, tmp_path, number, which):
    """That of the function, and one of those that all functions need."""
    without_its_functions(objects(used)[which], tmp_path)
    for _ in range(2):
        assert run(PROGRAM, flags=flags(used, counter)) == "right\n"
        assert counter.runs == 1
        assert_tidy(used, number)


# what others can write to runs with the user's rights


SAYING = """
    import warnings

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        from graphlib.run.c.toolchain import shared_object

        for source in ("int answer(void) { return 42; }", "int answer(void) { return 40 + 2; }") * 2:
            assert shared_object(source).answer() == 42
    for each in said:
        print(each.message)
"""


def says(cache, counter):
    """What is said when two functions are made, each twice."""
    return run(SAYING, flags=flags(cache, counter)).splitlines()


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777, 0o702])
def test_a_folder_that_others_can_write_to_is_not_used(cache, counter, mode):
    assert says(cache, counter) == []
    before = files(cache)
    cache.chmod(mode)
    (said,) = says(cache, counter)
    assert f"does not use its cache {cache}: it can be written by others" in said
    assert counter.runs == 4
    assert files(cache) == before
    cache.chmod(0o755)
    assert says(cache, counter) == []
    assert counter.runs == 4


def test_a_part_of_the_cache_that_others_can_write_to_is_not_used(cache, counter):
    assert says(cache, counter) == []
    for folder in cache.iterdir():
        folder.chmod(0o777)
    assert len(says(cache, counter)) == len([part for part in cache.iterdir() if part.is_dir()])
    assert counter.runs == 4


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser gives folders away")
@pytest.mark.parametrize("which", ["folder", "file"])
def test_what_belongs_to_another_user_is_not_used(cache, counter, which):
    assert says(cache, counter) == []
    for path in [cache] if which == "folder" else objects(cache):
        os.chown(path, 12345, 12345)
    said = says(cache, counter)
    assert counter.runs == 4
    assert len(said) == (which == "folder")
    assert all("it belongs to another user (number 12345)" in line for line in said)


def test_a_file_that_others_can_write_to_is_made_anew(cache, counter):
    assert says(cache, counter) == []
    for path in objects(cache):
        path.chmod(0o666)
    assert says(cache, counter) == []
    assert counter.runs == 4
    assert all(path.stat().st_mode & 0o022 == 0 for path in objects(cache))


def test_a_link_in_the_cache_is_not_followed(cache, counter, tmp_path):
    assert says(cache, counter) == []
    for path in objects(cache):
        os.rename(path, tmp_path / path.name)
        path.symlink_to(tmp_path / path.name)
    assert says(cache, counter) == []
    assert counter.runs == 4
    assert not any(path.is_symlink() for path in objects(cache))


def test_the_folder_is_the_users_alone_whatever_the_umask(cache, counter):
    run("import os; os.umask(0o002)\n" + textwrap.dedent(ANSWER), flags=flags(cache, counter))
    assert cache.stat().st_mode & 0o077 == 0
    assert run(ANSWER, flags=flags(cache, counter)) == "right\n"
    assert counter.runs == 1


def test_something_else_where_an_object_should_be(used, counter):
    path = objects(used)[0]
    path.unlink()
    path.mkdir()
    assert run(PROGRAM, flags=flags(used, counter)) == "right\n"
    assert not list(path.iterdir())


def test_a_folder_that_may_only_be_read(cache, counter):
    cache.mkdir()
    cache.chmod(0o500)
    for runs in (1, 2):
        assert run(ANSWER, flags=flags(cache, counter), obeying=True) == "right\n"
        assert counter.runs == runs
    assert not files(cache)


def test_a_filled_folder_that_may_only_be_read(used, counter):
    for folder in [used, *(path for path in used.rglob("*") if path.is_dir())]:
        folder.chmod(0o500)
    assert run(PROGRAM, flags=flags(used, counter), obeying=True) == "right\n"
    assert counter.runs == 0


def test_a_folder_that_cannot_be_made(tmp_path, counter):
    (tmp_path / "file").write_text("")
    assert run(ANSWER, flags=flags(tmp_path / "file" / "cache", counter)) == "right\n"


@pytest.mark.parametrize("name", ["HOME", "XDG_CACHE_HOME"])
def test_a_home_that_may_only_be_read(tmp_path, counter, name):
    home = tmp_path / "home"
    home.mkdir(mode=0o500)
    environment = {"HOME": home, "XDG_CACHE_HOME": None, name: home}
    assert run(ANSWER, flags={"cc": counter.path}, environment=environment, obeying=True) == "right\n"
    assert not list(home.iterdir())


def test_no_home_at_all(counter):
    nobody = """
    import pwd

    def unknown(number):
        raise KeyError(number)

    pwd.getpwuid = unknown
    """
    environment = {"HOME": None, "XDG_CACHE_HOME": None}
    assert run(nobody + ANSWER, flags={"cc": counter.path}, environment=environment) == "right\n"


def test_the_folder_is_in_the_cache_of_the_user(tmp_path, counter):
    run(ANSWER, flags={"cc": counter.path}, environment={"HOME": tmp_path, "XDG_CACHE_HOME": None})
    assert_tidy(tmp_path / ".cache" / "graphlib", 1)


@pytest.mark.parametrize("header", ["c/include/graphlib_math.h", "include/graphlib_functions.h"])
def test_another_header_is_another_object(tmp_path, used, counter, number, header):
    shutil.copytree(ROOT / "graphlib", tmp_path / "graphlib", ignore=shutil.ignore_patterns("__pycache__"))
    run(PROGRAM, flags=flags(used, counter), root=tmp_path)
    assert counter.runs == 0, "the same package in another place"
    header = tmp_path / "graphlib" / "run" / header
    header.write_text(header.read_text(encoding="utf-8") + "\n/* another one */\n", encoding="utf-8")
    run(PROGRAM, flags=flags(used, counter), root=tmp_path)
    assert counter.runs == number
    assert_tidy(used, 2 * number)


def test_another_compiler_is_another_object(tmp_path, cache, counter):
    run(ANSWER, flags=flags(cache, counter))
    (tmp_path / "other").mkdir()
    other = Counter(tmp_path / "other")
    run(ANSWER, flags=flags(cache, other))
    assert (counter.runs, other.runs) == (1, 1)
    assert_tidy(cache, 2)


def test_another_flag_or_source_is_another_object(cache, counter):
    source = "int answer(void) { return ANSWER; }\n"
    with config.change(**flags(cache, counter)):
        for answer in (41, 42, 41):
            assert shared_object(source, (f"-DANSWER={answer}",)).answer() == answer
        assert shared_object(source.replace("ANSWER", "1 + ANSWER"), ("-DANSWER=42",)).answer() == 43
    assert counter.runs == 3
    assert_tidy(cache, 3)


def test_sources_lie_beside_their_objects(cache, counter):
    source = "int answer(void) { return 42; }\n"
    with config.change(**flags(cache, counter)):
        shared_object(source)
    (path,) = objects(cache)
    assert path.with_suffix(".c").read_text() == source
    assert os.access(path, os.R_OK)
