"""The text of a program with graphlib's imports and names in place of Theano's; nothing else is touched."""

from __future__ import annotations

import ast
import importlib

from ...configuration import config
from ..theano import modules
from ..theano.settings import device_of
from .names import Place, place_of

#: what chooses the device, which is a setting of graphlib's
_CHOOSES_DEVICE = ("theano.sandbox.cuda.use", "theano.gpuarray.use")
#: what variables and functions have only where the compatibility layer is installed
_ONLY_THERE = {
    "tag": "keep a dictionary of your own",
    "maker": "f.optimized has the compiled graph, f.mode its mode",
    "trust_input": "it has no effect",
    "rng": "graphlib.tensor.random's streams are seeded as a whole",
}


def ported(text: str, floatX: str, notes: list[str], left: list[str]) -> str:
    """A program in Python 3 with graphlib's names. ``notes`` and ``left`` get what is to be known, and what
    could not be changed, with lines of ``text``."""
    return _Program(text, floatX, notes, left).text()


class _Program:
    def __init__(self, text: str, floatX: str, notes: list[str], left: list[str]) -> None:
        self.lines = [line.encode() for line in text.splitlines(keepends=True)]
        self.tree = ast.parse(text)
        self.floatX, self.notes, self.left = floatX, notes, left
        #: names of the program's that stand for something of Theano's
        self.names: dict[str, str] = {}
        #: of those the modules, by what they are called afterwards
        self.modules: dict[str, str] = {}
        self.edits: list[tuple[int, int, int, int, str]] = []
        self.needed: set[str] = set()
        self.sets_floatX = False
        #: modules of which the program needs nothing that is in them any more, unless it says so
        self.unneeded = {name.rpartition(".")[0] for name in _CHOOSES_DEVICE}
        for node in ast.walk(self.tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                self._bind(node)

    def text(self) -> str:
        imports = [
            n for n in ast.walk(self.tree) if isinstance(n, (ast.Import, ast.ImportFrom)) and self._is_ours(n)
        ]
        if not imports:
            self.notes.append("nothing of Theano is imported")
            return b"".join(self.lines).decode()
        self._uses(self.tree)
        first = self._last_at_the_top(imports)
        there = self._imported_before(first)
        for node in imports:
            self._rewrite_import(node, there)
        self._insert(first, there)
        for line, start, end_line, end, new in sorted(set(self.edits), reverse=True):
            head, tail = self.lines[line - 1][:start], self.lines[end_line - 1][end:]
            # of what goes without anything in its place no empty line is left
            left = head + new.encode() + tail
            self.lines[line - 1 : end_line] = [left if left.strip() else b""]
        return b"".join(self.lines).decode()

    # imports

    def _is_ours(self, node: ast.Import | ast.ImportFrom) -> bool:
        if isinstance(node, ast.ImportFrom):
            return not node.level and (node.module or "").split(".")[0] == "theano"
        return any(alias.name.split(".")[0] == "theano" for alias in node.names)

    def _bind(self, node: ast.Import | ast.ImportFrom) -> None:
        if not self._is_ours(node):
            return
        for alias in node.names:
            if isinstance(node, ast.ImportFrom):
                dotted = f"{node.module}.{alias.name}"
                self.names[alias.asname or alias.name] = dotted
            elif alias.name.split(".")[0] == "theano":
                dotted = alias.name if alias.asname else "theano"
                self.names[alias.asname or "theano"] = dotted
            else:
                continue
            if dotted in modules.sources():
                name = alias.asname or (alias.name if isinstance(node, ast.ImportFrom) else "graphlib")
                self.modules[
                    alias.asname or (alias.name if isinstance(node, ast.ImportFrom) else "theano")
                ] = name

    def _imported_before(self, last: ast.stmt) -> set[str]:
        """The statements ``import …`` of others than Theano at the top, up to the last of its imports."""
        found = (n for n in self.tree.body if isinstance(n, ast.Import) and n.lineno <= last.lineno)
        return {f"import {a.name}" for n in found if not self._is_ours(n) for a in n.names if not a.asname}

    def _rewrite_import(self, node: ast.Import | ast.ImportFrom, there: set[str]) -> None:
        """Writes graphlib's import; ``there`` has those at the top of the program, and gets this one."""
        statements: list[str] = []
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] != "theano":
                    statements.append(
                        f"import {alias.name}" + (f" as {alias.asname}" if alias.asname else "")
                    )
                    continue
                module = "graphlib"
                if alias.name not in self.unneeded or alias.asname:
                    module = self._place(alias.name, node.lineno).module
                statements.append(f"import {module}" + (f" as {alias.asname}" if alias.asname else ""))
        else:
            groups: dict[str, list[str]] = {}
            for alias in node.names:
                if alias.name == "*":
                    statements.append(f"from {self._place(str(node.module), node.lineno).module} import *")
                    self.notes.append(
                        f"line {node.lineno}: import * brings graphlib's names only; look for others"
                    )
                    continue
                dotted = f"{node.module}.{alias.name}"
                if dotted in self.unneeded or dotted in _CHOOSES_DEVICE:
                    self.needed.add("graphlib")
                    continue
                place = self._place(dotted, node.lineno)
                if place.missing:
                    statements.append(f"# {node.module}.{alias.name}: {place.missing}")
                    continue
                module, _, name = place.dotted.rpartition(".")
                called = alias.asname or alias.name
                groups.setdefault(module, []).append(name if name == called else f"{name} as {called}")
            statements += [f"from {module} import {', '.join(names)}" for module, names in groups.items()]
        pad = "\n" + " " * node.col_offset
        at_the_top = node in self.tree.body
        statements = [s for s in dict.fromkeys(statements) if not (at_the_top and s in there)]
        if at_the_top:
            there.update(statements)
        if node.col_offset and all(s.startswith("#") for s in statements):
            statements.append("pass")
        new = pad.join(statements)
        self.edits.append((node.lineno, node.col_offset, node.end_lineno or 0, node.end_col_offset or 0, new))

    def _last_at_the_top(self, imports: list) -> ast.stmt:
        """The last of the imports before anything else is done; else the first of all."""
        found = None
        for node in self.tree.body:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                found = node if node in imports else found
            elif found is not None:
                break
        return found if found is not None else min(imports, key=lambda n: n.lineno)

    def _insert(self, first: ast.stmt, there: set[str]) -> None:
        """What the program needs besides, behind an import of Theano; ``there``: what it imports itself."""
        added = [s for s in (f"import {module}" for module in sorted(self.needed)) if s not in there]
        if not self.sets_floatX and self.floatX != "float32":
            if not any(s.startswith("import graphlib") and " as " not in s for s in (*there, *added)):
                added.insert(0, "import graphlib")
            added += ["", f'graphlib.config.floatX = "{self.floatX}"  # as Theano had it; float32 is fast']
        if added:
            pad = "\n" + " " * first.col_offset
            for k, edit in enumerate(self.edits):
                if edit[:2] == (first.lineno, first.col_offset):
                    self.edits[k] = (*edit[:4], pad.join([edit[4], *added] if edit[4] else added))

    # names

    def _uses(self, node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.Assign, ast.AugAssign)) and self._is_setting(child):
                continue
            if isinstance(child, ast.Expr) and self._chooses_device(child):
                continue
            if isinstance(child, (ast.Attribute, ast.Name)):
                chain = _chain(child)
                if chain is not None and chain[0] in self.names:
                    self._use(child, chain)
                    continue
            if isinstance(child, ast.Attribute) and child.attr in _ONLY_THERE:
                self._once(
                    self.left,
                    f"line {child.lineno}: .{child.attr} is only in the compatibility layer: "
                    f"{_ONLY_THERE[child.attr]}",
                )
            self._uses(child)

    def _use(self, node: ast.Attribute | ast.Name, chain: list[str]) -> None:
        root, *rest = chain
        dotted = ".".join([self.names[root], *rest])
        self.unneeded -= {module for module in self.unneeded if f"{dotted}.".startswith(f"{module}.")}
        place = self._place(dotted, node.lineno)
        if root not in self.modules:
            return
        if place.missing:
            return
        taken = _taken(dotted)
        kept = dotted.split(".")[taken:]
        new = ".".join([self._spelled(root, place), *kept])
        self.edits.append((node.lineno, node.col_offset, node.end_lineno or 0, node.end_col_offset or 0, new))

    def _spelled(self, root: str, place: Place) -> str:
        """How the program says a name, by what it calls the module that it had it from."""
        home, called = place_of(self.names[root]).module, self.modules[root]
        if place.dotted == home or place.dotted.startswith(home + "."):
            inside = place.module.removeprefix(home).strip(".")
            if inside and inside.split(".")[0] not in importlib.import_module(home).__all__:
                self.needed.add(place.module)
            return called + place.dotted.removeprefix(home)
        self.needed.add(place.module)
        return place.dotted

    def _place(self, dotted: str, line: int) -> Place:
        place = place_of(dotted)
        if place.missing:
            self._once(
                self.left, f"line {line}: {'.'.join(dotted.split('.')[: _taken(dotted)])}: {place.missing}"
            )
        elif place.note:
            self._once(self.notes, f"{place.name} {place.note}")
        return place

    def _chooses_device(self, node: ast.Expr) -> bool:
        """Deals with ``theano.sandbox.cuda.use("gpu")``."""
        call = node.value
        chain = _chain(call.func) if isinstance(call, ast.Call) else None
        if chain is None or chain[0] not in self.names or not isinstance(call, ast.Call):
            return False
        dotted = ".".join([self.names[chain[0]], *chain[1:]])
        device = call.args[0] if call.args else None
        if dotted not in _CHOOSES_DEVICE or not isinstance(device, ast.Constant):
            return False
        self.needed.add("graphlib")
        new = f'graphlib.config.device = "{device_of(str(device.value))}"'
        self.edits.append((node.lineno, node.col_offset, node.end_lineno or 0, node.end_col_offset or 0, new))
        return True

    def _is_setting(self, node: ast.Assign | ast.AugAssign) -> bool:
        """Deals with ``theano.config.… = …``: graphlib's own settings stay, others go."""
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        chain = _chain(targets[0])
        if chain is None or chain[0] not in self.names:
            return False
        dotted = ".".join([self.names[chain[0]], *chain[1:]])
        if ".config." not in dotted:
            return False
        flag = dotted.split(".config.", 1)[1]
        if flag in config.settings():
            self.sets_floatX |= flag == "floatX"
            return False
        source = ast.get_source_segment(b"".join(self.lines).decode(), node)
        new = "pass  # " + " ".join(str(source).split())
        self.edits.append((node.lineno, node.col_offset, node.end_lineno or 0, node.end_col_offset or 0, new))
        self.notes.append(f"line {node.lineno}: Theano's flag {flag} has no effect in graphlib")
        return True

    def _once(self, where: list[str], line: str) -> None:
        if line not in where:
            where.append(line)


def _chain(node: ast.AST) -> list[str] | None:
    """``a.b.c`` as its names; None for anything else."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return [node.id, *reversed(names)] if isinstance(node, ast.Name) else None


def _taken(dotted: str) -> int:
    """How many of the names are a module's and a name in it; the others are attributes of that."""
    parts = dotted.split(".")
    module = max(k for k in range(1, len(parts) + 1) if k == 1 or ".".join(parts[:k]) in modules.sources())
    return min(module + 1, len(parts))
