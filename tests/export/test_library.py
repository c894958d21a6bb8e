"""Libraries of portable C: compiled once, as strictly as can be, and held against the reference."""

from __future__ import annotations

import re

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.errors import ExportError
from graphlib.export import library, scratch
from graphlib.export.entries import CODES
from graphlib.export.excerpt import used
from graphlib.tensor.random import RandomStreams

from .calling import SAME, Native

rng = np.random.RandomState(3)
X = rng.uniform(size=(9, 12)).astype("float32")
Y = (np.arange(9) % 3).astype("int32")
IMAGES = rng.normal(size=(3, 2, 9, 8)).astype("float32")


class Model:
    """Functions of all kinds that share parameters, each as the reference, which needs no compiler."""

    def __init__(self) -> None:
        make = np.random.RandomState(5)
        self.W = graphlib.shared(make.normal(size=(12, 3)).astype("float32"), name="W")
        self.b = graphlib.shared(np.zeros(3, "float32"), name="b")
        self.scale = graphlib.shared(np.float32(2), name="scale")
        self.filters = graphlib.shared(make.normal(size=(4, 2, 3, 3)).astype("float32"), name="filters")
        x, y, rate = T.matrix("x"), T.ivector("y"), T.scalar("rate")
        streams = RandomStreams(7)
        kept = streams.binomial(size=x.shape, p=0.7, dtype="float32")
        p = T.nnet.softmax(T.dot(x * kept, self.W) * self.scale + self.b)
        cost = -T.mean(T.log(p)[T.arange(y.shape[0]), y])
        slopes = T.grad(cost, [self.W, self.b])
        updates = [(v, v - rate * g) for v, g in zip((self.W, self.b), slopes, strict=True)]
        n, start = T.lscalar("n"), T.vector("start")
        (walk, last), walked = graphlib.scan(
            lambda v, w: (v + streams.normal(size=v.shape), T.sort(v) + 0.5 * w),
            outputs_info=[start, T.zeros_like(start)],
            n_steps=n,
        )
        doubled, _ = graphlib.scan(
            lambda a: (2 * a, graphlib.until(a > start.sum())),
            outputs_info=T.constant(np.float32(1)),
            n_steps=n,
        )
        images = T.tensor4("images")
        maps = T.nnet.conv2d(images, self.filters, border_mode="half")
        pooled = T.signal.pool.pool_2d(maps, (2, 3), ignore_border=True)
        learn = [(self.filters, self.filters - 0.01 * T.grad((pooled**2).sum(), self.filters))]
        found = T.nonzero(start)[0]
        # as a local of an entry is called
        wide = T.dmatrix("arrays")
        self.functions = {
            name: graphlib.function(*given, mode="reference", **more)
            for name, given, more in (
                ("train", ([x, y, rate], cost), {"updates": updates}),
                ("predict", ([x], [T.argmax(p, axis=1), p]), {"no_default_updates": True}),
                ("walk", ([n, start], {"walk": walk, "last": last[-1]}), {"updates": walked}),
                ("doubled", ([n, start], doubled), {}),
                ("convolve", ([images], pooled), {"updates": learn}),
                ("found", ([start], [found, start[found]]), {}),
                ("wide", ([wide], T.dot(wide.T, wide).sum(axis=0) + T.gammaln(wide[0] + 1)), {}),
            )
        }
        self.bounds = {"x": (9, 12), "n": 6, start: 5, "images": (3, 2, 9, 8), "arrays": (4, 5)}

    def export(self, folder, **settings):
        return graphlib.export.c(
            self.functions, folder, name="all", bounds=self.bounds, most_elements=5, **settings
        )


def results(value) -> list[np.ndarray]:
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else [value]


@pytest.fixture(scope="module")
def model() -> Model:
    return Model()


@pytest.fixture(scope="module")
def native(model, tmp_path_factory) -> Native:
    exported = model.export(tmp_path_factory.mktemp("library"))
    return Native(exported, ("-O1", "-fwrapv", "-fsanitize=undefined", "-fsanitize-undefined-trap-on-error"))


