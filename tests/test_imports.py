"""Which folder of graphlib may import which, held against every import, those inside functions included.

The table is the architecture: data flows from the left to the right (build, differentiate, rewrite,
schedule, lower, render, run), and a folder knows only what stands to its left. An import inside a function
may save time at start, it may not go round the table. docs/how-it-works.md says what each folder does.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from graphlib import TopologicalSorter

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "graphlib"

_GRAPH = "errors records configuration graph"
_OPS = f"{_GRAPH} scalar ops"
_ENGINE = f"{_OPS} rewrite"
#: folder or file of graphlib: what it may import. "public" is graphlib itself: the names that users have.
MAY_IMPORT = {
    "errors": "",
    "interrupted": "",
    "records": "",
    "configuration": "errors",
    # the processes of an MPI run
    "ranks": "errors configuration",
    "emulator": "",
    # the graph, and the scalar language that operations are lowered to: neither knows the other
    "graph": "errors configuration",
    "scalar": "errors records",
    "ops": f"{_GRAPH} scalar ranks",
    "rewrite": _OPS,
    # loops and choices as users write them, and gradients
    "control": _ENGINE,
    "gradient": f"{_ENGINE} control",
    "printing": _OPS,
    # from a graph to something to call
    "lower": _ENGINE,
    "schedule": f"{_ENGINE} lower",
    "render": f"{_OPS} lower schedule",
    "profile": "schedule",
    "run": f"{_ENGINE} ranks printing emulator lower schedule render profile",
    "represent": f"{_ENGINE} lower",
    "compile": f"{_ENGINE} ranks printing represent lower schedule render run profile public",
    # the user's side
    "doctor": f"{_GRAPH} run public",
    "gradient_check": f"{_GRAPH} gradient compile",
    "tensor": f"{_OPS} control gradient gradient_check compile printing",
    "datasets": "public errors configuration",
    "distributed": f"{_OPS} ranks tensor public",
    "nn": "public errors configuration graph tensor datasets distributed",
    "onnx": f"{_OPS} rewrite control lower represent compile tensor datasets public",
    # a function as a library of C, as WebAssembly, as pages
    "export": "public errors graph scalar represent lower schedule render run compile nn tensor datasets "
    "onnx",
    "compat": f"{_OPS} rewrite control gradient compile printing profile tensor public",
}


def part_of(module: str) -> str:
    """The folder or file of graphlib that a module belongs to; graphlib itself is "public"."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "public"


def modules() -> dict[str, Path]:
    """Every module of the package, by name."""
    found = {}
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if "_import" not in parts:
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(module: str, path: Path, known: dict[str, Path]) -> Iterator[tuple[str, int]]:
    """The modules of this checkout that a module imports anywhere in it, each with the line."""
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            inside = [f"{base}.{alias.name}" for alias in node.names]
            targets = [name if name in known else base for name in inside]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module") and node.args:
            if not isinstance(node.args[0], ast.Constant):
                continue
            targets = [node.args[0].value]
        else:
            continue
        yield from ((target, node.lineno) for target in targets)


def allowed() -> dict[str, set[str]]:
    return {part: set(names.split()) for part, names in MAY_IMPORT.items()}


def forbidden() -> list[str]:
    known, table, found = modules(), allowed(), []
    for module, path in known.items():
        part = part_of(module)
        for target, line in imports(module, path, known):
            top = target.split(".")[0]
            wrong = top in ("tests", "tutorials", "data") or (
                top == PACKAGE
                and part != "public"
                and part_of(target) != part
                and part_of(target) not in table.get(part, set())
            )
            if wrong:
                found.append(f"{path.relative_to(ROOT)}:{line}: {part} may not import {target}")
    return found


def test_every_folder_has_a_row_and_imports_what_it_says():
    parts = {part_of(module) for module in modules()} - {"public"}
    assert parts == set(MAY_IMPORT), "each folder and file of graphlib/ has one row in MAY_IMPORT"
    assert forbidden() == []


def test_the_table_has_no_circles():
    # CycleError, which names the circle, if there is one
    assert list(TopologicalSorter(allowed()).static_order())
    assert all(part == "public" or part in MAY_IMPORT for names in allowed().values() for part in names)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("from ..rewrite import engine", "graphlib.rewrite.engine"),
        ("def f():\n    from ..rewrite.engine import Sweep", "graphlib.rewrite.engine"),
        ("def f():\n    import graphlib.rewrite", "graphlib.rewrite"),
        ("import importlib\nimportlib.import_module('tests.fuzz')", "tests.fuzz"),
    ],
)
def test_an_import_is_seen_wherever_it_stands(tmp_path, text, wanted):
    path = tmp_path / "made.py"
    path.write_text(text)
    assert wanted in dict(imports("graphlib.ops.made", path, modules()))
