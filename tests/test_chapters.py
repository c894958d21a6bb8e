"""What every chapter of docs/chapters has, and that every picture is said in words and drawn by a script."""

import re
from pathlib import Path

import pytest
import yaml
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
CHAPTERS = sorted((DOCS / "chapters").glob("*.md"))
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md")), *CHAPTERS]

#: Markdown's picture, with what it shows in words
_IMAGE = re.compile(r"!\[(?P<words>[^\]]*)\]\((?P<target>[^)\s]+)")
_FIGURE = re.compile(r"^@figure\(\s*\"([^\"]+)\"", re.MULTILINE)
#: a link to what is to be heard
_SOUND = re.compile(r"\]\([^)]*?/([^/)]+\.wav)\)")
_MEGABYTE = 2**20


def images_of(page):
    """The pictures of a page: the file that each shows, and the words for who does not see it."""
    text = page.read_text(encoding="utf-8")
    return [((page.parent / found["target"]).resolve(), found["words"]) for found in _IMAGE.finditer(text)]


def drawn():
    """What the scripts of docs/figures draw: the name of a picture, and those who draw it."""
    by_name = {}
    for script in sorted((DOCS / "figures").glob("[!_]*.py")):
        for name in _FIGURE.findall(script.read_text(encoding="utf-8")):
            by_name.setdefault(name, []).append(script.name)
    return by_name


def size_of(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_has_its_parts(chapter):
    text = chapter.read_text(encoding="utf-8")
    assert text.startswith("# ")
    title, opening = text.split("\n\n")[:2]
    assert "\n" not in title
    assert opening.startswith("**Presupposes**"), (
        "a chapter opens with what it presupposes and what is new in it"
    )
    assert "**New here**" in opening

    _, found, exercises = text.partition("\n## Exercises\n")
    assert found, "a chapter ends with exercises"
    assert "\n## " not in exercises
    solutions = exercises.count('<details markdown="1">\n<summary>Solution</summary>\n\n')
    assert solutions >= 3
    assert exercises.count("<details") == exercises.count("</details>") == solutions
    assert len(re.findall(r"\bHint\b", exercises)) >= solutions, "each exercise has a hint"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_nothing_is_left_to_fill_in(page):
    blanks = r"\b(?:TODO|FIXME|FILL|[A-Z]+(?:PICTURE|CAPTION|TABLE|NUMBERS?))\b"
    assert re.findall(blanks, page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_pictures_are_there_and_are_said_in_words(page):
    for path, words in images_of(page):
        assert path.is_file(), f"{path} is not there"
        assert len(words) >= 30, f"{path.name}: {words!r} does not say what one sees"


def test_every_picture_is_shown_and_drawn_by_one_script():
    shown = {path.name for page in PAGES for path, _ in images_of(page)} | {
        sound for page in PAGES for sound in _SOUND.findall(page.read_text(encoding="utf-8"))
    }
    kept = {path.name for path in (DOCS / "images").iterdir()}
    assert kept == shown, "docs/images has what the pages show"
    by_name = drawn()
    assert {name: scripts for name, scripts in by_name.items() if len(scripts) > 1} == {}
    assert set(by_name) == kept, "each picture has a function marked @figure in docs/figures"


def test_pictures_fit_a_page():
    for path in (DOCS / "images").iterdir():
        assert path.stat().st_size < 0.7 * _MEGABYTE, path.name
        if path.suffix not in (".svg", ".wav"):
            with Image.open(path) as picture:
                assert 300 <= picture.width <= 2400, f"{path.name} is {picture.width} pixels wide"
    assert size_of(DOCS / "images") < 6 * _MEGABYTE
    assert size_of(DOCS / "runs") < 6 * _MEGABYTE


def test_runs_are_listed_with_their_commands():
    listed = yaml.safe_load((DOCS / "runs.yaml").read_text(encoding="utf-8")) or {}
    folders = {path.name for path in (DOCS / "runs").iterdir() if path.is_dir()}
    assert set(listed) == folders
    for name, run in listed.items():
        assert set(run) <= {"command", "small", "keep", "then"}, name
        for key in ("command", "small"):
            program = re.match(r"python (tutorials/\S+\.py|-m graphlib\S*)(\s|$)", run[key])
            assert program, f"{name}: {key} is called from the checkout's folder by python"
            assert program[1].startswith("-m") or (ROOT / program[1]).is_file(), f"{name}: {program[1]}"


def test_the_table_of_topics_names_sections_that_are_there():
    table = (DOCS / "published-chapters.md").read_text(encoding="utf-8")
    named = re.findall(r'\]\((chapters/[\w-]+\.md)\)((?:,? "[^"]+")+)', table)
    assert len(named) > 30
    for chapter, sections in named:
        headings = re.findall(r"^#+ (.+)$", (DOCS / chapter).read_text(encoding="utf-8"), re.MULTILINE)
        assert set(re.findall('"([^"]+)"', sections)) <= set(headings), chapter
