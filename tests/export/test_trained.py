"""Trained models from the folders of their runs, by ``python -m graphlib.export``."""

from __future__ import annotations

import json

import numpy as np
import pytest

import graphlib
from graphlib.export import pages
from graphlib.export.__main__ import main
from graphlib.export.trained import of_folder
from graphlib.nn import GRU, Dense, Masking, Model, Parallel, Sequential
from graphlib.nn.storage import UserError, save_arrays

make = np.random.RandomState(4)


def values(*shape: int) -> np.ndarray:
    return (0.3 * make.normal(size=shape)).astype("float32")


def run_of(folder, dictionaries=None, image_shape=None, **arrays):
    """The folder of a run with these parameters; double underscores stand for dots."""
    folder.mkdir(exist_ok=True)
    named = {name.replace("__", "."): array for name, array in arrays.items()}
    save_arrays(folder / "best_model.npz", named)
    about = {
        "origin": "here",
        "fingerprint": "",
        "dictionaries": dictionaries or {},
        "image_shape": image_shape,
    }
    (folder / "data.json").write_text(json.dumps(about))
    return folder


def softmax(scores: np.ndarray) -> np.ndarray:
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def test_perceptrons_predict_and_learn(tmp_path):
    W, b, V, c = values(16, 5), values(5), values(5, 3), values(3)
    x = make.uniform(size=(4, 16)).astype("float32")
    for names, activation in ((("hidden__W", "hidden__b"), np.tanh), (("layer_1__W", "layer_1__b"), sigmoid)):
        folder = run_of(
            tmp_path / names[0], output__W=V, output__b=c, **dict(zip(names, (W, b), strict=True))
        )
        trained = of_folder(folder, batch=4, train=True)
        p = softmax(activation(x @ W + b) @ V + c)
        found = trained.functions["predict"](x)
        np.testing.assert_allclose(found["probabilities"], p, rtol=1e-5)
        assert found["label"].tolist() == p.argmax(axis=1).tolist()
        y = np.array([0, 1, 2, 0], "int32")
        cost = trained.functions["train"](x, y, 0.5)["cost"]
        assert cost == pytest.approx(-np.log(p[np.arange(4), y]).mean(), rel=1e-5)
        slope = p.copy()
        slope[np.arange(4), y] -= 1
        np.testing.assert_allclose(
            trained.parameters["output.b"].get_value(), c - 0.5 * slope.mean(axis=0), rtol=1e-4, atol=1e-6
        )


def test_a_convolutional_network_shows_its_maps(tmp_path):
    folder = run_of(
        tmp_path / "lenet",
        image_shape=[16, 16],
        convolution_1__W=values(2, 1, 5, 5),
        convolution_1__b=values(2),
        convolution_2__W=values(3, 2, 5, 5),
        convolution_2__b=values(3),
        hidden__W=values(3, 4),
        hidden__b=values(4),
        output__W=values(4, 2),
        output__b=values(2),
    )
    trained = of_folder(folder)
    found = trained.functions["look"](np.zeros((2, 256), "float32"))
    assert found["maps_1"].shape == (2, 2, 6, 6) and found["maps_2"].shape == (2, 3, 1, 1)
    b = trained.parameters["convolution_1.b"].get_value()
    np.testing.assert_allclose(found["maps_1"][0, :, 0, 0], np.tanh(b), rtol=1e-5)
    assert trained.image_shape == (16, 16)


