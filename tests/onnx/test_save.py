"""``graphlib.onnx.save``: what a model is called, its loops, and what is refused."""

import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest

import graphlib
import graphlib.tensor as T
from graphlib import nn
from graphlib.errors import InputError, MissingInputError, OnnxError

from .runtime import run


def normal(*shape):
    return np.random.RandomState(sum(shape)).normal(size=shape).astype("float32")


def saved(function, tmp_path, **options):
    path = tmp_path / "model.onnx"
    graphlib.onnx.save(function, path, **options)
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    return model


def hold(tmp_path, inputs, outputs, *arrays, expected=None):
    """What a runtime makes of the model is what the reference makes of the graph."""
    outputs = outputs if isinstance(outputs, list) else [outputs]
    wanted = graphlib.function(inputs, outputs, mode="reference", on_unused_input="ignore")(*arrays)
    model = saved((inputs, outputs), tmp_path)
    for got, want in zip(run(model, arrays), wanted, strict=True):
        assert got.dtype == want.dtype and got.shape == want.shape
        np.testing.assert_allclose(got, want, 1e-5, 1e-5)
    operators = [node.op_type for node in model.graph.node]
    assert expected is None or expected in operators, operators
    return model


def dims(value):
    return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]


def test_a_function_keeps_its_names(tmp_path):
    x, scale = T.matrix("x"), T.scalar("scale")
    w = graphlib.shared(normal(3, 2), name="W")
    b = graphlib.shared(normal(2), name="b")
    p = T.nnet.softmax(T.dot(x, w) + b)
    f = graphlib.function(
        [x, graphlib.In(scale, value=2.0)],
        {"probability": p * scale, "label": T.argmax(p, axis=1)},
        mode="reference",
        name="classify",
    )
    model = saved(f, tmp_path, dims={x: ("batch", None)})
    assert model.graph.name == "classify" and model.producer_name == "graphlib"
    assert [v.name for v in model.graph.input] == ["x", "scale"]
    assert dims(model.graph.input[0]) == ["batch", "x_1"]
    assert {v.name: dims(v) for v in model.graph.output} == {"probability": ["batch", 2], "label": ["batch"]}
    arrays = {i.name: onnx.numpy_helper.to_array(i) for i in model.graph.initializer}
    np.testing.assert_array_equal(arrays["W"], w.get_value())
    assert arrays["scale"] == 2 and "b" in arrays
    assert [n.op_type for n in model.graph.node if n.op_type == "Softmax"] == ["Softmax"]
    assert any("test_save.py:" in n.doc_string for n in model.graph.node)
    wanted = f(normal(4, 3), 2)
    got = run(model, [normal(4, 3), np.array(2, "float32")])
    np.testing.assert_allclose(got[0], wanted["probability"], 1e-6)
    np.testing.assert_array_equal(got[1], wanted["label"])


def test_names_are_made_where_there_are_none(tmp_path):
    x, y = T.matrix(), T.matrix("output_0")
    model = saved(([x, y], [x + y, x, y, y]), tmp_path)
    assert [v.name for v in model.graph.input] == ["input_0", "output_0"]
    names = [v.name for v in model.graph.output]
    assert len(set(names)) == 4 and not {"input_0", "output_0"} & set(names)
    a, b = normal(2, 3), normal(3, 2).T
    for got, want in zip(run(model, [a, b]), [a + b, a, b, b], strict=True):
        np.testing.assert_array_equal(got, want)


def test_a_model_of_layers(tmp_path):
    model = nn.Model([nn.Dense(5, "relu"), nn.BatchNormalization(), nn.Dense(2, "softmax")], "crossentropy")
    model.build((None, 3))
    x = normal(4, 3)
    np.testing.assert_allclose(run(saved(model, tmp_path), [x])[0], model.outputs(x), 1e-5, 1e-6)


def test_a_model_of_each_opset_runs(tmp_path):
    x = T.tensor4("x")
    w = graphlib.shared(normal(2, 1, 3, 3), name="w")
    y = T.nnet.conv2d(x, w, border_mode="half").max(axis=(2, 3))
    f = graphlib.function([x], y, mode="reference")
    for opset in (20, 21, None):
        model = saved(f, tmp_path, opset=opset)
        newest = min(28, onnx.defs.onnx_opset_version())
        assert model.opset_import[0].version == (opset or newest)
        np.testing.assert_allclose(run(model, [normal(2, 1, 5, 4)])[0], f(normal(2, 1, 5, 4)), 1e-5, 1e-5)
    with pytest.raises(InputError, match=r"opset is a number from 20 to .*, not 19"):
        saved(f, tmp_path, opset=19)


