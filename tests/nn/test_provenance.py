"""What a run learnt from: kept with the model, used in place of the data, and compared with them."""

import json

import numpy as np
import pytest

from graphlib.nn import provenance, storage, training
from graphlib.nn.monitors import Patience
from graphlib.nn.provenance import Provenance, fingerprint
from graphlib.nn.stage_monitors import EveryEpoch, Validation
from graphlib.nn.storage import UserError


def test_what_was_written_is_read(tmp_path):
    written = Provenance("a text", "0f", {"characters": ["\n", "é", "“"]}, (5, 3))
    written.write(tmp_path)
    read = provenance.read(tmp_path)
    assert (read.origin, read.fingerprint, [*read.image_shape]) == ("a text", "0f", [5, 3])
    assert read.dictionary("characters") == {0: "\n", 1: "é", 2: "“"}
    with pytest.raises(UserError, match="the run on a text has no words: it belongs to another program"):
        read.dictionary("words")


A, B = np.arange(6, dtype="int32"), np.arange(4.0)


@pytest.mark.parametrize(
    "other",
    [
        (A[::-1].copy(), [B, B]), (A.reshape(2, 3), [B, B]), (A.astype("int64"), [B, B]), (A, [B, B + 1e-9]),
        (A, [B]), (A, [np.r_[B, B]]), (A, [B, B], {0: "x"}),
    ],
    ids=range(7),
)  # fmt: skip
def test_fingerprints_tell_data_apart(other):
    assert fingerprint(A, [B, B]) == fingerprint(A[::1], [B[::1], np.r_[B]])
    assert fingerprint(A, [B, B]) != fingerprint(*other)
    assert fingerprint({0: "a", 1: "b"}) != fingerprint({0: "ab"}) != fingerprint({0: "b", 1: "a"})


def test_data_that_changed_are_an_error():
    learnt, changed = Provenance("here", "1"), Provenance("there", "2")
    learnt.check(Provenance("elsewhere", "1"), "--resume")
    with pytest.raises(
        UserError, match="learnt from here, and what was loaded now, there, is not the same: --resume"
    ):
        learnt.check(changed, "--resume")


GOOD = {"origin": "a", "fingerprint": "b", "dictionaries": {"words": ["a"]}, "image_shape": [2, 2]}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "7",
        "{}",
        "[" * 100_000,
        *(
            json.dumps(GOOD | spoilt)
            for spoilt in (
                {"more": 1},
                {"origin": 1},
                {"fingerprint": None},
                {"dictionaries": ["a"]},
                {"dictionaries": {"words": "abc"}},
                {"dictionaries": {"words": [1]}},
                {"image_shape": [2]},
                {"image_shape": [2, -2]},
                {"image_shape": 4},
            )
        ),
    ],
    ids=range(15),
)
def test_a_damaged_file_is_one_clear_error(tmp_path, content):
    (tmp_path / provenance.DATA).write_text(content)
    with pytest.raises(UserError, match=r"data\.json is damaged"):
        provenance.read(tmp_path)


def test_no_file(tmp_path):
    assert provenance.find(tmp_path) is None
    with pytest.raises(
        UserError, match=r"data\.json does not exist, .* --resume with its data writes the file"
    ):
        provenance.read(tmp_path)


def run(folder, data, **options):
    return training.train(
        lambda index: 1.0,
        2,
        epochs=1,
        monitor=EveryEpoch(),
        model={},
        folder=folder,
        data=data,
        **options,
    )


def test_a_run_keeps_it_and_resumes_with_the_same_data_only(tmp_path):
    run(tmp_path, Provenance("first", "1"))
    assert provenance.read(tmp_path).origin == "first"
    run(tmp_path, Provenance("first, moved", "1"), resume=True)
    with pytest.raises(
        UserError, match=r"learnt from first, moved, .*: --resume needs the data as they were"
    ):
        run(tmp_path, Provenance("second", "2"), resume=True)
    run(tmp_path, Provenance("second", "2"))
    assert provenance.read(tmp_path).origin == "second"
    assert json.loads((tmp_path / "previous_data.json").read_text())["origin"] == "first, moved"


def test_a_run_of_an_older_version_gets_it_when_it_is_resumed(tmp_path):
    run(tmp_path, None)
    assert provenance.find(tmp_path) is None
    run(tmp_path, Provenance("old", "1"), resume=True)
    assert provenance.read(tmp_path).fingerprint == "1"


# Checkpoints that somebody changed


def nested(value, path=()):
    """The paths to all numbers, texts and truths in JSON's value."""
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    found = [each for key, child in children for each in nested(child, (*path, key))]
    return found or [path]


def changed(value, path, new):
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(copy[path[0]], path[1:], new)
    return copy


def early_stopping(folder, **options):
    monitor = Validation(Patience(4), lambda: 0.5, lambda: 0.6)
    return training.train(lambda index: 1.0, 2, epochs=4, monitor=monitor, model={}, folder=folder, **options)


def test_a_checkpoint_that_was_changed_is_one_clear_error_or_another_run(tmp_path, capsys):
    early_stopping(tmp_path, settings={"epochs": 4})
    arrays = storage.load_arrays(tmp_path / "checkpoint.npz")
    progress = json.loads(str(arrays["progress"]))
    paths = [path for path in nested(progress) if path[0] != "settings"]
    assert len(paths) > 8
    refused = 0
    for path in paths + [("stages",), ("stages", 0), ("stages", 0, "monitor"), ("settings",)]:
        for new in ("x", None, [], {}, True, -1, 1.5, 10**400):
            spoilt = json.dumps(changed(progress, path, new))
            storage.save_arrays(tmp_path / "checkpoint.npz", arrays | {"progress": np.array(spoilt)})
            try:
                early_stopping(tmp_path, resume=True)
            except UserError as error:
                refused += "\n" not in str(error)
    assert refused > 4 * len(paths)
