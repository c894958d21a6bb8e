"""Filters tiled into one picture, and a user's picture made into a digit as MNIST has them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from graphlib.nn.images import near_square, read_digit, read_photograph, save_filters, tile_raster_images
from graphlib.nn.storage import UserError

# --- tiles ---


def test_tiles_are_laid_row_by_row_with_gaps():
    X = np.arange(1, 13).reshape(3, 4)  # three images of 2 by 2
    tiled = tile_raster_images(
        X, (2, 2), (2, 2), (1, 2), scale_rows_to_unit_interval=False, output_pixel_vals=False
    )
    np.testing.assert_array_equal(
        tiled,
        [
            [1, 2, 0, 0, 5, 6],
            [3, 4, 0, 0, 7, 8],
            [0, 0, 0, 0, 0, 0],
            [9, 10, 0, 0, 0, 0],
            [11, 12, 0, 0, 0, 0],
        ],
    )
    assert tiled.dtype == X.dtype


def test_each_tile_is_scaled_by_itself():
    X = np.array([[-1.0, 0, 1, 3], [10, 10, 20, 20]], dtype="float32")
    tiled = tile_raster_images(X, (1, 4), (2, 1), output_pixel_vals=False)
    np.testing.assert_allclose(tiled, [[0, 0.25, 0.5, 1], [0, 0, 1, 1]], rtol=1e-6)
    assert tiled.dtype == np.float32


def test_pixels_are_bytes():
    tiled = tile_raster_images(np.array([[2.0, 3.0, 4.0, 7.0]]), (2, 2), (1, 1))
    assert tiled.dtype == np.uint8
    np.testing.assert_array_equal(tiled, [[0, 51], [102, 255]])


def test_unscaled_values_are_clipped_into_bytes():
    X = np.array([[-0.5, 0, 1, 2]])
    tiled = tile_raster_images(X, (2, 2), (1, 1), scale_rows_to_unit_interval=False)
    np.testing.assert_array_equal(tiled, [[0, 0], [255, 255]])


def test_image_of_one_value_is_black():
    np.testing.assert_array_equal(tile_raster_images(np.full((1, 4), 7.0), (2, 2), (1, 1)), np.zeros((2, 2)))


def test_images_beyond_the_tiles_are_left_out():
    X = np.arange(8.0).reshape(2, 4)
    np.testing.assert_array_equal(
        tile_raster_images(X, (2, 2), (1, 1)), tile_raster_images(X[:1], (2, 2), (1, 1))
    )


def test_channels_become_colours():
    red = np.array([[0.0, 1, 2, 5]])
    tiled = tile_raster_images((red, None, red[:, ::-1], None), (2, 2), (1, 1))
    assert tiled.shape == (2, 2, 4)
    assert tiled.dtype == np.uint8
    np.testing.assert_array_equal(tiled[..., 0], [[0, 51], [102, 255]])
    np.testing.assert_array_equal(tiled[..., 1], np.zeros((2, 2)))
    np.testing.assert_array_equal(tiled[..., 2], [[255, 102], [51, 0]])
    np.testing.assert_array_equal(tiled[..., 3], np.full((2, 2), 255))


def test_the_input_is_not_changed():
    X = np.array([[1.0, 2, 3, 4]])
    tile_raster_images(X, (2, 2), (1, 1))
    np.testing.assert_array_equal(X, [[1, 2, 3, 4]])


def test_images_of_another_shape():
    with pytest.raises(ValueError, match=r"shape \(3, 5\); images of 2 by 2 need \(images, 4\)"):
        tile_raster_images(np.zeros((3, 5)), (2, 2), (2, 2))


@given(st.integers(1, 3000))
def test_grid_holds_all_tiles_and_no_empty_row(count):
    rows, columns = near_square(count)
    assert (rows - 1) * columns < count <= rows * columns
    side = math.ceil(math.sqrt(count))
    assert rows <= side <= columns <= 1.5 * side


def test_saved_filters(tmp_path):
    filters = np.random.default_rng(3).normal(size=(10, 784))
    save_filters(tmp_path / "filters.png", filters, (28, 28))
    with Image.open(tmp_path / "filters.png") as picture:
        pixels = np.asarray(picture)
    tiled = tile_raster_images(filters, (28, 28), (2, 5), (1, 1))
    zoom = pixels.shape[0] // tiled.shape[0]
    np.testing.assert_array_equal(pixels[::zoom, ::zoom], tiled)


# --- a photograph ---


def test_photograph_as_numbers(tmp_path):
    pixels = np.random.default_rng(3).integers(0, 256, (7, 5, 3), dtype="uint8")
    Image.fromarray(pixels).save(tmp_path / "small.png")
    photograph = read_photograph(tmp_path / "small.png")
    assert photograph.dtype == np.float32
    np.testing.assert_allclose(photograph, pixels / 255, rtol=1e-6)


def test_large_photograph_is_shrunk_in_proportion(tmp_path):
    Image.new("L", (1000, 500), 51).save(tmp_path / "large.png")
    photograph = read_photograph(tmp_path / "large.png", at_most=100)
    np.testing.assert_allclose(photograph, np.full((50, 100, 3), 0.2), rtol=1e-6)


def test_photograph_is_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: the right side of what is stored is down
    Image.new("RGB", (30, 20), "red").save(tmp_path / "turned.jpg", exif=exif)
    assert read_photograph(tmp_path / "turned.jpg").shape == (30, 20, 3)


# --- a picture of a digit ---


def drawing(paper: int, ink: int, size=(300, 200), box=(150, 40, 180, 160)) -> Image.Image:
    """A bar, wide 30 and high 120 pixels, like a one, away from the middle."""
    picture = Image.new("L", size, paper)
    ImageDraw.Draw(picture).rectangle((box[0], box[1], box[2] - 1, box[3] - 1), fill=ink)
    return picture


@pytest.mark.parametrize(("paper", "ink"), [(255, 0), (0, 255), (240, 60), (30, 200)])
def test_digit_is_scaled_to_20_and_centred_by_mass(tmp_path, paper, ink):
    drawing(paper, ink).save(tmp_path / "one.png")
    digit = read_digit(tmp_path / "one.png")
    assert (digit.shape, digit.dtype) == ((784,), np.float32)
    expected = np.zeros((28, 28))
    expected[4:24, 12:17] = 1  # 120 by 30 pixels at 20/120, in the middle: 20 by 5
    shifted = expected.copy()
    shifted[:, 11:16], shifted[:, 16] = (
        1 * (expected[:, 12:17] > 0),
        0,
    )  # half a pixel may be rounded either way
    assert any(np.allclose(digit.reshape(28, 28), each, atol=0.01) for each in (expected, shifted))


def test_mass_and_not_the_box_is_centred(tmp_path):
    picture = Image.new("L", (100, 100), 255)
    ImageDraw.Draw(picture).rectangle((20, 20, 79, 49), fill=0)  # heavy above
    ImageDraw.Draw(picture).rectangle((20, 50, 29, 79), fill=0)  # thin below
    picture.save(tmp_path / "seven.png")
    digit = read_digit(tmp_path / "seven.png").reshape(28, 28)
    rows, columns = np.mgrid[:28, :28]
    assert (digit * rows).sum() / digit.sum() == pytest.approx(13.5, abs=0.51)
    assert (digit * columns).sum() / digit.sum() == pytest.approx(13.5, abs=0.51)


def test_transparent_picture_is_on_white(tmp_path):
    opaque = drawing(255, 0)
    alpha = opaque.point(lambda value: 255 - value)
    transparent = Image.merge("LA", (Image.new("L", opaque.size, 0), alpha))
    opaque.save(tmp_path / "opaque.png")
    transparent.save(tmp_path / "transparent.png")
    np.testing.assert_array_equal(
        read_digit(tmp_path / "opaque.png"), read_digit(tmp_path / "transparent.png")
    )


def test_picture_of_28_by_28_is_taken_as_it_is(tmp_path):
    pixels = np.zeros((28, 28), dtype="uint8")
    pixels[2:9, 3:5] = 255
    pixels[9, 3] = 51
    Image.fromarray(pixels).save(tmp_path / "mnist.png")
    np.testing.assert_allclose(read_digit(tmp_path / "mnist.png"), pixels.reshape(-1) / 255, rtol=1e-6)


def test_blank_picture(tmp_path):
    Image.new("L", (50, 50), 200).save(tmp_path / "blank.png")
    with pytest.raises(UserError, match=r"blank\.png shows nothing"):
        read_digit(tmp_path / "blank.png")


def test_missing_picture(tmp_path):
    with pytest.raises(UserError, match=r"none\.png does not exist"):
        read_digit(tmp_path / "none.png")


@pytest.mark.parametrize("kind", ["text", "truncated"])
def test_file_that_is_no_picture(tmp_path, kind):
    path = tmp_path / "file.png"
    drawing(255, 0).save(path)
    path.write_bytes(b"no picture" if kind == "text" else path.read_bytes()[:60])
    with pytest.raises(UserError, match="cannot be read as an image"):
        read_digit(path)