@pytest.mark.parametrize("steps", [4, 0])
def test_a_recurrence(tmp_path, steps):
    x, h = T.matrix("x"), T.vector("h")
    w = graphlib.shared(0.3 * normal(3, 3), name="W")
    states, _ = graphlib.scan(lambda row, h: T.tanh(row + T.dot(h, w)), sequences=[x], outputs_info=[h])
    hold(tmp_path, [x, h], states, normal(steps, 3), normal(3), expected="Loop")


def test_a_recurrence_of_known_length_is_a_scan(tmp_path):
    x, h = T.TensorType("float32", (4, 3))("x"), T.vector("h")
    states, _ = graphlib.scan(lambda row, h: T.tanh(row + h), sequences=[x], outputs_info=[h])
    gradient = T.grad((states[-1] ** 2).sum(), x)
    hold(tmp_path, [x, h], [states[-1], gradient], normal(4, 3), normal(3), expected="Scan")


def test_loops_of_every_kind(tmp_path):
    h, n, m = T.vector("h"), T.lscalar("n"), T.tensor3("m")
    doubled, _ = graphlib.scan(lambda p: p * 2 + 1, outputs_info=[h], n_steps=n)
    taps = [{"initial": h[:2], "taps": [-2, -1]}]
    fibonacci, _ = graphlib.scan(lambda a, b: a + b, outputs_info=taps, n_steps=6)
    until, _ = graphlib.scan(
        lambda s: (s * 2, graphlib.until(s > 50)), outputs_info=[T.constant(np.float32(1))], n_steps=20
    )
    nested, _ = graphlib.scan(
        lambda rows: graphlib.scan(lambda row: row.sum() * n, sequences=[rows])[0], sequences=[m]
    )
    both, _ = graphlib.scan(lambda a, b: T.dot(a, b), sequences=[m[0], m[1, ::-1]])
    outputs = [doubled, doubled[-1], fibonacci, until, nested, both]
    hold(tmp_path, [h, n, m], outputs, normal(3), np.array(5), normal(2, 3, 4))


@pytest.mark.parametrize("value", [1, -1])
def test_a_choice(tmp_path, value):
    c, a = T.scalar("c"), T.matrix("a")
    chosen = graphlib.ifelse(T.gt(c, 0), T.exp(a), a[:1] + 1)
    hold(tmp_path, [c, a], chosen, np.array(value, "float32"), normal(2, 3))


def test_gradients_through_softmax_and_pooling(tmp_path):
    x = T.tensor4("x")
    pooled = T.signal.pool.pool_2d(x, (2, 2), ignore_border=True)
    cost = -T.log(T.nnet.softmax(pooled.flatten(2))[:, 1]).sum()
    hold(tmp_path, [x], [T.grad(cost, x)], normal(2, 1, 4, 5))


def test_special_functions_where_they_are_hard(tmp_path):
    x = T.dvector("x")
    points = np.array([-5.3, -0.7, 1e-9, 1e-3, 0.5, 1.0, 2.0, 8.5, 30.0])
    above = [T.erfc(x), T.log1p(abs(x)), T.expm1(x), T.erfcx(abs(x))]
    wanted = graphlib.function([x], [*above, T.gammaln(x), T.psi(x), T.tri_gamma(x)], mode="reference")
    model = saved((wanted.inputs, wanted.outputs), tmp_path)
    for got, want in zip(run(model, [points]), wanted(points), strict=True):
        np.testing.assert_allclose(got, want, 1e-11, 1e-14)