CALLS = {
    "train": [(X, Y, 0.3), (X[:4], Y[:4], 0.1), (X[:1], Y[:1], 0.1)],
    "predict": [(X,), (X[:2],), (X[:0],)],
    "walk": [(6, [3, 1, 2]), (1, [1, 2, 3, 4, 5]), (3, [-1])],
    "doubled": [(6, [9, 1]), (2, [9, 1]), (6, [0])],
    "convolve": [(IMAGES,), (IMAGES[:1, :, :7, :5],)],
    "found": [([0, 3, 0, 4, 5],), ([0, 0],), ([1],)],
    "wide": [(rng.normal(size=(4, 5)) ** 2,), (rng.normal(size=(1, 2)) ** 2,)],
}


@pytest.mark.parametrize("name", CALLS)
def test_calls_give_what_the_function_gives(native, model, name):
    function = model.functions[name]
    for given in CALLS[name]:
        arrays = [np.asarray(v, t.dtype) for v, t in zip(given, function.inputs, strict=True)]
        expected = results(function(*arrays))
        for found, value in zip(native.call(f"all_{name}", *given), expected, strict=True):
            assert found.shape == value.shape and found.dtype == value.dtype
            np.testing.assert_allclose(found, value, rtol=2e-5, atol=1e-5)
    for field in native.made.state:
        np.testing.assert_allclose(native[field.name], field.array, rtol=2e-5, atol=1e-5)


def test_names_that_c_would_take_for_one_another(tmp_path):
    """Functions and outputs that differ in case, and that are called like what a library has for others."""
    x, n = T.vector("x"), T.lscalar("n")
    w = graphlib.shared(np.float32(1), name="w")
    twice, _ = graphlib.scan(lambda a: 2 * a, outputs_info=x, n_steps=n)
    outputs = {"X": twice[-1] * w, "y": T.nonzero(x)[0], "Y": 3 * x, "y_shape": x + w}
    functions = {
        key: graphlib.function([x, n], outputs, mode="reference", **more)
        for key, more in (
            ("step", {"updates": [(w, w + 1)]}),
            ("Step", {}),
            ("step_run", {}),
            ("step_X", {}),
        )
    }
    made = graphlib.export.c(functions, tmp_path, name="own", bounds={"x": 3, "n": 4}, most_elements=3)
    native = Native(made, ("-O0",))
    for key in functions:
        factor = float(native["w"])
        doubled, places, tripled, plus = native.call(f"own_{key}", [0, 1, 2], 3)
        np.testing.assert_array_equal(doubled, np.float32([0, 8, 16]) * factor)
        np.testing.assert_array_equal(places, [1, 2])
        np.testing.assert_array_equal(tripled, [0, 3, 6])
        np.testing.assert_array_equal(plus, np.float32([0, 1, 2]) + factor)
    header = made.header.read_text()
    heads = dict(re.findall(r"int32_t own_(\w+)\((const )?own_state", header))
    assert heads == {"step": "", "load": "", "Step": "const ", "step_run": "const ", "step_X": "const "}
    macros = re.findall(r"#define (\w+_MOST)", header)
    assert len(macros) == len(set(macros)) == 16


def test_inputs_may_have_any_name_that_a_library_uses_inside(tmp_path):
    """Every word of a library's own source as the name of an input, and some that compilers know."""
    W, turns = graphlib.shared(np.ones((2, 2), "float32"), "W"), T.iscalar("turns")

    def library(names):
        x = [T.matrix(name) for name in names]
        rows, _ = graphlib.scan(lambda h: T.dot(h, W), outputs_info=sum(T.tanh(v) for v in x), n_steps=turns)
        f = graphlib.function([*x, turns], rows[-1], updates=[(W, W + 0)], mode="reference")
        bounds = {**dict.fromkeys(x, (1, 2)), turns: 2}
        return graphlib.export.c({"f": f}, tmp_path, name="words", bounds=bounds, threads=2)

    source = re.sub(r'/\*.*?\*/|"[^"\n]*"', " ", library(["x"]).source.read_text(), flags=re.DOTALL)
    words = sorted({*re.findall(r"\b[A-Za-z]\w*", source), "linux", "unix", "INT8_MAX", "NULL"})
    names = [word for word in words if not word.startswith("WORDS_") and word != "turns"]
    assert "at" in names and "GL_INLINE" in names and len(names) > 300
    found = Native(library(names), ("-O0",)).call("words_f", *[[[1.0, 2.0]]] * len(names), 1)[0]
    np.testing.assert_allclose(found, [[len(names) * np.tanh([1, 2]).sum()] * 2], rtol=1e-4)


