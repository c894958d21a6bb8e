"""The notebooks that are made of the chapters: what is in them, and that a kernel runs one of them."""

from pathlib import Path

import nbclient
import nbformat
import pytest

from docs.site import notebooks
from docs.site.markdown import links_of
from graphlib.run.c.toolchain import find_compiler

ROOT = Path(__file__).resolve().parent.parent

PAGE = """# A page

**Presupposes** the [other page](other.md#part) and [loops](../loops.md).

'''python
import os
import sys

sys.path.insert(0, "tutorials")
from mlp import HiddenLayer
import graphlib.tensor as T

print(HiddenLayer.__name__, os.path.exists("data/mnist"))
T.exp(T.scalar("x"))
'''

This prints

'''text
HiddenLayer True
'''

![a picture in a few words](../images/dot.png)

'''sh
ls
'''

## Exercises

What is it? *Hint*: look.

<details markdown="1">
<summary>Solution</summary>

It is

'''python
print("this")
'''

'''text
this
'''

and no more.

</details>

The end.
""".replace("'''", "```")


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "chapters" / "page.md"
    path.parent.mkdir()
    path.write_text(PAGE, encoding="utf-8")
    return path


def test_a_page_becomes_cells(page):
    made = nbformat.from_dict(notebooks.notebook(page))
    nbformat.validate(made)
    kinds = [cell.cell_type for cell in made.cells]
    assert kinds == "markdown code code markdown markdown code markdown markdown".split()
    title, checkout, first, words, folded, solution, after, last = made.cells
    assert "[other page](other.ipynb#part)" in title.source
    assert "os.chdir" in checkout.source
    assert first.source.endswith('T.exp(T.scalar("x"))')
    assert first.outputs[0].text == "HiddenLayer True\n"
    assert "This prints" in words.source
    assert "HiddenLayer True" not in words.source
    assert "```sh\nls\n```" in words.source
    assert "![a picture in a few words](images/dot.png)" in words.source
    assert folded.source == "<details><summary>Solution</summary>\n\nIt is\n\n</details>"
    assert solution.metadata.jupyter.source_hidden
    assert solution.outputs[0].text == "this\n"
    assert "and no more." in after.source
    assert last.source == "The end."


def test_a_kernel_runs_a_notebook(page, tmp_path):
    if find_compiler() is None:
        pytest.skip("without a compiler graphlib warns in the cell's output")
    made = nbformat.from_dict(notebooks.notebook(page))
    shown = [cell.outputs for cell in made.cells if cell.cell_type == "code"]
    nbclient.execute(made, cwd=tmp_path)
    _, first, solution = [cell.outputs for cell in made.cells if cell.cell_type == "code"]
    assert first[0].text == shown[1][0].text
    assert "exp(x)" in first[1].data["text/html"]
    assert solution[0].text == shown[2][0].text


def test_the_notebooks_of_all_chapters_are_valid(tmp_path, monkeypatch):
    monkeypatch.setattr(notebooks, "ROOT", tmp_path)
    notebooks.write_all(lambda said: None, tmp_path / "notebooks")
    for chapter in notebooks.chapters():
        path = tmp_path / "notebooks" / f"{chapter.stem}.ipynb"
        made = nbformat.read(path, as_version=4)
        nbformat.validate(made)
        for cell in made.cells:
            for link in links_of(cell.source if cell.cell_type == "markdown" else ""):
                if link["target"].startswith("images/"):
                    assert (path.parent / link["target"]).is_file(), link["target"]
