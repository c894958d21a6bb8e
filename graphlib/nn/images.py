"""Pictures in and out of programs: filters tiled into one image, a photograph, and a user's own picture
made into a digit as MNIST's were made. Uses NumPy and Pillow only.
"""

import math
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from . import storage

DIGIT_SHAPE = (28, 28)  # rows and columns of an MNIST image
INK_SHARE = 20 / 28  # of an image's side: the box that the digit itself is scaled into


def scale_to_unit_interval(values: np.ndarray, epsilon: float = 1e-8) -> np.ndarray:
    """`values` shifted and scaled so that they span [0, 1]; an array of equal values becomes zeros."""
    shifted = values - values.min()
    return shifted / (shifted.max() + epsilon)


def tile_raster_images(
    X: np.ndarray | tuple[np.ndarray | None, ...],
    img_shape: tuple[int, int],
    tile_shape: tuple[int, int],
    tile_spacing: tuple[int, int] = (0, 0),
    scale_rows_to_unit_interval: bool = True,
    output_pixel_vals: bool = True,
) -> np.ndarray:
    """Lays the rows of `X`, each a flattened image, side by side as tiles of one image.

    Args:
        X: shape (images, height · width); images beyond the number of tiles are left out, tiles beyond the
            number of images stay 0. Or a tuple of four such arrays, the channels red, green, blue and alpha,
            where None stands for a channel at its default (no colour, fully opaque).
        img_shape: (height, width) of each image, in pixels.
        tile_shape: (rows, columns) of tiles.
        tile_spacing: pixels (between rows, between columns) of tiles.
        scale_rows_to_unit_interval: scale each image by itself to [0, 1].
        output_pixel_vals: return uint8, 0 to 255 for 0 to 1 (others are clipped); else X's values and dtype.

    Returns:
        Shape (rows · (height + gap) − gap, columns · (width + gap) − gap); for a tuple, a last axis of 4.
    """
    if isinstance(X, tuple):
        if len(X) != 4:
            raise ValueError(f"a tuple X holds the four channels red, green, blue and alpha, not {len(X)}")
        layout = (img_shape, tile_shape, tile_spacing, scale_rows_to_unit_interval, output_pixel_vals)
        tiled = {n: tile_raster_images(x, *layout) for n, x in enumerate(X) if x is not None}
        if not tiled:
            raise ValueError("at least one of the four channels of X must be an array")
        like = next(iter(tiled.values()))
        opaque = 255 if output_pixel_vals else 1
        defaults = (0, 0, 0, opaque)
        channels = [tiled.get(n, np.full_like(like, default)) for n, default in enumerate(defaults)]
        return np.stack(channels, axis=-1)

    height, width = img_shape
    if X.ndim != 2 or X.shape[1] != height * width:
        raise ValueError(
            f"X has shape {X.shape}; images of {height} by {width} need (images, {height * width})"
        )
    rows, columns = tile_shape
    row_step, column_step = height + tile_spacing[0], width + tile_spacing[1]
    tiled = np.zeros(
        (rows * row_step - tile_spacing[0], columns * column_step - tile_spacing[1]),
        dtype="uint8" if output_pixel_vals else X.dtype,
    )
    for number, flat in enumerate(X[: rows * columns]):
        image = flat.reshape(img_shape)
        if scale_rows_to_unit_interval:
            image = scale_to_unit_interval(image)
        if output_pixel_vals:
            image = np.rint(image.clip(0, 1) * 255)
        top, left = number // columns * row_step, number % columns * column_step
        tiled[top : top + height, left : left + width] = image
    return tiled