def test_boltzmann_machines_autoencoders_and_music(tmp_path):
    W, h, v = values(6, 4), values(4), values(6)
    rbm = of_folder(run_of(tmp_path / "rbm", rbm__W=W, rbm__hbias=h, rbm__vbias=v), train=True)
    found = rbm.functions["sample"](np.ones((2, 6), "float32"), 3)
    assert set(np.unique(found["sample"])) <= {0, 1} and found["probabilities"].min() > 0
    assert np.isfinite(rbm.functions["train"](np.ones((2, 6), "float32"), 0.1)["cost"])
    both = {f"{name}__{k}": a for name in ("a", "b") for k, a in (("W", W), ("b", h), ("b_prime", v))}
    coders = of_folder(run_of(tmp_path / "dA", **both))
    x = make.uniform(size=(2, 6)).astype("float32")
    code = coders.functions["encode_a"](x)["code"]
    np.testing.assert_allclose(code, sigmoid(x @ W + h), rtol=1e-5)
    np.testing.assert_allclose(
        coders.functions["reconstruct_b"](x)["reconstruction"], sigmoid(code @ W.T + v), rtol=1e-5
    )
    shapes = {"W": (6, 4), "bv": (6,), "bh": (4,), "Wuh": (3, 4), "Wuv": (3, 6), "Wvu": (6, 3), "Wuu": (3, 3)}
    parts = {name: values(*shape) for name, shape in {**shapes, "bu": (3,), "u0": (3,)}.items()}
    piece = of_folder(run_of(tmp_path / "music", **parts)).functions["generate"](5)["piece"]
    assert piece.shape == (5, 6) and set(np.unique(piece)) <= {0, 1}

    # with V it is a NADE: keys that tell each other nothing sound with the probability s(bv + V s(bh))
    V, silent = values(6, 4), {name: np.zeros_like(parts[name]) for name in ("W", "Wuh", "Wuv")}
    nade = of_folder(run_of(tmp_path / "nade", **{**parts, **silent, "V": V}))
    often = nade.functions["generate"](4000)["piece"].mean(axis=0)
    np.testing.assert_allclose(often, sigmoid(parts["bv"] + V @ sigmoid(parts["bh"])), atol=0.04)