def test_integers_round_and_wrap_as_in_graphlib(tmp_path):
    x, y = T.bvector("x"), T.bvector("y")
    a = np.array([7, -7, 7, -7, -128, 100], "int8")
    b = np.array([2, 2, -2, -2, 3, 100], "int8")
    outputs = [x // y, x % y, x * y, x + y, abs(x), -x, T.sgn(x), x**2, x & y, x > y, T.maximum(x, y)]
    hold(tmp_path, [x, y], outputs, a, b)


def test_what_calls_change_goes_in_and_comes_out(tmp_path):
    x, labels, rate = T.matrix("x"), T.ivector("labels"), T.scalar("rate")
    start = normal(4, 3)
    w, b = graphlib.shared(start, name="W"), graphlib.shared(np.zeros(3, "float32"))
    cost = T.nnet.categorical_crossentropy(T.nnet.softmax(T.dot(x, w) + b), labels).mean()
    gw, gb = T.grad(cost, [w, b])
    train = graphlib.function(
        [x, labels, graphlib.In(rate, value=0.5, update=rate * 0.9)],
        {"cost": cost},
        updates=[(w, w - rate * gw), (b, b - rate * gb)],
        mode="reference",
    )
    model = saved(train, tmp_path)
    assert [o.name for o in model.graph.output] == ["cost", "next_rate", "next_W", "next_state_1"]
    data, kinds = normal(6, 4), np.arange(6, dtype="int32") % 3
    feed = {"x": data, "labels": kinds}
    session = onnxruntime.InferenceSession(model.SerializeToString())
    for _ in range(5):
        # what is not given is what it was when the model was written
        found = dict(zip(("cost", "rate", "W", "state_1"), session.run(None, feed), strict=True))
        np.testing.assert_allclose(found.pop("cost"), train(data, kinds)["cost"], 1e-5)
        feed |= found
    np.testing.assert_allclose(feed["W"], w.get_value(), 1e-5)
    assert not np.allclose(feed["W"], start)


def test_errors_name_what_is_wrong(tmp_path):
    x, y = T.matrix("x"), T.matrix("y")
    with pytest.raises(OnnxError, match=r"none/model\.onnx: cannot be written \(No such file"):
        saved(([x], [x + 1]), tmp_path / "none")
    for opset in ("21", 21.0, True):
        with pytest.raises(InputError, match="opset is a number from 20 to"):
            saved(([x], [x + 1]), tmp_path, opset=opset)
    with pytest.raises(MissingInputError, match="depend on y float32"):
        saved(([x], [x + y]), tmp_path)
    with pytest.raises(InputError, match=r"takes a compiled function, or a pair \(inputs, outputs\)"):
        saved(x + 1, tmp_path)
    with pytest.raises(InputError, match="dims names z; the inputs are x"):
        saved(([x], [x + 1]), tmp_path, dims={"z": ("batch", None)})
    with pytest.raises(InputError, match=r"dims has \('batch',\) for x .*which has 2 axes"):
        saved(([x], [x + 1]), tmp_path, dims={"x": ("batch",)})
    u = T.TensorType("uint64", (None,))("u")
    with pytest.raises(OnnxError, match=r"pow has no form in ONNX: its Pow takes no uint64.*test_save\.py"):
        saved(([u], [u**u]), tmp_path)
    with pytest.raises(OnnxError, match="solve_triangular has no form in ONNX"):
        saved(([x, y], [T.slinalg.solve_triangular(x, y)]), tmp_path)


def test_nothing_is_written_where_it_fails(tmp_path):
    x = T.matrix("x")
    path = tmp_path / "model.onnx"
    graphlib.onnx.save(([x], [x + 1]), path)
    before = path.read_bytes()
    with pytest.raises(OnnxError, match="has no form in ONNX"):
        graphlib.onnx.save(([x], [T.nlinalg.matrix_inverse(x)]), path)
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["model.onnx"]


def test_the_package_is_imported_only_when_it_is_needed_and_missed_with_a_hint(tmp_path):
    program = """
import sys
import graphlib, graphlib.tensor as T, graphlib.nn
x = T.matrix("x")
assert graphlib.onnx and "onnx" not in sys.modules
sys.modules["onnx"] = None  # as if it were not installed
try:
    graphlib.onnx.save(([x], [x + 1]), sys.argv[1])
except graphlib.errors.OnnxError as error:
    print(error)
"""
    command = [sys.executable, "-c", program, str(tmp_path / "m.onnx")]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "needs the package onnx: pip install onnx" in text


def test_arrays_that_are_too_large_for_one_file_go_beside_it(tmp_path, monkeypatch):
    monkeypatch.setattr("graphlib.onnx.saving.MOST_INSIDE", 1000)
    x = T.matrix("x", shape=(None, 50))
    w = graphlib.shared(normal(50, 20), name="W")
    path = tmp_path / "model.onnx"
    for _ in range(2):
        graphlib.onnx.save(([x], [T.dot(x, w)]), path)
        assert sorted(p.name for p in tmp_path.iterdir()) == ["model.onnx", "model.onnx.data"]
        assert path.stat().st_size < 1000 and (tmp_path / "model.onnx.data").stat().st_size == 4000
        loaded = graphlib.onnx.load(path)
        np.testing.assert_array_equal(loaded.parameters["W"].get_value(), w.get_value())
        w.set_value(w.get_value() + 1)

    def full(*arguments, **options):
        raise OSError("no space left")

    monkeypatch.setattr("onnx.save_model", full)
    with pytest.raises(OnnxError, match=r"model\.onnx: cannot be written .no space left"):
        graphlib.onnx.save(([x], [2 * T.dot(x, w)]), path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.onnx", "model.onnx.data"]
    before = graphlib.onnx.load(path).parameters["W"].get_value()
    np.testing.assert_allclose(before, w.get_value() - 1, atol=1e-6)
