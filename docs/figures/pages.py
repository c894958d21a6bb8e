"""Exported pages (docs/chapters/exporting-models.md) as a browser shows them while they are used."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from docs.figures._drawing import NotDrawn, figure, main, run_folder
from graphlib.errors import CompileError
from graphlib.export import pages
from graphlib.export.trained import of_folder
from tests.export.browser import DIGITS, Browser


def used(run: str, width: int, height: int, use: Callable[[Browser], None]) -> Image.Image:
    """The page of a run after it has been used, as a picture."""
    folder = run_folder(run)
    if not (folder / "best_model.npz").is_file():
        raise NotDrawn(
            f"{folder} has no trained model, which is too large to keep: `python -m docs --runs` trains it"
        )
    if not (shutil.which("chromium") or shutil.which("google-chrome")):
        raise NotDrawn("a picture of a page needs chromium or google-chrome, and neither is on the PATH")
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "page.html"
        try:
            pages.page(of_folder(folder, train=True), path)
        except CompileError as error:
            raise NotDrawn(str(error)) from None
        with Browser(path, width, height) as page:
            use(page)
            page.picture(Path(scratch) / "page.png")
        return Image.open(io.BytesIO((Path(scratch) / "page.png").read_bytes())).convert("RGB")


@figure("page-digit.png")
def digit() -> Image.Image:
    def draw_a_seven(page: Browser) -> None:
        for stroke in DIGITS["7"]:
            page.stroke("#ink", stroke)

    return used("lenet", 900, 700, draw_a_seven)


@figure("page-training.png")
def training() -> Image.Image:
    def learn(page: Browser) -> None:
        page.click("#go")
        page.wait("Number(document.getElementById('state').dataset.error) < 0.145")
        page.click("#go")

    return used("logistic-regression", 390, 770, learn)


if __name__ == "__main__":
    main()
