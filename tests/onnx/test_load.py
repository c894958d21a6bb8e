"""``graphlib.onnx.load``: onnx's own tests of operators, models of PyTorch, training, round trips, errors."""

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import graphlib
import graphlib.tensor as T
from graphlib import nn
from graphlib.errors import DTypeError, OnnxError, ShapeError

from . import backend
from .runtime import run
from .test_save import normal, saved

MODELS = Path(__file__).parent / "models"

#: what of onnx's tests is refused here, and why, in a word of the message
REFUSED = (
    "graphlib has no dtype",
    "graphlib has tensors alone",
    "whose operators graphlib has not",
    "has no counterpart in graphlib",
    "casts to",
    "whose random numbers ONNX does not say",
    "has no number of dimensions",
    "depends on values",
    "are strings or sparse",
    "is of strings or sparse",
    "of which graphlib needs one",
)


@pytest.fixture(scope="module")
def own_tests():
    """onnx's own, which take it seconds to make."""
    return backend.cases()


@pytest.mark.parametrize("part", range(4))
def test_onnx_s_own_tests_of_operators(part, own_tests, tmp_path):
    """Of every fifth test of onnx's, each passes or is refused in words; docs/onnx.md counts all of them."""
    names = sorted(own_tests)[::5][part::4]
    found = {name: backend.outcome(own_tests[name], tmp_path / "model.onnx") for name in names}
    wrong = {
        name: text
        for name, text in found.items()
        if text not in ("passes", "with values")
        and not (text.startswith("refused: ") and any(words in text for words in REFUSED))
    }
    assert not wrong
    passed = sum(text in ("passes", "with values") for text in found.values())
    assert passed > 0.7 * len(found)


def test_what_is_read_of_them_is_written_again(own_tests, tmp_path):
    """Of some of them: what a runtime makes of graphlib's own form is what onnx says."""
    read = 0
    for name in sorted(own_tests)[::16]:
        case = own_tests[name]
        if backend.outcome(case, tmp_path / "model.onnx") != "passes" or "dft" in name:
            continue
        loaded = graphlib.onnx.load(tmp_path / "model.onnx")
        arrays, wanted = ([backend.array(a) for a in part] for part in case.data_sets[0])
        if any(a.size == 0 for a in arrays):
            continue
        graphlib.onnx.save((loaded.inputs, loaded.outputs), tmp_path / "again.onnx")
        for got, want in zip(run(onnx.load(tmp_path / "again.onnx"), arrays), wanted, strict=True):
            assert got.dtype == want.dtype and got.shape == want.shape, name
            tolerance = 2e-2 if want.dtype == "float16" else 1e-3
            np.testing.assert_allclose(
                got.astype("float64"), want.astype("float64"), tolerance, tolerance, err_msg=name
            )
        read += 1
    assert read > 50


@pytest.mark.parametrize("name", ["mlp", "cnn", "lstm", "gru", "transformer"])
def test_models_of_pytorch(name, tmp_path):
    """What torch.onnx.export wrote is what PyTorch computed (make_torch_models.py), and so it is written."""
    model = graphlib.onnx.load(MODELS / f"{name}.onnx")
    arrays = np.load(MODELS / f"{name}.npz")
    x, y = arrays["x"], arrays["y"]
    f = graphlib.function(model.inputs, list(model.outputs.values()), mode="reference")
    np.testing.assert_allclose(f(x)[0], y, 1e-5, 1e-6)
    assert f(x[:1])[0].shape == (1, *y.shape[1:])
    again = saved(f, tmp_path)
    np.testing.assert_allclose(run(again, [x])[0], y, 1e-5, 1e-6)


def test_a_loaded_model_learns(tmp_path):
    model = graphlib.onnx.load(MODELS / "mlp.onnx")
    assert list(model.parameters) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    (x,), (scores,) = model.inputs, model.outputs.values()
    labels = T.ivector("labels")
    cost = -T.mean(scores[T.arange(labels.shape[0]), labels])
    parameters = list(model.parameters.values())
    updates = [(p, p - 0.5 * g) for p, g in zip(parameters, T.grad(cost, parameters), strict=True)]
    train = graphlib.function([x, labels], cost, updates=updates, mode="reference")
    data = normal(30, 4)
    costs = [train(data, (data[:, 0] > 0).astype("int32")) for _ in range(40)]
    assert costs[-1] < 0.5 * costs[0]


