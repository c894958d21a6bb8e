"""Recurrent layers: masks, states, directions, and their equations in numpy. PyTorch's numbers are in
test_layers_torch.py."""

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.errors import InputError, ShapeError
from graphlib.nn.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Bidirectional,
    Conv1D,
    Dense,
    Embedding,
    GlobalAveragePool,
    GlobalMaxPool,
    Sequential,
    SimpleRNN,
)

X = np.random.RandomState(1).normal(size=(3, 5, 2)).astype("float32")
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [0, 0, 1, 1, 1]], "float32")


def compute(*variables):
    return graphlib.function([], list(variables), mode="reference")()


def close(got, expected):
    np.testing.assert_allclose(got, expected, rtol=2e-5, atol=1e-6)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def randomised(layer, x=X):
    """The layer with parameters that are not 0 anywhere, and these by path."""
    layer(x)
    rng = np.random.RandomState(5)
    for each in layer.parameters.values():
        each.variable.set_value(rng.normal(size=each.variable.get_value().shape).astype("float32"))
    return layer, {path: each.variable.get_value() for path, each in layer.parameters.items()}


def lstm(p, x, h, c, mask=None):
    """All values and cells of LSTM units, (batch, time, units), one sequence at a time."""
    n = h.shape[-1]
    values, cells = np.zeros((*x.shape[:2], n)), np.zeros((*x.shape[:2], n))
    for b in range(len(x)):
        h_b, c_b = (s[b] if s.ndim == 2 else s for s in (h, c))
        for t in range(x.shape[1]):
            if mask is None or mask[b, t]:
                z = x[b, t] @ p["W"] + h_b @ p["U"] + p["b"]
                i, f, o = (sigmoid(z[k * n : (k + 1) * n]) for k in range(3))
                c_b = f * c_b + i * np.tanh(z[3 * n :])
                h_b = o * np.tanh(c_b)
            values[b, t], cells[b, t] = h_b, c_b
    return values, cells


class TestMasksAndStates:
    def test_a_mask_keeps_the_states_as_they_were(self):
        layer, p = randomised(LSTM(4, return_sequences=True))
        zero = np.zeros((3, 4))
        expected, cells = lstm(p, X, zero, zero, MASK)
        y, (h, c) = layer(X, mask=MASK, return_state=True)
        got = compute(y, h, c, layer(X, mask=MASK > 0), layer(X))
        unmasked = lstm(p, X, zero, zero)[0]
        right = (expected, expected[:, -1], cells[:, -1], expected, unmasked)
        for value, wanted in zip(got, right, strict=True):
            close(value, wanted)

    def test_what_is_masked_is_not_looked_at(self):
        layer, _ = randomised(LSTM(4))
        spoilt = np.where(MASK[:, :, None] > 0, X, np.nan).astype("float32")
        got, expected = compute(layer(spoilt, mask=MASK), layer(X, mask=MASK))
        close(got, expected)

    def test_nan_under_a_mask_is_in_no_gradient(self):
        """Also of layers below and behind the recurrent one: as if there were zeros."""
        spoilt = np.where(MASK[:, :, None] > 0, X, np.nan).astype("float32")
        zeros = np.where(MASK[:, :, None] > 0, X, 0).astype("float32")
        for layer in (
            Sequential([Dense(3, "tanh"), LSTM(4, return_sequences=True), GlobalAveragePool()]),
            Sequential([Conv1D(3, 3, padding="same"), BatchNormalization(), GlobalMaxPool()]),
            Sequential([Bidirectional(GRU(2, return_sequences=True)), Dense(2), GlobalAveragePool()]),
        ):
            randomised(layer)
            variables = [p.variable for p in layer.parameters.values() if p.trainable]
            costs = [T.sum(layer(x, training=True, mask=MASK) ** 2) for x in (spoilt, zeros)]
            first, second = (compute(cost, *T.grad(cost, variables)) for cost in costs)
            for found, wanted in zip(first, second, strict=True):
                assert np.isfinite(wanted).all() and np.any(wanted)
                np.testing.assert_array_equal(found, wanted)

    def test_given_states(self):
        layer, p = randomised(LSTM(4, return_sequences=True))
        rng = np.random.RandomState(2)
        each, one = rng.normal(size=(2, 3, 4)).astype("float32"), rng.normal(size=(2, 4)).astype("float32")
        got = compute(
            layer(X, initial_state=list(each)), layer(X, initial_state=(one[0], T.as_tensor(one[1])))
        )
        close(got[0], lstm(p, X, *each)[0])
        close(got[1], lstm(p, X, *one)[0])
        rnn, q = randomised(SimpleRNN(4))
        close(
            compute(rnn(X[:, :1], initial_state=one[0]))[0],
            np.tanh(X[:, 0] @ q["W"] + one[0] @ q["U"] + q["b"]),
        )

    def test_learnt_states_are_parameters(self):
        layer, p = randomised(LSTM(4, learn_initial_state=True, return_sequences=True))
        assert list(p) == ["W", "U", "b", "h_0", "c_0"]
        y = layer(X)
        gradient = T.grad(T.sum(y), layer.parameters["c_0"].variable)
        value, slope = compute(y, gradient)
        close(value, lstm(p, X, p["h_0"], p["c_0"])[0])
        step = 1e-4
        for k in range(4):
            moved = p["c_0"] + step * np.eye(4)[k]
            back = p["c_0"] - step * np.eye(4)[k]
            expected = (lstm(p, X, p["h_0"], moved)[0].sum() - lstm(p, X, p["h_0"], back)[0].sum()) / (
                2 * step
            )
            assert slope[k] == pytest.approx(expected, rel=1e-3)

    def test_stateful_sequences_go_on(self):
        model = Sequential([LSTM(4, stateful=True, return_sequences=True), Dense(4)], seed=0)
        x = T.tensor3("x", shape=(3, None, 2))
        y = model(x, training=True)
        assert list(model.state) == ["lstm_1.h", "lstm_1.c"]
        _, p = randomised(model[0], x)
        values, cells = lstm(p, X, np.zeros((3, 4)), np.zeros((3, 4)))
        step = graphlib.function([x], model[0](x), updates=model.updates, mode="reference")
        for _ in range(2):
            step(X[:, :2])
            close(step(X[:, 2:]), values[:, 2:])
            close(model.state["lstm_1.c"].get_value(), cells[:, -1])
            model.reset_states()
        assert y.static_shape == (3, None, 4)

    def test_options_that_a_layer_does_not_take(self):
        for layer, wrong, message in (
            (Dense(3), {"initial_state": 0}, r"layer dense \(Dense, made at .* takes no 'initial_state'$"),
            (GRU(3), {"initial_sate": 0}, "takes no 'initial_sate'; did you mean initial_state"),
        ):
            with pytest.raises(InputError, match=message):
                layer(X, **wrong)

    def test_the_size_of_a_stateful_batch(self):
        layer = SimpleRNN(4, stateful=True)
        with pytest.raises(InputError, match="the first call makes them"):
            layer.reset_states()
        x = T.tensor3("x", shape=(None, None, 2))
        step = graphlib.function([x], layer(x, training=True), updates=layer.updates, mode="reference")
        layer.reset_states(3)
        assert step(X).shape == (3, 4)
        with pytest.raises(ShapeError, match="test_layers_recurrent"):
            step(X[:2])
        with pytest.raises(InputError, match="exclude each other"):
            SimpleRNN(4, stateful=True, learn_initial_state=True)(X)


