"""The autoencoders against NumPy: costs, gradients, the corruption, the Jacobian, and a stack's layers."""

import numpy as np
import pytest
from PIL import Image

import graphlib
import graphlib.tensor as T
from autoencoder import Autoencoder, save_filters
from cA import cA
from dA import dA
from graphlib.nn.images import tile_raster_images
from graphlib.tensor.random import RandomStreams
from SdA import SdA

FLOATX = graphlib.config.floatX


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def cross_entropy(x: np.ndarray, z: np.ndarray) -> np.ndarray:
    return -(x * np.log(z) + (1 - x) * np.log(1 - z)).sum(axis=1)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.fixture
def examples(rng) -> np.ndarray:
    return rng.uniform(size=(8, 6)).astype(FLOATX)


def randomise(model, rng: np.random.Generator) -> list[np.ndarray]:
    """Gives a model's parameters random values, and returns them in float64."""
    values = [rng.normal(scale=0.7, size=p.get_value().shape).astype(FLOATX) for p in model.params]
    for param, value in zip(model.params, values, strict=True):
        param.set_value(value)
    return [value.astype("float64") for value in values]


def step_of(model, cost, updates, *outputs):
    return graphlib.function([model.x], [cost, *outputs], updates=updates)


def backpropagated(x, corrupted, W, b, b_prime) -> tuple[float, list[np.ndarray]]:
    """The mean cross-entropy of x and its reconstruction from `corrupted`, and its gradients by W, b, b'.

    Bengio, "Learning deep architectures for AI", section 4.6, and Rumelhart, Hinton and Williams 1986; W
    gets a term as the encoder's matrix and one as the decoder's.
    """
    y = sigmoid(corrupted @ W + b)
    z = sigmoid(y @ W.T + b_prime)
    d_z = (z - x) / len(x)
    d_y = d_z @ W * y * (1 - y)
    return cross_entropy(x, z).mean(), [corrupted.T @ d_y + d_z.T @ y, d_y.sum(axis=0), d_z.sum(axis=0)]


def check_step(model, values, gradients, rate):
    for param, value, gradient in zip(model.params, values, gradients, strict=True):
        np.testing.assert_allclose(param.get_value(), value - rate * gradient, rtol=1e-4, atol=2e-6)


def test_autoencoder_starts_as_published():
    model = Autoencoder(np.random.RandomState(123), n_visible=6, n_hidden=4)
    bound = 4 * np.sqrt(6 / 10)
    W = np.random.RandomState(123).uniform(low=-bound, high=bound, size=(6, 4))
    np.testing.assert_allclose(model.W.get_value(), W, rtol=1e-6)
    np.testing.assert_array_equal(model.b.get_value(), np.zeros(4))
    np.testing.assert_array_equal(model.b_prime.get_value(), np.zeros(6))


def test_code_and_reconstruction(rng, examples):
    model = Autoencoder(np.random.RandomState(0), n_visible=6, n_hidden=4)
    W, b, b_prime = randomise(model, rng)
    y = model.get_hidden_values(model.x)
    code, reconstruction = graphlib.function([model.x], [y, model.get_reconstructed_input(y)])(examples)
    expected = sigmoid(examples @ W + b)
    np.testing.assert_allclose(code, expected, rtol=1e-5)
    np.testing.assert_allclose(reconstruction, sigmoid(expected @ W.T + b_prime), rtol=1e-5)


# --- denoising ---


def test_uncorrupted_step_against_backpropagation(rng, examples):
    model = dA(np.random.RandomState(0), n_visible=6, n_hidden=4)
    values = randomise(model, rng)
    (found,) = step_of(model, *model.get_cost_updates(corruption_level=0.0, learning_rate=0.5))(examples)
    cost, gradients = backpropagated(examples, examples, *values)
    np.testing.assert_allclose(found, cost, rtol=1e-5)
    check_step(model, values, gradients, 0.5)