def test_a_loaded_model_is_applied_to_other_variables():
    model = graphlib.onnx.load(MODELS / "mlp.onnx")
    z = T.matrix("z", shape=(None, 4))
    x = normal(3, 4)
    plain = graphlib.function(model.inputs, list(model.outputs.values()), mode="reference")(x)[0]
    twice = graphlib.function([z], model(z * 2), mode="reference")(x / 2)
    np.testing.assert_allclose(twice, plain, 1e-6)
    with pytest.raises(OnnxError, match=r"takes \w+, not y"):
        model(y=z)
    with pytest.raises(OnnxError, match=r"input \w+ is given twice"):
        model(z, **{model.inputs[0].name: z})
    with pytest.raises(DTypeError, match="unlike i int32"):
        model(T.imatrix("i"))
    with pytest.raises((ShapeError, DTypeError)):
        model(T.matrix("wide", shape=(None, 5)))


@pytest.mark.parametrize("name", ["convolution", "lstm", "bidirectional"])
def test_what_is_saved_is_loaded(name, tmp_path):
    layers = {
        "convolution": [
            nn.Conv2D(3, 3, activation="relu"),
            nn.MaxPool2D(2),
            nn.Flatten(),
            nn.Dense(2, "softmax"),
        ],
        "lstm": [nn.LSTM(4, return_sequences=True), nn.GRU(3, reset_after=True), nn.Dense(2)],
        "bidirectional": [nn.Bidirectional(nn.SimpleRNN(4)), nn.Dense(2)],
    }
    shape = (2, 1, 8, 8) if name == "convolution" else (2, 5, 3)
    model = nn.Model(layers[name], "squared_error")
    model.build((None, *shape[1:]))
    graphlib.onnx.save(model, tmp_path / "model.onnx")
    loaded = graphlib.onnx.load(tmp_path / "model.onnx")
    x = normal(*shape)
    wanted = graphlib.function([model.input], model.output, mode="reference")(x)
    outputs = list(loaded.outputs.values())
    np.testing.assert_allclose(
        graphlib.function(loaded.inputs, outputs, mode="reference")(x)[0], wanted, 1e-5, 1e-6
    )


def written(tmp_path, nodes, inputs, outputs, arrays=(), opset=21):
    """A model of these nodes; inputs and outputs are (name, type, lengths)."""
    values = [[helper.make_tensor_value_info(*v) for v in part] for part in (inputs, outputs)]
    graph = helper.make_graph(nodes, "graph", *values, [*arrays])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    path = tmp_path / "model.onnx"
    onnx.save(model, path)
    return path


def test_lengths_that_a_program_computes_are_lengths_here(tmp_path):
    """Shape, Gather, Mul, Unsqueeze, Concat, Reshape, as exporters write x.reshape(n * t, -1)."""
    node, constant = helper.make_node, onnx.numpy_helper.from_array
    nodes = [
        node("Shape", ["x"], ["shape"]),
        node("Gather", ["shape", "zero"], ["n"]),
        node("Gather", ["shape", "one"], ["t"]),
        node("Mul", ["n", "t"], ["rows"]),
        node("Unsqueeze", ["rows", "axis"], ["rows_1"]),
        node("Concat", ["rows_1", "rest"], ["lengths"], axis=0),
        node("Reshape", ["x", "lengths"], ["y"]),
    ]
    numbers = {"zero": np.array(0), "one": np.array(1), "axis": np.array([0]), "rest": np.array([-1])}
    path = written(
        tmp_path,
        nodes,
        [("x", TensorProto.FLOAT, ["batch", "time", 3])],
        [("y", TensorProto.FLOAT, ["rows", 3])],
        [constant(a, name) for name, a in numbers.items()],
    )
    model = graphlib.onnx.load(path)
    assert model.outputs["y"].type == T.TensorType("float32", (None, 3))
    assert not model.parameters
    sized = graphlib.onnx.load(path, dims={"batch": 2, "time": 4})
    assert sized.outputs["y"].type == T.TensorType("float32", (8, 3))
    f = graphlib.function(model.inputs, model.outputs, mode="reference")
    np.testing.assert_array_equal(f(normal(2, 4, 3))["y"], normal(2, 4, 3).reshape(8, 3))


