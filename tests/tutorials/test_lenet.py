"""LeNet against SciPy, its pictures, and the demonstration with two random filters."""

import numpy as np
import pytest
from PIL import Image

import graphlib
import graphlib.tensor as T
import lenet
from lenet import LeNet, LeNetConvPoolLayer, parameters_of
from tests.tutorials import lenet_numpy

FLOATX = graphlib.config.floatX


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def test_layer_starts_as_published():
    layer = LeNetConvPoolLayer(np.random.RandomState(3), T.tensor4(), (4, 2, 3, 3), (None, 2, 8, 8))
    # a unit reads 2 · 9 values, and a value reaches 4 · 9 / 4 units
    bound = np.sqrt(6 / (18 + 9))
    W = np.random.RandomState(3).uniform(low=-bound, high=bound, size=(4, 2, 3, 3))
    np.testing.assert_allclose(layer.W.get_value(), W, rtol=1e-6)
    np.testing.assert_array_equal(layer.b.get_value(), np.zeros(4))


def test_layer_against_scipy(rng):
    x = T.tensor4("x")
    layer = LeNetConvPoolLayer(np.random.RandomState(3), x, (4, 2, 3, 3), (None, 2, 9, 8))
    b = rng.normal(size=4).astype(FLOATX)
    layer.b.set_value(b)
    values = rng.normal(size=(5, 2, 9, 8)).astype(FLOATX)
    found = graphlib.function([x], layer.output)(values)
    # of the 7 rows that the convolution leaves the last makes no whole window
    expected = lenet_numpy.conv_pool_layer(values[:, :, :8], layer.W.get_value(), b)
    assert found.shape == (5, 4, 3, 3)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_channels_must_fit_the_filters():
    with pytest.raises(ValueError, match="images of 2 channels do not fit filters of 3"):
        LeNetConvPoolLayer(np.random.RandomState(0), T.tensor4(), (4, 3, 3, 3), (None, 2, 9, 8))


def randomised(rng, nkerns) -> tuple[LeNet, dict[str, np.ndarray]]:
    """A network, and its parameters in float64 by name."""
    model = LeNet(np.random.RandomState(0), T.matrix("x"), nkerns)
    values = {}
    for name, param in parameters_of(model).items():
        value = rng.normal(scale=0.2, size=param.get_value().shape).astype(FLOATX)
        param.set_value(value)
        values[name] = value.astype("float64")
    return model, values


def test_network_against_scipy(rng):
    model, values = randomised(rng, (3, 2))
    y = T.ivector("y")
    examples, labels = rng.uniform(size=(4, 784)).astype(FLOATX), np.array([1, 0, 9, 3], "int32")
    outputs = [model.p_y_given_x, model.negative_log_likelihood(y), model.errors(y)]
    p, cost, error = graphlib.function([model.input, y], outputs)(examples, labels)
    exponentials = np.exp(lenet_numpy.scores(values, examples))
    expected = exponentials / exponentials.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(p, expected, rtol=1e-3)
    np.testing.assert_allclose(cost, -np.log(expected[np.arange(4), labels]).mean(), rtol=1e-4)
    assert error == (expected.argmax(axis=1) != labels).mean()


def test_step_goes_down_every_slope(rng):
    """The gradient's part along a random direction of each parameter, against the cost's change."""
    model, values = randomised(rng, (3, 2))
    y = T.ivector("y")
    cost = model.negative_log_likelihood(y)
    examples, labels = rng.uniform(size=(6, 784)).astype(FLOATX), rng.integers(0, 10, 6).astype("int32")
    gradients = graphlib.function([model.input, y], T.grad(cost, list(parameters_of(model).values())))

    def exact_cost(parameters):
        scores = lenet_numpy.scores(parameters, examples.astype("float64"))
        scores -= scores.max(axis=1, keepdims=True)
        return (np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(6), labels]).mean()

    for name, gradient in zip(values, gradients(examples, labels), strict=True):
        direction = rng.normal(size=gradient.shape)
        step = 1e-6 / np.linalg.norm(direction)
        above, below = (exact_cost(values | {name: values[name] + s * direction}) for s in (step, -step))
        slope = (above - below) / (2 * step)
        np.testing.assert_allclose((gradient * direction).sum(), slope, rtol=2e-3, atol=1e-5)


