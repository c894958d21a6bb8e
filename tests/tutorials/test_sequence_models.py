"""The sequence models against NumPy: layers step by step, losses, samples; what padding and cutting into
minibatches must not change.
"""

import math
from itertools import combinations, product

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from char_lstm import CharacterLSTM, Streams, as_streams
from graphlib.datasets.reviews import Reviews
from graphlib.nn.optimizers import SGD
from graphlib.tensor.random import RandomStreams
from lstm import LSTM, SentimentLSTM, as_minibatch, classify, orthogonal
from rnnrbm import RNNNADE, RNNRBM, training_function
from rnnslu import MODELS, ElmanLayer, SlotTagger, context_windows, draw_embeddings, nearest_neighbours

FLOATX = graphlib.config.floatX


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def softmax(z: np.ndarray) -> np.ndarray:
    exponentials = np.exp(z - z.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(8)


def randomise(params, rng, scale: float = 0.5) -> list[np.ndarray]:
    """Gives parameters random values, and returns them in float64."""
    values = []
    for param in params:
        value = rng.normal(scale=scale, size=param.get_value().shape).astype(FLOATX)
        param.set_value(value)
        values.append(value.astype("float64"))
    return values


def lstm_steps(x, h, c, W, U, b, mask=None):
    """(values, cells) after each step: Gers, Schmidhuber and Cummins 2000, gates in the order i f o g."""
    values, cells = [], []
    for t, x_t in enumerate(x):
        i, f, o, g = np.split(x_t @ W + h @ U + b, 4, axis=-1)
        new_c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        new_h = sigmoid(o) * np.tanh(new_c)
        if mask is None:
            h, c = new_h, new_c
        else:
            here = mask[t][:, None] == 1
            h, c = np.where(here, new_h, h), np.where(here, new_c, c)
        values.append(h)
        cells.append(c)
    return np.array(values), np.array(cells)


# --- LSTM ---


@pytest.mark.parametrize(("rows", "columns"), [(5, 5), (7, 3), (3, 7)])
def test_orthogonal_weights(rows, columns):
    W = orthogonal(np.random.RandomState(1), rows, columns)
    assert W.shape == (rows, columns)
    short = W if rows <= columns else W.T
    np.testing.assert_allclose(short @ short.T, np.eye(min(rows, columns)), atol=1e-12)


@pytest.mark.parametrize("lead", [(), (3,)], ids=["a sequence", "a minibatch"])
@pytest.mark.parametrize("masked", [False, True])
def test_layer_against_numpy(rng, lead, masked):
    if masked and not lead:
        lead = (1,)
    layer = LSTM(np.random.RandomState(0), 4, 5)
    W, U, b = randomise(layer.params, rng)
    dims = len(lead)
    x = T.TensorType(FLOATX, (None,) * (dims + 2))("x")
    h, c = (T.TensorType(FLOATX, (None,) * (dims + 1))(name) for name in "hc")
    mask = T.matrix("mask")
    outputs = layer.run(layer.linear(x), h, c, mask if masked else None)
    run = graphlib.function([x, h, c] + [mask] * masked, list(outputs))
    values = [
        rng.normal(size=(*shape, n)).astype(FLOATX) for shape, n in (((6, *lead), 4), (lead, 5), (lead, 5))
    ]
    marks = (rng.uniform(size=(6, *lead)) < 0.6).astype(FLOATX) if masked else None
    found = run(*values, *([marks] if masked else []))
    for ours, expected in zip(found, lstm_steps(*values, W, U, b, marks), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-6)


# --- sentiment ---


def some_reviews(rng) -> Reviews:
    x = [rng.integers(1, 12, size=length).astype("int32") for length in (3, 9, 1, 6, 6)]
    return Reviews(x, np.array([0, 1, 1, 0, 1], "int32"))


@pytest.mark.parametrize("share", [0, 0.25])
def test_sentiment_against_numpy(rng, share):
    model = SentimentLSTM(np.random.RandomState(0), 12, 4, dropout=False, embedding_dropout=share)
    embeddings, W, U, b, V, a = randomise(model.params, rng)
    part = some_reviews(rng)
    cost = graphlib.function([model.words, model.mask, model.y], model.cost)
    expected = []
    for words in part.x:
        values, _ = lstm_steps((1 - share) * embeddings[words], np.zeros(4), np.zeros(4), W, U, b)
        expected.append(softmax(0.5 * values.mean(axis=0) @ V + a))
    expected = np.array(expected)
    np.testing.assert_allclose(classify(model)(part), expected[:, 1], rtol=1e-4)
    nll = -np.log(expected[np.arange(5), part.y]).mean()
    np.testing.assert_allclose(cost(*as_minibatch(part, range(5))), nll, rtol=1e-5)


def test_dropout_drops_half_of_the_means(rng):
    """Of a model whose scores are b + the sum of what is kept, whose mean values are all alike."""
    model = SentimentLSTM(np.random.RandomState(0), 12, 50)
    randomise(model.params, rng, scale=0)
    _, _, b = model.layer.params
    b.set_value(np.full(200, 9, FLOATX))  # every gate open: after one word each value is tanh(1), nearly
    model.W.set_value(np.array([[0, 1]] * 50, FLOATX))
    p = np.exp(
        -graphlib.function([model.words, model.mask, model.y], model.cost)(
            np.ones((1, 1), "int64"), np.ones((1, 1), FLOATX), np.zeros(1, "int32")
        )
    )
    kept = np.log(1 / p - 1) / np.tanh(np.tanh(9) * sigmoid(9)) / sigmoid(9)
    # binomial(50, .5): outside 8 ... 42 in one of a million seeds
    assert 8 <= kept <= 42
    assert abs(kept - round(float(kept))) < 0.01


def test_dropout_drops_a_share_of_the_embeddings(rng):
    """Of a model with one score, which grows with how many of a word's 50 values, all 1, are kept."""
    model = SentimentLSTM(np.random.RandomState(0), 12, 50, embedding_dropout=0.25)
    randomise(model.params, rng, scale=0)
    model.embeddings.set_value(np.ones((12, 50), FLOATX))
    W, _, b = model.layer.params
    W.set_value(np.repeat(np.array([[0, 0, 0, 0.02]] * 50, FLOATX), 50, axis=1))
    b.set_value(np.repeat(np.array([9, 9, 9, 0], FLOATX), 50))  # every gate open
    scores = np.zeros((50, 2), FLOATX)
    scores[0, 1] = 1
    model.W.set_value(scores)
    cost = graphlib.function([model.words, model.mask, model.y], model.cost)
    open_gate = sigmoid(9)
    score_of = open_gate * np.tanh(open_gate * np.tanh(0.02 * np.arange(51)))
    one_word = np.ones((1, 1), "int64"), np.ones((1, 1), FLOATX), np.zeros(1, "int32")
    counts = []
    for _ in range(200):
        score = np.log(np.expm1(cost(*one_word)))  # of the other class, whose score is 0
        counts.append(np.abs(score_of - score).argmin())
        assert abs(score_of[counts[-1]] - score) < 1e-3
    means_kept = [kept for kept in counts if kept]
    # Half of the 200 means are dropped, and what is kept is binomial(50, .75): five standard deviations, or
    # one seed in a million.
    assert abs(len(means_kept) - 100) < 5 * math.sqrt(50)
    assert abs(np.mean(means_kept) - 37.5) < 5 * math.sqrt(50 * 0.75 * 0.25 / len(means_kept))
    assert len(set(means_kept)) > 3


# --- slots ---


def test_context_windows():
    found = context_windows(np.arange(5), 3)
    np.testing.assert_array_equal(found, [[-1, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, -1]])
    np.testing.assert_array_equal(context_windows(np.array([4]), 5), [[-1, -1, 4, -1, -1]])
    with pytest.raises(ValueError, match="must be odd"):
        context_windows(np.arange(5), 4)


def elman_steps(x, wx, wh, bh, h):
    values = []
    for x_t in x:
        h = sigmoid(x_t @ wx + h @ wh + bh)
        values.append(h)
    return np.array(values)


def tagger_loss(kind: str, values, windows, labels) -> tuple[float, np.ndarray]:
    """(the mean negative log-likelihood, the probabilities) of the labels in float64."""
    embeddings, *layer, w, b = values
    x = embeddings[windows].reshape(len(windows), -1)
    if kind == "elman":
        h = elman_steps(x, *layer)
    else:
        *lstm, h0, c0 = layer
        h, _ = lstm_steps(x, h0, c0, *lstm)
    p = softmax(h @ w + b)
    return -np.log(p[np.arange(len(labels)), labels]).mean(), p


@pytest.mark.parametrize("kind", MODELS)
def test_tagger_goes_down_every_slope_and_keeps_embeddings_at_length_1(rng, kind):
    """The step along each parameter's random direction, against the cost's change by NumPy."""
    model = SlotTagger(np.random.RandomState(0), MODELS[kind], 9, 4, 3, 5, 3)
    values = randomise(model.params, rng)
    windows, labels = context_windows(np.array([2, 8, 0, 2]), 3), np.array([0, 3, 1, 1], "int32")
    inputs = [model.windows, model.labels]
    found, p = graphlib.function(inputs, [model.cost, model.p_label])(windows, labels)
    expected, probabilities = tagger_loss(kind, values, windows, labels)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(p, probabilities, rtol=1e-4)

    graphlib.function(inputs, model.cost, updates=model.updates(0.25))(windows, labels)
    embeddings = model.embeddings.get_value()
    np.testing.assert_allclose((embeddings**2).sum(axis=1), np.ones(10), rtol=1e-5)
    for k, param in enumerate(model.params[1:], start=1):
        step = param.get_value() - values[k]
        direction = rng.normal(size=step.shape)
        costs = []
        for sign in (1e-5, -1e-5):
            moved = [value + sign * direction if n == k else value for n, value in enumerate(values)]
            costs.append(tagger_loss(kind, moved, windows, labels)[0])
        slope = (costs[0] - costs[1]) / 2e-5
        np.testing.assert_allclose((step * direction).sum(), -0.25 * slope, rtol=5e-3, atol=2e-6)


def test_untouched_embeddings_only_change_in_length(rng):
    model = SlotTagger(np.random.RandomState(0), ElmanLayer, 9, 4, 3, 5, 3)
    before = randomise(model.params, rng)[0]
    windows = context_windows(np.array([2, 8, 0, 2]), 3)
    step = graphlib.function([model.windows, model.labels], model.cost, updates=model.updates(0.1))
    step(windows, np.zeros(4, "int32"))
    unit = before / np.linalg.norm(before, axis=1, keepdims=True)
    changed = np.abs(model.embeddings.get_value() - unit).max(axis=1) > 1e-5
    # 9 is what −1, beyond the sentence, stands for
    assert set(np.flatnonzero(changed)) == {0, 2, 8, 9}


def test_nearest_neighbours():
    angles = {"a": 0.0, "b": 10.0, "c": 25.0, "d": 90.0, "e": -12.0}
    embeddings = np.array([[math.cos(math.radians(x)), math.sin(math.radians(x))] for x in angles.values()])
    embeddings = np.vstack([embeddings, [[1, 0]]])  # the one beyond the sentence is no word's
    found = nearest_neighbours(embeddings, dict(enumerate(angles)), ["a", "d"], 3)
    assert found == {"a": ["b", "e", "c"], "d": ["c", "b", "a"]}


def test_words_in_the_picture_of_embeddings_can_be_read(tmp_path, rng, figures):
    """Some of the words lie in the same place; no word is written over another or leaves the picture."""
    words = {number: f"{'long' * (number % 3)}word{number}" for number in range(60)}
    embeddings = rng.normal(size=(60, 5))
    embeddings[1:4] = embeddings[0]
    neighbours = nearest_neighbours(embeddings, words, [words[k] for k in range(0, 60, 6)], 5)
    draw_embeddings(tmp_path / "embeddings.png", embeddings, words, neighbours)
    (panel,) = figures[0].axes
    boxes = {text.get_text(): text.get_window_extent() for text in panel.texts}
    assert set(boxes) == {each for word, nearest in neighbours.items() for each in (word, *nearest)}
    over = [(a, b) for a, b in combinations(boxes, 2) if boxes[a].overlaps(boxes[b])]
    assert over == []
    assert all(figures[0].bbox.containsx(x) for box in boxes.values() for x in (box.x0, box.x1))
    assert "bold" in panel.get_title()


# --- RNN-RBM ---


def small_rnnrbm(rng) -> tuple[RNNRBM, dict[str, np.ndarray]]:
    model = RNNRBM(np.random.RandomState(0), n_visible=4, n_hidden=3, n_recurrent=5)
    params = [*model.params, model.u0]
    values = randomise(params, rng)
    return model, {param.name: value for param, value in zip(params, values, strict=True)}


def biases(v, p) -> tuple[np.ndarray, np.ndarray]:
    """(bv, bh) of every step of the piece."""
    u, bv, bh = p["u0"], [], []
    for v_t in v:
        bv.append(p["bv"] + u @ p["Wuv"])
        bh.append(p["bh"] + u @ p["Wuh"])
        u = np.tanh(p["bu"] + v_t @ p["Wvu"] + u @ p["Wuu"])
    return np.array(bv), np.array(bh)


def piece(rng, n: int) -> np.ndarray:
    return (rng.uniform(size=(n, 4)) < 0.4).astype(FLOATX)


def test_free_energy_by_summing_over_the_hidden_units(rng):
    model, p = small_rnnrbm(rng)
    v, bv, bh = piece(rng, 6), rng.normal(size=(6, 4)), rng.normal(size=(6, 3))
    symbols = T.matrix("bv"), T.matrix("bh")
    found = graphlib.function([model.v, *symbols], model.free_energy(model.v, *symbols))(
        v, bv.astype(FLOATX), bh.astype(FLOATX)
    )
    total = 0.0
    for t in range(6):
        weights = [
            math.exp(v[t] @ bv[t] + h @ bh[t] + v[t] @ p["W"] @ h)
            for h in map(np.array, product((0, 1), repeat=3))
        ]
        total -= math.log(sum(weights))
    np.testing.assert_allclose(found, total, rtol=1e-5)


def test_biases_follow_the_piece(rng):
    model, p = small_rnnrbm(rng)
    v = piece(rng, 7)
    found = graphlib.function([model.v], list(model.biases_over_time()))(v)
    for ours, expected in zip(found, biases(v, p), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-6)


def test_contrastive_divergence_goes_down_every_slope(rng):
    """With the sample that the step drew, held constant, the cost is a smooth function of the parameters."""
    model, p = small_rnnrbm(rng)
    params = [*model.params, model.u0]
    v = piece(rng, 7)
    cost, sample, likelihood, updates = model.contrastive_divergence(*model.biases_over_time(), 3)
    gradients = T.grad(cost, params, consider_constant=[sample])
    step = graphlib.function([model.v], [cost, sample, likelihood, *gradients], updates=updates)
    found, drawn, log_likelihood, *gradients = step(v)
    assert set(np.unique(drawn)) <= {0, 1} and drawn.shape == v.shape
    assert log_likelihood < 0
    assert not np.array_equal(step(v)[1], drawn)

    def exact(values) -> float:
        bv, bh = biases(v, values)
        energies = [
            -(each * bv).sum() - np.log1p(np.exp(each @ values["W"] + bh)).sum() for each in (v, drawn)
        ]
        return (energies[0] - energies[1]) / len(v)

    np.testing.assert_allclose(found, exact(p), rtol=1e-4, atol=1e-5)
    for param, gradient in zip(params, gradients, strict=True):
        direction = rng.normal(size=gradient.shape)
        costs = [exact(p | {param.name: p[param.name] + s * direction}) for s in (1e-5, -1e-5)]
        slope = (costs[0] - costs[1]) / 2e-5
        np.testing.assert_allclose((gradient * direction).sum(), slope, rtol=5e-3, atol=1e-5)


def test_cross_entropy_of_the_network_alone(rng):
    model, p = small_rnnrbm(rng)
    v = piece(rng, 7)
    found = graphlib.function([model.v], model.cross_entropy(model.biases_over_time()[0]))(v)
    probabilities = sigmoid(biases(v, p)[0])
    expected = -np.log(np.where(v == 1, probabilities, 1 - probabilities)).sum() / 7
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_rate_of_its_own_for_a_weight(rng):
    model, p = small_rnnrbm(rng)
    v = piece(rng, 7)
    objective = model.objective(*model.biases_over_time(), 2)
    steps = []
    for rates in (None, {model.Wuu: 3.0}):
        compile_step, _ = training_function(model, model.params, objective, SGD(0.1), "train", rates)
        for param in model.params:
            param.set_value(p[param.name].astype(FLOATX))
        model.streams.seed(5)
        compile_step()(v)
        steps.append({param.name: param.get_value() - p[param.name] for param in model.params})
    for name, step in steps[0].items():
        factor = 3 if name == "Wuu" else 1
        np.testing.assert_allclose(steps[1][name], factor * step, rtol=1e-3, atol=1e-6)
    assert np.abs(steps[0]["Wuu"]).max() > 1e-4


def test_pieces_made_up_have_the_keys_probabilities(rng):
    """Of a model without weights: each key sounds with the probability that its bias gives it."""
    model, _ = small_rnnrbm(rng)
    for param in (model.W, model.Wuv):
        param.set_value(np.zeros_like(param.get_value()))
    bv = np.array([-1, 0, 1, 2], FLOATX)
    model.bv.set_value(bv)
    music, updates = model.generate(4000, 2)
    generate = graphlib.function([], music, updates=updates)
    first, second = generate(), generate()
    assert first.shape == (4000, 4) and set(np.unique(first)) == {0, 1}
    assert not np.array_equal(first, second)
    p = sigmoid(bv.astype("float64"))
    # 5 standard deviations for each of 4 means: a false alarm in 400,000 seeds
    assert (np.abs(first.mean(axis=0) - p) < 5 * np.sqrt(p * (1 - p) / 4000)).all()


# --- NADE ---


def small_nade(rng) -> tuple[RNNNADE, dict[str, np.ndarray]]:
    model = RNNNADE(np.random.RandomState(0), n_visible=4, n_hidden=3, n_recurrent=5)
    values = randomise(model.params, rng)
    return model, {param.name: value for param, value in zip(model.params, values, strict=True)} | {
        "u0": np.zeros(5)
    }


def nade_probability(v, p, bv, bh) -> float:
    """P(v), one value after the other."""
    probability = 1.0
    for k in range(len(v)):
        h = sigmoid(bh + v[:k] @ p["W"][:k])
        on = sigmoid(bv[k] + p["V"][k] @ h)
        probability *= on if v[k] else 1 - on
    return probability


def test_likelihood_of_pieces_by_nade(rng):
    """Of all vectors together 1; of a piece with the biases of each step, and with one for all."""
    model, p = small_nade(rng)
    vectors = np.array(list(product((0, 1), repeat=4)), FLOATX)
    every, one = (
        model.nade.log_likelihood(model.v, model.bv, model.bh),
        model.objective(*model.biases_over_time(), 1),
    )
    likelihoods, mean = graphlib.function([model.v], [every, one[2]])(vectors)
    wanted = [nade_probability(v, p, p["bv"], p["bh"]) for v in vectors]
    np.testing.assert_allclose(np.exp(likelihoods), wanted, rtol=1e-5)
    np.testing.assert_allclose(sum(wanted), 1)
    bv, bh = biases(vectors, p)
    each = [nade_probability(v, p, b, c) for v, b, c in zip(vectors, bv, bh, strict=True)]
    np.testing.assert_allclose(mean, np.log(each).mean(), rtol=1e-5)


def test_nade_draws_by_its_probabilities(rng):
    model, p = small_nade(rng)
    drawn, updates = graphlib.scan(
        lambda: model.sample(model.bv, model.bh, 1), outputs_info=None, n_steps=8000
    )
    found = graphlib.function([], drawn, updates=updates)()
    vectors = np.array(list(product((0, 1), repeat=4)))
    wanted = np.array([nade_probability(v, p, p["bv"], p["bh"]) for v in vectors])
    counts = np.bincount((found @ [8, 4, 2, 1]).astype(int), minlength=16)
    # 5 standard deviations for each of 16
    assert (np.abs(counts / 8000 - wanted) < 5 * np.sqrt(wanted * (1 - wanted) / 8000)).all()


# --- characters ---


def test_streams_of_a_text_follow_one_another():
    text = np.arange(100, 165)
    found = as_streams(text, 3, 4)
    # 64 characters have a next one: 21 for each stream, 5 whole minibatches of 4
    assert found.shape == (21, 3)
    np.testing.assert_array_equal(found[0], [100, 120, 140])
    np.testing.assert_array_equal(np.diff(found, axis=0), np.ones((20, 3)))


def small_language_model(rng) -> tuple[CharacterLSTM, list[np.ndarray]]:
    model = CharacterLSTM(np.random.RandomState(0), 6, 4)
    return model, randomise(model.params, rng)


def test_language_model_starts_with_open_forget_gates():
    model = CharacterLSTM(np.random.RandomState(0), 6, 2)
    np.testing.assert_array_equal(model.layer.b.get_value(), [0, 0, 1, 1, 0, 0, 0, 0])


def test_loss_goes_on_from_one_minibatch_to_the_next_and_begins_anew(rng):
    model, (embeddings, W, U, b, V, a) = small_language_model(rng)
    text = rng.integers(0, 6, size=(13, 2))
    streams = Streams(model, text, 4)
    assert streams.n_minibatches == 3
    step = graphlib.function([streams.index], streams.cost, updates=streams.updates)
    values, _ = lstm_steps(embeddings[text[:-1]], np.zeros((2, 4)), np.zeros((2, 4)), W, U, b)
    p = softmax(values @ V + a)
    nll = -np.log(np.take_along_axis(p, text[1:, :, None], axis=2)).reshape(3, -1).mean(axis=1)
    for _ in range(2):
        np.testing.assert_allclose([step(index) for index in range(3)], nll, rtol=1e-4)


def writer_of(model: CharacterLSTM, seed: int):
    beginning, length, temperature = T.lvector(), T.lscalar(), T.scalar()
    written, updates = model.write(RandomStreams(seed), beginning, length, temperature)
    return graphlib.function([beginning, length, temperature], written, updates=updates)


def test_writing_at_low_temperature_takes_the_most_probable_character(rng):
    model, (embeddings, W, U, b, V, a) = small_language_model(rng)
    beginning = np.array([3, 1, 4])
    found = writer_of(model, 1)(beginning, 8, np.asarray(1e-3, FLOATX))
    h, c, so_far = np.zeros(4), np.zeros(4), list(beginning)
    for _ in range(8):
        values, _ = lstm_steps(embeddings[so_far], h, c, W, U, b)
        so_far.append(int((values[-1] @ V + a).argmax()))
    assert list(found) == so_far[3:]


def test_writing_draws_by_the_probabilities_at_a_temperature(rng):
    """Of a model without weights: the same probabilities, whatever came before."""
    model, _ = small_language_model(rng)
    model.W.set_value(np.zeros_like(model.W.get_value()))
    scores = np.array([0, 1, 2, -1, 0.5, 0], FLOATX)
    model.b.set_value(scores)
    n = 20_000
    found = writer_of(model, 2)(np.array([0]), n, np.asarray(0.7, FLOATX))
    p = softmax(scores.astype("float64") / 0.7)
    frequencies = np.bincount(found, minlength=6) / n
    # 5 standard deviations for each of 6: a false alarm in 300,000 seeds
    assert (np.abs(frequencies - p) < 5 * np.sqrt(p * (1 - p) / n)).all()