def test_older_forms_of_operators(tmp_path):
    node, f = helper.make_node, TensorProto.FLOAT
    nodes = [
        node("Unsqueeze", ["x"], ["a"], axes=[0]),
        node("Squeeze", ["a"], ["b"], axes=[0]),
        node("Clip", ["b"], ["c"], min=-1.0, max=0.5),
        node("ReduceSum", ["c"], ["d"], axes=[1], keepdims=1),
        node("Softmax", ["x"], ["e"], axis=1),
        node("Pad", ["d"], ["g"], pads=[0, 1, 0, 0, 0, 0], value=2.0),
    ]
    path = written(
        tmp_path,
        nodes,
        [("x", f, [2, 3, 2])],
        [("e", f, [2, 3, 2]), ("g", f, [2, 2, 2])],
        opset=9,
    )
    model = graphlib.onnx.load(path)
    x = normal(2, 3, 2)
    got = graphlib.function(model.inputs, model.outputs, mode="reference")(x)
    flat = np.exp(x.reshape(2, 6))
    np.testing.assert_allclose(got["e"], (flat / flat.sum(1, keepdims=True)).reshape(x.shape), 1e-5)
    total = np.clip(x, -1, 0.5).sum(1, keepdims=True)
    np.testing.assert_allclose(got["g"], np.concatenate([np.full_like(total, 2), total], 1), 1e-5, 1e-6)


