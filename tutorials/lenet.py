"""LeNet: a convolutional network, trained on MNIST.

Two layers of convolution, max-pooling and tanh find local patterns wherever they are in the image; a
perceptron (see mlp.py) classifies by where it found which. With an input of 28 by 28 pixels, filters of 5 by
5 and pooling of 2 by 2 there are 12 by 12 and then 4 by 4 positions.

After the chapter "Convolutional Neural Networks (LeNet)" of the Deep Learning Tutorials (LISA lab); Y. LeCun
et al., "Gradient-based learning applied to document recognition", 1998.
"""

import _checkout  # noqa: F401

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

import graphlib
import graphlib.tensor as T
from graphlib.datasets.mnist import CLASSES, IMAGE_SHAPE
from graphlib.nn import command_line, image_classifiers, images, storage, training
from graphlib.nn.image_data import SharedData, image_shape_of
from graphlib.nn.run_folder import load_parameters
from graphlib.nn.storage import UserError
from graphlib.nn.variables import named_parameters, set_model
from graphlib.tensor.signal import pool
from logistic_sgd import LogisticRegression
from mlp import HiddenLayer

FILTER_SHAPE = (5, 5)
POOL_SIZE = (2, 2)
AT_ONCE = 500  # images whose feature maps are in memory together when predicting
EDGE_FILTERS = (2, 3, 9, 9)  # two filters of 9 by 9 pixels on the three colours


class LeNetConvPoolLayer:
    """Convolution with learnt filters, then max-pooling, a bias for each map, and tanh.

    The filters start uniform in ±sqrt(6 / (fan in + fan out)), where a unit reads `fan in` values below, and
    a value below reaches `fan out` units, after pooling.

    Args:
        rng: numpy.random.RandomState that draws the filters.
        input: symbolic images, (n, channels, rows, columns).
        filter_shape: (filters, channels, rows, columns).
        image_shape: (n, channels, rows, columns) of the input; n may be None.
        poolsize: rows and columns that are pooled into one.

    Attributes:
        W, b: shared parameters of shapes `filter_shape` and (filters,).
        output: (n, filters, (rows − filter's rows + 1) / pooled rows, the same of the columns).
        params: [W, b].
    """

    def __init__(
        self,
        rng,
        input,
        filter_shape: Sequence[int],
        image_shape: Sequence[int | None],
        poolsize: Sequence[int] = POOL_SIZE,
    ):
        if image_shape[1] != filter_shape[1]:
            raise ValueError(f"images of {image_shape[1]} channels do not fit filters of {filter_shape[1]}")
        fan_in = np.prod(filter_shape[1:])
        fan_out = filter_shape[0] * np.prod(filter_shape[2:]) // np.prod(poolsize)
        bound = np.sqrt(6.0 / (fan_in + fan_out))
        values = rng.uniform(low=-bound, high=bound, size=filter_shape)
        self.input = input
        self.W = graphlib.shared(values.astype(graphlib.config.floatX), name="W", borrow=True)
        self.b = graphlib.shared(
            np.zeros(filter_shape[0], dtype=graphlib.config.floatX), name="b", borrow=True
        )
        self.params = [self.W, self.b]

        convolved = T.nnet.conv2d(input, self.W, input_shape=image_shape, filter_shape=filter_shape)
        pooled = pool.pool_2d(convolved, ds=poolsize, ignore_border=True)
        self.output = T.tanh(pooled + self.b.dimshuffle("x", 0, "x", "x"))


class LeNet:
    """Two convolutional layers below a hidden layer of 500 tanh units below a logistic regression.

    Args:
        rng: numpy.random.RandomState that draws the initial weights.
        input: symbolic matrix, an image a row, (n, pixels).
        nkerns: filters of the first and of the second layer.
        image_shape: rows and columns of an image, of 16 pixels at least.
        n_out: classes.

    Attributes:
        layer0, layer1, layer2, layer3: the layers from below.
        p_y_given_x, y_pred, negative_log_likelihood, errors: those of the logistic regression.
        params: the parameters of all layers.
    """

    def __init__(
        self,
        rng,
        input,
        nkerns: Sequence[int] = (20, 50),
        image_shape: tuple[int, int] = IMAGE_SHAPE,
        n_out: int = CLASSES,
    ):
        self.input = input
        first, second = nkerns
        rows, columns = image_shape
        self.layer0 = LeNetConvPoolLayer(
            rng,
            input=input.reshape((input.shape[0], 1, rows, columns)),
            filter_shape=(first, 1, *FILTER_SHAPE),
            image_shape=(None, 1, rows, columns),
        )
        rows, columns = _side_after(rows), _side_after(columns)
        self.layer1 = LeNetConvPoolLayer(
            rng,
            input=self.layer0.output,
            filter_shape=(second, first, *FILTER_SHAPE),
            image_shape=(None, first, rows, columns),
        )
        rows, columns = _side_after(rows), _side_after(columns)
        if min(rows, columns) < 1:
            raise UserError(
                f"images of shape {tuple(image_shape)} are too small: LeNet needs 16 by 16 pixels"
            )
        self.layer2 = HiddenLayer(
            rng, self.layer1.output.flatten(2), n_in=second * rows * columns, n_out=500, activation=T.tanh
        )
        self.layer3 = LogisticRegression(self.layer2.output, n_in=500, n_out=n_out)

        self.p_y_given_x, self.y_pred = self.layer3.p_y_given_x, self.layer3.y_pred
        self.negative_log_likelihood = self.layer3.negative_log_likelihood
        self.errors = self.layer3.errors
        self.params = self.layer3.params + self.layer2.params + self.layer1.params + self.layer0.params


