"""Reading YAML as people mean it, and refusing what run files need not."""

import math

import pytest

from graphlib.nn import yaml_text
from graphlib.nn.registry import ConfigError
from graphlib.nn.storage import UserError


def read(text):
    return yaml_text.parse(text, "run.yaml").content


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("1e-3", 0.001),
        ("1E3", 1000.0),
        ("+1.5e+2", 150.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("-.5", -0.5),
        ("010", 10),
        ("1_000", 1000),
        ("-7", -7),
        ("1:30", "1:30"),
        ("off", "off"),
        ("No", "No"),
        ("2024-01-31", "2024-01-31"),
        ("0x1F", "0x1F"),
        ("1.2.3", "1.2.3"),
        ("1e", "1e"),
        ("e5", "e5"),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("nan", "nan"),
        ("-.inf", -math.inf),
        ("'1e-3'", "1e-3"),
        ('"true"', "true"),
        ("mnist-shallow", "mnist-shallow"),
        ("9" * 5000, math.inf),
    ],
)
def test_scalars_are_what_a_person_means(written, meant):
    found = read(f"a: {written}\nb: [{written or '~'}]")
    assert found == {"a": meant, "b": [meant]}
    assert type(found["a"]) is type(meant)


def test_nan_is_a_number():
    assert math.isnan(read("a: .nan")["a"])


def test_keys_are_text_as_it_stands():
    assert read("1: a\nno: b\ntrue: c\n'quoted': d") == {"1": "a", "no": "b", "true": "c", "quoted": "d"}


def test_lines_of_keys_and_values_are_known():
    document = yaml_text.parse(
        "# a comment\nmodel:\n  - dense:\n      units: 3\n  - {dropout: 0.5}\n", "f.yaml"
    )
    for path, of_key, line in [
        (("model",), True, 2),
        (("model", 0, "dense", "units"), False, 4),
        (("model", 1, "dropout"), True, 5),
        # What is not there is near what leads to it.
        (("model", 0, "dense", "activation"), False, 3),
    ]:
        assert document.where(path, of_key).startswith(f"f.yaml, line {line}, {'.'.join(map(str, path))}")
    assert str(document.mistake(ConfigError("is wrong"))) == "f.yaml, line 2: is wrong"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a: !!python/name:os.system",
            "line 1: !!python/name:os.system: tags are not allowed",
        ),
        (
            "a: 1\nb: !obj:hebel.models.NeuralNet {}",
            "line 2: !obj:hebel.models.NeuralNet: tags are not allowed",
        ),
        ("!x\na: 1", "line 1: !x: tags are not allowed"),
        ("a: &one 1\nb: *one", "line 1: &one: anchors are not allowed; write the value out"),
        ("a: 1\nb: *one", "line 2: *one: aliases are not allowed; write the value out"),
        ("a:\n  <<: {b: 1}", "line 2: <<: merge keys are not allowed; write the keys out"),
        ("a: 1\nb: 2\na: 3", "line 3: a is there already, in line 1"),
        ("m:\n  - d: 1\n    d: 2", "line 3: m.0.d is there already, in line 2"),
        ("? [1, 2]\n: 3", "line 1: a key must be plain text"),
        ("!k a: 1", "line 1: a key must be plain text"),
        ("a: [1, 2", "line 1: no YAML: "),
        ("a: b: c", "line 1: no YAML: mapping values are not allowed here"),
        ("a:\n\tb: 1", "line 2: no YAML: .*indent by spaces, not tabs"),
        ("a: 1\n---\nb: 2", "line 2: a second document"),
        ("a: \x07", "line 1: a character that YAML does not allow"),
        ("a: " + "[" * 60 + "]" * 60, "line 1: more than 40 levels deep"),
    ],
)
def test_what_run_files_need_not_is_refused_with_its_line(text, message):
    with pytest.raises(UserError, match=f"^run.yaml, {message.replace('*', '[*]').replace('.[*]', '.*')}"):
        read(text)


def test_a_file_is_read_and_bounded(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_bytes(b"\xef\xbb\xbfname: caf\xc3\xa9\r\nb: 2\r\n")
    assert yaml_text.read(path).content == {"name": "café", "b": 2}
    path.write_bytes(b"name: 1\nb: caf\xe9\n")
    with pytest.raises(UserError, match=r"run.yaml, line 2: not UTF-8 text \(byte 0xe9\)"):
        yaml_text.read(path)
    path.write_text("a: " + "x" * 2_000_000)
    with pytest.raises(UserError, match=r"run\.yaml is larger than 1000 kB: no run file is"):
        yaml_text.read(path)
    with pytest.raises(UserError, match=r"cannot read .*none\.yaml: No such file"):
        yaml_text.read(tmp_path / "none.yaml")


def test_set_changes_parts_and_is_named_in_messages():
    document = yaml_text.parse("model:\n  - dense: {units: 3}\n  - dropout: .5\noptimizer: adam", "f.yaml")
    document.set("model.0.dense.units=5")
    document.set("optimizer.adam.learning_rate=1e-3")
    document.set("training.epochs=7")
    document.set("model.1={dropout: [1, off]}")
    assert document.content == {
        "model": [{"dense": {"units": 5}}, {"dropout": [1, "off"]}],
        "optimizer": {"adam": {"learning_rate": 0.001}},
        "training": {"epochs": 7},
    }
    assert document.where(("training", "epochs")) == "--set training.epochs=7"
    assert document.where(("model", 1, "dropout")) == "--set model.1={dropout: [1, off]}, model.1.dropout"
    assert document.where(("model", 0, "dense", "units")) == "--set model.0.dense.units=5"
    assert document.where(("model", 0, "dense")) == "f.yaml, line 2, model.0.dense"


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("epochs", "--set epochs: write the keys with dots between and the value after ="),
        ("a..b=1", "write the keys with dots"),
        ("model.7.dense=1", "model is a list of 1, its parts are called 0 to 0, not 7"),
        ("model.x=1", "model is a list of 1, its parts are called 0 to 0, not 'x'"),
        ("seed.x=1", "seed is 3, which has no x"),
        ("seed=!x 1", "--set seed=!x 1, line 1: !x: tags are not allowed"),
    ],
)
def test_set_refuses_what_leads_nowhere(assignment, message):
    document = yaml_text.parse("model: [{dense: 3}]\nseed: 3", "f.yaml")
    with pytest.raises(UserError) as caught:
        document.set(assignment)
    assert message in str(caught.value)