def test_slices_reach_beyond_their_axis(tmp_path):
    """The values are onnxruntime 1.32.0's."""
    beyond = 2**63 - 1
    cases = [(0, beyond, 2), (beyond, beyond, 1), (0, -beyond, 1), (-beyond, beyond, 1)]
    cases += [(beyond, -beyond, -1), (-beyond, -beyond, -1), (3, beyond, -1)]
    names = ("starts", "ends", "axes", "steps")
    nodes, outputs = [], []
    for k, (start, end, step) in enumerate(cases):
        for name, value in zip(names, (start, end, 0, step), strict=True):
            nodes.append(helper.make_node("Constant", [], [f"{name}_{k}"], value_ints=[value]))
        nodes.append(helper.make_node("Slice", ["x", *(f"{name}_{k}" for name in names)], [f"y_{k}"]))
        outputs.append((f"y_{k}", TensorProto.FLOAT, [f"n_{k}"]))
    model = graphlib.onnx.load(written(tmp_path, nodes, [("x", TensorProto.FLOAT, [5])], outputs))
    got = graphlib.function(model.inputs, model.outputs, mode="reference")(np.arange(5, dtype="float32"))
    expected = [[0, 2, 4], [], [], [0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [0], [3, 2, 1, 0]]
    assert [got[f"y_{k}"].tolist() for k in range(len(cases))] == expected


def test_functions_of_a_model_are_read(tmp_path):
    f = TensorProto.FLOAT
    body = [
        helper.make_node("Constant", [], ["factor"], value_float=3.0),
        helper.make_node("Mul", ["a", "factor"], ["b"]),
    ]
    function = helper.make_function("own", "Triple", ["a"], ["b"], body, [helper.make_opsetid("", 21)])
    graph = helper.make_graph(
        [helper.make_node("Triple", ["x"], ["y"], domain="own")],
        "graph",
        [helper.make_tensor_value_info("x", f, ["n"])],
        [helper.make_tensor_value_info("y", f, ["n"])],
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("own", 1)]
    model = helper.make_model(graph, functions=[function], opset_imports=opsets, ir_version=10)
    onnx.save(model, tmp_path / "model.onnx")
    loaded = graphlib.onnx.load(tmp_path / "model.onnx")
    results = graphlib.function(loaded.inputs, loaded.outputs, mode="reference")([1.0, 2.0])
    np.testing.assert_array_equal(results["y"], [3, 6])


def test_errors_name_what_is_wrong(tmp_path):
    path = tmp_path / "model.onnx"
    with pytest.raises(OnnxError, match=r"model\.onnx: cannot be read"):
        graphlib.onnx.load(path)
    whole = (MODELS / "cnn.onnx").read_bytes()
    for content in (b"", b"PK\x03\x04 no model", bytes(range(256)), whole[: len(whole) // 2], whole[:-1]):
        path.write_bytes(content)
        with pytest.raises(OnnxError, match=r"model\.onnx is (damaged, or is no|no valid) ONNX model"):
            graphlib.onnx.load(path)
    i, f = TensorProto.INT64, TensorProto.FLOAT
    node = helper.make_node("NonZero", ["x"], ["y"], name="places")
    with pytest.raises(OnnxError, match="has no input z"):
        graphlib.onnx.load(written(tmp_path, [node], [("x", f, [3])], [("y", i, [1, "n"])]), values={"z": 1})
    with pytest.raises(OnnxError, match="no axis 'batsh' in its inputs: its axes are called batch"):
        graphlib.onnx.load(
            written(tmp_path, [node], [("x", f, ["batch"])], [("y", i, [1, "n"])]), dims={"batsh": 2}
        )
    node = helper.make_node("BitCast", ["x"], ["y"], name="once", to=i)
    with pytest.raises(OnnxError, match=r"the node 'once' \(BitCast\) has no counterpart in graphlib"):
        graphlib.onnx.load(written(tmp_path, [node], [("x", f, [3])], [("y", i, ["n"])], opset=26))
    node = helper.make_node("Reshape", ["x", "s"], ["y"])
    with pytest.raises(OnnxError, match="the number of elements of s"):
        graphlib.onnx.load(written(tmp_path, [node], [("x", f, [3]), ("s", i, ["k"])], [("y", f, ["n"])]))
    node = helper.make_node("Identity", ["x"], ["y"])
    text = TensorProto.STRING
    with pytest.raises(OnnxError, match="the input 'x' is of STRING"):
        graphlib.onnx.load(written(tmp_path, [node], [("x", text, [3])], [("y", text, [3])]))
    node = helper.make_node("MatMul", ["x", "x"], ["y"], name="product")
    with pytest.raises(OnnxError, match=r"'product' \(MatMul\) cannot be read: .*length 3.* 2"):
        graphlib.onnx.load(written(tmp_path, [node], [("x", f, [2, 3])], [("y", f, ["n", "m"])]))


def test_arrays_beside_a_model_are_read_and_those_elsewhere_are_not(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    found = onnx.load(MODELS / "mlp.onnx")
    options = {"save_as_external_data": True, "location": "arrays", "size_threshold": 0}
    onnx.save(found, folder / "model.onnx", **options)
    model = graphlib.onnx.load(folder / "model.onnx")
    arrays = np.load(MODELS / "mlp.npz")
    f = graphlib.function(model.inputs, list(model.outputs.values()), mode="reference")
    np.testing.assert_allclose(f(arrays["x"])[0], arrays["y"], 1e-5)
    shutil.move(folder / "arrays", tmp_path / "arrays")
    with pytest.raises(OnnxError, match=r"model\.onnx"):
        graphlib.onnx.load(folder / "model.onnx")
    content = (folder / "model.onnx").read_bytes().replace(b"arrays", b"../arr")
    (folder / "model.onnx").write_bytes(content)
    with pytest.raises(OnnxError, match=r"model\.onnx"):
        graphlib.onnx.load(folder / "model.onnx")


def test_damaged_models_are_errors_or_models(tmp_path):
    """Bytes changed, removed and put in: a model, or an OnnxError, and nothing else."""
    random = np.random.RandomState(0)
    path = tmp_path / "model.onnx"
    outcomes = set()
    for name in ("cnn", "lstm"):
        whole = np.frombuffer((MODELS / f"{name}.onnx").read_bytes(), "uint8")
        for _ in range(60):
            damaged = whole.copy()
            damaged[random.randint(len(whole), size=2)] = random.randint(256, size=2)
            at = random.randint(len(whole))
            damaged = np.delete(damaged, at) if random.rand() < 0.3 else damaged
            path.write_bytes(damaged.tobytes())
            try:
                graphlib.onnx.load(path)
                outcomes.add("model")
            except OnnxError:
                outcomes.add("error")
    assert outcomes == {"model", "error"}


def test_a_deep_model_takes_no_longer_than_it_is_deep(tmp_path):
    x = T.vector("x")
    y = x
    for _ in range(2000):
        y = T.tanh(y) + 1
    graphlib.onnx.save(([x], [y]), tmp_path / "model.onnx")
    model = graphlib.onnx.load(tmp_path / "model.onnx")
    f, g = (graphlib.function(i, o, mode="reference") for i, o in (([x], y), (model.inputs, model.outputs)))
    np.testing.assert_allclose(g(normal(3))["output_0"], f(normal(3)), 1e-5)