def _side_after(side: int) -> int:
    """Pixels of a side of the image after a layer."""
    return (side - FILTER_SHAPE[0] + 1) // POOL_SIZE[0]


def parameters_of(classifier: LeNet) -> dict:
    """The parameters under the names they have in best_model.npz."""
    return named_parameters(
        convolution_1=classifier.layer0,
        convolution_2=classifier.layer1,
        hidden=classifier.layer2,
        output=classifier.layer3,
    )


def load_model(path: Path) -> LeNet:
    """The trained model of a best_model.npz, as a function of its symbolic `input`."""
    arrays = load_parameters(path, "convolution_1.b", "convolution_2.b", "output.b")
    nkerns = [arrays["convolution_1.b"].size, arrays["convolution_2.b"].size]
    classifier = LeNet(
        np.random.RandomState(),
        T.matrix("x"),
        nkerns,
        image_shape_of(path),
        arrays["output.b"].size,
    )
    set_model(parameters_of(classifier), arrays, path)
    return classifier


def predict(path: Path, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(classes (n,), probabilities (n, n_out)) by the model in a best_model.npz of images x, (n, pixels)."""
    classifier = load_model(path)
    evaluate = graphlib.function([classifier.input], [classifier.y_pred, classifier.p_y_given_x])
    parts = [evaluate(x[first : first + AT_ONCE]) for first in range(0, len(x), AT_ONCE)]
    return tuple(np.concatenate(each) for each in zip(*parts, strict=True))


class Pictures:
    """Draws the first layer's filters, and the maps that both layers make of a digit of each class.

    They are filters.png, feature_maps_1.png and feature_maps_2.png; each row of the maps begins with the
    digit; black is −1, white 1.

    Args:
        classifier: the network.
        digits: the images to look at, (n, pixels).
        image_shape: rows and columns of an image.
    """

    def __init__(self, classifier: LeNet, digits: np.ndarray, image_shape: tuple[int, int] = IMAGE_SHAPE):
        self.digits, self.image_shape = digits, image_shape
        # Parameters are given at the call: the best ones are to be drawn, which are not the present ones.
        layers = (classifier.layer0, classifier.layer1)
        given = {param: param.type() for layer in layers for param in layer.params}
        self.maps = graphlib.function(
            [classifier.input, *given.values()],
            [layer.output for layer in layers],
            givens=given,
            name="feature_maps",
        )

    def draw(self, parameters: Mapping[str, np.ndarray], folder: Path) -> None:
        """Draws them for the parameters of these names, into a folder."""
        names = [f"convolution_{number}.{name}" for number in (1, 2) for name in ("W", "b")]
        given = [parameters[name] for name in names]
        # A convolution flips its filters: flipped back, they show what excites a unit.
        filters = given[0][:, 0, ::-1, ::-1]
        images.save_filters(folder / "filters.png", filters.reshape(len(filters), -1), FILTER_SHAPE)
        for number, maps in enumerate(self.maps(self.digits, *given), start=1):
            self._draw_maps(folder / f"feature_maps_{number}.png", maps)

    def _draw_maps(self, path: Path, maps: np.ndarray) -> None:
        n, count, rows, columns = maps.shape
        zoom = min(self.image_shape[0] // rows, self.image_shape[1] // columns)
        large = maps.repeat(zoom, axis=2).repeat(zoom, axis=3)
        border = [
            (side - zoom * small) // 2 for side, small in zip(self.image_shape, (rows, columns), strict=True)
        ]
        tiles = np.zeros((n, 1 + count, *self.image_shape))
        tiles[:, 0] = self.digits.reshape(n, *self.image_shape)
        inside = [slice(edge, edge + length) for edge, length in zip(border, large.shape[2:], strict=True)]
        tiles[:, 1:, inside[0], inside[1]] = (large + 1) / 2
        tiled = images.tile_raster_images(
            tiles.reshape(n * (1 + count), -1),
            self.image_shape,
            (n, 1 + count),
            tile_spacing=(1, 1),
            scale_rows_to_unit_interval=False,
        )
        images.save_image(path, tiled)


def train(options: argparse.Namespace) -> training.Outcome:
    """Trains as the options of the command line say, and writes the results to the folder `options.out`."""

    def pictures(classifier: LeNet, data: SharedData) -> Callable[[Mapping[str, np.ndarray], Path], None]:
        test_x, test_y = data.test.x.get_value(borrow=True), data.test.y.get_value(borrow=True)
        _, one_of_each_class = np.unique(test_y, return_index=True)
        return Pictures(classifier, test_x[one_of_each_class], data.image_shape).draw

    return image_classifiers.train(
        options,
        lambda x, data, rng: LeNet(rng, x, options.kernels, data.image_shape, data.n_out),
        cost=lambda classifier, y: classifier.negative_log_likelihood(y),
        parameters_of=parameters_of,
        illustrate=pictures,
        patience=10000,
    )


def random_edges(photograph: np.ndarray, seed: int) -> np.ndarray:
    """What two random filters make of a photograph, floatX (rows, columns, 3): (2, rows − 8, columns − 8).

    The chapter's demonstration: filters that nobody has learnt detect edges all the same.
    """
    rng = np.random.RandomState(seed)
    bound = 1 / np.sqrt(np.prod(EDGE_FILTERS[1:]))
    W = graphlib.shared(rng.uniform(-bound, bound, EDGE_FILTERS).astype(graphlib.config.floatX), name="W")
    b = graphlib.shared(rng.uniform(-0.5, 0.5, EDGE_FILTERS[:1]).astype(graphlib.config.floatX), name="b")
    picture = T.tensor4("picture")
    output = T.nnet.sigmoid(T.nnet.conv2d(picture, W) + b.dimshuffle("x", 0, "x", "x"))
    return graphlib.function([picture], output)(photograph.transpose(2, 0, 1)[np.newaxis])[0]


def sample_photograph() -> Path:
    """Matplotlib's portrait of Grace Hopper, by the US Navy and in the public domain."""
    from matplotlib import cbook

    path = Path(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))
    if not path.exists():
        raise UserError("Matplotlib was installed without its sample data: give --demonstrate a photograph")
    return path


