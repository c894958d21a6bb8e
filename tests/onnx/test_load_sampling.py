"""``graphlib.onnx.load``: grids, regions, boxes and distinct elements, held against onnxruntime."""

from itertools import product

import numpy as np
import onnx
from onnx import TensorProto, helper

import graphlib
import graphlib.tensor as T

from .runtime import run
from .test_load import written
from .test_save import normal

F, I = TensorProto.FLOAT, TensorProto.INT64  # noqa: E741  (as ONNX calls them)


def agree(tmp_path, nodes, inputs, outputs, arrays, opset=21):
    """Whether graphlib's outputs are those of onnxruntime; graphlib's model."""
    path = written(tmp_path, nodes, inputs, outputs, opset=opset)
    model = graphlib.onnx.load(path)
    got = graphlib.function(model.inputs, list(model.outputs.values()), mode="reference")(*arrays)
    for (name, *_), ours, theirs in zip(outputs, got, run(onnx.load(path), arrays), strict=True):
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape, name
        np.testing.assert_allclose(ours, theirs, 1e-4, 1e-5, err_msg=name)
    return model


def test_images_are_sampled_at_grids(tmp_path):
    settings = list(
        product(("linear", "nearest", "cubic"), ("zeros", "border", "reflection"), (0, 1)),
    )
    names = ["_".join(map(str, s)) for s in settings]
    nodes = [
        helper.make_node("GridSample", ["x", "g"], [name], mode=m, padding_mode=p, align_corners=c)
        for name, (m, p, c) in zip(names, settings, strict=True)
    ]
    x, g = normal(2, 3, 5, 6), (normal(2, 4, 3, 2) * 0.9).astype("float32")
    inputs = [("x", F, [None, 3, None, None]), ("g", F, [None, None, None, 2])]
    model = agree(tmp_path, nodes, inputs, [(name, F, [None] * 4) for name in names], [x, g])
    y = model.outputs["linear_border_0"]
    to, by = model.inputs
    step = graphlib.function([to, by], [T.sum(y**2), T.grad(T.sum(y**2), by)], mode="reference")
    way = (normal(*g.shape) * 1e-3).astype("float32")
    (_, slope), ends = step(x, g), [step(x, g + sign * way)[0] for sign in (-1, 1)]
    np.testing.assert_allclose((slope * way).sum() * 2, ends[1] - ends[0], 0.02)


def test_regions_are_pooled(tmp_path):
    regions = np.array([[0, 0, 4, 3], [1.5, -1, 9, 5], [2, 2, 2.3, 2.2]], "float32")
    settings = [
        (m, r, how) for m in ("avg", "max") for r in (0, 2) for how in ("half_pixel", "output_half_pixel")
    ]
    names = [f"{m}_{r}_{how}" for m, r, how in settings]
    nodes = [
        helper.make_node(
            "RoiAlign", ["x", "r", "b"], [name], mode=m, sampling_ratio=r, spatial_scale=0.7,
            coordinate_transformation_mode=how, output_height=2, output_width=3,
        )
        for name, (m, r, how) in zip(names, settings, strict=True)
    ]  # fmt: skip
    arrays = [normal(2, 2, 6, 7), regions, np.array([0, 1, 0])]
    inputs = [("x", F, [2, 2, 6, 7]), ("r", F, [None, 4]), ("b", I, [None])]
    agree(tmp_path, nodes, inputs, [(name, F, [None, 2, 2, 3]) for name in names], arrays)


def test_boxes_that_overlap_are_left_out(tmp_path):
    random = np.random.RandomState(3)
    boxes = random.rand(2, 12, 4).astype("float32")
    scores = random.rand(2, 3, 12).astype("float32")
    nodes = [
        helper.make_node("NonMaxSuppression", ["b", "s", "m", "o", "t"], ["y"]),
        helper.make_node("NonMaxSuppression", ["b", "s", "m", "o"], ["z"], center_point_box=1),
    ]
    inputs = [("b", F, [2, None, 4]), ("s", F, [2, 3, None]), ("m", I, [1]), ("o", F, [1]), ("t", F, [1])]
    arrays = [boxes, scores, np.array([4]), np.array([0.3], "float32"), np.array([0.4], "float32")]
    agree(tmp_path, nodes, inputs, [("y", I, [None, 3]), ("z", I, [None, 3])], arrays)


def test_distinct_elements_and_rows(tmp_path):
    parts = ("y", "first", "inverse", "counts")
    settings = [{"sorted": s, **axis} for s in (0, 1) for axis in ({}, {"axis": 0}, {"axis": 1})]
    nodes, outputs = [], []
    for k, attributes in enumerate(settings):
        names = [f"{part}_{k}" for part in parts]
        nodes.append(helper.make_node("Unique", ["x"], names, **attributes))
        outputs += [(names[0], F, [None] * (2 if "axis" in attributes else 1))]
        outputs += [(name, I, [None]) for name in names[1:]]
    x = np.random.RandomState(0).randint(0, 2, (7, 3)).astype("float32")
    agree(tmp_path, nodes, [("x", F, [None, 3])], outputs, [x])
