"""Which folder of graphlib may import which, held against every import, those inside functions included.

The table is the architecture: data flows from the left to the right (build, differentiate, rewrite,
schedule, lower, render, run), and a folder knows only what stands to its left. An import inside a function
may save time at start, it may not go round the table. docs/how-it-works.md says what each folder does.
"""

from __future__ import annotations

import ast
import functools
import importlib
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


def names_of_modules(module: str, path: Path, known: dict[str, Path]) -> Iterator[tuple[str, str, int]]:
    """What a module takes from others of this checkout: the other, the name there, the line.

    Names taken by ``from … import`` anywhere in it, and attributes of modules that it has imported, but where
    a function has something else under the module's name.
    """
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    aliases = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom):
            continue
        start = package[: len(package) - node.level + 1] if node.level else []
        base = ".".join([*start, *([node.module] if node.module else [])])
        for alias in node.names:
            if f"{base}.{alias.name}" in known:
                aliases[alias.asname or alias.name] = f"{base}.{alias.name}"
            elif base in known:
                yield base, alias.name, node.lineno

    def attributes(node: ast.AST, seen: dict[str, str]) -> Iterator[tuple[str, str, int]]:
        if isinstance(node, ast.FunctionDef | ast.Lambda | ast.GeneratorExp | ast.ListComp | ast.DictComp):
            bound = {n.arg for n in ast.walk(node) if isinstance(n, ast.arg)}
            bound |= {
                n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
            }
            seen = {name: target for name, target in seen.items() if name not in bound}
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in seen:
            yield seen[node.value.id], node.attr, node.lineno
        for child in ast.iter_child_nodes(node):
            yield from attributes(child, seen)

    yield from attributes(tree, aliases)


def missing(known: dict[str, Path]) -> list[str]:
    """Names taken from modules of this checkout that are not there."""
    found = []
    for module, path in known.items():
        for target, name, line in names_of_modules(module, path, known):
            there = name == "*" or f"{target}.{name}" in known or name in names_in(known[target])
            if not there and not hasattr(importlib.import_module(target), name):
                found.append(f"{path}:{line}: {target} has no {name}")
    return found


@functools.cache
def names_in(path: Path) -> set[str]:
    """What a module's text defines or imports: the module need not be imported, nor an extra be there."""
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        deep = isinstance(node, ast.If | ast.Try | ast.Assign | ast.AnnAssign)
        for inner in ast.walk(node) if deep else [node]:
            names |= {getattr(inner, "name", None), getattr(inner, "id", None)}
            if isinstance(inner, ast.Import | ast.ImportFrom):
                names |= {alias.asname or alias.name.split(".")[0] for alias in inner.names}
    return names


def test_what_a_module_takes_from_another_is_there():
    assert missing(modules()) == []


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("def f():\n    from .index import tile", ["index has no tile"]),
        ("from . import index as ix\nf = lambda x: ix.tile(x)", ["index has no tile"]),
        ("from . import index, join\ndef f(join):\n    return join.first, index.take", []),
    ],
)
def test_a_name_that_is_not_there_is_seen(tmp_path, text, wanted):
    path = tmp_path / "made.py"
    path.write_text(text)
    ops = {f"graphlib.ops.{name}": ROOT / "graphlib" / "ops" / f"{name}.py" for name in ("index", "join")}
    found = missing({"graphlib.ops.made": path, **ops})
    assert [message.split("graphlib.ops.")[-1] for message in found] == wanted
