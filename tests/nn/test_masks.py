"""What a mask leaves out counts in no loss, metric or gradient of a model, whichever layer makes the mask."""

import numpy as np
import pytest

from graphlib.errors import ShapeError
from graphlib.nn import (
    GRU,
    SGD,
    Accuracy,
    Crossentropy,
    Dense,
    Embedding,
    GlobalAveragePool,
    Masking,
    Model,
    Parallel,
    Sequential,
    SquaredError,
)

RNG = np.random.RandomState(0)
LENGTHS = np.array([5, 2, 4, 1, 3, 5])
MASK = np.arange(5) < LENGTHS[:, None]
WORDS = np.where(MASK, RNG.randint(1, 9, (6, 5)), 0)
TAGS = np.where(MASK, RNG.randint(3, size=(6, 5)), 0)


def tagger(loss, metrics=()):
    layers = [Embedding(9, 4, padding=0), GRU(5, return_sequences=True), Dense(3, "softmax")]
    return Model(Sequential(layers, seed=1), loss, SGD(0.5), metrics)


def weights_of(model):
    return {path: each.variable.get_value() for path, each in model.parameters.items()}


def same(a, b):
    for path, values in weights_of(a).items():
        np.testing.assert_allclose(values, weights_of(b)[path], rtol=1e-5, atol=1e-7, err_msg=path)


def test_a_sequence_ends_where_the_mask_says():
    """Trained on padded sentences as on the same with targets that are missing there, and measured as the
    sentences one by one, without padding."""
    masked = tagger("crossentropy", ["accuracy"])
    missing = tagger(Crossentropy(missing=-1), [Accuracy(missing=-1)])
    history = masked.fit(WORDS, TAGS, epochs=3, batch_size=4, verbose=False)
    other = missing.fit(WORDS, np.where(MASK, TAGS, -1), epochs=3, batch_size=4, verbose=False)
    np.testing.assert_allclose(history["loss"], other["loss"], rtol=1e-5)
    assert history["accuracy"] == pytest.approx(other["accuracy"])
    same(masked, missing)
    alone = [masked.outputs(WORDS[k : k + 1, :n])[0] for k, n in enumerate(LENGTHS)]
    p = [each[np.arange(n), TAGS[k, :n]] for k, (each, n) in enumerate(zip(alone, LENGTHS, strict=True))]
    found = masked.evaluate(WORDS, TAGS)
    assert found["loss"] == pytest.approx(-np.log(np.concatenate(p)).mean(), rel=1e-5)
    weights = RNG.uniform(size=6)
    found = masked.evaluate(WORDS, TAGS, sample_weight=weights)
    expected = np.average(-np.log(np.concatenate(p)), weights=np.repeat(weights, LENGTHS))
    assert found["loss"] == pytest.approx(expected, rel=1e-5)


def test_a_mask_of_sequences_of_numbers():
    """By what shorter ones are filled up with, or given beside them; of squared errors in both forms."""
    x = np.where(MASK[:, :, None], RNG.normal(size=(6, 5, 2)), 0).astype("float32")
    elsewhere = np.where(MASK[:, :, None], x, 7)
    y = RNG.normal(size=(6, 5, 3)).astype("float32")

    def model(reduction):
        layers = [Masking(), GRU(5, return_sequences=True), Dense(3)]
        return Model(Sequential(layers, seed=1), SquaredError(reduction), SGD(0.1))

    by_value, given = model("sum"), model("sum")
    by_value.fit(x, y, epochs=2, batch_size=3, verbose=False)
    given.fit((elsewhere, MASK), y, epochs=2, batch_size=3, verbose=False)
    same(by_value, given)
    errors = ((given.outputs((elsewhere, MASK)) - y) ** 2) * MASK[:, :, None]
    found = given.evaluate((elsewhere, MASK), y)["loss"]
    assert found == pytest.approx(errors.sum() / 6, rel=1e-5)
    mean, named = model("mean"), {"mask": MASK, "x": elsewhere}
    errors = ((mean.outputs(named) - y) ** 2) * MASK[:, :, None]
    assert mean.evaluate(named, y)["loss"] == pytest.approx(errors.sum() / (3 * MASK.sum()), rel=1e-5)


def test_outputs_have_masks_of_their_own(tmp_path):
    """Of a tag for each word and a class for the sentence, only the tags have a time axis."""
    heads = {"tags": Dense(3, "softmax"), "kind": [GlobalAveragePool(), Dense(2, "softmax")]}
    layers = [Embedding(9, 4, padding=0), Parallel(heads, merge=None)]
    model = Model(Sequential(layers, seed=1), "crossentropy")
    y = {"tags": TAGS, "kind": RNG.randint(2, size=6)}
    model.fit(WORDS, y, epochs=1, verbose=False)
    p = model.outputs(WORDS)
    picked = np.take_along_axis(p["tags"], TAGS[..., None], axis=2)[..., 0]
    found = model.evaluate(WORDS, y)
    assert found["tags_loss"] == pytest.approx(-np.log(picked[MASK]).mean(), rel=1e-5)
    assert found["kind_loss"] == pytest.approx(-np.log(p["kind"][np.arange(6), y["kind"]]).mean(), rel=1e-5)
    model.save(tmp_path / "model.npz")
    assert Model.load(tmp_path / "model.npz").evaluate(WORDS, y) == found


def test_what_is_no_mask():
    x = RNG.normal(size=(6, 5, 2)).astype("float32")
    for wrong, message in (
        ((x, x), "a mask is .batch, time., for a sequence"),
        ({"x": x, "y": MASK}, 'by the names "mask" and another, or in this order; not x, y'),
        ((x, MASK, MASK), "not 3 of them"),
    ):
        with pytest.raises(
            ShapeError, match=rf"layer sequential.*layer masking|masking.*{message}|{message}"
        ):
            Model([Masking(), GlobalAveragePool(), Dense(1)], "squared_error").fit(wrong, np.zeros(6))
