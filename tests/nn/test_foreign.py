"""Weights of PyTorch's and Keras' models for layers of ours: outputs are what these libraries computed.

The arrays are of tests/onnx/make_torch_models.py (PyTorch 2.13.0) and make_keras_weights.py (Keras 3.15.1).
"""

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from safetensors.numpy import save_file

from graphlib import nn
from graphlib.errors import DTypeError, InputError, ShapeError
from graphlib.nn.storage import UserError

FOLDERS = {
    "pytorch": Path(__file__).parent.parent / "onnx" / "models",
    "keras": Path(__file__).parent / "keras_weights",
}


def last(x):
    return x[:, -1]


def layers_of(library, name):
    """A model of ours of the same parts."""
    made = {
        ("pytorch", "mlp"): lambda: [nn.Dense(5, "relu"), nn.Dense(3)],
        ("pytorch", "cnn"): lambda: [
            nn.Conv2D(3, 3, padding="same"),
            nn.BatchNormalization(),
            nn.Activation("relu"),
            nn.MaxPool2D(2),
            nn.Conv2D(4, 3, stride=2, flip=False),
            nn.Activation("gelu"),
            nn.Flatten(),
            nn.Dense(2),
        ],
        ("pytorch", "lstm"): lambda: [
            nn.Bidirectional(nn.LSTM(4, return_sequences=True)),
            nn.Activation(last),
            nn.Dense(2),
        ],
        ("pytorch", "gru"): lambda: [
            nn.Bidirectional(nn.GRU(4, return_sequences=True, reset_after=True)),
            nn.Activation(last),
            nn.Dense(2),
        ],
        ("keras", "mlp"): lambda: [
            nn.Dense(5, "relu"),
            nn.BatchNormalization(epsilon=1e-3),
            nn.Dense(3, "softmax"),
        ],
        ("keras", "cnn"): lambda: [
            nn.Conv2D(3, 3, "relu", padding="same"),
            nn.MaxPool2D(2),
            nn.Conv2D(4, 3, bias=None),
            nn.Flatten(),
            nn.Dense(2),
        ],
        ("keras", "lstm"): lambda: [nn.Bidirectional(nn.LSTM(4)), nn.Dense(2)],
        ("keras", "gru"): lambda: [
            nn.GRU(4, return_sequences=True, reset_after=True),
            nn.GRU(3),
            nn.Dense(2),
        ],
        ("keras", "text"): lambda: [
            nn.Embedding(11, 3),
            nn.SimpleRNN(4),
            nn.LayerNormalization(epsilon=1e-3),
        ],
    }
    return made[library, name]()


def read(library, name):
    arrays = dict(np.load(FOLDERS[library] / f"{name}.npz"))
    x, y = arrays.pop("x"), arrays.pop("y")
    if library == "keras" and x.ndim == 4:
        x = x.transpose(0, 3, 1, 2)
    return x, y, arrays


def built(library, name):
    x, y, arrays = read(library, name)
    model = nn.Model(layers_of(library, name), "squared_error")
    model.build((None, *x.shape[1:]), "int64" if x.dtype.kind == "i" else None)
    return model, x, y, arrays


CASES = [
    *(("pytorch", name) for name in ("mlp", "cnn", "lstm", "gru")),
    *(("keras", name) for name in ("mlp", "cnn", "lstm", "gru", "text")),
]


@pytest.mark.parametrize(("library", "name"), CASES)
def test_outputs_are_those_of_the_other_library(library, name):
    model, x, y, arrays = built(library, name)
    assert model.load_weights(arrays, library) is model
    got = model.outputs(x)
    if name == "mlp" and library == "pytorch":
        got = got - np.log(np.exp(got).sum(-1, keepdims=True))
    np.testing.assert_allclose(got, y, 1e-5, 2e-6)


def test_files_and_names(tmp_path):
    model, x, _, arrays = built("pytorch", "mlp")
    wanted = model.load_weights(arrays, "pytorch").outputs(x)
    np.savez(tmp_path / "weights.npz", **arrays)
    # PyTorch's own tensors are contiguous; what is not is made so before
    save_file({k: np.ascontiguousarray(a) for k, a in arrays.items()}, tmp_path / "numbers.safetensors")
    named = {k.replace("0.", "first.").replace("2.", "between.", 1): a for k, a in arrays.items()}
    save_file(named, tmp_path / "names.safetensors")

    def fresh():
        made = nn.Model(layers_of("pytorch", "mlp"), "squared_error")
        return made.build((None, 4))

    for file in ("weights.npz", "numbers.safetensors"):
        np.testing.assert_array_equal(fresh().load_weights(tmp_path / file, "pytorch").outputs(x), wanted)
    with pytest.raises(InputError, match=r"in which order .*: say with names which of between, first is"):
        fresh().load_weights(tmp_path / "names.safetensors", "pytorch")
    names = {"dense_1": "first", "dense_2": "between"}
    model = fresh().load_weights(tmp_path / "names.safetensors", "pytorch", names)
    np.testing.assert_array_equal(model.outputs(x), wanted)
    titled = nn.Model([nn.Dense(5, "relu", name="first"), nn.Dense(3, name="between")], "squared_error")
    titled.build((None, 4)).load_weights(tmp_path / "names.safetensors", "pytorch")
    np.testing.assert_array_equal(titled.outputs(x), wanted)
    # a name that is said changes nothing for those that are the same
    equal = nn.Model([nn.Dense(2, name=name) for name in "abc"], "squared_error").build((None, 2))
    state = {f"{name}.bias": np.full(2, k, "float32") for k, name in enumerate(["first", "c", "b"])}
    state |= {f"{name}.weight": np.zeros((2, 2), "float32") for name in ("first", "c", "b")}
    equal.load_weights(state, "pytorch", {"a": "first"})
    assert [equal.parameters[f"{name}.b"].variable.get_value()[0] for name in "abc"] == [0, 2, 1]


