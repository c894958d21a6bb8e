"""LeNet's forward pass in SciPy and NumPy, for the tests to compare with."""

from collections.abc import Mapping

import numpy as np
from scipy.signal import convolve2d


def convolution(x: np.ndarray, W: np.ndarray) -> np.ndarray:
    """Images (n, channels, rows, columns) convolved with filters (f, channels, …), without a border."""
    return np.stack(
        [
            [
                sum(convolve2d(channel, f, mode="valid") for channel, f in zip(image, filters, strict=True))
                for filters in W
            ]
            for image in x
        ]
    )


def conv_pool_layer(x: np.ndarray, W: np.ndarray, b: np.ndarray) -> np.ndarray:
    """tanh of the largest of each 2 by 2 values, with a bias for each map."""
    maps = convolution(x, W)
    n, f, rows, columns = maps.shape
    pooled = maps.reshape(n, f, rows // 2, 2, columns // 2, 2).max(axis=(3, 5))
    return np.tanh(pooled + b[:, np.newaxis, np.newaxis])


def feature_maps(values: Mapping[str, np.ndarray], x: np.ndarray) -> list[np.ndarray]:
    """What the two convolutional layers give for images x (n, 784)."""
    first = conv_pool_layer(x.reshape(-1, 1, 28, 28), values["convolution_1.W"], values["convolution_1.b"])
    return [first, conv_pool_layer(first, values["convolution_2.W"], values["convolution_2.b"])]


def scores(values: Mapping[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """The scores of the classes, (n, 10)."""
    hidden = np.tanh(feature_maps(values, x)[1].reshape(len(x), -1) @ values["hidden.W"] + values["hidden.b"])
    return hidden @ values["output.W"] + values["output.b"]