def test_the_state_goes_to_python_and_back(model, native, tmp_path):
    native["W"][:] = np.arange(36).reshape(12, 3)
    block = native.save()
    (tmp_path / "block").write_bytes(block)
    before = [f.array.copy() for f in native.made.state]
    try:
        graphlib.export.load_state(native.exported, tmp_path / "block")
        assert np.array_equal(model.W.get_value(), np.arange(36).reshape(12, 3))
        graphlib.export.save_state(native.exported, tmp_path / "again")
        assert (tmp_path / "again").read_bytes() == block
        native.initialise()
        assert native.load(block) == 0 and np.array_equal(native["W"], model.W.get_value())
    finally:
        for field, value in zip(native.made.state, before, strict=True):
            field.shared.set_value(value)


def damaged(block: bytes) -> dict[str, bytes]:
    """Bytes that are no block, by what is wrong with them."""
    return {
        "NO_BLOCK": b"PK\x03\x04" + block[4:],
        "TRUNCATED": block[:-1],
        "OTHER_VERSION": block[:8] + b"\x02" + block[9:],
        "OTHER_STATE": block[:12] + b"\0\0\0\0" + block[16:],
        "DAMAGED": block[:-1] + bytes([block[-1] ^ 1]),
    }


def test_a_wrong_block_is_refused_and_changes_nothing(native, tmp_path):
    block = native.save()
    words = {
        "NO_BLOCK": "no block of state",
        "TRUNCATED": "truncated",
        "OTHER_VERSION": "version 2",
        "OTHER_STATE": "another library",
        "DAMAGED": "checksum",
    }
    for key, wrong in damaged(block).items():
        code = native.load(wrong)
        assert code == CODES[key][0], key
        assert native.message(code).decode() == CODES[key][1]
        assert native.save() == block
        (tmp_path / "wrong").write_bytes(wrong)
        with pytest.raises(ExportError, match=words[key]):
            graphlib.export.load_state(native.exported, tmp_path / "wrong")
    assert native.load(b"GL") == CODES["NO_BLOCK"][0] and native.load(block[:20]) == CODES["TRUNCATED"][0]


def test_what_is_wrong_with_a_call_is_said(native):
    before = native.save()
    for name, given, words in (
        ("predict", (np.zeros((10, 12)),), "all_predict: x_0 is negative or more than 9"),
        ("walk", (7, [1]), "all_walk: n is negative or more than 6"),
        ("walk", (-1, [1]), "all_walk: n is negative or more than 6"),
        ("train", (X, Y + 5, 0.1), CODES["INDEX"][1]),
        ("found", (np.ones(6),), "all_found: start_0 is negative or more than 5"),
    ):
        code, _ = native.code(f"all_{name}", *given)
        assert code != 0 and native.message(code).decode() == words
    assert native.save() == before
    assert native.message(12345).decode() == "no code of this library"


def test_lengths_that_the_graph_knows_or_that_are_the_same_are_no_parameters(native):
    header = native.exported.header.read_text()
    for declared in (
        "all_train(all_state *state, const float *x, int64_t x_0, const int32_t *y, float rate, float *out);",
        "all_walk(all_state *state, int64_t n, const float *start, int64_t start_0, float *walk, "
        "int64_t walk_shape[2], float *last);",
        "all_found(const float *start, int64_t start_0, int64_t *out0, int64_t out0_shape[1], float *out1, "
        "int64_t out1_shape[1]);",
    ):
        assert declared in header
    assert "#define ALL_FOUND_OUT0_MOST 5" in header


