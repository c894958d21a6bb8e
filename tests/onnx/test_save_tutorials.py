"""What the tutorials' models predict, from the folders of their runs, as ONNX."""

import numpy as np
import onnx

from graphlib.errors import OnnxError
from graphlib.export.__main__ import main
from graphlib.export.trained import of_folder

from ..export.test_trained import run_of, values
from .runtime import run
from .test_save import saved

E, W, U, B, V, C = values(5, 3), values(3, 12), values(3, 12), values(12), values(3, 5), values(5)
WIDE, WX, WH, BH, H0 = values(6, 12), values(6, 3), values(3, 3), values(3), values(3)

#: parameters as the runs of the tutorials keep them
RUNS = {
    "logistic": {"output__W": values(16, 3), "output__b": values(3)},
    "mlp": {
        "hidden__W": values(16, 5),
        "hidden__b": values(5),
        "output__W": values(5, 3),
        "output__b": values(3),
    },
    "lenet": {
        "image_shape": [16, 16],
        "convolution_1__W": values(2, 1, 5, 5),
        "convolution_1__b": values(2),
        "convolution_2__W": values(3, 2, 5, 5),
        "convolution_2__b": values(3),
        "hidden__W": values(3, 4),
        "hidden__b": values(4),
        "output__W": values(4, 2),
        "output__b": values(2),
    },
    "dA": {"a__W": values(6, 4), "a__b": values(4), "a__b_prime": values(6)},
    "lstm": {
        "dictionaries": {"words": list("abcde")},
        "embeddings": E,
        "lstm__W": W,
        "lstm__U": U,
        "lstm__b": B,
        "output__W": V[:, :2],
        "output__b": C[:2],
    },
    "slots": {
        "embeddings": E,
        "recurrent__W": WIDE,
        "recurrent__U": U,
        "recurrent__b": B,
        "recurrent__h0": H0,
        "recurrent__c0": H0,
        "output__w": V,
        "output__b": C,
    },
    "elman": {
        "embeddings": E,
        "recurrent__wx": WX,
        "recurrent__wh": WH,
        "recurrent__bh": BH,
        "recurrent__h0": H0,
        "output__w": V,
        "output__b": C,
    },
    "rbm": {"rbm__W": values(6, 4), "rbm__hbias": values(4), "rbm__vbias": values(6)},
    "char": {
        "dictionaries": {"characters": list("abcde")},
        "embeddings": E,
        "lstm__W": W,
        "lstm__U": U,
        "lstm__b": B,
        "output__W": V,
        "output__b": C,
    },
}
#: what draws random numbers, which ONNX has not
DRAWING = {"rbm": {"sample"}, "char": {"write", "next"}}
#: sequences that are no images
INPUTS = {
    "lstm": [np.array([[1], [2], [4]]), np.ones((3, 1), "float32")],
    "slots": [np.array([[0, 1], [1, 2], [3, 4]])],
    "elman": [np.array([[0, 1], [1, 2], [3, 4]])],
}


def inputs_of(name, function):
    """Arrays for a function: its sequences, or examples."""
    if name in INPUTS:
        return INPUTS[name][: len(function.inputs)]
    rows = {"logistic": 16, "mlp": 16, "lenet": 256}.get(name, 6)
    rows = 4 if any(v.name in ("code", "h") for v in function.inputs) else rows
    return [np.random.RandomState(1).uniform(size=(3, rows)).astype("float32")]


def test_what_is_predicted(tmp_path):
    exported, refused = {}, {}
    for name, run_arrays in RUNS.items():
        trained = of_folder(run_of(tmp_path / name, **run_arrays), batch=3)
        for key, function in trained.functions.items():
            try:
                model = saved((function.inputs, function.outputs), tmp_path)
            except OnnxError as error:
                assert "random numbers are none that a seed determines" in str(error), error
                refused.setdefault(name, set()).add(key)
                continue
            exported.setdefault(name, set()).add(key)
            arrays = [
                v.type.convert(a) for v, a in zip(function.inputs, inputs_of(name, function), strict=True)
            ]
            wanted = function(*arrays)
            for got, want in zip(run(model, arrays), wanted.values(), strict=True):
                np.testing.assert_allclose(got, want, 1e-4, 1e-5, err_msg=f"{name}.{key}")
    assert refused == DRAWING
    assert set(exported) >= {"logistic", "mlp", "lenet", "dA", "lstm", "slots", "elman"}


def test_the_command_line(tmp_path, capsys):
    folder = run_of(tmp_path / "my run", output__W=values(4, 3), output__b=values(3))
    assert main([str(folder), "--onnx", "--train"]) == 0
    said = capsys.readouterr().out
    path = folder / "export" / "my_run_predict.onnx"
    assert f"{path}: predict as an ONNX model" in said
    assert f"{path.with_name('my_run_train.onnx')}: train as an ONNX model" in said
    assert [o.name for o in onnx.load(path).graph.output] == ["label", "probabilities"]
    drawing = run_of(tmp_path / "rbm", **RUNS["rbm"])
    assert main([str(drawing), "--onnx"]) == 2
    assert "no rbm_sample.onnx" in capsys.readouterr().err