def test_corrupted_step_against_backpropagation(rng, examples):
    """The mask that the step drew is found by drawing it again from the same state."""
    model = dA(np.random.RandomState(0), RandomStreams(7), n_visible=6, n_hidden=4)
    values = randomise(model, rng)
    step = step_of(model, *model.get_cost_updates(corruption_level=0.4, learning_rate=0.5))
    again = RandomStreams(7).binomial(size=model.x.shape, n=1, p=0.6, dtype=FLOATX)
    mask = graphlib.function([model.x], again)(examples)
    assert 0 < mask.sum() < mask.size
    cost, gradients = backpropagated(examples, mask * examples, *values)
    np.testing.assert_allclose(step(examples)[0], cost, rtol=1e-5)
    check_step(model, values, gradients, 0.5)


def test_corruption_sets_the_given_part_to_zero():
    model = dA(np.random.RandomState(3), n_visible=400, n_hidden=2)
    corrupt = graphlib.function([model.x], model.get_corrupted_input(model.x, 0.3))
    examples = np.full((500, 400), 0.5, FLOATX)
    first, second = corrupt(examples), corrupt(examples)
    for corrupted in (first, second):
        assert set(np.unique(corrupted)) == {0.0, 0.5}
        # 200,000 draws: 5 standard deviations are .0051, a false alarm in 1.7 million
        assert (corrupted == 0).mean() == pytest.approx(0.3, abs=5 * np.sqrt(0.3 * 0.7 / corrupted.size))
    # the chance that two masks agree in a value is .58
    assert (first == second).mean() == pytest.approx(0.58, abs=5 * np.sqrt(0.58 * 0.42 / first.size))


# --- contractive ---


