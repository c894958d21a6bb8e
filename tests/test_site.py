"""The site's parts: links lead somewhere, operations have examples that run, docstrings become pages."""

import inspect
import re
from pathlib import Path

import pytest

from docs.site import build, docstrings, operations, runs, staging
from docs.site.examples import example_of
from docs.site.formulas import FORMULAS
from docs.site.markdown import links_of
from graphlib import tensor as T
from graphlib.ops import REGISTRY

ROOT = Path(__file__).resolve().parent.parent
# what MyST calls of Sphinx is to be called otherwise some day
pytestmark = pytest.mark.filterwarnings("ignore:.*Check CHANGES for Sphinx")
DOCUMENTS = [ROOT / "README.md", *staging.pages(), *sorted(ROOT.glob("data/**/README.md"))]


def slugs(text):
    """The anchors that GitHub gives a page's headings."""
    plain = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    found: list[str] = []
    for heading in re.findall(r"^#{1,6} (.*)$", plain, re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        same = sum(
            each == slug or re.fullmatch(rf"{re.escape(slug)}-\d+", each) is not None for each in found
        )
        found.append(f"{slug}-{same}" if same else slug)
    return found


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    targets = [(link["target"], link["rest"]) for link in links_of(text)]
    targets += [("", f"#{anchor}") for anchor in re.findall(r"\]\(#([^)]+)\)", text)]
    for target, anchor in targets:
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), f"{target} is not there"
        assert path.is_relative_to(ROOT), f"{target} is outside the checkout"
        if anchor:
            assert anchor[1:] in slugs(path.read_text(encoding="utf-8")), f"{target}{anchor} is no heading"


def test_the_front_page_leads_to_all_pages():
    contents = staging.contents((ROOT / "docs/index.md").read_text(encoding="utf-8"))
    listed = {line for line in contents.splitlines() if line.endswith(".md")}
    assert listed == {str(p.relative_to(ROOT / "docs")) for p in staging.pages()} - {"index.md"}


def test_files_outside_docs_become_pages(tmp_path, monkeypatch):
    monkeypatch.setattr(staging, "SOURCE", tmp_path)
    page = ROOT / "docs" / "made.md"
    text = "[a](../tutorials/mlp.py), [b](../data/README.md#x), [c](../tests), [d](loops.md), `[e](no.md)`"
    staged = set()
    assert staging._with_files(page, text, staged) == (
        "[a](/files/tutorials/mlp.py.rst), [b](/files/data/README.md#x), [c](/files/tests/index.rst), "
        "[d](loops.md), `[e](no.md)`"
    )
    assert staging._with_files(ROOT / "docs/chapters/made.md", "Hear [a <b>](../images/b.wav).", staged) == (
        'Hear a &lt;b&gt; <audio controls preload="none" title="a &lt;b&gt;" src="../_static/b.wav"></audio>.'
    )
    assert "literalinclude" in (tmp_path / "files/tutorials/mlp.py.rst").read_text()
    assert (tmp_path / "files/data/README.md").read_text().startswith("---\norphan")
    with pytest.raises(SystemExit, match=r"nowhere\.md, which is not there"):
        staging._with_files(page, "[f](../nowhere.md)", staged)


def test_what_is_missing_to_build_the_site_is_named(monkeypatch):
    monkeypatch.setattr(build, "find_spec", lambda name: None if name in ("furo", "mathjax") else name)
    with pytest.raises(SystemExit, match=r"needs furo, mathjax: pip install -e '\.\[docs\]'"):
        build.build(print)


def test_every_operation_has_a_page_and_an_example():
    assert {operations.page_of(entry) for entry in REGISTRY.values()} == set(operations.PAGES)
    assert set(FORMULAS) <= set(REGISTRY)
    for name, entry in REGISTRY.items():
        assert example_of(name, operations.arity_of(entry)) is not None, (
            f"docs/site/examples.py has no {name}"
        )


@pytest.fixture
def by_reference():
    with operations.by_reference():
        yield


@pytest.mark.parametrize(
    ("name", "shown", "gradient"),
    [
        (
            "softplus",
            ">>> x = T.constant([-20.0, 0.0, 20.0])\n>>> T.softplus(x).eval()\n"
            "array([ 0.      ,  0.693147, 20.      ], dtype=float32)",
            [("x", "``g * sigmoid(x)``")],
        ),
        (
            "dot",
            ">>> x = T.constant([[1.0, 2.0], [3.0, 4.0]])\n>>> y = T.constant([[1.0, 0.0], [1.0, 2.0]])\n"
            ">>> T.dot(x, y).eval()\narray([[3., 4.],\n       [7., 8.]], dtype=float32)",
            [("x", "``g·y.T``"), ("y", "``x.T·g``")],
        ),
        ("to_one_hot", None, []),
    ],
)
def test_what_the_reference_says_of_an_operation(by_reference, name, shown, gradient):
    example = example_of(name, operations.arity_of(REGISTRY[name]))
    if shown is not None:
        assert operations.evaluated(example) == shown
    assert list(operations.gradients(example)) == gradient


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a * b and |x| for x_", [r"a \* b and \|x\| for x\_", ""]),
        ("the ``a*b`` of `Dense`s", [r"the ``a*b`` of :py:obj:`Dense <graphlib.nn.Dense>`\ s", ""]),
        ("It is\n\n    y = x * 2\n\nso.", ["It is", "", "::", "", "    y = x * 2", "", "so.", ""]),
        (
            "Head.\n\na: the first,\nof two.  b: * the other.",
            ["Head.", "", "- **a** – the first, of two.", r"- **b** – \* the other.", ""],
        ),
        (
            "Args:\n    a, b: x*y,\n        z.\n    **c: no.\n\nReturns:\n    a: pair.\n\nMore.",
            ["**Args**", "", r"- **a**, **b** – x\*y, z.", r"- **\*\*c** – no.", ""]
            + ["**Returns**", "", "a: pair.", "", "", "More.", ""],
        ),
    ],
)
def test_docstrings_become_pages(text, lines):
    assert docstrings.as_rest(text, ["a", "b"]) == lines


