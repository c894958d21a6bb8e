"""The pages that say what other libraries' names are here: none is left out, and what they name is there."""

import pkgutil
import re
from pathlib import Path

import pytest

from graphlib.nn import registry

DOCS = Path(__file__).resolve().parents[2] / "docs"
MODULES = (
    *("model", "layers", "losses", "metrics", "optimizers", "schedules", "constraints", "initializers"),
    *("regularizers", "monitors", "fitting", "data", "selection"),
)
NAMES = Path(__file__).with_name("names_of_libraries.txt").read_text().splitlines()


def cells(page: str, wide: int) -> list[tuple[str, str]]:
    """(theirs, ours) of the rows of a page's tables of so many columns."""
    lines = (line.strip() for line in (DOCS / page).read_text().splitlines() if line[:1] == "|")
    rows = ([cell.strip() for cell in line[1:-1].split("|")] for line in lines)
    return [(" ".join(row[:-1]), row[-1]) for row in rows if len(row) == wide]


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def test_no_name_is_left_out():
    there = {name for theirs, _ in cells("layer-names.md", 2) for name in quoted(theirs)}
    wanted = {name for line in NAMES if ":" not in line for name in line.split()}
    assert len(wanted) > 400
    assert not wanted - there and not there - wanted


def exists(name: str) -> bool:
    """Whether a name, or one that begins with T. or graphlib., is there."""
    path = re.split(r"[(\s]", name)[0]
    places = [f"graphlib.nn.{module}" for module in MODULES]
    for place in ["graphlib.tensor"] if path.startswith("T.") else [""] if "graphlib." in path else places:
        try:
            pkgutil.resolve_name(f"{place}.{path.removeprefix('T.')}".strip("."))
            return True
        except (AttributeError, ImportError):
            continue
    return False


@pytest.mark.parametrize("page", ["layer-names.md", "layers.md"])
def test_what_is_named_is_there(page):
    found = [name for _, ours in cells(page, 2 if page == "layer-names.md" else 6) for name in quoted(ours)]
    named = [name for name in found if re.match(r"(T\.|graphlib\.|[A-Z][A-Za-z0-9]+)", name)]
    assert len(named) > 60
    assert [name for name in named if not exists(name)] == []


def test_names_in_snake_case_are_registered():
    for name in ("glorot_normal", "he_uniform", "lecun_normal"):
        assert name in registry.names("initializer")
    keras = next(line for line in NAMES if line.startswith("celu")).split()
    (row,) = [theirs for theirs, ours in cells("layer-names.md", 2) if "swish is silu" in ours]
    same = set(quoted(row)) - {"swish"}
    assert same <= set(keras) & set(registry.names("activation"))
