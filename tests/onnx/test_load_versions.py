"""``graphlib.onnx.load``: what attributes of older versions of operators say, and sizes that must fit."""

import numpy as np
import pytest
from onnx import TensorProto, helper

import graphlib
from graphlib.errors import OnnxError, ShapeError

from .test_load import written
from .test_save import normal

F = TensorProto.FLOAT


def loaded(tmp_path, node, inputs, outputs, opset, **options):
    """A function of a model of one node."""
    path = written(tmp_path, [node], inputs, outputs, opset=opset)
    model = graphlib.onnx.load(path, **options)
    outputs = list(model.outputs.values())
    return graphlib.function(model.inputs, outputs, mode="reference", on_unused_input="ignore")


def split(tmp_path, length, outputs, opset=11, **attributes):
    names = [f"y{k}" for k in range(outputs)]
    node = helper.make_node("Split", ["x"], names, "cut", axis=1, **attributes)
    return loaded(
        tmp_path, node, [("x", F, [2, length])], [(name, F, [2, f"n{name}"]) for name in names], opset
    )


def test_sizes_of_a_split_fill_its_axis(tmp_path):
    x = normal(2, 5)
    for length in (5, "n"):
        for got, want in zip(split(tmp_path, length, 2, split=[2, 3])(x), (x[:, :2], x[:, 2:]), strict=True):
            np.testing.assert_array_equal(got, want)
    with pytest.raises(OnnxError, match=r"'cut' \(Split\) splits axis 1 of x .* into \[2, 2\].* sum is 4"):
        split(tmp_path, 5, 2, split=[2, 2])
    with pytest.raises(OnnxError, match=r"into \[6, -1\]"):
        split(tmp_path, 5, 2, split=[6, -1])
    with pytest.raises(OnnxError, match="3 outputs, and 2 sizes"):
        split(tmp_path, 5, 3, split=[2, 3])
    with pytest.raises(OnnxError, match="into 2 equal parts, which do not fit"):
        split(tmp_path, 5, 2)
    with pytest.raises(ShapeError, match=r"x float32.* has shape \(2, 6\), not \(2, 5\)"):
        split(tmp_path, "n", 2, split=[2, 3])(normal(2, 6))
    uneven = split(tmp_path, 5, 2, opset=18, num_outputs=2)(x)
    assert [part.shape for part in uneven] == [(2, 3), (2, 2)]


@pytest.mark.parametrize(
    ("opset", "attributes", "outputs", "learns"),
    [
        (6, {}, 1, True),
        (6, {"is_test": 1}, 1, False),
        (6, {"is_test": 0}, 5, True),
        (7, {}, 1, False),
        (9, {}, 5, True),
        (15, {}, 1, False),
        (15, {"training_mode": 1}, 3, True),
    ],
)
def test_batch_normalization_learns_where_its_version_says_so(tmp_path, opset, attributes, outputs, learns):
    names = [f"y{k}" for k in range(outputs)]
    node = helper.make_node("BatchNormalization", ["x", *"abmv"], names, momentum=0.75, **attributes)
    inputs = [("x", F, [4, 3, 2]), *((name, F, [3]) for name in "abmv")]
    shapes = [[4, 3, 2], *[[3]] * 4]
    f = loaded(tmp_path, node, inputs, [(y, F, s) for y, s in zip(names, shapes, strict=False)], opset)
    x, (a, b, m, v) = normal(4, 3, 2), abs(normal(4, 3)) + 0.5
    own, spread = (x.mean((0, 2)), x.var((0, 2))) if learns else (m, v)
    y = (x - own[:, None]) / np.sqrt(spread[:, None] + 1e-5) * a[:, None] + b[:, None]
    wanted = [y, 0.75 * m + 0.25 * own, 0.75 * v + 0.25 * spread, own, spread][:outputs]
    for got, want in zip(f(x, a, b, m, v), wanted, strict=True):
        np.testing.assert_allclose(got, want, 1e-5, 1e-6)


def test_old_batch_normalization_of_each_element(tmp_path):
    node = helper.make_node("BatchNormalization", ["x", *"abmv"], ["y"], spatial=0)
    inputs = [("x", F, [4, 3, 2]), *((name, F, [3, 2]) for name in "abmv")]
    x, (a, b, m, v) = normal(4, 3, 2), abs(normal(4, 3, 2)) + 0.5
    (y,) = loaded(tmp_path, node, inputs, [("y", F, [4, 3, 2])], 7)(x, a, b, m, v)
    np.testing.assert_allclose(y, (x - m) / np.sqrt(v + 1e-5) * a + b, 1e-5, 1e-6)


def test_dropout_is_refused_where_its_version_drops(tmp_path):
    def load(opset, inputs=("x",), outputs=("y",), values=None, **attributes):
        node = helper.make_node("Dropout", inputs, outputs, "drop", **attributes)
        types = {"x": (F, [3]), "r": (F, []), "t": (TensorProto.BOOL, [])}
        made = {"y": (F, [3]), "m": (F if opset < 10 else TensorProto.BOOL, [3])}
        given, got = ([(k, *table[k]) for k in names] for names, table in ((inputs, types), (outputs, made)))
        return loaded(tmp_path, node, given, got, opset, values=values)

    for opset, attributes in ((6, {}), (6, {"is_test": 0}), (1, {})):
        with pytest.raises(OnnxError, match=r"'drop' \(Dropout\) is in training mode"):
            load(opset, **attributes)
    with pytest.raises(OnnxError, match="is in training mode"):
        load(13, ("x", "r", "t"), values={"t": True, "r": 0.5})
    x, both = normal(3), ("y", "m")
    for f in (
        load(6, outputs=both, is_test=1),
        load(6, outputs=both, ratio=0.0),
        load(7, outputs=both),
        load(13, ("x", "r", "t"), both, values={"t": True, "r": 0.0}),
        load(13, ("x", "r", "t"), both, values={"t": False, "r": 0.5}),
    ):
        y, mask = f(x)
        np.testing.assert_array_equal(y, x)
        assert mask.all()