def refused(outputs, inputs, words, **settings):
    function = graphlib.function(inputs, outputs, mode="reference", on_unused_input="ignore", name="f")
    with pytest.raises(ExportError, match=words):
        graphlib.export.c(function, "nowhere", **settings)


def test_what_no_library_can_be_is_refused_in_words(tmp_path):
    x, v, n = T.matrix("x"), T.vector("v"), T.lscalar("n")
    refused(x.sum(), [x], r"the length of x .* along axis 0, 1 .*bounds=\{'x': \(64, 64\)\}")
    refused(x.sum(), [x], "axis 1", bounds={"x": (3, None)})
    refused(x.sum(), [x], "is for 1 axes, but x .* has 2", bounds={x: 3})
    refused(x.sum(), [x], "of axis 0 of x is a number of at least 0, not -1", bounds={x: (-1, 2)})
    refused(T.nonzero(v)[0], [v], "depends on data.*most_elements=100", bounds={v: 3})
    refused(T.arange(n), [n], r"depends on data.*bounds=\{'n': 100\}")
    refused(T.nlinalg.matrix_inverse(x), [x], r"lu \(test_library.py:.*LAPACK", bounds={x: (3, 3)})
    refused(x.sum(), [x], "no input z to bound; the inputs are: x", bounds={"x": (3, 3), "z": 4})
    z = T.cvector("z")
    refused(T.real(z), [z], "complex numbers do not go in or out of a library", bounds={z: 3})
    refused(v.sum(), [v], "'2nd' is no name", bounds={v: 3}, name="2nd")
    with pytest.raises(ExportError, match=r"what graphlib\.function has compiled, not of <function"):
        graphlib.export.c(refused, "nowhere", name="f")
    refused(v.sum(), [v], "state is", bounds={v: 3}, state="none")
    refused(v.sum(), [v], "'exp' is no name", bounds={v: 3}, name="exp")
    refused(v.sum(), [v], "'sinf' is no name", bounds={v: 3}, name="sinf")
    rate = T.scalar("rate")
    refused(v * rate, [v, rate], "rate is a number of float32: it has none", bounds={v: 3, rate: 1})
    with pytest.raises(ExportError, match=r"graphlib\.function has compiled, not of \["):
        graphlib.export.c([refused], "nowhere")
    grown = graphlib.shared(np.zeros(3, "float32"), name="grown")
    longer = graphlib.function([], updates=[(grown, T.concatenate([grown, grown]))], mode="reference")
    with pytest.raises(ExportError, match=r"update of grown .* memory beforehand"):
        graphlib.export.c(longer, "nowhere", name="f")
    with pytest.raises(ExportError, match="called 'words': a module has its own"):
        graphlib.export.wasm(graphlib.function([v], v.sum(), mode="reference"), "nowhere", "words", {v: 3})
    with pytest.raises(ExportError, match="'save'"):
        graphlib.export.c({"save": longer}, "nowhere", name="f")


def test_what_library_functions_take_is_known_of_each():
    """Those of the headers that ask for memory, whatever they are made for."""
    available = library._available()
    asking = {
        one.name.rpartition("_")[0]
        for one in available
        if re.match(r"static[^;{]*?\bint gl_\w+_[fiu]\d+\(", one.text)
        and any(other.name == "gl_take" for other in used(available, one.name))
    }
    # what the others call, not plans
    asking -= {"gl_sorted", "gl_in_shares", "gl_run_by_products", "gl_run_sliding"}
    asking -= {"gl_fourier_by_chirps", "gl_real_fourier_whole"}
    assert len(asking) > 10 and {name for name in asking if not scratch.is_known(name)} == set()