def demonstrate(options: argparse.Namespace) -> None:
    """Writes edges.png: a photograph, and beside it what two random filters make of it."""
    path = sample_photograph() if options.demonstrate == Path() else options.demonstrate
    photograph = images.read_photograph(path)
    if min(photograph.shape[:2]) < max(EDGE_FILTERS[2:]):
        raise UserError(f"{path} is smaller than the filters, which are of 9 by 9 pixels")
    edges = random_edges(photograph.astype(graphlib.config.floatX), options.seed)
    rows, columns = edges.shape[1:]
    grey = [np.repeat(images.scale_to_unit_interval(edge)[..., np.newaxis], 3, axis=2) for edge in edges]
    row = np.concatenate([photograph[4 : 4 + rows, 4 : 4 + columns], *grey], axis=1)
    storage.make_folder(options.out)
    images.save_image(options.out / "edges.png", np.rint(255 * row).astype("uint8"))
    print(f"{options.out / 'edges.png'} shows {path} and what two random filters make of it")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the tutorial from `arguments`, or from those of the process, and returns its exit code."""
    parser = command_line.make_parser(
        __doc__,
        name="lenet",
        epochs=200,
        batch_size=500,
        learning_rate=0.1,
        seed_of_chapter=23455,
        distributes=True,
        examples="\n  {program} --demonstrate         see that even random filters detect edges",
        files="best_model.npz (the parameters that were best in validation), filters.png (what excites the "
        "units of the first layer), feature_maps_1.png and feature_maps_2.png (what the two convolutional "
        "layers make of ten test digits)",
    )
    parser.task.add_argument(
        "--demonstrate",
        nargs="?",
        type=Path,
        const=Path(),
        metavar="PHOTOGRAPH",
        help="draw what two random filters make of a photograph (of one that comes with Matplotlib, unless "
        "you name yours) into edges.png in --out",
    )
    model = parser.add_argument_group("the model")
    model.add_argument(
        "--kernels",
        type=command_line.at_least(1),
        nargs=2,
        default=[20, 50],
        metavar="N",
        help="filters of the first and of the second layer",
    )
    image_classifiers.add_whitening(parser, "zca")
    tasks = {"predict": partial(image_classifiers.show_predictions, predict), "demonstrate": demonstrate}
    return command_line.main(parser, train, tasks, arguments)


if __name__ == "__main__":
    sys.exit(main())