def test_pictures_are_of_the_given_parameters(rng, tmp_path):
    model, values = randomised(rng, (3, 2))
    digits = rng.uniform(size=(2, 784)).astype(FLOATX)
    pictures = lenet.Pictures(model, digits)
    for param in model.params:
        param.set_value(np.zeros_like(param.get_value()))  # the present ones, which are not to be drawn
    pictures.draw({name: value.astype(FLOATX) for name, value in values.items()}, tmp_path)

    for number, maps in enumerate(lenet_numpy.feature_maps(values, digits), start=1):
        side, count = maps.shape[2], maps.shape[1]
        with Image.open(tmp_path / f"feature_maps_{number}.png") as picture:
            pixels = np.asarray(picture, dtype="float64")
        zoom = pixels.shape[0] // 57  # two rows of 28 pixels, one between them
        tiles = pixels[::zoom, ::zoom]
        assert tiles.shape == (57, 29 * (1 + count) - 1)
        np.testing.assert_allclose(tiles[:28, :28], 255 * digits[0].reshape(28, 28), atol=0.6)
        enlarged, edge = 28 // side, (28 - 28 // side * side) // 2
        corner = 29 * 2 + edge  # the second map of the second digit
        area = tiles[29 + edge :, corner:][: side * enlarged : enlarged, : side * enlarged : enlarged]
        np.testing.assert_allclose(area, 255 * (maps[1, 1] + 1) / 2, atol=0.6)
    with Image.open(tmp_path / "filters.png") as picture:
        pixels = np.asarray(picture, dtype="float64")
    zoom = pixels.shape[0] // 5
    shown = values["convolution_1.W"][0, 0, ::-1, ::-1]
    shown = (shown - shown.min()) / np.ptp(shown)
    np.testing.assert_allclose(pixels[::zoom, ::zoom][:5, :5], 255 * shown, atol=0.6)


# --- two random filters ---


def test_demonstration_convolves_the_photograph(rng):
    photograph = rng.uniform(size=(14, 12, 3)).astype(FLOATX)
    found = lenet.random_edges(photograph, seed=4)
    draws = np.random.RandomState(4)
    bound = 1 / np.sqrt(243)
    W, b = draws.uniform(-bound, bound, (2, 3, 9, 9)), draws.uniform(-0.5, 0.5, 2)
    linear = lenet_numpy.convolution(photograph.transpose(2, 0, 1)[np.newaxis], W)[0] + b[:, None, None]
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-linear)), rtol=1e-4)


@pytest.mark.parametrize("own", [False, True], ids=["Matplotlib's photograph", "a photograph of one's own"])
def test_demonstration_draws_the_photograph_and_both_maps(tmp_path, capsys, own):
    photograph = []
    if own:
        pixels = np.zeros((40, 30, 3), "uint8")
        pixels[:, 15:] = 200
        Image.fromarray(pixels).save(tmp_path / "edge.png")
        photograph = [str(tmp_path / "edge.png")]
    assert lenet.main(["--out", str(tmp_path / "out"), "--demonstrate", *photograph]) == 0
    assert "edges.png shows" in capsys.readouterr().out
    with Image.open(tmp_path / "out" / "edges.png") as picture:
        pixels = np.asarray(picture)
    if own:
        pixels = pixels[:: pixels.shape[0] // 32, :: pixels.shape[1] // 66]
        assert pixels.shape == (32, 66, 3)
        # an upright edge: rows are alike, and the columns away from it too
        for edges in (pixels[1:-1, 22:44], pixels[1:-1, 44:]):
            assert (np.ptp(edges.astype(int), axis=0) <= 1).all()
            assert len(np.unique(edges[0, :6])) == 1 and len(np.unique(edges[0])) > 5
    else:
        assert pixels.shape == (592, 3 * 504, 3)
        assert pixels[:, 504:].std() > 5


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.write_bytes(b"no photograph"), "cannot be read as an image"),
        (lambda path: Image.new("RGB", (8, 40)).save(path), "is smaller than the filters"),
    ],
)
def test_photograph_that_cannot_be_used(tmp_path, capsys, make, words):
    path = tmp_path / "photograph.png"
    make(path)
    assert lenet.main(["--demonstrate", str(path), "--out", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert f"photograph.png {words}" in err and err.count("\n") == 1