def test_where_results_are_not_the_same_bits_the_header_says_so(tmp_path):
    """By each of the ways of graphlib's that a library does not have, and by none."""
    x, y = T.tensor4("x"), T.matrix("y")
    values = rng.normal(size=(2, 16, 12, 12)).astype("float32")
    for side, name in ((1, "one"), (3, "three")):
        w = rng.normal(size=(16, 16, side, side)).astype("float32")
        filters = graphlib.shared(w, shape=w.shape)
        function = graphlib.function([x], T.nnet.conv2d(x, filters, border_mode="half"))
        exported = graphlib.export.c(function, tmp_path, name=name, bounds={x: values.shape})
        assert "but for\n   convolutions" in exported.header.read_text()
        (found,) = Native(exported, SAME).call(name, values)
        bound = (16 * side**2 + 32) * 2.0**-16 * np.abs(values).max() * np.abs(w).sum(axis=(1, 2, 3))
        assert (np.abs(found - function(values)).max(axis=(0, 2, 3)) < bound).all()
    function = graphlib.function([y], T.dot(y, y.T))
    for rows, words in (
        (31, "the same bits as graphlib's."),
        (32, "but for\n   products with at least 32"),
    ):
        exported = graphlib.export.c(function, tmp_path, name=f"of_{rows}", bounds={y: (rows, 600)})
        assert words in exported.header.read_text()


def test_products_in_plain_loops(tmp_path):
    """What compilers without vectors are given, and who wants a small program."""
    a, b = T.matrix("a"), T.matrix("b")
    start = rng.normal(size=(4, 3)).astype("float32")
    C = graphlib.shared(start, name="C")
    pair = T.stack([a, 2 * a])
    function = graphlib.function(
        [a, b],
        [T.dot(a, C), T.dot(b, C.T), T.dot(a, a.T), T.batched_dot(pair, pair.dimshuffle(0, 2, 1))],
        updates=[(C, 0.5 * C - 2 * T.dot(a.T, b))],
        mode="reference",
    )
    exported = graphlib.export.c(
        function, tmp_path, name="plain", bounds={a: (5, 4), b: (5, 3)}, arena="caller"
    )
    small = Native(exported, ("-Os", "-DGRAPHLIB_SMALL"))
    for rows in (5, 1, 0):
        x, y = (rng.normal(size=(rows, n)).astype("float32") for n in (4, 3))
        small.initialise()
        wanted = (x @ start, y @ start.T, x @ x.T, np.stack([x @ x.T, 4 * x @ x.T]))
        for found, expected in zip(small.call("plain", x, y), wanted, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(small["C"], 0.5 * start - 2 * x.T @ y, rtol=1e-5, atol=1e-5)


def test_threads_change_no_bit(tmp_path):
    """Loops in chunks, convolutions, which need memory in each thread, and products in parts."""
    images, x = T.tensor4("images"), T.matrix("x")
    filters, more = (
        graphlib.shared(rng.normal(size=shape).astype("float32"), name=name, shape=shape)
        for name, shape in (("filters", (9, 3, 5, 5)), ("more", (10, 9, 3, 3)))
    )
    maps = T.nnet.conv2d(images, filters, border_mode="half")
    maps = T.nnet.conv2d(T.tanh(maps), more, border_mode="half")
    learn = [(w, w - 0.001 * T.grad((maps**2).mean(), w)) for w in (filters, more)]
    functions = {
        "convolve": graphlib.function([images], maps, updates=learn, mode="reference"),
        "wide": graphlib.function([x], [T.tanh(x).sum(), T.dot(x, x.T)], mode="reference"),
    }
    bounds = {"images": (4, 3, 40, 40), "x": (300, 200)}
    made = [graphlib.export.c(functions, tmp_path, name=f"on_{n}", bounds=bounds, threads=n) for n in (1, 3)]
    one, three = (Native(m, ("-O0",)) for m in made)
    pictures, wide = rng.normal(size=(4, 3, 40, 40)), rng.normal(size=(300, 200))
    for _ in range(3):
        for name, given in (("convolve", pictures), ("wide", wide)):
            for a, b in zip(one.call(f"on_1_{name}", given), three.call(f"on_3_{name}", given), strict=True):
                np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(one["filters"], three["filters"])
    np.testing.assert_allclose(
        one.call("on_1_wide", wide)[1],
        wide.astype("float32") @ wide.astype("float32").T,
        rtol=1e-3,
        atol=1e-4,
    )
    with pytest.raises(ExportError, match="1 to 64 threads, not 0"):
        graphlib.export.c(functions, tmp_path, name="none", bounds=bounds, threads=0)