@pytest.mark.parametrize("name", ["mlp", "cnn", "lstm"])
def test_files_of_keras(name, tmp_path):
    """What Keras 3.15.1 saved: outputs are those that it computed."""
    _, x, y, _ = built("keras", name)
    for ending in ("keras", "h5"):
        model = built("keras", name)[0].load_weights(FOLDERS["keras"] / f"{name}.{ending}", "keras")
        np.testing.assert_allclose(model.outputs(x), y, 1e-5, 2e-6)
    # of this file the order of layers is not known, but their names are
    path = FOLDERS["keras"] / f"{name}.weights.h5"
    theirs = {
        "mlp": ["dense", "batch_normalization", "dense_1"],
        "cnn": ["conv2d", "conv2d_1", "dense_2"],
        "lstm": [*(f"bidirectional/{way}_lstm/lstm_cell" for way in ("forward", "backward")), "dense_3"],
    }[name]
    model = built("keras", name)[0]
    with pytest.raises(InputError, match="does not say in which order") as refused:
        model.load_weights(path, "keras")
    assert all(each in str(refused.value) for each in theirs)
    ours = str(refused.value).partition(" is which of ")[2].split(", ")
    model.load_weights(path, "keras", dict(zip(ours, theirs, strict=True)))
    np.testing.assert_allclose(model.outputs(x), y, 1e-5, 2e-6)


def test_files_of_keras_read_no_other_files(tmp_path):
    model, *_ = built("keras", "mlp")
    shutil.copy(FOLDERS["keras"] / "mlp.h5", tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "a") as file:
        layer = file["model_weights/dense"]
        name = layer.attrs["weight_names"][0]
        del layer[name]
        layer[name] = h5py.ExternalLink(str(FOLDERS["keras"] / "mlp.h5"), f"model_weights/dense/{name}")
    with pytest.raises(UserError, match="in another file, which is not read"):
        model.load_weights(tmp_path / "m.h5", "keras")


def test_errors_name_layer_and_array_and_change_nothing(tmp_path):
    model, x, _, arrays = built("pytorch", "mlp")
    before = model.outputs(x)

    def refused(kind, words, source=arrays, of="pytorch", model=model, **options):
        with pytest.raises(kind, match=words):
            model.load_weights(source, of, **options)

    refused(InputError, "of must be pytorch or keras, not 'torch'", of="torch")
    slashed = {k.replace(".", "/"): a for k, a in arrays.items()}
    refused(InputError, "dense_1 .*has no kernel: it has", slashed, "keras")
    fewer = {k: a for k, a in arrays.items() if k[0] == "0"}
    refused(InputError, "2 layers with weights here, dense_1, dense_2, and 1 there, 0", fewer)
    more = {k.replace("0.", "dense_1.").replace("2.", "dense_2."): a for k, a in arrays.items()}
    refused(
        InputError, "2 layers .* here, dense_1, dense_2, and 3 there", {**more, "head.bias": arrays["0.bias"]}
    )
    refused(InputError, "there is no dense_3", names={"dense_3": "0"})
    refused(InputError, "it has a b, 0 has none", {k: a for k, a in arrays.items() if k != "0.bias"})
    refused(InputError, "leaves extra, for which Dense has no place", {**arrays, "0.extra": arrays["0.bias"]})
    narrow = {**arrays, "2.weight": arrays["2.weight"][:, :4]}
    refused(ShapeError, r"dense_2 of 2: .*shape \(5, 3\), the array \(4, 3\)", narrow)
    wide = {**arrays, "2.weight": arrays["2.weight"].astype("float64") / 3}
    refused(DTypeError, "dense_2 of 2: .* float64", wide)
    refused(InputError, r"m\.pt may be a pickle.* safetensors", tmp_path / "m.pt")
    refused(UserError, r"m\.keras: there is no such file", tmp_path / "m.keras", "keras")
    for content in (b"", b"PK\x03\x04", (FOLDERS["keras"] / "mlp.keras").read_bytes()[:5000]):
        (tmp_path / "m.keras").write_bytes(content)
        refused(UserError, r"m\.keras is damaged, or is no file of Keras'", tmp_path / "m.keras", "keras")
    refused(UserError, r"m\.npz does not exist", tmp_path / "m.npz")
    refused(InputError, "build the model first", model=nn.Model([nn.Dense(2)], "squared_error"))
    np.testing.assert_array_equal(model.outputs(x), before)
    *_, arrays = built("pytorch", "gru")
    plain = nn.Model([nn.Bidirectional(nn.GRU(4)), nn.Dense(2)], "squared_error").build((None, 5, 3))
    refused(InputError, "behind the product: make the layer with reset_after=True", arrays, model=plain)
