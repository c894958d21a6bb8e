"""Models with sequences of tensors and optional values, whose number is known while they are read; expected
values are NumPy's."""

import numpy as np
import onnx
import pytest

import graphlib
from graphlib.errors import OnnxError

HEAD = '<ir_version: 10, opset_import: ["" : 20]>\n'


def loaded(text, folder, **settings):
    path = folder / "model.onnx"
    onnx.save(onnx.parser.parse_model(HEAD + text), path)
    return graphlib.onnx.load(path, **settings)


def test_sequences_inside_a_model(tmp_path):
    model = loaded(
        """parts (float[n, 6] x) => (float[m, 2] y, float[n, 3, 2] z, int64 count)
        <int64 two = {2}, int64 last = {-1}, int64 first = {0}, float[1, 2] one = {1.0, 1.0}> {
            seq = SplitToSequence <axis = 1> (x, two)
            end = SequenceAt (seq, last)
            shorter = SequenceErase (seq, first)
            longer = SequenceInsert (shorter, one, first)
            y = ConcatFromSequence <axis = 0> (longer)
            z = ConcatFromSequence <axis = 1, new_axis = 1> (seq)
            some = SequenceConstruct (end, one)
            count = SequenceLength (some)
        }""",
        tmp_path,
    )
    x = np.arange(12, dtype="float32").reshape(2, 6)
    f = graphlib.function(model.inputs, list(model.outputs.values()), mode="reference")
    y, z, count = f(x)
    assert np.array_equal(y, np.concatenate([np.ones((1, 2)), x[:, 2:4], x[:, 4:]]))
    assert np.array_equal(z, x.reshape(2, 3, 2)) and count == 2


def test_sequences_that_go_in_and_out_and_through_loops(tmp_path):
    model = loaded(
        """loop (seq(float[2]) s, int64 n) => (seq(float[2]) longer)
        <bool go = {1}, float[2] step = {1.0, 2.0}> {
            longer = Loop (n, go, s) <body = each (int64 i, bool c, seq(float[2]) before)
                => (bool d, seq(float[2]) after) {
                    d = Identity (c)
                    turn = Cast <to = 1> (i)
                    row = Mul (step, turn)
                    after = SequenceInsert (before, row)
            }>
        }""",
        tmp_path,
        dims={"s": 1},
        values={"n": 2},
    )
    assert [v.name for v in model.inputs] == ["s[0]"] and list(model.outputs) == [
        f"longer[{k}]" for k in range(3)
    ]
    found = graphlib.function(model.inputs, list(model.outputs.values()), mode="reference")([7, 8])
    assert [row.tolist() for row in found] == [[7, 8], [0, 0], [1, 2]]


def test_what_is_not_known_is_an_error(tmp_path):
    seq = "m (seq(float[2]) s, int64 k) => (float[2] y) { y = SequenceAt (s, k) }"
    with pytest.raises(OnnxError, match=r"'s' is a sequence: say of how many, as dims=\{'s': 3\}"):
        loaded(seq, tmp_path)
    with pytest.raises(OnnxError, match="needs a position that is known"):
        loaded(seq, tmp_path, dims={"s": 2})
    with pytest.raises(OnnxError, match="has the position 2 in a sequence of 2"):
        loaded(seq, tmp_path, dims={"s": 2}, values={"k": 2})
    split = "m (float[n] x) => (float[m] y) <int64 k = {0}> { s = SplitToSequence (x) y = SequenceAt (s, k) }"
    with pytest.raises(OnnxError, match="needs the length of axis 0 of x"):
        loaded(split, tmp_path)
    assert (
        graphlib.function((m := loaded(split, tmp_path, dims={"n": 2})).inputs, m.outputs["y"])([3, 4]) == 3
    )