class TestEquations:
    def test_gru_with_the_reset_before_the_product(self):
        layer, p = randomised(GRU(4))
        h = np.zeros((3, 4))
        for t in range(5):
            z = X[:, t] @ p["W"] + p["b"]
            gates = sigmoid(z[:, :8] + h @ p["U"][:, :8])
            reset, update = gates[:, :4], gates[:, 4:]
            new = np.tanh(z[:, 8:] + (reset * h) @ p["U"][:, 8:])
            h = (1 - update) * new + update * h
        close(compute(layer(X))[0], h)

    def test_other_activations(self):
        layer, p = randomised(SimpleRNN(4, activation="relu", bias=None, return_sequences=True))
        h, expected = np.zeros((3, 4)), []
        for t in range(5):
            h = np.maximum(X[:, t] @ p["W"] + h @ p["U"], 0)
            expected.append(h)
        close(compute(layer(X))[0], np.stack(expected, axis=1))
        gates, q = randomised(LSTM(4, activation="linear", gate_activation="hard_sigmoid"))
        i, _, o = (
            np.clip(0.2 * (X[:, 0] @ q["W"] + q["b"])[:, 4 * k : 4 * k + 4] + 0.5, 0, 1) for k in range(3)
        )
        close(compute(gates(X[:, :1]))[0], o * i * (X[:, 0] @ q["W"] + q["b"])[:, 12:])

    def test_steps_may_be_made_by_hand(self):
        for layer in (SimpleRNN(4), GRU(4), GRU(4, reset_after=True), LSTM(4)):
            randomised(layer)
            states = [T.zeros((3, 4)) for _ in layer.states]
            for t in range(5):
                states = layer.step(layer.linear(X[:, t]), *states)
            by_hand, whole = compute(states[0], layer(X))
            close(by_hand, whole)

    def test_gradients(self):
        with_float64(lambda: [
            graphlib.verify_grad(
                lambda x, layer=layer: layer(x, mask=MASK), [X.astype("float64")], mode="reference"
            )
            for layer in (GRU(2, seed=0), GRU(2, reset_after=True, seed=0),
                          SimpleRNN(2, go_backwards=True, seed=0),
                          Bidirectional(LSTM(2, return_sequences=True), seed=0))
        ])  # fmt: skip

    def test_the_gradient_may_end_some_steps_back(self):
        x = T.tensor3("x", shape=(3, 5, 2))
        short, _ = randomised(SimpleRNN(4, truncate_gradient=2))
        slope = graphlib.function([x], T.grad(T.sum(short(x)), x), mode="reference")(X)
        assert not slope[:, :3].any() and slope[:, 3:].all()


def with_float64(run):
    before, graphlib.config.floatX = graphlib.config.floatX, "float64"
    try:
        return run()
    finally:
        graphlib.config.floatX = before