def near_square(count: int) -> tuple[int, int]:
    """(rows, columns) of a grid for `count` tiles: about square, with as few tiles left over as can be."""
    side = math.isqrt(count - 1) + 1
    columns = min(range(side, side + side // 2 + 1), key=lambda columns: (-count % columns, columns))
    return -(-count // columns), columns


def save_image(path: Path, pixels: np.ndarray, at_least: int = 600) -> None:
    """Writes a uint8 image as PNG, its pixels enlarged to squares to make it about `at_least` pixels wide."""
    zoom = max(1, at_least // pixels.shape[1])
    image = Image.fromarray(pixels.repeat(zoom, axis=0).repeat(zoom, axis=1))
    storage.write_atomically(path, lambda file: image.save(file, format="PNG"))


def save_filters(path: Path, filters: np.ndarray, img_shape: tuple[int, int]) -> None:
    """Writes `filters`, of shape (filters, height · width), as one PNG of tiles, each scaled by itself."""
    save_image(path, tile_raster_images(filters, img_shape, near_square(len(filters)), tile_spacing=(1, 1)))


def save_animation(path: Path, frames: Sequence[Path], milliseconds: int = 300) -> None:
    """Writes the pictures `frames`, of one size, as an animation (.gif, .webp or .png) that begins anew after
    its last one, which stays for a second more; `milliseconds` is how long each is shown.
    """
    pictures = []
    for frame in frames:
        with Image.open(frame) as picture:
            pictures.append(picture.convert("L" if picture.mode == "L" else "RGB"))
    durations = [milliseconds] * (len(pictures) - 1) + [milliseconds + 1000]
    kind = path.suffix.removeprefix(".").upper()
    storage.write_atomically(
        path,
        lambda file: pictures[0].save(
            file, format=kind, save_all=True, append_images=pictures[1:], duration=durations, loop=0
        ),
    )


def _centred_on_mass(ink: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """`ink` in the middle of an image of this shape, by its centre of mass."""
    total = ink.sum()
    places = []
    for axis, (side, length) in enumerate(zip(shape, ink.shape, strict=True)):
        centre = (ink.sum(axis=1 - axis) @ np.arange(length)) / total
        places.append(int(np.clip(round((side - 1) / 2 - centre), 0, side - length)))
    digit = np.zeros(shape, dtype="float32")
    top, left = places
    digit[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return digit


def _open(path: Path, mode: str) -> Image.Image:
    """The picture upright, in a mode of Pillow's; UserError if the file cannot be read as one."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as file:
                return _eight_bits(ImageOps.exif_transpose(file)).convert(mode)
    except FileNotFoundError:
        raise storage.UserError(f"{path} does not exist") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise storage.UserError(
            f"{path} has more than {Image.MAX_IMAGE_PIXELS} pixels: make it smaller"
        ) from None
    except Exception:
        # A damaged file can lead Pillow to nearly any exception.
        raise storage.UserError(
            f"{path} cannot be read as an image (PNG, JPEG, GIF, BMP and TIFF can)"
        ) from None


def _eight_bits(picture: Image.Image) -> Image.Image:
    """A grey picture of more than eight bits a pixel with eight; any other as it is.

    Pillow itself clips such pixels at 255. Whole numbers are of 16 bits, as PNG has them, unless one is
    larger; fractions span what there is.
    """
    if not picture.mode.startswith(("I", "F")):
        return picture
    pixels = np.asarray(picture, dtype="float64")
    if picture.mode == "F":
        pixels = scale_to_unit_interval(np.nan_to_num(pixels), epsilon=1e-300)
    else:
        pixels = pixels.clip(0) / max(65535, pixels.max())
    return Image.fromarray(np.rint(255 * pixels).astype("uint8"))


def read_photograph(path: Path, at_most: int = 640) -> np.ndarray:
    """A picture as float32 (rows, columns, 3) in [0, 1], shrunk to `at_most` pixels a side if it is larger.

    UserError if the file cannot be read as a picture.
    """
    picture = _open(path, "RGB")
    picture.thumbnail((at_most, at_most))
    return np.asarray(picture, dtype="float32") / 255


def read_digit(path: Path, shape: tuple[int, int] = DIGIT_SHAPE) -> np.ndarray:
    """A picture of one digit, or of what a model of images of `shape` has learnt, as a float32 vector of its
    rows × columns values in [0, 1], 0 for paper and 1 for ink.

    The paper is what lies along the picture's edge, dark or light. A picture of this very shape is
    otherwise taken as it is. Any other is made as MNIST was (LeCun, Cortes, Burges: "The MNIST database of
    handwritten digits"): the ink is cut out, scaled to fit 20 by 20 pixels with its proportions kept, and
    placed with its centre of mass in the middle. UserError if the file cannot be read as a picture, or is
    blank.
    """
    picture = _open(path, "RGBA")
    on_white = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    grey = np.asarray(on_white.convert("L"), dtype="float32") / 255
    edge = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    paper = float(np.median(edge))
    # Light paper is turned dark, as MNIST has it.
    ink = (grey - paper if paper < 0.5 else paper - grey).clip(0, 1)
    if ink.max() < 0.1:
        raise storage.UserError(f"{path} shows nothing: it is one colour all over")
    ink /= ink.max()
    if ink.shape == tuple(shape):
        return ink.reshape(-1)

    rows, columns = (np.flatnonzero((ink > 0.3).any(axis=axis)) for axis in (1, 0))
    cut = Image.fromarray(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    scale = max(1, round(INK_SHARE * min(shape))) / max(cut.size)
    size = tuple(max(1, round(side * scale)) for side in cut.size)
    scaled = np.asarray(cut.resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR))
    return _centred_on_mass(scaled / scaled.max(), shape).reshape(-1)