def explicit_jacobian(x: np.ndarray, W: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of the code of one example, (hidden, visible), by central differences in float64."""
    step, columns = 1e-5, []
    for i in range(len(x)):
        shift = step * np.eye(len(x))[i]
        columns.append((sigmoid((x + shift) @ W + b) - sigmoid((x - shift) @ W + b)) / (2 * step))
    return np.stack(columns, axis=1)


def test_contraction_against_an_explicit_jacobian(rng, examples):
    model = cA(np.random.RandomState(0), n_visible=6, n_hidden=4)
    W, b, b_prime = randomise(model, rng)
    cost, updates = model.get_cost_updates(contraction_level=0.3, learning_rate=0.1)
    jacobian = model.get_jacobian(model.get_hidden_values(model.x), model.W)
    step = step_of(model, cost, updates, model.L_rec, model.L_jacob, jacobian)
    found, L_rec, L_jacob, J = step(examples)
    jacobians = np.stack([explicit_jacobian(x, W, b) for x in examples.astype("float64")])
    norms = (jacobians**2).sum(axis=(1, 2))
    np.testing.assert_allclose(J, jacobians.transpose(0, 2, 1), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(L_jacob, norms, rtol=1e-4)
    y = sigmoid(examples @ W + b)
    errors = cross_entropy(examples, sigmoid(y @ W.T + b_prime))
    np.testing.assert_allclose(L_rec, errors, rtol=1e-4)
    np.testing.assert_allclose(found, errors.mean() + 0.3 * norms.mean(), rtol=1e-5)


def test_step_of_contractive_autoencoder_by_finite_differences(rng, examples):
    model = cA(np.random.RandomState(0), n_visible=6, n_hidden=4)
    values = randomise(model, rng)

    def cost(W, b, b_prime):
        y = sigmoid(examples @ W + b)
        norms = ((y * (1 - y)) ** 2 @ (W**2).sum(axis=0)).mean()
        return cross_entropy(examples, sigmoid(y @ W.T + b_prime)).mean() + 0.3 * norms

    gradients = []
    for number, value in enumerate(values):
        gradient = np.empty_like(value)
        for place in np.ndindex(value.shape):
            moved = [each.copy() for each in values]
            moved[number][place] += 1e-5
            above = cost(*moved)
            moved[number][place] -= 2e-5
            gradient[place] = (above - cost(*moved)) / 2e-5
        gradients.append(gradient)
    step_of(model, *model.get_cost_updates(contraction_level=0.3, learning_rate=0.1))(examples)
    check_step(model, values, gradients, 0.1)


def test_contraction_makes_the_code_less_sensitive(rng):
    examples = (rng.uniform(size=(50, 20)) < 0.3).astype(FLOATX)
    norms = {}
    for contraction in (0.0, 1.0):
        model = cA(np.random.RandomState(1), n_visible=20, n_hidden=10)
        cost, updates = model.get_cost_updates(contraction, learning_rate=0.1)
        step = step_of(model, cost, updates, T.mean(model.L_jacob), T.mean(model.L_rec))
        first = step(examples)
        for _ in range(300):
            last = step(examples)
        assert last[2] < first[2]
        norms[contraction] = last[1]
    assert norms[1.0] < 0.5 * norms[0.0]


# --- stacked ---


def small_stack() -> SdA:
    return SdA(
        np.random.RandomState(2),
        n_ins=6,
        hidden_layers_sizes=[5, 4],
        n_outs=3,
        corruption_levels=[0.0, 0.0],
    )


def test_layers_and_autoencoders_share_their_weights(rng, examples):
    sda = small_stack()
    for layer, autoencoder in zip(sda.sigmoid_layers, sda.dA_layers, strict=True):
        assert autoencoder.W is layer.W and autoencoder.b is layer.b
    assert len(sda.params) == 6
    W1, b1, W2, b2, W3, b3 = randomise(sda, rng)
    scores = sigmoid(sigmoid(examples @ W1 + b1) @ W2 + b2) @ W3 + b3
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    labels = rng.integers(0, 3, 8).astype("int32")
    outputs = [sda.p_y_given_x, sda.finetune_cost, sda.errors(sda.y)]
    found, cost, error = graphlib.function([sda.x, sda.y], outputs)(examples, labels)
    np.testing.assert_allclose(found, p, rtol=1e-4)
    np.testing.assert_allclose(cost, -np.log(p[np.arange(8), labels]).mean(), rtol=1e-5)
    np.testing.assert_allclose(error, (p.argmax(axis=1) != labels).mean(), rtol=1e-6)


def test_pretraining_of_a_layer_trains_that_layer_on_the_output_of_those_below(rng, examples):
    sda = small_stack()
    W1, b1, *_ = randomise(sda, rng)
    autoencoder = sda.dA_layers[1]
    values = [p.get_value().astype("float64") for p in autoencoder.params]
    cost, updates = sda.pretraining_costs(learning_rate=0.5)[1]
    found = graphlib.function([sda.x], cost, updates=updates)(examples)
    below = sigmoid(examples @ W1 + b1)
    expected, gradients = backpropagated(below, below, *values)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    check_step(autoencoder, values, gradients, 0.5)
    np.testing.assert_array_equal(sda.dA_layers[0].W.get_value(), W1)


def test_dataset_mapped_through_the_layers_below(rng):
    sda = small_stack()
    W1, b1, *_ = randomise(sda, rng)
    values = rng.uniform(size=(25, 6)).astype(FLOATX)
    examples = graphlib.shared(values, name="train_x")
    assert sda.mapped(0, examples) is examples
    np.testing.assert_allclose(
        sda.mapped(1, examples, chunk=10).get_value(), sigmoid(values @ W1 + b1), rtol=1e-5
    )


@pytest.mark.parametrize("levels", [[], [0.1], [0.1, 0.2, 0.3]])
def test_each_layer_needs_a_level_of_corruption(levels):
    with pytest.raises(ValueError, match=f"there are 2 layers and {len(levels)} levels"):
        SdA(np.random.RandomState(0), hidden_layers_sizes=[5, 4], corruption_levels=levels)


# --- pictures ---


def test_picture_shows_the_first_hundred_filters(tmp_path, rng):
    W = rng.normal(size=(784, 130))
    save_filters(tmp_path / "filters.png", W)
    with Image.open(tmp_path / "filters.png") as picture:
        pixels = np.asarray(picture)
    tiled = tile_raster_images(W[:, :100].T, (28, 28), (10, 10), (1, 1))
    zoom = pixels.shape[0] // tiled.shape[0]
    assert tiled.shape == (289, 289)
    np.testing.assert_array_equal(pixels[::zoom, ::zoom], tiled)