class TestDirections:
    def test_backwards(self):
        layer, p = randomised(LSTM(4, go_backwards=True, return_sequences=True))
        zero = np.zeros((3, 4))
        expected = lstm(p, X[:, ::-1], zero, zero, MASK[:, ::-1])[0][:, ::-1]
        last = LSTM(4, go_backwards=True, initializer=layer.W, recurrent_initializer=layer.U, bias=layer.b)
        got = compute(layer(X, mask=MASK), last(X, mask=MASK))
        close(got[0], expected)
        close(got[1], expected[:, 0])

    @pytest.mark.parametrize("merge", ["concatenate", "sum", "mean", "multiply"])
    def test_both(self, merge):
        layer, p = randomised(Bidirectional(LSTM(4, return_sequences=True), merge=merge))
        zero = np.zeros((3, 4))
        there, back = (
            {name.split(".")[1]: array for name, array in p.items() if name.startswith(way)}
            for way in ("forward", "backward")
        )
        forward = lstm(there, X, zero, zero, MASK)[0]
        backward = lstm(back, X[:, ::-1], zero, zero, MASK[:, ::-1])[0][:, ::-1]
        expected = {
            "concatenate": np.concatenate([forward, backward], -1),
            "sum": forward + backward,
            "mean": (forward + backward) / 2,
            "multiply": forward * backward,
        }[merge]
        close(compute(layer(X, mask=MASK))[0], expected)

    def test_both_directions_start_with_other_weights(self):
        layer = Bidirectional(GRU(4), seed=0)
        layer(X)
        forward, backward = (
            layer.parameters[f"{way}.W"].variable.get_value() for way in ("forward", "backward")
        )
        assert not np.array_equal(forward, backward)
        with pytest.raises(InputError, match="takes a recurrent layer"):
            Bidirectional(Dense(3))


class TestStarts:
    def test_gates_are_drawn_on_their_own(self):
        layer = LSTM(16, forget_bias=2.0, seed=0)
        layer(np.zeros((1, 1, 8), "float32"))
        W, U, b = (each.variable.get_value() for each in layer.parameters.values())
        for k in range(4):
            block = U[:, 16 * k : 16 * k + 16]
            np.testing.assert_allclose(block @ block.T, np.eye(16), atol=1e-5)
        bound = np.sqrt(6 / (8 + 16))
        assert bound * 0.9 < np.abs(W).max() <= bound
        np.testing.assert_array_equal(b, np.repeat([0, 2, 0, 0], 16))

    def test_given_weights_are_taken_whole(self):
        W, U, b = (np.random.RandomState(0).normal(size=s) for s in ((2, 16), (4, 16), (16,)))
        layer = LSTM(4, initializer=W, recurrent_initializer=U, bias=b)
        zero = np.zeros((3, 4))
        close(compute(layer(X))[0], lstm({"W": W, "U": U, "b": b}, X, zero, zero)[0][:, -1])
        with pytest.raises(ShapeError, match=r"lstm .*W is given as an array of shape \(2, 16\)"):
            LSTM(3, initializer=W)(X)


class TestErrors:
    @pytest.mark.parametrize(
        "call, said",
        [
            (lambda: LSTM(4)(X[0]), r"layer lstm \(LSTM, made at .*must be \(batch, time, features\)"),
            (lambda: LSTM(4)(X, mask=MASK[0]), r"the mask must be \(batch, time\)"),
            (lambda: LSTM(4)(X, initial_state=np.zeros((3, 4), "float32")), "1 parts.*states h, c"),
            (lambda: GRU(4)(X, initial_state=np.zeros((3, 5), "float32")), r"\(batch, 4\) or \(4,\)"),
        ],
    )
    def test_wrong_shapes(self, call, said):
        with pytest.raises(ShapeError, match=said):
            call()


class TestSentences:
    WORDS = np.array([[0, 0, 3, 1], [2, 2, 0, 1], [0, 0, 0, 0]], "int32")

    def test_padding_makes_the_mask_of_the_layers_behind(self):
        model = Sequential(
            [
                Embedding(4, 3, padding=0),
                [Dense(2, "tanh"), LSTM(4, return_sequences=True)],
                GlobalAveragePool(),
            ],
            seed=0,
        )
        words = T.imatrix("words")
        y = model(words)
        rows = {path: each.variable.get_value() for path, each in model.parameters.items()}
        x = np.tanh(
            rows["embedding_1.W"][self.WORDS] @ rows["sequential_1.dense_1.W"]
            + rows["sequential_1.dense_1.b"]
        )
        p = {name: rows[f"sequential_1.lstm_1.{name}"] for name in "WUb"}
        mask = self.WORDS != 0
        values = lstm(p, x, np.zeros((3, 4)), np.zeros((3, 4)), mask)[0]
        expected = [values[b][mask[b]].mean(0) if mask[b].any() else np.zeros(4) for b in range(3)]
        close(graphlib.function([words], y, mode="reference")(self.WORDS), expected)
        _, mask = Sequential([Embedding(4, 3, padding=0), LSTM(2)]).with_mask(words)
        assert mask is None