def lstm(x, W, U, b):
    """Values of LSTM units after each step, from zeros."""
    n = U.shape[0]
    h, c, all_h = np.zeros(n), np.zeros(n), []
    for one in x:
        i, f, o, new = np.split(one @ W + b + h @ U, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(new)
        h = sigmoid(o) * np.tanh(c)
        all_h.append(h)
    return np.array(all_h)


def test_models_of_sequences(tmp_path):
    E, W, U, b, V, c = values(5, 3), values(3, 12), values(3, 12), values(12), values(3, 5), values(5)
    parts = {"embeddings": E, "lstm__W": W, "lstm__U": U, "lstm__b": b}
    writer = of_folder(
        run_of(tmp_path / "char", {"characters": list("abcde")}, **parts, output__W=V, output__b=c)
    )
    written = writer.functions["write"](np.array([1, 2]), 6, 0.5)["written"]
    assert written.shape == (6,) and set(written.tolist()) <= set(range(5))
    # at a temperature near 0 the most probable character follows
    h = lstm(E[[1, 2]], W, U, b)
    expected = (h @ V + c).argmax(axis=1)
    assert writer.functions["write"](np.array([1, 2]), 1, 1e-3)["written"][0] == expected[1]
    assert [int(writer.functions["next"](k, 1e-3)["next"]) for k in (1, 2)] == expected.tolist()
    reader = of_folder(
        run_of(tmp_path / "words", {"words": list("abcde")}, **parts, output__W=V[:, :2], output__b=c[:2])
    )
    mask = np.ones((3, 1), "float32")
    p = reader.functions["predict"](np.array([[1], [2], [4]]), mask)["probabilities"]
    mean = lstm(E[[1, 2, 4]], W, U, b).mean(axis=0)
    np.testing.assert_allclose(p[0], softmax(0.5 * mean @ V[:, :2] + c[:2]), rtol=1e-5)
    windows = np.array([[0, 1], [1, 2]])
    W2, U2, b2 = values(6, 12), values(3, 12), values(12)
    slots = of_folder(
        run_of(
            tmp_path / "slots", embeddings=E, recurrent__W=W2, recurrent__U=U2, recurrent__b=b2,
            recurrent__h0=np.zeros(3, "float32"), recurrent__c0=np.zeros(3, "float32"),
            output__w=V, output__b=c,
        )
    )  # fmt: skip
    scores = lstm(E[windows].reshape(2, 6), W2, U2, b2) @ V + c
    assert slots.functions["predict"](windows)["labels"].tolist() == scores.argmax(axis=1).tolist()
    wx, wh, bh, h0 = values(6, 3), values(3, 3), values(3), values(3)
    elman = of_folder(
        run_of(
            tmp_path / "elman", embeddings=E, recurrent__wx=wx, recurrent__wh=wh, recurrent__bh=bh,
            recurrent__h0=h0, output__w=V, output__b=c,
        )
    )  # fmt: skip
    first = sigmoid(E[windows[0]].reshape(6) @ wx + h0 @ wh + bh)
    second = sigmoid(E[windows[1]].reshape(6) @ wx + first @ wh + bh)
    expected = [(h @ V + c).argmax() for h in (first, second)]
    assert elman.functions["predict"](windows)["labels"].tolist() == expected


def test_the_command_line(tmp_path, capsys):
    folder = run_of(tmp_path / "my run", output__W=values(4, 3), output__b=values(3))
    assert main([str(folder), "--c", "--train", "--batch", "7"]) == 0
    said = capsys.readouterr().out
    header = (folder / "export" / "my_run.h").read_text()
    assert "int32_t my_run_train(my_run_state *state" in header and "x_0 at most 7" in header
    assert (
        "my_run_predict, my_run_train" in said
        and (folder / "export" / "my_run.state").read_bytes()[:7] == b"GLSTATE"
    )
    assert main([str(folder), "--c", "--name", "small", "--out", str(tmp_path / "out")]) == 0
    assert "state" not in (tmp_path / "out" / "small.h").read_text().split("int32_t small_predict")[1]


def test_pages_are_made_of_their_parts_alone():
    """What is put in a mark's place may look like a mark, as base64 does at times."""
    assert pages._filled("TITLE BODY WASM BODY", {"TITLE": "BODY", "BODY": "b ", "WASM": "xTITLEx"}) == (
        "BODY b xTITLEx b"
    )


def test_what_is_no_run_is_said(tmp_path, capsys):
    for folder, words in (
        (tmp_path / "none", "no best_model.npz or model.npz"),
        (run_of(tmp_path / "other", something=values(2)), "holds something: it is of no program"),
    ):
        assert main([str(folder), "--c"]) == 2
        assert words in capsys.readouterr().err
    (tmp_path / "file").touch()
    trained = run_of(tmp_path / "run", output__W=values(4, 3), output__b=values(3))
    assert main([str(trained), "--c", "--out", str(tmp_path / "file")]) == 2
    assert f"cannot write {tmp_path / 'file'}: File exists" in capsys.readouterr().err
    with pytest.raises(UserError):
        of_folder(tmp_path)
    with pytest.raises(SystemExit):
        main([str(tmp_path)])
    assert "--c for portable C" in capsys.readouterr().err
    for given, words in (
        (["--wasm", "--arena", "caller"], "--arena caller is of --c"),
        (["--c", "--dataset", "letters"], "--dataset letters is of --page"),
    ):
        with pytest.raises(SystemExit):
            main([str(trained), *given])
        assert words in capsys.readouterr().err


def test_the_model_of_a_run_file(tmp_path, capsys):
    model = Model([Dense(3, "tanh"), Dense(2, "softmax")], "crossentropy").build((None, 4))
    model.save(tmp_path / "best_model.npz")
    assert main([str(tmp_path), "--c", "--train"]) == 2
    assert "without its training step: leave --train out" in capsys.readouterr().err
    trained = of_folder(tmp_path, batch=5)
    x = make.normal(size=(5, 4)).astype("float32")
    found = trained.functions["predict"](x)
    with graphlib.config.change(mode="reference"):
        np.testing.assert_allclose(found[0], model.outputs(x), rtol=1e-5)
    assert main([str(tmp_path), "--page"]) == 2
    assert "no page for a model of layers, only for the tutorials' models lenet" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("below", "shapes"),
    [
        ([Parallel([Dense(3), Dense(3)])], [(None, 4), (None, 5)]),
        ([Masking(), GRU(3)], [(None, 6, 4), (None, 6)]),
    ],
    ids=["two", "mask"],
)
def test_a_model_of_layers_with_several_inputs_and_outputs(tmp_path, below, shapes):
    heads = Parallel({"kind": Dense(2, "softmax"), "value": Dense(1)}, merge=None)
    losses = {"kind": "crossentropy", "value": "squared_error"}
    model = Model(Sequential([*below, heads], seed=0), losses).build(shapes)
    model.save(tmp_path / "best_model.npz")
    first = make.normal(size=(3, *shapes[0][1:])).astype("float32")
    second = (make.normal(size=(3, *shapes[1][1:])) > 0).astype("float32")
    with graphlib.config.change(mode="reference"):
        expected = model.outputs((first, second))
        found = of_folder(tmp_path, batch=5).functions["predict"](first, second)
    assert list(found) == ["kind", "value"]
    for name in found:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-5)
    assert main([str(tmp_path), "--c", "--onnx", "--name", "two"]) == 0
    assert "float *kind, float *value" in (tmp_path / "export" / "two.h").read_text()
