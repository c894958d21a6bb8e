"""Pages in a real browser, without network.

``python -m tests.export.pages FOLDER...`` builds the page of each run folder, uses it as a person would, at
two widths, and says what it answered; ``--shots`` keeps pictures.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from graphlib.export import pages
from graphlib.export.trained import of_folder

from .browser import DIGITS, Browser


def draws(page: Browser) -> str:
    """Digits drawn with the mouse, and what the model says of them."""
    answers = {}
    for digit, strokes in DIGITS.items():
        page.click("#clear")
        for stroke in strokes:
            page.stroke("#ink", stroke)
        answers[digit] = page.value("document.getElementById('answer').textContent")
    right = sum(a == b for a, b in answers.items())
    return f"{right} of {len(answers)} digits read: {answers}"


def learns(page: Browser) -> str:
    """The training page, until fewer than a sixth of other digits are read wrong."""
    page.click("#go")
    page.wait("Number(document.getElementById('state').dataset.error) < 1 / 6")
    page.click("#go")
    return page.value("document.getElementById('state').textContent")


def samples(page: Browser) -> str:
    """Some Gibbs steps from digits and from noise."""
    for start in ("#digits", "#noise"):
        page.click(start)
        page.click("#go")
        page.wait("Number(document.getElementById('state').dataset.steps) >= 30")
        page.click("#go")
    text, ink = (
        page.value(f"document.getElementById('state').{what}") for what in ("textContent", "dataset.ink")
    )
    return f"{text}; {100 * float(ink):.0f} % of the pixels are on"


USES = {"digit": draws, "training": learns, "samples": samples}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.export.pages", description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--shots", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    for run in options.runs:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "page.html"
            kind = pages.page(of_folder(run, train=True), path)
            for width in (900, 390):
                with Browser(path, width) as page:
                    said = USES[kind](page)
                    wide = page.value("document.documentElement.scrollWidth")
                    print(
                        f"{run.name}, {width} pixels wide ({wide} used): {said}",
                        *page.messages[:1],
                        flush=True,
                    )
                    if options.shots:
                        options.shots.mkdir(exist_ok=True, parents=True)
                        page.picture(options.shots / f"{run.name}-{width}.png")


if __name__ == "__main__":
    main()