PROGRAM = """
import pathlib, sys
folder = pathlib.Path(sys.argv[-1])
folder.mkdir(parents=True, exist_ok=True)
(folder / "curve.csv").write_text(" ".join(sys.argv[1:-1]))
if "fail" in sys.argv: sys.exit("it cannot be")
"""


@pytest.fixture
def small_runs(tmp_path, monkeypatch):
    """A function that says what docs/runs.yaml lists, of a program that writes what it was called with."""
    (tmp_path / "program.py").write_text(PROGRAM)
    monkeypatch.setattr(runs, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(runs, "DOCS", tmp_path)

    def lists(**listed):
        monkeypatch.setattr(runs, "listed", lambda: listed)

    return lists


def test_small_runs_are_trained_from_nothing(small_runs, tmp_path):
    program = f"python {tmp_path / 'program.py'}"
    (tmp_path / "runs" / "old").mkdir(parents=True)
    small_runs(a={"small": f"{program} --epochs 1"}, b={"small": program, "then": f"{program} reduced"})
    said = []
    runs.train_all(said.append)
    assert {path.name for path in (tmp_path / "runs").iterdir() if path.is_dir()} == {"a", "b"}
    assert (tmp_path / "runs" / "a" / "curve.csv").read_text() == "--epochs 1 --out"
    assert (tmp_path / "runs" / "b" / "curve.csv").read_text() == f"reduced {tmp_path / 'runs' / 'b'}"
    assert [line.partition(" in ")[0] for line in said] == ["trained a", "trained b"]


def test_a_small_run_that_fails_says_how_it_ended(small_runs, tmp_path):
    small_runs(a={"small": f"python {tmp_path / 'program.py'} fail"})
    with pytest.raises(
        SystemExit, match=r"program\.py fail --out .* failed \(1\); .* ends with\nit cannot be"
    ):
        runs.train_all(print)


def test_what_is_kept_of_a_run(small_runs, tmp_path):
    small_runs(a={"command": "python long", "keep": ["curve.csv", "filters_*.png"]})
    ended = tmp_path / "ended"
    ended.mkdir()
    for name in ("curve.csv", "filters_1.png", "filters_2.png", "checkpoint.npz"):
        (ended / name).write_text(name)
    runs.keep("a", str(ended))
    kept = {path.name for path in (tmp_path / "runs" / "a").iterdir()}
    assert kept == {"curve.csv", "filters_1.png", "filters_2.png"}
    (ended / "curve.csv").unlink()
    with pytest.raises(SystemExit, match=r"has no curve\.csv, which docs/runs\.yaml says is kept of a"):
        runs.keep("a", str(ended))
    with pytest.raises(SystemExit, match="has no run b; it has a"):
        runs.keep("b", str(ended))


@pytest.fixture
def empty_site(tmp_path, monkeypatch):
    """The folder that the site's sources are put together in."""
    source = tmp_path / "source"
    monkeypatch.setattr(staging, "SOURCE", source)
    monkeypatch.setattr(build, "SOURCE", source)
    return source


def test_all_pages_are_read_without_a_warning(empty_site, capfd):
    """Docstrings, the examples of all operations and their gradients, too; and links lead somewhere."""
    said = []
    assert build.check(said.append), capfd.readouterr().err
    assert said[-1] == "pages and links are right"
    assert f"{len(REGISTRY)} operations in the reference" in said
    documented = "".join(path.read_text() for path in (empty_site / "reference").glob("*.rst"))
    assert len(re.findall(r"^\.\. auto\w+::", documented, re.MULTILINE)) > 250


def of_one_page(monkeypatch, source, text):
    """The site's sources are one page, without the reference."""

    def stage():
        source.mkdir()
        (source / "index.md").write_text(f"# Front\n\n{text}\n")

    monkeypatch.setattr(build, "stage", stage)
    monkeypatch.setattr(build, "write_reference", lambda source: 0)


def test_what_is_documented_stays_as_it_was(empty_site, monkeypatch, capfd):
    """Sphinx writes the signatures that it shows into the functions."""
    before = inspect.signature(T.sum)
    of_one_page(monkeypatch, empty_site, "```{eval-rst}\n.. autofunction:: graphlib.tensor.sum\n```")
    assert build.check(print), capfd.readouterr().err
    assert inspect.signature(T.sum) == before


def test_what_is_wrong_with_a_page_is_said(empty_site, monkeypatch, capfd):
    wrong = {
        "other.md": "[a](other.md)",
        "nobody": "[a](index.md#nobody)",
        "none.png": "![a picture](images/none.png)",
        "nowhere": "```{eval-rst}\n.. autofunction:: graphlib.nowhere\n```",
        "start-string": "```{eval-rst}\nan *open star\n```",
    }
    of_one_page(monkeypatch, empty_site, "\n\n".join(wrong.values()))
    assert not build.check(print)
    said = capfd.readouterr().err
    assert [word for word in wrong if word not in said] == []
