"""The documentation is true: the Python of README.md and of docs runs and prints what is shown."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.site.markdown import blocks_of
from graphlib.run.c.toolchain import find_compiler

from .documents import DocumentError, run

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs/chapters").glob("*.md")),
]


def executed(document, folder):
    """A process of its own runs the document: what it registers and sets is nobody else's.

    It runs in a folder that looks like the checkout to it, as to a reader who has started Python there; what
    it writes stays in `folder`.
    """
    for name in ("tutorials", "data", "docs"):
        (folder / name).symlink_to(ROOT / name, target_is_directory=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    environment.pop("GRAPHLIB_FLAGS", None)
    return subprocess.run(
        [sys.executable, "-m", "tests.documents", str(document)],
        cwd=folder,
        env=environment,
        capture_output=True,
        encoding="utf-8",
    )


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_document_is_true(document, tmp_path):
    if find_compiler() is None:
        pytest.skip("the documents show generated C, and this machine has no C compiler")
    assert blocks_of(document.read_text(encoding="utf-8")), "no block of Python was found"
    finished = executed(document, tmp_path)
    assert finished.returncode == 0, finished.stderr


def write(folder, text):
    path = folder / "page.md"
    path.write_text(text.replace("'''", "```"), encoding="utf-8")
    return path


def test_blocks_share_a_namespace_and_print_what_is_shown(tmp_path):
    page = """
'''python
import math
values = [1, 2]
'''
Words.
'''python
values.append(3)
print(values, math.pi)
'''
prints
'''text
[1, 2, 3] 3.14...
'''
'''sh
rm -rf nothing
'''
"""
    run(write(tmp_path, page))
    assert [(b.line, b.printed) for b in blocks_of(page.replace("'''", "```"))] == [
        (3, None),
        (8, "[1, 2, 3] 3.14...\n"),
    ]


def test_another_output_is_reported_with_its_line(tmp_path):
    path = write(tmp_path, "# Title\n\n'''python\nprint(1 + 1)\n'''\n\n'''text\n3\n'''\n")
    with pytest.raises(DocumentError, match=r"page\.md:4: .*something else") as error:
        run(path)
    assert "- 3" in str(error.value)
    assert "+ 2" in str(error.value)


def test_missing_output_is_reported(tmp_path):
    with pytest.raises(DocumentError):
        run(write(tmp_path, "'''python\npass\n'''\n'''text\nsomething\n'''\n"))


def test_an_error_names_the_line_of_the_document(tmp_path):
    path = write(tmp_path, "Words\n\n'''python\na = 1\nprint(a / 0)\n'''\n")
    finished = executed(path, tmp_path)
    assert finished.returncode != 0
    assert 'page.md", line 5' in finished.stderr
    assert "ZeroDivisionError" in finished.stderr


def test_a_document_runs_in_the_folder_it_is_given(tmp_path):
    path = write(tmp_path, "'''python\nopen('made.txt', 'w').close()\n'''\n")
    assert executed(path, tmp_path).returncode == 0
    assert (tmp_path / "made.txt").exists()


@pytest.mark.parametrize(
    ("last", "error"),
    [
        ("assert value == 6", None),
        ("value / 0", r"(?s)page\.md:12: the cell fails.*ZeroDivisionError"),
        (
            "class Shown:\n    def _repr_html_(self):\n        raise OSError('no')\nShown()",
            r"(?s)page\.md:12: its value does not show itself.*OSError",
        ),
        ("print(1)\n'''\n'''text\n2", r"page\.md:12: the block prints something else"),
    ],
)
def test_a_chapter_is_executed_as_a_notebook(tmp_path, last, error):
    (tmp_path / "chapters").mkdir()
    page = "'''python\nvalue = 6\nprint('said')\nvalue * 7\n'''\n\n'''text\nsaid\n'''\n\n'''python\n%s\n'''\n"
    finished = executed(write(tmp_path / "chapters", page % last), tmp_path)
    assert (finished.returncode == 0) == (error is None), finished.stderr
    assert error is None or re.search(error, finished.stderr)
