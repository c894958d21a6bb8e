"""What a notebook shows of models, histories and runs: parsed, and held against what they hold."""

import math
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from graphlib.nn import Dense, Model, RunFolder, Sequential
from graphlib.nn.notebook import curves_html
from graphlib.nn.storage import UserError


class Page(HTMLParser):
    """Tags with their attributes, and the text, of HTML whose tags are balanced."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, open_tags = [], "", []
        self.handle_starttag = lambda tag, attrs: (
            open_tags.append(tag),
            self.tags.append((tag, dict(attrs))),
        )
        self.handle_startendtag = lambda tag, attrs: self.tags.append((tag, dict(attrs)))
        self.handle_endtag = lambda tag: open_tags.remove(tag)
        self.feed(text.replace("<br>", "<br/>"))
        self.close()
        assert open_tags == []

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def test_a_model_shows_its_layers_once_it_knows_its_input():
    model = Model([Dense(32, "tanh"), Dense(2, "softmax")], "crossentropy")
    assert model._repr_html_() is None
    layer = Sequential([Dense(3)])
    assert layer._repr_html_() is None
    model.build((None, 4))
    page = Page(model._repr_html_())
    assert model.summary() in page.text
    assert "226 parameters" in page.text  # 4·32 + 32 + 32·2 + 2
    assert "226 parameters" in Page(model.layer._repr_html_()).text


def test_a_chart_goes_through_what_was_measured():
    page = Page(curves_html([1, 2, 3, 4], {"loss": [4.0, 2.0, math.nan, 1.0], "none": [math.nan] * 4}))
    (line,) = page.all("polyline")
    points = [tuple(map(float, point.split(","))) for point in line["points"].split()]
    xs, ys = np.array(points).T
    assert np.allclose((xs - xs[0]) / (xs[-1] - xs[0]), [0, 1 / 3, 1], atol=0.01)
    assert np.allclose((ys[-1] - ys) / (ys[-1] - ys[0]), [1, 1 / 3, 0], atol=0.01)
    assert "loss: 1 at epoch 4, between 1 and 4" in page.text


def test_a_history_shows_a_chart_a_value():
    x = np.eye(4, dtype="float32")
    history = Model([Dense(2, "softmax")], "crossentropy").fit(x, [0, 1, 0, 1], epochs=2, verbose=False)
    assert len(Page(history._repr_html_()).all("polyline")) == len(history) > 0


def test_a_folder_shows_its_curve_and_its_pictures(tmp_path):
    (tmp_path / "learning_curve.csv").write_text("epoch,minibatches,train_cost\n1,10,0.5\n2,20,\n3,30,0.25\n")
    name = '<script>"&.png'
    Image.new("L", (4, 4)).save(tmp_path / name)
    Image.new("L", (4, 4)).save(tmp_path / "learning_curve.png")
    (tmp_path / "large.png").write_bytes(b"0" * 3_000_000)
    folder = RunFolder(tmp_path)
    assert folder.curve["epoch"] == [1, 2, 3]
    assert math.isnan(folder.curve["train_cost"][1])
    assert repr(folder).endswith("3 validations, 2 pictures)")
    page = Page(folder._repr_html_())
    assert len(page.all("polyline")) == 1
    (picture,) = page.all("img")
    assert picture["alt"] == name
    assert picture["src"].startswith("data:image/png;base64,")
    assert not page.all("script")
    assert "large.png: 2.9 MB" in page.text


def test_many_pictures_are_counted(tmp_path):
    for i in range(15):
        Image.new("L", (2, 2)).save(tmp_path / f"{i}.png")
    page = Page(RunFolder(tmp_path)._repr_html_())
    assert len(page.all("img")) == 12
    assert "and 3 more pictures" in page.text


@pytest.mark.parametrize("text", ["", "epoch,cost\n1\n", "epoch\nmany\n", "\xff"])
def test_a_damaged_curve_is_named(tmp_path, text):
    (tmp_path / "learning_curve.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=r"learning_curve\.csv is no learning curve"):
        RunFolder(tmp_path)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match="no folder: train a model with --out"):
        RunFolder(tmp_path / "missing")
