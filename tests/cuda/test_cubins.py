"""Cubins are kept in the cache: made once, made anew where the file is damaged or nothing can be kept."""

import pytest

import graphlib
from graphlib.run.cuda import compile as cuda_compile
from tests.backend.processes import run

SOURCE = 'extern "C" __global__ void f() {}'


@pytest.fixture
def runs(monkeypatch):
    """The compiler's runs; it answers with the source and the architecture, which nobody loads."""
    made = []

    def cubin(source, arch):
        made.append(arch)
        return f"{source} for {arch}".encode(), ""

    monkeypatch.setattr(cuda_compile, "cubin", cubin)
    monkeypatch.setattr(cuda_compile, "compiler_name", lambda: "a compiler")
    return made


def test_a_cubin_is_made_once_for_each_source_and_architecture(runs, tmp_path):
    with graphlib.config.change(cache_dir=tmp_path):
        for source, arch in [(SOURCE, "sm_80"), (SOURCE, "sm_90"), (SOURCE + " ", "sm_80")] * 2:
            assert cuda_compile.kept_cubin(source, arch) == f"{source} for {arch}".encode()
    assert runs == ["sm_80", "sm_90", "sm_80"]
    assert len([path for path in tmp_path.rglob("*") if path.is_file() and path.name != "surveyed"]) == 3


@pytest.mark.parametrize("damage", [lambda data: data[:-40], lambda data: b"", lambda data: b"x" + data])
def test_a_damaged_cubin_is_made_anew(runs, tmp_path, damage):
    with graphlib.config.change(cache_dir=tmp_path):
        whole = cuda_compile.kept_cubin(SOURCE, "sm_80")
        (path,) = tmp_path.rglob("*.cubin")
        path.write_bytes(damage(path.read_bytes()))
        assert [cuda_compile.kept_cubin(SOURCE, "sm_80") for _ in range(2)] == [whole] * 2
    assert len(runs) == 2


def test_a_folder_that_cannot_be_made(runs, tmp_path):
    """What is compiled is kept as long as the process, in a folder of its own."""
    (tmp_path / "file").write_text("")
    source = SOURCE + "// where no folder can be made"
    with graphlib.config.change(cache_dir=tmp_path / "file" / "cache"):
        for _ in range(2):
            assert cuda_compile.kept_cubin(source, "sm_80").endswith(b"for sm_80")
            assert len(runs) == 1


def test_no_home_at_all(runs, monkeypatch):
    def unknown(number):
        raise KeyError(number)

    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    with graphlib.config.change(cache_dir=""):
        assert cuda_compile.kept_cubin(SOURCE + "// without a home", "sm_80").endswith(b"for sm_80")
    assert len(runs) == 1


#: what differs between two processes: where objects lie in memory, and the hashes of strings
SAME_SOURCE = """
    import hashlib
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
    print(hashlib.sha256(graphlib.function([x], outputs, updates=updates).source.encode()).hexdigest())
"""


def test_the_same_graph_is_the_same_source_wherever_its_nodes_lie_in_memory():
    settings = {"device": "cuda-emulated", "cublas": False}
    found = {run(SAME_SOURCE.replace("SEED", str(seed)), flags=settings) for seed in range(1, 5)}
    assert len(found) == 1
